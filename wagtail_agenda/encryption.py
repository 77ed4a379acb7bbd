"""Secrets that must be read again, such as the one that a signature is made with, kept encrypted.

A copy of the database alone then betrays none of them. The keys come from ``ENCRYPTION_KEYS``, the
newest first: what older ones have encrypted is still read. Without any, the key is derived from
Django's ``SECRET_KEY`` and its fallbacks, so that nothing has to be set up.
"""

import base64
import binascii

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from wagtail_agenda import conf

_PURPOSE = b"wagtail-agenda: secrets of other systems"


class Unreadable(Exception):
    """A secret that no present key can read: it has to be entered again."""


def encrypt(secret: str) -> str:
    """The secret as text that may be stored; an empty one stays empty."""
    return _keys().encrypt(secret.encode()).decode("ascii") if secret else ""


def decrypt(stored: str) -> str:
    """The secret that `encrypt` was given. Raises `Unreadable`."""
    if not stored:
        return ""
    try:
        return _keys().decrypt(stored.encode()).decode()
    except (InvalidToken, UnicodeError) as error:
        raise Unreadable() from error


def renewed(stored: str) -> str:
    """The same secret under the newest key. Raises `Unreadable`."""
    return encrypt(decrypt(stored))


def under(key: str) -> Fernet:
    """What encrypts with a key that is not kept here, such as one that a caller presents."""
    return Fernet(_derived(key))


def _keys() -> MultiFernet:
    given = conf.get("ENCRYPTION_KEYS")
    if not given:
        roots = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        return MultiFernet([Fernet(_derived(root)) for root in roots])
    try:
        return MultiFernet([Fernet(key) for key in given])
    except (ValueError, TypeError, binascii.Error) as error:
        raise ImproperlyConfigured(
            "WAGTAIL_AGENDA['ENCRYPTION_KEYS'] must be a list of keys, each 32 bytes in URL-safe "
            "base64, as `cryptography.fernet.Fernet.generate_key()` makes them."
        ) from error


def _derived(root: str | bytes) -> bytes:
    material = root if isinstance(root, bytes) else root.encode()
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE)
    return base64.urlsafe_b64encode(derivation.derive(material))
