"""The link in a visitor's mail: opening it changes nothing, its button cancels once."""

import html as html_module
import re
from datetime import timedelta

import pytest
import vobject
from django.test import Client
from django.urls import reverse
from freezegun import freeze_time

from tests.factories import NOW, make_appointments, make_booking, make_event
from wagtail_agenda import booking as bookings
from wagtail_agenda import tokens
from wagtail_agenda.choices import Actor, Admission
from wagtail_agenda.errors import AlreadyCancelled, Overloaded
from wagtail_agenda.models import Booking, Delivery, Entry, Occupation

pytestmark = pytest.mark.django_db

PAGES = ("manage", "manage_cancel", "manage_ics")


@pytest.fixture(autouse=True)
def clock():
    with freeze_time(NOW) as frozen:
        yield frozen


@pytest.fixture
def booking():
    agenda = make_appointments(contact="Call 01 23", comment="Bring a photo")[0]
    return make_booking(agenda, user_name="Ada <b>Martin</b>")


def url(page, booking):
    return reverse(f"wagtail_agenda:{page}", args=[tokens.manage_token(booking)])


def text_of(response):
    return " ".join(re.sub("<[^>]+>", " ", html_module.unescape(response.content.decode())).split())


def state():
    return [
        list(model.objects.order_by("pk").values())
        for model in (Booking, Entry, Delivery, Occupation)
    ]


def test_shows_when_where_and_what(client, booking):
    response = client.get(url("manage", booking))
    text = text_of(response)
    assert booking.reference in text
    assert "Monday 30 November 2026, 09:00 to 09:30" in text
    assert "Europe/Paris, UTC+01:00" in text
    assert "Town hall, 1 Market Square" in text
    assert "Bring a photo" in text
    assert "Call 01 23" in text
    assert booking.status.label in text
    assert "<b>Martin" not in response.text


def test_the_calendar_file_is_one_that_another_parser_reads(client, booking):
    response = client.get(url("manage_ics", booking))
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert f'filename="{booking.reference}.ics"' in response["Content-Disposition"]
    event = vobject.readOne(response.content.decode()).vevent
    assert event.dtstart.value == booking.start
    assert tokens.manage_token(booking) not in response.text


def test_opening_links_changes_nothing(client, booking):
    before = state()
    for page in PAGES:
        for method in (client.get, client.head):
            assert method(url(page, booking)).status_code == 200
        for method in (client.put, client.patch, client.delete, client.options):
            assert method(url(page, booking)).status_code == 405
    assert client.post(url("manage", booking)).status_code == 405
    assert client.post(url("manage_ics", booking)).status_code == 405
    assert client.get(url("manage_cancel", booking), {"reason": "x"}).status_code == 200
    assert state() == before


def test_the_button_cancels(client, booking):
    response = client.post(url("manage_cancel", booking), {"reason": " I am\r\nill\x00 "})
    assert response.status_code == 303
    assert response["Location"] == url("manage", booking)
    booking.refresh_from_db()
    assert booking.admission == Admission.CANCELLED
    assert booking.cancellation_reason == "I am\nill"
    assert not Occupation.objects.exists()
    assert Entry.objects.last().actor == Actor.VISITOR
    page = client.get(response["Location"])
    assert "This booking is cancelled" in text_of(page)
    assert url("manage_cancel", booking) not in page.text


def test_cancelling_needs_no_reason(client, booking):
    client.post(url("manage_cancel", booking))
    booking.refresh_from_db()
    assert booking.is_cancelled


def test_cancelling_twice_is_cancelling_once(client, booking):
    client.post(url("manage_cancel", booking))
    before = state()
    assert client.post(url("manage_cancel", booking)).status_code == 303
    assert client.get(url("manage_cancel", booking)).status_code == 303
    assert state() == before


def test_losing_the_race_to_cancel_is_no_error(client, booking, monkeypatch):
    def too_late(*args, **kwargs):
        raise AlreadyCancelled()

    monkeypatch.setattr(bookings, "cancel", too_late)
    assert client.post(url("manage_cancel", booking)).status_code == 303


def test_what_has_begun_is_not_cancelled_here(client, booking, clock):
    clock.move_to(booking.start)
    before = state()
    page = client.get(url("manage", booking))
    assert "has begun already" in text_of(page)
    assert url("manage_cancel", booking) not in page.text
    assert client.post(url("manage_cancel", booking)).status_code == 303
    assert state() == before


def test_an_overloaded_database_keeps_the_reason(client, booking, monkeypatch):
    def overloaded(*args, **kwargs):
        raise Overloaded()

    monkeypatch.setattr(bookings, "cancel", overloaded)
    response = client.post(url("manage_cancel", booking), {"reason": "I am ill"})
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert "I am ill</textarea>" in response.text


@pytest.mark.parametrize("reason", ["x" * 1001, "<script>" * 500])
def test_a_reason_that_is_too_long_is_shown_again(client, booking, reason):
    response = client.post(url("manage_cancel", booking), {"reason": reason})
    assert response.status_code == 200
    assert "at most 1000 characters" in text_of(response)
    assert html_module.escape(reason)[:1000] in response.text
    assert "<script>" not in response.text
    assert not Booking.objects.get().is_cancelled


def test_a_stale_csrf_token_cancels_nothing_and_keeps_the_reason(booking):
    client = Client(enforce_csrf_checks=True)
    response = client.post(url("manage_cancel", booking), {"reason": "I am ill"})
    assert response.status_code == 403
    assert "I am ill</textarea>" in response.text
    assert not Booking.objects.get().is_cancelled
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', response.text)[1]
    data = {"reason": "I am ill", "csrfmiddlewaretoken": token}
    assert client.post(url("manage_cancel", booking), data).status_code == 303
    assert Booking.objects.get().is_cancelled


def test_a_token_opens_its_own_booking_only(client, booking):
    other = make_booking(booking.agenda)
    assert other.reference not in text_of(client.get(url("manage", booking)))
    client.post(url("manage_cancel", booking))
    other.refresh_from_db()
    assert not other.is_cancelled


def test_any_other_token_is_a_clear_404(client, booking):
    good = tokens.manage_token(booking)
    wrong = [
        good[:-1],
        good + "A",
        good.swapcase(),
        "A" * 43,
        booking.token_digest,
        str(booking.pk),
        str(booking.uuid),
        booking.reference,
        "%00",
        "é",
        "A" * 300,
    ]
    before = state()
    for token in wrong:
        for page in PAGES:
            address = url(page, booking).replace(good, token)
            response = client.get(address)
            assert response.status_code == 404
            assert "leads to no booking" in text_of(response)
            assert client.post(address, {"reason": "x"}).status_code in {404, 405}
    assert state() == before


def test_nothing_is_cached_indexed_or_given_away(client, booking):
    for page in PAGES:
        response = client.get(url(page, booking))
        assert "no-store" in response["Cache-Control"]
        assert "noindex" in response["X-Robots-Tag"]
        assert response["Referrer-Policy"] == "same-origin"


def test_speaks_the_language_of_the_booking(client):
    made = make_booking(language="fr")
    response = client.get(url("manage", made), headers={"accept-language": "de"})
    assert response["Content-Language"] == "fr"
    assert '<html lang="fr"' in response.text


def test_an_event_says_its_own_place(client):
    event = make_event(label="Sourdough", location="Mill Lane 3")
    made = make_booking(event.agenda)
    text = text_of(client.get(url("manage", made)))
    assert "Sourdough" in text
    assert "Mill Lane 3" in text


def test_the_page_stays_after_the_agenda_is_closed_and_the_day_is_over(client, booking, clock):
    booking.agenda.live = False
    booking.agenda.save()
    clock.tick(timedelta(days=30))
    assert client.get(url("manage", booking)).status_code == 200


def test_a_site_without_a_usable_sender_still_answers_for_the_calendar_file(
    client, settings, booking
):
    settings.WAGTAIL_AGENDA = {"FROM_EMAIL": "not an address"}

    response = client.get(url("manage_ics", booking))

    assert response.status_code == 503
    assert "Your booking stands." in response.content.decode()
