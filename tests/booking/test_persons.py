"""How many bookings one person may have, by day, week and in all."""

from datetime import timedelta

import pytest

from tests.booking.common import hold, join, make_course, refused, slot_of
from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_booking,
    make_details,
    make_event,
)
from wagtail_agenda import availability, booking
from wagtail_agenda.booking.persons import digest_of_person
from wagtail_agenda.choices import Actor, Admission, AgendaKind
from wagtail_agenda.errors import CapReached
from wagtail_agenda.models import AgendaMember, PersonLock

pytestmark = pytest.mark.django_db


def book_at(agenda, day, clock="0900", **details):
    slot = availability.find(agenda, f"passport:2026-{day}-{clock}", now=NOW)
    return make_booking(slot=slot, **details)


class TestDigest:
    def test_is_the_same_for_the_same_person_and_says_nothing_else(self):
        assert digest_of_person("", " Ada@Fairbridge.example ") == digest_of_person(
            "", "ada@fairbridge.example"
        )
        assert digest_of_person("7", "ada@x.example") == digest_of_person(" 7", "bob@x.example")
        assert digest_of_person("", "7") != digest_of_person("7", "")
        assert digest_of_person("", "") == digest_of_person(" ", " ") == ""
        assert len(digest_of_person("", "a")) == 64


class TestCaps:
    def test_per_day(self):
        agenda, *_ = make_appointments(bookings_per_day=1)
        made = book_at(agenda, "11-30")
        with refused(CapReached, "too many bookings") as caught:
            book_at(agenda, "11-30", "1000")
        assert (caught.value.span, caught.value.most) == ("day", 1)
        assert "on one day" in str(caught.value)
        book_at(agenda, "12-01")
        booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        assert book_at(agenda, "11-30", "1000")

    def test_per_week_from_monday_to_sunday(self):
        agenda, *_ = make_appointments(bookings_per_week=2)
        book_at(agenda, "11-30")
        book_at(agenda, "12-04")
        with refused(CapReached) as caught:
            book_at(agenda, "12-02")
        assert caught.value.span == "week"
        assert book_at(agenda, "12-07")

    def test_of_all_that_are_still_to_come(self):
        agenda, *_ = make_appointments(bookings_per_person=1)
        made = book_at(agenda, "11-30")
        with refused(CapReached) as caught:
            book_at(agenda, "12-22")
        assert caught.value.span == "person"
        slot = availability.find(agenda, "passport:2026-12-22-0900", now=NOW)
        assert make_booking(slot=slot, now=made.start + timedelta(minutes=1))

    def test_by_external_id_before_the_address(self):
        agenda, *_ = make_appointments(bookings_per_day=1)
        book_at(agenda, "11-30", user_external_id="7")
        with refused(CapReached):
            book_at(agenda, "11-30", "0930", user_external_id="7", user_email="x@y.example")
        book_at(agenda, "11-30", "0930", user_external_id="8")
        book_at(agenda, "11-30", "1000")

    def test_of_nobody_count_for_nothing(self):
        agenda, *_ = make_appointments(bookings_per_day=1)
        for clock in ("0900", "0930"):
            book_at(agenda, "11-30", clock, user_email="")
        assert not PersonLock.objects.exists()

    def test_with_a_hold(self):
        agenda, *_ = make_appointments(bookings_per_day=1)
        book_at(agenda, "11-30")
        held = hold(availability.find(agenda, "passport:2026-11-30-0930", now=NOW))
        with refused(CapReached):
            booking.confirm(held, make_details(), now=NOW)
        assert booking.confirm(held, make_details(user_email="b@y.example"), now=NOW)

    def test_what_waits_counts_as_well(self):
        event = make_course(bookings_per_person=1)
        join(event, "bob")
        assert join(event).admission == Admission.WAITING
        other = make_event(event.agenda)
        with refused(CapReached):
            join(other)

    def test_of_several_at_once(self):
        event = make_course(bookings_per_week=1, places=9)
        slots = [slot_of(event), slot_of(make_event(event.agenda))]
        with refused(CapReached):
            booking.book_together(event.agenda, slots, make_details(), now=NOW)
        made = booking.book_together(event.agenda, slots[:1], make_details(), now=NOW)
        changed = booking.book_together(
            event.agenda, slots[1:], make_details(), now=NOW, replacing=True
        )
        assert changed.cancelled == made.booked

    def test_of_a_virtual_agenda_count_what_was_chosen_there(self):
        members = [make_appointments()[0] for _number in range(2)]
        anywhere = make_agenda(kind=AgendaKind.VIRTUAL, schedule=None, bookings_per_person=1)
        for member in members:
            AgendaMember.objects.create(virtual_agenda=anywhere, agenda=member)
        book_at(members[0], "11-30")
        book_at(anywhere, "11-30")
        with refused(CapReached):
            book_at(anywhere, "12-01")
        assert book_at(members[1], "12-01")

    def test_are_no_lock_for_agendas_without_them(self):
        make_booking()
        assert not PersonLock.objects.exists()
