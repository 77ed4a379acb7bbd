"""Lists and editors of series of events: all that is to come, or an occurrence and the rest."""

from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.admin.views import generic
from wagtail.log_actions import log

from wagtail_agenda import series
from wagtail_agenda.errors import BookingError, OccurrencesBooked, Overloaded
from wagtail_agenda.models import Event, EventSeries
from wagtail_agenda.series import Outcome
from wagtail_agenda.views.admin.act_views import try_again
from wagtail_agenda.views.admin.setup.offer_views import OfferCreateView, OfferFilterSet
from wagtail_agenda.wording import day_text


class SeriesFilterSet(OfferFilterSet):
    class Meta:
        model = EventSeries
        fields = ["agenda"]


class SeriesIndexView(generic.IndexView):
    def get_base_queryset(self):
        return super().get_base_queryset().select_related("agenda")


class SeriesCreateView(OfferCreateView):
    """Makes the first events at once, so that the editor sees what the series is."""

    made = 0

    def save_instance(self):
        instance = super().save_instance()
        try:
            self.made = series.make_occurrences(instance, timezone.now())
        except Overloaded:
            # The task makes them within the hour.
            self.made = 0
        return instance

    def get_success_url(self):
        return self.get_edit_url()

    def get_success_message(self, instance):
        if not self.made:
            return gettext(
                "“%(series)s” is saved. Its dates are made once they come near enough."
            ) % {"series": instance}
        return ngettext(
            "“%(series)s” is saved, with %(count)d date so far. Later ones are made in time.",
            "“%(series)s” is saved, with %(count)d dates so far. Later ones are made in time.",
            self.made,
        ) % {"series": instance, "count": self.made}

    def get_success_buttons(self):
        return []


class SeriesEditView(generic.EditView):
    """Changes all dates to come that follow the series. What is booked is asked about."""

    def change(self, form) -> Outcome:
        return series.change_series(
            self.object,
            form.values(),
            now=timezone.now(),
            user=self.request.user,
            answers=form.answers(),
        )

    def form_valid(self, form):
        self.form = form
        try:
            outcome = self.change(form)
        except OccurrencesBooked as error:
            self.produced_error_message = form.ask(error.plan)
            return self.form_invalid(form)
        except BookingError as error:
            form.add_error(None, str(error))
            self.produced_error_message = self.get_error_message()
            response = self.form_invalid(form)
            return try_again(response, error) if isinstance(error, Overloaded) else response
        except EventSeries.DoesNotExist:
            raise Http404 from None
        self.note(outcome)
        self.object = outcome.series
        messages.success(self.request, outcome_in_words(outcome))
        return redirect(reverse(self.edit_url_name, args=[outcome.series.pk]))

    def note(self, outcome: Outcome) -> None:
        """In the site's history: of the series, and of each event that was cancelled."""
        counts = {
            "made": outcome.made,
            "moved": outcome.moved,
            "deleted": outcome.deleted,
            "cancelled": len(outcome.cancelled),
            "told": outcome.told,
        }
        self.note_of(outcome.series, "change_series", counts)
        for event in outcome.cancelled:
            self.note_of(event, "cancel_event", {"reason": event.cancellation_reason})

    def note_of(self, instance, action: str, data: dict) -> None:
        log(
            instance=instance,
            action=f"wagtail_agenda.{action}",
            user=self.request.user,
            data=data,
        )


class FollowingEditView(SeriesEditView):
    """Changes one date of a series and all after it, which become a series of their own."""

    following_url_name = "wagtail_agenda_eventseries:following"

    @cached_property
    def event(self) -> Event:
        """Raises Http404 unless it is a coming date of this series."""
        return get_object_or_404(
            Event.objects.select_related("agenda"),
            pk=self.kwargs["event"],
            series_id=self.kwargs["pk"],
            occurrence__isnull=False,
            start__gt=timezone.now(),
        )

    def get_object(self, queryset=None):
        found = super().get_object(queryset)
        # Whether there is such a date is asked before whether the form is right.
        self.event  # noqa: B018
        return found

    def get_initial(self):
        return {**super().get_initial(), "first_day": self.event.occurrence}

    def get_form(self, form_class=None):
        form = super().get_form(form_class)
        form.fields["first_day"].disabled = True
        form.fields["first_day"].help_text = _("From this date on. Those before it stay.")
        return form

    def change(self, form) -> Outcome:
        return series.change_following(
            self.event,
            form.values(),
            now=timezone.now(),
            user=self.request.user,
            answers=form.answers(),
        )

    def note(self, outcome: Outcome) -> None:
        super().note(outcome)
        if outcome.series.pk != int(self.kwargs["pk"]):
            before = EventSeries.objects.get(pk=self.kwargs["pk"])
            self.note_of(before, "end_series", {"until": before.until.isoformat()})

    def get_edit_url(self):
        return reverse(self.following_url_name, args=[self.kwargs["pk"], self.event.pk])

    def get_page_subtitle(self):
        return gettext("“%(series)s” from %(day)s on") % {
            "series": self.event.label,
            "day": day_text(self.event.occurrence),
        }

    header_more_buttons = ()


class SeriesDeleteView(generic.DeleteView):
    """Takes its dates along; one that was ever booked keeps the series."""

    @property
    def confirmation_message(self):
        count = self.object.events.count()
        return ngettext(
            "Are you sure you want to delete this series and its %(count)d date?",
            "Are you sure you want to delete this series and its %(count)d dates?",
            count,
        ) % {"count": count}

    def delete_action(self):
        series.delete_series(self.object)
        log(instance=self.object, action="wagtail.delete", user=self.request.user, deleted=True)

    def form_valid(self, form):
        try:
            return super().form_valid(form)
        except BookingError as error:
            messages.error(self.request, str(error))
            return redirect(reverse(self.edit_url_name, args=[self.object.pk]))


def outcome_in_words(outcome: Outcome) -> str:
    """What a change of a series did, in one or more sentences."""
    made, moved, deleted, told = outcome.made, outcome.moved, outcome.deleted, outcome.told
    cancelled, alone = len(outcome.cancelled), outcome.left + outcome.differing
    sentences = (
        (made, ngettext("%(count)d date is new.", "%(count)d dates are new.", made)),
        (
            moved,
            ngettext(
                "%(count)d date takes place at another time.",
                "%(count)d dates take place at another time.",
                moved,
            ),
        ),
        (deleted, ngettext("%(count)d date is gone.", "%(count)d dates are gone.", deleted)),
        (
            cancelled,
            ngettext("%(count)d date is cancelled.", "%(count)d dates are cancelled.", cancelled),
        ),
        (
            told,
            ngettext(
                "%(count)d booking changed with it, and its visitor is told.",
                "%(count)d bookings changed with it, and their visitors are told.",
                told,
            ),
        ),
        (
            alone,
            ngettext(
                "%(count)d date differs from the series and was left alone.",
                "%(count)d dates differ from the series and were left alone.",
                alone,
            ),
        ),
    )
    said = [sentence % {"count": count} for count, sentence in sentences if count]
    return " ".join([gettext("“%(series)s” is changed.") % {"series": outcome.series}, *said])
