"""Calendars and the mail once more, on the confirmation and on the page of a booking."""

import html as html_module
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from freezegun import freeze_time

from tests.factories import NOW, first_slot, make_appointments, make_booking
from tests.second_parser import read_calendar
from tests.test_views_visitor import TYPED, Visitor
from wagtail_agenda import booking as bookings
from wagtail_agenda import calendar_entries, resending, tokens
from wagtail_agenda.choices import Actor, DeliveryState
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.models import Agenda, Delivery, WorkflowStatus
from wagtail_agenda.views.keeping import calendar_links, masked

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock():
    with freeze_time(NOW) as frozen:
        yield frozen


@pytest.fixture
def booking():
    agenda = make_appointments(
        staff_addresses="",
        description="Bring: a photo & the old passport\nSee you!",
        url="https://fairbridge.example/passport/",
    )[0]
    return make_booking(agenda)


def url(page, booking):
    return reverse(f"wagtail_agenda:{page}", args=[tokens.manage_token(booking)])


def text_of(response):
    return " ".join(re.sub("<[^>]+>", " ", html_module.unescape(response.content.decode())).split())


def queries(booking):
    return {
        str(link.label): {
            name: value for name, (value,) in parse_qs(urlsplit(link.url).query).items()
        }
        for link in calendar_links(calendar_entries.visitor_event(booking))
    }


# Calendars


def test_links_say_what_the_invitation_says(booking):
    entry = read_calendar(calendar_entries.download(booking)).event
    said = queries(booking)
    google, yahoo = said["Google Calendar"], said["Yahoo Calendar"]
    assert google["dates"] == "20261130T080000Z/20261130T083000Z"
    assert (yahoo["st"], yahoo["et"]) == ("20261130T080000Z", "20261130T083000Z")
    for microsoft in (said["Outlook.com"], said["Microsoft 365"]):
        assert microsoft["startdt"] == "2026-11-30T08:00:00Z"
        assert microsoft["enddt"] == "2026-11-30T08:30:00Z"
        assert microsoft["subject"] == entry.summary
    assert google["text"] == yahoo["title"] == entry.summary
    assert google["location"] == yahoo["in_loc"] == entry.location
    assert google["details"] == f"{entry.description}\n\n{entry.url}"


def test_links_name_nobody_and_write_no_plus_for_a_blank(booking):
    for link in calendar_links(calendar_entries.visitor_event(booking)):
        assert "ada" not in link.url.lower()
        assert tokens.manage_token(booking) not in link.url
        assert "+" not in link.url
        assert urlsplit(link.url).scheme == "https"


def test_links_stay_short_enough_for_servers(booking):
    Agenda.objects.update(description="x" * 50_000)
    booking.refresh_from_db()
    booking.agenda.refresh_from_db()
    assert all(
        len(link.url) < 2000 for link in calendar_links(calendar_entries.visitor_event(booking))
    )


def test_the_page_offers_every_way_and_says_which_ones_follow(client, booking):
    response = client.get(url("manage", booking))
    for label in ("Google Calendar", "Outlook.com", "Microsoft 365", "Yahoo Calendar"):
        assert label in text_of(response)
    outside = re.findall(r'<a href="https://[^"]+"([^>]*)>', response.text)
    assert len(outside) == 4
    assert all('rel="noopener noreferrer"' in attributes for attributes in outside)
    feed = reverse("wagtail_agenda:feed", args=[tokens.feed_token(booking)])
    assert f'href="webcal://testserver{feed}"' in response.text
    assert "stays as it is now" in text_of(response)
    assert response["Referrer-Policy"] == "same-origin"


def test_a_cancelled_or_past_booking_goes_into_no_calendar(client, booking, clock):
    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW)
    assert "Google Calendar" not in client.get(url("manage", booking)).text
    other = make_booking(booking.agenda)
    clock.move_to(other.start + timedelta(minutes=1))
    response = client.get(url("manage", other))
    assert "Google Calendar" not in response.text
    assert "Send the mail again" not in response.text


# The mail once more


def test_an_address_is_shown_to_its_owner_only():
    assert masked("ada@fairbridge.example") == "a…@fairbridge.example"
    assert masked("") == "…@"


def test_the_page_says_what_became_of_the_mail(client, booking):
    assert "A mail to a…@fairbridge.example is on its way." in text_of(
        client.get(url("manage", booking))
    )
    Delivery.objects.update(state=DeliveryState.DONE, done_at=NOW)
    response = client.get(url("manage", booking))
    left = "The last mail left on Monday 30 November 2026 at 07:00, to a…@fairbridge.example."
    assert left in text_of(response)
    assert booking.user_email not in response.text
    Delivery.objects.update(state=DeliveryState.FAILED)
    assert "could not be delivered" in text_of(client.get(url("manage", booking)))


def test_the_button_sends_it_once_more(client, booking):
    Delivery.objects.update(state=DeliveryState.DONE, done_at=NOW)
    response = client.post(url("mail_again", booking))
    assert response.status_code == 303
    page = client.get(response["Location"])
    assert "A mail to a…@fairbridge.example is on its way." in text_of(page)
    assert re.search(r'autofocus><p role="status">A mail to', page.text)
    assert Delivery.objects.count() == 2


def test_looking_sends_nothing(client, booking):
    Delivery.objects.update(state=DeliveryState.DONE, done_at=NOW)
    assert client.get(url("mail_again", booking))["Location"] == url("manage", booking)
    client.get(url("manage", booking), {"mail": "again"})
    assert client.put(url("mail_again", booking)).status_code == 405
    assert Delivery.objects.count() == 1


def test_so_often_a_day_and_no_more(client, booking, settings):
    settings.WAGTAIL_AGENDA = {"MAILS_AGAIN_PER_BOOKING_PER_DAY": 2}
    for _time in range(2):
        assert client.post(url("mail_again", booking)).status_code == 303
        Delivery.objects.update(state=DeliveryState.DONE, done_at=NOW)
    count = Delivery.objects.count()
    response = client.post(url("mail_again", booking))
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert "has been sent again several times already" in text_of(response)
    assert re.search(r"<title>\s*Error:", response.text)
    assert Delivery.objects.count() == count
    another = make_booking(booking.agenda)
    assert client.post(url("mail_again", another)).status_code == 303


def test_a_stale_csrf_token_sends_nothing(booking):
    Delivery.objects.update(state=DeliveryState.DONE, done_at=NOW)
    response = Client(enforce_csrf_checks=True).post(url("mail_again", booking))
    assert response.status_code == 403
    assert "open for too long" in text_of(response)
    assert Delivery.objects.count() == 1


def test_a_busy_database_is_a_polite_503_and_not_counted(client, booking, monkeypatch, settings):
    settings.WAGTAIL_AGENDA = {"MAILS_AGAIN_PER_BOOKING_PER_DAY": 1}

    def busy(*args, **kwargs):
        raise Overloaded()

    with monkeypatch.context() as patched:
        patched.setattr(resending, "send_again", busy)
        assert client.post(url("mail_again", booking)).status_code == 503
    assert client.post(url("mail_again", booking)).status_code == 303


def test_where_no_mail_is_sent_none_is_spoken_of(client):
    WorkflowStatus.objects.filter(slug="confirmed").update(actions=[])
    booking = make_booking(make_appointments()[0])
    response = client.get(url("manage", booking))
    assert "Send the mail again" not in response.text
    assert "The subscription follows when the booking changes." in text_of(response)
    assert client.post(url("mail_again", booking)).status_code == 303
    assert not Delivery.objects.exists()


def test_the_confirmation_promises_no_mail_that_has_failed(client):
    visitor = Visitor(client, make_appointments(staff_addresses="")[0])
    visitor.choose(first_slot(visitor.agenda))
    visitor.post("details", **TYPED)
    with freeze_time(NOW + timedelta(seconds=10)):
        assert "is on its way to ada@fairbridge.example" in text_of(visitor.confirm())
        Delivery.objects.update(state=DeliveryState.FAILED)
        failed = text_of(visitor.get("confirmed"))
    assert "is on its way" not in failed
    assert "could not be delivered" in failed
    assert "Send the mail again" in failed
