"""What helps a visitor to keep their booking in mind: their calendar, and the mail once more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote, urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wagtail_agenda import calendar_entries, resending, tokens, wording
from wagtail_agenda.choices import Admission, DeliveryState
from wagtail_agenda.cleaning import shorten
from wagtail_agenda.ics import CalendarEvent
from wagtail_agenda.models import Booking, Delivery

LONGEST_TEXT = 1000
"""Characters of a description that a link carries: some servers take no address over 2,000."""


@dataclass(frozen=True)
class CalendarLink:
    """A calendar on the web, and the address there of a new entry that is filled in already."""

    label: Any
    url: str


def calendar_links(event: CalendarEvent) -> list[CalendarLink]:
    """Links that add an entry to the calendars on the web that most people use.

    They carry what the visitor's invitation says, and nobody's address. None of these services
    documents them; what they read is common knowledge and has not changed for years.
    """
    start, end = (moment.astimezone(timezone.utc) for moment in (event.start, event.end))
    text = shorten(
        "\n\n".join(part for part in (event.description, event.url) if part), LONGEST_TEXT
    )
    outlook = {
        "path": "/calendar/action/compose",
        "rru": "addevent",
        "startdt": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "enddt": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "subject": event.summary,
        "body": text,
        "location": event.location,
    }
    return [
        CalendarLink(
            gettext_lazy("Google Calendar"),
            _address(
                "https://calendar.google.com/calendar/render",
                {
                    "action": "TEMPLATE",
                    "text": event.summary,
                    "dates": f"{_compact(start)}/{_compact(end)}",
                    "details": text,
                    "location": event.location,
                },
            ),
        ),
        CalendarLink(
            gettext_lazy("Outlook.com"),
            _address("https://outlook.live.com/calendar/deeplink/compose", outlook),
        ),
        CalendarLink(
            gettext_lazy("Microsoft 365"),
            _address("https://outlook.office.com/calendar/deeplink/compose", outlook),
        ),
        CalendarLink(
            gettext_lazy("Yahoo Calendar"),
            _address(
                "https://calendar.yahoo.com/",
                {
                    "v": "60",
                    "title": event.summary,
                    "st": _compact(start),
                    "et": _compact(end),
                    "desc": text,
                    "in_loc": event.location,
                },
            ),
        ),
    ]


def _compact(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


def _address(base: str, query: Mapping[str, str]) -> str:
    # Outlook shows the plus signs that forms write for blanks.
    return f"{base}?{urlencode(query, quote_via=quote)}"


def masked(address: str) -> str:
    """An e-mail address that its owner recognises and nobody else can write to: “a…@town.example”.

    Whoever holds the link of a booking need not be the one who made it.
    """
    local, _at, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def mail_text(mail: Delivery, booking: Booking) -> str:
    """What became of the visitor's last mail, in a sentence."""
    address = masked(mail.recipient)
    if mail.state == DeliveryState.FAILED:
        return _("The last mail to %(address)s could not be delivered.") % {"address": address}
    if mail.state != DeliveryState.DONE or mail.done_at is None:
        return _("A mail to %(address)s is on its way.") % {"address": address}
    left = mail.done_at.astimezone(booking.agenda.zone)
    return _("The last mail left on %(day)s at %(time)s, to %(address)s.") % {
        "day": wording.day_text(left.date()),
        "time": wording.time_text(left),
        "address": address,
    }


def keeping(request: HttpRequest, booking: Booking, token: str, now: datetime) -> dict[str, Any]:
    """What the templates `calendars.html` and `mail.html` need. Nothing of it once it is over."""
    if booking.start <= now:
        return {}
    context: dict[str, Any] = {}
    mail = resending.last_mail(booking)
    if mail is not None:
        context["mail"] = mail
        context["mail_text"] = mail_text(mail, booking)
        context["again_url"] = reverse("wagtail_agenda:mail_again", args=[token])
    # Who waits for a place or an approval has nothing for sure to put into a calendar.
    if booking.admission == Admission.CONFIRMED:
        feed = request.build_absolute_uri(
            reverse("wagtail_agenda:feed", args=[tokens.feed_token(booking)])
        )
        context |= {
            "ics_url": reverse("wagtail_agenda:manage_ics", args=[token]),
            "calendar_links": calendar_links(calendar_entries.visitor_event(booking)),
            # The scheme that calendar programs open as a subscription.
            "subscription_url": f"webcal:{feed.partition(':')[2]}",
        }
    return context
