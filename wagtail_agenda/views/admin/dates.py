"""Dates in addresses and forms of the agenda view, read as people type them."""

from datetime import date
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from wagtail.admin import messages

from wagtail_agenda.models import Agenda

EARLIEST, LATEST = date(1970, 1, 1), date(2999, 12, 31)
"""Dates that the agenda view shows; whatever lies beyond is a slip of the keyboard."""


def read_day(text: str) -> date | None:
    """The date that an address or a form names, None if it names none that can be shown."""
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return day if day and is_shown(day) else None


def is_shown(day: date) -> bool:
    return EARLIEST <= day <= LATEST


def today_in(agenda: Agenda) -> date:
    return timezone.now().astimezone(agenda.zone).date()


def complain_about_date(request, asked: str) -> None:
    messages.error(
        request,
        _("“%(value)s” is no date that can be shown; write it like 2026-01-31. Here is today.")
        % {"value": asked[:40]},
    )


def with_query(url: str, query: dict[str, str]) -> str:
    """The address with those of the values that say something."""
    said = {name: value for name, value in query.items() if value}
    return f"{url}?{urlencode(said)}" if said else url
