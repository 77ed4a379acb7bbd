"""The second step of an agenda for events: the first dates, with their places."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.forms.formsets import all_valid
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import schedule
from wagtail_agenda.models import MOST_PLACES
from wagtail_agenda.setup_rules.dates import skipped_error
from wagtail_agenda.views.admin.guided.inputs import WORKING_DAYS, DateInput, TimeInput
from wagtail_agenda.views.admin.setup.dates import refuse_far_dates

MOST_DATES = 50
DATES_AT_FIRST = 4
"""Rows for dates that the form of an agenda for events begins with, and that are added at once."""


class DateForm(forms.Form):
    """One date of an event. A row without a date is no date."""

    day = forms.DateField(label=_("Date"), required=False, widget=DateInput)
    start = forms.TimeField(
        label=pgettext_lazy("time of day", "From"), required=False, widget=TimeInput
    )
    end = forms.TimeField(
        label=pgettext_lazy("time of day", "Until"), required=False, widget=TimeInput
    )
    places = forms.IntegerField(
        label=_("Places"), required=False, min_value=1, max_value=MOST_PLACES
    )
    waiting_places = forms.IntegerField(
        label=_("Waiting list"), required=False, min_value=0, max_value=MOST_PLACES
    )

    def __init__(self, data=None, *, number: int, zone: str, now: datetime):
        self.zone, self.now = ZoneInfo(zone), now
        self.number = number
        first = next_working_day(now.astimezone(self.zone).date() + timedelta(days=7))
        super().__init__(
            data,
            prefix=f"date{number}",
            initial={
                "day": first if number == 0 else None,
                "start": time(10),
                "end": time(12),
                "places": 10,
                "waiting_places": 0,
            },
        )

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("day") is None and "day" not in self.errors:
            self.errors.clear()
            return cleaned
        for field in ("start", "end", "places"):
            if cleaned.get(field) is None and field not in self.errors:
                self.add_error(field, ValidationError(_("This is missing."), code="required"))
        if not self.errors:
            self._check_times(cleaned["day"], cleaned["start"], cleaned["end"])
        return cleaned

    def _check_times(self, day: date, start: time, end: time) -> None:
        refuse_far_dates(self, self.cleaned_data, ["day"])
        if self.errors:
            return
        for field, at in (("start", start), ("end", end)):
            if not schedule.wall_time_exists(day, at, self.zone):
                self.add_error(field, skipped_error(at, self.zone))
        if end <= start:
            self.add_error("end", _("This is not after the start. Choose a later time."))
        if datetime.combine(day, start, self.zone) <= self.now:
            self.add_error("day", _("This has begun already. Choose a date to come."))

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """From when to when in the agenda's zone; None of a row that is no date."""
        values = self.cleaned_data
        if values.get("day") is None:
            return None
        return (
            datetime.combine(values["day"], values["start"], self.zone),
            datetime.combine(values["day"], values["end"], self.zone),
        )

    @property
    def places_of_both(self) -> tuple[int, int]:
        """How many can book the date, and how many more can wait; an empty field is no list."""
        return self.cleaned_data["places"], self.cleaned_data.get("waiting_places") or 0


def next_working_day(day: date) -> date:
    while day.weekday() not in WORKING_DAYS:
        day += timedelta(days=1)
    return day


class EventsForm(forms.Form):
    label = forms.CharField(
        label=_("What takes place"),
        max_length=150,
        help_text=_("The same for all dates below; each can be given its own name later."),
    )

    def __init__(self, data=None, *, what: dict[str, Any]):
        super().__init__(data, prefix="events", initial={"label": what["label"]})


class EventsStep:
    """The first dates of an event, each with its places."""

    template_name = "wagtail_agenda/admin/guided_events.html"

    def __init__(self, data=None, *, what: dict[str, Any], now: datetime):
        self.form = EventsForm(data, what=what)
        self.rows = rows_asked(data)
        self.dates = [
            DateForm(data, number=number, zone=what["timezone"], now=now)
            for number in range(self.rows)
        ]
        self.date_errors: list[str] = []
        self.zone = what["timezone"]

    @property
    def may_grow(self) -> bool:
        return self.rows < MOST_DATES

    @property
    def forms(self) -> list[forms.BaseForm]:
        return [self.form, *self.dates]

    def is_valid(self) -> bool:
        valid = all_valid(self.forms)
        if valid and not self.cleaned_data["dates"]:
            self.date_errors = [gettext("Write at least one date.")]
            return False
        return valid

    @property
    def cleaned_data(self) -> dict[str, Any]:
        """The name, and `dates`: ``(start, end, places, places of the waiting list)`` of each."""
        return {
            **self.form.cleaned_data,
            "dates": [(*one.span, *one.places_of_both) for one in self.dates if one.span],
        }


def rows_asked(data) -> int:
    """How many rows for dates the form was sent with, within reason."""
    text = (data or {}).get("rows") or ""
    asked = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else DATES_AT_FIRST
    return min(max(asked, 1), MOST_DATES)
