"""What choosing a time and the steps after it share: holding, naming, refusing."""

import hashlib
import secrets
from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wagtail_agenda import availability, booking, conf, slot_key, throttle
from wagtail_agenda.errors import (
    AgendaClosed,
    BookingError,
    EventIsOver,
    NotOffered,
    Overloaded,
    SoldOut,
    TooManyHolds,
)
from wagtail_agenda.models import Agenda, FormVersion, Hold
from wagtail_agenda.views.pages import (
    refused,
)

SESSION_KEY = "wagtail_agenda_visitor"
RETRY_SECONDS = 30
"""After how long to come back when the cache that counts limits does not answer."""


def hold_for(
    request: HttpRequest,
    version: FormVersion,
    agenda: Agenda,
    lock_code: str,
    key: str,
    now: datetime,
    return_path: str,
) -> Hold:
    """Holds the slot of that name for this visitor, if the form that was shown offers it."""
    slot = availability.find(agenda, key, now=now, lock_code=lock_code)
    fixed = version.definition["meeting_type"]
    if fixed and slot.meeting_type and slot.meeting_type.pk != fixed:
        raise NotOffered()
    return booking.hold(
        slot,
        lock_code=lock_code,
        now=now,
        visitor_key=_visitor_key(request),
        address_key=throttle.address_key(request),
        form_version=version,
        return_path=return_path,
    )


def _visitor_key(request: HttpRequest) -> str:
    """A random name for this browser session, for the cap on holds; nothing else depends on it."""
    session = getattr(request, "session", None)
    if session is None:
        return ""
    if SESSION_KEY not in session:
        session[SESSION_KEY] = secrets.token_hex(16)
    return hashlib.sha256(session[SESSION_KEY].encode()).hexdigest()


def step_url(name: str, digest: str, lock_code: str, **query: str) -> str:
    query = {key: value for key, value in query.items() if value}
    url = reverse(f"wagtail_agenda:{name}", args=[digest, lock_code])
    return f"{url}?{urlencode(query)}" if query else url


def name_in(text: str) -> str:
    """`text` if it can be the name of a slot or of an appointment type, otherwise ""."""
    return text if slot_key.is_slug(text) or slot_key.read(text) else ""


# Saying no


def notice_of(error: BookingError) -> str:
    if isinstance(error, SoldOut):
        return "taken"
    return "over" if isinstance(error, EventIsOver) else "not-offered"


def refused_for(request: HttpRequest, error: Exception, return_path: str) -> HttpResponse:
    """The page for an error that leaves the visitor no step to go to."""
    if isinstance(error, throttle.TooMany):
        return refused(
            request,
            _("Too many attempts"),
            limit_text(error.retry_after),
            status=429,
            return_path=return_path,
            retry_after=error.retry_after,
        )
    if isinstance(error, throttle.CannotCount):
        return refused(
            request,
            _("Please try again in a moment"),
            busy_text(),
            status=503,
            return_path=return_path,
            retry_after=RETRY_SECONDS,
        )
    if isinstance(error, Overloaded):
        return refused(
            request,
            _("Please try again in a moment"),
            str(error),
            status=503,
            return_path=return_path,
            retry_after=error.retry_after,
        )
    if isinstance(error, TooManyHolds):
        return refused(
            request,
            _("You are holding other times"),
            str(error),
            status=429,
            return_path=return_path,
            retry_after=conf.get("HOLD_MINUTES") * 60,
        )
    if isinstance(error, AgendaClosed):
        return refused(
            request, _("No bookings at the moment"), str(error), status=409, return_path=return_path
        )
    return refused(
        request, _("This is not possible"), str(error), status=409, return_path=return_path
    )


def limit_text(seconds: int) -> str:
    if seconds < 5400:
        minutes = -(-seconds // 60)
        return ngettext(
            "There have been many bookings from here or for this e-mail address. Nothing you "
            "typed is lost; please try again in %(minutes)d minute.",
            "There have been many bookings from here or for this e-mail address. Nothing you "
            "typed is lost; please try again in %(minutes)d minutes.",
            minutes,
        ) % {"minutes": minutes}
    hours = -(-seconds // 3600)
    return ngettext(
        "There have been many bookings from here or for this e-mail address. Nothing you typed "
        "is lost; please try again in %(hours)d hour.",
        "There have been many bookings from here or for this e-mail address. Nothing you typed "
        "is lost; please try again in %(hours)d hours.",
        hours,
    ) % {"hours": hours}


def busy_text() -> str:
    return _(
        "Bookings cannot be taken this moment. Nothing you typed is lost; please try again in "
        "half a minute."
    )
