"""Lists and editors of what agendas offer."""

from datetime import MAXYEAR, MINYEAR

import django_filters
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from wagtail.admin.filters import DateRangePickerWidget, WagtailFilterSet
from wagtail.admin.views import generic

from wagtail_agenda import permissions
from wagtail_agenda.errors import BookingError, EventCancelled, EventIsBooked
from wagtail_agenda.models import Agenda, Desk, Event, MeetingType


class SavesEvent:
    """Says at its field what speaks against saving an event."""

    def form_valid(self, form):
        try:
            # All or nothing: a label is not saved when the places cannot be.
            with transaction.atomic():
                return super().form_valid(form)
        except BookingError as error:
            form.add_error(field_of(error), ValidationError(error.message, code=error.code))
            self.produced_error_message = self.get_error_message()
            return self.form_invalid(form)


def field_of(error: BookingError) -> str:
    """The field of an event's form that an error of its places or its time is about."""
    if isinstance(error, (EventIsBooked, EventCancelled)):
        return "start"
    return "waiting_places" if getattr(error, "waiting_list", False) else "places"


class OfferIndexView(generic.IndexView):
    """Reads what its columns show in one query."""

    related = {Desk: ["agenda", "schedule"], MeetingType: ["agenda"], Event: ["agenda", "bookable"]}

    def get_base_queryset(self):
        return super().get_base_queryset().select_related(*self.related[self.model])


class OfferCreateView(generic.CreateView):
    """Starts with the agenda that one comes from."""

    def get_initial(self):
        initial = super().get_initial()
        agenda = self.request.GET.get("agenda", "")
        if agenda.isascii() and agenda.isdigit():
            initial["agenda"] = int(agenda)
        return initial


class EventCreateView(SavesEvent, OfferCreateView):
    pass


class EventEditView(SavesEvent, generic.EditView):
    pass


class EventCopyView(generic.CopyView):
    """Another date of the same: the places come along, the time is still to be chosen."""

    def get_initial(self):
        original = self.get_object()
        places = {"places": original.places, "waiting_places": original.waiting_places}
        return {**super().get_initial(), **places}


def agendas_of_request(request):
    if request is None:
        return Agenda.objects.none()
    return permissions.visible(request.user, Agenda.objects.all())


class OfferFilterSet(WagtailFilterSet):
    """Filters by agenda, and names only those that the user may see."""

    agenda = django_filters.ModelChoiceFilter(queryset=agendas_of_request, label=_("Agenda"))


class DeskFilterSet(OfferFilterSet):
    class Meta:
        model = Desk
        fields = ["agenda", "retired"]


class MeetingTypeFilterSet(OfferFilterSet):
    class Meta:
        model = MeetingType
        fields = ["agenda", "retired"]


class DatesFilter(django_filters.DateFromToRangeFilter):
    """Takes the first and the last year there are for no bound: no zone can shift their ends."""

    def filter(self, rows, value):
        if not value:
            return rows
        first = value.start if value.start and value.start.year > MINYEAR else None
        last = value.stop if value.stop and value.stop.year < MAXYEAR else None
        return super().filter(rows, slice(first, last) if first or last else None)


class EventFilterSet(OfferFilterSet):
    start = DatesFilter(label=_("Starts"), widget=DateRangePickerWidget)

    class Meta:
        model = Event
        fields = ["agenda", "start"]
