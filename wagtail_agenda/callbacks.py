"""What other systems are told of bookings that came from them: cancelled here, there, not there.

A booking may have an address for each. Calls to them are queued with what happened, each once, and
made by the worker like all calls. Whoever cancels through the API knows it already and is not told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from django.db.models import prefetch_related_objects
from wagtail.models import Site

from wagtail_agenda import outbox
from wagtail_agenda.choices import Actor, Attendance
from wagtail_agenda.models import Booking, Delivery, Entry
from wagtail_agenda.outbox import WebCall

CAME = (Attendance.PRESENT, Attendance.LATE)


def is_from_elsewhere(booking: Booking) -> bool:
    """Whether another system made a booking, or has a form or a page of its own about it.

    What the agenda's own templates have written says nothing about where a booking comes from.
    """
    if booking.client_id is not None or booking.made_by == Actor.CLIENT:
        return True
    agenda = booking.agenda
    written_here = {
        "form_url": agenda.form_url_template,
        "backoffice_url": agenda.backoffice_url_template,
    }
    hosts = {
        (urlsplit(getattr(booking, name)).hostname or "").lower()
        for name, template in written_here.items()
        if not template
    } - {""}
    if not hosts:
        return False
    own = {name.lower() for name in Site.objects.values_list("hostname", flat=True)}
    return bool(hosts - own)


def knows_no_cancellation(booking: Booking) -> bool:
    """Whether the system that a booking came from cannot be told that it is cancelled here."""
    return not booking.cancel_callback_url and is_from_elsewhere(booking)


def tell_cancelled(
    bookings: Sequence[Booking], *, actor: str, reason: str, now: datetime
) -> list[Delivery]:
    """Queue the call to `cancel_callback_url` of those that have one, unless a system cancelled."""
    if actor == Actor.CLIENT:
        return []
    calls = [
        WebCall(
            booking=booking,
            url=booking.cancel_callback_url,
            body={
                "booking_id": str(booking.uuid),
                "event": "cancelled",
                "reason": reason,
                "cancelled_by": str(actor),
            },
            cause="cancelled",
        )
        for booking in bookings
        if booking.cancel_callback_url
    ]
    return outbox.enqueue_calls(calls, now=now)


def tell_attendance(
    checked: Sequence[Entry], told: Mapping[int, str], *, now: datetime
) -> list[Delivery]:
    """Queue the calls to `presence_callback_url` and `absence_callback_url`.

    `checked` are the lines of the history which say that attendance was marked as checked; `told`
    has, by key of the booking, the attendance at the mark before. Who came then and still came
    gives no call, and neither does who is not checked in at all.
    """
    wanted = []
    for entry in checked:
        booking = entry.booking
        present, before = _event_of(booking.attendance), _event_of(told.get(booking.pk, ""))
        url = {
            "present": booking.presence_callback_url,
            "absent": booking.absence_callback_url,
        }.get(present)
        if url and present != before:
            wanted.append((entry, url, present))
    prefetch_related_objects([entry.booking for entry, *_rest in wanted], "attendance_reason")
    calls = [
        WebCall(
            booking=entry.booking,
            url=url,
            body={
                "booking_id": str(entry.booking.uuid),
                "event": event,
                "attendance": str(entry.booking.attendance),
                "reason": str(entry.booking.attendance_reason or ""),
            },
            cause=f"checked.{entry.pk}",
        )
        for entry, url, event in wanted
    ]
    return outbox.enqueue_calls(calls, now=now)


def _event_of(attendance: str) -> str:
    """Who was late has come."""
    if attendance in CAME:
        return "present"
    return "absent" if attendance == Attendance.ABSENT else ""
