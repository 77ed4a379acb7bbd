"""Opening hours, closures and a time zone in; open intervals in UTC epoch minutes out.

Hours are what stands on the door: local wall time. What that means on the nights when clocks change
is decided here and nowhere else: **an instant is open if its wall clock reads an opening time.** A
wall time that a night skips is open never, one that a night repeats is open twice.

Each window is cut where the zone changes its UTC offset; between two changes, wall time and UTC
differ by a constant, and hours are moved by it whole.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from wagtail_agenda.timegrid import CELL_MINUTES, Interval, merge, subtract

_MINUTE = 60
_DAY = 24 * 60 * _MINUTE

_EPOCH = datetime(1970, 1, 1)
_EPOCH_ORDINAL = _EPOCH.toordinal()

# A day short of what datetime can express, so that whatever is returned can be shown in any zone.
_EARLIEST = (date.min.toordinal() + 1 - _EPOCH_ORDINAL) * _DAY
_LATEST = (date.max.toordinal() - _EPOCH_ORDINAL) * _DAY

# The shortest time that any zone of the tz database keeps an offset is six days and 23 hours
# (America/Recife, October 2000): samples this far apart enclose at most one change.
_SAMPLE = 4 * _DAY

LAST = -1
"""Among the `ordinals` of `MonthlyHours`: the last such weekday of the month."""

AHEAD_DAYS = 3653
"""How far `coming_dates` looks: ten years, in which even a 29 February comes back."""

# No two months with a fifth of some weekday are further apart, nor is anything else that recurs.
_SEASON_SAMPLE = 400

# A leap year and one that is none: every date of any year is in one of them.
_YEARS_OF_EITHER_KIND = (2027, 2028)


@dataclass(frozen=True)
class Season:
    """Local dates, `first` to `last` inclusive, on which hours count; an end that is None is open.

    A yearly season reads months and days alone. If it then ends before it begins, it spans the new
    year; an end left open is that of the year. Where a year has no 29 February, a season that
    begins on it begins on 1 March, and one that ends on it ends on the 28th.
    """

    first: date | None = None
    last: date | None = None
    yearly: bool = False

    @property
    def is_all_time(self) -> bool:
        return self.first is None and self.last is None

    def __contains__(self, day: date) -> bool:
        first, last = self.first, self.last
        if not self.yearly:
            return (first is None or first <= day) and (last is None or day <= last)
        here = (day.month, day.day)
        begins = (first.month, first.day) if first else (1, 1)
        ends = (last.month, last.day) if last else (12, 31)
        if begins <= ends:
            return begins <= here <= ends
        return here >= begins or here <= ends


ALL_TIME = Season()


@dataclass(frozen=True)
class WeeklyHours:
    """Hours that come back every week of their season, on `weekdays` (0 is Monday).

    `closes` at 00:00 is midnight at the end of the day, and so is then the end of a break.
    """

    weekdays: frozenset[int]
    opens: time
    closes: time
    breaks: tuple[tuple[time, time], ...] = ()
    season: Season = ALL_TIME


@dataclass(frozen=True)
class MonthlyHours:
    """Hours on certain weekdays of each month of their season; the rest as in `WeeklyHours`.

    `ordinals` say which of the month's Mondays and so on: 1 to 5, or `LAST`. A month without a
    fifth one is skipped.
    """

    ordinals: frozenset[int]
    weekdays: frozenset[int]
    opens: time
    closes: time
    breaks: tuple[tuple[time, time], ...] = ()
    season: Season = ALL_TIME


@dataclass(frozen=True)
class OneOffHours:
    """Hours of one date; times as in `WeeklyHours`.

    They are beside the weekly and monthly hours of that date, or in their place if they `replace`
    them.
    """

    day: date
    opens: time
    closes: time
    breaks: tuple[tuple[time, time], ...] = ()
    replaces: bool = False


RecurringHours = WeeklyHours | MonthlyHours
Period = WeeklyHours | MonthlyHours | OneOffHours


@dataclass(frozen=True)
class Closure:
    """Local dates, `first` to `last` inclusive, on which nothing is open."""

    first: date
    last: date
    label: str = ""


def opening_intervals(
    periods: Iterable[Period],
    closures: Iterable[Closure],
    zone: ZoneInfo,
    first: date,
    last: date,
) -> tuple[Interval, ...]:
    """The open minutes of the local days `first` to `last` inclusive, sorted and disjoint.

    A minute is open if, in `zone`, its date is in no closure and its wall time lies in some period
    of that date and in none of that period's own breaks. A closure closes one-off hours too, and
    one-off hours that replace others are the only ones of their date.
    Incomplete and backward periods, breaks and closures, as drafts have them, count for nothing.
    The first day of year 1 and the last of year 9999 are cut short, where zones pass the calendar.
    """
    wall = _wall_intervals(periods, closures, first, last)
    if not wall:
        return ()
    opened: list[Interval] = []
    for regime in _regimes(zone, wall[0][0] - _DAY, wall[-1][1] + _DAY):
        for start, end in wall:
            start = max(start - regime.offset, regime.start, _EARLIEST)
            end = min(end - regime.offset, regime.end, _LATEST)
            if start < end:
                opened.append((_minute_from(start), _minute_from(end)))
    return tuple(merge(opened))


def problems(period: Period) -> list[tuple[str, str]]:
    """What is wrong with a period, as ``(field, code)`` pairs without repetition.

    Codes: ``missing``, ``no_ordinal``, ``no_weekday``, ``closes_before_opens``,
    ``break_backwards`` (ends when it starts or before), ``break_outside`` (of the hours),
    ``off_grid`` (no multiple of five minutes), ``season_backwards``, ``season_too_long`` (comes
    back every year and lasts longer), ``season_without_day`` (that the hours name).
    Any field of the period may be None, as in a draft.
    """
    found: list[tuple[str, str]] = []
    if isinstance(period, OneOffHours):
        if period.day is None:
            found.append(("day", "missing"))
    else:
        if isinstance(period, MonthlyHours):
            found.extend(_none_chosen("ordinals", period.ordinals, "no_ordinal"))
        found.extend(_none_chosen("weekdays", period.weekdays, "no_weekday"))

    for field in ("opens", "closes"):
        value = getattr(period, field)
        if value is None:
            found.append((field, "missing"))
        elif _off_grid(value):
            found.append((field, "off_grid"))
    hours = _hours(period)
    if hours and hours[0] >= hours[1]:
        found.append(("closes", "closes_before_opens"))
        hours = None

    if period.breaks is None:
        found.append(("breaks", "missing"))
    for pause in period.breaks or ():
        found.extend(("breaks", code) for code in _break_problems(pause, period.closes, hours))
    if not isinstance(period, OneOffHours):
        found.extend(("season", code) for code in _season_problems(period))
    return list(dict.fromkeys(found))


def counts_on(period: Period, day: date) -> bool:
    """Whether a date is one of the period's own, by its rule and season; its times aside.

    A draft that lacks what decides has no dates.
    """
    if isinstance(period, OneOffHours):
        return period.day == day
    if period.season is not None and day not in period.season:
        return False
    if day.weekday() not in (period.weekdays or ()):
        return False
    return not isinstance(period, MonthlyHours) or _has_ordinal(day, period.ordinals)


def depends_on_date(period: Period) -> bool:
    """Whether weeks differ by the period, rather than all be open alike."""
    return not isinstance(period, WeeklyHours) or not (period.season or ALL_TIME).is_all_time


def coming_dates(period: Period, since: date) -> Iterator[date]:
    """The dates of a period from `since` on, in order, for `AHEAD_DAYS` from the first possible."""
    if isinstance(period, OneOffHours):
        if period.day is not None and period.day >= since:
            yield period.day
        return
    season = period.season or ALL_TIME
    days = AHEAD_DAYS
    if not season.yearly:
        since = max(since, season.first or since)
        days = min(days, ((season.last or date.max) - since).days + 1)
    yield from (day for day in _days(since, days) if counts_on(period, day))


def wall_time_exists(day: date, at: time, zone: ZoneInfo) -> bool:
    """Whether clocks in `zone` show `at` on `day`, rather than skip it."""
    wall = _wall_midnight(day) + _second_of_day(at)
    return any(
        regime.start <= wall - regime.offset < regime.end
        for regime in _regimes(zone, wall - _DAY, wall + _DAY)
    )


def week_of(day: date) -> tuple[date, ...]:
    """Monday to Sunday of the week of `day`; the last week of year 9999 ends on its last date."""
    monday = day.toordinal() - day.weekday()
    sunday = min(monday + 6, date.max.toordinal())
    return tuple(date.fromordinal(ordinal) for ordinal in range(monday, sunday + 1))


def day_bounds(day: date, zone: ZoneInfo) -> Interval:
    """The local day as ``(start, end)`` in epoch minutes, UTC.

    A day begins at the first minute whose wall date has reached it, which need not read 00:00, and
    ends where the next one begins: days follow each other without gap or overlap, last 23 to 25
    hours when clocks change, and a date that a zone skipped altogether is empty.
    """
    midnight = _wall_midnight(day)
    regimes = _regimes(zone, midnight - _DAY, midnight + 2 * _DAY)
    return _reaching(midnight, regimes), _reaching(midnight + _DAY, regimes)


def is_repeated(instant: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock on the wall reads the time of `instant` twice on that day."""
    local = instant.astimezone(zone)
    # An instant reads as itself, so a time that the night skips never comes here.
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


# Wall seconds: the local date and time read as if they were UTC, counted from 1970-01-01T00:00.


def _wall_midnight(day: date) -> int:
    return (day.toordinal() - _EPOCH_ORDINAL) * _DAY


def _wall_intervals(
    periods: Iterable[Period], closures: Iterable[Closure], first: date, last: date
) -> list[Interval]:
    """The opening hours of the days `first` to `last` in wall seconds, merged."""
    recurring: list[list[tuple[RecurringHours, list[Interval]]]] = [[] for _ in range(7)]
    one_off: dict[date, list[Interval]] = {}
    replaced: set[date] = set()
    for period in periods:
        opened = _opened(period)
        if isinstance(period, OneOffHours):
            one_off.setdefault(period.day, []).extend(opened)
            if period.replaces and _are_hours(_hours(period)):
                replaced.add(period.day)
        elif opened:
            for weekday in period.weekdays or ():
                recurring[weekday].append((period, opened))

    closed = _closed_ordinals(closures, first.toordinal(), last.toordinal())
    wall: list[Interval] = []
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        if ordinal in closed:
            continue
        midnight = (ordinal - _EPOCH_ORDINAL) * _DAY
        day = date.fromordinal(ordinal)
        if day not in replaced:
            for period, opened in recurring[day.weekday()]:
                if counts_on(period, day):
                    wall.extend((midnight + start, midnight + end) for start, end in opened)
        for start, end in one_off.get(day, ()):
            wall.append((midnight + start, midnight + end))
    return merge(wall)


def _has_ordinal(day: date, ordinals: frozenset[int] | None) -> bool:
    """Whether a date is the first, … or last of its weekday in its month, as `ordinals` say."""
    if not ordinals:
        return False
    if (day.day + 6) // 7 in ordinals:
        return True
    return LAST in ordinals and day.day + 7 > monthrange(day.year, day.month)[1]


def _days(since: date, number: int) -> Iterator[date]:
    """So many days from `since` on, or as many as the calendar still has."""
    start = since.toordinal()
    return map(date.fromordinal, range(start, min(start + number, date.max.toordinal() + 1)))


def _closed_ordinals(closures: Iterable[Closure], first: int, last: int) -> set[int]:
    """The day numbers in ``first..last`` that some closure covers."""
    closed: set[int] = set()
    for closure in closures:
        if closure.first is None or closure.last is None:
            continue
        start, end = max(closure.first.toordinal(), first), min(closure.last.toordinal(), last)
        closed.update(range(start, end + 1))
    return closed


def _opened(period: Period) -> list[Interval]:
    """A period's hours without its breaks, in seconds of the day."""
    hours = _hours(period)
    if hours is None:
        return []
    pauses = (_span(start, end, period.closes) for start, end in period.breaks or ())
    return subtract([hours], [pause for pause in pauses if pause])


def _hours(period: Period) -> Interval | None:
    return _span(period.opens, period.closes, period.closes)


def _are_hours(hours: Interval | None) -> bool:
    return hours is not None and hours[0] < hours[1]


def _span(start: time | None, end: time | None, closes: time | None) -> Interval | None:
    """``(start, end)`` in seconds of the day, None where incomplete.

    An end at midnight is the end of the day if that is when the period closes.
    """
    if start is None or end is None:
        return None
    ends_the_day = _is_midnight(end) and closes is not None and _is_midnight(closes)
    return _second_of_day(start), _DAY if ends_the_day else _second_of_day(end)


def _second_of_day(at: time) -> int:
    return at.hour * 3600 + at.minute * _MINUTE + at.second


def _is_midnight(at: time) -> bool:
    return _second_of_day(at) == 0


def _off_grid(at: time) -> bool:
    return bool(at.minute % CELL_MINUTES or at.second or at.microsecond)


def _none_chosen(field: str, chosen: frozenset[int] | None, code: str) -> Iterable[tuple[str, str]]:
    if chosen is None:
        yield field, "missing"
    elif not chosen:
        yield field, code


def _season_problems(period: RecurringHours) -> Iterable[str]:
    """The codes of a season, in itself or for the days that the hours name."""
    season = period.season or ALL_TIME
    first, last = season.first, season.last
    if first and last:
        if not season.yearly and last < first:
            yield "season_backwards"
            return
        end = (last.year - first.year, last.month, last.day)
        if season.yearly and end >= (1, first.month, first.day):
            yield "season_too_long"
            return
    ordinals = period.ordinals if isinstance(period, MonthlyHours) else frozenset({1, 2, 3, 4, 5})
    if ordinals and period.weekdays and not _ever_counts(season, ordinals, period.weekdays):
        yield "season_without_day"


@lru_cache(maxsize=1024)
def _ever_counts(season: Season, ordinals: frozenset[int], weekdays: frozenset[int]) -> bool:
    """Whether hours on such days have a date in a season that is sound in itself."""
    if season.yearly:
        # In the course of the years a date falls on every weekday.
        days = (day for year in _YEARS_OF_EITHER_KIND for day in _days(date(year, 1, 1), 366))
        return any(day in season and _has_ordinal(day, ordinals) for day in days)
    since = season.first
    if since is None:
        latest = season.last.toordinal() if season.last else date.max.toordinal()
        since = date.fromordinal(max(latest - _SEASON_SAMPLE, 1))
    return any(
        day in season and day.weekday() in weekdays and _has_ordinal(day, ordinals)
        for day in _days(since, _SEASON_SAMPLE + 1)
    )


def _break_problems(
    pause: tuple[time | None, time | None], closes: time | None, hours: Interval | None
) -> Iterable[str]:
    """The codes of one break; `hours` is None as long as the hours themselves are in doubt."""
    start, end = pause
    if any(_off_grid(at) for at in pause if at is not None):
        yield "off_grid"
    span = _span(start, end, closes)
    if span is None:
        yield "missing"
    elif span[0] >= span[1]:
        yield "break_backwards"
    elif hours and (span[0] < hours[0] or span[1] > hours[1]):
        yield "break_outside"


@dataclass(frozen=True)
class _Regime:
    """A stretch of time with one UTC offset: seconds since 1970 in UTC, offset in seconds."""

    start: int
    end: int
    offset: int


def _regimes(zone: ZoneInfo, start: int, end: int) -> list[_Regime]:
    """The stretches of constant offset that make up ``start..end``, in order."""
    regimes: list[_Regime] = []
    begun, sampled, offset = start, start, _offset(zone, start)
    while sampled < end:
        ahead = min(sampled + _SAMPLE, end)
        offset_ahead = _offset(zone, ahead)
        if offset_ahead != offset:
            change = _first_second_without(offset, zone, sampled, ahead)
            regimes.append(_Regime(begun, change, offset))
            begun, offset = change, offset_ahead
        sampled = ahead
    regimes.append(_Regime(begun, end, offset))
    return regimes


def _first_second_without(offset: int, zone: ZoneInfo, before: int, after: int) -> int:
    """Bisect for the change: the zone has `offset` at `before` and another one at `after`."""
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, second: int) -> int:
    """The UTC offset of `zone` at an instant, in seconds.

    Near the ends of the calendar, beyond every rule of every zone, the nearest instant answers.
    """
    second = min(max(second, _EARLIEST), _LATEST)
    utc = (_EPOCH + timedelta(seconds=second)).replace(tzinfo=zone)
    offset = zone.fromutc(utc).utcoffset()
    return offset.days * _DAY + offset.seconds


def _reaching(wall: int, regimes: list[_Regime]) -> int:
    """The first minute at which clocks read `wall` or later."""
    reached = next(regime for regime in regimes if regime.end + regime.offset > wall)
    second = max(reached.start, wall - reached.offset)
    return _minute_from(min(max(second, _EARLIEST), _LATEST))


def _minute_from(second: int) -> int:
    # Rounding up keeps the half-open meaning: minute m is inside if and only if second 60 m is.
    return -(-second // _MINUTE)
