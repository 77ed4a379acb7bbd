"""The history of a booking in words: what happened, what left, what came back, who did it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, gettext_lazy, pgettext

from wagtail_agenda.attendance import REASON_NOTED
from wagtail_agenda.blocks.transitions import MOMENTS as RULE_MOMENTS
from wagtail_agenda.blocks.transitions import UNITS
from wagtail_agenda.choices import Actor, Cause, Trigger
from wagtail_agenda.meeting_words import answer_text
from wagtail_agenda.meetings import NOT_ANNOUNCED
from wagtail_agenda.models import CalledMeeting, Entry
from wagtail_agenda.subjects import Subject
from wagtail_agenda.views.admin.delivery_lines import DeliveryLine
from wagtail_agenda.wording import moment_text
from wagtail_agenda.workflow import CHECK_IN_UNDONE, LOOP_STOPPED

CALL_FAILED, CALLED_AGAIN = "call_failed", "call_again"
"""What lines say of calls that share their `Entry.what` with something else."""

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
    Trigger.CANCELLED_BY_API: gettext_lazy("Cancelled by another system"),
    Trigger.CHECKED: gettext_lazy("Attendance marked as checked"),
    Trigger.ANSWERED: gettext_lazy("Invitation answered"),
    Trigger.MEETING_PUBLISHED: gettext_lazy("Meeting called"),
    Trigger.MEETING_CHANGED: gettext_lazy("Meeting changed"),
    Trigger.MEETING_CANCELLED: gettext_lazy("Meeting cancelled"),
    Trigger.PARTICIPANT_ADDED: gettext_lazy("Participants invited"),
    Trigger.PARTICIPANT_REMOVED: gettext_lazy("Participants no longer invited"),
    NOT_ANNOUNCED: gettext_lazy("Could not be published at its time; nobody was told"),
    Cause.TIME: gettext_lazy("A time had come"),
    Cause.BY_HAND: gettext_lazy("Moved on by hand"),
    Cause.CALLED: gettext_lazy("Called by another system"),
    Cause.ACTION_FAILED: gettext_lazy("An action failed"),
    "call_answered": gettext_lazy("Call answered"),
    CALL_FAILED: gettext_lazy("Call failed"),
    "delivery_postponed": gettext_lazy("Not delivered yet; tried again later"),
    "delivery_cancelled": gettext_lazy("Kept from leaving by an agent"),
    "delivered": gettext_lazy("Mail delivered"),
    "delivery_failed": gettext_lazy("Mail not delivered"),
    "sent_again": gettext_lazy("Mail queued to be sent again"),
    CALLED_AGAIN: gettext_lazy("Call queued to be made again"),
    "note": gettext_lazy("Note"),
    "attachment_missing": gettext_lazy("Mail written without a file that was not there"),
    "sent_on": gettext_lazy("Sent on to another status"),
    LOOP_STOPPED: gettext_lazy("Went round in circles, and was stopped"),
    "cancel_meeting_due": gettext_lazy("To be cancelled by an action"),
    "cancel_due": gettext_lazy("To be cancelled by an action"),
    "promote_due": gettext_lazy("To be accepted from the waiting list by an action"),
    "attendance_due": gettext_lazy("To be checked in by an action"),
}
"""What the lines of a booking's history say, by what they are about (see `subject`)."""

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
    Trigger.CANCELLED_BY_API: "circle-xmark",
    Trigger.CHECKED: "check",
    Trigger.ANSWERED: "mail",
    Trigger.MEETING_PUBLISHED: "group",
    Trigger.MEETING_CHANGED: "edit",
    Trigger.MEETING_CANCELLED: "circle-xmark",
    Trigger.PARTICIPANT_ADDED: "user",
    Trigger.PARTICIPANT_REMOVED: "cross",
    NOT_ANNOUNCED: "warning",
    Cause.TIME: "time",
    LOOP_STOPPED: "warning",
    Cause.BY_HAND: "user",
    Cause.CALLED: "link",
    Cause.ACTION_FAILED: "warning",
    "call_answered": "link-external",
    CALL_FAILED: "warning",
    CALLED_AGAIN: "rotate",
    "note": "edit",
    "attachment_missing": "warning",
    "sent_on": "redirect",
    "cancel_meeting_due": "time",
    "cancel_due": "time",
    "promote_due": "time",
    "attendance_due": "time",
    "delivery_postponed": "time",
    "delivery_cancelled": "cross",
    "delivered": "mail",
    "delivery_failed": "warning",
    "sent_again": "rotate",
}

KEYS = {
    "moment",
    "amount",
    "unit",
    "position",
    "status",
    "from_status",
    "method",
    "delivery",
    "action",
    "go_to",
    "act",
    "before",
    "attendance",
    "noted",
    "admission",
    "from_end",
    "corrected",
}
"""What entries keep for machines."""


MOMENTS = {"from_start", "decide_by", "due_at", "next_attempt"}
"""What they keep in ISO format."""


@dataclass(frozen=True)
class Moment:
    """One line: what happened, who did it, when, and what else is known."""

    what: str
    icon: str
    who: str
    at: datetime
    details: list[tuple[str, str]]
    retry_url: str = ""


def timeline(booking: Subject, deliveries: Iterable[DeliveryLine] = ()) -> list[Moment]:
    """What happened to a booking or meeting, the latest first.

    Of `deliveries`, those that can be tried again now have a button at the last line about them.
    """
    waiting = {line.delivery.pk: line.retry_url for line in deliveries if line.retry_url}
    moments = []
    for entry in booking.entries.select_related("user").order_by("-pk"):
        about = subject(entry)
        moments.append(
            Moment(
                what=what_happened(about),
                icon=ICONS.get(about, "info-circle"),
                who=who_did_it(entry),
                at=entry.at,
                details=details(entry.data, booking.agenda.zone),
                retry_url=waiting.pop(delivery_of(entry), ""),
            )
        )
    return moments


def delivery_of(entry: Entry) -> int | None:
    """The key of the mail or call that a line is about."""
    found = entry.data.get("delivery") if isinstance(entry.data, Mapping) else None
    return found if isinstance(found, int) else None


def subject(entry: Entry) -> str:
    """What a line is about. Of a call that this site made, that is not all in `Entry.what`."""
    if delivery_of(entry) is None or "url" not in entry.data:
        return entry.what
    calls = {Cause.ACTION_FAILED.value: CALL_FAILED, "sent_again": CALLED_AGAIN}
    return calls.get(entry.what, entry.what)


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
        "answered": gettext("Answer"),
        "answer": gettext("Answer"),
        "answer_before": gettext("Answer before"),
        "changed": gettext("Changed"),
        "participants": gettext("Participants"),
        "status_label": gettext("Status"),
        "reason": gettext("Reason"),
        "note": gettext("Note"),
        "text": gettext("Note"),
        "name": gettext("Name") if "answer" in data else gettext("File"),
        "recipient": pgettext("mail", "To"),
        "audience": gettext("For"),
        "from_label": gettext("Event before"),
        "from_start": gettext("Time before"),
        "decide_by": gettext("To be decided by"),
        "due_at": gettext("Due"),
        "from_places": gettext("Places before"),
        "from_user_name": gettext("Name before"),
        "from_user_email": gettext("E-mail before"),
        "from_user_phone_number": gettext("Telephone before"),
        "places": gettext("Places"),
        "message_id": gettext("Message-ID"),
        "sequence": gettext("Calendar revision"),
        "url": gettext("Address"),
        "identifier": gettext("Name"),
        "button": gettext("Button"),
        "code": gettext("Error"),
        "attempts": gettext("Attempts"),
        "next_attempt": gettext("Next attempt"),
    }
    said = [(gettext("Rule"), rule)] if (rule := _rule_of_time(data)) else []
    hidden = {*KEYS, "identifier"} if data.get("button") else KEYS
    return said + [
        (
            names.get(name, name.replace("_", " ").capitalize()),
            _moment(value, zone) if name in MOMENTS else _said(name, value),
        )
        for name, value in data.items()
        if name not in hidden and value not in (None, "", [], {})
    ]


def _said(name: str, value: Any) -> str:
    """The value of a part of an entry, in words."""
    if name in ("answer", "answer_before"):
        return answer_text(str(value))
    if name == "participants" and isinstance(value, list):
        return ", ".join(
            f"{one['name']} <{one['address']}>" if one["name"] else one["address"] for one in value
        )
    if name == "changed" and isinstance(value, list):
        return ", ".join(str(_COLUMNS.get(one, one)) for one in value)
    return str(value)


_COLUMNS = {
    field.name: field.verbose_name for field in CalledMeeting._meta.get_fields() if field.concrete
} | {
    "description": gettext_lazy("topics and description"),
    "participants": gettext_lazy("participants"),
    "documents": gettext_lazy("documents"),
}


def _rule_of_time(data: Mapping[str, Any]) -> str:
    """The time that had come, as its rule says it: “2 days before it starts”."""
    said = [dict(words).get(str(data.get(name))) for name, words in _OF_TIME.items()]
    return f"{data['amount']} {' '.join(map(str, said))}" if all(said) and "amount" in data else ""


_OF_TIME = {"unit": UNITS, "moment": RULE_MOMENTS}


def _moment(value: Any, zone: ZoneInfo) -> str:
    """A moment in ISO format in words; whatever else a project wrote there, as it is."""
    try:
        return moment_text(datetime.fromisoformat(value).astimezone(zone))
    except (TypeError, ValueError, OverflowError):
        return str(value)
