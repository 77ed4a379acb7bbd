"""« Accept from the waiting list »."""

from datetime import datetime
from typing import Any

from wagtail_agenda import acts, booking, workflow
from wagtail_agenda.actions.refusals import as_failures
from wagtail_agenda.choices import Actor
from wagtail_agenda.models import Entry
from wagtail_agenda.workflow import Occasion


@workflow.register_action("accept_from_waiting_list", fails_first=True)
def accept_from_waiting_list(occasion: Occasion, value: dict[str, Any]) -> None:
    """Let the worker give a place to somebody on the waiting list, whoever else waits."""
    data = {"action": "accept_from_waiting_list"}
    acts.leave(occasion.booking, "promote_due", data, now=occasion.now)


@acts.register_act("promote_due")
def promote(entry: Entry, now: datetime) -> None:
    with as_failures():
        booking.promote(entry.booking, actor=Actor.SYSTEM, now=now)
