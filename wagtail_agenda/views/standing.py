"""How a booking stands, in words for the visitor: whether they have a place, and what is next."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wagtail_agenda import wording
from wagtail_agenda.choices import Actor, Admission, Trigger, WaitingListPromotion
from wagtail_agenda.models import Booking, Entry

ENDINGS = (
    Trigger.CANCELLED_BY_VISITOR,
    Trigger.CANCELLED_BY_AGENT,
    Trigger.EVENT_CANCELLED,
    Trigger.DECLINED,
    Trigger.REFUSED,
    Trigger.LAPSED,
)
"""What can have ended a booking."""


PASSED_ON = (Trigger.OFFERED, Trigger.PROMOTED, Trigger.PENDING)
"""What happens to whoever gets a place that has become free."""


@dataclass(frozen=True)
class StandingText:
    """How a booking stands: a `title` for the window, a `heading`, and sentences under it.

    `offered` says that a place can be accepted or declined at this moment.
    """

    title: str
    heading: str
    lines: list[str] = field(default_factory=list)
    offered: bool = False


def standing_of(booking: Booking, now: datetime) -> StandingText:
    """How the booking stands at that moment, in the active language."""
    return {
        Admission.CONFIRMED: _confirmed,
        Admission.PENDING: _pending,
        Admission.WAITING: _waiting,
        Admission.OFFERED: _offered,
        Admission.CANCELLED: _cancelled,
    }[booking.admission](booking, now)


def _confirmed(booking: Booking, now: datetime) -> StandingText:
    return StandingText(_("Booking confirmed"), _("Your booking is confirmed"))


def _pending(booking: Booking, now: datetime) -> StandingText:
    if booking.decide_by is None:
        line = _("Your place is kept until somebody has decided. You will hear from us by mail.")
    elif booking.decide_by > now and booking.start > now:
        line = _(
            "Your place is kept until %(until)s, and somebody decides by then. You will hear from "
            "us by mail."
        ) % {"until": until_text(booking)}
    else:
        line = _("Nobody has decided until %(until)s. Book another date, or ask us.") % {
            "until": until_text(booking)
        }
    return StandingText(
        _("Waiting for approval"), _("Your booking is waiting for approval"), [line]
    )


def _waiting(booking: Booking, now: datetime) -> StandingText:
    if booking.start <= now:
        lines = [_("This has begun already, and no place became free in time.")]
    else:
        lines = [
            _("You have no place yet, so there is no invitation."),
            *_in_the_queue(booking),
        ]
    return StandingText(_("On the waiting list"), _("You are on the waiting list"), lines)


def _in_the_queue(booking: Booking) -> list[str]:
    if booking.suspended:
        return [
            _(
                "We have put your booking back on the list, and decide ourselves when you get a "
                "place."
            )
        ]
    position, number = position_of(booking)
    if number == 1:
        place = _("You are the only one on the list.")
    else:
        place = _("You are number %(position)d of %(number)d on the list.") % {
            "position": position,
            "number": number,
        }
    return [place, _how_places_are_given(booking)]


def _how_places_are_given(booking: Booking) -> str:
    agenda = booking.agenda
    if agenda.waiting_list_promotion == WaitingListPromotion.AUTOMATIC:
        return _(
            "Whoever is first gets a place that becomes free at once. You will hear from us by "
            "mail."
        )
    if agenda.waiting_list_promotion == WaitingListPromotion.OFFER:
        return ngettext(
            "When it is your turn, you will get a mail and have %(hours)d hour to accept the "
            "place.",
            "When it is your turn, you will get a mail and have %(hours)d hours to accept the "
            "place.",
            agenda.offer_hours,
        ) % {"hours": agenda.offer_hours}
    return _("We decide who gets a place that becomes free. You will hear from us by mail.")


def _offered(booking: Booking, now: datetime) -> StandingText:
    until = {"until": until_text(booking)}
    if booking.start <= now or (booking.decide_by is not None and booking.decide_by <= now):
        text = _("The place was kept for you until %(until)s.") % until
        return StandingText(_("Offer has lapsed"), _("The offer of a place has lapsed"), [text])
    text = (
        _("We keep it for you until %(until)s. Accept it by then, or it goes to the next person.")
        % until
    )
    return StandingText(
        _("A place is free for you"), _("A place is free for you"), [text], offered=True
    )


def _cancelled(booking: Booking, now: datetime) -> StandingText:
    lines = [_why_ended(booking)]
    if booking.cancellation_reason:
        lines.append(_("Reason: %(reason)s") % {"reason": booking.cancellation_reason})
    return StandingText(
        _("Booking cancelled"),
        _("This booking has been cancelled"),
        lines,
    )


def _why_ended(booking: Booking) -> str:
    """What ended a booking, from its history."""
    entry = booking.entries.filter(what__in=ENDINGS).last()
    what = entry.what if entry is not None else ""
    admission = entry.data.get("admission") if entry is not None else ""
    if what == Trigger.EVENT_CANCELLED or (booking.event and booking.event.is_cancelled):
        return _("The event is cancelled: it does not take place. Delete it from your calendar.")
    if what == Trigger.DECLINED:
        if _has_passed_on(booking, entry):
            return _("You declined the place that was offered. It has gone to the next person.")
        return _("You declined the place that was offered.")
    if what == Trigger.LAPSED and admission == Admission.OFFERED:
        if _has_passed_on(booking, entry):
            return _(
                "The place that was offered to you was not accepted in time. It has gone to the "
                "next person."
            )
        return _("The place that was offered to you was not accepted in time.")
    if what == Trigger.LAPSED:
        return _("Nobody approved this booking in time. Book another date, or ask us.")
    if what == Trigger.REFUSED:
        return _("This booking was not approved, and does not take place.")
    if admission == Admission.WAITING:
        return _("You are no longer on the waiting list.")
    return _("This booking is cancelled. Delete it from your calendar if it is still there.")


def _has_passed_on(booking: Booking, ended: Entry) -> bool:
    """Whether somebody who waited was given or offered a place when this booking ended.

    That happens in the same transaction, so it stands after it in the history, at the same moment.
    """
    return Entry.objects.filter(
        booking__event=booking.event,
        pk__gt=ended.pk,
        at=ended.at,
        actor=Actor.SYSTEM,
        what__in=PASSED_ON,
    ).exists()


def position_of(booking: Booking) -> tuple[int, int]:
    """Which number a booking has on the waiting list of its event, and how many there are.

    Counted without a lock: it is told, nothing is decided by it.
    """
    since = booking.waiting_since or booking.created_at
    before = Q(waiting_since__lt=since) | Q(waiting_since=since, pk__lt=booking.pk)
    counted = Booking.objects.filter(
        event=booking.event, admission__in=[Admission.WAITING, Admission.OFFERED]
    ).aggregate(number=Count("pk"), ahead=Count("pk", filter=before))
    return counted["ahead"] + 1, counted["number"]


def until_text(booking: Booking) -> str:
    """The moment until which an offer or a request holds, in the agenda's zone; "" for none."""
    if booking.decide_by is None:
        return ""
    return wording.moment_text(booking.decide_by.astimezone(booking.agenda.zone))
