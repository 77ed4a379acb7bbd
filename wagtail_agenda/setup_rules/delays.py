"""Whether booking delays leave any time to book in, before an agenda is saved with them."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from wagtail_agenda.choices import DelayUnit

HOURS_OF_A_DAY = 24
WORKING_DAYS_OF_A_WEEK = 5


def horizon_error(delays: Mapping[str, Any]) -> ValidationError | None:
    """What to say at the horizon if nothing could ever be booked with these delays."""
    if not leaves_no_time(delays):
        return None
    return ValidationError(
        _(
            "Visitors could never book: this is sooner than the minimum notice. "
            "Choose a longer time here, or a shorter notice."
        ),
        code="horizon_before_notice",
    )


def leaves_no_time(delays: Mapping[str, Any]) -> bool:
    """Whether the horizon of these booking delays always ends before their notice is over.

    Days count from midnight and hours from this moment, so between the two lies up to a day.
    Working days are counted as if no calendar closed any.
    """
    notice, notice_unit, horizon, horizon_unit = (
        delays.get(f"{end}_booking_delay{unit}")
        for end in ("minimal", "maximal")
        for unit in ("", "_unit")
    )
    if notice is None or horizon is None:
        return False
    if notice_unit == horizon_unit:
        return notice > horizon
    in_hours = DelayUnit.HOURS in (notice_unit, horizon_unit)
    slack = HOURS_OF_A_DAY if in_hours else 0
    return _hours_at_least(notice, notice_unit) > _hours_at_most(horizon, horizon_unit) + slack


def _hours_at_least(number: int, unit: str) -> int:
    """The hours of a delay that begins as well as it can: on a Sunday, in working days."""
    if unit == DelayUnit.WORKING_DAYS:
        return (number + 2 * _weekends_between(number)) * HOURS_OF_A_DAY
    return _hours(number, unit)


def _hours_at_most(number: int, unit: str) -> int:
    """The hours of a delay that begins as badly as it can: on a Friday, in working days."""
    if unit == DelayUnit.WORKING_DAYS:
        return (number + 2 * (_weekends_between(number) + 1)) * HOURS_OF_A_DAY
    return _hours(number, unit)


def _hours(number: int, unit: str) -> int:
    return number * (1 if unit == DelayUnit.HOURS else HOURS_OF_A_DAY)


def _weekends_between(working_days: int) -> int:
    """How many weekends lie inside that many working days which begin on a Monday."""
    return max(working_days - 1, 0) // WORKING_DAYS_OF_A_WEEK
