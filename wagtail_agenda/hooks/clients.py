"""The other systems that may call, in the admin's settings: who they are, and what is made once."""

from django import forms
from django.urls import path
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.panels import FieldPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import BooleanColumn, Column, DateColumn

from wagtail_agenda.models import ApiClient
from wagtail_agenda.views.admin.scope import ScopedModelViewSet
from wagtail_agenda.views.admin.setup import clients


class ApiClientViewSet(ScopedModelViewSet):
    model = ApiClient
    name = clients.NAMESPACE
    url_prefix = "agendas/setup/apiclient"
    icon = "key"
    add_to_settings_menu = True
    menu_label = _("API clients")
    # A copy would have the key and the secrets of the original.
    copy_view_enabled = False
    search_fields = ["label", "orig"]
    index_view_class = clients.ClientIndexView
    add_view_class = clients.ClientCreateView
    edit_view_class = clients.ClientEditView
    list_display = [
        "label",
        Column("orig", label=_("Host"), sort_key="orig"),
        Column("scopes", label=_("May do"), accessor=clients.scopes_of),
        Column("agendas", label=_("Agendas"), accessor=clients.agendas_of),
        BooleanColumn("active", label=_("Active"), sort_key="active"),
        DateColumn("last_used_at", label=_("Last seen"), sort_key="last_used_at"),
    ]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldPanel(
                        "label",
                        help_text=_("How you and your colleagues call it: “Forms of the town”."),
                    ),
                    FieldPanel(
                        "orig",
                        help_text=_(
                            "For systems that sign their calls, and for those that are called: "
                            "forms.example.org, with its port if that is not the usual one. Left "
                            "empty, it can only use a key."
                        ),
                    ),
                ],
                heading=_("Which system this is"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel("scopes"),
                    FieldPanel("agendas", widget=forms.CheckboxSelectMultiple),
                ],
                heading=_("What it may do, and where"),
            ),
        ],
        base_form_class=clients.ApiClientForm,
    )

    def get_urlpatterns(self):
        acts = [
            path(
                f"{act.name.replace('_', '-')}/<int:pk>/",
                self.construct_view(clients.ClientActView, act=act),
                name=act.name,
            )
            for act in clients.ACTS
        ]
        return [*super().get_urlpatterns(), *acts]


@hooks.register("register_admin_viewset")
def register_clients():
    return ApiClientViewSet()


@hooks.register("register_log_actions")
def register_client_acts(actions):
    """What is done with other systems, in the words of the site's history."""
    actions.register_action("wagtail_agenda.new_client_key", _("New key"), _("New key made"))
    actions.register_action(
        "wagtail_agenda.new_client_secret", _("New secret"), _("New secret made")
    )
    actions.register_action(
        "wagtail_agenda.drop_client_secret",
        _("Drop the previous secret"),
        _("Previous secret dropped"),
    )
    actions.register_action(
        "wagtail_agenda.new_client_webhook_secret",
        _("New webhook secret"),
        _("New webhook secret made"),
    )
    actions.register_action("wagtail_agenda.deactivate_client", _("Deactivate"), _("Deactivated"))
    actions.register_action("wagtail_agenda.activate_client", _("Activate"), _("Activated"))
