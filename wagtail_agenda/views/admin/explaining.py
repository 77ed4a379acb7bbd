"""Why visitors cannot book something: every rule that is in the way, and the way to each of them.

`…/explain/?agenda=<slug>&at=2026-11-30T10:30` asks about a moment, on the clocks of the agenda
unless it says its distance from UTC; `&type=` and `&event=` name what should begin there.
"""

from dataclasses import dataclass
from datetime import date, datetime, timezone
from functools import cached_property

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.utils import timezone as django_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from wagtail.admin.admin_url_finder import AdminURLFinder

from wagtail_agenda import availability, permissions
from wagtail_agenda.availability import Reason
from wagtail_agenda.models import Agenda, Booking, CalledMeeting, Event, MeetingType
from wagtail_agenda.slot_key import is_slug
from wagtail_agenda.views.admin.base import AgentPage, agendas_of, page_of, url_to
from wagtail_agenda.views.admin.dates import is_shown, today_in, with_query
from wagtail_agenda.wording import day_text, moment_text, time_text

OF_CALENDARS = {"closure"}
OF_HOURS = {"no hours", "break", "closed"}
OF_TYPES = {"too short", "off the step", "type retired", "no desk"}
"""Codes of reasons that lie in something else than the row that the reason names first."""

MOST_NEAREST = 4


class WhenForm(forms.Form):
    """Which agenda, and when."""

    agenda = forms.ChoiceField(label=gettext_lazy("Agenda"))
    date = forms.DateField(
        label=gettext_lazy("Date"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    time = forms.TimeField(
        label=gettext_lazy("Time"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    type = forms.ChoiceField(label=gettext_lazy("Appointment type"), required=False)

    template_name = "wagtail_agenda/admin/includes/filter_fields.html"

    def __init__(self, *, agendas, types, initial):
        super().__init__(auto_id="wagtail-agenda-why-%s", initial=initial)
        self.fields["agenda"].choices = [(agenda.slug, str(agenda)) for agenda in agendas]
        if len(types) > 1:
            self.fields["type"].choices = [
                ("", _("All types")),
                *[(one.slug, str(one)) for one in types],
            ]
        else:
            del self.fields["type"]


@dataclass(frozen=True)
class Explained:
    """One rule, with the addresses of what it lies in, as far as one may see that."""

    text: str
    links: list[tuple[str, str]]


class ExplainView(AgentPage, TemplateView):
    """Every reason why visitors cannot book at a moment, or that they can."""

    template_name = "wagtail_agenda/admin/explain.html"
    header_icon = "help"
    problem = ""

    def get(self, request, *args, **kwargs):
        self.now = django_timezone.now()
        if not permissions.has_role(request.user):
            raise PermissionDenied
        if self.event is None and self.agenda is not None:
            self.instant = self.read_instant()
        else:
            self.instant = self.event.start if self.event else None
        return super().get(request, *args, **kwargs)

    @cached_property
    def agenda(self) -> Agenda | None:
        slug = self.request.GET.get("agenda", "")
        # An agenda of others is not found, which does not tell whether there is one.
        return self.get_agenda(slug) if is_slug(slug) else None

    @cached_property
    def event(self) -> Event | None:
        asked = self.request.GET.get("event", "")
        if self.agenda is None or not is_slug(asked):
            return None
        return self.agenda.events.filter(slug=asked).first()

    @cached_property
    def meeting_types(self) -> list[MeetingType]:
        if self.agenda is None or not self.agenda.takes_appointments:
            return []
        return availability.meeting_types_on_offer(self.agenda)

    @cached_property
    def meeting_type(self) -> MeetingType | None:
        """The one that is asked about; None stands for whichever can begin then."""
        asked = self.request.GET.get("type", "")
        return next((one for one in self.meeting_types if one.slug == asked), None)

    def read_instant(self) -> datetime | None:
        """The moment that is asked about; None, with a problem in words, if it makes no sense."""
        asked = self.request.GET.get("at", "")
        if not asked and self.request.GET.get("date"):
            asked = f"{self.request.GET['date']}T{self.request.GET.get('time', '')}"
        if not asked:
            return None
        try:
            moment = datetime.fromisoformat(asked[:40])
            if not is_shown(moment.date()):
                raise ValueError
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=self.agenda.zone)
            return moment.astimezone(timezone.utc)
        except (ValueError, OverflowError):
            self.problem = _(
                "“%(value)s” is no moment that can be explained. Choose a date and a time."
            ) % {"value": asked[:40]}
            return None

    # What is in the way

    @cached_property
    def reasons(self) -> list[Reason]:
        return availability.explain(
            self.agenda, self.instant, self.meeting_type, now=self.now, event=self.event
        )

    @cached_property
    def finder(self) -> AdminURLFinder:
        return AdminURLFinder(self.request.user)

    def explained(self, reason: Reason) -> Explained:
        links = []
        for row in rows_behind(reason):
            url = self.address_of(row)
            if url and (url, str(row)) not in links:
                links.append((url, str(row)))
        return Explained(reason.text, links)

    def address_of(self, row: Model) -> str:
        """Where it can be seen or changed, empty for those who may not."""
        if isinstance(row, (Booking, CalledMeeting)):
            may_see = permissions.may_see(self.request.user, row)
            return page_of(row) if may_see else ""
        return self.finder.get_edit_url(row) or ""

    def may_be_booked_by_agents(self) -> bool:
        """Whether only the booking delays are in the way, which do not hold for agents."""
        day = self.instant.astimezone(self.agenda.zone).date()
        found = availability.slots(
            self.agenda,
            self.meeting_type,
            first=day,
            last=day,
            now=self.now,
            bypass_delays=True,
        )
        if self.event is not None:
            return any(slot.event == self.event for slot in found)
        return any(slot.start == self.instant for slot in found)

    def nearest(self) -> list[str]:
        """What visitors can book closest to it."""
        if not availability.is_open(self.agenda, self.now):
            return []
        found = availability.nearest(
            self.agenda, self.meeting_type, self.instant, now=self.now, limit=MOST_NEAREST
        )
        names = (
            ", ".join(part for part in (str(slot.event or ""), moment_text(slot.start)) if part)
            for slot in found
        )
        # Several types may begin at one time.
        return list(dict.fromkeys(names))

    # What is shown

    @property
    def local(self) -> datetime | None:
        return self.instant.astimezone(self.agenda.zone) if self.instant else None

    def get_page_title(self):
        return _("Why can nobody book?")

    def get_page_subtitle(self):
        return self.agenda or ""

    def trail(self):
        here = ("", self.get_page_title())
        if self.agenda is None:
            return [here]
        return [(url_to("week", self.agenda.slug, self.day), self.agenda), here]

    @property
    def day(self) -> date:
        return self.local.date() if self.instant else today_in(self.agenda)

    def booking_url(self) -> str:
        query = {"date": self.day.isoformat()}
        if self.event is not None:
            query["event"] = self.event.slug
        else:
            query["time"] = f"{self.local:%H:%M}"
            query["type"] = self.meeting_type.slug if self.meeting_type else ""
        return with_query(url_to("booking_new", self.agenda.slug), query)

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        agendas = list(agendas_of(self.request.user))
        context |= {
            "agenda": self.agenda,
            "problem": self.problem,
            "form": WhenForm(
                agendas=agendas,
                types=self.meeting_types,
                initial={
                    "agenda": self.agenda.slug if self.agenda else "",
                    "date": self.local.date() if self.instant else self.request.GET.get("date"),
                    "time": self.local.time() if self.instant else self.request.GET.get("time"),
                    "type": self.meeting_type.slug if self.meeting_type else "",
                },
            ),
            "here": url_to("explain"),
        }
        if self.instant is None:
            return context
        return context | {
            "event": self.event,
            "time_text": time_text(self.local),
            "day_text": day_text(self.local),
            "meeting_type": self.meeting_type,
            "reasons": [self.explained(reason) for reason in self.reasons],
            "nearest": self.nearest() if self.reasons else [],
            "booking_url": self.booking_url() if self.may_be_booked_by_agents() else "",
        }


def rows_behind(reason: Reason) -> list[Model]:
    """What a reason lies in, so that whoever wants it otherwise knows where to go."""
    taken_by = reason.booking or reason.meeting
    if taken_by is not None:
        return [taken_by]
    owner = reason.resource or reason.desk or reason.agenda
    if reason.code in OF_CALENDARS and owner is not None:
        return list(owner.closure_calendars.all())
    if reason.code in OF_HOURS and owner is not None:
        schedule = owner.schedule
        if schedule is None and reason.desk is not None:
            schedule = reason.desk.agenda.schedule
        return [schedule or owner]
    if reason.code in OF_TYPES and reason.meeting_type is not None:
        return [reason.meeting_type]
    first = reason.resource or reason.event or reason.desk or reason.agenda or reason.meeting_type
    return [first] if first is not None else []
