"""Who waits for a place of an event, and how they get it.

The list is kept in the order of `Booking.waiting_since`. A place that becomes free goes to the
first *for whom there is room*: a group of three does not keep a single place from whoever comes
after it. What an agent has put back on the list stays there until an agent takes it off.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wagtail_agenda import availability, workflow
from wagtail_agenda.booking.admission import (
    Lists,
    approve_by,
    before_start,
    bookings_for_update,
    give_back,
    has_lapsed,
    lists_of,
    lock,
    occupied_by,
    occupy,
    take,
)
from wagtail_agenda.booking.claims import claims_of, instant, slot_of
from wagtail_agenda.choices import Actor, Admission, Trigger, WaitingListPromotion
from wagtail_agenda.contention import Outpaced, retried
from wagtail_agenda.errors import (
    AlreadyWaiting,
    BookingCancelled,
    EventIsOver,
    NoOffer,
    NotWaiting,
    OfferLapsed,
    SoldOut,
    WaitingListFull,
)
from wagtail_agenda.models import Bookable, Booking, Event, Occupation
from wagtail_agenda.wording import moment_text

FILLED_AT_ONCE = 500
"""How many people one transaction takes off a waiting list at most; the next sweep goes on."""


def fill(event: Event, bookables: dict[int, Bookable], *, now: datetime) -> list[Booking]:
    """Give or offer what is free to those who wait, as the agenda has it. Needs the event's lock.

    Answers with those whose turn it was. Raises `Outpaced` if it is another event by now.
    """
    if event.bookable_id not in bookables:
        raise Outpaced()
    agenda, bookable = event.agenda, bookables[event.bookable_id]
    if (
        agenda.waiting_list_promotion == WaitingListPromotion.BY_HAND
        or not bookable.places_waiting
        or event.is_cancelled
        or event.start <= now
    ):
        return []
    free = lists_of([bookable], now)[bookable.pk].main_free
    if free <= 0:
        return []
    queue = (
        waiting_for(event)
        .filter(suspended=False, places__lte=free)
        .select_for_update()
        .values_list("pk", "places")
    )
    chosen = []
    for pk, places in queue:
        if places <= free and len(chosen) < FILLED_AT_ONCE:
            chosen.append(pk)
            free -= places
    if not chosen:
        return []
    by_pk = {booking.pk: booking for booking in bookings_for_update(chosen)}
    promoted = [by_pk[pk] for pk in chosen]
    if agenda.waiting_list_promotion == WaitingListPromotion.OFFER:
        _offer(promoted, bookables, now, Actor.SYSTEM, None)
    else:
        _give(promoted, bookables, now, Actor.SYSTEM, None, Trigger.PROMOTED)
    return promoted


def waiting_for(event: Event):
    """The bookings on an event's waiting list, in their order."""
    return Booking.objects.filter(event=event, admission=Admission.WAITING).order_by(
        "waiting_since", "pk"
    )


# By hand


def promote(
    booking: Booking,
    *,
    now: datetime,
    actor: str = Actor.AGENT,
    user: AbstractBaseUser | None = None,
) -> Booking:
    """Give somebody on the waiting list, or with an offer, a place; whoever else waits.

    Raises `BookingCancelled`, `NotWaiting`, `EventIsOver`, `SoldOut` or `Overloaded`.
    """

    def work(present: Booking, bookables: dict[int, Bookable]) -> None:
        _require(present, {Admission.WAITING, Admission.OFFERED}, NotWaiting())
        _require_room(present, bookables, now)
        _give([present], bookables, now, actor, user, Trigger.PROMOTED, approved=True)

    return _changed(booking, now, work)


def offer(booking: Booking, *, now: datetime, user: AbstractBaseUser | None = None) -> Booking:
    """Keep a place for somebody on the waiting list until they accept it, or too late.

    Raises `BookingCancelled`, `NotWaiting`, `EventIsOver`, `SoldOut` or `Overloaded`.
    """

    def work(present: Booking, bookables: dict[int, Bookable]) -> None:
        _require(present, {Admission.WAITING}, NotWaiting())
        _require_room(present, bookables, now)
        _offer([present], bookables, now, Actor.AGENT, user)

    return _changed(booking, now, work)


def suspend(
    booking: Booking,
    *,
    now: datetime,
    actor: str = Actor.AGENT,
    user: AbstractBaseUser | None = None,
) -> Booking:
    """Put a booking back on the waiting list, where it stays until an agent takes it off.

    Its place goes to the next. Who has waited before has their old turn again. Raises
    `BookingCancelled`, `AlreadyWaiting`, `EventIsOver`, `WaitingListFull` (also for what has no
    waiting list) or `Overloaded`.
    """

    def work(present: Booking, bookables: dict[int, Bookable]) -> None:
        if present.event is None:
            raise WaitingListFull()
        if present.admission == Admission.WAITING:
            raise AlreadyWaiting()
        bookable = bookables[present.event.bookable_id]
        if lists_of([bookable], now)[bookable.pk].waiting_free < present.places:
            raise WaitingListFull()
        present.waiting_since = present.waiting_since or now
        present.suspended = True
        _readmit([present], Admission.WAITING, bookables, None)
        _advance([present], Trigger.SUSPENDED, actor, user, now)
        fill(present.event, bookables, now=now)

    return _changed(booking, now, work)


# By the one who waits


def accept_offer(booking: Booking, *, now: datetime, actor: str = Actor.VISITOR) -> Booking:
    """Take the place that is being offered. Accepting twice answers with the same booking.

    Raises `BookingCancelled`, `NoOffer`, `OfferLapsed`, `EventIsOver` or `Overloaded`.
    """

    def work(present: Booking, bookables: dict[int, Bookable]) -> None:
        if present.admission in {Admission.CONFIRMED, Admission.PENDING}:
            return
        _require(present, {Admission.OFFERED}, NoOffer())
        if has_lapsed(present, now):
            raise OfferLapsed()
        try:
            _require_room(present, bookables, now)
        except SoldOut as error:
            # By the clock of another server the time had run out, and somebody has come in.
            raise OfferLapsed() from error
        _give([present], bookables, now, actor, None, Trigger.PROMOTED)

    return _changed(booking, now, work)


# What the waiting list looks like


@dataclass(frozen=True)
class Standing:
    """One who waits or is being offered a place: `position` from 1, and why it is not their turn.

    `reason` is a sentence in the active language.
    """

    booking: Booking
    position: int
    reason: str


def standings(event: Event, now: datetime) -> list[Standing]:
    """Everybody on an event's waiting list in their order, each with why they have no place yet."""
    bookable = Bookable.objects.get(pk=event.bookable_id)
    kept = availability.held_places([bookable.pk], now).get(bookable.pk, 0)
    free = max(0, bookable.places - bookable.places_booked - kept)
    waiting = Booking.objects.filter(
        event=event, admission__in=[Admission.WAITING, Admission.OFFERED]
    ).order_by("waiting_since", "pk")
    by_hand = event.agenda.waiting_list_promotion == WaitingListPromotion.BY_HAND
    return [
        Standing(booking, position, _reason(booking, free, by_hand, event))
        for position, booking in enumerate(waiting.select_related("status"), start=1)
    ]


def _reason(booking: Booking, free: int, by_hand: bool, event: Event) -> str:
    if booking.admission == Admission.OFFERED:
        until = moment_text(booking.decide_by.astimezone(event.agenda.zone))
        return _("Is being offered a place until %(until)s.") % {"until": until}
    if booking.suspended:
        return _("Was put back on the list by an agent, who alone can take it off again.")
    if not free:
        return _("No place is free.")
    if booking.places > free:
        return ngettext(
            "Needs %(places)d places, and %(free)d is free.",
            "Needs %(places)d places, and %(free)d are free.",
            free,
        ) % {"places": booking.places, "free": free}
    if by_hand:
        return _("There is room. An agent decides who gets it.")
    return _("There is room. The place is given within a minute.")


# The parts that all of them share


def _changed(
    booking: Booking, now: datetime, change: Callable[[Booking, dict[int, Bookable]], None]
) -> Booking:
    """Run `change` on the booking as it is, with everything locked that it occupies."""

    def guess() -> set[int]:
        return occupied_by([booking])

    def work(taken: set[int]) -> Booking:
        bookables = lock(taken)
        (present,) = bookings_for_update([booking.pk])
        if present.admission == Admission.CANCELLED:
            raise BookingCancelled()
        if present.start <= now:
            raise EventIsOver()
        if present.event is not None and present.event.bookable_id not in bookables:
            raise Outpaced()
        change(present, bookables)
        return present

    return retried(work, guess)


def _require(booking: Booking, admissions: set[str], error: Exception) -> None:
    if booking.admission not in admissions:
        raise error


def _require_room(booking: Booking, bookables: dict[int, Bookable], now: datetime) -> None:
    bookable = bookables[booking.event.bookable_id]
    lists: Lists = lists_of([bookable], now, but_booking=booking)[bookable.pk]
    if lists.main_free < booking.places:
        raise SoldOut()


def _give(
    bookings: Sequence[Booking],
    bookables: dict[int, Bookable],
    now: datetime,
    actor: str,
    user: AbstractBaseUser | None,
    trigger: Trigger,
    *,
    approved: bool = False,
) -> None:
    """Give places of the main list. Where bookings need approval, only an agent gives them."""
    agenda = bookings[0].agenda
    if agenda.needs_approval and not approved:
        _readmit(bookings, Admission.PENDING, bookables, approve_by(agenda, bookings[0].start, now))
        _advance(bookings, Trigger.PENDING, actor, user, now)
    else:
        _readmit(bookings, Admission.CONFIRMED, bookables, None)
        _advance(bookings, trigger, actor, user, now)


def _offer(
    bookings: Sequence[Booking],
    bookables: dict[int, Bookable],
    now: datetime,
    actor: str,
    user: AbstractBaseUser | None,
) -> None:
    agenda = bookings[0].agenda
    until = instant(now) + timedelta(hours=agenda.offer_hours)
    decide_by = before_start(until, bookings[0].start, now)
    _readmit(bookings, Admission.OFFERED, bookables, decide_by)
    _advance(bookings, Trigger.OFFERED, actor, user, now)


def _readmit(
    bookings: Sequence[Booking],
    admission: str,
    bookables: dict[int, Bookable],
    decide_by: datetime | None,
) -> None:
    """Give bookings another admission, and what they occupy the form that goes with it."""
    give_back(bookables, bookings)
    rows: list[Occupation] = []
    for booking in bookings:
        booking.admission, booking.decide_by = admission, decide_by
        if admission != Admission.WAITING:
            booking.suspended = False
        rows += occupy(
            claims_of(slot_of(booking), booking.desk_id),
            places=booking.places,
            waiting=admission == Admission.WAITING,
            booking=booking,
            lapses_at=decide_by,
        )
    take(bookables, rows)
    Booking.objects.bulk_update(bookings, ["admission", "decide_by", "suspended", "waiting_since"])


def _advance(
    bookings: Sequence[Booking],
    trigger: Trigger,
    actor: str,
    user: AbstractBaseUser | None,
    now: datetime,
) -> None:
    road = workflow.road_of(bookings[0].agenda)
    noted = [(booking, {}) for booking in bookings]
    workflow.advance_all(noted, trigger, road=road, actor=actor, user=user, now=now)
