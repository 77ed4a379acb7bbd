"""Many colleagues at one list at the same moment: nobody overwrites anybody, and a mark is a mark.

Runs on the database of the environment. The control at the end takes the lock away, to show that
these tests would notice.
"""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from tests.factories import NOW, make_booking, make_event
from wagtail_agenda import attendance, availability
from wagtail_agenda.attendance import Sheet, as_seen
from wagtail_agenda.choices import Attendance
from wagtail_agenda.errors import ChangedMeanwhile, MarkedAsChecked, Overloaded
from wagtail_agenda.models import AttendanceSheet, Booking, Entry

pytestmark = pytest.mark.django_db(transaction=True)

AFTER = NOW + timedelta(days=3)
VISITORS = 24


def make_evening(number=VISITORS):
    event = make_event(places=number)
    slot = availability.find(event.agenda, event.slug, now=NOW)
    made = [make_booking(slot=slot) for _number in range(number)]
    return Sheet(event.agenda, event=event), made


def test_one_of_many_says_first_what_somebody_is(rush):
    _sheet, (made,) = make_evening(1)
    shown = as_seen(made)

    def say(came):
        return attendance.check_in(made, came, now=AFTER, seen=shown)

    result = rush(say, [Attendance.PRESENT, Attendance.ABSENT] * 20)

    made.refresh_from_db()
    entries = Entry.objects.filter(booking=made).exclude(what="booked")
    assert [entry.what for entry in entries] == [made.attendance]
    assert {won.attendance for won in result.won} == {made.attendance}
    assert result.refused_for(ChangedMeanwhile, Overloaded)


def test_the_first_check_in_of_a_sheet_makes_it_once(rush):
    _sheet, made = make_evening()

    result = rush(lambda one: attendance.check_in(one, Attendance.PRESENT, now=AFTER), made)

    assert AttendanceSheet.objects.count() == 1
    assert result.refused_for(Overloaded)
    present = Booking.objects.filter(attendance=Attendance.PRESENT).count()
    assert present == len(result.won) > 0


def test_two_who_note_the_same_list_together_share_it(rush):
    sheet, made = make_evening()
    shown = {one.pk: as_seen(one) for one in made}

    def note(came):
        return attendance.check_in_all(sheet, shown, came, now=AFTER)

    result = rush(note, [Attendance.PRESENT, Attendance.ABSENT] * 4)

    assert sum(len(outcome.done) for outcome in result.won) == VISITORS
    assert Entry.objects.exclude(what="booked").count() == VISITORS
    assert len(set(Booking.objects.values_list("attendance", flat=True))) == 1


def rush_to_the_mark(rush):
    """A colleague marks the sheet while others still check in: who came after the mark?"""
    sheet, made = make_evening()
    lena = get_user_model().objects.create(username="lena")

    def act(one):
        if one is None:
            attendance.mark_as_checked(sheet, now=AFTER, user=lena)
            return set(Entry.objects.exclude(what="booked").values_list("pk", flat=True))
        attendance.check_in(one, Attendance.PRESENT, now=AFTER)
        return None

    half = VISITORS // 2
    result = rush(act, [*made[:half], None, *made[half:]])
    at_the_mark = [known for known in result.won if known is not None]
    later = Entry.objects.exclude(what="booked")
    return result, at_the_mark, set(later.values_list("pk", flat=True))


def test_no_check_in_slips_in_behind_the_mark(rush):
    result, at_the_mark, in_the_end = rush_to_the_mark(rush)

    assert result.refused_for(MarkedAsChecked, Overloaded)
    # What stood there once the mark was committed is all that there is.
    assert at_the_mark == [in_the_end]


@pytest.mark.skipif(
    connection.vendor == "sqlite",
    reason="SQLite has one writer at a time anyway",
)
def test_without_the_lock_a_check_in_does_slip_in(simultaneously, monkeypatch):
    sheet, (made,) = make_evening(1)
    attendance.check_in(made, Attendance.ABSENT, now=AFTER)
    looked, marked = threading.Event(), threading.Event()
    look = attendance._require_unchecked

    def look_and_wait(row, sheet):
        look(row, sheet)
        if threading.current_thread().name == "visitor":
            looked.set()
            marked.wait(timeout=20)

    def without_lock(sheet):
        return sheet.rows.get()

    monkeypatch.setattr(attendance, "_require_unchecked", look_and_wait)
    monkeypatch.setattr(attendance, "_locked", without_lock)

    def act(who):
        if who == "visitor":
            threading.current_thread().name = "visitor"
            return attendance.check_in(made, Attendance.PRESENT, now=AFTER)
        looked.wait(timeout=20)
        try:
            return attendance.mark_as_checked(sheet, now=AFTER)
        finally:
            marked.set()

    outcomes = simultaneously(act, ["visitor", "colleague"])

    made.refresh_from_db()
    slipped_in = made.attendance == Attendance.PRESENT and sheet.row.checked_at is not None
    assert slipped_in, outcomes
