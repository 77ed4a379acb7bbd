"""The buttons that a booking workflow puts on the page of a booking."""

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from freezegun import freeze_time
from wagtail.models import ModelLogEntry

from tests.agents import make_staff
from tests.factories import NOW, make_appointments, make_booking
from wagtail_agenda.choices import Role
from wagtail_agenda.models import Entry, Workflow, WorkflowStatus

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture(autouse=True)
def morning():
    with freeze_time(NOW):
        yield


@pytest.fixture
def made():
    own = Workflow.objects.create(label="Own", slug="own")
    names = ("Requested", "Complete")
    requested, complete = (
        WorkflowStatus.objects.create(workflow=own, slug=name.lower(), label=name, sort_order=order)
        for order, name in enumerate(names)
    )
    value = {
        "identifier": "complete",
        "label": "Papers are <complete>",
        "status": complete.pk,
        "only_from": [{"type": "item", "value": requested.pk}],
    }
    own.transitions = [{"type": "by_hand", "value": value}]
    own.save()
    return make_booking(make_appointments(workflow=own)[0])


def address(name, booking):
    return reverse(f"wagtail_agenda_admin:{name}", args=[booking.pk])


def page(client, booking):
    return client.get(address("booking", booking)).content.decode()


def test_an_agent_presses_it_once_and_it_is_gone(client, made):
    lena = make_staff(made.agenda, role=Role.AGENT)
    client.force_login(lena)
    assert "Papers are &lt;complete&gt;" in page(client, made)

    for said in ("is “Complete” now", "has no rule for this"):
        data = {"identifier": "complete"}
        response = client.post(address("booking_press", made), data, follow=True)
        assert said in response.content.decode()

    made.refresh_from_db()
    assert made.status.slug == "complete"
    assert Entry.objects.get(what="by_hand").user == lena
    assert ModelLogEntry.objects.filter(action="wagtail_agenda.press").count() == 1
    top, _columns, below = page(client, made).partition("wagtail-agenda-columns")
    assert "Papers are" not in top
    assert "Button: Papers are &lt;complete&gt;" in below


@pytest.mark.parametrize("identifier", ["", "nonsense", "x" * 5000, "\x00", "complete\n"])
def test_a_button_that_is_not_there_changes_nothing(client, made, identifier):
    client.force_login(make_staff(made.agenda, role=Role.AGENT))

    data = {"identifier": identifier}
    response = client.post(address("booking_press", made), data, follow=True)

    assert "no such button any more" in response.content.decode()
    assert Entry.objects.count() == 1


def test_a_button_for_others_is_neither_seen_nor_pressed(client, made):
    office = Group.objects.create(name="Office")
    row = made.agenda.workflow.transitions.raw_data[0]
    row["value"]["groups"] = [str(office.pk)]
    made.agenda.workflow.transitions = [row]
    made.agenda.workflow.save()
    lena = make_staff(made.agenda, role=Role.AGENT)
    client.force_login(lena)

    assert "Papers are" not in page(client, made)
    client.post(address("booking_press", made), {"identifier": "complete"})
    made.refresh_from_db()
    assert made.status.slug == "requested"

    lena.groups.add(office)
    assert "Papers are" in page(client, made)


def test_the_page_says_which_time_had_come(client, made):
    data = {"moment": "before_start", "amount": 2, "unit": "days", "due_at": NOW.isoformat()}
    Entry.objects.create(booking=made, what="time", data=data)
    Entry.objects.create(booking=made, what="time", data={"moment": [], "unit": "days"})
    client.force_login(make_staff(made.agenda, role=Role.AGENT))

    assert "2 days before it starts" in page(client, made)


def test_looking_presses_nothing(client, made):
    client.force_login(make_staff(made.agenda, role=Role.AGENT))

    assert client.get(address("booking_press", made)).status_code == 405
