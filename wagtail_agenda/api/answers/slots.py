"""How slots are told."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from wagtail_agenda import clients, wording
from wagtail_agenda.api.answers import moment
from wagtail_agenda.api.answers.agendas import agenda_address
from wagtail_agenda.api.listing import Listed
from wagtail_agenda.availability import Slot
from wagtail_agenda.choices import WaitingListPromotion
from wagtail_agenda.models import Agenda, AttendanceSheet, Resource


def events_answer(request: HttpRequest, agenda: Agenda, listed: Sequence[Listed]) -> dict[str, Any]:
    """Events, and how many of them can be booked."""
    told = EventTeller(request, agenda, (one.slot for one in listed))
    return _counted(listed, [told.event(*one) for one in listed])


def appointments_answer(
    request: HttpRequest,
    agenda: Agenda,
    listed: Sequence[Listed],
    resources: Iterable[Resource] = (),
) -> dict[str, Any]:
    """Times of appointments, and how many of them can be booked.

    The `resources` that were asked for are needed again to book, so addresses name them.
    """
    return _counted(listed, _appointments(request, agenda, listed, resources))


def _counted(listed: Sequence[Listed], told: list[dict[str, Any]]) -> dict[str, Any]:
    bookable = [number for number, one in enumerate(listed) if not one.disabled]
    return {
        "data": told,
        "meta": {
            "no_bookable_datetimes": not bookable,
            "bookable_datetimes_number_total": len(told),
            "bookable_datetimes_number_available": len(bookable),
            "first_bookable_slot": told[bookable[0]] if bookable else None,
        },
    }


class EventTeller:
    """Tells events of one agenda. What they have in common is looked up and put together once."""

    def __init__(self, request: HttpRequest, agenda: Agenda, slots: Iterable[Slot]) -> None:
        self.agenda = agenda
        self.base = agenda_address(request, agenda)
        self.backoffice = _backoffice(request)
        self.moment_text = wording.moment_texts()
        self.confirms = agenda.waiting_list_promotion == WaitingListPromotion.AUTOMATIC
        self.checked = _checked(slots)

    def event(self, slot: Slot, disabled: bool, booked: str | bool = "") -> dict[str, Any]:
        """An event with its places; `booked` is the list on which somebody is."""
        event, slug = slot.event, slot.event.slug
        told = {
            "id": slug,
            "slug": slug,
            "text": self._text(slot),
            "label": event.label,
            "agenda_label": str(self.agenda),
            "agenda_slug": self.agenda.slug,
            "date": f"{slot.start:%Y-%m-%d}",
            **moment("datetime", slot.start),
            **moment("end_datetime", slot.end),
            "duration": (event.end - event.start) // timedelta(minutes=1),
            "description": event.description or None,
            "pricing": None,
            "url": event.url or None,
            "disabled": disabled,
            "checked": event.pk in self.checked,
            "waiting_list_bookings_automatic_confirm": self.confirms,
            "places": places_of(slot),
            "api": {
                "bookings_url": f"{self.base}bookings/{slug}/",
                "fillslot_url": f"{self.base}fillslot/{slug}/",
                "status_url": f"{self.base}status/{slug}/",
                "check_url": f"{self.base}check/{slug}/",
                "backoffice_url": self.backoffice(event.pk),
            },
        }
        if booked:
            told["booked_for_external_user"] = booked
        return told

    def _text(self, slot: Slot) -> str:
        """The label, with the date where many events have the same."""
        if slot.event.series_id is None:
            return slot.event.label
        return f"{slot.event.label} ({self.moment_text(slot.start)})"


def _checked(slots: Iterable[Slot]) -> set[int]:
    """The keys of those events whose attendance is marked as checked."""
    events = [slot.event for slot in slots]
    if not events:
        return set()
    sheets = AttendanceSheet.objects.filter(
        event__agenda=events[0].agenda_id,
        event__start__gte=min(event.start for event in events),
        event__start__lte=max(event.start for event in events),
        checked_at__isnull=False,
    )
    return set(sheets.values_list("event_id", flat=True))


def _backoffice(request: HttpRequest) -> Callable[[int], str]:
    """Where agents find an event, by its key: its check-in list; "" where there is no admin."""
    try:
        path = reverse("wagtail_agenda_admin:check_in_event", args=[0])
    except NoReverseMatch:
        return "".format
    before, after = path.rsplit("/0/", 1)
    admin = getattr(settings, "WAGTAILADMIN_BASE_URL", "") or request.build_absolute_uri("/")
    return f"{admin.rstrip('/')}{before}/{{}}/{after}".format


def _appointments(
    request: HttpRequest,
    agenda: Agenda,
    listed: Iterable[Listed],
    resources: Iterable[Resource],
) -> list[dict[str, Any]]:
    base = agenda_address(request, agenda)
    needs = ",".join(resource.slug for resource in resources)
    query = f"?resources={needs}" if needs else ""
    text = wording.moment_texts()
    behind = _AgendasBehind(request, agenda, query) if agenda.is_virtual else None
    told = []
    for slot, disabled, booked in listed:
        key = slot.key
        one = {
            "id": key,
            "text": text(slot.start),
            **moment("datetime", slot.start),
            "disabled": disabled,
            "api": {"fillslot_url": f"{base}fillslot/{key}/{query}"},
        }
        if booked:
            one["booked_for_external_user"] = True
        if behind is not None:
            one["agendas"] = behind.of(slot, key)
        told.append(one)
    return told


class _AgendasBehind:
    """Tells the real agendas that are free for slots of a virtual one, as far as one may know."""

    def __init__(self, request: HttpRequest, virtual: Agenda, query: str) -> None:
        known = clients.agendas_of(request.agenda_client).filter(
            virtual_memberships__virtual_agenda=virtual
        )
        self.bases = {agenda.pk: agenda_address(request, agenda) for agenda in known}
        self.query = query

    def of(self, slot: Slot, key: str) -> list[dict[str, Any]]:
        return [
            {
                "id": agenda.slug,
                "text": str(agenda),
                "api": {"fillslot_url": f"{self.bases[agenda.pk]}fillslot/{key}/{self.query}"},
            }
            for agenda in slot.agendas
            if agenda.pk in self.bases
        ]


def places_of(slot: Slot) -> dict[str, Any]:
    """How many places an event has and how many are left; with those of its waiting list."""
    taken = max(0, slot.places_total - slot.places_free)
    told = {
        "total": slot.places_total,
        "reserved": taken,
        "available": slot.places_free,
        "full": slot.places_free <= 0,
        "has_waiting_list": slot.waiting_total > 0,
    }
    if slot.waiting_total:
        told |= {
            "waiting_list_total": slot.waiting_total,
            "waiting_list_reserved": max(0, slot.waiting_total - slot.waiting_free),
            "waiting_list_available": slot.waiting_free,
            "waiting_list_activated": slot.queued or slot.places_free <= 0,
        }
    return told
