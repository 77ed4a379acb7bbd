"""Opening hours as an editor writes them, and as `wagtail_agenda.schedule` reads them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from wagtail import blocks
from wagtail.blocks.list_block import ListBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError

from wagtail_agenda import schedule
from wagtail_agenda.schedule_picture import Trouble
from wagtail_agenda.schedule_words import ORDINALS

PROBLEMS = {
    "closes_before_opens": _(
        "This is not after the opening time. Choose a later time; write 00:00 for midnight."
    ),
    "off_grid": _("Use steps of five minutes, such as 09:00 or 09:05."),
    "break_backwards": _("The break ends before it begins. Choose a later time."),
    "break_outside": _("The break is outside these opening hours. Move it inside, or remove it."),
    "season_backwards": _("The season ends before it begins. Choose a later date."),
    "season_too_long": _(
        "A season of every year is shorter than a year. "
        "Choose an earlier date; for the whole year, leave both dates empty."
    ),
    "season_without_day": _(
        "None of the days ticked above is in this season. Widen it, or tick other days."
    ),
}

MISSING = {
    "missing": _("A date or time is missing, or cannot be read."),
    "no_ordinal": _("It is not ticked which of these weekdays of the month."),
    "no_weekday": _("No day of the week is ticked."),
}

WEEKDAY_CHOICES = [(str(number), name) for number, name in sorted(WEEKDAYS.items())]

_LAST = "last"
ORDINAL_CHOICES = [
    (_LAST if number == schedule.LAST else str(number), name) for number, name in ORDINALS.items()
]

ONCE, YEARLY = "", "yearly"


class BreakBlock(blocks.StructBlock):
    """A stretch of the opening hours in which nothing is booked."""

    def __init__(self, **kwargs):
        # “from” is a Python keyword, so these blocks cannot be class attributes.
        times = [
            ("from", blocks.TimeBlock(label=pgettext_lazy("time of day", "From"))),
            ("until", blocks.TimeBlock(label=pgettext_lazy("time of day", "Until"))),
        ]
        super().__init__(times, **kwargs)

    class Meta:
        icon = "time"
        label = _("Break")
        label_format = "{from} – {until}"


class SeasonBlock(blocks.StructBlock):
    """The dates between which hours count, this once or every year."""

    def __init__(self, **kwargs):
        parts = [
            (
                "from",
                blocks.DateBlock(
                    label=pgettext_lazy("date", "From"),
                    required=False,
                    help_text=_("The first day on which these hours count."),
                ),
            ),
            (
                "until",
                blocks.DateBlock(
                    label=pgettext_lazy("date", "Until"),
                    required=False,
                    help_text=_("The last day. An end left empty is open."),
                ),
            ),
            (
                "repeats",
                blocks.ChoiceBlock(
                    # Rows from before there were seasons have nothing here, which is “once”.
                    choices=[(ONCE, _("This once")), (YEARLY, _("Every year"))],
                    default=ONCE,
                    required=False,
                    label=_("How often"),
                    help_text=_(
                        "Every year: only day and month count, and a season may span the new year."
                    ),
                ),
            ),
        ]
        super().__init__(parts, **kwargs)

    class Meta:
        icon = "date"
        label = _("Season")
        label_format = "{from} – {until}"
        # Most hours count all year; an error inside opens it.
        collapsed = True
        help_text = _("Leave both dates empty if these hours count all the time.")


class PeriodBlock(blocks.StructBlock):
    """What all opening hours share. A draft may lack any part of it."""

    opens = blocks.TimeBlock(
        label=_("Opens"), help_text=_("The first appointment can begin at this time.")
    )
    closes = blocks.TimeBlock(
        label=_("Closes"), help_text=_("The last one has ended by then. Write 00:00 for midnight.")
    )
    breaks = blocks.ListBlock(
        BreakBlock(),
        default=[],
        required=False,
        label=_("Breaks"),
        help_text=_("Nothing can be booked during a break, for instance over lunch."),
    )

    def clean(self, value):
        cleaned = super().clean(value)
        errors = _errors_of(self.period_of(cleaned))
        if errors:
            raise StructBlockValidationError(errors)
        return cleaned

    def period_of(self, value) -> schedule.Period:
        """The period as `schedule` knows it; whatever is missing in a draft is None in it."""
        # Not by `ABC`: the metaclass that blocks have conflicts with its own.
        raise NotImplementedError


class RecurringBlock(PeriodBlock):
    """What weekly and monthly hours share."""

    weekdays = blocks.MultipleChoiceBlock(
        choices=WEEKDAY_CHOICES,
        widget=forms.CheckboxSelectMultiple,
        label=_("On these days"),
        help_text=_("Tick all days with the same hours; add another period for other hours."),
    )
    season = SeasonBlock(required=False)

    def clean(self, value):
        cleaned = super().clean(value)
        cleaned["weekdays"] = sorted(cleaned.get("weekdays") or [])
        return cleaned


class WeeklyBlock(RecurringBlock):
    """Hours that come back every week, or every week of a season."""

    class Meta:
        icon = "calendar-alt"
        label = _("Every week")
        label_format = "{weekdays} {opens} – {closes}"
        # Days come before times, as one says it; by default the inherited blocks come first.
        form_layout = ["weekdays", "opens", "closes", "breaks", "season"]

    def period_of(self, value) -> schedule.WeeklyHours:
        return schedule.WeeklyHours(
            _weekdays_of(value),
            value.get("opens"),
            value.get("closes"),
            _breaks_of(value),
            _season_of(value),
        )


class MonthlyBlock(RecurringBlock):
    """Hours on certain weekdays of the month: its first Monday, its second and fourth Wednesday."""

    ordinals = blocks.MultipleChoiceBlock(
        choices=ORDINAL_CHOICES,
        widget=forms.CheckboxSelectMultiple,
        label=_("Which of the month"),
        help_text=_("Tick 1st and 3rd for every first and third. A month without a 5th has none."),
    )

    class Meta:
        icon = "calendar-alt"
        label = _("On certain weekdays of the month")
        label_format = "{ordinals} {weekdays} {opens} – {closes}"
        form_layout = ["ordinals", "weekdays", "opens", "closes", "breaks", "season"]

    def clean(self, value):
        cleaned = super().clean(value)
        ticked = _texts(cleaned, "ordinals")
        cleaned["ordinals"] = [name for name, _label in ORDINAL_CHOICES if name in ticked]
        return cleaned

    def period_of(self, value) -> schedule.MonthlyHours:
        ticked = _texts(value, "ordinals")
        ordinals = [name for name, _label in ORDINAL_CHOICES if name in ticked]
        return schedule.MonthlyHours(
            frozenset(schedule.LAST if name == _LAST else int(name) for name in ordinals),
            _weekdays_of(value),
            value.get("opens"),
            value.get("closes"),
            _breaks_of(value),
            _season_of(value),
        )


class OneOffBlock(PeriodBlock):
    """Hours of one date, beside the weekly and monthly ones or in their place."""

    date = blocks.DateBlock(
        label=_("On this date"),
        help_text=_("Open at these hours beside the usual ones, if there are any on that day."),
    )
    replaces = blocks.BooleanBlock(
        required=False,
        label=_("In place of the usual hours"),
        help_text=_("Tick for a day with shorter or other hours: the usual ones do not count."),
    )

    class Meta:
        icon = "date"
        label = _("On a single date")
        label_format = "{date} {opens} – {closes}"
        form_layout = ["date", "opens", "closes", "breaks", "replaces"]

    def period_of(self, value) -> schedule.OneOffHours:
        return schedule.OneOffHours(
            value.get("date"),
            value.get("opens"),
            value.get("closes"),
            _breaks_of(value),
            bool(value.get("replaces")),
        )


class PeriodsBlock(blocks.StreamBlock):
    """The opening hours of a schedule: weekly and monthly ones and single dates, in any order."""

    weekly = WeeklyBlock()
    monthly = MonthlyBlock()
    one_off = OneOffBlock()


def periods_of(stream_value: Iterable | None) -> list[schedule.Period]:
    """The complete periods of a `PeriodsBlock` value.

    Periods that lack a day or a time, or end before they begin, as drafts have them, are left
    out, and so are such breaks.
    """
    periods = []
    for child in stream_value or ():
        period = _with_usable_breaks(child.block.period_of(child.value))
        if not schedule.problems(period):
            periods.append(period)
    return periods


def _with_usable_breaks(period: schedule.Period) -> schedule.Period:
    usable = tuple(pause for pause in period.breaks if not _break_problems(period, pause))
    return replace(period, breaks=usable)


def periods_data(hours: Iterable[schedule.WeeklyHours]) -> list[dict[str, Any]]:
    """Complete weekly hours as the rows of a `PeriodsBlock` value."""
    return [
        {
            "type": "weekly",
            "value": {
                "weekdays": [str(weekday) for weekday in sorted(period.weekdays)],
                "opens": period.opens.isoformat(),
                "closes": period.closes.isoformat(),
                "breaks": [
                    {"from": begin.isoformat(), "until": end.isoformat()}
                    for begin, end in period.breaks
                ],
            },
        }
        for period in hours
    ]


def typed_hours(stream_value: Iterable | None) -> tuple[list[schedule.Period], list[Trouble]]:
    """The periods of a form that is being filled in, and what is wrong with the others.

    `stream_value` comes straight from `value_from_datadict`: nothing in it is checked, and times
    are text. What can be drawn is among the periods even if one of its breaks is not.
    """
    periods, troubles = [], []
    for child in stream_value or ():
        period = child.block.period_of(_read(child.block, child.value))
        found = problems_by_field(period)
        in_words = {MISSING.get(code) or PROBLEMS[code] for _path, code in found}
        troubles += [Trouble(period, str(words)) for words in sorted(in_words, key=str)]
        if all(path[0] == "breaks" for path, _code in found):
            periods.append(_with_usable_breaks(period))
    return periods, troubles


def _read(block: blocks.StructBlock, typed) -> dict[str, Any]:
    """A block's fields as what they mean; None where nothing sensible was typed."""
    return {name: _read_field(child, typed.get(name)) for name, child in block.child_blocks.items()}


def _read_field(block: blocks.Block, typed) -> Any:
    if isinstance(block, blocks.ListBlock):
        return [_read(block.child_block, value) for value in typed or ()]
    if isinstance(block, blocks.StructBlock):
        return _read(block, typed or {})
    try:
        return block.field.to_python(typed)
    except ValidationError:
        return None


def skipped_times(period: schedule.OneOffHours, zone) -> dict[str, time]:
    """The times of a single date that clocks in `zone` skip on it, by the field they stand in."""
    if period.day is None:
        return {}
    return {
        field: at
        for field in ("opens", "closes")
        if (at := getattr(period, field)) is not None
        and not (field == "closes" and at == time(0))
        and not schedule.wall_time_exists(period.day, at, zone)
    }


def _texts(value, field: str) -> set[str]:
    return {str(item) for item in value.get(field) or ()}


def _weekdays_of(value) -> frozenset[int]:
    ticked = _texts(value, "weekdays")
    return frozenset(int(number) for number, _name in WEEKDAY_CHOICES if number in ticked)


def _season_of(value) -> schedule.Season:
    season = value.get("season") or {}
    return schedule.Season(season.get("from"), season.get("until"), season.get("repeats") == YEARLY)


def _breaks_of(value) -> tuple[tuple[time | None, time | None], ...]:
    return tuple((pause.get("from"), pause.get("until")) for pause in value.get("breaks") or ())


def problems_by_field(period: schedule.Period) -> list[tuple[tuple[str | int, ...], str]]:
    """What is wrong with a period, as the path to the field it is wrong in, and the code.

    Paths are ``("closes",)``, ``("season", "until")`` or ``("breaks", 0, "until")``, codes those
    of `schedule.problems`. A break has one problem at most, which is then the first to mend.
    """
    found: list[tuple[tuple[str | int, ...], str]] = [
        (("season", _field_of_season_problem(period)) if field == "season" else (field,), code)
        for field, code in schedule.problems(replace(period, breaks=()))
    ]
    for index, pause in enumerate(period.breaks):
        codes = _break_problems(period, pause)
        if codes:
            # “Missing” comes first, and is the one that has no words of its own.
            code = next((code for code in codes if code in PROBLEMS), codes[0])
            found.append((("breaks", index, _field_of_break_problem(code, period, pause)), code))
    return found


def _errors_of(period: schedule.Period) -> dict[str, ValidationError]:
    """What is wrong with a period beyond being incomplete, at the field it is wrong in."""
    errors: dict[str, ValidationError] = {}
    break_errors: dict[int, ValidationError] = {}
    for (field, *inside), code in problems_by_field(period):
        if code not in PROBLEMS:
            continue
        error = ValidationError(PROBLEMS[code], code=code)
        if field == "breaks" and inside:
            index, of_break = inside
            break_errors[index] = StructBlockValidationError({of_break: error})
        elif inside:
            errors.setdefault(field, StructBlockValidationError({inside[0]: error}))
        else:
            errors.setdefault(field, error)
    if break_errors:
        errors["breaks"] = ListBlockValidationError(block_errors=break_errors)
    return errors


def _break_problems(period: schedule.Period, pause: tuple[Any, Any]) -> list[str]:
    alone = replace(period, breaks=(pause,))
    return [code for field, code in schedule.problems(alone) if field == "breaks"]


def _field_of_season_problem(period: schedule.RecurringHours) -> str:
    return "until" if period.season.last else "from"


def _field_of_break_problem(code: str, period: schedule.Period, pause: tuple[Any, Any]) -> str:
    start, _end = pause
    if code == "break_outside" and start < period.opens:
        return "from"
    if code == "off_grid" and start is not None and start.minute % schedule.CELL_MINUTES:
        return "from"
    return "until"
