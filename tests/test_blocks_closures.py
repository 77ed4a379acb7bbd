"""Days off as editors write them."""

import logging
from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from wagtail_agenda.blocks.closures import (
    ClosuresBlock,
    DatesBlock,
    PublicHolidaysBlock,
    closures_of,
    region_code,
)
from wagtail_agenda.schedule import Closure

FIRST, LAST = date(2026, 12, 1), date(2026, 12, 31)


def stream(*rows):
    return ClosuresBlock().to_python([{"type": kind, "value": value} for kind, value in rows])


def dates(first, last=None, label=""):
    return ("dates", {"first": first, "last": last, "label": label})


def public_holidays(country, region=""):
    return ("public_holidays", {"country": country, "region": region})


def cleaned(block_class, *, draft=False, **value):
    block = block_class()
    value = block.to_python(value)
    return block.clean_deferred(value) if draft else block.clean(value)


def test_a_single_day_and_several_in_a_row():
    value = stream(dates("2026-12-24", label="Eve"), dates("2026-12-28", "2026-12-30"))
    assert closures_of(value, FIRST, LAST) == [
        Closure(date(2026, 12, 24), date(2026, 12, 24), "Eve"),
        Closure(date(2026, 12, 28), date(2026, 12, 30)),
    ]


def test_closures_that_only_reach_into_the_window_count():
    value = stream(dates("2026-11-20", "2026-12-01"), dates("2026-12-31", "2027-01-05"))
    assert len(closures_of(value, FIRST, LAST)) == 2
    assert closures_of(value, date(2026, 12, 2), date(2026, 12, 30)) == []


def test_public_holidays_of_a_country_and_of_a_region():
    value = stream(public_holidays("FR"))
    assert [closure.first for closure in closures_of(value, FIRST, LAST)] == [date(2026, 12, 25)]
    alsace = stream(public_holidays("FR", "57"))
    assert date(2026, 12, 26) in [closure.first for closure in closures_of(alsace, FIRST, LAST)]


def test_holidays_are_named_in_the_active_language():
    with translation.override("en"):
        [closure] = closures_of(stream(public_holidays("FR")), FIRST, LAST)
    assert closure.label == "Christmas Day"


@pytest.mark.parametrize(
    "row",
    [
        dates(None),
        dates(None, "2026-12-05"),
        dates("2026-12-05", "2026-12-01"),
        public_holidays(None),
        public_holidays(""),
        ("dates", {}),
        ("public_holidays", {}),
    ],
)
def test_what_is_incomplete_closes_nothing(row):
    assert closures_of(stream(row), FIRST, LAST) == []


def test_no_value_at_all():
    assert closures_of(None, FIRST, LAST) == []


def test_a_region_that_the_calendar_has_dropped_is_left_out_and_logged(caplog):
    with caplog.at_level(logging.WARNING):
        assert closures_of(stream(public_holidays("FR", "Atlantis")), FIRST, LAST) == []
    assert "Atlantis" in caplog.text


def test_a_last_day_before_the_first_is_refused_at_its_field():
    with pytest.raises(ValidationError) as caught:
        cleaned(DatesBlock, first="2026-12-05", last="2026-12-01")
    assert list(caught.value.block_errors) == ["last"]
    assert "before the first day" in str(caught.value.block_errors["last"])


@pytest.mark.parametrize("typed", ["BY", "by", " Bayern ", "bavaria"])
def test_a_region_is_found_by_code_or_name(typed):
    if typed == "bavaria":
        with pytest.raises(ValidationError):
            cleaned(PublicHolidaysBlock, country="DE", region=typed)
    else:
        assert cleaned(PublicHolidaysBlock, country="DE", region=typed)["region"] == "BY"


def test_an_unknown_region_is_refused_with_those_there_are():
    with pytest.raises(ValidationError) as caught:
        cleaned(PublicHolidaysBlock, country="DE", region="Atlantis")
    message = str(caught.value.block_errors["region"])
    assert "Atlantis" in message
    assert "Bayern (BY)" in message


def test_a_country_without_regions_says_so():
    with pytest.raises(ValidationError, match="do not differ by region"):
        region_code("EE", "anything")


@pytest.mark.parametrize(
    ("block_class", "value"),
    [
        (DatesBlock, {}),
        (DatesBlock, {"last": "2026-12-05"}),
        (PublicHolidaysBlock, {}),
        (PublicHolidaysBlock, {"region": "BY"}),
    ],
)
def test_drafts_may_lack_anything(block_class, value):
    cleaned(block_class, draft=True, **value)


def test_what_is_published_must_be_complete():
    with pytest.raises(ValidationError):
        cleaned(DatesBlock, last="2026-12-05")
    with pytest.raises(ValidationError):
        cleaned(PublicHolidaysBlock, region="BY")
