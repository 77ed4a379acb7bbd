"""The panel on the home of the Wagtail admin."""

from wagtail import hooks

from wagtail_agenda import permissions
from wagtail_agenda.views.admin.dashboard import AgendaPanel


@hooks.register("construct_homepage_panels")
def add_agenda_panel(request, panels):
    if permissions.has_role(request.user):
        panels.append(AgendaPanel(request))
