"""The form and the list of events: waiting lists, and the day on which visitors first see one."""

from datetime import datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags
from freezegun import freeze_time

from tests.agents import make_administrator, queries_of
from tests.factories import NOW, PARIS, make_agenda, make_booking, make_event
from wagtail_agenda import attendance, booking
from wagtail_agenda.choices import (
    Actor,
    Admission,
    AgendaKind,
    Attendance,
    WaitingListPromotion,
)
from wagtail_agenda.letters import letter_of
from wagtail_agenda.models import Bookable, Booking, Delivery, Event, EventSeries

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def monday_morning():
    with freeze_time(NOW):
        yield


@pytest.fixture
def administrator(client):
    client.force_login(make_administrator())
    return client


def url(view, *args) -> str:
    return reverse(f"wagtail_agenda_event:{view}", args=args)


def data(agenda, **fields) -> dict:
    return {
        "agenda": agenda.pk,
        "label": "Yoga",
        "slug": "",
        "description": "",
        "location": "",
        "url": "",
        "start": "2026-12-02 07:00",
        "end": "2026-12-02 09:00",
        "places": "10",
        "waiting_places": "0",
        "publish_at": "",
        "open_for_booking": "on",
        **fields,
    }


def errors(response) -> dict[str, str]:
    assert response.status_code == 200, response.status_code
    return {field: str(words) for field, words in response.context["form"].errors.items()}


def text(response) -> str:
    return " ".join(strip_tags(response.content.decode()).split())


def full_event(waiting=2):
    """An event of one place, which is taken, with some waiting for it."""
    event = make_event(label="Yoga", places=1, start=NOW + timedelta(days=2))
    booking.change_places(event, 1, now=NOW, waiting_places=5)
    for number in range(1 + waiting):
        make_booking(event.agenda, user_email=f"visitor{number}@fairbridge.example")
    return event


def test_an_event_is_made_with_a_waiting_list_and_a_day_of_publication(administrator):
    agenda = make_agenda(kind=AgendaKind.EVENTS, timezone="America/New_York")
    sent = data(agenda, waiting_places="4", publish_at="2026-12-01 08:00")
    response = administrator.post(url("add"), sent)
    assert response.status_code == 302, errors(response)
    event = Event.objects.get()
    assert (event.places, event.waiting_places) == (10, 4)
    assert event.publish_at == datetime(2026, 12, 1, 8, tzinfo=agenda.zone)
    page = administrator.get(url("edit", event.pk))
    assert page.context["form"]["waiting_places"].value() == 4
    assert 'value="2026-12-01 08:00"' in page.content.decode()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("waiting_places", "-1", "greater than or equal to 0"),
        ("waiting_places", "100001", "less than or equal to 100000"),
        ("waiting_places", "9" * 30, "less than or equal to 100000"),
        ("waiting_places", "many", "whole number"),
        ("publish_at", "2026-12-02 07:00", "once it has begun"),
        ("publish_at", "0001-01-01", "between 1970 and 2999"),
        ("publish_at", "2026-03-08 02:30", "Clocks in America/New_York skip 02:30"),
        ("publish_at", "nonsense", "valid date"),
    ],
)
@pytest.mark.one_database
def test_what_cannot_be_is_said_at_its_field(administrator, field, value, words):
    agenda = make_agenda(kind=AgendaKind.EVENTS, timezone="America/New_York")
    found = errors(administrator.post(url("add"), data(agenda, **{field: value})))
    assert list(found) == [field]
    assert words in found[field]
    assert not Bookable.objects.exists()


def test_fewer_places_than_wait_are_refused_at_their_field(administrator):
    event = full_event(waiting=2)
    sent = data(event.agenda, slug=event.slug, places="1", waiting_places="1")
    del sent["open_for_booking"]
    found = errors(administrator.post(url("edit", event.pk), sent))
    assert list(found) == ["waiting_places"]
    assert "2 places of the waiting list are taken" in found["waiting_places"]
    event = Event.objects.get()
    assert (event.places, event.waiting_places) == (1, 5)
    assert event.open_for_booking


def test_more_places_are_filled_from_the_waiting_list(administrator):
    event = full_event(waiting=2)
    sent = data(event.agenda, slug=event.slug, places="2")
    response = administrator.post(url("edit", event.pk), {**sent, "waiting_places": "2"})
    assert response.status_code == 302, errors(response)
    bookable = Bookable.objects.get(pk=event.bookable_id)
    assert (bookable.places_booked, bookable.places_waiting) == (2, 1)
    assert (bookable.places, bookable.waiting_places) == (2, 2)


def test_a_form_without_a_waiting_list_leaves_it_as_it_is(administrator):
    event = full_event(waiting=2)
    sent = data(event.agenda, slug=event.slug, places="1", waiting_places="")
    assert administrator.post(url("edit", event.pk), sent).status_code == 302
    del sent["waiting_places"]
    assert administrator.post(url("edit", event.pk), sent).status_code == 302
    assert Event.objects.get().waiting_places == 5


def test_a_copy_takes_the_waiting_list_along(administrator):
    event = full_event()
    form = administrator.get(url("copy", event.pk)).context["form"]
    assert form["waiting_places"].value() == 5


def test_the_list_says_who_waits_and_when_visitors_see_it(administrator):
    event = full_event(waiting=2)
    later = make_event(label="Later", publish_at=datetime(2026, 12, 1, 8, tzinfo=PARIS))
    make_event(label="Shut", open_for_booking=False)
    make_event(label="Off", cancelled_at=NOW)
    make_event(label="Past", start=NOW - timedelta(days=1))
    page = text(administrator.get(url("index")))
    assert f"{event.agenda} Wednesday 2 December 2026, 07:00 1 of 1 booked, 2 waiting Open" in page
    assert "0 of 10 booked Published on 12/01/2026, 08:00" in page, later
    assert "0 of 10 booked Closed" in page
    assert "0 of 10 booked Cancelled" in page
    assert "0 of 10 booked Has begun" in page


def offering_event(**fields):
    """An event of three places, one of which is being offered; two more wait."""
    agenda = make_agenda(
        kind=AgendaKind.EVENTS, waiting_list_promotion=WaitingListPromotion.OFFER, offer_hours=24
    )
    event = make_event(agenda, places=3, **fields)
    booking.change_places(event, 3, now=NOW, waiting_places=5)
    made = [
        make_booking(agenda, user_email=f"visitor{number}@fairbridge.example")
        for number in range(6)
    ]
    booking.cancel(made[0], actor=Actor.AGENT, now=NOW)
    return event


OFFERING = "2 of 3 booked, 1 on offer, 2 waiting"


def test_the_list_shows_places_that_are_on_offer(administrator):
    event = offering_event()
    assert f"{OFFERING} Open" in text(administrator.get(url("index")))
    with freeze_time(NOW + timedelta(hours=24)):
        # Lapsed by the clock, though nobody has swept yet.
        assert "2 of 3 booked, 2 waiting Open" in text(administrator.get(url("index")))
    offered = event.bookings.get(admission=Admission.OFFERED)
    booking.accept_offer(offered, now=NOW)
    assert "3 of 3 booked, 2 waiting Open" in text(administrator.get(url("index")))


def test_the_dates_of_a_series_show_places_that_are_on_offer(administrator):
    event = offering_event()
    series = EventSeries.objects.create(
        agenda=event.agenda,
        label="Yoga",
        first_day=NOW.date(),
        weekdays=[2],
        start_time=time(18),
        duration=90,
        places=3,
    )
    Event.objects.filter(pk=event.pk).update(series=series)
    page = administrator.get(reverse("wagtail_agenda_eventseries:edit", args=[series.pk]))
    assert OFFERING in text(page)


def test_the_list_takes_a_constant_number_of_queries(administrator):
    offering_event()
    few = queries_of(administrator, url("index"))
    for _number in range(3):
        offering_event()
    many = queries_of(administrator, url("index"))
    assert len(many) == len(few), "\n".join(many)


# What those who have booked are told of other texts


def booked_event():
    event = make_event(label="Yoga", places=10, start=NOW + timedelta(days=2))
    made = make_booking(event.agenda)
    return event, made


def edit(administrator, event, **fields):
    kept = {"label": event.label, "slug": event.slug, **fields}
    return administrator.post(url("edit", event.pk), data(event.agenda, **kept))


def told(made):
    return [(one.method, one.sequence) for one in made.deliveries.order_by("pk")]


@pytest.mark.parametrize(
    "fields",
    [
        {"location": "Room 4"},
        {"label": "Slow yoga"},
        {"description": "Bring a mat."},
        {"url": "https://fairbridge.example/yoga/"},
    ],
)
def test_whether_people_are_told_of_another_place_or_title_is_asked(administrator, fields):
    event, made = booked_event()

    response = edit(administrator, event, **fields)

    (name,) = fields
    assert "say first whether" in errors(response)[name]
    assert "1 booking has been told something else" in text(response)
    question = response.context["form"].question
    assert told(made) == [("REQUEST", 0)]

    response = edit(administrator, event, **fields, confirmed=question.key)

    assert response.status_code == 302
    assert told(made) == [("REQUEST", 0), ("REQUEST", 1)]
    assert getattr(Event.objects.get(), name) == fields[name]
    assert made.entries.filter(what="changed").count() == 1


def test_a_slip_of_the_pen_is_mended_without_a_mail(administrator):
    event, made = booked_event()
    question = edit(administrator, event, label="Yoga.").context["form"].question

    response = edit(administrator, event, label="Yoga.", confirmed=question.other_key)

    assert response.status_code == 302
    assert told(made) == [("REQUEST", 0)]
    made.refresh_from_db()
    assert made.label == "Yoga."


def test_the_answer_counts_for_what_was_asked_alone(administrator):
    event, made = booked_event()
    question = edit(administrator, event, location="Room 4").context["form"].question

    response = edit(administrator, event, location="Room 5", confirmed=question.key)

    assert "location" in errors(response)
    assert told(made) == [("REQUEST", 0)]


def test_whoever_moves_an_event_tells_of_its_new_place_at_once(administrator):
    event, made = booked_event()
    changed = {"location": "Room 4", "start": "2026-12-02 08:00", "end": "2026-12-02 10:00"}
    question = edit(administrator, event, **changed).context["form"].question

    response = edit(administrator, event, **changed, confirmed=question.key)

    assert response.status_code == 302
    assert told(made) == [("REQUEST", 0), ("REQUEST", 1)]
    mail = Delivery.objects.order_by("pk").last()
    assert "LOCATION:Room 4" in letter_of(mail, NOW).calendar.decode()


def test_nobody_is_asked_about_where_nobody_has_booked_or_nothing_is_said(administrator):
    event = make_event(label="Yoga", places=10, start=NOW + timedelta(days=2))
    assert edit(administrator, event, location="Room 4").status_code == 302

    event, made = booked_event()
    assert edit(administrator, event, places="20").status_code == 302
    assert told(made) == [("REQUEST", 0)]
    booking.cancel(made, actor=Actor.AGENT, now=NOW)
    assert edit(administrator, event, location="Room 4").status_code == 302


def test_who_is_checked_in_is_not_told_and_who_waits_still_waits():
    event = full_event(waiting=1)
    confirmed, waiting = Booking.objects.order_by("pk")
    attendance.check_in(confirmed, Attendance.PRESENT, now=NOW)

    told_of = booking.reword_event(event, {"location": "Room 4"}, now=NOW, telling=True)

    assert told_of == 1
    assert Booking.objects.get(pk=waiting.pk).admission == Admission.WAITING
    assert told(confirmed) == [("REQUEST", 0)]


def test_telling_many_of_another_place_takes_as_many_statements_as_telling_a_few():
    counts = set()
    for number in (2, 12):
        event = make_event(places=number, start=NOW + timedelta(days=2))
        for _number in range(number):
            make_booking(event.agenda)
        with CaptureQueriesContext(connection) as captured:
            booking.reword_event(event, {"label": "Tai chi"}, now=NOW, telling=True)
        counts.add(len(captured))
    assert len(counts) == 1
