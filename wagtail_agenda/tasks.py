"""What the worker runs, and when. The one place that knows the queue (django-q2).

The queue is only a nudge: what must be delivered stands in the outbox, which is swept every
minute. A lost task or a broker that is down costs delay, never a mail.
"""

import logging

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.dispatch import receiver
from django.utils import timezone

from wagtail_agenda import booking, outbox
from wagtail_agenda.signals import deliveries_due

logger = logging.getLogger(__name__)

SCHEDULES = {
    "wagtail_agenda: sweep the outbox": ("wagtail_agenda.tasks.sweep_outbox", 1),
    "wagtail_agenda: purge lapsed holds": ("wagtail_agenda.tasks.purge_lapsed_holds", 60),
}
"""Name of each schedule → function and minutes between its runs."""


@receiver(deliveries_due, dispatch_uid="wagtail_agenda.nudge")
def nudge(pks: list[int], **_kwargs) -> None:
    """Ask the queue to deliver at once. A queue that is down fails no booking."""
    from django_q.tasks import async_task

    try:
        async_task("wagtail_agenda.tasks.deliver", pks)
    except Exception:
        logger.warning(
            "The task queue did not take deliveries %s; the next sweep will.", pks, exc_info=True
        )


def deliver(pks: list[int]) -> None:
    """Attempt these deliveries."""
    for pk in pks:
        outbox.deliver(pk)


def sweep_outbox() -> int:
    """Attempt every delivery that is due."""
    return outbox.sweep()


def purge_lapsed_holds() -> int:
    """Delete holds, and what was typed into them, a day after they lapsed."""
    return booking.purge_baskets(timezone.now())


def ensure_schedules(using: str = DEFAULT_DB_ALIAS, **_kwargs) -> None:
    """Make or mend our schedules, by name. Runs on ``post_migrate``; keeps when each runs next."""
    if using != DEFAULT_DB_ALIAS or not apps.is_installed("django_q"):
        return
    from django_q.models import Schedule

    if Schedule._meta.db_table not in connection.introspection.table_names():
        # Only this add-on was migrated; migrating django_q comes by here again.
        return
    with transaction.atomic():
        for name, (function, minutes) in SCHEDULES.items():
            Schedule.objects.update_or_create(
                name=name,
                defaults={
                    "func": function,
                    "schedule_type": Schedule.MINUTES,
                    "minutes": minutes,
                    "repeats": -1,
                },
            )
