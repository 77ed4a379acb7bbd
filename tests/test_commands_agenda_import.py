"""`manage.py agenda_export` and `manage.py agenda_import`: agendas move from site to site."""

import io
import json
import sys

import pytest
from django.core.management import CommandError, call_command

from tests.factories import make_agenda, make_desk
from wagtail_agenda.models import Agenda

pytestmark = pytest.mark.django_db


def run(name, *words, **options) -> str:
    out = io.StringIO()
    call_command(name, *map(str, words), stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def agenda():
    agenda = make_agenda(label="Passports", slug="passports")
    make_desk(agenda, label="Counter", slug="counter")
    make_agenda(label="Other", slug="other", schedule=None)
    return agenda


def test_what_one_command_writes_the_other_reads(agenda, tmp_path):
    file = tmp_path / "agendas.json"
    file.write_text(run("agenda_export", "passports"))
    agenda.delete()
    said = run("agenda_import", file).splitlines()
    assert said == [
        "unchanged schedule “Office hours”",
        "made      agenda “Passports”",
        "made      desk “Counter” of “Passports”",
    ]
    assert run("agenda_export", "passports") == file.read_text()


def test_without_slugs_everything_leaves(agenda):
    data = json.loads(run("agenda_export"))
    assert [one["slug"] for one in data["agendas"]] == ["other", "passports"]


def test_an_unknown_slug_is_named(agenda):
    with pytest.raises(CommandError, match="There is no agenda “nowhere”"):
        run("agenda_export", "passports", "nowhere")


def test_a_dry_run_says_what_would_be_done(agenda, tmp_path):
    file = tmp_path / "agendas.json"
    data = json.loads(run("agenda_export", "passports"))
    data["agendas"][0]["location"] = "Hall"
    file.write_text(json.dumps(data))
    said = run("agenda_import", file, "--dry-run")
    assert "changed   agenda “Passports”" in said
    assert "Nothing was changed" in said
    assert Agenda.objects.get(slug="passports").location != "Hall"


def test_a_file_that_is_wrong_is_refused_with_its_places(tmp_path):
    file = tmp_path / "agendas.json"
    file.write_text(
        '{"format": "wagtail-agenda", "version": 1,'
        ' "agendas": [{"label": "A", "timezone": "Mars"}, {"label": "B", "kind": "party"}]}'
    )
    with pytest.raises(CommandError) as refused:
        run("agenda_import", file)
    said = str(refused.value)
    assert said.startswith("Nothing was changed.")
    assert "agendas[0].timezone: “Mars” is not a known time zone" in said
    assert "agendas[1].kind: " in said
    assert not Agenda.objects.exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CommandError, match="nothing.json” cannot be read"):
        run("agenda_import", tmp_path / "nothing.json")


def test_a_file_comes_from_standard_input_too(monkeypatch):
    data = b'{"format": "wagtail-agenda", "version": 1, "agendas": [{"label": "Hall"}]}'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert run("agenda_import", "-") == "made      agenda “Hall”\n"
