"""Workers that are killed while they send: everything leaves, and next to nothing leaves twice."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from tests.concurrency.conftest import PROVING
from tests.factories import NOW, make_appointments, make_booking
from tests.http_server import Server
from tests.smtp_server import SmtpServer
from wagtail_agenda import outbox
from wagtail_agenda.choices import DeliveryState
from wagtail_agenda.models import Delivery, Entry
from wagtail_agenda.outbox import WebCall

pytestmark = pytest.mark.django_db(transaction=True)

KILLS = 50 if PROVING else 5
DELIVERIES = 6 * KILLS
"""Twice as many as are needed to kill at every third: a sweep may end before its death comes."""

HOUR = timedelta(hours=1)
"""Longer than any lease of the first attempts."""

WORKER = """
import json, os, sys
from datetime import datetime

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
from django.conf import settings

options = json.loads(sys.argv[1])
settings.DATABASES["default"]["NAME"] = options.pop("database")
for name, value in options.items():
    setattr(settings, name, value)
import django

django.setup()
from wagtail_agenda import outbox

# Each line is a moment; a child sweeps at it, so that its death ends no more than one sweep.
for line in sys.stdin:
    child = os.fork()
    if not child:
        outbox.sweep(now=datetime.fromisoformat(line.strip()))
        os._exit(0)
    print(child, flush=True)
    print("killed" if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) else "done", flush=True)
"""


class Workers:
    """Sweeps in processes of their own, of which the present one can be killed at any moment."""

    def __init__(self, **options):

        options["database"] = str(connection.settings_dict["NAME"])
        self.kills = 0
        self._child = None
        self._process = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", WORKER, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def sweep(self, now):
        """Sweep once. Whether the worker lived to its end."""
        self._process.stdin.write(f"{now.isoformat()}\n")
        self._process.stdin.flush()
        self._child = int(self._process.stdout.readline())
        outcome = self._process.stdout.readline().strip()
        self._child = None
        self.kills += outcome == "killed"
        return outcome == "done"

    def kill_soon(self):
        """Kill the worker that is sending, within the next hundredths of a second."""
        threading.Timer(random.uniform(0, 0.02), self._kill, [self._child]).start()  # noqa: S311

    def _kill(self, child):
        if child is not None and child == self._child:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def stop(self):
        self._process.stdin.close()
        self._process.wait(timeout=30)


@contextmanager
def workers(**options):
    made = Workers(**options)
    try:
        yield made
    finally:
        made.stop()


def sweep_until_done(sweeping):
    """Sweep hour after hour; each hour finds what the killed worker before has left behind."""
    now = NOW
    for _hour in range(10 * KILLS + 10):
        sweeping.sweep(now)
        if not Delivery.objects.exclude(state=DeliveryState.DONE).exists():
            return
        now += HOUR
    raise AssertionError(Delivery.objects.values("state", "attempts", "last_error"))


def test_killed_workers_make_every_call_with_the_same_bytes(settings):
    settings.WAGTAIL_AGENDA = {"DELIVERY_GIVE_UP_HOURS": 10_000}
    booking = make_booking(make_appointments()[0], user_email="")
    wanted = DELIVERIES
    with Server() as server:
        calls = [
            WebCall(booking, server.url, body={"number": number}, cause=f"{number}.0")
            for number in range(wanted)
        ]
        outbox.enqueue_calls(calls, now=NOW)
        conf = {
            "CALLBACK_HOSTS": [server.host],
            "CALLS_PER_HOST": 1,
            "DELIVERY_GIVE_UP_HOURS": 9999,
        }
        with workers(WAGTAIL_AGENDA=conf) as sweeping:

            def now_and_then(handler):
                if len(server.received) % 3 == 0 and sweeping.kills < KILLS:
                    sweeping.kill_soon()
                with suppress(OSError):
                    handler.send_response(204)
                    handler.end_headers()

            server.drip = now_and_then
            sweep_until_done(sweeping)

        times = Counter(headers["webhook-id"] for *_rest, headers, _body in server.received)
        bodies = {(headers["webhook-id"], body) for *_rest, headers, body in server.received}
        assert sweeping.kills >= min(KILLS, 3)
        assert len(times) == len(bodies) == wanted
        assert times.total() <= wanted + sweeping.kills
    assert Entry.objects.filter(what="call_answered").count() == wanted


def test_killed_workers_send_every_mail_with_the_same_bytes(settings):
    settings.WAGTAIL_AGENDA = {"DELIVERY_GIVE_UP_HOURS": 10_000}
    wanted = DELIVERIES
    agenda = make_appointments(desks=wanted)[0]
    for _number in range(wanted):
        make_booking(agenda)
    assert Delivery.objects.count() == wanted
    server = SmtpServer()
    with workers(**server.settings, WAGTAIL_AGENDA={"DELIVERY_GIVE_UP_HOURS": 9999}) as sweeping:

        class Kept(list):
            """What was received; the arrival of some is the end of the worker that sent them."""

            def append(self, received):
                super().append(received)
                if len(self) % 3 == 0 and sweeping.kills < KILLS:
                    sweeping.kill_soon()

        server.received = Kept()
        server.start()
        try:
            sweep_until_done(sweeping)
        finally:
            server.stop()

    contents = Counter(server.messages)
    assert sweeping.kills >= min(KILLS, 3)
    assert len(contents) == wanted
    assert contents.total() <= wanted + sweeping.kills
    assert Entry.objects.filter(what="delivered").count() == wanted
