"""What leads on beside what happens to a booking: conditions, hands, calls, failures, time."""

from datetime import datetime, timedelta, timezone

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from wagtail import blocks

from tests.factories import (
    NOW,
    PARIS,
    first_slot,
    make_appointments,
    make_booking,
    make_event,
)
from wagtail_agenda import availability, errors, signals, workflow
from wagtail_agenda import booking as bookings
from wagtail_agenda.blocks.actions import ActionsBlock
from wagtail_agenda.choices import Actor, Cause, DeliveryState, Trigger
from wagtail_agenda.models import (
    Booking,
    Entry,
    KeptFile,
    Timer,
    Workflow,
    WorkflowStatus,
)
from wagtail_agenda.workflow import registry
from wagtail_agenda.workflow.rules import Rule

pytestmark = pytest.mark.django_db

MAIL = [{"type": "send_email", "value": {"to": "visitor", "with_invitation": False}}]


class Made:
    """A workflow with the statuses that are named, in that order, and rules that name them."""

    def __init__(self, *names, **actions):
        self.workflow = Workflow.objects.create(label="Own", slug="own")
        self.status = {
            name: WorkflowStatus.objects.create(
                workflow=self.workflow,
                slug=name,
                label=name.title(),
                sort_order=order,
                actions=actions.get(name, []),
            )
            for order, name in enumerate(names)
        }

    def rule(self, kind, status, *conditions, only_from=(), **value):
        row = {
            "type": kind,
            "id": f"{kind}-{len(self.workflow.transitions)}",
            "value": {
                **value,
                "status": self.status[status].pk,
                "only_from": [
                    {"type": "item", "value": self.status[name].pk} for name in only_from
                ],
                "conditions": [{"type": about, "value": asked} for about, asked in conditions],
            },
        }
        self.workflow.transitions = [*self.workflow.transitions.raw_data, row]
        self.workflow.save()
        return self

    def when(self, trigger, status, *conditions, **value):
        return self.rule("transition", status, *conditions, trigger=str(trigger), **value)

    def agenda(self, **fields):
        return make_appointments(workflow=self.workflow, **fields)[0]


def standing(booking):
    return Booking.objects.get(pk=booking.pk).status.slug


def history(booking):
    return list(Entry.objects.filter(booking=booking).values_list("what", flat=True))


# Conditions


def test_the_first_rule_that_fits_wins():
    made = Made("requested", "far", "near", "any")
    made.when(Trigger.BOOKED, "far", ("hours_until_start", {"comparison": "at_least", "number": 3}))
    made.when(Trigger.BOOKED, "near", ("places", {"comparison": "is", "number": 1}))
    made.when(Trigger.BOOKED, "any")
    agenda = made.agenda()

    first, second = (make_booking(agenda) for _number in range(2))

    # From 9:00 on, two hours after NOW.
    assert (standing(first), standing(second)) == ("near", "near")
    slot = first_slot(agenda, now=NOW + timedelta(days=1))
    assert standing(make_booking(slot=slot)) == "far"


def test_all_conditions_have_to_hold():
    made = Made("requested", "both")
    made.when(
        Trigger.BOOKED,
        "both",
        ("language", {"comparison": "is", "language": "fr"}),
        ("answer", {"comparison": "contains", "question": "subject", "text": "PASS"}),
    )
    agenda = made.agenda(desks=3)

    reached = [
        standing(make_booking(agenda, language=language, answers={"subject": subject}))
        for language, subject in (("fr", "A passport"), ("fr", "Other"), ("en", "A passport"))
    ]

    assert reached == ["both", "requested", "requested"]


def test_a_rule_leads_only_from_the_statuses_that_it_names():
    made = Made("requested", "confirmed", "late_cancel", "gone")
    made.when(Trigger.BOOKED, "confirmed")
    made.when(Trigger.CANCELLED_BY_VISITOR, "gone", only_from=["requested"])
    made.when(Trigger.CANCELLED_BY_VISITOR, "late_cancel", only_from=["confirmed"])
    booking = make_booking(made.agenda())

    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW)

    assert standing(booking) == "late_cancel"


def test_without_a_rule_that_fits_the_more_general_trigger_decides():
    made = Made("requested", "approved", "special")
    made.when(Trigger.BOOKED, "approved")
    made.when(Trigger.APPROVED, "special", ("places", {"comparison": "at_least", "number": 2}))
    booking = make_booking(made.agenda(needs_approval=True))
    assert standing(booking) == "requested"

    bookings.approve(booking, now=NOW)

    assert standing(booking) == "approved"


def test_conditions_know_agenda_type_event_and_waiting_list():
    made = Made("requested", "here", "waits")
    event = make_event(places=1)
    event.bookable.waiting_places = 5
    event.bookable.save()
    agenda = event.agenda
    agenda.workflow = made.workflow
    agenda.save()
    here = [
        ("agenda", {"comparison": "is", "agenda": agenda.pk}),
        ("event", {"comparison": "is", "text": event.label.upper()}),
        ("meeting_type", {"comparison": "is_not", "meeting_type": 1}),
    ]
    waits = ("waiting_list", {"comparison": "is", "admission": "waiting"})
    made.when(Trigger.BOOKED, "here", *here).when(Trigger.WAITING, "waits", waits)
    slot = availability.find(agenda, event.slug, now=NOW)

    assert standing(make_booking(slot=slot)) == "here"
    assert standing(make_booking(slot=slot)) == "waits"


def test_a_kept_answer_of_another_system_is_asked():
    made = Made("requested", "paid")
    paid = {"comparison": "at_least", "identifier": "till", "field": "bill.sum", "text": "12,5"}
    made.rule("called", "paid", ("kept_answer", paid), identifier="payment")
    booking = make_booking(made.agenda())

    def call():
        return workflow.note_cause(
            booking, Cause.CALLED, data={"identifier": "payment"}, actor=Actor.CLIENT, now=NOW
        )

    with pytest.raises(errors.NotAllowedInThisStatus):
        call()
    kept = {"booking": booking, "identifier": "till", "name": "till.json"}
    KeptFile.objects.create(
        **kept, content_type="application/json", content=b'{"bill": {"sum": 13}}'
    )
    call()

    assert standing(booking) == "paid"


# By hand, and called


def press(booking, identifier="done", **more):
    return workflow.note_cause(
        booking,
        Cause.BY_HAND,
        data={"identifier": identifier},
        actor=Actor.AGENT,
        now=NOW + timedelta(hours=1),
        **more,
    )


def test_a_button_leads_on_and_is_noted_with_who_pressed_it():
    made = Made("requested", "done", done=MAIL)
    made.rule("by_hand", "done", identifier="done", label="Papers are there")
    lena = get_user_model().objects.create(username="lena")
    booking = make_booking(made.agenda())

    entry = press(booking, user=lena)

    booking.refresh_from_db()
    assert (booking.status.slug, booking.status_since) == ("done", NOW + timedelta(hours=1))
    assert (entry.what, entry.user, entry.data["identifier"]) == ("by_hand", lena, "done")
    assert entry.data["status"] == booking.status_id
    assert booking.deliveries.count() == 1


def test_a_button_that_leads_nowhere_from_here_changes_nothing():
    made = Made("requested", "done")
    made.rule("by_hand", "done", identifier="done", only_from=["done"])
    booking = make_booking(made.agenda())

    with pytest.raises(errors.NotAllowedInThisStatus):
        press(booking)
    with pytest.raises(LookupError):
        press(booking, "another")

    assert (standing(booking), history(booking)) == ("requested", ["booked"])


def test_what_comes_with_a_call_chooses_no_status():
    made = Made("requested", "paid", "secret")
    made.rule("called", "paid", identifier="payment")
    booking = make_booking(made.agenda())
    data = {
        "identifier": "payment",
        "go_to": made.status["secret"].pk,
        "status": made.status["secret"].pk,
    }

    workflow.note_cause(booking, Cause.CALLED, data=data, actor=Actor.CLIENT, now=NOW)

    assert standing(booking) == "paid"


def test_buttons_are_those_that_lead_on_for_whoever_looks():
    made = Made("requested", "done")
    office = Group.objects.create(name="Office")
    made.rule("by_hand", "done", identifier="all", label="For all")
    made.rule("by_hand", "done", identifier="few", label="For few", groups=[str(office.pk)])
    made.rule("by_hand", "done", identifier="later", label="Later", only_from=["done"])
    booking = make_booking(made.agenda())
    lena, olga = (get_user_model().objects.create(username=name) for name in ("lena", "olga"))
    olga.groups.add(office)

    shown = [
        [rule.label for rule in workflow.buttons_of(booking, now=NOW, user=user)]
        for user in (lena, olga)
    ]

    assert shown == [["For all"], ["For all", "For few"]]
    with pytest.raises(errors.NotAllowedInThisStatus):
        press(booking, "few", user=lena)
    press(booking, "few", user=olga)
    assert standing(booking) == "done"


def test_a_cause_can_be_left_to_the_worker():
    made = Made("requested", "paid")
    made.rule("called", "paid", identifier="payment")
    booking = make_booking(made.agenda())
    data = {"identifier": "payment"}

    workflow.note_cause(
        booking, Cause.CALLED, data=data, actor=Actor.CLIENT, now=NOW, advances=True
    )
    assert standing(booking) == "requested"

    assert [workflow.catch_up(NOW), workflow.catch_up(NOW)] == [1, 0]
    assert standing(booking) == "paid"
    assert history(booking) == ["booked", "called"]


# An action that fails


@pytest.fixture
def acting(monkeypatch):
    """Registers an action of the test's own, as a project does."""
    monkeypatch.setattr(registry, "_actions", dict(registry._actions))
    monkeypatch.setattr(registry, "_action_blocks", dict(registry._action_blocks))

    def register(name):
        def decorate(action):
            workflow.register_action(name, block=blocks.StructBlock())(action)
            field = WorkflowStatus._meta.get_field("actions")
            monkeypatch.setitem(field.__dict__, "stream_block", ActionsBlock())
            return action

        return decorate

    return register


@pytest.fixture
def broken(acting):
    """The bookings, by primary key, for which the action « explode » fails: none as yet."""
    broken = set()

    @acting("explode")
    def explode(occasion, value):
        if occasion.booking.pk in broken:
            raise RuntimeError("no")

    return broken


@pytest.fixture
def failing(acting):
    """An action that writes something and then fails, with the code of its value."""

    @acting("fail")
    def fail(occasion, value):
        Entry.objects.create(booking=occasion.booking, what="half done")
        raise workflow.ActionFailed(value.get("code", "sold out"), "There is none left.")


def fail_action(code="sold out"):
    return [{"type": "fail", "value": {"code": code}}]


@pytest.mark.usefixtures("failing")
def test_an_action_that_fails_is_undone_alone_and_leads_on():
    made = Made("requested", "booked", "problem", booked=[*MAIL, *fail_action()], problem=MAIL)
    made.when(Trigger.BOOKED, "booked")
    made.rule("action_failed", "problem")
    booking = make_booking(made.agenda())

    assert standing(booking) == "booked"
    assert history(booking) == ["booked", "action_failed"]
    assert workflow.catch_up(NOW) == 1

    assert standing(booking) == "problem"
    failed = Entry.objects.get(what="action_failed")
    assert (failed.advances, failed.data["code"]) == (False, "sold out")
    assert failed.data["reason"] == "There is none left."
    assert booking.deliveries.count() == 2


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize(
    ("code", "reached"),
    [("sold out", "full"), ("already cancelled", "problem"), (["x"], "problem")],
)
def test_a_rule_can_be_about_one_error(code, reached):
    made = Made("requested", "booked", "full", "problem", booked=fail_action(code))
    made.when(Trigger.BOOKED, "booked")
    made.rule("action_failed", "full", error="sold out")
    made.rule("action_failed", "problem")
    booking = make_booking(made.agenda())

    workflow.catch_up(NOW)

    assert standing(booking) == reached


def test_an_entry_that_names_its_status_goes_there_and_to_no_other_workflow():
    made = Made("requested", "named", "ruled")
    made.rule("action_failed", "ruled")
    booking, stray = (make_booking(made.agenda()) for _number in range(2))
    foreign = WorkflowStatus.objects.filter(workflow__slug="default").first()

    for one, status in ((booking, made.status["named"]), (stray, foreign)):
        Entry.objects.create(
            booking=one, what=Cause.ACTION_FAILED, data={"status": status.pk}, advances=True
        )
    workflow.catch_up(NOW)

    assert (standing(booking), standing(stray)) == ("named", "ruled")


@pytest.mark.parametrize("data", [[], "x", 3, {"status": "x"}, {"go_to": [1]}, {"code": {}}])
def test_entries_that_cannot_be_read_are_done_with(data):
    booking = make_booking()
    Entry.objects.create(booking=booking, what="anything", data=data, advances=True)

    assert workflow.catch_up(NOW) == 1

    assert standing(booking) == "confirmed"
    assert not Entry.objects.filter(advances=True).exists()


def test_one_booking_that_fails_stops_no_other(broken, caplog):
    made = Made("requested", "paid", paid=[{"type": "explode", "value": {}}])
    made.rule("called", "paid", identifier="payment")
    agenda = made.agenda(desks=2)
    first, second = make_booking(agenda), make_booking(agenda)
    broken.add(first.pk)
    for booking in (first, second):
        workflow.note_cause(
            booking,
            Cause.CALLED,
            data={"identifier": "payment"},
            actor=Actor.CLIENT,
            now=NOW,
            advances=True,
        )

    assert workflow.catch_up(NOW) == 1

    assert (standing(first), standing(second)) == ("requested", "paid")
    assert Entry.objects.get(advances=True).booking == first
    assert "was not carried out" in caplog.text


def test_bookings_that_fail_for_ever_hold_up_no_other(broken, monkeypatch):
    monkeypatch.setattr("wagtail_agenda.workflow.catching_up.MOST_AT_ONCE", 2)
    made = Made("requested", "paid", paid=[{"type": "explode", "value": {}}])
    made.rule("called", "paid", identifier="payment")
    agenda = made.agenda(desks=4)
    *failing, fine = [make_booking(agenda) for _number in range(4)]
    broken.update(booking.pk for booking in failing)
    for booking in (*failing, fine):
        Entry.objects.create(
            booking=booking, what=Cause.CALLED, data={"identifier": "payment"}, advances=True
        )

    minutes = [NOW + timedelta(minutes=number) for number in range(6)]
    assert [workflow.catch_up(now) for now in minutes[:3]] == [0, 1, 0]
    assert standing(fine) == "paid"

    # Each of them has its turn again, and goes on once that is possible.
    broken.clear()
    assert [workflow.catch_up(now) for now in minutes[3:]] == [2, 1, 0]
    assert [standing(booking) for booking in failing] == ["paid"] * 3


@pytest.mark.usefixtures("failing")
def test_a_circle_is_stopped_and_noted():
    made = Made("requested", "ping", "pong", ping=fail_action(), pong=fail_action())
    made.when(Trigger.BOOKED, "ping")
    made.rule("action_failed", "pong", only_from=["ping"])
    made.rule("action_failed", "ping", only_from=["pong"])
    booking = make_booking(made.agenda())

    steps = workflow.catch_up(NOW)

    assert workflow.MOST_STEPS <= steps <= workflow.MOST_STEPS + 2
    assert not Entry.objects.filter(advances=True).exists()
    stopped = Entry.objects.get(booking=booking, what=workflow.LOOP_STOPPED)
    assert "without anything happening from outside" in stopped.data["reason"]
    # A visitor who acts starts anew.
    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW)
    assert workflow.catch_up(NOW) == 0


# Cancelled by another system


def test_another_system_that_cancels_has_a_rule_of_its_own():
    made = Made("requested", "by_them", "by_us")
    made.when(Trigger.CANCELLED_BY_API, "by_them").when(Trigger.CANCELLED_BY_AGENT, "by_us")
    booking = make_booking(made.agenda())

    bookings.cancel(booking, actor=Actor.CLIENT, now=NOW)

    assert (standing(booking), history(booking)[-1]) == ("by_them", "cancelled_by_api")


# Time


def reminding(moment="before_start", amount=1, unit="days", status="reminded", **value):
    made = Made("requested", "confirmed", "reminded", "gone", reminded=MAIL)
    made.when(Trigger.BOOKED, "confirmed")
    made.when(Trigger.CANCELLED_BY_VISITOR, "gone")
    return made.rule("time", status, moment=moment, amount=amount, unit=unit, **value)


def in_a_week(agenda):
    return make_booking(slot=first_slot(agenda, now=NOW + timedelta(days=7)))


def test_a_reminder_goes_once_at_its_time():
    booking = in_a_week(reminding().agenda())
    due = booking.start - timedelta(days=1)

    assert Timer.objects.get().due_at == due
    assert workflow.fire_timers(due - timedelta(seconds=1)) == 0
    assert standing(booking) == "confirmed"
    assert [workflow.fire_timers(due), workflow.fire_timers(due)] == [1, 0]

    assert standing(booking) == "reminded"
    assert history(booking) == ["booked", "time"]
    assert booking.deliveries.count() == 1


def test_who_books_after_the_time_of_the_reminder_gets_none():
    booking = make_booking(reminding().agenda())

    assert booking.start - NOW < timedelta(days=1)
    assert not Timer.objects.exists()


def test_a_move_plans_the_reminder_anew():
    agenda = reminding().agenda()
    booking = in_a_week(agenda)
    later = first_slot(agenda, now=NOW + timedelta(days=14))
    before = booking.start - timedelta(days=1)

    bookings.move(booking, later, actor=Actor.AGENT, now=NOW)

    booking.refresh_from_db()
    assert Timer.objects.get().due_at == booking.start - timedelta(days=1)
    assert workflow.fire_timers(before) == 0
    assert workflow.fire_timers(booking.start - timedelta(days=1)) == 1


def test_who_was_reminded_and_moves_there_and_back_is_not_reminded_twice_of_one_time():
    agenda = reminding().agenda()
    booking = in_a_week(agenda)
    due = booking.start - timedelta(days=1)
    workflow.fire_timers(due)
    fired = Timer.objects.get()

    Booking.objects.filter(pk=booking.pk).update(status=agenda.workflow.statuses.all()[1])
    present = Booking.objects.get(pk=booking.pk)
    road = workflow.road_of(agenda)
    workflow.advance(present, Trigger.CHANGED, road=road, actor=Actor.AGENT, now=NOW)

    assert Timer.objects.get() == fired
    assert workflow.fire_timers(due + timedelta(hours=1)) == 0


def test_a_reminder_goes_to_the_address_that_was_corrected_and_not_to_the_old_one():
    booking = in_a_week(reminding().agenda())
    due = booking.start - timedelta(days=1)

    bookings.correct(booking, user_email="ada.martin@fairbridge.example", now=NOW)
    workflow.fire_timers(due)

    (reminder,) = booking.deliveries.all()
    assert reminder.recipient == "ada.martin@fairbridge.example"


def test_a_reminder_that_has_not_left_yet_is_overtaken_by_a_correction():
    booking = in_a_week(reminding().agenda())
    due = booking.start - timedelta(days=1)
    workflow.fire_timers(due)

    bookings.correct(booking, user_email="ada.martin@fairbridge.example", now=due)

    reminder = booking.deliveries.order_by("pk").first()
    assert reminder.recipient == "ada@fairbridge.example"
    assert reminder.state == DeliveryState.SUPERSEDED


def test_a_cancelled_booking_is_not_reminded():
    booking = in_a_week(reminding().agenda())

    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW)

    assert not Timer.objects.exists()


def test_a_rule_for_those_who_cancelled_is_kept():
    made = reminding("after_end", 2, "hours", only_from=["gone"])
    booking = in_a_week(made.agenda())
    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW)

    assert workflow.fire_timers(booking.end + timedelta(hours=2)) == 1
    assert standing(booking) == "reminded"


def test_a_final_status_ends_all_timers():
    made = reminding()
    made.rule("by_hand", "gone", identifier="done")
    WorkflowStatus.objects.filter(slug="gone").update(final=True)
    booking = in_a_week(made.agenda())

    press(booking)

    assert not Timer.objects.exists()


def test_a_reminder_asks_its_conditions_when_it_is_due():
    made = Made("requested", "confirmed", "reminded")
    made.when(Trigger.BOOKED, "confirmed")
    filled = ("answer", {"comparison": "filled", "question": "sms"})
    made.rule("time", "reminded", filled, moment="before_start", amount=1, unit="days")
    agenda = made.agenda(desks=2)
    asked, silent = in_a_week(agenda), in_a_week(agenda)
    Booking.objects.filter(pk=asked.pk).update(answers={"sms": True})

    assert workflow.fire_timers(asked.start - timedelta(hours=3)) == 1
    assert (standing(asked), standing(silent)) == ("reminded", "confirmed")


def test_after_so_long_in_a_status():
    made = reminding("in_status", 2, "hours", only_from=["confirmed"])
    booking = in_a_week(made.agenda())

    assert Timer.objects.get().due_at == NOW + timedelta(hours=2)
    assert workflow.fire_timers(NOW + timedelta(hours=2)) == 1
    assert standing(booking) == "reminded"
    assert not Timer.objects.filter(fired_at=None).exists()


def test_two_statuses_that_take_turns_by_time_do_not_do_so_for_ever():
    made = Made("requested", "ping", "pong")
    made.when(Trigger.BOOKED, "ping")
    for one, other in (("ping", "pong"), ("pong", "ping")):
        made.rule("time", other, only_from=[one], moment="in_status", amount=1, unit="minutes")
    booking = in_a_week(made.agenda())
    now, fired = NOW, 0

    for _minute in range(150):
        now += timedelta(minutes=1)
        fired += workflow.fire_timers(now)

    assert fired == 100
    assert history(booking)[-1] == workflow.LOOP_STOPPED


def test_a_worker_that_was_down_reminds_late_but_not_of_what_has_begun():
    agenda = reminding().agenda(desks=2)
    booking = in_a_week(agenda)

    assert workflow.fire_timers(booking.start - timedelta(minutes=5)) == 1
    missed = in_a_week(agenda)
    assert workflow.fire_timers(missed.start) == 0

    assert (standing(booking), standing(missed)) == ("reminded", "confirmed")
    assert not Timer.objects.filter(fired_at=None).exists()


def test_days_are_those_of_the_calendar():
    """Clocks in Paris go forward in the night to 28 March 2027."""
    start = datetime(2027, 3, 29, 9, 0, tzinfo=PARIS)
    rule = Rule("time", 1, amount=2, unit="days", moment="before_start")

    due = rule.due_at(start, start, None, PARIS)

    assert due == datetime(2027, 3, 27, 9, 0, tzinfo=PARIS)
    assert due == datetime(2027, 3, 27, 8, 0, tzinfo=timezone.utc)
    hours = Rule("time", 1, amount=48, unit="hours", moment="before_start")
    assert hours.due_at(start, start, None, PARIS) == datetime(2027, 3, 27, 8, 0, tzinfo=PARIS)


def test_a_timer_that_fails_stops_no_other_and_goes_off_later(broken, caplog):
    made = Made("requested", "confirmed", "reminded", reminded=[{"type": "explode", "value": {}}])
    made.when(Trigger.BOOKED, "confirmed")
    made.rule("time", "reminded", moment="before_start", amount=1, unit="days")
    agenda = made.agenda(desks=2)
    first, second = in_a_week(agenda), in_a_week(agenda)
    broken.add(first.pk)
    due = first.start - timedelta(days=1)

    assert workflow.fire_timers(due) == 1
    assert (standing(first), standing(second)) == ("confirmed", "reminded")
    assert "did not go off" in caplog.text
    broken.clear()
    assert workflow.fire_timers(due) == 1
    assert standing(first) == "reminded"


def days_of_reminders():
    """Of each reminder that went off, the booking and how many days before, in their order."""
    reminders = Entry.objects.filter(what=Cause.TIME).order_by("pk")
    return [(entry.booking_id, entry.data["amount"]) for entry in reminders]


def test_timers_that_fail_for_ever_hold_up_no_other(broken, monkeypatch):
    monkeypatch.setattr("wagtail_agenda.workflow.catching_up.MOST_AT_ONCE", 2)
    made = Made("requested", "confirmed", "reminded", reminded=[{"type": "explode", "value": {}}])
    made.when(Trigger.BOOKED, "confirmed")
    made.rule("time", "reminded", moment="before_start", amount=2, unit="days")
    made.rule("time", "reminded", moment="before_start", amount=1, unit="days")
    agenda = made.agenda(desks=3)
    *failing, fine = [in_a_week(agenda) for _number in range(3)]
    broken.update(booking.pk for booking in failing)
    due = fine.start - timedelta(days=1)

    assert [workflow.fire_timers(due) for _run in range(3)] == [0, 2, 0]
    assert days_of_reminders() == [(fine.pk, 2), (fine.pk, 1)]

    # The reminders of one booking come in their order, whichever of them has failed.
    broken.clear()
    assert sum(workflow.fire_timers(due) for _run in range(3)) == 4
    for booking in failing:
        assert [days for pk, days in days_of_reminders() if pk == booking.pk] == [2, 1]


# What it costs


def test_without_rules_of_time_nothing_is_asked_about_them(django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    made = Made("requested", "confirmed", confirmed=MAIL).when(Trigger.BOOKED, "confirmed")
    agenda = made.agenda(desks=2)
    slot = first_slot(agenda)
    with CaptureQueriesContext(
        connection,
    ) as plain:
        make_booking(slot=slot)
    made.rule("time", "confirmed", moment="before_start", amount=1, unit="minutes")
    slot = first_slot(type(agenda).objects.get(pk=agenda.pk))
    with CaptureQueriesContext(connection) as timed:
        make_booking(slot=slot)

    assert not any("timer" in query["sql"].lower() for query in plain)
    assert len(timed) == len(plain) + 1


# Rules of time that change while there are bookings


def plan_all(made, now=NOW):
    after = 0
    while after is not None:
        after = workflow.plan_timers(made.workflow.pk, after=after, now=now)


def test_a_rule_that_is_added_counts_for_bookings_that_are_there(monkeypatch):
    monkeypatch.setattr("wagtail_agenda.workflow.planning.AT_ONCE", 2)
    made = Made("requested", "reminded")
    agenda = made.agenda(desks=5)
    coming = [in_a_week(agenda) for _number in range(5)]
    today = make_booking(agenda)
    assert not Timer.objects.exists()

    made.rule("time", "reminded", moment="before_start", amount=1, unit="days")
    plan_all(made)
    plan_all(made)

    assert Timer.objects.count() == 5
    assert not Timer.objects.filter(booking=today).exists()
    assert workflow.fire_timers(coming[0].start - timedelta(days=1)) == 5


def test_a_rule_that_changes_moves_the_reminders_and_one_that_goes_drops_them():
    made = reminding()
    booking = in_a_week(made.agenda())

    row = made.workflow.transitions.raw_data[-1]
    row["value"]["amount"] = 2
    made.workflow.transitions = [*made.workflow.transitions.raw_data[:-1], row]
    made.workflow.save()
    # Nobody is reminded at the old time, even before the worker has come by.
    plan_all(made)
    assert Timer.objects.get().due_at == booking.start - timedelta(days=2)

    made.workflow.transitions = made.workflow.transitions.raw_data[:-1]
    made.workflow.save()
    plan_all(made)
    assert not Timer.objects.exists()


def test_saving_a_workflow_with_reminders_wakes_the_worker(django_capture_on_commit_callbacks):
    heard = []

    def listen(workflow_id, **kwargs):
        heard.append(workflow_id)

    signals.time_rules_changed.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            made = reminding()
            plain = Workflow.objects.create(label="Plain", slug="plain")
    finally:
        signals.time_rules_changed.disconnect(listen)

    assert made.workflow.pk in heard
    assert plain.pk not in heard
    assert workflow.with_time_rules() == [made.workflow.pk]
