"""The list of agendas: those one works with, and what today brings to each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView

from wagtail_agenda import permissions
from wagtail_agenda.attendance import CAME
from wagtail_agenda.choices import Attendance
from wagtail_agenda.models import Agenda, Booking
from wagtail_agenda.schedule import day_bounds
from wagtail_agenda.timegrid import instant_of
from wagtail_agenda.views.admin.base import AgentPage, agendas_of, url_to
from wagtail_agenda.views.admin.presentation import clock


@dataclass
class Today:
    """What the day brings to one agenda."""

    agenda: Agenda
    url: str
    week_url: str
    check_in_url: str
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
        return super().get_context_data(
            **kwargs, todays=todays(agendas, timezone.now()), search_url=url_to("search")
        )


def todays(agendas: Sequence[Agenda], now: datetime) -> list[Today]:
    """Today of each agenda, in its own zone. One query for all of them."""
    if not agendas:
        return []
    found, bounds = {}, {}
    for agenda in agendas:
        day = now.astimezone(agenda.zone).date()
        bounds[agenda.pk] = tuple(map(instant_of, day_bounds(day, agenda.zone)))
        ways = (url_to(name, agenda.slug, day) for name in ("day", "week", "check_in_day"))
        found[agenda.pk] = Today(agenda, *ways)
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
        today.present += attendance in CAME
        today.absent += attendance == Attendance.ABSENT
        if today.next_start is None and start >= now:
            today.next_start = start
    return list(found.values())
