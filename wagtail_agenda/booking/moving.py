"""Bookings that change: to another time, to another number of places."""

from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser

from wagtail_agenda import workflow
from wagtail_agenda.availability import Slot
from wagtail_agenda.booking import texts
from wagtail_agenda.booking.admission import (
    Waiting,
    admit_to_event,
    approve_by,
    before_start,
    bookings_for_update,
    give_back,
    has_lapsed,
    lists_of,
    lock,
    occupied_by,
    occupy,
    require_as_shown,
    require_free,
    take,
)
from wagtail_agenda.booking.claims import (
    Claim,
    bookables_of,
    claims_of,
    first_with_room,
    instant,
    slot_of,
)
from wagtail_agenda.booking.persons import lock_persons, persons_to_lock, require_below_caps
from wagtail_agenda.booking.waiting_list import fill
from wagtail_agenda.choices import Actor, Admission, Trigger
from wagtail_agenda.contention import Outpaced, retried
from wagtail_agenda.correspondence import know_resources
from wagtail_agenda.errors import (
    BookingCancelled,
    CheckedIn,
    EventIsOver,
    MoveNotAllowed,
    TooLateToMove,
    TooManyPlaces,
)
from wagtail_agenda.models import Agenda, Bookable, Booking


def require_may_move(booking: Booking, *, actor: str, now: datetime) -> None:
    """Raise unless somebody may move or resize this booking at that moment.

    Raises `BookingCancelled`, `CheckedIn`, and for visitors `EventIsOver`, `MoveNotAllowed` or
    `TooLateToMove`. An offer is accepted or declined, not moved.
    """
    if booking.is_cancelled:
        raise BookingCancelled()
    if booking.attendance:
        raise CheckedIn()
    if booking.admission == Admission.OFFERED:
        raise MoveNotAllowed()
    if actor != Actor.VISITOR:
        return
    if booking.start <= now:
        raise EventIsOver()
    if not booking.agenda.visitors_may_move:
        raise MoveNotAllowed()
    deadline = instant(booking.start) - timedelta(hours=booking.agenda.move_notice)
    if deadline < now:
        raise TooLateToMove(deadline.astimezone(booking.agenda.zone))


def move(
    booking: Booking,
    slot: Slot,
    *,
    actor: str,
    now: datetime,
    user: AbstractBaseUser | None = None,
) -> Booking:
    """Move a booking to another slot, in one transaction: it keeps its place until it has the new.

    What waits may wait again; what has a place gets one, or stays where it is. A visitor's move
    needs approval again where bookings need it. Moving to where it is changes nothing.

    Raises what `require_may_move` does, `NotOffered`, `EventCancelled`, `SoldOut`, `CapReached` or
    `Overloaded`.
    """

    def at_desk(desk_id: int | None) -> Booking:
        claims = claims_of(slot, desk_id)

        def guess() -> tuple[set[int], workflow.Road]:
            return occupied_by([booking]), workflow.road_of(slot.agenda_at(desk_id))

        def work(known: tuple[set[int], workflow.Road]) -> Booking:
            taken, road = known
            lock_persons(persons_to_lock([_towards(booking, slot, desk_id)]))
            bookables = lock(taken | bookables_of(claims))
            (present,) = bookings_for_update([booking.pk])
            require_may_move(present, actor=actor, now=now)
            if _is_at(present, slot, desk_id, any_desk=actor == Actor.VISITOR):
                return present
            _move(present, slot, desk_id, claims, bookables, actor, now, user, road)
            return present

        return retried(work, guess)

    return first_with_room(slot, now, at_desk, preferred=booking.desk_id)


def resize(
    booking: Booking,
    places: int,
    *,
    actor: str,
    now: datetime,
    user: AbstractBaseUser | None = None,
) -> Booking:
    """Give a booking of an event another number of places, on the list on which it is.

    More of them queue like a newcomer; what is given back passes on to those who wait.

    Raises what `require_may_move` does, `TooManyPlaces`, `SoldOut` or `Overloaded`, and ValueError
    for fewer than one.
    """
    if places < 1:
        raise ValueError(f"A booking takes at least one place, not {places}")

    def guess() -> set[int]:
        return occupied_by([booking])

    def work(taken: set[int]) -> Booking:
        bookables = lock(taken)
        (present,) = bookings_for_update([booking.pk])
        require_may_move(present, actor=actor, now=now)
        if places == present.places:
            return present
        if present.event is None:
            raise TooManyPlaces(1)
        if actor == Actor.VISITOR and places > present.agenda.places_per_booking:
            raise TooManyPlaces(present.agenda.places_per_booking)
        bookable = bookables.get(present.event.bookable_id)
        if bookable is None:
            raise Outpaced()
        waits = present.admission == Admission.WAITING
        more = places - present.places
        if more > 0:
            admit_to_event(
                lists_of([bookable], now)[bookable.pk],
                more,
                waiting=Waiting.WANTED if waits else Waiting.REFUSED,
            )
        data = {"from_places": present.places, "places": places}
        give_back(bookables, [present])
        present.places = places
        present.save(update_fields=["places"])
        _occupy(present, claims_of(slot_of(present), None), bookables, waits)
        workflow.advance(
            present,
            Trigger.CHANGED,
            road=workflow.road_of(present.agenda),
            actor=actor,
            user=user,
            now=now,
            data=data,
        )
        if more < 0:
            fill(present.event, bookables, now=now)
        return present

    return retried(work, guess)


def _towards(booking: Booking, slot: Slot, desk_id: int | None) -> Booking:
    """The booking as it would be there, unsaved: what caps ask about."""
    return Booking(
        pk=booking.pk,
        agenda=slot.agenda_at(desk_id),
        virtual_agenda=slot.agenda if slot.agenda.is_virtual else None,
        start=slot.start,
        person_digest=booking.person_digest,
    )


def _is_at(booking: Booking, slot: Slot, desk_id: int | None, *, any_desk: bool) -> bool:
    """Whether the booking is there already.

    Visitors choose a time and no desk: `any_desk` keeps a second click from changing the desk.
    """
    if [booking.start, booking.end] != [instant(slot.start), instant(slot.end)]:
        return False
    if slot.event is not None:
        return booking.event_id == slot.event.pk
    if any_desk:
        types = slot.types.values() or [slot.meeting_type]
        return booking.meeting_type_id in {meeting_type.pk for meeting_type in types}
    return (booking.desk_id, booking.meeting_type_id) == (desk_id, slot.type_at(desk_id).pk)


def _move(
    booking: Booking,
    slot: Slot,
    desk_id: int | None,
    claims: tuple[Claim, ...],
    bookables: dict[int, Bookable],
    actor: str,
    now: datetime,
    user: AbstractBaseUser | None,
    road: workflow.Road,
) -> None:
    waited = booking.admission == Admission.WAITING
    require_below_caps([_towards(booking, slot, desk_id)], now)
    require_as_shown([slot])
    waits = False
    if slot.event is not None:
        bookable = bookables[slot.event.bookable_id]
        waits = admit_to_event(
            lists_of([bookable], now, but_booking=booking)[bookable.pk],
            booking.places,
            waiting=Waiting.ACCEPTED if waited else Waiting.REFUSED,
        )
    else:
        require_free(claims, now, but_booking=booking)
    left = booking.event
    data = {
        "from_start": booking.start.isoformat(),
        "from_end": booking.end.isoformat(),
        "from_label": left.label if left is not None else "",
    }
    give_back(bookables, [booking])
    trigger = _readmit(booking, slot.agenda_at(desk_id), slot.start, waits, actor, now)
    _write_where(booking, slot, desk_id)
    _occupy(booking, claims, bookables, waits)
    workflow.advance(booking, trigger, road=road, actor=actor, user=user, now=now, data=data)
    if left is not None:
        fill(left, bookables, now=now)


def _readmit(
    booking: Booking, agenda: Agenda, start: datetime, waits: bool, actor: str, now: datetime
) -> Trigger:
    """Decide the admission of a booking that moves to an agenda, and say what happens to it."""
    if waits:
        booking.waiting_since = now
        return Trigger.WAITING
    booking.suspended = False
    asked = booking.admission == Admission.PENDING and not has_lapsed(booking, now)
    if asked and booking.decide_by is not None:
        booking.decide_by = before_start(booking.decide_by, start, now)
    if agenda.needs_approval and actor == Actor.VISITOR:
        if not asked:
            booking.decide_by = approve_by(agenda, start, now)
        booking.admission = Admission.PENDING
        return Trigger.PENDING
    if booking.admission == Admission.PENDING and not asked:
        booking.decide_by = approve_by(agenda, start, now)
    if booking.admission == Admission.WAITING:
        booking.admission = Admission.CONFIRMED
    return Trigger.MOVED


def _write_where(booking: Booking, slot: Slot, desk_id: int | None) -> None:
    """Put the booking where the slot is; its texts follow, unless somebody has changed them."""
    resources = slot.resources_at(desk_id) if slot.event is None else ()
    with texts.following([booking]):
        booking.agenda = slot.agenda_at(desk_id)
        booking.virtual_agenda = slot.agenda if slot.agenda.is_virtual else None
        booking.meeting_type = slot.type_at(desk_id)
        booking.desk, booking.event = slot.desks.get(desk_id), slot.event
        booking.start, booking.end = instant(slot.start), instant(slot.end)
        know_resources(booking, resources)
    booking.save()
    if slot.event is None:
        booking.resources.set(resources)


def _occupy(
    booking: Booking, claims: tuple[Claim, ...], bookables: dict[int, Bookable], waits: bool
) -> None:
    rows = occupy(
        claims,
        places=booking.places,
        waiting=waits,
        booking=booking,
        lapses_at=booking.decide_by,
    )
    take(bookables, rows)
