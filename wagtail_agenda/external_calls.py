"""Another system tells a booking or meeting that something has happened: kept, and followed."""

import json
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from wagtail_agenda import workflow
from wagtail_agenda.choices import Actor, Cause
from wagtail_agenda.contention import retried
from wagtail_agenda.models import ApiClient, Entry, KeptFile
from wagtail_agenda.subjects import Subject, of

JSON = "application/json"


class UnknownCall(Exception):
    """No rule of the booking workflow is about a call with this identifier."""


def note(
    booking: Subject, identifier: str, *, client: ApiClient, body: Any = None, now: datetime
) -> Entry:
    """Go where the rule « another system calls » with this identifier leads, in one transaction.

    `identifier` is a slug, `body` the JSON that came along, None for none. It stands in the
    history; it is also kept as a web service's answer is, under the identifier, so that conditions
    and texts can name its fields. Raises `UnknownCall`, `errors.NotAllowedInThisStatus`,
    `errors.Overloaded`, and ``DoesNotExist`` of its model if it was deleted meanwhile.
    """
    data = {"identifier": identifier, "client": client.label, "client_id": client.pk, "body": body}

    def work(_nothing: None) -> Entry:
        if connection.features.has_select_for_update:
            # Before the file, whose own lock on the booking two calls would both want to widen.
            locked = type(booking).objects.select_for_update().order_by().values_list("pk")
            locked.get(pk=booking.pk)
        if body is not None:
            _keep(booking, identifier, body, now)
        return workflow.note_cause(booking, Cause.CALLED, data=data, actor=Actor.CLIENT, now=now)

    try:
        return retried(work)
    except LookupError as error:
        if type(error) is not LookupError:
            # A mistake in somebody's action, not an answer.
            raise
        raise UnknownCall(identifier) from error


def _keep(booking: Subject, identifier: str, body: Any, now: datetime) -> None:
    written = json.dumps(body, cls=DjangoJSONEncoder, ensure_ascii=False)
    KeptFile.objects.update_or_create(
        **of(booking),
        identifier=identifier,
        defaults={
            "name": f"{identifier}.json",
            "content_type": JSON,
            "content": written.encode(),
            "made_at": now,
        },
    )
