"""Another system tells a booking that something has happened, which its workflow goes by."""

import re

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from wagtail_agenda import workflow
from wagtail_agenda.choices import Actor, Cause
from wagtail_agenda.clients import Scope
from wagtail_agenda.models import ApiClient
from wagtail_agenda.views.api.calling import Refused, answered, api_view, booking_of, json_body

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


@api_view("POST", scope=Scope.BOOK)
def external_call(
    request: HttpRequest, client: ApiClient, booking_id: str, identifier: str
) -> JsonResponse:
    """Follow the rule « another system calls » with this identifier, from the present status.

    The JSON that comes along is kept in the booking's history, for conditions and texts.
    """
    booking = booking_of(client, booking_id)
    body = json_body(request)
    unknown = _("The booking workflow knows no call “%(identifier)s”.") % {"identifier": identifier}
    if not _IDENTIFIER.fullmatch(identifier):
        raise Refused("unknown identifier", unknown, 404)
    data = {"identifier": identifier, "client": client.label, "client_id": client.pk, "body": body}
    try:
        workflow.note_cause(
            booking, Cause.CALLED, data=data, actor=Actor.CLIENT, now=timezone.now()
        )
    except LookupError as error:
        raise Refused("unknown identifier", unknown, 404) from error
    return answered()
