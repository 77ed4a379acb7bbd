"""How each site sends its mails: by whom they are, how they end, by which server they go.

What a site leaves empty, and a site without settings, is as the project's own settings have it.
"""

import os
import re
import threading
from datetime import datetime
from email.utils import make_msgid, parseaddr
from functools import lru_cache

from django.conf import settings as project_settings
from django.db import connections
from django.utils import translation
from django.utils.encoding import punycode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from wagtail.models import Site

from wagtail_agenda import conf, encryption, mail, placeholders
from wagtail_agenda.cleaning import clean_text
from wagtail_agenda.ics import Party
from wagtail_agenda.models import MailSettings

USUAL_PORTS = {"starttls": 587, "tls": 465, "none": 25}

_VARIABLE = re.compile(r"(?=.*(?:MAIL|SMTP))[A-Z][A-Z0-9_]*", re.ASCII)

SECONDS_TO_TEST = 30
"""How long an administrator waits for the answer of a mail server at the most."""


def of_site(site: Site | None) -> MailSettings | None:
    """The settings of a site; None if it has none of its own."""
    if site is None:
        return None
    try:
        return site.agenda_mail_settings
    except MailSettings.DoesNotExist:
        return None


def sender(site: Site | None = None) -> Party:
    """Whom mails and invitations come from: one service address, never a person's.

    A mail client ignores an invitation whose organiser is its own recipient, and a person's
    address in From fails DMARC. The mail settings of `site` come before the project's, and it
    gives the name where neither has one.
    """
    own = of_site(site)
    name, address = _parsed(conf.get("FROM_EMAIL") or project_settings.DEFAULT_FROM_EMAIL)
    name = conf.get("FROM_NAME") or name or (site.site_name if site else "")
    if own is None:
        return Party(address, name)
    return Party(own.sender_address or address, own.sender_name or name)


_parsed = lru_cache(maxsize=8)(parseaddr)


def calendar_domain() -> str:
    """The domain that UIDs and Message-IDs end with, in ASCII."""
    _local, at, domain = sender().address.rpartition("@")
    try:
        return punycode(conf.get("UID_DOMAIN") or (domain if at else "")) or "localhost"
    except UnicodeError:
        return "localhost"


def server_of(site: Site | None) -> mail.Server | None:
    """The mail server of a site; None for the project's own backend.

    Raises `mail.TemporaryFailure`, in words, if its password cannot be had: it is not sent without
    one, and once that is mended it goes.
    """
    settings = of_site(site)
    if settings is None or not settings.host:
        return None
    problem = password_problem(settings)
    if problem:
        raise mail.TemporaryFailure(problem, configuration=True)
    return mail.Server(
        host=settings.host,
        port=settings.port or USUAL_PORTS[settings.security],
        security=settings.security,
        user=settings.user,
        password=_password(settings) if settings.user else "",
    )


def password_problem(settings: MailSettings) -> str:
    """Why nobody can log in with these settings, in words; "" if nothing speaks against it."""
    if not (settings.host and settings.user):
        return ""
    values = {"site": settings.site, "variable": settings.password_variable}
    try:
        password = _password(settings)
    except encryption.Unreadable:
        problem = _(
            "The password in the mail settings of “%(site)s” cannot be read: the keys that it was "
            "encrypted with are gone. Enter it again."
        )
        return problem % values
    if settings.password_variable and not is_variable(settings.password_variable):
        problem = _(
            "The mail settings of “%(site)s” name the environment variable “%(variable)s”. Take "
            "one with MAIL or SMTP in its name, of capitals, digits and “_”."
        )
        return problem % values
    if settings.password_variable and not password:
        problem = _(
            "The mail settings of “%(site)s” take the password from the environment variable "
            "“%(variable)s”, which is not set here."
        )
        return problem % values
    if not (settings.user + password).isascii():
        # RFC 4954 allows UTF-8, but Python's SMTP client sends ASCII alone.
        problem = _(
            "User and password in the mail settings of “%(site)s” must be letters without accents, "
            "digits and signs."
        )
        return problem % values
    return ""


def is_variable(name: str) -> bool:
    """Whether a password may be taken from the environment variable of this name.

    It has to be one for mail: whoever types these settings says which server is sent its value,
    and must not come to know the other secrets of the process that way.
    """
    return _VARIABLE.fullmatch(name) is not None


def _password(settings: MailSettings) -> str:
    if settings.password_variable:
        return os.environ.get(settings.password_variable, "")
    return encryption.decrypt(settings.password)


def send_test(settings: MailSettings, *, sender: Party, recipient: str, now: datetime) -> str:
    """Send a message to see whether mails leave. "" if it was taken, else what went wrong.

    Waits for the mail server, for `SECONDS_TO_TEST` at the most.
    """
    try:
        server = server_of(settings.site)
    except mail.DeliveryFailure as failure:
        return failure.reason
    letter = mail.Letter(
        sender=sender,
        to=Party(recipient, ""),
        subject=_("Test of the mail settings of %(site)s") % {"site": settings.site},
        text=_("This message shows that mails of %(site)s leave.") % {"site": settings.site}
        + signature_text(settings),
        html="",
        message_id=make_msgid(domain=sender.address.rpartition("@")[2] or "localhost"),
        date=now,
        reply_to=settings.reply_to,
        language=get_language() or "",
    )
    said: list[str] = []

    language = get_language()

    def attempt() -> None:
        try:
            with translation.override(language):
                said.append(_attempted(letter, server))
        finally:
            connections.close_all()

    # A server that drips is quicker than each of its time limits, and never at its end.
    waiting = threading.Thread(target=attempt, daemon=True)
    waiting.start()
    waiting.join(SECONDS_TO_TEST)
    if not said:
        return _("The mail server has not answered within %(seconds)d seconds.") % {
            "seconds": SECONDS_TO_TEST
        }
    return said[0]


def _attempted(letter: mail.Letter, server: mail.Server | None) -> str:
    try:
        mail.send(letter, server=server)
    except mail.DeliveryFailure as failure:
        return failure.reason if server is None else mail.in_words(failure, server)
    return ""


# What every mail ends with


def signature_text(settings: MailSettings | None) -> str:
    """What stands at the end of a plain text, after the line that mail programs know it by."""
    signature = clean_text(settings.signature).strip() if settings else ""
    return f"\n-- \n{signature}\n" if signature else ""


def signature_html(settings: MailSettings | None) -> str:
    """The same at the end of an HTML text."""
    signature = settings.signature.strip() if settings else ""
    return "\n" + placeholders.html_from_text(signature) if signature else ""
