"""Meetings, bookings and answers at the same moment: one room, one history, one mail each."""

import pytest

from tests.concurrency.conftest import patiently
from tests.factories import NOW, first_slot, make_appointments, make_details, make_meeting
from wagtail_agenda import answering, meetings
from wagtail_agenda import booking as bookings
from wagtail_agenda.choices import Actor, Answer
from wagtail_agenda.errors import BookingError, MeetingCancelled, RoomTaken, SoldOut
from wagtail_agenda.models import Bookable, CalledMeeting, Delivery, Occupation
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db(transaction=True)

RIVALS = 6


@pytest.fixture
def office(transactional_db):
    ensure_default_workflow()
    return make_appointments()


def test_of_meetings_and_visitors_who_want_one_desk_one_has_it(office, rush):
    agenda, _meeting_type, (desk,) = office
    slot = first_slot(agenda)
    wanted = [
        make_meeting(agenda, desk=desk, start=slot.start, end=slot.end) for _rival in range(RIVALS)
    ]

    def visit(rival):
        if isinstance(rival, int):
            return bookings.book(slot, make_details(), now=NOW)
        return meetings.call(rival, now=NOW)

    came = rush(patiently(visit), [*wanted, *range(RIVALS)])
    assert len(came.won) == 1
    assert came.refused_for(RoomTaken, SoldOut)
    assert Occupation.objects.count() == 1
    assert Bookable.objects.get(pk=desk.bookable_id).places_booked == 1


def test_the_same_meeting_published_at_once_is_announced_once(office, rush):
    meeting = make_meeting(office[0], desk=office[2][0])
    came = rush(patiently(lambda _nobody: meetings.call(meeting, now=NOW)), range(RIVALS))
    assert len(came.won) == RIVALS
    called = CalledMeeting.objects.get()
    assert called.entries.filter(what="meeting_published").count() == 1
    assert called.invitations.count() == 3
    assert Delivery.objects.count() == 3
    assert Occupation.objects.count() == 1


def test_answers_and_a_cancellation_at_once_leave_one_history(office, rush):
    called = meetings.call(make_meeting(office[0], desk=office[2][0]), now=NOW)
    invitations = list(called.invitations.filter(audience="visitor"))

    def visit(rival):
        if rival is None:
            return meetings.cancel(called, actor=Actor.AGENT, now=NOW)
        return answering.answer(rival, Answer.ACCEPTED, now=NOW)

    came = rush(patiently(visit), [*invitations, None, *invitations, None])
    assert came.refused_for(MeetingCancelled, BookingError)
    assert called.entries.filter(what="meeting_cancelled").count() == 1
    answered = called.invitations.filter(answer="accepted").count()
    assert called.entries.filter(what="answered").count() == answered
    assert Delivery.objects.filter(method="CANCEL").count() == 3
    assert not Occupation.objects.exists()
