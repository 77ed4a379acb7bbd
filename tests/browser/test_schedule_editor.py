"""Hours of certain weekdays of the month and seasons, typed in a real browser."""

import re

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import expect

from tests.factories import make_schedule, monthly, weekly
from wagtail_agenda.models import Schedule

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def administrator(transactional_db):
    return get_user_model().objects.create_superuser("mayor", password="secret")


@pytest.fixture
def open_editor(administrator, log_in):
    """Opens a schedule: `panel = open_editor(page, schedule)`, the panel with its week."""

    def as_mayor(page, schedule):
        log_in(page, "mayor")
        page.goto(f"/admin/snippets/wagtail_agenda/schedule/edit/{schedule.pk}/")
        return page.locator(".wagtail-agenda-week-panel")

    return as_mayor


def test_a_summer_market_is_typed_and_its_picture_follows(page, open_editor, watch, axe):
    schedule = make_schedule(weekly(weekdays=("1",)))
    watched = watch(page)
    panel = open_editor(page, schedule)
    expect(panel.locator(".schedule__week")).to_have_count(0)

    page.get_by_role("button", name="Insert a block").last.click()
    page.get_by_text("On certain weekdays of the month", exact=True).click()
    field = "periods-1-value"
    page.check(f"[name={field}-ordinals][value='1']")
    page.check(f"[name={field}-ordinals][value=last]")
    page.check(f"[name={field}-weekdays][value='0']")
    page.fill(f"[name={field}-opens]", "08:00")
    page.fill(f"[name={field}-closes]", "13:00")
    season = page.locator("section", has=page.locator(f"[name={field}-season-from]")).last
    season.locator("button").first.click()
    page.fill(f"[name={field}-season-from]", "2030-06-01")
    page.fill(f"[name={field}-season-until]", "2030-08-31")
    page.select_option(f"[name={field}-season-repeats]", label="Every year")
    rules = panel.locator(".schedule__rules li")
    expect(rules.nth(1)).to_contain_text(
        "1st and last Monday of the month, 08:00 – 13:00, 1 June to 31 August every year"
    )
    expect(rules.nth(1)).to_contain_text("Next dates: Monday")
    expect(panel.locator("[role=status]")).to_contain_text("1 June to 31 August every year")

    panel.get_by_label("Show the week of").fill("2031-06-04")
    expect(panel.locator(".schedule__week")).to_have_text("Week from 2 June 2031 to 8 June 2031")
    expect(panel.locator("tbody tr").nth(0)).to_contain_text("08:00 – 13:00")
    axe(page, ".wagtail-agenda-week-panel")

    page.fill(f"[name={field}-season-until]", "2030-06-02")
    page.fill(f"[name={field}-season-from]", "2030-06-02")
    page.uncheck(f"[name={field}-ordinals][value='1']")
    expect(panel.locator(".schedule__warnings")).to_contain_text("None of the days ticked above")
    page.fill(f"[name={field}-season-until]", "2030-08-31")
    expect(panel.locator(".schedule__warnings")).to_have_count(0)

    # By keyboard: the calendar of the last field may hang over the button.
    page.get_by_role("button", name="Save draft").first.press("Enter")
    expect(page.get_by_text(re.compile("Schedule .+ updated"))).to_be_visible()
    kept = Schedule.objects.get().get_latest_revision_as_object().periods.get_prep_value()
    assert kept[1]["value"]["ordinals"] == ["last"]
    assert kept[1]["value"]["season"]["repeats"] == "yearly"
    assert [problem for problem in watched.problems if "schedule" in problem] == []


def test_copying_a_day_leaves_hours_of_the_month_alone(page, open_editor):
    schedule = make_schedule(
        monthly(ordinals=["1"], weekdays=["0"]), weekly(weekdays=("0",)), weekly(weekdays=("2",))
    )
    panel = open_editor(page, schedule)
    panel.get_by_label("The hours of").select_option(label="Wednesday")
    panel.get_by_label("Monday", exact=True).check()
    panel.get_by_role("button", name="Copy", exact=True).click()
    monday = "[name=periods-{}-value-weekdays][value='0']"
    expect(page.locator(monday.format(2))).to_be_checked()
    expect(page.locator(monday.format(0))).to_be_checked()
    expect(page.locator("[name=periods-1-deleted]")).to_have_value("1")
    expect(page.locator("[name=periods-0-deleted]")).to_have_value("")
