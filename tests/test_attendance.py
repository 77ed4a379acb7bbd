"""Who came, who did not: what checking in changes and what it refuses."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model

from tests.factories import NOW, make_booking
from wagtail_agenda import attendance, booking, workflow
from wagtail_agenda.choices import Actor, Attendance
from wagtail_agenda.errors import BookingCancelled
from wagtail_agenda.models import Booking, Delivery, Entry

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=11)


def stored(row):
    return type(row).objects.get(pk=row.pk)


def rows():
    """How many rows there are of everything that a check-in may write."""
    return {model.__name__: model.objects.count() for model in (Booking, Entry, Delivery)}


def test_present_absent_and_back():
    user = get_user_model().objects.create(username="agent")
    made = make_booking()
    mails = made.deliveries.count()
    for came in (Attendance.PRESENT, Attendance.ABSENT, Attendance.PRESENT):
        attendance.check_in(made, came, now=LATER, user=user)
        now = stored(made)
        assert (now.attendance, now.status.slug) == (came, came.value)
    assert now.entries.last().user == user
    attendance.check_in(made, Attendance.UNKNOWN, now=LATER, user=user)
    now = stored(made)
    assert (now.attendance, now.status.slug) == (Attendance.UNKNOWN, "confirmed")
    assert now.entries.last().what == workflow.CHECK_IN_UNDONE
    assert now.deliveries.count() == mails
    attendance.check_in(made, Attendance.ABSENT, now=LATER)
    attendance.check_in(made, Attendance.UNKNOWN, now=LATER)
    assert stored(made).status.slug == "confirmed"


@pytest.mark.parametrize("came", Attendance)
def test_twice_changes_nothing(came):
    made = make_booking()
    attendance.check_in(made, came, now=LATER)
    before = rows()
    attendance.check_in(stored(made), came, now=LATER)
    assert rows() == before


@pytest.mark.parametrize("came", Attendance)
def test_of_a_cancelled_booking_is_refused(came):
    made = make_booking()
    stale = stored(made)
    booking.cancel(made, actor=Actor.AGENT, now=NOW)
    for one in (made, stale):
        with pytest.raises(BookingCancelled):
            attendance.check_in(one, came, now=LATER)
    assert stored(made).attendance == Attendance.UNKNOWN


def test_as_something_unknown_changes_nothing():
    made = make_booking()
    with pytest.raises(ValueError, match="asleep"):
        attendance.check_in(made, "asleep", now=LATER)
    assert stored(made).attendance == Attendance.UNKNOWN


def test_a_visitor_who_came_can_still_be_cancelled_by_an_agent():
    made = make_booking()
    attendance.check_in(made, Attendance.PRESENT, now=LATER)
    booking.cancel(made, actor=Actor.AGENT, now=LATER)
    assert stored(made).status.slug == "cancelled"


def test_whatever_fails_last_undoes_the_check_in(monkeypatch):
    made = make_booking()
    monkeypatch.setattr(workflow, "_announce", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        attendance.check_in(made, Attendance.PRESENT, now=NOW)
    assert stored(made).attendance == Attendance.UNKNOWN
