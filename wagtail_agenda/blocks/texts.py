"""What the texts of actions may say: which names in braces can be filled in."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import placeholders
from wagtail_agenda.choices import About, Audience


def validate_placeholders(text: str, allowed: Iterable[str] | None = None) -> None:
    """Raises ValidationError for a ``{name}`` that nothing can fill, and lists the names it may.

    `allowed` are the names that may stand there, all those of any mail by default. The answer to
    any question of a form may stand there too, and what earlier actions kept. Whether a workflow is
    about bookings or about meetings is known to its form alone, which asks again.
    """
    # Imported late: it reaches the models, which name these blocks.
    from wagtail_agenda.correspondence import OPEN_PREFIXES

    names = names_for() if allowed is None else list(allowed)
    unknown = [
        name
        for name in placeholders.unknown_names(text or "", names)
        if not name.startswith(OPEN_PREFIXES)
    ]
    if unknown:
        raise ValidationError(
            _("There is nothing to put in the place of %(unknown)s. You can use: %(known)s."),
            code="unknown_placeholder",
            params={"unknown": _in_braces(unknown), "known": _in_braces(names)},
        )


def names_for(*audiences: str, about: str | None = None) -> list[str]:
    """The names that each of these audiences may read, about bookings, meetings or either."""
    from wagtail_agenda import correspondence, meeting_words

    found: dict[str, None] = {}
    if about != About.MEETINGS:
        found |= dict.fromkeys(correspondence.names_for(*audiences))
    if about != About.BOOKINGS:
        found |= dict.fromkeys(meeting_words.names_for(*audiences))
    return list(found)


def secret_names() -> frozenset[str]:
    """The names that stand in mails alone."""
    from wagtail_agenda import correspondence, meeting_words

    return correspondence.SECRET_PLACEHOLDERS | meeting_words.SECRET_PLACEHOLDERS


def _in_braces(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def validate_public_placeholders(text: str) -> None:
    """The same for a text that is kept or leaves for another system: no secret link in it."""
    allowed = names_for(Audience.VISITOR, about=About.BOOKINGS)
    validate_placeholders(text, [name for name in allowed if name not in secret_names()])


def validate_placeholders_of_participants(text: str) -> None:
    """The same for what everybody who is invited to a meeting is told."""
    allowed = names_for(Audience.VISITOR, about=About.MEETINGS)
    validate_placeholders(text, [name for name in allowed if name not in secret_names()])


def validate_placeholders_of_staff(text: str) -> None:
    """The same for what colleagues and other systems are told. ``{secret}`` is a header's own."""
    allowed = [name for name in names_for(Audience.STAFF) if name not in secret_names()]
    validate_placeholders((text or "").replace("{secret}", ""), allowed)
