"""docs/how-to/a-catalogue-of-meetings.md, carried out as it stands there, and what comes of it."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from freezegun import freeze_time
from wagtail.models import Site

from tests.factories import NOW, make_agenda
from tests.meetings.test_admin import form
from tests.meetings.test_mails import Arrived
from tests.smtp_server import SmtpServer
from tests.test_compose_a_workflow import Editor, plain, tables
from tests.test_outbox import parsed
from wagtail_agenda import meetings, outbox, workflow
from wagtail_agenda.choices import Actor, MailSecurity
from wagtail_agenda.models import CalledMeeting, MailSettings, Meeting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "a-catalogue-of-meetings.md"
ADA, BOB, OLIVE = (f"{name}@example.org" for name in ("ada", "bob", "olive"))


@pytest.fixture
def server():
    """The mail server that the page names, wherever it is here."""
    server = SmtpServer()
    server.start()
    yield server
    server.stop()


class Administrator(Editor):
    """Somebody who carries out the whole page."""

    page = PAGE

    def table(self, heading, number=0):
        return [
            [plain(cell) for cell in row] for row in list(tables(self.section(heading)))[number]
        ]

    def set_up_mail(self, server):
        typed = dict(self.table("The mail server"))
        assert typed["Mail server"] == "smtp.example.org"
        data = {
            "site": str(Site.objects.get(is_default_site=True).pk),
            "sender_name": typed["Name of the sender"],
            "sender_address": typed["Address of the sender"],
            "reply_to": "",
            "signature": "",
            "host": server.host,
            "port": str(server.port),
            "security": next(v for v, label in MailSecurity.choices if label == typed["Security"]),
            "user": "",
            "password_variable": "",
        }
        response = self.client.post(reverse("wagtail_agenda_mailsettings:add"), data)
        assert response.status_code == 302, response.context["form"].errors

    def call(self, agenda, meeting=None, **instead):
        rows = self.table("A meeting")
        invited = [{"address": value} for field, value in rows if field == "Participant"]
        typed = dict(row for row in rows if row[0] != "Participant")
        fields = {
            "title": typed["Title"],
            "start": typed["Starts at"],
            "end": typed["Ends at"],
            "location": typed["Location"],
            "description": typed["Topics and description"],
            "organiser_name": typed["Name of the organiser"],
            "organiser_address": typed["E-mail of the organiser"],
            "action-publish": "1",
        }
        view, args = ("meeting:edit", [meeting.pk]) if meeting else ("meeting:add", [])
        self.save(view, form(agenda, *invited, **{**fields, **instead}), *args)
        return CalledMeeting.objects.get()


@pytest.fixture
def catalogue(client, server):
    """The agenda, the server, the workflow and the meeting, all as the page says."""
    administrator = Administrator(client)
    agenda = make_agenda(label="Council")
    administrator.set_up_mail(server)
    made = administrator.compose("The automation")
    agenda.meeting_workflow = made
    agenda.save()
    administrator.call(agenda)
    return administrator, agenda


def arrived(server, now=NOW):
    known = len(server.received)
    workflow.fire_timers(now)
    outbox.sweep(now=now)
    return {one.recipients[0]: Arrived(parsed(one.content)) for one in server.received[known:]}


def test_saving_a_meeting_sends_each_participant_a_mail_with_the_ics(catalogue, server):
    came = arrived(server)
    assert set(came) == {ADA, BOB, OLIVE}
    for address in (ADA, BOB):
        one = came[address]
        assert one.subject == "Roads committee, Tuesday 8 December 2026"
        assert "Will you come? http" in one.text
        assert "council@example.org" in one.message["From"]
        assert one.attachments == ["invite.ics"]
        assert (one.calendar.method, one.entry.sequence) == ("REQUEST", 0)
        assert [attendee.address for attendee in one.entry.attendees] == [address]
    assert MailSettings.objects.get().host == server.host


def test_changing_it_updates_the_entries_and_cancelling_takes_them_away(catalogue, server):
    administrator, agenda = catalogue
    first = arrived(server)
    called = administrator.call(agenda, Meeting.objects.get(), location="Library")
    moved = arrived(server)
    assert set(moved) == {ADA, BOB, OLIVE}
    assert moved[ADA].entry.uid == first[ADA].entry.uid
    assert (moved[ADA].entry.sequence, moved[ADA].entry.location) == (1, "Library")
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    gone = arrived(server)
    assert {address: one.calendar.method for address, one in gone.items()} == dict.fromkeys(
        [ADA, BOB, OLIVE], "CANCEL"
    )
    assert gone[ADA].entry.uid == first[ADA].entry.uid


def test_everybody_is_reminded_two_days_before(catalogue, server):
    arrived(server)
    at = CalledMeeting.objects.get().start - timedelta(days=2)
    with freeze_time(at):
        reminded = arrived(server, at)
    assert set(reminded) == {ADA, BOB}
    assert all(one.calendar is None for one in reminded.values())


def test_the_list_has_the_columns_of_the_catalogue(catalogue):
    administrator, _agenda = catalogue
    shown = administrator.client.get(
        reverse("wagtailsnippets_wagtail_agenda_meeting:list")
    ).content.decode()
    for said in ("Roads committee", "Tuesday 8 December 2026", "Olive Gray", "Created"):
        assert said in shown
