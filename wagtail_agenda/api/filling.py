"""A slot is booked, or held, as the body of a call asks for it."""

from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext as _
from wagtail.models import Site

from wagtail_agenda import availability, booking, clients, throttle
from wagtail_agenda.api.errors import Refused
from wagtail_agenda.api.shapes.filling import FillSlot, FillSlots, Person
from wagtail_agenda.availability import Period, Slot
from wagtail_agenda.booking import Details, Together, Waiting
from wagtail_agenda.booking.persons import bookings_of, digest_of_person
from wagtail_agenda.choices import Actor
from wagtail_agenda.errors import (
    AlreadyCancelled,
    DelayNotRespected,
    NotOffered,
    TooManyPlaces,
)
from wagtail_agenda.models import Agenda, ApiClient, Booking, Hold, Resource

RETRY_AFTER = 5
"""Seconds after which to ask again while nothing can be counted."""


def fill(
    agenda: Agenda,
    key: str,
    asked: FillSlot,
    *,
    client: ApiClient,
    site: Site | None,
    resources: Iterable[Resource] = (),
    cancelling: Booking | None = None,
    now: datetime,
) -> Booking | Hold:
    """Book a slot of an agenda, or hold it if the body has a lock code alone.

    With `confirm_after_lock` the hold of the lock code becomes the booking, also if it has lapsed
    and its place is still there; if it held something else, or nothing, this is booked. The same
    confirmation twice answers with the same booking. Raises `Refused` and any `BookingError`.
    """
    if agenda.takes_appointments and (asked.count or 1) > 1:
        raise TooManyPlaces(1)
    if cancelling is not None and cancelling.is_cancelled:
        raise AlreadyCancelled()
    code = clients.lock_code(client, asked.lock_code) if asked.lock_code else ""
    if code:
        made = _made_of_it(agenda, code, key)
        if made is not None:
            return made
    slot = offered(
        agenda,
        key,
        asked,
        now=now,
        lock_code=code,
        resources=tuple(resources),
        but_booking=cancelling,
    )
    if code and not asked.confirm_after_lock:
        return _held(slot, code, asked.count or 1, client, now)
    how = {
        "now": now,
        "actor": Actor.CLIENT,
        "waiting": Waiting.WANTED if asked.force_waiting_list else Waiting.ACCEPTED,
        "cancelling": cancelling,
    }
    details = details_of(asked, client, site)
    held = Hold.objects.filter(agenda=agenda, lock_code=code).first() if code else None
    if held is None:
        return booking.book(slot, details, **how)
    if resources or booking.slot_of(held).key != key:
        held = _held(slot, code, asked.count or 1, client, now)
    return booking.confirm(held, details, **how)


def offered(
    agenda: Agenda,
    key: str,
    asked: Person,
    *,
    now: datetime,
    lock_code: str = "",
    resources: tuple[Resource, ...] = (),
    but_booking: Booking | None = None,
) -> Slot:
    """The slot of that name, if it can be had. Raises what `availability.find` does.

    What only the booking delays forbid is a `DelayNotRespected`.
    """
    about = {
        "now": now,
        "lock_code": lock_code,
        "resources": resources,
        "but_booking": but_booking,
        "period": Period.ALL if asked.events == "all" else Period.FUTURE,
        "places": asked.count or 1,
    }
    try:
        return availability.find(agenda, key, bypass_delays=asked.bypass_delays, **about)
    except NotOffered as error:
        if asked.bypass_delays:
            raise
        availability.find(agenda, key, bypass_delays=True, **about)
        raise DelayNotRespected() from error


def fill_together(
    agenda: Agenda, asked: FillSlots, *, client: ApiClient, site: Site | None, now: datetime
) -> Together:
    """Make somebody's coming bookings of an events agenda exactly those that are named.

    All or nothing. Raises any `BookingError`, `NotOffered` for what is no event of the agenda.
    """
    coming = bookings_of([agenda], [digest_of_person(asked.user_external_id, "")])
    theirs = set(coming.filter(start__gt=now).values_list("event__slug", flat=True))
    slots = []
    for key in dict.fromkeys(asked.slots):
        if key in theirs:
            # They have it already, whatever has become of its places and delays.
            slots += availability.slots_of_events(agenda, agenda.events.filter(slug=key), now)
        else:
            slots.append(offered(agenda, key, asked, now=now))
    return booking.book_together(
        agenda,
        slots,
        details_of(asked, client, site),
        now=now,
        actor=Actor.CLIENT,
        waiting=Waiting.WANTED if asked.force_waiting_list else Waiting.ACCEPTED,
        replacing=True,
    )


def details_of(asked: Person, client: ApiClient, site: Site | None) -> Details:
    """Who books, of the body of a call."""
    return Details(
        user_name=asked.name,
        user_email=asked.user_email,
        user_phone_number=asked.user_phone_number,
        user_external_id=asked.user_external_id,
        label=asked.label,
        user_display_label=asked.user_display_label,
        description=asked.description,
        backoffice_url=asked.backoffice_url,
        form_url=asked.form_url,
        cancel_callback_url=asked.cancel_callback_url,
        presence_callback_url=asked.presence_callback_url,
        absence_callback_url=asked.absence_callback_url,
        extra_emails=tuple(asked.extra_emails),
        extra_phone_numbers=tuple(asked.extra_phone_numbers),
        extra_data=asked.extra_data,
        site=site,
        places=asked.count,
        client=client,
        only_once=asked.exclude_user,
    )


def _made_of_it(agenda: Agenda, code: str, key: str) -> Booking | None:
    """The booking that a lock code has become, if it is of this slot and still stands.

    Otherwise the code is free to hold something else.
    """
    used = Hold.objects.filter(agenda=agenda, lock_code=code, booking__isnull=False)
    hold = used.select_related("booking__agenda", "booking__event").first()
    if hold is None:
        return None
    if booking.slot_of(hold).key == key and not hold.booking.is_cancelled:
        return hold.booking
    booking.forget_used(agenda, code)
    return None


def _held(slot: Slot, code: str, places: int, client: ApiClient, now: datetime) -> Hold:
    limits = throttle.client_hold_limits(client)
    try:
        throttle.count(limits, now)
    except throttle.TooMany as error:
        text = _("“%(client)s” has held too many times in this hour.") % {"client": client}
        after = {"Retry-After": str(error.retry_after)}
        raise Refused("too many holds", text, 429, after) from error
    except throttle.CannotCount as error:
        text = _("Holds cannot be counted at the moment. Ask again in a few seconds.")
        after = {"Retry-After": str(RETRY_AFTER)}
        raise Refused("try again", text, 503, after) from error
    try:
        return booking.hold(slot, lock_code=code, now=now, actor=Actor.CLIENT, places=places)
    except Exception:
        throttle.uncount(limits, now)
        raise
