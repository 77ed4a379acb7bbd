"""The forms of what agendas for appointments offer, and what these share with that of events."""

from collections.abc import Iterable

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.models import WagtailAdminModelForm

from wagtail_agenda import permissions
from wagtail_agenda.choices import AgendaKind, Role
from wagtail_agenda.models import Agenda, Desk, Resource
from wagtail_agenda.setup_rules.offers import duration_error, resource_errors
from wagtail_agenda.views.admin.setup.asking import (
    AskingForm,
    coming_bookings,
    coming_meetings,
    retiring,
)


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


class DeskForm(AskingForm, OfferForm):
    """A desk; retiring one that has appointments or meetings to come is asked about."""

    kind = AgendaKind.MEETINGS

    def clean(self):
        cleaned = super().clean()
        if self.instance.pk and cleaned.get("retired") and not self.initial.get("retired"):
            now = timezone.now()
            bookings = coming_bookings(now, desk=self.instance)
            meetings = coming_meetings(now, desk=self.instance)
            if question := retiring(bookings, meetings, str(self.instance), self.for_user):
                self.ask(question)
        return cleaned


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
        agendas = self._agendas_in_question()
        self.fields["desks"].queryset = (
            Desk.objects.select_related("agenda")
            .filter(agenda__in=agendas)
            .order_by("agenda__label", "sort_order", "pk")
        )
        self._offer_resources(agendas)
        self._freeze_slug()

    def _agendas_in_question(self):
        """The agenda of the type, if it is known yet, or else all that it may get."""
        if self.instance.pk:
            return Agenda.objects.filter(pk=self.instance.agenda_id)
        agenda = self.initial.get("agenda")
        chosen = self.agendas.filter(pk=agenda) if str(agenda or "").isdecimal() else self.agendas
        # Sent with another agenda than it was opened with, the form still knows its desks.
        return (self.agendas if self.is_bound else chosen).order_by()

    def _offer_resources(self, agendas) -> None:
        offered = Q(agendas__in=agendas.values("pk"), retired=False)
        needed = [row.pk for row in self.instance.resources.all()] if self.instance.pk else []
        field = self.fields["resources"]
        field.queryset = Resource.objects.filter(offered | Q(pk__in=needed)).distinct()
        if not field.queryset.exists():
            del self.fields["resources"]

    def clean(self):
        cleaned = super().clean()
        agenda, duration = cleaned.get("agenda"), cleaned.get("duration")
        longest = cleaned.get("maximum_duration")
        if error := duration_error(duration, longest):
            self.add_error("maximum_duration", error)
        if agenda:
            self._check_desks(agenda, cleaned.get("desks") or ())
            offered = set(agenda.resources.values_list("pk", flat=True))
            needed = cleaned.get("resources") or ()
            for error in resource_errors(agenda, duration, needed, offered):
                self.add_error("resources", error)
        return cleaned

    def _check_desks(self, agenda: Agenda, desks: Iterable[Desk]) -> None:
        foreign = ", ".join(str(desk) for desk in desks if desk.agenda_id != agenda.pk)
        if foreign:
            message = _("These are desks of another agenda: %(desks)s.")
            error = ValidationError(message, code="foreign_desk", params={"desks": foreign})
            self.add_error("desks", error)
