"""How full a day is: how many are booked, and how many more would fit. Pure.

Meetings take time, so less fits; they are counted apart, since nobody books them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from wagtail_agenda.availability import TypeWithDesks
from wagtail_agenda.models import Booking, Desk, Event, MeetingType
from wagtail_agenda.timegrid import Interval, epoch_minutes, epoch_minutes_up, instant_of, merge
from wagtail_agenda.views.admin.meeting_lines import MeetingLine
from wagtail_agenda.views.admin.week_layout import span_on


@dataclass(frozen=True)
class Load:
    """`booked` of `booked + room`; `room` is None where nobody can say how many would fit."""

    booked: int = 0
    room: int | None = None
    meetings: int = 0

    @property
    def total(self) -> int | None:
        return None if self.room is None else self.booked + self.room

    @property
    def is_shut(self) -> bool:
        """Nothing is taken, and nothing would fit."""
        return self.total == 0 and not self.meetings

    @property
    def is_full(self) -> bool:
        return self.room == 0 and self.booked > 0

    def __add__(self, other: "Load") -> "Load":
        rooms = [room for room in (self.room, other.room) if room is not None]
        return Load(
            self.booked + other.booked,
            sum(rooms) if rooms else None,
            self.meetings + other.meetings,
        )


def loads_of_desks(
    days: Sequence[date],
    desks: Sequence[Desk],
    meeting_types: Sequence[TypeWithDesks],
    openings: Mapping[int, Sequence[Interval]],
    bookings: Iterable[Booking],
    meetings: Iterable[MeetingLine],
    zone: ZoneInfo,
) -> dict[tuple[date, int | None], Load]:
    """By day and desk, None standing for bookings and meetings at no desk.

    What would fit is counted in appointments of the first type that the desk gives, and where none
    of these fits any more, in those of the shortest; a desk that gives none has no room to speak
    of. `bookings` are those that take time, with their types; `openings` come day by day, in epoch
    minutes.
    """
    booked: dict[tuple[date, int | None], int] = {}
    busy: dict[int | None, list[Interval]] = {}
    for booking in bookings:
        day = booking.start.astimezone(zone).date()
        booked[day, booking.desk_id] = booked.get((day, booking.desk_id), 0) + 1
        busy.setdefault(booking.desk_id, []).append(_busy(booking))
    met: dict[tuple[date, int | None], int] = {}
    for meeting in meetings:
        taken_by_it = epoch_minutes(meeting.start), epoch_minutes_up(meeting.end)
        busy.setdefault(meeting.desk_id, []).append(taken_by_it)
        for day in days:
            if span_on(day, meeting.start, meeting.end, zone) is not None:
                met[day, meeting.desk_id] = met.get((day, meeting.desk_id), 0) + 1
    rooms: dict[tuple[date, int | None], int] = {}
    for desk in desks:
        given = _given(desk, meeting_types)
        if not given:
            continue
        shortest = min(given, key=lambda one: (one.duration, one.start_step))
        taken = merge(busy.get(desk.pk, ()))
        hours: dict[date, list[Interval]] = {day: [] for day in days}
        for opening in openings.get(desk.pk, ()):
            hours[instant_of(opening[0]).astimezone(zone).date()].append(opening)
        for day, opened in hours.items():
            room = sum(room_in(opening, taken, given[0]) for opening in opened)
            rooms[day, desk.pk] = room or sum(
                room_in(opening, taken, shortest) for opening in opened
            )
    return {
        key: Load(booked.get(key, 0), rooms.get(key), met.get(key, 0))
        for key in {**rooms, **booked, **met}
    }


def load_of_events(events: Iterable[Event]) -> Load:
    """All of them together, in places. They come with their bookables."""
    found = Load()
    for event in events:
        taken, places = event.bookable.places_booked, event.bookable.places
        found += Load(taken, max(places - taken, 0))
    return found


def room_in(opening: Interval, taken: Sequence[Interval], meeting_type: MeetingType) -> int:
    """How many appointments of the type fit between what is taken, which is sorted and disjoint."""
    start, closes = opening
    before, after = meeting_type.buffer_before, meeting_type.buffer_after
    found = 0
    passed = bisect_right(taken, start - before, key=lambda interval: interval[1])
    free_from = None
    while start + meeting_type.duration <= closes:
        first, last = start - before, start + meeting_type.duration + after
        while passed < len(taken) and taken[passed][1] <= first:
            passed += 1
        is_free = passed == len(taken) or last <= taken[passed][0]
        if is_free and (free_from is None or first >= free_from):
            found += 1
            free_from = last
        start += meeting_type.start_step
    return found


def _busy(booking: Booking) -> Interval:
    start, end = epoch_minutes(booking.start), epoch_minutes_up(booking.end)
    if booking.meeting_type is None:
        return start, end
    return start - booking.meeting_type.buffer_before, end + booking.meeting_type.buffer_after


def _given(desk: Desk, meeting_types: Sequence[TypeWithDesks]) -> list[MeetingType]:
    return [
        meeting_type
        for meeting_type, chosen in meeting_types
        if not meeting_type.retired and (not chosen or desk.pk in chosen)
    ]
