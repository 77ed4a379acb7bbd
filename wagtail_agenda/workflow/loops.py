"""Ways by which a booking would go round without anything happening from outside.

A status leads on by itself where an action says so (*Change status*, « after the answer », « after
an error »), and where an action of it may fail and a rule « an action failed » leads from there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wagtail_agenda.choices import Cause
from wagtail_agenda.models import WorkflowStatus
from wagtail_agenda.workflow.registry import may_fail
from wagtail_agenda.workflow.rules import Rule, rows_of

_NAMED_BY = {"change_status": ("status",)}
_NAMED_BY_ALL = ("on_answer", "on_error")


@dataclass(frozen=True)
class Step:
    """From one status to another by itself; `action` is the name of the block that does it.

    `failed` says that it does so by failing.
    """

    source: int
    target: int
    action: str
    failed: bool = False


def steps_of(actions: Mapping[int, Iterable[Any]], rules: Sequence[Rule]) -> list[Step]:
    """What leads on by itself, from the actions of each status as stored and the rules."""
    found = []
    for status, raw in actions.items():
        for name, _position, value in rows_of(raw):
            targets = {
                key: value.get(key)
                for key in (*_NAMED_BY.get(name, ()), *_NAMED_BY_ALL)
                if isinstance(value.get(key), int)
            }
            found += [
                Step(status, target, name, key == "on_error")
                for key, target in targets.items()
                if target in actions
            ]
            # What changes the status fails only where that is not there any more.
            if not may_fail(name) or name in _NAMED_BY or "on_error" in targets:
                continue
            found += [
                Step(status, rule.leads_to, name, True)
                for rule in rules
                if rule.cause == Cause.ACTION_FAILED
                and rule.leads_to in actions
                and rule.leads_from(status)
            ]
    return found


def circle(steps: Iterable[Step], through: int | None = None) -> list[Step]:
    """The shortest way round, through one status if told; empty if there is none."""
    onward: dict[int, list[Step]] = {}
    for step in steps:
        onward.setdefault(step.source, []).append(step)
    starts = [through] if through is not None else list(onward)
    rounds = (_way_back(start, onward) for start in starts)
    return min((way for way in rounds if way), key=len, default=[])


def _way_back(start: int, onward: Mapping[int, Sequence[Step]]) -> list[Step]:
    ways: list[list[Step]] = [[step] for step in onward.get(start, ())]
    seen: set[int] = set()
    while ways:
        way = ways.pop(0)
        at = way[-1].target
        if at == start:
            return way
        if at not in seen:
            seen.add(at)
            ways += [[*way, step] for step in onward.get(at, ())]
    return []


def stored_actions(statuses: Iterable[WorkflowStatus]) -> dict[int, list[Any]]:
    """The actions of each status as they are stored."""
    return {status.pk: list(status.actions.raw_data) for status in statuses}
