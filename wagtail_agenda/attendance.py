"""The only writer of attendance: who came, who did not, and that this has been undone.

The first statement of a transaction writes, as in `booking.py`: SQLite cannot wait for a lock that
it wants only after reading.
"""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from wagtail_agenda import workflow
from wagtail_agenda.booking import bookings_for_update
from wagtail_agenda.choices import Actor, Admission, Attendance, Trigger
from wagtail_agenda.contention import retried
from wagtail_agenda.errors import BookingCancelled
from wagtail_agenda.models import Booking


def check_in(
    booking: Booking,
    attendance: str,
    *,
    now: datetime,
    user: AbstractBaseUser | None = None,
) -> Booking:
    """Note that somebody came or did not; `Attendance.UNKNOWN` undoes it.

    Saying the same twice changes nothing. Undoing puts the booking back into the status it had,
    without running that status's actions again: nobody is to be mailed for a slip of the hand.

    Raises `BookingCancelled` or `Overloaded`.
    """

    def work(road: workflow.Road) -> Booking:
        changed = (
            Booking.objects.filter(pk=booking.pk)
            .exclude(admission=Admission.CANCELLED)
            .exclude(attendance=attendance)
            .update(attendance=attendance)
        )
        (present,) = bookings_for_update([booking.pk])
        if present.is_cancelled:
            raise BookingCancelled()
        if not changed:
            return present
        if attendance == Attendance.UNKNOWN:
            workflow.undo_check_in(present, user=user, now=now)
        else:
            workflow.advance(
                present, Trigger(attendance), road=road, actor=Actor.AGENT, user=user, now=now
            )
        return present

    return retried(work, lambda: workflow.road_of(booking.agenda))
