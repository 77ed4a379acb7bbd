"""Why something cannot be booked: every rule has its sentence, and no rule is missing."""

import random
from datetime import datetime, time, timedelta

import pytest

from tests.factories import (
    NOW,
    PARIS,
    make_agenda,
    make_appointments,
    make_booking,
    make_closure_calendar,
    make_desk,
    make_event,
    make_meeting_type,
    make_schedule,
    weekly,
)
from tests.test_availability_events import counted
from tests.test_availability_resources import make_resource, occupy
from tests.test_availability_virtual import make_virtual
from wagtail_agenda import availability
from wagtail_agenda.choices import Admission, AgendaKind, DelayUnit
from wagtail_agenda.timegrid import epoch_minutes, instant_of

pytestmark = pytest.mark.django_db

MONDAY = NOW.date()


def local(clock, day=MONDAY):
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=PARIS)


def explain(agenda, clock="09:00", meeting_type=None, *, day=MONDAY, now=NOW, **options):
    return availability.explain(agenda, local(clock, day), meeting_type, now=now, **options)


def codes(reasons):
    return [reason.code for reason in reasons]


def texts(reasons):
    return " ".join(reason.text for reason in reasons)


def closed_on(day=MONDAY, label="Staff outing", **fields):
    value = {"first": str(day), "last": None, "label": label}
    return make_closure_calendar({"type": "dates", "value": value}, **fields)


class TestAgenda:
    def test_nothing_is_in_the_way_of_what_can_be_booked(self):
        agenda, passport, _desks = make_appointments()
        assert explain(agenda) == explain(agenda, "11:30", passport) == []

    def test_not_published_and_expired(self):
        agenda, *_ = make_appointments(live=False, label="Town hall")
        [reason] = explain(agenda)
        assert (reason.code, reason.agenda) == ("agenda not published", agenda)
        assert reason.text == "The agenda “Town hall” is not published."
        agenda, *_ = make_appointments(expire_at=NOW)
        [reason] = explain(agenda)
        assert reason.code == "agenda expired"
        assert "Monday 30 November 2026, 07:00" in reason.text

    def test_the_past_the_notice_and_the_horizon(self):
        agenda, *_ = make_appointments(
            minimal_booking_delay=3, maximal_booking_delay=1, label="Town hall"
        )
        [reason] = explain(agenda)
        assert reason.text == (
            "Minimum notice of “Town hall”: bookings are taken from Monday 30 November 2026, "
            "10:00 on."
        )
        assert explain(agenda, "10:00") == []
        [reason] = explain(agenda, day=MONDAY + timedelta(days=2))
        assert reason.code == "horizon"
        assert "until Tuesday 1 December 2026, 23:59" in reason.text
        assert codes(explain(agenda, now=local("09:00"))) == ["over", "notice"]
        agenda.minimal_booking_delay = 0
        assert codes(explain(agenda, now=local("09:00"))) == ["over"]

    def test_all_that_is_in_the_way_at_once(self):
        agenda, *_ = make_appointments(
            live=False,
            minimal_booking_delay=5,
            minimal_booking_delay_unit=DelayUnit.DAYS,
            closure_calendars=[closed_on()],
        )
        found = explain(agenda, "15:00")
        assert codes(found) == ["agenda not published", "notice", "closure", "closed"]


class TestHours:
    def test_closures_with_their_label_and_calendar(self):
        agenda, _type, [desk] = make_appointments(
            label="Town hall", closure_calendars=[closed_on(label="", **{})]
        )
        [reason] = explain(agenda)
        assert reason.text == ("“Town hall” is closed that day by the closure calendar “Closures”.")
        agenda.closure_calendars = []
        agenda.save()
        calendar = closed_on()
        desk.closure_calendars.add(calendar)
        [reason] = explain(agenda)
        assert (reason.code, reason.desk) == ("closure", desk)
        assert "“Closures”: Staff outing." in reason.text

    def test_public_holidays_say_which(self):
        holidays = make_closure_calendar(
            {"type": "public_holidays", "value": {"country": "GB", "region": "ENG"}}
        )
        agenda, *_ = make_appointments(closure_calendars=[holidays])
        [reason] = explain(agenda, day=datetime(2026, 12, 25).date())
        assert "Christmas Day" in reason.text

    def test_closed_hours_breaks_and_no_hours_at_all(self):
        schedule = make_schedule(weekly(time(9), time(12), breaks=[(time(10), time(10, 30))]))
        agenda, _type, [desk] = make_appointments(schedule=schedule)
        [closed] = explain(agenda, "08:30")
        assert (closed.code, closed.desk) == ("closed", desk)
        assert codes(explain(agenda, "12:00")) == ["closed"]
        assert codes(explain(agenda, "10:00")) == ["break"]
        assert explain(agenda, "10:30") == []
        schedule.live = False
        schedule.save()
        assert codes(explain(agenda)) == ["no hours"]
        agenda.schedule = None
        assert codes(explain(agenda)) == ["no hours"]

    def test_too_short_before_closing(self):
        agenda, passport, _desks = make_appointments()
        passport.step = 10
        passport.save()
        [reason] = explain(agenda, "11:40")
        assert reason.code == "too short"
        assert reason.text.startswith("“Passport” takes 30 minutes, and “Desk ")
        assert reason.text.endswith("closes at 12:00.")

    @pytest.mark.parametrize("clock", ["09:10", "09:02", "09:00:30"])
    def test_off_the_step(self, clock):
        agenda, *_ = make_appointments()
        [reason] = explain(agenda, clock)
        assert reason.code == "off the step"
        assert "every 30 minutes" in reason.text
        assert "at 09:00, for instance" in reason.text


class TestTaken:
    def test_each_desk_says_by_what_and_until_when(self):
        agenda, _type, (one, two) = make_appointments(desks=2)
        booking = make_booking(agenda)
        later = NOW + timedelta(minutes=10)
        other = two if booking.desk == one else one
        occupy(other, "09:15", "09:45", lapses_at=later)
        busy, held = sorted(explain(agenda), key=lambda reason: reason.code)
        assert (busy.code, busy.booking, busy.desk) == ("busy", booking, booking.desk)
        assert busy.until == local("09:30")
        assert booking.reference in busy.text
        assert booking.user_name not in busy.text
        assert (held.code, held.desk, held.until) == ("held", other, later)
        assert "09:45" in held.text
        assert "07:10" in held.text
        assert codes(explain(agenda, now=later)) == []

    def test_one_that_is_free_is_enough(self):
        agenda, _type, (one, _two) = make_appointments(desks=2)
        occupy(one, "09:00", "09:30")
        assert explain(agenda) == []
        agenda.minimal_booking_delay = 30
        assert codes(explain(agenda)) == ["notice"]

    def test_a_request_for_approval_is_said(self):
        agenda, *_ = make_appointments()
        booking = make_booking(agenda)
        booking.admission = Admission.PENDING
        booking.save()
        [reason] = explain(agenda)
        assert "waits for approval" in reason.text

    def test_buffers_are_in_the_way_as_well(self):
        agenda, passport, [desk] = make_appointments()
        passport.buffer_after, passport.step = 15, 30
        passport.save()
        occupy(desk, "10:10", "10:20")
        assert codes(explain(agenda, "09:30")) == ["held"]
        assert explain(agenda, "09:00") == []


class TestResources:
    def test_each_rule_of_theirs(self):
        agenda, passport, _desks = make_appointments()
        room = make_resource(
            passport,
            schedule=make_schedule(weekly(time(9), time(11))),
            maximal_booking_delay=2,
            maximum_duration=20,
        )
        room.closure_calendars.add(closed_on(label="Painting"))
        occupy(room, "10:45", "11:30")
        wednesday = MONDAY + timedelta(days=2)
        assert {reason.resource for reason in explain(agenda)} == {room}
        assert codes(explain(agenda)) == ["resource too long", "closure"]
        assert codes(explain(agenda, "11:00")) == [
            "resource too long",
            "closure",
            "closed",
            "held",
        ]
        assert codes(explain(agenda, "10:30", day=wednesday)) == ["resource too long"]
        assert codes(explain(agenda, day=wednesday + timedelta(days=1))) == [
            "resource too long",
            "resource horizon",
        ]
        assert "at most" not in texts(explain(agenda))
        assert "the 20 minutes" in texts(explain(agenda))

    def test_retired_ones(self):
        agenda, passport, _desks = make_appointments()
        room = make_resource(passport, retired=True)
        [reason] = explain(agenda)
        assert (reason.code, reason.resource) == ("resource retired", room)
        simple = make_meeting_type(agenda, label="Simple")
        assert explain(agenda) == []
        assert codes(explain(agenda, meeting_type=passport)) == ["resource retired"]
        assert explain(agenda, meeting_type=simple) == []


class TestOffers:
    def test_types(self):
        agenda, passport, _desks = make_appointments()
        other, foreign, _desks = make_appointments()
        assert codes(explain(agenda, meeting_type=foreign)) == ["type of another agenda"]
        passport.retired = True
        passport.save()
        assert codes(explain(agenda, meeting_type=passport)) == ["type retired"]
        assert codes(explain(agenda)) == ["no type"]

    def test_desks(self):
        agenda, passport, [desk] = make_appointments()
        special = make_meeting_type(agenda, label="Wedding")
        special.desks.add(make_desk(agenda, retired=True))
        assert codes(explain(agenda, meeting_type=special)) == ["no desk"]
        assert explain(agenda, meeting_type=passport) == []
        desk.retired = True
        desk.save()
        assert codes(explain(agenda, meeting_type=passport)) == ["no desk"]

    def test_another_type_that_can_be_booked_is_enough(self):
        agenda, _type, _desks = make_appointments()
        short = make_meeting_type(agenda, label="Short", duration=10)
        assert explain(agenda, "09:10") == []
        assert codes(explain(agenda, "09:15")) == ["off the step"] * 2
        assert {reason.meeting_type for reason in explain(agenda, "09:15")} >= {short}


class TestVirtualAgendas:
    def test_nothing_behind_it(self):
        assert codes(explain(make_virtual())) == ["no agenda"]

    def test_one_way_is_enough_and_otherwise_each_says_why(self):
        one, _type, [desk] = make_appointments(label="North")
        two, *_ = make_appointments(label="South", minimal_booking_delay=3)
        virtual = make_virtual(one, two)
        assert explain(virtual) == []
        occupy(desk, "09:00", "09:30")
        found = explain(virtual)
        assert codes(found) == ["held", "notice"]
        assert found[1].agenda == two
        two.live = False
        two.save()
        assert codes(explain(virtual)) == ["held", "agenda not published", "notice"]

    def test_desks_of_the_same_name_are_told_apart(self):
        """Two offices may both have a “Registrar 1”."""
        offices = [make_agenda(label=label) for label in ("North", "South")]
        for number, office in enumerate(offices):
            make_meeting_type(office)
            desk = make_desk(office, label="Registrar 1")
            if number:
                desk.closure_calendars.add(closed_on())
            else:
                occupy(desk, "09:00", "09:30")
        found = explain(make_virtual(*offices))
        assert [reason.text.split("” ")[0] for reason in found] == [
            "“North – Registrar 1",
            "“South – Registrar 1",
        ]
        assert codes(explain(make_virtual(*offices), "07:30")) == ["closed", "closure", "closed"]
        assert texts(explain(make_virtual(*offices), "07:30")).count("North – Registrar 1") == 1
        # Asked for by itself, an office has no need to say which it is.
        [reason] = explain(offices[0])
        assert reason.text.startswith("“Registrar 1” is held")

    def test_its_own_closures(self):
        one, *_ = make_appointments()
        virtual = make_virtual(one, label="Any office", closure_calendars=[closed_on()])
        [reason] = explain(virtual)
        assert (reason.code, reason.agenda) == ("closure", virtual)
        assert "“Any office”" in reason.text


class TestEvents:
    def reasons(self, about, now=NOW, **options):
        return availability.explain(about.agenda, about.start, now=now, **options)

    def test_what_can_be_booked(self):
        event = make_event()
        assert self.reasons(event) == self.reasons(event, event=event) == []

    def test_no_event(self):
        assert codes(explain(make_agenda(kind=AgendaKind.EVENTS))) == ["no event"]

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"open_for_booking": False}, "event closed"),
            ({"cancelled_at": NOW}, "event cancelled"),
            ({"publish_at": NOW + timedelta(seconds=1)}, "event not published"),
        ],
    )
    def test_of_an_event(self, fields, code):
        event = make_event(**fields)
        [reason] = self.reasons(event)
        assert (reason.code, reason.event) == (code, event)
        assert event.label in reason.text

    def test_places_and_waiting_lists(self):
        event = counted(make_event(places=2), places_booked=2)
        assert codes(self.reasons(event)) == ["event full"]
        assert "All 2 places" in texts(self.reasons(event))
        counted(event, waiting_places=2)
        assert codes(self.reasons(event)) == ["waiting list"]
        counted(event, places_waiting=2)
        assert codes(self.reasons(event)) == ["event full"]
        counted(event, places_booked=1)
        assert codes(self.reasons(event)) == ["waiting list full"]

    def test_one_of_two_at_the_same_time_is_enough(self):
        full = counted(make_event(places=1), places_booked=1)
        assert self.reasons(full)
        make_event(full.agenda)
        assert self.reasons(full) == []
        assert codes(self.reasons(full, event=full)) == ["event full"]

    def test_delays(self):
        event = make_event()
        event.agenda.maximal_booking_delay = 1
        assert codes(self.reasons(event)) == ["horizon"]
        assert codes(self.reasons(event, now=event.start)) == ["over"]


@pytest.mark.parametrize("seed", range(5))
def test_a_reason_is_given_if_and_only_if_a_listing_lacks_it(seed):
    draw = random.Random(seed)  # noqa: S311

    def schedule():
        opens = draw.randrange(6, 11)
        breaks = [(time(opens + 1), time(opens + 1, 30))] if draw.random() < 0.5 else []
        return make_schedule(weekly(time(opens), time(opens + draw.randrange(2, 6)), breaks=breaks))

    def appointments():
        agenda = make_agenda(
            schedule=schedule(),
            minimal_booking_delay=draw.choice([0, 2, 5]),
            maximal_booking_delay=draw.choice([0, 60]) or 1,
            maximal_booking_delay_unit=draw.choice([DelayUnit.DAYS, DelayUnit.HOURS]),
            timezone=draw.choice(["Europe/Paris", "Europe/London"]),
            closure_calendars=[closed_on()] if draw.random() < 0.2 else [],
            live=draw.random() < 0.9,
        )
        desks = [make_desk(agenda, schedule=draw.choice([None, schedule()])) for _n in range(2)]
        owners = list(desks)
        for label in ("Passport", "Advice"):
            meeting_type = make_meeting_type(
                agenda,
                label=label,
                duration=draw.choice([15, 30, 40]),
                step=draw.choice([None, 10, 25]),
                buffer_before=draw.choice([0, 10]),
                buffer_after=draw.choice([0, 5]),
            )
            if draw.random() < 0.4:
                meeting_type.desks.add(draw.choice(desks))
            if draw.random() < 0.4:
                hours = draw.choice([None, schedule()])
                resource = make_resource(meeting_type, label=f"{label} room", schedule=hours)
                owners.append(resource)
        for number, owner in enumerate(owners):
            begin = draw.randrange(6 * 60, 12 * 60)
            clocks = [
                f"{at // 60:02}:{at % 60:02}" for at in (begin, begin + draw.randrange(5, 90))
            ]
            occupy(owner, *clocks, code=f"{owner.bookable_id}-{number}")
        return agenda

    agenda = appointments()
    if draw.random() < 0.5:
        agenda = make_virtual(agenda, appointments())
    types = [None, *availability.meeting_types_on_offer(agenda)]
    midnight = epoch_minutes(local("00:00"))
    for meeting_type in types:
        offered = {
            epoch_minutes(slot.start)
            for slot in availability.slots(agenda, meeting_type, first=MONDAY, last=MONDAY, now=NOW)
            if availability.is_open(agenda, NOW)
        }
        for minute in range(midnight, midnight + 24 * 60, 65):
            for moment in {minute, minute - minute % 30}:
                if instant_of(moment).astimezone(agenda.zone).date() == MONDAY:
                    found = availability.explain(agenda, instant_of(moment), meeting_type, now=NOW)
                    assert (found == []) is (moment in offered), (found, moment - midnight)


def test_in_another_language():
    from django.utils import translation

    agenda, *_ = make_appointments(live=False)
    with translation.override("fr"):
        assert explain(agenda)[0].code == "agenda not published"
