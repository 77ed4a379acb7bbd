"""What happens when a booking reaches a status: the actions of a booking workflow."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.blocks.list_block import ListBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError

from wagtail_agenda.blocks.ics_action import GenerateIcsBlock
from wagtail_agenda.blocks.texts import validate_placeholders
from wagtail_agenda.choices import Audience

RICH_TEXT_FEATURES = ["h3", "bold", "italic", "link", "ol", "ul"]


def languages() -> list[tuple[str, str]]:
    """The languages that a booking can be made in, as ``(code, name)`` pairs."""
    return list(getattr(settings, "WAGTAIL_CONTENT_LANGUAGES", None) or settings.LANGUAGES)


class TextBlock(blocks.StructBlock):
    """The wording of a mail in one language. Empty parts keep the built-in wording."""

    language = blocks.ChoiceBlock(
        choices=languages,
        required=False,
        label=_("Language"),
        help_text=_("Leave empty for every language that has no text of its own here."),
    )
    subject = blocks.CharBlock(
        required=False,
        max_length=255,
        validators=[validate_placeholders],
        label=_("Subject"),
        help_text=_("May contain names in braces, such as {user_name} or {date}."),
    )
    text = blocks.TextBlock(
        required=False,
        rows=8,
        validators=[validate_placeholders],
        label=_("Text"),
        help_text=_("As plain text; every mail has it, whatever else it contains."),
    )
    html = blocks.RichTextBlock(
        required=False,
        features=RICH_TEXT_FEATURES,
        validators=[validate_placeholders],
        label=_("Formatted text"),
        help_text=_("Leave empty to have it made from the plain text."),
    )

    class Meta:
        icon = "doc-full"
        label = _("Text")
        label_format = "{language} {subject}"


class SendEmailBlock(blocks.StructBlock):
    """A mail to the visitor or to the agenda's staff, with their calendar entry if wanted."""

    to = blocks.ChoiceBlock(
        choices=Audience.choices,
        default=Audience.VISITOR.value,
        label=_("Who gets it"),
        help_text=_("The visitor, or the colleagues whose addresses stand in the agenda."),
    )
    with_invitation = blocks.BooleanBlock(
        required=False,
        default=True,
        label=_("With a calendar entry"),
        help_text=_(
            "For those who have a place. A later mail of the same booking updates it, or takes it "
            "back from those who lose their place."
        ),
    )
    texts = blocks.ListBlock(
        TextBlock(),
        default=[],
        required=False,
        label=_("Texts"),
        help_text=_("One per language. Without any, the built-in wording is sent."),
    )

    class Meta:
        icon = "mail"
        label = _("Send an e-mail")
        label_format = "{to}"

    def clean(self, value):
        cleaned = super().clean(value)
        errors = {}
        seen = set()
        for index, text in enumerate(cleaned.get("texts") or ()):
            language = text.get("language") or ""
            if language in seen:
                message = _("There is a text for this language already.")
                error = ValidationError(message, code="repeated_language")
                errors[index] = StructBlockValidationError({"language": error})
            seen.add(language)
            not_for_reader = _not_for(cleaned.get("to") or Audience.VISITOR.value, text)
            if not_for_reader and index not in errors:
                errors[index] = StructBlockValidationError(not_for_reader)
        if errors:
            raise StructBlockValidationError({"texts": ListBlockValidationError(errors)})
        return cleaned


def _not_for(audience: str, text: Mapping[str, Any]) -> dict[str, ValidationError]:
    """The parts of a text that name what this audience must not be told, each with why not."""
    from wagtail_agenda.correspondence import names_for

    wrong = {}
    for part in ("subject", "text", "html"):
        try:
            validate_placeholders(str(text.get(part) or ""), names_for(audience))
        except ValidationError as error:
            wrong[part] = error
    return wrong


class ActionsBlock(blocks.StreamBlock):
    """What happens, in this order, whenever a booking reaches a status.

    Beside what is here, the actions that a project has registered (`workflow.register_action`).
    """

    send_email = SendEmailBlock()
    generate_ics = GenerateIcsBlock()

    def __init__(self, local_blocks=(), **kwargs):
        # Imported late: it reaches the models, which name this block.
        from wagtail_agenda.workflow import action_blocks

        super().__init__([*local_blocks, *action_blocks()], **kwargs)
