"""Attempts at calls to other systems: signed anew each time, with the bytes of the first.

What the network answers is written down here and nowhere else: an answer that is to be kept, a line
in the history, and for what failed for good one that moves the booking workflow on.
"""

import hashlib
import hmac
import logging
import mimetypes
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from wagtail_agenda import (
    acts,
    clients,
    conf,
    correspondence,
    encryption,
    signals,
    signing,
    webhooks,
)
from wagtail_agenda.choices import Cause, DeliveryKind, DeliveryState
from wagtail_agenda.cleaning import one_line
from wagtail_agenda.models import ApiClient, ClosedAddress, Delivery, Entry, KeptFile
from wagtail_agenda.outbox import claiming
from wagtail_agenda.subjects import Subject
from wagtail_agenda.wording import day_text

logger = logging.getLogger(__name__)

ADDRESS_CLOSED = "address closed"
NO_ANSWER = "no answer"
NOT_JSON = "not json"
CANNOT_BE_CALLED = "cannot be called"
"""Codes of failures that no HTTP status says; any other code is the status, such as ``404``."""

Result = webhooks.Answer | webhooks.CallFailure

_LONGEST_CONTENT_TYPE = KeptFile._meta.get_field("content_type").max_length
_PURPOSE = b"wagtail-agenda: signature of calls to other systems"


class NotJson(webhooks.PermanentFailure):
    """An answer that is not what was asked for. The other side has acted, so it is not repeated."""


class Closed(webhooks.PermanentFailure):
    """The other side has asked for no more calls at this address."""


@dataclass(frozen=True)
class Claimed:
    """A call of which this worker has the attempt. `make` reaches for the network alone."""

    delivery: Delivery
    make: Callable[[], webhooks.Answer]


class HostIsBusy(Exception):
    """As many calls to that host as there may be are being made: this one has to wait."""


def attempt(delivery: Delivery, now: datetime) -> str | None:
    """Claim a call, make it and note the result; None if it is not to be had now."""
    try:
        claimed = claim(delivery, now)
    except HostIsBusy:
        return None
    if isinstance(claimed, Claimed):
        return conclude(delivery, result_of(claimed), now)
    return claimed


def claim(delivery: Delivery, now: datetime) -> Claimed | str | None:
    """Take a call as it was just read: ready to be made, or its state if it is not even made.

    None if another worker has it. Raises `HostIsBusy`.
    """
    was_abandoned = delivery.state == DeliveryState.SENDING
    if not claiming.claim(delivery, now):
        return None
    if _is_one_too_many(delivery, now):
        claiming.release(delivery)
        raise HostIsBusy()
    if was_abandoned and now >= delivery.give_up_at:
        return _fail(delivery, claiming.never_came_back(), NO_ANSWER, now)
    trusted_hosts = conf.get("CALLBACK_HOSTS")
    try:
        _require_open(delivery)
        call = _signed(delivery, trusted_hosts, now)
    except webhooks.CallFailure as failure:
        return conclude(delivery, failure, now)
    return Claimed(delivery, partial(webhooks.perform, call, trusted_hosts=trusted_hosts))


def result_of(claimed: Claimed) -> Result:
    """Make the call. Knows no database, so it may run in a thread of its own."""
    try:
        return claimed.make()
    except webhooks.CallFailure as failure:
        return failure


def conclude(delivery: Delivery, result: Result, now: datetime) -> str:
    """Write down what an attempt came to. Answers with the state of the delivery afterwards."""
    if isinstance(result, webhooks.Answer):
        wants_json = delivery.action.get("expects") == "json"
        if not wants_json or result.json is not None:
            return _succeed(delivery, result, now)
        result = NotJson(
            _("“%(host)s” did not answer with JSON.") % {"host": delivery.host},
            status=result.status,
        )
    if isinstance(result, webhooks.TemporaryFailure):
        not_before = timedelta(seconds=result.retry_after or 0)
        due_at = claiming.next_attempt_at(delivery, now, not_before=not_before)
        if due_at is not None:
            claiming.postpone(delivery, due_at, result.reason, now)
            return DeliveryState.DUE
        reason = claiming.given_up(result.reason)
        return _fail(delivery, reason, _code_of(result), now, answered=result.status)
    if result.gone:
        ClosedAddress.objects.get_or_create(
            digest=address_digest(delivery), defaults={"url": delivery.url, "closed_at": now}
        )
    return _fail(delivery, result.reason, _code_of(result), now, answered=result.status)


def try_once(delivery: Delivery, now: datetime) -> Result:
    """Make the call of a delivery that is not stored, as the worker would, and note nothing."""
    trusted_hosts = conf.get("CALLBACK_HOSTS")
    try:
        _require_open(delivery)
        call = _signed(delivery, trusted_hosts, now)
    except webhooks.CallFailure as failure:
        return failure
    return result_of(
        Claimed(delivery, partial(webhooks.perform, call, trusted_hosts=trusted_hosts))
    )


def is_silent(result: Result) -> bool:
    """Whether nobody answered at all, so that other calls to that host can wait."""
    return isinstance(result, webhooks.TemporaryFailure) and result.status is None


def hold(host: str, now: datetime) -> None:
    """Let the calls to a host that does not answer wait: none of them counts an attempt."""
    Delivery.objects.filter(
        kind=DeliveryKind.CALL, host=host, state=DeliveryState.DUE, due_at__lte=now
    ).update(due_at=now + claiming.wait_after(1))


def own_webhook_secret() -> str:
    """The secret that calls to systems without one of their own are signed with.

    Derived from Django's ``SECRET_KEY``: give it to whoever wants to check these calls.
    """
    key = hmac.new(settings.SECRET_KEY.encode(), _PURPOSE, hashlib.sha256).digest()
    return f"whsec_{b64encode(key).decode('ascii')}"


# Before


def _is_one_too_many(delivery: Delivery, now: datetime) -> bool:
    """Whether the host has more calls at once than it may, this one included.

    It is counted after claiming: of two workers that claim at once, the one that counts last sees
    both, so there are never too many. Both may give way, which costs a minute at the most.
    """
    under_way = Delivery.objects.filter(
        kind=DeliveryKind.CALL,
        host=delivery.host,
        state=DeliveryState.SENDING,
        leased_until__gt=now,
    )
    return bool(delivery.host) and under_way.count() > max(1, conf.get("CALLS_PER_HOST"))


def _require_open(delivery: Delivery) -> None:
    closed = ClosedAddress.objects.filter(digest=address_digest(delivery)).first()
    if closed is not None:
        raise Closed(
            _(
                "“%(host)s” has asked for no more calls at this address (410, on %(date)s). "
                "Call it again only if its owner wants that."
            )
            % {"host": delivery.host, "date": day_text(closed.closed_at.date())}
        )


def address_digest(delivery: Delivery) -> str:
    """By which the address of a call is known among the closed ones."""
    address = delivery.url.partition("#")[0]
    return hashlib.sha256(address.encode("utf-8", "replace")).hexdigest()


def _signed(delivery: Delivery, trusted_hosts, now: datetime) -> webhooks.Call:
    """The call as it is sent: the bytes as first written, the signatures of this moment.

    Raises `webhooks.CallFailure`.
    """
    try:
        written = delivery.letter
        if "unwritable" in written:
            raise ValueError(written["unwritable"])
        method, url = written["method"], written["url"]
        target = webhooks.target_of(url, trusted_hosts)
        headers = {name: _header(text, target) for name, text in written["headers"].items()}
        body = written["body"].encode()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # Another attempt would meet it again.
        logger.warning("Delivery %s cannot be written: %s", delivery.pk, error)
        raise webhooks.PermanentFailure(
            _("The call cannot be written: %(error)s") % {"error": error}
        ) from error
    # As it will be sent, because the signature is over the bytes of the query.
    url = f"{'https' if target.secure else 'http'}://{target.name}{target.path}"
    client = clients.at_host(target.host, target.port)
    secret, webhook_secret = _secrets_of(client)
    if secret:
        url = signing.sign_url(url, secret, orig=orig_of(delivery.subject), now=now)
    headers |= webhooks.webhook_headers(
        delivery.message_id, body, webhook_secret or own_webhook_secret(), now
    )
    return webhooks.Call(method, url, headers, body)


def orig_of(booking: Subject) -> str:
    """The host under which calls about a booking or meeting are signed."""
    return conf.get("ORIG") or urlsplit(correspondence.base_url(booking)).netloc


def _secrets_of(client: ApiClient | None) -> tuple[str, str]:
    if client is None:
        return "", ""
    try:
        return encryption.decrypt(client.secret), encryption.decrypt(client.webhook_secret)
    except encryption.Unreadable as error:
        logger.error("No call to “%s” leaves: its secret cannot be read.", client)
        raise webhooks.TemporaryFailure(
            _(
                "The secret of “%(client)s” cannot be read: the keys of this site have changed. "
                "Enter it again, or put the old key back into ENCRYPTION_KEYS."
            )
            % {"client": client}
        ) from error


def _header(written: str | dict, target: webhooks.Target) -> str:
    """The value of a header; one that names a client gets its secret, at the client's own host.

    Whoever writes such a header could otherwise have the secret sent to themselves. Raises
    `webhooks.CallFailure`.
    """
    if not isinstance(written, dict):
        return str(written)
    client = ApiClient.objects.filter(pk=written["client"], active=True).first()
    if client is None:
        raise webhooks.PermanentFailure(
            _("The other system whose secret this call needs is gone or not active.")
        )
    if (client.orig or "").lower() not in (target.host, f"{target.host}:{target.port}"):
        raise webhooks.PermanentFailure(
            _(
                "The secret of “%(client)s” is sent to no other host than its own, so not to "
                "“%(host)s”."
            )
            % {"client": client, "host": target.name}
        )
    return _secrets_of(client)[0].join(map(str, written["parts"])).strip()


# After


def _succeed(delivery: Delivery, answer: webhooks.Answer, now: datetime) -> str:
    identifier = delivery.action.get("identifier", "")
    with transaction.atomic():
        if claiming.end(delivery, DeliveryState.DONE, now, answered=answer.status):
            if identifier:
                _keep(delivery, identifier, answer, now)
            claiming.note(delivery, "call_answered", now, answered=answer.status)
            if delivery.action.get("on_answer"):
                data = {"go_to": delivery.action["on_answer"], "identifier": identifier}
                acts.leave(delivery.subject, acts.SENT_ON, data, now=now)
    return DeliveryState.DONE


def _keep(delivery: Delivery, identifier: str, answer: webhooks.Answer, now: datetime) -> None:
    content_type = one_line(answer.content_type)[:_LONGEST_CONTENT_TYPE]
    if delivery.action.get("expects") == "json":
        content_type = "application/json"
    kind = content_type.partition(";")[0].strip().lower()
    KeptFile.objects.update_or_create(
        booking_id=delivery.booking_id,
        called_meeting_id=delivery.called_meeting_id,
        identifier=identifier,
        defaults={
            "name": f"{identifier}{mimetypes.guess_extension(kind) or '.bin'}",
            "content_type": content_type or "application/octet-stream",
            "content": answer.body,
            "made_at": now,
        },
    )


def _fail(
    delivery: Delivery, reason: str, code: str, now: datetime, *, answered: int | None = None
) -> str:
    data = {"action": "call", "code": code, "reason": reason}
    if delivery.action.get("on_error"):
        data["status"] = delivery.action["on_error"]
    with transaction.atomic():
        if claiming.fail(delivery, reason, answered=answered):
            entry = claiming.note(delivery, Cause.ACTION_FAILED, now, advances=True, **data)
            transaction.on_commit(
                partial(signals.entries_due.send_robust, sender=Entry, pks=[entry.pk]), robust=True
            )
    return DeliveryState.FAILED


def _code_of(failure: webhooks.CallFailure) -> str:
    if failure.gone or isinstance(failure, Closed):
        return ADDRESS_CLOSED
    if isinstance(failure, NotJson):
        return NOT_JSON
    if failure.status is not None:
        return str(failure.status)
    is_temporary = isinstance(failure, webhooks.TemporaryFailure)
    return NO_ANSWER if is_temporary else CANNOT_BE_CALLED
