"""What an action does, and the block in which editors set it up: registered under one name."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wagtail.blocks import Block

from wagtail_agenda.choices import About
from wagtail_agenda.mailing import Mails
from wagtail_agenda.meeting_mailing import MeetingMails
from wagtail_agenda.models import Entry, WorkflowStatus
from wagtail_agenda.subjects import Subject


@dataclass(frozen=True)
class Occasion:
    """Why an action runs: the booking, the status it has reached, the entry that says so.

    `booking` is a `CalledMeeting` where an action for meetings runs.
    """

    booking: Subject
    status: WorkflowStatus
    entry: Entry
    position: int
    now: datetime
    mails: Mails | MeetingMails | None = field(default=None, repr=False, compare=False)


Action = Callable[[Occasion, dict[str, Any]], None]

_actions: dict[str, Action] = {}
_action_blocks: dict[str, Block] = {}
_never_failing: set[str] = set()
_failing_first: set[str] = set()
_about: dict[str, frozenset[str]] = {}

BOTH = (About.BOOKINGS, About.MEETINGS)
"""For actions that bookings and meetings have alike."""


def register_action(
    name: str,
    block: Block | None = None,
    *,
    may_fail: bool = True,
    fails_first: bool = False,
    about: Collection[str] = (About.BOOKINGS,),
) -> Callable[[Action], Action]:
    """Register what the action of that name does, and the `block` in which editors set it up.

    Call it from `AppConfig.ready()`, before anybody has edited a status::

        @workflow.register_action("send_sms", block=SendSmsBlock())
        def send_sms(occasion, value): ...

    The function gets the `Occasion` and the block's value as plain data, which an import or a
    removed field may have left incomplete. It runs inside the transaction: it may read and write
    the database and must not reach the network.

    `ActionFailed` undoes what this action alone has written and is noted, so that a rule « an
    action failed » can lead on; whatever else it raises undoes the booking. `may_fail=False`
    promises that neither it nor what it leaves to the worker ever fails in words, which saves a
    savepoint and the question where such a rule would lead. `fails_first` promises that if it
    fails in words, it has written nothing yet, and that it leaves the columns of the booking
    alone: that saves the savepoint too. `about` says whether workflows of bookings, of meetings
    or `BOTH` offer it.
    """

    def register(action: Action) -> Action:
        _actions[name] = action
        _about[name] = frozenset(map(str, about))
        if block is not None:
            _action_blocks[name] = block
        if may_fail:
            _never_failing.discard(name)
        else:
            _never_failing.add(name)
        if fails_first:
            _failing_first.add(name)
        else:
            _failing_first.discard(name)
        return action

    return register


def action_of(name: str) -> Action | None:
    """What is registered under that name."""
    return _actions.get(name)


def is_about(name: str, about: str) -> bool:
    """Whether workflows about bookings, or about meetings, offer an action."""
    return str(about) in _about.get(name, ())


def may_fail(name: str) -> bool:
    """Whether an action may raise `ActionFailed`, or be noted as failed by the worker."""
    return name not in _never_failing


def needs_undoing(name: str) -> bool:
    """Whether an action may have written something when it raises `ActionFailed`."""
    return may_fail(name) and name not in _failing_first


def action_blocks() -> list[tuple[str, Block]]:
    """Name and block of the actions that a project has registered, for `ActionsBlock`."""
    return list(_action_blocks.items())
