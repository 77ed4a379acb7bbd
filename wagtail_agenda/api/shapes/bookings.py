"""The shapes of what is asked and answered about bookings."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from wagtail_agenda.api.shapes.given import Day, Given, Places, Somebody, Text, WebAddress
from wagtail_agenda.choices import Admission


def _or_null(given: Any) -> Any:
    return None if given == "" else given


# What is asked


class WhoseBookings(Given):
    """Whose bookings are wanted."""

    user_external_id: Somebody = Field(description="Whom the form engine says it is.")


class WantedBookings(WhoseBookings):
    """Whose bookings are wanted, and which of them."""

    agenda: str = Field("", description="The slug of an agenda.")
    category: str = Field("", description="No agenda has one, so none is found.")
    date_start: Day | None = Field(None, description="On that local day or later.")
    date_end: Day | None = Field(None, description="Before that local day.")


class WantedFile(WhoseBookings):
    """Whose bookings a calendar file is to have."""

    agenda: str = Field("", description="The slug of an agenda.")


class CalendarTexts(Given):
    """What a calendar entry is to say in the place of what is stored."""

    comment: Text = ""
    description: Text = ""
    location: Text = ""
    url: WebAddress = ""


class ChangedBooking(BaseModel):
    """Who came, and why not. Any other key is kept in ``extra_data``, where it replaces its own.

    What is left out stays as it is; null, and an empty text, takes it back.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="allow")

    user_was_present: Annotated[bool | None, BeforeValidator(_or_null)] = None
    user_absence_reason: Annotated[str | None, BeforeValidator(_or_null)] = Field(
        None, description="The id, slug or label of a reason for an absence."
    )


class OtherSize(Given):
    """How many places a booking is to have."""

    count: Places | None = None


# What is answered


class Named(BaseModel):
    label: str
    slug: str


class BookingLinks(BaseModel):
    """Addresses that can be called about a booking; the last one is called by this site."""

    booking_url: str
    cancel_url: str
    ics_url: str
    accept_url: str
    suspend_url: str
    anonymize_url: str
    cancel_callback_url: str | None = None


class BookingShape(BaseModel):
    """A booking as it is. Times are local to the agenda; ``_iso`` has them with their offset."""

    model_config = ConfigDict(extra="forbid")

    booking_id: str
    id: str
    reference: str = Field(description="The number that is read out over a counter.")
    in_waiting_list: bool = Field(description="Waits for a place, or is being offered one.")
    admission: Admission
    user_was_present: bool | None
    user_absence_reason: str | None = Field(description="The id of the reason.")
    extra_data: dict[str, Any]
    datetime: str
    datetime_iso: str
    end_datetime: str
    end_datetime_iso: str
    duration: int = Field(description="Minutes.")
    count: int = Field(description="Places.")
    label: str
    user_display_label: str
    description: str
    user_name: str
    user_email: str
    user_phone_number: str
    user_external_id: str
    agenda: Named
    event: str | None
    meeting_type: str | None
    desk: Named | None
    api: BookingLinks


class OneBooking(BaseModel):
    err: Literal[0]
    booking_id: str
    data: BookingShape


class SeveralBookings(BaseModel):
    err: Literal[0]
    data: list[BookingShape]
