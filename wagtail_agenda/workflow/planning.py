"""Timers of what was there already when a rule of time was added, changed or taken away."""

from datetime import datetime, timedelta, timezone
from functools import partial

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.signals import post_save
from django.dispatch import receiver

from wagtail_agenda import signals
from wagtail_agenda.choices import About
from wagtail_agenda.contention import retried
from wagtail_agenda.models import Agenda, Timer, Workflow, WorkflowStatus
from wagtail_agenda.subjects import BOOKING, MEETING, MODELS, Subject
from wagtail_agenda.workflow import timers
from wagtail_agenda.workflow.built_in import SLUGS
from wagtail_agenda.workflow.road import Road, road_through
from wagtail_agenda.workflow.rules import (
    AFTER_END,
    BEFORE_START,
    IN_STATUS,
    Rule,
    rules_of,
)

AT_ONCE = 200
"""How many bookings are planned anew in one transaction, whose rows it locks meanwhile."""

_MARGIN = timedelta(days=1)


def time_rules(workflow: Workflow) -> tuple[Rule, ...]:
    """The rules of a booking workflow that time sets off."""
    return Road(rules=rules_of(workflow.transitions.raw_data)).of_time


@receiver(post_save, sender=Workflow, dispatch_uid="wagtail_agenda.workflow_saved")
def _workflow_saved(instance: Workflow, raw: bool = False, **_kwargs) -> None:
    if not raw:
        _announce(instance)


@receiver(post_save, sender=WorkflowStatus, dispatch_uid="wagtail_agenda.status_saved")
def _status_saved(instance: WorkflowStatus, raw: bool = False, **_kwargs) -> None:
    if not raw:
        _announce(instance.workflow)


def _announce(workflow: Workflow) -> None:
    """Have the bookings of a workflow planned anew, once this transaction is committed."""
    if not time_rules(workflow) and not _waiting(workflow).exists():
        return
    send = signals.time_rules_changed.send_robust
    transaction.on_commit(partial(send, sender=Workflow, workflow_id=workflow.pk), robust=True)


def with_time_rules() -> list[int]:
    """The booking workflows that have rules of time, or bookings that wait for one."""
    return [
        workflow.pk
        for workflow in Workflow.objects.order_by("pk")
        if time_rules(workflow) or _waiting(workflow).exists()
    ]


def _waiting(workflow: Workflow) -> QuerySet[Timer]:
    return Timer.objects.filter(
        fired_at=None, **{f"{_carried_by(workflow)}__status__workflow": workflow}
    )


def _carried_by(workflow: Workflow) -> str:
    """The name of the foreign key of rows about what a workflow carries."""
    return MEETING if workflow.about == About.MEETINGS else BOOKING


def plan_timers(workflow_id: int, *, now: datetime, after: int = 0) -> int | None:
    """Plan anew the next `AT_ONCE` bookings of a workflow whose keys come after `after`.

    Answers with the last of them, None if there are no more. Times that are past are not made up
    for, so bookings whose times all are need not be looked at.
    """
    workflow = Workflow.objects.filter(pk=workflow_id).first()
    if workflow is None:
        return None
    road = road_through(workflow)
    if not after:
        _forget_rules_that_are_gone(workflow, road)
    if not road.of_time:
        return None
    chosen = _carried(workflow)
    chosen = chosen.filter(_still_to_come(chosen.model, road.of_time, now), pk__gt=after)
    pks = list(chosen.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    if pks:
        retried(lambda _nothing: _plan(chosen.model, pks, road, now))
    return pks[-1] if len(pks) == AT_ONCE else None


def _plan(model: type[Subject], pks: list[int], road: Road, now: datetime) -> None:
    chosen = model.objects.filter(pk__in=pks).order_by("pk")
    if not connection.features.has_select_for_update:
        chosen.order_by().update(status_since=F("status_since"))
    list(chosen.select_for_update().values_list("pk"))
    timers.plan(list(chosen.select_related("status", "agenda")), road, now=now)


def _carried(workflow: Workflow) -> QuerySet[Subject]:
    """The bookings, or the called meetings, that go through a workflow."""
    chosen_as = "workflow" if workflow.about == About.BOOKINGS else "meeting_workflow"
    agendas = Q(**{chosen_as: workflow})
    if workflow.slug == SLUGS[workflow.about]:
        agendas |= Q(**{chosen_as: None})
    return MODELS[_carried_by(workflow)].objects.filter(
        agenda__in=Agenda.objects.filter(agendas).values("pk")
    )


def _still_to_come(model: type[Subject], rules: tuple[Rule, ...], now: datetime) -> Q:
    """The bookings for which some rule may go off from now on, or is planned already."""
    found = Q(timers__fired_at__isnull=True, timers__isnull=False)
    for rule in rules:
        # As far from the moment as the rule goes off, be the clocks changed or not.
        moment = datetime(2000, 1, 1, tzinfo=timezone.utc)
        far = abs(rule.due_at(moment, moment, moment, timezone.utc) - moment)
        if rule.moment == BEFORE_START:
            found |= Q(start__gt=now + far - _MARGIN)
        elif rule.moment == AFTER_END:
            found |= Q(end__gt=now - far - _MARGIN)
        elif rule.moment == IN_STATUS:
            in_time = Q(status_since__gt=now - far - _MARGIN)
            if rule.only_from is not None:
                in_time &= Q(status__in=rule.only_from)
            found |= in_time
    return Q(pk__in=model.objects.filter(found).values("pk"))


def _forget_rules_that_are_gone(workflow: Workflow, road: Road) -> None:
    kept = {rule.key for rule in road.of_time}
    left_over = Timer.objects.filter(
        fired_at=None, **{f"{_carried_by(workflow)}__in": _carried(workflow).values("pk")}
    ).exclude(rule__in=kept)
    # By key: MariaDB deletes no rows that the same statement reads.
    while pks := list(left_over.values_list("pk", flat=True)[: 10 * AT_ONCE]):
        Timer.objects.filter(pk__in=pks).delete()
