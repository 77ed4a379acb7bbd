"""The form of a series of events, and what its list says of it."""

from datetime import date, time
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.models import MOST_PLACES, EventSeries
from wagtail_agenda.recurrence import Recurrence
from wagtail_agenda.series import Answers, Plan
from wagtail_agenda.setup_rules.series import COLUMNS, day_errors, exceptions_error
from wagtail_agenda.views.admin.reason import ReasonField
from wagtail_agenda.views.admin.setup.dates import refuse_far_dates
from wagtail_agenda.views.admin.setup.offers import OfferForm
from wagtail_agenda.wording import time_text

LEAVE, CHANGE = "leave", "change"

ANSWERS = {
    "moved": (
        _("Leave them at the time they have"),
        _("Move them, and tell everybody who has booked"),
    ),
    "removed": (
        _("Leave them: they take place"),
        _("Cancel them, and tell everybody who has booked"),
    ),
    "shrunk": (
        _("Leave them the places they have"),
        _("Give them as few places as are taken; nobody loses theirs"),
    ),
}
"""For each list of booked events: what leaves them alone, and what changes them."""


class DatesField(forms.CharField):
    """One date a line; a list of dates as ``2026-05-14``."""

    widget = forms.Textarea

    def prepare_value(self, value):
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value) -> list[str]:
        found = set()
        for line in super().to_python(value).splitlines():
            if line.strip():
                found.add(self._date(line.strip()).isoformat())
        return sorted(found)

    def _date(self, typed: str) -> date:
        try:
            return forms.DateField().clean(typed)
        except ValidationError as error:
            raise ValidationError(
                _("“%(value)s” is not a date. Write one date a line, like 2026-12-24."),
                code="invalid_date",
                params={"value": typed},
            ) from error

    def validate(self, value):
        super().validate(value)
        if error := exceptions_error(value):
            raise error

    def run_validators(self, value):
        # Those of a text; a list of dates has none.
        return

    def has_changed(self, initial, data):
        try:
            return (initial or []) != self.to_python(data)
        except ValidationError:
            return True


class SeriesForm(OfferForm):
    """A series of events. Whatever is booked is asked about, in the words of a `Plan`."""

    kind = AgendaKind.EVENTS

    weekdays = forms.TypedMultipleChoiceField(
        label=_("On these days"),
        coerce=int,
        choices=lambda: [(number, capfirst(name)) for number, name in sorted(WEEKDAYS.items())],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Tick at least one day of the week.")},
    )
    exceptions = DatesField(
        label=_("Not on these dates"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("One date a line, like 2026-12-24: holidays, or when the room is taken."),
    )
    places = forms.IntegerField(
        label=_("Places"),
        min_value=1,
        max_value=MOST_PLACES,
        initial=10,
        help_text=_("How many can be booked in all, on each date."),
    )
    publish_days = forms.IntegerField(
        label=_("Published this many days beforehand"),
        min_value=1,
        max_value=3_660,
        required=False,
        help_text=_(
            "Visitors see a date from the beginning of that day on. Left empty, they see it as "
            "soon as it is within the agenda's horizon."
        ),
    )
    confirmed = forms.CharField(required=False, max_length=64)
    answer_moved = forms.ChoiceField(required=False, widget=forms.RadioSelect)
    answer_removed = forms.ChoiceField(required=False, widget=forms.RadioSelect)
    answer_shrunk = forms.ChoiceField(required=False, widget=forms.RadioSelect)
    reason = ReasonField(help_text=_("Stands in the mail that tells everybody. May be left empty."))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.plan: Plan | None = None
        for name, (leave, change) in ANSWERS.items():
            field = self.fields[f"answer_{name}"]
            field.choices = [(LEAVE, leave), (CHANGE, change)]
            field.label = _("What shall become of them?")
        for name in ("start_time", "first_day"):
            self.fields[name].help_text = _("In the time zone of the agenda.")
        self.fields["until"].help_text = _("The last day. Left empty, it goes on.")

    def clean(self):
        cleaned = super().clean()
        refuse_far_dates(self, cleaned, ("first_day", "until"))
        self._check_days(cleaned)
        return cleaned

    def _check_days(self, cleaned) -> None:
        first_day, weekdays = cleaned.get("first_day"), cleaned.get("weekdays")
        every_weeks = cleaned.get("every_weeks")
        if not (first_day and weekdays and every_weeks) or "until" in self.errors:
            return
        rule = Recurrence(
            first_day=first_day,
            until=cleaned.get("until"),
            weekdays=frozenset(weekdays),
            every_weeks=every_weeks,
            exceptions=frozenset(map(date.fromisoformat, cleaned.get("exceptions") or ())),
            # Which dates there are does not depend on these.
            start_time=time(12),
            duration=1,
            zone=ZoneInfo("UTC"),
        )
        for field, error in day_errors(rule):
            self.add_error(field, error)

    def values(self) -> dict:
        """What was typed, by the name of the field of `EventSeries`."""
        return {name: self.cleaned_data[name] for name in COLUMNS if name in self.cleaned_data}

    def answers(self) -> Answers:
        """What was answered to the question that the form came back with."""
        chosen = {
            name: {LEAVE: False, CHANGE: True}.get(self.cleaned_data.get(f"answer_{name}"))
            for name in ANSWERS
        }
        return Answers(
            key=self.cleaned_data.get("confirmed") or "",
            reason=self.cleaned_data.get("reason") or "",
            **chosen,
        )

    def ask(self, plan: Plan) -> str:
        """Come back with the question what shall become of what is booked; answers with why."""
        self.plan = plan
        answered = self.cleaned_data.get("confirmed")
        if answered and answered != plan.key:
            return gettext(
                "Nothing is saved yet: bookings or what you typed have changed since you were "
                "asked. Read again what would happen."
            )
        if answered:
            return gettext("Nothing is saved yet: choose for each list what shall become of it.")
        return gettext(
            "Nothing is saved yet: some of these dates are booked. Say at the top of the page "
            "what shall become of them."
        )


# What the list of series says


def days_in_words(series: EventSeries) -> str:
    """On which days it takes place, and when: “Tuesday, Thursday, 18:00, every 2 weeks”."""
    days = [capfirst(WEEKDAYS[number]) for number in sorted(series.weekdays)]
    said = [*map(str, days), time_text(series.start_time)]
    if series.every_weeks > 1:
        weeks = ngettext("every %(count)d week", "every %(count)d weeks", series.every_weeks)
        said.append(weeks % {"count": series.every_weeks})
    # Translators: stands between the parts of a list of days and times.
    return gettext(", ").join(said)
