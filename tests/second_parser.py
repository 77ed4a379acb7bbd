"""Reads calendar files with `vobject`, which shares no code with `icalendar`.

What one library writes and reads back proves little; tests ask this one what a calendar says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import vobject

OUTLOOK = "x-microsoft-cdo-"


@dataclass(frozen=True)
class ReadAddress:
    """An ORGANIZER or ATTENDEE: its URI and its parameters, first value of each."""

    uri: str
    parameters: dict[str, str]

    @property
    def address(self) -> str:
        return self.uri.removeprefix("mailto:")


@dataclass(frozen=True)
class ReadAlarm:
    """One VALARM: its trigger, relative to the start, and which properties it has."""

    action: str
    trigger: timedelta
    description: str
    property_names: tuple[str, ...]


@dataclass(frozen=True)
class ReadEvent:
    """One VEVENT: aware datetimes, texts unescaped, "" where a property is missing.

    `outlook` has what Microsoft's own properties say, by the end of their names.
    """

    uid: str
    sequence: int | None
    stamp: datetime | None
    start: datetime
    end: datetime
    summary: str
    description: str
    location: str
    comment: str
    url: str
    status: str
    transparency: str
    organizer: ReadAddress | None
    attendees: tuple[ReadAddress, ...]
    property_names: tuple[str, ...]
    outlook: dict[str, str]
    alarms: tuple[ReadAlarm, ...]


@dataclass(frozen=True)
class ReadCalendar:
    """One VCALENDAR: "" for a missing METHOD or PRODID, and its events in file order."""

    method: str
    product: str
    property_names: tuple[str, ...]
    component_names: tuple[str, ...]
    events: tuple[ReadEvent, ...]

    @property
    def event(self) -> ReadEvent:
        """The only event; fails when there are more or fewer."""
        (event,) = self.events
        return event


def read_calendar(data: bytes) -> ReadCalendar:
    """Read the one VCALENDAR in `data`; raises whatever vobject raises on an unreadable file."""
    (calendar,) = vobject.readComponents(data.decode("utf-8"))
    return ReadCalendar(
        method=_value(calendar, "method"),
        product=_value(calendar, "prodid"),
        property_names=_property_names(calendar),
        component_names=tuple(sorted(component.name for component in calendar.components())),
        events=tuple(_event(component) for component in calendar.contents.get("vevent", [])),
    )


def _event(component) -> ReadEvent:
    sequence = _value(component, "sequence")
    organizers = _addresses(component, "organizer")
    return ReadEvent(
        uid=_value(component, "uid"),
        sequence=int(sequence) if sequence else None,
        stamp=_value(component, "dtstamp") or None,
        start=component.dtstart.value,
        end=component.dtend.value,
        summary=_value(component, "summary"),
        description=_value(component, "description"),
        location=_value(component, "location"),
        comment=_value(component, "comment"),
        url=_value(component, "url"),
        status=_value(component, "status"),
        transparency=_value(component, "transp"),
        organizer=organizers[0] if organizers else None,
        attendees=_addresses(component, "attendee"),
        property_names=_property_names(component),
        outlook={
            name.removeprefix(OUTLOOK): lines[0].value
            for name, lines in component.contents.items()
            if name.startswith(OUTLOOK)
        },
        alarms=tuple(_alarm(alarm) for alarm in component.contents.get("valarm", [])),
    )


def _alarm(component) -> ReadAlarm:
    return ReadAlarm(
        action=_value(component, "action"),
        trigger=component.trigger.value,
        description=_value(component, "description"),
        property_names=_property_names(component),
    )


def _value(component, name):
    lines = component.contents.get(name, [])
    return lines[0].value if lines else ""


def _addresses(component, name) -> tuple[ReadAddress, ...]:
    return tuple(
        ReadAddress(line.value, {key: values[0] for key, values in line.params.items()})
        for line in component.contents.get(name, [])
    )


def _property_names(component) -> tuple[str, ...]:
    return tuple(sorted(line.name for line in component.lines()))
