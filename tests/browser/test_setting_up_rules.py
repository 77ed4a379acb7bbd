"""Rules, agendas behind agendas and questions of the set-up screens, in a real browser."""

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import expect

from tests.factories import make_agenda, make_appointments, make_booking
from wagtail_agenda.models import Agenda, Desk
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def administrator(transactional_db):
    ensure_default_workflow()
    return get_user_model().objects.create_superuser("mayor", password="secret")


def edit(page, model, row):
    kind = "snippets/wagtail_agenda/agenda" if model is Agenda else "agendas/setup/desk"
    page.goto(f"/admin/{kind}/edit/{row.pk}/")


def publish(page):
    page.locator("footer [data-w-dropdown-target=toggle]").click()
    page.locator("[name=action-publish]").click()


def test_agendas_are_put_behind_a_virtual_one(page, administrator, log_in, axe):
    for label in ("North", "South"):
        make_agenda(label=label)
    log_in(page, "mayor")
    page.goto("/admin/snippets/wagtail_agenda/agenda/add/")
    page.locator("[name=label]").fill("Any office")
    page.get_by_role("radio", name="Several appointment agendas as one").check()
    page.get_by_role("tab", name="Opening times").click()
    page.locator("[name=timezone]").select_option("Europe/Paris")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("Visitors choose among the free times of all of them")).to_be_visible()
    for number, label in enumerate(("South", "North")):
        page.get_by_role("button", name="Add agenda").click()
        page.locator(f"[name=members-{number}-agenda]").select_option(label=label)
    axe(page, "#w-editor-form")
    publish(page)
    expect(page.get_by_text("updated and published")).to_be_visible()
    agenda = Agenda.objects.get(slug="any-office")
    assert agenda.live
    assert [str(row.agenda) for row in agenda.members.all()] == ["South", "North"]


def test_retiring_a_booked_desk_is_asked_about_without_a_script_too(
    page_without_script, administrator, log_in
):
    agenda, _type, [desk] = make_appointments()
    made = make_booking(agenda, now=timezone.now())
    page = page_without_script
    log_in(page, "mayor")
    edit(page, Desk, desk)
    page.get_by_label("Retired").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("has 1 booking to come")).to_be_visible()
    expect(page.get_by_role("link", name=made.reference)).to_be_visible()
    page.get_by_label("Retire it all the same").check()
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/desk/")
    assert Desk.objects.get(pk=desk.pk).retired
