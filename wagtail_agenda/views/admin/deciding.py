"""What waits for an agent's decision: how many bookings, and those to be decided soonest."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, F, QuerySet

from wagtail_agenda.choices import Admission
from wagtail_agenda.models import Agenda, AgendaMember, Booking
from wagtail_agenda.views.admin import acts
from wagtail_agenda.views.admin.base import url_to
from wagtail_agenda.wording import short_moment_text


@dataclass(frozen=True)
class ToDecide:
    """One booking that waits for approval."""

    booking: Booking

    @property
    def url(self) -> str:
        return url_to("booking", self.booking.pk)

    @property
    def when(self) -> str:
        return short_moment_text(self.booking.local_start)

    @property
    def until(self) -> str:
        """When it lapses; empty if it waits as long as it has to."""
        deadline = self.booking.decide_by
        return short_moment_text(deadline.astimezone(self.booking.agenda.zone)) if deadline else ""

    @property
    def approve_url(self) -> str:
        return acts.address_of(acts.APPROVE, self.booking)

    @property
    def refuse_url(self) -> str:
        return acts.address_of(acts.REFUSE, self.booking)


def pending(agendas: Sequence[Agenda]) -> QuerySet[Booking]:
    """The bookings of these agendas that wait for approval."""
    return Booking.objects.filter(
        agenda__in=[agenda.pk for agenda in agendas], admission=Admission.PENDING
    )


def soonest(agendas: Sequence[Agenda], most: int) -> list[ToDecide]:
    """Those that have to be decided first: what lapses soonest, then what begins soonest."""
    found = pending(agendas).select_related("agenda", "event", "meeting_type")
    ordered = found.order_by(F("decide_by").asc(nulls_last=True), "start", "pk")
    return [ToDecide(booking) for booking in ordered[:most]]


def waiting_for_approval(agendas: Sequence[Agenda]) -> dict[int, int]:
    """How many wait for approval, by agenda; in a virtual one those of the agendas behind it."""
    rows = pending(agendas).order_by().values("agenda_id").annotate(number=Count("pk"))
    counts = dict(rows.values_list("agenda_id", "number"))
    found = dict(counts)
    for pk, virtual in (virtual_ones(agendas) if counts else {}).items():
        for virtual_pk in virtual:
            found[virtual_pk] = found.get(virtual_pk, 0) + counts.get(pk, 0)
    return found


def virtual_ones(agendas: Sequence[Agenda]) -> dict[int, set[int]]:
    """For each agenda behind some of the virtual ones among these, the keys of the latter.

    No query where none of them is virtual.
    """
    virtual = [agenda.pk for agenda in agendas if agenda.is_virtual]
    if not virtual:
        return {}
    found: dict[int, set[int]] = {}
    members = AgendaMember.objects.filter(virtual_agenda__in=virtual, agenda__in=agendas)
    for pk, virtual_pk in members.order_by().values_list("agenda_id", "virtual_agenda_id"):
        found.setdefault(pk, set()).add(virtual_pk)
    return found
