"""The visitor's way once a time is chosen: details → summary → confirmed.

A `Hold` is the visitor's basket: it keeps the time for a while, and what was typed for a day. The
random lock code in the address leads to it, so nothing depends on the session and two windows do
not disturb each other. Every view is thin: it reads the basket, asks `booking` to act, and says
what came of it.
"""

import hashlib
import json
import math
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from wagtail.models import Site

from wagtail_agenda import booking, conf, form_definition, spam, throttle, tokens
from wagtail_agenda.errors import (
    BookingError,
    CapReached,
    EventCancelled,
    NotOffered,
    Overloaded,
)
from wagtail_agenda.forms import details_of, form_of, typed
from wagtail_agenda.models import Booking, Hold
from wagtail_agenda.views.basket import (
    REFUSALS,
    RETRY_SECONDS,
    Choice,
    busy_text,
    code_of,
    limit_text,
    refusal_of,
)
from wagtail_agenda.views.chosen import chosen_context, chosen_in
from wagtail_agenda.views.keeping import keeping
from wagtail_agenda.views.on_offer import Wish
from wagtail_agenda.views.pages import (
    HONEYPOT,
    form_is_stale,
    see_other,
    show,
    stale_notice,
)
from wagtail_agenda.views.standing import standing_of
from wagtail_agenda.views.steps import asked_of, step, url_of


@step("GET", "POST")
def details(request: HttpRequest, basket: Hold, now: datetime) -> HttpResponse:
    """The form. What is typed is kept whatever else happens."""
    asked = asked_of(basket)
    notice, status = "", 200
    answers = basket.answers
    judged = bool(answers) and "check" in request.GET
    if request.method == "POST":
        answers, judged = typed(asked, request.POST), True
        if form_is_stale(request):
            # Shown again as it was typed, but not stored: it may come from anywhere.
            notice, status = stale_notice(), 403
        else:
            booking.keep_answers(basket, answers)
    if basket.start is None:
        return see_other(url_of("picker", basket))
    if status == 200:
        back = _back_to_picker(basket, now)
        if back:
            return see_other(back)
    form = form_of(asked, answers, judged=judged)
    if request.method == "POST" and status == 200:
        if request.POST.get(HONEYPOT):
            notice = _("Leave the field “Leave this empty” empty, and send the form again.")
        elif form.is_valid():
            return see_other(url_of("summary", basket))
    return show(
        request,
        "details",
        {
            **chosen_context(basket, now),
            "form": form,
            "judged": judged,
            "notice": notice,
            "action": url_of("details", basket),
            "picker_url": url_of("picker", basket),
        },
        status,
    )


@step("GET", "POST")
def summary(request: HttpRequest, basket: Hold, now: datetime) -> HttpResponse:
    """Everything once more, and the button that books."""
    if basket.start is None:
        return see_other(url_of("picker", basket))
    form = form_of(asked_of(basket), basket.answers, judged=True)
    back = _back_to_picker(basket, now)
    if not form.is_valid():
        return see_other(back or url_of("details", basket, check="1"))
    if request.method == "POST":
        return _confirm(request, basket, form, now)
    if back:
        return see_other(back)
    return _show_summary(request, basket, form, now)


def _confirm(request: HttpRequest, basket: Hold, form, now: datetime) -> HttpResponse:
    if form_is_stale(request):
        return _show_summary(request, basket, form, now, stale_notice(), 403)
    if request.POST.get("seen") != _seen(basket):
        changed = _("Something was changed in another window. Please read it over once more.")
        return _show_summary(request, basket, form, now, changed, 409)
    wait = conf.get("FORM_MINIMUM_SECONDS") - (now - basket.created_at).total_seconds()
    if wait > 0:
        quick = _(
            "That was quicker than anybody reads. Nothing is booked yet: read it over, then "
            "confirm again."
        )
        return _show_summary(request, basket, form, now, quick, 429, retry_after=math.ceil(wait))
    asked = asked_of(basket)
    limits = throttle.booking_limits(request, form.cleaned_data["user_email"])
    try:
        throttle.count(limits, now)
    except throttle.TooMany as error:
        if Hold.objects.filter(pk=basket.pk, booking__isnull=False).exists():
            # Sent twice, and the other one was the last that the limit allowed.
            return see_other(url_of("confirmed", basket))
        text = limit_text(error.retry_after)
        return _show_summary(request, basket, form, now, text, 429, error.retry_after)
    except throttle.CannotCount:
        return _show_summary(request, basket, form, now, busy_text(), 503, RETRY_SECONDS)
    try:
        refusal = spam.refusal(request, form)
    except spam.CannotCheck:
        throttle.uncount(limits, now)
        return _show_summary(request, basket, form, now, busy_text(), 503, RETRY_SECONDS)
    if refusal:
        # It still counts for where it came from, so that nobody tries for ever; no mail was sent.
        throttle.uncount([limit for limit in limits if limit.what == "mails"], now)
        return _show_summary(request, basket, form, now, refusal, 422)
    details = details_of(
        asked,
        form.cleaned_data,
        language=asked["language"],
        site=Site.find_for_request(request),
        form_version=basket.form_version,
    )
    try:
        made = booking.confirm_all(basket, details, now=now)[0]
    except BookingError as error:
        throttle.uncount(limits, now)
        if isinstance(error, REFUSALS):
            return see_other(_refused(basket, error, now))
        if isinstance(error, CapReached):
            return _show_summary(request, basket, form, now, str(error), 409)
        if isinstance(error, Overloaded):
            text = str(error)
            return _show_summary(request, basket, form, now, text, 503, error.retry_after)
        raise
    if made.created_at != now:
        # Sent twice: the booking is the other one's, and counted there.
        throttle.uncount(limits, now)
    return see_other(url_of("confirmed", basket))


def _back_to_picker(basket: Hold, now: datetime) -> str:
    """The address of the picker if nothing is held any more; "" as long as something is."""
    try:
        slots = booking.slots_of(basket)
    except NotOffered as error:
        # One of several events has been deleted.
        return url_of("picker", basket, notice=code_of(error))
    if any(slot.event is not None and slot.event.is_cancelled for slot in slots):
        return _refused(basket, EventCancelled(), now)
    return "" if booking.is_held(basket, now) else url_of("picker", basket, notice="lapsed")


def _refused(basket: Hold, error: BookingError, now: datetime) -> str:
    try:
        keys = tuple(slot.key for slot in booking.slots_of(basket))
    except NotOffered:
        keys = ()
    wish = Wish(basket.agenda, now, lock_code=basket.lock_code, places=basket.places)
    return url_of("picker", basket, **refusal_of(error, Choice(keys, basket.places), wish))


def _show_summary(
    request: HttpRequest,
    basket: Hold,
    form,
    now: datetime,
    notice: str = "",
    status: int = 200,
    retry_after: int | None = None,
) -> HttpResponse:
    asked = asked_of(basket)
    given = details_of(asked, form.cleaned_data)
    response = show(
        request,
        "summary",
        {
            **chosen_context(basket, now),
            "notice": notice,
            "said": [
                (_("Name"), given.user_name),
                (_("E-mail"), given.user_email),
                *form_definition.answers_in_words(asked, given.answers),
            ],
            "seen": _seen(basket),
            "action": url_of("summary", basket),
            "picker_url": url_of("picker", basket),
            "details_url": url_of("details", basket),
        },
        status,
    )
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


@step("GET")
def confirmed(request: HttpRequest, basket: Hold, now: datetime) -> HttpResponse:
    """What was booked, and the way to it from here on."""
    first = basket.booking
    if first is None:
        return see_other(url_of("summary", basket))
    made = [_made(request, each, now) for each in _together(first)]
    return show(
        request,
        "confirmed",
        {
            **made[0],
            "made": made,
            "texts": asked_of(basket)["texts"],
            "return_path": basket.return_path,
        },
    )


def _together(first: Booking) -> list[Booking]:
    """The bookings that were made in one go with this one, in the order of their dates."""
    if first.booked_together is None:
        return [first]
    together = Booking.objects.filter(booked_together=first.booked_together)
    return list(
        together.select_related("agenda", "event", "status", "site").order_by("start", "pk")
    )


def _made(request: HttpRequest, made: Booking, now: datetime) -> dict[str, Any]:
    """What the confirmation says of one booking."""
    token = tokens.manage_token(made)
    return {
        "booking": made,
        "slot": booking.slot_of(made),
        "places": made.places,
        "standing": standing_of(made, now),
        "manage_url": reverse("wagtail_agenda:manage", args=[token]),
        **keeping(request, made, token, now),
    }


def _seen(basket: Hold) -> str:
    """A digest of what the summary shows, so that nobody confirms what they have not read."""
    chosen = [(one.slot.key, one.places, one.waits) for one in chosen_in(basket)]
    shown = json.dumps([chosen, basket.answers], sort_keys=True)
    return hashlib.sha256(shown.encode()).hexdigest()[:32]
