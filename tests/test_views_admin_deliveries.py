"""Mails and calls: listed, tried again and kept from leaving by an agent."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import resolve, reverse
from django.utils.html import escape
from freezegun import freeze_time
from wagtail.models import ModelLogEntry

from tests import factories
from tests.agents import make_staff, queries_of, url
from tests.factories import NOW
from tests.http_server import Server
from wagtail_agenda import outbox
from wagtail_agenda.choices import Actor, DeliveryState
from wagtail_agenda.models import ClosedAddress, Delivery, Entry
from wagtail_agenda.outbox import WebCall
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


def test_sending_many_again_takes_as_many_queries_as_sending_two(client, agent, made):
    def queries_of_sending(count):
        for _number in range(count):
            fail(factories.make_booking(made.agenda))
        with CaptureQueriesContext(connection) as queries:
            client.post(url("deliveries_retry"))
        assert not Delivery.objects.filter(state=DeliveryState.FAILED).exists()
        return len(queries)

    queries_of_sending(1)
    assert queries_of_sending(2) == queries_of_sending(9)


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


# The list


def call(booking, address="https://forms.example/hook/", **values):
    """A call that was queued, as it stands after `values`."""
    wanted = WebCall(booking, address, cause=str(Delivery.objects.count()))
    (delivery,) = outbox.enqueue_calls([wanted], now=NOW)
    Delivery.objects.filter(pk=delivery.pk).update(**values)
    delivery.refresh_from_db()
    return delivery


def listed(client, **asked):
    """Message-IDs of what the list shows, as its page has them."""
    page = client.get(url("deliveries"), asked).content.decode()
    return [
        delivery.pk
        for delivery in Delivery.objects.order_by("-pk")
        if f"<code>{escape(delivery.message_id)}</code>" in page
    ]


def test_the_list_has_mails_and_calls_of_ones_own_agendas_alone(client, agent, made):
    mail, asked = made.deliveries.get(), call(made)
    call(factories.make_booking())

    assert listed(client) == [asked.pk, mail.pk]
    page = text(client.get(url("deliveries")))
    assert "2 mails and calls" in page
    assert "POST https://forms.example/hook/" in page
    assert url("booking", made.pk) in page


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"state": "failed"}, ["refused"]),
        ({"kind": "mail"}, ["mail"]),
        ({"kind": "call"}, ["waits", "refused"]),
        ({"whom": "FILES.example"}, ["waits"]),
        ({"whom": "ada@"}, ["mail"]),
        ({"whom": "\x00"}, ["waits", "refused", "mail"]),
        ({"whom": "%"}, []),
        ({"agenda": "nonsense", "state": "x", "p": "99"}, ["waits", "refused", "mail"]),
    ],
)
def test_the_list_is_narrowed(client, agent, made, asked, found):
    names = {
        "mail": made.deliveries.get().pk,
        "refused": call(made, state="failed", last_error="refused the call (404)").pk,
        "waits": call(made, "https://files.example/").pk,
    }

    assert listed(client, **asked) == [names[name] for name in found]


def test_the_list_of_one_agenda(client, agent, made):
    Delivery.objects.update(state="done")

    assert listed(client, agenda=made.agenda.slug) == [made.deliveries.get().pk]


def test_it_says_why_how_often_and_when_next(client, agent, made):
    call(made, attempts=3, last_error="takes no connection", due_at=NOW + timedelta(hours=1))

    page = text(client.get(url("deliveries")))

    assert "takes no connection" in page
    assert "next attempt" in page
    assert ">3</td>" in page


def test_a_full_list_has_pages_and_costs_a_few_queries(client, agent, made):
    few = len(queries_of(client, url("deliveries")))
    for _number in range(60):
        call(made, state="failed")

    assert len(queries_of(client, url("deliveries"))) <= few + 1
    assert "Page 1 of 2" in text(client.get(url("deliveries"), {"state": "failed"}))
    assert "state=failed&amp;p=2" in text(client.get(url("deliveries"), {"state": "failed"}))


def test_what_others_have_typed_is_no_markup(client, agent, made):
    call(made, "https://x.example/<script>", state="failed", last_error="<b>no</b>")

    assert "<script>" not in text(client.get(url("deliveries"))).replace("<script ", "")
    assert "<b>no</b>" not in text(client.get(url("booking", made.pk)))


def test_the_menu_leads_to_the_list(client, agent):
    page = client.get(HOME).content.decode()

    assert url("deliveries") in page


# What is done about one


def test_a_call_that_failed_is_made_again(client, agent, made):
    delivery = call(made, state="failed", attempts=2, last_error="refused the call (404)")

    response = client.post(
        url("delivery_retry", delivery.pk), {"next": url("deliveries")}, follow=True
    )

    assert "The call to forms.example is made again." in text(response)
    assert response.redirect_chain[-1][0] == url("deliveries")
    assert state(delivery) == DeliveryState.DUE


def test_what_waits_for_its_next_attempt_is_hurried(client, agent, made):
    delivery = call(made, attempts=2, due_at=NOW + timedelta(hours=4))

    client.post(url("delivery_retry", delivery.pk))

    assert Delivery.objects.get(pk=delivery.pk).due_at == NOW


def test_an_agent_keeps_a_call_from_leaving_and_it_is_noted_who(client, agent, made):
    delivery = call(made)

    response = client.post(url("delivery_cancel", delivery.pk), follow=True)

    assert "will not leave any more" in text(response)
    assert "Cancelled by an agent" in text(response)
    assert state(delivery) == DeliveryState.CANCELLED
    assert ModelLogEntry.objects.get().action == "wagtail_agenda.cancel_delivery"
    entry = Entry.objects.get(what="delivery_cancelled")
    assert (entry.actor, entry.user) == (Actor.AGENT, agent)
    again = client.post(url("delivery_cancel", delivery.pk), follow=True)
    assert "cannot be cancelled" in text(again)
    assert Entry.objects.filter(what="delivery_cancelled").count() == 1


@pytest.mark.parametrize("now_is", ["done", "sending", "superseded"])
def test_what_has_left_cannot_be_held_back(client, agent, made, now_is):
    delivery = call(made, state=now_is)

    client.post(url("delivery_cancel", delivery.pk))

    assert state(delivery) == now_is


def test_an_address_that_was_closed_is_called_again_when_somebody_says_so(client, agent, made):
    delivery = call(made, state="failed", last_error="wants no more calls")
    ClosedAddress.objects.create(digest=outbox.calls.address_digest(delivery), url=delivery.url)

    assert "Call this address again" in text(client.get(url("deliveries")))
    client.post(url("delivery_retry", delivery.pk))
    assert ClosedAddress.objects.exists()
    client.post(url("delivery_retry", delivery.pk), {"reopen": "1"})

    assert not ClosedAddress.objects.exists()
    assert "wagtail_agenda.reopen_address" in ModelLogEntry.objects.values_list("action", flat=True)


# The history of a booking


def test_the_history_tells_of_each_call_with_its_result(client, agent, made, settings):
    with Server() as server:
        settings.WAGTAIL_AGENDA = {"CALLBACK_HOSTS": [server.host]}
        server.answers = [(503, {}, b""), (404, {}, b"")]
        refused = call(made, f"{server.url}first/")
        outbox.deliver(refused.pk, now=NOW)
        outbox.deliver(refused.pk, now=NOW + timedelta(hours=1))
        outbox.deliver(call(made, f"{server.url}second/").pk, now=NOW)

    page = text(client.get(url("booking", made.pk)))

    for said in ("Not delivered yet", "Next attempt", "Call failed", "Call answered"):
        assert said in page
    assert "Answer: 200" in page
    assert f"{server.url}first/" in page
    # In the table, and at the last line about it.
    assert page.count(url("delivery_retry", refused.pk)) == 2
    client.post(url("delivery_retry", refused.pk))
    assert "Call queued to be made again" in text(client.get(url("booking", made.pk)))


def test_the_history_tells_of_each_mail_with_its_message_id_and_revision(client, agent, made):
    mail = made.deliveries.get()
    outbox.deliver(mail.pk, now=NOW)

    page = text(client.get(url("booking", made.pk)))

    assert f"Message-ID: {escape(mail.message_id)}" in page
    assert "Calendar revision: 0" in page
