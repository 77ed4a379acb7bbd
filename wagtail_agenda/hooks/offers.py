"""The set-up screens of what agendas offer: appointment types, desks and events.

Wagtail finds them through `menus.AgendaMenu`, which registers every viewset.
"""

from django import forms
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import BooleanColumn, Column, NumberColumn

from wagtail_agenda.models import Desk, Event, MeetingType
from wagtail_agenda.views.admin.scope import ScopedModelViewSet
from wagtail_agenda.views.admin.setup import (
    agendas,
    asking,
    event_acts,
    events,
    offer_views,
    offers,
)


class OfferViewSet(ScopedModelViewSet):
    """Appointment types, desks and events: each is a row of one agenda."""

    index_view_class = offer_views.OfferIndexView
    add_view_class = offer_views.OfferCreateView
    list_per_page = 50

    @property
    def name(self):
        return f"wagtail_agenda_{self.model._meta.model_name}"

    @property
    def url_prefix(self):
        return f"agendas/setup/{self.model._meta.model_name}"

    @property
    def icon(self):
        return agendas.ICONS[self.model]


class MeetingTypeViewSet(OfferViewSet):
    model = MeetingType
    sort_order_field = "sort_order"
    filterset_class = offer_views.MeetingTypeFilterSet
    list_display = [
        "label",
        "agenda",
        NumberColumn("duration", label=_("Minutes"), sort_key="duration"),
        BooleanColumn("retired", label=_("Retired"), sort_key="retired"),
    ]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldPanel(
                        "agenda",
                        widget=forms.Select,
                    ),
                    FieldPanel(
                        "label",
                        help_text=_(
                            "What visitors choose and find in their invitation: “Passport for an "
                            "adult”."
                        ),
                    ),
                    FieldPanel(
                        "description",
                        help_text=_(
                            "Stands below its name when visitors choose between several types."
                        ),
                    ),
                    FieldPanel(
                        "slug",
                    ),
                ],
                heading=_("What visitors come for"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel(
                        "duration",
                        help_text=_(
                            "So long a desk is taken, and so long the entry in the visitor's "
                            "calendar is. In steps of five minutes."
                        ),
                    ),
                    FieldPanel("maximum_duration"),
                    FieldRowPanel(
                        [
                            FieldPanel(
                                "buffer_before",
                                help_text=_(
                                    "Kept free at the desk before each appointment, to prepare. "
                                    "Visitors do not see it."
                                ),
                            ),
                            FieldPanel(
                                "buffer_after",
                                help_text=_(
                                    "Kept free at the desk after each appointment, to tidy up. "
                                    "Visitors do not see it."
                                ),
                            ),
                        ]
                    ),
                    FieldPanel(
                        "step",
                        help_text=_(
                            "With 15, an appointment of 30 minutes may begin at 9:00, 9:15, 9:30 "
                            "… Left empty, one begins when another ends."
                        ),
                    ),
                ],
                heading=_("How long it takes"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel("desks"),
                    FieldPanel(
                        "resources",
                        widget=forms.CheckboxSelectMultiple,
                        help_text=_(
                            "Each appointment takes all of these beside a desk, so it can only be "
                            "booked while all are free. The agenda says which it offers."
                        ),
                    ),
                    FieldPanel(
                        "retired",
                        help_text=_(
                            "No longer offered to anybody. Appointments that are booked stay."
                        ),
                    ),
                ],
                heading=_("Who gives it, and what it needs"),
            ),
        ],
        base_form_class=offers.MeetingTypeForm,
    )


class DeskViewSet(OfferViewSet):
    model = Desk
    sort_order_field = "sort_order"
    filterset_class = offer_views.DeskFilterSet
    list_display = [
        "label",
        "agenda",
        Column("schedule", label=_("Own schedule")),
        BooleanColumn("retired", label=_("Retired"), sort_key="retired"),
    ]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldPanel(
                        "agenda",
                        widget=forms.Select,
                    ),
                    FieldPanel(
                        "label",
                        help_text=_(
                            "A counter, a room or a colleague, as it stands on the door. "
                            "Colleagues see it beside each booking; visitors where a mail's text "
                            "contains {desk}."
                        ),
                    ),
                    FieldPanel(
                        "slug",
                        help_text=_(
                            "A name that does not change when the label does, for other systems. "
                            "Left empty, it is made from the label."
                        ),
                    ),
                ],
                heading=_("Where visitors are received"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel(
                        "schedule",
                        help_text=_(
                            "Takes the place of the agenda's hours at this desk. Left empty, the "
                            "desk is open when the agenda is."
                        ),
                    ),
                    FieldPanel(
                        "closure_calendars",
                        widget=forms.CheckboxSelectMultiple,
                        help_text=_(
                            "This desk is closed on these days too, beside those of the agenda: "
                            "a colleague's holidays, for instance."
                        ),
                    ),
                    FieldPanel(
                        "retired",
                        help_text=_(
                            "Nothing more is booked here. Appointments that are booked stay."
                        ),
                    ),
                    asking.QuestionPanel(),
                ],
                heading=_("When it is open, if not as the agenda"),
            ),
        ],
        base_form_class=offers.DeskForm,
    )


# What an event and a series of them have in common

WHAT_TAKES_PLACE = MultiFieldPanel(
    [
        FieldPanel("agenda", widget=forms.Select),
        FieldPanel("label", help_text=_("What visitors choose and find in their calendar.")),
        FieldPanel(
            "description",
            help_text=_("Stands in the calendar entry, in place of the agenda's description."),
        ),
    ],
    heading=_("What takes place"),
)
OPEN_FOR_BOOKING = FieldPanel(
    "open_for_booking", help_text=_("Without it, nobody more can book; those who have, stay.")
)
WHERE_IT_TAKES_PLACE = (
    FieldPanel(
        "location",
        help_text=_(
            "Takes the place of the agenda's location in the invitation, if it "
            "takes place elsewhere."
        ),
    ),
    FieldPanel("url", help_text=_("Stands in the calendar entry, for who wants to read more.")),
)


class EventViewSet(OfferViewSet):
    model = Event
    add_view_class = offer_views.EventCreateView
    index_view_class = event_acts.EventIndexView
    edit_view_class = event_acts.EventEditView
    copy_view_class = offer_views.EventCopyView
    filterset_class = offer_views.EventFilterSet
    ordering = ["-start"]
    list_display = [
        "label",
        "agenda",
        Column("start", label=_("Starts"), accessor=events.start_in_words, sort_key="start"),
        Column("places", label=_("Places"), accessor=events.places_in_words),
        Column("state", label=_("State"), accessor=events.state_in_words),
    ]
    edit_handler = ObjectList(
        [
            WHAT_TAKES_PLACE,
            MultiFieldPanel(
                [
                    FieldRowPanel([FieldPanel("start"), FieldPanel("end")]),
                    asking.QuestionPanel(),
                    FieldRowPanel([FieldPanel("places"), FieldPanel("waiting_places")]),
                ],
                heading=_("When, and for how many"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel("publish_at"),
                    OPEN_FOR_BOOKING,
                ],
                heading=_("When visitors can book it"),
            ),
            MultiFieldPanel(
                [
                    *WHERE_IT_TAKES_PLACE,
                    FieldPanel(
                        "slug",
                    ),
                ],
                heading=_("Where, and where to read more"),
            ),
        ],
        base_form_class=events.EventForm,
    )
