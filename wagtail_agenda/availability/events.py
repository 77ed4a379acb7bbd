"""The slots of events, with their places and those of their waiting lists."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from wagtail_agenda import slot_key
from wagtail_agenda.availability.asked import Asked, Period
from wagtail_agenda.availability.delays import LATEST_MINUTE, booking_window
from wagtail_agenda.availability.occupied import Lapsing, lapsing_places
from wagtail_agenda.availability.slot import Slot
from wagtail_agenda.errors import EventCancelled, EventIsOver, NotOffered
from wagtail_agenda.models import Agenda, Event
from wagtail_agenda.timegrid import Interval, epoch_minutes, instant_of


def slots_of_events_within(agenda: Agenda, window: Interval, asked: Asked) -> list[Slot]:
    """The events of an agenda that start inside the window and can be booked, in order of time."""
    events = agenda.events.filter(
        open_for_booking=True,
        cancelled_at__isnull=True,
        start__gte=instant_of(window[0]),
        start__lt=instant_of(window[1]),
    ).select_related("bookable")
    if not asked.bypass_delays:
        events = events.filter(Q(publish_at__isnull=True) | Q(publish_at__lte=asked.now))
    found = slots_of_events(agenda, list(events), asked.now, asked.lock_code)
    return [slot for slot in found if asked.with_full or slot.has_room_for(asked.min_places)]


def slots_of_events(
    agenda: Agenda, events: Sequence[Event], now: datetime, lock_code: str = ""
) -> list[Slot]:
    """A slot for each event, whether or not it can be booked: two numbers of lists, no rules."""
    kept = lapsing_places([event.bookable_id for event in events], now, lock_code)
    nothing = Lapsing()
    return [_slot_of_event(agenda, event, kept.get(event.bookable_id, nothing)) for event in events]


def _slot_of_event(agenda: Agenda, event: Event, kept: Lapsing) -> Slot:
    counted = event.bookable
    waiting_free = counted.waiting_places - counted.places_waiting - kept.waiting
    return Slot.of(
        agenda=agenda,
        event=event,
        start=event.start.astimezone(agenda.zone),
        end=event.end.astimezone(agenda.zone),
        places_total=counted.places,
        places_free=max(0, counted.places - counted.places_booked - kept.main),
        waiting_total=counted.waiting_places,
        waiting_free=max(0, waiting_free),
        # Whose place is kept already does not have to queue for it.
        queued=not kept.own and (counted.places_waiting > 0 or kept.offered),
    )


def find_event(agenda: Agenda, key: str, asked: Asked) -> Slot:
    """The event of that name, if it is on offer, full or not.

    Raises `NotOffered`, `EventCancelled` or `EventIsOver`.
    """
    if not slot_key.is_slug(key):
        raise NotOffered()
    event = agenda.events.filter(slug=key, open_for_booking=True).select_related("bookable").first()
    if event is None or not (asked.bypass_delays or is_published(event, asked.now)):
        raise NotOffered()
    if event.is_cancelled:
        raise EventCancelled()
    if event.start <= asked.now:
        if asked.period == Period.FUTURE:
            raise EventIsOver()
        return slots_of_events(agenda, [event], asked.now, asked.lock_code)[0]
    if epoch_minutes(event.end) > LATEST_MINUTE:
        raise NotOffered()
    if not asked.bypass_delays:
        earliest, latest = booking_window(agenda, asked.now)
        if not earliest <= epoch_minutes(event.start) < latest:
            raise NotOffered()
    return slots_of_events(agenda, [event], asked.now, asked.lock_code)[0]


def is_published(event: Event, now: datetime) -> bool:
    """Whether visitors can see it."""
    return event.publish_at is None or event.publish_at <= now
