"""Every step as people with other eyes, hands and screens meet it."""

import re

import pytest
from playwright.sync_api import Page as Window
from playwright.sync_api import expect

from tests.browser.accessibility import assert_accessible
from tests.browser.picking import pick
from tests.browser.test_main_road import (  # noqa: F401  a fixture
    be_patient,
    fill_details,
    heading,
    passport_page,
)
from wagtail_agenda.models import Booking, Delivery

NARROW = {"width": 320, "height": 640}
"""A window of 1280 pixels at 400 % (WCAG 2.2, 1.4.10)."""

TOO_SMALL = """() => [...document.querySelectorAll(
    ".agenda-booking :is(a, button, summary, select, input:not([type=hidden]), textarea)"
  )].filter((one) => {
    // A link in a sentence may be as high as its line (WCAG 2.2, 2.5.8).
    const exempt = one.closest(".agenda-booking__empty, p:not([class]), li");
    if (exempt || !one.checkVisibility()) return false;
    const { width, height } = (one.closest("label") ?? one).getBoundingClientRect();
    return width < 24 || height < 24;
  }).map((one) => one.outerHTML)"""


@pytest.mark.parametrize(
    "sight",
    [
        {"viewport": NARROW, "reduced_motion": "reduce"},
        {"color_scheme": "dark", "own_frame": True},
        {"color_scheme": "dark", "forced_colors": "active"},
    ],
    ids=["narrow", "dark", "high-contrast"],
)
def test_every_step_can_be_read_and_used(
    sight,
    open_page,
    passport_page,  # noqa: F811
    settings,
    watch,
):
    be_patient(settings)
    own_frame = "own_frame" in sight
    page = open_page(**{name: value for name, value in sight.items() if name != "own_frame"})
    if own_frame:
        # Without the script the steps are pages of their own, in a frame that knows the dark.
        page.route("**/booking.js", lambda route: route.abort())
    # Axe reads the colours that were written, not those that the system puts in their place.
    rules = {"color-contrast": {"enabled": "forced_colors" not in sight}}
    watched = watch(page)

    def look(title: str = "") -> None:
        if title:
            expect(page).to_have_title(re.compile(f"^{title}"))
        assert_accessible(page, ".agenda-booking", rules=rules)
        assert page.evaluate(TOO_SMALL) == []
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.viewport_size["width"]
        levels = page.eval_on_selector_all(
            "h1, h2, h3, h4", "headings => headings.map((one) => Number(one.tagName[1]))"
        )
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))

    page.goto(passport_page)
    look()
    page.get_by_role("button", name="More times").click()
    heading(page, "Choose a time")
    look("Choose a time")
    pick(page.get_by_role("radio").last)
    page.get_by_role("button", name="Continue").click()
    heading(page, "Your details")
    page.get_by_role("button", name="Continue").click()
    heading(page, "Please correct")
    look("Error: Your details")
    expect(page.locator(".agenda-booking__notice")).to_be_focused()
    fill_details(page)
    page.get_by_role("button", name="Continue").click()
    heading(page, "Check your booking")
    look("Check your booking")
    page.get_by_role("button", name="Confirm booking").click()
    heading(page, "Your booking is confirmed")
    page.get_by_text("Add to my calendar").click()
    look("Booking confirmed")
    page.get_by_role("button", name="Send the mail again").click()
    expect(page.get_by_role("status").filter(has_text="A mail to a…@")).to_be_visible()
    expect(page.locator(".agenda-booking__done")).to_be_focused()
    look()
    page.get_by_role("link", name="Cancel the booking").click()
    heading(page, "Do you want to cancel this booking?")
    look("Cancel the booking")
    page.get_by_role("button", name="Cancel the booking").click()
    expect(page.get_by_text("This booking is cancelled.")).to_be_visible()
    look()
    watched.assert_clean()


def test_mistakes_are_tied_to_their_fields(page, passport_page):  # noqa: F811
    page.goto(passport_page)
    pick(page.get_by_role("radio").first)
    page.get_by_role("button", name="Continue").click()
    heading(page, "Your details")
    expect(page.get_by_label("Name")).to_have_attribute("autocomplete", "name")
    expect(page.get_by_label("E-mail")).to_have_attribute("autocomplete", "email")
    expect(page.get_by_label("Telephone")).to_have_attribute("autocomplete", "tel")
    page.get_by_role("button", name="Continue").click()
    name = page.get_by_label("Name")
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(name).to_have_accessible_description("This field is required.")
    email = page.get_by_label("E-mail")
    expect(email).to_have_accessible_description(re.compile("confirmation.*field is required"))
    # So low that the browser must scroll to the field, which it puts at the very top.
    page.set_viewport_size({"width": 1280, "height": 400})
    page.get_by_role("link", name="Name: This field is required.").click()
    expect(name).to_be_focused()
    expect(page.locator("label", has_text="Name").first).to_be_in_viewport(ratio=1)


def test_confirmation_and_booking_print_as_a_sheet(
    page,
    passport_page,  # noqa: F811
    settings,
):
    be_patient(settings)
    page.goto(passport_page)
    pick(page.get_by_role("radio").first)
    page.get_by_role("button", name="Continue").click()
    heading(page, "Your details")
    fill_details(page)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Confirm booking").click()
    heading(page, "Your booking is confirmed")
    manage = page.get_by_role("link", name="See or cancel the booking").get_attribute("href")
    assert printed(page)
    page.goto(manage)
    assert printed(page)
    assert Delivery.objects.count() == 2


def printed(page: Window) -> bool:
    """Whether paper would say everything and offer nothing to press."""
    page.emulate_media(media="print")
    block = page.locator(".agenda-booking")
    booking = Booking.objects.get()
    for said in (booking.reference, "Passport application", "Town hall, 1 Market Square"):
        expect(block.get_by_text(said).first).to_be_visible()
    offered = block.locator("a, button, summary, input:not([type=hidden])")
    assert [one for one in offered.all() if one.is_visible()] == []
    page.emulate_media(media="screen")
    return True
