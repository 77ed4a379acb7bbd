"""What is said about a booking: its labels, its calendar entry, the letters that are sent.

Reads a booking, writes nothing. The words of people who set up the agenda come in as templates
with ``{name}`` placeholders; the names they may use are `PLACEHOLDERS`.
"""

import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils import translation
from django.utils.encoding import punycode
from django.utils.html import escape
from django.utils.translation import get_language_bidi, get_supported_language_variant
from django.utils.translation import gettext_lazy as _
from wagtail.models import Site
from wagtail.rich_text import expand_db_html

from wagtail_agenda import cleaning, conf, form_definition, ics, mail, placeholders, tokens, wording
from wagtail_agenda.choices import Audience, DeliveryState, Trigger
from wagtail_agenda.ics import CalendarEvent, Party
from wagtail_agenda.models import Booking, Delivery, Invitation

logger = logging.getLogger(__name__)

PLACEHOLDERS: Mapping[str, Any] = {
    "agenda": _("label of the agenda"),
    "appointment_type": _("label of the appointment type, or of the event"),
    "event": _("label of the event"),
    "desk": _("desk"),
    "when": _("day, start and end, in full"),
    "date": _("day, in full"),
    "time": _("time of the start"),
    "end_time": _("time of the end"),
    "time_zone": _("time zone"),
    "location": _("where it takes place"),
    "contact": _("whom to turn to"),
    "comment": _("the agenda's comment for the invitation"),
    "url": _("address of a page about it"),
    "number": _("number of the booking"),
    "places": _("number of places"),
    "user_name": _("the visitor's name"),
    "user_email": _("the visitor's e-mail address"),
    "user_phone_number": _("the visitor's telephone number"),
    "answers": _("everything the visitor answered, one line each"),
    "booking": _("label of the booking, and the visitor's name"),
    "label": _("label of the booking"),
    "user_display_label": _("title of the invitation"),
    "description": _("description of the booking"),
    "status": _("status of the booking"),
    "cancellation_reason": _("reason given for the cancellation"),
    "manage_url": _("the visitor's own link to see or cancel the booking"),
    "backoffice_url": _("address in your back office"),
    "form_url": _("address of the form"),
}
"""Names that texts may use, and what stands for them. ``answer_<name>`` is one single answer."""

LABEL_PLACEHOLDERS = frozenset(PLACEHOLDERS) - {
    "booking",
    "label",
    "user_display_label",
    "description",
    "backoffice_url",
    "form_url",
    "manage_url",
    "status",
    "cancellation_reason",
}
"""Names that an agenda's label templates may use: what is known before the labels are made."""

ANSWER_PREFIX = "answer_"
LINKS = frozenset({"manage_url", "backoffice_url", "form_url", "url"})
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_PATH_OF_THIS_SITE = re.compile(r"""(<a\b[^>]*\shref=")(?=/(?!/))""")


PlaceholderValue = Callable[[Booking], Any]


@dataclass(frozen=True)
class OwnPlaceholder:
    """A placeholder that a project has registered."""

    meaning: Any
    audiences: frozenset[str]
    value: PlaceholderValue


_own_placeholders: dict[str, OwnPlaceholder] = {}


def register_placeholder(
    name: str, meaning: Any, *, audiences: Collection[str]
) -> Callable[[PlaceholderValue], PlaceholderValue]:
    """Register a placeholder of a project's own: ``{name}``, and what stands for it.

    Call it from `AppConfig.ready()`, on a function from a booking to a text::

        @correspondence.register_placeholder("shelf", _("shelf"), audiences=[Audience.STAFF])
        def shelf(booking): ...

    Texts of mails to the `audiences` may use it, and nobody else is ever told its value. The
    labels of a booking are read by both, so they may use it only if both are named. The function
    is called when a text uses the name, in the language of that text. For a label the booking is
    not stored yet: it has no key, history or deliveries. What it raises is logged, and the text
    goes without.

    Raises `ValueError` for a name that cannot stand in braces or is there already.
    """
    if not _NAME.fullmatch(name) or name in PLACEHOLDERS or name.startswith(ANSWER_PREFIX):
        raise ValueError(f"{name!r} cannot be the name of a placeholder, or is one already.")
    if name in _own_placeholders:
        raise ValueError(f"There is a placeholder {name!r} already; choose another name.")
    known = frozenset(Audience(audience).value for audience in audiences)
    if not known:
        raise ValueError(f"Name whom the placeholder {name!r} is for.")

    def register(value: PlaceholderValue) -> PlaceholderValue:
        _own_placeholders[name] = OwnPlaceholder(meaning, known, value)
        return value

    return register


def names_for(*audiences: str) -> list[str]:
    """The names that a text may use which each of these audiences will read.

    Both stand for a label, and none for any mail at all.
    """
    for_labels = len(audiences) == len(Audience)
    return [name for name in PLACEHOLDERS if not for_labels or name in LABEL_PLACEHOLDERS] + [
        name for name, own in _own_placeholders.items() if own.audiences.issuperset(audiences)
    ]


def own_values(booking: Booking, templates: Collection[str], *audiences: str) -> dict[str, str]:
    """What stands for the project's placeholders in these templates, read by these audiences.

    Those that are not for all of them are empty.
    """
    used = placeholders.names_in(*templates)
    return {
        name: _own_value(own, name, booking) if own.audiences.issuperset(audiences) else ""
        for name, own in _own_placeholders.items()
        if name in used
    }


def _own_value(own: OwnPlaceholder, name: str, booking: Booking) -> str:
    try:
        value = own.value(booking)
    except Exception:
        # No booking, and no confirmation of one, is worth less than a word in it.
        logger.exception("The placeholder %r has no value for booking %s.", name, booking)
        return ""
    return "" if value is None else str(value)


def label_texts(booking: Booking) -> dict[str, str]:
    """The texts that the agenda's templates give for a booking that is being made.

    `label`, `description` and the addresses are for the staff and in the site's language;
    `user_display_label`, the title of the visitor's invitation, is in the visitor's.
    """
    agenda = booking.agenda
    for_staff = (
        agenda.label_template,
        agenda.description_template,
        agenda.backoffice_url_template,
        agenda.form_url_template,
    )
    with translation.override(settings.LANGUAGE_CODE):
        values = placeholder_values(booking, LABEL_PLACEHOLDERS)
        values |= own_values(booking, for_staff, *Audience)
        subject = values["appointment_type"] or agenda.label
        texts = {
            "label": placeholders.render_line(agenda.label_template, values) or subject,
            "description": cleaning.clean_text(
                placeholders.render(agenda.description_template, values)
            ).strip(),
            "backoffice_url": _web_address(agenda.backoffice_url_template, values),
            "form_url": _web_address(agenda.form_url_template, values),
        }
    with translation.override(language_for(booking, Audience.VISITOR)):
        values = placeholder_values(booking, LABEL_PLACEHOLDERS)
        values |= own_values(booking, [agenda.user_display_label_template], *Audience)
        title = placeholders.render_line(agenda.user_display_label_template, values)
    texts["user_display_label"] = title or " – ".join(
        dict.fromkeys(part for part in (subject, agenda.label) if part)
    )
    return {
        name: text[:255] if name in {"label", "user_display_label"} else text
        for name, text in texts.items()
    }


def language_for(booking: Booking, audience: str) -> str:
    """The language to write in: the visitor's own as far as the site has it, else the site's."""
    if audience == Audience.VISITOR:
        try:
            return get_supported_language_variant(booking.language)
        except LookupError:
            pass
    return settings.LANGUAGE_CODE


def placeholder_values(booking: Booking, names=frozenset(PLACEHOLDERS)) -> dict[str, str]:
    """What stands for each placeholder, as plain text in the language that is active."""
    agenda, event = booking.agenda, booking.event
    start, end = booking.local_start, booking.local_end
    subject = event or booking.meeting_type
    values = {
        "agenda": agenda.label,
        "appointment_type": subject.label if subject else "",
        "event": event.label if event else "",
        "desk": booking.desk.label if booking.desk else "",
        "when": wording.span_text(start, end),
        "date": wording.day_text(start.date()),
        "time": wording.time_text(start),
        "end_time": wording.time_text(end),
        "time_zone": wording.zone_text(start),
        "location": location_of(booking),
        "contact": agenda.contact,
        "comment": agenda.comment,
        "url": (event.url if event else "") or agenda.url,
        "number": booking.reference,
        "places": str(booking.places),
        "user_name": booking.user_name,
        "user_email": booking.user_email,
        "user_phone_number": booking.user_phone_number,
        "answers": "\n".join(
            wording.labelled(label, text) for label, text in answer_lines(booking)
        ),
        "booking": booking.display_name,
        "label": booking.label,
        "user_display_label": booking.user_display_label,
        "description": booking.description,
        "status": booking.status.label if booking.status else "",
        "cancellation_reason": booking.cancellation_reason,
        "backoffice_url": booking.backoffice_url,
        "form_url": booking.form_url,
    }
    kinds = {item["clean_name"]: item["type"] for item in _asked(booking).get("fields", ())}
    for name, answer in booking.answers.items():
        values[f"{ANSWER_PREFIX}{name}"] = form_definition.in_words(answer, kinds.get(name, ""))
    if "manage_url" in names:
        values["manage_url"] = manage_url(booking)
    return {
        name: text
        for name, text in values.items()
        if name in names or name.startswith(ANSWER_PREFIX)
    }


def location_of(booking: Booking) -> str:
    """Where it takes place: the event's own place, else the agenda's."""
    return (booking.event.location if booking.event else "") or booking.agenda.location


def answer_lines(booking: Booking) -> list[tuple[str, str]]:
    """Label and answer of every question that was answered, as the visitor saw them."""
    pairs = form_definition.answers_in_words(_asked(booking), booking.answers)
    return [(label, text) for label, text in pairs if text]


def said_by_visitor(booking: Booking) -> list[str]:
    """The texts of a booking that its visitor may have made up; whoever they are."""
    said = [
        booking.user_name,
        *(form_definition.in_words(item) for item in booking.answers.values()),
    ]
    by_visitor = booking.entries.filter(what=Trigger.CANCELLED_BY_VISITOR)
    if booking.cancellation_reason and by_visitor.exists():
        said.append(booking.cancellation_reason)
    return [text for text in said if text]


def _asked(booking: Booking) -> dict[str, Any]:
    return booking.form_version.definition if booking.form_version else {}


def base_url(booking: Booking) -> str:
    """Scheme and host that links in mails begin with, without a final slash."""
    configured = conf.get("BASE_URL")
    if configured:
        return configured.rstrip("/")
    if booking.site is not None:
        return booking.site.root_url
    return getattr(settings, "WAGTAILADMIN_BASE_URL", "").rstrip("/")


def manage_url(booking: Booking) -> str:
    """The visitor's own link. A secret: it stands in mails, never in a calendar entry."""
    try:
        path = reverse("wagtail_agenda:manage", args=[tokens.manage_token(booking)])
    except NoReverseMatch:
        # The add-on's URLs are not included; a system check says so.
        return ""
    return base_url(booking) + path


# Calendar entries


def sender(site: Site | None = None) -> Party:
    """Whom mails and invitations come from: one service address, never a person's.

    A mail client ignores an invitation whose organiser is its own recipient, and a person's
    address in From fails DMARC. `site` gives the name where the settings give none.
    """
    name, address = parseaddr(conf.get("FROM_EMAIL") or settings.DEFAULT_FROM_EMAIL)
    return Party(address, conf.get("FROM_NAME") or name or (site.site_name if site else ""))


def calendar_domain() -> str:
    """The domain that UIDs and Message-IDs end with, in ASCII."""
    _local, at, domain = sender().address.rpartition("@")
    try:
        return punycode(conf.get("UID_DOMAIN") or (domain if at else "")) or "localhost"
    except UnicodeError:
        return "localhost"


def calendar_event(
    booking: Booking,
    *,
    audience: str = Audience.VISITOR,
    invitation: Invitation | None = None,
    sequence: int | None = None,
) -> CalendarEvent:
    """A booking as a calendar entry for that audience, in the language that is active.

    With an `invitation`, for its recipient and under its UID; `sequence` is that of the revision
    meant, the present one by default.
    """
    values = placeholder_values(booking, LABEL_PLACEHOLDERS)
    for_staff = audience == Audience.STAFF
    if for_staff:
        lines = [values["user_email"], values["user_phone_number"], values["answers"]]
        summary, url = booking.display_name, booking.backoffice_url
    else:
        lines = [values["contact"]]
        summary, url = booking.user_display_label or booking.label, values["url"]
    described = (
        booking.description
        or (booking.event.description if booking.event else "")
        or booking.agenda.description
    )
    attendee = None
    if invitation is not None:
        attendee = Party(invitation.address, "" if for_staff else booking.user_name)
    return CalendarEvent(
        uid=invitation.uid if invitation else f"{booking.uuid}@{calendar_domain()}",
        sequence=invitation.sequence if sequence is None and invitation else sequence or 0,
        stamp=invitation.stamp if invitation else booking.cancelled_at or booking.created_at,
        start=booking.start,
        end=booking.end,
        summary=summary,
        description="\n\n".join(line for line in (described, *lines) if line),
        location=values["location"],
        comment="" if for_staff else values["comment"],
        url=url,
        created=booking.created_at,
        organizer=sender(booking.site),
        attendee=attendee,
        language=language_for(booking, audience),
    )


def visitor_event(booking: Booking) -> CalendarEvent:
    """The booking as it stands in the visitor's calendar at this moment, in their language.

    A cancellation that no mail has told of is a revision of its own.
    """
    invitation = booking.invitations.filter(audience=Audience.VISITOR).first()
    with translation.override(language_for(booking, Audience.VISITOR)):
        event = calendar_event(booking, invitation=invitation)
    if booking.is_cancelled and (invitation is None or invitation.method != "CANCEL"):
        stamp = booking.cancelled_at or event.stamp
        return replace(event, sequence=event.sequence + 1, stamp=stamp)
    return event


def download(booking: Booking, *, refresh: timedelta | None = None) -> bytes:
    """The booking as a calendar file, without the visitor's address in it.

    `refresh` is how often a calendar that has subscribed to it should ask again.

    Raises `ValueError` if the site sends from an unusable address; a system check says so.
    """
    return ics.publication(visitor_event(booking), cancelled=booking.is_cancelled, refresh=refresh)


# Letters


def letter_of(delivery: Delivery, now: datetime) -> mail.Letter:
    """The finished message of a delivery, in its reader's language.

    Raises `ValueError` when an address that the calendar entry needs is unusable.
    """
    booking, audience = delivery.booking, delivery.audience
    language = language_for(booking, audience)
    with translation.override(language):
        wanted = _text_for(delivery, language)
        values = placeholder_values(booking)
        values |= own_values(booking, (wanted.subject, wanted.text, wanted.html), audience)
        said = said_by_visitor(booking)
        if audience == Audience.VISITOR and booking.cancellation_reason in said:
            # Whoever cancelled knows why. The address may be somebody else's, who would be sent
            # any text at all in the name of the site.
            values["cancellation_reason"] = ""
        subject = placeholders.render_line(wanted.subject, values)
        text = _text_body(wanted.text, values)
        inner_html = _html_body(wanted.html, values, booking)
        inner_html = inner_html or placeholders.html_from_text(text, foreign=said)
        return mail.Letter(
            sender=sender(booking.site),
            to=Party(delivery.recipient, booking.user_name if audience == Audience.VISITOR else ""),
            subject=subject,
            text=text,
            html=_html_document(inner_html, subject, language),
            message_id=delivery.message_id,
            date=now,
            references=_earlier_message(delivery),
            language=language,
            calendar=_calendar_of(delivery),
            calendar_method=delivery.method,
        )


def _text_for(delivery: Delivery, language: str) -> wording.Text:
    """What an editor wrote in that language or for all others; the built-in text for the rest."""
    written = {
        str(text.get("language") or ""): text for text in reversed(delivery.action.get("texts", []))
    }
    text = written.get(language) or written.get(language.partition("-")[0]) or written.get("") or {}
    admission = delivery.action.get("admission") or delivery.booking.admission
    built_in = wording.built_in_text(delivery.audience, admission)
    return wording.Text(
        subject=str(text.get("subject") or built_in.subject),
        text=str(text.get("text") or built_in.text),
        html=str(text.get("html") or ""),
    )


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


def _earlier_message(delivery: Delivery) -> str:
    """The Message-ID of the first mail to this recipient about this booking, to make a thread."""
    earlier = (
        Delivery.objects.filter(
            booking_id=delivery.booking_id,
            audience=delivery.audience,
            recipient__iexact=delivery.recipient,
            pk__lt=delivery.pk,
        )
        .exclude(state=DeliveryState.SUPERSEDED)
        .order_by("pk")
        .values_list("message_id", flat=True)
    )
    return earlier.first() or ""


def _web_address(template: str, values: Mapping[str, str]) -> str:
    """A web address for a column of a booking; what is none or too long to keep is dropped."""
    address = placeholders.render_line(template, values)
    longest = Booking._meta.get_field("backoffice_url").max_length
    return address if cleaning.web_address(address) and len(address) <= longest else ""
