"""The visitor's own page for one booking, behind the secret link in their mail.

Opening a link changes nothing, because mail scanners open links as well: whatever changes a booking
has a button. See `offers` and `changing` for what they lead to.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from wagtail_agenda import booking as bookings
from wagtail_agenda import calendar_entries, resending, throttle, tokens
from wagtail_agenda.choices import Actor, Admission
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
from wagtail_agenda.views.standing import standing_of

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
    """When, where, in which status; calendars; the mail once more; what can still be changed."""
    return show_booking(request, "manage", booking, token, said=_said(request, booking))


def _said(request: HttpRequest, booking: Booking) -> str:
    """What has just been done, as far as the booking bears it out; "" for anything else."""
    if request.GET.get("mail") == "again":
        mail = resending.last_mail(booking)
        return mail_text(mail, booking) if mail is not None else ""
    done = request.GET.get("done", "")
    if done == "accepted" and booking.admission == Admission.CONFIRMED:
        return _("You have accepted: the place is yours.")
    if done == "moved" and booking.admission == Admission.CONFIRMED:
        return _(
            "Your booking has been moved. The mail that is on its way updates the entry in your "
            "calendar. What you added from a file or a website stays as it was: delete it there."
        )
    if done == "moved" and not booking.is_cancelled:
        return _("Your booking has been moved.")
    if done == "places" and not booking.is_cancelled:
        return ngettext(
            "Your booking has %(places)d place.",
            "Your booking has %(places)d places.",
            booking.places,
        ) % {"places": booking.places}
    return ""


@own_booking("GET", "POST")
def mail_again(request: HttpRequest, booking: Booking, token: str) -> HttpResponse:
    """Sends the visitor's last mail once more, by POST."""
    now = timezone.now()
    if request.method != "POST" or booking.start <= now:
        return see_other(manage_url(token))
    if form_is_stale(request):
        return show_booking(request, "manage", booking, token, 403, notice=stale_notice())
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
            return see_other(f"{manage_url(token)}?mail=again")
        except Overloaded as error:
            throttle.uncount(limits, now)
            text, status, retry_after = str(error), 503, error.retry_after
    return show_booking(request, "manage", booking, token, status, retry_after, notice=text)


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
        return see_other(manage_url(token))
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
                return see_other(manage_url(token))
            except Overloaded as error:
                notice, status, retry_after = str(error), 503, error.retry_after
            except BookingError as error:
                notice, status = str(error), 409
            else:
                return see_other(manage_url(token))
    context = {
        "notice": notice,
        "reason": reason[: 2 * LONGEST_REASON],
        "reason_is_wrong": len(reason) > LONGEST_REASON,
    }
    return show_booking(request, "manage_cancel", booking, token, status, retry_after, **context)


@own_booking("GET")
def manage_ics(request: HttpRequest, booking: Booking, token: str) -> HttpResponse:
    """The booking as a calendar file."""
    try:
        calendar = calendar_entries.download(booking)
    except ValueError:
        # The site's own sender address is unusable; a system check says how to mend it.
        logger.exception("Booking %s cannot be written as a calendar file.", booking.reference)
        return refused(
            request,
            _("The calendar file cannot be made at the moment"),
            _("Your booking stands. Please note its date, or try again later."),
            status=503,
            return_path=manage_url(token),
        )
    return HttpResponse(
        calendar,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{booking.reference}.ics"'},
    )


def manage_url(token: str, done: str = "") -> str:
    """The address of a visitor's own page; `done` is what it then says has been done."""
    url = reverse("wagtail_agenda:manage", args=[token])
    return f"{url}?done={done}" if done else url


def show_booking(
    request: HttpRequest,
    template: str,
    booking: Booking,
    token: str,
    status: int = 200,
    retry_after: int | None = None,
    **context: Any,
) -> HttpResponse:
    """A page about one booking, which says how it stands and what can be done with it."""
    now = timezone.now()
    subject = booking.event or booking.meeting_type
    response = show(
        request,
        template,
        {
            "booking": booking,
            "slot": bookings.slot_of(booking),
            "places": booking.places,
            "title": booking.user_display_label or (subject.label if subject else booking.label),
            "standing": standing_of(booking, now),
            "is_over": booking.start <= now,
            "is_waiting": booking.admission == Admission.WAITING,
            "manage_url": manage_url(token),
            "cancel_url": reverse("wagtail_agenda:manage_cancel", args=[token]),
            **_ways_on(booking, token, now),
            **keeping(request, booking, token, now),
            **context,
        },
        status,
    )
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _ways_on(booking: Booking, token: str, now: datetime) -> dict[str, Any]:
    """The addresses of what this visitor may do at this moment, or why they may not."""
    if booking.is_cancelled or booking.start <= now:
        return {}
    if booking.admission == Admission.OFFERED:
        return {
            "accept_url": reverse("wagtail_agenda:offer_accept", args=[token]),
            "decline_url": reverse("wagtail_agenda:offer_decline", args=[token]),
        }
    try:
        bookings.require_may_move(booking, actor=Actor.VISITOR, now=now)
    except BookingError as error:
        return {"why_not_move": str(error)}
    ways: dict[str, Any] = {"move_url": reverse("wagtail_agenda:manage_move", args=[token])}
    most = max(booking.agenda.places_per_booking, booking.places)
    if booking.event is not None and most > 1:
        ways["places_url"] = reverse("wagtail_agenda:manage_places", args=[token])
        ways["most_places"] = most
    return ways
