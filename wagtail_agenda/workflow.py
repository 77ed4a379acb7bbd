"""Trigger → status → the status's actions, inside the transaction that caused it.

Database only: an action that must reach the outside world leaves rows in the outbox. What a
trigger leads to and what a status does is set up by people (`Workflow`, `WorkflowStatus`); what an
action does is a function registered here under the name of its block.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.apps import apps as present_apps
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import prefetch_related_objects
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from wagtail.blocks import Block

from wagtail_agenda import signals
from wagtail_agenda.choices import (
    Actor,
    Admission,
    Attendance,
    Audience,
    Colour,
    Trigger,
)
from wagtail_agenda.errors import ActionFailed  # noqa: F401  (raised by actions)
from wagtail_agenda.mailing import Mails
from wagtail_agenda.models import Agenda, Booking, Entry, Workflow, WorkflowStatus

logger = logging.getLogger(__name__)

DEFAULT_WORKFLOW = "default"
"""Slug of the built-in booking workflow."""

CHECK_IN_UNDONE = "check_in_undone"
"""What the history says when a check-in is taken back."""

BATCH = 500
"""How many bookings are put on at once, which bounds how long a statement gets."""

_WITHOUT_A_RULE = {
    Trigger.LATE: Trigger.PRESENT,
    Trigger.PROMOTED: Trigger.BOOKED,
    Trigger.APPROVED: Trigger.BOOKED,
    Trigger.DECLINED: Trigger.CANCELLED_BY_VISITOR,
    Trigger.LAPSED: Trigger.REFUSED,
    Trigger.REFUSED: Trigger.CANCELLED_BY_AGENT,
    Trigger.EVENT_CANCELLED: Trigger.CANCELLED_BY_AGENT,
    Trigger.SUSPENDED: Trigger.WAITING,
    Trigger.CANCELLED_BY_API: Trigger.CANCELLED_BY_AGENT,
}
_AS_ADMITTED = {
    Admission.CONFIRMED: Trigger.BOOKED,
    Admission.PENDING: Trigger.PENDING,
    Admission.WAITING: Trigger.WAITING,
    Admission.OFFERED: Trigger.OFFERED,
}


@dataclass(frozen=True)
class Occasion:
    """Why an action runs: the booking, the status it has reached, the entry that says so."""

    booking: Booking
    status: WorkflowStatus
    entry: Entry
    position: int
    now: datetime
    mails: Mails | None = field(default=None, repr=False, compare=False)


Action = Callable[[Occasion, dict[str, Any]], None]

_actions: dict[str, Action] = {}
_action_blocks: dict[str, Block] = {}


def register_action(name: str, block: Block | None = None) -> Callable[[Action], Action]:
    """Register what the action of that name does, and the `block` in which editors set it up.

    Call it from `AppConfig.ready()`, before anybody has edited a status::

        @workflow.register_action("send_sms", block=SendSmsBlock())
        def send_sms(occasion, value): ...

    The function gets the `Occasion` and the block's value as plain data, which an import or a
    removed field may have left incomplete. It runs inside the transaction: it may read and write
    the database and must not reach the network. What it raises undoes the booking.
    """

    def register(action: Action) -> Action:
        _actions[name] = action
        if block is not None:
            _action_blocks[name] = block
        return action

    return register


def action_blocks() -> list[tuple[str, Block]]:
    """Name and block of the actions that a project has registered, for `ActionsBlock`."""
    return list(_action_blocks.items())


@dataclass(frozen=True)
class Road:
    """An agenda's booking workflow as read once: its statuses in order, and what leads where."""

    statuses: dict[int, WorkflowStatus] = field(default_factory=dict)
    transitions: dict[str, int] = field(default_factory=dict)

    @property
    def first(self) -> WorkflowStatus | None:
        """The status in which a booking begins."""
        return next(iter(self.statuses.values()), None)

    def at_entry(self, trigger: Trigger) -> WorkflowStatus | None:
        """The status in which a booking is written that begins with this trigger.

        It begins with `BOOKED`, `PENDING` or `WAITING`.
        """
        return self.after(trigger) or self.first

    def after(
        self, trigger: Trigger, admission: str = Admission.CONFIRMED
    ) -> WorkflowStatus | None:
        """The status that a trigger leads to; None if it leads nowhere.

        Without a rule of its own a trigger does what a more general one does, if there is one:
        who was late has come, and what lapsed was refused. Moving or changing a booking does what
        being made did to one of that `admission`, so that nobody who waits becomes confirmed.
        """
        followed: Trigger | None = trigger
        while followed is not None and followed.value not in self.transitions:
            if followed in (Trigger.MOVED, Trigger.CHANGED):
                followed = _AS_ADMITTED.get(admission)
            else:
                followed = _WITHOUT_A_RULE.get(followed)
        return self.statuses.get(self.transitions[followed.value]) if followed else None


def road_of(agenda: Agenda) -> Road:
    """The agenda's booking workflow, its own or the built-in one; empty if there is none."""
    workflow = agenda.workflow or Workflow.objects.filter(slug=DEFAULT_WORKFLOW).first()
    if workflow is None:
        return Road()
    return Road(
        statuses={status.pk: status for status in workflow.statuses.all()},
        transitions={
            value["trigger"]: value["status"]
            for kind, _position, value in rows_of(workflow.transitions)
            if kind == "transition"
            and isinstance(value.get("trigger"), str)
            and isinstance(value.get("status"), int)
        },
    )


def rows_of(stream) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Type, position and value of each block of a StreamField, without what is no block.

    Raw data, because a booking must not pay for building the blocks; and raw data can be anything.
    """
    for position, row in enumerate(stream.raw_data):
        if isinstance(row, dict) and isinstance(row.get("value"), dict):
            yield str(row.get("type")), position, row["value"]


def advance(
    booking: Booking,
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
    noted: Sequence[tuple[Booking, dict[str, Any]]],
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
    noted: Sequence[tuple[Booking, dict[str, Any]]],
    trigger: Trigger,
    road: Road,
    actor: str,
    now: datetime,
    user: AbstractBaseUser | None,
    made: bool,
) -> list[Entry]:
    bookings = [booking for booking, _data in noted]
    prefetch_related_objects(bookings, "status")
    reached = [road.after(trigger, booking.admission) for booking in bookings]
    entries = [
        Entry(
            booking=booking,
            what=trigger.value,
            actor=actor,
            user=user,
            at=now,
            data={**data, **movement(road.first if made else booking.status, status)},
        )
        for (booking, data), status in zip(noted, reached, strict=True)
    ]
    Entry.objects.bulk_create(entries)
    _go_to(reached, bookings)
    mails = Mails(bookings, now=now, none_yet=made)
    for booking, status, entry in zip(bookings, reached, entries, strict=True):
        for name, position, value in rows_of(status.actions) if status else ():
            run = _actions.get(name)
            if run is None:
                logger.warning("Nothing is registered for the action %r of “%s”.", name, status)
                continue
            run(Occasion(booking, status, entry, position, now, mails), value)
    mails.write()
    for booking, entry in zip(bookings, entries, strict=True):
        _announce(booking, entry)
    return entries


def _go_to(reached: Sequence[WorkflowStatus | None], bookings: Sequence[Booking]) -> None:
    """Put each booking into the status that it has reached; None leaves it where it is."""
    moved: dict[int, list[int]] = {}
    for booking, status in zip(bookings, reached, strict=True):
        if status is not None:
            if booking.status_id != status.pk:
                moved.setdefault(status.pk, []).append(booking.pk)
            booking.status = status
    for status_id, booking_ids in moved.items():
        Booking.objects.filter(pk__in=booking_ids).update(status=status_id)


def go_back(
    noted: Sequence[tuple[Booking, dict[str, Any]]],
    *,
    now: datetime,
    user: AbstractBaseUser | None,
) -> list[Entry]:
    """Put bookings back into the status that they had before their check-in was noted.

    Each comes with what its history is to keep; ``attendance`` in it says what holds again, and is
    empty where nobody is checked in any more. No action runs: nobody is to be mailed for a slip of
    the hand.
    """
    statuses = _statuses_before(noted)
    entries = []
    for booking, data in noted:
        before = booking.status
        booking.status = statuses[booking.pk]
        data = {**data, **movement(before, booking.status)}
        entries.append(
            Entry(
                booking=booking,
                what=CHECK_IN_UNDONE,
                actor=Actor.AGENT,
                user=user,
                at=now,
                data=data,
            )
        )
    Entry.objects.bulk_create(entries)
    Booking.objects.bulk_update([booking for booking, _data in noted], ["status"])
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


def _announce(booking: Booking, entry: Entry) -> None:
    transaction.on_commit(
        partial(signals.booking_advanced.send_robust, sender=Booking, booking=booking, entry=entry),
        robust=True,
    )


# The action « Send e-mail »


@register_action("send_email")
def send_email(occasion: Occasion, value: dict[str, Any]) -> None:
    """Send one message per recipient, with the invitation if asked for.

    They are queued together with those of the other bookings, once all actions have run.
    """
    mails = occasion.mails or Mails([occasion.booking], now=occasion.now)
    mails.add(occasion.booking, occasion.entry, occasion.position, value)
    if occasion.mails is None:
        mails.write()


# The built-in workflow


def ensure_default_workflow(
    using: str = DEFAULT_DB_ALIAS, apps: Apps = present_apps, **_kwargs
) -> None:
    """Make the built-in booking workflow where it is missing; leave what is there alone.

    Runs on ``post_migrate``, with the models as that migration left them. Its labels are in the
    site's language.
    """
    if using != DEFAULT_DB_ALIAS or not _is_migrated(using, apps):
        return
    workflows = apps.get_model(Workflow._meta.label).objects.using(using)
    with translation.override(settings.LANGUAGE_CODE), transaction.atomic(using=using):
        workflow, created = workflows.get_or_create(
            slug=DEFAULT_WORKFLOW, defaults={"label": _("Built-in booking workflow")}
        )
        if created:
            _fill_default_workflow(workflow, apps)


def _is_migrated(using: str, apps: Apps) -> bool:
    # The signal also comes when other apps are migrated alone, before our tables are there.
    try:
        models = [apps.get_model(model._meta.label) for model in (Workflow, WorkflowStatus)]
    except LookupError:
        return False
    tables = connections[using].introspection.table_names()
    return {model._meta.db_table for model in models} <= set(tables)


def _fill_default_workflow(workflow: Workflow, apps: Apps) -> None:
    statuses_of = apps.get_model(WorkflowStatus._meta.label).objects
    to_visitor, to_staff = (
        {"type": "send_email", "value": {"to": audience, "with_invitation": True, "texts": []}}
        for audience in (Audience.VISITOR.value, Audience.STAFF.value)
    )
    # A calendar entry is sent with what is confirmed alone; elsewhere it is taken back.
    both = [to_visitor, to_staff]
    rows = [
        ("requested", _("Requested"), Colour.GREY, "time", []),
        ("pending", _("Waiting for approval"), Colour.ORANGE, "warning", both),
        ("waiting", _("On the waiting list"), Colour.VIOLET, "time", both),
        ("offered", _("Offered a place"), Colour.VIOLET, "mail", [to_visitor]),
        ("confirmed", _("Confirmed"), Colour.BLUE, "circle-check", both),
        ("cancelled", pgettext("booking", "Cancelled"), Colour.RED, "circle-xmark", both),
        ("present", _("Present"), Colour.GREEN, "check", []),
        ("absent", _("Absent"), Colour.ORANGE, "cross", []),
    ]
    statuses = {
        slug: statuses_of.create(
            workflow=workflow,
            slug=slug,
            label=label,
            colour=colour,
            icon=icon,
            sort_order=order,
            actions=actions,
        )
        for order, (slug, label, colour, icon, actions) in enumerate(rows)
    }
    leads_to = {
        Trigger.BOOKED: "confirmed",
        Trigger.PENDING: "pending",
        Trigger.WAITING: "waiting",
        Trigger.OFFERED: "offered",
        Trigger.CANCELLED_BY_VISITOR: "cancelled",
        Trigger.CANCELLED_BY_AGENT: "cancelled",
        Trigger.PRESENT: "present",
        Trigger.ABSENT: "absent",
    }
    workflow.transitions = [
        {"type": "transition", "value": {"trigger": trigger.value, "status": statuses[slug].pk}}
        for trigger, slug in leads_to.items()
    ]
    workflow.save()
