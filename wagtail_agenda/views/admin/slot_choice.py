"""Choosing a time for somebody: what is free on a day, for agents.

The booking delays are for visitors; an agent may book whatever is open and free. In a virtual
agenda that means the agendas behind it on which they have a role themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cached_property
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from wagtail_agenda import availability, slot_key
from wagtail_agenda.availability import Slot
from wagtail_agenda.models import Agenda, Booking, Desk, MeetingType, Resource
from wagtail_agenda.views.admin.base import agendas_of
from wagtail_agenda.views.admin.dates import complain_about_date, read_day, today_in
from wagtail_agenda.views.admin.filters import FilterForm, NamedRow, Offer
from wagtail_agenda.views.admin.presentation import clock

DAYS_TO_LOOK_AHEAD = 60
DAYS_AROUND = 14
MOST_NEAREST = 4


class SlotFilterForm(FilterForm):
    """What is looked for: day, appointment type and desk, and what is needed beside these."""

    def __init__(self, *, resources: Sequence[Resource], **arguments: Any):
        super().__init__(**arguments)
        if resources:
            self.fields["resource"] = forms.MultipleChoiceField(
                label=gettext_lazy("Resources"),
                choices=[(resource.slug, str(resource)) for resource in resources],
                widget=forms.CheckboxSelectMultiple,
                required=False,
            )


@dataclass(frozen=True)
class SlotChoice:
    """One button to choose a slot with, or a box to tick."""

    slot: Slot
    time: str
    checked: bool

    @property
    def day(self) -> date:
        """In the agenda's zone, like the time."""
        return self.slot.start.date()


class SlotChoosing:
    """What pages that choose a time share. They have an `agenda`, a `now` and a `request`."""

    agenda: Agenda
    now: datetime

    @property
    def but_booking(self) -> Booking | None:
        """The booking whose own time is free, because it gives that back; None for a new one."""
        return None

    @cached_property
    def day(self) -> date:
        asked = self.request.GET.get("date", "")
        day = read_day(asked)
        if day is None:
            if asked:
                complain_about_date(self.request, asked)
            day = self.usual_day()
        return day

    def usual_day(self) -> date:
        """The day that is shown when none is asked for."""
        return today_in(self.agenda)

    @cached_property
    def meeting_types(self) -> list[MeetingType]:
        if not self.agenda.takes_appointments:
            return []
        return availability.meeting_types_on_offer(self.agenda)

    @cached_property
    def meeting_type(self) -> MeetingType | None:
        """The one asked for, else the usual one."""
        asked = self.request.GET.get("type") or self.usual_type()
        named = [one for one in self.meeting_types if one.slug == asked]
        return (named or self.meeting_types or [None])[0]

    def usual_type(self) -> str:
        """The slug of the appointment type that is shown when none is asked for."""
        return ""

    @cached_property
    def own_agendas(self) -> list[Agenda]:
        """The agenda, or those behind a virtual one on which the agent has a role."""
        if not self.agenda.is_virtual:
            return [self.agenda]
        mine = set(agendas_of(self.request.user).values_list("pk", flat=True))
        return [one for one in availability.real_agendas(self.agenda) if one.pk in mine]

    @cached_property
    def desks(self) -> list[Desk]:
        if not self.agenda.takes_appointments:
            return []
        order = ("agenda__label", "sort_order", "pk") if self.agenda.is_virtual else ()
        found = Desk.objects.filter(agenda__in=self.own_agendas, retired=False)
        return list(found.select_related("agenda").order_by(*order) if order else found)

    @cached_property
    def desk(self) -> Desk | None:
        """The one asked for; None stands for any."""
        asked = self.request.GET.get("desk", "")
        return next((desk for desk in self.desks if self.name_of(desk) == asked), None)

    def name_of(self, desk: Desk) -> str:
        """How an address names a desk: two agendas behind a virtual one may use the same name."""
        return f"{desk.agenda.slug}.{desk.slug}" if self.agenda.is_virtual else desk.slug

    @cached_property
    def resources_on_offer(self) -> list[Resource]:
        """What can be asked for beside a desk."""
        if not self.agenda.takes_appointments:
            return []
        lent = Resource.objects.filter(agendas__in=self.own_agendas, retired=False)
        return list(lent.distinct())

    @cached_property
    def resources(self) -> list[Resource]:
        """What is asked for beside a desk."""
        asked = set(self.request.GET.getlist("resource") or self.usual_resources())
        return [resource for resource in self.resources_on_offer if resource.slug in asked]

    def usual_resources(self) -> Sequence[str]:
        """The slugs of the resources that are looked for when none is asked for."""
        return ()

    def filter_form(self) -> SlotFilterForm:
        desks = [NamedRow(desk.pk, self.name_of(desk), self.words_for(desk)) for desk in self.desks]
        offer = Offer(desks=desks, meeting_types=self.meeting_types)
        return SlotFilterForm(
            day=self.day,
            choices={name: offer.choices(name, self.agenda.zone) for name in ("type", "desk")},
            chosen={
                "type": self.meeting_type.slug if self.meeting_type else "",
                "desk": self.name_of(self.desk) if self.desk else "",
                "resource": [resource.slug for resource in self.resources],
            },
            # Some type has to be chosen, since they differ in how long they take.
            narrowing=("desk",),
            resources=self.resources_on_offer,
        )

    def words_for(self, desk: Desk) -> str:
        return f"{desk.agenda} – {desk}" if self.agenda.is_virtual else str(desk)

    # What is free

    def slots_between(self, first: date, last: date) -> list[Slot]:
        if self.agenda.takes_appointments and self.meeting_type is None:
            return []
        found = availability.slots(
            self.agenda,
            self.meeting_type,
            first=first,
            last=last,
            now=self.now,
            bypass_delays=True,
            resources=self.resources,
            but_booking=self.but_booking,
        )
        return [slot for slot in map(self.at_own_desks, found) if slot is not None]

    def at_own_desks(self, slot: Slot) -> Slot | None:
        """The slot with the desks that may be taken; None if none of these is free."""
        if slot.event is not None or (self.desk is None and not self.agenda.is_virtual):
            return slot
        mine = {self.desk.pk} if self.desk else {desk.pk for desk in self.desks}
        free = tuple(desk_id for desk_id in slot.desk_ids if desk_id in mine)
        return slot.only_at(free) if free else None

    @cached_property
    def slots(self) -> list[Slot]:
        return self.slots_between(self.day, self.day)

    def choices(self) -> list[SlotChoice]:
        return [
            SlotChoice(slot, clock(slot.start, self.agenda.zone), self.is_chosen(slot))
            for slot in self.slots
        ]

    def is_chosen(self, slot: Slot) -> bool:
        """Whether the slot is the one named by the cell or event that one came from."""
        if slot.event is not None:
            return slot.event.slug == self.request.GET.get("event")
        return f"{slot.start:%H:%M}" == self.request.GET.get("time")

    def next_day_with_room(self) -> date | None:
        """Where to look when the day has nothing free."""
        later = self.slots_between(
            self.day + timedelta(days=1), self.day + timedelta(days=DAYS_TO_LOOK_AHEAD)
        )
        return later[0].start.date() if later else None

    def nearest(self, around: datetime) -> list[Slot]:
        """What is free closest to a moment, in order of time: what to offer for what is gone."""
        day = around.astimezone(self.agenda.zone).date()
        found = self.slots_between(
            day - timedelta(days=DAYS_AROUND), day + timedelta(days=DAYS_AROUND)
        )
        # Within one zone Python counts in wall time, which a night may repeat.
        moment = around.astimezone(timezone.utc)
        closest = sorted(found, key=lambda slot: abs(slot.start - moment))[:MOST_NEAREST]
        return sorted(closest, key=lambda slot: slot.start.astimezone(timezone.utc))

    def asked_for(self, day: date) -> list[tuple[str, str]]:
        """What is looked for, on some day, as the query of an address."""
        asked = [
            ("date", day.isoformat()),
            ("type", self.meeting_type.slug if self.meeting_type else ""),
            ("desk", self.name_of(self.desk) if self.desk else ""),
            *(("resource", resource.slug) for resource in self.resources),
        ]
        return [(name, value) for name, value in asked if value]


# How long, where one chooses that


def lengths_of(meeting_type: MeetingType | None) -> list[int]:
    """The minutes among which one chooses; empty where there is nothing to choose."""
    if meeting_type is None or not meeting_type.free_range:
        return []
    step = meeting_type.step or meeting_type.duration
    return list(range(meeting_type.duration, meeting_type.maximum_duration + 1, step))


def key_of_length(key: str, minutes: int | None) -> str:
    """The name of the slot that begins at the same time and lasts so many minutes."""
    named = slot_key.read(key)
    if named is None or minutes is None:
        return key
    return slot_key.write(named.type, named.start, minutes)


def length_text(minutes: int) -> str:
    """“1:30 hours”, or “45 minutes” below one hour."""
    if minutes < 60:
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    return _("%(hours)d:%(minutes)02d hours") % {"hours": minutes // 60, "minutes": minutes % 60}
