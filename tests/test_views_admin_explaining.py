"""Why visitors cannot book at a moment, as agents are told."""

from datetime import date, timedelta

import pytest

from tests import factories
from tests.agents import make_staff, url
from tests.factories import NOW
from tests.test_views_admin_acts import text
from wagtail_agenda import availability
from wagtail_agenda.choices import AgendaKind, Role
from wagtail_agenda.models import Bookable

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.usefixtures("frozen_now"),
]

MONDAY = date(2026, 11, 30)


@pytest.fixture
def counter(client):
    agenda, meeting_type, (desk,) = factories.make_appointments(desks=1)
    client.force_login(make_staff(agenda))
    return agenda, meeting_type, desk


def why(client, agenda, at, **query):
    return client.get(url("explain"), {"agenda": agenda.slug, "at": at, **query})


def links(response):
    return [url for reason in response.context["reasons"] for url, _label in reason.links]


def test_what_is_closed_names_the_schedule_to_those_who_may_change_it(client, counter):
    agenda, _type, _desk = counter

    page = text(why(client, agenda, "2026-11-30T13:30"))
    assert "Why can nobody book 13:30 here?" in page
    assert "is closed at this time." in page
    assert links(why(client, agenda, "2026-11-30T13:30")) == []

    client.force_login(make_staff(agenda, role=Role.EDITOR))
    (link,) = links(why(client, agenda, "2026-11-30T13:30"))
    assert f"/schedule/edit/{agenda.schedule_id}/" in link


def test_what_is_taken_leads_to_the_booking_if_one_may_see_it(client, counter):
    agenda, _type, _desk = counter
    made = factories.make_booking(agenda)

    assert links(why(client, agenda, "2026-11-30T09:00")) == [url("booking", made.pk)]


def test_a_closure_leads_to_its_calendar(client, counter):
    agenda, _type, _desk = counter
    calendar = factories.make_closure_calendar(
        {"type": "dates", "value": {"first": "2026-12-01", "last": "2026-12-01", "label": "Fair"}}
    )
    agenda.closure_calendars.add(calendar)
    agenda.save()
    client.force_login(make_staff(agenda, role=Role.EDITOR))

    response = why(client, agenda, "2026-12-01T10:00")

    if not response.context["reasons"]:
        pytest.fail(text(response))
    assert any(f"/closurecalendar/edit/{calendar.pk}/" in link for link in links(response))


def test_every_reason_is_listed_and_an_agent_may_book_in_spite_of_delays(client, counter):
    agenda, _type, _desk = counter
    type(agenda).objects.update(minimal_booking_delay=48)

    response = why(client, agenda, "2026-11-30T10:00")

    assert "Minimum notice" in text(response)
    assert "Book it for somebody all the same" in text(response)
    assert response.context["booking_url"].startswith(url("booking_new", agenda.slug))
    page = client.get(response.context["booking_url"])
    assert [one.time for one in page.context["choices"] if one.checked] == ["10:00"]
    assert "Wednesday 2 December 2026" in text(response)


def test_what_can_be_booked_is_said(client, counter):
    agenda, _type, _desk = counter
    page = text(why(client, agenda, "2026-11-30T10:00"))
    assert "Visitors can book 10:00 here" in page
    assert "Book it for somebody" in page


def test_an_event_is_explained_by_its_name(client):
    agenda = factories.make_agenda(kind=AgendaKind.EVENTS)
    event = factories.make_event(agenda, places=1)
    factories.make_booking(slot=availability.find(agenda, event.slug, now=NOW))
    client.force_login(make_staff(agenda))

    page = text(client.get(url("explain"), {"agenda": agenda.slug, "event": event.slug}))

    assert f"Why can nobody simply book {event}?" in page
    assert f"The only place of “{event}” is taken." in page
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=2)
    page = text(client.get(url("explain"), {"agenda": agenda.slug, "event": event.slug}))
    assert "joins its waiting list" in page


@pytest.mark.parametrize(
    "at", ["garbage", "2026-13-40T10:00", "\x00", "9999-12-31T23:59", "0001-01-01T00:00", "T"]
)
def test_a_moment_that_is_none_is_said(client, counter, at):
    response = why(client, counter[0], at)
    assert response.status_code == 200
    assert "is no moment that can be explained" in text(response)


def test_date_and_time_of_the_form_do_as_well(client, counter):
    agenda, _type, _desk = counter
    response = client.get(
        url("explain"), {"agenda": agenda.slug, "date": "2026-11-30", "time": "13:30"}
    )
    assert "Why can nobody book 13:30 here?" in text(response)
    assert "closed" in text(why(client, agenda, "2026-11-30T13:30+01:00"))


def test_an_agenda_of_others_is_not_found(client, counter):
    other = factories.make_agenda()
    assert why(client, other, "2026-11-30T10:00").status_code == 404
    assert why(client, counter[0], "").status_code == 200


# From the table of times


def test_a_time_that_turns_out_not_to_be_free_leads_to_the_reasons_too(client, counter):
    agenda, _type, _desk = counter
    address = f"{url('booking_new', agenda.slug)}?date=2026-11-30&time="

    response = client.get(address + "10:15")
    assert "10:15 is not among the times that can be booked." in text(response)
    page = text(client.get(response.context["why_url"]))
    assert "begins every 30 minutes" in page
    for time in ("10:00", "25:99", "x"):
        assert not client.get(address + time).context["why_url"]


@pytest.mark.parametrize("scale", ["day", "week"])
def test_a_cell_that_visitors_cannot_book_leads_to_the_reasons(client, counter, scale):
    agenda, _type, _desk = counter
    factories.make_schedule()
    type(agenda).objects.update(minimal_booking_delay=3)
    tuesday = MONDAY + timedelta(days=1)

    page = text(client.get(url(scale, agenda.slug, MONDAY))).replace("%3A", ":")
    ask = f"{url('explain')}?agenda={agenda.slug}&amp;at="
    assert f"{ask}2026-11-30T09:00" in page
    assert f"{ask}2026-11-30T10:00" not in page
    book = f"{url('booking_new', agenda.slug)}?date=2026-11-30&amp;time="
    assert f"{book}10:00" in page
    assert f"{book}09:00" not in page
    if scale == "week":
        assert f"{ask}2026-12-05T10:00" in page
        assert f"date={tuesday}&amp;time=09:00" in page
