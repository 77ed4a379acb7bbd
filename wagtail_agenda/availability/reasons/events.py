"""Why an event cannot be booked."""

from datetime import datetime, timedelta, timezone

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wagtail_agenda.availability.events import is_published, slots_of_events
from wagtail_agenda.availability.reasons.reason import Reason, unless_one_is_clear
from wagtail_agenda.availability.slot import Slot
from wagtail_agenda.models import Agenda, Event
from wagtail_agenda.wording import moment_text


def reasons_of_events(
    agenda: Agenda, instant: datetime, event: Event | None, now: datetime
) -> list[Reason]:
    """What is in the way of one event, or of all that begin at that minute."""
    asked = {"pk": event.pk} if event is not None else _beginning_at(instant)
    events = list(agenda.events.filter(**asked).select_related("bookable"))
    if not events:
        return [Reason("no event", _("No event begins at this time."), agenda=agenda)]
    return unless_one_is_clear(
        _of_event(slot, now) for slot in slots_of_events(agenda, events, now)
    )


def _beginning_at(instant: datetime) -> dict[str, datetime]:
    minute = instant.astimezone(timezone.utc).replace(second=0, microsecond=0)
    return {"start__gte": minute, "start__lt": minute + timedelta(minutes=1)}


def _of_event(slot: Slot, now: datetime) -> list[Reason]:
    event, names = slot.event, {"event": slot.event.label}
    reasons = []

    def add(code: str, text: str, until: datetime | None = None) -> None:
        about = Reason(code, text % names, agenda=slot.agenda, event=event, until=until)
        reasons.append(about)

    if event.is_cancelled:
        add("event cancelled", _("“%(event)s” is cancelled."))
    if not event.open_for_booking:
        add("event closed", _("“%(event)s” is not open for booking."))
    if not is_published(event, now):
        published = event.publish_at.astimezone(slot.agenda.zone)
        names["moment"] = moment_text(published)
        add("event not published", _("“%(event)s” is not published before %(moment)s."), published)
    if slot.waits:
        add("waiting list", _("Whoever books “%(event)s” joins its waiting list."))
    elif slot.places_free <= 0:
        names["places"] = slot.places_total
        text = ngettext(
            "The only place of “%(event)s” is taken.",
            "All %(places)d places of “%(event)s” are taken.",
            slot.places_total,
        )
        add("event full", text)
    elif slot.queued:
        text = _("Free places of “%(event)s” are for those who wait, and its waiting list is full.")
        add("waiting list full", text)
    return reasons
