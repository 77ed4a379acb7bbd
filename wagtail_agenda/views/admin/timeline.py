"""The history of a booking in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext, gettext_lazy, pgettext

from wagtail_agenda.attendance import REASON_NOTED
from wagtail_agenda.choices import Actor, Trigger
from wagtail_agenda.models import Booking, Entry
from wagtail_agenda.workflow import CHECK_IN_UNDONE

SAYINGS: Mapping[str, Any] = {
    Trigger.BOOKED: gettext_lazy("Booked"),
    Trigger.CANCELLED_BY_VISITOR: gettext_lazy("Cancelled by the visitor"),
    Trigger.CANCELLED_BY_AGENT: gettext_lazy("Cancelled by an agent"),
    Trigger.PRESENT: gettext_lazy("Checked in as present"),
    Trigger.LATE: gettext_lazy("Checked in as late"),
    Trigger.ABSENT: gettext_lazy("Marked as absent"),
    REASON_NOTED: gettext_lazy("Reason or note changed"),
    CHECK_IN_UNDONE: gettext_lazy("Check-in undone"),
    "delivered": gettext_lazy("Mail delivered"),
    "delivery_failed": gettext_lazy("Mail not delivered"),
    "sent_again": gettext_lazy("Mail queued to be sent again"),
}
"""What the lines of a booking's history say, by `Entry.what`."""

ICONS = {
    Trigger.BOOKED: "calendar-check",
    Trigger.CANCELLED_BY_VISITOR: "circle-xmark",
    Trigger.CANCELLED_BY_AGENT: "circle-xmark",
    Trigger.PRESENT: "check",
    Trigger.LATE: "time",
    Trigger.ABSENT: "cross",
    REASON_NOTED: "edit",
    CHECK_IN_UNDONE: "rotate",
    "delivered": "mail",
    "delivery_failed": "warning",
    "sent_again": "rotate",
}

KEYS = {"status", "from_status", "message_id", "sequence", "method", "act", "before", "attendance"}
"""What entries keep for machines."""


@dataclass(frozen=True)
class Moment:
    """One line: what happened, who did it, when, and what else is known."""

    what: str
    icon: str
    who: str
    at: datetime
    details: list[tuple[str, str]]


def timeline(booking: Booking) -> list[Moment]:
    """What happened to a booking, the latest first."""
    entries = booking.entries.select_related("user").order_by("-pk")
    return [
        Moment(
            what=what_happened(entry.what),
            icon=ICONS.get(entry.what, "info-circle"),
            who=who_did_it(entry),
            at=entry.at,
            details=details(entry.data),
        )
        for entry in entries
    ]


def what_happened(what: str) -> str:
    """The words for a line of the history; projects may write lines that have none here."""
    saying = SAYINGS.get(what)
    return str(saying) if saying else what.replace("_", " ").capitalize()


def who_did_it(entry: Entry) -> str:
    if entry.user is not None:
        return entry.user.get_full_name() or entry.user.get_username()
    return str(dict(Actor.choices).get(entry.actor, entry.actor))


def details(data: Any) -> list[tuple[str, str]]:
    """What else an entry keeps, as pairs of name and text: nothing empty, no database keys."""
    if not isinstance(data, Mapping):
        return []
    names = {
        "status_label": gettext("Status"),
        "reason": gettext("Reason"),
        "note": gettext("Note"),
        "recipient": pgettext("mail", "To"),
        "audience": gettext("For"),
    }
    return [
        (names.get(name, name.replace("_", " ").capitalize()), str(value))
        for name, value in data.items()
        if name not in KEYS and value not in (None, "", [], {})
    ]
