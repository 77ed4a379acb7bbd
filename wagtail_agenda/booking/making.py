"""Bookings that are being made: from a hold, at once, or several together."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from wagtail_agenda import availability, tokens, workflow
from wagtail_agenda.availability import Slot
from wagtail_agenda.booking import holds
from wagtail_agenda.booking.admission import (
    Waiting,
    admit_to_event,
    approve_by,
    bookings_for_update,
    count,
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
    slots_of,
)
from wagtail_agenda.booking.details import Details
from wagtail_agenda.booking.ending import cancelled_by, end
from wagtail_agenda.booking.persons import (
    asked_about,
    digest_of_person,
    lock_persons,
    persons_to_lock,
    require_below_caps,
    require_not_booked,
)
from wagtail_agenda.booking.waiting_list import fill
from wagtail_agenda.choices import Actor, Admission, Trigger
from wagtail_agenda.contention import Outpaced, retried
from wagtail_agenda.correspondence import know_resources, label_texts
from wagtail_agenda.errors import (
    AgendaClosed,
    AlreadyCancelled,
    BookingError,
    EventIsOver,
    NotOffered,
    SoldOut,
)
from wagtail_agenda.models import Agenda, Bookable, Booking, Hold, Occupation

TRIGGERS = {
    Admission.CONFIRMED: Trigger.BOOKED,
    Admission.PENDING: Trigger.PENDING,
    Admission.WAITING: Trigger.WAITING,
}
"""What happens to a booking that begins with an admission."""


@dataclass(frozen=True)
class Plan:
    """A booking as it is prepared before any lock, with what it is going to take."""

    slot: Slot
    claims: tuple[Claim, ...]
    booking: Booking
    road: workflow.Road
    only_once: bool = False


# From a hold


def confirm(
    hold: Hold,
    details: Details,
    *,
    now: datetime,
    actor: str = Actor.VISITOR,
    waiting: Waiting = Waiting.ACCEPTED,
    cancelling: Booking | None = None,
) -> Booking:
    """Turn a hold into the booking. Asking twice answers with the same booking.

    Of a hold that keeps several events, the first booking; see `confirm_all`. A hold that has
    lapsed books all the same if its place is still there and still on offer. One that keeps a
    place of the waiting list gets one of the main list if there is one by then, unless the waiting
    list is wanted. Whoever is no visitor has to see for themselves that it is on offer. In the
    same transaction `cancelling` is cancelled, as with `book`.

    Raises `AgendaClosed`, `NotOffered`, `EventIsOver`, `EventCancelled`, `SoldOut`, `CapReached`,
    `AlreadyBooked`, `AlreadyCancelled` (of `cancelling`) or `Overloaded`.
    """
    made = confirm_all(hold, details, now=now, actor=actor, waiting=waiting, cancelling=cancelling)
    return made[0]


def confirm_all(
    hold: Hold,
    details: Details,
    *,
    now: datetime,
    actor: str = Actor.VISITOR,
    waiting: Waiting = Waiting.ACCEPTED,
    cancelling: Booking | None = None,
) -> list[Booking]:
    """`confirm`, answering with all bookings of the hold, in the order in which it keeps them.

    All of them are made, or none.
    """
    goes = Going(cancelling)

    def guess() -> tuple[Hold, list[Plan]] | list[Booking]:
        known = holds.known_hold(Hold.objects.filter(pk=hold.pk))
        if known is None:
            raise NotOffered()
        if known.booking_id is not None:
            return _made_of(known.booking)
        if hold.start is None or known.start is None:
            raise NotOffered()
        slots = slots_of(known)
        if actor == Actor.VISITOR:
            _require_offer_to_visitor(known, hold, slots, now)
        goes.guess()
        asked = replace(details, places=details.places or known.places)
        return known, planned(slots, known.desk_id, asked, now, actor)

    def work(known: tuple[Hold, list[Plan]] | list[Booking]) -> list[Booking]:
        if isinstance(known, list):
            return known
        known_hold, plans = known
        lock_persons(_persons_of(plans))
        claimed = bookables_of(claim for plan in plans for claim in plan.claims)
        bookables = lock(claimed | goes.taken)
        present = holds.present_hold(known_hold)
        if present.booking_id is not None:
            return _made_of(present.booking)
        if holds.what_is_held(present) != holds.what_is_held(hold):
            # Moved in another window meanwhile: what this page showed is no longer held.
            raise SoldOut(appointment=hold.desk_id is not None)
        with goes.cancelled(bookables, now, actor, None):
            made = write(plans, bookables, now, actor, None, hold=present, waiting=waiting)
        made = goes.as_they_stand(made)
        Hold.objects.filter(pk=present.pk).update(booking=made[0], lapses_at=None, answers={})
        return made

    return retried(work, guess)


def _made_of(first: Booking) -> list[Booking]:
    if first.booked_together is None:
        return [first]
    together = Booking.objects.filter(booked_together=first.booked_together).order_by("pk")
    return list(together.select_related("agenda", "event", "status"))


def _require_offer_to_visitor(
    known: Hold, shown: Hold, slots: Sequence[Slot], now: datetime
) -> None:
    """Raise unless a visitor may still book what they were `shown`; `known` is what is kept."""
    if not availability.is_open(known.agenda, now):
        raise AgendaClosed()
    if shown.start <= now:
        raise EventIsOver()
    if not holds.is_held(known, now) and holds.what_is_held(known) == holds.what_is_held(shown):
        _require_offer(known, slots, now)


def _require_offer(lapsed: Hold, slots: Sequence[Slot], now: datetime) -> None:
    """Raise unless what a lapsed hold kept can still be had."""
    try:
        for slot in slots:
            availability.find(
                lapsed.agenda,
                slot.key,
                now=now,
                lock_code=lapsed.lock_code,
                resources=slot.resources,
            )
    except BookingError:
        # Sent twice: the other one may have turned it into a booking since it was read.
        if not Hold.objects.filter(pk=lapsed.pk, booking__isnull=False).exists():
            raise


# In the place of another


class Going:
    """A booking that is cancelled for another one, in the transaction that makes that; or none."""

    def __init__(self, booking: Booking | None) -> None:
        self.booking, self.taken = booking, set()

    def guess(self) -> None:
        """Read what it takes, before any lock."""
        self.taken = occupied_by([self.booking]) if self.booking is not None else set()

    @contextmanager
    def cancelled(
        self,
        bookables: dict[int, Bookable],
        now: datetime,
        actor: str,
        user: AbstractBaseUser | None,
    ) -> Iterator[None]:
        """Cancel it first, so that its places are free; what is left of them is then passed on.

        Needs the locks of what it takes. Raises `AlreadyCancelled`.
        """
        if self.booking is None:
            yield
            return
        (present,) = bookings_for_update([self.booking.pk])
        if present.is_cancelled:
            raise AlreadyCancelled()
        end(
            [present],
            bookables,
            now=now,
            actor=actor,
            user=user,
            trigger=cancelled_by(actor),
            passing_on=False,
        )
        yield
        if present.event is not None:
            fill(present.event, bookables, now=now)

    def as_they_stand(self, made: list[Booking]) -> list[Booking]:
        """What was made in its place: who had to wait may have got what was passed on."""
        if self.booking is None:
            return made
        return bookings_for_update(booking.pk for booking in made)


# At once


def book(
    slot: Slot,
    details: Details,
    *,
    now: datetime,
    actor: str = Actor.AGENT,
    user: AbstractBaseUser | None = None,
    waiting: Waiting = Waiting.ACCEPTED,
    cancelling: Booking | None = None,
) -> Booking:
    """Book a place of `slot` at once, without a hold.

    `waiting` says whether the waiting list will do; whoever comes where others queue has to queue
    too. In the same transaction `cancelling` is cancelled: both happen, or neither, and what it
    took counts as free.

    Raises `NotOffered`, `EventCancelled`, `SoldOut`, `WaitingListFull`, `CapReached`,
    `AlreadyBooked`, `AlreadyCancelled` (of `cancelling`) or `Overloaded`.
    """
    goes = Going(cancelling)

    def at_desk(desk_id: int | None) -> Booking:
        def guess() -> list[Plan]:
            goes.guess()
            return planned([slot], desk_id, details, now, actor)

        def work(plans: list[Plan]) -> Booking:
            lock_persons(_persons_of(plans))
            bookables = lock(bookables_of(plans[0].claims) | goes.taken)
            with goes.cancelled(bookables, now, actor, user):
                made = write(plans, bookables, now, actor, user, waiting=waiting)
            return goes.as_they_stand(made)[0]

        return retried(work, guess)

    return first_with_room(slot, now, at_desk)


@dataclass(frozen=True)
class Together:
    """What came of booking several events at once; `kept` are those that the person had already."""

    booked: list[Booking] = field(default_factory=list)
    kept: list[Booking] = field(default_factory=list)
    cancelled: list[Booking] = field(default_factory=list)

    @property
    def waiting(self) -> list[Booking]:
        """Those of `booked` that are on a waiting list."""
        return [booking for booking in self.booked if booking.admission == Admission.WAITING]


def book_together(
    agenda: Agenda,
    slots: Sequence[Slot],
    details: Details,
    *,
    now: datetime,
    actor: str = Actor.AGENT,
    user: AbstractBaseUser | None = None,
    waiting: Waiting = Waiting.ACCEPTED,
    replacing: bool = False,
) -> Together:
    """Book several events of one agenda, all or none of them.

    With `replacing`, the person's coming bookings in that agenda become exactly these events: those
    that they have already stay as they are, those not named are cancelled, and no `slots` at all
    cancel everything. It goes by the external id or, without one, the e-mail address.

    Raises ValueError for what is no event of the agenda, and for nobody to replace for; otherwise
    as `book`, where `SoldOut` names the event.
    """
    if any(slot.event is None or slot.event.agenda_id != agenda.pk for slot in slots):
        raise ValueError("Only events of the agenda are booked together")
    person = digest_of_person(details.user_external_id, details.user_email)
    if replacing and not person:
        raise ValueError("There is nobody whose bookings could be replaced")
    wanted = {slot.event.pk: slot for slot in slots}
    coming = (
        Booking.objects.filter(
            agenda=agenda, event__isnull=False, person_digest=person, start__gt=now
        )
        .exclude(admission=Admission.CANCELLED)
        .select_related("event")
        .order_by("pk")
    )

    def guess() -> tuple[list[Booking], list[Booking], list[Plan], set[int]]:
        # A copy, which reads anew each time.
        present = list(coming.all()) if replacing else []
        stays = [row for row in present if row.event_id in wanted and not has_lapsed(row, now)]
        has = {booking.event_id for booking in stays}
        new = [slot for event_id, slot in wanted.items() if event_id not in has]
        taken = occupied_by(booking for booking in present if booking not in stays)
        return present, stays, planned(new, None, details, now, actor), taken

    def work(known: tuple[list[Booking], list[Booking], list[Plan], set[int]]) -> Together:
        present, kept, plans, taken = known
        lock_persons({(agenda.pk, person)} if replacing else _persons_of(plans))
        claimed = bookables_of(claim for plan in plans for claim in plan.claims)
        bookables = lock(claimed | taken)
        if replacing:
            still = coming.select_for_update().values_list("pk", "event_id")
            if list(still) != [(booking.pk, booking.event_id) for booking in present]:
                raise Outpaced()
        going = [row.pk for row in present if row not in kept]
        gone = bookings_for_update(going) if going else []
        end(gone, bookables, now=now, actor=actor, user=user, trigger=cancelled_by(actor))
        made = write(plans, bookables, now, actor, user, waiting=waiting) if plans else []
        return Together(booked=made, kept=kept, cancelled=gone)

    return retried(work, guess)


# The parts that all of them share


def planned(
    slots: Sequence[Slot], desk_id: int | None, details: Details, now: datetime, actor: str
) -> list[Plan]:
    """The bookings as they will be saved, their texts filled in: nothing others should wait for."""
    roads: dict[int, workflow.Road] = {}
    together = uuid.uuid4() if len(slots) > 1 else None
    person_digest = digest_of_person(details.user_external_id, details.user_email)
    plans = []
    for slot in slots:
        agenda = slot.agenda_at(desk_id)
        if agenda.pk not in roads:
            roads[agenda.pk] = workflow.road_of(agenda)
        booking = Booking(
            agenda=agenda,
            virtual_agenda=slot.agenda if slot.agenda.is_virtual else None,
            meeting_type=slot.type_at(desk_id),
            desk=slot.desks.get(desk_id),
            event=slot.event,
            start=slot.start,
            end=slot.end,
            places=details.places or 1,
            booked_together=together,
            user_name=details.user_name,
            user_email=details.user_email,
            user_phone_number=details.user_phone_number,
            user_external_id=details.user_external_id,
            person_digest=person_digest,
            extra_emails=list(details.extra_emails),
            extra_phone_numbers=list(details.extra_phone_numbers),
            cancel_callback_url=details.cancel_callback_url,
            presence_callback_url=details.presence_callback_url,
            absence_callback_url=details.absence_callback_url,
            client=details.client,
            extra_data=details.extra_data,
            form_version=details.form_version,
            answers=details.answers,
            language=details.language,
            site=details.site,
            made_by=actor,
            created_at=now,
        )
        booking.token_digest = tokens.new_digest(booking)
        know_resources(booking, slot.resources_at(desk_id))
        for name, text in label_texts(booking).items():
            setattr(booking, name, getattr(details, name) or text)
        plans.append(
            Plan(slot, claims_of(slot, desk_id), booking, roads[agenda.pk], details.only_once)
        )
    return plans


def _persons_of(plans: Sequence[Plan]) -> set[tuple[int, str]]:
    """Whom to lock before this is made: those whom a cap counts, or who may book once only."""
    once = {
        (agenda.pk, plan.booking.person_digest)
        for plan in plans
        if plan.only_once and plan.booking.person_digest
        for agenda in asked_about(plan.booking)
    }
    return once | persons_to_lock(plan.booking for plan in plans)


def write(
    plans: Sequence[Plan],
    bookables: dict[int, Bookable],
    now: datetime,
    actor: str,
    user: AbstractBaseUser | None,
    *,
    hold: Hold | None = None,
    waiting: Waiting = Waiting.ACCEPTED,
) -> list[Booking]:
    """Admit, save and set in motion what has been planned. Only right while all of it is locked."""
    bookings = [plan.booking for plan in plans]
    require_below_caps(bookings, now)
    require_not_booked([plan.booking for plan in plans if plan.only_once])
    on_waiting_list = _admitted(plans, bookables, now, hold, waiting)
    for plan, waits in zip(plans, on_waiting_list, strict=True):
        _begin(plan, waits, actor, now)
    if len(bookings) == 1:
        bookings[0].save(force_insert=True)
    else:
        Booking.objects.bulk_create(bookings)
    for plan in plans:
        resources = plan.slot.resources_at(plan.booking.desk_id)
        if resources:
            plan.booking.resources.set(resources)
        know_resources(plan.booking, resources)
    _take(plans, bookables, hold)
    for trigger in TRIGGERS.values():
        alike = [plan for plan in plans if TRIGGERS[plan.booking.admission] == trigger]
        if alike:
            noted = [(plan.booking, {}) for plan in alike]
            workflow.advance_all(
                noted, trigger, road=alike[0].road, actor=actor, user=user, now=now, made=True
            )
    return bookings


def _admitted(
    plans: Sequence[Plan],
    bookables: dict[int, Bookable],
    now: datetime,
    hold: Hold | None,
    waiting: Waiting,
) -> list[bool]:
    """For each plan, whether it goes to the waiting list. Raises if one of them has no room."""
    slots = [plan.slot for plan in plans]
    require_as_shown(slots)
    events = [plan.claims[0].bookable_id for plan in plans if plan.slot.event is not None]
    lists = lists_of((bookables[pk] for pk in events), now, but_hold=hold) if events else {}
    held = holds.lists_held(hold, events, now) if hold is not None else {}
    answers = []
    for plan in plans:
        if plan.slot.event is None:
            require_free(plan.claims, now, but_hold=hold)
            answers.append(False)
            continue
        bookable_id, places = plan.claims[0].bookable_id, plan.booking.places
        newcomer, will_do = True, waiting
        if hold is not None:
            on_hold = held[bookable_id]
            # Who was shown a place is not quietly put on a list, and who has kept one queues for
            # no more than what comes on top of it.
            if waiting != Waiting.WANTED:
                will_do = Waiting.ACCEPTED if on_hold.waiting else Waiting.REFUSED
            newcomer = on_hold.waiting or not on_hold.live or places > hold.places
        answers.append(
            admit_to_event(
                lists[bookable_id],
                places,
                newcomer=newcomer,
                waiting=will_do,
                event=plan.slot.event.label if len(plans) > 1 else "",
            )
        )
    return answers


def _begin(plan: Plan, waits: bool, actor: str, now: datetime) -> None:
    booking, agenda = plan.booking, plan.booking.agenda
    if waits:
        booking.admission, booking.waiting_since = Admission.WAITING, now
    elif agenda.needs_approval and actor == Actor.VISITOR:
        booking.admission = Admission.PENDING
        booking.decide_by = approve_by(agenda, booking.start, now)
    else:
        booking.admission = Admission.CONFIRMED
    booking.status = plan.road.at_entry(TRIGGERS[booking.admission], booking, now)
    booking.status_since = now


def _take(plans: Sequence[Plan], bookables: dict[int, Bookable], hold: Hold | None) -> None:
    rows = [
        row
        for plan in plans
        for row in occupy(
            plan.claims,
            places=plan.booking.places,
            waiting=plan.booking.admission == Admission.WAITING,
            booking=plan.booking,
            lapses_at=plan.booking.decide_by,
        )
    ]
    if hold is not None and len(rows) == 1:
        (row,) = rows
        handed_over = Occupation.objects.filter(hold=hold, bookable_id=row.bookable_id).update(
            booking=row.booking,
            hold=None,
            lapses_at=row.lapses_at,
            places=row.places,
            waiting=row.waiting,
        )
        if handed_over:
            count(bookables, rows, 1)
            return
    if hold is not None:
        Occupation.objects.filter(hold=hold).delete()
    take(bookables, rows)
