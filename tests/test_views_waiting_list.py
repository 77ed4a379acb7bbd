"""Joining a waiting list, standing on it, and answering an offer, as the visitor meets them."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import NOW, make_agenda, make_booking, make_event
from tests.test_views_manage import state
from tests.test_views_visitor import TYPED, Visitor, clock, text_of  # noqa: F401
from wagtail_agenda import availability, tokens
from wagtail_agenda import booking as bookings
from wagtail_agenda.choices import Actor, Admission, AgendaKind, WaitingListPromotion
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.models import Agenda, Booking, Hold

pytestmark = pytest.mark.django_db


def make_course(waiting=5, places=1, **agenda):
    """An event with a waiting list; its agenda offers places that become free."""
    values = {"waiting_list_promotion": WaitingListPromotion.OFFER, "offer_hours": 24, **agenda}
    event = make_event(make_agenda(kind=AgendaKind.EVENTS, **values), label="Sourdough")
    bookings.change_places(event, places, now=NOW, waiting_places=waiting)
    return event


def book(event, now=NOW, **details):
    return make_booking(
        slot=availability.find(event.agenda, event.slug, now=now), now=now, **details
    )


def url(page, booking):
    return reverse(f"wagtail_agenda:{page}", args=[tokens.manage_token(booking)])


@pytest.fixture
def course():
    """A course whose one place is taken."""
    event = make_course()
    book(event, user_name="Bob")
    return event


@pytest.fixture
def offered(course):
    """Somebody who waits and is being offered the place until tomorrow at seven."""
    waiting = book(course)
    bookings.cancel(Booking.objects.get(user_name="Bob"), actor=Actor.VISITOR, now=NOW)
    waiting.refresh_from_db()
    assert waiting.admission == Admission.OFFERED
    return waiting


# Joining


def test_a_full_event_is_offered_with_its_waiting_list(client, course):
    book(course, user_name="Cleo")
    visitor = Visitor(client, course.agenda)
    response = visitor.choose(more="1")
    said = "Fully booked: join the waiting list, 1 place is waited for"
    assert said in text_of(response)
    assert not re.search(f'value="{course.slug}"[^>]* disabled', response.text)


def test_every_step_says_that_it_is_the_waiting_list(client, course, clock):  # noqa: F811
    visitor = Visitor(client, course.agenda, clock=clock)
    response = visitor.choose(course.slug)
    assert visitor.step == "details"
    assert Hold.objects.get().waiting
    assert "This is the waiting list." in text_of(response)
    response = visitor.post("details", **TYPED)
    assert visitor.step == "summary"
    assert "This is the waiting list." in text_of(response)
    assert "Join the waiting list" in text_of(response)
    assert "Confirm booking" not in text_of(response)
    clock.tick(10)
    response = visitor.confirm(response)
    assert visitor.step == "confirmed"
    made = Booking.objects.get(user_name=TYPED["user_name"])
    assert made.admission == Admission.WAITING
    assert re.search(r"<title>\s*On the waiting list", response.text)
    assert "You are on the waiting list" in text_of(response)
    assert "You have no place yet, so there is no invitation." in text_of(response)
    assert "with the invitation" not in text_of(response)
    assert "Google Calendar" not in response.text


def test_whoever_waited_while_a_place_became_free_is_booked(client, course, clock):  # noqa: F811
    visitor = Visitor(client, course.agenda, clock=clock)
    page = visitor.to_summary(course.slug)
    bookings.cancel(Booking.objects.get(user_name="Bob"), actor=Actor.VISITOR, now=NOW)
    response = visitor.confirm(page)
    assert "Your booking is confirmed" in text_of(response)


def test_a_place_that_was_held_and_lost_is_not_made_a_turn_to_wait(client, clock):  # noqa: F811
    course = make_course()
    visitor = Visitor(client, course.agenda, clock=clock)
    page = visitor.to_summary(course.slug)
    clock.tick(timedelta(minutes=11))
    book(course, now=timezone.now(), user_name="Bob")
    response = visitor.confirm(page)
    assert visitor.step == "picker"
    assert "The last place has just been taken" in text_of(response)
    assert "Everything you typed is kept." in text_of(response)
    assert Booking.objects.count() == 1
    assert Hold.objects.get().answers == TYPED


def test_a_full_waiting_list_takes_nobody(client, course):
    bookings.change_places(course, 1, now=NOW, waiting_places=0)
    visitor = Visitor(client, course.agenda)
    response = visitor.choose(course.slug)
    assert visitor.step == "picker"
    assert "Fully booked" in text_of(response)
    assert re.search(f'value="{course.slug}"[^>]* disabled', response.text)


# Standing on it


def test_the_page_says_which_number_one_has(client, course):
    first, second = book(course, user_name="Cleo"), book(course, user_name="Dan")
    assert "You are number 1 of 2 on the list." in text_of(client.get(url("manage", first)))
    response = client.get(url("manage", second))
    assert "You are number 2 of 2 on the list." in text_of(response)
    assert "have 24 hours to accept the place" in text_of(response)
    assert "Google Calendar" not in response.text


def test_alone_on_the_list(client, course):
    assert "You are the only one on the list." in text_of(client.get(url("manage", book(course))))


def test_leaving_the_waiting_list(client, course):
    waiting = book(course)
    assert "Leave the waiting list" in text_of(client.get(url("manage", waiting)))
    response = client.get(url("manage_cancel", waiting))
    assert "Do you want to leave the waiting list?" in text_of(response)
    response = client.post(url("manage_cancel", waiting), follow=True)
    waiting.refresh_from_db()
    assert waiting.is_cancelled
    assert "You are no longer on the waiting list." in text_of(response)


def test_who_was_put_back_is_told_so(client, course):
    booked = Booking.objects.get(user_name="Bob")
    bookings.suspend(booked, now=NOW)
    assert "We have put your booking back on the list" in text_of(client.get(url("manage", booked)))


# An offer


def test_an_offer_says_until_when_and_has_two_buttons(client, offered):
    response = client.get(url("manage", offered))
    assert "We keep it for you until Tuesday 1 December 2026, 07:00." in text_of(response)
    for page in ("offer_accept", "offer_decline"):
        assert f'<form method="post" action="{url(page, offered)}">' in response.text
    assert url("manage_cancel", offered) not in response.text
    assert url("manage_move", offered) not in response.text


def test_accepting_takes_the_place_once(client, offered):
    for _time in range(2):
        response = client.post(url("offer_accept", offered), follow=True)
        assert "You have accepted: the place is yours." in text_of(response)
    offered.refresh_from_db()
    assert offered.admission == Admission.CONFIRMED
    assert offered.entries.filter(what="promoted").count() == 1
    assert "Google Calendar" in response.text


def test_declining_passes_the_place_on_once(client, offered):
    after = book(offered.event, user_name="Cleo")
    for _time in range(2):
        response = client.post(url("offer_decline", offered), follow=True)
        assert "You declined the place that was offered." in text_of(response)
    after.refresh_from_db()
    assert after.admission == Admission.OFFERED
    # Too late to think better of it.
    response = client.post(url("offer_accept", offered))
    assert response.status_code == 409
    assert Booking.objects.get(pk=offered.pk).is_cancelled


NEXT = "It has gone to the next person."


def test_who_declines_reads_that_the_next_person_has_it_only_if_that_is_so(client, offered):
    # Alone on the list, beside somebody who needs more places than one.
    Agenda.objects.update(places_per_booking=3)
    book(offered.event, user_name="Cleo", places=2)
    response = client.post(url("offer_decline", offered), follow=True)
    assert "You declined the place that was offered." in text_of(response)
    assert NEXT not in text_of(response)


@pytest.mark.parametrize("promotion", ["offer", "automatic"])
def test_who_declines_reads_that_the_next_person_has_it(client, offered, promotion):
    after = book(offered.event, user_name="Cleo")
    Agenda.objects.update(waiting_list_promotion=promotion)
    response = client.post(url("offer_decline", offered), follow=True)
    assert f"You declined the place that was offered. {NEXT}" in text_of(response)
    # What becomes of it later does not unsay it.
    bookings.cancel(after, actor=Actor.VISITOR, now=timezone.now())
    assert NEXT in text_of(client.get(url("manage", offered)))


def test_what_an_agent_gives_away_later_is_not_what_was_declined(client, offered):
    Agenda.objects.update(waiting_list_promotion=WaitingListPromotion.BY_HAND)
    after = book(offered.event, user_name="Cleo")
    bookings.decline_offer(offered, now=NOW)
    bookings.promote(after, now=NOW)
    assert NEXT not in text_of(client.get(url("manage", offered)))


@pytest.mark.parametrize("waits", [True, False])
def test_an_offer_that_lapsed_says_where_the_place_is(client, offered, clock, waits):  # noqa: F811
    if waits:
        book(offered.event, user_name="Cleo")
    clock.move_to(offered.decide_by)
    # Nobody has swept yet: whether it goes on is not decided.
    before = text_of(client.get(url("manage", offered)))
    assert "The place was kept for you until" in before
    assert "next person" not in before
    bookings.settle(timezone.now())
    after = text_of(client.get(url("manage", offered)))
    assert "was not accepted in time." in after
    assert (NEXT in after) == waits


def test_links_and_scanners_answer_no_offer(client, offered):
    before = state()
    for page in ("offer_accept", "offer_decline"):
        for method in (client.get, client.head):
            assert method(url(page, offered)).status_code == 303
        assert client.put(url(page, offered)).status_code == 405
        stale = Client(enforce_csrf_checks=True).post(url(page, offered))
        assert stale.status_code == 403
        assert "nothing was sent" in text_of(stale)
    assert state() == before


def test_an_offer_that_lapsed_says_so_before_and_after_it_is_swept(client, offered, clock):  # noqa: F811
    clock.move_to(offered.decide_by)
    response = client.get(url("manage", offered))
    assert "The offer of a place has lapsed" in text_of(response)
    assert url("offer_accept", offered) not in response.text
    response = client.post(url("offer_accept", offered))
    assert response.status_code == 409
    assert "Time ran out for this offer" in text_of(response)
    bookings.settle(timezone.now())
    response = client.get(url("manage", offered))
    assert "was not accepted in time" in text_of(response)


def test_accepting_where_bookings_need_approval(client, clock):  # noqa: F811
    course = make_course(needs_approval=True, approval_hours=12)
    first = book(course, user_name="Bob")
    waiting = book(course)
    bookings.cancel(first, actor=Actor.VISITOR, now=NOW)
    response = client.post(url("offer_accept", waiting), follow=True)
    waiting.refresh_from_db()
    assert waiting.admission == Admission.PENDING
    assert "the place is yours" not in text_of(response)
    assert "Your place is kept until Monday 30 November 2026, 19:00" in text_of(response)


def test_an_overloaded_database_answers_no_offer(client, offered, monkeypatch):
    def overloaded(*args, **kwargs):
        raise Overloaded()

    monkeypatch.setattr(bookings, "accept_offer", overloaded)
    response = client.post(url("offer_accept", offered))
    assert response.status_code == 503
    assert response["Retry-After"] == "5"


def test_an_offer_answers_to_its_own_link_only(client, offered):
    wrong = url("offer_accept", offered).replace(tokens.manage_token(offered), "A" * 43)
    assert client.post(wrong).status_code == 404
    offered.refresh_from_db()
    assert offered.admission == Admission.OFFERED


# Approval


def test_a_booking_that_needs_approval_says_so_all_the_way(client, clock):  # noqa: F811
    course = make_course(needs_approval=True, approval_hours=48)
    visitor = Visitor(client, course.agenda, clock=clock)
    page = visitor.to_summary(course.slug)
    assert "Somebody has to approve this booking." in text_of(page)
    assert "Request booking" in text_of(page)
    response = visitor.confirm(page)
    assert "Your booking is waiting for approval" in text_of(response)
    assert "Your place is kept until Wednesday 2 December 2026, 07:00" in text_of(response)
    assert "Google Calendar" not in response.text
    made = Booking.objects.get()
    response = client.get(url("manage", made))
    assert "Your booking is waiting for approval" in text_of(response)
    bookings.refuse(made, now=NOW, reason="Bring a letter")
    response = client.get(url("manage", made))
    assert "This booking was not approved" in text_of(response)
    assert "Reason: Bring a letter" in text_of(response)


def test_nobody_approved_it_in_time(client, clock):  # noqa: F811
    made = book(make_course(needs_approval=True, approval_hours=1))
    clock.tick(timedelta(hours=2))
    assert "Nobody has decided until" in text_of(client.get(url("manage", made)))
    bookings.settle(timezone.now())
    assert "Nobody approved this booking in time." in text_of(client.get(url("manage", made)))


# A cancelled event


def test_the_page_says_that_the_event_is_cancelled_and_why(client, course):
    made = Booking.objects.get()
    bookings.cancel_event(course, now=NOW, reason="The oven is broken")
    response = client.get(url("manage", made))
    assert "The event is cancelled: it does not take place." in text_of(response)
    assert "Reason: The oven is broken" in text_of(response)


@pytest.mark.parametrize("step", ["details", "summary"])
def test_who_is_booking_a_cancelled_event_is_told_at_once(client, clock, step):  # noqa: F811
    course = make_course(places=3)
    visitor = Visitor(client, course.agenda, clock=clock)
    visitor.to_summary(course.slug)
    bookings.cancel_event(course, now=NOW, reason="The oven is broken")
    response = visitor.get(step)
    assert visitor.step == "picker"
    assert "“Sourdough” (Wednesday 2 December 2026, 07:00) is cancelled" in text_of(response)
    assert "Reason: The oven is broken" in text_of(response)
    assert "Everything you typed is kept." in text_of(response)
    response = visitor.post("summary", seen="x")
    assert not Booking.objects.exists()


# One person, so many bookings


def test_one_booking_too_many_is_said_at_the_summary(client, clock):  # noqa: F811
    course = make_course(places=9, bookings_per_person=1)
    book(course)
    visitor = Visitor(client, course.agenda, clock=clock)
    page = visitor.to_summary(course.slug)
    response = visitor.confirm(page)
    assert response.status_code == 409
    assert "One person can have 1 coming booking here." in text_of(response)
    assert TYPED["phone"] in text_of(response)
    assert Booking.objects.count() == 1
    visitor.post("details", **{**TYPED, "user_email": "other@fairbridge.example"})
    visitor.confirm()
    assert visitor.step == "confirmed"
