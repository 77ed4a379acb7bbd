"""Drafts are incomplete, and publishing an old one takes nothing back that happened since."""

import json

import pytest
from django.apps import apps
from django.core import serializers
from django.urls import reverse

from tests.agents import make_administrator
from tests.factories import NOW, first_slot, make_appointments, make_booking, make_event, weekly
from tests.forms import break_rows, one_off_row, schedule_data, weekly_row
from wagtail_agenda import availability, booking
from wagtail_agenda.models import Agenda, Schedule

pytestmark = pytest.mark.django_db

EMPTY_AGENDA = {
    "kind": "meetings",
    "label": "",
    "slug": "",
    "description": "",
    "timezone": "Europe/Paris",
    "minimal_booking_delay": "0",
    "minimal_booking_delay_unit": "hours",
    "maximal_booking_delay": "60",
    "maximal_booking_delay_unit": "days",
    "alarm_before_unit": "minutes",
}

INCOMPLETE_PERIODS = [
    [],
    [weekly_row((), "", "")],
    [weekly_row((), "09:00", "")],
    [weekly_row(("0",), "", "12:00")],
    [one_off_row("")],
    [weekly_row(breaks=break_rows(("10:00", "")))],
    [weekly_row(breaks=break_rows(("", "")))],
]


@pytest.fixture
def administrator(client):
    client.force_login(make_administrator())
    return client


def snippet_url(model, view, *args):
    return reverse(f"wagtailsnippets_wagtail_agenda_{model}:{view}", args=args)


def what_happened() -> dict[str, str]:
    """Every row of this package but the revisioned ones."""
    return {
        model.__name__: serializers.serialize("json", model.objects.order_by("pk"))
        for model in apps.get_app_config("wagtail_agenda").get_models()
        if model not in (Agenda, Schedule)
    }


# Incomplete drafts


@pytest.mark.parametrize("rows", INCOMPLETE_PERIODS)
def test_an_unfinished_schedule_is_saved_shown_and_previewed(administrator, rows):
    response = administrator.post(snippet_url("schedule", "add"), schedule_data(*rows, label=""))
    assert response.status_code == 302
    schedule = Schedule.objects.get()
    assert not schedule.live
    edit = snippet_url("schedule", "edit", schedule.pk)
    assert administrator.get(edit).status_code == 200
    preview = snippet_url("schedule", "preview_on_edit", schedule.pk)
    assert administrator.post(preview, schedule_data(*rows, label="")).json()["is_valid"]
    assert administrator.get(preview).status_code == 200
    history = snippet_url("schedule", "history", schedule.pk)
    assert administrator.get(history).status_code == 200


@pytest.mark.parametrize("rows", INCOMPLETE_PERIODS)
def test_a_new_unfinished_schedule_is_previewed(administrator, rows):
    preview = snippet_url("schedule", "preview_on_add")
    assert administrator.post(preview, schedule_data(*rows, label="")).json()["is_valid"]
    assert administrator.get(preview).status_code == 200


@pytest.mark.parametrize("rows", INCOMPLETE_PERIODS[1:])
def test_an_unfinished_schedule_is_not_published(administrator, rows):
    data = schedule_data(*rows, label="Hours", **{"action-publish": "1"})
    response = administrator.post(snippet_url("schedule", "add"), data)
    assert response.status_code == 200
    assert "periods" in response.context["form"].errors
    assert not Schedule.objects.exists()


def test_wrong_hours_are_said_while_drafting_too(administrator):
    data = schedule_data(weekly_row(opens="12:00", closes="09:00"))
    assert administrator.post(snippet_url("schedule", "add"), data).status_code == 200
    preview = snippet_url("schedule", "preview_on_add")
    assert not administrator.post(preview, data).json()["is_valid"]


def test_an_empty_agenda_is_saved_as_a_draft_and_takes_no_bookings(administrator):
    for _twice in range(2):
        response = administrator.post(snippet_url("agenda", "add"), EMPTY_AGENDA)
        assert response.status_code == 302
    one, other = Agenda.objects.all()
    assert one.slug != other.slug
    assert not availability.is_open(one, NOW)
    assert administrator.get(snippet_url("agenda", "edit", one.pk)).status_code == 200
    assert administrator.get(snippet_url("agenda", "list")).status_code == 200
    published = administrator.post(
        snippet_url("agenda", "edit", one.pk), EMPTY_AGENDA | {"action-publish": "1"}
    )
    assert "label" in published.context["form"].errors


@pytest.mark.parametrize(
    "lacking", ["timezone", "kind", "minimal_booking_delay", "maximal_booking_delay"]
)
def test_a_draft_lacking_what_the_database_needs_is_refused_or_saved_but_no_error(
    administrator, lacking
):
    data = EMPTY_AGENDA | {lacking: ""}
    response = administrator.post(snippet_url("agenda", "add"), data)
    assert response.status_code in (200, 302)
    for agenda in Agenda.objects.all():
        assert administrator.get(snippet_url("agenda", "edit", agenda.pk)).status_code == 200
        assert agenda.zone


def test_autosave_saves_the_unfinished_and_sends_nothing(administrator, mailoutbox):
    agenda, _meeting_type, _desks = make_appointments()
    make_booking(agenda)
    before = what_happened()
    response = administrator.post(
        snippet_url("agenda", "edit", agenda.pk),
        EMPTY_AGENDA | {"slug": agenda.slug},
        headers={"accept": "application/json"},
    )
    assert response.json()["success"], response.content
    assert what_happened() == before
    assert mailoutbox == []


# Publishing an old draft


def test_publishing_an_old_draft_of_an_agenda_loses_and_resets_nothing():
    agenda, _meeting_type, _desks = make_appointments(desks=2)
    agenda.location = "The old town hall"
    old = agenda.save_revision()
    agenda.location = "The new town hall"
    agenda.save_revision().publish()
    made = make_booking(agenda)
    booking.hold(first_slot(agenda), lock_code="x", now=NOW)
    booking.cancel(make_booking(agenda), actor="agent", now=NOW)
    before = what_happened()
    old.publish()
    agenda.refresh_from_db()
    assert agenda.location == "The old town hall"
    assert what_happened() == before
    assert booking.book(first_slot(agenda), booking.Details(), now=NOW) != made


def test_publishing_an_old_draft_of_an_agenda_with_events_keeps_their_places():
    event = make_event(places=3)
    old = event.agenda.save_revision()
    [slot] = availability.slots(
        event.agenda, first=event.start.date(), last=event.start.date(), now=NOW
    )
    booking.book(slot, booking.Details(), now=NOW)
    before = what_happened()
    old.publish()
    assert what_happened() == before
    event.bookable.refresh_from_db()
    assert event.bookable.places_booked == 1


def test_publishing_an_old_draft_of_a_schedule_loses_and_resets_nothing():
    agenda, _meeting_type, _desks = make_appointments()
    schedule = agenda.schedule
    old = schedule.save_revision()
    schedule.periods = [weekly(weekdays=["6"])]
    schedule.save_revision().publish()
    schedule.refresh_from_db()
    agenda = Agenda.objects.get(pk=agenda.pk)
    make_booking(agenda)
    before = what_happened()
    old.publish()
    assert what_happened() == before
    assert first_slot(Agenda.objects.get(pk=agenda.pk)).start.weekday() == 0


def test_an_old_draft_remembers_no_booking():
    agenda, _meeting_type, _desks = make_appointments()
    make_booking(agenda)
    content = json.dumps(agenda.save_revision().content)
    for word in ("bookable", "version", '"places"', "places_booked", "Ada"):
        assert word not in content


def test_reverting_in_the_admin_shows_the_old_version_and_keeps_the_bookings(administrator):
    agenda, _meeting_type, _desks = make_appointments()
    agenda.comment = "Bring a photograph"
    old = agenda.save_revision()
    agenda.comment = "Bring nothing"
    agenda.save_revision().publish()
    make_booking(agenda)
    before = what_happened()
    page = administrator.get(snippet_url("agenda", "revisions_revert", agenda.pk, old.pk))
    assert page.context["form"]["comment"].value() == "Bring a photograph"
    compared = snippet_url("agenda", "revisions_compare", agenda.pk, old.pk, "latest")
    assert administrator.get(compared).status_code == 200
    assert what_happened() == before


def test_going_back_to_an_unfinished_version(administrator):
    administrator.post(snippet_url("schedule", "add"), schedule_data(label=""))
    schedule = Schedule.objects.get()
    old = schedule.latest_revision
    edit = snippet_url("schedule", "edit", schedule.pk)
    administrator.post(edit, schedule_data(weekly_row(), **{"action-publish": "1"}))
    revert = snippet_url("schedule", "revisions_revert", schedule.pk, old.pk)
    assert administrator.get(revert).status_code == 200
    assert administrator.post(revert, schedule_data(label="")).status_code == 302
    schedule.refresh_from_db()
    assert schedule.label == "Hours"
    assert schedule.get_latest_revision_as_object().label == ""
