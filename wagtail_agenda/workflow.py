"""Trigger → status → the status's actions, inside the transaction that caused it.

Database only: an action that must reach the outside world leaves rows in the outbox. What a
trigger leads to and what a status does is set up by people (`Workflow`, `WorkflowStatus`); what an
action does is a function registered here under the name of its block.
"""

import hashlib
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
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from wagtail.blocks import Block

from wagtail_agenda import ics, outbox, signals
from wagtail_agenda.choices import (
    Actor,
    Admission,
    Attendance,
    Audience,
    Colour,
    Trigger,
)
from wagtail_agenda.correspondence import calendar_domain, calendar_event, language_for
from wagtail_agenda.models import (
    Agenda,
    Booking,
    Delivery,
    Entry,
    Invitation,
    Workflow,
    WorkflowStatus,
)

logger = logging.getLogger(__name__)

DEFAULT_WORKFLOW = "default"
"""Slug of the built-in booking workflow."""

CHECK_IN_UNDONE = "check_in_undone"
"""What the history says when a check-in is taken back."""


@dataclass(frozen=True)
class Occasion:
    """Why an action runs: the booking, the status it has reached, the entry that says so."""

    booking: Booking
    status: WorkflowStatus
    entry: Entry
    position: int
    now: datetime
    invitations: "Invitations | None" = field(default=None, repr=False, compare=False)


class Invitations:
    """A booking's invitations by recipient, read once at most for everything that a status does.

    `none_yet` says that the booking is only being made, so that there is nothing to read.
    """

    def __init__(self, booking: Booking, *, none_yet: bool = False) -> None:
        self._booking = booking
        self._known: dict[tuple[str, str], Invitation] | None = {} if none_yet else None

    def of(self, audience: str, address: str) -> Invitation | None:
        """The invitation of a recipient, if there is one."""
        if self._known is None:
            self._known = {}
            for invitation in Invitation.objects.filter(booking=self._booking):
                self.keep(invitation)
        return self._known.get((audience, address))

    def keep(self, invitation: Invitation) -> None:
        """Remember one that has just been made."""
        if self._known is not None:
            self._known[invitation.audience, invitation.address] = invitation


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

    @property
    def booked(self) -> WorkflowStatus | None:
        """The status in which a booking is written: where being booked leads from the first."""
        return self.after(Trigger.BOOKED) or self.first

    def after(self, trigger: Trigger) -> WorkflowStatus | None:
        """The status that a trigger leads to; None if it leads nowhere.

        Who was late has come: without a rule of its own, being late leads where being present does.
        """
        if trigger == Trigger.LATE and Trigger.LATE.value not in self.transitions:
            trigger = Trigger.PRESENT
        return self.statuses.get(self.transitions.get(trigger.value))


def road_of(agenda: Agenda) -> Road:
    """The agenda's booking workflow, its own or the built-in one; empty if there is none."""
    workflow = agenda.workflow or Workflow.objects.filter(slug=DEFAULT_WORKFLOW).first()
    if workflow is None:
        return Road()
    return Road(
        statuses={status.pk: status for status in workflow.statuses.all()},
        transitions={
            value["trigger"]: value["status"]
            for kind, _position, value in _rows(workflow.transitions)
            if kind == "transition"
            and isinstance(value.get("trigger"), str)
            and isinstance(value.get("status"), int)
        },
    )


def _rows(stream) -> Iterator[tuple[str, int, dict[str, Any]]]:
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
) -> Entry:
    """Note that something happened to a booking, and go where `road` leads from there.

    Must run inside the transaction that caused it. A trigger that leads nowhere is noted all the
    same; an action that nobody has registered is skipped.
    """
    noted = [(booking, data or {})]
    return advance_all(noted, trigger, road=road, actor=actor, now=now, user=user)[0]


def advance_all(
    noted: Sequence[tuple[Booking, dict[str, Any]]],
    trigger: Trigger,
    *,
    road: Road,
    actor: str,
    now: datetime,
    user: AbstractBaseUser | None = None,
) -> list[Entry]:
    """`advance` for many bookings of one agenda, each with what its history is to keep.

    As many queries as for one of them; only their statuses' actions come on top, for each.
    """
    status = road.after(trigger)
    made = trigger == Trigger.BOOKED
    entries = [
        Entry(
            booking=booking,
            what=trigger.value,
            actor=actor,
            user=user,
            at=now,
            data={**data, **movement(road.first if made else booking.status, status)},
        )
        for booking, data in noted
    ]
    Entry.objects.bulk_create(entries)
    if status is not None:
        moved = [booking.pk for booking, _data in noted if booking.status_id != status.pk]
        if moved:
            Booking.objects.filter(pk__in=moved).update(status=status)
        for booking, _data in noted:
            booking.status = status
        for (booking, _data), entry in zip(noted, entries, strict=True):
            invitations = Invitations(booking, none_yet=made)
            for name, position, value in _rows(status.actions):
                run = _actions.get(name)
                if run is None:
                    logger.warning("Nothing is registered for the action %r of “%s”.", name, status)
                    continue
                run(Occasion(booking, status, entry, position, now, invitations), value)
    for (booking, _data), entry in zip(noted, entries, strict=True):
        _announce(booking, entry)
    return entries


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
    """Leave one message per recipient in the outbox, with the invitation if asked for."""
    booking = occasion.booking
    invitations = occasion.invitations or Invitations(booking)
    audience = value.get("to") or Audience.VISITOR.value
    for address in _recipients(booking, audience):
        invitation = None
        if value.get("with_invitation"):
            invitation = _revised_invitation(booking, audience, address, invitations, occasion.now)
        outbox.enqueue_mail(
            booking,
            audience=audience,
            recipient=address,
            invitation=invitation,
            action={"texts": _plain_texts(value), "admission": booking.admission},
            cause=f"{occasion.entry.pk}.{occasion.position}",
            domain=calendar_domain(),
            now=occasion.now,
        )


def _recipients(booking: Booking, audience: str) -> list[str]:
    """Whom an audience consists of, each address once whatever its capitals."""
    if audience == Audience.STAFF:
        found = booking.agenda.staff_address_list
    elif audience == Audience.VISITOR:
        found = [booking.user_email.strip()]
    else:
        found = []
    longest = Delivery._meta.get_field("recipient").max_length
    for address in found:
        if len(address) > longest:
            # RFC 5321 §4.5.3.1.3 has no such address, and no column would hold it.
            logger.warning("Booking %s: %s… is too long an address.", booking, address[:50])
    usable = (address for address in found if address and len(address) <= longest)
    return list({address.lower(): address for address in usable}.values())


def _plain_texts(value: dict[str, Any]) -> list[dict[str, str]]:
    rows = value.get("texts")
    if not isinstance(rows, list):
        return []
    texts = (row.get("value", row) for row in rows if isinstance(row, dict))
    return [text for text in texts if isinstance(text, dict)]


def _revised_invitation(
    booking: Booking, audience: str, address: str, invitations: Invitations, now: datetime
) -> Invitation | None:
    """The recipient's calendar copy, brought up to date; None if there is nothing to send.

    SEQUENCE rises on every revision and on the cancellation (RFC 5546 §2.1.4); content that the
    recipient has already keeps its SEQUENCE and DTSTAMP, so that a repeat is byte-identical.
    """
    normalised = address.lower()
    known = invitations.of(audience, normalised)
    if booking.admission == Admission.CANCELLED:
        if known is not None and known.method != "CANCEL":
            known.method, known.sequence, known.stamp = "CANCEL", known.sequence + 1, now
            known.save(update_fields=["method", "sequence", "stamp"])
        return known
    if booking.admission != Admission.CONFIRMED:
        return None
    invitation = known or Invitation(
        booking=booking,
        audience=audience,
        address=normalised,
        uid=_uid(booking, audience, normalised),
        stamp=now,
    )
    seen = _content_hash(booking, audience, invitation)
    if known is not None and (known.method, known.content_hash) == ("REQUEST", seen):
        return known
    if known is not None:
        invitation.method = "REQUEST"
        invitation.sequence, invitation.stamp = known.sequence + 1, now
    invitation.content_hash = seen
    invitation.save()
    invitations.keep(invitation)
    return invitation


def _content_hash(booking: Booking, audience: str, invitation: Invitation) -> str:
    with translation.override(language_for(booking, audience)):
        try:
            event = calendar_event(booking, audience=audience, invitation=invitation)
            return ics.content_hash(event, "REQUEST")
        except ValueError:
            # An unusable address must not cost the booking: its delivery fails and says why.
            logger.warning("No calendar entry can be written for %s", booking, exc_info=True)
            return ""


def _uid(booking: Booking, audience: str, address: str) -> str:
    if audience == Audience.VISITOR:
        return f"{booking.uuid}@{calendar_domain()}"
    digest = hashlib.sha256(address.encode()).hexdigest()[:12]
    return f"{booking.uuid}-{audience}-{digest}@{calendar_domain()}"


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
    mails = [
        {"type": "send_email", "value": {"to": audience, "with_invitation": True, "texts": []}}
        for audience in (Audience.VISITOR.value, Audience.STAFF.value)
    ]
    rows = [
        ("requested", _("Requested"), Colour.GREY, "time", []),
        ("confirmed", _("Confirmed"), Colour.BLUE, "circle-check", mails),
        ("cancelled", pgettext("booking", "Cancelled"), Colour.RED, "circle-xmark", mails),
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
