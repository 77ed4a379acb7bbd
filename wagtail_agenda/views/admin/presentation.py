"""Bookings as agents see them in a list: times, links, and what stands for a status."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wagtail_agenda.attendance import as_seen, name_of
from wagtail_agenda.choices import Admission, Colour
from wagtail_agenda.cleaning import mailto, one_line, shorten, web_address
from wagtail_agenda.form_definition import answers_in_words
from wagtail_agenda.models import AttendanceSheet, Booking, WorkflowStatus
from wagtail_agenda.schedule import is_repeated
from wagtail_agenda.views.admin.base import url_to
from wagtail_agenda.wording import moment_text, short_moment_text, time_text

COLOUR_OF_ADMISSION = {
    Admission.PENDING: (Colour.ORANGE, "time"),
    Admission.CONFIRMED: (Colour.GREEN, "circle-check"),
    Admission.WAITING: (Colour.BLUE, "list-ol"),
    Admission.OFFERED: (Colour.VIOLET, "mail"),
    Admission.CANCELLED: (Colour.RED, "circle-xmark"),
}

LONGEST_ANSWER = 120
TYPES_LEFT_OUT = {"consent", "email"}


@dataclass(frozen=True)
class Badge:
    """A status in words, with the colour and the icon that go with them."""

    label: str
    colour: str
    icon: str


UNDECIDED = {Admission.PENDING, Admission.WAITING, Admission.OFFERED}
"""The admissions of bookings that have no place for good yet."""


@dataclass(frozen=True)
class Line:
    """One booking in the agenda view."""

    booking: Booking
    times: str
    url: str
    """Of the back office where there is one, else of the booking's own page."""
    own_url: str
    is_elsewhere: bool
    badge: Badge
    check_in_url: str
    """Empty as long as checking in makes no sense."""
    mark: str = ""
    """Who marked the attendance as checked, so that it cannot change; empty if nobody has."""
    admission: Badge | None = None
    """What an undecided booking waits for, unless the status says so already."""
    until: str = ""
    """When an offer or a request lapses."""

    @property
    def resources(self) -> list[str]:
        """The rooms and objects it has beside its desk, where these were read along."""
        booking = self.booking
        if "resources" not in getattr(booking, "_prefetched_objects_cache", {}):
            return []
        return [str(resource) for resource in booking.resources.all()]

    @property
    def seen(self) -> str:
        """What the page shows of the attendance: what was noted meanwhile is not overwritten."""
        return as_seen(self.booking)

    @property
    def person(self) -> str:
        """Who comes, where it is said beside it what for."""
        return self.booking.user_name or self.booking.display_name

    @property
    def what(self) -> str:
        """The appointment type or the event. Asks the database where these were not read along."""
        return str(self.booking.meeting_type or self.booking.event or "")


def line(booking: Booking, *, zone: ZoneInfo, now: datetime) -> Line:
    own_url = url_to("booking", booking.pk)
    # Agendas fill in what visitors typed: this may turn out to be anything, `javascript:` too.
    elsewhere = web_address(booking.backoffice_url)
    has_come = booking.start.astimezone(zone).date() <= now.astimezone(zone).date()
    has_place = booking.admission == Admission.CONFIRMED
    shown, undecided = badge(booking), booking.admission in UNDECIDED
    admission = admission_badge(booking) if undecided else None
    return Line(
        booking=booking,
        times=times(booking.start, booking.end, zone),
        url=elsewhere or own_url,
        own_url=own_url,
        is_elsewhere=bool(elsewhere),
        badge=shown,
        check_in_url=url_to("booking_check_in", booking.pk) if has_come and has_place else "",
        admission=None if admission and admission.label == shown.label else admission,
        until=(
            short_moment_text(booking.decide_by.astimezone(zone))
            if undecided and booking.decide_by
            else ""
        ),
    )


def badge(booking: Booking) -> Badge:
    """The status of its workflow; a booking that has none shows its admission."""
    return status_badge(booking.status) if booking.status else admission_badge(booking)


def status_badge(status: WorkflowStatus) -> Badge:
    colour = status.colour if status.colour in Colour.values else Colour.GREY.value
    return Badge(label=status.label, colour=colour, icon=status.icon)


def admission_badge(booking: Booking) -> Badge:
    """Whether a booking has its place, in words; also whether an agent has taken it away again."""
    colour, icon = COLOUR_OF_ADMISSION.get(booking.admission, (Colour.GREY, "circle-check"))
    label = booking.get_admission_display()
    if booking.admission == Admission.WAITING and booking.suspended:
        label, icon = _("Put back on the waiting list"), "arrow-left"
    return Badge(label=label, colour=colour.value, icon=icon)


def undecided_texts(counts: Mapping[str, int]) -> list[str]:
    """How many bookings wait for what, in words; `counts` are by admission."""
    pending, offered, waiting = (
        counts.get(admission, 0)
        for admission in (Admission.PENDING, Admission.OFFERED, Admission.WAITING)
    )
    sentences = (
        (pending, ngettext("%(count)d to approve", "%(count)d to approve", pending)),
        (offered, ngettext("%(count)d offered", "%(count)d offered", offered)),
        (waiting, ngettext("%(count)d waiting", "%(count)d waiting", waiting)),
    )
    return [text % {"count": count} for count, text in sentences if count]


def email_link(address: str) -> str:
    """The ``mailto:`` address, empty where no mail could be sent."""
    try:
        return mailto(address)
    except ValueError:
        return ""


def telephone_link(number: str) -> str:
    """The ``tel:`` address (RFC 3966) of a number as people write it; empty if it has no digits."""
    digits = re.sub(r"[^0-9+]", "", number)
    return f"tel:{digits}" if digits.strip("+") else ""


def times(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """`09:00–09:30` in the zone; with the zone's short name where the clock repeats the hour."""
    days = (end.astimezone(zone).date() - start.astimezone(zone).date()).days
    until = clock(end, zone)
    if days:
        until = ngettext("%(time)s (+%(days)s day)", "%(time)s (+%(days)s days)", days) % {
            "time": until,
            "days": days,
        }
    return f"{clock(start, zone)}–{until}"


def clock(instant: datetime, zone: ZoneInfo) -> str:
    local = instant.astimezone(zone)
    text = time_text(local)
    return f"{text} {local:%Z}" if is_repeated(instant, zone) else text


def mark_text(sheet: AttendanceSheet | None, zone: ZoneInfo) -> str:
    """Who marked an attendance sheet as checked, and when in that zone; empty if nobody has."""
    if sheet is None or sheet.checked_at is None:
        return ""
    when = moment_text(sheet.checked_at.astimezone(zone))
    who = name_of(sheet.checked_by)
    if not who:
        return _("Marked as checked, %(when)s.") % {"when": when}
    return _("Marked as checked by %(who)s, %(when)s.") % {"who": who, "when": when}


def answers_that_matter(booking: Booking) -> list[tuple[str, str]]:
    """What was answered, as short pairs of label and text.

    Without what is no help at a counter: consent, addresses, questions left open, and what has a
    column of its own.
    """
    asked = booking.form_version.definition if booking.form_version else {}
    left_out = {
        item["clean_name"] for item in asked.get("fields", ()) if item["type"] in TYPES_LEFT_OUT
    }
    answers = {
        name: value for name, value in (booking.answers or {}).items() if name not in left_out
    }
    said = {"", booking.user_name, booking.user_phone_number, booking.user_email}
    return [
        (label, shorten(one_line(text), LONGEST_ANSWER))
        for label, text in answers_in_words(asked, answers)
        if text not in said
    ]
