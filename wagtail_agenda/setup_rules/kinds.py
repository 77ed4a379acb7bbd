"""Which columns of an agenda fit which kind of agenda."""

from wagtail_agenda.choices import AgendaKind

_APPROVAL = ("needs_approval", "approval_hours")
_CAPS = ("bookings_per_day", "bookings_per_week", "bookings_per_person")
_MOVING = ("visitors_may_move", "move_notice")
_CALENDAR = ("tentative_entries", "alarm_before", "alarm_before_unit")

FIELDS_BY_KIND = {
    AgendaKind.MEETINGS: ("schedule", "resources", *_APPROVAL, *_CAPS, *_MOVING, *_CALENDAR),
    AgendaKind.EVENTS: (
        "waiting_list_promotion",
        "offer_hours",
        "places_per_booking",
        "several_events",
        *_APPROVAL,
        *_CAPS,
        *_MOVING,
        *_CALENDAR,
    ),
    AgendaKind.VIRTUAL: _CAPS,
}
"""Every other field fits all kinds. An agenda behind a virtual one approves and moves as usual,
and has its own calendar entries.
"""

FIELDS_OF_NO_KIND_YET = ("schedule",)
"""What an agenda shows before it is saved: most are for appointments."""

OF_SOME_KINDS = frozenset(name for names in FIELDS_BY_KIND.values() for name in names)


def fields_that_fit(kind: str) -> tuple[str, ...]:
    return FIELDS_BY_KIND.get(kind, FIELDS_OF_NO_KIND_YET)
