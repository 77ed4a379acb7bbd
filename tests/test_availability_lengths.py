"""Appointments whose length the visitor chooses."""

from datetime import date, datetime, time, timedelta, timezone

import pytest

from tests.factories import (
    NOW,
    PARIS,
    make_agenda,
    make_desk,
    make_meeting_type,
    make_schedule,
    weekly,
)
from tests.test_availability_resources import make_resource, occupy
from tests.test_availability_virtual import make_virtual
from wagtail_agenda import availability
from wagtail_agenda.errors import NotOffered, SoldOut
from wagtail_agenda.timegrid import epoch_minutes

pytestmark = pytest.mark.django_db

MONDAY = NOW.date()


def local(clock, day=MONDAY):
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=PARIS)


def make_room(desks=1, **fields):
    """Open from 9 to 12, with a type of 30, 60 or 90 minutes: (agenda, type, desks)."""
    agenda = make_agenda(schedule=make_schedule(weekly(time(9), time(12))))
    counters = [make_desk(agenda) for _number in range(desks)]
    values = {"label": "Room", "duration": 30, "maximum_duration": 90, **fields}
    return agenda, make_meeting_type(agenda, **values), counters


def minutes(slots):
    return [epoch_minutes(slot.end) - epoch_minutes(slot.start) for slot in slots]


def ends(agenda, meeting_type, clock, now=NOW, **options):
    return availability.ends(agenda, meeting_type, local(clock), now=now, **options)


class TestEnds:
    def test_every_length_from_the_shortest_to_the_longest(self):
        agenda, room, [desk] = make_room()
        found = ends(agenda, room, "09:00")
        assert minutes(found) == [30, 60, 90]
        assert {slot.start for slot in found} == {local("09:00")}
        assert {slot.desk_ids for slot in found} == {(desk.pk,)}

    def test_the_step_is_also_that_of_the_lengths(self):
        agenda, room, _desks = make_room(duration=60, step=15, maximum_duration=100)
        assert minutes(ends(agenda, room, "09:15")) == [60, 75, 90]

    def test_until_the_hours_end(self):
        agenda, room, _desks = make_room()
        assert minutes(ends(agenda, room, "11:00")) == [30, 60]

    def test_until_somebody_comes_and_buffers_keep_the_distance(self):
        agenda, room, [desk] = make_room(buffer_after=15, step=15)
        occupy(desk, "10:00", "10:30")
        assert minutes(ends(agenda, room, "09:00")) == [30, 45]

    def test_some_desks_have_room_for_longer_ones(self):
        agenda, room, [one, two] = make_room(desks=2)
        occupy(one, "09:30", "10:00")
        assert [slot.desk_ids for slot in ends(agenda, room, "09:00")] == [
            (one.pk, two.pk),
            (two.pk,),
            (two.pk,),
        ]

    def test_as_long_as_a_resource_can_be_had(self):
        agenda, room, _desks = make_room()
        beamer = make_resource(lent_by=[agenda], maximum_duration=60)
        assert minutes(ends(agenda, room, "09:00")) == [30, 60, 90]
        assert minutes(ends(agenda, room, "09:00", resources=[beamer])) == [30, 60]
        occupy(beamer, "09:30", "10:00")
        assert minutes(ends(agenda, room, "09:00", resources=[beamer])) == [30]

    @pytest.mark.parametrize("clock", ["08:30", "09:10", "09:02", "12:00", "06:00"])
    def test_nothing_where_nothing_can_begin(self, clock):
        agenda, room, _desks = make_room()
        assert ends(agenda, room, clock) == []

    def test_nothing_outside_the_delays_except_for_agents(self):
        agenda, room, _desks = make_room()
        agenda.minimal_booking_delay = 300
        assert ends(agenda, room, "09:00") == []
        assert ends(agenda, room, "09:00", bypass_delays=True)
        assert ends(agenda, room, "09:00", bypass_delays=True, now=local("09:00")) == []

    def test_a_fixed_length_has_one_end(self):
        agenda, room, _desks = make_room(maximum_duration=None)
        assert minutes(ends(agenda, room, "09:00")) == [30]

    def test_ones_own_hold_is_no_obstacle(self):
        agenda, room, [desk] = make_room()
        occupy(desk, "09:00", "10:30", code="mine", lapses_at=NOW + timedelta(minutes=5))
        assert ends(agenda, room, "09:00") == []
        assert minutes(ends(agenda, room, "09:00", lock_code="mine")) == [30, 60, 90]

    def test_on_a_night_that_has_an_hour_twice(self):
        day = date(2026, 10, 25)
        agenda, room, _desks = make_room()
        agenda.schedule = make_schedule(weekly(time(1), time(4), "0123456"))
        agenda.save()
        start = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS)
        now = datetime.combine(day, time(0), tzinfo=timezone.utc) - timedelta(days=1)
        found = availability.ends(agenda, room, start, now=now)
        assert minutes(found) == [30, 60, 90]
        assert [f"{slot.end:%H:%M}" for slot in found] == ["02:00", "02:30", "03:00"]
        assert [slot.key.partition("-25-")[2] for slot in found] == ["0230", "0230+60", "0230+90"]
        for slot in found:
            assert availability.find(agenda, slot.key, now=now) == slot

    def test_queries_do_not_grow_with_the_lengths(self, django_assert_num_queries):
        agenda, room, _desks = make_room(step=5)
        with django_assert_num_queries(2):
            assert len(ends(agenda, room, "09:00")) == 13

    def test_in_a_virtual_agenda(self):
        one, room, [desk] = make_room()
        two, _type, [other] = make_room()
        occupy(desk, "10:00", "10:30")
        virtual = make_virtual(one, two)
        found = availability.ends(virtual, room, local("09:00"), now=NOW)
        assert [slot.agendas for slot in found] == [(one, two), (one, two), (two,)]
        assert found[-1].desk_ids == (other.pk,)


class TestNames:
    def test_a_listing_has_the_shortest_length(self):
        agenda, _room, _desks = make_room()
        found = availability.slots(agenda, first=MONDAY, last=MONDAY, now=NOW)
        assert set(minutes(found)) == {30}
        assert found[0].key == "room:2026-11-30-0900"

    def test_every_length_has_a_name_that_finds_it(self):
        agenda, room, _desks = make_room()
        for slot, suffix in zip(ends(agenda, room, "09:00"), ["", "+60", "+90"], strict=True):
            assert slot.key == f"room:2026-11-30-0900{suffix}"
            assert availability.find(agenda, slot.key, now=NOW) == slot

    def test_the_shortest_may_be_said(self):
        agenda, _room, _desks = make_room()
        slot = availability.find(agenda, "room:2026-11-30-0900+30", now=NOW)
        assert slot.key == "room:2026-11-30-0900"

    @pytest.mark.parametrize(
        "length", ["+0", "+15", "+29", "+45", "+91", "+120", "+99999", "+-30", "+030", "+60~2", "+"]
    )
    def test_other_lengths_are_not_offered(self, length):
        agenda, _room, _desks = make_room()
        for bypass_delays in (False, True):
            with pytest.raises(NotOffered):
                availability.find(
                    agenda, f"room:2026-11-30-0900{length}", now=NOW, bypass_delays=bypass_delays
                )

    def test_a_fixed_length_is_not_said(self):
        agenda, _room, _desks = make_room(maximum_duration=None)
        with pytest.raises(NotOffered):
            availability.find(agenda, "room:2026-11-30-0900+30", now=NOW)

    def test_longer_ones_are_taken_earlier(self):
        agenda, _room, [desk] = make_room()
        occupy(desk, "10:00", "10:30")
        assert availability.find(agenda, "room:2026-11-30-0900+60", now=NOW)
        with pytest.raises(SoldOut):
            availability.find(agenda, "room:2026-11-30-0900+90", now=NOW)
        with pytest.raises(NotOffered):
            availability.find(agenda, "room:2026-11-30-1100+90", now=NOW)
