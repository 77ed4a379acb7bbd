from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from wagtail_agenda.views.admin.week_layout import Column, Taken, rows, span_on

PARIS = ZoneInfo("Europe/Paris")
UTC = ZoneInfo("UTC")
MONDAY = date(2026, 11, 30)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def at(hour, minute=0, day=MONDAY, zone=PARIS, fold=0):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone, fold=fold)


def taken(subject, start, end):
    return Taken(subject, start, end)


def placed(table):
    """Where each subject stands: ``{subject: (row's time, rowspan)}``."""
    return {
        subject: (f"{row.time:%H:%M}", cell.rowspan)
        for row in table
        for cell in row.cells
        for subject in cell.subjects
    }


def test_bookings_stand_at_their_times_and_span_their_length():
    column = Column(MONDAY, [taken("a", at(9), at(9, 30)), taken("b", at(10), at(11))])

    assert placed(rows([column], zone=PARIS, now=LONG_AGO)) == {
        "a": ("09:00", 1),
        "b": ("10:00", 2),
    }


def test_rows_are_as_coarse_as_the_times_allow():
    def steps(minute):
        table = rows([Column(MONDAY, [taken("a", at(9), at(9, minute))])], zone=PARIS, now=LONG_AGO)
        return table[1].minute - table[0].minute

    assert [steps(30), steps(20), steps(45), steps(25)] == [30, 20, 15, 15]


def test_the_table_shows_full_hours_from_the_first_opening_to_the_last_booking():
    column = Column(MONDAY, [taken("late", at(18), at(18, 30))], openings=[(at(9, 30), at(12))])

    table = rows([column], zone=PARIS, now=LONG_AGO)

    assert (f"{table[0].time:%H:%M}", f"{table[-1].time:%H:%M}") == ("09:00", "18:30")
    cells = {f"{row.time:%H:%M}": row.cells[0] for row in table}
    assert not cells["09:00"].is_open
    assert cells["09:30"].is_open
    assert cells["11:30"].is_open
    assert not cells["12:00"].is_open


def test_a_table_without_anything_shows_office_hours():
    table = rows([Column(MONDAY)], zone=PARIS, now=LONG_AGO)

    assert [f"{table[0].time:%H:%M}", f"{table[-1].time:%H:%M}"] == ["09:00", "16:30"]


def test_what_overlaps_shares_the_column_and_still_begins_in_its_own_row():
    column = Column(
        MONDAY,
        [
            taken("long", at(9), at(11)),
            taken("same start", at(9), at(9, 30)),
            taken("later", at(10), at(10, 30)),
        ],
    )

    table = rows([column], zone=PARIS, now=LONG_AGO)

    assert placed(table) == {
        "long": ("09:00", 2),
        "same start": ("09:00", 2),
        "later": ("10:00", 2),
    }
    assert table[0].cells[0].subjects == ("same start", "long")


def test_the_past_and_the_present_are_known():
    column = Column(MONDAY, openings=[(at(9), at(12))])

    table = rows([column], zone=PARIS, now=at(10, 10))

    cells = {f"{row.time:%H:%M}": row.cells[0] for row in table}
    assert cells["10:00"].is_past
    assert not cells["10:30"].is_past
    assert [f"{row.time:%H:%M}" for row in table if row.is_current] == ["10:00"]


def test_the_present_is_not_marked_on_other_days():
    table = rows([Column(MONDAY)], zone=PARIS, now=at(10, 10, day=date(2026, 12, 1)))

    assert not any(row.is_current for row in table)


def test_a_night_shift_stands_on_both_of_its_days():
    shift = (at(23), at(1, day=date(2026, 12, 1)))

    assert span_on(MONDAY, *shift, PARIS) == (23 * 60, 24 * 60)
    assert span_on(date(2026, 12, 1), *shift, PARIS) == (0, 60)
    assert span_on(date(2026, 12, 2), *shift, PARIS) is None


def test_what_ends_at_midnight_is_not_on_the_next_day():
    assert span_on(date(2026, 12, 1), at(23), at(0, day=date(2026, 12, 1)), PARIS) is None


def test_both_passes_of_a_repeated_hour_are_shown():
    night = date(2026, 10, 25)
    first, second = at(2, 30, day=night), at(2, 30, day=night, fold=1)
    half_hour = timedelta(minutes=30)
    column = Column(
        night,
        [
            taken("summer", first, (first.astimezone(UTC) + half_hour)),
            taken("winter", second, (second.astimezone(UTC) + half_hour)),
        ],
    )

    assert placed(rows([column], zone=PARIS, now=LONG_AGO)) == {
        "summer": ("02:30", 1),
        "winter": ("02:30", 1),
    }


def test_the_hour_that_a_night_skips_leaves_no_booking_out():
    night = date(2026, 3, 29)
    start = at(1, 30, day=night)
    end = start.astimezone(UTC) + timedelta(hours=1)

    # From 01:30 to 03:30 by the clock, although it lasts an hour.
    assert span_on(night, start, end, PARIS) == (90, 210)


minutes = st.integers(0, 24 * 60 - 1)
spans = st.lists(st.tuples(minutes, st.integers(1, 300)), max_size=12)
days = st.sampled_from([MONDAY, date(2026, 10, 25), date(2026, 3, 29)])


@given(st.lists(spans, min_size=1, max_size=4), days)
def test_every_table_is_whole_and_shows_everything_once(columns, day):
    midnight = at(0, day=day).astimezone(UTC)
    table = rows(
        [
            Column(
                day,
                [
                    taken(
                        (column, number),
                        midnight + timedelta(minutes=start),
                        midnight + timedelta(minutes=start + length),
                    )
                    for number, (start, length) in enumerate(spans)
                ],
            )
            for column, spans in enumerate(columns)
        ],
        zone=PARIS,
        now=LONG_AGO,
    )

    step = table[1].minute - table[0].minute
    shown = [subject for row in table for cell in row.cells for subject in cell.subjects]
    expected = [
        (column, number)
        for column, spans in enumerate(columns)
        for number, (start, _length) in enumerate(spans)
        # On a night of 23 hours, what starts in the last one starts on the next day.
        if (midnight + timedelta(minutes=start)).astimezone(PARIS).date() == day
    ]
    assert sorted(shown) == sorted(expected)
    # A browser fills the table from left to right; no cell may be missing or pushed aside.
    covered = [[0] * len(columns) for _row in table]
    for index, row in enumerate(table):
        free = [column for column, count in enumerate(covered[index]) if not count]
        assert len(free) == len(row.cells)
        for column, cell in zip(free, row.cells, strict=True):
            assert index + cell.rowspan <= len(table)
            for below in range(index, index + cell.rowspan):
                covered[below][column] += 1
            for subject in cell.subjects:
                assert subject[0] == column
                start = midnight + timedelta(minutes=columns[column][subject[1]][0])
                local = start.astimezone(PARIS)
                assert 0 <= local.hour * 60 + local.minute - row.minute < step
    assert all(count == 1 for line in covered for count in line)
