"""The questions that faces ask, whatever the kind of agenda."""

from collections.abc import Sequence
from datetime import date, datetime

from wagtail_agenda.availability import appointments
from wagtail_agenda.availability.appointments import find_appointment, slots_of_types
from wagtail_agenda.availability.asked import Asked, Period
from wagtail_agenda.availability.delays import (
    began_within,
    is_open,
    starts_within,
    starts_within_delays,
)
from wagtail_agenda.availability.events import (
    agendas_with_room,
    find_event,
    slots_of_events_within,
    slots_of_past_events,
)
from wagtail_agenda.availability.offers import offers_of
from wagtail_agenda.availability.slot import Slot, closest
from wagtail_agenda.errors import AgendaClosed, SoldOut
from wagtail_agenda.models import Agenda, Booking, MeetingType, Resource
from wagtail_agenda.timegrid import Interval


def slots(
    agenda: Agenda,
    meeting_type: MeetingType | None = None,
    *,
    first: date | None = None,
    last: date | None = None,
    now: datetime,
    lock_code: str = "",
    bypass_delays: bool = False,
    with_full: bool = False,
    min_places: int = 1,
    resources: Sequence[Resource] = (),
    but_booking: Booking | None = None,
    period: Period = Period.FUTURE,
) -> Sequence[Slot]:
    """The slots of the local days `first` to `last` inclusive, in order of time.

    Without one of them, as far as the booking delays allow; appointments without delays, for
    `delays.MOST_DAYS`. Clipped to the booking delays and to published events unless
    `bypass_delays`; never what is cancelled, and nothing of a type that is retired or another
    agenda's. What `lock_code` holds counts as free. What has fewer than `min_places` free places,
    and no waiting list with so many, is listed only `with_full`; appointments have room for one.

    What has begun is listed for events alone, where `period` has it so. Delays say nothing of it;
    without `first`, the latest `events.MOST_PAST` are listed.

    An appointment needs a desk, what its type needs, and the `resources` that are asked for, all
    of them free. Where visitors choose how long it takes, it is listed with its shortest length
    (see `ends`). What `but_booking` takes, which is being moved, counts as free as well.
    """
    asked = Asked(
        now,
        lock_code,
        bypass_delays,
        with_full,
        min_places,
        tuple(resources),
        but_booking=but_booking,
        period=period,
    )
    past: list[Slot] = []
    if period != Period.FUTURE and not agenda.takes_appointments:
        began = began_within(agenda, first, last, now)
        if began is not None:
            past = slots_of_past_events(agenda, began, asked, limited=first is None)
        if period == Period.PAST:
            return past
    coming = _slots(agenda, meeting_type, starts_within(agenda, first, last, asked), asked)
    return [*past, *coming] if past else coming


def _slots(
    agenda: Agenda, meeting_type: MeetingType | None, window: Interval | None, asked: Asked
) -> Sequence[Slot]:
    if window is None:
        return []
    if not agenda.takes_appointments:
        return slots_of_events_within(agenda, window, asked)[: asked.limit]
    return slots_of_types(agenda, offers_of(agenda, meeting_type, asked.resources), window, asked)


def with_open_events(agendas: Sequence[Agenda], *, now: datetime) -> set[int]:
    """The keys of those agendas of events of which one can be booked now, or waited for.

    A constant number of queries, whatever the number of agendas.
    """
    return agendas_with_room([each for each in agendas if not each.takes_appointments], Asked(now))


def ends(
    agenda: Agenda,
    meeting_type: MeetingType,
    start: datetime,
    *,
    now: datetime,
    lock_code: str = "",
    bypass_delays: bool = False,
    resources: Sequence[Resource] = (),
    but_booking: Booking | None = None,
) -> list[Slot]:
    """The free slots that begin at `start`: one for each length on offer, the shortest first."""
    asked = Asked(
        now, lock_code, bypass_delays, resources=tuple(resources), but_booking=but_booking
    )
    return [
        slot
        for offers in offers_of(agenda, meeting_type, resources)
        for slot in appointments.ends(agenda, offers, start, asked)
    ]


def find(
    agenda: Agenda,
    key: str,
    *,
    now: datetime,
    lock_code: str = "",
    bypass_delays: bool = False,
    resources: Sequence[Resource] = (),
    but_booking: Booking | None = None,
    period: Period = Period.FUTURE,
    places: int = 1,
) -> Slot:
    """The slot of that name, if it can be had, with the `resources` that are asked for.

    An event with room for fewer than `places`, on its main list or on its waiting list, counts as
    sold out; one that has begun is found if the `period` has it so.

    Raises `AgendaClosed`, `NotOffered` (no such slot: off the grid, past, beyond the horizon, of
    another agenda, not a name at all), `EventCancelled`, `EventIsOver` or `SoldOut`.
    """
    if not bypass_delays and not is_open(agenda, now):
        raise AgendaClosed()
    asked = Asked(
        now,
        lock_code,
        bypass_delays,
        with_full=True,
        resources=tuple(resources),
        but_booking=but_booking,
        period=period,
    )
    if agenda.takes_appointments:
        slot = find_appointment(agenda, key, asked)
    else:
        slot = find_event(agenda, key, asked)
    if not slot.has_room_for(places):
        raise SoldOut(appointment=agenda.takes_appointments)
    return slot


def next_free(
    agenda: Agenda,
    meeting_type: MeetingType | None = None,
    *,
    now: datetime,
    limit: int = 6,
    lock_code: str = "",
    resources: Sequence[Resource] = (),
    but_booking: Booking | None = None,
) -> Sequence[Slot]:
    """The first free slots, at most `limit` of them."""
    asked = Asked(now, lock_code, resources=tuple(resources), limit=limit, but_booking=but_booking)
    return _slots(agenda, meeting_type, starts_within_delays(agenda, asked), asked)


def nearest(
    agenda: Agenda,
    meeting_type: MeetingType | None,
    around: datetime,
    *,
    now: datetime,
    limit: int = 4,
    lock_code: str = "",
    resources: Sequence[Resource] = (),
    but_booking: Booking | None = None,
) -> list[Slot]:
    """The free slots closest to a moment, in order of time: what to offer for one that is gone."""
    asked = Asked(now, lock_code, resources=tuple(resources), but_booking=but_booking)
    free = _slots(agenda, meeting_type, starts_within_delays(agenda, asked), asked)
    return closest(free, around, limit)
