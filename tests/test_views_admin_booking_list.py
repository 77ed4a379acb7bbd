"""The bookings of an agenda one after the other."""

from datetime import date, timedelta

import pytest

from tests import factories
from tests.agents import make_staff, queries_of, url
from tests.factories import NOW
from wagtail_agenda import attendance, availability, booking
from wagtail_agenda.choices import Actor, AgendaKind, Attendance
from wagtail_agenda.views.admin import booking_list

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

MONDAY = date(2026, 11, 30)


@pytest.fixture
def agenda(client):
    made = factories.make_appointments(desks=2)[0]
    client.force_login(make_staff(made))
    return made


def listed(client, agenda, query="", day=MONDAY):
    response = client.get(url("list", agenda.slug, day) + query)
    assert response.status_code == 200
    return {group.day: [line.booking for line in group.lines] for group in response.context["days"]}


def test_bookings_stand_under_their_days_in_the_order_of_time(client, agenda):
    made = [factories.make_booking(agenda) for _number in range(14)]
    tuesday = MONDAY + timedelta(days=1)

    assert listed(client, agenda) == {MONDAY: made[:12], tuesday: made[12:]}
    assert listed(client, agenda, day=tuesday) == {tuesday: made[12:]}


def test_filters_narrow_the_list_and_cancelled_ones_are_counted(client, agenda):
    present, gone, other = (factories.make_booking(agenda) for _number in range(3))
    attendance.check_in(present, Attendance.PRESENT, now=NOW)
    booking.cancel(gone, actor=Actor.AGENT, now=NOW)

    assert listed(client, agenda) == {MONDAY: [present, other]}
    assert listed(client, agenda, "?status=all") == {MONDAY: [present, gone, other]}
    assert listed(client, agenda, "?attendance=present") == {MONDAY: [present]}
    assert listed(client, agenda, "?attendance=open") == {MONDAY: [other]}
    assert listed(client, agenda, f"?desk={other.desk.slug}&status=all")[MONDAY][-1] == other
    page = client.get(url("list", agenda.slug, MONDAY)).content.decode()
    assert "1 cancelled booking is not shown." in page


def test_long_lists_come_in_pages_that_keep_the_filters(client, agenda, monkeypatch):
    monkeypatch.setattr(booking_list, "BOOKINGS_A_PAGE", 2)
    made = [factories.make_booking(agenda) for _number in range(5)]
    address = url("list", agenda.slug, MONDAY) + "?attendance=open"

    context = client.get(address).context
    assert context["page_urls"] == {"previous": "", "next": f"{address}&p=2"}
    assert context["shown_count"] == 5
    last = client.get(f"{address}&p=3").context
    assert [one.booking for group in last["days"] for one in group.lines] == made[4:]
    for odd in ("0", "-1", "999", "x", "%00", ""):
        assert client.get(f"{address}&p={odd}").status_code == 200


def test_an_empty_list_says_so(client, agenda):
    assert "No bookings to show." in client.get(url("list", agenda.slug, MONDAY)).content.decode()


def test_events_are_listed_by_their_bookings(client):
    agenda = factories.make_agenda(kind=AgendaKind.EVENTS)
    client.force_login(make_staff(agenda))
    first, second = (
        factories.make_event(agenda, start=NOW + timedelta(days=days)) for days in (1, 2)
    )
    bookings = [
        factories.make_booking(slot=slot) for slot in availability.next_free(agenda, now=NOW)
    ]

    assert [one.event for one in bookings] == [first, second]
    assert list(listed(client, agenda).values()) == [[bookings[0]], [bookings[1]]]
    assert list(listed(client, agenda, f"?event={second.slug}").values()) == [[bookings[1]]]


def test_the_number_of_queries_does_not_grow_with_the_bookings(client, agenda):
    factories.make_booking(agenda)
    address = url("list", agenda.slug, MONDAY)
    few = queries_of(client, address)

    for _number in range(20):
        factories.make_booking(agenda)

    many = queries_of(client, address)
    assert len(many) == len(few) <= 12, "\n".join(many)
