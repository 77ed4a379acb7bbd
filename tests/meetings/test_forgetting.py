"""Who was invited is forgotten in time, and told or erased when they ask."""

import json
from datetime import timedelta

import pytest
from django.apps import apps
from django.core import serializers
from wagtail.models import Revision

from tests.factories import NOW, make_agenda, make_meeting, publish
from wagtail_agenda import answering, meetings, outbox, privacy
from wagtail_agenda.choices import Actor, Answer
from wagtail_agenda.models import CalledMeeting, Meeting, Participant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

ADA = "ada@fairbridge.example"
LATER = NOW + timedelta(days=400)


def everything() -> str:
    """All that this package and Wagtail's revisions hold, as text."""
    rows = [
        serializers.serialize("json", model.objects.order_by("pk"))
        for model in apps.get_app_config("wagtail_agenda").get_models()
    ]
    revisions = [json.dumps(revision.content) for revision in Revision.objects.all()]
    return "\n".join([*rows, *revisions])


@pytest.fixture
def called():
    """A meeting that has been through everything: announced, answered, changed, over."""
    meeting = make_meeting(
        make_agenda(retention_days=30),
        [{"address": ADA, "name": "Ada Lovelace"}, "bob@fairbridge.example"],
    )
    made = publish(meeting)
    answering.answer(made.invitations.get(address=ADA), Answer.ACCEPTED, now=NOW)
    meeting = Meeting.objects.get()
    meeting.participants.add(Participant(address="eve@fairbridge.example"))
    publish(meeting)
    outbox.sweep(now=NOW)
    return CalledMeeting.objects.get()


def test_what_is_over_for_long_enough_names_nobody_any_more(called):
    assert ADA in everything()
    assert privacy.anonymise_due(NOW) == 0
    assert privacy.anonymise_due(LATER) == 1
    left = everything()
    for name in ("ada@", "Ada Lovelace", "bob@", "eve@", "olive@", "Olive Gray"):
        assert name not in left
    called.refresh_from_db()
    assert called.title == "Roads committee"
    assert called.anonymised_at == LATER
    assert [entry.what for entry in called.entries.all()][0] == "meeting_published"
    assert privacy.anonymise_due(LATER) == 0


def test_a_forgotten_meeting_still_has_a_page_and_an_editor(called, client):
    from django.urls import reverse

    from tests.agents import make_staff, url

    privacy.anonymise_due(LATER)
    client.force_login(make_staff(called.agenda))
    assert client.get(url("meeting", called.pk)).status_code == 200
    edit = reverse("wagtailsnippets_wagtail_agenda_meeting:edit", args=[called.meeting_id])
    assert client.get(edit).status_code == 200


def test_who_asks_is_told_what_is_held(called):
    (told,) = privacy.export(ADA.upper())["meetings"]
    assert told["title"] == "Roads committee"
    assert told["invited_as"] == [{"address": ADA, "name": "Ada Lovelace", "required": True}]
    assert told["calendar_copies"][0]["answer"] == "accepted"
    assert {entry["what"] for entry in told["history"]} >= {"meeting_published", "answered"}
    assert privacy.export("bob@fairbridge.exam")["meetings"] == []


def test_nobody_is_erased_from_what_is_to_come(called):
    with pytest.raises(privacy.StillToCome) as refused:
        privacy.erase(ADA, now=NOW)
    assert "Roads committee" in str(refused.value)
    assert ADA in everything()


def test_who_is_erased_is_in_no_revision_invitation_mail_or_history(called):
    found = privacy.erase(ADA, now=LATER)
    assert found["meetings"] == 1
    left = everything()
    assert "ada@" not in left
    assert "Ada Lovelace" not in left
    # The others stay.
    assert "bob@fairbridge.example" in left
    called.refresh_from_db()
    assert len(called.participants) == 2
    assert called.entries.filter(what="answered").get().data.keys() <= {"answer", "from_status"}


def test_an_organiser_is_erased_too(called):
    privacy.erase("olive@fairbridge.example", now=LATER)
    left = everything()
    assert "olive@" not in left
    assert "Olive Gray" not in left


def test_who_was_only_drafted_is_erased_from_the_draft():
    meeting = make_meeting(participants=[{"address": ADA, "name": "Ada Lovelace"}])
    meeting.save_revision()
    assert privacy.erase(ADA, now=NOW)["meetings"] == 1
    assert "ada@" not in everything()
    assert "Ada Lovelace" not in everything()


def test_what_is_cancelled_is_no_longer_to_come(called):
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    outbox.sweep(now=NOW)
    assert privacy.erase(ADA, now=NOW)["meetings"] == 1
    assert "ada@" not in everything()
