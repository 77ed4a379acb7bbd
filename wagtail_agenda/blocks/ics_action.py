"""« Generate ICS », as editors set it up."""

from django.utils.translation import gettext_lazy as _
from wagtail import blocks

from wagtail_agenda.blocks.texts import validate_public_placeholders
from wagtail_agenda.validators import validate_identifier

_AS_INVITED = _("Leave empty for what the invitation says. May contain names in braces.")


def _own_text(kind: type[blocks.FieldBlock], label, help_text=_AS_INVITED, **options):
    """A text of the calendar entry that an editor may write anew."""
    return kind(
        required=False,
        validators=[validate_public_placeholders],
        label=label,
        help_text=help_text,
        **options,
    )


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
    summary = _own_text(blocks.CharBlock, _("Title"), max_length=255)
    description = _own_text(blocks.TextBlock, _("Description"), rows=4)
    location = _own_text(blocks.CharBlock, _("Place"), max_length=500)
    url = _own_text(
        blocks.CharBlock,
        _("Web address"),
        _(
            "Of a page about it. Leave empty for what the invitation says. Calendars get shared, "
            "so the visitor’s own link cannot stand here."
        ),
        max_length=1000,
    )
    comment = _own_text(
        blocks.TextBlock,
        _("Comment"),
        _("Few calendars show it: what must be read belongs into the description."),
        rows=2,
    )

    class Meta:
        icon = "calendar-alt"
        label = _("Generate a calendar file (ICS)")
        label_format = "{identifier}.ics"
