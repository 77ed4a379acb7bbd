"""Places, waiting lists, offers and approval while everybody comes at once."""

import random
from datetime import timedelta

import pytest
from django.db import connection, transaction

from tests.booking.books import Books, left_waiting
from tests.booking.common import admissions, join, make_course, numbers, slot_of, stored
from tests.concurrency.conftest import PROVING, patiently
from tests.factories import (
    NOW,
    first_slot,
    make_appointments,
    make_booking,
    make_details,
    make_event,
)
from wagtail_agenda import availability, booking
from wagtail_agenda.choices import Actor, Admission
from wagtail_agenda.errors import (
    AlreadyCancelled,
    AlreadyWaiting,
    BookingCancelled,
    CapReached,
    EventCancelled,
    EventIsBooked,
    NoOffer,
    NotOffered,
    NotWaiting,
    OfferLapsed,
    Overloaded,
    PlacesInUse,
    SoldOut,
)
from wagtail_agenda.models import Agenda, Booking, Resource

pytestmark = pytest.mark.django_db(transaction=True)

VISITORS, PLACES, WAITING = (500, 20, 10) if PROVING else (100, 20, 10)
RIVALS = 60 if PROVING else 16
"""Visitors who want the last place by the form while somebody else gets at it another way."""

HOUR = timedelta(hours=1)


def by_the_form(event, number, now=NOW):
    slot = availability.Slot.of(event.agenda, event.start, event.end, event=event)
    held = booking.hold(slot, lock_code=f"visitor-{number}", now=now)
    return booking.confirm(held, details_of(f"visitor-{number}"), now=now)


def details_of(name, **fields):
    return make_details(user_name=name, user_email=f"{name}@fairbridge.example", **fields)


def with_places(event):
    """The bookings that have a place of an event."""
    return list(
        Booking.objects.filter(event=event)
        .exclude(admission__in=[Admission.CANCELLED, Admission.WAITING])
        .order_by("pk")
    )


def assert_balanced(now=NOW):
    assert Books.read().problems(now) == []


def race(rush, event, others, *, visitors=RIVALS, now=NOW):
    """Visitors by the form against `others`, acts without arguments, in an order of chance."""
    acts = [lambda number=number: by_the_form(event, number, now) for number in range(visitors)]
    acts += others
    random.Random(len(acts)).shuffle(acts)  # noqa: S311
    result = rush(patiently(lambda act: act()), acts)
    assert_balanced(now)
    return result


# Everybody at once


def test_a_course_gives_its_places_and_its_waiting_list_to_exactly_so_many(rush):
    event = make_course(places=PLACES, waiting=WAITING)

    def come(number):
        if number % 2:
            return by_the_form(event, number)
        return join(event, f"visitor-{number}")

    result = rush(patiently(come), range(VISITORS))
    admitted = [made.admission for made in result.won]
    assert (admitted.count("confirmed"), admitted.count("waiting")) == (PLACES, WAITING)
    assert result.refused == {"SoldOut": VISITORS - PLACES - WAITING}
    assert numbers(event) == (PLACES, WAITING)
    assert_balanced()


@pytest.mark.parametrize("promotion", ["automatic", "offer"])
def test_places_that_are_given_back_go_down_the_list_in_its_order(rush, promotion):
    event = make_course(places=10, waiting=10, waiting_list_promotion=promotion)
    made = [join(event, f"visitor-{n}", NOW + n * timedelta(seconds=1)) for n in range(20)]
    result = rush(
        patiently(lambda one: booking.cancel(one, actor=Actor.VISITOR, now=NOW + HOUR)), made[:7]
    )
    assert len(result.won) == 7
    after = "confirmed" if promotion == "automatic" else "offered"
    assert admissions(*made[10:]) == [after] * 7 + ["waiting"] * 3
    assert_balanced(NOW + HOUR)


def test_several_events_in_any_order_are_all_had_or_none_and_nobody_sees_a_deadlock(rush):
    agenda = make_course(several_events=True).agenda
    events = [make_event(agenda, places=12) for _number in range(5)]
    draw = random.Random(7)  # noqa: S311
    choices = [draw.sample(events, 3) for _visitor in range(3 * RIVALS)]

    def come(visitor):
        number, chosen = visitor
        slots = [slot_of(event) for event in chosen]
        details = details_of(f"visitor-{number}")
        if number % 2:
            held = booking.hold_together(slots, lock_code=f"{number}", now=NOW)
            return booking.confirm_all(held, details, now=NOW)
        return booking.book_together(agenda, slots, details, now=NOW).booked

    result = rush(patiently(come), enumerate(choices))
    assert result.refused_for(SoldOut)
    assert all(len(made) == 3 for made in result.won)
    assert Booking.objects.count() == 3 * len(result.won)
    assert_balanced()


def test_one_person_has_no_more_than_the_cap(rush):
    agenda, *_ = make_appointments(desks=25, bookings_per_day=3)
    slots = availability.slots(agenda, first=NOW.date(), last=NOW.date(), now=NOW)

    def come(number):
        slot = slots[number % len(slots)]
        if number % 2:
            return booking.book(slot, make_details(), now=NOW, actor=Actor.VISITOR)
        held = booking.hold(slot, lock_code=f"{number}", now=NOW)
        return booking.confirm(held, make_details(), now=NOW)

    result = rush(patiently(come), range(20))
    assert len(result.won) == 3
    assert result.refused_for(CapReached)
    assert_balanced()


def test_one_person_has_no_more_than_the_cap_inside_transactions_of_the_host(rush):
    """On MariaDB at its own default, where plain reads answer with what was true before."""
    agenda, *_ = make_appointments(desks=10, bookings_per_day=2)
    slot = first_slot(agenda)
    make_booking(slot=slot)

    def come(_number):
        if connection.vendor == "mysql":
            with connection.cursor() as cursor:
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with transaction.atomic():
            if connection.vendor != "sqlite":
                assert Booking.objects.count() < 3
            return booking.book(slot, make_details(), now=NOW, actor=Actor.VISITOR)

    result = rush(come, range(8))
    assert len(result.won) == 1
    assert result.refused_for(CapReached, Overloaded)
    assert_balanced()


def test_two_agendas_that_share_a_room_never_collide(rush):
    room = Resource.objects.create(label="Room")
    slots = []
    for _number in range(2):
        agenda, meeting_type, _desks = make_appointments(desks=2)
        meeting_type.resources.add(room)
        slots.append(first_slot(agenda))

    def come(number):
        slot = slots[number % 2]
        if number % 3:
            return booking.book(slot, details_of(f"{number}"), now=NOW, actor=Actor.AGENT)
        held = booking.hold(slot, lock_code=f"{number}", now=NOW)
        return booking.confirm(held, details_of(f"{number}"), now=NOW)

    result = rush(patiently(come), range(3 * RIVALS))
    assert len(result.won) == 1
    assert result.refused_for(SoldOut)
    assert_balanced()


# The last place, by the form and by another way


def test_approval_of_what_has_lapsed(rush):
    event = make_course(waiting=0, needs_approval=True, approval_hours=1)
    lapsed = join(event)
    later = NOW + HOUR
    result = race(rush, event, [lambda: booking.approve(lapsed, now=later)], now=later)
    assert result.refused_for(SoldOut)
    assert len(result.won) == 1


def test_two_requests_for_one_place_are_never_both_approved(rush):
    """Both lapsed and nobody has settled them; and every agent clicks at once."""
    event = make_course(waiting=0, needs_approval=True, approval_hours=1)
    requests = [join(event, f"visitor-{hour}", NOW + hour * HOUR) for hour in range(3)]
    later = NOW + 10 * HOUR
    result = rush(
        patiently(lambda made: booking.approve(made, now=later)), requests * (RIVALS // 3)
    )
    assert len({made.pk for made in result.won}) == 1
    assert admissions(*requests).count("confirmed") == 1
    assert_balanced(later)


def test_promotion_by_hand(rush):
    event = make_course(waiting=5, waiting_list_promotion="manual")
    has, *waits = (join(event, name) for name in ("ada", "bob", "cyd"))
    booking.cancel(has, actor=Actor.VISITOR, now=NOW)
    race(rush, event, [lambda one=one: booking.promote(one, now=NOW) for one in waits])
    assert len(with_places(event)) == 1
    assert with_places(event)[0] in waits


def test_an_offer_by_clocks_that_differ(rush):
    """By the visitors' clock the offer has lapsed, by the other one it has not."""
    event = make_course(waiting=1, waiting_list_promotion="offer", offer_hours=1)
    has, waits = join(event), join(event, "bob")
    booking.cancel(has, actor=Actor.VISITOR, now=NOW)
    result = race(rush, event, [lambda: booking.accept_offer(waits, now=NOW)] * 3, now=NOW + HOUR)
    assert result.refused_for(SoldOut, OfferLapsed)
    taken = Booking.objects.filter(event=event, admission=Admission.CONFIRMED)
    assert taken.count() == 1


def test_a_request_by_clocks_that_differ(rush):
    event = make_course(waiting=0, needs_approval=True, approval_hours=1)
    request = join(event)
    Agenda.objects.filter(pk=event.agenda_id).update(needs_approval=False)
    event.agenda.refresh_from_db()
    race(rush, event, [lambda: booking.approve(request, now=NOW)] * 3, now=NOW + HOUR)
    taken = Booking.objects.filter(event=event, admission=Admission.CONFIRMED)
    assert taken.count() == 1


def test_a_move(rush):
    event = make_course(waiting=0)
    others = [join(make_event(event.agenda), f"mover-{number}") for number in range(4)]
    slot = slot_of(event)
    result = race(
        rush,
        event,
        [lambda one=one: booking.move(one, slot, actor=Actor.VISITOR, now=NOW) for one in others],
    )
    assert len(result.won) == len(with_places(event)) == 1
    assert result.refused_for(SoldOut)
    assert all(made.admission == "confirmed" for made in map(stored, others))


def test_an_agent(rush):
    event = make_course(waiting=0)
    slot = slot_of(event)
    result = race(
        rush, event, [lambda: booking.book(slot, make_details(), now=NOW, actor=Actor.AGENT)] * 4
    )
    assert len(result.won) == 1
    assert result.refused_for(SoldOut)


def test_one_more_place_on_a_booking(rush):
    event = make_course(places=2, waiting=0)
    made = join(event)
    result = race(rush, event, [lambda: booking.resize(made, 2, actor=Actor.VISITOR, now=NOW)] * 2)
    assert result.refused_for(SoldOut)
    assert sum(one.places for one in with_places(event)) == 2


def test_fewer_places(rush):
    event = make_course(places=2, waiting=0)
    join(event)
    result = race(rush, event, [lambda: booking.change_places(stored(event), 1, now=NOW)])
    assert result.refused_for(SoldOut, PlacesInUse)
    assert len(with_places(event)) == stored(event).places


def test_another_time(rush):
    event = make_course(waiting=0)
    present = stored(event)
    start, end = event.start + HOUR, event.end + HOUR
    result = race(rush, event, [lambda: booking.change_event_time(present, start, end, now=NOW)])
    assert result.refused_for(SoldOut, NotOffered, EventIsBooked)
    made = with_places(event)
    assert (len(made), stored(event).start) in [(1, event.start), (0, start)]


def test_another_time_with_everybody(rush):
    event = make_course(places=5, waiting=5)
    present = stored(event)
    start, end = event.start + HOUR, event.end + HOUR
    race(
        rush,
        event,
        [lambda: booking.change_event_time(present, start, end, now=NOW, with_bookings=True)],
    )
    assert {made.start for made in Booking.objects.filter(event=event)} <= {start}


def test_a_cancelled_event(rush):
    event = make_course(places=5, waiting=5)
    join(event)
    present = stored(event)
    result = race(rush, event, [lambda: booking.cancel_event(present, now=NOW)] * 2)
    assert result.refused_for(SoldOut, EventCancelled)
    assert set(Booking.objects.values_list("admission", flat=True)) == {Admission.CANCELLED}
    assert numbers(event) == (0, 0)


def test_somebody_who_is_put_back_on_the_list(rush):
    # Room for everybody who comes: to a full list nobody can be put back.
    event = make_course(waiting=RIVALS + 10, places=3)
    crowd = [join(event, f"crowd-{number}") for number in range(6)]
    result = race(
        rush, event, [lambda one=one: booking.suspend(one, now=NOW) for one in crowd[:3] * 2]
    )
    assert result.refused_for(AlreadyWaiting)
    assert with_places(event) == crowd[3:]
    assert left_waiting(Books.read(), [event.agenda_id], NOW) == []


def test_a_persons_set_of_events_is_one_of_those_that_were_sent(rush):
    agenda = make_course(several_events=True).agenda
    events = [make_event(agenda, places=1) for _number in range(4)]
    sets = [events[:2], events[2:], events[1:3], []]
    details = details_of("ada")

    def replace(chosen):
        slots = [availability.Slot.of(agenda, row.start, row.end, event=row) for row in chosen]
        return booking.book_together(
            agenda, slots, details, now=NOW, replacing=True, actor=Actor.VISITOR
        )

    others = [lambda chosen=chosen: replace(chosen) for chosen in sets * (RIVALS // 4)]
    result = race(rush, events[0], others)
    assert result.refused_for(SoldOut)
    mine = Booking.objects.filter(user_name="ada").exclude(admission=Admission.CANCELLED)
    assert {made.event for made in mine} in [set(chosen) for chosen in sets]
    for event in events:
        assert len(with_places(event)) <= 1


def test_everything_at_once_ends_in_order(rush):
    """Cancelled, declined, accepted, promoted and settled while others join."""
    event = make_course(places=4, waiting=30, waiting_list_promotion="offer", offer_hours=1)
    crowd = [join(event, f"crowd-{number}") for number in range(14)]
    for made in crowd[:3]:
        booking.cancel(made, actor=Actor.VISITOR, now=NOW)
    acts = [lambda: booking.settle(NOW)] * 3
    acts += [lambda one=one: booking.cancel(one, actor=Actor.VISITOR, now=NOW) for one in crowd]
    acts += [lambda one=one: booking.accept_offer(one, now=NOW) for one in crowd[3:6]]
    acts += [lambda one=one: booking.promote(one, now=NOW) for one in crowd[8:10]]
    result = race(rush, event, acts)
    assert result.refused_for(
        SoldOut, AlreadyCancelled, BookingCancelled, NotWaiting, OfferLapsed, NoOffer
    )
    booking.settle(NOW)
    assert left_waiting(Books.read(), [event.agenda_id], NOW) == []
    assert_balanced()
