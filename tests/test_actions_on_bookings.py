"""What actions do to the booking itself: carried out by the worker, under the right locks, once."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from tests.factories import NOW, make_agenda, make_appointments, make_booking, make_event
from tests.test_workflow import email, make_workflow
from wagtail_agenda import acts, workflow
from wagtail_agenda import booking as bookings
from wagtail_agenda.blocks.actions import ActionsBlock
from wagtail_agenda.choices import Actor, Trigger
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.models import Bookable, Delivery, Entry, WorkflowStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

LATER = NOW + timedelta(hours=1)
LEADS_TO = {
    "booked": "confirmed",
    "waiting": "waits",
    "promoted": "promoted",
    "cancelled_by_visitor": "cancelled",
    "cancelled_by_agent": "cancelled",
    "present": "present",
    "absent": "absent",
}


def action(name, **value):
    return {"type": name, "value": value}


def booked(*actions, **of_statuses):
    """A booking whose first status has these actions, not yet carried out by the worker."""
    made = make_workflow(LEADS_TO, confirmed=list(actions), **of_statuses)
    return make_booking(make_appointments(workflow=made)[0])


def status(slug):
    return WorkflowStatus.objects.get(workflow__slug="own", slug=slug)


def history(booking):
    return list(Entry.objects.filter(booking=booking).values_list("what", flat=True))


def failure_of(booking):
    data = Entry.objects.get(booking=booking, what="action_failed").data
    return data["action"], data["code"]


def test_it_cancels_the_booking_with_a_reason_that_the_visitor_reads():
    booking = booked(
        action("cancel_booking", reason="{user_name}: closed on {date}"), cancelled=[email()]
    )
    assert not booking.is_cancelled

    assert workflow.catch_up(LATER) == 1

    booking.refresh_from_db()
    assert booking.is_cancelled
    assert booking.status.slug == "cancelled"
    assert booking.cancellation_reason.startswith("Ada Martin: closed on ")
    assert Delivery.objects.get().action["trigger"] == "cancelled_by_agent"
    assert workflow.catch_up(LATER) == 0


def test_what_is_cancelled_already_is_a_failure_with_its_code():
    booking = booked(action("cancel_booking"))
    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW)
    workflow.catch_up(LATER)
    assert failure_of(booking) == ("cancel_booking", "already cancelled")


def waiting_list(*actions, slug="own"):
    """Somebody with the only place of an event, and somebody who waits for it."""
    made = make_workflow(LEADS_TO, slug, waits=list(actions))
    agenda = make_agenda(kind="events", workflow=made, waiting_list_promotion="manual")
    event = make_event(agenda, places=1)
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=5)
    first = make_booking(agenda)
    details = bookings.Details(user_name="Bob", user_email="bob@x.example", language="en")
    return first, bookings.book(bookings.slot_of(first), details, now=NOW)


def test_who_waits_gets_the_place_that_is_free():
    first, waiting = waiting_list(action("accept_from_waiting_list"))
    bookings.cancel(first, actor=Actor.VISITOR, now=NOW)

    workflow.catch_up(LATER)

    waiting.refresh_from_db()
    assert (waiting.admission, waiting.status.slug) == ("confirmed", "promoted")


def test_without_room_nobody_loses_a_place_and_the_failure_says_sold_out():
    first, waiting = waiting_list(action("accept_from_waiting_list"))
    workflow.catch_up(LATER)
    waiting.refresh_from_db()
    assert waiting.admission == "waiting"
    assert failure_of(waiting) == ("accept_from_waiting_list", "sold out")


def test_who_does_not_wait_and_who_has_cancelled_are_failures_of_their_own():
    booking = booked(action("accept_from_waiting_list"))
    workflow.catch_up(LATER)
    assert failure_of(booking)[1] == "booking is not in waiting list"

    _first, waiting = waiting_list(action("accept_from_waiting_list"), slug="second")
    bookings.cancel(waiting, actor=Actor.VISITOR, now=NOW)
    workflow.catch_up(LATER)
    assert failure_of(waiting)[1] == "booking is cancelled"


@pytest.mark.parametrize("said", ["present", "absent"])
def test_it_checks_the_visitor_in(said):
    booking = booked(action("set_attendance", attendance=said))
    workflow.catch_up(LATER)
    booking.refresh_from_db()
    assert (booking.attendance, booking.status.slug) == (said, said)


@pytest.mark.parametrize("said", [None, "", "early", ["present"], {"a": 1}])
def test_an_attendance_that_is_none_is_a_failure(said):
    booking = booked(action("set_attendance", attendance=said))
    assert failure_of(booking) == ("set_attendance", "no attendance")


def test_whose_booking_is_cancelled_is_not_checked_in():
    booking = booked(action("set_attendance", attendance="present"))
    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW)
    workflow.catch_up(LATER)
    assert failure_of(booking) == ("set_attendance", "booking is cancelled")


def test_it_goes_to_another_status_once_all_actions_have_run():
    booking = booked(present=[email()])
    first = status("confirmed")
    go = action("change_status", status=status("present").pk)
    first.actions = [go, action("add_note", text="Still here")]
    first.save()
    road = workflow.road_of(booking.agenda)
    workflow.advance(booking, Trigger.BOOKED, road=road, actor=Actor.AGENT, now=NOW)
    assert booking.status == first

    workflow.catch_up(LATER)

    booking.refresh_from_db()
    assert booking.status.slug == "present"
    assert Delivery.objects.count() == 1
    assert history(booking)[-3:] == ["booked", "sent_on", "note"]


@pytest.mark.parametrize("odd", [None, "x", 987654, True, {"a": 1}])
def test_a_status_that_is_none_of_this_workflow_is_a_failure(odd):
    booking = booked(action("change_status", status=odd))
    assert failure_of(booking) == ("change_status", "no such status")


def test_a_note_stands_in_the_history_filled_in_once():
    text = "{user_name}\n{{7*7}} {x.__class__} {manage_url}\nPhone: {user_phone_number}"
    made = make_workflow(LEADS_TO, confirmed=[action("add_note", text=text)])
    name = "{manage_url}\x1b\x07"
    booking = make_booking(make_appointments(workflow=made)[0], user_name=name)
    note = Entry.objects.get(booking=booking, what="note")
    assert note.data["text"] == "{manage_url}\n{{7*7}} {x.__class__} {manage_url}"


@pytest.mark.parametrize("odd", [None, "", 7, {"a": 1}, "{user_phone_number}"])
def test_a_note_with_nothing_to_say_is_none(odd):
    assert "note" not in history(booked(action("add_note", text=odd)))


# In the worker


def test_of_two_workers_one_does_it():
    booking = booked(action("cancel_booking"))
    entry = Entry.objects.get(booking=booking, what="cancel_due")
    assert acts.carry_out(entry, LATER) is True
    assert acts.carry_out(entry, LATER) is False
    assert history(booking).count("cancelled_by_agent") == 1


def test_what_comes_at_a_busy_moment_is_done_by_the_next_run(monkeypatch):
    def busy(*_args, **_kwargs):
        raise Overloaded()

    booking = booked(action("cancel_booking"))
    with monkeypatch.context() as patched:
        patched.setattr(bookings, "cancel", busy)
        workflow.catch_up(NOW)
    assert "action_failed" not in history(booking)

    workflow.catch_up(LATER)

    booking.refresh_from_db()
    assert booking.is_cancelled


def test_a_worker_that_dies_in_the_middle_leaves_all_of_it_to_the_next(monkeypatch):
    booking = booked(action("cancel_booking"), cancelled=[email()])
    entry = Entry.objects.get(booking=booking, what="cancel_due")

    def die(*_args, **_kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("wagtail_agenda.mailing.Mails.write", die)
        with pytest.raises(KeyboardInterrupt):
            acts.carry_out(entry, LATER)
    booking.refresh_from_db()
    assert not booking.is_cancelled

    workflow.catch_up(LATER)

    booking.refresh_from_db()
    assert booking.is_cancelled
    assert Delivery.objects.count() == 1


# As editors write it


def test_all_of_them_can_be_kept_unfinished_and_not_be_saved_so():
    reverse("wagtailadmin_home")
    block = ActionsBlock()
    needed = ["set_attendance", "change_status", "add_note"]
    rows = [action(name) for name in [*needed, "cancel_booking", "accept_from_waiting_list"]]
    block.clean_deferred(block.to_python(rows))
    with pytest.raises(ValidationError) as caught:
        block.clean(block.to_python(rows))
    assert set(caught.value.block_errors) == {0, 1, 2}
