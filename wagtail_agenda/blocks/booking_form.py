"""The block that editors drop into a page to take bookings.

It renders from its value alone: without a request, nested, in a snippet, on an alias, and from a
page cache. So nothing in its output depends on who looks at it, and what it asks is signed into
the output (see `form_definition`).
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.core.exceptions import ValidationError
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.blocks.struct_block import StructBlockValidationError
from wagtail.snippets.blocks import SnippetChooserBlock

from wagtail_agenda import form_definition, wording
from wagtail_agenda.blocks.fields import FormFieldsBlock, StableDeconstruction, fields_asked
from wagtail_agenda.form_definition import Definition

logger = logging.getLogger(__name__)

NEXT_TIMES = 6
"""How many of the next free times, or of the coming events, a block shows."""


@dataclass(frozen=True)
class Day:
    """A day, or another span with a name, and the slots to choose from in it."""

    label: str
    slots: Sequence[Any]


def by_day(slots: Sequence[Any]) -> list[Day]:
    """Slots in order of time, grouped by their local day."""
    return [
        Day(wording.day_text(day), list(of_day))
        for day, of_day in groupby(slots, key=lambda slot: slot.start.date())
    ]


def meeting_type_choices() -> list:
    """Every appointment type on offer, grouped by its agenda.

    Agendas of the same name are told apart by their slugs.
    """
    from wagtail_agenda.models import MeetingType

    types = (
        MeetingType.objects.filter(retired=False)
        .select_related("agenda")
        .order_by("agenda__label", "agenda_id", "sort_order", "pk")
    )
    groups = [
        (agenda, [(str(item.pk), item.label) for item in of_agenda])
        for agenda, of_agenda in groupby(types, key=lambda item: item.agenda)
    ]
    named = Counter(agenda.label for agenda, _choices in groups)
    return [
        (agenda.label if named[agenda.label] == 1 else f"{agenda.label} ({agenda.slug})", choices)
        for agenda, choices in groups
    ]


def chosen_meeting_type_id(value: Mapping[str, Any]) -> int | None:
    """The appointment type that the editor fixed, or None for a free choice."""
    chosen = value.get("meeting_type")
    return int(chosen) if chosen and str(chosen).isdecimal() else None


def types_on_offer(agenda: Any, fixed_id: int | None) -> list[Any]:
    """The appointment types of an agenda that a form with this fixed type lets choose from."""
    from wagtail_agenda import availability
    from wagtail_agenda.models import MeetingType

    types = availability.meeting_types_on_offer(agenda)
    if not fixed_id:
        return types
    if not agenda.is_virtual:
        return [item for item in types if item.pk == fixed_id]
    # Behind a virtual agenda, one type has a row in each of the real ones.
    slugs = set(MeetingType.objects.filter(pk=fixed_id).values_list("slug", flat=True))
    return [item for item in types if item.slug in slugs]


def definition_of(value: Mapping[str, Any], *, language: str, preview: bool = False) -> Definition:
    """The form definition of a `BookingFormBlock` value that has an agenda."""
    confirmation = value.get("confirmation_text")
    texts = {
        "heading": (value.get("heading") or "").strip(),
        "confirmation": confirmation.source if confirmation else "",
        "fully_booked": (value.get("fully_booked_text") or "").strip(),
    }
    return Definition(
        agenda_id=value["agenda"].pk,
        meeting_type_id=chosen_meeting_type_id(value),
        fields=fields_asked(value.get("fields")),
        texts={name: text for name, text in texts.items() if text},
        language=language,
        preview=preview,
    )


class BookingFormBlock(StableDeconstruction, blocks.StructBlock):
    """Takes bookings for one agenda, with the questions that the editor wants answered."""

    agenda = SnippetChooserBlock(
        "wagtail_agenda.Agenda",
        label=_("Agenda"),
        help_text=_("What visitors can book here: its free times, or its coming dates, are shown."),
    )
    meeting_type = blocks.ChoiceBlock(
        choices=meeting_type_choices,
        required=False,
        label=_("Appointment type"),
        help_text=_(
            "Only times of this type are shown. Left empty, visitors choose from all types of the "
            "agenda first."
        ),
    )
    heading = blocks.CharBlock(
        label=_("Heading"),
        required=False,
        max_length=255,
        help_text=_("Stands above the times, and above each step that follows."),
    )
    introduction = blocks.RichTextBlock(
        label=_("Introduction"),
        required=False,
        features=["bold", "italic", "link", "ul", "ol"],
        help_text=_("Read before choosing a time: what it is for, what to bring."),
    )
    fields = FormFieldsBlock(
        label=_("Form fields"),
        required=False,
        help_text=_("Name and e-mail address are always asked. Add what else you need to know."),
    )
    confirmation_text = blocks.RichTextBlock(
        label=_("Text once booked"),
        required=False,
        features=["bold", "italic", "link", "ul", "ol"],
        max_length=5000,
        help_text=_("Shown under the confirmation. The invitation is mentioned anyway."),
    )
    fully_booked_text = blocks.TextBlock(
        label=_("Text when nothing is free"),
        required=False,
        max_length=1000,
        rows=2,
        help_text=_(
            "Stands in the place of the times. Left empty, visitors are asked to come back later."
        ),
    )

    class Meta:
        icon = "calendar-check"
        label = _("Booking form")
        description = _("Lets visitors book an appointment or a place at an event.")
        template = "wagtail_agenda/blocks/booking_form.html"
        preview_template = "wagtail_agenda/blocks/booking_form_preview.html"

    def clean(self, value):
        cleaned = super().clean(value)
        errors = {}
        agenda, meeting_type_id = cleaned.get("agenda"), chosen_meeting_type_id(cleaned)
        if agenda and meeting_type_id:
            if not _gives(agenda, meeting_type_id):
                errors["meeting_type"] = ValidationError(
                    _("“%(agenda)s” does not give this appointment. Choose one of its own types."),
                    code="other_agenda",
                    params={"agenda": agenda},
                )
        if agenda and not form_definition.fits(
            definition_of(cleaned, language=get_language() or ""), timezone.now()
        ):
            errors["fields"] = ValidationError(
                _("This form is too long. Shorten its texts or leave some fields out."),
                code="too_long",
            )
        if errors:
            raise StructBlockValidationError(errors)
        return cleaned

    def get_context(self, value, parent_context=None):
        context = super().get_context(value, parent_context=parent_context)
        preview = bool(getattr(context.get("request"), "is_preview", False))
        context["booking_form"] = offer(value, preview=preview, now=timezone.now())
        return context

    def get_preview_value(self):
        if hasattr(self.meta, "preview_value"):
            return super().get_preview_value()
        return self.normalize(
            {
                "heading": gettext("Book an appointment"),
                "introduction": gettext("Choose a time that suits you. It takes two minutes."),
            }
        )

    def get_preview_context(self, value, parent_context=None):
        """Real times of the agenda that a project's `preview_value` names, else made-up ones."""
        context = super().get_preview_context(value, parent_context)
        now = timezone.now()
        shown = offer(value, preview=True, now=now) if value.get("agenda") else sample_offer(now)
        return {**context, "self": value, "value": value, "booking_form": shown}


def _gives(agenda: Any, meeting_type_id: int) -> bool:
    """Whether an appointment type is an agenda's own, or of one of those behind a virtual one."""
    from wagtail_agenda.models import MeetingType

    named = MeetingType.objects.filter(pk=meeting_type_id)
    if agenda.is_virtual:
        return named.filter(agenda__virtual_memberships__virtual_agenda=agenda).exists()
    return named.filter(agenda=agenda).exists()


def offer(value: Mapping[str, Any], *, preview: bool, now: datetime) -> dict[str, Any]:
    """What the block shows, for its template: `kind` says which of its faces.

    "nothing" (no agenda, or it was deleted), "closed", "types" (choose an appointment type
    first), "times", "events" or "full".
    """
    from wagtail_agenda import availability

    language = get_language() or ""
    agenda = value.get("agenda")
    shown = {"kind": "nothing", "preview": preview, "agenda": agenda, "language": language}
    if agenda is None:
        return shown
    try:
        shown["choose_url"] = reverse("wagtail_agenda:choose")
    except NoReverseMatch:
        logger.error('A booking form cannot be shown: include "wagtail_agenda.urls" in the URLs.')
        return {**shown, "kind": "closed"}
    if not availability.is_open(agenda, now):
        return {**shown, "kind": "closed", "unpublished": not agenda.live}
    definition = definition_of(value, language=language, preview=preview)
    shown["definition"] = form_definition.sign(definition, now)
    if len(shown["definition"]) > form_definition.LONGEST_SIGNED:
        logger.error("The booking form of agenda %s is too long to be shown.", agenda.pk)
        return {**shown, "kind": "closed"}
    meeting_type = None
    if agenda.takes_appointments:
        types = types_on_offer(agenda, definition.meeting_type_id)
        if not types:
            return {**shown, "kind": "closed"}
        if len(types) > 1:
            return {**shown, "kind": "types", "types": types}
        meeting_type = types[0]
    slots = availability.next_free(agenda, meeting_type, now=now, limit=NEXT_TIMES)
    if not slots:
        return {**shown, "kind": "full"}
    return {
        **shown,
        "kind": "times" if agenda.takes_appointments else "events",
        "meeting_type": meeting_type,
        "days": by_day(slots),
        "zone": agenda.timezone,
    }


@dataclass(frozen=True)
class SampleSlot:
    """A slot for the picture that the block chooser shows; nothing can be booked with it."""

    start: datetime
    end: datetime
    key: str = ""
    full: bool = False


def sample_offer(now: datetime) -> dict[str, Any]:
    """An offer with made-up times, so that the block has a picture before there is an agenda."""
    zone = timezone.get_default_timezone()
    today = now.astimezone(zone).date()
    monday = today + timedelta(days=7 - today.weekday())
    starts = [
        datetime(monday.year, monday.month, monday.day, hour, minute, tzinfo=zone)
        + timedelta(days=days)
        for days in (0, 1)
        for hour, minute in ((9, 0), (9, 30), (14, 0))
    ]
    slots = [SampleSlot(start, start + timedelta(minutes=30)) for start in starts]
    return {
        "kind": "times",
        "sample": True,
        "preview": True,
        "language": get_language() or "",
        "days": by_day(slots),
        "zone": str(zone),
        "choose_url": "",
        "definition": "",
    }
