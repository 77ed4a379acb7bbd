"""Whose turn it is: claiming what is due, and what becomes of it.

The attempt is counted before anything leaves, so that what kills the worker is not tried for ever.
What an attempt came to is written only by the worker that still has the delivery.

A call is claimed and begun at once. Mails are claimed together and begun one by one: what was
claimed and not begun has certainly not left, and no attempt is counted for it.
"""

import random
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import BooleanField, Case, F, Func, Q, QuerySet, When
from django.utils.translation import gettext as _

from wagtail_agenda.choices import Actor, DeliveryKind, DeliveryState
from wagtail_agenda.models import Delivery, Entry
from wagtail_agenda.prepared import Given, PreparedUpdate

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


def claim_together(pks: Collection[int], now: datetime) -> tuple[list[int], bool]:
    """Take those of these mails that are to be had, and count no attempt yet.

    All that are due, or else one that was left by a worker which never came back; the second
    answer says which. Whatever that worker had may be what killed it, so it is tried alone and
    takes no others along. What another worker is claiming at this moment is left to that one.
    """
    features = connection.features
    free = Delivery.objects.filter(claimable(now), pk__in=pks, kind=DeliveryKind.MAIL)
    with transaction.atomic():
        if not features.has_select_for_update:
            # Writes before it reads, which is all that SQLite needs to wait its turn.
            free.update(attempts=F("attempts"))
        found = free.select_for_update(skip_locked=features.has_select_for_update_skip_locked)
        states = dict(found.order_by("pk").values_list("pk", "state"))
        due = [pk for pk, state in states.items() if state == DeliveryState.DUE]
        claimed = due or list(states)[:1]
        if claimed:
            Delivery.objects.filter(pk__in=claimed).update(
                state=DeliveryState.SENDING, leased_until=now + LEASE
            )
    return claimed, not due


def begin(delivery: Delivery, now: datetime, left: Delivery | None = None) -> bool:
    """Count the attempt at what was claimed together; False if another worker has it by now.

    The letter is fixed with it: this is what leaves, however often. `left` is the mail before it,
    which is marked in the same statement.
    """
    attempts = delivery.attempts + 1
    begun = {
        "pk": delivery.pk,
        "key": delivery.key,
        "counted": delivery.attempts,
        "leased_until": now + max(LEASE, wait_after(attempts)),
        "attempts": attempts,
        "letter": delivery.letter,
    }
    delivery.attempts = attempts
    if left is None:
        return bool(_begin(**begun))
    marked = {"left": left.pk, "left_key": left.key, "done_at": left.done_at}
    if _begin_and_mark(**begun, **marked) == 2:
        return True
    # One of the two was another worker's: whose row it was, the number does not say.
    mark_left(left)
    return still_mine(delivery).filter(key=delivery.key).exists()


class _Hurried(Func):
    """Asks PostgreSQL not to wait for its disk when this statement is committed; true everywhere.

    Others see at once what was written. Only if the database server itself dies, the last moments
    may be as if they had not been: what left in them leaves again, under the same Message-ID.
    """

    output_field = BooleanField()
    template = "1 = 1"

    def as_postgresql(self, compiler, connection, **context):
        # For this transaction alone, and not for whoever has the connection next from a pool.
        setting = "(SELECT set_config('synchronous_commit', 'off', true)) = 'off'"
        return self.as_sql(compiler, connection, template=setting, **context)


# Whom they are about may have been erased since they were read, and their keys with them.
_BEGUN = Q(pk=Given("pk"), key=Given("key"), state=DeliveryState.SENDING, attempts=Given("counted"))
_LEFT = Q(pk=Given("left"), key=Given("left_key")) & ~Q(state__in=_OVER)


def _where(row: str, column: str) -> Case:
    return Case(When(pk=Given(row), then=Given(column)), default=F(column))


_begin = PreparedUpdate(
    Delivery.objects.filter(_BEGUN, _Hurried()), "leased_until", "attempts", "letter"
)
_begin_and_mark = PreparedUpdate(
    Delivery.objects.filter(_BEGUN | _LEFT, _Hurried()),
    **{column: _where("pk", column) for column in ("leased_until", "attempts", "letter")},
    done_at=_where("left", "done_at"),
)
_mark_left = PreparedUpdate(Delivery.objects.filter(_LEFT, _Hurried()), "done_at")


def keep_letter(delivery: Delivery) -> None:
    """Fix what leaves of a delivery that was begun before it was written."""
    still_mine(delivery).filter(key=delivery.key).update(letter=delivery.letter)


def mark_left(delivery: Delivery) -> None:
    """Write down that a mail has left, whoever else has claimed it meanwhile.

    That is all there is time for until the next one leaves; `note_left` does the rest.
    """
    _mark_left(left=delivery.pk, left_key=delivery.key, done_at=delivery.done_at)


def note_left(deliveries: Iterable[Delivery]) -> None:
    """Note that nothing more is to be done for these marked mails, in their histories too."""
    marked = {delivery.pk: delivery for delivery in deliveries}
    if not marked:
        return
    # Whom it is about may have been erased since it left, and its key with them.
    keys = [delivery.key for delivery in marked.values()]
    open_ones = Delivery.objects.filter(pk__in=marked, key__in=keys).exclude(state__in=_OVER)
    with transaction.atomic():
        # Locks them; of two workers that had the same mail, one writes its line.
        open_ones.update(leased_until=None)
        noted = list(open_ones.order_by("pk").values_list("pk", flat=True))
        open_ones.update(state=DeliveryState.DONE, last_error="", letter=None)
        Entry.objects.bulk_create(
            line_about(marked[pk], "delivered", marked[pk].done_at) for pk in noted
        )


def give_back(deliveries: Iterable[Delivery], **columns: Any) -> None:
    """Let others have what was claimed together and not begun."""
    by_attempts: dict[int, list[int]] = {}
    for delivery in deliveries:
        by_attempts.setdefault(delivery.attempts, []).append(delivery.pk)
    for attempts, pks in by_attempts.items():
        Delivery.objects.filter(pk__in=pks, state=DeliveryState.SENDING, attempts=attempts).update(
            state=DeliveryState.DUE, leased_until=None, **columns
        )


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
    """A line about the delivery for the history of its booking or meeting, still to be saved."""
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
