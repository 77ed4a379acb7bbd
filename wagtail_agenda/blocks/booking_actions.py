"""What an action does to the booking itself, as editors set it up."""

from django.utils.translation import gettext_lazy as _
from wagtail import blocks

from wagtail_agenda.blocks.statuses import StatusChooserBlock
from wagtail_agenda.blocks.texts import (
    validate_placeholders_of_participants,
    validate_placeholders_of_staff,
    validate_public_placeholders,
)
from wagtail_agenda.choices import Attendance


class CancelBookingBlock(blocks.StructBlock):
    """The booking is cancelled, as if a colleague had done it."""

    reason = blocks.CharBlock(
        required=False,
        max_length=500,
        validators=[validate_public_placeholders],
        label=_("Reason"),
        help_text=_("The visitor reads it in the mail about the cancellation."),
    )

    class Meta:
        icon = "circle-xmark"
        label = _("Cancel the booking")
        label_format = "{reason}"


class CancelMeetingBlock(blocks.StructBlock):
    """The meeting is cancelled, as if a colleague had done it."""

    reason = blocks.CharBlock(
        required=False,
        max_length=500,
        validators=[validate_placeholders_of_participants],
        label=_("Reason"),
        help_text=_("Participants read it in the mail about the cancellation."),
    )

    class Meta:
        icon = "circle-xmark"
        label = _("Cancel the meeting")
        label_format = "{reason}"


class AcceptFromWaitingListBlock(blocks.StructBlock):
    """Who waits gets a place, if there is one, before whoever else waits."""

    class Meta:
        icon = "circle-check"
        label = _("Accept from the waiting list")


class SetAttendanceBlock(blocks.StructBlock):
    """The visitor is checked in."""

    attendance = blocks.ChoiceBlock(
        choices=[choice for choice in Attendance.choices if choice[0]],
        label=_("Attendance"),
        help_text=_("As if a colleague had checked the visitor in. The rules for it apply."),
    )

    class Meta:
        icon = "user"
        label = _("Set attendance")
        label_format = "{attendance}"


class ChangeStatusBlock(blocks.StructBlock):
    """The booking goes on to another status."""

    status = StatusChooserBlock(
        "wagtail_agenda.WorkflowStatus",
        label=_("Status"),
        help_text=_(
            "One of this booking workflow. Its actions are carried out after all of this status."
        ),
    )

    class Meta:
        icon = "redirect"
        label = _("Change status")
        label_format = "→ {status}"


class AddNoteBlock(blocks.StructBlock):
    """A line in the history of the booking, for colleagues."""

    text = blocks.TextBlock(
        rows=3,
        max_length=2000,
        validators=[validate_placeholders_of_staff],
        label=_("Note"),
        help_text=_("Colleagues read it on the page of the booking. May contain names in braces."),
    )

    class Meta:
        icon = "edit"
        label = _("Add a note")
        label_format = "{text}"
