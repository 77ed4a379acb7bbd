"""Mails that have failed, sent again: one of them, or all that are still of use."""

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from wagtail.admin import messages

from wagtail_agenda import health, outbox, permissions
from wagtail_agenda.choices import DeliveryState
from wagtail_agenda.models import Delivery
from wagtail_agenda.views.admin.base import AgentView, log_act, next_url, url_to

MOST_AT_ONCE = outbox.SWEEP_LIMIT


class DeliveryRetryView(AgentView):
    """Sends a mail that has failed once more."""

    http_method_names = ["post", "options"]

    def post(self, request, pk):
        delivery = (
            permissions.editable(request.user, Delivery.objects.filter(pk=pk))
            .select_related("booking")
            .first()
        )
        if delivery is None:
            raise Http404
        values = {"recipient": delivery.recipient}
        if delivery.state == DeliveryState.FAILED:
            outbox.retry(delivery, user=request.user)
            log_act(delivery.booking, "send_again", request.user, delivery=delivery.pk)
            messages.success(request, _("The mail to %(recipient)s is on its way again.") % values)
        else:
            messages.warning(
                request, _("The mail to %(recipient)s has not failed. Nothing was sent.") % values
            )
        return redirect(next_url(request, url_to("booking", delivery.booking_id) + "#deliveries"))


class DeliveriesRetryView(AgentView):
    """Sends everything that the dashboard shows as failed once more, as much as one sweep takes."""

    http_method_names = ["post", "options"]

    def post(self, request):
        if not permissions.has_role(request.user):
            raise PermissionDenied
        failed = health.failed_deliveries(timezone.now()).select_related("booking")
        # The oldest first: pressed again, the button goes on with those that were left.
        failed = permissions.editable(request.user, failed).order_by("pk")[:MOST_AT_ONCE]
        queued = outbox.retry_all(failed, user=request.user)
        for delivery in queued:
            log_act(delivery.booking, "send_again", request.user, delivery=delivery.pk)
        if queued:
            messages.success(
                request,
                ngettext(
                    "%(count)d mail is on its way again.",
                    "%(count)d mails are on their way again.",
                    len(queued),
                )
                % {"count": len(queued)},
            )
        else:
            messages.warning(request, _("No mail has failed. Nothing was sent."))
        return redirect(next_url(request, url_to("agenda")))
