"""Public holidays of a country or region, as closures, from the `holidays` library.

Countries and regions go by the library's own codes: ISO 3166-1 alpha-2 for a country, usually the
second part of ISO 3166-2 for a region. Labels are in the country's language unless another one that
the library knows is asked for.
"""

import unicodedata
from datetime import date
from functools import lru_cache

import holidays
from holidays.registry import COUNTRIES

from wagtail_agenda.schedule import Closure

_JOINING_WORDS = {"and", "da", "of", "the"}
_NAMES_THE_REGISTRY_RUNS_TOGETHER = {"hongkong": "Hong Kong", "dr_congo": "DR Congo"}


class UnknownCountry(ValueError):
    """The library has no holidays for this country code."""


class UnknownRegion(ValueError):
    """The country has no such region, or its holidays do not differ by region."""


@lru_cache(maxsize=1)
def _countries() -> tuple[tuple[str, str], ...]:
    # The registry names countries without importing their 250 modules.
    named = ((codes[1], _country_name(key)) for key, codes in COUNTRIES.items())
    return tuple(sorted(named, key=_by_name))


def countries() -> list[tuple[str, str]]:
    """The countries with known holidays, as ``(code, English name)`` pairs sorted by name."""
    return list(_countries())


def regions(country: str) -> list[tuple[str, str]]:
    """The regions of a country, as ``(code, name)`` pairs sorted by name; often there are none.

    Names are the local ones, in each of the region's languages; a region without one shows its
    code. Raises UnknownCountry.
    """
    calendar = _calendar(country)
    names: dict[str, list[str]] = {code: [] for code in calendar.subdivisions}
    for name, code in calendar.subdivisions_aliases.items():
        names[code].append(name)
    named = ((code, _region_name(names[code]) or code) for code in names)
    return sorted(named, key=_by_name)


def public_holidays(
    country: str, region: str, first: date, last: date, language: str | None = None
) -> list[Closure]:
    """The public holidays from `first` to `last` inclusive: one closure per day, in order.

    `region` is a code from `regions`, or empty for what the whole country shares. `language` is a
    code such as ``fr`` or ``en-gb``; where the library does not have it, names are in its default
    for the country. Years the library knows nothing of have no holidays.
    Raises UnknownCountry or UnknownRegion, both of them ValueErrors.
    """
    calendar = _calendar(country)
    if region and region not in calendar.subdivisions:
        raise UnknownRegion(
            f"“{region}” is no region of the country “{country}” in the holiday calendar; "
            f"it has: {', '.join(calendar.subdivisions) or 'none'}."
        )
    spoken = _spoken(language, calendar)
    years = range(max(first.year, calendar.start_year), min(last.year, calendar.end_year) + 1)
    return [
        closure
        for year in years
        for closure in _holidays_of_year(country, region, year, spoken)
        if first <= closure.first <= last
    ]


@lru_cache(maxsize=512)
def _holidays_of_year(
    country: str, region: str, year: int, language: str | None
) -> tuple[Closure, ...]:
    named_days = holidays.country_holidays(
        country, subdiv=region or None, years=year, language=language
    )
    return tuple(Closure(day, day, name) for day, name in sorted(named_days.items()))


@lru_cache(maxsize=32)
def _calendar(country: str) -> holidays.HolidayBase:
    """A country's calendar, without days yet: what it knows of regions, years and languages."""
    # Asked for any other name, the library would look it up among its own classes and functions.
    if country not in dict(_countries()):
        raise UnknownCountry(f"The holiday calendar knows no country with the code “{country}”.")
    return holidays.country_holidays(country)


def _spoken(language: str | None, calendar: holidays.HolidayBase) -> str | None:
    """The language of a calendar that serves `language`: the same, a relative, or its default."""
    supported = {code.lower(): code for code in calendar.supported_languages}
    wanted = (language or "").replace("-", "_").lower()
    family = wanted.partition("_")[0]
    # The country's own kind of English or Portuguese comes before another country's.
    own = calendar.default_language
    relatives = [own] if own else []
    relatives += sorted(supported.values())
    for code in (wanted, family):
        if code in supported:
            return supported[code]
    for code in relatives:
        if family and code.lower().partition("_")[0] == family:
            return code
    return own


def _country_name(key: str) -> str:
    """“isle_of_man” as people write it."""
    if key in _NAMES_THE_REGISTRY_RUNS_TOGETHER:
        return _NAMES_THE_REGISTRY_RUNS_TOGETHER[key]
    return " ".join(
        word if word in _JOINING_WORDS else word.capitalize() for word in key.split("_")
    )


def _region_name(aliases: list[str]) -> str:
    """The names among a region's aliases, which mix them with abbreviations: “Bern / Berne”."""
    names = [alias for alias in aliases if not (alias.isascii() and alias.isupper())]
    longest = max((len(name) for name in names), default=0)
    return " / ".join(name for name in names if 2 * len(name) >= longest)


def _by_name(code_and_name: tuple[str, str]) -> tuple[str, str]:
    """Sort key that files “Évora” under E, whatever the locale of the server."""
    code, name = code_and_name
    decomposed = unicodedata.normalize("NFKD", name)
    letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return letters.casefold(), code
