"""The other systems that this one knows: their keys and secrets, what they may do, who is calling.

A key is like a password: whoever has it is the client, so only its digest is kept. A secret is
what both sides sign with, so it is kept encrypted. Both are told once, when they are made.
"""

import hashlib
import logging
import re
import secrets
import string
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.db.models.signals import post_delete, pre_delete
from django.dispatch import receiver
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wagtail_agenda import encryption, signing
from wagtail_agenda.models import Agenda, ApiClient, KeptAnswer, UsedNonce

logger = logging.getLogger(__name__)

KEY_PREFIX = "wagtail_agenda_key_"
SECRET_PREFIX = "wagtail_agenda_secret_"  # noqa: S105  what secrets begin with is none
WEBHOOK_PREFIX = "whsec_"
"""What keys and secrets begin with, so that scanners find one that was published by mistake."""

_LETTERS = string.ascii_letters + string.digits
_DRAWN = 43
"""Letters that are drawn for a key: 256 bits."""

_KEY = re.compile(re.escape(KEY_PREFIX) + f"[0-9A-Za-z]{{{_DRAWN}}}", re.ASCII)
_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\.?"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
_LONGEST_HOST = 255

SEEN_EVERY = timedelta(minutes=1)
"""How exactly `last_used_at` is kept: a client that calls often must not write at each call."""

NONCES_KEPT_FOR = 10 * signing.MAXIMUM_AGE
"""A signature is refused for its age long before its nonce is forgotten."""


class Scope(models.TextChoices):
    """What a client may do. None of them includes another."""

    READ = "read", gettext_lazy("Read agendas, free times and bookings")
    BOOK = "book", gettext_lazy("Book, change and cancel, and set off external calls")
    MANAGE = "manage", gettext_lazy("Change agendas and events")
    CHECK_IN = "check_in", gettext_lazy("Note who came")


class NotKnown(Exception):
    """Nobody who is known here called. `code` is for machines, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


@dataclass(frozen=True)
class Told:
    """What is told once, when a client is made; "" for what it was not given."""

    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)


# Making and replacing them


def add(
    label: str,
    *,
    orig: str = "",
    scopes: Collection[str] = (),
    agendas: Iterable[Agenda] = (),
    now: datetime,
) -> tuple[ApiClient, Told]:
    """Make a client with a key; with an `orig`, the host it signs as, with secrets too.

    No agendas means all of them. Raises `ValueError`, in words, for a host that is none or is
    another client's, and for a scope that there is not.
    """
    unknown = set(scopes) - set(Scope.values)
    if unknown:
        raise ValueError(
            _("There is no scope “%(scope)s”. There are: %(scopes)s.")
            % {"scope": ", ".join(sorted(unknown)), "scopes": ", ".join(Scope.values)}
        )
    host = clean_host(orig) if orig else None
    if host and ApiClient.objects.filter(orig=host).exists():
        raise ValueError(_("Another client signs as “%(host)s” already.") % {"host": host})
    with transaction.atomic():
        client = ApiClient.objects.create(
            label=label, orig=host, scopes=[name for name in Scope.values if name in scopes]
        )
        client.agendas.set(agendas)
        told = Told(
            key=new_key(client),
            secret=new_secret(client) if host else "",
            webhook_secret=new_webhook_secret(client) if host else "",
        )
    logger.info("API client %s was made at %s", client.pk, now)
    return client, told


def clean_host(text: str) -> str:
    """A host as clients sign with it: in small letters, with its port if one is given.

    Raises `ValueError`, in words, for anything else, such as an address with ``https://``.
    """
    host = text.strip().lower()
    match = _HOST.fullmatch(host)
    if not match or len(host) > _LONGEST_HOST or int(match["port"] or 1) not in range(1, 65536):
        raise ValueError(
            _("“%(host)s” is no host. Write it like forms.example.org or forms.example.org:8443.")
            % {"host": text}
        )
    return host


def new_key(client: ApiClient) -> str:
    """Give a client a new key, in the place of the one that it had, and tell it."""
    key = KEY_PREFIX + _drawn()
    client.key_digest = _digest(key)
    client.save(update_fields=["key_digest"])
    return key


def new_secret(client: ApiClient) -> str:
    """Give a client a new secret to sign with, and tell it.

    The one before goes on being accepted until `drop_previous_secret`, so that the other side can
    be told in its own time. Calls to the client are signed with the new one from now on.
    """
    secret = SECRET_PREFIX + _drawn()
    with transaction.atomic():
        # Of two administrators at once, the second replaces what the first has made.
        present = ApiClient.objects.select_for_update().get(pk=client.pk)
        client.previous_secret, client.secret = present.secret, encryption.encrypt(secret)
        client.save(update_fields=["secret", "previous_secret"])
    return secret


def drop_previous_secret(client: ApiClient) -> None:
    """Accept the secret before the present one no more."""
    client.previous_secret = ""
    client.save(update_fields=["previous_secret"])


def new_webhook_secret(client: ApiClient) -> str:
    """Give a client a new secret for the headers of Standard Webhooks, and tell it."""
    secret = WEBHOOK_PREFIX + b64encode(secrets.token_bytes(32)).decode("ascii")
    client.webhook_secret = encryption.encrypt(secret)
    client.save(update_fields=["webhook_secret"])
    return secret


def deactivate(client: ApiClient) -> None:
    """Take a client for nobody until it is activated again. What it was told stays valid."""
    client.active = False
    client.save(update_fields=["active"])


def activate(client: ApiClient) -> None:
    """Let a client that was deactivated call again."""
    client.active = True
    client.save(update_fields=["active"])


def _drawn() -> str:
    return "".join(secrets.choice(_LETTERS) for _position in range(_DRAWN))


def _digest(key: str) -> str:
    # No salt and no slow function: nobody guesses 256 bits that were drawn.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


# Who is calling


def by_key(key: str, *, now: datetime) -> ApiClient:
    """The active client whose key this is. Raises `NotKnown`."""
    client = (
        ApiClient.objects.filter(key_digest=_digest(key), active=True).first()
        if _KEY.fullmatch(key)
        else None
    )
    if client is None:
        raise NotKnown("invalid key", _("This key is nobody’s. Ask for a new one."))
    _note_seen(client, now)
    return client


def by_query(query: str, *, now: datetime) -> ApiClient:
    """The active client that signed a query string, as it was received.

    Uses up the nonce, so call it outside of a transaction that may be undone. Raises
    `signing.NotSigned`.
    """
    found: list[ApiClient] = []

    def secrets_of_caller(orig: str) -> list[str]:
        found[:] = _signing_as(orig)
        return [secret for client in found for secret in secrets_of(client)]

    def first_time(signed: signing.Signed) -> bool:
        return use_nonce(found[0], signed.nonce, now=now)

    signing.check_query(query, now=now, secrets_of=secrets_of_caller, use_nonce=first_time)
    _note_seen(found[0], now)
    return found[0]


def _signing_as(orig: str) -> list[ApiClient]:
    try:
        host = clean_host(orig)
    except ValueError:
        return []
    return list(ApiClient.objects.filter(orig=host, active=True))


def secrets_of(client: ApiClient) -> list[str]:
    """The secrets that a client may sign with: the present one and, for a while, the previous."""
    kept = map(_readable(client), [client.secret, client.previous_secret])
    return [secret for secret in kept if secret]


def secret_of(client: ApiClient) -> str:
    """The secret that calls to a client are signed with; "" if it has none that can be read."""
    return _readable(client)(client.secret)


def webhook_secret_of(client: ApiClient) -> str:
    """The secret of the client's webhook headers; "" if it has none that can be read."""
    return _readable(client)(client.webhook_secret)


def _readable(client: ApiClient) -> Callable[[str], str]:
    def read(stored: str) -> str:
        try:
            return encryption.decrypt(stored)
        except encryption.Unreadable:
            logger.error("A secret of API client %s cannot be read: make a new one.", client.pk)
            return ""

    return read


def at_host(host: str, port: int | None = None) -> ApiClient | None:
    """The active client behind an address that is called: by host and port, or else by host."""
    host = host.lower().rstrip(".")
    names = [f"{host}:{port}", host] if port else [host]
    known = {
        client.orig: client for client in ApiClient.objects.filter(orig__in=names, active=True)
    }
    return next((known[name] for name in names if name in known), None)


def use_nonce(client: ApiClient, nonce: str, *, now: datetime) -> bool:
    """Note that a client has used this number. False if it had done so before.

    The unique constraint decides, so that of two calls at one moment one is the first.
    """
    # Kept as a digest: some databases would take two numbers for one, or refuse a letter.
    digest = hashlib.sha256(nonce.encode("utf-8", "surrogatepass")).hexdigest()
    try:
        with transaction.atomic():
            UsedNonce.objects.create(client=client, nonce=digest, used_at=now)
    except IntegrityError:
        return False
    return True


def purge_nonces(now: datetime) -> int:
    """Forget the numbers of signatures that are too old to be accepted anyway. Answers how many."""
    return UsedNonce.objects.filter(used_at__lt=now - NONCES_KEPT_FOR).delete()[0]


def _note_seen(client: ApiClient, now: datetime) -> None:
    before = now - SEEN_EVERY
    if client.last_used_at is None or client.last_used_at <= before:
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=before)
        ApiClient.objects.filter(stale, pk=client.pk).update(last_used_at=now)
        client.last_used_at = now


# What it may do


def has_scope(client: ApiClient, scope: str) -> bool:
    """Whether a client may do this at all."""
    return isinstance(client.scopes, list) and scope in client.scopes


def may_touch(client: ApiClient, agenda: Agenda) -> bool:
    """Whether a client may know of an agenda. One that was given none knows all of them."""
    chosen = set(client.agendas.values_list("pk", flat=True))
    return not chosen or agenda.pk in chosen


def agendas_of(client: ApiClient) -> models.QuerySet[Agenda]:
    """The agendas that a client may know of."""
    chosen = client.agendas.values_list("pk", flat=True)
    return Agenda.objects.filter(pk__in=list(chosen)) if chosen else Agenda.objects.all()


ANSWERS_KEPT_FOR = timedelta(hours=24)
"""How long a client that calls again with the same key gets the same answer."""


def purge_kept_answers(now: datetime) -> int:
    """Forget the answers that are too old to be given again. Answers how many."""
    return KeptAnswer.objects.filter(made_at__lt=now - ANSWERS_KEPT_FOR).delete()[0]


def lock_code(client: ApiClient, code: str) -> str:
    """The lock code under which a client's hold is kept: never a visitor's, or another client's."""
    return "client-" + hashlib.sha256(f"{client.pk}:{code}".encode()).hexdigest()


@receiver(pre_delete, sender=Agenda, dispatch_uid="wagtail_agenda.clients_of_deleted_agenda")
def _remember_clients(instance: Agenda, **_kwargs) -> None:
    instance._its_clients = list(instance.clients.values_list("pk", flat=True))


@receiver(post_delete, sender=Agenda, dispatch_uid="wagtail_agenda.clients_left_without")
def _deactivate_clients_left_without(instance: Agenda, **_kwargs) -> None:
    """Deactivate whoever had no other agenda: choosing none would mean all of them."""
    left = ApiClient.objects.filter(pk__in=instance._its_clients, agendas=None, active=True)
    for client in left:
        logger.warning("API client %s is deactivated: its only agenda was deleted.", client.pk)
    ApiClient.objects.filter(pk__in=[client.pk for client in left]).update(active=False)
