"""The day on paper: one line per booking, to tick off where there is no screen.

On purpose there is no more of a person on it than a counter needs: no e-mail address, and the
answers only as long as they are wanted.
"""

from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _

from wagtail_agenda.models import Booking, Event
from wagtail_agenda.views.admin.base import url_to
from wagtail_agenda.views.admin.dates import with_query
from wagtail_agenda.views.admin.presentation import UNDECIDED, Line, answers_that_matter, times
from wagtail_agenda.views.admin.week_and_day import DayView
from wagtail_agenda.wording import day_text

WITHOUT = "no"


@dataclass(frozen=True)
class SheetLine:
    """One booking on the sheet."""

    line: Line
    answers: list[tuple[str, str]]

    @property
    def is_undecided(self) -> bool:
        """Whether nobody knows yet if this visitor has a place."""
        return self.line.booking.admission in UNDECIDED


@dataclass(frozen=True)
class Part:
    """The lines of one event; of the whole day where there are appointments."""

    event: Event | None
    times: str
    lines: list[SheetLine]


class DaySheetView(DayView):
    """The bookings of a day, filtered like the day itself, without the frame of the admin."""

    template_name = "wagtail_agenda/admin/day_sheet.html"

    @cached_property
    def bookings(self) -> list[Booking]:
        related = ("status", "meeting_type", "desk", "event", "form_version")
        found = self.period.bookings.select_related(*related)
        if self.agenda.takes_appointments:
            found = found.prefetch_related("resources")
        return list(found)

    def get_template_names(self):
        return [self.template_name]

    @cached_property
    def with_answers(self) -> bool:
        return self.request.GET.get("answers") != WITHOUT

    def content(self):
        day_url = self.scale_url("day", self.day)
        query = {**self.filters.chosen, "answers": WITHOUT if self.with_answers else ""}
        return {
            "parts": self.parts(),
            "meetings": self.shown_meetings,
            "with_answers": self.with_answers,
            "several_desks": len(self.all_desks) > 1,
            "day_url": day_url,
            "other_url": with_query(url_to("day_sheet", self.agenda.slug, self.day), query),
            "printed_at": _("%(day)s, %(time)s")
            % {"day": day_text(self.today), "time": self.time_text},
        }

    def parts(self) -> list[Part]:
        lines = [self.sheet_line(booking) for booking in self.shown_bookings]
        if self.agenda.takes_appointments:
            return [Part(None, "", lines)]
        return [
            Part(
                event,
                times(event.start, event.end, self.zone),
                [one for one in lines if one.line.booking.event_id == event.pk],
            )
            for event in self.shown_events
        ]

    def sheet_line(self, booking: Booking) -> SheetLine:
        return SheetLine(
            self.line(booking), answers_that_matter(booking) if self.with_answers else []
        )
