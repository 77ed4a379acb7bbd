"""The only writer of holds, bookings, occupations and places. Who came is `attendance.py`'s.

Every way to a place leads through here: the visitor's form, an agent, later other systems. Each
function is one transaction of the same shape:

1. lock: raise `Bookable.version` of everything concerned, in the order of the primary keys;
2. count, in later statements that lock what they read, what is taken at this moment;
3. write: booking, occupation, counters, history, status, deliveries.

Locking first and counting second is what keeps two visitors from winning one place on every
database. A single conditional UPDATE that also counts live holds does not: on PostgreSQL it
re-reads the locked row after a wait, but its sub-select still sees the old snapshot.

What was read before the lock is only a guess at what to lock: it is read again afterwards, by a
locking statement, because MariaDB at REPEATABLE READ would otherwise answer with what it knew when
the host's transaction began.

Nothing here talks to the network. The first statement of a transaction writes, because SQLite
cannot wait for a lock it wants only after reading.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count, F, QuerySet
from wagtail.models import Site

from wagtail_agenda import availability, cleaning, conf, tokens, workflow
from wagtail_agenda.availability import Slot, live_at
from wagtail_agenda.choices import Actor, Admission, Trigger
from wagtail_agenda.contention import Outpaced, retried
from wagtail_agenda.correspondence import label_texts
from wagtail_agenda.errors import (
    AgendaClosed,
    AlreadyCancelled,
    BookingError,
    EventIsBooked,
    EventIsOver,
    HoldUsed,
    NotOffered,
    PlacesInUse,
    SoldOut,
    TooManyHolds,
)
from wagtail_agenda.models import (
    Agenda,
    Bookable,
    Booking,
    Event,
    FormVersion,
    Hold,
    MeetingType,
    Occupation,
)
from wagtail_agenda.timegrid import epoch_minutes, epoch_minutes_up

BASKET_LIFETIME = timedelta(hours=24)
"""How long what a visitor typed is kept after their hold has lapsed."""

PURGED_AT_ONCE = 5_000
"""How many holds one transaction deletes at most; the next purge takes the rest."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Details:
    """Who books, and what they answered. Everything may be empty.

    `description` wins over the agenda's template. `site` and `language` are where and in which
    language the booking was made; mails are written for them.
    """

    user_name: str = ""
    user_email: str = ""
    user_phone_number: str = ""
    user_external_id: str = ""
    description: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    extra_data: dict[str, Any] = field(default_factory=dict)
    language: str = ""
    site: Site | None = None
    places: int = 1
    form_version: FormVersion | None = None

    def __post_init__(self) -> None:
        if self.places < 1:
            raise ValueError(f"A booking takes at least one place, not {self.places}")


# Holds


def hold(
    slot: Slot,
    *,
    lock_code: str,
    now: datetime,
    visitor_key: str = "",
    address_key: str = "",
    form_version: FormVersion | None = None,
    return_path: str = "",
) -> Hold:
    """Keep a place of `slot` for whoever has `lock_code`, for ``HOLD_MINUTES``.

    A code holds one thing of an agenda at a time: choosing again moves the hold, and what was
    typed so far stays with it. `visitor_key` and `address_key` (digests, never the values
    themselves) count towards the caps on holds.

    Raises `AgendaClosed`, `NotOffered`, `SoldOut`, `TooManyHolds`, `HoldUsed` or `Overloaded`.
    """
    if not availability.is_open(slot.agenda, now):
        raise AgendaClosed()
    _check_caps(slot.agenda, lock_code, visitor_key, address_key, now)
    about = {
        "visitor_key": visitor_key,
        "address_key": address_key,
        "form_version": form_version,
        "return_path": return_path,
    }
    held = _first_with_room(
        slot, now, lambda desk_id: _hold_at(slot, desk_id, lock_code, now, about)
    )
    try:
        # Once more, as others of the same visitor may have come in at the same moment: the last of
        # them to be written sees all the others.
        _check_caps(slot.agenda, lock_code, visitor_key, address_key, now)
    except TooManyHolds:
        release(held, now=now)
        raise
    return held


def is_held(hold: Hold, now: datetime) -> bool:
    """Whether the hold keeps something at that moment."""
    return hold.booking_id is None and hold.lapses_at is not None and hold.lapses_at > now


def open_basket(
    agenda: Agenda,
    *,
    lock_code: str,
    form_version: FormVersion | None,
    return_path: str,
    now: datetime,
) -> Hold:
    """A hold that keeps nothing yet but what is typed, for visitors who have no time chosen."""
    basket, _created = Hold.objects.get_or_create(
        agenda=agenda,
        lock_code=lock_code,
        defaults={
            "form_version": form_version,
            "return_path": return_path,
            "created_at": now,
        },
    )
    return basket


def keep_answers(hold: Hold, answers: dict[str, Any]) -> None:
    """Keep what was typed, valid or not, so that nothing is lost when the time is."""
    hold.answers = cleaning.storable(answers)
    Hold.objects.filter(pk=hold.pk, booking__isnull=True).update(answers=hold.answers)


def release(hold: Hold, *, now: datetime) -> None:
    """Give back what the hold keeps; what was typed stays."""

    def guess() -> Hold | None:
        return _known_hold(Hold.objects.filter(pk=hold.pk))

    def work(known: Hold | None) -> None:
        if known is None or known.bookable_id is None:
            return
        _lock([known.bookable_id])
        present = _present_hold(known)
        if present.booking_id is None and is_held(present, now):
            Occupation.objects.filter(hold=present).delete()
            Hold.objects.filter(pk=present.pk).update(lapses_at=now)
            hold.lapses_at = now

    retried(work, guess)


def purge_baskets(now: datetime) -> int:
    """Delete what visitors typed and left a day ago. Answers how many holds are gone."""
    cutoff = _instant(now) - BASKET_LIFETIME

    def work(_nothing: None) -> int:
        left = Hold.objects.filter(booking__isnull=True, created_at__lt=cutoff).exclude(
            lapses_at__gt=cutoff
        )
        # Locked before they are deleted, since their visitors may be coming back just now.
        oldest = left.select_for_update().order_by("pk")[:PURGED_AT_ONCE]
        pks = list(oldest.values_list("pk", flat=True))
        return Hold.objects.filter(pk__in=pks).delete()[1].get(Hold._meta.label, 0)

    return retried(work)


def _check_caps(
    agenda: Agenda, lock_code: str, visitor_key: str, address_key: str, now: datetime
) -> None:
    others = Hold.objects.filter(booking__isnull=True, lapses_at__gt=now).exclude(
        agenda=agenda, lock_code=lock_code
    )
    for column, key, setting in (
        ("visitor_key", visitor_key, "HOLDS_PER_SESSION"),
        ("address_key", address_key, "HOLDS_PER_ADDRESS"),
    ):
        cap = conf.get(setting)
        if key and cap and others.filter(**{column: key}).count() >= cap:
            raise TooManyHolds()


def _known_hold(which: QuerySet[Hold]) -> Hold | None:
    """A hold as it stands before any lock: says what to lock, decides nothing."""
    return which.select_related("desk", "event").first()


def _present_hold(known: Hold) -> Hold:
    """The hold as it is once its bookable is locked.

    Raises `Outpaced` if it has moved to another bookable meanwhile, or is gone.
    """
    present = Hold.objects.select_for_update().filter(pk=known.pk).first()
    if present is None or _taken_by(present) != _taken_by(known):
        raise Outpaced()
    return present


def _taken_by(hold: Hold) -> tuple[int | None, int | None]:
    return hold.desk_id, hold.event_id


def _hold_at(
    slot: Slot, desk_id: int | None, lock_code: str, now: datetime, about: dict[str, Any]
) -> Hold:
    bookable_id = _bookable_of(slot, desk_id)
    same_code = Hold.objects.filter(agenda=slot.agenda, lock_code=lock_code)

    def guess() -> Hold | None:
        return _known_hold(same_code)

    def work(known: Hold | None) -> Hold:
        bookables = _lock({bookable_id, known.bookable_id if known else None} - {None})
        held = same_code.select_for_update().first()
        if held is not None and held.booking_id is not None:
            raise HoldUsed(held.booking)
        if held is not None and held.bookable_id not in {None, *bookables}:
            raise Outpaced()
        places = held.places if held is not None else 1
        _require_room(bookables[bookable_id], slot, now, places=places, except_hold=held)
        held = held or Hold(agenda=slot.agenda, lock_code=lock_code, created_at=now)
        for name, value in about.items():
            if value:
                setattr(held, name, value)
        held.meeting_type, held.event = slot.meeting_type, slot.event
        held.desk = slot.desks.get(desk_id)
        held.start, held.end = slot.start, slot.end
        held.lapses_at = _instant(now) + timedelta(minutes=conf.get("HOLD_MINUTES"))
        held.save()
        busy_from, busy_to = _busy(slot.meeting_type, slot.start, slot.end)
        taken = {
            "bookable_id": bookable_id,
            "busy_from": busy_from,
            "busy_to": busy_to,
            "places": held.places,
            "lapses_at": held.lapses_at,
        }
        # Not `update_or_create`: the lock that it takes, in savepoints of its own, is held already.
        if not Occupation.objects.filter(hold=held).update(**taken):
            Occupation.objects.create(hold=held, **taken)
        return held

    return retried(work, guess)


# Bookings


def confirm(hold: Hold, details: Details, *, now: datetime) -> Booking:
    """Turn a hold into the booking. Asking twice answers with the same booking.

    A hold that has lapsed books all the same if its place is still there and still on offer.

    Raises `AgendaClosed`, `NotOffered`, `EventIsOver`, `SoldOut` or `Overloaded`.
    """

    def guess() -> _Confirmation | Booking:
        known = _known_hold(Hold.objects.filter(pk=hold.pk))
        if known is None:
            raise NotOffered()
        if known.booking_id is not None:
            return known.booking
        if hold.start is None or known.start is None:
            raise NotOffered()
        if not availability.is_open(known.agenda, now):
            raise AgendaClosed()
        if hold.start <= now:
            raise EventIsOver()
        if not is_held(known, now) and _what_is_held(known) == _what_is_held(hold):
            _require_offer(known, now)
        road = workflow.road_of(known.agenda)
        slot = slot_of(known)
        booking = _prepared(slot, known.desk_id, details, now, Actor.VISITOR, road)
        return _Confirmation(known, slot, road, booking)

    def work(known: _Confirmation | Booking) -> Booking:
        if isinstance(known, Booking):
            return known
        bookable_id = known.hold.bookable_id
        bookables = _lock([bookable_id])
        present = _present_hold(known.hold)
        if present.booking_id is not None:
            return present.booking
        if _what_is_held(present) != _what_is_held(hold):
            # Moved in another window meanwhile: what this page showed is no longer held.
            raise SoldOut(appointment=hold.desk_id is not None)
        # A live hold is counted too: while this waited for the lock it may have lapsed for others,
        # and the booking may take more places than were held.
        _require_room(
            bookables[bookable_id], known.slot, now, places=details.places, except_hold=present
        )
        booking = known.booking
        booking.save(force_insert=True)
        handed_over = Occupation.objects.filter(hold=present).update(
            booking=booking, hold=None, lapses_at=None, places=booking.places
        )
        if not handed_over:
            _occupy(booking, bookable_id)
        _count_and_advance(booking, bookable_id, now, Actor.VISITOR, None, known.road)
        Hold.objects.filter(pk=present.pk).update(booking=booking, lapses_at=None, answers={})
        return booking

    return retried(work, guess)


@dataclass(frozen=True)
class _Confirmation:
    """What `confirm` reads and prepares before it locks."""

    hold: Hold
    slot: Slot
    road: workflow.Road
    booking: Booking


def _what_is_held(hold: Hold) -> tuple:
    return (
        hold.meeting_type_id,
        hold.desk_id,
        hold.event_id,
        *(_instant(moment) for moment in (hold.start, hold.end) if moment),
    )


def _require_offer(lapsed: Hold, now: datetime) -> None:
    """Raise unless what a lapsed hold kept can still be had."""
    try:
        availability.find(lapsed.agenda, slot_of(lapsed).key, now=now, lock_code=lapsed.lock_code)
    except BookingError:
        # Sent twice: the other one may have turned it into a booking since it was read.
        if not Hold.objects.filter(pk=lapsed.pk, booking__isnull=False).exists():
            raise


def book(
    slot: Slot,
    details: Details,
    *,
    now: datetime,
    actor: str = Actor.AGENT,
    user: AbstractBaseUser | None = None,
) -> Booking:
    """Book a place of `slot` at once, without a hold.

    Raises `NotOffered`, `SoldOut` or `Overloaded`.
    """

    def at_desk(desk_id: int | None) -> Booking:
        bookable_id = _bookable_of(slot, desk_id)

        def guess() -> tuple[workflow.Road, Booking]:
            road = workflow.road_of(slot.agenda)
            return road, _prepared(slot, desk_id, details, now, actor, road)

        def work(known: tuple[workflow.Road, Booking]) -> Booking:
            road, booking = known
            bookables = _lock([bookable_id])
            _require_room(bookables[bookable_id], slot, now, places=details.places)
            booking.save(force_insert=True)
            _occupy(booking, bookable_id)
            _count_and_advance(booking, bookable_id, now, actor, user, road)
            return booking

        return retried(work, guess)

    return _first_with_room(slot, now, at_desk)


def cancel(
    booking: Booking,
    *,
    actor: str,
    now: datetime,
    user: AbstractBaseUser | None = None,
    reason: str = "",
) -> Booking:
    """Cancel a booking and give its places back.

    A visitor can do so until it begins, an agent afterwards too. Raises `AlreadyCancelled`,
    `EventIsOver` or `Overloaded`.
    """
    trigger = Trigger.CANCELLED_BY_VISITOR if actor == Actor.VISITOR else Trigger.CANCELLED_BY_AGENT
    occupations = Occupation.objects.filter(booking=booking)

    def guess() -> tuple[set[int], workflow.Road]:
        bookable_ids = set(occupations.values_list("bookable_id", flat=True))
        return bookable_ids, workflow.road_of(booking.agenda)

    def work(known: tuple[set[int], workflow.Road]) -> Booking:
        bookable_ids, road = known
        _lock(bookable_ids)
        (present,) = bookings_for_update([booking.pk])
        if present.is_cancelled:
            raise AlreadyCancelled()
        if actor == Actor.VISITOR and present.start <= now:
            raise EventIsOver()
        taken = list(occupations.select_for_update().values_list("bookable_id", "places"))
        if not {bookable_id for bookable_id, _places in taken} <= bookable_ids:
            raise Outpaced()
        occupations.delete()
        for bookable_id, places in taken:
            Bookable.objects.filter(pk=bookable_id).update(
                places_booked=F("places_booked") - places
            )
        present.admission = Admission.CANCELLED
        present.cancelled_at = now
        present.cancellation_reason = reason
        present.save(update_fields=["admission", "cancelled_at", "cancellation_reason"])
        workflow.advance(
            present,
            trigger,
            road=road,
            actor=actor,
            user=user,
            now=now,
            data={"reason": reason},
        )
        return present

    return retried(work, guess)


# Events


def change_places(event: Event, places: int, *, now: datetime) -> None:
    """Give an event another number of places.

    Raises `PlacesInUse` if more are booked or held, or `Overloaded`.
    """

    def work(_nothing: None) -> None:
        bookable = _lock([event.bookable_id])[event.bookable_id]
        taken = bookable.places_booked + _held(bookable, now)
        if places < taken:
            raise PlacesInUse(taken)
        Bookable.objects.filter(pk=bookable.pk).update(places=places)

    retried(work)
    event.bookable.places = places


def change_event_time(event: Event, start: datetime, end: datetime, *, now: datetime) -> None:
    """Move an event that nobody has booked or holds. Raises `EventIsBooked` or `Overloaded`."""

    def work(_nothing: None) -> None:
        bookable = _lock([event.bookable_id])[event.bookable_id]
        if bookable.places_booked or _held(bookable, now):
            raise EventIsBooked()
        Event.objects.filter(pk=event.pk).update(start=start, end=end)

    retried(work)
    event.start, event.end = start, end


def slot_of(taken: Hold | Booking) -> Slot:
    """The slot that a hold or booking has taken."""
    return Slot(
        agenda=taken.agenda,
        meeting_type=taken.meeting_type,
        event=taken.event,
        start=taken.start.astimezone(taken.agenda.zone),
        end=taken.end.astimezone(taken.agenda.zone),
        desk_ids=(taken.desk_id,) if taken.desk_id else (),
        desks={taken.desk_id: taken.desk} if taken.desk_id else {},
    )


# The parts of a transaction


def _lock(bookable_ids: Iterable[int]) -> dict[int, Bookable]:
    """Take the locks, in the one order that cannot deadlock, and read what they guard.

    Raises `NotOffered` if a desk or event has been deleted.
    """
    ordered = sorted(set(bookable_ids))
    for bookable_id in ordered:
        Bookable.objects.filter(pk=bookable_id).update(version=F("version") + 1)
    locked = Bookable.objects.select_for_update().filter(pk__in=ordered).order_by("pk")
    found = {bookable.pk: bookable for bookable in locked}
    if len(found) < len(ordered):
        raise NotOffered()
    return found


def _require_room(
    bookable: Bookable,
    slot: Slot,
    now: datetime,
    *,
    places: int = 1,
    except_hold: Hold | None = None,
) -> None:
    """Raise `SoldOut` unless `places` are free. Only right while `bookable` is locked.

    Raises `NotOffered` if the event is no longer at the time that was chosen.
    """
    if slot.event is not None:
        times = Event.objects.select_for_update().filter(pk=slot.event.pk)
        if list(times.values_list("start", "end")) != [(_instant(slot.start), _instant(slot.end))]:
            raise NotOffered()
        taken = bookable.places_booked + _held(bookable, now, except_hold)
        if taken + places > bookable.places:
            raise SoldOut()
        return
    busy_from, busy_to = _busy(slot.meeting_type, slot.start, slot.end)
    overlapping = Occupation.objects.select_for_update().filter(
        live_at(now), bookable=bookable, busy_to__gt=busy_from, busy_from__lt=busy_to
    )
    if except_hold is not None:
        overlapping = overlapping.exclude(hold_id=except_hold.pk)
    if overlapping.order_by().values_list("pk", flat=True)[:1]:
        raise SoldOut(appointment=True)


def _held(bookable: Bookable, now: datetime, except_hold: Hold | None = None) -> int:
    """How many places live holds keep of a locked bookable."""
    rows = (
        Occupation.objects.select_for_update()
        .filter(bookable=bookable, hold__isnull=False, lapses_at__gt=now)
        .order_by()
        .values_list("hold_id", "places")
    )
    mine = except_hold.pk if except_hold is not None else None
    return sum(places for hold_id, places in rows if hold_id != mine)


def _prepared(
    slot: Slot,
    desk_id: int | None,
    details: Details,
    now: datetime,
    actor: str,
    road: workflow.Road,
) -> Booking:
    """The booking as it will be saved, its texts filled in: nothing that others should wait for."""
    booking = Booking(
        agenda=slot.agenda,
        meeting_type=slot.meeting_type,
        desk=slot.desks.get(desk_id),
        event=slot.event,
        start=slot.start,
        end=slot.end,
        places=details.places,
        admission=Admission.CONFIRMED,
        status=road.booked,
        user_name=details.user_name,
        user_email=details.user_email,
        user_phone_number=details.user_phone_number,
        user_external_id=details.user_external_id,
        extra_data=details.extra_data,
        form_version=details.form_version,
        answers=details.answers,
        language=details.language,
        site=details.site,
        made_by=actor,
        created_at=now,
    )
    booking.token_digest = tokens.new_digest(booking)
    for name, text in label_texts(booking).items():
        setattr(booking, name, text)
    if details.description:
        booking.description = details.description
    return booking


def _occupy(booking: Booking, bookable_id: int) -> None:
    busy_from, busy_to = _busy(booking.meeting_type, booking.start, booking.end)
    Occupation.objects.create(
        bookable_id=bookable_id,
        busy_from=busy_from,
        busy_to=busy_to,
        places=booking.places,
        booking=booking,
    )


def _count_and_advance(
    booking: Booking,
    bookable_id: int,
    now: datetime,
    actor: str,
    user: AbstractBaseUser | None,
    road: workflow.Road,
) -> None:
    Bookable.objects.filter(pk=bookable_id).update(
        places_booked=F("places_booked") + booking.places
    )
    workflow.advance(booking, Trigger.BOOKED, road=road, actor=actor, user=user, now=now)


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
    return locked


def _instant(moment: datetime) -> datetime:
    """The same moment in UTC, where it can be compared and counted on from.

    Python counts in wall time within one zone, and holds a time that a night repeats to be unequal
    to the same moment in any other zone (PEP 495).
    """
    return moment.astimezone(timezone.utc)


def _busy(meeting_type: MeetingType | None, start: datetime, end: datetime) -> tuple[int, int]:
    """What is taken, in epoch minutes: an appointment with its buffers, an event as it is."""
    before = meeting_type.buffer_before if meeting_type else 0
    after = meeting_type.buffer_after if meeting_type else 0
    return epoch_minutes(start) - before, epoch_minutes_up(end) + after


def _bookable_of(slot: Slot, desk_id: int | None) -> int:
    return slot.event.bookable_id if slot.event is not None else slot.desks[desk_id].bookable_id


def _first_with_room(slot: Slot, now: datetime, at_desk: Callable[[int | None], Answer]) -> Answer:
    """Try the desks that looked free, each in a transaction of its own, until one has room."""
    if slot.event is not None:
        return at_desk(None)
    for desk_id in _least_loaded_first(slot, now):
        try:
            return at_desk(desk_id)
        except SoldOut:
            continue
    raise SoldOut(appointment=True)


def _least_loaded_first(slot: Slot, now: datetime) -> list[int]:
    """The free desks of a slot, those with the fewest bookings that day first, then in order."""
    if len(slot.desk_ids) < 2:
        return list(slot.desk_ids)
    day_from, day_to = availability.day_bounds(slot.start.date(), slot.agenda.zone)
    bookables = {slot.desks[desk_id].bookable_id: desk_id for desk_id in slot.desk_ids}
    load = dict(
        Occupation.objects.filter(
            live_at(now),
            bookable_id__in=bookables,
            busy_to__gt=day_from,
            busy_from__lt=day_to,
        )
        .order_by()
        .values("bookable_id")
        .annotate(count=Count("pk"))
        .values_list("bookable_id", "count")
    )
    return sorted(slot.desk_ids, key=lambda desk_id: load.get(slot.desks[desk_id].bookable_id, 0))
