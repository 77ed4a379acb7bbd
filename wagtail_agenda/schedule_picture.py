"""The week of a schedule as a picture: data for an SVG, and the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from itertools import islice
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext

from wagtail_agenda import schedule
from wagtail_agenda.schedule_words import date_text, period_text
from wagtail_agenda.timegrid import Interval, epoch_minutes, subtract
from wagtail_agenda.wording import day_text, labelled

DAY_MINUTES = 24 * 60

# In the units of the SVG's view box. Ten minutes are six units high.
MARGIN_LEFT, MARGIN_TOP = 52, 28
COLUMN_WIDTH, COLUMN_GAP = 92, 6
HOUR_HEIGHT = 36

# Hours shown when there is little or nothing to show.
USUAL_HOURS = (8, 18)

# The dates that are listed of hours which do not come every week.
COMING_DATES = 4

# Wall times are drawn as such: any zone without changes of the clock does.
_NO_CHANGES = ZoneInfo("UTC")
_SOME_MONDAY = date(2001, 1, 1)


@dataclass(frozen=True)
class Trouble:
    """Why hours that somebody is typing cannot be drawn as they are, and where they would lie."""

    period: schedule.Period
    message: str


@dataclass(frozen=True)
class Box:
    """A stretch of one day: where it lies in the picture, and from when to when it is."""

    kind: str
    x: int
    y: int
    width: int
    height: int
    start: str
    end: str

    @property
    def text_y(self) -> int:
        return self.y + self.height // 2

    @property
    def has_room_for_text(self) -> bool:
        return self.height >= 14


@dataclass(frozen=True)
class Column:
    """A day: its names, short for the picture and full for the words, and what is in it."""

    label: str
    name: str
    x: int
    boxes: tuple[Box, ...]

    @property
    def middle(self) -> int:
        return self.x + COLUMN_WIDTH // 2

    @property
    def open(self) -> list[Box]:
        return [box for box in self.boxes if box.kind == "open"]

    @property
    def wrong(self) -> list[Box]:
        return [box for box in self.boxes if box.kind == "wrong"]

    @property
    def breaks(self) -> list[Box]:
        return [box for box in self.boxes if box.kind == "break"]


@dataclass(frozen=True)
class HourLine:
    label: str
    y: int


@dataclass(frozen=True)
class SingleDate:
    """Hours of one date that is not in the picture, beside the usual ones or in their place."""

    day: date
    name: str
    hours: tuple[tuple[str, str], ...]
    replaces: bool = False


@dataclass(frozen=True)
class Rule:
    """Hours that recur, in words, and the next dates on which they do if these are not evident."""

    text: str
    dates: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A week. `week` says which; it is empty where all weeks are alike, and so are the `rules`."""

    width: int
    height: int
    columns: tuple[Column, ...]
    hours: tuple[HourLine, ...]
    single_dates: tuple[SingleDate, ...]
    warnings: tuple[str, ...] = ()
    week: str = ""
    rules: tuple[Rule, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self.is_closed_this_week and not self.single_dates and not self.rules

    @property
    def is_closed_this_week(self) -> bool:
        return not any(column.boxes for column in self.columns)

    @property
    def grid_left(self) -> int:
        return MARGIN_LEFT


def week_picture(
    periods: Sequence[schedule.Period],
    *,
    day: date | None = None,
    today: date | None = None,
    troubles: Sequence[Trouble] = (),
) -> Picture:
    """The week of `day`; without it the one that comes back, or the next in which hours count.

    Only where seasons or weekdays of the month make weeks differ is that a week of the calendar,
    the first from `today` on that has opening hours. Single dates outside it stand beside it.
    `troubles` are hours that cannot be: said in words, and drawn as such where they would lie.
    """
    recurring = [period for period in periods if not isinstance(period, schedule.OneOffHours)]
    one_off = [period for period in periods if isinstance(period, schedule.OneOffHours)]
    today = today or timezone.localdate()
    weeks_differ = _weeks_differ([*recurring, *(trouble.period for trouble in troubles)])
    if day is None and weeks_differ:
        day = _first_date([*recurring, *one_off], today)
    days = schedule.week_of(day or _SOME_MONDAY)
    drawn = periods if day else recurring
    spans = [_spans(drawn, one) + _wrong_spans(troubles, one) for one in days]
    first_hour, last_hour = _hours_shown(spans)
    columns = tuple(
        _column(index, one, spans[index], first_hour, named_by_date=day is not None)
        for index, one in enumerate(days)
    )
    beside = {period.day for period in one_off if day is None or period.day not in days}
    return Picture(
        width=MARGIN_LEFT + len(days) * (COLUMN_WIDTH + COLUMN_GAP),
        height=MARGIN_TOP + (last_hour - first_hour) * HOUR_HEIGHT + HOUR_HEIGHT // 3,
        columns=columns,
        hours=tuple(
            HourLine(_clock(hour * 60), _y(hour * 60, first_hour))
            for hour in range(first_hour, last_hour + 1)
        ),
        single_dates=tuple(_single_date(one_off, one) for one in sorted(beside)),
        warnings=tuple(
            labelled(period_text(trouble.period), trouble.message) for trouble in troubles
        ),
        week=_week_text(days) if day else "",
        rules=_rules(recurring, one_off, today) if weeks_differ else (),
    )


def _weeks_differ(periods: Sequence[schedule.Period]) -> bool:
    return any(
        schedule.depends_on_date(period)
        for period in periods
        if not isinstance(period, schedule.OneOffHours)
    )


def _first_date(periods: Sequence[schedule.Period], today: date) -> date:
    """The next date on which anything is open, or today if nothing ever is."""
    coming = (next(schedule.coming_dates(period, today), None) for period in periods)
    return min((one for one in coming if one is not None), default=today)


def _week_text(days: Sequence[date]) -> str:
    values = {"first": date_text(days[0]), "last": date_text(days[-1])}
    return gettext("Week from %(first)s to %(last)s") % values


def _rules(
    recurring: Sequence[schedule.RecurringHours],
    one_off: Sequence[schedule.OneOffHours],
    today: date,
) -> tuple[Rule, ...]:
    replaced = {period.day for period in one_off if period.replaces}
    return tuple(_rule(period, replaced, today) for period in recurring)


def _rule(period: schedule.RecurringHours, replaced: set[date], today: date) -> Rule:
    if not schedule.depends_on_date(period):
        return Rule(period_text(period))
    coming = (one for one in schedule.coming_dates(period, today) if one not in replaced)
    dates = tuple(day_text(one) for one in islice(coming, COMING_DATES))
    note = "" if dates else _why_never(period.season, today)
    return Rule(period_text(period), dates, note)


def _why_never(season: schedule.Season, today: date) -> str:
    if not season.yearly and season.last and season.last < today:
        return gettext("This season is over.")
    return gettext("There is no such date in the next ten years.")


def _wrong_spans(troubles: Sequence[Trouble], day: date) -> list[tuple[str, Interval]]:
    """Between the two times of recurring hours that end before they begin."""
    spans = []
    for period in {trouble.period for trouble in troubles}:
        if isinstance(period, schedule.OneOffHours) or not schedule.counts_on(period, day):
            continue
        if period.opens and period.closes and period.closes <= period.opens:
            times = sorted((period.opens, period.closes))
            start, end = (at.hour * 60 + at.minute for at in times)
            # Even nothing at all must be seen.
            spans.append(("wrong", (start, max(end, start + 30))))
    return spans


def _spans(periods: list[schedule.Period], day: date) -> list[tuple[str, Interval]]:
    """What lies in a day, in minutes from its start: ``("open" or "break", (from, until))``."""
    midnight = epoch_minutes(_midnight(day))
    opened = schedule.opening_intervals(periods, (), _NO_CHANGES, day, day)
    without_breaks = [replace(period, breaks=()) for period in periods]
    whole = schedule.opening_intervals(without_breaks, (), _NO_CHANGES, day, day)
    spans = [("open", interval) for interval in opened]
    spans += [("break", interval) for interval in subtract(whole, opened)]
    return sorted(
        ((kind, (start - midnight, end - midnight)) for kind, (start, end) in spans),
        key=lambda span: span[1],
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _NO_CHANGES)


def _hours_shown(spans: list[list[tuple[str, Interval]]]) -> tuple[int, int]:
    first, last = USUAL_HOURS
    for _kind, (start, end) in (span for day in spans for span in day):
        first, last = min(first, start // 60), max(last, -(-end // 60))
    return first, last


def _column(
    index: int,
    day: date,
    spans: list[tuple[str, Interval]],
    first_hour: int,
    *,
    named_by_date: bool,
) -> Column:
    x = MARGIN_LEFT + index * (COLUMN_WIDTH + COLUMN_GAP)
    short = str(WEEKDAYS_ABBR[day.weekday()])
    return Column(
        label=f"{short} {day.day}" if named_by_date else short,
        name=day_text(day) if named_by_date else str(WEEKDAYS[day.weekday()]),
        x=x,
        boxes=tuple(
            Box(
                kind=kind,
                x=x,
                y=_y(start, first_hour),
                width=COLUMN_WIDTH,
                height=(end - start) * HOUR_HEIGHT // 60,
                start=_clock(start),
                end=_clock(end),
            )
            for kind, (start, end) in spans
        ),
    )


def _single_date(periods: list[schedule.OneOffHours], day: date) -> SingleDate:
    own = [period for period in periods if period.day == day]
    hours = tuple(
        (_clock(start), _clock(end)) for kind, (start, end) in _spans(own, day) if kind == "open"
    )
    return SingleDate(day, day_text(day), hours, any(period.replaces for period in own))


def _y(minutes: int, first_hour: int) -> int:
    return MARGIN_TOP + (minutes - first_hour * 60) * HOUR_HEIGHT // 60


def _clock(minutes: int) -> str:
    """“09:30”; the end of the day is 24:00, which is not its start."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
