"""A booking as a calendar entry: that of the visitor, of the staff, and the file to download."""

from datetime import timedelta

import pytest

from tests.factories import (
    NOW,
    first_slot,
    make_agenda,
    make_booking,
    make_event,
    utc,
)
from tests.second_parser import read_calendar
from tests.test_correspondence import full_agenda, letter
from wagtail_agenda import booking as bookings
from wagtail_agenda import calendar_entries, tokens
from wagtail_agenda.choices import Actor, AgendaKind, Audience
from wagtail_agenda.models import WorkflowStatus

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def test_the_visitors_calendar_entry():
    agenda = full_agenda(description="Apply in person.")
    booking = make_booking(agenda)

    entry = read_calendar(letter(booking).calendar).event

    assert entry.start == utc(2026, 11, 30, 8, 0)
    assert entry.end == utc(2026, 11, 30, 8, 30)
    assert entry.summary == "Passport – Passports"
    assert entry.location == "Town hall, 1 Market Square, Fairbridge"
    assert entry.description == "Apply in person.\n\nTelephone 020 7946 0000"
    assert entry.comment == "Bring your old passport."
    assert entry.url == "https://www.fairbridge.example/passports/"
    assert entry.organizer.address == "agenda@fairbridge.example"
    assert [attendee.address for attendee in entry.attendees] == ["ada@fairbridge.example"]


def test_the_staff_copy_has_its_own_title_link_and_uid():
    agenda = full_agenda(backoffice_url_template="https://office.example/{number}")
    booking = make_booking(agenda)

    visitor = read_calendar(letter(booking).calendar).event
    staff = read_calendar(letter(booking, Audience.STAFF).calendar).event

    assert staff.summary == "Passport – Ada Martin"
    assert staff.url == f"https://office.example/{booking.reference}"
    assert "ada@fairbridge.example" in staff.description
    assert [attendee.address for attendee in staff.attendees] == ["counter@fairbridge.example"]
    assert staff.uid != visitor.uid
    assert "-staff-" in staff.uid


def test_the_manage_link_is_in_no_calendar_entry():
    agenda = full_agenda(
        description_template="{manage_url}",
        user_display_label_template="{manage_url} {agenda}",
        backoffice_url_template="https://office.example/?{manage_url}",
    )
    booking = make_booking(agenda)
    token = tokens.manage_token(booking)

    assert token in letter(booking).text
    for audience in Audience.values:
        calendar = letter(booking, audience).calendar
        assert token.encode() not in calendar.replace(b"\r\n ", b"")
    assert token.encode() not in calendar_entries.download(booking).replace(b"\r\n ", b"")


def test_the_download_names_nobody_and_is_the_same_entry_as_the_mails():
    booking = make_booking(full_agenda())

    file = read_calendar(calendar_entries.download(booking))

    assert file.method == "PUBLISH"
    assert file.event.attendees == ()
    assert file.event.uid == read_calendar(letter(booking).calendar).event.uid
    assert calendar_entries.download(booking) == calendar_entries.download(booking)


@pytest.mark.parametrize("told", [True, False], ids=["told by mail", "told by nobody"])
def test_the_download_of_a_cancelled_booking_says_so_and_comes_later(told):
    booking = make_booking(full_agenda())
    before = read_calendar(calendar_entries.download(booking)).event
    if not told:
        WorkflowStatus.objects.filter(slug="cancelled").update(actions=[])
    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW + timedelta(hours=1))
    booking.refresh_from_db()

    after = read_calendar(calendar_entries.download(booking)).event

    assert (before.status, after.status) == ("CONFIRMED", "CANCELLED")
    assert after.uid == before.uid
    assert after.sequence == before.sequence + 1
    assert after.stamp == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("admission", "status"),
    [
        ("confirmed", "CONFIRMED"),
        ("pending", "TENTATIVE"),
        ("waiting", "TENTATIVE"),
        ("offered", "TENTATIVE"),
        ("cancelled", "CANCELLED"),
    ],
)
def test_the_download_promises_no_more_than_there_is(admission, status):
    booking = make_booking(full_agenda())
    booking.admission = admission

    assert read_calendar(calendar_entries.download(booking)).event.status == status


def test_a_booking_without_an_address_can_be_downloaded():
    booking = make_booking(full_agenda(staff_addresses=""), user_email="")

    assert read_calendar(calendar_entries.download(booking)).event.start == utc(2026, 11, 30, 8, 0)


def test_an_event_brings_its_own_place_and_page():
    agenda = make_agenda(kind=AgendaKind.EVENTS, url="https://www.fairbridge.example/")
    event = make_event(
        agenda, label="Bread", location="Bakery", url="https://bread.example/", description="Flour"
    )
    booking = make_booking(slot=first_slot(event.agenda))

    entry = calendar_entries.calendar_event(booking)

    assert (entry.location, entry.url) == ("Bakery", "https://bread.example/")
    assert entry.description == "Flour"
    assert entry.summary == f"Bread – {agenda.label}"


def test_a_file_for_another_system_says_what_it_asks_for_and_who_comes():
    booking = make_booking(full_agenda(), user_email="", user_name="Ada “A” Martin")
    stored = read_calendar(calendar_entries.download(booking)).event
    texts = {
        "comment": "Ring twice",
        "description": "Bring: a photo; and\nthe form",
        "location": "Desk 2",
        "url": "https://forms.example/1/",
    }
    asked = read_calendar(calendar_entries.file_of([booking], **texts)).event
    assert {name: getattr(asked, name) for name in texts} == texts
    (attendee,) = asked.attendees
    assert (attendee.uri, attendee.parameters["CN"]) == ("invalid:nomail", "Ada “A” Martin")
    plain = read_calendar(calendar_entries.file_of([booking], comment="", url="")).event
    for name in ("uid", "sequence", "stamp", "summary", "organizer", "status", *texts):
        assert getattr(plain, name) == getattr(stored, name)


def test_a_file_for_another_system_says_what_is_off():
    booking = make_booking()
    bookings.cancel(booking, actor=Actor.CLIENT, now=NOW)
    booking.refresh_from_db()
    entry = read_calendar(calendar_entries.file_of([booking])).event
    assert (entry.status, entry.sequence) == ("CANCELLED", 1)
