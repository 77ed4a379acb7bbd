"""The shapes of answers, for the description of the interface. The answers are made without them.

Times are local to the agenda, without offset; what ends in `_iso` is the instant.
"""

from typing import Literal

from pydantic import BaseModel, Field

from wagtail_agenda.api.shapes.failures import Answer


class Item(BaseModel):
    """Something that an agenda has."""

    id: str
    text: str


# Agendas


class AbsenceReason(Item):
    """Why somebody did not come."""

    slug: str
    label: str


class SharedResource(Item):
    """What appointments may need beside their desk."""

    description: str


class Delay(BaseModel):
    """A delay as it was set."""

    number: int
    unit: Literal["hours", "days", "working_days"]


class Delays(BaseModel):
    """From when to when an agenda takes bookings."""

    minimal: Delay
    maximal: Delay


class EventsLinks(BaseModel):
    """What can be called about an agenda of events."""

    datetimes_url: str
    fillslots_url: str


class AppointmentsLinks(BaseModel):
    """What can be called about an agenda of appointments."""

    meetings_url: str
    desks_url: str
    shared_resources_url: str
    fillslots_url: str


class Agenda(Item):
    """What is booked."""

    slug: str
    kind: Literal["events", "meetings", "virtual"]
    minimal_booking_delay: int = Field(description="Days; hours are rounded up to days.")
    minimal_booking_delay_in_working_days: bool
    maximal_booking_delay: int = Field(description="Days; hours are rounded up to days.")
    booking_delays: Delays
    edit_role: None
    view_role: None
    category: None
    category_label: None
    absence_reasons: list[AbsenceReason] | None = Field(None, description="Of events alone.")
    shared_resources: list[SharedResource] | None = Field(
        None, description="Of agendas of appointments that are not virtual."
    )
    api: EventsLinks | AppointmentsLinks


class Agendas(Answer):
    """Several agendas."""

    data: list[Agenda]


class OneAgenda(Answer):
    """One agenda."""

    data: Agenda


class MeetingTypeLinks(BaseModel):
    """What can be called about an appointment type."""

    datetimes_url: str


class MeetingType(Item):
    """A kind of appointment."""

    duration: int = Field(description="Minutes; the shortest where visitors choose it.")
    api: MeetingTypeLinks


class MeetingTypes(Answer):
    """Several appointment types."""

    data: list[MeetingType]


class OneMeetingType(Answer):
    """One appointment type."""

    data: MeetingType


class Desk(Item):
    """Who takes one appointment at a time."""

    agenda: str | None = Field(None, description="Of virtual agendas: the slug of the real one.")


class Desks(Answer):
    """Several desks."""

    data: list[Desk]


class SharedResources(Answer):
    """Several shared resources."""

    data: list[Item]


# Slots


class SlotLinks(BaseModel):
    """What can be called about a slot."""

    fillslot_url: str


class EventLinks(SlotLinks):
    """What can be called about an event, and where agents find it."""

    bookings_url: str
    status_url: str
    check_url: str
    backoffice_url: str


class Slot(Item):
    """Something that can be chosen."""

    datetime: str
    datetime_iso: str
    disabled: bool = Field(description="Whether it cannot be booked.")
    api: SlotLinks


class AgendaBehind(Item):
    """A real agenda that is free for a slot of a virtual one."""

    api: SlotLinks


class Appointment(Slot):
    """An appointment at a time."""

    booked_for_external_user: Literal[True] | None = None
    agendas: list[AgendaBehind] | None = Field(None, description="Of virtual agendas alone.")


class Places(BaseModel):
    """The places of an event and, if it has one, of its waiting list."""

    total: int
    reserved: int
    available: int
    full: bool
    has_waiting_list: bool
    waiting_list_total: int | None = None
    waiting_list_reserved: int | None = None
    waiting_list_available: int | None = None
    waiting_list_activated: bool | None = Field(
        None, description="Whether who books now joins the waiting list."
    )


class Event(Slot):
    """An event."""

    slug: str
    label: str
    agenda_label: str
    agenda_slug: str
    date: str
    end_datetime: str
    end_datetime_iso: str
    duration: int = Field(description="Minutes.")
    description: str | None
    pricing: str | None
    url: str | None
    checked: bool = Field(description="Whether its attendance is marked as checked.")
    waiting_list_bookings_automatic_confirm: bool
    places: Places
    api: EventLinks
    booked_for_external_user: Literal["main-list", "waiting-list"] | None = None


class Meta(BaseModel):
    """How much of what is listed can be booked."""

    no_bookable_datetimes: bool
    bookable_datetimes_number_total: int
    bookable_datetimes_number_available: int


class EventsMeta(Meta):
    """The same of events."""

    first_bookable_slot: Event | None


class AppointmentsMeta(Meta):
    """The same of appointments."""

    first_bookable_slot: Appointment | None


class Events(Answer):
    """Several events."""

    data: list[Event]
    meta: EventsMeta


class Appointments(Answer):
    """Times of appointments."""

    data: list[Appointment]
    meta: AppointmentsMeta
