"""Series and events of an agenda, read from a file. What is booked changes through `booking`."""

from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from wagtail_agenda import booking, series
from wagtail_agenda.errors import BookingError, OccurrencesBooked, Overloaded, PlacesInUse
from wagtail_agenda.importers.agenda_json import columns
from wagtail_agenda.importers.agenda_json.format import SORTS
from wagtail_agenda.importers.agenda_json.places import Place
from wagtail_agenda.importers.agenda_json.settling import (
    CHANGED,
    MADE,
    UNCHANGED,
    Reading,
    has_problems,
    is_sound,
    key_of,
    matched,
    objects_in,
    refuse_doubles,
    refuse_unknown_keys,
    slug_of,
    take_columns,
    text_of,
)
from wagtail_agenda.importers.agenda_json.writing import series_of, written_row
from wagtail_agenda.models import Agenda, Event, EventSeries
from wagtail_agenda.setup_rules.offers import event_time_errors
from wagtail_agenda.setup_rules.series import day_errors, exceptions_error

PLACES = ("places", "waiting_places")
"""Keys of an event that its bookable keeps."""


def read_events(
    reading: Reading, agenda: Agenda, data: Mapping[str, Any], place: Place, zone: ZoneInfo
) -> None:
    """Read the series of an agenda and its events.

    A new series makes its events once those that differ from it stand.
    """
    known, new = _read_series(reading, agenda, data.get("event_series", []), place)
    items = list(objects_in(reading, data.get("events", []), place.key("events")))
    names = [(at, slug_of(one, "event")) for at, one in items]
    refuse_doubles(reading, names, "slug")
    for at, one in items:
        _read_event(reading, agenda, known, one, at, zone)
    if not reading.problems:
        for row in new:
            series.make_occurrences(row, reading.now)


# Series


def _read_series(
    reading: Reading, agenda: Agenda, data: Any, place: Place
) -> tuple[dict[str, EventSeries | None], list[EventSeries]]:
    """The series by their keys in the file, None for what has problems; and those that are new."""
    place = place.key("event_series")
    items = list(objects_in(reading, data, place))
    keys = [(at, text_of(one, "key")) for at, one in items]
    refuse_doubles(reading, [(at, key) for at, key in keys if key], "key")
    rows = series_of(agenda) if agenda.pk is not None else []
    found = matched(items, rows, lambda row: written_row("series", row), "first_day")
    known: dict[str, EventSeries | None] = {}
    new = []
    for number, (at, one) in enumerate(items):
        refuse_unknown_keys(reading, one, at, SORTS["series"].keys)
        row = _settle_series(reading, agenda, found.get(number), one, at)
        known[key_of(reading, one, at)] = row
        if row is not None and number not in found:
            new.append(row)
    return known, new


def _settle_series(
    reading: Reading,
    agenda: Agenda,
    present: EventSeries | None,
    one: Mapping[str, Any],
    at: Place,
) -> EventSeries | None:
    row = EventSeries(agenda=agenda)
    if present is not None:
        row = EventSeries.objects.select_related("agenda").get(pk=present.pk)
    changed = _in_order(row, take_columns(reading, SORTS["series"], row, one, at), present)
    if present is not None and not changed:
        reading.tell(UNCHANGED, "series", row, agenda)
        return row
    if has_problems(reading, at) or not is_sound(reading, row, at):
        return present
    for key, error in _series_errors(row, agenda):
        reading.problems.add_error(at.key(key), error)
    if has_problems(reading, at) or agenda.pk is None:
        return present
    if present is None:
        row.save()
    else:
        values = {key: getattr(row, key) for key in changed}
        try:
            series.change_series(present, values, now=reading.now, user=reading.user)
        except OccurrencesBooked as error:
            reading.problems.add(at, _asked(error))
            return present
        row = EventSeries.objects.select_related("agenda").get(pk=present.pk)
    reading.note(row, "wagtail.edit" if present else "wagtail.create", content_changed=True)
    reading.tell(CHANGED if present else MADE, "series", row, agenda)
    return row


def _in_order(row: EventSeries, changed: set[str], present: EventSeries | None) -> set[str]:
    """Put days in their order, in which they are stored; answers what differs then."""
    for key in {"weekdays", "exceptions"} & changed:
        try:
            setattr(row, key, sorted(getattr(row, key)))
        except TypeError:
            # No days, of which the validators complain.
            continue
        if present is not None and getattr(row, key) == getattr(present, key):
            changed = changed - {key}
    return changed


def _series_errors(row: EventSeries, agenda: Agenda) -> Iterator[tuple[str, ValidationError]]:
    if error := exceptions_error(row.exceptions):
        yield "exceptions", error
    if agenda.pk is not None:
        yield from day_errors(series.rule_of(row))


def _asked(error: OccurrencesBooked) -> str:
    plan = error.plan
    count = len({row.event.pk for row in (*plan.moved, *plan.removed, *plan.shrunk)})
    return ngettext(
        "%(count)d date of this series is booked and would change. Change the series in the "
        "admin, which asks what shall become of it, or leave it out.",
        "%(count)d dates of this series are booked and would change. Change the series in the "
        "admin, which asks what shall become of them, or leave it out.",
        count,
    ) % {"count": count}


# Events


def _read_event(
    reading: Reading,
    agenda: Agenda,
    known: Mapping[str, EventSeries | None],
    one: Mapping[str, Any],
    at: Place,
    zone: ZoneInfo,
) -> None:
    sort = SORTS["event"]
    refuse_unknown_keys(reading, one, at, sort.keys)
    of_series = _series_of_event(reading, known, one, at)
    slug = slug_of(one, "event")
    present = _present(agenda, of_series, one, slug)
    row = Event(agenda=agenda, slug=slug, series=of_series)
    if present is not None:
        row = _fresh(present)
    changed = take_columns(reading, sort, row, one, at, zone)
    if present is not None and "slug" in changed and present.bookings.exists():
        # Visitors and other systems know it by that.
        row.slug = present.slug
        changed.discard("slug")
    places = _places(reading, present, one, at)
    cancels = _cancels(reading, one, at) and not (present and present.is_cancelled)
    if present is not None and not (changed or places or cancels):
        reading.tell(UNCHANGED, "event", row, agenda)
        return
    errors = list(event_time_errors(row.start, row.end, row.publish_at))
    if present is None and of_series is not None:
        errors += _taken_slug(agenda, slug)
    if not is_sound(reading, row, at, errors, {"bookable"}) or has_problems(reading, at):
        return
    if agenda.pk is None:
        return
    try:
        event = _saved(reading, present, row, changed, places)
        if cancels:
            _cancel(reading, event, text_of(one, "cancellation_reason"))
    except Overloaded:
        raise
    except PlacesInUse as error:
        reading.problems.add(at.key("waiting_places" if error.waiting_list else "places"), error)
    except BookingError as error:
        reading.problems.add(at, error)
    else:
        reading.tell(MADE if present is None else CHANGED, "event", event, agenda)


def _fresh(event: Event) -> Event:
    return Event.objects.select_related("agenda", "bookable").get(pk=event.pk)


def _series_of_event(
    reading: Reading,
    known: Mapping[str, EventSeries | None],
    one: Mapping[str, Any],
    at: Place,
) -> EventSeries | None:
    key, day = one.get("series"), one.get("occurrence")
    if (key is None) != (day is None):
        message = _("An occurrence needs both: “series”, and its date there as “occurrence”.")
        reading.problems.add(at.key("occurrence" if day is None else "series"), message)
    if key is None:
        return None
    if not isinstance(key, str) or key not in known:
        message = _("This is no key of a series of this agenda. There are: %(keys)s")
        reading.problems.add(at.key("series"), message % {"keys": ", ".join(known)})
        return None
    return known[key]


def _present(
    agenda: Agenda, of_series: EventSeries | None, one: Mapping[str, Any], slug: str
) -> Event | None:
    """The event that the site has of it: by its date in the series, or by its slug."""
    if agenda.pk is None:
        return None
    events = Event.objects.filter(agenda=agenda)
    if of_series is None:
        return events.filter(slug=slug).first()
    try:
        day = columns.read_date(one.get("occurrence"))
    except ValidationError:
        return None
    return events.filter(series=of_series, occurrence=day).first()


def _taken_slug(agenda: Agenda, slug: str) -> Iterator[tuple[str, ValidationError]]:
    """What to say if another event of the agenda has the slug of a new occurrence."""
    if agenda.pk is not None and Event.objects.filter(agenda=agenda, slug=slug).exists():
        message = _("“%(slug)s” is another event here. Give this one another slug.")
        yield "slug", ValidationError(message, params={"slug": slug})


def _places(
    reading: Reading, present: Event | None, one: Mapping[str, Any], at: Place
) -> dict[str, int]:
    """The numbers of places that the file names, if one of them differs."""
    has = {key: getattr(present, key) if present else None for key in PLACES}
    wanted = {}
    for key in PLACES:
        if key not in one or columns.says(one[key], has[key]):
            continue
        # Those of a series have the same limits.
        column = EventSeries._meta.get_field(key)
        try:
            wanted[key] = columns.read_number(one[key])
            column.run_validators(wanted[key])
        except ValidationError as error:
            reading.problems.add_error(at.key(key), error)
        else:
            if wanted[key] < 0:
                reading.problems.add(at.key(key), _("Write 0 or more."))
    return wanted


def _cancels(reading: Reading, one: Mapping[str, Any], at: Place) -> bool:
    if not isinstance(one.get("cancellation_reason", ""), str):
        reading.problems.add(
            at.key("cancellation_reason"), _("Write a text here, in quotation marks.")
        )
    if "cancelled" not in one:
        return False
    if one["cancelled"] is not True:
        message = _("Write true here, or leave it out: what is cancelled stays so.")
        reading.problems.add(at.key("cancelled"), message)
    return True


def _saved(
    reading: Reading,
    present: Event | None,
    row: Event,
    changed: set[str],
    places: Mapping[str, int],
) -> Event:
    """The event as the file says; whoever has booked it is told of another time or other texts."""
    event, now, user = present or row, reading.now, reading.user
    of_itself = {"slug", "open_for_booking", "publish_at"} & changed
    if present is None:
        row.differs_from_series = row.series_id is not None
        row.save()
    else:
        event = _fresh(present)
        moves = bool({"start", "end"} & changed)
        texts = {key: getattr(row, key) for key in booking.EVENT_TEXTS if key in changed}
        if texts:
            # Whoever is told of another time reads the new texts with it.
            booking.reword_event(event, texts, now=now, user=user, telling=not moves)
        if moves:
            booking.change_event_time(
                event, row.start, row.end, now=now, user=user, with_bookings=True
            )
        for key in of_itself:
            setattr(event, key, getattr(row, key))
        if event.series_id is not None and (changed or places) and not event.is_cancelled:
            event.differs_from_series = True
            of_itself |= {"differs_from_series"}
        if of_itself:
            event.save(update_fields=sorted(of_itself))
    if places:
        wanted = {key: getattr(event, key) for key in PLACES} | places
        booking.change_places(
            event, wanted["places"], now=now, waiting_places=wanted["waiting_places"]
        )
    action = "wagtail.create" if present is None else "wagtail.edit"
    if present is None or changed or places:
        reading.note(event, action, content_changed=True)
    return event


def _cancel(reading: Reading, event: Event, reason: str) -> None:
    ended = booking.cancel_event(event, now=reading.now, user=reading.user, reason=reason)
    details = {"reason": reason, "bookings": ended}
    reading.note(event, "wagtail_agenda.cancel_event", details)
