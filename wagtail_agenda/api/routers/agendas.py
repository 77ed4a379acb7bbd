"""Which agendas there are, and what they have: appointment types, desks, shared resources."""

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from ninja import Query, Router

from wagtail_agenda import availability, clients
from wagtail_agenda.api import set_up_agendas
from wagtail_agenda.api.answers import answered
from wagtail_agenda.api.answers.agendas import (
    agendas_answer,
    desk_answer,
    meeting_type_answer,
    resource_answer,
)
from wagtail_agenda.api.auth import scoped
from wagtail_agenda.api.finding import agenda_of, appointments_agenda_of, meeting_type_of
from wagtail_agenda.api.shapes import agendas as shapes
from wagtail_agenda.api.shapes.failures import Answer, or_failure
from wagtail_agenda.api.shapes.listing import AgendasQuery
from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.clients import Scope
from wagtail_agenda.models import Agenda, Desk, Resource
from wagtail_agenda.slot_key import is_slug

router = Router(tags=["Agendas"])

_AGENDA_OBJECT = {
    "requestBody": {
        "description": "An object of the sort “agenda” of the file of agendas.",
        "content": {"application/json": {"schema": {"type": "object"}}},
        "required": True,
    }
}


@router.get(
    "agenda/", **scoped(Scope.READ), url_name="agendas", response=or_failure(shapes.Agendas)
)
def agendas(request: HttpRequest, asked: Query[AgendasQuery]) -> JsonResponse:
    """The published agendas that the client may touch, by their labels."""
    found = clients.agendas_of(request.auth).filter(live=True)
    if asked.q:
        # What no slug can have, some databases cannot even look for.
        found = found.filter(slug__icontains=asked.q) if is_slug(asked.q) else found.none()
    if asked.kind:
        found = found.filter(kind=asked.kind)
    if asked.with_open_events:
        found = found.filter(kind=AgendaKind.EVENTS)
    chosen = [] if asked.category else list(found)
    if asked.with_open_events:
        open_ones = availability.with_open_events(chosen, now=timezone.now())
        chosen = [agenda for agenda in chosen if agenda.pk in open_ones]
    return answered(data=agendas_answer(request, chosen))


@router.get(
    "agenda/{slug}/", **scoped(Scope.READ), url_name="agenda", response=or_failure(shapes.OneAgenda)
)
def agenda(request: HttpRequest, slug: str) -> JsonResponse:
    """One agenda."""
    return _told(request, agenda_of(request.auth, slug))


def _told(request: HttpRequest, agenda: Agenda) -> JsonResponse:
    (told,) = agendas_answer(request, [agenda])
    return answered(data=told)


@router.post(
    "agenda/",
    **scoped(Scope.MANAGE, **_AGENDA_OBJECT),
    url_name="agendas",
    response=or_failure(shapes.OneAgenda),
)
def create(request: HttpRequest) -> JsonResponse:
    """Make an agenda, of one agenda object of the file of agendas."""
    client, now = request.auth, timezone.now()
    made = set_up_agendas.make(request.agenda_json, client=client, now=now)
    return _told(request, made)


@router.patch(
    "agenda/{slug}/",
    **scoped(Scope.MANAGE, **_AGENDA_OBJECT),
    url_name="agenda",
    response=or_failure(shapes.OneAgenda),
)
def change(request: HttpRequest, slug: str) -> JsonResponse:
    """Change what the body names of an agenda, published or not; what it leaves out stays."""
    found, now = agenda_of(request.auth, slug, drafts=True), timezone.now()
    changed = set_up_agendas.change(found, request.agenda_json, client=request.auth, now=now)
    return _told(request, changed)


@router.delete(
    "agenda/{slug}/",
    **scoped(Scope.MANAGE),
    url_name="agenda",
    response=or_failure(Answer),
)
def remove(request: HttpRequest, slug: str) -> JsonResponse:
    """Delete an agenda that has no bookings, desks, appointment types or events."""
    set_up_agendas.remove(agenda_of(request.auth, slug, drafts=True))
    return answered()


@router.get(
    "agenda/{slug}/meetings/",
    **scoped(Scope.READ),
    url_name="meeting_types",
    response=or_failure(shapes.MeetingTypes),
)
def meeting_types(request: HttpRequest, slug: str) -> JsonResponse:
    """The appointment types of an agenda; those of a virtual one, of the agendas behind it."""
    found = appointments_agenda_of(request.auth, slug)
    types = availability.meeting_types_of(found)
    return answered(data=[meeting_type_answer(request, found, each) for each in types])


@router.get(
    "agenda/{slug}/meetings/{meeting_type}/",
    **scoped(Scope.READ),
    url_name="meeting_type",
    response=or_failure(shapes.OneMeetingType),
)
def meeting_type(request: HttpRequest, slug: str, meeting_type: str) -> JsonResponse:
    """One appointment type."""
    found = appointments_agenda_of(request.auth, slug)
    chosen = meeting_type_of(found, meeting_type)
    return answered(data=meeting_type_answer(request, found, chosen))


@router.get(
    "agenda/{slug}/desks/",
    **scoped(Scope.READ),
    url_name="desks",
    response=or_failure(shapes.Desks),
)
def desks(request: HttpRequest, slug: str) -> JsonResponse:
    """The desks in service; those of a virtual agenda, with the agenda that each belongs to."""
    found = appointments_agenda_of(request.auth, slug)
    agendas = _known(request, availability.real_agendas(found))
    in_service = Desk.objects.filter(agenda__in=agendas, retired=False).select_related("agenda")
    return answered(data=[desk_answer(found, desk) for desk in in_service])


@router.get(
    "agenda/{slug}/resources/",
    **scoped(Scope.READ),
    url_name="resources",
    response=or_failure(shapes.SharedResources),
)
def resources(request: HttpRequest, slug: str) -> JsonResponse:
    """The shared resources that appointments of the agenda may need."""
    found = appointments_agenda_of(request.auth, slug)
    agendas = availability.real_agendas(found)
    lent = Resource.objects.filter(agendas__in=agendas, retired=False).distinct()
    return answered(data=[resource_answer(each) for each in lent])


def _known(request: HttpRequest, agendas: list[Agenda]) -> list[Agenda]:
    known = set(clients.agendas_of(request.auth).values_list("pk", flat=True))
    return [each for each in agendas if each.pk in known]
