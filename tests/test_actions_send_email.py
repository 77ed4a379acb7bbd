"""« Send e-mail »: to whom else, with which files, and the same bytes at every attempt."""

import email as email_parser
from datetime import timedelta

import pytest
from django.core import mail as django_mail
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from icalendar import Calendar
from wagtail.documents.models import Document

from tests.factories import NOW, make_appointments, make_booking
from tests.test_actions_generate_ics import ics_action
from tests.test_workflow import email, make_workflow
from wagtail_agenda import booking as bookings
from wagtail_agenda import mail, outbox, resending
from wagtail_agenda.blocks.actions import SendEmailBlock
from wagtail_agenda.choices import Actor
from wagtail_agenda.cleaning import MOST_ATTACHED
from wagtail_agenda.letters import letter_of
from wagtail_agenda.models import Delivery, Entry, Invitation, KeptFile

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

LATER = NOW + timedelta(hours=1)


def booked(*actions, then=(), answers=None, extra_emails=(), **fields):
    """A booking that has gone through these actions; `then` are those of its cancellation."""
    leads_to = {"booked": "confirmed", "cancelled_by_visitor": "cancelled"}
    made = make_workflow(leads_to, confirmed=list(actions), cancelled=list(then))
    agenda = make_appointments(workflow=made, **fields)[0]
    return make_booking(agenda, answers=answers or {}, extra_emails=extra_emails)


def sent(now=NOW):
    """What arrives of everything that is due, by recipient."""
    django_mail.outbox.clear()
    outbox.sweep(now=now)
    return {message.to[0].rpartition("<")[2].rstrip(">"): message for message in django_mail.outbox}


def files_in(message):
    parsed = email_parser.message_from_bytes(message.message().as_bytes())
    return {
        part.get_filename(): part.get_payload(decode=True)
        for part in parsed.walk()
        if part.get_content_disposition() == "attachment"
    }


def a_document(size=2_000, name="plan d’accès.pdf"):
    document = Document(title="Map")
    document.file.save(name, ContentFile(b"%PDF" + b"x" * (size - 4)))
    document.save()
    return document


# Who gets it


def test_fixed_addresses_get_a_message_each():
    booked(email(to="addresses", addresses="a@x.example\nb@x.example\nb@x.example"))
    arrived = sent()
    assert set(arrived) == {"a@x.example", "b@x.example"}
    assert all(len(message.recipients()) == 1 for message in arrived.values())
    assert "There is a new booking." in arrived["a@x.example"].body


def test_each_has_a_calendar_entry_of_their_own_in_which_nobody_else_is_named():
    booking = booked(email(), email(to="addresses", addresses="a@x.example\nb@x.example"))
    entries = {}
    for delivery in Delivery.objects.all():
        (event,) = Calendar.from_ical(letter_of(delivery, NOW).calendar).walk("VEVENT")
        entries[delivery.recipient] = event
    assert len({event["UID"] for event in entries.values()}) == 3
    assert entries[booking.user_email]["UID"] == f"{booking.uuid}@fairbridge.example"
    for address, event in entries.items():
        assert str(event["ATTENDEE"]) == f"mailto:{address}"


def test_an_address_among_the_answers_is_told_without_the_visitors_secret_link():
    booking = booked(
        email(), email(to="answer", answer="parent"), answers={"parent": "mum@home.example"}
    )
    arrived = sent()
    assert "Booking number" in arrived["mum@home.example"].body
    assert "/manage/" not in arrived["mum@home.example"].message().as_string()
    assert "Hello" not in arrived["mum@home.example"].body
    assert arrived["mum@home.example"].to == ["mum@home.example"]
    assert "Hello Ada Martin" in arrived[booking.user_email].body
    assert Invitation.objects.filter(booking=booking).count() == 2


def test_addresses_that_another_system_gave_are_told_without_it_too():
    booking = booked(
        email(), email(to="extra"), extra_emails=("mum@home.example", "dad@home.example")
    )
    arrived = sent()
    assert set(arrived) == {booking.user_email, "mum@home.example", "dad@home.example"}
    assert "/manage/" not in arrived["dad@home.example"].message().as_string()
    assert Invitation.objects.filter(booking=booking).count() == 3


def test_own_words_to_such_an_address_cannot_hold_the_secret_link_either():
    texts = [{"subject": "S", "text": "Here: {manage_url} {user_name}"}]
    booked(email(to="answer", answer="p", texts=texts), answers={"p": "mum@home.example"})
    (message,) = sent().values()
    assert message.body == "Here:  Ada Martin\n"


@pytest.mark.parametrize("answer", ["", "nobody", "a@b\r\nBcc: x", None, ["a@x"], 7])
@pytest.mark.one_database
def test_what_is_no_address_causes_no_mail_and_no_error(answer):
    booked(email(to="answer", answer="parent"), answers={"parent": answer})
    assert sent() == {}


def test_the_visitors_own_address_among_the_answers_is_still_one_calendar_entry():
    booked(email(), email(to="answer", answer="p"), answers={"p": "ADA@fairbridge.example"})
    assert Invitation.objects.count() == 1


def test_the_last_mail_of_the_visitor_is_never_what_was_passed_on():
    booking = booked(email(), email(to="answer", answer="p"), answers={"p": "mum@home.example"})
    sent()
    assert resending.last_mail(booking).recipient == booking.user_email


def test_all_of_them_have_their_calendar_entries_taken_back():
    actions = [
        email(),
        email(to="staff"),
        email(to="addresses", addresses="a@x.example"),
        email(to="answer", answer="p"),
    ]
    booking = booked(
        *actions, then=actions, answers={"p": "mum@home.example"}, staff_addresses="s@x.example"
    )
    bookings.cancel(booking, actor=Actor.VISITOR, now=LATER)
    taken_back = Delivery.objects.filter(method="CANCEL", sequence=1)
    assert {one.recipient for one in taken_back} == {
        booking.user_email,
        "s@x.example",
        "a@x.example",
        "mum@home.example",
    }


# Files


def test_a_calendar_file_made_in_one_status_goes_with_the_mail_of_a_later_one():
    booking = booked(ics_action(), then=[email(files=["fichier_ics"], with_invitation=False)])
    kept = bytes(KeptFile.objects.get().content)
    assert not sent()

    bookings.cancel(booking, actor=Actor.VISITOR, now=LATER)
    (message,) = sent(LATER).values()

    assert files_in(message) == {"fichier_ics.ics": kept}


def test_files_arrive_as_they_are_beside_the_invitation():
    document = a_document()
    booking = booked(
        ics_action(),
        email(
            files=[{"type": "item", "value": "fichier_ics", "id": "x"}],
            documents=[{"type": "item", "value": document.pk, "id": "y"}],
        ),
    )
    (message,) = sent().values()
    files = files_in(message)
    assert set(files) == {"invite.ics", "fichier_ics.ics", document.filename}
    assert files[document.filename].startswith(b"%PDFxxx")
    assert files["fichier_ics.ics"] == bytes(KeptFile.objects.get(booking=booking).content)
    assert b"METHOD:REQUEST" in files["invite.ics"]


def test_a_retry_sends_the_bytes_of_the_first_attempt_whatever_became_of_the_files(monkeypatch):
    document = a_document()
    booked(ics_action(), email(files=["fichier_ics"], documents=[document.pk]))
    tried = []

    def fail(letter, connection=None, **_options):
        tried.append(mail.compose(letter).message().as_bytes())
        raise mail.TemporaryFailure("busy")

    monkeypatch.setattr(mail, "send", fail)
    outbox.sweep(now=NOW)
    KeptFile.objects.all().delete()
    document.delete()
    outbox.sweep(now=LATER)

    assert len(tried) == 2
    assert tried[0] == tried[1]


def test_what_is_missing_stops_no_mail_and_is_in_the_history():
    booking = booked(email(files=["not_there"], documents=[987654]))
    (message,) = sent().values()
    assert set(files_in(message)) == {"invite.ics"}
    missing = Entry.objects.filter(booking=booking, what="attachment_missing")
    assert [entry.data["name"] for entry in missing] == ["not_there", "document 987654"]


def test_files_too_large_for_a_mail_are_an_error_that_says_what_to_do():
    booking = booked(email(files=["big"]))
    KeptFile.objects.create(
        booking=booking,
        identifier="big",
        name="big.bin",
        content_type="application/octet-stream",
        content=b"x" * (MOST_ATTACHED + 1),
    )
    assert not sent()
    delivery = Delivery.objects.get()
    assert delivery.state == "failed"
    assert "big.bin" in delivery.last_error
    assert "make them smaller" in delivery.last_error


@pytest.mark.parametrize("odd", [None, "fichier_ics", {"a": 1}, [None, {"value": {}}, ["x"], 3]])
def test_lists_of_any_shape_send_the_mail(odd):
    booked(email(files=odd, documents=odd, texts=odd))
    assert len(sent()) == 1


@pytest.mark.parametrize(
    ("name", "arrives"),
    [("../../etc/passwd", ".._.._etc_passwd"), ("a\r\nBcc: x@y", "a Bcc_ x@y"), ("", "file")],
)
def test_no_file_name_does_more_than_name_a_file(name, arrives):
    booking = booked(email(files=["x"]))
    KeptFile.objects.create(
        booking=booking,
        identifier="x",
        name=name,
        content_type="text/html\r\nX-Evil: 1",
        content=b"<script>",
    )
    (message,) = sent().values()
    assert files_in(message)[arrives] == b"<script>"
    assert "X-Evil" not in message.message()
    assert len(message.recipients()) == 1


# As editors write it


def errors_of(value):
    block = SendEmailBlock()
    value = block.to_python({"to": "visitor", **value})
    with pytest.raises(ValidationError) as caught:
        block.clean(value)
    return caught.value.block_errors


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"to": "addresses"}, "addresses"),
        ({"to": "addresses", "addresses": "no address"}, "addresses"),
        ({"to": "answer"}, "answer"),
        ({"files": ["../x"]}, "files"),
        ({"to": "answer", "answer": "p", "texts": [{"text": "{manage_url}"}]}, "texts"),
    ],
)
@pytest.mark.one_database
def test_what_cannot_work_is_refused_at_its_field(value, field):
    assert list(errors_of(value)) == [field]


def test_documents_too_large_for_a_mail_are_refused_when_saved():
    document = a_document(size=MOST_ATTACHED + 1)
    error = errors_of({"documents": [document.pk]})["documents"]
    assert "one mail takes 5.0" in str(error.non_block_errors)


def test_drafts_may_lack_anything():
    block = SendEmailBlock()
    block.clean_deferred(block.to_python({"to": "answer", "documents": [], "files": []}))
