from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wagtail_agenda.timegrid import (
    CELL_MINUTES,
    Grid,
    aligned_starts,
    count_at,
    epoch_minutes,
    epoch_minutes_up,
    instant_of,
    merge,
    positions,
    runs,
    subtract,
)

minutes = st.integers(min_value=-60, max_value=400)
intervals = st.lists(st.tuples(minutes, minutes), max_size=8)
grids = st.builds(
    lambda first, cells: Grid(first * CELL_MINUTES, cells), st.integers(-4, 30), st.integers(0, 60)
)
masks = st.integers(min_value=0, max_value=(1 << 80) - 1)


def minute_set(spans):
    return {minute for start, end in spans for minute in range(start, end)}


def cell_minutes(grid, cell):
    start = grid.origin + cell * CELL_MINUTES
    return set(range(start, start + CELL_MINUTES))


def bits(mask, width=200):
    return [bit for bit in range(width) if mask >> bit & 1]


class TestInstants:
    def test_epoch_minutes_round_down_and_up(self):
        instant = datetime(2026, 3, 29, 1, 2, 3, 4, tzinfo=timezone.utc)
        whole = instant.replace(second=0, microsecond=0)
        assert instant_of(epoch_minutes(instant)) == whole
        assert instant_of(epoch_minutes_up(instant)) == whole + timedelta(minutes=1)
        assert epoch_minutes(whole) == epoch_minutes_up(whole)

    def test_before_1970_down_is_still_earlier(self):
        instant = datetime(1969, 12, 31, 23, 58, 30, tzinfo=timezone.utc)
        assert epoch_minutes(instant) == -2
        assert epoch_minutes_up(instant) == -1

    def test_the_repeated_hour_keeps_its_two_meanings(self):
        paris = ZoneInfo("Europe/Paris")
        early = datetime(2026, 10, 25, 2, 30, tzinfo=paris)
        late = early.replace(fold=1)
        assert epoch_minutes(late) - epoch_minutes(early) == 60

    @pytest.mark.parametrize("convert", [epoch_minutes, epoch_minutes_up])
    def test_a_naive_datetime_is_refused(self, convert):
        with pytest.raises(ValueError, match="no time zone"):
            convert(datetime(2026, 1, 1))

    def test_the_ends_of_the_calendar(self):
        for edge in (datetime.min, datetime.max.replace(second=0, microsecond=0)):
            instant = edge.replace(tzinfo=timezone.utc)
            assert instant_of(epoch_minutes(instant)) == instant

    @given(
        st.datetimes(
            min_value=datetime(1800, 1, 2),
            max_value=datetime(2200, 1, 1),
            timezones=st.sampled_from(
                [
                    timezone.utc,
                    timezone(timedelta(hours=-3, minutes=-30)),
                    timezone(timedelta(hours=5, minutes=45)),
                ]
            ),
        )
    )
    def test_an_instant_lies_between_its_two_roundings(self, instant):
        down, up = epoch_minutes(instant), epoch_minutes_up(instant)
        assert instant_of(down) <= instant <= instant_of(up)
        assert up - down == (0 if instant_of(down) == instant else 1)
        assert instant_of(down).utcoffset() == timedelta(0)


class TestIntervals:
    @given(intervals)
    @example([(0, 10), (10, 20)])
    def test_merge(self, spans):
        merged = merge(spans)
        assert minute_set(merged) == minute_set(spans)
        assert all(start < end for start, end in merged)
        assert all(left[1] < right[0] for left, right in zip(merged, merged[1:], strict=False))

    @given(intervals, intervals)
    def test_subtract(self, spans, holes):
        remaining = subtract(spans, holes)
        assert minute_set(remaining) == minute_set(spans) - minute_set(holes)
        assert remaining == merge(remaining)

    def test_iterators_are_welcome(self):
        assert merge(iter([(5, 9), (1, 5)])) == [(1, 9)]
        assert subtract(iter([(0, 9)]), iter([(2, 3)])) == [(0, 2), (3, 9)]


class TestGrid:
    def test_it_begins_on_a_cell(self):
        with pytest.raises(ValueError, match="multiple of 5"):
            Grid(3, 10)
        with pytest.raises(ValueError, match="-1 cells"):
            Grid(0, -1)

    @given(minutes, minutes)
    def test_covering_is_the_smallest_that_contains_the_window(self, start, end):
        grid = Grid.covering(start, end)
        assert all(minute in grid for minute in range(start, end))
        if start < end:
            assert grid.origin <= start < grid.origin + CELL_MINUTES
            assert grid.end - CELL_MINUTES < end <= grid.end

    def test_a_backward_window_has_no_cells(self):
        assert Grid.covering(100, 20).cells == 0

    @given(grids)
    def test_full_has_each_cell(self, grid):
        assert bits(grid.full) == list(range(grid.cells))

    @given(grids, minutes)
    def test_cell_of_and_minute_of(self, grid, minute):
        cell = grid.cell_of(minute)
        if minute in grid:
            assert minute in cell_minutes(grid, cell)
            assert grid.minute_of(cell) == min(cell_minutes(grid, cell))
        else:
            assert cell == (0 if minute < grid.origin else grid.cells)

    def test_minute_of_clips(self):
        grid = Grid(100, 4)
        assert [grid.minute_of(cell) for cell in (-3, 0, 4, 9)] == [100, 100, 120, 120]

    @given(grids, intervals)
    @example(Grid(0, 4), [(0, 3), (3, 5)])
    def test_inward_mask_has_the_cells_wholly_inside(self, grid, spans):
        inside = minute_set(spans)
        expected = [cell for cell in range(grid.cells) if cell_minutes(grid, cell) <= inside]
        assert bits(grid.inward_mask(spans)) == expected

    @given(grids, intervals)
    @example(Grid(0, 4), [(7, 7)])
    def test_outward_mask_has_the_cells_touched(self, grid, spans):
        touched = minute_set(spans)
        expected = [cell for cell in range(grid.cells) if cell_minutes(grid, cell) & touched]
        assert bits(grid.outward_mask(spans)) == expected

    def test_long_intervals_fill_whole_bytes(self):
        grid = Grid(0, 60 * 288)
        assert grid.inward_mask([(-999, 10**9)]) == grid.full
        assert grid.outward_mask([(4, 60 * 1440 - 4)]) == grid.full
        assert grid.inward_mask([(4, 60 * 1440 - 4)]) == grid.full >> 2 << 1


class TestRuns:
    @given(masks, st.integers(1, 70))
    def test_against_looking_at_each_bit(self, mask, length):
        expected = [bit for bit in range(90) if all(mask >> (bit + k) & 1 for k in range(length))]
        assert bits(runs(mask, length)) == expected

    @given(st.integers(1, 200), st.integers(0, 50), st.integers(1, 200))
    def test_one_block_of_ones(self, length, offset, wanted):
        block = ((1 << length) - 1) << offset
        assert bits(runs(block, wanted), 300) == [
            offset + k for k in range(max(0, length - wanted + 1))
        ]

    @pytest.mark.parametrize("length", [0, -1])
    def test_a_run_has_a_cell(self, length):
        with pytest.raises(ValueError, match="at least one cell"):
            runs(1, length)


class TestAlignedStarts:
    @given(grids, minutes, minutes)
    def test_cells_of_one_interval_are_those_of_its_mask(self, grid, start, end):
        assert grid.cells_from(start, end) == grid.outward_mask([(start, end)])

    @given(minutes, minutes)
    def test_whole_days_are_the_least_that_contain_both(self, first, second):
        start, end = sorted((first, second))
        grid = Grid.of_whole_days(start, end)
        assert grid.origin % 1440 == 0
        assert grid.end % 1440 == 0
        assert grid.origin <= start < grid.origin + 1440
        assert grid.end - 1440 < end <= grid.end

    @given(grids, intervals, st.integers(1, 20))
    @example(Grid(100, 20), [(3, 300)], 4)
    def test_against_walking_each_opening(self, grid, openings, step):
        expected = set()
        for start, end in openings:
            minute = start
            while minute % CELL_MINUTES:
                minute += 1
            while minute + CELL_MINUTES <= end:
                if minute in grid:
                    expected.add((minute - grid.origin) // CELL_MINUTES)
                minute += step * CELL_MINUTES
        assert bits(aligned_starts(grid, openings, step)) == sorted(expected)

    def test_an_opening_is_counted_from_its_own_start(self):
        opening = [(0, 120)]
        whole, later = Grid(0, 24), Grid(50, 14)
        times = {whole.minute_of(cell) for cell in positions(aligned_starts(whole, opening, 3))}
        seen = {later.minute_of(cell) for cell in positions(aligned_starts(later, opening, 3))}
        assert seen == {minute for minute in times if minute in later} == {60, 75, 90, 105}

    def test_a_step_has_a_cell(self):
        with pytest.raises(ValueError, match="at least one cell"):
            aligned_starts(Grid(0, 4), [], 0)


class TestPositions:
    @given(masks)
    def test_against_looking_at_each_bit(self, mask):
        assert positions(mask) == bits(mask)

    def test_far_apart(self):
        assert positions(1 | 1 << 17_279) == [0, 17_279]
        assert positions(0) == []


class TestCountAt:
    @given(st.lists(masks, max_size=40), st.lists(st.integers(0, 100), max_size=20))
    def test_against_looking_at_each_bit(self, several, cells):
        expected = [sum(mask >> cell & 1 for mask in several) for cell in cells]
        assert count_at(several, cells) == expected

    def test_more_than_fit_into_a_byte(self):
        assert count_at([0b101] * 700, [0, 1, 2, 9]) == [700, 0, 700, 0]
