"""The race for the last place, run on the database of a site, to be seen and not believed.

It happens in an agenda of its own, in the year 2001: no visitor can book that early, and nobody who
books in it has an address. What books are the same functions that visitors and agents go through.
Beside them goes a control, which counts and writes without the lock, to show that the race is one.
"""

import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from django.db import Error, connection, connections, transaction
from django.dispatch import Signal

from wagtail_agenda import booking, seeding, signals
from wagtail_agenda.availability import Slot
from wagtail_agenda.booking import Details
from wagtail_agenda.choices import Actor, Admission, AgendaKind
from wagtail_agenda.errors import BookingError, Overloaded
from wagtail_agenda.models import (
    Agenda,
    Bookable,
    Booking,
    Desk,
    Event,
    Hold,
    MeetingType,
    Occupation,
    Workflow,
)

MARK = "agenda-prove-"
"""How the slugs of agendas begin that are made here."""

NOW = datetime(2001, 1, 1, 8, tzinfo=timezone.utc)
FIRST_START = NOW + timedelta(days=1)
CLOSES = NOW + timedelta(days=400)

LEFT_AFTER = 24 * 60 * 60
"""Seconds after which no race is still running that made an agenda."""

LONGEST = 120
"""Seconds that one race may take before it counts as stuck."""

TRIES = 50
"""How often somebody tries again who is told that many people are booking just now."""


class CannotProve(Exception):
    """The race cannot be run here; the text says why, and what to do instead."""


@dataclass
class Result:
    """What came of one race: the places there were, and who got one.

    `got` counts bookings of the main list and `waited` those of the waiting list; `errors` is
    whatever was neither a booking nor a polite refusal.
    """

    name: str
    places: int
    waiting_places: int
    visitors: int
    got: int = 0
    waited: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    @property
    def oversold(self) -> bool:
        return self.got > self.places or self.waited > self.waiting_places

    @property
    def as_expected(self) -> bool:
        """Whether every place went to somebody, and to nobody else."""
        expected = min(self.visitors, self.places)
        waiting = min(self.visitors - expected, self.waiting_places)
        return (self.got, self.waited) == (expected, waiting) and not self.errors

    def __str__(self) -> str:
        waits = self.waiting_places
        waited = f" and {self.waited} of {waits} wait" if waits else ""
        refused = ", ".join(f"{count} × “{code}”" for code, count in self.refused.most_common())
        parts = [f"{self.name}: {self.visitors} visitors, {self.got} of {self.places} got a place"]
        parts.append(waited)
        parts.append(f"; refused: {refused}" if refused else "")
        parts.append(f"; ERRORS: {'; '.join(self.errors[:3])}" if self.errors else "")
        return "".join(parts) + "."


def races(visitors: int, rounds: int) -> Iterator[Result]:
    """Run the races, and give each result as it is known. All that was made is removed at the end.

    Raises `CannotProve`.
    """
    if visitors < 2:
        raise CannotProve("A race needs two visitors at least.")
    require_a_real_database()
    remove_leftovers()
    with _town() as town, _unheard(signals.booking_advanced):
        for number in range(rounds):
            yield _race("One appointment", town, town.appointment(number), visitors)
            yield _race("The last place of an event", town, town.event(number, 1, 0), visitors)
            places, waiting = max(1, visitors // 5), max(1, visitors // 10)
            yield _race(
                "A course with a waiting list",
                town,
                town.event(number, places, waiting),
                visitors,
            )


def control(visitors: int) -> Result | None:
    """The race for one place without the lock; None on SQLite, which lets in one writer at a time.

    Raises `CannotProve`.
    """
    require_a_real_database()
    if connection.vendor == "sqlite":
        return None
    with _town() as town:
        slot = town.event(0, 1, 0)
        together = threading.Barrier(visitors)

        def count_and_write(number: int) -> bool:
            with transaction.atomic():
                rows = Occupation.objects.filter(bookable_id=slot.event.bookable_id)
                taken = rows.count()
                # Everybody has counted before anybody writes.
                together.wait(timeout=LONGEST)
                if taken:
                    return False
                held = Hold.objects.create(agenda=town.agenda, lock_code=f"{MARK}{number}")
                Occupation.objects.create(
                    bookable_id=slot.event.bookable_id, busy_from=0, busy_to=1, hold=held
                )
                return True

        outcomes = _at_once(count_and_write, visitors)
        return Result(
            "The control, without the lock",
            places=1,
            waiting_places=0,
            visitors=visitors,
            got=sum(outcome is True for outcome in outcomes),
            errors=[_in_a_line(one) for one in outcomes if isinstance(one, Exception)],
        )


def require_a_real_database() -> None:
    """Raise `CannotProve` where every connection would have a database of its own."""
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        raise CannotProve(
            "This database is in memory, where only one connection sees it, so nobody can race. "
            "Run the command where DATABASES names a file or a server."
        )


def remove_leftovers() -> None:
    """Remove what a race left behind that was killed, and not what another one is in."""
    for model in (Agenda, Workflow):
        for slug in model.objects.filter(slug__startswith=MARK).values_list("slug", flat=True):
            made_at = re.match(r"\d+", slug.removeprefix(MARK))
            if made_at is None or int(made_at[0]) < time.time() - LEFT_AFTER:
                _remove(slug)


# The throw-away agenda


@dataclass
class _Town:
    agenda: Agenda
    desk: Desk
    kind: MeetingType

    def appointment(self, number: int) -> Slot:
        start = FIRST_START + number * timedelta(hours=1)
        return Slot.of(
            agenda=self.agenda,
            meeting_type=self.kind,
            start=start,
            end=start + timedelta(minutes=30),
            desk_ids=(self.desk.pk,),
            desks={self.desk.pk: self.desk},
        )

    def event(self, number: int, places: int, waiting_places: int) -> Slot:
        start = FIRST_START + number * timedelta(hours=1)
        event = Event.objects.create(
            agenda=self.agenda,
            label="Race",
            start=start,
            end=start + timedelta(hours=1),
            bookable=Bookable.objects.create(places=places, waiting_places=waiting_places),
        )
        return Slot.of(agenda=self.agenda, event=event, start=start, end=event.end)


@contextmanager
def _town() -> Iterator[_Town]:
    slug = f"{MARK}{int(time.time())}-{uuid.uuid4().hex[:8]}"
    try:
        # A workflow of its own that does nothing, so that no project's action runs.
        workflow = Workflow.objects.create(label=slug, slug=slug)
        agenda = Agenda.objects.create(
            kind=AgendaKind.MEETINGS,
            label="agenda_prove",
            slug=slug,
            description=f"{seeding.MARK}: made by agenda_prove, which removes it.",
            timezone="UTC",
            expire_at=CLOSES,
            workflow=workflow,
        )
        yield _Town(
            agenda,
            Desk.objects.create(agenda=agenda, label="Desk"),
            MeetingType.objects.create(agenda=agenda, label="Race", duration=30),
        )
    finally:
        _remove(slug)


def _remove(slug: str) -> None:
    if Agenda.objects.filter(slug=slug).exists():
        seeding.remove(slug, with_real_bookings=True)
    Workflow.objects.filter(slug=slug).delete()


@contextmanager
def _unheard(signal: Signal) -> Iterator[None]:
    """Let no receiver of this process hear of bookings that are none."""
    receivers, signal.receivers = signal.receivers, []
    signal.sender_receivers_cache.clear()
    try:
        yield
    finally:
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


# The race


def _race(name: str, town: _Town, slot: Slot, visitors: int) -> Result:
    def come(number: int) -> Booking:
        details = Details(user_name=f"Visitor {number}")
        if number % 2:
            return booking.book(slot, details, now=NOW, actor=Actor.VISITOR)
        held = booking.hold(slot, lock_code=f"{slot.start.isoformat()} {number}", now=NOW)
        return booking.confirm(held, details, now=NOW)

    outcomes = _at_once(_patiently(come), visitors)
    bookable = slot.event.bookable if slot.event is not None else town.desk.bookable
    result = Result(
        name,
        places=bookable.places,
        waiting_places=bookable.waiting_places,
        visitors=visitors,
        refused=Counter(one.code for one in outcomes if isinstance(one, BookingError)),
        errors=[
            _in_a_line(one)
            for one in outcomes
            if isinstance(one, Exception) and not isinstance(one, BookingError)
        ],
    )
    # As it is stored, not as the visitors were told.
    made = Booking.objects.filter(agenda=town.agenda, start=slot.start, event=slot.event)
    for admission in made.values_list("admission", flat=True):
        result.got += admission == Admission.CONFIRMED
        result.waited += admission == Admission.WAITING
    taken = Occupation.objects.filter(
        bookable=bookable, booking__start=slot.start, waiting=False
    ).count()
    if taken != result.got:
        result.errors.append(f"{result.got} bookings have {taken} places")
    return result


def _patiently(come: Callable[[int], Booking]) -> Callable[[int], Booking]:
    def try_again(number: int) -> Booking:
        for attempt in range(TRIES):
            try:
                return come(number)
            except Overloaded as error:
                busy = error
                time.sleep(0.02 * (attempt + 1))
        raise busy

    return try_again


def _at_once(act: Callable[[int], object], visitors: int) -> Sequence[object]:
    """What each visitor got or met with; all of them begin at the same moment."""
    outcomes: list[object] = [None] * visitors
    together = threading.Barrier(visitors)

    def come(number: int) -> None:
        try:
            connection.ensure_connection()
            together.wait(timeout=LONGEST)
            outcomes[number] = act(number)
        except Error as error:
            together.abort()
            outcomes[number] = error
        except Exception as error:  # noqa: BLE001  whatever it is, it is what is told
            outcomes[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=come, args=[n], daemon=True) for n in range(visitors)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONGEST)
    except BaseException:
        # They end by themselves; what they still write is removed with the rest.
        together.abort()
        for thread in threads:
            if thread.ident is not None:
                thread.join(LONGEST)
        raise
    unable = [one for one in outcomes if isinstance(one, threading.BrokenBarrierError)]
    if unable:
        reason = next((_in_a_line(one) for one in outcomes if isinstance(one, Error)), "")
        raise CannotProve(
            f"Not everybody could come at once ({reason or 'the machine is too busy'}). "
            "Ask for fewer visitors: each has a connection of their own."
        )
    return outcomes


def _in_a_line(error: object) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
