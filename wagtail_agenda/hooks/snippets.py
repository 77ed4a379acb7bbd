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
    Column,
    LiveStatusTagColumn,
    UpdatedAtColumn,
)

from wagtail_agenda import permissions
from wagtail_agenda.choices import Role
from wagtail_agenda.hooks.offers import DeskViewSet, EventViewSet, MeetingTypeViewSet
from wagtail_agenda.models import (
    Agenda,
    ClosureCalendar,
    Schedule,
    Workflow,
    WorkflowStatus,
)
from wagtail_agenda.views.admin.scope import (
    ScopedBulkDelete,
    ScopedSnippetViewSet,
)
from wagtail_agenda.views.admin.setup import (
    agenda_lists,
    agendas,
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
                        FieldPanel(
                            "label",
                            help_text=_(
                                "Visitors read it on the page and in their calendar, colleagues "
                                "in every list: “Passports and identity cards”."
                            ),
                        ),
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
                        FieldPanel(
                            "description",
                            help_text=_(
                                "Stands in the calendar entries of visitors and staff, unless an "
                                "event has a description of its own."
                            ),
                        ),
                        FieldPanel(
                            "slug",
                            help_text=_(
                                "Part of the addresses of the agenda view, and of the names that "
                                "other systems use. Left empty, it is made from the label."
                            ),
                        ),
                    ],
                    heading=_("What this agenda is for"),
                ),
                MultiFieldPanel(
                    [
                        FieldPanel(
                            "location",
                            help_text=_(
                                "Stands in every invitation. With a whole address, calendars "
                                "show a map and the way."
                            ),
                        ),
                        FieldPanel(
                            "contact",
                            help_text=_(
                                "Stands in every mail, and on the page when nothing is free: a "
                                "telephone number, an address."
                            ),
                        ),
                        FieldPanel(
                            "url",
                            help_text=_(
                                "Stands in the calendar entry, for who wants to read more. Leave "
                                "out private addresses: everybody who is invited sees it."
                            ),
                        ),
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
                        FieldPanel(
                            "schedule",
                            help_text=_(
                                "Appointments are offered at these hours, at every desk without "
                                "hours of its own. Without a schedule, and without such desks, "
                                "nothing can be booked. Events do not need it."
                            ),
                        ),
                        FieldPanel(
                            "closure_calendars",
                            widget=forms.CheckboxSelectMultiple,
                            help_text=_(
                                "On the days of any of them, no appointment is offered at any "
                                "desk. What is booked already stays booked."
                            ),
                        ),
                        FieldPanel(
                            "timezone",
                            help_text=_(
                                "Opening hours are meant in this zone, and all times are shown "
                                "in it, on pages and in mails."
                            ),
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
                                FieldPanel(
                                    "minimal_booking_delay",
                                    help_text=_(
                                        "A time that begins sooner than this cannot be booked by "
                                        "visitors. Colleagues can still book it for them."
                                    ),
                                ),
                                FieldPanel("minimal_booking_delay_unit", heading=_("in")),
                            ]
                        ),
                        FieldRowPanel(
                            [
                                FieldPanel(
                                    "maximal_booking_delay",
                                    help_text=_(
                                        "Times later than this are not offered yet. Each day, a "
                                        "new one appears at the end."
                                    ),
                                ),
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
                    [
                        FieldPanel("staff_addresses"),
                        FieldPanel(
                            "workflow",
                            help_text=_(
                                "What happens with each booking: its statuses, and the mails "
                                "they send. Without one, the built-in one confirms at once and "
                                "tells the visitor by e-mail."
                            ),
                        ),
                    ],
                    heading=_("What happens with a booking"),
                ),
                MultiFieldPanel(
                    [
                        FieldPanel(
                            "comment",
                            help_text=_(
                                "What visitors should bring or know. Stands in the confirmation "
                                "and in the calendar entry."
                            ),
                        ),
                        FieldPanel(
                            "user_display_label_template",
                            help_text=_(
                                "What visitors see as the title in their calendar. Left empty, "
                                "it is the agenda and what was booked."
                            ),
                        ),
                    ],
                    heading=_("What visitors find in their invitation"),
                ),
                MultiFieldPanel(
                    [
                        HelpPanel(
                            template="wagtail_agenda/admin/template_help.html",
                            heading=_("How to write these"),
                        ),
                        FieldPanel(
                            "label_template",
                            help_text=_(
                                "How a booking is called in the agenda view and in the calendar "
                                "of staff, before the visitor's name. Left empty: what was "
                                "booked."
                            ),
                        ),
                        FieldPanel(
                            "description_template",
                            help_text=_(
                                "Takes the place of the agenda's and the event's description in "
                                "the calendar entries, also in the visitor's own."
                            ),
                        ),
                        FieldPanel(
                            "backoffice_url_template",
                            help_text=_(
                                "A link from each booking to the case in your own system. The "
                                "booking's page shows it as a button, staff find it in their "
                                "calendar."
                            ),
                        ),
                        FieldPanel(
                            "form_url_template",
                            help_text=_(
                                "A link from each booking to the form that led to it, if it is "
                                "in another system."
                            ),
                        ),
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
            FieldPanel(
                "label", help_text=_("How you and your colleagues find it. Visitors do not see it.")
            ),
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
        FieldPanel(
            "label",
            help_text=_(
                "How you and your colleagues find it: “Public holidays”, “Staff outing”. "
                "Visitors do not see it."
            ),
        ),
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
            FieldPanel(
                "label", help_text=_("How you choose it in an agenda. Visitors do not see it.")
            ),
            FieldPanel(
                "slug",
                help_text=_("A name that does not change when the label does, for other systems."),
            ),
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
                    FieldPanel(
                        "workflow",
                        widget=forms.Select,
                    ),
                    FieldPanel(
                        "label",
                        help_text=_(
                            "What a booking is in this status: “Confirmed”, “Papers missing”. "
                            "Colleagues see it in the agenda view, visitors on their own page."
                        ),
                    ),
                    FieldPanel(
                        "slug",
                        help_text=_(
                            "A name that does not change when the label does, for other systems. "
                            "Once in a workflow."
                        ),
                    ),
                ],
                heading=_("Which status this is"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel(
                        "colour",
                        help_text=_(
                            "Of the mark that bookings in this status carry in the agenda view. "
                            "The label stands beside it."
                        ),
                    ),
                    FieldPanel(
                        "icon",
                        widget=forms.Select(choices=workflows.STATUS_ICONS),
                        help_text=_(
                            "Stands beside the label, so that nobody has to tell statuses apart "
                            "by colour."
                        ),
                    ),
                    FieldPanel(
                        "visitor_text",
                        help_text=_(
                            "Visitors read it on the page behind the link in their mail, while "
                            "the booking is in this status."
                        ),
                    ),
                ],
                heading=_("How it looks to your colleagues and to the visitor"),
            ),
            FieldPanel(
                "actions",
                help_text=_(
                    "Carried out from top to bottom each time a booking reaches this status. "
                    "Without any, nobody is told."
                ),
            ),
        ],
        base_form_class=workflows.WorkflowStatusForm,
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
