"""Opening hours as editors write them: refused where they are wrong, tolerated while unfinished."""

from datetime import date, time
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import one_off, weekly
from wagtail_agenda import schedule
from wagtail_agenda.blocks.schedule import (
    OneOffBlock,
    PeriodsBlock,
    WeeklyBlock,
    periods_of,
    skipped_times,
)
from wagtail_agenda.schedule_picture import week_picture

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
]


@pytest.mark.parametrize("value", INCOMPLETE)
@pytest.mark.parametrize("block_class", [WeeklyBlock, OneOffBlock])
def test_drafts_may_lack_anything(block_class, value):
    known = {key: part for key, part in value.items() if key in block_class().child_blocks}
    cleaned(block_class, draft=True, **known)


@pytest.mark.parametrize("value", INCOMPLETE)
def test_what_is_incomplete_opens_nothing(value):
    assert periods_of(stream({"type": "weekly", "value": value})) == []


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


@given(weekdays=st.sets(st.sampled_from("0123456")), opens=times, closes=times, breaks=breaks)
def test_drafts_never_fail_and_published_hours_are_sound(weekdays, opens, closes, breaks):
    block = WeeklyBlock()
    value = block.normalize(
        {"weekdays": list(weekdays), "opens": opens, "closes": closes, "breaks": breaks}
    )
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
