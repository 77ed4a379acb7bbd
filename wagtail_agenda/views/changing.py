"""A visitor changes their booking: another time, another number of places.

It keeps its place until it has the new one. What is refused is said where it was asked for, with
what can be had instead, and the booking stands as it was.
"""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wagtail_agenda import availability, throttle
from wagtail_agenda import booking as bookings
from wagtail_agenda.availability import Slot
from wagtail_agenda.choices import Actor, Admission
from wagtail_agenda.errors import (
    AgendaClosed,
    BookingError,
    CapReached,
    EventCancelled,
    EventIsOver,
    NotOffered,
    Overloaded,
    SoldOut,
    TooManyPlaces,
    WaitingListFull,
)
from wagtail_agenda.models import Agenda, Booking
from wagtail_agenda.views.basket import (
    REFUSALS,
    RETRY_SECONDS,
    busy_text,
    code_of,
    how_many_text,
    limit_text,
    name_in,
    places_in,
    refused_for,
    with_query,
)
from wagtail_agenda.views.manage import manage_url, own_booking, show_booking
from wagtail_agenda.views.on_offer import Wish, dates_on_offer, month_on_offer
from wagtail_agenda.views.pages import form_is_stale, see_other, stale_notice

# Another number of places


@own_booking("GET", "POST")
def places(request: HttpRequest, booking: Booking, token: str) -> HttpResponse:
    """Gives the booking another number of places, by POST."""
    now = timezone.now()
    if request.method != "POST":
        return see_other(manage_url(token))
    typed = request.POST.get("places", "").strip()[:6]
    if form_is_stale(request):
        context = {"notice": stale_notice(), "typed_places": typed}
        return show_booking(request, "manage", booking, token, 403, **context)
    number = places_in(typed)
    if number is None:
        most = max(booking.agenda.places_per_booking, booking.places)
        context = {
            "notice": how_many_text(most),
            "typed_places": typed,
            "places_are_wrong": True,
        }
        return show_booking(request, "manage", booking, token, 409, **context)
    try:
        throttle.count(throttle.basket_limits(request), now)
        bookings.resize(booking, number, actor=Actor.VISITOR, now=now)
    except Overloaded as error:
        context = {"notice": str(error), "typed_places": typed}
        return show_booking(request, "manage", booking, token, 503, error.retry_after, **context)
    except throttle.TooMany as error:
        context = {"notice": limit_text(error.retry_after), "typed_places": typed}
        return show_booking(request, "manage", booking, token, 429, error.retry_after, **context)
    except throttle.CannotCount:
        context = {"notice": busy_text(), "typed_places": typed}
        return show_booking(request, "manage", booking, token, 503, RETRY_SECONDS, **context)
    except BookingError as error:
        booking.refresh_from_db()
        context = {
            "notice": _why_not_so_many(error, booking),
            "typed_places": typed,
            "places_are_wrong": True,
        }
        return show_booking(request, "manage", booking, token, 409, **context)
    return see_other(manage_url(token, "places"))


def _why_not_so_many(error: BookingError, booking: Booking) -> str:
    if not isinstance(error, SoldOut | WaitingListFull | TooManyPlaces):
        return str(error)
    if isinstance(error, TooManyPlaces):
        why = str(error)
    elif isinstance(error, WaitingListFull):
        why = _("There is not enough room on the waiting list.")
    else:
        why = _("There are not enough places left, or others are waiting for them.")
    stays = ngettext(
        "Your booking stays as it is, with %(count)d place.",
        "Your booking stays as it is, with %(count)d places.",
        booking.places,
    ) % {"count": booking.places}
    return f"{why} {stays}"


# Another time


@own_booking("GET")
def move(request: HttpRequest, booking: Booking, token: str) -> HttpResponse:
    """What else can be had: other times of the same appointment type, or other events."""
    now = timezone.now()
    refusal = _refusal(request, booking, token, now)
    if refusal is not None:
        return refusal
    agenda = _chosen_in(booking)
    wish = _wish(booking, now)
    wanted = name_in(request.GET.get("wanted", ""))
    context: dict[str, Any] = {
        "action": _address("manage_move", token),
        "send_to": _address("manage_move_to", token),
        "method": "get",
        "agenda": agenda,
        "meeting_type": booking.meeting_type,
        "zone": agenda.timezone,
        "notice": _notice(request.GET.get("notice", ""), booking),
        # The number of places goes along, and who has a place would lose it on a waiting list.
        "most_places": 0,
        "fixed_places": True,
        "only_places": not wish.may_wait,
    }
    if context["notice"]:
        context["nearest"] = wish.nearest(wish.moment_of(wanted) or booking.start)
    if agenda.takes_appointments:
        context |= month_on_offer(request.GET, wish, wanted)
        return show_booking(request, "move", booking, token, **context)
    context |= dates_on_offer(request.GET, wish) | {"own": wish.has}
    return show_booking(request, "move_events", booking, token, **context)


@own_booking("GET", "POST")
def move_to(request: HttpRequest, booking: Booking, token: str) -> HttpResponse:
    """Shows the old time beside the new one, then moves the booking by POST."""
    now = timezone.now()
    key = request.POST.get("slot", "") or request.GET.get("slot", "")
    wish = _wish(booking, now)
    if key == wish.has:
        # Pressed twice, or nothing changes.
        return see_other(manage_url(token, "moved" if request.method == "POST" else ""))
    refusal = _refusal(request, booking, token, now)
    if refusal is not None:
        return refusal
    if not key:
        return see_other(with_query(_address("manage_move", token), notice="nothing"))
    try:
        new = _found(wish, booking, key)
        if request.method != "POST":
            return _ask(request, booking, token, wish, new)
        if form_is_stale(request):
            return _ask(request, booking, token, wish, new, stale_notice(), 403)
        throttle.count(throttle.basket_limits(request), now)
        bookings.move(booking, new, actor=Actor.VISITOR, now=now)
    except REFUSALS as error:
        query = {"notice": code_of(error), "wanted": name_in(key)}
        return see_other(with_query(_address("manage_move", token), **query))
    except CapReached as error:
        return _ask(request, booking, token, wish, new, str(error), 409)
    except Overloaded as error:
        return _ask(request, booking, token, wish, new, str(error), 503, error.retry_after)
    except throttle.TooMany as error:
        text = limit_text(error.retry_after)
        return _ask(request, booking, token, wish, new, text, 429, error.retry_after)
    except throttle.CannotCount:
        return _ask(request, booking, token, wish, new, busy_text(), 503, RETRY_SECONDS)
    except BookingError as error:
        booking.refresh_from_db()
        return show_booking(request, "manage", booking, token, 409, notice=str(error))
    return see_other(manage_url(token, "moved"))


def _refusal(
    request: HttpRequest, booking: Booking, token: str, now: datetime
) -> HttpResponse | None:
    """The answer to somebody who may not move this booking; None if they may."""
    try:
        bookings.require_may_move(booking, actor=Actor.VISITOR, now=now)
    except BookingError:
        # The page of the booking says why.
        return see_other(manage_url(token))
    if not availability.is_open(_chosen_in(booking), now):
        return refused_for(request, AgendaClosed(), manage_url(token))
    return None


def _address(name: str, token: str) -> str:
    return reverse(f"wagtail_agenda:{name}", args=[token])


def _chosen_in(booking: Booking) -> Agenda:
    """The agenda in which the visitor chooses: the virtual one, with all agendas behind it."""
    return booking.virtual_agenda or booking.agenda


def _wish(booking: Booking, now: datetime) -> Wish:
    """What the booking is looking for: the same, at another time."""
    resources = ()
    if booking.meeting_type is not None:
        # What the type needs comes by itself; the rest was asked for.
        needed = set(booking.meeting_type.resources.values_list("pk", flat=True))
        resources = tuple(row for row in booking.resources.all() if row.pk not in needed)
    return Wish(
        _chosen_in(booking),
        now,
        meeting_type=booking.meeting_type,
        places=booking.places,
        may_wait=booking.admission == Admission.WAITING,
        has=bookings.slot_of(booking).key,
        resources=resources,
        but_booking=booking,
    )


def _found(wish: Wish, booking: Booking, key: str) -> Slot:
    """The slot of that name, if this booking can go there. Raises one of `REFUSALS`."""
    slot = wish.find(key)
    if slot.meeting_type is not None and slot.meeting_type.slug != booking.meeting_type.slug:
        raise NotOffered()
    if not wish.has_room(slot):
        raise SoldOut()
    return slot


def _ask(
    request: HttpRequest,
    booking: Booking,
    token: str,
    wish: Wish,
    new: Slot,
    notice: str = "",
    status: int = 200,
    retry_after: int | None = None,
) -> HttpResponse:
    """The page with the old time and the new one, and the button."""
    ends: list[Slot] = []
    if new.meeting_type is not None and new.meeting_type.free_range:
        ends = wish.ends(new)
    context = {
        "notice": notice,
        "new": new,
        "ends": ends,
        "preselected": _end_like(booking, new, ends, request),
        "waits": wish.may_wait and (new.queued or new.places_free < booking.places),
        "needs_approval": not wish.may_wait and booking.agenda.needs_approval,
        "move_url": with_query(_address("manage_move", token), wanted=new.key),
        "send_to": _address("manage_move_to", token),
    }
    return show_booking(request, "move_to", booking, token, status, retry_after, **context)


def _end_like(booking: Booking, new: Slot, ends: list[Slot], request: HttpRequest) -> str:
    """Of the ends that are possible, the one that was chosen, or that takes as long as before."""
    if request.method == "POST" or not ends:
        return new.key
    long = booking.end - booking.start
    same = [slot.key for slot in ends if slot.end - slot.start == long]
    return same[0] if same else ends[0].key


def _notice(code: str, booking: Booking) -> str:
    """The sentence above what can be chosen, for a code in its address; "" for an unknown one."""
    stays = _("Your booking stays as it was.")
    if code == "taken":
        if booking.event is not None and booking.places > 1:
            what = ngettext(
                "There is no room for %(count)d place any more. Choose another date.",
                "There is no room for %(count)d places any more. Choose another date.",
                booking.places,
            ) % {"count": booking.places}
        else:
            what = str(SoldOut(appointment=booking.event is None))
    elif code == "over":
        what = str(EventIsOver())
    elif code == "cancelled":
        what = str(EventCancelled())
    elif code == "not-offered":
        what = str(NotOffered())
    elif code == "nothing":
        return _("Choose a date first.") if booking.event else _("Choose a time first.")
    else:
        return ""
    return f"{what} {stays}"
