"""The form and the list of the resources that several agendas share."""

from django.utils import timezone
from django.utils.translation import gettext, ngettext
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.views import generic

from wagtail_agenda.models import Resource
from wagtail_agenda.setup_rules.offers import longest_use_error
from wagtail_agenda.views.admin.setup.asking import (
    AskingForm,
    coming_bookings,
    coming_meetings,
    retiring,
)


class ResourceForm(AskingForm):
    """A resource; retiring one that has bookings or meetings to come is asked about."""

    def clean(self):
        cleaned = super().clean()
        if error := longest_use_error(self.instance, cleaned.get("maximum_duration")):
            self.add_error("maximum_duration", error)
        if self.instance.pk and cleaned.get("retired") and not self.initial.get("retired"):
            now = timezone.now()
            bookings = coming_bookings(now, resources=self.instance)
            meetings = coming_meetings(now, resource=self.instance)
            if question := retiring(bookings, meetings, str(self.instance), self.for_user):
                self.ask(question)
        return cleaned


class ResourceIndexView(generic.IndexView):
    def get_base_queryset(self):
        rows = super().get_base_queryset()
        return rows.select_related("schedule").prefetch_related("agendas")


def offered_by(resource: Resource) -> str:
    """How many agendas offer it, for the list."""
    count = len(resource.agendas.all())
    if not count:
        return gettext("No agenda")
    return ngettext("%(count)d agenda", "%(count)d agendas", count) % {"count": count}


class ResourceFilterSet(WagtailFilterSet):
    class Meta:
        model = Resource
        fields = ["retired"]
