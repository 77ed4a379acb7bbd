"""What a change of a series would do to its events, and to whose bookings: read under their locks.

Whatever somebody has booked is asked about. The answer names the very bookings that were shown, so
that it counts for nothing else once somebody has booked meanwhile.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from wagtail_agenda.booking.admission import lists_of
from wagtail_agenda.models import Bookable, Event, Occupation
from wagtail_agenda.recurrence import Span

LISTS = ("moved", "removed", "shrunk")
"""The lists of booked events about each of which one answer is asked."""


@dataclass(frozen=True)
class Demand:
    """What takes places of one event: the keys of its bookings, of those that wait, and holds.

    `taken` and `waiting_taken` are places, as admission counts them.
    """

    bookings: frozenset[int] = frozenset()
    waiting: frozenset[int] = frozenset()
    held: int = 0
    taken: int = 0
    waiting_taken: int = 0

    def __bool__(self) -> bool:
        return bool(self.bookings or self.waiting or self.held)


@dataclass(frozen=True)
class Affected:
    """An event that somebody has booked, and what the change would do to it.

    `day` and `span` are its new date and times, None if it has none any more.
    """

    event: Event
    demand: Demand
    day: date | None = None
    span: Span | None = None

    @property
    def bookings(self) -> int:
        return len(self.demand.bookings)

    @property
    def waiting(self) -> int:
        return len(self.demand.waiting)

    @property
    def local_start(self) -> datetime:
        return self.event.start.astimezone(self.event.agenda.zone)

    @property
    def local_end(self) -> datetime:
        return self.event.end.astimezone(self.event.agenda.zone)

    @property
    def new_local_start(self) -> datetime | None:
        return self.span and self.span[0].astimezone(self.event.agenda.zone)

    @property
    def new_local_end(self) -> datetime | None:
        return self.span and self.span[1].astimezone(self.event.agenda.zone)


@dataclass(frozen=True)
class Plan:
    """What has to be asked: the booked events that would move, go, or have fewer places than taken.

    `differing` are those that a change leaves alone, because they were changed by themselves.
    `places` and `waiting_places` are what the series gives from now on.
    """

    moved: Sequence[Affected] = ()
    removed: Sequence[Affected] = ()
    shrunk: Sequence[Affected] = ()
    differing: Sequence[Event] = ()
    places: int = 0
    waiting_places: int = 0

    @property
    def asks(self) -> bool:
        return bool(self.moved or self.removed or self.shrunk)

    @cached_property
    def key(self) -> str:
        """Names what is asked, every booking included."""
        asked = [
            (name, row.event.pk, str(row.span), sorted(row.demand.bookings | row.demand.waiting))
            for name in LISTS
            for row in getattr(self, name)
        ]
        said = repr((asked, self.places, self.waiting_places))
        return hashlib.sha256(said.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Answers:
    """What becomes of the booked events of each list: True changes them, False leaves them.

    `key` is that of the plan that was read; `reason` goes to whose event is cancelled.
    """

    key: str
    moved: bool | None = None
    removed: bool | None = None
    shrunk: bool | None = None
    reason: str = ""

    def settle(self, plan: Plan) -> bool:
        """Whether they answer everything that this plan asks, and nothing else."""
        asked = [name for name in LISTS if getattr(plan, name)]
        return self.key == plan.key and all(getattr(self, name) is not None for name in asked)


NO_ANSWERS = Answers(key="")


@dataclass
class _Counting:
    bookings: set[int] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)
    held: int = 0


def demands_of(bookables: Mapping[int, Bookable], now: datetime) -> dict[int, Demand]:
    """Who takes places of these locked bookables at this moment; those that nobody does are out."""
    counting: dict[int, _Counting] = {}
    occupied = Occupation.objects.select_for_update().filter(bookable_id__in=bookables).order_by()
    for bookable_id, booking_id, waiting, lapses_at in occupied.values_list(
        "bookable_id", "booking_id", "waiting", "lapses_at"
    ):
        found = counting.setdefault(bookable_id, _Counting())
        if booking_id is None:
            found.held += lapses_at > now
        else:
            (found.waiting if waiting else found.bookings).add(booking_id)
    lists = lists_of([bookables[pk] for pk in counting], now)
    demands = {
        pk: Demand(
            bookings=frozenset(found.bookings),
            waiting=frozenset(found.waiting),
            held=found.held,
            taken=bookables[pk].places - lists[pk].main_free,
            waiting_taken=bookables[pk].waiting_places - lists[pk].waiting_free,
        )
        for pk, found in counting.items()
    }
    return {pk: demand for pk, demand in demands.items() if demand}
