"""What the worker does: attempt what is due, oldest first, with an eye on the clock."""

import logging
import time
from collections.abc import Iterable
from datetime import datetime

from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from wagtail_agenda import mail
from wagtail_agenda.choices import DeliveryKind, DeliveryState
from wagtail_agenda.models import Delivery
from wagtail_agenda.outbox import calls, mails
from wagtail_agenda.outbox.batches import BATCH, Batch
from wagtail_agenda.outbox.claiming import claimable
from wagtail_agenda.outbox.lanes import Lanes, is_slow

logger = logging.getLogger(__name__)

SWEEP_LIMIT = 500
"""How many deliveries of a kind one sweep takes at most."""

SWEEP_SECONDS = 40
"""After how long a sweep begins no further attempt, so that the next one does not overtake it."""


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
    with Batch([pk], now) as batch:
        for letter in batch:
            return batch.attempt(letter, now, connection)
    return None


def sweep(*, now: datetime | None = None) -> int:
    """Attempt everything that is due, oldest first. Answers how many attempts were made.

    A delivery that cannot even be tried is logged and stops none of the others. `now` is the
    moment to take for all of them, by default that of each attempt.
    """
    mails.send_scouts(now or timezone.now())
    due = Delivery.objects.filter(claimable(now or timezone.now()))
    letters = due.filter(kind=DeliveryKind.MAIL).order_by("due_at", "pk")
    left_behind = letters.filter(state=DeliveryState.SENDING)
    # Of each host as many as of the others: one with a thousand of them crowds nobody out.
    in_its_lane = Window(RowNumber(), partition_by=F("host"), order_by=["due_at", "pk"])
    others = due.filter(kind=DeliveryKind.CALL).annotate(place=in_its_lane).order_by("place", "pk")
    # What a worker never came back from goes last and alone: it may be what killed it.
    letters = letters.filter(state=DeliveryState.DUE)
    pks = [*_keys(letters), *_keys(left_behind), *_keys(others)]
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
        at_once = BATCH
        while pks and time.monotonic() <= stop_at:
            some = pks[:at_once]
            with Batch(some, now or timezone.now()) as batch:
                for delivery in batch:
                    if time.monotonic() > stop_at:
                        break
                    try:
                        state = batch.attempt(delivery, now or timezone.now(), connection)
                        attempted += state is not None
                        if state == DeliveryState.DONE:
                            reached.add(delivery.subject.site_id)
                    except Exception:
                        # Its lease runs out and it is tried again; the rest must not wait.
                        logger.exception("Delivery %s could not be attempted", delivery.pk)
                    lanes.go_on()
            if batch.was_too_large:
                # The server is slow: reading fifty to send five would be in vain.
                at_once = max(1, len(batch.attempted))
            elif batch.attempted:
                at_once = min(BATCH, 2 * at_once)
            done_with = batch.attempted or set(some)
            pks = [pk for pk in pks if pk not in done_with]
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
