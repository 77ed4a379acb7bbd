"""A weekly series in a real browser: made, booked, changed from one date on, and asked about."""

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import expect

from tests.factories import make_agenda, make_details
from wagtail_agenda import availability, booking
from wagtail_agenda.choices import Actor, AgendaKind
from wagtail_agenda.models import Booking, EventSeries
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db(transaction=True)

DESKTOP = {"width": 1280, "height": 900}
NARROW = {"width": 320, "height": 800}


@pytest.fixture
def administrator(transactional_db):
    ensure_default_workflow()
    return get_user_model().objects.create_superuser("mayor", password="secret")


def save(page):
    page.locator("#w-editor-form footer [type=submit]").first.click()


def test_a_weekly_course_is_made_booked_and_changed(
    page_without_script, open_page, administrator, log_in, axe
):
    agenda = make_agenda(kind=AgendaKind.EVENTS, label="Sports", maximal_booking_delay=60)
    page = page_without_script
    log_in(page, "mayor")
    page.goto(f"/admin/agendas/setup/eventseries/new/?agenda={agenda.pk}")
    page.get_by_label("Label").fill("Yoga")
    page.get_by_label("Tuesday").check()
    page.get_by_label("From").fill(timezone.localdate().isoformat())
    page.get_by_label("Starts at").fill("18:00")
    save(page)
    expect(page.get_by_text("dates so far")).to_be_visible()

    series = EventSeries.objects.get()
    events = list(series.events.order_by("start"))
    slot = availability.find(agenda, events[4].slug, now=timezone.now())
    made = booking.book(slot, make_details(), now=timezone.now(), actor=Actor.AGENT)

    page.goto("/admin/agendas/setup/event/?ordering=start")
    page.get_by_role("link", name="Yoga").nth(2).click()
    expect(page.get_by_role("heading", name="Which dates do you want to change?")).to_be_visible()
    page.get_by_role("link", name="This date and all after it").click()
    expect(page.get_by_label("From")).to_be_disabled()
    page.get_by_label("Starts at").fill("19:00")
    save(page)
    expect(page.get_by_text("1 booked date would take place at another time")).to_be_visible()
    assert {event.start for event in series.events.all()} == {event.start for event in events}
    page.get_by_label("Move them, and tell everybody who has booked").check()
    save(page)
    expect(page.get_by_text("1 booking changed with it")).to_be_visible()
    made = Booking.objects.get(pk=made.pk)
    assert made.local_start.hour == 19
    assert made.event.series != series

    window = open_page(viewport=NARROW)
    log_in(window, "mayor")
    for act in ("which-dates", "cancel"):
        window.goto(f"/admin/agendas/setup/event-acts/{act}/{made.event_id}/")
        axe(window, ".wagtail-agenda", both_themes=True)
        assert window.evaluate(
            "document.querySelector('.wagtail-agenda').scrollWidth <= innerWidth"
        ), f"{act} scrolls sideways"

    window.set_viewport_size(DESKTOP)
    window.goto(f"/admin/agendas/setup/eventseries/edit/{made.event.series_id}/")
    window.get_by_label("Starts at").fill("20:00")
    save(window)
    expect(window.get_by_text("Nothing is saved yet").first).to_be_visible()
    axe(window, "#w-editor-form")
