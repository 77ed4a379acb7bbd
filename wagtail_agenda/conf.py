"""The one place that reads the site's settings.

A site sets what it wants to change in one dictionary::

    WAGTAIL_AGENDA = {"HOLD_MINUTES": 15, "BASE_TEMPLATE": "base.html"}

`get()` answers with the site's value or with the default below. A key that is not in `DEFAULTS` is
never read; `unknown_settings()` names such keys, and a system check reports them.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

SETTING = "WAGTAIL_AGENDA"

DEFAULTS: Mapping[str, Any] = {
    # --- Pages that visitors see -----------------------------------------------------------------
    # Template that the visitor's pages extend: the site's own base template, which must have a
    # block called "content". The default stands on its own.
    "BASE_TEMPLATE": "wagtail_agenda/visitor/standalone.html",
    # Scheme and host of links in mails, e.g. "https://www.fairbridge.example". None: the Wagtail
    # site on which the booking was made.
    "BASE_URL": None,
    # --- Mails and invitations -------------------------------------------------------------------
    # Address that mails come from. None: DEFAULT_FROM_EMAIL.
    "FROM_EMAIL": None,
    # Name in front of that address. None: the name of the Wagtail site, if it has one.
    "FROM_NAME": None,
    # Domain at the end of every UID in an invitation (RFC 5545 §3.8.4.7). Changing it makes
    # calendars treat later updates as new appointments. None: the domain of the from address.
    "UID_DOMAIN": None,
    # Hours after which a mail that only met temporary refusals is given up.
    "DELIVERY_GIVE_UP_HOURS": 24,
    # --- Other systems ---------------------------------------------------------------------------
    # Hosts, or "host:port", of one's own that may be called although they are internal, at any
    # port and without https. All others are called with https on the public internet only.
    "CALLBACK_HOSTS": (),
    # The host under which this site signs its calls. None: that of the booking's Wagtail site.
    "ORIG": None,
    # Calls to one host at a time: a slow one then keeps no worker from the others.
    "CALLS_PER_HOST": 2,
    # Keys that encrypt secrets in the database, the newest first, as made by
    # `cryptography.fernet.Fernet.generate_key()`. None: derived from SECRET_KEY.
    "ENCRYPTION_KEYS": None,
    # --- Holds and forms -------------------------------------------------------------------------
    # Minutes for which a chosen time stays reserved while the visitor fills in the form.
    "HOLD_MINUTES": 10,
    # Hours for which a booking form stays valid as the visitor saw it, for instance in an open tab
    # or a cached page, after an editor has changed or removed it.
    "FORM_DEFINITION_HOURS": 24,
    # Seconds below which nobody fills in a form by hand; a faster answer is taken for a robot's.
    "FORM_MINIMUM_SECONDS": 3,
    # Dotted paths of functions that look at each form before it becomes a booking, see `spam.py`.
    "SPAM_CHECKS": (),
    # --- Limits against abuse; 0 lifts a limit ---------------------------------------------------
    # Times that one browser session may hold at once.
    "HOLDS_PER_SESSION": 3,
    # Times that one network address may hold at once. A library's computers share one address.
    "HOLDS_PER_ADDRESS": 20,
    # Times that one network address may choose in an hour, changes of mind included.
    "HOLDS_PER_ADDRESS_PER_HOUR": 60,
    # Times that one other system may hold in an hour, for all of its visitors together.
    "HOLDS_PER_CLIENT_PER_HOUR": 3_600,
    # Bookings that one network address may make in an hour.
    "BOOKINGS_PER_ADDRESS_PER_HOUR": 20,
    # Bookings that one e-mail address may be given in a day. It protects the owner of an address
    # that somebody else types.
    "BOOKINGS_PER_EMAIL_PER_DAY": 10,
    # Times a day that a visitor may have the mail of one booking sent again.
    "MAILS_AGAIN_PER_BOOKING_PER_DAY": 3,
    # Calls of other systems that may fail, for want of the right key or signature, from one network
    # address in an hour.
    "FAILED_CALLS_PER_ADDRESS_PER_HOUR": 60,
    # Reverse proxies of the site's own in front of Django: how many entries at the end of
    # X-Forwarded-For can be believed. 0: the header is not read.
    "TRUSTED_PROXY_COUNT": 0,
    # Alias in CACHES of the cache that counts these limits. All web processes must share it.
    "CACHE": "default",
}


def get(name: str) -> Any:
    """Returns the site's value of a setting, or its default.

    Raises LookupError for a name that `DEFAULTS` does not list, which is a mistake in the caller,
    and ImproperlyConfigured when `WAGTAIL_AGENDA` is not a dictionary.
    """
    if name not in DEFAULTS:
        raise LookupError(f"{SETTING} has no setting called {name!r}.")
    return _site_values().get(name, DEFAULTS[name])


def unknown_settings() -> list[str]:
    """Returns the keys of `WAGTAIL_AGENDA` that nothing reads, in alphabetical order."""
    return sorted(str(key) for key in _site_values() if key not in DEFAULTS)


def _site_values() -> Mapping[str, Any]:
    values = getattr(settings, SETTING, {})
    if not isinstance(values, Mapping):
        raise ImproperlyConfigured(
            f"The setting {SETTING} is a {type(values).__name__}; "
            'write a dictionary, for instance {"HOLD_MINUTES": 15}.'
        )
    return values
