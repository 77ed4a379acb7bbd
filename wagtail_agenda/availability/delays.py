"""From when to when something may start: the booking delays, and the days that were asked for."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import islice

from wagtail_agenda.availability.asked import Asked
from wagtail_agenda.availability.openings import closures_of_calendars
from wagtail_agenda.choices import DelayUnit
from wagtail_agenda.models import Agenda, ClosureCalendar
from wagtail_agenda.schedule import Closure, day_bounds
from wagtail_agenda.timegrid import (
    DAY_MINUTES,
    Interval,
    epoch_minutes,
    epoch_minutes_up,
    instant_of,
)

LATEST_MINUTE = 2_147_000_000
"""What starts later, in the year 6052, is not offered: its minutes do not fit the column."""

FARTHEST_DAYS = 40_000
"""How many days ahead working days are counted: twice the longest horizon, and some."""

MOST_DAYS = 400
"""How many days of appointments are listed at once where no booking delay ends a listing."""

EARLIEST_DAY, LATEST_DAY = date(1900, 1, 1), date(6000, 12, 31)
"""Days beyond these are taken for these: there is nothing, and nobody can reckon with them."""

WORKING_WEEKDAYS = range(1, 6)
"""Monday to Friday, by the remainder of a day's ordinal by seven: the first day of all was one."""


def is_open(agenda: Agenda, now: datetime) -> bool:
    """Whether visitors may book at all: published, and not past its expiry."""
    return agenda.live and (agenda.expire_at is None or agenda.expire_at > now)


def booking_window(agenda: Agenda, now: datetime) -> Interval:
    """From when to when the booking delays allow an appointment or event to start.

    Epoch minutes, half-open. A notice of N days means: not before the Nth day from today begins;
    a horizon of N days means: until the end of the Nth day from today. N working days count only
    Monday to Friday, and of these only the days on which no closure calendar of the agenda closes.
    """
    return window_by(agenda, now, None)


def window_by(
    agenda: Agenda, now: datetime, calendars: Iterable[ClosureCalendar] | None
) -> Interval:
    """`booking_window` of an agenda whose closure calendars may have been read already."""
    notice, horizon = agenda.minimal_booking_delay, agenda.maximal_booking_delay
    if agenda.minimal_booking_delay_unit == DelayUnit.HOURS or not notice:
        earliest = epoch_minutes_up(now) + notice * 60
    else:
        day = _day_ahead(agenda, notice, agenda.minimal_booking_delay_unit, now, calendars)
        earliest = day_bounds(day, agenda.zone)[0]
    if agenda.maximal_booking_delay_unit == DelayUnit.HOURS:
        latest = epoch_minutes(now) + horizon * 60 + 1
    else:
        day = _day_ahead(agenda, horizon, agenda.maximal_booking_delay_unit, now, calendars)
        latest = day_bounds(day, agenda.zone)[1]
    return earliest, max(earliest, latest)


def _day_ahead(
    agenda: Agenda,
    number: int,
    unit: str,
    now: datetime,
    calendars: Iterable[ClosureCalendar] | None,
) -> date:
    today = now.astimezone(agenda.zone).date()
    if unit == DelayUnit.WORKING_DAYS:
        if calendars is None:
            calendars = agenda.closure_calendars.all()
        return nth_working_day(today, number, calendars)
    return later(today, number)


def nth_working_day(today: date, number: int, calendars: Iterable[ClosureCalendar]) -> date:
    """The `number`th day after `today` that is Monday to Friday and that no calendar closes.

    If there are not that many within `FARTHEST_DAYS`, it is the last of these.
    """
    calendars = list(calendars)
    ahead = 2 * number + 14
    while True:
        last = later(today, min(ahead, FARTHEST_DAYS))
        found = _nth_open_weekday(
            today, number, last, closures_of_calendars(calendars, today, last)
        )
        if found is not None:
            return found
        if ahead >= FARTHEST_DAYS:
            return last
        ahead *= 4


def _nth_open_weekday(
    today: date, number: int, last: date, closures: Iterable[Closure]
) -> date | None:
    closed: set[int] = set()
    for closure in closures:
        begin, end = max(closure.first, today), min(closure.last, last)
        closed.update(range(begin.toordinal(), end.toordinal() + 1))
    working = (
        ordinal
        for ordinal in range(today.toordinal() + 1, last.toordinal() + 1)
        if ordinal % 7 in WORKING_WEEKDAYS and ordinal not in closed
    )
    ordinal = next(islice(working, number - 1, None), None)
    return None if ordinal is None else date.fromordinal(ordinal)


def starts_within(
    agenda: Agenda, first: date | None, last: date | None, asked: Asked
) -> Interval | None:
    """When a slot may start: inside the days asked for and the booking delays; None if never.

    Without `last` and without delays, appointments are listed for `MOST_DAYS`, and never for more.
    """
    earliest, latest = _days(agenda, first, last)
    if not asked.bypass_delays:
        allowed_from, allowed_to = booking_window(agenda, asked.now)
        earliest, latest = max(earliest, allowed_from), min(latest, allowed_to)
    elif agenda.takes_appointments:
        begin = max(earliest, epoch_minutes(asked.now))
        latest = min(latest, begin + MOST_DAYS * DAY_MINUTES)
    return _to_come(earliest, latest, asked.now)


def began_within(
    agenda: Agenda, first: date | None, last: date | None, now: datetime
) -> Interval | None:
    """What of these days is past: where `starts_within` begins, this ends. None if nothing is."""
    earliest, latest = _days(agenda, first, last)
    latest = min(latest, epoch_minutes(now) + 1)
    return (earliest, latest) if earliest < latest else None


def _days(agenda: Agenda, first: date | None, last: date | None) -> Interval:
    """The local days `first` to `last` inclusive in epoch minutes; None for as far as it goes."""
    first = max(first or EARLIEST_DAY, EARLIEST_DAY)
    last = min(last or LATEST_DAY, LATEST_DAY)
    return day_bounds(first, agenda.zone)[0], day_bounds(last, agenda.zone)[1]


def starts_within_delays(agenda: Agenda, asked: Asked) -> Interval | None:
    """When a slot may start at all: as far as the booking delays reach; None if never."""
    return _to_come(*booking_window(agenda, asked.now), asked.now)


def _to_come(earliest: int, latest: int, now: datetime) -> Interval | None:
    """What of a window is neither past nor beyond the last minute; None if nothing is left."""
    earliest, latest = max(earliest, epoch_minutes(now) + 1), min(latest, LATEST_MINUTE)
    return (earliest, latest) if earliest < latest else None


def local_day(agenda: Agenda, minute: int) -> date:
    return instant_of(minute).astimezone(agenda.zone).date()


def later(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max - timedelta(days=1)
