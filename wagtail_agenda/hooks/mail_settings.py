"""How each site sends its mails, in the admin's settings."""

from django import forms
from django.urls import path
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column

from wagtail_agenda.models import MailSettings
from wagtail_agenda.views.admin.scope import ScopedModelViewSet
from wagtail_agenda.views.admin.setup import mail_settings


class MailSettingsViewSet(ScopedModelViewSet):
    model = MailSettings
    name = mail_settings.NAMESPACE
    url_prefix = "agendas/setup/mailsettings"
    icon = "mail"
    add_to_settings_menu = True
    menu_label = _("Mail settings")
    # A copy would have the password of the original.
    copy_view_enabled = False
    search_fields = ["site__hostname", "sender_address", "host"]
    index_view_class = mail_settings.MailSettingsIndexView
    add_view_class = mail_settings.MailSettingsCreateView
    edit_view_class = mail_settings.MailSettingsEditView
    list_display = [
        "site",
        Column("sender_address", label=_("Sender")),
        Column("host", label=_("Mail server"), accessor=mail_settings.server_in_words),
    ]
    edit_handler = ObjectList(
        [
            FieldPanel(
                "site",
                widget=forms.Select,
                help_text=_("Mails about bookings that were made on this site."),
            ),
            MultiFieldPanel(
                [
                    FieldRowPanel([FieldPanel("sender_name"), FieldPanel("sender_address")]),
                    FieldPanel(
                        "reply_to",
                        help_text=_("Left empty, visitors answer to the address of the sender."),
                    ),
                    FieldPanel("signature"),
                ],
                heading=_("Whom mails come from, and how they end"),
                help_text=_("What you leave empty is as in the settings of the project."),
            ),
            MultiFieldPanel(
                [
                    FieldPanel(
                        "host",
                        help_text=_(
                            "Like smtp.example.org. Left empty, mails go as those of the project "
                            "do, and nothing below counts."
                        ),
                    ),
                    FieldRowPanel(
                        [
                            FieldPanel("security"),
                            FieldPanel("port", help_text=_("Left empty, it is the usual one.")),
                        ]
                    ),
                    FieldPanel(
                        "user", help_text=_("Left empty, nobody logs in at the mail server.")
                    ),
                    FieldPanel("new_password"),
                    FieldPanel("remove_password"),
                    FieldPanel(
                        "password_variable",
                        help_text=_(
                            "In place of a password: the variable of the worker’s environment that "
                            "has it, with MAIL or SMTP in its name."
                        ),
                    ),
                ],
                heading=_("By which mail server they go"),
            ),
        ],
        base_form_class=mail_settings.MailSettingsForm,
    )

    def get_urlpatterns(self):
        test = self.construct_view(mail_settings.TestMessageView)
        return [*super().get_urlpatterns(), path("test/<int:pk>/", test, name="test")]


@hooks.register("register_admin_viewset")
def register_mail_settings():
    return MailSettingsViewSet()


@hooks.register("register_log_actions")
def register_mail_acts(actions):
    """What is done with the mail settings, in the words of the site's history."""
    actions.register_action(
        "wagtail_agenda.test_mail_settings", _("Send a test message"), _("Test message sent")
    )
