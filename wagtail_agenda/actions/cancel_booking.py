"""« Cancel the booking »."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import translation

from wagtail_agenda import acts, booking, placeholders, workflow
from wagtail_agenda.actions.refusals import as_failures
from wagtail_agenda.choices import Actor, Audience
from wagtail_agenda.correspondence import facts_of, values_for
from wagtail_agenda.models import Entry
from wagtail_agenda.workflow import Occasion

LONGEST_REASON = 1000


@workflow.register_action("cancel_booking", fails_first=True)
def cancel_booking(occasion: Occasion, value: dict[str, Any]) -> None:
    """Let the worker cancel the booking, with a reason that its visitor reads."""
    reason = value.get("reason") if isinstance(value.get("reason"), str) else ""
    if reason:
        with translation.override(settings.LANGUAGE_CODE):
            facts = facts_of(occasion.booking, occasion.entry)
            values = values_for(occasion.booking, [reason], Audience.VISITOR, facts)
            reason = placeholders.render_line(reason, values)[:LONGEST_REASON]
    data = {"action": "cancel_booking", "reason": reason}
    acts.leave(occasion.booking, "cancel_due", data, now=occasion.now)


@acts.register_act("cancel_due")
def cancel(entry: Entry, now: datetime) -> None:
    with as_failures():
        reason = str(entry.data.get("reason") or "")
        booking.cancel(entry.booking, actor=Actor.SYSTEM, now=now, reason=reason)
