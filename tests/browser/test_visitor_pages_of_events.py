"""Waiting for a place, moving, several places, several events: in a real browser, read by axe.

Each of them once with the script, inside the page of the block, and once without.
"""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests.browser.test_main_road import (  # noqa: F401  a fixture
    be_patient,
    fill_details,
    heading,
    passport_page,
    publish,
)
from tests.browser.test_visitor_pages import NARROW, TOO_SMALL
from tests.factories import make_agenda, make_booking, make_event
from wagtail_agenda import availability, tokens
from wagtail_agenda import booking as bookings
from wagtail_agenda.choices import Actor, Admission, AgendaKind, WaitingListPromotion
from wagtail_agenda.models import Booking

pytestmark = pytest.mark.parametrize(
    "window", [True, False], ids=["with-script", "without-script"], indirect=True
)


@pytest.fixture
def window(request, open_page, settings):
    """A window with the script or without it."""
    be_patient(settings)
    return open_page(java_script_enabled=request.param)


@pytest.fixture
def look(window, axe, request):
    """Axe, and whether a narrow window shows everything large enough to be pressed.

    Axe is a script itself: without any, nothing is looked at.
    """

    def check(page):
        axe(page)
        wide = page.viewport_size
        page.set_viewport_size(NARROW)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        assert page.evaluate(TOO_SMALL) == []
        page.set_viewport_size(wide)

    return check if request.node.callspec.params["window"] else lambda _page: None


@pytest.fixture
def courses(live_server):
    """Two courses with three places each, in an agenda that gives several; their page's path."""
    agenda = make_agenda(
        kind=AgendaKind.EVENTS,
        label="Courses",
        slug="courses",
        places_per_booking=3,
        several_events=True,
        waiting_list_promotion=WaitingListPromotion.OFFER,
    )
    start = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=3)
    events = [
        make_event(agenda, label=label, places=3, start=start + timedelta(days=days))
        for label, days in (("Sourdough", 0), ("Rye", 7))
    ]
    return publish(live_server, agenda, "courses"), events


def book(event, **details):
    now = timezone.now()
    slot = availability.find(event.agenda, event.slug, now=now)
    return make_booking(slot=slot, now=now, **details)


def go_on(page):
    page.get_by_role("button", name="Continue").click()


def path_of(booking):
    return f"/agendas/manage/{tokens.manage_token(booking)}/"


def test_joining_a_waiting_list_and_accepting_an_offer(window, look, courses):
    path, (course, _other) = courses
    bookings.change_places(course, 1, now=timezone.now(), waiting_places=2)
    taken = book(course, user_name="Bob", user_email="bob@town.example")

    window.goto(path)
    look(window)
    window.get_by_role("checkbox", name=re.compile("Sourdough.*waiting list")).check()
    go_on(window)
    heading(window, "Your details")
    expect(window.get_by_text("This is the waiting list.")).to_be_visible()
    look(window)
    fill_details(window)
    go_on(window)
    heading(window, "Check your booking")
    expect(window.get_by_text("This is the waiting list.")).to_be_visible()
    look(window)
    window.get_by_role("button", name="Join the waiting list").click()
    heading(window, "You are on the waiting list")
    look(window)
    window.get_by_role("link", name="See the booking or leave the waiting list").click()
    expect(window.get_by_text("You are the only one on the list.")).to_be_visible()
    look(window)

    bookings.cancel(taken, actor=Actor.VISITOR, now=timezone.now())
    window.reload()
    expect(window.get_by_text("A place is free for you")).to_be_visible()
    look(window)
    window.get_by_role("button", name="Accept the place").focus()
    window.keyboard.press("Enter")
    expect(window.get_by_text("You have accepted: the place is yours.")).to_be_visible()
    look(window)
    assert Booking.objects.get(user_name="Ada Martin").admission == Admission.CONFIRMED


def test_moving_an_appointment(window, look, passport_page):  # noqa: F811
    from wagtail_agenda.models import Agenda

    now = timezone.now()
    booking = make_booking(Agenda.objects.get(slug="town-hall"), now=now)
    window.goto(path_of(booking))
    window.get_by_role("link", name="Move to another time").click()
    heading(window, "Move to another time")
    look(window)
    chosen = window.get_by_role("radio").last
    key = chosen.get_attribute("value")
    chosen.focus()
    window.keyboard.press("Space")
    go_on(window)
    heading(window, "Move your booking?")
    look(window)
    assert Booking.objects.get().start == booking.start
    window.get_by_role("button", name="Move the booking").click()
    expect(window.get_by_text("Your booking has been moved.")).to_be_visible()
    look(window)
    assert bookings.slot_of(Booking.objects.get()).key == key


def test_booking_two_places_and_then_three(window, look, courses):
    path, (course, _other) = courses
    window.goto(path)
    window.get_by_label("Number of places").fill("2")
    window.get_by_role("checkbox", name=re.compile("Sourdough")).check()
    go_on(window)
    heading(window, "Your details")
    fill_details(window)
    go_on(window)
    window.get_by_role("button", name="Confirm booking").click()
    heading(window, "Your booking is confirmed")
    look(window)
    booking = Booking.objects.get()
    assert booking.places == 2
    window.goto(path_of(booking))
    number = window.get_by_label("Number of places")
    expect(number).to_have_value("2")
    book(course, user_email="bob@town.example")
    number.fill("3")
    window.get_by_role("button", name="Change the number of places").click()
    expect(window.get_by_role("alert")).to_contain_text("There are not enough places left")
    expect(number).to_have_value("3")
    look(window)
    number.fill("1")
    window.get_by_role("button", name="Change the number of places").click()
    expect(window.get_by_text("Your booking has 1 place.")).to_be_visible()


def test_two_events_at_once_or_none(window, look, courses):
    path, (course, other) = courses
    window.goto(path)
    for label in ("Sourdough", "Rye"):
        box = window.get_by_role("checkbox", name=re.compile(label))
        box.focus()
        window.keyboard.press("Space")
    bookings.change_places(other, 0, now=timezone.now())
    go_on(window)
    heading(window, "Choose another date")
    expect(window.get_by_role("alert")).to_contain_text("There is not enough room left at “Rye”")
    expect(window.get_by_role("checkbox", name=re.compile("Sourdough"))).to_be_checked()
    look(window)
    bookings.change_places(other, 3, now=timezone.now())
    window.reload()
    expect(window.get_by_role("checkbox", name=re.compile("Sourdough"))).to_be_checked()
    window.get_by_role("checkbox", name=re.compile("Rye")).check()
    go_on(window)
    heading(window, "Your details")
    look(window)
    fill_details(window)
    go_on(window)
    heading(window, "Check your booking")
    look(window)
    window.get_by_role("button", name="Confirm booking").click()
    heading(window, "Your 2 bookings")
    look(window)
    assert [booking.event for booking in Booking.objects.order_by("start")] == [course, other]
    links = window.get_by_role("link", name=re.compile("See or cancel the booking"))
    for link, booking in zip(links.all(), Booking.objects.order_by("start"), strict=True):
        assert urlsplit(link.get_attribute("href")).path == path_of(booking)
