"""Events: how they stand, who has booked them, who came; made, changed and removed."""

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from ninja import Body, Query, Router

from wagtail_agenda import attendance as attendances
from wagtail_agenda import booking as bookings
from wagtail_agenda.api import set_up_events
from wagtail_agenda.api.answers import answered
from wagtail_agenda.api.answers.bookings import booking_answer
from wagtail_agenda.api.answers.events import event_answers
from wagtail_agenda.api.auth import scoped
from wagtail_agenda.api.finding import agenda_with_events, bookings_of_person, event_of
from wagtail_agenda.api.shapes import events as shapes
from wagtail_agenda.api.shapes.bookings import SeveralBookings, WhoseBookings
from wagtail_agenda.api.shapes.failures import or_failure
from wagtail_agenda.attendance import Sheet
from wagtail_agenda.choices import Actor
from wagtail_agenda.clients import Scope
from wagtail_agenda.errors import MarkedAsChecked
from wagtail_agenda.models import Event, EventSeries

router = Router(tags=["Events"])


@router.get(
    "agenda/{slug}/status/{event}/",
    **scoped(Scope.READ),
    url_name="event_status",
    response=or_failure(shapes.OneEvent),
)
def status(request: HttpRequest, slug: str, event: str) -> JsonResponse:
    """An event as it is, with its places."""
    return _told(request, _event(request, slug, event))


@router.get(
    "agenda/{slug}/bookings/{event}/",
    **scoped(Scope.READ),
    url_name="event_bookings",
    response=or_failure(SeveralBookings),
)
def list_bookings(
    request: HttpRequest, slug: str, event: str, asked: Query[WhoseBookings]
) -> JsonResponse:
    """Somebody's bookings of an event that are not cancelled."""
    found = _event(request, slug, event)
    booked = bookings_of_person(request.auth, asked.user_external_id, event=found)
    return answered(data=[booking_answer(request, booking) for booking in booked])


@router.post(
    "agenda/{slug}/check/{event}/",
    **scoped(Scope.CHECK_IN, Scope.MANAGE),
    url_name="event_check",
    response=or_failure(shapes.OneEvent),
)
def check(request: HttpRequest, slug: str, event: str) -> JsonResponse:
    """Mark the attendance of an event as checked, which tells other systems who came.

    What is marked already stays so, and nobody is told again.
    """
    found = _event(request, slug, event)
    sheet = Sheet(found.agenda, event=found)
    try:
        attendances.mark_as_checked(sheet, now=timezone.now(), actor=Actor.CLIENT)
    except MarkedAsChecked:
        pass
    return _told(request, found)


@router.post(
    "agenda/{slug}/event/",
    **scoped(Scope.MANAGE),
    url_name="event_new",
    response=or_failure(shapes.OneOrSeveralEvents),
)
def create(request: HttpRequest, slug: str, body: Body[shapes.NewEvent]) -> JsonResponse:
    """Make an event; with `recurrence_days` a series, whose events are made ahead."""
    found, now = agenda_with_events(request.auth, slug), timezone.now()
    if body.recurrence_days:
        return _told_series(request, set_up_events.make_series(found, body, now))
    return _told(request, set_up_events.make_event(found, body))


@router.patch(
    "agenda/{slug}/event/{event}/",
    **scoped(Scope.MANAGE),
    url_name="event",
    response=or_failure(shapes.OneOrSeveralEvents),
)
def change(
    request: HttpRequest, slug: str, event: str, body: Body[shapes.ChangedEvent]
) -> JsonResponse:
    """Change an event, all or nothing; with keys about recurrence, its series from there on."""
    found, now = _event(request, slug, event), timezone.now()
    if body.is_about_series:
        return _told_series(request, set_up_events.change_series(found, body, now))
    set_up_events.change_event(found, body, now)
    return _told(request, found)


@router.delete(
    "agenda/{slug}/event/{event}/",
    **scoped(Scope.MANAGE),
    url_name="event",
    response=or_failure(shapes.OneRemoved),
)
def remove(
    request: HttpRequest,
    slug: str,
    event: str,
    asked: Query[shapes.RemovedEvent],
    body: Body[shapes.RemovedEvent | None] = None,
) -> JsonResponse:
    """Take an event off its agenda: deleted, or cancelled if anybody ever booked it.

    Refused while it is booked, unless `force_cancel` cancels the bookings with it: whoever booked
    is told, and each `cancel_callback_url` is called.
    """
    found = _event(request, slug, event)
    said = [asked] if body is None else [body, asked]
    removal = bookings.remove_event(
        found,
        now=timezone.now(),
        reason=next((one.reason for one in said if one.reason), ""),
        with_bookings=any(one.force_cancel for one in said),
    )
    return answered(
        data={
            "slug": found.slug,
            "deleted": removal.deleted,
            "cancelled": not removal.deleted,
            "cancelled_booking_count": removal.ended,
        }
    )


def _event(request: HttpRequest, slug: str, event: str) -> Event:
    return event_of(agenda_with_events(request.auth, slug), event)


def _told(request: HttpRequest, event: Event) -> JsonResponse:
    present = event_of(event.agenda, event.slug)
    (told,) = event_answers(request, event.agenda, [present], timezone.now())
    return answered(data=told)


def _told_series(request: HttpRequest, row: EventSeries) -> JsonResponse:
    now = timezone.now()
    coming = row.events.filter(start__gt=now, cancelled_at=None).select_related("bookable")
    return answered(data=event_answers(request, row.agenda, list(coming), now))
