"""What the clock alone changes, put into words: offers and requests that lapse, places that do."""

from datetime import datetime

from django.db.models import F

from wagtail_agenda.booking.admission import lock
from wagtail_agenda.booking.ending import lapse
from wagtail_agenda.booking.waiting_list import fill
from wagtail_agenda.choices import Admission, WaitingListPromotion
from wagtail_agenda.contention import retried
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.models import Booking, Event

SETTLED_AT_ONCE = 1_000
"""How many lapsed bookings, and how many events, one call sees to; the next goes on."""


def settle(now: datetime) -> int:
    """End what has lapsed, and give what the clock freed to those who wait.

    Answers how many bookings lapsed, and for how many others the clock had freed a place. Places
    are free without it the moment they lapse: this tells those concerned, and the next in the
    queue. What is too busy at the moment is left to the next call.
    """
    overdue = Booking.objects.filter(
        decide_by__lte=now, admission__in=[Admission.OFFERED, Admission.PENDING]
    )
    settled = 0
    for booking in overdue.order_by("decide_by")[:SETTLED_AT_ONCE]:
        try:
            settled += lapse(booking, now=now) is not None
        except Overloaded:
            continue
    queued = (
        Event.objects.filter(
            start__gt=now,
            cancelled_at__isnull=True,
            bookable__places_waiting__gt=0,
            bookable__places_booked__lt=F("bookable__places"),
        )
        .exclude(agenda__waiting_list_promotion=WaitingListPromotion.BY_HAND)
        .select_related("agenda")
        .order_by("start")
    )
    for event in queued[:SETTLED_AT_ONCE]:
        try:
            settled += len(_filled(event, now))
        except Overloaded:
            continue
    return settled


def _filled(event: Event, now: datetime) -> list[Booking]:
    def work(_nothing: None) -> list[Booking]:
        return fill(event, lock([event.bookable_id]), now=now)

    return retried(work)
