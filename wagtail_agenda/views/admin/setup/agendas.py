"""The form of an agenda, and the way from it to what it offers."""

import re
import zoneinfo

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
from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.mail_settings import sender
from wagtail_agenda.models import Agenda, Desk, Event, MeetingType, Resource, unique_slug
from wagtail_agenda.setup_rules.agendas import agenda_errors, require_not_behind_another
from wagtail_agenda.setup_rules.offers import dropped_resources_error
from wagtail_agenda.views.admin.setup.asking import AskingForm, changing_zone, coming_bookings
from wagtail_agenda.views.admin.setup.kinds import KindForm
from wagtail_agenda.views.admin.setup.members import chosen_rows, drop_doubles, mark_unfit

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
        for field, error in agenda_errors(cleaned).items():
            self.add_error(field, error)
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
        if error := dropped_resources_error(self.instance, kept):
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
