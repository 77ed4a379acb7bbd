"""The secret links: to manage a booking, to read it in a calendar, to answer an invitation.

The token to manage it is 256 bits derived from the booking's uuid under the site's secret key, so
that the worker can write it into a mail without the database ever holding it; the booking keeps
only its SHA-256 digest. Whoever reads a dump of the database can therefore manage no booking.

A calendar service gets a token of its own, made from the other one by a one-way function: it reads
the entry for as long as the visitor's link works, and can neither see nor cancel the booking.

When the visitor's address is corrected, the link goes by another `Booking.address_version`: that
in the mails to the wrong address leads nowhere from then on, and neither does its calendar address.

Who was invited by somebody else answers by a token that names their invitation and is signed under
the secret key over its UID, so nothing of it is stored. It works for as long as there is that
invitation; whether it may still be answered is for `answering` to say.
"""

import base64
import hashlib
import re
import uuid

from django.conf import settings
from django.db.models import BigIntegerField, QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac

from wagtail_agenda.models import Booking, Invitation

SALT = "wagtail_agenda.manage"
FEED_SALT = "wagtail_agenda.feed"
REPLY_SALT = "wagtail_agenda.reply"
TOKEN_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")
FEED_TOKEN_SHAPE = re.compile(r"[A-Za-z0-9_-]{64}")
REPLY_TOKEN_SHAPE = re.compile(r"[A-Za-z0-9_-]{54}")


def _token(booking: Booking, secret: str) -> str:
    named = booking.uuid.hex
    if booking.address_version:
        named += f":{booking.address_version}"
    return _written(salted_hmac(SALT, named, secret=secret, algorithm="sha256").digest())


def _feed_token(booking_uuid: uuid.UUID, manage_token: str) -> str:
    mac = salted_hmac(FEED_SALT, booking_uuid.hex, secret=manage_token, algorithm="sha256").digest()
    return _written(booking_uuid.bytes + mac)


def _written(code: bytes) -> str:
    return base64.urlsafe_b64encode(code).rstrip(b"=").decode()


def digest_of(token: str) -> str:
    """What the database keeps of a token: its SHA-256, in hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def new_digest(booking: Booking) -> str:
    """The digest to store on a booking that is being made, or gets a new link."""
    return digest_of(_token(booking, settings.SECRET_KEY))


def manage_token(booking: Booking) -> str:
    """The secret part of the booking's manage link: 43 letters, digits, ``-`` and ``_``.

    A booking made under an earlier secret key keeps its link as long as that key is listed in
    ``SECRET_KEY_FALLBACKS``. Once it is not, the booking gets a link under the present key.
    """
    token = _valid_token(booking)
    if token is not None:
        return token
    booking.token_digest = new_digest(booking)
    booking.save(update_fields=["token_digest"])
    return _token(booking, settings.SECRET_KEY)


def _valid_token(booking: Booking) -> str | None:
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        token = _token(booking, secret)
        if digest_of(token) == booking.token_digest:
            return token
    return None


def booking_of_token(token: str) -> Booking | None:
    """The booking that a manage link belongs to, or None for anything else."""
    if not TOKEN_SHAPE.fullmatch(token):
        return None
    return _bookings().filter(token_digest=digest_of(token)).first()


def feed_token(booking: Booking) -> str:
    """The secret part of the booking's calendar address: 64 letters, digits, ``-`` and ``_``.

    Stays the same for as long as the manage link does.
    """
    return _feed_token(booking.uuid, manage_token(booking))


def booking_of_feed_token(token: str) -> Booking | None:
    """The booking that a calendar address belongs to, or None for anything else."""
    if not FEED_TOKEN_SHAPE.fullmatch(token):
        return None
    claimed = uuid.UUID(bytes=base64.urlsafe_b64decode(token)[:16])
    booking = _bookings().filter(uuid=claimed).first()
    manage_token = _valid_token(booking) if booking is not None else None
    if manage_token is None:
        return None
    right = _feed_token(claimed, manage_token)
    return booking if constant_time_compare(token, right) else None


def _bookings() -> QuerySet[Booking]:
    return Booking.objects.select_related(
        "agenda", "meeting_type", "desk", "event", "status", "site"
    )


def reply_token(invitation: Invitation) -> str:
    """The secret part of the link to answer an invitation: 54 letters, digits, ``-`` and ``_``."""
    return _reply_token(invitation, settings.SECRET_KEY)


def _reply_token(invitation: Invitation, secret: str) -> str:
    mac = salted_hmac(REPLY_SALT, invitation.uid, secret=secret, algorithm="sha256").digest()
    return _written(invitation.pk.to_bytes(8, "big") + mac)


def invitation_of_reply_token(token: str) -> Invitation | None:
    """The invitation that a link to answer belongs to, or None for anything else."""
    if not REPLY_TOKEN_SHAPE.fullmatch(token):
        return None
    named = int.from_bytes(base64.urlsafe_b64decode(token + "==")[:8], "big")
    if named > BigIntegerField.MAX_BIGINT:
        return None
    invitation = (
        Invitation.objects.select_related(
            "booking__agenda",
            "booking__meeting_type",
            "booking__event",
            "called_meeting__agenda",
            "called_meeting__desk",
            "called_meeting__resource",
        )
        .filter(pk=named)
        .first()
    )
    if invitation is None:
        return None
    right = (
        _reply_token(invitation, secret)
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )
    return invitation if any(constant_time_compare(token, one) for one in right) else None
