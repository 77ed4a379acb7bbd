"""The form of an agenda, and the way from it to what it offers."""

import re
import zoneinfo
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import Panel
from wagtail.admin.widgets.button import Button

from wagtail_agenda import removal
from wagtail_agenda.blocks.actions import validate_placeholders
from wagtail_agenda.choices import Audience, DelayUnit
from wagtail_agenda.cleaning import web_address
from wagtail_agenda.correspondence import names_for, sender
from wagtail_agenda.models import Agenda, Desk, Event, MeetingType, unique_slug

LABEL_TEMPLATES = ["label_template", "user_display_label_template", "description_template"]
URL_TEMPLATES = ["backoffice_url_template", "form_url_template"]

FALLBACK_SLUG = "agenda"
"""What `Agenda.save` calls an agenda that has no label to be called after."""


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
        for field in [*LABEL_TEMPLATES, *URL_TEMPLATES]:
            try:
                validate_label_template(cleaned.get(field) or "")
                if field in URL_TEMPLATES:
                    validate_url_template(cleaned.get(field) or "")
            except ValidationError as error:
                self.add_error(field, error)
        return cleaned


def horizon_error(delays: Mapping[str, Any]) -> ValidationError | None:
    """What to say at the horizon if nothing could ever be booked with these delays."""
    if not leaves_no_time(delays):
        return None
    return ValidationError(
        _(
            "Visitors could never book: this is sooner than the minimum notice. "
            "Choose a longer time here, or a shorter notice."
        ),
        code="horizon_before_notice",
    )


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
