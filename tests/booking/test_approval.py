"""Bookings that need approval: their place is kept until they are decided or lapse."""

from datetime import timedelta

import pytest

from tests.booking.common import (
    admissions,
    join,
    last_entry,
    make_course,
    numbers,
    refused,
    slot_of,
    stored,
)
from tests.factories import NOW, first_slot, make_appointments, make_booking, make_event
from wagtail_agenda import booking
from wagtail_agenda.booking import approval
from wagtail_agenda.choices import Actor, Admission, Trigger
from wagtail_agenda.errors import AlreadyCancelled, BookingCancelled, NotPending, SoldOut
from wagtail_agenda.models import Agenda, Booking, Resource

pytestmark = pytest.mark.django_db

AFTERWARDS = NOW + timedelta(hours=1)
"""When a request made at `NOW` has lapsed."""


@pytest.fixture
def agenda():
    return make_appointments(needs_approval=True, approval_hours=1)[0]


def test_what_a_visitor_books_keeps_its_time_until_it_is_decided(agenda):
    made = stored(make_booking(agenda))
    assert (made.admission, made.status.slug) == (Admission.PENDING, "pending")
    assert made.decide_by == made.occupations.get().lapses_at == AFTERWARDS
    assert made.desk.bookable.places_booked == 0
    assert first_slot(agenda).start > made.start
    assert last_entry(made).what == Trigger.PENDING


def test_without_hours_it_waits_for_ever(agenda):
    Agenda.objects.filter(pk=agenda.pk).update(approval_hours=None)
    agenda.refresh_from_db()
    made = stored(make_booking(agenda))
    assert (made.admission, made.decide_by) == (Admission.PENDING, None)
    assert made.occupations.get().lapses_at is None
    assert made.desk.bookable.places_booked == 1
    assert booking.approve(made, now=AFTERWARDS).admission == Admission.CONFIRMED
    assert stored(made).desk.bookable.places_booked == 1


def test_it_is_decided_before_it_begins(agenda):
    Agenda.objects.filter(pk=agenda.pk).update(approval_hours=72)
    agenda.refresh_from_db()
    made = stored(make_booking(agenda))
    assert made.start < NOW + timedelta(hours=72)
    assert made.decide_by == made.occupations.get().lapses_at == made.start


def test_what_an_agent_books_is_approved(agenda):
    assert make_booking(agenda, actor=Actor.AGENT).admission == Admission.CONFIRMED


def test_approve(agenda, django_user_model):
    user = django_user_model.objects.create(username="agent")
    made = make_booking(agenda)
    approved = booking.approve(made, now=NOW, user=user)
    assert approved == made
    present = stored(made)
    assert (present.admission, present.decide_by) == (Admission.CONFIRMED, None)
    assert present.status.slug == "confirmed"
    assert present.occupations.get().lapses_at is None
    assert present.desk.bookable.places_booked == 1
    assert (last_entry(made).what, last_entry(made).user) == (Trigger.APPROVED, user)
    before = made.entries.count()
    assert booking.approve(made, now=NOW) == made
    assert made.entries.count() == before


def test_refuse(agenda):
    made = make_booking(agenda)
    refusal = booking.refuse(made, now=NOW, reason="Incomplete")
    assert (refusal.admission, refusal.cancellation_reason) == ("cancelled", "Incomplete")
    assert last_entry(made).what == Trigger.REFUSED
    assert first_slot(agenda).start == made.start
    with refused(AlreadyCancelled, "already cancelled"):
        booking.refuse(made, now=NOW)
    with refused(BookingCancelled, "booking is cancelled"):
        booking.approve(made, now=NOW)


def test_refuses_what_is_not_pending(agenda):
    confirmed = make_booking(agenda, actor=Actor.AGENT)
    with refused(NotPending, "booking is not pending"):
        booking.refuse(confirmed, now=NOW)
    event = make_course()
    _has, waits = join(event), join(event, "bob")
    with refused(NotPending):
        booking.approve(waits, now=NOW)


def test_lapses_by_the_clock_and_is_told_so(agenda):
    made = make_booking(agenda)
    assert booking.settle(AFTERWARDS - timedelta(seconds=1)) == 0
    assert booking.settle(AFTERWARDS) == 1
    assert admissions(made) == [Admission.CANCELLED]
    assert last_entry(made).what == Trigger.LAPSED
    assert booking.settle(AFTERWARDS) == 0


@pytest.mark.parametrize("kind", ["appointment", "event"])
def test_one_that_has_lapsed_is_approved_if_nobody_has_its_place(kind):
    if kind == "event":
        event = make_event(make_course(needs_approval=True, approval_hours=1).agenda, places=1)
        slot = slot_of(event)
    else:
        agenda = make_appointments(needs_approval=True, approval_hours=1)[0]
        slot = first_slot(agenda)
    made = make_booking(slot=slot)
    after = AFTERWARDS if kind == "event" else NOW + timedelta(hours=1)
    code = "sold out" if kind == "event" else "no more desk available"
    late = make_booking(slot=slot, now=after)
    with refused(SoldOut, code):
        booking.approve(made, now=after)
    assert booking.approve(late, now=after).admission == Admission.CONFIRMED
    with refused(SoldOut, code):
        booking.approve(made, now=after)
    booking.cancel(late, actor=Actor.AGENT, now=after)
    assert booking.approve(made, now=after).admission == Admission.CONFIRMED


def test_one_that_has_lapsed_does_not_come_before_those_who_wait():
    event = make_course(needs_approval=True, approval_hours=1, waiting_list_promotion="manual")
    made, waiting = join(event), join(event, "bob")
    with refused(SoldOut):
        booking.approve(made, now=AFTERWARDS)
    assert booking.promote(waiting, now=AFTERWARDS).admission == Admission.CONFIRMED
    assert numbers(event) == (1, 0)


def test_with_a_resource_both_are_kept(agenda):
    room = Resource.objects.create(label="Room")
    agenda.meeting_types.get().resources.add(room)
    made = make_booking(agenda)
    assert made.occupations.count() == 2
    booking.approve(made, now=NOW)
    assert {row.lapses_at for row in made.occupations.all()} == {None}


def test_one_that_moves_while_its_lock_is_waited_for(monkeypatch):
    """Its new place is locked as well before it is counted there for good."""
    agenda = make_course(needs_approval=True, approval_hours=1).agenda
    here, there = make_event(agenda, places=1), make_event(agenda, places=1)
    made = join(here)
    really_occupied = approval.occupied_by

    def occupied_too_early(bookings):
        monkeypatch.setattr(approval, "occupied_by", really_occupied)
        taken = really_occupied(bookings)
        booking.move(made, slot_of(there), actor=Actor.AGENT, now=NOW)
        return taken

    monkeypatch.setattr(approval, "occupied_by", occupied_too_early)
    approved = booking.approve(Booking.objects.get(pk=made.pk), now=NOW)
    assert (approved.event, approved.admission) == (there, Admission.CONFIRMED)
    assert (numbers(here), numbers(there)) == ((0, 0), (1, 0))
    assert stored(there).bookable.version == 2
