"""Per agenda: what is asked, how long it is kept, who sees it and who is told.

Read from what is set up, for the record of processing activities that somebody has to keep.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import Group
from django.db.models import Count

from wagtail_agenda import workflow
from wagtail_agenda.choices import Role
from wagtail_agenda.models import (
    Agenda,
    AgendaGrant,
    Booking,
    FormVersion,
    Workflow,
    WorkflowStatus,
)


@dataclass(frozen=True)
class AgendaRecord:
    """One agenda as the record of processing activities has it.

    `asked` are the questions that its forms have asked, those of the latest form first; `readers`
    the groups with their roles; `hosts` what its booking workflow calls; `named` how many bookings
    still say whose they are.
    """

    agenda: Agenda
    asked: list[str]
    readers: list[tuple[Group, Role]]
    staff: list[str]
    hosts: list[str]
    named: int


def records(agendas: Iterable[Agenda]) -> list[AgendaRecord]:
    """The records of some agendas, in five queries however many there are."""
    agendas = list(agendas)
    asked = _questions(agendas)
    readers: dict[int, list[tuple[Group, Role]]] = {}
    grants = AgendaGrant.objects.filter(agenda__in=agendas).select_related("group")
    for grant in grants.order_by("group__name"):
        readers.setdefault(grant.agenda_id, []).append((grant.group, Role(grant.role)))
    named = dict(
        Booking.objects.filter(agenda__in=agendas, anonymised_at__isnull=True)
        .order_by()
        .values("agenda")
        .annotate(number=Count("pk"))
        .values_list("agenda", "number")
    )
    hosts = _hosts_called()
    default = Workflow.objects.filter(slug=workflow.DEFAULT_WORKFLOW).first()
    return [
        AgendaRecord(
            agenda,
            asked.get(agenda.pk, []),
            readers.get(agenda.pk, []),
            agenda.staff_addresses.split(),
            hosts.get(agenda.workflow_id or (default and default.pk), []),
            named.get(agenda.pk, 0),
        )
        for agenda in agendas
    ]


def _questions(agendas: list[Agenda]) -> dict[int, list[str]]:
    asked: dict[int, dict[str, None]] = {}
    versions = FormVersion.objects.filter(agenda__in=agendas).order_by("-created_at", "-pk")
    for agenda_id, definition in versions.values_list("agenda_id", "definition"):
        for question in definition.get("fields", ()):
            asked.setdefault(agenda_id, {})[question["label"]] = None
    return {agenda_id: list(labels) for agenda_id, labels in asked.items()}


def _hosts_called() -> dict[int, list[str]]:
    """Which hosts the statuses of each booking workflow call."""
    found: dict[int, set[str]] = {}
    for status in WorkflowStatus.objects.all():
        found.setdefault(status.workflow_id, set()).update(_hosts_of(status))
    return {workflow_id: sorted(hosts) for workflow_id, hosts in found.items()}


def _hosts_of(status: WorkflowStatus) -> Iterator[str]:
    for action in status.actions:
        value: Any = action.value
        url = value.get("url") if action.block_type == "call" else None
        if url and (host := urlsplit(url).netloc):
            yield host
