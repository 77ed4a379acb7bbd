"""Which dates a series of events has, when each begins and ends, and what becomes of changed ones.

A series comes back on some weekdays of every so many weeks, counted from the week of its first day.
Its times are local wall times, so they mean the same on the clock in summer and in winter. A night
that skips the time has no occurrence; on a night that repeats it, the first one is meant. How long
it lasts is elapsed time.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from wagtail_agenda.schedule import day_bounds, wall_time_exists
from wagtail_agenda.timegrid import instant_of

Span = tuple[datetime, datetime]
"""Start and end, in UTC."""

LONGEST_DAYS = 3_660
"""How many days, about ten years, may lie between the first day and the end of a series."""


@dataclass(frozen=True)
class Recurrence:
    """When a series takes place; `weekdays` from 0, Monday, `duration` in minutes.

    An `until` of None never ends.
    """

    first_day: date
    until: date | None
    weekdays: frozenset[int]
    every_weeks: int
    exceptions: frozenset[date]
    start_time: time
    duration: int
    zone: ZoneInfo


def problems(rule: Recurrence) -> list[tuple[str, str]]:
    """What is wrong with the days of a series, as ``(field, code)``.

    Codes: ``no_weekday``, ``no_interval`` (less than one week), ``ends_before_it_begins``,
    ``too_long`` (see `LONGEST_DAYS`), ``no_dates`` (between the first day and the end).
    """
    found = []
    if not rule.weekdays:
        found.append(("weekdays", "no_weekday"))
    if rule.every_weeks < 1:
        found.append(("every_weeks", "no_interval"))
    if rule.until is not None:
        if rule.until < rule.first_day:
            found.append(("until", "ends_before_it_begins"))
        elif (rule.until - rule.first_day).days > LONGEST_DAYS:
            found.append(("until", "too_long"))
        elif not found and not dates_of(rule, rule.first_day, rule.until):
            found.append(("until", "no_dates"))
    return found


def dates_of(rule: Recurrence, first: date, last: date) -> list[date]:
    """The dates of a series from `first` to `last` inclusive, whatever clocks do that night."""
    begin = max(first, rule.first_day).toordinal()
    end = (last if rule.until is None else min(last, rule.until)).toordinal()
    stride = 7 * rule.every_weeks
    first_monday = _monday(rule.first_day.toordinal())
    monday = begin - (begin - first_monday) % stride
    found = []
    while monday <= end:
        found += [
            date.fromordinal(monday + weekday)
            for weekday in sorted(rule.weekdays)
            if begin <= monday + weekday <= end
        ]
        monday += stride
    return [day for day in found if day not in rule.exceptions]


def span_on(rule: Recurrence, day: date) -> Span | None:
    """From when to when an occurrence of that date lasts; None if clocks skip its start."""
    if not wall_time_exists(day, rule.start_time, rule.zone):
        return None
    # The first of two equal wall times is meant, which is what Python takes.
    start = datetime.combine(day, rule.start_time, rule.zone).astimezone(timezone.utc)
    return start, start + timedelta(minutes=rule.duration)


def occurrences_of(rule: Recurrence, first: date, last: date) -> dict[date, Span]:
    """The occurrences from `first` to `last` inclusive, by date, in their order."""
    spans = ((day, span_on(rule, day)) for day in dates_of(rule, first, last))
    return {day: span for day, span in spans if span is not None}


def published_at(day: date, days_before: int | None, zone: ZoneInfo) -> datetime | None:
    """When an occurrence is published: as the local day begins that is so many days before it."""
    if days_before is None:
        return None
    return instant_of(day_bounds(day - timedelta(days=days_before), zone)[0])


@dataclass(frozen=True)
class Rescheduling:
    """What a changed rule does to the dates that there are.

    `kept` stay on their date, `moved` says to which date, `removed` have none any more; `added`
    are dates on which nothing was before.
    """

    kept: list[date] = field(default_factory=list)
    moved: dict[date, date] = field(default_factory=dict)
    removed: list[date] = field(default_factory=list)
    added: list[date] = field(default_factory=list)


def reschedule(
    present: Iterable[date],
    others: Iterable[date],
    after: Iterable[date],
    possible: Iterable[date],
) -> Rescheduling:
    """How the dates of a series follow its new rule.

    `present` are those that follow; `others` are or were there and do not: they have begun, were
    cancelled, deleted, or changed by themselves. `after` are the dates of the new rule, `possible`
    those of them on which something can still take place.

    Of the same week, dates that the new rule has not are replaced by those that only it has, in
    order. What replaces one of the `others` is not made: that week has had its own.
    """
    following, after = set(present), set(after)
    others = set(others) - following
    free: dict[int, list[date]] = defaultdict(list)
    for day in sorted(set(possible) - following - others):
        free[_monday(day.toordinal())].append(day)
    new = Rescheduling(kept=sorted(following & after))
    for day in sorted((following | others) - after):
        candidates = free[_monday(day.toordinal())]
        replacement = candidates.pop(0) if candidates else None
        if day in following and replacement is None:
            new.removed.append(day)
        elif day in following:
            new.moved[day] = replacement
    new.added.extend(sorted(day for days in free.values() for day in days))
    return new


def _monday(ordinal: int) -> int:
    # The first day of the calendar, with ordinal 1, is a Monday.
    return ordinal - (ordinal - 1) % 7
