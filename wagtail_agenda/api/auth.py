"""Who is calling, by a key or by a signed query, and what they may do."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja.security.base import AuthBase

from wagtail_agenda import clients, signing, throttle
from wagtail_agenda.api.errors import Refused
from wagtail_agenda.clients import Scope
from wagtail_agenda.models import ApiClient


class Access(AuthBase):
    """Lets in the client that is calling, if it has one of these scopes."""

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_description = (
        "The key of an API client. Instead of it, the query may be signed with the client's secret."
    )

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes
        super().__init__()

    def __call__(self, request: HttpRequest) -> ApiClient:
        """The client that `calls.called` has found. Raises `Refused`."""
        client = request.agenda_client
        require_scope(client, *self.scopes)
        return client


def scoped(*scopes: Scope, **described: Any) -> dict[str, Any]:
    """What a call takes that is for clients with one of these scopes, described as such.

    `described` is what else its description has.
    """
    names = " or ".join(scopes)
    return {"auth": Access(*scopes), "openapi_extra": {"x-scope": names, **described}}


def require_scope(client: ApiClient, *scopes: Scope) -> None:
    """Raise `Refused` unless the client has one of these scopes."""
    if any(clients.has_scope(client, scope) for scope in scopes):
        return
    text = _("“%(client)s” lacks the scope “%(scope)s”.")
    text %= {"client": client, "scope": scopes[0]}
    raise Refused("scope missing", text, 403)


def client_of(request: HttpRequest) -> ApiClient:
    """The client that calls, by its key or by the signature of the query. Raises `Refused`.

    Uses up the number of a signature, so call it outside of a transaction that may be undone.
    """
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
