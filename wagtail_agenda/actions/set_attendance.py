"""« Set attendance »."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from wagtail_agenda import acts, attendance, workflow
from wagtail_agenda.actions.refusals import as_failures
from wagtail_agenda.choices import Attendance
from wagtail_agenda.errors import ActionFailed
from wagtail_agenda.models import Entry
from wagtail_agenda.workflow import Occasion

CHOICES = [choice for choice in Attendance.choices if choice[0]]


@workflow.register_action("set_attendance", fails_first=True)
def set_attendance(occasion: Occasion, value: dict[str, Any]) -> None:
    """Let the worker check the visitor in as present, late or absent."""
    said = value.get("attendance")
    if said not in [value for value, _label in CHOICES]:
        raise ActionFailed("no attendance", _("The action does not say which attendance to note."))
    data = {"action": "set_attendance", "noted": said}
    acts.leave(occasion.booking, "attendance_due", data, now=occasion.now)


@acts.register_act("attendance_due")
def check_in(entry: Entry, now: datetime) -> None:
    with as_failures():
        attendance.check_in(entry.booking, entry.data.get("noted", ""), now=now)
