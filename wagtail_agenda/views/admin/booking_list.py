"""The bookings of an agenda as a list, one after the other, from some day on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import groupby

from django.core.paginator import Page, Paginator
from django.utils.translation import gettext as _

from wagtail_agenda.choices import Admission
from wagtail_agenda.models import Booking
from wagtail_agenda.schedule import day_bounds
from wagtail_agenda.timegrid import instant_of
from wagtail_agenda.views.admin.period import PeriodView
from wagtail_agenda.views.admin.presentation import Line
from wagtail_agenda.wording import day_text

BOOKINGS_A_PAGE = 50
EVENTS_TO_CHOOSE_FROM = 100


@dataclass(frozen=True)
class DayOfLines:
    """A day's part of the list."""

    day: date
    url: str
    is_today: bool
    lines: Sequence[Line]


class ListView(PeriodView):
    scale = "list"

    @property
    def days(self):
        """Where the list begins: it has no end."""
        return (self.day,)

    @property
    def period_text(self):
        return _("From %(day)s on") % {"day": day_text(self.day)}

    @property
    def step_texts(self):
        return _("A week earlier"), _("A week later")

    def moved(self, steps):
        return self.day + timedelta(weeks=steps)

    @cached_property
    def period(self):
        start = instant_of(day_bounds(self.day, self.zone)[0])
        return self.period_of(start)

    @cached_property
    def events(self):
        if self.agenda.takes_appointments:
            return []
        return list(self.period.events[:EVENTS_TO_CHOOSE_FROM])

    @cached_property
    def found(self):
        bookings = self.period.bookings.filter(self.filters.q())
        related = ("status", "meeting_type", "desk", "event")
        found = bookings.select_related(*related).order_by("start", "pk")
        return found.prefetch_related("resources") if self.agenda.takes_appointments else found

    @property
    def meetings(self):
        """None: it lists who comes, page by page, and not what is taken."""
        return []

    @cached_property
    def page(self) -> Page:
        return Paginator(self.found, BOOKINGS_A_PAGE).get_page(self.request.GET.get("p"))

    @cached_property
    def shown_bookings(self) -> list[Booking]:
        return list(self.page)

    @property
    def shown_count(self):
        return self.page.paginator.count

    @property
    def cancelled_hidden(self):
        if not self.filters.hides_cancelled:
            return 0
        cancelled = self.period.bookings.filter(admission=Admission.CANCELLED)
        return cancelled.filter(**self.filters.conditions).count()

    def content(self):
        return {
            "live_part": "wagtail_agenda/admin/includes/list.html",
            "days": [
                DayOfLines(
                    day=day,
                    url=self.scale_url("day", day),
                    is_today=day == self.today,
                    lines=[self.line(booking) for booking in bookings],
                )
                for day, bookings in groupby(
                    self.shown_bookings, key=lambda booking: self.local_day(booking.start)
                )
            ],
            "page": self.page,
            "page_urls": page_urls(self.scale_url(self.scale, self.day), self.page),
            "several_desks": len(self.all_desks) > 1,
        }


def page_urls(url: str, page: Page) -> dict[str, str]:
    """The addresses of the pages before and after, empty where there is none."""
    join = "&" if "?" in url else "?"
    return {
        "previous": f"{url}{join}p={page.previous_page_number()}" if page.has_previous() else "",
        "next": f"{url}{join}p={page.next_page_number()}" if page.has_next() else "",
    }
