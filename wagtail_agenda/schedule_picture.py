"""The week of a schedule as a picture: data for an SVG, and the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR

from wagtail_agenda import schedule
from wagtail_agenda.timegrid import Interval, epoch_minutes, subtract
from wagtail_agenda.wording import day_text, labelled

DAY_MINUTES = 24 * 60

# In the units of the SVG's view box. Ten minutes are six units high.
MARGIN_LEFT, MARGIN_TOP = 52, 28
COLUMN_WIDTH, COLUMN_GAP = 92, 6
HOUR_HEIGHT = 36

# Hours shown when there is little or nothing to show.
USUAL_HOURS = (8, 18)

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
    """Hours of one date, which a week without dates cannot show."""

    day: date
    name: str
    hours: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Picture:
    width: int
    height: int
    columns: tuple[Column, ...]
    hours: tuple[HourLine, ...]
    single_dates: tuple[SingleDate, ...]
    warnings: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.single_dates and not any(column.boxes for column in self.columns)

    @property
    def grid_left(self) -> int:
        return MARGIN_LEFT


def week_picture(
    periods: Sequence[schedule.Period],
    *,
    day: date | None = None,
    troubles: Sequence[Trouble] = (),
) -> Picture:
    """The week of `day`, or without it the week that comes back, with single dates beside it.

    `troubles` are hours that cannot be: said in words, and drawn as such where they would lie.
    """
    weekly = [period for period in periods if isinstance(period, schedule.WeeklyHours)]
    one_off = [period for period in periods if isinstance(period, schedule.OneOffHours)]
    days = schedule.week_of(day or _SOME_MONDAY)
    drawn = periods if day else weekly
    spans = [_spans(drawn, one) + _wrong_spans(troubles, one.weekday()) for one in days]
    first_hour, last_hour = _hours_shown(spans)
    columns = tuple(
        _column(index, one, spans[index], first_hour, named_by_date=day is not None)
        for index, one in enumerate(days)
    )
    single = [] if day else sorted({period.day for period in one_off})
    return Picture(
        width=MARGIN_LEFT + len(days) * (COLUMN_WIDTH + COLUMN_GAP),
        height=MARGIN_TOP + (last_hour - first_hour) * HOUR_HEIGHT + HOUR_HEIGHT // 3,
        columns=columns,
        hours=tuple(
            HourLine(_clock(hour * 60), _y(hour * 60, first_hour))
            for hour in range(first_hour, last_hour + 1)
        ),
        single_dates=tuple(_single_date(one_off, one) for one in single),
        warnings=tuple(_warning(trouble) for trouble in troubles),
    )


def _wrong_spans(troubles: Sequence[Trouble], weekday: int) -> list[tuple[str, Interval]]:
    """Between the two times of weekly hours that end before they begin."""
    spans = []
    for period in {trouble.period for trouble in troubles}:
        if not isinstance(period, schedule.WeeklyHours) or weekday not in period.weekdays:
            continue
        if period.opens and period.closes and period.closes <= period.opens:
            times = sorted((period.opens, period.closes))
            start, end = (at.hour * 60 + at.minute for at in times)
            # Even nothing at all must be seen.
            spans.append(("wrong", (start, max(end, start + 30))))
    return spans


def _warning(trouble: Trouble) -> str:
    """“Monday, Tuesday, 12:00 – 09:00: …”: which hours, then what is wrong with them."""
    period = trouble.period
    if isinstance(period, schedule.WeeklyHours):
        days = ", ".join(str(WEEKDAYS[weekday]) for weekday in sorted(period.weekdays or ()))
    else:
        days = day_text(period.day) if period.day else ""
    hours = f"{_typed(period.opens)} – {_typed(period.closes)}"
    where = ", ".join(part for part in (days, hours) if part)
    return labelled(where, trouble.message)


def _typed(at: time | None) -> str:
    return at.strftime("%H:%M") if at else "?"


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
    return SingleDate(day, day_text(day), hours)


def _y(minutes: int, first_hour: int) -> int:
    return MARGIN_TOP + (minutes - first_hour * 60) * HOUR_HEIGHT // 60


def _clock(minutes: int) -> str:
    """“09:30”; the end of the day is 24:00, which is not its start."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
