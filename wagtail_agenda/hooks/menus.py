"""One entry in the admin's menu, « Agendas », for the agenda view and the set-up screens."""

from django.apps import apps
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import MenuItem
from wagtail.snippets.views.snippets import SnippetViewSetGroup

from wagtail_agenda import permissions
from wagtail_agenda.hooks.agenda_view import AgendaViewMenuItem, agenda_view_menu_item
from wagtail_agenda.hooks.attendance import AttendanceReasonViewSet
from wagtail_agenda.hooks.guided import guided_menu_item
from wagtail_agenda.hooks.meetings import MeetingViewSet
from wagtail_agenda.hooks.snippets import SETUP_VIEWSETS


class AdministratorMenuItem(MenuItem):
    def is_shown(self, request):
        return permissions.is_administrator(request.user)


class AgendaMenu(SnippetViewSetGroup):
    """The agenda view first, then what there is to set up; each item decides who sees it."""

    items = (*SETUP_VIEWSETS, AttendanceReasonViewSet, MeetingViewSet)
    menu_label = _("Agendas")
    menu_name = "agendas"
    menu_icon = "calendar"
    menu_order = 150

    def get_submenu_items(self):
        daily = [agenda_view_menu_item]
        if apps.is_installed("wagtail_modeladmin"):
            daily.append(
                AgendaViewMenuItem(
                    _("Booking log"),
                    reverse("wagtail_agenda_booking_modeladmin_index"),
                    name="booking-log",
                    icon_name="list-ul",
                    order=agenda_view_menu_item.order + 1,
                )
            )
        daily.append(
            AgendaViewMenuItem(
                _("Mails and calls"),
                reverse("wagtail_agenda_admin:deliveries"),
                name="deliveries",
                icon_name="mail",
                order=daily[-1].order + 1,
            )
        )
        set_up = super().get_submenu_items()
        for item in set_up:
            item.order += daily[-1].order
        # Below the list of agendas, whose neighbour it is.
        guided_menu_item.order = set_up[0].order
        persons = AdministratorMenuItem(
            _("Personal data"),
            reverse("wagtail_agenda_admin:person"),
            name="personal-data",
            icon_name="lock",
            order=set_up[-1].order + 1,
        )
        return [*daily, set_up[0], guided_menu_item, *set_up[1:], persons]


@hooks.register("register_admin_viewset")
def register_setup_screens():
    return AgendaMenu()
