import calendar
from datetime import date, datetime, time, timedelta, timezone
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wagtail_agenda.schedule import (
    ALL_TIME,
    LAST,
    Closure,
    MonthlyHours,
    OneOffHours,
    Season,
    WeeklyHours,
    coming_dates,
    counts_on,
    day_bounds,
    depends_on_date,
    is_repeated,
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


def calendar_sheet(year, month, weekday):
    """The dates of one column of the month's calendar sheet, from the top."""
    weeks = calendar.Calendar().monthdatescalendar(year, month)
    return [week[weekday] for week in weeks if week[weekday].month == month]


def on_the_sheet(day, ordinals):
    column = calendar_sheet(day.year, day.month, day.weekday())
    marked = {
        column[number - 1] for number in range(1, 6) if number in ordinals and number <= len(column)
    }
    return day in (marked | {column[-1]} if LAST in ordinals else marked)


def season_walked(season, around):
    """The dates of a season in the years beside `around`, by walking from its first to its last."""
    one = timedelta(days=1)
    if not season.yearly:
        walked, stop = season.first or around - timedelta(days=500), season.last
        stop = stop or around + timedelta(days=500)
        return days_between(walked, stop)
    dates = set()
    for year in range(around.year - 2, around.year + 2):
        begins, ends = season.first or date(2000, 1, 1), season.last or date(2000, 12, 31)
        walked = date(year, 1, 1)
        while (walked.month, walked.day) < (begins.month, begins.day):
            walked += one
        over_new_year = (ends.month, ends.day) < (begins.month, begins.day)
        last_year = year + 1 if over_new_year else year
        stop = date(last_year, ends.month, 1) + timedelta(days=ends.day - 1)
        if stop.month != ends.month:
            stop -= one
        dates |= days_between(walked, stop)
    return dates


def days_between(first, last):
    return {first + timedelta(days=number) for number in range((last - first).days + 1)}


def naive_oracle(periods, closures, zone, first, last):
    """Ask the clock of the zone, for each minute, what it shows and whether that is open."""
    around = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    valid_days = {
        period: {
            day
            for day in around
            if day.weekday() in period.weekdays
            and day in season_walked(period.season, day)
            and (isinstance(period, WeeklyHours) or on_the_sheet(day, period.ordinals))
        }
        for period in periods
        if not isinstance(period, OneOffHours)
    }
    replaced = {
        period.day
        for period in periods
        if isinstance(period, OneOffHours)
        and period.replaces
        and (period.opens < period.closes or period.closes == MIDNIGHT)
    }

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
                valid = day in valid_days[period] and day not in replaced
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
ordinals = st.frozensets(st.sampled_from([1, 2, 3, 4, 5, LAST]), min_size=1)


@st.composite
def situations(draw):
    """A zone, some days around a turning point of it, and periods and closures near them."""
    zone, day = draw(st.sampled_from(TURNING_POINTS))
    first = day + draw(offsets)
    last = first + timedelta(days=draw(st.integers(0, 2)))
    near = offsets.map(lambda offset: day + offset)
    season = st.just(ALL_TIME) | st.builds(
        Season, st.none() | near, st.none() | near, yearly=st.booleans()
    )
    weekdays = st.frozensets(st.integers(0, 6), min_size=3)
    weekly = st.builds(WeeklyHours, weekdays, half_hours, half_hours, breaks, season)
    monthly = st.builds(MonthlyHours, ordinals, weekdays, half_hours, half_hours, breaks, season)
    one_off = st.builds(OneOffHours, near, half_hours, half_hours, breaks, st.booleans())
    periods = draw(st.lists(st.one_of(weekly, monthly, one_off), max_size=4))
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


class TestWeekdaysOfTheMonth:
    def dates(self, ordinals, weekdays, year):
        period = MonthlyHours(frozenset(ordinals), frozenset(weekdays), time(9), time(10))
        utc_zone = ZoneInfo("UTC")
        opened = opening_intervals([period], [], utc_zone, date(year, 1, 1), date(year, 12, 31))
        return [instant_of(start).date() for start, _ in opened]

    def test_the_first_monday(self):
        assert self.dates([1], [0], 2026)[:3] == [
            date(2026, 1, 5),
            date(2026, 2, 2),
            date(2026, 3, 2),
        ]

    def test_the_second_and_fourth_wednesday(self):
        assert self.dates([2, 4], [2], 2026)[:2] == [date(2026, 1, 14), date(2026, 1, 28)]

    def test_the_last_friday_of_a_leap_february(self):
        assert self.dates([LAST], [4], 2024)[1] == date(2024, 2, 23)
        # 29 February was a Thursday, and so the fifth one as well as the last.
        assert self.dates([5, LAST], [3], 2024)[1:3] == [date(2024, 2, 29), date(2024, 3, 28)]

    def test_months_without_a_fifth_are_skipped(self):
        assert [day.month for day in self.dates([5], [0], 2026)] == [3, 6, 8, 11]

    @given(st.integers(1995, 2105), st.frozensets(st.integers(0, 6), min_size=1), ordinals)
    @example(2000, EVERY_DAY, frozenset({LAST}))
    @example(2028, EVERY_DAY, frozenset({5}))
    @example(2100, EVERY_DAY, frozenset({5, LAST}))
    def test_against_a_calendar_on_paper(self, year, weekdays, chosen):
        expected = {
            sheet[-1 if number == LAST else number - 1]
            for month in range(1, 13)
            for weekday in weekdays
            for sheet in [calendar_sheet(year, month, weekday)]
            for number in chosen
            if number <= len(sheet)
        }
        assert self.dates(chosen, weekdays, year) == sorted(expected)


class TestSeasons:
    def dates(self, season, first, last):
        period = WeeklyHours(EVERY_DAY, time(9), time(10), season=season)
        opened = opening_intervals([period], [], ZoneInfo("UTC"), first, last)
        return {instant_of(start).date() for start, _ in opened}

    def test_both_ends_count(self):
        june = Season(date(2026, 6, 1), date(2026, 6, 30))
        around = (date(2026, 5, 1), date(2026, 7, 31))
        assert self.dates(june, *around) == days_between(*[june.first, june.last])
        assert self.dates(june, date(2027, 5, 1), date(2027, 7, 31)) == set()

    def test_every_year_again(self):
        summer = Season(date(2026, 6, 1), date(2026, 8, 31), yearly=True)
        for year in (1999, 2026, 2040):
            assert self.dates(summer, date(year, 1, 1), date(year, 12, 31)) == days_between(
                date(year, 6, 1), date(year, 8, 31)
            )

    @pytest.mark.parametrize("until", [date(2026, 3, 31), date(2027, 3, 31)])
    def test_a_yearly_season_spans_the_new_year(self, until):
        winter = Season(date(2026, 11, 1), until, yearly=True)
        assert self.dates(winter, date(2026, 1, 1), date(2026, 12, 31)) == days_between(
            date(2026, 1, 1), date(2026, 3, 31)
        ) | days_between(date(2026, 11, 1), date(2026, 12, 31))

    def test_29_february_where_there_is_none(self):
        february, march = date(2027, 2, 27), date(2027, 3, 2)
        begins = Season(date(2028, 2, 29), date(2028, 3, 31), yearly=True)
        assert self.dates(begins, february, march) == {date(2027, 3, 1), march}
        ends = Season(date(2028, 2, 1), date(2028, 2, 29), yearly=True)
        assert self.dates(ends, february, march) == {february, date(2027, 2, 28)}
        assert date(2028, 2, 29) in ends

    dates_of_years = st.dates(date(1995, 1, 1), date(2105, 12, 31))

    @given(st.none() | dates_of_years, st.none() | dates_of_years, st.booleans(), dates_of_years)
    @example(date(2028, 2, 29), date(2028, 2, 29), True, date(2028, 2, 20))
    @example(date(2028, 2, 29), date(2028, 2, 28), True, date(2100, 2, 20))
    @example(None, date(2028, 2, 29), True, date(2027, 2, 20))
    @example(date(2026, 12, 31), date(2026, 1, 1), True, date(2026, 12, 20))
    @example(date(2026, 12, 31), date(2026, 1, 1), False, date(2026, 12, 20))
    def test_against_walking_through_it(self, first, last, yearly, around):
        season = Season(first, last, yearly)
        window = days_between(around, around + timedelta(days=30))
        expected = window & season_walked(season, around)
        assert self.dates(season, around, around + timedelta(days=30)) == expected

    def test_a_monthly_rule_within_a_season(self):
        summer = Season(date(2026, 6, 1), date(2026, 8, 31), yearly=True)
        market = MonthlyHours(frozenset({1, 3}), frozenset({0}), time(9), time(12), season=summer)
        assert list(islice(coming_dates(market, date(2026, 8, 4)), 3)) == [
            date(2026, 8, 17),
            date(2027, 6, 7),
            date(2027, 6, 21),
        ]
        assert hours_of(
            opening_intervals([market], [], PARIS, date(2026, 1, 1), date(2026, 12, 31))
        ) == 3 * len([date(2026, month, day) for month in (6, 7, 8) for day in (1, 15)])


class TestComingDates:
    def test_a_single_date(self):
        day = date(2026, 12, 24)
        one_off = OneOffHours(day, time(9), time(12))
        assert list(coming_dates(one_off, day)) == [day]
        assert list(coming_dates(one_off, date(2026, 12, 25))) == []

    def test_a_season_that_is_over_has_none(self):
        over = Season(date(2020, 1, 1), date(2020, 12, 31))
        period = WeeklyHours(EVERY_DAY, time(9), time(12), season=over)
        assert list(coming_dates(period, date(2026, 1, 1))) == []

    def test_a_season_far_ahead_is_found(self):
        far = Season(date(2500, 1, 1), None)
        period = WeeklyHours(EVERY_DAY, time(9), time(12), season=far)
        assert next(coming_dates(period, date(2026, 1, 1))) == date(2500, 1, 1)

    def test_a_season_ends(self):
        season = Season(date(2026, 1, 5), date(2026, 1, 6))
        period = WeeklyHours(EVERY_DAY, time(9), time(12), season=season)
        assert list(coming_dates(period, date(2026, 1, 1))) == [season.first, season.last]

    def test_the_calendar_ends(self):
        period = WeeklyHours(EVERY_DAY, time(9), time(12))
        assert list(coming_dates(period, date.max)) == [date.max]

    def test_drafts_have_none(self):
        drafts = [
            WeeklyHours(None, None, None, None, None),
            MonthlyHours(None, None, None, None, None, None),
            MonthlyHours(None, EVERY_DAY, None, None),
            OneOffHours(None, None, None),
        ]
        for draft in drafts:
            assert not counts_on(draft, date(2026, 1, 1))
            assert list(coming_dates(draft, date(2026, 1, 1))) == []

    def test_what_is_the_same_every_week(self):
        assert not depends_on_date(WeeklyHours(EVERY_DAY, time(9), time(12), season=None))
        season = Season(first=date(2026, 1, 1))
        assert depends_on_date(WeeklyHours(EVERY_DAY, time(9), time(12), season=season))
        assert depends_on_date(MonthlyHours(frozenset({1}), EVERY_DAY, time(9), time(12)))


class TestHoursThatReplaceOthers:
    DAY = date(2026, 12, 24)

    def opened(self, *periods):
        weekly = WeeklyHours(EVERY_DAY, time(9), time(17))
        return hours_of(opening_intervals([weekly, *periods], [], PARIS, self.DAY, self.DAY))

    def test_they_are_the_only_ones_of_their_date(self):
        assert self.opened(OneOffHours(self.DAY, time(9), time(12), replaces=True)) == 3
        assert self.opened(OneOffHours(self.DAY, time(17), time(18))) == 9

    def test_single_dates_replace_no_single_dates(self):
        assert self.opened(
            OneOffHours(self.DAY, time(9), time(12), replaces=True),
            OneOffHours(self.DAY, time(20), time(21)),
        ) == (3 + 1)

    def test_the_days_beside_are_as_ever(self):
        day_before = OneOffHours(self.DAY - timedelta(days=1), time(9), time(10), replaces=True)
        assert self.opened(day_before) == 8

    def test_what_is_unfinished_replaces_nothing(self):
        assert self.opened(OneOffHours(self.DAY, time(9), None, replaces=True)) == 8
        assert self.opened(OneOffHours(self.DAY, time(9), time(8), replaces=True)) == 8


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

    def test_no_ordinal(self):
        monthly = MonthlyHours(frozenset(), EVERY_DAY, time(9), time(17))
        assert problems(monthly) == [("ordinals", "no_ordinal")]

    @pytest.mark.parametrize(
        ("season", "code"),
        [
            (Season(date(2026, 6, 2), date(2026, 6, 1)), "season_backwards"),
            (Season(date(2026, 6, 1), date(2027, 6, 1), yearly=True), "season_too_long"),
            (Season(date(2028, 2, 29), date(2029, 3, 1), yearly=True), "season_too_long"),
            (Season(date(2026, 6, 1), date(2026, 6, 5)), "season_without_day"),
            (Season(date(2026, 6, 1), date(2026, 6, 20), yearly=True), "season_without_day"),
            # The last Friday of a February is never later than the 29th, and never before the 22nd.
            (Season(date(2026, 2, 1), date(2026, 2, 21), yearly=True), "season_without_day"),
            (Season(date.min, date.min), "season_without_day"),
            (Season(date.max, None), None),
            (Season(None, date.min), "season_without_day"),
            (Season(date(2026, 6, 2), date(2026, 6, 1), yearly=True), None),
            (Season(date(2026, 6, 1), date(2027, 5, 31), yearly=True), None),
            (Season(date(2028, 2, 29), date(2029, 2, 28), yearly=True), None),
            (Season(date(2026, 2, 1), date(2026, 2, 22), yearly=True), None),
            (Season(date(2028, 2, 29), date(2028, 2, 29), yearly=True), None),
            (Season(date(2026, 6, 26), date(2026, 6, 26)), None),
            (Season(None, date(2026, 6, 5)), None),
            (Season(date(2026, 6, 1), None), None),
            (ALL_TIME, None),
            (None, None),
        ],
    )
    def test_seasons_of_a_last_friday(self, season, code):
        last_friday = MonthlyHours(frozenset({LAST}), frozenset({4}), time(9), time(17), (), season)
        assert problems(last_friday) == ([("season", code)] if code else [])

    @pytest.mark.parametrize("first", [date(2026, 3, 31), date(2028, 3, 1)])
    def test_a_season_without_end_has_a_fifth_monday(self, first):
        fifth = MonthlyHours(frozenset({5}), frozenset({0}), time(9), time(17), (), Season(first))
        assert problems(fifth) == []
        assert next(coming_dates(fifth, first)) > first + timedelta(days=60)

    def test_a_season_of_weekly_hours_has_one_of_their_days(self):
        monday_to_friday = Season(date(2026, 6, 1), date(2026, 6, 5))
        weekend = WeeklyHours(frozenset({5, 6}), time(9), time(17), season=monday_to_friday)
        assert problems(weekend) == [("season", "season_without_day")]
        friday = WeeklyHours(frozenset({4, 5}), time(9), time(17), season=monday_to_friday)
        assert problems(friday) == []

    @given(
        st.booleans(),
        st.dates(date(2024, 1, 1), date(2028, 12, 31)),
        st.integers(0, 60),
        ordinals,
        st.frozensets(st.integers(0, 6), min_size=1),
    )
    def test_a_season_is_refused_exactly_if_it_never_opens(
        self, yearly, first, length, chosen, weekdays
    ):
        season = Season(first, first + timedelta(days=length), yearly)
        period = MonthlyHours(chosen, weekdays, time(9), time(17), (), season)
        # A date falls on each weekday within 28 years, but for those around 2100.
        years = range(2000, 2028) if yearly else range(2024, 2030)
        opens = any(
            (sheet[-1] if number == LAST else sheet[number - 1]) in season
            for year in years
            for month in range(1, 13)
            for weekday in weekdays
            for sheet in [calendar_sheet(year, month, weekday)]
            for number in chosen
            if number <= len(sheet)
        )
        assert problems(period) == ([] if opens else [("season", "season_without_day")])

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
        assert problems(MonthlyHours(None, None, None, None, None, None)) == [
            ("ordinals", "missing"),
            ("weekdays", "missing"),
            ("opens", "missing"),
            ("closes", "missing"),
            ("breaks", "missing"),
        ]
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
            MonthlyHours(None, EVERY_DAY, time(9), time(10), None, None),
            MonthlyHours(frozenset({1}), None, time(9), time(10)),
            OneOffHours(None, time(9), time(10)),
            OneOffHours(day, None, time(10)),
        ]
        assert opening_intervals(drafts, [Closure(None, None)], PARIS, day, day) == ()

    def test_an_unfinished_break_cuts_nothing(self):
        day = date(2026, 1, 5)
        assert hours_of(open_on(day, time(9), time(12), PARIS, breaks=((time(10), None),))) == 3


@pytest.mark.parametrize(
    ("zone", "day", "hour", "minute"),
    [("Europe/Paris", date(2026, 10, 25), 2, 30), ("Australia/Lord_Howe", date(2026, 4, 5), 1, 45)],
)
def test_a_repeated_time_is_known_as_such(zone, day, hour, minute):
    zone = ZoneInfo(zone)
    at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    assert is_repeated(at, zone)
    assert is_repeated(at.replace(fold=1), zone)
    assert not is_repeated(at + timedelta(days=1), zone)
    assert not is_repeated(at + timedelta(hours=10), zone)
