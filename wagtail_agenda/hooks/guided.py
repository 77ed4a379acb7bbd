"""A new agenda in three steps: its addresses, and its way into the menu."""

from django.urls import include, path, reverse_lazy
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import MenuItem

from wagtail_agenda import permissions
from wagtail_agenda.models import Agenda
from wagtail_agenda.views.admin.guided import views


@hooks.register("register_admin_urls")
def register_guided_setup():
    pages = [
        path("ready/<int:pk>/", views.ReadyView.as_view(), name="ready"),
        path("<slug:step>/", views.GuidedView.as_view(), name="step"),
    ]
    return [path("agendas/guided/", include((pages, views.NAMESPACE)))]


class GuidedMenuItem(MenuItem):
    """Shown to whoever may make agendas."""

    def is_shown(self, request):
        return permissions.POLICIES[Agenda].user_has_permission(request.user, "add")


guided_menu_item = GuidedMenuItem(
    _("New agenda, guided"),
    reverse_lazy(f"{views.NAMESPACE}:step", args=["what"]),
    name="new-agenda-guided",
    icon_name="plus",
)
