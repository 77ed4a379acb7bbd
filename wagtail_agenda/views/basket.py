"""What choosing a time and the steps after it share: holding, naming, refusing."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wagtail_agenda import booking, conf, slot_key, throttle
from wagtail_agenda.availability import Slot
from wagtail_agenda.blocks.booking_form import types_on_offer
from wagtail_agenda.errors import (
    AgendaClosed,
    BookingError,
    EventCancelled,
    EventIsOver,
    NotOffered,
    Overloaded,
    SoldOut,
    TooManyHolds,
    TooManyPlaces,
)
from wagtail_agenda.models import Agenda, FormVersion, Hold
from wagtail_agenda.views.on_offer import Wish
from wagtail_agenda.views.pages import refused

SESSION_KEY = "wagtail_agenda_visitor"
RETRY_SECONDS = 30
"""After how long to come back when the cache that counts limits does not answer."""

MOST_AT_ONCE = 30
"""How many events one form takes together."""

REFUSALS = (SoldOut, NotOffered, EventIsOver, EventCancelled, TooManyPlaces)
"""What leads back to choosing."""


@dataclass(frozen=True)
class Choice:
    """What a form asks for: names of slots, and for how many; `places` is None for nonsense."""

    keys: tuple[str, ...]
    places: int | None = 1
    typed_places: str = ""


def choice_in(data: QueryDict, agenda: Agenda) -> Choice:
    """What was chosen in a form of this agenda."""
    keys = [key for key in dict.fromkeys(data.getlist("slot")) if key]
    if not agenda.several_events or agenda.takes_appointments:
        keys = keys[-1:]
    typed = data.get("places", "").strip()[:6]
    if agenda.takes_appointments or not typed:
        return Choice(tuple(keys))
    return Choice(tuple(keys), places_in(typed), typed)


def how_many_text(most: int) -> str:
    """What to answer to a number of places that is none."""
    return ngettext("Ask for %(most)d place.", "Ask for between one and %(most)d places.", most) % {
        "most": most
    }


def places_in(typed: str) -> int | None:
    """A number of places as somebody typed it; None for what is none."""
    return int(typed) if typed.isdecimal() and len(typed) <= 6 and int(typed) > 0 else None


def hold_for(
    request: HttpRequest,
    version: FormVersion,
    agenda: Agenda,
    lock_code: str,
    choice: Choice,
    now: datetime,
    return_path: str,
) -> Hold:
    """Holds the slots of a choice for this visitor, all or none, if the form shown offers them.

    Raises one of `REFUSALS`, or what `booking.hold` does besides.
    """
    if choice.places is None:
        raise TooManyPlaces(agenda.places_per_booking)
    if len(choice.keys) > MOST_AT_ONCE:
        raise NotOffered()
    wish = Wish(agenda, now, lock_code=lock_code, places=choice.places)
    slots = [wish.find(key) for key in choice.keys]
    for slot in slots:
        require_type(version, slot)
    return booking.hold_together(
        slots,
        lock_code=lock_code,
        now=now,
        places=choice.places,
        visitor_key=_visitor_key(request),
        address_key=throttle.address_key(request),
        form_version=version,
        return_path=return_path,
    )


def require_type(version: FormVersion, slot: Slot) -> None:
    """Raise `NotOffered` unless the form offers the slot's appointment type."""
    if slot.meeting_type is not None and version.definition["meeting_type"]:
        offered = types_on_offer(slot.agenda, version.definition["meeting_type"])
        if slot.meeting_type.slug not in {item.slug for item in offered}:
            raise NotOffered()


def _visitor_key(request: HttpRequest) -> str:
    """A random name for this browser session, for the cap on holds; nothing else depends on it."""
    session = getattr(request, "session", None)
    if session is None:
        return ""
    if SESSION_KEY not in session:
        session[SESSION_KEY] = secrets.token_hex(16)
    return hashlib.sha256(session[SESSION_KEY].encode()).hexdigest()


def step_url(name: str, digest: str, lock_code: str, **query: str | Sequence[str]) -> str:
    return with_query(reverse(f"wagtail_agenda:{name}", args=[digest, lock_code]), **query)


def with_query(url: str, **query: str | Sequence[str]) -> str:
    """An address with a query; what is empty is left out of it."""
    query = {key: value for key, value in query.items() if value}
    return f"{url}?{urlencode(query, doseq=True)}" if query else url


def name_in(text: str) -> str:
    """`text` if it can be the name of a slot or of an appointment type, otherwise ""."""
    return text if slot_key.is_slug(text) or slot_key.read(text) else ""


# Saying no


def refusal_of(error: BookingError, choice: Choice, wish: Wish) -> dict[str, str | list[str]]:
    """What the address of the picker says after a refusal: why, of what, and what stays chosen."""
    wanted = [name for name in map(name_in, choice.keys[:MOST_AT_ONCE]) if name]
    query: dict[str, str | list[str]] = {
        "notice": code_of(error),
        "wanted": wanted,
        "places": choice.typed_places or (str(choice.places) if choice.places != 1 else ""),
    }
    if len(choice.keys) > MOST_AT_ONCE:
        query["notice"] = "too-many"
    elif len(choice.keys) > 1 and choice.places is not None:
        query["gone"] = [key for key in wanted if not _can_be_had(wish, key)]
    return query


def _can_be_had(wish: Wish, key: str) -> bool:
    try:
        return wish.has_room(wish.find(key))
    except BookingError:
        return False


def code_of(error: BookingError) -> str:
    """A short name for a refusal, for the address of the page that says it."""
    codes = {
        SoldOut: "taken",
        EventIsOver: "over",
        EventCancelled: "cancelled",
        TooManyPlaces: "places",
    }
    return codes.get(type(error), "not-offered")


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
