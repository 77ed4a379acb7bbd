"""The set-up screens: what there is to set up, in which words, and in which order.

Wagtail finds them through `menus.AgendaMenu`, which registers every viewset below.
"""

from django import forms
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.panels import (
    FieldPanel,
    FieldRowPanel,
    HelpPanel,
    MultiFieldPanel,
    ObjectList,
    TabbedInterface,
)
from wagtail.admin.ui.tables import (
    BooleanColumn,
    Column,
    LiveStatusTagColumn,
    NumberColumn,
    UpdatedAtColumn,
)

from wagtail_agenda import permissions
from wagtail_agenda.choices import Role
from wagtail_agenda.models import (
    Agenda,
    ClosureCalendar,
    Desk,
    Event,
    MeetingType,
    Schedule,
    Workflow,
    WorkflowStatus,
)
from wagtail_agenda.views.admin.scope import (
    ScopedBulkDelete,
    ScopedModelViewSet,
    ScopedSnippetViewSet,
)
from wagtail_agenda.views.admin.setup import (
    agenda_lists,
    agendas,
    offer_views,
    offers,
    schedules,
    workflows,
)

# Agendas

_agenda_panels = TabbedInterface(
    [
        ObjectList(
            [
                agendas.OffersPanel(heading=_("What can be booked"), icon="list-ul"),
                MultiFieldPanel(
                    [
                        FieldPanel("label"),
                        FieldPanel(
                            "kind",
                            widget=forms.RadioSelect,
                            required_on_save=True,
                            help_text=_(
                                "Appointments: visitors choose a time at a desk. "
                                "Events: visitors choose a date with a number of places. "
                                "It cannot change once the agenda has any of them."
                            ),
                        ),
                        FieldPanel("description"),
                        FieldPanel("slug"),
                    ],
                    heading=_("What this agenda is for"),
                ),
                MultiFieldPanel(
                    [
                        FieldPanel("location"),
                        FieldPanel("contact"),
                        FieldPanel("url"),
                    ],
                    heading=_("Where visitors go, and whom they can ask"),
                ),
            ],
            heading=_("Agenda"),
        ),
        ObjectList(
            [
                MultiFieldPanel(
                    [
                        FieldPanel("schedule"),
                        FieldPanel("closure_calendars", widget=forms.CheckboxSelectMultiple),
                        FieldPanel(
                            "timezone",
                            widget=forms.Select(choices=agendas.time_zone_choices()),
                            # Not even a draft works without: its times could not be shown.
                            required_on_save=True,
                        ),
                    ],
                    heading=_("When it is open"),
                ),
                MultiFieldPanel(
                    [
                        FieldRowPanel(
                            [
                                FieldPanel("minimal_booking_delay"),
                                FieldPanel("minimal_booking_delay_unit", heading=_("in")),
                            ]
                        ),
                        FieldRowPanel(
                            [
                                FieldPanel("maximal_booking_delay"),
                                FieldPanel("maximal_booking_delay_unit", heading=_("in")),
                            ]
                        ),
                    ],
                    heading=_("How early and how late visitors can book"),
                ),
            ],
            heading=_("Opening times"),
        ),
        ObjectList(
            [
                MultiFieldPanel(
                    [FieldPanel("staff_addresses"), FieldPanel("workflow")],
                    heading=_("What happens with a booking"),
                ),
                MultiFieldPanel(
                    [FieldPanel("comment"), FieldPanel("user_display_label_template")],
                    heading=_("What visitors find in their invitation"),
                ),
                MultiFieldPanel(
                    [
                        HelpPanel(
                            template="wagtail_agenda/admin/template_help.html",
                            heading=_("How to write these"),
                        ),
                        FieldPanel("label_template"),
                        FieldPanel("description_template"),
                        FieldPanel("backoffice_url_template"),
                        FieldPanel("form_url_template"),
                    ],
                    heading=_("What your colleagues see of a booking"),
                ),
            ],
            heading=_("Messages and labels"),
        ),
    ],
    base_form_class=agendas.AgendaForm,
)


class AgendaViewSet(ScopedSnippetViewSet):
    model = Agenda
    icon = "calendar"
    edit_handler = _agenda_panels
    chooser_viewset_class = agenda_lists.AgendaChooserViewSet
    index_view_class = agenda_lists.AgendaIndexView
    index_results_template_name = "wagtail_agenda/admin/agenda_list_results.html"
    list_display = ["label", "kind", LiveStatusTagColumn(), UpdatedAtColumn()]
    list_filter = ["kind"]


# Opening hours and closures


class ScheduleViewSet(ScopedSnippetViewSet):
    model = Schedule
    icon = "time"
    list_display = ["label", LiveStatusTagColumn(), UpdatedAtColumn()]
    edit_handler = ObjectList(
        [
            FieldPanel("label"),
            FieldPanel(
                "periods",
                help_text=_(
                    "Add what stands on the door: once for all days with the same hours. The times "
                    "are local times of each agenda that uses this schedule. Hours that overlap "
                    "add up."
                ),
            ),
            schedules.WeekPanel(heading=_("The week"), icon="calendar-alt"),
        ],
        base_form_class=schedules.ScheduleForm,
    )


class ClosureCalendarViewSet(ScopedSnippetViewSet):
    model = ClosureCalendar
    icon = "calendar-alt"
    panels = [
        FieldPanel("label"),
        FieldPanel(
            "closures",
            help_text=_("On these days nothing can be booked with whatever uses this calendar."),
        ),
    ]


# Booking workflows


class WorkflowViewSet(ScopedSnippetViewSet):
    model = Workflow
    icon = "tasks"
    edit_handler = ObjectList(
        [
            FieldPanel("label"),
            FieldPanel("slug"),
            FieldPanel(
                "transitions",
                help_text=_(
                    "What happens to a booking, and to which status that leads. "
                    "Save a new workflow first, then make its statuses, then these rules."
                ),
            ),
        ],
        base_form_class=workflows.WorkflowForm,
    )


class WorkflowStatusViewSet(ScopedSnippetViewSet):
    model = WorkflowStatus
    icon = "tag"
    sort_order_field = "sort_order"
    list_display = ["label", "workflow", Column("get_colour_display", label=_("Colour"))]

    def get_queryset(self, request):
        return WorkflowStatus.objects.select_related("workflow")

    list_filter = ["workflow"]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldPanel("workflow", widget=forms.Select),
                    FieldPanel("label"),
                    FieldPanel("slug"),
                ],
                heading=_("Which status this is"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel("colour"),
                    FieldPanel("icon", widget=forms.Select(choices=workflows.STATUS_ICONS)),
                    FieldPanel("visitor_text"),
                ],
                heading=_("How it looks to your colleagues and to the visitor"),
            ),
            FieldPanel("actions"),
        ],
        base_form_class=workflows.WorkflowStatusForm,
    )


# What agendas offer


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
                    FieldPanel("agenda", widget=forms.Select),
                    FieldPanel("label"),
                    FieldPanel("description"),
                    FieldPanel("slug"),
                ],
                heading=_("What visitors come for"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel("duration"),
                    FieldRowPanel([FieldPanel("buffer_before"), FieldPanel("buffer_after")]),
                    FieldPanel("step"),
                ],
                heading=_("How long it takes"),
            ),
            MultiFieldPanel(
                [FieldPanel("desks"), FieldPanel("retired")], heading=_("Who gives it")
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
                    FieldPanel("agenda", widget=forms.Select),
                    FieldPanel("label"),
                    FieldPanel("slug"),
                ],
                heading=_("Where visitors are received"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel("schedule"),
                    FieldPanel("closure_calendars", widget=forms.CheckboxSelectMultiple),
                    FieldPanel("retired"),
                ],
                heading=_("When it is open, if not as the agenda"),
            ),
        ],
        base_form_class=offers.DeskForm,
    )


class EventViewSet(OfferViewSet):
    model = Event
    add_view_class = offer_views.EventCreateView
    edit_view_class = offer_views.EventEditView
    copy_view_class = offer_views.EventCopyView
    filterset_class = offer_views.EventFilterSet
    ordering = ["-start"]
    list_display = [
        "label",
        "agenda",
        Column("start", label=_("Starts"), accessor=offer_views.start_in_words, sort_key="start"),
        NumberColumn("places_booked", label=_("Booked"), accessor="bookable.places_booked"),
        NumberColumn("places", label=_("Places"), accessor="bookable.places"),
    ]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldPanel("agenda", widget=forms.Select),
                    FieldPanel("label"),
                    FieldPanel("description"),
                ],
                heading=_("What takes place"),
            ),
            MultiFieldPanel(
                [
                    FieldRowPanel([FieldPanel("start"), FieldPanel("end")]),
                    FieldPanel("places"),
                    FieldPanel(
                        "open_for_booking",
                        help_text=_("Without it, nobody more can book; those who have, stay."),
                    ),
                ],
                heading=_("When, and for how many"),
            ),
            MultiFieldPanel(
                [FieldPanel("location"), FieldPanel("url"), FieldPanel("slug")],
                heading=_("Where, and where to read more"),
            ),
        ],
        base_form_class=offers.EventForm,
    )


SETUP_VIEWSETS = (
    AgendaViewSet,
    ScheduleViewSet,
    ClosureCalendarViewSet,
    MeetingTypeViewSet,
    DeskViewSet,
    EventViewSet,
    WorkflowViewSet,
    WorkflowStatusViewSet,
)


@hooks.register("register_admin_urls")
def register_schedule_picture():
    pages = [path("picture/", schedules.PictureView.as_view(), name="picture")]
    return [path("agendas/setup/schedule-week/", include((pages, schedules.NAMESPACE)))]


# After Wagtail's own, which it takes the place of for our models.
hooks.register("register_bulk_action", ScopedBulkDelete, order=100)


@hooks.register("register_snippet_listing_buttons")
def agenda_listing_buttons(snippet, user, next_url=None):
    if isinstance(snippet, Agenda) and permissions.may(user, Role.EDITOR, snippet):
        yield from agendas.offer_buttons(snippet)
