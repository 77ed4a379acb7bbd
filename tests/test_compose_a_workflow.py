"""docs/how-to/compose-a-workflow.md, carried out as it stands there, and what comes of it."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail as django_mail
from django.urls import reverse
from icalendar import Calendar
from wagtail.blocks import ListBlock, MultipleChoiceBlock, StreamBlock, StructBlock

from tests.agents import make_administrator
from tests.factories import NOW, make_appointments, make_booking
from tests.http_server import Server
from tests.test_actions_send_email import files_in
from wagtail_agenda import attendance, outbox, workflow
from wagtail_agenda import booking as bookings
from wagtail_agenda.blocks.actions import ActionsBlock, SendEmailBlock
from wagtail_agenda.blocks.transitions import TransitionsBlock
from wagtail_agenda.choices import Actor, Cause
from wagtail_agenda.models import Entry, KeptFile, Workflow, WorkflowStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "compose-a-workflow.md"
LATER = NOW + timedelta(hours=1)
SNIPPETS = "wagtailsnippets_wagtail_agenda_"


@pytest.fixture
def service(settings):
    with Server() as server:
        settings.WAGTAIL_AGENDA = {**settings.WAGTAIL_AGENDA, "CALLBACK_HOSTS": [server.host]}
        yield server


class Editor:
    """Somebody who carries out a section of the page in the admin, form by form."""

    def __init__(self, client, **instead):
        client.force_login(make_administrator())
        self.client, self.instead = client, instead

    page = PAGE

    def section(self, heading):
        return self.page.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]

    def compose(self, heading):
        section = self.section(heading)
        kind, label = re.search(r"(booking|meeting) workflow \*\*(.+?)\*\*", section).groups()
        statuses, rules = (filled(table) for table in tables(section))
        about = {"label": label, "slug": "made", "about": f"{kind}s"}
        self.save("workflow:add", {**about, **self.blocks("transitions")})
        made = Workflow.objects.get(label=label)
        # First all statuses, then their actions, which may name one another.
        for order, name in enumerate(dict.fromkeys(row[0] for row in statuses)):
            self.save("workflowstatus:add", self.status(made, f"status-{order}", name))
            WorkflowStatus.objects.filter(label=name).update(sort_order=order)
        for status in made.statuses.all():
            rows = [row[1:] for row in statuses if row[0] == status.label]
            actions = grouped(rows, ActionsBlock(), self.known(made))
            data = self.status(made, status.slug, status.label, actions)
            self.save("workflowstatus:edit", data, status.pk)
        rows = [(name, field, value) for name, field, value, _to in rules]
        rows = with_targets(rows, rules)
        transitions = grouped(rows, TransitionsBlock(), self.known(made))
        data = {"label": label, "slug": "made", **self.blocks("transitions", transitions)}
        self.save("workflow:edit", data, made.pk)
        return Workflow.objects.get(pk=made.pk)

    def status(self, made, slug, label, actions=()):
        return {
            "workflow": str(made.pk),
            "label": label,
            "slug": slug,
            "colour": "blue",
            "icon": "check",
            "visitor_text": "",
            **self.blocks("actions", actions, ActionsBlock()),
        }

    def blocks(self, field, rows=(), block=None):
        block = block or TransitionsBlock()
        return posted(block, block.to_python(list(rows)), field)

    def known(self, made):
        return {status.label: status.pk for status in made.statuses.all()} | self.instead

    def save(self, view, data, *args):
        response = self.client.post(reverse(SNIPPETS + view, args=args), data)
        if response.status_code != 302:
            problems = response.context["form"].errors.as_data()
            pytest.fail(f"{view}: {problems} {said_of_blocks(problems)}")


def said_of_blocks(errors):
    """What is wrong with the blocks of a form, for whoever reads why the test fails."""
    found = []
    waiting = [error for several in errors.values() for error in several]
    while waiting:
        error = waiting.pop()
        inner = getattr(error, "block_errors", None) or {}
        for name, one in inner.items() if isinstance(inner, dict) else enumerate(inner):
            found.append((name, getattr(one, "messages", one)))
            waiting.append(one)
    return found


def tables(section):
    """The rows of each table of a section, without its head."""
    for table in re.findall(r"(?:^ *\|.*\n)+", section, re.M):
        rows = [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
            for line in table.splitlines()
        ]
        yield rows[2:]


def filled(rows):
    """Rows in which what stands only in the first of several is repeated."""
    before = ["", ""]
    made = []
    for row in rows:
        if row[0]:
            before = [row[0], ""]
        if row[1]:
            before[1] = row[1]
        made.append([before[0], *row[1:]] if len(row) == 4 else row)
    return made


def with_targets(rows, rules):
    """The rules as blocks: where they lead is a field like the others."""
    made = []
    for (name, field, value), (*_rest, to) in zip(rows, rules, strict=True):
        if to:
            made.append((name, field, value))
            made.append(("", "The booking goes to the status", to))
        else:
            made.append(("", field, value))
    return made


def grouped(rows, stream, known):
    """Blocks of a stream: each row is a block's label, or empty for the one before, and a field."""
    found = []
    for label, field, text in rows:
        if label:
            kind = next(k for k, b in stream.child_blocks.items() if str(b.label) == label)
            found.append({"type": kind, "value": {}})
        block = stream.child_blocks[found[-1]["type"]]
        value = found[-1]["value"]
        if isinstance(block, SendEmailBlock) and field in ("Subject", "Text"):
            value.setdefault("texts", [{}])[0][field.lower()] = plain(text)
            continue
        name = next(n for n, child in block.child_blocks.items() if str(child.label) == field)
        value[name] = value_of(block.child_blocks[name], text, known)
    return found


def value_of(block, text, known):
    if isinstance(block, ListBlock):
        name, _colon, value = text.partition(": ")
        return [{"name": plain(name), "value": plain(value)} if value else plain(text)]
    if text in ("yes", "no"):
        return text == "yes"
    choices = getattr(block.field, "choices", None)
    if text in known:
        return known[text]
    if choices is not None and not hasattr(block.field, "queryset"):
        return next(value for value, label in choices if str(label) == text)
    found = plain(text)
    for said, instead in known.items():
        found = found.replace(said, instead) if isinstance(instead, str) else found
    return found


def plain(text):
    return text.strip("`")


def posted(block, value, prefix):
    """What the browser sends for a block."""
    if isinstance(block, StreamBlock):
        return rows_posted(
            [(child.block, child.value, child.block_type) for child in value], prefix
        )
    if isinstance(block, ListBlock):
        items = [] if value is None else list(value)
        return rows_posted([(block.child_block, item, None) for item in items], prefix)
    if isinstance(block, StructBlock):
        data = {}
        for name, child in block.child_blocks.items():
            data |= posted(child, value.get(name), f"{prefix}-{name}")
        return data
    sent = block.value_for_form(value)
    if isinstance(sent, bool):
        return {prefix: "on"} if sent else {}
    if isinstance(block, MultipleChoiceBlock):
        return {prefix: sent} if sent else {}
    if hasattr(sent, "pk"):
        sent = sent.pk
    if block.name == "html":
        sent = "null"
    return {prefix: "" if sent is None else sent}


def rows_posted(rows, prefix):
    data = {f"{prefix}-count": str(len(rows))}
    for index, (block, value, kind) in enumerate(rows):
        row = {"deleted": "", "order": str(index), "id": ""} | ({"type": kind} if kind else {})
        data |= {f"{prefix}-{index}-{name}": text for name, text in row.items()}
        data |= posted(block, value, f"{prefix}-{index}-value")
    return data


def deliver(now=LATER):
    """Let the worker do all there is to do; answers with the mails that arrived."""
    django_mail.outbox.clear()
    for _round in range(4):
        workflow.catch_up(now)
        outbox.sweep(now=now)
    return list(django_mail.outbox)


def booked(made):
    booking = make_booking(make_appointments(workflow=made, contact="Desk 4")[0])
    booking.refresh_from_db()
    return booking


def status_of(booking):
    booking.refresh_from_db()
    return booking.status.label


def test_a_calendar_file_made_first_and_sent_later(client):
    made = Editor(client).compose("A calendar file made first and sent later")
    booking = booked(made)
    assert status_of(booking) == "Papers to be looked at"
    assert deliver() == []
    kept = bytes(KeptFile.objects.get(booking=booking, identifier="fichier_ics").content)
    (event,) = Calendar.from_ical(kept).walk("VEVENT")
    assert event["SUMMARY"] == "Passport at the town hall"

    (button,) = workflow.buttons_of(booking, now=LATER)
    assert button.label == "Papers are complete"
    data = {"identifier": button.identifier}
    workflow.note_cause(booking, Cause.BY_HAND, data=data, actor=Actor.AGENT, now=LATER)

    (message,) = deliver()
    assert status_of(booking) == "Invited"
    assert message.subject.startswith("Your appointment on Monday")
    assert "Hello Ada Martin, your papers are complete." in message.body
    assert files_in(message) == {"fichier_ics.ics": kept}

    bookings.cancel(booking, actor=Actor.VISITOR, now=LATER)
    (message,) = deliver()
    (cancelled,) = Calendar.from_ical(files_in(message)["fichier_ics.ics"]).walk("VEVENT")
    assert (cancelled["STATUS"], cancelled["UID"]) == ("CANCELLED", event["UID"])
    assert cancelled["SEQUENCE"] > event["SEQUENCE"]


def agenda_that_drives(client, service):
    host = {"https://files.example.org": service.url.removesuffix("/hook/")}
    return Editor(client, **host).compose("An agenda that drives a workflow")


def test_an_action_leads_to_no_status_of_another_workflow(client):
    editor = Editor(client)
    made = editor.compose("A calendar file made first and sent later")
    own, foreign = made.statuses.first(), WorkflowStatus.objects.exclude(workflow=made).first()
    row = {"type": "change_status", "value": {"status": foreign.pk}}
    data = editor.status(made, own.slug, own.label, [row])
    response = client.post(reverse(f"{SNIPPETS}workflowstatus:edit", args=[own.pk]), data)
    assert "Choose one of this workflow" in response.text
    own.refresh_from_db()
    assert [row["type"] for row in own.actions.raw_data] == ["generate_ics"]


def test_an_agenda_that_drives_a_workflow(client, service):
    service.answer = (200, {"Content-Type": "application/json"}, b'{"file": "F-12"}')
    booking = booked(agenda_that_drives(client, service))
    assert len(deliver()) == 1

    attendance.check_in(booking, "present", now=LATER)
    (message,) = deliver()

    ((method, path, _headers, body),) = service.received
    assert (method, path) == ("POST", f"/visits/{booking.reference}")
    assert json.loads(body)["visit"].startswith("came on Monday")
    assert status_of(booking) == "File closed"
    assert message.subject == "Your file F-12"


def test_who_did_not_come_and_who_is_cancelled_are_written_to(client, service):
    made = agenda_that_drives(client, service)
    absent, cancelled = booked(made), booked(made)
    deliver()
    attendance.check_in(absent, "absent", now=LATER)
    (message,) = deliver()
    assert message.subject.startswith("We missed you on Monday")
    assert "Desk 4" in message.body
    bookings.cancel(cancelled, actor=Actor.AGENT, now=LATER)
    (message,) = deliver()
    assert message.subject.startswith("Cancelled:")
    assert (status_of(absent), status_of(cancelled)) == ("Did not come", "Cancelled at the counter")


def test_what_the_other_system_refuses_is_left_to_colleagues(client, service):
    service.answer = (404, {}, b"")
    booking = booked(agenda_that_drives(client, service))
    attendance.check_in(booking, "present", now=LATER)
    deliver()
    assert status_of(booking) == "To look after"
    note = Entry.objects.get(booking=booking, what="note").data["text"]
    assert note == f"The other system was not told of {booking.reference}. Call them."
