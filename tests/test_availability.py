"""What is offered, when, and under which name; at the end against a naive oracle."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import (
    NOW,
    PARIS,
    make_agenda,
    make_appointments,
    make_booking,
    make_closure_calendar,
    make_desk,
    make_details,
    make_event,
    make_meeting_type,
    make_schedule,
    one_off,
    weekly,
)
from wagtail_agenda import availability, booking, seeding
from wagtail_agenda.availability import occupied
from wagtail_agenda.choices import AgendaKind, DelayUnit
from wagtail_agenda.errors import AgendaClosed, EventIsOver, NotOffered, SoldOut
from wagtail_agenda.models import Agenda, Hold, Occupation
from wagtail_agenda.timegrid import epoch_minutes, instant_of

pytestmark = pytest.mark.django_db

MONDAY = NOW.date()
TUESDAY = MONDAY + timedelta(days=1)
EVERY_DAY = ("0", "1", "2", "3", "4", "5", "6")


def local(day, clock):
    """A moment in Paris: `local(MONDAY, "09:30")`."""
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=PARIS)


def starts(slots):
    return [f"{slot.start:%H:%M}" for slot in slots]


def on_day(agenda, day=MONDAY, meeting_type=None, now=NOW, **options):
    return availability.slots(agenda, meeting_type, first=day, last=day, now=now, **options)


def take(desk, start, minutes=30):
    """Book a desk at any time by a type without buffers of its own."""
    meeting_type = make_meeting_type(desk.agenda, duration=minutes, retired=True, label="Taken")
    slot = availability.Slot.of(
        desk.agenda,
        start,
        start + timedelta(minutes=minutes),
        meeting_type=meeting_type,
        desk_ids=(desk.pk,),
        desks={desk.pk: desk},
    )
    return booking.book(slot, make_details(), now=NOW)


class TestAppointments:
    def test_one_after_the_other_within_the_opening_hours(self):
        agenda, meeting_type, _desks = make_appointments()
        slots = on_day(agenda)
        assert starts(slots) == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]
        first = slots[0]
        assert (first.start, first.end) == (local(MONDAY, "09:00"), local(MONDAY, "09:30"))
        assert first.start.tzinfo is agenda.zone
        assert first.meeting_type == meeting_type
        assert (first.places_total, first.places_free, first.full) == (1, 1, False)

    def test_several_days_are_in_order_and_the_last_one_is_included(self):
        agenda, *_ = make_appointments()
        slots = availability.slots(agenda, first=MONDAY, last=TUESDAY, now=NOW)
        assert [slot.start.date() for slot in slots] == [MONDAY] * 6 + [TUESDAY] * 6
        assert slots == sorted(slots, key=lambda slot: slot.start)

    def test_nothing_on_days_in_the_wrong_order(self):
        agenda, *_ = make_appointments()
        assert availability.slots(agenda, first=TUESDAY, last=MONDAY, now=NOW) == []

    def test_nothing_that_has_begun(self):
        agenda, *_ = make_appointments()
        assert starts(on_day(agenda, now=local(MONDAY, "09:59"))) == [
            "10:00",
            "10:30",
            "11:00",
            "11:30",
        ]
        assert starts(on_day(agenda, now=local(MONDAY, "10:00"))) == ["10:30", "11:00", "11:30"]

    def test_step_shorter_than_the_appointment(self):
        agenda = make_agenda(schedule=make_schedule(weekly(time(9), time(10))))
        make_desk(agenda)
        make_meeting_type(agenda, duration=30, step=15)
        assert starts(on_day(agenda)) == ["09:00", "09:15", "09:30"]

    def test_buffers_lengthen_the_step_and_may_reach_out_of_the_hours(self):
        agenda = make_agenda(schedule=make_schedule(weekly(time(9), time(11))))
        make_desk(agenda)
        make_meeting_type(agenda, duration=30, buffer_before=10, buffer_after=5)
        assert starts(on_day(agenda)) == ["09:00", "09:45", "10:30"]

    def test_breaks_are_not_booked_and_starts_count_from_their_end(self):
        hours = weekly(time(9), time(14), breaks=[(time(10, 15), time(13, 10))])
        agenda = make_agenda(schedule=make_schedule(hours))
        make_desk(agenda)
        make_meeting_type(agenda)
        assert starts(on_day(agenda)) == ["09:00", "09:30", "13:10"]

    def test_one_off_hours_come_on_top(self):
        saturday = MONDAY + timedelta(days=5)
        agenda = make_agenda(
            schedule=make_schedule(weekly(), one_off(saturday, time(14), time(15)))
        )
        make_desk(agenda)
        make_meeting_type(agenda)
        assert starts(on_day(agenda, saturday)) == ["14:00", "14:30"]
        assert on_day(agenda, saturday + timedelta(days=7)) == []

    def test_a_desk_follows_its_own_schedule(self):
        agenda, _type, (desk,) = make_appointments()
        late = make_desk(agenda, schedule=make_schedule(weekly(time(11), time(13))))
        slots = {f"{slot.start:%H:%M}": slot.desk_ids for slot in on_day(agenda)}
        assert slots["10:30"] == (desk.pk,)
        assert slots["11:00"] == slots["11:30"] == (desk.pk, late.pk)
        assert slots["12:30"] == (late.pk,)

    def test_desks_come_in_their_own_order(self):
        agenda, _type, (desk,) = make_appointments()
        desk.sort_order = 2
        desk.save()
        earlier = make_desk(agenda, sort_order=1)
        assert on_day(agenda)[0].desk_ids == (earlier.pk, desk.pk)

    @pytest.mark.parametrize("schedule_fields", [None, {"live": False}])
    def test_without_a_published_schedule_nothing_is_open(self, schedule_fields):
        schedule = make_schedule(**schedule_fields) if schedule_fields else None
        agenda, *_ = make_appointments(schedule=schedule)
        assert on_day(agenda) == []

    def test_a_withdrawn_own_schedule_does_not_fall_back_to_the_agendas(self):
        agenda, *_ = make_appointments(desks=0)
        make_desk(agenda, schedule=make_schedule(live=False))
        assert on_day(agenda) == []

    def test_a_draft_of_the_schedule_changes_nothing(self):
        agenda, *_ = make_appointments()
        agenda.schedule.periods = [weekly(time(15), time(16))]
        agenda.schedule.save_revision()
        assert len(on_day(Agenda.objects.get(pk=agenda.pk))) == 6

    def test_retired_desks_and_types_offer_nothing(self):
        agenda, meeting_type, (desk,) = make_appointments()
        make_meeting_type(agenda, label="Old", retired=True)
        make_desk(agenda, retired=True)
        assert {slot.meeting_type for slot in on_day(agenda)} == {meeting_type}
        assert on_day(agenda)[0].desk_ids == (desk.pk,)
        meeting_type.retired = True
        meeting_type.save()
        assert on_day(agenda) == on_day(agenda, meeting_type=meeting_type) == []

    def test_a_type_is_given_by_its_own_desks_only(self):
        agenda, anywhere, desks = make_appointments(desks=3)
        special = make_meeting_type(agenda, label="Wedding", duration=60)
        special.desks.set(desks[1:])
        slots = {slot.key: slot for slot in on_day(agenda)}
        assert slots["passport:2026-11-30-0900"].desk_ids == tuple(desk.pk for desk in desks)
        assert slots["wedding:2026-11-30-0900"].desk_ids == tuple(desk.pk for desk in desks[1:])
        assert slots["wedding:2026-11-30-0900"].places_total == 2
        assert on_day(agenda, meeting_type=special)[0] == slots["wedding:2026-11-30-0900"]
        assert {slot.meeting_type for slot in on_day(agenda, meeting_type=anywhere)} == {anywhere}

    def test_a_type_whose_desks_are_all_retired_is_given_nowhere(self):
        agenda, passport, _desks = make_appointments()
        special = make_meeting_type(agenda, label="Wedding")
        special.desks.add(make_desk(agenda, retired=True))
        assert on_day(agenda, meeting_type=special) == []
        assert availability.meeting_types_on_offer(agenda) == [passport]

    def test_types_on_offer_are_in_their_own_order_and_once_each(self):
        agenda, passport, desks = make_appointments(desks=3)
        earlier = make_meeting_type(agenda, label="Advice", sort_order=0)
        passport.sort_order = 1
        passport.save()
        earlier.desks.set(desks)
        assert availability.meeting_types_on_offer(agenda) == [earlier, passport]
        assert availability.meeting_types_on_offer(make_appointments(desks=0)[0]) == []

    def test_a_type_of_another_agenda_is_not_offered(self):
        agenda, *_ = make_appointments()
        assert on_day(agenda, meeting_type=make_appointments()[1]) == []

    def test_a_full_time_is_listed_only_on_request(self):
        agenda, *_ = make_appointments()
        make_booking(agenda)
        assert starts(on_day(agenda))[0] == "09:30"
        full = on_day(agenda, with_full=True)[0]
        assert (full.key, full.full, full.desk_ids) == ("passport:2026-11-30-0900", True, ())

    def test_one_desk_of_two_taken(self):
        agenda, _type, desks = make_appointments(desks=2)
        take(desks[0], local(MONDAY, "09:00"))
        first = on_day(agenda)[0]
        assert (first.desk_ids, first.places_free, first.places_total) == ((desks[1].pk,), 1, 2)


class TestClosures:
    def closed_on(self, day, last=None):
        return make_closure_calendar(
            {"type": "dates", "value": {"first": str(day), "last": last and str(last), "label": ""}}
        )

    def test_the_agendas_days_off_close_every_desk(self):
        agenda, *_ = make_appointments(desks=2, closure_calendars=[self.closed_on(MONDAY, TUESDAY)])
        assert on_day(agenda) == on_day(agenda, TUESDAY) == []
        assert on_day(agenda, TUESDAY + timedelta(days=1))

    def test_a_desks_own_days_off_come_on_top(self):
        agenda, _type, (one, two) = make_appointments(
            desks=2, closure_calendars=[self.closed_on(TUESDAY)]
        )
        one.closure_calendars.add(self.closed_on(MONDAY))
        assert on_day(agenda)[0].desk_ids == (two.pk,)
        assert on_day(agenda, TUESDAY) == []

    def test_public_holidays(self):
        christmas = date(2026, 12, 25)
        holidays = make_closure_calendar(
            {"type": "public_holidays", "value": {"country": "FR", "region": ""}}
        )
        agenda, *_ = make_appointments(closure_calendars=[holidays])
        assert on_day(agenda, christmas) == []
        assert on_day(agenda, christmas - timedelta(days=1))


class TestBuffers:
    def agenda(self, **fields):
        agenda = make_agenda(schedule=make_schedule(weekly(time(9), time(12))))
        return agenda, make_desk(agenda), make_meeting_type(agenda, step=5, **fields)

    def test_own_buffers_keep_distance_from_both_neighbours(self):
        agenda, desk, meeting_type = self.agenda(duration=20, buffer_before=10, buffer_after=15)
        take(desk, local(MONDAY, "10:00"), 30)
        free = starts(on_day(agenda, meeting_type=meeting_type))
        # Before: ends 15 minutes earlier than the neighbour starts. After: starts 10 later.
        assert "09:25" in free
        assert "09:30" not in free
        assert "10:35" not in free
        assert "10:40" in free

    def test_the_neighbours_buffers_count_as_well(self):
        agenda, _desk, meeting_type = self.agenda(duration=20)
        other = make_meeting_type(
            agenda, label="Long", duration=30, buffer_before=10, buffer_after=15
        )
        slot = availability.find(agenda, f"{other.slug}:2026-11-30-0955", now=NOW)
        booking.book(slot, make_details(), now=NOW)
        free = starts(on_day(agenda, meeting_type=meeting_type))
        # 09:55 – 10:25 with its buffers is 09:45 – 10:40.
        assert "09:25" in free
        assert "09:30" not in free
        assert "10:35" not in free
        assert "10:40" in free

    def test_the_last_neighbour_of_the_day_before_counts(self):
        agenda = make_agenda(
            schedule=make_schedule(weekly(time(22), time(0)), weekly(time(0), time(2)))
        )
        desk = make_desk(agenda)
        make_meeting_type(agenda, duration=30, buffer_before=30, step=30)
        take(desk, local(MONDAY, "23:30"), 30)
        assert starts(on_day(agenda, TUESDAY))[:2] == ["00:30", "01:00"]


class TestBookingWindow:
    def test_notice_in_hours_counts_to_the_minute(self):
        agenda, *_ = make_appointments(minimal_booking_delay=3)
        assert starts(on_day(agenda, now=local(MONDAY, "07:00")))[0] == "10:00"
        assert starts(on_day(agenda, now=local(MONDAY, "07:00:01")))[0] == "10:30"

    def test_notice_in_days_counts_whole_days(self):
        agenda, *_ = make_appointments(
            minimal_booking_delay=2, minimal_booking_delay_unit=DelayUnit.DAYS
        )
        for now in (local(MONDAY, "00:00"), local(MONDAY, "23:59")):
            first = availability.next_free(agenda, now=now)[0]
            assert first.start == local(MONDAY + timedelta(days=2), "09:00")

    def test_no_notice_in_days_means_until_the_last_minute(self):
        agenda, *_ = make_appointments(minimal_booking_delay_unit=DelayUnit.DAYS)
        assert starts(on_day(agenda, now=local(MONDAY, "10:29")))[0] == "10:30"

    def test_horizon_in_hours_includes_its_last_minute(self):
        agenda, *_ = make_appointments(
            maximal_booking_delay=26, maximal_booking_delay_unit=DelayUnit.HOURS
        )
        assert starts(on_day(agenda, TUESDAY, now=NOW)) == ["09:00"]
        assert starts(on_day(agenda, TUESDAY, now=NOW - timedelta(minutes=1))) == []

    def test_horizon_in_days_includes_its_last_day(self):
        agenda, *_ = make_appointments(maximal_booking_delay=2)
        wednesday = MONDAY + timedelta(days=2)
        assert len(on_day(agenda, wednesday, now=local(MONDAY, "23:59"))) == 6
        assert on_day(agenda, wednesday + timedelta(days=1), now=local(MONDAY, "23:59")) == []

    def test_events_keep_the_same_delays(self):
        agenda = make_agenda(
            kind=AgendaKind.EVENTS,
            minimal_booking_delay=1,
            maximal_booking_delay=26,
            maximal_booking_delay_unit=DelayUnit.HOURS,
        )
        for minutes in (59, 60, 26 * 60, 26 * 60 + 1):
            make_event(agenda, start=NOW + timedelta(minutes=minutes), slug=f"in-{minutes}")
        listed = availability.next_free(agenda, now=NOW)
        assert [slot.key for slot in listed] == ["in-60", "in-1560"]
        for key in ("in-59", "in-1561"):
            with pytest.raises(NotOffered):
                availability.find(agenda, key, now=NOW)
            assert availability.find(agenda, key, now=NOW, bypass_delays=True).key == key

    def test_an_agent_is_bound_by_no_delay_but_by_the_clock(self):
        agenda, *_ = make_appointments(minimal_booking_delay=300, maximal_booking_delay=1)
        assert on_day(agenda) == []
        assert len(on_day(agenda, bypass_delays=True)) == 6
        far = MONDAY + timedelta(days=700)
        assert len(on_day(agenda, far, bypass_delays=True)) == 6
        assert on_day(agenda, MONDAY - timedelta(days=7), bypass_delays=True) == []

    @pytest.mark.parametrize("delay", [17_520, 4_000_000, 2_147_483_647])
    def test_absurd_delays_do_no_harm(self, delay):
        agenda = make_agenda(
            kind=AgendaKind.EVENTS,
            maximal_booking_delay=delay,
            minimal_booking_delay_unit=DelayUnit.DAYS,
        )
        make_event(agenda)
        assert len(availability.next_free(agenda, now=NOW)) == 1
        agenda.minimal_booking_delay = delay
        assert availability.next_free(agenda, now=NOW) == []

    def test_a_notice_beyond_the_horizon_offers_nothing(self):
        agenda, *_ = make_appointments(minimal_booking_delay=100, maximal_booking_delay=1)
        earliest, latest = availability.booking_window(agenda, NOW)
        assert earliest == latest
        assert availability.next_free(agenda, now=NOW) == []


class TestHolds:
    def held(self, agenda, code="a", now=NOW):
        slot = availability.next_free(agenda, now=now, limit=1)[0]
        return booking.hold(slot, lock_code=code, now=now)

    def test_a_hold_hides_its_time_from_others_and_not_from_its_owner(self):
        agenda, *_ = make_appointments()
        self.held(agenda)
        assert starts(on_day(agenda))[0] == "09:30"
        assert starts(on_day(agenda, lock_code="b"))[0] == "09:30"
        assert starts(on_day(agenda, lock_code="a"))[0] == "09:00"
        with pytest.raises(SoldOut):
            availability.find(agenda, "passport:2026-11-30-0900", now=NOW, lock_code="b")
        assert availability.find(agenda, "passport:2026-11-30-0900", now=NOW, lock_code="a")

    def test_a_hold_lapses_by_the_clock(self):
        agenda, *_ = make_appointments()
        hold = self.held(agenda)
        assert starts(on_day(agenda, now=hold.lapses_at - timedelta(seconds=1)))[0] == "09:30"
        assert starts(on_day(agenda, now=hold.lapses_at))[0] == "09:00"

    def test_ones_own_booking_is_not_free_to_ones_lock_code(self):
        agenda, *_ = make_appointments()
        booking.confirm(self.held(agenda), make_details(), now=NOW)
        assert starts(on_day(agenda, lock_code="a"))[0] == "09:30"


class TestEvents:
    def test_places_and_holds(self):
        event = make_event(places=3, slug="pottery")
        make_booking(slot=availability.find(event.agenda, "pottery", now=NOW))
        slot = availability.find(event.agenda, "pottery", now=NOW)
        booking.hold(slot, lock_code="a", now=NOW)

        def free(**options):
            [slot] = availability.next_free(event.agenda, now=NOW, **options)
            assert slot.places_total == 3
            return slot.places_free

        assert free() == free(lock_code="b") == 1
        assert free(lock_code="a") == 2
        [later] = availability.next_free(event.agenda, now=NOW + timedelta(minutes=10))
        assert later.places_free == 2

    def test_a_full_event_is_listed_only_on_request(self):
        event = make_event(places=1, slug="pottery")
        day = event.start.date()
        booking.hold(availability.find(event.agenda, "pottery", now=NOW), lock_code="a", now=NOW)
        assert on_day(event.agenda, day) == []
        [slot] = on_day(event.agenda, day, with_full=True)
        assert (slot.full, slot.places_free, slot.event) == (True, 0, event)
        with pytest.raises(SoldOut) as refused:
            availability.find(event.agenda, "pottery", now=NOW)
        assert refused.value.code == "sold out"

    def test_only_events_that_are_open_and_to_come_in_order_of_time(self):
        agenda = make_agenda(kind=AgendaKind.EVENTS)
        late = make_event(agenda, start=NOW + timedelta(days=3))
        soon = make_event(agenda, start=NOW + timedelta(days=1))
        make_event(agenda, open_for_booking=False, slug="closed")
        make_event(agenda, start=NOW, slug="beginning")
        make_event(start=NOW + timedelta(days=1))
        assert [slot.event for slot in availability.next_free(agenda, now=NOW)] == [soon, late]
        with pytest.raises(NotOffered):
            availability.find(agenda, "closed", now=NOW)
        with pytest.raises(EventIsOver):
            availability.find(agenda, "beginning", now=NOW, bypass_delays=True)

    def test_an_event_too_far_to_count_is_not_offered(self):
        event = make_event(start=datetime(9998, 1, 1, tzinfo=timezone.utc), slug="far")
        with pytest.raises(NotOffered):
            availability.find(event.agenda, "far", now=NOW, bypass_delays=True)


MALFORMED = [
    "",
    " ",
    "passport",
    "passport:",
    ":2026-11-30-0900",
    "passport:2026-11-30-0900 ",
    "passport:2026-11-30-0900\n",
    "passport:2026-11-30-0900\0",
    "pass\0port:2026-11-30-0900",
    "passport:2026-11-30-0900~1",
    "passport:2026-11-30-0900~2",
    "passport:2026-11-30-09:00",
    "passport:2026-11-30",
    "passport:2026-11-30-900",
    "passport:2026-11-30-2500",
    "passport:2026-02-30-0900",
    "passport:2026-13-01-0900",
    "passport:0000-01-01-0900",
    "passport:0001-01-01-0900",
    "passport:9999-12-31-0900",
    "passport:2026-11-30-0905",
    "passport:2026-11-30-1200",
    "passport:2026-11-29-0900",
    "passport:2026-12-05-0900",
    "passport:2027-11-30-0900",
    "Passport:2026-11-30-0900",
    "passport:٢٠٢٦-١١-٣٠-٠٩٠٠",
    "other:2026-11-30-0900",
    "retired:2026-11-30-0900",
    "of-another-agenda:2026-11-30-0900",
    "🙂:2026-11-30-0900",
    "🙂",
    "\ud800",
    "\u202epassport:2026-11-30-0900",
    "' OR 1=1 --",
    "{{7*7}}",
    "<script>",
    "a" * 10_000,
    "passport:" + "9" * 10_000,
]


class TestNames:
    def test_every_slot_is_found_by_its_name(self):
        agenda, *_ = make_appointments(desks=2)
        make_meeting_type(agenda, label="Marriage advice", duration=45, step=20)
        listed = availability.slots(agenda, first=MONDAY, last=TUESDAY, now=NOW)
        assert listed[0].key == "passport:2026-11-30-0900"
        assert [availability.find(agenda, slot.key, now=NOW) for slot in listed] == listed

    @pytest.mark.parametrize("key", MALFORMED, ids=lambda key: ascii(key)[:40])
    def test_what_is_no_slot_is_refused(self, key):
        agenda, *_ = make_appointments()
        make_meeting_type(agenda, label="Retired", retired=True)
        make_meeting_type(make_appointments()[0], label="Of another agenda")
        for bypass_delays in (False, True):
            if bypass_delays and key.startswith("passport:2027"):
                continue
            with pytest.raises(NotOffered):
                availability.find(agenda, key, now=NOW, bypass_delays=bypass_delays)

    @pytest.mark.parametrize("key", MALFORMED, ids=lambda key: ascii(key)[:40])
    def test_what_is_no_event_is_refused(self, key):
        event = make_event()
        make_event(slug="passport")
        with pytest.raises(NotOffered):
            availability.find(event.agenda, key, now=NOW, bypass_delays=True)

    def test_the_last_day_of_the_calendar_in_any_zone(self):
        for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
            agenda, *_ = make_appointments(
                timezone=zone, schedule=make_schedule(weekly(time(0), time(0), EVERY_DAY))
            )
            for day in ("9999-12-31", "9999-12-30", "6053-01-01", "0001-01-01", "0001-01-02"):
                with pytest.raises(NotOffered):
                    availability.find(agenda, f"passport:{day}-0900", now=NOW, bypass_delays=True)

    @pytest.mark.parametrize("fields", [{"live": False}, {"expire_at": NOW}])
    def test_a_closed_agenda_is_closed_to_visitors_only(self, fields):
        agenda, *_ = make_appointments(**fields)
        assert not availability.is_open(agenda, NOW)
        with pytest.raises(AgendaClosed):
            availability.find(agenda, "passport:2026-11-30-0900", now=NOW)
        key = "passport:2026-11-30-0900"
        assert availability.find(agenda, key, now=NOW, bypass_delays=True).key == key

    def test_an_agenda_is_open_until_it_expires(self):
        agenda, *_ = make_appointments(expire_at=NOW + timedelta(seconds=1))
        assert availability.is_open(agenda, NOW)

    def test_taken_is_told_from_not_offered(self):
        agenda, *_ = make_appointments()
        make_booking(agenda)
        with pytest.raises(SoldOut) as refused:
            availability.find(agenda, "passport:2026-11-30-0900", now=NOW)
        assert refused.value.code == "no more desk available"


class TestSuggestions:
    def test_the_next_free_times(self):
        agenda, *_ = make_appointments()
        make_booking(agenda)
        found = availability.next_free(agenda, now=NOW, limit=3)
        assert starts(found) == ["09:30", "10:00", "10:30"]

    @pytest.mark.parametrize("limit", [0, 1, 5, 40])
    def test_so_many_of_all_that_are_listed(self, limit):
        agenda, *_ = make_appointments(desks=2, maximal_booking_delay=2)
        make_meeting_type(agenda, label="Short", duration=10)
        make_booking(agenda)
        everything = availability.slots(
            agenda, first=MONDAY, last=MONDAY + timedelta(days=2), now=NOW
        )
        assert availability.next_free(agenda, now=NOW, limit=limit) == everything[:limit]

    def test_the_times_nearest_to_one_that_is_gone(self):
        agenda, meeting_type, _desks = make_appointments()
        make_booking(slot=availability.find(agenda, "passport:2026-11-30-1000", now=NOW))
        found = availability.nearest(agenda, meeting_type, local(MONDAY, "10:00"), now=NOW, limit=3)
        assert starts(found) == ["09:00", "09:30", "10:30"]
        assert starts(
            availability.nearest(
                agenda,
                meeting_type,
                datetime(2026, 11, 30, 9, 0, tzinfo=timezone.utc),
                now=NOW,
                limit=2,
            )
        ) == ["09:30", "10:30"]


NIGHTS = [
    # Zone, day, opening hours, starts expected of appointments of 30 minutes.
    ("Europe/Paris", date(2027, 3, 28), ("01:00", "04:00"), ["0100", "0130", "0300", "0330"]),
    (
        "Europe/Paris",
        date(2026, 10, 25),
        ("01:00", "04:00"),
        ["0100", "0130", "0200", "0230", "0200~2", "0230~2", "0300", "0330"],
    ),
    ("America/New_York", date(2027, 3, 14), ("01:00", "04:00"), ["0100", "0130", "0300", "0330"]),
    (
        "America/New_York",
        date(2026, 11, 1),
        ("00:30", "02:30"),
        ["0030", "0100", "0130", "0100~2", "0130~2", "0200"],
    ),
    # Half an hour only.
    ("Australia/Lord_Howe", date(2026, 10, 4), ("01:00", "03:00"), ["0100", "0130", "0230"]),
    (
        "Australia/Lord_Howe",
        date(2027, 4, 4),
        ("01:00", "03:00"),
        ["0100", "0130", "0130~2", "0200", "0230"],
    ),
    ("Asia/Kathmandu", date(2026, 10, 25), ("09:00", "10:00"), ["0900", "0930"]),
]


class TestNightsWhenClocksChange:
    @pytest.mark.parametrize(("zone", "day", "hours", "expected"), NIGHTS)
    def test_each_time_that_exists_once_each_time_it_exists(self, zone, day, hours, expected):
        opens, closes = map(time.fromisoformat, hours)
        agenda, _type, _desks = make_appointments(
            timezone=zone, schedule=make_schedule(weekly(opens, closes, EVERY_DAY))
        )
        now = datetime.combine(day, time(12), tzinfo=timezone.utc) - timedelta(days=3)
        found = availability.slots(agenda, first=day, last=day, now=now)
        assert [slot.key for slot in found] == [f"passport:{day}-{clock}" for clock in expected]
        minutes = [epoch_minutes(slot.start) for slot in found]
        assert minutes == sorted(set(minutes))
        for slot in found:
            assert epoch_minutes(slot.end) - epoch_minutes(slot.start) == 30
            same = availability.find(agenda, slot.key, now=now)
            assert epoch_minutes(same.start) == epoch_minutes(slot.start)

    def test_both_occurrences_are_held_and_booked_apart(self):
        agenda, *_ = make_appointments(
            schedule=make_schedule(weekly(time(2), time(3), EVERY_DAY)),
        )
        now = datetime(2026, 10, 24, 12, tzinfo=PARIS)
        keys = ["passport:2026-10-25-0200", "passport:2026-10-25-0200~2"]
        made = []
        for code, key in enumerate(keys):
            slot = availability.find(agenda, key, now=now)
            hold = booking.hold(slot, lock_code=str(code), now=now)
            assert booking.slot_of(hold).key == key
            made.append(booking.confirm(hold, make_details(), now=now))
        assert epoch_minutes(made[1].start) - epoch_minutes(made[0].start) == 60
        for key in keys:
            with pytest.raises(SoldOut):
                availability.find(agenda, key, now=now)
        assert len(availability.next_free(agenda, now=now, limit=2)) == 2

    def test_an_event_in_the_repeated_hour_can_be_booked(self):
        agenda = make_agenda(kind=AgendaKind.EVENTS)
        make_event(agenda, start=datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc), slug="early")
        make_event(agenda, start=datetime(2026, 10, 25, 1, 30, tzinfo=timezone.utc), slug="late")
        now = datetime(2026, 10, 24, 12, tzinfo=PARIS)
        for key in ("early", "late"):
            slot = availability.find(agenda, key, now=now)
            hold = booking.hold(slot, lock_code=key, now=now)
            assert booking.confirm(hold, make_details(), now=now).event.slug == key

    def test_suggestions_do_not_confuse_the_two_occurrences(self):
        agenda, meeting_type, _desks = make_appointments(
            schedule=make_schedule(weekly(time(1), time(4), EVERY_DAY))
        )
        now = datetime(2026, 10, 24, 12, tzinfo=PARIS)
        gone = datetime(2026, 10, 25, 2, 0, fold=1, tzinfo=PARIS)
        found = availability.nearest(agenda, meeting_type, gone, now=now, limit=3)
        assert [slot.key.partition("-25-")[2] for slot in found] == ["0230", "0200~2", "0230~2"]


class TestHoursOverMidnight:
    def agenda(self, **type_fields):
        agenda = make_agenda(
            schedule=make_schedule(
                weekly(time(22), time(0), EVERY_DAY), weekly(time(0), time(2), EVERY_DAY)
            )
        )
        make_desk(agenda)
        make_meeting_type(agenda, **{"duration": 60, "step": 30, **type_fields})
        return agenda

    def test_an_appointment_may_go_on_into_the_next_days_hours(self):
        agenda = self.agenda()
        listed = availability.slots(agenda, first=MONDAY, last=TUESDAY, now=NOW)
        expected = ["22:00", "22:30", "23:00", "23:30", "00:00", "00:30", "01:00"]
        assert starts(listed)[:7] == expected
        assert starts(on_day(agenda)) == expected[:4]
        late = availability.find(agenda, "passport:2026-11-30-2330", now=NOW)
        assert late.end == local(TUESDAY, "00:30")

    def test_every_day_alone_offers_what_it_offers_in_a_week(self):
        agenda = self.agenda(duration=45, step=25)
        days = [MONDAY + timedelta(days=number) for number in range(7)]
        week = availability.slots(agenda, first=days[0], last=days[-1], now=NOW)
        assert week == [slot for day in days for slot in on_day(agenda, day)]

    def test_the_horizon_cuts_starts_and_not_ends(self):
        agenda = self.agenda()
        agenda.maximal_booking_delay = 1
        last = availability.slots(agenda, first=MONDAY, last=TUESDAY + timedelta(days=5), now=NOW)[
            -1
        ]
        assert last.start == local(TUESDAY, "23:30")
        agenda.maximal_booking_delay, agenda.maximal_booking_delay_unit = 17, DelayUnit.HOURS
        now = local(MONDAY, "06:30")
        assert (
            starts(availability.slots(agenda, first=MONDAY, last=TUESDAY, now=now))[-1] == "23:30"
        )


class TestQueries:
    def listing(self, agenda, meeting_type=None):
        agenda = Agenda.objects.get(pk=agenda.pk)
        return availability.slots(
            agenda, meeting_type, first=MONDAY, last=MONDAY + timedelta(days=60), now=NOW
        )

    def fill(self, agenda, desks):
        for number in range(desks):
            desk = make_desk(agenda, schedule=make_schedule() if number % 2 else None)
            desk.closure_calendars.add(make_closure_calendar())
            take(desk, local(MONDAY + timedelta(days=number), "09:30"))
        special = make_meeting_type(agenda, label="Wedding")
        special.desks.set(agenda.desks.all()[:3])
        agenda.closure_calendars = [make_closure_calendar(), make_closure_calendar()]
        agenda.save()

    @pytest.mark.parametrize("desks", [1, 8])
    @pytest.mark.parametrize("one_type", [True, False])
    def test_sixty_days_of_appointments(self, django_assert_num_queries, desks, one_type):
        agenda, meeting_type, _desks = make_appointments()
        self.fill(agenda, desks)
        # The agenda, its types, what they need, closures, what is taken.
        with django_assert_num_queries(4 if one_type else 5):
            assert self.listing(agenda, meeting_type if one_type else None)

    @pytest.mark.parametrize("events", [1, 20])
    def test_sixty_days_of_events(self, django_assert_num_queries, events):
        agenda = make_agenda(kind=AgendaKind.EVENTS)
        for number in range(events):
            event = make_event(agenda, start=NOW + timedelta(days=number + 1))
            slot = availability.find(agenda, event.slug, now=NOW)
            booking.hold(slot, lock_code=event.slug, now=NOW)
        with django_assert_num_queries(3):
            assert len(self.listing(agenda)) == events


# The oracle: start by start, with datetimes and wall clocks, and no bitset anywhere.


@dataclass
class World:
    zone: str
    periods: list
    types: list
    desks: int
    bookings: list = field(default_factory=list)
    holds: list = field(default_factory=list)


ZONES = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
FIRST_DAYS = {
    # The Friday before a night on which clocks change.
    "Europe/Paris": [date(2026, 10, 23), date(2027, 3, 26)],
    "America/New_York": [date(2026, 10, 30), date(2027, 3, 12)],
    "Australia/Lord_Howe": [date(2026, 10, 2), date(2027, 4, 2)],
    "Asia/Kathmandu": [date(2026, 10, 23)],
}

clock = st.integers(0, 287).map(lambda cell: time(cell // 12, cell % 12 * 5))


@st.composite
def hours(draw):
    opens, closes = sorted(draw(st.lists(clock, min_size=2, max_size=2, unique=True)))
    if draw(st.integers(0, 4)) == 0:
        closes = time(0)
    breaks = []
    if draw(st.booleans()):
        after = time(23, 55) if closes == time(0) else closes
        begin, end = sorted(draw(st.lists(clock, min_size=2, max_size=2, unique=True)))
        if opens <= begin and end <= after:
            breaks = [(begin, end)]
    return opens, closes, tuple(breaks)


five_minutes = st.integers(0, 6).map(lambda cells: cells * 5)


@st.composite
def worlds(draw):
    zone = draw(st.sampled_from(ZONES))
    first = draw(st.sampled_from(FIRST_DAYS[zone]))
    desks = draw(st.integers(1, 2))
    return (
        World(
            zone=zone,
            periods=draw(st.lists(hours(), min_size=1, max_size=3)),
            types=draw(
                st.lists(
                    st.fixed_dictionaries(
                        {
                            "duration": st.integers(1, 24).map(lambda cells: cells * 5),
                            "buffer_before": five_minutes,
                            "buffer_after": five_minutes,
                            "step": st.none() | st.integers(1, 12).map(lambda cells: cells * 5),
                        }
                    ),
                    min_size=1,
                    max_size=2,
                )
            ),
            desks=desks,
            bookings=draw(
                st.lists(
                    st.tuples(
                        st.integers(0, desks - 1), st.integers(0, 4 * 1440), st.integers(1, 200)
                    ),
                    max_size=6,
                )
            ),
            holds=draw(
                st.lists(
                    st.tuples(
                        st.integers(0, desks - 1),
                        st.integers(0, 4 * 1440),
                        st.integers(1, 200),
                        st.booleans(),
                    ),
                    max_size=3,
                )
            ),
        ),
        first,
        draw(st.integers(-300, 2000)),
    )


def naive_open(world, zone, moment):
    """Whether the clock on the wall reads an opening time of that day."""
    wall = moment.astimezone(zone).time()
    for opens, closes, breaks in world.periods:
        inside = opens <= wall and (closes == time(0) or wall < closes)
        if inside and not any(begin <= wall < end for begin, end in breaks):
            return True
    return False


def naive_starts(world, zone, type_fields, taken, first, last, now):
    """(minute, free desks) of everything on offer, found by walking from minute to minute."""
    step = type_fields["step"] or (
        type_fields["buffer_before"] + type_fields["duration"] + type_fields["buffer_after"]
    )
    found = []
    begin = datetime.combine(first, time(0), tzinfo=timezone.utc) - timedelta(days=2)
    length = ((last - first).days + 5) * 288
    moments = [begin + timedelta(minutes=5 * number) for number in range(length)]
    is_open = {moment: naive_open(world, zone, moment) for moment in moments}
    opened = None
    for moment in moments:
        before = moment - timedelta(minutes=5)
        day = moment.astimezone(zone).date()
        if not is_open[moment]:
            opened = None
            continue
        if opened is None or before.astimezone(zone).date() != day:
            opened = moment
        if not first <= day <= last or moment <= now:
            continue
        if (moment - opened) // timedelta(minutes=1) % step:
            continue
        cells = type_fields["duration"] // 5
        if not all(is_open.get(moment + timedelta(minutes=5 * n), False) for n in range(cells)):
            continue
        busy_from = moment - timedelta(minutes=type_fields["buffer_before"])
        busy_to = moment + timedelta(minutes=type_fields["duration"] + type_fields["buffer_after"])
        desks = [
            desk
            for desk in range(world.desks)
            if not any(
                taken_from < busy_to and taken_to > busy_from
                for taken_from, taken_to in taken[desk]
            )
        ]
        if desks:
            found.append((epoch_minutes(moment), desks))
    return found


def rounded(start, end):
    """Outward to five minutes: a cell that is partly taken is taken."""
    return instant_of(start // 5 * 5), instant_of(-(-end // 5) * 5)


def occupy(desk, span, lock_code, lapses_at):
    hold = Hold.objects.create(agenda=desk.agenda, lock_code=lock_code)
    Occupation.objects.create(
        bookable_id=desk.bookable_id,
        busy_from=span[0],
        busy_to=span[1],
        hold=hold,
        lapses_at=lapses_at,
    )


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(worlds())
def test_as_a_naive_walk_through_the_minutes_finds(drawn):
    world, first, now_offset = drawn
    zone = ZoneInfo(world.zone)
    last = first + timedelta(days=3)
    origin = epoch_minutes(datetime.combine(first, time(0), tzinfo=zone))
    now = instant_of(origin + now_offset)
    agenda = make_agenda(
        timezone=world.zone,
        maximal_booking_delay=60,
        schedule=make_schedule(
            *(weekly(opens, closes, EVERY_DAY, breaks) for opens, closes, breaks in world.periods)
        ),
    )
    desks = [make_desk(agenda) for _number in range(world.desks)]
    taken = [[] for _desk in desks]
    for number, (desk, start, length) in enumerate(world.bookings):
        span = (origin + start, origin + start + length)
        occupy(desks[desk], span, f"booked-{number}", None)
        taken[desk].append(rounded(*span))
    for number, (desk, start, length, live) in enumerate(world.holds):
        span = (origin + start, origin + start + length)
        occupy(desks[desk], span, f"code-{number}", now + timedelta(minutes=1 if live else 0))
        if live and number:
            taken[desk].append(rounded(*span))
    for type_fields in world.types:
        meeting_type = make_meeting_type(agenda, **type_fields)
        found = availability.slots(
            agenda, meeting_type, first=first, last=last, now=now, lock_code="code-0"
        )
        positions = {desk.pk: number for number, desk in enumerate(desks)}
        assert [
            (epoch_minutes(slot.start), [positions[pk] for pk in slot.desk_ids]) for slot in found
        ] == naive_starts(world, zone, type_fields, taken, first, last, now)


def test_one_row_per_desk_says_the_same_as_one_row_per_booking(monkeypatch):
    """The quick way of SQLite and PostgreSQL beside the one that every database has."""
    plan = seeding.Plan("busy", NOW.date(), days=14, desks=3, bookings=400)
    agenda = seeding.fill(plan, now=NOW)

    def listed():
        return availability.slots(
            agenda, first=plan.first, last=plan.first + timedelta(days=14), now=NOW
        )

    quick = listed()
    monkeypatch.setattr(occupied, "ARRAYS", {})

    assert quick == listed()
    assert len({slot.places_free for slot in quick}) > 1
