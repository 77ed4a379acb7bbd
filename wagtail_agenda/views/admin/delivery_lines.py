"""A mail or call as lists and pages of the admin show it, with what can be done about it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from wagtail_agenda import outbox
from wagtail_agenda.choices import Audience, DeliveryKind, DeliveryState, MailTo
from wagtail_agenda.models import Delivery
from wagtail_agenda.views.admin.base import url_to


@dataclass(frozen=True)
class DeliveryLine:
    """One delivery, and where its buttons lead: an address is empty where there is no button."""

    delivery: Delivery
    is_closed: bool = False

    @property
    def is_call(self) -> bool:
        return self.delivery.kind == DeliveryKind.CALL

    @property
    def whom(self) -> str:
        """The address of a mail, the host of a call."""
        return whom(self.delivery)

    @property
    def as_whom(self) -> str:
        """As whom its reader is addressed."""
        delivery = self.delivery
        if delivery.called_meeting_id is None:
            return delivery.get_audience_display()
        if delivery.audience == Audience.VISITOR:
            return _("Participant")
        is_organiser = delivery.action.get("to") == MailTo.ORGANISER
        return _("Organiser") if is_organiser else delivery.get_audience_display()

    @property
    def failed(self) -> bool:
        return self.delivery.state == DeliveryState.FAILED

    @property
    def is_waiting(self) -> bool:
        return self.delivery.state == DeliveryState.DUE

    @property
    def retry_url(self) -> str:
        may = may_be_retried(self.delivery)
        return url_to("delivery_retry", self.delivery.pk) if may else ""

    @property
    def cancel_url(self) -> str:
        may = self.failed or self.is_waiting
        return url_to("delivery_cancel", self.delivery.pk) if may else ""


def lines_of(deliveries: Iterable[Delivery]) -> list[DeliveryLine]:
    """The lines of some deliveries. One query more if there are failed calls among them."""
    deliveries = list(deliveries)
    closed = outbox.closed_among(deliveries)
    return [DeliveryLine(delivery, delivery.pk in closed) for delivery in deliveries]


def may_be_retried(delivery: Delivery) -> bool:
    """Whether trying at once is anything but what happens anyway."""
    is_put_off = delivery.state == DeliveryState.DUE and delivery.attempts > 0
    return is_put_off or delivery.state == DeliveryState.FAILED


def whom(delivery: Delivery) -> str:
    return delivery.recipient or delivery.host or delivery.url
