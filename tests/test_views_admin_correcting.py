"""Correcting who a booking is for, on a page of its own."""

import pytest
from django.core.cache import cache
from wagtail.models import ModelLogEntry

from tests import factories
from tests.agents import make_staff, url
from tests.factories import NOW
from wagtail_agenda import booking, privacy
from wagtail_agenda.choices import Actor
from wagtail_agenda.models import Booking

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

RIGHT = "ada.martin@fairbridge.example"


@pytest.fixture
def made(client):
    cache.clear()
    agenda = factories.make_appointments(bookings_per_person=1)[0]
    client.force_login(make_staff(agenda))
    return factories.make_booking(agenda, user_phone_number="0123")


def text(response):
    return " ".join(response.content.decode().split())


def shown(client, made):
    """The form as a browser would send it back, hidden fields and all."""
    form = client.get(url("booking_correct", made.pk)).context["form"]
    data = {field.html_name: field.value() for field in form}
    return data | {f"initial-{name}": value for name, value in data.items()}


def contact(made):
    return Booking.objects.values_list("user_name", "user_email", "user_phone_number").get(
        pk=made.pk
    )


def test_the_page_of_a_booking_leads_there_and_a_post_corrects(client, made):
    address = url("booking_correct", made.pk)
    assert address in text(client.get(url("booking", made.pk)))
    page = text(client.get(address))
    assert 'name="initial-user_email" value="ada@fairbridge.example"' in page

    response = client.post(address, shown(client, made) | {"user_email": RIGHT}, follow=True)

    assert contact(made) == ("Ada Martin", RIGHT, "0123")
    page = text(response)
    assert "The booking of Passport – Ada Martin is corrected." in page
    assert "E-mail before: ada@fairbridge.example" in page


def test_the_log_of_the_site_says_what_and_nothing_of_the_person(client, made):
    client.post(
        url("booking_correct", made.pk),
        shown(client, made) | {"user_email": RIGHT, "user_name": "Ada  M. Martin"},
    )

    log = ModelLogEntry.objects.get()
    assert log.action == "wagtail_agenda.correct"
    assert log.data == {"corrected": ["user_email", "user_name"]}
    assert contact(made)[0] == "Ada M. Martin"


def test_a_page_opened_before_a_colleagues_correction_does_not_undo_it(client, made):
    data = shown(client, made)
    booking.correct(made, user_email=RIGHT, now=NOW)

    client.post(url("booking_correct", made.pk), data | {"user_phone_number": "0999"})

    assert contact(made) == ("Ada Martin", RIGHT, "0999")


def test_nothing_typed_changes_nothing(client, made):
    response = client.post(url("booking_correct", made.pk), shown(client, made), follow=True)
    assert "Nothing has changed." in text(response)
    assert not ModelLogEntry.objects.exists()


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("user_email", "nowhere", "Enter a valid email address."),
        ("user_email", "a" * 250 + "@b.example", "at most 254"),
        ("user_name", "x" * 256, "at most 255"),
        ("user_phone_number", "1" * 51, "at most 50"),
        ("user_name", "\0", "Null characters"),
    ],
)
def test_what_cannot_be_kept_is_said_at_its_field(client, made, name, typed, said):
    response = client.post(url("booking_correct", made.pk), shown(client, made) | {name: typed})
    assert response.status_code == 200
    assert said in text(response)
    assert contact(made) == ("Ada Martin", "ada@fairbridge.example", "0123")


def test_who_has_enough_bookings_already_is_said_to_have(client, made):
    factories.make_booking(made.agenda, user_email=RIGHT)

    response = client.post(
        url("booking_correct", made.pk), shown(client, made) | {"user_email": RIGHT}, follow=True
    )

    assert "One person can have 1 coming booking here." in text(response)
    assert contact(made)[1] == "ada@fairbridge.example"
    assert not ModelLogEntry.objects.exists()


def test_what_cannot_be_corrected_any_more_is_said(client, made):
    data = shown(client, made) | {"user_email": RIGHT}
    booking.cancel(made, actor=Actor.AGENT, now=NOW)
    address = url("booking_correct", made.pk)
    for response in (client.get(address, follow=True), client.post(address, data, follow=True)):
        assert "This booking is cancelled" in text(response)

    forgotten = factories.make_booking(made.agenda)
    privacy.anonymise([forgotten], now=NOW)
    address = url("booking_correct", forgotten.pk)
    for response in (client.get(address, follow=True), client.post(address, data, follow=True)):
        assert "has been forgotten" in text(response)
    assert contact(forgotten) == ("", "", "")
