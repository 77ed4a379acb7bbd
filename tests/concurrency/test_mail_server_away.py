"""A mail server that is away for an hour of the clock while people book."""

import email
import email.policy
from datetime import timedelta

import pytest

from tests.concurrency.conftest import PROVING
from tests.factories import NOW, make_appointments, make_booking
from tests.smtp_server import smtp_server  # noqa: F401
from wagtail_agenda import outbox
from wagtail_agenda.choices import DeliveryState
from wagtail_agenda.models import Delivery, Entry

pytestmark = pytest.mark.django_db

BOOKINGS_A_MINUTE = 4 if PROVING else 1
MINUTES_OF_BOOKINGS = range(0, 60, 1 if PROVING else 6)
"""All over the hour, so that some wait for the server since long ago, and others have just come."""

MINUTE = timedelta(minutes=1)
SOON = 15
"""Within how many minutes of the server's return all mail has left."""


def test_mails_of_an_hour_without_a_server_all_leave_soon_and_in_order(smtp_server):  # noqa: F811
    agenda = make_appointments(desks=BOOKINGS_A_MINUTE * len(MINUTES_OF_BOOKINGS))[0]
    smtp_server.stop()
    made = []
    for minute in range(60):
        now = NOW + minute * MINUTE
        if minute - 1 in MINUTES_OF_BOOKINGS:
            # Who booked a minute ago is told something more.
            tell_more(made[-BOOKINGS_A_MINUTE:], now)
        if minute in MINUTES_OF_BOOKINGS:
            for _number in range(BOOKINGS_A_MINUTE):
                address = f"visitor{len(made)}@fairbridge.example"
                made.append(make_booking(agenda, user_email=address))
        outbox.sweep(now=now)
    assert smtp_server.messages == []
    assert not Delivery.objects.filter(state=DeliveryState.FAILED).exists()

    smtp_server.start()
    for minute in range(60, 60 + SOON):
        outbox.sweep(now=NOW + minute * MINUTE)

    mails = Delivery.objects.count()
    assert not Delivery.objects.exclude(state=DeliveryState.DONE).exists()
    assert len(smtp_server.messages) == mails > len(made)
    assert Entry.objects.filter(what="delivered").count() == mails
    received = {}
    for one in smtp_server.received:
        message = email.message_from_bytes(one.content, policy=email.policy.default)
        received.setdefault(one.recipients, []).append(message["Message-ID"])
    for booking in made:
        in_order = booking.deliveries.order_by("pk").values_list("message_id", flat=True)
        assert received[booking.user_email,] == list(in_order)


def tell_more(bookings, now):
    """Queue one more mail about each of these bookings."""
    more = [
        outbox.Mail(
            booking=booking,
            audience="visitor",
            recipient=booking.user_email,
            invitation=None,
            action={"texts": [{"language": "", "subject": "One thing more", "text": "Hello"}]},
            cause=f"more.{now:%H%M}",
        )
        for booking in bookings
    ]
    outbox.enqueue_mails(more, domain="fairbridge.example", now=now)
