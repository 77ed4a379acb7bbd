"""The text of every mail where an editor has written none, in the language that is active."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from wagtail_agenda.choices import Admission, Audience, Trigger


@dataclass(frozen=True)
class Text:
    """Subject and bodies of a mail, with ``{name}`` placeholders.

    A line of `text` whose placeholders are all empty is left out of the mail. An empty `html` is
    made from the text.
    """

    subject: str
    text: str
    html: str = ""


# Paragraphs that several mails share

_HELLO = _("Hello {user_name},")
_BOOKING = _(
    "{user_display_label}\n"
    "{when} ({time_zone})\n"
    "{location}\n"
    "{several_places}\n"
    "Booking number: {number}"
)
_MOVE = _("From: {moved_from}\nTo: {when}")
_WAS = _("It has been moved from: {moved_from}")
_REASON = _("Reason: {cancellation_reason}")
_NO_SECRET = _("Please do not pass this link on: whoever has it can cancel your booking.")
_SEE_OR_CANCEL = (_("See or cancel your booking:\n{manage_url}"), _NO_SECRET)
_REPLY = _("Accept or decline, by a link that is yours alone: {reply_url}")
_CONFIRMED_END = ("{comment}", *_SEE_OR_CANCEL)

_ABOUT_IT = _(
    "{booking}\n"
    "{when} ({time_zone})\n"
    "{desk}\n"
    "{resources}\n"
    "{several_places}\n"
    "Booking number: {number}"
)
_WHO = _("E-mail: {user_email}\nTelephone: {user_phone_number}")
_WHO_AND_WHERE = (_WHO, "{answers}", "{backoffice_url}")


def _to_visitor(subject: str, what: str | tuple, *end: str) -> tuple:
    what = what if isinstance(what, tuple) else (what,)
    return subject, (_HELLO, *what, _BOOKING, *end, "{contact}")


def _to_staff(subject: str, what: str | tuple, *end: str) -> tuple:
    what = what if isinstance(what, tuple) else (what,)
    return subject, (*what, _ABOUT_IT, *end)


FOR_FORMER_ADDRESS = Text(
    _("No longer connected with this address: {agenda}"),
    _(
        "Hello,\n\n"
        "a booking was connected with this e-mail address, and is no longer: the address has been "
        "corrected. You get no more mails about it, and the link in those that you have had leads "
        "nowhere now.\n\n"
        "If it stands in your calendar, this mail takes it out again. You need not do anything.\n\n"
        "{contact}"
    ),
)
"""What an address is told that was not the visitor's. A stranger may read it: it names nobody."""

FOR_FORMER_STAFF = Text(
    _("No longer for you: {agenda}"),
    _(
        "Hello,\n\n"
        "you are no longer among those who are told of bookings of “{agenda}”. This mail takes one "
        "of them out of your calendar. You need not do anything."
    ),
)
"""What a colleague is told who is not among the staff of an agenda any more."""


_OFFER_LAPSED = "offer lapsed"
_REQUEST_LAPSED = "request lapsed"

_FOR_VISITORS = {
    Admission.CONFIRMED: _to_visitor(
        _("Confirmed: {user_display_label}, {date}, {time}"),
        _("Your booking is confirmed."),
        *_CONFIRMED_END,
    ),
    Trigger.APPROVED: _to_visitor(
        _("Approved: {user_display_label}, {date}, {time}"),
        _("Your booking has been approved. It is confirmed now."),
        *_CONFIRMED_END,
    ),
    Trigger.PROMOTED: _to_visitor(
        _("You have a place: {user_display_label}, {date}, {time}"),
        _("You have a place and need not wait any longer: your booking is confirmed."),
        *_CONFIRMED_END,
    ),
    Trigger.MOVED: _to_visitor(
        _("Moved: {user_display_label}, {date}, {time}"),
        (_("Your booking has been moved."), _MOVE),
        *_CONFIRMED_END,
    ),
    Trigger.CHANGED: _to_visitor(
        _("Changed: {user_display_label}, {date}, {time}"),
        (_("Your booking has been changed."), _("Places: {places}")),
        *_CONFIRMED_END,
    ),
    Admission.PENDING: _to_visitor(
        _("Waiting for approval: {user_display_label}, {date}, {time}"),
        (
            _(
                "We have received your booking. It is not confirmed yet: somebody has to approve "
                "it first.\n"
                "You will hear from us by {decide_by} at the latest."
            ),
            _WAS,
        ),
        *_SEE_OR_CANCEL,
    ),
    Admission.WAITING: _to_visitor(
        _("On the waiting list: {user_display_label}, {date}, {time}"),
        (
            _(
                "There is no free place at the moment. You are on the waiting list, and we will "
                "write to you as soon as there is a place for you."
            ),
            _WAS,
        ),
        _("See your booking or leave the waiting list:\n{manage_url}"),
        _NO_SECRET,
    ),
    Trigger.SUSPENDED: _to_visitor(
        _("Back on the waiting list: {user_display_label}, {date}, {time}"),
        _(
            "Your booking has been put back on the waiting list: you do not have a place any more. "
            "We will write to you if you get one again."
        ),
        _("See your booking or leave the waiting list:\n{manage_url}"),
        _NO_SECRET,
    ),
    Admission.OFFERED: _to_visitor(
        _("A place is free for you: {user_display_label}, {date}, {time}"),
        (
            _("There is a place for you, and we are keeping it for you."),
            _("Please accept it by {offer_until}. After that it goes to the next person."),
            _WAS,
        ),
        _("Accept or decline the place:\n{manage_url}"),
        _NO_SECRET,
    ),
    Admission.CANCELLED: _to_visitor(
        _("Cancelled: {user_display_label}, {date}, {time}"),
        _("Your booking is cancelled."),
        _REASON,
    ),
    Trigger.DECLINED: _to_visitor(
        _("Declined: {user_display_label}, {date}, {time}"),
        _(
            "The place that was offered to you has been declined. It goes to the next person, and "
            "you are no longer on the waiting list."
        ),
    ),
    Trigger.REFUSED: _to_visitor(
        _("Not approved: {user_display_label}, {date}, {time}"),
        _("Your booking has not been approved, and does not take place."),
        _REASON,
    ),
    _OFFER_LAPSED: _to_visitor(
        _("The offer has ended: {user_display_label}, {date}, {time}"),
        _(
            "The place that was offered to you has not been accepted in time. It has gone to the "
            "next person, and you are no longer on the waiting list.\n"
            "The offer ended on {offer_until}."
        ),
    ),
    _REQUEST_LAPSED: _to_visitor(
        _("Not approved in time: {user_display_label}, {date}, {time}"),
        _(
            "We are sorry: nobody has approved your booking in time, so it does not take place.\n"
            "It was to be decided by {decide_by}."
        ),
    ),
    Trigger.EVENT_CANCELLED: _to_visitor(
        _("The event is cancelled: {user_display_label}, {date}, {time}"),
        _("The event has been cancelled, and your booking with it."),
        _REASON,
    ),
}

_FOR_STAFF = {
    Admission.CONFIRMED: _to_staff(
        _("New booking: {booking}, {date}, {time}"),
        _("There is a new booking."),
        *_WHO_AND_WHERE,
    ),
    Trigger.APPROVED: _to_staff(
        _("Approved: {booking}, {date}, {time}"),
        _("This booking has been approved."),
        *_WHO_AND_WHERE,
    ),
    Trigger.PROMOTED: _to_staff(
        _("From the waiting list: {booking}, {date}, {time}"),
        _("Somebody on the waiting list has a place now."),
        *_WHO_AND_WHERE,
    ),
    Trigger.MOVED: _to_staff(
        _("Moved: {booking}, {date}, {time}"),
        (_("This booking has been moved."), _MOVE),
        *_WHO_AND_WHERE,
    ),
    Trigger.CHANGED: _to_staff(
        _("Changed: {booking}, {date}, {time}"),
        (_("This booking has been changed."), _("Places: {places}")),
        *_WHO_AND_WHERE,
    ),
    Admission.PENDING: _to_staff(
        _("To be approved: {booking}, {date}, {time}"),
        (
            _(
                "This booking needs your approval.\n"
                "If nobody approves it by {decide_by}, it lapses."
            ),
            _("Approve or refuse it: {admin_url}"),
            _WAS,
        ),
        *_WHO_AND_WHERE,
    ),
    Admission.WAITING: _to_staff(
        _("On the waiting list: {booking}, {date}, {time}"),
        (_("Somebody is on the waiting list."), _WAS),
        *_WHO_AND_WHERE,
    ),
    Trigger.SUSPENDED: _to_staff(
        _("Back on the waiting list: {booking}, {date}, {time}"),
        _("This booking has been put back on the waiting list."),
        *_WHO_AND_WHERE,
    ),
    Admission.OFFERED: _to_staff(
        _("Place offered: {booking}, {date}, {time}"),
        (
            _("Somebody on the waiting list is offered a place.\nThe offer ends on {offer_until}."),
            _WAS,
        ),
        *_WHO_AND_WHERE,
    ),
    Admission.CANCELLED: _to_staff(
        _("Cancelled: {booking}, {date}, {time}"),
        _("This booking is cancelled."),
        _REASON,
    ),
    Trigger.DECLINED: _to_staff(
        _("Declined: {booking}, {date}, {time}"),
        _("The place that was offered has been declined."),
    ),
    Trigger.REFUSED: _to_staff(
        _("Not approved: {booking}, {date}, {time}"),
        _("This booking has not been approved."),
        _REASON,
    ),
    _OFFER_LAPSED: _to_staff(
        _("Offer ended: {booking}, {date}, {time}"),
        _("The place that was offered has not been accepted in time."),
    ),
    _REQUEST_LAPSED: _to_staff(
        _("Not approved in time: {booking}, {date}, {time}"),
        _("Nobody has approved this booking in time, so it has lapsed."),
    ),
    Trigger.EVENT_CANCELLED: _to_staff(
        _("Event cancelled: {booking}, {date}, {time}"),
        _("The event has been cancelled, and this booking with it."),
        _REASON,
    ),
}

_LEADS_TO = {
    Trigger.APPROVED: Admission.CONFIRMED,
    Trigger.PROMOTED: Admission.CONFIRMED,
    Trigger.MOVED: Admission.CONFIRMED,
    Trigger.CHANGED: Admission.CONFIRMED,
    Trigger.SUSPENDED: Admission.WAITING,
    Trigger.DECLINED: Admission.CANCELLED,
    Trigger.REFUSED: Admission.CANCELLED,
    Trigger.EVENT_CANCELLED: Admission.CANCELLED,
}


def built_in_text(
    audience: str, admission: str, trigger: str = "", before: str = "", *, passed_on: bool = False
) -> Text:
    """The text that is sent where an editor has written none, in the active language.

    It says what has happened to a booking that now has this `admission`; without a `trigger` of
    which there is more to say, only what the admission is. `before` is the admission it had.
    What is `passed_on` goes to somebody else than the visitor, without greeting and secret link.
    """
    case = admission
    if trigger == Trigger.LAPSED and admission == Admission.CANCELLED:
        case = _OFFER_LAPSED if before == Admission.OFFERED else _REQUEST_LAPSED
    elif _LEADS_TO.get(trigger) == admission:
        case = trigger
    texts = _FOR_STAFF if audience == Audience.STAFF else _FOR_VISITORS
    subject, paragraphs = texts[case]
    if passed_on:
        secret = (_HELLO, _NO_SECRET)
        paragraphs = [
            one for one in paragraphs if one not in secret and "{manage_url}" not in str(one)
        ]
        paragraphs.append(_REPLY)
    return Text(str(subject), "\n\n".join(map(str, paragraphs)))
