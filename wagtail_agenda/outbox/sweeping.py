"""What the worker does: attempt what is due, oldest first, with an eye on the clock."""

import logging
import time
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Exists, F, OuterRef, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from wagtail_agenda import mail
from wagtail_agenda.choices import DeliveryKind, DeliveryState
from wagtail_agenda.models import Delivery
from wagtail_agenda.outbox import calls, mails
from wagtail_agenda.outbox.claiming import claimable
from wagtail_agenda.outbox.lanes import Lanes, is_slow

logger = logging.getLogger(__name__)

SWEEP_LIMIT = 500
"""How many deliveries of a kind one sweep takes at most."""

SWEEP_SECONDS = 40
"""After how long a sweep begins no further attempt, so that the next one does not overtake it."""

BATCH = 50
"""How many mails are read at once."""

FRESH_SECONDS = 1
"""After how long what was read of a booking is read again before anything is written about it."""


def deliver(
    pk: int, *, now: datetime | None = None, connection: mail.KeptConnection | None = None
) -> str | None:
    """Make one attempt at a delivery that is due, over `connection` or else one of its own.

    Answers with its state afterwards, or None if it was not to be had: done, not yet due, waiting
    for another, or being sent by another worker at this moment.
    """
    now = now or timezone.now()
    for call in _calls([pk], now):
        return calls.attempt(call, now)
    for letter in _mails([pk], now):
        return mails.attempt(letter, now, connection)
    return None


def sweep(*, now: datetime | None = None) -> int:
    """Attempt everything that is due, oldest first. Answers how many attempts were made.

    A delivery that cannot even be tried is logged and stops none of the others. `now` is the
    moment to take for all of them, by default that of each attempt.
    """
    due = Delivery.objects.filter(claimable(now or timezone.now()))
    letters = due.filter(kind=DeliveryKind.MAIL).order_by("due_at", "pk")
    # Of each host as many as of the others: one with a thousand of them crowds nobody out.
    in_its_lane = Window(RowNumber(), partition_by=F("host"), order_by=["due_at", "pk"])
    others = due.filter(kind=DeliveryKind.CALL).annotate(place=in_its_lane).order_by("place", "pk")
    pks = [*_keys(letters), *_keys(others)]
    return _deliver(pks, now, patient=True)


def deliver_all(pks: Iterable[int], *, now: datetime | None = None) -> int:
    """Attempt these: mails over one connection, calls meanwhile. Answers how many were attempted.

    What an unexpected error or the clock leaves over is swept, and so are calls to hosts that have
    been slow: a worker that waited for each of them would come to nothing else.
    """
    return _deliver(list(pks), now, patient=False)


def _deliver(pks: list[int], now: datetime | None, *, patient: bool) -> int:
    stop_at = time.monotonic() + SWEEP_SECONDS
    attempted, reached = 0, set()
    to_call = [
        call for call in _calls(pks, now or timezone.now()) if patient or not is_slow(call.host)
    ]
    lanes = Lanes(to_call, now=now, stop_at=stop_at)
    with mail.KeptConnection() as connection:
        lanes.go_on()
        for delivery in _read_in_batches(pks, now):
            if time.monotonic() > stop_at:
                break
            try:
                state = mails.attempt(delivery, now or timezone.now(), connection)
                attempted += state is not None
                if state == DeliveryState.DONE:
                    reached.add(delivery.subject.site_id)
            except Exception:
                # Whatever it is, its lease runs out and it is tried again; the rest must not wait.
                logger.exception("Delivery %s could not be attempted", delivery.pk)
            lanes.go_on()
    if reached:
        mails.hurry(reached, now or timezone.now())
    lanes.finish()
    return attempted + lanes.attempted


def _keys(due: QuerySet[Delivery]) -> list[int]:
    return list(due.values_list("pk", flat=True)[:SWEEP_LIMIT])


def _calls(pks: list[int], now: datetime) -> list[Delivery]:
    """Those of these calls that are to be had, in this order."""
    found = (
        Delivery.objects.filter(claimable(now), kind=DeliveryKind.CALL)
        .select_related(
            "booking__agenda", "booking__site", "called_meeting__agenda", "called_meeting__site"
        )
        .in_bulk(pks)
    )
    return [found[pk] for pk in pks if pk in found]


def _mails(pks: list[int], now: datetime) -> list[Delivery]:
    """Those of these mails that are to be had, with all that their letters tell of."""
    earlier = Delivery.objects.filter(
        recipient=OuterRef("recipient"),
        kind=DeliveryKind.MAIL,
        state__in=[DeliveryState.DUE, DeliveryState.SENDING],
        pk__lt=OuterRef("pk"),
    )
    return list(
        Delivery.objects.filter(claimable(now), pk__in=pks, kind=DeliveryKind.MAIL)
        .annotate(
            # One of the two is about nothing, and costs nothing.
            is_behind=Exists(earlier.filter(booking=OuterRef("booking")))
            | Exists(earlier.filter(called_meeting=OuterRef("called_meeting")))
        )
        .select_related(
            "invitation",
            "booking__agenda",
            "booking__meeting_type",
            "booking__desk",
            "booking__event",
            "booking__status",
            "booking__site__agenda_mail_settings",
            "booking__form_version",
            "called_meeting__agenda",
            "called_meeting__desk",
            "called_meeting__resource",
            "called_meeting__status",
            "called_meeting__site__agenda_mail_settings",
        )
        .prefetch_related("booking__resources")
        .order_by("due_at", "pk")
    )


def _read_in_batches(pks: list[int], now: datetime | None) -> Iterator[Delivery]:
    """The deliveries of `_mails`, no older than `FRESH_SECONDS`: their bookings may change."""
    pks = list(pks)
    while pks:
        read_at = time.monotonic()
        batch = _mails(pks[:BATCH], now or timezone.now())
        if not batch:
            pks = pks[BATCH:]
        for delivery in batch:
            if time.monotonic() - read_at > FRESH_SECONDS and delivery is not batch[0]:
                break
            yield delivery
            pks.remove(delivery.pk)
