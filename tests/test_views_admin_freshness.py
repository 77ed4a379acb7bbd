"""Pages that keep themselves up to date: what changed, what is new, and how little it costs."""

from datetime import date, timedelta

import pytest
from freezegun import freeze_time

from tests import factories
from tests.agents import make_staff, queries_of, url
from tests.factories import NOW
from wagtail_agenda import attendance, booking, meetings
from wagtail_agenda.choices import Actor, AgendaKind, Attendance
from wagtail_agenda.models import Meeting
from wagtail_agenda.views.admin import freshness

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

MONDAY = date(2026, 11, 30)
SCALES = ["day", "week", "month", "list"]


@pytest.fixture
def agenda(client):
    made = factories.make_appointments(desks=2)[0]
    client.force_login(make_staff(made))
    return made


def stamp_of(client, address):
    return client.get(address).context["stamp"]


def refresh(client, address, stamp, **headers):
    return client.get(
        address,
        headers={"If-None-Match": f'"{stamp}"', "X-Requested-With": "XMLHttpRequest", **headers},
    )


@pytest.mark.parametrize("scale", SCALES)
def test_nothing_new_is_said_without_a_page(client, agenda, scale):
    factories.make_booking(agenda)
    address = url(scale, agenda.slug, MONDAY)
    stamp = stamp_of(client, address)

    response = refresh(client, address, stamp)

    assert response.status_code == 304
    assert response.content == b""
    assert response["Wagtail-Agenda-Time"] == "07:00"
    # Compression on the way weakens the tag.
    assert refresh(client, address, stamp, **{"If-None-Match": f'W/"{stamp}"'}).status_code == 304


@pytest.mark.parametrize("scale", SCALES)
def test_an_idle_page_costs_two_queries_beyond_who_asks(client, agenda, scale):
    for _number in range(5):
        factories.make_booking(agenda)
    address = url(scale, agenda.slug, MONDAY)
    stamp = stamp_of(client, address)

    client.defaults["HTTP_IF_NONE_MATCH"] = f'"{stamp}"'
    queries = queries_of(client, address, status=304)

    assert len(queries) <= 2, "\n".join(queries)


def book(agenda):
    return factories.make_booking(agenda)


CHANGES = {
    "booked": book,
    "cancelled": lambda agenda: booking.cancel(
        agenda.bookings.first(), actor=Actor.VISITOR, now=NOW
    ),
    "present": lambda agenda: attendance.check_in(
        agenda.bookings.first(), Attendance.PRESENT, now=NOW
    ),
    "marked as checked": lambda agenda: attendance.mark_as_checked(
        attendance.Sheet.of(agenda.bookings.first()), now=NOW
    ),
    "held": lambda agenda: booking.hold(factories.first_slot(agenda), lock_code="x", now=NOW),
    "a desk more": factories.make_desk,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("scale", SCALES)
def test_whatever_happens_is_noticed(client, agenda, scale, change):
    book(agenda)
    address = url(scale, agenda.slug, MONDAY)
    stamp = stamp_of(client, address)

    CHANGES[change](agenda)
    response = refresh(client, address, stamp)

    assert response.status_code == 200
    assert response.context["stamp"] != stamp


def test_what_happens_elsewhere_changes_nothing(client, agenda):
    other = factories.make_appointments()[0]
    address = url("day", agenda.slug, MONDAY)
    stamp = stamp_of(client, address)

    book(other)

    assert refresh(client, address, stamp).status_code == 304


def test_a_hold_that_lapses_is_noticed(client, agenda):
    held = NOW + timedelta(minutes=2)
    booking.hold(factories.first_slot(agenda), lock_code="x", now=held)
    address = url("day", agenda.slug, MONDAY)
    lapse = held + timedelta(minutes=10)
    # Both within the same few minutes for which a page is trusted.
    with freeze_time(lapse - timedelta(seconds=1)):
        stamp = stamp_of(client, address)
        assert refresh(client, address, stamp).status_code == 304
    with freeze_time(lapse):
        assert refresh(client, address, stamp).status_code == 200


def test_after_a_few_minutes_a_page_is_renewed_whatever_happened(client, agenda):
    address = url("day", agenda.slug, MONDAY)
    stamp = stamp_of(client, address)

    with freeze_time(NOW + timedelta(minutes=4)):
        assert refresh(client, address, stamp).status_code == 304
    with freeze_time(NOW + timedelta(minutes=5)):
        assert refresh(client, address, stamp).status_code == 200


@pytest.mark.parametrize("scale", SCALES)
def test_a_change_brings_the_part_that_changes_and_says_what_is_new(client, agenda, scale):
    gone = book(agenda)
    address = url(scale, agenda.slug, MONDAY)
    stamp = stamp_of(client, address)
    made = [factories.make_booking(agenda, user_name=f"Visitor {n}") for n in range(2)]
    booking.cancel(gone, actor=Actor.VISITOR, now=NOW)
    attendance.check_in(made[0], Attendance.PRESENT, now=NOW)
    attendance.check_in(made[1], Attendance.LATE, now=NOW)

    response = refresh(client, address, stamp)
    page = response.content.decode()

    assert page.lstrip().startswith('<div id="wagtail-agenda-live"')
    assert response.context["news"] == "2 new bookings. 1 booking cancelled. 2 checked in."
    assert 'data-news="2 new bookings.' in page
    if scale != "month":
        assert "Visitor 1" in page
    assert refresh(client, address, response.context["stamp"]).status_code == 304


def called_in_a_room(agenda, hours=3, **fields):
    start = NOW + timedelta(hours=hours)
    fields = {"start": start, "end": start + timedelta(hours=1), **fields}
    return factories.publish(factories.make_meeting(agenda, **fields))


def change(called, **fields):
    meeting = Meeting.objects.get(pk=called.meeting_id)
    for name, value in fields.items():
        setattr(meeting, name, value)
    factories.publish(meeting)


def moved_away(called):
    change(called, start=called.start + timedelta(days=40), end=called.end + timedelta(days=40))


def cancelled(called):
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)


WAYS_TO_GO = {
    "cancelled": cancelled,
    "moved": moved_away,
    "in another room": lambda called: change(called, desk=None),
    "deleted": lambda called: called.meeting.delete(),
}


@pytest.mark.parametrize("way", WAYS_TO_GO)
@pytest.mark.parametrize("scale", ["day", "week", "month"])
def test_a_meeting_that_comes_is_told_and_one_that_goes(client, agenda, scale, way):
    desk = agenda.desks.first()
    address = url(scale, agenda.slug, MONDAY)
    stamp = stamp_of(client, address)

    called = called_in_a_room(agenda, desk=desk)
    response = refresh(client, address, stamp)
    assert response.context["news"] == "1 new meeting."
    stamp = response.context["stamp"]
    assert refresh(client, address, stamp).status_code == 304

    WAYS_TO_GO[way](called)
    called_in_a_room(agenda, hours=6, desk=desk)
    book(agenda)
    response = refresh(client, address, stamp)
    assert response.context["news"] == (
        "1 new booking. 1 new meeting. 1 meeting is no longer here."
    )
    # It is told once.
    book(agenda)
    response = refresh(client, address, response.context["stamp"])
    assert response.context["news"] == "1 new booking."


def test_a_list_of_bookings_tells_of_no_meetings(client, agenda):
    address = url("list", agenda.slug, MONDAY)
    stamp = stamp_of(client, address)
    called_in_a_room(agenda, desk=agenda.desks.first())

    assert refresh(client, address, stamp).context["news"] == ""


def test_what_stays_and_what_lies_elsewhere_is_no_news(client, agenda):
    desk = agenda.desks.first()
    called = called_in_a_room(agenda, desk=desk)
    address = url("day", agenda.slug, MONDAY)
    stamp = stamp_of(client, address)

    change(called, title="Another", start=called.start + timedelta(minutes=5))
    called_in_a_room(agenda, hours=60, desk=desk)
    called_in_a_room(agenda)

    response = refresh(client, address, stamp)
    assert response.status_code == 200
    assert response.context["news"] == ""


def test_of_very_many_meetings_nothing_is_told(client, agenda, monkeypatch):
    monkeypatch.setattr(freshness, "MOST_MEETINGS", 1)
    desk = agenda.desks.first()
    called_in_a_room(agenda, desk=desk)
    address = url("day", agenda.slug, MONDAY)
    stamp = stamp_of(client, address)
    other = called_in_a_room(agenda, hours=5, desk=desk)

    response = refresh(client, address, stamp)
    assert response.context["news"] == ""
    cancelled(other)
    assert refresh(client, address, response.context["stamp"]).context["news"] == ""


def test_a_page_that_is_loaded_has_no_news(client, agenda):
    book(agenda)

    assert client.get(url("day", agenda.slug, MONDAY)).context["news"] == ""


def test_messages_wait_for_a_page_that_shows_them(client, agenda):
    made = book(agenda)
    address = url("day", agenda.slug, MONDAY)
    stamp = stamp_of(client, address)
    client.post(url("booking_check_in", made.pk), {"attendance": "present", "next": address})

    assert refresh(client, address, stamp).status_code == 200
    assert "is present." in client.get(address).content.decode()


@pytest.mark.parametrize(
    "odd",
    ["", "*", "x", "0-0", "9" * 30 + "-" + "a" * 32, "1-" + "g" * 32, "\x00", "²-" + "a" * 32]
    + [f"1-{'a' * 32}~{odd}" for odd in ("x", "1.", ".", "-1", "٣", "9" * 30)],
)
@pytest.mark.one_database
def test_an_odd_stamp_gets_the_whole_page(client, agenda, odd):
    response = refresh(client, url("day", agenda.slug, MONDAY), odd)

    assert response.status_code == 200
    assert "<!doctype html>" in response.content.decode().lower()


def test_a_stamp_from_another_time_gets_the_part_that_changes(client, agenda):
    response = refresh(client, url("day", agenda.slug, MONDAY), "999999999999-" + "a" * 32)

    assert response.status_code == 200
    assert response.context["news"] == ""


def test_who_is_logged_out_or_no_longer_an_agent_is_refused(client, agenda):
    address = url("day", agenda.slug, MONDAY)
    stamp = stamp_of(client, address)
    agenda.grants.all().delete()
    assert refresh(client, address, stamp).status_code in (403, 404)

    client.logout()
    assert refresh(client, address, stamp).status_code == 403


def test_events_are_watched_by_their_places(client):
    agenda = factories.make_agenda(kind=AgendaKind.EVENTS)
    client.force_login(make_staff(agenda))
    event = factories.make_event(agenda, places=3)
    address = url("week", agenda.slug, event.start.date())
    stamp = stamp_of(client, address)
    assert refresh(client, address, stamp).status_code == 304

    booking.change_places(event, 5, now=NOW)

    assert refresh(client, address, stamp).status_code == 200


def test_filters_stay_when_a_page_refreshes(client, agenda):
    first, second = book(agenda), book(agenda)
    address = f"{url('day', agenda.slug, MONDAY)}?desk={second.desk.slug}"
    stamp = stamp_of(client, address)
    attendance.check_in(second, Attendance.PRESENT, now=NOW)

    page = refresh(client, address, stamp).content.decode()

    assert f'id="booking-{second.pk}"' in page
    assert f'id="booking-{first.pk}"' not in page


def test_without_a_script_there_is_a_link(client, agenda):
    address = f"{url('week', agenda.slug, MONDAY)}?status=all"

    page = " ".join(client.get(address).content.decode().split())

    assert "Updated at 07:00." in page
    assert f'<a href="{address}">' in page
    assert '<button type="button" data-toggle hidden>' in page
