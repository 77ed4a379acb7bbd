"""Events as other systems read, check, make, change and remove them."""

import json
from datetime import date, datetime, time, timedelta, timezone

import pytest
from freezegun import freeze_time

from tests.booking.common import admissions, hold, join, make_course, numbers, slot_of, stored
from tests.factories import NOW, make_agenda, make_appointments, make_event, utc
from wagtail_agenda import attendance, booking
from wagtail_agenda.api.set_up_events import moment_of
from wagtail_agenda.api.shapes import bookings as shapes_of_bookings
from wagtail_agenda.api.shapes import events as shapes_of_events
from wagtail_agenda.attendance import Sheet
from wagtail_agenda.choices import Actor, Admission, AgendaKind, Attendance, Trigger
from wagtail_agenda.models import Booking, Delivery, Event, EventSeries

pytestmark = pytest.mark.django_db

HOOK = "https://forms.example/hooks/"


@pytest.fixture
def agenda():
    return make_agenda(
        kind=AgendaKind.EVENTS,
        slug="courses",
        label="Courses",
        maximal_booking_delay=30,
        waiting_list_promotion="automatic",
    )


@pytest.fixture
def event(agenda):
    """Two places and one on the waiting list, on Wednesday 2 December, 7:00 to 9:00."""
    made = make_event(agenda, slug="pottery", label="Pottery", places=2)
    booking.change_places(made, 2, now=NOW, waiting_places=1)
    return made


def to(act, name="pottery", agenda="courses"):
    return f"agenda/{agenda}/{act}/{name}/" if name else f"agenda/{agenda}/{act}/"


def error_of(answer):
    assert answer["err_class"] == answer["reason"]
    assert answer["err_desc"]
    return answer.status, answer["err"], answer["err_class"]


def wrong_in(answer):
    assert error_of(answer) == (400, 1, "invalid payload")
    return list(answer["errors"])


def calls():
    """Address and event of every call that was queued."""
    return sorted(
        (one.url, json.loads(one.letter["body"])["event"])
        for one in Delivery.objects.filter(kind="call")
    )


def new(**more):
    return {"start_datetime": "2026-12-10 18:00:00", "places": 8, **more}


# Read


def test_an_event_is_told_as_it_is(event, caller):
    join(event)
    answer = caller.get(to("status"))
    base = "http://testserver/agendas/api/agenda/courses"
    assert (answer.status, answer["err"]) == (200, 0)
    assert answer["data"] == {
        "id": "pottery",
        "slug": "pottery",
        "text": "Pottery",
        "label": "Pottery",
        "agenda_label": "Courses",
        "agenda_slug": "courses",
        "date": "2026-12-02",
        "datetime": "2026-12-02 07:00:00",
        "datetime_iso": "2026-12-02T07:00:00+01:00",
        "end_datetime": "2026-12-02 09:00:00",
        "end_datetime_iso": "2026-12-02T09:00:00+01:00",
        "duration": 120,
        "description": None,
        "pricing": None,
        "location": "",
        "url": None,
        "disabled": False,
        "checked": False,
        "cancelled": False,
        "waiting_list_bookings_automatic_confirm": True,
        "places": {
            "total": 2,
            "reserved": 1,
            "available": 1,
            "full": False,
            "has_waiting_list": True,
            "waiting_list_total": 1,
            "waiting_list_reserved": 0,
            "waiting_list_available": 1,
            "waiting_list_activated": False,
        },
        "api": {
            "bookings_url": f"{base}/bookings/pottery/",
            "status_url": f"{base}/status/pottery/",
            "check_url": f"{base}/check/pottery/",
            "fillslot_url": f"{base}/fillslot/pottery/",
            "backoffice_url": f"http://testserver/admin/agendas/event/{event.pk}/check-in/",
        },
    }
    shapes_of_events.OneEvent.model_validate(answer.data)
    assert caller.get(answer["data"]["api"]["status_url"]).data == answer.data


def test_a_cancelled_event_says_so(event, caller):
    booking.cancel_event(event, now=NOW)
    assert caller.get(to("status"))["data"]["cancelled"] is True


def test_somebodys_bookings_of_an_event(event, caller):
    has, other = join(event, user_external_id="ada-1"), join(event, "bob", user_external_id="b")
    waits = join(event, "ada2", user_external_id="ada-1")
    join(make_event(event.agenda), "ada3", user_external_id="ada-1")
    answer = caller.get(to("bookings"), user_external_id="ada-1")
    assert [(one["booking_id"], one["in_waiting_list"]) for one in answer["data"]] == [
        (str(has.uuid), False),
        (str(waits.uuid), True),
    ]
    shapes_of_bookings.SeveralBookings.model_validate(answer.data)
    booking.cancel(other, actor=Actor.VISITOR, now=NOW)
    assert caller.get(to("bookings"), user_external_id="b")["data"] == []
    assert wrong_in(caller.get(to("bookings"))) == ["user_external_id"]


# Check


def came(event, name, attended):
    made = join(event, name)
    Booking.objects.filter(pk=made.pk).update(
        presence_callback_url=f"{HOOK}{name}/came/", absence_callback_url=f"{HOOK}{name}/missed/"
    )
    attendance.check_in(made, attended, now=NOW)
    return made


def test_checked_once_and_everybody_is_told_once(event, caller):
    ada = came(event, "ada", Attendance.PRESENT)
    came(event, "bob", Attendance.ABSENT)
    with freeze_time(event.end):
        for _time in range(2):
            answer = caller.post(to("check"))
            assert (answer.status, answer["err"], answer["data"]["checked"]) == (200, 0, True)
    assert calls() == [(f"{HOOK}ada/came/", "present"), (f"{HOOK}bob/missed/", "absent")]
    entry = ada.entries.order_by("pk").last()
    assert (entry.what, entry.actor) == (Trigger.CHECKED, Actor.CLIENT)
    assert Sheet(event.agenda, event=event).row.checked_at == event.end


def test_what_has_not_begun_is_not_checked(event, caller):
    assert error_of(caller.post(to("check"))) == (200, 1, "not begun")
    assert Sheet(event.agenda, event=event).row is None


# Who may


CALLS = [
    ("get", to("status"), {}),
    ("get", to("bookings"), {"user_external_id": "a"}),
    ("post", to("check"), {}),
    ("post", to("event", ""), {"body": new()}),
    ("patch", to("event"), {"body": {"places": 3}}),
    ("delete", to("event"), {}),
]


@pytest.mark.parametrize(("method", "path", "more"), CALLS)
def test_a_foreign_agenda_is_not_there(event, make_caller, method, path, more):
    foreign = make_caller(agendas=[make_agenda()])
    answer = getattr(foreign, method)(path, **more)
    assert error_of(answer) == (404, 1, "unknown agenda")
    assert (
        answer.data
        == getattr(foreign, method)(path.replace("courses", "there-is-none"), **more).data
    )
    assert Event.objects.count() == 1


@pytest.mark.parametrize(("method", "path", "more"), CALLS)
def test_an_agenda_of_appointments_has_no_events(make_caller, method, path, more):
    make_appointments(slug="courses")
    answer = getattr(make_caller(), method)(path, **more)
    assert error_of(answer) == (404, 1, "unknown agenda")


@pytest.mark.parametrize("name", ["other", "%00", "é", "x" * 200])
@pytest.mark.parametrize(
    ("method", "path", "more"), [call for call in CALLS if "pottery" in call[1]]
)
def test_what_is_no_event_is_not_there(event, make_caller, method, path, more, name):
    make_event(slug="other")
    answer = getattr(make_caller(), method)(path.replace("pottery", name), **more)
    assert error_of(answer) == (404, 1, "unknown event")


@pytest.mark.parametrize(
    ("method", "path", "more", "scopes"),
    [
        (*call, {"get": {"read"}, "post": {"manage"}}.get(call[0], {"manage"}))
        if "check" not in call[1]
        else (*call, {"manage", "check_in"})
        for call in CALLS
    ],
)
def test_each_scope_is_for_itself(event, make_caller, method, path, more, scopes):
    others = {"read", "book", "manage", "check_in"} - scopes
    answer = getattr(make_caller(*others), method)(path, **more)
    assert error_of(answer) == (403, 1, "scope missing")
    assert Event.objects.count() == 1
    for scope in scopes:
        with freeze_time(event.end):
            assert getattr(make_caller(scope), method)(path, **more).status == 200


def test_an_agenda_that_is_not_published_is_set_up(event, caller):
    event.agenda.live = False
    event.agenda.save()
    assert caller.post(to("event", ""), new()).status == 200
    assert caller.get(to("status")).status == 200


# Make


def test_an_event_is_made(agenda, caller):
    answer = caller.post(
        to("event", ""),
        new(
            label="Yoga",
            slug="yoga-1",
            duration="90",
            waiting_list_places=3,
            description="Bring a mat.",
            location="Hall",
            url="https://fairbridge.example/yoga/",
            pricing="5 €",
        ),
    )
    assert (answer.status, answer["err"]) == (200, 0)
    shapes_of_events.OneOrSeveralEvents.model_validate(answer.data)
    made = Event.objects.get()
    assert (made.agenda, made.slug, made.label) == (agenda, "yoga-1", "Yoga")
    assert (made.start, made.end) == (utc(2026, 12, 10, 17), utc(2026, 12, 10, 18, 30))
    assert (made.places, made.waiting_places) == (8, 3)
    assert (made.description, made.location) == ("Bring a mat.", "Hall")
    assert made.url == "https://fairbridge.example/yoga/"
    assert answer["data"] == caller.get(to("status", "yoga-1"))["data"]
    assert numbers(made) == (0, 0)
    join(made)


def test_what_is_left_out_has_a_default(agenda, caller):
    answer = caller.post(to("event", ""), new(label="", url=None, waiting_list_places=""))
    assert (answer["data"]["label"], answer["data"]["duration"]) == ("Courses", 60)
    assert answer["data"]["slug"] == "courses"
    assert answer["data"]["places"]["has_waiting_list"] is False
    assert caller.post(to("event", ""), new())["data"]["slug"] == "courses-2"


@pytest.mark.parametrize(
    ("said", "start"),
    [
        ("2026-12-10 18:00:00", utc(2026, 12, 10, 17)),
        ("2026-12-10T18:00", utc(2026, 12, 10, 17)),
        ("2026-07-10 18:00:00", utc(2026, 7, 10, 16)),
        ("2026-12-10T18:00:00Z", utc(2026, 12, 10, 18)),
        ("2026-12-10T18:00:00-05:00", utc(2026, 12, 10, 23)),
        ("2026-12-10 18:00:00.123456+01:00", utc(2026, 12, 10, 17)),
        ("1999-01-01 10:00:00", utc(1999, 1, 1, 9)),
        # The night that has it twice: the first one, unless the offset says which.
        ("2027-10-31 02:30:00", utc(2027, 10, 31, 0, 30)),
        ("2027-10-31T02:30:00+02:00", utc(2027, 10, 31, 0, 30)),
        ("2027-10-31T02:30:00+01:00", utc(2027, 10, 31, 1, 30)),
        # The night that skips it, said with an offset: an instant is always there.
        ("2027-03-28T02:30:00+01:00", utc(2027, 3, 28, 1, 30)),
    ],
)
def test_when_it_begins_is_local_or_has_an_offset(agenda, caller, said, start):
    assert caller.post(to("event", ""), new(start_datetime=said)).status == 200
    assert Event.objects.get().start == start
    assert moment_of(said, agenda.zone) == start


@pytest.mark.parametrize(
    "said",
    [
        "2027-03-28 02:30:00",
        "2026-02-30 10:00:00",
        "2026-12-10",
        "10.12.2026 18:00",
        "tomorrow",
        "0001-01-01 00:00:00",
        "9999-12-31T23:59:59-12:00",
        "3000-01-01 00:00",
        "2026-12-10 18:00:00 or so",
        "٢٠٢٦-12-10 18:00",
        "2026-12-10 25:00",
        " ",
        None,
        [],
        20261210,
    ],
)
def test_a_time_that_there_is_not_is_named(agenda, caller, said):
    assert wrong_in(caller.post(to("event", ""), new(start_datetime=said))) == ["start_datetime"]
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("places", 0),
        ("places", 100_001),
        ("places", "many"),
        ("places", None),
        ("waiting_list_places", -1),
        ("duration", 0),
        ("duration", 527_041),
        ("label", "x" * 151),
        ("slug", "no slug"),
        ("slug", "é"),
        ("slug", "x" * 101),
        ("slug", "pottery"),
        ("url", "javascript:alert(1)"),
        ("url", "https://fairbridge.example/" + "x" * 200),
        ("location", "x" * 256),
        ("recurrence_days", [7]),
        ("recurrence_days", "monday"),
        ("recurrence_days", ["-1"]),
        ("recurrence_end_date", "2026-02-30"),
        ("colour", "red"),
    ],
)
def test_what_no_event_can_have_is_named(event, caller, name, value):
    assert wrong_in(caller.post(to("event", ""), new(**{name: value}))) == [name]
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    "more", [{"recurrence_end_date": "2026-12-31"}, {"recurrence_week_interval": 2}]
)
def test_what_comes_back_does_so_on_days_of_the_week(agenda, caller, more):
    assert wrong_in(caller.post(to("event", ""), new(**more))) == ["recurrence_days"]
    assert not Event.objects.exists()


def test_the_same_call_again_makes_no_second_event(agenda, caller):
    key = {"Idempotency-Key": "one"}
    first, second = (caller.post(to("event", ""), new(), headers=key) for _time in range(2))
    assert first.data == second.data
    assert Event.objects.count() == 1


# Series


@pytest.mark.parametrize("days", [[1, 3], "1,3", ["3", "1", "1"]])
def test_a_series_is_made(agenda, caller, days):
    body = new(
        start_datetime="2026-12-01 18:00:00",
        label="Yoga",
        duration=90,
        recurrence_days=days,
        recurrence_end_date="2026-12-10",
    )
    answer = caller.post(to("event", ""), body)
    shapes_of_events.OneOrSeveralEvents.model_validate(answer.data)
    told = [(one["slug"], one["datetime"], one["duration"]) for one in answer["data"]]
    dates = ["2026-12-01", "2026-12-03", "2026-12-08", "2026-12-10"]
    assert told == [(f"yoga-{day}", f"{day} 18:00:00", 90) for day in dates]
    row = EventSeries.objects.get()
    assert (row.weekdays, row.first_day, row.until) == (
        [1, 3],
        date(2026, 12, 1),
        date(2026, 12, 10),
    )
    assert (row.start_time, row.places, row.every_weeks) == (time(18), 8, 1)


def test_a_series_that_began_long_ago_is_made_from_today_on(agenda, caller):
    body = new(start_datetime="2020-01-06 18:00:00", recurrence_days="0")
    days = [one["date"] for one in caller.post(to("event", ""), body)["data"]]
    assert days[:2] == ["2026-11-30", "2026-12-07"]
    # As far as can be booked, and some.
    assert days[-1] == "2027-01-25"


def test_a_series_skips_the_night_that_has_no_such_time(agenda, caller):
    agenda.maximal_booking_delay = 200
    agenda.save()
    body = new(
        start_datetime="2027-03-21 02:30:00",
        recurrence_days="6",
        recurrence_end_date="2027-04-04",
    )
    told = [one["datetime_iso"] for one in caller.post(to("event", ""), body)["data"]]
    assert told == ["2027-03-21T02:30:00+01:00", "2027-04-04T02:30:00+02:00"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("recurrence_end_date", "2026-12-09"),
        ("recurrence_end_date", "2026-12-12"),
        ("recurrence_end_date", "2040-12-10"),
        ("slug", "yoga"),
        ("duration", 10_081),
        ("recurrence_week_interval", 0),
        ("recurrence_week_interval", 53),
    ],
)
def test_what_no_series_can_have_is_named(agenda, caller, name, value):
    body = new(recurrence_days="6", recurrence_end_date="2026-12-31")
    assert wrong_in(caller.post(to("event", ""), {**body, name: value})) == [name]
    assert not EventSeries.objects.exists()


@pytest.fixture
def yoga(agenda, caller):
    """A series on Thursdays at 18:00."""
    body = new(label="Yoga", recurrence_days="3", recurrence_end_date="2026-12-31")
    assert len(caller.post(to("event", ""), body)["data"]) == 4
    return EventSeries.objects.get()


def test_one_of_a_series_changes_alone(yoga, caller):
    answer = caller.patch(to("event", "yoga-2026-12-17"), {"label": "Yoga for two", "places": 2})
    assert (answer["data"]["label"], answer["data"]["places"]["total"]) == ("Yoga for two", 2)
    changed = Event.objects.get(slug="yoga-2026-12-17")
    assert changed.differs_from_series
    assert Event.objects.filter(label="Yoga", differs_from_series=False).count() == 3
    same = caller.patch(to("event", "yoga-2026-12-10"), {"label": "Yoga"})
    assert same["err"] == 0
    assert not Event.objects.get(slug="yoga-2026-12-10").differs_from_series


def test_a_series_changes_from_one_on(yoga, caller):
    body = {
        "recurrence_days": [4],
        "start_datetime": "2026-12-17 19:30",
        "label": "Late yoga",
        "duration": 45,
        "places": 3,
        "waiting_list_places": 1,
        "recurrence_end_date": "2027-01-08",
    }
    answer = caller.patch(to("event", "yoga-2026-12-17"), body)
    shapes_of_events.OneOrSeveralEvents.model_validate(answer.data)
    told = [(one["datetime"], one["label"], one["duration"]) for one in answer["data"]]
    fridays = ["2026-12-18", "2026-12-25", "2027-01-01", "2027-01-08"]
    assert told == [(f"{day} 19:30:00", "Late yoga", 45) for day in fridays]
    assert {one["places"]["waiting_list_total"] for one in answer["data"]} == {1}
    yoga.refresh_from_db()
    assert (yoga.until, yoga.label) == (date(2026, 12, 16), "Yoga")
    assert Event.objects.filter(label="Yoga").count() == 1


def test_a_series_of_which_something_is_booked_stays(yoga, caller):
    join(Event.objects.get(slug="yoga-2026-12-24"))
    answer = caller.patch(to("event", "yoga-2026-12-17"), {"recurrence_days": [4]})
    assert error_of(answer) == (200, 1, "occurrences are booked")
    assert EventSeries.objects.get().weekdays == [3]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"recurrence_end_date": "2026-12-01"}, "recurrence_end_date"),
        ({"recurrence_days": [4], "start_datetime": "2026-12-18 18:00"}, "start_datetime"),
        ({"recurrence_days": []}, "recurrence_days"),
        ({"recurrence_days": [1], "duration": 10_081}, "duration"),
    ],
)
def test_a_change_that_no_series_can_have_is_named(yoga, caller, body, name):
    assert wrong_in(caller.patch(to("event", "yoga-2026-12-17"), body)) == [name]
    assert (EventSeries.objects.get().weekdays, Event.objects.count()) == ([3], 4)


def test_a_series_is_not_changed_from_an_event_that_has_begun(yoga, caller):
    with freeze_time(datetime(2026, 12, 10, 17, tzinfo=timezone.utc)):
        answer = caller.patch(to("event", "yoga-2026-12-10"), {"recurrence_days": [4]})
    assert error_of(answer) == (200, 1, "event is over")


def test_an_event_of_no_series_does_not_come_back(event, caller):
    answer = caller.patch(to("event"), {"recurrence_days": [4]})
    assert wrong_in(answer) == ["recurrence_days"]


# Change


def test_an_event_is_changed(event, caller):
    body = {
        "start_datetime": "2026-12-03 18:00:00",
        "places": 5,
        "waiting_list_places": 0,
        "label": "Clay",
        "description": "Wear old clothes.",
        "location": "Cellar",
        "url": "https://fairbridge.example/clay/",
        "pricing": "free",
    }
    answer = caller.patch(to("event"), body)
    assert (answer.status, answer["err"]) == (200, 0)
    now = stored(event)
    assert (now.slug, now.label, now.description) == ("pottery", "Clay", "Wear old clothes.")
    assert (now.location, now.url) == ("Cellar", "https://fairbridge.example/clay/")
    assert (now.start, now.end) == (utc(2026, 12, 3, 17), utc(2026, 12, 3, 19))
    assert (now.places, now.waiting_places) == (5, 0)
    assert answer["data"] == caller.get(to("status"))["data"]


def test_what_is_left_out_stays_and_what_is_empty_is_emptied(event, caller):
    caller.patch(to("event"), {"description": "Old", "url": "https://fairbridge.example/"})
    caller.patch(to("event"), {"duration": 30, "label": None, "places": "", "location": None})
    now = stored(event)
    assert (now.label, now.description, now.places) == ("Pottery", "Old", 2)
    assert now.end - now.start == timedelta(minutes=30)
    assert caller.patch(to("event"), {"description": "", "url": ""})["err"] == 0
    assert (stored(event).description, stored(event).url) == ("", "")
    assert wrong_in(caller.patch(to("event"), {"label": ""})) == ["label"]
    assert wrong_in(caller.patch(to("event"), {"slug": "clay"})) == ["slug"]
    skipped = {"start_datetime": "2027-03-28 02:30:00"}
    assert wrong_in(caller.patch(to("event"), skipped)) == ["start_datetime"]


def test_a_booked_event_moves_only_with_its_bookings(event, caller):
    made = join(event)
    body = {"start_datetime": "2026-12-03 18:00:00", "label": "Clay", "places": 5}
    answer = caller.patch(to("event"), body)
    assert error_of(answer) == (200, 1, "event is booked")
    assert "with_bookings" in answer["err_desc"]
    now = stored(event)
    assert (now.label, now.start, now.places) == ("Pottery", event.start, 2)
    mails = made.deliveries.count()
    assert caller.patch(to("event"), {**body, "with_bookings": True})["err"] == 0
    assert stored(made).start == stored(event).start == utc(2026, 12, 3, 17)
    # One mail, of the move, in which the new name stands.
    assert made.deliveries.count() == mails + 1
    assert made.entries.order_by("pk").last().what == Trigger.MOVED


def test_whoever_booked_is_told_of_other_texts_if_one_says_so(event, caller):
    made = join(event)
    mails = made.deliveries.count()
    caller.patch(to("event"), {"location": "Cellar"})
    assert made.deliveries.count() == mails
    caller.patch(to("event"), {"location": "Attic", "with_bookings": True})
    assert made.deliveries.count() == mails + 1
    assert made.entries.order_by("pk").last().what == Trigger.CHANGED


@pytest.mark.parametrize(
    ("said", "places"),
    [
        ({"places": 5}, (5, 1)),
        ({"waiting_list_places": 4}, (2, 4)),
        ({"waiting_list_places": 0}, (2, 0)),
        ({"places": 2, "waiting_list_places": 1}, (2, 1)),
    ],
)
def test_each_list_has_its_own_places(event, caller, said, places):
    caller.patch(to("event"), said)
    now = stored(event)
    assert (now.places, now.waiting_places) == places


def test_there_are_never_fewer_places_than_are_taken(event, caller):
    join(event)
    join(event, "bob")
    waits = join(event, "eve")
    answer = caller.patch(to("event"), {"places": 1, "label": "Clay"})
    assert error_of(answer) == (200, 1, "places in use")
    assert stored(event).label == "Pottery"
    caller.patch(to("event"), {"places": 3})
    assert admissions(waits) == [Admission.CONFIRMED]


def test_a_cancelled_event_does_not_change(event, caller):
    booking.cancel_event(event, now=NOW)
    assert error_of(caller.patch(to("event"), {"places": 9})) == (200, 1, "event is cancelled")
    assert error_of(caller.post(to("check"))) == (200, 1, "not begun")


# Remove


def test_what_nobody_booked_is_deleted(event, caller):
    answer = caller.delete(to("event"))
    assert answer["data"] == {
        "slug": "pottery",
        "deleted": True,
        "cancelled": False,
        "cancelled_booking_count": 0,
    }
    shapes_of_events.OneRemoved.model_validate(answer.data)
    assert error_of(caller.delete(to("event"))) == (404, 1, "unknown event")


@pytest.mark.parametrize("way", ["query", "body"])
def test_what_is_booked_stays_unless_everybody_is_told(event, caller, way):
    ada, bob = join(event), join(event, "bob", cancel_callback_url=f"{HOOK}cancel/")
    assert error_of(caller.delete(to("event"))) == (200, 1, "event is booked")
    assert error_of(caller.delete(to("event"), force_cancel="false")) == (
        200,
        1,
        "event is booked",
    )
    assert (admissions(ada, bob), calls()) == ([Admission.CONFIRMED] * 2, [])
    said = {"force_cancel": True, "reason": "The potter is ill"}
    if way == "query":
        answer = caller.delete(to("event"), **{**said, "force_cancel": "true"})
    else:
        answer = caller.call("DELETE", to("event"), said)
    assert answer["data"] == {
        "slug": "pottery",
        "deleted": False,
        "cancelled": True,
        "cancelled_booking_count": 2,
    }
    assert admissions(ada, bob) == [Admission.CANCELLED] * 2
    assert stored(event).cancellation_reason == "The potter is ill"
    assert calls() == [(f"{HOOK}cancel/", "cancelled")]
    again = caller.delete(to("event"), force_cancel="true")
    assert error_of(again) == (200, 1, "event is cancelled")
    assert len(calls()) == 1


def test_what_somebody_is_booking_stays(event, caller):
    hold(slot_of(event))
    assert error_of(caller.delete(to("event"))) == (200, 1, "event is booked")


def test_how_it_is_called_is_described(client):
    paths = client.get("/agendas/api/openapi.json").json()["paths"]
    base = "/agendas/api/agenda/{slug}/"
    assert sorted(paths[f"{base}event/{{event}}/"]) == ["delete", "patch"]
    assert list(paths[f"{base}event/"]) == ["post"]
    assert list(paths[f"{base}check/{{event}}/"]) == ["post"]
    for name in ("status", "bookings"):
        assert list(paths[f"{base}{name}/{{event}}/"]) == ["get"]


def test_a_waiting_list_that_is_in_use_says_so(caller):
    course = make_course(waiting_list_promotion="manual")
    join(course)
    join(course, "bob")
    places = caller.get(to("status", course.slug, course.agenda.slug))["data"]["places"]
    assert places["waiting_list_activated"] is True
    assert (places["full"], places["waiting_list_reserved"]) == (True, 1)
