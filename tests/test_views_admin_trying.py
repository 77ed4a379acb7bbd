"""What a status would send, looked at and tested with a real booking before anybody gets it."""

import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import ModelLogEntry

from tests.agents import make_administrator, make_staff, url
from tests.factories import make_appointments, make_booking
from tests.http_server import Server
from tests.test_workflow import email, make_workflow
from wagtail_agenda import tokens
from wagtail_agenda.choices import Role
from wagtail_agenda.models import Delivery, Entry, WorkflowStatus

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.usefixtures("frozen_now"),
]


def status_with(*actions, agenda=None):
    made = make_workflow({"booked": "confirmed"}, confirmed=[])
    agenda = agenda or make_appointments(staff_addresses="desk@fairbridge.example")[0]
    agenda.workflow = made
    agenda.save()
    status = made.statuses.get()
    status.actions = list(actions)
    status.save()
    return status


def words(response):
    return " ".join(re.sub("<[^>]+>", " ", html.unescape(response.text)).split())


@pytest.fixture
def service(settings):
    with Server() as server:
        settings.WAGTAIL_AGENDA = {**settings.WAGTAIL_AGENDA, "CALLBACK_HOSTS": [server.host]}
        yield server


@pytest.fixture
def admin(client):
    client.force_login(make_administrator())
    return client


def test_the_status_leads_to_it(admin):
    status = status_with(email())
    edit = reverse("wagtailsnippets_wagtail_agenda_workflowstatus:edit", args=[status.pk])
    assert url("status_try", status.pk) in admin.get(edit).text


def test_it_shows_the_mails_with_the_newest_booking_and_hides_the_secret_link(admin):
    texts = [{"subject": "For {user_name}", "text": "Hello {user_name}\n{manage_url}"}]
    status = status_with(email(texts=texts), email(to="staff", files=["map"]))
    agenda = status.workflow.agendas.get()
    make_booking(agenda, user_name="Bob")
    booking = make_booking(agenda, user_name="Ada <script>")

    shown = admin.get(url("status_try", status.pk))

    assert "For Ada &lt;script&gt;" in shown.text
    assert "<script>" not in re.search(r"<section.*</section>", shown.text, re.S)[0]
    assert "To ada@fairbridge.example" in words(shown)
    assert "To desk@fairbridge.example" in words(shown)
    assert "would leave without: map" in words(shown)
    assert tokens.manage_token(booking) not in shown.text
    assert "manage/…/" in shown.text
    assert 'sandbox="" srcdoc="&lt;!DOCTYPE html&gt;' in shown.text


def test_another_booking_can_be_chosen(admin):
    status = status_with(email(texts=[{"subject": "For {user_name}"}]))
    agenda = status.workflow.agendas.get()
    first = make_booking(agenda, user_name="Bob")
    make_booking(agenda)
    shown = admin.get(url("status_try", status.pk), {"booking": first.pk})
    assert "For Bob" in words(shown)


def test_looking_changes_nothing(admin):
    status = status_with(email(files=["map"]), email(to="staff"))
    make_booking(status.workflow.agendas.get())
    admin.get(url("status_try", status.pk))
    before = Delivery.objects.count(), Entry.objects.count()
    with CaptureQueriesContext(connection) as queries:
        admin.get(url("status_try", status.pk))
    written = [q["sql"] for q in queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert [sql for sql in written if "wagtail_agenda" in sql] == []
    assert (Delivery.objects.count(), Entry.objects.count()) == before


@pytest.mark.parametrize("odd", ["x", "0", "999999", "-1", "1e9", "9" * 30, "٣"])
def test_a_booking_that_is_none_of_these_is_not_found(admin, odd):
    status = status_with(email())
    elsewhere = make_booking()
    address = url("status_try", status.pk)
    assert admin.get(address, {"booking": odd}).status_code == 404
    assert admin.get(address, {"booking": elsewhere.pk}).status_code == 404


def test_without_bookings_or_actions_it_says_so(admin):
    status = status_with()
    assert "No booking of this workflow" in words(admin.get(url("status_try", status.pk)))
    make_booking(status.workflow.agendas.get())
    assert "sends no mail" in words(admin.get(url("status_try", status.pk)))


@pytest.mark.parametrize("odd", [None, "x", 7, [None], {"a": 1}])
def test_actions_of_any_shape_are_shown(admin, odd):
    fields = ("to", "texts", "files", "documents", "addresses", "answer", "url", "query")
    rows = [{"type": name, "value": dict.fromkeys(fields, odd)} for name in ("send_email", "call")]
    status = status_with(*rows)
    agenda = status.workflow.agendas.get()
    agenda.workflow = None
    agenda.save()
    make_booking(agenda)
    agenda.workflow = status.workflow
    agenda.save()
    assert admin.get(url("status_try", status.pk)).status_code == 200


def call_of(service, path="", **value):
    return {"type": "call", "value": {"url": service.url + path, "method": "POST", **value}}


def test_a_call_is_tested_for_real_and_nothing_is_kept(admin, service):
    service.answer = (200, {"Content-Type": "application/json"}, b'{"number": "<b>7</b>"}')
    status = status_with()
    booking = make_booking(status.workflow.agendas.get())
    status.actions = [email(), call_of(service, identifier="permit")]
    status.save()
    deliveries = Delivery.objects.count()

    shown = admin.post(url("status_try", status.pk), {"booking": booking.pk, "position": "1"})

    assert "It answered (200)." in words(shown)
    assert "&lt;b&gt;7&lt;/b&gt;" in shown.text
    assert len(service.received) == 1
    assert Delivery.objects.count() == deliveries
    assert not booking.kept_files.exists()
    assert ModelLogEntry.objects.filter(action="wagtail_agenda.try_call").count() == 1


def test_an_error_is_said_with_its_reason_and_without_the_body(admin, service):
    service.answer = (500, {}, b"private text")
    status = status_with(call_of(service))
    booking = make_booking(status.workflow.agendas.get())
    shown = admin.post(url("status_try", status.pk), {"booking": booking.pk, "position": "0"})
    assert "cannot answer now (500)" in words(shown)
    assert "private text" not in shown.text


def test_a_host_within_ones_own_network_is_refused_by_the_test_as_well(admin):
    status = status_with({"type": "call", "value": {"url": "https://127.0.0.2/"}})
    booking = make_booking(status.workflow.agendas.get())
    shown = admin.post(url("status_try", status.pk), {"booking": booking.pk, "position": "0"})
    assert "not on the public internet" in words(shown)


@pytest.mark.parametrize("position", ["", "1", "x", "-1", None])
def test_what_is_no_call_is_not_tested(admin, service, position):
    status = status_with(call_of(service), email())
    booking = make_booking(status.workflow.agendas.get())
    data = {"booking": booking.pk} | ({} if position is None else {"position": position})
    assert admin.post(url("status_try", status.pk), data).status_code == 404
    assert service.received == []


@pytest.mark.parametrize(
    ("role", "code"), [(Role.EDITOR, 200), (Role.AGENT, 404), ("elsewhere", 404)]
)
def test_it_takes_who_may_change_the_status(client, service, role, code):
    status = status_with(call_of(service))
    agenda = status.workflow.agendas.get()
    booking = make_booking(agenda)
    other = make_appointments()[0]
    user = make_staff(other if role == "elsewhere" else agenda, role=Role.EDITOR)
    if role == Role.AGENT:
        user = make_staff(agenda, role=Role.AGENT)
    client.force_login(user)
    address = url("status_try", status.pk)
    assert client.get(address).status_code == code
    data = {"booking": booking.pk, "position": "0"}
    assert client.post(address, data).status_code == code
    assert len(service.received) == (1 if code == 200 else 0)
    assert WorkflowStatus.objects.filter(pk=status.pk).exists()
