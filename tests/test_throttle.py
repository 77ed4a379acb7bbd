"""Limits per address and per e-mail address: counted together, refused when they cannot be."""

from datetime import datetime, timedelta, timezone

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.test import RequestFactory

from wagtail_agenda import throttle
from wagtail_agenda.throttle import CannotCount, Limit, TooMany, count, uncount

NOW = datetime(2026, 11, 30, 9, 45, tzinfo=timezone.utc)
HOURLY = Limit("bookings", "somebody", 3, 3600)


class BrokenCache(LocMemCache):
    def add(self, *args, **kwargs):
        raise ConnectionError("no cache")

    incr = decr = add


class SilentCache(LocMemCache):
    """What a client that swallows its errors looks like."""

    def add(self, *args, **kwargs):
        return False

    def incr(self, *args, **kwargs):
        return None


def request(remote="203.0.113.7", **headers):
    return RequestFactory().post("/", REMOTE_ADDR=remote, headers=headers)


def test_lets_as_many_through_as_it_says_and_then_says_how_long_to_wait():
    for _time in range(3):
        count([HOURLY], NOW)
    with pytest.raises(TooMany) as refused:
        count([HOURLY], NOW)
    assert refused.value.retry_after == 15 * 60
    count([HOURLY], NOW + timedelta(minutes=15))


def test_whoever_is_refused_does_not_wait_longer_for_trying():
    for _time in range(3):
        count([HOURLY], NOW)
    for _time in range(5):
        with pytest.raises(TooMany):
            count([HOURLY], NOW)
    uncount([HOURLY], NOW)
    count([HOURLY], NOW)


def test_counts_against_all_limits_or_none():
    narrow = Limit("mails", "somebody", 1, 3600)
    count([HOURLY, narrow], NOW)
    with pytest.raises(TooMany):
        count([HOURLY, narrow], NOW)
    count([HOURLY], NOW)
    count([HOURLY], NOW)
    with pytest.raises(TooMany):
        count([HOURLY], NOW)


def test_zero_lifts_a_limit():
    for _time in range(50):
        count([Limit("bookings", "somebody", 0, 3600)], NOW)


def test_limits_do_not_get_in_each_others_way():
    count([Limit("a", "x", 1, 3600)], NOW)
    count([Limit("b", "x", 1, 3600)], NOW)
    count([Limit("a", "y", 1, 3600)], NOW)


@pytest.mark.parametrize("cache", ["BrokenCache", "SilentCache"])
def test_refuses_when_the_cache_fails(settings, cache):
    settings.CACHES = {**settings.CACHES, "limits": {"BACKEND": f"tests.test_throttle.{cache}"}}
    settings.WAGTAIL_AGENDA = {"CACHE": "limits"}
    with pytest.raises(CannotCount):
        count([HOURLY], NOW)


def test_refuses_when_the_setting_names_no_cache(settings):
    settings.WAGTAIL_AGENDA = {"CACHE": "nowhere"}
    with pytest.raises(CannotCount):
        count([HOURLY], NOW)


def test_taking_back_never_fails(settings):
    uncount([HOURLY], NOW)
    settings.WAGTAIL_AGENDA = {"CACHE": "nowhere"}
    uncount([HOURLY], NOW)


def test_takes_the_address_of_the_connection_whatever_a_header_says():
    forged = request(**{"X-Forwarded-For": "198.51.100.1"})
    assert throttle.client_address(forged) == "203.0.113.7"


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (2, "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (2, "198.51.100.1", "203.0.113.7"),
        (1, "", "203.0.113.7"),
        (1, "6.6.6.6, 198.51.100.1:49152", "198.51.100.1"),
        (1, "[2001:db8::1]:49152", "2001:db8::1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_believes_as_many_proxies_as_the_site_has(settings, proxies, header, address):
    settings.WAGTAIL_AGENDA = {"TRUSTED_PROXY_COUNT": proxies}
    assert throttle.client_address(request(**{"X-Forwarded-For": header})) == address


def test_one_household_has_one_key():
    key = throttle.address_key(request("2001:db8:1:2:aaaa::1"))
    assert key == throttle.address_key(request("2001:db8:1:2:bbbb::9"))
    assert key != throttle.address_key(request("2001:db8:1:3:aaaa::1"))
    mapped = throttle.address_key(request("::ffff:203.0.113.7"))
    assert mapped == throttle.address_key(request("203.0.113.7"))


@pytest.mark.parametrize("address", ["", "unknown", "unix:", "1.2.3.4, 5.6.7.8", "é\x00"])
def test_any_address_has_a_key_that_fits_its_column(address):
    assert len(throttle.address_key(request(address))) == 64
    assert address not in throttle.address_key(request(address)) or not address


@pytest.mark.parametrize(
    "same",
    [
        "ada@example.org",
        "ADA@Example.ORG",
        "ada+shop@example.org",
        "a.d.a+x.y@example.org",
        " ada@example.org ",
        "ada@ｅxample.org",
    ],
)
def test_one_person_has_one_key(same):
    assert throttle.email_key(same) == throttle.email_key("ada@example.org")


def test_different_people_have_different_keys():
    others = ["bob@example.org", "ada@example.com", "+x@example.org", "not an address", ""]
    assert len({throttle.email_key(other) for other in others}) == len(others)


def test_the_cache_holds_no_address(monkeypatch):
    keys = []
    monkeypatch.setattr(LocMemCache, "add", lambda self, key, *a, **k: keys.append(key) or True)
    count(throttle.booking_limits(request(), "ada@example.org"), NOW)
    assert len(keys) == 2
    assert not any("ada" in key or "203.0.113.7" in key for key in keys)
