"""Values of columns as JSON has them, and back."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from wagtail_agenda.schedule import wall_time_exists
from wagtail_agenda.setup_rules.dates import far_date_error, skipped_error

_TIME = re.compile(r"\d\d:\d\d(:\d\d)?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*", re.ASCII)


def written_value(value: Any, zone: ZoneInfo | None = None) -> Any:
    """A value of a column as JSON has it; moments as those of `zone`, with their offset."""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return value


def says(data: Any, written: Any) -> bool:
    """Whether JSON says just what is written. To Python, true is 1."""
    return data == written and type(data) is type(written)


def read_value(column: models.Field, data: Any, zone: ZoneInfo | None = None) -> Any:
    """What JSON means for a column; raises `ValidationError` for what it cannot mean.

    A moment without an offset is local to `zone`. What the column itself refuses is not asked.
    """
    if data is None and column.null:
        return None
    for kind, read in _READERS.items():
        if isinstance(column, kind):
            return read(data, zone)
    raise TypeError(f"Nothing here reads {column!r}")


def read_text(data: Any, _zone: ZoneInfo | None = None) -> str:
    if not isinstance(data, str):
        raise ValidationError(_("Write a text here, in quotation marks."), code="no_text")
    return data.strip()


def read_flag(data: Any, _zone: ZoneInfo | None = None) -> bool:
    if not isinstance(data, bool):
        raise ValidationError(_("Write true or false here."), code="no_flag")
    return data


def read_number(data: Any, _zone: ZoneInfo | None = None) -> int:
    if isinstance(data, bool) or not isinstance(data, int):
        raise ValidationError(_("Write a whole number here."), code="no_number")
    return data


def read_date(data: Any, _zone: ZoneInfo | None = None) -> date:
    try:
        read = date.fromisoformat(data) if isinstance(data, str) else None
    except ValueError:
        read = None
    if read is None or read.isoformat() != data:
        raise ValidationError(_("Write a date here, like 2026-12-24."), code="no_date")
    if error := far_date_error(read):
        raise error
    return read


def read_time(data: Any, _zone: ZoneInfo | None = None) -> time:
    try:
        if isinstance(data, str) and _TIME.fullmatch(data):
            return time.fromisoformat(data)
    except ValueError:
        pass
    raise ValidationError(_("Write a time here, like 18:00."), code="no_time")


def read_moment(data: Any, zone: ZoneInfo | None = None) -> datetime:
    try:
        is_moment = isinstance(data, str) and _MOMENT.fullmatch(data)
        read = parse_datetime(data) if is_moment else None
    except ValueError:
        read = None
    if read is None:
        raise ValidationError(
            _(
                "Write a date and a time here, like 2026-12-24T18:00+01:00; without the offset, "
                "it is meant in the time zone of the agenda."
            ),
            code="no_moment",
        )
    if error := far_date_error(read):
        raise error
    if read.tzinfo is not None:
        return read
    if not wall_time_exists(read.date(), read.time(), zone):
        raise skipped_error(read, zone)
    return read.replace(tzinfo=zone)


def read_list(data: Any, _zone: ZoneInfo | None = None) -> list[Any]:
    if not isinstance(data, list):
        raise ValidationError(_("Write a list here, in square brackets."), code="no_list")
    return data


_READERS: Mapping[type[models.Field], Callable[[Any, ZoneInfo | None], Any]] = {
    models.BooleanField: read_flag,
    models.IntegerField: read_number,
    models.DateTimeField: read_moment,
    models.DateField: read_date,
    models.TimeField: read_time,
    models.JSONField: read_list,
    models.CharField: read_text,
    models.TextField: read_text,
}
"""Moments before dates: to Django the one is a sort of the other."""
