"""What can be booked, and when: agenda + window → slots.

Listings may lag behind: they read and answer, and `booking` decides again under a lock. Whatever
the number of desks and bookings, a listing takes a constant number of queries. Every desk's time
is one integer with a bit per five minutes (see `timegrid`), so the arithmetic is cheap; reading
rows is what costs, and therefore only integers are read, and of what this process has read before
only whether it has changed.

============  ======================================================================
listing       the questions that faces ask, whatever the kind of agenda
asked         what the one who asks may see, and wants
slot          `Slot`: what a listing is made of
delays        whether an agenda is open, and from when to when something may start
offers        appointment types with the desks and resources they need, also of virtual agendas
gathered      all that this takes, read in one statement
desks         the desks in service, as rows
openings      when desks and resources are open: hours less closures
occupied      what is taken: time as bits of a grid, places kept until a moment
remembered    what is taken for good, kept by this process under its version
appointments  the slots of appointment types, from offers, openings and what is taken
events        the slots of events
reasons       why nothing can be booked at a moment
============  ======================================================================
"""

from wagtail_agenda.availability.asked import Period
from wagtail_agenda.availability.delays import booking_window, is_open
from wagtail_agenda.availability.events import slots_of_events
from wagtail_agenda.availability.listing import (
    ends,
    find,
    nearest,
    next_free,
    slots,
    with_open_events,
)
from wagtail_agenda.availability.occupied import held_places, live_at
from wagtail_agenda.availability.offers import (
    TypeWithDesks,
    meeting_types_of,
    meeting_types_on_offer,
    real_agendas,
)
from wagtail_agenda.availability.openings import desk_openings
from wagtail_agenda.availability.reasons import Reason, explain
from wagtail_agenda.availability.slot import Slot, closest
from wagtail_agenda.schedule import day_bounds

__all__ = [
    "Period",
    "Reason",
    "Slot",
    "TypeWithDesks",
    "booking_window",
    "closest",
    "day_bounds",
    "desk_openings",
    "ends",
    "explain",
    "find",
    "held_places",
    "is_open",
    "live_at",
    "meeting_types_of",
    "meeting_types_on_offer",
    "nearest",
    "next_free",
    "real_agendas",
    "slots",
    "slots_of_events",
    "with_open_events",
]
