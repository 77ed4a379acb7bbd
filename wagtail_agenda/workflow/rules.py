"""Pure: the rules of a booking workflow as stored, and what sets each of them off.

What is stored may be anything; a row that says no status or no cause is no rule.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from wagtail_agenda.choices import Cause
from wagtail_agenda.workflow.conditions import Condition, conditions_of

MOST_MINUTES = 5 * 366 * 24 * 60
"""How far from its moment a rule may go off: five years."""

BEFORE_START, AFTER_END, IN_STATUS = "before_start", "after_end", "in_status"
MOMENTS = (BEFORE_START, AFTER_END, IN_STATUS)

MINUTES, HOURS, DAYS = "minutes", "hours", "days"
_MINUTES_OF = {MINUTES: 1, HOURS: 60, DAYS: 24 * 60}

_KEY_LENGTH = 64


@dataclass(frozen=True)
class Rule:
    """One row of a booking workflow: what sets it off, and the status it leads to.

    `cause` is a `Trigger` or a `Cause`. `only_from` are the statuses from which it leads there,
    None for all. `identifier` names the button or the call, `error` the one code of a failed
    action, empty for any. Of time: `amount` in `unit` from the `moment`.
    """

    cause: str
    leads_to: int
    key: str = ""
    only_from: frozenset[int] | None = None
    conditions: tuple[Condition, ...] = ()
    identifier: str = ""
    label: str = ""
    groups: frozenset[int] = frozenset()
    error: str = ""
    amount: int = 0
    unit: str = ""
    moment: str = ""

    def leads_from(self, status: int | None) -> bool:
        """Whether it applies to a booking in that status."""
        return self.only_from is None or status in self.only_from

    def is_about(self, cause: str, identifier: str = "", error: str = "") -> bool:
        """Whether that sets it off: a cause and, where it takes one, which button, call, error."""
        if self.cause != cause:
            return False
        if cause in (Cause.BY_HAND, Cause.CALLED):
            return self.identifier == identifier
        return cause != Cause.ACTION_FAILED or self.error in ("", error)

    def is_for(self, groups: Collection[int] | None) -> bool:
        """Whether members of these groups see its button; None for somebody who sees all."""
        return groups is None or not self.groups or not self.groups.isdisjoint(groups)

    def due_at(self, start: datetime, end: datetime, since: datetime | None, zone: tzinfo):
        """When it goes off for a booking with these times, in UTC; None if never.

        Days are those of the calendar: two days before 9:00 is at 9:00, also when the clocks
        change between.
        """
        moment = {BEFORE_START: start, AFTER_END: end, IN_STATUS: since}.get(self.moment)
        if moment is None:
            return None
        sign = -1 if self.moment == BEFORE_START else 1
        try:
            if self.unit == DAYS:
                wall = moment.astimezone(zone).replace(tzinfo=None)
                shifted = wall + sign * timedelta(days=self.amount)
                return shifted.replace(tzinfo=zone).astimezone(timezone.utc)
            minutes = sign * self.amount * _MINUTES_OF[self.unit]
            return moment.astimezone(timezone.utc) + timedelta(minutes=minutes)
        except (OverflowError, ValueError):
            return None


def rows_of(raw: Any) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Type, position and value of each block of a stream as stored, without what is no block."""
    for position, row in enumerate(raw):
        if isinstance(row, dict) and isinstance(row.get("value"), dict):
            yield str(row.get("type")), position, row["value"]


def rules_of(raw: Iterable[Any]) -> tuple[Rule, ...]:
    """The rules of a booking workflow as stored, in their order."""
    rows = list(raw)
    rules = (_rule(kind, value, rows[position]) for kind, position, value in rows_of(rows))
    return tuple(rule for rule in rules if rule is not None)


def _rule(kind: str, value: dict[str, Any], row: dict[str, Any]) -> Rule | None:
    status = value.get("status")
    cause = value.get("trigger") if kind == "transition" else kind
    if not _is_key(status) or not isinstance(cause, str):
        return None
    if kind != "transition" and kind not in Cause.values:
        return None
    common = {
        "cause": cause,
        "leads_to": status,
        "key": _key(row),
        "only_from": _only_from(value.get("only_from")),
        "conditions": conditions_of(value.get("conditions")),
    }
    if kind == Cause.TIME:
        return _time_rule(value, common)
    if kind in (Cause.BY_HAND, Cause.CALLED):
        identifier = _text(value.get("identifier"))
        if not identifier:
            return None
        label = _text(value.get("label")) or identifier
        groups = frozenset(_numbers(value.get("groups")))
        return Rule(**common, identifier=identifier, label=label, groups=groups)
    if kind == Cause.ACTION_FAILED:
        return Rule(**common, error=_text(value.get("error")))
    return Rule(**common)


def _time_rule(value: dict[str, Any], common: dict[str, Any]) -> Rule | None:
    amount, unit, moment = (value.get(name) for name in ("amount", "unit", "moment"))
    if unit not in list(_MINUTES_OF) or moment not in MOMENTS:
        return None
    if isinstance(amount, bool) or not isinstance(amount, int):
        return None
    if not 0 <= amount * _MINUTES_OF[unit] <= MOST_MINUTES:
        return None
    return Rule(**common, amount=amount, unit=unit, moment=moment)


def _key(row: dict[str, Any]) -> str:
    """What stays of a rule when others are added or it is dragged elsewhere: its block's own id."""
    key = row.get("id")
    if isinstance(key, str) and 0 < len(key) <= _KEY_LENGTH:
        return key
    plain = json.dumps([row.get("type"), row.get("value")], sort_keys=True, default=str)
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()[:_KEY_LENGTH]


def _only_from(raw: Any) -> frozenset[int] | None:
    """The statuses a rule leads from. A list of which nothing can be read leads from nowhere."""
    return None if raw in (None, "", []) else frozenset(_numbers(raw))


def _numbers(raw: Any) -> Iterator[int]:
    """The keys in a stored list, of a ``ListBlock`` or of several choices."""
    for item in raw if isinstance(raw, list) else ():
        number = item.get("value") if isinstance(item, dict) else item
        if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 20:
            number = int(number)
        if _is_key(number):
            yield number


def _is_key(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
