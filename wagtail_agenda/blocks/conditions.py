"""What a rule of a booking workflow can ask of a booking, in fields that need no programming."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.blocks.struct_block import StructBlockValidationError
from wagtail.snippets.blocks import SnippetChooserBlock

from wagtail_agenda.choices import About, Admission
from wagtail_agenda.models import MOST_PLACES, MeetingType
from wagtail_agenda.workflow.conditions import (
    AT_LEAST,
    AT_MOST,
    COMPARISONS,
    CONTAINS,
    EMPTY,
    FILLED,
    IS,
    IS_NOT,
)

WORDS = {
    IS: _("is"),
    IS_NOT: _("is not"),
    CONTAINS: _("contains"),
    AT_LEAST: _("is at least"),
    AT_MOST: _("is at most"),
    FILLED: _("is filled in"),
    EMPTY: _("is empty"),
}
"""How each comparison is said."""


def languages() -> list[tuple[str, str]]:
    """The languages that a booking can be made in, as ``(code, name)`` pairs."""
    return list(getattr(settings, "WAGTAIL_CONTENT_LANGUAGES", None) or settings.LANGUAGES)


def meeting_types() -> list[tuple[str, str]]:
    """The appointment types of every agenda, as ``(key, name)`` pairs."""
    found = MeetingType.objects.select_related("agenda").order_by("agenda__label", "label", "pk")
    return [(str(one.pk), f"{one.agenda} – {one}") for one in found]


def identifier_block(help_text, **options) -> blocks.CharBlock:
    """The name by which rules, calls and kept answers know each other."""
    return blocks.CharBlock(
        max_length=100,
        validators=[validate_slug],
        label=_("Identifier"),
        help_text=help_text,
        **options,
    )


MOST_HOURS = 5 * 366 * 24


class _Forgiving:
    """A list that is missing from a form is as it begins, where Wagtail's own fails over it."""

    def value_from_datadict(self, data, files, prefix):
        if self.value_omitted_from_data(data, files, prefix):
            return self.get_default()
        return super().value_from_datadict(data, files, prefix)


class ForgivingListBlock(_Forgiving, blocks.ListBlock):
    pass


def _comparison(about: str) -> blocks.ChoiceBlock:
    ways = COMPARISONS[about]
    return blocks.ChoiceBlock(
        choices=[(way, WORDS[way]) for way in ways], default=ways[0], label=_("Comparison")
    )


class AgendaChooserBlock(SnippetChooserBlock):
    """Takes what cannot be a key for nothing, where Wagtail's own fails over a forged form."""

    def value_from_form(self, value):
        try:
            return super().value_from_form(value)
        except (TypeError, ValueError, OverflowError):
            return None


class AgendaConditionBlock(blocks.StructBlock):
    """The agenda that was booked, or the virtual agenda in which it was chosen."""

    comparison = _comparison("agenda")
    agenda = AgendaChooserBlock("wagtail_agenda.Agenda", label=_("Agenda"))

    class Meta:
        icon = "calendar"
        label = _("The agenda")
        label_format = "{comparison} {agenda}"


class MeetingTypeConditionBlock(blocks.StructBlock):
    """The appointment type."""

    comparison = _comparison("meeting_type")
    meeting_type = blocks.ChoiceBlock(choices=meeting_types, label=_("Appointment type"))

    class Meta:
        icon = "list-ul"
        label = _("The appointment type")
        label_format = "{comparison} {meeting_type}"


class _TextConditionBlock(blocks.StructBlock):
    """With a text to compare with, unless it is asked whether there is any."""

    def __init__(self, local_blocks=(), **kwargs):
        text = blocks.CharBlock(
            required=False,
            max_length=255,
            label=_("Text, number or date"),
            help_text=_(
                "Capitals do not matter. “Yes” or “No” for a box to tick, a date as 2027-03-31. "
                "Of an answer with several parts, one is enough."
            ),
        )
        super().__init__([*local_blocks, ("text", text)], **kwargs)

    def clean(self, value):
        cleaned = super().clean(value)
        asks_for_text = cleaned.get("comparison") not in (FILLED, EMPTY)
        if asks_for_text and not (cleaned.get("text") or "").strip():
            error = ValidationError(_("Say what to compare with."), code="required")
            raise StructBlockValidationError({"text": error})
        return cleaned


class EventConditionBlock(_TextConditionBlock):
    """The event, by its label: so it counts for all events of a series."""

    comparison = _comparison("event")

    class Meta:
        icon = "date"
        label = _("The event")
        label_format = "{comparison} {text}"


class AnswerConditionBlock(_TextConditionBlock):
    """The answer to a question of the form."""

    question = blocks.CharBlock(
        max_length=255,
        label=_("Question"),
        help_text=_(
            "The name of the question, as in the placeholder for its answer, without “answer_”: "
            "“your_subject” for “Your subject”."
        ),
    )
    comparison = _comparison("answer")

    class Meta:
        icon = "form"
        label = _("The answer to a question")
        label_format = "{question} {comparison} {text}"


class WaitingListConditionBlock(blocks.StructBlock):
    """Whether the booking has its place, waits, or is to be approved."""

    comparison = _comparison("waiting_list")
    admission = blocks.ChoiceBlock(choices=Admission.choices, label=_("Admission"))

    class Meta:
        icon = "list-ol"
        label = _("Waiting list and admission")
        label_format = "{comparison} {admission}"


class PlacesConditionBlock(blocks.StructBlock):
    """How many places are booked."""

    comparison = _comparison("places")
    number = blocks.IntegerBlock(min_value=1, max_value=MOST_PLACES, label=_("Places"))

    class Meta:
        icon = "group"
        label = _("Number of places")
        label_format = "{comparison} {number}"


class HoursConditionBlock(blocks.StructBlock):
    """How long it still is until it starts; less than 0 once it has begun."""

    comparison = _comparison("hours_until_start")
    number = blocks.IntegerBlock(
        min_value=-MOST_HOURS, max_value=MOST_HOURS, label=_("Hours until the start")
    )

    class Meta:
        icon = "time"
        label = _("Hours until the start")
        label_format = "{comparison} {number}"


class LanguageConditionBlock(blocks.StructBlock):
    """The language in which it was booked."""

    comparison = _comparison("language")
    language = blocks.ChoiceBlock(choices=languages, label=_("Language"))

    class Meta:
        icon = "globe"
        label = _("The language")
        label_format = "{comparison} {language}"


class KeptAnswerConditionBlock(_TextConditionBlock):
    """A field of what a web service has answered, which an action has kept under an identifier."""

    identifier = identifier_block(_("Under which the action keeps the answer."))
    field = blocks.CharBlock(
        max_length=255,
        label=_("Field"),
        help_text=_("Its name in the answer. A field inside a field: “person.name”."),
    )
    comparison = _comparison("kept_answer")

    class Meta:
        icon = "link-external"
        label = _("The answer of a web service")
        label_format = "{identifier} {field} {comparison} {text}"


_OF_MEETINGS = ("agenda", "hours_until_start", "kept_answer")


class ConditionsBlock(_Forgiving, blocks.StreamBlock):
    """What must be so for a rule to apply: all of it. Without conditions it always applies."""

    agenda = AgendaConditionBlock()
    meeting_type = MeetingTypeConditionBlock()
    event = EventConditionBlock()
    answer = AnswerConditionBlock()
    waiting_list = WaitingListConditionBlock()
    places = PlacesConditionBlock()
    hours_until_start = HoursConditionBlock()
    language = LanguageConditionBlock()
    kept_answer = KeptAnswerConditionBlock()

    def __init__(self, local_blocks=(), about=None, **kwargs):
        super().__init__(local_blocks, **kwargs)
        if about == About.MEETINGS:
            for name in [name for name in self.child_blocks if name not in _OF_MEETINGS]:
                del self.child_blocks[name]

    class Meta:
        icon = "check"
        label = _("Only if")
