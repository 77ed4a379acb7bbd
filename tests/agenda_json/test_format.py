"""The format is documented, and what the documentation shows can be taken in."""

import re
from pathlib import Path

import pytest

from tests.agenda_json.common import exported_data, take_in
from wagtail_agenda.importers.agenda_json.format import FILE, SORTS, keys_that_fit
from wagtail_agenda.models import Agenda

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "agenda-json.md"

OF_THE_SITE = {
    "agenda": {"live_revision", "latest_revision", "first_published_at", "last_published_at"}
    | {"has_unpublished_changes", "go_live_at", "expire_at", "expired", "locked", "locked_at"}
    | {"locked_by"},
    "desk": {"agenda", "bookable"},
    "event": {"agenda", "bookable", "cancelled_at", "differs_from_series"},
    "series": {"agenda", "made_until"},
    "meeting_type": {"agenda"},
    "resource": {"bookable"},
    "status": {"workflow"},
    "attendance_reason": {"agenda"},
}
OF_THE_SITE["schedule"] = OF_THE_SITE["agenda"]
"""Columns that are no set-up, or are said otherwise."""


@pytest.mark.parametrize("name", SORTS)
def test_every_column_of_the_set_up_has_its_key(name):
    sort = SORTS[name]
    columns = {column.name for column in sort.model._meta.concrete_fields}
    columns |= {column.name for column in sort.model._meta.many_to_many}
    assert columns - {"id"} - OF_THE_SITE.get(name, set()) <= set(sort.keys)


def test_every_key_has_its_line_in_the_reference():
    text = PAGE.read_text()
    sections = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^### |\Z)", text, re.M | re.S))
    assert set(sections) == set(SORTS)
    for name, sort in SORTS.items():
        assert re.findall(r"^\| `(\w+)`", sections[name], re.M) == list(sort.keys)
    assert all(f"| `{key}` |" in text for key in FILE)


def test_no_key_fits_no_kind():
    fitting = {key for kind in ("meetings", "events", "virtual") for key in keys_that_fit(kind)}
    assert fitting == set(SORTS["agenda"].keys)


@pytest.mark.django_db
def test_the_example_of_the_reference_can_be_taken_in():
    (example,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.S)
    take_in(example.encode())
    assert set(Agenda.objects.values_list("slug", flat=True)) == {"passports", "courses"}
    data = exported_data()
    assert [one["label"] for one in data["schedules"]] == ["Office hours"]
