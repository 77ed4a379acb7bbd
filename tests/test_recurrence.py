"""Which dates a series has, against an oracle that looks at every day one by one."""

from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_agenda.recurrence import (
    LONGEST_DAYS,
    Recurrence,
    dates_of,
    occurrences_of,
    problems,
    published_at,
    reschedule,
    span_on,
)

PARIS = ZoneInfo("Europe/Paris")
ZONES = [PARIS, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC")]

DAYS = st.dates(date(2025, 12, 1), date(2027, 3, 31))
RULES = st.builds(
    Recurrence,
    first_day=DAYS,
    until=st.none() | DAYS,
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
    every_weeks=st.integers(1, 9),
    exceptions=st.frozensets(DAYS, max_size=40),
    start_time=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    duration=st.integers(1, 3000),
    zone=st.sampled_from(ZONES),
)


def rule(**changed):
    values = {
        "first_day": date(2026, 12, 1),
        "until": None,
        "weekdays": frozenset({1}),
        "every_weeks": 1,
        "exceptions": frozenset(),
        "start_time": time(18),
        "duration": 90,
        "zone": PARIS,
    }
    return Recurrence(**{**values, **changed})


def monday_of(day):
    return day - timedelta(days=day.weekday())


def day_by_day(rule, first, last):
    """What the words say, one day after the other."""
    found, day = [], first
    while day <= last:
        weeks = (monday_of(day) - monday_of(rule.first_day)).days // 7
        if (
            day >= rule.first_day
            and (rule.until is None or day <= rule.until)
            and day.weekday() in rule.weekdays
            and weeks % rule.every_weeks == 0
            and day not in rule.exceptions
        ):
            found.append(day)
        day += timedelta(days=1)
    return found


@given(RULES, DAYS, st.integers(-5, 120))
def test_dates_are_those_of_the_oracle(rule, first, length):
    last = first + timedelta(days=length)
    assert dates_of(rule, first, last) == day_by_day(rule, first, last)


@given(RULES, DAYS)
def test_an_occurrence_begins_at_its_wall_time_and_lasts_as_long_as_it_says(rule, day):
    span = span_on(rule, day)
    wall = datetime.combine(day, rule.start_time)
    shown = [
        moment
        for moment in (
            wall.replace(tzinfo=rule.zone, fold=fold).astimezone(timezone.utc) for fold in (0, 1)
        )
        if moment.astimezone(rule.zone).replace(tzinfo=None) == wall
    ]
    if not shown:
        assert span is None
    else:
        assert span == (min(shown), min(shown) + timedelta(minutes=rule.duration))


def test_every_second_week_is_counted_from_the_week_of_the_first_day():
    # A Thursday; the Tuesday of that week is before it.
    found = dates_of(
        rule(first_day=date(2026, 12, 3), weekdays=frozenset({1, 3}), every_weeks=2),
        date(2026, 11, 1),
        date(2026, 12, 31),
    )
    assert found == [
        date(2026, 12, 3),
        date(2026, 12, 15),
        date(2026, 12, 17),
        date(2026, 12, 29),
        date(2026, 12, 31),
    ]


def test_a_night_that_skips_the_time_has_none_and_one_that_repeats_it_has_one():
    nights = rule(first_day=date(2026, 3, 1), weekdays=frozenset({6}), start_time=time(2, 30))
    march = occurrences_of(nights, date(2026, 3, 22), date(2026, 4, 5))
    assert list(march) == [date(2026, 3, 22), date(2026, 4, 5)]
    october = occurrences_of(nights, date(2026, 10, 25), date(2026, 10, 25))
    start, end = october[date(2026, 10, 25)]
    assert start == datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc)
    assert end - start == timedelta(minutes=90)


def test_the_clock_is_the_same_in_summer_and_in_winter():
    weekly = rule(first_day=date(2026, 10, 20))
    spans = occurrences_of(weekly, date(2026, 10, 20), date(2026, 10, 27)).values()
    assert [start.astimezone(PARIS).hour for start, _end in spans] == [18, 18]
    assert [start.hour for start, _end in spans] == [16, 17]


def test_publication_is_when_a_day_begins():
    assert published_at(date(2026, 12, 15), None, PARIS) is None
    assert published_at(date(2026, 12, 15), 14, PARIS) == datetime(2026, 12, 1, tzinfo=PARIS)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"until": date(2026, 12, 1)}, []),
        ({"until": date(2026, 11, 30)}, [("until", "ends_before_it_begins")]),
        ({"until": date(2026, 12, 1) + timedelta(days=LONGEST_DAYS)}, []),
        (
            {"until": date(2026, 12, 1) + timedelta(days=LONGEST_DAYS + 1)},
            [("until", "too_long")],
        ),
        # A million occurrences and more.
        ({"until": date.max, "weekdays": frozenset(range(7))}, [("until", "too_long")]),
        ({"until": date(2026, 12, 7), "weekdays": frozenset({0})}, []),
        ({"until": date(2026, 12, 6), "weekdays": frozenset({0})}, [("until", "no_dates")]),
        (
            {"until": date(2026, 12, 1), "exceptions": frozenset({date(2026, 12, 1)})},
            [("until", "no_dates")],
        ),
        ({"weekdays": frozenset()}, [("weekdays", "no_weekday")]),
        ({"every_weeks": 0}, [("every_weeks", "no_interval")]),
        ({"every_weeks": -1, "until": date(2026, 12, 1)}, [("every_weeks", "no_interval")]),
        # Outside, or on a day on which nothing takes place: they hurt nobody.
        ({"exceptions": frozenset({date(1999, 1, 1), date(2026, 12, 2)})}, []),
    ],
)
def test_what_is_wrong_with_a_series(changed, expected):
    assert problems(rule(**changed)) == expected


# What becomes of the dates of a changed series


TUESDAYS = [date(2026, 12, 1), date(2026, 12, 8), date(2026, 12, 15)]
WEDNESDAYS = [day + timedelta(days=1) for day in TUESDAYS]
BOTH = sorted(TUESDAYS + WEDNESDAYS)


def test_another_weekday_moves_each_within_its_week():
    new = reschedule(TUESDAYS, [], WEDNESDAYS, WEDNESDAYS)
    assert new.moved == dict(zip(TUESDAYS, WEDNESDAYS, strict=True))
    assert (new.kept, new.removed, new.added) == ([], [], [])


def test_one_weekday_more_adds_and_one_less_removes():
    more = reschedule(TUESDAYS, [], BOTH, BOTH)
    assert (more.kept, more.moved, more.added) == (TUESDAYS, {}, WEDNESDAYS)
    less = reschedule(BOTH, [], TUESDAYS, TUESDAYS)
    assert (less.kept, less.moved, less.removed) == (TUESDAYS, {}, WEDNESDAYS)


def test_what_was_deleted_does_not_come_back_and_what_is_taken_is_not_made_twice():
    new = reschedule(TUESDAYS[1:], [TUESDAYS[0], WEDNESDAYS[1]], BOTH, BOTH)
    assert new.kept == TUESDAYS[1:]
    assert new.added == [WEDNESDAYS[0], WEDNESDAYS[2]]


def test_a_week_that_had_its_own_gets_no_second_one():
    """The first Tuesday has begun, was cancelled, deleted or changed by itself."""
    new = reschedule(TUESDAYS[1:], TUESDAYS[:1], WEDNESDAYS, WEDNESDAYS)
    assert new.moved == dict(zip(TUESDAYS[1:], WEDNESDAYS[1:], strict=True))
    assert new.added == []


def test_nothing_moves_to_where_it_would_have_begun():
    new = reschedule(WEDNESDAYS, [], TUESDAYS, TUESDAYS[1:])
    assert new.removed == WEDNESDAYS[:1]
    assert new.moved == dict(zip(WEDNESDAYS[1:], TUESDAYS[1:], strict=True))


@given(st.sets(DAYS), st.sets(DAYS), st.sets(DAYS), st.data())
def test_nothing_is_lost_and_no_date_is_given_twice(present, others, after, data):
    possible = data.draw(st.sets(st.sampled_from(sorted(after)))) if after else set()
    new = reschedule(present, others, after, possible)
    assert sorted([*new.kept, *new.moved, *new.removed]) == sorted(present)
    given_anew = [*new.moved.values(), *new.added]
    assert len(given_anew) == len(set(given_anew))
    assert set(given_anew) <= possible
    assert not set(given_anew) & (present | others)
    assert set(new.kept) == present & after
    for old, day in new.moved.items():
        assert monday_of(old) == monday_of(day)
    for monday in {monday_of(day) for day in new.removed}:
        assert not any(monday_of(day) == monday for day in new.added)
