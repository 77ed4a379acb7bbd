"""The first step: appointment type, then month and day, then time; or the dates of the events."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wagtail_agenda import booking, throttle, wording
from wagtail_agenda.availability import Slot
from wagtail_agenda.blocks.booking_form import types_on_offer
from wagtail_agenda.errors import (
    AgendaClosed,
    EventCancelled,
    EventIsOver,
    NotOffered,
    SoldOut,
)
from wagtail_agenda.models import Agenda, Event, Hold
from wagtail_agenda.views.basket import (
    MOST_AT_ONCE,
    REFUSALS,
    Choice,
    choice_in,
    hold_for,
    how_many_text,
    name_in,
    places_in,
    refusal_of,
    refused_for,
)
from wagtail_agenda.views.on_offer import Wish, dates_on_offer, month_on_offer
from wagtail_agenda.views.pages import form_is_stale, see_other, show, stale_notice
from wagtail_agenda.views.steps import asked_of, held_of, next_step, step, url_of
from wagtail_agenda.views.until import chooses_length


@step("GET", "POST")
def picker(request: HttpRequest, basket: Hold, now: datetime) -> HttpResponse:
    """Appointment type, then month and day, then time; or the dates of the events."""
    if request.method != "POST":
        return _show_picker(request, basket, now)
    choice = choice_in(request.POST, basket.agenda)
    if form_is_stale(request):
        return _show_picker(request, basket, now, choice, stale_notice(), 403)
    if not choice.keys:
        notice = (
            _("Choose a time first.")
            if basket.agenda.takes_appointments
            else _("Choose a date first.")
        )
        return _show_picker(request, basket, now, choice, notice)
    return _take(request, basket, choice, now)


def _take(request: HttpRequest, basket: Hold, choice: Choice, now: datetime) -> HttpResponse:
    """Holds what was chosen for this basket, and goes on to what is still missing.

    Counts as starting to book does: whoever chooses again and again keeps times from others.
    """
    wish = Wish(basket.agenda, now, lock_code=basket.lock_code, places=choice.places or 1)
    try:
        if chooses_length(wish, choice):
            return see_other(url_of("until", basket, start=choice.keys[0]))
        throttle.count(throttle.basket_limits(request), now)
        held = hold_for(
            request, basket.form_version, basket.agenda, basket.lock_code, choice, now, ""
        )
    except REFUSALS as error:
        return see_other(url_of("picker", basket, **refusal_of(error, choice, wish)))
    except (throttle.TooMany, throttle.CannotCount) as error:
        return refused_for(request, error, url_of("picker", basket))
    return see_other(next_step(held))


def _show_picker(
    request: HttpRequest,
    basket: Hold,
    now: datetime,
    choice: Choice | None = None,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    agenda, asked = basket.agenda, asked_of(basket)
    held = held_of(basket, now)
    wanted = [name for name in map(name_in, request.GET.getlist("wanted")) if name]
    context = {
        **held,
        **_places(request.GET, basket, choice),
        "texts": asked["texts"],
        "action": url_of("picker", basket),
        "zone": agenda.timezone,
        "is_error": bool(notice) or request.GET.get("notice") == "nothing",
        "notice": notice or _notice(request.GET, basket),
        "held_slots": _held_slots(basket) if held["held"] else [],
        "several": agenda.several_events and not agenda.takes_appointments,
    }
    meeting_type = None
    if agenda.takes_appointments:
        types = types_on_offer(agenda, asked["meeting_type"])
        if not types:
            raise AgendaClosed()
        slug = request.GET.get("type") or (wanted[0].partition(":")[0] if wanted else "")
        meeting_type = next((item for item in types if item.slug == slug), None)
        if meeting_type is None and "type" not in request.GET and basket.meeting_type:
            # Not by its key: behind a virtual agenda, one type has a row in each real one.
            slug = basket.meeting_type.slug
            meeting_type = next((item for item in types if item.slug == slug), None)
        if len(types) == 1:
            meeting_type = types[0]
        context |= {"types": types, "meeting_type": meeting_type}
        if meeting_type is None:
            return show(request, "picker_types", context, status)
    wish = Wish(
        agenda,
        now,
        meeting_type=meeting_type,
        lock_code=basket.lock_code,
        places=context["places"],
    )
    if context["notice"] and not context["several"]:
        around = (wish.moment_of(wanted[0]) if wanted else None) or basket.start
        if around:
            context["nearest"] = wish.nearest(around)
    if agenda.takes_appointments:
        context |= month_on_offer(request.GET, wish, wanted[0] if wanted else "")
        return show(request, "picker", context, status)
    context |= dates_on_offer(request.GET, wish, _checked(context, wanted, choice, request.GET))
    return show(request, "picker_events", context, status)


def _held_slots(basket: Hold) -> list[Slot]:
    """What the basket keeps; nothing if one of several events has been deleted."""
    try:
        return booking.slots_of(basket)
    except NotOffered:
        return []


def _places(query: QueryDict, basket: Hold, choice: Choice | None) -> dict:
    """For how many places is looked, and what stands in the field that asks for it."""
    most = basket.agenda.places_per_booking
    if basket.agenda.takes_appointments or most == 1:
        return {"places": 1}
    typed = choice.typed_places if choice is not None else query.get("places", "").strip()[:6]
    places = places_in(typed) if typed else basket.places
    return {
        "places": min(places or 1, most),
        "most_places": most,
        "typed_places": typed or str(basket.places),
    }


def _checked(
    context: dict, wanted: list[str], choice: Choice | None, query: QueryDict
) -> list[str]:
    """The names of the events that stay chosen while the page is shown again."""
    if choice is not None:
        return list(choice.keys)
    if not context["several"]:
        return []
    gone = query.getlist("gone")
    return [key for key in wanted if key not in gone] or [
        slot.key for slot in context["held_slots"]
    ]


def _notice(query: QueryDict, basket: Hold) -> str:
    """The sentence above the picker for a code in its address; "" for an unknown one."""
    agenda, code = basket.agenda, query.get("notice", "")
    kept = _("Everything you typed is kept.") if basket.answers else ""
    if code == "lapsed" and basket.lapses_at:
        what = _("Your time was held until %(time)s and is free for others again.") % {
            "time": wording.time_text(basket.lapses_at.astimezone(agenda.zone))
        }
    elif code == "taken":
        what = _taken(query, agenda)
    elif code == "over":
        what = str(EventIsOver())
    elif code == "cancelled":
        what = _cancelled(query, agenda)
    elif code == "not-offered":
        what = str(NotOffered())
    elif code == "places":
        what = how_many_text(agenda.places_per_booking)
    elif code == "too-many":
        what = ngettext(
            "Choose %(most)d date at once; the first one is still chosen.",
            "Choose at most %(most)d dates at once; the first ones are still chosen.",
            MOST_AT_ONCE,
        ) % {"most": MOST_AT_ONCE}
    elif code == "nothing":
        what = _("Choose a date first.")
    elif code == "restored":
        what = _("You had been away for long, so no time is held for you any more.")
    else:
        return ""
    return f"{what} {kept}".strip()


def _taken(query: QueryDict, agenda: Agenda) -> str:
    gone = _events(agenda, query.getlist("gone"))
    places = places_in(query.get("places", "")) or 1
    if gone:
        return ngettext(
            "There is not enough room left at %(events)s, so nothing was booked. The others are "
            "still chosen: continue with them, or choose another date as well.",
            "There is not enough room left at %(events)s, so nothing was booked. The others are "
            "still chosen: continue with them, or choose other dates as well.",
            len(gone),
        ) % {"events": "; ".join(_event_text(event, agenda) for event in gone)}
    if places > 1:
        return ngettext(
            "There is no room for %(count)d place any more. Choose another date, or fewer places.",
            "There is no room for %(count)d places any more. Choose another date, or fewer places.",
            places,
        ) % {"count": places}
    return str(SoldOut(appointment=agenda.takes_appointments))


def _cancelled(query: QueryDict, agenda: Agenda) -> str:
    """That events are cancelled, with the reason of each that has one."""
    wanted = _events(agenda, query.getlist("wanted"))
    cancelled = [event for event in wanted if event.is_cancelled]
    parts = []
    for event in cancelled:
        parts.append(
            _("%(event)s is cancelled and does not take place.")
            % {"event": _event_text(event, agenda)}
        )
        if event.cancellation_reason:
            parts.append(_("Reason: %(reason)s") % {"reason": event.cancellation_reason})
    return " ".join([*(parts or [str(EventCancelled())]), _("Choose another date.")])


def _events(agenda: Agenda, slugs: list[str]) -> list[Event]:
    named = [name for name in map(name_in, slugs) if name]
    if not named or agenda.takes_appointments:
        return []
    return list(agenda.events.filter(slug__in=named).order_by("start", "pk"))


def _event_text(event: Event, agenda: Agenda) -> str:
    return _("“%(event)s” (%(when)s)") % {
        "event": event.label,
        "when": wording.moment_text(event.start.astimezone(agenda.zone)),
    }
