"""All or nothing, and politely when others are in the way."""

import re

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.booking.common import (
    Failing,
    contention,
    hold,
    hold_first,
    join,
    make_course,
    replace_lock,
    rows,
    slot_of,
    stored,
)
from tests.factories import (
    NOW,
    first_slot,
    make_agenda,
    make_appointments,
    make_booking,
    make_details,
    make_event,
)
from wagtail_agenda import attendance, booking, outbox, workflow
from wagtail_agenda.booking import admission
from wagtail_agenda.choices import (
    Actor,
    AgendaKind,
    Attendance,
)
from wagtail_agenda.contention import ATTEMPTS, Outpaced
from wagtail_agenda.errors import (
    AlreadyCancelled,
    Overloaded,
)
from wagtail_agenda.models import (
    Bookable,
    Booking,
    Hold,
)

pytestmark = pytest.mark.django_db


class TestAllOrNothing:
    """Whatever fails last undoes everything before it."""

    def attempts(self):
        agenda, *_ = make_appointments()
        held, made = hold_first(agenda), make_booking(agenda)
        slot = first_slot(agenda)
        return {
            "confirm": lambda: booking.confirm(held, make_details(), now=NOW),
            "book": lambda: booking.book(slot, make_details(), now=NOW),
            "cancel": lambda: booking.cancel(made, actor=Actor.AGENT, now=NOW),
        }

    @pytest.mark.parametrize("what", ["confirm", "book", "cancel"])
    @pytest.mark.parametrize("where", ["enqueue_mails", "_announce"])
    def test_a_later_statement_fails(self, monkeypatch, what, where):
        attempts = self.attempts()
        versions = list(Bookable.objects.order_by("pk").values())
        before = rows()
        bookings = list(Booking.objects.values())

        def fail(*_arguments, **_options):
            raise LookupError("the disk is full")

        monkeypatch.setattr(outbox if where == "enqueue_mails" else workflow.engine, where, fail)
        with pytest.raises(LookupError):
            attempts[what]()
        assert rows() == before
        assert list(Bookable.objects.order_by("pk").values()) == versions
        assert list(Booking.objects.values()) == bookings

    def test_inside_the_hosts_transaction(self):
        agenda, *_ = make_appointments()
        before = rows()
        with transaction.atomic():
            made = booking.confirm(hold_first(agenda), make_details(), now=NOW)
            booking.cancel(made, actor=Actor.VISITOR, now=NOW)
            with pytest.raises(AlreadyCancelled):
                booking.cancel(made, actor=Actor.VISITOR, now=NOW)
            # A refusal leaves the host's transaction usable; then the host changes its mind.
            make_booking(agenda)
            transaction.set_rollback(True)
        assert rows() == before


class TestContentionInAHostsTransaction:
    def test_is_for_the_host_to_retry(self, monkeypatch):
        slot = first_slot(make_appointments()[0])
        failing = Failing(admission.lock, contention(), 99)
        replace_lock(monkeypatch, failing)
        with pytest.raises(Overloaded) as refused:
            hold(slot)
        assert failing.calls == 1
        assert refused.value.retry_after == 5

    def test_being_outpaced_is_not(self, monkeypatch):
        slot = first_slot(make_appointments()[0])
        failing = Failing(admission.lock, Outpaced(), 2)
        replace_lock(monkeypatch, failing)
        assert hold(slot)
        replace_lock(monkeypatch, Failing(admission.lock, Outpaced(), 99))
        with pytest.raises(Overloaded):
            hold(slot)


@pytest.mark.django_db(transaction=True)
class TestContention:
    @pytest.fixture(autouse=True)
    def waits(self, monkeypatch):
        """Waits that take no time, and how long they would have been."""
        waited = []
        monkeypatch.setattr("wagtail_agenda.contention.time.sleep", waited.append)
        return waited

    @pytest.mark.parametrize("times", [1, ATTEMPTS - 1])
    def test_is_retried(self, monkeypatch, waits, times):
        agenda, *_ = make_appointments()
        held = hold_first(agenda)
        replace_lock(monkeypatch, Failing(admission.lock, contention(), times))
        made = booking.confirm(held, make_details(), now=NOW)
        assert Booking.objects.get() == made
        assert len(waits) == times
        assert all(0 < wait < 1 for wait in waits)

    @pytest.mark.parametrize("what", ["hold", "confirm", "book", "cancel", "change_places"])
    def test_ends_in_a_polite_refusal_that_changed_nothing(self, monkeypatch, what):
        event = make_event()
        slot = slot_of(event)
        held, made = hold(slot), make_booking(slot=slot)
        attempts = {
            "hold": lambda: hold(slot, "b"),
            "confirm": lambda: booking.confirm(held, make_details(), now=NOW),
            "book": lambda: booking.book(slot, make_details(), now=NOW),
            "cancel": lambda: booking.cancel(made, actor=Actor.AGENT, now=NOW),
            "change_places": lambda: booking.change_places(event, 50, now=NOW),
        }
        before = rows()
        failing = Failing(admission.lock, contention(), 99)
        replace_lock(monkeypatch, failing)
        with pytest.raises(Overloaded):
            attempts[what]()
        assert failing.calls == ATTEMPTS
        assert rows() == before
        assert event.places == stored(event).places == 10

    def test_after_half_the_work_leaves_one_booking(self, monkeypatch):
        agenda, *_ = make_appointments()
        slot = first_slot(agenda)
        monkeypatch.setattr(workflow, "advance_all", Failing(workflow.advance_all, contention(), 2))
        booking.book(slot, make_details(), now=NOW)
        counted = rows()
        assert [counted[name] for name in ("Booking", "Occupation", "Entry", "places_booked")] == [
            1,
            1,
            1,
            1,
        ]

    def test_any_other_trouble_with_the_database_is_told_at_once(self, monkeypatch):
        slot = first_slot(make_appointments()[0])
        failing = Failing(admission.lock, OperationalError(2006, "server has gone away"), 99)
        replace_lock(monkeypatch, failing)
        with pytest.raises(OperationalError):
            hold(slot)
        assert failing.calls == 1

    def test_the_same_row_made_by_two_is_retried_and_then_told(self, monkeypatch):
        slot = first_slot(make_appointments()[0])
        replace_lock(monkeypatch, Failing(admission.lock, IntegrityError(), 1))
        assert hold(slot)
        replace_lock(monkeypatch, Failing(admission.lock, IntegrityError(), 99))
        with pytest.raises(IntegrityError):
            hold(slot)

    def test_a_hold_that_moves_while_its_lock_is_waited_for(self, monkeypatch):
        agenda = make_agenda(kind=AgendaKind.EVENTS)
        here, there, elsewhere = (make_event(agenda) for _number in range(3))
        slots = [slot_of(event) for event in (here, there, elsewhere)]
        hold(slots[0])
        really_known = booking.holds.known_hold

        def known_too_early(which):
            monkeypatch.setattr(booking.holds, "known_hold", really_known)
            known = really_known(which)
            hold(slots[2])
            return known

        for attempt in (
            lambda: hold(slots[1]),
            lambda: booking.release(Hold.objects.get(), now=NOW),
        ):
            monkeypatch.setattr(booking.holds, "known_hold", known_too_early)
            attempt()
        assert rows()["Occupation"] == 0
        # Nobody's lock was left out: everything that changed has another version.
        assert [stored(event).bookable.version for event in (here, there, elsewhere)] == [2, 2, 4]

    def test_the_first_statement_of_a_transaction_writes(self):
        event = make_event(make_agenda(kind=AgendaKind.EVENTS))
        other = make_event(event.agenda)
        slots = slot_of(event), slot_of(other)
        made = make_booking(slot=slots[0])

        def first_statements(work):
            with CaptureQueriesContext(connection) as captured:
                work()
            # On MariaDB a statement says itself how long it waits for a lock.
            statements = [
                re.sub(r"^SET STATEMENT \S+ = \d+ FOR ", "", query["sql"].upper())
                for query in captured
            ]
            begins = [number for number, sql in enumerate(statements) if sql.startswith("BEGIN")]
            assert begins
            return [
                next(sql for sql in statements[begin + 1 :] if "LOCK_TIMEOUT" not in sql)
                for begin in begins
            ]

        def takes_a_lock(sql):
            # Where rows are locked, several are locked in their order before they change.
            return sql.startswith("UPDATE") or sql.endswith("FOR UPDATE")

        held = hold(slots[0])
        for work in (
            lambda: hold(slots[1]),
            lambda: booking.release(stored(held), now=NOW),
            lambda: booking.confirm(stored(held), make_details(), now=NOW),
            lambda: booking.book(slots[0], make_details(), now=NOW),
            lambda: attendance.check_in(stored(made), Attendance.PRESENT, now=NOW),
            lambda: booking.cancel(stored(made), actor=Actor.AGENT, now=NOW),
            lambda: booking.change_places(event, 20, now=NOW),
        ):
            assert all(takes_a_lock(sql) for sql in first_statements(work))

        course = make_course(places=1, waiting=5, waiting_list_promotion="manual")
        has, waits, late = (join(course, name) for name in ("ada", "bob", "cyd"))
        free = make_event(course.agenda)
        slot, start, end = slot_of(free), course.start, course.end
        agenda, *_ = make_appointments(needs_approval=True, bookings_per_day=5)
        pending = make_booking(agenda)
        for work in (
            lambda: booking.approve(pending, now=NOW),
            lambda: booking.suspend(has, now=NOW),
            lambda: booking.offer(waits, now=NOW),
            lambda: booking.accept_offer(waits, now=NOW),
            lambda: booking.move(waits, slot, actor=Actor.AGENT, now=NOW),
            lambda: booking.resize(waits, 2, actor=Actor.AGENT, now=NOW),
            lambda: booking.promote(late, now=NOW),
            lambda: booking.book(first_slot(agenda), make_details(), now=NOW),
            lambda: booking.change_event_time(course, start, end, now=NOW, with_bookings=True),
            lambda: booking.book_together(
                course.agenda, [slot], make_details(), now=NOW, replacing=True
            ),
            lambda: booking.cancel_event(course, now=NOW),
        ):
            assert all(takes_a_lock(sql) for sql in first_statements(work))
