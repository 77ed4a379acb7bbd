"""Bookings that need approval. They keep their place until they are decided or lapse."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from wagtail_agenda import workflow
from wagtail_agenda.booking.admission import (
    bookings_for_update,
    count,
    has_lapsed,
    lists_of,
    lock,
    occupied_by,
    require_free,
)
from wagtail_agenda.booking.claims import claims_of, slot_of
from wagtail_agenda.choices import Actor, Admission, Trigger
from wagtail_agenda.contention import Outpaced, retried
from wagtail_agenda.errors import BookingCancelled, NotPending, SoldOut
from wagtail_agenda.models import Bookable, Booking, Occupation


def approve(booking: Booking, *, now: datetime, user: AbstractBaseUser | None = None) -> Booking:
    """Approve a booking. Approving twice answers with the same booking.

    One whose time has run out since has its place all the same if nobody has taken it. Raises
    `BookingCancelled`, `NotPending`, `SoldOut` or `Overloaded`.
    """

    def guess() -> tuple[set[int], workflow.Road]:
        return occupied_by([booking]), workflow.road_of(booking.agenda)

    def work(known: tuple[set[int], workflow.Road]) -> Booking:
        taken, road = known
        bookables = lock(taken)
        (present,) = bookings_for_update([booking.pk])
        if present.is_cancelled:
            raise BookingCancelled()
        if present.admission == Admission.CONFIRMED:
            return present
        if present.admission != Admission.PENDING:
            raise NotPending()
        rows = list(Occupation.objects.select_for_update().filter(booking=present))
        if not rows or not {row.bookable_id for row in rows} <= bookables.keys():
            raise Outpaced()
        _require_place(present, bookables, now)
        lapsing = [row for row in rows if row.lapses_at is not None]
        for row in lapsing:
            row.lapses_at = None
        Occupation.objects.filter(pk__in=[row.pk for row in lapsing]).update(lapses_at=None)
        count(bookables, lapsing, 1)
        present.admission, present.decide_by = Admission.CONFIRMED, None
        present.save(update_fields=["admission", "decide_by"])
        workflow.advance(
            present, Trigger.APPROVED, road=road, actor=Actor.AGENT, user=user, now=now
        )
        return present

    return retried(work, guess)


def _require_place(booking: Booking, bookables: dict[int, Bookable], now: datetime) -> None:
    """Raise `SoldOut` if others have taken what the booking kept until its time ran out.

    Another server's clock may have been ahead of this one's, so that is asked of live ones as well.
    """
    if booking.decide_by is None:
        return
    claims = claims_of(slot_of(booking), booking.desk_id)
    if booking.event is None:
        require_free(claims, now, but_booking=booking)
        return
    bookable = bookables[booking.event.bookable_id]
    lists = lists_of([bookable], now, but_booking=booking)[bookable.pk]
    # Those who queue come first, once the time has run out.
    if (has_lapsed(booking, now) and lists.queued) or lists.main_free < booking.places:
        raise SoldOut()
