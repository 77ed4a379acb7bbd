"""What administrators do for somebody who asks: look up, export, erase; and what is kept at all."""

import json
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import Permission
from freezegun import freeze_time
from wagtail.models import ModelLogEntry

from tests.agents import make_administrator, make_staff, url
from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_booking,
    make_meeting,
    publish,
)
from wagtail_agenda import booking as bookings
from wagtail_agenda import clients, meetings, outbox, privacy
from wagtail_agenda.choices import Actor, AgendaKind, Role
from wagtail_agenda.models import Booking, Entry, FormVersion, WorkflowStatus
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

ADA = "ada@post.example"
LATER = NOW + timedelta(days=2)


@pytest.fixture(autouse=True)
def frozen(frozen_now):
    pass


@pytest.fixture
def administrator(client):
    client.force_login(make_administrator())
    return client


def make_known(**details):
    return make_booking(
        **{"user_email": ADA, "user_name": "Ada Martin", "answers": {"why": "A cat"}, **details}
    )


def look_up(client, email=ADA):
    return unescape(client.post(url("person"), {"email": email}).content.decode())


def logged():
    entries = ModelLogEntry.objects.filter(action__startswith="wagtail_agenda.").order_by("pk")
    return [(entry.action.partition(".")[2], entry.label, entry.data) for entry in entries]


# Looked up


def test_everything_that_is_held_is_shown(administrator, smtp_server):
    made = make_known()
    outbox.sweep(now=NOW)
    page = look_up(administrator, ADA.upper())
    shown = (made.reference, "Ada Martin", "A cat", "Mail delivered", f"Mail: {ADA}")
    assert all(text in page for text in shown)
    assert url("booking", made.pk) in page


def test_where_the_address_stands_besides_is_shown_with_the_way_there(administrator):
    others = make_booking(user_email="grace@post.example")
    Entry.objects.create(booking=others, what="note", data={"text": f"Comes with {ADA}"})
    agenda = make_agenda(label="Passports", staff_addresses=ADA)
    page = look_up(administrator)
    assert "The history of a booking" in page
    assert url("booking", others.pk) in page
    assert f"/agenda/edit/{agenda.pk}/" in page
    assert "grace" not in page


def test_nothing_that_is_held_is_said_so(administrator):
    assert "Nothing is held about this address." in look_up(administrator)


@pytest.mark.parametrize("typed", ["", " ", "ada", "@", "a\0@b", "a@" + "b" * 300])
@pytest.mark.parametrize("view", ["person", "person_export", "person_erase"])
def test_what_is_no_address_is_asked_for_again(administrator, view, typed):
    response = administrator.post(url(view), {"email": typed, "sure": "yes"})
    assert response.status_code == 200
    assert response.context["form"].errors["email"]


def test_the_address_stands_in_no_address_of_a_page(administrator):
    """Nor in the log of a web server therefore, nor in a browser's history."""
    make_known()
    assert ADA not in administrator.get(url("person") + f"?email={ADA}").content.decode()


# Taken along


def test_the_export_for_machines_is_what_the_command_writes(administrator):
    made = make_known()
    response = administrator.post(url("person_export"), {"email": ADA, "format": "json"})
    assert response["Content-Type"] == "application/json"
    assert response["Content-Disposition"] == (
        'attachment; filename="personal-data-2026-11-30.json"'
    )
    assert json.loads(response.content) == json.loads(json.dumps(privacy.export(ADA)))
    assert logged() == [("export_person", str(made.agenda), {"count": 1})]


def test_the_export_to_read_says_it_in_words_and_leads_nowhere(administrator):
    made = make_known(answers={"why": "<script>alert(1)</script>"})
    response = administrator.post(url("person_export"), {"email": ADA, "format": "html"})
    assert response["Content-Disposition"].endswith('.html"')
    page = response.content.decode()
    assert made.reference in page
    assert "Ada Martin" in page
    assert "<script" not in page
    assert "href" not in page
    assert [action for action, *_rest in logged()] == ["export_person"]


# Erased


def test_erasing_asks_first_and_says_what_will_happen(administrator):
    make_known()
    with freeze_time(LATER):
        page = administrator.post(url("person_erase"), {"email": ADA}).content.decode()
    assert "1 booking stays, without saying whose it was" in page
    assert "This cannot be undone" in page
    assert Booking.objects.get().user_email == ADA
    assert logged() == []


def test_erasing_erases_and_is_noted_without_saying_whom(administrator):
    made = make_known()
    with freeze_time(LATER):
        asked = {"email": ADA, "sure": "yes"}
        page = administrator.post(url("person_erase"), asked, follow=True).content.decode()
    assert "Bookings made anonymous: 1." in page
    assert Booking.objects.get().anonymised_at == LATER
    assert not any(privacy.export(ADA)[name] for name in ("bookings", "drafts", "mentions"))
    assert logged() == [("erase_person", str(made.agenda), {"count": 1})]


def test_whoever_is_still_coming_is_not_erased_and_the_bookings_are_named(administrator):
    made = make_known()
    over = make_known(agenda=make_appointments()[0])
    bookings.cancel(over, actor=Actor.AGENT, now=NOW)
    page = administrator.post(url("person_erase"), {"email": ADA, "sure": "yes"}).content.decode()
    assert "Nothing can be erased while bookings or meetings are to come" in page
    assert f'<a href="{url("booking", made.pk)}">{made.reference}, {made.agenda}</a>' in page
    assert f">{over.reference}" not in page
    assert 'formaction="' not in page
    assert not Booking.objects.filter(anonymised_at__isnull=False).exists()


def test_whoever_is_invited_to_a_meeting_is_not_erased_before_it_and_the_meeting_is_named(
    administrator,
):
    called = publish(make_meeting(participants=[ADA]))
    page = administrator.post(url("person_erase"), {"email": ADA, "sure": "yes"}).text
    assert f'<a href="{url("meeting", called.pk)}">Roads committee, {called.agenda}</a>' in page
    called.refresh_from_db()
    assert [one["address"] for one in called.participants] == [ADA]


def test_whoever_was_invited_to_a_meeting_can_be_exported_and_erased(administrator):
    called = publish(make_meeting(participants=[ADA]))
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    exported = administrator.post(url("person_export"), {"email": ADA, "format": "json"})
    assert [one["title"] for one in json.loads(exported.content)["meetings"]] == ["Roads committee"]
    asked = administrator.post(url("person_erase"), {"email": ADA}).text
    assert "The person is taken out of 1 meeting, its draft and its history." in asked
    said = administrator.post(url("person_erase"), {"email": ADA, "sure": "yes"}, follow=True).text
    assert "Meetings that the person was taken out of: 1." in said
    called.refresh_from_db()
    assert called.participants == []
    assert logged() == [
        (action, str(called.agenda), {"count": 1}) for action in ("export_person", "erase_person")
    ]


def test_what_was_booked_between_question_and_answer_is_named(administrator, monkeypatch):
    made = make_known()
    monkeypatch.setattr(privacy.Held, "to_come", lambda held, now: [])

    def refuse(email, *, now):
        monkeypatch.undo()
        raise privacy.StillToCome([made])

    monkeypatch.setattr("wagtail_agenda.views.admin.persons.privacy.erase", refuse)
    page = administrator.post(url("person_erase"), {"email": ADA, "sure": "yes"}).content.decode()
    assert made.reference in page
    assert Booking.objects.get().user_email == ADA


def test_colleagues_see_on_the_booking_that_it_was_forgotten(administrator):
    made = make_known()
    privacy.anonymise([made], now=LATER)
    page = administrator.get(url("booking", made.pk)).content.decode()
    assert "Who this was for was forgotten on 12/02/2026" in page


# What is kept at all


def kept_page(client) -> str:
    return " ".join(unescape(client.get(url("what_is_kept")).content.decode()).split())


def test_the_record_says_for_each_agenda_what_is_asked_how_long_and_for_whom(administrator):
    agenda = make_appointments(
        label="Passports", retention_days=90, staff_addresses="clerk@fairbridge.example"
    )[0]
    FormVersion.objects.create(
        digest="1",
        agenda=agenda,
        definition={"fields": [{"label": "Nationality", "clean_name": "a", "type": "singleline"}]},
    )
    group = make_staff(agenda, role=Role.EDITOR).groups.get()
    make_booking(agenda)
    page = kept_page(administrator)
    shown = ("Passports", "Nationality", "90 days after", "clerk@fairbridge.example", str(group))
    assert all(text in page for text in shown)
    assert "1 booking with personal data at present" in page
    assert "For good" not in page
    assert url("person") in page


def test_what_is_kept_for_good_is_seen(administrator):
    make_agenda(kind=AgendaKind.EVENTS)
    assert "For good: the agenda has no number of days" in kept_page(administrator)


def test_the_record_names_the_other_systems(administrator):
    ensure_default_workflow()
    make_agenda()
    clients.add("Forms of the town", orig="forms.example", now=NOW)
    status = WorkflowStatus.objects.get(slug="confirmed")
    status.actions = [{"type": "call", "value": {"url": "https://crm.example/new?n={number}"}}]
    status.save()
    page = kept_page(administrator)
    assert "Forms of the town (forms.example)" in page
    assert "crm.example" in page


def test_the_record_follows_the_settings(administrator, settings):
    settings.WAGTAIL_AGENDA = {"HOLD_MINUTES": 17, "DELIVERY_GIVE_UP_HOURS": 5}
    page = kept_page(administrator)
    assert "held for 17 minutes" in page
    assert "up after 5 hours" in page


def test_the_record_costs_as_many_queries_for_many_agendas(
    administrator, django_assert_max_num_queries
):
    for _number in range(6):
        make_agenda()
    kept_page(administrator)
    with django_assert_max_num_queries(22):
        kept_page(administrator)


def test_an_administrator_need_not_be_a_superuser(client):
    user = make_staff()
    user.user_permissions.add(Permission.objects.get(codename="administer_agendas"))
    client.force_login(user)
    assert client.get(url("what_is_kept")).status_code == 200
