"""What leads where in a booking workflow: a trigger, and the status that it brings about."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.blocks.stream_block import StreamBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError

from wagtail_agenda.blocks.statuses import StatusChooserBlock
from wagtail_agenda.choices import Trigger


class TransitionBlock(blocks.StructBlock):
    """One rule: when this happens, a booking goes to that status."""

    trigger = blocks.ChoiceBlock(
        choices=Trigger.choices,
        label=_("When"),
        help_text=_("What happens to a booking: by a visitor, a colleague, or in time."),
    )
    status = StatusChooserBlock(
        "wagtail_agenda.WorkflowStatus",
        label=_("the booking goes to the status"),
        help_text=_("Its actions are then carried out, such as mails. One of this workflow's own."),
    )

    class Meta:
        icon = "arrow-right"
        label = _("Rule")
        label_format = "{trigger} → {status}"


class TransitionsBlock(blocks.StreamBlock):
    """The rules of a booking workflow; each trigger leads to one status at most."""

    transition = TransitionBlock()

    def clean(self, value):
        cleaned = super().clean(value)
        errors = {}
        seen = set()
        for index, child in enumerate(cleaned):
            trigger = child.value.get("trigger")
            if trigger and trigger in seen:
                message = _("There is a rule for this already. Change that one, or remove this.")
                error = ValidationError(message, code="repeated_trigger")
                errors[index] = StructBlockValidationError({"trigger": error})
            seen.add(trigger)
        if errors:
            raise StreamBlockValidationError(block_errors=errors)
        return cleaned
