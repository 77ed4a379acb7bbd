"""Bookings that end: what they give back, to whom, and what is refused."""

import pytest
from django.contrib.auth import get_user_model

from tests.booking.common import (
    LATER,
    admissions,
    hold_first,
    join,
    last_entry,
    make_course,
    numbers,
    rows,
    slot_of,
    stored,
)
from tests.factories import (
    NOW,
    first_slot,
    make_appointments,
    make_booking,
    make_details,
    make_event,
)
from wagtail_agenda import booking
from wagtail_agenda.choices import (
    Actor,
    Admission,
    Trigger,
)
from wagtail_agenda.errors import (
    AlreadyCancelled,
    EventIsOver,
)
from wagtail_agenda.models import Bookable, Occupation

pytestmark = pytest.mark.django_db


class TestCancel:
    def test_gives_the_places_back_and_says_why(self):
        user = get_user_model().objects.create(username="agent")
        agenda, _type, (desk,) = make_appointments()
        made = make_booking(agenda)
        cancelled = booking.cancel(
            made, actor=Actor.AGENT, user=user, now=LATER, reason="Desk closed"
        )
        assert cancelled == made
        now = stored(made)
        assert (now.admission, now.cancelled_at) == (Admission.CANCELLED, LATER)
        assert (now.cancellation_reason, now.status.slug) == ("Desk closed", "cancelled")
        assert stored(desk).bookable.places_booked == 0
        assert rows()["Occupation"] == 0
        assert first_slot(agenda).start == made.start
        entry = now.entries.last()
        assert (entry.what, entry.user) == (Trigger.CANCELLED_BY_AGENT, user)
        assert entry.data["reason"] == "Desk closed"
        assert now.deliveries.filter(method="CANCEL").count() == 1

    def test_several_places_of_an_event(self):
        event = make_event(places=5)
        make_booking(slot=slot_of(event), places=1)
        made = make_booking(slot=slot_of(event), places=3)
        booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        assert stored(event).bookable.places_booked == 1
        assert slot_of(event).places_free == 4

    def test_only_once(self):
        made = make_booking()
        stale = stored(made)
        booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        before = rows()
        for again in (made, stale):
            for actor in (Actor.VISITOR, Actor.AGENT):
                with pytest.raises(AlreadyCancelled):
                    booking.cancel(again, actor=actor, now=NOW)
        assert rows() == before

    def test_by_the_visitor_until_it_begins_by_an_agent_afterwards_too(self):
        made = make_booking()
        with pytest.raises(EventIsOver):
            booking.cancel(made, actor=Actor.VISITOR, now=made.start)
        assert not stored(made).is_cancelled
        booking.cancel(made, actor=Actor.AGENT, now=made.start)
        with pytest.raises(AlreadyCancelled):
            booking.cancel(made, actor=Actor.VISITOR, now=made.start)

    def test_what_was_confirmed_from_a_hold(self):
        agenda, *_ = make_appointments()
        held = hold_first(agenda)
        made = booking.confirm(held, make_details(), now=NOW)
        booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        # The hold stays used: the confirmed page of a stale window still answers.
        assert booking.confirm(held, make_details(), now=NOW) == made
        assert first_slot(agenda).start == made.start

    def test_of_whoever_waits_gives_back_their_place_on_the_list(self):
        event = make_course(places=1, waiting=1)
        has, waits = join(event), join(event, "bob")
        booking.cancel(waits, actor=Actor.VISITOR, now=NOW)
        assert numbers(event) == (1, 0)
        assert admissions(has) == [Admission.CONFIRMED]
        assert join(event, "cyd").admission == Admission.WAITING

    def test_of_what_is_offered_passes_it_on(self):
        event = make_course(waiting_list_promotion="offer")
        has, second, third = (join(event, name) for name in ("ada", "bob", "cyd"))
        booking.cancel(has, actor=Actor.VISITOR, now=NOW)
        cancelled = booking.cancel(second, actor=Actor.VISITOR, now=NOW)
        assert (cancelled.decide_by, cancelled.suspended) == (None, False)
        assert admissions(second, third) == [Admission.CANCELLED, Admission.OFFERED]

    def test_of_a_request_gives_back_what_it_kept(self):
        agenda, *_ = make_appointments(needs_approval=True, approval_hours=5)
        made = make_booking(agenda)
        booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        assert first_slot(agenda).start == made.start
        assert last_entry(made).data["decide_by"] == made.decide_by.isoformat()

    def test_of_what_has_lost_its_occupation_still_ends_it(self):
        event = make_course(places=2, waiting=2)
        made = join(event)
        Occupation.objects.filter(booking=made).delete()
        Bookable.objects.filter(pk=event.bookable_id).update(places_booked=0)
        booking.cancel(made, actor=Actor.AGENT, now=NOW)
        assert admissions(made) == [Admission.CANCELLED]
