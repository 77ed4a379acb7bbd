"""What templates say of a slot beyond its time: room for how many, where, for how long."""

from dataclasses import dataclass

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()


@dataclass(frozen=True)
class Room:
    """What an event has for a number of places: `text` says it, `waits` if only to be waited for.

    `taken` says that nobody gets even one place or can wait for it; `short` that one could be had,
    but not so many.
    """

    text: str
    waits: bool = False
    taken: bool = False
    short: bool = False


@register.simple_tag(takes_context=True)
def room_for(context, slot) -> Room:
    """The `Room` that an event has for `places` of the context, or one, if one comes now."""
    places = context.get("places") or 1
    if slot.full:
        return Room(_("Fully booked"), taken=True)
    left = ngettext("%(count)d place left", "%(count)d places left", slot.places_free) % {
        "count": slot.places_free
    }
    if not slot.waits and slot.places_free >= places:
        return Room(left)
    if slot.waiting_free >= places:
        return Room(_waiting_text(slot, left, places), waits=True)
    if slot.waits:
        left = ngettext(
            "Waiting list with %(count)d place left",
            "Waiting list with %(count)d places left",
            slot.waiting_free,
        ) % {"count": slot.waiting_free}
    short = ngettext(
        "%(left)s, too few for %(count)d place",
        "%(left)s, too few for %(count)d places",
        places,
    ) % {"left": left, "count": places}
    return Room(short, short=True)


def _waiting_text(slot, left: str, places: int) -> str:
    if not slot.waits:
        return ngettext(
            "%(left)s: for %(count)d place, join the waiting list",
            "%(left)s: for %(count)d places, join the waiting list",
            places,
        ) % {"left": left, "count": places}
    waiting = slot.waiting_total - slot.waiting_free
    if not waiting:
        return _("Fully booked: join the waiting list, nobody is on it")
    return ngettext(
        "Fully booked: join the waiting list, %(count)d place is waited for",
        "Fully booked: join the waiting list, %(count)d places are waited for",
        waiting,
    ) % {"count": waiting}


@register.filter
def real_agenda(slot):
    """The agenda that gives what was chosen: behind a virtual one, the desk's own."""
    return slot.agenda_at(slot.desk_ids[0]) if slot.types and slot.desk_ids else slot.agenda


@register.filter
def minutes_text(minutes: int) -> str:
    """“45 minutes”, “2 hours”, “1 h 30 min”."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return ngettext("%(count)d minute", "%(count)d minutes", rest) % {"count": rest}
    if not rest:
        return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
    return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": rest}


@register.filter
def minutes_of(slot) -> int:
    """How long a slot takes, in minutes."""
    # Within one zone Python counts in wall time, which a night may repeat.
    return round((slot.end.timestamp() - slot.start.timestamp()) / 60)
