"""Calendar data (RFC 5545) and invitations (iTIP, RFC 5546): plain data in, bytes out.

Times are written in UTC: single appointments need no VTIMEZONE, and every reader agrees on
UTC, while time zone definitions are misread by some. The same input gives the same bytes,
so that a retried mail is the mail it retries and an ETag of a calendar file is stable.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from django.utils.text import slugify
from icalendar import (
    Alarm,
    Calendar,
    Event,
    vCalAddress,
    vDatetime,
    vDuration,
    vInt,
    vText,
    vUri,
)
from icalendar.parser import Contentline, Parameters

from wagtail_agenda import __version__
from wagtail_agenda.cleaning import clean_text, mailto, one_line, web_address

__all__ = [
    "NO_ADDRESS",
    "CalendarEvent",
    "Party",
    "clean_text",
    "collection",
    "content_hash",
    "file_name",
    "invitation",
    "publication",
]

NO_ADDRESS = "invalid:nomail"
"""The calendar address of somebody without an e-mail address, as other calendars write it."""

_STATUS = {"REQUEST": "CONFIRMED", "CANCEL": "CANCELLED"}
# RFC 5545 §3.1 has lines of 75 octets at the most; the library folds from that length on.
_LONGEST_UNFOLDED = 74
_NO_PARAMETERS = Parameters()
# SEQUENCE is an RFC 5545 §3.3.8 INTEGER.
_MAXIMUM_SEQUENCE = 2**31 - 1


@dataclass(frozen=True)
class Party:
    """Someone a calendar or a mail names: an e-mail address and the name to show for it."""

    address: str
    name: str = ""


@dataclass(frozen=True)
class CalendarEvent:
    """One appointment as one recipient's calendar keeps it.

    `uid` stays the same for the life of a booking; `sequence` grows with every mail whose
    content differs, and `stamp` is the instant of that revision (both are stored, never
    computed here, or a retry would not repeat itself). `comment` is shown by few calendars;
    what must be read belongs into `description`. `optional` says that the attendee need not come;
    `producer` names the site in PRODID. What is `tentative` is nothing sure yet, and keeps nobody
    busy. `alarm` is how long before the start the calendar is asked to remind its owner; of what
    is tentative or cancelled it never does.

    All datetimes are aware; seconds are the finest unit written. Raises `ValueError` on a
    naive datetime, an end that is not after the start, an empty uid, a negative sequence or an
    alarm that is not before the start.
    """

    uid: str
    sequence: int
    stamp: datetime
    start: datetime
    end: datetime
    summary: str
    description: str = ""
    location: str = ""
    comment: str = ""
    url: str = ""
    created: datetime | None = None
    organizer: Party | None = None
    attendee: Party | None = None
    optional: bool = False
    language: str = "en"
    producer: str = "wagtail-agenda"
    tentative: bool = False
    alarm: timedelta | None = None

    def __post_init__(self):
        for field in ("stamp", "start", "end", "created"):
            moment = getattr(self, field)
            if moment is not None:
                _utc(moment, field)
        if _utc(self.end, "end") <= _utc(self.start, "start"):
            raise ValueError(f"The event {self.uid!r} ends before it has started")
        if not one_line(self.uid):
            raise ValueError("An event needs a uid")
        if not 0 <= self.sequence <= _MAXIMUM_SEQUENCE:
            raise ValueError(f"{self.sequence!r} is not a usable sequence number")
        if self.alarm is not None and self.alarm <= timedelta():
            raise ValueError(f"The alarm of {self.uid!r} does not come before its start")


def invitation(event: CalendarEvent, method: str) -> bytes:
    """Return the iTIP message that puts `event` into its attendee's calendar or takes it out.

    `method` is "REQUEST" (a new appointment, tentative or not, or a change to it) or "CANCEL"
    (RFC 5546 §3.2.2 and §3.2.5). The attendee is the only one named, and is asked for an answer.
    An unusable `url` is left out. Raises `ValueError` for another method, and when organizer or
    attendee are missing or have an unusable address.
    """
    if method not in ("REQUEST", "CANCEL"):
        raise ValueError(f"{method!r} is not a method of an invitation: use REQUEST or CANCEL")
    if event.attendee is None:
        raise ValueError(f"The invitation {event.uid!r} needs an attendee")
    tentative = event.tentative and method == "REQUEST"
    return _calendar(event, method, "TENTATIVE" if tentative else _STATUS[method])


def publication(
    event: CalendarEvent, *, status: str = "CONFIRMED", refresh: timedelta | None = None
) -> bytes:
    """Return `event` as a file to download: METHOD:PUBLISH, without attendee.

    `status` is CONFIRMED, TENTATIVE or CANCELLED (RFC 5545 §3.8.1.11). `refresh` asks a calendar
    that has subscribed to the file to fetch it that often (RFC 7986 §5.7, and X-PUBLISHED-TTL for
    Outlook).

    Raises `ValueError` when the organizer, which RFC 5546 §3.2.1 requires, is missing or has
    an unusable address.
    """
    return _calendar(event, "PUBLISH", status, refresh=refresh)


def collection(entries: Sequence[tuple[CalendarEvent, str]]) -> bytes:
    """Return events, each with its status, as one file that names who attends each of them.

    It has no METHOD: RFC 5546 §3.2.1 forbids the attendee in what is published, and nobody is
    invited by a file that a system fetches for its own use. An attendee without a usable address
    has `NO_ADDRESS`. Without any events it is a calendar that is empty.

    Raises `ValueError` when an organizer or attendee is missing, or an organizer has an unusable
    address.
    """
    for event, _status in entries:
        if event.organizer is None or event.attendee is None:
            raise ValueError(f"The entry {event.uid!r} needs an organizer and an attendee")
    calendar = _empty(_product(entries[0][0]) if entries else _PRODUCT)
    for event, status in entries:
        component = _component(event, status)
        component["ATTENDEE"] = _attending(event.attendee)
        calendar.add_component(component)
    return _lines(calendar)


def content_hash(event: CalendarEvent, method: str) -> str:
    """Return the SHA-256 hex digest of what a recipient would see of `event` in a calendar.

    Two equal digests mean that no update is due. `sequence` and `stamp`, which count updates,
    are left out, and so is PRODID (producer, language, our version): nobody sees it, and a
    new release must not send an update to everyone. Raises `ValueError` as `invitation`.
    """
    seen = {
        "method": method,
        "uid": one_line(event.uid),
        "start": _utc_seconds(event.start),
        "end": _utc_seconds(event.end),
        "created": None if event.created is None else _utc_seconds(event.created),
        "summary": clean_text(event.summary),
        "description": clean_text(event.description),
        "location": clean_text(event.location),
        "comment": clean_text(event.comment),
        "url": web_address(event.url),
        "organizer": _seen_party(event.organizer),
        "attendee": _seen_party(event.attendee),
    }
    # Named only where they are: what was sent before there were any says the same as ever.
    if event.optional:
        seen["optional"] = True
    if method != "CANCEL" and event.tentative:
        seen["tentative"] = True
    if method != "CANCEL" and event.alarm is not None and not event.tentative:
        seen["alarm"] = int(event.alarm.total_seconds())
    canonical = json.dumps(seen, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def file_name(identifier: str, default: str = "invite") -> str:
    """Return an ASCII file name ending in `.ics`, made from `identifier` or else `default`.

    A file name given again comes back unchanged.
    """
    stem = re.sub(r"\.ics\Z", "", clean_text(identifier).strip(), flags=re.IGNORECASE)
    slug = slugify(stem)[:100].strip("-_")
    return f"{slug or default}.ics"


class _Text(vText):
    """A TEXT value (RFC 5545 §3.3.11) of a cleaned text.

    `vText` takes a backslash before a capital N for a line break, which cuts « C:\\News ».
    """

    def to_ical(self) -> bytes:
        escaped = str(self).replace("\\", "\\\\").replace(";", r"\;").replace(",", r"\,")
        return escaped.replace("\n", r"\n").encode("utf-8")


def _calendar(
    event: CalendarEvent,
    method: str,
    status: str,
    *,
    refresh: timedelta | None = None,
) -> bytes:
    if event.organizer is None:
        raise ValueError(f"The calendar file of {event.uid!r} needs an organizer")
    calendar = _empty(_product(event))
    calendar["METHOD"] = vText(method)
    if refresh is not None:
        calendar.add("refresh-interval", refresh, parameters={"VALUE": "DURATION"})
        calendar.add("x-published-ttl", vDuration(refresh).to_ical().decode())
    component = _component(event, status)
    if method != "PUBLISH":
        component["ATTENDEE"] = _invited(event.attendee, optional=event.optional)
    calendar.add_component(component)
    return _lines(calendar)


def _empty(product: str) -> Calendar:
    # `Calendar.new()` and `Event.new()` fill in a random UID and the current time, and `add()`
    # takes longer to find out of what type a value is than the rest takes.
    calendar = Calendar()
    calendar["PRODID"] = _Text(product)
    calendar["VERSION"] = vText("2.0")
    calendar["CALSCALE"] = vText("GREGORIAN")
    return calendar


def _lines(calendar: Calendar) -> bytes:
    return b"".join(_content_line(*item) for item in calendar.property_items())


def _content_line(name: str, value: Any) -> bytes:
    """A property as the library writes it, which asks every letter of a line whether to fold."""
    line = Contentline.from_parts(name, getattr(value, "params", _NO_PARAMETERS), value)
    if len(line) <= _LONGEST_UNFOLDED and line.isascii():
        return f"{line}\r\n".encode("ascii")
    return line.to_ical() + b"\r\n"


def _component(event: CalendarEvent, status: str) -> Event:
    component = Event()
    component["UID"] = _Text(one_line(event.uid))
    component["SEQUENCE"] = vInt(event.sequence)
    component["DTSTAMP"] = vDatetime(_utc(event.stamp, "stamp"))
    component["DTSTART"] = vDatetime(_utc(event.start, "start"))
    component["DTEND"] = vDatetime(_utc(event.end, "end"))
    if event.created is not None:
        component["CREATED"] = vDatetime(_utc(event.created, "created"))
    component["LAST-MODIFIED"] = component["DTSTAMP"]
    # RFC 5546 wants a SUMMARY, even an empty one.
    component["SUMMARY"] = _Text(clean_text(event.summary))
    for name in ("description", "location", "comment"):
        text = clean_text(getattr(event, name))
        if text:
            component[name] = _Text(text)
    url = web_address(event.url)
    if url:
        component["URL"] = vUri(url)
    component["STATUS"] = vText(status)
    component["TRANSP"] = vText("TRANSPARENT" if status == "TENTATIVE" else "OPAQUE")
    if status == "TENTATIVE":
        # Outlook shows by these, and not by STATUS, that the time is not taken for sure.
        component["X-MICROSOFT-CDO-BUSYSTATUS"] = vText("TENTATIVE")
        component["X-MICROSOFT-CDO-INTENDEDSTATUS"] = vText("TENTATIVE")
    component["ORGANIZER"] = _calendar_address(event.organizer)
    if status == "CONFIRMED" and event.alarm is not None:
        component.add_component(_alarm(event))
    return component


def _alarm(event: CalendarEvent) -> Alarm:
    """What RFC 5545 §3.6.6 asks of an alarm that shows a text, and nothing else."""
    alarm = Alarm()
    alarm["ACTION"] = vText("DISPLAY")
    alarm["TRIGGER"] = vDuration(-event.alarm)
    alarm["DESCRIPTION"] = _Text(clean_text(event.summary))
    return alarm


def _calendar_address(party: Party, **parameters) -> vCalAddress:
    name = _parameter_text(party.name)
    if name:
        parameters["cn"] = name
    address = mailto(party.address)
    return vCalAddress.new(address, **parameters)


def _invited(party: Party, *, optional: bool) -> vCalAddress:
    # NEEDS-ACTION even for people who booked themselves: Outlook files away the mail of
    # someone who has accepted already.
    return _calendar_address(
        party,
        cutype="INDIVIDUAL",
        role="OPT-PARTICIPANT" if optional else "REQ-PARTICIPANT",
        partstat="NEEDS-ACTION",
        rsvp=True,
    )


def _attending(party: Party) -> vCalAddress:
    """Somebody who comes, with or without an address to reach them; asked for no answer."""
    try:
        address = mailto(party.address)
    except ValueError:
        address = NO_ADDRESS
    attendee = vCalAddress(address)
    attendee.params["CUTYPE"] = "INDIVIDUAL"
    attendee.params["ROLE"] = "REQ-PARTICIPANT"
    if name := _parameter_text(party.name):
        attendee.params["CN"] = name
    return attendee


def _parameter_text(value: str) -> str:
    # Quotes and circumflexes need RFC 6868 escapes in parameters, which many readers show
    # as they are written; a backslash is an ordinary character there, but some readers take
    # it for an escape and read on into the next parameter.
    return one_line(value.translate({ord('"'): "'", ord("^"): None, ord("\\"): "/"}))


def _product(event: CalendarEvent) -> str:
    # `//` separates the parts of a formal public identifier.
    producer = re.sub("/{2,}", "/", one_line(event.producer)) or "wagtail-agenda"
    language = re.sub("[^A-Z0-9-]", "", str(event.language).upper().replace("_", "-")) or "EN"
    return f"-//{producer}//wagtail_agenda {__version__}//{language}"


_PRODUCT = f"-//wagtail-agenda//wagtail_agenda {__version__}//EN"


def _utc(moment: datetime, field: str) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(f"{field} must be an aware datetime, {moment!r} has no time zone")
    try:
        return moment.astimezone(timezone.utc).replace(microsecond=0)
    except OverflowError:
        raise ValueError(f"{field} {moment!r} lies outside the calendar") from None


def _utc_seconds(moment: datetime) -> str:
    return _utc(moment, "datetime").isoformat()


def _seen_party(party: Party | None) -> list[str] | None:
    return None if party is None else [mailto(party.address), _parameter_text(party.name)]
