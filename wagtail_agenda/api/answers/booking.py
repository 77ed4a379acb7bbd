"""How the outcome of a booking is told: what was booked or held, and what is left."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from wagtail_agenda import availability
from wagtail_agenda.api.answers import moment
from wagtail_agenda.api.answers.bookings import WITHOUT_A_PLACE, links_of, named, when_of
from wagtail_agenda.api.answers.events import event_answers
from wagtail_agenda.api.answers.slots import places_of
from wagtail_agenda.booking import Together
from wagtail_agenda.models import Agenda, Booking, Event, Hold


def filled_answer(
    request: HttpRequest, booking: Booking, *, cancelling: Booking | None, now: datetime
) -> dict[str, Any]:
    """What came of the booking of one slot. `places` are those of its event, if it is one."""
    told = {
        "booking_id": str(booking.uuid),
        "in_waiting_list": booking.admission in WITHOUT_A_PLACE,
        **when_of(booking),
        "agenda": named(booking.agenda),
        "api": links_of(request, booking),
    }
    if booking.event is not None:
        told |= _lists_after(booking.agenda, booking.event, now)
    if booking.desk is not None:
        told["desk"] = named(booking.desk)
        told["resources"] = [resource.slug for resource in booking.resources.order_by("pk")]
    if cancelling is not None:
        told["cancelled_booking_id"] = str(cancelling.uuid)
    return told


def hold_answer(hold: Hold) -> dict[str, Any]:
    """What a hold keeps, and until when; it has no booking yet."""
    zone = hold.agenda.zone
    return {
        "in_waiting_list": hold.waiting,
        "count": hold.places,
        **moment("datetime", hold.start.astimezone(zone)),
        **moment("end_datetime", hold.end.astimezone(zone)),
        **moment("locked_until", hold.lapses_at.astimezone(zone)),
    }


def together_answer(
    request: HttpRequest, agenda: Agenda, made: Together, *, now: datetime
) -> dict[str, Any]:
    """What came of the replacement of somebody's bookings: events booked, waited for, given up."""
    booked = _events_of(request, agenda, made.booked, now)
    waits = {str(booking.uuid) for booking in made.waiting}
    return {
        "booking_count": len(booked),
        "booked_events": booked,
        "waiting_list_events": [event for event in booked if event["booking_id"] in waits],
        "cancelled_booking_count": len(made.cancelled),
        "cancelled_events": _events_of(request, agenda, made.cancelled, now),
    }


def _events_of(
    request: HttpRequest, agenda: Agenda, bookings: Sequence[Booking], now: datetime
) -> list[dict[str, Any]]:
    """The events of bookings as they are by now, each with the booking and its calls."""
    events = Event.objects.select_related("bookable").in_bulk(
        [booking.event_id for booking in bookings]
    )
    told = event_answers(request, agenda, [events[booking.event_id] for booking in bookings], now)
    return [
        {**event, "booking_id": str(booking.uuid), "booking_api": links_of(request, booking)}
        for event, booking in zip(told, bookings, strict=True)
    ]


def _lists_after(agenda: Agenda, event: Event, now: datetime) -> dict[str, Any]:
    (slot,) = availability.slots_of_events(agenda, [_anew(event)], now)
    places = places_of(slot)
    waiting = {name: value for name, value in places.items() if name.startswith("waiting_list_")}
    return {"places": places, **waiting}


def _anew(event: Event) -> Event:
    """The event with its counters as they are after the booking."""
    return Event.objects.select_related("bookable").get(pk=event.pk)
