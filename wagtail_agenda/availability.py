"""What can be booked, and when: agenda + window → slots.

Listings may lag behind: they read and answer, and `booking` decides again under a lock. Whatever
the number of desks and bookings, a listing takes a constant number of queries. Every desk's time
is one integer with a bit per five minutes (see `timegrid`), so the arithmetic is cheap; reading
rows is what costs, and therefore only integers are read.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache, reduce
from itertools import chain, compress, repeat
from operator import or_
from zoneinfo import ZoneInfo

from django.db import connections
from django.db.models import Aggregate, F, Field, Q, QuerySet, Sum

from wagtail_agenda import slot_key
from wagtail_agenda.choices import DelayUnit
from wagtail_agenda.errors import AgendaClosed, EventIsOver, NotOffered, SoldOut
from wagtail_agenda.models import (
    Agenda,
    ClosureCalendar,
    Desk,
    Event,
    MeetingType,
    Occupation,
    Schedule,
)
from wagtail_agenda.schedule import Closure, Period, day_bounds, opening_intervals
from wagtail_agenda.timegrid import (
    CELL_MINUTES,
    Grid,
    Interval,
    aligned_starts,
    columns,
    epoch_minutes,
    epoch_minutes_up,
    instant_of,
    positions,
    runs,
)

ROWS_AT_ONCE = 20_000
"""How many occupations a listing takes from the database at a time."""

LATEST_MINUTE = 2_147_000_000
"""What starts later, in the year 6052, is not offered: its minutes do not fit the column."""


@dataclass(frozen=True)
class Slot:
    """Something that can be chosen: an appointment at a time, or an event.

    `start` and `end` are in the agenda's zone. `desk_ids` are the desks free at that time, in
    their order; `places_total` and `places_free` count desks or the event's places.
    """

    agenda: Agenda
    start: datetime
    end: datetime
    meeting_type: MeetingType | None = None
    event: Event | None = None
    desk_ids: tuple[int, ...] = ()
    places_total: int = 1
    places_free: int = 1
    desks: dict[int, Desk] = field(default_factory=dict, repr=False, compare=False)

    @property
    def key(self) -> str:
        """The slot's name in forms and for other systems (see `slot_key`)."""
        if self.event is not None:
            return self.event.slug
        return slot_key.write(self.meeting_type.slug, self.start)

    @property
    def full(self) -> bool:
        return self.places_free <= 0


def live_at(now: datetime) -> Q:
    """The occupations that count at that moment: holds and offers lapse by the clock alone."""
    return Q(lapses_at__isnull=True) | Q(lapses_at__gt=now)


def is_open(agenda: Agenda, now: datetime) -> bool:
    """Whether visitors may book at all: published, and not past its expiry."""
    return agenda.live and (agenda.expire_at is None or agenda.expire_at > now)


def booking_window(agenda: Agenda, now: datetime) -> Interval:
    """From when to when the booking delays allow an appointment or event to start.

    Epoch minutes, half-open. A notice of N days means: not before the Nth day from today begins;
    a horizon of N days means: until the end of the Nth day from today.
    """
    today = now.astimezone(agenda.zone).date()
    if agenda.minimal_booking_delay_unit == DelayUnit.DAYS and agenda.minimal_booking_delay:
        day = _later(today, agenda.minimal_booking_delay)
        earliest = day_bounds(day, agenda.zone)[0]
    else:
        earliest = epoch_minutes_up(now) + agenda.minimal_booking_delay * 60
    if agenda.maximal_booking_delay_unit == DelayUnit.DAYS:
        day = _later(today, agenda.maximal_booking_delay)
        latest = day_bounds(day, agenda.zone)[1]
    else:
        latest = epoch_minutes(now) + agenda.maximal_booking_delay * 60 + 1
    return earliest, max(earliest, latest)


def meeting_types_on_offer(agenda: Agenda) -> list[MeetingType]:
    """The appointment types that some desk in service gives, in their order."""
    in_service = set(agenda.desks.filter(retired=False).values_list("pk", flat=True))
    return [
        meeting_type
        for meeting_type, chosen in _types_with_desks(agenda)
        if in_service & (chosen or in_service)
    ]


def slots(
    agenda: Agenda,
    meeting_type: MeetingType | None = None,
    *,
    first: date,
    last: date,
    now: datetime,
    lock_code: str = "",
    bypass_delays: bool = False,
    with_full: bool = False,
) -> list[Slot]:
    """The slots of the local days `first` to `last` inclusive, in order of time.

    Clipped to the booking delays unless `bypass_delays`; never what has begun, and nothing of a
    type that is retired or another agenda's. What `lock_code` holds counts as free. `with_full`
    also lists what has no free place.
    """
    window = _window(agenda, first, last, now, bypass_delays)
    if window is None:
        return []
    if not agenda.takes_appointments:
        return _event_slots(agenda, window, now, lock_code, with_full)
    types = _types_with_desks(agenda, meeting_type)
    return _appointment_slots(agenda, types, window, now, lock_code, with_full)


def find(
    agenda: Agenda,
    key: str,
    *,
    now: datetime,
    lock_code: str = "",
    bypass_delays: bool = False,
) -> Slot:
    """The slot of that name, if it can be had.

    Raises `AgendaClosed`, `NotOffered` (no such slot: off the grid, past, beyond the horizon, of
    another agenda, not a name at all), `EventIsOver` or `SoldOut`.
    """
    if not bypass_delays and not is_open(agenda, now):
        raise AgendaClosed()
    if agenda.takes_appointments:
        slot = _find_appointment(agenda, key, now, lock_code, bypass_delays)
    else:
        slot = _find_event(agenda, key, now, lock_code, bypass_delays)
    if slot.full:
        raise SoldOut(appointment=agenda.takes_appointments)
    return slot


def next_free(
    agenda: Agenda,
    meeting_type: MeetingType | None = None,
    *,
    now: datetime,
    limit: int = 6,
    lock_code: str = "",
) -> list[Slot]:
    """The first free slots, at most `limit` of them."""
    return _free_within_delays(agenda, meeting_type, now, lock_code)[:limit]


def nearest(
    agenda: Agenda,
    meeting_type: MeetingType | None,
    around: datetime,
    *,
    now: datetime,
    limit: int = 4,
    lock_code: str = "",
) -> list[Slot]:
    """The free slots closest to a moment, in order of time: what to offer for one that is gone."""
    free = _free_within_delays(agenda, meeting_type, now, lock_code)
    moment = around.astimezone(timezone.utc)
    closest = sorted(free, key=lambda slot: abs(slot.start - moment))[:limit]
    return _by_time(closest)


def _by_time(found: Iterable[Slot]) -> list[Slot]:
    # Within one zone Python compares wall times, which a night may repeat.
    return sorted(found, key=lambda slot: slot.start.astimezone(timezone.utc))


def _free_within_delays(
    agenda: Agenda, meeting_type: MeetingType | None, now: datetime, lock_code: str
) -> list[Slot]:
    earliest, latest = booking_window(agenda, now)
    return slots(
        agenda,
        meeting_type,
        first=instant_of(earliest).astimezone(agenda.zone).date(),
        last=instant_of(latest).astimezone(agenda.zone).date(),
        now=now,
        lock_code=lock_code,
    )


def _later(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max - timedelta(days=1)


def _window(
    agenda: Agenda, first: date, last: date, now: datetime, bypass_delays: bool
) -> Interval | None:
    """When a slot may start: inside the days asked for and the booking delays; None if never."""
    if first > last:
        return None
    earliest, latest = day_bounds(first, agenda.zone)[0], day_bounds(last, agenda.zone)[1]
    earliest, latest = max(earliest, epoch_minutes(now) + 1), min(latest, LATEST_MINUTE)
    if not bypass_delays:
        allowed_from, allowed_to = booking_window(agenda, now)
        earliest, latest = max(earliest, allowed_from), min(latest, allowed_to)
    return (earliest, latest) if earliest < latest else None


# Appointments


TypeWithDesks = tuple[MeetingType, frozenset[int]]
"""An appointment type and the desks chosen for it; none chosen means every desk."""


def _types_with_desks(
    agenda: Agenda, meeting_type: MeetingType | None = None
) -> list[TypeWithDesks]:
    """The agenda's appointment types that are not retired, or the one of them asked for."""
    if meeting_type is not None:
        if meeting_type.agenda_id != agenda.pk or meeting_type.retired:
            return []
        return [(meeting_type, frozenset(meeting_type.desks.values_list("pk", flat=True)))]
    # One row per type and desk: a second query for the desks would buy nothing.
    types: dict[int, MeetingType] = {}
    chosen: dict[int, set[int]] = {}
    for row in agenda.meeting_types.filter(retired=False).annotate(desk_id=F("desks")):
        types.setdefault(row.pk, row)
        chosen.setdefault(row.pk, set()).update({row.desk_id} - {None})
    return [(types[pk], frozenset(desk_ids)) for pk, desk_ids in chosen.items()]


def _appointment_slots(
    agenda: Agenda,
    types: Sequence[TypeWithDesks],
    window: Interval,
    now: datetime,
    lock_code: str,
    with_full: bool,
) -> list[Slot]:
    desks = list(agenda.desks.filter(retired=False))
    if not desks or not types:
        return []
    longest = max(meeting_type.duration for meeting_type, _chosen in types)
    before = max(meeting_type.buffer_before for meeting_type, _chosen in types)
    after = max(
        meeting_type.duration + meeting_type.buffer_after for meeting_type, _chosen in types
    )
    # An appointment that starts before the window's end may go on into the next day's hours.
    openings = desk_openings(
        agenda, desks, _day(agenda, window[0]), _day(agenda, window[1] + longest)
    )
    grid = Grid.covering(window[0] - before, window[1] + after)
    busy = _busy_masks(desks, grid, now, lock_code)
    found = []
    for meeting_type, chosen in types:
        of_type = [desk for desk in desks if not chosen or desk.pk in chosen]
        found += _slots_of_type(
            agenda, meeting_type, of_type, openings, busy, grid, window, with_full
        )
    return found if len(types) == 1 else _by_time(found)


def _slots_of_type(
    agenda: Agenda,
    meeting_type: MeetingType,
    desks: Sequence[Desk],
    openings: dict[int, tuple[Interval, ...]],
    busy: dict[int, int],
    grid: Grid,
    window: Interval,
    with_full: bool,
) -> list[Slot]:
    before = meeting_type.buffer_before // CELL_MINUTES
    cells = meeting_type.duration // CELL_MINUTES
    occupied_cells = before + cells + meeting_type.buffer_after // CELL_MINUTES
    step_cells = meeting_type.start_step // CELL_MINUTES
    in_window = grid.outward_mask([window])
    open_starts: dict[tuple[Interval, ...], int] = {}
    starts, free = [], []
    for desk in desks:
        intervals = openings[desk.pk]
        if intervals not in open_starts:
            open_starts[intervals] = (
                runs(grid.inward_mask(intervals), cells)
                & aligned_starts(grid, intervals, step_cells)
                & in_window
            )
        undisturbed = runs(grid.full & ~busy.get(desk.bookable_id, 0), occupied_cells) << before
        starts.append(open_starts[intervals])
        free.append(open_starts[intervals] & undisturbed)
    shown = positions(reduce(or_, starts if with_full else free, 0))
    pks = [desk.pk for desk in desks]
    of_all = {
        "agenda": agenda,
        "meeting_type": meeting_type,
        "event": None,
        "places_total": len(desks),
        "desks": dict(zip(pks, desks, strict=True)),
    }
    zone, duration = agenda.zone, meeting_type.duration
    result = []
    for cell, bits in zip(shown, columns(free, shown), strict=True):
        minute = grid.origin + cell * CELL_MINUTES
        if minute < window[0]:
            continue
        desk_ids = tuple(compress(pks, bits))
        # A frozen dataclass sets its fields one by one, which would be a third of a long listing.
        slot = Slot.__new__(Slot)
        values = slot.__dict__
        values.update(of_all)
        values["start"] = _local(minute, zone)
        values["end"] = _local(minute + duration, zone)
        values["desk_ids"] = desk_ids
        values["places_free"] = len(desk_ids)
        result.append(slot)
    return result


@lru_cache(maxsize=50_000)
def _local(minute: int, zone: ZoneInfo) -> datetime:
    # One slot's end is another's start, and every listing of a day has the same.
    return datetime.fromtimestamp(minute * 60, zone)


def desk_openings(
    agenda: Agenda, desks: Iterable[Desk], first: date, last: date
) -> dict[int, tuple[Interval, ...]]:
    """When each desk is open, by its primary key: its own hours or the agenda's, less closures."""
    desks = list(desks)
    of_agenda = {calendar.pk: calendar for calendar in agenda.closure_calendars.all()}
    of_desks: dict[int, dict[int, ClosureCalendar]] = {}
    for calendar in ClosureCalendar.objects.filter(desks__in=desks).annotate(desk_id=F("desks")):
        of_desks.setdefault(calendar.desk_id, {})[calendar.pk] = calendar
    schedules = Schedule.objects.in_bulk(
        {desk.schedule_id or agenda.schedule_id for desk in desks} - {None}
    )
    periods: dict[int | None, tuple[Period, ...]] = {}
    known: dict[tuple, tuple[Interval, ...]] = {}
    openings = {}
    for desk in desks:
        schedule = schedules.get(desk.schedule_id or agenda.schedule_id)
        calendars = of_agenda | of_desks.get(desk.pk, {})
        case = (schedule.pk if schedule else None, *sorted(calendars))
        if case not in known:
            if case[0] not in periods:
                periods[case[0]] = tuple(_periods(schedule))
            closures = tuple(_closures(calendars.values(), first, last))
            known[case] = _openings_by_day(periods[case[0]], closures, agenda.zone, first, last)
        openings[desk.pk] = known[case]
    return openings


@lru_cache(maxsize=256)
def _openings_by_day(
    periods: tuple[Period, ...],
    closures: tuple[Closure, ...],
    zone: ZoneInfo,
    first: date,
    last: date,
) -> tuple[Interval, ...]:
    # Day by day, not merged over midnight: starts are counted from when a day opens, so the
    # same starts are offered whatever day a listing begins with.
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return tuple(
        interval
        for day in days
        for interval in opening_intervals(periods, closures, zone, day, day)
    )


def _periods(schedule: Schedule | None) -> list[Period]:
    from wagtail_agenda.blocks.schedule import periods_of

    # A schedule that was never published, or was withdrawn, opens nothing.
    return periods_of(schedule.periods) if schedule and schedule.live else []


def _closures(calendars, first: date, last: date) -> list:
    from wagtail_agenda.blocks.closures import closures_of

    return [
        closure for calendar in calendars for closure in closures_of(calendar.closures, first, last)
    ]


def _busy_masks(desks: Sequence[Desk], grid: Grid, now: datetime, lock_code: str) -> dict[int, int]:
    """What is taken on each desk, by the key of its bookable, as bits of the grid."""
    taken: QuerySet = Occupation.objects.filter(
        live_at(now),
        bookable_id__in=[desk.bookable_id for desk in desks],
        busy_to__gt=grid.origin,
        busy_from__lt=grid.end,
    )
    if lock_code:
        taken = taken.exclude(hold__lock_code=lock_code, hold__isnull=False)
    return grid.outward_masks(_busy_times(taken.order_by()))


def _busy_times(taken: QuerySet[Occupation]) -> Iterable[tuple[int, int, int]]:
    """Bookable, begin and end of each occupation."""
    array = _ARRAYS.get(connections[taken.db].vendor)
    if array is None:
        rows = taken.values_list("bookable_id", "busy_from", "busy_to")
        return rows.iterator(chunk_size=ROWS_AT_ONCE)
    # One row per desk: a row costs more than what is in it. Both aggregates see the occupations in
    # the same order, whatever that is.
    desks = taken.values("bookable_id").values_list(
        "bookable_id", array("busy_from"), array("busy_to")
    )
    return chain.from_iterable(
        zip(repeat(key), begins, ends, strict=False) for key, begins, ends in desks
    )


class _ArrayOfPostgreSQL(Aggregate):
    function = "array_agg"
    output_field = Field()


class _ArrayOfSQLite(Aggregate):
    function = "json_group_array"
    output_field = Field()

    def convert_value(self, value, expression, connection):
        return json.loads(value)


_ARRAYS = {"postgresql": _ArrayOfPostgreSQL, "sqlite": _ArrayOfSQLite}


def _find_appointment(
    agenda: Agenda, key: str, now: datetime, lock_code: str, bypass_delays: bool
) -> Slot:
    named = slot_key.read(key)
    if named is None:
        raise NotOffered()
    meeting_type = agenda.meeting_types.filter(slug=named.type, retired=False).first()
    if meeting_type is None:
        raise NotOffered()
    on_that_day = slots(
        agenda,
        meeting_type,
        first=named.day,
        last=named.day,
        now=now,
        lock_code=lock_code,
        bypass_delays=bypass_delays,
        with_full=True,
    )
    for slot in on_that_day:
        if slot.key == key:
            return slot
    raise NotOffered()


def _day(agenda: Agenda, minute: int) -> date:
    return instant_of(minute).astimezone(agenda.zone).date()


# Events


def _event_slots(
    agenda: Agenda, window: Interval, now: datetime, lock_code: str, with_full: bool
) -> list[Slot]:
    events = agenda.events.filter(
        open_for_booking=True,
        start__gte=instant_of(window[0]),
        start__lt=instant_of(window[1]),
    ).select_related("bookable")
    found = _slots_of_events(agenda, list(events), now, lock_code)
    return [slot for slot in found if with_full or not slot.full]


def _slots_of_events(
    agenda: Agenda, events: Sequence[Event], now: datetime, lock_code: str
) -> list[Slot]:
    held = held_places([event.bookable_id for event in events], now, lock_code)
    return [
        Slot(
            agenda=agenda,
            event=event,
            start=event.start.astimezone(agenda.zone),
            end=event.end.astimezone(agenda.zone),
            places_total=event.bookable.places,
            places_free=max(
                0,
                event.bookable.places
                - event.bookable.places_booked
                - held.get(event.bookable_id, 0),
            ),
        )
        for event in events
    ]


def held_places(bookable_ids: Sequence[int], now: datetime, lock_code: str = "") -> dict[int, int]:
    """How many places live holds keep, by bookable; what `lock_code` holds is not counted."""
    holds = Occupation.objects.filter(
        bookable_id__in=bookable_ids, hold__isnull=False, lapses_at__gt=now
    )
    if lock_code:
        holds = holds.exclude(hold__lock_code=lock_code)
    return dict(
        holds.order_by()
        .values("bookable_id")
        .annotate(held=Sum("places"))
        .values_list("bookable_id", "held")
    )


def _find_event(
    agenda: Agenda, key: str, now: datetime, lock_code: str, bypass_delays: bool
) -> Slot:
    if not slot_key.is_slug(key):
        raise NotOffered()
    event = agenda.events.filter(slug=key, open_for_booking=True).select_related("bookable").first()
    if event is None:
        raise NotOffered()
    if event.start <= now:
        raise EventIsOver()
    if epoch_minutes(event.end) > LATEST_MINUTE:
        raise NotOffered()
    if not bypass_delays:
        earliest, latest = booking_window(agenda, now)
        if not earliest <= epoch_minutes(event.start) < latest:
            raise NotOffered()
    return _slots_of_events(agenda, [event], now, lock_code)[0]
