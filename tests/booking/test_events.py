"""Events that change while people have booked them."""

from datetime import timedelta

import pytest

from tests.booking.common import (
    LATER,
    MINUTE,
    admissions,
    hold,
    join,
    last_entry,
    make_course,
    refused,
    slot_of,
    stored,
)
from tests.factories import (
    NOW,
    make_booking,
    make_details,
    make_event,
)
from wagtail_agenda import availability, booking
from wagtail_agenda.choices import (
    Actor,
    Admission,
    Trigger,
)
from wagtail_agenda.errors import (
    BookingError,
    EventCancelled,
    EventInUse,
    EventIsBooked,
    EventIsOver,
    NotOffered,
    PlacesInUse,
)
from wagtail_agenda.models import Bookable, Event

pytestmark = pytest.mark.django_db


class TestEvents:
    def test_change_places(self):
        event = make_event(places=5)
        make_booking(slot=slot_of(event), places=2)
        hold(slot_of(event))
        version = stored(event).bookable.version
        with pytest.raises(PlacesInUse) as refused:
            booking.change_places(event, 2, now=NOW)
        assert refused.value.taken == 3
        assert str(refused.value).startswith("3 places are")
        assert stored(event).places == event.places == 5
        booking.change_places(event, 3, now=NOW)
        assert stored(event).places == event.places == 3
        assert stored(event).bookable.version == version + 1
        booking.change_places(event, 2, now=LATER)
        with pytest.raises(ValueError, match="up to 100,000 places"):
            booking.change_places(event, -1, now=LATER)

    def test_refusals_speak_the_language_in_which_they_are_shown(self):
        assert str(PlacesInUse(1)).startswith("1 place is")
        for error in BookingError.__subclasses__():
            assert error.code != BookingError.code

    def test_change_time(self):
        event = make_event()
        start, end = event.start + timedelta(days=1), event.end + timedelta(days=1)
        held = hold(slot_of(event))
        with pytest.raises(EventIsBooked):
            booking.change_event_time(event, start, end, now=NOW)
        booking.release(held, now=NOW)
        booking.change_event_time(event, start, end, now=NOW)
        assert (stored(event).start, stored(event).end) == (start, end)
        assert (event.start, event.end) == (start, end)
        made = make_booking(slot=slot_of(event))
        with pytest.raises(EventIsBooked):
            booking.change_event_time(event, start + MINUTE, end, now=NOW)
        booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        booking.change_event_time(event, start + MINUTE, end, now=NOW)

    def test_a_lapsed_hold_does_not_book_an_event_that_moved(self):
        event = make_event()
        held = hold(slot_of(event))
        booking.change_event_time(
            event, event.start + timedelta(days=1), event.end + timedelta(days=1), now=LATER
        )
        with pytest.raises(NotOffered):
            booking.confirm(held, make_details(), now=LATER)

    def test_change_places_gives_what_is_new_to_those_who_wait(self):
        event = make_course(places=1, waiting=3)
        _has, second, third = (join(event, name) for name in ("ada", "bob", "cyd"))
        booking.change_places(event, 2, now=NOW)
        assert admissions(second, third) == [Admission.CONFIRMED, Admission.WAITING]
        with refused(PlacesInUse, "places in use") as caught:
            booking.change_places(event, 2, now=NOW, waiting_places=0)
        assert caught.value.waiting_list
        assert "waiting list" in str(caught.value)
        booking.change_places(event, 2, now=NOW, waiting_places=1)
        assert (event.places, event.waiting_places) == (2, 1)
        with pytest.raises(ValueError, match="up to 100,000 places"):
            booking.change_places(event, 2, now=NOW, waiting_places=100_001)

    def test_change_places_leaves_what_is_offered(self):
        event = make_course(places=1, waiting=3, waiting_list_promotion="offer")
        has, _waits = join(event), join(event, "bob")
        booking.cancel(has, actor=Actor.VISITOR, now=NOW)
        with refused(PlacesInUse):
            booking.change_places(event, 0, now=NOW)

    def test_change_time_takes_people_along_and_tells_them(self):
        event = make_course(places=1, waiting=3)
        has, waits = join(event), join(event, "bob")
        start, end = event.start + timedelta(days=1), event.end + timedelta(days=1)
        with refused(EventIsBooked, "event is booked"):
            booking.change_event_time(event, start, end, now=NOW)
        held = hold(slot_of(event))
        assert booking.change_event_time(event, start, end, now=NOW, with_bookings=True) == 2
        assert [(made.start, made.end) for made in map(stored, (has, waits))] == [(start, end)] * 2
        assert last_entry(has).what == Trigger.MOVED
        assert stored(has).status.slug == "confirmed"
        assert stored(waits).status.slug == "waiting"
        assert has.invitations.get().sequence == 1
        # Whoever holds it has seen another time.
        with refused(NotOffered):
            booking.confirm(held, make_details(), now=NOW)
        with pytest.raises(ValueError, match="ends after it has begun"):
            booking.change_event_time(event, end, start, now=NOW)

    def test_cancel_ends_every_booking_and_hold(self, django_user_model):
        user = django_user_model.objects.create(username="editor")
        event = make_course(places=1, waiting=3)
        has, waits = join(event), join(event, "bob")
        held = hold(slot_of(event))
        assert booking.cancel_event(event, now=NOW, user=user, reason="Ill") == 2
        assert (event.is_cancelled, stored(event).cancellation_reason) == (True, "Ill")
        for made in (has, waits):
            assert (stored(made).admission, stored(made).cancellation_reason) == (
                Admission.CANCELLED,
                "Ill",
            )
            assert (last_entry(made).what, last_entry(made).user) == ("event_cancelled", user)
            assert made.deliveries.count() == 2
        with refused(EventCancelled, "event is cancelled"):
            booking.confirm(held, make_details(), now=NOW)
        with refused(EventCancelled):
            booking.cancel_event(event, now=NOW)
        with refused(EventCancelled):
            booking.change_event_time(event, event.start, event.end, now=NOW)
        slot = availability.Slot.of(event.agenda, event.start, event.end, event=event)
        with refused(EventCancelled):
            booking.book(slot, make_details(), now=NOW)
        with refused(EventCancelled):
            hold(slot, "b")


class TestRemoval:
    def test_what_nobody_ever_booked_is_deleted(self):
        event = make_event()
        assert booking.remove_event(event, now=NOW) == booking.Removal(deleted=True)
        assert not Event.objects.filter(pk=event.pk).exists()
        assert not Bookable.objects.filter(pk=event.bookable_id).exists()

    def test_what_is_booked_stays_unless_its_bookings_are_cancelled_too(self):
        event = make_course()
        has, waits = join(event), join(event, "bob")
        with refused(EventInUse, "event is booked"):
            booking.remove_event(event, now=NOW)
        removed = booking.remove_event(event, now=NOW, reason="Ill", with_bookings=True)
        assert removed == booking.Removal(deleted=False, ended=2)
        assert admissions(has, waits) == [Admission.CANCELLED] * 2
        assert (stored(event).is_cancelled, stored(event).cancellation_reason) == (True, "Ill")
        with refused(EventCancelled):
            booking.remove_event(event, now=NOW, with_bookings=True)

    def test_who_waits_has_booked_it_too(self):
        event = make_course()
        has, waits = join(event), join(event, "bob")
        booking.cancel(has, actor=Actor.AGENT, now=NOW)
        booking.suspend(stored(waits), now=NOW)
        with refused(EventInUse):
            booking.remove_event(event, now=NOW)

    def test_what_is_held_stays_until_the_hold_has_lapsed(self):
        event = make_event()
        hold(slot_of(event))
        with refused(EventInUse):
            booking.remove_event(event, now=NOW)
        assert booking.remove_event(event, now=LATER) == booking.Removal(deleted=False)
        assert stored(event).is_cancelled

    def test_nobody_is_told_that_what_took_place_is_cancelled(self):
        event = make_event()
        join(event)
        with refused(EventIsOver):
            booking.remove_event(event, now=event.end, with_bookings=True)
        unbooked = make_event()
        assert booking.remove_event(unbooked, now=unbooked.end).deleted

    def test_the_record_of_a_cancelled_booking_stays(self):
        event = make_event()
        booking.cancel(join(event), actor=Actor.AGENT, now=NOW)
        assert booking.remove_event(event, now=NOW) == booking.Removal(deleted=False)
        assert stored(event).is_cancelled
