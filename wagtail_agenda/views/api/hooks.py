"""Another system tells a booking that something has happened, which its workflow goes by."""

import re

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from wagtail_agenda import external_calls
from wagtail_agenda.clients import Scope
from wagtail_agenda.models import ApiClient, Booking
from wagtail_agenda.views.api.calling import (
    Refused,
    answered,
    api_view,
    booking_of,
    json_body,
    unknown_booking,
)

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


@api_view("POST", scope=Scope.BOOK)
def external_call(
    request: HttpRequest, client: ApiClient, booking_id: str, identifier: str
) -> JsonResponse:
    """Follow the rule « another system calls » with this identifier, from the present status."""
    booking = booking_of(client, booking_id)
    body = json_body(request)
    try:
        if not _IDENTIFIER.fullmatch(identifier):
            raise external_calls.UnknownCall(identifier)
        external_calls.note(booking, identifier, client=client, body=body, now=timezone.now())
    except external_calls.UnknownCall as error:
        text = _("The booking workflow knows no call “%(identifier)s”.")
        raise Refused("unknown identifier", text % {"identifier": identifier}, 404) from error
    except Booking.DoesNotExist as error:
        raise unknown_booking() from error
    return answered()
