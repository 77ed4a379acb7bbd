import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import Page, Site

from example_site.home import demo_content, demo_forms
from example_site.home.models import Notice
from example_site.loopback import LoopbackOnly
from tests import migrated
from wagtail_agenda import clients, permissions, workflow
from wagtail_agenda.choices import Actor, Admission, Attendance, Cause, DeliveryState, Role
from wagtail_agenda.letters import letter_of
from wagtail_agenda.models import (
    Agenda,
    AgendaGrant,
    Booking,
    CalledMeeting,
    ClosureCalendar,
    Delivery,
    Desk,
    Entry,
    Event,
    FormVersion,
    Meeting,
    MeetingType,
    Occupation,
    Resource,
    Schedule,
    Workflow,
    WorkflowStatus,
)

# The demo runs on SQLite, whatever a site has.
pytestmark = pytest.mark.one_database

ROOT = Path(__file__).resolve().parent.parent


MONDAY = datetime(2026, 11, 23, 10, 20, tzinfo=ZoneInfo("Europe/Paris"))


def everything():
    """What would differ if loading again added, changed or repeated anything."""
    rows = [Page, Agenda, Schedule, Desk, MeetingType, Event, ClosureCalendar, Notice, FormVersion]
    rows += [Booking, Entry, Delivery, Occupation, Group, AgendaGrant, get_user_model()]
    return {
        "rows": {model.__name__: model.objects.count() for model in rows},
        "pages": list(Page.objects.values_list("pk", "latest_revision_created_at")),
        "meetings": list(Entry.objects.filter(booking=None).values_list("pk", "what")),
        "bookings": list(Booking.objects.values_list("pk", "status", "attendance").order_by("pk")),
    }


@pytest.mark.django_db
def test_demo_loads_once_and_follows_the_calendar(settings, mailoutbox):
    settings.DEBUG = True
    demo_content.load(MONDAY)
    before = everything()
    demo_content.load(MONDAY)
    assert everything() == before
    for name in ("admin", "agent", "editor"):
        assert get_user_model().objects.get(username=name).check_password(name)

    past = Booking.objects.filter(start__lt=MONDAY)
    assert past.count() >= 50
    assert Booking.objects.filter(start__gte=MONDAY).count() >= 40
    assert set(past.values_list("status__slug", flat=True)) == {
        "confirmed",
        "cancelled",
        "present",
        "absent",
    }
    # Of all their mails, only those of the two examples and one offer are left for the worker.
    assert mailoutbox == []
    due = Delivery.objects.exclude(state=DeliveryState.DONE)
    examples = due.exclude(booking__admission=Admission.OFFERED)
    assert {delivery.booking.created_at for delivery in examples} == {MONDAY}
    assert (examples.count(), due.count()) == (3, 4)
    # Nothing seems to have waited for days, which the home page would warn of.
    assert set(due.values_list("due_at", flat=True)) == {MONDAY}
    coming = Event.objects.filter(start__gte=MONDAY)
    assert coming.count() >= 8
    assert any(event.bookable.places_booked == event.places for event in coming)
    every_kind_of_agenda_has_its_example()
    a_committee_is_called_and_one_of_its_members_has_answered()
    everything_can_be_edited()
    a_button_sends_the_archive_a_slip_about_the_old_document()
    a_form_of_the_town_has_booked()

    # Five days later, the fortnights have moved on.
    later = MONDAY + timedelta(days=5)
    known = set(Booking.objects.values_list("pk", flat=True))
    demo_content.load(later)
    added = Booking.objects.exclude(pk__in=known)
    daily = added.filter(agenda__slug__in=["passports", "study-rooms"])
    assert daily.exists()
    first_new_day = MONDAY.date() + timedelta(days=15)
    assert all(booking.start.date() >= first_new_day for booking in daily)
    assert not added.exclude(deliveries__state=DeliveryState.DONE).exists()
    between = Booking.objects.filter(start__gt=MONDAY, start__lt=later - timedelta(days=1))
    expected = between.filter(cancelled_at=None)
    assert expected.exclude(attendance=Attendance.UNKNOWN).count() > expected.count() / 2


def everything_can_be_edited():
    client = Client()
    client.force_login(get_user_model().objects.get(username="admin"))
    for model in (Agenda, ClosureCalendar, Meeting, Schedule, Workflow, WorkflowStatus):
        for row in model.objects.all():
            address = reverse(model.snippet_viewset.get_url_name("edit"), args=[row.pk])
            assert client.get(address).status_code == 200, row


def a_committee_is_called_and_one_of_its_members_has_answered():
    called = CalledMeeting.objects.get()
    assert len(called.participants) == 4
    assert called.deliveries.filter(state=DeliveryState.DONE).count() == 5
    assert [one.answer for one in called.invitations.exclude(answer="")] == ["accepted"]
    assert called.resource.slug == "meeting-room-2"
    client = Client()
    client.force_login(get_user_model().objects.get(username="admin"))
    page = client.get(reverse("wagtail_agenda_admin:meeting", args=[called.pk]))
    assert "Rosa Albers" in page.content.decode()
    assert not called.meeting.has_unpublished_changes


def a_form_of_the_town_has_booked():
    booked = Booking.objects.get(client__label=demo_forms.NAME)
    assert booked.made_by == Actor.CLIENT
    assert booked.backoffice_url.endswith("/demo/back-office/4711/")
    client = Client()
    client.force_login(get_user_model().objects.get(username="admin"))
    page = client.get(reverse("wagtail_agenda_admin:booking", args=[booked.pk]))
    assert booked.backoffice_url in page.content.decode()
    key = demo_forms.new_key()
    told = client.get(
        reverse("wagtail_agenda:booking", args=[booked.uuid]),
        headers={"Authorization": f"Bearer {key}"},
    )
    assert told.json()["data"]["extra_data"] == {"district": "North"}


def a_button_sends_the_archive_a_slip_about_the_old_document():
    bookings = Booking.objects.filter(agenda__slug="passports", status__slug="confirmed")
    asked = next(one for one in bookings if one.answers.get("old_number"))
    before = asked.deliveries.count()

    (button,) = workflow.buttons_of(asked, now=MONDAY)
    data = {"identifier": button.identifier}
    workflow.note_cause(asked, Cause.BY_HAND, data=data, actor=Actor.AGENT, now=MONDAY)

    asked.refresh_from_db()
    assert asked.status.label == "Old file ordered"
    assert asked.deliveries.count() == before + 1
    letter = letter_of(asked.deliveries.last(), MONDAY)
    assert letter.to.address == "archive@fairbridge.example"
    (slip,) = letter.attachments
    assert asked.answers["old_number"] in slip.content.decode()


def every_kind_of_agenda_has_its_example():
    """A waiting list with a place on offer, a room that two offices share, a virtual agenda."""
    offered = Booking.objects.get(admission=Admission.OFFERED)
    assert offered.event.series.label == "Aqua fitness"
    assert offered.decide_by == MONDAY + timedelta(hours=24)
    assert offered.event.bookings.filter(admission=Admission.WAITING).count() == 2

    room = Resource.objects.get(slug="meeting-room-2")
    sharing = set(room.bookings.values_list("agenda__slug", flat=True))
    assert sharing == {"mediation", "legal-advice"}
    taken = sorted(room.bookable.occupations.values_list("busy_from", "busy_to"))
    assert all(ends <= begins for (_, ends), (begins, _) in itertools.pairwise(taken))

    chosen_in = Booking.objects.filter(virtual_agenda__slug="registry-offices")
    assert chosen_in.exists()
    assert not Booking.objects.filter(agenda__slug="registry-offices").exists()

    asked = Booking.objects.filter(agenda__slug="rehearsal-room")
    assert set(asked.values_list("admission", flat=True)) == {Admission.PENDING}


@pytest.mark.django_db
def test_agent_and_editor_of_the_demo_have_their_own_agenda_only(settings):
    settings.DEBUG = True
    demo_content.load_town_hall(timezone.now())
    agent, editor = (get_user_model().objects.get(username=name) for name in ("agent", "editor"))
    passports, workshops = (Agenda.objects.get(slug=slug) for slug in ("passports", "workshops"))
    assert set(permissions.agendas_for(agent, Role.AGENT)) == {passports}
    assert not permissions.may(agent, Role.EDITOR, passports)
    assert set(permissions.agendas_for(editor, Role.EDITOR)) == {workshops}
    page = Page.objects.get(slug="workshops")
    assert page.permissions_for_user(editor).can_publish()
    assert not page.permissions_for_user(agent).can_edit()


@pytest.mark.django_db
def test_every_service_page_of_the_demo_takes_bookings(client, settings):
    settings.DEMO_PORT = 8123
    demo_content.load_town_hall(timezone.now())
    for slug in (
        "passport",
        "workshops",
        "study-rooms",
        "sports",
        "registry-office",
        "advice",
        "rehearsal-room",
    ):
        page = client.get(f"/{slug}/", headers={"host": "localhost:8123"}).content.decode()
        assert 'name="definition"' in page, slug
        choices = page.count('type="radio"') + page.count('type="checkbox"')
        assert choices >= 2, slug


@pytest.mark.django_db
def test_easy_password_exists_only_where_the_site_is_tried_out(settings):
    settings.DEBUG = False
    demo_content.load_town_hall(timezone.now())
    assert not get_user_model().objects.filter(username="admin").exists()


@pytest.mark.django_db
def test_site_answers_on_the_port_of_the_demo(settings, client):
    settings.DEMO_PORT = 8123
    demo_content.load_town_hall(timezone.now())
    site = Site.objects.get(is_default_site=True)
    assert (site.hostname, site.port) == ("localhost", 8123)
    page = client.get("/", headers={"host": "localhost:8123"})
    assert "Welcome to the town hall" in page.content.decode()


@pytest.mark.parametrize(
    ("address", "status"),
    [("127.0.0.1", 200), ("127.8.8.8", 200), ("::1", 200), ("192.0.2.4", 403), ("", 403)],
)
def test_demo_answers_only_to_its_own_machine(rf, address, status):
    answer = LoopbackOnly(lambda request: HttpResponse("hello"))
    assert answer(rf.get("/", REMOTE_ADDR=address)).status_code == status


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_demo(data: Path, port: int) -> subprocess.Popen:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, str(ROOT / "manage.py"), "demo"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "example_site.settings.demo",
            "DEMO_DATA": str(data),
            "DEMO_PORT": str(port),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def status(address: str) -> int | None:
    try:
        with urlopen(address, timeout=5) as response:  # noqa: S310 - an address of the test
            return response.status
    except (URLError, ConnectionError):
        return None


def group_is_empty(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def wait_until(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_demo_runs_once_and_ends_with_everything_it_started(tmp_path, migrated_template):
    if migrated_template is not None and migrated_template.exists():
        # What Wagtail's own migrations do is known; those of the site still have to run.
        migrated.copy_without("home", migrated_template, tmp_path / "demo.sqlite3")
    port = free_port()
    demo = start_demo(tmp_path, port)
    try:
        inbox = f"http://127.0.0.1:{port}/demo/inbox/"
        assert wait_until(lambda: status(inbox) == 200 or demo.poll() is not None, 300)
        assert demo.poll() is None, demo.stdout.read()

        again = start_demo(tmp_path, free_port())
        said, _ = again.communicate(timeout=300)
        assert again.returncode != 0
        assert f"already running at http://localhost:{port}/" in said

        elsewhere = start_demo(tmp_path / "other", port)
        said, _ = elsewhere.communicate(timeout=60)
        assert elsewhere.returncode != 0
        assert f"Port {port} of this machine is taken" in said
        assert status(inbox) == 200

        # What a terminal does on Ctrl-C.
        os.killpg(demo.pid, signal.SIGINT)
        said, _ = demo.communicate(timeout=60)
        assert demo.returncode == 0, said
        assert f"http://localhost:{port}/admin/" in said
        assert f"Bearer {clients.KEY_PREFIX}" in said
        assert wait_until(lambda: group_is_empty(demo.pid), 10)
    finally:
        if not group_is_empty(demo.pid):
            os.killpg(demo.pid, signal.SIGKILL)
