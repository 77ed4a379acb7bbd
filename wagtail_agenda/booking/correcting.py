"""Whom a booking is for, corrected: a name, an address or a telephone number was mistyped.

What was sent to a wrong address may be with a stranger. So the link in it and the calendar address
behind it lead nowhere from then on, nothing more leaves for it, and what its calendar has is taken
back without a word about the visitor.
"""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from wagtail_agenda import outbox, tokens, workflow
from wagtail_agenda.booking import texts
from wagtail_agenda.booking.admission import bookings_for_update, lock, occupied_by
from wagtail_agenda.booking.persons import (
    digest_of_person,
    lock_persons,
    persons_to_lock,
    require_below_caps,
)
from wagtail_agenda.choices import Actor, Trigger
from wagtail_agenda.contention import Outpaced, retried
from wagtail_agenda.errors import BookingAnonymised, BookingCancelled
from wagtail_agenda.mailing import Mails
from wagtail_agenda.models import Booking, Entry

Known = tuple[Booking, set[int]]


def correct(
    booking: Booking,
    *,
    now: datetime,
    actor: str = Actor.AGENT,
    user: AbstractBaseUser | None = None,
    user_name: str | None = None,
    user_email: str | None = None,
    user_phone_number: str | None = None,
) -> Booking:
    """Correct who a booking is for; None leaves a value as it is, and "" empties it.

    A new address gets the mail of a booking as it stands, with a link and a calendar entry of its
    own. Nobody is mailed about what is over or checked in, except the old address.

    Raises `BookingAnonymised`, `BookingCancelled`, `CapReached` if the person at the new address
    has as many bookings as they may have, or `Overloaded`.
    """
    typed = {
        "user_name": user_name,
        "user_email": user_email,
        "user_phone_number": user_phone_number,
    }
    wanted = {name: value.strip() for name, value in typed.items() if value is not None}

    def guess() -> Known:
        related = ("agenda", "virtual_agenda", "event")
        present = Booking.objects.select_related(*related).get(pk=booking.pk)
        return present, occupied_by([present])

    def work(known: Known) -> Booking:
        seen, taken = known
        seen.person_digest = _digest(seen, wanted)
        lock_persons(persons_to_lock([seen]))
        lock(taken)
        # Before the booking, as the worker does it that notes in its history what has left.
        outbox.lock_mails(booking)
        (present,) = bookings_for_update([booking.pk])
        if present.anonymised_at is not None:
            raise BookingAnonymised()
        if present.is_cancelled:
            raise BookingCancelled()
        if (present.agenda_id, present.virtual_agenda_id) != (
            seen.agenda_id,
            seen.virtual_agenda_id,
        ):
            raise Outpaced()
        before = {name: getattr(present, name) for name in wanted}
        before = {name: value for name, value in before.items() if value != wanted[name]}
        if before:
            _correct(present, before, wanted, actor, user, now)
        return present

    return retried(work, guess)


def _digest(booking: Booking, wanted: dict[str, str]) -> str:
    email = wanted.get("user_email", booking.user_email)
    return digest_of_person(booking.user_external_id, email)


def _correct(
    booking: Booking,
    before: dict[str, str],
    wanted: dict[str, str],
    actor: str,
    user: AbstractBaseUser | None,
    now: datetime,
) -> None:
    old_address = booking.user_email.strip()
    old_digest = booking.person_digest
    with texts.following([booking]):
        for name in before:
            setattr(booking, name, wanted[name])
    booking.person_digest = _digest(booking, wanted)
    if booking.person_digest != old_digest and booking.start > now:
        require_below_caps([booking], now)
    # A mailbox is the same whatever the capitals of its address.
    elsewhere = booking.user_email.lower() != old_address.lower()
    if elsewhere:
        booking.address_version += 1
        booking.token_digest = tokens.new_digest(booking)
    booking.save(
        update_fields=[*before, *texts.TEXTS, "person_digest", "address_version", "token_digest"]
    )
    entry = _note(booking, before, actor, user, now)
    if elsewhere and old_address:
        mails = Mails([booking], now=now)
        mails.take_back(booking, entry, old_address)
        mails.write()


def _note(
    booking: Booking,
    before: dict[str, str],
    actor: str,
    user: AbstractBaseUser | None,
    now: datetime,
) -> Entry:
    """Note what was corrected, and go where that leads unless the booking is over or checked in."""
    data = {"corrected": sorted(before)} | {f"from_{name}": text for name, text in before.items()}
    if booking.attendance or booking.end <= now:
        return Entry.objects.create(
            booking=booking, what=Trigger.CHANGED, actor=actor, user=user, at=now, data=data
        )
    road = workflow.road_of(booking.agenda)
    return workflow.advance(
        booking, Trigger.CHANGED, road=road, actor=actor, user=user, now=now, data=data
    )
