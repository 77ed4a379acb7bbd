"""How slots are told."""

from typing import Any

from wagtail_agenda.availability import Slot


def places_of(slot: Slot) -> dict[str, Any]:
    """How many places an event has and how many are left; with those of its waiting list."""
    taken = max(0, slot.places_total - slot.places_free)
    told = {
        "total": slot.places_total,
        "reserved": taken,
        "available": slot.places_free,
        "full": slot.places_free <= 0,
        "has_waiting_list": slot.waiting_total > 0,
    }
    if slot.waiting_total:
        told |= {
            "waiting_list_total": slot.waiting_total,
            "waiting_list_reserved": max(0, slot.waiting_total - slot.waiting_free),
            "waiting_list_available": slot.waiting_free,
            "waiting_list_activated": slot.queued or slot.places_free <= 0,
        }
    return told
