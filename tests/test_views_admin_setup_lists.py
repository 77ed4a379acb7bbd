"""What tells agendas apart in their list and in their chooser, and forms that nobody sends."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.html import strip_tags
from freezegun import freeze_time

from tests.agents import make_administrator, queries_of
from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_booking,
    make_event,
    make_schedule,
    one_off,
)
from tests.forms import schedule_data, weekly_row
from wagtail_agenda import availability
from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.models import Agenda, Schedule, Workflow
from wagtail_agenda.views.admin.setup.agenda_lists import first_free

pytestmark = pytest.mark.django_db

CHOOSER = "wagtailsnippetchoosers_wagtail_agenda_agenda:choose_results"
LIST = "wagtailsnippets_wagtail_agenda_agenda:list"


@pytest.fixture
def administrator(client):
    client.force_login(make_administrator())
    with freeze_time(NOW):
        yield client


def words(response) -> str:
    return " ".join(strip_tags(response.content.decode()).split())


@pytest.mark.parametrize("address", [CHOOSER, LIST])
def test_agendas_say_when_they_are_free_next(administrator, address):
    make_appointments(label="Passports")
    make_agenda(label="Empty")
    make_agenda(label="Papers", live=False)
    make_agenda(label="Over", expire_at=NOW - timedelta(hours=1))
    make_event(make_agenda(label="Yoga", kind=AgendaKind.EVENTS))
    page = words(administrator.get(reverse(address)))
    for text in (
        "Appointments Monday 30 November 2026, 09:00 Not used",
        "Appointments Nothing free Not used",
        "Appointments Not published Not used",
        "Appointments Expired Not used",
        "Events Wednesday 2 December 2026, 07:00 Not used",
    ):
        assert text in page


def test_the_first_free_time_may_be_far_ahead():
    schedule = make_schedule(one_off((NOW + timedelta(days=55)).date()))
    agenda, _type, _desks = make_appointments(schedule=schedule)
    near, _type, _desks = make_appointments()
    make_booking(near)
    for one in (agenda, near):
        expected = availability.next_free(one, now=NOW, limit=1)[0]
        assert first_free(one, NOW) == expected
    never, _type, _desks = make_appointments(schedule=make_schedule(one_off(NOW.date())))
    assert first_free(never, NOW + timedelta(days=1)) is None


def test_a_list_reads_no_more_than_its_page_shows(administrator):
    for _number in range(10):
        make_appointments()
    one_page = len(queries_of(administrator, reverse(CHOOSER)))
    for _number in range(10):
        make_appointments()
    assert len(queries_of(administrator, reverse(CHOOSER))) <= one_page
    assert one_page <= 10 * 8 + 10


@pytest.mark.parametrize(
    "forged",
    [
        {"label": "Hours"},
        {"label": "Hours", "periods-count": "many"},
        {"label": "Hours", "periods-count": "1"},
        {**schedule_data(weekly_row()), "periods-0-order": "first"},
        {**schedule_data(weekly_row()), "periods-0-value-breaks-count": "-"},
    ],
)
def test_a_form_that_no_page_sends_is_refused_in_words(administrator, forged):
    schedule = make_schedule(label="Before")
    for name, args in (("add", []), ("edit", [schedule.pk]), ("preview_on_edit", [schedule.pk])):
        address = reverse(f"wagtailsnippets_wagtail_agenda_schedule:{name}", args=args)
        answer = administrator.post(address, forged)
        assert answer.status_code == 400 or name == "preview_on_edit"
        assert answer.status_code < 500
        if answer.status_code == 400:
            assert "nothing was saved" in answer.content.decode()
    assert list(Schedule.objects.values_list("label", flat=True)) == ["Before"]


@pytest.mark.parametrize("nonsense", ["nonsense", "²", "1.5", str(10**30)])
def test_nonsense_for_a_status_is_said_at_its_field(administrator, nonsense):
    workflow = Workflow.objects.create(label="Own", slug="own")
    address = reverse("wagtailsnippets_wagtail_agenda_workflow:edit", args=[workflow.pk])
    answer = administrator.post(
        address,
        {
            "label": "Own",
            "slug": "own",
            "transitions-count": "1",
            "transitions-0-deleted": "",
            "transitions-0-order": "0",
            "transitions-0-type": "transition",
            "transitions-0-id": "",
            "transitions-0-value-trigger": "booked",
            "transitions-0-value-status": nonsense,
        },
    )
    assert answer.status_code == 200
    workflow.refresh_from_db()
    assert not workflow.transitions


def rename(client, agenda, **changed):
    data = {
        "kind": "meetings",
        "label": agenda.label,
        "slug": agenda.slug,
        "timezone": "Europe/Paris",
        "minimal_booking_delay": "0",
        "minimal_booking_delay_unit": "hours",
        "maximal_booking_delay": "60",
        "maximal_booking_delay_unit": "days",
        "alarm_before_unit": "minutes",
        **changed,
    }
    address = reverse("wagtailsnippets_wagtail_agenda_agenda:edit", args=[agenda.pk])
    assert client.post(address, data).status_code == 302
    return Agenda.objects.get(pk=agenda.pk)


def test_the_slug_of_a_draft_follows_its_name_until_it_is_published(administrator):
    agenda = Agenda(label="", live=False)
    agenda.save()
    assert agenda.slug == "agenda"
    agenda = rename(administrator, agenda, label="Passports")
    assert agenda.slug == "passports"
    agenda = rename(administrator, agenda, label="Identity cards")
    assert agenda.slug == "identity-cards"
    agenda = rename(administrator, agenda, slug="cards")
    agenda = rename(administrator, agenda, label="Papers")
    assert agenda.slug == "cards", "took away a slug that somebody chose"


def test_a_published_agenda_keeps_its_slug(administrator):
    agenda = make_agenda(label="Passports", slug="passports", first_published_at=NOW)
    agenda = rename(administrator, agenda, label="Papers", **{"action-publish": "1"})
    assert (agenda.label, agenda.slug) == ("Papers", "passports")


def test_the_slug_of_an_event_freezes_with_its_first_booking(administrator):
    event = make_event()
    slot = availability.next_free(event.agenda, now=NOW)[0]
    address = reverse("wagtail_agenda_event:edit", args=[event.pk])
    assert "Fixed, because there are bookings" not in words(administrator.get(address))
    make_booking(slot=slot)
    assert "Fixed, because there are bookings" in words(administrator.get(address))
