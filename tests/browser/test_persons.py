"""An administrator looks somebody up, takes along what is held, and erases it."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import expect

from tests.factories import make_appointments, make_booking
from wagtail_agenda import privacy
from wagtail_agenda.models import Booking, Entry

pytestmark = pytest.mark.django_db(transaction=True)

ADA = "ada@post.example"


def test_somebody_is_looked_up_exported_and_erased(page, transactional_db, log_in, axe, watch):
    agenda, _meeting_type, _desks = make_appointments(desks=2, label="Passports")
    now = timezone.now()
    made = make_booking(agenda, now=now, user_email=ADA, user_name="Ada Martin")
    Booking.objects.filter(pk=made.pk).update(
        start=made.start - timedelta(days=9), end=made.end - timedelta(days=9)
    )
    others = make_booking(agenda, now=now, user_email="grace@post.example")
    Entry.objects.create(booking=others, what="note", data={"text": f"Comes with {ADA}"})
    get_user_model().objects.create_superuser("mayor", password="secret")
    watched = watch(page)
    log_in(page, "mayor")

    page.goto("/admin/agendas/persons/")
    axe(page, both_themes=True)
    page.get_by_label("E-mail address").fill(ADA)
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_text("The history of a booking")).to_be_visible()
    assert ADA not in page.url
    axe(page, both_themes=True)
    with page.expect_download() as started:
        page.get_by_role("button", name="Export as JSON").click()
    told = json.loads(started.value.path().read_text())
    assert told["bookings"][0]["reference"] == made.reference

    page.get_by_role("button", name="Erase…").click()
    expect(page.get_by_text("This cannot be undone.")).to_be_visible()
    axe(page, both_themes=True)
    page.get_by_role("button", name="Erase it for good").click()
    expect(page.locator(".messages .success")).to_contain_text("Bookings made anonymous: 1.")
    assert privacy.held(ADA).is_nothing

    page.get_by_role("link", name="What is kept, and why").click()
    expect(page.get_by_role("heading", name="Agenda by agenda")).to_be_visible()
    axe(page, both_themes=True)
    watched.assert_clean()
