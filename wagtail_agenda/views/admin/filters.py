"""What the lists of the agenda view are narrowed to: the form's fields, and what they mean.

The one definition of these fields. The same names stand in addresses, so that a filter is kept from
one period to the next; what an address names that does not exist is said, and counts for nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from wagtail_agenda.choices import Admission, Attendance
from wagtail_agenda.models import Booking, Desk, Event, Hold, MeetingType, WorkflowStatus
from wagtail_agenda.views.admin.dates import with_query
from wagtail_agenda.views.admin.meeting_lines import MeetingLine
from wagtail_agenda.views.admin.presentation import times

EVERY_STATUS = "all"
NOT_CHECKED_IN = "open"
"""In addresses: the column is empty for whoever is not checked in, and empty means any there."""

LABELS: Mapping[str, Any] = {
    "type": gettext_lazy("Appointment type"),
    "event": gettext_lazy("Event"),
    "desk": gettext_lazy("Desk"),
    "status": gettext_lazy("Status"),
    "admission": gettext_lazy("Admission"),
    "attendance": gettext_lazy("Attendance"),
}
"""The filters in their order, by their name in addresses."""

ANY: Mapping[str, Any] = {
    "type": gettext_lazy("All types"),
    "event": gettext_lazy("All events"),
    "desk": gettext_lazy("All desks"),
    "status": gettext_lazy("All but cancelled"),
    "admission": gettext_lazy("With a place or not"),
    "attendance": pgettext_lazy("attendance", "Present or not"),
}
"""How a filter is called that narrows nothing."""

ATTENDANCES = {choice.value or NOT_CHECKED_IN: choice for choice in Attendance}

ADMISSIONS = {choice.value: choice for choice in Admission if choice is not Admission.CANCELLED}
"""Cancelled ones are a matter of the status, which hides them unless it is asked for."""

COLUMNS = {"type": "meeting_type_id", "event": "event_id", "desk": "desk_id", "status": "status_id"}

Choice = tuple[str, str]
"""``(value in the address, label)`` of one option."""


class FilterForm(forms.Form):
    """The date and whatever filters `choices` has options for, as a form that a GET sends.

    With `narrowing` each of them also has the option that narrows nothing.
    """

    template_name = "wagtail_agenda/admin/includes/filter_fields.html"

    date = forms.DateField(
        label=gettext_lazy("Date"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(
        self,
        *,
        day: date,
        choices: Mapping[str, Sequence[Choice]],
        chosen: Mapping[str, str],
        narrowing: Iterable[str] = tuple(LABELS),
    ):
        super().__init__(auto_id="wagtail-agenda-%s", initial={**chosen, "date": day})
        for name, label in LABELS.items():
            options = choices.get(name)
            if options:
                any_of_them = [("", ANY[name])] if name in narrowing else []
                self.fields[name] = forms.ChoiceField(
                    label=label, choices=[*any_of_them, *options], required=False
                )


@dataclass(frozen=True)
class Chip:
    """A filter that is set: what it says, and the address of the page without it."""

    label: str
    value: str
    url: str


@dataclass(frozen=True)
class NamedRow:
    """A row as addresses and forms name it where its own slug and label would not be enough.

    Two agendas behind a virtual one may each have a desk 1.
    """

    pk: int
    slug: str
    label: str

    def __str__(self):
        return self.label


@dataclass
class Offer:
    """What an agenda has to be narrowed to."""

    statuses: Sequence[WorkflowStatus | NamedRow] = ()
    desks: Sequence[Desk | NamedRow] = ()
    meeting_types: Sequence[MeetingType | NamedRow] = ()
    events: Sequence[Event] = ()

    def rows(self, name: str) -> Sequence[Any]:
        return {
            "desk": self.desks,
            "type": self.meeting_types,
            "event": self.events,
            "status": self.statuses,
        }[name]

    def choices(self, name: str, zone) -> list[Choice]:
        """The options of one filter, without the one that narrows nothing."""
        if name == "attendance":
            return [(value, attendance.label) for value, attendance in ATTENDANCES.items()]
        if name == "admission":
            return [(value, admission.label) for value, admission in ADMISSIONS.items()]
        if name == "event":
            return [
                (event.slug, f"{event} ({times(event.start, event.end, zone)})")
                for event in self.events
            ]
        options = [(row.slug, str(row)) for row in self.rows(name)]
        if name == "status":
            return [(EVERY_STATUS, _("All, cancelled too")), *options]
        # Nothing can be narrowed to the only one there is.
        return options if len(options) > 1 else []


def asked_by(request) -> dict[str, str]:
    """What the address asks for, as typed."""
    return {name: request.GET[name] for name in LABELS if request.GET.get(name)}


@dataclass
class Filters:
    """What is asked for and exists: `conditions` on columns, and whether cancelled ones count."""

    chosen: dict[str, str] = field(default_factory=dict)
    conditions: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """What is asked for and does not exist, in words."""
    hides_cancelled: bool = True

    @classmethod
    def of(cls, asked: Mapping[str, str], offer: Offer) -> "Filters":
        filters = cls()
        for name, value in asked.items():
            filters._take(name, value, offer)
        return filters

    def _take(self, name: str, value: str, offer: Offer) -> None:
        if (name, value) == ("status", EVERY_STATUS):
            self.hides_cancelled = False
            self.labels[name] = _("All, cancelled too")
        elif name == "attendance":
            if value not in ATTENDANCES:
                self._complain(name, value)
                return
            self.conditions[name] = ATTENDANCES[value].value
            self.labels[name] = str(ATTENDANCES[value].label)
        elif name == "admission":
            if value not in ADMISSIONS:
                self._complain(name, value)
                return
            self.conditions[name] = value
            self.labels[name] = str(ADMISSIONS[value].label)
        else:
            row = next((row for row in offer.rows(name) if row.slug == value), None)
            if row is None:
                self._complain(name, value)
                return
            self.conditions[COLUMNS[name]] = row.pk
            self.labels[name] = str(row)
            if name == "status":
                self.hides_cancelled = False
        self.chosen[name] = value

    def _complain(self, name: str, value: str) -> None:
        self.problems.append(
            _("%(filter)s “%(value)s” does not exist here. All are shown: %(any)s.")
            % {"filter": LABELS[name], "value": value[:40], "any": ANY[name]}
        )

    @property
    def desk_id(self) -> int | None:
        return self.conditions.get("desk_id")

    @property
    def narrows_bookings(self) -> bool:
        """Whether some of a desk's bookings are left out, so that they tell no load."""
        return bool(set(self.chosen) - {"desk"})

    def q(self) -> Q:
        """What the database is to look for."""
        wanted = Q(**self.conditions)
        return wanted & ~Q(admission=Admission.CANCELLED) if self.hides_cancelled else wanted

    def matches(self, booking: Booking) -> bool:
        """The same, of a booking that has been read."""
        return not (self.hides_cancelled and booking.is_cancelled) and self.covers(booking)

    def covers(self, booking: Booking) -> bool:
        """Whether all but its being cancelled fits."""
        return all(getattr(booking, name) == value for name, value in self.conditions.items())

    def matches_taken(self, taken: Hold | MeetingLine) -> bool:
        """What takes time and is no booking has neither status nor attendance."""
        return all(getattr(taken, name, None) == value for name, value in self.conditions.items())

    def chips(self, url: str) -> list[Chip]:
        """Each filter that is set, with the address of the page without it."""
        return [
            Chip(
                label=str(LABELS[name]),
                value=self.labels[name],
                url=with_query(url, {**self.chosen, name: ""}),
            )
            for name in LABELS
            if name in self.chosen
        ]
