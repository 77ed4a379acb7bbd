"""What the texts of actions may say: which names in braces can be filled in."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import placeholders
from wagtail_agenda.choices import Audience


def validate_placeholders(text: str, allowed: Iterable[str] | None = None) -> None:
    """Raises ValidationError for a ``{name}`` that nothing can fill, and lists the names it may.

    `allowed` are the names that may stand there, all those of any mail by default. The answer to
    any question of a form may stand there too, and what earlier actions kept.
    """
    # Imported late: it reaches the models, which name these blocks.
    from wagtail_agenda.correspondence import OPEN_PREFIXES, names_for

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


def _in_braces(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def validate_public_placeholders(text: str) -> None:
    """The same for a text that is kept or leaves for another system: no secret link in it."""
    from wagtail_agenda.correspondence import SECRET_PLACEHOLDERS, names_for

    allowed = [name for name in names_for(Audience.VISITOR) if name not in SECRET_PLACEHOLDERS]
    validate_placeholders(text, allowed)


def validate_placeholders_of_staff(text: str) -> None:
    """The same for what colleagues and other systems are told. ``{secret}`` is a header's own."""
    from wagtail_agenda.correspondence import SECRET_PLACEHOLDERS, names_for

    allowed = [name for name in names_for(Audience.STAFF) if name not in SECRET_PLACEHOLDERS]
    validate_placeholders((text or "").replace("{secret}", ""), allowed)
