"""The finished message of a delivery: the words of an editor or our own, filled in."""

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import Q, QuerySet
from django.template.defaultfilters import filesizeformat
from django.utils import translation
from django.utils.html import escape
from django.utils.translation import get_language_bidi, gettext
from wagtail.rich_text import expand_db_html

from wagtail_agenda import (
    built_in_mails,
    built_in_meeting_mails,
    ics,
    mail,
    mail_settings,
    meeting_words,
    placeholders,
)
from wagtail_agenda.calendar_entries import calendar_event, without_visitor
from wagtail_agenda.choices import (
    FORMER_ADDRESS,
    PASSED_ON_TO,
    Audience,
    DeliveryState,
    MailTo,
)
from wagtail_agenda.cleaning import MOST_ATTACHED
from wagtail_agenda.correspondence import (
    SECRET_PLACEHOLDERS,
    base_url,
    kept_values,
    language_for,
    own_values,
    placeholder_values,
    said_by_visitor,
)
from wagtail_agenda.ics import Party
from wagtail_agenda.meeting_words import language_of, reply_url
from wagtail_agenda.models import (
    Booking,
    CalledMeeting,
    Delivery,
    Entry,
    Invitation,
    KeptFile,
)
from wagtail_agenda.subjects import Subject, of

logger = logging.getLogger(__name__)

LINKS = frozenset(
    {"admin_url", "manage_url", "reply_url", "video_link", "backoffice_url", "form_url", "url"}
)
_PATH_OF_THIS_SITE = re.compile(r"""(<a\b[^>]*\shref=")(?=/(?!/))""")


ATTACHMENT_MISSING = "attachment_missing"
"""What the history says when a mail left without a file that was to go with it."""


def letter_of(delivery: Delivery, now: datetime) -> mail.Letter:
    """The finished message of a delivery, in its reader's language.

    A file that is not there is noted in the history, and the mail goes without. Raises
    `ValueError` when an address that the calendar entry needs is unusable, and
    `mail.PermanentFailure` when the files are too large for a mail.
    """
    attachments, missing = attachments_of(delivery)
    letter = replace(written(delivery, now), attachments=attachments)
    for name in missing:
        logger.warning("Delivery %s leaves without “%s”.", delivery.pk, name)
        Entry.objects.create(
            **of(delivery.subject),
            what=ATTACHMENT_MISSING,
            at=now,
            data={
                "name": name,
                "recipient": delivery.recipient,
                "message_id": delivery.message_id,
            },
        )
    return letter


@dataclass(frozen=True)
class _Matter:
    """What a letter says of its booking or meeting: the words, what fills them, between whom.

    `said` are texts that the public may have made up.
    """

    text: built_in_mails.Text
    values: dict[str, str]
    sender: Party
    to: str = ""
    reply_to: str = ""
    said: Sequence[str] = ()


def written(delivery: Delivery, now: datetime) -> mail.Letter:
    """The words of a delivery that may be none yet, and its calendar entry. Writes nothing.

    Raises `ValueError` when an address that the calendar entry needs is unusable.
    """
    about = delivery.subject
    is_meeting = isinstance(about, CalledMeeting)
    language = language_of(about) if is_meeting else language_for(about, delivery.audience)
    with translation.override(language):
        of_it = _of_meeting if is_meeting else _of_booking
        matter = of_it(delivery, about, language)
        wanted, values = matter.text, matter.values
        subject = placeholders.render_line(wanted.subject, values)
        text = _text_body(wanted.text, values)
        inner_html = _html_body(wanted.html, values, about)
        inner_html = inner_html or placeholders.html_from_text(text, foreign=matter.said)
        own = mail_settings.of_site(about.site)
        return mail.Letter(
            sender=matter.sender,
            to=Party(delivery.recipient, matter.to),
            subject=subject,
            text=text + mail_settings.signature_text(own),
            html=_html_document(inner_html + mail_settings.signature_html(own), subject, language),
            message_id=delivery.message_id,
            date=now,
            reply_to=matter.reply_to or (own.reply_to if own else ""),
            references=_earlier_message(delivery),
            language=language,
            calendar=_calendar_of(delivery),
            calendar_method=delivery.method,
        )


def _of_booking(delivery: Delivery, booking: Booking, language: str) -> _Matter:
    audience = delivery.audience
    passed_on = delivery.action.get("to") in PASSED_ON_TO
    admission = delivery.action.get("admission") or booking.admission
    built_in = built_in_mails.built_in_text(
        audience,
        admission,
        trigger=str(delivery.action.get("trigger") or ""),
        before=str(_facts_of_delivery(delivery).get("admission") or ""),
        passed_on=passed_on,
    )
    wanted = _wanted(delivery, language, built_in)
    templates = (wanted.subject, wanted.text, wanted.html)
    names = placeholders.names_in(*templates)
    values = placeholder_values(booking, names, facts=_facts_of_delivery(delivery))
    values |= own_values(booking, templates, audience) | kept_values(booking, templates)
    if passed_on:
        values |= dict.fromkeys(SECRET_PLACEHOLDERS, "")
        answerable = invitation_of(delivery)
        if answerable is not None:
            values["reply_url"] = reply_url(answerable)
    said = said_by_visitor(booking)
    if audience == Audience.VISITOR and booking.cancellation_reason in said:
        # Whoever cancelled knows why. The address may be somebody else's, who would be sent
        # any text at all in the name of the site.
        values["cancellation_reason"] = ""
    to = delivery.action.get("to", MailTo.VISITOR)
    is_visitor = audience == Audience.VISITOR and to == MailTo.VISITOR
    name = booking.user_name if is_visitor else ""
    return _Matter(wanted, values, mail_settings.sender(booking.site), name, said=said)


def _of_meeting(delivery: Delivery, meeting: CalledMeeting, language: str) -> _Matter:
    built_in = built_in_meeting_mails.built_in_text(
        delivery.audience,
        str(delivery.action.get("news") or ""),
        trigger=str(delivery.action.get("trigger") or ""),
    )
    wanted = _wanted(delivery, language, built_in)
    templates = (wanted.subject, wanted.text, wanted.html)
    name = meeting_words.name_of(meeting, delivery.recipient)
    values = dict.fromkeys(meeting_words.PLACEHOLDERS, "")
    values |= meeting_words.placeholder_values(
        meeting,
        placeholders.names_in(*templates).intersection(meeting_words.names_for(delivery.audience)),
        facts=_facts_of_delivery(delivery),
        invitation=invitation_of(delivery),
    )
    values |= {"user_name": name, **kept_values(meeting, templates)}
    # The organiser's own answers go where all others go.
    is_organisers = delivery.recipient.lower() == meeting.organiser_address.lower()
    reply_to = "" if is_organisers else meeting.organiser_address
    return _Matter(wanted, values, meeting_words.organizer_of(meeting), name, reply_to)


def invitation_of(delivery: Delivery) -> Invitation | None:
    """The invitation that a reader may answer by a link, also in a mail without calendar entry."""
    if delivery.action.get("to") not in (*PASSED_ON_TO, MailTo.PARTICIPANTS):
        return None
    found = delivery.invitation
    if found is None and delivery.pk is not None:
        found = Invitation.objects.filter(
            **of(delivery.subject), audience=delivery.audience, address=delivery.recipient.lower()
        ).first()
    return found if found is not None and found.method == "REQUEST" else None


def _wanted(
    delivery: Delivery, language: str, built_in: built_in_mails.Text
) -> built_in_mails.Text:
    """What an editor wrote in that language or for all others; the built-in text for the rest."""
    if delivery.action.get("to") == FORMER_ADDRESS:
        text = built_in_mails.FOR_FORMER_ADDRESS
        if delivery.audience == Audience.STAFF:
            text = built_in_mails.FOR_FORMER_STAFF
        return built_in_mails.Text(str(text.subject), str(text.text))
    written = {
        str(text.get("language") or ""): text for text in reversed(delivery.action.get("texts", []))
    }
    text = written.get(language) or written.get(language.partition("-")[0]) or written.get("") or {}
    return built_in_mails.Text(
        subject=str(text.get("subject") or built_in.subject),
        text=str(text.get("text") or built_in.text),
        html=str(text.get("html") or ""),
    )


def _facts_of_delivery(delivery: Delivery) -> Mapping[str, Any]:
    facts = delivery.action.get("facts")
    return facts if isinstance(facts, dict) else {}


def _text_body(template: str, values: Mapping[str, str]) -> str:
    """A plain text body, without the gaps that placeholders with nothing to say would leave."""
    text = placeholders.render(placeholders.without_empty_lines(template, values), values)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(map(str.rstrip, text.splitlines()))).strip() + "\n"


def _html_body(template: str, values: Mapping[str, str], about: Subject) -> str:
    """An editor's rich text; links to pages of the site get its address, as a mail has none."""
    if not template:
        return ""
    html = placeholders.without_empty_paragraphs(expand_db_html(template), values)
    html = _PATH_OF_THIS_SITE.sub(lambda tag: tag[1] + escape(base_url(about)), html)
    return placeholders.render_html(html, values, links=LINKS)


def _html_document(inner_html: str, title: str, language: str) -> str:
    # Screen readers take the language of the words from `lang`.
    direction = "rtl" if get_language_bidi() else "ltr"
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="{escape(language)}" dir="{direction}">\n'
        f'<head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
        f"<body>\n{inner_html}\n</body>\n</html>\n"
    )


def _calendar_of(delivery: Delivery) -> bytes | None:
    if delivery.invitation is None:
        return None
    if delivery.called_meeting is not None:
        entry = meeting_words.calendar_event(
            delivery.called_meeting, delivery.invitation, sequence=delivery.sequence
        )
    else:
        entry = calendar_event(
            delivery.booking,
            audience=delivery.audience,
            invitation=delivery.invitation,
            sequence=delivery.sequence,
        )
    if delivery.action.get("to") == FORMER_ADDRESS:
        entry = without_visitor(entry, _facts_of_delivery(delivery))
    return ics.invitation(entry, delivery.method)


def attachments_of(delivery: Delivery) -> tuple[tuple[mail.Attachment, ...], list[str]]:
    """The files that go with a delivery, and the names of those that are not there.

    Raises `mail.PermanentFailure` when they are too large together.
    """
    found: list[mail.Attachment] = []
    missing: list[str] = []
    identifiers = [name for name in _listed(delivery, "files") if isinstance(name, str)]
    if identifiers:
        files = KeptFile.objects.filter(**of(delivery.subject), identifier__in=identifiers)
        kept = {one.identifier: one for one in files}
        for identifier in identifiers:
            one = kept.get(identifier)
            if one is None:
                missing.append(identifier)
            else:
                found.append(mail.Attachment(one.name, one.content_type, bytes(one.content)))
    left = MOST_ATTACHED - sum(len(one.content) for one in found)
    for key in _listed(delivery, "documents"):
        read = _document(key, left)
        if read is None:
            missing.append(gettext("document %(key)s") % {"key": key})
        else:
            found.append(read)
            left -= len(read.content)
    if left < 0:
        raise mail.PermanentFailure(
            gettext(
                "The files of this mail are larger than the %(most)s that one mail takes: "
                "%(names)s. Take some out of the action or make them smaller, then send it again."
            )
            % {
                "most": filesizeformat(MOST_ATTACHED),
                "names": ", ".join(one.name for one in found),
            }
        )
    return tuple(found), missing


def _listed(delivery: Delivery, name: str) -> list[Any]:
    listed = delivery.action.get(name)
    return listed if isinstance(listed, list) else []


def _document(key: Any, left: int) -> mail.Attachment | None:
    """A document of Wagtail's, read to one byte more than is `left`; None if it is gone."""
    if type(key) is not int or not apps.is_installed("wagtail.documents"):
        return None
    from wagtail.documents import get_document_model

    document = get_document_model().objects.filter(pk=key).first()
    if document is None:
        return None
    try:
        with document.file.open("rb") as file:
            content = file.read(max(0, left) + 1)
    except (OSError, ValueError):
        logger.warning("The file of document %s cannot be read.", key, exc_info=True)
        return None
    return mail.Attachment(document.filename, document.content_type, content)


_EARLIER = "_earlier_message"


def know_earlier_messages(deliveries: Collection[Delivery]) -> None:
    """Read for all of these at once the earlier messages that their letters refer to."""
    first: dict[tuple[int | None, int | None, str, str], tuple[int, str]] = {}
    about = Q(booking_id__in={one.booking_id for one in deliveries} - {None})
    about |= Q(called_meeting_id__in={one.called_meeting_id for one in deliveries} - {None})
    rows = _sent().filter(about)
    columns = ("booking_id", "called_meeting_id", "audience", "recipient", "pk", "message_id")
    for booking_id, meeting_id, audience, recipient, pk, message_id in rows.values_list(*columns):
        told = (booking_id, meeting_id, audience, recipient.lower())
        first.setdefault(told, (pk, message_id))
    for one in deliveries:
        told = (one.booking_id, one.called_meeting_id, one.audience, one.recipient.lower())
        pk, message_id = first.get(told, (one.pk, ""))
        one.__dict__[_EARLIER] = message_id if pk < one.pk else ""


def _earlier_message(delivery: Delivery) -> str:
    """The Message-ID of the first mail to this recipient about this booking, to make a thread."""
    if _EARLIER in delivery.__dict__:
        return delivery.__dict__[_EARLIER]
    if delivery.pk is None:
        return ""
    earlier = _sent().filter(
        **of(delivery.subject),
        audience=delivery.audience,
        recipient__iexact=delivery.recipient,
        pk__lt=delivery.pk,
    )
    return earlier.values_list("message_id", flat=True).first() or ""


def _sent() -> QuerySet[Delivery]:
    """Whatever has left or is still to leave, the oldest first."""
    over = [DeliveryState.SUPERSEDED, DeliveryState.CANCELLED]
    return Delivery.objects.exclude(state__in=over).order_by("pk")
