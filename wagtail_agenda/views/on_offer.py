"""What an agenda has on offer, as the pages show it on which visitors choose: a month, or dates."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from wagtail_agenda import availability, slot_key
from wagtail_agenda.availability import Slot
from wagtail_agenda.models import Agenda, Booking, MeetingType, Resource
from wagtail_agenda.timegrid import instant_of
from wagtail_agenda.views.month import month_bounds, month_of, month_text, parse_day

NEAREST = 4
"""How many slots stand in for one that is gone."""

Window = tuple[date, date]
"""The first and the last day that the booking delays allow."""


@dataclass(frozen=True)
class Wish:
    """What somebody is looking for: of which agenda, for how many, and what has to go with it.

    `lock_code` is theirs: what it holds is free for them. Who may not wait has a place already, and
    would lose it on a waiting list. `has` is the name of the slot that they have, which is not
    what they are looking for, and `but_booking` the booking that gives it up: its time is free.
    """

    agenda: Agenda
    now: datetime
    meeting_type: MeetingType | None = None
    lock_code: str = ""
    places: int = 1
    may_wait: bool = True
    has: str = ""
    resources: tuple[Resource, ...] = ()
    but_booking: Booking | None = None

    def window(self) -> Window:
        zone = self.agenda.zone
        earliest, latest = availability.booking_window(self.agenda, self.now)
        return (
            instant_of(earliest).astimezone(zone).date(),
            # The window's end is not in it.
            instant_of(max(earliest, latest - 1)).astimezone(zone).date(),
        )

    def slots(self, *, with_full: bool = False) -> list[Slot]:
        """Everything in the window that has room, or with the full ones as well."""
        found = availability.slots(
            self.agenda,
            self.meeting_type,
            now=self.now,
            lock_code=self.lock_code,
            with_full=with_full,
            min_places=self.places,
            resources=self.resources,
            but_booking=self.but_booking,
        )
        return found if with_full else [slot for slot in found if self.has_room(slot)]

    def has_room(self, slot: Slot) -> bool:
        """Whether the slot will do."""
        if self.has and slot.key == self.has:
            return False
        if slot.event is None:
            return not slot.full
        if self.may_wait:
            return slot.has_room_for(self.places)
        return not slot.queued and slot.places_free >= self.places

    def find(self, key: str) -> Slot:
        """The slot of that name. Raises what `availability.find` does."""
        return availability.find(
            self.agenda,
            key,
            now=self.now,
            lock_code=self.lock_code,
            resources=self.resources,
            but_booking=self.but_booking,
        )

    def ends(self, start: Slot) -> list[Slot]:
        """The slots that begin like this one and will do, the shortest first."""
        found = availability.ends(
            self.agenda,
            start.meeting_type,
            start.start,
            now=self.now,
            lock_code=self.lock_code,
            resources=self.resources,
            but_booking=self.but_booking,
        )
        return [slot for slot in found if self.has_room(slot)]

    def nearest(self, around: datetime) -> list[Slot]:
        """The slots closest to a moment that will do, in order of time."""
        return availability.closest(self.slots(), around, NEAREST)

    def moment_of(self, key: str) -> datetime | None:
        """When a slot of that name begins, whether or not it can be had; None for no name."""
        if not self.agenda.takes_appointments:
            event = self.agenda.events.filter(slug=key).first() if slot_key.is_slug(key) else None
            return event.start if event else None
        named = slot_key.read(key)
        return named.instant(self.agenda.zone) if named else None


def month_on_offer(query: Mapping[str, str], wish: Wish, wanted: str) -> dict[str, Any]:
    """The month asked for, or the first one that has something to choose.

    Where nothing is free, it leads to the next time that is; `month` is None if there is none in
    the whole window. `preselected` is the name of the time that the visitor was led to, `focus`
    the part of the page that they asked for.
    """
    window = wish.window()
    # Everything that is free, once: the month, what comes after it, and what is free next.
    free = wish.slots()
    if not free:
        return {"month": None, "until": window[1]}
    named = slot_key.read(wanted)
    day = parse_day(query.get("day", "")) or (named.day if named else None)
    in_month = parse_day(query.get("month", "")[:7]) or day
    preselected = "" if "notice" in query else wanted
    if in_month is None or "next" in query:
        day = in_month = free[0].start.date()
        if "next" in query:
            preselected = free[0].key
    first, last = month_bounds(min(max(in_month, window[0]), window[1]))
    of_month = [slot for slot in free if first <= slot.start.date() <= last]
    today = wish.now.astimezone(wish.agenda.zone).date()
    month = month_of(of_month, first, window, day, today)
    found = {"month": month, "preselected": preselected, "focus": _focus(query, preselected)}
    if month.chosen is not None and month.chosen.slots:
        return found
    shown_until = month.chosen.day if month.chosen is not None else last
    later = next((slot for slot in free if slot.start.date() > shown_until), None)
    return {**found, "next_free": later or free[0], "next_is_earlier": later is None}


def _focus(query: Mapping[str, str], preselected: str) -> str:
    """Where to go on reading: "times" for a day that was chosen, "month" for a turned page."""
    if preselected or "notice" in query:
        return ""
    if "day" in query:
        return "times"
    return "month" if "month" in query else ""


def dates_on_offer(
    query: Mapping[str, str], wish: Wish, checked: Collection[str] = ()
) -> dict[str, Any]:
    """Every event in the window by month, the full ones as well: they are worth knowing of.

    `checked` are the names of those that are chosen already.
    """
    slots = wish.slots(with_full=True)
    possible = [slot for slot in slots if wish.has_room(slot)]
    # Not what can only be waited for.
    at_once = next((slot for slot in possible if _has_places(slot, wish.places)), None)
    return {
        "months": _by_month(slots),
        "until": wish.window()[1],
        "any_free": any(not slot.full for slot in slots) if wish.may_wait else bool(possible),
        "next_free": at_once if at_once is not None and at_once is not slots[0] else None,
        "preselected": at_once.key if at_once is not None and "next" in query else "",
        "checked": checked,
        "possible": [slot.key for slot in possible],
    }


def _has_places(slot: Slot, places: int) -> bool:
    return not slot.queued and slot.places_free >= places


def _by_month(slots: Sequence[Slot]) -> list[tuple[str, list[Slot]]]:
    return [
        (month_text(month), list(of_month))
        for month, of_month in groupby(slots, key=lambda slot: slot.start.date().replace(day=1))
    ]
