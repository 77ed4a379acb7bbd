"""Limits on how often one address, or one e-mail address, may do something.

Counted in the cache that the setting CACHE names, which all web processes must share. Whatever
cannot be counted is refused: a limit that goes away with its cache protects nobody.

Addresses are counted under a keyed digest, so that the cache holds no personal data.
"""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network

from django.core.cache import caches
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from wagtail_agenda import conf
from wagtail_agenda.cleaning import email_address
from wagtail_agenda.models import ApiClient, Booking

logger = logging.getLogger(__name__)

SALT = "wagtail_agenda.throttle"
HOUR = 3600
DAY = 24 * HOUR
_ADDRESS_WITH_PORT = re.compile(r"(?:\[(?P<bracketed>[^\]]+)\]|(?P<plain>[\d.]+)):\d+", re.ASCII)

IPV6_PREFIX = 64
"""Bits of an IPv6 address that belong to one household; it may change the others at will."""


class TooMany(Exception):
    """A limit is reached. `retry_after` is in seconds."""

    def __init__(self, retry_after: int):
        super().__init__(f"again in {retry_after} s")
        self.retry_after = retry_after


class CannotCount(Exception):
    """The cache does not answer, so nothing may pass."""


@dataclass(frozen=True)
class Limit:
    """At most `most` times per `seconds` for one `key`; 0 stands for no limit."""

    what: str
    key: str
    most: int
    seconds: int

    def cache_key(self, now: datetime) -> str:
        return f"wagtail_agenda:{self.what}:{self.key}:{int(now.timestamp()) // self.seconds}"

    def ends_in(self, now: datetime) -> int:
        """Seconds until counting starts anew, at least one."""
        return max(1, self.seconds - int(now.timestamp()) % self.seconds)


def basket_limits(request: HttpRequest) -> list[Limit]:
    """The limits on starting to book."""
    most = conf.get("HOLDS_PER_ADDRESS_PER_HOUR")
    return [Limit("holds", address_key(request), most, HOUR)]


def booking_limits(request: HttpRequest, email: str) -> list[Limit]:
    """The limits on booking. The one per e-mail address protects whoever owns that address."""
    return [
        Limit("bookings", address_key(request), conf.get("BOOKINGS_PER_ADDRESS_PER_HOUR"), HOUR),
        Limit("mails", email_key(email), conf.get("BOOKINGS_PER_EMAIL_PER_DAY"), DAY),
    ]


def again_limits(request: HttpRequest, booking: Booking) -> list[Limit]:
    """The limits on having the mail of a booking sent again."""
    most = conf.get("MAILS_AGAIN_PER_BOOKING_PER_DAY")
    return [
        Limit("again", address_key(request), conf.get("BOOKINGS_PER_ADDRESS_PER_HOUR"), HOUR),
        Limit("mail-again", _digest(booking.uuid.hex), most, DAY),
    ]


def client_hold_limits(client: ApiClient) -> list[Limit]:
    """The limit on what one other system may hold: all its visitors share one address."""
    most = conf.get("HOLDS_PER_CLIENT_PER_HOUR")
    return [Limit("client-holds", str(client.pk), most, HOUR)]


def failed_call_limits(request: HttpRequest) -> list[Limit]:
    """The limits on calls of other systems without credentials, or with wrong ones."""
    most = conf.get("FAILED_CALLS_PER_ADDRESS_PER_HOUR")
    return [Limit("failed-calls", address_key(request), most, HOUR)]


def count(limits: Iterable[Limit], now: datetime) -> None:
    """Count one more time against every limit; all or none.

    Raises `TooMany` if one of them is reached, `CannotCount` if the cache fails.
    """
    counted: list[Limit] = []
    for limit in limits:
        if not limit.most:
            continue
        times = _add_one(limit, now)
        counted.append(limit)
        if times > limit.most:
            uncount(counted, now)
            raise TooMany(limit.ends_in(now))


def uncount(limits: Iterable[Limit], now: datetime) -> None:
    """Take back what `count` counted, for something that did not come about."""
    for limit in limits:
        if not limit.most:
            continue
        try:
            _cache().decr(limit.cache_key(now))
        except ValueError:
            # Its time has run out meanwhile: there is nothing left to take back.
            continue
        except Exception:
            # Each cache has errors of its own. Having counted one too many harms nobody.
            logger.warning("A limit could not be taken back.", exc_info=True)


def client_address(request: HttpRequest) -> str:
    """The address that a request came from.

    With TRUSTED_PROXY_COUNT proxies of the site's own in front, it is that many places from the
    end of X-Forwarded-For: everything before may have been written by anybody.
    """
    proxies = conf.get("TRUSTED_PROXY_COUNT")
    if proxies:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
        if len(hops) >= proxies and hops[-proxies]:
            return _without_port(hops[-proxies])
    return request.META.get("REMOTE_ADDR") or ""


def _without_port(hop: str) -> str:
    """Some proxies write the port as well, which is another one for every connection."""
    match = _ADDRESS_WITH_PORT.fullmatch(hop)
    return (match["bracketed"] or match["plain"]) if match else hop


def address_key(request: HttpRequest) -> str:
    """A digest of the network address, 64 characters. One IPv6 household has one."""
    text = client_address(request)
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return _digest(text)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return _digest(str(address.ipv4_mapped))
        network = ip_network((address.packed, IPV6_PREFIX), strict=False)
        return _digest(str(network.network_address))
    return _digest(str(address))


def email_key(email: str) -> str:
    """A digest of the e-mail address, 64 characters.

    The same whatever its capitals, its dots, and what follows a plus sign: with many providers all
    of them reach the same person.
    """
    try:
        email = email_address(email)
    except ValueError:
        email = email.strip()
    local, _at, domain = email.lower().rpartition("@")
    local = (local.partition("+")[0] or local).replace(".", "") or local
    return _digest(f"{local}@{domain}")


def _digest(text: str) -> str:
    return salted_hmac(SALT, text, algorithm="sha256").hexdigest()


def _cache():
    return caches[conf.get("CACHE")]


def _add_one(limit: Limit, now: datetime) -> int:
    key = limit.cache_key(now)
    # A minute longer than the window, because the cache's clock is not ours.
    seconds = limit.ends_in(now) + 60
    try:
        cache = _cache()
        if cache.add(key, 1, timeout=seconds):
            return 1
        times = cache.incr(key)
    except Exception as error:
        # Each cache has errors of its own, and none of them may let anybody through.
        logger.exception("The cache for limits does not answer; bookings are refused.")
        raise CannotCount() from error
    if not isinstance(times, int):
        # Some caches swallow their errors and answer None.
        logger.error("The cache for limits answers %r; bookings are refused.", times)
        raise CannotCount()
    return times
