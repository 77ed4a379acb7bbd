from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wagtail_agenda.schedule import (
    Closure,
    OneOffHours,
    WeeklyHours,
    day_bounds,
    opening_intervals,
    problems,
    wall_time_exists,
    week_of,
)
from wagtail_agenda.timegrid import epoch_minutes, instant_of

PARIS = ZoneInfo("Europe/Paris")
EVERY_DAY = frozenset(range(7))
MIDNIGHT = time(0)

# Zones and dates beside a change of their clocks, or where the calendar itself is the difficulty.
TURNING_POINTS = [
    ("Europe/Paris", date(2026, 3, 29)),
    ("Europe/Paris", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Asia/Kathmandu", date(2026, 1, 1)),
    ("Asia/Kathmandu", date(1986, 1, 1)),
    ("UTC", date(2028, 2, 29)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # 00:00 skipped
    ("America/Sao_Paulo", date(2019, 2, 17)),  # 23:00 twice the evening before
    ("Africa/Cairo", date(2026, 4, 24)),  # 00:00 skipped
    ("America/St_Johns", date(2010, 11, 7)),  # back to the day before, at 00:01
    ("Pacific/Apia", date(2011, 12, 30)),  # a date that never was
    ("America/Recife", date(2000, 10, 12)),  # two changes within a week
    ("Africa/Monrovia", date(1972, 1, 7)),  # offset with seconds
]


def utc(*parts):
    return epoch_minutes(datetime(*parts, tzinfo=timezone.utc))


def hours_of(intervals):
    return sum(end - start for start, end in intervals) / 60


def open_on(day, opens, closes, zone, **extra):
    period = WeeklyHours(EVERY_DAY, opens, closes, **extra)
    return opening_intervals([period], [], zone, day, day)


def naive_oracle(periods, closures, zone, first, last):
    """Ask the clock of the zone, for each minute, what it shows and whether that is open."""

    def ends(at, period):
        return time.max if at == period.closes == MIDNIGHT else at

    def is_open(local):
        day, at = local.date(), local.time()
        if not first <= day <= last or any(c.first <= day <= c.last for c in closures):
            return False
        for period in periods:
            if isinstance(period, OneOffHours):
                valid = period.day == day
            else:
                valid = day.weekday() in period.weekdays
            if (
                valid
                and period.opens <= at < ends(period.closes, period)
                and not any(start <= at < ends(end, period) for start, end in period.breaks)
            ):
                return True
        return False

    minute = datetime.combine(first - timedelta(days=1), MIDNIGHT)
    stop = datetime.combine(last + timedelta(days=2), MIDNIGHT)
    opened = set()
    while minute < stop:
        if is_open(zone.fromutc(minute.replace(tzinfo=zone))):
            opened.add(epoch_minutes(minute.replace(tzinfo=timezone.utc)))
        minute += timedelta(minutes=1)
    return opened


class TestOrdinaryDays:
    def test_a_week_with_lunch_break_and_closure(self):
        period = WeeklyHours(frozenset({0, 1}), time(9), time(17), ((time(12), time(13)),))
        tuesday_off = Closure(date(2026, 1, 13), date(2026, 1, 13), "Inventory")
        opened = opening_intervals(
            [period], [tuesday_off], PARIS, date(2026, 1, 5), date(2026, 1, 18)
        )
        assert opened == (
            (utc(2026, 1, 5, 8), utc(2026, 1, 5, 11)),
            (utc(2026, 1, 5, 12), utc(2026, 1, 5, 16)),
            (utc(2026, 1, 6, 8), utc(2026, 1, 6, 11)),
            (utc(2026, 1, 6, 12), utc(2026, 1, 6, 16)),
            (utc(2026, 1, 12, 8), utc(2026, 1, 12, 11)),
            (utc(2026, 1, 12, 12), utc(2026, 1, 12, 16)),
        )

    def test_a_break_belongs_to_its_period_alone(self):
        day = date(2026, 1, 5)
        weekly = WeeklyHours(EVERY_DAY, time(9), time(12), ((time(10), time(11)),))
        one_off = OneOffHours(day, time(10, 30), time(12))
        assert opening_intervals([weekly, one_off], [], PARIS, day, day) == (
            (utc(2026, 1, 5, 8), utc(2026, 1, 5, 9)),
            (utc(2026, 1, 5, 9, 30), utc(2026, 1, 5, 11)),
        )

    def test_a_closure_closes_one_off_hours(self):
        day = date(2026, 1, 10)
        one_off = OneOffHours(day, time(9), time(12))
        assert opening_intervals([one_off], [], PARIS, day, day)
        assert opening_intervals([one_off], [Closure(day, day)], PARIS, day, day) == ()

    def test_midnight_closes_the_day_and_days_join(self):
        period = WeeklyHours(EVERY_DAY, MIDNIGHT, MIDNIGHT)
        opened = opening_intervals([period], [], PARIS, date(2026, 12, 31), date(2027, 1, 1))
        assert opened == ((utc(2026, 12, 30, 23), utc(2027, 1, 1, 23)),)

    def test_a_break_reaches_midnight_when_the_day_does(self):
        day = date(2026, 1, 5)
        late = ((time(22), MIDNIGHT),)
        assert hours_of(open_on(day, time(20), MIDNIGHT, PARIS, breaks=late)) == 2

    def test_29_february(self):
        monday_to_thursday = (date(2028, 2, 28), date(2028, 3, 2))
        period = WeeklyHours(EVERY_DAY, time(9), time(10))
        opened = opening_intervals([period], [], ZoneInfo("UTC"), *monday_to_thursday)
        assert [instant_of(start).date() for start, _ in opened] == [
            date(2028, 2, 28),
            date(2028, 2, 29),
            date(2028, 3, 1),
            date(2028, 3, 2),
        ]

    def test_kathmandu_is_a_quarter_off(self):
        opened = open_on(date(2026, 6, 1), time(10), time(11), ZoneInfo("Asia/Kathmandu"))
        assert opened == ((utc(2026, 6, 1, 4, 15), utc(2026, 6, 1, 5, 15)),)

    def test_a_backward_window_is_empty(self):
        period = WeeklyHours(EVERY_DAY, time(9), time(10))
        assert opening_intervals([period], [], PARIS, date(2026, 2, 1), date(2026, 1, 1)) == ()


class TestNightsWhenClocksChange:
    @pytest.mark.parametrize(
        ("zone", "day", "opens", "closes", "expected"),
        [
            ("Europe/Paris", date(2026, 3, 28), time(1), time(4), 3),
            ("Europe/Paris", date(2026, 3, 29), time(1), time(4), 2),
            ("Europe/Paris", date(2026, 10, 25), time(1), time(4), 4),
            ("America/New_York", date(2026, 3, 8), time(1), time(4), 2),
            ("America/New_York", date(2026, 11, 1), time(1), time(4), 4),
            ("Australia/Lord_Howe", date(2026, 4, 5), time(1), time(4), 3.5),
            ("Australia/Lord_Howe", date(2026, 10, 4), time(1), time(4), 2.5),
            ("UTC", date(2026, 3, 29), time(1), time(4), 3),
            ("Africa/Cairo", date(2026, 4, 24), MIDNIGHT, MIDNIGHT, 23),
        ],
    )
    def test_hours_open(self, zone, day, opens, closes, expected):
        assert hours_of(open_on(day, opens, closes, ZoneInfo(zone))) == expected

    def test_a_skipped_half_hour_is_not_open(self):
        assert open_on(date(2026, 3, 29), time(2), time(3), PARIS) == ()

    def test_a_repeated_half_hour_is_open_twice(self):
        assert open_on(date(2026, 10, 25), time(2, 30), time(3), PARIS) == (
            (utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1)),
            (utc(2026, 10, 25, 1, 30), utc(2026, 10, 25, 2)),
        )

    def test_hours_after_the_change_keep_their_wall_time(self):
        period = WeeklyHours(EVERY_DAY, time(9), time(10))
        opened = opening_intervals([period], [], PARIS, date(2026, 3, 28), date(2026, 3, 30))
        assert [instant_of(start).hour for start, _ in opened] == [8, 7, 7]

    @pytest.mark.parametrize("days_before", range(10))
    def test_two_changes_within_a_week_are_both_seen(self, days_before):
        # Recife put its clocks forward on 8 October 2000 and back on the 15th.
        period = WeeklyHours(EVERY_DAY, time(9), time(10))
        first = date(2000, 10, 8) - timedelta(days=days_before)
        opened = opening_intervals(
            [period], [], ZoneInfo("America/Recife"), first, date(2000, 10, 31)
        )
        assert (utc(2000, 10, 12, 11), utc(2000, 10, 12, 12)) in opened
        assert (utc(2000, 10, 31, 12), utc(2000, 10, 31, 13)) in opened

    def test_a_closed_date_that_returns_after_midnight_stays_closed(self):
        # St. John's went from 00:01 on 7 November back to 23:01 on the 6th.
        zone, sixth = ZoneInfo("America/St_Johns"), date(2010, 11, 6)
        period = WeeklyHours(EVERY_DAY, MIDNIGHT, MIDNIGHT)
        opened = opening_intervals(
            [period], [Closure(sixth, sixth)], zone, sixth, sixth + timedelta(days=1)
        )
        assert opened == (
            (utc(2010, 11, 7, 2, 30), utc(2010, 11, 7, 2, 31)),
            (utc(2010, 11, 7, 3, 30), utc(2010, 11, 8, 3, 30)),
        )


class TestTheEndsOfTheCalendar:
    @pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/New_York"])
    @pytest.mark.parametrize("day", [date.min, date.max])
    def test_nothing_crashes_and_every_answer_is_a_datetime_anywhere(self, zone, day):
        zone = ZoneInfo(zone)
        around = opening_intervals(
            [WeeklyHours(EVERY_DAY, MIDNIGHT, MIDNIGHT)], [Closure(day, day)], zone, day, day
        )
        assert around == ()
        opened = open_on(day, MIDNIGHT, MIDNIGHT, zone)
        for minute in [*day_bounds(day, zone), *(edge for pair in opened for edge in pair)]:
            for other in ("Pacific/Kiritimati", "Pacific/Niue"):
                instant_of(minute).astimezone(ZoneInfo(other))
        assert wall_time_exists(day, time(12), zone)
        assert day in week_of(day)


half_hours = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 55]))
breaks = st.lists(st.tuples(half_hours, half_hours), max_size=2).map(tuple)
offsets = st.integers(-2, 2).map(lambda days: timedelta(days=days))


@st.composite
def situations(draw):
    """A zone, some days around a turning point of it, and periods and closures near them."""
    zone, day = draw(st.sampled_from(TURNING_POINTS))
    first = day + draw(offsets)
    last = first + timedelta(days=draw(st.integers(0, 2)))
    weekly = st.builds(
        WeeklyHours, st.frozensets(st.integers(0, 6), min_size=3), half_hours, half_hours, breaks
    )
    near = offsets.map(lambda offset: day + offset)
    one_off = st.builds(OneOffHours, near, half_hours, half_hours, breaks)
    periods = draw(st.lists(st.one_of(weekly, one_off), max_size=4))
    closures = draw(st.lists(st.builds(Closure, near, near), max_size=1))
    return periods, closures, ZoneInfo(zone), first, last


@given(situations())
@example(
    ([WeeklyHours(EVERY_DAY, MIDNIGHT, MIDNIGHT)], [], PARIS, date(2026, 3, 27), date(2026, 3, 30))
)
def test_opening_intervals_against_reading_the_clock_each_minute(situation):
    opened = opening_intervals(*situation)
    assert {minute for pair in opened for minute in range(*pair)} == naive_oracle(*situation)
    assert all(start < end for start, end in opened)
    assert all(left[1] < right[0] for left, right in zip(opened, opened[1:], strict=False))


@given(
    st.sampled_from(TURNING_POINTS), st.lists(st.tuples(offsets, offsets), min_size=1, max_size=3)
)
def test_a_long_window_equals_its_days(turning_point, spans):
    zone, day = ZoneInfo(turning_point[0]), turning_point[1]
    periods = [WeeklyHours(EVERY_DAY, time(0, 5), time(23, 55), ((time(2), time(2, 15)),))]
    closures = [Closure(day + min(pair), day + max(pair)) for pair in spans]
    first, last = day - timedelta(days=20), day + timedelta(days=20)
    whole = opening_intervals(periods, closures, zone, first, last)
    days = [
        pair
        for number in range(41)
        for pair in opening_intervals(
            periods,
            closures,
            zone,
            first + timedelta(days=number),
            first + timedelta(days=number),
        )
    ]
    assert {m for pair in whole for m in range(*pair)} == {m for pair in days for m in range(*pair)}


class TestDayBounds:
    @pytest.mark.parametrize(
        ("zone", "day", "hours"),
        [
            ("Europe/Paris", date(2026, 3, 28), 24),
            ("Europe/Paris", date(2026, 3, 29), 23),
            ("Europe/Paris", date(2026, 10, 25), 25),
            ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
            ("America/Sao_Paulo", date(2018, 11, 4), 23),
            ("America/Sao_Paulo", date(2019, 2, 16), 25),
            ("Africa/Cairo", date(2026, 4, 24), 23),
            ("Pacific/Apia", date(2011, 12, 30), 0),
        ],
    )
    def test_length_of_the_day(self, zone, day, hours):
        start, end = day_bounds(day, ZoneInfo(zone))
        assert (end - start) / 60 == hours

    def test_a_day_whose_midnight_is_skipped_begins_at_one(self):
        cairo = ZoneInfo("Africa/Cairo")
        start, _ = day_bounds(date(2026, 4, 24), cairo)
        assert instant_of(start).astimezone(cairo).time() == time(1)

    @given(st.sampled_from(TURNING_POINTS), offsets)
    def test_it_begins_with_the_first_minute_that_reaches_the_date(self, turning_point, offset):
        zone, day = ZoneInfo(turning_point[0]), turning_point[1] + offset
        start, end = day_bounds(day, zone)

        def shown(minute):
            return instant_of(minute).astimezone(zone).date()

        assert shown(start) >= day
        assert all(shown(minute) < day for minute in range(start - 26 * 60, start))
        assert end == day_bounds(day + timedelta(days=1), zone)[0]


class TestWallTimeExists:
    @pytest.mark.parametrize(
        ("zone", "day", "at", "exists"),
        [
            ("Europe/Paris", date(2026, 3, 29), time(1, 55), True),
            ("Europe/Paris", date(2026, 3, 29), time(2), False),
            ("Europe/Paris", date(2026, 3, 29), time(2, 55), False),
            ("Europe/Paris", date(2026, 3, 29), time(3), True),
            ("Europe/Paris", date(2026, 10, 25), time(2, 30), True),
            ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 25), False),
            ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 30), True),
            ("Africa/Cairo", date(2026, 4, 24), time(0), False),
            ("Pacific/Apia", date(2011, 12, 30), time(12), False),
            ("Asia/Kathmandu", date(2026, 3, 29), time(2, 30), True),
        ],
    )
    def test_known_nights(self, zone, day, at, exists):
        assert wall_time_exists(day, at, ZoneInfo(zone)) is exists

    @given(st.sampled_from(TURNING_POINTS), offsets, half_hours)
    def test_against_a_trip_to_utc_and_back(self, turning_point, offset, at):
        zone, day = ZoneInfo(turning_point[0]), turning_point[1] + offset
        wall = datetime.combine(day, at)
        there_and_back = wall.replace(tzinfo=zone).astimezone(timezone.utc).astimezone(zone)
        assert wall_time_exists(day, at, zone) is (there_and_back.replace(tzinfo=None) == wall)


class TestWeekOf:
    def test_monday_to_sunday_over_the_year(self):
        week = week_of(date(2027, 1, 1))
        assert week[0] == date(2026, 12, 28)
        assert week[-1] == date(2027, 1, 3)
        assert [day.weekday() for day in week] == list(range(7))

    def test_monday_and_sunday_are_of_the_same_week(self):
        assert week_of(date(2026, 3, 23)) == week_of(date(2026, 3, 29))


class TestProblems:
    def weekly(self, opens=time(9), closes=time(17), breaks=(), weekdays=EVERY_DAY):
        return WeeklyHours(weekdays, opens, closes, breaks)

    def test_nothing_to_say(self):
        assert problems(self.weekly(breaks=((time(12), time(13)),))) == []
        assert problems(OneOffHours(date(2026, 1, 1), time(9), MIDNIGHT)) == []
        assert problems(self.weekly(opens=MIDNIGHT, closes=MIDNIGHT)) == []

    def test_a_break_may_touch_both_ends(self):
        whole_day = ((time(9), time(10)), (time(23), MIDNIGHT))
        assert problems(self.weekly(closes=MIDNIGHT, breaks=whole_day)) == []

    @pytest.mark.parametrize("closes", [time(9), time(8)])
    def test_closing_before_opening(self, closes):
        assert problems(self.weekly(closes=closes)) == [("closes", "closes_before_opens")]

    def test_breaks_are_not_measured_against_backward_hours(self):
        lunch = ((time(12), time(13)),)
        assert problems(self.weekly(closes=time(8), breaks=lunch)) == [
            ("closes", "closes_before_opens")
        ]

    def test_no_weekday(self):
        assert problems(self.weekly(weekdays=frozenset())) == [("weekdays", "no_weekday")]

    @pytest.mark.parametrize(
        ("pause", "code"),
        [
            ((time(8), time(10)), "break_outside"),
            ((time(16), time(18)), "break_outside"),
            ((time(13), time(12)), "break_backwards"),
            ((time(12), time(12)), "break_backwards"),
            ((time(16), MIDNIGHT), "break_backwards"),
            ((time(12, 1), time(13)), "off_grid"),
            ((time(12), None), "missing"),
            ((None, time(12)), "missing"),
        ],
    )
    def test_breaks(self, pause, code):
        good = (time(10), time(11))
        assert problems(self.weekly(breaks=(good, pause, pause))) == [("breaks", code)]

    @pytest.mark.parametrize("at", [time(9, 3), time(9, 0, 30), time(9, 0, 0, 1)])
    def test_off_the_grid(self, at):
        assert problems(self.weekly(opens=at)) == [("opens", "off_grid")]
        one_off = OneOffHours(date(2026, 1, 1), time(8), at)
        assert problems(one_off) == [("closes", "off_grid")]

    def test_a_draft_lacks_everything(self):
        assert problems(WeeklyHours(None, None, None, None)) == [
            ("weekdays", "missing"),
            ("opens", "missing"),
            ("closes", "missing"),
            ("breaks", "missing"),
        ]
        assert problems(OneOffHours(None, None, None)) == [
            ("day", "missing"),
            ("opens", "missing"),
            ("closes", "missing"),
        ]

    def test_a_draft_opens_nothing_and_does_not_crash(self):
        day = date(2026, 1, 5)
        drafts = [
            WeeklyHours(None, None, None, None),
            WeeklyHours(EVERY_DAY, time(9), None, ((None, time(8)),)),
            OneOffHours(None, time(9), time(10)),
            OneOffHours(day, None, time(10)),
        ]
        assert opening_intervals(drafts, [Closure(None, None)], PARIS, day, day) == ()

    def test_an_unfinished_break_cuts_nothing(self):
        day = date(2026, 1, 5)
        assert hours_of(open_on(day, time(9), time(12), PARIS, breaks=((time(10), None),))) == 3
