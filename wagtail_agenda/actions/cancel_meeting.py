"""« Cancel the meeting »."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import translation

from wagtail_agenda import acts, meetings, placeholders, workflow
from wagtail_agenda.actions.refusals import as_failures
from wagtail_agenda.choices import About, Actor, Audience
from wagtail_agenda.meeting_words import facts_of, values_for
from wagtail_agenda.models import Entry
from wagtail_agenda.workflow import Occasion

LONGEST_REASON = 1000


@workflow.register_action("cancel_meeting", fails_first=True, about=[About.MEETINGS])
def cancel_meeting(occasion: Occasion, value: dict[str, Any]) -> None:
    """Let the worker cancel the meeting, with a reason that its participants read."""
    reason = value.get("reason") if isinstance(value.get("reason"), str) else ""
    if reason:
        with translation.override(settings.LANGUAGE_CODE):
            facts = facts_of(occasion.entry)
            values = values_for(occasion.booking, [reason], Audience.VISITOR, facts)
            reason = placeholders.render_line(reason, values)[:LONGEST_REASON]
    data = {"action": "cancel_meeting", "reason": reason}
    acts.leave(occasion.booking, "cancel_meeting_due", data, now=occasion.now)


@acts.register_act("cancel_meeting_due")
def cancel(entry: Entry, now: datetime) -> None:
    with as_failures():
        reason = str(entry.data.get("reason") or "")
        meetings.cancel(entry.called_meeting, actor=Actor.SYSTEM, now=now, reason=reason)
