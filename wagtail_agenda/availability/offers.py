"""Which appointment types an agenda offers, and what each needs: desks and resources.

A virtual agenda offers what the agendas behind it offer: types of theirs that have the same slug
and last as long are one to visitors.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import IntegerField, QuerySet, Value

from wagtail_agenda.availability.occupied import desks_in_service, with_version
from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.models import Agenda, AgendaMember, Desk, MeetingType, Resource
from wagtail_agenda.prepared import Prepared

TypeWithDesks = tuple[MeetingType, frozenset[int]]
"""An appointment type and the desks chosen for it; none chosen means every desk."""


@dataclass(frozen=True)
class Offer:
    """One appointment type of one real agenda, with all the desks that give it.

    `resources` are needed beside whichever desk it is: those of the type, and those asked for.
    """

    agenda: Agenda
    meeting_type: MeetingType
    desks: tuple[Desk, ...]
    resources: tuple[Resource, ...]


Offers = list[Offer]
"""What visitors see as one appointment type: one offer, or in a virtual agenda one per agenda."""


def meeting_types_on_offer(agenda: Agenda) -> list[MeetingType]:
    """The appointment types that some desk in service gives, in their order.

    Those of a virtual agenda are types of the agendas behind it, each slug once.
    """
    return [offers[0].meeting_type for offers in offers_of(agenda)]


def real_agendas(agenda: Agenda) -> list[Agenda]:
    """The agenda itself, or the appointment agendas behind a virtual one, in their order."""
    if not agenda.is_virtual:
        return [agenda]
    members = (
        AgendaMember.objects.filter(virtual_agenda=agenda, agenda__kind=AgendaKind.MEETINGS)
        .select_related("agenda__workflow")
        .order_by("sort_order", "pk")
    )
    # Named twice, it is still one agenda.
    return list({member.agenda_id: member.agenda for member in members}.values())


def offers_of(
    agenda: Agenda,
    meeting_type: MeetingType | None = None,
    resources: Sequence[Resource] = (),
    *,
    slug: str | None = None,
) -> list[Offers]:
    """What an agenda offers, by appointment type: all of them, or the one asked for.

    `resources` are asked for on top of what types need; an agenda that does not lend all of them
    offers nothing. Nothing that is retired is in it. At most five queries.
    """
    agendas = real_agendas(agenda)
    if not agenda.is_virtual and meeting_type is not None:
        right = meeting_type.agenda_id == agenda.pk and not meeting_type.retired
        types = [meeting_type] if right else []
    else:
        slug = meeting_type.slug if meeting_type is not None else slug
        types = _types_of(agendas, slug)
    if meeting_type is not None and meeting_type not in types:
        return []
    if not types:
        return []
    needs = _Needs(agendas, types, resources)
    desks: dict[int, list[Desk]] = {}
    by_pk = {each.pk: each for each in agendas}
    for desk in desks_in_service(agendas):
        desks.setdefault(desk.agenda_id, []).append(desk)
    by_slug: dict[str, Offers] = {}
    for each in types:
        offer = needs.offer(by_pk[each.agenda_id], each, desks.get(each.agenda_id, []))
        if offer is not None:
            by_slug.setdefault(each.slug, []).append(offer)
    return [_alike(offers) for offers in by_slug.values()]


def _types_of(agendas: Sequence[Agenda], slug: str | None) -> list[MeetingType]:
    """The types of several agendas, in the order of the agendas."""
    types = MeetingType.objects.filter(agenda__in=agendas, retired=False)
    if slug is not None:
        types = types.filter(slug=slug)
    order = {agenda.pk: number for number, agenda in enumerate(agendas)}
    by_pk = {agenda.pk: agenda for agenda in agendas}
    # MariaDB takes capitals and small letters for the same.
    found = [each for each in types.order_by("sort_order", "pk") if slug in (None, each.slug)]
    for meeting_type in found:
        meeting_type.agenda = by_pk[meeting_type.agenda_id]
    return sorted(found, key=lambda meeting_type: order[meeting_type.agenda_id])


def _alike(offers: Offers) -> Offers:
    """The offers that last as long as the first one: the others are something else."""
    lengths = (offers[0].meeting_type.duration, offers[0].meeting_type.maximum_duration)
    return [
        offer
        for offer in offers
        if (offer.meeting_type.duration, offer.meeting_type.maximum_duration) == lengths
    ]


_DESK, _RESOURCE, _LENT = range(3)


class _Needs:
    """Which desks give which types, and which resources they need: three links, one query."""

    def __init__(
        self, agendas: Sequence[Agenda], types: Sequence[MeetingType], asked: Iterable[Resource]
    ) -> None:
        self.asked = {resource.pk for resource in asked}
        self.linked: dict[tuple[int, int], set[int]] = {}
        links = _LINKS(
            [each.pk for each in types], [agenda.pk for agenda in agendas], list(self.asked)
        )
        for kind, owner_id, linked_id in links:
            self.linked.setdefault((kind, owner_id), set()).add(linked_id)
        wanted = {
            pk for (kind, _owner), pks in self.linked.items() if kind == _RESOURCE for pk in pks
        }
        wanted |= self.asked
        rows = with_version(Resource.objects.filter(pk__in=wanted)) if wanted else ()
        # In their own order, which is what a booking's list of them should have.
        self.resources = {row.pk: row for row in rows}

    def offer(self, agenda: Agenda, meeting_type: MeetingType, desks: list[Desk]) -> Offer | None:
        chosen = self.linked.get((_DESK, meeting_type.pk))
        desks = [desk for desk in desks if chosen is None or desk.pk in chosen]
        own = self.linked.get((_RESOURCE, meeting_type.pk), set())
        lent = self.linked.get((_LENT, agenda.pk), set())
        resources = tuple(row for pk, row in self.resources.items() if pk in own | self.asked)
        if not desks or not self.asked <= own | lent:
            return None
        if len(resources) < len(own | self.asked) or any(row.retired for row in resources):
            return None
        return Offer(agenda, meeting_type, tuple(desks), resources)


def _links(types: list[int], agendas: list[int], resources: list[int]) -> QuerySet:
    by_type = {"meetingtype__in": types}
    desks = MeetingType.desks.through.objects.filter(**by_type)
    needed = MeetingType.resources.through.objects.filter(**by_type)
    lent = Agenda.resources.through.objects.filter(agenda__in=agendas, resource__in=resources)
    return _rows(desks, _DESK, "meetingtype_id", "desk_id").union(
        _rows(needed, _RESOURCE, "meetingtype_id", "resource_id"),
        _rows(lent, _LENT, "agenda_id", "resource_id"),
        all=True,
    )


_LINKS = Prepared(MeetingType, _links)


def _rows(links: QuerySet, kind: int, owner: str, linked: str) -> QuerySet:
    return links.order_by().values_list(Value(kind, IntegerField()), owner, linked)
