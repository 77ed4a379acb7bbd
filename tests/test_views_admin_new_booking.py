"""What an agent can ask for when booking for somebody: places, waiting list, rooms, length."""

from datetime import date, timedelta

import pytest

from tests import factories
from tests.agents import make_staff, url
from tests.factories import NOW
from tests.test_views_admin_acts import book, text
from wagtail_agenda.choices import Admission, AgendaKind
from wagtail_agenda.models import Bookable, Booking, Resource

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.usefixtures("frozen_now"),
]

MONDAY = date(2026, 11, 30)


@pytest.fixture
def event(client):
    agenda = factories.make_agenda(kind=AgendaKind.EVENTS)
    event = factories.make_event(agenda, places=3)
    client.force_login(make_staff(agenda))
    return event


def new_url(agenda, **query):
    return f"{url('booking_new', agenda.slug)}?" + "&".join(f"{k}={v}" for k, v in query.items())


def typed(*slots, **fields):
    return {"slot": list(slots), "user_name": "Ada", "language": "en", **fields}


def waiting_places(event, number):
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=number)


def test_several_places_are_booked_at_once(client, event):
    address = new_url(event.agenda, date=event.start.date())
    client.post(address, typed(event.slug, places=3))
    assert Booking.objects.get().places == 3


def test_a_full_event_puts_somebody_on_its_list_only_when_asked(client, event):
    waiting_places(event, 5)
    book(event, "ben", 3)
    address = new_url(event.agenda, date=event.start.date())
    assert "waiting list, 5 places on it left" in text(client.get(address))

    refused = client.post(address, typed(event.slug, places=2))
    assert "Tick this to let them wait." in text(refused)
    assert refused.context["form"].errors.keys() == {"waiting"}
    assert Booking.objects.count() == 1

    response = client.post(address, typed(event.slug, places=2, waiting="on"), follow=True)
    made = Booking.objects.get(user_name="Ada")
    assert (made.admission, made.places) == (Admission.WAITING, 2)
    assert "is on the waiting list for" in text(response)


def test_more_places_than_there_are_is_said(client, event):
    address = new_url(event.agenda, date=event.start.date())
    response = client.post(address, typed(event.slug, places=4, waiting="on"))
    assert "There are not enough places left for this." in text(response)
    assert not Booking.objects.exists()


@pytest.mark.parametrize("places", ["0", "-3", "lots", "9" * 30])
def test_a_number_of_places_that_cannot_be_is_refused(client, event, places):
    response = client.post(new_url(event.agenda), typed(event.slug, places=places))
    assert response.context["form"].errors.keys() == {"places"}
    assert not Booking.objects.exists()


def test_several_events_are_booked_all_or_none(client, event):
    agenda = event.agenda
    type(agenda).objects.update(several_events=True)
    second = factories.make_event(agenda, places=1, start=NOW + timedelta(days=9))
    address = new_url(agenda, date=MONDAY)

    choices = client.get(address).context["choices"]
    assert [choice.slot.event for choice in choices] == [event, second]
    book(second, "ben")
    response = client.post(address, typed(event.slug, second.slug, places=1))
    assert response.status_code == 200
    assert Booking.objects.count() == 1

    Bookable.objects.filter(pk=second.bookable_id).update(places=2)
    client.post(address, typed(event.slug, second.slug, places=1))
    made = Booking.objects.filter(user_name="Ada").order_by("start")
    assert [one.event for one in made] == [event, second]
    assert made[0].booked_together == made[1].booked_together is not None
    page = text(client.get(url("booking", made[0].pk)))
    assert "Booked together with" in page
    assert url("booking", made[1].pk) in page


def test_only_one_event_is_taken_where_one_is_chosen_alone(client, event):
    other = factories.make_event(event.agenda)
    client.post(new_url(event.agenda), typed(event.slug, other.slug, places=1))
    assert Booking.objects.get().event == event


def test_rooms_are_asked_for_and_limit_what_is_free(client):
    agenda, _type, _desks = factories.make_appointments(desks=2)
    room = Resource.objects.create(label="Blue room")
    agenda.resources.add(room)
    agenda.save()
    client.force_login(make_staff(agenda))
    address = new_url(agenda, date=MONDAY, resource="blue-room")

    client.post(address, typed("passport:2026-11-30-1000"))
    made = Booking.objects.get()
    assert list(made.resources.all()) == [room]
    times = [choice.time for choice in client.get(address).context["choices"]]
    assert "10:00" not in times
    assert "10:00" in [c.time for c in client.get(new_url(agenda, date=MONDAY)).context["choices"]]
    assert 'value="blue-room"' in text(client.get(address))


def test_a_length_is_chosen_and_one_that_is_not_free_is_said(client):
    agenda, meeting_type, _desks = factories.make_appointments()
    type(meeting_type).objects.update(maximum_duration=90)
    client.force_login(make_staff(agenda))
    address = new_url(agenda, date=MONDAY)

    client.post(address, typed("passport:2026-11-30-1000", minutes=60))
    made = Booking.objects.get()
    assert made.end - made.start == timedelta(minutes=60)

    response = client.post(address, typed("passport:2026-11-30-0930", minutes=90))
    assert "At that time it is free for 30 minutes at most." in text(response)
    assert Booking.objects.count() == 1
    response = client.post(address, typed("passport:2026-11-30-0930", minutes=45))
    assert response.context["form"].errors.keys() == {"minutes"}
