"""A trigger moves bookings on: entry, status, actions, timers, all in the transaction it is in.

What is said here of bookings holds for called meetings too: the engine asks of either only what
both have, and `subjects` knows the difference.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import prefetch_related_objects
from django.utils import translation
from django.utils.translation import gettext

from wagtail_agenda import acts, signals
from wagtail_agenda.choices import About, Actor, Attendance, Cause, Trigger
from wagtail_agenda.errors import ActionFailed
from wagtail_agenda.mailing import Mails
from wagtail_agenda.meeting_mailing import MeetingMails
from wagtail_agenda.models import Booking, Entry, WorkflowStatus
from wagtail_agenda.subjects import Subject, about, of
from wagtail_agenda.workflow import timers
from wagtail_agenda.workflow.registry import (
    BOTH,
    Occasion,
    action_of,
    is_about,
    needs_undoing,
    register_action,
)
from wagtail_agenda.workflow.road import Road, road_of, rows_of

logger = logging.getLogger(__name__)

CHECK_IN_UNDONE = "check_in_undone"
"""What the history says when a check-in is taken back."""

LOOP_STOPPED = "loop_stopped"
"""What the history says when a booking workflow would have gone on for ever."""

BATCH = 500
"""How many bookings are put on at once, which bounds how long a statement gets."""

MOST_STEPS = 20
"""How many steps a booking goes by itself before something happens to it from outside."""

_MAILS = {About.BOOKINGS: Mails, About.MEETINGS: MeetingMails}

_depth: ContextVar[int] = ContextVar("agenda_workflow_depth", default=0)


def advance(
    booking: Subject,
    trigger: Trigger,
    *,
    road: Road,
    actor: str,
    now: datetime,
    user: AbstractBaseUser | None = None,
    data: dict[str, Any] | None = None,
    made: bool = False,
) -> Entry:
    """Note that something happened to a booking, and go where `road` leads from there.

    Must run inside the transaction that caused it. A trigger that leads nowhere is noted all the
    same; an action that nobody has registered is skipped. `made` and what mails read of `data`
    are as in `advance_all`.
    """
    noted = [(booking, data or {})]
    return advance_all(noted, trigger, road=road, actor=actor, now=now, user=user, made=made)[0]


def advance_all(
    noted: Sequence[tuple[Subject, dict[str, Any]]],
    trigger: Trigger,
    *,
    road: Road,
    actor: str,
    now: datetime,
    user: AbstractBaseUser | None = None,
    made: bool = False,
) -> list[Entry]:
    """`advance` for many bookings of one agenda, each with what its history is to keep.

    As many queries for `BATCH` of them as for one; only the actions of a project come on top, for
    each. One that is in the status already stays there, and its actions are carried out once more.

    `made` says that the bookings are only being made, as does the trigger `BOOKED`: they come from
    the first status, and nobody has heard of them. What is kept may be anything; mails read of it
    ``from_start`` and ``from_end``, the times in ISO format before a move, ``from_label``, the
    event before it, ``admission``, the one before, ``decide_by`` in ISO format, and ``reason``.
    """
    made = made or trigger == Trigger.BOOKED
    entries = []
    for first in range(0, len(noted), BATCH):
        batch = noted[first : first + BATCH]
        entries += _advance_batch(batch, trigger, road, actor, now, user, made)
    return entries


def _advance_batch(
    noted: Sequence[tuple[Subject, dict[str, Any]]],
    trigger: Trigger,
    road: Road,
    actor: str,
    now: datetime,
    user: AbstractBaseUser | None,
    made: bool,
) -> list[Entry]:
    bookings = [booking for booking, _data in noted]
    prefetch_related_objects(bookings, "status")
    came_from = [road.first if made else booking.status for booking in bookings]
    reached = [
        road.after(trigger, booking.admission, booking=booking, came_from=before, now=now)
        for booking, before in zip(bookings, came_from, strict=True)
    ]
    entries = [
        Entry(
            **of(booking),
            what=trigger.value,
            actor=actor,
            user=user,
            at=now,
            data={**data, **movement(before, status)},
        )
        for (booking, data), before, status in zip(noted, came_from, reached, strict=True)
    ]
    Entry.objects.bulk_create(entries)
    follow(bookings, entries, reached, road=road, now=now, made=made)
    return entries


def follow(
    bookings: Sequence[Subject],
    entries: Sequence[Entry],
    reached: Sequence[WorkflowStatus | None],
    *,
    road: Road,
    now: datetime,
    made: bool = False,
) -> None:
    """Put each booking into the status that it has reached, None for none, and do what that asks.

    Their entries are written already; the actions of each run in its order.
    """
    _go_to(reached, bookings, now)
    with _one_deeper() as depth:
        if depth > MOST_STEPS:
            _stop(bookings, now)
        else:
            _act(bookings, entries, reached, road, now, made)
    for booking, entry in zip(bookings, entries, strict=True):
        _announce(booking, entry)


def _act(
    bookings: Sequence[Subject],
    entries: Sequence[Entry],
    reached: Sequence[WorkflowStatus | None],
    road: Road,
    now: datetime,
    made: bool,
) -> None:
    if not bookings:
        return
    carries = about(bookings[0])
    mails = _MAILS[carries](bookings, now=now, none_yet=made)
    failures: list[Entry] = []
    may_have_changed = False
    for booking, status, entry in zip(bookings, reached, entries, strict=True):
        for name, position, value in rows_of(status.actions) if status else ():
            run = action_of(name) if is_about(name, carries) else None
            if run is None:
                logger.warning("Nothing is registered for the action %r of “%s”.", name, status)
                continue
            may_have_changed |= needs_undoing(name)
            try:
                with _undoing(name):
                    run(Occasion(booking, status, entry, position, now, mails), value)
            except ActionFailed as failure:
                failures.append(_failed(booking, name, position, failure, now))
    mails.write()
    if failures:
        Entry.objects.bulk_create(failures)
        acts.wake()
    timers.plan(bookings, road, now=now, made=made, reread=may_have_changed)


def _undoing(name: str) -> AbstractContextManager:
    """What an action writes, undone if it fails. Who has nothing to undo pays for no savepoint."""
    return transaction.atomic() if needs_undoing(name) else nullcontext()


def _failed(
    booking: Subject, name: str, position: int, failure: ActionFailed, now: datetime
) -> Entry:
    return Entry(
        **of(booking),
        what=Cause.ACTION_FAILED.value,
        actor=Actor.SYSTEM,
        at=now,
        data={
            "action": name,
            "position": position,
            "code": failure.code,
            "reason": str(failure),
        },
        advances=True,
    )


@contextmanager
def _one_deeper() -> Iterator[int]:
    depth = _depth.get() + 1
    token = _depth.set(depth)
    try:
        yield depth
    finally:
        _depth.reset(token)


def _stop(bookings: Sequence[Subject], now: datetime) -> None:
    """Note that these bookings go no further by themselves."""
    Entry.objects.bulk_create(stopped(booking, now) for booking in bookings)


def stopped(booking: Subject, now: datetime, steps: int = MOST_STEPS) -> Entry:
    """The line of the history, unsaved, that says that a booking went round in circles."""
    with translation.override(settings.LANGUAGE_CODE):
        reason = gettext(
            "The booking workflow led on %(steps)d times without anything happening from outside, "
            "so it was stopped. Look at the rules and actions of the statuses that it went through."
        ) % {"steps": steps}
    return Entry(
        **of(booking),
        what=LOOP_STOPPED,
        actor=Actor.SYSTEM,
        at=now,
        data={"reason": reason},
    )


def _go_to(
    reached: Sequence[WorkflowStatus | None], bookings: Sequence[Subject], now: datetime
) -> None:
    """Put each booking into the status that it has reached; None leaves it where it is."""
    moved: dict[int, list[int]] = {}
    for booking, status in zip(bookings, reached, strict=True):
        if status is not None:
            if booking.status_id != status.pk:
                moved.setdefault(status.pk, []).append(booking.pk)
                booking.status_since = now
            booking.status = status
    for status_id, booking_ids in moved.items():
        rows = type(bookings[0]).objects.filter(pk__in=booking_ids)
        rows.update(status=status_id, status_since=now)


def go_back(
    noted: Sequence[tuple[Booking, dict[str, Any]]],
    *,
    now: datetime,
    user: AbstractBaseUser | None,
    actor: str = Actor.AGENT,
    road: Road | None = None,
) -> list[Entry]:
    """Put bookings back into the status that they had before their check-in was noted.

    Each comes with what its history is to keep; ``attendance`` in it says what holds again, and is
    empty where nobody is checked in any more. No action runs: nobody is to be mailed for a slip of
    the hand. `road` is their agenda's, if it is known.
    """
    statuses = _statuses_before(noted)
    entries = []
    for booking, data in noted:
        before = booking.status
        if booking.status_id != getattr(statuses[booking.pk], "pk", None):
            booking.status_since = now
        booking.status = statuses[booking.pk]
        data = {**data, **movement(before, booking.status)}
        entries.append(
            Entry(
                booking=booking,
                what=CHECK_IN_UNDONE,
                actor=actor,
                user=user,
                at=now,
                data=data,
            )
        )
    Entry.objects.bulk_create(entries)
    bookings = [booking for booking, _data in noted]
    Booking.objects.bulk_update(bookings, ["status", "status_since"])
    if bookings:
        timers.plan(bookings, road or road_of(bookings[0].agenda), now=now)
    for (booking, _data), entry in zip(noted, entries, strict=True):
        _announce(booking, entry)
    return entries


def _statuses_before(
    noted: Sequence[tuple[Booking, dict[str, Any]]],
) -> dict[int, WorkflowStatus | None]:
    """By booking: the status from which it came to where its check-in is to be taken back."""
    history: dict[int, list[Entry]] = {booking.pk: [] for booking, _data in noted}
    check_ins = [Attendance.PRESENT, Attendance.LATE, Attendance.ABSENT, CHECK_IN_UNDONE]
    for entry in Entry.objects.filter(booking__in=history, what__in=check_ins).order_by("-pk"):
        history[entry.booking_id].append(entry)
    keys: dict[int, int | None] = {}
    for booking, data in noted:
        keys[booking.pk] = booking.status_id
        for entry in history[booking.pk]:
            if entry.what == CHECK_IN_UNDONE:
                if not entry.data.get("attendance"):
                    break
                continue
            keys[booking.pk] = entry.data.get("from_status")
            if data.get("attendance"):
                # Only the last check-in is taken back: an earlier one holds again.
                break
    found = WorkflowStatus.objects.in_bulk({key for key in keys.values() if key is not None})
    return {pk: found.get(key) for pk, key in keys.items()}


def movement(before: WorkflowStatus | None, after: WorkflowStatus | None) -> dict[str, Any]:
    """What the history says about where a booking went; `after` is None if it went nowhere."""
    movement: dict[str, Any] = {"from_status": before.pk if before else None}
    if after is not None:
        movement |= {"status": after.pk, "status_label": after.label}
    return movement


def _announce(booking: Subject, entry: Entry) -> None:
    if isinstance(booking, Booking):
        send = partial(signals.booking_advanced.send_robust, booking=booking)
    else:
        send = partial(signals.meeting_advanced.send_robust, meeting=booking)
    transaction.on_commit(partial(send, sender=type(booking), entry=entry), robust=True)


# The action « Send e-mail »


@register_action("send_email", may_fail=False, about=BOTH)
def send_email(occasion: Occasion, value: dict[str, Any]) -> None:
    """Send one message per recipient, with the invitation if asked for.

    They are queued together with those of the other bookings, once all actions have run.
    """
    mails = occasion.mails
    if mails is None:
        mails = _MAILS[about(occasion.booking)]([occasion.booking], now=occasion.now)
    mails.add(occasion.booking, occasion.entry, occasion.position, value)
    if occasion.mails is None:
        mails.write()
