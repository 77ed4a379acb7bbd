"""Minutes, intervals and bitsets: the arithmetic under every listing of free times.

Instants are whole minutes since 1970-01-01T00:00Z; spans are half-open ``(start, end)`` pairs of
them. A `Grid` lays cells of five minutes over a window, and one Python integer says for all of them
at once whether they are free: bit *i* is cell *i*. Asking where a meeting of *n* cells fits is then
a handful of shifts, whatever the number of bookings.

Nothing in here knows a time zone (see `wagtail_agenda.schedule`), a database or Django.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import compress, count
from operator import itemgetter
from typing import TypeVar

DAY_MINUTES = 24 * 60

CELL_MINUTES = 5
"""Width of a grid cell, in minutes; every bookable time is a multiple of it."""

Interval = tuple[int, int]
"""Half-open ``(start, end)`` in epoch minutes, UTC; empty unless ``start < end``."""

Key = TypeVar("Key", bound=Hashable)

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MINUTE = timedelta(minutes=1)
_FROM_DIGITS = bytes.maketrans(b"01", b"\0\1")


def epoch_minutes(instant: datetime) -> int:
    """Whole minutes from 1970-01-01T00:00Z to `instant`, rounded down.

    Raises ValueError for a naive datetime.
    """
    return _since_epoch(instant) // _MINUTE


def epoch_minutes_up(instant: datetime) -> int:
    """Whole minutes from 1970-01-01T00:00Z to `instant`, rounded up.

    Raises ValueError for a naive datetime.
    """
    return -(-_since_epoch(instant) // _MINUTE)


def instant_of(minutes: int) -> datetime:
    """The aware UTC datetime of an epoch minute.

    Raises OverflowError outside the years 1 to 9999.
    """
    return _EPOCH + minutes * _MINUTE


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """The same minutes as sorted, disjoint intervals; touching ones are joined, empty ones go."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def subtract(intervals: Iterable[Interval], holes: Iterable[Interval]) -> list[Interval]:
    """The minutes of `intervals` that lie in none of `holes`, as `merge` would return them."""
    cuts = merge(holes)
    remaining: list[Interval] = []
    passed = 0
    for start, end in merge(intervals):
        while passed < len(cuts) and cuts[passed][1] <= start:
            passed += 1
        position = passed
        while position < len(cuts) and cuts[position][0] < end:
            hole_start, hole_end = cuts[position]
            if start < hole_start:
                remaining.append((start, hole_start))
            start = hole_end
            position += 1
        if start < end:
            remaining.append((start, end))
    return remaining


@dataclass(frozen=True)
class Grid:
    """A window of `cells` five-minute cells from epoch minute `origin`, a multiple of five.

    Intervals may reach beyond the window: masks keep what lies inside it.
    """

    origin: int
    cells: int

    def __post_init__(self) -> None:
        if self.origin % CELL_MINUTES:
            raise ValueError(f"A grid begins at a multiple of {CELL_MINUTES}, not at {self.origin}")
        if self.cells < 0:
            raise ValueError(f"A grid cannot have {self.cells} cells")

    @classmethod
    def covering(cls, start_minute: int, end_minute: int) -> "Grid":
        """The smallest grid that contains every minute from `start_minute` to `end_minute`."""
        first = start_minute // CELL_MINUTES
        after = _ceil_divide(end_minute, CELL_MINUTES)
        return cls(origin=first * CELL_MINUTES, cells=max(0, after - first))

    @classmethod
    def of_whole_days(cls, start_minute: int, end_minute: int) -> "Grid":
        """The smallest grid of whole days, in UTC, that contains them."""
        return cls.covering(
            start_minute // DAY_MINUTES * DAY_MINUTES,
            _ceil_divide(end_minute, DAY_MINUTES) * DAY_MINUTES,
        )

    @property
    def end(self) -> int:
        """The epoch minute at which the last cell ends."""
        return self.origin + self.cells * CELL_MINUTES

    @property
    def full(self) -> int:
        """The mask with every cell set."""
        return (1 << self.cells) - 1

    def __contains__(self, minute: int) -> bool:
        return self.origin <= minute < self.end

    def cell_of(self, minute: int) -> int:
        """The cell that contains `minute`, clipped to ``0..cells``.

        A minute before the window gives cell 0 and one after it gives `cells`, the first cell that
        does not exist; ask ``minute in grid`` where the difference matters.
        """
        return min(max((minute - self.origin) // CELL_MINUTES, 0), self.cells)

    def minute_of(self, cell: int) -> int:
        """The epoch minute at which `cell` begins, `cell` being clipped to ``0..cells``."""
        return self.origin + min(max(cell, 0), self.cells) * CELL_MINUTES

    def cells_from(self, start: int, end: int) -> int:
        """The cells that one interval touches: `outward_mask` without the list."""
        first = self.cell_of(start)
        after = min(max(_ceil_divide(end - self.origin, CELL_MINUTES), 0), self.cells)
        return (1 << after) - (1 << first) if start < end and first < after else 0

    def inward_mask(self, intervals: Iterable[Interval]) -> int:
        """The cells that lie wholly inside the union of `intervals`: for openings."""
        line = bytearray(b"0") * self.cells
        for start, end in merge(intervals):
            first, after = self._inward_span(start, end)
            first, after = max(first, 0), min(after, self.cells)
            if first < after:
                line[first:after] = b"1" * (after - first)
        return _mask_of(line)

    def outward_mask(self, intervals: Iterable[Interval]) -> int:
        """The cells that any of `intervals` touches: for what is busy."""
        masks = self.outward_masks((None, start, end) for start, end in intervals)
        return masks.get(None, 0)

    def outward_masks(self, spans: Iterable[tuple[Key, int, int]]) -> dict[Key, int]:
        """`outward_mask` of many desks in one pass: spans are ``(key, start, end)``."""
        origin, cells = self.origin, self.cells
        lines: dict[Key, bytearray] = {}
        # A listing of a city comes by here two hundred thousand times: hence no call in the loop.
        for key, start, end in spans:
            first = (start - origin) // CELL_MINUTES
            after = -((origin - end) // CELL_MINUTES)
            if first < 0:
                first = 0
            if after > cells:
                after = cells
            if first >= after or start >= end:
                continue
            line = lines.get(key)
            if line is None:
                line = lines[key] = bytearray(b"0") * cells
            line[first:after] = b"1" * (after - first)
        return {key: _mask_of(line) for key, line in lines.items()}

    def _inward_span(self, start: int, end: int) -> tuple[int, int]:
        """First and after-last whole cell of an interval, before any clipping to the window."""
        return (
            _ceil_divide(start - self.origin, CELL_MINUTES),
            (end - self.origin) // CELL_MINUTES,
        )


def _mask_of(line: bytearray) -> int:
    """The mask of a line that has the digit 0 or 1 for each cell. Turns the line round.

    Digits become an integer once: OR-ing one window-wide integer per booking would copy the whole
    window each time.
    """
    line.reverse()
    return int(line, 2) if line else 0


def runs(mask: int, length: int) -> int:
    """Where `length` set bits follow each other: bit i is set iff bits i to i+length-1 all are.

    Raises ValueError unless `length` is at least 1.
    """
    if length < 1:
        raise ValueError(f"A run has at least one cell, not {length}")
    reached = 1
    while reached < length:
        # Each bit already vouches for `reached` cells, so one shift can double that.
        shift = min(reached, length - reached)
        mask &= mask >> shift
        reached += shift
    return mask


def aligned_starts(grid: Grid, openings: Iterable[Interval], step_cells: int) -> int:
    """The cells at every `step_cells` from the start of each opening, as far as it reaches.

    Openings are rounded inward to whole cells. Their own start is what is counted from, also when
    it lies before the grid, so that another window over the same opening offers the same times.
    Raises ValueError unless `step_cells` is at least 1.
    """
    if step_cells < 1:
        raise ValueError(f"A step has at least one cell, not {step_cells}")
    line = bytearray(b"0") * grid.cells
    for start, end in openings:
        first, after = grid._inward_span(start, end)
        after = min(after, grid.cells)
        if first < 0:
            first %= step_cells
        if first < after:
            line[first:after:step_cells] = b"1" * len(range(first, after, step_cells))
    return _mask_of(line)


def positions(mask: int) -> list[int]:
    """The positions of the set bits of a mask, ascending."""
    return list(compress(count(), _bits(mask)))


def count_at(masks: Iterable[int], cells: Sequence[int]) -> list[int]:
    """How many of the masks have a bit at a cell: one number for each of `cells`."""
    # Adds all cells at once: plane k holds the binary digit k of the sum at every cell.
    planes: list[int] = []
    for mask in masks:
        carry = mask
        for digit, plane in enumerate(planes):
            planes[digit], carry = plane ^ carry, plane & carry
            if not carry:
                break
        if carry:
            planes.append(carry)
    if not planes or not cells:
        return [0] * len(cells)
    width = max(max(cells) + 1, *(plane.bit_length() for plane in planes))
    at_cells = itemgetter(*cells, cells[-1])
    counts = [0] * (len(cells) + 1)
    for digit, plane in enumerate(planes):
        bits = at_cells(_bits(plane).ljust(width, b"\0"))
        counts = [number + (bit << digit) for number, bit in zip(counts, bits, strict=True)]
    # Once more than needed, because `itemgetter` with a single item answers without a tuple.
    return counts[:-1]


def _bits(mask: int) -> bytes:
    """The bits of a mask as bytes 0 and 1, the lowest first.

    By way of text, which is one scan of memory: shifting bits out would copy the mask for each.
    """
    return bin(mask)[:1:-1].encode().translate(_FROM_DIGITS)


def _since_epoch(instant: datetime) -> timedelta:
    if instant.utcoffset() is None:
        raise ValueError(f"{instant!r} has no time zone: it names no instant")
    return instant - _EPOCH


def _ceil_divide(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
