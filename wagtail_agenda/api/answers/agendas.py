"""How agendas are told, and what they have: appointment types, desks, shared resources."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils.text import slugify

from wagtail_agenda.api.answers import address
from wagtail_agenda.api.answers.bookings import reason_id
from wagtail_agenda.choices import AgendaKind, Attendance, DelayUnit
from wagtail_agenda.models import Agenda, AttendanceReason, Desk, MeetingType, Resource

HOURS_A_DAY = 24

_OF_EVENTS = {"datetimes_url": "datetimes/", "fillslots_url": "fillslots/"}
_OF_APPOINTMENTS = {
    "meetings_url": "meetings/",
    "desks_url": "desks/",
    "shared_resources_url": "resources/",
    "fillslots_url": "fillslots/",
}
"""The calls about an agenda whose addresses are told, below its own address."""


def agendas_answer(request: HttpRequest, agendas: Sequence[Agenda]) -> list[dict[str, Any]]:
    """Agendas with their reasons and resources: two queries, whatever their number."""
    reasons = _reasons_by_agenda(agendas)
    lent = _resources_by_agenda(agendas)
    return [
        _told(request, agenda, reasons.get(agenda.pk, []), lent.get(agenda.pk, []))
        for agenda in agendas
    ]


def agenda_address(request: HttpRequest, agenda: Agenda) -> str:
    """The address of an agenda, below which are those of everything that it has."""
    return address(request, "agenda", agenda.slug)


def meeting_type_answer(
    request: HttpRequest, agenda: Agenda, meeting_type: MeetingType
) -> dict[str, Any]:
    """An appointment type; its duration is in minutes, the shortest where visitors choose one."""
    base = agenda_address(request, agenda)
    return {
        "id": meeting_type.slug,
        "text": meeting_type.label,
        "duration": meeting_type.duration,
        "api": {"datetimes_url": f"{base}meetings/{meeting_type.slug}/datetimes/"},
    }


def desk_answer(agenda: Agenda, desk: Desk) -> dict[str, Any]:
    """A desk; of a virtual agenda with the agenda that it belongs to, where its slug is unique."""
    told = {"id": desk.slug, "text": desk.label}
    return {**told, "agenda": desk.agenda.slug} if agenda.is_virtual else told


def resource_answer(resource: Resource) -> dict[str, Any]:
    return {"id": resource.slug, "text": resource.label}


def _told(
    request: HttpRequest,
    agenda: Agenda,
    reasons: Iterable[AttendanceReason],
    resources: Iterable[Resource],
) -> dict[str, Any]:
    base = agenda_address(request, agenda)
    links = _OF_APPOINTMENTS if agenda.takes_appointments else _OF_EVENTS
    told = {
        "id": agenda.slug,
        "slug": agenda.slug,
        "text": str(agenda),
        "kind": agenda.kind,
        **_delays(agenda),
        "edit_role": None,
        "view_role": None,
        "category": None,
        "category_label": None,
        "api": {name: base + below for name, below in links.items()},
    }
    if agenda.kind == AgendaKind.EVENTS:
        told["absence_reasons"] = [
            {
                "id": reason_id(reason),
                "slug": slugify(reason.label),
                "text": reason.label,
                "label": reason.label,
            }
            for reason in reasons
        ]
    elif agenda.kind == AgendaKind.MEETINGS:
        told["shared_resources"] = [
            {**resource_answer(each), "description": each.description} for each in resources
        ]
    return told


def _delays(agenda: Agenda) -> dict[str, Any]:
    minimal = (agenda.minimal_booking_delay, agenda.minimal_booking_delay_unit)
    maximal = (agenda.maximal_booking_delay, agenda.maximal_booking_delay_unit)
    return {
        "minimal_booking_delay": _days(*minimal),
        "minimal_booking_delay_in_working_days": minimal[1] == DelayUnit.WORKING_DAYS,
        "maximal_booking_delay": _days(*maximal),
        "booking_delays": {
            "minimal": {"number": minimal[0], "unit": minimal[1]},
            "maximal": {"number": maximal[0], "unit": maximal[1]},
        },
    }


def _days(number: int, unit: str) -> int:
    # Clients count in days: what they are told must not promise what a part of a day forbids.
    return -(-number // HOURS_A_DAY) if unit == DelayUnit.HOURS else number


def _reasons_by_agenda(agendas: Iterable[Agenda]) -> dict[int, list[AttendanceReason]]:
    of_events = [agenda.pk for agenda in agendas if agenda.kind == AgendaKind.EVENTS]
    everywhere = Q(agenda__isnull=True)
    offered = AttendanceReason.objects.filter(
        everywhere | Q(agenda__in=of_events), attendance=Attendance.ABSENT, retired=False
    )
    found: dict[int, list[AttendanceReason]] = {pk: [] for pk in of_events}
    for reason in offered:
        for pk in of_events if reason.agenda_id is None else [reason.agenda_id]:
            found[pk].append(reason)
    return found


def _resources_by_agenda(agendas: Iterable[Agenda]) -> dict[int, list[Resource]]:
    links = Agenda.resources.through.objects.filter(
        agenda__in=[agenda.pk for agenda in agendas if agenda.kind == AgendaKind.MEETINGS],
        resource__retired=False,
    ).select_related("resource")
    found: dict[int, list[Resource]] = {}
    for link in links.order_by("resource__sort_order", "resource__label", "resource"):
        found.setdefault(link.agenda_id, []).append(link.resource)
    return found
