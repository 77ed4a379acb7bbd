"""Whether the books balance, and how what does not is mended.

Admission keeps bookings, meetings, occupations and counters in step, so there is nothing to find
unless somebody wrote to the database by hand, restored half of it, or met a bug. Looking reads
whole tables in a few queries and locks nothing: what is being written at this moment may look wrong
and be right a moment later. Each repair therefore locks what it is about and looks again.

==========  ==================================================================
finding     what is found, and what looking and mending share
bookables   what is taken, and counted, of desks, resources and events
bookings    bookings, holds and series
meetings    meetings that have been called
==========  ==================================================================
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from wagtail_agenda.consistency import bookables, bookings, meetings
from wagtail_agenda.consistency.finding import Finding

__all__ = ["Finding", "findings", "mend"]


def findings(now: datetime) -> list[Finding]:
    """All that does not balance, in the order in which it is mended. About twenty queries."""
    return [found for look in LOOKS for found in look(now) if found.keys]


def mend(now: datetime) -> int:
    """Mend what can be, each row under its lock; answers how many were changed.

    Raises `Overloaded` if a lock was not to be had: what was mended until then stays so.
    """
    changed = 0
    for look in LOOKS:
        # Looked for anew each time: one repair may be all that the next one needs.
        for found in look(now):
            if found.keys and found.mend is not None:
                changed += found.mend(now)
    return changed


LOOKS: tuple[Callable[[datetime], Iterator[Finding]], ...] = (
    bookables.orphans,
    bookings.missing,
    bookings.wrong,
    meetings.missing,
    meetings.wrong,
    bookables.drift,
    bookings.unsettled,
    bookings.unpurged,
    bookings.series_behind,
    bookings.unsent,
    meetings.unsent,
    bookables.overlaps,
    bookables.oversold,
)
"""Each looks for one thing. What is taken is put right before it is counted."""
