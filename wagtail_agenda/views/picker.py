"""The first step: appointment type, then month and day, then time; or the dates of the events."""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from wagtail_agenda import availability, booking, slot_key, throttle, wording
from wagtail_agenda.availability import Slot
from wagtail_agenda.errors import AgendaClosed, EventIsOver, NotOffered, SoldOut
from wagtail_agenda.forms import form_of
from wagtail_agenda.models import Agenda, Hold, MeetingType
from wagtail_agenda.timegrid import instant_of
from wagtail_agenda.views.basket import hold_for, name_in, notice_of, refused_for
from wagtail_agenda.views.month import month_bounds, month_of, month_text, parse_day
from wagtail_agenda.views.pages import form_is_stale, see_other, show, stale_notice
from wagtail_agenda.views.steps import asked_of, held_of, step, url_of

Window = tuple[date, date]
"""The first and the last day that the booking delays allow."""


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
        return see_other(url_of("picker", basket, notice=notice_of(error), wanted=name_in(key)))
    except (throttle.TooMany, throttle.CannotCount) as error:
        return refused_for(request, error, url_of("picker", basket))
    complete = form_of(asked_of(moved), moved.answers, judged=True).is_valid()
    return see_other(url_of("summary" if complete else "details", moved))


def _show_picker(
    request: HttpRequest, basket: Hold, now: datetime, notice: str, status: int
) -> HttpResponse:
    agenda, asked = basket.agenda, asked_of(basket)
    held = held_of(basket, now)
    context = {
        **held,
        "texts": asked["texts"],
        "action": url_of("picker", basket),
        "zone": agenda.timezone,
        "is_error": bool(notice),
        "notice": notice or _notice(request.GET.get("notice", ""), basket),
        "slot": booking.slot_of(basket) if held["held"] else None,
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
        return show(
            request, "picker_events", context | _coming_events(request, basket, now), status
        )
    return show(
        request, "picker", context | _month(request, basket, meeting_type, wanted, now), status
    )


def _month(
    request: HttpRequest, basket: Hold, meeting_type: MeetingType, wanted: str, now: datetime
) -> dict:
    """The month asked for, or the first one that has something to choose.

    Where nothing is free, it leads to the next time that is; `month` is None if there is none in
    the whole window. `preselected` is the name of the time that the visitor was led to, `focus`
    the part of the page that they asked for.
    """
    agenda = basket.agenda
    window = _window(agenda, now)
    # Everything that is free, once: the month, what comes after it, and what is free next.
    free = availability.slots(
        agenda, meeting_type, first=window[0], last=window[1], now=now, lock_code=basket.lock_code
    )
    if not free:
        return {"month": None, "until": window[1]}
    named = slot_key.read(wanted)
    day = parse_day(request.GET.get("day", "")) or (named.day if named else None)
    in_month = parse_day(request.GET.get("month", "")[:7]) or day
    preselected = "" if "notice" in request.GET else wanted
    if in_month is None or "next" in request.GET:
        day = in_month = free[0].start.date()
        if "next" in request.GET:
            preselected = free[0].key
    first, last = month_bounds(min(max(in_month, window[0]), window[1]))
    of_month = [slot for slot in free if first <= slot.start.date() <= last]
    month = month_of(of_month, first, window, day, now.astimezone(agenda.zone).date())
    found = {"month": month, "preselected": preselected, "focus": _focus(request, preselected)}
    if month.chosen is not None and month.chosen.slots:
        return found
    shown_until = month.chosen.day if month.chosen is not None else last
    later = next((slot for slot in free if slot.start.date() > shown_until), None)
    return {**found, "next_free": later or free[0], "next_is_earlier": later is None}


def _focus(request: HttpRequest, preselected: str) -> str:
    """Where to go on reading: "times" for a day that was chosen, "month" for a turned page."""
    if preselected or "notice" in request.GET:
        return ""
    if "day" in request.GET:
        return "times"
    return "month" if "month" in request.GET else ""


def _coming_events(request: HttpRequest, basket: Hold, now: datetime) -> dict:
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
    first_free = next((slot for slot in slots if not slot.full), None)
    return {
        "months": _by_month(slots),
        "until": last,
        "any_free": first_free is not None,
        "next_free": first_free if first_free is not None and slots[0].full else None,
        "preselected": first_free.key if first_free is not None and "next" in request.GET else "",
    }


def _by_month(slots: Sequence[Slot]) -> list[tuple[str, list[Slot]]]:
    return [
        (month_text(month), list(of_month))
        for month, of_month in groupby(slots, key=lambda slot: slot.start.date().replace(day=1))
    ]


def _types_on_offer(agenda: Agenda, asked: dict) -> list[MeetingType]:
    types = availability.meeting_types_on_offer(agenda)
    fixed = asked["meeting_type"]
    return [item for item in types if fixed is None or item.pk == fixed]


def _window(agenda: Agenda, now: datetime) -> Window:
    earliest, latest = availability.booking_window(agenda, now)
    return (
        instant_of(earliest).astimezone(agenda.zone).date(),
        # The window's end is not in it.
        instant_of(max(earliest, latest - 1)).astimezone(agenda.zone).date(),
    )


def _moment_of(agenda: Agenda, key: str) -> datetime | None:
    """When a slot of that name begins, whether or not it can be had; None for no name."""
    if not agenda.takes_appointments:
        event = agenda.events.filter(slug=key).first()
        return event.start if event else None
    named = slot_key.read(key)
    return named.instant(agenda.zone) if named else None


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
