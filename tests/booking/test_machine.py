"""The bookings at random of `machine`: a little of it here, all of it with `make prove`."""

import os

import pytest
from django.db import IntegrityError
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.booking.machine import APPOINTMENT_AGENDAS, BookingsAtRandom
from wagtail_agenda import booking
from wagtail_agenda.booking import admission
from wagtail_agenda.meetings import rooms

STEPS_AT_ONCE = 50
FULL_LENGTH = 10_000
"""Steps on each database with `make prove`; the suite takes a fiftieth of them."""
PROVING = bool(os.environ.get("AGENDA_PROVE"))
SEEDS = (1, 2, 3, 4) if PROVING else (1,)
STEPS = FULL_LENGTH // len(SEEDS) if PROVING else FULL_LENGTH // 50

pytestmark = pytest.mark.django_db


def run(number, steps, only=None, **options):
    """So many steps, which the number alone decides."""
    machine = seed(number)(type("Machine", (BookingsAtRandom,), {"only": only}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=steps // STEPS_AT_ONCE,
            stateful_step_count=STEPS_AT_ONCE,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            **options,
        ),
    )


@pytest.mark.parametrize("number", SEEDS)
def test_never_overbooked_never_adrift_first_come_first_served(number):
    run(number, STEPS)


# The controls


def everywhere(monkeypatch, name, function):
    for module in (
        booking.admission,
        booking.approval,
        booking.ending,
        booking.events,
        booking.holds,
        booking.making,
        booking.moving,
        booking.waiting_list,
    ):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, function)


def without_looking_at_the_desk(monkeypatch):
    everywhere(monkeypatch, "require_free", lambda *_arguments, **_options: None)


def without_looking_at_the_room(monkeypatch):
    monkeypatch.setattr(rooms, "require_free", lambda *_arguments, **_options: None)


def without_giving_the_room_back(monkeypatch):
    monkeypatch.setattr(rooms, "give_back", lambda *_arguments: None)


def without_queueing(monkeypatch):
    really = admission.lists_of

    def nobody_queues(*arguments, **options):
        lists = really(*arguments, **options)
        for one in lists.values():
            one.queued = False
        return lists

    everywhere(monkeypatch, "lists_of", nobody_queues)


def without_counting_what_lapses(monkeypatch):
    really = admission.lists_of

    def only_counters(bookables, _now, **options):
        return really(bookables, _now.replace(year=_now.year + 9), **options)

    everywhere(monkeypatch, "lists_of", only_counters)


def without_giving_back(monkeypatch):
    really = admission.count
    everywhere(
        monkeypatch,
        "count",
        lambda bookables, rows, sign: really(bookables, rows, max(sign, 0)),
    )


def with_the_last_first(monkeypatch):
    really = booking.waiting_list.waiting_for
    everywhere(monkeypatch, "waiting_for", lambda event: really(event).reverse())


@pytest.mark.skipif(not PROVING, reason="Part of `make prove`.")
@pytest.mark.parametrize(
    ("broken", "where"),
    [
        (without_looking_at_the_desk, APPOINTMENT_AGENDAS),
        (without_looking_at_the_room, APPOINTMENT_AGENDAS),
        (without_giving_the_room_back, APPOINTMENT_AGENDAS),
        (without_queueing, ("by_hand",)),
        (without_counting_what_lapses, ("offered",)),
        (without_giving_back, ("approved",)),
        (with_the_last_first, ("automatic",)),
    ],
)
def test_would_notice(monkeypatch, broken, where):
    """The same at random with one thing broken, which it or the database must find."""
    broken(monkeypatch)
    with pytest.raises((AssertionError, IntegrityError)):
        run(1, FULL_LENGTH, where, phases=[Phase.generate], report_multiple_bugs=False)
