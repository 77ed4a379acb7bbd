"""The form of an agenda, and the way from it to what it offers."""

import re
import zoneinfo
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import Panel
from wagtail.admin.widgets.button import Button

from wagtail_agenda import removal
from wagtail_agenda.blocks.actions import validate_placeholders
from wagtail_agenda.choices import About, AgendaKind, Audience
from wagtail_agenda.cleaning import web_address
from wagtail_agenda.correspondence import names_for
from wagtail_agenda.mail_settings import sender
from wagtail_agenda.models import Agenda, Desk, Event, MeetingType, Resource, unique_slug
from wagtail_agenda.views.admin.setup.asking import AskingForm, changing_zone, coming_bookings
from wagtail_agenda.views.admin.setup.delays import horizon_error
from wagtail_agenda.views.admin.setup.kinds import KindForm
from wagtail_agenda.views.admin.setup.members import chosen_rows, drop_doubles, mark_unfit

LABEL_TEMPLATES = ["label_template", "user_display_label_template", "description_template"]
URL_TEMPLATES = ["backoffice_url_template", "form_url_template"]

FALLBACK_SLUG = "agenda"
"""What `Agenda.save` calls an agenda that has no label to be called after."""


def time_zone_choices() -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())]


class AgendaForm(KindForm, AskingForm):
    """The form of an agenda, whatever its kind.

    A draft of a published agenda changes nothing yet, so what concerns others is asked and refused
    when it is published; an agenda that is not published has no such second copy.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.on_record = _live(self.instance) if self.instance.pk else None
        if field := self.fields.get("staff_addresses"):
            field.help_text = _(
                "One e-mail address a line. Not %(address)s, which the mails come from: "
                "Outlook shows no invitation that comes from its own reader."
            ) % {"address": sender().address}
        if field := self.fields.get("resources"):
            chosen = [row.pk for row in self.instance.resources.all()]
            field.queryset = Resource.objects.filter(Q(retired=False) | Q(pk__in=chosen))
            if not field.queryset.exists():
                del self.fields["resources"]

    @property
    def takes_effect(self) -> bool:
        """Whether saving changes the agenda that bookings are made in."""
        return not self.is_deferred_validation or not (self.on_record and self.on_record.live)

    def clean_kind(self) -> str:
        kind = self.cleaned_data.get("kind")
        if self.on_record and kind != self.on_record.kind:
            contents = removal.contents_in_words(self.on_record)
            if contents:
                raise ValidationError(
                    _(
                        "This agenda already has: %(contents)s. "
                        "Its kind cannot change any more; make another agenda instead."
                    ),
                    code="kind_in_use",
                    params={"contents": contents},
                )
            require_not_behind_another(self.on_record)
        return kind

    def clean_slug(self) -> str:
        """While nobody can know the slug, one that was made from the label follows the label."""
        slug, label = self.cleaned_data.get("slug") or "", self.cleaned_data.get("label") or ""
        made_from = slugify(self.initial.get("label") or "")[:80] or FALLBACK_SLUG
        was_made = re.fullmatch(rf"{re.escape(made_from)}(-\d+)?", slug)
        unseen = self.instance.pk and self.instance.first_published_at is None
        if unseen and was_made and slug == self.initial.get("slug") and label:
            if label != self.initial.get("label"):
                renamed = Agenda(pk=self.instance.pk, label=label)
                return unique_slug(renamed, Agenda.objects.all(), fallback=FALLBACK_SLUG)
        return slug

    def clean(self):
        cleaned = super().clean()
        if error := horizon_error(cleaned):
            self.add_error("maximal_booking_delay", error)
        for field, error in rule_errors(cleaned).items():
            self.add_error(field, error)
        for field in [*LABEL_TEMPLATES, *URL_TEMPLATES]:
            try:
                validate_label_template(cleaned.get(field) or "")
                if field in URL_TEMPLATES:
                    validate_url_template(cleaned.get(field) or "")
            except ValidationError as error:
                self.add_error(field, error)
        for field, about in (
            ("workflow", About.BOOKINGS),
            ("meeting_workflow", About.MEETINGS),
        ):
            chosen = cleaned.get(field)
            if chosen is not None and chosen.about != about:
                message = _("“%(workflow)s” is about something else. Choose one about: %(about)s.")
                params = {"workflow": chosen, "about": about.label}
                self.add_error(field, ValidationError(message, code="about_else", params=params))
        self._check_members(cleaned)
        self._check_resources(cleaned)
        self._check_time_zone(cleaned)
        return cleaned

    def _check_members(self, cleaned) -> None:
        formset, zone = self.formsets.get("members"), cleaned.get("timezone") or ""
        is_virtual = cleaned.get("kind") == AgendaKind.VIRTUAL
        if formset is not None:
            mark_unfit(formset, self.instance, zone)
            members = [member for _row, member in chosen_rows(formset)]
        else:
            members = [row.agenda for row in self.instance.members.all()]
            if is_virtual and zone and any(member.timezone != zone for member in members):
                message = _("The agendas behind it are in another time zone.")
                self.add_error("timezone", ValidationError(message, code="other_zone"))
        if members and not is_virtual and "kind" in cleaned:
            message = _(
                "Only “%(kind)s” has agendas behind it. Choose that kind, or remove them below."
            )
            params = {"kind": AgendaKind.VIRTUAL.label}
            self.add_error("kind", ValidationError(message, code="members", params=params))
        elif is_virtual and not members and not self.is_deferred_validation:
            message = (
                _("It cannot be published before there is an agenda behind it. Choose one below.")
                if formset is not None
                else _(
                    "It cannot be published before there is an agenda behind it. Save it as a "
                    "draft, and choose them on the page that follows."
                )
            )
            self.add_error("kind", ValidationError(message, code="no_members"))

    def _check_resources(self, cleaned) -> None:
        if not self.on_record or not self.takes_effect or "resources" not in cleaned:
            return
        kept = [resource.pk for resource in cleaned["resources"]]
        missing = (
            Resource.objects.filter(meeting_types__agenda=self.instance.pk)
            .exclude(pk__in=kept)
            .distinct()
        )
        if missing:
            names = ", ".join(str(resource) for resource in missing)
            message = _(
                "Appointment types of this agenda need these: %(names)s. Take them away there "
                "first."
            )
            error = ValidationError(message, code="resource_in_use", params={"names": names})
            self.add_error("resources", error)

    def _check_time_zone(self, cleaned) -> None:
        zone = cleaned.get("timezone")
        if not (zone and self.on_record and self.takes_effect and zone != self.on_record.timezone):
            return
        try:
            require_not_behind_another(self.on_record)
        except ValidationError as error:
            self.add_error("timezone", error)
            return
        bookings = coming_bookings(timezone.now(), agenda=self.on_record)
        if question := changing_zone(bookings, zone, self.for_user):
            self.ask(question)

    def save(self, commit=True):
        self.forget_what_does_not_fit(self.cleaned_data["kind"])
        agenda = super().save(commit=False)
        drop_doubles(agenda)
        if commit:
            agenda.save()
            self.save_m2m()
        return agenda


def require_not_behind_another(agenda: Agenda) -> None:
    """Raises ValidationError if virtual agendas rely on the agenda as it is."""
    relying = [row.virtual_agenda for row in agenda.virtual_memberships.all()]
    if relying:
        raise ValidationError(
            _(
                "This agenda stands behind %(agendas)s, which needs its kind and its time zone. "
                "Remove it there first."
            ),
            code="behind_another",
            params={"agendas": removal.listed(relying)},
        )


def rule_errors(rules: Mapping[str, Any]) -> dict[str, ValidationError]:
    """By field, what contradicts another rule for bookings."""
    errors = {}
    a_day, a_week = rules.get("bookings_per_day"), rules.get("bookings_per_week")
    if a_day and a_week and a_day > a_week:
        errors["bookings_per_day"] = ValidationError(
            _("This is more than a whole week allows. Choose fewer, or more for the week."),
            code="more_than_a_week",
        )
    if rules.get("several_events") and rules.get("bookings_per_person") == 1:
        errors["bookings_per_person"] = ValidationError(
            _(
                "Several events at once are several bookings, so nobody could book two. "
                "Choose at least 2, or do not tick “several events at once”."
            ),
            code="too_few_for_several",
        )
    return errors


def validate_label_template(template: str) -> None:
    validate_placeholders(template, names_for(*Audience))


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
            has_offers = self.instance.pk is not None and not self.instance.is_virtual
            return has_offers and super().is_shown()

        def get_context_data(self, parent_context=None):
            context = super().get_context_data(parent_context)
            context["offers"] = offers_of(self.instance)
            return context


def offers_of(agenda: Agenda) -> list[dict]:
    """For each sort of thing that an agenda of this kind offers: label, count and addresses."""
    sorts = {
        AgendaKind.MEETINGS: [(MeetingType, agenda.meeting_types), (Desk, agenda.desks)],
        AgendaKind.EVENTS: [(Event, agenda.events)],
    }.get(agenda.kind, [])
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


ICONS = {Desk: "desktop", MeetingType: "time", Event: "date", Resource: "key"}


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
