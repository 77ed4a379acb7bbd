"""What is said about a booking: its labels, and what stands for placeholders.

Reads a booking, writes nothing. The words of people who set up the agenda come in as templates
with ``{name}`` placeholders; the names they may use are `PLACEHOLDERS`.
"""

import json
import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import prefetch_related_objects
from django.urls import NoReverseMatch, reverse
from django.utils import translation
from django.utils.translation import get_supported_language_variant, gettext
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import (
    cleaning,
    conf,
    form_definition,
    placeholders,
    tokens,
    wording,
)
from wagtail_agenda.choices import Admission, Audience, Trigger
from wagtail_agenda.models import Booking, Entry, KeptFile, Resource
from wagtail_agenda.subjects import Subject, of

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
    "location": _("where it takes place, with the shared rooms and objects"),
    "resources": _("the shared rooms and objects that go with it"),
    "contact": _("whom to turn to"),
    "comment": _("the agenda's comment for the invitation"),
    "url": _("address of a page about it"),
    "number": _("number of the booking"),
    "places": _("number of places"),
    "several_places": _("number of places in words, if there are several"),
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
    "moved_from": _("what the booking was moved from: the other event, day, start and end"),
    "offer_until": _("until when an offered place can be accepted"),
    "decide_by": _("until when a booking that needs approval is decided"),
    "manage_url": _("the visitor's own link to see or cancel the booking"),
    "reply_url": _("the link to accept or decline, of somebody to whom it is passed on"),
    "admin_url": _("address of the booking's page in the admin"),
    "backoffice_url": _("address in your back office"),
    "form_url": _("address of the form"),
}
"""Names that texts may use, and what stands for them. ``answer_<name>`` is one single answer."""

LABEL_PLACEHOLDERS = frozenset(PLACEHOLDERS) - {
    "booking",
    "label",
    "user_display_label",
    "description",
    "admin_url",
    "backoffice_url",
    "form_url",
    "manage_url",
    "reply_url",
    "status",
    "cancellation_reason",
    "moved_from",
    "offer_until",
    "decide_by",
}
"""Names that an agenda's label templates may use: what is known before the labels are made."""

ANSWER_PREFIX = "answer_"
CALL_PREFIX = "call_"
FILE_PREFIX = "file_"
OPEN_PREFIXES = (ANSWER_PREFIX, CALL_PREFIX, FILE_PREFIX)
"""Beginnings of names that depend on a form, on what a web service answered, on a file made."""

SECRET_PLACEHOLDERS = frozenset({"manage_url", "reply_url"})
"""Names that stand in mails alone: whoever reads what is in their place can act for the reader."""

_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


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
    if not _NAME.fullmatch(name) or name in PLACEHOLDERS or name.startswith(OPEN_PREFIXES):
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


def values_for(
    booking: Booking,
    templates: Collection[str],
    audience: str,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """What stands for the names in these templates, in something that no mail is.

    In the language that is active, and without what is a secret between site and visitor.
    """
    used = placeholders.names_in(*templates)
    values = placeholder_values(
        booking, (used & frozenset(PLACEHOLDERS)) - SECRET_PLACEHOLDERS, facts
    )
    values |= own_values(booking, templates, audience)
    reason = values.get("cancellation_reason")
    if reason and audience == Audience.VISITOR and reason in said_by_visitor(booking):
        # As in a mail: the address may be somebody else's, who would be sent any text at all.
        values["cancellation_reason"] = ""
    return values | kept_values(booking, templates)


_MOST_FIELDS = 500
_DEEPEST_FIELD = 6
_LONGEST_FIELD = 10_000


def kept_values(booking: Subject, templates: Collection[str]) -> dict[str, str]:
    """What stands for ``{call_<identifier>_<field>}`` and ``{file_<identifier>}`` in templates.

    The one is a field of what a web service answered, of several within one another
    ``{call_<identifier>_<outer>_<inner>}``; the other the name of a file. Empty where there is
    none (yet).
    """
    used = {
        name
        for name in placeholders.names_in(*templates)
        if name.startswith((CALL_PREFIX, FILE_PREFIX))
    }
    if not used or booking.pk is None:
        return {}
    known: dict[str, str] = {}
    for kept in KeptFile.objects.filter(**of(booking)):
        identifier = name_part(kept.identifier)
        known[f"{FILE_PREFIX}{identifier}"] = kept.name
        if any(name.startswith(f"{CALL_PREFIX}{identifier}_") for name in used):
            for path, text in _fields_of(kept):
                known[f"{CALL_PREFIX}{identifier}_{path}"] = text
    return {name: known.get(name, "") for name in used if _NAME.fullmatch(name.lower())}


def name_part(text: str) -> str:
    """A text as a part of a placeholder's name: what is no letter or digit is an underscore."""
    return re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_")


def _fields_of(kept: KeptFile) -> list[tuple[str, str]]:
    """Path and text of every field of a kept answer in JSON; none if it is none."""
    try:
        answer = json.loads(bytes(kept.content))
    except (ValueError, RecursionError):
        return []
    found: list[tuple[str, str]] = []
    _collect(answer, (), found)
    return found


def _collect(value: Any, path: tuple[str, ...], found: list[tuple[str, str]]) -> None:
    if len(found) >= _MOST_FIELDS or len(path) > _DEEPEST_FIELD:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            _collect(inner, (*path, name_part(name)), found)
    elif isinstance(value, list):
        texts = [text for text in map(_scalar_text, value) if text]
        if path and texts:
            found.append(("_".join(path), ", ".join(texts)[:_LONGEST_FIELD]))
        for position, inner in enumerate(value):
            if isinstance(inner, (dict, list)):
                _collect(inner, (*path, str(position)), found)
    elif path:
        found.append(("_".join(path), _scalar_text(value)[:_LONGEST_FIELD]))


def _scalar_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return cleaning.clean_text(value) if isinstance(value, (str, int, float)) else ""


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
    subject = (booking.event or booking.meeting_type or agenda).label or agenda.label
    for_staff = (
        agenda.label_template,
        agenda.description_template,
        agenda.backoffice_url_template,
        agenda.form_url_template,
    )
    texts, title = {"label": subject, "description": "", "backoffice_url": "", "form_url": ""}, ""
    if any(for_staff):
        with translation.override(settings.LANGUAGE_CODE):
            values = placeholder_values(booking, _for_labels(*for_staff))
            values |= own_values(booking, for_staff, *Audience)
            texts = {
                "label": placeholders.render_line(agenda.label_template, values) or subject,
                "description": cleaning.clean_text(
                    placeholders.render(agenda.description_template, values)
                ).strip(),
                "backoffice_url": _web_address(agenda.backoffice_url_template, values),
                "form_url": _web_address(agenda.form_url_template, values),
            }
    if agenda.user_display_label_template:
        with translation.override(language_for(booking, Audience.VISITOR)):
            values = placeholder_values(booking, _for_labels(agenda.user_display_label_template))
            values |= own_values(booking, [agenda.user_display_label_template], *Audience)
            title = placeholders.render_line(agenda.user_display_label_template, values)
    texts["user_display_label"] = title or " – ".join(
        dict.fromkeys(part for part in (subject, agenda.label) if part)
    )
    return {
        name: text[:255] if name in {"label", "user_display_label"} else text
        for name, text in texts.items()
    }


def _for_labels(*templates: str) -> set[str]:
    return LABEL_PLACEHOLDERS & placeholders.names_in(*templates)


def _web_address(template: str, values: Mapping[str, str]) -> str:
    """A web address for a column of a booking; what is none or too long to keep is dropped."""
    address = placeholders.render_line(template, values)
    longest = Booking._meta.get_field("backoffice_url").max_length
    return address if cleaning.web_address(address) and len(address) <= longest else ""


def language_for(booking: Booking, audience: str) -> str:
    """The language to write in: the visitor's own as far as the site has it, else the site's."""
    if audience == Audience.VISITOR:
        try:
            return get_supported_language_variant(booking.language)
        except LookupError:
            pass
    return settings.LANGUAGE_CODE


def placeholder_values(
    booking: Booking,
    names: Collection[str] = frozenset(PLACEHOLDERS),
    facts: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """What stands for each placeholder, as plain text in the language that is active.

    `facts` are what `facts_of` kept of the moment that a mail tells of.
    """
    agenda, event = booking.agenda, booking.event
    start, end = booking.local_start, booking.local_end
    subject = event or booking.meeting_type
    # Most texts use few of them, and a listing of dates in words is slow: each is made when asked.
    known: dict[str, Callable[[], str]] = {
        "agenda": lambda: agenda.label,
        "appointment_type": lambda: subject.label if subject else "",
        "event": lambda: event.label if event else "",
        "desk": lambda: booking.desk.label if booking.desk else "",
        "when": lambda: wording.span_text(start, end),
        "date": lambda: wording.day_text(start.date()),
        "time": lambda: wording.time_text(start),
        "end_time": lambda: wording.time_text(end),
        "time_zone": lambda: wording.zone_text(start),
        "location": lambda: location_of(booking),
        "resources": lambda: resources_text(booking),
        "contact": lambda: agenda.contact,
        "comment": lambda: agenda.comment,
        "url": lambda: page_about(booking),
        "number": lambda: booking.reference,
        "places": lambda: str(booking.places),
        "several_places": lambda: wording.several_places_text(booking.places),
        "user_name": lambda: booking.user_name,
        "user_email": lambda: booking.user_email,
        "user_phone_number": lambda: booking.user_phone_number,
        "answers": lambda: answers_text(booking),
        "booking": lambda: booking.display_name,
        "label": lambda: booking.label,
        "user_display_label": lambda: booking.user_display_label,
        "description": lambda: booking.description,
        "status": lambda: booking.status.label if booking.status else "",
        "cancellation_reason": lambda: booking.cancellation_reason,
        # Only who reads it says whose link: see `letters`.
        "reply_url": lambda: "",
        "admin_url": lambda: admin_url(booking),
        "backoffice_url": lambda: booking.backoffice_url,
        "form_url": lambda: booking.form_url,
    }
    values = {name: text() for name, text in known.items() if name in names}
    values |= _of_the_moment(booking, facts or {})
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
    """Where it takes place: the event's own place, else the agenda's, with what goes with it."""
    place = (booking.event.location if booking.event else "") or booking.agenda.location
    resources = resources_text(booking)
    if place and resources:
        return gettext("%(place)s (%(resources)s)") % {"place": place, "resources": resources}
    return place or resources


def page_about(booking: Booking) -> str:
    """The address of the event's own page, else that of the agenda's; may be empty."""
    return (booking.event.url if booking.event else "") or booking.agenda.url


def resources_text(booking: Booking) -> str:
    """The labels of the shared rooms and objects that an appointment takes, in their order."""
    if booking.meeting_type_id is None:
        return ""
    known = booking.__dict__.get(_KNOWN_RESOURCES)
    if known is None:
        # Labels are made before there is a row that anything could be linked to.
        known = booking.resources.all() if booking.pk else ()
    in_order = sorted(known, key=lambda resource: (resource.sort_order, resource.label))
    return ", ".join(resource.label for resource in in_order)


_KNOWN_RESOURCES = "_known_resources"


def know_resources(booking: Booking, resources: Collection[Resource]) -> None:
    """Let the texts of a booking name these resources without reading them, saved or not."""
    booking.__dict__[_KNOWN_RESOURCES] = tuple(resources)


def read_resources(bookings: Iterable[Booking]) -> None:
    """Read, all together, the resources of those bookings of which they are not known."""
    unread = [
        booking
        for booking in bookings
        if booking.meeting_type_id and _KNOWN_RESOURCES not in booking.__dict__
    ]
    prefetch_related_objects(unread, "resources")


_FACTS = ("from_start", "from_end", "from_label", "admission", "decide_by")


def facts_of(booking: Booking, entry: Entry) -> dict[str, str]:
    """What a mail is to tell of the moment at which it is queued, to keep until it is written.

    Where the booking was before a move, what its admission was, and by when it is to be decided.
    """
    facts = {name: entry.data.get(name) for name in _FACTS}
    if booking.decide_by is not None:
        facts["decide_by"] = booking.decide_by.isoformat()
    return {name: fact for name, fact in facts.items() if fact and isinstance(fact, str)}


def _of_the_moment(booking: Booking, facts: Mapping[str, Any]) -> dict[str, str]:
    """Where a booking was moved from and when its time runs out; empty where nothing is known."""
    zone = booking.agenda.zone
    start, end = _moment(facts.get("from_start"), zone), _moment(facts.get("from_end"), zone)
    subject = booking.event or booking.meeting_type
    was = facts.get("from_label") or ""
    moved_from = []
    if start is not None:
        moved_from = [was] if was and subject and was != subject.label else []
        moved_from.append(wording.span_text(start, end) if end else wording.moment_text(start))
    deadline = booking.decide_by or _moment(facts.get("decide_by"), zone)
    until = wording.moment_text(deadline.astimezone(zone)) if deadline else ""
    admission = facts.get("admission") if booking.is_cancelled else booking.admission
    return {
        "moved_from": ", ".join(moved_from),
        "offer_until": until if admission == Admission.OFFERED else "",
        "decide_by": until if admission == Admission.PENDING else "",
    }


def _moment(written: Any, zone: ZoneInfo) -> datetime | None:
    try:
        return datetime.fromisoformat(written).astimezone(zone)
    except (TypeError, ValueError, OverflowError):
        return None


def answer_lines(booking: Booking) -> list[tuple[str, str]]:
    """Label and answer of every question that was answered, as the visitor saw them."""
    pairs = form_definition.answers_in_words(_asked(booking), booking.answers)
    return [(label, text) for label, text in pairs if text]


def answers_text(booking: Booking) -> str:
    """Everything that was answered, one question a line."""
    return "\n".join(wording.labelled(label, text) for label, text in answer_lines(booking))


def said_by_visitor(booking: Booking) -> list[str]:
    """The texts of a booking that its visitor may have made up; whoever they are."""
    said = [
        booking.user_name,
        *(form_definition.in_words(item) for item in booking.answers.values()),
    ]
    if booking.cancellation_reason:
        by_visitor = booking.entries.filter(what=Trigger.CANCELLED_BY_VISITOR)
        said += [booking.cancellation_reason] if by_visitor.exists() else []
    return [text for text in said if text]


def _asked(booking: Booking) -> dict[str, Any]:
    return booking.form_version.definition if booking.form_version else {}


def base_url(booking: Subject) -> str:
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


def admin_url(booking: Booking) -> str:
    """The page of a booking in the admin, for colleagues; "" where there is none."""
    try:
        path = reverse("wagtail_agenda_admin:booking", args=[booking.pk])
    except NoReverseMatch:
        return ""
    admin = getattr(settings, "WAGTAILADMIN_BASE_URL", None) or base_url(booking)
    return admin.rstrip("/") + path
