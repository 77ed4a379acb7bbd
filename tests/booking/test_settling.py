"""What the clock alone changes: offers and requests that lapse, places that become free."""

from datetime import timedelta

import pytest

from tests.booking.common import LATER, admissions, hold, join, make_course, refused, slot_of
from tests.factories import NOW, make_appointments, make_booking
from wagtail_agenda import booking
from wagtail_agenda.booking import settling
from wagtail_agenda.choices import Actor, Admission
from wagtail_agenda.errors import Overloaded, SoldOut
from wagtail_agenda.models import Booking

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def test_a_place_that_a_hold_gave_back_by_lapsing_goes_to_those_who_wait():
    event = make_course()
    hold(slot_of(event))
    waits = join(event, "bob")
    assert booking.settle(NOW) == 0
    assert booking.settle(LATER) == 1
    assert admissions(waits) == [Admission.CONFIRMED]
    assert booking.settle(LATER) == 0


def test_a_place_that_lapsed_is_not_a_newcomers_before_it_was_settled():
    event = make_course(waiting_list_promotion="offer", offer_hours=1)
    has, offered, waits = (join(event, name) for name in ("ada", "bob", "cyd"))
    booking.cancel(has, actor=Actor.VISITOR, now=NOW)
    late = join(event, "dan", NOW + HOUR)
    assert late.admission == Admission.WAITING
    assert booking.settle(NOW + HOUR) == 1
    assert admissions(offered, waits, late) == ["cancelled", "offered", "waiting"]


def test_what_was_decided_in_the_last_moment_is_left_alone(monkeypatch):
    agenda, *_ = make_appointments(needs_approval=True, approval_hours=1)
    made = make_booking(agenda)
    really_lapse = settling.lapse

    def lapse_too_late(pending, now):
        booking.approve(made, now=now)
        return really_lapse(pending, now=now)

    monkeypatch.setattr(settling, "lapse", lapse_too_late)
    assert booking.settle(NOW + HOUR) == 0
    assert admissions(made) == [Admission.CONFIRMED]


def test_what_is_too_busy_is_left_to_the_next_time(monkeypatch):
    event = make_course(needs_approval=True, approval_hours=1)
    first, waits = join(event), join(event, "bob")
    other = make_booking(make_appointments(needs_approval=True, approval_hours=1)[0])

    def busy(*_arguments, **_options):
        raise Overloaded()

    really_lapse = settling.lapse
    monkeypatch.setattr(
        settling, "lapse", lambda row, now: (busy if row == first else really_lapse)(row, now=now)
    )
    monkeypatch.setattr(settling, "_filled", busy)
    assert booking.settle(NOW + HOUR) == 1
    assert admissions(first, waits, other) == ["pending", "waiting", "cancelled"]
    monkeypatch.undo()
    assert booking.settle(NOW + HOUR) == 1
    assert admissions(first, waits) == ["cancelled", "pending"]


def test_goes_on_where_it_stopped(monkeypatch):
    monkeypatch.setattr(settling, "SETTLED_AT_ONCE", 2)
    agenda, *_ = make_appointments(needs_approval=True, approval_hours=1)
    for _number in range(3):
        make_booking(agenda)
    assert [booking.settle(NOW + HOUR) for _time in range(3)] == [2, 1, 0]
    assert set(Booking.objects.values_list("admission", flat=True)) == {Admission.CANCELLED}


def test_an_event_that_is_over_or_cancelled_is_left_alone():
    event = make_course()
    hold(slot_of(event))
    waits = join(event, "bob")
    assert booking.settle(event.start) == 0
    assert admissions(waits) == [Admission.WAITING]
    with refused(SoldOut):
        booking.promote(waits, now=NOW)
    booking.cancel_event(event, now=NOW)
    assert booking.settle(LATER) == 0
