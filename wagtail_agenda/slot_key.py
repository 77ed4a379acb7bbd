"""The name of a slot, in forms, addresses and for other systems: written and read here only.

An event's slug, or ``<appointment type>:2026-01-15-0930`` in local time. The second occurrence of
a time on the night the clock goes back is marked by ``~2``; where visitors choose how long it takes
and it is not the shortest, ``+90`` at the end says the minutes.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timezone
from zoneinfo import ZoneInfo

_APPOINTMENT = re.compile(
    r"(?P<type>[-a-zA-Z0-9_]{1,100}):(?P<day>\d{4}-\d{2}-\d{2})-(?P<time>\d{4})(?P<second>~2)?"
    r"(?:\+(?P<minutes>[1-9]\d{0,3}))?",
    re.ASCII,
)
_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,100}", re.ASCII)


@dataclass(frozen=True)
class AppointmentKey:
    """The name of an appointment's slot, taken apart.

    `start` is local time without a zone; `minutes` is how long it takes, None if it does not say.
    """

    type: str
    start: datetime
    minutes: int | None = None

    @property
    def day(self) -> date:
        return self.start.date()

    @property
    def fold(self) -> int:
        """1 for the second occurrence of a time that a night repeats."""
        return self.start.fold

    def instant(self, zone: ZoneInfo) -> datetime | None:
        """When it begins, in UTC; None for a moment outside the calendar."""
        try:
            return self.start.replace(tzinfo=zone).astimezone(timezone.utc)
        except OverflowError:
            return None


def write(type_slug: str, start: datetime, minutes: int | None = None) -> str:
    """The name of the slot of an appointment type that begins at a local time.

    `minutes` is its length where visitors have chosen one.
    """
    second = "~2" if start.fold else ""
    length = f"+{minutes}" if minutes is not None else ""
    return f"{type_slug}:{start:%Y-%m-%d-%H%M}{second}{length}"


def read(key: str) -> AppointmentKey | None:
    """The name of an appointment's slot, taken apart; None if it is none."""
    named = _APPOINTMENT.fullmatch(key)
    if named is None:
        return None
    try:
        start = datetime.strptime(named["day"] + named["time"], "%Y-%m-%d%H%M")
    except ValueError:
        return None
    return AppointmentKey(
        named["type"],
        start.replace(fold=int(named["second"] is not None)),
        int(named["minutes"]) if named["minutes"] else None,
    )


def is_slug(text: str) -> bool:
    """Whether `text` can name an event or an appointment type."""
    return _SLUG.fullmatch(text) is not None
