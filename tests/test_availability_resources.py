"""What an appointment needs beside its desk, shared by several agendas."""

import random
from datetime import date, datetime, time, timedelta

import pytest

from tests.factories import (
    NOW,
    PARIS,
    make_agenda,
    make_appointments,
    make_closure_calendar,
    make_desk,
    make_meeting_type,
    make_schedule,
    weekly,
)
from wagtail_agenda import availability
from wagtail_agenda.errors import NotOffered, SoldOut
from wagtail_agenda.models import ClosureCalendar, Hold, Occupation, Resource, Schedule
from wagtail_agenda.timegrid import epoch_minutes

pytestmark = pytest.mark.django_db

MONDAY = NOW.date()


def make_resource(*needed_by, lent_by=(), **fields):
    """A resource that these appointment types need, and that these agendas lend on request."""
    resource = Resource.objects.create(
        **{"label": "Meeting room", "timezone": "Europe/Paris", **fields}
    )
    for meeting_type in needed_by:
        meeting_type.resources.add(resource)
    for agenda in lent_by:
        agenda.resources.add(resource)
        agenda.save()
    return resource


class HoursElsewhere:
    """Hours and closures, asked for by themselves, are looked for in a database that is not there.

    As with several replicas, of which each statement gets the next one: only those that are told
    which one it is agree with each other.
    """

    def db_for_read(self, model, **hints):
        return "another" if model in (ClosureCalendar, Schedule) else None


def local(clock, day=MONDAY):
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=PARIS)


def occupy(owner, begin, end, *, code="", lapses_at=None):
    """Take a desk or resource from one clock time to another on Monday."""
    agenda = make_agenda()
    hold = Hold.objects.create(agenda=agenda, lock_code=code or f"code-{begin}-{end}")
    return Occupation.objects.create(
        bookable_id=owner.bookable_id,
        busy_from=epoch_minutes(local(begin)),
        busy_to=epoch_minutes(local(end)),
        hold=hold,
        lapses_at=lapses_at,
    )


def on_day(agenda, meeting_type=None, day=MONDAY, now=NOW, **options):
    return availability.slots(agenda, meeting_type, first=day, last=day, now=now, **options)


def starts(slots):
    return [f"{slot.start:%H:%M}" for slot in slots]


ALL = ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]


class TestBusy:
    def test_a_slot_needs_its_desk_and_its_resource(self):
        agenda, passport, (desk, _other) = make_appointments(desks=2)
        room = make_resource(passport)
        occupy(desk, "09:00", "09:30")
        occupy(room, "10:00", "11:00")
        found = on_day(agenda)
        assert starts(found) == ["09:00", "09:30", "11:00", "11:30"]
        assert [slot.places_free for slot in found] == [1, 2, 2, 2]
        assert found[0].resources == found[0].resources_at(desk.pk) == (room,)
        full = on_day(agenda, with_full=True)
        assert starts(full) == ALL
        assert [slot.full for slot in full] == [False, False, True, True, False, False]

    def test_two_agendas_that_share_one_see_what_the_other_takes(self):
        one, passport, _desks = make_appointments()
        two, permit, _desks = make_appointments()
        room = make_resource(passport, permit)
        occupy(room, "09:00", "11:00")
        assert starts(on_day(one)) == starts(on_day(two)) == ["11:00", "11:30"]

    def test_all_of_several_must_be_free(self):
        agenda, passport, _desks = make_appointments()
        room = make_resource(passport, sort_order=2)
        beamer = make_resource(passport, label="Beamer", sort_order=1)
        occupy(room, "09:00", "10:00")
        occupy(beamer, "11:00", "12:00")
        found = on_day(agenda)
        assert starts(found) == ["10:00", "10:30"]
        assert found[0].resources == (beamer, room)

    def test_types_that_do_not_need_it_do_not_mind(self):
        agenda, passport, _desks = make_appointments()
        make_meeting_type(agenda, label="Simple")
        occupy(make_resource(passport), "09:00", "12:00")
        assert {slot.meeting_type.slug for slot in on_day(agenda)} == {"simple"}

    def test_buffers_keep_it_as_well(self):
        agenda = make_agenda(schedule=make_schedule(weekly(time(9), time(12))))
        make_desk(agenda)
        meeting_type = make_meeting_type(
            agenda, duration=20, buffer_before=10, buffer_after=15, step=5
        )
        occupy(make_resource(meeting_type), "10:00", "10:30")
        free = starts(on_day(agenda))
        assert "09:25" in free
        assert "09:30" not in free
        assert "10:35" not in free
        assert "10:40" in free

    def test_ones_own_hold_of_it_is_free_to_oneself_and_lapses(self):
        agenda, passport, _desks = make_appointments()
        later = NOW + timedelta(minutes=5)
        occupy(make_resource(passport), "09:00", "12:00", code="mine", lapses_at=later)
        assert on_day(agenda) == []
        assert starts(on_day(agenda, lock_code="mine")) == ALL
        assert starts(on_day(agenda, now=later)) == ALL

    def test_busy_is_told_from_not_offered(self):
        agenda, passport, _desks = make_appointments()
        room = make_resource(passport, schedule=make_schedule(weekly(time(9), time(11))))
        occupy(room, "09:00", "10:00")
        with pytest.raises(SoldOut):
            availability.find(agenda, "passport:2026-11-30-0930", now=NOW)
        with pytest.raises(NotOffered):
            availability.find(agenda, "passport:2026-11-30-1100", now=NOW)
        assert availability.find(agenda, "passport:2026-11-30-1030", now=NOW).resources == (room,)


class TestHours:
    def test_its_own_hours_narrow_those_of_the_desks_and_starts_stay(self):
        agenda, passport, _desks = make_appointments()
        make_resource(passport, schedule=make_schedule(weekly(time(9, 40), time(11))))
        assert starts(on_day(agenda)) == ["10:00", "10:30"]

    def test_a_withdrawn_schedule_opens_nothing(self):
        agenda, passport, _desks = make_appointments()
        make_resource(passport, schedule=make_schedule(live=False))
        assert on_day(agenda, with_full=True) == []

    def test_without_hours_only_its_closures_count(self):
        agenda, passport, _desks = make_appointments()
        room = make_resource(passport)
        assert starts(on_day(agenda)) == ALL
        tuesday = MONDAY + timedelta(days=1)
        value = {"first": str(tuesday), "last": None, "label": ""}
        room.closure_calendars.add(make_closure_calendar({"type": "dates", "value": value}))
        assert on_day(agenda, day=tuesday, with_full=True) == []
        assert starts(on_day(agenda)) == ALL

    def test_they_are_read_where_the_desks_are_read(self, settings):
        agenda, passport, _desks = make_appointments()
        room = make_resource(passport, schedule=make_schedule(weekly(time(9), time(10))))
        room.closure_calendars.add(make_closure_calendar())
        settings.DATABASE_ROUTERS = [HoursElsewhere()]
        assert starts(on_day(agenda)) == ["09:00", "09:30"]

    def test_its_hours_are_those_of_its_own_zone(self):
        agenda, passport, _desks = make_appointments()
        hours = make_schedule(weekly(time(9), time(10)))
        make_resource(passport, schedule=hours, timezone="Europe/London")
        assert starts(on_day(agenda)) == ["10:00", "10:30"]

    def test_over_midnight(self):
        hours = make_schedule(
            weekly(time(22), time(0), "0123456"), weekly(time(0), time(2), "0123456")
        )
        agenda = make_agenda(schedule=hours)
        make_desk(agenda)
        meeting_type = make_meeting_type(agenda, duration=60)
        make_resource(meeting_type, schedule=make_schedule(*hours.periods.raw_data))
        make_resource(meeting_type, label="Always there")
        assert starts(on_day(agenda))[-1] == "23:00"
        meeting_type.step = 30
        meeting_type.save()
        assert starts(on_day(agenda))[-1] == "23:30"


class TestHorizon:
    def test_counts_days_of_its_own_and_does_not_bind_agents(self):
        agenda, passport, _desks = make_appointments()
        make_resource(passport, maximal_booking_delay=2)
        late = local("23:59")
        wednesday, thursday = MONDAY + timedelta(days=2), MONDAY + timedelta(days=3)
        assert starts(on_day(agenda, day=wednesday, now=late)) == ALL
        assert on_day(agenda, day=thursday, now=late) == []
        assert starts(on_day(agenda, day=thursday, now=late, bypass_delays=True)) == ALL

    def test_the_agendas_own_still_counts(self):
        agenda, passport, _desks = make_appointments(maximal_booking_delay=1)
        make_resource(passport, maximal_booking_delay=9)
        assert on_day(agenda, day=MONDAY + timedelta(days=2)) == []


class TestLongestUse:
    @pytest.mark.parametrize(("longest", "offered"), [(30, True), (25, False), (None, True)])
    def test_longer_appointments_cannot_have_it(self, longest, offered):
        agenda, passport, _desks = make_appointments()
        make_resource(passport, maximum_duration=longest)
        assert bool(on_day(agenda)) is offered
        assert bool(on_day(agenda, bypass_delays=True)) is offered


class TestRetired:
    def test_what_needs_it_is_not_offered(self):
        agenda, passport, _desks = make_appointments()
        simple = make_meeting_type(agenda, label="Simple")
        make_resource(passport)
        make_resource(passport, label="Gone", retired=True)
        assert on_day(agenda, passport) == []
        assert availability.meeting_types_on_offer(agenda) == [simple]


class TestAskedFor:
    def test_what_is_asked_for_must_be_free_too(self):
        agenda, passport, _desks = make_appointments()
        room = make_resource(passport)
        beamer = make_resource(lent_by=[agenda], label="Beamer")
        occupy(beamer, "09:00", "11:00")
        assert starts(on_day(agenda)) == ALL
        found = on_day(agenda, resources=[beamer])
        assert starts(found) == ["11:00", "11:30"]
        assert found[0].resources == (beamer, room)
        key = "passport:2026-11-30-0900"
        assert availability.find(agenda, key, now=NOW).resources == (room,)
        with pytest.raises(SoldOut):
            availability.find(agenda, key, now=NOW, resources=[beamer])
        assert starts(availability.next_free(agenda, now=NOW, limit=1, resources=[beamer])) == [
            "11:00"
        ]

    def test_what_the_agenda_does_not_lend_cannot_be_had(self):
        agenda, *_ = make_appointments()
        other, *_ = make_appointments()
        foreign = make_resource(lent_by=[other])
        assert on_day(agenda, resources=[foreign]) == []
        with pytest.raises(NotOffered):
            availability.find(agenda, "passport:2026-11-30-0900", now=NOW, resources=[foreign])

    def test_what_is_needed_anyway_may_be_asked_for(self):
        agenda, passport, _desks = make_appointments()
        room = make_resource(passport)
        assert on_day(agenda, resources=[room])[0].resources == (room,)

    def test_retired_ones_cannot_be_had(self):
        agenda, *_ = make_appointments()
        gone = make_resource(lent_by=[agenda], retired=True)
        assert on_day(agenda, resources=[gone]) == []


@pytest.mark.parametrize("number", [1, 6])
def test_queries_do_not_grow_with_resources(django_assert_num_queries, number):
    agenda, passport, _desks = make_appointments()
    for _each in range(number):
        resource = make_resource(passport, schedule=make_schedule())
        resource.closure_calendars.add(make_closure_calendar())
        occupy(resource, "09:00", "09:30", code=f"code-{resource.pk}")
    with django_assert_num_queries(6):
        assert on_day(agenda, passport)


@pytest.mark.parametrize("seed", range(12))
def test_as_minute_by_minute(seed):
    """Desks and resources with random hours and occupations, beside a walk over the minutes."""
    draw = random.Random(seed)  # noqa: S311

    def hours():
        opens = draw.randrange(6, 11)
        return opens, draw.randrange(opens + 1, 15)

    def schedule(span):
        return make_schedule(weekly(time(span[0]), time(span[1])))

    spans = [hours() for _desk in range(2)]
    agenda = make_agenda()
    desks = [make_desk(agenda, schedule=schedule(span)) for span in spans]
    duration, step = draw.choice([15, 30, 45]), draw.choice([5, 15, 20])
    before, after = draw.choice([0, 5, 10]), draw.choice([0, 10])
    meeting_type = make_meeting_type(
        agenda, duration=duration, step=step, buffer_before=before, buffer_after=after
    )
    resource_spans = [hours() if draw.random() < 0.7 else (0, 24) for _resource in range(2)]
    resources = [
        make_resource(
            meeting_type, label=f"R{n}", schedule=None if span == (0, 24) else schedule(span)
        )
        for n, span in enumerate(resource_spans)
    ]
    taken = {}
    for number, owner in enumerate([*desks, *resources]):
        begin = draw.randrange(6 * 60, 14 * 60)
        end = begin + draw.randrange(1, 90)
        taken[owner] = (begin // 5 * 5, -(-end // 5) * 5)
        clock = [f"{minute // 60:02}:{minute % 60:02}" for minute in (begin, end)]
        occupy(owner, *clock, code=f"code-{number}")

    def free(owner, start):
        begin, end = taken[owner]
        return start + duration + after <= begin or start - before >= end

    def inside(span, start):
        return span[0] * 60 <= start and start + duration <= span[1] * 60

    expected = {}
    for start in range(0, 24 * 60, 5):
        for desk, span in zip(desks, spans, strict=True):
            if (
                (start - span[0] * 60) % step == 0
                and inside(span, start)
                and free(desk, start)
                and all(map(free, resources, [start] * 2))
                and all(map(inside, resource_spans, [start] * 2))
            ):
                expected.setdefault(start, []).append(desk.pk)
    found = on_day(agenda, now=NOW - timedelta(days=1))
    assert {slot.start.hour * 60 + slot.start.minute: list(slot.desk_ids) for slot in found} == (
        expected
    )


def test_a_date_far_ahead_with_a_horizon_of_years():
    agenda, passport, _desks = make_appointments()
    make_resource(passport, maximal_booking_delay=17_520)
    assert on_day(agenda, day=date(2027, 1, 4))
