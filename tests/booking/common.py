"""What the tests of bookings share: short words for acts, and books that must balance."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.models import Sum

from tests.booking.books import Books
from tests.factories import NOW, make_agenda, make_details, make_event
from wagtail_agenda import availability, booking
from wagtail_agenda.booking import Waiting
from wagtail_agenda.choices import Actor, AgendaKind
from wagtail_agenda.models import (
    Bookable,
    Booking,
    Delivery,
    Entry,
    Hold,
    Invitation,
    Occupation,
)

MINUTE = timedelta(minutes=1)


LATER = NOW + timedelta(minutes=11)
"""When a hold made at `NOW` has lapsed."""


def hold(slot, code="a", now=NOW, **about):
    return booking.hold(slot, lock_code=code, now=now, **about)


def hold_first(agenda, code="a", now=NOW, **about):
    return hold(availability.next_free(agenda, now=now, lock_code=code)[0], code, now, **about)


def slot_of(event, now=NOW, **options):
    return availability.find(event.agenda, event.slug, now=now, **options)


def stored(row):
    return type(row).objects.get(pk=row.pk)


def rows():
    """How many rows there are of everything that a booking writes."""
    return {
        model.__name__: model.objects.count()
        for model in (Booking, Hold, Occupation, Entry, Invitation, Delivery)
    } | {"places_booked": Bookable.objects.aggregate(sum=Sum("places_booked"))["sum"]}


def contention():
    """What the database of this test says when it wants to be asked again."""
    if connection.vendor == "mysql":
        return OperationalError(1213, "Deadlock found when trying to get lock")
    error = OperationalError("database is locked")
    if connection.vendor == "postgresql":
        cause = Exception("deadlock detected")
        cause.sqlstate = "40P01"
        error.__cause__ = cause
    return error


class Failing:
    """Stands before a function and raises so many times before it lets anybody through."""

    def __init__(self, function, error, times):
        self.function, self.error, self.times, self.calls = function, error, times, 0

    def __call__(self, *arguments, **options):
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return self.function(*arguments, **options)


LOCKING = (
    booking.holds,
    booking.making,
    booking.moving,
    booking.approval,
    booking.waiting_list,
    booking.ending,
    booking.events,
    booking.settling,
)
"""The modules whose transactions begin with the lock."""


def replace_lock(monkeypatch, function):
    for module in LOCKING:
        monkeypatch.setattr(module, "lock", function)


# Events with a waiting list


def make_course(*, places=1, waiting=3, start=None, **agenda):
    """An event with a waiting list, in an agenda of its own that has these fields."""
    agenda.setdefault("places_per_booking", 3)
    event = make_event(make_agenda(kind=AgendaKind.EVENTS, **agenda), places=places, start=start)
    booking.change_places(event, places, now=NOW, waiting_places=waiting)
    return event


def join(event, name="ada", now=NOW, *, actor=Actor.VISITOR, waiting=Waiting.ACCEPTED, **details):
    """A booking of an event, made as somebody of that name."""
    about = make_details(user_name=name, user_email=f"{name}@fairbridge.example", **details)
    slot = availability.Slot.of(event.agenda, event.start, event.end, event=event)
    return booking.book(slot, about, now=now, actor=actor, waiting=waiting)


def admissions(*bookings):
    return [stored(made).admission for made in bookings]


def numbers(event):
    """Booked and waiting places, as the counters have them."""
    bookable = Bookable.objects.get(event=event)
    return bookable.places_booked, bookable.places_waiting


@contextmanager
def refused(error, code=None):
    """Expects a refusal with its code and a sentence, after which everything is as it was."""
    before = Books.read()
    with pytest.raises(error) as caught:
        yield caught
    assert caught.value.code == (code or error.code)
    assert str(caught.value).endswith(".")
    assert Books.read() == before


def last_entry(made):
    return made.entries.order_by("pk").last()
