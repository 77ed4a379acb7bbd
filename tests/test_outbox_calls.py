"""Calls to other systems: each is made until it is answered, signed, and keeps nobody waiting."""

import base64
import hashlib
import hmac
import json
import threading
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

import pytest
from django.db import transaction

from tests.factories import NOW, make_appointments, make_booking
from tests.http_server import Server
from wagtail_agenda import encryption, mail, outbox, signals, signing, webhooks
from wagtail_agenda.choices import DeliveryState
from wagtail_agenda.models import ApiClient, ClosedAddress, Delivery, Entry, KeptFile
from wagtail_agenda.outbox import WebCall

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def booking():
    return make_booking(make_appointments(label="Passports")[0], user_email="")


@pytest.fixture
def server(settings):
    with Server() as made:
        settings.WAGTAIL_AGENDA = {"CALLBACK_HOSTS": [made.host], "ORIG": "agenda.example"}
        yield made


def queued(booking, url, *, cause="1.0", **values):
    """The delivery of one call."""
    (delivery,) = outbox.enqueue_calls([WebCall(booking, url, cause=cause, **values)], now=NOW)
    return delivery


def refreshed(delivery):
    delivery.refresh_from_db()
    return delivery


def kept_key():
    secret = outbox.own_webhook_secret().removeprefix("whsec_")
    return base64.b64decode(secret)


def is_signed(headers, body, key):
    """Whether the headers are those of the Standard Webhooks specification over this body."""
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return headers["webhook-signature"] == f"v1,{expected}"


# What is sent


def test_a_call_is_made_as_it_was_asked_for(booking, server):
    delivery = queued(
        booking,
        server.url + "?q=o%C3%B9",
        headers={"X-Town": "Fairbridge"},
        body={"name": "Zoë", "at": NOW},
    )

    assert outbox.sweep(now=NOW) == 1

    ((method, path, headers, body),) = server.received
    assert (method, path) == ("POST", "/hook/?q=o%C3%B9")
    assert json.loads(body) == {"name": "Zoë", "at": NOW.isoformat()}
    assert (headers["Content-Type"], headers["X-Town"]) == ("application/json", "Fairbridge")
    assert headers["webhook-id"] == delivery.message_id
    assert is_signed(headers, body, kept_key())
    assert (refreshed(delivery).state, delivery.answered) == (DeliveryState.DONE, 200)
    assert (delivery.host, delivery.letter) == (server.host, None)
    entry = Entry.objects.get(what="call_answered")
    assert entry.data == {
        "url": server.url + "?q=o%C3%B9",
        "answered": 200,
        "identifier": "",
        "delivery": delivery.pk,
    }
    assert not entry.advances


def test_a_get_has_no_body(booking, server):
    queued(booking, server.url, method="GET")

    outbox.sweep(now=NOW)

    ((method, _path, headers, body),) = server.received
    assert (method, body) == ("GET", b"")
    assert "Content-Type" not in headers


def test_a_known_system_is_called_with_its_own_secrets(booking, server):
    ApiClient.objects.create(
        label="Forms",
        orig=server.host,
        secret=encryption.encrypt("s3cr3t"),
        webhook_secret=encryption.encrypt("whsec_" + base64.b64encode(b"k" * 24).decode()),
    )
    ApiClient.objects.create(
        label="Other", orig="127.0.0.1", secret=encryption.encrypt("other's own")
    )
    queued(booking, server.url + "?q=où", body={})

    outbox.sweep(now=NOW)

    ((_method, path, headers, body),) = server.received
    query = urlsplit(path).query
    assert query.startswith("q=o%C3%B9&orig=agenda.example&")
    signed = signing.check_query(
        query, now=NOW, secrets_of=lambda orig: ["s3cr3t"], use_nonce=lambda signed: True
    )
    assert signed.orig == "agenda.example"
    assert is_signed(headers, body, b"k" * 24)
    assert "signature" not in Entry.objects.get(what="call_answered").data["url"]


def test_a_system_is_known_by_its_host_alone_too_unless_it_was_switched_off(booking, server):
    client = ApiClient.objects.create(
        label="Forms", orig="127.0.0.1", secret=encryption.encrypt("s3cr3t")
    )
    queued(booking, server.url)
    outbox.sweep(now=NOW)
    ApiClient.objects.filter(pk=client.pk).update(active=False)
    queued(booking, server.url, cause="2.0")
    outbox.sweep(now=NOW)

    assert ["signature=" in path for _method, path, _headers, _body in server.received] == [
        True,
        False,
    ]


def test_a_secret_that_cannot_be_read_is_told_and_waited_for(booking, server):
    client = ApiClient.objects.create(label="Forms", orig=server.host, secret="gibberish")
    delivery = queued(booking, server.url)

    assert outbox.deliver(delivery.pk, now=NOW) == DeliveryState.DUE
    assert "“Forms”" in refreshed(delivery).last_error
    assert server.received == []

    ApiClient.objects.filter(pk=client.pk).update(secret=encryption.encrypt("s3cr3t"))
    assert outbox.deliver(delivery.pk, now=NOW + DAY) == DeliveryState.DONE


def test_a_call_asked_for_twice_is_made_once(booking, server):
    first, second = (queued(booking, server.url) for _number in range(2))

    assert first == second
    assert outbox.sweep(now=NOW) == 1
    assert queued(booking, server.url).state == DeliveryState.DONE
    assert outbox.sweep(now=NOW) == 0
    assert len(server.received) == 1


def test_five_hundred_are_queued_with_a_few_statements(booking, django_assert_max_num_queries):
    calls = [
        WebCall(booking, "https://forms.example/", cause=f"{number}.0") for number in range(500)
    ]
    # SQLite takes no more than fifty rows of this width in one statement.
    with django_assert_max_num_queries(20):
        assert len(outbox.enqueue_calls(calls, now=NOW)) == 500
    assert outbox.enqueue_calls([], now=NOW) == []


def test_a_call_is_queued_with_its_reason_or_not_at_all(booking, server):
    with transaction.atomic():
        queued(booking, server.url)
        transaction.set_rollback(True)

    assert outbox.sweep(now=NOW) == 0
    assert server.received == []


# What comes back


def test_an_answer_is_kept_under_its_name(booking, server):
    server.answer = (200, {"Content-Type": "text/plain"}, b'{"number": 7}')
    queued(booking, server.url, identifier="file-number", expects="json")
    server_pdf = (200, {"Content-Type": "application/pdf"}, b"%PDF")

    outbox.sweep(now=NOW)
    server.answer = server_pdf
    queued(booking, server.url, cause="2.0", identifier="letter", expects="file")
    outbox.sweep(now=NOW)

    number, letter = KeptFile.objects.order_by("pk")
    assert (number.identifier, number.name) == ("file-number", "file-number.json")
    assert json.loads(bytes(number.content)) == {"number": 7}
    assert number.content_type == "application/json"
    assert (letter.name, letter.content_type) == ("letter.pdf", "application/pdf")
    assert bytes(letter.content) == b"%PDF"


def test_a_later_answer_takes_the_place_of_the_one_before(booking, server):
    for cause, body in (("1.0", b"1"), ("2.0", b"2")):
        server.answer = (200, {}, body)
        queued(booking, server.url, cause=cause, identifier="number", expects="json")
        outbox.sweep(now=NOW)

    assert bytes(KeptFile.objects.get().content) == b"2"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((404, {}, b""), "404"),
        ((302, {"Location": "http://10.0.0.1/"}, b""), "302"),
        ((410, {}, b""), "address closed"),
        ((200, {}, b"<html>"), "not json"),
    ],
)
def test_what_failed_for_good_says_why_and_moves_the_workflow_on(
    booking, server, answer, code, django_capture_on_commit_callbacks
):
    told = []

    def receive(**_kwargs):
        told.append(True)

    signals.entries_due.connect(receive)
    server.answer = answer
    delivery = queued(booking, server.url, identifier="number", expects="json", on_error=77)
    with django_capture_on_commit_callbacks(execute=True):
        assert outbox.deliver(delivery.pk, now=NOW) == DeliveryState.FAILED
    signals.entries_due.disconnect(receive)

    assert told == [True]
    assert refreshed(delivery).answered == answer[0]
    entry = Entry.objects.get(what="action_failed")
    assert entry.advances
    assert entry.data["code"] == code
    assert entry.data["reason"] == delivery.last_error != ""
    assert (entry.data["action"], entry.data["identifier"]) == ("call", "number")
    assert (entry.data["status"], entry.data["delivery"]) == (77, delivery.pk)
    assert not KeptFile.objects.exists()
    assert outbox.sweep(now=NOW + DAY) == 0


def test_without_a_status_to_go_to_none_is_named(booking, server):
    server.answer = (404, {}, b"")
    outbox.deliver(queued(booking, server.url).pk, now=NOW)

    assert "status" not in Entry.objects.get(what="action_failed").data


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"url": "https://10.0.0.1/"}, "public internet"),
        ({"url": "http://forms.example/"}, "https only"),
        ({"url": "nonsense"}, "no web address"),
        ({"url": "http://[::1"}, "no web address"),
        ({"url": "https://forms.example/" + "x" * 3000}, "no web address"),
        ({"body": float("nan")}, "cannot be written"),
        ({"body": {"x": object()}}, "cannot be written"),
        ({"headers": {"X": "a\r\nY: b"}}, "no header"),
    ],
)
def test_a_call_that_cannot_be_made_fails_in_words_and_never_where_it_was_asked_for(
    booking, server, values, reason
):
    delivery = queued(booking, **{"url": server.url, **values})

    assert outbox.sweep(now=NOW) == 1

    assert refreshed(delivery).state == DeliveryState.FAILED
    assert reason in delivery.last_error
    assert Entry.objects.get(what="action_failed").data["code"] == "cannot be called"


@pytest.mark.parametrize("letter", [None, {}, {"method": "POST"}, {"url": 3, "headers": 7}, [1]])
def test_a_row_of_a_shape_nobody_foresaw_stops_no_other(booking, server, letter):
    broken, other = queued(booking, server.url), queued(booking, server.url, cause="2.0")
    Delivery.objects.filter(pk=broken.pk).update(letter=letter)

    outbox.sweep(now=NOW)

    assert refreshed(broken).state == DeliveryState.FAILED
    assert refreshed(other).state == DeliveryState.DONE


def test_an_address_that_was_closed_is_called_no_more_until_it_is_opened(booking, server):
    server.answer = (410, {}, b"")
    outbox.deliver(queued(booking, server.url).pk, now=NOW)
    server.answer = (200, {}, b"{}")
    again, elsewhere = (
        queued(booking, server.url + path, cause=f"2.{path}") for path in ("", "else/")
    )

    outbox.sweep(now=NOW)

    assert len(server.received) == 2
    assert refreshed(again).state == DeliveryState.FAILED
    assert "asked for no more calls" in again.last_error
    assert Entry.objects.filter(what="action_failed").last().data["code"] == "address closed"
    assert refreshed(elsewhere).state == DeliveryState.DONE
    ClosedAddress.objects.all().delete()
    assert outbox.retry(again, now=NOW)
    assert outbox.deliver(again.pk, now=NOW) == DeliveryState.DONE


# Another try


def test_every_try_sends_the_same_bytes_under_the_same_id_signed_anew(booking, server):
    ApiClient.objects.create(label="F", orig=server.host, secret=encryption.encrypt("s3cr3t"))
    server.answers = [(500, {}, b""), (429, {}, b""), (503, {}, b"")]
    delivery = queued(booking, server.url, body={"b": 1, "a": [1.5, "é"]})
    now = NOW
    for wait in outbox.BACKOFF[:3]:
        assert outbox.deliver(delivery.pk, now=now) == DeliveryState.DUE
        assert 0.9 * wait <= refreshed(delivery).due_at - now <= 1.1 * wait
        assert outbox.deliver(delivery.pk, now=delivery.due_at - MINUTE / 60) is None
        now = delivery.due_at
    assert outbox.deliver(delivery.pk, now=now) == DeliveryState.DONE

    assert len(server.received) == 4
    assert len({body for *_rest, body in server.received}) == 1
    assert {headers["webhook-id"] for *_rest, headers, _body in server.received} == {
        delivery.message_id
    }
    assert len({path for _method, path, *_rest in server.received}) == 4
    for *_rest, headers, body in server.received:
        assert is_signed(headers, body, kept_key())
    postponed = Entry.objects.filter(what="delivery_postponed")
    assert [entry.data["attempts"] for entry in postponed] == [1, 2, 3]


@pytest.mark.parametrize("status", [429, 503])
def test_whoever_asks_for_time_is_given_it(booking, server, status):
    server.answer = (status, {"Retry-After": "7200"}, b"")
    delivery = queued(booking, server.url)

    outbox.deliver(delivery.pk, now=NOW)

    assert 2 * 60 * MINUTE <= refreshed(delivery).due_at - NOW <= 1.1 * 2 * 60 * MINUTE


def test_who_never_answers_is_given_up_at_last(booking, server):
    server.answer = (500, {}, b"")
    delivery = queued(booking, server.url)
    now = NOW
    while refreshed(delivery).state == DeliveryState.DUE:
        now = max(now, delivery.due_at)
        assert now <= NOW + DAY
        outbox.deliver(delivery.pk, now=now)

    assert delivery.last_error.startswith("Given up after: ")
    assert (delivery.answered, delivery.state) == (500, DeliveryState.FAILED)
    assert len(server.received) == delivery.attempts > 4
    assert Entry.objects.get(what="action_failed").data["code"] == "500"


def test_a_failed_call_is_tried_again_by_hand_with_the_same_bytes(booking, server):
    server.answer = (400, {}, b"")
    delivery = queued(booking, server.url, body={"n": 1})
    outbox.deliver(delivery.pk, now=NOW)
    server.answer = (200, {}, b"{}")

    assert outbox.retry(refreshed(delivery), now=NOW + 3 * DAY)
    assert outbox.deliver(delivery.pk, now=NOW + 3 * DAY) == DeliveryState.DONE

    (first, second) = server.received
    assert first[3] == second[3] == b'{"n": 1}'
    assert first[2]["webhook-id"] == second[2]["webhook-id"]
    assert not outbox.retry(delivery, now=NOW + 3 * DAY)


def test_what_somebody_has_cancelled_never_leaves(booking, server):
    delivery = queued(booking, server.url)

    assert outbox.cancel(delivery, now=NOW)

    assert outbox.sweep(now=NOW + DAY) == 0
    assert server.received == []
    assert (refreshed(delivery).state, delivery.letter) == (DeliveryState.CANCELLED, None)
    assert Entry.objects.get(what="delivery_cancelled").data["delivery"] == delivery.pk
    assert not outbox.cancel(delivery, now=NOW)
    assert not outbox.retry(delivery, now=NOW)


# Workers that die, workers that meet


class Killed(BaseException):
    """The end of a worker."""


def test_a_killed_worker_costs_one_more_call_of_the_same_bytes(booking, server, monkeypatch):
    perform = webhooks.perform
    kills = [True, False, True]

    def dying(call, **options):
        answer = perform(call, **options)
        if kills and kills.pop(0):
            raise Killed
        return answer

    monkeypatch.setattr(webhooks, "perform", dying)
    deliveries = [queued(booking, server.url, cause=f"{n}.0", body={"n": n}) for n in range(3)]
    now, killed = NOW, 0
    while Delivery.objects.exclude(state=DeliveryState.DONE).exists():
        try:
            for delivery in deliveries:
                outbox.deliver(delivery.pk, now=now)
        except Killed:
            killed += 1
        now += outbox.LEASE

    assert killed == 2
    assert len(server.received) == 3 + killed
    bodies = {}
    for *_rest, headers, body in server.received:
        bodies.setdefault(headers["webhook-id"], set()).add(body)
    assert bodies == {
        delivery.message_id: {json.dumps({"n": n}).encode()}
        for n, delivery in enumerate(deliveries)
    }
    assert Entry.objects.filter(what="call_answered").count() == 3


def test_a_call_that_kills_every_worker_is_given_up(booking, server, monkeypatch):
    def dying(call, **options):
        raise Killed

    monkeypatch.setattr(webhooks, "perform", dying)
    delivery = queued(booking, server.url)
    now = NOW
    while refreshed(delivery).state != DeliveryState.FAILED:
        try:
            outbox.deliver(delivery.pk, now=now)
        except Killed:
            now = refreshed(delivery).leased_until

    assert "Given up" in delivery.last_error
    assert delivery.attempts <= len(outbox.BACKOFF) + 2


def test_a_worker_that_comes_back_too_late_notes_nothing_twice(booking, server, monkeypatch):
    perform = webhooks.perform

    def slow(call, **options):
        monkeypatch.setattr(webhooks, "perform", perform)
        assert outbox.deliver(delivery.pk, now=NOW + outbox.LEASE) == DeliveryState.DONE
        raise webhooks.TemporaryFailure("timed out")

    monkeypatch.setattr(webhooks, "perform", slow)
    delivery = queued(booking, server.url)
    outbox.deliver(delivery.pk, now=NOW)

    assert refreshed(delivery).state == DeliveryState.DONE
    assert Entry.objects.filter(what="call_answered").count() == 1
    assert not Entry.objects.filter(what="delivery_postponed").exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_calls(booking, server, simultaneously):
    delivery = queued(booking, server.url)

    outcomes = simultaneously(lambda _number: outbox.deliver(delivery.pk, now=NOW), range(8))

    assert sorted(map(str, outcomes)) == ["None"] * 7 + ["done"]
    assert len(server.received) == 1


class Gauge:
    """Counts the calls that wait for an answer at the same moment, and lets `wait` end first."""

    def __init__(self, wait):
        self.most = self._present = 0
        self._wait, self._counting = wait, threading.Lock()

    def __call__(self, handler):
        with self._counting:
            self._present += 1
            self.most = max(self.most, self._present)
        self._wait()
        with self._counting:
            self._present -= 1
        handler.send_response(204)
        handler.end_headers()


@pytest.mark.django_db(transaction=True)
def test_no_host_is_called_more_often_at_once_than_allowed(booking, server, simultaneously):
    refused = threading.Event()
    gauge = server.drip = Gauge(lambda: refused.wait(10))
    calls = [queued(booking, server.url, cause=f"{number}.0") for number in range(6)]

    def call(number):
        state = outbox.deliver(calls[number].pk, now=NOW)
        if state is None:
            refused.set()
        return state

    outcomes = simultaneously(call, range(6))

    assert outcomes.count(DeliveryState.DONE) == len(server.received) <= 6
    assert gauge.most <= 2
    server.drip = None
    assert outbox.sweep(now=NOW) == outcomes.count(None)
    assert not Delivery.objects.exclude(state=DeliveryState.DONE).exists()
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


def test_a_sweep_calls_a_host_twice_at_once_and_no_more_often(booking, server):
    # Each waits for one that comes beside it.
    gauge = server.drip = Gauge(threading.Barrier(2, timeout=10).wait)
    for number in range(10):
        queued(booking, server.url, cause=f"{number}.0")

    assert outbox.sweep(now=NOW) == 10
    assert gauge.most == 2


# One slow system


@pytest.fixture
def others(settings, server):
    """Fifty further hosts at one server: none is looked up anywhere but here."""
    settings.WAGTAIL_AGENDA = {
        "CALLBACK_HOSTS": [f"h{number}.test" for number in range(50)] + ["dead.test", server.host]
    }
    return [f"http://h{number}.test:{server.port}/" for number in range(50)]


def test_a_host_that_is_dead_delays_nobody(booking, server, others, monkeypatch, settings):
    perform, dead, over = webhooks.perform, [], threading.Event()

    def performing(call, **options):
        if "dead.test" in call.url:
            dead.append(call.url)
            over.wait(20)
            raise webhooks.TemporaryFailure("no answer")
        answer = perform(call, resolve=lambda host, port: ["127.0.0.1"], **options)
        if len(server.received) == 50:
            # Only now does the dead host give up: everybody else was called meanwhile.
            over.set()
        return answer

    monkeypatch.setattr(webhooks, "perform", performing)
    calls = [WebCall(booking, f"http://dead.test/{n}", cause=f"dead.{n}") for n in range(50)]
    calls += [WebCall(booking, url, cause=url) for url in others]
    outbox.enqueue_calls(calls, now=NOW)

    attempted = outbox.sweep(now=NOW)

    assert over.is_set()
    assert len(server.received) == 50
    assert len(dead) <= 2
    assert attempted == 50 + len(dead)
    waiting = Delivery.objects.filter(host="dead.test")
    assert {one.state for one in waiting} == {DeliveryState.DUE}
    assert all(one.due_at > NOW for one in waiting)
    assert sum(one.attempts for one in waiting) == len(dead)


def test_a_thousand_calls_to_one_host_crowd_nobody_out(booking, server, monkeypatch):
    monkeypatch.setattr(outbox.sweeping, "SWEEP_LIMIT", 10)
    server.answer = (500, {}, b"")
    with Server() as quick:
        outbox.enqueue_calls(
            [WebCall(booking, server.url, cause=f"{number}.0") for number in range(30)], now=NOW
        )
        late = queued(booking, f"http://{quick.host}/", cause="late")
        hosts = [server.host, quick.host]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("django.conf.settings.WAGTAIL_AGENDA", {"CALLBACK_HOSTS": hosts})
            outbox.sweep(now=NOW)

    assert refreshed(late).state == DeliveryState.DONE


def test_mails_leave_while_a_call_waits(server, monkeypatch):
    left, in_time = threading.Event(), []
    server.drip = lambda handler: (
        in_time.append(left.wait(10)),
        handler.send_response(204),
        handler.end_headers(),
    )
    monkeypatch.setattr(mail, "send", lambda letter, connection, server: left.set())
    booking = make_booking(make_appointments()[0])
    queued(booking, server.url)

    assert outbox.sweep(now=NOW) == 2
    assert in_time == [True]


def test_a_sweep_begins_no_call_after_its_time(booking, server, monkeypatch):
    monkeypatch.setattr(outbox.sweeping, "SWEEP_SECONDS", -1)
    delivery = queued(booking, server.url)

    assert outbox.sweep(now=NOW) == 0
    assert (refreshed(delivery).state, delivery.attempts) == (DeliveryState.DUE, 0)


def test_an_error_nobody_foresaw_stops_no_other_call(booking, server, monkeypatch, caplog):
    perform = webhooks.perform

    def failing(call, **options):
        if "broken" in call.url:
            raise RuntimeError("the disk is on fire")
        return perform(call, **options)

    monkeypatch.setattr(webhooks, "perform", failing)
    queued(booking, server.url + "broken")
    other = queued(booking, server.url, cause="2.0")

    outbox.sweep(now=NOW)

    assert refreshed(other).state == DeliveryState.DONE
    assert "the disk is on fire" in caplog.text


def test_whoever_drips_is_left_after_its_time(booking, server, monkeypatch):
    over = threading.Event()

    def slowly(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while not over.wait(0.02):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return

    server.drip = slowly
    perform = webhooks.perform
    monkeypatch.setattr(
        webhooks, "perform", lambda call, **options: perform(call, seconds=0.3, **options)
    )
    delivery = queued(booking, server.url)

    assert outbox.sweep(now=NOW) == 1
    over.set()

    assert refreshed(delivery).state == DeliveryState.DUE
    assert "did not answer within" in delivery.last_error


def test_the_time_of_a_signature_is_that_of_the_attempt(booking, server):
    server.answers = [(500, {}, b"")]
    delivery = queued(booking, server.url)
    outbox.deliver(delivery.pk, now=NOW)
    outbox.deliver(delivery.pk, now=NOW + DAY / 2)

    times = [int(headers["webhook-timestamp"]) for *_rest, headers, _body in server.received]
    moments = [datetime.fromtimestamp(stamp, timezone.utc) for stamp in times]
    assert moments == [NOW, NOW + DAY / 2]


@pytest.fixture
def impatient(monkeypatch):
    """Takes every host for slow that was called once."""
    monkeypatch.setattr(outbox.lanes, "SLOW_SECONDS", -1)
    monkeypatch.setattr(outbox.lanes, "_slow_until", {})


@pytest.mark.usefixtures("impatient")
def test_a_slow_host_is_left_to_the_sweep_when_others_are_to_be_served_at_once(booking, server):
    first, second = (queued(booking, server.url, cause=f"{number}.0") for number in range(2))

    assert outbox.deliver_all([first.pk], now=NOW) == 1
    assert outbox.deliver_all([second.pk], now=NOW) == 0
    assert outbox.sweep(now=NOW) == 1

    assert refreshed(second).state == DeliveryState.DONE


@pytest.mark.usefixtures("impatient")
def test_a_sweep_does_not_spend_all_its_time_on_a_slow_host(booking, server, monkeypatch):
    monkeypatch.setattr(outbox.lanes, "SECONDS_FOR_THE_SLOW", -1)
    for number in range(8):
        queued(booking, server.url, cause=f"{number}.0")

    assert outbox.sweep(now=NOW) == 2
    assert Delivery.objects.filter(state=DeliveryState.DUE, attempts=0).count() == 6


def test_one_call_that_nobody_answers_puts_off_the_others_to_that_host(booking, settings):
    with Server() as gone:
        settings.WAGTAIL_AGENDA = {"CALLBACK_HOSTS": [gone.host]}
    first, second = (queued(booking, gone.url, cause=f"{number}.0") for number in range(2))

    assert outbox.deliver_all([first.pk], now=NOW) == 1

    assert refreshed(second).due_at == NOW + MINUTE
    assert second.attempts == 0
