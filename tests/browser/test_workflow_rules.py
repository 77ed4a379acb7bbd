"""The rules of a booking workflow in a real browser: read as sentences, opened to be changed."""

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import expect

from wagtail_agenda.models import Workflow
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def built_in(transactional_db):
    ensure_default_workflow()
    get_user_model().objects.create_superuser("mayor", password="secret")
    made = Workflow.objects.get(slug="default")
    value = {
        "amount": 2,
        "unit": "days",
        "moment": "before_start",
        "status": made.statuses.get(slug="confirmed").pk,
    }
    made.transitions = [*made.transitions.raw_data, {"type": "time", "value": value}]
    made.save()
    return made


def test_rules_read_as_sentences_and_open_to_be_changed(page, built_in, log_in, axe):
    log_in(page, "mayor")
    page.goto(f"/admin/snippets/wagtail_agenda/workflow/edit/{built_in.pk}/")

    expect(page.get_by_text("A booking is made → Confirmed")).to_be_visible()
    sentence = page.get_by_text("2 days before it starts → Confirmed")
    expect(sentence).to_be_visible()
    amount = page.locator("[name$=-value-amount]")
    expect(amount).to_be_hidden()
    sentence.click()
    axe(page, "#w-editor-form")
    amount.fill("3")
    page.get_by_role("button", name="Save").click()

    expect(page.locator(".messages .success")).to_be_visible()
    built_in.refresh_from_db()
    assert built_in.transitions[-1].value["amount"] == 3
