"""A listing of 60 days beside the least it must read, and beside the way one would write it first.

The floor is the driver's own fetch of the integers of every occupation in the window: no listing
that is right can read less. The naive way asks through the ORM, for every start and every desk,
whether somebody is there; it is timed on a sample of them and multiplied.

These are listings by a process that remembers nothing. The warm ones are by a process that has
listed the same before, as most are; they are timed beside those that remember nothing. A listing
makes its slots when they are looked at; what that adds is told as well.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.harness import Figure, Target, at_least, at_most, compare, main, say
from wagtail_agenda import availability, seeding
from wagtail_agenda.availability import remembered
from wagtail_agenda.models import Agenda, Desk, MeetingType, Occupation
from wagtail_agenda.schedule import day_bounds
from wagtail_agenda.timegrid import epoch_minutes

FIRST = date(2026, 3, 2)
DAYS = 60
LAST = FIRST + timedelta(days=DAYS - 1)
NOW = datetime(2026, 3, 1, 7, tzinfo=timezone.utc)
"""A Sunday; on the 29th, clocks in Europe change."""

SAMPLE = 300
"""How many of its queries the naive way is timed on."""

MOST_QUERIES = 6


@dataclass(frozen=True)
class Size:
    name: str
    desks: int
    bookings: int
    target: Target
    warm_target: Target
    rounds: int = 15


def times_faster(least: float) -> Target:
    return at_least(least, of="times_faster")


SIZES = (
    Size("small", 3, 200, at_most(MOST_QUERIES, of="queries"), times_faster(1)),
    Size("town", 20, 10_000, at_most(3), times_faster(10)),
    Size("city", 200, 200_000, at_most(2), times_faster(40), rounds=7),
)


def measure() -> Iterator[Figure]:
    for size in SIZES:
        say(f"Filling the {size.name}: {size.desks} desks, {size.bookings} bookings …")
        agenda = seeding.fill(
            seeding.Plan(
                slug=size.name, first=FIRST, days=DAYS, desks=size.desks, bookings=size.bookings
            ),
            now=NOW,
        )
        refresh_statistics()
        # As a visitor would: one type, whose agenda and rows are read anew.
        meeting_type = MeetingType.objects.get(agenda=agenda, slug="passport")
        warm = listing_of(agenda, meeting_type)
        listing = without_memory(warm)
        with CaptureQueriesContext(connection) as captured:
            slots = len(listing())
        about = {
            "queries": len(captured),
            "slots": slots,
            "size": f"{size.desks} desks, {size.bookings} bookings",
        }
        turns = compare(listing, integers_of(agenda, meeting_type), rounds=size.rounds)
        yield Figure.of_durations(f"availability.{size.name}", turns, size.target, **about)
        yield Figure(
            f"availability.{size.name}.queries",
            len(captured),
            "queries",
            at_most(MOST_QUERIES, of="value"),
        )
        yield remembering(size, warm, listing)
        if size.name == "town":
            yield against_naive(agenda, meeting_type, listing)


def listing_of(agenda: Agenda, meeting_type: MeetingType) -> Callable[[], list]:
    return lambda: availability.slots(agenda, meeting_type, first=FIRST, last=LAST, now=NOW)


def without_memory(listing: Callable[[], list]) -> Callable[[], list]:
    """The same by a process that remembers nothing of what is taken."""

    def anew() -> list:
        remembered.forget()
        return listing()

    return anew


def remembering(size: Size, warm: Callable[[], list], listing: Callable[[], list]) -> Figure:
    """How many times quicker a listing is when nothing has changed since the last one."""
    listing()
    with CaptureQueriesContext(connection) as captured:
        warm()
    turns = compare(warm, listing, rounds=size.rounds)
    looked_at = compare(lambda: list(warm()), listing, rounds=size.rounds)
    return Figure.of_durations(
        f"availability.{size.name}.warm",
        turns,
        size.warm_target,
        times_faster=round(1 / turns.ratio, 1),
        times_faster_when_all_are_looked_at=round(1 / looked_at.ratio, 1),
        queries=len(captured),
    )


def integers_of(agenda: Agenda, meeting_type: MeetingType) -> Callable[[], list]:
    """The floor: one statement, the driver's own cursor, nothing but integers."""
    opens, closes = window_of(agenda)
    statement, parameters = (
        Occupation.objects.filter(
            availability.live_at(NOW),
            bookable_id__in=list(agenda.desks.values_list("bookable_id", flat=True)),
            busy_to__gt=opens - meeting_type.buffer_before,
            busy_from__lt=closes + meeting_type.duration + meeting_type.buffer_after,
        )
        .order_by()
        .values_list("bookable_id", "busy_from", "busy_to")
        .query.sql_with_params()
    )
    connection.ensure_connection()
    driver = connection.connection
    if connection.vendor == "sqlite":
        statement = statement.replace("%s", "?")
        # The driver writes moments as text, and warns when it is asked to do so itself.
        parameters = [str(value) if isinstance(value, datetime) else value for value in parameters]

    def fetch() -> list:
        cursor = driver.cursor()
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())

    return fetch


def window_of(agenda: Agenda) -> tuple[int, int]:
    return day_bounds(FIRST, agenda.zone)[0], day_bounds(LAST, agenda.zone)[1]


def against_naive(agenda: Agenda, meeting_type: MeetingType, listing: Callable) -> Figure:
    """How many times quicker the listing is than a query per start and desk."""
    everything = availability.slots(
        agenda, meeting_type, first=FIRST, last=LAST, now=NOW, with_full=True
    )
    desks = list(Desk.objects.filter(agenda=agenda))
    asked = len(everything) * len(desks)
    draw = random.Random(1)
    sample = [(draw.choice(everything), draw.choice(desks)) for _question in range(SAMPLE)]

    def ask() -> None:
        for slot, desk in sample:
            Occupation.objects.filter(
                availability.live_at(NOW),
                bookable_id=desk.bookable_id,
                busy_to__gt=epoch_minutes(slot.start) - meeting_type.buffer_before,
                busy_from__lt=epoch_minutes(slot.end) + meeting_type.buffer_after,
            ).exists()

    turns = compare(listing, ask)
    times = [asked / SAMPLE / ratio for ratio in sorted(turns.ratios)]
    return Figure.of_durations(
        "availability.town.naive",
        turns.with_floor_times(asked / SAMPLE),
        at_least(200, of="times_faster"),
        times_faster=round(times[len(times) // 2]),
        naive_queries=asked,
        extrapolated_from=SAMPLE,
    )


def refresh_statistics() -> None:
    """What the database would do by itself some time after so many rows were written."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")
        elif connection.vendor == "sqlite":
            cursor.execute("ANALYZE")


if __name__ == "__main__":
    main(measure, databases=("postgresql", "sqlite"))
