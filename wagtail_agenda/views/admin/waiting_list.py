"""The waiting list of an event: who is on it, in what order, and why it is not their turn."""

from dataclasses import dataclass
from functools import cached_property

from django.http import Http404
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.widgets.button import HeaderButton

from wagtail_agenda import booking as bookings
from wagtail_agenda import permissions
from wagtail_agenda.availability.events import slots_of_events
from wagtail_agenda.booking import Standing
from wagtail_agenda.choices import Admission
from wagtail_agenda.models import Event
from wagtail_agenda.views.admin import acts
from wagtail_agenda.views.admin.act_views import tell
from wagtail_agenda.views.admin.acts import Act
from wagtail_agenda.views.admin.base import AgentPage, next_url, url_to
from wagtail_agenda.views.admin.dates import with_query
from wagtail_agenda.views.admin.presentation import Badge, admission_badge
from wagtail_agenda.wording import span_text

TOGETHER = {act.name: act for act in (acts.PROMOTE, acts.OFFER)}
"""What can be done with several at once, by its name in the form."""

MOST_AT_ONCE = 200
REFUSALS_NAMED = 10


@dataclass(frozen=True)
class WaitingLine:
    """One who waits or is being offered a place."""

    standing: Standing
    url: str
    badge: Badge
    acts: list[tuple[Act, str]]


class WaitingListView(AgentPage, TemplateView):
    """Everybody on the list; a POST with ``act`` and the keys ``ticked`` acts on several."""

    template_name = "wagtail_agenda/admin/waiting_list.html"
    header_icon = "list-ol"

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.now = timezone.now()

    @cached_property
    def event(self) -> Event:
        events = permissions.visible(self.request.user, Event.objects.all())
        found = events.select_related("agenda", "bookable").filter(pk=self.kwargs["pk"]).first()
        if found is None:
            raise Http404
        return found

    @cached_property
    def standings(self) -> list[Standing]:
        found = bookings.standings(self.event, self.now)
        for one in found:
            # They come without their event and agenda, which are the same for all of them.
            one.booking.event, one.booking.agenda = self.event, self.event.agenda
        return found

    @property
    def here(self) -> str:
        return url_to("waiting_list", self.event.pk)

    # Acting on several

    def post(self, request, *args, **kwargs):
        event = self.event
        act = TOGETHER.get(request.POST.get("act", ""))
        ticked = set(request.POST.getlist("ticked")[:MOST_AT_ONCE])
        chosen = [one.booking for one in self.standings if str(one.booking.pk) in ticked]
        if act is None:
            messages.error(request, _("Nothing was done. Choose what to do with those ticked."))
        elif not ticked:
            messages.warning(request, _("Nobody is ticked, so nothing was done."))
        else:
            gone = len(ticked) - len(chosen)
            self.carry_out(act, chosen, gone)
        return redirect(next_url(request, url_to("waiting_list", event.pk)))

    def carry_out(self, act: Act, chosen: list, gone: int) -> None:
        """Do it with one after the other, in the order of the list; each for itself."""
        done, refused = [], []
        for booking in chosen:
            outcome = acts.carry_out(act, booking, now=self.now, user=self.request.user)
            (refused if outcome.failed else done).append((booking, outcome))
        if len(done) == 1:
            tell(self.request, done[0][1])
        elif done:
            messages.success(
                self.request,
                ngettext("%(act)s: %(count)d done.", "%(act)s: %(count)d done.", len(done))
                % {"act": act.label, "count": len(done)},
            )
        for booking, outcome in refused[:REFUSALS_NAMED]:
            messages.error(
                self.request,
                _("%(name)s: %(reason)s") % {"name": booking.display_name, "reason": outcome.text},
            )
        left = len(refused) - REFUSALS_NAMED
        if left > 0:
            messages.error(
                self.request,
                ngettext("%(count)d more was refused.", "%(count)d more were refused.", left)
                % {"count": left},
            )
        if gone:
            messages.warning(
                self.request,
                ngettext(
                    "%(count)d is no longer on the list.",
                    "%(count)d are no longer on the list.",
                    gone,
                )
                % {"count": gone},
            )

    # What is shown

    def get_page_title(self):
        return _("Waiting list")

    def get_page_subtitle(self):
        return self.event

    @property
    def day_url(self) -> str:
        day = self.event.start.astimezone(self.event.agenda.zone).date()
        return url_to("day", self.event.agenda.slug, day)

    def trail(self):
        return [(self.day_url, self.event.agenda), ("", _("Waiting list"))]

    @cached_property
    def header_buttons(self):
        if self.is_over:
            return []
        day = self.event.start.astimezone(self.event.agenda.zone).date()
        new = url_to("booking_new", self.event.agenda.slug)
        query = {"date": day.isoformat(), "event": self.event.slug}
        return [HeaderButton(label=_("New booking"), url=with_query(new, query), icon_name="plus")]

    @property
    def is_over(self) -> bool:
        return self.event.start <= self.now or self.event.is_cancelled

    def line(self, standing: Standing) -> WaitingLine:
        booking = standing.booking
        fitting = [
            act
            for act in acts.acts_for(booking, self.now)
            if act in (acts.PROMOTE, acts.OFFER, acts.SUSPEND, acts.CANCEL)
        ]
        return WaitingLine(
            standing=standing,
            url=url_to("booking", booking.pk),
            badge=admission_badge(booking),
            acts=[(act, acts.address_of(act, booking)) for act in fitting],
        )

    def get_context_data(self, **kwargs):
        (slot,) = slots_of_events(self.event.agenda, [self.event], self.now)
        zone = self.event.agenda.zone
        lines = [self.line(standing) for standing in self.standings]
        return super().get_context_data(
            **kwargs,
            event=self.event,
            agenda=self.event.agenda,
            when=span_text(self.event.start.astimezone(zone), self.event.end.astimezone(zone)),
            slot=slot,
            booked=slot.places_total - slot.places_free,
            reserved=slot.waiting_total - slot.waiting_free,
            is_activated=slot.queued or slot.places_free <= 0,
            how=HOW_PLACES_ARE_GIVEN[self.event.agenda.waiting_list_promotion],
            lines=lines,
            can_act=not self.is_over,
            waiting=sum(one.booking.admission == Admission.WAITING for one in self.standings),
            together=list(TOGETHER.values()) if lines and not self.is_over else [],
            here=self.here,
            day_url=self.day_url,
        )


HOW_PLACES_ARE_GIVEN = {
    "manual": gettext_lazy("An agent decides who gets a place that becomes free."),
    "automatic": gettext_lazy(
        "A place that becomes free goes to the first for whom there is room, at once."
    ),
    "offer": gettext_lazy(
        "A place that becomes free is offered to the first for whom there is room."
    ),
}
