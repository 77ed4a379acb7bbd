"""Messages that must leave: queued with the booking, claimed and delivered by the worker.

A delivery is at least once and harmless when twice: its key, Message-ID and calendar SEQUENCE are
fixed when it is queued, and its bytes at the first attempt. The attempt is counted before the
message leaves, so that a message which kills the worker is not tried for ever.
"""

import hashlib
import json
import logging
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from wagtail_agenda import conf, letters, mail, signals, tokens
from wagtail_agenda.choices import Actor, Admission, DeliveryState
from wagtail_agenda.models import Booking, Delivery, Entry, Invitation

logger = logging.getLogger(__name__)

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

SWEEP_LIMIT = 500
"""How many deliveries one sweep takes at most."""

SWEEP_SECONDS = 40
"""After how long a sweep begins no further attempt, so that the next one does not overtake it."""

BATCH = 50
"""How many deliveries are read at once."""

FRESH_SECONDS = 1
"""After how long what was read of a booking is read again before anything is written about it."""

_STAND_IN = "\ue000manage-token\ue000"


@dataclass(frozen=True)
class Mail:
    """One message to one recipient that is to be queued.

    `action` is the wording as it stands now; `cause` names what led to the message, and with the
    recipient makes the key that no second message can have.
    """

    booking: Booking
    audience: str
    recipient: str
    invitation: Invitation | None
    action: dict[str, Any]
    cause: str


def enqueue_mails(mails: Sequence[Mail], *, domain: str, now: datetime) -> list[Delivery]:
    """Queue messages, inside the transaction that is their reason.

    `domain` is what their Message-IDs end with.
    """
    if not mails:
        return []
    deliveries = Delivery.objects.bulk_create(_delivery(wanted, domain, now) for wanted in mails)
    _wake([delivery.pk for delivery in deliveries])
    return deliveries


def _delivery(wanted: Mail, domain: str, now: datetime) -> Delivery:
    whom = hashlib.sha256(wanted.recipient.casefold().encode()).hexdigest()[:12]
    key = f"mail:{wanted.booking.uuid}:{wanted.cause}:{wanted.audience}:{whom}"
    # Short, so that its header is never folded: some servers do not find a folded one again.
    identifier = hashlib.sha256(key.encode()).hexdigest()[:24]
    return Delivery(
        key=key,
        booking=wanted.booking,
        invitation=wanted.invitation,
        audience=wanted.audience,
        recipient=wanted.recipient,
        sequence=wanted.invitation.sequence if wanted.invitation else None,
        method=wanted.invitation.method if wanted.invitation else "",
        action=wanted.action,
        message_id=f"<{identifier}@{domain}>",
        due_at=now,
        give_up_at=_give_up_at(now),
        created_at=now,
    )


def deliver(
    pk: int, *, now: datetime | None = None, connection: mail.KeptConnection | None = None
) -> str | None:
    """Make one attempt at a delivery that is due, over `connection` or else one of its own.

    Answers with its state afterwards, or None if it was not to be had: done, not yet due, or
    being sent by another worker at this moment.
    """
    now = now or timezone.now()
    (delivery,) = _due([pk], now) or [None]
    return None if delivery is None else _attempt(delivery, now, connection)


def sweep(*, now: datetime | None = None) -> int:
    """Attempt everything that is due, oldest first. Answers how many attempts were made.

    A delivery that cannot even be tried is logged and stops none of the others. `now` is the
    moment to take for all of them, by default that of each attempt.
    """
    due = Delivery.objects.filter(_claimable(now or timezone.now())).order_by("due_at", "pk")
    return deliver_all(due.values_list("pk", flat=True)[:SWEEP_LIMIT], now=now)


def deliver_all(pks: Iterable[int], *, now: datetime | None = None) -> int:
    """Attempt these deliveries over one connection. Answers how many attempts were made.

    What an unexpected error or the clock leaves over is swept.
    """
    stop_at = time.monotonic() + SWEEP_SECONDS
    attempted = 0
    with mail.KeptConnection() as connection:
        for delivery in _read_in_batches(list(pks), now):
            if time.monotonic() > stop_at:
                break
            try:
                state = _attempt(delivery, now or timezone.now(), connection)
                attempted += state is not None
            except Exception:
                # Whatever it is, its lease runs out and it is tried again; the rest must not wait.
                logger.exception("Delivery %s could not be attempted", delivery.pk)
    return attempted


def retry(delivery: Delivery, *, now: datetime | None = None, user=None) -> bool:
    """Queue a failed or waiting delivery to be tried at once. False if it is done already.

    One that has failed is written anew, under the same Message-ID: whatever was wrong with it may
    be mended. One that waits keeps its bytes, since the mail server may have taken it. `user` is
    the agent who asked for it.
    """
    return bool(retry_all([delivery], now=now, user=user))


def retry_all(
    deliveries: Iterable[Delivery], *, now: datetime | None = None, user=None
) -> list[Delivery]:
    """Do what `retry` does with several at once. Answers with those that were queued."""
    now = now or timezone.now()
    with transaction.atomic():
        queued = [delivery for delivery in deliveries if _make_due(delivery, now)]
        for delivery in queued:
            _note(delivery, "sent_again", now, user=user)
    if queued:
        _wake([delivery.pk for delivery in queued])
    return queued


def _make_due(delivery: Delivery, now: datetime) -> bool:
    fresh = {
        "state": DeliveryState.DUE,
        "due_at": now,
        "give_up_at": _give_up_at(now),
        "leased_until": None,
    }
    this = Delivery.objects.filter(pk=delivery.pk)
    failed = this.filter(state=DeliveryState.FAILED)
    return bool(
        failed.update(**fresh, letter=None, attempts=0)
        or this.filter(state=DeliveryState.DUE).update(**fresh)
    )


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


def _due(pks: list[int], now: datetime) -> list[Delivery]:
    """Those of these deliveries that are to be had, with all that their letters tell of."""
    return list(
        Delivery.objects.filter(_claimable(now), pk__in=pks)
        .select_related(
            "invitation",
            "booking__agenda",
            "booking__meeting_type",
            "booking__desk",
            "booking__event",
            "booking__status",
            "booking__site",
            "booking__form_version",
        )
        .prefetch_related("booking__resources")
        .order_by("due_at", "pk")
    )


def _read_in_batches(pks: list[int], now: datetime | None) -> Iterator[Delivery]:
    """The deliveries of `_due`, no older than `FRESH_SECONDS`: their bookings may change."""
    while pks:
        read_at = time.monotonic()
        batch = _due(pks[:BATCH], now or timezone.now())
        if not batch:
            pks = pks[BATCH:]
        for delivery in batch:
            if time.monotonic() - read_at > FRESH_SECONDS and delivery is not batch[0]:
                break
            yield delivery
            pks.remove(delivery.pk)


def _attempt(
    delivery: Delivery, now: datetime, connection: mail.KeptConnection | None
) -> str | None:
    """Claim, write and send a delivery as it was just read; None if another worker has it."""
    was_abandoned = delivery.state == DeliveryState.SENDING
    if not _claim(delivery, now):
        return None
    if is_superseded(delivery):
        return _end(delivery, DeliveryState.SUPERSEDED, now)
    if was_abandoned and now >= delivery.give_up_at:
        return _fail(delivery, _("Given up: the worker never came back from sending it."), now)
    try:
        mail.send(_letter(delivery, now), connection)
    except mail.PermanentFailure as failure:
        return _fail(delivery, failure.reason, now)
    except mail.TemporaryFailure as failure:
        if failure.configuration:
            logger.error("No mail leaves until the settings are changed: %s", failure.reason)
        return _postpone(delivery, failure.reason, now)
    return _end(delivery, DeliveryState.DONE, now)


def _claim(delivery: Delivery, now: datetime) -> bool:
    """Take a delivery and count the attempt; False if another worker was quicker.

    The state and the counter that were read are part of the condition, so that of two workers one
    has it. It is counted before anything is written or sent: both may kill the worker.
    """
    attempts = delivery.attempts + 1
    claimed = Delivery.objects.filter(
        pk=delivery.pk, state=delivery.state, attempts=delivery.attempts
    ).update(
        state=DeliveryState.SENDING,
        leased_until=now + max(LEASE, _wait_after(attempts)),
        attempts=attempts,
    )
    delivery.attempts = attempts
    return bool(claimed)


def _wait_after(attempts: int) -> timedelta:
    return BACKOFF[min(attempts, len(BACKOFF)) - 1]


def is_superseded(delivery: Delivery) -> bool:
    """Whether something later makes this message wrong. Cancellations always go.

    What was said of a booking's admission is wrong once it has another one.
    """
    said = delivery.action.get("admission")
    if delivery.method == "CANCEL" or said == Admission.CANCELLED:
        return False
    if delivery.booking.is_cancelled or (said and said != delivery.booking.admission):
        return True
    return delivery.invitation is not None and delivery.invitation.sequence > delivery.sequence


def _letter(delivery: Delivery, now: datetime) -> mail.Letter:
    """The message as first written. It is kept until it has left, for every attempt to repeat.

    The secret of the manage link is not kept with it but put in at each attempt.
    """
    token = tokens.manage_token(delivery.booking)
    try:
        if delivery.letter is None:
            letter = mail.to_json(letters.letter_of(delivery, now))
            delivery.letter = _replaced(letter, token, _STAND_IN)
            Delivery.objects.filter(pk=delivery.pk).update(letter=delivery.letter)
        return mail.from_json(_replaced(delivery.letter, _STAND_IN, token))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # Data of a shape nobody foresaw: another attempt would meet it again.
        logger.exception("Delivery %s cannot be written", delivery.pk)
        raise mail.PermanentFailure(
            _("The message cannot be written: %(error)s") % {"error": error}
        ) from error


def _replaced(letter: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    written = json.dumps(letter, ensure_ascii=False)
    return json.loads(written.replace(old, new))


def _end(delivery: Delivery, state: DeliveryState, now: datetime) -> str:
    """Note that nothing more is to be done. True whoever else has claimed it meanwhile."""
    with transaction.atomic():
        ended = (
            Delivery.objects.filter(pk=delivery.pk)
            .exclude(state__in=[DeliveryState.DONE, DeliveryState.SUPERSEDED])
            .update(state=state, done_at=now, leased_until=None, last_error="", letter=None)
        )
        if ended and state == DeliveryState.DONE:
            _note(delivery, "delivered", now)
    return state


def _fail(delivery: Delivery, reason: str, now: datetime) -> str:
    with transaction.atomic():
        failed = _still_mine(delivery).update(
            state=DeliveryState.FAILED, leased_until=None, last_error=reason
        )
        if failed:
            _note(delivery, "delivery_failed", now, reason=reason)
    return DeliveryState.FAILED


def _postpone(delivery: Delivery, reason: str, now: datetime) -> str:
    due_at = now + _wait_after(delivery.attempts) * random.uniform(0.9, 1.1)  # noqa: S311
    if due_at > delivery.give_up_at:
        return _fail(delivery, _("Given up after: %(reason)s") % {"reason": reason}, now)
    _still_mine(delivery).update(
        state=DeliveryState.DUE, due_at=due_at, leased_until=None, last_error=reason
    )
    return DeliveryState.DUE


def _still_mine(delivery: Delivery) -> QuerySet[Delivery]:
    """The delivery, unless another worker has taken it over since this attempt began."""
    return Delivery.objects.filter(
        pk=delivery.pk, state=DeliveryState.SENDING, attempts=delivery.attempts
    )


def _note(delivery: Delivery, what: str, now: datetime, *, user=None, **data: str) -> None:
    Entry.objects.create(
        booking_id=delivery.booking_id,
        what=what,
        actor=Actor.AGENT if user else Actor.SYSTEM,
        user=user,
        at=now,
        data={
            "recipient": delivery.recipient,
            "message_id": delivery.message_id,
            "sequence": delivery.sequence,
            "method": delivery.method,
            **data,
        },
    )
