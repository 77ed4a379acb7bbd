"""What all calls of other systems share: who is calling, and in which form they are answered."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from wagtail_agenda import clients, signing, strict_json, throttle
from wagtail_agenda.errors import BookingError, Overloaded
from wagtail_agenda.models import ApiClient, Booking, CalledMeeting

LONGEST_BODY = 65_536
"""Bytes of a call that are read."""


@dataclass(eq=False)
class Refused(Exception):
    """A call that is answered with an error: `code` for machines, `text` for people."""

    code: str
    text: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)


def answered(**data: Any) -> JsonResponse:
    """The answer to a call that did what it should."""
    return JsonResponse({"err": 0, **data})


def refused(code: str, text: str, status: int = 200, **headers: str) -> JsonResponse:
    """The answer to a call that did nothing. Errors of the application itself come with 200.

    Clients read the code under one of two names, by their age.
    """
    answer = {"err": 1, "err_class": code, "err_desc": text, "reason": code}
    return JsonResponse(answer, status=status, headers=headers)


def api_view(*methods: str, scope: str) -> Callable:
    """A view for known clients with this scope, which gets the client after the request.

    It answers with what `answered` makes, and may raise `Refused` and any `BookingError`.
    """

    def decorate(view: Callable[..., JsonResponse]) -> Callable[..., JsonResponse]:
        @csrf_exempt
        @never_cache
        # The number of a signature stays used, whatever becomes of the call.
        @transaction.non_atomic_requests
        @functools.wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
            try:
                if request.method not in methods:
                    text = _("Call this address with %(methods)s.") % {
                        "methods": ", ".join(methods)
                    }
                    allowed = {"Allow": ", ".join(methods)}
                    raise Refused("method not allowed", text, 405, allowed)
                client = _known(request)
                if not clients.has_scope(client, scope):
                    text = _("“%(client)s” lacks the scope “%(scope)s”.")
                    text %= {"client": client, "scope": scope}
                    raise Refused("scope missing", text, 403)
                return view(request, client, *args, **kwargs)
            except Refused as refusal:
                return refused(refusal.code, refusal.text, refusal.status, **refusal.headers)
            except Overloaded as error:
                return refused(
                    error.code, str(error), 503, **{"Retry-After": str(error.retry_after)}
                )
            except BookingError as error:
                return refused(error.code, str(error))

        return answer

    return decorate


# Who is calling


def _known(request: HttpRequest) -> ApiClient:
    """The client that calls, by its key or by the signature of the query. Raises `Refused`."""
    now = timezone.now()
    scheme, _blank, key = request.headers.get("Authorization", "").strip().partition(" ")
    query = request.META.get("QUERY_STRING", "")
    try:
        if scheme.lower() == "bearer":
            return clients.by_key(key.strip(), now=now)
        if "signature=" in query:
            return clients.by_query(query, now=now)
    except clients.NotKnown as error:
        _count_failure(request, now)
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise Refused(error.code, str(error), 401, challenge) from error
    except signing.NotSigned as error:
        _count_failure(request, now)
        raise Refused(error.code, str(error), 403) from error
    _count_failure(request, now)
    text = _("Sign the call, or send a key: “Authorization: Bearer …”.")
    raise Refused("no credentials", text, 401, {"WWW-Authenticate": "Bearer"})


def _count_failure(request: HttpRequest, now: datetime) -> None:
    """Raises `Refused` for an address with too many failures.

    Those who are known are let through all the same: they may share an address with others, whose
    failures must not stop them, and nobody guesses 256 bits.
    """
    try:
        throttle.count(throttle.failed_call_limits(request), now)
    except throttle.TooMany as error:
        text = _("Too many failed calls came from your address. Wait, and check the credentials.")
        after = {"Retry-After": str(error.retry_after)}
        raise Refused("too many failures", text, 429, after) from error
    except throttle.CannotCount:
        # It is refused anyway; what cannot be counted is in the log.
        return


# What it says, and about what


def json_body(request: HttpRequest) -> Any:
    """The JSON that came with a call; None if nothing did. Raises `Refused`."""
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        length = 0
    # One byte more than is allowed shows that there is more.
    data = b"" if length > LONGEST_BODY else _read(request)
    if max(length, len(data)) > LONGEST_BODY:
        text = _("A call may have %(most)d bytes, this one has more.") % {"most": LONGEST_BODY}
        raise Refused("body too long", text, 413)
    if data.rstrip() == _empty_form(request):
        return None
    try:
        return strict_json.read(data)
    except strict_json.NotJson as error:
        text = _("What came is no JSON that can be read: %(error)s") % {"error": error}
        raise Refused("invalid json", text, 400) from error


def _empty_form(request: HttpRequest) -> bytes:
    """What a form without fields looks like, which some programmes send for nothing at all."""
    boundary = request.content_params.get("boundary", "") if request.content_params else ""
    return f"--{boundary}--".encode("utf-8", "replace") if boundary else b""


def _read(request: HttpRequest) -> bytes:
    try:
        return request.read(LONGEST_BODY + 1)
    except OSError as error:
        text = _("The call broke off before its end.")
        raise Refused("body incomplete", text, 400) from error


def booking_of(client: ApiClient, name: str) -> Booking:
    """The booking with this uuid, if the client may know of it. Raises `Refused`."""
    try:
        found = Booking.objects.select_related("agenda").filter(uuid=UUID(name)).first()
    except ValueError:
        found = None
    if found is None or not clients.may_touch(client, found.agenda):
        raise unknown_booking()
    return found


def unknown_booking() -> Refused:
    """The same whether there is none, or one that the client may not know of."""
    return Refused("unknown booking", _("There is no such booking."), 404)


def meeting_of(client: ApiClient, name: str) -> CalledMeeting:
    """The called meeting with this uuid, if the client may know of it. Raises `Refused`."""
    try:
        found = CalledMeeting.objects.select_related("agenda").filter(uuid=UUID(name)).first()
    except ValueError:
        found = None
    if found is None or not clients.may_touch(client, found.agenda):
        raise unknown_meeting()
    return found


def unknown_meeting() -> Refused:
    """The same whether there is none, or one that the client may not know of."""
    return Refused("unknown meeting", _("There is no such meeting."), 404)
