"""The slots of appointments: where hours, desks, resources and what is taken leave room."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import cached_property, lru_cache, partial, reduce
from itertools import chain
from operator import and_, or_
from zoneinfo import ZoneInfo

from wagtail_agenda import slot_key
from wagtail_agenda.availability.asked import Asked
from wagtail_agenda.availability.delays import (
    LATEST_MINUTE,
    is_open,
    later,
    local_day,
    starts_within,
    window_by,
)
from wagtail_agenda.availability.desks import DeskRow, Desks
from wagtail_agenda.availability.occupied import busy_masks
from wagtail_agenda.availability.offers import Offer, Offers, offers_of
from wagtail_agenda.availability.openings import Openings
from wagtail_agenda.availability.slot import Listing, Offering, Slot, by_time
from wagtail_agenda.errors import NotOffered
from wagtail_agenda.models import Agenda, MeetingType, Resource
from wagtail_agenda.schedule import day_bounds
from wagtail_agenda.timegrid import (
    CELL_MINUTES,
    Grid,
    Interval,
    aligned_starts,
    count_at,
    epoch_minutes,
    positions,
    runs,
)


def slots_of_types(
    agenda: Agenda, offered: Sequence[Offers], window: Interval, asked: Asked
) -> Sequence[Slot]:
    """The slots of several appointment types that start inside the window, in order of time."""
    if not offered:
        return []
    ground = Ground(agenda, offered, window, asked)
    found = [ground.slots(offers) for offers in offered]
    return found[0] if len(found) == 1 else by_time(chain.from_iterable(found))[: asked.limit]


def find_appointment(agenda: Agenda, key: str, asked: Asked) -> Slot:
    """The appointment of that name, if it is on offer, free or not. Raises `NotOffered`."""
    named = slot_key.read(key)
    if named is None:
        raise NotOffered()
    window = starts_within(agenda, named.day, named.day, asked)
    if window is None:
        raise NotOffered()
    for offers in offers_of(agenda, resources=asked.resources, slug=named.type):
        meeting_type = offers[0].meeting_type
        if named.minutes is not None and not meeting_type.free_range:
            continue
        minutes = named.minutes or meeting_type.duration
        if minutes not in lengths_of(meeting_type):
            continue
        for slot in Ground(agenda, [offers], window, asked).slots(offers, minutes):
            if (slot.start.replace(tzinfo=None), slot.start.fold) == (
                named.start,
                named.start.fold,
            ):
                return slot
    raise NotOffered()


def ends(agenda: Agenda, offers: Offers, start: datetime, asked: Asked) -> list[Slot]:
    """The free slots that start at a moment, one for each length, the shortest first."""
    minute = epoch_minutes(start)
    day = local_day(agenda, minute)
    window = starts_within(agenda, day, day, asked)
    if window is None or not window[0] <= minute < window[1]:
        return []
    ground = Ground(agenda, [offers], (minute, minute + 1), asked)
    found = []
    for minutes in lengths_of(offers[0].meeting_type):
        slots = ground.slots(offers, minutes)
        if not slots:
            # What has no room for a shorter one has none for a longer one.
            break
        found += slots
    return found


def lengths_of(meeting_type: MeetingType) -> range:
    """The minutes that an appointment may take: one length, or every so many where one chooses."""
    shortest = meeting_type.duration
    longest = meeting_type.maximum_duration if meeting_type.free_range else shortest
    return range(shortest, longest + 1, meeting_type.step or shortest)


class Ground:
    """What lies under a listing: hours and what is taken, as bits of one grid.

    Slots may start inside `window`, in epoch minutes, which each agenda behind a virtual one
    narrows to what its own delays allow.
    """

    def __init__(
        self, agenda: Agenda, offered: Sequence[Offers], window: Interval, asked: Asked
    ) -> None:
        self.agenda, self.window, self.asked = agenda, window, asked
        offers = list(chain.from_iterable(offered))
        types = [offer.meeting_type for offer in offers]
        # An appointment that starts before the window's end may go on into the next day's hours.
        self.longest = max(lengths_of(each)[-1] for each in types)
        before = max(each.buffer_before for each in types)
        after = self.longest + max(each.buffer_after for each in types)
        # Whole days, so that what is remembered of one minute's listing serves the next one's.
        self.grid = Grid.of_whole_days(window[0] - before, window[1] + after)
        self.hours = offers[0].hours
        calendars = self.hours.calendars_of(agenda).values()
        horizon = window_by(agenda, asked.now, calendars)[1] + after
        versions = {
            row.bookable_id: row.version
            for offer in offers
            for row in (*offer.desks, *offer.resources)
        }
        self.busy = busy_masks(versions, self.grid, asked, horizon, offers[0].database)
        self._windows: dict[int, Interval | None] = {}

    def slots(self, offers: Offers, minutes: int | None = None) -> Listing:
        """The slots of one appointment type, of its shortest length unless told otherwise."""
        minutes = minutes or offers[0].meeting_type.duration
        rows: list[tuple[DeskRow, Agenda]] = []
        starts: list[int] = []
        free: list[int] = []
        for offer in offers:
            for row, desk_starts, undisturbed in self._desks_of(offer, minutes):
                rows.append((row, offer.agenda))
                starts.append(desk_starts)
                free.append(desk_starts & undisturbed)
        shown = reduce(or_, starts if self.asked.with_full else free, 0)
        desks, free = Desks(rows, offers[0].database), tuple(free)
        agendas_at = FreeAgendas(rows, free, self.grid) if self.agenda.is_virtual else None
        grid, zone, limit = self.grid, self.agenda.zone, self.asked.limit
        return Listing(
            _offering(self.agenda, offers, desks, self.asked, agendas_at),
            *_times(grid.origin, shown, free, minutes, zone, limit),
            partial(_free_desks, tuple(desks), free, grid),
        )

    def _desks_of(self, offer: Offer, minutes: int) -> Iterator[tuple]:
        """Each desk with the cells at which it may be begun, and those at which it is free."""
        window = self.window_of(offer)
        if window is None or not all(lasts(row, minutes) for row in offer.resources):
            return
        grid, meeting_type = self.grid, offer.meeting_type
        cells = minutes // CELL_MINUTES
        before = meeting_type.buffer_before // CELL_MINUTES
        occupied = before + cells + meeting_type.buffer_after // CELL_MINUTES
        step = meeting_type.start_step // CELL_MINUTES
        in_window = grid.cells_from(-(-window[0] // CELL_MINUTES) * CELL_MINUTES, window[1])
        others = (_open_cells(grid, openings) for openings in self.open_beside(offer))
        beside = reduce(and_, others, grid.full)
        taken = reduce(or_, (self.busy.get(row.bookable_id, 0) for row in offer.resources), 0)
        full, busy = grid.full, self.busy
        known: dict[tuple, int] = {}
        for row in offer.desks:
            alike = self.hours.what_differs(row)
            if alike not in known:
                openings = self.hours.of_desk(offer.agenda, row, *self._days(offer.agenda.zone))
                fits = runs(_open_cells(grid, openings) & beside, cells)
                known[alike] = fits & _begins(grid, openings, step) & in_window
            room = full & ~(busy.get(row.bookable_id, 0) | taken)
            yield row, known[alike], runs(room, occupied) << before

    def window_of(self, offer: Offer) -> Interval | None:
        """When an appointment of this offer may start, None if never."""
        earliest, latest = self.window
        if self.asked.bypass_delays:
            return self.window
        if offer.agenda.pk != self.agenda.pk:
            if offer.agenda.pk not in self._windows:
                self._windows[offer.agenda.pk] = self._window_of_member(offer.agenda)
            own = self._windows[offer.agenda.pk]
            if own is None:
                return None
            earliest, latest = max(earliest, own[0]), min(latest, own[1])
        for resource in offer.resources:
            latest = min(latest, horizon_of(resource, self.asked.now))
        return (earliest, latest) if earliest < latest else None

    def _window_of_member(self, agenda: Agenda) -> Interval | None:
        if not is_open(agenda, self.asked.now):
            return None
        calendars = self.hours.calendars_of(agenda).values()
        return window_by(agenda, self.asked.now, calendars)

    def open_beside(self, offer: Offer) -> Iterator[Openings]:
        """When all that is needed beside the desk is open."""
        for resource in offer.resources:
            yield self.hours.of_resource(resource, *self._days(resource.zone))
        if self.agenda.is_virtual:
            yield self.hours.outside_closures(self.agenda, *self._days(self.agenda.zone))

    def _days(self, zone: ZoneInfo) -> tuple[date, date]:
        first, last = self.window[0], self.window[1] + self.longest
        return _local(first, zone).date(), _local(last, zone).date()


class FreeAgendas:
    """Finds the agendas behind a virtual one that are free at a time, in the order of their desks.

    `rows` are desks with their agendas, and `free` says at which cells each of them is free.
    """

    def __init__(
        self, rows: Sequence[tuple[DeskRow, Agenda]], free: Sequence[int], grid: Grid
    ) -> None:
        self._rows, self._free, self._grid = rows, free, grid

    @cached_property
    def _cells(self) -> list[tuple[Agenda, frozenset[int]]]:
        agendas: dict[int, Agenda] = {}
        masks: dict[int, int] = {}
        for (_row, agenda), mask in zip(self._rows, self._free, strict=True):
            agendas[agenda.pk] = agenda
            masks[agenda.pk] = masks.get(agenda.pk, 0) | mask
        return [(agendas[pk], frozenset(positions(mask))) for pk, mask in masks.items()]

    def __call__(self, start: datetime) -> tuple[Agenda, ...]:
        cell = self._grid.cell_of(epoch_minutes(start))
        return tuple(agenda for agenda, cells in self._cells if cell in cells)


def _offering(
    agenda: Agenda, offers: Offers, desks: Desks, asked: Asked, agendas_at: FreeAgendas | None
) -> Offering:
    virtual = agenda.is_virtual
    return Offering(
        agenda=agenda,
        meeting_type=offers[0].meeting_type,
        places_total=len(desks),
        desks=desks,
        resources=tuple(asked.resources) if virtual else offers[0].resources,
        types={each.agenda.pk: each.meeting_type for each in offers} if virtual else {},
        needs={each.agenda.pk: each.resources for each in offers} if virtual else {},
        agendas_at=agendas_at,
    )


def _free_desks(
    desks: tuple[int, ...], free: tuple[int, ...], grid: Grid, start: datetime
) -> tuple[int, ...]:
    """The keys of the desks that are free at a time of a listing."""
    cell = grid.cell_of(epoch_minutes(start))
    return tuple(pk for pk, mask in zip(desks, free, strict=True) if mask >> cell & 1)


@lru_cache(maxsize=256)
def _open_cells(grid: Grid, openings: Openings) -> int:
    return grid.inward_mask(openings)


@lru_cache(maxsize=256)
def _begins(grid: Grid, openings: Openings, step: int) -> int:
    return aligned_starts(grid, openings, step)


@lru_cache(maxsize=32)
def _times(
    origin: int, shown: int, free: tuple[int, ...], minutes: int, zone: ZoneInfo, limit: int | None
) -> tuple[list[datetime], list[datetime], list[int]]:
    """The starts, ends and numbers of free desks at the cells that are shown, from `origin` on.

    Remembered by what it is made of, so that it is right whatever has changed: the same question
    comes with every step of a visitor, and with the next visitor.
    """
    cells = positions(shown)[:limit]
    at = [origin + cell * CELL_MINUTES for cell in cells]
    starts = [_local(minute, zone) for minute in at]
    ends = [_local(minute + minutes, zone) for minute in at]
    return starts, ends, count_at(free, cells)


def lasts(resource: Resource, minutes: int) -> bool:
    """Whether a resource can be had for so long."""
    return resource.maximum_duration is None or minutes <= resource.maximum_duration


def horizon_of(resource: Resource, now: datetime) -> int:
    """The epoch minute before which an appointment with a resource must start."""
    if resource.maximal_booking_delay is None:
        return LATEST_MINUTE
    today = now.astimezone(resource.zone).date()
    return day_bounds(later(today, resource.maximal_booking_delay), resource.zone)[1]


@lru_cache(maxsize=50_000)
def _local(minute: int, zone: ZoneInfo) -> datetime:
    # One slot's end is another's start, and every listing of a day has the same.
    return datetime.fromtimestamp(minute * 60, zone)
