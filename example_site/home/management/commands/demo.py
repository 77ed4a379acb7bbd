"""`manage.py demo`: the example site, ready to try, in one foreground process group."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from example_site.home import demo_forms

HOST = "127.0.0.1"
# Seconds. Ctrl-C reaches web server and worker by itself. A second signal that finds the worker
# still in its handler of the first makes django-q 1.11 wait for itself for ever.
GRACE = 1.5
# Seconds. The worker finishes what it has begun before it ends.
STOP_TIMEOUT = 20
START_TIMEOUT = 60


class Command(BaseCommand):
    help = "Migrates, loads the demo, and runs web server and worker until Ctrl-C."
    # The checks talk to the database, which `migrate` has yet to make.
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not hasattr(settings, "DEMO_PORT"):
            raise CommandError(
                "This command runs with the settings of the demo: leave out --settings, "
                "or set DJANGO_SETTINGS_MODULE=example_site.settings.demo."
            )
        port: int = settings.DEMO_PORT
        with only_one_demo(), stop_signals():
            refuse_taken_port(port)
            call_command("migrate", verbosity=0)
            call_command("load_demo", stdout=self.stdout)
            self.run(port)

    def run(self, port: int) -> None:
        """Runs web server and worker; ends both when one of them ends or a signal comes."""
        processes = {
            "web server": start("runserver", "--noreload", f"{HOST}:{port}"),
            "worker": start("qcluster"),
        }
        try:
            if answers(processes["web server"], port):
                self.announce(port)
            while all(process.poll() is None for process in processes.values()):
                time.sleep(0.2)
            ended = next(name for name, process in processes.items() if process.poll() is not None)
            raise CommandError(f"The {ended} of the demo ended by itself, so the demo stops.")
        except Stopped:
            self.stdout.write("\nStopping the demo …")
        finally:
            stop(processes.values())

    def announce(self, port: int) -> None:
        site = f"http://localhost:{port}"
        self.stdout.write(
            f"""
  The demo is running.

    Town hall   {site}/
    Admin       {site}/admin/        user admin, password admin
    Mails sent  {site}/demo/inbox/
    Interface   {site}/agendas/api/agenda/
                with the header Authorization: Bearer {demo_forms.new_key()}

  Ctrl-C ends it. Everything it keeps lies in {settings.DEMO_DATA}.
"""
        )
        self.stdout.flush()


class Stopped(Exception):
    """Somebody wants the demo to end."""


@contextmanager
def only_one_demo() -> Iterator[None]:
    """Holds the data folder for as long as the demo runs; two demos would share one queue."""
    with open(settings.DEMO_DATA / "lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CommandError(
                f"The demo is already running at {lock.read().strip()}. Open that address, or end "
                "it with Ctrl-C in its terminal before you start another."
            ) from None
        lock.truncate(0)
        lock.write(f"http://localhost:{settings.DEMO_PORT}/")
        lock.flush()
        yield


@contextmanager
def stop_signals() -> Iterator[None]:
    """Turns the signals that end a program into `Stopped`, once."""

    def stopped(number: int, frame: FrameType | None) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise Stopped

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stopped) for number in numbers}
    try:
        yield
    except Stopped:
        # It came before there was anything to stop.
        return
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def refuse_taken_port(port: int) -> None:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((HOST, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} of this machine is taken ({error.strerror}). "
                f"Choose another one: DEMO_PORT={port + 1} make demo"
            ) from None


def start(*command: str) -> subprocess.Popen:
    """Starts a management command in this process group, so that Ctrl-C reaches it too."""
    return subprocess.Popen(  # noqa: S603 - our own commands
        [sys.executable, "-m", "django", *command],
        cwd=settings.SITE_DIR.parent,
        env={**os.environ, "DJANGO_RUNSERVER_HIDE_WARNING": "true"},
    )


def answers(web: subprocess.Popen, port: int) -> bool:
    """Waits for the web server: True when it answers, False when it has ended."""
    deadline = time.monotonic() + START_TIMEOUT
    while web.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise CommandError(
                    f"The web server did not answer on port {port} within {START_TIMEOUT} seconds."
                ) from None
            time.sleep(0.1)
        else:
            return True
    return False


def stop(processes: Iterable[subprocess.Popen]) -> None:
    """Ends the processes: by the signal they had already, politely, or at last by force."""
    processes = list(processes)
    if wait_for_end(processes, GRACE):
        return
    for process in processes:
        if process.poll() is None:
            process.terminate()
    if wait_for_end(processes, STOP_TIMEOUT):
        return
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_for_end(processes: list[subprocess.Popen], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(process.poll() is None for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
