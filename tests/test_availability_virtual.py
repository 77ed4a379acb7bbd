"""Several appointment agendas as one: the union of their free times, and who is behind each."""

import random
from datetime import datetime, time, timedelta

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
from tests.test_availability_resources import make_resource, occupy
from wagtail_agenda import availability
from wagtail_agenda.choices import AgendaKind, DelayUnit
from wagtail_agenda.errors import NotOffered, SoldOut
from wagtail_agenda.models import AgendaMember
from wagtail_agenda.timegrid import epoch_minutes

pytestmark = pytest.mark.django_db

MONDAY = NOW.date()
TUESDAY = MONDAY + timedelta(days=1)


def make_virtual(*agendas, **fields):
    """A virtual agenda over these, in this order."""
    virtual = make_agenda(kind=AgendaKind.VIRTUAL, **fields)
    for number, agenda in enumerate(agendas):
        AgendaMember.objects.create(virtual_agenda=virtual, agenda=agenda, sort_order=number)
    return virtual


def on_day(agenda, meeting_type=None, day=MONDAY, now=NOW, **options):
    return availability.slots(agenda, meeting_type, first=day, last=day, now=now, **options)


def starts(slots):
    return [f"{slot.start:%H:%M}" for slot in slots]


def hours(opens, closes):
    return make_schedule(weekly(time(opens), time(closes)))


class TestUnion:
    def test_a_slot_names_the_real_agendas_and_desks_behind_it(self):
        early, early_type, [first] = make_appointments(schedule=hours(9, 11))
        late, late_type, [second, third] = make_appointments(schedule=hours(10, 12), desks=2)
        virtual = make_virtual(late, early)
        found = {f"{slot.start:%H:%M}": slot for slot in on_day(virtual)}
        assert list(found) == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]
        assert [slot.agendas for slot in found.values()] == (
            [(early,)] * 2 + [(late, early)] * 2 + [(late,)] * 2
        )
        both = found["10:00"]
        assert both.agenda == virtual
        assert both.desk_ids == (second.pk, third.pk, first.pk)
        assert (both.places_free, both.places_total) == (3, 3)
        assert (both.type_at(first.pk), both.type_at(third.pk)) == (early_type, late_type)
        assert (both.agenda_at(first.pk), both.agenda_at(third.pk)) == (early, late)
        assert both.meeting_type == late_type

    def test_what_is_taken_in_one_is_free_in_the_other(self):
        one, _type, [desk] = make_appointments()
        two, *_ = make_appointments()
        virtual = make_virtual(one, two)
        occupy(desk, "09:00", "10:00")
        assert [slot.agendas for slot in on_day(virtual)[:3]] == [(two,), (two,), (one, two)]
        two.desks.update(retired=True)
        assert starts(on_day(virtual))[0] == "10:00"
        full = on_day(virtual, with_full=True)[0]
        assert (full.full, full.agendas, full.desk_ids) == (True, (), ())

    def test_is_found_by_its_name_and_what_is_taken_is_not(self):
        one, _type, [desk] = make_appointments()
        virtual = make_virtual(one)
        key = "passport:2026-11-30-0900"
        slot = availability.find(virtual, key, now=NOW)
        assert (slot.key, slot.agendas, slot.desk_ids) == (key, (one,), (desk.pk,))
        occupy(desk, "09:00", "10:00")
        with pytest.raises(SoldOut):
            availability.find(virtual, key, now=NOW)
        with pytest.raises(NotOffered):
            availability.find(virtual, "other:2026-11-30-0900", now=NOW)

    def test_ones_own_hold_is_free_to_oneself(self):
        one, _type, [desk] = make_appointments()
        virtual = make_virtual(one)
        occupy(desk, "09:00", "09:30", code="mine", lapses_at=NOW + timedelta(minutes=5))
        assert starts(on_day(virtual))[0] == "09:30"
        assert starts(on_day(virtual, lock_code="mine"))[0] == "09:00"

    def test_without_agendas_behind_it_nothing_is_offered(self):
        virtual = make_virtual()
        assert on_day(virtual) == []
        assert availability.meeting_types_on_offer(virtual) == []
        assert availability.next_free(virtual, now=NOW) == []

    def test_an_agenda_named_twice_is_one_and_one_of_events_is_none(self):
        one, *_ = make_appointments()
        events = make_agenda(kind=AgendaKind.EVENTS)
        virtual = make_virtual(one, one, events)
        assert on_day(virtual)[0].places_total == 1
        assert availability.real_agendas(virtual) == [one]
        assert availability.real_agendas(one) == [one]


class TestTypes:
    def test_those_of_one_slug_and_length_are_one(self):
        one, passport, _desks = make_appointments()
        two, *_ = make_appointments()
        three, *_ = make_appointments(desks=3)
        three.meeting_types.update(duration=60)
        wedding = make_meeting_type(two, label="Wedding")
        virtual = make_virtual(one, two, three)
        assert availability.meeting_types_on_offer(virtual) == [passport, wedding]
        assert {slot.places_total for slot in on_day(virtual, passport)} == {2}
        assert {slot.agendas for slot in on_day(virtual, wedding)} == {(two,)}

    def test_free_range_and_fixed_length_are_not_alike(self):
        one, *_ = make_appointments()
        two, *_ = make_appointments()
        two.meeting_types.update(maximum_duration=90)
        assert {slot.agendas for slot in on_day(make_virtual(one, two))} == {(one,)}

    def test_any_of_the_alike_may_be_asked_for_and_no_others(self):
        one, *_ = make_appointments()
        two, second, _desks = make_appointments()
        _other, foreign, _desks = make_appointments()
        virtual = make_virtual(one, two)
        assert len(on_day(virtual, second)) == 6
        assert on_day(virtual, foreign) == []

    def test_each_keeps_its_own_step_and_buffers(self):
        one, *_ = make_appointments(schedule=hours(9, 11))
        two, *_ = make_appointments(schedule=hours(9, 11))
        two.meeting_types.update(step=20, buffer_after=10)
        found = on_day(make_virtual(one, two))
        assert [(f"{slot.start:%H:%M}", len(slot.agendas)) for slot in found] == [
            ("09:00", 2),
            ("09:20", 1),
            ("09:30", 1),
            ("09:40", 1),
            ("10:00", 2),
            ("10:20", 1),
            ("10:30", 1),
        ]


class TestTypesThatThereAre:
    def test_those_that_no_desk_gives_are_there_retired_ones_are_not(self):
        agenda = make_agenda()
        passport = make_meeting_type(agenda)
        make_meeting_type(agenda, label="Visa", retired=True)
        make_meeting_type(make_agenda())
        assert availability.meeting_types_of(agenda) == [passport]

    def test_those_of_a_virtual_agenda_are_there_once_for_each_slug(self):
        one, two = make_agenda(), make_agenda()
        second = make_meeting_type(two, slug="passport")
        visa = make_meeting_type(one, slug="visa")
        make_meeting_type(one, slug="passport")
        assert availability.meeting_types_of(make_virtual(two, one)) == [second, visa]


class TestRulesOfItsOwn:
    def closed_on(self, day):
        value = {"first": str(day), "last": None, "label": ""}
        return make_closure_calendar({"type": "dates", "value": value})

    def test_its_closures_close_all_of_them(self):
        one, *_ = make_appointments()
        two, *_ = make_appointments()
        virtual = make_virtual(one, two, closure_calendars=[self.closed_on(MONDAY)])
        assert on_day(virtual, with_full=True) == []
        assert len(on_day(virtual, day=TUESDAY)) == 6
        assert len(on_day(one)) == 6

    def test_closures_of_one_close_that_one(self):
        one, *_ = make_appointments(closure_calendars=[self.closed_on(MONDAY)])
        two, *_ = make_appointments()
        virtual = make_virtual(one, two)
        assert {slot.agendas for slot in on_day(virtual)} == {(two,)}
        assert {slot.agendas for slot in on_day(virtual, day=TUESDAY)} == {(one, two)}

    def test_its_delays_and_theirs_both_hold(self):
        one, *_ = make_appointments(maximal_booking_delay=1)
        two, *_ = make_appointments(
            minimal_booking_delay=1, minimal_booking_delay_unit=DelayUnit.WORKING_DAYS
        )
        virtual = make_virtual(one, two, maximal_booking_delay=2)
        days = [MONDAY + timedelta(days=number) for number in range(4)]
        behind = [{slot.agendas for slot in on_day(virtual, day=day)} for day in days]
        assert behind == [{(one,)}, {(one, two)}, {(two,)}, set()]
        agents = [
            {slot.agendas for slot in on_day(virtual, day=day, bypass_delays=True)} for day in days
        ]
        assert agents == [{(one, two)}] * 4

    @pytest.mark.parametrize("fields", [{"live": False}, {"expire_at": NOW}])
    def test_an_agenda_that_is_closed_to_visitors_takes_no_part(self, fields):
        one, *_ = make_appointments(**fields)
        two, *_ = make_appointments()
        virtual = make_virtual(one, two)
        assert {slot.agendas for slot in on_day(virtual)} == {(two,)}
        assert {slot.agendas for slot in on_day(virtual, bypass_delays=True)} == {(one, two)}

    def test_times_are_said_in_its_own_zone(self):
        london, *_ = make_appointments(timezone="Europe/London", schedule=hours(9, 10))
        paris, *_ = make_appointments(schedule=hours(9, 10))
        virtual = make_virtual(london, paris)
        found = on_day(virtual)
        assert starts(found) == ["09:00", "09:30", "10:00", "10:30"]
        assert [slot.agendas for slot in found] == [(paris,)] * 2 + [(london,)] * 2
        slot = availability.find(virtual, "passport:2026-11-30-1000", now=NOW)
        assert slot.start == datetime(2026, 11, 30, 10, tzinfo=PARIS)
        assert slot.agendas == (london,)

    def test_its_closed_days_are_those_of_its_own_zone(self):
        night = make_schedule(weekly(time(0), time(1), "0123456"))
        paris, *_ = make_appointments(schedule=night)
        virtual = make_virtual(
            paris, timezone="Europe/London", closure_calendars=[self.closed_on(MONDAY)]
        )
        # Midnight in Paris is 23:00 the day before in London.
        assert starts(on_day(virtual, day=TUESDAY)) == ["23:00", "23:30"]
        assert on_day(virtual, now=NOW - timedelta(days=2)) == []


class TestResources:
    def test_each_agenda_needs_its_own(self):
        one, first, [desk] = make_appointments()
        two, second, [other] = make_appointments()
        room, hall = make_resource(first), make_resource(second, label="Hall")
        virtual = make_virtual(one, two)
        occupy(room, "09:00", "10:00")
        found = on_day(virtual)
        assert [slot.agendas for slot in found[:3]] == [(two,), (two,), (one, two)]
        assert found[2].resources == ()
        assert found[2].resources_at(desk.pk) == (room,)
        assert found[2].resources_at(other.pk) == (hall,)

    def test_what_is_asked_for_excludes_agendas_that_do_not_lend_it(self):
        one, *_ = make_appointments()
        two, _type, [desk] = make_appointments()
        beamer = make_resource(lent_by=[two], label="Beamer")
        found = on_day(make_virtual(one, two), resources=[beamer])
        assert {slot.agendas for slot in found} == {(two,)}
        assert found[0].resources == found[0].resources_at(desk.pk) == (beamer,)


@pytest.mark.parametrize("members", [1, 7])
@pytest.mark.parametrize("one_type", [True, False])
def test_queries_do_not_grow_with_the_agendas(django_assert_num_queries, members, one_type):
    agendas = []
    for _number in range(members):
        agenda, meeting_type, [desk] = make_appointments(
            desks=1,
            closure_calendars=[make_closure_calendar()],
            minimal_booking_delay=0,
            maximal_booking_delay_unit=DelayUnit.WORKING_DAYS,
        )
        make_desk(agenda, schedule=make_schedule()).closure_calendars.add(make_closure_calendar())
        make_resource(meeting_type)
        occupy(desk, "09:00", "09:30", code=f"code-{agenda.pk}")
        agendas.append(agenda)
    virtual = make_virtual(*agendas, closure_calendars=[make_closure_calendar()])
    asked = agendas[0].meeting_types.get() if one_type else None
    # Agendas, types, what they need, resources, their calendars, closures, what is taken.
    with django_assert_num_queries(7):
        found = on_day(virtual, asked)
        assert [slot.agendas for slot in found][1] == tuple(agendas)


@pytest.mark.parametrize("seed", range(12))
def test_it_offers_what_one_of_them_offers(seed):
    draw = random.Random(seed)  # noqa: S311
    agendas, zones = [], ["Europe/Paris", "Europe/London", "Asia/Kathmandu"]
    for _number in range(3):
        opens = draw.randrange(6, 12)
        agenda, meeting_type, desks = make_appointments(
            desks=draw.randrange(1, 3),
            schedule=hours(opens, opens + draw.randrange(2, 6)),
            timezone=draw.choice(zones),
            minimal_booking_delay=draw.choice([0, 0, 26]),
        )
        agenda.meeting_types.update(
            step=draw.choice([None, 10, 15]), buffer_before=draw.choice([0, 10])
        )
        for number, desk in enumerate(desks):
            begin = draw.randrange(6 * 60, 14 * 60)
            clocks = [
                f"{at // 60:02}:{at % 60:02}" for at in (begin, begin + draw.randrange(1, 120))
            ]
            occupy(desk, *clocks, code=f"{desk.pk}-{number}")
        if draw.random() < 0.3:
            make_resource(meeting_type, schedule=hours(opens, opens + 1))
        agendas.append(agenda)
    virtual = make_virtual(*agendas, timezone=draw.choice(zones))
    now = NOW - timedelta(hours=5)
    expected: dict[int, list] = {}
    for agenda in agendas:
        for slot in availability.slots(
            agenda, first=MONDAY - timedelta(days=1), last=TUESDAY + timedelta(days=1), now=now
        ):
            if slot.start.astimezone(virtual.zone).date() in (MONDAY, TUESDAY):
                expected.setdefault(epoch_minutes(slot.start), []).extend(slot.desk_ids)
    found = availability.slots(virtual, first=MONDAY, last=TUESDAY, now=now)
    assert {epoch_minutes(slot.start): list(slot.desk_ids) for slot in found} == expected
    assert [epoch_minutes(slot.start) for slot in found] == sorted(expected)
    for slot in found:
        assert slot.places_free == len(slot.desk_ids)
        assert slot.agendas == tuple(
            agenda
            for agenda in agendas
            if set(slot.desk_ids) & set(agenda.desks.values_list("pk", flat=True))
        )
