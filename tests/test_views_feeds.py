"""The address that calendars subscribe to: one place, the present state, cheap to ask again."""

from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import icalendar
import pytest
from django.urls import reverse
from freezegun import freeze_time

from tests.factories import NOW, make_appointments, make_booking, make_event
from tests.second_parser import read_calendar
from wagtail_agenda import booking as bookings
from wagtail_agenda import tokens
from wagtail_agenda.choices import Actor
from wagtail_agenda.models import Agenda, Booking, Delivery, Entry, Event, Invitation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock():
    with freeze_time(NOW) as frozen:
        yield frozen


@pytest.fixture
def booking():
    return make_booking(make_appointments(comment="Bring a photo")[0])


def address(booking):
    return reverse("wagtail_agenda:feed", args=[tokens.feed_token(booking)])


def stored():
    models = (Booking, Delivery, Entry, Invitation)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_is_a_calendar_that_two_parsers_read(client, booking):
    response = client.get(address(booking))
    assert response.status_code == 200
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert response["Content-Disposition"].startswith("inline")
    calendar = read_calendar(response.content)
    assert calendar.method == "PUBLISH"
    assert calendar.event.start == booking.start
    assert calendar.event.status == "CONFIRMED"
    assert calendar.event.attendees == ()
    parsed = icalendar.Calendar.from_ical(response.content)
    assert parsed["REFRESH-INTERVAL"].dt == timedelta(hours=1)
    assert parsed.walk("VEVENT")[0]["UID"] == calendar.event.uid
    assert parsed.errors == []


def test_asking_changes_nothing_and_needs_no_cookie(client, booking):
    before = stored()
    for method in (client.get, client.head):
        assert method(address(booking)).status_code == 200
    for method in (client.post, client.put, client.delete):
        assert method(address(booking)).status_code == 405
    assert stored() == before
    assert not client.cookies


def test_stays_at_its_place_and_says_what_holds_now(client, booking, clock):
    subscribed = address(booking)
    clock.tick(3600)
    Agenda.objects.update(location="Annexe, 2 Mill Lane")
    assert read_calendar(client.get(subscribed).content).event.location == "Annexe, 2 Mill Lane"
    before = read_calendar(client.get(subscribed).content).event
    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW + timedelta(hours=1))
    booking.refresh_from_db()
    after = read_calendar(client.get(subscribed).content).event
    assert address(booking) == subscribed
    assert (after.status, after.uid) == ("CANCELLED", before.uid)
    assert after.sequence == before.sequence + 1


def test_asking_again_is_cheap_until_something_changes(client, booking, clock):
    first = client.get(address(booking))
    same = client.get(address(booking), headers={"if-none-match": first["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert same["ETag"] == first["ETag"]
    assert same["Cache-Control"] == "private, no-cache"
    since = client.get(address(booking), headers={"if-modified-since": first["Last-Modified"]})
    assert since.status_code == 304

    clock.tick(3600)
    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW + timedelta(hours=1))
    for headers in (
        {"if-none-match": first["ETag"]},
        {"if-modified-since": first["Last-Modified"]},
    ):
        assert client.get(address(booking), headers=headers).status_code == 200


def test_an_agenda_that_is_published_anew_makes_the_entry_newer(client, booking):
    later = datetime(2026, 12, 1, 12, tzinfo=timezone.utc)
    Agenda.objects.update(last_published_at=later)
    response = client.get(address(booking))
    assert parsedate_to_datetime(response["Last-Modified"]) == later


def test_an_event_that_is_edited_is_never_taken_for_unchanged(client):
    booking = make_booking(slot=None, agenda=make_event().agenda)
    first = client.get(address(booking))
    assert "Last-Modified" not in first
    Event.objects.update(location="Garden")
    again = client.get(
        address(booking),
        headers={
            "if-none-match": first["ETag"],
            "if-modified-since": "Fri, 01 Jan 2038 00:00:00 GMT",
        },
    )
    assert read_calendar(again.content).event.location == "Garden"


def test_gives_the_way_to_manage_the_booking_to_nobody(client, booking):
    text = client.get(address(booking)).text.replace("\r\n ", "")
    assert tokens.manage_token(booking) not in text
    assert booking.user_email not in text
    assert client.get(f"/agendas/manage/{tokens.feed_token(booking)}/").status_code == 404


def test_ends_with_the_booking(client, booking):
    subscribed = address(booking)
    Booking.objects.all().delete()
    for gone in (subscribed, "/agendas/calendar/x.ics", f"/agendas/calendar/{'A' * 64}.ics"):
        response = client.get(gone)
        assert response.status_code == 404
        assert response["Content-Type"].startswith("text/plain")


def test_is_indexed_by_nobody_and_given_away_to_nobody(client, booking):
    response = client.get(address(booking))
    assert response["X-Robots-Tag"] == "noindex, nofollow"
    assert response["Referrer-Policy"] == "no-referrer"


def test_takes_few_queries(client, booking, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        client.get(address(booking))


def test_a_site_without_a_usable_sender_says_so(client, booking, settings, caplog):
    settings.WAGTAIL_AGENDA = {"FROM_EMAIL": "nobody"}
    assert client.get(address(booking)).status_code == 503
    assert booking.reference in caplog.text
