"""Two hundred visitors want one appointment at the same moment: one has it, the others are told.

Half of them book at once, half hold first and then confirm. The floor of their waiting is the lock
alone: as many transactions on the same row, sent through the same number of connections.
"""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timezone

from django.db import connection, connections, transaction
from django.db.models import F

from benchmarks.booking import book_at_once, hold_and_confirm, slot_at
from benchmarks.harness import Figure, Turns, exactly, main
from wagtail_agenda import seeding
from wagtail_agenda.errors import Overloaded, SoldOut
from wagtail_agenda.models import Bookable, Desk, MeetingType
from wagtail_agenda.timegrid import epoch_minutes

NOW = datetime(2026, 3, 1, 7, tzinfo=timezone.utc)
FIRST_START = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)
VISITORS = 200
CONNECTIONS = 40
"""As many come at the very same moment: PostgreSQL grants 100 connections, and not all to us."""
ROUNDS = 5
WAYS = (book_at_once, hold_and_confirm)


def measure() -> Iterator[Figure]:
    agenda = seeding.fill(
        seeding.Plan(slug="race", first=date(2026, 3, 2), desks=1, bookings=0), now=NOW
    )
    kind, desk = MeetingType.objects.get(slug="passport"), Desk.objects.get()
    winners, errors, waits, floors = [], [], [], []
    for number in range(ROUNDS):
        slot = slot_at(agenda, kind, desk, epoch_minutes(FIRST_START) + number * 60)
        outcomes = rush(lambda visitor, slot=slot: WAYS[visitor % 2](slot))
        winners.append(sum(error is None for _seconds, error in outcomes))
        errors += [
            repr(error)
            for _seconds, error in outcomes
            if error is not None and not isinstance(error, (SoldOut, Overloaded))
        ]
        waits.append(p99(outcomes))
        floors.append(p99(rush(lambda _visitor: lock_alone(desk.bookable_id))))
    rounds = {"rounds": ROUNDS, "visitors": VISITORS}
    won_by_one = sum(won == 1 for won in winners)
    yield Figure("race.winners", won_by_one, "rounds", exactly(ROUNDS), extra={"winners": winners})
    yield Figure("race.errors", len(errors), "errors", exactly(0), extra={"seen": errors[:3]})
    yield Figure.of_durations(
        "race.p99",
        Turns(tuple(waits), tuple(floors)),
        exactly(0, of="errors"),
        errors=len(errors),
        **rounds,
    )


def lock_alone(bookable_id: int) -> None:
    with transaction.atomic():
        Bookable.objects.filter(pk=bookable_id).update(version=F("version") + 1)
        Bookable.objects.select_for_update().get(pk=bookable_id)


def rush(visit: Callable[[int], None]) -> list[tuple[float, Exception | None]]:
    """What each visitor waited, in seconds, and what they were told; None for a booking."""
    together = threading.Barrier(CONNECTIONS)
    outcomes: list[tuple[float, Exception | None]] = []

    def come(first: int) -> None:
        connection.ensure_connection()
        together.wait(timeout=120)
        for visitor in range(first, VISITORS, CONNECTIONS):
            begun, told = time.perf_counter(), None
            try:
                visit(visitor // CONNECTIONS + visitor)
            except Exception as error:  # noqa: BLE001  whatever it is, it is what is counted
                told = error
            outcomes.append((time.perf_counter() - begun, told))
        connections.close_all()

    threads = [threading.Thread(target=come, args=[number]) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def p99(outcomes: list[tuple[float, Exception | None]]) -> float:
    return statistics.quantiles([seconds for seconds, _told in outcomes], n=100)[98]


if __name__ == "__main__":
    main(measure)
