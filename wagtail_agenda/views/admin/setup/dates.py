"""Dates and times that no set-up screen takes, and how it says so."""

import zoneinfo
from collections.abc import Iterable
from typing import Any

from django.forms import Form
from django.utils import timezone

from wagtail_agenda import schedule
from wagtail_agenda.setup_rules.dates import far_date_error, skipped_error


def refuse_far_dates(form: Form, cleaned: dict[str, Any], names: Iterable[str]) -> None:
    """Say at its field which date or time has a year that nobody means, and leave it out."""
    for name in names:
        typed = cleaned.get(name)
        if typed and (error := far_date_error(typed)):
            cleaned[name] = None
            form.add_error(name, error)


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
