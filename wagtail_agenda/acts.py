"""What an action leaves to the worker: acts that need locks of their own.

An action runs where the row of its booking or meeting is locked already, and whatever takes or
gives back time or places locks desks and events before that row. To keep the one order that cannot
deadlock, such an action leaves an entry, which `workflow.catch_up` hands to `carry_out` outside
every lock.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from wagtail_agenda import signals
from wagtail_agenda.choices import Actor, Cause
from wagtail_agenda.errors import ActionFailed
from wagtail_agenda.models import Entry
from wagtail_agenda.subjects import Subject, of

SENT_ON = "sent_on"
"""What the history says when an action or an answer sends it to the status ``go_to``."""

Act = Callable[[Entry, datetime], None]

_acts: dict[str, Act] = {}


def register_act(what: str) -> Callable[[Act], Act]:
    """Register what is done about an entry that `leave` has left under that name.

    The function may call whatever writes bookings or meetings, and raises `ActionFailed` if that
    refuses.
    """

    def register(act: Act) -> Act:
        _acts[what] = act
        return act

    return register


def is_act(entry: Entry) -> bool:
    """Whether an entry is to be handed to `carry_out`, instead of following a rule."""
    return entry.what in _acts


def leave(subject: Subject, what: str, data: dict[str, Any], *, now: datetime) -> Entry:
    """Leave an entry that the worker has still to act upon, and wake it with the commit."""
    entry = Entry.objects.create(
        **of(subject), what=what, actor=Actor.SYSTEM, at=now, data=data, advances=True
    )
    wake()
    return entry


def wake() -> None:
    """Let the worker look for entries that advance, once this transaction is committed."""
    transaction.on_commit(partial(signals.entries_due.send_robust, sender=Entry), robust=True)


def carry_out(entry: Entry, now: datetime) -> bool:
    """Do what an entry asks for, once whoever else tries. False if it was done already.

    Must be called outside a transaction. What fails in words is noted, so that a rule can lead on
    from there; `Overloaded` leaves the entry for the next attempt.
    """
    with transaction.atomic():
        # Counted as done before anything else, and undone with all the rest.
        if not Entry.objects.filter(pk=entry.pk, advances=True).update(advances=False):
            return False
        try:
            with transaction.atomic():
                _acts[entry.what](entry, now)
        except ActionFailed as failure:
            note_failure(entry, failure, now=now)
    return True


def note_failure(entry: Entry, failure: ActionFailed, *, now: datetime) -> Entry:
    """Note that what an entry asked for did not come about."""
    return leave(
        entry.subject,
        Cause.ACTION_FAILED.value,
        {
            "action": entry.data.get("action", entry.what),
            "code": failure.code,
            "reason": str(failure.text),
        },
        now=now,
    )
