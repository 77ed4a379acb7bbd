"""Which appointment types an agenda offers, and what each needs: desks and resources.

A virtual agenda offers what the agendas behind it offer: types of theirs that have the same slug
and last as long are one to visitors.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import router
from django.db.models import F

from wagtail_agenda.availability.desks import DeskRow
from wagtail_agenda.availability.gathered import gather
from wagtail_agenda.availability.openings import Hours, read_hours
from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.models import Agenda, AgendaMember, Desk, MeetingType, Resource

TypeWithDesks = tuple[MeetingType, frozenset[int]]
"""An appointment type and the desks chosen for it; none chosen means every desk."""


@dataclass(frozen=True)
class Offer:
    """One appointment type of one real agenda, with all the desks that give it.

    `resources` are needed beside whichever desk it is: those of the type, and those asked for.
    `hours` know when all of them are open, and `database` is where all of it was read: what is
    taken must be read there as well, for a replica may not know of it yet.
    """

    agenda: Agenda
    meeting_type: MeetingType
    desks: tuple[DeskRow, ...]
    resources: tuple[Resource, ...]
    hours: Hours = field(repr=False, compare=False)
    database: str


Offers = list[Offer]
"""What visitors see as one appointment type: one offer, or in a virtual agenda one per agenda."""


def meeting_types_on_offer(agenda: Agenda) -> list[MeetingType]:
    """The appointment types that some desk in service gives, in their order.

    Those of a virtual agenda are types of the agendas behind it, each slug once.
    """
    return [offers[0].meeting_type for offers in offers_of(agenda)]


def meeting_types_of(agenda: Agenda) -> list[MeetingType]:
    """The appointment types that are not retired, whether or not a desk gives them at present.

    Those of a virtual agenda are types of the agendas behind it, each slug once.
    """
    found: dict[str, MeetingType] = {}
    for meeting_type in _types_of(real_agendas(agenda), None):
        found.setdefault(meeting_type.slug, meeting_type)
    return list(found.values())


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
    offers nothing. Nothing that is retired is in it. At most seven queries; one for
    the type of an agenda that needs no resource.
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
    using = router.db_for_read(Desk)
    by_pk = {each.pk: each for each in agendas}
    # A virtual agenda has closures of its own.
    needs = _Needs(list((by_pk | {agenda.pk: agenda}).values()), types, resources, using)
    by_slug: dict[str, Offers] = {}
    for each in types:
        offer = needs.offer(by_pk[each.agenda_id], each)
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


class _Needs:
    """What appointment types need, with the hours of all of it.

    One query, and four more for the resources if there are any.
    """

    def __init__(
        self,
        agendas: Sequence[Agenda],
        types: Sequence[MeetingType],
        asked: Iterable[Resource],
        using: str,
    ) -> None:
        self.using = using
        self.asked = {resource.pk for resource in asked}
        self.gathered = gather(agendas, types, self.asked, using)
        # In their own order, which is what a booking's list of them should have.
        self.resources = self._resources()
        periods, closed = self.gathered.periods, self.gathered.closed
        if self.resources:
            more_periods, more_closed = read_hours((), (), list(self.resources.values()), using)
            periods, closed = periods | more_periods, closed + more_closed
        self.hours = Hours(periods, closed, using)

    def _resources(self) -> dict[int, Resource]:
        wanted = self.asked.union(*self.gathered.needs.values())
        if not wanted:
            return {}
        rows = Resource.objects.using(self.using).filter(pk__in=wanted)
        return {row.pk: row for row in rows.annotate(version=F("bookable__version"))}

    def offer(self, agenda: Agenda, meeting_type: MeetingType) -> Offer | None:
        desks = self.gathered.desks[agenda.pk]
        chosen = self.gathered.given_by.get(meeting_type.pk)
        if chosen is not None:
            desks = [row for row in desks if row.id in chosen]
        needed = self.gathered.needs.get(meeting_type.pk, set())
        lent = self.gathered.lends.get(agenda.pk, set())
        if not desks or not self.asked <= needed | lent:
            return None
        wanted = needed | self.asked
        resources = tuple(row for pk, row in self.resources.items() if pk in wanted)
        if len(resources) < len(wanted) or any(row.retired for row in resources):
            return None
        return Offer(agenda, meeting_type, tuple(desks), resources, self.hours, self.using)
