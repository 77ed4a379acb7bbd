"""The history of a booking in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, gettext_lazy, pgettext

from wagtail_agenda.attendance import REASON_NOTED
from wagtail_agenda.choices import Actor, Trigger
from wagtail_agenda.models import Booking, Entry
from wagtail_agenda.wording import moment_text
from wagtail_agenda.workflow import CHECK_IN_UNDONE

SAYINGS: Mapping[str, Any] = {
    Trigger.BOOKED: gettext_lazy("Booked"),
    Trigger.PENDING: gettext_lazy("Booked, and waiting for approval"),
    Trigger.APPROVED: gettext_lazy("Approved"),
    Trigger.REFUSED: gettext_lazy("Refused"),
    Trigger.WAITING: gettext_lazy("Joined the waiting list"),
    Trigger.OFFERED: gettext_lazy("Offered a place"),
    Trigger.PROMOTED: gettext_lazy("Got a place from the waiting list"),
    Trigger.DECLINED: gettext_lazy("Declined the offered place"),
    Trigger.SUSPENDED: gettext_lazy("Put back on the waiting list"),
    Trigger.LAPSED: gettext_lazy("Time ran out"),
    Trigger.MOVED: gettext_lazy("Moved"),
    Trigger.CHANGED: gettext_lazy("Changed"),
    Trigger.EVENT_CANCELLED: gettext_lazy("Event cancelled"),
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
    Trigger.PENDING: "time",
    Trigger.APPROVED: "check",
    Trigger.REFUSED: "circle-xmark",
    Trigger.WAITING: "list-ol",
    Trigger.OFFERED: "mail",
    Trigger.PROMOTED: "check",
    Trigger.DECLINED: "circle-xmark",
    Trigger.SUSPENDED: "arrow-left",
    Trigger.LAPSED: "time",
    Trigger.MOVED: "calendar-alt",
    Trigger.CHANGED: "edit",
    Trigger.EVENT_CANCELLED: "circle-xmark",
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

KEYS = {
    "status",
    "from_status",
    "message_id",
    "sequence",
    "method",
    "act",
    "before",
    "attendance",
    "admission",
    "from_end",
}
"""What entries keep for machines."""


MOMENTS = {"from_start", "decide_by"}
"""What they keep in ISO format."""


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
            details=details(entry.data, booking.agenda.zone),
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


def details(data: Any, zone: ZoneInfo) -> list[tuple[str, str]]:
    """What else an entry keeps, as pairs of name and text: nothing empty, no database keys.

    Moments are said as the clocks in that zone show them.
    """
    if not isinstance(data, Mapping):
        return []
    names = {
        "status_label": gettext("Status"),
        "reason": gettext("Reason"),
        "note": gettext("Note"),
        "recipient": pgettext("mail", "To"),
        "audience": gettext("For"),
        "from_label": gettext("Event before"),
        "from_start": gettext("Time before"),
        "decide_by": gettext("To be decided by"),
        "from_places": gettext("Places before"),
        "places": gettext("Places"),
    }
    return [
        (
            names.get(name, name.replace("_", " ").capitalize()),
            _moment(value, zone) if name in MOMENTS else str(value),
        )
        for name, value in data.items()
        if name not in KEYS and value not in (None, "", [], {})
    ]


def _moment(value: Any, zone: ZoneInfo) -> str:
    """A moment in ISO format in words; whatever else a project wrote there, as it is."""
    try:
        return moment_text(datetime.fromisoformat(value).astimezone(zone))
    except (TypeError, ValueError, OverflowError):
        return str(value)
