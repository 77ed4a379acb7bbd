"""Somebody is forgotten while workers send their mails, and nobody writes them down again."""

import pytest

from tests.concurrency.conftest import patiently
from tests.factories import NOW, make_appointments, make_booking
from tests.test_privacy import ADA, LATER, dumped
from wagtail_agenda import outbox, privacy
from wagtail_agenda.models import Booking, Delivery

pytestmark = pytest.mark.django_db(transaction=True)

BOOKINGS, WORKERS = 6, 4


def test_workers_leave_no_trace_of_whom_is_being_forgotten(simultaneously, smtp_server):
    agenda, *_rest = make_appointments(desks=BOOKINGS)
    for _number in range(BOOKINGS):
        make_booking(agenda, user_email=ADA, user_name="Ada Martin")

    erase = patiently(lambda email: privacy.erase(email, now=LATER))
    acts = [lambda: erase(ADA)] + [lambda: outbox.sweep(now=NOW)] * WORKERS
    outcomes = simultaneously(lambda act: act(), acts)

    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert outcomes[0]["bookings"] == BOOKINGS
    assert not Booking.objects.filter(anonymised_at__isnull=True).exists()
    assert not Delivery.objects.exclude(recipient="").exists()
    assert ADA not in dumped()
