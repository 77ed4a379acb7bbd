"""What a period is narrowed to."""

from datetime import date, timedelta

import pytest

from tests import factories
from tests.agents import make_staff, url
from tests.factories import NOW
from wagtail_agenda import attendance, availability, booking
from wagtail_agenda.choices import Actor, AgendaKind, Attendance

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

MONDAY = date(2026, 11, 30)
SCALES = ["day", "week", "month", "list"]


@pytest.fixture
def agenda(client):
    """Two desks and two appointment types."""
    made = factories.make_appointments(desks=2)[0]
    factories.make_meeting_type(made, label="Identity card")
    client.force_login(make_staff(made))
    return made


def shown(client, agenda, query, scale="day"):
    context = client.get(f"{url(scale, agenda.slug, MONDAY)}?{query}").context
    return context["shown_count"]


@pytest.mark.parametrize("scale", SCALES)
def test_every_view_narrows_alike(client, agenda, scale):
    passport, card = agenda.meeting_types.all()
    made = [
        factories.make_booking(slot=factories.first_slot(agenda, kind))
        for kind in (passport, passport, card, card, passport)
    ]
    attendance.check_in(made[0], Attendance.PRESENT, now=NOW)
    attendance.check_in(made[1], Attendance.ABSENT, now=NOW)
    attendance.check_in(made[4], Attendance.LATE, now=NOW)
    booking.cancel(made[2], actor=Actor.AGENT, now=NOW)
    desk = made[3].desk

    for query, number in {
        "": 4,
        "status=all": 5,
        "status=cancelled": 1,
        "attendance=present": 1,
        "attendance=absent": 1,
        "attendance=late": 1,
        "attendance=open": 1,
        "attendance=open&status=all": 2,
        f"type={card.slug}": 1,
        f"type={card.slug}&status=all": 2,
        f"type={card.slug}&desk={desk.slug}": 1,
        f"desk={desk.slug}&status=all": sum(one.desk == desk for one in made),
    }.items():
        assert shown(client, agenda, query, scale) == number, query


@pytest.mark.parametrize("scale", SCALES)
def test_an_event_can_be_shown_alone_from_other_weeks_too(client, scale):
    agenda = factories.make_agenda(kind=AgendaKind.EVENTS)
    client.force_login(make_staff(agenda))
    today, later = (
        factories.make_event(agenda, start=NOW + timedelta(days=days, hours=3)) for days in (0, 50)
    )
    for event in (today, later):
        factories.make_booking(slot=availability.find(agenda, event.slug, now=NOW))

    assert shown(client, agenda, f"event={today.slug}", scale) == 1
    page = client.get(f"{url('day', agenda.slug, MONDAY)}?event={later.slug}")
    assert page.context["shown_count"] == 0
    assert page.context["filters"].problems == []


def test_each_filter_that_is_set_has_a_chip_that_removes_it(client, agenda):
    desk = agenda.desks.first()
    query = f"desk={desk.slug}&attendance=open"

    context = client.get(f"{url('week', agenda.slug, MONDAY)}?{query}").context

    week = url("week", agenda.slug, MONDAY)
    assert [(chip.label, chip.value, chip.url) for chip in context["chips"]] == [
        ("Desk", desk.label, f"{week}?attendance=open"),
        ("Attendance", "Not checked in", f"{week}?desk={desk.slug}"),
    ]
    assert context["plain_url"] == week


def test_filters_are_kept_on_every_way_to_another_period(client, agenda):
    desk = agenda.desks.first()
    query = f"desk={desk.slug}&status=all&attendance=open"

    for scale in SCALES:
        context = client.get(f"{url(scale, agenda.slug, MONDAY)}?{query}").context
        ways = [context["previous_url"], context["next_url"], context["today_url"]]
        ways += [address for _scale, _label, address in context["scales"]]
        for way in ways:
            assert set(way.partition("?")[2].split("&")) == set(query.split("&")), way


def test_the_form_shows_what_is_set_and_what_there_is(client, agenda):
    desk = agenda.desks.first()
    agenda.desks.create(label="Old desk", retired=True)

    form = client.get(f"{url('week', agenda.slug, MONDAY)}?desk={desk.slug}").context["filter_form"]

    assert list(form.fields) == ["date", "type", "desk", "status", "attendance"]
    assert form["desk"].value() == desk.slug
    assert [label for _value, label in form.fields["desk"].choices] == [
        "All desks",
        *[one.label for one in agenda.desks.filter(retired=False)],
    ]
    html = str(form)
    assert f'<option value="{desk.slug}" selected>' in html
    assert 'type="date" name="date" value="2026-11-30"' in html


def test_what_there_is_only_one_of_is_no_filter(client):
    agenda = factories.make_appointments()[0]
    client.force_login(make_staff(agenda))

    form = client.get(url("week", agenda.slug, MONDAY)).context["filter_form"]

    assert list(form.fields) == ["date", "status", "attendance"]


@pytest.mark.parametrize("name", ["desk", "type", "event", "status", "attendance"])
@pytest.mark.parametrize("odd", ["no-such", "%00", "%F0%9F", "%3Cscript%3E", "x" * 500])
def test_what_does_not_exist_is_said_and_counts_for_nothing(client, agenda, name, odd):
    factories.make_booking(agenda)

    for scale in SCALES:
        response = client.get(f"{url(scale, agenda.slug, MONDAY)}?{name}={odd}")
        assert response.status_code == 200
        assert len(response.context["filters"].problems) == 1
        assert response.context["shown_count"] == 1
        assert b"<script>\xe2\x80\x9d" not in response.content
        assert odd not in response.context["next_url"]
