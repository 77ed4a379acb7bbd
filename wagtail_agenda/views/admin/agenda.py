"""The agenda view: the agendas one works with, and the days and weeks of each of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.widgets.button import HeaderButton

from wagtail_agenda import permissions
from wagtail_agenda.availability import desk_openings, held_places
from wagtail_agenda.choices import Attendance
from wagtail_agenda.models import Agenda, Booking, Desk, Event, Hold, WorkflowStatus
from wagtail_agenda.schedule import day_bounds, week_of
from wagtail_agenda.timegrid import instant_of
from wagtail_agenda.views.admin.base import AgentPage, AgentView, agendas_of, url_to
from wagtail_agenda.views.admin.presentation import Line, clock, line, times
from wagtail_agenda.views.admin.week_layout import Column, Row, Taken, rows
from wagtail_agenda.wording import day_text
from wagtail_agenda.workflow import road_of

EARLIEST, LATEST = date(1970, 1, 1), date(2999, 12, 31)
"""Dates that the agenda view shows; whatever lies beyond is a slip of the keyboard."""

NOT_CANCELLED, EVERY_STATUS = "", "all"


def read_day(text: str) -> date | None:
    """The date that an address or a form names, None if it names none that can be shown."""
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return day if day and EARLIEST <= day <= LATEST else None


def today_in(agenda: Agenda) -> date:
    return timezone.now().astimezone(agenda.zone).date()


# The agendas


@dataclass
class Today:
    """What the day brings to one agenda."""

    agenda: Agenda
    url: str
    week_url: str
    bookings: int = 0
    present: int = 0
    absent: int = 0
    next_start: datetime | None = None

    @property
    def expected(self) -> int:
        return self.bookings - self.present - self.absent

    @property
    def next_time(self) -> str:
        return clock(self.next_start, self.agenda.zone) if self.next_start else ""


class AgendaListView(AgentPage, TemplateView):
    """The agendas one works with, with what today brings to each of them."""

    template_name = "wagtail_agenda/admin/agendas.html"
    page_title = gettext_lazy("Agendas")

    def get_context_data(self, **kwargs):
        agendas = list(agendas_of(self.request.user))
        if not permissions.has_role(self.request.user):
            raise PermissionDenied
        return super().get_context_data(**kwargs, todays=todays(agendas, timezone.now()))


def todays(agendas: Sequence[Agenda], now: datetime) -> list[Today]:
    """Today of each agenda, in its own zone. One query for all of them."""
    if not agendas:
        return []
    found, bounds = {}, {}
    for agenda in agendas:
        day = now.astimezone(agenda.zone).date()
        bounds[agenda.pk] = tuple(map(instant_of, day_bounds(day, agenda.zone)))
        found[agenda.pk] = Today(
            agenda, url_to("day", agenda.slug, day), url_to("week", agenda.slug, day)
        )
    of_today = Q()
    for pk, (start, end) in bounds.items():
        of_today |= Q(agenda_id=pk, start__gte=start, start__lt=end)
    bookings = (
        Booking.objects.filter(of_today, cancelled_at__isnull=True)
        .order_by("start")
        .values_list("agenda_id", "start", "attendance")
    )
    for agenda_id, start, attendance in bookings:
        today = found[agenda_id]
        today.bookings += 1
        today.present += attendance == Attendance.PRESENT
        today.absent += attendance == Attendance.ABSENT
        if today.next_start is None and start >= now:
            today.next_start = start
    return list(found.values())


# One agenda


class JumpView(AgentView):
    """Where the date form leads: from what was typed to the address of that day or week."""

    scale = "week"

    def get(self, request, slug):
        agenda = self.get_agenda(slug)
        asked = request.GET.get("date", "")
        day = read_day(asked)
        if day is None:
            if asked:
                complain_about_date(request, asked)
            day = today_in(agenda)
        return redirect(with_query(url_to(self.scale, slug, day), Filters.of(request)))


def complain_about_date(request, asked: str) -> None:
    messages.error(
        request,
        _("“%(value)s” is no date that can be shown; write it like 2026-01-31. Here is today.")
        % {"value": asked[:40]},
    )


@dataclass(frozen=True)
class Filters:
    """What the filter form asks for, as typed."""

    desk: str = ""
    status: str = NOT_CANCELLED

    @classmethod
    def of(cls, request) -> "Filters":
        return cls(request.GET.get("desk", ""), request.GET.get("status", NOT_CANCELLED))

    @property
    def query(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if value}


def with_query(url: str, filters: Filters) -> str:
    return f"{url}?{urlencode(filters.query)}" if filters.query else url


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
    places: int
    taken: int
    held: int
    lines: list[Line]
    is_past: bool

    @property
    def is_full(self) -> bool:
        return self.taken + self.held >= self.places


@dataclass
class Day:
    day: date
    url: str
    is_today: bool
    booking_url: str
    """Where somebody can be booked on that day; empty when it is past."""
    bookings: int = 0
    is_shut: bool = False
    """Neither open nor booked: its column can be narrow."""
    events: list[EventLine] = field(default_factory=list)


@dataclass
class DeskHeader:
    desk: Desk | None
    bookings: int


class PeriodView(AgentPage, TemplateView):
    """Some days of one agenda. `scale` is its name in addresses."""

    scale = ""
    template_name = "wagtail_agenda/admin/period.html"

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.now = timezone.now()
        self.filters = Filters.of(request)

    def get(self, request, slug, day):
        self.agenda = self.get_agenda(slug)
        self.zone = self.agenda.zone
        self.today = self.now.astimezone(self.zone).date()
        self.day = read_day(day)
        if self.day is None:
            complain_about_date(request, day)
            return redirect(with_query(url_to(self.scale, slug, self.today), self.filters))
        return super().get(request, slug=slug, day=day)

    # What each scale decides

    @cached_property
    def days(self) -> Sequence[date]:
        raise NotImplementedError

    @property
    def period_text(self) -> str:
        raise NotImplementedError

    def moved(self, steps: int) -> date:
        raise NotImplementedError

    def columns(self, bookings, holds, openings) -> list[Column]:
        raise NotImplementedError

    # What is read: a constant number of queries

    @cached_property
    def bounds(self) -> tuple[datetime, datetime]:
        first, last = self.days[0], self.days[-1]
        return (
            instant_of(day_bounds(first, self.zone)[0]),
            instant_of(day_bounds(last, self.zone)[1]),
        )

    @cached_property
    def all_desks(self) -> list[Desk]:
        if not self.agenda.takes_appointments:
            return []
        return list(
            self.agenda.desks.select_related("schedule").prefetch_related("closure_calendars")
        )

    @cached_property
    def statuses(self) -> list[WorkflowStatus]:
        return list(road_of(self.agenda).statuses.values())

    @cached_property
    def bookings(self) -> list[Booking]:
        """Every booking of these days, whatever its status."""
        first, last = self.bounds
        found = self.agenda.bookings.filter(start__lt=last, end__gt=first)
        return list(found.select_related("status", "meeting_type", "desk"))

    @cached_property
    def holds(self) -> list[Hold]:
        first, last = self.bounds
        return list(
            self.agenda.holds.filter(
                lapses_at__gt=self.now,
                booking__isnull=True,
                start__lt=last,
                end__gt=first,
                desk__isnull=False,
            ).select_related("desk")
        )

    # Filters

    @cached_property
    def desk(self) -> Desk | None:
        """The desk to show alone."""
        if not self.filters.desk:
            return None
        chosen = [desk for desk in self.all_desks if desk.slug == self.filters.desk]
        if not chosen:
            messages.error(
                self.request,
                _("There is no desk “%(value)s” here. All desks are shown.")
                % {"value": self.filters.desk[:40]},
            )
        return chosen[0] if chosen else None

    @cached_property
    def status(self) -> WorkflowStatus | None:
        """The status to show alone."""
        if self.filters.status in {NOT_CANCELLED, EVERY_STATUS}:
            return None
        chosen = [status for status in self.statuses if status.slug == self.filters.status]
        if not chosen:
            messages.error(
                self.request,
                _("There is no status “%(value)s” here. All but cancelled bookings are shown.")
                % {"value": self.filters.status[:40]},
            )
        return chosen[0] if chosen else None

    @cached_property
    def shown_bookings(self) -> list[Booking]:
        return [booking for booking in self.bookings if self.is_shown(booking)]

    def is_shown(self, booking: Booking) -> bool:
        if self.desk and booking.desk_id != self.desk.pk:
            return False
        if self.status:
            return booking.status_id == self.status.pk
        return self.filters.status == EVERY_STATUS or not booking.is_cancelled

    @cached_property
    def shown_holds(self) -> list[Hold]:
        if self.status:
            return []
        return [hold for hold in self.holds if not self.desk or hold.desk_id == self.desk.pk]

    @cached_property
    def shown_desks(self) -> list[Desk]:
        """Those in service, and those that had somebody while they were."""
        if self.desk:
            return [self.desk]
        busy = {booking.desk_id for booking in self.shown_bookings}
        return [desk for desk in self.all_desks if not desk.retired or desk.pk in busy]

    # What is shown

    def line(self, booking: Booking) -> Line:
        # Bookings come without their agenda: it is the same for all of them.
        booking.agenda = self.agenda
        return line(booking, zone=self.zone, now=self.now)

    def taken(self, bookings: Sequence[Booking], holds: Sequence[Hold]) -> list[Taken]:
        taken = [Taken(self.line(booking), booking.start, booking.end) for booking in bookings]
        for hold in holds:
            held = Held(times(hold.start, hold.end, self.zone), hold.desk)
            taken.append(Taken(held, hold.start, hold.end))
        return taken

    def table(self) -> list[Row]:
        desks = [desk for desk in self.shown_desks if not desk.retired]
        openings = {
            pk: [(instant_of(start), instant_of(end)) for start, end in intervals]
            for pk, intervals in desk_openings(
                self.agenda, desks, self.days[0], self.days[-1]
            ).items()
        }
        columns = self.columns(self.shown_bookings, self.shown_holds, openings)
        return rows(columns, zone=self.zone, now=self.now)

    def day_headers(self) -> list[Day]:
        return [
            Day(
                day=day,
                url=with_query(url_to("day", self.agenda.slug, day), self.filters),
                is_today=day == self.today,
                booking_url=self.new_booking_url(day) if day >= self.today else "",
                bookings=sum(self.is_on(day, booking) for booking in self.shown_bookings),
            )
            for day in self.days
        ]

    def is_on(self, day: date, booking: Booking) -> bool:
        return booking.start.astimezone(self.zone).date() == day

    def days_with_events(self) -> list[Day]:
        first, last = self.bounds
        events = list(
            self.agenda.events.filter(start__lt=last, end__gt=first).select_related("bookable")
        )
        held = held_places([event.bookable_id for event in events], self.now)
        attending: dict[int, list[Booking]] = {}
        for booking in self.shown_bookings:
            attending.setdefault(booking.event_id, []).append(booking)
        days = {day.day: day for day in self.day_headers()}
        for event in events:
            # What began before these days stands on the first of them.
            day = max(event.start.astimezone(self.zone).date(), self.days[0])
            bookings = attending.get(event.pk, [])
            days[day].events.append(
                EventLine(
                    event=event,
                    times=times(event.start, event.end, self.zone),
                    places=event.bookable.places,
                    taken=event.bookable.places_booked,
                    held=held.get(event.bookable_id, 0),
                    lines=[self.line(booking) for booking in bookings],
                    is_past=event.end <= self.now,
                )
            )
        return list(days.values())

    def new_booking_url(self, day: date) -> str:
        return f"{url_to('booking_new', self.agenda.slug)}?{urlencode({'date': day})}"

    def get_page_title(self):
        return self.agenda

    def get_page_subtitle(self):
        return self.period_text

    def trail(self):
        return [("", self.agenda)]

    @cached_property
    def header_buttons(self):
        return [
            HeaderButton(
                label=_("New booking"),
                url=self.new_booking_url(max(self.day, self.today)),
                icon_name="plus",
            )
        ]

    def scale_url(self, scale: str, day: date) -> str:
        return with_query(url_to(scale, self.agenda.slug, day), self.filters)

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context |= {
            "agenda": self.agenda,
            "scale": self.scale,
            "day": self.day,
            "today": self.today,
            "period_text": self.period_text,
            "is_current": self.today in self.days,
            "desks": [desk for desk in self.all_desks if not desk.retired or desk is self.desk],
            "statuses": self.statuses,
            "desk": self.desk,
            "status": self.status,
            "filters": self.filters,
            "week_url": self.scale_url("week", self.day),
            "day_url": self.scale_url("day", self.day),
            "today_url": self.scale_url(self.scale, self.today),
            "jump_url": url_to(f"{self.scale}_jump", self.agenda.slug),
            "new_booking_url": url_to("booking_new", self.agenda.slug),
            "here": self.request.get_full_path(),
            "shown_count": len(self.shown_bookings),
            "cancelled_hidden": self.cancelled_hidden,
        }
        for name, steps in (("previous_url", -1), ("next_url", 1)):
            day = self.moved(steps)
            context[name] = self.scale_url(self.scale, day) if EARLIEST <= day <= LATEST else ""
        if self.agenda.takes_appointments:
            table = self.table()
            context |= {"rows": table, "headers": self.headers(table)}
        else:
            context["days"] = self.days_with_events()
        return context

    def headers(self, table: Sequence[Row]) -> list[Any]:
        raise NotImplementedError

    @property
    def cancelled_hidden(self) -> int:
        if self.filters.status == EVERY_STATUS or self.status:
            return 0
        return sum(
            booking.is_cancelled and (not self.desk or booking.desk_id == self.desk.pk)
            for booking in self.bookings
        )


class WeekView(PeriodView):
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

    def columns(self, bookings, holds, openings):
        # A day is open when any of its desks is.
        together = [interval for intervals in openings.values() for interval in intervals]
        taken = self.taken(bookings, holds)
        return [Column(day, taken, together) for day in self.days]


class DayView(PeriodView):
    scale = "day"

    @cached_property
    def days(self):
        return (self.day,)

    @property
    def period_text(self):
        return day_text(self.day)

    def moved(self, steps):
        return self.day + timedelta(days=steps)

    @cached_property
    def columns_of_desks(self) -> list[Desk | None]:
        """The desks shown; at the end None, where somebody is booked at no desk."""
        without = not self.desk and any(booking.desk_id is None for booking in self.shown_bookings)
        return [*self.shown_desks, *([None] if without or not self.shown_desks else [])]

    def headers(self, table):
        return [
            DeskHeader(
                desk,
                sum(
                    booking.desk_id == (desk.pk if desk else None)
                    for booking in self.shown_bookings
                ),
            )
            for desk in self.columns_of_desks
        ]

    def columns(self, bookings, holds, openings):
        return [
            Column(
                day=self.day,
                taken=self.taken(
                    [one for one in bookings if one.desk_id == (desk.pk if desk else None)],
                    [one for one in holds if desk and one.desk_id == desk.pk],
                ),
                openings=openings.get(desk.pk, ()) if desk else (),
                header=desk,
            )
            for desk in self.columns_of_desks
        ]
