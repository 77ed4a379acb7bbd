"""What the systems that bookings came from are told: once, and never what they did themselves."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.agents import url
from tests.factories import NOW, make_booking, make_event
from tests.http_server import Server
from wagtail_agenda import attendance, availability, booking, callbacks, outbox
from wagtail_agenda.attendance import Sheet
from wagtail_agenda.choices import Actor, Attendance, DeliveryState, Trigger
from wagtail_agenda.errors import AlreadyCancelled
from wagtail_agenda.models import ApiClient, Booking, Delivery, Entry, Workflow, WorkflowStatus

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=3)
HOOK = "https://forms.example/hooks/"


def make_callable(made, **values):
    """The booking as another system would have made it."""
    Booking.objects.filter(pk=made.pk).update(
        **{
            "cancel_callback_url": f"{HOOK}cancel/",
            "presence_callback_url": f"{HOOK}presence/",
            "absence_callback_url": f"{HOOK}absence/",
            **values,
        }
    )
    made.refresh_from_db()
    return made


@pytest.fixture
def callable_booking():
    return make_callable(make_booking())


def calls():
    """Address and body of every call that was queued."""
    return [
        (one.url, json.loads(one.letter["body"])) for one in Delivery.objects.filter(kind="call")
    ]


# Cancelled


@pytest.mark.parametrize("actor", [Actor.AGENT, Actor.VISITOR])
def test_a_booking_cancelled_here_is_told_once(callable_booking, actor):
    booking.cancel(callable_booking, actor=actor, now=NOW, reason="Ill")
    with pytest.raises(AlreadyCancelled):
        booking.cancel(callable_booking, actor=actor, now=NOW)

    assert calls() == [
        (
            f"{HOOK}cancel/",
            {
                "booking_id": str(callable_booking.uuid),
                "event": "cancelled",
                "reason": "Ill",
                "cancelled_by": actor.value,
            },
        )
    ]


def test_what_another_system_cancels_it_is_not_told(callable_booking):
    booking.cancel(callable_booking, actor=Actor.CLIENT, now=NOW)

    assert calls() == []


def test_a_booking_without_an_address_calls_nobody():
    booking.cancel(make_booking(), actor=Actor.AGENT, now=NOW)

    assert calls() == []


def test_a_dead_system_fails_no_cancellation(callable_booking, settings):
    with Server() as server:
        settings.WAGTAIL_AGENDA = {"CALLBACK_HOSTS": [server.host]}
        Booking.objects.update(cancel_callback_url=server.url)
    booking.cancel(callable_booking, actor=Actor.AGENT, now=NOW)

    outbox.sweep(now=NOW)

    assert Booking.objects.get().is_cancelled
    delivery = Delivery.objects.get(kind="call")
    assert (delivery.state, delivery.attempts) == (DeliveryState.DUE, 1)


def test_everybody_at_a_cancelled_event_is_told_in_a_few_statements():
    def cancelled(places):
        event = make_event(places=places)
        for _number in range(places):
            slot = availability.next_free(event.agenda, None, now=NOW, limit=1)[0]
            make_callable(make_booking(event.agenda, slot=slot, user_email=""))

        with CaptureQueriesContext(connection) as queries:
            booking.cancel_event(event, now=NOW, reason="Storm")
        return len(queries)

    few, many = cancelled(2), cancelled(12)

    assert few == many
    assert len(calls()) == 14


# The page that asks an agent


@pytest.mark.usefixtures("frozen_now")
class TestTheCancelPage:
    SAYS = "This booking has no known cancellation address"

    def page(self, client, made):
        return " ".join(client.get(url("booking_cancel", made.pk)).content.decode().split())

    @pytest.mark.parametrize(
        "values",
        [
            {"form_url": "https://forms.example/7/"},
            {"backoffice_url": "https://forms.example/7/"},
            {"made_by": Actor.CLIENT},
        ],
    )
    def test_whoever_cancels_what_came_from_elsewhere_is_told_and_may_do_so(
        self, client, agent, made, values
    ):
        Booking.objects.filter(pk=made.pk).update(**values)

        assert self.SAYS in self.page(client, made)
        client.post(url("booking_cancel", made.pk), {"reason": ""})

        assert Booking.objects.get(pk=made.pk).is_cancelled
        assert calls() == []

    def test_a_known_client_counts_as_elsewhere(self, client, agent, made):
        Booking.objects.filter(pk=made.pk).update(client=ApiClient.objects.create(label="Forms"))

        assert self.SAYS in self.page(client, made)

    def test_with_an_address_it_says_who_is_told(self, client, agent, made):
        make_callable(made, form_url="https://forms.example/7/")

        page = self.page(client, made)
        client.post(url("booking_cancel", made.pk), {"reason": "Ill"})

        assert self.SAYS not in page
        assert "forms.example" in page
        assert len(calls()) == 1

    @pytest.mark.parametrize("address", ["", "http://localhost/our-own-form/"])
    def test_our_own_bookings_are_cancelled_as_ever(self, client, agent, made, address):
        Booking.objects.filter(pk=made.pk).update(form_url=address)

        assert self.SAYS not in self.page(client, made)

    def test_what_the_agenda_writes_itself_says_nothing(self, made):
        made.agenda.backoffice_url_template = "https://files.example/{number}"
        made.backoffice_url = "https://files.example/7"

        assert not callbacks.is_from_elsewhere(made)


# Marked as checked


def course(number=3):
    """The sheet of an event to which so many have booked, and the bookings."""
    event = make_event(places=number)
    slot = availability.next_free(event.agenda, None, now=NOW, limit=1)[0]
    made = [
        make_callable(make_booking(event.agenda, slot=slot, user_email=""))
        for _number in range(number)
    ]
    return Sheet(event.agenda, event=event), made


def said():
    return sorted((address.split("/")[-2], body["event"]) for address, body in calls())


def test_marking_tells_each_system_who_was_there():
    sheet, (present, late, absent, unknown) = course(4)
    for one, came in ((present, "present"), (late, "late"), (absent, "absent")):
        attendance.check_in(one, came, now=LATER)
    assert calls() == []

    attendance.mark_as_checked(sheet, now=LATER)

    assert said() == [("absence", "absent"), ("presence", "present"), ("presence", "present")]
    bodies = {body["booking_id"]: body for _address, body in calls()}
    assert bodies[str(late.uuid)]["attendance"] == "late"
    assert str(unknown.uuid) not in bodies
    assert Entry.objects.filter(what=Trigger.CHECKED).count() == 4


def test_marking_once_more_tells_only_what_has_changed():
    sheet, (first, second, third) = course(3)
    for one in (first, second):
        attendance.check_in(one, Attendance.PRESENT, now=LATER)
    attendance.mark_as_checked(sheet, now=LATER)
    attendance.unmark(sheet, now=LATER)
    attendance.check_in(first, Attendance.ABSENT, now=LATER)
    attendance.check_in(second, Attendance.LATE, now=LATER)

    attendance.mark_as_checked(sheet, now=LATER)

    assert said() == [("absence", "absent"), ("presence", "present"), ("presence", "present")]
    checked = Entry.objects.filter(what=Trigger.CHECKED).values_list("booking", flat=True)
    assert sorted(checked) == sorted([first.pk, second.pk, third.pk, first.pk, second.pk])

    attendance.unmark(sheet, now=LATER)
    attendance.mark_as_checked(sheet, now=LATER)
    assert len(calls()) == 3


def test_marking_moves_the_workflow_on():
    sheet, (made,) = course(1)
    own = Workflow.objects.create(label="Own", slug="own")
    closed = WorkflowStatus.objects.create(workflow=own, label="Closed", slug="closed")
    own.transitions = [{"type": "transition", "value": {"trigger": "checked", "status": closed.pk}}]
    own.save()
    sheet.agenda.workflow = own
    sheet.agenda.save()

    attendance.mark_as_checked(sheet, now=LATER)

    made.refresh_from_db()
    assert made.status == closed


def test_who_is_cancelled_is_not_checked():
    sheet, (made,) = course(1)
    booking.cancel(made, actor=Actor.CLIENT, now=NOW)

    attendance.mark_as_checked(sheet, now=LATER, rest=Attendance.ABSENT, of=[made.pk])

    assert calls() == []
    assert not Entry.objects.filter(what=Trigger.CHECKED).exists()


def test_a_full_course_is_marked_in_as_many_statements_as_a_small_one():

    def marked(number):
        sheet, made = course(number)
        with CaptureQueriesContext(connection) as queries:
            attendance.mark_as_checked(
                sheet, now=LATER, rest=Attendance.ABSENT, of=[one.pk for one in made]
            )
        return len(queries)

    assert marked(3) == marked(20)
    assert len(calls()) == 23
