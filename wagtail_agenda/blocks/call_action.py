"""« Call a web service », as editors set it up."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.blocks.struct_block import StructBlockValidationError

from wagtail_agenda.blocks.statuses import StatusChooserBlock
from wagtail_agenda.blocks.texts import validate_placeholders_of_staff
from wagtail_agenda.validators import validate_identifier


def other_systems() -> list[tuple[str, str]]:
    """The systems whose secret a header may hold, by key."""
    from wagtail_agenda.models import ApiClient

    clients = ApiClient.objects.filter(active=True, orig__isnull=False).exclude(secret="")
    return [(str(client.pk), f"{client.label} ({client.orig})") for client in clients]


def validate_address(value: str) -> None:
    """Raise `ValidationError` for an address that nobody may be called at."""
    from wagtail_agenda.actions.call import refusal_of

    validate_placeholders_of_staff(value)
    refusal = refusal_of(value or "")
    if refusal:
        raise ValidationError(refusal, code="cannot_be_called")


def validate_header_name(value: str) -> None:
    from wagtail_agenda.actions.call import is_header_name

    if not is_header_name(value or ""):
        raise ValidationError(_("Write it like X-Reference, without a colon."), code="header")


class ParameterBlock(blocks.StructBlock):
    """A name and what is sent under it."""

    name = blocks.CharBlock(
        max_length=100, label=_("Name"), help_text=_("As the web service wants it: reference")
    )
    value = blocks.CharBlock(
        required=False,
        max_length=2000,
        validators=[validate_placeholders_of_staff],
        label=_("Value"),
        help_text=_("A text of your own, names in braces such as {number}, or both."),
    )

    class Meta:
        icon = "list-ul"
        label = _("Value to send")
        label_format = "{name}: {value}"


class HeaderBlock(blocks.StructBlock):
    """A header of the call."""

    name = blocks.CharBlock(
        max_length=100,
        validators=[validate_header_name],
        label=_("Name"),
        help_text=_("Such as Authorization or X-Reference."),
    )
    value = blocks.CharBlock(
        required=False,
        max_length=1000,
        validators=[validate_placeholders_of_staff],
        label=_("Value"),
        help_text=_(
            "Type no password here: whoever may see this action could read it. Choose the other "
            "system below, and write {secret} where its secret is to stand: Bearer {secret}"
        ),
    )
    client = blocks.ChoiceBlock(
        choices=other_systems,
        required=False,
        label=_("Other system whose secret it holds"),
        help_text=_("Its secret is sent to its own host alone. Leave empty for any other header."),
    )

    class Meta:
        icon = "key"
        label = _("Header")
        label_format = "{name}"

    def clean(self, value):
        cleaned = super().clean(value)
        if "{secret}" in (cleaned.get("value") or "") and not cleaned.get("client"):
            message = _("Choose the other system whose secret is meant.")
            error = ValidationError(message, code="no_client")
            raise StructBlockValidationError({"client": error})
        return cleaned


class CallBlock(blocks.StructBlock):
    """Another system is called about the booking, and its answer kept."""

    url = blocks.CharBlock(
        max_length=1500,
        validators=[validate_address],
        label=_("Address"),
        help_text=_(
            "Begins with https:// and the host. May contain names in braces after that: "
            "https://permits.example.org/requests/{number}"
        ),
    )
    method = blocks.ChoiceBlock(
        choices=[("POST", _("POST: tells it something")), ("GET", _("GET: asks it something"))],
        default="POST",
        label=_("Method"),
        help_text=_("The description of the web service says which one it wants."),
    )
    query = blocks.ListBlock(
        ParameterBlock(),
        default=[],
        required=False,
        label=_("Parameters of the address"),
        help_text=_("Added to the address after a question mark."),
    )
    with_booking = blocks.BooleanBlock(
        required=False,
        default=True,
        label=_("Say which booking it is about"),
        help_text=_(
            "With POST: its id, number, agenda, start, end, places and status, as JSON, without "
            "who booked."
        ),
    )
    fields = blocks.ListBlock(
        ParameterBlock(),
        default=[],
        required=False,
        label=_("Values to send"),
        help_text=_("With POST: sent as JSON beside what is said of the booking."),
    )
    headers = blocks.ListBlock(
        HeaderBlock(),
        default=[],
        required=False,
        label=_("Headers"),
        help_text=_("Seldom needed. Calls to a system that this site knows are signed anyway."),
    )
    expects = blocks.ChoiceBlock(
        choices=[
            ("", _("Anything, or nothing")),
            ("json", _("Data (JSON)")),
            ("file", _("A file")),
        ],
        required=False,
        label=_("What it answers"),
        help_text=_("An answer that is no JSON where you expect it is an error."),
    )
    identifier = blocks.CharBlock(
        required=False,
        max_length=64,
        validators=[validate_identifier],
        label=_("Keep the answer under"),
        help_text=_(
            "A name for later actions: with “permit”, a later mail can say {call_permit_number} or "
            "attach the file “permit”. Leave empty to keep nothing."
        ),
    )
    on_answer = StatusChooserBlock(
        "wagtail_agenda.WorkflowStatus",
        required=False,
        label=_("After the answer, go to the status"),
        help_text=_("Its actions can use the answer. Leave empty to stay."),
    )
    on_error = StatusChooserBlock(
        "wagtail_agenda.WorkflowStatus",
        required=False,
        label=_("After an error, go to the status"),
        help_text=_("Once it is given up. Leave empty for what the rules of the workflow say."),
    )

    class Meta:
        icon = "link-external"
        label = _("Call a web service")
        label_format = "{method} {url}"
