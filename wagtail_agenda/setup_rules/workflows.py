"""What the rules and actions of a workflow cannot be together, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from wagtail.blocks import StreamValue

from wagtail_agenda.blocks.texts import names_for, validate_placeholders
from wagtail_agenda.models import Workflow, WorkflowStatus
from wagtail_agenda.workflow import loops


def foreign_status(status: WorkflowStatus) -> ValidationError:
    message = _(
        "This status belongs to the booking workflow “%(workflow)s”. "
        "Choose one of this workflow's own."
    )
    params = {"workflow": status.workflow}
    return ValidationError(message, code="foreign_status", params=params)


def foreign_statuses(action: Any, workflow: Workflow) -> dict[str, ValidationError]:
    """The fields of an action that name a status of another workflow, each with what is wrong."""
    if not isinstance(action, Mapping):
        return {}
    return {
        name: foreign_status(status)
        for name, status in action.items()
        if isinstance(status, WorkflowStatus) and status.workflow_id != workflow.pk
    }


def unknown_names(action: StreamValue.StreamChild, workflow: Workflow) -> ValidationError | None:
    """What is wrong if a text names what is known of bookings in a workflow of meetings."""
    allowed = [*names_for(about=workflow.about), "secret"]
    for text in _texts_in(action.get_prep_value().get("value")):
        try:
            validate_placeholders(text, allowed)
        except ValidationError as error:
            return error
    return None


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_in(inner)


def in_circles(way: list[loops.Step], workflow: Workflow) -> ValidationError:
    labels = dict(workflow.statuses.values_list("pk", "label"))
    blocks = WorkflowStatus._meta.get_field("actions").stream_block.child_blocks
    said = [_("“%(status)s”") % {"status": labels.get(way[0].source, "")}]
    for step in way:
        action = blocks[step.action].label if step.action in blocks else step.action
        why = _("%(action)s, if it fails") if step.failed else _("%(action)s")
        said.append(
            _("“%(status)s” (%(why)s)")
            % {"status": labels.get(step.target, ""), "why": why % {"action": action}}
        )
    message = _(
        "Bookings would go round without anything happening from outside: %(way)s. Change one of "
        "these actions, or let the rule for a failed action lead only from the statuses that it "
        "is meant for."
    )
    return ValidationError(message, code="in_circles", params={"way": " → ".join(map(str, said))})
