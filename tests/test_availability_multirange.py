"""Listings beside PostgreSQL's own reckoning: multiranges, and its own time zones."""

import random
from datetime import date, datetime, time, timedelta, timezone

import pytest
from django.db import connection

from tests.factories import (
    make_agenda,
    make_closure_calendar,
    make_desk,
    make_meeting_type,
    make_schedule,
    weekly,
)
from tests.test_availability_resources import make_resource
from wagtail_agenda import availability
from wagtail_agenda.models import Hold, Occupation
from wagtail_agenda.timegrid import epoch_minutes

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        "connection.vendor != 'postgresql'",
        reason="Only PostgreSQL reckons with multiranges: TEST_DATABASE=postgresql",
    ),
]

EVERY_DAY = "0123456"
TIMES = [
    # Zone, and a day within the days that are looked at.
    ("Europe/Paris", date(2027, 3, 28)),
    ("Europe/Paris", date(2026, 10, 25)),
    ("America/New_York", date(2027, 3, 14)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2027, 4, 4)),
    ("Asia/Kathmandu", date(2028, 2, 29)),
    ("Europe/Paris", date(2028, 2, 29)),
    ("Europe/London", date(2026, 12, 31)),
    ("Pacific/Auckland", date(2026, 12, 31)),
]
DAYS = 5

# An instant is open if the clock on the wall reads an opening time on a day that is not closed.
ORACLE = """
WITH moments AS (
    SELECT moment, (moment AT TIME ZONE %(zone)s) AS wall
    FROM generate_series(
        %(first)s::timestamptz - interval '2 days',
        %(first)s::timestamptz + interval '9 days',
        interval '5 minutes'
    ) AS moment
),
hours AS (
    SELECT * FROM unnest(%(opens)s::time[], %(closes)s::time[]) AS hours (opens, closes)
),
open_moments AS (
    SELECT DISTINCT moment, wall::date AS day
    FROM moments JOIN hours ON wall::time >= opens
        AND (wall::time < closes OR closes = '00:00')
    WHERE NOT wall::date = ANY (%(closed)s::date[])
),
by_day AS (
    SELECT day, range_agg(tstzrange(moment, moment + interval '5 minutes')) AS opened
    FROM open_moments GROUP BY day
),
whole AS (SELECT range_agg(tstzrange(moment, moment + interval '5 minutes')) AS opened
    FROM open_moments
),
busy AS (
    SELECT coalesce(
        range_agg(tstzrange(to_timestamp(busy_from * 60.0), to_timestamp(busy_to * 60.0))),
        '{}'::tstzmultirange
    ) AS taken
    FROM wagtail_agenda_occupation
    WHERE bookable_id = ANY (%(bookables)s)
        AND (lapses_at IS NULL OR lapses_at > %(now)s)
),
starts AS (
    SELECT generate_series(
        lower(opening),
        -- What begins when one day ends is the next day's.
        upper(opening) - interval '5 minutes',
        make_interval(mins => %(step)s)
    ) AS start
    FROM by_day, unnest(opened) AS opening
)
SELECT extract(epoch FROM start)::bigint / 60
FROM starts, whole, busy
WHERE tstzrange(start, start + make_interval(mins => %(minutes)s)) <@ whole.opened
    AND NOT tstzmultirange(tstzrange(
        start - make_interval(mins => %(before)s),
        start + make_interval(mins => %(minutes)s + %(after)s)
    )) && busy.taken
    AND start > %(now)s
    AND (start AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s
ORDER BY start
"""


def ask(**values):
    with connection.cursor() as cursor:
        cursor.execute(ORACLE, values)
        return [minute for (minute,) in cursor.fetchall()]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("zone", "around"), TIMES)
def test_as_postgresql_reckons(zone, around, seed):
    draw = random.Random(f"{zone} {around} {seed}")  # noqa: S311

    def clock(first=0, last=287):
        cell = draw.randint(first, last)
        return time(cell // 12, cell % 12 * 5)

    hours = []
    for _period in range(draw.randint(1, 3)):
        opens, closes = sorted([clock(0, 140), clock(12, 287)])
        if opens < closes:
            hours.append((opens, time(0) if draw.random() < 0.3 else closes))
    hours = hours or [(time(0), time(0))]
    first = around - timedelta(days=2)
    closed = [first + timedelta(days=draw.randrange(DAYS))] if draw.random() < 0.4 else []
    closures = [
        {"type": "dates", "value": {"first": str(day), "last": None, "label": ""}} for day in closed
    ]
    agenda = make_agenda(
        timezone=zone,
        schedule=make_schedule(*(weekly(opens, closes, EVERY_DAY) for opens, closes in hours)),
        closure_calendars=[make_closure_calendar(*closures)],
    )
    minutes = draw.choice([5, 20, 30, 55, 90])
    before, after = draw.choice([0, 5, 30]), draw.choice([0, 10, 45])
    meeting_type = make_meeting_type(
        agenda,
        duration=minutes,
        step=draw.choice([5, 15, 25, 60]),
        buffer_before=before,
        buffer_after=after,
    )
    desks = [make_desk(agenda) for _desk in range(2)]
    room = make_resource(meeting_type, timezone=zone)
    now = datetime.combine(first, time(draw.randrange(24)), tzinfo=timezone.utc)
    begin = epoch_minutes(datetime.combine(first, time(0), tzinfo=timezone.utc))
    for number in range(draw.randint(0, 25)):
        taken_from = begin + draw.randrange(-600, DAYS * 1440)
        Occupation.objects.create(
            bookable_id=draw.choice([*desks, room]).bookable_id,
            busy_from=taken_from,
            busy_to=taken_from + draw.randint(1, 240),
            hold=Hold.objects.create(agenda=agenda, lock_code=str(number)),
            lapses_at=draw.choice([None, now, now + timedelta(seconds=1)]),
        )
    found = availability.slots(
        agenda, first=first, last=first + timedelta(days=DAYS - 1), now=now, bypass_delays=True
    )
    for desk in desks:
        listed = [epoch_minutes(slot.start) for slot in found if desk.pk in slot.desk_ids]
        assert listed == ask(
            zone=zone,
            first=datetime.combine(first, time(0), tzinfo=timezone.utc),
            first_day=first,
            last_day=first + timedelta(days=DAYS - 1),
            opens=[opens for opens, _closes in hours],
            closes=[closes for _opens, closes in hours],
            closed=closed,
            bookables=[desk.bookable_id, room.bookable_id],
            now=now,
            minutes=minutes,
            before=before,
            after=after,
            step=meeting_type.step,
        )
