"""The shapes of what is asked and answered about events."""

import re
from typing import Annotated, Any, ClassVar, Literal

from django.utils.translation import gettext as _
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from wagtail_agenda import cleaning
from wagtail_agenda.api.shapes import agendas
from wagtail_agenda.api.shapes.given import (
    Day,
    Given,
    Items,
    Places,
    Text,
    WebAddress,
    line,
)
from wagtail_agenda.models import MOST_PLACES, WHOLE_DAY_MINUTES, Event

LONGEST_MINUTES = 366 * WHOLE_DAY_MINUTES
"""How long one event may last."""

_DAY_AND_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", re.ASCII)


def _day_and_time(given: str) -> str:
    if not _DAY_AND_TIME.match(given):
        raise ValueError(_("Write it like 2026-12-03 18:00:00, or with an offset from UTC."))
    return given


def _weekdays(given: list[str]) -> list[int]:
    if not all(day in "0123456" and len(day) == 1 for day in given):
        raise ValueError(_("Days of the week are numbers from 0, Monday, to 6, Sunday."))
    return sorted({int(day) for day in given})


def _address(given: Any) -> Any:
    return given.strip() if isinstance(given, str) else given


DayAndTime = Annotated[str, AfterValidator(_day_and_time), Field(max_length=40)]
Minutes = Annotated[int, Field(ge=1, le=LONGEST_MINUTES)]
WaitingPlaces = Annotated[int, Field(ge=0, le=MOST_PLACES)]
Weekdays = Annotated[Items, AfterValidator(_weekdays)]
Label = line(Event, "label")
Location = line(Event, "location")
Address = Annotated[WebAddress, BeforeValidator(_address), Field(max_length=200)]
Weeks = Annotated[int, Field(ge=1, le=52)]


# What is asked


class NewEvent(Given):
    """An event, or with `recurrence_days` a series of events. An unknown key is refused."""

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="forbid")

    start_datetime: DayAndTime = Field(
        description="Local to the agenda, or ISO 8601 with an offset. May be past."
    )
    duration: Minutes = Field(60, description="Minutes.")
    places: Places
    waiting_list_places: WaitingPlaces = 0
    label: Label = Field("", description="By default that of the agenda.")
    slug: Annotated[str, Field(max_length=100, pattern=r"^[-a-zA-Z0-9_]+$")] | None = Field(
        None, description="By default made of the label. Not of a series."
    )
    description: Text = ""
    location: Location = ""
    url: Address = ""
    pricing: str = Field("", description="Taken and not kept.")
    recurrence_days: Weekdays = Field([], description="Days of the week, 0 is Monday.")
    recurrence_week_interval: Weeks = Field(1, description="Every so many weeks.")
    recurrence_end_date: Day | None = Field(None, description="The last day.")


class ChangedEvent(Given):
    """What changes of an event. What is left out, or null, stays; an empty text empties it.

    With one of the keys about recurrence, the event's series changes from this event on.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="forbid")

    empty_counts: ClassVar[frozenset[str]] = frozenset({"label", "description", "location", "url"})

    start_datetime: DayAndTime | None = None
    duration: Minutes | None = None
    places: Places | None = None
    waiting_list_places: WaitingPlaces | None = None
    label: Annotated[Label, Field(min_length=1)] | None = None
    description: Text | None = None
    location: Location | None = None
    url: Address | Literal[""] | None = None
    pricing: str | None = Field(None, description="Taken and not kept.")
    recurrence_days: Annotated[Weekdays, Field(min_length=1)] | None = None
    recurrence_week_interval: Weeks | None = None
    recurrence_end_date: Day | None = None
    with_bookings: bool = Field(
        False,
        description="Bookings move along, and whoever booked is told of another time or text.",
    )

    @property
    def is_about_series(self) -> bool:
        about = ("recurrence_days", "recurrence_week_interval", "recurrence_end_date")
        return any(getattr(self, name) is not None for name in about)


class RemovedEvent(Given):
    """Whether bookings are cancelled with their event, and why."""

    force_cancel: bool | None = None
    reason: Annotated[str, AfterValidator(cleaning.clean_text), Field(max_length=1000)] = ""


# What is answered


class EventAsItIs(agendas.Event):
    """An event, whether or not it can be booked."""

    location: str
    cancelled: bool


class OneEvent(BaseModel):
    err: Literal[0]
    data: EventAsItIs


class OneOrSeveralEvents(BaseModel):
    """An event; of a series, the list of its events that are made already and still to come."""

    err: Literal[0]
    data: EventAsItIs | list[EventAsItIs]


class Removed(BaseModel):
    """What became of an event: deleted, or cancelled as the record of its bookings."""

    slug: str
    deleted: bool
    cancelled: bool
    cancelled_booking_count: int


class OneRemoved(BaseModel):
    err: Literal[0]
    data: Removed
