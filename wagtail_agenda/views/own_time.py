"""What a booking can be moved to: its own time is no obstacle, since it gives that back.

For nobody's booking in particular, this is what `availability` answers, as it is for events: there
a booking never moves to where it is.
"""

from collections.abc import Sequence
from datetime import date, datetime

from wagtail_agenda import availability
from wagtail_agenda.availability import Slot, appointments
from wagtail_agenda.availability.asked import Asked
from wagtail_agenda.availability.delays import starts_within
from wagtail_agenda.availability.offers import offers_of
from wagtail_agenda.errors import AgendaClosed, SoldOut
from wagtail_agenda.models import Agenda, Booking, MeetingType


def slots(
    agenda: Agenda,
    meeting_type: MeetingType | None = None,
    *,
    first: date,
    last: date,
    but_booking: Booking | None = None,
    **asked,
) -> Sequence[Slot]:
    """`availability.slots`, in which what `but_booking` takes is free."""
    if but_booking is None or not agenda.takes_appointments:
        return availability.slots(agenda, meeting_type, first=first, last=last, **asked)
    wanted = _asked(but_booking, **asked)
    window = starts_within(agenda, first, last, wanted)
    if window is None:
        return []
    offered = offers_of(agenda, meeting_type, wanted.resources)
    return appointments.slots_of_types(agenda, offered, window, wanted)


def find(agenda: Agenda, key: str, *, but_booking: Booking | None = None, **asked) -> Slot:
    """`availability.find`, in which what `but_booking` takes is free. Raises what that does."""
    if but_booking is None or not agenda.takes_appointments:
        return availability.find(agenda, key, **asked)
    wanted = _asked(but_booking, with_full=True, **asked)
    if not wanted.bypass_delays and not availability.is_open(agenda, wanted.now):
        raise AgendaClosed()
    slot = appointments.find_appointment(agenda, key, wanted)
    if slot.full:
        raise SoldOut(appointment=True)
    return slot


def ends(
    agenda: Agenda,
    meeting_type: MeetingType,
    start: datetime,
    *,
    but_booking: Booking | None = None,
    **asked,
) -> list[Slot]:
    """`availability.ends`, in which what `but_booking` takes is free."""
    if but_booking is None:
        return availability.ends(agenda, meeting_type, start, **asked)
    wanted = _asked(but_booking, **asked)
    return [
        slot
        for offers in offers_of(agenda, meeting_type, wanted.resources)
        for slot in appointments.ends(agenda, offers, start, wanted)
    ]


def _asked(but_booking: Booking, *, resources=(), **asked) -> Asked:
    return Asked(**asked, resources=tuple(resources), but_booking=but_booking)
