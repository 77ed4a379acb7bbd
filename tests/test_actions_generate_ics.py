"""« Generate ICS »: the file that a later mail attaches, as another reader reads it."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from icalendar import Calendar

from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_booking,
    make_details,
    make_event,
)
from tests.test_workflow import email, make_workflow
from wagtail_agenda import availability, workflow
from wagtail_agenda import booking as bookings
from wagtail_agenda.actions.generate_ics import TEXTS, generate_ics
from wagtail_agenda.blocks.actions import ActionsBlock, GenerateIcsBlock
from wagtail_agenda.calendar_entries import visitor_event
from wagtail_agenda.choices import Actor, Trigger
from wagtail_agenda.errors import ActionFailed
from wagtail_agenda.letters import letter_of
from wagtail_agenda.models import Bookable, Delivery, Invitation, KeptFile
from wagtail_agenda.workflow import Occasion

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.usefixtures("frozen_now"),
]

LATER = NOW + timedelta(hours=1)


def ics_action(identifier="fichier_ics", **texts):
    return {"type": "generate_ics", "value": {"identifier": identifier, **texts}}


def agenda_with(*actions, **fields):
    """Appointments whose bookings go through these actions whenever they are made or moved."""
    leads_to = {"booked": "confirmed", "cancelled_by_visitor": "cancelled"}
    made = make_workflow(leads_to, confirmed=list(actions), cancelled=list(actions))
    return make_appointments(workflow=made, contact="", **fields)[0]


def file_of(booking, identifier="fichier_ics"):
    return KeptFile.objects.get(booking=booking, identifier=identifier)


def event_of(booking, identifier="fichier_ics"):
    calendar = Calendar.from_ical(bytes(file_of(booking, identifier).content))
    (event,) = calendar.walk("VEVENT")
    assert calendar["METHOD"] == "PUBLISH"
    return event


def move(booking, days=1, now=LATER):
    slots = availability.next_free(booking.agenda, booking.meeting_type, now=now, limit=20)
    slot = next(one for one in slots if one.start >= booking.start + timedelta(days=days))
    return bookings.move(booking, slot, actor=Actor.AGENT, now=now)


def reach_again(booking):
    road = workflow.road_of(booking.agenda)
    workflow.advance(booking, Trigger.CHANGED, road=road, actor=Actor.AGENT, now=LATER)


def test_the_file_says_what_the_invitation_says_unless_told_otherwise():
    booking = make_booking(agenda_with(ics_action()))

    kept, event, invited = file_of(booking), event_of(booking), visitor_event(booking)

    assert (kept.name, kept.content_type.partition(";")[0]) == ("fichier_ics.ics", "text/calendar")
    assert (event["UID"], event["SEQUENCE"]) == (f"{booking.uuid}@fairbridge.example", 0)
    assert (event["SUMMARY"], event["LOCATION"]) == (invited.summary, invited.location)
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (booking.start, booking.end)


def test_nobody_but_the_organiser_is_named_in_it():
    booking = make_booking(agenda_with(email(), ics_action()))
    content = bytes(file_of(booking).content)
    assert b"ATTENDEE" not in content
    assert b"ada@" not in content
    assert b"ORGANIZER" in content


def test_texts_take_names_in_braces_in_one_pass():
    texts = {
        "summary": "{user_name}: {appointment_type}",
        "description": "{{7*7}} {x.__class__} {manage_url}\nPhone: {user_phone_number}\nBring it",
        "url": "https://fairbridge.example/{user_name}?n={number}",
        "location": "{agenda}",
        "comment": "",
    }
    agenda = agenda_with(ics_action(**texts), comment="Old passport")
    booking = make_booking(agenda, user_name="{manage_url} & {agenda}/../x")

    event = event_of(booking)

    assert event["SUMMARY"] == "{manage_url} & {agenda}/../x: Passport"
    assert event["DESCRIPTION"] == "{{7*7}} {x.__class__} {manage_url}\nBring it"
    assert event["LOCATION"] == agenda.label
    assert event["COMMENT"] == "Old passport"
    quoted = "%7Bmanage_url%7D%20%26%20%7Bagenda%7D%2F..%2Fx"
    assert event["URL"] == f"https://fairbridge.example/{quoted}?n={booking.reference}"


@pytest.mark.parametrize(
    "nasty", ["a\r\nATTENDEE:mailto:x@y.example", "\x00\x07\x1bz\u2028q", "\ud800"]
)
def test_control_characters_add_no_property(nasty):
    booking = make_booking(agenda_with())
    booking.user_name = nasty
    texts = dict.fromkeys(["summary", "description", "location", "comment"], nasty + "x{user_name}")
    occasion = Occasion(booking, booking.status, booking.entries.first(), 0, NOW)
    generate_ics(occasion, {"identifier": "fichier_ics", **texts})

    event = event_of(booking)

    assert "ATTENDEE" not in event
    assert not any(ord(sign) < 32 and sign != "\n" for sign in str(event["DESCRIPTION"]))
    assert "\n" not in event["SUMMARY"]


@pytest.mark.parametrize("value", [{}, {"identifier": None}, {"identifier": ["a"]}, {"a": {}}])
def test_an_action_without_a_usable_identifier_says_so(value):
    booking = make_booking(agenda_with())
    entry = booking.entries.first()
    with pytest.raises(ActionFailed) as caught:
        generate_ics(Occasion(booking, booking.status, entry, 0, NOW), value)
    assert caught.value.code == "no identifier"


@pytest.mark.parametrize("odd", [None, [], {"a": 1}, 7, True])
def test_texts_of_any_shape_make_a_file(odd):
    booking = make_booking(agenda_with(ics_action(**dict.fromkeys(TEXTS, odd))))
    assert event_of(booking)["UID"]


@pytest.mark.parametrize("first", ["mail", "file"])
def test_made_again_after_a_move_it_takes_the_others_place_with_the_sequence_of_the_mail(first):
    actions = [email(), ics_action()] if first == "mail" else [ics_action(), email()]
    booking = make_booking(agenda_with(*actions))
    uid = event_of(booking)["UID"]

    moved = move(booking)

    event, invitation = event_of(moved), Invitation.objects.get()
    assert (event["UID"], event["SEQUENCE"]) == (uid, 1)
    assert (invitation.sequence, invitation.uid) == (1, uid)
    assert event["DTSTART"].dt == moved.start
    assert Delivery.objects.last().sequence == 1
    assert KeptFile.objects.count() == 1


def test_the_same_again_is_the_same_bytes():
    booking = make_booking(agenda_with(ics_action()))
    before = bytes(file_of(booking).content)

    reach_again(booking)

    assert bytes(file_of(booking).content) == before


def test_other_words_for_the_same_appointment_are_a_revision():
    agenda = agenda_with(ics_action(summary="Before"))
    booking = make_booking(agenda)
    status = booking.status
    status.actions = [ics_action(summary="After"), email()]
    status.save()

    reach_again(booking)

    event = event_of(booking)
    assert (event["SUMMARY"], event["SEQUENCE"]) == ("After", 1)
    assert Invitation.objects.get().sequence == 1
    assert Delivery.objects.get().sequence == 1


def test_a_cancelled_booking_leaves_a_file_that_says_so_with_a_higher_sequence():
    booking = make_booking(agenda_with(ics_action()))
    bookings.cancel(booking, actor=Actor.VISITOR, now=LATER)
    event = event_of(booking)
    assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", 1)


def test_a_mail_that_takes_the_entry_back_has_the_sequence_of_the_file():
    booking = make_booking(agenda_with(ics_action(), email()))
    bookings.cancel(booking, actor=Actor.VISITOR, now=LATER)
    mail = Delivery.objects.last()
    assert mail.method == "CANCEL"
    assert f"SEQUENCE:{mail.sequence}".encode() in letter_of(mail, LATER).calendar
    assert event_of(booking)["SEQUENCE"] == mail.sequence


def test_who_waits_has_a_tentative_file_and_then_a_better_one():
    made = make_workflow(
        {"booked": "confirmed", "waiting": "waits"}, confirmed=[ics_action()], waits=[ics_action()]
    )
    event = make_event(make_agenda(kind="events", workflow=made), places=1)
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=5)
    first = make_booking(event.agenda)
    details = make_details(user_email="bob@fairbridge.example")
    waiting = bookings.book(bookings.slot_of(first), details, now=NOW)
    assert event_of(waiting)["STATUS"] == "TENTATIVE"
    bookings.cancel(first, actor=Actor.VISITOR, now=LATER)
    promoted = event_of(waiting)
    assert (promoted["STATUS"], promoted["SEQUENCE"]) == ("CONFIRMED", 1)


def errors_of(value):
    block = GenerateIcsBlock()
    value = block.to_python(value)
    with pytest.raises(ValidationError) as caught:
        block.clean(value)
    return list(caught.value.block_errors)


@pytest.mark.parametrize("identifier", ["../x", "Fichier", "a b", "é", "", "1", "x" * 65])
def test_an_identifier_is_a_plain_name(identifier):
    assert errors_of({"identifier": identifier}) == ["identifier"]


@pytest.mark.parametrize("field", ["summary", "description", "location", "url"])
@pytest.mark.parametrize("text", ["{manage_url}", "{user_nme}"])
def test_neither_the_secret_link_nor_an_unknown_name_can_stand_in_it(field, text):
    assert errors_of({"identifier": "a", field: text}) == [field]


def test_an_unfinished_one_can_be_kept_as_a_draft():
    block = ActionsBlock()
    block.clean_deferred(block.to_python([{"type": "generate_ics", "value": {}}]))
