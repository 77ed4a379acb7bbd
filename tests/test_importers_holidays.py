from datetime import date

import holidays
import pytest

from wagtail_agenda.importers.holidays import (
    UnknownCountry,
    UnknownRegion,
    countries,
    public_holidays,
    regions,
)
from wagtail_agenda.schedule import Closure

YEAR = (date(2026, 1, 1), date(2026, 12, 31))


def days(country, region="", first=YEAR[0], last=YEAR[1], **extra):
    return {closure.first for closure in public_holidays(country, region, first, last, **extra)}


class TestPublicHolidays:
    def test_the_french_national_day(self):
        bastille = date(2026, 7, 14)
        assert public_holidays("FR", "", bastille, bastille) == [
            Closure(bastille, bastille, "Fête nationale")
        ]

    @pytest.mark.parametrize("region", ["57", "6AE"])
    def test_good_friday_is_a_holiday_in_alsace_moselle_alone(self, region):
        good_friday = date(2026, 4, 3)
        assert good_friday in days("FR", region)
        assert good_friday not in days("FR")
        assert days("FR") < days("FR", region)

    def test_epiphany_in_bavaria(self):
        epiphany = date(2026, 1, 6)
        (closure,) = public_holidays("DE", "BY", epiphany, epiphany)
        assert closure.label == "Heilige Drei Könige"
        assert epiphany not in days("DE")

    def test_the_window_may_cross_years_and_both_its_days_count(self):
        found = public_holidays("FR", "", date(2026, 12, 25), date(2028, 1, 1))
        assert found[0].first == date(2026, 12, 25)
        assert found[-1].first == date(2028, 1, 1)
        assert [closure.first for closure in found] == sorted({c.first for c in found})
        assert len(found) == 13  # Christmas, the eleven of 2027, New Year's Day

    def test_a_substitute_day_is_a_holiday(self):
        # 26 December 2026 is a Saturday.
        assert date(2026, 12, 28) in days("GB", "ENG")

    @pytest.mark.parametrize(("first", "last"), [YEAR[::-1], (date.min, date.min), (date.max,) * 2])
    def test_backward_windows_and_years_beyond_the_calendar_are_empty(self, first, last):
        assert days("FR", first=first, last=last) == set()

    def test_a_window_over_all_of_time_is_cut_to_what_is_known(self):
        everything = days("JE", first=date.min, last=date.max)
        assert days("JE") < everything

    @pytest.mark.parametrize(
        ("country", "language", "label"),
        [
            ("FR", None, "Jour de l'an"),
            ("FR", "fr", "Jour de l'an"),
            ("FR", "fr-ca", "Jour de l'an"),
            ("FR", "en", "New Year's Day"),
            ("FR", "en-gb", "New Year's Day"),
            ("FR", "xx", "Jour de l'an"),
            ("FR", "", "Jour de l'an"),
            ("BE", "de", "Neujahr"),
            ("BE", "xx", "Nieuwjaar"),
        ],
    )
    def test_labels_in_a_language_of_the_calendar(self, country, language, label):
        new_year = date(2026, 1, 1)
        (closure,) = public_holidays(country, "", new_year, new_year, language)
        assert closure.label == label

    def test_the_answer_belongs_to_the_caller(self):
        public_holidays("FR", "", *YEAR).clear()
        assert len(public_holidays("FR", "", *YEAR)) == 11

    @pytest.mark.parametrize("country", ["XX", "", "fr", "date", "HolidayBase", None])
    def test_an_unknown_country(self, country):
        with pytest.raises(UnknownCountry, match=f"“{country}”"):
            public_holidays(country, "", *YEAR)
        assert issubclass(UnknownCountry, ValueError)

    @pytest.mark.parametrize(("country", "region"), [("FR", "BY"), ("FR", "xx"), ("MC", "01")])
    def test_an_unknown_region(self, country, region):
        with pytest.raises(UnknownRegion, match=f"“{region}” is no region of .*“{country}”"):
            public_holidays(country, region, *YEAR)
        assert issubclass(UnknownRegion, ValueError)


class TestChoices:
    def test_countries_are_those_of_the_library_by_name(self):
        offered = countries()
        assert {code for code, _ in offered} == set(
            holidays.list_supported_countries(include_aliases=False)
        )
        names = [name for _, name in offered]
        assert names == sorted(names, key=str.casefold)
        assert {"France", "Isle of Man", "United Kingdom", "Hong Kong"} <= set(names)

    def test_every_region_of_every_country_has_a_name(self):
        for country, codes in holidays.list_supported_countries(include_aliases=False).items():
            offered = regions(country)
            assert sorted(code for code, _ in offered) == sorted(codes)
            assert all(name for _, name in offered)

    @pytest.mark.parametrize(
        ("country", "code", "name"),
        [
            ("FR", "971", "Guadeloupe"),
            ("FR", "57", "Moselle"),
            ("DE", "BY", "Bayern"),
            ("CH", "BE", "Bern / Berne"),
            ("AT", "6", "Steiermark"),
            ("MY", "01", "Johor"),
            ("DE", "Augsburg", "Augsburg"),
        ],
    )
    def test_regions_have_readable_names(self, country, code, name):
        assert (code, name) in regions(country)

    def test_an_accent_does_not_move_a_name_to_the_end(self):
        names = [name for _, name in regions("PT")]
        assert names.index("Coimbra") < names.index("Évora") < names.index("Faro")

    def test_many_countries_have_no_regions(self):
        assert regions("MC") == []

    def test_regions_of_an_unknown_country(self):
        with pytest.raises(UnknownCountry):
            regions("XX")
