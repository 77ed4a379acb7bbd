"""What comes with a call: a body of a limited length, JSON that can be read in one way only."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.parser import Parser

from wagtail_agenda import strict_json
from wagtail_agenda.api.errors import Refused

LONGEST_BODY = 65_536
"""Bytes of a call that are read."""


class StrictParser(Parser):
    """Gives ninja what `json_body` has read."""

    def parse_body(self, request: HttpRequest) -> Any:
        return request.agenda_json


def json_body(request: HttpRequest) -> Any:
    """The JSON that came with a call; None if nothing did. Raises `Refused`."""
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        length = 0
    data = b"" if length > LONGEST_BODY else _read(request)
    if max(length, len(data)) > LONGEST_BODY:
        raise _too_long()
    if data.rstrip() == _empty_form(request):
        return None
    try:
        return strict_json.read(data)
    except strict_json.NotJson as error:
        text = _("What came is no JSON that can be read: %(error)s") % {"error": error}
        raise Refused("invalid json", text, 400) from error


def _too_long() -> Refused:
    text = _("A call may have %(most)d bytes, this one has more.") % {"most": LONGEST_BODY}
    return Refused("body too long", text, 413)


def _empty_form(request: HttpRequest) -> bytes:
    """What a form without fields looks like, which some programmes send for nothing at all."""
    boundary = request.content_params.get("boundary", "") if request.content_params else ""
    return f"--{boundary}--".encode("utf-8", "replace") if boundary else b""


def _read(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig as error:
        raise _too_long() from error
    except OSError as error:
        text = _("The call broke off before its end.")
        raise Refused("body incomplete", text, 400) from error
