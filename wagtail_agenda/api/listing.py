"""What a listing shows to another system: which slots, for whom they are taken already."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from wagtail_agenda import availability, clients
from wagtail_agenda.api.answers.bookings import WITHOUT_A_PLACE
from wagtail_agenda.api.shapes.listing import AppointmentsQuery, EventsQuery, SlotsQuery
from wagtail_agenda.availability import Slot
from wagtail_agenda.booking.persons import bookings_of, digest_of_person
from wagtail_agenda.models import Agenda, ApiClient, MeetingType, Resource

MAIN_LIST, WAITING_LIST = "main-list", "waiting-list"
"""On which list of an event somebody is."""


class Listed(NamedTuple):
    """A slot as it is shown to the one who asks.

    `booked` says of the person who was asked about on which list of the event they are, or of an
    appointment that theirs overlaps it; empty for neither, and if nobody was asked about.
    """

    slot: Slot
    disabled: bool
    booked: str | bool = ""


def events(agenda: Agenda, asked: EventsQuery, *, client: ApiClient, now: datetime) -> list[Listed]:
    """The events of an agenda, in order of time.

    Whoever asks about a person gets all of them: what the person has is not left out for being
    full.
    """
    hidden = asked.hide_disabled and not asked.user_external_id
    slots = _slots(
        agenda,
        asked,
        client=client,
        now=now,
        with_full=not hidden,
        min_places=asked.min_places,
        period=asked.events,
    )
    of_user, of_excluded = _theirs(agenda, asked, slots)
    on_list: dict[int, str] = {}
    for one in of_user:
        if on_list.get(one.event) != MAIN_LIST:
            on_list[one.event] = WAITING_LIST if one.admission in WITHOUT_A_PLACE else MAIN_LIST
    not_again = {one.event for one in of_excluded}
    listed = [
        Listed(
            slot,
            not slot.has_room_for(asked.min_places) or slot.event.pk in not_again,
            on_list.get(slot.event.pk, ""),
        )
        for slot in slots
    ]
    return [one for one in listed if not (hidden and one.disabled)]


def appointments(
    agenda: Agenda,
    meeting_type: MeetingType,
    asked: AppointmentsQuery,
    *,
    client: ApiClient,
    resources: Sequence[Resource],
    now: datetime,
) -> list[Listed]:
    """The times of an appointment type, in order of time, with these resources beside its own."""
    slots = _slots(
        agenda,
        asked,
        meeting_type,
        client=client,
        now=now,
        with_full=not asked.hide_disabled,
        resources=resources,
    )
    of_user, of_excluded = _theirs(agenda, asked, slots)
    if not (of_user or of_excluded):
        return [Listed(slot, slot.places_free <= 0) for slot in slots]
    listed = (
        Listed(
            slot,
            slot.places_free <= 0 or _overlaps(slot, of_excluded),
            _overlaps(slot, of_user),
        )
        for slot in slots
    )
    return [one for one in listed if not (asked.hide_disabled and one.disabled)]


def _slots(
    agenda: Agenda,
    asked: SlotsQuery,
    meeting_type: MeetingType | None = None,
    *,
    client: ApiClient,
    now: datetime,
    **wanted,
) -> Sequence[Slot]:
    if not (asked.bypass_delays or availability.is_open(agenda, now)):
        return []
    return availability.slots(
        agenda,
        meeting_type,
        first=asked.date_start,
        last=asked.last_day,
        now=now,
        lock_code=clients.lock_code(client, asked.lock_code) if asked.lock_code else "",
        bypass_delays=asked.bypass_delays,
        **wanted,
    )


class _Theirs(NamedTuple):
    """A booking of somebody who is asked about; `event` is a primary key."""

    person: str
    event: int | None
    admission: str
    start: datetime
    end: datetime


def _theirs(
    agenda: Agenda, asked: SlotsQuery, slots: Sequence[Slot]
) -> tuple[list[_Theirs], list[_Theirs]]:
    """What the person who is asked about, and the one who is excluded, have among these slots."""
    user = digest_of_person(asked.user_external_id, "")
    excluded = digest_of_person(asked.excluded, "")
    if not slots or not (user or excluded):
        return [], []
    agendas = availability.real_agendas(agenda)
    among = bookings_of(agendas, [user, excluded]).filter(
        start__lt=slots[-1].end, end__gt=slots[0].start
    )
    rows = among.order_by().values_list("person_digest", "event", "admission", "start", "end")
    found = [_Theirs(*row) for row in rows]
    return [one for one in found if one.person == user], [
        one for one in found if one.person == excluded
    ]


def _overlaps(slot: Slot, bookings: Iterable[_Theirs]) -> bool:
    # Theirs are in UTC: within one zone Python compares wall times, which a night may repeat.
    return any(slot.start < one.end and slot.end > one.start for one in bookings)
