"""The day on paper."""

from datetime import date, timedelta

import pytest

from tests import factories
from tests.agents import make_staff, queries_of, url
from tests.factories import NOW
from wagtail_agenda import attendance, booking
from wagtail_agenda.choices import Actor, AgendaKind, Attendance
from wagtail_agenda.models import Booking, FormVersion

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.usefixtures("frozen_now"),
]

MONDAY = date(2026, 11, 30)

QUESTIONS = [
    {"type": "single_line", "clean_name": "old", "label": "Old passport", "required": False},
    {"type": "multi_line", "clean_name": "note", "label": "Anything else", "required": False},
    {"type": "email", "clean_name": "second", "label": "Second address", "required": False},
    {"type": "consent", "clean_name": "agreed", "label": "I agree", "required": True},
]


@pytest.fixture
def agenda(client):
    made = factories.make_appointments(desks=2, label="Passports")[0]
    client.force_login(make_staff(made))
    return made


def sheet(client, agenda, query="", day=MONDAY):
    response = client.get(url("day_sheet", agenda.slug, day) + query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def make(agenda, **fields):
    made = factories.make_booking(agenda)
    version = FormVersion.objects.create(
        agenda=agenda, digest=made.reference, definition={"fields": QUESTIONS}
    )
    Booking.objects.filter(pk=made.pk).update(form_version=version, **fields)
    made.refresh_from_db()
    return made


def test_one_line_has_what_a_counter_needs_and_no_more(client, agenda):
    made = make(
        agenda,
        user_name="Ada Martin",
        user_phone_number="06 12 34 56 78",
        user_email="ada@fairbridge.example",
        answers={
            "old": "95AB89243",
            "note": "",
            "second": "home@fairbridge.example",
            "agreed": True,
        },
    )

    page = sheet(client, agenda)

    for said in ("Passports", "Monday 30 November 2026", "1 booking.", "09:00–09:30", "Ada Martin",
                 "06 12 34 56 78", "Passport", made.desk.label, "Old passport: 95AB89243",
                 "As of Monday 30 November 2026, 07:00."):  # fmt: skip
        assert said in page, said
    for unsaid in ("@fairbridge.example", "I agree", "Anything else", "wagtail-agenda-check-in",
                   'class="sidebar', "wagtailadmin/css"):  # fmt: skip
        assert unsaid not in page, unsaid


def test_answers_can_be_left_out(client, agenda):
    make(agenda, answers={"old": "95AB89243"})

    assert "95AB89243" in sheet(client, agenda)
    assert "?answers=no" in sheet(client, agenda)
    assert "95AB89243" not in sheet(client, agenda, "?answers=no")


def test_long_answers_are_cut(client, agenda):
    make(agenda, answers={"note": "word\n" * 100})

    page = sheet(client, agenda)

    assert "Anything else: word word" in page
    assert page.count("word") < 30


def test_who_is_cancelled_stays_off_unless_asked_for_and_who_is_there_has_a_tick(client, agenda):
    present, absent, gone = (
        make(agenda, user_name=name) for name in ("Ada Martin", "Benoît Roux", "Chloé Novák")
    )
    attendance.check_in(present, Attendance.PRESENT, now=NOW)
    attendance.check_in(absent, Attendance.ABSENT, now=NOW)
    booking.cancel(gone, actor=Actor.AGENT, now=NOW)

    page = sheet(client, agenda)
    assert "<span>✓</span>" in page
    assert "Benoît Roux <em>(Absent)</em>" in page
    assert "Chloé Novák" not in page
    assert "Chloé Novák <em>(Cancelled)</em>" in sheet(client, agenda, "?status=all")


def test_who_came_late_has_a_tick_too(client, agenda):
    attendance.check_in(make(agenda, user_name="Ada Martin"), Attendance.LATE, now=NOW)

    page = sheet(client, agenda)

    assert "<span>✓</span>" in page
    assert "Ada Martin <em>(Late)</em>" in page


def test_a_desk_has_a_sheet_of_its_own_that_says_so(client, agenda):
    first, second = make(agenda, user_name="Ada Martin"), make(agenda, user_name="Benoît Roux")

    page = sheet(client, agenda, f"?desk={first.desk.slug}")

    assert "Ada Martin" in page
    assert "Benoît Roux" not in page
    assert f"Desk: {first.desk}" in page
    assert second.desk != first.desk


def test_events_have_a_part_each(client):
    agenda = factories.make_agenda(kind=AgendaKind.EVENTS)
    client.force_login(make_staff(agenda))
    events = [
        factories.make_event(agenda, label=label, start=NOW + timedelta(hours=hours))
        for hours, label in ((3, "Pottery"), (6, "Repair café"))
    ]
    factories.make_booking(slot=factories.first_slot(agenda), user_name="Ada Martin")

    page = sheet(client, agenda)

    assert page.index("10:00–12:00 Pottery") < page.index("Ada Martin")
    assert page.index("Ada Martin") < page.index("13:00–15:00 Repair café")
    assert page.count("No bookings to show.") == 1
    assert len(events) == page.count("<h2>")


def test_the_day_leads_to_its_sheet_with_its_filters_and_back(client, agenda):
    query = f"?desk={agenda.desks.first().slug}"

    day = client.get(url("day", agenda.slug, MONDAY) + query).content.decode()

    assert url("day_sheet", agenda.slug, MONDAY) + query in day
    assert f'href="{url("day", agenda.slug, MONDAY)}{query}"' in sheet(client, agenda, query)


def test_hostile_text_is_shown_as_text(client, agenda):
    payload = '<script>alert(1)</script>"><img src=x>'
    make(agenda, user_name=payload, user_phone_number=payload[:50], answers={"old": payload})

    page = sheet(client, agenda)

    assert "<script>alert" not in page
    assert "<img" not in page


def test_a_bad_date_leads_to_a_day_that_can_be_shown(client, agenda):
    response = client.get(url("day_sheet", agenda.slug, "2026-02-30"))

    assert response["Location"] == url("day", agenda.slug, MONDAY)


def test_the_number_of_queries_does_not_grow_with_the_bookings(client, agenda):
    make(agenda, answers={"old": "1"})
    address = url("day_sheet", agenda.slug, MONDAY)
    few = queries_of(client, address)
    for number in range(8):
        make(agenda, answers={"old": str(number)})

    assert len(queries_of(client, address)) == len(few) <= 12
