"""Dates and times that no set-up screen takes, and how it says so."""

import zoneinfo
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import Form
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import schedule

EARLIEST_YEAR, LATEST_YEAR = 1970, 2999
"""Years of an event, as the agenda view shows them; no zone can shift the ends of the calendar."""


def refuse_far_dates(form: Form, cleaned: dict[str, Any], names: Iterable[str]) -> None:
    """Say at its field which date or time has a year that nobody means, and leave it out."""
    for name in names:
        typed = cleaned.get(name)
        if typed and not EARLIEST_YEAR <= typed.year <= LATEST_YEAR:
            cleaned[name] = None
            message = _("Choose a date between %(first)s and %(last)s.")
            params = {"first": EARLIEST_YEAR, "last": LATEST_YEAR}
            form.add_error(name, ValidationError(message, code="no_such_year", params=params))


def read_in_zone(
    form: Form, cleaned: dict[str, Any], names: Iterable[str], zone: zoneinfo.ZoneInfo
) -> None:
    """Take times as those of a zone: their fields have read them as the site's.

    What nobody means, or clocks skip, is said at its field.
    """
    names = list(names)
    refuse_far_dates(form, cleaned, names)
    for name in names:
        if cleaned.get(name) is None:
            continue
        typed = timezone.make_naive(cleaned[name])
        if schedule.wall_time_exists(typed.date(), typed.time(), zone):
            cleaned[name] = typed.replace(tzinfo=zone)
        else:
            form.add_error(name, skipped_error(typed, zone))


def skipped_error(at, zone: zoneinfo.ZoneInfo) -> ValidationError:
    return ValidationError(
        _("Clocks in %(zone)s skip %(time)s on this date. Choose another time."),
        code="no_such_time",
        params={"zone": zone.key, "time": at.strftime("%H:%M")},
    )
