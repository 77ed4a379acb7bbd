"""A week of events beside the query that any page about them must make.

The floor reads the events of the week with the counters of their places, and does nothing with
them. The product makes a slot of each, with its free places and those of its waiting list, less
what holds, offers and requests keep at the moment; it may not ask once per event.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.availability import refresh_statistics
from benchmarks.harness import Figure, at_most, compare, main, say
from wagtail_agenda import availability, seeding
from wagtail_agenda.models import Agenda
from wagtail_agenda.schedule import day_bounds
from wagtail_agenda.timegrid import instant_of

FIRST = date(2026, 3, 2)
LAST = FIRST + timedelta(days=6)
NOW = datetime(2026, 3, 1, 7, tzinfo=timezone.utc)
EVENTS, PLACES, BOOKINGS = 252, 20, 4_000
WEEKS = 4
"""The other weeks have as many events each, which none of this should read."""

MOST_QUERIES = 6


def measure() -> Iterator[Figure]:
    say(f"Filling {WEEKS} weeks with {EVENTS} events each and {BOOKINGS * WEEKS} bookings …")
    for week in range(WEEKS):
        first = FIRST + timedelta(weeks=week)
        agenda = seeding.fill(
            seeding.Plan(
                slug=f"week-{week}",
                first=first,
                days=7,
                events=EVENTS,
                places=PLACES,
                bookings=BOOKINGS,
            ),
            now=NOW,
        )
        if week == 0:
            shown = agenda
    refresh_statistics()
    listing = listing_of(shown)
    with CaptureQueriesContext(connection) as captured:
        slots = len(listing())
    turns = compare(listing, counters_of(shown))
    yield Figure.of_durations(
        "week", turns, at_most(3), events=slots, queries=len(captured), bookings=BOOKINGS
    )
    yield Figure("week.queries", len(captured), "queries", at_most(MOST_QUERIES, of="value"))


def listing_of(agenda: Agenda) -> Callable[[], list]:
    return lambda: availability.slots(agenda, first=FIRST, last=LAST, now=NOW, with_full=True)


def counters_of(agenda: Agenda) -> Callable[[], list]:
    """The floor: one query, each event with its counters."""
    begin = instant_of(day_bounds(FIRST, agenda.zone)[0])
    end = instant_of(day_bounds(LAST, agenda.zone)[1])
    return lambda: list(
        agenda.events.filter(start__gte=begin, start__lt=end).select_related("bookable")
    )


if __name__ == "__main__":
    main(measure, databases=("postgresql", "sqlite"))
