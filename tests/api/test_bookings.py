"""Bookings as other systems read, change and cancel them."""

import json
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from freezegun import freeze_time

from tests.api.calling import Caller
from tests.booking.common import admissions, join, make_course, numbers, rows, stored
from tests.factories import (
    NOW,
    PARIS,
    make_agenda,
    make_appointments,
    make_booking,
    make_event,
    utc,
)
from tests.second_parser import read_calendar
from wagtail_agenda import attendance, availability, booking, clients, workflow
from wagtail_agenda.api.shapes import bookings as shapes
from wagtail_agenda.attendance import Sheet
from wagtail_agenda.choices import Actor, Admission, AgendaKind, Attendance, Trigger
from wagtail_agenda.models import AttendanceReason, Booking, Delivery

pytestmark = pytest.mark.django_db

ACTS = ("cancel", "accept", "suspend", "resize", "anonymize")
LATER = NOW + timedelta(days=3)


@pytest.fixture
def made():
    """Ada's appointment, made by a form engine."""
    agenda = make_appointments(slug="passports", label="Passports")[0]
    return make_booking(
        agenda,
        user_external_id="ada-1",
        extra_data={"file": "A-12", "ward": 3},
        label="Passport",
        cancel_callback_url="https://forms.example/cancel/",
    )


@pytest.fixture
def course():
    """An event with one place and three on the waiting list."""
    return make_course(waiting_list_promotion="manual")


@pytest.fixture
def queue(course):
    """Ada, who has the place, and Bob, who waits for it."""
    return join(course, user_external_id="ada-1"), join(course, "bob", user_external_id="bob-2")


def to(made, act=""):
    return f"booking/{made.uuid}/{act}/" if act else f"booking/{made.uuid}/"


def error_of(answer):
    assert answer["err_class"] == answer["reason"]
    assert answer["err_desc"]
    return answer.status, answer["err"], answer["err_class"]


def calls():
    return Delivery.objects.filter(kind="call")


# Read


def test_a_booking_is_told_as_it_is(made, caller):
    answer = caller.get(to(made))
    assert (answer.status, answer["err"], answer["booking_id"]) == (200, 0, str(made.uuid))
    address = f"http://testserver/agendas/api/booking/{made.uuid}/"
    assert answer["data"] == {
        "booking_id": str(made.uuid),
        "id": str(made.uuid),
        "reference": made.reference,
        "in_waiting_list": False,
        "admission": "confirmed",
        "user_was_present": None,
        "user_absence_reason": None,
        "extra_data": {"file": "A-12", "ward": 3},
        "datetime": "2026-11-30 09:00:00",
        "datetime_iso": "2026-11-30T09:00:00+01:00",
        "end_datetime": "2026-11-30 09:30:00",
        "end_datetime_iso": "2026-11-30T09:30:00+01:00",
        "duration": 30,
        "count": 1,
        "label": "Passport",
        "user_display_label": made.user_display_label,
        "description": "",
        "user_name": "Ada Martin",
        "user_email": "ada@fairbridge.example",
        "user_phone_number": "",
        "user_external_id": "ada-1",
        "agenda": {"label": "Passports", "slug": "passports"},
        "event": None,
        "meeting_type": made.meeting_type.slug,
        "desk": {"label": made.desk.label, "slug": made.desk.slug},
        "api": {
            "booking_url": address,
            "cancel_url": f"{address}cancel/",
            "ics_url": f"{address}ics/",
            "accept_url": f"{address}accept/",
            "suspend_url": f"{address}suspend/",
            "anonymize_url": f"{address}anonymize/",
            "cancel_callback_url": "https://forms.example/cancel/",
        },
    }


def test_answers_are_of_the_shape_that_is_documented(made, queue, caller):
    for one in (made, *queue):
        shapes.OneBooking.model_validate(caller.get(to(one)).data)
        shapes.OneBooking.model_validate(caller.patch(to(one), {"more": [1]}).data)
    shapes.OneBooking.model_validate(caller.post(to(made, "anonymize")).data)
    listed = caller.get("bookings/", user_external_id="bob-2").data
    assert len(shapes.SeveralBookings.model_validate(listed).data) == 1


def test_the_addresses_that_are_told_can_be_called(queue, caller):
    links = caller.get(to(queue[1]))["data"]["api"]
    assert caller.get(links["booking_url"])["booking_id"] == str(queue[1].uuid)
    assert caller.get(links["ics_url"]).status == 200
    assert caller.post(links["cancel_url"])["err"] == 0
    assert caller.post(links["suspend_url"])["err_class"] == "booking is cancelled"
    assert caller.post(links["accept_url"])["err_class"] == "booking is cancelled"
    assert caller.post(links["anonymize_url"])["err"] == 0


def test_who_waits_is_on_the_waiting_list_and_so_is_who_is_offered_a_place(course, queue, caller):
    told = [caller.get(to(one))["data"]["in_waiting_list"] for one in queue]
    assert told == [False, True]
    booking.change_places(course, 2, now=NOW, waiting_places=3)
    booking.offer(queue[1], now=NOW)
    data = caller.get(to(queue[1]))["data"]
    assert (data["in_waiting_list"], data["admission"], data["event"]) == (
        True,
        "offered",
        course.slug,
    )


@pytest.mark.parametrize(
    ("start", "local", "instant"),
    [
        (utc(2027, 10, 31, 0, 30), "02:30:00", "02:30:00+02:00"),
        (utc(2027, 10, 31, 1, 30), "02:30:00", "02:30:00+01:00"),
    ],
)
def test_a_time_that_comes_twice_is_told_apart(start, local, instant):
    # The clock runs: one that is frozen forgets which of the two times is meant.
    caller = Caller(*clients.add("Forms", scopes=["read"], now=NOW))
    one = join(make_event(start=start, hours=1))
    data = caller.get(to(one))["data"]
    assert (data["datetime"], data["datetime_iso"]) == (
        f"2027-10-31 {local}",
        f"2027-10-31T{instant}",
    )
    assert data["duration"] == 60


def test_of_a_cancelled_booking_is_told_that_it_is(made, caller):
    booking.cancel(made, actor=Actor.VISITOR, now=NOW)
    for answer in (caller.get(to(made)), caller.patch(to(made), {"a": 1})):
        assert error_of(answer) == (200, 1, "booking is cancelled")
    assert stored(made).extra_data == {"file": "A-12", "ward": 3}


# Lists


def test_somebodys_bookings_in_order_of_time(made, caller):
    agenda = make_agenda(kind=AgendaKind.EVENTS, slug="courses")
    late = join(make_event(agenda, start=NOW + timedelta(days=9)), user_external_id="ada-1")
    soon = join(make_event(agenda, start=NOW + timedelta(days=2)), user_external_id="ada-1")
    off = join(make_event(agenda), user_external_id="ada-1")
    booking.cancel(off, actor=Actor.VISITOR, now=NOW)
    for other in ("", "ADA-1", "ada-1 ", "ada-2"):
        join(make_event(agenda), f"b{len(other)}", user_external_id=other)

    def listed(**asked):
        answer = caller.get("bookings/", user_external_id="ada-1", **asked)
        assert (answer.status, answer["err"]) == (200, 0)
        return [one["id"] for one in answer["data"]]

    everything = [str(one.uuid) for one in (made, soon, late)]
    assert listed() == everything
    assert listed(agenda="courses") == everything[1:]
    assert listed(agenda="", date_start="", category="") == everything
    assert listed(category="sport") == []
    assert listed(date_start="2026-12-02") == everything[1:]
    assert listed(date_end="2026-12-02") == everything[:1]
    assert listed(date_start="2026-12-02", date_end="2026-12-03") == [everything[1]]
    assert listed(date_start="1000-01-01", date_end="9999-12-31") == everything


def test_days_of_a_list_are_local_to_the_agenda(caller):
    """Half past midnight in Paris is the day before in UTC."""
    start = datetime(2026, 12, 3, 0, 30, tzinfo=PARIS)
    join(make_event(start=start), user_external_id="ada-1")
    asked = {"user_external_id": "ada-1"}
    assert len(caller.get("bookings/", **asked, date_start="2026-12-03")["data"]) == 1
    assert caller.get("bookings/", **asked, date_end="2026-12-03")["data"] == []


@pytest.mark.parametrize("path", ["bookings/", "bookings/ics/"])
def test_whose_bookings_must_be_said(caller, path):
    for name in (None, "", " ", "\0", "x" * 251):
        asked = {} if name is None else {"user_external_id": name}
        answer = caller.get(path, **asked)
        assert error_of(answer) == (400, 1, "invalid payload")
        assert list(answer["errors"]) == ["user_external_id"]


@pytest.mark.parametrize("name", ["date_start", "date_end"])
def test_a_day_that_is_none_is_named(caller, name):
    answer = caller.get("bookings/", user_external_id="ada-1", **{name: "2026-02-30"})
    assert error_of(answer) == (400, 1, "invalid payload")
    assert list(answer["errors"]) == [name]


def test_through_a_virtual_agenda(caller):
    agenda = make_appointments()[0]
    both = make_agenda(kind=AgendaKind.VIRTUAL, slug="any-counter", schedule=None)
    one = make_booking(agenda, user_external_id="ada-1")
    Booking.objects.filter(pk=one.pk).update(virtual_agenda=both)
    listed = caller.get("bookings/", user_external_id="ada-1", agenda="any-counter")["data"]
    assert [found["id"] for found in listed] == [str(one.uuid)]
    assert listed[0]["agenda"]["slug"] == agenda.slug


def test_a_list_costs_the_same_for_many(caller, django_assert_max_num_queries):
    for number in range(5):
        join(make_event(), f"b{number}", user_external_id="ada-1")
    with django_assert_max_num_queries(8):
        assert len(caller.get("bookings/", user_external_id="ada-1")["data"]) == 5


# Who may


def test_a_foreign_booking_is_not_there(made, make_caller):
    foreign = make_caller(agendas=[make_agenda()])
    absent = Booking(uuid=uuid4())
    before = rows()
    for act in ("", *ACTS, "ics"):
        more = {"count": 2} if act == "resize" else {}
        for call in (foreign.get,) if act in ("", "ics") else (foreign.post,):
            answer = call(to(made, act), **more)
            assert error_of(answer) == (404, 1, "unknown booking")
            assert answer.data == call(to(absent, act), **more).data
    assert foreign.patch(to(made), {"a": 1}).status == 404
    assert foreign.delete(to(made)).status == 404
    assert foreign.get("bookings/", user_external_id="ada-1")["data"] == []
    for slug in ("passports", "\0", "é", " "):
        answer = foreign.get("bookings/", user_external_id="ada-1", agenda=slug)
        assert error_of(answer) == (404, 1, "unknown agenda")
    assert answer.data == foreign.get("bookings/", user_external_id="a", agenda="none").data
    calendar = foreign.get("bookings/ics/", user_external_id="ada-1").response.content
    assert read_calendar(calendar).events == ()
    assert rows() == before


@pytest.mark.parametrize("name", ["1", "x", "%00", "é"])
def test_what_is_no_booking_is_not_there(caller, name):
    assert error_of(caller.get(f"booking/{name}/")) == (404, 1, "unknown booking")


def test_each_scope_is_for_itself(made, make_caller):
    reading, booking_ = make_caller("read"), make_caller("book")
    others = make_caller("manage", "check_in")
    missing = (403, 1, "scope missing")
    reads = [to(made), to(made, "ics")]
    for path in reads:
        assert reading.get(path).status == 200
        assert error_of(booking_.get(path)) == error_of(others.get(path)) == missing
    for path in ("bookings/", "bookings/ics/"):
        assert reading.get(path, user_external_id="ada-1").status == 200
        assert error_of(booking_.get(path, user_external_id="ada-1")) == missing
    for act in ACTS:
        assert error_of(reading.post(to(made, act))) == missing
        assert error_of(others.post(to(made, act))) == missing
    for nobody in (reading, others):
        assert error_of(nobody.delete(to(made))) == missing
    assert error_of(reading.patch(to(made), {"user_was_present": True})) == missing
    assert stored(made).admission == Admission.CONFIRMED
    assert booking_.delete(to(made)).status == 200


def test_to_note_attendance_alone_check_in_is_enough(made, make_caller):
    door, forms = make_caller("check_in"), make_caller("book")
    assert door.patch(to(made), {"user_was_present": True})["data"]["user_was_present"] is True
    answer = door.patch(to(made), {"user_was_present": False, "file": "B"})
    assert error_of(answer) == (403, 1, "scope missing")
    assert stored(made).attendance == Attendance.PRESENT
    assert forms.patch(to(made), {"user_was_present": False})["err"] == 0


def test_who_is_not_known_is_told_nothing(made, client):
    for path in (to(made), "bookings/?user_external_id=ada-1"):
        answer = client.get(f"/agendas/api/{path}")
        assert (answer.status_code, answer.json()["err_class"]) == (401, "no credentials")


# Change


def test_further_data_is_kept_beside_what_there_is(made, caller):
    before = rows()
    data = caller.patch(to(made), {"ward": 4, "papers": {"photo": None}, "user_name": "x"})["data"]
    expected = {"file": "A-12", "ward": 4, "papers": {"photo": None}, "user_name": "x"}
    assert data["extra_data"] == stored(made).extra_data == expected
    assert stored(made).user_name == "Ada Martin"
    assert rows() == before


def test_nothing_is_kept_of_whom_was_forgotten(made, caller):
    caller.post(to(made, "anonymize"))
    assert error_of(caller.patch(to(made), {"name": "Ada"})) == (200, 1, "booking is anonymised")
    assert stored(made).extra_data == {}


@pytest.mark.parametrize("body", [[], "x", 1, None])
def test_a_change_is_an_object(made, caller, body):
    assert error_of(caller.patch(to(made), body)) == (400, 1, "invalid payload")


def test_who_came_who_did_not_and_back(made, caller):
    for said, kept, told in [
        (True, Attendance.PRESENT, True),
        ("false", Attendance.ABSENT, False),
        ("", Attendance.UNKNOWN, None),
        ("true", Attendance.PRESENT, True),
        (None, Attendance.UNKNOWN, None),
    ]:
        data = caller.patch(to(made), {"user_was_present": said})["data"]
        assert data["user_was_present"] is told
        assert stored(made).attendance == kept
    entries = made.entries.order_by("pk").values_list("what", "actor")[1:]
    undone = (workflow.CHECK_IN_UNDONE, Actor.CLIENT)
    present, absent = (Trigger.PRESENT, Actor.CLIENT), (Trigger.ABSENT, Actor.CLIENT)
    assert list(entries) == [present, absent, undone, present, undone]


def test_what_is_no_truth_is_named(made, caller):
    answer = caller.patch(to(made), {"user_was_present": "perhaps", "a": 1})
    assert error_of(answer) == (400, 1, "invalid payload")
    assert list(answer["errors"]) == ["user_was_present"]
    assert "a" not in stored(made).extra_data


def test_who_was_late_was_present(made, caller):
    reason = AttendanceReason.objects.create(label="Bus", attendance=Attendance.LATE)
    attendance.check_in(made, Attendance.LATE, now=NOW, reason=reason)
    assert caller.get(to(made))["data"]["user_was_present"] is True
    body = {"user_was_present": True, "user_absence_reason": None}
    assert caller.patch(to(made), body)["data"]["user_absence_reason"] is None
    assert (stored(made).attendance, stored(made).attendance_reason) == (Attendance.LATE, reason)


def test_a_reason_is_named_by_id_slug_or_label(made, caller):
    reason = AttendanceReason.objects.create(label="Is ill", attendance=Attendance.ABSENT)
    for name in ("is-ill", "Is ill", reason.pk, str(reason.pk)):
        caller.patch(to(made), {"user_was_present": None})
        body = {"user_was_present": False, "user_absence_reason": name}
        data = caller.patch(to(made), body)["data"]
        assert (data["user_was_present"], data["user_absence_reason"]) == (False, str(reason.pk))
        assert stored(made).attendance_reason == reason


def test_a_reason_comes_later_and_goes_again_and_the_note_of_colleagues_stays(made, caller):
    reason = AttendanceReason.objects.create(
        label="Is ill", attendance=Attendance.ABSENT, agenda=made.agenda
    )
    attendance.check_in(made, Attendance.ABSENT, now=NOW, note="Has rung us")
    for name, kept in (("is-ill", reason), ("is-ill", reason), (None, None), ("", None)):
        answer = caller.patch(to(made), {"user_absence_reason": name})
        assert answer["data"]["user_absence_reason"] == (str(reason.pk) if name else None)
        assert (stored(made).attendance_reason, stored(made).attendance_note) == (
            kept,
            "Has rung us",
        )
    reason.retired = True
    reason.save()
    assert caller.patch(to(made), {"user_absence_reason": "is-ill"}).status == 400


def test_a_reason_that_cannot_be_given_is_named(made, caller):
    make = AttendanceReason.objects.create
    make(label="Is ill", attendance=Attendance.ABSENT)
    make(label="Bus", attendance=Attendance.LATE)
    make(label="Elsewhere", attendance=Attendance.ABSENT, agenda=make_agenda())
    make(label="Old", attendance=Attendance.ABSENT, retired=True)
    for body in (
        {"user_absence_reason": "is-ill"},
        {"user_was_present": True, "user_absence_reason": "is-ill"},
        {"user_was_present": None, "user_absence_reason": "is-ill"},
        *(
            {"user_was_present": False, "user_absence_reason": name}
            for name in ("bus", "elsewhere", "old", "unheard of")
        ),
    ):
        answer = caller.patch(to(made), {**body, "file": "B"})
        assert error_of(answer) == (400, 1, "invalid payload")
        assert list(answer["errors"]) == ["user_absence_reason"]
    assert (stored(made).attendance, stored(made).extra_data["file"]) == ("", "A-12")


def test_nothing_is_kept_where_attendance_is_refused(queue, caller):
    answer = caller.patch(to(queue[1]), {"user_was_present": True, "a": 1})
    assert error_of(answer) == (200, 1, "booking is not confirmed")
    assert stored(queue[1]).extra_data == {}


def test_what_is_marked_as_checked_stays(made, caller):
    attendance.mark_as_checked(Sheet.of(made), now=LATER)
    answer = caller.patch(to(made), {"user_was_present": True})
    assert error_of(answer) == (200, 1, "already marked as checked")


# Cancel


@pytest.mark.parametrize("way", ["cancel", "delete"])
def test_cancelled_once_and_nobody_is_called(made, caller, way):
    def cancel():
        return caller.delete(to(made)) if way == "delete" else caller.post(to(made, "cancel"))

    answer = cancel()
    assert (answer["err"], answer["booking_id"]) == (0, str(made.uuid))
    assert answer["data"]["admission"] == "cancelled"
    entry = made.entries.order_by("pk").last()
    assert (entry.what, entry.actor) == (Trigger.CANCELLED_BY_API, Actor.CLIENT)
    before = rows()
    assert error_of(cancel()) == (200, 1, "already cancelled")
    assert rows() == before
    assert not calls().exists()


def test_what_has_begun_can_be_cancelled_still(made, caller):
    with freeze_time(made.end):
        assert caller.post(to(made, "cancel"))["err"] == 0


def test_the_same_call_again_gets_the_first_answer(made, caller):
    key = {"Idempotency-Key": "one"}
    first, second = (caller.post(to(made, "cancel"), headers=key) for _time in range(2))
    assert first.data == second.data
    assert first["err"] == 0


# The waiting list


def test_accepted_and_suspended(course, queue, caller):
    ada, bob = queue
    assert error_of(caller.post(to(bob, "accept"))) == (200, 1, "sold out")
    assert admissions(bob) == [Admission.WAITING]
    answer = caller.post(to(ada, "suspend"))
    assert (answer["err"], answer["data"]["in_waiting_list"]) == (0, True)
    answer = caller.post(to(bob, "accept"))
    assert (answer["err"], answer["data"]["in_waiting_list"]) == (0, False)
    assert error_of(caller.post(to(bob, "accept"))) == (200, 2, "booking is not in waiting list")
    expected = (200, 2, "booking is already in waiting list")
    assert error_of(caller.post(to(ada, "suspend"))) == expected
    assert [numbers(course), admissions(ada, bob)] == [
        (1, 1),
        [Admission.WAITING, Admission.CONFIRMED],
    ]
    for one in queue:
        assert one.entries.order_by("pk").last().actor == Actor.CLIENT


def test_whoever_is_offered_a_place_is_accepted(course, queue, caller):
    booking.change_places(course, 2, now=NOW, waiting_places=3)
    booking.offer(queue[1], now=NOW)
    assert caller.post(to(queue[1], "accept"))["data"]["admission"] == "confirmed"
    assert numbers(course) == (2, 0)


def test_an_appointment_has_no_waiting_list(made, caller):
    assert error_of(caller.post(to(made, "accept"))) == (200, 2, "booking is not in waiting list")
    assert error_of(caller.post(to(made, "suspend"))) == (200, 1, "waiting list is full")


def test_once_it_has_begun_nobody_is_accepted(course, queue, caller):
    with freeze_time(course.start):
        assert error_of(caller.post(to(queue[1], "accept"))) == (200, 1, "event is over")
        assert error_of(caller.post(to(queue[0], "suspend"))) == (200, 1, "event is over")


# Size


def test_resized_by_body_or_query(caller):
    event = make_course(places=5)
    one = join(event)
    for more in ({"count": 3}, {"count": "3"}):
        answer = caller.post(to(one, "resize"), more)
        assert (answer["err"], answer["data"]["count"], numbers(event)) == (0, 3, (3, 0))
    assert caller.post(to(one, "resize"), count=5)["data"]["count"] == 5
    assert caller.post(to(one, "resize"), {}, count=2)["data"]["count"] == 2
    assert error_of(caller.post(to(one, "resize"), {"count": 6})) == (200, 1, "sold out")
    assert numbers(event) == (2, 0)
    assert one.entries.order_by("pk").last().actor == Actor.CLIENT


def test_there_is_no_room_on_the_waiting_list_either(course, queue, caller):
    assert caller.post(to(queue[1], "resize"), {"count": 3})["data"]["count"] == 3
    assert error_of(caller.post(to(queue[1], "resize"), {"count": 4})) == (200, 1, "sold out")
    assert numbers(course) == (1, 3)


@pytest.mark.parametrize("count", [0, -1, 100_001, "many", 1.5, [], None])
def test_a_number_that_no_booking_has_is_named(queue, caller, count):
    answer = caller.post(to(queue[0], "resize"), {"count": count})
    assert error_of(answer) == (400, 1, "invalid payload")
    assert list(answer["errors"]) == ["count"]


def test_an_appointment_is_for_one(made, caller):
    assert caller.post(to(made, "resize"), {"count": 1})["err"] == 0
    assert error_of(caller.post(to(made, "resize"), {"count": 2})) == (200, 1, "too many places")


# Forget


def test_who_it_was_for_is_forgotten_and_the_place_stays_taken(queue, course, caller):
    for _time in range(2):
        answer = caller.post(to(queue[0], "anonymize"))
        assert answer["err"] == 0
        data = answer["data"]
        assert "ada" not in json.dumps(data).lower()
        assert (data["user_external_id"], data["extra_data"]) == ("", {})
    assert numbers(course) == (1, 1)


def test_what_is_cancelled_can_be_forgotten(made, caller):
    caller.delete(to(made))
    assert caller.post(to(made, "anonymize"))["err"] == 0
    assert stored(made).user_name == ""


# Calendar files


def test_a_calendar_file_names_who_comes(made, caller):
    answer = caller.get(to(made, "ics"))
    assert answer.response.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert made.reference.lower() in answer.response.headers["Content-Disposition"].lower()
    calendar = read_calendar(answer.response.content)
    entry = calendar.event
    assert (entry.summary, entry.status, entry.start) == (
        made.user_display_label or "Passport",
        "CONFIRMED",
        utc(2026, 11, 30, 8),
    )
    (attendee,) = entry.attendees
    assert (attendee.uri, attendee.parameters["CN"]) == (
        "mailto:ada@fairbridge.example",
        "Ada Martin",
    )
    assert entry.organizer.address == "agenda@fairbridge.example"
    assert "manage" not in answer.response.content.decode()


def test_the_title_is_what_visitors_see_or_else_the_label(made, caller):
    for shown, title in (("Your passport", "Your passport"), ("", "Passport")):
        Booking.objects.filter(pk=made.pk).update(user_display_label=shown)
        entry = read_calendar(caller.get(to(made, "ics")).response.content).event
        assert entry.summary == title


def test_who_has_no_address_attends_all_the_same(caller):
    one = make_booking(make_appointments()[0], user_email="")
    (attendee,) = read_calendar(caller.get(to(one, "ics")).response.content).event.attendees
    assert (attendee.uri, attendee.parameters["CN"]) == ("invalid:nomail", "Ada Martin")


def test_what_is_asked_for_wins_over_what_is_stored(made, caller):
    Booking.objects.filter(pk=made.pk).update(description="Stored")
    texts = {
        "comment": "Ring, twice; please",
        "description": "Bring\nyour papers",
        "location": "Desk 2",
        "url": "https://forms.example/1/",
    }
    entry = read_calendar(caller.get(to(made, "ics"), **texts).response.content).event
    assert {name: getattr(entry, name) for name in texts} == texts
    plain = read_calendar(caller.get(to(made, "ics"), description="").response.content).event
    assert plain.description.startswith("Stored")
    answer = caller.get(to(made, "ics"), url="javascript:alert(1)")
    assert error_of(answer) == (400, 1, "invalid payload")


def test_a_calendar_file_says_what_is_not_sure_and_what_is_off(queue, caller):
    def status(one):
        return read_calendar(caller.get(to(one, "ics")).response.content).event.status

    assert [status(one) for one in queue] == ["CONFIRMED", "TENTATIVE"]
    caller.delete(to(queue[0]))
    assert status(queue[0]) == "CANCELLED"


def test_everything_that_somebody_has_booked_in_one_file(made, queue, caller):
    def uids(**asked):
        asked = {"user_external_id": "ada-1", **asked}
        answer = caller.get("bookings/ics/", **asked)
        assert answer.response.headers["Content-Type"] == "text/calendar; charset=utf-8"
        return [
            event.uid.partition("@")[0] for event in read_calendar(answer.response.content).events
        ]

    assert uids() == [str(made.uuid), str(queue[0].uuid)]
    assert uids(agenda="passports") == [str(made.uuid)]
    assert uids(user_external_id="nobody") == []
    caller.delete(to(made))
    assert uids() == [str(queue[0].uuid)]


def test_a_site_without_a_usable_sender_says_so(made, caller, settings):
    settings.WAGTAIL_AGENDA = {**getattr(settings, "WAGTAIL_AGENDA", {}), "FROM_EMAIL": "nobody"}
    settings.DEFAULT_FROM_EMAIL = "nobody"
    answer = caller.get(to(made, "ics"))
    assert error_of(answer) == (503, 1, "no calendar file")
    assert answer.response.headers["Retry-After"]


def test_how_it_is_called_is_described(client):
    paths = client.get("/agendas/api/openapi.json").json()["paths"]
    about = {path: sorted(ways) for path, ways in paths.items() if "/booking" in path}
    base = "/agendas/api/booking/{booking_id}/"
    assert about[base] == ["delete", "get", "patch"]
    assert about["/agendas/api/bookings/"] == ["get"]
    for act in ACTS:
        assert about[f"{base}{act}/"] == ["post"]
    answers = paths[f"{base}ics/"]["get"]["responses"]["200"]["content"]
    assert "text/calendar" in answers


def test_a_listing_slot_is_free_again_once_it_is_cancelled(made, caller):
    """What the interface cancels, it gives back."""
    start = made.start
    caller.delete(to(made))
    again = availability.next_free(made.agenda, now=NOW, limit=1)[0]
    assert again.start == start
