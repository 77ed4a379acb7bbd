"""What is held about a person: forgotten after a time that each agenda sets, told, and erased.

A booking that is anonymised stays: who it was is gone, that it was, and who came, is not. So
counts and statistics hold. It is the one place outside `booking` that writes bookings, and writes
no column that admission or attendance read.
"""

import json
import logging
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from wagtail_agenda import tokens
from wagtail_agenda.choices import DeliveryState
from wagtail_agenda.meetings import forgetting
from wagtail_agenda.models import (
    Agenda,
    Booking,
    CalledMeeting,
    Delivery,
    Entry,
    Hold,
    Invitation,
    KeptFile,
    PersonLock,
)

logger = logging.getLogger(__name__)

AT_ONCE = 500
"""How many bookings one run of the task anonymises at the most."""

_CLEARED = (
    "user_display_label",
    "description",
    "user_name",
    "user_email",
    "user_phone_number",
    "user_external_id",
    "backoffice_url",
    "form_url",
    "cancel_callback_url",
    "presence_callback_url",
    "absence_callback_url",
    "attendance_note",
    "cancellation_reason",
    "person_digest",
)

_KEPT_OF_ENTRIES = frozenset(
    {"status", "status_label", "from_status", "from_start", "from_end", "attendance", "admission"}
)
"""What the history says of a booking and not of a person."""

_NOT_OVER = (DeliveryState.DUE, DeliveryState.SENDING, DeliveryState.FAILED)


class BookingsToCome(Exception):
    """Somebody still has `bookings` or `meetings` that are to come. Nothing was erased."""

    def __init__(self, bookings: list[Booking], meetings: Sequence[CalledMeeting] = ()) -> None:
        self.bookings, self.meetings = bookings, meetings
        names = [*(one.reference for one in bookings), *(one.title for one in meetings)]
        super().__init__(", ".join(names))


# After a time


def anonymise_due(now: datetime, *, most: int = AT_ONCE) -> int:
    """Anonymise what is over for longer than its agenda keeps it: bookings and meetings.

    `most` at a time, those that ended first; the rest is left to the next run.
    """
    due: list[Booking] = []
    for agenda in Agenda.objects.filter(retention_days__isnull=False).order_by("pk"):
        over = Booking.objects.filter(
            agenda=agenda,
            anonymised_at__isnull=True,
            end__lt=now - timedelta(days=agenda.retention_days),
        ).order_by("end", "pk")
        due += _with_labels(over)[: most - len(due)]
        if len(due) == most:
            break
    return anonymise(due, now=now) + forgetting.forget_due(now, most=most)


def _with_labels(bookings: QuerySet[Booking]) -> QuerySet[Booking]:
    return bookings.select_related("agenda", "meeting_type", "event")


def anonymise(bookings: Iterable[Booking], *, now: datetime) -> int:
    """Forget who these bookings were for; answers how many were not forgotten before.

    Nothing more is sent about them, and the link in their mails opens nothing. What happened, when,
    and who came stays.
    """
    return sum(_anonymise(booking, now) for booking in bookings)


def _anonymise(booking: Booking, now: datetime) -> bool:
    with transaction.atomic():
        person = booking.agenda_id, booking.person_digest
        changed = Booking.objects.filter(pk=booking.pk, anonymised_at__isnull=True).update(
            **dict.fromkeys(_CLEARED, ""),
            label=str(booking.event or booking.meeting_type or booking.agenda)[:255],
            extra_data={},
            answers={},
            booked_together=None,
            token_digest=tokens.digest_of(secrets.token_urlsafe(32)),
            anonymised_at=now,
        )
        if not changed:
            return False
        _forget_deliveries(booking)
        for invitation in booking.invitations.all():
            # A booking has a recipient once, so that they cannot all be empty.
            invitation.address, invitation.content_hash = f"-{invitation.pk}", ""
            invitation.save(update_fields=["address", "content_hash"])
        for entry in booking.entries.all():
            kept = {name: value for name, value in entry.data.items() if name in _KEPT_OF_ENTRIES}
            if kept != entry.data:
                Entry.objects.filter(pk=entry.pk).update(data=kept)
        booking.kept_files.all().delete()
        Hold.objects.filter(booking=booking).update(answers={}, visitor_key="", address_key="")
        _forget_lock(*person)
    return True


def _forget_deliveries(booking: Booking) -> None:
    for delivery in booking.deliveries.all():
        # Its key has a digest of the address in it, which could be guessed.
        Delivery.objects.filter(pk=delivery.pk).update(
            key=f"anonymised:{delivery.pk}",
            recipient="",
            url="",
            action={},
            letter=None,
            message_id="",
            last_error="",
            state=DeliveryState.CANCELLED if delivery.state in _NOT_OVER else delivery.state,
            leased_until=None,
        )


def _forget_lock(agenda_id: int, person_digest: str) -> None:
    others = Booking.objects.filter(agenda_id=agenda_id, person_digest=person_digest)
    if person_digest and not others.exists():
        PersonLock.objects.filter(agenda_id=agenda_id, person_digest=person_digest).delete()


# Of one person


def bookings_of(email: str) -> QuerySet[Booking]:
    """The bookings that were made for an e-mail address, the oldest first."""
    return _with_labels(Booking.objects.filter(user_email__iexact=email.strip())).order_by(
        "start", "pk"
    )


def export(email: str) -> dict[str, Any]:
    """Everything that is held about an e-mail address, as JSON data.

    ``bookings`` has those that were made for it, each with its history, mails, calls, calendar
    copies and files; ``mentions`` where else it stands, by table and key.
    """
    theirs = list(bookings_of(email))
    return {
        "email": email.strip(),
        "bookings": [_told(booking) for booking in theirs],
        "meetings": forgetting.told(email),
        "mentions": [
            {"table": row._meta.model_name, "key": row.pk, "fields": fields}
            for row, fields in _mentions(email, of_others_than=theirs)
        ],
    }


_TOLD_OF_BOOKINGS = ("uuid", "reference", "start", "end", "places", "admission", "attendance") + (
    "attendance_note",
    "cancelled_at",
    "cancellation_reason",
    "label",
    "user_display_label",
    "description",
    "user_name",
    "user_email",
    "user_phone_number",
    "user_external_id",
    "backoffice_url",
    "form_url",
    "extra_data",
    "answers",
    "language",
    "created_at",
)


def _told(booking: Booking) -> dict[str, Any]:
    return {
        **_plain({name: getattr(booking, name) for name in _TOLD_OF_BOOKINGS}),
        "agenda": str(booking.agenda),
        "history": _rows(booking.entries, "at", "what", "actor", "data"),
        "deliveries": _rows(
            booking.deliveries, "kind", "recipient", "url", "state", "done_at", "action", "letter"
        ),
        "calendar_copies": _rows(booking.invitations, "address", "uid", "sequence", "method"),
        "files": [
            {**_plain({"name": kept.name, "made_at": kept.made_at}), "content": _readable(kept)}
            for kept in booking.kept_files.all()
        ],
    }


def _rows(related: Any, *names: str) -> list[dict[str, Any]]:
    return [_plain(row) for row in related.order_by("pk").values(*names)]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat()
        if isinstance(value, datetime)
        else value
        if isinstance(value, (dict, list, int, bool, type(None)))
        else str(value)
        for name, value in row.items()
    }


def _readable(kept: KeptFile) -> str:
    return bytes(kept.content).decode("utf-8", "replace")


def erase(email: str, *, now: datetime) -> dict[str, int]:
    """Erase what is held about an e-mail address, and answer how much of it there was.

    Its own bookings are anonymised; where it stands in those of others, the address alone goes.
    Raises `BookingsToCome` if it has a booking that is neither over nor cancelled: cancel that
    first. Copies in backups and in mailboxes are out of reach.
    """
    theirs = list(bookings_of(email))
    to_come = [booking for booking in theirs if not booking.is_cancelled and booking.end > now]
    coming = forgetting.to_come(email, now)
    if to_come or coming:
        raise BookingsToCome(to_come, coming)
    with transaction.atomic():
        forgotten = anonymise(theirs, now=now)
        meetings = forgetting.take_out(email)
        mentions = 0
        for row, fields in list(_mentions(email)):
            _take_out(row, fields, email)
            mentions += 1
    return {"bookings": forgotten, "meetings": meetings, "mentions": mentions}


# Where an address stands besides

_WHERE = {
    Booking: ("label", "user_display_label", "description", "extra_data", "answers")
    + ("attendance_note", "cancellation_reason", "backoffice_url", "form_url")
    + ("cancel_callback_url", "presence_callback_url", "absence_callback_url"),
    Entry: ("data",),
    Delivery: ("recipient", "action", "letter", "url", "last_error"),
    Invitation: ("address",),
    Hold: ("answers",),
}


def _mentions(
    email: str, *, of_others_than: Iterable[Booking] = ()
) -> Iterator[tuple[Any, list[str]]]:
    """Each row in which the address stands, and in which columns."""
    known = {booking.pk for booking in of_others_than}
    pattern = _pattern(email)
    for model, fields in _WHERE.items():
        texts = {f"{name}_text": Cast(name, TextField()) for name in fields}
        wanted = Q()
        for name in texts:
            wanted |= Q(**{f"{name}__icontains": email.strip()})
        for row in model.objects.annotate(**texts).filter(wanted).order_by("pk"):
            found = [name for name in fields if pattern.search(_written(getattr(row, name)))]
            if found and (row.pk if model is Booking else row.booking_id) not in known:
                yield row, found
    for kept in KeptFile.objects.order_by("pk").iterator(chunk_size=100):
        if kept.booking_id not in known and pattern.search(_readable(kept)):
            yield kept, ["content"]


def _pattern(email: str) -> re.Pattern:
    """The address where it stands as such, and not as a part of a longer one."""
    return re.compile(rf"(?<![\w.+-]){re.escape(email.strip())}(?![\w-]|\.\w)", re.IGNORECASE)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _take_out(row: Any, fields: list[str], email: str) -> None:
    if isinstance(row, KeptFile):
        # A file without a part of it may be one that no programme reads.
        row.delete()
        return
    changed = {name: _without(getattr(row, name), _pattern(email)) for name in fields}
    if isinstance(row, Invitation):
        changed = {"address": f"-{row.pk}", "content_hash": ""}
    if isinstance(row, Delivery):
        changed["key"] = f"anonymised:{row.pk}"
        if row.state in _NOT_OVER and not _pattern(email).sub("", row.recipient):
            changed["state"] = DeliveryState.CANCELLED
    type(row).objects.filter(pk=row.pk).update(**changed)


def _without(value: Any, pattern: re.Pattern) -> Any:
    if isinstance(value, str):
        return pattern.sub("", value)
    if isinstance(value, list):
        return [_without(one, pattern) for one in value]
    if isinstance(value, dict):
        return {_without(name, pattern): _without(one, pattern) for name, one in value.items()}
    return value
