"""Events as a listing shows them: places, waiting lists, publication, cancellation."""

from datetime import timedelta

import pytest

from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_booking,
    make_closure_calendar,
    make_event,
)
from wagtail_agenda import availability
from wagtail_agenda.availability import Period, events
from wagtail_agenda.choices import Admission, AgendaKind, DelayUnit
from wagtail_agenda.errors import EventCancelled, NotOffered, SoldOut
from wagtail_agenda.models import Bookable, Event, Hold, Occupation
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


PAST, ALL = Period.PAST, Period.ALL


class TestWhatHasBegun:
    @pytest.fixture
    def agenda(self):
        agenda = make_agenda(kind=AgendaKind.EVENTS, maximal_booking_delay=10)
        for days in (-400, -3, -1, 0, 1, 9, 30):
            make_event(agenda, start=NOW + timedelta(days=days), slug=f"in-{days}")
        return agenda

    @staticmethod
    def slugs(agenda, **options):
        found = availability.slots(agenda, now=NOW, **options)
        return [slot.event.slug.removeprefix("in-") for slot in found]

    def test_it_is_listed_only_if_it_is_asked_for(self, agenda):
        assert self.slugs(agenda) == ["1", "9"]
        assert self.slugs(agenda, period=PAST) == ["-400", "-3", "-1", "0"]
        assert self.slugs(agenda, period=ALL) == ["-400", "-3", "-1", "0", "1", "9"]

    def test_days_clip_it(self, agenda):
        day = NOW.date()
        first, last = day - timedelta(days=3), day + timedelta(days=1)
        assert self.slugs(agenda, period=PAST, first=first) == ["-3", "-1", "0"]
        assert self.slugs(agenda, period=PAST, last=day - timedelta(days=1)) == ["-400", "-3", "-1"]
        assert self.slugs(agenda, period=ALL, first=first, last=last) == ["-3", "-1", "0", "1"]
        assert self.slugs(agenda, period=PAST, first=last) == []
        assert self.slugs(agenda, period=ALL, first=last) == ["1", "9"]

    def test_one_day_alone_leaves_the_other_end_to_the_delays(self, agenda):
        tomorrow = NOW.date() + timedelta(days=1)
        assert self.slugs(agenda, first=tomorrow + timedelta(days=1)) == ["9"]
        assert self.slugs(agenda, last=tomorrow) == ["1"]
        assert self.slugs(agenda, last=tomorrow - timedelta(days=2)) == []

    def test_without_delays_there_is_no_last_day(self, agenda):
        assert self.slugs(agenda, bypass_delays=True) == ["1", "9", "30"]
        assert self.slugs(agenda, bypass_delays=True, period=PAST)[-1] == "0"

    def test_without_a_first_day_only_the_latest_are_listed(self, agenda, monkeypatch):
        monkeypatch.setattr(events, "MOST_PAST", 2)
        assert self.slugs(agenda, period=PAST) == ["-1", "0"]
        assert self.slugs(agenda, period=ALL) == ["-1", "0", "1", "9"]
        assert self.slugs(agenda, period=PAST, last=NOW.date() - timedelta(days=1)) == ["-3", "-1"]
        first = NOW.date() - timedelta(days=500)
        assert self.slugs(agenda, period=PAST, first=first) == ["-400", "-3", "-1", "0"]

    def test_what_is_full_cancelled_or_not_published_is_as_it_is_of_what_comes(self, agenda):
        event = agenda.events.get(slug="in--1")
        counted(event, places_booked=10)
        assert self.slugs(agenda, period=PAST) == ["-400", "-3", "0"]
        assert self.slugs(agenda, period=PAST, with_full=True) == ["-400", "-3", "-1", "0"]
        agenda.events.filter(slug="in--3").update(cancelled_at=NOW)
        agenda.events.filter(slug="in--400").update(publish_at=LATER)
        agenda.events.filter(slug="in-0").update(open_for_booking=False)
        assert self.slugs(agenda, period=PAST, with_full=True) == ["-1"]

    def test_appointments_that_are_past_are_never_listed(self):
        agenda, meeting_type, _desks = make_appointments()
        coming = availability.slots(agenda, meeting_type, now=NOW)
        for period in (PAST, ALL):
            assert availability.slots(agenda, meeting_type, now=NOW, period=period) == coming


class TestAgendasWithOpenEvents:
    @staticmethod
    def open_of(*agendas, now=NOW):
        return availability.with_open_events(agendas, now=now)

    def test_one_that_has_room_is_enough(self):
        event = counted(make_event(places=1), places_booked=1)
        assert self.open_of(event.agenda) == set()
        counted(event, waiting_places=1)
        assert self.open_of(event.agenda) == {event.agenda_id}
        counted(event, places_waiting=1)
        assert self.open_of(event.agenda) == set()
        make_event(event.agenda)
        assert self.open_of(event.agenda) == {event.agenda_id}

    def test_what_a_hold_keeps_is_no_room(self):
        event = make_event(places=1)
        keep(event)
        assert self.open_of(event.agenda) == set()
        assert self.open_of(event.agenda, now=LATER) == {event.agenda_id}

    @pytest.mark.parametrize(
        "changes",
        [
            {"open_for_booking": False},
            {"cancelled_at": NOW},
            {"publish_at": LATER},
            {"start": NOW},
            {"start": NOW + timedelta(days=90), "end": NOW + timedelta(days=91)},
        ],
    )
    def test_what_cannot_be_booked_does_not_count(self, changes):
        event = make_event()
        Event.objects.filter(pk=event.pk).update(**changes)
        assert self.open_of(event.agenda) == set()

    def test_an_agenda_that_has_expired_has_none(self):
        event = make_event(make_agenda(kind=AgendaKind.EVENTS, expire_at=NOW))
        assert self.open_of(event.agenda) == set()

    def test_working_days_are_counted_by_the_calendars_of_each_agenda(self):
        day = {"first": "2026-12-01", "last": None, "label": ""}
        closed = make_closure_calendar({"type": "dates", "value": day})
        delays = {"minimal_booking_delay": 2, "minimal_booking_delay_unit": DelayUnit.WORKING_DAYS}
        strict = make_agenda(kind=AgendaKind.EVENTS, closure_calendars=[closed], **delays)
        usual = make_agenda(kind=AgendaKind.EVENTS, **delays)
        for agenda in (strict, usual):
            make_event(agenda)
        assert self.open_of(strict, usual) == {
            agenda.pk for agenda in (strict, usual) if availability.slots(agenda, now=NOW)
        }
        assert self.open_of(strict, usual) == {usual.pk}

    def test_appointments_are_no_events(self):
        assert self.open_of(make_appointments()[0]) == set()

    @pytest.mark.parametrize("number", [1, 5])
    def test_queries_do_not_grow_with_agendas(self, django_assert_num_queries, number):
        agendas = [
            make_agenda(kind=AgendaKind.EVENTS, minimal_booking_delay_unit=DelayUnit.WORKING_DAYS)
            for _number in range(number)
        ]
        for agenda in agendas:
            make_event(agenda)
            make_event(agenda)
        with django_assert_num_queries(3):
            assert len(self.open_of(*agendas)) == number


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
