"""A crowd wants one thing at the same moment: one of them has it, the others are told.

Runs on the database of the environment. The control at the end takes the lock away, to show that
these tests would notice.
"""

import threading
from datetime import time, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Sum

from tests.concurrency.conftest import PROVING, WAVE
from tests.factories import (
    NOW,
    make_agenda,
    make_booking,
    make_desk,
    make_details,
    make_event,
    make_meeting_type,
    make_schedule,
    weekly,
)
from wagtail_agenda import availability, booking
from wagtail_agenda.choices import Actor, AgendaKind
from wagtail_agenda.errors import AlreadyCancelled, HoldUsed, Overloaded, SoldOut
from wagtail_agenda.models import Bookable, Booking, Delivery, Entry, Hold, Occupation

pytestmark = pytest.mark.django_db(transaction=True)

VISITORS = 200 if PROVING else 2 * WAVE
LATER = NOW + timedelta(minutes=11)
"""When a hold made at `NOW` has lapsed."""


def book_at_once(slot, code, now=NOW):
    return booking.book(slot, make_details(), now=now, actor=Actor.VISITOR)


def hold_and_confirm(slot, code, now=NOW):
    hold = booking.hold(slot, lock_code=code, now=now)
    return booking.confirm(hold, make_details(), now=now)


def come(visitor):
    """Every other visitor holds first and then confirms, the others book at once."""
    slot, code, way = visitor
    return way(slot, code)


def one_time():
    """One desk, and two slots at overlapping times: half an hour from 9:00 and one from 9:15."""
    agenda = make_agenda(schedule=make_schedule(weekly(time(9), time(10))))
    make_desk(agenda)
    make_meeting_type(agenda, duration=30)
    make_meeting_type(agenda, label="Shifted", duration=30, step=15)
    return [
        availability.find(agenda, f"{key}:2026-11-30-{clock}", now=NOW)
        for key, clock in (("passport", "0900"), ("shifted", "0915"))
    ]


def one_place(places=1):
    """The slot of an event, twice: there is nothing else to ask for."""
    event = make_event(places=places)
    return [availability.find(event.agenda, event.slug, now=NOW)] * 2


THINGS = pytest.mark.parametrize("thing", [one_time, one_place])


def visitors(slots, number=VISITORS):
    """Each slot is wanted in each way by a quarter of them: (slot, lock code, way)."""
    ways = (book_at_once, hold_and_confirm)
    return [(slots[n % 2], f"visitor-{n}", ways[n // 2 % 2]) for n in range(number)]


def assert_books_agree(bookings):
    """Nothing half done: every booking has its occupation, counters, history and mails."""
    assert Booking.objects.count() == bookings
    booked = Occupation.objects.filter(booking__isnull=False)
    assert booked.count() == bookings
    assert Entry.objects.count() == Delivery.objects.count() == bookings
    for bookable in Bookable.objects.all():
        total = booked.filter(bookable=bookable).aggregate(sum=Sum("places"))["sum"] or 0
        assert bookable.places_booked == total


@THINGS
def test_one_of_a_crowd_wins(rush, thing):
    slots = thing()
    result = rush(come, visitors(slots))
    assert len(result.won) == 1
    assert result.refused_for(SoldOut, Overloaded)
    assert_books_agree(1)


@THINGS
def test_nobody_wins_against_a_live_hold(rush, thing):
    slots = thing()
    mine = booking.hold(slots[0], lock_code="mine", now=NOW)
    result = rush(come, visitors(slots))
    assert result.won == []
    assert result.refused_for(SoldOut, Overloaded)
    booking.confirm(mine, make_details(), now=NOW)
    assert_books_agree(1)


@THINGS
def test_one_wins_against_lapsed_holds(rush, thing):
    slots = thing()
    for number in range(5):
        moment = NOW - timedelta(hours=5 - number)
        booking.hold(slots[number % 2], lock_code=f"gone-{number}", now=moment)
    result = rush(come, visitors(slots))
    assert len(result.won) == 1
    assert result.refused_for(SoldOut, Overloaded)
    assert_books_agree(1)


def test_one_wins_when_everybody_comes_back_to_a_lapsed_hold(rush):
    slots = one_time()
    holds = [
        booking.hold(
            slots[number % 2], lock_code=f"{number}", now=NOW - timedelta(hours=40 - number)
        )
        for number in range(WAVE)
    ]
    result = rush(lambda hold: booking.confirm(hold, make_details(), now=NOW), holds)
    assert len(result.won) == 1
    assert result.refused_for(SoldOut, Overloaded)
    assert_books_agree(1)


def test_twenty_places_go_to_twenty(rush):
    slots = one_place(places=20)
    result = rush(come, visitors(slots))
    # Who holds a place that is refused to others, books it: so all twenty go.
    assert len(result.won) == 20
    assert result.refused_for(SoldOut, Overloaded)
    assert_books_agree(20)


def test_three_desks_take_three(rush):
    slots = one_time()
    agenda = slots[0].agenda
    for _number in range(2):
        make_desk(agenda)
    slot = availability.find(agenda, slots[0].key, now=NOW)
    result = rush(come, visitors([slot, slot]))
    assert len(result.won) == 3
    assert result.refused_for(SoldOut, Overloaded)
    assert Booking.objects.values("desk").distinct().count() == 3
    assert_books_agree(3)


@pytest.mark.parametrize("now", [NOW, LATER], ids=["held", "lapsed"])
def test_one_form_sent_many_times_books_once(rush, now):
    hold = booking.hold(one_time()[0], lock_code="a", now=NOW)
    result = rush(lambda _number: booking.confirm(hold, make_details(), now=now), range(2 * WAVE))
    assert len({made.pk for made in result.won}) == 1
    assert result.refused_for(Overloaded)
    assert_books_agree(1)


def test_one_booking_cancelled_many_times_gives_its_place_back_once(rush):
    slot = one_place(places=5)[0]
    kept, made = make_booking(slot=slot), make_booking(slot=slot)
    result = rush(
        lambda _number: booking.cancel(made, actor=Actor.VISITOR, now=NOW), range(2 * WAVE)
    )
    assert len(result.won) == 1
    assert result.refused_for(AlreadyCancelled, Overloaded)
    assert Bookable.objects.get(event=slot.event).places_booked == 1
    assert Occupation.objects.get().booking == kept


def test_one_visitor_in_many_windows_holds_one_thing(rush):
    agenda = make_agenda(kind=AgendaKind.EVENTS)
    events = [make_event(agenda, places=100) for _number in range(3)]
    slots = [availability.find(agenda, event.slug, now=NOW) for event in events]
    result = rush(
        lambda number: booking.hold(slots[number % 3], lock_code="a", now=NOW), range(2 * WAVE)
    )
    assert result.won
    assert result.refused_for(Overloaded)
    held = Hold.objects.get()
    assert Occupation.objects.get().bookable_id == held.event.bookable_id


def test_holds_that_move_to_and_fro_do_not_block_one_another(rush):
    agenda = make_agenda(kind=AgendaKind.EVENTS)
    events = [make_event(agenda, places=WAVE) for _number in range(2)]
    slots = [availability.find(agenda, event.slug, now=NOW) for event in events]
    for number in range(WAVE):
        booking.hold(slots[number % 2], lock_code=f"{number}", now=NOW)

    def to_and_fro(visit):
        number, turn = visit
        return booking.hold(slots[(number + turn) % 2], lock_code=f"{number}", now=NOW)

    moves = [(number, turn) for turn in (1, 2, 3) for number in range(WAVE)]
    result = rush(to_and_fro, moves)
    assert result.refused == {}
    assert Occupation.objects.count() == Hold.objects.count() == WAVE
    for hold in Hold.objects.select_related("event"):
        assert hold.occupations.get().bookable_id == hold.event.bookable_id


def test_bookings_and_cancellations_at_random_never_drift(rush):
    slots = one_time()

    def book_and_cancel(visitor):
        made = come(visitor)
        booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        return made

    result = rush(book_and_cancel, visitors(slots, 2 * WAVE))
    assert result.won
    assert result.refused_for(SoldOut, Overloaded)
    assert not Occupation.objects.exists()
    assert not Bookable.objects.filter(places_booked__gt=0).exists()


@THINGS
def test_one_wins_inside_transactions_of_the_host_that_have_read_before(rush, thing):
    """With `ATOMIC_REQUESTS`, and on MariaDB at its own default, REPEATABLE READ.

    There every plain read answers with what was true when the transaction began.
    """
    slots = thing()
    read = threading.Barrier(WAVE)

    def visit(visitor):
        if connection.vendor == "mysql":
            with connection.cursor() as cursor:
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with transaction.atomic():
            if connection.vendor == "sqlite":
                # One transaction at a time: nobody could wait for the others inside.
                return come(visitor)
            assert not Booking.objects.exists()
            assert not Bookable.objects.filter(places_booked__gt=0).exists()
            read.wait(timeout=60)
            return come(visitor)

    result = rush(visit, visitors(slots, WAVE))
    assert len(result.won) == 1
    assert result.refused_for(SoldOut, Overloaded)
    assert_books_agree(1)


@THINGS
def test_without_the_lock_it_would_oversell(rush, thing, monkeypatch):
    """The control: with a lock that only reads, and everybody reading before anybody writes.

    SQLite lets in one writer at a time, so there nobody can wait for the others, and nothing is
    oversold.
    """
    serialised = connection.vendor == "sqlite"
    visit = threading.local()
    together = threading.Barrier(WAVE)

    def only_read(bookable_ids):
        found = {row.pk: row for row in Bookable.objects.filter(pk__in=bookable_ids)}
        if not serialised and not getattr(visit, "has_read", False):
            visit.has_read = True
            together.wait(timeout=60)
        return found

    monkeypatch.setattr(booking.making, "lock", only_read)
    winners = []
    while len(winners) < (1 if serialised else 10) and max(winners, default=0) < 2:
        takers = [(slot, code, book_at_once) for slot, code, _way in visitors(thing(), WAVE)]
        winners.append(len(rush(come, takers).won))
    if serialised:
        assert winners == [1]
    else:
        assert max(winners) > 1


def test_a_code_whose_hold_is_being_booked_holds_nothing_else(rush):
    slots = one_place(places=5)
    hold = booking.hold(slots[0], lock_code="a", now=NOW)

    def confirm_or_choose(number):
        if number % 2:
            return booking.confirm(hold, make_details(), now=NOW)
        return booking.hold(slots[0], lock_code="a", now=NOW)

    result = rush(confirm_or_choose, range(2 * WAVE))
    assert result.refused_for(HoldUsed, Overloaded)
    assert_books_agree(1)
    assert Occupation.objects.count() == 1
