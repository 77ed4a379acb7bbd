"""Visitors and colleagues want one desk and one room at the same moment: one of them has both.

Runs on the database of the environment. The control at the end takes the lock away, to show that
these tests would notice.
"""

import threading
from datetime import time, timedelta

import pytest
from django.db import connection

from tests.concurrency.conftest import PROVING, WAVE
from tests.factories import (
    NOW,
    make_agenda,
    make_desk,
    make_details,
    make_meeting,
    make_meeting_type,
    make_schedule,
    publish,
    weekly,
)
from wagtail_agenda import availability, booking, consistency, meetings
from wagtail_agenda.choices import Actor, Trigger
from wagtail_agenda.errors import MeetingCancelled, Overloaded, RoomTaken, SoldOut
from wagtail_agenda.meetings import rooms
from wagtail_agenda.models import (
    Bookable,
    Booking,
    CalledMeeting,
    Delivery,
    Entry,
    Invitation,
    Meeting,
    Occupation,
    Resource,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("frozen_now")]

ROUNDS = range(10 if PROVING else 2)
NINE = NOW + timedelta(hours=2)
HOUR = timedelta(hours=1)
TOLD = 3
"""Two participants and the organiser."""


class Office:
    """A desk and a room, both of which an appointment needs, and so do the meetings."""

    def __init__(self):
        self.agenda = make_agenda(schedule=make_schedule(weekly(time(9), time(12))))
        self.desk = make_desk(self.agenda)
        self.room = Resource.objects.create(label="Room")
        make_meeting_type(self.agenda).resources.add(self.room)
        # At nine, and half an hour later.
        self.slots = [
            availability.find(self.agenda, f"passport:2026-11-30-{clock}", now=NOW)
            for clock in ("0900", "0930")
        ]

    def draft(self, start=NINE, end=None):
        end = end or start + HOUR
        return make_meeting(self.agenda, desk=self.desk, resource=self.room, start=start, end=end)


def book_at_once(slot, code):
    return booking.book(slot, make_details(), now=NOW, actor=Actor.VISITOR)


def hold_and_confirm(slot, code):
    hold = booking.hold(slot, lock_code=code, now=NOW)
    return booking.confirm(hold, make_details(), now=NOW)


def call(meeting):
    return meetings.call(meeting, now=NOW)


def visits(slots, number):
    """What so many visitors do, every other two of them holding first."""
    ways = (book_at_once, hold_and_confirm)
    return [
        lambda n=n: ways[n // 2 % 2](slots[n % len(slots)], f"visitor-{n}") for n in range(number)
    ]


def do(act):
    return act()


def require_coherent(*, of_meetings=0, of_bookings=0):
    """Nothing half done: what is called or booked has its rooms and its mails, nothing else has."""
    assert consistency.findings(NOW) == []
    assert CalledMeeting.objects.count() == of_meetings
    assert Booking.objects.count() == of_bookings
    assert Occupation.objects.count() == 2 * (of_meetings + of_bookings)
    assert Invitation.objects.filter(booking=None).count() == TOLD * of_meetings
    about_meetings = Delivery.objects.filter(booking=None)
    assert about_meetings.count() == TOLD * of_meetings
    assert Entry.objects.filter(booking=None).count() == of_meetings
    assert Delivery.objects.exclude(booking=None).count() == of_bookings


@pytest.mark.parametrize("number", ROUNDS)
@pytest.mark.parametrize("way", ["called", "by the form", "all of them"])
def test_one_of_visitors_and_colleagues_has_desk_and_room(rush, django_user_model, way, number):
    office = Office()
    clerk = django_user_model.objects.create_user("clerk")
    # Each of them overlaps with what all visitors want.
    drafts = [
        office.draft(NINE + timedelta(minutes=15 * (n % 2)), NINE + HOUR) for n in range(WAVE // 2)
    ]
    called = [lambda draft=draft: call(draft) for draft in drafts[::2]]
    published = [lambda draft=draft: publish(draft, user=clerk) for draft in drafts[1::2]]
    kinds = {"called": called, "by the form": published, "all of them": called + published}

    result = rush(do, [*visits(office.slots[:1], WAVE // 2), *kinds[way]])

    assert result.refused_for(RoomTaken, SoldOut, Overloaded)
    (winner,) = result.won
    if isinstance(winner, CalledMeeting):
        require_coherent(of_meetings=1)
    else:
        require_coherent(of_bookings=1)
    # Who was refused by the form has saved nothing.
    live = Meeting.objects.filter(live=True)
    assert set(live) <= {getattr(winner, "meeting", None)}


@pytest.mark.parametrize("number", ROUNDS)
def test_a_meeting_that_is_moved_has_the_new_time_or_keeps_the_old_one(rush, number):
    office = Office()
    called = call(office.draft(NINE + 2 * HOUR))

    def move():
        meeting = Meeting.objects.get(pk=called.meeting_id)
        meeting.start, meeting.end = NINE, NINE + HOUR
        return meetings.call(meeting, now=NOW)

    result = rush(do, [*visits(office.slots, 16), *[move] * 4])

    assert result.refused_for(RoomTaken, SoldOut, Overloaded)
    booked = [one for one in result.won if isinstance(one, Booking)]
    called.refresh_from_db()
    changes = called.entries.filter(what=Trigger.MEETING_CHANGED)
    taken = {(row.busy_from * 60, row.busy_to * 60) for row in called.occupations.all()}
    assert taken == {(called.start.timestamp(), called.end.timestamp())}
    if called.start == NINE:
        assert booked == []
        # However many have moved it, everybody is told once.
        assert changes.count() == 1
        assert called.deliveries.count() == 2 * TOLD
    else:
        assert len(booked) == len(result.won) > 0
        assert not changes.exists()
        assert called.deliveries.count() == TOLD
    assert consistency.findings(NOW) == []


@pytest.mark.parametrize("number", ROUNDS)
def test_two_meetings_that_change_rooms_do_not_block_one_another(rush, number):
    office = Office()
    both = [Resource.objects.create(label=f"Room {n}") for n in range(2)]
    called = [
        call(make_meeting(office.agenda, resource=room, start=NINE, end=NINE + HOUR))
        for room in both
    ]

    def to(which, room):
        meeting = Meeting.objects.get(pk=called[which].meeting_id)
        meeting.resource, meeting.start, meeting.end = room, NINE + HOUR, NINE + 2 * HOUR
        return meetings.call(meeting, now=NOW)

    result = rush(lambda n: to(n % 2, both[n // 2 % 2]), range(16))

    assert result.refused_for(RoomTaken, Overloaded)
    assert consistency.findings(NOW) == []
    assert Occupation.objects.count() == 2


@pytest.mark.parametrize("number", ROUNDS)
def test_what_is_cancelled_once_is_free_at_once(rush, number):
    office = Office()
    called = call(office.draft())

    def cancel():
        return meetings.cancel(called, actor=Actor.AGENT, now=NOW)

    result = rush(do, [*visits(office.slots, 12), *[cancel] * 4])

    assert result.refused_for(MeetingCancelled, SoldOut, Overloaded)
    cancelled = [one for one in result.won if isinstance(one, CalledMeeting)]
    assert len(cancelled) == 1
    assert called.deliveries.filter(method="CANCEL").count() == TOLD
    assert not called.occupations.exists()
    assert consistency.findings(NOW) == []
    for slot in office.slots:
        if not Booking.objects.filter(start=slot.start).exists():
            book_at_once(slot, "")
    assert Booking.objects.count() == 2


def test_without_the_lock_meetings_would_overlap(rush, monkeypatch):
    """The control: with a lock that only reads, and everybody reading before anybody writes.

    SQLite lets in one writer at a time, so there nobody can wait for the others, and nothing
    overlaps.
    """
    serialised = connection.vendor == "sqlite"
    visit = threading.local()
    together = threading.Barrier(8)

    def only_read(bookable_ids):
        if not serialised and not getattr(visit, "has_read", False):
            visit.has_read = True
            together.wait(timeout=60)
        return Bookable.objects.in_bulk(bookable_ids)

    monkeypatch.setattr(rooms, "lock", only_read)
    winners = []
    while len(winners) < (1 if serialised else 10) and max(winners, default=0) < 2:
        office = Office()
        winners.append(len(rush(call, [office.draft() for _number in range(8)]).won))
    if serialised:
        assert winners == [1]
    else:
        assert max(winners) > 1
        assert {one.code for one in consistency.findings(NOW)} >= {"overlaps"}
