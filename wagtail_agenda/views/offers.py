"""A place that is offered to somebody who waits: two buttons on the page of their booking."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from wagtail_agenda import booking as bookings
from wagtail_agenda.errors import AlreadyCancelled, BookingError, Overloaded
from wagtail_agenda.models import Booking
from wagtail_agenda.views.manage import manage_url, own_booking, show_booking
from wagtail_agenda.views.pages import form_is_stale, see_other, stale_notice


@own_booking("GET", "POST")
def accept(request: HttpRequest, booking: Booking, token: str) -> HttpResponse:
    """Takes the place by POST. Pressing the button twice takes it once."""
    return _answered(request, booking, token, bookings.accept_offer, "accepted")


@own_booking("GET", "POST")
def decline(request: HttpRequest, booking: Booking, token: str) -> HttpResponse:
    """Gives the place to the next who waits, by POST, and ends the booking."""
    return _answered(request, booking, token, bookings.decline_offer, "declined")


def _answered(
    request: HttpRequest, booking: Booking, token: str, act: Callable, done: str
) -> HttpResponse:
    if request.method != "POST":
        return see_other(manage_url(token))
    if form_is_stale(request):
        return show_booking(request, "manage", booking, token, 403, notice=stale_notice())
    try:
        act(booking, now=timezone.now())
    except AlreadyCancelled:
        # Pressed twice, or ended meanwhile: the page says which.
        return see_other(manage_url(token))
    except Overloaded as error:
        text = str(error)
        return show_booking(request, "manage", booking, token, 503, error.retry_after, notice=text)
    except BookingError as error:
        booking.refresh_from_db()
        return show_booking(request, "manage", booking, token, 409, notice=str(error))
    return see_other(manage_url(token, done))
