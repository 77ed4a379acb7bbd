"""What is wrong with a file is said at its place, all of it at once, and nothing is changed."""

import copy
import json
from datetime import date, time

import pytest
from django.db import IntegrityError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.agenda_json.common import (
    everything_set_up,
    exported,
    exported_data,
    file_with,
    make_everything,
    refusal,
    take_in,
)
from tests.factories import make_agenda, make_appointments, make_booking, one_off, weekly
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.importers import agenda_json
from wagtail_agenda.importers.agenda_json import UNCHANGED, agendas, references
from wagtail_agenda.models import Workflow

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("data", "place", "said"),
    [
        (b"", "", "no file of agendas"),
        (b"[]", "", "no file of agendas"),
        (b'{"agendas": []}', "", "format"),
        (b'{"format": "wagtail-agenda", "version": 2}', "version", "Known is 1"),
        (b'{"format": "wagtail-agenda",\n "version" 1}', "", "line 2, column 12"),
        (b"\xff\xfe", "", "UTF-8"),
        (b'{"format": "wagtail-agenda", "format": 1}', "", "twice"),
        (b"[" * 5000, "", "deep"),
        (b'{"format": "wagtail-agenda", "version": 1, "agenda": []}', "agenda", "no such key"),
        (b'{"format": "wagtail-agenda", "version": 1, "agendas": {}}', "agendas", "list"),
        (b'{"format": "wagtail-agenda", "version": 1, "agendas": [3]}', "agendas[0]", "object"),
    ],
)
def test_what_is_no_file_of_agendas_is_refused(data, place, said):
    problems = refusal(data)
    assert list(problems) == [place]
    assert said in problems[place]


def agenda_with(**fields):
    return file_with(agendas=[{"slug": "hall", "label": "Hall", **fields}])


@pytest.mark.parametrize(
    ("fields", "place", "said"),
    [
        ({"label": ""}, "label", "blank"),
        ({"label": 7}, "label", "text"),
        ({"label": "x" * 200}, "label", "150"),
        ({"slug": "not a slug"}, "slug", "slug"),
        ({"kind": "party"}, "kind", "party"),
        ({"timezone": "Mars"}, "timezone", "Europe/Paris"),
        ({"maximal_booking_delay": "60"}, "maximal_booking_delay", "whole number"),
        ({"maximal_booking_delay": True}, "maximal_booking_delay", "whole number"),
        ({"maximal_booking_delay": 10**30}, "maximal_booking_delay", "17520"),
        ({"needs_approval": 1}, "needs_approval", "true or false"),
        ({"live": "yes"}, "live", "true or false"),
        ({"staff_addresses": "nobody"}, "staff_addresses", "nobody"),
        ({"label_template": "{nothing}"}, "label_template", "{nothing}"),
        ({"form_url_template": "ftp://x"}, "form_url_template", "https://"),
        (
            {"minimal_booking_delay": 9, "minimal_booking_delay_unit": "days"}
            | {"maximal_booking_delay": 2},
            "maximal_booking_delay",
            "never book",
        ),
        ({"schedule": "nights"}, "schedule", "nights"),
        ({"schedule": 3}, "schedule", "text"),
        ({"workflow": "default-meetings"}, "workflow", "about"),
        ({"resources": ["van"]}, "resources[0]", "van"),
        ({"several_events": True}, "several_events", "no such key"),
        ({"events": []}, "events", "no such key"),
        ({"kind": "virtual"}, "members", "at least one"),
        ({"kind": "virtual", "members": ["hall"]}, "members[0]", "hall"),
        ({"desks": [{"label": "A"}, {"label": "A"}]}, "desks[1].slug", "desks[0]"),
        ({"desks": [{"label": "A", "schedule": "x"}]}, "desks[0].schedule", "x"),
        ({"meeting_types": [{"label": "A", "duration": 7}]}, "meeting_types[0].duration", "5"),
        (
            {"meeting_types": [{"label": "A", "desks": ["b"]}]},
            "meeting_types[0].desks[0]",
            "no desk",
        ),
        (
            {"meeting_types": [{"label": "A", "duration": 60, "maximum_duration": 30}]},
            "meeting_types[0].maximum_duration",
            "shorter",
        ),
        (
            {"attendance_reasons": [{"attendance": "happy", "label": "X"}]},
            "attendance_reasons[0].attendance",
            "happy",
        ),
    ],
)
def test_what_an_agenda_cannot_be_is_said_at_its_key(fields, place, said):
    problems = refusal(agenda_with(**fields))
    assert list(problems) == [f"agendas[0].{place}"]
    assert said in problems[f"agendas[0].{place}"]


def period(**fields):
    row = weekly()
    return {"type": "weekly", "value": {**row["value"], **fields}}


@pytest.mark.parametrize(
    ("row", "place", "said"),
    [
        ({"type": "weekly"}, "value", "object"),
        ({"type": "yearly", "value": {}}, "type", "weekly, monthly, one_off"),
        ({"value": {}}, "", "“type”"),
        ("weekly", "", "“type”"),
        (period(opens="9 o'clock"), "value.opens", "18:00"),
        (period(opens=None), "value.opens", "required"),
        (period(closes="08:00"), "value.closes", "not after the opening"),
        (period(weekdays=["8"]), "value.weekdays", "8"),
        (period(breaks=[{"from": "10:00", "until": "9:30"}]), "value.breaks[0].until", "18:00"),
        (period(breaks=[{"from": "10:00", "until": "09:30"}]), "value.breaks[0].until", "break"),
        (period(season={"from": "2026-02-30"}), "value.season.from", "2026-12-24"),
        (period(closed=True), "value.closed", "no such key"),
    ],
)
def test_what_blocks_refuse_is_said_inside_them(row, place, said):
    file = file_with(schedules=[{"key": "h", "label": "Hours", "periods": [weekly(), row]}])
    problems = refusal(file)
    where = "schedules[0].periods[1]" + (f".{place}" if place else "")
    assert list(problems) == [where]
    assert said in problems[where]


def workflow_with(actions=(), transitions=(), **fields):
    status = {"slug": "confirmed", "label": "Confirmed", "actions": list(actions)}
    one = {"slug": "w", "label": "W", "statuses": [status], "transitions": list(transitions)}
    return file_with(workflows=[{**one, **fields}])


@pytest.mark.parametrize(
    ("file", "place", "said"),
    [
        (
            workflow_with(transitions=[{"type": "transition", "value": {"status": "gone"}}]),
            "transitions[0].value.status",
            "gone",
        ),
        (
            workflow_with(
                transitions=[
                    {
                        "type": "by_hand",
                        "value": {"label": "A", "status": "confirmed"} | {"groups": ["Nobody"]},
                    }
                ]
            ),
            "transitions[0].value.groups[0]",
            "Nobody",
        ),
        (
            workflow_with([{"type": "change_status", "value": {"status": "confirmed"}}]),
            "transitions",
            "round",
        ),
        (
            workflow_with([{"type": "cancel_meeting", "value": {"reason": ""}}]),
            "statuses[0].actions[0].type",
            "cancel_booking",
        ),
        (
            workflow_with([{"type": "send_email", "value": {"documents": [{"title": "Map"}]}}]),
            "statuses[0].actions[0].value.documents[0]",
            "Map",
        ),
        (
            workflow_with(
                [
                    {
                        "type": "send_email",
                        "value": {"texts": [{"html": '<a linktype="page" path="/no/">x</a>'}]},
                    }
                ]
            ),
            "statuses[0].actions[0].value.texts[0].html",
            "/no/",
        ),
        (
            workflow_with([{"type": "add_note", "value": {"text": "{nothing}"}}]),
            "statuses[0].actions[0].value.text",
            "{nothing}",
        ),
    ],
)
def test_what_a_workflow_cannot_be_is_said_in_it(file, place, said):
    problems = refusal(file)
    assert list(problems) == [f"workflows[0].{place}"]
    assert said in problems[f"workflows[0].{place}"]


def test_nothing_unsafe_comes_in_with_formatted_text():
    unsafe = '<p onclick="x()">Hi <script>x()</script><a href="javascript:x()">there</a></p>'
    action = {"type": "send_email", "value": {"texts": [{"html": unsafe}]}}
    take_in(workflow_with([action]))
    make_agenda(slug="hall", workflow=Workflow.objects.get(slug="w"))
    (workflow,) = exported_data()["workflows"]
    html = workflow["statuses"][0]["actions"][0]["value"]["texts"][0]["html"]
    assert "Hi" in html
    assert "onclick" not in html
    assert "script" not in html


def test_what_no_file_can_name_is_left_to_the_admin(monkeypatch):
    """As a project's own action may have chosen, such as a page."""
    rule = {"type": "transition", "value": {"trigger": "booked", "status": "confirmed"}}
    agendas_too = {"agendas": [{"label": "Hall", "workflow": "w"}]}
    take_in(workflow_with(transitions=[rule]) | agendas_too)

    def cannot(*_args):
        raise agenda_json.CannotBeNamed("page: Home")

    monkeypatch.setattr(references, "named", cannot)
    with pytest.raises(agenda_json.CannotBeNamed):
        exported()
    problems = refusal(workflow_with())
    assert list(problems) == ["workflows[0].transitions"]
    assert "page: Home" in problems["workflows[0].transitions"]


def test_several_problems_are_told_together():
    problems = refusal(
        file_with(
            schedules=[{"key": "h", "label": "", "periods": []}],
            agendas=[
                {"label": "A", "timezone": "Mars", "schedule": "h"},
                {"label": "B", "desks": [{"label": ""}], "meeting_types": [{"duration": 3}]},
            ],
        )
    )
    assert set(problems) == {
        "schedules[0].label",
        "agendas[0].timezone",
        "agendas[1].desks[0].label",
        "agendas[1].meeting_types[0].label",
        "agendas[1].meeting_types[0].duration",
    }


def test_an_agenda_keeps_its_kind():
    make_agenda(slug="hall", label="Hall")
    assert list(refusal(agenda_with(kind="events"))) == ["agendas[0].kind"]


def test_a_zone_with_bookings_is_changed_in_the_admin():
    agenda, _type, _desks = make_appointments(slug="hall", label="Hall")
    take_in(agenda_with(timezone="Europe/Berlin"))
    agenda.refresh_from_db()
    assert agenda.timezone == "Europe/Berlin"
    take_in(agenda_with(timezone="Europe/Paris"))
    make_booking(type(agenda).objects.get())
    assert list(refusal(agenda_with(timezone="Europe/Berlin"))) == ["agendas[0].timezone"]


def test_a_time_that_clocks_skip_is_refused_in_a_schedule():
    make_agenda(slug="hall", label="Hall")
    hours = one_off(date(2027, 3, 28), time(2, 30), time(9))
    problems = refusal(
        file_with(schedules=[{"key": "h", "label": "Office hours", "periods": [hours]}])
    )
    assert list(problems) == ["schedules[0].periods[0].value.opens"]


def test_who_was_quicker_is_no_error_of_the_file(monkeypatch):
    def fails(*_args, **_options):
        raise IntegrityError

    monkeypatch.setattr(agendas, "settle_revisioned", fails)
    with pytest.raises(Overloaded):
        take_in(agenda_with())


# Whatever stands in a file


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
values = st.recursive(
    scalars
    | texts
    | st.sampled_from(["2026-12-24", "18:00", "default", "<p>x</p>", "/", "{date}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def places_of(value, path=()):
    """The path to everything inside."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places_of(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places_of(inner, (*path, index))


class TestWhateverStandsInAFile(TestCase):
    """Hypothesis needs a transaction for each example."""

    @classmethod
    def setUpTestData(cls):
        make_everything()
        cls.data = json.loads(exported())
        cls.places = [path for path in places_of(cls.data) if path]

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def test_it_is_taken_in_or_refused_with_a_place(self, drawn):
        data = copy.deepcopy(self.data)
        *way, last = drawn.draw(st.sampled_from(self.places))
        inside = data
        for step in way:
            inside = inside[step]
        if drawn.draw(st.booleans()):
            inside[last] = drawn.draw(values)
        else:
            del inside[last]
        before = everything_set_up()
        try:
            take_in(data)
        except agenda_json.Refused as error:
            problems = error.problems
        else:
            problems = None
        if problems is None:
            assert {one.verdict for one in take_in(data)} <= {UNCHANGED}
        else:
            assert all(problems.values())
            assert everything_set_up() == before
