"""One month of an agenda as visitors page through it: a table of days, each with its free times."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.formats import date_format, get_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wagtail_agenda import wording
from wagtail_agenda.availability import Slot


@dataclass(frozen=True)
class DayCell:
    """One day of the table. `label` says it in full; empty `slots`: nothing can be chosen."""

    day: date
    in_month: bool
    chosen: bool
    today: bool
    slots: Sequence[Slot]

    @property
    def label(self) -> str:
        times = ngettext("%(count)d free time", "%(count)d free times", len(self.slots)) % {
            "count": len(self.slots)
        }
        day = wording.day_text(self.day)
        if self.today:
            return _("Today, %(day)s, %(times)s") % {"day": day, "times": times}
        return _("%(day)s, %(times)s") % {"day": day, "times": times}


@dataclass(frozen=True)
class Month:
    """A month's table. `previous` and `next` are first days of months, None outside the window."""

    first: date
    weekdays: Sequence[tuple[str, str]]
    weeks: Sequence[Sequence[DayCell]]
    chosen: DayCell | None
    previous: date | None
    next: date | None

    @property
    def label(self) -> str:
        return month_text(self.first)


def month_text(day: date) -> str:
    """“December 2026”."""
    return date_format(day, "YEAR_MONTH_FORMAT")


def parse_day(text: str) -> date | None:
    """A day from an address: ``2026-12-03`` or, for its first, ``2026-12``; None for the rest."""
    try:
        return date.fromisoformat(f"{text}-01" if len(text) == 7 else text[:10])
    except ValueError:
        return None


def month_bounds(day: date) -> tuple[date, date]:
    """The first and the last day of the month that `day` is in."""
    return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])


def month_of(
    slots: Sequence[Slot],
    first: date,
    window: tuple[date, date],
    wanted: date | None,
    today: date,
) -> Month:
    """The table of the month that begins on `first`, with these slots in it.

    `window` are the first and last day that the booking delays allow. The day `wanted` is chosen
    if it is in this month, otherwise the first day with a free time. Weeks that are over are left
    out.
    """
    by_day: dict[date, list[Slot]] = {}
    for slot in slots:
        by_day.setdefault(slot.start.date(), []).append(slot)
    last = month_bounds(first)[1]
    if wanted is None or not first <= wanted <= last:
        wanted = min(by_day, default=None)
    first_weekday = (int(get_format("FIRST_DAY_OF_WEEK")) - 1) % 7
    weeks = [
        [
            DayCell(day, first <= day <= last, day == wanted, day == today, by_day.get(day, ()))
            for day in week
        ]
        for week in _weeks(first, last, first_weekday)
        if week[-1] >= min(today, window[0])
    ]
    order = [(first_weekday + offset) % 7 for offset in range(7)]
    return Month(
        first=first,
        weekdays=[(str(WEEKDAYS[number]), str(WEEKDAYS_ABBR[number])) for number in order],
        weeks=weeks,
        chosen=next((cell for week in weeks for cell in week if cell.chosen), None),
        previous=month_bounds(first - timedelta(days=1))[0] if window[0] < first else None,
        next=last + timedelta(days=1) if last < window[1] else None,
    )


def _weeks(first: date, last: date, first_weekday: int) -> list[list[date]]:
    start = first - timedelta(days=(first.weekday() - first_weekday) % 7)
    days = (last - start).days + 1
    return [
        [start + timedelta(days=7 * week + offset) for offset in range(7)]
        for week in range(-(-days // 7))
    ]
