"""Events as a listing shows them: places, waiting lists, publication, cancellation."""

from datetime import timedelta

import pytest

from tests.factories import NOW, make_agenda, make_booking, make_event
from wagtail_agenda import availability
from wagtail_agenda.choices import Admission, AgendaKind
from wagtail_agenda.errors import EventCancelled, NotOffered, SoldOut
from wagtail_agenda.models import Bookable, Hold, Occupation
from wagtail_agenda.timegrid import epoch_minutes

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=10)


def counted(event, **columns):
    """Set the counters of an event, as bookings would have."""
    Bookable.objects.filter(pk=event.bookable_id).update(**columns)
    return event


def keep(event, *, code="", places=1, waiting=False, lapses_at=LATER):
    """Places that a hold keeps until a moment."""
    hold = Hold.objects.create(agenda=event.agenda, lock_code=code or f"code-{places}-{lapses_at}")
    return Occupation.objects.create(
        bookable_id=event.bookable_id,
        busy_from=epoch_minutes(event.start),
        busy_to=epoch_minutes(event.end),
        places=places,
        waiting=waiting,
        hold=hold,
        lapses_at=lapses_at,
    )


def offer(event, *, places=1, lapses_at=LATER, admission=Admission.OFFERED):
    """Places that a booking keeps until it is decided upon."""
    made = make_booking(slot=availability.find(event.agenda, event.slug, now=NOW))
    made.admission = admission
    made.decide_by = lapses_at
    made.save()
    Occupation.objects.filter(booking=made).update(places=places, lapses_at=lapses_at)
    Bookable.objects.filter(pk=event.bookable_id).update(places_booked=0)
    return made


def seen(event, **options):
    options = {"now": NOW, **options}
    [slot] = availability.slots(
        event.agenda, first=event.start.date(), last=event.start.date(), with_full=True, **options
    )
    return slot


def numbers(slot):
    return (
        (slot.places_free, slot.places_total),
        (slot.waiting_free, slot.waiting_total),
        slot.queued,
    )


class TestWaitingList:
    def test_both_lists_are_counted_apart(self):
        event = counted(make_event(places=5), places_booked=2, waiting_places=4, places_waiting=3)
        keep(event, code="a", places=2)
        keep(event, code="b", places=1, waiting=True)
        assert numbers(seen(event)) == ((1, 5), (0, 4), True)

    def test_places_kept_until_a_moment_are_free_after_it(self):
        event = counted(make_event(places=5), waiting_places=4)
        keep(event, code="a", places=2)
        keep(event, code="b", places=1, waiting=True)
        assert numbers(seen(event)) == ((3, 5), (3, 4), False)
        assert numbers(seen(event, now=LATER)) == ((5, 5), (4, 4), False)

    def test_ones_own_places_count_as_free_on_both_lists(self):
        event = counted(make_event(places=5), waiting_places=4)
        keep(event, code="a", places=2)
        assert numbers(seen(event, lock_code="a"))[0] == (5, 5)
        Occupation.objects.update(waiting=True)
        assert numbers(seen(event, lock_code="a"))[1] == (4, 4)

    def test_free_places_are_for_those_who_wait(self):
        event = counted(make_event(places=5), waiting_places=4, places_waiting=1)
        slot = seen(event)
        assert (slot.places_free, slot.queued, slot.waits, slot.full) == (5, True, True, False)

    def test_and_for_those_who_are_being_offered_one(self):
        event = counted(make_event(places=5), waiting_places=4)
        offer(event)
        assert numbers(seen(event)) == ((4, 5), (4, 4), True)
        assert numbers(seen(event, now=LATER)) == ((5, 5), (4, 4), False)

    def test_a_request_for_approval_takes_a_place_and_makes_nobody_queue(self):
        event = counted(make_event(places=5), waiting_places=4)
        offer(event, places=2, admission=Admission.PENDING)
        assert numbers(seen(event)) == ((3, 5), (4, 4), False)

    def test_whose_place_is_kept_already_does_not_queue_for_it(self):
        event = counted(make_event(places=1), waiting_places=4)
        keep(event, code="a")
        counted(event, places_waiting=1)
        mine = seen(event, lock_code="a")
        assert (mine.waits, mine.full, mine.places_free) == (False, False, 1)
        assert seen(event, lock_code="b").waits

    def test_a_full_event_with_room_on_its_waiting_list_can_be_chosen(self):
        event = counted(make_event(places=1), places_booked=1, waiting_places=1)
        assert availability.next_free(event.agenda, now=NOW)[0].waits
        assert availability.find(event.agenda, event.slug, now=NOW).waits
        counted(event, places_waiting=1)
        assert availability.next_free(event.agenda, now=NOW) == []
        assert seen(event).full
        with pytest.raises(SoldOut):
            availability.find(event.agenda, event.slug, now=NOW)

    def test_fewer_places_than_are_taken_are_none(self):
        event = counted(make_event(places=2), places_booked=5, waiting_places=1, places_waiting=4)
        assert numbers(seen(event))[:2] == ((0, 2), (0, 1))


class TestSeveralPlaces:
    def listed(self, event, places):
        day = event.start.date()
        return bool(
            availability.slots(event.agenda, first=day, last=day, now=NOW, min_places=places)
        )

    def test_only_where_there_are_so_many_together(self):
        event = counted(make_event(places=5), places_booked=2)
        assert self.listed(event, 3)
        assert not self.listed(event, 4)

    def test_on_one_list_or_the_other_and_not_on_both(self):
        event = counted(make_event(places=5), places_booked=3, waiting_places=4)
        assert self.listed(event, 4)
        assert not self.listed(event, 5)
        counted(event, places_waiting=1, waiting_places=2)
        assert self.listed(event, 1)
        assert not self.listed(event, 2)


class TestPublication:
    def test_visitors_do_not_see_it_before_and_agents_do(self):
        event = make_event(publish_at=LATER)
        day = event.start.date()

        def listed(now, **options):
            return availability.slots(event.agenda, first=day, last=day, now=now, **options)

        assert listed(NOW) == []
        assert len(listed(LATER)) == len(listed(NOW, bypass_delays=True)) == 1
        with pytest.raises(NotOffered):
            availability.find(event.agenda, event.slug, now=NOW)
        assert availability.find(event.agenda, event.slug, now=LATER)
        assert availability.find(event.agenda, event.slug, now=NOW, bypass_delays=True)


class TestCancelledEvents:
    def test_are_not_listed_for_anybody_and_say_why(self):
        event = make_event(cancelled_at=NOW)
        day = event.start.date()
        for bypass_delays in (False, True):
            options = {"now": NOW, "bypass_delays": bypass_delays}
            assert (
                availability.slots(event.agenda, first=day, last=day, with_full=True, **options)
                == []
            )
            with pytest.raises(EventCancelled):
                availability.find(event.agenda, event.slug, **options)

    def test_what_is_not_published_does_not_say_that_it_is_cancelled(self):
        event = make_event(cancelled_at=NOW, publish_at=LATER)
        with pytest.raises(NotOffered):
            availability.find(event.agenda, event.slug, now=NOW)


@pytest.mark.parametrize("events", [1, 20])
def test_a_listing_takes_the_same_queries_whatever_it_lists(django_assert_num_queries, events):
    agenda = make_agenda(kind=AgendaKind.EVENTS)
    for number in range(events):
        event = counted(
            make_event(agenda, start=NOW + timedelta(days=number + 1)), waiting_places=3
        )
        keep(event, code=f"main-{number}")
        keep(event, code=f"waiting-{number}", waiting=True)
    with django_assert_num_queries(2):
        found = availability.slots(
            agenda, first=NOW.date(), last=NOW.date() + timedelta(days=40), now=NOW
        )
    assert len(found) == events


def test_held_places_are_those_of_the_main_list_that_no_counter_has():
    event = counted(make_event(places=9), places_booked=1, waiting_places=3)
    keep(event, code="a", places=2)
    keep(event, code="b", places=3, waiting=True)
    keep(event, code="c", places=4, lapses_at=NOW)
    assert availability.held_places([event.bookable_id], NOW) == {event.bookable_id: 2}
    assert availability.held_places([event.bookable_id], NOW, "a") == {}
