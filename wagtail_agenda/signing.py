"""Signed query strings, both ways: how two systems that share a secret know each other's calls.

The caller appends to the query of its address who it is, which algorithm it used, when, and a
number used once; then the signature of everything before it::

    ?orig=forms.example.org&algo=sha256&timestamp=2026-01-15T10%3A00%3A00Z&nonce=…&signature=…

The signature is the base64 of an HMAC over the query as it is sent, byte by byte, from its start up
to ``&signature=``. This is the scheme of the Publik suite; stricter than there, nothing may follow
the signature, a nonce must be given, and weak algorithms are refused.

Nothing in here knows Django's models: whoever checks a query says which secrets belong to a caller,
and whether a nonce has been used.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

ALGORITHMS = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
"""Names of the algorithms that are accepted, and what they stand for."""

MAXIMUM_AGE = timedelta(seconds=30)
"""How far the caller's clock may be from ours, either way."""

LONGEST_QUERY = 8_000
"""Characters of a query that is looked at; a longer one is refused unread."""

LONGEST_NONCE = 128

_FIELDS = ("algo", "timestamp", "nonce", "orig", "signature")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


class NotSigned(Exception):
    """A query that is not signed as it must be. `code` is for machines, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


@dataclass(frozen=True)
class Signed:
    """Who signed a query, when, and the number that may be used once."""

    orig: str
    nonce: str
    timestamp: datetime


def sign_query(
    query: str, secret: str, *, now: datetime, algo: str = "sha256", nonce: str | None = None
) -> str:
    """The query with its signature at the end.

    `query` is a query string as it will be sent, without the question mark; `orig` has to be in it
    already. `now` is an aware datetime. A `nonce` is drawn unless one is given. Raises `KeyError`
    for an algorithm that is not in `ALGORITHMS`.
    """
    stamp = now.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    nonce = secrets.token_hex(16) if nonce is None else nonce
    added = urlencode({"algo": algo, "timestamp": stamp, "nonce": nonce}, quote_via=quote)
    text = f"{query}&{added}" if query else added
    return f"{text}&signature={quote(signature_of(text, secret, algo), safe='')}"


def sign_url(url: str, secret: str, *, orig: str, now: datetime, nonce: str | None = None) -> str:
    """An address whose query is signed in the name of `orig`; its fragment is left out."""
    parts = urlsplit(url)
    named = urlencode({"orig": orig}, quote_via=quote)
    query = f"{parts.query}&{named}" if parts.query else named
    signed = sign_query(query, secret, now=now, nonce=nonce)
    return urlunsplit(parts._replace(query=signed, fragment=""))


def without_signature(query: str) -> str:
    """What a query asks for: without what makes each signed call another one."""
    changing = {"algo", "timestamp", "nonce", "signature"}
    return urlencode(
        [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in changing]
    )


def signature_of(text: str, secret: str, algo: str = "sha256") -> str:
    """The base64 of the HMAC over a text. Raises `KeyError` for an unknown algorithm."""
    digest = hmac.new(secret.encode(), text.encode(), ALGORITHMS[algo]).digest()
    return base64.b64encode(digest).decode("ascii")


def check_query(
    query: str,
    *,
    now: datetime,
    secrets_of: Callable[[str], Iterable[str]],
    use_nonce: Callable[[Signed], bool],
) -> Signed:
    """Who signed a query string, as it was received. Raises `NotSigned`.

    `secrets_of` gives the secrets of a caller, none if it is not known; there may be two while one
    is replaced. `use_nonce` notes that a nonce has been used by its caller, and answers whether
    that was the first time: it is asked last, so that nobody uses up what they did not sign.
    """
    if len(query) > LONGEST_QUERY:
        raise NotSigned("query too long", "The signed query is too long.")
    fields = _fields(query)
    text, found, given = query.rpartition("&signature=")
    if not found or "signature" not in fields:
        raise NotSigned("not signed", "The query has no signature.")
    if "&" in given:
        raise NotSigned("text after signature", "Nothing may follow the signature.")
    for name in ("algo", "timestamp", "nonce", "orig"):
        if not fields.get(name):
            raise NotSigned(f"missing {name}", f"The signed query lacks “{name}”.")
    if fields["algo"] not in ALGORITHMS:
        raise NotSigned("unknown algo", f"Sign with one of these: {', '.join(ALGORITHMS)}.")
    if len(fields["nonce"]) > LONGEST_NONCE:
        raise NotSigned("nonce too long", f"A nonce has at most {LONGEST_NONCE} characters.")
    signed = Signed(fields["orig"], fields["nonce"], _moment(fields["timestamp"]))
    if not _is_of_one_of(list(secrets_of(signed.orig)), text, fields):
        raise NotSigned("invalid signature", "The signature is not that of a known caller.")
    if abs(now - signed.timestamp) > MAXIMUM_AGE:
        raise NotSigned("timestamp too far", "The timestamp is over 30 seconds from our clock.")
    if not use_nonce(signed):
        raise NotSigned("nonce used", "This nonce has been used: sign each call anew.")
    return signed


def _fields(query: str) -> dict[str, str]:
    """What the signature is made of; each may stand there once."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in _FIELDS:
            if name in found:
                raise NotSigned(f"repeated {name}", f"“{name}” stands in the query twice.")
            found[name] = value
    return found


def _moment(text: str) -> datetime:
    wrong = NotSigned("invalid timestamp", "Write the timestamp like 2026-01-15T10:00:00Z, in UTC.")
    if not _TIMESTAMP.fullmatch(text):
        raise wrong
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise wrong from error


def _is_of_one_of(known: list[str], text: str, fields: dict[str, str]) -> bool:
    try:
        given = base64.b64decode(fields["signature"], validate=True)
        signed = text.encode()
    except (binascii.Error, ValueError):
        return False
    if base64.b64encode(given).decode("ascii") != fields["signature"]:
        # The last letter has bits that stand for nothing: several texts would be one signature.
        return False
    right = False
    # All are tried, also when there is none: how long it takes tells nothing.
    for secret in known or [""]:
        expected = hmac.new(secret.encode(), signed, ALGORITHMS[fields["algo"]]).digest()
        right |= hmac.compare_digest(given, expected) and bool(known)
    return right
