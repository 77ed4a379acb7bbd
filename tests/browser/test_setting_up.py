"""Setting agendas up in a real browser: three steps, the form on a page, a week that follows."""

import re
from datetime import time, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import expect
from wagtail.models import Page, Site

from example_site.home.models import HomePage
from tests.factories import make_booking, make_event, make_schedule, weekly
from wagtail_agenda import availability
from wagtail_agenda.models import Agenda
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db(transaction=True)

SAVED = re.compile("Schedule .+ updated")


@pytest.fixture
def administrator(transactional_db):
    return get_user_model().objects.create_superuser("mayor", password="secret")


def press(page, name):
    page.get_by_role("button", name=name, exact=True).locator("visible=true").last.click()


def test_three_steps_make_an_agenda_whose_block_lists_free_times(
    page_without_script, open_page, administrator, log_in, axe
):
    page = page_without_script
    log_in(page, "mayor")
    page.goto("/admin/agendas/")
    page.get_by_role("link", name="Set up your first agenda").click()
    page.wait_for_url("**/guided/what/**")
    page.get_by_label("Name").fill("Passports")
    press(page, "Continue")
    page.get_by_label("Tuesday: closes").fill("08:00")
    press(page, "Continue")
    expect(page.get_by_text("This is not after the opening time.")).to_be_visible()
    page.get_by_label("Tuesday: closes").fill("17:00")
    press(page, "Continue")
    press(page, "Make the agenda")
    expect(page.get_by_role("heading", name="“Passports” is ready")).to_be_visible()

    agenda = Agenda.objects.get()
    site_root = Page.objects.get(depth=1)
    home = site_root.add_child(instance=HomePage(title="Welcome", slug="welcome"))
    Site.objects.update(root_page=home)
    home.body = [("booking_form", {"agenda": agenda})]
    home.save_revision().publish()
    page.goto("/")
    times = page.locator(".agenda-booking__time")
    assert times.count() == 6

    window = open_page(viewport={"width": 320, "height": 800})
    log_in(window, "mayor")
    window.goto("/admin/agendas/guided/what/")
    for step in ("what", "when", "how"):
        window.wait_for_url(f"**/guided/{step}/**")
        axe(window, ".wagtail-agenda", both_themes=True)
        assert window.evaluate(
            "document.querySelector('.wagtail-agenda').scrollWidth <= innerWidth"
        ), f"{step} scrolls sideways"
        press(window, "Continue" if step != "how" else "Back")
    window.wait_for_url("**/guided/when/**")
    window.goto(f"/admin/agendas/guided/ready/{agenda.pk}/")
    axe(window, ".wagtail-agenda", both_themes=True)


def test_the_week_follows_what_is_typed_and_a_day_is_copied(
    page, administrator, log_in, watch, axe
):
    schedule = make_schedule(weekly(weekdays=("0", "1", "2")))
    watched = watch(page)
    log_in(page, "mayor")
    page.goto(f"/admin/snippets/wagtail_agenda/schedule/edit/{schedule.pk}/")
    panel = page.locator(".wagtail-agenda-week-panel")
    row = panel.locator("tbody tr")
    expect(row.nth(2)).to_contain_text("09:00 – 12:00")

    page.fill("[name=periods-0-value-closes]", "08:00")
    expect(row.nth(2)).to_contain_text("not possible")
    expect(panel.locator(".schedule__warnings")).to_contain_text("not after the opening time")
    page.fill("[name=periods-0-value-closes]", "16:00")
    expect(row.nth(2)).to_contain_text("09:00 – 16:00")

    panel.get_by_label("Other hours on").select_option(label="Wednesday")
    panel.get_by_role("button", name="Give this day its own hours").click()
    page.fill("[name=periods-1-value-opens]", "11:00")
    expect(row.nth(2)).to_contain_text("11:00 – 16:00")
    expect(row.nth(1)).to_contain_text("09:00 – 16:00")

    panel.get_by_label("The hours of").select_option(label="Wednesday")
    panel.get_by_label("Thursday", exact=True).check()
    panel.get_by_label("Monday", exact=True).check()
    panel.get_by_role("button", name="Copy", exact=True).click()
    expect(row.nth(3)).to_contain_text("11:00 – 16:00")
    expect(row.nth(0)).to_contain_text("11:00 – 16:00")
    axe(page, ".wagtail-agenda-week-panel")

    page.get_by_role("button", name=re.compile("Save draft|Publish")).first.press("Enter")
    expect(page.get_by_text(SAVED)).to_be_visible()
    schedule.refresh_from_db()
    days = [block.value["weekdays"] for block in schedule.get_latest_revision_as_object().periods]
    assert days == [["1"], ["0", "2", "3"]]
    assert [problem for problem in watched.problems if "schedule" in problem] == []


def test_a_day_of_its_own_keeps_morning_and_afternoon(page, administrator, log_in):
    schedule = make_schedule(
        weekly(weekdays=("0", "2")),
        weekly(time(14), time(17), weekdays=("0", "2")),
    )
    log_in(page, "mayor")
    page.goto(f"/admin/snippets/wagtail_agenda/schedule/edit/{schedule.pk}/")
    panel = page.locator(".wagtail-agenda-week-panel")
    panel.get_by_label("Other hours on").select_option(label="Wednesday")
    panel.get_by_role("button", name="Give this day its own hours").click()
    # The last of the copies is that of the afternoon, and has the focus.
    closes = page.locator("[name$=-value-closes]:visible")
    expect(closes).to_have_count(4)
    closes.last.fill("18:00")
    row = panel.locator("tbody tr")
    expect(row.nth(2)).to_contain_text("09:00 – 12:00, 14:00 – 18:00")
    expect(row.nth(0)).to_contain_text("09:00 – 12:00, 14:00 – 17:00")


def test_only_what_changes_in_the_week_is_read_out(page, administrator, log_in):
    schedule = make_schedule(weekly(weekdays=("0",)))
    log_in(page, "mayor")
    page.goto(f"/admin/snippets/wagtail_agenda/schedule/edit/{schedule.pk}/")
    said = page.locator(".wagtail-agenda-week-panel [role=status]")
    expect(said).to_be_empty()
    page.fill("[name=periods-0-value-closes]", "16:00")
    expect(said).to_have_text("Monday, 09:00 – 16:00, –")
    assert page.locator(".wagtail-agenda-week-panel [aria-live]").count() == 0


def test_a_new_place_of_an_event_is_told_once_that_is_chosen(page, administrator, log_in, axe):
    ensure_default_workflow()
    now = timezone.now().replace(second=0, microsecond=0)
    event = make_event(label="Bread", start=now + timedelta(days=3))
    made = make_booking(slot=availability.find(event.agenda, event.slug, now=now), now=now)
    log_in(page, "mayor")
    page.goto(f"/admin/agendas/setup/event/edit/{event.pk}/")
    page.get_by_label("Location").fill("Room 4")
    press(page, "Save")
    expect(page.get_by_text("1 booking has been told something else")).to_be_visible()
    axe(page, ".w-panel:has(input[type=radio])", both_themes=True)

    page.get_by_label("Save it, and tell everybody who has booked").check()
    press(page, "Save")
    expect(page.get_by_text("Event 'Bread' updated.")).to_be_visible()
    event.refresh_from_db()
    assert event.location == "Room 4"
    told = made.deliveries.filter(audience="visitor").order_by("pk")
    assert [one.sequence for one in told] == [0, 1]
