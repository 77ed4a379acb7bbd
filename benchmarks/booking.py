"""Booking beside the same statements sent by the driver alone: what the product costs on top.

The statements of one booking are noted while the product makes it, and repeated by the driver in
one transaction on one connection, with the rows of another desk and time each time. So the floor
writes the same rows under the same locks; what it lacks is everything that decides what to write.
"""

import multiprocessing
import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any

from django.db import connection, connections

from benchmarks.harness import Figure, at_least, at_most, in_turns, main, say
from wagtail_agenda import availability, booking, seeding
from wagtail_agenda.booking import Details
from wagtail_agenda.choices import Actor
from wagtail_agenda.models import (
    Agenda,
    Bookable,
    Booking,
    Desk,
    Entry,
    Hold,
    Invitation,
    MeetingType,
)
from wagtail_agenda.timegrid import instant_of

FIRST = date(2026, 3, 2)
NOW = datetime(2026, 3, 1, 7, tzinfo=timezone.utc)
CLIENTS = 8
ROUNDS = 3
BOOKINGS_A_TURN = 40
MOST_STATEMENTS = 14

DETAILS = Details(
    user_name="Ada Martin", user_email="ada@fairbridge.example", language="en", description=""
)


@dataclass(frozen=True)
class Sent:
    """One statement as the product sent it, and which of its parameters differ each time."""

    sql: str
    parameters: tuple[Any, ...]
    changing: tuple[tuple[int, str], ...]
    makes: str
    in_transaction: bool


def measure() -> Iterator[Figure]:
    number_apart()
    agenda = seeding.fill(seeding.Plan(slug="town", first=FIRST, desks=4, bookings=1_000), now=NOW)
    kind = MeetingType.objects.get(agenda=agenda, slug="passport")
    desks = list(Desk.objects.filter(agenda=agenda))
    for name, act in (("booking.direct", book_at_once), ("booking.form", hold_and_confirm)):
        statements = noted(act, slot_at(agenda, kind, desks[0], next_start()))
        inside = sum(sent.in_transaction for sent in statements)
        say(f"{name}: {len(statements)} statements, {inside} of them in transactions")
        if name == "booking.direct":
            yield Figure(
                f"{name}.statements", inside, "statements", at_most(MOST_STATEMENTS, of="value")
            )
        for clients in (1, CLIENTS):
            turns = in_turns(
                lambda act=act, clients=clients: rate_of(
                    clients, [product_client(act, agenda, kind, desks[1])] * clients
                ),
                lambda statements=statements, clients=clients: rate_of(
                    clients, [driver_client(statements, desks[2])] * clients
                ),
                rounds=ROUNDS,
            )
            yield Figure.of_rates(
                f"{name}.{clients}",
                turns,
                at_least(0.25),
                unit="bookings/s",
                clients=clients,
                statements=len(statements),
            )


# The product


def slot_at(agenda: Agenda, kind: MeetingType, desk: Desk, minute: int) -> availability.Slot:
    start = instant_of(minute).astimezone(agenda.zone)
    end = instant_of(minute + kind.duration).astimezone(agenda.zone)
    return availability.Slot.of(
        agenda=agenda,
        meeting_type=kind,
        start=start,
        end=end,
        desk_ids=(desk.pk,),
        desks={desk.pk: desk},
    )


def book_at_once(slot: availability.Slot) -> None:
    booking.book(slot, DETAILS, now=NOW, actor=Actor.VISITOR)


def hold_and_confirm(slot: availability.Slot) -> None:
    hold = booking.hold(slot, lock_code=uuid.uuid4().hex, now=NOW)
    booking.confirm(hold, DETAILS, now=NOW)


def product_client(
    act: Callable, agenda: Agenda, kind: MeetingType, desk: Desk
) -> Callable[[int], None]:
    return lambda minute: act(slot_at(agenda, kind, desk, minute))


# The floor


def noted(act: Callable, slot: availability.Slot) -> list[Sent]:
    """The statements of one act, with what must differ when they are sent again."""
    sent: list[tuple[str, tuple, bool]] = []

    def note(execute: Callable, sql: str, parameters: Any, many: bool, context: dict) -> Any:
        sent.append((sql, tuple(parameters or ()), connection.in_atomic_block))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        act(slot)
    made = slot.agenda.bookings.latest("pk")
    invitation, entry = made.invitations.get(), made.entries.get()
    desk = slot.desks[slot.desk_ids[0]]
    names = {
        made.uuid: "uuid",
        made.reference: "reference",
        made.token_digest: "digest",
        made.pk: "booking",
        invitation.uid: "uid",
        made.deliveries.get().key: "key",
        invitation.pk: "invitation",
        entry.pk: "entry",
        made.occupations.get().busy_from: "busy_from",
        made.occupations.get().busy_to: "busy_to",
        made.start: "start",
        made.end: "end",
        desk.bookable_id: "bookable",
        desk.pk: "desk",
    }
    hold = getattr(made, "hold", None)
    if hold is not None:
        names |= {hold.pk: "hold", hold.lock_code: "lock_code"}
    return [
        Sent(
            sql,
            parameters,
            tuple(
                (position, names[value])
                for position, value in enumerate(parameters)
                if isinstance(value, int | str | uuid.UUID | datetime) and value in names
            ),
            _makes(sql),
            inside,
        )
        for sql, parameters, inside in sent
    ]


def number_apart() -> None:
    """Give every table numbers of its own, so that a parameter tells by itself what it is."""
    models = (Booking, Entry, Invitation, Bookable, Desk, Hold)
    with connection.cursor() as cursor:
        for millions, model in enumerate(models, start=1):
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)",
                [model._meta.db_table, millions * 1_000_000],
            )


def _makes(sql: str) -> str:
    made = re.match(r'INSERT INTO "wagtail_agenda_(\w+)".*RETURNING', sql, re.DOTALL)
    return made[1] if made else ""


def driver_client(statements: list[Sent], desk: Desk) -> Callable[[int], None]:
    """Sends the statements with the driver alone, those of a transaction in one transaction."""

    def send(minute: int) -> None:
        import psycopg

        connection.ensure_connection()
        driver = connection.connection
        cursor = psycopg.Cursor(driver)
        name = uuid.uuid4()
        values: dict[str, Any] = {
            "uuid": name,
            "reference": name.hex[:9],
            "digest": name.hex + name.hex,
            "uid": f"{name}@fairbridge.example",
            "key": f"mail:{name}",
            "lock_code": name.hex,
            "bookable": desk.bookable_id,
            "desk": desk.pk,
            "busy_from": minute - 5,
            "busy_to": minute + 35,
            "start": instant_of(minute),
            "end": instant_of(minute + 30),
        }
        inside = False
        for sent in statements:
            if sent.in_transaction and not inside:
                cursor.execute("BEGIN")
            # The hold and the confirmation are two transactions, told apart by their first words.
            elif sent.sql.startswith("SET LOCAL") and inside:
                cursor.execute("COMMIT")
                cursor.execute("BEGIN")
            elif inside and not sent.in_transaction:
                cursor.execute("COMMIT")
            inside = sent.in_transaction
            parameters = list(sent.parameters)
            for position, what in sent.changing:
                parameters[position] = values.get(what, parameters[position])
            cursor.execute(sent.sql, parameters or None, prepare=True)
            if sent.makes:
                values[sent.makes] = cursor.fetchone()[0]
            elif cursor.description:
                cursor.fetchall()
        if inside:
            cursor.execute("COMMIT")

    return send


# Clients


_minutes = iter(range(30_000_000, 2_000_000_000, 45))


def next_start() -> int:
    """A time that nobody has: every booking of this benchmark begins later than the one before."""
    return next(_minutes)


def rate_of(clients: int, acts: list[Callable[[int], None]]) -> float:
    """Bookings per second of so many clients, each in a process of its own but for a single one."""
    each = BOOKINGS_A_TURN // (1 if clients == 1 else 2)
    starts = [[next_start() for _booking in range(each)] for _client in range(clients)]
    if clients == 1:
        begun = time.perf_counter()
        for minute in starts[0]:
            acts[0](minute)
        return each / (time.perf_counter() - begun)
    connections.close_all()
    context = multiprocessing.get_context("fork")
    together, answers = context.Barrier(clients), context.Queue()

    def run(act: Callable[[int], None], minutes: list[int]) -> None:
        connection.ensure_connection()
        # A first one opens what a client opens once.
        act(minutes[0])
        together.wait(60)
        begun = time.perf_counter()
        for minute in minutes[1:]:
            act(minute)
        answers.put((begun, time.perf_counter()))
        connections.close_all()

    processes = [context.Process(target=run, args=work) for work in zip(acts, starts, strict=True)]
    for process in processes:
        process.start()
    times = [answers.get(timeout=300) for _process in processes]
    for process in processes:
        process.join()
    # The clock is the machine's, the same for all of its processes.
    passed = max(end for _begin, end in times) - min(begin for begin, _end in times)
    return clients * (each - 1) / passed


if __name__ == "__main__":
    main(measure, databases=("postgresql",))
