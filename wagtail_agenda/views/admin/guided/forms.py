"""What the first and the last step ask; what is between them depends on the kind of agenda."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.models import Agenda, Workflow
from wagtail_agenda.setup_rules.delays import horizon_error
from wagtail_agenda.views.admin.setup.agendas import time_zone_choices
from wagtail_agenda.workflow import DEFAULT_WORKFLOW


class WhatForm(forms.ModelForm):
    kind = forms.ChoiceField(
        label=_("What do visitors book?"),
        choices=[
            (
                AgendaKind.MEETINGS.value,
                _("Appointments: each visitor chooses a time, and one desk is theirs."),
            ),
            (
                AgendaKind.EVENTS.value,
                _("Events: many visitors come to the same date, as long as there are places."),
            ),
        ],
        widget=forms.RadioSelect,
        initial=AgendaKind.MEETINGS,
        help_text=_("This cannot change once there is something to book."),
    )
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        choices=time_zone_choices,
        initial=lambda: settings.TIME_ZONE,
        help_text=_("All times of this agenda are local times there, on every page and mail."),
    )

    class Meta:
        model = Agenda
        fields = ["kind", "label", "location", "timezone"]
        labels = {"label": _("Name"), "location": _("Where visitors go")}
        help_texts = {
            "label": _(
                "Visitors read it on the page and in their calendar, your colleagues in the menu: "
                "“Passports and identity cards”. Left empty, it is “Appointments” or “Events”."
            ),
            "location": _(
                "Stands in every invitation. With a whole address, calendars show a map."
            ),
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["label"].required = False

    def clean(self):
        cleaned = super().clean()
        if not cleaned.get("label") and "label" not in self.errors:
            events = cleaned.get("kind") == AgendaKind.EVENTS
            cleaned["label"] = gettext("Events") if events else gettext("Appointments")
        return cleaned


class HowForm(forms.ModelForm):
    publish = forms.ChoiceField(
        label=_("When it starts"),
        choices=[
            ("now", _("Publish it: visitors can book as soon as the form is on a page.")),
            ("later", _("Keep it as a draft: nobody can book until you publish it.")),
        ],
        widget=forms.RadioSelect,
        initial="now",
    )

    class Meta:
        model = Agenda
        fields = [
            "minimal_booking_delay",
            "minimal_booking_delay_unit",
            "maximal_booking_delay",
            "maximal_booking_delay_unit",
            "comment",
            "contact",
            "staff_addresses",
            "workflow",
        ]
        widgets = {
            name: forms.Textarea(attrs={"rows": 3})
            for name in ("comment", "contact", "staff_addresses")
        }
        labels = {
            "minimal_booking_delay": _("Shortest notice"),
            "minimal_booking_delay_unit": _("Counted in"),
            "maximal_booking_delay": _("How far ahead"),
            "maximal_booking_delay_unit": _("Counted in"),
            "comment": _("What visitors should bring or know"),
            "contact": _("Whom visitors can ask"),
            "staff_addresses": _("Colleagues who get a mail of every booking"),
        }
        help_texts = {
            "minimal_booking_delay": _(
                "Nobody can book a time that begins sooner than this. With 0, visitors can book "
                "what begins in the next minutes."
            ),
            "maximal_booking_delay": _("Times later than this are not offered yet."),
            "comment": _("Stands in the confirmation and in the calendar entry."),
            "contact": _(
                "Stands in every mail, and on the page when nothing is free: telephone, e-mail."
            ),
            "staff_addresses": _(
                "One address a line. They get the booking as a calendar entry of their own."
            ),
            "workflow": _(
                "What happens with each booking, such as its mails. The built-in one confirms at "
                "once, and tells the visitor by e-mail of a booking, change or cancellation."
            ),
        }

    def __init__(self, data=None, *, what: dict[str, Any]):
        # The dates of events are known far ahead; times of appointments hardly ever.
        far = 365 if what["kind"] == AgendaKind.EVENTS else 60
        super().__init__(data, initial={"maximal_booking_delay": far})
        others = Workflow.objects.exclude(slug=DEFAULT_WORKFLOW)
        self.fields["workflow"].queryset = others
        self.fields["workflow"].empty_label = gettext("The built-in one")
        self.fields["workflow"].label = gettext("Booking workflow")
        if not others.exists():
            # There is nothing to choose from.
            del self.fields["workflow"]

    def clean(self):
        cleaned = super().clean()
        if error := horizon_error(cleaned):
            self.add_error("maximal_booking_delay", error)
        return cleaned
