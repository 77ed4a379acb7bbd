"""How events are told as they are, whether or not they can be booked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from wagtail_agenda import availability
from wagtail_agenda.api.answers.slots import EventTeller
from wagtail_agenda.availability import Slot
from wagtail_agenda.models import Agenda, Event


def event_answers(
    request: HttpRequest, agenda: Agenda, events: Sequence[Event], now: datetime
) -> list[dict[str, Any]]:
    """Events of an agenda in the order in which they come."""
    slots = availability.slots_of_events(agenda, events, now)
    teller = EventTeller(request, agenda, slots)
    return [
        {
            **teller.event(slot, _is_disabled(slot, now)),
            "location": slot.event.location,
            "cancelled": slot.event.is_cancelled,
        }
        for slot in slots
    ]


def _is_disabled(slot: Slot, now: datetime) -> bool:
    event = slot.event
    return slot.full or event.is_cancelled or not event.open_for_booking or event.start <= now
