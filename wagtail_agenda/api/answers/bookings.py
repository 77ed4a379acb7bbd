"""How bookings are told."""

from django.http import HttpRequest

from wagtail_agenda.api.answers import address
from wagtail_agenda.models import Booking

_LINKS = {
    "booking_url": "booking",
    "cancel_url": "booking_cancel",
    "ics_url": "booking_ics",
    "accept_url": "booking_accept",
    "suspend_url": "booking_suspend",
    "anonymize_url": "booking_anonymize",
}
"""The calls about a booking whose addresses are told, by the key that they are told under."""


def links_of(request: HttpRequest, booking: Booking) -> dict[str, str]:
    """What can be called about a booking, and what is called when it is cancelled here."""
    links = {key: address(request, name, booking.uuid) for key, name in _LINKS.items()}
    if booking.cancel_callback_url:
        links["cancel_callback_url"] = booking.cancel_callback_url
    return links
