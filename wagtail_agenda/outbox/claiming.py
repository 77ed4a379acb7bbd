"""Whose turn it is: claiming what is due, and what becomes of it.

The attempt is counted before anything leaves, so that what kills the worker is not tried for ever.
What an attempt came to is written only by the worker that still has the delivery.
"""

import random
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from wagtail_agenda.choices import Actor, DeliveryKind, DeliveryState
from wagtail_agenda.models import Delivery, Entry

LEASE = timedelta(minutes=5)
"""How long a worker has for one attempt before another may try, at the least.

From the third attempt on it is the wait of `BACKOFF`: what kills its worker is tried no more often
than what is refused.
"""

BACKOFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
)
"""Waits after the first, second, … temporary refusal; the last one repeats."""

_OVER = (DeliveryState.DONE, DeliveryState.SUPERSEDED)


def claimable(now: datetime) -> Q:
    """What may be attempted: due, or left by a worker that never came back."""
    waiting = Q(state=DeliveryState.DUE, due_at__lte=now)
    abandoned = Q(state=DeliveryState.SENDING, leased_until__lte=now)
    return waiting | abandoned


def claim(delivery: Delivery, now: datetime) -> bool:
    """Take a delivery and count the attempt; False if another worker was quicker.

    The state and the counter that were read are part of the condition, so that of two workers one
    has it. It is counted before anything is written or sent: both may kill the worker.
    """
    attempts = delivery.attempts + 1
    claimed = Delivery.objects.filter(
        pk=delivery.pk, state=delivery.state, attempts=delivery.attempts
    ).update(
        state=DeliveryState.SENDING,
        leased_until=now + max(LEASE, wait_after(attempts)),
        attempts=attempts,
    )
    delivery.attempts = attempts
    return bool(claimed)


def release(delivery: Delivery) -> None:
    """Give back what was claimed and not attempted."""
    attempts = delivery.attempts - 1
    still_mine(delivery).update(state=DeliveryState.DUE, leased_until=None, attempts=attempts)


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts."""
    return BACKOFF[min(attempts, len(BACKOFF)) - 1]


def still_mine(delivery: Delivery) -> QuerySet[Delivery]:
    """The delivery, unless another worker has taken it over since this attempt began."""
    return Delivery.objects.filter(
        pk=delivery.pk, state=DeliveryState.SENDING, attempts=delivery.attempts
    )


def end(delivery: Delivery, state: DeliveryState, now: datetime, **columns: Any) -> bool:
    """Note that nothing more is to be done. True the first time.

    It is so whoever else has claimed the delivery meanwhile: what has left has left. Whoever is
    forgotten meanwhile has another key in it: then there is nobody to note anything of.
    """
    return bool(
        Delivery.objects.filter(pk=delivery.pk, key=delivery.key)
        .exclude(state__in=_OVER)
        .update(state=state, done_at=now, leased_until=None, last_error="", letter=None, **columns)
    )


def fail(delivery: Delivery, reason: str, **columns: Any) -> bool:
    """Note that it failed for good; False if another worker has it now."""
    return bool(
        still_mine(delivery).update(
            state=DeliveryState.FAILED, leased_until=None, last_error=reason, **columns
        )
    )


def next_attempt_at(
    delivery: Delivery, now: datetime, *, not_before: timedelta = timedelta()
) -> datetime | None:
    """When to try again after a temporary refusal; None if it is to be given up by then.

    `not_before` is what the other side asks for. Both waits are spread, this one only upwards.
    """
    wait = wait_after(delivery.attempts) * random.uniform(0.9, 1.1)  # noqa: S311
    asked = not_before * random.uniform(1, 1.1)  # noqa: S311
    due_at = now + max(wait, asked)
    return due_at if due_at <= delivery.give_up_at else None


def postpone(
    delivery: Delivery, due_at: datetime, reason: str, now: datetime, **columns: Any
) -> bool:
    """Try again then; False if another worker has it now."""
    with transaction.atomic():
        postponed = still_mine(delivery).update(
            state=DeliveryState.DUE,
            due_at=due_at,
            leased_until=None,
            last_error=reason,
            **columns,
        )
        if postponed:
            attempts = delivery.attempts
            note(
                delivery,
                "delivery_postponed",
                now,
                reason=reason,
                attempts=attempts,
                next_attempt=due_at.isoformat(),
            )
    return bool(postponed)


def given_up(reason: str) -> str:
    return _("Given up after: %(reason)s") % {"reason": reason}


def never_came_back() -> str:
    return _("Given up: the worker never came back from sending it.")


def note(delivery: Delivery, what: str, now: datetime, **said: Any) -> Entry:
    """Add a line about the delivery to the history of its booking, as `line_about` has it."""
    entry = line_about(delivery, what, now, **said)
    entry.save(force_insert=True)
    return entry


def line_about(
    delivery: Delivery,
    what: str,
    now: datetime,
    *,
    user=None,
    advances: bool = False,
    **data: Any,
) -> Entry:
    """A line about the delivery, still to be saved."""
    if delivery.kind == DeliveryKind.CALL:
        about = {
            "url": delivery.url,
            "identifier": delivery.action.get("identifier", ""),
            "delivery": delivery.pk,
        }
    else:
        about = {
            "recipient": delivery.recipient,
            "message_id": delivery.message_id,
            "sequence": delivery.sequence,
            "method": delivery.method,
            "delivery": delivery.pk,
        }
    return Entry(
        booking_id=delivery.booking_id,
        called_meeting_id=delivery.called_meeting_id,
        what=what,
        actor=Actor.AGENT if user else Actor.SYSTEM,
        user=user,
        at=now,
        data={**about, **data},
        advances=advances,
    )
