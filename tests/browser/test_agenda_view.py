"""The agenda view in a real browser: accessible in both themes, complete by keyboard."""

from datetime import datetime, time, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests import factories
from tests.agents import make_staff
from wagtail_agenda import attendance, availability, booking
from wagtail_agenda.choices import Actor, AgendaKind, Attendance
from wagtail_agenda.models import Resource
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db(transaction=True)

TYPES = [("Passport", 30), ("Identity card", 30)]
NAMES = ["Ada Martin", "Benoît Lefèvre-Desrosiers", "Chloé Roux", "Driss El Amrani", "Eva Novák"]


@pytest.fixture
def monday():
    """Next week's, so that everything in it can be booked."""
    today = timezone.localdate()
    return today + timedelta(days=7 - today.weekday())


@pytest.fixture
def town_hall(monday):
    """Three desks with a week of bookings, a hold, somebody cancelled, two meetings; two workshops.

    One of the meetings is of an agenda of others.
    """
    ensure_default_workflow()
    agenda = factories.make_agenda(
        label="Passports and identity cards",
        schedule=factories.make_schedule(
            factories.weekly(time(9), time(17), breaks=[(time(12), time(13, 30))])
        ),
    )
    for label in ("Counter A", "Counter B", "Counter C"):
        factories.make_desk(agenda, label=label)
    types = [factories.make_meeting_type(agenda, label=label) for label, _minutes in TYPES]
    now = timezone.now()
    free = availability.slots(
        agenda, types[0], first=monday, last=monday + timedelta(days=4), now=now
    )
    made = []
    for number in range(30):
        slot = free[(number * 7) % len(free)]
        meeting_type = types[number % 2]
        slot = availability.find(
            agenda, slot.key.replace(types[0].slug, meeting_type.slug), now=now
        )
        made.append(
            factories.make_booking(
                slot=slot,
                now=now,
                user_name=NAMES[number % len(NAMES)],
                user_phone_number="01 23 45 67 89",
                answers={"reason": "Lost while moving house"},
            )
        )
    attendance.check_in(made[0], Attendance.PRESENT, now=now)
    attendance.check_in(made[1], Attendance.ABSENT, now=now)
    booking.cancel(made[2], actor=Actor.AGENT, now=now, reason="Counter closed")
    booking.hold(availability.find(agenda, free[3].key, now=now), lock_code="x", now=now)
    room = Resource.objects.create(label="Meeting room 2")
    types[1].resources.add(room)
    noon = datetime.combine(monday, time(12), tzinfo=factories.PARIS)
    for owner, title, takes in (
        (agenda, "Counters: what is new", {"desk": agenda.desks.first(), "resource": room}),
        (factories.make_agenda(label="Council"), "Roads committee", {"resource": room}),
    ):
        noon += timedelta(days=1)
        end = noon + timedelta(minutes=90)
        factories.publish(factories.make_meeting(owner, start=noon, end=end, title=title, **takes))
    workshops = factories.make_agenda(kind=AgendaKind.EVENTS, label="Workshops")
    start = datetime.combine(monday, time(18), tzinfo=factories.PARIS)
    for days, label in ((1, "Repair café"), (3, "Writing to the tax office")):
        event = factories.make_event(
            workshops, label=label, places=4 + days, start=start + timedelta(days=days)
        )
        for name in NAMES[: 2 + days]:
            slot = availability.find(workshops, event.slug, now=now)
            factories.make_booking(slot=slot, now=now, user_name=name)
    made[0].refresh_from_db()
    return agenda, workshops, made


@pytest.fixture
def agent(town_hall):
    return make_staff(town_hall[0], town_hall[1], username="clerk")


def test_nothing_of_ours_is_inaccessible_in_either_theme(
    page, town_hall, agent, monday, log_in, axe
):
    agenda, workshops, made = town_hall
    log_in(page, "clerk")

    for address in (
        "",
        f"agenda/{agenda.slug}/week/{monday}/?status=all",
        f"agenda/{agenda.slug}/day/{monday}/",
        f"agenda/{agenda.slug}/day/{monday + timedelta(days=1)}/",
        f"agenda/{workshops.slug}/week/{monday}/",
        f"agenda/{agenda.slug}/month/{monday}/",
        f"agenda/{agenda.slug}/list/{monday}/?attendance=open",
        f"agenda/{agenda.slug}/month/{timezone.localdate()}/",
        "search/?q=ada",
        f"agenda/{agenda.slug}/new/?date={monday}",
        f"booking/{made[0].pk}/",
        f"booking/{made[2].pk}/",
        f"booking/{made[3].pk}/cancel/",
    ):
        page.goto(f"/admin/agendas/{address}")
        axe(page, ".wagtail-agenda", both_themes=True)
    page.goto(f"/admin/agendas/agenda/{agenda.slug}/day/{monday + timedelta(days=1)}/print/")
    axe(page, both_themes=True)


def test_meetings_stand_among_the_bookings_and_lead_to_their_page(
    page, town_hall, agent, monday, log_in, watch
):
    agenda, *_ = town_hall
    watched = watch(page)
    log_in(page, "clerk")
    page.goto(f"/admin/agendas/agenda/{agenda.slug}/week/{monday}/")

    ours, of_others = page.locator(".wagtail-agenda-meeting").all()

    expect(ours).to_contain_text("12:00–13:30")
    expect(ours).to_contain_text("Counter A")
    expect(ours.locator(".wagtail-agenda-badge")).to_have_text("Meeting")
    expect(of_others.locator(".wagtail-agenda-badge")).to_have_text("Taken")
    expect(of_others).to_contain_text("Meeting room 2")
    expect(of_others.get_by_role("link")).to_have_count(0)
    ours.get_by_role("link", name="Counters: what is new").click()
    expect(page.get_by_role("heading", level=2, name="Counters: what is new")).to_be_visible()
    watched.assert_clean()


def test_somebody_is_checked_in_and_cancelled_by_keyboard(page, town_hall, agent, log_in, watch):
    agenda, _workshops, made = town_hall
    visitor = made[3]
    watched = watch(page)
    log_in(page, "clerk")
    page.goto(f"/admin/agendas/booking/{visitor.pk}/")

    page.get_by_role("button", name="Present").press("Enter")
    expect(page.get_by_role("button", name="Present")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Present").press("Enter")
    expect(page.get_by_role("button", name="Present")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("link", name="Cancel this booking").press("Enter")
    page.wait_for_url("**/cancel/")
    page.get_by_label("Reason").fill("Counter closed")
    page.get_by_role("button", name="Cancel the booking").press("Enter")
    expect(page.get_by_text("Counter closed").first).to_be_visible()

    visitor.refresh_from_db()
    assert visitor.is_cancelled
    watched.assert_clean()
