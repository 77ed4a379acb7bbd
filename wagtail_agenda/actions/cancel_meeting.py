"""« Cancel the meeting »."""

from datetime import datetime
from typing import Any

from wagtail_agenda import acts, meetings, workflow
from wagtail_agenda.actions.reasons import reason_of
from wagtail_agenda.actions.refusals import as_failures
from wagtail_agenda.choices import About, Actor
from wagtail_agenda.models import Entry
from wagtail_agenda.workflow import Occasion


@workflow.register_action("cancel_meeting", fails_first=True, about=[About.MEETINGS])
def cancel_meeting(occasion: Occasion, value: dict[str, Any]) -> None:
    """Let the worker cancel the meeting, with a reason that its participants read."""
    data = {"action": "cancel_meeting", "reason": reason_of(occasion, value)}
    acts.leave(occasion.booking, "cancel_meeting_due", data, now=occasion.now)


@acts.register_act("cancel_meeting_due")
def cancel(entry: Entry, now: datetime) -> None:
    with as_failures():
        reason = str(entry.data.get("reason") or "")
        meetings.cancel(entry.called_meeting, actor=Actor.SYSTEM, now=now, reason=reason)
