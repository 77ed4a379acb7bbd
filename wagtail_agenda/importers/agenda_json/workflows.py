"""Workflows read from a file: first their statuses, and what leads where when all the rest stands.

Rules and actions name statuses, agendas and appointment types, which the same file may make.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from wagtail.blocks.stream_block import StreamBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError

from wagtail_agenda.importers.agenda_json.format import SORTS
from wagtail_agenda.importers.agenda_json.places import Place
from wagtail_agenda.importers.agenda_json.settling import (
    Reading,
    has_problems,
    objects_in,
    refuse_doubles,
    refuse_unknown_keys,
    settle,
    slug_of,
    take_blocks,
    take_columns,
)
from wagtail_agenda.models import Workflow, WorkflowStatus
from wagtail_agenda.setup_rules.workflows import in_circles, unknown_names
from wagtail_agenda.workflow import loops
from wagtail_agenda.workflow.rules import rules_of


@dataclass(frozen=True)
class Begun:
    """A workflow whose rules and actions are still to be read; what is wrong of it is not saved."""

    place: Place
    data: Mapping[str, Any]
    workflow: Workflow
    statuses: list[tuple[Place, Mapping[str, Any], WorkflowStatus]]


def begin_workflows(reading: Reading, data: Any, place: Place) -> list[Begun]:
    """Read the workflows and their statuses, without their rules and actions."""
    items = list(objects_in(reading, data, place))
    refuse_doubles(reading, [(at, slug_of(one, "workflow")) for at, one in items], "slug")
    return [_begin(reading, one, at) for at, one in items]


def _begin(reading: Reading, one: Mapping[str, Any], at: Place) -> Begun:
    sort = SORTS["workflow"]
    refuse_unknown_keys(reading, one, at, sort.keys)
    slug = slug_of(one, "workflow")
    row = Workflow.objects.filter(slug=slug).first() or Workflow(slug=slug)
    about = row.about
    changed = take_columns(reading, sort, row, one, at)
    if not row._state.adding and "about" in changed:
        message = _("“%(workflow)s” is about something else here, and stays so: “%(about)s”.")
        reading.problems.add(at.key("about"), message % {"workflow": row, "about": about})
    stands = settle(reading, "workflow", row, changed, at)
    reading.name("workflow", slug, row if stands else None)
    statuses = list(objects_in(reading, one.get("statuses", []), at.key("statuses")))
    refuse_doubles(reading, [(place, slug_of(each, "status")) for place, each in statuses], "slug")
    read = [(place, each, _begin_status(reading, each, place, row)) for place, each in statuses]
    return Begun(at, one, row, read)


def _begin_status(
    reading: Reading, one: Mapping[str, Any], at: Place, workflow: Workflow
) -> WorkflowStatus:
    sort = SORTS["status"]
    refuse_unknown_keys(reading, one, at, sort.keys)
    slug = slug_of(one, "status")
    row = None
    if workflow.pk is not None:
        row = workflow.statuses.filter(slug=slug).first()
    row = row or WorkflowStatus(workflow=workflow, slug=slug)
    changed = take_columns(reading, sort, row, one, at)
    settle(reading, "status", row, changed, at, within=workflow)
    return row


def finish_workflows(reading: Reading, begun: list[Begun]) -> None:
    """Read the rules and actions of workflows whose statuses stand."""
    for one in begun:
        _finish(reading, one)


def _finish(reading: Reading, begun: Begun) -> None:
    workflow = begun.workflow
    if any(status.pk is None for _place, _data, status in begun.statuses) or workflow.pk is None:
        # What names them could only be called wrong.
        return
    anything = False
    for place, data, status in begun.statuses:
        # Its own instance of the workflow may say something else by now.
        status.workflow = workflow
        changed = take_blocks(reading, status, "actions", data, place)
        errors = []
        if changed and (error := _unknown_names(status, workflow)):
            errors = [("actions", error)]
        settle(reading, "status", status, changed, place, within=workflow, errors=errors)
        anything |= bool(changed)
    changed = take_blocks(reading, workflow, "transitions", begun.data, begun.place)
    errors = []
    if (anything or changed) and not has_problems(reading, begun.place):
        rules = rules_of(workflow.transitions.get_prep_value())
        actions = loops.stored_actions(workflow.statuses.all())
        if way := loops.circle(loops.steps_of(actions, rules)):
            errors = [("transitions", in_circles(way, workflow))]
            changed |= {"transitions"}
    settle(reading, "workflow", workflow, changed, begun.place, errors=errors)


def _unknown_names(status: WorkflowStatus, workflow: Workflow) -> ValidationError | None:
    errors = {}
    for index, child in enumerate(status.actions):
        if unknown := unknown_names(child, workflow):
            errors[index] = StructBlockValidationError(non_block_errors=[unknown])
    return StreamBlockValidationError(block_errors=errors) if errors else None
