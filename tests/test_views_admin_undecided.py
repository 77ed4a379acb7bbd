"""What is not decided yet, in every list that agents work with."""

from datetime import date

import pytest
from django.urls import reverse

from tests import factories
from tests.agents import make_staff, queries_of, url
from tests.factories import NOW
from tests.test_views_admin_acts import admission, book, text
from wagtail_agenda import availability, booking
from wagtail_agenda.choices import Actor, Admission, AgendaKind, WaitingListPromotion
from wagtail_agenda.models import Bookable, Resource

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

MONDAY = date(2026, 11, 30)


@pytest.fixture
def event(client):
    """Three places, of which one is booked; one is offered, one to approve, and two wait."""
    agenda = factories.make_agenda(
        kind=AgendaKind.EVENTS,
        needs_approval=True,
        approval_hours=24,
        waiting_list_promotion=WaitingListPromotion.BY_HAND,
    )
    event = factories.make_event(agenda, places=3)
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=9)
    client.force_login(make_staff(agenda))
    book(event, "ada", actor=Actor.AGENT)
    gone = book(event, "gone", actor=Actor.AGENT)
    book(event, "pia")
    offered = book(event, "otto")
    book(event, "wim")
    book(event, "wanda")
    booking.cancel(gone, actor=Actor.AGENT, now=NOW)
    booking.offer(offered, now=NOW)
    return event


@pytest.mark.parametrize("scale", ["day", "week"])
def test_an_event_says_how_many_booked_and_how_many_wait(client, event, scale):
    page = text(client.get(url(scale, event.agenda.slug, event.start.date())))

    assert "1 of 3 booked, 1 to approve, 1 offered, 2 waiting" in page
    assert "held</span>" not in page
    assert url("waiting_list", event.pk) in page
    assert f"event={event.slug}" in page


@pytest.mark.parametrize("scale", ["day", "week", "list"])
def test_each_says_in_words_what_it_waits_for_and_until_when(client, event, scale):
    page = text(client.get(url(scale, event.agenda.slug, event.start.date())))

    for words in ("Waiting for approval", "On the waiting list", "Offered a place"):
        assert words in page
    assert "until 12/01/2026, 07:00" in page


def test_a_month_counts_them(client, event):
    page = text(client.get(url("month", event.agenda.slug, event.start.date())))
    for words in ("1 to approve", "1 offered", "2 waiting"):
        assert words in page


def test_a_list_is_narrowed_to_one_admission(client, event):
    address = url("list", event.agenda.slug, MONDAY)

    page = text(client.get(address + "?admission=waiting"))

    assert "wim" in page
    assert "wanda" in page
    assert "otto" not in page
    assert "Admission: On the waiting list" in page
    assert "does not exist here" in text(client.get(address + "?admission=nonsense"))


def test_a_search_says_it_too(client, event):
    page = text(client.get(url("search") + "?q=otto"))
    assert "Offered a place" in page
    assert "until 12/01/2026, 07:00" in page


def test_a_week_of_events_takes_six_queries_however_many_there_are(client, event):
    address = url("week", event.agenda.slug, event.start.date())
    few = queries_of(client, address)
    for number in range(4):
        other = factories.make_event(event.agenda, places=1)
        Bookable.objects.filter(pk=other.bookable_id).update(waiting_places=3)
        book(other, f"a{number}")
        book(other, f"b{number}")
    many = queries_of(client, address)
    assert len(many) == len(few)
    of_the_agenda = [query for query in many if "wagtailusers" not in query]
    assert len(of_the_agenda) <= 8, "\n".join(of_the_agenda)


# What is to be decided


def test_the_list_of_agendas_counts_what_waits_for_approval(client, event):
    response = client.get(url("agenda"))

    page = text(response)
    assert "1 booking waits for approval" in page
    assert "To decide by 12/01/2026, 07:00" in page
    (today,) = response.context["todays"]
    assert today.to_approve == 1
    assert "pia" in text(client.get(today.to_approve_url))
    assert "otto" not in text(client.get(today.to_approve_url))


def test_the_home_page_has_them_with_buttons(client, event):
    page = text(client.get(reverse("wagtailadmin_home")))

    made = event.bookings.get(user_name="pia")
    assert "1 booking waits for approval" in page
    response = client.post(url("booking_approve", made.pk), {"next": reverse("wagtailadmin_home")})
    assert response["Location"] == reverse("wagtailadmin_home")
    assert admission(made) == Admission.CONFIRMED
    assert "waits for approval" not in text(client.get(reverse("wagtailadmin_home")))


def test_others_are_not_told(client, event):
    client.force_login(make_staff(factories.make_agenda()))
    assert "waits for approval" not in text(client.get(url("agenda")))
    assert "waits for approval" not in text(client.get(reverse("wagtailadmin_home")))


# Rooms


@pytest.mark.parametrize("scale", ["day", "week", "list"])
def test_a_booking_names_its_rooms(client, scale):
    agenda, _type, _desks = factories.make_appointments()
    room = Resource.objects.create(label="Blue room")
    agenda.resources.add(room)
    agenda.save()
    slot = availability.find(agenda, "passport:2026-11-30-0900", now=NOW, resources=[room])
    made = factories.make_booking(slot=slot)
    client.force_login(make_staff(agenda))

    assert "Blue room" in text(client.get(url(scale, agenda.slug, MONDAY)))
    assert "Blue room" in text(client.get(url("booking", made.pk)))
