"""How a site sends its mails: the form, whose password nobody reads again, and a test message."""

import re
from functools import cached_property

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.views import generic
from wagtail.admin.views.generic import WagtailAdminTemplateMixin
from wagtail.admin.widgets.button import Button
from wagtail.log_actions import log

from wagtail_agenda import mail_settings
from wagtail_agenda.cleaning import email_address
from wagtail_agenda.encryption import encrypt
from wagtail_agenda.models import MailSettings

NAMESPACE = "wagtail_agenda_mailsettings"
LONGEST_SIGNATURE = 2_000

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")


class MailSettingsForm(WagtailAdminModelForm):
    """The settings of one site. What was typed as its password never comes back."""

    new_password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Kept encrypted. Left empty, the one that is kept stays."),
    )
    remove_password = forms.BooleanField(
        label=gettext_lazy("Remove the password that is kept"), required=False
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["signature"].max_length = LONGEST_SIGNATURE
        if not self.instance.password:
            self.fields["new_password"].help_text = _("Kept encrypted, and never shown again.")
            self.fields["remove_password"].widget = forms.HiddenInput()

    def clean_sender_address(self):
        return self._usable("sender_address")

    def clean_reply_to(self):
        return self._usable("reply_to")

    def _usable(self, name: str) -> str:
        typed = self.cleaned_data[name]
        try:
            return email_address(typed) if typed else ""
        except ValueError:
            message = _("This address cannot be used: write it without accents.")
            raise ValidationError(message, code="address") from None

    def clean_signature(self):
        typed = self.cleaned_data["signature"]
        if len(typed) > LONGEST_SIGNATURE:
            message = _("A signature has at most %(most)d characters.") % {
                "most": LONGEST_SIGNATURE
            }
            raise ValidationError(message, code="too_long")
        return typed

    def clean_host(self):
        typed = self.cleaned_data["host"].strip()
        if typed and not _HOST.fullmatch(typed):
            message = _("This is no mail server. Write its name alone, like smtp.example.org.")
            raise ValidationError(message, code="no_host")
        return typed

    def clean_password_variable(self):
        typed = self.cleaned_data["password_variable"].strip()
        if typed and not mail_settings.is_variable(typed):
            message = _(
                "Name a variable of capitals, digits and “_” with MAIL or SMTP in its name, like "
                "AGENDA_MAIL_PASSWORD. No other is sent to a mail server."
            )
            raise ValidationError(message, code="variable")
        return typed

    def clean(self):
        cleaned = super().clean()
        if self.errors:
            return cleaned
        typed, variable = cleaned["new_password"], cleaned["password_variable"]
        removed = cleaned["remove_password"]
        kept = bool(self.instance.password) and not removed
        if typed and (variable or removed):
            message = _("Either type a password, or name a variable, or remove what is kept.")
            self.add_error("new_password", ValidationError(message, code="two"))
        elif not (cleaned["user"] + typed).isascii():
            message = _("User and password must be letters without accents, digits and signs.")
            self.add_error("user", ValidationError(message, code="not_ascii"))
        elif cleaned["host"] and cleaned["user"] and not (typed or variable or kept):
            message = _("Type the password of this user, or name a variable that has it.")
            self.add_error("new_password", ValidationError(message, code="missing"))
        elif kept and not typed and self._goes_elsewhere():
            # Else whoever types an address of their own here would be sent the password.
            message = _("The server has changed: type the password again, or remove it.")
            self.add_error("new_password", ValidationError(message, code="elsewhere"))
        return cleaned

    def _goes_elsewhere(self) -> bool:
        return bool({"host", "port", "security"}.intersection(self.changed_data))

    def save(self, commit=True):
        if self.cleaned_data["new_password"]:
            self.instance.password = encrypt(self.cleaned_data["new_password"])
        elif self.cleaned_data["remove_password"]:
            self.instance.password = ""
        return super().save(commit)


def url_to(name: str, settings: MailSettings) -> str:
    return reverse(f"{NAMESPACE}:{name}", args=[settings.pk])


def test_button(settings: MailSettings) -> Button:
    return Button(
        _("Send a test message"), url=url_to("test", settings), icon_name="mail", priority=25
    )


class MailSettingsIndexView(generic.IndexView):
    def get_base_queryset(self):
        return super().get_base_queryset().select_related("site")

    def get_list_more_buttons(self, instance):
        return [*super().get_list_more_buttons(instance), test_button(instance)]


@method_decorator(sensitive_post_parameters("new_password"), name="dispatch")
class MailSettingsCreateView(generic.CreateView):
    def get_success_url(self):
        # What was typed is best tried at once.
        return url_to("test", self.object)


@method_decorator(sensitive_post_parameters("new_password"), name="dispatch")
class MailSettingsEditView(generic.EditView):
    def get_success_url(self):
        return url_to("edit", self.object)

    @cached_property
    def header_more_buttons(self):
        return [*super().header_more_buttons, test_button(self.object)]


class TestMessageForm(forms.Form):
    recipient = forms.EmailField(
        label=gettext_lazy("Send it to"), help_text=gettext_lazy("An address whose mail you read.")
    )

    def clean_recipient(self):
        try:
            return email_address(self.cleaned_data["recipient"])
        except ValueError:
            message = _("This address cannot be used: write it without accents.")
            raise ValidationError(message, code="address") from None


class TestMessageView(WagtailAdminTemplateMixin, FormView):
    """Sends a message by the settings as they are saved, and says what the server answered.

    The one page that waits for a mail server: whoever sets it up wants to know now.
    """

    model = MailSettings
    form_class = TestMessageForm
    header_icon = "mail"
    page_title = gettext_lazy("Send a test message")
    template_name = "wagtail_agenda/admin/mail_test.html"

    @cached_property
    def settings(self) -> MailSettings:
        found = MailSettings.objects.select_related("site").filter(pk=self.kwargs["pk"]).first()
        if found is None:
            raise Http404
        return found

    def get_initial(self):
        return {"recipient": self.request.user.email}

    def form_valid(self, form):
        recipient = form.cleaned_data["recipient"]
        problem = mail_settings.send_test(
            self.settings,
            sender=mail_settings.sender(self.settings.site),
            recipient=recipient,
            now=timezone.now(),
        )
        data = {"taken": not problem}
        log(instance=self.settings, action="wagtail_agenda.test_mail_settings", data=data)
        context = self.get_context_data(form=form, tried=True, problem=problem, recipient=recipient)
        return self.render_to_response(context)

    def get_page_subtitle(self):
        return str(self.settings)

    def get_breadcrumbs_items(self):
        return [
            *super().get_breadcrumbs_items(),
            {"url": reverse(f"{NAMESPACE}:index"), "label": _("Mail settings")},
            {"url": url_to("edit", self.settings), "label": self.settings},
            {"url": "", "label": self.page_title},
        ]

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            **kwargs,
            settings=self.settings,
            sender=mail_settings.sender(self.settings.site),
            back_url=url_to("edit", self.settings),
        )


def server_in_words(settings: MailSettings) -> str:
    """The mail server of a site, for the list."""
    if not settings.host:
        return _("The project’s own")
    return f"{settings.host}:{settings.port or mail_settings.USUAL_PORTS[settings.security]}"
