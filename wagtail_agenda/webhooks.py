"""One call to another system's address: where it may go, how long it may take, what came back.

An address comes from people or from other systems, so it is never trusted (server-side request
forgery): https only, the host is resolved once and must be public at every one of its addresses,
the connection goes to the address that was looked at, nothing is redirected and no proxy is asked.
Hosts that the site itself names in ``CALLBACK_HOSTS`` may be internal, at any port, without https.

A call ends in an `Answer` or in one of two typed failures: one worth another try, one that is not.
"""

import base64
import hashlib
import hmac
import http.client
import ipaddress
import json
import math
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from django.utils.translation import gettext as _

from wagtail_agenda.cleaning import one_line, shorten

SECONDS_TO_CONNECT = 5
SECONDS_IN_ALL = 15
"""How long a call may take from the first packet to the last byte of the answer."""

MOST_ANSWERED = 65_536
"""Bytes of an answer that are read; a longer one is a failure."""

LONGEST_URL = 2_000
LONGEST_RETRY_AFTER = 24 * 3600

_LONGEST_REASON = 500
_TEMPORARY = frozenset({408, 425, 429})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# RFC 8215: the same within somebody's own network.
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_FIELD_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
# What the transport says itself: another value would contradict it or smuggle a second request.
_OURS = frozenset({"connection", "content-length", "expect", "host", "te", "trailer"}) | {
    "transfer-encoding",
    "upgrade",
}

Resolve = Callable[[str, int], Iterable[str]]
"""From a host and a port to its network addresses, as text. Raises OSError."""


class CallFailure(Exception):
    """A call that brought nothing. `reason` says why, in words that an administrator can act on.

    `status` is the HTTP status if there was one, `retry_after` the seconds that the other side asks
    for, and `gone` says that it wants to be called at this address no more (410).
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        retry_after: int | None = None,
        gone: bool = False,
    ) -> None:
        self.reason = shorten(one_line(reason), _LONGEST_REASON)
        self.status, self.retry_after, self.gone = status, retry_after, gone
        super().__init__(self.reason)


class TemporaryFailure(CallFailure):
    """Worth another try later: the other side is away, busy or broken."""


class PermanentFailure(CallFailure):
    """The same call will be refused again."""


@dataclass(frozen=True)
class Call:
    """What is to be sent: `url` with its query, `body` as bytes, `headers` of one's own."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What came back, with a status from 200 to 299."""

    status: int
    content_type: str
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(self.body.decode("utf-8", "strict"), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON (RFC 8259 §6)")


# Where a call may go


@dataclass(frozen=True)
class Target:
    """Where a call goes, as far as its address says."""

    secure: bool
    host: str
    port: int
    path: str
    trusted: bool

    @property
    def name(self) -> str:
        """Host, with the port where it is not the usual one, as the header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.secure else 80
        return host if self.port == usual else f"{host}:{self.port}"


def target_of(url: str, trusted_hosts: Collection[str] = ()) -> Target:
    """Where an address leads. Raises `PermanentFailure` if nobody may be called there.

    `trusted_hosts` are hosts, or ``host:port``, of the site's own choosing. Looks nothing up: that
    the host is public is found out when it is called.
    """
    if len(url) > LONGEST_URL or re.search(r"[\x00-\x20\x7f\\]", url):
        raise PermanentFailure(_("This is no web address: %(url)s") % {"url": url[:100]})
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").rstrip(".").encode("idna").decode("ascii").lower()
    except ValueError as error:
        raise PermanentFailure(_("This is no web address: %(url)s") % {"url": url[:100]}) from error
    if parts.scheme not in {"http", "https"} or not host:
        raise PermanentFailure(_("This is no web address: %(url)s") % {"url": url[:100]})
    if parts.username is not None or parts.password is not None:
        raise PermanentFailure(_("An address must hold no user name or password."))
    secure = parts.scheme == "https"
    port = port or (443 if secure else 80)
    known = {name.lower() for name in trusted_hosts}
    trusted = host in known or f"{host}:{port}" in known
    if not trusted and not secure:
        raise PermanentFailure(
            _(
                "“%(host)s” is called with https only. For a host of your own, name it in the "
                "setting CALLBACK_HOSTS."
            )
            % {"host": host}
        )
    if not trusted and port != 443:
        raise PermanentFailure(
            _(
                "“%(host)s” is called at port 443 only. For a host of your own, name it in the "
                "setting CALLBACK_HOSTS."
            )
            % {"host": host}
        )
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts.query:
        path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return Target(secure, host, port, path, trusted)


def is_public(address: str) -> bool:
    """Whether a network address is one of the public internet, whatever it is wrapped in."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
        if found.teredo is not None or found.is_site_local or found in _LOCAL_NAT64:
            return False
    return found.is_global and not found.is_multicast


def _addresses(target: Target, resolve: Resolve) -> list[str]:
    """Where to connect, looked up once. All of them must be public, or the host a trusted one."""
    try:
        found = list(dict.fromkeys(resolve(target.host, target.port)))
    except (OSError, UnicodeError) as error:
        raise TemporaryFailure(
            _("“%(host)s” cannot be found: %(error)s") % {"host": target.host, "error": error}
        ) from error
    if not found:
        raise TemporaryFailure(_("“%(host)s” has no address.") % {"host": target.host})
    if not target.trusted and not all(map(is_public, found)):
        raise PermanentFailure(
            _(
                "“%(host)s” is not on the public internet. For a host of your own, name it in the "
                "setting CALLBACK_HOSTS."
            )
            % {"host": target.host}
        )
    return found


def _look_up(host: str, port: int) -> list[str]:
    return [entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


# The call itself


def perform(
    call: Call,
    *,
    trusted_hosts: Collection[str] = (),
    resolve: Resolve = _look_up,
    seconds: float = SECONDS_IN_ALL,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Make one call and read its answer. Raises `TemporaryFailure` or `PermanentFailure`.

    `seconds` bound the whole call, however slowly the other side drips. `tls` replaces the
    machine's own list of authorities.
    """
    target = target_of(call.url, trusted_hosts)
    headers = _headers_of(call, target)
    ends_at = time.monotonic() + seconds
    connection = _connected(target, _addresses(target, resolve), ends_at, tls)
    # Each read may wait anew, so a clock of our own hangs up on what drips.
    late = threading.Event()
    left = max(0.0, ends_at - time.monotonic())
    guard = threading.Timer(left, _hang_up, [connection.sock, late])
    guard.daemon = True
    guard.start()
    try:
        connection.request(call.method, target.path, body=call.body or None, headers=headers)
        response = connection.getresponse()
        body = response.read(MOST_ANSWERED + 1)
        if response.length and len(body) <= MOST_ANSWERED:
            raise http.client.IncompleteRead(body, response.length)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if late.is_set() or isinstance(error, TimeoutError):
            raise TemporaryFailure(
                _("“%(host)s” did not answer within %(seconds)d seconds.")
                % {"host": target.name, "seconds": seconds}
            ) from error
        raise TemporaryFailure(
            _("The connection to “%(host)s” broke: %(error)s")
            % {"host": target.name, "error": _described(error)}
        ) from error
    finally:
        guard.cancel()
        connection.close()
    return _judged(target, response, body)


def _headers_of(call: Call, target: Target) -> dict[str, str]:
    headers = {}
    for name, value in call.headers.items():
        if not _TOKEN.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
            raise PermanentFailure(_("“%(name)s” is no header.") % {"name": name})
        if name.lower() in _OURS:
            raise PermanentFailure(_("The header “%(name)s” cannot be set.") % {"name": name})
        try:
            value.encode("latin-1")
        except UnicodeEncodeError as error:
            raise PermanentFailure(
                _("The header “%(name)s” has letters that headers cannot have.") % {"name": name}
            ) from error
        headers[name] = value
    named = {name.lower() for name in headers}
    usual = {"User-Agent": "wagtail-agenda", "Accept": "application/json, */*"}
    headers |= {name: value for name, value in usual.items() if name.lower() not in named}
    return {"Host": target.name, **headers, "Accept-Encoding": "identity", "Connection": "close"}


def _connected(
    target: Target, addresses: list[str], ends_at: float, tls: ssl.SSLContext | None
) -> http.client.HTTPConnection:
    """A connection to the first address that takes one."""
    last: OSError | None = None
    for address in addresses:
        left = ends_at - time.monotonic()
        if left <= 0:
            break
        try:
            raw = socket.create_connection((address, target.port), min(left, SECONDS_TO_CONNECT))
        except OSError as error:
            last = error
            continue
        try:
            if target.secure:
                context = tls or ssl.create_default_context()
                raw = context.wrap_socket(raw, server_hostname=target.host)
        except (OSError, ValueError) as error:
            raw.close()
            raise TemporaryFailure(
                _("No secure connection to “%(host)s”: %(error)s")
                % {"host": target.name, "error": _described(error)}
            ) from error
        raw.settimeout(max(0.01, ends_at - time.monotonic()))
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = raw
        return connection
    if last is None:
        raise TemporaryFailure(
            _("“%(host)s” has not taken a connection in time.") % {"host": target.name}
        )
    raise TemporaryFailure(
        _("“%(host)s” takes no connection: %(error)s")
        % {"host": target.name, "error": _described(last)}
    ) from last


def _hang_up(connected: socket.socket, late: threading.Event) -> None:
    late.set()
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It has ended by itself in this very moment.
        return


def _judged(target: Target, response: http.client.HTTPResponse, body: bytes) -> Answer:
    status = response.status
    if 200 <= status < 300:
        if len(body) > MOST_ANSWERED:
            raise PermanentFailure(
                _("“%(host)s” answered with more than %(most)d bytes.")
                % {"host": target.name, "most": MOST_ANSWERED},
                status=status,
            )
        return Answer(status, response.getheader("Content-Type", ""), body)
    said = {"host": target.name, "status": status}
    if status == 410:
        raise PermanentFailure(
            _("“%(host)s” wants no more calls at this address (410).") % said,
            status=status,
            gone=True,
        )
    if 300 <= status < 400:
        raise PermanentFailure(
            _("“%(host)s” sends the call elsewhere (%(status)d), which is not followed.") % said,
            status=status,
        )
    if status >= 500 or status in _TEMPORARY:
        raise TemporaryFailure(
            _("“%(host)s” cannot answer now (%(status)d).") % said,
            status=status,
            retry_after=_seconds(response.getheader("Retry-After", "")),
        )
    raise PermanentFailure(_("“%(host)s” refused the call (%(status)d).") % said, status=status)


def _seconds(text: str) -> int | None:
    """The seconds of a Retry-After header; its other form, a date, is left to the own waits."""
    return min(int(text), LONGEST_RETRY_AFTER) if re.fullmatch(r"[0-9]{1,9}", text) else None


def _described(error: Exception) -> str:
    return str(error) or type(error).__name__


# Signed as the Standard Webhooks specification has it


def webhook_headers(webhook_id: str, body: bytes, secret: str, now: datetime) -> dict[str, str]:
    """The three headers of https://www.standardwebhooks.com, version 1, over a body.

    `webhook_id` names the occasion and stays the same over retries, while `now` does not. A secret
    that begins with ``whsec_`` is the base64 of the key; any other is the key itself.
    """
    timestamp = str(math.floor(now.timestamp()))
    signed = b".".join([webhook_id.encode(), timestamp.encode(), body])
    digest = hmac.new(_key_of(secret), signed, hashlib.sha256).digest()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode('ascii')}",
    }


def _key_of(secret: str) -> bytes:
    prefix = "whsec_"
    if secret.startswith(prefix):
        with suppress(ValueError):
            return base64.b64decode(secret.removeprefix(prefix), validate=True)
    return secret.encode()
