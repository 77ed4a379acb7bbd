"""A workflow about meetings: what moves it on, what its actions do, and how it is set up."""

import json
from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from freezegun import freeze_time

from tests.agents import make_administrator, make_staff, url
from tests.factories import NOW, make_agenda, make_meeting, publish
from tests.http_server import Server
from tests.test_workflow import email, make_workflow
from wagtail_agenda import clients, meetings, outbox, workflow
from wagtail_agenda.choices import About, Actor, Cause, Trigger
from wagtail_agenda.models import Meeting, Participant, Timer, Workflow, WorkflowStatus
from wagtail_agenda.workflow import DEFAULT_MEETING_WORKFLOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

DAY = timedelta(days=1)


def agenda_with(rules, *, more=(), **actions):
    """An agenda whose meetings go through a workflow with these rules; `more` are raw ones."""
    own = make_workflow(rules, about=About.MEETINGS, **actions)
    statuses = {status.slug: status.pk for status in own.statuses.all()}
    own.transitions = [
        *own.transitions.raw_data,
        *(
            {**rule, "value": {**rule["value"], "status": statuses[rule["value"]["status"]]}}
            for rule in more
        ),
    ]
    own.save()
    return make_agenda(meeting_workflow=own)


def arrived(now=NOW):
    mail.outbox.clear()
    outbox.sweep(now=now)
    return sorted(message.to[0].rpartition("<")[2].rstrip(">") for message in mail.outbox)


# What moves it on


@pytest.mark.parametrize(
    ("act", "trigger"),
    [
        (lambda called: None, "meeting_published"),
        (lambda called: changed(called, title="Other"), "meeting_changed"),
        (lambda called: changed(called, participants=["ada@x.example"]), "participant_removed"),
        (
            lambda called: changed(called, participants=[*BOTH, "eve@x.example"]),
            "participant_added",
        ),
        (lambda called: meetings.cancel(called, actor=Actor.AGENT, now=NOW), "meeting_cancelled"),
    ],
)
def test_each_trigger_leads_where_its_rule_says(act, trigger):
    rules = {"meeting_published": "called", "meeting_changed": "called"} | {trigger: "reached"}
    called = publish(make_meeting(agenda_with(rules), BOTH))
    act(called)
    called.refresh_from_db()
    assert called.status.slug == "reached"
    assert called.status_since == NOW


BOTH = ("ada@x.example", "bob@x.example")


def changed(called, participants=None, **fields):
    meeting = Meeting.objects.get(pk=called.meeting_id)
    for name, value in fields.items():
        setattr(meeting, name, value)
    if participants is not None:
        meeting.participants = [Participant(address=one) for one in participants]
    publish(meeting)


def test_without_a_rule_of_its_own_what_is_changed_is_called_anew():
    called = publish(make_meeting(agenda_with({"meeting_published": "called"}), BOTH))
    assert called.status.slug == "called"
    changed(called, title="Other")
    assert called.entries.last().data["status_label"] == "called"


def test_bookings_go_their_own_way():
    road = workflow.road_of(make_agenda(), About.MEETINGS)
    assert road.after(Trigger.BOOKED) is None
    assert road.after(Trigger.MEETING_PUBLISHED).slug == "called"
    assert workflow.road_of(make_agenda()).after(Trigger.MEETING_PUBLISHED) is None


# Time


def before_the_start(amount=1, unit="days", status="reminded"):
    value = {"amount": amount, "unit": unit, "moment": "before_start", "status": status}
    return {"type": "time", "id": "remind", "value": value}


def reminding(**fields):
    return agenda_with(
        {"meeting_published": "called", "meeting_cancelled": "cancelled", "checked": "reminded"},
        more=[before_the_start()],
        called=[email(to="participants")],
        reminded=[email(to="participants", with_invitation=False)],
        **fields,
    )


def test_everybody_is_reminded_once_with_the_link_to_answer():
    called = publish(make_meeting(reminding()))
    assert len(arrived()) == 2
    at = called.start - DAY
    assert Timer.objects.get().due_at == at
    with freeze_time(at):
        assert workflow.fire_timers(at) == 1
        assert workflow.fire_timers(at) == 0
        assert arrived(at) == ["ada@fairbridge.example", "bob@fairbridge.example"]
        assert all("/reply/" in message.body for message in mail.outbox)
        assert all(message.subject.startswith("Meeting:") for message in mail.outbox)
    called.refresh_from_db()
    assert called.status.slug == "reminded"


def test_a_meeting_that_is_moved_is_reminded_of_at_its_new_time():
    called = publish(make_meeting(reminding()))
    changed(called, start=called.start + DAY, end=called.end + DAY)
    assert Timer.objects.get().due_at == called.start


def test_nobody_is_reminded_of_what_is_cancelled():
    called = publish(make_meeting(reminding()))
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    assert not Timer.objects.exists()


def test_a_rule_that_is_added_counts_for_meetings_that_are_there():
    agenda = agenda_with({"meeting_published": "called", "checked": "reminded"})
    publish(make_meeting(agenda))
    own = agenda.meeting_workflow
    status = own.statuses.get(slug="reminded")
    rule = before_the_start(status=status.pk)
    own.transitions = [*own.transitions.raw_data, rule]
    own.save()
    assert workflow.with_time_rules() == [own.pk]
    workflow.plan_timers(own.pk, now=NOW)
    assert Timer.objects.get().called_meeting is not None


# Hands, calls, failures


def test_an_agent_presses_a_button_on_the_page_of_a_meeting(client):
    button = {
        "type": "by_hand",
        "value": {"label": "Minutes sent", "identifier": "minutes", "status": "minuted"},
    }
    agenda = agenda_with({"meeting_published": "called", "checked": "minuted"}, more=[button])
    called = publish(make_meeting(agenda))
    client.force_login(make_staff(agenda))
    assert "Minutes sent" in client.get(url("meeting", called.pk)).content.decode()
    client.post(url("meeting_press", called.pk), {"identifier": "minutes"})
    called.refresh_from_db()
    assert called.status.slug == "minuted"
    assert called.entries.last().what == Cause.BY_HAND
    assert client.post(url("meeting_press", called.pk), {"identifier": "no"}).status_code == 302


@pytest.fixture
def service(settings):
    with Server() as server:
        settings.WAGTAIL_AGENDA = {**settings.WAGTAIL_AGENDA, "CALLBACK_HOSTS": [server.host]}
        yield server


def test_a_web_service_is_told_of_a_meeting_and_its_failure_leads_on(service):
    failed = {"type": "action_failed", "value": {"error": "", "status": "stuck"}}
    call = {
        "type": "call",
        "value": {
            "url": service.url,
            "method": "POST",
            "with_booking": True,
            "fields": [
                {"type": "item", "value": {"name": "what", "value": "{title} – {organiser}"}}
            ],
        },
    }
    agenda = agenda_with(
        {"meeting_published": "called", "checked": "stuck"}, more=[failed], called=[call]
    )
    called = publish(make_meeting(agenda))
    service.answer = (404, {}, b"")
    outbox.sweep(now=NOW)
    assert workflow.catch_up(NOW) == 1
    called.refresh_from_db()
    assert called.status.slug == "stuck"
    ((_method, _path, _headers, body),) = service.received
    told = json.loads(body)
    assert told["what"] == "Roads committee – Olive Gray"
    assert told["meeting_id"] == str(called.uuid)


def test_an_action_cancels_the_meeting_and_another_leaves_a_note():
    agenda = agenda_with(
        {"meeting_published": "called", "answered": "off", "meeting_cancelled": "over"},
        called=[{"type": "add_note", "value": {"text": "Called by {organiser}"}}],
        off=[{"type": "cancel_meeting", "value": {"reason": "{title} is off"}}],
    )
    called = publish(make_meeting(agenda))
    assert called.entries.get(what="note").data["text"] == "Called by Olive Gray"
    road = workflow.road_for(called)
    workflow.advance(called, Trigger.ANSWERED, road=road, actor=Actor.VISITOR, now=NOW)
    assert workflow.catch_up(NOW) == 1
    called.refresh_from_db()
    assert called.is_cancelled
    assert called.cancellation_reason == "Roads committee is off"
    assert called.status.slug == "over"


def test_what_is_for_bookings_alone_does_nothing_to_a_meeting(caplog):
    agenda = agenda_with(
        {"meeting_published": "called"},
        called=[
            {"type": "cancel_booking", "value": {}},
            {"type": "set_attendance", "value": {"attendance": "present"}},
            email(to="visitor"),
        ],
    )
    called = publish(make_meeting(agenda))
    assert not called.is_cancelled
    assert workflow.catch_up(NOW) == 0
    assert arrived() == []


# Set up in the admin


@pytest.fixture
def administrator(client):
    client.force_login(make_administrator())
    return client


def snippet(model, view, *args):
    return reverse(f"wagtailsnippets_wagtail_agenda_{model}:{view}", args=args)


def built_in():
    return Workflow.objects.get(slug=DEFAULT_MEETING_WORKFLOW)


def test_its_form_offers_what_can_happen_to_meetings_alone(administrator):
    shown = administrator.get(snippet("workflow", "edit", built_in().pk)).content.decode()
    assert "Stays as it is. For bookings, make another workflow." in shown
    assert "A meeting is called" in shown
    assert "Somebody joins the waiting list" not in shown
    assert "Number of places" not in shown
    booking = Workflow.objects.get(slug="default")
    shown = administrator.get(snippet("workflow", "edit", booking.pk)).content.decode()
    assert "Stays as it is. For meetings, make another workflow." in shown
    assert "A meeting is called" not in shown
    assert "Somebody joins the waiting list" in shown


def test_its_statuses_offer_what_makes_sense_for_meetings(administrator):
    status = built_in().statuses.get(slug="called")
    shown = administrator.get(snippet("workflowstatus", "edit", status.pk)).content.decode()
    assert "Participants of the meeting" in shown
    assert "Cancel the meeting" in shown
    assert "Accept from the waiting list" not in shown
    assert "An e-mail address among the answers" not in shown


def status_form(status, *texts):
    data = {
        "workflow": str(status.workflow_id),
        "label": status.label,
        "slug": status.slug,
        "colour": "blue",
        "icon": "check",
        "visitor_text": "",
        "actions-count": str(len(texts)),
    }
    for number, text in enumerate(texts):
        data |= {
            f"actions-{number}-deleted": "",
            f"actions-{number}-order": str(number),
            f"actions-{number}-type": "add_note",
            f"actions-{number}-id": "",
            f"actions-{number}-value-text": text,
        }
    return data


@pytest.mark.parametrize(
    ("text", "fits"), [("{title}: {answers}", True), ("{user_email}", False), ("{nobody}", False)]
)
def test_a_text_names_only_what_is_known_of_a_meeting(administrator, text, fits):
    status = built_in().statuses.get(slug="called")
    edit = snippet("workflowstatus", "edit", status.pk)
    response = administrator.post(edit, status_form(status, text))
    assert (response.status_code == 302) == fits


def test_what_a_workflow_is_about_cannot_change(administrator):
    workflow_ = built_in()
    data = {"label": "Other", "slug": DEFAULT_MEETING_WORKFLOW, "about": "bookings"}
    administrator.post(
        snippet("workflow", "edit", workflow_.pk), {**data, "transitions-count": "0"}
    )
    workflow_.refresh_from_db()
    assert (workflow_.label, workflow_.about) == ("Other", About.MEETINGS)


def test_an_agenda_chooses_for_meetings_what_is_about_meetings(administrator):
    of_bookings = Workflow.objects.get(slug="default")
    data = {"label": "Council", "kind": "meetings", "timezone": "Europe/Paris"}
    data |= {"workflow": str(built_in().pk), "meeting_workflow": str(of_bookings.pk)}
    response = administrator.post(snippet("agenda", "add"), data)
    found = response.context["form"].errors.as_data()
    assert {"workflow", "meeting_workflow"} <= set(found)
    assert found["workflow"][0].code == found["meeting_workflow"][0].code == "about_else"


def test_the_built_in_one_is_used_where_an_agenda_has_chosen_none():
    called = publish(make_meeting())
    assert called.status.workflow.slug == DEFAULT_MEETING_WORKFLOW
    assert WorkflowStatus.objects.filter(workflow=called.status.workflow).count() == 2


# Another system


def test_another_system_tells_a_meeting_that_something_has_happened(client):
    value = {"identifier": "minutes", "status": "minuted"}
    agenda = agenda_with(
        {"meeting_published": "called", "checked": "minuted"},
        more=[{"type": "called", "value": value}],
        minuted=[{"type": "add_note", "value": {"text": "{call_minutes_pages} pages"}}],
    )
    called = publish(make_meeting(agenda))
    _known, told = clients.add("Minutes", orig="minutes.example", scopes=["book"], now=NOW)
    headers = {"Authorization": f"Bearer {told.key}"}

    def call(uuid, identifier="minutes"):
        hook = reverse("wagtail_agenda:external_call_of_meeting", args=[uuid, identifier])
        data = json.dumps({"pages": 12})
        return client.post(hook, data, content_type="application/json", headers=headers)

    assert call(called.uuid).status_code == 200
    called.refresh_from_db()
    assert called.status.slug == "minuted"
    assert called.entries.get(what=Cause.CALLED).data["client"] == "Minutes"
    assert called.entries.get(what="note").data["text"] == "12 pages"
    assert call(called.uuid, "other").status_code == 404
    assert call("0" * 32).status_code == 404
    assert call("nonsense").status_code == 404


def test_a_new_status_offers_what_the_workflow_that_one_comes_from_is_about(administrator):
    add = snippet("workflowstatus", "add")
    shown = administrator.get(f"{add}?workflow={built_in().pk}").content.decode()
    assert "Participants of the meeting" in shown
    assert "Accept from the waiting list" not in shown
    status = WorkflowStatus(workflow=built_in(), label="Minuted", slug="minuted")
    wrong = administrator.post(add, status_form(status, "{user_email}"))
    assert "actions" in wrong.context["form"].errors
    assert administrator.post(add, status_form(status, "{title}")).status_code == 302
