"""The form of a schedule, and its week as it is being typed."""

from datetime import date

from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBadRequest
from django.shortcuts import render
from django.urls import reverse
from django.utils.dates import WEEKDAYS
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.views import View
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import Panel
from wagtail.blocks.stream_block import StreamBlockValidationError

from wagtail_agenda import permissions
from wagtail_agenda.blocks.schedule import periods_of, typed_hours
from wagtail_agenda.models import Schedule
from wagtail_agenda.schedule_picture import Picture, week_picture
from wagtail_agenda.setup_rules.schedules import times_that_do_not_exist

NAMESPACE = "wagtail_agenda_schedule_week"

WEEK = "week"
"""A date of the week that is to be drawn, beside the form."""


class WeekPanel(Panel):
    """The week that the hours make, below the fields they are typed in."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_agenda/admin/week_panel.html"

        class Media:
            js = ["wagtail_agenda/schedule_editor.js"]
            css = {
                "all": ["wagtail_agenda/schedule_picture.css", "wagtail_agenda/schedule_panel.css"]
            }

        @property
        def picture_url(self):
            return reverse(f"{NAMESPACE}:picture")

        def get_context_data(self, parent_context=None):
            context = super().get_context_data(parent_context)
            weekdays = [(number, capfirst(name)) for number, name in sorted(WEEKDAYS.items())]
            return {**context, "weekdays": weekdays, "picture": self.picture()}

        def picture(self) -> Picture:
            """Of what was sent, if the form comes back with errors; else of what is saved."""
            if self.form is not None and self.form.is_bound:
                return typed_picture(self.form.data)
            return week_picture(periods_of(self.instance.periods))


def typed_picture(data) -> Picture:
    """The week of a form as it was sent, whatever is wrong with it.

    It is that of the date under `WEEK`, if there is one. Raises KeyError or ValueError for what no
    form sends.
    """
    block = Schedule._meta.get_field("periods").stream_block
    periods, troubles = typed_hours(block.value_from_datadict(data, {}, "periods"))
    day = data.get(WEEK)
    return week_picture(periods, day=date.fromisoformat(day) if day else None, troubles=troubles)


class PictureView(View):
    """Draws the week of the form it is sent. Nothing is saved."""

    http_method_names = ["post", "options"]

    def post(self, request):
        if not permissions.POLICIES[Schedule].user_has_permission(request.user, "change"):
            raise PermissionDenied
        try:
            picture = typed_picture(request.POST)
        except (KeyError, ValueError):
            return HttpResponseBadRequest(
                gettext("This is not the form of a schedule."), content_type="text/plain"
            )
        return render(request, "wagtail_agenda/schedule_week.html", {"picture": picture})


class ScheduleForm(WagtailAdminModelForm):
    def clean(self):
        cleaned = super().clean()
        errors = times_that_do_not_exist(self.instance, cleaned.get("periods"))
        if errors:
            self.add_error("periods", StreamBlockValidationError(block_errors=errors))
        return cleaned
