"""What a call is about: found by its name in the address, if the client may know of it.

Whether there is nothing of that name or something that is not for the client's eyes, the answer is
the same.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from wagtail_agenda import availability, clients
from wagtail_agenda.api.errors import Refused
from wagtail_agenda.choices import Admission
from wagtail_agenda.models import (
    Agenda,
    ApiClient,
    Booking,
    CalledMeeting,
    Event,
    MeetingType,
    Resource,
)
from wagtail_agenda.slot_key import is_slug


def agenda_of(client: ApiClient, slug: str, *, drafts: bool = False) -> Agenda:
    """The agenda of that slug; one that is not published only with `drafts`. Raises `Refused`."""
    found = Agenda.objects.filter(slug=slug).first() if is_slug(slug) else None
    if found is None or not (found.live or drafts) or not clients.may_touch(client, found):
        raise Refused("unknown agenda", _("There is no such agenda."), 404)
    return found


def appointments_agenda_of(client: ApiClient, slug: str) -> Agenda:
    """The published agenda of that slug, if it takes appointments. Raises `Refused`."""
    found = agenda_of(client, slug)
    if not found.takes_appointments:
        text = _("“%(agenda)s” has no appointments.") % {"agenda": found}
        raise Refused("agenda has no appointments", text, 404)
    return found


def events_agenda_of(client: ApiClient, slug: str) -> Agenda:
    """The published agenda of that slug, if it has events. Raises `Refused`."""
    found = agenda_of(client, slug)
    if found.takes_appointments:
        text = _("“%(agenda)s” has no events.") % {"agenda": found}
        raise Refused("agenda has no events", text, 404)
    return found


def meeting_type_of(agenda: Agenda, slug: str) -> MeetingType:
    """The appointment type of that slug, unless it is retired. Raises `Refused`."""
    for meeting_type in availability.meeting_types_of(agenda):
        if meeting_type.slug == slug:
            return meeting_type
    raise Refused("unknown meeting type", _("There is no such appointment type."), 404)


def resources_of(agenda: Agenda, slugs: Iterable[str]) -> list[Resource]:
    """The shared resources of those slugs that appointments of the agenda may need.

    Raises `Refused` for one that is not among them.
    """
    wanted = list(dict.fromkeys(slugs))
    if not wanted:
        return []
    agendas = availability.real_agendas(agenda)
    found = {
        resource.slug: resource
        for resource in Resource.objects.filter(agendas__in=agendas, retired=False)
    }
    unknown = [slug for slug in wanted if slug not in found]
    if unknown:
        text = _("This agenda has no shared resource “%(resource)s”.")
        raise Refused("unknown resource", text % {"resource": unknown[0]}, 404)
    return [found[slug] for slug in wanted]


def agenda_with_events(client: ApiClient, slug: str) -> Agenda:
    """The agenda of events of that slug, published or not. Raises `Refused`."""
    found = agenda_of(client, slug, drafts=True)
    if found.takes_appointments:
        raise Refused("unknown agenda", _("There is no such agenda."), 404)
    return found


def event_of(agenda: Agenda, slug: str) -> Event:
    """The agenda's event of that slug. Raises `Refused`."""
    found = agenda.events.filter(slug=slug).select_related("bookable")
    event = found.first() if is_slug(slug) else None
    if event is None:
        raise Refused("unknown event", _("There is no such event."), 404)
    event.agenda = agenda
    return event


def booking_of(client: ApiClient, name: str) -> Booking:
    """The booking with this uuid. Raises `Refused`."""
    try:
        found = Booking.objects.select_related("agenda").filter(uuid=UUID(name)).first()
    except ValueError:
        found = None
    if found is None or not clients.may_touch(client, found.agenda):
        raise unknown_booking()
    return found


def bookings_of_person(
    client: ApiClient, user_external_id: str, *conditions: Q, **fields: Any
) -> list[Booking]:
    """Somebody's bookings that are not cancelled and that the client may know of, by time."""
    found = Booking.objects.filter(
        *conditions,
        user_external_id=user_external_id,
        agenda__in=clients.agendas_of(client),
        **fields,
    )
    related = ("agenda", "event", "meeting_type", "desk", "attendance_reason", "site")
    present = found.exclude(admission=Admission.CANCELLED).select_related(*related)
    # Some databases take capitals for small letters, or overlook blanks at the end.
    return [booking for booking in present if booking.user_external_id == user_external_id]


def unknown_booking() -> Refused:
    return Refused("unknown booking", _("There is no such booking."), 404)


def meeting_of(client: ApiClient, name: str) -> CalledMeeting:
    """The called meeting with this uuid. Raises `Refused`."""
    try:
        found = CalledMeeting.objects.select_related("agenda").filter(uuid=UUID(name)).first()
    except ValueError:
        found = None
    if found is None or not clients.may_touch(client, found.agenda):
        raise unknown_meeting()
    return found


def unknown_meeting() -> Refused:
    return Refused("unknown meeting", _("There is no such meeting."), 404)
