"""A booking workflow from nothing to the mails: composed in the admin, tried, booked, pressed.

By somebody who has never programmed, in the order that the pages suggest. The mails come from a
real SMTP server, the call reaches a real web service, and another parser reads the invitation.
"""

import json
from dataclasses import dataclass

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.picking import pick
from tests.browser.test_main_road import (
    as_messages,
    calendar_in,
    fill_details,
    heading,
    publish,
)
from tests.factories import make_appointments, make_booking
from tests.http_server import Server
from wagtail_agenda import outbox
from wagtail_agenda.models import Booking, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

FORM = "#w-editor-form"

BUT_RICH_TEXT = {"aria-input-field-name": {"enabled": False}}
"""Wagtail's rich text fields have no name of their own, here as on every page."""


@pytest.fixture
def service(settings):
    with Server() as server:
        server.answer = (200, {"Content-Type": "application/json"}, b'{"file": "F-7"}')
        settings.WAGTAIL_AGENDA = {"FORM_MINIMUM_SECONDS": 0, "CALLBACK_HOSTS": [server.host]}
        yield server


@dataclass
class Editor:
    """Somebody at the form of a booking workflow or of a status."""

    page: Page

    def add(self, kind: str):
        """Another rule or action, at the end; answers with where its fields are."""
        stream = self.page.locator("[data-streamfield-stream-container]").first
        blocks = stream.locator("> [data-streamfield-child]")
        before = blocks.count()
        self.page.locator(FORM).get_by_role("button", name="Insert a block").last.click()
        self.page.get_by_role("option", name=kind).click()
        expect(blocks).to_have_count(before + 1)
        return blocks.nth(before)

    def choose_status(self, block, label: str) -> None:
        block.get_by_role("button", name="Choose workflow status").first.click()
        self.page.locator(".modal").get_by_role("link", name=label, exact=True).click()
        expect(block.get_by_text(label, exact=True).first).to_be_visible()
        # While the window fades, it would take another one with it.
        expect(self.page.locator(".modal:visible, .modal-backdrop")).to_have_count(0)

    def write_mail(self, subject: str, text: str) -> None:
        mail = self.add("Send an e-mail")
        mail.locator("[data-contentpath=texts]").get_by_role("button", name="Add").last.click()
        mail.get_by_label("Subject").fill(subject)
        mail.get_by_label("Text", exact=True).last.fill(text)

    def save(self) -> None:
        self.page.get_by_role("button", name="Save", exact=True).click()
        expect(self.page.locator(".messages .success")).to_be_visible()


def test_a_workflow_is_composed_tried_and_used(
    page, open_page, transactional_db, log_in, smtp_server, service, axe, watch, live_server
):
    agenda, _meeting_type, _desks = make_appointments(desks=2, label="Passports")
    earlier = make_booking(agenda, now=timezone.now(), user_name="Grace Hopper")
    get_user_model().objects.create_superuser("mayor", password="secret")
    log_in(page, "mayor")
    editor = Editor(page)

    # A workflow with two statuses.
    page.goto("/admin/snippets/wagtail_agenda/workflow/")
    page.get_by_role("link", name="Add booking workflow").first.click()
    page.locator("[name=label]").fill("Papers first")
    axe(page, FORM)
    editor.save()
    axe(page, FORM)
    page.get_by_role("link", name="Add a status").click()
    page.locator("[name=label]").fill("Papers to be looked at")
    page.locator("[name=colour]").select_option(label="Orange")
    page.locator("[name=icon]").select_option(label="Clock")
    editor.write_mail(
        "We look at your papers, {user_name}", "Your number is {number}. You hear from us."
    )
    call = editor.add("Call a web service")
    call.get_by_label("Address").fill(f"{service.url}new/{{number}}")
    assert_accessible(page, FORM, rules=BUT_RICH_TEXT)
    editor.save()

    page.get_by_role("link", name="Add a status").click()
    page.locator("[name=label]").fill("Papers complete")
    page.locator("[name=colour]").select_option(label="Green")
    editor.write_mail("Your papers are complete", "See you on {date} at {time}, {user_name}.")
    editor.save()

    # What leads where.
    rule = editor.add("Something happens")
    rule.get_by_label("When").select_option(label="A booking is made")
    editor.choose_status(rule, "Papers to be looked at")
    reminder = editor.add("A time has come")
    reminder.get_by_label("How long").fill("2")
    reminder.get_by_label("In minutes, hours or days").select_option(label="days")
    editor.choose_status(reminder, "Papers complete")
    button = editor.add("An agent presses a button")
    button.get_by_role("textbox", name="Button").fill("Papers are complete")
    editor.choose_status(button, "Papers complete")
    only_from = button.locator("[data-contentpath=only_from]")
    only_from.get_by_role("button", name="Add").last.click()
    editor.choose_status(only_from, "Papers to be looked at")
    axe(page, FORM)
    editor.save()
    own = Workflow.objects.get(label="Papers first")
    assert [block.block_type for block in own.transitions] == ["transition", "time", "by_hand"]

    # Chosen in the agenda.
    page.goto(f"/admin/snippets/wagtail_agenda/agenda/edit/{agenda.pk}/")
    page.get_by_role("tab", name="Messages and labels").click()
    page.locator("#id_workflow-chooser").get_by_role(
        "button", name="Choose booking workflow"
    ).click()
    page.locator(".modal").get_by_role("link", name="Papers first").click()
    expect(page.get_by_role("tabpanel").get_by_text("Papers first")).to_be_visible()
    axe(page, FORM)
    page.locator("footer [data-w-dropdown-target=toggle]").click()
    page.locator("[name=action-publish]").click()
    expect(page.locator(".messages .success")).to_be_visible()

    # Tried with a booking that is there, at the status.
    status = own.statuses.get(slug="papers-to-be-looked-at")
    page.goto(f"/admin/snippets/wagtail_agenda/workflowstatus/edit/{status.pk}/")
    watched = watch(page)
    page.get_by_role("link", name="See its mails and test its calls").click()
    expect(page.get_by_text("We look at your papers, Grace Hopper")).to_be_visible()
    axe(page, both_themes=True)
    # Chromium loses a click that comes at once after scrolling past the frame of the mail.
    page.get_by_role("button", name="Test").press("Enter")
    expect(page.get_by_text("It answered (200).")).to_be_visible()
    assert service.received[0][1] == f"/hook/new/{earlier.reference}"
    axe(page, both_themes=True)
    assert smtp_server.messages == []

    # A visitor books.
    outbox.sweep()
    smtp_server.received.clear()
    service.received.clear()
    visitor = open_page()
    visitor.goto(publish(live_server, agenda, "passport"))
    pick(visitor.get_by_role("radio").first)
    visitor.get_by_role("button", name="Continue").click()
    heading(visitor, "Your details")
    fill_details(visitor)
    visitor.get_by_role("button", name="Continue").click()
    heading(visitor, "Check your booking")
    visitor.get_by_role("button", name="Confirm booking").click()
    heading(visitor, "Your booking is confirmed")
    made = Booking.objects.exclude(pk=earlier.pk).get()
    assert made.status == status

    outbox.sweep()
    [first] = as_messages(smtp_server)
    assert first["Subject"] == "We look at your papers, Ada Martin"
    assert f"Your number is {made.reference}." in first.get_body(("plain",)).get_content()
    invited = calendar_in(first)
    assert (invited.method, invited.event.start) == ("REQUEST", made.start)
    [(_method, path, _headers, body)] = service.received
    assert path == f"/hook/new/{made.reference}"
    assert made.reference in json.dumps(json.loads(body))

    # An agent presses the button.
    page.goto(f"/admin/agendas/booking/{made.pk}/")
    axe(page, both_themes=True)
    page.get_by_role("button", name="Papers are complete").click()
    expect(page.locator(".messages .success")).to_contain_text("Papers complete")
    expect(page.get_by_role("button", name="Papers are complete")).to_have_count(0)
    outbox.sweep()
    _first, second = as_messages(smtp_server)
    assert second["Subject"] == "Your papers are complete"
    assert "Ada Martin." in second.get_body(("plain",)).get_content()
    assert calendar_in(second).event.uid == invited.event.uid

    page.reload()
    told = page.locator(".wagtail-agenda-timeline")
    for line in ("Booked", "Call answered", "Moved on by hand", "Button: Papers are complete"):
        expect(told.get_by_text(line).first).to_be_visible()
    expect(told.get_by_text("Mail delivered")).to_have_count(2)
    axe(page, both_themes=True)
    watched.assert_clean()
