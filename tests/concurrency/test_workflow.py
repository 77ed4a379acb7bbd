"""Several workers at the same entries and timers: each carries its booking once, in order.

Runs on the database of the environment.
"""

from datetime import timedelta

import pytest

from tests.factories import NOW, first_slot, make_appointments, make_booking
from wagtail_agenda import booking as bookings
from wagtail_agenda import workflow
from wagtail_agenda.choices import Actor, Cause
from wagtail_agenda.errors import NotAllowedInThisStatus, Overloaded
from wagtail_agenda.models import Booking, Delivery, Entry, Timer, Workflow, WorkflowStatus

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 5
WORKERS = 6
DUE = NOW + timedelta(days=6, hours=4)


def make_road(steps=STEPS):
    """A workflow that goes from one status to the next with each call, and mails at each."""
    own = Workflow.objects.create(label="Own", slug="own")
    mail = [{"type": "send_email", "value": {"to": "visitor", "with_invitation": False}}]
    statuses = [
        WorkflowStatus.objects.create(
            workflow=own, slug=f"s{step}", label=str(step), sort_order=step, actions=mail
        )
        for step in range(steps + 1)
    ]
    own.transitions = [
        {
            "type": "called",
            "value": {
                "identifier": "on",
                "status": following.pk,
                "only_from": [{"type": "item", "value": before.pk}],
            },
        }
        for before, following in zip(statuses, statuses[1:], strict=False)
    ] + [
        {
            "type": "time",
            "id": "reminder",
            "value": {
                "amount": 1,
                "unit": "days",
                "moment": "before_start",
                "status": statuses[-1].pk,
            },
        }
    ]
    own.save()
    return own


def make_bookings(number):
    agenda = make_appointments(desks=number, workflow=make_road())[0]
    slot = first_slot(agenda, now=NOW + timedelta(days=7))
    return [make_booking(slot=slot) for _number in range(number)]


def call(booking, **more):
    return workflow.note_cause(
        booking, Cause.CALLED, data={"identifier": "on"}, actor=Actor.CLIENT, now=NOW, **more
    )


def until_nothing_is_left(work, simultaneously):
    """What the workers have done together, however often they got in each other's way."""
    done = 0
    for _round in range(20):
        outcomes = simultaneously(lambda _worker: work(), range(WORKERS))
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        done += sum(outcomes)
        if not any(outcomes):
            break
    return done


def test_each_entry_carries_its_booking_once_and_in_order(simultaneously):
    made = make_bookings(4)
    for booking in made:
        for _step in range(STEPS):
            call(booking, advances=True)

    done = until_nothing_is_left(lambda: workflow.catch_up(NOW), simultaneously)

    assert done == len(made) * STEPS
    assert not Entry.objects.filter(advances=True).exists()
    for booking in made:
        entries = Entry.objects.filter(booking=booking, what="called").order_by("pk")
        assert [entry.data["status_label"] for entry in entries] == ["1", "2", "3", "4", "5"]
        assert Delivery.objects.filter(booking=booking).count() == STEPS


def test_each_timer_goes_off_once(simultaneously):
    made = make_bookings(6)
    assert Timer.objects.count() == len(made)
    due = made[0].start - timedelta(hours=3)

    done = until_nothing_is_left(lambda: workflow.fire_timers(due), simultaneously)

    assert done == len(made)
    assert Entry.objects.filter(what="time").count() == len(made)
    assert not Timer.objects.filter(fired_at=None).exists()


def test_a_button_that_two_press_is_pressed_once_each(rush):
    (booking,) = make_bookings(1)

    result = rush(lambda _visitor: call(booking), range(12))

    assert len(result.won) <= STEPS
    assert result.refused_for(NotAllowedInThisStatus, Overloaded)
    entries = Entry.objects.filter(booking=booking, what="called").order_by("pk")
    assert [entry.data["status_label"] for entry in entries] == [
        str(step) for step in range(1, len(result.won) + 1)
    ]
    assert Booking.objects.get().status.label == str(len(result.won))


def test_reminders_that_are_due_while_bookings_are_cancelled_go_to_nobody_who_has_cancelled(
    simultaneously,
):
    made = make_bookings(6)
    due = made[0].start - timedelta(hours=3)

    def act(number):
        if number < len(made):
            return bookings.cancel(made[number], actor=Actor.AGENT, now=NOW)
        return workflow.fire_timers(due)

    for outcome in simultaneously(act, range(len(made) + WORKERS)):
        assert not isinstance(outcome, Exception) or isinstance(outcome, Overloaded), outcome

    for booking in Booking.objects.filter(admission="cancelled"):
        history = list(booking.entries.values_list("what", flat=True))
        assert "time" not in history[history.index("cancelled_by_agent") :]
        assert not booking.timers.filter(fired_at=None).exists()


def test_a_worker_that_is_killed_leaves_the_step_to_the_next(monkeypatch):
    (booking,) = make_bookings(1)
    call(booking, advances=True)

    class Killed(BaseException):
        pass

    def die(*_arguments, **_options):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(workflow.engine, "_announce", die)
        for work in (lambda: workflow.catch_up(NOW), lambda: workflow.fire_timers(DUE)):
            with pytest.raises(Killed):
                work()
    assert Entry.objects.filter(what__in=["called", "time"], advances=False).count() == 0
    assert Timer.objects.filter(fired_at=None).count() == 1
    assert Delivery.objects.count() == 0

    assert (workflow.catch_up(NOW), workflow.fire_timers(DUE)) == (1, 1)
    assert Delivery.objects.count() == 2
