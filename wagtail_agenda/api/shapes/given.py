"""What bodies and queries are made of, as lenient as clients need it.

Form engines send numbers and truths as texts, lists with commas, and empty texts or nothing at all
for what somebody left out: all of that is read as what it means. What cannot be what it should be
is refused with the name of its field.
"""

import re
from datetime import date
from typing import Annotated, Any, ClassVar

from django.db.models import Model
from django.utils.translation import gettext as _
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from wagtail_agenda import cleaning
from wagtail_agenda.models import MOST_PLACES, Booking

LONGEST_LOCK_CODE = 64
LONGEST_ADDRESS = 2000

_DAY = re.compile(r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _items(given: Any) -> Any:
    """A list, also of texts with commas, as texts without blanks; what is empty is left out."""
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list):
        return given
    # A parameter of a query is a list of one text, or of several if it stands there more than once.
    items = (item.strip() for text in given for item in str(text).split(","))
    return [item for item in items if item]


def _web_address(given: str) -> str:
    found = cleaning.web_address(given)
    if not found:
        raise ValueError(_("“%(address)s” is no http(s) address.") % {"address": given[:200]})
    return found


def _email(given: str) -> str:
    cleaning.email_address(given)
    return given.strip()


def _day(given: Any) -> date:
    try:
        if isinstance(given, str) and _DAY.fullmatch(given):
            return date.fromisoformat(given)
    except ValueError:
        pass
    raise ValueError(_("Write a day like 2026-01-15."))


def line(model: type[Model], name: str) -> Any:
    """A text on one line, as long as that column may be."""
    longest = model._meta.get_field(name).max_length
    return Annotated[str, AfterValidator(cleaning.one_line), Field(max_length=longest)]


def _not_blank(given: str) -> str:
    if not given:
        raise PydanticCustomError("string_too_short", "String should have at least 1 character")
    return given


# Not pydantic's own: where a site's tests stop the clock, it meets a class that it does not know.
Day = Annotated[Any, PlainValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Items = Annotated[list[str], BeforeValidator(_items)]
Email = Annotated[str, AfterValidator(_email), Field(max_length=254)]
Emails = Annotated[list[Email], BeforeValidator(_items), Field(max_length=20)]
Phones = Annotated[
    list[Annotated[str, Field(max_length=50)]], BeforeValidator(_items), Field(max_length=20)
]
Places = Annotated[int, Field(ge=1, le=MOST_PLACES)]
LockCode = Annotated[str, Field(min_length=1, max_length=LONGEST_LOCK_CODE)]
WebAddress = Annotated[str, AfterValidator(_web_address), Field(max_length=LONGEST_ADDRESS)]
BackofficeAddress = Annotated[str, AfterValidator(_web_address), Field(max_length=500)]
# What is left of blanks is judged, which a `min_length` would count.
Somebody = Annotated[line(Booking, "user_external_id"), AfterValidator(_not_blank)]
Text = Annotated[str, AfterValidator(cleaning.clean_text), Field(max_length=10_000)]


class Given(BaseModel):
    """A body or a query in which an empty text, or null, is as good as nothing."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    empty_counts: ClassVar[frozenset[str]] = frozenset()
    """Names whose empty text says something: a list of nothing."""

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_empty(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if not cls._is_nothing(name, value)}

    @classmethod
    def _is_nothing(cls, name: str, value: Any) -> bool:
        if name not in cls.model_fields:
            return False
        return value is None or (value == "" and name not in cls.empty_counts)
