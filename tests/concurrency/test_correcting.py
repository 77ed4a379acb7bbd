"""A booking that is corrected, moved and cancelled at the same moment: one after the other.

Runs on the database of the environment.
"""

import pytest

from tests.factories import NOW, first_slot, make_appointments, make_booking
from wagtail_agenda import availability, booking, outbox, tokens
from wagtail_agenda.choices import Actor, Admission, DeliveryState, Trigger
from wagtail_agenda.errors import AlreadyCancelled, BookingCancelled, Overloaded
from wagtail_agenda.models import Booking, Delivery, Entry, Invitation

pytestmark = pytest.mark.django_db(transaction=True)

WRONG = "bda@fairbridge.example"


def right(number):
    return f"ada{number}@fairbridge.example"


def make(smtp_server):
    """A booking whose confirmation has reached a wrong address, and where it could go."""
    agenda, meeting_type, _desks = make_appointments(bookings_per_person=5)
    made = make_booking(agenda, user_email=WRONG)
    outbox.sweep(now=NOW)
    slots = availability.next_free(agenda, meeting_type, now=NOW, limit=4)
    assert first_slot(agenda) == slots[0]
    return made, slots[1:]


def require_coherent(made):
    """What is known of a booking goes together: link, address, calendar copies."""
    present = Booking.objects.get(pk=made.pk)
    corrections = [
        entry
        for entry in Entry.objects.filter(booking=made, what=Trigger.CHANGED)
        if "user_email" in entry.data["corrected"]
    ]
    assert present.address_version == len(corrections)
    assert tokens.booking_of_token(tokens.manage_token(present)) == present
    live = Invitation.objects.filter(booking=made, method="REQUEST")
    expected = set() if present.is_cancelled else {present.user_email}
    assert {invitation.address for invitation in live} == expected
    return present


def test_of_many_corrections_the_last_holds_and_all_others_are_taken_back(rush, smtp_server):
    made, _slots = make(smtp_server)

    def correct(number):
        return booking.correct(made, user_email=right(number), now=NOW)

    result = rush(correct, range(8))

    assert result.refused_for(Overloaded)
    present = require_coherent(made)
    assert present.address_version == len(result.won) > 0


@pytest.mark.parametrize("number", range(3))
def test_corrected_moved_and_cancelled_at_once(rush, smtp_server, number):
    made, slots = make(smtp_server)

    def act(what):
        if what == "cancel":
            return booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        if what == "correct":
            return booking.correct(made, user_email=right(number), now=NOW)
        return booking.move(made, slots[what], actor=Actor.AGENT, now=NOW)

    result = rush(act, [0, "correct", 1, "cancel", 2])

    assert result.refused_for(BookingCancelled, AlreadyCancelled, Overloaded)
    present = require_coherent(made)
    if present.admission == Admission.CANCELLED:
        outbox.sweep(now=NOW)
        told = Delivery.objects.filter(booking=made, state=DeliveryState.DONE)
        reached = set(told.exclude(method="").values_list("recipient", flat=True))
        withdrawn = set(told.filter(method="CANCEL").values_list("recipient", flat=True))
        assert reached == withdrawn
