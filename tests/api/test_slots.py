"""Another system asks what can be booked, and when."""

from datetime import date, datetime, time, timedelta

import pytest
from django.urls import include, path
from freezegun import freeze_time

from tests.api.calling import Caller
from tests.api.shaped import assert_shaped
from tests.factories import (
    NOW,
    PARIS,
    make_agenda,
    make_appointments,
    make_booking,
    make_desk,
    make_event,
    make_meeting_type,
    make_schedule,
    one_off,
    weekly,
)
from tests.test_availability_virtual import make_virtual
from wagtail_agenda import attendance, availability, booking, clients
from wagtail_agenda.api.shapes import agendas as shapes
from wagtail_agenda.api.shapes.failures import Failure
from wagtail_agenda.choices import Admission, AgendaKind, WaitingListPromotion
from wagtail_agenda.models import Bookable, Booking, Event, EventSeries, Resource

pytestmark = pytest.mark.django_db

ADDRESS = "http://testserver/agendas/api/agenda/"
DAY = timedelta(days=1)
TOMORROW = NOW.date() + DAY
AUTUMN = date(2026, 10, 25)
"""The clock goes back from 3 to 2."""


def slugs(answer):
    return [one["id"] for one in answer["data"]]


def disabled(answer):
    return [one["id"] for one in answer["data"] if one["disabled"]]


def booked(answer):
    return {
        one["id"]: one["booked_for_external_user"]
        for one in answer["data"]
        if "booked_for_external_user" in one
    }


def book(agenda, key, person=""):
    slot = availability.find(agenda, key, now=NOW)
    return make_booking(slot=slot, user_external_id=person)


def fill_up(event, **counters):
    """Set the counters of an event, as bookings would have."""
    Bookable.objects.filter(pk=event.bookable_id).update(**counters)


def hold(agenda, key, caller, code="x"):
    return booking.hold(
        availability.find(agenda, key, now=NOW),
        lock_code=clients.lock_code(caller.client, code),
        now=NOW,
    )


# Events


@pytest.fixture
def swimming(frozen_now):
    return make_agenda(kind=AgendaKind.EVENTS, slug="swimming", label="Swimming")


@pytest.fixture
def crawl(swimming):
    return make_event(swimming, slug="crawl", label="Crawl", places=2)


@pytest.fixture
def butterfly(swimming):
    start = NOW + timedelta(days=3)
    return make_event(swimming, slug="butterfly", label="Butterfly", places=2, start=start)


def events(caller, **query):
    return caller.get("agenda/swimming/datetimes/", **query)


class TestEvents:
    def test_everything_is_told(self, caller, crawl, settings):
        settings.WAGTAILADMIN_BASE_URL = "https://admin.fairbridge.example"
        Event.objects.update(description="Bring a cap.", url="https://pool.fairbridge.example/")
        fill_up(crawl, places_booked=1)
        answer = events(caller)
        assert answer.status == 200
        told = {
            "id": "crawl",
            "slug": "crawl",
            "text": "Crawl",
            "label": "Crawl",
            "agenda_label": "Swimming",
            "agenda_slug": "swimming",
            "date": "2026-12-02",
            "datetime": "2026-12-02 07:00:00",
            "datetime_iso": "2026-12-02T07:00:00+01:00",
            "end_datetime": "2026-12-02 09:00:00",
            "end_datetime_iso": "2026-12-02T09:00:00+01:00",
            "duration": 120,
            "description": "Bring a cap.",
            "pricing": None,
            "url": "https://pool.fairbridge.example/",
            "disabled": False,
            "checked": False,
            "waiting_list_bookings_automatic_confirm": True,
            "places": {
                "total": 2,
                "reserved": 1,
                "available": 1,
                "full": False,
                "has_waiting_list": False,
            },
            "api": {
                "bookings_url": f"{ADDRESS}swimming/bookings/crawl/",
                "fillslot_url": f"{ADDRESS}swimming/fillslot/crawl/",
                "status_url": f"{ADDRESS}swimming/status/crawl/",
                "check_url": f"{ADDRESS}swimming/check/crawl/",
                "backoffice_url": "https://admin.fairbridge.example/admin/agendas/event/"
                f"{crawl.pk}/check-in/",
            },
        }
        assert answer.data == {
            "err": 0,
            "data": [told],
            "meta": {
                "no_bookable_datetimes": False,
                "bookable_datetimes_number_total": 1,
                "bookable_datetimes_number_available": 1,
                "first_bookable_slot": told,
            },
        }
        assert_shaped(answer.data, shapes.Events)

    def test_what_is_empty_is_null(self, caller, crawl):
        [told] = events(caller)["data"]
        assert [told[name] for name in ("description", "url", "pricing")] == [None] * 3

    def test_a_site_without_the_admin_names_no_place_for_agents(self, caller, crawl, settings):
        settings.ROOT_URLCONF = (path("agendas/", include("wagtail_agenda.urls")),)
        [told] = events(caller)["data"]
        assert told["api"]["backoffice_url"] == ""
        assert told["api"]["fillslot_url"] == f"{ADDRESS}swimming/fillslot/crawl/"

    def test_none(self, caller, swimming):
        answer = events(caller)
        assert answer.data == {
            "err": 0,
            "data": [],
            "meta": {
                "no_bookable_datetimes": True,
                "bookable_datetimes_number_total": 0,
                "bookable_datetimes_number_available": 0,
                "first_bookable_slot": None,
            },
        }
        assert_shaped(answer.data, shapes.Events)

    def test_what_is_full_is_disabled(self, caller, crawl, butterfly):
        fill_up(crawl, places_booked=2)
        answer = events(caller)
        assert slugs(answer) == ["crawl", "butterfly"]
        assert disabled(answer) == ["crawl"]
        assert answer["data"][0]["places"]["full"] is True
        assert answer["meta"] == {
            "no_bookable_datetimes": False,
            "bookable_datetimes_number_total": 2,
            "bookable_datetimes_number_available": 1,
            "first_bookable_slot": answer["data"][1],
        }

    def test_what_is_disabled_is_left_out_if_one_wants(self, caller, crawl, butterfly):
        fill_up(crawl, places_booked=2)
        answer = events(caller, hide_disabled="true")
        assert slugs(answer) == ["butterfly"]
        assert answer["meta"]["bookable_datetimes_number_total"] == 1
        fill_up(butterfly, places_booked=2)
        assert events(caller, hide_disabled="1")["meta"]["no_bookable_datetimes"] is True

    def test_the_numbers_of_the_waiting_list(self, caller, swimming, crawl):
        fill_up(crawl, places_booked=2, waiting_places=5, places_waiting=3)
        swimming.waiting_list_promotion = WaitingListPromotion.BY_HAND
        swimming.save()
        answer = events(caller)
        [told] = answer["data"]
        assert told["disabled"] is False
        assert told["waiting_list_bookings_automatic_confirm"] is False
        assert told["places"] == {
            "total": 2,
            "reserved": 2,
            "available": 0,
            "full": True,
            "has_waiting_list": True,
            "waiting_list_total": 5,
            "waiting_list_reserved": 3,
            "waiting_list_available": 2,
            "waiting_list_activated": True,
        }
        assert_shaped(answer.data, shapes.Events)
        fill_up(crawl, places_waiting=5)
        assert disabled(events(caller)) == ["crawl"]

    def test_as_many_places_as_are_wanted_together(self, caller, crawl, butterfly):
        fill_up(crawl, places_booked=1)
        assert disabled(events(caller, min_places=2)) == ["crawl"]
        assert slugs(events(caller, min_places=2, hide_disabled="true")) == ["butterfly"]
        fill_up(crawl, waiting_places=2)
        assert disabled(events(caller, min_places=2)) == []
        assert disabled(events(caller, min_places=3)) == ["crawl", "butterfly"]

    def test_of_a_series_with_the_date_in_the_text(self, caller, swimming, crawl):
        crawl.series = EventSeries.objects.create(
            agenda=swimming, label="Crawl", first_day=TOMORROW, start_time=time(7)
        )
        crawl.save()
        [told] = events(caller)["data"]
        assert told["text"] == "Crawl (Wednesday 2 December 2026, 07:00)"
        assert told["label"] == "Crawl"

    def test_whether_it_is_checked(self, caller, swimming, crawl, butterfly):
        with freeze_time(crawl.end):
            attendance.mark_as_checked(attendance.Sheet(swimming, event=crawl), now=crawl.end)
            told = events(caller, events="all")["data"]
        assert {one["id"]: one["checked"] for one in told} == {"crawl": True, "butterfly": False}

    def test_appointments_are_no_events(self, caller):
        make_appointments(slug="office", label="Office")
        answer = caller.get("agenda/office/datetimes/")
        assert (answer.status, answer["err_class"]) == (404, "agenda has no events")


class TestWhichEvents:
    def test_of_some_days_the_last_one_excluded(self, caller, crawl, butterfly):
        crawl_day, butterfly_day = "2026-12-02", "2026-12-03"
        assert slugs(events(caller, date_start=butterfly_day)) == ["butterfly"]
        assert slugs(events(caller, date_end=butterfly_day)) == ["crawl"]
        between = {"date_start": crawl_day, "date_end": butterfly_day}
        assert slugs(events(caller, **between)) == ["crawl"]
        assert slugs(events(caller, date_start=crawl_day, date_end=crawl_day)) == []
        assert slugs(events(caller, date_start="", date_end="")) == ["crawl", "butterfly"]

    @pytest.mark.parametrize("day", ["1000-01-01", "9999-12-31"])
    def test_days_beyond_the_calendar(self, caller, crawl, day):
        for query in ({"date_start": day}, {"date_end": day}):
            assert events(caller, **query).status == 200

    def test_outside_of_the_delays_only_if_they_are_bypassed(self, caller, swimming, crawl):
        swimming.minimal_booking_delay, swimming.minimal_booking_delay_unit = 4, "days"
        swimming.maximal_booking_delay = 10
        swimming.save()
        make_event(swimming, slug="far", start=NOW + timedelta(days=90))
        assert slugs(events(caller)) == []
        assert slugs(events(caller, bypass_delays="true")) == ["crawl", "far"]
        assert slugs(events(caller, bypass_delays="true", date_end="2026-12-03")) == ["crawl"]

    def test_past_ones_if_they_are_asked_for(self, caller, swimming, crawl):
        past = make_event(swimming, slug="past", start=NOW - timedelta(days=2), places=1)
        assert slugs(events(caller)) == ["crawl"]
        assert slugs(events(caller, events="future")) == ["crawl"]
        assert slugs(events(caller, events="past")) == ["past"]
        assert slugs(events(caller, events="all")) == ["past", "crawl"]
        assert disabled(events(caller, events="all")) == []
        fill_up(past, places_booked=1)
        assert disabled(events(caller, events="all")) == ["past"]
        assert slugs(events(caller, events="past", hide_disabled="true")) == []
        assert slugs(events(caller, events="past", date_end="2026-11-28")) == []

    def test_nothing_of_an_agenda_that_has_expired(self, caller, swimming, crawl):
        swimming.expire_at = NOW
        swimming.save()
        assert slugs(events(caller)) == []
        assert slugs(events(caller, bypass_delays="true")) == ["crawl"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("date_start", "tomorrow"),
            ("date_start", "20261202"),
            ("date_start", "1764633600"),
            ("date_end", "2026-02-30"),
            ("date_end", "0001-01-01"),
            ("hide_disabled", "perhaps"),
            ("bypass_delays", "2"),
            ("events", "some"),
            ("min_places", "0"),
            ("min_places", "two"),
            ("user_external_id", "x" * 251),
            ("lock_code", "x" * 65),
        ],
    )
    def test_what_is_not_understood_is_named(self, caller, crawl, name, value):
        answer = events(caller, **{name: value})
        assert (answer.status, answer["err_class"]) == (400, "invalid payload")
        assert answer["errors"].keys() == {name}
        assert_shaped(answer.data, Failure)

    def test_what_is_not_known_is_not_looked_at(self, caller, crawl):
        assert slugs(events(caller, orig="forms.fairbridge.example", colour="blue")) == ["crawl"]


class TestEventsOfAPerson:
    def test_on_which_list_they_are(self, caller, swimming, crawl, butterfly):
        fill_up(butterfly, waiting_places=3, places_booked=2)
        make_event(swimming, slug="backstroke", start=NOW + timedelta(days=4))
        book(swimming, "crawl", "ada")
        book(swimming, "butterfly", "ada")
        book(swimming, "backstroke", "bob")
        answer = events(caller, user_external_id="ada")
        assert booked(answer) == {"crawl": "main-list", "butterfly": "waiting-list"}
        assert disabled(answer) == []
        assert_shaped(answer.data, shapes.Events)
        assert booked(events(caller)) == {}

    def test_what_they_have_is_listed_though_it_is_full(self, caller, swimming, crawl, butterfly):
        book(swimming, "crawl", "ada")
        for event in (crawl, butterfly):
            fill_up(event, places_booked=2)
        answer = events(caller, user_external_id="ada", hide_disabled="true")
        assert slugs(answer) == disabled(answer) == ["crawl", "butterfly"]
        assert answer["meta"]["no_bookable_datetimes"] is True

    def test_being_offered_a_place_is_waiting_and_approval_is_not(self, caller, swimming, crawl):
        made = book(swimming, "crawl", "ada")
        for admission, told in (
            (Admission.OFFERED, {"crawl": "waiting-list"}),
            (Admission.WAITING, {"crawl": "waiting-list"}),
            (Admission.PENDING, {"crawl": "main-list"}),
            (Admission.CANCELLED, {}),
        ):
            Booking.objects.filter(pk=made.pk).update(admission=admission)
            assert booked(events(caller, user_external_id="ada")) == told

    def test_of_two_bookings_the_main_list_counts(self, caller, swimming, crawl):
        first, second = book(swimming, "crawl", "ada"), book(swimming, "crawl", "ada")
        for waiting in (first, second):
            Booking.objects.update(admission=Admission.CONFIRMED)
            Booking.objects.filter(pk=waiting.pk).update(admission=Admission.WAITING)
            assert booked(events(caller, user_external_id="ada")) == {"crawl": "main-list"}

    @pytest.mark.parametrize("name", ["exclude_user_external_id", "exclude_user"])
    def test_what_they_have_cannot_be_had_again(self, caller, swimming, crawl, butterfly, name):
        book(swimming, "crawl", "ada")
        assert disabled(events(caller, **{name: "ada"})) == ["crawl"]
        assert booked(events(caller, **{name: "ada"})) == {}
        assert disabled(events(caller, **{name: "bob"})) == []
        assert slugs(events(caller, **{name: "ada"}, hide_disabled="true")) == ["butterfly"]
        Booking.objects.update(admission=Admission.CANCELLED)
        assert disabled(events(caller, **{name: "ada"})) == []

    def test_one_person_is_told_and_another_excluded(self, caller, swimming, crawl, butterfly):
        book(swimming, "crawl", "ada")
        book(swimming, "butterfly", "bob")
        answer = events(caller, user_external_id="ada", exclude_user_external_id="bob")
        assert booked(answer) == {"crawl": "main-list"}
        assert disabled(answer) == ["butterfly"]

    def test_bookings_of_another_agenda_do_not_count(self, caller, crawl):
        make_booking(slot=availability.find(make_event(slug="crawl").agenda, "crawl", now=NOW))
        other = make_event(slug="crawl")
        book(other.agenda, "crawl", "ada")
        answer = events(caller, user_external_id="ada", exclude_user="ada")
        assert (booked(answer), disabled(answer)) == ({}, [])

    def test_a_person_who_is_forgotten_is_nobody(self, caller, swimming, crawl):
        book(swimming, "crawl", "ada")
        Booking.objects.update(person_digest="")
        assert booked(events(caller, user_external_id="ada")) == {}


class TestHolds:
    def test_ones_own_hold_does_not_disable_ones_own_slot(self, make_caller, swimming, crawl):
        caller, another = make_caller(label="Forms"), make_caller(label="Others")
        fill_up(crawl, places_booked=1)
        hold(swimming, "crawl", caller)
        assert disabled(events(caller)) == ["crawl"]
        assert disabled(events(caller, lock_code="x")) == []
        assert disabled(events(caller, lock_code="y")) == ["crawl"]
        assert disabled(events(another, lock_code="x")) == ["crawl"]

    def test_a_visitors_lock_code_is_out_of_reach(self, caller, swimming, crawl):
        fill_up(crawl, places_booked=1)
        slot = availability.find(swimming, "crawl", now=NOW)
        booking.hold(slot, lock_code="visitor", now=NOW)
        assert disabled(events(caller, lock_code="visitor")) == ["crawl"]

    def test_nothing_secret_stands_in_an_address(self, caller, swimming, crawl):
        make_appointments(slug="office")
        for call in ("agenda/swimming/datetimes/", "agenda/office/meetings/passport/datetimes/"):
            answer = caller.get(
                call, lock_code="sesame", user_external_id="ada-7", exclude_user="b-8"
            )
            assert answer["data"]
            text = answer.response.content.decode()
            assert not any(secret in text for secret in ("sesame", "ada-7", "b-8"))


# Appointments


@pytest.fixture
def office(frozen_now):
    """An agenda with two counters, open on Tuesday from 9 to 10 for passports of 30 minutes."""
    schedule = make_schedule(one_off(TOMORROW, closes=time(10)))
    agenda, _type, _desks = make_appointments(desks=2, schedule=schedule, slug="office")
    return agenda


EARLY, LATE = "passport:2026-12-01-0900", "passport:2026-12-01-0930"


def times(caller, agenda="office", **query):
    query = {name.replace("shared_", "shared-"): value for name, value in query.items()}
    return caller.get(f"agenda/{agenda}/meetings/passport/datetimes/", **query)


class TestAppointments:
    def test_everything_is_told(self, caller, office):
        answer = times(caller)
        told = {
            "id": EARLY,
            "text": "Tuesday 1 December 2026, 09:00",
            "datetime": "2026-12-01 09:00:00",
            "datetime_iso": "2026-12-01T09:00:00+01:00",
            "disabled": False,
            "api": {"fillslot_url": f"{ADDRESS}office/fillslot/{EARLY}/"},
        }
        assert answer["data"][0] == told
        assert slugs(answer) == [EARLY, LATE]
        assert answer["meta"] == {
            "no_bookable_datetimes": False,
            "bookable_datetimes_number_total": 2,
            "bookable_datetimes_number_available": 2,
            "first_bookable_slot": told,
        }
        assert_shaped(answer.data, shapes.Appointments)

    def test_in_the_language_of_the_call(self, caller, office):
        answer = caller.call(
            "GET",
            "agenda/office/meetings/passport/datetimes/",
            headers={"Accept-Language": "fr"},
        )
        assert answer["data"][0]["text"] == "mardi 1 décembre 2026, 09:00"

    def test_what_no_desk_is_free_for_is_disabled(self, caller, office):
        book(office, EARLY)
        assert disabled(times(caller)) == []
        book(office, EARLY)
        answer = times(caller)
        assert slugs(answer) == [EARLY, LATE]
        assert disabled(answer) == [EARLY]
        assert answer["meta"]["first_bookable_slot"]["id"] == LATE
        assert slugs(times(caller, hide_disabled="true")) == [LATE]

    def test_of_some_days_the_last_one_excluded(self, caller, office):
        assert slugs(times(caller, date_start="2026-12-01", date_end="2026-12-02")) == [EARLY, LATE]
        assert slugs(times(caller, date_start="2026-12-01", date_end="2026-12-01")) == []
        assert slugs(times(caller, date_start="2026-12-02")) == []

    def test_outside_of_the_delays_only_if_they_are_bypassed(self, caller, office):
        office.minimal_booking_delay, office.minimal_booking_delay_unit = 2, "days"
        office.save()
        assert slugs(times(caller)) == []
        assert slugs(times(caller, bypass_delays="true")) == [EARLY, LATE]

    def test_ones_own_hold_does_not_disable_ones_own_slot(self, caller, office):
        book(office, EARLY)
        hold(office, EARLY, caller)
        assert disabled(times(caller)) == [EARLY]
        assert disabled(times(caller, lock_code="x")) == []

    def test_one_that_no_desk_gives_has_no_times(self, caller, office):
        office.desks.update(retired=True)
        assert times(caller).data["data"] == []

    @pytest.mark.parametrize("name", ["date_start", "hide_disabled", "lock_code"])
    def test_what_is_not_understood_is_named(self, caller, office, name):
        answer = times(caller, **{name: "x" * 65})
        assert answer.status == 400
        assert answer["errors"].keys() == {name}

    def test_where_visitors_choose_how_long_it_is_listed_with_the_shortest(self, caller, office):
        office.meeting_types.update(maximum_duration=60)
        assert slugs(times(caller)) == [EARLY, LATE]


class TestAppointmentsOfAPerson:
    def test_times_that_theirs_overlap_are_told(self, caller, office):
        book(office, LATE, "ada")
        answer = times(caller, user_external_id="ada")
        assert booked(answer) == {LATE: True}
        assert disabled(answer) == []
        assert_shaped(answer.data, shapes.Appointments)
        assert booked(times(caller, user_external_id="bob")) == {}

    def test_an_appointment_of_another_kind_overlaps_too(self, caller, office):
        make_meeting_type(office, slug="wedding", duration=60)
        book(office, "wedding:2026-12-01-0900", "ada")
        assert disabled(times(caller, exclude_user_external_id="ada")) == [EARLY, LATE]
        assert disabled(times(caller, exclude_user_external_id="bob")) == []

    def test_times_that_theirs_overlap_cannot_be_had(self, caller, office):
        book(office, EARLY, "ada")
        answer = times(caller, exclude_user="ada")
        assert disabled(answer) == [EARLY]
        assert answer["meta"]["bookable_datetimes_number_available"] == 1
        assert slugs(times(caller, exclude_user="ada", hide_disabled="true")) == [LATE]
        Booking.objects.update(admission=Admission.CANCELLED)
        assert disabled(times(caller, exclude_user="ada")) == []


class TestSharedResources:
    @pytest.fixture
    def hall(self, office):
        hall = Resource.objects.create(label="Hall")
        van = Resource.objects.create(label="Van")
        office.resources = [hall, van]
        office.save()
        make_meeting_type(office, slug="fair").resources.add(hall)
        return hall

    @pytest.mark.parametrize("name", ["shared_resources", "resources"])
    def test_all_must_be_free(self, caller, office, hall, name):
        book(office, "fair:2026-12-01-0900")
        assert disabled(times(caller)) == []
        answer = times(caller, **{name: "van, hall"})
        assert disabled(answer) == [EARLY]
        assert disabled(times(caller, **{name: "van"})) == []
        assert disabled(times(caller, **{name: ["van", "hall"]})) == [EARLY]
        assert disabled(times(caller, **{name: ""})) == []

    def test_they_are_named_again_where_one_books(self, caller, office, hall):
        [told, _late] = times(caller, shared_resources="van,hall")["data"]
        assert told["api"]["fillslot_url"] == (
            f"{ADDRESS}office/fillslot/{EARLY}/?resources=van,hall"
        )

    def test_one_that_there_is_not(self, caller, office, hall):
        Resource.objects.create(label="Of another")
        for slug in ("nothing", "of-another"):
            answer = times(caller, shared_resources=f"hall,{slug}")
            assert (answer.status, answer["err_class"]) == (404, "unknown resource")
            assert slug in answer["err_desc"]


class TestVirtual:
    @pytest.fixture
    def both(self, office):
        schedule = make_schedule(one_off(TOMORROW, opens=time(9, 30), closes=time(10, 30)))
        other, _type, _desks = make_appointments(schedule=schedule, slug="other", label="Other")
        return make_virtual(office, other, slug="any")

    def test_a_time_names_the_agendas_that_are_free(self, caller, office, both):
        answer = times(caller, "any")
        behind = {one["id"]: [each["id"] for each in one["agendas"]] for one in answer["data"]}
        last = "passport:2026-12-01-1000"
        assert behind == {EARLY: ["office"], LATE: ["office", "other"], last: ["other"]}
        told = answer["data"][1]
        assert told["api"]["fillslot_url"] == f"{ADDRESS}any/fillslot/{LATE}/"
        assert told["agendas"][1] == {
            "id": "other",
            "text": "Other",
            "api": {"fillslot_url": f"{ADDRESS}other/fillslot/{LATE}/"},
        }
        assert_shaped(answer.data, shapes.Appointments)

    def test_a_time_that_is_full_names_none(self, caller, office, both):
        book(office, EARLY)
        book(office, EARLY)
        answer = times(caller, "any")
        assert disabled(answer) == [EARLY]
        assert answer["data"][0]["agendas"] == []

    def test_only_those_that_the_client_may_touch_are_named(self, make_caller, office, both):
        answer = times(make_caller("read", agendas=[both, office]), "any")
        behind = [[each["id"] for each in one["agendas"]] for one in answer["data"]]
        assert behind == [["office"], ["office"], []]

    def test_bookings_of_a_person_in_any_of_them_count(self, caller, office, both):
        book(office, EARLY, "ada")
        assert disabled(times(caller, "any", exclude_user="ada")) == [EARLY]
        assert booked(times(caller, "any", user_external_id="ada")) == {EARLY: True}

    def test_resources_of_the_agendas_behind_it(self, caller, office, both):
        office.resources = [Resource.objects.create(label="Hall")]
        office.save()
        answer = times(caller, "any", resources="hall")
        assert slugs(answer) == [EARLY, LATE]
        assert answer["data"][1]["agendas"] == [
            {
                "id": "office",
                "text": str(office),
                "api": {"fillslot_url": f"{ADDRESS}office/fillslot/{LATE}/?resources=hall"},
            }
        ]


class TestNightsWhenClocksChange:
    @pytest.fixture
    def night_office(self):
        schedule = make_schedule(weekly(time(1, 30), time(3, 30), weekdays=["6"]))
        return make_appointments(schedule=schedule, slug="office")[0]

    @pytest.fixture
    def at_noon_before(self, night_office, monkeypatch):
        """Asks for the times of a night at noon before it.

        A frozen clock would lose which of two times it is.
        """
        caller = Caller(*clients.add("Forms", scopes=["read"], now=NOW))

        def ask(night, **query):
            noon = datetime.combine(night - timedelta(days=1), time(12), tzinfo=PARIS)
            monkeypatch.setattr("django.utils.timezone.now", lambda: noon)
            return times(caller, date_start=str(night), date_end=str(night + DAY), **query)

        return ask

    def test_a_time_that_comes_twice_is_two_slots(self, at_noon_before):
        answer = at_noon_before(AUTUMN)
        told = [(one["id"], one["datetime"][11:16], one["datetime_iso"]) for one in answer["data"]]
        name = "passport:2026-10-25"
        assert told == [
            (f"{name}-0130", "01:30", "2026-10-25T01:30:00+02:00"),
            (f"{name}-0200", "02:00", "2026-10-25T02:00:00+02:00"),
            (f"{name}-0230", "02:30", "2026-10-25T02:30:00+02:00"),
            (f"{name}-0200~2", "02:00", "2026-10-25T02:00:00+01:00"),
            (f"{name}-0230~2", "02:30", "2026-10-25T02:30:00+01:00"),
            (f"{name}-0300", "03:00", "2026-10-25T03:00:00+01:00"),
        ]
        texts = [one["text"].rpartition(", ")[2] for one in answer["data"]]
        assert texts == ["01:30", "02:00 CEST", "02:30 CEST", "02:00 CET", "02:30 CET", "03:00"]
        address = answer["data"][3]["api"]["fillslot_url"]
        assert address == f"{ADDRESS}office/fillslot/{name}-0200~2/"

    def test_a_time_that_does_not_exist_is_none(self, at_noon_before):
        answer = at_noon_before(date(2026, 3, 29))
        assert [one["id"][-4:] for one in answer["data"]] == ["0130", "0300"]

    @pytest.mark.parametrize("time", ["0200", "0200~2"])
    def test_which_of_both_somebody_has(self, night_office, at_noon_before, time):
        before = datetime(2026, 10, 24, 12, tzinfo=PARIS)
        key = f"passport:2026-10-25-{time}"
        slot = availability.find(night_office, key, now=before)
        make_booking(slot=slot, now=before, user_external_id="ada")
        make_desk(night_office)
        assert disabled(at_noon_before(AUTUMN, exclude_user="ada")) == [key]


# From a listing to a booking


WHO = {"user_name": "Ada Martin", "user_external_id": "ada"}


class TestBookingWhatIsListed:
    def test_an_event(self, caller, crawl):
        [told] = events(caller)["data"]
        answer = caller.post(told["api"]["fillslot_url"], WHO)
        assert (answer["err"], answer["datetime_iso"]) == (0, told["datetime_iso"])
        [after] = events(caller, user_external_id="ada")["data"]
        assert after["places"] == answer["places"]
        assert after["booked_for_external_user"] == "main-list"

    def test_several_events(self, caller, crawl, butterfly):
        slots = slugs(events(caller))
        address = caller.get("agenda/swimming/")["data"]["api"]["fillslots_url"]
        assert caller.post(address, {**WHO, "slots": slots})["booking_count"] == 2
        assert booked(events(caller, user_external_id="ada")).keys() == {"crawl", "butterfly"}

    def test_an_appointment_with_what_it_needs_beside_its_desk(self, caller, office):
        office.resources = [Resource.objects.create(label=label) for label in ("Hall", "Van")]
        office.save()
        told = times(caller, shared_resources="hall,van")["data"][0]
        answer = caller.post(told["api"]["fillslot_url"], WHO)
        assert (answer["err"], answer["resources"]) == (0, ["hall", "van"])
        assert disabled(times(caller, shared_resources="hall")) == [EARLY]
        assert disabled(times(caller)) == []

    def test_one_that_only_delays_forbid(self, caller, office):
        office.minimal_booking_delay, office.minimal_booking_delay_unit = 2, "days"
        office.save()
        told = times(caller, bypass_delays="true")["data"][0]
        address = told["api"]["fillslot_url"]
        assert caller.post(address, WHO)["err_class"] == "delay not respected"
        assert caller.post(address, {**WHO, "bypass_delays": True})["err"] == 0

    def test_one_of_a_virtual_agenda_in_an_agenda_behind_it(self, caller, office):
        make_virtual(make_appointments()[0], office, slug="any")
        told = times(caller, "any", date_start=str(TOMORROW))["data"][0]
        behind = {one["id"]: one["api"]["fillslot_url"] for one in told["agendas"]}
        assert caller.post(behind["office"], WHO)["agenda"]["slug"] == "office"
        assert caller.post(told["api"]["fillslot_url"], {})["err"] == 0

    def test_what_a_lock_code_holds_is_free_for_it_alone(self, caller, crawl):
        fill_up(crawl, places_booked=1)
        [told] = events(caller, lock_code="x")["data"]
        caller.post(told["api"]["fillslot_url"], {"lock_code": "x"})
        assert disabled(events(caller)) == ["crawl"]
        assert disabled(events(caller, lock_code="x")) == []


# How much it costs


@pytest.mark.parametrize("number", [1, 30])
def test_queries_do_not_grow_with_events(caller, swimming, django_assert_num_queries, number):
    for each in range(number):
        event = make_event(swimming, slug=f"in-{each}", start=NOW + timedelta(hours=1 + each))
        book(swimming, event.slug, "ada")
    hold(swimming, "in-0", caller)
    # Who calls, and that they did; the agenda, and whether it is for them; and of all events
    # together what they are, what is held, who has booked and what is checked.
    with django_assert_num_queries(8):
        answer = events(caller, user_external_id="ada", exclude_user="bob", lock_code="x")
    assert len(booked(answer)) == number


@pytest.mark.parametrize(("days", "weekdays"), [(1, 1), (60, 44)])
def test_queries_do_not_grow_with_times(caller, office, django_assert_num_queries, days, weekdays):
    office.schedule = make_schedule(weekly())
    office.save()
    make_desk(office)
    book(office, EARLY, "ada")
    window = {"date_start": str(TOMORROW), "date_end": str(TOMORROW + days * DAY)}
    # Who calls, and that they did; the agenda, whether it is for them, and its types; and of all
    # times together what gives them, what is taken and who has booked.
    with django_assert_num_queries(8):
        answer = times(caller, user_external_id="ada", **window)
    assert len(answer["data"]) == 6 * weekdays
    assert booked(answer) == {EARLY: True}


@pytest.mark.parametrize("members", [1, 4])
@pytest.mark.parametrize("days", [1, 60])
def test_nor_with_agendas_behind_a_virtual_one(
    caller, office, django_assert_max_num_queries, members, days
):
    office.schedule = make_schedule(weekly())
    office.save()
    others = [make_appointments()[0] for _number in range(members)]
    make_virtual(office, *others, slug="any")
    book(office, EARLY, "ada")
    end = str(TOMORROW + days * DAY)
    with django_assert_max_num_queries(14):
        answer = times(caller, "any", user_external_id="ada", date_end=end)
    assert len(answer["data"][0]["agendas"]) == members + 1
    assert booked(answer) == {EARLY: True}


def test_the_description_of_the_interface_names_every_key_of_a_slot(client):
    described = client.get("/agendas/api/openapi.json").json()
    paths = described["paths"]
    for call, shape in (
        ("/agendas/api/agenda/", "Agendas"),
        ("/agendas/api/agenda/{slug}/datetimes/", "Events"),
        ("/agendas/api/agenda/{slug}/meetings/{meeting_type}/datetimes/", "Appointments"),
    ):
        answers = paths[call]["get"]["responses"]
        schema = answers["200"]["content"]["application/json"]["schema"]
        assert schema["anyOf"] == [
            {"$ref": f"#/components/schemas/{shape}"},
            {"$ref": "#/components/schemas/Failure"},
        ]
    parameters = paths["/agendas/api/agenda/{slug}/datetimes/"]["get"]["parameters"]
    assert {one["name"] for one in parameters} == {
        "slug",
        *("date_start", "date_end", "user_external_id", "exclude_user_external_id"),
        *("exclude_user", "hide_disabled", "bypass_delays", "lock_code", "min_places", "events"),
    }
