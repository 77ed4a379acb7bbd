"""How a listing is asked for."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from wagtail_agenda.models import Booking, Resource


class Period(Enum):
    """Which events are wanted: those that are still to come, those that have begun, or both."""

    FUTURE = "future"
    PAST = "past"
    ALL = "all"


@dataclass(frozen=True)
class Asked:
    """What the one who asks may see, and wants; the same for every kind of agenda.

    `lock_code` is theirs: what it holds counts as free. Agents ask with `bypass_delays`.
    `with_full` also lists what has no room for `min_places`. `resources` are wanted beside those
    that the appointment type needs anyway. `limit` is how many of the first slots are wanted. The
    desk and the resources of `but_booking` count as free while it takes them: it is being moved.
    `period` is about events alone: nobody comes to an appointment that is past.
    """

    now: datetime
    lock_code: str = ""
    bypass_delays: bool = False
    with_full: bool = False
    min_places: int = 1
    resources: tuple[Resource, ...] = ()
    limit: int | None = None
    but_booking: Booking | None = None
    period: Period = Period.FUTURE
