"""Desks and appointment types of an agenda, read from a file. What it leaves out stays."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from wagtail_agenda.importers.agenda_json.format import SORTS
from wagtail_agenda.importers.agenda_json.places import Place
from wagtail_agenda.importers.agenda_json.settling import (
    Reading,
    differs,
    named_rows,
    objects_in,
    refuse_doubles,
    refuse_unknown_keys,
    settle,
    slug_of,
    take_columns,
    take_references,
)
from wagtail_agenda.importers.agenda_json.shared import closures_of
from wagtail_agenda.models import Agenda, Desk, MeetingType
from wagtail_agenda.setup_rules.offers import duration_error, resource_errors


def read_desks(reading: Reading, agenda: Agenda, data: Any, place: Place) -> None:
    sort = SORTS["desk"]
    for at, one, row in _rows(reading, agenda, data, place, Desk, "desk"):
        changed = take_columns(reading, sort, row, one, at)
        changed |= take_references(reading, sort, row, one, at)
        several = closures_of(reading, row, one, at)
        settle(reading, "desk", row, changed, at, within=agenda, several=several)


def read_types(reading: Reading, agenda: Agenda, data: Any, place: Place) -> None:
    sort = SORTS["meeting_type"]
    for at, one, row in _rows(reading, agenda, data, place, MeetingType, "appointment"):
        changed = take_columns(reading, sort, row, one, at)
        several = {}
        for key in sort.several:
            if key in one and (rows := _named(reading, agenda, key, one[key], at)) is not None:
                if differs([] if row._state.adding else getattr(row, key).all(), rows):
                    several[key] = rows
        errors = _errors(agenda, row, changed, several)
        settle(
            reading, "meeting_type", row, changed, at, within=agenda, several=several, errors=errors
        )


def _rows(
    reading: Reading,
    agenda: Agenda,
    data: Any,
    place: Place,
    model: type[Desk] | type[MeetingType],
    fallback: str,
) -> Iterator[tuple[Place, dict[str, Any], Any]]:
    """Each object with its place and the row of the agenda that has its slug, or a new one."""
    sort = next(sort for sort in SORTS.values() if sort.model is model)
    items = list(objects_in(reading, data, place))
    refuse_doubles(reading, [(at, slug_of(one, fallback)) for at, one in items], "slug")
    for at, one in items:
        refuse_unknown_keys(reading, one, at, sort.keys)
        slug = slug_of(one, fallback)
        row = None
        if agenda.pk is not None:
            row = model.objects.filter(agenda=agenda, slug=slug).first()
        yield at, one, row or model(agenda=agenda, slug=slug)


def _named(
    reading: Reading, agenda: Agenda, key: str, data: Any, place: Place
) -> list[Model] | None:
    if key == "resources":
        return named_rows(reading, "resource", data, place.key(key))
    if agenda.pk is None:
        return None
    desks = {desk.slug: desk for desk in agenda.desks.all()}

    def find(slug: Any, at: Place) -> Desk | None:
        desk = desks.get(slug) if isinstance(slug, str) else None
        if desk is None:
            known = ", ".join(desks)
            message = _("This is no desk of the agenda. There are: %(desks)s")
            reading.problems.add(at, message % {"desks": known})
        return desk

    return named_rows(reading, "desk", data, place.key(key), find)


def _errors(
    agenda: Agenda, row: MeetingType, changed: set[str], several: dict[str, list[Model]]
) -> Iterator[tuple[str, ValidationError]]:
    if error := duration_error(row.duration, row.maximum_duration):
        yield "maximum_duration", error
    if agenda.pk is None or not ({"resources"} & several.keys() or "duration" in changed):
        return
    resources = several.get("resources")
    if resources is None:
        resources = [] if row._state.adding else list(row.resources.all())
    offered = set(agenda.resources.values_list("pk", flat=True))
    for error in resource_errors(agenda, row.duration, resources, offered):
        yield "resources", error
