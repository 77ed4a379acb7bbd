"""Where a workflow leads: read once per agenda, asked for each booking or meeting."""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

from wagtail_agenda.choices import About, Admission, Cause, Trigger
from wagtail_agenda.models import Agenda, Booking, KeptFile, Workflow, WorkflowStatus
from wagtail_agenda.subjects import Subject, about, of
from wagtail_agenda.workflow import rules as stored
from wagtail_agenda.workflow.built_in import SLUGS
from wagtail_agenda.workflow.conditions import Facts, all_hold
from wagtail_agenda.workflow.rules import Rule

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
    Trigger.MEETING_CHANGED: Trigger.MEETING_PUBLISHED,
    Trigger.PARTICIPANT_ADDED: Trigger.MEETING_CHANGED,
    Trigger.PARTICIPANT_REMOVED: Trigger.MEETING_CHANGED,
}
_AS_ADMITTED = {
    Admission.CONFIRMED: Trigger.BOOKED,
    Admission.PENDING: Trigger.PENDING,
    Admission.WAITING: Trigger.WAITING,
    Admission.OFFERED: Trigger.OFFERED,
}


@dataclass(frozen=True)
class Road:
    """An agenda's booking workflow as read once: its statuses in order, and what leads where.

    `transitions` are triggers that lead to one status whatever the booking is; `rules` come first.
    """

    statuses: dict[int, WorkflowStatus] = field(default_factory=dict)
    transitions: dict[str, int] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    @property
    def first(self) -> WorkflowStatus | None:
        """The status in which a booking begins."""
        return next(iter(self.statuses.values()), None)

    @cached_property
    def of_time(self) -> tuple[Rule, ...]:
        """The rules that time sets off."""
        return tuple(rule for rule in self.rules if rule.cause == Cause.TIME)

    def at_entry(
        self, trigger: Trigger, booking: Subject | None = None, now: datetime | None = None
    ) -> WorkflowStatus | None:
        """The status in which a booking is written that begins with this trigger.

        It begins with `BOOKED`, `PENDING` or `WAITING`.
        """
        came_from = self.first
        admission = booking.admission if booking is not None else Admission.CONFIRMED
        reached = self.after(trigger, admission, booking=booking, came_from=came_from, now=now)
        return reached or came_from

    def after(
        self,
        trigger: Trigger,
        admission: str = Admission.CONFIRMED,
        *,
        booking: Subject | None = None,
        came_from: WorkflowStatus | None = None,
        now: datetime | None = None,
    ) -> WorkflowStatus | None:
        """The status that a trigger leads to; None if it leads nowhere.

        The first rule that fits the `booking` as it is `now` in the status `came_from`. If none of
        its own fits, a trigger does what a more general one does, if there is one: who was late
        has come, and what lapsed was refused. Moving or changing a booking does what being made
        did to one of that `admission`, so that nobody who waits becomes confirmed.

        Without a booking, only rules count that ask nothing of it.
        """
        followed: Trigger | None = trigger
        facts = _Asked(booking, now)
        while followed is not None:
            rule = self._first_that_fits(followed.value, facts, came_from)
            if rule is not None:
                return self.statuses.get(rule.leads_to)
            if followed.value in self.transitions:
                return self.statuses.get(self.transitions[followed.value])
            if followed in (Trigger.MOVED, Trigger.CHANGED):
                followed = _AS_ADMITTED.get(admission)
            else:
                followed = _WITHOUT_A_RULE.get(followed)
        return None

    def rule_for(
        self,
        cause: str,
        booking: Subject,
        *,
        now: datetime,
        identifier: str = "",
        error: str = "",
        groups: Collection[int] | None = None,
    ) -> Rule | None:
        """The first rule that fits what is no trigger: a button, a call, an action that failed.

        `groups` are those of whoever presses a button, None for somebody who may press all.
        """
        facts = _Asked(booking, now)
        for rule in self.rules:
            if (
                rule.is_about(cause, identifier, error)
                and rule.is_for(groups)
                and self._fits(rule, facts, booking.status)
            ):
                return rule
        return None

    def buttons(
        self, booking: Subject, now: datetime, groups: Collection[int] | None = None
    ) -> list[Rule]:
        """The rules whose buttons lead on from where the booking is, each button once."""
        facts = _Asked(booking, now)
        found: dict[str, Rule] = {}
        for rule in self.rules:
            if (
                rule.cause == Cause.BY_HAND
                and rule.identifier not in found
                and rule.is_for(groups)
                and self._fits(rule, facts, booking.status)
            ):
                found[rule.identifier] = rule
        return list(found.values())

    def fits(self, rule: Rule, booking: Subject, now: datetime) -> bool:
        """Whether a rule of this road applies to the booking as it is now."""
        return self._fits(rule, _Asked(booking, now), booking.status)

    def has_rule(self, cause: str, identifier: str) -> bool:
        """Whether any rule is about that button or call."""
        return any(rule.is_about(cause, identifier) for rule in self.rules)

    def _first_that_fits(
        self, cause: str, facts: "_Asked", came_from: WorkflowStatus | None
    ) -> Rule | None:
        for rule in self.rules:
            if rule.cause == cause and self._fits(rule, facts, came_from):
                return rule
        return None

    def _fits(self, rule: Rule, facts: "_Asked", came_from: WorkflowStatus | None) -> bool:
        if rule.leads_to not in self.statuses:
            return False
        if not rule.leads_from(came_from.pk if came_from is not None else None):
            return False
        if not rule.conditions:
            return True
        known = facts.known
        return known is not None and all_hold(rule.conditions, known)


class _Asked:
    """The facts of a booking, gathered once a rule asks for them."""

    def __init__(self, booking: Subject | None, now: datetime | None) -> None:
        self._booking, self._now = booking, now

    @cached_property
    def known(self) -> Facts | None:
        if self._booking is None or self._now is None:
            return None
        return facts_of(self._booking, self._now)


def facts_of(booking: Subject, now: datetime) -> Facts:
    """What conditions ask about a booking, saved or not, or about a called meeting."""
    hours_until_start = (booking.start - now) / timedelta(hours=1)
    if not isinstance(booking, Booking):
        return Facts(
            agendas={booking.agenda_id},
            admission=str(booking.admission),
            hours_until_start=hours_until_start,
            language=booking.language,
            kept=_kept_by(booking),
        )
    answers = booking.answers
    return Facts(
        agendas={booking.agenda_id, booking.virtual_agenda_id} - {None},
        meeting_type=booking.meeting_type_id,
        event=booking.event.label if booking.event is not None else None,
        admission=str(booking.admission),
        places=booking.places,
        hours_until_start=hours_until_start,
        language=booking.language,
        answers=answers if isinstance(answers, dict) else {},
        kept=_kept_by(booking),
    )


def _kept_by(booking: Subject) -> Callable[[str], Any]:
    @lru_cache
    def kept(identifier: str) -> Any:
        if booking.pk is None or not identifier:
            return None
        files = KeptFile.objects.filter(**of(booking), identifier=identifier)
        content = files.values_list("content", flat=True).first()
        try:
            return json.loads(bytes(content)) if content is not None else None
        except (ValueError, RecursionError):
            return None

    return kept


def road_of(agenda: Agenda, carries: About = About.BOOKINGS) -> Road:
    """The agenda's workflow of bookings or meetings, its own or the built-in one, else none."""
    chosen = agenda.workflow if carries == About.BOOKINGS else agenda.meeting_workflow
    workflow = chosen or Workflow.objects.filter(slug=SLUGS[carries]).first()
    return road_through(workflow) if workflow is not None else Road()


def road_for(subject: Subject) -> Road:
    """The workflow that carries a booking or a called meeting."""
    return road_of(subject.agenda, about(subject))


def road_through(workflow: Workflow) -> Road:
    """A booking workflow as bookings follow it."""
    return Road(
        statuses={status.pk: status for status in workflow.statuses.all()},
        rules=stored.rules_of(workflow.transitions.raw_data),
    )


def rows_of(stream) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Type, position and value of each block of a StreamField, without what is no block.

    Raw data, because a booking must not pay for building the blocks; and raw data can be anything.
    """
    return stored.rows_of(stream.raw_data)
