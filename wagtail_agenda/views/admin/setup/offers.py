"""The forms of what agendas offer: appointment types, desks, events."""

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.models import WagtailAdminModelForm

from wagtail_agenda import booking, permissions, schedule
from wagtail_agenda.choices import AgendaKind, Role
from wagtail_agenda.models import Agenda, Desk
from wagtail_agenda.views.admin.setup.dates import (
    EARLIEST_YEAR,
    LATEST_YEAR,
    skipped_error,
    year_error,
)

MOST_PLACES = 100_000


class OfferForm(WagtailAdminModelForm):
    """A row of one agenda, which it keeps for life: its bookings and slots are that agenda's."""

    kind: AgendaKind

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        field = self.fields["agenda"]
        if self.instance.pk:
            field.disabled = True
            field.help_text = _("Stays as it is. Make another one for another agenda.")
        else:
            field.help_text = _("Its booking form offers this. It cannot change later.")
        self.agendas = permissions.agendas_for(self.for_user, Role.EDITOR).filter(kind=self.kind)
        field.queryset = self.agendas

    def _freeze_slug(self) -> None:
        """A slot keeps its name once somebody has booked it."""
        self.fields["slug"].help_text = _(
            "Part of its name for other systems; fixed from the first booking. Left empty, it is "
            "made from the label."
        )
        if self.instance.pk and self.instance.bookings.exists():
            self.fields["slug"].disabled = True
            self.fields["slug"].help_text = _(
                "Fixed, because there are bookings: other systems know its slots by this name."
            )

    def clean(self):
        cleaned = super().clean()
        self._check_slug(cleaned)
        return cleaned

    def _check_slug(self, cleaned) -> None:
        """The database has the last word on this, but cannot say it at the field."""
        agenda, slug = cleaned.get("agenda"), cleaned.get("slug")
        siblings = type(self.instance).objects.exclude(pk=self.instance.pk)
        if agenda and slug and siblings.filter(agenda=agenda, slug=slug).exists():
            message = _("“%(slug)s” is taken in this agenda. Choose another one.")
            error = ValidationError(message, code="taken", params={"slug": slug})
            self.add_error("slug", error)


class DeskForm(OfferForm):
    kind = AgendaKind.MEETINGS


class DeskChoiceField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, desk: Desk) -> str:
        return gettext("%(desk)s (%(agenda)s)") % {"desk": desk, "agenda": desk.agenda}


class MeetingTypeForm(OfferForm):
    kind = AgendaKind.MEETINGS

    desks = DeskChoiceField(
        queryset=Desk.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Desks"),
        help_text=_("Desks that give it; none chosen means every desk of the agenda."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["desks"].queryset = self._desks_on_offer()
        self._freeze_slug()

    def _desks_on_offer(self):
        desks = Desk.objects.select_related("agenda").order_by("agenda__label", "sort_order", "pk")
        if self.instance.pk:
            return desks.filter(agenda=self.instance.agenda)
        agenda = self.initial.get("agenda")
        chosen = self.agendas.filter(pk=agenda) if str(agenda or "").isdecimal() else self.agendas
        # Sent with another agenda than it was opened with, the form still knows its desks.
        return desks.filter(agenda__in=self.agendas if self.is_bound else chosen)

    def clean(self):
        cleaned = super().clean()
        agenda = cleaned.get("agenda")
        foreign = (
            [desk for desk in cleaned.get("desks") or () if desk.agenda_id != agenda.pk]
            if (agenda)
            else []
        )
        if foreign:
            message = _("These are desks of another agenda: %(desks)s.")
            names = ", ".join(str(desk) for desk in foreign)
            error = ValidationError(message, code="foreign_desk", params={"desks": names})
            self.add_error("desks", error)
        return cleaned


class EventForm(OfferForm):
    """An event and its places, which `booking.py` alone writes."""

    kind = AgendaKind.EVENTS

    places = forms.IntegerField(
        label=_("Places"),
        min_value=1,
        max_value=MOST_PLACES,
        initial=1,
        help_text=_("How many can be booked in all. Never fewer than are booked already."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.bookable_id:
            self.initial.setdefault("places", self.instance.places)
        self._freeze_slug()
        self.time_on_record = (self.instance.start, self.instance.end)
        for field in ("start", "end"):
            self.fields[field].help_text = _("In the time zone of the agenda.")
            if self.instance.pk and getattr(self.instance, field):
                # Without a zone, so that the field does not convert it to the site's own.
                shown = timezone.make_naive(
                    getattr(self.instance, field), self.instance.agenda.zone
                )
                self.initial[field] = shown

    def clean(self):
        cleaned = super().clean()
        if agenda := cleaned.get("agenda"):
            self._read_in_zone_of(agenda, cleaned)
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end and end <= start:
            message = _("This is not after the start. Choose a later time.")
            self.add_error("end", ValidationError(message, code="ends_before_start"))
        return cleaned

    def _read_in_zone_of(self, agenda: Agenda, cleaned) -> None:
        """Takes the times as the agenda's: the field has read them as the site's."""
        for field in ("start", "end"):
            if cleaned.get(field) is None:
                continue
            if not EARLIEST_YEAR <= cleaned[field].year <= LATEST_YEAR:
                cleaned[field] = None
                self.add_error(field, year_error())
                continue
            typed = timezone.make_naive(cleaned[field])
            if schedule.wall_time_exists(typed.date(), typed.time(), agenda.zone):
                cleaned[field] = typed.replace(tzinfo=agenda.zone)
            else:
                self.add_error(field, skipped_error(typed, agenda.zone))

    def save(self, commit=True):
        """Raises BookingError when the places or the time cannot be what the form says."""
        start, end = self.cleaned_data["start"], self.cleaned_data["end"]
        event, now = self.instance, timezone.now()
        is_new = event.pk is None
        if not is_new:
            event.start, event.end = self.time_on_record
        with transaction.atomic():
            event = super().save(commit)
            if not is_new and self.time_on_record != (start, end):
                booking.change_event_time(event, start, end, now=now)
            if event.places != self.cleaned_data["places"]:
                booking.change_places(event, self.cleaned_data["places"], now=now)
        return event
