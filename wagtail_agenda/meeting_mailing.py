"""Who is written to when meetings reach a status: exactly those for whom something is new.

As `mailing` is for bookings. Each recipient has an invitation of their own, with a UID of its own:
so whoever is no longer invited gets the cancellation of a whole entry, which every calendar
understands, and nobody learns from a calendar who else was there.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import translation

from wagtail_agenda import ics, outbox
from wagtail_agenda.choices import MailTo
from wagtail_agenda.mail_settings import calendar_domain
from wagtail_agenda.mailing import audience_of, plain_items, plain_texts, usable_addresses
from wagtail_agenda.meeting_words import calendar_event, facts_of, language_of, uid_of
from wagtail_agenda.models import CalledMeeting, Delivery, Entry, Invitation

INVITED, CHANGED, UNINVITED, CANCELLED, TOLD = (
    "invited",
    "changed",
    "uninvited",
    "cancelled",
    "told",
)
"""What a mail tells its reader; its built-in text goes by that."""

_KIND = {
    MailTo.PARTICIPANTS.value: "participant",
    MailTo.ORGANISER.value: "organiser",
    MailTo.STAFF.value: "staff",
    MailTo.ADDRESSES.value: "other",
}
"""What stands in the UID of a copy: as whom its owner has it."""

_LISTED = (MailTo.PARTICIPANTS, MailTo.ORGANISER, MailTo.STAFF)
"""Whom a meeting or its agenda lists, so that whoever is on that list no more is un-invited."""


class MeetingMails:
    """The messages that one trigger sends about some meetings: gathered, then written.

    `none_yet` says that the meetings are only being called, so that nobody has an invitation.
    """

    def __init__(
        self, meetings: Sequence[CalledMeeting], *, now: datetime, none_yet: bool = False
    ) -> None:
        self._now = now
        self._known: dict[int, dict[tuple[str, str], Invitation]] = {}
        if none_yet:
            self._known = {meeting.pk: {} for meeting in meetings}
        self._new: list[Invitation] = []
        self._revised: dict[int, Invitation] = {}
        self._mails: list[outbox.Mail] = []
        self._calls: list[outbox.WebCall] = []

    def add_call(self, wanted: outbox.WebCall) -> None:
        """Note a call that is to be queued with the mails, for the first time under its cause."""
        self._calls.append(wanted)

    def add(self, meeting: CalledMeeting, entry: Entry, position: int, value: dict[str, Any]):
        """Note what the action at `position` of a status sends, because of what `entry` says.

        `value` is that of a `SendEmailBlock` as plain data, which may be incomplete. With a
        calendar entry, only those get a mail whose entry is new, changes or is taken back; without
        one, all of them.
        """
        to = addressed_to(value)
        audience = audience_of(to)
        told = self._told(meeting, to, value)
        actions = {
            news: {
                **action_of(meeting, value, news),
                "trigger": entry.what,
                "facts": facts_of(entry),
            }
            for news in {news for news, _invitation in told.values()}
        }
        for address, (news, invitation) in told.items():
            self._mails.append(
                outbox.Mail(
                    booking=meeting,
                    audience=audience,
                    recipient=address,
                    invitation=invitation,
                    action=actions[news],
                    cause=f"{entry.pk}.{position}",
                )
            )

    def _told(
        self, meeting: CalledMeeting, to: str, value: Mapping[str, Any]
    ) -> dict[str, tuple[str, Invitation | None]]:
        """Who gets a mail, what it tells them, and with which revision of their entry."""
        addresses = recipients(meeting, to, value)
        if not value.get("with_invitation"):
            news = CANCELLED if meeting.is_cancelled else TOLD
            return dict.fromkeys(addresses, (news, None))
        told: dict[str, tuple[str, Invitation | None]] = {}
        if not meeting.is_cancelled:
            for address in addresses:
                if (revised := self._brought_up_to_date(meeting, to, address)) is not None:
                    told[address] = revised
        if meeting.is_cancelled:
            invited, news = set(), CANCELLED
        elif to in _LISTED:
            invited, news = {address.lower() for address in addresses}, UNINVITED
        else:
            return told
        for invitation in self._invitations_of(meeting).values():
            is_one = _kind_of(meeting, invitation) == _KIND.get(to)
            if is_one and invitation.method != "CANCEL" and invitation.address not in invited:
                self._revise(invitation, "CANCEL")
                told[invitation.address] = (news, invitation)
        return told

    def _brought_up_to_date(
        self, meeting: CalledMeeting, to: str, address: str
    ) -> tuple[str, Invitation] | None:
        """A recipient's copy as it is to be now, and what that tells; None if they have it so."""
        whom = (audience_of(to), address.lower())
        known = self._invitations_of(meeting).get(whom)
        invitation = known or Invitation(
            called_meeting=meeting,
            audience=whom[0],
            address=whom[1],
            uid=uid_of(meeting, _KIND.get(to, to), whom[1]),
            stamp=self._now,
        )
        with translation.override(language_of(meeting)):
            try:
                seen = ics.content_hash(calendar_event(meeting, invitation), "REQUEST")
            except ValueError:
                # An unusable address costs nobody else their mail: its delivery fails and says why.
                seen = ""
        if known is None:
            invitation.content_hash = seen
            self._invitations_of(meeting)[whom] = invitation
            self._new.append(invitation)
            return INVITED, invitation
        if (known.method, known.content_hash) == ("REQUEST", seen):
            return None
        news = CHANGED if known.method == "REQUEST" else INVITED
        known.content_hash = seen
        self._revise(known, "REQUEST")
        return news, known

    def _revise(self, invitation: Invitation, method: str) -> None:
        invitation.method, invitation.stamp = method, self._now
        invitation.sequence += 1
        if invitation.pk is not None:
            self._revised[invitation.pk] = invitation

    def _invitations_of(self, meeting: CalledMeeting) -> dict[tuple[str, str], Invitation]:
        """The invitations to a meeting by audience and address."""
        if meeting.pk not in self._known:
            self._known[meeting.pk] = {
                (one.audience, one.address): one for one in meeting.invitations.order_by("pk")
            }
        return self._known[meeting.pk]

    def write(self) -> None:
        """Write the invitations as they are now, and queue the messages."""
        if self._new:
            Invitation.objects.bulk_create(self._new)
        if self._revised:
            Invitation.objects.bulk_update(
                self._revised.values(), ["method", "sequence", "stamp", "content_hash"]
            )
        outbox.enqueue_mails(
            self._mails, domain=calendar_domain(), now=self._now, calls=self._calls
        )


def addressed_to(value: Mapping[str, Any]) -> str:
    """To whom an action sends its mail."""
    return str(value.get("to") or MailTo.PARTICIPANTS.value)


def action_of(meeting: CalledMeeting, value: dict[str, Any], news: str) -> dict[str, Any]:
    """What a delivery keeps of the action that sends it, whatever led to the status."""
    to = addressed_to(value)
    with_documents = news in (INVITED, CHANGED) and to != MailTo.STAFF
    documents = [
        *plain_items(value, "documents", int),
        *(meeting.documents if with_documents else ()),
    ]
    return {
        "to": to,
        "texts": plain_texts(value),
        "files": plain_items(value, "files", str),
        "documents": list(dict.fromkeys(documents)),
        "admission": str(meeting.admission),
        "news": news,
    }


def recipients(meeting: CalledMeeting, to: str, value: Mapping[str, Any]) -> list[str]:
    """Whom a mail about a meeting goes to, each address once whatever its capitals.

    The organiser has a copy of their own and is not invited as a participant too.
    """
    if to == MailTo.PARTICIPANTS:
        organiser = meeting.organiser_address.lower()
        found = [str(one["address"]) for one in meeting.participants]
        found = [address for address in found if address.lower() != organiser]
    elif to == MailTo.ORGANISER:
        found = [meeting.organiser_address]
    elif to == MailTo.STAFF:
        found = meeting.agenda.staff_address_list
    elif to == MailTo.ADDRESSES:
        found = usable_addresses(str(value.get("addresses") or ""))
    else:
        found = []
    longest = Delivery._meta.get_field("recipient").max_length
    usable = (address for address in found if address and len(address) <= longest)
    return list({address.lower(): address for address in usable}.values())


def _kind_of(meeting: CalledMeeting, invitation: Invitation) -> str:
    """In which role somebody has a copy, as its UID says."""
    return invitation.uid.removeprefix(f"{meeting.uuid}-").partition("-")[0]
