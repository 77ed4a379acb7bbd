"""Deliveries per second of two workers over a backlog, beside smtplib sending the same mails.

A delivery is claimed, written, sent and noted in the history of its booking, so that a worker which
is killed at any point loses nothing; smtplib only sends, two processes too, each over one
connection. The mail server is one more process, which takes everything and keeps nothing.
"""

import multiprocessing
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connections
from django.test import override_settings

from benchmarks.harness import Figure, Unavailable, at_least, free_port, in_turns, main
from tests.factories import NOW, make_booking, make_event
from wagtail_agenda import outbox
from wagtail_agenda.choices import DeliveryState
from wagtail_agenda.models import Delivery, Entry

MAILS = 300
WORKERS = 2
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


class Workers:
    """Processes that begin at one moment whatever they are told to do.

    They stay from turn to turn, as those of django-q2 do from task to task.
    """

    def __init__(self, *acts: Callable[[int], None]) -> None:
        self._acts = acts
        # Nobody may share a connection to the database with the processes that are made from this.
        connections.close_all()
        context = multiprocessing.get_context("fork")
        self._together = context.Barrier(WORKERS)
        pipes = [context.Pipe() for _worker in range(WORKERS)]
        self._ends = [end for end, _other in pipes]
        self._processes = [
            context.Process(target=self._work, args=(number, other), daemon=True)
            for number, (_end, other) in enumerate(pipes)
        ]
        for process in self._processes:
            process.start()

    def seconds_for(self, act: Callable[[int], None]) -> float:
        """Seconds from the moment at which all begin to the one at which the last has ended."""
        for end in self._ends:
            end.send(self._acts.index(act))
        times = [end.recv() for end in self._ends]
        # The clock is the machine's, the same for all of its processes.
        return max(ended for _begun, ended in times) - min(begun for begun, _ended in times)

    def stop(self) -> None:
        for end in self._ends:
            end.send(None)
        for process in self._processes:
            process.join(60)

    def _work(self, number: int, end) -> None:
        while (act := end.recv()) is not None:
            self._together.wait(60)
            begun = time.perf_counter()
            self._acts[act](number)
            end.send((begun, time.perf_counter()))
        connections.close_all()


def sweep(_number: int) -> None:
    outbox.sweep(now=NOW)


def measure() -> Iterator[Figure]:
    make_backlog()
    recorder = Recorder()
    for delivery in Delivery.objects.all():
        outbox.deliver(delivery.pk, now=NOW, connection=recorder)

    def send_all(number: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as server:
            for content in recorder.mails[number::WORKERS]:
                server.sendmail(SENDER, [RECIPIENT], content)

    def rate_of_sweeps() -> float:
        pile_up()
        rate = MAILS / workers.seconds_for(sweep)
        left = Delivery.objects.exclude(state=DeliveryState.DONE).count()
        if left:
            raise RuntimeError(f"{left} mails of {MAILS} did not leave.")
        return rate

    with mail_server() as port, override_settings(EMAIL_HOST="127.0.0.1", EMAIL_PORT=port):
        with override_settings(EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend"):
            workers = Workers(sweep, send_all)
            turns = in_turns(rate_of_sweeps, lambda: MAILS / workers.seconds_for(send_all))
            workers.stop()
    yield Figure.of_rates("outbox", turns, at_least(0.25), mails=MAILS, workers=WORKERS)


if __name__ == "__main__":
    main(measure)
