"""Bookings that move and are resized: the old place is kept if the new one is gone."""

from datetime import datetime, timedelta

import pytest

from tests.booking.common import (
    MINUTE,
    admissions,
    hold,
    hold_first,
    join,
    last_entry,
    make_course,
    numbers,
    refused,
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
    make_meeting_type,
)
from wagtail_agenda import attendance, availability, booking
from wagtail_agenda.choices import Actor, Admission, AgendaKind, Attendance, Trigger
from wagtail_agenda.errors import (
    BookingCancelled,
    CapReached,
    CheckedIn,
    EventCancelled,
    EventIsOver,
    MoveNotAllowed,
    NotOffered,
    SoldOut,
    TooLateToMove,
    TooManyPlaces,
    WaitingListFull,
)
from wagtail_agenda.models import Agenda, AgendaMember, Resource

pytestmark = pytest.mark.django_db


def at(agenda, clock, day="2026-11-30", slug="passport"):
    return availability.find(agenda, f"{slug}:{day}-{clock}", now=NOW)


class TestMove:
    def test_to_another_time(self, django_user_model):
        user = django_user_model.objects.create(username="agent")
        agenda, _type, (desk,) = make_appointments()
        made = make_booking(agenda)
        moved = booking.move(made, at(agenda, "1000"), actor=Actor.AGENT, now=NOW, user=user)
        assert moved == made
        assert stored(made).start == NOW + timedelta(hours=3)
        assert stored(made).token_digest == made.token_digest
        entry = last_entry(made)
        assert (entry.what, entry.user) == (Trigger.MOVED, user)
        assert datetime.fromisoformat(entry.data["from_start"]) == made.start
        assert stored(desk).bookable.places_booked == 1
        assert first_slot(agenda).start == made.start

    def test_keeps_its_place_if_the_other_is_gone(self):
        agenda, *_ = make_appointments()
        made, slot = make_booking(agenda), at(agenda, "1000")
        hold(slot, "other")
        with refused(SoldOut, "no more desk available"):
            booking.move(made, slot, actor=Actor.VISITOR, now=NOW)

    def test_to_where_it_is_changes_nothing(self):
        agenda, *_ = make_appointments()
        slot = first_slot(agenda)
        made = make_booking(slot=slot)
        before = made.entries.count()
        assert booking.move(made, slot, actor=Actor.AGENT, now=NOW) == made
        assert made.entries.count() == before

    def test_by_two_clicks_of_a_visitor_stays_at_the_desk_of_the_first(self):
        agenda, _type, _desks = make_appointments(desks=3)
        made = make_booking(agenda)
        for _click in range(2):
            booking.move(made, at(agenda, "1000"), actor=Actor.VISITOR, now=NOW)
        assert stored(made).entries.filter(what=Trigger.MOVED).count() == 1

    def test_by_half_of_its_own_length(self):
        """Its own time is not in its way."""
        agenda, *_ = make_appointments()
        kind = make_meeting_type(agenda, label="Any", step=5)
        made = make_booking(slot=at(agenda, "0930", slug="any"))
        slot = availability.Slot.of(
            agenda,
            made.start + 15 * MINUTE,
            made.end + 15 * MINUTE,
            meeting_type=kind,
            desk_ids=(made.desk_id,),
            desks={made.desk_id: made.desk},
        )
        moved = booking.move(made, slot, actor=Actor.AGENT, now=NOW)
        assert moved.occupations.get().busy_from == slot.start.timestamp() // 60

    def test_for_longer_over_its_own_time_with_its_room(self):
        agenda, meeting_type, _desks = make_appointments()
        room = Resource.objects.create(label="Room")
        meeting_type.resources.add(room)
        made = make_booking(slot=at(agenda, "1000"))
        after = make_booking(slot=at(agenda, "1130"))
        longer = availability.Slot.of(
            agenda,
            made.start,
            made.end + 60 * MINUTE,
            meeting_type=meeting_type,
            desk_ids=(made.desk_id,),
            desks={made.desk_id: made.desk},
            resources=(room,),
        )
        moved = booking.move(made, longer, actor=Actor.VISITOR, now=NOW)
        assert moved.end == after.start
        assert moved.occupations.count() == 2
        too_long = availability.Slot.of(
            agenda,
            moved.start,
            moved.end + 5 * MINUTE,
            meeting_type=meeting_type,
            desk_ids=(made.desk_id,),
            desks={made.desk_id: made.desk},
            resources=(room,),
        )
        with refused(SoldOut, "no more desk available"):
            booking.move(made, too_long, actor=Actor.VISITOR, now=NOW)

    def test_to_an_agenda_behind_the_same_virtual_one(self):
        here, _type, (desk,) = make_appointments()
        there, there_type, (other_desk,) = make_appointments(needs_approval=True, approval_hours=2)
        room = Resource.objects.create(label="Room")
        there_type.resources.add(room)
        anywhere = make_agenda(kind=AgendaKind.VIRTUAL, schedule=None)
        for member in (here, there):
            AgendaMember.objects.create(virtual_agenda=anywhere, agenda=member)
        made = make_booking(slot=first_slot(anywhere))
        assert (made.agenda, made.virtual_agenda, made.desk) == (here, anywhere, desk)
        hold_first(here, "x")
        taken = at(here, "1000")
        make_booking(slot=taken)
        slot = availability.find(anywhere, "passport:2026-11-30-1000", now=NOW)
        moved = stored(booking.move(made, slot, actor=Actor.VISITOR, now=NOW))
        assert (moved.agenda, moved.meeting_type, moved.desk) == (there, there_type, other_desk)
        # As the agenda has it to which it came.
        assert (moved.admission, moved.decide_by) == (Admission.PENDING, NOW + timedelta(hours=2))
        assert set(moved.occupations.values_list("bookable", flat=True)) == {
            other_desk.bookable_id,
            room.bookable_id,
        }
        assert list(moved.resources.all()) == [room]

    def test_a_virtual_booking_takes_the_rooms_of_its_desk(self):
        agenda, meeting_type, _desks = make_appointments()
        room = Resource.objects.create(label="Room")
        meeting_type.resources.add(room)
        anywhere = make_agenda(kind=AgendaKind.VIRTUAL, schedule=None)
        AgendaMember.objects.create(virtual_agenda=anywhere, agenda=agenda)
        held = hold_first(anywhere)
        assert held.resource_ids == [room.pk]
        made = booking.confirm(held, make_details(), now=NOW)
        assert list(made.resources.all()) == [room]
        assert made.occupations.count() == 2
        other, other_type, _desks = make_appointments()
        other_type.resources.add(room)
        assert first_slot(other).start == made.end

    def test_to_another_event(self):
        agenda = make_course().agenda
        here, there = make_event(agenda, places=1), make_event(agenda, places=2)
        booking.change_places(here, 1, now=NOW, waiting_places=1)
        made, waiting = join(here), join(here, "bob")
        moved = booking.move(made, slot_of(there), actor=Actor.VISITOR, now=NOW)
        assert (moved.event, moved.label) == (there, there.label)
        assert last_entry(made).data["from_label"] == here.label
        # Its place goes to the next.
        assert admissions(waiting) == [Admission.CONFIRMED]
        assert (numbers(here), numbers(there)) == ((1, 0), (1, 0))

    def test_what_has_a_place_is_not_put_on_a_list(self):
        event = make_course()
        full = make_event(event.agenda, places=0)
        booking.change_places(full, 0, now=NOW, waiting_places=5)
        made = join(event)
        with refused(SoldOut, "sold out"):
            booking.move(made, slot_of(full), actor=Actor.AGENT, now=NOW)

    def test_what_waits_may_wait_again_or_get_a_place(self):
        event = make_course(waiting_list_promotion="manual")
        full, free = make_event(event.agenda, places=0), make_event(event.agenda, places=1)
        booking.change_places(full, 0, now=NOW, waiting_places=1)
        _has, waits = join(event), join(event, "bob")
        moved = booking.move(waits, slot_of(full), actor=Actor.VISITOR, now=NOW + MINUTE)
        assert (moved.admission, moved.waiting_since) == (Admission.WAITING, NOW + MINUTE)
        assert (numbers(event), numbers(full)) == ((1, 0), (0, 1))
        moved = booking.move(waits, slot_of(free), actor=Actor.VISITOR, now=NOW)
        assert moved.admission == Admission.CONFIRMED
        assert (numbers(full), numbers(free)) == ((0, 0), (1, 0))

    def test_nobody_moves_past_those_who_wait(self):
        event = make_course(waiting_list_promotion="manual")
        other = make_event(event.agenda, places=5)
        has, waits = join(event), join(event, "bob")
        booking.cancel(has, actor=Actor.VISITOR, now=NOW)
        made = join(other, "cyd")
        with refused(SoldOut):
            booking.move(made, slot_of(event), actor=Actor.AGENT, now=NOW)
        assert admissions(waits) == [Admission.WAITING]

    def test_a_visitors_move_needs_approval_again(self):
        agenda, *_ = make_appointments(needs_approval=True, approval_hours=2)
        made = make_booking(agenda)
        booking.approve(made, now=NOW)
        moved = booking.move(made, at(agenda, "1000"), actor=Actor.AGENT, now=NOW)
        assert moved.admission == Admission.CONFIRMED
        later = NOW + 10 * MINUTE
        moved = booking.move(made, at(agenda, "1030"), actor=Actor.VISITOR, now=later)
        assert (moved.admission, moved.decide_by) == (
            Admission.PENDING,
            later + timedelta(hours=2),
        )
        # Moved once more while it is pending, it is not pending for longer.
        again = booking.move(made, at(agenda, "1100"), actor=Actor.VISITOR, now=later + MINUTE)
        assert again.decide_by == moved.decide_by

    @pytest.mark.parametrize("actor", [Actor.VISITOR, Actor.AGENT])
    def test_a_request_moved_to_an_earlier_time_is_decided_before_that(self, actor):
        agenda, *_ = make_appointments(needs_approval=True, approval_hours=72)
        made = make_booking(slot=at(agenda, "1100"))
        moved = booking.move(made, at(agenda, "1000"), actor=actor, now=NOW)
        assert (moved.admission, moved.decide_by) == (Admission.PENDING, moved.start)
        assert moved.occupations.get().lapses_at == moved.start

    @pytest.mark.parametrize("actor", [Actor.VISITOR, Actor.AGENT])
    def test_a_request_that_had_lapsed_keeps_its_new_place(self, actor):
        agenda, *_ = make_appointments(needs_approval=True, approval_hours=1)
        made, late = make_booking(agenda), NOW + timedelta(hours=1)
        moved = booking.move(made, at(agenda, "1000"), actor=actor, now=late)
        assert moved.decide_by == late + timedelta(hours=1)
        assert booking.settle(late) == 0

    def test_refuses(self):
        agenda, *_ = make_appointments(move_notice=1)
        made, slot = make_booking(agenda), at(agenda, "1000", day="2026-12-01")
        for actor, now, fields, error, code in (
            (Actor.VISITOR, made.start, {}, EventIsOver, "event is over"),
            (Actor.VISITOR, NOW + 61 * MINUTE, {}, TooLateToMove, "too late to move"),
            (Actor.VISITOR, NOW, {"visitors_may_move": False}, MoveNotAllowed, "move not allowed"),
        ):
            Agenda.objects.filter(pk=agenda.pk).update(**fields)
            with refused(error, code):
                booking.move(made, slot, actor=actor, now=now)
            with refused(error, code):
                booking.resize(made, 1, actor=actor, now=now)
        assert booking.move(made, slot, actor=Actor.AGENT, now=made.start)
        attendance.check_in(made, Attendance.PRESENT, now=NOW)
        with refused(CheckedIn, "booking is checked in"):
            booking.move(made, at(agenda, "1100"), actor=Actor.AGENT, now=NOW)
        booking.cancel(made, actor=Actor.AGENT, now=NOW)
        with refused(BookingCancelled):
            booking.move(made, at(agenda, "1100"), actor=Actor.AGENT, now=NOW)

    def test_until_the_very_minute_of_the_deadline(self):
        agenda, *_ = make_appointments(move_notice=1)
        made = make_booking(agenda)
        assert booking.move(made, at(agenda, "1000"), actor="visitor", now=NOW + 60 * MINUTE)

    def test_an_offer_is_accepted_not_moved(self):
        event = make_course(waiting_list_promotion="offer")
        has, waits = join(event), join(event, "bob")
        booking.cancel(has, actor=Actor.VISITOR, now=NOW)
        slot = slot_of(make_event(event.agenda))
        with refused(MoveNotAllowed):
            booking.move(waits, slot, actor=Actor.AGENT, now=NOW)

    def test_to_an_event_that_moved_or_ended_meanwhile(self):
        event = make_course()
        moved, over = make_event(event.agenda), make_event(event.agenda)
        slots = slot_of(moved), slot_of(over)
        made = join(event)
        hour = timedelta(hours=1)
        booking.change_event_time(moved, moved.start + hour, moved.end + hour, now=NOW)
        booking.cancel_event(over, now=NOW)
        for slot, error in zip(slots, (NotOffered, EventCancelled), strict=True):
            with refused(error):
                booking.move(made, slot, actor=Actor.AGENT, now=NOW)

    def test_within_the_caps_of_a_person(self):
        agenda, *_ = make_appointments(bookings_per_day=1)
        first = make_booking(slot=at(agenda, "0900"))
        second = make_booking(slot=at(agenda, "0900", day="2026-12-01"))
        slot = at(agenda, "1100", day="2026-12-01")
        with refused(CapReached, "too many bookings"):
            booking.move(first, slot, actor=Actor.VISITOR, now=NOW)
        assert booking.move(second, slot, actor=Actor.VISITOR, now=NOW)


class TestResize:
    @pytest.fixture
    def event(self):
        return make_course(places=4, waiting=4)

    def test_gives_back_and_takes_more(self, event):
        made = join(event, places=3)
        assert booking.resize(made, 1, actor=Actor.VISITOR, now=NOW).places == 1
        assert numbers(event) == (1, 0)
        assert booking.resize(made, 3, actor=Actor.VISITOR, now=NOW).places == 3
        assert numbers(event) == (3, 0)
        entry = last_entry(made)
        assert (entry.what, entry.data["from_places"], entry.data["places"]) == ("changed", 1, 3)
        before = made.entries.count()
        booking.resize(made, 3, actor=Actor.VISITOR, now=NOW)
        assert made.entries.count() == before

    def test_what_is_given_back_goes_to_those_who_wait(self, event):
        made = join(event, places=3)
        waits = join(event, "bob", places=2)
        booking.resize(made, 2, actor=Actor.VISITOR, now=NOW)
        assert admissions(waits) == [Admission.CONFIRMED]
        assert numbers(event) == (4, 0)

    def test_more_places_queue_like_a_newcomer(self, event):
        made = join(event, places=2)
        join(event, "bob", places=3)
        with refused(SoldOut, "sold out"):
            booking.resize(made, 3, actor=Actor.AGENT, now=NOW)

    def test_on_the_waiting_list(self, event):
        join(event, places=3)
        waits = join(event, "bob", places=2)
        assert booking.resize(waits, 3, actor=Actor.VISITOR, now=NOW).places == 3
        assert numbers(event) == (3, 3)
        with refused(WaitingListFull):
            booking.resize(waits, 5, actor=Actor.AGENT, now=NOW)
        booking.resize(waits, 1, actor=Actor.VISITOR, now=NOW)
        assert admissions(waits) == [Admission.CONFIRMED]
        assert numbers(event) == (4, 0)

    def test_refuses(self, event):
        made = join(event)
        for places, actor, error in (
            (4, Actor.VISITOR, TooManyPlaces),
            (5, Actor.AGENT, SoldOut),
            (10**12, Actor.AGENT, SoldOut),
        ):
            with refused(error):
                booking.resize(made, places, actor=actor, now=NOW)
        with pytest.raises(ValueError, match="at least one place"):
            booking.resize(made, 0, actor=Actor.AGENT, now=NOW)
        appointment = make_booking(make_appointments()[0])
        with refused(TooManyPlaces, "too many places"):
            booking.resize(appointment, 2, actor=Actor.AGENT, now=NOW)
        booking.cancel(made, actor=Actor.AGENT, now=NOW)
        with refused(BookingCancelled):
            booking.resize(made, 2, actor=Actor.AGENT, now=NOW)
