"""« Change status »."""

from typing import Any

from django.utils.translation import gettext as _

from wagtail_agenda import acts, workflow
from wagtail_agenda.errors import ActionFailed
from wagtail_agenda.models import WorkflowStatus
from wagtail_agenda.workflow import Occasion


@workflow.register_action("change_status", fails_first=True, about=workflow.BOTH)
def change_status(occasion: Occasion, value: dict[str, Any]) -> None:
    """Let the booking go to another status of its workflow, once the other actions have run."""
    key = value.get("status")
    siblings = WorkflowStatus.objects.filter(workflow=occasion.status.workflow_id)
    if type(key) is not int or not siblings.filter(pk=key).exists():
        raise ActionFailed(
            "no such status", _("The status to go to is not one of this booking workflow.")
        )
    acts.leave(occasion.booking, acts.SENT_ON, {"go_to": key}, now=occasion.now)
