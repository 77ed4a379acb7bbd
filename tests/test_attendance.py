"""Who came, who did not: what checking in changes and what it refuses."""

from datetime import date, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.booking.common import join, make_course
from tests.factories import NOW, make_appointments, make_booking, make_event
from wagtail_agenda import attendance, availability, booking, outbox, signals, workflow
from wagtail_agenda.attendance import Sheet, as_seen
from wagtail_agenda.choices import Actor, Admission, Attendance, Trigger
from wagtail_agenda.errors import (
    BookingCancelled,
    ChangedMeanwhile,
    MarkedAsChecked,
    NotBegun,
    NotConfirmed,
    NothingToUndo,
    ReasonNotOffered,
)
from wagtail_agenda.models import (
    AttendanceReason,
    AttendanceSheet,
    Booking,
    Delivery,
    Entry,
    Workflow,
    WorkflowStatus,
)

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


def without_place(admission):
    """A booking of that admission, made the real way."""
    if admission == Admission.PENDING:
        return join(make_course(needs_approval=True))
    event = make_course(waiting_list_promotion="manual")
    join(event)
    waits = join(event, "bob")
    if admission == Admission.OFFERED:
        booking.change_places(event, 2, now=NOW, waiting_places=3)
        booking.offer(waits, now=NOW)
    return waits


WITHOUT_PLACE = (Admission.PENDING, Admission.WAITING, Admission.OFFERED)


@pytest.mark.parametrize("came", Attendance)
@pytest.mark.parametrize("admission", WITHOUT_PLACE)
def test_of_a_booking_that_is_not_confirmed_is_refused(admission, came):
    made = without_place(admission)
    before, status = rows(), stored(made).status
    with pytest.raises(NotConfirmed) as refused:
        attendance.check_in(made, came, now=LATER)
    assert refused.value.code == "booking is not confirmed"
    sheet = Sheet.of(made)
    outcome = attendance.check_in_all(sheet, {made.pk: None}, came, now=LATER)
    assert [(one, type(error)) for one, error in outcome.refused] == [(made, NotConfirmed)]
    assert not outcome.done
    assert rows() == before
    now = stored(made)
    assert (now.admission, now.attendance, now.status) == (admission, Attendance.UNKNOWN, status)


@pytest.mark.parametrize("admission", WITHOUT_PLACE)
def test_marking_as_checked_notes_nobody_who_is_not_confirmed(admission):
    made = without_place(admission)
    outcome = attendance.mark_as_checked(
        Sheet.of(made), now=made.start, rest=Attendance.ABSENT, of=[made.pk]
    )
    assert not outcome.done
    assert stored(made).attendance == Attendance.UNKNOWN
    assert Sheet.of(made).row.checked_at == made.start


def test_what_was_noted_together_is_not_taken_back_of_who_has_lost_their_place_since():
    made = join(make_course())
    sheet = Sheet.of(made)
    act = attendance.check_in_all(sheet, {made.pk: None}, Attendance.PRESENT, now=NOW).act
    booking.suspend(made, now=NOW)
    status = stored(made).status
    outcome = attendance.undo_act(sheet, act, now=NOW)
    assert [type(error) for _one, error in outcome.refused] == [NotConfirmed]
    assert stored(made).status == status


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
    monkeypatch.setattr(workflow.engine, "_announce", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        attendance.check_in(made, Attendance.PRESENT, now=NOW)
    assert stored(made).attendance == Attendance.UNKNOWN


def mailing_workflow():
    """One that mails the visitor when they are booked and when they are absent."""
    own = Workflow.objects.create(label="Mailing", slug="mailing")
    mails = [{"type": "send_email", "value": {"to": "visitor", "texts": []}}]
    statuses = {
        slug: WorkflowStatus.objects.create(
            workflow=own, label=slug, slug=slug, sort_order=order, actions=mails
        )
        for order, slug in enumerate(("booked", "absent"))
    }
    own.transitions = [
        {"type": "transition", "value": {"trigger": slug, "status": status.pk}}
        for slug, status in statuses.items()
    ]
    own.save()
    return own


# Late


def test_who_is_late_has_come():
    made = make_booking()

    attendance.check_in(made, Attendance.LATE, now=LATER)

    now = stored(made)
    assert (now.attendance, now.status.slug) == (Attendance.LATE, "present")
    assert now.entries.last().what == Trigger.LATE


def test_a_workflow_may_have_a_rule_of_its_own_for_being_late():
    own = Workflow.objects.create(label="Own", slug="own")
    statuses = {
        slug: WorkflowStatus.objects.create(workflow=own, label=slug, slug=slug, sort_order=order)
        for order, slug in enumerate(("new", "here", "tardy"))
    }
    own.transitions = [
        {"type": "transition", "value": {"trigger": trigger, "status": statuses[slug].pk}}
        for trigger, slug in (("present", "here"), ("late", "tardy"))
    ]
    own.save()
    made = make_booking(make_appointments(workflow=own)[0])

    for came, slug in ((Attendance.PRESENT, "here"), (Attendance.LATE, "tardy")):
        attendance.check_in(made, came, now=LATER)
        assert stored(made).status.slug == slug
    attendance.check_in(made, Attendance.UNKNOWN, now=LATER)
    assert stored(made).status.slug == "new"


# Reasons and notes


@pytest.fixture
def ill():
    return AttendanceReason.objects.create(label="Ill")


def test_a_reason_stays_in_the_history_in_the_words_of_its_time(ill):
    made = make_booking()
    attendance.check_in(made, Attendance.ABSENT, now=LATER, reason=ill, note="Rang at nine")

    AttendanceReason.objects.update(label="Excused")

    now = stored(made)
    assert (now.attendance_reason.label, now.attendance_note) == ("Excused", "Rang at nine")
    data = now.entries.last().data
    assert (data["reason"], data["note"]) == ("Ill", "Rang at nine")


def test_the_same_without_a_reason_leaves_the_one_that_was_given(ill):
    made = make_booking()
    attendance.check_in(made, Attendance.ABSENT, now=LATER, reason=ill, note="Rang")
    before = rows()

    attendance.check_in(made, Attendance.ABSENT, now=LATER)

    assert rows() == before
    assert stored(made).attendance_reason == ill


def test_another_reason_runs_no_action_again(ill):
    made = make_booking(make_appointments(workflow=mailing_workflow())[0])
    attendance.check_in(made, Attendance.ABSENT, now=LATER)
    mails = made.deliveries.count()
    assert mails

    attendance.check_in(made, Attendance.ABSENT, now=LATER, reason=ill)
    attendance.check_in(made, Attendance.ABSENT, now=LATER, reason=None, note="")

    now = stored(made)
    assert (now.attendance_reason, now.attendance_note) == (None, "")
    assert [entry.what for entry in made.entries.all()][-2:] == [attendance.REASON_NOTED] * 2
    assert made.deliveries.count() == mails


def test_another_attendance_and_an_undo_take_the_reason_away(ill):
    made = make_booking()
    for came in (Attendance.PRESENT, Attendance.UNKNOWN):
        attendance.check_in(made, Attendance.ABSENT, now=LATER, reason=ill, note="Rang")
        attendance.check_in(made, came, now=LATER)
        now = stored(made)
        assert (now.attendance_reason, now.attendance_note) == (None, "")


def test_a_reason_that_does_not_fit_is_refused(ill):
    made = make_booking()
    foreign = AttendanceReason.objects.create(label="Foreign", agenda=make_appointments()[0])

    for came, reason in ((Attendance.PRESENT, ill), (Attendance.ABSENT, foreign)):
        with pytest.raises(ReasonNotOffered):
            attendance.check_in(made, came, now=LATER, reason=reason)
    with pytest.raises(ValueError, match="500"):
        attendance.check_in(made, Attendance.ABSENT, now=LATER, note="x" * 501)
    assert stored(made).attendance == Attendance.UNKNOWN


def test_which_reasons_are_on_offer(ill):
    agenda = make_appointments()[0]
    own = AttendanceReason.objects.create(label="Own", agenda=agenda, sort_order=1)
    AttendanceReason.objects.create(label="Foreign", agenda=make_appointments()[0])
    AttendanceReason.objects.create(label="Gone", agenda=agenda, retired=True)

    assert list(attendance.reasons_of(agenda)) == [ill, own]


def test_a_note_on_the_attendance_is_in_no_mail():
    made = make_booking(make_appointments(workflow=mailing_workflow())[0])
    attendance.check_in(made, Attendance.ABSENT, now=LATER, note="Smelled of wine")

    outbox.sweep(now=LATER)

    assert mail.outbox
    for sent in mail.outbox:
        assert "wine" not in sent.message().as_string()


# Together


def expected(number=3, places=10):
    """An event in the past of `LATER`, and its bookings."""
    event = make_event(places=places)
    slot = availability.find(event.agenda, event.slug, now=NOW)
    made = [make_booking(slot=slot, user_name=f"Visitor {one}") for one in range(number)]
    return Sheet(event.agenda, event=event), made


def seen(bookings):
    return {one.pk: as_seen(stored(one)) for one in bookings}


def test_many_are_checked_in_together_each_with_a_history_of_its_own(ill):
    user = get_user_model().objects.create(username="agent")
    sheet, made = expected()

    outcome = attendance.check_in_all(
        sheet, seen(made), Attendance.ABSENT, now=LATER, user=user, reason=ill, note="Train"
    )

    assert (outcome.done, outcome.refused) == (made, [])
    for one in made:
        now = stored(one)
        assert (now.attendance, now.attendance_reason, now.attendance_note, now.status.slug) == (
            Attendance.ABSENT,
            ill,
            "Train",
            "absent",
        )
        entry = now.entries.last()
        assert (entry.what, entry.user, entry.data["reason"]) == ("absent", user, "Ill")


def test_who_cannot_be_checked_in_is_named_and_the_others_go_through():
    colleague = get_user_model().objects.create(username="colleague", first_name="Lena")
    sheet, made = expected(4)
    before = seen(made)
    booking.cancel(made[0], actor=Actor.VISITOR, now=NOW)
    attendance.check_in(made[1], Attendance.ABSENT, now=LATER, user=colleague)
    attendance.check_in(made[2], Attendance.PRESENT, now=LATER, user=colleague)

    outcome = attendance.check_in_all(sheet, before, Attendance.PRESENT, now=LATER)

    assert (outcome.done, outcome.unchanged) == ([made[3]], [made[2]])
    refused = {one: (type(error), str(error)) for one, error in outcome.refused}
    assert refused[made[0]][0] is BookingCancelled
    assert refused[made[1]] == (
        ChangedMeanwhile,
        "Lena has noted “Absent” meanwhile. That was not overwritten.",
    )
    assert stored(made[1]).attendance == Attendance.ABSENT


def test_what_is_not_on_the_sheet_is_left_alone():
    sheet, made = expected(1)
    _other, foreign = expected(1)
    event = make_event(sheet.agenda)
    slot = availability.find(sheet.agenda, event.slug, now=NOW)
    elsewhere = make_booking(slot=slot)

    outcome = attendance.check_in_all(
        sheet, seen([*made, *foreign, elsewhere]), Attendance.PRESENT, now=LATER
    )

    assert outcome.done == made
    assert [(one, error.code) for one, error in outcome.refused] == [
        (elsewhere, "not on this list")
    ]
    assert stored(foreign[0]).attendance == stored(elsewhere).attendance == Attendance.UNKNOWN


def test_what_was_not_seen_is_not_overwritten():
    made = make_booking()
    shown = as_seen(made)
    attendance.check_in(made, Attendance.PRESENT, now=LATER)

    with pytest.raises(ChangedMeanwhile):
        attendance.check_in(made, Attendance.ABSENT, now=LATER, seen=shown)

    assert stored(made).attendance == Attendance.PRESENT
    # The same twice, as a double click sends it, is no conflict.
    attendance.check_in(made, Attendance.PRESENT, now=LATER, seen=shown)


def test_as_many_queries_for_forty_as_for_four():
    def queries(number):
        sheet, made = expected(number, places=60)
        shown = seen(made)
        with CaptureQueriesContext(connection) as captured:
            attendance.check_in_all(sheet, shown, Attendance.PRESENT, now=LATER)
            outcome = attendance.check_in_all(sheet, seen(made), Attendance.ABSENT, now=LATER)
            attendance.undo_act(sheet, outcome.act, now=LATER)
        # What the test itself reads, a query for each.
        return len(captured) - number

    assert queries(40) == queries(4)


def test_undoing_together_gives_everybody_back_what_they_were(ill):
    sheet, made = expected(4)
    attendance.check_in(made[1], Attendance.ABSENT, now=LATER, reason=ill, note="Rang")
    mails = made[1].deliveries.count()
    outcome = attendance.check_in_all(sheet, seen(made), Attendance.PRESENT, now=LATER)
    booking.cancel(made[2], actor=Actor.AGENT, now=LATER)
    attendance.check_in(made[3], Attendance.LATE, now=LATER)

    undone = attendance.undo_act(sheet, outcome.act, now=LATER)

    assert undone.done == made[:2]
    assert [(one, error.code) for one, error in undone.refused] == [
        (made[2], "booking is cancelled"),
        (made[3], "changed meanwhile"),
    ]
    first, second = stored(made[0]), stored(made[1])
    assert (first.attendance, first.status.slug) == (Attendance.UNKNOWN, "confirmed")
    assert (second.attendance, second.attendance_reason, second.attendance_note) == (
        Attendance.ABSENT,
        ill,
        "Rang",
    )
    assert second.status.slug == "absent"
    assert made[1].deliveries.count() == mails
    # One step more, by hand.
    attendance.check_in(made[1], Attendance.UNKNOWN, now=LATER)
    assert stored(made[1]).status.slug == "confirmed"
    with pytest.raises(NothingToUndo):
        attendance.undo_act(sheet, outcome.act, now=LATER)


def test_undoing_a_reason_that_was_given_together(ill):
    sheet, made = expected(2)
    for one in made:
        attendance.check_in(one, Attendance.ABSENT, now=LATER, note="Rang")
    outcome = attendance.check_in_all(sheet, seen(made), Attendance.ABSENT, now=LATER, reason=ill)
    assert stored(made[0]).attendance_reason == ill

    attendance.undo_act(sheet, outcome.act, now=LATER)

    now = stored(made[0])
    assert (now.attendance, now.attendance_reason, now.attendance_note) == (
        Attendance.ABSENT,
        None,
        "Rang",
    )


def test_only_the_last_act_can_be_undone():
    sheet, made = expected(2)
    first = attendance.check_in_all(sheet, seen(made[:1]), Attendance.PRESENT, now=LATER)
    attendance.check_in_all(sheet, seen(made[1:]), Attendance.PRESENT, now=LATER)

    with pytest.raises(NothingToUndo):
        attendance.undo_act(sheet, first.act, now=LATER)

    assert stored(made[0]).attendance == Attendance.PRESENT


# Marked as checked


@pytest.fixture
def marks():
    heard = []

    def listen(sheet, user, **_kwargs):
        heard.append((sheet.checked_at, user))

    signals.attendance_checked.connect(listen)
    yield heard
    signals.attendance_checked.disconnect(listen)


AFTER = NOW + timedelta(days=2, hours=3)
"""When the events of these tests are over."""


def test_a_marked_sheet_changes_no_more_until_it_is_unmarked(
    marks, django_capture_on_commit_callbacks
):
    user = get_user_model().objects.create(username="lena", first_name="Lena", last_name="Roy")
    sheet, made = expected()
    outcome = attendance.check_in_all(sheet, seen(made[:1]), Attendance.PRESENT, now=AFTER)

    with django_capture_on_commit_callbacks(execute=True):
        attendance.mark_as_checked(sheet, now=AFTER, user=user)

    before = rows()
    for attempt in (
        lambda: attendance.check_in(made[0], Attendance.ABSENT, now=AFTER),
        lambda: attendance.check_in(made[0], Attendance.UNKNOWN, now=AFTER),
        lambda: attendance.check_in_all(sheet, seen(made), Attendance.LATE, now=AFTER),
        lambda: attendance.undo_act(sheet, outcome.act, now=AFTER),
        lambda: attendance.mark_as_checked(sheet, now=AFTER),
    ):
        with pytest.raises(MarkedAsChecked, match="Lena Roy has marked this as checked") as refused:
            attempt()
        assert refused.value.code == "already marked as checked"
    assert rows() == before
    assert stored(made[1]).attendance == Attendance.UNKNOWN

    with django_capture_on_commit_callbacks(execute=True):
        attendance.unmark(sheet, now=AFTER, user=user)
    attendance.check_in(made[0], Attendance.ABSENT, now=AFTER)
    assert marks == [(AFTER, user), (None, user)]
    with pytest.raises(NothingToUndo):
        attendance.unmark(sheet, now=AFTER)


def test_whoever_is_left_can_be_noted_with_the_mark(ill):
    sheet, made = expected(4)
    attendance.check_in(made[0], Attendance.PRESENT, now=AFTER)
    booking.cancel(made[1], actor=Actor.AGENT, now=NOW)

    outcome = attendance.mark_as_checked(
        sheet,
        now=AFTER,
        rest=Attendance.ABSENT,
        reason=ill,
        of=[one.pk for one in made[:3]],
    )

    assert outcome.done == [made[2]]
    came = [stored(one).attendance for one in made]
    # The last one was booked after the page was opened: nobody has said anything about them.
    assert came == [Attendance.PRESENT, "", Attendance.ABSENT, ""]
    assert stored(made[2]).attendance_reason == ill
    attendance.unmark(sheet, now=AFTER)
    attendance.undo_act(sheet, outcome.act, now=AFTER)
    assert stored(made[2]).attendance == Attendance.UNKNOWN


def test_nothing_is_marked_before_it_begins():
    sheet, _made = expected(1)
    with pytest.raises(NotBegun):
        attendance.mark_as_checked(sheet, now=sheet.event.start - timedelta(seconds=1))
    attendance.mark_as_checked(sheet, now=sheet.event.start)

    day = Sheet.of(make_booking())
    midnight = datetime(2026, 11, 30, tzinfo=day.agenda.zone)
    with pytest.raises(NotBegun):
        attendance.mark_as_checked(day, now=midnight - timedelta(seconds=1))
    attendance.mark_as_checked(day, now=midnight)


def test_a_day_is_marked_by_itself():
    agenda, *_ = make_appointments()
    today = make_booking(agenda)
    tomorrow = make_booking(
        slot=availability.next_free(agenda, now=NOW + timedelta(days=1), limit=1)[0]
    )
    assert Sheet.of(today) != Sheet.of(tomorrow)

    attendance.mark_as_checked(Sheet.of(today), now=LATER)

    attendance.check_in(tomorrow, Attendance.PRESENT, now=LATER)
    with pytest.raises(MarkedAsChecked):
        attendance.check_in(today, Attendance.PRESENT, now=LATER)
    assert list(Sheet.of(today).bookings) == [today]


def test_who_marked_it_may_be_gone():
    sheet, made = expected(1)
    user = get_user_model().objects.create(username="lena")
    attendance.mark_as_checked(sheet, now=AFTER, user=user)
    user.delete()

    with pytest.raises(
        MarkedAsChecked,
        match=r"checked on [A-Z]\w+day .*, \d\d:\d\d, so",
    ):
        attendance.check_in(made[0], Attendance.PRESENT, now=AFTER)


def test_there_is_one_sheet_for_an_event_and_one_for_a_day():
    sheet, made = expected(2)
    for one in made:
        attendance.check_in(one, Attendance.PRESENT, now=LATER)
    assert AttendanceSheet.objects.count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        AttendanceSheet.objects.create(agenda=sheet.agenda, event=sheet.event)
    day = {"agenda": make_appointments()[0], "day": date(2026, 11, 30)}
    AttendanceSheet.objects.create(**day)
    for columns in (day, {**day, "event": sheet.event}, {"agenda": day["agenda"]}):
        with pytest.raises(IntegrityError), transaction.atomic():
            AttendanceSheet.objects.create(**columns)


# By another system


def test_the_history_says_that_another_system_noted_it():
    made = make_booking()
    reason = AttendanceReason.objects.create(label="Ill", attendance=Attendance.ABSENT)
    steps = [
        (Attendance.ABSENT, None),
        (Attendance.ABSENT, reason),
        (Attendance.UNKNOWN, None),
        (Attendance.PRESENT, None),
    ]
    for came, why in steps:
        attendance.check_in(made, came, reason=why, now=LATER, actor=Actor.CLIENT)
    attendance.mark_as_checked(Sheet.of(made), now=made.end, actor=Actor.CLIENT)
    noted = made.entries.order_by("pk").values_list("what", "actor")[1:]
    assert list(noted) == [
        (what, Actor.CLIENT)
        for what in (
            Trigger.ABSENT,
            attendance.REASON_NOTED,
            workflow.CHECK_IN_UNDONE,
            Trigger.PRESENT,
            Trigger.CHECKED,
        )
    ]
