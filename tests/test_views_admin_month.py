"""A month at a glance."""

from datetime import date, timedelta

import pytest

from tests import factories
from tests.agents import make_staff, queries_of, url
from tests.factories import NOW
from wagtail_agenda import booking
from wagtail_agenda.choices import Actor
from wagtail_agenda.views.admin.load import Load
from wagtail_agenda.views.admin.period import month_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.usefixtures("frozen_now"),
]

MONDAY = date(2026, 11, 30)


@pytest.fixture
def agenda(client):
    made = factories.make_appointments()[0]
    client.force_login(make_staff(made))
    return made


def cells_of(client, agenda, day=MONDAY, query=""):
    response = client.get(url("month", agenda.slug, day) + query)
    assert response.status_code == 200
    return {cell.day: cell for week in response.context["weeks"] for cell in week}


def test_whole_weeks_from_monday_on(client, agenda):
    context = client.get(url("month", agenda.slug, date(2026, 12, 15))).context

    days = [cell.day for week in context["weeks"] for cell in week]
    assert (days[0], days[-1]) == (date(2026, 11, 30), date(2027, 1, 3))
    assert {len(week) for week in context["weeks"]} == {7}
    inside = [cell.day for week in context["weeks"] for cell in week if cell.is_inside]
    assert (inside[0], inside[-1]) == (date(2026, 12, 1), date(2026, 12, 31))
    assert context["period_text"] == "December 2026"


def test_each_day_leads_to_itself_and_says_how_full_it_is(client, agenda):
    factories.make_booking(agenda)
    gone = factories.make_booking(agenda)
    booking.cancel(gone, actor=Actor.AGENT, now=NOW)

    cells = cells_of(client, agenda, query=f"?desk={agenda.desks.get().slug}")

    assert cells[MONDAY].load == Load(1, 5)
    assert cells[MONDAY].is_today
    assert cells[MONDAY].url == (
        f"{url('day', agenda.slug, MONDAY)}?desk={agenda.desks.get().slug}"
    )
    assert cells[date(2026, 11, 28)].is_shut
    page = client.get(url("month", agenda.slug, MONDAY)).content.decode()
    assert "1 of 6" in page
    assert "Monday 30 November" in page


def test_filters_count_what_they_show(client, agenda):
    factories.make_booking(agenda)

    assert cells_of(client, agenda, query="?attendance=open")[MONDAY].load == Load(1)
    assert cells_of(client, agenda, query="?attendance=absent")[MONDAY].load == Load(0)


def test_the_ways_to_other_months(client, agenda):
    context = client.get(url("month", agenda.slug, date(2026, 12, 31))).context

    assert context["previous_url"] == url("month", agenda.slug, date(2026, 11, 1))
    assert context["next_url"] == url("month", agenda.slug, date(2027, 1, 1))


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        (date(2026, 2, 10), date(2026, 2, 1), date(2026, 2, 28)),
        (date(2028, 2, 29), date(2028, 2, 1), date(2028, 2, 29)),
        (date(2026, 12, 31), date(2026, 12, 1), date(2026, 12, 31)),
    ],
)
def test_months_have_the_days_of_the_calendar(day, first, last):
    assert month_of(day) == (first, last)


@pytest.mark.parametrize("day", [date(1970, 1, 1), date(2999, 12, 31)])
def test_the_ends_of_the_calendar_can_be_shown(client, agenda, day):
    assert cells_of(client, agenda, day)[day].is_inside


def test_the_number_of_queries_does_not_grow_with_the_bookings(client):
    agenda = factories.make_appointments(desks=3)[0]
    client.force_login(make_staff(agenda))
    factories.make_booking(agenda)
    address = url("month", agenda.slug, MONDAY)
    few = queries_of(client, address)

    for _number in range(20):
        factories.make_booking(agenda)
    many = queries_of(client, address)

    assert agenda.bookings.filter(start__lt=NOW + timedelta(days=3)).count() == 21
    assert len(many) == len(few) <= 12, "\n".join(many)
