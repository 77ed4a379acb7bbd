"""The reasons that can be given for being late or absent, and what the log calls a mark."""

from django import forms
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.panels import FieldPanel, ObjectList
from wagtail.admin.ui.tables import BooleanColumn, Column

from wagtail_agenda.hooks.offers import OfferViewSet
from wagtail_agenda.models import AttendanceReason
from wagtail_agenda.views.admin.setup import attendance_reasons


@hooks.register("register_log_actions")
def register_log_actions(actions):
    """What is done with an attendance sheet, in the log of its event or its agenda."""
    actions.register_action(
        "wagtail_agenda.mark_as_checked", _("Mark as checked"), _("Attendance marked as checked")
    )
    actions.register_action("wagtail_agenda.unmark", _("Unmark"), _("Attendance unmarked"))


def whose(reason: AttendanceReason) -> str:
    return str(reason.agenda or _("All agendas"))


class AttendanceReasonViewSet(OfferViewSet):
    model = AttendanceReason
    icon = "info-circle"
    index_view_class = attendance_reasons.AttendanceReasonIndexView
    sort_order_field = "sort_order"
    filterset_class = attendance_reasons.AttendanceReasonFilterSet
    list_display = [
        "label",
        Column("attendance", label=_("Attendance"), accessor="get_attendance_display"),
        Column("agenda", label=_("Agenda"), accessor=whose),
        BooleanColumn("retired", label=_("Retired"), sort_key="retired"),
    ]
    edit_handler = ObjectList(
        [
            FieldPanel("label"),
            FieldPanel("attendance"),
            FieldPanel("agenda", widget=forms.Select),
            FieldPanel("retired"),
        ],
        base_form_class=attendance_reasons.AttendanceReasonForm,
    )
