"""The list at the door: what it shows, what can be done on it, and what it refuses."""

import html
import re
from datetime import date, timedelta

import pytest
from django.urls import reverse
from freezegun import freeze_time
from wagtail.models import ModelLogEntry

from tests import factories
from tests.agents import make_staff, queries_of, url
from tests.factories import NOW
from wagtail_agenda import attendance, availability, booking
from wagtail_agenda.attendance import Sheet, as_seen
from wagtail_agenda.choices import Actor, Admission, AgendaKind, Attendance
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.models import AttendanceReason, AttendanceSheet, Booking, Entry, FormVersion

pytestmark = pytest.mark.django_db

MONDAY = date(2026, 11, 30)
NAMES = ("Zoé Martin", "Ada Lefèvre", "Chloé Roux")


@pytest.fixture(autouse=True)
def _now():
    with freeze_time(NOW):
        yield


def make_evening(names=NAMES, **fields):
    """An event that has begun, with somebody booked under each name."""
    event = factories.make_event(places=60, label="Repair café", **fields)
    slot = availability.find(event.agenda, event.slug, now=NOW)
    made = [factories.make_booking(slot=slot, user_name=name) for name in names]
    type(event).objects.update(start=NOW - timedelta(hours=1), end=NOW + timedelta(hours=1))
    Booking.objects.filter(event=event).update(
        start=NOW - timedelta(hours=1), end=NOW + timedelta(hours=1)
    )
    event.refresh_from_db()
    return event, made


@pytest.fixture
def evening():
    return make_evening()


@pytest.fixture
def agent(client, evening):
    user = make_staff(evening[0].agenda, first_name="Lena", last_name="Roy")
    client.force_login(user)
    return user


@pytest.fixture
def address(evening):
    return url("check_in_event", evening[0].pk)


@pytest.fixture
def ill():
    return AttendanceReason.objects.create(label="Ill")


def stored(made):
    return Booking.objects.get(pk=made.pk)


def attendance_of(*bookings):
    return [stored(one).attendance for one in bookings]


def text(response):
    assert response.status_code == 200, response
    return " ".join(response.content.decode().split())


def shown(response):
    """The names on the list that are not hidden, in their order."""
    return [one.name for one in response.context["visitors"] if not one.is_hidden]


def seen(*bookings):
    return {f"seen-{one.pk}": as_seen(stored(one)) for one in bookings}


def together(client, address, bookings, saying="present", **data):
    data = {"act": "together", "whom": "waiting", "saying": saying, **seen(*bookings), **data}
    return client.post(address, data, follow=True)


# What it shows


@pytest.mark.parametrize("admission", [Admission.PENDING, Admission.WAITING, Admission.OFFERED])
def test_who_is_not_confirmed_stands_there_without_buttons(
    client, agent, evening, address, admission
):
    waits = evening[1][0]
    Booking.objects.filter(pk=waits.pk).update(admission=admission)

    response = client.get(address)

    assert len(shown(response)) == 3
    assert url("booking_check_in", waits.pk) not in text(response)
    assert f'name="seen-{waits.pk}"' not in text(response)
    counts = response.context["counts"]
    assert (counts.bookings, counts.waiting, len(response.context["waiting"])) == (2, 2, 2)


def test_an_event_is_listed_by_name_with_what_is_known_of_everybody(client, agent, evening, ill):
    event, made = evening
    attendance.check_in(
        made[0], Attendance.ABSENT, now=NOW, user=agent, reason=ill, note="Rang at nine"
    )
    attendance.check_in(made[1], Attendance.LATE, now=NOW)
    Booking.objects.filter(pk=made[2].pk).update(places=3)

    response = client.get(url("check_in_event", event.pk))

    page = text(response)
    assert shown(response) == ["Ada Lefèvre", "Chloé Roux", "Zoé Martin"]
    counts = response.context["counts"]
    assert (counts.bookings, counts.places) == (3, 5)
    assert (counts.present, counts.late, counts.absent, counts.waiting) == (0, 1, 1, 1)
    for words in ("Repair café", "Absent – Ill", "Rang at nine", "Lena Roy, 07:00", "3 places"):
        assert words in page
    assert made[0].reference in page


def test_what_was_typed_stands_there_as_far_as_it_may_matter(client, agent, evening, address):
    _event, made = evening
    fields = [
        {"clean_name": "diet", "label": "Diet", "type": "singleline"},
        {"clean_name": "who", "label": "Your name", "type": "singleline"},
        {"clean_name": "why", "label": "Why", "type": "multiline"},
        {"clean_name": "agreed", "label": "I agree", "type": "consent"},
    ]
    version = FormVersion.objects.create(
        digest="x", agenda=made[0].agenda, definition={"fields": fields}
    )
    answers = {"diet": "No nuts", "who": made[0].user_name, "why": "A long story. " * 40}
    answers["agreed"] = True
    Booking.objects.filter(pk=made[0].pk).update(form_version=version, answers=answers)

    response = client.get(address)

    [facts] = [one.facts for one in response.context["visitors"] if one.booking == made[0]]
    assert facts[0] == ("Diet", "No nuts")
    assert [label for label, _text in facts] == ["Diet", "Why"]
    assert len(facts[1][1]) <= 120
    assert "No nuts" in text(response)


def test_somebody_whose_booking_is_cancelled_is_found_but_not_expected(client, agent, evening):
    event, made = evening
    booking.cancel(made[0], actor=Actor.AGENT, now=NOW)

    response = client.get(url("check_in_event", event.pk))

    assert "Zoé Martin" in shown(response)
    assert response.context["counts"].bookings == 2
    assert f"seen-{made[0].pk}" not in text(response)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("zoe", ["Zoé Martin"]),
        ("LEFÈVRE ada", ["Ada Lefèvre"]),
        ("nobody", []),
        ("", ["Ada Lefèvre", "Chloé Roux", "Zoé Martin"]),
        ("\x00", ["Ada Lefèvre", "Chloé Roux", "Zoé Martin"]),
    ],
)
def test_a_name_narrows_the_list(client, agent, address, query, found):
    response = client.get(address, {"q": query})

    assert shown(response) == found
    # What is not shown is disabled too: « everybody in this list » does not mean them.
    page = text(response)
    assert page.count("<fieldset aria-labelledby") == 3
    assert page.count('" disabled>') == 3 - len(found)


def test_a_number_narrows_the_list_with_or_without_its_hyphen(client, agent, evening, address):
    _event, made = evening
    for query in (made[1].reference, made[1].reference.replace("-", "").lower()):
        assert shown(client.get(address, {"q": query})) == ["Ada Lefèvre"]


def make_day():
    """A day at two desks: (agenda, desks, the bookings in the order of their times)."""
    agenda, meeting_type, desks = factories.make_appointments(desks=2)
    slots = availability.slots(agenda, meeting_type, first=MONDAY, last=MONDAY, now=NOW)
    made = [
        factories.make_booking(slot=slots[number], user_name=name)
        for number, name in enumerate(NAMES)
    ]
    return agenda, desks, made


def test_a_day_is_listed_by_time_and_by_desk(client):
    agenda, desks, made = make_day()
    Booking.objects.filter(pk=made[0].pk).update(desk=desks[1])
    Booking.objects.exclude(pk=made[0].pk).update(desk=desks[0])
    client.force_login(make_staff(agenda))
    address = url("check_in_day", agenda.slug, MONDAY)

    assert shown(client.get(address)) == list(NAMES)
    assert shown(client.get(address, {"sort": "name"})) == sorted(NAMES)
    assert shown(client.get(address, {"sort": "nonsense"})) == list(NAMES)
    assert shown(client.get(address, {"desk": desks[1].slug})) == ["Zoé Martin"]
    assert shown(client.get(address, {"desk": "\x00"})) == list(NAMES)
    assert shown(client.get(url("check_in_day", agenda.slug, "2026-12-01"))) == []


def test_the_day_of_an_agenda_of_events_leads_to_its_event(client, agent, evening, address):
    agenda = evening[0].agenda
    day = url("check_in_day", agenda.slug, MONDAY)
    assert client.get(day)["Location"] == address

    factories.make_event(agenda, start=NOW + timedelta(hours=3))

    assert client.get(day)["Location"] == url("day", agenda.slug, MONDAY)


@pytest.mark.parametrize("day", ["nonsense", "2026-02-30", "0001-01-01", "9999-12-31"])
def test_a_day_that_is_none_leads_to_today(client, day):
    agenda = factories.make_agenda()
    client.force_login(make_staff(agenda))

    for method in (client.get, client.post):
        response = method(url("check_in_day", agenda.slug, day))
        assert response["Location"] == url("check_in_day", agenda.slug, MONDAY)


def test_before_the_day_itself_nobody_is_checked_in_from_the_list(client):
    agenda, _desks, _made = make_day()
    client.force_login(make_staff(agenda))
    with freeze_time(NOW - timedelta(days=1)):
        page = text(client.get(url("check_in_day", agenda.slug, MONDAY)))

    assert "From that day on, everybody can be checked in here." in page
    for control in ('name="attendance"', 'value="together"', 'value="mark"'):
        assert control not in page


def test_the_number_of_queries_does_not_grow_with_the_list(client):
    few, _made = make_evening(NAMES[:2])
    many, made = make_evening(NAMES * 8, agenda=few.agenda)
    client.force_login(make_staff(few.agenda))
    for event in (few, many):
        sheet = Sheet(event.agenda, event=event)
        bookings = list(sheet.bookings)
        known = {one.pk: as_seen(one) for one in bookings}
        attendance.check_in_all(sheet, known, Attendance.PRESENT, now=NOW)
    assert len(made) == 24

    few_queries, many_queries = (
        queries_of(client, url("check_in_event", event.pk)) for event in (few, many)
    )

    assert len(many_queries) == len(few_queries)
    assert len(many_queries) <= 14, "\n".join(many_queries)


def test_it_is_reached_from_where_one_works(client, agent, evening, address):
    agenda = evening[0].agenda
    day = url("check_in_day", agenda.slug, MONDAY)
    assert f'href="{address}"' in text(client.get(url("day", agenda.slug, MONDAY)))
    assert f'href="{day}"' in text(client.get(url("day", agenda.slug, MONDAY)))
    assert f'href="{day}"' in text(client.get(url("agenda")))
    assert f'href="{day}"' in text(client.get(reverse("wagtailadmin_home")))


# One by one


def test_a_line_leads_back_to_itself_in_the_list_as_it_was(client, agent, evening, address):
    _event, made = evening
    here = f"{address}?q=zo&sort=name"
    data = {"attendance": "late", "next": here, "seen": as_seen(made[0])}

    response = client.post(url("booking_check_in", made[0].pk), data)

    assert response["Location"] == f"{here}#booking-{made[0].pk}"
    assert attendance_of(made[0]) == [Attendance.LATE]


def test_a_reason_and_a_note_are_saved(client, agent, evening, ill):
    _event, made = evening
    attendance.check_in(made[0], Attendance.ABSENT, now=NOW)
    data = {
        "attendance": "absent",
        "reason": str(ill.pk),
        "note": "Rang\x00 at\nnine",
        "seen": as_seen(stored(made[0])),
    }

    response = client.post(url("booking_check_in", made[0].pk), data, follow=True)

    now = stored(made[0])
    assert (now.attendance_reason, now.attendance_note) == (ill, "Rang at nine")
    assert "Absent – Ill" in text(response)
    log = ModelLogEntry.objects.get(action="wagtail_agenda.check_in")
    assert log.data == {"attendance": "absent", "reason": "Ill"}


def test_a_reason_that_is_retired_stays_where_it_was_given(client, agent, evening, ill):
    _event, made = evening
    attendance.check_in(made[0], Attendance.ABSENT, now=NOW, reason=ill)
    AttendanceReason.objects.update(retired=True)
    data = {"attendance": "absent", "reason": str(ill.pk), "note": "Rang"}

    client.post(url("booking_check_in", made[0].pk), data)
    refused = client.post(url("booking_check_in", made[1].pk), data, follow=True)

    assert stored(made[0]).attendance_note == "Rang"
    assert "This reason cannot be given here" in text(refused)
    assert attendance_of(made[1]) == [""]


@pytest.mark.parametrize("reason", ["nonsense", "9" * 40, "\x00", "-1"])
def test_a_reason_that_is_none_changes_nothing(client, agent, evening, reason):
    _event, made = evening
    data = {"attendance": "absent", "reason": reason, "note": ""}

    response = client.post(url("booking_check_in", made[0].pk), data, follow=True)

    assert "This reason cannot be given here" in text(response)
    assert attendance_of(made[0]) == [""]


def test_what_a_colleague_has_noted_is_not_overwritten_and_nothing_typed_is_lost(
    client, agent, evening
):
    _event, made = evening
    shown_to_us = as_seen(made[0])
    attendance.check_in(made[0], Attendance.PRESENT, now=NOW, user=make_staff(first_name="Omar"))
    data = {"attendance": "absent", "seen": shown_to_us, "note": "Waited in vain"}

    response = client.post(url("booking_check_in", made[0].pk), data, follow=True)

    page = text(response)
    assert "Omar has noted “Present” meanwhile" in page
    assert "Waited in vain" in page
    assert attendance_of(made[0]) == [Attendance.PRESENT]


def test_the_agenda_view_overwrites_no_colleague_either(client, agent, evening):
    event, made = evening
    page = text(client.get(url("day", event.agenda.slug, MONDAY)))
    [action] = set(re.findall(rf'formaction="([^"]*/{made[0].pk}/check-in/[^"]*)"', page))
    attendance.check_in(made[0], Attendance.ABSENT, now=NOW)

    response = client.post(html.unescape(action), {"attendance": "present"}, follow=True)

    assert "That was not overwritten." in text(response)
    assert attendance_of(made[0]) == [Attendance.ABSENT]


def test_too_long_a_note_is_shown_again(client, agent, evening):
    _event, made = evening
    data = {"attendance": "present", "note": "x" * 501}

    response = client.post(url("booking_check_in", made[0].pk), data, follow=True)

    assert "500 characters at most" in text(response)
    assert "x" * 501 in text(response)
    assert attendance_of(made[0]) == [""]


# Together


def test_everybody_who_is_not_checked_in_yet(client, agent, evening, address, ill):
    _event, made = evening
    attendance.check_in(made[0], Attendance.PRESENT, now=NOW)

    response = together(client, address, made, f"absent.{ill.pk}", note="Snow")

    assert attendance_of(*made) == [Attendance.PRESENT, Attendance.ABSENT, Attendance.ABSENT]
    assert stored(made[1]).attendance_note == "Snow"
    assert "2 bookings are noted as “Absent – Ill”." in text(response)
    logs = ModelLogEntry.objects.filter(action="wagtail_agenda.check_in")
    assert {log.object_id for log in logs} == {str(one.pk) for one in made[1:]}
    assert {(log.user, log.label) for log in logs} == {(agent, one.reference) for one in made[1:]}
    assert Entry.objects.filter(what="absent", user=agent).count() == 2


def test_those_who_are_ticked(client, agent, evening, address):
    _event, made = evening

    together(client, address, made, whom="ticked", ticked=[made[1].pk, "nonsense", "9" * 40])

    assert attendance_of(*made) == ["", Attendance.PRESENT, ""]


def test_those_who_are_not_in_the_list_are_not_meant(client, agent, evening, address):
    _event, made = evening

    together(client, address, made[:1])

    assert attendance_of(*made) == [Attendance.PRESENT, "", ""]


def test_who_could_not_be_noted_is_named_with_why(client, agent, evening, address):
    _event, made = evening
    before = seen(*made)
    booking.cancel(made[0], actor=Actor.VISITOR, now=NOW - timedelta(hours=2))
    attendance.check_in(made[1], Attendance.LATE, now=NOW, user=make_staff(first_name="Omar"))

    response = together(client, address, [], **before)

    page = text(response)
    assert "Zoé Martin: This booking is cancelled" in page
    assert "Ada Lefèvre: Omar has noted “Late” meanwhile. That was not overwritten." in page
    assert "1 booking is noted as “Present”." in page
    assert attendance_of(*made) == ["", Attendance.LATE, Attendance.PRESENT]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"whom": "ticked"}, "Nobody is meant: tick somebody in the list first."),
        ({"whom": ""}, "Say whom it is about."),
        ({"saying": "asleep"}, "Select a valid choice."),
        ({"saying": "absent.999"}, "Select a valid choice."),
        ({"note": "x" * 501}, "at most 500 characters"),
    ],
)
def test_what_does_not_do_is_said_and_what_was_typed_stays(
    client, agent, evening, address, data, said
):
    _event, made = evening

    response = together(client, address, made, **{"note": "Typed", **data})

    page = text(response)
    assert said in page
    assert data.get("note", "Typed") in page
    assert attendance_of(*made) == ["", "", ""]
    ticked = together(client, address, made, saying="asleep", whom="ticked", ticked=[made[0].pk])
    assert 'form="wagtail-agenda-together" checked' in text(ticked)


@pytest.mark.parametrize("act", ["", "nonsense", "undo", "unmark"])
def test_what_cannot_be_done_changes_nothing(client, agent, evening, address, act):
    response = client.post(address, {"act": act, "of": "nonsense"}, follow=True)

    assert "Nothing was changed" in text(response) or "nothing to undo" in text(response)
    assert attendance_of(*evening[1]) == ["", "", ""]


def test_the_last_act_is_undone_with_one_button(client, agent, evening, address):
    _event, made = evening
    page = together(client, address, made)
    assert "Noted together last: 3 bookings (Lena Roy, 07:00)." in text(page)

    response = client.post(
        address, {"act": "undo", "of": page.context["last_act"]["of"]}, follow=True
    )

    assert "3 bookings are as before." in text(response)
    assert "Noted together last" not in text(response)
    assert attendance_of(*made) == ["", "", ""]
    logs = ModelLogEntry.objects.filter(action="wagtail_agenda.check_in")
    assert logs.filter(data={"attendance": "undo"}).count() == 3


def test_forty_are_noted_with_as_many_queries_as_four(client, django_assert_max_num_queries):
    event, made = make_evening([f"Visitor {number}" for number in range(40)])
    client.force_login(make_staff(event.agenda))
    data = {"act": "together", "whom": "waiting", "saying": "present", **seen(*made)}

    with django_assert_max_num_queries(45):
        client.post(url("check_in_event", event.pk), data)

    assert set(attendance_of(*made)) == {Attendance.PRESENT}


# Marked as checked


def mark(client, address, bookings, rest="leave"):
    data = {"act": "mark", "rest": rest, "waiting": [one.pk for one in bookings]}
    return client.post(address, data, follow=True)


def test_marking_asks_what_to_do_with_those_who_are_left(client, agent, evening, address, ill):
    event, made = evening
    attendance.check_in(made[0], Attendance.PRESENT, now=NOW)
    assert "What about the 2 who are not checked in yet?" in text(client.get(address))

    refused = mark(client, address, made[1:], rest="")
    assert "say what to do with those who are not checked in yet" in text(refused)
    assert not AttendanceSheet.objects.exclude(checked_at=None).exists()

    response = mark(client, address, made[1:], rest=f"absent.{ill.pk}")

    page = text(response)
    assert "Marked as checked by Lena Roy, Monday 30 November 2026, 07:00." in page
    assert attendance_of(*made) == [Attendance.PRESENT, Attendance.ABSENT, Attendance.ABSENT]
    assert stored(made[1]).attendance_reason == ill
    for control in ('name="attendance"', 'value="together"', 'value="mark"'):
        assert control not in page
    log = ModelLogEntry.objects.get(action="wagtail_agenda.mark_as_checked")
    assert (log.user, log.label, log.object_id) == (agent, str(event), str(event.pk))


def test_every_way_to_check_in_is_refused_while_it_is_marked(client, agent, evening, address):
    event, made = evening
    page = together(client, address, made[:1])
    act = page.context["last_act"]["of"]
    mark(client, address, made[1:])

    for response in (
        client.post(url("booking_check_in", made[1].pk), {"attendance": "present"}, follow=True),
        together(client, address, made),
        client.post(address, {"act": "undo", "of": act}, follow=True),
        mark(client, address, made[1:], rest="absent"),
    ):
        assert "Lena Roy has marked this as checked on" in text(response)
    assert attendance_of(*made) == [Attendance.PRESENT, "", ""]

    response = client.post(address, {"act": "unmark"}, follow=True)
    assert "No longer marked as checked" in text(response)
    assert ModelLogEntry.objects.filter(action="wagtail_agenda.unmark", user=agent).exists()
    together(client, address, made)
    assert attendance_of(*made) == [Attendance.PRESENT] * 3


def test_a_day_is_marked_whatever_desk_is_shown(client):
    agenda, desks, made = make_day()
    user = make_staff(agenda)
    client.force_login(user)
    address = url("check_in_day", agenda.slug, MONDAY) + f"?desk={desks[1].slug}"

    response = mark(client, address, made, rest="absent")

    assert "Marked as checked" in text(response)
    assert attendance_of(*made) == [Attendance.ABSENT] * 3
    log = ModelLogEntry.objects.get(action="wagtail_agenda.mark_as_checked")
    assert (log.label, log.data) == (str(agenda), {"day": "2026-11-30"})


def test_when_it_was_marked_is_said_in_the_zone_of_the_agenda(client):
    agenda = factories.make_agenda(kind=AgendaKind.EVENTS, timezone="Pacific/Auckland")
    event, _made = make_evening(agenda=agenda)
    client.force_login(make_staff(agenda))
    address = url("check_in_event", event.pk)
    mark(client, address, [])

    page = text(client.get(address))

    assert "Monday 30 November 2026, 19:00." in page
    assert "11/30/2026 7 a.m." not in page


def test_an_event_that_has_not_begun_cannot_be_marked(client):
    event = factories.make_event(factories.make_agenda(kind=AgendaKind.EVENTS))
    client.force_login(make_staff(event.agenda))
    address = url("check_in_event", event.pk)
    assert 'value="mark"' not in text(client.get(address))

    response = mark(client, address, [])

    assert "This has not begun yet." in text(response)
    assert not AttendanceSheet.objects.exclude(checked_at=None).exists()


def test_an_overloaded_database_asks_to_try_again(client, agent, evening, address, monkeypatch):
    def overloaded(*args, **kwargs):
        raise Overloaded()

    monkeypatch.setattr(attendance, "check_in_all", overloaded)

    data = {"act": "together", "whom": "waiting", "saying": "present", **seen(*evening[1])}
    response = client.post(address, data)

    assert (response.status_code, response["Retry-After"]) == (503, "5")


# The reasons


def reason_url(name, *args):
    return reverse(f"wagtail_agenda_attendancereason:{name}", args=args)


def test_an_editor_keeps_the_reasons_of_their_agenda(client):
    agenda = factories.make_agenda()
    client.force_login(make_staff(agenda, role="editor"))
    data = {"label": "Ill", "attendance": "absent", "agenda": agenda.pk}

    client.post(reason_url("add"), data)

    reason = AttendanceReason.objects.get()
    assert (reason.label, reason.agenda) == ("Ill", agenda)
    assert "Ill" in text(client.get(reason_url("index")))
    # Those of all agendas are for administrators to make.
    refused = client.post(reason_url("add"), {**data, "agenda": ""})
    assert "This field is required." in text(refused)
    assert AttendanceReason.objects.count() == 1


def test_a_reason_of_all_agendas_is_an_administrators(client, admin_client, ill):
    client.force_login(make_staff(factories.make_agenda(), role="editor"))
    assert client.get(reason_url("edit", ill.pk)).status_code == 404
    assert "All agendas" in text(client.get(reason_url("index")))

    data = {"label": "Unwell", "attendance": "absent", "agenda": ""}
    admin_client.post(reason_url("edit", ill.pk), data)

    ill.refresh_from_db()
    assert ill.label == "Unwell"


def test_a_reason_that_was_given_can_be_reworded_and_retired_but_not_turned_or_deleted(
    admin_client, evening, ill
):
    _event, made = evening
    attendance.check_in(made[0], Attendance.ABSENT, now=NOW, reason=ill)

    data = {"label": "Unwell", "attendance": "present", "retired": "on"}
    admin_client.post(reason_url("edit", ill.pk), data)
    deleted = admin_client.post(reason_url("delete", ill.pk), follow=True)

    ill.refresh_from_db()
    assert (ill.label, ill.attendance, ill.retired) == ("Unwell", "absent", True)
    assert "has been given as a reason" in text(deleted)
    attendance.check_in(made[0], Attendance.PRESENT, now=NOW)
    admin_client.post(reason_url("delete", ill.pk))
    assert not AttendanceReason.objects.exists()
