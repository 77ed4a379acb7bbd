"""Bookings as a table: every fact and every answer, at the time of the agenda's own clocks."""

from datetime import datetime, timedelta

import pytest
from django.utils.translation import override

from tests import factories
from tests.factories import NOW
from wagtail_agenda import availability, booking, export, form_definition
from wagtail_agenda.choices import Actor, AgendaKind
from wagtail_agenda.models import Bookable, Booking, Resource

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]


def rows_of(*bookings):
    table = export.table_of([one.pk for one in bookings])
    return [dict(zip(table.headings, row, strict=True)) for row in table.rows]


def question(name, label, kind="single_line"):
    return {"type": kind, "clean_name": name, "label": label, "help_text": "", "required": False}


def form(agenda, *questions):
    definition = form_definition.Definition(agenda_id=agenda.pk, fields=questions, language="en")
    return form_definition.keep(definition)


def answer(agenda, version, answers):
    """A booking that answers a form; without one where `version` is None."""
    made = factories.make_booking(agenda)
    Booking.objects.filter(pk=made.pk).update(form_version=version, answers=answers)
    return made


@pytest.fixture
def agenda():
    return factories.make_appointments(label="Passports")[0]


def test_a_row_says_who_when_where_and_how(agenda):
    made = factories.make_booking(
        agenda, user_phone_number="+33 6 12 34 56 78", actor=Actor.AGENT, now=NOW
    )

    (row,) = rows_of(made)

    assert row == {
        "Number": made.reference,
        "Agenda": "Passports",
        "Chosen in": None,
        "Appointment type": "Passport",
        "Event": None,
        "Desk": made.desk.label,
        "Resources": "",
        "Starts at": datetime(2026, 11, 30, 9, 0),
        "Ends at": datetime(2026, 11, 30, 9, 30),
        "Time zone": "Europe/Paris",
        "UTC offset": "+01:00",
        "Places": 1,
        "Status": "Confirmed",
        "Admission": "Confirmed",
        "Attendance": "Not checked in",
        "Reason for the attendance": None,
        "Note on the attendance": "",
        "Label": made.label,
        "Name": "Ada Martin",
        "E-mail": "ada@fairbridge.example",
        "Telephone": "+33 6 12 34 56 78",
        "External id": "",
        "Description": made.description,
        "Language": "en",
        "Made by": "Agent",
        "Waiting since": None,
        "To be decided by": None,
        "Made at": datetime(2026, 11, 30, 7, 0),
        "Cancelled at": None,
        "Reason for the cancellation": "",
    }


def test_a_row_says_who_waits_and_which_rooms_somebody_has(agenda):
    room, hall = (Resource.objects.create(label=label) for label in ("Blue room", "Hall"))
    agenda.resources.add(room, hall)
    agenda.save()
    slot = availability.find(agenda, "passport:2026-11-30-0900", now=NOW, resources=[room, hall])
    with_rooms = factories.make_booking(slot=slot)
    event = factories.make_event(places=1)
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=3)
    factories.make_booking(slot=availability.find(event.agenda, event.slug, now=NOW))
    waiting = factories.make_booking(
        slot=availability.find(event.agenda, event.slug, now=NOW), places=2
    )

    first, second = rows_of(with_rooms, waiting)

    assert first["Resources"] == "Blue room, Hall"
    assert (second["Admission"], second["Places"]) == ("On the waiting list", 2)
    assert second["Waiting since"] == datetime(2026, 11, 30, 7, 0)


def test_a_place_at_an_event_names_the_event():
    event = factories.make_event(
        factories.make_agenda(kind=AgendaKind.EVENTS), label="Repair café", places=5
    )
    slot = availability.find(event.agenda, event.slug, now=NOW)

    (row,) = rows_of(factories.make_booking(slot=slot))

    assert (row["Event"], row["Appointment type"], row["Desk"]) == ("Repair café", None, None)


def test_a_cancellation_says_when_and_why(agenda):
    made = factories.make_booking(agenda)
    booking.cancel(
        made, actor=Actor.AGENT, now=NOW + timedelta(minutes=5), reason="=Counter closed"
    )

    (row,) = rows_of(made)

    assert row["Cancelled at"] == datetime(2026, 11, 30, 7, 5)
    assert row["Reason for the cancellation"] == "=Counter closed"
    assert row["Admission"] == "Cancelled"


def test_times_are_those_of_each_agenda(agenda):
    far = factories.make_appointments(timezone="Asia/Kolkata")[0]

    here, there = rows_of(factories.make_booking(agenda), factories.make_booking(far, now=NOW))

    assert (here["Starts at"].hour, here["UTC offset"]) == (9, "+01:00")
    assert there["Time zone"] == "Asia/Kolkata"
    assert there["UTC offset"] == "+05:30"
    assert f"{there['Starts at']:%H:%M}" != "00:00"
    assert there["Made at"] == datetime(2026, 11, 30, 11, 30)


def test_an_agenda_at_greenwich_is_not_far_from_utc():
    london = factories.make_appointments(timezone="Europe/London")[0]

    assert rows_of(factories.make_booking(london))[0]["UTC offset"] == "+00:00"


def test_the_hour_that_clocks_repeat_is_told_by_its_distance_from_utc(agenda):
    first, second = factories.make_booking(agenda), factories.make_booking(agenda)
    for made, hour in ((first, 0), (second, 1)):
        start = factories.utc(2026, 10, 25, hour, 30)
        Booking.objects.filter(pk=made.pk).update(start=start, end=start + timedelta(minutes=30))

    one, other = rows_of(first, second)

    assert one["Starts at"] == other["Starts at"] == datetime(2026, 10, 25, 2, 30)
    assert (one["UTC offset"], other["UTC offset"]) == ("+02:00", "+01:00")


def test_rows_come_in_the_order_of_the_keys(agenda, monkeypatch):
    monkeypatch.setattr(export, "AT_ONCE", 2)
    made = [factories.make_booking(agenda) for _number in range(5)]
    shuffled = [made[2], made[0], made[4], made[1], made[3]]

    assert [row["Number"] for row in rows_of(*shuffled)] == [one.reference for one in shuffled]


def test_what_is_gone_meanwhile_is_left_out(agenda):
    made = factories.make_booking(agenda)

    table = export.table_of([made.pk, 10**9])

    assert len(list(table.rows)) == 1


def test_nothing_makes_a_table_of_headings():
    table = export.table_of([])

    assert table.headings[0] == "Number"
    assert list(table.rows) == []


def test_headings_and_words_are_in_the_language_of_whoever_exports(agenda):
    made = factories.make_booking(agenda)

    with override("fr"):
        (row,) = rows_of(made)

    assert row["Nom"] == "Ada Martin"
    assert row["Présence"] == "Pas encore enregistré" or row["Présence"] != "Not checked in"


# Answers


def test_every_question_that_was_asked_has_a_column_also_without_an_answer(agenda):
    version = form(agenda, question("reason", "Reason"), question("floor", "Floor"))
    made = answer(agenda, version, {"reason": "Lost"})

    (row,) = rows_of(made)

    assert list(row)[-2:] == ["Reason", "Floor"]
    assert (row["Reason"], row["Floor"]) == ("Lost", None)


def test_questions_with_the_same_words_share_a_column_whatever_their_form(agenda):
    old = form(agenda, question("reason", "Reason"), question("age", "Age"))
    new = form(agenda, question("why", "Reason"), question("size", "Size"))
    made = [
        answer(agenda, old, {"reason": "Lost", "age": "7"}),
        answer(agenda, new, {"why": "Stolen", "size": "L"}),
        answer(agenda, None, {}),
    ]

    rows = rows_of(*made)

    assert list(rows[0])[-3:] == ["Reason", "Age", "Size"]
    assert [row["Reason"] for row in rows] == ["Lost", "Stolen", None]
    assert [row["Size"] for row in rows] == [None, "L", None]


def test_a_question_in_several_languages_has_one_column(agenda):
    english = form(agenda, question("reason", "Reason"), question("age", "Age"))
    french = form(agenda, question("reason", "Motif"), question("age", "Âge"))
    renamed = form(agenda, question("why", "Motif"))
    made = [
        answer(agenda, english, {"reason": "Lost", "age": "7"}),
        answer(agenda, french, {"reason": "Perdu", "age": "8"}),
        answer(agenda, renamed, {"why": "Volé"}),
    ]

    rows = rows_of(*made)

    assert list(rows[0])[-2:] == ["Reason / Motif", "Age / Âge"]
    assert [row["Reason / Motif"] for row in rows] == ["Lost", "Perdu", "Volé"]


def test_two_questions_of_one_form_never_share_a_column(agenda):
    old = form(agenda, question("a", "X"))
    new = form(agenda, question("a", "Y"), question("b", "X"))
    made = [answer(agenda, old, {"a": "1"}), answer(agenda, new, {"a": "2", "b": "3"})]

    table = export.table_of([one.pk for one in made])

    assert table.headings[-2:] == ["X / Y", "X"]
    assert [row[-2:] for row in table.rows] == [["1", None], ["2", "3"]]


def test_a_form_that_asks_the_same_twice_has_two_columns(agenda):
    version = form(agenda, question("first", "Child"), question("second", "Child"))
    made = answer(agenda, version, {"first": "Ida", "second": "Otto"})

    table = export.table_of([made.pk])

    assert table.headings[-2:] == ["Child", "Child"]
    assert next(table.rows)[-2:] == ["Ida", "Otto"]


def test_a_question_called_like_a_column_of_ours_has_one_of_its_own(agenda):
    version = form(agenda, question("name_of_child", "Name"))
    made = answer(agenda, version, {"name_of_child": "Ida"})

    table = export.table_of([made.pk])

    assert table.headings.count("Name") == 2
    assert next(table.rows)[-1] == "Ida"


def test_what_was_answered_without_being_asked_comes_last_under_its_own_name(agenda):
    version = form(agenda, question("reason", "Reason"))
    made = [
        answer(agenda, version, {"reason": "Lost", "extra": "x"}),
        answer(agenda, None, {"reason": "Stolen"}),
    ]

    rows = rows_of(*made)

    assert list(rows[0])[-3:] == ["Reason", "extra", "reason"]
    assert (rows[0]["extra"], rows[0]["reason"]) == ("x", None)
    assert (rows[1]["Reason"], rows[1]["reason"]) == (None, "Stolen")


@pytest.mark.parametrize(
    ("kind", "kept", "shown"),
    [
        ("date", "2026-01-31", "2026-01-31"),
        ("date", None, ""),
        ("date", "", ""),
        ("consent", True, "Yes"),
        ("consent", False, "No"),
        ("checkboxes", ["Passport", "Card"], "Passport, Card"),
        ("number", 7, 7),
        ("number", "2.50", 2.5),
        ("number", "NaN", "NaN"),
        ("number", "seven", "seven"),
        ("single_line", "0123", "0123"),
        ("single_line", None, ""),
    ],
)
def test_answers_are_what_a_spreadsheet_can_sort(agenda, kind, kept, shown):
    version = form(agenda, question("x", "X", kind))

    (row,) = rows_of(answer(agenda, version, {"x": kept}))

    assert row["X"] == shown


@pytest.mark.parametrize("answers", [[], "nonsense", None, 7])
def test_answers_of_a_shape_nobody_foresaw_break_nothing(agenda, answers):
    made = answer(agenda, None, {})
    if answers is not None:
        Booking.objects.filter(pk=made.pk).update(answers=answers)

    assert rows_of(made)[0]["Number"] == made.reference


def test_it_takes_three_queries_for_each_chunk_and_one_for_each_form(
    agenda, django_assert_num_queries, monkeypatch
):
    monkeypatch.setattr(export, "AT_ONCE", 4)
    versions = [form(agenda, question("a", "A")), form(agenda, question("b", "B"))]
    made = [answer(agenda, versions[number % 2], {}) for number in range(6)]

    with django_assert_num_queries(2 * 3 + 2):
        assert len(rows_of(*made)) == 6
