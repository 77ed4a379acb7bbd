"""Who a booking was for, forgotten: the writing that `privacy` asks for.

What admission, attendance and the counters read stays, so no bookable is locked: what is left of a
booking still takes its place, and is still counted.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from wagtail_agenda import tokens
from wagtail_agenda.choices import DeliveryState
from wagtail_agenda.contention import retried
from wagtail_agenda.models import Booking, Delivery, Entry, Hold, Invitation, PersonLock

PERSONAL_TEXTS = (
    "user_display_label",
    "description",
    "user_name",
    "user_email",
    "user_phone_number",
    "user_external_id",
    "backoffice_url",
    "form_url",
    "cancel_callback_url",
    "presence_callback_url",
    "absence_callback_url",
    "attendance_note",
    "cancellation_reason",
)
"""The columns of a booking that are emptied."""

_KEPT_OF_ENTRIES = frozenset(
    {"status", "status_label", "from_status", "from_start", "from_end", "attendance", "admission"}
)
"""What the history says of a booking and not of a person."""

NOT_OVER = (DeliveryState.DUE, DeliveryState.SENDING, DeliveryState.FAILED)


def anonymise(booking: Booking, *, now: datetime) -> bool:
    """Forget who a booking was for; False if that was forgotten before.

    Nothing more is sent about it, and the link in its mails opens nothing. What happened, when,
    and who came stays. Raises `Overloaded`.
    """

    def work(_nothing: None) -> bool:
        # Before the booking, as the worker does it that notes in its history what has left.
        deliveries = list(booking.deliveries.select_for_update().order_by("pk"))
        changed = Booking.objects.filter(pk=booking.pk, anonymised_at__isnull=True).update(
            **dict.fromkeys(PERSONAL_TEXTS, ""),
            person_digest="",
            label=str(booking.event or booking.meeting_type or booking.agenda)[:255],
            extra_emails=[],
            extra_phone_numbers=[],
            extra_data={},
            answers={},
            booked_together=None,
            token_digest=tokens.digest_of(secrets.token_urlsafe(32)),
            anonymised_at=now,
        )
        if not changed:
            return False
        for delivery in deliveries:
            forget_delivery(delivery)
        for invitation in booking.invitations.all():
            forget_invitation(invitation)
        for entry in booking.entries.all():
            kept = {name: value for name, value in entry.data.items() if name in _KEPT_OF_ENTRIES}
            if kept != entry.data:
                Entry.objects.filter(pk=entry.pk).update(data=kept)
        booking.kept_files.all().delete()
        _empty(Hold.objects.filter(booking=booking))
        _forget_locks(booking)
        return True

    return retried(work)


def forget_draft(hold: Hold) -> None:
    """Forget what somebody typed and has not sent. The time that it keeps stays kept."""
    _empty(Hold.objects.filter(pk=hold.pk))


def rewrite(row: Booking | Hold, texts: Mapping[str, Any]) -> None:
    """Write some texts of a booking or of a hold anew, without what stood in them of somebody."""
    type(row).objects.filter(pk=row.pk).update(**texts)


def forget_invitation(invitation: Invitation) -> None:
    """Forget whose calendar copy it was."""
    # A booking has a recipient once, so that they cannot all be empty.
    Invitation.objects.filter(pk=invitation.pk).update(address=f"-{invitation.pk}", content_hash="")


def anonymous_key(delivery: Delivery) -> str:
    """A key for a delivery whose own has a digest of the address in it, which could be guessed.

    A worker that has the delivery at this moment sees by it that there is nothing left to note.
    """
    return f"anonymised:{delivery.pk}"


def forget_delivery(delivery: Delivery) -> None:
    """Forget to whom a mail or call went, and what it said; what has not left never leaves."""
    Delivery.objects.filter(pk=delivery.pk).update(
        key=anonymous_key(delivery),
        recipient="",
        url="",
        action={},
        letter=None,
        message_id="",
        last_error="",
        state=DeliveryState.CANCELLED if delivery.state in NOT_OVER else delivery.state,
        leased_until=None,
    )


def _empty(holds: QuerySet[Hold]) -> None:
    holds.update(answers={}, visitor_key="", address_key="", return_path="")


def _forget_locks(booking: Booking) -> None:
    """Delete the locks of the person that no other booking of theirs needs."""
    if not booking.person_digest:
        return
    for agenda_id in filter(None, {booking.agenda_id, booking.virtual_agenda_id}):
        others = Booking.objects.filter(
            Q(agenda_id=agenda_id) | Q(virtual_agenda_id=agenda_id),
            person_digest=booking.person_digest,
        )
        if not others.exists():
            PersonLock.objects.filter(
                agenda_id=agenda_id, person_digest=booking.person_digest
            ).delete()
