"""The events of a series, made ahead: as far as visitors can book, and some."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from django.db.models import F
from django.utils.text import slugify

from wagtail_agenda import recurrence
from wagtail_agenda.availability import booking_window
from wagtail_agenda.contention import retried
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.models import Agenda, Bookable, Event, EventSeries
from wagtail_agenda.recurrence import Recurrence, Span
from wagtail_agenda.timegrid import instant_of

MARGIN_DAYS = 28
"""How many days beyond the booking horizon of an agenda its events are made."""

FARTHEST_DAYS = 731
"""How many days ahead events are made at most, however far the horizon of the agenda is."""

MOST_AHEAD = 400
"""How many events of one series are to come at most."""

TEXTS = ("label", "description", "location", "url", "open_for_booking")
"""What an event has from its series as it stands there."""


def rule_of(series: EventSeries) -> Recurrence:
    """When a series takes place, in the time zone of its agenda."""
    return Recurrence(
        first_day=series.first_day,
        until=series.until,
        weekdays=frozenset(series.weekdays),
        every_weeks=series.every_weeks,
        exceptions=frozenset(date.fromisoformat(text) for text in series.exceptions),
        start_time=series.start_time,
        duration=series.duration,
        zone=series.agenda.zone,
    )


def dates_of(series: EventSeries, first: date, last: date) -> list[date]:
    """The local dates from `first` to `last` inclusive on which a series takes place."""
    return list(recurrence.occurrences_of(rule_of(series), first, last))


def last_day_made(agenda: Agenda, now: datetime) -> date:
    """Until which local date the events of an agenda's series are made."""
    today = now.astimezone(agenda.zone).date()
    farthest = today + timedelta(days=FARTHEST_DAYS)
    _earliest, latest = booking_window(agenda, now)
    latest_day = instant_of(latest).astimezone(agenda.zone).date()
    return min(farthest, latest_day + timedelta(days=MARGIN_DAYS))


def make_occurrences(series: EventSeries | None, now: datetime) -> int:
    """Make the events of a series, or of all of them, that are due to be made; answers how many.

    Made again, it makes nothing twice; nor does it bring back what was cancelled or deleted. What
    is too busy at the moment is left to the next call, unless it is the one series asked for: then
    it raises `Overloaded`.
    """
    if series is not None:
        return retried(lambda _nothing: _locked_and_made(series.pk, now))
    made = 0
    for row in EventSeries.objects.select_related("agenda").order_by("pk"):
        if not _is_due(row, now):
            continue
        try:
            made += make_occurrences(row, now)
        except Overloaded:
            continue
    return made


def lock_series(pk: int) -> EventSeries:
    """Take the lock of a series, and read it. The first statement of a transaction.

    Raises `EventSeries.DoesNotExist`.
    """
    # Writes before it reads, so that SQLite waits its turn.
    EventSeries.objects.filter(pk=pk).update(made_until=F("made_until"))
    return EventSeries.objects.select_for_update().get(pk=pk)


def make_ahead(series: EventSeries, now: datetime) -> int:
    """Make what is due of a series that is locked."""
    today = now.astimezone(series.agenda.zone).date()
    first, last = _first_day_due(series, today), last_day_made(series.agenda, now)
    if first > last:
        return 0
    there = set(series.events.filter(occurrence__gte=first).values_list("occurrence", flat=True))
    found = coming(recurrence.occurrences_of(rule_of(series), first, last), now)
    due = {day: span for day, span in found.items() if day not in there}
    room = max(0, MOST_AHEAD - series.events.filter(start__gt=now).count())
    if len(due) > room:
        kept = list(due)[:room]
        last = kept[-1] if kept else first - timedelta(days=1)
        due = {day: due[day] for day in kept}
    create(series, due)
    if series.made_until is None or series.made_until < last:
        series.made_until = last
        series.save(update_fields=["made_until"])
    return len(due)


def coming(occurrences: Mapping[date, Span], now: datetime) -> dict[date, Span]:
    """Those that have not begun."""
    return {day: span for day, span in occurrences.items() if span[0] > now}


def create(series: EventSeries, occurrences: Mapping[date, Span]) -> None:
    """Make an event, with its places, for each of these occurrences of a locked series."""
    if not occurrences:
        return
    taken = set(series.agenda.events.values_list("slug", flat=True))
    for day, (start, end) in occurrences.items():
        slug = slug_for(series, day, taken)
        taken.add(slug)
        Event.objects.create(
            agenda=series.agenda,
            series=series,
            occurrence=day,
            slug=slug,
            start=start,
            end=end,
            publish_at=recurrence.published_at(day, series.publish_days, series.agenda.zone),
            bookable=Bookable.objects.create(
                places=series.places, waiting_places=series.waiting_places
            ),
            **{name: getattr(series, name) for name in TEXTS},
        )


def slug_for(series: EventSeries, day: date, taken: Iterable[str]) -> str:
    """A free name for the event of that date, which says what it is: ``yoga-2026-12-03``."""
    stem = f"{slugify(series.label)[:80].strip('-') or 'event'}-{day}"
    slug, number = stem, 1
    while slug in taken:
        number += 1
        slug = f"{stem}-{number}"
    return slug


def _locked_and_made(pk: int, now: datetime) -> int:
    try:
        return make_ahead(lock_series(pk), now)
    except EventSeries.DoesNotExist:
        # Deleted since it was read.
        return 0


def _is_due(series: EventSeries, now: datetime) -> bool:
    today = now.astimezone(series.agenda.zone).date()
    first = _first_day_due(series, today)
    if series.until is not None and first > series.until:
        return False
    return first <= last_day_made(series.agenda, now)


def _first_day_due(series: EventSeries, today: date) -> date:
    if series.made_until is None:
        return today
    return max(today, series.made_until + timedelta(days=1))
