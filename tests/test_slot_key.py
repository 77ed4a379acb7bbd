"""What names a slot is what finds it again."""

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_agenda import slot_key

PARIS = ZoneInfo("Europe/Paris")
SLUGS = st.from_regex(r"[-a-zA-Z0-9_]{1,100}", fullmatch=True)
MINUTES = st.datetimes(min_value=datetime(1000, 1, 1)).map(
    lambda moment: moment.replace(second=0, microsecond=0)
)


@given(SLUGS, MINUTES, st.sampled_from([0, 1]), st.none() | st.integers(1, 9999))
def test_what_is_written_is_read(slug, start, fold, minutes):
    start = start.replace(fold=fold)

    named = slot_key.read(slot_key.write(slug, start, minutes))

    assert (named.type, named.start, named.fold, named.minutes) == (slug, start, fold, minutes)
    assert named.day == start.date()


def test_the_hour_that_comes_twice_has_two_names():
    first, second = (datetime(2026, 10, 25, 2, 30, fold=fold) for fold in (0, 1))

    assert slot_key.write("passport", first) == "passport:2026-10-25-0230"
    assert slot_key.write("passport", second) == "passport:2026-10-25-0230~2"
    moments = [
        slot_key.read(slot_key.write("x", start)).instant(PARIS) for start in (first, second)
    ]
    assert moments == [
        datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc),
        datetime(2026, 10, 25, 1, 30, tzinfo=timezone.utc),
    ]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "passport",
        "passport:2026-02-30-0900",
        "passport:2026-01-15-2460",
        "passport:0000-01-15-0900",
        "passport:2026-01-15-0900~3",
        "passport:2026-01-15-0900+",
        "passport:2026-01-15-0900+0",
        "passport:2026-01-15-0900+030",
        "passport:2026-01-15-0900+10000",
        "passport:2026-01-15-0900+30~2",
        "passport:2026-01-15-0900+３０",
        "passport:2026-01-15-0900\n",
        "passport:２０２６-01-15-0900",
        ":2026-01-15-0900",
        f"{'p' * 101}:2026-01-15-0900",
    ],
)
def test_what_names_no_appointment_is_no_name(key):
    assert slot_key.read(key) is None


def test_a_moment_outside_the_calendar_is_none():
    assert slot_key.read("x:0001-01-01-0000").instant(PARIS) is None


@given(st.text())
def test_any_text_can_be_asked(text):
    named = slot_key.read(text)

    assert named is None or slot_key.write(named.type, named.start, named.minutes) == text
    assert slot_key.is_slug(text) in (True, False)
