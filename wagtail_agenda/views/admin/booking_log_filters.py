"""What the booking log is narrowed to: the fields of its form, and what they mean."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from wagtail_agenda.choices import Actor, Admission, DeliveryState
from wagtail_agenda.models import Booking, Delivery, WorkflowStatus
from wagtail_agenda.schedule import day_bounds
from wagtail_agenda.timegrid import instant_of
from wagtail_agenda.views.admin.dates import is_shown
from wagtail_agenda.views.admin.filters import ATTENDANCES
from wagtail_agenda.views.admin.finding import LONGEST_QUERY, matching
from wagtail_agenda.views.admin.list_filters import ListFilters, SearchField

FAILED = "failed"


class BookingLogFilters(ListFilters):
    """The form above the booking log."""

    name = "log"
    columns = {
        "agenda": "agenda__slug",
        "status": "status",
        "admission": "admission",
        "made_by": "made_by",
    }

    q = SearchField(
        label=gettext_lazy("Search"),
        required=False,
        widget=forms.TextInput(attrs={"maxlength": LONGEST_QUERY}),
        help_text=gettext_lazy("Name, e-mail, telephone or number"),
    )
    agenda = forms.ChoiceField(label=gettext_lazy("Agenda"), required=False)
    since = forms.DateField(
        label=pgettext_lazy("date", "From"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=pgettext_lazy("date", "To"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    status = forms.ChoiceField(label=gettext_lazy("Status"), required=False)
    admission = forms.ChoiceField(
        label=gettext_lazy("Admission"),
        required=False,
        choices=[("", gettext_lazy("Any")), *Admission.choices],
    )
    attendance = forms.ChoiceField(
        label=gettext_lazy("Attendance"),
        required=False,
        choices=[
            ("", gettext_lazy("Any")),
            *[(value, attendance.label) for value, attendance in ATTENDANCES.items()],
        ],
    )
    made_by = forms.ChoiceField(
        label=gettext_lazy("Made by"),
        required=False,
        choices=[("", gettext_lazy("Anybody")), *Actor.choices],
    )
    mails = forms.ChoiceField(
        label=gettext_lazy("Mails"),
        required=False,
        choices=[("", gettext_lazy("Any")), (FAILED, gettext_lazy("One has failed"))],
    )

    def __init__(self, data, *, user):
        super().__init__(data, user=user)
        self.fields["status"].choices = [("", _("Any")), *_statuses()]

    def clean_since(self):
        return _date_that_can_be_shown(self.cleaned_data["since"])

    def clean_until(self):
        return _date_that_can_be_shown(self.cleaned_data["until"])

    def clean(self):
        asked = super().clean()
        since, until = asked.get("since"), asked.get("until")
        if since and until and until < since:
            self.add_error("until", _("This day is before the first one."))
        return asked

    def narrow(self, bookings: QuerySet[Booking]) -> QuerySet[Booking]:
        """Those of the bookings that are asked for; a field that is wrong narrows nothing."""
        asked = self.valid_wishes()
        bookings = self.by_columns(bookings, asked)
        if "attendance" in asked:
            bookings = bookings.filter(attendance=ATTENDANCES[asked["attendance"]])
        if "since" in asked or "until" in asked:
            bookings = bookings.filter(self._starts_between(asked.get("since"), asked.get("until")))
        if "mails" in asked:
            failed = Delivery.objects.filter(booking=OuterRef("pk"), state=DeliveryState.FAILED)
            bookings = bookings.filter(Exists(failed))
        return matching(bookings, asked["q"]) if "q" in asked else bookings

    def _starts_between(self, since: date | None, until: date | None) -> Q:
        """Both days included, each as long as it is on the clocks of the booking's own agenda."""
        found = Q(pk__in=[])
        for name in {agenda.timezone for agenda in self.agendas}:
            zone = ZoneInfo(name)
            of_zone = Q(agenda__timezone=name)
            if since:
                of_zone &= Q(start__gte=_bounds(since, zone)[0])
            if until:
                of_zone &= Q(start__lt=_bounds(until, zone)[1])
            found |= of_zone
        return found

    def in_words(self) -> list[tuple[str, str]]:
        """What is asked for, as pairs of label and text.

        What was searched for is left out: it is mostly somebody's name.
        """
        said = []
        for name, value in self.cleaned_data.items():
            field = self.fields[name]
            if not value:
                continue
            if name == "q":
                text = "…"
            elif isinstance(value, date):
                text = value.isoformat()
            else:
                text = str(dict(field.choices)[value])
            said.append((str(field.label), text))
        return said


def ranges(today: date) -> list[tuple[str, str, str]]:
    """Dates that are asked for often: label, first day and last day in ISO 8601."""
    week = timedelta(days=7)
    days = [
        (_("Today"), today, today),
        (_("The next 7 days"), today, today + week),
        (_("The last 7 days"), today - week, today),
    ]
    return [(label, since.isoformat(), until.isoformat()) for label, since, until in days]


def _bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start, end = day_bounds(day, zone)
    return instant_of(start), instant_of(end)


def _date_that_can_be_shown(day: date | None) -> date | None:
    if day and not is_shown(day):
        raise forms.ValidationError(_("Choose a date between 1970 and 2999."))
    return day


def _statuses() -> list[tuple[str, str]]:
    """Every status, with its booking workflow where there are several."""
    statuses: list[WorkflowStatus] = list(WorkflowStatus.objects.select_related("workflow"))
    several = len({status.workflow_id for status in statuses}) > 1
    return [
        (str(status.pk), f"{status.workflow}: {status}" if several else str(status))
        for status in statuses
    ]
