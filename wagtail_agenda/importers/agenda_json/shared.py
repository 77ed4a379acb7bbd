"""What agendas share, read from a file: hours, closures, resources, reasons for an attendance."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from wagtail.blocks.stream_block import StreamBlockValidationError

from wagtail_agenda.importers.agenda_json.format import SORTS
from wagtail_agenda.importers.agenda_json.places import Place
from wagtail_agenda.importers.agenda_json.references import by_label
from wagtail_agenda.importers.agenda_json.settling import (
    Reading,
    differs,
    key_of,
    matched,
    named_rows,
    objects_in,
    refuse_doubles,
    refuse_unknown_keys,
    settle,
    settle_revisioned,
    slug_of,
    take_blocks,
    take_columns,
    take_references,
    text_of,
)
from wagtail_agenda.importers.agenda_json.writing import (
    Keys,
    edited,
    written_calendar,
    written_row,
    written_schedule,
)
from wagtail_agenda.models import (
    Agenda,
    AttendanceReason,
    ClosureCalendar,
    Resource,
    Schedule,
)
from wagtail_agenda.setup_rules.offers import longest_use_error
from wagtail_agenda.setup_rules.schedules import times_that_do_not_exist


def read_schedules(reading: Reading, data: Any, place: Place) -> None:
    rows = by_label(map(edited, Schedule.objects.all()))
    for at, row, one, changed in _labelled(
        reading, data, place, "schedule", rows, written_schedule
    ):
        stands = settle_revisioned(reading, "schedule", row, changed, at, one)
        reading.name("schedule", key_of(reading, one, at), row if stands else None)
        if "periods" in changed:
            reading.afterwards(partial(_ask_about_clocks, reading, row, at))


def _ask_about_clocks(reading: Reading, row: Schedule, at: Place) -> None:
    """Whether whoever uses the hours has these times."""
    if skipped := times_that_do_not_exist(row, row.periods):
        error = StreamBlockValidationError(block_errors=skipped)
        reading.problems.add_error(at.key("periods"), error)


def read_calendars(reading: Reading, data: Any, place: Place) -> None:
    rows = by_label(ClosureCalendar.objects.all())
    for at, row, one, changed in _labelled(
        reading, data, place, "closure_calendar", rows, written_calendar
    ):
        stands = settle(reading, "closure_calendar", row, changed, at)
        reading.name("closure_calendar", key_of(reading, one, at), row if stands else None)


def _labelled(
    reading: Reading,
    data: Any,
    place: Place,
    name: str,
    rows: Iterable[Schedule | ClosureCalendar],
    written: Callable[[Any, Keys], dict[str, Any]],
) -> Iterator[tuple[Place, Any, dict[str, Any], set[str]]]:
    """Objects that are known by their label: place, row as it is to be, object, what differs."""
    sort, keys = SORTS[name], Keys.of_site()
    items = list(objects_in(reading, data, place))
    named = [(at, text_of(one, "key")) for at, one in items]
    refuse_doubles(reading, [(at, key) for at, key in named if key], "key")
    found = matched(items, rows, lambda row: written(row, keys))
    for number, (at, one) in enumerate(items):
        refuse_unknown_keys(reading, one, at, sort.keys)
        row = found.get(number) or sort.model()
        changed = take_columns(reading, sort, row, one, at)
        for key in sort.blocks:
            changed |= take_blocks(reading, row, key, one, at)
        yield at, row, one, changed


def read_resources(reading: Reading, data: Any, place: Place) -> None:
    sort = SORTS["resource"]
    items = list(objects_in(reading, data, place))
    refuse_doubles(reading, [(at, slug_of(one, "resource")) for at, one in items], "slug")
    for at, one in items:
        refuse_unknown_keys(reading, one, at, sort.keys)
        slug = slug_of(one, "resource")
        row = Resource.objects.filter(slug=slug).first() or Resource(slug=slug)
        changed = take_columns(reading, sort, row, one, at)
        changed |= take_references(reading, sort, row, one, at)
        several = closures_of(reading, row, one, at)
        stands = settle(reading, "resource", row, changed, at, several=several)
        reading.name("resource", slug, row if stands else None)
        if "maximum_duration" in changed:
            reading.afterwards(partial(_ask_about_types, reading, row, at))


def _ask_about_types(reading: Reading, row: Resource, at: Place) -> None:
    """Whether appointment types that need a resource are as short as it can be had."""
    if error := longest_use_error(row, row.maximum_duration):
        reading.problems.add_error(at.key("maximum_duration"), error)


def closures_of(reading: Reading, row: Any, one: dict[str, Any], at: Place) -> dict[str, list]:
    """The closure calendars of a desk or resource, if the file names others than it has."""
    key = "closure_calendars"
    if key not in one:
        return {}
    rows = named_rows(reading, "closure_calendar", one[key], at.key(key))
    present = [] if row._state.adding else row.closure_calendars.all()
    return {key: rows} if rows is not None and differs(present, rows) else {}


def read_reasons(reading: Reading, data: Any, place: Place, agenda: Agenda | None) -> None:
    """The reasons for an attendance of an agenda, or those of every agenda."""
    sort = SORTS["attendance_reason"]
    items = list(objects_in(reading, data, place))
    known = AttendanceReason.objects.none()
    if agenda is None or agenda.pk is not None:
        known = AttendanceReason.objects.filter(agenda=agenda).order_by("sort_order", "pk")
    # What somebody was checked in as is part of what a reason is.
    found: dict[int, AttendanceReason] = {}
    for attendance in {text_of(one, "attendance") for _at, one in items}:
        numbers = [
            number
            for number, (_at, one) in enumerate(items)
            if text_of(one, "attendance") == attendance
        ]
        same = matched(
            [items[number] for number in numbers],
            [row for row in known if row.attendance == attendance],
            lambda row: written_row("attendance_reason", row),
        )
        found |= {numbers[number]: row for number, row in same.items()}
    for number, (at, one) in enumerate(items):
        refuse_unknown_keys(reading, one, at, sort.keys)
        row = found.get(number) or AttendanceReason(agenda=agenda, attendance="")
        changed = take_columns(reading, sort, row, one, at)
        settle(reading, "attendance_reason", row, changed, at, within=agenda)
