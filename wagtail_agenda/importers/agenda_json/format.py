"""The format: which sorts of objects there are, and which keys each has.

Keys are named after the columns of the models. The tables of ``docs/reference/agenda-json.md`` are
made from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Model

from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.models import (
    Agenda,
    AttendanceReason,
    ClosureCalendar,
    Desk,
    Event,
    EventSeries,
    MeetingType,
    Resource,
    Schedule,
    Workflow,
    WorkflowStatus,
)
from wagtail_agenda.setup_rules.kinds import OF_SOME_KINDS, fields_that_fit
from wagtail_agenda.setup_rules.series import COLUMNS as SERIES_COLUMNS

VERSION = 1
"""Rises when a file of before could be misunderstood. A key more does not."""

NAME = "wagtail-agenda"
"""What stands under ``format``, so that another JSON is not taken for one of ours."""


@dataclass(frozen=True)
class Sort:
    """One sort of object.

    `columns` hold plain values, `blocks` rows of blocks; `one` and `several` name other objects,
    by the sort that is named; `parts` are lists of objects inside it. `others` are the keys that
    are no column, each with what it means. Keys are written in the order of `keys`.
    """

    model: type[Model]
    means: str
    identity: str
    keys: tuple[str, ...]
    blocks: frozenset[str] = frozenset()
    one: Mapping[str, str] = field(default_factory=dict)
    several: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)

    @property
    def slug_stays(self) -> bool:
        """Whether the slug is what a row is known by, always. An occurrence has its date."""
        return self.model is not Event

    @property
    def columns(self) -> tuple[str, ...]:
        special = {*self.blocks, *self.one, *self.several, *self.parts, *self.others}
        return tuple(key for key in self.keys if key not in special)


_KEY = {"key": "By which the rest of the file names it. Stands nowhere but in the file."}
_LIVE = {
    "live": "Whether it is published. A new one is unless this says false. Of what is published, "
    "that is what leaves; of a draft, its latest version."
}
_PLACES = {
    "places": "How many can be booked in all.",
    "waiting_places": "How many can wait for a place.",
}

_HOURS = ("schedule", "closure_calendars")

SORTS: Mapping[str, Sort] = {
    "schedule": Sort(
        Schedule,
        "Opening hours, shared by agendas, desks and resources.",
        "Its label. Of several with the same one, that which says the same, else in their order.",
        ("key", "label", "periods", "live"),
        blocks=frozenset({"periods"}),
        others={**_KEY, **_LIVE},
    ),
    "closure_calendar": Sort(
        ClosureCalendar,
        "Days on which whoever uses it is closed.",
        "Its label, as that of a schedule.",
        ("key", "label", "closures"),
        blocks=frozenset({"closures"}),
        others=_KEY,
    ),
    "resource": Sort(
        Resource,
        "A shared room or object.",
        "Its slug; without one, that which its label makes.",
        (
            "slug",
            "label",
            "description",
            "timezone",
            *_HOURS,
            "maximal_booking_delay",
            "maximum_duration",
            "sort_order",
            "retired",
        ),
        one={"schedule": "schedule"},
        several={"closure_calendars": "closure_calendar"},
    ),
    "workflow": Sort(
        Workflow,
        "A booking or meeting workflow.",
        "Its slug.",
        ("slug", "about", "label", "statuses", "transitions"),
        blocks=frozenset({"transitions"}),
        parts={"statuses": "status"},
    ),
    "status": Sort(
        WorkflowStatus,
        "One status of a workflow.",
        "Its slug, within the workflow.",
        ("slug", "label", "colour", "icon", "sort_order", "final", "visitor_text", "actions"),
        blocks=frozenset({"actions"}),
    ),
    "attendance_reason": Sort(
        AttendanceReason,
        "Why somebody was late or did not come.",
        "Its attendance and its label, within the agenda or among those of every agenda.",
        ("attendance", "label", "sort_order", "retired"),
    ),
    "agenda": Sort(
        Agenda,
        "What is booked. Keys that do not fit its kind are left out.",
        "Its slug; without one, that which its label makes.",
        (
            "slug",
            "kind",
            "label",
            "live",
            "description",
            "timezone",
            "location",
            "contact",
            "url",
            "comment",
            "minimal_booking_delay",
            "minimal_booking_delay_unit",
            "maximal_booking_delay",
            "maximal_booking_delay_unit",
            *_HOURS,
            "workflow",
            "meeting_workflow",
            "resources",
            "members",
            "needs_approval",
            "approval_hours",
            "waiting_list_promotion",
            "offer_hours",
            "places_per_booking",
            "several_events",
            "bookings_per_day",
            "bookings_per_week",
            "bookings_per_person",
            "visitors_may_move",
            "move_notice",
            "tentative_entries",
            "alarm_before",
            "alarm_before_unit",
            "staff_addresses",
            "retention_days",
            "label_template",
            "user_display_label_template",
            "description_template",
            "backoffice_url_template",
            "form_url_template",
            "desks",
            "meeting_types",
            "event_series",
            "events",
            "attendance_reasons",
        ),
        one={"schedule": "schedule", "workflow": "workflow", "meeting_workflow": "workflow"},
        several={
            "closure_calendars": "closure_calendar",
            "resources": "resource",
            "members": "agenda",
        },
        parts={
            "desks": "desk",
            "meeting_types": "meeting_type",
            "event_series": "series",
            "events": "event",
            "attendance_reasons": "attendance_reason",
        },
        others={
            **_LIVE,
            "members": "The agendas behind a virtual one, in the order in which they are tried.",
        },
    ),
    "desk": Sort(
        Desk,
        "A counter, person or room.",
        "Its slug, within the agenda; without one, that which its label makes.",
        ("slug", "label", *_HOURS, "sort_order", "retired"),
        one={"schedule": "schedule"},
        several={"closure_calendars": "closure_calendar"},
    ),
    "meeting_type": Sort(
        MeetingType,
        "An appointment type.",
        "Its slug, within the agenda; without one, that which its label makes.",
        (
            "slug",
            "label",
            "description",
            "duration",
            "maximum_duration",
            "buffer_before",
            "buffer_after",
            "step",
            "desks",
            "resources",
            "sort_order",
            "retired",
        ),
        several={"desks": "desk", "resources": "resource"},
    ),
    "series": Sort(
        EventSeries,
        "A series of events. The events that follow it are made again from it, and stand nowhere.",
        "Its label, within the agenda. Of several with the same one, that which says the same, "
        "else that with the same first day, else in their order.",
        (
            "key",
            *SERIES_COLUMNS,
        ),
        others=_KEY,
    ),
    "event": Sort(
        Event,
        "An event of its own, or an occurrence of a series that was changed alone or cancelled.",
        "Its slug, within the agenda; without one, that which its label makes. An occurrence: its "
        "series and its date there.",
        (
            "slug",
            "label",
            "series",
            "occurrence",
            "description",
            "location",
            "url",
            "start",
            "end",
            "open_for_booking",
            "publish_at",
            "places",
            "waiting_places",
            "cancelled",
            "cancellation_reason",
        ),
        one={"series": "series"},
        others={
            **_PLACES,
            "cancelled": "true cancels it, and tells everybody who has booked. Never false: what "
            "is cancelled stays so.",
            "cancellation_reason": "Told with it.",
        },
    ),
}

FILE = {
    "format": f"Always “{NAME}”.",
    "version": f"Of the format: {VERSION}.",
    "schedules": "Objects of the sort “schedule”.",
    "closure_calendars": "Objects of the sort “closure_calendar”.",
    "resources": "Objects of the sort “resource”.",
    "workflows": "Objects of the sort “workflow”.",
    "attendance_reasons": "Objects of the sort “attendance_reason”, those of every agenda.",
    "agendas": "Objects of the sort “agenda”.",
}
"""The keys of a file, each with what it means, in the order in which they are written."""

OF_ONE_KIND = {
    "desks": AgendaKind.MEETINGS,
    "meeting_types": AgendaKind.MEETINGS,
    "event_series": AgendaKind.EVENTS,
    "events": AgendaKind.EVENTS,
    "members": AgendaKind.VIRTUAL,
}
"""The kind of agenda that alone has these; `setup_rules.kinds` knows it of columns."""


def keys_that_fit(kind: str) -> tuple[str, ...]:
    """The keys of an agenda of that kind."""
    misfits = OF_SOME_KINDS.difference(fields_that_fit(kind))
    return tuple(
        key
        for key in SORTS["agenda"].keys
        if key not in misfits and OF_ONE_KIND.get(key, kind) == kind
    )
