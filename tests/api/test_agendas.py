"""Another system asks which agendas there are, and what they have."""

import pytest

from tests.api.shaped import assert_shaped
from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_desk,
    make_event,
    make_meeting_type,
)
from tests.test_availability_virtual import make_virtual
from wagtail_agenda.api.shapes import agendas as shapes
from wagtail_agenda.api.shapes.failures import Failure
from wagtail_agenda.choices import AgendaKind, Attendance, DelayUnit
from wagtail_agenda.models import AttendanceReason, Event, Resource

pytestmark = pytest.mark.django_db

ADDRESS = "http://testserver/agendas/api/agenda/"


def slugs(answer):
    return [one["id"] for one in answer["data"]]


@pytest.fixture
def swimming(frozen_now):
    return make_agenda(
        kind=AgendaKind.EVENTS,
        slug="swimming",
        label="Swimming",
        minimal_booking_delay=2,
        minimal_booking_delay_unit=DelayUnit.WORKING_DAYS,
    )


@pytest.fixture
def office(frozen_now):
    agenda, meeting_type, _desks = make_appointments(slug="office", label="Office")
    meeting_type.slug = "passport"
    meeting_type.save()
    return agenda


class TestOne:
    def test_of_events(self, caller, swimming):
        ill = AttendanceReason.objects.create(label="Ill")
        AttendanceReason.objects.create(label="Of another", agenda=make_agenda())
        AttendanceReason.objects.create(label="Stuck", attendance=Attendance.LATE)
        AttendanceReason.objects.create(label="Old", retired=True)
        cold = AttendanceReason.objects.create(label="Too cold", agenda=swimming, sort_order=1)
        answer = caller.get("agenda/swimming/")
        assert answer.status == 200
        assert answer.data == {
            "err": 0,
            "data": {
                "id": "swimming",
                "slug": "swimming",
                "text": "Swimming",
                "kind": "events",
                "minimal_booking_delay": 2,
                "minimal_booking_delay_in_working_days": True,
                "maximal_booking_delay": 60,
                "booking_delays": {
                    "minimal": {"number": 2, "unit": "working_days"},
                    "maximal": {"number": 60, "unit": "days"},
                },
                "edit_role": None,
                "view_role": None,
                "category": None,
                "category_label": None,
                "absence_reasons": [
                    {"id": str(ill.pk), "slug": "ill", "text": "Ill", "label": "Ill"},
                    {
                        "id": str(cold.pk),
                        "slug": "too-cold",
                        "text": "Too cold",
                        "label": "Too cold",
                    },
                ],
                "api": {
                    "datetimes_url": f"{ADDRESS}swimming/datetimes/",
                    "fillslots_url": f"{ADDRESS}swimming/fillslots/",
                },
            },
        }
        assert_shaped(answer.data, shapes.OneAgenda)

    def test_of_appointments(self, caller, office):
        hall = Resource.objects.create(label="Hall", description="Ground floor", sort_order=1)
        van = Resource.objects.create(label="Van")
        office.resources = [hall, van, Resource.objects.create(label="Old", retired=True)]
        office.save()
        answer = caller.get("agenda/office/")
        told = answer["data"]
        assert told["kind"] == "meetings"
        assert told["shared_resources"] == [
            {"id": "van", "text": "Van", "description": ""},
            {"id": "hall", "text": "Hall", "description": "Ground floor"},
        ]
        assert told["api"] == {
            "meetings_url": f"{ADDRESS}office/meetings/",
            "desks_url": f"{ADDRESS}office/desks/",
            "shared_resources_url": f"{ADDRESS}office/resources/",
            "fillslots_url": f"{ADDRESS}office/fillslots/",
        }
        assert "absence_reasons" not in told
        assert_shaped(answer.data, shapes.OneAgenda)

    def test_a_virtual_one_is_told_as_one_of_appointments(self, caller, office):
        make_virtual(office, slug="any", label="Any office")
        answer = caller.get("agenda/any/")
        assert answer["data"]["kind"] == "virtual"
        assert answer["data"]["api"].keys() == caller.get("agenda/office/")["data"]["api"].keys()
        assert_shaped(answer.data, shapes.OneAgenda)

    @pytest.mark.parametrize(
        ("number", "unit", "days"),
        [(0, "hours", 0), (1, "hours", 1), (24, "hours", 1), (25, "hours", 2), (9, "days", 9)],
    )
    def test_delays_are_told_in_days_and_as_they_were_set(self, caller, number, unit, days):
        agenda = make_agenda(
            minimal_booking_delay=number,
            minimal_booking_delay_unit=unit,
            maximal_booking_delay=number or 1,
            maximal_booking_delay_unit=unit,
        )
        told = caller.get(f"agenda/{agenda.slug}/")["data"]
        assert told["minimal_booking_delay"] == days
        assert told["minimal_booking_delay_in_working_days"] is False
        assert told["maximal_booking_delay"] == max(days, 1)
        assert told["booking_delays"]["minimal"] == {"number": number, "unit": unit}

    @pytest.mark.parametrize("what", ["", "datetimes/", "meetings/", "desks/", "resources/"])
    def test_one_that_there_is_not(self, caller, what):
        make_agenda(slug="draft", live=False)
        for slug in ("draft", "nothing"):
            answer = caller.get(f"agenda/{slug}/{what}")
            assert (answer.status, answer["err_class"]) == (404, "unknown agenda")
            assert_shaped(answer.data, Failure)


class TestSeveral:
    def test_all_that_are_published_by_their_labels(self, caller, swimming, office):
        make_virtual(office, slug="any", label="Any office")
        make_agenda(slug="draft", live=False)
        answer = caller.get("agenda/")
        assert slugs(answer) == ["any", "office", "swimming"]
        assert answer["data"][2] == caller.get("agenda/swimming/")["data"]
        assert_shaped(answer.data, shapes.Agendas)

    def test_none(self, caller):
        assert caller.get("agenda/").data == {"err": 0, "data": []}

    def test_a_part_of_the_slug(self, caller, swimming, office):
        make_agenda(slug="first-swimming")
        assert sorted(slugs(caller.get("agenda/", q="SWIM"))) == ["first-swimming", "swimming"]
        for nothing in ("swimming pool", "%", "swimm_ng", "\x00", "é", "x" * 300):
            assert slugs(caller.get("agenda/", q=nothing)) == []
        assert len(slugs(caller.get("agenda/", q=""))) == 3

    def test_of_one_kind(self, caller, swimming, office):
        make_virtual(office, slug="any")
        for kind, slug in (("events", "swimming"), ("meetings", "office"), ("virtual", "any")):
            assert slugs(caller.get("agenda/", kind=kind)) == [slug]

    @pytest.mark.parametrize(
        "query", [{"kind": "bees"}, {"with_open_events": "sometimes"}], ids=str
    )
    def test_what_is_not_understood_is_named(self, caller, query):
        answer = caller.get("agenda/", **query)
        assert answer.status == 400
        assert answer["errors"].keys() == query.keys()
        assert_shaped(answer.data, Failure)

    def test_there_are_no_categories(self, caller, office):
        assert slugs(caller.get("agenda/", category="sport")) == []
        assert slugs(caller.get("agenda/", category="")) == ["office"]

    def test_with_open_events(self, caller, swimming, office):
        assert slugs(caller.get("agenda/", with_open_events="true")) == []
        make_event(swimming)
        assert slugs(caller.get("agenda/", with_open_events="true")) == ["swimming"]
        assert slugs(caller.get("agenda/", with_open_events="false")) == ["office", "swimming"]
        Event.objects.update(cancelled_at=NOW)
        assert slugs(caller.get("agenda/", with_open_events="1")) == []

    def test_without_those_that_the_client_may_not_touch(self, make_caller, swimming, office):
        caller = make_caller("read", agendas=[office])
        assert slugs(caller.get("agenda/")) == ["office"]
        assert caller.get("agenda/office/").status == 200
        for what in ("", "datetimes/"):
            answer = caller.get(f"agenda/swimming/{what}")
            assert (answer.status, answer["err_class"]) == (404, "unknown agenda")


class TestWhatTheyHave:
    def test_appointment_types(self, caller, office):
        make_meeting_type(office, slug="visa", label="Visa", duration=45, sort_order=1)
        make_meeting_type(office, slug="old", retired=True)
        answer = caller.get("agenda/office/meetings/")
        assert answer["data"] == [
            {
                "id": "passport",
                "text": "Passport",
                "duration": 30,
                "api": {"datetimes_url": f"{ADDRESS}office/meetings/passport/datetimes/"},
            },
            {
                "id": "visa",
                "text": "Visa",
                "duration": 45,
                "api": {"datetimes_url": f"{ADDRESS}office/meetings/visa/datetimes/"},
            },
        ]
        assert_shaped(answer.data, shapes.MeetingTypes)
        one = caller.get("agenda/office/meetings/visa/")
        assert one["data"] == answer["data"][1]
        assert_shaped(one.data, shapes.OneMeetingType)

    @pytest.mark.parametrize("slug", ["old", "nothing", "PASSPORT"])
    @pytest.mark.parametrize("below", ["", "datetimes/"])
    def test_an_appointment_type_that_there_is_not(self, caller, office, slug, below):
        make_meeting_type(office, slug="old", retired=True)
        answer = caller.get(f"agenda/office/meetings/{slug}/{below}")
        assert (answer.status, answer["err_class"]) == (404, "unknown meeting type")

    def test_desks_in_service(self, caller):
        agenda = make_agenda(slug="office")
        make_desk(agenda, slug="b", label="Counter B", sort_order=2)
        make_desk(agenda, slug="a", label="Counter A", sort_order=1)
        make_desk(agenda, slug="old", retired=True)
        answer = caller.get("agenda/office/desks/")
        assert answer["data"] == [
            {"id": "a", "text": "Counter A"},
            {"id": "b", "text": "Counter B"},
        ]
        assert_shaped(answer.data, shapes.Desks)

    def test_shared_resources(self, caller, office):
        hall = Resource.objects.create(label="Hall")
        office.resources = [hall, Resource.objects.create(label="Old", retired=True)]
        office.save()
        answer = caller.get("agenda/office/resources/")
        assert answer["data"] == [{"id": "hall", "text": "Hall"}]
        assert_shaped(answer.data, shapes.SharedResources)

    def test_a_virtual_agenda_has_what_those_behind_it_have(self, make_caller, office):
        other = make_agenda(slug="other")
        for agenda in (office, other):
            hall, _made = Resource.objects.get_or_create(label="Hall")
            agenda.resources = [hall]
            agenda.save()
        make_meeting_type(other, slug="visa")
        make_meeting_type(other, slug="passport")
        make_desk(other, slug="counter", label="Counter")
        virtual = make_virtual(other, slug="any")
        caller = make_caller("read")
        types = caller.get("agenda/any/meetings/")["data"]
        assert [one["id"] for one in types] == ["visa", "passport"]
        assert types[0]["api"]["datetimes_url"] == f"{ADDRESS}any/meetings/visa/datetimes/"
        desks = caller.get("agenda/any/desks/")
        assert desks["data"] == [{"id": "counter", "text": "Counter", "agenda": "other"}]
        assert_shaped(desks.data, shapes.Desks)
        assert slugs(caller.get("agenda/any/resources/")) == ["hall"]
        make_virtual(other, office, slug="both")
        assert slugs(caller.get("agenda/both/resources/")) == ["hall"]
        assert slugs(make_caller("read", agendas=[virtual]).get("agenda/any/desks/")) == []

    @pytest.mark.parametrize("what", ["meetings/", "meetings/x/", "desks/", "resources/"])
    def test_events_have_none_of_these(self, caller, swimming, what):
        answer = caller.get(f"agenda/swimming/{what}")
        assert (answer.status, answer["err_class"]) == (404, "agenda has no appointments")
        assert answer["err_desc"] == "“Swimming” has no appointments."


def test_addresses_that_are_told_can_be_called(caller, office):
    told = caller.get("agenda/office/")["data"]
    for name in ("meetings_url", "desks_url", "shared_resources_url"):
        assert caller.get(told["api"][name]).status == 200
    [meeting_type] = caller.get(told["api"]["meetings_url"])["data"]
    assert caller.get(meeting_type["api"]["datetimes_url"]).status == 200


@pytest.mark.parametrize(
    "path",
    ["", "office/", "office/meetings/", "office/meetings/passport/", "office/desks/"]
    + ["office/resources/", "office/meetings/passport/datetimes/", "office/datetimes/"],
)
def test_a_client_needs_the_scope_to_read(make_caller, office, path):
    answer = make_caller("book", "manage").get(f"agenda/{path}")
    assert (answer.status, answer["err_class"]) == (403, "scope missing")


@pytest.mark.parametrize("number", [1, 6])
def test_queries_do_not_grow_with_agendas(caller, django_assert_max_num_queries, number):
    for each in range(number):
        swimming = make_agenda(kind=AgendaKind.EVENTS, slug=f"swimming-{each}")
        AttendanceReason.objects.create(label="Ill", agenda=swimming)
        make_event(swimming)
        office = make_agenda(slug=f"office-{each}")
        office.resources = [Resource.objects.create(label=f"Hall {each}")]
        office.save()
    with django_assert_max_num_queries(6):
        assert len(slugs(caller.get("agenda/"))) == 2 * number
    with django_assert_max_num_queries(8):
        assert len(slugs(caller.get("agenda/", with_open_events="true"))) == number
