"""Each thing that can be wrong with the books, done to them by hand, is found and mended."""

import json
from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from tests.booking.books import Books
from tests.booking.common import admissions, hold_first, join, make_course, numbers, stored
from tests.factories import (
    NOW,
    first_slot,
    make_appointments,
    make_booking,
    make_details,
    make_meeting,
    publish,
)
from wagtail_agenda import booking, consistency, meetings, outbox, seeding
from wagtail_agenda.choices import Actor, Admission
from wagtail_agenda.models import (
    Bookable,
    Booking,
    CalledMeeting,
    Delivery,
    EventSeries,
    Hold,
    Occupation,
    Resource,
)

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def appointment():
    """A booking with a room, beside a busy course."""
    agenda, meeting_type, _desks = make_appointments()
    meeting_type.resources.add(Resource.objects.create(label="Room"))
    event = make_course(places=2, waiting=4)
    for name in ("ada", "bob", "cyd"):
        join(event, name)
    hold_first(make_appointments()[0], "other")
    made = make_booking(agenda)
    assert consistency.findings(NOW) == []
    return made


def codes(now=NOW):
    return {finding.code: finding.keys for finding in consistency.findings(now)}


def assert_mended(now=NOW, changed=1):
    assert consistency.mend(now) == changed
    assert codes(now) == {}
    assert Books.read().problems(now) == []
    assert consistency.mend(now) == 0


def test_counters_that_have_drifted(appointment):
    bookable = appointment.desk.bookable_id
    version = Bookable.objects.get(pk=bookable).version
    Bookable.objects.filter(pk=bookable).update(places_booked=F("places_booked") + 3)
    event = Booking.objects.filter(event__isnull=False)[0].event
    Bookable.objects.filter(pk=event.bookable_id).update(places_waiting=0)
    assert codes() == {"counter_drift": tuple(sorted((bookable, event.bookable_id)))}
    assert_mended(changed=2)
    assert numbers(event) == (2, 1)
    assert Bookable.objects.get(pk=bookable).version == version + 1


def test_what_a_cancelled_booking_still_takes(appointment):
    Booking.objects.filter(pk=appointment.pk).update(admission=Admission.CANCELLED)
    assert set(codes()) == {"orphaned_occupations"}
    assert_mended(changed=2)
    assert first_slot(appointment.agenda).start == appointment.start


def test_what_a_cancelled_booking_takes_though_it_was_given_back_to_the_counters(appointment):
    Booking.objects.filter(pk=appointment.pk).update(admission=Admission.CANCELLED)
    Bookable.objects.filter(occupations__booking=appointment).update(places_booked=0)
    assert set(codes()) == {"orphaned_occupations", "counter_drift"}
    assert_mended(changed=2)


def test_what_a_hold_takes_that_has_become_a_booking(appointment):
    held = hold_first(make_appointments()[0])
    Hold.objects.filter(pk=held.pk).update(booking=appointment)
    assert codes() == {"orphaned_occupations": (held.desk.bookable_id,)}
    assert_mended()


@pytest.mark.parametrize("what", ["all of it", "the room alone"])
def test_what_a_booking_should_take_and_does_not(appointment, what):
    rows = Occupation.objects.filter(booking=appointment)
    if what == "the room alone":
        rows = rows.exclude(bookable=appointment.desk.bookable_id)
    rows.delete()
    assert codes()["missing_occupations"] == (appointment.pk,)
    assert_mended()
    assert Occupation.objects.filter(booking=appointment).count() == 2


def test_what_somebody_on_the_waiting_list_should_take():
    event = make_course()
    join(event)
    waits = join(event, "bob")
    Occupation.objects.filter(booking=waits).delete()
    assert set(codes()) == {"missing_occupations", "counter_drift"}
    assert_mended()
    assert numbers(event) == (1, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"places": 2},
        {"waiting": True},
        {"lapses_at": NOW + HOUR},
    ],
)
def test_what_takes_something_else_than_its_booking_says(appointment, fields):
    Occupation.objects.filter(booking=appointment).update(**fields)
    assert codes()["wrong_occupations"] == (appointment.pk,)
    assert_mended()


def test_a_request_that_would_be_kept_for_ever():
    agenda, *_ = make_appointments(needs_approval=True, approval_hours=2)
    made = make_booking(agenda)
    Occupation.objects.filter(booking=made).update(lapses_at=None)
    assert set(codes()) == {"wrong_occupations", "counter_drift"}
    assert_mended()
    Occupation.objects.filter(booking=made).update(lapses_at=NOW + 9 * HOUR)
    assert set(codes()) == {"wrong_occupations"}
    assert_mended()
    assert made.occupations.get().lapses_at == made.decide_by


def test_changed_buffers_are_nothing_wrong(appointment):
    appointment.meeting_type.buffer_after = 15
    appointment.meeting_type.save()
    Occupation.objects.filter(booking=appointment).update(places=2)
    busy_to = appointment.occupations.first().busy_to
    consistency.mend(NOW)
    assert {row.busy_to for row in appointment.occupations.all()} == {busy_to}


def test_overlaps_are_told_and_left_to_people(appointment):
    agenda, _type, (desk,) = make_appointments()
    first = make_booking(agenda)
    second = make_booking(agenda)
    make_booking(agenda)
    row = first.occupations.get()
    Occupation.objects.filter(booking=second).update(
        busy_from=row.busy_from + 5, busy_to=row.busy_to + 5
    )
    assert codes() == {"overlaps": (first.pk, second.pk)}
    assert consistency.mend(NOW) == 0
    assert set(codes()) == {"overlaps"}
    assert codes(first.end + HOUR) == {}


def test_what_is_oversold_is_told_and_left_to_people(appointment):
    event = Booking.objects.filter(event__isnull=False)[0].event
    Bookable.objects.filter(pk=event.bookable_id).update(places=1, waiting_places=0)
    assert codes() == {"oversold": (event.bookable_id,)}
    assert consistency.mend(NOW) == 0


def test_what_has_lapsed_and_nobody_has_settled():
    event = make_course(needs_approval=True, approval_hours=1)
    pending, waits = join(event), join(event, "bob")
    soon = NOW + HOUR + timedelta(minutes=5)
    assert codes(soon) == {}
    late = NOW + 2 * HOUR
    assert codes(late) == {"lapsed_bookings": (pending.pk,)}
    assert_mended(late)
    assert admissions(pending, waits) == [Admission.CANCELLED, Admission.PENDING]


def test_holds_that_nobody_has_purged():
    held = hold_first(make_appointments()[0])
    assert codes(NOW + 25 * HOUR) == {}
    assert codes(NOW + 50 * HOUR) == {"lapsed_holds": (held.pk,)}
    assert_mended(NOW + 50 * HOUR)


def test_a_booking_of_which_nobody_was_told(appointment):
    Delivery.objects.filter(booking=appointment).delete()
    nameless = make_booking(make_appointments()[0], user_email="")
    assert nameless.deliveries.count() == 0
    assert codes() == {"missing_deliveries": (appointment.pk,)}
    assert_mended()
    delivery = appointment.deliveries.get()
    assert (delivery.recipient, delivery.state) == ("ada@fairbridge.example", "due")
    Delivery.objects.filter(booking=appointment).delete()
    assert "missing_deliveries" not in codes(NOW + timedelta(days=8))


def test_a_call_to_another_system_is_no_mail():
    made = make_booking()
    made.deliveries.all().delete()
    outbox.enqueue_calls([outbox.WebCall(made, "https://forms.example/")], now=NOW)

    assert codes() == {"missing_deliveries": (made.pk,)}
    assert_mended()


# Meetings


@pytest.fixture
def called():
    """A meeting at a desk and in a room, two days ahead."""
    agenda, _type, (desk,) = make_appointments()
    with freeze_time(NOW):
        room = Resource.objects.create(label="Room")
        made = publish(make_meeting(agenda, desk=desk, resource=room))
        publish(make_meeting(agenda, title="Nowhere"))
    assert consistency.findings(NOW) == []
    return made


def found(code, now=NOW):
    return {one.of: one.keys for one in consistency.findings(now) if one.code == code}


def rooms_of(called):
    return sorted((called.desk.bookable_id, called.resource.bookable_id))


@pytest.mark.parametrize("fields", [{"cancelled_at": NOW}, {"published_at": None}])
def test_what_a_meeting_still_takes_that_is_not_coming(called, fields):
    CalledMeeting.objects.filter(pk=called.pk).update(**fields)
    assert codes() == {"orphaned_occupations": tuple(rooms_of(called))}
    assert_mended(changed=2)
    assert not called.occupations.exists()


@pytest.mark.parametrize("what", ["all of it", "the room alone"])
def test_what_a_meeting_should_take_and_does_not(called, what):
    rows = called.occupations.all()
    if what == "the room alone":
        rows = rows.exclude(bookable=called.desk.bookable_id)
    rows.delete()
    assert found("missing_occupations") == {"meetings": (called.pk,)}
    assert_mended()
    assert sorted(called.occupations.values_list("bookable_id", flat=True)) == rooms_of(called)


@pytest.mark.parametrize(
    "fields",
    [{"busy_to": F("busy_to") + 60}, {"places": 2}, {"lapses_at": NOW + HOUR}],
    ids=["another time", "more places", "a deadline"],
)
def test_what_takes_something_else_than_its_meeting_says(called, fields):
    called.occupations.update(**fields)
    assert found("wrong_occupations") == {"meetings": (called.pk,)}
    assert_mended()


def test_a_meeting_that_takes_another_room_beside_its_own(called):
    other = Resource.objects.create(label="Other room")
    Occupation.objects.create(
        bookable=other.bookable, busy_from=1, busy_to=2, called_meeting=called
    )
    assert set(codes()) == {"wrong_occupations", "counter_drift"}
    assert_mended()
    assert called.occupations.count() == 2


def test_a_meeting_that_was_moved_by_hand_takes_its_new_time(called):
    start = called.start + HOUR
    CalledMeeting.objects.filter(pk=called.pk).update(start=start, end=start + HOUR)
    assert codes() == {"wrong_occupations": (called.pk,)}
    assert_mended()
    assert {row.busy_from * 60 for row in called.occupations.all()} == {start.timestamp()}


def test_what_is_over_is_left_as_it_is(called):
    called.occupations.update(busy_to=F("busy_to") + 60)
    assert codes(called.end) == {}


def test_overlaps_name_bookings_and_meetings(called):
    made = make_booking(called.agenda)
    row = called.occupations.get(bookable=called.desk.bookable_id)
    Occupation.objects.filter(booking=made).update(busy_from=row.busy_from, busy_to=row.busy_to)
    assert found("overlaps") == {"bookings": (made.pk,), "meetings": (called.pk,)}
    assert consistency.mend(NOW) == 0
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    assert found("overlaps") == {}


def test_what_came_in_meanwhile_is_told_once_the_meeting_takes_its_time_again(called):
    called.occupations.all().delete()
    start = called.start + HOUR
    with freeze_time(NOW):
        other = publish(make_meeting(resource=called.resource, start=start, end=start + HOUR))
    consistency.mend(NOW)
    assert codes() == {"overlaps": tuple(sorted((called.pk, other.pk)))}


def test_a_meeting_of_which_nobody_was_told(called):
    told = {(one.recipient, one.method) for one in called.deliveries.all()}
    assert len(told) == 3
    called.deliveries.all().delete()
    assert found("missing_deliveries") == {"meetings": (called.pk,)}
    assert_mended()
    assert {(one.recipient, one.method) for one in called.deliveries.all()} == told
    called.deliveries.all().delete()
    assert codes(called.end) == {}


def test_series_that_nobody_has_made_ahead():
    course = EventSeries.objects.create(
        agenda=make_course().agenda,
        label="Yoga",
        first_day=date(2026, 12, 1),
        weekdays=[1],
        start_time="18:00",
    )
    assert codes() == {"series_behind": (course.pk,)}
    consistency.mend(NOW)
    assert codes() == {}
    assert course.events.exists()
    # Deleting an event is no reason to make it again.
    course.events.first().delete()
    assert codes() == {}


class TestCommand:
    @pytest.fixture(autouse=True)
    def _clock(self):
        with freeze_time(NOW):
            yield

    def check(self, *options):
        out, code = StringIO(), 0
        try:
            call_command("agenda_check", *options, stdout=out)
        except SystemExit as end:
            code = end.code
        return out.getvalue().strip(), code

    def test_says_ok(self, appointment):
        assert self.check() == ("ok", 0)
        assert self.check("--repair") == ("Mended: 0\nok", 0)

    def test_names_what_is_wrong_and_mends_it(self, appointment):
        bookable = appointment.desk.bookable_id
        Bookable.objects.filter(pk=bookable).update(places_booked=7)
        said, code = self.check()
        assert code == 1
        assert said.splitlines() == [
            "counter_drift: 1 desk, resource or event counts other places than are taken.",
            f"    bookables: {bookable}",
            "agenda_check --repair puts right what can be.",
        ]
        assert stored(appointment.desk).bookable.places_booked == 7
        assert self.check("--repair") == ("Mended: 1\nok", 0)

    def test_what_is_left_is_a_status_of_1(self, appointment):
        Bookable.objects.filter(event__isnull=False).update(places=0)
        said, code = self.check("--repair")
        assert (said.splitlines()[0], code) == ("Mended: 0", 1)

    def test_as_json(self, appointment):
        event = Booking.objects.filter(event__isnull=False)[0].event
        Bookable.objects.filter(pk=event.bookable_id).update(places=0)
        said, code = self.check("--json")
        facts = json.loads(said)
        assert (facts["clean"], facts["mended"], code) == (False, 0, 1)
        [finding] = facts["findings"]
        assert (finding["code"], finding["of"], finding["keys"]) == (
            "oversold",
            "bookables",
            [event.bookable_id],
        )
        assert not finding["can_be_mended"]


def test_takes_as_many_queries_for_a_town_as_for_a_village():
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert consistency.findings(NOW) == []
        return len(captured)

    village = seeding.Plan(slug="village", first=NOW.date(), desks=1, bookings=2)
    seeding.fill(village, now=NOW)
    few = queries()
    seeding.fill(
        seeding.Plan(slug="hall", first=NOW.date(), events=20, places=5, bookings=80), now=NOW
    )
    assert booking.book(first_slot(make_appointments()[0]), make_details(user_email=""), now=NOW)
    for days in range(1, 4):
        room = Resource.objects.create(label=f"Room {days}")
        publish(make_meeting(resource=room, start=NOW + timedelta(days=days)))
    assert queries() == few <= 24
