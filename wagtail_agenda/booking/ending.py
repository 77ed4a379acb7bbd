"""Bookings that end: cancelled, declined, refused, out of time, or with their event."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from wagtail_agenda import callbacks, workflow
from wagtail_agenda.booking.admission import (
    bookings_for_update,
    give_back,
    lock,
    occupied_by,
)
from wagtail_agenda.booking.waiting_list import fill
from wagtail_agenda.choices import Actor, Admission, Trigger
from wagtail_agenda.contention import retried
from wagtail_agenda.errors import AlreadyCancelled, EventIsOver, NoOffer, NotPending
from wagtail_agenda.models import Bookable, Booking


def cancel(
    booking: Booking,
    *,
    actor: str,
    now: datetime,
    user: AbstractBaseUser | None = None,
    reason: str = "",
) -> Booking:
    """Cancel a booking, whatever its admission, and pass its places on to those who wait.

    A visitor can do so until it begins, an agent afterwards too. Raises `AlreadyCancelled`,
    `EventIsOver` or `Overloaded`.
    """

    def check(present: Booking) -> None:
        if actor == Actor.VISITOR and present.start <= now:
            raise EventIsOver()

    return _ended(booking, check, cancelled_by(actor), actor, now, user, reason)


def decline_offer(booking: Booking, *, now: datetime, actor: str = Actor.VISITOR) -> Booking:
    """Give back a place that is being offered; it passes on to the next who waits.

    Raises `AlreadyCancelled`, `NoOffer` or `Overloaded`.
    """

    def check(present: Booking) -> None:
        if present.admission != Admission.OFFERED:
            raise NoOffer()

    return _ended(booking, check, Trigger.DECLINED, actor, now, None, "")


def refuse(
    booking: Booking,
    *,
    now: datetime,
    user: AbstractBaseUser | None = None,
    reason: str = "",
) -> Booking:
    """Refuse a booking that needs approval, and pass its places on.

    Raises `AlreadyCancelled`, `NotPending` or `Overloaded`.
    """

    def check(present: Booking) -> None:
        if present.admission != Admission.PENDING:
            raise NotPending()

    return _ended(booking, check, Trigger.REFUSED, Actor.AGENT, now, user, reason)


class _Decided(Exception):
    """The time had not run out after all, or somebody was quicker."""


def lapse(booking: Booking, *, now: datetime) -> Booking | None:
    """End a booking whose time to be decided has run out; None if it was decided after all.

    Raises `Overloaded`.
    """

    def check(present: Booking) -> None:
        undecided = present.admission in {Admission.OFFERED, Admission.PENDING}
        if not undecided or present.decide_by is None or present.decide_by > now:
            raise _Decided

    try:
        return _ended(booking, check, Trigger.LAPSED, Actor.SYSTEM, now, None, "")
    except (_Decided, AlreadyCancelled):
        return None


def cancelled_by(actor: str) -> Trigger:
    """What happens to a booking that somebody cancels."""
    if actor == Actor.VISITOR:
        return Trigger.CANCELLED_BY_VISITOR
    if actor == Actor.CLIENT:
        return Trigger.CANCELLED_BY_API
    return Trigger.CANCELLED_BY_AGENT


def end(
    bookings: Sequence[Booking],
    bookables: dict[int, Bookable],
    *,
    now: datetime,
    actor: str,
    user: AbstractBaseUser | None,
    trigger: Trigger,
    reason: str = "",
    passing_on: bool = True,
) -> None:
    """Cancel bookings of one agenda that are locked with all they occupy, and pass places on.

    The systems that they came from are told, see `callbacks`.
    """
    if not bookings:
        return
    before = {booking.pk: booking.admission for booking in bookings}
    deadlines = {booking.pk: booking.decide_by for booking in bookings}
    give_back(bookables, bookings)
    for booking in bookings:
        booking.admission = Admission.CANCELLED
        booking.cancelled_at = now
        booking.cancellation_reason = reason
        booking.decide_by = None
        booking.suspended = False
    changed = ["admission", "cancelled_at", "cancellation_reason", "decide_by", "suspended"]
    if len(bookings) == 1:
        bookings[0].save(update_fields=changed)
    else:
        # Alike but for the key, so one statement does.
        Booking.objects.filter(pk__in=before).update(
            **{name: getattr(bookings[0], name) for name in changed}
        )
    noted = []
    for booking in bookings:
        data = {"reason": reason, "admission": before[booking.pk]}
        if deadlines[booking.pk] is not None:
            data["decide_by"] = deadlines[booking.pk].isoformat()
        noted.append((booking, data))
    road = workflow.road_of(bookings[0].agenda)
    workflow.advance_all(noted, trigger, road=road, actor=actor, user=user, now=now)
    callbacks.tell_cancelled(bookings, actor=actor, reason=reason, now=now)
    if passing_on:
        for event in {booking.event_id: booking.event for booking in bookings}.values():
            if event is not None:
                fill(event, bookables, now=now)


def _ended(
    booking: Booking,
    check: Callable[[Booking], None],
    trigger: Trigger,
    actor: str,
    now: datetime,
    user: AbstractBaseUser | None,
    reason: str,
) -> Booking:
    def guess() -> set[int]:
        return occupied_by([booking])

    def work(taken: set[int]) -> Booking:
        bookables = lock(taken)
        (present,) = bookings_for_update([booking.pk])
        if present.is_cancelled:
            raise AlreadyCancelled()
        check(present)
        end(
            [present],
            bookables,
            now=now,
            actor=actor,
            user=user,
            trigger=trigger,
            reason=reason,
        )
        return present

    return retried(work, guess)
