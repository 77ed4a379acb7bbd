"""Messages that must leave: queued with the booking, claimed and delivered by the worker.

A delivery is at least once and harmless when twice: its key, Message-ID and calendar SEQUENCE are
fixed when it is queued, and its bytes at the first attempt. The attempt is counted before the
message leaves, so that a message which kills the worker is not tried for ever.
"""

import hashlib
import random
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from wagtail_agenda import conf, mail, signals
from wagtail_agenda.choices import DeliveryState
from wagtail_agenda.models import Booking, Delivery, Entry, Invitation

LEASE = timedelta(minutes=5)
"""How long a worker may take for one attempt before another may try."""

BACKOFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
)
"""Waits after the first, second, … temporary refusal; the last one repeats."""

SWEEP_LIMIT = 500
"""How many deliveries one sweep takes at most, so that sweeps do not pile up."""


def enqueue_mail(
    booking: Booking,
    *,
    audience: str,
    recipient: str,
    invitation: Invitation | None,
    action: dict[str, Any],
    cause: str,
    domain: str,
    now: datetime,
) -> Delivery:
    """Queue one message to one recipient, inside the transaction that is its reason.

    `action` is the wording as it stands now; `cause` names what led to the message, and with the
    recipient makes the key that no second message can have.
    """
    digest = hashlib.sha256(recipient.casefold().encode()).hexdigest()[:12]
    delivery = Delivery(
        key=f"mail:{booking.uuid}:{cause}:{audience}:{digest}",
        booking=booking,
        invitation=invitation,
        audience=audience,
        recipient=recipient,
        sequence=invitation.sequence if invitation else None,
        method=invitation.method if invitation else "",
        action=action,
        message_id=f"<{booking.uuid.hex}.{cause}.{audience}.{digest}@{domain}>",
        due_at=now,
        give_up_at=_give_up_at(now),
        created_at=now,
    )
    delivery.save(force_insert=True)
    _wake([delivery.pk])
    return delivery


def deliver(pk: int, *, now: datetime | None = None) -> str | None:
    """Make one attempt at a delivery that is due.

    Answers with its state afterwards, or None if it was not to be had: done, not yet due, or
    being sent by another worker at this moment.
    """
    now = now or timezone.now()
    if not _claim(pk, now):
        return None
    delivery = Delivery.objects.select_related(
        "invitation",
        "booking__agenda",
        "booking__meeting_type",
        "booking__desk",
        "booking__event",
        "booking__status",
        "booking__site",
        "booking__form_version",
    ).get(pk=pk)
    if _superseded(delivery):
        return _finish(delivery, DeliveryState.SUPERSEDED, now)
    try:
        mail.send(_letter(delivery, now))
    except mail.PermanentFailure as failure:
        return _fail(delivery, failure.reason, now)
    except mail.TemporaryFailure as failure:
        return _postpone(delivery, failure.reason, now)
    return _finish(delivery, DeliveryState.DONE, now)


def sweep(*, now: datetime | None = None) -> int:
    """Attempt everything that is due, oldest first. Answers how many attempts were made."""
    now = now or timezone.now()
    due = Delivery.objects.filter(_claimable(now)).order_by("due_at", "pk")
    attempted = 0
    for pk in list(due.values_list("pk", flat=True)[:SWEEP_LIMIT]):
        if deliver(pk, now=now) is not None:
            attempted += 1
    return attempted


def retry(delivery: Delivery, *, now: datetime | None = None) -> bool:
    """Queue a failed or waiting delivery to be tried at once. False if it is done already."""
    now = now or timezone.now()
    changed = Delivery.objects.filter(
        pk=delivery.pk, state__in=[DeliveryState.FAILED, DeliveryState.DUE]
    ).update(state=DeliveryState.DUE, due_at=now, give_up_at=_give_up_at(now), leased_until=None)
    if changed:
        _wake([delivery.pk])
    return bool(changed)


def _wake(pks: list[int]) -> None:
    transaction.on_commit(
        partial(signals.deliveries_due.send_robust, sender=Delivery, pks=pks), robust=True
    )


def _give_up_at(now: datetime) -> datetime:
    return now + timedelta(hours=conf.get("DELIVERY_GIVE_UP_HOURS"))


def _claimable(now: datetime) -> Q:
    waiting = Q(state=DeliveryState.DUE, due_at__lte=now)
    abandoned = Q(state=DeliveryState.SENDING, leased_until__lte=now)
    return waiting | abandoned


def _claim(pk: int, now: datetime) -> bool:
    return bool(
        Delivery.objects.filter(_claimable(now), pk=pk).update(
            state=DeliveryState.SENDING, leased_until=now + LEASE, attempts=F("attempts") + 1
        )
    )


def _superseded(delivery: Delivery) -> bool:
    """Whether a later revision of the same invitation is on its way. Cancellations always go."""
    return (
        delivery.invitation is not None
        and delivery.method != "CANCEL"
        and delivery.invitation.sequence > delivery.sequence
    )


def _letter(delivery: Delivery, now: datetime) -> mail.Letter:
    from wagtail_agenda.correspondence import letter_of

    if delivery.letter is None:
        try:
            letter = letter_of(delivery, now)
        except ValueError as error:
            raise mail.PermanentFailure(str(error)) from error
        delivery.letter = mail.to_json(letter)
        Delivery.objects.filter(pk=delivery.pk).update(letter=delivery.letter)
    return mail.from_json(delivery.letter)


def _finish(delivery: Delivery, state: DeliveryState, now: datetime) -> str:
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(
            state=state,
            done_at=now,
            leased_until=None,
            last_error="",
            # The letter holds the manage link, which is not to be kept.
            letter=None,
        )
        if state == DeliveryState.DONE:
            _note(delivery, "delivered", now)
    return state


def _fail(delivery: Delivery, reason: str, now: datetime) -> str:
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(
            state=DeliveryState.FAILED, leased_until=None, last_error=reason
        )
        _note(delivery, "delivery_failed", now, reason=reason)
    return DeliveryState.FAILED


def _postpone(delivery: Delivery, reason: str, now: datetime) -> str:
    wait = BACKOFF[min(delivery.attempts, len(BACKOFF)) - 1]
    due_at = now + wait * random.uniform(0.9, 1.1)  # noqa: S311
    if due_at > delivery.give_up_at:
        return _fail(delivery, _("Given up after: %(reason)s") % {"reason": reason}, now)
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.DUE, due_at=due_at, leased_until=None, last_error=reason
    )
    return DeliveryState.DUE


def _note(delivery: Delivery, what: str, now: datetime, **data: str) -> None:
    Entry.objects.create(
        booking_id=delivery.booking_id,
        what=what,
        at=now,
        data={
            "recipient": delivery.recipient,
            "message_id": delivery.message_id,
            "sequence": delivery.sequence,
            "method": delivery.method,
            **data,
        },
    )
