"""`manage.py check` says what is missing or dangerous, with its remedy, and is quiet otherwise."""

import sys
import types

import pytest
from django.conf import settings as django_settings
from django.conf.urls.i18n import i18n_patterns
from django.core.checks import run_checks
from django.db import ProgrammingError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import clear_url_caches, include, path, re_path
from wagtail.models import Site

from wagtail_agenda import checks
from wagtail_agenda.models import MailSettings

OURS = "wagtail_agenda."
SMTP = "django.core.mail.backends.smtp.EmailBackend"


def found(**options) -> dict[str, str]:
    """Our messages of a plain `manage.py check`: number → remedy."""
    messages = run_checks(**options)
    ours = [message for message in messages if str(message.id).startswith(OURS)]
    assert all(message.hint for message in ours)
    return {message.id.removeprefix(OURS): f"{message.msg} {message.hint}" for message in ours}


@pytest.fixture
def urls(settings):
    """Gives the site other URL patterns for the length of a test."""

    def use(*patterns):
        module = types.ModuleType("tests.urls_of_one_test")
        module.urlpatterns = list(patterns)
        sys.modules[module.__name__] = module
        settings.ROOT_URLCONF = module.__name__
        clear_url_caches()

    yield use
    sys.modules.pop("tests.urls_of_one_test", None)
    clear_url_caches()


@pytest.fixture
def database(monkeypatch):
    """Makes the database look like one of another vendor and with other settings."""

    def use(vendor, **configured):
        connection = types.SimpleNamespace(
            vendor=vendor, settings_dict={"OPTIONS": {}, **configured}
        )
        monkeypatch.setattr(checks, "connections", {"default": connection})

    return use


OUR_URLS = path("agendas/", include("wagtail_agenda.urls"))
CATCH_ALL = re_path("^(.*)$", lambda request, rest: None)


def test_a_site_set_up_as_the_readme_says_hears_nothing():
    assert found() == {}


# django-q2


def test_without_django_q_no_mail_leaves(monkeypatch):
    monkeypatch.setattr(checks.apps, "is_installed", lambda name: name != "django_q")

    assert "INSTALLED_APPS" in found()["E001"]


@pytest.mark.parametrize("cluster", [None, {}])
def test_without_q_cluster(settings, cluster):
    settings.Q_CLUSTER = cluster

    assert '"orm": "default"' in found()["E002"]


def test_without_the_setting_at_all(settings):
    del settings.Q_CLUSTER

    assert "E002" in found()


@pytest.mark.parametrize(
    ("cluster", "problem"),
    [
        ({"orm": "default"}, "has no timeout"),
        ({"timeout": None, "retry": 600}, "has no timeout"),
        ({"timeout": "60", "retry": 600}, "has no timeout"),
        ({"timeout": 90}, "retry (60) must be above timeout (90)"),
        ({"timeout": 60, "retry": 60}, "retry (60) must be above timeout (60)"),
        ({"timeout": 60, "retry": None}, "retry (None) must be above"),
    ],
)
def test_retry_must_be_above_timeout(settings, cluster, problem):
    settings.Q_CLUSTER = cluster

    assert problem in found()["E003"]


def test_a_cluster_that_runs_each_task_once(settings):
    settings.Q_CLUSTER = {"timeout": 30, "retry": 31}

    assert found() == {}


# Databases, at plain `check`, which opens no connection


def test_sqlite_as_wagtail_start_leaves_it(database):
    database("sqlite")

    messages = found()

    assert set(messages) == {"W001", "W002"}
    assert "IMMEDIATE" in messages["W001"]
    assert "20" in messages["W002"]


@pytest.mark.parametrize("mode", ["IMMEDIATE", "immediate", "EXCLUSIVE"])
def test_sqlite_as_it_should_be(database, mode):
    database("sqlite", OPTIONS={"transaction_mode": mode, "timeout": 20})

    assert found() == {}


def test_sqlite_with_atomic_requests(database):
    options = {"transaction_mode": "IMMEDIATE", "timeout": 20}
    database("sqlite", OPTIONS=options, ATOMIC_REQUESTS=True)

    assert set(found()) == {"W003"}


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({}, set()),
        ({"isolation_level": "read committed"}, set()),
        ({"isolation_level": "Read Committed"}, set()),
        ({"isolation_level": "repeatable read"}, {"W004"}),
        ({"isolation_level": None}, {"W004"}),
    ],
)
def test_mariadb_reads_what_is_committed(database, options, numbers):
    database("mysql", OPTIONS=options)

    assert set(found()) == numbers


def test_postgresql_is_fine_as_it_is(database):
    database("postgresql", ATOMIC_REQUESTS=True)

    assert found() == {}


@pytest.mark.django_db
def test_the_database_is_not_asked():
    with CaptureQueriesContext(connection) as queries:
        checks.check_database(None)

    assert len(queries) == 0


# Mail


def test_a_mail_server_that_hangs(settings):
    settings.EMAIL_BACKEND = SMTP
    settings.EMAIL_TIMEOUT = None
    assert "EMAIL_TIMEOUT = 20" in found()["W005"]
    settings.EMAIL_TIMEOUT = 20
    assert found() == {}


@pytest.mark.parametrize(
    "backend", ["django.core.mail.backends.console.EmailBackend", "not.installed.Backend"]
)
def test_only_smtp_can_hang(settings, backend):
    settings.EMAIL_BACKEND = backend
    settings.EMAIL_TIMEOUT = None

    assert found() == {}


@pytest.mark.parametrize(
    ("mailer", "numbers"),
    [
        ({"BACKEND": SMTP}, {"W005"}),
        ({}, {"W005"}),
        ({"BACKEND": SMTP, "OPTIONS": {"timeout": 20}}, set()),
        ({"BACKEND": "django.core.mail.backends.console.EmailBackend"}, set()),
    ],
)
def test_the_mailers_of_django_6(settings, mailer, numbers):
    settings.MAILERS = {"default": mailer}

    assert {message.id.removeprefix(OURS) for message in checks.check_mail_timeout(None)} == numbers


@pytest.mark.parametrize("address", ["", "nobody", "Town hall <town hall>"])
def test_a_sender_that_no_server_takes(settings, address):
    settings.DEFAULT_FROM_EMAIL = address

    assert "DEFAULT_FROM_EMAIL" in found()["E006"]


def test_djangos_own_sender_is_an_address(settings):
    settings.DEFAULT_FROM_EMAIL = "webmaster@localhost"

    assert found() == {}


# URLs


def test_urls_that_are_not_included(urls):
    urls(CATCH_ALL)

    assert 'include("wagtail_agenda.urls")' in found()["E004"]


def test_urls_below_a_catch_all(urls):
    urls(CATCH_ALL, OUR_URLS)

    assert "above Wagtail's catch-all" in found()["E005"]


def test_urls_inside_i18n_patterns(urls):
    urls(*i18n_patterns(OUR_URLS))

    assert "out of i18n_patterns" in found()["W008"]


def test_urls_beside_i18n_patterns(urls):
    urls(OUR_URLS, *i18n_patterns(CATCH_ALL))

    assert found() == {}


# Our own settings and the cache


def test_a_setting_that_nobody_reads(settings):
    settings.WAGTAIL_AGENDA = {"HOLD_MINUTE": 5, "HOLD_MINUTES": 5}

    messages = found()

    assert set(messages) == {"W006"}
    assert "HOLD_MINUTE'" in messages["W006"]
    assert "HOLD_MINUTES" in messages["W006"]


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_a_cache_of_each_process_is_told_before_deployment(settings, backend):
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}

    assert found() == {}
    assert "Redis" in found(include_deployment_checks=True)["W007"]


def test_a_shared_cache_is_fine(settings):
    settings.WAGTAIL_AGENDA = {"CACHE": "shared"}
    settings.CACHES = {
        **django_settings.CACHES,
        "shared": {"BACKEND": "django.core.cache.backends.db.DatabaseCache"},
    }

    assert "W007" not in found(include_deployment_checks=True)


@pytest.mark.django_db
class TestMailPasswords:
    @pytest.fixture
    def site(self):
        return Site.objects.get(is_default_site=True)

    def test_a_variable_that_is_not_set_is_named(self, site, monkeypatch):
        MailSettings.objects.create(
            site=site, host="smtp.example", user="agenda", password_variable="AGENDA_MAIL_PASSWORD"
        )
        assert (
            "“AGENDA_MAIL_PASSWORD”, which is not set here" in found(databases=["default"])["W009"]
        )
        monkeypatch.setenv("AGENDA_MAIL_PASSWORD", "secret")
        assert "W009" not in found(databases=["default"])

    def test_a_password_that_no_key_reads_is_named(self, site):
        MailSettings.objects.create(
            site=site, host="smtp.example", user="agenda", password="nonsense"
        )
        assert "Enter it again" in found(databases=["default"])["W009"]

    def test_what_needs_no_password_is_fine(self, site):
        MailSettings.objects.create(site=site, password_variable="AGENDA_MAIL_PASSWORD")
        assert "W009" not in found(databases=["default"])

    def test_a_plain_check_reads_no_database(self, site):
        with CaptureQueriesContext(connection) as queries:
            assert "W009" not in found()
        assert len(queries) == 0

    def test_tables_that_are_not_there_yet_are_no_error(self, monkeypatch):
        def missing(*_args):
            raise ProgrammingError("no such table")

        monkeypatch.setattr(MailSettings.objects, "using", missing)
        assert checks.check_mail_passwords(None, databases=["default"]) == []
