"""The closed vocabularies of the models: what a column may say, and the words shown for it."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class AgendaKind(models.TextChoices):
    MEETINGS = "meetings", _("Appointments")
    EVENTS = "events", _("Events")
    VIRTUAL = "virtual", _("Several appointment agendas as one")


class DelayUnit(models.TextChoices):
    HOURS = "hours", _("hours")
    DAYS = "days", _("days")
    WORKING_DAYS = "working_days", _("working days")


class AlarmUnit(models.TextChoices):
    MINUTES = "minutes", _("minutes")
    HOURS = "hours", _("hours")


class WaitingListPromotion(models.TextChoices):
    """Who decides that somebody on a waiting list gets a place that has become free."""

    BY_HAND = "manual", _("An agent, by hand")
    AUTOMATIC = "automatic", _("Nobody: the first for whom there is room gets it at once")
    OFFER = "offer", _("The first for whom there is room, by accepting it in time")


class Admission(models.TextChoices):
    """Whether a booking has its place. Decided in `booking` under a lock, nowhere else."""

    PENDING = "pending", _("Waiting for approval")
    CONFIRMED = "confirmed", _("Confirmed")
    WAITING = "waiting", _("On the waiting list")
    OFFERED = "offered", _("Offered a place")
    CANCELLED = "cancelled", pgettext_lazy("booking", "Cancelled")


class Attendance(models.TextChoices):
    UNKNOWN = "", pgettext_lazy("attendance", "Not checked in")
    PRESENT = "present", pgettext_lazy("attendance", "Present")
    LATE = "late", pgettext_lazy("attendance", "Late")
    ABSENT = "absent", pgettext_lazy("attendance", "Absent")


class Actor(models.TextChoices):
    """Who set something in motion."""

    VISITOR = "visitor", _("Visitor")
    AGENT = "agent", _("Agent")
    CLIENT = "client", _("Another system")
    SYSTEM = "system", _("System")


class About(models.TextChoices):
    """What a workflow carries from status to status."""

    BOOKINGS = "bookings", _("Bookings")
    MEETINGS = "meetings", _("Meetings")


class Trigger(models.TextChoices):
    """What happens to a booking or meeting and may move its workflow to another status."""

    BOOKED = "booked", _("A booking is made")
    PENDING = "pending", _("A booking is made that needs approval")
    APPROVED = "approved", _("A booking is approved (without a rule: as booked)")
    REFUSED = "refused", _("A booking is refused (without a rule: as cancelled by an agent)")
    WAITING = "waiting", _("Somebody joins the waiting list")
    OFFERED = "offered", _("Somebody on the waiting list is offered a place")
    PROMOTED = (
        "promoted",
        _("Somebody on the waiting list gets a place (without a rule: as booked)"),
    )
    DECLINED = "declined", _("An offer is declined (without a rule: as cancelled by the visitor)")
    SUSPENDED = (
        "suspended",
        _("A booking goes back to the waiting list (without a rule: as waiting)"),
    )
    LAPSED = "lapsed", _("Time ran out for an offer or an approval (without a rule: as refused)")
    MOVED = "moved", _("A booking is moved (without a rule: as booked)")
    CHANGED = "changed", _("Places or texts of a booking change (without a rule: as booked)")
    CANCELLED_BY_VISITOR = "cancelled_by_visitor", _("The visitor cancels")
    CANCELLED_BY_AGENT = "cancelled_by_agent", _("An agent cancels")
    CANCELLED_BY_API = (
        "cancelled_by_api",
        _("Another system cancels (without a rule: as cancelled by an agent)"),
    )
    EVENT_CANCELLED = (
        "event_cancelled",
        _("An event is cancelled (without a rule: as cancelled by an agent)"),
    )
    PRESENT = "present", _("The visitor is checked in as present")
    LATE = "late", _("The visitor is checked in as late (without a rule: as present)")
    ABSENT = "absent", _("The visitor is marked as absent")
    CHECKED = "checked", _("The attendance of its event or day is marked as checked")
    ANSWERED = "answered", _("Somebody who was invited by somebody else answers")
    MEETING_PUBLISHED = "meeting_published", _("A meeting is called")
    MEETING_CHANGED = (
        "meeting_changed",
        _("A meeting is moved or changed (without a rule: as called)"),
    )
    MEETING_CANCELLED = "meeting_cancelled", _("A meeting is cancelled")
    PARTICIPANT_ADDED = (
        "participant_added",
        _("Participants are added (without a rule: as changed)"),
    )
    PARTICIPANT_REMOVED = (
        "participant_removed",
        _("Participants are no longer invited (without a rule: as changed)"),
    )


MEETING_TRIGGERS = (
    Trigger.MEETING_PUBLISHED,
    Trigger.MEETING_CHANGED,
    Trigger.MEETING_CANCELLED,
    Trigger.PARTICIPANT_ADDED,
    Trigger.PARTICIPANT_REMOVED,
    Trigger.ANSWERED,
)

TRIGGERS_OF = {
    About.BOOKINGS: tuple(
        trigger
        for trigger in Trigger
        if trigger not in MEETING_TRIGGERS or trigger == Trigger.ANSWERED
    ),
    About.MEETINGS: MEETING_TRIGGERS,
}
"""What can happen to that which a workflow is about."""


class Cause(models.TextChoices):
    """What else moves a booking workflow on, each with something to say which: see its rules."""

    TIME = "time", _("A time has come")
    BY_HAND = "by_hand", _("An agent presses a button")
    CALLED = "called", _("Another system calls")
    ACTION_FAILED = "action_failed", _("An action failed")


class Colour(models.TextChoices):
    """Colours of a status. Shown with an icon and its label as well, never alone."""

    GREY = "grey", _("Grey")
    BLUE = "blue", _("Blue")
    GREEN = "green", _("Green")
    ORANGE = "orange", _("Orange")
    RED = "red", _("Red")
    VIOLET = "violet", _("Violet")


class Audience(models.TextChoices):
    """For whom an invitation is written: each audience has its own wording and calendar entry."""

    VISITOR = "visitor", _("Visitor")
    STAFF = "staff", _("Staff")


class MailTo(models.TextChoices):
    """Who gets a mail: an audience, or others who are addressed as one."""

    VISITOR = "visitor", _("Visitor")
    STAFF = "staff", _("Staff")
    ADDRESSES = "addresses", _("Fixed addresses")
    ANSWER = "answer", _("An e-mail address among the answers")
    EXTRA = "extra", _("Further addresses that another system gave")
    PARTICIPANTS = "participants", _("Participants of the meeting")
    ORGANISER = "organiser", _("Organiser of the meeting")


MAILS_OF = {
    About.BOOKINGS: (
        MailTo.VISITOR,
        MailTo.STAFF,
        MailTo.ADDRESSES,
        MailTo.ANSWER,
        MailTo.EXTRA,
    ),
    About.MEETINGS: (MailTo.PARTICIPANTS, MailTo.ORGANISER, MailTo.STAFF, MailTo.ADDRESSES),
}
"""Who can get a mail about what a workflow is about."""

PASSED_ON_TO = (MailTo.ANSWER, MailTo.EXTRA)
"""To whom a booking is passed on: not the visitor, but invited by them."""


class Answer(models.TextChoices):
    """What somebody who was invited by somebody else has answered."""

    NONE = "", pgettext_lazy("invitation", "No answer yet")
    ACCEPTED = "accepted", pgettext_lazy("invitation", "Accepted")
    TENTATIVE = "tentative", pgettext_lazy("invitation", "Perhaps")
    DECLINED = "declined", pgettext_lazy("invitation", "Declined")


FORMER_ADDRESS = "former_address"
"""To whom the mail goes that takes a booking back from an address that it concerns no more.

Not among `MailTo`: no editor writes it.
"""


class DeliveryKind(models.TextChoices):
    MAIL = "mail", _("Mail")
    CALL = "call", _("Call to a web service")


class MailSecurity(models.TextChoices):
    """How the connection to a mail server is secured."""

    STARTTLS = "starttls", _("STARTTLS, usually at port 587")
    TLS = "tls", _("TLS from the start, usually at port 465")
    NONE = "none", _("None: only within your own network")


class DeliveryState(models.TextChoices):
    DUE = "due", _("Due")
    SENDING = "sending", _("Being sent")
    DONE = "done", _("Delivered")
    SUPERSEDED = "superseded", _("Superseded by a later message")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", pgettext_lazy("delivery", "Cancelled by an agent")


class Role(models.TextChoices):
    """What the members of a group may do with one agenda."""

    AGENT = "agent", _("Agent: sees, books, checks in and cancels")
    EDITOR = "editor", _("Editor: also changes the agenda, its hours, desks and events")
