"""The last mail once more: a new message, the same calendar entry, never two for one click."""

import email
import email.policy
from datetime import timedelta

import pytest
from freezegun import freeze_time

from tests.factories import NOW, make_agenda, make_appointments, make_booking, make_event
from tests.second_parser import read_calendar
from wagtail_agenda import booking as bookings
from wagtail_agenda import outbox
from wagtail_agenda.choices import Actor, AgendaKind, DeliveryState
from wagtail_agenda.models import Bookable, Delivery, Entry, WorkflowStatus
from wagtail_agenda.resending import last_mail, send_again

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def clock():
    with freeze_time(NOW) as frozen:
        yield frozen


@pytest.fixture
def booked():
    """A booking whose mail, its only one, has not left yet."""
    return make_booking(make_appointments(staff_addresses="")[0])


def mails(server):
    return [email.message_from_bytes(raw, policy=email.policy.default) for raw in server.messages]


def entry_in(message):
    parts = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    return read_calendar(parts[0].get_payload(decode=True))


def test_what_has_left_goes_out_once_more_as_the_same_calendar_entry(booked, smtp_server):
    outbox.sweep(now=NOW)
    again = send_again(booked, now=LATER)
    assert outbox.sweep(now=LATER) == 1

    first, second = mails(smtp_server)
    assert second["Message-ID"] == again.message_id != first["Message-ID"]
    assert second["References"] == first["Message-ID"]
    for header in ("To", "From", "Subject"):
        assert second[header] == first[header]
    assert second.get_body().get_content() == first.get_body().get_content()
    assert entry_in(second) == entry_in(first)
    assert entry_in(second).event.sequence == 0
    asked = Entry.objects.get(what="sent_again")
    assert (asked.booking, asked.actor, asked.at) == (booked, Actor.VISITOR, LATER)


def test_it_can_be_asked_for_more_than_once(booked, smtp_server):
    for hour in range(3):
        outbox.sweep(now=NOW + timedelta(hours=hour))
        send_again(booked, now=NOW + timedelta(hours=hour))
    outbox.sweep(now=NOW + timedelta(hours=3))
    assert len({message["Message-ID"] for message in mails(smtp_server)}) == 4


def test_what_waits_is_hurried_and_what_failed_is_tried_again(booked):
    waiting = Delivery.objects.get()
    for state in (DeliveryState.DUE, DeliveryState.FAILED):
        Delivery.objects.update(state=state, due_at=LATER + timedelta(hours=4))
        assert send_again(booked, now=LATER) == waiting
        waiting.refresh_from_db()
        assert (waiting.state, waiting.due_at) == (DeliveryState.DUE, LATER)
    Delivery.objects.update(state=DeliveryState.SENDING)
    assert send_again(booked, now=LATER).state == DeliveryState.SENDING
    assert Delivery.objects.count() == 1


def test_a_cancelled_booking_sends_its_cancellation_and_no_confirmation(booked, smtp_server):
    outbox.sweep(now=NOW)
    bookings.cancel(booked, actor=Actor.VISITOR, now=NOW)
    outbox.sweep(now=NOW)
    booked.refresh_from_db()
    send_again(booked, now=LATER)
    outbox.sweep(now=LATER)
    _confirmed, cancelled, again = mails(smtp_server)
    assert entry_in(again) == entry_in(cancelled)
    assert entry_in(again).method == "CANCEL"


def test_nothing_is_sent_where_nothing_is_true_any_more(booked):
    outbox.sweep(now=NOW)
    WorkflowStatus.objects.filter(slug="cancelled").update(actions=[])
    bookings.cancel(booked, actor=Actor.VISITOR, now=NOW)
    assert last_mail(booked) is None
    assert send_again(booked, now=LATER) is None
    assert Delivery.objects.count() == 1


def test_who_waits_is_told_again_until_there_is_a_place(smtp_server):
    agenda = make_agenda(kind=AgendaKind.EVENTS)
    event = make_event(agenda, places=1)
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=1)
    first, second = (make_booking(agenda) for _number in range(2))
    outbox.sweep(now=NOW)

    send_again(second, now=LATER)
    outbox.sweep(now=LATER)
    assert mails(smtp_server)[-1]["Subject"].strip().startswith("On the waiting list:")

    WorkflowStatus.objects.filter(slug="confirmed").update(actions=[])
    bookings.cancel(first, actor=Actor.VISITOR, now=LATER)
    second.refresh_from_db()
    assert second.admission == "confirmed"
    assert send_again(second, now=LATER) is None


def test_nobody_without_an_address_and_no_colleague_is_mailed():
    made = make_booking(make_appointments(staff_addresses="desk@fairbridge.example")[0])
    outbox.sweep(now=NOW)
    assert send_again(made, now=LATER).recipient == "ada@fairbridge.example"
    nameless = make_booking(user_email="")
    assert send_again(nameless, now=LATER) is None


@pytest.mark.django_db(transaction=True)
def test_a_double_click_sends_one(booked, simultaneously):
    Delivery.objects.update(state=DeliveryState.DONE)
    asked = simultaneously(lambda _number: send_again(booked, now=LATER), range(8))
    assert len({delivery.pk for delivery in asked}) == 1
    assert Delivery.objects.count() == 2


def test_what_an_agent_has_kept_from_leaving_is_not_sent_by_asking_for_it():
    made = make_booking()
    outbox.cancel(made.deliveries.get(), now=NOW)

    assert send_again(made, now=LATER) is None
    assert outbox.sweep(now=LATER) == 0
