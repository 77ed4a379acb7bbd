import pytest
from django.core.exceptions import ImproperlyConfigured

from wagtail_agenda import conf


def test_default_applies_when_the_site_says_nothing(settings):
    settings.WAGTAIL_AGENDA = {}
    assert conf.get("HOLD_MINUTES") == 10


def test_site_value_wins_and_a_later_change_is_seen(settings):
    settings.WAGTAIL_AGENDA = {"HOLD_MINUTES": 15}
    assert conf.get("HOLD_MINUTES") == 15
    settings.WAGTAIL_AGENDA = {"HOLD_MINUTES": 5}
    assert conf.get("HOLD_MINUTES") == 5
    del settings.WAGTAIL_AGENDA
    assert conf.get("HOLD_MINUTES") == 10


def test_site_may_set_a_value_to_nothing(settings):
    settings.WAGTAIL_AGENDA = {"HOLDS_PER_SESSION": 0, "BASE_URL": None}
    assert conf.get("HOLDS_PER_SESSION") == 0
    assert conf.get("BASE_URL") is None


def test_misspelled_keys_are_named(settings):
    settings.WAGTAIL_AGENDA = {"HOLD_MINUTE": 15, "CACHE": "default", "BASEURL": ""}
    assert conf.unknown_settings() == ["BASEURL", "HOLD_MINUTE"]


def test_asking_for_a_setting_that_does_not_exist_is_a_mistake():
    with pytest.raises(LookupError, match="HOLD_MINUTE"):
        conf.get("HOLD_MINUTE")


def test_anything_but_a_dictionary_is_explained(settings):
    settings.WAGTAIL_AGENDA = ["HOLD_MINUTES"]
    with pytest.raises(ImproperlyConfigured, match="is a list; write a dictionary"):
        conf.get("HOLD_MINUTES")
