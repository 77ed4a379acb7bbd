"""One participant is un-invited on the page of a meeting: they alone hear of it."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from wagtail.models import ModelLogEntry

from tests.agents import make_staff, url
from tests.factories import NOW, make_agenda, make_meeting, publish
from tests.meetings.test_mails import methods
from wagtail_agenda import meetings
from wagtail_agenda.choices import Actor, Role
from wagtail_agenda.errors import NotInvited, Overloaded
from wagtail_agenda.models import CalledMeeting, Delivery, Meeting, Participant
from wagtail_agenda.views.admin.meetings import key_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

ADA, BOB, OLIVE, EVE = (f"{name}@fairbridge.example" for name in ("ada", "bob", "olive", "eve"))


@pytest.fixture
def agenda():
    return make_agenda(label="Council")


@pytest.fixture
def clerk(agenda):
    return make_staff(agenda, email="cleo@fairbridge.example")


@pytest.fixture
def client(client, clerk):
    client.force_login(clerk)
    return client


def page_for(called, address=BOB):
    return url("meeting_uninvite", called.pk, key_of(address))


def uninvited(client, called, address=BOB):
    """What the page says on which an agent ends who has un-invited somebody."""
    response = client.post(page_for(called, address), follow=True)
    assert response.redirect_chain == [(url("meeting", called.pk), 302)]
    return [str(message).strip() for message in response.context["messages"]]


def invited(called):
    called = CalledMeeting.objects.get(pk=called.pk)
    return [one["address"] for one in called.participants]


def listed(meeting):
    return [one.address for one in meeting.participants.all()]


def draft_of(meeting):
    return Meeting.objects.get(pk=meeting.pk).get_latest_revision_as_object()


def test_the_page_of_a_meeting_leads_there_and_asking_changes_nothing(client, agenda):
    called = publish(make_meeting(agenda))
    shown = client.get(url("meeting", called.pk)).content.decode()
    assert shown.count("Un-invite<span") == 2
    assert page_for(called, ADA) in shown
    assert BOB not in page_for(called)
    response = client.get(page_for(called))
    assert response.status_code == 200
    assert f"Un-invite {BOB}?" in response.content.decode()
    assert invited(called) == [ADA, BOB]


def test_who_is_uninvited_alone_gets_a_mail_and_the_list_is_published_without_them(
    client, agenda, clerk, arrived
):
    meeting = make_meeting(agenda)
    called = publish(meeting)
    first = arrived()
    assert uninvited(client, called) == [f"{BOB} is not invited any more."]
    came = arrived()
    assert methods(came) == {BOB: "CANCEL"}
    assert came[BOB].entry.uid == first[BOB].entry.uid
    assert came[BOB].subject.startswith("No longer invited")
    meeting.refresh_from_db()
    assert invited(called) == listed(meeting) == listed(draft_of(meeting)) == [ADA]
    assert meeting.live_revision_id == meeting.latest_revision_id
    assert (meeting.live, meeting.has_unpublished_changes) == (True, False)
    assert meeting.live_revision.user == clerk
    entry = called.entries.exclude(what="delivered").last()
    assert (entry.what, entry.user) == ("participant_removed", clerk)
    assert entry.data["participants"] == [{"name": "", "address": BOB}]


def test_the_log_of_the_site_says_who_did_it_and_names_nobody(client, agenda, clerk):
    called = publish(make_meeting(agenda))
    uninvited(client, called)
    logged = ModelLogEntry.objects.get(action="wagtail_agenda.uninvite")
    assert (logged.user, logged.object_id) == (clerk, str(called.meeting_id))
    assert BOB not in f"{logged.label} {logged.data}"
    assert ModelLogEntry.objects.filter(action="wagtail.publish", user=clerk).exists()
    history = reverse("wagtailsnippets_wagtail_agenda_meeting:history", args=[called.meeting_id])
    assert "Participant of a meeting un-invited" in client.get(history).content.decode()


def test_a_draft_stays_the_newest_unpublished_and_without_them(client, agenda, arrived):
    meeting = make_meeting(agenda)
    called = publish(meeting)
    drafted = Meeting.objects.get(pk=meeting.pk)
    # A draft may be incomplete.
    drafted.title, drafted.location, drafted.end = "", "Library", None
    drafted.participants = [Participant(address=one) for one in (EVE, BOB.upper())]
    drafted.save_revision(clean=False)
    arrived()
    assert "stay a draft, without" in client.get(page_for(called)).content.decode()
    assert "not invited any more" in uninvited(client, called)[0]
    assert methods(arrived()) == {BOB: "CANCEL"}
    meeting.refresh_from_db()
    assert (meeting.location, listed(meeting)) == ("Council chamber", [ADA])
    assert (meeting.live, meeting.has_unpublished_changes) == (True, True)
    draft = draft_of(meeting)
    assert (draft.title, draft.location, draft.end) == ("", "Library", None)
    assert listed(draft) == [EVE]
    edit = reverse("wagtailsnippets_wagtail_agenda_meeting:edit", args=[meeting.pk])
    assert "Library" in client.get(edit).content.decode()


def test_a_colleague_without_a_typed_address_is_uninvited_as_well(client, agenda, arrived):
    bob = get_user_model().objects.create_user("bob", email=BOB)
    called = publish(make_meeting(agenda, participants=[ADA, {"user": bob}]))
    arrived()
    uninvited(client, called)
    assert methods(arrived()) == {BOB: "CANCEL"}
    assert invited(called) == [ADA]


def test_a_colleague_whose_account_is_gone_can_still_be_uninvited(client, agenda, arrived):
    bob = get_user_model().objects.create_user("bob", email=BOB)
    called = publish(make_meeting(agenda, participants=[ADA, {"user": bob}]))
    arrived()
    bob.delete()
    uninvited(client, called)
    assert methods(arrived()) == {BOB: "CANCEL"}
    assert invited(called) == [ADA]


def test_an_organiser_who_takes_part_keeps_their_own_copy(client, agenda, arrived):
    called = publish(make_meeting(agenda, participants=[ADA, OLIVE]))
    arrived()
    assert "Nobody gets a mail." in client.get(page_for(called, OLIVE)).content.decode()
    uninvited(client, called, OLIVE)
    assert not arrived()
    assert invited(called) == [ADA]


# By whom


def make_agent(agenda):
    return make_staff(agenda)


def make_editor(agenda):
    return make_staff(agenda, role=Role.EDITOR)


def make_agent_elsewhere(_agenda):
    return make_staff(make_agenda())


def make_somebody_without_a_role(_agenda):
    return make_staff()


@pytest.mark.parametrize(
    ("make_user", "may"),
    [
        (make_agent, True),
        (make_editor, True),
        (make_agent_elsewhere, False),
        (make_somebody_without_a_role, False),
    ],
)
def test_agents_and_editors_of_its_agenda_do_it_and_nobody_else(client, agenda, make_user, may):
    called = publish(make_meeting(agenda))
    client.force_login(make_user(agenda))
    before = Delivery.objects.count()
    asked, done = client.get(page_for(called)), client.post(page_for(called))
    assert (asked.status_code == 200) is may
    assert (done.headers.get("Location") == url("meeting", called.pk)) is may
    assert invited(called) == ([ADA] if may else [ADA, BOB])
    assert Delivery.objects.count() == before + may


# Refused


def refused(client, called, address=BOB):
    """What is said instead, to whoever asks for the page and to whoever sends it."""
    before = invited(called), Delivery.objects.count(), Meeting.objects.get().latest_revision_id
    said = uninvited(client, called, address)
    assert before == (
        invited(called),
        Delivery.objects.count(),
        Meeting.objects.get().latest_revision_id,
    )
    assert not ModelLogEntry.objects.filter(action="wagtail_agenda.uninvite").exists()
    (sentence,) = said
    return sentence


def offered(client, called):
    return "Un-invite<span" in client.get(url("meeting", called.pk)).content.decode()


def asked(client, called, address=BOB):
    response = client.get(page_for(called, address), follow=True)
    return [str(message).strip() for message in response.context["messages"]]


def test_the_last_participant_is_not_uninvited(client, agenda):
    called = publish(make_meeting(agenda, participants=[BOB]))
    assert not offered(client, called)
    said = "Nobody else is invited to this meeting. Cancel it instead."
    assert asked(client, called) == [said]
    assert refused(client, called) == said


def test_from_what_is_cancelled_nobody_is_uninvited(client, agenda):
    called = publish(make_meeting(agenda))
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    assert not offered(client, called)
    said = "This meeting is cancelled. Copy it to call another one."
    assert asked(client, called) == [said]
    assert refused(client, called) == said


def test_from_what_is_over_nobody_is_uninvited(client, agenda):
    start = NOW - timedelta(hours=3)
    called = publish(make_meeting(agenda, start=start, end=NOW - timedelta(hours=1)))
    assert not offered(client, called)
    assert asked(client, called) == ["This meeting is over."]
    assert refused(client, called) == "This meeting is over."


def test_who_is_not_invited_any_more_is_not_uninvited_again(client, agenda, clerk):
    called = publish(make_meeting(agenda))
    uninvited(client, called)
    before = Delivery.objects.count()
    said = "They are not invited to this meeting any more."
    assert asked(client, called) == [said]
    assert uninvited(client, called) == [said]
    assert Delivery.objects.count() == before
    # Both agents have seen them on the list.
    with pytest.raises(NotInvited):
        meetings.uninvite(called, BOB, now=NOW, user=clerk)


def test_what_a_colleague_has_locked_is_not_changed(client, agenda, clerk):
    called = publish(make_meeting(agenda))
    meeting = called.meeting
    meeting.locked, meeting.locked_at, meeting.locked_by = True, NOW, make_staff(agenda)
    meeting.save()
    assert "is locked against changes" in refused(client, called)
    meeting.locked_by = clerk
    meeting.save()
    assert "not invited any more" in uninvited(client, called)[0]


def test_a_change_that_is_scheduled_is_neither_lost_nor_published(client, agenda):
    meeting = make_meeting(agenda)
    called = publish(meeting)
    meeting = Meeting.objects.get(pk=meeting.pk)
    meeting.location, meeting.go_live_at = "Library", NOW + timedelta(hours=5)
    meeting.save_revision().publish()
    assert "is scheduled" in refused(client, called)
    scheduled = Meeting.objects.get(pk=meeting.pk).scheduled_revision
    assert scheduled.as_object().location == "Library"


def test_what_was_published_and_never_announced_is_not_announced_by_the_way(client, agenda):
    called = publish(make_meeting(agenda))
    # As what the clock has published, and nobody could be told of.
    Meeting.objects.filter(pk=called.meeting_id).update(location="Library")
    assert refused(client, called).startswith("What is published of this meeting is not what")
    Meeting.objects.filter(pk=called.meeting_id).update(location="Council chamber")
    Participant.objects.create(meeting=Meeting.objects.get(), address=EVE)
    assert refused(client, called).startswith("What is published of this meeting is not what")


def test_what_has_expired_is_not_published_again_by_the_way(client, agenda):
    called = publish(make_meeting(agenda))
    Meeting.objects.filter(pk=called.meeting_id).update(live=False, expired=True)
    assert refused(client, called).startswith("What is published of this meeting is not what")


def test_who_meets_too_many_others_is_asked_to_try_again(client, agenda, monkeypatch):
    called = publish(make_meeting(agenda))

    def outpaced(*_args, **_kwargs):
        raise Overloaded()

    monkeypatch.setattr(meetings, "uninvite", outpaced)
    response = client.post(page_for(called))
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert f"Un-invite {BOB}?" in response.content.decode()
