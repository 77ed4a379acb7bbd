"""What must leave, written with the transaction that is its reason."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from wagtail_agenda import conf, signals
from wagtail_agenda.choices import DeliveryKind, DeliveryState
from wagtail_agenda.models import Delivery, Invitation
from wagtail_agenda.prepared import PreparedInsert
from wagtail_agenda.subjects import Subject, of

_LONGEST_URL = Delivery._meta.get_field("url").max_length
_LONGEST_HOST = Delivery._meta.get_field("host").max_length


@dataclass(frozen=True)
class Mail:
    """One message to one recipient that is to be queued.

    `booking` is a `CalledMeeting` where it is about a meeting. `action` is the wording as it stands
    now; `cause` names what led to the message, and with the
    recipient makes the key that no second message can have.
    """

    booking: Subject
    audience: str
    recipient: str
    invitation: Invitation | None
    action: dict[str, Any]
    cause: str


@dataclass(frozen=True)
class WebCall:
    """One call to another system that is to be queued.

    `body` is JSON data, or None for no body. `identifier` is the name under which the answer is
    kept for the booking, empty to keep none; `expects` says what it has to be: ``"json"``,
    ``"file"``, or nothing in particular. `on_error` is the key of the status to go to if the call
    fails for good, `on_answer` that of the one after an answer. A header may be a dictionary of
    ``client``, the key of an `ApiClient`, and ``parts``, between which its secret is put at each
    attempt: it is never stored with the call. `cause` names the occasion: no second call about the
    booking can have the same.
    """

    booking: Subject
    url: str
    method: str = "POST"
    headers: Mapping[str, str | dict[str, Any]] = field(default_factory=dict)
    body: Any = None
    identifier: str = ""
    on_error: int | None = None
    on_answer: int | None = None
    cause: str = ""
    expects: str = ""


def enqueue_mails(
    mails: Sequence[Mail], *, domain: str, now: datetime, calls: Sequence[WebCall] = ()
) -> list[Delivery]:
    """Queue messages, inside the transaction that is their reason.

    `domain` is what their Message-IDs end with. `calls` are queued with them, whose causes must be
    new, such as those named after an entry of this very transaction.
    """
    deliveries = [_mail(wanted, domain, now) for wanted in mails]
    deliveries += [_call(wanted, now) for wanted in calls]
    if deliveries:
        _write(*deliveries)
        wake([delivery.pk for delivery in deliveries])
    return deliveries


_write = PreparedInsert(Delivery)


def enqueue_calls(calls: Sequence[WebCall], *, now: datetime) -> list[Delivery]:
    """Queue calls, inside the transaction that is their reason. As many queries for 500 as for one.

    A call that was queued before, for the same booking and cause, is left as it is. Answers with
    the deliveries of all of them. What cannot be sent as it is asked for fails when it is tried,
    with its reason, and never here.
    """
    if not calls:
        return []
    written = {delivery.key: delivery for delivery in (_call(wanted, now) for wanted in calls)}
    known = set(Delivery.objects.filter(key__in=written).values_list("key", flat=True))
    new = [delivery for key, delivery in written.items() if key not in known]
    # Two transactions may queue the same call at once, and neither must fail for it.
    Delivery.objects.bulk_create(new, ignore_conflicts=True)
    deliveries = list(Delivery.objects.filter(key__in=written).order_by("pk"))
    fresh = [delivery.pk for delivery in deliveries if delivery.key not in known]
    if fresh:
        wake(fresh)
    return deliveries


def unsaved_call(wanted: WebCall, *, now: datetime) -> Delivery:
    """The delivery that a call would be, to try it without queueing it."""
    return _call(wanted, now)


def wake(pks: list[int]) -> None:
    """Ask the queue, once this transaction is committed, to deliver at once."""
    transaction.on_commit(
        partial(signals.deliveries_due.send_robust, sender=Delivery, pks=pks), robust=True
    )


def give_up_at(now: datetime) -> datetime:
    return now + timedelta(hours=conf.get("DELIVERY_GIVE_UP_HOURS"))


def host_of(url: str) -> str:
    """The host of an address, with its port where that is not the usual one; empty if it has none.

    Calls that share it are counted together, see the setting CALLS_PER_HOST.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return ""
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    name = f"[{host}]" if ":" in host else host
    return (name if port in (None, usual) else f"{name}:{port}")[:_LONGEST_HOST]


def _mail(wanted: Mail, domain: str, now: datetime) -> Delivery:
    whom = hashlib.sha256(wanted.recipient.casefold().encode()).hexdigest()[:12]
    key = f"mail:{wanted.booking.uuid}:{wanted.cause}:{wanted.audience}:{whom}"
    return Delivery(
        key=key,
        **of(wanted.booking),
        invitation=wanted.invitation,
        audience=wanted.audience,
        recipient=wanted.recipient,
        sequence=wanted.invitation.sequence if wanted.invitation else None,
        method=wanted.invitation.method if wanted.invitation else "",
        action=wanted.action,
        message_id=f"<{_name_of(key)}@{domain}>",
        due_at=now,
        give_up_at=give_up_at(now),
        created_at=now,
    )


def _call(wanted: WebCall, now: datetime) -> Delivery:
    key = f"call:{wanted.booking.uuid}:{wanted.cause}"
    return Delivery(
        kind=DeliveryKind.CALL,
        key=key,
        **of(wanted.booking),
        url=wanted.url[:_LONGEST_URL],
        host=host_of(wanted.url),
        method=wanted.method,
        action={
            "identifier": wanted.identifier,
            "on_error": wanted.on_error,
            "on_answer": wanted.on_answer,
            "expects": wanted.expects,
        },
        letter=_written(wanted),
        message_id=f"msg_{_name_of(key)}",
        state=DeliveryState.DUE,
        due_at=now,
        give_up_at=give_up_at(now),
        created_at=now,
    )


def _written(wanted: WebCall) -> dict[str, Any]:
    """The call as plain data, its body as the text that every attempt sends."""
    headers = dict(wanted.headers)
    letter = {"method": wanted.method, "url": wanted.url, "headers": headers, "body": ""}
    if wanted.body is None:
        return letter
    try:
        # Letters beyond ASCII are escaped, so that there is none that cannot be sent.
        letter["body"] = json.dumps(wanted.body, cls=DjangoJSONEncoder, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return {**letter, "unwritable": str(error)}
    if "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = "application/json"
    return letter


def _name_of(key: str) -> str:
    # Short, so that its header is never folded: some servers do not find a folded one again.
    return hashlib.sha256(key.encode()).hexdigest()[:24]
