"""What a basket keeps, for the top of the steps: each slot, for how many, on which list."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wagtail_agenda import booking
from wagtail_agenda.availability import Slot
from wagtail_agenda.models import Hold, Occupation
from wagtail_agenda.views.steps import asked_of, held_of


@dataclass(frozen=True)
class Chosen:
    """One slot of a basket; `waits` says that what is kept of it is on the waiting list."""

    slot: Slot
    places: int
    waits: bool = False

    @property
    def needs_approval(self) -> bool:
        """Whether an agent decides on it, once it has a place."""
        desk_id = next(iter(self.slot.desk_ids), None)
        return not self.waits and self.slot.agenda_at(desk_id).needs_approval


def chosen_in(basket: Hold) -> list[Chosen]:
    """Everything that the basket keeps. Raises `NotOffered` if some of it has been deleted."""
    slots = booking.slots_of(basket)
    waiting: set[int] = set()
    if basket.waiting:
        # Of several events, some may have had a place and others not.
        rows = Occupation.objects.filter(hold=basket, waiting=True).order_by()
        waiting = set(rows.values_list("bookable_id", flat=True))
    return [
        Chosen(
            slot,
            basket.places,
            basket.waiting
            and (len(slots) == 1 or (slot.event is not None and slot.event.bookable_id in waiting)),
        )
        for slot in slots
    ]


def chosen_context(basket: Hold, now: datetime) -> dict[str, Any]:
    """What is held and until when, for the top of a page.

    `waits` says that some of it is on a waiting list, `all_wait` that all of it is.
    """
    chosen = chosen_in(basket)
    return {
        **held_of(basket, now),
        "texts": asked_of(basket)["texts"],
        "chosen": chosen,
        "slot": chosen[0].slot,
        "waits": any(one.waits for one in chosen),
        "all_wait": all(one.waits for one in chosen),
        "needs_approval": any(one.needs_approval for one in chosen),
        "zone": basket.agenda.timezone,
    }
