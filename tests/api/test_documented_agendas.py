"""The calls of the reference about agendas and slots are answered as they stand there."""

import json
import re
from datetime import date, time, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client

from tests.factories import (
    NOW,
    make_agenda,
    make_desk,
    make_event,
    make_meeting_type,
    make_schedule,
    one_off,
)
from tests.factories import make_booking as book
from tests.test_availability_virtual import make_virtual
from wagtail_agenda import availability
from wagtail_agenda.api.shapes import listing as parameters
from wagtail_agenda.api.urls import interface
from wagtail_agenda.choices import AgendaKind, DelayUnit
from wagtail_agenda.models import AttendanceReason, Bookable, Resource

pytestmark = pytest.mark.django_db

HOST = "www.fairbridge.example"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "api-agendas.md"
CALL = re.compile(r"```text\nGET (?P<address>\S+)\n```\n\n```json\n(?P<answer>.*?)```", re.DOTALL)
CALLS = [(found["address"], found["answer"]) for found in CALL.finditer(PAGE.read_text())]


@pytest.fixture
def town(frozen_now, settings):
    """What the examples of the page are about."""
    settings.WAGTAILADMIN_BASE_URL = f"https://{HOST}"
    settings.ALLOWED_HOSTS = [HOST]
    schedule = make_schedule(one_off(date(2026, 12, 1), opens=time(11), closes=time(12)))
    passports = make_agenda(label="Passport counters", slug="passports", schedule=schedule)
    passport = make_meeting_type(passports, label="Passport", slug="passport")
    for label in ("Counter 1", "Counter 2"):
        make_desk(passports, label=label)
        book(slot=availability.find(passports, "passport:2026-12-01-1100", now=NOW))
    passports.resources = [Resource.objects.create(label="Camera", description="For children.")]
    passports.save()
    make_virtual(passports, label="Any counter", slug="any-counter")
    workshops = make_agenda(
        kind=AgendaKind.EVENTS,
        label="Workshops",
        slug="workshops",
        minimal_booking_delay=36,
        minimal_booking_delay_unit=DelayUnit.HOURS,
    )
    AttendanceReason.objects.create(pk=7, label="Ill")
    cafe = make_event(
        workshops,
        pk=71,
        label="Repair café",
        slug="repair-cafe",
        start=NOW + timedelta(days=3),
        places=12,
    )
    Bookable.objects.filter(pk=cafe.bookable_id).update(waiting_places=5)
    slot = availability.find(workshops, "repair-cafe", now=NOW)
    book(slot=slot, user_external_id="ada-7")
    return passport


@pytest.mark.parametrize(("address", "documented"), CALLS, ids=[call[0] for call in CALLS])
def test_a_call_is_answered_as_it_is_documented(town, caller, address, documented):
    response = Client().get(
        address,
        secure=True,
        headers={"Host": HOST, "Authorization": f"Bearer {caller.told.key}"},
    )
    told, expected = response.json(), json.loads(documented)
    if "meta" in expected:
        assert "first" in expected["meta"]["first_bookable_slot"]
        expected["meta"]["first_bookable_slot"] = expected["data"][0]
    assert told == expected


def test_every_call_that_lists_is_documented():
    text = PAGE.read_text()
    paths = interface.get_openapi_schema(path_prefix="")["paths"]
    listing = [
        re.sub("{.*?}", lambda name: NAMES[name[0]], path)
        for path, methods in paths.items()
        for operation in [methods.get("get")]
        if operation and {"Agendas", "Slots"} & set(operation["tags"])
    ]
    assert len(listing) == 8
    assert [path for path in listing if f"`GET {path[1:]}`" not in text] == []


NAMES = {"{slug}": "<agenda>", "{meeting_type}": "<type>"}


@pytest.mark.parametrize(
    ("query", "heading"),
    [
        (parameters.AgendasQuery, "## `GET agenda/`"),
        (parameters.EventsQuery, "## Slots"),
        (parameters.AppointmentsQuery, "## Slots"),
    ],
)
def test_every_parameter_is_documented(query, heading):
    table = PAGE.read_text().partition(f"{heading}\n")[2].partition("\n```")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(.*?)`", row)}
    asked = {field.alias or name for name, field in query.model_fields.items()}
    assert asked <= documented


def test_the_examples_ask_for_what_there_is():
    known = {
        field.alias or name
        for query in (
            parameters.AgendasQuery,
            parameters.EventsQuery,
            parameters.AppointmentsQuery,
        )
        for name, field in query.model_fields.items()
    }
    asked = {
        name for address, _answer in CALLS for name, _value in parse_qsl(urlsplit(address).query)
    }
    assert asked <= known
    assert len(CALLS) == 8
