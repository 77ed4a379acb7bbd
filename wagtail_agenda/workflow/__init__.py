"""Trigger → status → the status's actions, inside the transaction that caused it.

Database only: an action that must reach the outside world leaves rows in the outbox. What a
trigger leads to and what a status does is set up by people (`Workflow`, `WorkflowStatus`); what an
action does is a function registered under the name of its block.
"""

from wagtail_agenda.errors import ActionFailed
from wagtail_agenda.workflow.built_in import (
    DEFAULT_MEETING_WORKFLOW,
    DEFAULT_WORKFLOW,
    SLUGS,
    ensure_default_workflow,
)
from wagtail_agenda.workflow.catching_up import (
    buttons_of,
    catch_up,
    fire_timers,
    note_cause,
)
from wagtail_agenda.workflow.engine import (
    BATCH,
    CHECK_IN_UNDONE,
    LOOP_STOPPED,
    MOST_STEPS,
    advance,
    advance_all,
    go_back,
    movement,
    send_email,
)
from wagtail_agenda.workflow.planning import plan_timers, with_time_rules
from wagtail_agenda.workflow.registry import (
    BOTH,
    Action,
    Occasion,
    action_blocks,
    is_about,
    register_action,
)
from wagtail_agenda.workflow.road import Road, road_for, road_of, rows_of

__all__ = [
    "BATCH",
    "BOTH",
    "CHECK_IN_UNDONE",
    "DEFAULT_MEETING_WORKFLOW",
    "DEFAULT_WORKFLOW",
    "LOOP_STOPPED",
    "MOST_STEPS",
    "Action",
    "ActionFailed",
    "Occasion",
    "SLUGS",
    "Road",
    "action_blocks",
    "advance",
    "advance_all",
    "buttons_of",
    "catch_up",
    "ensure_default_workflow",
    "fire_timers",
    "go_back",
    "is_about",
    "movement",
    "note_cause",
    "plan_timers",
    "register_action",
    "road_for",
    "road_of",
    "rows_of",
    "send_email",
    "with_time_rules",
]
