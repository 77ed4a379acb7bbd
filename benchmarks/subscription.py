"""Fifty events booked in one call, beside the bulk statements that write the same rows.

A season ticket, a child's year of swimming lessons: `book_together` makes all of it or nothing. The
statements that write are noted while the product sends them, and repeated by the driver in one
transaction, with the keys of other bookings each time. So the floor writes the same rows; what it
lacks is everything that decides what to write, the reading and the counting included.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any

from django.db import connection

from benchmarks.booking import number_apart
from benchmarks.harness import Figure, at_most, compare, main, say
from wagtail_agenda import booking, seeding
from wagtail_agenda.availability import Slot
from wagtail_agenda.booking import Details
from wagtail_agenda.choices import Actor
from wagtail_agenda.models import Booking, Event

NOW = datetime(2026, 3, 1, 7, tzinfo=timezone.utc)
EVENTS = 50
PLACES = 100_000
WRITING = ("INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Sent:
    """One writing statement as the product sent it, with what it answered."""

    sql: str
    parameters: tuple[Any, ...]
    made: tuple[int, ...]


def measure() -> Iterator[Figure]:
    number_apart()
    agenda = seeding.fill(
        seeding.Plan(
            slug="season", first=date(2026, 3, 2), events=EVENTS, places=PLACES, bookings=0
        ),
        now=NOW,
    )
    slots = [
        Slot.of(agenda=agenda, event=event, start=event.start, end=event.end)
        for event in Event.objects.filter(agenda=agenda).select_related("bookable")
    ]
    people = iter(range(1, 10_000_000))

    def subscribe() -> list[Booking]:
        details = Details(
            user_name="Ada Martin", user_email=f"ada-{next(people)}@fairbridge.example"
        )
        together = booking.book_together(agenda, slots, details, now=NOW, actor=Actor.VISITOR)
        return together.booked

    sent, everything = noted(subscribe)
    say(f"subscription: {everything} statements, {len(sent)} of them write")
    turns = compare(subscribe, floor_of(sent))
    yield Figure.of_durations(
        "subscription.fifty_events",
        turns,
        at_most(3),
        events=EVENTS,
        statements=everything,
        floor_statements=len(sent),
    )


def noted(act: Callable[[], Any]) -> tuple[list[Sent], int]:
    """The statements of one act that write rows, and how many it sent in all."""
    sent: list[Sent] = []
    everything = 0

    def note(execute: Callable, sql: str, parameters: Any, many: bool, context: dict) -> Any:
        nonlocal everything
        everything += 1
        result = execute(sql, parameters, many, context)
        if sql.startswith(WRITING):
            cursor = context["cursor"]
            made: tuple[int, ...] = ()
            if "RETURNING" in sql:
                rows = cursor.fetchall()
                made = tuple(row[0] for row in rows)
                cursor.scroll(-len(rows))
            sent.append(Sent(sql, tuple(parameters or ()), made))
        return result

    with connection.execute_wrapper(note):
        act()
    return sent, everything


def floor_of(sent: list[Sent]) -> Callable[[], None]:
    """Sends the same statements with the driver alone, for bookings with keys of their own."""
    import psycopg

    connection.ensure_connection()
    cursor = psycopg.Cursor(connection.connection)
    # What no two rows may share, and what the database numbers.
    unique = _texts_to_change()

    def send() -> None:
        mark = uuid.uuid4().hex
        values: dict[Any, Any] = {
            old: new(mark, number) for number, (old, new) in enumerate(unique)
        }
        cursor.execute("BEGIN")
        for statement in sent:
            parameters = [_changed(value, values) for value in statement.parameters]
            cursor.execute(statement.sql, parameters or None, prepare=True)
            if statement.made:
                values |= dict(
                    zip(statement.made, (row[0] for row in cursor.fetchall()), strict=True)
                )
        cursor.execute("COMMIT")

    return send


def _texts_to_change() -> list[tuple[Any, Callable[[str, int], Any]]]:
    """What was unique in the bookings that have just been made, each with how to make another."""
    found: list[tuple[Any, Callable[[str, int], Any]]] = []
    together = Booking.objects.latest("pk").booked_together
    for made in Booking.objects.filter(booked_together=together):
        found.append((made.uuid, lambda mark, n: uuid.uuid5(uuid.UUID(mark), str(n))))
        found.append((made.reference, lambda mark, n: f"{mark[:8]}{n:x}"[:12]))
        found.append((made.token_digest, lambda mark, n: f"{mark}{n:032d}"))
        for invitation in made.invitations.all():
            found.append((invitation.uid, lambda mark, n: f"{mark}-{n}@fairbridge.example"))
        for delivery in made.deliveries.all():
            found.append((delivery.key, lambda mark, n: f"mail:{mark}-{n}"))
    return found


def _changed(value: Any, values: dict[Any, Any]) -> Any:
    if isinstance(value, list | tuple):
        return [_changed(one, values) for one in value]
    return values.get(value, value) if isinstance(value, int | str | uuid.UUID) else value


if __name__ == "__main__":
    main(measure, databases=("postgresql",))
