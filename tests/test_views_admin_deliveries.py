"""Mails that have failed, sent again by an agent."""

from datetime import timedelta

import pytest
from django.urls import resolve, reverse
from freezegun import freeze_time
from wagtail.models import ModelLogEntry

from tests import factories
from tests.agents import make_staff, url
from tests.factories import NOW
from wagtail_agenda.choices import Actor, DeliveryState
from wagtail_agenda.models import Delivery, Entry
from wagtail_agenda.signals import deliveries_due

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

HOME = "/admin/"


@pytest.fixture
def agent(client, made):
    user = make_staff(made.agenda, first_name="Grace", last_name="Mwangi")
    client.force_login(user)
    return user


@pytest.fixture
def woken():
    """The deliveries that the worker was asked for at once."""
    asked = []

    def receive(pks, **_kwargs):
        asked.extend(pks)

    deliveries_due.connect(receive)
    yield asked
    deliveries_due.disconnect(receive)


def fail(booking, **values):
    booking.deliveries.update(state=DeliveryState.FAILED, attempts=3, last_error="550 no", **values)
    return booking.deliveries.first()


def text(response):
    return " ".join(response.content.decode().split())


def state(delivery):
    return Delivery.objects.get(pk=delivery.pk).state


def test_a_failed_mail_is_sent_again_and_it_is_noted_who_asked(
    client, agent, made, woken, django_capture_on_commit_callbacks
):
    delivery = fail(made)

    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(url("delivery_retry", delivery.pk))

    assert response["Location"] == url("booking", made.pk) + "#deliveries"
    assert state(delivery) == DeliveryState.DUE
    assert woken == [delivery.pk]
    assert ModelLogEntry.objects.get().action == "wagtail_agenda.send_again"
    entry = Entry.objects.get(what="sent_again")
    assert (entry.booking, entry.actor, entry.user) == (made, Actor.AGENT, agent)
    page = text(client.get(url("booking", made.pk)))
    assert "Mail queued to be sent again" in page
    assert "Grace Mwangi" in page


@pytest.mark.parametrize("next_page", [HOME, "https://evil.example/", "//evil.example"])
def test_one_comes_back_to_where_the_button_stood_but_never_to_another_site(
    client, agent, made, next_page
):
    response = client.post(url("delivery_retry", fail(made).pk), {"next": next_page})

    own_page = url("booking", made.pk) + "#deliveries"
    assert response["Location"] == (HOME if next_page == HOME else own_page)


def test_only_what_has_failed_is_sent_again(client, agent, made):
    delivery = made.deliveries.first()
    before = Delivery.objects.filter(pk=delivery.pk).values().get()

    assert client.get(url("delivery_retry", delivery.pk)).status_code == 405
    response = client.post(url("delivery_retry", delivery.pk), follow=True)

    assert "has not failed" in text(response)
    assert url("delivery_retry", delivery.pk) not in text(response)
    assert Delivery.objects.filter(pk=delivery.pk).values().get() == before
    assert not Entry.objects.filter(what="sent_again").exists()


def test_all_of_ones_own_are_sent_again_at_once(
    client, agent, made, woken, django_capture_on_commit_callbacks
):
    mine = [fail(made), fail(factories.make_booking(made.agenda))]
    foreign = fail(factories.make_booking())

    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(
            url("deliveries_retry"), {"next": reverse("wagtailadmin_home")}, follow=True
        )

    assert response.redirect_chain[-1][0] == reverse("wagtailadmin_home")
    assert "2 mails are on their way again." in text(response)
    assert [state(one) for one in mine] == [DeliveryState.DUE] * 2
    assert state(foreign) == DeliveryState.FAILED
    assert woken == [one.pk for one in mine]
    assert ModelLogEntry.objects.filter(action="wagtail_agenda.send_again").count() == 2


def test_what_is_of_no_use_any_more_is_left_alone(client, agent, made):
    over = fail(made, created_at=NOW - timedelta(days=30))

    with freeze_time(NOW + timedelta(days=1)):
        client.force_login(agent)
        response = client.post(url("deliveries_retry"), follow=True)

    assert "No mail has failed." in text(response)
    assert state(over) == DeliveryState.FAILED


def test_one_press_sends_no_more_than_a_sweep_takes(client, agent, made, monkeypatch):
    monkeypatch.setattr("wagtail_agenda.views.admin.deliveries.MOST_AT_ONCE", 1)
    first, second = fail(made), fail(factories.make_booking(made.agenda))

    client.post(url("deliveries_retry"))
    assert [state(one) for one in (first, second)] == [DeliveryState.DUE, DeliveryState.FAILED]
    client.post(url("deliveries_retry"))
    assert state(second) == DeliveryState.DUE


def test_sending_all_again_is_no_link(client, agent):
    assert client.get(url("deliveries_retry")).status_code == 405


@pytest.mark.parametrize(("name", "args"), [("delivery_retry", [1]), ("deliveries_retry", [])])
def test_they_bring_their_own_transactions(name, args):
    assert resolve(url(name, *args)).func._non_atomic_requests == {"default"}
