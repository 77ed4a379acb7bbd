"""Who came, as another system says it of a booking."""

from datetime import datetime
from typing import Any

from django.utils.text import slugify
from django.utils.translation import gettext as _

from wagtail_agenda import attendance as attendances
from wagtail_agenda.api.answers.bookings import reason_id
from wagtail_agenda.api.errors import invalid
from wagtail_agenda.api.shapes.bookings import ChangedBooking
from wagtail_agenda.choices import Actor, Attendance
from wagtail_agenda.models import AttendanceReason, Booking

_CAME = {True: Attendance.PRESENT, False: Attendance.ABSENT, None: Attendance.UNKNOWN}


def note(booking: Booking, body: ChangedBooking, *, now: datetime) -> Booking:
    """Note what a call says of attendance. A note of colleagues stays as long as it is about it.

    Raises `Refused` and what `attendance.check_in` does.
    """
    wanted, name = _wanted_attendance(booking, body), body.user_absence_reason
    if name is not None and wanted != Attendance.ABSENT:
        raise invalid(user_absence_reason=_("Only somebody who was absent has one."))
    options: dict[str, Any] = {}
    if "user_absence_reason" in body.model_fields_set and wanted == Attendance.ABSENT:
        options["reason"] = _reason(booking, name)
        options["note"] = booking.attendance_note if wanted == booking.attendance else ""
    return attendances.check_in(
        booking,
        wanted,
        now=now,
        seen=attendances.as_seen(booking),
        actor=Actor.CLIENT,
        **options,
    )


def _wanted_attendance(booking: Booking, body: ChangedBooking) -> str:
    if "user_was_present" not in body.model_fields_set:
        return booking.attendance
    if body.user_was_present and booking.attendance in attendances.CAME:
        # Whoever was late was present, too.
        return booking.attendance
    return _CAME[body.user_was_present]


def _reason(booking: Booking, name: str | None) -> AttendanceReason | None:
    """The reason for an absence of that id, slug or label. Raises `Refused`."""
    if name is None:
        return None
    given = booking.attendance_reason
    offered = attendances.reasons_of(booking.agenda).filter(attendance=Attendance.ABSENT)
    reasons = [*([given] if given else []), *offered]
    for named in (reason_id, lambda reason: slugify(reason.label), str):
        for reason in reasons:
            if named(reason) == name:
                return reason
    raise invalid(user_absence_reason=_("This agenda has no such reason."))
