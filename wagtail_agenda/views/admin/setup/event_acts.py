"""What is done with one event: cancelled with everybody told, changed alone or with its series."""

from functools import cached_property

from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import FormView, TemplateView
from wagtail.admin import messages
from wagtail.admin.widgets.button import Button
from wagtail.log_actions import log

from wagtail_agenda import booking as bookings
from wagtail_agenda import permissions
from wagtail_agenda.choices import Admission
from wagtail_agenda.errors import BookingError, Overloaded
from wagtail_agenda.models import Event
from wagtail_agenda.series.making import TEXTS
from wagtail_agenda.views.admin.act_views import try_again
from wagtail_agenda.views.admin.base import AgentPage
from wagtail_agenda.views.admin.reason import ReasonForEverybodyForm
from wagtail_agenda.views.admin.setup import offer_views
from wagtail_agenda.views.admin.setup.events import with_places_on_offer
from wagtail_agenda.wording import moment_text, span_text

NAMESPACE = "wagtail_agenda_event_acts"


def act_url(name: str, event: Event) -> str:
    return reverse(f"{NAMESPACE}:{name}", args=[event.pk])


def may_be_cancelled(event: Event) -> bool:
    """Whether there is anything left to cancel: what is over has taken place."""
    return not event.is_cancelled and event.end > timezone.now()


class EventActPage(AgentPage):
    """A page about an event, for the editors of its agenda."""

    header_icon = "date"
    page_title = gettext_lazy("Event")

    @cached_property
    def event(self) -> Event:
        found = (
            permissions.editable(self.request.user, Event.objects.all())
            .select_related("agenda", "series")
            .filter(pk=self.kwargs["pk"])
            .first()
        )
        if found is None:
            raise Http404
        return found

    @property
    def edit_url(self) -> str:
        return reverse("wagtail_agenda_event:edit", args=[self.event.pk])

    def get_page_subtitle(self):
        return str(self.event)

    def trail(self):
        return [
            (reverse("wagtail_agenda_event:index"), _("Events")),
            (self.edit_url, self.event),
        ]

    def get_context_data(self, **kwargs):
        zone = self.event.agenda.zone
        return super().get_context_data(
            **kwargs,
            event=self.event,
            when=span_text(self.event.start.astimezone(zone), self.event.end.astimezone(zone)),
            back_url=reverse("wagtail_agenda_event:index"),
        )


# Cancelled, with everybody told


class CancelEventView(EventActPage, FormView):
    """Says who would be told and asks for a reason; a POST cancels the event and tells them."""

    form_class = ReasonForEverybodyForm
    template_name = "wagtail_agenda/admin/event_cancel.html"

    def dispatch(self, request, *args, **kwargs):
        if request.method in ("GET", "POST"):
            refusal = self.why_not(request)
            if refusal:
                messages.warning(request, refusal)
                return redirect(self.edit_url)
        return super().dispatch(request, *args, **kwargs)

    def why_not(self, request) -> str:
        """Why there is nothing to cancel; empty if there is, or if it is not this user's to ask."""
        event = permissions.editable(request.user, Event.objects.all())
        found = event.filter(pk=self.kwargs["pk"]).first()
        if found is None or may_be_cancelled(found):
            return ""
        if found.is_cancelled:
            return _("This event has been cancelled already.")
        return _("This event is over, so there is nothing to cancel.")

    def trail(self):
        return [*super().trail(), ("", _("Cancel"))]

    def post(self, request, *args, **kwargs):
        # Whether one may is asked before whether the form is right.
        self.event  # noqa: B018
        return super().post(request, *args, **kwargs)

    def form_valid(self, form):
        reason, user = form.cleaned_data["reason"], self.request.user
        try:
            ended = bookings.cancel_event(self.event, now=timezone.now(), user=user, reason=reason)
        except Overloaded as error:
            form.add_error(None, str(error))
            return try_again(self.form_invalid(form), error)
        except BookingError as error:
            messages.error(self.request, str(error))
            return redirect(self.edit_url)
        log(
            instance=self.event,
            action="wagtail_agenda.cancel_event",
            user=user,
            data={"reason": reason, "bookings": ended},
        )
        messages.success(self.request, cancelled_in_words(self.event, ended))
        return redirect(reverse("wagtail_agenda_event:index"))

    def get_context_data(self, **kwargs):
        return super().get_context_data(**kwargs, told=self.told())

    def told(self) -> list[str]:
        """Who has booked it, and how many of them can be told."""
        taken = self.event.bookings.exclude(admission=Admission.CANCELLED)
        rows = list(taken.values_list("admission", "user_email"))
        if not rows:
            return [_("Nobody has booked it, so nobody has to be told.")]
        waiting = sum(admission == Admission.WAITING for admission, _address in rows)
        without = sum(not address for _admission, address in rows)
        said = [
            ngettext(
                "%(count)d booking ends with it, and its visitor is told as the booking workflow "
                "says.",
                "%(count)d bookings end with it, and their visitors are told as the booking "
                "workflow says.",
                len(rows),
            )
            % {"count": len(rows)}
        ]
        if waiting:
            said.append(
                ngettext(
                    "%(count)d of them is on the waiting list.",
                    "%(count)d of them are on the waiting list.",
                    waiting,
                )
                % {"count": waiting}
            )
        if without:
            said.append(
                ngettext(
                    "%(count)d of them has no e-mail address: tell that visitor yourself.",
                    "%(count)d of them have no e-mail address: tell those visitors yourself.",
                    without,
                )
                % {"count": without}
            )
        return said


def cancelled_in_words(event: Event, ended: int) -> str:
    said = _("“%(event)s” is cancelled.") % {"event": event}
    if not ended:
        return said
    told = ngettext(
        "%(count)d booking ended with it.", "%(count)d bookings ended with it.", ended
    ) % {"count": ended}
    return f"{said} {told}"


# Changed alone, or with its series


class WhichDatesView(EventActPage, TemplateView):
    """Asks which dates of a series are to be changed: this one, it and the rest, or all."""

    template_name = "wagtail_agenda/admin/event_which.html"

    def get(self, request, *args, **kwargs):
        if self.event.series_id is None or self.event.occurrence is None:
            return redirect(self.edit_url)
        return super().get(request, *args, **kwargs)

    def get_page_subtitle(self):
        return _("Which dates?")

    def get_context_data(self, **kwargs):
        event = self.event
        following = ""
        if event.start > timezone.now():
            following = reverse(
                "wagtail_agenda_eventseries:following", args=[event.series_id, event.pk]
            )
        return super().get_context_data(
            **kwargs,
            series=event.series,
            one_url=f"{self.edit_url}?only=1",
            following_url=following,
            all_url=reverse("wagtail_agenda_eventseries:edit", args=[event.series_id]),
        )


class EventEditView(offer_views.EventEditView):
    """Asks which dates of its series are meant; one that is changed alone differs from then on."""

    def get(self, request, *args, **kwargs):
        event = self.get_object()
        if event.series_id is not None and "only" not in request.GET:
            return redirect(act_url("which", event))
        if event.is_cancelled:
            messages.warning(request, cancellation_in_words(event))
        return super().get(request, *args, **kwargs)

    def save_instance(self):
        before = content_of(self.object.pk)
        event = super().save_instance()
        if event.series_id is not None and content_of(event.pk) != before:
            event.differs_from_series = True
            event.save(update_fields=["differs_from_series"])
        return event

    @cached_property
    def header_more_buttons(self):
        buttons = list(super().header_more_buttons)
        if may_be_cancelled(self.object):
            buttons.append(cancel_button(self.object))
        return buttons


def content_of(pk: int) -> tuple:
    """What an event has from its series, if it has one."""
    has = (*TEXTS, "start", "end", "publish_at", "bookable__places", "bookable__waiting_places")
    return Event.objects.values_list(*has).get(pk=pk)


class EventIndexView(offer_views.OfferIndexView):
    def get_base_queryset(self):
        return with_places_on_offer(super().get_base_queryset(), timezone.now())

    def get_list_more_buttons(self, instance):
        buttons = list(super().get_list_more_buttons(instance))
        if self.get_edit_url(instance) and may_be_cancelled(instance):
            buttons.append(cancel_button(instance))
        return buttons


def cancel_button(event: Event) -> Button:
    return Button(
        _("Cancel this event"), url=act_url("cancel", event), icon_name="cross", priority=25
    )


def cancellation_in_words(event: Event) -> str:
    values = {
        "when": moment_text(event.cancelled_at.astimezone(event.agenda.zone)),
        "reason": event.cancellation_reason,
    }
    if not event.cancellation_reason:
        return _("This event was cancelled on %(when)s.") % values
    return _("This event was cancelled on %(when)s: %(reason)s") % values
