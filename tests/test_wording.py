"""How dates, times and numbers are said."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from tests.factories import PARIS
from wagtail_agenda import wording


def test_a_day_is_said_in_full():
    assert wording.day_text(date(2026, 12, 3)) == "Thursday 3 December 2026"
    with translation.override("fr"):
        assert wording.day_text(date(2026, 12, 3)) == "jeudi 3 décembre 2026"


def test_a_time_is_said_in_its_zone():
    assert wording.time_text(datetime(2026, 12, 3, 9, 5, tzinfo=PARIS)) == "09:05"


@pytest.mark.parametrize("language", ["en", "de", "fr", "ru"])
def test_many_moments_are_said_as_one_is(language):
    moments = [datetime(2026, 12, day, 9, 5, tzinfo=PARIS) for day in (3, 3, 4)]
    with translation.override(language):
        assert [*map(wording.moment_texts(), moments)] == [*map(wording.moment_text, moments)]


def test_of_many_moments_an_hour_that_comes_twice_is_told_apart():
    moment = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS)
    said = wording.moment_texts()
    assert said(moment) == "Sunday 25 October 2026, 02:30 CEST"
    assert said(moment.replace(fold=1)) == "Sunday 25 October 2026, 02:30 CET"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en-gb", "03/07/2026, 09:05"),
        ("fr", "03/07/2026, 09:05"),
        ("de", "03.07.2026, 09:05 Uhr"),
        ("ru", "03.07.2026, 09:05"),
    ],
)
def test_a_moment_in_short_is_written_as_its_language_does(language, text):
    with translation.override(language):
        said = wording.short_moment_text(datetime(2026, 7, 3, 9, 5, tzinfo=PARIS))
    assert said == text


def test_a_span_names_the_second_day_only_if_there_is_one():
    start = datetime(2026, 12, 3, 9, 30, tzinfo=PARIS)

    same_day = wording.span_text(start, start.replace(hour=10))
    next_day = wording.span_text(start, start.replace(day=4, hour=1))

    assert same_day == "Thursday 3 December 2026, 09:30 to 10:30"
    assert next_day == "Thursday 3 December 2026, 09:30 to Friday 4 December 2026, 01:30"


@pytest.mark.parametrize(
    ("zone", "month", "text"),
    [
        ("Europe/Paris", 12, "Europe/Paris, UTC+01:00"),
        ("Europe/Paris", 7, "Europe/Paris, UTC+02:00"),
        ("America/St_Johns", 12, "America/St_Johns, UTC-03:30"),
        ("Australia/Lord_Howe", 12, "Australia/Lord_Howe, UTC+11:00"),
        ("UTC", 12, "UTC, UTC+00:00"),
    ],
)
def test_a_zone_is_said_with_its_distance_from_utc(zone, month, text):
    assert wording.zone_text(datetime(2026, month, 3, tzinfo=ZoneInfo(zone))) == text


def test_one_place_goes_without_saying():
    assert [wording.several_places_text(places) for places in (1, 3)] == ["", "3 places"]
