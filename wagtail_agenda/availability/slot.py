"""What a listing is made of."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from wagtail_agenda import slot_key
from wagtail_agenda.models import Agenda, Desk, Event, MeetingType, Resource


@dataclass(frozen=True)
class Slot:
    """Something that can be chosen: an appointment at a time, or an event.

    `start` and `end` are in the agenda's zone. `desk_ids` are the desks free at that time, in
    their order; `places_total` and `places_free` count desks or the event's places. `resources`
    are what it needs beside a desk (see `resources_at`).

    Of an event, `waiting_total` and `waiting_free` count the places of its waiting list, and
    `queued` says that somebody is on it or is being offered a place, so that whoever comes now has
    to queue as well. In a virtual agenda, `agendas` are the real ones that are free; `types` and
    `needs` are their appointment types and what these need, by the key of the agenda.
    """

    agenda: Agenda
    start: datetime
    end: datetime
    meeting_type: MeetingType | None = None
    event: Event | None = None
    desk_ids: tuple[int, ...] = field(default_factory=tuple)
    places_total: int = 1
    places_free: int = 1
    desks: dict[int, Desk] = field(default_factory=dict, repr=False, compare=False)
    resources: tuple[Resource, ...] = ()
    waiting_total: int = 0
    waiting_free: int = 0
    queued: bool = False
    agendas: tuple[Agenda, ...] = field(default_factory=tuple)
    types: dict[int, MeetingType] = field(default_factory=dict, repr=False, compare=False)
    needs: dict[int, tuple[Resource, ...]] = field(default_factory=dict, repr=False, compare=False)

    def __getattr__(self, name: str) -> Any:
        # Of thousands of times in a listing, only of the one that is booked does anybody ask who
        # gives it: `desk_ids` and `agendas` are looked up then.
        listed = self.__dict__.get("_listed")
        if listed is None or name not in {"desk_ids", "agendas"}:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        listing, cell = listed
        self.__dict__.update(listing.free_at(cell))
        return self.__dict__[name]

    @property
    def key(self) -> str:
        """The slot's name in forms and for other systems (see `slot_key`)."""
        if self.event is not None:
            return self.event.slug
        minutes = None
        if self.meeting_type.free_range:
            # Within one zone Python counts in wall time, which a night may repeat.
            length = self.end.astimezone(timezone.utc) - self.start.astimezone(timezone.utc)
            minutes = int(length.total_seconds()) // 60
            minutes = minutes if minutes != self.meeting_type.duration else None
        return slot_key.write(self.meeting_type.slug, self.start, minutes)

    @property
    def waits(self) -> bool:
        """Whether somebody who books now joins the waiting list."""
        return (self.queued or self.places_free <= 0) and self.waiting_free > 0

    @property
    def full(self) -> bool:
        """Whether somebody who books now gets neither a place nor one on the waiting list."""
        return not self.has_room_for(1)

    def has_room_for(self, places: int) -> bool:
        """Whether so many places of an event can be had together, or else be waited for."""
        if not self.queued and self.places_free >= places:
            return True
        return self.waiting_free >= places

    def type_at(self, desk_id: int | None) -> MeetingType | None:
        """The appointment type as the desk's own agenda has it; None for an event."""
        if not self.types:
            return self.meeting_type
        return self.types[self.desks[desk_id].agenda_id]

    def agenda_at(self, desk_id: int | None) -> Agenda:
        """The agenda that the desk belongs to: in a virtual agenda, one of those behind it."""
        return self.desks[desk_id].agenda if self.types else self.agenda

    def resources_at(self, desk_id: int | None) -> tuple[Resource, ...]:
        """What it needs beside that desk: the same everywhere, except in a virtual agenda."""
        if not self.needs:
            return self.resources
        return self.needs[self.desks[desk_id].agenda_id]


def by_time(found: Iterable[Slot]) -> list[Slot]:
    # Within one zone Python compares wall times, which a night may repeat.
    return sorted(found, key=lambda slot: slot.start.astimezone(timezone.utc))
