"""Forms and views of the set-up screens, where Wagtail's own do not know enough.

What is wrong is said at its field. Drafts may lack anything, so every check copes with empty
values.
"""

import zoneinfo
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import MAXYEAR, MINYEAR
from typing import Any
from urllib.parse import urlsplit

import django_filters
from django import forms
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.filters import DateRangePickerWidget, WagtailFilterSet
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import Panel
from wagtail.admin.ui.tables import Column
from wagtail.admin.views import generic
from wagtail.admin.widgets.button import Button
from wagtail.blocks.stream_block import StreamBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError
from wagtail.models import ReferenceIndex
from wagtail.snippets.views.chooser import ChooseResultsView, ChooseView

from wagtail_agenda import booking, permissions, removal, schedule, wording
from wagtail_agenda.blocks.actions import validate_placeholders
from wagtail_agenda.blocks.schedule import skipped_times
from wagtail_agenda.choices import AgendaKind, DelayUnit, Role
from wagtail_agenda.cleaning import web_address
from wagtail_agenda.correspondence import sender
from wagtail_agenda.errors import BookingError, EventIsBooked
from wagtail_agenda.models import Agenda, Desk, Event, MeetingType, Workflow
from wagtail_agenda.views.admin.scope import ScopedChooserViewSet

MOST_PLACES = 100_000
EARLIEST_YEAR, LATEST_YEAR = 1970, 2999
"""Years of an event, as the agenda view shows them; no zone can shift the ends of the calendar."""

LABEL_TEMPLATES = ["label_template", "user_display_label_template", "description_template"]
URL_TEMPLATES = ["backoffice_url_template", "form_url_template"]


# Agendas


def time_zone_choices() -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())]


class AgendaForm(WagtailAdminModelForm):
    """The form of an agenda, whatever its kind."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if field := self.fields.get("staff_addresses"):
            field.help_text = _(
                "One e-mail address a line. Not %(address)s, which the mails come from: "
                "Outlook shows no invitation that comes from its own reader."
            ) % {"address": sender().address}

    def clean_kind(self) -> str:
        kind = self.cleaned_data.get("kind")
        if self.instance.pk and kind != _live(self.instance).kind:
            contents = removal.contents_in_words(self.instance)
            if contents:
                raise ValidationError(
                    _(
                        "This agenda already has: %(contents)s. "
                        "Its kind cannot change any more; make another agenda instead."
                    ),
                    code="kind_in_use",
                    params={"contents": contents},
                )
        return kind

    def clean(self):
        cleaned = super().clean()
        if leaves_no_time(cleaned):
            message = _(
                "Visitors could never book: this is sooner than the minimum notice. "
                "Choose a longer time here, or a shorter notice."
            )
            error = ValidationError(message, code="horizon_before_notice")
            self.add_error("maximal_booking_delay", error)
        for field in [*LABEL_TEMPLATES, *URL_TEMPLATES]:
            try:
                validate_label_template(cleaned.get(field) or "")
                if field in URL_TEMPLATES:
                    validate_url_template(cleaned.get(field) or "")
            except ValidationError as error:
                self.add_error(field, error)
        return cleaned


def leaves_no_time(delays: Mapping[str, Any]) -> bool:
    """Whether the horizon of these booking delays always ends before their notice is over.

    Days count from midnight and hours from this moment, so between the two lies up to a day.
    """
    notice, notice_unit, horizon, horizon_unit = (
        delays.get(f"{end}_booking_delay{unit}")
        for end in ("minimal", "maximal")
        for unit in ("", "_unit")
    )
    if notice is None or horizon is None:
        return False
    hours = {DelayUnit.HOURS: 1, DelayUnit.DAYS: 24}
    slack = 0 if notice_unit == horizon_unit else 24
    return notice * hours.get(notice_unit, 1) > horizon * hours.get(horizon_unit, 1) + slack


def validate_label_template(template: str) -> None:
    from wagtail_agenda.correspondence import LABEL_PLACEHOLDERS

    validate_placeholders(template, LABEL_PLACEHOLDERS)


def validate_url_template(template: str) -> None:
    """Raises ValidationError unless it is empty or a fixed http(s) host, then anything."""
    if not template.strip():
        return
    filled = template.replace("{", "").replace("}", "")
    try:
        host = urlsplit(template.strip()).netloc
    except ValueError:
        host = "{"
    if not web_address(filled) or "{" in host:
        raise ValidationError(
            _(
                "Write a whole web address that begins with https:// and a fixed host, such as "
                "https://backoffice.example/bookings/{number}."
            ),
            code="invalid_address",
        )


def _live(agenda: Agenda) -> Agenda:
    """The row itself: a draft in hand may say something else."""
    return Agenda.objects.get(pk=agenda.pk)


class OffersPanel(Panel):
    """What an agenda offers, counted, with links there: these have screens of their own."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_agenda/admin/agenda_offers.html"

        def is_shown(self):
            return self.instance.pk is not None and super().is_shown()

        def get_context_data(self, parent_context=None):
            context = super().get_context_data(parent_context)
            context["offers"] = offers_of(self.instance)
            return context


def offers_of(agenda: Agenda) -> list[dict]:
    """For each sort of thing that an agenda of this kind offers: label, count and addresses."""
    sorts = (
        [(MeetingType, agenda.meeting_types), (Desk, agenda.desks)]
        if agenda.takes_appointments
        else [(Event, agenda.events)]
    )
    return [
        {
            "label": model._meta.verbose_name_plural,
            "add_label": gettext("Add %(name)s") % {"name": model._meta.verbose_name},
            "icon": ICONS[model],
            # Counted by whoever shows it: the buttons of a list do not.
            "count": rows.count,
            "list_url": f"{reverse(setup_url_name(model, 'index'))}?agenda={agenda.pk}",
            "add_url": f"{reverse(setup_url_name(model, 'add'))}?agenda={agenda.pk}",
        }
        for model, rows in sorts
    ]


ICONS = {Desk: "desktop", MeetingType: "time", Event: "date"}


def setup_url_name(model, view: str) -> str:
    return f"wagtail_agenda_{model._meta.model_name}:{view}"


def offer_buttons(agenda: Agenda) -> list[Button]:
    """Buttons that lead from an agenda to what it offers."""
    return [
        Button(
            str(offer["label"]).capitalize(),
            url=offer["list_url"],
            icon_name=offer["icon"],
            priority=50,
        )
        for offer in offers_of(agenda)
    ]


class KindAndUsageColumns:
    """Tells agendas apart in their chooser: what they take, and whether pages use them."""

    @property
    def columns(self):
        uses = times_used(self.results.object_list)
        kind = Column("kind", label=_("Kind"), accessor="get_kind_display")
        usage = Column("usage", label=_("Usage"), accessor=lambda row: usage_text(uses[row.pk]))
        title, *others = super().columns
        return [title, kind, usage, *others]


class AgendaChooseView(KindAndUsageColumns, ChooseView):
    pass


class AgendaChooseResultsView(KindAndUsageColumns, ChooseResultsView):
    pass


class AgendaChooserViewSet(ScopedChooserViewSet):
    choose_view_class = AgendaChooseView
    choose_results_view_class = AgendaChooseResultsView


def times_used(agendas: Iterable[Agenda]) -> Counter[int]:
    """By the key of each agenda, how many pages and snippets take bookings for it.

    One query. What this package keeps of an agenda itself, such as its desks, is no usage.
    """
    found = ReferenceIndex.objects.filter(
        to_content_type=ContentType.objects.get_for_model(Agenda),
        to_object_id__in=[str(agenda.pk) for agenda in agendas],
    ).exclude(base_content_type__app_label=Agenda._meta.app_label)
    users = set(found.values_list("to_object_id", "base_content_type", "object_id"))
    return Counter(int(agenda) for agenda, _kind, _user in users)


def usage_text(count: int) -> str:
    if not count:
        return gettext("Not used")
    return ngettext("Used %(count)d time", "Used %(count)d times", count) % {"count": count}


# Schedules


class ScheduleForm(WagtailAdminModelForm):
    def clean(self):
        cleaned = super().clean()
        errors = self._times_that_do_not_exist(cleaned.get("periods"))
        if errors:
            self.add_error("periods", StreamBlockValidationError(block_errors=errors))
        return cleaned

    def _times_that_do_not_exist(self, periods) -> dict[int, ValidationError]:
        """Errors of single dates at a time that an agenda using this schedule never has."""
        errors = {}
        zones = self._zones()
        for index, child in enumerate(periods or ()):
            if child.block_type != "one_off":
                continue
            period = child.block.period_of(child.value)
            for zone in zones:
                skipped = skipped_times(period, zone)
                if skipped:
                    errors[index] = StructBlockValidationError(
                        {field: _skipped_error(at, zone) for field, at in skipped.items()}
                    )
        return errors

    def _zones(self) -> list[zoneinfo.ZoneInfo]:
        if self.instance.pk is None:
            return []
        names = (
            Agenda.objects.filter(Q(schedule=self.instance) | Q(desks__schedule=self.instance))
            .order_by("timezone")
            .values_list("timezone", flat=True)
            .distinct()
        )
        known = zoneinfo.available_timezones()
        return [zoneinfo.ZoneInfo(name) for name in names if name in known]


def _year_error() -> ValidationError:
    return ValidationError(
        _("Choose a date between %(first)s and %(last)s."),
        code="no_such_year",
        params={"first": EARLIEST_YEAR, "last": LATEST_YEAR},
    )


def _skipped_error(at, zone: zoneinfo.ZoneInfo) -> ValidationError:
    return ValidationError(
        _("Clocks in %(zone)s skip %(time)s on this date. Choose another time."),
        code="no_such_time",
        params={"zone": zone.key, "time": at.strftime("%H:%M")},
    )


# Booking workflows


class WorkflowForm(WagtailAdminModelForm):
    def clean_slug(self) -> str:
        from wagtail_agenda.workflow import DEFAULT_WORKFLOW

        slug = self.cleaned_data.get("slug") or ""
        if self.instance.pk and self.initial.get("slug") == DEFAULT_WORKFLOW != slug:
            raise ValidationError(
                _("The built-in booking workflow keeps its slug, “%(slug)s”."),
                code="built_in",
                params={"slug": DEFAULT_WORKFLOW},
            )
        return slug

    def clean(self):
        cleaned = super().clean()
        errors = {}
        for index, child in enumerate(cleaned.get("transitions") or ()):
            status = child.value.get("status")
            if status is not None and status.workflow_id != self.instance.pk:
                message = _(
                    "This status belongs to the booking workflow “%(workflow)s”. "
                    "Choose one of this workflow's own."
                )
                params = {"workflow": status.workflow}
                error = ValidationError(message, code="foreign_status", params=params)
                errors[index] = StructBlockValidationError({"status": error})
        if errors:
            self.add_error("transitions", StreamBlockValidationError(block_errors=errors))
        return cleaned


class WorkflowStatusForm(WagtailAdminModelForm):
    """A status stays in the booking workflow it was made for, whose rules lead to it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        field = self.fields["workflow"]
        field.queryset = permissions.editable(self.for_user, Workflow.objects.all())
        if self.instance.pk:
            field.disabled = True
            field.help_text = _("Stays as it is. Make another one for another booking workflow.")


STATUS_ICONS = [
    ("calendar-check", _("Calendar sheet with a tick")),
    ("check", _("Tick")),
    ("circle-check", _("Tick in a circle")),
    ("cross", _("Cross")),
    ("history", _("Clock turning back")),
    ("info-circle", _("Letter i in a circle")),
    ("lock", _("Padlock")),
    ("mail", _("Envelope")),
    ("redirect", _("Arrow")),
    ("time", _("Clock")),
    ("user", _("Person")),
    ("warning", _("Exclamation mark")),
]
"""Icons of a status. All of them come with Wagtail."""


# What agendas offer: appointment types, desks, events


class OfferForm(WagtailAdminModelForm):
    """A row of one agenda, which it keeps for life: its bookings and slots are that agenda's."""

    kind: AgendaKind

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        field = self.fields["agenda"]
        if self.instance.pk:
            field.disabled = True
            field.help_text = _("Stays as it is. Make another one for another agenda.")
        self.agendas = permissions.agendas_for(self.for_user, Role.EDITOR).filter(kind=self.kind)
        field.queryset = self.agendas

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
        if self.instance.pk and self.instance.bookings.exists():
            self.fields["slug"].disabled = True
            self.fields["slug"].help_text = _(
                "Fixed, because there are bookings: other systems know its slots by this name."
            )

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
                self.add_error(field, _year_error())
                continue
            typed = timezone.make_naive(cleaned[field])
            if schedule.wall_time_exists(typed.date(), typed.time(), agenda.zone):
                cleaned[field] = typed.replace(tzinfo=agenda.zone)
            else:
                self.add_error(field, _skipped_error(typed, agenda.zone))

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


class SavesEvent:
    """Says at its field what speaks against saving an event."""

    def form_valid(self, form):
        try:
            # All or nothing: a label is not saved when the places cannot be.
            with transaction.atomic():
                return super().form_valid(form)
        except BookingError as error:
            field = "start" if isinstance(error, EventIsBooked) else "places"
            form.add_error(field, ValidationError(error.message, code=error.code))
            self.produced_error_message = self.get_error_message()
            return self.form_invalid(form)


class OfferIndexView(generic.IndexView):
    """Reads what its columns show in one query."""

    related = {Desk: ["agenda", "schedule"], MeetingType: ["agenda"], Event: ["agenda", "bookable"]}

    def get_base_queryset(self):
        return super().get_base_queryset().select_related(*self.related[self.model])


def start_in_words(event: Event) -> str:
    """When an event starts, as its visitors read it."""
    local = event.start.astimezone(event.agenda.zone)
    return f"{wording.day_text(local.date())}, {wording.time_text(local)}"


class OfferCreateView(generic.CreateView):
    """Starts with the agenda that one comes from."""

    def get_initial(self):
        initial = super().get_initial()
        agenda = self.request.GET.get("agenda", "")
        if agenda.isascii() and agenda.isdigit():
            initial["agenda"] = int(agenda)
        return initial


class EventCreateView(SavesEvent, OfferCreateView):
    pass


class EventEditView(SavesEvent, generic.EditView):
    pass


class EventCopyView(generic.CopyView):
    """Another date of the same: the places come along, the time is still to be chosen."""

    def get_initial(self):
        return {**super().get_initial(), "places": self.get_object().places}


def agendas_of_request(request):
    if request is None:
        return Agenda.objects.none()
    return permissions.visible(request.user, Agenda.objects.all())


class OfferFilterSet(WagtailFilterSet):
    """Filters by agenda, and names only those that the user may see."""

    agenda = django_filters.ModelChoiceFilter(queryset=agendas_of_request, label=_("Agenda"))


class DeskFilterSet(OfferFilterSet):
    class Meta:
        model = Desk
        fields = ["agenda", "retired"]


class MeetingTypeFilterSet(OfferFilterSet):
    class Meta:
        model = MeetingType
        fields = ["agenda", "retired"]


class DatesFilter(django_filters.DateFromToRangeFilter):
    """Takes the first and the last year there are for no bound: no zone can shift their ends."""

    def filter(self, rows, value):
        if not value:
            return rows
        first = value.start if value.start and value.start.year > MINYEAR else None
        last = value.stop if value.stop and value.stop.year < MAXYEAR else None
        return super().filter(rows, slice(first, last) if first or last else None)


class EventFilterSet(OfferFilterSet):
    start = DatesFilter(label=_("Starts"), widget=DateRangePickerWidget)

    class Meta:
        model = Event
        fields = ["agenda", "start"]
