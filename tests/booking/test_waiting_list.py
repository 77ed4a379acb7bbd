"""The waiting list: who joins it, who gets a place from it and when, and what is refused."""

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
    numbers,
    refused,
    slot_of,
    stored,
)
from tests.factories import NOW, make_appointments, make_booking, make_details
from wagtail_agenda import booking
from wagtail_agenda.booking import Waiting
from wagtail_agenda.choices import Actor, Admission, Trigger, WaitingListPromotion
from wagtail_agenda.errors import (
    AlreadyWaiting,
    BookingCancelled,
    EventIsOver,
    NoOffer,
    NotWaiting,
    OfferLapsed,
    SoldOut,
    WaitingListFull,
)
from wagtail_agenda.models import Booking

pytestmark = pytest.mark.django_db

CONFIRMED, WAITING, OFFERED, CANCELLED, PENDING = (
    Admission.CONFIRMED,
    Admission.WAITING,
    Admission.OFFERED,
    Admission.CANCELLED,
    Admission.PENDING,
)
BY_HAND = {"waiting_list_promotion": WaitingListPromotion.BY_HAND}
BY_OFFER = {"waiting_list_promotion": WaitingListPromotion.OFFER, "offer_hours": 2}


class TestJoining:
    def test_comes_after_the_last_place_and_ends_with_the_last_one_of_the_list(self):
        event = make_course(places=1, waiting=2)
        first, second, third = (join(event, name, NOW) for name in ("ada", "bob", "cyd"))
        assert admissions(first, second, third) == [CONFIRMED, WAITING, WAITING]
        assert (second.waiting_since, first.waiting_since) == (NOW, None)
        assert second.status.slug == "waiting"
        assert last_entry(second).what == Trigger.WAITING
        with refused(SoldOut, "sold out"):
            join(event, "dan")
        assert numbers(event) == (1, 2)

    def test_all_places_of_a_booking_go_to_the_same_list(self):
        event = make_course(places=3, waiting=4)
        join(event, places=2)
        group = join(event, "bob", places=3)
        assert (group.admission, group.occupations.get().places) == (WAITING, 3)
        with refused(SoldOut):
            join(event, "cyd", places=2)
        assert numbers(event) == (2, 3)

    def test_nobody_comes_past_those_who_wait(self):
        event = make_course(places=2, waiting=2, **BY_HAND)
        first, second, waiting = (join(event, name) for name in ("ada", "bob", "cyd"))
        booking.cancel(first, actor=Actor.VISITOR, now=NOW)
        late = join(event, "dan")
        assert admissions(waiting, late) == [WAITING, WAITING]
        held = hold(slot_of(make_course()), "x")
        assert not held.waiting
        with refused(SoldOut):
            join(event, "eve", actor=Actor.AGENT)

    def test_nobody_comes_past_an_offer(self):
        event = make_course(places=2, waiting=3, **BY_OFFER)
        first, second, waiting = (join(event, name) for name in ("ada", "bob", "cyd"))
        for made in (first, second):
            booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        assert admissions(waiting) == [OFFERED]
        assert numbers(event) == (0, 0)
        assert admissions(join(event, "dan")) == [WAITING]
        booking.accept_offer(waiting, now=NOW)
        booking.settle(NOW)
        assert numbers(event) == (1, 0)

    def test_only_if_it_will_do(self):
        event = make_course(places=1, waiting=2)
        join(event)
        with refused(SoldOut):
            join(event, "bob", waiting=Waiting.REFUSED)
        assert join(event, "bob").admission == WAITING

    def test_on_demand_though_there_is_a_place(self):
        event = make_course(places=5, waiting=1, **BY_HAND)
        assert join(event, waiting=Waiting.WANTED).admission == WAITING
        with refused(WaitingListFull, "waiting list is full"):
            join(event, "bob", waiting=Waiting.WANTED)

    def test_with_a_hold(self):
        event = make_course(places=1, waiting=1)
        join(event)
        held = hold(slot_of(event))
        assert held.waiting
        assert held.occupations.get().waiting
        with refused(SoldOut):
            hold(slot_of(event, lock_code="a"), "b")
        made = booking.confirm(held, make_details(), now=NOW)
        assert (made.admission, numbers(event)) == (WAITING, (1, 1))
        assert made.occupations.get().waiting

    def test_a_hold_of_the_waiting_list_becomes_a_place_that_is_free_by_then(self):
        event = make_course(places=1, waiting=1)
        first = join(event)
        held = hold(slot_of(event))
        booking.cancel(first, actor=Actor.VISITOR, now=NOW)
        assert booking.confirm(held, make_details(), now=NOW).admission == CONFIRMED
        assert numbers(event) == (1, 0)

    def test_a_hold_of_a_place_is_never_put_on_the_list(self):
        event = make_course(places=1, waiting=3)
        held = hold(slot_of(event))
        waiting = join(event, "bob")
        assert waiting.admission == WAITING
        assert booking.confirm(stored(held), make_details(), now=NOW).admission == CONFIRMED
        assert numbers(event) == (1, 1)

    def test_a_lapsed_hold_of_a_place_does_not_come_past_those_who_wait(self):
        event = make_course(places=1, waiting=3)
        held = hold(slot_of(event))
        waiting = join(event, "bob")
        with refused(SoldOut):
            booking.confirm(held, make_details(), now=LATER)
        assert booking.settle(LATER) == 1
        assert admissions(waiting) == [CONFIRMED]

    def test_who_holds_a_place_and_fills_the_form_again_keeps_it(self):
        event = make_course(places=2, waiting=3)
        join(event)
        held = hold(slot_of(event))
        join(event, "bob")
        again = hold(slot_of(event, lock_code="a"), now=NOW + MINUTE)
        assert (again.pk, again.waiting) == (held.pk, False)
        # For more than they hold they come last.
        assert hold(slot_of(event, lock_code="a"), places=2).waiting


class TestFilling:
    def test_a_place_goes_to_the_first_at_once(self):
        event = make_course(places=1)
        first, second, third = (join(event, name) for name in ("ada", "bob", "cyd"))
        booking.cancel(first, actor=Actor.VISITOR, now=NOW)
        assert admissions(second, third) == [CONFIRMED, WAITING]
        assert numbers(event) == (1, 1)
        entry = last_entry(second)
        assert (entry.what, entry.actor) == (Trigger.PROMOTED, Actor.SYSTEM)
        assert stored(second).status.slug == "confirmed"
        assert stored(second).waiting_since == NOW

    def test_a_group_for_which_there_is_no_room_keeps_nobody_waiting(self):
        event = make_course(places=3, waiting=9)
        crowd = [join(event, name) for name in ("ada", "bob", "cyd")]
        group = join(event, "dan", places=3)
        single = join(event, "eve", NOW + MINUTE)
        booking.cancel(crowd[0], actor=Actor.VISITOR, now=NOW)
        assert admissions(group, single) == [WAITING, CONFIRMED]
        for made in (crowd[1], crowd[2], single):
            booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        assert admissions(group) == [CONFIRMED]
        assert numbers(event) == (3, 0)

    def test_by_hand_nobody_gets_one_by_itself(self):
        event = make_course(**BY_HAND)
        first, second = join(event), join(event, "bob")
        booking.cancel(first, actor=Actor.VISITOR, now=NOW)
        assert booking.settle(NOW) == 0
        assert admissions(second) == [WAITING]

    def test_by_offer_the_place_is_kept_until_it_is_answered(self):
        event = make_course(**BY_OFFER)
        first, second, third = (join(event, name) for name in ("ada", "bob", "cyd"))
        booking.cancel(first, actor=Actor.VISITOR, now=NOW)
        offered = stored(second)
        assert admissions(second, third) == [OFFERED, WAITING]
        assert offered.decide_by == NOW + timedelta(hours=2)
        assert offered.occupations.get().lapses_at == offered.decide_by
        assert offered.status.slug == "offered"
        assert numbers(event) == (0, 1)
        with refused(SoldOut):
            booking.promote(third, now=NOW)

    def test_an_offer_ends_when_the_event_begins_if_that_is_sooner(self):
        event = make_course(start=NOW + timedelta(hours=1), **BY_OFFER)
        first, second = join(event), join(event, "bob")
        booking.cancel(first, actor=Actor.VISITOR, now=NOW)
        assert stored(second).decide_by == event.start

    def test_where_bookings_need_approval_an_agent_still_decides(self):
        event = make_course(needs_approval=True, approval_hours=3)
        first, second = join(event), join(event, "bob")
        booking.refuse(first, now=NOW)
        pending = stored(second)
        assert (pending.admission, pending.decide_by) == (PENDING, NOW + timedelta(hours=3))
        assert pending.status.slug == "pending"

    def test_nobody_gets_a_place_of_what_has_begun(self):
        event = make_course()
        first, second = join(event), join(event, "bob")
        booking.cancel(first, actor=Actor.AGENT, now=event.start)
        assert admissions(second) == [WAITING]


class TestByHand:
    @pytest.fixture
    def course(self):
        return make_course(places=2, waiting=5, **BY_HAND)

    @pytest.fixture
    def queue(self, course):
        crowd = [join(course, name) for name in ("ada", "bob", "cyd", "dan")]
        booking.cancel(crowd[0], actor=Actor.VISITOR, now=NOW)
        return crowd[1:]

    def test_promote_gives_a_place_to_whom_the_agent_picks(self, course, queue):
        _has, first, second = queue
        promoted = booking.promote(second, now=NOW)
        assert promoted == second
        assert admissions(first, second) == [WAITING, CONFIRMED]
        assert (last_entry(second).what, last_entry(second).actor) == ("promoted", Actor.AGENT)
        assert numbers(course) == (2, 1)
        with refused(SoldOut, "sold out"):
            booking.promote(first, now=NOW)

    def test_promote_approves_as_well(self):
        event = make_course(needs_approval=True, **BY_HAND)
        first, second = join(event), join(event, "bob")
        booking.cancel(first, actor=Actor.VISITOR, now=NOW)
        assert booking.promote(second, now=NOW).admission == CONFIRMED

    def test_promote_ends_an_offer_well(self, course, queue):
        booking.offer(queue[1], now=NOW)
        assert booking.promote(queue[1], now=NOW).admission == CONFIRMED
        assert stored(queue[1]).decide_by is None

    def test_offer_keeps_a_place_for_somebody(self, course, queue):
        offered = booking.offer(queue[2], now=NOW)
        assert (offered.admission, offered.decide_by) == (OFFERED, NOW + timedelta(hours=24))
        assert numbers(course) == (1, 1)
        with refused(SoldOut):
            booking.offer(queue[1], now=NOW)

    @pytest.mark.parametrize("act", [booking.promote, booking.offer])
    def test_refuses_what_does_not_wait(self, course, queue, act):
        with refused(NotWaiting, "booking is not in waiting list"):
            act(queue[0], now=NOW)
        appointment = make_booking(make_appointments()[0])
        with refused(NotWaiting):
            act(appointment, now=NOW)
        with refused(EventIsOver, "event is over"):
            act(queue[1], now=course.start)
        booking.cancel(queue[1], actor=Actor.VISITOR, now=NOW)
        with refused(BookingCancelled, "booking is cancelled"):
            act(queue[1], now=NOW)

    def test_a_second_offer_is_none(self, course, queue):
        booking.offer(queue[1], now=NOW)
        with refused(NotWaiting):
            booking.offer(queue[1], now=NOW)

    def test_suspend_puts_back_on_the_list_until_an_agent_takes_it_off(self):
        event = make_course()
        first, second = join(event), join(event, "bob")
        suspended = booking.suspend(first, now=NOW + MINUTE)
        assert (suspended.admission, suspended.suspended) == (WAITING, True)
        assert suspended.waiting_since == NOW + MINUTE
        assert admissions(second) == [CONFIRMED]
        assert last_entry(first).what == Trigger.SUSPENDED
        booking.cancel(second, actor=Actor.VISITOR, now=NOW)
        assert booking.settle(LATER) == 0
        assert admissions(first) == [WAITING]
        assert not booking.promote(first, now=NOW).suspended
        assert admissions(first) == [CONFIRMED]

    def test_who_has_waited_before_has_their_old_turn_again(self):
        event = make_course()
        first, second = join(event), join(event, "bob")
        booking.cancel(first, actor=Actor.VISITOR, now=NOW)
        assert booking.suspend(second, now=LATER).waiting_since == NOW

    def test_suspend_refuses(self, course, queue):
        with refused(AlreadyWaiting, "booking is already in waiting list"):
            booking.suspend(queue[1], now=NOW)
        appointment = make_booking(make_appointments()[0])
        with refused(WaitingListFull):
            booking.suspend(appointment, now=NOW)
        with refused(EventIsOver):
            booking.suspend(queue[0], now=course.start)
        booking.change_places(course, 2, now=NOW, waiting_places=2)
        with refused(WaitingListFull):
            booking.suspend(queue[0], now=NOW)
        booking.cancel(queue[0], actor=Actor.VISITOR, now=NOW)
        with refused(BookingCancelled):
            booking.suspend(queue[0], now=NOW)


class TestOffers:
    @pytest.fixture
    def offered(self):
        """Bob, who is being offered the place that Ada has given back, while Cyd waits."""
        event = make_course(**BY_OFFER)
        first, second, _third = (join(event, name) for name in ("ada", "bob", "cyd"))
        booking.cancel(first, actor=Actor.VISITOR, now=NOW)
        return second

    @pytest.fixture
    def next_one(self, offered):
        return Booking.objects.get(user_name="cyd")

    def test_accepted(self, offered, next_one):
        made = booking.accept_offer(offered, now=NOW + timedelta(minutes=119))
        assert (made.admission, made.decide_by, made.status.slug) == (CONFIRMED, None, "confirmed")
        assert (last_entry(made).what, last_entry(made).actor) == ("promoted", Actor.VISITOR)
        assert numbers(made.event) == (1, 1)
        before = made.entries.count()
        assert booking.accept_offer(offered, now=LATER) == made
        assert made.entries.count() == before

    def test_accepted_too_late(self, offered, next_one):
        with refused(OfferLapsed, "offer has lapsed"):
            booking.accept_offer(offered, now=NOW + timedelta(hours=2))

    def test_accepted_where_bookings_need_approval(self, offered):
        offered.agenda.needs_approval = True
        offered.agenda.save()
        assert booking.accept_offer(offered, now=NOW).admission == PENDING

    def test_declined(self, offered, next_one):
        declined = booking.decline_offer(offered, now=NOW)
        assert (declined.admission, last_entry(declined).what) == (CANCELLED, Trigger.DECLINED)
        assert admissions(next_one) == [OFFERED]
        with refused(BookingCancelled):
            booking.accept_offer(offered, now=NOW)

    def test_lapses_and_passes_on(self, offered, next_one):
        assert booking.settle(NOW + timedelta(minutes=119)) == 0
        moment = NOW + timedelta(hours=2)
        assert booking.settle(moment) == 1
        assert admissions(offered, next_one) == [CANCELLED, OFFERED]
        assert last_entry(offered).what == Trigger.LAPSED
        assert stored(next_one).decide_by == moment + timedelta(hours=2)

    def test_refuses_what_is_offered_nothing(self, offered, next_one):
        with refused(NoOffer, "no place is offered"):
            booking.accept_offer(next_one, now=NOW)
        with refused(NoOffer):
            booking.decline_offer(next_one, now=NOW)
        with refused(EventIsOver):
            booking.accept_offer(offered, now=offered.start)
        booking.accept_offer(offered, now=NOW)
        with refused(NoOffer):
            booking.decline_offer(offered, now=NOW)


class TestStandings:
    def test_say_why_it_is_not_yet_their_turn(self):
        event = make_course(places=2, waiting=9, **BY_HAND)
        crowd = [join(event, name) for name in ("ada", "bob", "cyd")]
        join(event, "dan", NOW + MINUTE, places=2)
        suspended = join(event, "eve", NOW + 2 * MINUTE)
        assert [one.reason for one in booking.standings(event, NOW)] == ["No place is free."] * 3
        booking.cancel(crowd[0], actor=Actor.VISITOR, now=NOW)
        Booking.objects.filter(pk=suspended.pk).update(suspended=True)
        listed = booking.standings(event, NOW)
        assert [(one.position, one.booking.user_name) for one in listed] == [
            (1, "cyd"),
            (2, "dan"),
            (3, "eve"),
        ]
        assert [one.reason for one in listed] == [
            "There is room. An agent decides who gets it.",
            "Needs 2 places, and 1 is free.",
            "Was put back on the list by an agent, who alone can take it off again.",
        ]
        booking.offer(crowd[2], now=NOW)
        assert booking.standings(event, NOW)[0].reason.startswith("Is being offered a place until")

    @pytest.mark.django_db(transaction=True)
    def test_need_no_transaction(self):
        event = make_course(places=1, waiting=9)
        hold(slot_of(event))
        join(event, "bob")
        [standing] = booking.standings(event, NOW)
        assert standing.reason == "No place is free."
        assert booking.standings(event, LATER)[0].reason.startswith("There is room.")
