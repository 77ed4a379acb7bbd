"""Agendas and what they need, as plain data and as a file. Nothing that is booked leaves."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Model, Q

from wagtail_agenda.importers.agenda_json import references
from wagtail_agenda.importers.agenda_json.block_values import written_blocks
from wagtail_agenda.importers.agenda_json.columns import written_value
from wagtail_agenda.importers.agenda_json.format import NAME, SORTS, VERSION, Sort, keys_that_fit
from wagtail_agenda.models import (
    Agenda,
    AttendanceReason,
    ClosureCalendar,
    Event,
    EventSeries,
    Resource,
    Schedule,
    Workflow,
    WorkflowStatus,
)


@dataclass(frozen=True)
class Keys:
    """By which keys schedules and closure calendars go, by their primary keys."""

    schedules: Mapping[int, str] = field(default_factory=dict)
    calendars: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of_site(cls) -> "Keys":
        return cls(references.keys_on_site(Schedule), references.keys_on_site(ClosureCalendar))

    def of(self, row: Model) -> str:
        if isinstance(row, Schedule):
            return self.schedules[row.pk]
        if isinstance(row, ClosureCalendar):
            return self.calendars[row.pk]
        return row.slug


def file_of(agendas: Iterable[Agenda]) -> bytes:
    """These agendas, those behind them, and all that they use, as the bytes of one file.

    Raises `CannotBeNamed` for what a project's own block has chosen and no file can name.
    """
    chosen = _with_members(agendas)
    needed = _Needed(chosen)
    keys = Keys(
        references.keys_of(needed.schedules, "schedule"),
        references.keys_of(needed.calendars, "closures"),
    )
    everywhere = AttendanceReason.objects.filter(agenda=None).order_by("sort_order", "pk")
    data = {
        "format": NAME,
        "version": VERSION,
        "schedules": [written_schedule(row, keys) for row in needed.schedules],
        "closure_calendars": [written_calendar(row, keys) for row in needed.calendars],
        "resources": [_written(SORTS["resource"], row, keys) for row in needed.resources],
        "workflows": [written_workflow(row) for row in needed.workflows],
        "attendance_reasons": [
            _written(SORTS["attendance_reason"], row, keys) for row in everywhere
        ],
        "agendas": [written(row, keys=keys) for row in chosen],
    }
    return (json.dumps(data, ensure_ascii=False, indent=2) + "\n").encode()


def edited(row: Model) -> Model:
    """A revisioned row as it is edited: as published, or else the latest draft."""
    return row if row.live else row.get_latest_revision_as_object()


def _with_members(agendas: Iterable[Agenda]) -> list[Agenda]:
    chosen = {agenda.pk: edited(agenda) for agenda in agendas}
    for agenda in list(chosen.values()):
        for member in agenda.members.all():
            if member.agenda_id not in chosen:
                chosen[member.agenda_id] = edited(member.agenda)
    return sorted(chosen.values(), key=lambda agenda: agenda.slug)


class _Needed:
    """What agendas use, each once, in an order that every site has alike."""

    def __init__(self, agendas: list[Agenda]):
        resources = {row.pk: row for agenda in agendas for row in agenda.resources.all()}
        of_types = Resource.objects.filter(meeting_types__agenda__in=agendas).distinct()
        resources |= {row.pk: row for row in of_types}
        self.resources = sorted(resources.values(), key=lambda row: row.slug)
        desks = [desk for agenda in agendas for desk in agenda.desks.all()]
        users = [*agendas, *desks, *self.resources]
        schedule_keys = {user.schedule_id for user in users} - {None}
        calendars = {row.pk: row for user in users for row in user.closure_calendars.all()}
        self.schedules = references.by_label(
            map(edited, Schedule.objects.filter(pk__in=schedule_keys))
        )
        self.calendars = references.by_label(calendars.values())
        workflow_keys = {agenda.workflow_id for agenda in agendas}
        workflow_keys |= {agenda.meeting_workflow_id for agenda in agendas}
        found = Workflow.objects.filter(pk__in=workflow_keys - {None})
        self.workflows = sorted(found, key=lambda row: row.slug)


# Objects


def written(agenda: Agenda, *, keys: Keys | None = None) -> dict[str, Any]:
    """One agenda with its parts as plain data: an object of ``agendas``.

    Without `keys`, schedules and closure calendars go by those that they have on this site.
    """
    keys = keys or Keys.of_site()
    data = _written(SORTS["agenda"], agenda, keys, zone=agenda.zone)
    series_keys = series_keys_of(agenda)
    data |= {
        "members": [row.agenda.slug for row in agenda.members.all()],
        "desks": [_written(SORTS["desk"], row, keys) for row in agenda.desks.all()],
        "meeting_types": [
            _written(SORTS["meeting_type"], row, keys) for row in agenda.meeting_types.all()
        ],
        "event_series": [
            {"key": series_keys[row.pk], **_written(SORTS["series"], row, keys)}
            for row in series_of(agenda)
        ],
        "events": [written_event(row, series_keys) for row in lone_events(agenda)],
        "attendance_reasons": [
            _written(SORTS["attendance_reason"], row, keys)
            for row in agenda.attendance_reasons.order_by("sort_order", "pk")
        ],
    }
    return {key: data[key] for key in keys_that_fit(agenda.kind)}


def written_row(sort: str, row: Model) -> dict[str, Any]:
    """A row of a sort that names no schedule and no closure calendar."""
    return _written(SORTS[sort], row, Keys())


def written_schedule(row: Schedule, keys: Keys) -> dict[str, Any]:
    return {"key": keys.of(row), **_written(SORTS["schedule"], row, keys)}


def written_calendar(row: ClosureCalendar, keys: Keys) -> dict[str, Any]:
    return {"key": keys.of(row), **_written(SORTS["closure_calendar"], row, keys)}


def written_workflow(row: Workflow) -> dict[str, Any]:
    data = _written(SORTS["workflow"], row, Keys())
    statuses = WorkflowStatus.objects.filter(workflow=row).order_by("sort_order", "pk")
    data["statuses"] = [_written(SORTS["status"], status, Keys()) for status in statuses]
    return {key: data[key] for key in SORTS["workflow"].keys}


def series_of(agenda: Agenda) -> list[EventSeries]:
    return list(agenda.event_series.order_by("first_day", "pk"))


def series_keys_of(agenda: Agenda) -> dict[int, str]:
    return references.keys_of(series_of(agenda), "series")


def lone_events(agenda: Agenda) -> Iterable[Event]:
    """The events that no series makes again: its own ones, and what was changed by itself."""
    lone = Q(series=None) | Q(differs_from_series=True) | Q(cancelled_at__isnull=False)
    return agenda.events.filter(lone).select_related("bookable").order_by("start", "pk")


def written_event(event: Event, series_keys: Mapping[int, str]) -> dict[str, Any]:
    data = _written(SORTS["event"], event, Keys(), zone=event.agenda.zone)
    data |= {"places": event.places, "waiting_places": event.waiting_places}
    if event.series_id is not None:
        data["series"] = series_keys[event.series_id]
    else:
        del data["occurrence"]
    if event.is_cancelled:
        data |= {"cancelled": True, "cancellation_reason": event.cancellation_reason}
    return {key: data[key] for key in SORTS["event"].keys if key in data}


def _written(
    sort: Sort,
    row: Model,
    keys: Keys,
    *,
    zone: ZoneInfo | None = None,
) -> dict[str, Any]:
    """The columns, blocks and references of a row, in the order of the keys of its sort."""
    data: dict[str, Any] = {}
    for key in sort.keys:
        if key in sort.blocks:
            data[key] = written_blocks(row, key)
        elif key in sort.several and key != "members":
            rows = getattr(row, key).all()
            data[key] = sorted(keys.of(one) for one in rows)
        elif key in sort.one and key != "series":
            named = getattr(row, key)
            data[key] = keys.of(named) if named is not None else None
        elif key in sort.columns:
            data[key] = written_value(getattr(row, key), zone)
        elif key == "live":
            data[key] = row.live
    return data
