"""What happens when a booking reaches a status: the actions of a booking workflow."""

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.blocks.list_block import ListBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError

from wagtail_agenda.blocks.booking_actions import (
    AcceptFromWaitingListBlock,
    AddNoteBlock,
    CancelBookingBlock,
    CancelMeetingBlock,
    ChangeStatusBlock,
    SetAttendanceBlock,
)
from wagtail_agenda.blocks.call_action import CallBlock
from wagtail_agenda.blocks.documents import document_block
from wagtail_agenda.blocks.ics_action import GenerateIcsBlock
from wagtail_agenda.blocks.texts import names_for, secret_names, validate_placeholders
from wagtail_agenda.choices import MAILS_OF, PASSED_ON_TO, About, Audience, MailTo
from wagtail_agenda.cleaning import MOST_ATTACHED
from wagtail_agenda.validators import validate_addresses, validate_identifier

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


def _whom(about: str | None) -> blocks.ChoiceBlock:
    """Who can get a mail, of a booking, of a meeting, or of either."""
    choices = MailTo if about is None else MAILS_OF[About(about)]
    said = {
        About.MEETINGS: _(
            "Everybody who is invited; the organiser; the colleagues whose addresses stand in the "
            "agenda; or the addresses that you write below. Each gets a message of their own."
        ),
        About.BOOKINGS: _(
            "The visitor; the colleagues whose addresses stand in the agenda; the addresses that "
            "you write below; an address that the visitor typed into the form; or those that "
            "another system gave beside the visitor’s. Each gets a message of their own."
        ),
    }
    return blocks.ChoiceBlock(
        choices=[(one.value, one.label) for one in choices],
        default=(MailTo.PARTICIPANTS.value if about == About.MEETINGS else Audience.VISITOR.value),
        label=_("Who gets it"),
        help_text=said[About.MEETINGS if about == About.MEETINGS else About.BOOKINGS],
    )


class SendEmailBlock(blocks.StructBlock):
    """A mail to the visitor, to colleagues or to others, with what is to go with it."""

    to = _whom(None)
    addresses = blocks.TextBlock(
        required=False,
        rows=2,
        max_length=5000,
        validators=[validate_addresses],
        label=_("Fixed addresses"),
        help_text=_("For “Fixed addresses” only: one e-mail address a line."),
    )
    answer = blocks.CharBlock(
        required=False,
        max_length=100,
        label=_("Question with the address"),
        help_text=_(
            "For “An e-mail address among the answers” only: the “name for other systems” of the "
            "question, such as second_parent. Whoever leaves it empty causes no mail. The "
            "visitor’s own link is left out of such a mail."
        ),
    )
    with_invitation = blocks.BooleanBlock(
        required=False,
        default=True,
        label=_("With a calendar entry"),
        help_text=_(
            "For those who have a place. A later mail of the same booking updates it, or takes it "
            "back from those who lose their place. Of a meeting, only those then get a mail whose "
            "entry is new, has changed or is taken back."
        ),
    )
    texts = blocks.ListBlock(
        TextBlock(),
        default=[],
        required=False,
        label=_("Texts"),
        help_text=_("One per language. Without any, the built-in wording is sent."),
    )
    files = blocks.ListBlock(
        blocks.CharBlock(
            max_length=64,
            validators=[validate_identifier],
            label=_("Identifier"),
            help_text=_(
                "As it stands in the action that made it, in this status or an earlier one."
            ),
        ),
        default=[],
        required=False,
        label=_("Files of the booking to attach"),
        help_text=_("What other actions have made or fetched. What is not there is left out."),
    )

    class Meta:
        icon = "mail"
        label = _("Send an e-mail")
        label_format = "{to}"

    def __init__(self, local_blocks=(), about=None, **kwargs):
        local_blocks = [("to", _whom(about)), *local_blocks]
        if apps.is_installed("wagtail.documents"):
            documents = blocks.ListBlock(
                document_block(),
                default=[],
                required=False,
                label=_("Documents to attach"),
                help_text=_("Such as a map or a form to fill in; the same for everybody."),
            )
            local_blocks = [*local_blocks, ("documents", documents)]
        if about == About.MEETINGS:
            # No form was filled in.
            self.base_blocks = self.base_blocks.copy()
            del self.base_blocks["answer"]
        super().__init__(local_blocks, **kwargs)

    def clean(self, value):
        cleaned = super().clean(value)
        errors: dict[str, Any] = {}
        to = cleaned.get("to") or Audience.VISITOR.value
        for needed, message in _NEEDED.items():
            if to == needed and not cleaned.get(needed) and not self.is_deferred_validation:
                errors[needed] = ValidationError(message, code="required")
        texts = _text_errors(to, cleaned.get("texts") or ())
        if texts:
            errors["texts"] = ListBlockValidationError(texts)
        too_large = _too_large(cleaned.get("documents") or ())
        if too_large:
            errors["documents"] = ListBlockValidationError(non_block_errors=[too_large])
        if errors:
            raise StructBlockValidationError(errors)
        return cleaned


_NEEDED = {
    MailTo.ADDRESSES.value: _("Write at least one e-mail address, or choose somebody else above."),
    MailTo.ANSWER.value: _(
        "Write which question asks for the address, or choose somebody else above."
    ),
}


_ABOUT = {
    MailTo.VISITOR: About.BOOKINGS,
    MailTo.ANSWER: About.BOOKINGS,
    MailTo.EXTRA: About.BOOKINGS,
    MailTo.PARTICIPANTS: About.MEETINGS,
    MailTo.ORGANISER: About.MEETINGS,
}
"""What a mail is about as far as whom it goes to says so."""


def _text_errors(to: str, texts) -> dict[int, StructBlockValidationError]:
    errors = {}
    seen = set()
    for index, text in enumerate(texts):
        language = text.get("language") or ""
        if language in seen:
            message = _("There is a text for this language already.")
            error = ValidationError(message, code="repeated_language")
            errors[index] = StructBlockValidationError({"language": error})
        seen.add(language)
        not_for_reader = _not_for(to, text)
        if not_for_reader and index not in errors:
            errors[index] = StructBlockValidationError(not_for_reader)
    return errors


def _not_for(to: str, text: Mapping[str, Any]) -> dict[str, ValidationError]:
    """The parts of a text that name what these readers must not be told, each with why not."""
    from wagtail_agenda.mailing import audience_of

    about = _ABOUT.get(to)
    allowed = names_for(audience_of(to), about=about)
    if about == About.BOOKINGS:
        own_link = "reply_url" if to in PASSED_ON_TO else "manage_url"
        allowed = [name for name in allowed if name not in secret_names() - {own_link}]
    wrong = {}
    for part in ("subject", "text", "html"):
        try:
            validate_placeholders(str(text.get(part) or ""), allowed)
        except ValidationError as error:
            wrong[part] = error
    return wrong


def _too_large(documents) -> ValidationError | None:
    size = sum(_size(document) for document in documents if document is not None)
    if size <= MOST_ATTACHED:
        return None
    return ValidationError(
        _(
            "These documents have %(size)s together; one mail takes %(most)s. Attach fewer or "
            "smaller ones, or link to them in the text."
        ),
        code="too_large",
        params={"size": filesizeformat(size), "most": filesizeformat(MOST_ATTACHED)},
    )


def _size(document) -> int:
    try:
        return document.get_file_size() or 0
    except (OSError, ValueError):
        # Its file is gone: the mail will leave without it and say so.
        return 0


class ActionsBlock(blocks.StreamBlock):
    """What happens, in this order, whenever a booking or meeting reaches a status.

    Beside what is here, the actions that a project has registered (`workflow.register_action`).
    With `about`, only what workflows about bookings, or about meetings, offer.
    """

    generate_ics = GenerateIcsBlock()
    call = CallBlock()
    change_status = ChangeStatusBlock()
    cancel_booking = CancelBookingBlock()
    cancel_meeting = CancelMeetingBlock()
    accept_from_waiting_list = AcceptFromWaitingListBlock()
    set_attendance = SetAttendanceBlock()
    add_note = AddNoteBlock()

    def __init__(self, local_blocks=(), about=None, **kwargs):
        # Imported late: it reaches the models, which name this block.
        from wagtail_agenda.workflow import action_blocks, is_about

        offered = [("send_email", SendEmailBlock(about=about)), *local_blocks, *action_blocks()]
        super().__init__(offered, **kwargs)
        self.child_blocks.move_to_end("send_email", last=False)
        if about is not None:
            for name in [name for name in self.child_blocks if not is_about(name, about)]:
                del self.child_blocks[name]
