"""Actions that change bookings, carried out by several workers while agents do the same by hand."""

from datetime import timedelta

import pytest

from tests.concurrency.conftest import patiently
from tests.factories import NOW, make_agenda, make_details, make_event
from tests.test_workflow import make_workflow
from wagtail_agenda import attendance, availability, workflow
from wagtail_agenda import booking as bookings
from wagtail_agenda.choices import Actor
from wagtail_agenda.errors import AlreadyCancelled, BookingError
from wagtail_agenda.models import Bookable, Booking, Entry

pytestmark = pytest.mark.django_db(transaction=True)

PLACES, WAITING, WORKERS = 6, 6, 4
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def event():
    """Whoever books is cancelled again by an action; whoever gets their place is checked in."""
    leads_to = {
        "booked": "confirmed",
        "waiting": "waits",
        "promoted": "promoted",
        "cancelled_by_agent": "cancelled",
        "present": "present",
    }
    made = make_workflow(
        leads_to,
        confirmed=[{"type": "cancel_booking", "value": {"reason": ""}}],
        promoted=[{"type": "set_attendance", "value": {"attendance": "present"}}],
    )
    event = make_event(make_agenda(kind="events", workflow=made), places=PLACES)
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=WAITING)
    slot = availability.Slot.of(event.agenda, event.start, event.end, event=event)
    for number in range(PLACES + WAITING):
        details = make_details(user_email=f"visitor-{number}@fairbridge.example")
        bookings.book(slot, details, now=NOW)
    return event


def test_each_act_is_done_once_whoever_else_is_at_it(event, simultaneously):
    confirmed = list(Booking.objects.filter(event=event, admission="confirmed"))
    waiting = list(Booking.objects.filter(event=event, admission="waiting"))

    def cancel(booking):
        return bookings.cancel(booking, actor=Actor.AGENT, now=LATER)

    def check_in(booking):
        return attendance.check_in(booking, "present", now=LATER)

    def worker():
        return workflow.catch_up(LATER)

    def agent(booking):
        try:
            return patiently(cancel)(booking)
        except AlreadyCancelled:
            return None

    def door(booking):
        try:
            return patiently(check_in)(booking)
        except BookingError:
            # Not confirmed yet, or busy: the action does it.
            return None

    acts = [worker] * WORKERS
    acts += [lambda one=one: agent(one) for one in confirmed[:2]]
    acts += [lambda one=one: door(one) for one in waiting[:2]]
    outcomes = simultaneously(lambda act: act(), acts)
    while workflow.catch_up(LATER):
        pass

    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert not Entry.objects.filter(advances=True).exists()
    for booking in confirmed:
        booking.refresh_from_db()
        assert booking.is_cancelled
        assert booking.entries.filter(what="cancelled_by_agent").count() == 1
    for booking in waiting:
        booking.refresh_from_db()
        assert (booking.admission, booking.attendance) == ("confirmed", "present")
        assert booking.entries.filter(what="promoted").count() == 1
        assert booking.entries.filter(what="present").count() == 1
    failed = Entry.objects.filter(what="action_failed")
    assert {entry.data["code"] for entry in failed} <= {"already cancelled"}
    bookable = Bookable.objects.get(pk=event.bookable_id)
    assert (bookable.places_booked, bookable.places_waiting) == (len(waiting), 0)
