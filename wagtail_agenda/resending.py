"""The last mail to a visitor, once more: for those who lost it or never found it.

What is sent is a new message with the words of the last one that still holds, and the same entry
for their calendar: same UID, same SEQUENCE, so that nothing appears twice.
"""

from datetime import datetime

from wagtail_agenda import outbox
from wagtail_agenda.choices import Actor, Audience, DeliveryState, MailTo
from wagtail_agenda.contention import retried
from wagtail_agenda.models import Booking, Delivery, Entry


def last_mail(booking: Booking) -> Delivery | None:
    """The latest message to the visitor that nothing has overtaken; None if there is none.

    A confirmation is overtaken once the booking is cancelled. What an agent has kept from leaving
    stays here.
    """
    written = (
        Delivery.objects.filter(booking=booking, kind="mail", audience=Audience.VISITOR)
        .exclude(state__in=[DeliveryState.SUPERSEDED, DeliveryState.CANCELLED])
        .select_related("booking", "invitation")
        .order_by("-pk")
    )
    # What went to an address among the answers, or to a former one, is not the visitor's.
    own = (mail for mail in written if mail.action.get("to", MailTo.VISITOR) == MailTo.VISITOR)
    return next((mail for mail in own if not outbox.is_superseded(mail)), None)


def send_again(booking: Booking, *, now: datetime) -> Delivery | None:
    """Queue the visitor's last mail once more. Answers with what is on its way, None for nothing.

    One that has not left yet is hurried, one that failed is tried again: only what has left gets
    a second message. Asking twice at the same moment sends one. Raises `Overloaded`.
    """

    def work(last: Delivery | None) -> Delivery | None:
        if last is None or last.state == DeliveryState.SENDING:
            return last
        if last.state != DeliveryState.DONE:
            outbox.retry(last, now=now)
            return last
        repeated = outbox.Mail(
            booking=booking,
            audience=last.audience,
            recipient=last.recipient,
            invitation=last.invitation,
            action=last.action,
            # The key of the message stands in the way of a second one like it.
            cause=f"again.{last.pk}",
        )
        domain = last.message_id.rstrip(">").rpartition("@")[2]
        (again,) = outbox.enqueue_mails([repeated], domain=domain, now=now)
        Entry.objects.create(
            booking=booking,
            what="sent_again",
            actor=Actor.VISITOR,
            at=now,
            data={"recipient": again.recipient, "message_id": again.message_id},
        )
        return again

    return retried(work, lambda: last_mail(booking))
