"""What another system keeps with a booking, for itself: this one reads none of it."""

from collections.abc import Mapping
from typing import Any

from wagtail_agenda.booking.admission import bookings_for_update
from wagtail_agenda.contention import retried
from wagtail_agenda.errors import BookingAnonymised, BookingCancelled
from wagtail_agenda.models import Booking


def keep_data(booking: Booking, data: Mapping[str, Any]) -> Booking:
    """Keep JSON values with a booking, by name; those of other names stay.

    Takes no place and moves no workflow on, so nothing is noted and nobody is told. Raises
    `BookingCancelled`, `BookingAnonymised` or `Overloaded`.
    """

    def work(_nothing: None) -> Booking:
        (present,) = bookings_for_update([booking.pk])
        if present.is_cancelled:
            raise BookingCancelled()
        if present.anonymised_at is not None:
            raise BookingAnonymised()
        present.extra_data = {**present.extra_data, **data}
        present.save(update_fields=["extra_data"])
        return present

    return retried(work)
