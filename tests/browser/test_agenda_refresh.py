"""A period of an agenda keeps itself up to date under the eyes of whoever works with it."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests import factories
from tests.agents import make_staff
from wagtail_agenda import availability, booking
from wagtail_agenda.choices import Actor
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db(transaction=True)

A_MINUTE = 60_000


@pytest.fixture
def agenda():
    ensure_default_workflow()
    every_day = [str(number) for number in range(7)]
    made = factories.make_appointments(
        desks=2, schedule=factories.make_schedule(factories.weekly(weekdays=every_day))
    )[0]
    make_staff(made, username="clerk")
    return made


@pytest.fixture
def tomorrow():
    return timezone.localdate() + timedelta(days=1)


def book(agenda, day, name, nth=0):
    now = timezone.now()
    [meeting_type] = agenda.meeting_types.all()
    free = availability.slots(agenda, meeting_type, first=day, last=day, now=now)
    return factories.make_booking(slot=free[nth], now=now, user_name=name)


@pytest.fixture
def come_in(log_in):
    """Opens a period as the agent, with a clock that the test turns: `come_in(page, address)`."""

    def as_clerk(page: Page, address: str) -> None:
        page.clock.install()
        log_in(page, "clerk")
        page.goto(f"/admin/agendas/{address}")

    return as_clerk


def assert_a_minute_passes_unasked(page: Page) -> None:
    """Lets a minute pass, in which the page must ask the server for nothing."""
    asked = []
    page.on("request", lambda request: asked.append(request.method))
    page.clock.fast_forward(A_MINUTE)
    # Requests are told of in the order in which they are made: after ours, no other can come.
    page.evaluate("fetch(location.href, { method: 'HEAD' }).then(() => null)")
    assert asked == ["HEAD"]


def test_what_is_new_comes_in_and_one_keeps_ones_place(
    open_page, agenda, tomorrow, come_in, watch, axe
):
    first = book(agenda, tomorrow, "Ada Martin", nth=2)
    page = open_page(viewport={"width": 1280, "height": 500})
    watched = watch(page)
    come_in(page, f"agenda/{agenda.slug}/day/{tomorrow}/")
    link = page.locator(f"#booking-{first.pk}").get_by_role("link")
    page.get_by_text("What the colours mean").click()
    link.focus()
    link.evaluate("one => { one.isTheSame = true }")
    top = link.bounding_box()["y"]

    # Before the one in view, so that the page grows above it.
    book(agenda, tomorrow, "Chloé Roux")
    page.clock.fast_forward(A_MINUTE)

    expect(page.get_by_text("Chloé Roux")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="1 new booking.")).to_be_visible()
    expect(link).to_be_focused()
    assert link.evaluate("one => one.isTheSame")
    assert abs(link.bounding_box()["y"] - top) < 2
    expect(page.locator("details.wagtail-agenda-legend")).to_have_attribute("open", "")
    axe(page, ".wagtail-agenda")

    booking.cancel(first, actor=Actor.VISITOR, now=timezone.now())
    page.clock.fast_forward(A_MINUTE)
    expect(page.get_by_text("Ada Martin")).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="1 booking cancelled.")).to_be_visible()
    expect(page.locator("#wagtail-agenda-live")).to_be_focused()
    watched.assert_clean()


def test_it_waits_for_who_types_can_be_paused_and_stops_with_a_sentence(
    page, agenda, tomorrow, come_in
):
    come_in(page, f"agenda/{agenda.slug}/list/{tomorrow}/")
    search = page.get_by_label("Find a booking")

    search.fill("Mart")
    book(agenda, tomorrow, "Ada Martin")
    assert_a_minute_passes_unasked(page)
    expect(page.get_by_text("Ada Martin")).to_have_count(0)
    search.blur()
    page.clock.fast_forward(A_MINUTE)
    expect(page.get_by_text("Ada Martin")).to_be_visible()

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused. This is how it was at")).to_be_visible()
    book(agenda, tomorrow, "Chloé Roux")
    assert_a_minute_passes_unasked(page)
    expect(page.get_by_text("Chloé Roux")).to_have_count(0)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Chloé Roux")).to_be_visible()

    page.context.set_offline(True)
    page.clock.fast_forward(A_MINUTE)
    expect(page.get_by_text("No connection. This is how it was at")).to_be_visible()
    page.context.set_offline(False)
    page.clock.fast_forward(2 * A_MINUTE)
    expect(page.get_by_text("Updated at")).to_be_visible()

    Session.objects.all().delete()
    page.clock.fast_forward(A_MINUTE)
    expect(page.get_by_text("You are no longer logged in")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    expect(page.get_by_text("Chloé Roux")).to_be_visible()


def test_a_week_on_a_phone_opens_at_today(phone, agenda, come_in):
    today = timezone.localdate()
    come_in(phone, f"agenda/{agenda.slug}/week/{today}/")

    head = phone.locator("thead .wagtail-agenda-today")
    expect(head).to_be_in_viewport(ratio=0.9)
    times = phone.locator("tbody th").first.bounding_box()
    assert head.bounding_box()["x"] >= times["x"] + times["width"] - 2


def test_without_script_the_link_refreshes(page_without_script, agenda, tomorrow, log_in):
    page = page_without_script
    log_in(page, "clerk")
    page.goto(f"/admin/agendas/agenda/{agenda.slug}/day/{tomorrow}/?status=all")
    book(agenda, tomorrow, "Ada Martin")

    page.get_by_role("link", name="Refresh").click()

    expect(page.get_by_text("Ada Martin")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    assert page.url.endswith("?status=all")
