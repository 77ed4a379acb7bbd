"""Opening hours in words: what a period means. In the language that is active."""

from collections.abc import Iterable
from datetime import date, time

from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext, pgettext, pgettext_lazy

from wagtail_agenda import schedule
from wagtail_agenda.wording import day_text

ORDINALS = {
    1: pgettext_lazy("weekday of the month", "1st"),
    2: pgettext_lazy("weekday of the month", "2nd"),
    3: pgettext_lazy("weekday of the month", "3rd"),
    4: pgettext_lazy("weekday of the month", "4th"),
    5: pgettext_lazy("weekday of the month", "5th"),
    schedule.LAST: pgettext_lazy("weekday of the month", "last"),
}
"""Which of the month's Mondays, in the order in which one says them."""


def period_text(period: schedule.Period) -> str:
    """“1st and 3rd Monday of the month, 09:00 – 12:00, 1 June to 31 August every year”.

    A time that a draft lacks is a question mark; whatever else it lacks is left out.
    """
    parts = [_days_text(period), _hours_text(period)]
    if isinstance(period, schedule.OneOffHours):
        parts.append(gettext("in place of the usual hours") if period.replaces else "")
    else:
        parts.append(season_text(period.season or schedule.ALL_TIME))
    return ", ".join(part for part in parts if part)


def season_text(season: schedule.Season) -> str:
    """“1 June to 31 August every year”; nothing for a season without beginning and end."""
    first, last = season.first, season.last
    if season.is_all_time:
        return ""
    if season.yearly:
        # The year is shown nowhere; a leap one has every date.
        return gettext("%(first)s to %(last)s every year") % {
            "first": _date_without_year(first or date(2000, 1, 1)),
            "last": _date_without_year(last or date(2000, 12, 31)),
        }
    if first and last:
        values = {"first": date_text(first), "last": date_text(last)}
        return gettext("%(first)s to %(last)s") % values
    if first:
        return gettext("from %(date)s on") % {"date": date_text(first)}
    return gettext("until %(date)s") % {"date": date_text(last)}


def date_text(day: date) -> str:
    """“1 June 2026”."""
    # Translators: Django date format of a day with its year.
    return date_format(day, gettext("j F Y"))


def _date_without_year(day: date) -> str:
    # Translators: Django date format of a day without its year.
    return date_format(day, gettext("j F"))


def _days_text(period: schedule.Period) -> str:
    if isinstance(period, schedule.OneOffHours):
        return day_text(period.day) if period.day else ""
    weekdays = [str(WEEKDAYS[weekday]) for weekday in sorted(period.weekdays or ())]
    if isinstance(period, schedule.WeeklyHours):
        return ", ".join(weekdays)
    chosen = [str(name) for number, name in ORDINALS.items() if number in (period.ordinals or ())]
    if not chosen or not weekdays:
        return " ".join([_listed(chosen), _listed(weekdays)]).strip()
    # Translators: “1st and 3rd Monday of the month”.
    return gettext("%(ordinals)s %(weekdays)s of the month") % {
        "ordinals": _listed(chosen),
        "weekdays": _listed(weekdays),
    }


def _listed(words: Iterable[str]) -> str:
    return get_text_list(list(words), pgettext("before the last of a list", "and"))


def _hours_text(period: schedule.Period) -> str:
    hours = _span_text(period.opens, period.closes, period)
    breaks = [_span_text(start, end, period) for start, end in period.breaks or ()]
    if not breaks:
        return hours
    return gettext("%(hours)s without %(breaks)s") % {"hours": hours, "breaks": _listed(breaks)}


def _span_text(start: time | None, end: time | None, period: schedule.Period) -> str:
    ends_the_day = end == period.closes == time(0)
    return f"{_time_text(start)} – {'24:00' if ends_the_day else _time_text(end)}"


def _time_text(at: time | None) -> str:
    return at.strftime("%H:%M") if at else "?"
