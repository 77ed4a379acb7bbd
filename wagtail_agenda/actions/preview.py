"""What a status would send about a booking or a meeting, without sending anything."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from wagtail_agenda import letters, mail, meeting_mailing, tokens
from wagtail_agenda.mailing import Mails, audience_of, recipients
from wagtail_agenda.models import Booking, CalledMeeting, Delivery, Invitation
from wagtail_agenda.subjects import Subject

HIDDEN = "…"
"""Stands in a preview for the secret in the reader's own link."""

MESSAGE_ID = "<preview@localhost>"


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


def preview_of(subject: Subject, value: dict[str, Any], now: datetime) -> MailPreview:
    """The mail that an action « Send e-mail » would send about a booking or meeting as it is now.

    Of a meeting it is what somebody gets who has not been invited before. Writes nothing. The
    secret of the reader's own link is left out.
    """
    of_it = _of_meeting if isinstance(subject, CalledMeeting) else _of_booking
    found, delivery, secret = of_it(subject, value, now)
    try:
        letter = _without(secret, letters.written(delivery, now))
        attachments, missing = letters.attachments_of(delivery)
    except (ValueError, mail.PermanentFailure) as error:
        return MailPreview(found, problem=_("It could not be sent: %(error)s") % {"error": error})
    names = [attached.name for attached in attachments]
    if value.get("with_invitation"):
        names.insert(0, _("the calendar entry"))
    return MailPreview(found, letter.subject, letter.text, letter.html, names, missing)


def _of_booking(
    booking: Booking, value: dict[str, Any], _now: datetime
) -> tuple[list[str], Delivery, str]:
    """To whom, the first of their mails as a row that is not saved, and the secret in it."""
    action = Mails.action_of(booking, value)
    found = recipients(booking, action["to"], value)
    delivery = Delivery(
        booking=booking,
        audience=audience_of(action["to"]),
        recipient=found[0] if found else "",
        action=action,
        message_id=MESSAGE_ID,
    )
    return found, delivery, tokens.manage_token(booking)


def _of_meeting(
    meeting: CalledMeeting, value: dict[str, Any], now: datetime
) -> tuple[list[str], Delivery, str]:
    """As `_of_booking`."""
    news = meeting_mailing.INVITED if value.get("with_invitation") else meeting_mailing.TOLD
    if meeting.is_cancelled:
        news = meeting_mailing.CANCELLED
    action = meeting_mailing.action_of(meeting, value, news)
    found = meeting_mailing.recipients(meeting, action["to"], value)
    reader, audience = found[0] if found else "", audience_of(action["to"])
    method = "CANCEL" if meeting.is_cancelled else "REQUEST"
    # One that is nobody's: the link in the mail leads nowhere, even if it were to get out.
    invitation = Invitation(
        pk=0,
        called_meeting=meeting,
        audience=audience,
        address=reader.lower(),
        uid=MESSAGE_ID,
        stamp=now,
        method=method,
    )
    delivery = Delivery(
        called_meeting=meeting,
        audience=audience,
        recipient=reader,
        # Without an address there is no calendar entry, which would be refused.
        invitation=invitation if found else None,
        method=method,
        sequence=0,
        action=action,
        message_id=MESSAGE_ID,
    )
    return found, delivery, tokens.reply_token(invitation)


def _without(secret: str, letter: mail.Letter) -> mail.Letter:
    return replace(
        letter,
        subject=letter.subject.replace(secret, HIDDEN),
        text=letter.text.replace(secret, HIDDEN),
        html=letter.html.replace(secret, HIDDEN),
    )
