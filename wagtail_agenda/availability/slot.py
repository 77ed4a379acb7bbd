"""What a listing is made of."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import repeat
from operator import attrgetter
from typing import Any

from wagtail_agenda import slot_key
from wagtail_agenda.models import Agenda, Desk, Event, MeetingType, Resource


@dataclass(frozen=True)
class Offering:
    """What can be chosen, whenever it is: all that the slots of one listing have in common.

    `places_total` counts desks or the event's places. `desks` are those that may give it, by
    primary key, and `resources` what it needs beside one of them (see `Slot.resources_at`).

    Of an event, `waiting_total` and `waiting_free` count the places of its waiting list, and
    `queued` says that somebody is on it or is being offered a place, so that whoever comes now has
    to queue as well. In a virtual agenda, `types` and `needs` are the appointment types of the real
    agendas and what these need, by the key of the agenda; `agendas_at` finds those that are free.
    """

    agenda: Agenda
    meeting_type: MeetingType | None = None
    event: Event | None = None
    places_total: int = 1
    desks: Mapping[int, Desk] = field(default_factory=dict, repr=False, compare=False)
    resources: tuple[Resource, ...] = ()
    waiting_total: int = 0
    waiting_free: int = 0
    queued: bool = False
    types: dict[int, MeetingType] = field(default_factory=dict, repr=False, compare=False)
    needs: dict[int, tuple[Resource, ...]] = field(default_factory=dict, repr=False, compare=False)
    agendas_at: Callable[[datetime], tuple[Agenda, ...]] | None = field(
        default=None, repr=False, compare=False
    )


class Slot:
    """Something that can be chosen: an appointment at a time, or an event.

    `start` and `end` are in the agenda's zone. `places_free` counts the desks free at that time, or
    the event's free places. What else it is stands in its `offering`, and can be read off the slot
    as well. Nothing about a slot is changed once it is made.
    """

    # A listing makes thousands of them: everything that they share is one reference.
    __slots__ = ("_desk_ids", "end", "offering", "places_free", "start")

    def __init__(
        self,
        offering: Offering,
        start: datetime,
        end: datetime,
        places_free: int = 1,
        desk_ids: tuple[int, ...] | Callable[[datetime], tuple[int, ...]] = (),
    ) -> None:
        """`desk_ids` are keys of desks, or a function of the slot that finds them once asked."""
        self.offering = offering
        self.start = start
        self.end = end
        self.places_free = places_free
        self._desk_ids = desk_ids

    @classmethod
    def of(
        cls,
        agenda: Agenda,
        start: datetime,
        end: datetime,
        *,
        places_free: int = 1,
        desk_ids: tuple[int, ...] = (),
        **offering: Any,
    ) -> "Slot":
        """A slot by itself; `offering` takes the other names of an `Offering`."""
        return cls(Offering(agenda, **offering), start, end, places_free, desk_ids)

    agenda = property(attrgetter("offering.agenda"))
    meeting_type = property(attrgetter("offering.meeting_type"))
    event = property(attrgetter("offering.event"))
    places_total = property(attrgetter("offering.places_total"))
    desks = property(attrgetter("offering.desks"))
    resources = property(attrgetter("offering.resources"))
    waiting_total = property(attrgetter("offering.waiting_total"))
    waiting_free = property(attrgetter("offering.waiting_free"))
    queued = property(attrgetter("offering.queued"))
    types = property(attrgetter("offering.types"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Slot):
            return NotImplemented
        return self._facts() == other._facts()

    def __hash__(self) -> int:
        return hash((self.start, self.end))

    def __repr__(self) -> str:
        what = self.event or self.meeting_type
        return f"<Slot {what} {self.start:%Y-%m-%d %H:%M}, {self.places_free} free>"

    def _facts(self) -> tuple:
        return (self.offering, self.start, self.end, self.places_free, self.desk_ids)

    @property
    def desk_ids(self) -> tuple[int, ...]:
        """The desks free at that time, in their order."""
        # Of thousands of times in a listing, only of the one that is booked does anybody ask.
        return self._desk_ids(self.start) if callable(self._desk_ids) else self._desk_ids

    @property
    def agendas(self) -> tuple[Agenda, ...]:
        """In a virtual agenda, the real ones that are free."""
        if not self.types:
            return ()
        if self.offering.agendas_at is not None and callable(self._desk_ids):
            # Without looking at each desk of each of thousands of times.
            return self.offering.agendas_at(self.start)
        found = (self.desks[desk_id].agenda for desk_id in self.desk_ids)
        return tuple({agenda.pk: agenda for agenda in found}.values())

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

    def only_at(self, desk_ids: tuple[int, ...]) -> "Slot":
        """The same with some of its desks only."""
        return Slot(self.offering, self.start, self.end, len(desk_ids), desk_ids)

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
        if not self.offering.needs:
            return self.resources
        return self.offering.needs[self.desks[desk_id].agenda_id]


class Listing(Sequence[Slot]):
    """The slots of one offering: a sequence that makes each of them when it is looked at.

    `starts`, `ends` and `places_free` go together; `desk_ids` finds the free desks of a start.
    """

    def __init__(
        self,
        offering: Offering,
        starts: Sequence[datetime],
        ends: Sequence[datetime],
        places_free: Sequence[int],
        desk_ids: Callable[[datetime], tuple[int, ...]],
    ) -> None:
        self.offering, self.starts, self.ends = offering, starts, ends
        self.places_free, self.desk_ids = places_free, desk_ids

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[Slot]:
        times = (self.starts, self.ends, self.places_free)
        return map(Slot, repeat(self.offering), *times, repeat(self.desk_ids))

    def __getitem__(self, index):
        if isinstance(index, slice):
            times = (self.starts[index], self.ends[index], self.places_free[index])
            return Listing(self.offering, *times, self.desk_ids)
        start, end, free = self.starts[index], self.ends[index], self.places_free[index]
        return Slot(self.offering, start, end, free, self.desk_ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None

    def __repr__(self) -> str:
        return repr(list(self))


def closest(found: Iterable[Slot], around: datetime, limit: int) -> list[Slot]:
    """At most `limit` of the slots, those that start closest to a moment, in order of time."""
    moment = around.astimezone(timezone.utc)
    return by_time(sorted(found, key=lambda slot: abs(slot.start - moment))[:limit])


def by_time(found: Iterable[Slot]) -> list[Slot]:
    # Within one zone Python compares wall times, which a night may repeat.
    return sorted(found, key=lambda slot: slot.start.astimezone(timezone.utc))
