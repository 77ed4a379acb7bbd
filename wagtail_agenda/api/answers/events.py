"""How events are told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from wagtail_agenda.api.answers import address, moment
from wagtail_agenda.api.answers.slots import places_of
from wagtail_agenda.availability import Slot
from wagtail_agenda.availability.events import slots_of_events
from wagtail_agenda.models import Agenda, AttendanceSheet, Event

_LINKS = {
    "bookings_url": "event_bookings",
    "status_url": "event_status",
    "check_url": "event_check",
}


def event_answers(
    request: HttpRequest, agenda: Agenda, events: Sequence[Event], now: datetime
) -> list[dict[str, Any]]:
    """Events of an agenda as they are, whether or not they can be booked."""
    sheets = AttendanceSheet.objects.filter(event__in=events, checked_at__isnull=False)
    checked = set(sheets.values_list("event_id", flat=True))
    return [
        _event_answer(request, slot, checked=slot.event.pk in checked)
        for slot in slots_of_events(agenda, events, now)
    ]


def _event_answer(request: HttpRequest, slot: Slot, *, checked: bool) -> dict[str, Any]:
    event, agenda = slot.event, slot.agenda
    return {
        "id": event.slug,
        "slug": event.slug,
        "text": event.label,
        "label": event.label,
        "agenda_label": agenda.label,
        "agenda_slug": agenda.slug,
        "date": slot.start.date().isoformat(),
        **moment("datetime", slot.start),
        **moment("end_datetime", slot.end),
        "duration": int((event.end - event.start).total_seconds()) // 60,
        "description": event.description,
        "location": event.location,
        "url": event.url,
        "checked": checked,
        "cancelled": event.is_cancelled,
        "places": places_of(slot),
        "api": {
            key: address(request, name, agenda.slug, event.slug) for key, name in _LINKS.items()
        },
    }
