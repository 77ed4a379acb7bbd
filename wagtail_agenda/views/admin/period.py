"""What every view of a period shares: days, filters, what is read, the way elsewhere."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cached_property

from django.db.models import F, Q
from django.http import HttpResponseNotModified
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from wagtail.admin.widgets.button import HeaderButton

from wagtail_agenda.availability import TypeWithDesks, desk_openings, real_agendas
from wagtail_agenda.availability.openings import hours_of
from wagtail_agenda.models import Agenda, Booking, Desk, Event, Hold, MeetingType, WorkflowStatus
from wagtail_agenda.schedule import day_bounds
from wagtail_agenda.timegrid import Interval, instant_of
from wagtail_agenda.views.admin import freshness
from wagtail_agenda.views.admin.base import AgentPage, AgentView, agendas_of, url_to
from wagtail_agenda.views.admin.dates import (
    complain_about_date,
    is_shown,
    read_day,
    today_in,
    with_query,
)
from wagtail_agenda.views.admin.filters import (
    LABELS,
    FilterForm,
    Filters,
    NamedRow,
    Offer,
    asked_by,
)
from wagtail_agenda.views.admin.load import Load, loads_of_desks
from wagtail_agenda.views.admin.meeting_lines import MeetingLine, meeting_lines
from wagtail_agenda.views.admin.presentation import Line, clock, line, mark_text
from wagtail_agenda.workflow import DEFAULT_WORKFLOW

SECONDS_BETWEEN_REFRESHES = 45

SCALES = {
    "day": gettext_lazy("Day"),
    "week": gettext_lazy("Week"),
    "month": gettext_lazy("Month"),
    "list": gettext_lazy("List"),
}
"""The views of a period by their name in addresses, in the order of the switch."""


class JumpView(AgentView):
    """Where the date form leads, and any link to today: to the address of the period of a day.

    `?date=` names the day, and the filters go along. Without a date it is today in the agenda's
    zone, which no link written in advance can name.
    """

    scale = "week"

    def get(self, request, slug):
        agenda = self.get_agenda(slug)
        asked = request.GET.get("date", "")
        day = read_day(asked)
        if day is None:
            if asked:
                complain_about_date(request, asked)
            day = today_in(agenda)
        return redirect(with_query(url_to(self.scale, slug, day), asked_by(request)))


class PeriodView(AgentPage, TemplateView, ABC):
    """Some days of one agenda. `scale` is its name in addresses.

    A GET that says by `If-None-Match` which state of the period it shows already is answered 304
    as long as nothing has changed, and otherwise with the part of the page that changes.
    """

    scale = ""
    template_name = "wagtail_agenda/admin/period.html"
    live_template_name = "wagtail_agenda/admin/includes/live.html"

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.now = timezone.now()
        self.seen = freshness.seen_by(request)

    def get(self, request, slug, day):
        self.agenda = self.get_agenda(slug)
        self.zone = self.agenda.zone
        self.today = self.now.astimezone(self.zone).date()
        self.day = read_day(day)
        if self.day is None:
            complain_about_date(request, day)
            return redirect(with_query(url_to(self.scale, slug, self.today), asked_by(request)))
        state = freshness.state_of(self.period, self.now)
        if freshness.is_still(self.seen, state):
            self.stamp, response = self.seen, HttpResponseNotModified()
        else:
            self.stamp = freshness.stamp(state, self.meeting_keys)
            response = super().get(request, slug=slug, day=day)
        response.headers["ETag"] = f'"{self.stamp}"'
        response.headers["Wagtail-Agenda-Time"] = self.time_text
        return response

    def get_template_names(self):
        return [self.live_template_name if self.seen else self.template_name]

    # What each scale decides

    @property
    @abstractmethod
    def days(self) -> Sequence[date]:
        """The days that are shown, one after the other."""

    @property
    @abstractmethod
    def period_text(self) -> str:
        """The days in words."""

    @property
    @abstractmethod
    def step_texts(self) -> tuple[str, str]:
        """What the links to the time before and after say."""

    @abstractmethod
    def moved(self, steps: int) -> date:
        """A day of the period so many steps later."""

    @abstractmethod
    def content(self) -> dict:
        """What the template of this scale shows, `live_part` naming that template."""

    # What is read: a constant number of queries

    @cached_property
    def all_agendas(self) -> list[Agenda]:
        """The agenda itself, or all those behind a virtual one."""
        return real_agendas(self.agenda)

    @cached_property
    def agendas(self) -> dict[int, Agenda]:
        """Those of them whose bookings one may see, by their key."""
        if not self.agenda.is_virtual:
            return {self.agenda.pk: self.agenda}
        mine = set(agendas_of(self.request.user).values_list("pk", flat=True))
        return {agenda.pk: agenda for agenda in self.all_agendas if agenda.pk in mine}

    def period_of(self, start: datetime, end: datetime | None = None) -> freshness.Period:
        behind = tuple(self.agendas.values()) if self.agenda.is_virtual else ()
        return freshness.Period(self.agenda, start, end, behind)

    @cached_property
    def period(self) -> freshness.Period:
        first, last = self.days[0], self.days[-1]
        return self.period_of(
            instant_of(day_bounds(first, self.zone)[0]),
            instant_of(day_bounds(last, self.zone)[1]),
        )

    @cached_property
    def all_desks(self) -> list[Desk]:
        if not self.agenda.takes_appointments:
            return []
        if not self.agenda.is_virtual:
            return list(self.agenda.desks.select_related("schedule"))
        desks = Desk.objects.filter(agenda__in=self.agendas).select_related("schedule")
        order = list(self.agendas)
        found = sorted(desks, key=lambda desk: (order.index(desk.agenda_id), desk.sort_order))
        for desk in found:
            desk.agenda = self.agendas[desk.agenda_id]
        return found

    def named(self, desk: Desk) -> Desk | NamedRow:
        """The desk as addresses and headings name it."""
        if not self.agenda.is_virtual:
            return desk
        agenda = self.agendas[desk.agenda_id]
        return NamedRow(desk.pk, f"{agenda.slug}.{desk.slug}", f"{agenda} – {desk}")

    @cached_property
    def types_with_desks(self) -> list[TypeWithDesks]:
        if not self.agenda.takes_appointments:
            return []
        types: dict[int, MeetingType] = {}
        chosen: dict[int, set[int]] = {}
        rows = MeetingType.objects.filter(agenda__in=self.agendas).annotate(desk_id=F("desks"))
        for row in rows:
            types.setdefault(row.pk, row)
            chosen.setdefault(row.pk, set()).update({row.desk_id} - {None})
        if self.agenda.is_virtual:
            # None chosen means every desk, of its own agenda.
            for pk, desk_ids in chosen.items():
                owner = types[pk].agenda_id
                chosen[pk] = desk_ids or {
                    desk.pk for desk in self.all_desks if desk.agenda_id == owner
                }
        return [(types[pk], frozenset(desk_ids)) for pk, desk_ids in chosen.items()]

    @cached_property
    def events(self) -> list[Event]:
        if self.agenda.takes_appointments:
            return []
        return list(self.period.events.select_related("bookable"))

    @cached_property
    def statuses(self) -> list[WorkflowStatus]:
        if self.agenda.is_virtual:
            used = {agenda.workflow_id for agenda in self.agendas.values()}
            wanted = Q(workflow__in=used - {None})
            if None in used:
                wanted |= Q(workflow__slug=DEFAULT_WORKFLOW)
            return list(WorkflowStatus.objects.filter(wanted).select_related("workflow"))
        if self.agenda.workflow_id:
            return list(WorkflowStatus.objects.filter(workflow=self.agenda.workflow_id))
        return list(WorkflowStatus.objects.filter(workflow__slug=DEFAULT_WORKFLOW))

    @cached_property
    def bookings(self) -> list[Booking]:
        """Every booking of these days, whatever its status."""
        found = self.period.bookings.select_related("status", "meeting_type", "desk")
        if self.agenda.takes_appointments:
            found = found.prefetch_related("resources")
        return list(found)

    @cached_property
    def holds(self) -> list[Hold]:
        return list(
            # Also those of visitors who chose in a virtual agenda.
            Hold.objects.filter(
                desk__agenda__in=self.agendas,
                lapses_at__gt=self.now,
                booking__isnull=True,
                start__lt=self.period.end,
                end__gt=self.period.start,
            ).select_related("desk")
        )

    @cached_property
    def meetings(self) -> list[MeetingLine]:
        """Those that take something which is booked here."""
        if not self.agenda.takes_appointments:
            return []
        desks = {desk.bookable_id: desk for desk in self.all_desks}
        return meeting_lines(self.period.taken_by_meetings, desks, self.request.user, self.zone)

    @property
    def meeting_keys(self) -> list[int]:
        return [meeting.key for meeting in self.meetings]

    @cached_property
    def openings(self) -> dict[int, tuple[Interval, ...]]:
        """When each desk in service is open on these days."""
        desks = [desk for desk in self.shown_desks if not desk.retired]
        if not self.agenda.is_virtual:
            return desk_openings(self.agenda, desks, self.days[0], self.days[-1])
        hours = hours_of(self.agendas.values(), desks)
        return {
            desk.pk: hours.of_desk(desk.agenda, desk, self.days[0], self.days[-1]) for desk in desks
        }

    @cached_property
    def marks(self) -> dict[tuple[int, date] | int, str]:
        """By agenda and day, or by the key of an event: who marked it as checked, and when."""
        sheets = self.period.sheets.exclude(checked_at=None).select_related("checked_by")
        return {
            sheet.event_id or (sheet.agenda_id, sheet.day): mark_text(sheet, self.zone)
            for sheet in sheets
        }

    # Filters

    @cached_property
    def offer(self) -> Offer:
        desk_asked = self.asked.get("desk")
        desks = [
            row
            for one, row in ((one, self.named(one)) for one in self.all_desks)
            if not one.retired or row.slug == desk_asked
        ]
        types = [one for one, _desks in self.types_with_desks]
        if not self.agenda.is_virtual:
            return Offer(self.statuses, desks, types, self.events_on_offer)
        agendas = self.agendas
        named_types = [
            NamedRow(
                one.pk,
                f"{agendas[one.agenda_id].slug}.{one.slug}",
                f"{agendas[one.agenda_id]} – {one}",
            )
            for one in types
        ]
        named_statuses = [
            NamedRow(one.pk, f"{one.workflow.slug}.{one.slug}", f"{one.workflow} – {one}")
            for one in self.statuses
        ]
        return Offer(named_statuses, desks, named_types)

    @cached_property
    def events_on_offer(self) -> list[Event]:
        """Those of the period, and the one chosen wherever it takes place."""
        asked = self.asked.get("event")
        if asked and asked not in {event.slug for event in self.events}:
            return [*self.agenda.events.filter(slug=asked[:100].replace("\0", "")), *self.events]
        return self.events

    @cached_property
    def asked(self) -> dict[str, str]:
        return asked_by(self.request)

    @cached_property
    def filters(self) -> Filters:
        return Filters.of(self.asked, self.offer)

    @cached_property
    def desk(self) -> Desk | None:
        """The desk that is shown alone."""
        return next((one for one in self.all_desks if one.pk == self.filters.desk_id), None)

    @cached_property
    def shown_bookings(self) -> list[Booking]:
        return [booking for booking in self.bookings if self.filters.matches(booking)]

    @cached_property
    def shown_meetings(self) -> list[MeetingLine]:
        return [meeting for meeting in self.meetings if self.filters.matches_taken(meeting)]

    @cached_property
    def shown_events(self) -> list[Event]:
        chosen = self.filters.conditions.get("event_id")
        return [event for event in self.events if chosen in (None, event.pk)]

    @cached_property
    def shown_desks(self) -> list[Desk]:
        """Those in service, and those that had somebody while they were."""
        if self.desk:
            return [self.desk]
        busy = {one.desk_id for one in (*self.shown_bookings, *self.shown_meetings)}
        return [desk for desk in self.all_desks if not desk.retired or desk.pk in busy]

    @property
    def shown_count(self) -> int:
        return len(self.shown_bookings)

    @property
    def cancelled_hidden(self) -> int:
        """How many more there would be if cancelled ones were shown."""
        if not self.filters.hides_cancelled:
            return 0
        return sum(one.is_cancelled and self.filters.covers(one) for one in self.bookings)

    # What is shown

    def line(self, booking: Booking) -> Line:
        # Bookings come without their agenda, which has been read already.
        booking.agenda = self.agendas[booking.agenda_id]
        shown = line(booking, zone=self.zone, now=self.now)
        day = (booking.agenda_id, self.local_day(booking.start))
        mark = self.marks.get(booking.event_id or day, "")
        return replace(shown, mark=mark)

    @cached_property
    def loads(self) -> Mapping[tuple[date, int | None], Load]:
        """By day and desk; empty where the filters hide part of what is booked."""
        if self.filters.narrows_bookings:
            return {}
        taken = [booking for booking in self.bookings if not booking.is_cancelled]
        if self.desk:
            taken = [booking for booking in taken if booking.desk_id == self.desk.pk]
        desks = [desk for desk in self.shown_desks if not desk.retired]
        return loads_of_desks(
            self.days,
            desks,
            self.types_with_desks,
            self.openings,
            taken,
            self.shown_meetings,
            self.zone,
        )

    def load_on(self, day: date) -> Load:
        """Of all desks together; where the filters hide part of it, how many are shown.

        Events bring their own loads.
        """
        if not self.agenda.takes_appointments:
            return Load()
        if self.filters.narrows_bookings:
            return Load(sum(self.local_day(one.start) == day for one in self.shown_bookings))
        return sum((load for (on, _desk), load in self.loads.items() if on == day), Load())

    def local_day(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    @property
    def time_text(self) -> str:
        return clock(self.now, self.zone)

    @property
    def legend(self) -> list[WorkflowStatus]:
        """The statuses of the workflow, and those that bookings keep from another one."""
        seen = {one.status_id: one.status for one in self.shown_bookings if one.status_id}
        return list({**{status.pk: status for status in self.statuses}, **seen}.values())

    def new_booking_url(self, day: date) -> str:
        return with_query(url_to("booking_new", self.agenda.slug), {"date": day})

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
            ),
            HeaderButton(
                label=_("Why can nobody book?"),
                url=with_query(url_to("explain"), {"agenda": self.agenda.slug}),
                icon_name="help",
                priority=30,
            ),
        ]

    def scale_url(self, scale: str, day: date) -> str:
        return with_query(url_to(scale, self.agenda.slug, day), self.filters.chosen)

    @property
    def may_be_undecided(self) -> bool:
        """Whether there can be bookings here that have no place for good."""
        return not self.agenda.takes_appointments or any(
            agenda.needs_approval for agenda in self.agendas.values()
        )

    def filter_form(self) -> FilterForm:
        choices = {name: self.offer.choices(name, self.zone) for name in LABELS}
        if self.agenda.takes_appointments:
            del choices["event"]
        if not self.may_be_undecided and "admission" not in self.filters.chosen:
            del choices["admission"]
        return FilterForm(day=self.day, choices=choices, chosen=self.filters.chosen)

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs) if not self.seen else kwargs
        previous, following = self.step_texts
        plain_url = url_to(self.scale, self.agenda.slug, self.day)
        context |= {
            "agenda": self.agenda,
            "scale": self.scale,
            "day": self.day,
            "today": self.today,
            "period_text": self.period_text,
            "is_current": self.today in self.days,
            "desk": self.named(self.desk) if self.desk else None,
            "hidden_agendas": len(self.all_agendas) - len(self.agendas),
            "filters": self.filters,
            "filter_form": self.filter_form(),
            "chips": self.filters.chips(plain_url),
            "plain_url": plain_url,
            "scales": [
                (scale, label, self.scale_url(scale, self.day)) for scale, label in SCALES.items()
            ],
            "previous_text": previous,
            "next_text": following,
            "today_url": self.scale_url(self.scale, self.today),
            "jump_url": url_to(f"{self.scale}_jump", self.agenda.slug),
            "search_url": url_to("agenda_search", self.agenda.slug),
            "new_booking_url": url_to("booking_new", self.agenda.slug),
            "here": self.request.get_full_path(),
            "shown_count": self.shown_count,
            "cancelled_hidden": self.cancelled_hidden,
            "legend": self.legend,
            "stamp": self.stamp,
            "news": freshness.news(self.period, self.seen, self.meeting_keys),
            "time_text": self.time_text,
            "refresh_seconds": SECONDS_BETWEEN_REFRESHES,
            **self.content(),
        }
        for name, steps in (("previous_url", -1), ("next_url", 1)):
            day = self.moved(steps)
            context[name] = self.scale_url(self.scale, day) if is_shown(day) else ""
        return context


def month_of(day: date) -> tuple[date, date]:
    """The first and the last day of its month."""
    first = day.replace(day=1)
    later = (first + timedelta(days=31)).replace(day=1)
    return first, later - timedelta(days=1)
