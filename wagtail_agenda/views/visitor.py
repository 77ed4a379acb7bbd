"""The visitor's way: choose a time → picker → details → summary → confirmed.

A `Hold` is the visitor's basket: it keeps the time for a while, and what was typed for a day. The
random lock code in the address leads to it, so nothing depends on the session and two windows do
not disturb each other. Every view is thin: it reads the basket, asks `booking` to act, and says
what came of it.
"""

import hashlib
import json
import math
import re
import secrets
from collections.abc import Callable
from datetime import date, datetime
from datetime import timezone as fixed_zone
from functools import wraps
from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from wagtail.models import Site

from wagtail_agenda import (
    availability,
    booking,
    conf,
    form_definition,
    spam,
    throttle,
    tokens,
    wording,
)
from wagtail_agenda.errors import (
    AgendaClosed,
    BookingError,
    EventIsOver,
    HoldUsed,
    NotOffered,
    Overloaded,
    SoldOut,
)
from wagtail_agenda.forms import details_of, form_of, typed
from wagtail_agenda.models import Agenda, FormVersion, Hold, MeetingType
from wagtail_agenda.timegrid import instant_of
from wagtail_agenda.views.basket import (
    RETRY_SECONDS,
    busy_text,
    hold_for,
    limit_text,
    name_in,
    notice_of,
    refused_for,
    step_url,
)
from wagtail_agenda.views.month import month_bounds, month_of, month_text, parse_day
from wagtail_agenda.views.pages import (
    HONEYPOT,
    form_is_stale,
    refused,
    see_other,
    show,
    stale_notice,
    visitor_page,
)

DIGEST = re.compile(r"[0-9a-f]{64}")
LOCK_CODE = re.compile(r"[A-Za-z0-9_-]{22}")


# The steps


def step(*methods: str) -> Callable:
    """Makes a view a step of the way: it gets the visitor's basket, in the form's language.

    A booking that is made already leads to its confirmation, whatever the step.
    """

    def decorate(view: Callable) -> Callable:
        @visitor_page(*methods)
        @wraps(view)
        def page(request: HttpRequest, digest: str, lock_code: str) -> HttpResponse:
            now = timezone.now()
            basket = _basket(digest, lock_code, now)
            if basket is None:
                return _basket_is_gone(request, digest, now)
            with override(basket.form_version.definition["language"] or None):
                try:
                    if basket.booking_id and view.__name__ != "confirmed":
                        return see_other(_url("confirmed", basket))
                    if not basket.booking_id and not availability.is_open(basket.agenda, now):
                        if "user_name" in request.POST and not form_is_stale(request):
                            # It may open again.
                            booking.keep_answers(basket, typed(_asked(basket), request.POST))
                        raise AgendaClosed()
                    return view(request, basket, now)
                except HoldUsed:
                    return see_other(_url("confirmed", basket))
                except BookingError as error:
                    return refused_for(request, error, basket.return_path)

        return page

    return decorate


def _basket(digest: str, lock_code: str, now: datetime) -> Hold | None:
    if not (DIGEST.fullmatch(digest) and LOCK_CODE.fullmatch(lock_code)):
        return None
    basket = (
        Hold.objects.filter(lock_code=lock_code, form_version__digest=digest)
        .select_related(
            "agenda",
            "form_version",
            "meeting_type",
            "desk",
            "event",
            "booking__agenda",
            "booking__meeting_type",
            "booking__event",
        )
        .first()
    )
    if basket is None or basket.booking_id or booking.is_held(basket, now):
        return basket
    # Purged soon: what its form asks may have changed since.
    return basket if now - basket.created_at < booking.BASKET_LIFETIME else None


@step("GET", "POST")
def picker(request: HttpRequest, basket: Hold, now: datetime) -> HttpResponse:
    """Appointment type, then month and day, then time; or the dates of the events."""
    notice = ""
    if request.method == "POST":
        key = request.POST.get("slot", "")
        if form_is_stale(request):
            notice = stale_notice()
        elif not key:
            notice = (
                _("Choose a time first.")
                if basket.agenda.takes_appointments
                else _("Choose a date first.")
            )
        else:
            return _move(request, basket, key, now)
    return _show_picker(request, basket, now, notice, status=403 if form_is_stale(request) else 200)


def _move(request: HttpRequest, basket: Hold, key: str, now: datetime) -> HttpResponse:
    """Holds the chosen slot for this basket, and goes on to what is still missing.

    Counts as starting to book does: whoever chooses again and again keeps times from others.
    """
    try:
        throttle.count(throttle.basket_limits(request), now)
        moved = hold_for(
            request, basket.form_version, basket.agenda, basket.lock_code, key, now, ""
        )
    except (SoldOut, NotOffered, EventIsOver) as error:
        return see_other(_url("picker", basket, notice=notice_of(error), wanted=name_in(key)))
    except (throttle.TooMany, throttle.CannotCount) as error:
        return refused_for(request, error, _url("picker", basket))
    complete = form_of(_asked(moved), moved.answers, judged=True).is_valid()
    return see_other(_url("summary" if complete else "details", moved))


def _show_picker(
    request: HttpRequest, basket: Hold, now: datetime, notice: str, status: int
) -> HttpResponse:
    agenda, asked = basket.agenda, _asked(basket)
    context = {
        "basket": basket,
        "texts": asked["texts"],
        "action": _url("picker", basket),
        "zone": agenda.timezone,
        "notice": notice or _notice(request.GET.get("notice", ""), basket),
        "held": booking.is_held(basket, now),
        "slot": booking.slot_of(basket) if booking.is_held(basket, now) else None,
    }
    wanted = name_in(request.GET.get("wanted", ""))
    meeting_type = None
    if agenda.takes_appointments:
        types = _types_on_offer(agenda, asked)
        if not types:
            raise AgendaClosed()
        slug = request.GET.get("type") or wanted.partition(":")[0]
        meeting_type = next((item for item in types if item.slug == slug), None)
        if meeting_type is None and "type" not in request.GET and basket.meeting_type in types:
            meeting_type = basket.meeting_type
        if len(types) == 1:
            meeting_type = types[0]
        context |= {"types": types, "meeting_type": meeting_type}
        if meeting_type is None:
            return show(request, "picker_types", context, status)
    if context["notice"]:
        around = _moment_of(agenda, wanted) or basket.start
        if around:
            context["nearest"] = availability.nearest(
                agenda, meeting_type, around, now=now, lock_code=basket.lock_code
            )
    if not agenda.takes_appointments:
        return show(request, "picker_events", context | _coming_events(basket, now), status)
    return show(
        request,
        "picker",
        context | _month(request, basket, meeting_type, _day_of(wanted), now),
        status,
    )


def _month(
    request: HttpRequest,
    basket: Hold,
    meeting_type: MeetingType,
    wanted: date | None,
    now: datetime,
) -> dict:
    """The month asked for, or the first one that has something to choose."""
    agenda = basket.agenda
    window = _window(agenda, now)
    day = parse_day(request.GET.get("day", "")) or wanted
    in_month = parse_day(request.GET.get("month", "")[:7]) or day
    if in_month is None:
        first_free = availability.next_free(
            agenda, meeting_type, now=now, limit=1, lock_code=basket.lock_code
        )
        if not first_free:
            return {"month": None}
        in_month = first_free[0].start.date()
    first, last = month_bounds(min(max(in_month, window[0]), window[1]))
    slots = availability.slots(
        agenda,
        meeting_type,
        first=max(first, window[0]),
        last=min(last, window[1]),
        now=now,
        lock_code=basket.lock_code,
    )
    return {"month": month_of(slots, first, window, day)}


def _coming_events(basket: Hold, now: datetime) -> dict:
    """Every event in the window by month, the full ones as well: they are worth knowing of."""
    first, last = _window(basket.agenda, now)
    slots = availability.slots(
        basket.agenda,
        first=first,
        last=last,
        now=now,
        lock_code=basket.lock_code,
        with_full=True,
    )
    return {
        "months": [
            (month_text(month), list(of_month))
            for month, of_month in groupby(slots, key=lambda slot: slot.start.date().replace(day=1))
        ],
        "any_free": any(not slot.full for slot in slots),
    }


@step("GET", "POST")
def details(request: HttpRequest, basket: Hold, now: datetime) -> HttpResponse:
    """The form. What is typed is kept whatever else happens."""
    asked = _asked(basket)
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
        return see_other(_url("picker", basket))
    if not booking.is_held(basket, now):
        if status == 200:
            return see_other(_url("picker", basket, notice="lapsed"))
    form = form_of(asked, answers, judged=judged)
    if request.method == "POST" and status == 200:
        if request.POST.get(HONEYPOT):
            notice = _("Leave the field “Leave this empty” empty, and send the form again.")
        elif form.is_valid():
            return see_other(_url("summary", basket))
    return show(
        request,
        "details",
        {
            **_chosen(basket, now),
            "form": form,
            "judged": judged,
            "notice": notice,
            "action": _url("details", basket),
            "picker_url": _url("picker", basket),
        },
        status,
    )


@step("GET", "POST")
def summary(request: HttpRequest, basket: Hold, now: datetime) -> HttpResponse:
    """Everything once more, and the button that books."""
    if basket.start is None:
        return see_other(_url("picker", basket))
    form = form_of(_asked(basket), basket.answers, judged=True)
    if not form.is_valid():
        if not booking.is_held(basket, now):
            return see_other(_url("picker", basket, notice="lapsed"))
        return see_other(_url("details", basket, check="1"))
    if request.method == "POST":
        return _confirm(request, basket, form, now)
    if not booking.is_held(basket, now):
        return see_other(_url("picker", basket, notice="lapsed"))
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
    asked = _asked(basket)
    limits = throttle.booking_limits(request, form.cleaned_data["user_email"])
    try:
        throttle.count(limits, now)
    except throttle.TooMany as error:
        if Hold.objects.filter(pk=basket.pk, booking__isnull=False).exists():
            # Sent twice, and the other one was the last that the limit allowed.
            return see_other(_url("confirmed", basket))
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
        made = booking.confirm(basket, details, now=now)
    except BookingError as error:
        throttle.uncount(limits, now)
        if isinstance(error, SoldOut | NotOffered | EventIsOver):
            return see_other(_url("picker", basket, notice=notice_of(error)))
        if isinstance(error, Overloaded):
            text = str(error)
            return _show_summary(request, basket, form, now, text, 503, error.retry_after)
        raise
    if made.created_at != now:
        # Sent twice: the booking is the other one's, and counted there.
        throttle.uncount(limits, now)
    return see_other(_url("confirmed", basket))


def _show_summary(
    request: HttpRequest,
    basket: Hold,
    form,
    now: datetime,
    notice: str = "",
    status: int = 200,
    retry_after: int | None = None,
) -> HttpResponse:
    asked = _asked(basket)
    given = details_of(asked, form.cleaned_data)
    response = show(
        request,
        "summary",
        {
            **_chosen(basket, now),
            "notice": notice,
            "said": [
                (_("Name"), given.user_name),
                (_("E-mail"), given.user_email),
                *form_definition.answers_in_words(asked, given.answers),
            ],
            "seen": _seen(basket),
            "action": _url("summary", basket),
            "picker_url": _url("picker", basket),
            "details_url": _url("details", basket),
        },
        status,
    )
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


@step("GET")
def confirmed(request: HttpRequest, basket: Hold, now: datetime) -> HttpResponse:
    """What was booked, and the way to it from here on."""
    made = basket.booking
    if made is None:
        return see_other(_url("summary", basket))
    token = tokens.manage_token(made)
    return show(
        request,
        "confirmed",
        {
            "booking": made,
            "slot": booking.slot_of(made),
            "texts": _asked(basket)["texts"],
            "manage_url": reverse("wagtail_agenda:manage", args=[token]),
            "ics_url": reverse("wagtail_agenda:manage_ics", args=[token]),
            "return_path": basket.return_path,
        },
    )


# What the steps share


def _types_on_offer(agenda: Agenda, asked: dict) -> list[MeetingType]:
    types = availability.meeting_types_on_offer(agenda)
    fixed = asked["meeting_type"]
    return [item for item in types if fixed is None or item.pk == fixed]


def _window(agenda: Agenda, now: datetime) -> tuple[date, date]:
    earliest, latest = availability.booking_window(agenda, now)
    return (
        instant_of(earliest).astimezone(agenda.zone).date(),
        # The window's end is not in it.
        instant_of(max(earliest, latest - 1)).astimezone(agenda.zone).date(),
    )


def _moment_of(agenda: Agenda, key: str) -> datetime | None:
    """When a slot of that name begins, in UTC, whether or not it can be had; None for no name."""
    if not agenda.takes_appointments:
        event = agenda.events.filter(slug=key).first()
        return event.start if event else None
    named = availability.APPOINTMENT_KEY.fullmatch(key)
    if not named:
        return None
    try:
        local = datetime.strptime(named["day"] + named["time"], "%Y-%m-%d%H%M")
        return local.replace(tzinfo=agenda.zone).astimezone(fixed_zone.utc)
    except (ValueError, OverflowError):
        return None


def _day_of(key: str) -> date | None:
    named = availability.APPOINTMENT_KEY.fullmatch(key)
    return parse_day(named["day"]) if named else None


def _asked(basket: Hold) -> dict:
    return basket.form_version.definition


def _url(name: str, basket: Hold, **query: str) -> str:
    return step_url(name, basket.form_version.digest, basket.lock_code, **query)


def _chosen(basket: Hold, now: datetime) -> dict:
    """What is held and until when, for the top of a page."""
    return {
        "basket": basket,
        "texts": _asked(basket)["texts"],
        "slot": booking.slot_of(basket),
        "zone": basket.agenda.timezone,
        "held": booking.is_held(basket, now),
        "held_until": basket.lapses_at and basket.lapses_at.astimezone(basket.agenda.zone),
        "now": now,
    }


def _seen(basket: Hold) -> str:
    """A digest of what the summary shows, so that nobody confirms what they have not read."""
    shown = json.dumps([booking.slot_of(basket).key, basket.answers], sort_keys=True)
    return hashlib.sha256(shown.encode()).hexdigest()[:32]


# Saying no


def _notice(code: str, basket: Hold) -> str:
    """The sentence above the picker for a code in its address; "" for an unknown one."""
    kept = _("Everything you typed is kept.") if basket.answers else ""
    if code == "lapsed" and basket.lapses_at:
        what = _("Your time was held until %(time)s and is free for others again.") % {
            "time": wording.time_text(basket.lapses_at.astimezone(basket.agenda.zone))
        }
    elif code == "taken":
        what = str(SoldOut(appointment=basket.agenda.takes_appointments))
    elif code == "over":
        what = str(EventIsOver())
    elif code == "not-offered":
        what = str(NotOffered())
    elif code == "restored":
        what = _("You had been away for long, so no time is held for you any more.")
    else:
        return ""
    return f"{what} {kept}".strip()


def _basket_is_gone(request: HttpRequest, digest: str, now: datetime) -> HttpResponse:
    """No such basket. What a form brings along is not lost: it goes into a basket of its own."""
    version = (
        FormVersion.objects.filter(digest=digest).select_related("agenda").first()
        if DIGEST.fullmatch(digest)
        else None
    )
    brings_answers = request.method == "POST" and "user_name" in request.POST
    if version is None or not brings_answers or form_is_stale(request):
        return refused(
            request,
            _("This booking is no longer waiting for you"),
            _(
                "What was begun here was left for more than a day and has been deleted, or the "
                "address is incomplete. Start again from the page with the booking form."
            ),
            status=404,
        )
    with override(version.definition["language"] or None):
        try:
            if not availability.is_open(version.agenda, now):
                raise AgendaClosed()
            throttle.count(throttle.basket_limits(request), now)
        except (AgendaClosed, throttle.TooMany, throttle.CannotCount) as error:
            return refused_for(request, error, "")
        basket = booking.open_basket(
            version.agenda,
            lock_code=secrets.token_urlsafe(16),
            form_version=version,
            return_path="",
            now=now,
        )
        booking.keep_answers(basket, typed(version.definition, request.POST))
        return see_other(_url("picker", basket, notice="restored"))
