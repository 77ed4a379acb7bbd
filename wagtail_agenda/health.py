"""Whether bookings are looked after, for the dashboard and for `manage.py agenda_health`.

Every fact is read from the site's own database, because nothing else is common to web server,
worker and command: a cache may live in one process alone, and a queue that is down cannot say so.

- **The worker.** django-q2 moves `next_run` of a schedule forward whenever it starts one, so the
  schedule of our sweep, due every minute, stays in the past only while nobody runs the cluster.
- **The mails.** A cluster whose workers die while they send still moves its schedules. Then mails
  stay in the outbox after their time, which also tells of a worker that does not keep up.
- **Publishing.** Wagtail publishes and withdraws at a time set by an editor only when something
  calls `publish_scheduled`. What is overdue for longer than Wagtail's advised hour was not.
- **Mails that failed** and are still of use to somebody.

Reading all of it takes five queries, whatever there is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

from django.apps import apps
from django.db.models import Count, F, Max, Min, Model, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext
from wagtail.models import Page, Revision

from wagtail_agenda import conf, mail_settings
from wagtail_agenda.choices import DeliveryKind, DeliveryState
from wagtail_agenda.models import Agenda, Delivery, Entry, Schedule, Timer
from wagtail_agenda.tasks import SWEEP

UNSEEN_AFTER = timedelta(minutes=5)
"""How long the worker may be away: long enough to restart it with a new version of the site."""

OVERDUE_AFTER = timedelta(minutes=15)
"""How long a mail that is due may wait, so that many at once are no alarm."""

TRIED_OFTEN = 3
"""After how many attempts it is the mail server rather than a moment’s trouble: six minutes."""

UNPUBLISHED_AFTER = timedelta(hours=2)
"""Wagtail advises to call `publish_scheduled` at least once an hour."""

_ADDRESS = re.compile(r"[^\s<>@:;,]+@[^\s<>@:;,]+")

OF_USE_FOR = timedelta(days=7)
"""How long a failed mail about a booking that is over stays worth a look."""


@dataclass(frozen=True)
class Problem:
    """Something that does not run, in words for whoever looks after bookings.

    `code` is one of "schedule_missing", "worker_unseen", "mails_overdue", "mails_refused",
    "steps_failing", "publishing_overdue" and "proxy_unread". `since` is when it began, as far as
    that can be known; `count` how many mails wait because of it, or how many steps fail. The texts
    are in the active language.
    """

    code: str
    message: str
    remedy: str
    since: datetime | None = None
    count: int = 0

    def as_json(self) -> Mapping[str, Any]:
        """The problem as plain data, its time in ISO 8601, UTC."""
        return {
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "since": self.since and self.since.isoformat(),
            "count": self.count,
        }


def problems(now: datetime) -> list[Problem]:
    """What does not run, the gravest first."""
    waiting = _overdue(now)
    found = [
        # Without a worker every mail waits: one message says both.
        _worker_problem(now, waiting) or _mails_problem(now, waiting),
        *_refused_problems(now),
        _steps_problem(now),
        _publishing_problem(now),
    ]
    return [problem for problem in found if problem]


def failed_deliveries(now: datetime) -> QuerySet[Delivery]:
    """The mails and calls that failed and are still of use, the latest first.

    Left out are those about what is over, after a week, and those from before a booking or meeting
    was cancelled: they would not be sent any more.
    """
    return Delivery.objects.filter(
        Q(booking__end__gte=now)
        | Q(called_meeting__end__gte=now)
        | Q(created_at__gte=now - OF_USE_FOR),
        Q(booking__cancelled_at__isnull=True) | Q(created_at__gte=F("booking__cancelled_at")),
        Q(called_meeting__cancelled_at__isnull=True)
        | Q(created_at__gte=F("called_meeting__cancelled_at")),
        state=DeliveryState.FAILED,
    ).order_by("-pk")


def proxy_problem(request: HttpRequest) -> Problem | None:
    """Whether visitors are counted by the address of a proxy of the site's own, as one and all.

    So it is when a request is handed on by a machine of the same network, names the address that
    it came from in X-Forwarded-For, and no setting says to believe it. A server that has put that
    address in place of the proxy's is no problem.
    """
    if conf.get("TRUSTED_PROXY_COUNT"):
        return None
    forwarded = request.headers.get("X-Forwarded-For", "")
    handed_on_by = request.META.get("REMOTE_ADDR") or ""
    if not forwarded.strip() or handed_on_by in [hop.strip() for hop in forwarded.split(",")]:
        return None
    if handed_on_by and not _is_nearby(handed_on_by):
        return None
    return Problem(
        "proxy_unread",
        gettext(
            "Requests come through a proxy whose word is not believed, so that all visitors have "
            "one address and share the limits against abuse."
        ),
        gettext(
            "If the proxy is your own, say how many there are: "
            "WAGTAIL_AGENDA = {%(setting)s: 1} in the settings."
        )
        % {"setting": '"TRUSTED_PROXY_COUNT"'},
    )


def _is_nearby(address: str) -> bool:
    try:
        return ip_address(address).is_private
    except ValueError:
        return False


# The worker and its mails


@dataclass(frozen=True)
class _Waiting:
    """How many mails and calls should have been attempted long ago, and since when."""

    count: int
    calls: int
    oldest: datetime | None


def _worker_problem(now: datetime, waiting: _Waiting) -> Problem | None:
    next_run = _next_sweep()
    if next_run is None:
        return Problem(
            "schedule_missing",
            gettext("Nothing looks after the mails that wait: their schedule is missing."),
            gettext("Add “django_q” to INSTALLED_APPS, run “manage.py migrate”, start the worker."),
            count=waiting.count,
        )
    if now - next_run < UNSEEN_AFTER:
        return None
    message = gettext("The worker has not been seen since %(when)s (%(duration)s).")
    message %= _times(next_run, now)
    if waiting.count:
        if waiting.calls:
            wait = ngettext(
                "%(count)d mail or call waits for it.",
                "%(count)d mails and calls wait for it.",
                waiting.count,
            )
        else:
            wait = ngettext(
                "%(count)d mail waits for it.", "%(count)d mails wait for it.", waiting.count
            )
        message = f"{message} {wait % {'count': waiting.count}}"
    return Problem(
        "worker_unseen",
        message,
        gettext("Start “manage.py qcluster” beside the web server, and keep it running."),
        since=next_run,
        count=waiting.count,
    )


def _next_sweep() -> datetime | None:
    try:
        schedules = apps.get_model("django_q", "Schedule").objects.filter(name=SWEEP)
    except LookupError:
        return None
    # Names are not unique there.
    return schedules.aggregate(latest=Max("next_run"))["latest"]


def _mails_problem(now: datetime, waiting: _Waiting) -> Problem | None:
    if not waiting.count:
        return None
    if waiting.calls:
        message = ngettext(
            "%(count)d mail or call has not left although the worker runs. It was due at %(when)s "
            "(%(duration)s).",
            "%(count)d mails and calls have not left although the worker runs. The first was due "
            "at %(when)s (%(duration)s).",
            waiting.count,
        )
    else:
        message = ngettext(
            "%(count)d mail has not left although the worker runs. It was due at %(when)s "
            "(%(duration)s).",
            "%(count)d mails have not left although the worker runs. The first was due at "
            "%(when)s (%(duration)s).",
            waiting.count,
        )
    return Problem(
        "mails_overdue",
        message % {"count": waiting.count, **_times(waiting.oldest, now)},
        gettext("Look into the worker’s log: it does not keep up, or ends while it sends."),
        since=waiting.oldest,
        count=waiting.count,
    )


def _overdue(now: datetime) -> _Waiting:
    before = now - OVERDUE_AFTER
    found = Delivery.objects.filter(
        Q(state=DeliveryState.DUE, due_at__lt=before)
        | Q(state=DeliveryState.SENDING, leased_until__lt=before)
    ).aggregate(
        count=Count("pk"),
        calls=Count("pk", filter=Q(kind=DeliveryKind.CALL)),
        oldest=Min("due_at"),
    )
    return _Waiting(**found)


_SITE = Coalesce("booking__site", "called_meeting__site")


def _refused_problems(now: datetime) -> Iterator[Problem]:
    """For each site whose mails are tried again and again while none of them leaves."""
    refused = (
        Delivery.objects.filter(
            kind=DeliveryKind.MAIL,
            state=DeliveryState.DUE,
            attempts__gte=TRIED_OFTEN,
            created_at__lt=now - OVERDUE_AFTER,
        )
        .order_by()
        .values(of_site=_SITE)
        .annotate(count=Count("pk"), oldest=Min("created_at"), latest=Max("pk"))
    )
    for row in refused:
        mails = Delivery.objects.annotate(of_site=_SITE).filter(
            kind=DeliveryKind.MAIL, of_site=row["of_site"]
        )
        if mails.filter(state=DeliveryState.DONE, done_at__gte=row["oldest"]).exists():
            # Others leave: it is these recipients who refuse them.
            continue
        yield _refused_problem(
            row, mails.select_related("booking__site", "called_meeting__site"), now
        )


def _refused_problem(row: dict[str, Any], mails: QuerySet[Delivery], now: datetime) -> Problem:
    last = mails.get(pk=row["latest"])
    site = last.subject.site
    message = ngettext(
        "%(count)d mail of %(site)s is tried again and again since %(when)s (%(duration)s), and "
        "none leaves: %(reason)s",
        "%(count)d mails of %(site)s are tried again and again since %(when)s (%(duration)s), and "
        "none leaves: %(reason)s",
        row["count"],
    )
    values = {
        "count": row["count"],
        "site": site or gettext("no site"),
        # Servers repeat the recipient, which is not for whoever works with another agenda.
        "reason": _ADDRESS.sub("…@…", last.last_error),
        **_times(row["oldest"], now),
    }
    own = mail_settings.of_site(site)
    remedy = (
        gettext("Correct them under Settings → Mail settings, and send a test message there.")
        if own is not None and own.host
        else gettext("Look at the mail server of the project: EMAIL_HOST and its neighbours.")
    )
    return Problem(
        "mails_refused", message % values, remedy, since=row["oldest"], count=row["count"]
    )


# Booking workflows


def _steps_problem(now: datetime) -> Problem | None:
    entries = Entry.objects.filter(advances=True, failed_at__isnull=False)
    timers = Timer.objects.filter(fired_at=None, due_at__lte=now, failed_at__isnull=False)
    counted = (
        rows.order_by().values(same).annotate(count=Count("pk"), since=Min(moment))
        for rows, same, moment in ((entries, "advances", "at"), (timers, "fired_at", "due_at"))
    )
    of_entries, of_timers = (rows.values_list("count", "since") for rows in counted)
    found = list(of_entries.union(of_timers, all=True))
    if not found:
        return None
    count, since = sum(count for count, _since in found), min(since for _count, since in found)
    message = ngettext(
        "%(count)d step of the booking workflows fails again and again, since %(when)s "
        "(%(duration)s).",
        "%(count)d steps of the booking workflows fail again and again, the first since %(when)s "
        "(%(duration)s).",
        count,
    )
    return Problem(
        "steps_failing",
        message % {"count": count, **_times(since, now)},
        gettext("Look into the worker’s log: it names the bookings and what went wrong."),
        since=since,
        count=count,
    )


# Publishing


def _publishing_problem(now: datetime) -> Problem | None:
    before = now - UNPUBLISHED_AFTER
    to_publish = (
        Revision.objects.filter(approved_go_live_at__lt=before)
        .order_by("approved_go_live_at")
        .values_list("approved_go_live_at", flat=True)
        .first()
    )
    to_withdraw, *others = (
        model._default_manager.filter(live=True, expire_at__lt=before)
        .order_by()
        .values_list("expire_at", flat=True)
        for model in _draftable_models()
    )
    withdrawn_first = to_withdraw.union(*others).order_by("expire_at").first()
    since = min(filter(None, (to_publish, withdrawn_first)), default=None)
    if since is None:
        return None
    return Problem(
        "publishing_overdue",
        gettext(
            "Scheduled publishing does not run: something should have been published or withdrawn "
            "at %(when)s (%(duration)s)."
        )
        % _times(since, now),
        gettext("Have “manage.py publish_scheduled” called regularly, for instance by cron."),
        since=since,
    )


def _draftable_models() -> list[type[Model]]:
    """What can be published at a time: agendas, schedules, and the pages they are booked on."""
    # A site on Wagtail 8 may have put a page model of its own in the place of Wagtail's.
    page = apps.get_model(Page._meta.swapped) if Page._meta.swapped else Page
    return [page, Agenda, Schedule]


def _times(since: datetime, now: datetime) -> dict[str, str]:
    return {
        "when": f"{timezone.localtime(since):%Y-%m-%d %H:%M}",
        "duration": timesince(since, now, depth=1),
    }
