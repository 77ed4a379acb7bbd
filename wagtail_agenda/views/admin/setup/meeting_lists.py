"""The list of meetings with its filters, and the editors that publish one or say why not."""

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from wagtail.admin import messages
from wagtail.admin.widgets.button import HeaderButton
from wagtail.snippets.views.snippets import (
    CreateView,
    EditView,
    IndexView,
    UnpublishView,
)

from wagtail_agenda.errors import BookingError, RoomTaken
from wagtail_agenda.meetings import published_by_hand
from wagtail_agenda.models import Meeting
from wagtail_agenda.views.admin.base import url_to
from wagtail_agenda.views.admin.setup.meetings import colleagues
from wagtail_agenda.views.admin.setup.offer_views import OfferCreateView, OfferFilterSet
from wagtail_agenda.wording import short_moment_text, span_text

COMING, PAST, CANCELLED, DRAFTS = "coming", "past", "cancelled", "drafts"


def when_in_words(meeting: Meeting) -> str:
    """When a meeting takes place, in the time zone of its agenda; may be empty."""
    zone = meeting.agenda.zone
    if meeting.start is None:
        return ""
    if meeting.end is None or meeting.end <= meeting.start:
        return short_moment_text(meeting.start.astimezone(zone))
    return span_text(meeting.start.astimezone(zone), meeting.end.astimezone(zone))


def organiser_in_words(meeting: Meeting) -> str:
    """Who calls a meeting, as its list says it."""
    user = meeting.organiser
    own = (user.get_full_name() or user.get_username()) if user is not None else ""
    return meeting.organiser_name or own or meeting.organiser_address


class MeetingFilterSet(OfferFilterSet):
    """Coming, past and cancelled ones, drafts, and whose they are."""

    when = django_filters.ChoiceFilter(
        label=pgettext_lazy("meetings", "Which"),
        choices=[
            (COMING, gettext_lazy("Coming")),
            (PAST, gettext_lazy("Past")),
            (CANCELLED, pgettext_lazy("meeting", "Cancelled")),
            (DRAFTS, gettext_lazy("Never called")),
        ],
        method="filter_when",
    )
    organiser = django_filters.ModelChoiceFilter(
        queryset=lambda _request: colleagues(), label=gettext_lazy("Organiser")
    )

    class Meta:
        model = Meeting
        fields = ["when", "agenda", "organiser"]

    def filter_when(self, meetings, _name, value):
        never = Q(called__isnull=True) | Q(called__published_at__isnull=True)
        cancelled = Q(called__cancelled_at__isnull=False)
        now = timezone.now()
        if value == DRAFTS:
            return meetings.filter(never)
        if value == CANCELLED:
            return meetings.filter(cancelled)
        stands = meetings.exclude(never).exclude(cancelled)
        if value == COMING:
            return stands.filter(called__end__gt=now)
        return stands.filter(called__end__lte=now)


class MeetingIndexView(IndexView):
    """Reads what its columns show in one query, and finds a meeting by who takes part too."""

    def get_base_queryset(self):
        meetings = super().get_base_queryset()
        return meetings.select_related("agenda", "organiser", "called__status")

    def search_queryset(self, queryset):
        # By key: a meeting of which several participants are found is still one.
        if not self.is_searching:
            return queryset
        found = super().search_queryset(Meeting.objects.order_by())
        return queryset.filter(pk__in=found.values("pk"))


class PublishesMeeting:
    """Says at its field what speaks against publishing a meeting; then nothing at all is saved."""

    def form_valid(self, form):
        try:
            with published_by_hand(self.request.user):
                return super().form_valid(form)
        except BookingError as error:
            self.form = form
            field = self._field_of(error, form)
            form.add_error(field, ValidationError(error.message, code=error.code))
            self.produced_error_message = self.get_error_message()
            return self.form_invalid(form)

    @staticmethod
    def _field_of(error: BookingError, form) -> str | None:
        if not isinstance(error, RoomTaken):
            return None
        desk = form.cleaned_data.get("desk")
        return "desk" if desk is not None and str(desk) == error.room else "resource"


class MeetingCreateView(PublishesMeeting, OfferCreateView, CreateView):
    pass


class SaysWhatBecameOfIt:
    """Leads from the editor of a meeting that has been called to its page."""

    @cached_property
    def header_buttons(self):
        buttons = list(super().header_buttons)
        called = getattr(self.object, "called", None)
        if called is not None:
            page = HeaderButton(
                label=_("Who comes, and what was sent"),
                url=url_to("meeting", called.pk),
                icon_name="group",
            )
            buttons.append(page)
        return buttons


class MeetingEditView(PublishesMeeting, SaysWhatBecameOfIt, EditView):
    pass


class MeetingUnpublishView(UnpublishView):
    """Refuses: whoever is invited would not hear of it."""

    def dispatch(self, request, *args, **kwargs):
        called = getattr(self.object, "called", None)
        if called is None:
            return super().dispatch(request, *args, **kwargs)
        messages.error(
            request,
            _("“%(title)s” has been called. Unpublishing it would tell nobody: cancel it instead.")
            % {"title": self.object},
        )
        if called.is_cancelled:
            return redirect(reverse(self.edit_url_name, args=[self.object.pk]))
        return redirect(url_to("meeting_cancel", called.pk))
