"""What can be booked, and when."""

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from ninja import Query, Router

from wagtail_agenda.api import listing
from wagtail_agenda.api.answers import answered
from wagtail_agenda.api.answers.slots import appointments_answer, events_answer
from wagtail_agenda.api.auth import scoped
from wagtail_agenda.api.finding import (
    appointments_agenda_of,
    events_agenda_of,
    meeting_type_of,
    resources_of,
)
from wagtail_agenda.api.shapes import agendas as shapes
from wagtail_agenda.api.shapes.failures import or_failure
from wagtail_agenda.api.shapes.listing import AppointmentsQuery, EventsQuery
from wagtail_agenda.clients import Scope

router = Router(tags=["Slots"])


@router.get(
    "agenda/{slug}/datetimes/",
    **scoped(Scope.READ),
    url_name="datetimes",
    response=or_failure(shapes.Events),
)
def datetimes(request: HttpRequest, slug: str, asked: Query[EventsQuery]) -> JsonResponse:
    """The events of an agenda, in order of time; those without room are disabled."""
    agenda = events_agenda_of(request.auth, slug)
    found = listing.events(agenda, asked, client=request.auth, now=timezone.now())
    return answered(**events_answer(request, agenda, found))


@router.get(
    "agenda/{slug}/meetings/{meeting_type}/datetimes/",
    **scoped(Scope.READ),
    url_name="datetimes_of_meeting_type",
    response=or_failure(shapes.Appointments),
)
def datetimes_of_meeting_type(
    request: HttpRequest, slug: str, meeting_type: str, asked: Query[AppointmentsQuery]
) -> JsonResponse:
    """The times of an appointment type, in order of time; those without a desk are disabled."""
    agenda = appointments_agenda_of(request.auth, slug)
    chosen = meeting_type_of(agenda, meeting_type)
    resources = resources_of(agenda, [*asked.shared_resources, *asked.resources])
    found = listing.appointments(
        agenda,
        chosen,
        asked,
        client=request.auth,
        resources=resources,
        now=timezone.now(),
    )
    return answered(**appointments_answer(request, agenda, found, resources))
