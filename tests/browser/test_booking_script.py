"""What booking.js adds: steps in the place of their block, a countdown, a way out of trouble."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page as Window
from playwright.sync_api import Route, expect
from wagtail.models import Page, Site

from example_site.home.models import HomePage
from tests.browser.picking import pick
from tests.factories import make_appointments
from wagtail_agenda.models import Booking, Hold

CLOBBERING = ("action", "method", "submit", "append", "closest", "matches", "target")
"""Names of questions that hide what a script would read of the form."""


@pytest.fixture
def publish(live_server, settings) -> Callable[..., str]:
    """Publishes a page with so many blocks for one agenda; answers with its path."""
    # Nobody waits three seconds in a test.
    settings.WAGTAIL_AGENDA = {"FORM_MINIMUM_SECONDS": 0}
    address = urlsplit(live_server.url)
    Site.objects.update(hostname=address.hostname, port=address.port)

    def publish_page(blocks: int = 1, fields: tuple = (), **agenda) -> str:
        agenda = make_appointments(desks=3, **agenda)[0]
        questions = [
            {"type": "single_line", "value": {"label": f"About {name}", "clean_name": name}}
            for name in fields
        ]
        body = [
            {
                "type": "booking_form",
                "value": {"agenda": agenda.pk, "heading": f"Form {n}", "fields": questions},
            }
            for n in range(blocks)
        ]
        page = HomePage(title="Passports", slug="passports", body=body)
        Page.objects.filter(depth=2).first().add_child(instance=page)
        return page.url

    return publish_page


def block(page: Window, number: int = 0):
    return page.locator("[data-agenda-block]").nth(number)


def choose(page: Window, number: int = 0, time: int = 0) -> None:
    form = block(page, number)
    pick(form.get_by_role("radio").nth(time))
    form.get_by_role("button", name="Continue").click()
    expect(form.get_by_role("heading", name="Your details")).to_be_visible()


def fill(page: Window, number: int = 0, name: str = "Ada Martin") -> None:
    form = block(page, number)
    form.get_by_label("Name").fill(name)
    form.get_by_label("E-mail").fill("ada@fairbridge.example")


def test_steps_take_the_place_of_the_block_and_the_heading_is_read_out(page, publish, watch):
    watched = watch(page)
    path = publish()
    page.goto(path)
    page.evaluate("window.stillHere = true")

    choose(page)

    heading = block(page).get_by_role("heading", name="Your details")
    expect(heading).to_be_focused()
    assert heading.evaluate("heading => heading.tagName") == "H2"
    fill(page)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Check your booking")).to_be_focused()
    page.get_by_role("button", name="Confirm booking").click()
    expect(page.get_by_role("heading", name="Your booking is confirmed")).to_be_focused()
    assert page.evaluate("window.stillHere")
    assert urlsplit(page.url).path == path
    assert page.locator("h1").count() == 1
    watched.assert_clean()


def test_time_left_is_counted_down_and_its_end_is_said_once(page, publish, watch):
    watched = watch(page)
    page.clock.install()
    page.goto(publish())
    choose(page)
    held = page.locator("[data-agenda-lapses]")
    said = held.get_by_role("status")
    # Until a slow machine has come this far, half a minute may have passed.
    expect(held).to_contain_text(re.compile(r"\((10:00|9:[345]\d) left\)"))
    expect(said).to_have_text("")

    page.clock.fast_forward("08:05")
    expect(held).to_contain_text(re.compile(r"\(1:[2345]\d left\)"))
    expect(said).to_contain_text("Two minutes left")

    page.clock.fast_forward("02:00")
    expect(said).to_contain_text("no longer held")
    expect(held).to_have_class(re.compile("agenda-booking__held--over"))
    fill(page)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Check your booking")).to_be_visible()
    watched.assert_clean()


def test_the_visitors_own_clock_may_be_wrong(page, publish):
    page.clock.install(time="2031-05-05T12:00:00")
    page.goto(publish())
    choose(page)
    expect(page.locator("[data-agenda-lapses]")).to_contain_text(
        re.compile(r"\((10:00|9:[345]\d) left\)")
    )


@pytest.mark.parametrize("failure", ["no network", "another page"])
def test_what_cannot_be_fetched_is_opened_as_a_page(page, publish, failure):
    page.goto(publish())

    def fail_once(route: Route) -> None:
        if route.request.resource_type != "fetch":
            route.continue_()
        elif failure == "no network":
            route.abort()
        else:
            route.fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>")

    page.route("**/agendas/book/**", fail_once)
    pick(page.get_by_role("radio").first)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Your details")).to_be_visible()
    assert re.search("/agendas/book/.+/details/", page.url)
    assert Hold.objects.filter(start__isnull=False).exists()


def test_which_button_was_pressed_survives_the_failure(page, publish):
    page.goto(publish())
    page.route(
        "**/agendas/book/",
        lambda route: (
            route.abort() if route.request.resource_type == "fetch" else route.continue_()
        ),
    )
    page.get_by_role("button", name="More times").click()
    expect(page.get_by_role("heading", name="Choose a time")).to_be_visible()


def test_two_forms_on_one_page_keep_apart(page, publish, axe):
    page.goto(publish(blocks=2))
    choose(page, 0)
    choose(page, 1, time=1)
    fill(page, 0, "Ada First")
    fill(page, 1, "Bob Second")
    assert (
        page.evaluate(
            "[...document.querySelectorAll('[id]')].map(e => e.id)"
            ".filter((id, at, all) => all.indexOf(id) !== at)"
        )
        == []
    )
    axe(page)
    expect(block(page, 0).get_by_label("Name")).to_have_value("Ada First")
    block(page, 1).get_by_role("button", name="Continue").click()
    expect(block(page, 1)).to_contain_text("Bob Second")
    expect(block(page, 0).get_by_label("Name")).to_have_value("Ada First")


def test_mistakes_in_the_second_form_lead_to_its_own_fields(page, publish):
    page.goto(publish(blocks=2))
    choose(page, 0)
    choose(page, 1, time=1)
    block(page, 1).get_by_role("button", name="Continue").click()
    block(page, 1).get_by_role("link", name=re.compile("^Name")).click()
    expect(block(page, 1).get_by_label("Name")).to_be_focused()


def test_back_leads_to_the_step_before_with_what_was_typed(page, publish):
    path = publish()
    page.goto(path)
    choose(page)
    fill(page)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Check your booking")).to_be_visible()

    page.go_back()
    expect(page.get_by_role("heading", name="Your details")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Ada Martin")
    page.reload()
    expect(page.get_by_role("heading", name="Your details")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Next free times")).to_be_visible()
    assert urlsplit(page.url).path == path


def test_back_after_the_confirmation_books_nothing_twice(page, publish):
    page.goto(publish())
    choose(page)
    fill(page)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Confirm booking").click()
    expect(page.get_by_role("heading", name="Your booking is confirmed")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Your booking is confirmed")).to_be_visible()
    page.goto("/")
    page.go_back()
    expect(page.get_by_role("heading", name="Your booking is confirmed")).to_be_visible()
    assert Booking.objects.count() == 1


def test_a_double_click_sends_once(page, publish):
    page.goto(publish())
    sent = []
    page.on(
        "request",
        lambda request: sent.append(request.url) if request.method == "POST" else None,
    )
    pick(page.get_by_role("radio").first)
    page.get_by_role("button", name="Continue").dblclick()
    expect(page.get_by_role("heading", name="Your details")).to_be_visible()
    fill(page)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Confirm booking").dblclick()
    expect(page.get_by_role("heading", name="Your booking is confirmed")).to_be_visible()
    assert len(sent) == 3
    assert Hold.objects.count() == 1
    assert Booking.objects.count() == 1


def test_questions_may_have_any_name(page, publish, watch):
    watched = watch(page)
    path = publish(fields=CLOBBERING)
    page.goto(path)
    choose(page)
    fill(page)
    for name in CLOBBERING:
        page.get_by_label(f"About {name}").fill(f"my {name}")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Check your booking")).to_be_visible()
    assert urlsplit(page.url).path == path
    for name in CLOBBERING:
        expect(block(page)).to_contain_text(f"my {name}")
    watched.assert_clean()


def test_what_a_step_looks_like_is_there_before_the_step(page, publish, watch):
    watched = watch(page)
    page.goto(publish())
    sheets = "[...document.styleSheets].filter((one) => one.href.endsWith('/steps.css')).length"
    assert page.evaluate(sheets) == 0
    choose(page)
    assert page.evaluate(sheets) == 1
    expect(page).to_have_title(re.compile("^Your details"))
    fill(page)
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_title(re.compile("^Check your booking"))
    assert page.evaluate(sheets) == 1
    watched.assert_clean()


def test_a_step_comes_also_when_its_looks_do_not(page, publish):
    page.goto(publish())
    page.route("**/steps.css", lambda route: route.abort())
    choose(page)
    expect(block(page).get_by_role("heading", name="Your details")).to_be_focused()


def test_times_are_told_in_the_visitors_own_zone_as_well(open_page, publish, watch):
    path = publish()
    away = open_page(timezone_id="America/New_York")
    watched = watch(away)
    away.goto(path)
    note = away.locator("[data-agenda-yours]")
    # Which time is free next, the clock of this machine decides.
    told = re.compile(
        r"In your time zone \(America/New York\), "
        r"(\d\d):(\d\d) is \w+, \w+ \d+ at ((\d\d):(\d\d))\."
    )

    def said():
        expect(note).to_have_text(told)
        hour, minute, moment, hour_away, minute_away = told.search(note.inner_text()).groups()
        assert (int(hour) - int(hour_away)) % 24 in (5, 6)
        assert minute == minute_away
        return moment

    first = said()
    pick(away.get_by_role("radio").nth(1))
    expect(note).not_to_contain_text(f"at {first}.")
    second = said()
    away.get_by_role("button", name="Continue").click()
    expect(away.get_by_role("heading", name="Your details")).to_be_visible()
    chosen = away.locator(".agenda-booking__chosen")
    expect(chosen).to_contain_text("Europe/Paris")
    expect(chosen).to_contain_text(re.compile(rf"\(America/New York\): .* {second}\W+\d\d:\d\d"))
    watched.assert_clean()


def test_nobody_is_told_a_time_twice(open_page, publish):
    same_clock = open_page(timezone_id="Europe/Berlin")
    same_clock.goto(publish())
    expect(same_clock.get_by_text("Times are local times in Europe/Paris.")).to_be_visible()
    expect(same_clock.locator("[data-agenda-yours]")).to_be_hidden()


def test_reading_goes_on_where_one_has_clicked(page, publish):
    page.goto(publish())
    page.get_by_role("button", name="More times").click()
    expect(page.get_by_role("heading", name="Choose a time")).to_be_focused()
    page.get_by_role("link", name="Later month").click()
    expect(block(page).get_by_role("heading", name=re.compile(r"^\w+ \d{4}$"))).to_be_focused()
    day = page.get_by_role("table").get_by_role("link").first
    name = day.get_attribute("aria-label").rpartition(", ")[0]
    day.click()
    expect(page.get_by_role("group", name=name)).to_be_focused()
    page.get_by_role("link", name="Next free time").click()
    expect(page.get_by_role("radio").first).to_be_focused()
    expect(page.get_by_role("radio").first).to_be_checked()
