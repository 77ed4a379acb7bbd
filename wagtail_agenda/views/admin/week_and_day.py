"""A week and a day of an agenda: appointments in a table of times, events as a list."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from wagtail.admin.widgets.button import HeaderButton

from wagtail_agenda.availability import booking_window, held_places, is_open
from wagtail_agenda.choices import Admission
from wagtail_agenda.models import Booking, Desk, Event, Hold
from wagtail_agenda.schedule import week_of
from wagtail_agenda.timegrid import instant_of
from wagtail_agenda.views.admin.base import url_to
from wagtail_agenda.views.admin.dates import with_query
from wagtail_agenda.views.admin.load import Load, load_of_events
from wagtail_agenda.views.admin.meeting_lines import MeetingLine, of_desk
from wagtail_agenda.views.admin.period import PeriodView
from wagtail_agenda.views.admin.presentation import UNDECIDED, Line, times, undecided_texts
from wagtail_agenda.views.admin.week_layout import Column, Row, Taken, rows
from wagtail_agenda.wording import day_text


@dataclass
class Held:
    """A time that a visitor keeps while filling in the form."""

    times: str
    desk: Desk | None


@dataclass
class EventLine:
    """One event with those who come."""

    event: Event
    times: str
    load: Load
    held: int
    lines: list[Line]
    is_past: bool
    mark: str
    """Who marked its attendance as checked, and when."""
    undecided: dict[str, int]
    """How many bookings have no place for good, by their admission."""
    kept: int
    """Places of these that are kept until a moment, and of those that visitors hold."""

    @property
    def is_full(self) -> bool:
        return self.load.booked + self.kept >= self.load.total

    @property
    def may_be_booked(self) -> bool:
        """Whether an agent can still put somebody on it, or on its waiting list."""
        is_on_offer = self.event.open_for_booking and not self.event.is_cancelled
        has_room = not self.is_full or self.event.waiting_places > 0
        return is_on_offer and has_room and not self.is_past

    def explain_url(self) -> str:
        """Why visitors cannot simply book it, where there is something to explain."""
        if self.is_past or not (
            self.is_full
            or self.undecided.get(Admission.WAITING)
            or not self.event.open_for_booking
            or self.event.is_cancelled
            or self.event.publish_at is not None
        ):
            return ""
        query = {"agenda": self.event.agenda.slug, "event": self.event.slug}
        return with_query(url_to("explain"), query)

    @property
    def has_waiting_list(self) -> bool:
        return bool(self.event.waiting_places or self.undecided.get(Admission.WAITING))

    @property
    def in_words(self) -> str:
        """“18 of 20 booked, 3 waiting”."""
        parts = [
            _("%(booked)d of %(places)d booked")
            % {"booked": self.load.booked, "places": self.load.total},
            *undecided_texts(self.undecided),
        ]
        return ", ".join(parts)


@dataclass
class Day:
    day: date
    url: str
    is_today: bool
    load: Load
    is_shut: bool = False
    """Neither open nor booked: its column can be narrow."""
    events: list[EventLine] = field(default_factory=list)


@dataclass
class DeskHeader:
    desk: Desk | None
    load: Load
    label: str = ""


Openings = dict[int, list[tuple[datetime, datetime]]]
"""When each desk is open, by its key."""


class TimesView(PeriodView):
    """Days whose bookings are shown with everything one needs to know of each."""

    def content(self):
        if not self.agenda.takes_appointments:
            return {
                "live_part": "wagtail_agenda/admin/includes/events.html",
                "days": self.days_with_events(),
            }
        table = rows(self.columns(), zone=self.zone, now=self.now, window=self.window)
        return {
            "live_part": "wagtail_agenda/admin/includes/table.html",
            "mark": self.mark,
            "rows": table,
            "explain_url": with_query(url_to("explain"), {"agenda": self.agenda.slug}),
            "headers": self.headers(table),
        }

    @cached_property
    def window(self) -> tuple[datetime, datetime]:
        """From when to when visitors may book; nothing while the agenda takes no bookings."""
        if not is_open(self.agenda, self.now):
            return self.now, self.now
        earliest, latest = booking_window(self.agenda, self.now)
        return instant_of(earliest), instant_of(latest)

    @abstractmethod
    def columns(self) -> list[Column]:
        """The columns of the table of times, with what is taken in them."""

    @abstractmethod
    def headers(self, table: Sequence[Row]) -> Sequence["Day | DeskHeader"]:
        """What stands above each column."""

    @property
    def mark(self) -> str:
        """Who marked the attendance of all that is shown as checked, and when."""
        return ""

    def open_times(self) -> Openings:
        return {
            pk: [(instant_of(start), instant_of(end)) for start, end in intervals]
            for pk, intervals in self.openings.items()
        }

    @cached_property
    def shown_holds(self) -> list[Hold]:
        return [hold for hold in self.holds if self.filters.matches_taken(hold)]

    def taken(
        self, bookings: Sequence[Booking], holds: Sequence[Hold], meetings: Sequence[MeetingLine]
    ) -> list[Taken]:
        taken = [Taken(self.line(booking), booking.start, booking.end) for booking in bookings]
        for hold in holds:
            held = Held(times(hold.start, hold.end, self.zone), hold.desk)
            taken.append(Taken(held, hold.start, hold.end))
        return taken + [Taken(meeting, meeting.start, meeting.end) for meeting in meetings]

    def day_headers(self) -> list[Day]:
        return [
            Day(
                day=day,
                url=self.scale_url("day", day),
                is_today=day == self.today,
                load=self.load_on(day),
            )
            for day in self.days
        ]

    def days_with_events(self) -> list[Day]:
        held = held_places([event.bookable_id for event in self.events], self.now)
        undecided: dict[int, dict[str, int]] = {}
        # Of what is kept until a moment, bookings are told apart from what visitors hold.
        lapsing: dict[int, int] = {}
        for booking in self.bookings:
            if booking.admission in UNDECIDED:
                counts = undecided.setdefault(booking.event_id, {})
                counts[booking.admission] = counts.get(booking.admission, 0) + 1
            if booking.decide_by is not None and booking.decide_by > self.now:
                lapsing[booking.event_id] = lapsing.get(booking.event_id, 0) + booking.places
        attending: dict[int, list[Booking]] = {}
        for booking in self.shown_bookings:
            attending.setdefault(booking.event_id, []).append(booking)
        days = {day.day: day for day in self.day_headers()}
        for event in self.shown_events:
            event.agenda = self.agenda
            # What began before these days stands on the first of them.
            day = days[max(self.local_day(event.start), self.days[0])]
            load = load_of_events([event])
            kept = held.get(event.bookable_id, 0)
            day.load += load
            day.events.append(
                EventLine(
                    event=event,
                    times=times(event.start, event.end, self.zone),
                    load=load,
                    held=max(kept - lapsing.get(event.pk, 0), 0),
                    kept=kept,
                    undecided=undecided.get(event.pk, {}),
                    lines=[self.line(booking) for booking in attending.get(event.pk, [])],
                    is_past=event.end <= self.now,
                    mark=self.marks.get(event.pk, ""),
                )
            )
        return list(days.values())


class WeekView(TimesView):
    scale = "week"

    @cached_property
    def days(self):
        return week_of(self.day)

    @property
    def period_text(self):
        first, last = self.days[0], self.days[-1]
        # Translators: Django date formats, of a day with and without its year.
        with_year, without_year = _("j F Y"), _("j F")
        return _("%(first)s to %(last)s") % {
            "first": date_format(first, with_year if first.year != last.year else without_year),
            "last": date_format(last, with_year),
        }

    @property
    def step_texts(self):
        return _("Previous week"), _("Next week")

    def moved(self, steps):
        return self.days[0] + timedelta(weeks=steps)

    def headers(self, table):
        alive = {
            cell.column.day for row in table for cell in row.cells if cell.is_open or cell.subjects
        }
        headers = self.day_headers()
        for header in headers:
            header.is_shut = bool(alive) and header.day not in alive
        return headers

    def columns(self):
        # A day is open when any of its desks is.
        together = [interval for intervals in self.open_times().values() for interval in intervals]
        taken = self.taken(self.shown_bookings, self.shown_holds, self.shown_meetings)
        return [Column(day, taken, together) for day in self.days]


class DayView(TimesView):
    scale = "day"

    @cached_property
    def days(self):
        return (self.day,)

    @property
    def period_text(self):
        return day_text(self.day)

    @property
    def step_texts(self):
        return _("Previous day"), _("Next day")

    def moved(self, steps):
        return self.day + timedelta(days=steps)

    @cached_property
    def header_buttons(self):
        sheet = with_query(url_to("day_sheet", self.agenda.slug, self.day), self.filters.chosen)
        button = HeaderButton(label=_("Print"), url=sheet, icon_name="doc-full", priority=20)
        if self.agenda.is_virtual:
            # Each agenda behind it has an attendance sheet of its own.
            return [*super().header_buttons, button]
        check_in = HeaderButton(
            label=_("Check people in"),
            url=url_to("check_in_day", self.agenda.slug, self.day),
            icon_name="check",
            priority=10,
        )
        return [*super().header_buttons, check_in, button]

    @property
    def mark(self):
        return self.marks.get((self.agenda.pk, self.day), "")

    @cached_property
    def columns_of_desks(self) -> list[Desk | None]:
        """The desks shown; at the end None, where a booking or a meeting takes no desk."""
        taken = (*self.shown_bookings, *self.shown_meetings)
        without = not self.desk and any(one.desk_id is None for one in taken)
        return [*self.shown_desks, *([None] if without or not self.shown_desks else [])]

    def headers(self, table):
        return [
            DeskHeader(desk, self.load_of(desk), str(self.named(desk)) if desk else "")
            for desk in self.columns_of_desks
        ]

    def load_of(self, desk: Desk | None) -> Load:
        pk = desk.pk if desk else None
        if self.filters.narrows_bookings:
            return Load(sum(booking.desk_id == pk for booking in self.shown_bookings))
        return self.loads.get((self.day, pk), Load())

    def columns(self):
        openings = self.open_times()
        return [
            Column(
                day=self.day,
                taken=self.taken(
                    [
                        one
                        for one in self.shown_bookings
                        if one.desk_id == (desk.pk if desk else None)
                    ],
                    [one for one in self.shown_holds if desk and one.desk_id == desk.pk],
                    of_desk(self.shown_meetings, desk),
                ),
                openings=openings.get(desk.pk, ()) if desk else (),
                header=self.named(desk) if desk else None,
            )
            for desk in self.columns_of_desks
        ]
