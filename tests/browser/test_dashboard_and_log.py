"""The panel on the admin's home and the booking log, in a real browser."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import Schedule as QueueSchedule
from playwright.sync_api import expect

from tests import factories
from tests.agents import make_staff
from wagtail_agenda import tasks
from wagtail_agenda.choices import DeliveryState, Role
from wagtail_agenda.models import Delivery
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db(transaction=True)

PANEL = ".wagtail-agenda-dashboard"
LOG = "/admin/wagtail_agenda/booking/"
NARROW = {"width": 320, "height": 700}


@pytest.fixture
def agenda():
    """An agenda with a week of bookings, two mails that failed, and no worker."""
    ensure_default_workflow()
    tasks.ensure_schedules()
    now = timezone.now()
    QueueSchedule.objects.filter(name=tasks.SWEEP).update(next_run=now - timedelta(hours=1))
    agenda = factories.make_appointments(desks=3, label="Passports and identity cards")[0]
    for name in ("Ada Martin", "Benoît Lefèvre-Desrosiers", "Chloé Roux"):
        factories.make_booking(agenda, now=now, user_name=name)
    Delivery.objects.filter(booking__user_name__startswith="A").update(
        state=DeliveryState.FAILED, last_error="550 5.1.1 User unknown in local recipient table"
    )
    Delivery.objects.filter(booking__user_name__startswith="B").update(
        state=DeliveryState.FAILED, last_error="Given up after: connection refused"
    )
    make_staff(agenda, role=Role.EDITOR, username="clerk")
    return agenda


def test_both_are_accessible_in_either_theme(page, agenda, log_in, axe, watch):
    watched = watch(page)
    log_in(page, "clerk")

    page.goto("/admin/")
    expect(page.locator(PANEL)).to_contain_text("The worker has not been seen")
    axe(page, PANEL, both_themes=True)
    for query in ("", "?q=roux&attendance=open", "?since=2026-12-02&until=2026-12-01"):
        page.goto(LOG + query)
        axe(page, "main", both_themes=True)
    watched.assert_clean()


def test_both_fit_a_narrow_phone(open_page, agenda, log_in):
    now = timezone.now()
    agenda.bookings.update(start=now, end=now + timedelta(minutes=30))
    page = open_page(viewport=NARROW, has_touch=True, is_mobile=True)
    log_in(page, "clerk")
    page.goto("/admin/")
    expect(page.locator(PANEL)).to_contain_text("Check people in")

    for address in ("/admin/", LOG):
        page.goto(address)
        for part in page.locator(f"{PANEL}, .wagtail-agenda-log").all():
            assert part.evaluate("one => one.scrollWidth <= one.clientWidth + 1"), address


def test_after_the_login_form_a_failed_mail_is_sent_again_and_the_log_exported_without_script(
    page_without_script, agenda
):
    page = page_without_script
    page.goto("/admin/login/")
    page.fill("[name=username]", "clerk")
    page.fill("[name=password]", "secret")
    page.click("[type=submit]")

    expect(page.locator(PANEL)).to_contain_text("2 mails have failed")
    page.locator(PANEL).get_by_role("button", name="Send again").first.click()
    expect(page.locator(PANEL)).to_contain_text("1 mail has failed")

    page.goto(LOG)
    page.get_by_label("Search", exact=True).fill("roux")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("heading", name="1 booking")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()
    content = download.value.path().read_text("utf-8-sig")
    assert "Chloé Roux" in content
    assert "Ada Martin" not in content
