"""The second step of an agenda for appointments: the week, the desks, the holidays."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.forms.formsets import all_valid
from django.utils.dates import WEEKDAYS
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import schedule
from wagtail_agenda.blocks.closures import region_code
from wagtail_agenda.blocks.schedule import PROBLEMS, problems_by_field
from wagtail_agenda.cleaning import one_line
from wagtail_agenda.importers import holidays
from wagtail_agenda.models import Desk, MeetingType
from wagtail_agenda.views.admin.guided.countries import country_of
from wagtail_agenda.views.admin.guided.inputs import WORKING_DAYS, TimeInput

MOST_DESKS = 50


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
