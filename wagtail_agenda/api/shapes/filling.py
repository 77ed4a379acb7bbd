"""The shapes of what books and holds."""

from typing import Any

from pydantic import ConfigDict, Field

from wagtail_agenda.api.shapes.agendas import Places as EventPlaces
from wagtail_agenda.api.shapes.bookings import BookingLinks, Named
from wagtail_agenda.api.shapes.events import EventAsItIs
from wagtail_agenda.api.shapes.failures import Answer
from wagtail_agenda.api.shapes.given import (
    BackofficeAddress,
    Email,
    Emails,
    Given,
    Items,
    LockCode,
    Phones,
    Places,
    Somebody,
    Text,
    WebAddress,
    line,
)
from wagtail_agenda.models import Booking


class Person(Given):
    """Who books, and what is said about the booking. Any key that is not here is kept with it.

    What is kept of unknown keys comes back as ``extra_data``.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="allow")

    label: line(Booking, "label") = ""
    user_display_label: line(Booking, "user_display_label") = ""
    description: Text = ""
    user_name: line(Booking, "user_name") = ""
    user_first_name: line(Booking, "user_name") = ""
    user_last_name: line(Booking, "user_name") = ""
    user_email: Email = ""
    user_phone_number: line(Booking, "user_phone_number") = ""
    user_external_id: line(Booking, "user_external_id") = ""
    form_url: BackofficeAddress = ""
    backoffice_url: BackofficeAddress = ""
    cancel_callback_url: WebAddress = ""
    presence_callback_url: WebAddress = ""
    absence_callback_url: WebAddress = ""
    extra_emails: Emails = []
    extra_phone_numbers: Phones = []
    sms_counter: str = Field("", description="Taken and not used.")
    count: Places | None = None
    exclude_user: bool = Field(
        False, description="Refuse whoever has a booking in the agenda at that time already."
    )
    bypass_delays: bool = Field(False, description="Book outside of the booking delays too.")
    events: str = Field("", description="“all” also books events that have begun.")
    force_waiting_list: bool = Field(False, description="Join the waiting list in any case.")

    @property
    def name(self) -> str:
        """The name, of its parts if it came in parts."""
        parts = (self.user_first_name, self.user_last_name)
        return self.user_name or " ".join(part for part in parts if part)

    @property
    def extra_data(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class FillSlot(Person):
    """The body of a booking of one slot. Everything may be left out."""

    cancel_booking_id: str = Field(
        "", description="A booking that is cancelled in the same step; none without the other."
    )
    lock_code: LockCode = Field(
        "", description="Alone, it holds the slot; with confirm_after_lock it books what it holds."
    )
    confirm_after_lock: bool = False
    resources: Items = []


class FillQuery(Given):
    """What may stand in the query of a booking as well as in its body, which wins."""

    count: Places | None = None
    bypass_delays: bool = False
    exclude_user: bool = False
    events: str = ""
    lock_code: LockCode = ""
    resources: Items = []
    shared_resources: Items = Field([], alias="shared-resources")

    def completing(self, body: FillSlot) -> FillSlot:
        """The body with what it leaves to the query."""
        mine = self.model_dump(exclude={"resources", "shared_resources"}, exclude_unset=True)
        missing = {name: mine[name] for name in mine.keys() - body.model_fields_set}
        return body.model_copy(update=missing)


class FillSlots(Person):
    """The body of a replacement of somebody's bookings of events."""

    empty_counts = frozenset({"slots"})

    slots: Items = Field(description="The slugs of the events; none cancels all bookings.")
    user_external_id: Somebody


# What is answered


class Held(Answer):
    """What a hold keeps, and until when."""

    in_waiting_list: bool
    count: int
    datetime: str
    datetime_iso: str
    end_datetime: str
    end_datetime_iso: str
    locked_until: str
    locked_until_iso: str


class Filled(Answer):
    """What came of the booking of one slot."""

    booking_id: str
    in_waiting_list: bool
    datetime: str
    datetime_iso: str
    end_datetime: str
    end_datetime_iso: str
    duration: int = Field(description="Minutes.")
    agenda: Named
    places: EventPlaces | None = None
    waiting_list_total: int | None = None
    waiting_list_reserved: int | None = None
    waiting_list_available: int | None = None
    waiting_list_activated: bool | None = None
    desk: Named | None = None
    resources: list[str] | None = Field(None, description="Slugs.")
    cancelled_booking_id: str | None = None
    api: BookingLinks


class FilledEvent(EventAsItIs):
    """An event of one of somebody's bookings, as it is by now."""

    booking_id: str
    booking_api: BookingLinks


class FilledTogether(Answer):
    """What came of the replacement of somebody's bookings."""

    booking_count: int
    booked_events: list[FilledEvent]
    waiting_list_events: list[FilledEvent]
    cancelled_booking_count: int
    cancelled_events: list[FilledEvent]
