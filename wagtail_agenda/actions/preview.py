"""What a status would send about a booking, without sending anything."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from wagtail_agenda import letters, mail, tokens
from wagtail_agenda.mailing import Mails, audience_of, recipients
from wagtail_agenda.models import Booking, Delivery

HIDDEN = "…"
"""Stands in a preview for the secret in the visitor's own link."""


@dataclass(frozen=True)
class MailPreview:
    """One mail as it would be written now: to whom, its words, and what is attached."""

    recipients: list[str]
    subject: str = ""
    text: str = ""
    html: str = ""
    files: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    problem: str = ""


def preview_of(booking: Booking, value: dict[str, Any], now: datetime) -> MailPreview:
    """The mail that an action « Send e-mail » would send about a booking in its present state.

    Writes nothing. The secret of the visitor's link is left out.
    """
    action = Mails.action_of(booking, value)
    found = recipients(booking, action["to"], value)
    delivery = Delivery(
        booking=booking,
        audience=audience_of(action["to"]),
        recipient=found[0] if found else "",
        action=action,
        message_id="<preview@localhost>",
    )
    try:
        letter = _without_secret(letters.written(delivery, now), booking)
        attachments, missing = letters.attachments_of(delivery)
    except (ValueError, mail.PermanentFailure) as error:
        return MailPreview(found, problem=_("It could not be sent: %(error)s") % {"error": error})
    names = [attached.name for attached in attachments]
    if value.get("with_invitation"):
        names.insert(0, _("the calendar entry"))
    return MailPreview(found, letter.subject, letter.text, letter.html, names, missing)


def _without_secret(letter: mail.Letter, booking: Booking) -> mail.Letter:
    token = tokens.manage_token(booking)
    return replace(
        letter,
        subject=letter.subject.replace(token, HIDDEN),
        text=letter.text.replace(token, HIDDEN),
        html=letter.html.replace(token, HIDDEN),
    )
