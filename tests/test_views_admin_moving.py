"""Moving a booking to another time: from when to when, and what if it is gone."""

from datetime import date, timedelta

import pytest
from wagtail.models import ModelLogEntry

from tests import factories
from tests.agents import make_staff, queries_of, url
from tests.factories import NOW
from wagtail_agenda import attendance, availability, booking
from wagtail_agenda.choices import Actor, AgendaKind, Attendance
from wagtail_agenda.models import Booking, Resource

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.usefixtures("frozen_now"),
]

MONDAY = date(2026, 11, 30)


def text(response):
    return " ".join(response.content.decode().split())


def move_url(made, *, to="", **query):
    asked = {"date": MONDAY, **query, **({"to": to} if to else {})}
    parts = "&".join(f"{name}={value}" for name, value in asked.items())
    return f"{url('booking_move', made.pk)}?{parts}".replace("+", "%2B")


def when(made):
    return Booking.objects.get(pk=made.pk).local_start.strftime("%d %H:%M")


def test_what_is_free_is_offered_whatever_the_notice(client, agent, made):
    type(made.agenda).objects.update(minimal_booking_delay=48)

    response = client.get(url("booking_move", made.pk))

    times = [choice.time for choice in response.context["choices"]]
    assert times == ["09:30", "10:00", "10:30", "11:00", "11:30"]


def test_a_get_shows_from_when_to_when_and_a_post_moves(client, agent, made):
    address = move_url(made, to="passport:2026-11-30-1030")

    page = text(client.get(address))
    assert "Monday 30 November 2026, 09:00 to 09:30" in page
    assert "Monday 30 November 2026, 10:30 to 11:00" in page
    assert when(made) == "30 09:00"

    response = client.post(address, follow=True)
    assert when(made) == "30 10:30"
    assert "is moved" in text(response)
    assert made.entries.get(what="moved").user == agent
    log = ModelLogEntry.objects.get()
    assert (log.action, log.data) == ("wagtail_agenda.move", {"slot": "passport:2026-11-30-1030"})


def test_a_second_click_changes_nothing_more(client, agent, made):
    address = move_url(made, to="passport:2026-11-30-1030")
    client.post(address)
    response = client.post(address)
    assert when(made) == "30 10:30"
    assert made.entries.filter(what="moved").count() == 1
    assert response.status_code in {200, 302}


def test_a_time_taken_meanwhile_keeps_the_old_one_and_names_the_nearest(client, agent, made):
    slot = availability.find(made.agenda, "passport:2026-11-30-1030", now=NOW)
    factories.make_booking(slot=slot)

    response = client.post(move_url(made, to="passport:2026-11-30-1030"))

    assert when(made) == "30 09:00"
    page = text(response)
    assert "That time has been taken meanwhile." in page
    assert "Nothing was moved." in page
    near = [words for _url, words in response.context["nearest"]]
    assert [words[-5:] for words in near] == ["09:30", "10:00", "11:00", "11:30"]
    assert "to=passport%3A2026-11-30-1000" in response.context["nearest"][1][0]


@pytest.mark.parametrize(
    "to", ["passport:2026-11-30-1007", "no-such:2026-11-30-1000", "%00", "x" * 5000, "passport"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_time_that_is_none_is_said_and_moves_nothing(client, agent, made, to, method):
    response = getattr(client, method)(move_url(made, to=to))
    assert response.status_code == 200
    assert "Nothing was moved." in text(response)
    assert when(made) == "30 09:00"


def test_a_post_without_a_time_asks_for_one(client, agent, made):
    assert "Choose one of the times." in text(client.post(url("booking_move", made.pk)))


def test_whoever_came_stays_where_they_are(client, agent, made):
    attendance.check_in(made, Attendance.PRESENT, now=NOW)
    response = client.get(url("booking_move", made.pk), follow=True)
    assert "has been checked in" in text(response)
    client.post(move_url(made, to="passport:2026-11-30-1030"))
    assert when(made) == "30 09:00"


def test_an_event_is_left_for_another_that_has_room(client):
    agenda = factories.make_agenda(kind=AgendaKind.EVENTS)
    first, second, full = (
        factories.make_event(agenda, places=2, start=NOW + timedelta(hours=hours))
        for hours in (3, 6, 9)
    )
    factories.make_booking(slot=availability.find(agenda, full.slug, now=NOW))
    made = factories.make_booking(slot=availability.find(agenda, first.slug, now=NOW), places=2)
    client.force_login(make_staff(agenda))

    choices = client.get(url("booking_move", made.pk)).context["choices"]
    assert [choice.slot.event for choice in choices] == [second]

    client.post(move_url(made, to=second.slug))
    made.refresh_from_db()
    assert (made.event, made.places) == (second, 2)


def test_a_length_that_one_chose_is_kept(client):
    agenda, meeting_type, _desks = factories.make_appointments()
    type(meeting_type).objects.update(maximum_duration=90)
    meeting_type.refresh_from_db()
    slot = availability.ends(agenda, meeting_type, NOW + timedelta(hours=2), now=NOW)[-1]
    made = factories.make_booking(slot=slot)
    client.force_login(make_staff(agenda))
    assert made.end - made.start == timedelta(minutes=90)

    page = text(client.get(move_url(made, to="passport:2026-11-30-1030")))
    assert "10:30 to 12:00" in page
    client.post(move_url(made, to="passport:2026-11-30-1100", minutes=60))

    made.refresh_from_db()
    assert when(made) == "30 11:00"
    assert made.end - made.start == timedelta(minutes=60)


def test_its_own_time_is_not_in_its_way(client):
    agenda, meeting_type, _desks = factories.make_appointments()
    type(meeting_type).objects.update(duration=60, step=30, maximum_duration=120)
    slot = availability.find(agenda, "passport:2026-11-30-1000", now=NOW)
    made = factories.make_booking(slot=slot)
    client.force_login(make_staff(agenda))

    choices = client.get(move_url(made)).context["choices"]
    assert [choice.time for choice in choices] == ["09:00", "09:30", "10:30", "11:00"]
    # Where it is, for as long as before, is no choice.
    page = text(client.post(move_url(made, to="passport:2026-11-30-1000")))
    assert "The booking is at this time already." in page
    assert not ModelLogEntry.objects.exists()

    client.post(move_url(made, to="passport:2026-11-30-1000", minutes=120))
    made.refresh_from_db()
    assert (when(made), made.end - made.start) == ("30 10:00", timedelta(hours=2))
    client.post(move_url(made, to="passport:2026-11-30-1030", minutes=90))
    made.refresh_from_db()
    assert (when(made), made.end - made.start) == ("30 10:30", timedelta(minutes=90))


def test_at_the_same_time_another_desk_can_be_had(client):
    agenda, _type, (first, second) = factories.make_appointments(desks=2)
    made = factories.make_booking(agenda)
    assert made.desk == first
    client.force_login(make_staff(agenda))
    client.post(move_url(made, to="passport:2026-11-30-0900"))
    made.refresh_from_db()
    assert (when(made), made.desk) == ("30 09:00", second)


def test_its_rooms_come_along(client):
    agenda, _type, _desks = factories.make_appointments(desks=2)
    room = Resource.objects.create(label="Blue room")
    agenda.resources.add(room)
    agenda.save()
    slot = availability.find(agenda, "passport:2026-11-30-0900", now=NOW, resources=[room])
    made = factories.make_booking(slot=slot)
    client.force_login(make_staff(agenda))

    response = client.get(url("booking_move", made.pk))
    assert response.context["asked"][-1] == ("resource", "blue-room")
    client.post(move_url(made, to="passport:2026-11-30-1030", resource="blue-room"))

    made.refresh_from_db()
    assert when(made) == "30 10:30"
    assert list(made.resources.all()) == [room]


def test_only_agents_of_the_agenda_move(client, made):
    client.force_login(make_staff(factories.make_agenda()))
    assert client.get(url("booking_move", made.pk)).status_code == 404
    assert client.post(move_url(made, to="passport:2026-11-30-1030")).status_code == 404
    assert when(made) == "30 09:00"


def test_the_choice_takes_a_constant_number_of_queries(client, agent, made):
    few = queries_of(client, move_url(made))
    booking.cancel(factories.make_booking(made.agenda), actor=Actor.AGENT, now=NOW)
    factories.make_booking(made.agenda)
    many = queries_of(client, move_url(made))
    assert len(many) == len(few) <= 15, "\n".join(many)
