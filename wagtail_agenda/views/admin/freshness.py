"""Whether a period of an agenda has changed since somebody looked, and what is new in it.

A page that refreshes itself asks this far more often than anything happens, so the answer costs one
query: every act at a desk, resource or event raises the version of its bookable, every act on a
booking writes a line of history, every mark raises the version of its attendance sheet.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils.translation import get_language, ngettext

from wagtail_agenda.choices import Attendance, Trigger
from wagtail_agenda.models import (
    WHOLE_DAY_MINUTES,
    Agenda,
    AttendanceSheet,
    Bookable,
    Booking,
    Entry,
    Event,
    Hold,
    Occupation,
    Resource,
)
from wagtail_agenda.timegrid import epoch_minutes, epoch_minutes_up, instant_of

MINUTES_TO_TRUST = 5
"""What leaves no trace in bookables and history (hours, labels, the time of day itself) is shown
after that many minutes at the latest."""

MADE = (Trigger.BOOKED, Trigger.PENDING, Trigger.WAITING)
ENDED = (
    Trigger.CANCELLED_BY_VISITOR,
    Trigger.CANCELLED_BY_AGENT,
    Trigger.REFUSED,
    Trigger.DECLINED,
    Trigger.LAPSED,
    Trigger.EVENT_CANCELLED,
)
"""What begins and ends bookings, in the words of their history."""

MOST_MEETINGS = 300
"""Of more meetings in one period, what comes and goes is shown and not told."""

STAMP = re.compile(
    r"(?P<state>(?P<entry>\d{1,18})-[0-9a-f]{32})"
    r"(?:~(?P<meetings>(?:\d{1,18}(?:\.\d{1,18})*)?))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Period:
    """The time of one agenda that a page shows; without an end it is open.

    Of a virtual agenda, `behind` are the agendas behind it whose bookings are shown.
    """

    agenda: Agenda
    start: datetime
    end: datetime | None = None
    behind: tuple[Agenda, ...] = ()

    @property
    def owner(self) -> dict[str, Any]:
        """What the agenda of a row that is shown has to be, as a condition on its column."""
        if not self.agenda.is_virtual:
            return {"agenda": self.agenda}
        return {"agenda__in": [agenda.pk for agenda in self.behind]}

    def owned(self, prefix: str) -> dict[str, Any]:
        """The same for a table that reaches the row by `prefix`."""
        return {f"{prefix}{name}": value for name, value in self.owner.items()}

    def q(self, prefix: str = "") -> Q:
        """The bookings that lie in it, for a table that reaches them by `prefix`."""
        wanted = Q(**self.owned(prefix), **{f"{prefix}end__gt": self.start})
        if self.end:
            wanted &= Q(**{f"{prefix}start__lt": self.end})
        if self.agenda.takes_appointments:
            # No appointment lasts longer than a day: this spares reading years of history.
            longest = instant_of(epoch_minutes(self.start) - WHOLE_DAY_MINUTES)
            wanted &= Q(**{f"{prefix}start__gte": longest})
        return wanted

    @property
    def bookings(self) -> QuerySet[Booking]:
        return Booking.objects.filter(self.q())

    @property
    def events(self) -> QuerySet[Event]:
        return Event.objects.filter(self._q_of_events(""))

    @property
    def bookables(self) -> QuerySet[Bookable]:
        """Whatever can be taken in it."""
        if self.agenda.takes_appointments:
            return Bookable.objects.filter(**self.owned("desk__"))
        return Bookable.objects.filter(self._q_of_events("event__"))

    @property
    def resources(self) -> QuerySet[Resource]:
        """What its appointments may need beside their desks; some of them more than once."""
        owners = self.behind if self.agenda.is_virtual else (self.agenda,)
        keys = [agenda.pk for agenda in owners]
        uses = Q(agendas__in=keys) | Q(meeting_types__agenda__in=keys)
        return Resource.objects.filter(uses).order_by()

    @property
    def taken_by_meetings(self) -> QuerySet[Occupation]:
        """What meetings take of its desks and resources."""
        rooms = Q(**self.owned("desk__")) | Q(resource__in=self.resources)
        taken = Occupation.objects.filter(
            called_meeting__isnull=False,
            bookable__in=Bookable.objects.filter(rooms),
            busy_to__gt=epoch_minutes(self.start),
        )
        return taken.filter(busy_from__lt=epoch_minutes_up(self.end)) if self.end else taken

    @property
    def sheets(self) -> QuerySet[AttendanceSheet]:
        """The attendance sheets of its bookings."""
        sheets = AttendanceSheet.objects.filter(**self.owner)
        if not self.agenda.takes_appointments:
            return sheets.filter(self._q_of_events("event__"))
        # What begins before it stands on the sheet of the day before.
        first = self.start.astimezone(self.agenda.zone).date() - timedelta(days=1)
        sheets = sheets.filter(day__gte=first)
        last = self.end and self.end.astimezone(self.agenda.zone).date()
        return sheets.filter(day__lte=last) if last else sheets

    def _q_of_events(self, prefix: str) -> Q:
        wanted = Q(**{f"{prefix}agenda": self.agenda, f"{prefix}end__gt": self.start})
        return wanted & Q(**{f"{prefix}start__lt": self.end}) if self.end else wanted


def state_of(period: Period, now: datetime) -> str:
    """Differs as soon as the period does; begins with the last line of its history. One query."""
    if period.agenda.is_virtual:
        return _written(_last_of_several(period, now), now)
    path = "desk__agenda" if period.agenda.takes_appointments else "event__agenda"
    versions = period.bookables.order_by().values(path)
    # Grouped by the agenda as all others, so by one way to it at a time.
    resources = [
        Bookable.objects.filter(**{used_by: period.agenda}).order_by().values(used_by)
        for used_by in ("resource__agendas", "resource__meeting_types__agenda")
    ]
    entries = Entry.objects.filter(period.q("booking__")).order_by().values("booking__agenda")
    sheets = period.sheets.order_by().values("agenda")
    way = "desk__agenda" if period.agenda.takes_appointments else "agenda"
    holds = Hold.objects.filter(**{way: OuterRef("pk")}, booking__isnull=True, lapses_at__gt=now)
    found = (
        Agenda.objects.filter(pk=period.agenda.pk)
        .values_list(
            Subquery(entries.annotate(last=Max("pk")).values("last")),
            Subquery(versions.annotate(sum=Sum("version")).values("sum")),
            Subquery(versions.annotate(number=Count("pk")).values("number")),
            Subquery(sheets.annotate(sum=Sum("version")).values("sum")),
            Subquery(holds.order_by().values(way).annotate(n=Count("pk")).values("n")),
            *(Subquery(used.annotate(sum=Sum("version")).values("sum")) for used in resources),
            "latest_revision_id",
        )
        .get()
    )
    return _written(found, now)


def _last_of_several(period: Period, now: datetime) -> tuple:
    """The same of all agendas behind a virtual one, which takes a query for each table."""
    entries = Entry.objects.filter(period.q("booking__"))
    holds = Hold.objects.filter(**period.owned("desk__"), booking__isnull=True, lapses_at__gt=now)
    behind = [agenda.pk for agenda in period.behind]
    revisions = Agenda.objects.filter(pk__in=[period.agenda.pk, *behind]).order_by("pk")
    return (
        entries.aggregate(last=Max("pk"))["last"],
        *period.bookables.aggregate(sum=Sum("version"), number=Count("pk")).values(),
        Bookable.objects.filter(resource__in=period.resources).aggregate(sum=Sum("version"))["sum"],
        period.sheets.aggregate(sum=Sum("version"))["sum"],
        holds.count(),
        list(revisions.values_list("pk", "latest_revision_id")),
    )


def _written(found: tuple, now: datetime) -> str:
    last_entry, *rest = found
    seen = (rest, epoch_minutes(now) // MINUTES_TO_TRUST, get_language())
    digest = sha256(repr(seen).encode()).hexdigest()[:32]
    return f"{last_entry or 0}-{digest}"


def stamp(state: str, meetings: Collection[int]) -> str:
    """What a page says of the state that it shows, with the keys of its meetings.

    A meeting goes in many ways: it is cancelled, deleted, moved to another day or another room. Of
    these the page that showed it knows most simply.
    """
    if len(meetings) > MOST_MEETINGS:
        return state
    return f"{state}~{'.'.join(map(str, sorted(meetings)))}"


def is_still(seen: str, state: str) -> bool:
    """Whether a page with that stamp shows this state."""
    return bool(seen) and STAMP.fullmatch(seen)["state"] == state


def seen_by(request) -> str:
    """The stamp of what the page that asks shows already; empty if it says none."""
    named = request.headers.get("If-None-Match", "").strip().removeprefix("W/").strip('"')
    return named if STAMP.fullmatch(named) else ""


def news(period: Period, seen: str, meetings: Collection[int]) -> str:
    """What happened since the page with that stamp, in words for a screen reader. One query.

    `meetings` are the keys of those that are shown now.
    """
    if not seen:
        return ""
    since = int(STAMP.fullmatch(seen)["entry"])
    happened = dict(
        Entry.objects.filter(period.q("booking__"), pk__gt=since)
        .order_by()
        .values("what")
        .annotate(number=Count("pk"))
        .values_list("what", "number")
    )
    booked, cancelled = (
        sum(happened.get(trigger.value, 0) for trigger in triggers) for triggers in (MADE, ENDED)
    )
    checked_in = sum(happened.get(choice.value, 0) for choice in Attendance if choice)
    come, gone = _come_and_gone(seen, meetings)
    sentences = (
        (booked, ngettext("%(number)s new booking.", "%(number)s new bookings.", booked)),
        (
            cancelled,
            ngettext("%(number)s booking cancelled.", "%(number)s bookings cancelled.", cancelled),
        ),
        (checked_in, ngettext("%(number)s checked in.", "%(number)s checked in.", checked_in)),
        (come, ngettext("%(number)s new meeting.", "%(number)s new meetings.", come)),
        (
            gone,
            ngettext(
                "%(number)s meeting is no longer here.",
                "%(number)s meetings are no longer here.",
                gone,
            ),
        ),
    )
    return " ".join(text % {"number": number} for number, text in sentences if number)


def _come_and_gone(seen: str, meetings: Collection[int]) -> tuple[int, int]:
    """How many meetings are shown that were not, and how many were shown that are not."""
    written = STAMP.fullmatch(seen)["meetings"]
    if written is None or len(meetings) > MOST_MEETINGS:
        return 0, 0
    before, after = set(map(int, written.split("."))) if written else set(), set(meetings)
    return len(after - before), len(before - after)
