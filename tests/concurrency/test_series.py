"""An editor changes a series while people book its dates: nobody loses a place without being asked.

Runs on the database of the environment. The control at the end takes the lock away, to show that
these tests would notice.
"""

import threading
from datetime import date, time

import pytest
from django.db import connection
from django.db.models import QuerySet

from tests.concurrency.conftest import WAVE
from tests.factories import NOW, PARIS, make_agenda, make_details
from wagtail_agenda import availability, booking, series
from wagtail_agenda.choices import Actor, Admission, AgendaKind
from wagtail_agenda.errors import (
    BookingError,
    NotOffered,
    OccurrencesBooked,
    Overloaded,
    SeriesChanged,
    SoldOut,
)
from wagtail_agenda.models import Bookable, Booking, Event, EventSeries, Occupation
from wagtail_agenda.series import changing
from wagtail_agenda.timegrid import epoch_minutes

pytestmark = pytest.mark.django_db(transaction=True)

DATES = 9


def course(**fields):
    """Tuesdays at 18:00 with three places, nine of them to come; not made yet."""
    return EventSeries.objects.create(
        agenda=make_agenda(kind=AgendaKind.EVENTS, maximal_booking_delay=30),
        **{
            "label": "Yoga",
            "first_day": date(2026, 12, 1),
            "weekdays": [1],
            "start_time": time(18),
            "places": 3,
            **fields,
        },
    )


def made_course(**fields):
    row = course(**fields)
    assert series.make_occurrences(row, NOW) == DATES
    return row


def slots_of(row):
    slugs = row.events.order_by("start").values_list("slug", flat=True)
    return [availability.find(row.agenda, slug, now=NOW, bypass_delays=True) for slug in slugs]


def come(slot, number):
    """Every other visitor holds first and then confirms, the others book at once."""
    if number % 2:
        held = booking.hold(slot, lock_code=f"visitor-{number}", now=NOW)
        return booking.confirm(held, make_details(), now=NOW)
    return booking.book(slot, make_details(), now=NOW, actor=Actor.VISITOR)


def assert_books_agree():
    """Every booking has its place where its event is, and the counters count it."""
    for made in Booking.objects.select_related("event__bookable"):
        assert not made.is_cancelled
        assert not made.event.is_cancelled
        assert (made.start, made.end) == (made.event.start, made.event.end)
        (occupation,) = made.occupations.all()
        assert occupation.bookable_id == made.event.bookable_id
        assert occupation.busy_from == epoch_minutes(made.start)
    for bookable in Bookable.objects.all():
        assert bookable.places_booked == bookable.occupations.count() <= 3
    assert Bookable.objects.count() == Event.objects.count()


def test_many_workers_make_each_date_once(rush):
    row = course()
    result = rush(lambda _number: series.make_occurrences(row, NOW), range(WAVE))
    assert sum(result.won) == DATES
    assert result.refused_for(Overloaded)
    assert Event.objects.count() == Bookable.objects.count() == DATES


@pytest.mark.parametrize(
    "change",
    [{"start_time": time(19)}, {"weekdays": [2]}, {"until": date(2026, 12, 1)}],
    ids=["time", "weekday", "end"],
)
def test_a_change_nobody_was_asked_about_costs_nobody_a_place(rush, change):
    row = made_course()
    slots = slots_of(row)[-2:]
    before = set(row.events.values_list("occurrence", "start"))

    def act(number):
        if number % 8 == 3:
            return series.change_series(row, change, now=NOW)
        return come(slots[number % 2], number)

    result = rush(act, range(WAVE))
    assert result.refused_for(OccurrencesBooked, NotOffered, SoldOut, Overloaded)
    assert_books_agree()
    after = set(row.events.values_list("occurrence", "start"))
    changed = any(isinstance(won, series.Outcome) for won in result.won)
    assert (after != before) == changed
    if result.refused["OccurrencesBooked"] and not changed:
        assert Booking.objects.exists() or Occupation.objects.exists()


def test_an_editor_who_asks_and_answers_takes_everybody_along(rush):
    row = made_course()
    slots = slots_of(row)

    def insist(_number):
        answers = None
        for _attempt in range(60):
            try:
                return series.change_series(row, {"start_time": time(19)}, now=NOW, answers=answers)
            except OccurrencesBooked as asked:
                answers = series.Answers(key=asked.plan.key, moved=True)
            except Overloaded:
                continue
        raise AssertionError("was asked sixty times")

    def act(number):
        return insist(number) if number == 5 else come(slots[number % DATES], number)

    result = rush(act, range(2 * WAVE))
    assert result.refused_for(NotOffered, SoldOut, Overloaded)
    assert_books_agree()
    assert {event.start.astimezone(PARIS).hour for event in row.events.all()} == {19}
    moved = Booking.objects.filter(entries__what="moved").distinct().count()
    (outcome,) = [won for won in result.won if isinstance(won, series.Outcome)]
    assert moved == outcome.told == Booking.objects.count()


def test_two_editors_split_one_series_once(rush):
    row = made_course()
    event = row.events.get(occurrence=date(2026, 12, 15))

    def split(_number):
        return series.change_following(event, {"start_time": time(19)}, now=NOW)

    result = rush(split, range(8))
    assert result.refused_for(SeriesChanged, Overloaded)
    assert len(result.won) == 1
    dates = list(Event.objects.order_by("occurrence").values_list("occurrence", flat=True))
    assert len(dates) == len(set(dates)) == DATES
    assert EventSeries.objects.count() == 2
    row.refresh_from_db()
    assert row.until == date(2026, 12, 14)


def test_without_the_lock_somebody_would_lose_a_place(simultaneously, monkeypatch):
    """The control: an editor who reads without a lock cancels a booking that nobody has seen."""
    if connection.vendor == "sqlite":
        pytest.skip("One writer at a time: nobody books while an editor is inside.")
    row = made_course()
    slot = slots_of(row)[-1]
    read, booked = threading.Event(), threading.Event()
    demands_of, for_update = changing.demands_of, QuerySet.select_for_update
    reading = threading.local()

    def only_read(bookable_ids):
        reading.unlocked = True
        return {found.pk: found for found in Bookable.objects.filter(pk__in=bookable_ids)}

    def rows(queryset, *args, **kwargs):
        if getattr(reading, "unlocked", False):
            return queryset
        return for_update(queryset, *args, **kwargs)

    def demands_before_somebody_books(*args):
        found = demands_of(*args)
        reading.unlocked = False
        read.set()
        assert booked.wait(timeout=30)
        return found

    monkeypatch.setattr(changing, "lock", only_read)
    monkeypatch.setattr(QuerySet, "select_for_update", rows)
    monkeypatch.setattr(changing, "demands_of", demands_before_somebody_books)

    def act(who):
        if who == "editor":
            return series.change_series(row, {"until": date(2026, 12, 1)}, now=NOW)
        assert read.wait(timeout=30)
        try:
            return booking.book(slot, make_details(), now=NOW, actor=Actor.VISITOR)
        finally:
            booked.set()

    outcomes = simultaneously(act, ["editor", "visitor"])
    assert not any(isinstance(outcome, BookingError) for outcome in outcomes)
    assert Booking.objects.get().admission == Admission.CANCELLED
