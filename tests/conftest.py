"""What every test stands on: a database that answers, a clean cache, threads that tidy up."""

import gc
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import hypothesis
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.db.backends.base.creation import BaseDatabaseCreation
from django.test import TransactionTestCase
from freezegun import freeze_time
from pytest_django import DjangoDbBlocker

from tests import first_rows, migrated, migrated_servers, quick_clock
from tests.agents import make_staff
from tests.factories import NOW, make_booking
from tests.smtp_server import smtp_server  # noqa: F401  a fixture for every test
from wagtail_agenda.availability import remembered
from wagtail_agenda.workflow import ensure_default_workflow

# A machine under load is slow, not wrong.
hypothesis.settings.register_profile("wagtail-agenda", deadline=None)
hypothesis.settings.load_profile("wagtail-agenda")

quick_clock.install()

# Python looks for cycles after every 700 new objects, among a million that stay to the end.
gc.set_threshold(100_000, 50, 100)


def pytest_collection_finish() -> None:
    """What has been loaded until now stays: nobody needs to look for cycles in it again."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    database = settings.DATABASES["default"]
    if settings.TEST_DATABASE != "sqlite":
        require_answer(
            database["HOST"],
            database["PORT"],
            f"TEST_DATABASE={settings.TEST_DATABASE}",
            "leave TEST_DATABASE unset to use SQLite",
        )
    if settings.TEST_QUEUE == "redis":
        address = urlsplit(settings.REDIS_URL)
        require_answer(
            address.hostname,
            address.port or 6379,
            "TEST_QUEUE=redis",
            "leave TEST_QUEUE unset to keep the tasks in the database",
        )


def require_answer(host: str, port: int, asked: str, otherwise: str) -> None:
    """Ends the run with one sentence when nothing listens, instead of an error per test."""
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError as error:
        raise pytest.UsageError(
            f"{asked}, but nothing answers on {host}:{port} ({error}). "
            f"Start the server, name another address (see tests/settings.py), or {otherwise}."
        ) from error


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves what no other database changes to SQLite; gives tests that commit their first rows.

    A test that commits ends with a flush, which also takes Wagtail's root page, locale and groups;
    the next one would start on a database that no site has.
    """
    if settings.TEST_DATABASE != "sqlite":
        elsewhere = [item for item in items if not needs_this_database(item)]
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if needs_this_database(item)]
    for item in items:
        marker = item.get_closest_marker("django_db")
        commits = {"live_server", "transactional_db"} & set(getattr(item, "fixturenames", ()))
        if commits or (marker and marker.kwargs.get("transaction")):
            restored = {**(marker.kwargs if marker else {}), "serialized_rollback": True}
            restored["transaction"] = True
            item.add_marker(pytest.mark.django_db(**restored), append=False)


def needs_this_database(item: pytest.Item) -> bool:
    """Whether a test asks for a database, by a mark, a fixture or its base class, and for each.

    One that is marked `one_database` opens pages that the matrix of roles opens on every database,
    or is about what is refused before anything is looked up.
    """
    if item.get_closest_marker("one_database"):
        return False
    fixtures = {"db", "transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    cls = getattr(item, "cls", None)
    is_django_case = cls is not None and issubclass(cls, TransactionTestCase)
    return bool(fixtures or is_django_case or item.get_closest_marker("django_db"))


@pytest.fixture(scope="session")
def migrated_template(request: pytest.FixtureRequest) -> Path | None:
    """Where a migrated database is kept between runs, on SQLite."""
    cache = getattr(request.config, "cache", None)
    if settings.TEST_DATABASE != "sqlite" or cache is None:
        return None
    return cache.mkdir("migrated") / f"{migrated.fingerprint()}.sqlite3"


@pytest.fixture(scope="session")
def django_db_keepdb(
    migrated_template: Path | None,
    django_db_modify_db_settings: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[bool]:
    """Begins with the migrated database of an earlier run, if there is one of these migrations."""
    if settings.TEST_DATABASE != "sqlite":
        with django_db_blocker.unblock():
            kept = migrated_servers.begin_with_kept(connections["default"])
            yield kept
            if kept:
                migrated_servers.drop_test_database(connections["default"])
        return
    if migrated_template is None or not migrated_template.exists():
        yield False
        return
    database = Path(connections["default"].settings_dict["TEST"]["NAME"])
    migrated.copy(migrated_template, database)
    yield True
    connections.close_all()
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_keepdb: bool,
    migrated_template: Path | None,
) -> Iterator[None]:
    """Lets every connection know the rows to give back.

    Django notes them on the connection that made the database. A browser test has another one:
    Playwright keeps an event loop running in this thread, and Django keeps its connections per
    thread or, where a loop runs, per context.
    """
    made = connections["default"]
    if migrated_template is not None and not migrated_template.exists():
        migrated.keep(Path(made.settings_dict["NAME"]), migrated_template)
    if settings.TEST_DATABASE != "sqlite" and not django_db_keepdb:
        with django_db_blocker.unblock():
            migrated_servers.keep(made)
    rows = getattr(made, "_test_serialized_contents", None)
    if rows is None:
        yield
        return
    with django_db_blocker.unblock():
        tables = first_rows.read(made)

    def give_back(creation: BaseDatabaseCreation, _serialised: str) -> None:
        first_rows.give_back(tables, creation.connection.alias)

    emptying = {"sql_flush": first_rows.deletions} if made.vendor == "postgresql" else {}
    with (
        patch.object(type(made), "_test_serialized_contents", rows, create=True),
        patch.object(type(made.creation), "deserialize_db_from_string", give_back),
        patch.multiple(type(made.ops), **emptying) if emptying else nullcontext(),
    ):
        yield


@pytest.fixture(autouse=True)
def _clean_cache() -> None:
    """What limits, sites and listings have kept of one test would leak into the next."""
    cache.clear()
    remembered.forget()


@pytest.fixture
def frozen_now(db) -> Iterator[None]:
    """Stops the clock at the Monday morning at which most tests play, with a workflow to go by."""
    ensure_default_workflow()
    with freeze_time(NOW):
        yield


@pytest.fixture
def made(frozen_now):
    """A booking of an agenda of its own."""
    return make_booking()


@pytest.fixture
def agent(client, made):
    """Somebody logged in who keeps the bookings of that agenda."""
    user = make_staff(made.agenda)
    client.force_login(user)
    return user


@pytest.fixture
def simultaneously() -> Callable[..., list[Any]]:
    """Calls a function once per argument, all at the same moment, each in a thread of its own.

    Returns what each call returned or raised, in the order of the arguments. Needs a test with
    `django_db(transaction=True)`, since threads do not see an open transaction of the test. At
    most `connections_at_once` calls are inside at a time, so that 200 of them fit a server that
    grants 100 connections; the rest push in as soon as one leaves.
    """

    def run(
        function: Callable[[Any], Any], arguments: Iterable[Any], connections_at_once: int = 60
    ) -> list[Any]:
        arguments = list(arguments)
        outcomes: list[Any] = [None] * len(arguments)
        start = threading.Barrier(len(arguments))
        gate = threading.Semaphore(connections_at_once)

        def call(index: int, argument: Any) -> None:
            start.wait()
            with gate:
                try:
                    outcomes[index] = function(argument)
                except Exception as error:  # noqa: BLE001 - the test judges it
                    outcomes[index] = error
                finally:
                    connections.close_all()

        threads = [
            threading.Thread(target=call, args=item, daemon=True) for item in enumerate(arguments)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=120)
        stuck = sum(thread.is_alive() for thread in threads)
        assert not stuck, f"{stuck} of {len(threads)} threads did not end within two minutes"
        return outcomes

    return run
