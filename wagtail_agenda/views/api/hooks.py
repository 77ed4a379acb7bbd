"""Another system tells a booking or meeting that something has happened, which moves it on."""

import re

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from wagtail_agenda import external_calls
from wagtail_agenda.clients import Scope
from wagtail_agenda.models import ApiClient, Booking, CalledMeeting
from wagtail_agenda.subjects import Subject
from wagtail_agenda.views.api.calling import (
    Refused,
    answered,
    api_view,
    booking_of,
    json_body,
    meeting_of,
    unknown_booking,
    unknown_meeting,
)

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


@api_view("POST", scope=Scope.BOOK)
def external_call(
    request: HttpRequest, client: ApiClient, booking_id: str, identifier: str
) -> JsonResponse:
    """Follow the rule « another system calls » with this identifier, from the present status."""
    booking = booking_of(client, booking_id)
    try:
        _note(request, client, booking, identifier)
    except Booking.DoesNotExist as error:
        raise unknown_booking() from error
    return answered()


@api_view("POST", scope=Scope.BOOK)
def external_call_of_meeting(
    request: HttpRequest, client: ApiClient, meeting_id: str, identifier: str
) -> JsonResponse:
    """The same for a meeting that has been called."""
    meeting = meeting_of(client, meeting_id)
    try:
        _note(request, client, meeting, identifier)
    except CalledMeeting.DoesNotExist as error:
        raise unknown_meeting() from error
    return answered()


def _note(request: HttpRequest, client: ApiClient, subject: Subject, identifier: str) -> None:
    body = json_body(request)
    try:
        if not _IDENTIFIER.fullmatch(identifier):
            raise external_calls.UnknownCall(identifier)
        external_calls.note(subject, identifier, client=client, body=body, now=timezone.now())
    except external_calls.UnknownCall as error:
        text = _("The workflow knows no call “%(identifier)s”.")
        raise Refused("unknown identifier", text % {"identifier": identifier}, 404) from error
