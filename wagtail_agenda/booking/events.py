"""Events that change while people have booked them: places, time, texts, cancellation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from wagtail_agenda import workflow
from wagtail_agenda.booking import texts
from wagtail_agenda.booking.admission import (
    bookings_for_update,
    lists_of,
    lock,
)
from wagtail_agenda.booking.claims import instant
from wagtail_agenda.booking.ending import end
from wagtail_agenda.booking.waiting_list import fill
from wagtail_agenda.choices import Actor, Admission, Trigger
from wagtail_agenda.contention import retried
from wagtail_agenda.errors import (
    EventCancelled,
    EventInUse,
    EventIsBooked,
    EventIsOver,
    PlacesInUse,
)
from wagtail_agenda.models import MOST_PLACES, Bookable, Booking, Event, Hold, Occupation
from wagtail_agenda.timegrid import epoch_minutes, epoch_minutes_up


def change_places(
    event: Event, places: int, *, now: datetime, waiting_places: int | None = None
) -> None:
    """Give an event another number of places, and its waiting list too unless that is None.

    Those who wait get what is new. Raises `PlacesInUse` if more are taken, `Overloaded`, and
    ValueError for numbers that no event can have.
    """
    for number in (places, waiting_places or 0):
        if not 0 <= number <= MOST_PLACES:
            raise ValueError(f"An event has up to {MOST_PLACES:,} places, not {number}")

    def work(_nothing: None) -> Bookable:
        bookables = lock([event.bookable_id])
        bookable = bookables[event.bookable_id]
        lists = lists_of([bookable], now)[bookable.pk]
        taken = bookable.places - lists.main_free
        if places < taken:
            raise PlacesInUse(taken)
        if waiting_places is not None:
            waiting = bookable.waiting_places - lists.waiting_free
            if waiting_places < waiting:
                raise PlacesInUse(waiting, waiting_list=True)
            bookable.waiting_places = waiting_places
        bookable.places = places
        bookable.save(update_fields=["places", "waiting_places"])
        fill(event, bookables, now=now)
        return bookable

    changed = retried(work)
    event.bookable.places, event.bookable.waiting_places = changed.places, changed.waiting_places


def give_places(bookable_ids: Sequence[int], places: int, waiting_places: int) -> None:
    """Give events that nobody has booked or holds, and that are locked, other numbers of places."""
    Bookable.objects.filter(pk__in=bookable_ids).update(
        places=places, waiting_places=waiting_places
    )


def forget_holds(bookable_ids: Sequence[int]) -> None:
    """Give back what visitors hold of locked events that are no longer what these visitors saw."""
    Occupation.objects.filter(bookable_id__in=bookable_ids, hold__isnull=False).delete()


def change_event_time(
    event: Event,
    start: datetime,
    end: datetime,
    *,
    now: datetime,
    user: AbstractBaseUser | None = None,
    with_bookings: bool = False,
) -> int:
    """Move an event; `with_bookings` takes along those who have booked it, and tells them.

    Answers how many bookings moved. Raises `EventIsBooked` if somebody has booked or holds it and
    is not taken along, `EventCancelled` or `Overloaded`, and ValueError if it would end before it
    has begun.
    """
    if instant(end) <= instant(start):
        raise ValueError("An event ends after it has begun")

    def guess() -> workflow.Road:
        return workflow.road_of(event.agenda)

    def work(road: workflow.Road) -> int:
        lock([event.bookable_id])
        present = _require_live(event)
        occupied = list(
            Occupation.objects.select_for_update().filter(bookable_id=event.bookable_id)
        )
        held = any(row.hold_id is not None and row.lapses_at > now for row in occupied)
        pks = [row.booking_id for row in occupied if row.booking_id is not None]
        if (pks or held) and not with_bookings:
            raise EventIsBooked()
        Event.objects.filter(pk=event.pk).update(start=start, end=end)
        # A hold is of the time that its visitor saw; choosing again shows the new one.
        forget_holds([event.bookable_id])
        if not pks:
            return 0
        Occupation.objects.filter(bookable_id=event.bookable_id).update(
            busy_from=epoch_minutes(start), busy_to=epoch_minutes_up(end)
        )
        moved = bookings_for_update(pks)
        Booking.objects.filter(pk__in=pks).update(start=start, end=end)
        data = {"from_start": present.start.isoformat(), "from_end": present.end.isoformat()}
        noted = []
        for booking in moved:
            booking.start, booking.end = start, end
            booking.event.start, booking.event.end = start, end
            noted.append((booking, {**data, "from_label": present.label}))
        workflow.advance_all(noted, Trigger.MOVED, road=road, actor=Actor.AGENT, user=user, now=now)
        return len(moved)

    moved = retried(work, guess)
    event.start, event.end = start, end
    return moved


EVENT_TEXTS = ("label", "description", "location", "url")
"""What stands in the mails and calendar entries of whoever has booked an event."""


def reword_event(
    event: Event,
    wanted: Mapping[str, str],
    *,
    now: datetime,
    user: AbstractBaseUser | None = None,
    telling: bool = False,
) -> int:
    """Give an event other texts of `EVENT_TEXTS`, and its coming bookings those made of them.

    With `telling`, everybody who has booked it gets the mail of their status again, with another
    revision of the calendar entry; not who is checked in already. Answers how many are told.
    Raises `EventCancelled` or `Overloaded`.
    """
    unknown = wanted.keys() - set(EVENT_TEXTS)
    if unknown:
        raise ValueError(f"An event is not reworded in {', '.join(sorted(unknown))}")

    def guess() -> workflow.Road:
        return workflow.road_of(event.agenda)

    def work(road: workflow.Road) -> int:
        lock([event.bookable_id])
        present = _require_live(event)
        before = {name: getattr(present, name) for name in wanted}
        if before == wanted:
            return 0
        Event.objects.filter(pk=event.pk).update(**wanted)
        booked = Booking.objects.filter(event=event, end__gt=now)
        coming = bookings_for_update(
            booked.exclude(admission=Admission.CANCELLED).values_list("pk", flat=True)
        )
        # They have read the new texts along; those of the bookings are still made of the old ones.
        for booking in coming:
            _set(booking.event, before)
        with texts.following(coming):
            for booking in coming:
                _set(booking.event, wanted)
        Booking.objects.bulk_update(coming, texts.TEXTS)
        told = [booking for booking in coming if telling and not booking.attendance]
        if told:
            renamed = "label" in wanted and wanted["label"] != before["label"]
            data = {"from_label": before["label"]} if renamed else {}
            noted = [(booking, data) for booking in told]
            workflow.advance_all(
                noted, Trigger.CHANGED, road=road, actor=Actor.AGENT, user=user, now=now
            )
        return len(told)

    told = retried(work, guess)
    _set(event, wanted)
    return told


def _set(event: Event, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        setattr(event, name, value)


def cancel_event(
    event: Event,
    *,
    now: datetime,
    user: AbstractBaseUser | None = None,
    reason: str = "",
) -> int:
    """Cancel an event and every booking of it, and tell everybody.

    Answers how many bookings ended. What visitors hold of it is given back. Raises
    `EventCancelled` if it was already, or `Overloaded`.
    """

    def work(_nothing: None) -> int:
        bookables = lock([event.bookable_id])
        return _cancel(event, bookables, now, user, reason)

    ended = retried(work)
    event.cancelled_at, event.cancellation_reason = now, reason
    return ended


@dataclass(frozen=True)
class Removal:
    """Whether an event is deleted, or else cancelled, and how many bookings ended with it."""

    deleted: bool
    ended: int = 0


def remove_event(
    event: Event,
    *,
    now: datetime,
    user: AbstractBaseUser | None = None,
    reason: str = "",
    with_bookings: bool = False,
) -> Removal:
    """Take an event off its agenda: deleted, unless somebody ever booked or chose it.

    Otherwise it stays as their record, cancelled; `with_bookings` cancels the bookings that it
    has, as `cancel_event` does. Raises `EventInUse` if it has some, or is held, and they are not
    to be cancelled; `EventIsOver` if it has taken place; `EventCancelled` if it was already;
    `Overloaded`.
    """

    def work(_nothing: None) -> Removal:
        bookables = lock([event.bookable_id])
        present = Event.objects.select_for_update().get(pk=event.pk)
        bookings = Booking.objects.filter(event=event)
        if not with_bookings:
            held = Occupation.objects.filter(
                bookable_id=event.bookable_id, hold__isnull=False, lapses_at__gt=now
            )
            if held.exists() or bookings.exclude(admission=Admission.CANCELLED).exists():
                raise EventInUse()
        if bookings.exists() or Hold.objects.filter(event=event).exists():
            if present.end <= now:
                raise EventIsOver()
            return Removal(False, _cancel(event, bookables, now, user, reason))
        present.delete()
        return Removal(True)

    return retried(work)


def _cancel(
    event: Event,
    bookables: dict[int, Bookable],
    now: datetime,
    user: AbstractBaseUser | None,
    reason: str,
) -> int:
    """Cancel an event that is locked, with every booking of it. Answers how many there were."""
    _require_live(event)
    Event.objects.filter(pk=event.pk).update(cancelled_at=now, cancellation_reason=reason)
    forget_holds([event.bookable_id])
    booked = Booking.objects.filter(event=event).exclude(admission=Admission.CANCELLED)
    ending = bookings_for_update(booked.values_list("pk", flat=True))
    for booking in ending:
        booking.event.cancelled_at, booking.event.cancellation_reason = now, reason
    end(
        ending,
        bookables,
        now=now,
        actor=Actor.AGENT,
        user=user,
        trigger=Trigger.EVENT_CANCELLED,
        reason=reason,
        passing_on=False,
    )
    return len(ending)


def _require_live(event: Event) -> Event:
    """The event as it is, under the lock that must be held. Raises `EventCancelled`."""
    present = Event.objects.select_for_update().get(pk=event.pk)
    if present.is_cancelled:
        raise EventCancelled()
    return present
