"""« Call a web service »: another system is told, and what it answers is kept for later actions."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from wagtail_agenda import conf, outbox, placeholders, webhooks, workflow
from wagtail_agenda.choices import Audience
from wagtail_agenda.cleaning import clean_text, one_line
from wagtail_agenda.errors import ActionFailed
from wagtail_agenda.mailing import Mails
from wagtail_agenda.meeting_words import facts_about, values_about
from wagtail_agenda.models import CalledMeeting
from wagtail_agenda.outbox import WebCall
from wagtail_agenda.outbox.calls import Result
from wagtail_agenda.subjects import Subject
from wagtail_agenda.validators import IDENTIFIER
from wagtail_agenda.workflow import Occasion

METHODS = ("POST", "GET")
EXPECTED = ("", "json", "file")

SECRET = "{secret}"  # noqa: S105
"""Stands in a header for the secret of the other system that the header names."""

MOST_ROWS = 100
"""How many parameters, fields or headers one call has at most."""

_NAME_IN_BRACES = re.compile(r"\{[^{}]*\}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
# Every character that a header can have as it is; the others are percent-encoded.
_IN_A_HEADER = "".join(chr(code) for code in range(0x20, 0x7F))


@workflow.register_action("call", fails_first=True, about=workflow.BOTH)
def call(occasion: Occasion, value: dict[str, Any]) -> None:
    """Queue the call; the worker makes it, and tries again where that helps."""
    facts = facts_about(occasion.booking, occasion.entry)
    cause = f"{occasion.entry.pk}.{occasion.position}"
    wanted = call_of(occasion.booking, value, facts=facts, cause=cause)
    queued = occasion.mails or Mails([occasion.booking], now=occasion.now)
    queued.add_call(wanted)
    if occasion.mails is None:
        queued.write()


def try_out(booking: Subject, value: dict[str, Any], *, cause: str, now: datetime) -> Result:
    """Make the call at once for a booking, just as the worker would, and keep nothing of it.

    Reaches the network. Raises `ActionFailed` if there is no call to be made.
    """
    wanted = call_of(booking, value, facts={}, cause=cause)
    return outbox.try_once(outbox.unsaved_call(wanted, now=now), now)


def call_of(
    booking: Subject, value: Mapping[str, Any], *, facts: Mapping[str, Any], cause: str
) -> WebCall:
    """The call that an action asks for, about a booking. `value` may be of any shape.

    Names in braces are filled in once: what stands for them is quoted in an address, and in JSON
    it is a text among the data. Raises `ActionFailed` for an address that cannot be called.
    """
    url = one_line(_text(value, "url"))
    query, fields = _rows(value, "query"), _rows(value, "fields")
    headers = list(_headers(value))
    templates = [url, *(text for _name, text in [*query, *fields]), *(row[1] for row in headers)]
    with translation.override(settings.LANGUAGE_CODE):
        values = values_about(booking, templates, Audience.STAFF, facts)
        method = _text(value, "method") if _text(value, "method") in METHODS else METHODS[0]
        body = None
        if method == "POST":
            body = {name: clean_text(placeholders.render(text, values)) for name, text in fields}
            if value.get("with_booking", True):
                body = {**_about(booking), **body}
        address = _address(url, query, values)
        return WebCall(
            booking=booking,
            method=method,
            url=address,
            headers={name: _header(text, client, values) for name, text, client in headers},
            body=body or None,
            identifier=_identifier(value),
            on_error=_status(value, "on_error"),
            on_answer=_status(value, "on_answer"),
            expects=_text(value, "expects") if _text(value, "expects") in EXPECTED else "",
            cause=cause,
        )


def refusal_of(url: str) -> str:
    """Why nobody may be called at an address with names in braces; empty if that is all right.

    Looks nothing up: that its host is public is found out when it is called.
    """
    url = one_line(url)
    parts = re.match(r"[^:/?#]+://[^/?#]*", url)
    if parts and _NAME_IN_BRACES.search(parts[0]):
        return _("The host must stand there as it is: a name in braces can only come after it.")
    try:
        webhooks.target_of(_NAME_IN_BRACES.sub("x", url), conf.get("CALLBACK_HOSTS"))
    except webhooks.PermanentFailure as failure:
        return failure.reason
    return ""


def is_header_name(name: str) -> bool:
    """Whether a header may have that name."""
    return bool(_HEADER_NAME.fullmatch(name))


def _about(booking: Subject) -> dict[str, Any]:
    """What every service can read of a booking or meeting without being told how."""
    if isinstance(booking, CalledMeeting):
        return {
            "meeting_id": str(booking.uuid),
            "title": booking.title,
            "agenda": booking.agenda.slug,
            "start": booking.local_start.isoformat(),
            "end": booking.local_end.isoformat(),
            "cancelled": booking.is_cancelled,
            "status": booking.status.slug if booking.status else "",
        }
    return {
        "booking_id": str(booking.uuid),
        "number": booking.reference,
        "agenda": booking.agenda.slug,
        "start": booking.local_start.isoformat(),
        "end": booking.local_end.isoformat(),
        "places": booking.places,
        "admission": str(booking.admission),
        "status": booking.status.slug if booking.status else "",
    }


def _address(url: str, query: list[tuple[str, str]], values: Mapping[str, str]) -> str:
    refusal = refusal_of(url)
    if refusal:
        raise ActionFailed("cannot be called", refusal)
    parts = urlsplit(placeholders.render_url(url, values))
    if {".", ".."} & set(parts.path.split("/")):
        raise ActionFailed(
            "cannot be called",
            _("The address “%(url)s” would lead elsewhere with what was filled in.")
            % {"url": url[:200]},
        )
    asked = "&".join(
        f"{quote(name, safe='')}={quote(clean_text(placeholders.render(text, values)), safe='')}"
        for name, text in query
    )
    address = urlunsplit(
        parts._replace(query="&".join(filter(None, [parts.query, asked])), fragment="")
    )
    if len(address) > webhooks.LONGEST_URL:
        raise ActionFailed(
            "cannot be called",
            _("The address is longer than %(most)d characters with what was filled in.")
            % {"most": webhooks.LONGEST_URL},
        )
    return address


def _header(text: str, client: int | None, values: Mapping[str, str]) -> str | dict[str, Any]:
    if client is None:
        return _filled(text, values).strip()
    # In parts, so that no visitor whose name is « {secret} » is ever given one.
    return {"client": client, "parts": [_filled(part, values) for part in text.split(SECRET)]}


def _filled(text: str, values: Mapping[str, str]) -> str:
    filled = re.sub(r"[\n\t]+", " ", clean_text(placeholders.render(text, values)))
    return quote(filled, safe=_IN_A_HEADER)


def _text(value: Mapping[str, Any], name: str) -> str:
    text = value.get(name)
    return text if isinstance(text, str) else ""


def _status(value: Mapping[str, Any], name: str) -> int | None:
    key = value.get(name)
    return key if type(key) is int else None


def _identifier(value: Mapping[str, Any]) -> str:
    identifier = _text(value, "identifier").strip()
    return identifier if IDENTIFIER.fullmatch(identifier) else ""


def _items(value: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    rows = value.get(name)
    for row in rows[:MOST_ROWS] if isinstance(rows, list) else ():
        item = row.get("value", row) if isinstance(row, dict) else None
        if isinstance(item, dict):
            yield item


def _rows(value: Mapping[str, Any], name: str) -> list[tuple[str, str]]:
    rows = [(clean_text(_text(item, "name")), _text(item, "value")) for item in _items(value, name)]
    return [(name, text) for name, text in rows if name]


def _headers(value: Mapping[str, Any]) -> Iterator[tuple[str, str, int | None]]:
    for item in _items(value, "headers"):
        name, client = _text(item, "name").strip(), str(item.get("client") or "")
        if is_header_name(name):
            yield name, _text(item, "value"), int(client) if client.isdecimal() else None
