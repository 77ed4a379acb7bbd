"""A file, or one agenda, taken in: all of it, or nothing and what is wrong with it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import strict_json
from wagtail_agenda.contention import all_or_nothing
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.importers.agenda_json import agendas, shared, workflows
from wagtail_agenda.importers.agenda_json.format import FILE, NAME, VERSION
from wagtail_agenda.importers.agenda_json.places import Place, Problems, Refused
from wagtail_agenda.importers.agenda_json.settling import (
    Outcome,
    Reading,
    objects_in,
    refuse_doubles,
    refuse_unknown_keys,
    slug_of,
)
from wagtail_agenda.models import Agenda

LARGEST = 50 * 2**20
"""Bytes of a file."""


def read_file(
    data: bytes,
    *,
    now: datetime,
    user: AbstractBaseUser | None = None,
    command: str = "",
    trying: bool = False,
) -> list[Outcome]:
    """Take in a file, and answer with what became of each thing in it.

    `command` stands in the log where there is no `user`. With `trying`, everything is done and
    undone again. Raises `Refused`, or `Overloaded`.
    """
    found = _parsed(data)
    reading = Reading(now=now, user=user, command=command)
    with _all_or_nothing(reading):
        _read_lists(reading, found)
        reading.finish()
        if trying:
            transaction.set_rollback(True)
    return reading.outcomes


def read_agenda(
    data: Mapping[str, Any],
    *,
    now: datetime,
    user: AbstractBaseUser | None = None,
    command: str = "",
    only_new: bool = False,
) -> Agenda:
    """Make or change one agenda, as an object of ``agendas`` says it; answers with it.

    Schedules, closure calendars, resources, workflows and other agendas are those of this site.
    `only_new` refuses a slug that there is; without a slug it makes one. Raises `Refused`, whose
    places begin at the agenda, or `Overloaded`.
    """
    reading = Reading(now=now, user=user, command=command)
    if not isinstance(data, Mapping):
        raise Refused({"": str(_("Write an object here, in braces."))})
    with _all_or_nothing(reading):
        agenda = agendas.read_into(reading, data, Place(), only_new=only_new)
        reading.finish()
    return agenda


@contextmanager
def _all_or_nothing(reading: Reading) -> Iterator[None]:
    """One transaction, of which nothing stays once there is a problem."""
    try:
        with all_or_nothing():
            yield
    except IntegrityError as error:
        reading.problems.raise_if_any()
        # Somebody has just made the same row.
        raise Overloaded() from error


def _parsed(data: bytes) -> dict[str, Any]:
    if len(data) > LARGEST:
        message = _("The file is larger than %(most)d megabytes. Export fewer agendas at a time.")
        raise Refused({"": str(message % {"most": LARGEST // 2**20})})
    try:
        found = strict_json.read(data)
    except strict_json.NotJson as error:
        raise Refused({"": str(error)}) from error
    problems = Problems()
    if not isinstance(found, dict) or found.get("format") != NAME:
        message = _("This is no file of agendas: it has no “format” that says “%(name)s”.")
        problems.add(Place(), message % {"name": NAME})
    elif found.get("version") != VERSION or isinstance(found["version"], bool):
        message = _("This version of the format is unknown here. Known is %(version)d.")
        problems.add(Place("version"), message % {"version": VERSION})
    problems.raise_if_any()
    return found


def _read_lists(reading: Reading, found: dict[str, Any]) -> None:
    root = Place()
    refuse_unknown_keys(reading, found, root, FILE)

    def read(name: str, reader: Callable[..., Any], *more: Any) -> Any:
        return reader(reading, found.get(name, []), root.key(name), *more)

    read("schedules", shared.read_schedules)
    read("closure_calendars", shared.read_calendars)
    read("resources", shared.read_resources)
    begun = read("workflows", workflows.begin_workflows)
    read("attendance_reasons", shared.read_reasons, None)
    read("agendas", _read_agendas)
    workflows.finish_workflows(reading, begun)


def _read_agendas(reading: Reading, data: Any, place: Place) -> None:
    items = list(objects_in(reading, data, place))
    refuse_doubles(reading, [(at, slug_of(one, "agenda")) for at, one in items], "slug")
    # Behind a virtual agenda stand others, which the file may make.
    for at, one in sorted(items, key=lambda item: "members" in item[1]):
        agendas.read_into(reading, one, at)
