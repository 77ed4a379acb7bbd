"""The list at the door in a real browser: with and without script, by keyboard, in both themes."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests import factories
from tests.agents import make_staff
from wagtail_agenda import attendance, availability
from wagtail_agenda.choices import Attendance
from wagtail_agenda.models import AttendanceReason, Booking
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ["Ada Martin", "Benoît Lefèvre-Desrosiers", "Chloé Roux", "Driss El Amrani", "Eva Novák"]

NOTE = re.compile("^Note for your colleagues")


@pytest.fixture
def evening():
    """An event that began an hour ago: (its list's address, its bookings)."""
    ensure_default_workflow()
    now = timezone.now()
    event = factories.make_event(label="Repair café", start=now + timedelta(hours=1), hours=2)
    slot = availability.find(event.agenda, event.slug, now=now)
    made = [factories.make_booking(slot=slot, now=now, user_name=name) for name in NAMES]
    times = {"start": now - timedelta(hours=1), "end": now + timedelta(hours=1)}
    type(event).objects.update(**times)
    Booking.objects.update(**times)
    ill = AttendanceReason.objects.create(label="Ill")
    attendance.check_in(made[4], Attendance.ABSENT, now=now, reason=ill, note="Rang at nine")
    make_staff(event.agenda, username="clerk")
    return f"/admin/agendas/event/{event.pk}/check-in/", made


@pytest.fixture
def enter(log_in):
    """Opens an address as the agent: `enter(page, address)`."""

    def as_clerk(page, address):
        log_in(page, "clerk")
        page.goto(address)

    return as_clerk


def line(page, name):
    return page.get_by_role("group", name=name)


def test_nothing_in_the_list_is_inaccessible_in_either_theme(open_page, evening, enter, axe):
    address, made = evening
    page = open_page(viewport={"width": 768, "height": 1024})
    enter(page, address)
    page.get_by_text("Reason or note").first.click()
    axe(page, ".wagtail-agenda", both_themes=True)

    page.get_by_label(re.compile("who are not checked in yet")).select_option("leave")
    page.get_by_role("button", name="Mark the event as checked").click()
    expect(page.get_by_role("button", name="Unmark")).to_be_visible()
    axe(page, ".wagtail-agenda", both_themes=True)
    page.goto(f"/admin/agendas/booking/{made[4].pk}/")
    axe(page, ".wagtail-agenda", both_themes=True)


def test_nothing_is_wider_than_a_phone_and_every_control_fits_a_thumb(open_page, evening, enter):
    address, _made = evening
    page = open_page(viewport={"width": 320, "height": 800}, has_touch=True, is_mobile=True)
    enter(page, address)

    wide = "[...document.querySelectorAll('.wagtail-agenda *')].filter("
    wide += "one => one.getBoundingClientRect().right > 320).map(one => one.outerHTML)"
    assert page.evaluate(wide) == []
    for button in line(page, "Ada Martin").get_by_role("button").all():
        assert button.bounding_box()["height"] >= 44


def test_a_list_comes_back_as_narrowed_whatever_its_agenda_is_called(page, enter):
    now = timezone.now()
    agenda, *_ = factories.make_appointments(slug="booking")
    made = factories.make_booking(agenda, now=now, user_name="Ada Martin")
    # The next free time may be days away, when nobody can be checked in yet.
    made.start, made.end = now, now + timedelta(minutes=30)
    made.save()
    make_staff(agenda, username="clerk")
    enter(page, f"/admin/agendas/agenda/booking/check-in/{made.local_start.date()}/")
    page.get_by_label("Name or number").press_sequentially("ada")
    expect(page.locator("#wagtail-agenda-together")).to_have_attribute(
        "action", re.compile("q=ada")
    )
    # What is said of one person goes to the page of their booking.
    say = page.locator("form.wagtail-agenda-say")
    assert {form.get_attribute("action") for form in say.all()} <= {
        f"/admin/agendas/booking/{made.pk}/check-in/"
    }


def test_typing_narrows_the_list_and_what_it_means(page, evening, enter, watch):
    address, made = evening
    watched = watch(page)
    enter(page, address)

    page.get_by_label("Name or number").press_sequentially("lefevre")
    expect(line(page, "Ada Martin")).to_be_hidden()
    expect(page.get_by_text("1 of 5 shown")).to_be_visible()
    page.get_by_label("Everybody in this list").check()
    page.get_by_role("button", name="Note it").click()

    expect(page.get_by_text("1 booking is noted as “Present”.")).to_be_visible()
    # The list comes back as it was.
    expect(page.get_by_label("Name or number")).to_have_value("lefevre")
    expect(line(page, "Ada Martin")).to_be_hidden()
    page.get_by_label("Name or number").fill("")
    expect(line(page, "Ada Martin")).to_be_visible()
    came = [Booking.objects.get(pk=one.pk).attendance for one in made[:3]]
    assert came == ["", "present", ""]
    watched.assert_clean()


def test_the_way_of_an_evening_without_script_and_by_keyboard(page_without_script, evening, enter):
    address, made = evening
    page = page_without_script
    enter(page, address)

    page.get_by_label("Name or number").fill("roux")
    page.get_by_label("Name or number").press("Enter")
    expect(line(page, "Ada Martin")).to_be_hidden()
    line(page, "Chloé Roux").get_by_role("button", name="Late").press("Enter")
    expect(line(page, "Chloé Roux").get_by_role("button", name="Late")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.goto(address)
    page.get_by_label("Tick Driss El Amrani").press("Space")
    page.get_by_label("Note as").select_option(label="Absent – Ill")
    page.get_by_role("button", name="Note it").press("Enter")
    expect(line(page, "Driss El Amrani")).to_contain_text("Absent – Ill")
    page.get_by_role("button", name="Undo this").press("Enter")
    expect(line(page, "Driss El Amrani")).not_to_contain_text("Absent – Ill")

    summary = line(page, "Eva Novák").get_by_text("Reason or note")
    summary.press("Enter")
    line(page, "Eva Novák").get_by_label(NOTE).fill("Rang at ten")
    line(page, "Eva Novák").get_by_label(NOTE).press("Enter")
    expect(line(page, "Eva Novák")).to_contain_text("Rang at ten")
    came = [Booking.objects.get(pk=one.pk).attendance for one in made]
    assert came == ["", "", "late", "", "absent"]
