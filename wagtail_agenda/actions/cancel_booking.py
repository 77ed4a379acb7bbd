"""« Cancel the booking »."""

from datetime import datetime
from typing import Any

from wagtail_agenda import acts, booking, workflow
from wagtail_agenda.actions.reasons import reason_of
from wagtail_agenda.actions.refusals import as_failures
from wagtail_agenda.choices import Actor
from wagtail_agenda.models import Entry
from wagtail_agenda.workflow import Occasion


@workflow.register_action("cancel_booking", fails_first=True)
def cancel_booking(occasion: Occasion, value: dict[str, Any]) -> None:
    """Let the worker cancel the booking, with a reason that its visitor reads."""
    data = {"action": "cancel_booking", "reason": reason_of(occasion, value)}
    acts.leave(occasion.booking, "cancel_due", data, now=occasion.now)


@acts.register_act("cancel_due")
def cancel(entry: Entry, now: datetime) -> None:
    with as_failures():
        reason = str(entry.data.get("reason") or "")
        booking.cancel(entry.booking, actor=Actor.SYSTEM, now=now, reason=reason)
