"""What is to be known of a mail: whether it still holds, what goes first, what it says."""

import logging
import smtplib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Min, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from wagtail_agenda import letters, mail, tokens
from wagtail_agenda.choices import (
    FORMER_ADDRESS,
    Admission,
    Audience,
    DeliveryKind,
    DeliveryState,
    MailTo,
)
from wagtail_agenda.models import Booking, Delivery
from wagtail_agenda.outbox import claiming
from wagtail_agenda.subjects import of

logger = logging.getLogger(__name__)

_MANAGE_LINK = "\ue000manage-token\ue000"
_REPLY_LINK = "\ue000reply-token\ue000"
_AWAY = "server_away"
_ASKED_AT = "asked_at"

ASKED_EVERY = timedelta(minutes=5)
"""How often a mail is tried at the most so that it is noticed when its server is back."""


def is_superseded(delivery: Delivery) -> bool:
    """Whether something later makes this message wrong. Cancellations always go.

    What was said of a booking's admission is wrong once it has another one, and everything once the
    visitor has another address: it would bring their link to the wrong one.
    """
    if _is_to_another(delivery):
        return True
    said = delivery.action.get("admission")
    if delivery.method == "CANCEL" or said == Admission.CANCELLED:
        return False
    about = delivery.subject
    if about.is_cancelled or (said and said != about.admission):
        return True
    return delivery.invitation is not None and delivery.invitation.sequence > delivery.sequence


def _is_to_another(delivery: Delivery) -> bool:
    """Whether it goes to the visitor at an address that was corrected since.

    The mail that takes a booking back goes to such an address alone.
    """
    to = delivery.action.get("to", MailTo.VISITOR)
    if delivery.audience != Audience.VISITOR or to not in (MailTo.VISITOR, FORMER_ADDRESS):
        return False
    is_theirs = delivery.recipient.lower() == delivery.booking.user_email.strip().lower()
    return is_theirs == (to == FORMER_ADDRESS)


def lock_mails(booking: Booking) -> None:
    """Let no worker claim a mail to the visitor before this transaction is over."""
    list(_to_visitor(booking).select_for_update().order_by("pk").values_list("pk", flat=True))


def overtake(booking: Booking, recipient: str, *, now: datetime) -> list[Delivery]:
    """Keep from leaving what waits, or has failed, for an address that the visitor has no more.

    Answers with the mails that may have reached it, in their order.
    """
    theirs = list(
        _to_visitor(booking).select_for_update().filter(recipient__iexact=recipient).order_by("pk")
    )
    waiting = [mail for mail in theirs if mail.state in (DeliveryState.DUE, DeliveryState.FAILED)]
    Delivery.objects.filter(pk__in=[mail.pk for mail in waiting]).update(
        state=DeliveryState.SUPERSEDED, done_at=now, leased_until=None, letter=None
    )
    return [
        mail
        for mail in theirs
        if mail.state in (DeliveryState.DONE, DeliveryState.SENDING)
        # It was refused for now, or the connection broke when it had been taken.
        or (mail.state == DeliveryState.DUE and mail.attempts)
    ]


def _to_visitor(booking: Booking) -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        booking=booking, kind=DeliveryKind.MAIL, audience=Audience.VISITOR
    )


def ahead_of(delivery: Delivery) -> Delivery | None:
    """An earlier mail about the booking that its recipient has coming; it has to leave first.

    Nobody is to read first of a move and then of the booking. What has been overtaken is not sent,
    so it keeps nothing waiting.
    """
    earlier = Delivery.objects.filter(
        kind=DeliveryKind.MAIL,
        recipient=delivery.recipient,
        pk__lt=delivery.pk,
        state__in=[DeliveryState.DUE, DeliveryState.SENDING],
        done_at__isnull=True,
        **of(delivery.subject),
    ).select_related("booking", "called_meeting", "invitation")
    return next((one for one in earlier.order_by("pk") if not is_superseded(one)), None)


def refused(delivery: Delivery, failure: mail.DeliveryFailure, now: datetime) -> str:
    """Note that a mail did not leave, and whether it is tried again. Answers with its state."""
    if isinstance(failure, mail.PermanentFailure):
        return fail(delivery, failure.reason, now)
    if failure.configuration:
        logger.error("No mail leaves until the settings are changed: %s", failure.reason)
    due_at = claiming.next_attempt_at(delivery, now)
    if due_at is None:
        return fail(delivery, claiming.given_up(failure.reason), now)
    columns = {}
    if _is_of_the_server(failure):
        columns["action"] = {**delivery.action, _AWAY: True, _ASKED_AT: now.isoformat()}
    elif delivery.action.get(_AWAY, False):
        columns["action"] = {**delivery.action, _AWAY: False}
    claiming.postpone(delivery, due_at, failure.reason, now, **columns)
    return DeliveryState.DUE


def fail(delivery: Delivery, reason: str, now: datetime) -> str:
    """Note that a mail failed for good. Answers with its state."""
    with transaction.atomic():
        if claiming.fail(delivery, reason):
            claiming.note(delivery, "delivery_failed", now, reason=reason)
    return DeliveryState.FAILED


def _is_of_the_server(failure: mail.TemporaryFailure) -> bool:
    """Whether any other mail would have met it too."""
    cause = failure.__cause__
    about_this_mail = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)
    greeting = (smtplib.SMTPConnectError, smtplib.SMTPHeloError)
    return bool(
        failure.configuration
        or isinstance(cause, greeting)
        or (isinstance(cause, OSError) and not isinstance(cause, about_this_mail))
    )


def hurry(sites: Iterable[int | None], now: datetime) -> None:
    """Let the mails of these sites leave that only waited for a server which is back."""
    named = [site for site in sites if site is not None]
    of_sites = Q(booking__site__in=named) | Q(called_meeting__site__in=named)
    if len(named) < len(set(sites)):
        of_sites |= Q(booking__site=None, called_meeting__site=None)
    waiting = Delivery.objects.filter(
        # What was never attempted waits for an earlier one.
        of_sites & (Q(action__server_away=True) | Q(attempts=0)),
        kind=DeliveryKind.MAIL,
        state=DeliveryState.DUE,
        due_at__gt=now,
    )
    # MariaDB updates no table that it reads in the same statement by way of another.
    pks = list(waiting.values_list("pk", flat=True))
    if pks:
        Delivery.objects.filter(pk__in=pks, state=DeliveryState.DUE).update(due_at=now)


def send_scouts(now: datetime) -> None:
    """Make one mail due for each site whose server was away, unless it has just been tried.

    Where nobody books, it would be noticed hours later that the server is back: all mails wait
    ever longer. `hurry` lets the others follow.
    """
    waiting = (
        Delivery.objects.filter(
            kind=DeliveryKind.MAIL,
            state=DeliveryState.DUE,
            due_at__gt=now,
            action__server_away=True,
        )
        .order_by()
        .annotate(site=Coalesce("booking__site", "called_meeting__site"))
        .values("site", "attempts")
        .annotate(first=Min("pk"))
        .order_by("-attempts")
    )
    # Of each site the one that was tried least.
    scouts = {row["site"]: row["first"] for row in waiting}
    chosen = [
        scout.pk
        for scout in Delivery.objects.filter(pk__in=scouts.values())
        if _asked_at(scout, now) <= now - ASKED_EVERY
    ]
    if chosen:
        Delivery.objects.filter(pk__in=chosen, state=DeliveryState.DUE).update(due_at=now)


def _asked_at(delivery: Delivery, now: datetime) -> datetime:
    try:
        return datetime.fromisoformat(delivery.action.get(_ASKED_AT))
    except (TypeError, ValueError):
        # Queued by an earlier release.
        return now - ASKED_EVERY


def letter_of(delivery: Delivery, now: datetime) -> mail.Letter:
    """The message as first written; of a delivery without one it is written now.

    The delivery has it then, to be stored until it has left, for every attempt to repeat: without
    the secrets of its links, which are put in at each attempt. Raises `mail.PermanentFailure`.
    """
    secrets = _secrets_of(delivery)
    try:
        if delivery.letter is None:
            letter = mail.to_json(letters.letter_of(delivery, now))
            for stand_in, secret in secrets.items():
                letter = _replaced(letter, secret, stand_in)
            delivery.letter = letter
        letter = delivery.letter
        for stand_in, secret in secrets.items():
            letter = _replaced(letter, stand_in, secret)
        return mail.from_json(letter)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # Data of a shape nobody foresaw: another attempt would meet it again.
        logger.exception("Delivery %s cannot be written", delivery.pk)
        raise mail.PermanentFailure(
            _("The message cannot be written: %(error)s") % {"error": error}
        ) from error


def _secrets_of(delivery: Delivery) -> dict[str, str]:
    """The tokens that links in its letter may have, by what stands for each in the database."""
    secrets = {}
    if delivery.booking is not None:
        secrets[_MANAGE_LINK] = tokens.manage_token(delivery.booking)
    answerable = letters.invitation_of(delivery)
    if answerable is not None:
        secrets[_REPLY_LINK] = tokens.reply_token(answerable)
    return secrets


def _replaced(letter: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """The letter with another text for each link; its calendar and files have none."""
    return {
        name: text.replace(old, new) if isinstance(text, str) else text
        for name, text in letter.items()
    }
