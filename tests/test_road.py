"""The whole road without a browser: hold, confirm, mail, calendar, cancellation, mail again."""

import email
import email.policy

import pytest
from django.urls import resolve

from tests.factories import NOW, first_slot, make_appointments, make_details, make_event, utc
from tests.second_parser import read_calendar
from tests.smtp_server import smtp_server  # noqa: F401
from wagtail_agenda import attendance, availability, booking, outbox, tokens
from wagtail_agenda.choices import Actor, Attendance
from wagtail_agenda.models import Hold, Occupation

pytestmark = pytest.mark.django_db


def received(smtp_server):  # noqa: F811
    return [
        email.message_from_bytes(content, policy=email.policy.default)
        for content in smtp_server.messages
    ]


def calendar_of(message):
    (part,) = (part for part in message.walk() if part.get_content_type() == "text/calendar")
    return read_calendar(part.get_payload(decode=True))


def link_in(message):
    body = message.get_body(("plain",)).get_content()
    (link,) = (line for line in body.splitlines() if "/manage/" in line)
    return link.removeprefix("http://testserver")


def test_from_the_hold_to_the_cancellation_mail(smtp_server):  # noqa: F811
    agenda, meeting_type, _desks = make_appointments(
        label="Passports", staff_addresses="counter@fairbridge.example"
    )
    slot = first_slot(agenda, meeting_type)

    hold = booking.hold(slot, lock_code="mine", now=NOW)
    made = booking.confirm(hold, make_details(), now=NOW)
    assert booking.confirm(Hold.objects.get(), make_details(), now=NOW) == made
    assert outbox.sweep(now=NOW) == 2

    invited, told = received(smtp_server)
    request = calendar_of(invited)
    assert request.method == "REQUEST"
    assert request.event.start == utc(2026, 11, 30, 8, 0)
    assert calendar_of(told).event.summary == "Passport – Ada Martin"
    match = resolve(link_in(invited))
    assert match.view_name == "wagtail_agenda:manage"
    assert tokens.booking_of_token(match.kwargs["token"]) == made
    assert slot not in availability.next_free(agenda, meeting_type, now=NOW)

    booking.cancel(made, actor=Actor.VISITOR, now=NOW)
    assert outbox.sweep(now=NOW) == 2

    _first, _second, withdrawn, staff_withdrawn = received(smtp_server)
    cancel = calendar_of(withdrawn)
    assert (cancel.method, cancel.event.status) == ("CANCEL", "CANCELLED")
    assert (cancel.event.uid, cancel.event.sequence) == (request.event.uid, 1)
    assert withdrawn["In-Reply-To"] == invited["Message-ID"]
    assert calendar_of(staff_withdrawn).event.uid == calendar_of(told).event.uid
    assert staff_withdrawn["In-Reply-To"] == told["Message-ID"]
    assert not Occupation.objects.exists()
    assert first_slot(agenda, meeting_type).start == slot.start
    assert [entry.what for entry in made.entries.all()] == [
        "booked",
        "delivered",
        "delivered",
        "cancelled_by_visitor",
        "delivered",
        "delivered",
    ]


def test_the_same_time_booked_again_is_a_new_calendar_entry(smtp_server):  # noqa: F811
    agenda = make_appointments()[0]
    first = booking.book(first_slot(agenda), make_details(), now=NOW)
    outbox.sweep(now=NOW)
    booking.cancel(first, actor=Actor.VISITOR, now=NOW)
    booking.book(first_slot(agenda), make_details(), now=NOW)
    outbox.sweep(now=NOW)

    uids = [calendar_of(message).event.uid for message in received(smtp_server)]

    assert len(uids) == 3
    assert uids[0] == uids[1] != uids[2]


def test_an_event_is_booked_attended_and_nobody_is_mailed_for_it(smtp_server):  # noqa: F811
    event = make_event(places=1)
    made = booking.book(first_slot(event.agenda), make_details(), now=NOW)
    outbox.sweep(now=NOW)

    attendance.check_in(made, Attendance.PRESENT, now=event.start)

    assert outbox.sweep(now=event.start) == 0
    (message,) = received(smtp_server)
    assert calendar_of(message).event.summary.startswith(event.label)
    assert made.entries.last().what == "present"
