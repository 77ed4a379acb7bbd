"""A client that got no answer asks again with the same key: it is answered, and nothing is done."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from freezegun import freeze_time

from tests.factories import NOW, make_agenda, make_event
from wagtail_agenda import booking as bookings
from wagtail_agenda import clients, tasks
from wagtail_agenda.api import filling, idempotency
from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.models import Booking, Delivery, KeptAnswer
from wagtail_agenda.signing import sign_query

pytestmark = pytest.mark.django_db

KEY = {"Idempotency-Key": "5f0c-1"}
WHO = {"user_name": "Ada Martin", "user_email": "ada@post.example"}


@pytest.fixture
def event(frozen_now):
    return make_event(make_agenda(kind=AgendaKind.EVENTS), places=2)


def path_of(event):
    return f"agenda/{event.agenda.slug}/fillslot/{event.slug}/"


def fill(caller, event, body=WHO, headers=KEY, **query):
    return caller.post(path_of(event), body, headers=headers, **query)


def test_the_same_call_again_gets_the_same_answer(caller, event):
    first, again = fill(caller, event), fill(caller, event)
    assert first.response.content == again.response.content
    assert again.response.headers["Content-Type"] == "application/json"
    assert Booking.objects.count() == Delivery.objects.count() == 1


def test_without_a_key_the_same_call_is_another_one(caller, event):
    fill(caller, event, headers=None)
    fill(caller, event, headers=None)
    assert Booking.objects.count() == 2


def test_an_error_is_kept_too(caller, event):
    refused = fill(caller, event, {"count": 3})
    bookings.change_places(event, 5, now=NOW)
    again = fill(caller, event, {"count": 3})
    assert refused.data == again.data
    assert again["reason"] == "sold out"
    assert not Booking.objects.exists()


@pytest.mark.parametrize("change", ["body", "query", "path"])
def test_a_key_is_for_one_call(caller, event, change):
    fill(caller, event)
    other = make_event(event.agenda)
    answer = {
        "body": lambda: fill(caller, event, {**WHO, "label": "x"}),
        "query": lambda: fill(caller, event, count=1),
        "path": lambda: fill(caller, other),
    }[change]()
    assert (answer.status, answer["reason"]) == (422, "idempotency key reused")
    assert Booking.objects.count() == 1


def test_keys_of_two_clients_are_two(caller, make_caller, event):
    fill(caller, event)
    assert fill(make_caller(label="Other"), event, {})["err"] == 0
    assert Booking.objects.count() == 2


def test_after_a_day_the_key_is_free(caller, event):
    fill(caller, event)
    with freeze_time(NOW + timedelta(hours=23, minutes=59)):
        fill(caller, event)
        assert Booking.objects.count() == 1
    with freeze_time(NOW + timedelta(hours=24, minutes=1)):
        fill(caller, event)
        assert Booking.objects.count() == 2


def test_answers_are_forgotten_after_a_day(caller, event):
    fill(caller, event)
    assert tasks.purge_kept_answers() == 0
    with freeze_time(NOW + clients.ANSWERS_KEPT_FOR + timedelta(seconds=1)):
        assert tasks.purge_kept_answers() == 1
    assert not KeptAnswer.objects.exists()


def test_what_is_overloaded_is_tried_anew(caller, event, monkeypatch):
    def overloaded(*_arguments, **_names):
        raise Overloaded()

    with monkeypatch.context() as patched:
        patched.setattr(filling, "fill", overloaded)
        answer = fill(caller, event)
    assert (answer.status, answer["reason"]) == (503, "try again")
    assert answer.response.headers["Retry-After"] == "5"
    assert fill(caller, event)["err"] == 0


def test_what_breaks_half_way_changes_nothing_and_leaves_the_key_free(caller, event, monkeypatch):
    def broken(*_arguments, **_names):
        raise RuntimeError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr(idempotency, "_sealed", broken)
        with pytest.raises(RuntimeError):
            fill(caller, event)
    assert not Booking.objects.exists()
    assert not Delivery.objects.exists()
    assert fill(caller, event)["err"] == 0


def test_a_signed_call_is_the_same_whatever_its_signature(frozen_now, event):
    host = "forms.fairbridge.example"
    _client, told = clients.add("Forms", orig=host, scopes=["book"], now=NOW)

    def call(nonce):
        query = sign_query(f"orig={host}&count=1", told.secret, now=NOW, nonce=nonce)
        url = reverse("wagtail_agenda:fillslot", args=[event.agenda.slug, event.slug])
        return Client().post(f"{url}?{query}", headers=KEY).json()

    assert call("a1") == call("b2")
    assert Booking.objects.count() == 1


@pytest.mark.parametrize("key", ["x" * 256, "clé", "a\tb"])
def test_a_key_that_cannot_be_kept_is_refused(caller, event, key):
    answer = fill(caller, event, headers={"Idempotency-Key": key})
    assert (answer.status, answer["reason"]) == (400, "invalid idempotency key")
    assert not Booking.objects.exists()


def test_nobody_else_can_read_what_was_answered(caller, event):
    """With the database alone: the answer is encrypted with what only the client has."""
    answer = fill(caller, event)
    row = KeptAnswer.objects.get()
    stored = " ".join([row.answer, row.key_digest, row.request_digest])
    for secret in (answer["booking_id"], KEY["Idempotency-Key"], "sold out", "ada"):
        assert secret not in stored


def test_while_the_first_call_runs_one_is_asked_to_come_back(caller, event, monkeypatch):
    """What the database says when the first one does not end in time."""

    def ask_again(*_arguments, **_names):
        raise idempotency._busy()

    monkeypatch.setattr(idempotency, "_begin", ask_again)
    answer = fill(caller, event)
    assert (answer.status, answer["reason"]) == (409, "still running")
    assert answer.response.headers["Retry-After"] == "1"
