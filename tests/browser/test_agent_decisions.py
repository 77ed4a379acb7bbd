"""Agents decide in a real browser: approve, accept, move, find out why; accessible throughout."""

from datetime import datetime, time, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests import factories
from tests.agents import make_staff
from wagtail_agenda import availability, booking, tokens
from wagtail_agenda.choices import Actor, Admission, AgendaKind, WaitingListPromotion
from wagtail_agenda.models import AgendaMember, Bookable
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def monday():
    """Next week's, so that everything in it can be booked."""
    today = timezone.localdate()
    return today + timedelta(days=7 - today.weekday())


@pytest.fixture
def counter(monday):
    """A counter with a request on Monday at nine: (agenda, request)."""
    ensure_default_workflow()
    agenda, _type, _desks = factories.make_appointments(
        label="Permits", needs_approval=True, approval_hours=48
    )
    now = timezone.now()
    slot = availability.slots(agenda, first=monday, last=monday, now=now)[0]
    return agenda, factories.make_booking(slot=slot, now=now, user_name="Ada Martin")


@pytest.fixture
def course(monday):
    """A course with a free place that two wait for: (event, those who wait)."""
    agenda = factories.make_agenda(
        kind=AgendaKind.EVENTS,
        label="Courses",
        waiting_list_promotion=WaitingListPromotion.BY_HAND,
    )
    start = datetime.combine(monday, time(18), tzinfo=factories.PARIS)
    event = factories.make_event(agenda, label="Swimming", places=1, start=start)
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=5)
    now = timezone.now()
    made = [
        factories.make_booking(
            slot=availability.find(agenda, event.slug, now=now), now=now, user_name=name
        )
        for name in ("Ben Roux", "Cleo Novák", "Driss El Amrani")
    ]
    booking.cancel(made[0], actor=Actor.AGENT, now=now)
    return event, made[1:]


def test_requests_waiting_lists_moves_and_reasons(
    page, counter, course, monday, log_in, axe, watch
):
    agenda, made = counter
    event, waiting = course
    virtual = factories.make_agenda(kind=AgendaKind.VIRTUAL, label="Any counter")
    AgendaMember.objects.create(virtual_agenda=virtual, agenda=agenda)
    make_staff(agenda, event.agenda, virtual, username="clerk")
    watched = watch(page)
    log_in(page, "clerk")
    page.goto("/admin/")
    expect(page.get_by_text("1 booking waits for approval")).to_be_visible()
    axe(page, ".wagtail-agenda-dashboard")

    # Approve
    page.goto(f"/admin/agendas/booking/{made.pk}/")
    expect(page.get_by_text("keeps its place until")).to_be_visible()
    axe(page, ".wagtail-agenda")
    page.goto(f"/admin/agendas/booking/{made.pk}/refuse/")
    axe(page, ".wagtail-agenda")
    page.goto("/admin/agendas/")
    axe(page, ".wagtail-agenda")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("is approved")).to_be_visible()
    made.refresh_from_db()
    assert made.admission == Admission.CONFIRMED

    # Accept from the waiting list
    page.goto(f"/admin/agendas/agenda/{event.agenda.slug}/week/{monday}/")
    expect(page.get_by_text("0 of 1 booked, 2 waiting")).to_be_visible()
    axe(page, ".wagtail-agenda")
    page.get_by_role("link", name="Waiting list").click()
    expect(page.locator(".wagtail-agenda-together")).to_be_visible()
    axe(page, ".wagtail-agenda")
    for one in waiting:
        page.get_by_role("checkbox", name=one.display_name).check()
    page.locator(".wagtail-agenda-together").get_by_role("button", name="Accept").click()
    expect(page.get_by_text("has a place.")).to_be_visible()
    expect(page.get_by_text("There is no room for it.")).to_be_visible()
    for one in waiting:
        one.refresh_from_db()
    assert [one.admission for one in waiting] == [Admission.CONFIRMED, Admission.WAITING]

    # Move
    page.goto(f"/admin/agendas/booking/{made.pk}/")
    page.get_by_role("link", name="Move to another time").click()
    expect(page.get_by_text("10:30", exact=True)).to_be_visible()
    axe(page, ".wagtail-agenda")
    page.get_by_text("10:30", exact=True).click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Move it")).to_be_visible()
    axe(page, ".wagtail-agenda")
    page.get_by_role("button", name="Move it").click()
    expect(page.get_by_text("is moved.")).to_be_visible()
    made.refresh_from_db()
    assert made.local_start.time() == time(10, 30)

    # Why not, and the pages of a virtual agenda
    page.goto(f"/admin/agendas/explain/?agenda={agenda.slug}&at={monday}T10:30")
    expect(page.get_by_role("heading", name="Why can nobody book 10:30 here?")).to_be_visible()
    axe(page, ".wagtail-agenda")
    for scale in ("day", "week", "month", "list"):
        page.goto(f"/admin/agendas/agenda/{virtual.slug}/{scale}/{monday}/")
        axe(page, ".wagtail-agenda")
    page.goto(f"/admin/agendas/agenda/{event.agenda.slug}/new/?date={monday}")
    axe(page, ".wagtail-agenda")
    watched.assert_clean()


def test_a_mistyped_address_is_corrected(page, counter, log_in, axe, watch):
    agenda, made = counter
    make_staff(agenda, username="clerk")
    link = f"/{tokens.manage_token(made)}/"
    watched = watch(page)
    log_in(page, "clerk")
    page.goto(f"/admin/agendas/booking/{made.pk}/")
    page.get_by_role("link", name="Correct name or address").click()
    expect(page.get_by_role("heading", name="Correct who this booking is for?")).to_be_visible()
    axe(page, ".wagtail-agenda", both_themes=True)

    page.get_by_label("E-mail").fill("nowhere@nowhere")
    page.get_by_role("button", name="Correct it").click()
    expect(page.get_by_text("Enter a valid email address.")).to_be_visible()
    axe(page, ".wagtail-agenda")

    page.get_by_label("E-mail").fill("ada.martin@fairbridge.example")
    page.get_by_role("button", name="Correct it").click()
    expect(page.get_by_text("is corrected.")).to_be_visible()
    expect(page.get_by_text("E-mail before: ada@fairbridge.example")).to_be_visible()
    axe(page, ".wagtail-agenda")
    made.refresh_from_db()
    assert made.user_email == "ada.martin@fairbridge.example"
    assert f"/{tokens.manage_token(made)}/" != link
    watched.assert_clean()
