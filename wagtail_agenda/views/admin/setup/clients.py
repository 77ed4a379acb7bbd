"""Other systems: their form, and the acts that make what is told once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.views import generic
from wagtail.admin.views.generic import WagtailAdminTemplateMixin
from wagtail.admin.widgets.button import Button
from wagtail.log_actions import log

from wagtail_agenda import clients
from wagtail_agenda.models import ApiClient

NAMESPACE = "wagtail_agenda_apiclient"


@dataclass(frozen=True)
class Act:
    """Something that is done with a client: what is asked before, and what is said after.

    `do` answers with what is told once; `said` is for acts that tell nothing.
    """

    name: str
    log_action: str
    label: Any
    happens: Any
    do: Callable[[ApiClient], str | None]
    possible: Callable[[ApiClient], bool]
    icon: str
    said: Any = ""
    told: Any = ""
    takes_away: bool = False


ACTS = (
    Act(
        "new_key",
        "new_client_key",
        gettext_lazy("New key"),
        gettext_lazy(
            "A key lets the other system in as it is, in a header of each call. Any key that it "
            "has now stops at once."
        ),
        clients.new_key,
        lambda client: True,
        "key",
        told=gettext_lazy("Send it in the header “Authorization: Bearer …” of each call."),
    ),
    Act(
        "new_secret",
        "new_client_secret",
        gettext_lazy("New secret"),
        gettext_lazy(
            "Both sides sign their calls with the secret. The present one goes on being accepted "
            "until you drop it; our own calls are signed with the new one at once. One that was "
            "replaced before stops now."
        ),
        clients.new_secret,
        lambda client: bool(client.orig),
        "lock",
        told=gettext_lazy("Sign each call with it, in the name of the host of this client."),
    ),
    Act(
        "drop_secret",
        "drop_client_secret",
        gettext_lazy("Drop the previous secret"),
        gettext_lazy(
            "Calls that are signed with the secret before the present one are refused from now on."
        ),
        clients.drop_previous_secret,
        lambda client: bool(client.previous_secret),
        "bin",
        said=gettext_lazy("The previous secret is no longer accepted."),
        takes_away=True,
    ),
    Act(
        "new_webhook_secret",
        "new_client_webhook_secret",
        gettext_lazy("New webhook secret"),
        gettext_lazy(
            "Our calls to this client carry the headers of Standard Webhooks, made with this "
            "secret. They are made with the new one at once."
        ),
        clients.new_webhook_secret,
        lambda client: bool(client.orig),
        "lock",
        told=gettext_lazy("The other system checks the header “webhook-signature” with it."),
    ),
    Act(
        "deactivate",
        "deactivate_client",
        gettext_lazy("Deactivate"),
        gettext_lazy("Its calls are refused, as those of nobody, until it is activated again."),
        clients.deactivate,
        lambda client: client.active,
        "cross",
        said=gettext_lazy("Its calls are refused from now on."),
        takes_away=True,
    ),
    Act(
        "activate",
        "activate_client",
        gettext_lazy("Activate"),
        gettext_lazy("Its calls are accepted again, with the key and the secrets that it had."),
        clients.activate,
        lambda client: not client.active,
        "check",
        said=gettext_lazy("Its calls are accepted again."),
    ),
)


class ApiClientForm(WagtailAdminModelForm):
    """A client as an administrator describes it. Keys and secrets are not in it."""

    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"),
        choices=clients.Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "Tick all that it needs: booking, for one, does not include reading."
        ),
    )

    def clean_orig(self):
        typed = self.cleaned_data.get("orig")
        if not typed:
            # Empty texts would be the same host twice.
            return None
        try:
            return clients.clean_host(typed)
        except ValueError as error:
            raise ValidationError(str(error), code="no_host") from error

    def clean_scopes(self):
        chosen = self.cleaned_data["scopes"]
        return [scope for scope in clients.Scope.values if scope in chosen]


def act_url(act: Act, client: ApiClient) -> str:
    return reverse(f"{NAMESPACE}:{act.name}", args=[client.pk])


def buttons(client: ApiClient) -> list[Button]:
    """What can be done with a client as it is now."""
    return [
        Button(act.label, url=act_url(act, client), icon_name=act.icon, priority=30 + number)
        for number, act in enumerate(ACTS)
        if act.possible(client)
    ]


class ClientIndexView(generic.IndexView):
    def get_base_queryset(self):
        return super().get_base_queryset().prefetch_related("agendas")

    def get_list_more_buttons(self, instance):
        return [*super().get_list_more_buttons(instance), *buttons(instance)]


class ClientCreateView(generic.CreateView):
    def get_success_url(self):
        return reverse(f"{NAMESPACE}:edit", args=[self.object.pk])

    def get_success_message(self, instance):
        return _("“%(client)s” is made. Now make its key or its secret, from the menu above.") % {
            "client": instance
        }


class ClientEditView(generic.EditView):
    @cached_property
    def header_more_buttons(self):
        return [*super().header_more_buttons, *buttons(self.object)]


# What is told once must not be found in the browser's history or in a cache afterwards.
@method_decorator(never_cache, name="dispatch")
class ClientActView(WagtailAdminTemplateMixin, TemplateView):
    """Asks first; its POST acts, and shows once what was made."""

    model = ApiClient
    act: Act = ACTS[0]
    header_icon = "key"
    page_title = gettext_lazy("API client")
    template_name = "wagtail_agenda/admin/client_act.html"

    @cached_property
    def api_client(self) -> ApiClient:
        found = ApiClient.objects.filter(pk=self.kwargs["pk"]).first()
        if found is None:
            raise Http404
        return found

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().get(request, *args, **kwargs) if self._possible() else self._back()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self._possible():
            return self._back()
        told = self.act.do(self.api_client)
        log(instance=self.api_client, action=f"wagtail_agenda.{self.act.log_action}")
        if told:
            return self.render_to_response(self.get_context_data(told=told))
        messages.success(request, self.act.said)
        return redirect(self.edit_url)

    def _possible(self) -> bool:
        if self.act.possible(self.api_client):
            return True
        messages.warning(self.request, _("There is nothing to do here. Nothing was changed."))
        return False

    def _back(self) -> HttpResponse:
        return redirect(self.edit_url)

    @property
    def edit_url(self) -> str:
        return reverse(f"{NAMESPACE}:edit", args=[self.api_client.pk])

    def get_page_subtitle(self):
        return str(self.api_client)

    def get_breadcrumbs_items(self):
        return [
            *super().get_breadcrumbs_items(),
            {"url": reverse(f"{NAMESPACE}:index"), "label": _("API clients")},
            {"url": self.edit_url, "label": self.api_client},
            {"url": "", "label": self.act.label},
        ]

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            **kwargs, act=self.act, api_client=self.api_client, back_url=self.edit_url
        )


def agendas_of(client: ApiClient) -> str:
    """Which agendas it may touch, for the list."""
    return ", ".join(map(str, client.agendas.all())) or _("All")


def scopes_of(client: ApiClient) -> str:
    """What it may do, for the list."""
    return ", ".join(scope for scope in clients.Scope.values if clients.has_scope(client, scope))
