"""The visitor's own page for one booking, behind the secret link in their mail.

Opening a link changes nothing, because mail scanners open links as well: cancelling has a page of
its own with a button.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from wagtail_agenda import booking as bookings
from wagtail_agenda import correspondence, resending, throttle, tokens
from wagtail_agenda.choices import Actor
from wagtail_agenda.cleaning import clean_text
from wagtail_agenda.errors import AlreadyCancelled, BookingError, EventIsOver, Overloaded
from wagtail_agenda.models import Booking
from wagtail_agenda.views.basket import RETRY_SECONDS, busy_text
from wagtail_agenda.views.keeping import keeping, mail_text
from wagtail_agenda.views.pages import (
    form_is_stale,
    refused,
    see_other,
    show,
    stale_notice,
    visitor_page,
)

logger = logging.getLogger(__name__)

LONGEST_REASON = 1000


def own_booking(*methods: str) -> Callable:
    """Makes a view a page of the booking whose token is in the address, in its language."""

    def decorate(view: Callable) -> Callable:
        @visitor_page(*methods)
        @wraps(view)
        def page(request: HttpRequest, token: str) -> HttpResponse:
            booking = tokens.booking_of_token(token)
            if booking is None:
                return refused(
                    request,
                    _("This link leads to no booking"),
                    _(
                        "It may be incomplete, or the booking has been deleted. Copy the whole "
                        "link from your confirmation mail, or ask the office that you booked with."
                    ),
                    status=404,
                )
            with override(booking.language or None):
                return view(request, booking, token)

        return page

    return decorate


@own_booking("GET")
def manage(request: HttpRequest, booking: Booking, token: str) -> HttpResponse:
    """When, where, in which status; calendars; the mail once more; the way to cancel."""
    said = ""
    if request.GET.get("mail") == "again":
        mail = resending.last_mail(booking)
        said = mail_text(mail, booking) if mail is not None else ""
    return _show(request, "manage", booking, token, said=said)


@own_booking("GET", "POST")
def mail_again(request: HttpRequest, booking: Booking, token: str) -> HttpResponse:
    """Sends the visitor's last mail once more, by POST."""
    now = timezone.now()
    manage_url = reverse("wagtail_agenda:manage", args=[token])
    if request.method != "POST" or booking.start <= now:
        return see_other(manage_url)
    if form_is_stale(request):
        return _show(request, "manage", booking, token, 403, notice=stale_notice())
    limits = throttle.again_limits(request, booking)
    try:
        throttle.count(limits, now)
    except throttle.TooMany as error:
        text, status, retry_after = _too_often(error.retry_after), 429, error.retry_after
    except throttle.CannotCount:
        text, status, retry_after = busy_text(), 503, RETRY_SECONDS
    else:
        try:
            resending.send_again(booking, now=now)
            return see_other(f"{manage_url}?mail=again")
        except Overloaded as error:
            throttle.uncount(limits, now)
            text, status, retry_after = str(error), 503, error.retry_after
    response = _show(request, "manage", booking, token, status, notice=text)
    response.headers["Retry-After"] = str(retry_after)
    return response


def _too_often(seconds: int) -> str:
    hours = -(-seconds // 3600)
    return ngettext(
        "The mail has been sent again several times already. Please look into your folder for "
        "unwanted mail, or try again in %(hours)d hour.",
        "The mail has been sent again several times already. Please look into your folder for "
        "unwanted mail, or try again in %(hours)d hours.",
        hours,
    ) % {"hours": hours}


@own_booking("GET", "POST")
def manage_cancel(request: HttpRequest, booking: Booking, token: str) -> HttpResponse:
    """Asks once, then cancels by POST."""
    now = timezone.now()
    if booking.is_cancelled or booking.start <= now:
        return see_other(reverse("wagtail_agenda:manage", args=[token]))
    notice, status, retry_after = "", 200, None
    reason = clean_text(request.POST.get("reason", "")).strip()
    if request.method == "POST":
        if form_is_stale(request):
            notice, status = stale_notice(), 403
        elif len(reason) > LONGEST_REASON:
            notice = _("Please give the reason in at most %(count)d characters.") % {
                "count": LONGEST_REASON
            }
        else:
            try:
                bookings.cancel(booking, actor=Actor.VISITOR, now=now, reason=reason)
            except (AlreadyCancelled, EventIsOver):
                return see_other(reverse("wagtail_agenda:manage", args=[token]))
            except Overloaded as error:
                notice, status, retry_after = str(error), 503, error.retry_after
            except BookingError as error:
                notice, status = str(error), 409
            else:
                return see_other(reverse("wagtail_agenda:manage", args=[token]))
    context = {
        "notice": notice,
        "reason": reason[: 2 * LONGEST_REASON],
        "reason_is_wrong": len(reason) > LONGEST_REASON,
    }
    response = _show(request, "manage_cancel", booking, token, status, **context)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


@own_booking("GET")
def manage_ics(request: HttpRequest, booking: Booking, token: str) -> HttpResponse:
    """The booking as a calendar file."""
    try:
        calendar = correspondence.download(booking)
    except ValueError:
        # The site's own sender address is unusable; a system check says how to mend it.
        logger.exception("Booking %s cannot be written as a calendar file.", booking.reference)
        return refused(
            request,
            _("The calendar file cannot be made at the moment"),
            _("Your booking stands. Please note its date, or try again later."),
            status=503,
            return_path=reverse("wagtail_agenda:manage", args=[token]),
        )
    return HttpResponse(
        calendar,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{booking.reference}.ics"'},
    )


def _show(
    request: HttpRequest,
    template: str,
    booking: Booking,
    token: str,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    now = timezone.now()
    subject = booking.event or booking.meeting_type
    return show(
        request,
        template,
        {
            "booking": booking,
            "slot": bookings.slot_of(booking),
            "title": booking.user_display_label or (subject.label if subject else booking.label),
            "is_over": booking.start <= now,
            "manage_url": reverse("wagtail_agenda:manage", args=[token]),
            "cancel_url": reverse("wagtail_agenda:manage_cancel", args=[token]),
            **keeping(request, booking, token, now),
            **context,
        },
        status,
    )
