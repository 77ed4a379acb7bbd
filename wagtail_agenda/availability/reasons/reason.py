"""What a reason is, and those that an agenda itself gives."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from wagtail_agenda.availability.delays import is_open
from wagtail_agenda.models import (
    Agenda,
    Booking,
    CalledMeeting,
    Desk,
    Event,
    MeetingType,
    Resource,
)
from wagtail_agenda.timegrid import Interval, epoch_minutes, instant_of
from wagtail_agenda.wording import moment_text


@dataclass(frozen=True)
class Reason:
    """One rule that is in the way: a stable `code`, and a sentence for agents and editors.

    What the rule is about stands beside it where there is such a thing; `until` is when it stops
    being in the way, if that is known. Sentences name neither visitors nor what meetings are
    about: whoever may see the booking or the meeting looks there.
    """

    code: str
    text: str
    agenda: Agenda | None = None
    meeting_type: MeetingType | None = None
    desk: Desk | None = None
    resource: Resource | None = None
    event: Event | None = None
    booking: Booking | None = None
    meeting: CalledMeeting | None = None
    until: datetime | None = None


def unless_one_is_clear(ways: Iterable[list[Reason]]) -> list[Reason]:
    """What is in the way on all of several ways, of which one would be enough."""
    found: list[Reason] = []
    for reasons in ways:
        if not reasons:
            return []
        found += reasons
    return found


def of_being_open(agenda: Agenda, now: datetime) -> list[Reason]:
    """Not published, or expired."""
    if is_open(agenda, now):
        return []
    names = {"agenda": agenda.label}
    if not agenda.live:
        text = _("The agenda “%(agenda)s” is not published.") % names
        return [Reason("agenda not published", text, agenda=agenda)]
    names["moment"] = moment_text(agenda.expire_at.astimezone(agenda.zone))
    text = _("The agenda “%(agenda)s” has expired: it took bookings until %(moment)s.")
    return [Reason("agenda expired", text % names, agenda=agenda)]


def of_delays(agenda: Agenda, instant: datetime, window: Interval, now: datetime) -> list[Reason]:
    """Begun already, too soon, or too far ahead; `window` is when bookings may start."""
    minute = epoch_minutes(instant)
    names = {"agenda": agenda.label}
    reasons = []
    if instant <= now:
        reasons.append(Reason("over", _("This time has begun already."), agenda=None))
    if minute < window[0] and agenda.minimal_booking_delay:
        earliest = instant_of(window[0]).astimezone(agenda.zone)
        text = _("Minimum notice of “%(agenda)s”: bookings are taken from %(moment)s on.")
        names["moment"] = moment_text(earliest)
        reasons.append(Reason("notice", text % names, agenda=agenda))
    if minute >= window[1]:
        latest = instant_of(window[1] - 1).astimezone(agenda.zone)
        text = _("Maximum horizon of “%(agenda)s”: bookings are taken until %(moment)s.")
        names["moment"] = moment_text(latest)
        reasons.append(Reason("horizon", text % names, agenda=agenda))
    return reasons
