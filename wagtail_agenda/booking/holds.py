"""What visitors keep while they fill in a form, and what they have typed so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from wagtail_agenda import availability, cleaning, conf
from wagtail_agenda.availability import Slot
from wagtail_agenda.booking.admission import (
    Waiting,
    admit_to_event,
    lists_of,
    lock,
    occupy,
    require_as_shown,
    require_free,
)
from wagtail_agenda.booking.claims import (
    bookables_of,
    claims_of,
    first_with_room,
    instant,
    slots_of,
)
from wagtail_agenda.choices import Actor
from wagtail_agenda.contention import Outpaced, retried
from wagtail_agenda.errors import (
    AgendaClosed,
    HoldUsed,
    NotOffered,
    TooManyHolds,
    TooManyPlaces,
)
from wagtail_agenda.models import (
    MOST_PLACES,
    Agenda,
    Bookable,
    FormVersion,
    Hold,
    Occupation,
)

BASKET_LIFETIME = timedelta(hours=24)
"""How long what a visitor typed is kept after their hold has lapsed."""

PURGED_AT_ONCE = 5_000
"""How many holds one transaction deletes at most; the next purge takes the rest."""


def hold(
    slot: Slot,
    *,
    lock_code: str,
    now: datetime,
    actor: str = Actor.VISITOR,
    places: int = 1,
    visitor_key: str = "",
    address_key: str = "",
    form_version: FormVersion | None = None,
    return_path: str = "",
) -> Hold:
    """Keep `places` of `slot` for whoever has `lock_code`, for ``HOLD_MINUTES``.

    A code holds one thing of an agenda at a time: choosing again moves the hold, and what was
    typed so far stays with it. Where others queue, the hold keeps places of the waiting list, and
    says so in `waiting`. `visitor_key` and `address_key` (digests, never the values themselves)
    count towards the caps on holds. Whoever is no visitor may hold more places than they may, and
    has to see for themselves that the agenda is open.

    Raises `AgendaClosed`, `NotOffered`, `EventCancelled`, `SoldOut`, `TooManyPlaces`,
    `TooManyHolds`, `HoldUsed` or `Overloaded`.
    """
    return hold_together(
        [slot],
        lock_code=lock_code,
        now=now,
        actor=actor,
        places=places,
        visitor_key=visitor_key,
        address_key=address_key,
        form_version=form_version,
        return_path=return_path,
    )


def hold_together(
    slots: Sequence[Slot],
    *,
    lock_code: str,
    now: datetime,
    actor: str = Actor.VISITOR,
    places: int = 1,
    visitor_key: str = "",
    address_key: str = "",
    form_version: FormVersion | None = None,
    return_path: str = "",
) -> Hold:
    """`hold` several events of one agenda under one code: all of them, or none.

    `waiting` then says that some of the places are on a waiting list. Raises as `hold`, and
    `NotOffered` for several where the agenda gives one.
    """
    agenda = slots[0].agenda
    if actor == Actor.VISITOR and not availability.is_open(agenda, now):
        raise AgendaClosed()
    most = agenda.places_per_booking if actor == Actor.VISITOR else MOST_PLACES
    if not 1 <= places <= most:
        raise TooManyPlaces(most)
    if len(slots) > 1 and not (
        agenda.several_events
        and all(slot.event is not None and slot.agenda.pk == agenda.pk for slot in slots)
    ):
        raise NotOffered()
    _check_caps(agenda, lock_code, visitor_key, address_key, now)
    about = {
        "visitor_key": visitor_key,
        "address_key": address_key,
        "form_version": form_version,
        "return_path": return_path,
    }
    chosen = sorted(
        {slot.key: slot for slot in slots}.values(), key=lambda slot: instant(slot.start)
    )
    held = first_with_room(
        chosen[0],
        now,
        lambda desk_id: _hold_at(chosen, desk_id, places, lock_code, now, about),
    )
    try:
        # Once more, as others of the same visitor may have come in at the same moment: the last of
        # them to be written sees all the others.
        _check_caps(agenda, lock_code, visitor_key, address_key, now)
    except TooManyHolds:
        release(held, now=now)
        raise
    return held


def is_held(hold: Hold, now: datetime) -> bool:
    """Whether the hold keeps something at that moment."""
    return hold.booking_id is None and hold.lapses_at is not None and hold.lapses_at > now


def forget_used(agenda: Agenda, lock_code: str) -> None:
    """Let a lock code whose hold has become a booking hold something else."""
    Hold.objects.filter(agenda=agenda, lock_code=lock_code, booking__isnull=False).delete()


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

    def guess() -> tuple[Hold | None, set[int]]:
        known = known_hold(Hold.objects.filter(pk=hold.pk))
        return known, locks_of(known)

    def work(read: tuple[Hold | None, set[int]]) -> None:
        known, bookable_ids = read
        if known is None or not bookable_ids:
            return
        lock(bookable_ids)
        present = present_hold(known)
        if present.booking_id is None and is_held(present, now):
            Occupation.objects.filter(hold=present).delete()
            Hold.objects.filter(pk=present.pk).update(lapses_at=now)
            hold.lapses_at = now

    retried(work, guess)


def purge_baskets(now: datetime) -> int:
    """Delete what visitors typed and left a day ago. Answers how many holds are gone."""
    cutoff = instant(now) - BASKET_LIFETIME

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


# A hold before and after its lock


def known_hold(which: QuerySet[Hold]) -> Hold | None:
    """A hold as it stands before any lock: says what to lock, decides nothing."""
    return which.select_related("agenda", "desk__agenda", "event", "meeting_type").first()


def present_hold(known: Hold) -> Hold:
    """The hold as it is once what it keeps is locked.

    Raises `Outpaced` if it keeps something else meanwhile, or is gone.
    """
    present = Hold.objects.select_for_update().filter(pk=known.pk).first()
    if present is None or _taken_by(present) != _taken_by(known):
        raise Outpaced()
    return present


def locks_of(known: Hold | None) -> set[int]:
    """The bookables of what a hold keeps."""
    if known is None or known.start is None:
        return set()
    try:
        slots = slots_of(known)
    except NotOffered:
        # One of the events is gone, and what was kept of it with it.
        rows = Occupation.objects.filter(hold=known).order_by()
        return set(rows.values_list("bookable_id", flat=True))
    return bookables_of(claim for slot in slots for claim in claims_of(slot, known.desk_id))


def what_is_held(hold: Hold) -> tuple:
    """What tells one choice from another: type, desk, events, resources and times."""
    times = [instant(moment) for moment in (hold.start, hold.end) if moment]
    return (hold.meeting_type_id, *_taken_by(hold), hold.places, *times)


def _taken_by(hold: Hold) -> tuple:
    return (hold.desk_id, hold.event_id, tuple(hold.event_ids), tuple(hold.resource_ids))


@dataclass(frozen=True)
class OnHold:
    """Whether a hold keeps an event's place of the waiting list, and whether it still does."""

    waiting: bool
    live: bool


def lists_held(hold: Hold, bookable_ids: Sequence[int], now: datetime) -> dict[int, OnHold]:
    """Which list a hold keeps places of, for each of the events.

    Raises `NotOffered` if it keeps nothing of one of several.
    """
    live = is_held(hold, now)
    if len(bookable_ids) < 2:
        return {bookable_id: OnHold(hold.waiting, live) for bookable_id in bookable_ids}
    rows = Occupation.objects.select_for_update().filter(hold=hold).order_by()
    kept = dict(rows.values_list("bookable_id", "waiting"))
    if not kept.keys() >= set(bookable_ids):
        # One of the events has been given another time since its visitor saw it.
        raise NotOffered()
    return {bookable_id: OnHold(kept[bookable_id], live) for bookable_id in bookable_ids}


def _hold_at(
    slots: Sequence[Slot],
    desk_id: int | None,
    places: int,
    lock_code: str,
    now: datetime,
    about: dict[str, Any],
) -> Hold:
    first = slots[0]
    claims = [claims_of(slot, desk_id) for slot in slots]
    claimed = bookables_of(claim for of_slot in claims for claim in of_slot)
    same_code = Hold.objects.filter(agenda=first.agenda, lock_code=lock_code)

    def guess() -> tuple[Hold | None, set[int]]:
        known = known_hold(same_code)
        return known, locks_of(known)

    def work(read: tuple[Hold | None, set[int]]) -> Hold:
        known, kept_before = read
        bookables = lock(claimed | kept_before)
        held = same_code.select_for_update().first()
        if held is not None and held.booking_id is not None:
            raise HoldUsed(held.booking)
        if held is not None and (known is None or _taken_by(held) != _taken_by(known)):
            raise Outpaced()
        waiting = _admitted(slots, claims, bookables, places, now, held)
        held = held or Hold(agenda=first.agenda, lock_code=lock_code, created_at=now)
        for name, value in about.items():
            if value:
                setattr(held, name, value)
        held.meeting_type, held.event = first.type_at(desk_id), first.event
        held.desk = first.desks.get(desk_id)
        held.resource_ids = [resource.pk for resource in first.resources_at(desk_id)]
        held.event_ids = [slot.event.pk for slot in slots] if len(slots) > 1 else []
        held.start, held.end = first.start, first.end
        held.places, held.waiting = places, any(waiting)
        held.lapses_at = instant(now) + timedelta(minutes=conf.get("HOLD_MINUTES"))
        held.save()
        rows = [
            row
            for of_slot, waits in zip(claims, waiting, strict=True)
            for row in occupy(
                of_slot, places=places, waiting=waits, hold=held, lapses_at=held.lapses_at
            )
        ]
        _keep(held, rows, kept_before)
        return held

    return retried(work, guess)


def _admitted(
    slots: Sequence[Slot],
    claims: Sequence[tuple],
    bookables: dict[int, Bookable],
    places: int,
    now: datetime,
    held: Hold | None,
) -> list[bool]:
    require_as_shown(slots)
    if slots[0].event is None:
        require_free(claims[0], now, but_hold=held)
        return [False]
    of_events = [bookables[claim.bookable_id] for (claim,) in claims]
    lists = lists_of(of_events, now, but_hold=held)
    # Who holds a place of an event already and only fills the form again does not queue anew.
    mine = _main_places(held, now)
    return [
        admit_to_event(
            lists[claim.bookable_id],
            places,
            newcomer=mine.get(claim.bookable_id, 0) < places,
            waiting=Waiting.ACCEPTED,
            event=slot.event.label if len(slots) > 1 else "",
        )
        for slot, (claim,) in zip(slots, claims, strict=True)
    ]


def _main_places(held: Hold | None, now: datetime) -> dict[int, int]:
    """How many places of the main lists a live hold keeps, by bookable."""
    if held is None or not is_held(held, now):
        return {}
    rows = Occupation.objects.select_for_update().filter(hold=held, waiting=False).order_by()
    return dict(rows.values_list("bookable_id", "places"))


def _keep(held: Hold, rows: Sequence[Occupation], kept_before: set[int]) -> None:
    kept = Occupation.objects.filter(hold=held)
    if len(rows) == len(kept_before) == 1:
        (row,) = rows
        names = ("bookable_id", "busy_from", "busy_to", "places", "waiting", "lapses_at")
        # Not `update_or_create`: the lock that it takes, in savepoints of its own, is held already.
        if kept.update(**{name: getattr(row, name) for name in names}):
            return
    elif kept_before:
        kept.delete()
    Occupation.objects.bulk_create(rows)
