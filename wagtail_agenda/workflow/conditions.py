"""Pure: what a rule asks of a booking, as stored, and whether it holds. Imports nothing of Django.

What is stored may be anything: a half-typed draft, an import, rows of a release to come. A
condition that cannot be read never holds, so that a rule does not lead where nobody meant it to.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

IS, IS_NOT = "is", "is_not"
CONTAINS = "contains"
AT_LEAST, AT_MOST = "at_least", "at_most"
FILLED, EMPTY = "filled", "empty"

COMPARISONS: Mapping[str, tuple[str, ...]] = {
    "agenda": (IS, IS_NOT),
    "meeting_type": (IS, IS_NOT),
    "event": (IS, IS_NOT, CONTAINS),
    "answer": (IS, IS_NOT, CONTAINS, AT_LEAST, AT_MOST, FILLED, EMPTY),
    "waiting_list": (IS, IS_NOT),
    "places": (IS, AT_LEAST, AT_MOST),
    "hours_until_start": (AT_LEAST, AT_MOST),
    "language": (IS, IS_NOT),
    "kept_answer": (IS, IS_NOT, CONTAINS, AT_LEAST, AT_MOST, FILLED, EMPTY),
}
"""What a condition can ask about, and how it can compare that."""

ABOUT = {
    "agenda": "agenda",
    "meeting_type": "meeting_type",
    "event": "text",
    "answer": "text",
    "waiting_list": "admission",
    "places": "number",
    "hours_until_start": "number",
    "language": "language",
    "kept_answer": "text",
}
"""Under which name the stored value of each has what is compared with."""

_LONGEST_NUMBER = 50


def _nothing_kept(_identifier: str) -> Any:
    return None


@dataclass(frozen=True)
class Facts:
    """What conditions ask about one booking.

    `kept` answers with the JSON that was kept under an identifier, None without. A booking of a
    virtual agenda has both keys in `agendas`; `event` is a label.
    """

    agendas: Collection[int] = frozenset()
    meeting_type: int | None = None
    event: str | None = None
    admission: str = ""
    places: int = 1
    hours_until_start: float = 0
    language: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    kept: Callable[[str], Any] = _nothing_kept


@dataclass(frozen=True)
class Condition:
    """One thing that is asked. `about` is a key of `COMPARISONS`; anything else never holds.

    `name` is the question or the identifier of a kept answer, `part` a field of that.
    """

    about: str
    comparison: str
    value: Any = None
    name: str = ""
    part: str = ""


UNREADABLE = Condition("", "")
"""Never holds."""


def conditions_of(raw: Any) -> tuple[Condition, ...]:
    """The conditions of a rule as stored; what cannot be read becomes `UNREADABLE`."""
    if raw is None or raw == "":
        return ()
    if not isinstance(raw, list):
        return (UNREADABLE,)
    return tuple(map(_condition, raw))


def _condition(row: Any) -> Condition:
    if not isinstance(row, Mapping) or not isinstance(row.get("value"), Mapping):
        return UNREADABLE
    about, value = row.get("type"), row["value"]
    if not isinstance(about, str) or about not in COMPARISONS:
        return UNREADABLE
    comparison = value.get("comparison")
    if comparison not in COMPARISONS[about]:
        return UNREADABLE
    name = value.get("question") if about == "answer" else value.get("identifier")
    part = value.get("field")
    return Condition(
        about=about,
        comparison=comparison,
        value=value.get(ABOUT[about]),
        name=name if isinstance(name, str) else "",
        part=part if isinstance(part, str) else "",
    )


def all_hold(conditions: Collection[Condition], facts: Facts) -> bool:
    """Whether a rule with these conditions fits; one without any always does."""
    return all(holds(condition, facts) for condition in conditions)


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether one condition holds."""
    test = _TESTS.get(condition.about)
    return test is not None and test(condition, facts)


def _is_one_of(condition: Condition, found: Collection[Any]) -> bool:
    value = condition.value
    if isinstance(value, bool) or not isinstance(value, int | str):
        return False
    # A choice among rows keeps their keys as text.
    same = any(one is not None and str(one) == str(value) for one in found)
    return same == (condition.comparison == IS)


def _compares(comparison: str, found: Any, wanted: Any) -> bool:
    """Whether something that somebody answered compares so with what an editor has typed."""
    if comparison in (FILLED, EMPTY):
        return _is_filled(found) == (comparison == FILLED)
    if comparison in (AT_LEAST, AT_MOST):
        left, right = _ordered(found, wanted)
        if left is None or right is None:
            return False
        return left >= right if comparison == AT_LEAST else left <= right
    parts = [_plain(part) for part in (found if isinstance(found, list) else [found])]
    text = _plain(wanted)
    if comparison == CONTAINS:
        return bool(text) and any(text in part for part in parts)
    if comparison in (IS, IS_NOT):
        return (text in parts) == (comparison == IS)
    return False


def _is_filled(found: Any) -> bool:
    if isinstance(found, str):
        return bool(found.strip())
    if isinstance(found, int | float) and not isinstance(found, bool):
        return True
    return bool(found)


def _plain(found: Any) -> str:
    """As text whose capitals and spaces around do not matter."""
    if found is None:
        return ""
    if isinstance(found, bool):
        return "yes" if found else "no"
    return str(found).strip().casefold()


def _ordered(found: Any, wanted: Any) -> tuple[Any, Any]:
    """Both as numbers, or else as dates in ISO format; None for what is neither."""
    numbers = _number(found), _number(wanted)
    if None not in numbers:
        return numbers
    dates = _date(found), _date(wanted)
    return dates if None not in dates else (None, None)


def _number(found: Any) -> Decimal | None:
    if isinstance(found, bool) or not isinstance(found, int | float | str | Decimal):
        return None
    try:
        text = str(found).strip().replace(",", ".")
        number = Decimal(text) if len(text) <= _LONGEST_NUMBER else None
    except (InvalidOperation, ValueError):
        return None
    return number if number is not None and number.is_finite() else None


def _date(found: Any) -> str | None:
    text = found.strip() if isinstance(found, str) else ""
    digits = text[:10]
    shaped = len(digits) == 10 and digits[4] == digits[7] == "-" and digits.isascii()
    return text if shaped and digits.replace("-", "").isdigit() else None


def _field(kept: Any, path: str) -> Any:
    """The field of a JSON object that a path such as ``person.name`` leads to; None if nowhere."""
    for step in path.split(".") if path else ():
        if not isinstance(kept, Mapping):
            return None
        kept = kept.get(step)
    return kept


_TESTS: Mapping[str, Callable[[Condition, Facts], bool]] = {
    "agenda": lambda asked, facts: _is_one_of(asked, facts.agendas),
    "meeting_type": lambda asked, facts: _is_one_of(asked, (facts.meeting_type,)),
    "event": lambda asked, facts: _compares(asked.comparison, facts.event, asked.value),
    "waiting_list": lambda asked, facts: _is_one_of(asked, (facts.admission,)),
    "language": lambda asked, facts: _is_one_of(asked, (facts.language,)),
    "places": lambda asked, facts: (
        _compares(
            AT_LEAST if asked.comparison == IS else asked.comparison, facts.places, asked.value
        )
        and (asked.comparison != IS or _compares(AT_MOST, facts.places, asked.value))
    ),
    "hours_until_start": lambda asked, facts: _compares(
        asked.comparison, facts.hours_until_start, asked.value
    ),
    "answer": lambda asked, facts: _compares(
        asked.comparison, facts.answers.get(asked.name), asked.value
    ),
    "kept_answer": lambda asked, facts: _compares(
        asked.comparison, _field(facts.kept(asked.name), asked.part), asked.value
    ),
}
