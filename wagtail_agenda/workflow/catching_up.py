"""What moves a workflow on beside what happens to bookings: hands, calls, failures, time.

What is said here of bookings holds for called meetings too.

Each step is one transaction that locks its booking first and finds out then whether the step is
still to be made. So several workers, one that is killed, and a task that runs twice come to the
same: every entry and every timer carries its booking once, in their order.
"""

import logging
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.db.models import F, Max, Min, Q, Window

from wagtail_agenda import acts
from wagtail_agenda.choices import Actor, Cause, Trigger
from wagtail_agenda.contention import retried
from wagtail_agenda.errors import NotAllowedInThisStatus, Overloaded
from wagtail_agenda.models import Booking, CalledMeeting, Entry, Timer, WorkflowStatus
from wagtail_agenda.subjects import BOOKING, MEETING, MODELS, Subject, name_of, of
from wagtail_agenda.workflow.engine import MOST_STEPS, follow, movement, stopped
from wagtail_agenda.workflow.road import Road, road_for
from wagtail_agenda.workflow.rules import BEFORE_START, Rule
from wagtail_agenda.workflow.timers import occasions_of

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 2000
"""How many bookings, or timers, one run of the worker's task looks after."""

MOST_REPEATS = 50
"""How often one rule of time goes off for one booking: two statuses may take turns by it."""

_BY_NAME = (Cause.BY_HAND, Cause.CALLED)
_RELATIONS = {
    Booking: ("agenda__workflow", "meeting_type", "desk", "event", "status", "site"),
    CalledMeeting: ("agenda__meeting_workflow", "desk", "resource", "status", "site"),
}

Whose = tuple[str, int]
"""A booking or called meeting: the name of the foreign key of its rows, and its own key."""


# At once


def note_cause(
    booking: Subject,
    cause: str,
    *,
    data: dict[str, Any],
    actor: str,
    user: AbstractBaseUser | None = None,
    now: datetime,
    advances: bool = False,
) -> Entry:
    """Note that a button was pressed or another system called, and go where that leads.

    ``identifier`` in `data` says which button or call; of `ACTION_FAILED`, ``code`` which error.
    With `advances`, the worker goes there later. Otherwise it is done here, in one transaction.

    A button does what the first rule says whose groups `user` is in; without a user, any rule.

    Raises LookupError if no rule of the workflow is about that button or call,
    `NotAllowedInThisStatus` if none leads on from where the booking is, or `Overloaded`.
    """
    entry = Entry(**of(booking), what=str(cause), actor=actor, user=user, at=now, data=dict(data))
    if advances:
        entry.advances = True
        entry.save(force_insert=True)
        acts.wake()
        return entry

    def work(_nothing: None) -> Entry:
        present = _locked((name_of(booking), booking.pk))
        road = road_for(present)
        if cause in _BY_NAME and not road.has_rule(cause, _identifier(data)):
            raise LookupError(f"No rule of the booking workflow is about {_identifier(data)!r}.")
        reached = _led_to(present, entry, road, now)
        if reached is None:
            raise NotAllowedInThisStatus()
        entry.pk = None
        setattr(entry, name_of(present), present)
        entry.data = {**data, **movement(present.status, reached)}
        entry.save(force_insert=True)
        follow([present], [entry], [reached], road=road, now=now)
        return entry

    return retried(work)


def buttons_of(
    booking: Subject, *, now: datetime, user: AbstractBaseUser | None = None
) -> list[Rule]:
    """The buttons that lead on from where a booking is: `identifier` and `label` of each, once.

    Of those that are for some groups alone, only the ones of groups that `user` is in.
    """
    road = road_for(booking)
    if not any(rule.cause == Cause.BY_HAND for rule in road.rules):
        return []
    return road.buttons(booking, now, _groups_of(user))


def _groups_of(user: AbstractBaseUser | None) -> set[int] | None:
    if user is None or user.is_superuser:
        return None
    return set(user.groups.values_list("pk", flat=True))


# In the worker


def catch_up(now: datetime) -> int:
    """Carry out every entry that has still to move its booking on; answers how many were.

    The oldest of a booking first, each in a transaction of its own. What goes wrong with one
    booking is logged, stays for the next run and stops no other: the booking goes to the back. So
    it is with called meetings.
    """
    waiting = (
        Entry.objects.filter(advances=True)
        .order_by()
        .values("booking_id", "called_meeting_id")
        .annotate(oldest=Min("pk"), failed=Max("failed_at"))
        .order_by(F("failed").asc(nulls_first=True), "oldest")
        .values_list("booking_id", "called_meeting_id")
    )
    return sum(_carry_on(_whose(*keys), now) for keys in list(waiting[:MOST_AT_ONCE]))


def _whose(booking_id: int | None, meeting_id: int | None) -> Whose:
    return (BOOKING, booking_id) if meeting_id is None else (MEETING, meeting_id)


def _carry_on(whose: Whose, now: datetime) -> int:
    carried = 0
    # What it sets in motion comes behind it; a circle is stopped long before.
    for _step in range(10 * MOST_STEPS):
        entry = Entry.objects.filter(Q(whose), advances=True).order_by("pk").first()
        if entry is None:
            break
        try:
            if acts.is_act(entry) and not _in_circles(entry):
                done = acts.carry_out(entry, now)
            else:
                done = retried(lambda _nothing, entry=entry: _carry(entry.pk, whose, now))
        except Overloaded:
            break
        except Exception:
            logger.exception("%s %s: %r was not carried out.", *whose, entry.what)
            Entry.objects.filter(pk=entry.pk).update(failed_at=now)
            break
        carried += bool(done)
    return carried


def _carry(entry_id: int, whose: Whose, now: datetime) -> bool:
    """Make one step under the lock of its booking; False if another worker has made it."""
    booking = _locked(whose)
    entry = Entry.objects.select_for_update().filter(pk=entry_id, advances=True).first()
    if entry is None:
        return False
    data = entry.data if isinstance(entry.data, dict) else {}
    road = road_for(booking)
    in_circles = _in_circles(entry)
    reached = None if in_circles else _led_to(booking, entry, road, now)
    setattr(entry, whose[0], booking)
    entry.advances = False
    data = {name: value for name, value in data.items() if name != "status"}
    entry.data = {**data, **movement(booking.status, reached)}
    entry.save(update_fields=["data", "advances"])
    if in_circles:
        stopped(booking, now).save()
    follow([booking], [entry], [reached], road=road, now=now)
    return True


def _led_to(booking: Subject, entry: Entry, road: Road, now: datetime) -> WorkflowStatus | None:
    """Where an entry leads: to the status that it names, else where a rule says."""
    data = entry.data if isinstance(entry.data, dict) else {}
    # What comes with a call from outside chooses no status, nor does what one has answered.
    named = [] if entry.what in _BY_NAME else [data.get("go_to")]
    if entry.what == Cause.ACTION_FAILED:
        named.append(data.get("status"))
    for status in named:
        if isinstance(status, int) and status in road.statuses:
            return road.statuses[status]
    if entry.what in Trigger.values:
        trigger = Trigger(entry.what)
        return road.after(
            trigger, booking.admission, booking=booking, came_from=booking.status, now=now
        )
    code = data.get("code")
    by_hand = entry.what == Cause.BY_HAND
    rule = road.rule_for(
        entry.what,
        booking,
        now=now,
        identifier=_identifier(data),
        error=code if isinstance(code, str) else "",
        groups=_groups_of(entry.user) if by_hand else None,
    )
    return road.statuses.get(rule.leads_to) if rule is not None else None


def _identifier(data: dict[str, Any]) -> str:
    identifier = data.get("identifier")
    return identifier if isinstance(identifier, str) else ""


def _in_circles(entry: Entry) -> bool:
    """Whether a booking has gone so many steps by itself since something came from outside."""
    whose = _whose(entry.booking_id, entry.called_meeting_id)
    before = Entry.objects.filter(Q(whose), pk__lt=entry.pk).order_by("-pk")
    steps = 0
    for earlier in before[: 10 * MOST_STEPS]:
        data = earlier.data if isinstance(earlier.data, dict) else {}
        if _is_from_outside(earlier):
            return False
        steps += "status" in data and "from_status" in data
        if steps >= MOST_STEPS:
            return True
    return False


def _is_from_outside(entry: Entry) -> bool:
    if entry.what in Trigger.values:
        # Actions cancel, promote and check in as well, in nobody's name.
        return entry.user_id is not None or entry.actor in (Actor.VISITOR, Actor.CLIENT)
    return entry.what in (Cause.BY_HAND, Cause.CALLED, Cause.TIME)


# Time


def fire_timers(now: datetime) -> int:
    """Set off every timer that is due; answers how many bookings were moved on.

    Each in a transaction of its own, those of a booking in their order. What goes wrong with one
    booking is logged, stays for the next run and stops no other: the booking goes to the back.
    """
    failed = Window(Max("failed_at"), partition_by=["booking_id", "called_meeting_id"])
    due = (
        Timer.objects.filter(fired_at=None, due_at__lte=now)
        .annotate(failed=failed)
        .order_by(F("failed").asc(nulls_first=True), "due_at", "pk")
    )
    stuck: set[Whose] = set()
    fired = 0
    rows = due.values_list("pk", "booking_id", "called_meeting_id")
    for pk, *keys in list(rows[:MOST_AT_ONCE]):
        whose = _whose(*keys)
        if whose in stuck:
            continue
        try:
            fired += retried(lambda _nothing, pk=pk, whose=whose: _fire(pk, whose, now))
        except Overloaded:
            stuck.add(whose)
        except Exception:
            stuck.add(whose)
            logger.exception("%s %s: timer %s did not go off.", *whose, pk)
            Timer.objects.filter(pk=pk).update(failed_at=now)
    return fired


def _fire(pk: int, whose: Whose, now: datetime) -> bool:
    booking = _locked(whose)
    timer = Timer.objects.select_for_update().filter(pk=pk, fired_at=None, due_at__lte=now).first()
    if timer is None:
        return False
    road = road_for(booking)
    wanted = occasions_of(booking, road).get((timer.rule, timer.occasion))
    if wanted is not None and wanted > now:
        # The rule says another time by now, which was still to be written here.
        timer.due_at = wanted
        timer.save(update_fields=["due_at"])
        return False
    timer.fired_at = now
    timer.save(update_fields=["fired_at"])
    rule = _applying(timer, booking, road, now) if wanted is not None else None
    if rule is None:
        return False
    if _fired_too_often(timer):
        stopped(booking, now, MOST_REPEATS).save()
        return False
    reached = road.statuses[rule.leads_to]
    entry = Entry.objects.create(
        **of(booking),
        what=Cause.TIME.value,
        actor=Actor.SYSTEM,
        at=now,
        data={
            "moment": rule.moment,
            "amount": rule.amount,
            "unit": rule.unit,
            "due_at": timer.due_at.isoformat(),
            **movement(booking.status, reached),
        },
    )
    follow([booking], [entry], [reached], road=road, now=now)
    return True


def _applying(timer: Timer, booking: Subject, road: Road, now: datetime) -> Rule | None:
    """The rule of a timer, if it fits. Nobody is reminded of what has begun already."""
    rule = next(rule for rule in road.of_time if rule.key == timer.rule)
    if rule.moment == BEFORE_START and rule.amount and booking.start <= now:
        return None
    return rule if road.fits(rule, booking, now) else None


def _fired_too_often(timer: Timer) -> bool:
    whose = _whose(timer.booking_id, timer.called_meeting_id)
    fired = Timer.objects.filter(Q(whose), rule=timer.rule, fired_at__isnull=False)
    fired = fired.exclude(pk=timer.pk)
    return fired.count() >= MOST_REPEATS


def _locked(whose: Whose) -> Subject:
    """A booking or called meeting, locked, with what the workflow and the mails read of it.

    Locked alone: in one statement with its relations, MariaDB would lock the agenda and the status
    as well. The first statement writes where the database has no such lock, as SQLite wants it.
    """
    name, pk = whose
    chosen = MODELS[name].objects.filter(pk=pk)
    if not connection.features.has_select_for_update:
        chosen.update(status_since=F("status_since"))
    chosen.select_for_update().order_by().values_list("pk").get()
    present = chosen.select_related(*_RELATIONS[MODELS[name]]).get()
    if name == BOOKING and present.event is not None:
        present.event.agenda = present.agenda
    return present
