"""Calls of other systems as the documentation shows them, made against the office of its examples.

A block has the call, its body if it has one, an empty line, the status and the answer::

    POST /agendas/api/agenda/workshops/fillslot/repair-cafe/
    {"user_name": "Ada Martin"}

    200
    {"err": 0, "booking_id": "$booking"}

The answer must say what stands there, and may say more: other keys, and more in a list. The text
``…`` stands for anything; ``$name`` too, and for the same in the calls that follow on the page.
"""

import json
import re
from typing import Any

from sybil import Example

from tests.api.calling import Caller
from tests.factories import timezone
from wagtail_agenda import clients

ANYTHING = "…"


def check_call(page: Any, source: str, example: Example) -> None:
    """Make the calls of a block, one after the other, and compare the answers."""
    known: dict[str, Any] = example.namespace.setdefault("calls", {})
    if "caller" not in example.namespace:
        example.namespace["caller"] = _caller()
    caller: Caller = example.namespace["caller"]
    parts = re.split(r"\n\s*\n", source.strip())
    for asked, told in zip(parts[::2], parts[1::2], strict=True):
        first, _line, body = asked.partition("\n")
        method, path = first.split()
        body = _filled(body, known)
        answer = caller.call(method, _filled(path, known), json.loads(body) if body else None)
        status, _line, expected = told.partition("\n")
        assert answer.status == int(status.split()[0]), answer
        if expected.strip():
            _compare(json.loads(expected), answer.data, known, "answer")


def _caller() -> Caller:
    scopes = clients.Scope.values
    return Caller(*clients.add("Forms of the town", scopes=scopes, now=timezone.now()))


def _filled(text: str, known: dict[str, Any]) -> str:
    return re.sub(r"\$(\w+)", lambda named: str(known[named[1]]), text)


def _compare(expected: Any, told: Any, known: dict[str, Any], place: str) -> None:
    if isinstance(expected, str) and expected.startswith("$"):
        assert known.setdefault(expected[1:], told) == told, place
    elif isinstance(expected, dict):
        assert isinstance(told, dict), place
        for name, value in expected.items():
            assert name in told, f"{place}.{name} is not there, but {sorted(told)}"
            _compare(value, told[name], known, f"{place}.{name}")
    elif isinstance(expected, list) and expected:
        assert isinstance(told, list), place
        assert len(told) >= len(expected), f"{place}: {told}"
        for number, value in enumerate(expected):
            _compare(value, told[number], known, f"{place}[{number}]")
    elif expected != ANYTHING:
        assert told == expected, f"{place}: {told!r}"
