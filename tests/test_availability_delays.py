"""Booking delays in working days: Monday to Friday, less what closes the agenda."""

from datetime import date, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import (
    NOW,
    PARIS,
    make_agenda,
    make_appointments,
    make_closure_calendar,
    make_desk,
    make_event,
    make_schedule,
    weekly,
)
from wagtail_agenda import availability
from wagtail_agenda.availability.delays import FARTHEST_DAYS, MOST_DAYS, nth_working_day
from wagtail_agenda.choices import AgendaKind, DelayUnit
from wagtail_agenda.models import Agenda

pytestmark = pytest.mark.django_db

MONDAY = NOW.date()
EVERY_DAY = ("0", "1", "2", "3", "4", "5", "6")


def closed_on(first, last=None):
    value = {"first": str(first), "last": str(last) if last else None, "label": ""}
    return make_closure_calendar({"type": "dates", "value": value})


def days_on_offer(agenda, now=NOW):
    return sorted(
        {slot.start.date() for slot in availability.next_free(agenda, now=now, limit=9999)}
    )


class TestNotice:
    def agenda(self, number, **fields):
        agenda, *_ = make_appointments(
            schedule=make_schedule(weekly(weekdays=EVERY_DAY)),
            minimal_booking_delay=number,
            minimal_booking_delay_unit=DelayUnit.WORKING_DAYS,
            **fields,
        )
        return agenda

    @pytest.mark.parametrize(
        ("number", "expected"),
        [(1, 1), (4, 4), (5, 7), (6, 8), (9, 11), (10, 14)],
    )
    def test_weekends_do_not_count(self, number, expected):
        agenda = self.agenda(number)
        for clock in ("00:00", "23:59"):
            now = datetime.combine(MONDAY, time.fromisoformat(clock), tzinfo=PARIS)
            assert days_on_offer(agenda, now)[0] == MONDAY + timedelta(days=expected)

    @pytest.mark.parametrize("days_later", [4, 5, 6])
    def test_from_friday_to_sunday_the_first_working_day_is_monday(self, days_later):
        agenda = self.agenda(1)
        assert days_on_offer(agenda, NOW + timedelta(days=days_later))[0] == MONDAY + timedelta(
            days=7
        )

    def test_none_means_until_the_last_minute(self):
        agenda = self.agenda(0)
        first = availability.next_free(agenda, now=datetime(2026, 11, 30, 10, 29, tzinfo=PARIS))[0]
        assert f"{first.start:%H:%M}" == "10:30"

    def test_days_on_which_the_agenda_is_closed_do_not_count(self):
        tuesday, thursday = MONDAY + timedelta(days=1), MONDAY + timedelta(days=3)
        agenda = self.agenda(2, closure_calendars=[closed_on(tuesday), closed_on(thursday)])
        assert days_on_offer(agenda)[0] == MONDAY + timedelta(days=4)

    def test_a_closure_that_began_before_and_public_holidays(self):
        holidays = make_closure_calendar(
            {"type": "public_holidays", "value": {"country": "FR", "region": ""}}
        )
        agenda = self.agenda(
            1, closure_calendars=[holidays, closed_on(date(2026, 12, 1), date(2026, 12, 24))]
        )
        # The 25th is Christmas, a Friday.
        assert days_on_offer(agenda, NOW + timedelta(days=14))[0] == date(2026, 12, 28)

    def test_what_closes_one_desk_is_a_working_day_all_the_same(self):
        agenda = self.agenda(1)
        agenda.desks.get().closure_calendars.add(closed_on(MONDAY + timedelta(days=1)))
        make_desk(agenda)
        assert days_on_offer(agenda)[0] == MONDAY + timedelta(days=1)

    def test_today_is_that_of_the_agendas_zone(self):
        agenda = self.agenda(1, timezone="Pacific/Kiritimati")
        now = datetime(2026, 12, 3, 12, tzinfo=PARIS)
        # There it is Friday already.
        assert days_on_offer(agenda, now)[0] == date(2026, 12, 7)


class TestHorizon:
    def test_ends_with_its_last_working_day(self):
        agenda, *_ = make_appointments(
            schedule=make_schedule(weekly(weekdays=EVERY_DAY)),
            maximal_booking_delay=5,
            maximal_booking_delay_unit=DelayUnit.WORKING_DAYS,
            closure_calendars=[closed_on(MONDAY + timedelta(days=2))],
        )
        assert days_on_offer(agenda)[-1] == MONDAY + timedelta(days=8)

    def test_of_events(self):
        agenda = make_agenda(
            kind=AgendaKind.EVENTS,
            maximal_booking_delay=1,
            maximal_booking_delay_unit=DelayUnit.WORKING_DAYS,
        )
        friday = NOW + timedelta(days=4)
        monday = make_event(agenda, start=NOW + timedelta(days=7))
        make_event(agenda, start=NOW + timedelta(days=8))
        listed = availability.next_free(agenda, now=friday)
        assert [slot.event for slot in listed] == [monday]


class TestAbsurdSettings:
    @pytest.mark.parametrize("number", [17_520, 2_147_483_647])
    def test_a_number_beyond_all_days(self, number):
        assert nth_working_day(MONDAY, number, []) > MONDAY + timedelta(days=20_000)

    def test_always_closed(self):
        calendar = closed_on(date(1, 1, 1), date(9999, 12, 31))
        assert nth_working_day(MONDAY, 3, [calendar]) == MONDAY + timedelta(days=FARTHEST_DAYS)

    def test_closed_for_years(self):
        calendar = closed_on(MONDAY, date(2036, 12, 31))
        assert nth_working_day(MONDAY, 1, [calendar]) == date(2037, 1, 1)

    def test_at_the_end_of_the_calendar(self):
        assert nth_working_day(date(9999, 12, 20), 30, []) == date(9999, 12, 30)


class TestNone:
    """Appointments listed without booking delays, as agents and other systems may."""

    @staticmethod
    def last_day(**days):
        agenda, meeting_type, _desks = make_appointments(maximal_booking_delay=10)
        found = availability.slots(agenda, meeting_type, now=NOW, bypass_delays=True, **days)
        return found[-1].start.date() if found else None

    def test_the_horizon_is_not_looked_at(self):
        assert self.last_day(last=MONDAY + timedelta(days=50)) == MONDAY + timedelta(days=50)

    @pytest.mark.parametrize("last", [None, date(2099, 1, 1), date(9999, 12, 31)])
    def test_but_a_listing_ends(self, last):
        end = MONDAY + timedelta(days=MOST_DAYS)
        assert end - timedelta(days=3) <= self.last_day(last=last) <= end

    def test_counted_from_the_first_day_that_is_wanted(self):
        first = MONDAY + timedelta(days=1000)
        last = self.last_day(first=first)
        assert first + timedelta(days=MOST_DAYS - 3) <= last < first + timedelta(days=MOST_DAYS)

    @pytest.mark.parametrize(
        ("first", "last"),
        [(date(9999, 12, 31), None), (None, date(1000, 1, 1)), (date(9999, 1, 1), date.max)],
    )
    def test_days_beyond_the_calendar_have_nothing(self, first, last):
        assert self.last_day(first=first, last=last) is None


@pytest.mark.parametrize("ask", ["next_free", "nearest", "slots"])
def test_working_days_are_counted_once_for_a_listing(django_assert_num_queries, ask):
    agenda, *_ = make_appointments(
        minimal_booking_delay=3,
        minimal_booking_delay_unit=DelayUnit.WORKING_DAYS,
        closure_calendars=[closed_on(MONDAY + timedelta(days=1))],
    )
    agenda = Agenda.objects.get(pk=agenda.pk)
    given = [agenda, None, NOW] if ask == "nearest" else [agenda]
    with CaptureQueriesContext(connection) as queries:
        found = getattr(availability, ask)(*given, now=NOW)
    assert found[0].start.date() == MONDAY + timedelta(days=4)
    # For the notice, and for the openings of agenda and desks.
    assert sum("closurecalendar" in query["sql"] for query in queries) == 3


def test_without_working_days_no_calendar_is_read(django_assert_num_queries):
    agenda, *_ = make_appointments()
    with django_assert_num_queries(0):
        availability.booking_window(agenda, NOW)
