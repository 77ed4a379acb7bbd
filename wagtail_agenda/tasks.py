"""What the worker runs, and when. The one place that knows the queue (django-q2).

The queue is only a nudge: what must be delivered stands in the outbox, which is swept every
minute. A lost task or a broker that is down costs delay, never a mail.
"""

import logging
from datetime import timedelta

from django.apps import apps as present_apps
from django.apps.registry import Apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Model
from django.dispatch import receiver
from django.utils import timezone

from wagtail_agenda import booking, clients, outbox, privacy, series, workflow
from wagtail_agenda.signals import deliveries_due, entries_due, time_rules_changed

logger = logging.getLogger(__name__)

EVERY_SO_MANY_MINUTES = "I"
"""`django_q.models.Schedule.MINUTES`, which the models of a migration do not have."""

SWEEP = "wagtail_agenda: sweep the outbox"

SCHEDULES = {
    SWEEP: ("wagtail_agenda.tasks.sweep_outbox", 1),
    "wagtail_agenda: move booking workflows on": ("wagtail_agenda.tasks.catch_up", 1),
    "wagtail_agenda: set off what time sets off": ("wagtail_agenda.tasks.fire_timers", 1),
    "wagtail_agenda: plan anew what time sets off": ("wagtail_agenda.tasks.plan_timers", 1440),
    "wagtail_agenda: settle what has lapsed": ("wagtail_agenda.tasks.settle", 1),
    "wagtail_agenda: purge lapsed holds": ("wagtail_agenda.tasks.purge_lapsed_holds", 60),
    "wagtail_agenda: purge used nonces": ("wagtail_agenda.tasks.purge_nonces", 60),
    "wagtail_agenda: purge kept answers": ("wagtail_agenda.tasks.purge_kept_answers", 60),
    "wagtail_agenda: forget persons": ("wagtail_agenda.tasks.forget_persons", 60),
    "wagtail_agenda: make the events of series": ("wagtail_agenda.tasks.make_occurrences", 60),
}
"""Name of each schedule → function and minutes between its runs."""


@receiver(deliveries_due, dispatch_uid="wagtail_agenda.nudge")
def nudge(pks: list[int], **_kwargs) -> None:
    """Ask the queue to deliver at once. A queue that is down fails no booking."""
    try:
        from django_q.tasks import async_task

        async_task("wagtail_agenda.tasks.deliver", pks)
    except Exception:
        logger.warning(
            "The task queue did not take deliveries %s; the next sweep will.", pks, exc_info=True
        )


@receiver(entries_due, dispatch_uid="wagtail_agenda.nudge_workflow")
def nudge_workflow(**_kwargs) -> None:
    """Ask the queue to move booking workflows on at once."""
    _ask("wagtail_agenda.tasks.catch_up")


@receiver(time_rules_changed, dispatch_uid="wagtail_agenda.nudge_timers")
def nudge_timers(workflow_id: int, **_kwargs) -> None:
    """Ask the queue to plan anew what time sets off."""
    _ask("wagtail_agenda.tasks.plan_timers_of", workflow_id)


def _ask(task: str, *arguments) -> None:
    try:
        from django_q.tasks import async_task

        async_task(task, *arguments)
    except Exception:
        logger.warning("The task queue did not take %s; the schedule will.", task, exc_info=True)


def deliver(pks: list[int]) -> None:
    """Attempt these deliveries. What an unexpected error leaves over is swept."""
    outbox.deliver_all(pks)


def sweep_outbox() -> int:
    """Attempt every delivery that is due."""
    _forget_missed_sweeps()
    return outbox.sweep()


def _forget_missed_sweeps() -> None:
    """Go on from now, where django-q2 would make up for every minute that it was down.

    One sweep does what a day of missed ones would have done, and `health` takes a schedule whose
    time is past for a worker that is not there.
    """
    if present_apps.is_installed("django_q"):
        now = timezone.now()
        missed = present_apps.get_model("django_q", "Schedule").objects.filter(
            name=SWEEP, next_run__lt=now
        )
        missed.update(next_run=now + timedelta(minutes=1))


def catch_up() -> int:
    """Carry out every entry that has still to move its booking on."""
    return workflow.catch_up(timezone.now())


def fire_timers() -> int:
    """Set off every reminder, and whatever else time sets off, that is due."""
    return workflow.fire_timers(timezone.now())


def plan_timers() -> None:
    """Bring what time sets off in line with the rules of every booking workflow."""
    for workflow_id in workflow.with_time_rules():
        plan_timers_of(workflow_id)


def plan_timers_of(workflow_id: int, after: int = 0) -> None:
    """Plan some hundreds of its bookings anew, and leave the rest to a task after this one."""
    last = workflow.plan_timers(workflow_id, after=after, now=timezone.now())
    if last is not None:
        _ask("wagtail_agenda.tasks.plan_timers_of", workflow_id, last)


def settle() -> int:
    """End offers and requests whose time has run out, and pass on what became free."""
    return booking.settle(timezone.now())


def purge_lapsed_holds() -> int:
    """Delete holds, and what was typed into them, a day after they lapsed."""
    return booking.purge_baskets(timezone.now())


def purge_nonces() -> int:
    """Forget the numbers of signed calls that are too old to be accepted once more."""
    return clients.purge_nonces(timezone.now())


def purge_kept_answers() -> int:
    """Forget what other systems were answered more than a day ago."""
    return clients.purge_kept_answers(timezone.now())


def forget_persons() -> int:
    """Anonymise bookings that are over for longer than their agenda keeps them."""
    return privacy.anonymise_due(timezone.now())


def make_occurrences() -> int:
    """Make the events of series that have come within reach."""
    return series.make_occurrences(None, timezone.now())


def ensure_schedules(using: str = DEFAULT_DB_ALIAS, apps: Apps = present_apps, **_kwargs) -> None:
    """Make or mend our schedules, by name. Runs on ``post_migrate``; keeps when each runs next."""
    try:
        schedules = apps.get_model("django_q", "Schedule").objects.using(using)
    except LookupError:
        # Not installed, or only this add-on was migrated: migrating django_q comes by here again.
        return
    if using != DEFAULT_DB_ALIAS or not _is_migrated(using, schedules.model):
        return
    with transaction.atomic(using=using):
        for name, (function, minutes) in SCHEDULES.items():
            wanted = {
                "func": function,
                "schedule_type": EVERY_SO_MANY_MINUTES,
                "minutes": minutes,
                "repeats": -1,
            }
            # Names are not unique there, and two servers may have migrated at once.
            kept, *surplus = schedules.filter(name=name).order_by("pk") or [None]
            if kept is None:
                schedules.create(name=name, **wanted)
            else:
                schedules.filter(pk=kept.pk).update(**wanted)
                schedules.filter(pk__in=[schedule.pk for schedule in surplus]).delete()


def _is_migrated(using: str, model: type[Model]) -> bool:
    return model._meta.db_table in connections[using].introspection.table_names()
