"""Invitations per second: written as RFC 5545 has them, and wrapped into the mail that takes them.

The floors do the same with the libraries alone: `icalendar` builds the same calendar, property by
property, and Django's mail the same parts. Nothing is checked or cleaned there, and the boundaries
of the parts are left to chance. How the whole mail compares with `icalendar` alone, which makes no
mail, is said beside it: most of that is Python's own email package.
"""

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import icalendar
from django.core.mail import EmailMultiAlternatives

from benchmarks.harness import Figure, at_least, compare, main, per_second
from wagtail_agenda import ics, mail
from wagtail_agenda.placeholders import html_from_text

START = datetime(2026, 10, 19, 8, 30, tzinfo=timezone.utc)
EVENT = ics.CalendarEvent(
    uid="6f1c2a7e-7f3b-4f0a-9f5e-2f6a7c1d9e42@fairbridge.example",
    sequence=1,
    stamp=START - timedelta(days=3),
    start=START,
    end=START + timedelta(minutes=30),
    summary="Passport – Town hall of Fairbridge",
    description="Bring your old passport and a photograph.\n\nSee or cancel your booking:\n"
    "https://www.fairbridge.example/agendas/manage/x7Qm2nVt9pLr4sKd8wZy3bHc6fJg1aTe0uRi5oNk/",
    location="Town hall, 1 Market Square, Fairbridge; first floor, room 12",
    comment="Please come five minutes early.",
    url="https://www.fairbridge.example/passports/",
    created=START - timedelta(days=9),
    organizer=ics.Party("agenda@fairbridge.example", "Town hall of Fairbridge"),
    attendee=ics.Party("ada@fairbridge.example", "Ada Martin"),
)
LETTER = mail.Letter(
    sender=EVENT.organizer,
    to=EVENT.attendee,
    subject="Your booking: Passport, Monday 19 October 2026, 10:30",
    text=f"Good morning Ada Martin,\n\nyour booking is confirmed.\n\n{EVENT.description}\n",
    html="",
    message_id="<4b1d7d1f0c7e4a5b9d2e3f4a@fairbridge.example>",
    date=EVENT.stamp,
    language="en",
    calendar_method="REQUEST",
)
HTML = html_from_text(LETTER.text)


def library_alone() -> bytes:
    """The calendar of `EVENT`, written with nothing but `icalendar`."""
    organizer = icalendar.vCalAddress(f"mailto:{EVENT.organizer.address}")
    organizer.params["CN"] = EVENT.organizer.name
    attendee = icalendar.vCalAddress(f"mailto:{EVENT.attendee.address}")
    attendee.params.update(
        {
            "CN": EVENT.attendee.name,
            "ROLE": "REQ-PARTICIPANT",
            "PARTSTAT": "NEEDS-ACTION",
            "RSVP": "TRUE",
            "CUTYPE": "INDIVIDUAL",
        }
    )
    event = icalendar.Event()
    event.add("uid", EVENT.uid)
    event.add("sequence", EVENT.sequence)
    event.add("dtstamp", EVENT.stamp)
    event.add("last-modified", EVENT.stamp)
    event.add("created", EVENT.created)
    event.add("dtstart", EVENT.start)
    event.add("dtend", EVENT.end)
    event.add("summary", EVENT.summary)
    event.add("description", EVENT.description)
    event.add("location", EVENT.location)
    event.add("comment", EVENT.comment)
    event.add("url", EVENT.url)
    event.add("status", "CONFIRMED")
    event.add("transp", "OPAQUE")
    event.add("organizer", organizer)
    event.add("attendee", attendee)
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//fairbridge.example//wagtail-agenda//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "REQUEST")
    calendar.add_component(event)
    return calendar.to_ical()


def written() -> bytes:
    return ics.invitation(EVENT, "REQUEST")


def wrapped() -> bytes:
    """The whole mail with the invitation in it, as a mail server gets it."""
    letter = dataclasses.replace(LETTER, calendar=written())
    return mail.compose(letter).message().as_bytes()


def libraries_alone() -> bytes:
    """A mail of the same parts and headers, made by Django and `icalendar`."""
    calendar = library_alone()
    message = EmailMultiAlternatives(
        subject=LETTER.subject,
        body=LETTER.text,
        from_email=f"{LETTER.sender.name} <{LETTER.sender.address}>",
        to=[f"{LETTER.to.name} <{LETTER.to.address}>"],
        headers={
            "Message-ID": LETTER.message_id,
            "Date": format_datetime(LETTER.date),
            "Auto-Submitted": "auto-generated",
            "Content-Language": LETTER.language,
        },
    )
    message.attach_alternative(HTML, "text/html")
    message.attach_alternative(calendar.decode(), "text/calendar; method=REQUEST")
    message.attach("invite.ics", calendar, "application/ics")
    return message.message().as_bytes()


def measure() -> Iterator[Figure]:
    calendars = compare(written, library_alone)
    yield Figure.of_rates("invitation.calendar", per_second(calendars), at_least(0.5))
    alone = compare(wrapped, library_alone)
    mails = compare(wrapped, libraries_alone)
    yield Figure.of_rates(
        "invitation.mail",
        per_second(mails),
        at_least(0.5),
        ratio_to_icalendar_alone=round(per_second(alone).ratio, 3),
    )


if __name__ == "__main__":
    main(measure, databases=())
