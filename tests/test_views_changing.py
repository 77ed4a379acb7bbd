"""A visitor moves a booking, or gives it another number of places, from the link in their mail."""

import re
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import (
    NOW,
    PARIS,
    make_agenda,
    make_appointments,
    make_booking,
    make_desk,
    make_event,
    make_meeting_type,
    make_schedule,
)
from tests.test_views_manage import state
from tests.test_views_visitor import clock, text_of  # noqa: F401
from tests.test_views_waiting_list import book, make_course, url
from wagtail_agenda import availability, throttle, tokens
from wagtail_agenda import booking as bookings
from wagtail_agenda.choices import Actor, Admission, AgendaKind
from wagtail_agenda.errors import Overloaded, SoldOut
from wagtail_agenda.models import Agenda, AgendaMember, Delivery, Occupation, Resource

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NEW = "passport:2026-12-03-1000"
STAYS = "Your booking stays as it was."


@pytest.fixture
def booking():
    """The appointment of today at nine."""
    return make_booking(make_appointments()[0])


def when(booking):
    booking.refresh_from_db()
    return f"{booking.local_start:%Y-%m-%d %H:%M}"


def take(agenda, key):
    return make_booking(slot=availability.find(agenda, key, now=NOW), user_email="x@town.example")


# An appointment


def test_from_the_page_of_the_booking_to_another_time(client, booking):
    page = client.get(url("manage", booking))
    assert f'href="{url("manage_move", booking)}">Move to another time<' in page.text
    page = client.get(url("manage_move", booking), {"day": "2026-12-03"})
    assert "You have Monday 30 November 2026, 09:00 to 09:30." in text_of(page)
    assert f'method="get" action="{url("manage_move_to", booking)}"' in page.text
    assert f'value="{NEW}"' in page.text
    page = client.get(url("manage_move_to", booking), {"slot": NEW})
    assert "Until now" in text_of(page)
    assert "Monday 30 November 2026, 09:00 to 09:30" in text_of(page)
    assert "From now on" in text_of(page)
    assert "Thursday 3 December 2026, 10:00 to 10:30" in text_of(page)
    assert when(booking) == "2026-11-30 09:00"
    response = client.post(url("manage_move_to", booking), {"slot": NEW}, follow=True)
    assert when(booking) == "2026-12-03 10:00"
    assert "Your booking has been moved." in text_of(response)
    assert "updates the entry in your calendar" in text_of(response)
    assert "Thursday 3 December 2026, 10:00 to 10:30" in text_of(response)
    assert Occupation.objects.count() == 1


def test_opening_the_pages_moves_nothing(client, booking):
    before = state()
    for page in ("manage_move", "manage_move_to"):
        for method in (client.get, client.head):
            assert method(url(page, booking), {"slot": NEW}).status_code == 200
        assert client.put(url(page, booking)).status_code == 405
    assert client.post(url("manage_move", booking), {"slot": NEW}).status_code == 405
    assert client.get(url("manage_places", booking)).status_code == 303
    assert state() == before


def test_moving_twice_is_moving_once(client, booking):
    client.post(url("manage_move_to", booking), {"slot": NEW})
    before, mails = state(), Delivery.objects.count()
    response = client.post(url("manage_move_to", booking), {"slot": NEW})
    assert response["Location"] == f"{url('manage', booking)}?done=moved"
    assert client.get(url("manage_move_to", booking), {"slot": NEW}).status_code == 303
    assert (state(), Delivery.objects.count()) == (before, mails)


def test_a_time_that_is_gone_leads_to_the_nearest_and_the_old_one_stands(client, booking):
    take(booking.agenda, NEW)
    response = client.post(url("manage_move_to", booking), {"slot": NEW}, follow=True)
    assert when(booking) == "2026-11-30 09:00"
    assert "This time has just been taken." in text_of(response)
    assert STAYS in text_of(response)
    nearest = response.text[response.text.index("Nearest free times") :]
    assert 'value="passport:2026-12-03-0930"' in nearest
    assert 'value="passport:2026-12-03-1030"' in nearest
    assert f'value="{NEW}"' not in response.text


@pytest.mark.parametrize(
    "key", ["passport:2026-12-03-1005", "x", "\x00", "x" * 3000, "passport:9999-12-31-2359", "é"]
)
def test_a_time_that_is_not_offered(client, booking, key):
    before = state()
    for response in (
        client.post(url("manage_move_to", booking), {"slot": key}, follow=True),
        client.get(url("manage_move_to", booking), {"slot": key}, follow=True),
    ):
        assert "not offered" in text_of(response)
        assert STAYS in text_of(response)
    assert state() == before


def test_the_time_that_one_has_is_not_among_those_to_move_to(client, booking):
    make_desk(booking.agenda)
    page = client.get(url("manage_move", booking), {"day": "2026-11-30"})
    assert 'value="passport:2026-11-30-0930"' in page.text
    assert 'value="passport:2026-11-30-0900"' not in page.text


# Over its own time


def hour_from_ten(**fields):
    """An hour from ten to eleven at the only desk, with starts every half hour."""
    agenda = make_agenda()
    make_desk(agenda)
    make_meeting_type(agenda, duration=60, step=30, **fields)
    return make_booking(slot=availability.find(agenda, "passport:2026-11-30-1000", now=NOW))


@pytest.mark.parametrize("later", ["0930", "1030"])
def test_half_an_hour_earlier_or_later_at_the_only_desk(client, later):
    booking = hour_from_ten()
    key = f"passport:2026-11-30-{later}"
    page = client.get(url("manage_move", booking), {"day": "2026-11-30"})
    assert f'value="{key}"' in page.text
    assert 'value="passport:2026-11-30-1000"' not in page.text
    assert client.get(url("manage_move_to", booking), {"slot": key}).status_code == 200
    client.post(url("manage_move_to", booking), {"slot": key})
    assert when(booking) == f"2026-11-30 {later[:2]}:{later[2:]}"
    assert Occupation.objects.count() == 1
    # To everybody else the new time is taken.
    with pytest.raises(SoldOut):
        availability.find(booking.agenda, key, now=NOW)


def test_its_own_room_is_not_in_its_way(client):
    booking = hour_from_ten()
    room = Resource.objects.create(label="Room")
    booking.meeting_type.resources.add(room)
    make_booking(slot=availability.find(booking.agenda, "passport:2026-11-30-0900", now=NOW))
    bookings.cancel(booking, actor=Actor.AGENT, now=NOW)
    booking = make_booking(
        slot=availability.find(booking.agenda, "passport:2026-11-30-1000", now=NOW)
    )
    page = client.get(url("manage_move", booking), {"day": "2026-11-30"})
    assert 'value="passport:2026-11-30-1030"' in page.text
    # Somebody else has the desk and the room until ten.
    assert 'value="passport:2026-11-30-0930"' not in page.text
    client.post(url("manage_move_to", booking), {"slot": "passport:2026-11-30-0930"})
    assert when(booking) == "2026-11-30 10:00"
    client.post(url("manage_move_to", booking), {"slot": "passport:2026-11-30-1030"})
    assert when(booking) == "2026-11-30 10:30"
    assert Occupation.objects.filter(booking=booking).count() == 2


def test_an_appointment_is_lengthened_where_it_is(client):
    booking = hour_from_ten(maximum_duration=120)
    page = client.get(url("manage_move", booking), {"day": "2026-11-30"})
    assert 'value="passport:2026-11-30-1030"' in page.text
    page = client.get(url("manage_move_to", booking), {"slot": "passport:2026-11-30-1000+120"})
    assert "10:00 to 12:00" in text_of(page)
    assert 'value="passport:2026-11-30-1000"' not in page.text
    client.post(url("manage_move_to", booking), {"slot": "passport:2026-11-30-1000+120"})
    assert when(booking) == "2026-11-30 10:00"
    assert booking.end - booking.start == timedelta(hours=2)
    # And shortened, from the list of times.
    page = client.get(url("manage_move", booking), {"day": "2026-11-30"})
    assert 'value="passport:2026-11-30-1000"' in page.text


def test_what_others_remember_holds_its_time_as_taken(client):
    booking = hour_from_ten()
    day = booking.local_start.date()

    def others():
        found = availability.slots(booking.agenda, first=day, last=day, now=NOW)
        return [f"{slot.start:%H:%M}" for slot in found]

    before = others()
    client.get(url("manage_move", booking), {"day": "2026-11-30"})
    assert others() == before == ["09:00", "11:00"]


def test_choosing_nothing(client, booking):
    response = client.get(url("manage_move_to", booking), follow=True)
    assert "Choose a time first." in text_of(response)


def test_a_time_of_another_type_is_not_offered(client, booking):
    make_meeting_type(booking.agenda, label="Wedding", slug="wedding")
    response = client.get(
        url("manage_move_to", booking), {"slot": "wedding:2026-12-03-1000"}, follow=True
    )
    assert "not offered" in text_of(response)


@pytest.mark.parametrize("query", [{"month": "x"}, {"day": "\x00"}, {"wanted": "\x00"}])
def test_an_odd_address_shows_the_times(client, booking, query):
    assert client.get(url("manage_move", booking), query).status_code == 200


def test_where_visitors_may_not_move(client, booking):
    Agenda.objects.update(visitors_may_move=False)
    page = client.get(url("manage", booking))
    assert "Bookings here cannot be moved online." in text_of(page)
    assert url("manage_move", booking) not in page.text
    assert client.get(url("manage_move", booking)).status_code == 303
    client.post(url("manage_move_to", booking), {"slot": NEW})
    assert when(booking) == "2026-11-30 09:00"


def test_too_late_to_move_says_until_when_it_was_possible(client, booking):
    Agenda.objects.update(move_notice=3)
    page = client.get(url("manage", booking))
    assert "could be moved until Monday 30 November 2026, 06:00" in text_of(page)
    assert "It can still be cancelled." in text_of(page)
    client.post(url("manage_move_to", booking), {"slot": NEW})
    assert when(booking) == "2026-11-30 09:00"


def test_a_closed_agenda_moves_nothing(client, booking):
    Agenda.objects.update(live=False)
    response = client.get(url("manage_move", booking))
    assert response.status_code == 409
    assert f'href="{url("manage", booking)}"' in response.text
    assert client.post(url("manage_move_to", booking), {"slot": NEW}).status_code == 409


def test_what_is_cancelled_or_over_leads_to_its_page(client, booking, clock):  # noqa: F811
    clock.move_to(booking.start)
    assert client.get(url("manage_move", booking)).status_code == 303
    other = make_booking(booking.agenda, now=booking.start)
    bookings.cancel(other, actor=Actor.AGENT, now=booking.start)
    assert client.post(url("manage_move_to", other), {"slot": NEW}).status_code == 303


def test_one_booking_too_many_on_a_day_is_said_where_it_is_confirmed(client, booking):
    Agenda.objects.update(bookings_per_day=1)
    make_booking(slot=availability.find(booking.agenda, NEW, now=NOW))
    response = client.post(url("manage_move_to", booking), {"slot": "passport:2026-12-03-1030"})
    assert response.status_code == 409
    assert "One person can have 1 booking on one day here." in text_of(response)
    assert "From now on" in text_of(response)
    assert when(booking) == "2026-11-30 09:00"


def test_a_stale_csrf_token_moves_nothing(booking):
    client = Client(enforce_csrf_checks=True)
    response = client.post(url("manage_move_to", booking), {"slot": NEW})
    assert response.status_code == 403
    assert f'name="slot" value="{NEW}"' in response.text
    assert when(booking) == "2026-11-30 09:00"
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', response.text)[1]
    client.post(url("manage_move_to", booking), {"slot": NEW, "csrfmiddlewaretoken": token})
    assert when(booking) == "2026-12-03 10:00"


def test_overloaded_or_too_often_keeps_the_choice(client, booking, monkeypatch, settings):
    def overloaded(*args, **kwargs):
        raise Overloaded()

    with monkeypatch.context() as patched:
        patched.setattr(bookings, "move", overloaded)
        response = client.post(url("manage_move_to", booking), {"slot": NEW})
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert f'name="slot" value="{NEW}"' in response.text

    def broken(*args, **kwargs):
        raise throttle.CannotCount()

    with monkeypatch.context() as patched:
        patched.setattr(throttle, "count", broken)
        assert client.post(url("manage_move_to", booking), {"slot": NEW}).status_code == 503
    settings.WAGTAIL_AGENDA = {"HOLDS_PER_ADDRESS_PER_HOUR": 2}
    client.post(url("manage_move_to", booking), {"slot": "passport:2026-12-03-1030"})
    assert client.post(url("manage_move_to", booking), {"slot": NEW}).status_code == 429
    assert when(booking) == "2026-12-03 10:30"


def test_a_move_that_needs_approval_says_so_beforehand_and_after(client):
    agenda = make_appointments(needs_approval=True)[0]
    booking = make_booking(agenda, actor=Actor.AGENT)
    page = client.get(url("manage_move_to", booking), {"slot": NEW})
    assert "Somebody has to approve the new time." in text_of(page)
    response = client.post(url("manage_move_to", booking), {"slot": NEW}, follow=True)
    assert "Your booking is waiting for approval" in text_of(response)
    assert "updates the entry in your calendar" not in text_of(response)


def test_nothing_free_says_so(client, booking):
    Agenda.objects.update(schedule=make_schedule(label="Never"), contact="Call 01 23")
    booking.agenda.refresh_from_db()
    booking.agenda.desks.update(retired=True)
    response = client.get(url("manage_move", booking))
    assert "Call 01 23" in text_of(response)
    assert "Keep the booking as it is" in text_of(response)


# Events


@pytest.fixture
def course():
    """A course with three places, one of them taken, and another on the ninth."""
    course = make_course(places=3, places_per_booking=3)
    later = make_event(
        course.agenda, label="Rye", places=2, start=datetime(2026, 12, 9, 10, tzinfo=PARIS)
    )
    return course, later


def test_to_another_event(client, course):
    first, later = course
    booking = book(first, places=2)
    page = client.get(url("manage_move", booking))
    assert "Your booking as it is" in text_of(page)
    assert re.search(f'value="{first.slug}"[^>]* disabled', page.text)
    assert not re.search(f'value="{later.slug}"[^>]* disabled', page.text)
    page = client.get(url("manage_move_to", booking), {"slot": later.slug})
    assert "Rye" in text_of(page)
    client.post(url("manage_move_to", booking), {"slot": later.slug})
    booking.refresh_from_db()
    assert (booking.event, booking.places) == (later, 2)


def test_who_has_a_place_does_not_swap_it_for_a_waiting_list(client, course):
    first, later = course
    bookings.change_places(later, 2, now=NOW, waiting_places=9)
    book(later, user_email="x@town.example")
    booking = book(first, places=2)
    page = client.get(url("manage_move", booking))
    assert re.search(f'value="{later.slug}"[^>]* disabled', page.text)
    response = client.post(url("manage_move_to", booking), {"slot": later.slug}, follow=True)
    assert "There is no room for 2 places any more." in text_of(response)
    assert "Nearest free times" not in response.text
    booking.refresh_from_db()
    assert booking.event == first


def test_a_group_is_not_led_to_a_date_with_one_place(client, course):
    first, later = course
    bookings.change_places(later, 1, now=NOW, waiting_places=0)
    bookings.change_places(first, 3, now=NOW, waiting_places=3)
    book(first, places=3, user_email="x@town.example")
    waiting = book(first, places=2)
    page = client.get(url("manage_move", waiting), {"notice": "taken", "wanted": later.slug})
    assert re.search(f'value="{later.slug}"[^>]* disabled', page.text)
    assert "Nearest free times" not in page.text
    assert 'name="places"' not in page.text


def test_who_waits_may_wait_elsewhere(client):
    course = make_course()
    book(course, user_name="Bob")
    later = make_event(course.agenda, label="Rye", start=NOW + timedelta(days=9))
    bookings.change_places(later, 1, now=NOW, waiting_places=3)
    book(later, user_name="Cleo")
    waiting = book(course)
    page = client.get(url("manage_move_to", waiting), {"slot": later.slug})
    assert "You will be on the waiting list there as well" in text_of(page)
    client.post(url("manage_move_to", waiting), {"slot": later.slug})
    waiting.refresh_from_db()
    assert (waiting.event, waiting.admission) == (later, Admission.WAITING)


# A virtual agenda, and an appointment as long as one likes


def test_among_all_agendas_behind_a_virtual_one(client):
    here = make_appointments(label="Town hall")[0]
    there = make_agenda(label="Annexe", location="Mill Lane 3")
    make_desk(there)
    make_meeting_type(there)
    virtual = make_agenda(kind=AgendaKind.VIRTUAL, label="Any office")
    for order, agenda in enumerate((here, there)):
        AgendaMember.objects.create(virtual_agenda=virtual, agenda=agenda, sort_order=order)
    booking = make_booking(slot=availability.find(virtual, "passport:2026-11-30-0900", now=NOW))
    take(here, NEW)
    page = client.get(url("manage_move", booking), {"day": "2026-12-03"})
    assert f'value="{NEW}"' in page.text
    response = client.post(url("manage_move_to", booking), {"slot": NEW}, follow=True)
    booking.refresh_from_db()
    assert booking.agenda == there
    assert "Annexe" in text_of(response)
    assert "Mill Lane 3" in text_of(response)


def test_an_appointment_of_ones_own_length_keeps_it(client):
    agenda, room, _desks = make_appointments()
    room.maximum_duration, room.step = 120, 30
    room.save()
    slot = availability.find(agenda, "passport:2026-11-30-0900+90", now=NOW)
    booking = make_booking(slot=slot)
    page = client.get(url("manage_move_to", booking), {"slot": NEW})
    assert "At least 30 minutes, at most 2 hours" in text_of(page)
    assert re.search(rf'value="{re.escape(NEW)}\+90"[^>]* checked', page.text)
    client.post(url("manage_move_to", booking), {"slot": f"{NEW}+120"})
    booking.refresh_from_db()
    assert booking.end - booking.start == timedelta(hours=2)


# Places


def test_another_number_of_places(client, course):
    booking = book(course[0])
    page = client.get(url("manage", booking))
    assert re.search(r'name="places" min="1" max="3" required value="1"', page.text)
    response = client.post(url("manage_places", booking), {"places": "3"}, follow=True)
    booking.refresh_from_db()
    assert booking.places == 3
    assert "Your booking has 3 places." in text_of(response)
    client.post(url("manage_places", booking), {"places": "2"})
    booking.refresh_from_db()
    assert booking.places == 2


@pytest.mark.parametrize("typed", ["0", "-1", "4", "", "x", "1e9", "9" * 400, "\x00", "1.5"])
def test_a_number_that_cannot_be_had_is_said_beside_the_field(client, course, typed):
    booking = book(course[0], places=1)
    response = client.post(url("manage_places", booking), {"places": typed})
    assert response.status_code == 409
    booking.refresh_from_db()
    too_many = typed in {"4", "9" * 400}
    said = "One booking can have 3 places at most." if too_many else "Ask for between one and 3"
    assert said in text_of(response)
    assert 'href="#agenda-places"' in response.text
    assert booking.places == 1


def test_more_places_than_are_left(client, course):
    book(course[0], places=2, user_email="x@town.example")
    booking = book(course[0])
    response = client.post(url("manage_places", booking), {"places": "2"})
    assert response.status_code == 409
    assert "There are not enough places left" in text_of(response)
    assert "Your booking stays as it is, with 1 place." in text_of(response)
    assert re.search(r'value="2" aria-invalid="true"', response.text)


def test_a_stale_token_keeps_the_number(course):
    booking = book(course[0])
    response = Client(enforce_csrf_checks=True).post(url("manage_places", booking), {"places": "3"})
    assert response.status_code == 403
    assert 'required value="3"' in response.text


def test_an_appointment_has_no_number_to_change(client, booking):
    assert url("manage_places", booking) not in client.get(url("manage", booking)).text
    assert client.post(url("manage_places", booking), {"places": "2"}).status_code == 409


def test_every_page_answers_to_its_own_token_only(client, booking):
    good = tokens.manage_token(booking)
    wrong = good[:-1] + ("B" if good.endswith("A") else "A")
    before = state()
    for page in ("manage_move", "manage_move_to", "manage_places", "offer_accept"):
        address = reverse(f"wagtail_agenda:{page}", args=[wrong])
        for response in (client.get(address), client.post(address, {"slot": NEW})):
            assert response.status_code in {404, 405}
    assert state() == before
