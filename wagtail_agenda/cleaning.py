"""What a text, a web address or an e-mail address may contain before it leaves the house.

Everything typed by an editor or a visitor ends up in formats which give some characters a
meaning: a line break ends a mail header, NUL makes a calendar file unreadable. Decided here
once, for calendars, mails and templates alike; pure functions, no request, no database.
"""

import re
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.encoding import iri_to_uri, punycode

MOST_ATTACHED = 5 * 2**20
"""Bytes of files that one mail takes: many servers refuse 10 MB, and base64 adds a third."""

# U+0085, U+2028 and U+2029 end a line for some readers (Python's among them) and not for
# others; as an ordinary newline they mean the same thing to everybody.
_LINE_BREAKS = re.compile("\r\n|[\r\x85\u2028\u2029]")
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")
_NEVER_SHOWN = re.compile("[\ud800-\udfff\ufeff]")
# Non-breaking spaces are no line breaks and stay: French writes « 10 h 30 » with them.
_BLANK_RUN = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_NEVER_IN_A_URL = re.compile(r"""[\s"<>\\^`{|}]""")

_is_email_address = EmailValidator()


def clean_text(value: str) -> str:
    """Return `value` without control characters and lone surrogates; line breaks become `\\n`.

    Tabs and newlines stay. RFC 5545 §3.1 allows no other control character in a TEXT, a lone
    surrogate cannot be encoded at all, and a byte order mark (U+FEFF) is dropped by some
    readers. Cleaning twice changes nothing.
    """
    return _UNWANTED.sub("", _LINE_BREAKS.sub("\n", str(value)))


def storable(typed: Any) -> Any:
    """Return what was typed, strings in lists and dictionaries too, as a database can keep it.

    PostgreSQL keeps neither NUL nor lone surrogates in JSON: the one goes, the others become "?".
    Nothing else changes, for the visitor gets to see it again.
    """
    if isinstance(typed, str):
        return typed.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(typed, dict):
        return {storable(name): storable(value) for name, value in typed.items()}
    if isinstance(typed, (list, tuple)):
        return [storable(value) for value in typed]
    return typed


def one_line(value: str) -> str:
    """Return `value` on one line: each run of blanks and control characters is one space."""
    return _BLANK_RUN.sub(" ", _NEVER_SHOWN.sub("", str(value))).strip()


def shorten(value: str, length: int) -> str:
    """Cut `value` to `length` characters, the last one an ellipsis if something was cut."""
    return value if len(value) <= length else value[: length - 1].rstrip() + "…"


def web_address(value: str) -> str:
    """Return the http(s) URL in ASCII (RFC 3986), or "" when `value` is no such URL.

    A URL with control characters, blanks or quotes inside, without a host, with a user name
    (`https://bank.example@elsewhere.example`), or of another scheme (`javascript:`) is
    unusable. International host names become punycode.
    """
    value = str(value).strip(" ")
    if value != clean_text(value) or _NEVER_IN_A_URL.search(value):
        return ""
    try:
        parts = urlsplit(value)
        port = parts.port
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            return ""
        netloc = parts.netloc
        if not netloc.isascii():
            netloc = punycode(parts.hostname) + ("" if port is None else f":{port}")
        return iri_to_uri(urlunsplit(parts._replace(netloc=netloc)))
    except ValueError:
        return ""


def email_address(value: str) -> str:
    """Return the address as it is written on the wire: ASCII, its domain in punycode.

    Raises `ValueError`, naming the address, when it is none. Control characters are refused
    before the general check, because RFC 5321 quoted local parts may hold them. A local part
    outside ASCII needs SMTPUTF8 on every server on the way, so it is refused as well.
    """
    address = str(value).strip(" ")
    try:
        if address != one_line(address):
            raise ValidationError("control characters")
        _is_email_address(address)
        local, _at, domain = address.rpartition("@")
        address = f"{local}@{punycode(domain)}"
        address.encode("ascii")
    except (ValidationError, UnicodeError):
        raise ValueError(f"{value!r} is not a usable e-mail address") from None
    return address


def mailto(value: str) -> str:
    """Return the RFC 6068 `mailto:` URI of an address; raises `ValueError` when it is none."""
    local, _at, domain = email_address(value).rpartition("@")
    local = quote(local, safe="!$'*+,")
    return f"mailto:{local}@{quote(domain)}"
