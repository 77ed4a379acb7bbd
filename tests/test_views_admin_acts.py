"""What agents decide about a booking: approve, refuse, accept, offer, put back, change places."""

from datetime import timedelta

import pytest
from wagtail.models import ModelLogEntry

from tests import factories
from tests.agents import make_staff, url
from tests.factories import NOW
from wagtail_agenda import availability, booking, wording
from wagtail_agenda.choices import Actor, Admission, AgendaKind, WaitingListPromotion
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.models import Agenda, Bookable, Booking
from wagtail_agenda.views.admin import acts

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.usefixtures("frozen_now"),
]


def text(response):
    return " ".join(response.content.decode().split())


def book(event, name, places=1, actor=Actor.VISITOR):
    slot = availability.find(event.agenda, event.slug, now=NOW)
    return factories.make_booking(
        slot=slot, actor=actor, user_name=name, places=places, user_email=f"{name}@fair.example"
    )


@pytest.fixture
def event(client):
    """One place and five to wait for it; agents decide who gets it."""
    agenda = factories.make_agenda(
        kind=AgendaKind.EVENTS, waiting_list_promotion=WaitingListPromotion.BY_HAND
    )
    event = factories.make_event(agenda, places=1)
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=5)
    client.force_login(make_staff(agenda))
    return event


@pytest.fixture
def pending(client):
    agenda, _type, _desks = factories.make_appointments(needs_approval=True, approval_hours=24)
    client.force_login(make_staff(agenda))
    return factories.make_booking(agenda)


def admission(made):
    return Booking.objects.get(pk=made.pk).admission


def names(made):
    made.refresh_from_db()
    return [act.name for act in acts.acts_for(made, NOW)]


# What fits


def test_the_buttons_fit_the_admission(event, pending):
    confirmed = book(event, "ada")
    waiting = book(event, "ben")
    appointment = factories.make_booking()

    assert names(pending) == ["approve", "refuse", "move", "correct", "cancel"]
    assert names(confirmed) == ["suspend", "move", "resize", "correct", "cancel"]
    assert names(waiting) == ["promote", "offer", "move", "resize", "correct", "cancel"]
    assert names(appointment) == ["move", "correct", "cancel"]
    booking.cancel(confirmed, actor=Actor.AGENT, now=NOW)
    assert names(confirmed) == []
    booking.offer(waiting, now=NOW)
    assert names(waiting) == ["promote", "suspend", "correct", "cancel"]


def test_the_page_has_them_and_says_until_when_a_request_is_held(client, pending):
    page = text(client.get(url("booking", pending.pk)))

    for act in ("approve", "refuse", "move", "cancel"):
        assert url(f"booking_{act}", pending.pk) in page
    assert url("booking_promote", pending.pk) not in page
    kept_until = wording.moment_text(pending.decide_by.astimezone(pending.agenda.zone))
    assert f"keeps its place until {kept_until}" in page


def test_the_page_says_the_position_on_the_waiting_list_and_why(client, event):
    book(event, "ada")
    book(event, "ben")
    made = book(event, "cleo")

    page = text(client.get(url("booking", made.pk)))

    assert f"Number 2 on the waiting list of {event}" in page
    assert "No place is free." in page
    assert "Waiting since" in page


def test_the_history_says_what_happened_in_words(client, event):
    made = book(event, "ada")
    Bookable.objects.filter(pk=event.bookable_id).update(places=3)
    other = factories.make_event(event.agenda, start=NOW + timedelta(days=5))
    client.post(url("booking_resize", made.pk), {"places": 2})
    client.post(f"{url('booking_move', made.pk)}?to={other.slug}")

    moments = client.get(url("booking", made.pk)).context["timeline"]

    assert [moment.what for moment in moments] == ["Moved", "Changed", "Booked"]
    assert ("Time before", "Wednesday 2 December 2026, 07:00") in moments[0].details
    assert ("Event before", event.label) in moments[0].details
    assert ("Places before", "1") in moments[1].details


# At once


def test_a_request_is_approved_once_however_often_one_clicks(client, pending):
    address = url("booking_approve", pending.pk)

    first = client.post(address, follow=True)
    second = client.post(address, follow=True)

    assert admission(pending) == Admission.CONFIRMED
    assert "is approved" in text(first)
    assert "has been done already" in text(second)
    assert pending.entries.filter(what="approved").count() == 1
    log = ModelLogEntry.objects.get()
    assert (log.action, log.label) == ("wagtail_agenda.approve", pending.reference)


@pytest.mark.parametrize("act", ["approve", "promote", "offer"])
def test_what_acts_at_once_does_nothing_by_get(client, pending, act):
    assert client.get(url(f"booking_{act}", pending.pk)).status_code == 405
    assert admission(pending) == Admission.PENDING


def test_somebody_is_accepted_from_the_waiting_list_when_there_is_room(client, event):
    first = book(event, "ada")
    made = book(event, "ben")
    address = url("booking_promote", made.pk)

    refused = client.post(address, follow=True)
    assert "There is no room for it. Give the event more places" in text(refused)
    assert admission(made) == Admission.WAITING

    booking.cancel(first, actor=Actor.AGENT, now=NOW)
    assert "ben has a place." in text(client.post(address, follow=True))
    assert admission(made) == Admission.CONFIRMED
    assert "has been done already" in text(client.post(address, follow=True))
    assert [entry.action for entry in ModelLogEntry.objects.all()] == ["wagtail_agenda.promote"]


def test_a_place_is_offered(client, event):
    first = book(event, "ada")
    made = book(event, "ben")
    booking.cancel(first, actor=Actor.AGENT, now=NOW)

    response = client.post(url("booking_offer", made.pk), follow=True)

    assert "ben is offered a place." in text(response)
    assert admission(made) == Admission.OFFERED
    assert "can accept it until Tuesday 1 December 2026, 07:00" in text(response)


def test_what_does_not_fit_is_refused_in_words_and_changes_nothing(client, event):
    made = book(event, "ada")

    assert "is not on the waiting list" in text(
        client.post(url("booking_offer", made.pk), follow=True)
    )
    assert admission(made) == Admission.CONFIRMED
    assert not ModelLogEntry.objects.exists()


def test_it_leads_back_to_where_it_was_asked_for(client, pending):
    back = url("agenda")
    response = client.post(url("booking_approve", pending.pk), {"next": back})
    assert response["Location"] == back


def test_an_overloaded_database_says_so(client, pending, monkeypatch):
    def overloaded(*args, **kwargs):
        raise Overloaded()

    monkeypatch.setattr(booking, "approve", overloaded)
    response = client.post(url("booking_approve", pending.pk))
    assert (response.status_code, response["Retry-After"]) == (503, "5")


# After a question


def test_a_request_is_refused_with_a_reason(client, pending):
    address = url("booking_refuse", pending.pk)

    assert "Refuse this booking?" in text(client.get(address))
    assert admission(pending) == Admission.PENDING
    client.post(address, {"reason": "No counter is free"})

    pending.refresh_from_db()
    assert pending.admission == Admission.CANCELLED
    assert pending.cancellation_reason == "No counter is free"
    assert ModelLogEntry.objects.get().action == "wagtail_agenda.refuse"
    second = client.post(address, {"reason": "Twice"}, follow=True)
    assert "has been cancelled already" in text(second)
    pending.refresh_from_db()
    assert pending.cancellation_reason == "No counter is free"


def test_a_booking_is_put_back_on_the_waiting_list(client, event):
    made = book(event, "ada")
    address = url("booking_suspend", made.pk)

    assert "cannot be taken back" in text(client.get(address))
    response = client.post(address, follow=True)

    assert admission(made) == Admission.WAITING
    assert "ada is on the waiting list again." in text(response)
    assert "stays there until an agent accepts it" in text(response)


def test_a_page_that_asks_for_what_does_not_fit_leads_back(client, pending):
    response = client.get(url("booking_suspend", pending.pk), follow=True)
    assert "does not fit this booking: it is “Waiting for approval”" in text(response)


def test_the_number_of_places_changes(client, event):
    Bookable.objects.filter(pk=event.bookable_id).update(places=5)
    made = book(event, "ada")
    address = url("booking_resize", made.pk)

    assert 'value="1"' in text(client.get(address))
    client.post(address, {"places": 3})

    made.refresh_from_db()
    assert made.places == 3
    assert ModelLogEntry.objects.get().data == {"places": 3}


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ("6", "There is no room for it"),
        ("0", "at least one place"),
        ("-1", "at least one place"),
        ("", "required"),
        ("lots", "whole number"),
        ("9" * 30, "less than or equal"),
    ],
)
def test_a_number_of_places_that_cannot_be_is_said_and_changes_nothing(client, event, places, said):
    Bookable.objects.filter(pk=event.bookable_id).update(places=5)
    made = book(event, "ada")

    response = client.post(url("booking_resize", made.pk), {"places": places})

    assert response.status_code == 200
    assert said in text(response)
    made.refresh_from_db()
    assert made.places == 1
    assert not ModelLogEntry.objects.exists()


# Who may


@pytest.mark.parametrize("act", ["approve", "refuse", "promote", "offer", "suspend", "resize"])
def test_only_agents_of_the_agenda_decide(client, pending, act):
    client.force_login(make_staff(factories.make_agenda()))
    assert client.post(url(f"booking_{act}", pending.pk), {"places": 2}).status_code == 404
    assert admission(pending) == Admission.PENDING


def test_what_is_past_can_still_be_cancelled_but_not_accepted(event):
    made = book(event, "ada")
    waiting = book(event, "ben")
    later = event.end + timedelta(hours=1)
    assert [act.name for act in acts.acts_for(made, later)] == [
        "move",
        "resize",
        "correct",
        "cancel",
    ]
    assert "promote" not in [act.name for act in acts.acts_for(waiting, later)]


def test_a_request_without_a_deadline_says_that_it_waits(client):
    agenda, _type, _desks = factories.make_appointments(needs_approval=True)
    client.force_login(make_staff(agenda))
    Agenda.objects.filter(pk=agenda.pk).update(approval_hours=None)
    made = factories.make_booking(agenda)
    page = text(client.get(url("booking", made.pk)))
    assert "Waits for somebody to approve it, and keeps its place until then." in page
