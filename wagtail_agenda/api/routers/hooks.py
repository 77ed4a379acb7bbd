"""Another system tells a booking or meeting that something has happened, which moves it on."""

import re

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router

from wagtail_agenda import external_calls
from wagtail_agenda.api.answers import answered
from wagtail_agenda.api.auth import scoped
from wagtail_agenda.api.errors import Refused
from wagtail_agenda.api.finding import booking_of, meeting_of, unknown_booking, unknown_meeting
from wagtail_agenda.clients import Scope
from wagtail_agenda.models import Booking, CalledMeeting
from wagtail_agenda.subjects import Subject

router = Router(tags=["External calls"])

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


@router.post(
    "booking/{booking_id}/hooks/{identifier}/", **scoped(Scope.BOOK), url_name="external_call"
)
def external_call(request: HttpRequest, booking_id: str, identifier: str) -> JsonResponse:
    """Follow the rule « another system calls » with this identifier, from the present status.

    Any JSON may come along; conditions and texts of the workflow can name its fields.
    """
    booking = booking_of(request.auth, booking_id)
    try:
        _note(request, booking, identifier)
    except Booking.DoesNotExist as error:
        raise unknown_booking() from error
    return answered()


@router.post(
    "meeting/{meeting_id}/hooks/{identifier}/",
    **scoped(Scope.BOOK),
    url_name="external_call_of_meeting",
)
def external_call_of_meeting(
    request: HttpRequest, meeting_id: str, identifier: str
) -> JsonResponse:
    """The same for a meeting that has been called."""
    meeting = meeting_of(request.auth, meeting_id)
    try:
        _note(request, meeting, identifier)
    except CalledMeeting.DoesNotExist as error:
        raise unknown_meeting() from error
    return answered()


def _note(request: HttpRequest, subject: Subject, identifier: str) -> None:
    body, client = request.agenda_json, request.auth
    try:
        if not _IDENTIFIER.fullmatch(identifier):
            raise external_calls.UnknownCall(identifier)
        external_calls.note(subject, identifier, client=client, body=body, now=timezone.now())
    except external_calls.UnknownCall as error:
        text = _("The workflow knows no call “%(identifier)s”.")
        raise Refused("unknown identifier", text % {"identifier": identifier}, 404) from error
