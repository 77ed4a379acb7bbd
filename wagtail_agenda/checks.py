"""System checks: what is missing or dangerous in a site's settings, each with its remedy."""

from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, Warning
from django.core.mail.backends.smtp import EmailBackend
from django.db import DatabaseError, connections, router
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils import translation
from django.utils.module_loading import import_string

from wagtail_agenda import cleaning, conf

DEFAULT_RETRY = 60
"""Seconds. What django-q2 takes where Q_CLUSTER names none."""

MINIMUM_SQLITE_TIMEOUT = 20
"""Seconds. Under load SQLite serves waiting writers unfairly; the last of 200 needs several."""


@checks.register("wagtail_agenda")
def check_queue(app_configs, **kwargs) -> list[CheckMessage]:
    """Whether django-q2 is there and will run each task once."""
    if not apps.is_installed("django_q"):
        return [
            Error(
                "django-q2 is not installed, so no mail will leave.",
                hint="Add 'django_q' to INSTALLED_APPS and run `manage.py qcluster` as a service.",
                id="wagtail_agenda.E001",
            )
        ]
    cluster = getattr(settings, "Q_CLUSTER", None)
    if not cluster:
        return [
            Error(
                "Q_CLUSTER is not set: django-q2 would look for a Redis server.",
                hint='Set Q_CLUSTER = {"name": "site", "orm": "default", "timeout": 60, '
                '"retry": 600, "max_attempts": 5}.',
                id="wagtail_agenda.E002",
            )
        ]
    timeout, retry = cluster.get("timeout"), cluster.get("retry", DEFAULT_RETRY)
    if not _is_number(timeout):
        problem = "Q_CLUSTER has no timeout: a task that hangs would hold its worker for ever."
    elif not _is_number(retry) or retry <= timeout:
        problem = (
            f"Q_CLUSTER: retry ({retry}) must be above timeout ({timeout}), "
            "or running tasks are started again."
        )
    else:
        return []
    return [Error(problem, hint="Set timeout to 60 and retry to 600.", id="wagtail_agenda.E003")]


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@checks.register("wagtail_agenda")
def check_database(app_configs, **kwargs) -> list[CheckMessage]:
    """Whether the database will serve many visitors at once without errors.

    Reads settings and opens no connection, so it need not wait for ``check --database`` as
    Django's own database checks do.
    """
    alias = router.db_for_write(apps.get_model("wagtail_agenda", "Booking"))
    connection = connections[alias]
    if connection.vendor == "sqlite":
        return list(_check_sqlite(alias, connection.settings_dict))
    if connection.vendor == "mysql":
        return list(_check_isolation(alias, connection.settings_dict))
    return []


def _check_sqlite(alias: str, configured: dict) -> Iterator[CheckMessage]:
    options = configured.get("OPTIONS", {})
    if str(options.get("transaction_mode", "")).upper() not in {"IMMEDIATE", "EXCLUSIVE"}:
        yield Warning(
            f"SQLite database “{alias}” begins transactions without locking, so simultaneous "
            "bookings fail with “database is locked”.",
            hint='Add "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20} to it.',
            id="wagtail_agenda.W001",
        )
    if options.get("timeout", 5) < MINIMUM_SQLITE_TIMEOUT:
        yield Warning(
            f"SQLite database “{alias}” waits only {options.get('timeout', 5)} s for its lock.",
            hint=f'Set "timeout" in its OPTIONS to {MINIMUM_SQLITE_TIMEOUT} or more.',
            id="wagtail_agenda.W002",
        )
    if configured.get("ATOMIC_REQUESTS"):
        yield Warning(
            f"SQLite database “{alias}” has ATOMIC_REQUESTS: every page view takes the one lock, "
            "and bookings come to a standstill.",
            hint="Remove ATOMIC_REQUESTS, or use PostgreSQL.",
            id="wagtail_agenda.W003",
        )


def _check_isolation(alias: str, configured: dict) -> Iterator[CheckMessage]:
    level = configured.get("OPTIONS", {}).get("isolation_level", "read committed")
    if str(level).lower() != "read committed":
        yield Warning(
            f"Database “{alias}” uses isolation level “{level}”: what a request read first may "
            "be stale when it books.",
            hint='Set "isolation_level": "read committed" in its OPTIONS (Django\'s default).',
            id="wagtail_agenda.W004",
        )


@checks.register("wagtail_agenda")
def check_mail_timeout(app_configs, **kwargs) -> list[CheckMessage]:
    """Whether a mail server that hangs can block the worker."""
    mailers = getattr(settings, "MAILERS", None)
    if mailers:
        # Django 6.1's setting replaces EMAIL_TIMEOUT.
        timeouts = [
            (mailer.get("OPTIONS") or {}).get("timeout")
            for mailer in mailers.values()
            if _is_smtp(mailer.get("BACKEND"))
        ]
        setting, missing = "MAILERS[…]['OPTIONS']['timeout']", None in timeouts
    else:
        setting = "EMAIL_TIMEOUT"
        missing = _is_smtp(settings.EMAIL_BACKEND) and settings.EMAIL_TIMEOUT is None
    if not missing:
        return []
    return [
        Warning(
            f"{setting} is not set: a mail server that hangs would block the worker for ever.",
            hint=f"Set {setting} = 20.",
            id="wagtail_agenda.W005",
        )
    ]


def _is_smtp(path: str | None) -> bool:
    if path is None:
        return True
    try:
        backend = import_string(path)
    except ImportError:
        # Django says so itself as soon as it is used; an extra need not be installed here.
        return False
    return isinstance(backend, type) and issubclass(backend, EmailBackend)


@checks.register("wagtail_agenda")
def check_sender(app_configs, **kwargs) -> list[CheckMessage]:
    """Whether mails come from an address that mail servers and calendars take."""
    from wagtail_agenda import mail_settings

    address = mail_settings.sender().address
    try:
        cleaning.email_address(address)
    except ValueError:
        return [
            Error(
                f"Mails would come from “{address}”, which is not a usable e-mail address, so "
                "none will leave.",
                hint="Set DEFAULT_FROM_EMAIL, or WAGTAIL_AGENDA['FROM_EMAIL'], to something like "
                '"Town hall <agenda@example.org>".',
                id="wagtail_agenda.E006",
            )
        ]
    return []


@checks.register(Tags.database)
def check_mail_passwords(app_configs, databases=None, **kwargs) -> list[CheckMessage]:
    """Whether the mail settings of each site come by their password here.

    Reads the database, so only with ``check --database``, and while it is migrated.
    """
    from wagtail_agenda import mail_settings

    model = apps.get_model("wagtail_agenda", "MailSettings")
    alias = router.db_for_read(model)
    if alias not in (databases or ()):
        return []
    try:
        found = list(model.objects.using(alias).select_related("site"))
    except DatabaseError:
        # Not migrated yet: nobody can have set anything.
        return []
    return [
        Warning(
            problem,
            hint="Until then no mail of this site leaves. Set the variable where the worker runs "
            "too, or correct it under Settings → Mail settings.",
            id="wagtail_agenda.W009",
        )
        for settings in found
        if (problem := mail_settings.password_problem(settings))
    ]


@checks.register(Tags.urls)
def check_urls(app_configs, **kwargs) -> list[CheckMessage]:
    """Whether visitors can get from a booking block to the booking."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    try:
        paths = _paths_by_language("wagtail_agenda:choose")
    except NoReverseMatch:
        return [
            Error(
                "The add-on's URLs are not included, so nobody can book.",
                hint='Add path("agendas/", include("wagtail_agenda.urls")) to your urls.py, '
                "above Wagtail's own and outside i18n_patterns.",
                id="wagtail_agenda.E004",
            )
        ]
    if len(set(paths.values())) > 1:
        return [
            Warning(
                "The add-on's URLs are inside i18n_patterns: the link to a booking is another one "
                "in each language, and dead once that language is removed.",
                hint='Move include("wagtail_agenda.urls") out of i18n_patterns(…), into the '
                "urlpatterns above it.",
                id="wagtail_agenda.W008",
            )
        ]
    path = paths[settings.LANGUAGE_CODE]
    try:
        found = resolve(path)
    except Resolver404:
        found = None
    if found is None or found.view_name != "wagtail_agenda:choose":
        return [
            Error(
                f"Another URL pattern answers {path}, so nobody can book.",
                hint='Move include("wagtail_agenda.urls") above Wagtail\'s catch-all pattern.',
                id="wagtail_agenda.E005",
            )
        ]
    return []


def _paths_by_language(name: str) -> dict[str, str]:
    paths = {}
    for language in {settings.LANGUAGE_CODE, *(code for code, _name in settings.LANGUAGES)}:
        with translation.override(language):
            paths[language] = reverse(name)
    return paths


@checks.register("wagtail_agenda")
def check_settings(app_configs, **kwargs) -> list[CheckMessage]:
    """Whether WAGTAIL_AGENDA says something that nobody reads."""
    return [
        Warning(
            f"WAGTAIL_AGENDA[{name!r}] is not a setting of wagtail-agenda.",
            hint=f"Known settings: {', '.join(sorted(conf.DEFAULTS))}.",
            id="wagtail_agenda.W006",
        )
        for name in conf.unknown_settings()
    ]


@checks.register("wagtail_agenda")
def check_spam_checks(app_configs, **kwargs) -> list[CheckMessage]:
    """Whether the site's own spam checks are there; without one of them nobody can book."""
    return [
        Error(
            f"The spam check “{path}” is not a function that can be imported, so nobody can book.",
            hint="Correct it in WAGTAIL_AGENDA['SPAM_CHECKS'], or remove it.",
            id="wagtail_agenda.E007",
        )
        for path in conf.get("SPAM_CHECKS")
        if not _is_function(path)
    ]


def _is_function(path: object) -> bool:
    try:
        return callable(import_string(path))
    except Exception:  # noqa: BLE001 - whatever importing it raises, it is not there
        return False


@checks.register("wagtail_agenda", deploy=True)
def check_shared_cache(app_configs, **kwargs) -> list[CheckMessage]:
    """Whether the limits against abuse hold across processes. Only with ``check --deploy``."""
    name = conf.get("CACHE")
    backend = settings.CACHES.get(name, {}).get("BACKEND", "")
    if "locmem" in backend or "dummy" in backend or not backend:
        return [
            Warning(
                f"Cache “{name}” is not shared between processes, so the limits against abuse "
                "count in each of them.",
                hint="Use Redis, Memcached or the database cache, and name it in "
                "WAGTAIL_AGENDA['CACHE'].",
                id="wagtail_agenda.W007",
            )
        ]
    return []
