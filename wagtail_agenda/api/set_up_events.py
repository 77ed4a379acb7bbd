"""Events and series of events, made and changed as another system says."""

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from wagtail_agenda import booking, recurrence, series
from wagtail_agenda.api.errors import Refused, invalid
from wagtail_agenda.api.shapes.events import ChangedEvent, NewEvent
from wagtail_agenda.contention import all_or_nothing, retried
from wagtail_agenda.errors import EventCancelled, EventIsBooked, EventIsOver, OccurrencesBooked
from wagtail_agenda.models import WHOLE_DAY_MINUTES, Agenda, Bookable, Event, EventSeries
from wagtail_agenda.schedule import wall_time_exists

EARLIEST_YEAR, LATEST_YEAR = 1970, 2999
"""Years of an event, as the set-up screens take them too."""

_FIELDS = {
    "weekdays": "recurrence_days",
    "until": "recurrence_end_date",
    "every_weeks": "recurrence_week_interval",
}
"""Where a call says what a series has."""


def make_event(agenda: Agenda, asked: NewEvent) -> Event:
    """Make one event. Raises `Refused` or `Overloaded`."""
    if asked.recurrence_end_date is not None or asked.recurrence_week_interval > 1:
        raise invalid(recurrence_days=_("Say on which days of the week it comes back."))
    start = moment_of(asked.start_datetime, agenda.zone)

    def work(_nothing: None) -> Event:
        if asked.slug and agenda.events.filter(slug=asked.slug).exists():
            raise invalid(slug=_("Another event of this agenda has it already."))
        return Event.objects.create(
            agenda=agenda,
            slug=asked.slug or "",
            start=start,
            end=start + timedelta(minutes=asked.duration),
            bookable=Bookable.objects.create(
                places=asked.places, waiting_places=asked.waiting_list_places
            ),
            **_texts_of(agenda, asked),
        )

    # Of two calls with one slug, the second finds the event of the first when it tries again.
    return retried(work)


def make_series(agenda: Agenda, asked: NewEvent, now: datetime) -> EventSeries:
    """Make a series of events, and of these as many as are due. Raises `Refused`, `Overloaded`."""
    if asked.slug:
        raise invalid(slug=_("The events of a series are named by its label and their dates."))
    local = moment_of(asked.start_datetime, agenda.zone).astimezone(agenda.zone)
    row = EventSeries(
        agenda=agenda,
        first_day=local.date(),
        until=asked.recurrence_end_date,
        weekdays=asked.recurrence_days,
        every_weeks=asked.recurrence_week_interval,
        start_time=local.time(),
        duration=_series_minutes(asked.duration),
        places=asked.places,
        waiting_places=asked.waiting_list_places,
        **_texts_of(agenda, asked),
    )
    _require_dates(row)
    with all_or_nothing():
        row.save()
        series.make_occurrences(row, now)
    return row


def change_event(event: Event, asked: ChangedEvent, now: datetime) -> None:
    """Change one event, all or nothing; one of a series then differs from it.

    Raises `Refused`, `EventCancelled`, `PlacesInUse` or `Overloaded`.
    """
    _require_live(event)
    wanted = _wanted_texts(asked)
    texts = {name: text for name, text in wanted.items() if getattr(event, name) != text}
    start, end = _wanted_times(event, asked)
    moves = (start, end) != (event.start, event.end)
    places = event.places if asked.places is None else asked.places
    waiting = asked.waiting_list_places
    resized = places != event.places or waiting not in (None, event.waiting_places)
    if not (texts or moves or resized):
        return
    with all_or_nothing():
        if texts:
            # Whoever is told of another time reads the new texts with it.
            telling = asked.with_bookings and not moves
            booking.reword_event(event, texts, now=now, telling=telling)
        if moves:
            _move(event, start, end, now, with_bookings=asked.with_bookings)
        if resized:
            booking.change_places(event, places, now=now, waiting_places=waiting)
        if event.series_id is not None:
            Event.objects.filter(pk=event.pk).update(differs_from_series=True)


def change_series(event: Event, asked: ChangedEvent, now: datetime) -> EventSeries:
    """Change the series of an event from this one on, and answer with what it is then.

    Raises `Refused`, `EventCancelled`, `EventIsOver`, `SeriesChanged` or `Overloaded`.
    """
    if event.series is None or event.occurrence is None:
        raise invalid(recurrence_days=_("This event is of no series. Make one."))
    _require_live(event)
    if event.start <= now:
        raise EventIsOver()
    values = _series_values(event, asked)
    after = copy.copy(event.series)
    after.agenda = event.agenda
    after.first_day = event.occurrence
    for name, value in values.items():
        setattr(after, name, value)
    _require_dates(after)
    try:
        return series.change_following(event, values, now=now).series
    except OccurrencesBooked as error:
        text = _(
            "Some of these events are booked, so nothing was changed. Change or cancel those that "
            "are booked first, each by itself."
        )
        raise Refused(error.code, text, 200) from error


def moment_of(text: str, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, of a time with an offset or else local to a zone. Raises `Refused`.

    Of a local time that comes twice, the first one is meant.
    """
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        raise invalid(start_datetime=_("There is no such time."))
    found = found.replace(microsecond=0)
    if found.tzinfo is None:
        if not wall_time_exists(found.date(), found.time(), zone):
            skipped = _("Clocks in %(zone)s skip this time.") % {"zone": zone.key}
            raise invalid(start_datetime=skipped)
        found = found.replace(tzinfo=zone)
    return found.astimezone(timezone.utc)


def _texts_of(agenda: Agenda, asked: NewEvent) -> dict[str, str]:
    return {
        "label": asked.label or agenda.label,
        "description": asked.description,
        "location": asked.location,
        "url": asked.url,
    }


def _wanted_texts(asked: ChangedEvent) -> dict[str, str]:
    texts = {name: getattr(asked, name) for name in booking.EVENT_TEXTS}
    return {name: text for name, text in texts.items() if text is not None}


def _wanted_times(event: Event, asked: ChangedEvent) -> tuple[datetime, datetime]:
    """When an event is to begin and end: one that moves lasts as long as before."""
    start, lasts = event.start, event.end - event.start
    if asked.start_datetime is not None:
        start = moment_of(asked.start_datetime, event.agenda.zone)
    if asked.duration is not None:
        lasts = timedelta(minutes=asked.duration)
    return start, start + lasts


def _series_values(event: Event, asked: ChangedEvent) -> dict[str, Any]:
    values: dict[str, Any] = _wanted_texts(asked)
    given = {
        "weekdays": asked.recurrence_days,
        "every_weeks": asked.recurrence_week_interval,
        "until": asked.recurrence_end_date,
        "places": asked.places,
        "waiting_places": asked.waiting_list_places,
        "duration": asked.duration and _series_minutes(asked.duration),
    }
    values |= {name: value for name, value in given.items() if value is not None}
    if asked.start_datetime is not None:
        zone = event.agenda.zone
        local = moment_of(asked.start_datetime, zone).astimezone(zone)
        if local.date() != event.start.astimezone(zone).date():
            text = _("With the days of a series, only the time of day can change.")
            raise invalid(start_datetime=text)
        values["start_time"] = local.time()
    return values


def _series_minutes(minutes: int) -> int:
    if minutes > 7 * WHOLE_DAY_MINUTES:
        raise invalid(duration=_("An event of a series lasts a week at most."))
    return minutes


def _require_dates(row: EventSeries) -> None:
    found = recurrence.problems(series.rule_of(row))
    if found:
        texts = _problem_texts()
        raise invalid(**{_FIELDS[field]: texts[code] for field, code in found})


def _problem_texts() -> Mapping[str, str]:
    return {
        "no_weekday": _("Say on which days of the week it comes back."),
        "no_interval": _("It comes back every week at the most."),
        "ends_before_it_begins": _("This is before it begins."),
        "too_long": _("This is more than ten years after it begins."),
        "no_dates": _("There is no such day of the week between the start and this day."),
    }


def _move(
    event: Event, start: datetime, end: datetime, now: datetime, *, with_bookings: bool
) -> None:
    try:
        booking.change_event_time(event, start, end, now=now, with_bookings=with_bookings)
    except EventIsBooked as error:
        text = _(
            "Somebody has booked this event, or is booking it just now, so nothing was changed. "
            "Say “with_bookings” to move them along and tell them."
        )
        raise Refused(error.code, text, 200) from error


def _require_live(event: Event) -> None:
    if event.is_cancelled:
        raise EventCancelled()
