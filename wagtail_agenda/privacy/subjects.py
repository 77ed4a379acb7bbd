"""What is about a person: their bookings, what they typed without booking, their meetings.

Whatever else a release makes about persons becomes one more `Subject` here; then it is looked up,
told and erased like the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from wagtail_agenda import booking as bookings
from wagtail_agenda.meetings import forgetting
from wagtail_agenda.meetings.forgetting import Part
from wagtail_agenda.models import Booking, Hold, KeptFile
from wagtail_agenda.privacy.addresses import Address
from wagtail_agenda.privacy.retention import with_labels


@dataclass(frozen=True)
class Subject:
    """One kind of row that is about a person.

    `name` is its key in an export. `of` finds the rows of an address, `told` says everything that
    is kept with one, as JSON data; `is_to_come` keeps it from being erased; `forget` empties it,
    and answers whether there was anything to forget.
    """

    name: str
    of: Callable[[Address], list[Any]]
    told: Callable[[Any], dict[str, Any]]
    is_to_come: Callable[[Any, datetime], bool]
    forget: Callable[[Any, datetime], bool]


# Bookings


def bookings_of(address: Address) -> list[Booking]:
    """The bookings that were made for an e-mail address, the oldest first."""
    return list(
        with_labels(Booking.objects.filter(user_email__iexact=address.email))
        .select_related("form_version")
        .order_by("start", "pk")
    )


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
    "extra_emails",
    "extra_phone_numbers",
    "extra_data",
    "answers",
    "language",
    "created_at",
)


def _told_of_booking(booking: Booking) -> dict[str, Any]:
    return {
        **_plain({name: getattr(booking, name) for name in _TOLD_OF_BOOKINGS}),
        "agenda": str(booking.agenda),
        "history": _rows(booking.entries, "at", "what", "actor", "data"),
        "deliveries": _rows(
            booking.deliveries, "kind", "recipient", "url", "state", "done_at", "action", "letter"
        ),
        "calendar_copies": _rows(booking.invitations, "address", "uid", "sequence", "method"),
        "files": [_told_of_file(kept) for kept in booking.kept_files.all()],
    }


def _told_of_file(kept: KeptFile) -> dict[str, Any]:
    content = bytes(kept.content).decode("utf-8", "replace")
    return {**_plain({"name": kept.name, "made_at": kept.made_at}), "content": content}


def _is_to_come(booking: Booking, now: datetime) -> bool:
    return not booking.is_cancelled and booking.end > now


def _forget_booking(booking: Booking, now: datetime) -> bool:
    return bookings.anonymise(booking, now=now)


# What was typed, and no booking made


def drafts_of(address: Address) -> list[Hold]:
    """What somebody has typed of a form whose booking was not made, with this address in it."""
    wanted = Q()
    for spelling in address.spellings:
        wanted |= Q(answers_text__icontains=spelling)
    typed = (
        Hold.objects.filter(booking__isnull=True)
        .annotate(answers_text=Cast("answers", TextField()))
        .filter(wanted)
        .select_related("agenda", "form_version")
        .order_by("pk")
    )
    return [hold for hold in typed if address.is_all_of(hold.answers)]


def _told_of_draft(hold: Hold) -> dict[str, Any]:
    names = ("answers", "start", "end", "lapses_at", "created_at", "return_path")
    told = _plain({name: getattr(hold, name) for name in names})
    return {"agenda": str(hold.agenda), **told}


def _forget_draft(hold: Hold, now: datetime) -> bool:
    bookings.forget_draft(hold)
    return True


def _never(hold: Hold, now: datetime) -> bool:
    return False


# Meetings that somebody calls or is invited to


def parts_of(address: Address) -> list[Part]:
    """What somebody has to do with which meetings."""
    return forgetting.parts_of(address.email)


def _forget_part(part: Part, now: datetime) -> bool:
    forgetting.take_out(part)
    return True


SUBJECTS = (
    Subject("bookings", bookings_of, _told_of_booking, _is_to_come, _forget_booking),
    Subject("drafts", drafts_of, _told_of_draft, _never, _forget_draft),
    Subject("meetings", parts_of, forgetting.told, forgetting.is_to_come, _forget_part),
)


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
