"""Dates and times that nothing is set up with, and how that is said."""

import zoneinfo
from datetime import date, time

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

EARLIEST_YEAR, LATEST_YEAR = 1970, 2999
"""Years of an event, as the agenda view shows them; no zone can shift the ends of the calendar."""


def far_date_error(typed: date) -> ValidationError | None:
    """What to say of a date, or a moment, with a year that nobody means."""
    if EARLIEST_YEAR <= typed.year <= LATEST_YEAR:
        return None
    return ValidationError(
        _("Choose a date between %(first)s and %(last)s."),
        code="no_such_year",
        params={"first": EARLIEST_YEAR, "last": LATEST_YEAR},
    )


def skipped_error(at: time, zone: zoneinfo.ZoneInfo) -> ValidationError:
    return ValidationError(
        _("Clocks in %(zone)s skip %(time)s on this date. Choose another time."),
        code="no_such_time",
        params={"zone": zone.key, "time": at.strftime("%H:%M")},
    )
