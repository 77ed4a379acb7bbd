"""Deliveries per second over a backlog, beside smtplib sending the same mails on one connection.

A delivery is claimed, written, sent and noted in the history of its booking, so that a worker which
is killed at any point loses nothing; smtplib only sends. The mail server is a process of its own,
which takes everything and keeps nothing.
"""

import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.test import override_settings

from benchmarks.harness import Figure, Unavailable, at_least, free_port, in_turns, main, timed
from tests.factories import NOW, make_booking, make_event
from wagtail_agenda import outbox
from wagtail_agenda.choices import DeliveryState
from wagtail_agenda.models import Delivery, Entry

MAILS = 200
SENDER, RECIPIENT = "agenda@fairbridge.example", "ada@fairbridge.example"


class Recorder:
    """A mail connection that keeps the bytes of what is sent over it."""

    def __init__(self):
        self.mails: list[bytes] = []

    def send_messages(self, messages) -> int:
        self.mails += [message.message().as_bytes(linesep="\r\n") for message in messages]
        return len(messages)


def make_backlog() -> None:
    """Let `MAILS` people book one event while no worker is running."""
    event = make_event(places=MAILS)
    for number in range(MAILS):
        make_booking(event.agenda, user_email=f"visitor{number}@fairbridge.example")


def pile_up() -> None:
    """Make every mail due again, as if none had left."""
    Entry.objects.filter(what="delivered").delete()
    Delivery.objects.update(
        state=DeliveryState.DUE, attempts=0, letter=None, done_at=None, leased_until=None
    )


@contextmanager
def mail_server() -> Iterator[int]:
    """A mail server that takes everything, in a process of its own; answers its port."""
    port = free_port()
    takes_all = ["-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Sink", "-l", f"127.0.0.1:{port}"]
    with subprocess.Popen([sys.executable, *takes_all]) as server:
        try:
            _wait_for(port)
            yield port
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    stop_at = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > stop_at:
                raise Unavailable(f"The mail server did not start ({error}).") from error
            time.sleep(0.05)


def measure() -> Iterator[Figure]:
    make_backlog()
    recorder = Recorder()
    for delivery in Delivery.objects.all():
        outbox.deliver(delivery.pk, now=NOW, connection=recorder)

    def sweep() -> float:
        pile_up()
        return MAILS / timed(lambda: outbox.sweep(now=NOW))

    def send_all() -> None:
        with smtplib.SMTP("127.0.0.1", port) as server:
            for content in recorder.mails:
                server.sendmail(SENDER, [RECIPIENT], content)

    with mail_server() as port, override_settings(EMAIL_HOST="127.0.0.1", EMAIL_PORT=port):
        with override_settings(EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend"):
            turns = in_turns(sweep, lambda: MAILS / timed(send_all))
    sent = Delivery.objects.filter(state=DeliveryState.DONE).count()
    yield Figure.of_rates("outbox", turns, at_least(0.25), mails=sent)


if __name__ == "__main__":
    main(measure)
