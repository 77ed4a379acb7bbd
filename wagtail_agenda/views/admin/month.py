"""A month of an agenda: how full each day is."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from wagtail_agenda.models import Booking
from wagtail_agenda.schedule import week_of
from wagtail_agenda.views.admin.load import Load, load_of_events
from wagtail_agenda.views.admin.period import PeriodView, month_of
from wagtail_agenda.views.admin.presentation import UNDECIDED, undecided_texts


@dataclass(frozen=True)
class MonthDay:
    """One cell of the calendar."""

    day: date
    url: str
    is_today: bool
    is_inside: bool
    """Of the month itself, not of the weeks that it begins and ends in."""
    load: Load
    is_shut: bool
    events: int = 0
    undecided: tuple[str, ...] = ()
    """How many bookings wait for what, in words."""


class MonthView(PeriodView):
    scale = "month"

    @cached_property
    def days(self):
        """Whole weeks, so that every weekday has its column."""
        first, last = (week_of(day) for day in month_of(self.day))
        number = (last[-1] - first[0]).days + 1
        return tuple(first[0] + timedelta(days=day) for day in range(number))

    @property
    def period_text(self):
        # Translators: Django date format of a month with its year.
        return date_format(self.day, _("F Y"))

    @property
    def step_texts(self):
        return _("Previous month"), _("Next month")

    def moved(self, steps):
        first, last = month_of(self.day)
        return last + timedelta(days=1) if steps > 0 else (first - timedelta(days=1)).replace(day=1)

    @cached_property
    def bookings(self) -> list[Booking]:
        # A busy month has thousands: what counts them is enough.
        found = self.period.bookings.select_related("meeting_type").order_by("start")
        return list(
            found.only(
                "start",
                "end",
                "agenda_id",
                "admission",
                "attendance",
                "desk_id",
                "event_id",
                "status_id",
                "meeting_type__buffer_before",
                "meeting_type__buffer_after",
            )
        )

    @property
    def shown_count(self):
        first, last = month_of(self.day)
        return sum(first <= self.local_day(one.start) <= last for one in self.shown_bookings)

    @property
    def cancelled_hidden(self):
        return 0

    @property
    def legend(self):
        return []

    def content(self):
        make = self.day_of_desks if self.agenda.takes_appointments else self.day_of_events
        days = [make(day) for day in self.days]
        return {
            "live_part": "wagtail_agenda/admin/includes/month.html",
            "weekdays": self.days[:7],
            "weeks": [days[number : number + 7] for number in range(0, len(days), 7)],
        }

    @cached_property
    def loads_by_day(self) -> dict[date, Load]:
        found: dict[date, Load] = {}
        for (day, _desk), load in self.loads.items():
            found[day] = found.get(day, Load()) + load
        return found

    def day_of_desks(self, day: date) -> MonthDay:
        if self.filters.narrows_bookings:
            load = Load(self.shown_by_day.get(day, 0))
        else:
            load = self.loads_by_day.get(day, Load())
        return self.cell(day, load, is_shut=load.is_shut)

    def day_of_events(self, day: date) -> MonthDay:
        events = [event for event in self.shown_events if self.local_day(event.start) == day]
        if set(self.filters.chosen) - {"event"}:
            load = Load(self.shown_by_day.get(day, 0))
        else:
            load = load_of_events(events)
        return self.cell(day, load, events=len(events))

    @cached_property
    def shown_by_day(self) -> dict[date, int]:
        found: dict[date, int] = {}
        for booking in self.shown_bookings:
            day = self.local_day(booking.start)
            found[day] = found.get(day, 0) + 1
        return found

    def cell(self, day: date, load: Load, is_shut: bool = False, events: int = 0) -> MonthDay:
        return MonthDay(
            day=day,
            url=self.scale_url("day", day),
            is_today=day == self.today,
            is_inside=day.month == self.day.month,
            load=load,
            is_shut=is_shut,
            events=events,
            undecided=tuple(undecided_texts(self.undecided_by_day.get(day, {}))),
        )

    @cached_property
    def undecided_by_day(self) -> dict[date, dict[str, int]]:
        found: dict[date, dict[str, int]] = {}
        for booking in self.shown_bookings:
            if booking.admission in UNDECIDED:
                counts = found.setdefault(self.local_day(booking.start), {})
                counts[booking.admission] = counts.get(booking.admission, 0) + 1
        return found
