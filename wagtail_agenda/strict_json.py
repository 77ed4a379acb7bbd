"""JSON from outside, read so that what was understood is what was meant, and can be kept.

Python's own reader takes the last of two values with the same name, numbers that are none, and
texts that no database stores. What two readers would understand differently is refused here.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

DEEPEST = 32
"""Levels of lists and objects inside one another."""

# Lone halves of a surrogate pair cannot be encoded, and PostgreSQL keeps no NUL.
_NOT_KEPT = re.compile("[\x00\ud800-\udfff]")


class NotJson(ValueError):
    """What came is not JSON that can be read in one way only. The text says why, in English."""


def read(data: bytes) -> Any:
    """The value that UTF-8 JSON stands for; None for nothing at all. Raises `NotJson`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson("It is not UTF-8.") from error
    if not text.strip():
        return None
    try:
        found = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_number,
            parse_constant=_no_number,
        )
    except RecursionError as error:
        raise NotJson(_TOO_DEEP) from error
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg}, in line {error.lineno}, column {error.colno}.") from error
    except NotJson:
        raise
    except ValueError as error:
        # A whole number of thousands of digits.
        raise NotJson("A number in it is too long.") from error
    _look_through(found)
    return found


_TOO_DEEP = f"Lists and objects are inside one another more than {DEEPEST} levels deep."


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise NotJson(f"“{name[:50]}” stands twice in one object.")
        made[name] = value
    return made


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotJson("A number in it is too large.")
    return number


def _no_number(text: str) -> None:
    raise NotJson(f"{text} is no number.")


def _look_through(found: Any) -> None:
    level = [found]
    for _depth in range(DEEPEST + 1):
        inside: list[Any] = []
        for value in level:
            if isinstance(value, str) and _NOT_KEPT.search(value):
                raise NotJson("A text in it has a NUL, or half of a character.")
            if isinstance(value, dict):
                inside += [*value, *value.values()]
            elif isinstance(value, list):
                inside += value
        if not inside:
            return
        level = inside
    raise NotJson(_TOO_DEEP)
