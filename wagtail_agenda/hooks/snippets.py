"""The set-up screens: what there is to set up, in which words, and in which order.

Wagtail finds them through `menus.AgendaMenu`, which registers every viewset below.
"""

from django import forms
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.panels import FieldPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import (
    Column,
    LiveStatusTagColumn,
    UpdatedAtColumn,
)

from wagtail_agenda import permissions
from wagtail_agenda.choices import Role
from wagtail_agenda.hooks.agenda_panels import agenda_panels
from wagtail_agenda.hooks.offers import DeskViewSet, EventViewSet, MeetingTypeViewSet
from wagtail_agenda.hooks.resources import ResourceViewSet
from wagtail_agenda.hooks.series import EventSeriesViewSet
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
from wagtail_agenda.views.admin.trying import TryPanel

# Agendas


class AgendaViewSet(ScopedSnippetViewSet):
    model = Agenda
    icon = "calendar"
    edit_handler = agenda_panels
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
    add_view_class = workflows.WorkflowCreateView
    edit_handler = ObjectList(
        [
            FieldPanel(
                "label", help_text=_("How you choose it in an agenda. Visitors do not see it.")
            ),
            # Its form says what it is for: a help text here would be shown instead.
            FieldPanel("about"),
            FieldPanel(
                "slug",
                help_text=_(
                    "A name that does not change when the label does, for other systems. Left "
                    "empty, it is made from the label."
                ),
            ),
            workflows.StatusesPanel(heading=_("Statuses"), icon="tag"),
            FieldPanel(
                "transitions",
                help_text=_(
                    "What happens to a booking or meeting, and to which status that leads. Of "
                    "several rules for the same, the first from the top that fits is taken. "
                    "Save a new workflow first, then make its statuses, then these rules."
                ),
            ),
        ],
        base_form_class=workflows.WorkflowForm,
    )


class WorkflowStatusViewSet(ScopedSnippetViewSet):
    model = WorkflowStatus
    icon = "tag"
    add_view_class = workflows.StatusCreateView
    edit_view_class = workflows.StatusEditView
    chooser_viewset_class = workflows.StatusChooserViewSet
    # Those of the two built-in workflows alone fill the page that Wagtail shows at once.
    chooser_per_page = 100
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
                            "Once in a workflow. Left empty, it is made from the label."
                        ),
                    ),
                ],
                heading=_("Which status this is"),
            ),
            FieldPanel("final"),
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
            TryPanel(heading=_("Try it"), icon="view"),
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
    EventSeriesViewSet,
    ResourceViewSet,
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
