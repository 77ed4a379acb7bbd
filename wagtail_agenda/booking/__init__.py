"""The only writer of holds, bookings, occupations and places. Who came is `attendance`'s.

Every way to a place leads through here: the visitor's form, an agent, later other systems. Each
function is one transaction of the same shape:

1. lock: raise `Bookable.version` of everything concerned, in the order of the primary keys;
2. count, in later statements that lock what they read, what is taken at this moment;
3. write: booking, occupations, counters, history, status, deliveries.

Locking first and counting second is what keeps two visitors from winning one place on every
database. A single conditional UPDATE that also counts live holds does not: on PostgreSQL it
re-reads the locked row after a wait, but its sub-select still sees the old snapshot.

What was read before the lock is only a guess at what to lock: it is read again afterwards, by a
locking statement, because MariaDB at REPEATABLE READ would otherwise answer with what it knew when
the host's transaction began.

Nothing here talks to the network.

============  ======================================================================
details       who books, and what they answered
claims        what a slot takes of which desk, event and resources
admission     lock, count, write: the parts of every transaction
persons       how many bookings one person may have
holds         what visitors keep while they fill in a form
making        bookings from a hold, at once, or several together
moving        to another time, to another number of places
approval      bookings that need it
waiting_list  who waits, and how they get a place
ending        cancelled, declined, refused, lapsed
correcting    whom a booking is for
extra_data    what another system keeps with a booking
texts         what a booking is called
events        places, time, texts and cancellation of a whole event
settling      what the clock alone has changed
forgetting    who a booking was for, forgotten
============  ======================================================================
"""

from wagtail_agenda.booking.admission import Waiting, bookings_for_update
from wagtail_agenda.booking.approval import approve
from wagtail_agenda.booking.claims import slot_of, slots_of
from wagtail_agenda.booking.correcting import correct
from wagtail_agenda.booking.details import Details
from wagtail_agenda.booking.ending import cancel, decline_offer, refuse
from wagtail_agenda.booking.events import (
    EVENT_TEXTS,
    Removal,
    cancel_event,
    change_event_time,
    change_places,
    remove_event,
    reword_event,
)
from wagtail_agenda.booking.extra_data import keep_data
from wagtail_agenda.booking.forgetting import anonymise, forget_draft
from wagtail_agenda.booking.holds import (
    BASKET_LIFETIME,
    forget_used,
    hold,
    hold_together,
    is_held,
    keep_answers,
    open_basket,
    purge_baskets,
    release,
)
from wagtail_agenda.booking.making import Together, book, book_together, confirm, confirm_all
from wagtail_agenda.booking.moving import move, require_may_move, resize
from wagtail_agenda.booking.settling import settle
from wagtail_agenda.booking.waiting_list import (
    Standing,
    accept_offer,
    offer,
    promote,
    standings,
    suspend,
)

__all__ = [
    "BASKET_LIFETIME",
    "EVENT_TEXTS",
    "Details",
    "Removal",
    "Standing",
    "Together",
    "Waiting",
    "accept_offer",
    "anonymise",
    "approve",
    "book",
    "book_together",
    "bookings_for_update",
    "cancel",
    "cancel_event",
    "change_event_time",
    "change_places",
    "confirm",
    "confirm_all",
    "correct",
    "decline_offer",
    "forget_draft",
    "forget_used",
    "hold",
    "hold_together",
    "is_held",
    "keep_answers",
    "keep_data",
    "move",
    "offer",
    "open_basket",
    "promote",
    "purge_baskets",
    "refuse",
    "release",
    "remove_event",
    "require_may_move",
    "resize",
    "reword_event",
    "settle",
    "slot_of",
    "slots_of",
    "standings",
    "suspend",
]
