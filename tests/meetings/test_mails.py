"""Everybody who is invited to a meeting gets exactly what is new for them."""

import re
from datetime import timedelta

import pytest
from django.db import transaction

from tests.factories import NOW, make_agenda, make_meeting, publish
from tests.second_parser import read_calendar
from tests.test_outbox import calendars
from wagtail_agenda import meetings, tokens
from wagtail_agenda.choices import Actor
from wagtail_agenda.models import Delivery, Entry, Invitation, Meeting, Participant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

ADA, BOB, OLIVE = (f"{name}@fairbridge.example" for name in ("ada", "bob", "olive"))


class Arrived:
    def __init__(self, message):
        self.message = message
        self.subject = message["Subject"]
        self.text = message.get_body(["plain"]).get_content()
        self.calendar = None
        if found := calendars(message):
            assert found[0] == found[1]
            self.calendar = read_calendar(found[0])

    @property
    def entry(self):
        (event,) = self.calendar.events
        return event

    @property
    def attachments(self):
        return [part.get_filename() for part in self.message.iter_attachments()]


def change(meeting, **fields):
    """Edit a meeting and publish it."""
    meeting = Meeting.objects.get(pk=meeting.pk)
    for name, value in fields.items():
        setattr(meeting, name, value)
    return publish(meeting)


def methods(arrived):
    return {address: one.calendar.method for address, one in arrived.items()}


# Called


def test_each_participant_is_invited_alone_and_the_organiser_has_a_copy(arrived):
    called = publish(make_meeting(video_link="https://video.example/roads"))
    came = arrived()
    assert methods(came) == dict.fromkeys([ADA, BOB, OLIVE], "REQUEST")
    assert came[ADA].subject == "Invitation: Roads committee, Wednesday 2 December 2026, 07:00"
    for address in (ADA, BOB):
        entry = came[address].entry
        assert [one.address for one in entry.attendees] == [address]
        assert entry.sequence == 0
        assert (entry.start, entry.end) == (called.start, called.end)
        assert entry.summary == "Roads committee"
        assert entry.location == "Council chamber"
        assert "The bridge" in entry.description
        assert "https://video.example/roads" in entry.description
        assert entry.url == "https://video.example/roads"
    assert len({one.entry.uid for one in came.values()}) == 3


def test_mails_come_from_the_service_in_the_organisers_name_and_answers_go_to_them(arrived):
    publish(make_meeting())
    came = arrived()
    message = came[ADA].message
    assert "Olive Gray" in message["From"]
    assert OLIVE not in message["From"]
    assert message["Reply-To"] == OLIVE
    organizer = came[ADA].entry.organizer
    assert organizer.parameters["CN"] == "Olive Gray"
    assert organizer.address in message["From"]
    assert came[OLIVE].message["Reply-To"] != OLIVE


def test_who_need_not_come_is_told_so_by_their_calendar(arrived):
    publish(make_meeting(participants=[ADA, {"address": BOB, "required": False}]))
    came = arrived()
    roles = {a: came[a].entry.attendees[0].parameters["ROLE"] for a in (ADA, BOB)}
    assert roles == {ADA: "REQ-PARTICIPANT", BOB: "OPT-PARTICIPANT"}


def test_calendars_are_asked_to_remind_as_the_agenda_has_it(arrived):
    publish(make_meeting(make_agenda(alarm_before=30, alarm_before_unit="minutes")))
    assert [len(one.entry.alarms) for one in arrived().values()] == [1, 1, 1]


def test_the_link_to_answer_stands_in_the_mail_and_never_in_the_calendar(arrived):
    publish(make_meeting())
    came = arrived()
    links = {a: re.search(r"https?://\S+/reply/\S+", came[a].text)[0] for a in (ADA, BOB)}
    assert len(set(links.values())) == 2
    for address in (ADA, BOB):
        for content in calendars(came[address].message):
            assert b"/reply/" not in content
    assert "/reply/" not in came[OLIVE].text


def test_the_secret_of_the_link_is_not_in_the_database(arrived, smtp_server):
    smtp_server.refuse("RCPT", 452, "busy")
    called = publish(make_meeting())
    assert not arrived()
    written = [delivery.letter for delivery in called.deliveries.all()]
    assert all(letter is not None for letter in written)
    for invitation in Invitation.objects.all():
        assert tokens.reply_token(invitation) not in str(written)


# Drafts


def test_a_draft_and_its_autosave_send_nothing(arrived):
    meeting = make_meeting()
    meeting.title = ""
    meeting.save_revision(clean=False)
    assert not Delivery.objects.exists()
    assert not arrived()


def test_a_draft_of_a_called_meeting_changes_nothing_that_is_still_to_be_sent(arrived):
    called = publish(make_meeting())
    meeting = Meeting.objects.get()
    meeting.title = "Something else altogether"
    meeting.save_revision()
    came = arrived()
    assert came[ADA].entry.summary == "Roads committee"
    assert called.entries.count() == 4


# Changed


def test_what_is_moved_is_an_update_of_the_same_entry_for_everybody(arrived):
    meeting = make_meeting()
    publish(meeting)
    first = arrived()
    called = change(meeting, start=NOW + timedelta(days=3), end=NOW + timedelta(days=3, hours=1))
    came = arrived()
    assert methods(came) == dict.fromkeys([ADA, BOB, OLIVE], "REQUEST")
    for address, one in came.items():
        assert one.entry.uid == first[address].entry.uid
        assert one.entry.sequence == 1
        assert one.entry.start == called.start
        assert one.message["References"] == first[address].message["Message-ID"]
    assert came[ADA].subject.startswith("Changed: Roads committee, Thursday 3 December")
    assert "It has been moved from: Wednesday 2 December 2026, 07:00 to 09:00" in came[ADA].text


def test_a_mail_about_a_change_says_what_is_new(arrived):
    meeting = make_meeting()
    publish(meeting)
    assert "What is new" not in arrived()[ADA].text
    change(
        meeting, location="Town hall", start=NOW + timedelta(days=3), end=NOW + timedelta(days=4)
    )
    came = arrived()
    for address in (ADA, OLIVE):
        assert "What is new: time, place" in came[address].text.splitlines()


def test_published_again_unchanged_it_sends_nothing(arrived):
    meeting = make_meeting()
    publish(meeting)
    arrived()
    called = change(meeting)
    assert not arrived()
    assert called.deliveries.count() == 3


def test_an_older_draft_that_is_published_is_the_meeting_again(arrived):
    meeting = make_meeting()
    called = publish(meeting)
    first = Meeting.objects.get().latest_revision
    change(meeting, location="Library")
    arrived()
    first.publish()
    came = arrived()
    assert came[ADA].entry.location == "Council chamber"
    assert came[ADA].entry.sequence == 2
    called.refresh_from_db()
    assert called.location == "Council chamber"


def test_who_is_added_is_invited_and_nobody_else_is_written_to(arrived):
    meeting = make_meeting(participants=[ADA])
    publish(meeting)
    arrived()
    meeting = Meeting.objects.get()
    meeting.participants.add(Participant(address=BOB))
    publish(meeting)
    came = arrived()
    assert methods(came) == {BOB: "REQUEST"}
    assert came[BOB].entry.sequence == 0


def test_who_is_removed_gets_the_cancellation_and_nobody_else_a_word(arrived):
    meeting = make_meeting()
    publish(meeting)
    first = arrived()
    called = change(meeting, participants=[Participant(address=ADA)])
    came = arrived()
    assert methods(came) == {BOB: "CANCEL"}
    assert came[BOB].entry.uid == first[BOB].entry.uid
    assert came[BOB].entry.sequence == 1
    assert came[BOB].entry.status == "CANCELLED"
    assert came[BOB].subject.startswith("No longer invited")
    assert "/reply/" not in came[BOB].text
    assert [one["address"] for one in called.participants] == [ADA]


def test_who_is_invited_again_gets_the_same_entry_back(arrived):
    meeting = make_meeting()
    publish(meeting)
    first = arrived()
    change(meeting, participants=[Participant(address=ADA)])
    change(meeting, participants=[Participant(address=ADA), Participant(address=BOB.upper())])
    came = arrived()
    last = came[BOB.upper()] if BOB.upper() in came else came[BOB]
    assert last.entry.uid == first[BOB].entry.uid
    assert (last.calendar.method, last.entry.sequence) == ("REQUEST", 2)


def test_one_publication_can_move_it_invite_one_and_uninvite_another(arrived):
    meeting = make_meeting()
    publish(meeting)
    arrived()
    called = change(
        meeting,
        location="Library",
        participants=[Participant(address=ADA), Participant(address="eve@fairbridge.example")],
    )
    came = arrived()
    assert methods(came) == {
        ADA: "REQUEST",
        OLIVE: "REQUEST",
        "eve@fairbridge.example": "REQUEST",
        BOB: "CANCEL",
    }
    assert came["eve@fairbridge.example"].subject.startswith("Invitation")
    assert came[ADA].subject.startswith("Changed")
    noted = list(called.entries.exclude(what="delivered").values_list("what", flat=True))
    assert noted == [
        "meeting_published",
        "meeting_changed",
        "participant_added",
        "participant_removed",
    ]


def test_another_organiser_has_the_copy_and_the_one_before_is_rid_of_it(arrived):
    meeting = make_meeting()
    publish(meeting)
    arrived()
    change(meeting, organiser_name="Otto", organiser_address="otto@fairbridge.example")
    came = arrived()
    assert methods(came)[OLIVE] == "CANCEL"
    assert methods(came)["otto@fairbridge.example"] == "REQUEST"


def test_an_organiser_who_takes_part_is_not_invited_twice(arrived):
    publish(make_meeting(participants=[ADA, OLIVE]))
    assert set(arrived()) == {ADA, OLIVE}


# Cancelled


def test_what_is_cancelled_is_taken_out_of_every_calendar(arrived):
    called = publish(make_meeting())
    first = arrived()
    meetings.cancel(called, actor=Actor.AGENT, now=NOW, reason="No quorum")
    came = arrived()
    assert methods(came) == dict.fromkeys([ADA, BOB, OLIVE], "CANCEL")
    assert "Reason: No quorum" in came[ADA].text
    for address, one in came.items():
        assert one.entry.uid == first[address].entry.uid
        assert one.entry.sequence == 1


def test_who_was_no_longer_invited_hears_nothing_of_the_cancellation(arrived):
    meeting = make_meeting()
    publish(meeting)
    called = change(meeting, participants=[Participant(address=ADA)])
    arrived()
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    assert set(arrived()) == {ADA, OLIVE}


def test_an_invitation_that_has_not_left_is_not_sent_after_the_cancellation(arrived):
    called = publish(make_meeting())
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    came = arrived()
    assert methods(came) == dict.fromkeys([ADA, BOB, OLIVE], "CANCEL")


# Over


def test_minutes_that_are_added_afterwards_are_noted_and_sent_to_nobody(arrived):
    meeting = make_meeting(start=NOW - timedelta(hours=3), end=NOW - timedelta(hours=1))
    called = publish(meeting)
    change(meeting, description="What was decided")
    assert not arrived()
    assert [entry.what for entry in called.entries.all()] == [
        "meeting_published",
        "meeting_changed",
    ]


# What is typed


HOSTILE = "Ada\r\nBcc: eve@evil.example\x1b\x07 {reply_url} {{ 7*7 }} <b>\u2028"


def test_what_is_typed_breaks_neither_mail_nor_calendar(arrived):
    publish(
        make_meeting(
            title=HOSTILE,
            location=HOSTILE,
            description=HOSTILE,
            organiser_name=HOSTILE,
            participants=[{"address": ADA, "name": HOSTILE}, BOB],
        )
    )
    came = arrived()
    assert set(came) == {ADA, BOB, OLIVE}
    for one in came.values():
        assert one.message["Bcc"] is None
        assert "\x07" not in str(one.message)
        # A name in braces that somebody typed is filled in with nothing.
        assert "{reply_url}" in one.text
        assert "<b>" not in one.message.get_body(["html"]).get_content()
        assert "{{ 7*7 }}" in one.entry.description


def test_an_unusable_address_costs_nobody_else_their_invitation(arrived):
    publish(make_meeting(participants=["no address", ADA]))
    assert set(arrived()) == {ADA, OLIVE}


# History


def test_the_history_says_who_did_what_and_each_mail_with_its_revision(arrived, django_user_model):
    user = django_user_model.objects.create_user("clerk")
    called = publish(make_meeting(), user=user)
    arrived()
    first, *delivered = called.entries.all()
    assert (first.what, first.user, first.actor) == ("meeting_published", user, Actor.AGENT)
    assert {entry.what for entry in delivered} == {"delivered"}
    for entry in delivered:
        assert entry.data["sequence"] == 0
        assert entry.data["message_id"].startswith("<")


def test_nothing_is_left_of_a_meeting_whose_transaction_fails():
    meeting = make_meeting()

    def fails_afterwards():
        with transaction.atomic():
            publish(meeting)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails_afterwards()
    assert not Entry.objects.exists()
    assert not Delivery.objects.exists()


def test_the_agenda_says_how_late_it_is(arrived):
    publish(make_meeting(make_agenda(timezone="America/New_York")))
    assert "01:00" in arrived()[ADA].subject
