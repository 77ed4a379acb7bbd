"""Series of events: made ahead, changed together, and never at the cost of somebody who booked."""

from datetime import date, datetime, time, timedelta

import pytest

from tests.factories import NOW, PARIS, make_agenda, make_details
from wagtail_agenda import availability, booking, series, tasks
from wagtail_agenda.choices import Actor, Admission, AgendaKind, DelayUnit
from wagtail_agenda.errors import NotOffered, OccurrencesBooked, SeriesChanged, SeriesInUse
from wagtail_agenda.models import Bookable, Booking, Delivery, Event, EventSeries, Occupation
from wagtail_agenda.series import making

pytestmark = pytest.mark.usefixtures("frozen_now")

TUESDAY = date(2026, 12, 1)
WEEK = timedelta(days=7)


def make_series(agenda=None, *, now=NOW, **fields):
    """A course on Tuesdays at 18:00, made ahead: 30 days of horizon, and 28 more."""
    agenda = agenda or make_agenda(kind=AgendaKind.EVENTS, maximal_booking_delay=30)
    row = EventSeries.objects.create(
        agenda=agenda,
        **{
            "label": "Yoga",
            "first_day": TUESDAY,
            "weekdays": [1],
            "start_time": time(18),
            "duration": 90,
            "places": 10,
            "waiting_places": 2,
            **fields,
        },
    )
    series.make_occurrences(row, now)
    row.refresh_from_db()
    return row


def events_of(row):
    return list(row.events.select_related("agenda", "bookable").order_by("start"))


def days_of(row):
    return [event.start.astimezone(PARIS).date() for event in events_of(row)]


def event_on(row, day):
    return row.events.select_related("agenda", "bookable").get(occurrence=day)


def book(event, places=1, **details):
    slot = availability.find(event.agenda, event.slug, now=NOW)
    fields = {"places": places, **details} if places > 1 else details
    return booking.book(slot, make_details(**fields), now=NOW, actor=Actor.AGENT)


def agreed(row, values, *, change=series.change_series, reason="", **choices):
    """Makes a change twice: to be asked, and with the answers."""
    with pytest.raises(OccurrencesBooked) as asked:
        change(row, values, now=NOW)
    answers = series.Answers(key=asked.value.plan.key, reason=reason, **choices)
    return change(row, values, now=NOW, answers=answers)


# Made ahead


def test_events_are_made_as_far_as_visitors_can_book_and_some():
    row = make_series(publish_days=14, description="Bring a mat", location="Gym")
    last = date(2026, 11, 30) + timedelta(days=30 + 28 + 1)
    assert days_of(row) == [TUESDAY + number * WEEK for number in range(9)]
    assert row.made_until == last
    first = events_of(row)[0]
    assert (first.label, first.description, first.location) == ("Yoga", "Bring a mat", "Gym")
    assert (first.places, first.waiting_places) == (10, 2)
    assert first.start == datetime(2026, 12, 1, 18, tzinfo=PARIS)
    assert first.end - first.start == timedelta(minutes=90)
    assert (first.slug, first.occurrence) == ("yoga-2026-12-01", TUESDAY)
    assert first.publish_at == datetime(2026, 11, 17, tzinfo=PARIS)
    assert not first.differs_from_series


def test_made_again_nothing_is_made_twice_and_time_makes_more():
    row = make_series()
    assert series.make_occurrences(row, NOW) == 0
    assert series.make_occurrences(None, NOW + WEEK) == 1
    assert tasks.make_occurrences() == 0
    assert len(days_of(row)) == 10


def test_what_is_over_is_not_made():
    row = make_series(first_day=date(2020, 1, 7), start_time=time(6), weekdays=[0, 1])
    # Of this Monday, six o'clock is past.
    assert days_of(row)[0] == TUESDAY


def test_a_series_ends_and_leaves_its_exceptions_out():
    row = make_series(
        until=date(2026, 12, 22), exceptions=["2026-12-08", "1999-01-01", "2026-12-09"]
    )
    assert days_of(row) == [TUESDAY, date(2026, 12, 15), date(2026, 12, 22)]
    assert series.make_occurrences(row, NOW + 52 * WEEK) == 0


def test_a_cap_holds_where_the_horizon_does_not(monkeypatch):
    monkeypatch.setattr(making, "MOST_AHEAD", 5)
    row = make_series()
    assert len(days_of(row)) == 5
    assert series.make_occurrences(row, NOW) == 0
    assert series.make_occurrences(row, NOW + WEEK) == 1
    assert days_of(row) == [TUESDAY + number * WEEK for number in range(6)]


def test_two_years_are_the_farthest():
    agenda = make_agenda(
        kind=AgendaKind.EVENTS,
        maximal_booking_delay=4000,
        maximal_booking_delay_unit=DelayUnit.DAYS,
    )
    row = make_series(agenda)
    assert days_of(row)[-1] <= date(2028, 11, 30)
    assert len(days_of(row)) == 105


def test_what_was_cancelled_or_deleted_stays_so():
    row = make_series()
    first, second, *_rest = events_of(row)
    booking.cancel_event(first, now=NOW)
    second.delete()
    assert series.make_occurrences(row, NOW) == 0
    series.change_series(row, {"label": "Yoga for all"}, now=NOW)
    assert date(2026, 12, 8) not in days_of(row)
    first.refresh_from_db()
    assert first.is_cancelled
    assert first.label == "Yoga"
    with pytest.raises(NotOffered):
        availability.find(row.agenda, second.slug, now=NOW)


def test_names_are_free_ones():
    row = make_series(until=TUESDAY)
    other = make_series(row.agenda, until=TUESDAY)
    nameless = make_series(row.agenda, until=TUESDAY, label="瑜伽")
    assert events_of(other)[0].slug == "yoga-2026-12-01-2"
    assert events_of(nameless)[0].slug == "event-2026-12-01"


def test_one_busy_series_does_not_keep_the_others(monkeypatch):
    make_series()
    make_series()
    rows = list(EventSeries.objects.order_by("pk"))

    made = making._locked_and_made

    def busy(pk, now):
        if pk == rows[0].pk:
            raise making.Overloaded()
        return made(pk, now)

    monkeypatch.setattr(making, "_locked_and_made", busy)
    assert series.make_occurrences(None, NOW + WEEK) == 1
    assert len(days_of(rows[1])) == 10


# Changed together


def test_texts_reach_all_that_is_to_come_booked_or_not():
    row = make_series()
    first, second, *_rest = events_of(row)
    book(first)
    Event.objects.filter(pk=second.pk).update(differs_from_series=True, label="Yoga outside")
    outcome = series.change_series(row, {"label": "Pilates", "location": "Hall"}, now=NOW)
    labels = [event.label for event in events_of(row)]
    assert labels == ["Pilates", "Yoga outside", *["Pilates"] * 7]
    assert events_of(row)[0].location == "Hall"
    assert (outcome.differing, outcome.moved, outcome.told) == (1, 0, 0)


def test_times_move_what_nobody_has_booked_without_a_question():
    row = make_series(publish_days=7)
    outcome = series.change_series(row, {"start_time": time(19), "duration": 60}, now=NOW)
    assert outcome.moved == 9
    for event in events_of(row):
        assert event.start.astimezone(PARIS).time() == time(19)
        assert event.end - event.start == timedelta(minutes=60)
        assert event.occurrence == event.start.astimezone(PARIS).date()


def test_booked_dates_are_asked_about_and_nothing_is_done():
    row = make_series()
    first = events_of(row)[0]
    book(first)
    with pytest.raises(OccurrencesBooked) as asked:
        series.change_series(row, {"start_time": time(19), "label": "Late yoga"}, now=NOW)
    (affected,) = asked.value.plan.moved
    assert (affected.event, affected.bookings, affected.waiting) == (first, 1, 0)
    assert affected.new_local_start == datetime(2026, 12, 1, 19, tzinfo=PARIS)
    assert {event.start.astimezone(PARIS).hour for event in events_of(row)} == {18}
    assert {event.label for event in events_of(row)} == {"Yoga"}


def test_moving_the_booked_ones_tells_everybody():
    row = make_series()
    first = events_of(row)[0]
    booked = [book(first, user_email=f"{name}@fairbridge.example") for name in ("ada", "bob")]
    Delivery.objects.all().delete()
    outcome = agreed(row, {"start_time": time(19)}, moved=True)
    assert (outcome.told, outcome.left) == (2, 0)
    for one in booked:
        one.refresh_from_db()
        assert one.start.astimezone(PARIS).hour == 19
        assert one.admission == Admission.CONFIRMED
    assert Delivery.objects.values("recipient").distinct().count() == 2


def test_leaving_the_booked_ones_makes_them_differ():
    row = make_series()
    first = events_of(row)[0]
    booked = book(first)
    outcome = agreed(row, {"start_time": time(19), "label": "Late yoga"}, moved=False)
    first.refresh_from_db()
    booked.refresh_from_db()
    assert (outcome.left, outcome.told) == (1, 0)
    assert first.differs_from_series
    assert first.label == "Yoga"
    assert first.start == booked.start == datetime(2026, 12, 1, 18, tzinfo=PARIS)
    assert {event.start.astimezone(PARIS).hour for event in events_of(row)[1:]} == {19}
    # From then on it is left alone, and nobody is asked about it again.
    assert series.change_series(row, {"start_time": time(20)}, now=NOW).differing == 1


def test_another_weekday_moves_within_the_week():
    row = make_series()
    first = events_of(row)[0]
    booked = book(first)
    outcome = agreed(row, {"weekdays": [2]}, moved=True)
    assert outcome.moved == 9
    assert days_of(row) == [TUESDAY + timedelta(days=1) + number * WEEK for number in range(9)]
    booked.refresh_from_db()
    assert booked.start.astimezone(PARIS).date() == date(2026, 12, 2)
    names = [event.slug for event in events_of(row)]
    assert names[0] == "yoga-2026-12-01", "whoever booked it knows it by this name"
    assert names[1] == "yoga-2026-12-09"


def test_an_event_moves_over_the_end_of_what_is_made():
    # Made until Wednesday 28 January, and moved to the Friday of each week.
    row = make_series()
    assert row.made_until == date(2027, 1, 28)
    series.change_series(row, {"weekdays": [4]}, now=NOW)
    assert days_of(row)[-1] == date(2027, 1, 29)
    assert len(days_of(row)) == 9
    assert series.make_occurrences(row, NOW + 2 * WEEK) == 1


@pytest.mark.parametrize(
    "values",
    [{"until": date(2026, 12, 14)}, {"exceptions": ["2026-12-15"]}, {"every_weeks": 3}],
)
def test_a_date_that_goes_is_asked_about_if_booked(values):
    row = make_series()
    third = event_on(row, date(2026, 12, 15))
    booked = book(third)
    Delivery.objects.all().delete()
    outcome = agreed(row, values, removed=True, reason="The gym is closed")
    third.refresh_from_db()
    booked.refresh_from_db()
    assert third.is_cancelled
    assert third.cancellation_reason == booked.cancellation_reason == "The gym is closed"
    assert booked.is_cancelled
    assert Delivery.objects.exists()
    assert outcome.cancelled == [third]
    wanted = series.dates_of(outcome.series, TUESDAY, date(2027, 1, 26))
    left = [event.occurrence for event in events_of(row) if not event.is_cancelled]
    assert left == wanted


def test_a_booked_date_that_goes_can_stay():
    row = make_series()
    third = event_on(row, date(2026, 12, 15))
    booked = book(third)
    outcome = agreed(row, {"until": date(2026, 12, 1)}, removed=False)
    booked.refresh_from_db()
    assert not booked.is_cancelled
    assert days_of(row) == [TUESDAY, date(2026, 12, 15)]
    assert (outcome.left, outcome.deleted) == (1, 7)
    assert Bookable.objects.count() == 2


def test_a_later_end_brings_dates_back():
    row = make_series()
    series.change_series(row, {"until": date(2026, 12, 1)}, now=NOW)
    assert days_of(row) == [TUESDAY]
    series.change_series(row, {"until": None}, now=NOW)
    assert days_of(row) == [TUESDAY + number * WEEK for number in range(9)]


def test_what_was_ever_booked_stays_as_a_record_and_nobody_is_asked():
    row = make_series()
    third = event_on(row, date(2026, 12, 15))
    booking.cancel(book(third), actor=Actor.VISITOR, now=NOW)
    outcome = series.change_series(row, {"exceptions": ["2026-12-15"]}, now=NOW)
    third.refresh_from_db()
    assert third.is_cancelled
    assert (outcome.told, outcome.deleted) == (0, 0)


def test_fewer_places_than_are_taken():
    row = make_series()
    first, second, *_rest = events_of(row)
    for _number in range(3):
        book(first)
    with pytest.raises(OccurrencesBooked) as asked:
        series.change_series(row, {"places": 2}, now=NOW)
    (affected,) = asked.value.plan.shrunk
    assert affected.demand.taken == 3
    outcome = agreed(row, {"places": 2}, shrunk=True)
    first.bookable.refresh_from_db()
    second.bookable.refresh_from_db()
    assert (first.places, second.places) == (3, 2)
    assert outcome.left == 0
    assert Booking.objects.exclude(admission=Admission.CONFIRMED).count() == 0
    # A change that does not concern the places does not ask again.
    series.change_series(row, {"label": "Pilates"}, now=NOW)


def test_fewer_places_can_leave_the_booked_ones():
    row = make_series()
    first = events_of(row)[0]
    for _number in range(3):
        book(first)
    outcome = agreed(row, {"places": 2, "label": "Small yoga"}, shrunk=False)
    first = event_on(row, TUESDAY)
    assert (first.places, first.label, first.differs_from_series) == (10, "Small yoga", True)
    assert outcome.left == 1


def test_a_smaller_waiting_list_is_asked_about_too():
    row = make_series(places=1)
    first = events_of(row)[0]
    book(first)
    waiting = [book(first), book(first)]
    with pytest.raises(OccurrencesBooked) as asked:
        series.change_series(row, {"waiting_places": 0}, now=NOW)
    (affected,) = asked.value.plan.shrunk
    assert (affected.bookings, affected.waiting) == (1, 2)
    agreed(row, {"waiting_places": 0}, shrunk=True)
    first.bookable.refresh_from_db()
    assert (first.waiting_places, first.bookable.places_waiting) == (2, 2)
    assert {one.admission for one in waiting} == {Admission.WAITING}


def test_more_places_reach_booked_ones_without_a_question():
    row = make_series(places=1)
    first = events_of(row)[0]
    book(first)
    series.change_series(row, {"places": 3}, now=NOW)
    first.bookable.refresh_from_db()
    assert (first.places, first.bookable.places_booked) == (3, 1)


def test_an_answer_counts_only_for_the_bookings_that_were_shown():
    row = make_series()
    first = events_of(row)[0]
    book(first)
    values = {"start_time": time(19)}
    with pytest.raises(OccurrencesBooked) as asked:
        series.change_series(row, values, now=NOW)
    answers = series.Answers(key=asked.value.plan.key, moved=True)
    newcomer = book(first)
    with pytest.raises(OccurrencesBooked):
        series.change_series(row, values, now=NOW, answers=answers)
    newcomer.refresh_from_db()
    assert newcomer.start.astimezone(PARIS).hour == 18
    # Nor for another change, nor half given.
    booking.cancel(newcomer, actor=Actor.VISITOR, now=NOW)
    with pytest.raises(OccurrencesBooked):
        series.change_series(row, {"start_time": time(20)}, now=NOW, answers=answers)
    with pytest.raises(OccurrencesBooked):
        series.change_series(row, values, now=NOW, answers=series.Answers(key=answers.key))
    assert series.change_series(row, values, now=NOW, answers=answers).told == 1


def test_what_somebody_is_booking_just_now_is_asked_about():
    row = make_series()
    first = events_of(row)[0]
    slot = availability.find(row.agenda, first.slug, now=NOW)
    booking.hold(slot, lock_code="mine", now=NOW)
    with pytest.raises(OccurrencesBooked) as asked:
        series.change_series(row, {"until": date(2026, 11, 30)}, now=NOW)
    (affected,) = asked.value.plan.removed
    assert (affected.bookings, affected.demand.held) == (0, 1)
    later = NOW + timedelta(minutes=11)
    series.change_series(row, {"start_time": time(19)}, now=later)
    assert not Occupation.objects.exists()


def test_what_would_have_begun_already_stays():
    row = make_series(weekdays=[0])
    today = events_of(row)[0]
    assert today.start.astimezone(PARIS).date() == date(2026, 12, 7)
    row = make_series(first_day=date(2026, 11, 30), weekdays=[0])
    today = events_of(row)[0]
    assert today.occurrence == NOW.date()
    outcome = series.change_series(row, {"start_time": time(6)}, now=NOW)
    today.refresh_from_db()
    assert today.start.astimezone(PARIS).hour == 18
    assert outcome.differing == 1


def test_a_week_whose_event_was_cancelled_gets_no_other_day():
    row = make_series()
    first, second, third, *_rest = events_of(row)
    booking.cancel_event(first, now=NOW)
    second.delete()
    Event.objects.filter(pk=third.pk).update(differs_from_series=True)
    series.change_series(row, {"weekdays": [2]}, now=NOW)
    assert days_of(row)[:3] == [TUESDAY, date(2026, 12, 15), date(2026, 12, 23)]


def test_what_has_begun_is_history():
    row = make_series(first_day=date(2026, 11, 30), weekdays=[0])
    later = NOW.replace(hour=19)
    series.change_series(row, {"label": "Pilates", "weekdays": [1]}, now=later)
    assert [event.label for event in events_of(row)][:2] == ["Yoga", "Pilates"]
    assert days_of(row)[:2] == [NOW.date(), date(2026, 12, 8)]


# This and the following


def test_the_rest_becomes_a_series_of_its_own():
    row = make_series()
    third = event_on(row, date(2026, 12, 15))
    outcome = series.change_following(third, {"start_time": time(19)}, now=NOW)
    row.refresh_from_db()
    rest = outcome.series
    assert row.until == date(2026, 12, 14)
    assert (rest.pk != row.pk, rest.first_day, rest.until) == (True, date(2026, 12, 15), None)
    assert days_of(row) == [TUESDAY, date(2026, 12, 8)]
    assert days_of(rest) == [date(2026, 12, 15) + number * WEEK for number in range(7)]
    assert {event.start.astimezone(PARIS).hour for event in events_of(row)} == {18}
    assert {event.start.astimezone(PARIS).hour for event in events_of(rest)} == {19}
    assert series.make_occurrences(None, NOW + WEEK) == 1
    assert len(days_of(rest)) == 8


def test_every_second_week_keeps_its_step():
    row = make_series(every_weeks=2)
    event = event_on(row, date(2026, 12, 29))
    rest = series.change_following(event, {"label": "Pilates"}, now=NOW).series
    assert days_of(rest) == [date(2026, 12, 29), date(2027, 1, 12), date(2027, 1, 26)]


def test_with_nothing_before_it_the_series_itself_changes():
    row = make_series()
    outcome = series.change_following(events_of(row)[0], {"label": "Pilates"}, now=NOW)
    assert outcome.series.pk == row.pk
    assert EventSeries.objects.count() == 1
    assert {event.label for event in events_of(row)} == {"Pilates"}


def test_booked_ones_of_the_rest_are_asked_about():
    row = make_series()
    first, fourth = event_on(row, TUESDAY), event_on(row, date(2026, 12, 22))
    before, after = book(first), book(fourth)
    third = event_on(row, date(2026, 12, 15))
    outcome = agreed(third, {"start_time": time(19)}, change=series.change_following, moved=True)
    before.refresh_from_db()
    after.refresh_from_db()
    assert outcome.told == 1
    assert before.start.astimezone(PARIS).hour == 18
    assert after.start.astimezone(PARIS).hour == 19


def test_asking_about_the_rest_splits_nothing():
    row = make_series()
    book(event_on(row, date(2026, 12, 22)))
    third = event_on(row, date(2026, 12, 15))
    with pytest.raises(OccurrencesBooked):
        series.change_following(third, {"start_time": time(19)}, now=NOW)
    row.refresh_from_db()
    assert EventSeries.objects.count() == 1
    assert row.until is None
    assert len(days_of(row)) == 9


def test_the_rest_can_move_to_an_earlier_weekday():
    row = make_series(weekdays=[3], first_day=date(2026, 12, 3))
    event = event_on(row, date(2026, 12, 17))
    booked = book(event)
    outcome = agreed(event, {"weekdays": [0]}, change=series.change_following, moved=True)
    booked.refresh_from_db()
    assert booked.start.astimezone(PARIS).date() == date(2026, 12, 14)
    assert outcome.series.first_day == date(2026, 12, 14)
    row.refresh_from_db()
    assert row.until == date(2026, 12, 13)
    assert days_of(row) == [date(2026, 12, 3), date(2026, 12, 10)]


def test_the_rest_of_a_week_leaves_its_beginning():
    row = make_series(weekdays=[1, 3])
    thursday = event_on(row, date(2026, 12, 17))
    rest = series.change_following(thursday, {"start_time": time(19)}, now=NOW).series
    assert days_of(row)[-1] == date(2026, 12, 15)
    assert days_of(rest)[:3] == [date(2026, 12, 17), date(2026, 12, 22), date(2026, 12, 24)]


def test_those_that_differ_go_along_and_stay_as_they_are():
    row = make_series()
    fourth = event_on(row, date(2026, 12, 22))
    Event.objects.filter(pk=fourth.pk).update(differs_from_series=True)
    third = event_on(row, date(2026, 12, 15))
    outcome = series.change_following(third, {"start_time": time(19)}, now=NOW)
    fourth.refresh_from_db()
    assert fourth.series == outcome.series
    assert fourth.start.astimezone(PARIS).hour == 18
    assert days_of(outcome.series).count(date(2026, 12, 22)) == 1


def test_a_date_that_has_left_its_series_has_none_that_follow():
    row = make_series()
    event = event_on(row, date(2026, 12, 15))
    series.change_following(event, {"label": "Pilates"}, now=NOW)
    with pytest.raises(SeriesChanged):
        series.change_following(event, {"label": "Boxing"}, now=NOW)
    assert EventSeries.objects.count() == 2


# Deleted


def test_a_series_that_nobody_booked_goes_with_its_events():
    row = make_series()
    assert series.delete_series(row) == 9
    assert not Event.objects.exists()
    assert not Bookable.objects.exists()
    assert not EventSeries.objects.exists()


def test_a_series_that_somebody_booked_stays():
    row = make_series()
    booking.cancel(book(events_of(row)[0]), actor=Actor.VISITOR, now=NOW)
    with pytest.raises(SeriesInUse):
        series.delete_series(row)
    assert len(days_of(row)) == 9
