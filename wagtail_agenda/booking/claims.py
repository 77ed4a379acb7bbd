"""What a slot takes: from when to when, of which desk, event and resources.

Read before any lock, and decided upon under it: see `admission`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TypeVar

from django.db.models import Count

from wagtail_agenda import availability
from wagtail_agenda.availability import Slot, live_at
from wagtail_agenda.errors import NotOffered, SoldOut
from wagtail_agenda.models import Booking, Event, Hold, MeetingType, Occupation, Resource
from wagtail_agenda.timegrid import epoch_minutes, epoch_minutes_up

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Claim:
    """What is taken of one bookable, in epoch minutes, buffers included."""

    bookable_id: int
    busy_from: int
    busy_to: int


def claims_of(slot: Slot, desk_id: int | None) -> tuple[Claim, ...]:
    """What a slot takes at one of its desks: the desk or the event first, then the resources."""
    if slot.event is not None:
        busy_from, busy_to = _busy(None, slot.start, slot.end)
        return (Claim(slot.event.bookable_id, busy_from, busy_to),)
    busy_from, busy_to = _busy(slot.type_at(desk_id), slot.start, slot.end)
    taken = (slot.desks[desk_id], *slot.resources_at(desk_id))
    return tuple(Claim(row.bookable_id, busy_from, busy_to) for row in taken)


def bookables_of(claims: Iterable[Claim]) -> set[int]:
    """The locks of what is claimed."""
    return {claim.bookable_id for claim in claims}


def _busy(meeting_type: MeetingType | None, start: datetime, end: datetime) -> tuple[int, int]:
    """From when to when is taken: an appointment with its buffers, an event as it is."""
    before = meeting_type.buffer_before if meeting_type else 0
    after = meeting_type.buffer_after if meeting_type else 0
    return epoch_minutes(start) - before, epoch_minutes_up(end) + after


def instant(moment: datetime) -> datetime:
    """The same moment in UTC, where it can be compared and counted on from.

    Python counts in wall time within one zone, and holds a time that a night repeats to be unequal
    to the same moment in any other zone (PEP 495).
    """
    return moment.astimezone(timezone.utc)


# The way back: from what has been taken to its slot


def slot_of(taken: Hold | Booking) -> Slot:
    """The slot that a hold or booking has taken, the first one if a hold keeps several events."""
    chosen_in = taken.agenda
    types = {}
    if isinstance(taken, Booking):
        resources = tuple(taken.resources.all()) if taken.desk_id else ()
        chosen_in = taken.virtual_agenda or taken.agenda
    else:
        resources = _in_order(Resource, taken.resource_ids)
    if taken.desk_id and taken.meeting_type and chosen_in.is_virtual:
        types = {taken.desk.agenda_id: taken.meeting_type}
    return Slot.of(
        agenda=chosen_in,
        meeting_type=taken.meeting_type,
        event=taken.event,
        start=taken.start.astimezone(chosen_in.zone),
        end=taken.end.astimezone(chosen_in.zone),
        desk_ids=(taken.desk_id,) if taken.desk_id else (),
        desks={taken.desk_id: taken.desk} if taken.desk_id else {},
        resources=resources,
        types=types,
    )


def slots_of(hold: Hold) -> list[Slot]:
    """The slots that a hold keeps: one, or each of several events.

    Raises `NotOffered` if one of the events, or a resource, has been deleted.
    """
    if len(hold.event_ids) < 2:
        return [slot_of(hold)]
    zone = hold.agenda.zone
    return [
        Slot.of(
            agenda=hold.agenda,
            event=event,
            start=event.start.astimezone(zone),
            end=event.end.astimezone(zone),
        )
        for event in _in_order(Event, hold.event_ids)
    ]


def _in_order(model: type, pks: list[int]) -> tuple:
    if not pks:
        return ()
    found = model.objects.in_bulk(pks)
    if len(found) < len(pks):
        raise NotOffered()
    return tuple(found[pk] for pk in pks)


# Which desk


def first_with_room(
    slot: Slot,
    now: datetime,
    at_desk: Callable[[int | None], Answer],
    *,
    preferred: int | None = None,
) -> Answer:
    """Try the desks that looked free, each in a transaction of its own, until one has room.

    The `preferred` desk comes first, then those with the fewest bookings that day. Raises
    `SoldOut` if none has room.
    """
    if slot.event is not None:
        return at_desk(None)
    for desk_id in _in_fair_order(slot, now, preferred):
        try:
            return at_desk(desk_id)
        except SoldOut:
            continue
    raise SoldOut(appointment=True)


def _in_fair_order(slot: Slot, now: datetime, preferred: int | None) -> list[int]:
    """The free desks of a slot, those with the fewest bookings that day first, then in order."""
    if len(slot.desk_ids) < 2:
        return list(slot.desk_ids)
    day_from, day_to = availability.day_bounds(slot.start.date(), slot.agenda.zone)
    load = dict(
        Occupation.objects.filter(
            live_at(now),
            bookable_id__in=[slot.desks[desk_id].bookable_id for desk_id in slot.desk_ids],
            busy_to__gt=day_from,
            busy_from__lt=day_to,
        )
        .order_by()
        .values("bookable_id")
        .annotate(count=Count("pk"))
        .values_list("bookable_id", "count")
    )
    return sorted(
        slot.desk_ids,
        key=lambda desk_id: (desk_id != preferred, load.get(slot.desks[desk_id].bookable_id, 0)),
    )
