"""What may stand in the query of a call that lists agendas or slots."""

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from wagtail_agenda.api.shapes.given import Day, Given, Items, LockCode, Places
from wagtail_agenda.availability import Period
from wagtail_agenda.models import Booking

Person = Annotated[str, Field(max_length=Booking._meta.get_field("user_external_id").max_length)]


class AgendasQuery(Given):
    """Which agendas are listed."""

    q: str = Field("", description="A part of the slug.")
    category: str = Field("", description="Agendas have none here, so any finds nothing.")
    kind: Literal["events", "meetings", "virtual"] | None = None
    with_open_events: bool = Field(
        False, description="Only agendas with an event that can be booked or waited for now."
    )


class SlotsQuery(Given):
    """What the slots of any agenda are asked with."""

    date_start: Day | None = Field(None, description="The first day.")
    date_end: Day | None = Field(None, description="The day after the last one.")
    user_external_id: Person = Field("", description="Whose bookings are told.")
    exclude_user_external_id: Person = Field(
        "", description="Whoever has booked these slots already cannot book them again."
    )
    exclude_user: Person = Field("", description="Another name of exclude_user_external_id.")
    hide_disabled: bool = Field(False, description="Leave out what cannot be booked.")
    bypass_delays: bool = Field(
        False, description="List what the booking delays forbid; repeat it when you book."
    )
    lock_code: LockCode = Field("", description="Whose hold counts as free.")

    @property
    def last_day(self) -> date | None:
        return self.date_end - timedelta(days=1) if self.date_end else None

    @property
    def excluded(self) -> str:
        """The external id of whoever cannot have the same slot twice; "" for nobody."""
        return self.exclude_user_external_id or self.exclude_user


class EventsQuery(SlotsQuery):
    """What events are asked with."""

    min_places: Places = Field(1, description="How many places are wanted together.")
    events: Period = Field(Period.FUTURE, description="Events to come, events that have begun.")


class AppointmentsQuery(SlotsQuery):
    """What appointments are asked with."""

    shared_resources: Items = Field(
        [], alias="shared-resources", description="Slugs of what must be free as well."
    )
    resources: Items = Field([], description="Another name of shared-resources.")
