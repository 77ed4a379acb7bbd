"""« Call a web service »: what leaves, what is kept of the answer, and what an error leads to."""

import json
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from tests.factories import NOW, make_appointments, make_booking
from tests.http_server import Server
from tests.test_workflow import make_workflow
from wagtail_agenda import encryption, outbox, webhooks
from wagtail_agenda.actions.call import call_of, try_out
from wagtail_agenda.blocks.call_action import CallBlock
from wagtail_agenda.choices import Audience
from wagtail_agenda.correspondence import values_for
from wagtail_agenda.errors import ActionFailed
from wagtail_agenda.letters import letter_of
from wagtail_agenda.models import ApiClient, Delivery, Entry, KeptFile, WorkflowStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def service(settings):
    with Server() as server:
        settings.WAGTAIL_AGENDA = {**settings.WAGTAIL_AGENDA, "CALLBACK_HOSTS": [server.host]}
        yield server


def calls(url, **value):
    return {"type": "call", "value": {"url": url, "method": "POST", **value}}


def named(**values):
    """Names and values as the editor's rows are stored."""
    return [
        {"type": "item", "id": name, "value": {"name": name, "value": text}}
        for name, text in values.items()
    ]


def booked(*actions, **details):
    made = make_workflow({"booked": "confirmed", "absent": "later"}, confirmed=list(actions))
    return make_booking(make_appointments(workflow=made)[0], **details)


def asked(service):
    """The one request that came: method, path, headers, and body as JSON."""
    ((method, path, headers, body),) = service.received
    return method, path, headers, json.loads(body) if body else None


# What leaves


def test_it_says_which_booking_it_is_about_and_what_the_editor_wants(service):
    fields = named(who="{user_name}", what="{appointment_type}", plain="7")
    booking = booked(calls(service.url, fields=fields))
    assert service.received == []

    outbox.sweep(now=NOW)

    method, path, headers, body = asked(service)
    assert (method, path) == ("POST", "/hook/")
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"]
    assert body == {
        "booking_id": str(booking.uuid),
        "number": booking.reference,
        "agenda": booking.agenda.slug,
        "start": "2026-11-30T09:00:00+01:00",
        "end": "2026-11-30T09:30:00+01:00",
        "places": 1,
        "admission": "confirmed",
        "status": "confirmed",
        "who": "Ada Martin",
        "what": "Passport",
        "plain": "7",
    }


def test_without_the_booking_and_by_get_nothing_but_the_parameters_leaves(service):
    url = f"{service.url}{{number}}?fixed=1#top"
    booking = booked(calls(url, method="GET", query=named(q="{user_name}", r="a&b=c")))
    outbox.sweep(now=NOW)
    method, path, _headers, body = asked(service)
    assert (method, body) == ("GET", None)
    assert path == f"/hook/{booking.reference}?fixed=1&q=Ada%20Martin&r=a%26b%3Dc"


NASTY = [
    '"},{"admin": true',
    "{manage_url}",
    "{{7*7}} {x.__class__}",
    "a\r\nX-Evil: 1",
    "../../admin?x=1#y&z",
    "@evil.example:80/",
    "\x00\x1b\ud800\u2028é",
    "{secret}",
]


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.one_database
def test_what_a_visitor_types_is_a_value_and_nothing_else(service, name):
    action = calls(
        service.url + "people/{user_name}/x",
        query=named(q="{user_name}"),
        fields=named(who="{user_name}", text="{{7*7}} {x.__class__} {manage_url}"),
        headers=named(**{"X-Who": "by {user_name}"}),
    )
    booking = booked(action, user_name="Ada")
    booking.user_name = name
    wanted = call_of(booking, action["value"], facts={}, cause="test")
    assert wanted.url.startswith(service.url + "people/")
    assert wanted.url.count("/") == (service.url + "people/y/x").count("/")
    assert wanted.url.count("?") == 1
    assert "#" not in wanted.url

    outbox.try_once(outbox.unsaved_call(wanted, now=NOW), NOW)

    _method, _path, headers, body = asked(service)
    assert body["text"] == "{{7*7}} {x.__class__} {manage_url}"
    assert "admin" not in body
    assert "X-Evil" not in headers
    assert headers["X-Who"].startswith("by ")
    assert headers["X-Who"].isascii()
    assert booking.token_digest not in str(service.received)


@pytest.mark.parametrize("name", [".", ".."])
def test_no_value_climbs_in_the_path(service, name):
    booking = booked(user_name=name)
    with pytest.raises(ActionFailed) as caught:
        call_of(booking, {"url": service.url + "{user_name}/x"}, facts={}, cause="t")
    assert caught.value.code == "cannot be called"


def test_the_secret_link_is_nobodys_business(service):
    booking = booked(calls(service.url, fields=named(a="{manage_url}", b="{answers}")))
    outbox.sweep(now=NOW)
    assert "manage/" not in str(asked(service))
    assert values_for(booking, ["{manage_url}"], Audience.STAFF).get("manage_url") is None


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"url": None},
        {"url": "ftp://x.example/"},
        {"url": "https://{user_name}/"},
        {"url": "https://a{number}.example/x"},
        {"url": "//x.example"},
        {"url": "https://user:secret@x.example/"},
        {"url": "http://10.0.0.1/"},
        {"url": "https://x.example/" + "a" * 2000},
    ],
)
@pytest.mark.one_database
def test_an_address_that_cannot_be_called_is_an_error_of_the_action(value):
    with pytest.raises(ActionFailed) as caught:
        call_of(booked(), value, facts={}, cause="t")
    assert caught.value.code == "cannot be called"
    assert str(caught.value)


@pytest.mark.parametrize("odd", [None, "x", 7, {"a": 1}, [None, 3, {"value": 3}, {"value": {}}]])
@pytest.mark.one_database
def test_the_rest_may_be_of_any_shape(odd):
    names = ("query", "fields", "headers", "identifier", "expects", "on_error", "method")
    value = {"url": "https://x.example/", **dict.fromkeys(names, odd)}
    wanted = call_of(booked(), value, facts={}, cause="t")
    assert (wanted.url, wanted.method) == ("https://x.example/", "POST")


def test_reaching_the_status_again_is_another_call_and_the_same_occasion_is_none(service):
    booking = booked(calls(service.url))
    wanted = call_of(booking, {"url": service.url}, facts={}, cause="other")
    outbox.enqueue_calls([wanted], now=NOW)
    outbox.enqueue_calls([wanted], now=NOW)
    assert Delivery.objects.filter(kind="call").count() == 2


# Secrets


def client_of(service, **fields):
    return ApiClient.objects.create(
        label="Permits",
        orig=service.host,
        secret=encryption.encrypt("s3cr3t"),
        **fields,
    )


def secret_header(client, text="Bearer {secret}"):
    row = {"name": "Authorization", "value": text, "client": str(client.pk)}
    return [{"type": "item", "id": "a", "value": row}]


def test_a_header_holds_the_secret_of_another_system_which_is_stored_with_no_call(service):
    client = client_of(service)
    booked(calls(service.url, headers=secret_header(client)))
    assert "s3cr3t" not in str(Delivery.objects.values())
    outbox.sweep(now=NOW)
    assert asked(service)[2]["Authorization"] == "Bearer s3cr3t"
    assert "s3cr3t" not in str([*Delivery.objects.values(), *Entry.objects.values()])


def test_no_secret_is_sent_to_another_host(service):
    client = ApiClient.objects.create(
        label="Bank", orig="bank.example", secret=encryption.encrypt("s3cr3t")
    )
    booked(calls(service.url, headers=secret_header(client)))
    outbox.sweep(now=NOW)
    assert service.received == []
    assert "to no other host" in Delivery.objects.get(kind="call").last_error


def test_a_visitor_named_like_the_placeholder_gets_no_secret(service):
    client = client_of(service)
    headers = secret_header(client, "{user_name} {secret}")
    booked(calls(service.url, headers=headers), user_name="{secret}")
    outbox.sweep(now=NOW)
    assert asked(service)[2]["Authorization"] == "{secret} s3cr3t"


# What comes back


def test_a_later_mail_says_what_was_answered_and_attaches_it(service):
    answer = {"number": "P-7", "holder": {"name": "{manage_url}"}, "tags": ["a", 2], "ok": True}
    service.answer = (200, {"Content-Type": "application/json"}, json.dumps(answer).encode())
    text = (
        "{call_permit_number}|{call_permit_holder_name}|{call_permit_tags}|{call_permit_ok}|"
        "{call_permit_none}|{file_permit}|{call_other_x}|{call_permit_number.x}"
    )
    booking = booked(calls(service.url, identifier="permit", expects="json"))
    outbox.sweep(now=NOW)
    mail = Delivery(booking=booking, audience="visitor", recipient="a@x.example")
    mail.action = {"texts": [{"subject": "{call_permit_number}", "text": text}]}
    mail.message_id, mail.pk = "<1@x.example>", None

    letter = letter_of(mail, NOW)

    assert letter.subject == "P-7"
    expected = "P-7|{manage_url}|a, 2|true||permit.json||{call_permit_number.x}\n"
    assert letter.text == expected
    assert KeptFile.objects.get().identifier == "permit"


def test_an_answer_sends_the_booking_on_where_its_actions_can_use_it(service):
    booking = booked()
    status = WorkflowStatus.objects.get(slug="later")
    value = {"url": service.url, "on_answer": status.pk, "identifier": "permit"}
    outbox.enqueue_calls([call_of(booking, value, facts={}, cause="1.0")], now=NOW)
    outbox.sweep(now=NOW)
    entry = Entry.objects.get(booking=booking, advances=True)
    assert (entry.what, entry.data["go_to"]) == ("sent_on", status.pk)


def test_an_error_is_noted_with_the_status_to_go_to(service):
    service.answer = (404, {}, b"")
    booking = booked()
    value = {"url": service.url, "on_error": booking.status_id, "identifier": "permit"}
    outbox.enqueue_calls([call_of(booking, value, facts={}, cause="1.0")], now=NOW)
    outbox.sweep(now=NOW)
    entry = Entry.objects.get(booking=booking, what="action_failed")
    assert entry.advances
    assert (entry.data["code"], entry.data["status"]) == ("404", booking.status_id)
    assert not KeptFile.objects.exists()


def test_trying_it_out_makes_the_same_call_and_notes_nothing(service):
    service.answer = (503, {}, b"")
    booking = booked()
    result = try_out(booking, {"url": service.url}, cause="test", now=NOW)
    assert isinstance(result, webhooks.TemporaryFailure)
    assert "503" in result.reason
    assert asked(service)[3]["booking_id"] == str(booking.uuid)
    assert not Delivery.objects.filter(kind="call").exists()
    refused = try_out(booking, {"url": "https://127.0.0.2/"}, cause="test", now=NOW)
    assert "not on the public internet" in refused.reason


# As editors write it


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "https://{number}.x.example/"}, "url"),
        ({"url": "http://x.example/"}, "url"),
        ({"url": "https://x.example/{manage_url}"}, "url"),
        ({"url": "https://x.example/{nothing}"}, "url"),
        ({"identifier": "A b"}, "identifier"),
        ({"fields": [{"name": "a", "value": "{manage_url}"}]}, "fields"),
        ({"headers": [{"name": "A:", "value": "x"}]}, "headers"),
        ({"headers": [{"name": "A", "value": "{secret}"}]}, "headers"),
    ],
)
@pytest.mark.one_database
def test_what_cannot_work_is_refused_at_its_field(value, field):
    block = CallBlock()
    value = block.to_python({"url": "https://x.example/", **value})
    with pytest.raises(ValidationError) as caught:
        block.clean(value)
    assert list(caught.value.block_errors) == [field]


def test_a_whole_one_is_fine_and_a_draft_may_lack_anything():
    block = CallBlock()
    block.clean(block.to_python({"url": "https://x.example/{number}?a={answer_x}"}))
    block.clean_deferred(block.to_python({}))
