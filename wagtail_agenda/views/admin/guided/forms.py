"""What each step asks, with defaults that make a working agenda of three times « Continue »."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.forms.formsets import all_valid
from django.utils.dates import WEEKDAYS
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import schedule
from wagtail_agenda.blocks.closures import region_code
from wagtail_agenda.blocks.schedule import PROBLEMS, problems_by_field
from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.cleaning import one_line
from wagtail_agenda.importers import holidays
from wagtail_agenda.models import Agenda, Desk, MeetingType, Workflow
from wagtail_agenda.timegrid import CELL_MINUTES
from wagtail_agenda.views.admin.guided.countries import country_of
from wagtail_agenda.views.admin.setup.agendas import horizon_error, time_zone_choices
from wagtail_agenda.views.admin.setup.dates import (
    EARLIEST_YEAR,
    LATEST_YEAR,
    skipped_error,
    year_error,
)
from wagtail_agenda.views.admin.setup.offers import MOST_PLACES
from wagtail_agenda.workflow import DEFAULT_WORKFLOW

MOST_DESKS = 50
MOST_DATES = 50
DATES_AT_FIRST = 4
"""Rows for dates that the form of an agenda for events begins with, and that are added at once."""

WORKING_DAYS = range(5)


class TimeInput(forms.TimeInput):
    input_type = "time"

    def __init__(self):
        super().__init__(format="%H:%M", attrs={"step": CELL_MINUTES * 60})


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self):
        super().__init__(format="%Y-%m-%d")


# What is booked


class WhatForm(forms.ModelForm):
    kind = forms.ChoiceField(
        label=_("What do visitors book?"),
        choices=[
            (
                AgendaKind.MEETINGS.value,
                _("Appointments: each visitor chooses a time, and one desk is theirs."),
            ),
            (
                AgendaKind.EVENTS.value,
                _("Events: many visitors come to the same date, as long as there are places."),
            ),
        ],
        widget=forms.RadioSelect,
        initial=AgendaKind.MEETINGS,
        help_text=_("This cannot change once there is something to book."),
    )
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        choices=time_zone_choices,
        initial=lambda: settings.TIME_ZONE,
        help_text=_("All times of this agenda are local times there, on every page and mail."),
    )

    class Meta:
        model = Agenda
        fields = ["kind", "label", "location", "timezone"]
        labels = {"label": _("Name"), "location": _("Where visitors go")}
        help_texts = {
            "label": _(
                "Visitors read it on the page and in their calendar, your colleagues in the menu: "
                "“Passports and identity cards”. Left empty, it is “Appointments” or “Events”."
            ),
            "location": _(
                "Stands in every invitation. With a whole address, calendars show a map."
            ),
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["label"].required = False

    def clean(self):
        cleaned = super().clean()
        if not cleaned.get("label") and "label" not in self.errors:
            events = cleaned.get("kind") == AgendaKind.EVENTS
            cleaned["label"] = gettext("Events") if events else gettext("Appointments")
        return cleaned


# When: appointments


class DayForm(forms.Form):
    """The hours of one weekday. What stands in a day that is not ticked is kept and not read."""

    is_open = forms.BooleanField(required=False)
    opens = forms.TimeField(required=False, widget=TimeInput)
    closes = forms.TimeField(required=False, widget=TimeInput)
    break_from = forms.TimeField(required=False, widget=TimeInput)
    break_until = forms.TimeField(required=False, widget=TimeInput)

    NAMES = {
        "is_open": _("open"),
        "opens": _("opens"),
        "closes": _("closes"),
        "break_from": _("break from"),
        "break_until": _("break until"),
    }
    TIMES = ["opens", "closes", "break_from", "break_until"]

    def __init__(self, data=None, *, weekday: int):
        self.weekday = weekday
        self.day = capfirst(WEEKDAYS[weekday])
        super().__init__(
            data,
            prefix=f"day{weekday}",
            initial={
                "is_open": weekday in WORKING_DAYS,
                "opens": time(9),
                "closes": time(17),
                "break_from": time(12),
                "break_until": time(13),
            },
        )
        for name, field in self.fields.items():
            field.label = f"{self.day}: {self.NAMES[name]}"

    def cells(self) -> list[forms.BoundField]:
        return [self[name] for name in self.TIMES]

    def clean(self):
        cleaned = super().clean()
        if not cleaned.get("is_open"):
            self.errors.clear()
            return cleaned
        needed = ["opens", "closes"]
        if cleaned.get("break_from") or cleaned.get("break_until"):
            needed += ["break_from", "break_until"]
        for field in needed:
            if cleaned.get(field) is None and field not in self.errors:
                self.add_error(field, ValidationError(_("Write a time."), code="required"))
        if not self.errors:
            for path, code in problems_by_field(self.hours):
                if code in PROBLEMS:
                    field = {"from": "break_from", "until": "break_until"}.get(path[-1], path[-1])
                    self.add_error(field, ValidationError(PROBLEMS[code], code=code))
        return cleaned

    @property
    def hours(self) -> schedule.WeeklyHours | None:
        """The day as `schedule` knows it; None on a day that is closed."""
        values = self.cleaned_data
        if not values.get("is_open"):
            return None
        pause = (values["break_from"], values["break_until"])
        return schedule.WeeklyHours(
            frozenset([self.weekday]),
            values["opens"],
            values["closes"],
            (pause,) if None not in pause else (),
        )


def copy_day(data: dict[str, list[str]], weekday: int) -> dict[str, list[str]]:
    """`data` of a week's form in which every other ticked day has the times of `weekday`."""
    copied = dict(data)
    for other in range(7):
        if f"day{other}-is_open" in data:
            for name in DayForm.TIMES:
                copied[f"day{other}-{name}"] = data.get(f"day{weekday}-{name}", [""])
    return copied


class AppointmentsForm(forms.ModelForm):
    """What appointment there is, at which desks, and which holidays close them."""

    desks = forms.CharField(
        label=_("Desks"),
        widget=forms.Textarea(attrs={"rows": 3}),
        initial=lambda: gettext("Desk %(number)d") % {"number": 1},
        help_text=_(
            "Counters, rooms or colleagues, one a line. Each of them receives one visitor at a "
            "time, so two lines let two visitors book the same time."
        ),
    )
    country = forms.ChoiceField(
        label=_("Closed on the public holidays of"),
        required=False,
        choices=lambda: [("", _("Nowhere: open on public holidays too")), *holidays.countries()],
        help_text=_("Every year's holidays, without anybody writing them down."),
    )
    region = forms.CharField(
        label=_("Region"),
        required=False,
        max_length=100,
        help_text=_("If it has holidays of its own: “Bayern”, “BY”. Otherwise leave it empty."),
    )

    class Meta:
        model = MeetingType
        fields = ["label", "duration"]
        labels = {
            "label": _("What visitors come for"),
            "duration": _("How many minutes it takes"),
        }
        help_texts = {
            "label": _("Stands in the invitation. You can add more sorts of appointment later."),
            "duration": _("Visitors are offered times this far apart, in steps of five minutes."),
        }

    def __init__(self, data=None, *, zone: str, **kwargs):
        super().__init__(
            data,
            prefix="appointments",
            initial={"label": gettext("Appointment"), "country": country_of(zone)},
            **kwargs,
        )

    def clean_desks(self) -> list[str]:
        names = [one_line(line).strip() for line in self.cleaned_data["desks"].splitlines()]
        names = [name for name in names if name]
        if not names:
            # Invisible letters are no name.
            raise ValidationError(self.fields["desks"].error_messages["required"], code="required")
        longest = Desk._meta.get_field("label").max_length
        if len(names) > MOST_DESKS:
            raise ValidationError(
                _("Name at most %(count)d desks here; you can add more later."),
                code="too_many",
                params={"count": MOST_DESKS},
            )
        if any(len(name) > longest for name in names):
            raise ValidationError(
                _("A desk's name has at most %(count)d letters."),
                code="too_long",
                params={"count": longest},
            )
        return names

    def clean(self):
        cleaned = super().clean()
        country, region = cleaned.get("country"), (cleaned.get("region") or "").strip()
        if region and not country:
            self.add_error("region", _("Choose a country too, or leave this empty."))
        elif region:
            try:
                cleaned["region"] = region_code(country, region)
            except ValidationError as error:
                self.add_error("region", error)
        return cleaned


class AppointmentsStep:
    """Weekly hours, and what is given in them."""

    template_name = "wagtail_agenda/admin/guided_appointments.html"

    def __init__(self, data=None, *, what: dict[str, Any], now: datetime):
        self.form = AppointmentsForm(data, zone=what["timezone"])
        self.days = [DayForm(data, weekday=weekday) for weekday in range(7)]
        self.week_errors: list[str] = []

    @property
    def forms(self) -> list[forms.BaseForm]:
        return [*self.days, self.form]

    def is_valid(self) -> bool:
        valid = all_valid(self.forms)
        if not valid:
            return False
        hours = self.cleaned_data["hours"]
        if not hours:
            self.week_errors = [gettext("Tick at least one day on which there are appointments.")]
            return False
        opened = schedule.opening_intervals(
            hours, (), ZoneInfo("UTC"), date(2001, 1, 1), date(2001, 1, 7)
        )
        if max(end - start for start, end in opened) < self.form.cleaned_data["duration"]:
            self.form.add_error(
                "duration",
                _("No day is open for that long without a break. Choose fewer minutes."),
            )
            return False
        return True

    @property
    def cleaned_data(self) -> dict[str, Any]:
        """The form's values, and `hours`: days with the same hours in one period."""
        of_days = [day.hours for day in self.days]
        return {**self.form.cleaned_data, "hours": merge_days(hours for hours in of_days if hours)}


def merge_days(days: Iterable[schedule.WeeklyHours]) -> list[schedule.WeeklyHours]:
    """One period for all the days that have the same hours, in the order of their first days."""
    merged: dict[tuple, schedule.WeeklyHours] = {}
    for day in days:
        same = (day.opens, day.closes, day.breaks)
        known = merged.get(same, day)
        merged[same] = replace(known, weekdays=known.weekdays | day.weekdays)
    return list(merged.values())


# When: events


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
        if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
            self.add_error("day", year_error())
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
        """The name, and `dates`: ``(start, end, places)`` of each."""
        return {
            **self.form.cleaned_data,
            "dates": [(*one.span, one.cleaned_data["places"]) for one in self.dates if one.span],
        }


def rows_asked(data) -> int:
    """How many rows for dates the form was sent with, within reason."""
    text = (data or {}).get("rows") or ""
    asked = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else DATES_AT_FIRST
    return min(max(asked, 1), MOST_DATES)


# What people get


class HowForm(forms.ModelForm):
    publish = forms.ChoiceField(
        label=_("When it starts"),
        choices=[
            ("now", _("Publish it: visitors can book as soon as the form is on a page.")),
            ("later", _("Keep it as a draft: nobody can book until you publish it.")),
        ],
        widget=forms.RadioSelect,
        initial="now",
    )

    class Meta:
        model = Agenda
        fields = [
            "minimal_booking_delay",
            "minimal_booking_delay_unit",
            "maximal_booking_delay",
            "maximal_booking_delay_unit",
            "comment",
            "contact",
            "staff_addresses",
            "workflow",
        ]
        widgets = {
            name: forms.Textarea(attrs={"rows": 3})
            for name in ("comment", "contact", "staff_addresses")
        }
        labels = {
            "minimal_booking_delay": _("Shortest notice"),
            "minimal_booking_delay_unit": _("Hours or days"),
            "maximal_booking_delay": _("How far ahead"),
            "maximal_booking_delay_unit": _("Hours or days"),
            "comment": _("What visitors should bring or know"),
            "contact": _("Whom visitors can ask"),
            "staff_addresses": _("Colleagues who get a mail of every booking"),
        }
        help_texts = {
            "minimal_booking_delay": _(
                "Nobody can book a time that begins sooner than this. With 0, visitors can book "
                "what begins in the next minutes."
            ),
            "maximal_booking_delay": _("Times later than this are not offered yet."),
            "comment": _("Stands in the confirmation and in the calendar entry."),
            "contact": _(
                "Stands in every mail, and on the page when nothing is free: telephone, e-mail."
            ),
            "staff_addresses": _(
                "One address a line. They get the booking as a calendar entry of their own."
            ),
            "workflow": _(
                "What happens with each booking, such as its mails. The built-in one confirms at "
                "once, and tells the visitor by e-mail of a booking, change or cancellation."
            ),
        }

    def __init__(self, data=None, *, what: dict[str, Any]):
        # The dates of events are known far ahead; times of appointments hardly ever.
        far = 365 if what["kind"] == AgendaKind.EVENTS else 60
        super().__init__(data, initial={"maximal_booking_delay": far})
        others = Workflow.objects.exclude(slug=DEFAULT_WORKFLOW)
        self.fields["workflow"].queryset = others
        self.fields["workflow"].empty_label = gettext("The built-in one")
        self.fields["workflow"].label = gettext("Booking workflow")
        if not others.exists():
            # There is nothing to choose from.
            del self.fields["workflow"]

    def clean(self):
        cleaned = super().clean()
        if error := horizon_error(cleaned):
            self.add_error("maximal_booking_delay", error)
        return cleaned
