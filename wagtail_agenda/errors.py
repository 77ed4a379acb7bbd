"""What can go wrong with a booking: a stable code for machines, a sentence for people.

The sentence says what happened and what to do next, in the language that is active when it is
shown. `code` is part of the public interface and never translated.
"""

from datetime import datetime

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from wagtail_agenda.wording import moment_text


class BookingError(Exception):
    """Nothing was changed. `code` is stable English, `message` a translated sentence."""

    code = "not possible"
    message = _("This is not possible.")

    def __str__(self):
        return str(self.message)


class NotOffered(BookingError):
    code = "not offered"
    message = _("This time is not offered. Please choose another one.")


class AgendaClosed(BookingError):
    code = "agenda is closed"
    message = _("Bookings are closed at the moment.")


class SoldOut(BookingError):
    """No room: every place of an event, or every desk at that time, is taken or held.

    Of several events at once, `event` is the label of the one that has no room.
    """

    code = "sold out"
    message = _("The last place has just been taken. Please choose another date.")

    def __init__(self, *, appointment: bool = False, event: str = ""):
        super().__init__()
        self.event = event
        if appointment:
            self.code = "no more desk available"
            self.message = _("This time has just been taken. Please choose another one.")
        elif event:
            self.message = _(
                "There are not enough places left at “%(event)s”. Nothing was booked. "
                "Choose again without it."
            ) % {"event": event}


class CapReached(BookingError):
    """This person has as many bookings as the agenda allows: `most`, per `span`.

    `span` is ``day``, ``week`` or ``person`` (all that are still to come).
    """

    code = "too many bookings"

    def __init__(self, most: int, span: str):
        super().__init__()
        self.most, self.span = most, span

    @property
    def message(self) -> str:
        sentences = {
            "day": ngettext(
                "One person can have %(most)d booking on one day here. "
                "Choose another day, or cancel the booking that you have.",
                "One person can have %(most)d bookings on one day here. "
                "Choose another day, or cancel one of those that you have.",
                self.most,
            ),
            "week": ngettext(
                "One person can have %(most)d booking in one week here. "
                "Choose another week, or cancel the booking that you have.",
                "One person can have %(most)d bookings in one week here. "
                "Choose another week, or cancel one of those that you have.",
                self.most,
            ),
            "person": ngettext(
                "One person can have %(most)d coming booking here. "
                "Move or cancel the booking that you have.",
                "One person can have %(most)d coming bookings here. "
                "Move or cancel one of those that you have.",
                self.most,
            ),
        }
        return sentences[self.span] % {"most": self.most}


class AlreadyBooked(BookingError):
    """Somebody who is to have one booking at most has one at that time already."""

    code = "user is already booked"
    message = _("This person has a booking here at that time already.")


class DelayNotRespected(BookingError):
    code = "delay not respected"
    message = _("This is too soon, or too far ahead, to be booked. Please choose another time.")


class TooManyPlaces(BookingError):
    """More places than the agenda gives on one booking; `most` says how many it gives."""

    code = "too many places"

    def __init__(self, most: int):
        super().__init__()
        self.most = most

    @property
    def message(self) -> str:
        return ngettext(
            "One booking can have %(most)d place at most.",
            "One booking can have %(most)d places at most.",
            self.most,
        ) % {"most": self.most}


class WaitingListFull(BookingError):
    code = "waiting list is full"
    message = _("The waiting list has no place left for this.")


class NotWaiting(BookingError):
    code = "booking is not in waiting list"
    message = _("This booking is not on the waiting list.")


class AlreadyWaiting(BookingError):
    code = "booking is already in waiting list"
    message = _("This booking is on the waiting list already.")


class NoOffer(BookingError):
    code = "no place is offered"
    message = _("No place is being offered to this booking.")


class OfferLapsed(BookingError):
    code = "offer has lapsed"
    message = _("Time ran out for this offer, and the place has gone to somebody else.")


class NotPending(BookingError):
    code = "booking is not pending"
    message = _("This booking is not waiting for approval.")


class MoveNotAllowed(BookingError):
    code = "move not allowed"
    message = _("Bookings here cannot be moved online. Cancel this one and book again, or call us.")


class TooLateToMove(BookingError):
    """A visitor's deadline for moving has passed; it was at the local time `deadline`."""

    code = "too late to move"

    def __init__(self, deadline: datetime):
        super().__init__()
        self.deadline = deadline

    @property
    def message(self) -> str:
        return _("This could be moved until %(deadline)s. It can still be cancelled.") % {
            "deadline": moment_text(self.deadline)
        }


class CheckedIn(BookingError):
    code = "booking is checked in"
    message = _("Somebody has been checked in on this booking, so it stays where it is.")


class HoldUsed(BookingError):
    """The hold has become a booking already; `booking` is that booking."""

    code = "already booked"
    message = _("This booking has been made already.")

    def __init__(self, booking):
        super().__init__()
        self.booking = booking


class TooManyHolds(BookingError):
    code = "too many holds"
    message = _(
        "You are holding several times already. "
        "Finish one of these bookings, or wait until they lapse."
    )


class EventIsOver(BookingError):
    code = "event is over"
    message = _("This has begun already and can no longer be booked or cancelled here.")


class EventCancelled(BookingError):
    code = "event is cancelled"
    message = _("This event is cancelled.")


class AlreadyCancelled(BookingError):
    code = "already cancelled"
    message = _("This booking has been cancelled already.")


class BookingCancelled(BookingError):
    code = "booking is cancelled"
    message = _("This booking is cancelled; nothing about it can change any more.")


class BookingAnonymised(BookingError):
    code = "booking is anonymised"
    message = _("Who this booking was for has been forgotten, so there is nothing left to correct.")


class NotConfirmed(BookingError):
    code = "booking is not confirmed"
    message = _(
        "This booking is not confirmed, so nobody is checked in on it. "
        "Approve it or give it a place first."
    )


class MarkedAsChecked(BookingError):
    """The attendance of the event or day is locked; `who` locked it, at the local time `when`."""

    code = "already marked as checked"

    def __init__(self, who: str, when: datetime):
        super().__init__()
        self.who, self.when = who, when

    @property
    def message(self) -> str:
        values = {"who": self.who, "when": moment_text(self.when)}
        if not self.who:
            return (
                _(
                    "This was marked as checked on %(when)s, so nobody’s attendance can change. "
                    "Unmark it first, on its check-in page."
                )
                % values
            )
        return (
            _(
                "%(who)s has marked this as checked on %(when)s, so nobody’s attendance can "
                "change. Unmark it first, on its check-in page."
            )
            % values
        )


class NotBegun(BookingError):
    code = "not begun"
    message = _("This has not begun yet. Mark it as checked once it is under way or over.")


class ChangedMeanwhile(BookingError):
    """Somebody else has noted something since the page was opened: `attendance`, by `who`."""

    code = "changed meanwhile"

    def __init__(self, attendance: str, who: str = ""):
        super().__init__()
        self.attendance, self.who = attendance, who

    @property
    def message(self) -> str:
        values = {"attendance": self.attendance, "who": self.who}
        if not self.who:
            return _("Meanwhile it says “%(attendance)s” here. That was not overwritten.") % values
        return _("%(who)s has noted “%(attendance)s” meanwhile. That was not overwritten.") % values


class ReasonNotOffered(BookingError):
    code = "reason not offered"
    message = _("This reason cannot be given here. Choose one of the list.")


class NotOnThisList(BookingError):
    code = "not on this list"
    message = _("This booking is no longer on this list. Look at the booking itself.")


class NothingToUndo(BookingError):
    code = "nothing to undo"
    message = _("There is nothing to undo here any more.")


class PlacesInUse(BookingError):
    """Fewer places than are taken; `taken` says how many are, on the waiting list if it says so."""

    code = "places in use"

    def __init__(self, taken: int, *, waiting_list: bool = False):
        super().__init__()
        self.taken, self.waiting_list = taken, waiting_list

    @property
    def message(self) -> str:
        if self.waiting_list:
            return ngettext(
                "%(taken)d place of the waiting list is taken; there cannot be fewer.",
                "%(taken)d places of the waiting list are taken; there cannot be fewer.",
                self.taken,
            ) % {"taken": self.taken}
        return ngettext(
            "%(taken)d place is booked or held; there cannot be fewer.",
            "%(taken)d places are booked or held; there cannot be fewer.",
            self.taken,
        ) % {"taken": self.taken}


class EventIsBooked(BookingError):
    code = "event is booked"
    message = _(
        "Somebody has booked this event, or is booking it just now, so its time was not changed. "
        "Save again, and say whether they move with it."
    )


class EventInUse(EventIsBooked):
    """An event that is to go, and that somebody has booked or holds."""

    code = "event is booked"
    message = _(
        "Somebody has booked this event, or is booking it just now, so it stays as it is. Cancel "
        "it instead, so that they are told."
    )


class OccurrencesBooked(BookingError):
    """Events that a changed series would move, remove or shrink are booked, and nobody has said yet
    what shall become of them. `plan` lists them, see `series.Plan`.
    """

    code = "occurrences are booked"
    message = _(
        "Nothing is saved yet: some of these dates are booked. Say below what shall become of them."
    )

    def __init__(self, plan):
        super().__init__()
        self.plan = plan


class SeriesChanged(BookingError):
    code = "series has changed"
    message = _(
        "Meanwhile this date belongs to another series, or to none. Nothing was changed; open the "
        "date again."
    )


class SeriesInUse(BookingError):
    code = "series is booked"
    message = _(
        "Dates of this series have been booked, so it stays as their record. "
        "Give it a last day instead."
    )


class NotAllowedInThisStatus(BookingError):
    """No rule of the booking workflow leads on from where the booking is."""

    code = "not allowed in this status"
    message = _(
        "The booking workflow has no rule for this while the booking is as it is now. "
        "Look at the booking again."
    )


class RoomTaken(BookingError):
    """A desk or resource that a meeting needs is taken: which one, and until when in local time."""

    code = "room is taken"

    def __init__(self, room: str, until: datetime):
        super().__init__()
        self.room, self.until = room, until

    @property
    def message(self) -> str:
        return _(
            "“%(room)s” is taken at that time, until %(until)s. Choose another time or another "
            "room. Nobody has been told anything."
        ) % {"room": self.room, "until": moment_text(self.until)}


class NotReadyToCall(BookingError):
    """A meeting lacks what everybody has to be told; `missing` are the names of its fields."""

    code = "meeting is incomplete"

    def __init__(self, missing: list[str]):
        super().__init__()
        self.missing = missing

    @property
    def message(self) -> str:
        return _("This meeting cannot be published yet. It still needs: %(missing)s.") % {
            "missing": ", ".join(self.missing)
        }


class MeetingCancelled(BookingError):
    code = "meeting is cancelled"
    message = _("This meeting is cancelled. Copy it to call another one.")


class MeetingIsOver(BookingError):
    code = "meeting is over"
    message = _("This meeting is over.")


class MeetingLocked(BookingError):
    """A colleague has locked a meeting against changes, or what changes it is scheduled."""

    code = "meeting is locked"

    def __init__(self, *, scheduled: bool):
        super().__init__()
        self.scheduled = scheduled

    @property
    def message(self) -> str:
        if self.scheduled:
            return _(
                "A change of this meeting is scheduled, so nobody can change it until then. "
                "Cancel the schedule first, where the meeting is edited."
            )
        return _(
            "This meeting is locked against changes. Unlock it first, where the meeting is edited, "
            "or ask whoever has locked it."
        )


class NotAsAnnounced(BookingError):
    """What is published of a meeting is not what everybody has been told of it."""

    code = "not as announced"
    message = _(
        "What is published of this meeting is not what everybody has been told. Edit the meeting, "
        "look it through and publish it: then everybody is told what is new for them."
    )


class NotInvited(BookingError):
    code = "not invited"
    message = _("They are not invited to this meeting any more.")


class LastParticipant(BookingError):
    code = "last participant"
    message = _("Nobody else is invited to this meeting. Cancel it instead.")


class NoLongerInvited(BookingError):
    code = "no longer invited"
    message = _("You are no longer invited.")


class Overloaded(BookingError):
    """The lock could not be had in time. `retry_after` is in seconds."""

    code = "try again"
    message = _("Many people are booking just now. Please try again in a few seconds.")
    retry_after = 5


# Of actions


class ActionFailed(Exception):
    """An action of a booking workflow that did not come about, in words.

    `code` is stable English that a rule « an action failed » can name, `text` a sentence for
    colleagues, in the language that is active.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code)
        self.code, self.text = code, text

    def __str__(self):
        return str(self.text)
