"""What a column refuses, in words for whoever typed it."""

import re
import zoneinfo
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, StepValueValidator, validate_email
from django.utils.deconstruct import deconstructible
from django.utils.translation import gettext_lazy as _

from wagtail_agenda.timegrid import CELL_MINUTES


def validate_time_zone(value: str) -> None:
    try:
        zoneinfo.ZoneInfo(value)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise ValidationError(
            _("“%(value)s” is not a known time zone. Write it like Europe/Paris."),
            code="unknown_time_zone",
            params={"value": value},
        ) from error


def validate_addresses(value: str) -> None:
    """One e-mail address a line; blank lines are fine."""
    for line in value.splitlines():
        if line.strip():
            try:
                # RFC 5321 §4.5.3.1.3: a path has at most 256 octets, its two brackets included.
                MaxLengthValidator(254)(line.strip())
                validate_email(line.strip())
            except ValidationError as error:
                raise ValidationError(
                    _("“%(value)s” is not an e-mail address. Write one address a line."),
                    code="invalid_address",
                    params={"value": line.strip()},
                ) from error


def validate_weekdays(value: Any) -> None:
    """A list of weekdays as numbers from 0, Monday, each once and at least one."""
    right = isinstance(value, list) and all(
        type(weekday) is int and 0 <= weekday <= 6 for weekday in value
    )
    if not right or not value or len(set(value)) < len(value):
        raise ValidationError(_("Tick at least one day of the week."), code="invalid_weekdays")


def validate_dates(value: Any) -> None:
    """A list of dates as ``2026-05-14``."""
    for text in value if isinstance(value, list) else [value]:
        try:
            if not isinstance(text, str) or date.fromisoformat(text).isoformat() != text:
                raise ValueError
        except ValueError as error:
            raise ValidationError(
                _("“%(value)s” is not a date. Write dates like 2026-05-14."),
                code="invalid_date",
                params={"value": text},
            ) from error


@deconstructible(path="django.core.validators.StepValueValidator")
class WholeStepValidator(StepValueValidator):
    """Django's, for whole numbers of any size: it raises OverflowError for what no float holds."""

    def compare(self, a: int, b: int) -> bool:
        return a % b != 0


validate_on_grid = WholeStepValidator(
    CELL_MINUTES, message=_("Use steps of %(limit_value)s minutes.")
)


IDENTIFIER = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)
"""The name of a file or an answer, in texts and as the beginning of a file's name."""


def validate_identifier(value: str) -> None:
    """Raise `ValidationError` for what cannot name a file that an action keeps."""
    if not IDENTIFIER.fullmatch(value or ""):
        raise ValidationError(
            _(
                "Write a short name of small letters without accents, digits, “_” and “-”, "
                "beginning with a letter: fichier_ics"
            ),
            code="identifier",
        )
