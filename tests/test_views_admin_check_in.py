"""Checking in, from wherever a booking is shown and back there."""

import pytest
from django.urls import resolve, reverse
from wagtail.models import ModelLogEntry

from tests import factories
from tests.agents import make_administrator, make_staff, url
from tests.factories import NOW
from tests.test_attendance import WITHOUT_PLACE, without_place
from wagtail_agenda import attendance as attendances
from wagtail_agenda import booking
from wagtail_agenda.choices import Actor, Attendance, Trigger
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.workflow import CHECK_IN_UNDONE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]


def post(client, made, attendance, **data):
    address = url("booking_check_in", made.pk)
    return client.post(address, {"attendance": attendance, **data})


def attendance_of(made):
    made.refresh_from_db()
    return made.attendance


def test_present_absent_and_undo(client, agent, made):
    for asked, attendance, what in [
        ("present", Attendance.PRESENT, Trigger.PRESENT),
        ("absent", Attendance.ABSENT, Trigger.ABSENT),
        ("undo", Attendance.UNKNOWN, CHECK_IN_UNDONE),
    ]:
        response = post(client, made, asked)
        assert response.status_code == 302
        assert attendance_of(made) == attendance
        entry = made.entries.last()
        assert (entry.what, entry.user, entry.actor) == (what, agent, Actor.AGENT)
        log = ModelLogEntry.objects.first()
        assert (log.action, log.user) == ("wagtail_agenda.check_in", agent)
        assert made.user_name not in log.label


def test_it_leads_back_to_where_one_was(client, agent, made):
    week = url("week", made.agenda.slug, made.local_start.date()) + "?desk=a"

    assert post(client, made, "present", next=week)["Location"] == f"{week}#booking-{made.pk}"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "",
        "https://elsewhere.example/",
        "//elsewhere.example",
        "javascript:alert(1)",
        "\\\\x\\y",
        "%",
        "-1",
        "wagtailadmin_home",
        "a\0b",
    ],
)
@pytest.mark.one_database
def test_it_never_leads_to_another_site(client, agent, made, elsewhere):
    response = post(client, made, "present", next=elsewhere)

    assert response["Location"] == url("booking", made.pk)


def test_a_get_changes_nothing(client, agent, made):
    address = url("booking_check_in", made.pk) + "?attendance=present"

    assert client.get(address).status_code == 405
    assert client.head(address).status_code == 405
    assert attendance_of(made) == Attendance.UNKNOWN


@pytest.mark.parametrize("attendance", ["", "asleep", "\x00", "cancelled"])
def test_what_is_neither_present_nor_absent_changes_nothing(client, agent, made, attendance):
    response = client.post(
        url("booking_check_in", made.pk), {"attendance": attendance}, follow=True
    )

    assert "Say whether the visitor is present, late or absent." in response.content.decode()
    assert attendance_of(made) == Attendance.UNKNOWN


def test_nobody_is_checked_in_on_a_cancelled_booking(client, agent, made):
    booking.cancel(made, actor=Actor.AGENT, now=NOW)

    response = client.post(url("booking_check_in", made.pk), {"attendance": "present"}, follow=True)

    assert "This booking is cancelled" in response.content.decode()
    assert attendance_of(made) == Attendance.UNKNOWN
    assert not ModelLogEntry.objects.exists()


@pytest.mark.parametrize("admission", WITHOUT_PLACE)
def test_nobody_is_checked_in_on_a_booking_that_is_not_confirmed(client, frozen_now, admission):
    made = without_place(admission)
    client.force_login(make_staff(made.agenda))
    page = client.get(url("booking", made.pk)).content.decode()
    assert url("booking_check_in", made.pk) not in page

    for asked in ("present", "late", "absent", "undo"):
        response = client.post(url("booking_check_in", made.pk), {"attendance": asked}, follow=True)
        assert "This booking is not confirmed" in response.content.decode()
    assert attendance_of(made) == Attendance.UNKNOWN
    assert made.admission == admission
    assert not ModelLogEntry.objects.exists()


def test_an_overloaded_database_asks_to_try_again(client, agent, made, monkeypatch):
    def overloaded(*args, **kwargs):
        raise Overloaded()

    monkeypatch.setattr(attendances, "check_in", overloaded)

    response = post(client, made, "present")

    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert "Nothing was changed." in response.content.decode()


def test_who_may_check_in(client, made):
    address = url("booking_check_in", made.pk)
    anonymous = client.post(address, {"attendance": "present"})
    assert anonymous["Location"].startswith(reverse("wagtailadmin_login"))

    client.force_login(make_staff())
    assert post(client, made, "present")["Location"] == reverse("wagtailadmin_home")

    client.force_login(make_staff(factories.make_agenda()))
    assert post(client, made, "present").status_code == 404
    assert attendance_of(made) == Attendance.UNKNOWN

    for user in (make_staff(made.agenda, role="editor"), make_administrator()):
        client.force_login(user)
        post(client, made, "present")
        assert attendance_of(made) == Attendance.PRESENT
        post(client, made, "undo")
        assert attendance_of(made) == Attendance.UNKNOWN


def test_a_forged_request_of_another_site_is_refused(made):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(make_staff(made.agenda))

    assert post(client, made, "present").status_code == 403
    assert attendance_of(made) == Attendance.UNKNOWN


def test_it_brings_its_own_transaction(made):
    # With ATOMIC_REQUESTS, a lock that is retried would otherwise be retried inside one.
    view = resolve(url("booking_check_in", made.pk)).func

    assert view._non_atomic_requests == {"default"}
