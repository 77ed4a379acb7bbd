"""More than one of something: several places, several events at once, as long as one likes."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_desk,
    make_event,
    make_meeting_type,
)
from tests.test_views_visitor import (
    CHOOSE,
    TYPED,
    Visitor,
    clock,  # noqa: F401
    definition_of,
    text_of,
)
from tests.test_views_waiting_list import book, make_course
from wagtail_agenda import booking as bookings
from wagtail_agenda import form_definition, tokens
from wagtail_agenda.blocks import BookingFormBlock
from wagtail_agenda.choices import Admission, AgendaKind
from wagtail_agenda.models import Agenda, AgendaMember, Booking, Hold, MeetingType, Occupation

pytestmark = pytest.mark.django_db


def ticked(response):
    """The names of the events that are chosen already."""
    return re.findall(r'type="checkbox" name="slot" value="([^"]+)"[^>]* checked', response.text)


def block_of(agenda, **value):
    block = BookingFormBlock()
    return block.render(block.to_python({"agenda": agenda.pk, "fields": [], **value}))


# Several places


@pytest.fixture
def course():
    """A course with five places, of which a booking may have three."""
    return make_course(places=5, places_per_booking=3)


def test_the_block_and_the_picker_ask_how_many(client, course):
    assert 'name="places" min="1" max="3" value="1"' in block_of(course.agenda)
    response = Visitor(client, course.agenda).choose(more="1", places="2")
    assert 'name="places" min="1" max="3" value="2"' in response.text
    alone = make_course()
    assert 'name="places"' not in block_of(alone.agenda)


def test_two_places_from_the_block_to_the_page_of_the_booking(client, course, clock):  # noqa: F811
    visitor = Visitor(client, course.agenda, clock=clock)
    response = visitor.choose(course.slug, places="2")
    assert visitor.step == "details"
    assert Hold.objects.get().places == 2
    assert "Places 2" in text_of(response)
    visitor.post("details", **TYPED)
    clock.tick(10)
    response = visitor.confirm()
    assert "Places 2" in text_of(response)
    made = Booking.objects.get()
    assert made.places == 2
    manage = client.get(f"/agendas/manage/{tokens.manage_token(made)}/")
    assert "Places 2" in text_of(manage)


def test_nobody_confirms_a_number_that_another_window_changed(client, course, clock):  # noqa: F811
    visitor = Visitor(client, course.agenda, clock=clock)
    old_page = visitor.to_summary(course.slug)
    visitor.post("picker", slot=course.slug, places="3")
    response = visitor.confirm(old_page)
    assert response.status_code == 409
    assert "changed in another window" in text_of(response)
    assert not Booking.objects.exists()


def test_the_number_stays_while_another_date_is_chosen(client, course):
    later = make_event(course.agenda, start=NOW + timedelta(days=9))
    visitor = Visitor(client, course.agenda)
    visitor.choose(course.slug, places="3")
    assert 'value="3"' in visitor.get("picker").text
    visitor.post("picker", slot=later.slug, places="2")
    held = Hold.objects.get()
    assert (held.event, held.places) == (later, 2)
    assert Occupation.objects.get().places == 2


@pytest.mark.parametrize("typed", ["0", "-1", "4", "x", "1e9", "9" * 400, "\x00", "1.5"])
def test_a_number_that_nobody_can_have(client, course, typed):
    visitor = Visitor(client, course.agenda)
    for response in (
        visitor.choose(course.slug, places=typed),
        visitor.post("picker", slot=course.slug, places=typed),
    ):
        assert visitor.step == "picker"
        assert "Ask for between one and 3 places." in text_of(response)
    assert not Occupation.objects.exists()


def test_fewer_places_than_wanted_are_said_and_lead_back(client, course):
    bookings.change_places(course, 2, now=NOW, waiting_places=0)
    visitor = Visitor(client, course.agenda)
    response = visitor.choose(more="1", places="3")
    assert "2 places left, too few for 3 places" in text_of(response)
    response = visitor.choose(course.slug, places="3")
    assert visitor.step == "picker"
    assert "There is no room for 3 places any more." in text_of(response)
    visitor.post("picker", slot=course.slug, places="2")
    assert visitor.step == "details"


def test_more_than_are_left_waits_for_all_of_them_and_says_so(client, course):
    bookings.change_places(course, 2, now=NOW, waiting_places=9)
    visitor = Visitor(client, course.agenda)
    response = visitor.choose(more="1", places="3")
    assert "2 places left: for 3 places, join the waiting list" in text_of(response)
    response = visitor.choose(course.slug, places="3")
    assert "You wait for 3 places together." in text_of(response)


def test_the_number_is_nothing_to_agendas_that_give_one(client):
    course = make_course()
    visitor = Visitor(client, course.agenda)
    visitor.choose(course.slug, places="2")
    assert visitor.step == "picker"
    assert not Occupation.objects.exists()


# Several events at once


@pytest.fixture
def courses():
    """Three courses that are booked together, with a place each."""
    first = make_course(several_events=True, waiting=0)
    return [
        first,
        make_event(first.agenda, places=1, label="Rye", start=NOW + timedelta(days=9)),
        make_event(first.agenda, places=1, label="Spelt", start=NOW + timedelta(days=16)),
    ]


def slugs(events):
    return [event.slug for event in events]


def test_the_block_has_boxes_to_tick(courses):
    html = block_of(courses[0].agenda)
    assert html.count('type="checkbox" name="slot"') == 3
    assert 'type="radio"' not in html


def test_two_events_in_one_go(client, courses, clock):  # noqa: F811
    visitor = Visitor(client, courses[0].agenda, clock=clock)
    response = visitor.choose(more="1")
    assert "You can choose several dates: you get all of them, or none." in text_of(response)
    response = visitor.post("picker", slot=slugs(courses[:2]))
    assert visitor.step == "details"
    assert Hold.objects.get().event_ids == [event.pk for event in courses[:2]]
    visitor.post("details", **TYPED)
    clock.tick(10)
    page = visitor.get("summary")
    assert "Sourdough" in text_of(page)
    assert "Rye" in text_of(page)
    response = visitor.confirm(page)
    assert visitor.step == "confirmed"
    assert "Your 2 bookings" in text_of(response)
    made = list(Booking.objects.order_by("start"))
    assert [booking.event for booking in made] == courses[:2]
    for booking in made:
        assert booking.reference in text_of(response)
        assert f"/agendas/manage/{tokens.manage_token(booking)}/" in response.text
    assert response.text.count("Google Calendar") == 2
    visitor.confirm(page)
    assert Booking.objects.count() == 2


def test_one_without_room_is_named_and_the_others_stay_chosen(client, courses):
    book(courses[1])
    visitor = Visitor(client, courses[0].agenda)
    response = visitor.choose(slugs(courses))
    assert visitor.step == "picker"
    said = "There is not enough room left at “Rye” (Wednesday 9 December 2026, 07:00)"
    assert said in text_of(response)
    assert not Occupation.objects.filter(hold__isnull=False).exists()
    assert ticked(response) == [courses[0].slug, courses[2].slug]
    visitor.post("picker", slot=ticked(response))
    assert visitor.step == "details"


def test_one_that_is_lost_at_the_end_books_none(client, courses, clock):  # noqa: F811
    visitor = Visitor(client, courses[0].agenda, clock=clock)
    visitor.choose(slugs(courses[:2]))
    page = visitor.post("details", **TYPED)
    clock.tick(timedelta(minutes=11))
    book(courses[1], now=timezone.now())
    response = visitor.confirm(page)
    assert visitor.step == "picker"
    assert "There is not enough room left at “Rye”" in text_of(response)
    assert ticked(response) == [courses[0].slug]
    assert Booking.objects.count() == 1
    assert Hold.objects.get().answers == TYPED


def test_what_is_held_stays_ticked_when_one_comes_back_to_choose(client, courses):
    visitor = Visitor(client, courses[0].agenda)
    visitor.choose(slugs(courses[:2]))
    assert ticked(visitor.get("picker")) == slugs(courses[:2])


def test_ticking_nothing_asks_to_choose(client, courses):
    visitor = Visitor(client, courses[0].agenda)
    assert "Choose a date first." in text_of(visitor.choose())
    assert "Choose a date first." in text_of(visitor.post("picker"))


def test_one_that_is_deleted_meanwhile_leads_back_to_the_others(client, courses):
    visitor = Visitor(client, courses[0].agenda)
    visitor.choose(slugs(courses[:2]))
    courses[1].delete()
    for response in (visitor.post("details", **TYPED), visitor.get("summary")):
        assert visitor.step == "picker"
        assert "not offered" in text_of(response)
    assert Hold.objects.get().answers == TYPED
    assert visitor.get("picker").status_code == 200


def test_some_wait_and_some_are_booked(client, courses, clock):  # noqa: F811
    bookings.change_places(courses[1], 1, now=NOW, waiting_places=4)
    book(courses[1], user_name="Bob")
    visitor = Visitor(client, courses[0].agenda, clock=clock)
    response = visitor.choose(slugs(courses[:2]))
    assert "Some of this is the waiting list." in text_of(response)
    visitor.post("details", **TYPED)
    clock.tick(10)
    response = visitor.confirm()
    assert "Your booking is confirmed" in text_of(response)
    assert "You are on the waiting list" in text_of(response)
    mine = Booking.objects.filter(user_name=TYPED["user_name"]).order_by("start")
    assert [each.admission for each in mine] == [Admission.CONFIRMED, Admission.WAITING]


def test_several_only_where_the_agenda_gives_several(client):
    course = make_course(places=9)
    other = make_event(course.agenda, start=NOW + timedelta(days=9))
    visitor = Visitor(client, course.agenda)
    visitor.choose([course.slug, other.slug])
    assert Hold.objects.get().event_ids == []


def test_hundreds_of_events_in_one_request(client, courses):
    data = {
        "definition": form_definition.sign(definition_of(courses[0].agenda), timezone.now()),
        "slot": [f"event-{number}" for number in range(500)],
    }
    response = client.post(CHOOSE, data, follow=True)
    assert "Choose at most 30 dates at once" in text_of(response)
    assert not Occupation.objects.exists()


# As long as one likes


@pytest.fixture
def room():
    """An agenda in which visitors choose the end: half an hour to two hours, nine to twelve."""
    agenda, room, _desks = make_appointments()
    room.maximum_duration, room.step = 120, 30
    room.save()
    return agenda


START = "passport:2026-12-03-1000"


def test_a_start_and_then_an_end(client, room, clock):  # noqa: F811
    visitor = Visitor(client, room, clock=clock)
    response = visitor.choose(START)
    assert visitor.address.endswith("/until/")
    assert "At least 30 minutes, at most 2 hours, as far as it is free." in text_of(response)
    ends = re.findall(r'name="slot" value="([^"]+)"', response.text)
    assert ends == [START, f"{START}+60", f"{START}+90", f"{START}+120"]
    assert "11:30 · 1 h 30 min" in text_of(response)
    assert not Occupation.objects.exists()
    response = visitor.post("until", start=START, slot=f"{START}+90")
    assert visitor.step == "details"
    assert "Thursday 3 December 2026, 10:00 to 11:30" in text_of(response)
    visitor.post("details", **TYPED)
    clock.tick(10)
    visitor.confirm()
    made = Booking.objects.get()
    assert made.end - made.start == timedelta(minutes=90)


def test_only_ends_that_are_free(client, room):
    later = "passport:2026-12-03-1100"
    first, visitor = Visitor(client, room), Visitor(client, room)
    first.choose(later)
    first.post("until", start=later, slot=later)
    response = visitor.choose(START)
    ends = re.findall(r'name="slot" value="([^"]+)"', response.text)
    assert ends == [START, f"{START}+60"]
    response = visitor.post("until", start=START, slot=f"{START}+90")
    assert visitor.step == "picker"
    assert "has just been taken" in text_of(response)


def test_no_end_and_odd_ends(client, room):
    visitor = Visitor(client, room)
    visitor.choose(START)
    response = visitor.post("until", start=START)
    assert "Choose an end first." in text_of(response)
    assert 'href="#agenda-ends"' in response.text
    for key in (f"{START}+45", f"{START}+600", f"{START}+0", "x", "\x00", f"{START}+-5"):
        visitor.post("until", start=START, slot=key)
        assert visitor.step == "picker"
    for start in ("", "x", "\x00", "passport:2026-12-03-1010"):
        assert visitor.get("until", start=start).status_code == 200
    assert not Occupation.objects.exists()


def test_the_lengths_are_said_before_one_chooses(client, room):
    make_meeting_type(room, label="Wedding")
    assert "30 minutes to 2 hours" in text_of(Visitor(client, room).choose(more="1"))


# A virtual agenda


@pytest.fixture
def anywhere():
    """Any of two offices, which have an appointment type of the same name."""
    here = make_appointments(label="Town hall")[0]
    there = make_agenda(label="Annexe", location="Mill Lane 3")
    make_desk(there)
    make_meeting_type(there)
    virtual = make_agenda(kind=AgendaKind.VIRTUAL, label="Any office", location="")
    for order, agenda in enumerate((here, there)):
        AgendaMember.objects.create(virtual_agenda=virtual, agenda=agenda, sort_order=order)
    return virtual


def test_any_office_that_is_free_and_which_one_it_is(client, anywhere, clock):  # noqa: F811
    visitor = Visitor(client, anywhere, clock=clock)
    Agenda.objects.filter(label="Town hall").update(live=False)
    response = visitor.choose(more="1")
    assert 'value="passport:2026-11-30-0900"' in response.text
    response = visitor.post("picker", slot="passport:2026-11-30-0900")
    assert "Annexe" in text_of(response)
    assert "Mill Lane 3" in text_of(response)
    visitor.post("details", **TYPED)
    clock.tick(10)
    response = visitor.confirm()
    made = Booking.objects.get()
    assert (made.agenda.label, made.virtual_agenda) == ("Annexe", anywhere)
    assert "Annexe" in text_of(response)
    assert "Mill Lane 3" in text_of(response)


def test_a_form_for_one_type_of_a_virtual_agenda(client, anywhere):
    wedding = make_meeting_type(Agenda.objects.get(label="Annexe"), label="Wedding")
    fixed = MeetingType.objects.filter(slug="passport").last()
    visitor = Visitor(client, anywhere, definition_of(anywhere, meeting_type_id=fixed.pk))
    assert "Choose a time" in text_of(visitor.choose(more="1"))
    visitor.post("picker", slot=f"{wedding.slug}:2026-12-03-1000")
    assert visitor.step == "picker"
    visitor.post("picker", slot="passport:2026-12-03-1000")
    assert visitor.step == "details"
    block = BookingFormBlock()
    value = block.to_python({"agenda": anywhere.pk, "meeting_type": str(fixed.pk), "fields": []})
    block.clean(value)
    assert 'value="passport:2026-11-30-0900"' in block.render(value)
