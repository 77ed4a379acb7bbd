"""How bookings are told."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest

from wagtail_agenda.api.answers import address, moment
from wagtail_agenda.choices import Admission, Attendance
from wagtail_agenda.models import Agenda, AttendanceReason, Booking, Desk

_LINKS = {
    "booking_url": "booking",
    "cancel_url": "booking_cancel",
    "ics_url": "booking_ics",
    "accept_url": "booking_accept",
    "suspend_url": "booking_suspend",
    "anonymize_url": "booking_anonymize",
}
"""The calls about a booking whose addresses are told, by the key that they are told under."""

WITHOUT_A_PLACE = frozenset({Admission.WAITING, Admission.OFFERED})
"""On the waiting list as other systems know it: whoever can still be accepted."""

_WAS_PRESENT = {Attendance.PRESENT: True, Attendance.LATE: True, Attendance.ABSENT: False}


def links_of(request: HttpRequest, booking: Booking) -> dict[str, str]:
    """What can be called about a booking, and what is called when it is cancelled here."""
    links = {key: address(request, name, booking.uuid) for key, name in _LINKS.items()}
    if booking.cancel_callback_url:
        links["cancel_callback_url"] = booking.cancel_callback_url
    return links


def when_of(booking: Booking) -> dict[str, Any]:
    """When a booking is, and how many minutes it takes."""
    return {
        **moment("datetime", booking.local_start),
        **moment("end_datetime", booking.local_end),
        "duration": (booking.end - booking.start) // timedelta(minutes=1),
    }


def named(row: Agenda | Desk) -> dict[str, str]:
    return {"label": row.label, "slug": row.slug}


def booking_answer(request: HttpRequest, booking: Booking) -> dict[str, Any]:
    """A booking as it is."""
    return {
        "booking_id": str(booking.uuid),
        "id": str(booking.uuid),
        "reference": booking.reference,
        "in_waiting_list": booking.admission in WITHOUT_A_PLACE,
        "admission": booking.admission,
        "user_was_present": _WAS_PRESENT.get(booking.attendance),
        "user_absence_reason": _absence_reason(booking),
        "extra_data": booking.extra_data,
        **when_of(booking),
        "count": booking.places,
        "label": booking.label,
        "user_display_label": booking.user_display_label,
        "description": booking.description,
        "user_name": booking.user_name,
        "user_email": booking.user_email,
        "user_phone_number": booking.user_phone_number,
        "user_external_id": booking.user_external_id,
        "agenda": named(booking.agenda),
        "event": booking.event.slug if booking.event else None,
        "meeting_type": booking.meeting_type.slug if booking.meeting_type else None,
        "desk": named(booking.desk) if booking.desk else None,
        "api": links_of(request, booking),
    }


def reason_id(reason: AttendanceReason) -> str:
    """How a reason is named to other systems, for as long as it is there."""
    return str(reason.pk)


def _absence_reason(booking: Booking) -> str | None:
    if booking.attendance != Attendance.ABSENT or booking.attendance_reason is None:
        return None
    return reason_id(booking.attendance_reason)
