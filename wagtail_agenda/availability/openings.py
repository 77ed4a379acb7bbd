"""When desks and resources are open: hours less closures."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from functools import lru_cache
from itertools import chain
from zoneinfo import ZoneInfo

from django.db.models import IntegerField, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from wagtail_agenda.availability.desks import DeskRow
from wagtail_agenda.models import Agenda, ClosureCalendar, Desk, Resource, Schedule
from wagtail_agenda.prepared import Prepared
from wagtail_agenda.schedule import Closure, Period, WeeklyHours, opening_intervals
from wagtail_agenda.timegrid import Interval

ALWAYS: tuple[Period, ...] = (WeeklyHours(frozenset(range(7)), time(0), time(0)),)
"""The hours of what has none of its own and follows nobody's: day and night."""

Openings = tuple[Interval, ...]
"""When something is open, day by day: times that touch at midnight are not joined."""

Link = tuple[type, int, int]
"""A closure calendar of an agenda, desk or resource: its model, its key, that of the calendar."""


def desk_openings(
    agenda: Agenda, desks: Iterable[Desk], first: date, last: date
) -> dict[int, Openings]:
    """When each desk is open, by its primary key: its own hours or the agenda's, less closures."""
    desks = list(desks)
    hours = hours_of([agenda], desks)
    return {desk.pk: hours.of_desk(agenda, desk, first, last) for desk in desks}


def hours_of(
    agendas: Iterable[Agenda], desks: Iterable[Desk] = (), resources: Iterable[Resource] = ()
) -> "Hours":
    """The hours and closures of several agendas, desks and resources, in at most three queries."""
    return Hours(*read_hours(list(agendas), list(desks), list(resources)))


def read_hours(
    agendas: Sequence[Agenda],
    desks: Sequence[Desk],
    resources: Sequence[Resource],
    using: str | None = None,
) -> tuple[dict[int, str], list[Link]]:
    """What `Hours` are made of, in two queries of one database: the router's unless it is named."""
    owners = (agendas, desks, resources)
    followed = {owner.schedule_id for owner in chain.from_iterable(owners)} - {None}
    keys = ([owner.pk for owner in of_one_kind] for of_one_kind in owners)
    links = _CALENDARS(*keys, using=using)
    periods = dict(_PERIODS(sorted(followed), using=using))
    return periods, [(_OWNERS[number], pk, calendar) for number, pk, calendar in links]


class Hours:
    """The hours and closures of several agendas, desks and resources.

    `periods` are those of the published schedules that they follow, as stored, by primary key;
    the closure calendars that `links` name are read from the database `using`, as these were.
    Days are local days, `first` to `last` inclusive: those of the agenda for its desks, and of the
    resource's own zone.
    """

    def __init__(
        self, periods: Mapping[int, str], links: Sequence[Link], using: str | None = None
    ) -> None:
        self._periods = {pk: _periods_in(text) for pk, text in periods.items()}
        keys = {calendar_id for _model, _pk, calendar_id in links}
        calendars = ClosureCalendar.objects.using(using).in_bulk(keys) if keys else {}
        self._calendars: dict[tuple[type, int], dict[int, ClosureCalendar]] = {}
        for model, pk, calendar_id in links:
            self._calendars.setdefault((model, pk), {})[calendar_id] = calendars[calendar_id]
        self._known: dict[tuple, Openings] = {}

    def of_desk(self, agenda: Agenda, desk: Desk | DeskRow, first: date, last: date) -> Openings:
        """Its own hours or else its agenda's, less the closures of both."""
        periods = self.periods_of(desk.schedule_id or agenda.schedule_id) or ()
        calendars = self.calendars_of(agenda) | self.calendars_of(desk)
        return self._less_closures(periods, calendars, agenda.zone, first, last)

    def what_differs(self, desk: DeskRow) -> tuple:
        """Desks of one agenda for which this is the same are open at the same times."""
        return (desk.schedule_id, *self._calendars.get((Desk, desk.id), ()))

    def of_resource(self, resource: Resource, first: date, last: date) -> Openings:
        """Its own hours, or day and night if it has none, less its closures."""
        periods = ALWAYS
        if resource.schedule_id:
            periods = self.periods_of(resource.schedule_id) or ()
        calendars = self.calendars_of(resource)
        return self._less_closures(periods, calendars, resource.zone, first, last)

    def outside_closures(self, agenda: Agenda, first: date, last: date) -> Openings:
        """The days on which an agenda is not closed, whatever its hours."""
        calendars = self.calendars_of(agenda)
        return self._less_closures(ALWAYS, calendars, agenda.zone, first, last)

    def calendars_of(self, owner: Agenda | Desk | DeskRow | Resource) -> dict[int, ClosureCalendar]:
        """The closure calendars of one of them, by their primary key."""
        model = Desk if isinstance(owner, DeskRow) else type(owner)
        return self._calendars.get((model, owner.pk), {})

    def periods_of(self, schedule_id: int | None) -> tuple[Period, ...] | None:
        """The hours of one of the schedules that they follow; None if it is not published."""
        return self._periods.get(schedule_id)

    def _less_closures(
        self,
        periods: tuple[Period, ...],
        calendars: dict[int, ClosureCalendar],
        zone: ZoneInfo,
        first: date,
        last: date,
    ) -> Openings:
        # The periods live as long as this does, so that their identity will do.
        case = (id(periods), *sorted(calendars), zone.key, first, last)
        if case not in self._known:
            closures = tuple(closures_of_calendars(calendars.values(), first, last))
            self._known[case] = _openings_by_day(periods, closures, zone, first, last)
        return self._known[case]


_OWNERS = (Agenda, Desk, Resource)


def _links_to_calendars(*owners: list[int]) -> QuerySet:
    """Which calendars close which agendas, desks and resources: three links, one query."""
    links = [
        model.closure_calendars.through.objects.filter(**{f"{name}__in": pks})
        .order_by()
        .values_list(Value(number, IntegerField()), f"{name}_id", "closurecalendar_id")
        for number, (model, name, pks) in enumerate(
            zip(_OWNERS, ("agenda", "desk", "resource"), owners, strict=True)
        )
    ]
    return links[0].union(*links[1:], all=True)


_CALENDARS = Prepared(ClosureCalendar, _links_to_calendars)


@lru_cache(maxsize=256)
def _openings_by_day(
    periods: tuple[Period, ...],
    closures: tuple[Closure, ...],
    zone: ZoneInfo,
    first: date,
    last: date,
) -> Openings:
    # Day by day, not merged over midnight: starts are counted from when a day opens, so the
    # same starts are offered whatever day a listing begins with.
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return tuple(
        interval
        for day in days
        for interval in opening_intervals(periods, closures, zone, day, day)
    )


PERIODS_AS_STORED = Cast("periods", TextField())


def published(chosen: Q) -> QuerySet[Schedule]:
    """The schedules that open anything: one that was never published opens nothing."""
    return Schedule.objects.filter(chosen, live=True).order_by()


_PERIODS = Prepared(
    Schedule, lambda pks: published(Q(pk__in=pks)).values_list("pk", PERIODS_AS_STORED)
)


@lru_cache(maxsize=256)
def _periods_in(text: str) -> tuple[Period, ...]:
    """The hours of a schedule, as its column has them."""
    from wagtail_agenda.blocks.schedule import periods_of

    return tuple(periods_of(Schedule._meta.get_field("periods").to_python(text)))


def closures_of_calendars(
    calendars: Iterable[ClosureCalendar], first: date, last: date
) -> list[Closure]:
    """The closures of several calendars that touch the days `first` to `last` inclusive."""
    from wagtail_agenda.blocks.closures import closures_of

    return [
        closure for calendar in calendars for closure in closures_of(calendar.closures, first, last)
    ]
