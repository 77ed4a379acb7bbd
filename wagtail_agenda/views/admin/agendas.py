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
from wagtail_agenda.choices import Admission, Attendance
from wagtail_agenda.models import Agenda, Booking
from wagtail_agenda.schedule import day_bounds
from wagtail_agenda.timegrid import instant_of
from wagtail_agenda.views.admin.base import AgentPage, agendas_of, url_to
from wagtail_agenda.views.admin.dates import with_query
from wagtail_agenda.views.admin.deciding import soonest, virtual_ones, waiting_for_approval
from wagtail_agenda.views.admin.presentation import clock

MOST_TO_DECIDE = 10


@dataclass
class Today:
    """What the day brings to one agenda."""

    agenda: Agenda
    url: str
    week_url: str
    check_in_url: str
    """Empty for a virtual agenda: each of those behind it has an attendance sheet of its own."""
    now: datetime
    bookings: int = 0
    present: int = 0
    absent: int = 0
    next_start: datetime | None = None
    to_approve: int = 0

    @property
    def to_approve_url(self) -> str:
        """The list of what waits for approval, from today on."""
        day = self.now.astimezone(self.agenda.zone).date()
        query = {"admission": Admission.PENDING.value}
        return with_query(url_to("list", self.agenda.slug, day), query)

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
        now = timezone.now()
        found = todays(agendas, now)
        counts = waiting_for_approval(agendas)
        for today in found:
            today.to_approve = counts.get(today.agenda.pk, 0)
        return super().get_context_data(
            **kwargs,
            todays=found,
            search_url=url_to("search"),
            to_decide=soonest(agendas, MOST_TO_DECIDE) if counts else [],
            to_decide_count=sum(
                counts.get(agenda.pk, 0) for agenda in agendas if not agenda.is_virtual
            ),
            here=self.request.path,
        )


def todays(agendas: Sequence[Agenda], now: datetime) -> list[Today]:
    """Today of each agenda, in its own zone. One query for all, and one for virtual ones."""
    if not agendas:
        return []
    shown_in = virtual_ones(agendas)
    found, bounds = {}, {}
    for agenda in agendas:
        day = now.astimezone(agenda.zone).date()
        bounds[agenda.pk] = tuple(map(instant_of, day_bounds(day, agenda.zone)))
        day_url, week_url, check_in_url = (
            url_to(name, agenda.slug, day) for name in ("day", "week", "check_in_day")
        )
        found[agenda.pk] = Today(
            agenda, day_url, week_url, "" if agenda.is_virtual else check_in_url, now
        )
    of_today = Q()
    for pk, (start, end) in bounds.items():
        of_today |= Q(agenda_id=pk, start__gte=start, start__lt=end)
    bookings = (
        Booking.objects.filter(of_today, cancelled_at__isnull=True)
        .order_by("start")
        .exclude(admission__in=[Admission.WAITING, Admission.OFFERED])
        .values_list("agenda_id", "start", "attendance")
    )
    for agenda_id, start, attendance in bookings:
        for pk in (agenda_id, *shown_in.get(agenda_id, ())):
            today = found[pk]
            today.bookings += 1
            today.present += attendance in CAME
            today.absent += attendance == Attendance.ABSENT
            if today.next_start is None and start >= now:
                today.next_start = start
    return list(found.values())
