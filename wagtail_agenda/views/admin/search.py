"""Searching for a booking, in one agenda or in all that one works with."""

from dataclasses import dataclass
from functools import cached_property

from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.generic import TemplateView

from wagtail_agenda import permissions
from wagtail_agenda.availability import real_agendas
from wagtail_agenda.models import Agenda, Booking
from wagtail_agenda.views.admin.base import AgentPage, url_to
from wagtail_agenda.views.admin.booking_list import page_urls
from wagtail_agenda.views.admin.dates import with_query
from wagtail_agenda.views.admin.finding import cleaned, matching, nearest_first
from wagtail_agenda.views.admin.presentation import Line, line

RESULTS_A_PAGE = 25
MOST_RESULTS = 500
"""Whoever finds more than that asks again with another word."""


@dataclass(frozen=True)
class Result:
    """One booking that was found."""

    line: Line
    day_url: str
    is_past: bool


class SearchView(AgentPage, TemplateView):
    """Bookings by name, telephone, e-mail or number, in all agendas that one may see."""

    template_name = "wagtail_agenda/admin/search.html"
    agenda: Agenda | None = None

    def get(self, request, *args, **kwargs):
        self.now = timezone.now()
        self.query = cleaned(request.GET.get("q", ""))
        if not permissions.has_role(request.user):
            raise PermissionDenied
        return super().get(request, *args, **kwargs)

    @cached_property
    def page(self) -> Page:
        bookings = permissions.visible(self.request.user, Booking.objects.all())
        if self.agenda:
            bookings = bookings.filter(agenda__in=real_agendas(self.agenda))
        found = nearest_first(matching(bookings, self.query), self.now).select_related(
            "agenda", "status", "meeting_type", "desk", "event"
        )
        pages = Paginator(found[: MOST_RESULTS + 1], RESULTS_A_PAGE)
        return pages.get_page(self.request.GET.get("p"))

    def result(self, booking: Booking) -> Result:
        day = booking.local_start.date()
        return Result(
            line(booking, zone=booking.agenda.zone, now=self.now),
            f"{url_to('day', booking.agenda.slug, day)}?status=all#booking-{booking.pk}",
            is_past=booking.end <= self.now,
        )

    def get_page_title(self):
        return _("Search bookings")

    def get_page_subtitle(self):
        return self.agenda or ""

    def trail(self):
        return [("", _("Search bookings"))]

    @property
    def here(self) -> str:
        return url_to("search")

    def get_context_data(self, **kwargs):
        page = self.page if self.query else None
        return super().get_context_data(
            **kwargs,
            agenda=self.agenda,
            query=self.query,
            search_url=self.here,
            everywhere_url=with_query(url_to("search"), {"q": self.query}),
            page=page,
            results=[self.result(booking) for booking in page] if page else [],
            page_urls=page_urls(with_query(self.here, {"q": self.query}), page) if page else {},
            is_cut_short=bool(page) and page.paginator.count > MOST_RESULTS,
            most_results=MOST_RESULTS,
        )


class AgendaSearchView(SearchView):
    """The same in one agenda."""

    def get(self, request, slug):
        self.agenda = self.get_agenda(slug)
        return super().get(request, slug=slug)

    @property
    def here(self) -> str:
        return url_to("agenda_search", self.agenda.slug)

    def trail(self):
        today = self.now.astimezone(self.agenda.zone).date()
        return [(url_to("week", self.agenda.slug, today), self.agenda), ("", _("Search bookings"))]
