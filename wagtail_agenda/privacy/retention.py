"""Who came is forgotten after a time that each agenda sets."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import QuerySet

from wagtail_agenda import booking as bookings
from wagtail_agenda.meetings import forgetting
from wagtail_agenda.models import Agenda, Booking

AT_ONCE = 500
"""How many bookings one run of the task anonymises at the most."""


def anonymise_due(now: datetime, *, most: int = AT_ONCE) -> int:
    """Anonymise bookings and meetings that are over for longer than their agenda keeps them.

    Answers how many; `most` of either at a time, those that ended first. The rest is left to the
    next run.
    """
    due: list[Booking] = []
    for agenda in Agenda.objects.filter(retention_days__isnull=False).order_by("pk"):
        over = Booking.objects.filter(
            agenda=agenda,
            anonymised_at__isnull=True,
            end__lt=now - timedelta(days=agenda.retention_days),
        ).order_by("end", "pk")
        due += with_labels(over)[: most - len(due)]
        if len(due) == most:
            break
    return anonymise(due, now=now) + forgetting.forget_due(now, most=most)


def anonymise(bookings_: Iterable[Booking], *, now: datetime) -> int:
    """Forget who these bookings were for; answers how many were not forgotten before.

    Nothing more is sent about them, and the link in their mails opens nothing. What happened, when,
    and who came stays.
    """
    return sum(bookings.anonymise(booking, now=now) for booking in bookings_)


def with_labels(rows: QuerySet[Booking]) -> QuerySet[Booking]:
    """With what stands for a booking once it is anonymised."""
    return rows.select_related("agenda", "meeting_type", "event")
