"""`manage.py agenda_cancel` cancels a booking as an agent would."""

import io
import json
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from tests.booking.common import join, make_course, numbers, rows, stored
from tests.factories import make_booking
from wagtail_agenda.choices import Actor, Admission, Trigger
from wagtail_agenda.models import Booking, Delivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(frozen_now):
    return make_booking(cancel_callback_url="https://forms.example/cancel/")


def cancel(name, *more):
    out = io.StringIO()
    call_command("agenda_cancel", str(name), *more, stdout=out)
    return out.getvalue().strip()


@pytest.mark.parametrize(
    "name", [lambda made: made.uuid, lambda made: made.uuid.hex, lambda made: made.reference]
)
def test_it_is_cancelled_and_the_other_system_is_told(made, name):
    assert cancel(name(made), "--reason", "Strike") == f"{made.reference} is cancelled."
    now = stored(made)
    assert (now.admission, now.cancellation_reason) == (Admission.CANCELLED, "Strike")
    entry = made.entries.order_by("pk").last()
    assert (entry.what, entry.actor) == (Trigger.CANCELLED_BY_AGENT, Actor.AGENT)
    (call,) = Delivery.objects.filter(kind="call")
    assert call.url == "https://forms.example/cancel/"
    assert json.loads(call.letter["body"])["reason"] == "Strike"


def test_whoever_waits_gets_the_place(frozen_now):
    course = make_course(waiting_list_promotion="automatic")
    first, second = join(course), join(course, "bob")
    cancel(first.reference.lower())
    assert (stored(second).admission, numbers(course)) == (Admission.CONFIRMED, (1, 0))


def test_twice_is_once(made):
    cancel(made.uuid)
    before = rows()
    with pytest.raises(CommandError, match="Nothing was cancelled: .*already"):
        cancel(made.uuid)
    assert rows() == before


@pytest.mark.parametrize("name", [uuid4(), "K7QM-3FTD", "1", "", "é"])
def test_what_there_is_not_is_named(made, name):
    with pytest.raises(CommandError, match="There is no booking"):
        cancel(name)
    assert Booking.objects.filter(admission=Admission.CONFIRMED).count() == 1
