"""What a change of a series is made of, while everything that it touches is locked."""

from dataclasses import dataclass, field
from datetime import date

from wagtail_agenda.models import Event, EventSeries
from wagtail_agenda.recurrence import Span
from wagtail_agenda.series.plan import Affected, Demand, Plan


@dataclass
class Outcome:
    """What a change of a series did: how many events of each kind, and how many bookings moved or
    ended with theirs. `series` is the one that the changed events are of.
    """

    series: EventSeries
    made: int = 0
    moved: int = 0
    deleted: int = 0
    cancelled: list[Event] = field(default_factory=list)
    left: int = 0
    differing: int = 0
    told: int = 0


@dataclass
class Step:
    """An event that follows its series: to which date and times, or None if it has none any more.

    `demand` is None if nobody has booked or holds it.
    """

    event: Event
    day: date | None
    span: Span | None
    demand: Demand | None

    @property
    def moves(self) -> bool:
        return self.span is not None and self.span != (self.event.start, self.event.end)

    @property
    def affected(self) -> Affected:
        return Affected(self.event, self.demand, self.day, self.span)


@dataclass
class Change:
    """All that one change does, while everything it touches is locked."""

    before: EventSeries
    after: EventSeries
    steps: list[Step]
    differing: list[Event]
    added: dict[date, Span]
    made_until: date | None

    @property
    def changes_places(self) -> bool:
        return (self.before.places, self.before.waiting_places) != (
            self.after.places,
            self.after.waiting_places,
        )

    def shrinks(self, step: Step) -> bool:
        """Whether the series gives fewer places than are taken of this event."""
        if step.demand is None or step.span is None or not self.changes_places:
            return False
        return (
            self.after.places < step.demand.taken
            or self.after.waiting_places < step.demand.waiting_taken
        )

    def plan(self) -> Plan:
        booked = [step for step in self.steps if step.demand is not None]
        return Plan(
            moved=[step.affected for step in booked if step.moves],
            removed=[step.affected for step in booked if step.span is None],
            shrunk=[step.affected for step in booked if self.shrinks(step)],
            differing=self.differing,
            places=self.after.places,
            waiting_places=self.after.waiting_places,
        )
