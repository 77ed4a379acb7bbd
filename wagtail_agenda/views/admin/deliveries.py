"""Mails and calls: the list of all of them, and what people do about one that did not leave."""

from abc import ABC, abstractmethod

from django import forms
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import Http404
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView
from wagtail.admin import messages

from wagtail_agenda import health, outbox, permissions
from wagtail_agenda.choices import DeliveryKind, DeliveryState
from wagtail_agenda.models import Delivery
from wagtail_agenda.views.admin.base import (
    AgentPage,
    AgentView,
    log_act,
    log_acts,
    next_url,
    page_of,
    url_to,
)
from wagtail_agenda.views.admin.booking_list import page_urls
from wagtail_agenda.views.admin.dates import with_query
from wagtail_agenda.views.admin.delivery_lines import lines_of, may_be_retried, whom
from wagtail_agenda.views.admin.list_filters import ListFilters, SearchField

MOST_AT_ONCE = outbox.SWEEP_LIMIT
DELIVERIES_A_PAGE = 50
LONGEST_SEARCH = 200


class DeliveryFilters(ListFilters):
    """The form above the list of mails and calls."""

    name = "deliveries"
    columns = {"state": "state", "kind": "kind"}

    whom = SearchField(
        label=gettext_lazy("Host or e-mail"),
        required=False,
        widget=forms.TextInput(attrs={"maxlength": LONGEST_SEARCH}),
        help_text=gettext_lazy("Part of the host that is called, or of the address written to"),
    )
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[("", gettext_lazy("Any")), *DeliveryState.choices],
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        required=False,
        choices=[("", gettext_lazy("Any")), *DeliveryKind.choices],
    )
    agenda = forms.ChoiceField(label=gettext_lazy("Agenda"), required=False)

    def narrow(self, deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Those of the deliveries that are asked for; a field that is wrong narrows nothing."""
        asked = self.valid_wishes()
        deliveries = self.by_columns(deliveries, asked)
        if "agenda" in asked:
            deliveries = deliveries.filter(
                Q(booking__agenda__slug=asked["agenda"])
                | Q(called_meeting__agenda__slug=asked["agenda"])
            )
        if "whom" in asked:
            words = asked["whom"][:LONGEST_SEARCH]
            deliveries = deliveries.filter(Q(host__icontains=words) | Q(recipient__icontains=words))
        return deliveries


class DeliveriesView(AgentPage, TemplateView):
    """Every mail and call about the bookings and meetings that one may see, the latest first."""

    template_name = "wagtail_agenda/admin/deliveries.html"
    header_icon = "mail"
    page_title = gettext_lazy("Mails and calls")

    def get(self, request, *args, **kwargs):
        if not permissions.has_role(request.user):
            raise PermissionDenied
        return super().get(request, *args, **kwargs)

    def get_page_title(self):
        return self.page_title

    def trail(self):
        return [("", self.page_title)]

    @cached_property
    def filters(self) -> DeliveryFilters:
        return DeliveryFilters(self.request.GET, user=self.request.user)

    @cached_property
    def page(self) -> Page:
        mine = permissions.visible(self.request.user, Delivery.objects.all())
        found = self.filters.narrow(mine).select_related(
            "booking__agenda", "called_meeting__agenda"
        )
        found = found.order_by("-pk")
        return Paginator(found, DELIVERIES_A_PAGE).get_page(self.request.GET.get("p"))

    def get_context_data(self, **kwargs):
        here = with_query(url_to("deliveries"), self.filters.asked)
        return super().get_context_data(
            **kwargs,
            filters=self.filters,
            page=self.page,
            page_urls=page_urls(here, self.page),
            lines=[(line, page_of(line.delivery.subject)) for line in self.lines],
            list_url=url_to("deliveries"),
            here=self.request.get_full_path(),
        )

    @property
    def lines(self):
        return lines_of(self.page)


class DeliveryActView(AgentView, ABC):
    """Does something about one delivery by POST, and goes back to where it was asked for."""

    http_method_names = ["post", "options"]

    def post(self, request, pk):
        delivery = (
            permissions.editable(request.user, Delivery.objects.filter(pk=pk))
            .select_related("booking", "called_meeting__meeting")
            .first()
        )
        if delivery is None:
            raise Http404
        self.act(delivery)
        return redirect(next_url(request, page_of(delivery.subject) + "#deliveries"))

    @abstractmethod
    def act(self, delivery: Delivery) -> None:
        """What is done about it, with a message that says so."""


class DeliveryRetryView(DeliveryActView):
    """Tries a mail or call once more that has failed, or one that waits for its next attempt.

    With `reopen`, an address that was closed is called again.
    """

    def act(self, delivery):
        user = self.request.user
        values = {"recipient": whom(delivery)}
        is_call = delivery.kind == DeliveryKind.CALL
        if is_call and self.request.POST.get("reopen") and outbox.reopen(delivery):
            log_act(delivery.subject, "reopen_address", user, delivery=delivery.pk)
        if may_be_retried(delivery) and outbox.retry(delivery, user=user):
            log_act(delivery.subject, "send_again", user, delivery=delivery.pk)
            said = (
                _("The call to %(recipient)s is made again.")
                if is_call
                else _("The mail to %(recipient)s is on its way again.")
            )
            messages.success(self.request, said % values)
            return
        said = (
            _("The call to %(recipient)s has not failed. Nothing was done.")
            if is_call
            else _("The mail to %(recipient)s has not failed. Nothing was sent.")
        )
        messages.warning(self.request, said % values)


class DeliveryCancelView(DeliveryActView):
    """Lets a mail or call that has not left never leave."""

    def act(self, delivery):
        user = self.request.user
        values = {"recipient": whom(delivery)}
        if outbox.cancel(delivery, user=user):
            log_act(delivery.subject, "cancel_delivery", user, delivery=delivery.pk)
            said = _("What was to go to %(recipient)s will not leave any more.")
            messages.success(self.request, said % values)
            return
        said = _(
            "What goes to %(recipient)s cannot be cancelled: it has left, is leaving at this "
            "moment, or was cancelled before."
        )
        messages.warning(self.request, said % values)


class DeliveriesRetryView(AgentView):
    """Sends everything that the dashboard shows as failed once more, as much as one sweep takes."""

    http_method_names = ["post", "options"]

    def post(self, request):
        if not permissions.has_role(request.user):
            raise PermissionDenied
        failed = health.failed_deliveries(timezone.now()).select_related(
            "booking", "called_meeting__meeting"
        )
        # The oldest first: pressed again, the button goes on with those that were left.
        failed = permissions.editable(request.user, failed).order_by("pk")[:MOST_AT_ONCE]
        queued = outbox.retry_all(failed, user=request.user)
        acts = [(delivery.subject, {"delivery": delivery.pk}) for delivery in queued]
        log_acts(acts, "send_again", request.user)
        if queued:
            messages.success(request, on_their_way(queued))
        else:
            messages.warning(request, _("No mail has failed. Nothing was sent."))
        return redirect(next_url(request, url_to("agenda")))


def on_their_way(queued: list[Delivery]) -> str:
    count = len(queued)
    if any(delivery.kind == DeliveryKind.CALL for delivery in queued):
        said = ngettext(
            "%(count)d mail or call is on its way again.",
            "%(count)d mails and calls are on their way again.",
            count,
        )
    else:
        said = ngettext(
            "%(count)d mail is on its way again.", "%(count)d mails are on their way again.", count
        )
    return said % {"count": count}
