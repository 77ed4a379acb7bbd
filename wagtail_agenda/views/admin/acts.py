"""What agents decide about a booking, and which of it fits the booking as it is.

Each act is one call of `booking`, which decides under its lock. Nothing here depends on what a page
showed: an act that came twice, or too late, says so and changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wagtail_agenda import booking as bookings
from wagtail_agenda import workflow
from wagtail_agenda.choices import Actor, Admission, Cause
from wagtail_agenda.errors import (
    AlreadyCancelled,
    BookingError,
    NotAllowedInThisStatus,
    Overloaded,
    SoldOut,
)
from wagtail_agenda.models import Booking
from wagtail_agenda.subjects import Subject
from wagtail_agenda.views.admin.base import log_act, url_to
from wagtail_agenda.wording import moment_text


@dataclass(frozen=True)
class Act:
    """Something an agent does to a booking.

    `name` is that of the function of `booking`, of its address, and in the site's log. A booking
    whose admission is among `leads_to` has been through it already. What `asks_first` has a page of
    its own, because it asks for something or cannot be undone.
    """

    name: str
    label: Any
    icon: str
    done: Any
    leads_to: frozenset[str] = frozenset()
    asks_first: bool = False
    takes_away: bool = False


APPROVE = Act(
    "approve",
    gettext_lazy("Approve"),
    "check",
    gettext_lazy("The booking of %(name)s is approved."),
    frozenset({Admission.CONFIRMED}),
)
REFUSE = Act(
    "refuse",
    gettext_lazy("Refuse"),
    "circle-xmark",
    gettext_lazy("The booking of %(name)s is refused."),
    frozenset({Admission.CANCELLED}),
    asks_first=True,
    takes_away=True,
)
PROMOTE = Act(
    "promote",
    gettext_lazy("Accept from the waiting list"),
    "check",
    gettext_lazy("%(name)s has a place."),
    frozenset({Admission.CONFIRMED}),
)
OFFER = Act(
    "offer",
    gettext_lazy("Offer a place"),
    "mail",
    gettext_lazy("%(name)s is offered a place."),
    frozenset({Admission.OFFERED}),
)
SUSPEND = Act(
    "suspend",
    gettext_lazy("Put back on the waiting list"),
    "list-ol",
    gettext_lazy("%(name)s is on the waiting list again."),
    frozenset({Admission.WAITING}),
    asks_first=True,
    takes_away=True,
)
MOVE = Act(
    "move",
    gettext_lazy("Move to another time"),
    "calendar-alt",
    gettext_lazy("The booking of %(name)s is moved."),
    asks_first=True,
)
RESIZE = Act(
    "resize",
    gettext_lazy("Change the number of places"),
    "group",
    gettext_lazy("The booking of %(name)s has another number of places."),
    asks_first=True,
)
CORRECT = Act(
    "correct",
    gettext_lazy("Correct name or address"),
    "edit",
    gettext_lazy("The booking of %(name)s is corrected."),
    asks_first=True,
)
CANCEL = Act(
    "cancel",
    gettext_lazy("Cancel this booking"),
    "circle-xmark",
    gettext_lazy("The booking of %(name)s is cancelled."),
    frozenset({Admission.CANCELLED}),
    asks_first=True,
    takes_away=True,
)

ACTS = (APPROVE, REFUSE, PROMOTE, OFFER, SUSPEND, MOVE, RESIZE, CORRECT, CANCEL)


@dataclass(frozen=True)
class Outcome:
    """What came of an act: a sentence, and whether it is bad news."""

    text: str
    failed: bool = False


def acts_for(booking: Booking, now: datetime) -> list[Act]:
    """What can be done with a booking as it is, in the order of its buttons.

    Reads the event's bookable along.
    """
    if booking.is_cancelled:
        return []
    is_coming = booking.start > now
    waits = booking.admission == Admission.WAITING
    is_offered = booking.admission == Admission.OFFERED
    has_waiting_list = booking.event is not None and booking.event.waiting_places > 0
    fits = {
        APPROVE: booking.admission == Admission.PENDING,
        REFUSE: booking.admission == Admission.PENDING,
        PROMOTE: is_coming and (waits or is_offered),
        OFFER: is_coming and waits,
        SUSPEND: is_coming and not waits and has_waiting_list and not booking.attendance,
        MOVE: not is_offered and not booking.attendance,
        RESIZE: not is_offered and not booking.attendance and booking.event is not None,
        CORRECT: booking.anonymised_at is None,
        CANCEL: True,
    }
    return [act for act in ACTS if fits[act]]


def address_of(act: Act, booking: Booking) -> str:
    return url_to(f"booking_{act.name}", booking.pk)


def carry_out(act: Act, booking: Booking, *, now: datetime, user, **typed: Any) -> Outcome:
    """Do it and note it in the site's log.

    What has been done already, by a second click or a colleague, is no failure. Raises
    `Overloaded`.
    """
    name = booking.display_name
    try:
        actor = {"actor": Actor.AGENT} if act in (CANCEL, MOVE, RESIZE, CORRECT) else {}
        do = getattr(bookings, act.name)
        do(booking, **typed, now=now, user=user, **actor)
    except Overloaded:
        raise
    except AlreadyCancelled as error:
        return Outcome(str(error), failed=act is not CANCEL and act is not REFUSE)
    except BookingError as error:
        admission = Booking.objects.values_list("admission", flat=True).get(pk=booking.pk)
        if admission in act.leads_to:
            return Outcome(
                _("This has been done already: %(name)s is “%(admission)s”.")
                % {"name": name, "admission": Admission(admission).label}
            )
        return Outcome(in_words(error, booking), failed=True)
    if booking.admission in act.leads_to:
        # `approve` answers a second click with the same booking.
        return Outcome(_("This has been done already."))
    log_act(booking, act.name, user, **_to_keep(act, typed))
    return Outcome(str(act.done) % {"name": name})


def press(booking: Subject, identifier: str, *, now: datetime, user) -> Outcome:
    """Press a button of the booking workflow, and note it in the site's log.

    A second click finds another status, from which the button may lead nowhere. Raises
    `Overloaded`.
    """
    labels = {
        rule.identifier: rule.label
        for rule in workflow.buttons_of(booking, now=now, user=user)
        if rule.identifier == identifier
    }
    try:
        entry = workflow.note_cause(
            booking,
            Cause.BY_HAND,
            # As it was called then, for the history: rules come and go.
            data={"identifier": identifier, "button": labels.get(identifier, "")},
            actor=Actor.AGENT,
            user=user,
            now=now,
        )
    except LookupError:
        return Outcome(_("The booking workflow has no such button any more."), failed=True)
    except NotAllowedInThisStatus as error:
        return Outcome(str(error), failed=True)
    log_act(booking, "press", user, identifier=identifier)
    said = (
        _("The booking of %(name)s is “%(status)s” now.")
        if isinstance(booking, Booking)
        else _("“%(name)s” is “%(status)s” now.")
    )
    return Outcome(said % {"name": booking.display_name, "status": entry.data["status_label"]})


def _to_keep(act: Act, typed: dict[str, Any]) -> dict[str, Any]:
    """What was asked for, as the log keeps it: of a slot its name, and nothing of a person."""
    if act is CORRECT:
        return {"corrected": sorted(typed)}
    return {name: getattr(value, "key", value) for name, value in typed.items()}


def in_words(error: BookingError, booking: Booking) -> str:
    """What went wrong, said to an agent: what visitors are told to do is no help at a desk."""
    if not isinstance(error, SoldOut):
        return str(error)
    if booking.event is not None:
        return _(
            "There is no room for it. Give the event more places, or cancel another booking first."
        )
    return _("That time has been taken meanwhile. Choose another one.")


def standing_of(booking: Booking) -> str:
    """What an undecided booking is waiting for, in a sentence; empty for any other."""
    until = ""
    if booking.decide_by is not None:
        until = moment_text(booking.decide_by.astimezone(booking.agenda.zone))
    if booking.admission == Admission.PENDING:
        if not until:
            return _("Waits for somebody to approve it, and keeps its place until then.")
        return _(
            "Waits for somebody to approve it, and keeps its place until %(until)s. What nobody "
            "has decided by then lapses."
        ) % {"until": until}
    if booking.admission == Admission.OFFERED:
        return _("Is being offered a place, and can accept it until %(until)s.") % {"until": until}
    if booking.admission == Admission.WAITING and booking.suspended:
        return _("Was put back on the waiting list, and stays there until an agent accepts it.")
    return ""
