"""What is to be known of a mail: whether it still holds, what goes first, what it says."""

import json
import logging
import smtplib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Min, Q
from django.utils.translation import gettext as _

from wagtail_agenda import letters, mail, tokens
from wagtail_agenda.choices import Admission, DeliveryKind, DeliveryState
from wagtail_agenda.models import Delivery
from wagtail_agenda.outbox import claiming

logger = logging.getLogger(__name__)

_STAND_IN = "\ue000manage-token\ue000"
_AWAY = "server_away"
_ASKED_AT = "asked_at"

ASKED_EVERY = timedelta(minutes=5)
"""How often a mail is tried at the most so that it is noticed when its server is back."""


def is_superseded(delivery: Delivery) -> bool:
    """Whether something later makes this message wrong. Cancellations always go.

    What was said of a booking's admission is wrong once it has another one.
    """
    said = delivery.action.get("admission")
    if delivery.method == "CANCEL" or said == Admission.CANCELLED:
        return False
    if delivery.booking.is_cancelled or (said and said != delivery.booking.admission):
        return True
    return delivery.invitation is not None and delivery.invitation.sequence > delivery.sequence


def ahead_of(delivery: Delivery) -> Delivery | None:
    """An earlier mail about the booking that its recipient has coming; it has to leave first.

    Nobody is to read first of a move and then of the booking. What has been overtaken is not sent,
    so it keeps nothing waiting.
    """
    earlier = Delivery.objects.filter(
        booking=delivery.booking_id,
        kind=DeliveryKind.MAIL,
        recipient=delivery.recipient,
        pk__lt=delivery.pk,
        state__in=[DeliveryState.DUE, DeliveryState.SENDING],
        done_at__isnull=True,
    ).select_related("booking", "invitation")
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
    of_sites = Q(booking__site__in=named)
    if len(named) < len(set(sites)):
        of_sites |= Q(booking__site=None)
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
        .values("booking__site", "attempts")
        .annotate(first=Min("pk"))
        .order_by("-attempts")
    )
    # Of each site the one that was tried least.
    scouts = {row["booking__site"]: row["first"] for row in waiting}
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
    the secret of the manage link, which is put in at each attempt. Raises `mail.PermanentFailure`.
    """
    token = tokens.manage_token(delivery.booking)
    try:
        if delivery.letter is None:
            letter = mail.to_json(letters.letter_of(delivery, now))
            delivery.letter = _replaced(letter, token, _STAND_IN)
        return mail.from_json(_replaced(delivery.letter, _STAND_IN, token))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # Data of a shape nobody foresaw: another attempt would meet it again.
        logger.exception("Delivery %s cannot be written", delivery.pk)
        raise mail.PermanentFailure(
            _("The message cannot be written: %(error)s") % {"error": error}
        ) from error


def _replaced(letter: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    written = json.dumps(letter, ensure_ascii=False)
    return json.loads(written.replace(old, new))
