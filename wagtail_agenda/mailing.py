"""Who is written to when bookings reach a status, and with which revision of their calendar entry.

Messages are gathered while actions run and then written together, so that telling five hundred
people that an event is cancelled takes about as many statements as telling one.
"""

import hashlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F, prefetch_related_objects
from django.utils import translation

from wagtail_agenda import cleaning, ics, outbox
from wagtail_agenda.calendar_entries import (
    calendar_event,
    facts_to_withdraw,
    has_calendar_entry,
    visitor_uid,
)
from wagtail_agenda.choices import FORMER_ADDRESS, PASSED_ON_TO, Admission, Audience, MailTo
from wagtail_agenda.correspondence import facts_of, language_for, read_resources
from wagtail_agenda.mail_settings import calendar_domain
from wagtail_agenda.models import Booking, Delivery, Entry, Invitation
from wagtail_agenda.prepared import PreparedInsert

logger = logging.getLogger(__name__)

_RELATIONS = ("agenda", "meeting_type", "desk", "event", "site", "form_version")


class Mails:
    """The messages that one trigger sends about some bookings: gathered, then written at once.

    `none_yet` says that the bookings are only being made, so that nobody has an invitation.
    """

    def __init__(
        self, bookings: Sequence[Booking], *, now: datetime, none_yet: bool = False
    ) -> None:
        self._bookings = bookings
        self._now = now
        self._none_yet = none_yet
        self._known: dict[int, dict[tuple[str, str], Invitation]] = {}
        if none_yet:
            self._known = {booking.pk: {} for booking in bookings}
        self._related: set[str] = set()
        self._new: list[Invitation] = []
        self._changed: dict[int, Invitation] = {}
        self._withdrawn: dict[int, Invitation] = {}
        self._several_times: dict[int, Invitation] = {}
        self._mails: list[outbox.Mail] = []
        self._calls: list[outbox.WebCall] = []

    def add(self, booking: Booking, entry: Entry, position: int, value: dict[str, Any]) -> None:
        """Note what the action at `position` of a status sends, because of what `entry` says.

        `value` is that of a `SendEmailBlock` as plain data, which may be incomplete.
        """
        self._read(booking, "agenda")
        to = str(value.get("to") or Audience.VISITOR.value)
        audience = audience_of(to)
        action = {
            **self.action_of(booking, value),
            "trigger": "" if _reads_of_it_first(audience, entry) else entry.what,
            "facts": facts_of(booking, entry),
        }
        told: dict[str, Invitation | None] = dict.fromkeys(recipients(booking, to, value))
        if value.get("with_invitation"):
            told = {
                address: self._revised(booking, audience, address.lower(), to) for address in told
            }
            if to == Audience.STAFF:
                left_behind = self._left_behind(booking, set(map(str.lower, told)))
                if "from_start" in entry.data:
                    told |= left_behind
                else:
                    self._mails += [
                        _farewell(booking, invitation, address, f"{entry.pk}.{position}")
                        for address, invitation in left_behind.items()
                    ]
        self._mails += [
            outbox.Mail(
                booking=booking,
                audience=audience,
                recipient=address,
                invitation=invitation,
                action=action,
                cause=f"{entry.pk}.{position}",
            )
            for address, invitation in told.items()
        ]

    def add_call(self, wanted: outbox.WebCall) -> None:
        """Note a call that is to be queued with the mails, for the first time under its cause."""
        self._calls.append(wanted)

    @staticmethod
    def action_of(booking: Booking, value: dict[str, Any]) -> dict[str, Any]:
        """What a delivery keeps of the action that sends it, whatever led to the status."""
        return {
            "to": str(value.get("to") or Audience.VISITOR.value),
            "texts": plain_texts(value),
            "files": plain_items(value, "files", str),
            "documents": plain_items(value, "documents", int),
            "admission": str(booking.admission),
        }

    def write(self) -> None:
        """Write the invitations as they are now, and queue the messages and calls."""
        _write_invitations(*self._new)
        for method, revised in (("REQUEST", self._changed), ("CANCEL", self._withdrawn)):
            if revised:
                Invitation.objects.filter(pk__in=revised).update(
                    method=method, sequence=F("sequence") + 1, stamp=self._now
                )
        if self._changed:
            Invitation.objects.bulk_update(self._changed.values(), ["content_hash"])
        if self._several_times:
            Invitation.objects.bulk_update(
                self._several_times.values(), ["method", "sequence", "stamp", "content_hash"]
            )
        outbox.enqueue_mails(
            self._mails, domain=calendar_domain(), now=self._now, calls=self._calls
        )

    def _revised(
        self, booking: Booking, audience: str, address: str, to: str = ""
    ) -> Invitation | None:
        """The recipient's calendar copy, brought up to date; None if there is nothing to send.

        SEQUENCE rises on every revision and on the cancellation (RFC 5546 §2.1.4); content that
        the recipient has already keeps its SEQUENCE and DTSTAMP, so that a repeat is
        byte-identical. Whoever lost their place, for good or for now, has their copy cancelled, or
        made tentative where the agenda has it so.
        """
        known = self._invitations_of(booking).get((audience, address))
        if not has_calendar_entry(booking):
            if known is not None and known.method != "CANCEL":
                return self._withdraw(known)
            return known if booking.admission == Admission.CANCELLED else None
        invitation = known or Invitation(
            booking=booking,
            audience=audience,
            address=address,
            uid=_uid(booking, to or audience, address),
            stamp=self._now,
        )
        self._read(booking, *_RELATIONS)
        seen = _content_hash(booking, audience, invitation)
        if known is None:
            self._known[booking.pk][audience, address] = invitation
            self._new.append(invitation)
        elif (known.method, known.content_hash) != ("REQUEST", seen):
            known.method, known.sequence, known.stamp = "REQUEST", known.sequence + 1, self._now
            self._note(known, self._changed)
        invitation.content_hash = seen
        return invitation

    def revision_of(self, booking: Booking) -> Invitation | None:
        """The visitor's calendar copy as it is now, for a file that is made beside the mails.

        None if there is none: nobody could be written to, or the booking has no place yet.
        """
        self._read(booking, *_RELATIONS)
        address = next(iter(recipients(booking, Audience.VISITOR)), "").lower()
        if address and has_calendar_entry(booking):
            return self._revised(booking, Audience.VISITOR, address)
        return self._invitations_of(booking).get((Audience.VISITOR, address))

    def raise_to(self, invitation: Invitation, sequence: int) -> None:
        """Give the visitor's calendar copy a higher SEQUENCE: a file of it has had this one."""
        invitation.sequence, invitation.stamp = sequence, self._now
        if invitation.pk is not None:
            self._note(invitation, self._several_times)

    @property
    def none_yet(self) -> bool:
        """Whether the bookings are only being made, so that nothing was kept for them before."""
        return self._none_yet

    def _left_behind(self, booking: Booking, told: set[str]) -> dict[str, Invitation]:
        """The colleagues who have a copy of a booking that is now others', which is withdrawn.

        It has moved to an agenda with staff of its own, or they are among the staff no more; their
        calendars would keep it as it was for ever.
        """
        return {
            address: self._withdraw(invitation)
            for (audience, address), invitation in self._invitations_of(booking).items()
            if audience == Audience.STAFF
            and address not in told
            and invitation.method != "CANCEL"
            and invitation.uid.startswith(f"{booking.uuid}-{Audience.STAFF.value}-")
        }

    def take_back(self, booking: Booking, entry: Entry, address: str) -> None:
        """Keep from leaving what waits for an address that is no longer the visitor's.

        What may have come into a calendar there is taken out again, with a mail that names nobody.
        Whom nothing has reached is not written to.
        """
        reached = outbox.overtake(booking, address, now=self._now)
        calendar_parts = [mail.method for mail in reached if mail.method]
        invitation = self._invitations_of(booking).get((Audience.VISITOR.value, address.lower()))
        if invitation is None:
            return
        self._withdraw(invitation)
        if not calendar_parts or calendar_parts[-1] == "CANCEL":
            return
        cause = f"{entry.pk}.{FORMER_ADDRESS}"
        self._mails.append(_farewell(booking, invitation, address, cause))

    def _withdraw(self, invitation: Invitation) -> Invitation:
        invitation.method, invitation.stamp = "CANCEL", self._now
        invitation.sequence += 1
        self._note(invitation, self._withdrawn)
        return invitation

    def _note(self, invitation: Invitation, among: dict[int, Invitation]) -> None:
        """Note a revision that is to be written; a second one of the same row takes it along."""
        if invitation.pk is None:
            return
        earlier = [self._changed.pop(invitation.pk, None), self._withdrawn.pop(invitation.pk, None)]
        if any(earlier) or invitation.pk in self._several_times:
            among = self._several_times
        among[invitation.pk] = invitation

    def _invitations_of(self, booking: Booking) -> dict[tuple[str, str], Invitation]:
        """A booking's invitations by recipient, read with those of all the others."""
        if booking.pk not in self._known:
            unread = {one.pk for one in [*self._bookings, booking]} - self._known.keys()
            self._known |= {pk: {} for pk in unread}
            for invitation in Invitation.objects.filter(booking__in=unread):
                recipient = (invitation.audience, invitation.address)
                self._known[invitation.booking_id][recipient] = invitation
        return self._known[booking.pk]

    def _read(self, booking: Booking, *relations: str) -> None:
        """Read what is told of a booking, for all bookings together and each relation once."""
        unread = [name for name in relations if name not in self._related]
        if not unread:
            return
        self._related.update(unread)
        bookings = [*self._bookings, booking]
        prefetch_related_objects(bookings, *unread)
        if "meeting_type" in unread:
            read_resources(bookings)


_write_invitations = PreparedInsert(Invitation)


_MOST_ADDRESSES = 50


def _farewell(booking: Booking, invitation: Invitation, address: str, cause: str) -> outbox.Mail:
    """What takes a booking out of the calendar of whom it concerns no more, and names nobody."""
    return outbox.Mail(
        booking=booking,
        audience=invitation.audience,
        recipient=address,
        invitation=invitation,
        action={"to": FORMER_ADDRESS, "facts": facts_to_withdraw(booking)},
        cause=cause,
    )


def _reads_of_it_first(audience: str, entry: Entry) -> bool:
    """Whether the visitor's address is a new one, where a mail about a change makes no sense."""
    return audience == Audience.VISITOR and "user_email" in entry.data.get("corrected", ())


_COLLEAGUES = (Audience.STAFF, MailTo.ADDRESSES, MailTo.ORGANISER)


def audience_of(to: str) -> str:
    """As whom the readers of a mail are addressed: fixed addresses are colleagues or partners."""
    return Audience.STAFF.value if to in _COLLEAGUES else Audience.VISITOR.value


def recipients(booking: Booking, to: str, value: Mapping[str, Any] | None = None) -> list[str]:
    """Whom a mail goes to, each address once whatever its capitals.

    `value` is that of a `SendEmailBlock`, for what is neither the visitor nor the staff.
    """
    value = value or {}
    if to == Audience.STAFF:
        found = booking.agenda.staff_address_list
    elif to == Audience.VISITOR:
        found = [booking.user_email.strip()]
    elif to == MailTo.ADDRESSES:
        found = usable_addresses(str(value.get("addresses") or ""))
    elif to == MailTo.ANSWER:
        found = usable_addresses(str(booking.answers.get(str(value.get("answer") or "")) or ""))
    elif to == MailTo.EXTRA:
        found = list(booking.extra_emails)
    else:
        found = []
    longest = Delivery._meta.get_field("recipient").max_length
    for address in found:
        if len(address) > longest:
            # RFC 5321 §4.5.3.1.3 has no such address, and no column would hold it.
            logger.warning("Booking %s: %s… is too long an address.", booking, address[:50])
    usable = (address for address in found if address and len(address) <= longest)
    return list({address.lower(): address for address in usable}.values())


def usable_addresses(text: str) -> list[str]:
    """The e-mail addresses of a text, whatever is between them."""
    found = []
    for word in re.split(r"[\s,;]+", text):
        try:
            cleaning.email_address(word)
        except ValueError:
            if word:
                logger.warning("“%s” is no e-mail address; nothing is sent to it.", word[:50])
        else:
            found.append(word)
    return found[:_MOST_ADDRESSES]


def plain_items(value: dict[str, Any], name: str, kind: type) -> list[Any]:
    """The items of a list, of that type alone; raw data can be anything."""
    rows = value.get(name)
    if not isinstance(rows, list):
        return []
    items = (row.get("value") if isinstance(row, dict) else row for row in rows)
    return list(dict.fromkeys(item for item in items if type(item) is kind))


def plain_texts(value: dict[str, Any]) -> list[dict[str, str]]:
    rows = value.get("texts")
    if not isinstance(rows, list):
        return []
    texts: Iterable[Any] = (row.get("value", row) for row in rows if isinstance(row, dict))
    return [text for text in texts if isinstance(text, dict)]


def _content_hash(booking: Booking, audience: str, invitation: Invitation) -> str:
    with translation.override(language_for(booking, audience)):
        try:
            event = calendar_event(booking, audience=audience, invitation=invitation)
            return ics.content_hash(event, "REQUEST")
        except ValueError:
            # An unusable address must not cost the booking: its delivery fails and says why.
            logger.warning("No calendar entry can be written for %s", booking, exc_info=True)
            return ""


def _uid(booking: Booking, whom: str, address: str) -> str:
    if whom == Audience.VISITOR or (
        whom in PASSED_ON_TO and address == booking.user_email.strip().lower()
    ):
        return visitor_uid(booking)
    digest = hashlib.sha256(address.encode()).hexdigest()[:12]
    kind = {MailTo.ADDRESSES: "other", MailTo.ANSWER: "extra"}.get(whom, whom)
    return f"{booking.uuid}-{kind}-{digest}@{calendar_domain()}"
