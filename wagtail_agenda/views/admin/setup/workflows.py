"""The forms of booking workflows and of their statuses."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.blocks.stream_block import StreamBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError

from wagtail_agenda import permissions
from wagtail_agenda.models import Workflow


class WorkflowForm(WagtailAdminModelForm):
    def clean_slug(self) -> str:
        from wagtail_agenda.workflow import DEFAULT_WORKFLOW

        slug = self.cleaned_data.get("slug") or ""
        if self.instance.pk and self.initial.get("slug") == DEFAULT_WORKFLOW != slug:
            raise ValidationError(
                _("The built-in booking workflow keeps its slug, “%(slug)s”."),
                code="built_in",
                params={"slug": DEFAULT_WORKFLOW},
            )
        return slug

    def clean(self):
        cleaned = super().clean()
        errors = {}
        for index, child in enumerate(cleaned.get("transitions") or ()):
            status = child.value.get("status")
            if status is not None and status.workflow_id != self.instance.pk:
                message = _(
                    "This status belongs to the booking workflow “%(workflow)s”. "
                    "Choose one of this workflow's own."
                )
                params = {"workflow": status.workflow}
                error = ValidationError(message, code="foreign_status", params=params)
                errors[index] = StructBlockValidationError({"status": error})
        if errors:
            self.add_error("transitions", StreamBlockValidationError(block_errors=errors))
        return cleaned


class WorkflowStatusForm(WagtailAdminModelForm):
    """A status stays in the booking workflow it was made for, whose rules lead to it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        field = self.fields["workflow"]
        field.queryset = permissions.editable(self.for_user, Workflow.objects.all())
        if self.instance.pk:
            field.disabled = True
            field.help_text = _("Stays as it is. Make another one for another booking workflow.")


STATUS_ICONS = [
    ("calendar-check", _("Calendar sheet with a tick")),
    ("check", _("Tick")),
    ("circle-check", _("Tick in a circle")),
    ("circle-xmark", _("Cross in a circle")),
    ("cross", _("Cross")),
    ("history", _("Clock turning back")),
    ("info-circle", _("Letter i in a circle")),
    ("lock", _("Padlock")),
    ("mail", _("Envelope")),
    ("redirect", _("Arrow")),
    ("time", _("Clock")),
    ("user", _("Person")),
    ("warning", _("Exclamation mark")),
]
"""Icons of a status. All of them come with Wagtail."""
