"""Opening hours as editors write them: refused where they are wrong, tolerated while unfinished."""

from collections import Counter
from datetime import date, time
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW, make_appointments, make_schedule, monthly, one_off, weekly
from wagtail_agenda import availability, schedule
from wagtail_agenda.blocks.schedule import (
    MonthlyBlock,
    OneOffBlock,
    PeriodsBlock,
    WeeklyBlock,
    periods_of,
    skipped_times,
)
from wagtail_agenda.schedule_picture import Trouble, week_picture
from wagtail_agenda.schedule_words import period_text

DAY = date(2026, 12, 1)


def stream(*rows):
    return PeriodsBlock().to_python(list(rows))


def errors_of(block_class, **value):
    block = block_class()
    with pytest.raises(ValidationError) as caught:
        block.clean(block.to_python(value))
    return caught.value.block_errors


def cleaned(block_class, *, draft=False, **value):
    block = block_class()
    value = block.to_python(value)
    return block.clean_deferred(value) if draft else block.clean(value)


def test_a_week_with_a_lunch_break():
    hours = weekly(time(9), time(17), ["4", "0"], breaks=[(time(12), time(13, 30))])
    assert periods_of(stream(hours)) == [
        schedule.WeeklyHours(frozenset({0, 4}), time(9), time(17), ((time(12), time(13, 30)),))
    ]


def test_a_single_date():
    assert periods_of(stream(one_off(DAY, time(14), time(18)))) == [
        schedule.OneOffHours(DAY, time(14), time(18))
    ]


SUMMER = {"from": "2026-06-01", "until": "2026-08-31", "repeats": "yearly"}
WINTER = {"from": "2020-12-24", "until": "2020-01-06", "repeats": "yearly"}
SUMMER_SEASON = schedule.Season(date(2026, 6, 1), date(2026, 8, 31), yearly=True)


def test_weekdays_of_the_month():
    row = monthly(ordinals=["last", "2"], weekdays=["4"], season=SUMMER)
    assert periods_of(stream(row)) == [
        schedule.MonthlyHours(
            frozenset({2, schedule.LAST}),
            frozenset({4}),
            time(9),
            time(12),
            season=SUMMER_SEASON,
        )
    ]


def test_a_single_date_in_place_of_the_usual_hours():
    row = one_off(DAY, time(9), time(11))
    row["value"]["replaces"] = True
    [period] = periods_of(stream(row))
    assert period.replaces


def test_rows_from_before_there_were_seasons_count_all_the_time():
    rows = [weekly(time(9), time(12), ["0"]), one_off(DAY)]
    assert "season" not in rows[0]["value"]
    assert "replaces" not in rows[1]["value"]
    hours, single = periods_of(stream(*rows))
    assert hours.season == schedule.ALL_TIME
    assert not single.replaces
    # They are complete for an editor who opens and publishes them as they are.
    PeriodsBlock().clean(stream(*rows))


def test_what_is_kept_is_read_again():
    block = PeriodsBlock()
    rows = [monthly(season=SUMMER), weekly(weekdays=["3"])]
    value = block.clean(stream(*rows))
    again = block.to_python(block.get_prep_value(value))
    assert periods_of(again) == periods_of(value)
    assert periods_of(again)[0].season == SUMMER_SEASON


def test_ordinals_are_kept_in_the_order_of_the_month():
    value = cleaned(
        MonthlyBlock,
        ordinals=["last", "3", "1"],
        weekdays=["2", "0"],
        opens="09:00",
        closes="12:00",
    )
    assert value["ordinals"] == ["1", "3", "last"]
    assert value["weekdays"] == ["0", "2"]


@pytest.mark.parametrize(
    ("season", "field", "words"),
    [
        ({"from": "2026-06-01", "until": "2026-05-31"}, "until", "ends before it begins"),
        ({"from": "2026-06-01", "until": "2026-06-05"}, "until", "None of the days"),
        ({"from": "9999-12-31"}, "from", "None of the days"),
        (
            {"from": "2026-06-01", "until": "2026-06-20", "repeats": "yearly"},
            "until",
            "None of the days",
        ),
        (
            {"from": "2026-06-01", "until": "2027-08-31", "repeats": "yearly"},
            "until",
            "shorter than a year",
        ),
    ],
)
def test_a_season_that_cannot_be_is_refused_at_its_own_field(season, field, words):
    hours = {"weekdays": ["3"], "opens": "09:00", "closes": "12:00"}
    errors = errors_of(MonthlyBlock, ordinals=["last"], season=season, **hours)
    assert list(errors) == ["season"]
    assert list(errors["season"].block_errors) == [field]
    assert words in str(errors["season"].block_errors[field])


@pytest.mark.parametrize(
    "season",
    [
        {"from": "2026-11-01", "until": "2026-03-31", "repeats": "yearly"},
        {"from": "2028-02-29", "until": "2028-02-29", "repeats": "yearly"},
        {"from": "2028-02-29", "repeats": "yearly"},
        {"until": "2026-08-31"},
        {"repeats": "yearly"},
        {"from": None, "until": None, "repeats": None},
    ],
)
def test_seasons_that_can_be(season):
    hours = {"weekdays": ["1"], "opens": "09:00", "closes": "12:00"}
    value = cleaned(MonthlyBlock, ordinals=["last"], season=season, **hours)
    assert schedule.problems(MonthlyBlock().period_of(value)) == []


def test_weekdays_are_kept_in_the_order_of_the_week():
    value = cleaned(WeeklyBlock, weekdays=["6", "0", "3"], opens="09:00", closes="12:00")
    assert value["weekdays"] == ["0", "3", "6"]


def test_midnight_closes_the_day():
    value = cleaned(WeeklyBlock, weekdays=["5"], opens="18:00", closes="00:00")
    assert value["closes"] == time(0)


def test_closing_before_opening_is_refused_at_the_closing_time():
    errors = errors_of(WeeklyBlock, weekdays=["0"], opens="12:00", closes="09:00")
    assert list(errors) == ["closes"]
    assert "not after the opening time" in str(errors["closes"])


def test_times_off_the_grid_are_refused_where_they_stand():
    errors = errors_of(OneOffBlock, date="2026-12-01", opens="09:02", closes="12:00")
    assert list(errors) == ["opens"]
    assert "five minutes" in str(errors["opens"])


@pytest.mark.parametrize(
    ("begin", "end", "field", "words"),
    [
        ("13:00", "12:00", "until", "ends before it begins"),
        ("08:00", "10:00", "from", "outside"),
        ("11:00", "18:00", "until", "outside"),
        ("12:01", "13:00", "from", "five minutes"),
        ("12:00", "13:03", "until", "five minutes"),
    ],
)
def test_a_wrong_break_is_refused_at_its_own_field(begin, end, field, words):
    breaks = [{"from": "10:00", "until": "10:15"}, {"from": begin, "until": end}]
    errors = errors_of(WeeklyBlock, weekdays=["0"], opens="09:00", closes="17:00", breaks=breaks)
    assert list(errors["breaks"].block_errors) == [1]
    assert list(errors["breaks"].block_errors[1].block_errors) == [field]
    assert words in str(errors["breaks"].block_errors[1].block_errors[field])


def test_what_is_published_must_be_complete():
    errors = errors_of(WeeklyBlock, weekdays=[], opens=None, closes=None)
    assert set(errors) == {"weekdays", "opens", "closes"}


INCOMPLETE = [
    {},
    {"opens": "09:00"},
    {"closes": "09:00"},
    {"weekdays": ["0"], "opens": "09:00"},
    {"weekdays": [], "opens": "09:00", "closes": "12:00"},
    {"weekdays": ["0"], "breaks": [{}]},
    {"weekdays": ["0"], "opens": "09:00", "breaks": [{"from": "10:00"}, {"until": "11:00"}]},
    {"season": {}},
    {"season": {"from": "2026-06-01"}, "ordinals": ["1"]},
    {"season": {"from": None, "until": None, "repeats": None}, "ordinals": None},
    {"ordinals": ["last"], "weekdays": ["0"]},
    {"replaces": None},
]


@pytest.mark.parametrize("value", INCOMPLETE)
@pytest.mark.parametrize("block_class", [WeeklyBlock, MonthlyBlock, OneOffBlock])
def test_drafts_may_lack_anything(block_class, value):
    known = {key: part for key, part in value.items() if key in block_class().child_blocks}
    cleaned(block_class, draft=True, **known)


@pytest.mark.parametrize("value", INCOMPLETE)
@pytest.mark.parametrize("kind", ["weekly", "monthly", "one_off"])
def test_what_is_incomplete_opens_nothing(kind, value):
    assert periods_of(stream({"type": kind, "value": value})) == []


def test_an_incomplete_break_closes_nothing():
    row = weekly(time(9), time(12))
    row["value"]["breaks"] = [{"from": "10:00:00", "until": None}]
    [period] = periods_of(stream(row))
    assert period.breaks == ()


def test_no_value_at_all():
    assert periods_of(None) == []


def test_a_time_that_clocks_skip():
    night = schedule.OneOffHours(date(2026, 3, 29), time(2, 30), time(0))
    assert skipped_times(night, ZoneInfo("Europe/Paris")) == {"opens": time(2, 30)}
    assert skipped_times(night, ZoneInfo("UTC")) == {}
    assert skipped_times(schedule.OneOffHours(None, time(2, 30), time(3)), ZoneInfo("UTC")) == {}


times = st.times().map(lambda at: at.replace(second=0, microsecond=0)) | st.none()
breaks = st.lists(st.fixed_dictionaries({"from": times, "until": times}), max_size=3)


dates = st.none() | st.dates(date(2026, 1, 1), date(2029, 12, 31))
seasons = st.fixed_dictionaries(
    {"from": dates, "until": dates, "repeats": st.sampled_from([None, "", "yearly"])}
)
ticks = st.lists(st.sampled_from(["1", "2", "3", "4", "5", "last"]), unique=True)


@given(
    ordinals=ticks,
    weekdays=st.lists(st.sampled_from("0123456"), unique=True),
    opens=times,
    closes=times,
    breaks=breaks,
    season=seasons,
)
@pytest.mark.parametrize("block_class", [WeeklyBlock, MonthlyBlock])
def test_drafts_never_fail_and_published_hours_are_sound(block_class, ordinals, season, **typed):
    block = block_class()
    if block_class is MonthlyBlock:
        typed["ordinals"] = ordinals
    value = block.normalize({**typed, "season": season})
    period_text(block.period_of(value))
    try:
        draft = block.clean_deferred(value)
    except ValidationError:
        draft = None
    try:
        published = block.clean(value)
    except ValidationError:
        return
    assert draft is not None
    assert schedule.problems(block.period_of(published)) == []


# In words

MONDAY = frozenset({0})


@pytest.mark.parametrize(
    ("period", "words"),
    [
        (
            schedule.MonthlyHours(
                frozenset({1, 3}), MONDAY, time(9), time(12), season=SUMMER_SEASON
            ),
            "1st and 3rd Monday of the month, 09:00 – 12:00, 1 June to 31 August every year",
        ),
        (
            schedule.MonthlyHours(frozenset({schedule.LAST}), frozenset({4, 1}), time(20), time(0)),
            "last Tuesday and Friday of the month, 20:00 – 24:00",
        ),
        (
            schedule.WeeklyHours(
                MONDAY,
                time(9),
                time(17),
                ((time(12), time(13)),),
                schedule.Season(date(2026, 6, 1), date(2026, 8, 31)),
            ),
            "Monday, 09:00 – 17:00 without 12:00 – 13:00, 1 June 2026 to 31 August 2026",
        ),
        (
            schedule.WeeklyHours(
                MONDAY, time(9), None, season=schedule.Season(first=date(2026, 6, 1))
            ),
            "Monday, 09:00 – ?, from 1 June 2026 on",
        ),
        (
            schedule.WeeklyHours(
                MONDAY, None, time(9), season=schedule.Season(last=date(2026, 6, 1))
            ),
            "Monday, ? – 09:00, until 1 June 2026",
        ),
        (
            schedule.WeeklyHours(
                MONDAY, time(9), time(10), season=schedule.Season(date(2028, 2, 29), None, True)
            ),
            "Monday, 09:00 – 10:00, 29 February to 31 December every year",
        ),
        (
            schedule.OneOffHours(DAY, time(9), time(10), replaces=True),
            "Tuesday 1 December 2026, 09:00 – 10:00, in place of the usual hours",
        ),
        (schedule.MonthlyHours(None, None, None, None, None, None), "? – ?"),
        (schedule.MonthlyHours(frozenset({2}), None, None, None), "2nd, ? – ?"),
        (schedule.OneOffHours(None, None, None, None), "? – ?"),
    ],
)
def test_periods_in_words(period, words):
    assert period_text(period) == words


# What is offered


@pytest.mark.django_db
def test_appointments_are_offered_on_the_weekdays_of_the_month_and_in_season_alone():
    shorter = one_off(date(2027, 1, 4), time(9), time(10))
    shorter["value"]["replaces"] = True
    hours = make_schedule(
        monthly(ordinals=["1", "last"], weekdays=["0"]),
        weekly(weekdays=["3"]) | {"value": {**weekly(weekdays=["3"])["value"], "season": WINTER}},
        shorter,
    )
    agenda, meeting_type, _desks = make_appointments(schedule=hours, maximal_booking_delay=365)
    offered = availability.slots(
        agenda, meeting_type, first=date(2026, 12, 1), last=date(2027, 1, 31), now=NOW
    )
    number_by_day = Counter(slot.start.date() for slot in offered)
    assert number_by_day == {
        date(2026, 12, 7): 6,
        date(2026, 12, 24): 6,
        date(2026, 12, 28): 6,
        date(2026, 12, 31): 6,
        date(2027, 1, 4): 2,
        date(2027, 1, 25): 6,
    }


# The picture of the week


def picture_of(*rows, **kwargs):
    return week_picture(periods_of(stream(*rows)), **kwargs)


def test_the_picture_shows_hours_and_breaks():
    picture = picture_of(weekly(time(9), time(17), ["0"], breaks=[(time(12), time(13))]))
    monday = picture.columns[0]
    assert [(box.start, box.end) for box in monday.open] == [("09:00", "12:00"), ("13:00", "17:00")]
    assert [(box.start, box.end) for box in monday.breaks] == [("12:00", "13:00")]
    assert not any(column.boxes for column in picture.columns[1:])
    assert [line.label for line in picture.hours][:2] == ["08:00", "09:00"]


def test_boxes_lie_inside_the_picture_and_below_one_another():
    picture = picture_of(
        weekly(time(0), time(0), ["6"], breaks=[(time(11, 55), time(12))]),
        weekly(time(5), time(23)),
    )
    for column in picture.columns:
        boxes = list(column.boxes)
        for box in boxes:
            assert 0 <= box.x <= box.x + box.width <= picture.width
            assert 0 <= box.y < box.y + box.height <= picture.height
        assert all(
            upper.y + upper.height <= lower.y
            for upper, lower in zip(boxes, boxes[1:], strict=False)
        )
    assert picture.columns[6].boxes[-1].end == "24:00"


def test_single_dates_stand_beside_the_week_or_in_theirs():
    rows = [weekly(), one_off(DAY, time(14), time(16))]
    picture = picture_of(*rows)
    assert [(single.day, single.hours) for single in picture.single_dates] == [
        (DAY, (("14:00", "16:00"),))
    ]
    dated = picture_of(*rows, day=DAY)
    assert dated.single_dates == ()
    assert [box.start for box in dated.columns[1].boxes] == ["09:00", "14:00"]
    assert dated.columns[1].label.endswith("1")


def test_an_unfinished_schedule_still_has_a_picture():
    picture = picture_of({"type": "weekly", "value": {}}, {"type": "one_off", "value": {}})
    assert picture.is_empty
    assert len(picture.columns) == 7
    assert week_picture([]).is_empty


def test_short_stretches_carry_no_text():
    picture = picture_of(weekly(time(9), time(9, 10), ["0"]))
    assert not picture.columns[0].boxes[0].has_room_for_text


# A week of the calendar, where weeks differ

TODAY = date(2026, 11, 21)
"""A Saturday."""


def test_weeks_that_differ_are_dated_and_their_rules_said():
    picture = picture_of(
        weekly(weekdays=["2"]), monthly(ordinals=["1", "last"], weekdays=["4"]), today=TODAY
    )
    assert picture.week == "Week from 23 November 2026 to 29 November 2026"
    assert [column.label for column in picture.columns][:2] == ["Mon 23", "Tue 24"]
    assert [bool(column.boxes) for column in picture.columns] == [
        *(False, False, True, False, True, False, False)
    ]
    every_week, in_the_month = picture.rules
    assert every_week.text == "Wednesday, 09:00 – 12:00"
    assert every_week.dates == ()
    assert in_the_month.text == "1st and last Friday of the month, 09:00 – 12:00"
    assert in_the_month.dates == (
        "Friday 27 November 2026",
        "Friday 4 December 2026",
        "Friday 25 December 2026",
        "Friday 1 January 2027",
    )


def test_weeks_that_are_alike_have_no_date():
    picture = picture_of(weekly(), one_off(DAY), today=TODAY)
    assert picture.week == ""
    assert picture.rules == ()


def test_the_first_week_with_opening_hours_is_drawn():
    picture = picture_of(monthly(season=SUMMER), today=TODAY)
    assert picture.week == "Week from 7 June 2027 to 13 June 2027"
    assert picture.columns[0].open
    assert picture_of(monthly(season=SUMMER), day=TODAY, today=TODAY).is_closed_this_week


@pytest.mark.parametrize(
    ("season", "note"),
    [
        ({"from": "2026-01-01", "until": "2026-11-20"}, "This season is over."),
        (
            {"from": "2028-02-29", "until": "2028-02-29", "repeats": "yearly"},
            "There is no such date in the next ten years.",
        ),
    ],
)
def test_hours_that_never_come_say_so(season, note):
    picture = picture_of(monthly(ordinals=["5", "1"], weekdays=["0"], season=season), today=TODAY)
    assert [(rule.dates, rule.note) for rule in picture.rules] == [((), note)]
    assert picture.week == "Week from 16 November 2026 to 22 November 2026"
    assert picture.is_closed_this_week
    assert not picture.is_empty


def test_a_date_with_hours_of_its_own_is_none_of_the_rules_dates():
    replaced = one_off(date(2026, 12, 7), time(9), time(10))
    replaced["value"]["replaces"] = True
    picture = picture_of(monthly(), replaced, day=DAY, today=TODAY)
    assert picture.rules[0].dates[0] == "Monday 4 January 2027"
    assert [(single.name, single.replaces) for single in picture.single_dates] == [
        ("Monday 7 December 2026", True)
    ]
    drawn = picture_of(monthly(), replaced, day=date(2026, 12, 7), today=TODAY)
    assert [(box.start, box.end) for box in drawn.columns[0].open] == [("09:00", "10:00")]
    assert drawn.single_dates == ()


def test_hours_of_the_month_that_cannot_be_are_marked_on_their_dates():
    backward = schedule.MonthlyHours(frozenset({1}), MONDAY, time(12), time(9))
    troubles = [Trouble(backward, "No.")]
    picture = week_picture([], day=date(2026, 12, 7), today=TODAY, troubles=troubles)
    assert [bool(column.wrong) for column in picture.columns] == [True] + [False] * 6
    assert picture.warnings == ("1st Monday of the month, 12:00 – 09:00: No.",)
    week_later = week_picture([], day=date(2026, 12, 14), today=TODAY, troubles=troubles)
    assert not any(column.wrong for column in week_later.columns)


@pytest.mark.parametrize("day", [date.min, date.max])
def test_the_ends_of_the_calendar_are_drawn(day):
    season = schedule.Season(first=date(2026, 1, 1))
    periods = [
        schedule.WeeklyHours(frozenset(range(7)), time(0), time(0), season=season),
        schedule.MonthlyHours(frozenset({1}), MONDAY, time(9), time(12)),
    ]
    assert week_picture(periods, day=day, today=day).week
