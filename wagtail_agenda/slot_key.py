"""The name of a slot, in forms, addresses and for other systems: written and read here only.

An event's slug, or ``<appointment type>:2026-01-15-0930`` in local time; the second occurrence of
a time on the night the clock goes back ends with ``~2``.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timezone
from zoneinfo import ZoneInfo

_APPOINTMENT = re.compile(
    r"(?P<type>[-a-zA-Z0-9_]{1,100}):(?P<day>\d{4}-\d{2}-\d{2})-(?P<time>\d{4})(?P<second>~2)?",
    re.ASCII,
)
_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,100}", re.ASCII)


@dataclass(frozen=True)
class AppointmentKey:
    """The name of an appointment's slot, taken apart. `start` is local time without a zone."""

    type: str
    start: datetime

    @property
    def day(self) -> date:
        return self.start.date()

    def instant(self, zone: ZoneInfo) -> datetime | None:
        """When it begins, in UTC; None for a moment outside the calendar."""
        try:
            return self.start.replace(tzinfo=zone).astimezone(timezone.utc)
        except OverflowError:
            return None


def write(type_slug: str, start: datetime) -> str:
    """The name of the slot of an appointment type that begins at a local time."""
    second = "~2" if start.fold else ""
    return f"{type_slug}:{start:%Y-%m-%d-%H%M}{second}"


def read(key: str) -> AppointmentKey | None:
    """The name of an appointment's slot, taken apart; None if it is none."""
    named = _APPOINTMENT.fullmatch(key)
    if named is None:
        return None
    try:
        start = datetime.strptime(named["day"] + named["time"], "%Y-%m-%d%H%M")
    except ValueError:
        return None
    return AppointmentKey(named["type"], start.replace(fold=int(named["second"] is not None)))


def is_slug(text: str) -> bool:
    """Whether `text` can name an event or an appointment type."""
    return _SLUG.fullmatch(text) is not None
