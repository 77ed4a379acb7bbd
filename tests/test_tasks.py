"""The queue is a nudge: with it mails leave at once, without it a minute later."""

import pydoc
import uuid
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule
from django_q.signing import SignedPackage

from tests.factories import (
    make_agenda,
    make_appointments,
    make_booking,
    make_details,
    make_event,
)
from tests.smtp_server import smtp_server  # noqa: F401
from wagtail_agenda import availability, booking, tasks
from wagtail_agenda.choices import Actor, Admission, AgendaKind, WaitingListPromotion
from wagtail_agenda.models import Booking, Delivery, Hold

pytestmark = pytest.mark.django_db

OURS = "wagtail_agenda: "


@pytest.fixture
def agenda():
    return make_appointments()[0]


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Books as a request does, whose transaction ends."""

    def book(agenda):
        with django_capture_on_commit_callbacks(execute=True):
            return make_booking(agenda, now=timezone.now())

    return book


def run(package):
    """What a worker does with a task it has taken from the queue."""
    task = SignedPackage.loads(package)
    assert task["func"] == "wagtail_agenda.tasks.deliver"
    tasks.deliver(*task["args"], **task["kwargs"])


# The nudge


def test_a_booking_is_mailed_as_soon_as_it_is_committed(
    agenda,
    committed,
    smtp_server,  # noqa: F811
    monkeypatch,
):
    monkeypatch.setattr(Conf, "SYNC", True)

    committed(agenda)

    assert len(smtp_server.messages) == 1
    assert Delivery.objects.get().state == "done"


def test_the_queue_gets_keys_and_a_worker_delivers(agenda, committed, smtp_server):  # noqa: F811
    booking = committed(agenda)

    (queued,) = OrmQ.objects.all()
    task = SignedPackage.loads(queued.payload)
    assert (task["func"], task["args"]) == (
        "wagtail_agenda.tasks.deliver",
        ([booking.deliveries.get().pk],),
    )
    assert smtp_server.messages == []
    run(queued.payload)
    run(queued.payload)
    assert len(smtp_server.messages) == 1


def test_nothing_is_queued_for_a_booking_that_is_undone(agenda):
    make_booking(agenda)

    assert not OrmQ.objects.exists()


def test_a_queue_that_is_down_costs_a_minute_and_no_booking(
    agenda,
    committed,
    smtp_server,  # noqa: F811
    monkeypatch,
    caplog,
):
    def down(*args, **kwargs):
        raise ConnectionError("no broker")

    monkeypatch.setattr("django_q.tasks.async_task", down)

    booking = committed(agenda)

    assert Booking.objects.get() == booking
    assert "the next sweep will" in caplog.text
    assert tasks.sweep_outbox() == 1
    assert len(smtp_server.messages) == 1


def test_a_redis_that_is_down_costs_no_booking(agenda, committed, monkeypatch, caplog):
    monkeypatch.setattr(Conf, "ORM", None)
    monkeypatch.setattr(Conf, "REDIS", {"host": "127.0.0.1", "port": 1, "socket_timeout": 2})

    committed(agenda)

    assert Booking.objects.count() == 1
    assert "the next sweep will" in caplog.text


@pytest.mark.redis
def test_redis_takes_the_nudge_and_a_worker_delivers(
    agenda,
    committed,
    smtp_server,  # noqa: F811
    monkeypatch,
):
    from django_q.brokers import get_broker

    monkeypatch.setattr(Conf, "CLUSTER_NAME", f"wagtail-agenda-tests-{uuid.uuid4()}")
    broker = get_broker()
    assert type(broker).__name__ == "Redis"
    try:
        committed(agenda)
        ((_receipt, package),) = broker.dequeue()
        run(package)
        assert len(smtp_server.messages) == 1
        assert broker.queue_size() == 0
    finally:
        broker.delete_queue()


# The schedules


def test_schedules_are_there_after_migrating():
    ours = Schedule.objects.filter(name__startswith=OURS)

    assert {(row.func, row.schedule_type, row.minutes, row.repeats) for row in ours} == {
        ("wagtail_agenda.tasks.sweep_outbox", Schedule.MINUTES, 1, -1),
        ("wagtail_agenda.tasks.catch_up", Schedule.MINUTES, 1, -1),
        ("wagtail_agenda.tasks.fire_timers", Schedule.MINUTES, 1, -1),
        ("wagtail_agenda.tasks.plan_timers", Schedule.MINUTES, 1440, -1),
        ("wagtail_agenda.tasks.settle", Schedule.MINUTES, 1, -1),
        ("wagtail_agenda.tasks.purge_lapsed_holds", Schedule.MINUTES, 60, -1),
        ("wagtail_agenda.tasks.purge_nonces", Schedule.MINUTES, 60, -1),
        ("wagtail_agenda.tasks.purge_kept_answers", Schedule.MINUTES, 60, -1),
        ("wagtail_agenda.tasks.forget_persons", Schedule.MINUTES, 60, -1),
        ("wagtail_agenda.tasks.make_occurrences", Schedule.MINUTES, 60, -1),
    }
    for row in ours:
        module, _dot, name = row.func.rpartition(".")
        assert module == tasks.__name__
        assert callable(getattr(tasks, name))


def test_migrating_again_keeps_rows_and_when_they_run_next():
    next_year = timezone.now() + timedelta(days=365)
    Schedule.objects.filter(name__startswith=OURS).update(next_run=next_year, minutes=7)
    before = set(Schedule.objects.values_list("pk", "next_run"))

    call_command("migrate", verbosity=0)

    assert set(Schedule.objects.values_list("pk", "next_run")) == before
    assert set(Schedule.objects.values_list("minutes", flat=True)) == {1, 60, 1440}


def test_schedules_that_two_servers_made_at_once_become_one():
    kept = Schedule.objects.get(func="wagtail_agenda.tasks.sweep_outbox")
    Schedule.objects.create(name=kept.name, func=kept.func)
    others = Schedule.objects.create(name="the project's own", func="print")

    call_command("migrate", verbosity=0)

    assert Schedule.objects.filter(name=kept.name).get() == kept
    assert Schedule.objects.filter(pk=others.pk).exists()


def test_our_apps_can_be_migrated_before_django_q():
    class Unmigrated:
        def get_model(self, app_label, name):
            raise LookupError

    Schedule.objects.all().delete()

    tasks.ensure_schedules(apps=Unmigrated())
    tasks.ensure_schedules(using="elsewhere")

    assert not Schedule.objects.exists()


def test_the_scheduled_names_are_what_a_worker_can_find():
    for function, _minutes in tasks.SCHEDULES.values():
        assert callable(pydoc.locate(function))


def test_what_visitors_left_behind_is_purged_after_a_day(agenda):
    now = timezone.now()
    Hold.objects.create(agenda=agenda, lock_code="old", created_at=now - timedelta(days=2))
    Hold.objects.create(agenda=agenda, lock_code="new", created_at=now)

    assert tasks.purge_lapsed_holds() == 1
    assert Hold.objects.get().lock_code == "new"


def test_an_offer_that_nobody_accepts_passes_on_to_the_next():
    agenda = make_agenda(
        kind=AgendaKind.EVENTS, waiting_list_promotion=WaitingListPromotion.OFFER, offer_hours=1
    )
    long_ago = timezone.now() - timedelta(hours=2)
    event = make_event(agenda, places=1, start=timezone.now() + timedelta(days=7))
    booking.change_places(event, 1, waiting_places=2, now=long_ago)
    first, second, third = (
        booking.book(availability.find(agenda, event.slug, now=long_ago), details, now=long_ago)
        for details in (make_details(user_email=f"{name}@fairbridge.example") for name in "abc")
    )
    booking.cancel(first, actor=Actor.VISITOR, now=long_ago)

    assert tasks.settle() == 1

    admissions = [Booking.objects.get(pk=made.pk).admission for made in (second, third)]
    assert admissions == [Admission.CANCELLED, Admission.OFFERED]
