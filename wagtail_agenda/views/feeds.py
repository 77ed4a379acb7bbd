"""A booking's own address for calendars: always the present state, at the same place.

Calendars that have subscribed ask for it again and again, so most answers are a short 304.
"""

import hashlib
import logging
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, quote_etag
from django.utils.translation import gettext as _

from wagtail_agenda import calendar_entries, tokens
from wagtail_agenda.ics import file_name
from wagtail_agenda.models import Booking
from wagtail_agenda.views.pages import HEADERS, visitor_page

logger = logging.getLogger(__name__)

REFRESH = timedelta(hours=1)
"""How often a calendar should ask; many have their own mind."""

FEED_HEADERS = {
    **HEADERS,
    "Referrer-Policy": "no-referrer",
    # Kept by the one calendar that asks, and never shown without asking here first.
    "Cache-Control": "private, no-cache",
}


@visitor_page("GET", headers=FEED_HEADERS)
def entry(request: HttpRequest, token: str) -> HttpResponse:
    """The booking as a calendar with one entry; cancelled once the booking is."""
    booking = tokens.booking_of_feed_token(token)
    if booking is None:
        return _in_words(_("This address leads to no booking."), 404)
    try:
        calendar = calendar_entries.download(booking, refresh=REFRESH)
    except ValueError:
        # The site's own sender address is unusable; a system check says how to mend it.
        logger.exception("Booking %s cannot be written as a calendar file.", booking.reference)
        return _in_words(_("The calendar file cannot be made at the moment"), 503)
    response = HttpResponse(
        calendar,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": f'inline; filename="{file_name(booking.reference)}"'},
    )
    etag = quote_etag(hashlib.sha256(calendar).hexdigest()[:32])
    response.headers["ETag"] = etag
    changed_at = _changed_at(booking)
    if changed_at is not None:
        response.headers["Last-Modified"] = http_date(changed_at)
    return get_conditional_response(request, etag, changed_at, response)


def _changed_at(booking: Booking) -> int | None:
    """When the entry changed last, in epoch seconds; None where nobody knows.

    An event keeps no note of when its place or description was edited, so its entries are known
    by their ETag alone.
    """
    if booking.event_id is not None:
        return None
    moments: list[datetime | None] = [
        calendar_entries.visitor_event(booking).stamp,
        booking.cancelled_at,
        booking.agenda.last_published_at,
    ]
    return int(max(moment for moment in moments if moment is not None).timestamp())


def _in_words(text: str, status: int) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
