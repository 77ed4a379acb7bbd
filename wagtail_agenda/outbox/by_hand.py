"""What people do with a delivery: have it tried at once, or not at all."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from wagtail_agenda.choices import DeliveryKind, DeliveryState
from wagtail_agenda.models import ClosedAddress, Delivery, Entry
from wagtail_agenda.outbox import claiming
from wagtail_agenda.outbox.calls import address_digest
from wagtail_agenda.outbox.queueing import give_up_at, wake


def retry(delivery: Delivery, *, now: datetime | None = None, user=None) -> bool:
    """Queue a failed or waiting delivery to be tried at once. False if it is done already.

    A mail that has failed is written anew, under the same Message-ID: whatever was wrong with it
    may be mended. One that waits keeps its bytes, since the mail server may have taken it, and so
    does a call always. `user` is the agent who asked for it.
    """
    return bool(retry_all([delivery], now=now, user=user))


def retry_all(
    deliveries: Iterable[Delivery], *, now: datetime | None = None, user=None
) -> list[Delivery]:
    """Do what `retry` does with several at once. Answers with those that were queued.

    As many queries for 500 as for one.
    """
    now = now or timezone.now()
    with transaction.atomic():
        queued = _made_due(list(deliveries), now)
        Entry.objects.bulk_create(
            claiming.line_about(delivery, "sent_again", now, user=user) for delivery in queued
        )
    if queued:
        wake([delivery.pk for delivery in queued])
    return queued


def cancel(delivery: Delivery, *, now: datetime | None = None, user=None) -> bool:
    """Let a delivery that waits or has failed never leave. False if it has left, or is leaving.

    What it would have said is deleted with it. `user` is the agent who decided so.
    """
    now = now or timezone.now()
    with transaction.atomic():
        cancelled = Delivery.objects.filter(
            pk=delivery.pk, state__in=[DeliveryState.DUE, DeliveryState.FAILED]
        ).update(state=DeliveryState.CANCELLED, leased_until=None, letter=None)
        if cancelled:
            claiming.note(delivery, "delivery_cancelled", now, user=user)
    return bool(cancelled)


def closed_among(deliveries: Iterable[Delivery]) -> set[int]:
    """The keys of the failed calls among these whose address was closed by its owner."""
    digests = {
        delivery.pk: address_digest(delivery)
        for delivery in deliveries
        if delivery.kind == DeliveryKind.CALL and delivery.state == DeliveryState.FAILED
    }
    if not digests:
        return set()
    closed = set(
        ClosedAddress.objects.filter(digest__in=digests.values()).values_list("digest", flat=True)
    )
    return {pk for pk, digest in digests.items() if digest in closed}


def reopen(delivery: Delivery) -> bool:
    """Let the address of a call be called again. False if it was not closed."""
    removed, _by_model = ClosedAddress.objects.filter(digest=address_digest(delivery)).delete()
    return bool(removed)


def _made_due(deliveries: list[Delivery], now: datetime) -> list[Delivery]:
    """Those of the deliveries that are to be tried at once from now on."""
    fresh = {
        "state": DeliveryState.DUE,
        "due_at": now,
        "give_up_at": give_up_at(now),
        "leased_until": None,
    }
    # Locked, so that none of them leaves between being read and being written.
    present = Delivery.objects.select_for_update().order_by("pk")
    states = dict(
        present.filter(pk__in=[delivery.pk for delivery in deliveries]).values_list("pk", "state")
    )
    mails, calls, waiting = [], [], []
    for delivery in deliveries:
        state = states.get(delivery.pk)
        if state == DeliveryState.FAILED:
            (mails if delivery.kind == DeliveryKind.MAIL else calls).append(delivery.pk)
        elif state == DeliveryState.DUE:
            waiting.append(delivery.pk)
    for state, pks, columns in (
        (DeliveryState.FAILED, mails, {"attempts": 0, "letter": None, "done_at": None}),
        (DeliveryState.FAILED, calls, {"attempts": 0}),
        (DeliveryState.DUE, waiting, {}),
    ):
        # Asked for the state once more, for SQLite, which locks no rows.
        Delivery.objects.filter(pk__in=pks, state=state).update(**fresh, **columns)
    queued = {*mails, *calls, *waiting}
    return [delivery for delivery in deliveries if delivery.pk in queued]
