"""How dates, times and numbers are said, in the language that is active."""

from collections.abc import Callable
from datetime import date, datetime, time
from functools import cache

from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from wagtail_agenda.schedule import is_repeated


def day_text(day: date) -> str:
    """A day in full, with its weekday: “Thursday 3 December 2026”."""
    # Translators: Django date format of a day in full with its weekday.
    return date_format(day, gettext("l j F Y"))


def time_text(local: datetime | time) -> str:
    """A time of day: “09:30”. Pass it in the zone it is to be read in."""
    # Translators: Django date format of a time of day.
    return date_format(local, gettext("H:i"), use_l10n=False)


def moment_text(local: datetime) -> str:
    """A moment in full: “Thursday 3 December 2026, 09:30”. Pass it in the zone of its readers."""
    return gettext("%(day)s, %(time)s") % {"day": day_text(local), "time": time_text(local)}


def moment_texts() -> Callable[[datetime], str]:
    """`moment_text` for thousands of moments: what they have in common is made once.

    A time that the clock reads twice on its day is told with the short name of its zone.
    """
    pattern = gettext("%(day)s, %(time)s")
    days, times = cache(day_text), cache(time_text)

    def text(local: datetime) -> str:
        said = pattern % {"day": days(local.date()), "time": times(local.time())}
        return f"{said} {local:%Z}" if is_repeated(local, local.tzinfo) else said

    return text


def short_moment_text(local: datetime) -> str:
    """A day in short with a time of day: “03/12/2026, 09:30”. In the zone it is to be read in."""
    return gettext("%(day)s, %(time)s") % {
        "day": date_format(local, "SHORT_DATE_FORMAT"),
        "time": time_text(local),
    }


def span_text(start: datetime, end: datetime) -> str:
    """From when to when, in full: “Thursday 3 December 2026, 09:30 to 10:00”.

    Both in the zone they are to be read in. An end on another day is said with its day.
    """
    values = {"day": day_text(start), "start": time_text(start), "end": time_text(end)}
    if end.date() == start.date():
        return gettext("%(day)s, %(start)s to %(end)s") % values
    values["end_day"] = day_text(end)
    return gettext("%(day)s, %(start)s to %(end_day)s, %(end)s") % values


def zone_text(local: datetime) -> str:
    """The zone of a time, with its present distance from UTC: “Europe/Paris, UTC+01:00”."""
    offset = local.strftime("%z")
    return f"{local.tzinfo}, UTC{offset[:3]}:{offset[3:5]}"


def several_places_text(places: int) -> str:
    """“3 places”; nothing for one, which goes without saying."""
    if places < 2:
        return ""
    return ngettext("%(count)d place", "%(count)d places", places) % {"count": places}


def labelled(label: str, text: str) -> str:
    """“Telephone: 123 456”, with the colon as the language sets it."""
    return gettext("%(label)s: %(text)s") % {"label": label, "text": text}
