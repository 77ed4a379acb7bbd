"""Other systems call at the same moment: the same call once, and one place once."""

import pytest
from django.db import connection

from tests.api.calling import Caller
from tests.factories import NOW, make_agenda, make_event
from wagtail_agenda import clients
from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.models import Bookable, Booking, Occupation

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 20


@pytest.fixture
def caller():
    return Caller(*clients.add("Forms", scopes=clients.Scope.values, now=NOW))


@pytest.fixture
def event(frozen_now):
    return make_event(make_agenda(kind=AgendaKind.EVENTS), places=3)


def path_of(event):
    return f"agenda/{event.agenda.slug}/fillslot/{event.slug}/"


def test_the_same_call_twenty_times_at_once_books_once(simultaneously, caller, event):
    def call(_number):
        connection.ensure_connection()
        for _time in range(50):
            answer = caller.post(path_of(event), {}, headers={"Idempotency-Key": "k"})
            if answer.status == 200:
                return answer
            assert answer.status in {409, 503}
        return answer

    answers = simultaneously(call, range(CALLERS), CALLERS)

    assert [type(answer).__name__ for answer in answers] == ["Answer"] * CALLERS
    assert {answer["booking_id"] for answer in answers} == {str(Booking.objects.get().uuid)}
    assert Occupation.objects.count() == 1


def test_three_places_are_given_to_three_of_twenty(simultaneously, caller, event):
    def call(number):
        connection.ensure_connection()
        key = {"Idempotency-Key": f"k{number}"} if number % 2 else None
        for _time in range(50):
            answer = caller.post(path_of(event), {"label": str(number)}, headers=key)
            if answer.status == 200:
                return answer["reason"] if answer["err"] else "booked"
            assert answer.status == 503
        return "busy"

    outcomes = simultaneously(call, range(CALLERS), CALLERS)

    assert sorted(outcomes) == ["booked"] * 3 + ["sold out"] * (CALLERS - 3)
    assert Bookable.objects.get(pk=event.bookable_id).places_booked == 3
    assert Booking.objects.count() == 3


def test_whoever_is_to_have_one_has_one_of_ten(simultaneously, caller, event):
    who = {"user_external_id": "ada-7", "exclude_user": True}

    def call(_number):
        connection.ensure_connection()
        for _time in range(50):
            answer = caller.post(path_of(event), who)
            if answer.status == 200:
                return answer["reason"] if answer["err"] else "booked"
            assert answer.status == 503
        return "busy"

    outcomes = simultaneously(call, range(10), 10)

    assert sorted(outcomes) == ["booked"] + ["user is already booked"] * 9


def test_a_hold_confirmed_ten_times_at_once_is_one_booking(simultaneously, caller, event):
    caller.post(path_of(event), {"lock_code": "X"})

    def call(_number):
        connection.ensure_connection()
        for _time in range(50):
            answer = caller.post(path_of(event), {"lock_code": "X", "confirm_after_lock": True})
            if answer.status == 200:
                return answer["booking_id"]
            assert answer.status == 503
        return "busy"

    assert set(simultaneously(call, range(10), 10)) == {str(Booking.objects.get().uuid)}
