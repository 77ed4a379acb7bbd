"""Which country a time zone belongs to, for a good first guess at its public holidays."""

import zoneinfo
from functools import lru_cache
from importlib import resources
from pathlib import Path

from wagtail_agenda.importers import holidays


def country_of(zone: str) -> str:
    """The ISO 3166-1 code of a zone's country, if its public holidays are known; else empty."""
    country = _countries_by_zone().get(zone, "")
    return country if country in dict(holidays.countries()) else ""


@lru_cache(maxsize=1)
def _countries_by_zone() -> dict[str, str]:
    """From ``zone.tab`` of the tz database: lines of country, coordinates, zone, comments."""
    lines = (line.split("\t") for line in _table().splitlines() if not line.startswith("#"))
    return {parts[2]: parts[0] for parts in lines if len(parts) >= 3}


def _table() -> str:
    places = [Path(folder) / "zone.tab" for folder in zoneinfo.TZPATH]
    try:
        places.append(resources.files("tzdata") / "zoneinfo" / "zone.tab")
    except ModuleNotFoundError:
        # Only systems that have no tz database of their own install this package.
        pass
    found = next((place for place in places if place.is_file()), None)
    return found.read_text(encoding="utf-8") if found else ""
