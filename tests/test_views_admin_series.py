"""Series of events and the acts on one event, as an editor meets them in the admin."""

from datetime import date, datetime, time, timedelta

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils.html import strip_tags
from wagtail.models import ModelLogEntry

from tests.agents import make_staff
from tests.factories import NOW, PARIS, make_agenda, make_event
from tests.test_series import TUESDAY, WEEK, book, days_of, event_on, events_of, make_series
from wagtail_agenda import availability, booking, series
from wagtail_agenda.choices import Admission, AgendaKind, Role
from wagtail_agenda.contention import Overloaded
from wagtail_agenda.errors import EventCancelled
from wagtail_agenda.models import Delivery, Event, EventSeries

pytestmark = pytest.mark.usefixtures("frozen_now")

ADD = "wagtail_agenda_eventseries:add"
EDIT = "wagtail_agenda_eventseries:edit"
EVENT_EDIT = "wagtail_agenda_event:edit"


@pytest.fixture
def agenda(db):
    return make_agenda(kind=AgendaKind.EVENTS, maximal_booking_delay=30)


@pytest.fixture
def editor(client, agenda):
    client.force_login(make_staff(agenda, role=Role.EDITOR))
    return client


def fields(agenda, **changed):
    return {
        "agenda": str(agenda.pk),
        "label": "Yoga",
        "description": "",
        "location": "",
        "url": "",
        "first_day": "2026-12-01",
        "until": "",
        "weekdays": ["1"],
        "every_weeks": "1",
        "exceptions": "",
        "start_time": "18:00",
        "duration": "90",
        "places": "10",
        "waiting_places": "2",
        "open_for_booking": "on",
        "publish_days": "",
        **changed,
    }


def words(response) -> str:
    return " ".join(strip_tags(response.content.decode()).split())


def said(response) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def actions_of(row) -> list[str]:
    return list(
        ModelLogEntry.objects.for_instance(row).order_by("pk").values_list("action", flat=True)
    )


def plan_of(response) -> series.Plan:
    assert response.status_code == 200
    plan = response.context["form"].plan
    assert plan is not None, response.context["form"].errors
    return plan


# Made


def test_a_series_is_made_with_its_first_dates(editor, agenda):
    response = editor.post(
        reverse(ADD), fields(agenda, exceptions="2026-12-08\n\n12/24/2026\n", publish_days="14")
    )
    row = EventSeries.objects.get()
    assert response.url == reverse(EDIT, args=[row.pk])
    assert "with 8 dates so far" in said(response)
    assert (row.weekdays, row.exceptions) == ([1], ["2026-12-08", "2026-12-24"])
    assert days_of(row)[:2] == [TUESDAY, date(2026, 12, 15)]
    assert events_of(row)[0].publish_at == datetime(2026, 11, 17, tzinfo=PARIS)
    page = words(editor.get(response.url))
    assert "Tuesday 1 December 2026, 18:00 0 of 10 booked Open for booking" in page
    assert actions_of(row) == ["wagtail.create"]


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"until": "9999-12-31"}, "until", "Choose a date between 1970 and 2999."),
        ({"until": "2046-12-01", "weekdays": list("0123456")}, "until", "would make too many"),
        ({"until": "2026-11-30"}, "until", "This is before the first day."),
        ({"until": "2026-12-01", "weekdays": ["0"]}, "until", "There is no such date until then."),
        ({"every_weeks": "0"}, "every_weeks", "greater than or equal to 1"),
        ({"every_weeks": "53"}, "every_weeks", "less than or equal to 52"),
        ({"every_weeks": "-1"}, "every_weeks", "greater than or equal to"),
        ({"weekdays": []}, "weekdays", "Tick at least one day of the week."),
        ({"weekdays": ["7"]}, "weekdays", "Select a valid choice"),
        ({"weekdays": ["x"]}, "weekdays", "Select a valid choice"),
        ({"exceptions": "2026-12-08\nChristmas"}, "exceptions", "“Christmas” is not a date."),
        ({"first_day": "0001-01-01"}, "first_day", "Choose a date between 1970 and 2999."),
        ({"first_day": ""}, "first_day", "This field is required."),
        ({"start_time": "25:00"}, "start_time", "Enter a valid time."),
        ({"duration": "0"}, "duration", "greater than or equal to 1"),
        ({"duration": "99999999999"}, "duration", "less than or equal to 10080"),
        ({"places": "0"}, "places", "greater than or equal to 1"),
        ({"places": "100001"}, "places", "less than or equal to 100000"),
        ({"waiting_places": "-1"}, "waiting_places", "greater than or equal to 0"),
        ({"publish_days": "0"}, "publish_days", "greater than or equal to 1"),
        ({"publish_days": "3661"}, "publish_days", "less than or equal to 3660"),
        ({"label": "\0"}, "label", "Null characters are not allowed."),
        ({"exceptions": "\0"}, "exceptions", "is not a date."),
    ],
)
@pytest.mark.one_database
def test_what_cannot_be_is_refused_in_words(editor, agenda, changed, field, sentence):
    response = editor.post(reverse(ADD), fields(agenda, **changed))
    assert response.status_code == 200
    assert sentence in " ".join(response.context["form"].errors[field])
    assert not EventSeries.objects.exists()
    assert not Event.objects.exists()


def test_too_many_exceptions_are_refused(editor, agenda):
    days = [(date(2026, 1, 1) + timedelta(days=number)).isoformat() for number in range(1001)]
    response = editor.post(reverse(ADD), fields(agenda, exceptions="\n".join(days)))
    assert "1000 are the most" in response.context["form"].errors["exceptions"][0].replace(",", "")


def test_exceptions_outside_are_fine_and_an_agenda_of_others_is_not(editor, agenda):
    response = editor.post(reverse(ADD), fields(agenda, exceptions="1999-01-01\n2026-12-02"))
    assert response.status_code == 302
    foreign = make_agenda(kind=AgendaKind.EVENTS)
    response = editor.post(reverse(ADD), fields(foreign))
    assert "agenda" in response.context["form"].errors


def test_a_busy_database_leaves_the_dates_to_the_task(editor, agenda, monkeypatch):
    def busy(row, now):
        raise Overloaded

    monkeypatch.setattr(series, "make_occurrences", busy)
    response = editor.post(reverse(ADD), fields(agenda))
    assert "once they come near enough" in said(response)
    assert EventSeries.objects.count() == 1


def test_the_list_says_when(editor, agenda):
    make_series(agenda, weekdays=[1, 3], every_weeks=2)
    page = words(editor.get(reverse("wagtail_agenda_eventseries:index")))
    assert "Tuesday, Thursday, 18:00, every 2 weeks" in page


def test_a_series_is_duplicated_into_a_new_form(editor, agenda):
    row = make_series(agenda, exceptions=["2026-12-08"], publish_days=7)
    page = editor.get(reverse("wagtail_agenda_eventseries:copy", args=[row.pk]))
    form = page.context["form"]
    assert page.context["action_url"] == reverse(ADD)
    sent = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    assert sent["exceptions"] == "2026-12-08"
    assert "Dates to come" not in words(page)
    assert EventSeries.objects.count() == 1
    editor.post(
        reverse(ADD),
        fields(agenda, label="Yoga on Fridays", weekdays=["4"], exceptions="2026-12-11"),
    )
    assert EventSeries.objects.count() == 2
    assert days_of(row)[0] == TUESDAY


# All that is to come


def test_all_dates_change_and_the_history_says_so(editor, agenda):
    row = make_series(agenda)
    response = editor.post(
        reverse(EDIT, args=[row.pk]), fields(agenda, label="Pilates", start_time="19:00")
    )
    assert response.url == reverse(EDIT, args=[row.pk])
    assert "“Pilates” is changed. 9 dates take place at another time." in said(response)
    assert {event.label for event in events_of(row)} == {"Pilates"}
    assert actions_of(row) == ["wagtail_agenda.change_series"]


def test_what_is_booked_is_asked_about_and_nothing_typed_is_lost(editor, agenda):
    row = make_series(agenda)
    first, second, third, *_rest = events_of(row)
    for event in (first, first, third):
        book(event)
    Event.objects.filter(pk=second.pk).update(differs_from_series=True)
    response = editor.post(
        reverse(EDIT, args=[row.pk]), fields(agenda, label="Late yoga", start_time="19:00")
    )
    page = words(response)
    assert plan_of(response).asks
    assert "2 booked dates would take place at another time" in page
    assert (
        "Tuesday 1 December 2026, 18:00 would be Tuesday 1 December 2026, 19:00 to 20:30: "
        "2 bookings" in page
    )
    assert "These were changed by themselves" in page
    assert "Tuesday 8 December 2026, 18:00" in page
    assert response.context["form"]["label"].value() == "Late yoga"
    assert {event.label for event in events_of(row)} == {"Yoga"}
    assert {event.start.astimezone(PARIS).hour for event in events_of(row)} == {18}
    row.refresh_from_db()
    assert row.start_time == time(18)


@pytest.mark.parametrize(("answer", "hour"), [("change", 19), ("leave", 18)])
def test_the_answer_is_carried_out(editor, agenda, answer, hour):
    row = make_series(agenda)
    booked = book(events_of(row)[0])
    address = reverse(EDIT, args=[row.pk])
    changed = fields(agenda, start_time="19:00")
    plan = plan_of(editor.post(address, changed))
    response = editor.post(address, {**changed, "confirmed": plan.key, "answer_moved": answer})
    assert response.status_code == 302
    booked.refresh_from_db()
    assert booked.start.astimezone(PARIS).hour == hour
    assert days_of(row) == [TUESDAY + number * WEEK for number in range(9)]
    assert {event.start.astimezone(PARIS).hour for event in events_of(row)[1:]} == {19}


def test_every_list_needs_an_answer_of_its_own(editor, agenda):
    row = make_series(agenda)
    first, second, *_rest = events_of(row)
    for event in (first, first, second):
        book(event)
    address = reverse(EDIT, args=[row.pk])
    changed = fields(agenda, until="2026-12-07", start_time="19:00", places="1")
    response = editor.post(address, changed)
    plan = plan_of(response)
    assert [len(rows) for rows in (plan.moved, plan.removed, plan.shrunk)] == [1, 1, 1]
    page = words(response)
    assert "1 date has more places taken than the series gives: 1" in page
    assert "Tuesday 1 December 2026, 18:00: 2 places are taken" in page
    some = {"confirmed": plan.key, "answer_moved": "change", "answer_shrunk": "change"}
    response = editor.post(address, {**changed, **some})
    assert "choose for each list" in words(response)
    assert plan_of(response).key == plan.key
    response = editor.post(address, {**changed, **some, "answer_removed": "nonsense"})
    assert response.status_code == 200
    response = editor.post(
        address, {**changed, **some, "answer_removed": "change", "reason": "The hall is closed\x07"}
    )
    assert response.status_code == 302
    second.refresh_from_db()
    assert second.cancellation_reason == "The hall is closed"
    assert actions_of(second) == ["wagtail_agenda.cancel_event"]
    assert event_on(row, TUESDAY).places == 2
    assert "3 bookings changed with it" in said(response)


def test_somebody_who_books_meanwhile_is_asked_about_again(editor, agenda):
    row = make_series(agenda)
    first, second, *_rest = events_of(row)
    book(first)
    address = reverse(EDIT, args=[row.pk])
    changed = fields(agenda, start_time="19:00")
    plan = plan_of(editor.post(address, changed))
    book(second)
    response = editor.post(address, {**changed, "confirmed": plan.key, "answer_moved": "change"})
    assert "have changed since you were asked" in words(response)
    assert len(plan_of(response).moved) == 2
    assert {event.start.astimezone(PARIS).hour for event in events_of(row)} == {18}


def test_a_busy_database_keeps_what_was_typed(editor, agenda, monkeypatch):
    row = make_series(agenda)

    def busy(*args, **kwargs):
        raise Overloaded

    monkeypatch.setattr(series, "change_series", busy)
    response = editor.post(reverse(EDIT, args=[row.pk]), fields(agenda, label="Pilates"))
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert response.context["form"]["label"].value() == "Pilates"


def test_a_form_sent_by_hand_is_refused_in_words(editor, agenda):
    row = make_series(agenda)
    for data in ({}, {"weekdays": "1"}, fields(agenda, confirmed="x" * 99)):
        assert editor.post(reverse(EDIT, args=[row.pk]), data).status_code == 200
    assert len(days_of(row)) == 9


# One date, and those after it


def test_a_date_of_a_series_asks_which_dates_are_meant(editor, agenda):
    row = make_series(agenda)
    event = events_of(row)[2]
    response = editor.get(reverse(EVENT_EDIT, args=[event.pk]))
    assert response.url == reverse("wagtail_agenda_event_acts:which", args=[event.pk])
    page = editor.get(response.url)
    for address in (
        f"{reverse(EVENT_EDIT, args=[event.pk])}?only=1",
        reverse("wagtail_agenda_eventseries:following", args=[row.pk, event.pk]),
        reverse(EDIT, args=[row.pk]),
    ):
        assert f'href="{address}"' in page.content.decode()
        assert editor.get(address).status_code == 200


def test_an_event_of_no_series_does_not_ask(editor, agenda):
    event = make_event(agenda)
    assert editor.get(reverse(EVENT_EDIT, args=[event.pk])).status_code == 200
    which = reverse("wagtail_agenda_event_acts:which", args=[event.pk])
    assert editor.get(which).url == reverse(EVENT_EDIT, args=[event.pk])


def event_fields(event, **changed):
    return {
        "label": event.label,
        "slug": event.slug,
        "description": event.description,
        "location": event.location,
        "url": event.url,
        "start": event.start.astimezone(PARIS).strftime("%Y-%m-%d %H:%M"),
        "end": event.end.astimezone(PARIS).strftime("%Y-%m-%d %H:%M"),
        "places": str(event.places),
        "waiting_places": str(event.waiting_places),
        "publish_at": "",
        "open_for_booking": "on",
        **changed,
    }


def test_one_date_that_changes_differs_from_then_on(editor, agenda):
    row = make_series(agenda)
    first, second, *_rest = events_of(row)
    address = reverse(EVENT_EDIT, args=[first.pk])
    assert editor.post(address, event_fields(first)).status_code == 302
    first.refresh_from_db()
    assert not first.differs_from_series, "nothing was changed"
    assert editor.post(address, event_fields(first, label="Yoga outside")).status_code == 302
    series.change_series(row, {"label": "Pilates"}, now=NOW)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.differs_from_series, first.label) == (True, "Yoga outside")
    assert (second.differs_from_series, second.label) == (False, "Pilates")


def following_url(row, event):
    return reverse("wagtail_agenda_eventseries:following", args=[row.pk, event.pk])


def test_the_rest_becomes_a_series_of_its_own(editor, agenda):
    row = make_series(agenda)
    third = event_on(row, date(2026, 12, 15))
    address = following_url(row, third)
    page = editor.get(address)
    assert page.context["action_url"] == address
    assert page.context["form"]["first_day"].value() == date(2026, 12, 15)
    # The first day is fixed, whatever is sent.
    response = editor.post(address, fields(agenda, label="Pilates", first_day="2020-01-01"))
    rest = EventSeries.objects.exclude(pk=row.pk).get()
    assert response.url == reverse(EDIT, args=[rest.pk])
    assert (rest.first_day, rest.label) == (date(2026, 12, 15), "Pilates")
    row.refresh_from_db()
    assert (row.until, row.label) == (date(2026, 12, 14), "Yoga")
    assert [len(days_of(one)) for one in (row, rest)] == [2, 7]
    assert actions_of(row) == ["wagtail_agenda.end_series"]
    assert actions_of(rest) == ["wagtail_agenda.change_series"]


def test_the_rest_asks_about_what_is_booked(editor, agenda):
    row = make_series(agenda)
    booked = book(event_on(row, date(2026, 12, 22)))
    address = following_url(row, event_on(row, date(2026, 12, 15)))
    changed = fields(agenda, weekdays=["2"])
    response = editor.post(address, changed)
    assert response.context["action_url"] == address
    assert EventSeries.objects.count() == 1
    key = plan_of(response).key
    response = editor.post(address, {**changed, "confirmed": key, "answer_moved": "change"})
    assert response.status_code == 302
    booked.refresh_from_db()
    assert booked.start.astimezone(PARIS).date() == date(2026, 12, 23)
    assert EventSeries.objects.count() == 2


def test_there_is_no_rest_of_what_is_not_there(editor, agenda):
    row = make_series(agenda)
    other = make_series(agenda)
    for event in (events_of(other)[0], make_event(agenda)):
        for method in (editor.get, editor.post):
            assert method(following_url(row, event)).status_code == 404
    begun = events_of(row)[0]
    Event.objects.filter(pk=begun.pk).update(start=NOW - timedelta(minutes=5))
    assert editor.get(following_url(row, begun)).status_code == 404
    which = editor.get(reverse("wagtail_agenda_event_acts:which", args=[begun.pk]))
    assert "This date and all after it" not in words(which)


# Deleted


def test_a_series_that_nobody_booked_can_be_deleted(editor, agenda):
    row = make_series(agenda)
    address = reverse("wagtail_agenda_eventseries:delete", args=[row.pk])
    assert "this series and its 9 dates?" in words(editor.get(address))
    assert editor.post(address).status_code == 302
    assert not EventSeries.objects.exists()
    assert not Event.objects.exists()


def test_a_series_that_somebody_booked_stays(editor, agenda):
    row = make_series(agenda)
    book(events_of(row)[0])
    response = editor.post(reverse("wagtail_agenda_eventseries:delete", args=[row.pk]))
    assert response.url == reverse(EDIT, args=[row.pk])
    assert "has been booked. Give it a last day instead" in said(response)
    assert len(days_of(row)) == 9


def test_a_booking_that_comes_just_before_keeps_the_series(editor, agenda, monkeypatch):
    row = make_series(agenda)
    monkeypatch.setattr("wagtail_agenda.removal.why_kept", lambda row: "")
    book(events_of(row)[0])
    response = editor.post(reverse("wagtail_agenda_eventseries:delete", args=[row.pk]))
    assert "have been booked, so it stays" in said(response)
    assert len(days_of(row)) == 9


# Cancelled


def cancel_url(event):
    return reverse("wagtail_agenda_event_acts:cancel", args=[event.pk])


def test_cancelling_says_who_would_be_told_and_changes_nothing(editor, agenda):
    event = make_event(agenda, places=2, label="Workshop")
    event.bookable.waiting_places = 5
    event.bookable.save()
    for address in ("ada@fairbridge.example", "", "bob@fairbridge.example"):
        book(event, user_email=address)
    page = words(editor.get(cancel_url(event)))
    assert "3 bookings end with it" in page
    assert "1 of them is on the waiting list." in page
    assert "1 of them has no e-mail address" in page
    assert not Event.objects.get(pk=event.pk).is_cancelled


def test_cancelling_tells_everybody_and_leaves_the_event_in_the_lists(editor, agenda):
    event = make_event(agenda, label="Workshop")
    booked = [book(event, user_email=f"{name}@fairbridge.example") for name in ("ada", "bob")]
    Delivery.objects.all().delete()
    response = editor.post(cancel_url(event), {"reason": "The trainer is ill"})
    assert response.url == reverse("wagtail_agenda_event:index")
    assert "“Workshop” is cancelled. 2 bookings ended with it." in said(response)
    for one in booked:
        one.refresh_from_db()
        assert one.admission == Admission.CANCELLED
        assert one.cancellation_reason == "The trainer is ill"
    assert Delivery.objects.values("recipient").distinct().count() == 2
    assert actions_of(event) == ["wagtail_agenda.cancel_event"]
    assert "Workshop" in words(editor.get(response.url))
    page = words(editor.get(reverse(EVENT_EDIT, args=[event.pk])))
    assert "This event was cancelled on Monday 30 November 2026, 07:00: The trainer is ill" in page
    with pytest.raises(EventCancelled):
        availability.find(agenda, event.slug, now=NOW)


def test_what_is_cancelled_or_over_has_nothing_to_cancel(editor, agenda):
    cancelled, over = make_event(agenda), make_event(agenda, start=NOW - timedelta(days=1))
    booking.cancel_event(cancelled, now=NOW)
    for event, sentence in ((cancelled, "cancelled already"), (over, "is over")):
        for method in (editor.get, editor.post):
            response = method(cancel_url(event))
            assert response.url == reverse(EVENT_EDIT, args=[event.pk])
            assert sentence in said(response)
    cancelled.refresh_from_db()
    assert cancelled.cancelled_at == NOW


def test_a_busy_database_cancels_nothing(editor, agenda, monkeypatch):
    event = make_event(agenda)

    def busy(*args, **kwargs):
        raise Overloaded

    monkeypatch.setattr(booking, "cancel_event", busy)
    response = editor.post(cancel_url(event), {"reason": "Ill"})
    assert response.status_code == 503
    assert "Ill" in response.content.decode()


def test_one_date_of_a_series_is_cancelled_alone(editor, agenda):
    row = make_series(agenda)
    first = events_of(row)[0]
    assert "Only this date is cancelled" in words(editor.get(cancel_url(first)))
    editor.post(cancel_url(first), {"reason": ""})
    assert sum(event.is_cancelled for event in events_of(row)) == 1
    assert series.make_occurrences(None, NOW) == 0
    editor.post(reverse(EDIT, args=[row.pk]), fields(agenda, start_time="19:00"))
    first.refresh_from_db()
    assert first.is_cancelled
    assert first.start.astimezone(PARIS).hour == 18


def test_the_list_and_the_editor_lead_to_cancelling(editor, agenda):
    coming, over = make_event(agenda), make_event(agenda, start=NOW - timedelta(days=1))
    page = editor.get(reverse("wagtail_agenda_event:index")).content.decode()
    assert cancel_url(coming) in page
    assert cancel_url(over) not in page
    page = editor.get(reverse(EVENT_EDIT, args=[coming.pk])).content.decode()
    assert cancel_url(coming) in page


# Duplicated


def test_a_date_of_a_series_is_duplicated_into_an_event_of_its_own(editor, agenda):
    row = make_series(agenda, description="Bring a mat")
    first = events_of(row)[0]
    booking.cancel_event(first, now=NOW, reason="Ill")
    page = editor.get(reverse("wagtail_agenda_event:copy", args=[first.pk]))
    form = page.context["form"]
    assert page.context["action_url"] == reverse("wagtail_agenda_event:add")
    assert (form["description"].value(), form["places"].value()) == ("Bring a mat", 10)
    assert Event.objects.count() == 9
    response = editor.post(
        reverse("wagtail_agenda_event:add"),
        {
            "agenda": str(agenda.pk),
            **event_fields(first, slug="", start="2026-12-03 18:00", end="2026-12-03 19:30"),
        },
    )
    assert response.status_code == 302
    copy = Event.objects.get(series=None)
    assert (copy.label, copy.places, copy.waiting_places) == ("Yoga", 10, 2)
    assert not copy.is_cancelled
    assert copy.occurrence is None


def test_those_without_a_role_are_kept_out(client, agenda):
    row = make_series(agenda)
    event = events_of(row)[0]
    elsewhere = make_agenda(kind=AgendaKind.EVENTS)
    for user in (
        make_staff(),
        make_staff(agenda),
        make_staff(elsewhere, role=Role.EDITOR),
    ):
        client.force_login(user)
        for address in (
            cancel_url(event),
            following_url(row, event),
            reverse(EDIT, args=[row.pk]),
            reverse("wagtail_agenda_eventseries:delete", args=[row.pk]),
        ):
            for method in (client.get, client.post):
                response = method(address, fields(agenda))
                assert response.status_code in (302, 403, 404), address
                if response.status_code == 302:
                    assert response.url in (reverse("wagtailadmin_home"), "/admin/"), address
    assert [len(days_of(row)), EventSeries.objects.count()] == [9, 1]
    assert not any(one.is_cancelled for one in events_of(row))
