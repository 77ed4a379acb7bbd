"""The finished message of a delivery: the words of an editor or our own, filled in."""

import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import QuerySet
from django.template.defaultfilters import filesizeformat
from django.utils import translation
from django.utils.html import escape
from django.utils.translation import get_language_bidi, gettext
from wagtail.rich_text import expand_db_html

from wagtail_agenda import built_in_mails, ics, mail, mail_settings, placeholders
from wagtail_agenda.choices import Audience, DeliveryState, MailTo
from wagtail_agenda.cleaning import MOST_ATTACHED
from wagtail_agenda.correspondence import (
    SECRET_PLACEHOLDERS,
    base_url,
    calendar_event,
    kept_values,
    language_for,
    own_values,
    placeholder_values,
    said_by_visitor,
    sender,
)
from wagtail_agenda.ics import Party
from wagtail_agenda.models import Booking, Delivery, Entry, KeptFile

logger = logging.getLogger(__name__)

LINKS = frozenset({"admin_url", "manage_url", "backoffice_url", "form_url", "url"})
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
            booking=delivery.booking,
            what=ATTACHMENT_MISSING,
            at=now,
            data={
                "name": name,
                "recipient": delivery.recipient,
                "message_id": delivery.message_id,
            },
        )
    return letter


def written(delivery: Delivery, now: datetime) -> mail.Letter:
    """The words of a delivery that may be none yet, and its calendar entry. Writes nothing.

    Raises `ValueError` when an address that the calendar entry needs is unusable.
    """
    booking, audience = delivery.booking, delivery.audience
    passed_on = delivery.action.get("to") == MailTo.ANSWER
    language = language_for(booking, audience)
    with translation.override(language):
        wanted = _text_for(delivery, language)
        templates = (wanted.subject, wanted.text, wanted.html)
        used = placeholders.names_in(*templates)
        values = placeholder_values(booking, used, facts=_facts_of_delivery(delivery))
        values |= own_values(booking, templates, audience) | kept_values(booking, templates)
        if passed_on:
            values |= dict.fromkeys(SECRET_PLACEHOLDERS, "")
        said = said_by_visitor(booking)
        if audience == Audience.VISITOR and booking.cancellation_reason in said:
            # Whoever cancelled knows why. The address may be somebody else's, who would be sent
            # any text at all in the name of the site.
            values["cancellation_reason"] = ""
        subject = placeholders.render_line(wanted.subject, values)
        text = _text_body(wanted.text, values)
        inner_html = _html_body(wanted.html, values, booking)
        inner_html = inner_html or placeholders.html_from_text(text, foreign=said)
        own = mail_settings.of_site(booking.site)
        return mail.Letter(
            sender=sender(booking.site),
            to=Party(
                delivery.recipient,
                booking.user_name if audience == Audience.VISITOR and not passed_on else "",
            ),
            subject=subject,
            text=text + mail_settings.signature_text(own),
            html=_html_document(inner_html + mail_settings.signature_html(own), subject, language),
            message_id=delivery.message_id,
            date=now,
            reply_to=own.reply_to if own else "",
            references=_earlier_message(delivery),
            language=language,
            calendar=_calendar_of(delivery),
            calendar_method=delivery.method,
        )


def _text_for(delivery: Delivery, language: str) -> built_in_mails.Text:
    """What an editor wrote in that language or for all others; the built-in text for the rest."""
    written = {
        str(text.get("language") or ""): text for text in reversed(delivery.action.get("texts", []))
    }
    text = written.get(language) or written.get(language.partition("-")[0]) or written.get("") or {}
    admission = delivery.action.get("admission") or delivery.booking.admission
    built_in = built_in_mails.built_in_text(
        delivery.audience,
        admission,
        trigger=str(delivery.action.get("trigger") or ""),
        before=str(_facts_of_delivery(delivery).get("admission") or ""),
        passed_on=delivery.action.get("to") == MailTo.ANSWER,
    )
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


def _html_body(template: str, values: Mapping[str, str], booking: Booking) -> str:
    """An editor's rich text; links to pages of the site get its address, as a mail has none."""
    if not template:
        return ""
    html = placeholders.without_empty_paragraphs(expand_db_html(template), values)
    html = _PATH_OF_THIS_SITE.sub(lambda tag: tag[1] + escape(base_url(booking)), html)
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
    entry = calendar_event(
        delivery.booking,
        audience=delivery.audience,
        invitation=delivery.invitation,
        sequence=delivery.sequence,
    )
    return ics.invitation(entry, delivery.method)


def attachments_of(delivery: Delivery) -> tuple[tuple[mail.Attachment, ...], list[str]]:
    """The files that go with a delivery, and the names of those that are not there.

    Raises `mail.PermanentFailure` when they are too large together.
    """
    found: list[mail.Attachment] = []
    missing: list[str] = []
    identifiers = [name for name in _listed(delivery, "files") if isinstance(name, str)]
    if identifiers:
        files = KeptFile.objects.filter(booking=delivery.booking, identifier__in=identifiers)
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
    first: dict[tuple[int, str, str], tuple[int, str]] = {}
    sent = _sent().filter(booking_id__in={delivery.booking_id for delivery in deliveries})
    rows = sent.values_list("booking_id", "audience", "recipient", "pk", "message_id")
    for booking_id, audience, recipient, pk, message_id in rows:
        first.setdefault((booking_id, audience, recipient.lower()), (pk, message_id))
    for delivery in deliveries:
        told = (delivery.booking_id, delivery.audience, delivery.recipient.lower())
        pk, message_id = first.get(told, (delivery.pk, ""))
        delivery.__dict__[_EARLIER] = message_id if pk < delivery.pk else ""


def _earlier_message(delivery: Delivery) -> str:
    """The Message-ID of the first mail to this recipient about this booking, to make a thread."""
    if _EARLIER in delivery.__dict__:
        return delivery.__dict__[_EARLIER]
    if delivery.pk is None:
        return ""
    earlier = _sent().filter(
        booking_id=delivery.booking_id,
        audience=delivery.audience,
        recipient__iexact=delivery.recipient,
        pk__lt=delivery.pk,
    )
    return earlier.values_list("message_id", flat=True).first() or ""


def _sent() -> QuerySet[Delivery]:
    """Whatever has left or is still to leave, the oldest first."""
    over = [DeliveryState.SUPERSEDED, DeliveryState.CANCELLED]
    return Delivery.objects.exclude(state__in=over).order_by("pk")
