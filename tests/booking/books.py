"""The books as they stand at one moment, read in a handful of queries, and whether they balance.

Written without any code of the package but its tables: what it says is what the rows say.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from wagtail_agenda.models import (
    Bookable,
    Booking,
    CalledMeeting,
    Desk,
    Event,
    Hold,
    MeetingType,
    Occupation,
    Resource,
)

LAPSING = {"offered", "pending"}


@dataclass(frozen=True)
class Books:
    """Rows by primary key, each a dict of its columns; equal if nothing has changed."""

    bookables: dict[int, dict]
    occupations: dict[int, dict]
    bookings: dict[int, dict]
    holds: dict[int, dict]
    events: dict[int, dict]
    resources_of: dict[int, frozenset[int]]
    called: dict[int, dict]

    @classmethod
    def read(cls) -> "Books":
        chosen = Booking.resources.through.objects.values_list("booking_id", "resource_id")
        resources_of = defaultdict(set)
        for booking_id, resource_id in chosen:
            resources_of[booking_id].add(resource_id)
        return cls(
            bookables=_by_key(Bookable),
            occupations=_by_key(Occupation),
            bookings=_by_key(Booking),
            holds=_by_key(Hold),
            events=_by_key(Event),
            resources_of={key: frozenset(value) for key, value in resources_of.items()},
            called=_by_key(CalledMeeting),
        )

    @cached_property
    def of_bookable(self) -> dict[int, list[dict]]:
        found = defaultdict(list)
        for row in self.occupations.values():
            found[row["bookable_id"]].append(row)
        return found

    @cached_property
    def of_booking(self) -> dict[int, list[dict]]:
        found = defaultdict(list)
        for row in self.occupations.values():
            if row["booking_id"] is not None:
                found[row["booking_id"]].append(row)
        return found

    @cached_property
    def event_bookables(self) -> dict[int, int]:
        """The event of each bookable that has one."""
        return {event["bookable_id"]: key for key, event in self.events.items()}

    def taken(self, bookable_id: int, now: datetime, *, waiting: bool) -> int:
        """The places of one list that are taken at that moment."""
        rows = self.of_bookable.get(bookable_id, [])
        return sum(row["places"] for row in rows if row["waiting"] == waiting and live(row, now))

    def queue(self, event_id: int) -> list[dict]:
        """Who waits for an event, in their order."""
        waiting = [
            row
            for row in self.bookings.values()
            if row["event_id"] == event_id and row["admission"] == "waiting"
        ]
        return sorted(waiting, key=lambda row: (row["waiting_since"], row["id"]))

    def queued(self, event_id: int, now: datetime, but: Iterable[int] = ()) -> bool:
        """Whether somebody waits for an event, or is being offered a place; not one of `but`."""
        return any(
            row["event_id"] == event_id
            and row["id"] not in but
            and (
                row["admission"] == "waiting"
                or (row["admission"] == "offered" and row["decide_by"] > now)
            )
            for row in self.bookings.values()
        )

    def problems(self, now: datetime) -> list[str]:
        """What does not balance; empty if all is well."""
        return [
            *self._overlaps(now),
            *self._oversold(now),
            *self._drift(),
            *self._not_as_admitted(),
            *self._not_as_called(),
            *self._resurrected(),
        ]

    def _overlaps(self, now: datetime) -> Iterator[str]:
        for bookable_id, rows in self.of_bookable.items():
            if bookable_id in self.event_bookables:
                continue
            spans = sorted((row["busy_from"], row["busy_to"]) for row in rows if live(row, now))
            for (_begin, end), (begin, _end) in zip(spans, spans[1:], strict=False):
                if begin < end:
                    yield f"overlap on bookable {bookable_id} at {begin}"

    def _oversold(self, now: datetime) -> Iterator[str]:
        for bookable_id in self.event_bookables:
            places = self.bookables[bookable_id]
            for waiting, most in ((False, places["places"]), (True, places["waiting_places"])):
                taken = self.taken(bookable_id, now, waiting=waiting)
                if taken > most:
                    which = "waiting list" if waiting else "main list"
                    yield f"oversold: {taken} of {most} places on the {which} of {bookable_id}"

    def _drift(self) -> Iterator[str]:
        sums: Counter = Counter()
        for row in self.occupations.values():
            if row["lapses_at"] is None:
                sums[row["bookable_id"], row["waiting"]] += row["places"]
        for key, row in self.bookables.items():
            counted = (row["places_booked"], row["places_waiting"])
            if counted != (sums[key, False], sums[key, True]):
                yield f"drift on {key}: {counted}, not {sums[key, False], sums[key, True]}"

    def _not_as_admitted(self) -> Iterator[str]:
        desks = dict(Desk.objects.values_list("pk", "bookable_id"))
        resources = dict(Resource.objects.values_list("pk", "bookable_id"))
        buffers = {row.pk: row for row in MeetingType.objects.all()}
        for key, made in self.bookings.items():
            rows = self.of_booking.get(key, [])
            expected: set[int] = set()
            if made["admission"] != "cancelled":
                if made["event_id"] is not None:
                    expected = {self.events[made["event_id"]]["bookable_id"]}
                else:
                    chosen = self.resources_of.get(key, frozenset())
                    expected = {desks[made["desk_id"]], *(resources[pk] for pk in chosen)}
            if sorted(row["bookable_id"] for row in rows) != sorted(expected):
                yield f"booking {key} ({made['admission']}) has {rows}, should have {expected}"
            kind = buffers.get(made["meeting_type_id"])
            begin = made["start"].timestamp() // 60 - (kind.buffer_before if kind else 0)
            end = made["end"].timestamp() // 60 + (kind.buffer_after if kind else 0)
            lapses_at = made["decide_by"] if made["admission"] in LAPSING else None
            for row in rows:
                says = (row["waiting"], row["lapses_at"], row["places"])
                should = (made["admission"] == "waiting", lapses_at, made["places"])
                if says != should:
                    yield f"booking {key} ({made['admission']}) takes {says}, not {should}"
                if (row["busy_from"], row["busy_to"]) != (begin, end):
                    yield f"booking {key} takes another time than its own"
            if made["admission"] == "offered" and made["decide_by"] is None:
                yield f"the offer to {key} never ends"
            if made["decide_by"] is not None and made["admission"] not in LAPSING:
                yield f"booking {key} is {made['admission']} and still to be decided"
            if made["suspended"] and made["admission"] != "waiting":
                yield f"booking {key} is suspended and does not wait"

    def _not_as_called(self) -> Iterator[str]:
        desks = dict(Desk.objects.values_list("pk", "bookable_id"))
        resources = dict(Resource.objects.values_list("pk", "bookable_id"))
        taken = defaultdict(set)
        for row in self.occupations.values():
            if row["called_meeting_id"] is not None:
                what = (row["bookable_id"], row["busy_from"], row["busy_to"], row["lapses_at"])
                taken[row["called_meeting_id"]].add(what)
        for key, called in self.called.items():
            rooms = {desks.get(called["desk_id"]), resources.get(called["resource_id"])} - {None}
            if called["cancelled_at"] is not None or called["published_at"] is None:
                rooms = set()
            begin, end = called["start"].timestamp() // 60, -(-called["end"].timestamp() // 60)
            expected = {(room, begin, end, None) for room in rooms}
            if taken[key] != expected:
                yield f"meeting {key} takes {taken[key]}, should take {expected}"

    def _resurrected(self) -> Iterator[str]:
        for row in self.occupations.values():
            if row["hold_id"] is None:
                continue
            if row["lapses_at"] is None:
                yield f"hold {row['hold_id']} never lapses"
            if self.holds[row["hold_id"]]["booking_id"] is not None:
                yield f"hold {row['hold_id']} is booked and still keeps something"


def live(row: dict, now: datetime) -> bool:
    return row["lapses_at"] is None or row["lapses_at"] > now


def unfair(
    before: Books,
    after: Books,
    now: datetime,
    chosen: Iterable[int] = (),
    given_up: Iterable[int] = (),
) -> list[str]:
    """Who got a place of an event before somebody whose turn it was.

    `chosen` are the bookings that an agent has picked by hand; `given_up` those in whose place
    another one was made, which wait for nothing any more.
    """
    chosen = set(chosen)
    past = _past_the_queue(before, after, now, chosen, set(given_up))
    return [*past, *_out_of_turn(before, after, chosen)]


def _past_the_queue(
    before: Books, after: Books, now: datetime, chosen: set[int], given_up: set[int]
) -> Iterator[str]:
    """Newcomers who got a place of the main list although others were waiting for one."""
    for row in after.occupations.values():
        event_id = after.event_bookables.get(row["bookable_id"])
        if event_id is None or row["waiting"] or not live(row, now):
            continue
        if event_id not in before.events or not before.queued(event_id, now, given_up):
            continue
        booking_id, hold_id = row["booking_id"], row["hold_id"]
        if booking_id in chosen:
            continue
        was = before.bookings.get(booking_id)
        if was and was["event_id"] == event_id and was["admission"] == "waiting":
            continue
        # A booking may have been a hold before, one of several events perhaps.
        owners = {("booking_id", booking_id), ("hold_id", hold_id)} - {
            ("booking_id", None),
            ("hold_id", None),
        }
        together = {booking_id} | _made_with(after, booking_id)
        owners |= {
            ("hold_id", key)
            for key, hold in after.holds.items()
            if hold["booking_id"] is not None and hold["booking_id"] in together
        }
        had = sum(
            other["places"]
            for other in before.of_bookable.get(row["bookable_id"], [])
            if not other["waiting"]
            and live(other, now)
            and any(other[column] == key for column, key in owners)
        )
        if had < row["places"]:
            yield f"{row} got a place of event {event_id} although others were waiting"


def _made_with(books: Books, booking_id: int | None) -> set[int]:
    made = books.bookings.get(booking_id)
    if made is None or made["booked_together"] is None:
        return set()
    return {
        key
        for key, row in books.bookings.items()
        if row["booked_together"] == made["booked_together"]
    }


def _out_of_turn(before: Books, after: Books, chosen: set[int]) -> Iterator[str]:
    """Those who waited and got a place while somebody before them, who needs no more, did not."""
    for event_id in before.events:
        queue = before.queue(event_id)
        for position, row in enumerate(queue):
            now_is = after.bookings[row["id"]]
            if now_is["event_id"] != event_id or row["id"] in chosen:
                continue
            if now_is["admission"] not in {"confirmed", "pending", "offered"}:
                continue
            for earlier in queue[:position]:
                still = after.bookings[earlier["id"]]
                if (
                    still["admission"] == "waiting"
                    and still["event_id"] == event_id
                    and not still["suspended"]
                    and still["places"] <= now_is["places"]
                ):
                    yield f"{row['id']} got a place of event {event_id} before {earlier['id']}"


def left_waiting(books: Books, promotes: Iterable[int], now: datetime) -> list[str]:
    """Who waits although there is room, in the agendas that fill by themselves."""
    promotes = set(promotes)
    found = []
    for event_id, event in books.events.items():
        if event["agenda_id"] not in promotes or event["start"] <= now:
            continue
        places = books.bookables[event["bookable_id"]]["places"]
        free = places - books.taken(event["bookable_id"], now, waiting=False)
        found += [
            f"{row['id']} waits for event {event_id}, which has {free} free"
            for row in books.queue(event_id)
            if not row["suspended"] and row["places"] <= free
        ]
    return found


def _by_key(model) -> dict[int, dict]:
    return {row["id"]: row for row in model.objects.order_by("pk").values()}
