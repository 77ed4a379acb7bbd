"""Where appointments stand in a table of times: plain data in, rows and cells out.

Columns are days or desks, rows are steps of the clock on the wall. What is taken at the same time
shares a cell, so that every booking keeps the full width of its column however many desks there
are; a cell begins at the row in which its bookings begin and spans the rows until they end or until
the next of an overlapping row of bookings begins.

On the night that repeats an hour, both passes stand in the same rows; `is_repeated` tells which
times need their zone beside them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

WHOLE_DAY = 24 * 60
STEPS = (30, 20, 15)
"""Minutes a row may last. The first on which everything starts and ends is taken, else the last."""

HOURS_OF_AN_EMPTY_TABLE = (9 * 60, 17 * 60)

Span = tuple[int, int]
"""Half-open ``(start, end)`` in minutes of the local day, by the clock on the wall."""


@dataclass(frozen=True)
class Taken:
    """Something that takes time: `subject` is handed through, the instants are aware."""

    subject: Any
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Column:
    """One column: a local day, what is taken in it, and when it is open, both as instants."""

    day: date
    taken: Sequence[Taken] = ()
    openings: Sequence[tuple[datetime, datetime]] = ()
    header: Any = None


@dataclass(frozen=True)
class Cell:
    """One table cell. `subjects` is empty where nothing is taken."""

    column: Column
    minute: int
    rowspan: int = 1
    subjects: tuple = ()
    is_open: bool = False
    is_past: bool = False
    is_on_offer: bool = True
    """Whether visitors may book what begins here, as far as notice and horizon go."""

    @property
    def time(self) -> time:
        return time(*divmod(self.minute, 60))


@dataclass
class Row:
    """One step of the clock, `minute` minutes after midnight."""

    minute: int
    is_current: bool = False
    cells: list[Cell] = field(default_factory=list)

    @property
    def time(self) -> time:
        return time(*divmod(self.minute, 60))

    @property
    def is_full_hour(self) -> bool:
        return self.minute % 60 == 0


def rows(
    columns: Sequence[Column],
    *,
    zone: ZoneInfo,
    now: datetime,
    window: tuple[datetime, datetime] | None = None,
) -> list[Row]:
    """The rows of a table with these columns, each with the cells that begin in it.

    `window` is from when to when visitors may book; None lets them book at any time.
    """
    taken = [_spans(column, zone) for column in columns]
    openings = [_opening_spans(column, zone) for column in columns]
    bounds = [span for spans in taken for span, _subject in spans]
    bounds += [span for spans in openings for span in spans]
    step = _step(bounds)
    first, last = _hours(bounds)
    local_now = now.astimezone(zone)
    minute_now = _minute_of_day(local_now)
    shows_today = any(column.day == local_now.date() for column in columns)

    table = [
        Row(minute, is_current=shows_today and minute <= minute_now < minute + step)
        for minute in range(first, last, step)
    ]
    for column, spans, opened in zip(columns, taken, openings, strict=True):
        groups = _groups(spans, step)
        covered_until = 0
        for row in table:
            if row.minute < covered_until:
                continue
            subjects, rowspan = groups.get(row.minute, ((), 1))
            covered_until = row.minute + rowspan * step
            row.cells.append(
                Cell(
                    column=column,
                    minute=row.minute,
                    rowspan=rowspan,
                    subjects=subjects,
                    is_open=any(
                        start < row.minute + step and row.minute < end for start, end in opened
                    ),
                    is_on_offer=window is None
                    or window[0] <= _instant(column.day, row.minute, zone) < window[1],
                    is_past=(column.day, row.minute) < (local_now.date(), minute_now),
                )
            )
    return table


def _instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(*divmod(minute, 60)), tzinfo=zone).astimezone(timezone.utc)


def span_on(day: date, start: datetime, end: datetime, zone: ZoneInfo) -> Span | None:
    """What the local `day` has of the time from `start` to `end`; None if nothing."""
    local_start, local_end = start.astimezone(zone), end.astimezone(zone)
    if local_start.date() > day or local_end.date() < day:
        return None
    first = _minute_of_day(local_start) if local_start.date() == day else 0
    last = _minute_of_day(local_end, up=True) if local_end.date() == day else WHOLE_DAY
    if last <= first:
        if local_start.date() < day:
            return None
        # The clock went back in between: what counts is how long it really lasts.
        lasting = (end - start) // timedelta(minutes=1)
        last = min(first + max(lasting, 1), WHOLE_DAY)
    return first, last


def _spans(column: Column, zone: ZoneInfo) -> list[tuple[Span, Any]]:
    found = []
    for one in column.taken:
        span = span_on(column.day, one.start, one.end, zone)
        if span is not None:
            found.append((span, one.subject))
    return sorted(found, key=lambda item: item[0])


def _opening_spans(column: Column, zone: ZoneInfo) -> list[Span]:
    spans = (span_on(column.day, start, end, zone) for start, end in column.openings)
    return [span for span in spans if span is not None]


def _groups(spans: list[tuple[Span, Any]], step: int) -> dict[int, tuple[tuple, int]]:
    """By the minute of the row in which they begin: the subjects, and how many rows they span."""
    beginnings: dict[int, list] = {}
    reach: dict[int, int] = {}
    cluster_end = 0
    cluster: list[int] = []
    for (start, end), subject in spans:
        row = start - start % step
        until = max(row + step, end + -end % step)
        if row >= cluster_end:
            cluster = []
        if row not in beginnings:
            beginnings[row] = []
            cluster.append(row)
        beginnings[row].append(subject)
        cluster_end = max(cluster_end, until)
        for position, beginning in enumerate(cluster):
            is_last = position == len(cluster) - 1
            reach[beginning] = cluster_end if is_last else cluster[position + 1]
    return {
        row: (tuple(subjects), (reach[row] - row) // step) for row, subjects in beginnings.items()
    }


def _step(bounds: Iterable[Span]) -> int:
    minutes = {minute for span in bounds for minute in span}
    for step in STEPS:
        if all(minute % step == 0 for minute in minutes):
            return step
    return STEPS[-1]


def _hours(bounds: Sequence[Span]) -> Span:
    """From the first to the last full hour that the table needs."""
    if not bounds:
        return HOURS_OF_AN_EMPTY_TABLE
    first = min(start for start, _end in bounds)
    last = max(end for _start, end in bounds)
    return first - first % 60, min(last + -last % 60, WHOLE_DAY)


def _minute_of_day(local: datetime, up: bool = False) -> int:
    minute = local.hour * 60 + local.minute
    return minute + 1 if up and (local.second or local.microsecond) else minute
