"""Another system tells a booking that something has happened: who is let in, what it is told."""

import json
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import NOW, make_agenda, make_appointments, make_booking
from wagtail_agenda import clients, correspondence, external_calls, workflow
from wagtail_agenda.choices import Actor, Cause
from wagtail_agenda.errors import AlreadyCancelled, BookingError, Overloaded
from wagtail_agenda.models import (
    ApiClient,
    Booking,
    Entry,
    KeptFile,
    UsedNonce,
    Workflow,
    WorkflowStatus,
)
from wagtail_agenda.signing import sign_query

pytestmark = pytest.mark.django_db

HOST = "forms.fairbridge.example"


@pytest.fixture
def caller(frozen_now):
    client, told = clients.add("Forms", orig=HOST, scopes=["book"], now=NOW)
    client.told = told
    return client


def address(booking, identifier="papers-complete"):
    return reverse("wagtail_agenda:external_call", args=[booking.uuid, identifier])


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def signed(address, secret, *, now=NOW, before="", nonce=None, algo="sha256", orig=HOST):
    query = sign_query(f"{before}orig={orig}", secret, now=now, nonce=nonce, algo=algo)
    return f"{address}?{query}"


def called(booking, caller, body=None, *, identifier="papers-complete", **more):
    return Client().post(
        address(booking, identifier),
        data=b"" if body is None else json.dumps(body),
        content_type="application/json",
        headers=bearer(caller.told.key),
        **more,
    )


@pytest.fixture
def made(frozen_now):
    """A booking whose workflow leads to « complete » when another system says so."""
    own = Workflow.objects.create(label="Own", slug="own")
    new, complete, closed = (
        WorkflowStatus.objects.create(workflow=own, label=slug, slug=slug, sort_order=order)
        for order, slug in enumerate(["new", "complete", "closed"])
    )
    own.transitions = [
        rule("papers-complete", complete),
        rule("close", closed, only_from=complete),
        rule("pay", closed, kept=("pay", "paid", "yes")),
    ]
    own.save()
    return make_booking(make_appointments(workflow=own)[0])


def rule(identifier, status, *, only_from=None, kept=None):
    conditions = []
    if kept is not None:
        asked = dict(zip(("identifier", "field", "text"), kept, strict=True))
        conditions = [{"type": "kept_answer", "value": {**asked, "comparison": "is"}}]
    return {
        "type": "called",
        "id": identifier,
        "value": {
            "identifier": identifier,
            "status": status.pk,
            "only_from": [{"type": "item", "value": only_from.pk}] if only_from else [],
            "conditions": conditions,
        },
    }


def calls() -> list[Entry]:
    """The calls in the history of every booking, the oldest first."""
    return list(Entry.objects.filter(what=Cause.CALLED).order_by("pk"))


def standing(booking) -> str:
    return Booking.objects.get(pk=booking.pk).status.slug


# Who is let in


def test_a_call_with_a_key_leads_the_booking_on(made, caller):
    response = called(made, caller, {"papers": ["passport"]})
    assert (response.status_code, response.json()) == (200, {"err": 0})
    assert standing(made) == "complete"
    (entry,) = calls()
    assert (entry.booking, entry.actor, entry.at) == (made, Actor.CLIENT, NOW)
    assert entry.data["identifier"] == "papers-complete"
    assert entry.data["client"] == "Forms"
    assert entry.data["body"] == {"papers": ["passport"]}
    assert entry.data["status_label"] == "complete"


@pytest.mark.parametrize("algo", ["sha256", "sha384", "sha512"])
def test_a_signed_call_reaches_it_too(made, caller, algo):
    url = signed(address(made), caller.told.secret, algo=algo, before="lock_code=a%20b&")
    response = Client().post(url)
    assert (response.status_code, response.json()) == (200, {"err": 0})
    assert len(calls()) == 1


def test_the_example_of_the_documentation_is_let_in(made, caller):
    page = Path(__file__).parents[2] / "docs/how-to/connect-another-system.md"
    (source,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    example = {}
    exec(compile(source, page.name, "exec"), example)  # noqa: S102
    url = example["signed"](address(made), HOST, caller.told.secret)
    response = Client().post(url, data={"missing": []}, content_type="application/json")
    assert (response.status_code, response.json()) == (200, {"err": 0})


def test_no_token_of_a_form_is_asked_for(made, caller):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(address(made), headers=bearer(caller.told.key)).status_code == 200


def test_a_call_that_was_heard_is_not_heard_again(made, caller):
    url = signed(address(made), caller.told.secret)
    assert Client().post(url).status_code == 200
    response = Client().post(url)
    assert response.status_code == 403
    assert response.json()["err_class"] == "nonce used"
    assert len(calls()) == 1


def test_a_number_stays_used_when_the_call_did_nothing(made, caller):
    url = signed(address(made, "unheard-of"), caller.told.secret)
    assert Client().post(url).status_code == 404
    assert UsedNonce.objects.count() == 1
    assert Client().post(url).json()["err_class"] == "nonce used"


@pytest.mark.parametrize("seconds", [-31, 31, 3600, -(10**8)])
def test_a_clock_that_is_wrong_is_refused(made, caller, seconds):
    url = signed(address(made), caller.told.secret, now=NOW + timedelta(seconds=seconds))
    response = Client().post(url)
    assert (response.status_code, response.json()["err_class"]) == (403, "timestamp too far")
    assert calls() == []


@pytest.mark.parametrize("seconds", [-30, 30])
def test_a_clock_that_is_nearly_right_is_not(made, caller, seconds):
    url = signed(address(made), caller.told.secret, now=NOW + timedelta(seconds=seconds))
    assert Client().post(url).status_code == 200


def test_nothing_stands_after_a_signature(made, caller):
    url = signed(address(made), caller.told.secret)
    for more in ("&", "&a=b", "&signature=x", "&orig=x"):
        response = Client().post(url + more)
        assert response.status_code == 403
        assert response.json()["err_class"] in {"text after signature", "repeated signature"} | {
            "repeated orig"
        }
    assert calls() == []
    assert not UsedNonce.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("signature=", "signature=A"),
        lambda url: url.replace(HOST, "other.example"),
        lambda url: url.replace("nonce=", "nonce=a"),
        lambda url: url.replace("algo=sha256", "algo=md5"),
        lambda url: url.replace("algo=sha256", "algo=sha512"),
        lambda url: url.replace("?", "?a=b&"),
        lambda url: url.partition("&signature")[0] + "&signature=",
        lambda url: url + "%00",
        lambda url: url.replace("orig=", "orig=%00"),
    ],
)
def test_a_query_that_was_changed_is_refused(made, caller, change):
    response = Client().post(change(signed(address(made), caller.told.secret)))
    assert response.status_code == 403
    assert response.json()["err"] == 1
    assert calls() == []


def test_the_signature_of_another_call_is_its_own_until_used(made, caller):
    """The path is not signed, as the scheme has it: what protects is that a nonce is used once."""
    query = signed("", caller.told.secret)
    assert Client().post(address(made) + query).status_code == 200
    assert Client().post(address(make_booking()) + query).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Basic YTpi"}, {"Authorization": "\x00"}],
)
def test_without_credentials_nobody_is_known(made, caller, headers):
    response = Client().post(address(made), headers=headers)
    assert response.status_code == 401
    assert response.json()["err_class"] == "no credentials"
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert calls() == []


@pytest.mark.parametrize("key", ["", "x", "é", "wagtail_agenda_key_" + "A" * 43])
def test_with_a_wrong_key_nobody_is_known(made, caller, key):
    response = Client().post(address(made), headers=bearer(key))
    assert (response.status_code, response.json()["err_class"]) == (401, "invalid key")
    assert "WWW-Authenticate" in response.headers
    assert calls() == []


def test_a_session_of_the_admin_is_no_credential(made, caller, admin_client):
    assert admin_client.post(address(made)).status_code == 401


@pytest.mark.parametrize("scopes", [[], ["read"], ["manage", "check_in"]])
def test_another_scope_is_not_enough(made, caller, scopes):
    ApiClient.objects.update(scopes=scopes)
    response = called(made, caller)
    assert (response.status_code, response.json()["err_class"]) == (403, "scope missing")
    assert calls() == []


def test_what_is_not_ones_own_is_not_there(made, caller):
    caller.agendas.set([make_agenda()])
    foreign, absent = called(made, caller), called(type(made)(uuid=uuid4()), caller)
    assert foreign.status_code == absent.status_code == 404
    assert foreign.json() == absent.json()
    assert foreign.json()["err_class"] == "unknown booking"
    caller.agendas.set([made.agenda])
    assert called(made, caller).status_code == 200


@pytest.mark.parametrize("name", ["x", "1", "0" * 31, "%00", "{}", "é"])
def test_what_is_no_booking_is_not_there(caller, name):
    url = f"/agendas/api/booking/{quote(name, safe='%')}/hooks/a/"
    response = Client().post(url, headers=bearer(caller.told.key))
    assert (response.status_code, response.json()["err_class"]) == (404, "unknown booking")


def test_who_fails_too_often_has_to_wait_and_others_do_not(made, caller, settings):
    settings.WAGTAIL_AGENDA = {"FAILED_CALLS_PER_ADDRESS_PER_HOUR": 3}
    answers = [Client().post(address(made), headers=bearer("x")) for _time in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert answers[-1].json()["err_class"] == "too many failures"
    assert int(answers[-1].headers["Retry-After"]) > 0
    # Whoever is known, at the same address, is heard all the same.
    assert called(made, caller).status_code == 200
    elsewhere = Client(REMOTE_ADDR="198.51.100.7").post(address(made), headers=bearer("x"))
    assert elsewhere.status_code == 401
    with freeze_time(NOW + timedelta(hours=1)):
        assert Client().post(address(made), headers=bearer("x")).status_code == 401


# What they are told


@pytest.mark.parametrize("identifier", ["unheard-of", "a b", "é", "x" * 200, "%00"])
def test_an_identifier_of_no_rule_is_not_there(made, caller, identifier):
    url = f"/agendas/api/booking/{made.uuid}/hooks/{quote(identifier, safe='%')}/"
    response = Client().post(url, headers=bearer(caller.told.key))
    assert (response.status_code, response.json()["err_class"]) == (404, "unknown identifier")
    assert calls() == []


@pytest.mark.parametrize(
    ("error", "status"), [(AlreadyCancelled(), 200), (BookingError(), 200), (Overloaded(), 503)]
)
def test_what_the_workflow_refuses_is_told_with_its_code(made, caller, monkeypatch, error, status):
    def refuse(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(workflow, "note_cause", refuse)
    response = called(made, caller)
    assert response.status_code == status
    assert response.json() == {
        "err": 1,
        "err_class": error.code,
        "err_desc": str(error),
        "reason": error.code,
    }
    assert response.headers.get("Retry-After") == ("5" if status == 503 else None)


def test_a_call_that_leads_nowhere_from_here_says_so_and_changes_nothing(made, caller):
    response = called(made, caller, {"a": 1}, identifier="close")
    assert response.status_code == 200
    assert response.json()["err"] == 1
    assert (
        response.json()["err_class"] == response.json()["reason"] == ("not allowed in this status")
    )
    assert response.json()["err_desc"]
    assert (standing(made), calls()) == ("new", [])
    assert not KeptFile.objects.exists()
    called(made, caller)
    assert called(made, caller, identifier="close").json() == {"err": 0}
    assert standing(made) == "closed"


def test_conditions_ask_for_what_came_with_the_call(made, caller):
    assert called(made, caller, {"paid": "no"}, identifier="pay").json()["err"] == 1
    assert called(made, caller, {"paid": "yes"}, identifier="pay").json() == {"err": 0}
    assert standing(made) == "closed"


def test_texts_can_name_what_came_with_the_call(made, caller):
    called(made, caller, {"papers": {"missing": "photo {user_name}"}})
    values = correspondence.kept_values(made, ["{call_papers_complete_papers_missing}"])
    assert values == {"call_papers_complete_papers_missing": "photo {user_name}"}
    called(made, caller, {"papers": {"missing": "nothing"}})
    values = correspondence.kept_values(made, ["{call_papers_complete_papers_missing}"])
    assert values == {"call_papers_complete_papers_missing": "nothing"}


def test_a_mistake_in_an_action_is_not_taken_for_an_unknown_call(made, caller, monkeypatch):
    def fail(*_args, **_kwargs):
        raise KeyError("colour")

    monkeypatch.setattr(workflow, "note_cause", fail)
    with pytest.raises(KeyError):
        called(made, caller, {"a": 1})
    assert not KeptFile.objects.exists()


def test_a_booking_that_is_deleted_meanwhile_is_not_there(made, caller, monkeypatch):
    def delete_first(*args, **kwargs):
        Booking.objects.all().delete()
        return note(*args, **kwargs)

    note = external_calls.note
    monkeypatch.setattr(external_calls, "note", delete_first)
    response = called(made, caller, {"a": 1})
    assert (response.status_code, response.json()["err_class"]) == (404, "unknown booking")


def test_nothing_comes_with_most_calls(made, caller):
    assert called(made, caller).status_code == 200
    assert calls()[0].data["body"] is None
    assert not KeptFile.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid json"),
        (b"papers=complete", 400, "invalid json"),
        (b"--BoUnDaRyStRiNg", 400, "invalid json"),
        (b'{"a": 1, "a": 2}', 400, "invalid json"),
        (b"[" * 30_000, 400, "invalid json"),
        (b'"\\u0000"', 400, "invalid json"),
        (b"\xff\xfe", 400, "invalid json"),
        (b'"' + b"x" * 65_536 + b'"', 413, "body too long"),
        (b" " * 10_000_000, 413, "body too long"),
    ],
)
def test_a_body_that_cannot_be_kept_is_refused(made, caller, body, status, code):
    response = Client().post(
        address(made),
        data=body,
        content_type="application/json",
        headers=bearer(caller.told.key),
    )
    assert (response.status_code, response.json()["err_class"]) == (status, code)
    assert calls() == []


def test_a_body_may_be_as_long_as_it_may(made, caller):
    assert called(made, caller, "x" * 65_534).status_code == 200


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_only_a_post_does_anything(made, caller, method):
    response = getattr(Client(), method)(address(made), headers=bearer(caller.told.key))
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert calls() == []


def test_answers_are_kept_by_nobody(made, caller):
    for response in (called(made, caller), Client().post(address(made))):
        assert "no-store" in response.headers["Cache-Control"]


WORDS = st.text(max_size=30) | st.sampled_from(["papers-complete", "%00", "..", "a" * 300, "é"])


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    booking=WORDS,
    identifier=WORDS,
    query=st.text(max_size=60)
    | st.sampled_from(
        [
            "orig=&algo=sha256&timestamp=&nonce=&signature=",
            "orig=%00&algo=sha256&timestamp=2026-11-30T06:00:00Z&nonce=x&signature=AA==",
            "signature=",
            "signature=%ff&signature=",
            "&" * 9_000 + "signature=",
        ]
    ),
    known=st.booleans(),
    authorization=st.text(st.characters(max_codepoint=255), max_size=40),
    body=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: json.dumps(text).encode()),
    content_type=st.sampled_from(["application/json", "multipart/form-data", "x", ""]),
)
def test_nothing_that_is_sent_ends_in_an_error_of_ours(
    made, caller, booking, identifier, query, known, authorization, body, content_type
):
    url = "/agendas/api/booking/{}/hooks/{}/?{}".format(
        quote(booking or "x", safe=""), quote(identifier or "x", safe=""), quote(query, safe="=&%")
    )
    before = standing(made)
    headers = {"Authorization": authorization}
    if known:
        headers = bearer(caller.told.key)
        url = url.replace(quote(booking or "x", safe=""), str(made.uuid), 1)
    response = Client().generic("POST", url, body, content_type=content_type, headers=headers)
    assert response.status_code in {200, 400, 401, 403, 404, 429}
    if response.headers["Content-Type"] == "application/json":
        assert response.json()["err"] == (0 if response.status_code == 200 else 1)
    assert response.status_code == 200 or standing(made) == before
