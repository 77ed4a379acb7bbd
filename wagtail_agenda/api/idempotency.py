"""The same call again: it gets the first answer and changes nothing.

A client that got no answer cannot know whether its call was carried out. With an
``Idempotency-Key`` it may simply ask again: the key, the answer and whatever the call changes are
written in one transaction, so that after a crash there is either all of it or nothing. Answers of
500 and above undo it all and are not kept.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime

from cryptography.fernet import InvalidToken
from django.db import IntegrityError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from wagtail_agenda import encryption
from wagtail_agenda.api.errors import Refused
from wagtail_agenda.clients import ANSWERS_KEPT_FOR
from wagtail_agenda.contention import all_or_nothing, is_contention, limited_waiting
from wagtail_agenda.models import ApiClient, KeptAnswer
from wagtail_agenda.signing import without_signature

HEADER = "Idempotency-Key"
LONGEST_KEY = 255
RETRY_AFTER = 1
"""Seconds after which to ask again while the first call is still being carried out."""


def answer(request: HttpRequest, carry_out: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer to a POST with a key, made once; any other call is carried out as it comes.

    Raises `Refused` while the first call with the key is being carried out, for a key that was
    used for another call, and for one that cannot be kept.
    """
    key = request.headers.get(HEADER, "")
    if request.method != "POST" or not key:
        return carry_out()
    if len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        text = _("An idempotency key has at most %(most)d printable ASCII characters.")
        raise Refused("invalid idempotency key", text % {"most": LONGEST_KEY}, 400)
    client, now = request.agenda_client, timezone.now()
    _forget_old(client, key, now)
    try:
        return _first_answer(request, client, key, now, carry_out)
    except _AskedBefore:
        return _kept(request, client, key)


class _AskedBefore(Exception):
    """Somebody has used the key already, or is using it at this moment."""


class _NotKept(Exception):
    """An answer that undoes everything: the next call with the key is a first one."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


def _first_answer(
    request: HttpRequest,
    client: ApiClient,
    key: str,
    now: datetime,
    carry_out: Callable[[], HttpResponse],
) -> HttpResponse:
    try:
        with all_or_nothing():
            row = _begin(request, client, key, now)
            with limited_waiting():
                response = carry_out()
            if response.status_code >= 500:
                raise _NotKept(response)
            row.answer = _sealed(key, response)
            row.save(update_fields=["answer"])
            return response
    except _NotKept as undone:
        return undone.response


def _begin(request: HttpRequest, client: ApiClient, key: str, now: datetime) -> KeptAnswer:
    try:
        # Whoever comes second waits here for the first to end, for a while.
        with transaction.atomic(), limited_waiting(RETRY_AFTER):
            return KeptAnswer.objects.create(
                client=client,
                key_digest=_digest(key),
                request_digest=_asked(request),
                made_at=now,
            )
    except IntegrityError as error:
        raise _AskedBefore from error
    except OperationalError as error:
        if is_contention(error):
            raise _busy() from error
        raise


def _kept(request: HttpRequest, client: ApiClient, key: str) -> HttpResponse:
    row = KeptAnswer.objects.filter(client=client, key_digest=_digest(key)).first()
    if row is None:
        # The first one has just undone everything.
        raise _busy()
    if row.request_digest != _asked(request):
        text = _("This idempotency key was used for another call. Make a key for each call.")
        raise Refused("idempotency key reused", text, 422)
    return _opened(key, row.answer)


def _busy() -> Refused:
    text = _("The first call with this idempotency key is still being carried out. Ask again.")
    return Refused("still running", text, 409, {"Retry-After": str(RETRY_AFTER)})


def _forget_old(client: ApiClient, key: str, now: datetime) -> None:
    old = KeptAnswer.objects.filter(client=client, key_digest=_digest(key))
    old.filter(made_at__lt=now - ANSWERS_KEPT_FOR).delete()


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _asked(request: HttpRequest) -> str:
    """A digest of what is asked, without the signature, which is another one each time."""
    query = without_signature(request.META.get("QUERY_STRING", ""))
    parts = [request.method, request.path, query]
    return hashlib.sha256(json.dumps(parts).encode() + request.body).hexdigest()


def _sealed(key: str, response: HttpResponse) -> str:
    told = [response.status_code, response.headers["Content-Type"], response.content.decode()]
    return encryption.under(key).encrypt(json.dumps(told).encode()).decode("ascii")


def _opened(key: str, sealed: str) -> HttpResponse:
    try:
        told = json.loads(encryption.under(key).decrypt(sealed.encode()))
    except InvalidToken as error:
        # Only what somebody changed by hand.
        raise _busy() from error
    status, content_type, content = told
    return HttpResponse(content, status=status, content_type=content_type)
