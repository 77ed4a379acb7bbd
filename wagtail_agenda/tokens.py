"""The link by which a visitor manages one booking.

The token is 256 bits derived from the booking's uuid under the site's secret key, so that the
worker can write it into a mail without the database ever holding it; the booking keeps only its
SHA-256 digest. Whoever reads a dump of the database can therefore manage no booking.
"""

import base64
import hashlib
import re

from django.conf import settings
from django.utils.crypto import salted_hmac

from wagtail_agenda.models import Booking

SALT = "wagtail_agenda.manage"
TOKEN_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")


def _token(uuid, secret: str) -> str:
    mac = salted_hmac(SALT, uuid.hex, secret=secret, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def digest_of(token: str) -> str:
    """What the database keeps of a token: its SHA-256, in hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def new_digest(booking: Booking) -> str:
    """The digest to store on a booking that is being made."""
    return digest_of(_token(booking.uuid, settings.SECRET_KEY))


def manage_token(booking: Booking) -> str:
    """The secret part of the booking's manage link: 43 letters, digits, ``-`` and ``_``.

    A booking made under an earlier secret key keeps its link as long as that key is listed in
    ``SECRET_KEY_FALLBACKS``. Once it is not, the booking gets a link under the present key.
    """
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        token = _token(booking.uuid, secret)
        if digest_of(token) == booking.token_digest:
            return token
    booking.token_digest = new_digest(booking)
    booking.save(update_fields=["token_digest"])
    return _token(booking.uuid, settings.SECRET_KEY)


def booking_of_token(token: str) -> Booking | None:
    """The booking that a manage link belongs to, or None for anything else."""
    if not TOKEN_SHAPE.fullmatch(token):
        return None
    return (
        Booking.objects.filter(token_digest=digest_of(token))
        .select_related("agenda", "meeting_type", "desk", "event", "status", "site")
        .first()
    )
