"""The set-up screens of what several agendas share beside their hours: rooms and objects."""

from django import forms
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import BooleanColumn, Column

from wagtail_agenda.hooks.offers import OfferViewSet
from wagtail_agenda.models import Resource
from wagtail_agenda.views.admin.setup import agendas, asking, resources


class ResourceViewSet(OfferViewSet):
    model = Resource
    index_view_class = resources.ResourceIndexView
    filterset_class = resources.ResourceFilterSet
    sort_order_field = "sort_order"
    list_display = [
        "label",
        Column("agendas", label=_("Offered by"), accessor=resources.offered_by),
        Column("schedule", label=_("Own schedule")),
        BooleanColumn("retired", label=_("Retired"), sort_key="retired"),
    ]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldPanel(
                        "label",
                        help_text=_(
                            "A room, a vehicle, a projector, as colleagues call it: “Wedding hall”."
                        ),
                    ),
                    FieldPanel(
                        "description", help_text=_("For your colleagues. Visitors do not see it.")
                    ),
                    FieldPanel("slug"),
                ],
                heading=_("What is shared"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel(
                        "schedule",
                        help_text=_(
                            "It can only be had at these hours. Left empty, it can be had whenever "
                            "an agenda that offers it is open."
                        ),
                    ),
                    FieldPanel(
                        "timezone",
                        help_text=_("Its hours and closures are meant in this zone."),
                        widget=forms.Select(choices=agendas.time_zone_choices()),
                    ),
                    FieldPanel(
                        "closure_calendars",
                        widget=forms.CheckboxSelectMultiple,
                        help_text=_("Nobody can have it on these days, whichever agenda is open."),
                    ),
                ],
                heading=_("When it can be had"),
            ),
            MultiFieldPanel(
                [
                    FieldRowPanel(
                        [FieldPanel("maximal_booking_delay"), FieldPanel("maximum_duration")]
                    ),
                    FieldPanel(
                        "retired",
                        help_text=_(
                            "No longer given to anybody: appointments that need it cannot be "
                            "booked. Those that are booked stay."
                        ),
                    ),
                    asking.QuestionPanel(),
                ],
                heading=_("How far ahead, and for how long"),
            ),
        ],
        base_form_class=resources.ResourceForm,
    )
