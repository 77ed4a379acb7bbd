"""What a booking block asks: signed into the page, kept as an immutable version.

A block renders from its value alone and is never looked up again. What it asks travels with the
page as a signed text, so that what a visitor saw is what they answer, whatever an editor does in
the meantime. `sign` writes that text, `read` checks it, `keep` stores it once somebody books.

The stored form of a definition, `FormVersion.definition`, is the dictionary of `Definition.asked`.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.core import signing
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import conf

logger = logging.getLogger(__name__)

SALT = "wagtail_agenda.form_definition"
LONGEST_SIGNED = 16_384
"""Characters of a signed definition. It stands in every page that has the block."""

HOUR = 3600

_said_by: dict[str, Callable[[Any], str]] = {}


class FormDefinitionError(Exception):
    """A signed definition that cannot be used.

    `code` is one of "forged", "oversized", "preview", "outdated"; `message` says to the visitor
    what happened and what to do.
    """

    MESSAGES = {
        "forged": _(
            "This booking form arrived damaged. Go back to the page it stands on, reload it and "
            "choose again."
        ),
        "oversized": _(
            "This booking form is larger than any that this site makes. Go back to the page it "
            "stands on, reload it and choose again."
        ),
        "preview": _("This is a preview. Publish the page to take bookings with this form."),
        "outdated": _(
            "This booking form has been open for too long. Go back to the page it stands on, "
            "reload it and choose again."
        ),
    }

    def __init__(self, code: str):
        self.code = code
        self.message = self.MESSAGES[code]
        super().__init__(code)

    def __str__(self):
        return str(self.message)


@dataclass(frozen=True)
class Definition:
    """What one booking block asks, in the words its visitor sees.

    `fields` are dictionaries with "type", "clean_name", "label", "help_text", "required" and,
    where the type has them, "choices" (a list of texts), "minimum" and "maximum" (of a number) or
    "text" (rich text, of a consent). `texts` may hold "heading", "confirmation" (rich text) and
    "fully_booked".
    """

    agenda_id: int
    meeting_type_id: int | None = None
    fields: tuple[Mapping[str, Any], ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    language: str = ""
    preview: bool = False

    @property
    def asked(self) -> dict[str, Any]:
        """The definition as plain data: what is stored, and what the digest is made of."""
        return {
            "agenda": self.agenda_id,
            "meeting_type": self.meeting_type_id,
            "fields": [dict(item) for item in self.fields],
            "texts": dict(self.texts),
            "language": self.language,
        }

    @property
    def digest(self) -> str:
        """SHA-256 of what is asked, in hexadecimal. When the form was issued is no part of it."""
        canonical = json.dumps(self.asked, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()

    @classmethod
    def from_asked(cls, asked: Mapping[str, Any], preview: bool = False) -> "Definition":
        """The definition that `asked` describes: a stored version's, or a signed one's."""
        return cls(
            agenda_id=asked["agenda"],
            meeting_type_id=asked["meeting_type"],
            fields=tuple(asked["fields"]),
            texts=asked["texts"],
            language=asked["language"],
            preview=preview,
        )


def sign(definition: Definition, now: datetime) -> str:
    """The definition as a signed, compressed text for a hidden field.

    Within one hour the same definition gives the same text, so that a page does not change from
    one visitor to the next. May be longer than `LONGEST_SIGNED`: see `fits`.
    """
    payload = {**definition.asked, "issued": int(now.timestamp()) // HOUR}
    if definition.preview:
        payload["preview"] = True
    return signing.Signer(salt=SALT).sign_object(payload, compress=True)


def fits(definition: Definition, now: datetime) -> bool:
    """Whether the definition is small enough to be signed into a page."""
    return len(sign(definition, now)) <= LONGEST_SIGNED


def read(signed: str, now: datetime) -> Definition:
    """The definition that `sign` signed; raises `FormDefinitionError` for anything else.

    A definition is outdated once it is older than the setting FORM_DEFINITION_HOURS.
    """
    if len(signed) > LONGEST_SIGNED:
        raise FormDefinitionError("oversized")
    if not signed.isascii():
        raise FormDefinitionError("forged")
    try:
        payload = signing.Signer(salt=SALT).unsign_object(signed)
    except signing.BadSignature as error:
        raise FormDefinitionError("forged") from error
    if payload.get("preview"):
        raise FormDefinitionError("preview")
    issued = datetime.fromtimestamp(payload["issued"] * HOUR, tz=now.tzinfo)
    # The hour that the time of issue was rounded down by is not taken off the visitor's time.
    valid_for = timedelta(hours=conf.get("FORM_DEFINITION_HOURS") + 1)
    if now - issued >= valid_for:
        raise FormDefinitionError("outdated")
    return Definition.from_asked(payload)


def keep(definition: Definition):
    """The stored `FormVersion` of this definition, made if nobody has booked with it before."""
    from wagtail_agenda.models import FormVersion

    version, _made = FormVersion.objects.get_or_create(
        digest=definition.digest,
        defaults={"agenda_id": definition.agenda_id, "definition": definition.asked},
    )
    return version


def answers_in_words(asked: Mapping[str, Any], answers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What somebody answered, as pairs of label and text, in the order of the form.

    `asked` is a `FormVersion.definition`, `answers` a `Booking.answers`. A question that was left
    open has an empty text. Answers that the form does not know come last under their own name, so
    that nothing stored is ever hidden.
    """
    pairs = []
    known = set()
    for item in asked.get("fields", ()):
        name = item["clean_name"]
        known.add(name)
        if name in answers:
            pairs.append((item["label"], in_words(answers[name], item["type"])))
    pairs += [(name, in_words(value)) for name, value in answers.items() if name not in known]
    return pairs


def say_answers(kind: str, in_words: Callable[[Any], str]) -> None:
    """Have the answers to questions of that type said by a function of a project's own."""
    _said_by[kind] = in_words


def in_words(answer: Any, kind: str = "") -> str:
    """One answer as text, in the active language. `kind` is the question's type."""
    if answer is None or answer == "":
        return ""
    if kind in _said_by:
        try:
            return str(_said_by[kind](answer))
        except Exception:
            # Whatever was kept years ago must not close the page of its booking.
            logger.exception("An answer to a question of type %r cannot be said.", kind)
    if isinstance(answer, bool):
        return gettext("Yes") if answer else gettext("No")
    if isinstance(answer, list | tuple):
        return ", ".join(in_words(part) for part in answer)
    if kind == "date":
        try:
            return date_format(date.fromisoformat(answer), "DATE_FORMAT")
        except ValueError:
            return str(answer)
    return str(answer)
