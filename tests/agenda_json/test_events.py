"""Events and series over those that there are: whoever has booked keeps a place, and is told."""

from datetime import date, time, timedelta

import pytest

from tests.agenda_json.common import exported_data, file_with, refusal, take_in
from tests.booking.common import slot_of
from tests.factories import NOW, make_agenda, make_details, make_event
from wagtail_agenda import booking, series
from wagtail_agenda.choices import AgendaKind, Trigger
from wagtail_agenda.importers.agenda_json import UNCHANGED
from wagtail_agenda.models import Booking, Delivery, Entry, Event, EventSeries

pytestmark = pytest.mark.django_db


@pytest.fixture
def agenda():
    return make_agenda(kind=AgendaKind.EVENTS, slug="courses", label="Courses")


@pytest.fixture
def event(agenda):
    return make_event(agenda, slug="open-day", label="Open day", places=5)


def book(event) -> Booking:
    return booking.book(slot_of(event), make_details(), now=NOW)


def with_event(**fields):
    return file_with(agendas=[{"slug": "courses", "events": [{"slug": "open-day", **fields}]}])


def test_events_are_made_in_the_time_of_the_agenda(agenda):
    take_in(
        file_with(
            agendas=[
                {
                    "slug": "courses",
                    "events": [
                        {
                            "label": "Yoga",
                            "start": "2026-12-03T18:00",
                            "end": "2026-12-03T19:00+01:00",
                            "places": 7,
                            "waiting_places": 3,
                        }
                    ],
                }
            ]
        )
    )
    made = Event.objects.get(slug="yoga")
    assert made.end - made.start == timedelta(hours=1)
    assert (made.places, made.waiting_places, made.series) == (7, 3, None)
    (data,) = exported_data(agenda)["agendas"][0]["events"]
    assert data["start"] == "2026-12-03T18:00:00+01:00"


def test_whoever_has_booked_moves_with_the_event_and_is_told(event):
    booked = book(event)
    mails = Delivery.objects.count()
    start = event.start + timedelta(hours=3)
    end = event.end + timedelta(hours=3)
    take_in(with_event(start=start.isoformat(), end=end.isoformat(), location="Hall"))
    booked.refresh_from_db()
    event.refresh_from_db()
    assert (booked.start, booked.end) == (start, end) == (event.start, event.end)
    assert event.location == "Hall"
    assert Entry.objects.filter(booking=booked, what=Trigger.MOVED).count() == 1
    assert Delivery.objects.count() > mails
    mails = Delivery.objects.count()
    outcomes = take_in(with_event(start=start.isoformat(), end=end.isoformat(), location="Hall"))
    assert outcomes[-1].verdict == UNCHANGED
    assert Delivery.objects.count() == mails


def test_whoever_has_booked_is_told_of_another_place(event):
    booked = book(event)
    take_in(with_event(location="Hall"))
    assert Entry.objects.filter(booking=booked, what=Trigger.CHANGED).count() == 1


def test_there_are_never_fewer_places_than_are_taken(event):
    book(event)
    booking.change_places(event, 9, now=NOW)
    take_in(with_event(places=1))
    event.refresh_from_db()
    assert event.places == 1
    problems = refusal(with_event(places=0))
    assert set(problems) == {"agendas[0].events[0].places"}
    booking.change_places(event, 2, now=NOW)
    book(event)
    problems = refusal(with_event(places=1))
    assert "2 places are booked" in problems["agendas[0].events[0].places"]


def test_what_is_booked_keeps_its_slug_and_what_the_file_leaves_out(event):
    booked = book(event)
    take_in(file_with(agendas=[{"slug": "courses", "events": []}]))
    assert Event.objects.get() == event
    booked.refresh_from_db()
    assert not booked.is_cancelled


def test_a_file_cancels_an_event_for_everybody_once(event):
    booked = book(event)
    file = with_event(cancelled=True, cancellation_reason="Storm")
    take_in(file)
    event.refresh_from_db()
    booked.refresh_from_db()
    assert (event.cancellation_reason, booked.is_cancelled) == ("Storm", True)
    when = event.cancelled_at
    assert take_in(file)[-1].verdict == UNCHANGED
    event.refresh_from_db()
    assert event.cancelled_at == when
    problems = refusal(with_event(label="Something else"))
    assert "cancelled" in problems["agendas[0].events[0]"]


# Series


RULE = {
    "key": "yoga",
    "label": "Yoga",
    "first_day": "2026-12-01",
    "weekdays": [3, 1],
    "start_time": "18:00",
    "places": 5,
}


def with_series(events=(), **fields):
    one = {**RULE, **fields}
    return file_with(agendas=[{"slug": "courses", "event_series": [one], "events": list(events)}])


def test_a_series_makes_its_events(agenda):
    take_in(with_series())
    row = EventSeries.objects.get()
    assert row.weekdays == [1, 3]
    made = Event.objects.filter(series=row)
    assert made.count() > 10
    first = made.order_by("start").first()
    assert first.slug == "yoga-2026-12-01"
    assert first.start.astimezone(agenda.zone).time() == time(18)
    assert exported_data(agenda)["agendas"][0]["events"] == []
    assert {one.verdict for one in take_in(with_series())} == {UNCHANGED}


def test_an_occurrence_differs_from_its_series_where_the_file_says_so(agenda):
    one = {
        "label": "Yoga outdoors",
        "series": "yoga",
        "occurrence": "2026-12-03",
        "start": "2026-12-03T17:00",
        "end": "2026-12-03T19:00",
        "places": 30,
    }
    take_in(with_series([one]))
    changed = Event.objects.get(occurrence=date(2026, 12, 3))
    assert (changed.label, changed.places, changed.differs_from_series) == (
        "Yoga outdoors",
        30,
        True,
    )
    assert Event.objects.filter(series=changed.series).count() > 10
    # Over a series that has made its own already.
    take_in(
        with_series(
            [
                {**one, "occurrence": "2026-12-08", "start": "2026-12-08T17:00"}
                | {"end": "2026-12-08T19:00", "slug": "outdoors"}
            ]
        )
    )
    later = Event.objects.get(occurrence=date(2026, 12, 8))
    assert (later.slug, later.differs_from_series, later.places) == ("outdoors", True, 30)
    days = exported_data(agenda)["agendas"][0]["events"]
    assert [one["occurrence"] for one in days] == ["2026-12-03", "2026-12-08"]


def test_a_series_that_nobody_has_booked_follows_the_file(agenda):
    take_in(with_series())
    take_in(with_series(start_time="20:00", places=6))
    row = EventSeries.objects.get()
    starts = {one.start.astimezone(agenda.zone).time() for one in row.events.all()}
    assert starts == {time(20)}
    assert {one.places for one in row.events.select_related("bookable")} == {6}


def test_a_booked_series_is_never_changed_unasked(agenda):
    take_in(with_series())
    first = Event.objects.order_by("start").first()
    booked = book(first)
    problems = refusal(with_series(start_time="20:00"))
    assert list(problems) == ["agendas[0].event_series[0]"]
    assert "1 date of this series is booked" in problems["agendas[0].event_series[0]"]
    booked.refresh_from_db()
    assert booked.start == first.start


def test_of_two_series_with_the_same_label_each_stays_itself(agenda):
    take_in(with_series(until="2026-12-31"))
    second = {**RULE, "key": "yoga-2", "first_day": "2027-01-04", "start_time": "19:00"}
    file = with_series(until="2026-12-31")
    file["agendas"][0]["event_series"].insert(0, second)
    take_in(file)
    assert EventSeries.objects.count() == 2
    file["agendas"][0]["event_series"][0] = {**second, "places": 9}
    take_in(file)
    rows = EventSeries.objects.order_by("first_day").values_list("places", flat=True)
    assert list(rows) == [5, 9]


def test_an_occurrence_does_not_take_the_name_of_another_event(agenda, event):
    one = {"label": "Open day", "series": "yoga", "occurrence": "2026-12-03"}
    one |= {"start": "2026-12-03T17:00", "end": "2026-12-03T19:00"}
    assert list(refusal(with_series([one]))) == ["agendas[0].events[0].slug"]


def test_a_booked_occurrence_keeps_its_slug(agenda):
    take_in(with_series())
    first = Event.objects.order_by("start").first()
    book(first)
    one = {"slug": "renamed", "label": "Yoga", "series": "yoga"}
    one |= {"occurrence": first.occurrence.isoformat(), "location": "Hall"}
    take_in(with_series([one]))
    first.refresh_from_db()
    assert (first.slug, first.location) == (f"yoga-{first.occurrence}", "Hall")


def test_what_cannot_be_is_refused_at_its_key(agenda):
    problems = refusal(
        with_series(
            [
                {"label": "A", "start": "2027-03-28T02:30", "end": "2027-03-28T01:00+01:00"},
                {"label": "B", "start": "2026-12-03T18:00", "end": "2026-12-03T17:00"},
                {"label": "C", "series": "other", "occurrence": "2026-12-03"},
                {"label": "D", "series": "yoga"},
                {"label": "E", "start": "soon", "cancelled": False, "places": 0},
                {"label": "F", "start": "2026-12-03", "end": "2026-12-03T19:00"},
            ],
            until="2026-11-01",
        )
    )
    inside = "agendas[0].events"
    assert {
        "agendas[0].event_series[0].until",
        f"{inside}[0].start",
        f"{inside}[1].end",
        f"{inside}[2].series",
        f"{inside}[3].occurrence",
        f"{inside}[4].start",
        f"{inside}[4].cancelled",
        f"{inside}[4].places",
        f"{inside}[5].start",
    } <= set(problems)


def test_series_are_made_ahead_through_their_own_room(agenda, monkeypatch):
    asked = []
    real = series.make_occurrences
    monkeypatch.setattr(
        series, "make_occurrences", lambda row, now: asked.append(row) or real(row, now)
    )
    take_in(with_series())
    assert asked == [EventSeries.objects.get()]
