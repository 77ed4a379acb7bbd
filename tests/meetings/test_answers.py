"""Who was invited by somebody else accepts or declines by a link, until it is over."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from freezegun import freeze_time

from tests.agents import make_staff, url
from tests.factories import NOW, make_appointments, make_booking, make_meeting, publish
from tests.test_workflow import email, make_workflow
from wagtail_agenda import answering, meetings, outbox, tokens
from wagtail_agenda import booking as bookings
from wagtail_agenda.choices import About, Actor, Answer
from wagtail_agenda.errors import BookingCancelled, MeetingIsOver
from wagtail_agenda.models import Invitation, Participant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

ADA = "ada@fairbridge.example"


@pytest.fixture
def called():
    return publish(make_meeting())


def invitation_of(subject, address=ADA):
    return subject.invitations.get(address=address)


def link_to(address=ADA):
    """The link in the mail that this address has got last."""
    mail.outbox.clear()
    outbox.sweep(now=NOW)
    (message,) = [one for one in mail.outbox if address in one.to[0]]
    return re.search(r"/agendas/reply/\S+", message.body)[0]


# The page


def test_opening_the_link_changes_nothing_and_a_button_answers(client, called):
    link = link_to()
    page = client.get(link)
    assert page.status_code == 200
    assert "Roads committee" in page.content.decode()
    assert client.head(link).status_code == 200
    assert invitation_of(called).answer == Answer.NONE
    assert "no-store" in page["Cache-Control"]
    assert client.post(link, {"answer": "accepted"}).status_code == 303
    assert invitation_of(called).answer == Answer.ACCEPTED
    assert invitation_of(called).answered_at == NOW
    assert "Your answer: <strong>Accepted</strong>" in client.get(link).content.decode()


def test_an_answer_may_be_changed_and_the_history_says_from_what(client, called):
    link = link_to()
    for answer in ("accepted", "declined", "declined"):
        client.post(link, {"answer": answer})
    noted = called.entries.filter(what="answered")
    assert [(one.data["answer_before"], one.data["answer"]) for one in noted] == [
        ("", "accepted"),
        ("accepted", "declined"),
    ]
    assert {one.data["recipient"] for one in noted} == {ADA}


def test_the_history_names_who_has_answered(admin_client):
    called = publish(make_meeting(participants=[{"address": ADA, "name": "Ada Martin"}]))
    answering.answer(invitation_of(called), Answer.ACCEPTED, now=NOW)
    latest = admin_client.get(url("meeting", called.pk)).context["timeline"][0]
    assert latest.what == "Invitation answered"
    # PostgreSQL keeps the keys of JSON in an order of its own.
    assert dict(latest.details) == {"To": ADA, "Name": "Ada Martin", "Answer": "Accepted"}


def test_without_the_token_of_the_form_nothing_is_answered(called):
    client = Client(enforce_csrf_checks=True)
    response = client.post(link_to(), {"answer": "accepted"})
    assert response.status_code == 403
    assert "Accept" in response.content.decode()
    assert invitation_of(called).answer == Answer.NONE


@pytest.mark.parametrize("answer", ["", "yes", "NEEDS-ACTION", "accepted\x00"])
def test_what_is_no_answer_changes_nothing(client, called, answer):
    assert client.post(link_to(), {"answer": answer}).status_code == 400
    assert invitation_of(called).answer == Answer.NONE


def test_the_answer_of_one_is_not_the_answer_of_another(client, called):
    client.post(link_to(), {"answer": "accepted"})
    assert invitation_of(called, "bob@fairbridge.example").answer == Answer.NONE


@pytest.mark.parametrize(
    "token",
    ["x" * 54, "A" * 54, "_" * 54, "short", "é" * 54],
)
@pytest.mark.one_database
def test_what_is_no_link_of_ours_is_not_found(client, called, token):
    assert client.get(f"/agendas/reply/{token}/").status_code == 404


def test_one_letter_more_or_less_is_another_link(client, called):
    token = tokens.reply_token(invitation_of(called))
    assert tokens.invitation_of_reply_token(token) == invitation_of(called)
    for place in (0, 12, 30, 52):
        wrong = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert tokens.invitation_of_reply_token(wrong) is None


def test_a_link_lasts_as_long_as_its_key_is_known(settings, called):
    token = tokens.reply_token(invitation_of(called))
    before, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    assert tokens.invitation_of_reply_token(token) is None
    settings.SECRET_KEY_FALLBACKS = [before]
    assert tokens.invitation_of_reply_token(token) == invitation_of(called)


# Too late


def test_what_is_cancelled_over_or_no_longer_theirs_says_so_politely(client, called):
    link = link_to()
    invitation = invitation_of(called)
    with freeze_time(called.end + timedelta(minutes=1)):
        assert "This meeting is over" in client.get(link).content.decode()
        assert client.post(link, {"answer": "accepted"}).status_code == 200
    meeting = called.meeting
    meeting.participants = [Participant(address="bob@fairbridge.example")]
    publish(meeting)
    assert "You are no longer invited" in client.get(link).content.decode()
    assert client.post(link, {"answer": "accepted"}).status_code == 200
    called.refresh_from_db()
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    assert "This meeting has been cancelled" in client.get(link).content.decode()
    invitation.refresh_from_db()
    assert invitation.answer == Answer.NONE
    with pytest.raises(MeetingIsOver):
        answering.answer(
            invitation_of(publish(make_meeting())), Answer.ACCEPTED, now=NOW + timedelta(days=9)
        )


def test_the_organisers_copy_has_nothing_to_answer(client, called):
    own = called.invitations.get(address="olive@fairbridge.example")
    assert client.get(f"/agendas/reply/{tokens.reply_token(own)}/").status_code == 404


# What comes of it


def test_the_organiser_sees_who_comes(client, called):
    link = link_to()
    client.post(link, {"answer": "declined"})
    client.force_login(make_staff(called.agenda))
    page = client.get(url("meeting", called.pk)).content.decode()
    assert "Declined: 1" in page
    assert "No answer yet: 1" in page
    assert "Invitation answered" in page


def test_an_answer_moves_the_workflow_on(client):
    own = make_workflow(
        {"meeting_published": "called", "answered": "asked"},
        about=About.MEETINGS,
        called=[email(to="participants")],
        asked=[email(to="organiser", with_invitation=False)],
    )
    called = publish(make_meeting(agenda=make_appointments(meeting_workflow=own)[0]))
    client.post(link_to(), {"answer": "tentative"})
    called.refresh_from_db()
    assert called.status.slug == "asked"
    mail.outbox.clear()
    outbox.sweep(now=NOW)
    (told,) = mail.outbox
    assert told.to == ["Olive Gray <olive@fairbridge.example>"]
    assert told.subject.startswith(f"{ADA}: Perhaps – Roads committee")


# Of a booking that is passed on


@pytest.fixture
def passed_on():
    own = make_workflow(
        {"booked": "confirmed", "cancelled_by_agent": "cancelled"},
        confirmed=[email(), email(to="answer", answer="second_parent")],
        cancelled=[email(), email(to="answer", answer="second_parent")],
    )
    return make_booking(
        make_appointments(workflow=own)[0], answers={"second_parent": "eve@x.example"}
    )


def test_who_gets_a_booking_passed_on_answers_too(client, passed_on):
    link = link_to("eve@x.example")
    client.post(link, {"answer": "accepted"})
    entry = passed_on.entries.get(what="answered")
    assert entry.data["answer"] == "accepted"
    assert Invitation.objects.get(address="eve@x.example").answer == Answer.ACCEPTED
    passed_on.refresh_from_db()
    assert passed_on.status.slug == "confirmed"
    client.force_login(make_staff(passed_on.agenda))
    page = client.get(url("booking", passed_on.pk)).content.decode()
    assert "Invitation answered" in page
    assert "Accepted" in page


def test_the_visitor_has_no_such_link(passed_on):
    own = passed_on.invitations.get(address=passed_on.user_email)
    assert not answering.may_answer(own)
    mail.outbox.clear()
    outbox.sweep(now=NOW)
    (message,) = [one for one in mail.outbox if passed_on.user_email in one.to[0]]
    assert "/reply/" not in message.body


def test_a_booking_that_is_over_has_nothing_to_answer(client, passed_on):
    link = link_to("eve@x.example")
    with freeze_time(passed_on.end + timedelta(minutes=1)):
        assert "The time of this booking is over" in client.get(link).content.decode()


def test_a_cancelled_booking_has_nothing_to_answer(client, passed_on):
    invitation = passed_on.invitations.get(address="eve@x.example")
    link = link_to("eve@x.example")
    bookings.cancel(passed_on, actor=Actor.AGENT, now=NOW)
    with pytest.raises(BookingCancelled):
        answering.answer(invitation, Answer.ACCEPTED, now=NOW)
    assert "This booking has been cancelled" in client.get(link).content.decode()
    outbox.sweep(now=NOW)
    cancelled = [one for one in mail.outbox if one.subject.startswith("Cancelled")]
    assert cancelled
    assert not any("/reply/" in one.body for one in cancelled)
