"""Lock, count, write: the three parts of every transaction that takes time or places.

Nothing in here is right outside a transaction that has called `lock` first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.db import connection
from django.db.models import F

from wagtail_agenda.availability import Slot, live_at
from wagtail_agenda.booking.claims import Claim, instant
from wagtail_agenda.choices import Admission
from wagtail_agenda.contention import Outpaced
from wagtail_agenda.errors import (
    EventCancelled,
    NotOffered,
    SoldOut,
    WaitingListFull,
)
from wagtail_agenda.models import Agenda, Bookable, Booking, Event, Hold, Occupation


class Waiting(Enum):
    """Whether a place of the waiting list will do."""

    REFUSED = "refused"
    ACCEPTED = "accepted"
    WANTED = "wanted"


def lock(bookable_ids: Iterable[int]) -> dict[int, Bookable]:
    """Take the locks, in the one order that cannot deadlock, and read what they guard.

    Raises `NotOffered` if a desk, event or resource has been deleted.
    """
    ordered = sorted(set(bookable_ids))
    chosen = Bookable.objects.filter(pk__in=ordered)
    if len(ordered) > 1 and connection.features.has_select_for_update:
        # An UPDATE of several rows has no order of its own.
        found = {bookable.pk: bookable for bookable in chosen.select_for_update().order_by("pk")}
        chosen.update(version=F("version") + 1)
    else:
        # Writes before it reads, which is all that SQLite needs to wait its turn.
        chosen.update(version=F("version") + 1)
        found = {bookable.pk: bookable for bookable in chosen.select_for_update().order_by("pk")}
    if len(found) < len(ordered):
        raise NotOffered()
    return found


# Count


@dataclass
class Lists:
    """What is free on the main list and the waiting list of one event, and whether people queue.

    `queued` says that somebody waits or is being offered a place.
    """

    main_free: int
    waiting_free: int
    queued: bool


def lists_of(
    bookables: Iterable[Bookable],
    now: datetime,
    *,
    but_hold: Hold | None = None,
    but_booking: Booking | None = None,
) -> dict[int, Lists]:
    """The lists of locked events, without what one hold or booking keeps until a deadline."""
    lists = {
        bookable.pk: Lists(
            main_free=bookable.places - bookable.places_booked,
            waiting_free=bookable.waiting_places - bookable.places_waiting,
            queued=bookable.places_waiting > 0,
        )
        for bookable in bookables
    }
    lapsing = (
        Occupation.objects.select_for_update()
        .filter(bookable_id__in=lists, lapses_at__gt=now)
        .order_by()
        .values_list("bookable_id", "hold_id", "booking_id", "places", "waiting")
    )
    of_bookings: dict[int, int] = {}
    for bookable_id, hold_id, booking_id, places, waiting in lapsing:
        if hold_id is not None and but_hold is not None and hold_id == but_hold.pk:
            continue
        if booking_id is not None and but_booking is not None and booking_id == but_booking.pk:
            continue
        if waiting:
            lists[bookable_id].waiting_free -= places
        else:
            lists[bookable_id].main_free -= places
        if booking_id is not None:
            of_bookings[booking_id] = bookable_id
    if of_bookings:
        offered = Booking.objects.select_for_update().filter(
            pk__in=of_bookings, admission=Admission.OFFERED
        )
        for booking_id in offered.order_by().values_list("pk", flat=True):
            lists[of_bookings[booking_id]].queued = True
    return lists


def require_as_shown(slots: Sequence[Slot]) -> None:
    """Raise `NotOffered` unless the events of these slots are still at the times that were chosen.

    Raises `EventCancelled` if one has been cancelled.
    """
    shown = {
        slot.event.pk: (instant(slot.start), instant(slot.end))
        for slot in slots
        if slot.event is not None
    }
    if not shown:
        return
    present = Event.objects.select_for_update().filter(pk__in=shown).order_by("pk")
    rows = {
        pk: (start, end, cancelled_at)
        for pk, start, end, cancelled_at in present.values_list(
            "pk", "start", "end", "cancelled_at"
        )
    }
    for pk, times in shown.items():
        start, end, cancelled_at = rows.get(pk, (None, None, None))
        if (start, end) != times:
            raise NotOffered()
        if cancelled_at is not None:
            raise EventCancelled()


def admit_to_event(
    lists: Lists,
    places: int,
    *,
    newcomer: bool = True,
    waiting: Waiting = Waiting.ACCEPTED,
    event: str = "",
) -> bool:
    """Whether these places are on the waiting list (True) or the main one, and take them from it.

    All of them go to the same list. A newcomer queues where others do; somebody who has a place
    already, or whose turn it is, does not. Raises `SoldOut`, or `WaitingListFull` if only the
    waiting list was wanted; `event` is the label that the error names.
    """
    if waiting != Waiting.WANTED and not (newcomer and lists.queued) and lists.main_free >= places:
        lists.main_free -= places
        return False
    if waiting != Waiting.REFUSED and lists.waiting_free >= places:
        lists.waiting_free -= places
        return True
    raise WaitingListFull() if waiting == Waiting.WANTED else SoldOut(event=event)


def require_free(
    claims: Sequence[Claim],
    now: datetime,
    *,
    but_hold: Hold | None = None,
    but_booking: Booking | None = None,
) -> None:
    """Raise `SoldOut` unless desk and resources are all free for as long as they are claimed."""
    # All claims of an appointment have the same times.
    first = claims[0]
    overlapping = Occupation.objects.select_for_update().filter(
        live_at(now),
        bookable_id__in=[claim.bookable_id for claim in claims],
        busy_to__gt=first.busy_from,
        busy_from__lt=first.busy_to,
    )
    if but_hold is not None:
        overlapping = overlapping.exclude(hold_id=but_hold.pk)
    if but_booking is not None:
        overlapping = overlapping.exclude(booking_id=but_booking.pk)
    if overlapping.order_by().values_list("pk", flat=True)[:1]:
        raise SoldOut(appointment=True)


# Write


def occupy(
    claims: Sequence[Claim],
    *,
    places: int,
    waiting: bool = False,
    booking: Booking | None = None,
    hold: Hold | None = None,
    lapses_at: datetime | None = None,
) -> list[Occupation]:
    """The rows that take what is claimed. They are still to be saved, with `take`."""
    return [
        Occupation(
            bookable_id=claim.bookable_id,
            busy_from=claim.busy_from,
            busy_to=claim.busy_to,
            places=places,
            waiting=waiting,
            booking=booking,
            hold=hold,
            lapses_at=lapses_at,
        )
        for claim in claims
    ]


def count(bookables: Mapping[int, Bookable], occupations: Iterable[Occupation], sign: int) -> None:
    """Add what these occupations take to the counters (`sign` 1), or give it back (-1).

    What lapses by the clock is in no counter.
    """
    changes: dict[int, list[int]] = {}
    for occupation in occupations:
        if occupation.lapses_at is None:
            change = changes.setdefault(occupation.bookable_id, [0, 0])
            change[occupation.waiting] += sign * occupation.places
    alike: dict[tuple[int, int], list[int]] = {}
    for bookable_id, change in changes.items():
        alike.setdefault(tuple(change), []).append(bookable_id)
    for (booked, waiting), bookable_ids in alike.items():
        columns = {}
        if booked:
            columns["places_booked"] = F("places_booked") + booked
        if waiting:
            columns["places_waiting"] = F("places_waiting") + waiting
        if columns:
            Bookable.objects.filter(pk__in=bookable_ids).update(**columns)
        for bookable_id in bookable_ids:
            bookables[bookable_id].places_booked += booked
            bookables[bookable_id].places_waiting += waiting


def take(bookables: Mapping[int, Bookable], occupations: Sequence[Occupation]) -> None:
    """Save what `occupy` made, and count it."""
    Occupation.objects.bulk_create(occupations)
    count(bookables, occupations, 1)


def has_lapsed(booking: Booking, now: datetime) -> bool:
    """Whether the time of an offer or request has run out, though nobody may have said so yet."""
    return booking.decide_by is not None and booking.decide_by <= now


def approve_by(agenda: Agenda, start: datetime, now: datetime) -> datetime | None:
    """When a request for approval lapses that is made at that moment; None if never.

    No later than what is asked for begins: an answer after that is none.
    """
    hours = agenda.approval_hours
    return before_start(instant(now) + timedelta(hours=hours), start, now) if hours else None


def before_start(deadline: datetime, start: datetime, now: datetime) -> datetime:
    """The deadline, or when the booking begins if that comes first and is still to come."""
    return min(deadline, instant(start)) if instant(start) > instant(now) else deadline


def give_back(bookables: Mapping[int, Bookable], bookings: Iterable[Booking]) -> list[Occupation]:
    """Delete what bookings occupy, and answer with it.

    Raises `Outpaced` if something of it is not locked: read `occupied_by` again.
    """
    occupied = list(
        Occupation.objects.select_for_update().filter(booking__in=list(bookings)).order_by("pk")
    )
    if not {row.bookable_id for row in occupied} <= bookables.keys():
        raise Outpaced()
    Occupation.objects.filter(pk__in=[row.pk for row in occupied]).delete()
    count(bookables, occupied, -1)
    return occupied


def occupied_by(bookings: Iterable[Booking]) -> set[int]:
    """The locks of what bookings occupy and of their events, as read before any lock."""
    bookings = list(bookings)
    rows = Occupation.objects.filter(booking__in=bookings).order_by()
    events = {booking.event.bookable_id for booking in bookings if booking.event is not None}
    return events | set(rows.values_list("bookable_id", flat=True))


def bookings_for_update(pks: Iterable[int]) -> list[Booking]:
    """The bookings as they are, locked, with what the workflow and the mails read of them.

    Locked alone: in one statement with their relations, MariaDB would lock the agenda and the
    status as well, and with them everybody else's bookings.
    """
    relations = ("agenda", "meeting_type", "desk", "event", "status", "site")
    chosen = Booking.objects.filter(pk__in=list(pks))
    locked = list(chosen.select_for_update().order_by("pk"))
    related = chosen.select_related("agenda__workflow", *relations).in_bulk()
    for present in locked:
        seen = related[present.pk]
        for name in relations:
            if getattr(present, f"{name}_id") == getattr(seen, f"{name}_id"):
                setattr(present, name, getattr(seen, name))
        if present.event is not None:
            present.event.agenda = present.agenda
    return locked
