"""« Generate ICS »: a calendar file of the booking, kept under an identifier for later actions."""

import re
from dataclasses import replace
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from wagtail_agenda import ics, placeholders, workflow
from wagtail_agenda.calendar_entries import calendar_event, has_calendar_entry, status_of
from wagtail_agenda.choices import Audience
from wagtail_agenda.correspondence import facts_of, language_for, values_for
from wagtail_agenda.errors import ActionFailed
from wagtail_agenda.ics import CalendarEvent
from wagtail_agenda.mailing import Mails
from wagtail_agenda.models import Booking, Entry, Invitation, KeptFile
from wagtail_agenda.prepared import PreparedInsert
from wagtail_agenda.validators import IDENTIFIER
from wagtail_agenda.workflow import Occasion

CONTENT_TYPE = "text/calendar; charset=utf-8; method=PUBLISH"
TEXTS = ("summary", "description", "location", "comment", "url")

_SEQUENCE = re.compile(rb"^SEQUENCE:([0-9]+)\r?$", re.MULTILINE)
# What counts revisions, and our own version: two files that differ in nothing else say the same.
_COUNTED = re.compile(rb"^(?:SEQUENCE|DTSTAMP|LAST-MODIFIED|PRODID):.*\r?\n(?: .*\r?\n)*", re.M)


@workflow.register_action("generate_ics", fails_first=True)
def generate_ics(occasion: Occasion, value: dict[str, Any]) -> None:
    """Keep a calendar file of the booking, in place of the one kept under that name before.

    It has UID and SEQUENCE of the visitor's own calendar entry, so that a calendar takes it for
    the same appointment, and names nobody but the organiser.
    """
    booking = occasion.booking
    identifier = str(value.get("identifier") or "").strip()
    if not IDENTIFIER.fullmatch(identifier):
        raise ActionFailed("no identifier", _("The calendar file has no usable identifier."))
    mails = occasion.mails or Mails([booking], now=occasion.now)
    invitation = mails.revision_of(booking)
    with translation.override(language_for(booking, Audience.VISITOR)):
        event = _with_texts(_event(booking, invitation), booking, occasion.entry, value)
    try:
        content = _revised(event, booking, identifier, invitation, mails, occasion)
    except ValueError as error:
        raise ActionFailed(
            "calendar file not possible",
            _("The calendar file cannot be written: %(error)s") % {"error": error},
        ) from error
    if content is not None:
        _keep(booking, identifier, content, occasion)
    if occasion.mails is None:
        mails.write()


def _event(booking: Booking, invitation: Invitation | None) -> CalendarEvent:
    event = replace(calendar_event(booking, invitation=invitation), attendee=None)
    if has_calendar_entry(booking) or invitation is None:
        return event
    if invitation.method == "CANCEL":
        return event
    # A mail that takes the calendar entry back will count this revision.
    return replace(event, sequence=event.sequence + 1, stamp=booking.cancelled_at or event.stamp)


def _with_texts(
    event: CalendarEvent, booking: Booking, entry: Entry, value: dict[str, Any]
) -> CalendarEvent:
    """The entry with an editor's own texts; what is empty stays as the invitation says it."""
    templates = {name: str(value.get(name) or "") for name in TEXTS}
    values = values_for(
        booking, list(templates.values()), Audience.VISITOR, facts_of(booking, entry)
    )
    own = {
        "summary": placeholders.render_line(templates["summary"], values),
        "location": placeholders.render_line(templates["location"], values),
        "url": placeholders.render_url(templates["url"], values),
    }
    for name in ("description", "comment"):
        lines = placeholders.without_empty_lines(templates[name], values)
        own[name] = placeholders.render(lines, values).strip()
    return replace(event, **{name: text for name, text in own.items() if text})


def _revised(
    event: CalendarEvent,
    booking: Booking,
    identifier: str,
    invitation: Invitation | None,
    mails: Mails,
    occasion: Occasion,
) -> bytes | None:
    """The file's bytes, under a higher SEQUENCE if it says something else; None if it does not."""
    status = status_of(booking)
    content = ics.publication(event, status=status)
    kept = None
    if not mails.none_yet:
        kept = KeptFile.objects.filter(booking=booking, identifier=identifier).first()
    if kept is None:
        return content
    before = bytes(kept.content)
    counted = _SEQUENCE.search(before)
    last = int(counted[1]) if counted else -1
    if event.sequence > last:
        return content
    if _COUNTED.sub(b"", content) == _COUNTED.sub(b"", before):
        return None
    if invitation is not None:
        mails.raise_to(invitation, last + 1)
    event = replace(event, sequence=last + 1, stamp=occasion.now)
    return ics.publication(event, status=status)


def _keep(booking: Booking, identifier: str, content: bytes, occasion: Occasion) -> None:
    kept = KeptFile(
        booking=booking,
        identifier=identifier,
        name=f"{identifier}.ics",
        content_type=CONTENT_TYPE,
        content=content,
        made_at=occasion.now,
    )
    _keep_in_its_place(kept)


_keep_in_its_place = PreparedInsert(KeptFile, unique=["booking", "identifier"])
