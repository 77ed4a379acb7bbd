"""Bookings as they are, and what becomes of them."""

import logging
from collections.abc import Iterable
from contextlib import nullcontext

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Body, Query, Router

from wagtail_agenda import booking as bookings
from wagtail_agenda import calendar_entries
from wagtail_agenda.api import noting_attendance
from wagtail_agenda.api.answers import answered
from wagtail_agenda.api.answers.bookings import booking_answer
from wagtail_agenda.api.auth import require_scope, scoped
from wagtail_agenda.api.errors import Refused, invalid
from wagtail_agenda.api.finding import agenda_of, booking_of, bookings_of_person
from wagtail_agenda.api.shapes import bookings as shapes
from wagtail_agenda.api.shapes.failures import or_failure
from wagtail_agenda.choices import Actor
from wagtail_agenda.clients import Scope
from wagtail_agenda.contention import all_or_nothing
from wagtail_agenda.errors import BookingCancelled, SoldOut, WaitingListFull
from wagtail_agenda.ics import file_name
from wagtail_agenda.models import ApiClient, Booking

logger = logging.getLogger(__name__)

router = Router(tags=["Bookings"])

CALENDAR = {
    "responses": {
        200: {
            "description": "A calendar file.",
            "content": {"text/calendar": {"schema": {"type": "string"}}},
        }
    }
}

# Whose there are


@router.get(
    "bookings/",
    **scoped(Scope.READ),
    url_name="bookings",
    response=or_failure(shapes.SeveralBookings),
)
def list_bookings(request: HttpRequest, asked: Query[shapes.WantedBookings]) -> JsonResponse:
    """Somebody's bookings that are not cancelled, in order of time."""
    found = [
        booking
        for booking in _bookings_of(request.auth, asked.user_external_id, asked.agenda)
        if not asked.category
        and (asked.date_start is None or booking.local_start.date() >= asked.date_start)
        and (asked.date_end is None or booking.local_start.date() < asked.date_end)
    ]
    return answered(data=[booking_answer(request, booking) for booking in found])


@router.get(
    "bookings/ics/",
    **scoped(Scope.READ, **CALENDAR),
    url_name="bookings_ics",
)
def list_as_calendar(request: HttpRequest, asked: Query[shapes.WantedFile]) -> HttpResponse:
    """The same as one calendar file."""
    found = _bookings_of(request.auth, asked.user_external_id, asked.agenda)
    return _calendar(found, "bookings")


def _bookings_of(client: ApiClient, user_external_id: str, agenda: str) -> list[Booking]:
    if not agenda:
        return bookings_of_person(client, user_external_id)
    chosen = agenda_of(client, agenda, drafts=True)
    there = Q(agenda=chosen) | Q(virtual_agenda=chosen)
    return bookings_of_person(client, user_external_id, there)


# One of them


@router.get(
    "booking/{booking_id}/",
    **scoped(Scope.READ),
    url_name="booking",
    response=or_failure(shapes.OneBooking),
)
def read(request: HttpRequest, booking_id: str) -> JsonResponse:
    """A booking as it is, unless it is cancelled."""
    return _told(request, _present(request, booking_id))


@router.patch(
    "booking/{booking_id}/",
    **scoped(Scope.BOOK, Scope.CHECK_IN),
    url_name="booking",
    response=or_failure(shapes.OneBooking),
)
def change(
    request: HttpRequest, booking_id: str, body: Body[shapes.ChangedBooking]
) -> JsonResponse:
    """Note who came, and keep further data, all or nothing.

    The scope « check_in » is enough for a call that is about attendance alone.
    """
    data = body.model_extra or {}
    if data:
        require_scope(request.auth, Scope.BOOK)
    booking = _present(request, booking_id)
    noted = bool(body.model_fields_set - data.keys())
    # Each of them alone starts anew by itself where others are quicker.
    with all_or_nothing() if noted and data else nullcontext():
        if noted:
            booking = noting_attendance.note(booking, body, now=timezone.now())
        if data:
            booking = bookings.keep_data(booking, data)
    return _told(request, booking)


@router.delete(
    "booking/{booking_id}/",
    **scoped(Scope.BOOK),
    url_name="booking",
    response=or_failure(shapes.OneBooking),
)
def delete(request: HttpRequest, booking_id: str) -> JsonResponse:
    """Cancel a booking: it is never deleted."""
    return _cancelled(request, booking_id)


@router.post(
    "booking/{booking_id}/cancel/",
    **scoped(Scope.BOOK),
    url_name="booking_cancel",
    response=or_failure(shapes.OneBooking),
)
def cancel(request: HttpRequest, booking_id: str) -> JsonResponse:
    """Cancel a booking. Its `cancel_callback_url` is not called: whoever calls knows it."""
    return _cancelled(request, booking_id)


def _cancelled(request: HttpRequest, booking_id: str) -> JsonResponse:
    booking = booking_of(request.auth, booking_id)
    return _told(request, bookings.cancel(booking, actor=Actor.CLIENT, now=timezone.now()))


@router.post(
    "booking/{booking_id}/accept/",
    **scoped(Scope.BOOK),
    url_name="booking_accept",
    response=or_failure(shapes.OneBooking),
)
def accept(request: HttpRequest, booking_id: str) -> JsonResponse:
    """Give whoever waits, or is offered a place, a place; whoever else waits."""
    booking = booking_of(request.auth, booking_id)
    return _told(request, bookings.promote(booking, now=timezone.now(), actor=Actor.CLIENT))


@router.post(
    "booking/{booking_id}/suspend/",
    **scoped(Scope.BOOK),
    url_name="booking_suspend",
    response=or_failure(shapes.OneBooking),
)
def suspend(request: HttpRequest, booking_id: str) -> JsonResponse:
    """Put a booking back on the waiting list, where it stays until it is accepted."""
    booking = booking_of(request.auth, booking_id)
    return _told(request, bookings.suspend(booking, now=timezone.now(), actor=Actor.CLIENT))


@router.post(
    "booking/{booking_id}/resize/",
    **scoped(Scope.BOOK),
    url_name="booking_resize",
    response=or_failure(shapes.OneBooking),
)
def resize(
    request: HttpRequest,
    booking_id: str,
    asked: Query[shapes.OtherSize],
    body: Body[shapes.OtherSize | None] = None,
) -> JsonResponse:
    """Give a booking of an event `count` places, on the list on which it is."""
    count = (body.count if body else None) or asked.count
    if count is None:
        raise invalid(count=_("Say how many places it is to have."))
    booking = booking_of(request.auth, booking_id)
    try:
        changed = bookings.resize(booking, count, actor=Actor.CLIENT, now=timezone.now())
    except WaitingListFull as error:
        raise SoldOut() from error
    return _told(request, changed)


@router.post(
    "booking/{booking_id}/anonymize/",
    **scoped(Scope.BOOK),
    url_name="booking_anonymize",
    response=or_failure(shapes.OneBooking),
)
def anonymize(request: HttpRequest, booking_id: str) -> JsonResponse:
    """Forget who a booking was for, for good. It goes on taking its places."""
    booking = booking_of(request.auth, booking_id)
    bookings.anonymise(booking, now=timezone.now())
    return _told(request, booking_of(request.auth, booking_id))


@router.get(
    "booking/{booking_id}/ics/",
    **scoped(Scope.READ, **CALENDAR),
    url_name="booking_ics",
)
def as_calendar(
    request: HttpRequest, booking_id: str, said: Query[shapes.CalendarTexts]
) -> HttpResponse:
    """A booking as a calendar file; a cancelled one says so in it."""
    booking = booking_of(request.auth, booking_id)
    return _calendar([booking], booking.reference, **said.model_dump())


def _present(request: HttpRequest, booking_id: str) -> Booking:
    booking = booking_of(request.auth, booking_id)
    if booking.is_cancelled:
        raise BookingCancelled()
    return booking


def _told(request: HttpRequest, booking: Booking) -> JsonResponse:
    return answered(booking_id=str(booking.uuid), data=booking_answer(request, booking))


def _calendar(found: Iterable[Booking], name: str, **texts: str) -> HttpResponse:
    try:
        calendar = calendar_entries.file_of(found, **texts)
    except ValueError as error:
        # The site's own sender address is unusable; a system check says how to mend it.
        logger.exception("A calendar file for another system cannot be written.")
        text = _("The calendar file cannot be made at the moment. Try again later.")
        raise Refused("no calendar file", text, 503, {"Retry-After": "3600"}) from error
    return HttpResponse(
        calendar,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name(name)}"'},
    )
