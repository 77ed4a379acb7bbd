"""A slot is booked or held, and several events at once."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router
from wagtail.models import Site

from wagtail_agenda.api import filling
from wagtail_agenda.api.answers import answered
from wagtail_agenda.api.answers.booking import filled_answer, hold_answer, together_answer
from wagtail_agenda.api.auth import scoped
from wagtail_agenda.api.errors import Refused
from wagtail_agenda.api.finding import agenda_of, booking_of, resources_of
from wagtail_agenda.api.shapes.failures import or_failure
from wagtail_agenda.api.shapes.filling import (
    Filled,
    FilledTogether,
    FillQuery,
    FillSlot,
    FillSlots,
    Held,
)
from wagtail_agenda.clients import Scope
from wagtail_agenda.models import Agenda, Hold

router = Router(tags=["Booking"])


@router.post(
    "agenda/{slug}/fillslot/{slot}/",
    **scoped(Scope.BOOK),
    url_name="fillslot",
    response=or_failure(Filled | Held),
)
def fillslot(
    request: HttpRequest,
    slug: str,
    slot: str,
    asked: Query[FillQuery],
    payload: FillSlot | None = None,
) -> JsonResponse:
    """Book a slot; with a lock code alone, hold it.

    All places go to the main list together, or together to the waiting list; where neither has
    room nothing is booked.
    """
    agenda, now = agenda_of(request.auth, slug), timezone.now()
    body = asked.completing(payload or FillSlot())
    cancelling = (
        booking_of(request.auth, body.cancel_booking_id) if body.cancel_booking_id else None
    )
    made = filling.fill(
        agenda,
        slot,
        body,
        client=request.auth,
        site=Site.find_for_request(request),
        resources=resources_of(
            agenda, [*asked.resources, *asked.shared_resources, *body.resources]
        ),
        cancelling=cancelling,
        now=now,
    )
    if isinstance(made, Hold):
        return answered(**hold_answer(made))
    return answered(**filled_answer(request, made, cancelling=cancelling, now=now))


def _fillslots(request: HttpRequest, slug: str, payload: FillSlots) -> JsonResponse:
    """Make somebody's coming bookings of an events agenda exactly these; none cancels all.

    All or nothing. What they have booked already stays as it is, and what is past is let be.
    """
    agenda, now = _events_agenda_of(request, slug), timezone.now()
    site = Site.find_for_request(request)
    made = filling.fill_together(agenda, payload, client=request.auth, site=site, now=now)
    return answered(**together_answer(request, agenda, made, now=now))


def _events_agenda_of(request: HttpRequest, slug: str) -> Agenda:
    agenda = agenda_of(request.auth, slug)
    if agenda.takes_appointments:
        text = _("“%(agenda)s” has no events.") % {"agenda": agenda}
        raise Refused("agenda has no events", text, 404)
    return agenda


_SEVERAL: dict[str, Any] = {**scoped(Scope.BOOK), "response": or_failure(FilledTogether)}
router.post("agenda/{slug}/events/fillslots/", url_name="events_fillslots", **_SEVERAL)(_fillslots)
router.post("agenda/{slug}/fillslots/", url_name="fillslots", include_in_schema=False, **_SEVERAL)(
    _fillslots
)
