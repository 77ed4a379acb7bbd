"""A meeting in a real browser: called, answered by a link, moved, one un-invited, cancelled."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import expect

from tests.agents import make_staff
from tests.factories import make_agenda, make_meeting
from tests.factories import publish as announce
from tests.meetings.test_mails import Arrived
from tests.test_outbox import parsed
from wagtail_agenda import outbox
from wagtail_agenda.models import CalledMeeting, Meeting
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db(transaction=True)

ADA, BOB, EVE, OLIVE = (f"{name}@x.example" for name in ("ada", "bob", "eve", "olive"))


@pytest.fixture
def clerk(transactional_db):
    ensure_default_workflow()
    made = make_staff(
        make_agenda(label="Council"), username="clerk", first_name="Cleo", last_name="Clerk"
    )
    return get_user_model().objects.get(pk=made.pk)


@pytest.fixture
def arrived(smtp_server):
    """What has arrived since it was asked last, by address."""
    seen = 0

    def since():
        nonlocal seen
        outbox.sweep()
        fresh, seen = smtp_server.received[seen:], len(smtp_server.received)
        return {one.recipients[0]: Arrived(parsed(one.content)) for one in fresh}

    return since


def publish(page):
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator(".messages .success")).to_be_visible()


def invite(page, number, name, address):
    page.get_by_role("button", name="Add participant").click()
    page.locator(f"[name=participants-{number}-name]").fill(name)
    page.locator(f"[name=participants-{number}-address]").fill(address)


def link_in(mail):
    return re.search(r"/agendas/reply/\S+", mail.text)[0]


def test_from_the_first_draft_to_the_cancellation(
    page, open_page, clerk, log_in, arrived, axe, watch
):
    # Wagtail's own editor needs scripts that a strict policy stops; our pages do not.
    desk = open_page()
    day = timezone.localdate() + timedelta(days=30)
    watched = watch(desk)
    log_in(page, "clerk")
    log_in(desk, "clerk")

    # Called: a form, and a mail for everybody.
    page.goto("/admin/snippets/wagtail_agenda/meeting/")
    axe(page, "main")
    page.goto("/admin/snippets/wagtail_agenda/meeting/add/")
    page.locator("[name=title]").fill("Roads committee")
    page.locator("[name=agenda]").select_option(label="Council")
    page.locator("[name=start]").fill(f"{day} 18:30")
    page.locator("[name=end]").fill(f"{day} 20:00")
    page.locator("[name=location]").fill("Council chamber")
    page.locator("[name=organiser_name]").fill("Olive Gray")
    page.locator("[name=organiser_address]").fill(OLIVE)
    invite(page, 0, "Ada", ADA)
    invite(page, 1, "Bob", BOB)
    invite(page, 2, "Eve", EVE)
    axe(page, "#w-editor-form")
    assert not arrived()
    publish(page)
    called = CalledMeeting.objects.get()
    first = arrived()
    assert {address: one.calendar.method for address, one in first.items()} == dict.fromkeys(
        [ADA, BOB, EVE, OLIVE], "REQUEST"
    )

    # Answered, by somebody who has no account here.
    visitor = open_page()
    seen_by_visitor = watch(visitor)
    visitor.goto(link_in(first[ADA]))
    axe(visitor)
    expect(visitor.get_by_role("heading", name="Roads committee")).to_be_visible()
    visitor.get_by_role("button", name="Accept").click()
    expect(visitor.get_by_role("status")).to_contain_text("Your answer: Accepted")
    axe(visitor)
    seen_by_visitor.assert_clean()

    # Seen by the organiser.
    desk.goto(f"/admin/agendas/meeting/{called.pk}/")
    expect(desk.get_by_text("Accepted: 1")).to_be_visible()
    expect(desk.get_by_role("row", name=re.compile("Ada"))).to_contain_text("Accepted")
    expect(desk.get_by_text("Invitation answered")).to_be_visible()
    axe(desk, ".wagtail-agenda", both_themes=True)

    # Moved, and two of them un-invited: one in the form, one on the page of the meeting.
    page.goto(f"/admin/snippets/wagtail_agenda/meeting/edit/{called.meeting_id}/")
    page.locator("[name=start]").fill(f"{day + timedelta(days=1)} 18:30")
    page.locator("[name=end]").fill(f"{day + timedelta(days=1)} 20:00")
    publish(page)
    moved = arrived()
    assert set(moved) == {ADA, BOB, EVE, OLIVE}
    assert moved[ADA].entry.uid == first[ADA].entry.uid
    assert moved[ADA].entry.sequence == 1
    page.goto(f"/admin/snippets/wagtail_agenda/meeting/edit/{called.meeting_id}/")
    page.get_by_role("button", name="Delete").nth(1).click()
    publish(page)
    gone = arrived()
    assert {address: one.calendar.method for address, one in gone.items()} == {BOB: "CANCEL"}
    desk.reload()
    desk.get_by_role("link", name="Un-invite – Eve").click()
    axe(desk, ".wagtail-agenda")
    desk.get_by_role("button", name="Un-invite").click()
    expect(desk.get_by_text("Eve is not invited any more.")).to_be_visible()
    expect(desk.get_by_role("row", name=re.compile("Eve"))).to_have_count(0)
    gone = arrived()
    assert {address: one.calendar.method for address, one in gone.items()} == {EVE: "CANCEL"}

    # Cancelled.
    desk.get_by_role("link", name="Cancel the meeting").click()
    desk.get_by_label("Reason").fill("No quorum")
    axe(desk, ".wagtail-agenda")
    desk.get_by_role("button", name="Cancel the meeting").click()
    expect(desk.get_by_text("Reason: No quorum").first).to_be_visible()
    last = arrived()
    assert {address: one.calendar.method for address, one in last.items()} == dict.fromkeys(
        [ADA, OLIVE], "CANCEL"
    )
    visitor.reload()
    expect(visitor.get_by_text("This meeting has been cancelled")).to_be_visible()
    assert Meeting.objects.count() == 1
    watched.assert_clean()


def test_the_link_is_answered_without_script_and_on_a_phone(
    page, open_page, phone, clerk, log_in, arrived, axe
):
    announce(make_meeting(participants=[ADA, BOB], start=timezone.now() + timedelta(days=2)))
    mails = arrived()
    bare = open_page(java_script_enabled=False)
    bare.goto(link_in(mails[ADA]))
    bare.get_by_role("button", name="Decline").click()
    expect(bare.get_by_role("status")).to_contain_text("Your answer: Declined")
    phone.goto(link_in(mails[BOB]))
    axe(phone)
    width = phone.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert width <= 0
