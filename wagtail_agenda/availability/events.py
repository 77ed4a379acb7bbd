"""The slots of events, with their places and those of their waiting lists."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from wagtail_agenda import slot_key
from wagtail_agenda.availability.asked import Asked, Period
from wagtail_agenda.availability.delays import (
    LATEST_MINUTE,
    booking_window,
    is_open,
    window_by,
)
from wagtail_agenda.availability.occupied import Lapsing, lapsing_places
from wagtail_agenda.availability.slot import Slot
from wagtail_agenda.choices import DelayUnit
from wagtail_agenda.errors import EventCancelled, EventIsOver, NotOffered
from wagtail_agenda.models import Agenda, ClosureCalendar, Event
from wagtail_agenda.timegrid import Interval, epoch_minutes, instant_of

MOST_PAST = 500
"""How many past events are listed, the latest of them, where no day is named to begin with."""


def slots_of_events_within(agenda: Agenda, window: Interval, asked: Asked) -> list[Slot]:
    """The events of an agenda that start inside the window and can be booked, in order of time."""
    return _with_room(agenda, _starting(_on_offer(agenda.events.all(), asked), window), asked)


def slots_of_past_events(
    agenda: Agenda, window: Interval, asked: Asked, *, limited: bool
) -> list[Slot]:
    """The same of a window that is past; `limited` to the latest `MOST_PAST`."""
    events = _starting(_on_offer(agenda.events.all(), asked), window).order_by("-start", "-pk")
    return _with_room(agenda, reversed(events[: MOST_PAST if limited else None]), asked)


def _on_offer(events: QuerySet[Event], asked: Asked) -> QuerySet[Event]:
    """Those that are open for booking, not cancelled, and seen by the one who asks."""
    found = events.filter(open_for_booking=True, cancelled_at__isnull=True)
    if not asked.bypass_delays:
        found = found.filter(Q(publish_at__isnull=True) | Q(publish_at__lte=asked.now))
    return found.select_related("bookable")


def _starting(events: QuerySet[Event], window: Interval) -> QuerySet[Event]:
    return events.filter(start__gte=instant_of(window[0]), start__lt=instant_of(window[1]))


def _with_room(agenda: Agenda, events: Iterable[Event], asked: Asked) -> list[Slot]:
    found = slots_of_events(agenda, list(events), asked.now, asked.lock_code)
    return [slot for slot in found if asked.with_full or slot.has_room_for(asked.min_places)]


def agendas_with_room(agendas: Sequence[Agenda], asked: Asked) -> set[int]:
    """The keys of those agendas that have an event to book now, on either of its lists.

    At most three queries, whatever the number of agendas.
    """
    windows = {
        agenda.pk: window_by(agenda, asked.now, calendars)
        for agenda, calendars in _with_calendars(agendas)
        if is_open(agenda, asked.now)
    }
    if not windows:
        return set()
    until = max(latest for _earliest, latest in windows.values())
    among = Event.objects.filter(agenda__in=windows)
    coming = _starting(_on_offer(among, asked), (epoch_minutes(asked.now) + 1, until))
    by_pk = {agenda.pk: agenda for agenda in agendas}
    events = [
        event
        for event in coming
        if windows[event.agenda_id][0] <= epoch_minutes(event.start) < windows[event.agenda_id][1]
    ]
    kept = lapsing_places([event.bookable_id for event in events], asked.now)
    return {
        event.agenda_id
        for event in events
        if _slot_of_event(
            by_pk[event.agenda_id], event, kept.get(event.bookable_id, Lapsing())
        ).has_room_for(asked.min_places)
    }


def _with_calendars(
    agendas: Sequence[Agenda],
) -> Iterator[tuple[Agenda, list[ClosureCalendar]]]:
    """Each agenda with the closure calendars by which its delays are counted."""
    units = {DelayUnit.WORKING_DAYS}
    counting = [
        agenda
        for agenda in agendas
        if units & {agenda.minimal_booking_delay_unit, agenda.maximal_booking_delay_unit}
    ]
    calendars: dict[int, list[ClosureCalendar]] = {}
    if counting:
        through = Agenda.closure_calendars.through.objects.filter(agenda__in=counting)
        for link in through.select_related("closurecalendar"):
            calendars.setdefault(link.agenda_id, []).append(link.closurecalendar)
    for agenda in agendas:
        yield agenda, calendars.get(agenda.pk, [])


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
