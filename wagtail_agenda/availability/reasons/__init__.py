"""Why something cannot be booked at a moment: every rule that is in the way, in words.

The same rules as those of a listing, asked about one moment and told instead of applied.
"""

from datetime import datetime, timezone

from wagtail_agenda.availability.delays import booking_window
from wagtail_agenda.availability.reasons.appointments import reasons_of_appointments
from wagtail_agenda.availability.reasons.events import reasons_of_events
from wagtail_agenda.availability.reasons.reason import Reason, of_being_open, of_delays
from wagtail_agenda.models import Agenda, Event, MeetingType


def explain(
    agenda: Agenda,
    instant: datetime,
    meeting_type: MeetingType | None = None,
    *,
    now: datetime,
    event: Event | None = None,
) -> list[Reason]:
    """Every rule that keeps visitors from booking what begins at `instant`; none if they can.

    Without a type or event, whichever begins there counts: if one of them can be booked, nothing
    is in the way. Where one desk is free, others that are taken are not in the way either. A type
    whose length visitors choose is asked about with its shortest one. Caps per person are not
    rules of a moment; an event whose waiting list can be joined has that as its reason.
    """
    # Within one zone Python compares wall times, which a night may repeat.
    instant, now = instant.astimezone(timezone.utc), now.astimezone(timezone.utc)
    reasons = [
        *of_being_open(agenda, now),
        *of_delays(agenda, instant, booking_window(agenda, now), now),
    ]
    if agenda.takes_appointments:
        reasons += reasons_of_appointments(agenda, instant, meeting_type, now)
    else:
        reasons += reasons_of_events(agenda, instant, event, now)
    return list(dict.fromkeys(reasons))


__all__ = ["Reason", "explain"]
