"""What a status would send, looked at and tested with a real booking before anybody gets it."""

import html
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import ModelLogEntry

from tests.agents import make_administrator, make_staff, url
from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_booking,
    make_meeting,
    publish,
)
from tests.http_server import Server
from tests.test_outbox import parsed
from tests.test_workflow import email, make_workflow
from wagtail_agenda import meetings, outbox, tokens
from wagtail_agenda.choices import About, Actor, Role
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
    shown = admin.get(url("status_try", status.pk), {"with": first.pk})
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
    assert admin.get(address, {"with": odd}).status_code == 404
    assert admin.get(address, {"with": elsewhere.pk}).status_code == 404


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

    shown = admin.post(url("status_try", status.pk), {"with": booking.pk, "position": "1"})

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
    shown = admin.post(url("status_try", status.pk), {"with": booking.pk, "position": "0"})
    assert "cannot answer now (500)" in words(shown)
    assert "private text" not in shown.text


def test_a_host_within_ones_own_network_is_refused_by_the_test_as_well(admin):
    status = status_with({"type": "call", "value": {"url": "https://127.0.0.2/"}})
    booking = make_booking(status.workflow.agendas.get())
    shown = admin.post(url("status_try", status.pk), {"with": booking.pk, "position": "0"})
    assert "not on the public internet" in words(shown)


@pytest.mark.parametrize("position", ["", "1", "x", "-1", None])
def test_what_is_no_call_is_not_tested(admin, service, position):
    status = status_with(call_of(service), email())
    booking = make_booking(status.workflow.agendas.get())
    data = {"with": booking.pk} | ({} if position is None else {"position": position})
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
    data = {"with": booking.pk, "position": "0"}
    assert client.post(address, data).status_code == code
    assert len(service.received) == (1 if code == 200 else 0)
    assert WorkflowStatus.objects.filter(pk=status.pk).exists()


# Meetings


ADA, BOB = "ada@fairbridge.example", "bob@fairbridge.example"


def status_of_meetings(*actions):
    made = make_workflow({"meeting_published": "called"}, about=About.MEETINGS, called=[])
    make_agenda(meeting_workflow=made, staff_addresses="desk@fairbridge.example")
    status = made.statuses.get()
    status.actions = list(actions)
    status.save()
    return status


def called_in(status, **fields):
    return publish(make_meeting(status.workflow.agendas_of_meetings.get(), **fields))


def test_a_status_of_a_workflow_about_meetings_leads_to_it_too(admin):
    status = status_of_meetings(email(to="participants"))
    edit = reverse("wagtailsnippets_wagtail_agenda_workflowstatus:edit", args=[status.pk])
    shown = admin.get(edit)
    assert url("status_try", status.pk) in shown.text
    assert "with a real meeting" in shown.text


def test_it_shows_what_somebody_reads_who_is_invited_to_the_newest_meeting(admin):
    status = status_of_meetings(email(to="participants"), email(to="organiser"), email(to="staff"))
    called_in(status, title="Before")
    called = called_in(status, title="Roads <script>")
    shown = admin.get(url("status_try", status.pk))
    assert "<script>" not in re.search(r"<section.*</section>", shown.text, re.S)[0]
    said = words(shown)
    assert "Invitation: Roads &lt;script&gt;, Wednesday 2 December 2026" in shown.text
    assert f"To {ADA}, {BOB}, a message each" in said
    assert "To olive@fairbridge.example" in said
    assert "To desk@fairbridge.example" in said
    assert "With it: the calendar entry" in said
    for invitation in called.invitations.all():
        assert tokens.reply_token(invitation) not in shown.text
    assert "reply/…/" in shown.text


def test_what_is_shown_is_what_arrives(admin, smtp_server):
    status = status_of_meetings(email(to="participants"))
    called = called_in(status, participants=[ADA])
    shown = admin.get(url("status_try", status.pk)).context["previews"][0]["mail"]
    outbox.sweep(now=NOW)
    message = parsed(smtp_server.messages[0])
    assert message["Subject"] == shown.subject
    sent = message.get_body(["plain"]).get_content()
    secret = tokens.reply_token(called.invitations.get())
    assert sent.replace(secret, "…").split() == shown.text.split()


def test_of_a_cancelled_meeting_it_shows_the_cancellation(admin):
    status = status_of_meetings(email(to="participants"))
    meetings.cancel(called_in(status), actor=Actor.AGENT, now=NOW, reason="No quorum")
    assert "Reason: No quorum" in words(admin.get(url("status_try", status.pk)))


def test_meetings_are_told_apart_by_their_time_and_another_can_be_chosen(admin):
    status = status_of_meetings(email(to="participants"))
    first = called_in(status)
    called_in(status, start=NOW + timedelta(days=9))
    address = url("status_try", status.pk)
    labels = [label for _key, label in admin.get(address).context["choices"]]
    assert len(set(labels)) == 2
    assert "2 December 2026" in words(admin.get(address, {"with": first.pk}))


def test_a_mail_to_nobody_says_so_and_is_shown(admin):
    status = status_of_meetings(email(to="staff"))
    agenda = status.workflow.agendas_of_meetings.get()
    agenda.staff_addresses = ""
    agenda.save()
    called_in(status)
    said = words(admin.get(url("status_try", status.pk)))
    assert "To nobody: this meeting has no such address." in said
    assert "could not be sent" not in said
    assert "You have called" in said


def test_without_a_meeting_that_was_called_it_says_so(admin):
    status = status_of_meetings(email(to="participants"))
    make_meeting(status.workflow.agendas_of_meetings.get())
    assert "No meeting of this workflow has been called" in words(
        admin.get(url("status_try", status.pk))
    )


def test_a_meeting_of_another_workflow_is_not_found(admin):
    status = status_of_meetings(email(to="participants"))
    elsewhere = publish(make_meeting())
    assert admin.get(url("status_try", status.pk), {"with": elsewhere.pk}).status_code == 404


def test_the_built_in_workflow_is_tried_with_meetings_of_agendas_that_chose_none(admin):
    called = publish(make_meeting(title="By default"))
    called.refresh_from_db()
    assert "By default" in words(admin.get(url("status_try", called.status.pk)))


def test_looking_at_mails_of_a_meeting_changes_nothing(admin):
    status = status_of_meetings(email(to="participants"), email(to="organiser", files=["map"]))
    called_in(status)
    admin.get(url("status_try", status.pk))
    with CaptureQueriesContext(connection) as queries:
        admin.get(url("status_try", status.pk))
    written = [q["sql"] for q in queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert [sql for sql in written if "wagtail_agenda" in sql] == []


def test_a_call_about_a_meeting_is_tested_for_real_and_noted(admin, service):
    status = status_of_meetings()
    called = called_in(status)
    status.actions = [call_of(service)]
    status.save()
    shown = admin.post(url("status_try", status.pk), {"with": called.pk, "position": "0"})
    assert "It answered (200)." in words(shown)
    assert str(called.uuid) in service.received[0][3].decode()
    logged = ModelLogEntry.objects.get(action="wagtail_agenda.try_call")
    assert logged.object_id == str(called.meeting_id)
