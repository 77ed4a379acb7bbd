"""« Generate ICS », as editors set it up."""

from django.utils.translation import gettext_lazy as _
from wagtail import blocks

from wagtail_agenda.blocks.texts import validate_public_placeholders
from wagtail_agenda.validators import validate_identifier

_AS_INVITED = _("Leave empty for what the invitation says. May contain names in braces.")


class GenerateIcsBlock(blocks.StructBlock):
    """A calendar file of the booking, kept for a mail of this status or of a later one."""

    identifier = blocks.CharBlock(
        max_length=64,
        validators=[validate_identifier],
        label=_("Identifier"),
        help_text=_(
            "Names the file: “fichier_ics” becomes fichier_ics.ics. A later e-mail attaches it by "
            "this name. Made again, it takes the place of the earlier one."
        ),
    )
    summary = blocks.CharBlock(
        required=False,
        max_length=255,
        validators=[validate_public_placeholders],
        label=_("Title"),
        help_text=_AS_INVITED,
    )
    description = blocks.TextBlock(
        required=False,
        rows=4,
        validators=[validate_public_placeholders],
        label=_("Description"),
        help_text=_AS_INVITED,
    )
    location = blocks.CharBlock(
        required=False,
        max_length=500,
        validators=[validate_public_placeholders],
        label=_("Place"),
        help_text=_AS_INVITED,
    )
    url = blocks.CharBlock(
        required=False,
        max_length=1000,
        validators=[validate_public_placeholders],
        label=_("Web address"),
        help_text=_(
            "Of a page about it. Leave empty for what the invitation says. Calendars get shared, "
            "so the visitor’s own link cannot stand here."
        ),
    )
    comment = blocks.TextBlock(
        required=False,
        rows=2,
        validators=[validate_public_placeholders],
        label=_("Comment"),
        help_text=_("Few calendars show it: what must be read belongs into the description."),
    )

    class Meta:
        icon = "calendar-alt"
        label = _("Generate a calendar file (ICS)")
        label_format = "{identifier}.ics"
