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
    """No room: every place of an event, or every desk at that time, is taken or held."""

    code = "sold out"
    message = _("The last place has just been taken. Please choose another date.")

    def __init__(self, *, appointment: bool = False):
        super().__init__()
        if appointment:
            self.code = "no more desk available"
            self.message = _("This time has just been taken. Please choose another one.")


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


class AlreadyCancelled(BookingError):
    code = "already cancelled"
    message = _("This booking has been cancelled already.")


class BookingCancelled(BookingError):
    code = "booking is cancelled"
    message = _("This booking is cancelled; nobody can be checked in on it.")


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
    """Fewer places than are booked or held; `taken` says how many are."""

    code = "places in use"

    def __init__(self, taken: int):
        super().__init__()
        self.taken = taken

    @property
    def message(self) -> str:
        return ngettext(
            "%(taken)d place is booked or held; there cannot be fewer.",
            "%(taken)d places are booked or held; there cannot be fewer.",
            self.taken,
        ) % {"taken": self.taken}


class EventIsBooked(BookingError):
    code = "event is booked"
    message = _(
        "Somebody has booked this event, so its time cannot be changed. "
        "Cancel the bookings first, or make another event."
    )


class Overloaded(BookingError):
    """The lock could not be had in time. `retry_after` is in seconds."""

    code = "try again"
    message = _("Many people are booking just now. Please try again in a few seconds.")
    retry_after = 5
