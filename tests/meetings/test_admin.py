"""Meetings in the admin: drafted, published, changed, cancelled, found again, by whom it may be."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from wagtail.models import ModelLogEntry

from tests.agents import make_administrator, make_staff, url
from tests.factories import NOW, make_agenda, make_desk, make_meeting, publish
from wagtail_agenda import meetings, outbox
from wagtail_agenda.choices import Actor
from wagtail_agenda.models import Bookable, CalledMeeting, Delivery, Meeting, Occupation, Resource

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

SNIPPETS = "wagtailsnippets_wagtail_agenda_meeting:"


@pytest.fixture
def agenda():
    return make_agenda(label="Council")


@pytest.fixture
def clerk(agenda):
    return make_staff(agenda, first_name="Cleo", last_name="Clerk", email="cleo@fairbridge.example")


@pytest.fixture
def client(client, clerk):
    client.force_login(clerk)
    return client


def address(view, *args):
    return reverse(SNIPPETS + view, args=args)


def form(agenda, *participants, **fields):
    """What the editor's form sends; participants are dictionaries of their fields."""
    data = {
        "title": "Roads committee",
        "agenda": str(agenda.pk),
        "start": "2026-12-02 09:00",
        "end": "2026-12-02 11:00",
        "location": "Council chamber",
        "video_link": "",
        "description": "The bridge",
        "organiser": "",
        "organiser_name": "Olive Gray",
        "organiser_address": "olive@fairbridge.example",
        "desk": "",
        "resource": "",
        "documents-count": "0",
        "participants-TOTAL_FORMS": str(len(participants)),
        "participants-INITIAL_FORMS": "0",
        "participants-MIN_NUM_FORMS": "0",
        "participants-MAX_NUM_FORMS": "1000",
        **fields,
    }
    for number, participant in enumerate(participants):
        row = {"id": "", "user": "", "name": "", "address": "", "ORDER": str(number + 1)}
        row |= {"DELETE": "", "required": "on", **participant}
        data |= {
            f"participants-{number}-{name}": value
            for name, value in row.items()
            if value is not None
        }
    return data


ADA, BOB = {"address": "ada@fairbridge.example", "name": "Ada"}, {"address": "bob@x.example"}


def errors_of(response):
    found = response.context["form"]
    return {name: [e.code for e in errors.as_data()] for name, errors in found.errors.items()}


# Drafts


def test_a_half_typed_meeting_is_saved_as_a_draft_and_nobody_hears_of_it(client, agenda):
    data = form(agenda, {}, title="", start="", end="", organiser_address="")
    response = client.post(address("add"), data)
    assert response.status_code == 302
    meeting = Meeting.objects.get()
    assert not meeting.live
    assert client.get(address("edit", meeting.pk)).status_code == 200
    assert client.get(address("history", meeting.pk)).status_code == 200
    assert client.get(address("list")).status_code == 200
    assert not CalledMeeting.objects.exists()
    assert not Delivery.objects.exists()


def test_autosave_stores_and_tells_nobody(client, agenda):
    meeting = make_meeting(agenda)
    response = client.post(
        address("edit", meeting.pk),
        form(agenda, ADA, title="Half a ti"),
        headers={"accept": "application/json"},
    )
    assert response.status_code in (200, 302)
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("typed", "field", "code"),
    [
        ({"start": ""}, "start", "required"),
        ({"title": ""}, "title", "required"),
        ({"end": "2026-12-02 09:00"}, "end", "ends_before_start"),
        ({"start": "9999-12-31 09:00"}, "start", "no_such_year"),
        ({"organiser_address": ""}, "organiser_address", "no_organiser"),
        ({"video_link": "javascript:alert(1)"}, "video_link", "invalid"),
    ],
)
def test_what_everybody_must_know_is_asked_for_before_it_is_published(
    client, agenda, typed, field, code
):
    data = form(agenda, ADA, **{"action-publish": "1", **typed})
    response = client.post(address("add"), data)
    assert response.status_code == 200
    assert code in errors_of(response)[field]
    assert not Meeting.objects.exists()
    assert not Delivery.objects.exists()


def test_a_time_that_the_agenda_has_not_is_not_taken(client, clerk):
    away = make_agenda(timezone="America/New_York")
    client.force_login(make_staff(away))
    data = form(away, ADA, start="2027-03-14 02:30", end="2027-03-14 05:00")
    assert errors_of(client.post(address("add"), data))["start"] == ["no_such_time"]


def test_without_participants_it_is_not_published(client, agenda):
    response = client.post(address("add"), form(agenda, **{"action-publish": "1"}))
    assert errors_of(response)["__all__"] == ["no_participants"]


@pytest.mark.parametrize(
    ("participant", "code"),
    [
        ({}, "no_address"),
        ({"address": "nobody"}, "invalid"),
        ({"address": "agenda@fairbridge.example"}, "service_address"),
    ],
)
def test_who_cannot_be_written_to_is_not_invited(client, agenda, participant, code):
    data = form(agenda, {"name": "Somebody", **participant}, **{"action-publish": "1"})
    response = client.post(address("add"), data)
    assert response.status_code == 200
    (row,) = response.context["form"].formsets["participants"].forms
    assert [error.code for error in row.errors["address"].as_data()] == [code]


# Published


def test_publishing_invites_everybody_and_leads_to_the_page_of_the_meeting(client, agenda, clerk):
    colleague = {"user": str(clerk.pk)}
    data = form(agenda, ADA, BOB, colleague, **{"action-publish": "1"})
    assert client.post(address("add"), data).status_code == 302
    called = CalledMeeting.objects.get()
    assert called.title == "Roads committee"
    assert called.local_start.hour == 9
    assert [one["address"] for one in called.participants] == [
        "ada@fairbridge.example",
        "bob@x.example",
        "cleo@fairbridge.example",
    ]
    assert called.entries.get().user == clerk
    assert called.deliveries.count() == 4
    outbox.sweep(now=NOW)
    page = client.get(url("meeting", called.pk))
    assert page.status_code == 200
    shown = page.content.decode()
    assert "Ada" in shown
    assert "bob@x.example" in shown
    assert "Cleo Clerk" in shown
    assert "Meeting called" in shown
    assert "Mail delivered" in shown
    edit = client.get(address("edit", called.meeting_id)).content.decode()
    assert url("meeting", called.pk) in edit


def test_it_is_changed_in_the_same_form(client, agenda):
    called = publish(make_meeting(agenda))
    data = form(agenda, ADA, start="2026-12-03 09:00", end="2026-12-03 10:00")
    response = client.post(address("edit", called.meeting_id), {**data, "action-publish": "1"})
    assert response.status_code == 302
    called.refresh_from_db()
    assert called.local_start.day == 3
    assert "Time before" in client.get(url("meeting", called.pk)).content.decode()


def test_a_room_that_is_taken_is_said_with_until_when_and_nothing_is_saved(client, agenda):
    resource = Resource.objects.create(label="Blue room")
    agenda.resources.add(resource)
    agenda.save()
    publish(make_meeting(agenda, resource=resource))
    data = form(agenda, ADA, resource=str(resource.pk), **{"action-publish": "1"})
    data |= {"start": "2026-12-02 08:00", "end": "2026-12-02 09:30"}
    response = client.post(address("add"), data)
    assert response.status_code == 200
    assert errors_of(response) == {"resource": ["room is taken"]}
    assert "“Blue room” is taken at that time, until Wednesday 2 December 2026" in str(
        response.context["form"].errors["resource"]
    )
    assert Meeting.objects.count() == 1
    assert Bookable.objects.get(pk=resource.bookable_id).places_booked == 1


@pytest.mark.parametrize("room", ["desk", "resource"])
def test_a_room_of_somebody_else_is_refused(client, agenda, room):
    other = make_agenda()
    pk = make_desk(other).pk if room == "desk" else Resource.objects.create(label="Far").pk
    data = form(agenda, ADA, **{room: str(pk), "action-publish": "1"})
    response = client.post(address("add"), data)
    assert errors_of(response)[room] == ["invalid_choice"]


def test_a_room_that_the_agenda_does_not_use_is_refused(client, agenda):
    client.force_login(make_administrator())
    other = make_agenda()
    data = form(agenda, ADA, desk=str(make_desk(other).pk), **{"action-publish": "1"})
    assert errors_of(client.post(address("add"), data))["desk"] == ["other_agenda"]


def test_what_is_scheduled_is_called_when_its_time_has_come(client, agenda):
    data = form(agenda, ADA, go_live_at="2026-12-01 08:00", **{"action-publish": "1"})
    assert client.post(address("add"), data).status_code == 302
    assert not CalledMeeting.objects.exists()
    assert not Delivery.objects.exists()


# Cancelled, unpublished, deleted


def test_cancelling_asks_for_a_reason_and_tells_everybody(client, agenda, clerk):
    called = publish(make_meeting(agenda))
    cancel = url("meeting_cancel", called.pk)
    assert client.get(cancel).status_code == 200
    called.refresh_from_db()
    assert not called.is_cancelled
    response = client.post(cancel, {"reason": "No quorum\x07"}, follow=True)
    called.refresh_from_db()
    assert called.is_cancelled
    assert called.cancellation_reason == "No quorum"
    assert called.entries.last().user == clerk
    assert "is cancelled. Everybody who was invited is told." in response.content.decode()
    logged = ModelLogEntry.objects.filter(action="wagtail_agenda.cancel_meeting").get()
    assert (logged.user, logged.data) == (clerk, {"reason": "No quorum"})
    # A second click is told so.
    assert "cancelled" in client.post(cancel, {}, follow=True).content.decode()


def test_a_cancelled_meeting_is_not_published_again(client, agenda):
    called = publish(make_meeting(agenda))
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    data = form(agenda, ADA, **{"action-publish": "1"})
    response = client.post(address("edit", called.meeting_id), data)
    assert errors_of(response)["__all__"] == ["cancelled"]


def test_unpublishing_is_refused_and_leads_to_cancelling(client, agenda):
    called = publish(make_meeting(agenda))
    response = client.post(address("unpublish", called.meeting_id))
    assert response.status_code == 302
    assert response["Location"] == url("meeting_cancel", called.pk)
    assert Meeting.objects.get().live


def test_what_people_expect_is_not_deleted_before_it_is_cancelled(client, agenda):
    called = publish(make_meeting(agenda))
    delete = address("delete", called.meeting_id)
    shown = client.post(delete, follow=True).content.decode()
    assert "Cancel it first, so that they are told." in shown
    assert Meeting.objects.exists()
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    client.post(delete)
    assert not Meeting.objects.exists()
    assert not Delivery.objects.exists()


def test_what_is_deleted_takes_no_room_any_more(client, agenda):
    desk = make_desk(agenda)
    start = NOW - timedelta(hours=3)
    called = publish(make_meeting(agenda, desk=desk, start=start, end=start + timedelta(hours=1)))
    assert Bookable.objects.get(pk=desk.bookable_id).places_booked == 1
    client.post(address("delete", called.meeting_id))
    assert not Occupation.objects.exists()
    assert Bookable.objects.get(pk=desk.bookable_id).places_booked == 0


# Found again


def titles(client, **asked):
    response = client.get(address("list"), asked)
    assert response.status_code == 200
    return {meeting.title for meeting in response.context["object_list"]}


def test_the_list_is_filtered_and_searched(client, agenda, clerk):
    publish(make_meeting(agenda, title="Coming", organiser=clerk, organiser_address=""))
    publish(
        make_meeting(
            agenda, title="Over", start=NOW - timedelta(days=1), end=NOW - timedelta(hours=20)
        )
    )
    off = publish(make_meeting(agenda, title="Off", participants=["zoe@fairbridge.example"]))
    meetings.cancel(off, actor=Actor.AGENT, now=NOW)
    make_meeting(agenda, title="Draft")
    assert titles(client) == {"Coming", "Over", "Off", "Draft"}
    assert titles(client, when="coming") == {"Coming"}
    assert titles(client, when="past") == {"Over"}
    assert titles(client, when="cancelled") == {"Off"}
    assert titles(client, when="drafts") == {"Draft"}
    assert titles(client, organiser=clerk.pk) == {"Coming"}
    assert titles(client, q="zoe@") == {"Off"}
    assert titles(client, q="fairbridge") == {"Coming", "Over", "Off", "Draft"}


def test_the_history_of_a_meeting_says_who_published_it(client, agenda, clerk):
    called = publish(make_meeting(agenda), user=clerk)
    shown = client.get(address("history", called.meeting_id)).content.decode()
    assert "Cleo Clerk" in shown


# By whom


def test_colleagues_of_other_agendas_neither_see_nor_change_it(client, agenda):
    called = publish(make_meeting(agenda))
    client.force_login(make_staff(make_agenda()))
    for path in (
        address("edit", called.meeting_id),
        url("meeting", called.pk),
        url("meeting_cancel", called.pk),
    ):
        assert client.get(path).status_code == 404
        assert client.post(path, {}).status_code in (404, 405)
    assert titles(client) == set()
    delivery = called.deliveries.first()
    assert client.post(url("delivery_retry", delivery.pk)).status_code == 404


def test_an_agent_offers_no_agenda_of_others(client, agenda):
    other = make_agenda()
    response = client.post(address("add"), form(other, ADA, **{"action-publish": "1"}))
    assert errors_of(response)["agenda"] == ["invalid_choice"]


# Mails of meetings where mails are looked after


def test_a_mail_that_failed_is_sent_again_from_the_page_of_the_meeting(client, agenda, smtp_server):
    smtp_server.refuse("RCPT", 550, "No such user")
    called = publish(make_meeting(agenda, participants=["ada@fairbridge.example"]))
    outbox.sweep(now=NOW)
    page = client.get(url("meeting", called.pk)).content.decode()
    assert "No such user" in page
    smtp_server.accept()
    for delivery in called.deliveries.all():
        response = client.post(url("delivery_retry", delivery.pk))
        assert response["Location"].startswith(url("meeting", called.pk))
    outbox.sweep(now=NOW)
    assert len(smtp_server.messages) == 2
    assert "Mail queued to be sent again" in client.get(url("meeting", called.pk)).content.decode()


def test_all_mails_are_in_the_list_of_mails_and_calls(client, agenda):
    called = publish(make_meeting(agenda))
    shown = client.get(url("deliveries")).content.decode()
    assert url("meeting", called.pk) in shown
    shown = client.get(url("deliveries"), {"agenda": agenda.slug}).content.decode()
    assert "ada@fairbridge.example" in shown


def test_json_never_breaks_the_editor(client, agenda):
    data = form(agenda, ADA, **{"documents-count": "1", "documents-0-deleted": ""})
    data |= {"documents-0-order": "0", "documents-0-type": "document", "documents-0-id": ""}
    data |= {"documents-0-value": json.dumps({"a": 1})}
    assert client.post(address("add"), data).status_code in (200, 302, 400)


def test_what_is_talked_about_is_not_called_an_agenda(client, agenda):
    called = publish(make_meeting(agenda))
    change = form(agenda, ADA, BOB, description="The tunnel", **{"action-publish": "1"})
    client.post(address("edit", called.meeting_id), change)
    edit = client.get(address("edit", called.meeting_id)).content.decode()
    page = client.get(url("meeting", called.pk)).content.decode()
    assert "Topics and description" in edit
    assert "Topics and description" in page
    assert "topics and description" in page
    assert "genda and description" not in edit + page


def test_an_agent_has_the_button_that_publishes(client, agenda):
    assert 'name="action-publish"' in client.get(address("add")).content.decode()
    called = publish(make_meeting(agenda))
    shown = client.get(address("edit", called.meeting_id)).content.decode()
    assert shown.count('name="action-publish"') == 1
    client.force_login(make_administrator())
    shown = client.get(address("edit", called.meeting_id)).content.decode()
    assert shown.count('name="action-publish"') == 1
