"""A booking as it stands in the calendars of those whom it concerns. Reads it, writes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from django.utils import translation

from wagtail_agenda import ics, wording
from wagtail_agenda.choices import Admission, Audience
from wagtail_agenda.correspondence import answers_text, language_for, location_of, page_about
from wagtail_agenda.ics import CalendarEvent, Party
from wagtail_agenda.mail_settings import calendar_domain, sender
from wagtail_agenda.models import Booking, Invitation

_UNDECIDED = frozenset({Admission.PENDING, Admission.WAITING, Admission.OFFERED})


def has_calendar_entry(booking: Booking) -> bool:
    """Whether a booking as it is stands in calendars: for sure or, if its agenda has it so, not."""
    if booking.admission in _UNDECIDED:
        return booking.agenda.tentative_entries
    return booking.admission == Admission.CONFIRMED


def calendar_event(
    booking: Booking,
    *,
    audience: str = Audience.VISITOR,
    invitation: Invitation | None = None,
    sequence: int | None = None,
) -> CalendarEvent:
    """A booking as a calendar entry for that audience, in the language that is active.

    With an `invitation`, for its recipient and under its UID; `sequence` is that of the revision
    meant, the present one by default.
    """
    for_staff = audience == Audience.STAFF
    lines = [wording.several_places_text(booking.places)]
    if for_staff:
        lines += [booking.user_email, booking.user_phone_number, answers_text(booking)]
        summary, url = booking.display_name, booking.backoffice_url
    else:
        lines += [booking.agenda.contact]
        summary, url = booking.user_display_label or booking.label, page_about(booking)
    described = (
        booking.description
        or (booking.event.description if booking.event else "")
        or booking.agenda.description
    )
    attendee = None
    if invitation is not None:
        # Somebody to whom it is passed on is not the visitor.
        own = is_visitors_own(invitation, booking)
        attendee = Party(invitation.address, booking.user_name if own else "")
    return CalendarEvent(
        uid=invitation.uid if invitation else visitor_uid(booking),
        sequence=invitation.sequence if sequence is None and invitation else sequence or 0,
        stamp=invitation.stamp if invitation else booking.cancelled_at or booking.created_at,
        start=booking.start,
        end=booking.end,
        summary=summary,
        description="\n\n".join(line for line in (described, *lines) if line),
        location=location_of(booking),
        comment="" if for_staff else booking.agenda.comment,
        url=url,
        created=booking.created_at,
        organizer=sender(booking.site),
        attendee=attendee,
        language=language_for(booking, audience),
        tentative=booking.admission in _UNDECIDED,
        alarm=booking.agenda.alarm,
    )


def visitor_uid(booking: Booking) -> str:
    """The UID of the visitor's calendar entry, as long as no invitation says another.

    Whoever is reached at a corrected address gets another one. Under one UID, the `CANCEL` to the
    wrong address would contend with the `REQUEST` to the right one wherever both lead to the same
    calendar, and mails to two mailboxes come in any order.
    """
    version = f"-{booking.address_version}" if booking.address_version else ""
    return f"{booking.uuid}{version}@{calendar_domain()}"


def is_visitors_own(invitation: Invitation, booking: Booking) -> bool:
    """Whether it is the calendar copy of the visitor, at the address that they have now."""
    return (
        invitation.audience == Audience.VISITOR
        and invitation.address == booking.user_email.strip().lower()
    )


def facts_to_withdraw(booking: Booking) -> dict[str, str]:
    """What `without_visitor` may tell of a booking as it is now, kept until a mail is written."""
    subject = booking.event or booking.meeting_type
    return {
        "title": (subject.label if subject else "") or booking.agenda.label,
        "start": booking.start.isoformat(),
        "end": booking.end.isoformat(),
    }


def without_visitor(event: CalendarEvent, facts: Mapping[str, str]) -> CalendarEvent:
    """An entry that is taken out of the calendar of whom it does not concern.

    Nothing in it is the visitor's, and nothing is of later than `facts_to_withdraw`.
    """
    return replace(
        event,
        start=datetime.fromisoformat(facts["start"]),
        end=datetime.fromisoformat(facts["end"]),
        summary=facts["title"],
        description="",
        location="",
        comment="",
        url="",
    )


def visitor_event(booking: Booking) -> CalendarEvent:
    """The booking as it stands in the visitor's calendar at this moment, in their language.

    A cancellation that no mail has told of is a revision of its own.
    """
    invitations = booking.invitations.filter(audience=Audience.VISITOR)
    invitation = next((one for one in invitations if is_visitors_own(one, booking)), None)
    with translation.override(language_for(booking, Audience.VISITOR)):
        event = calendar_event(booking, invitation=invitation)
    if booking.is_cancelled and (invitation is None or invitation.method != "CANCEL"):
        stamp = booking.cancelled_at or event.stamp
        return replace(event, sequence=event.sequence + 1, stamp=stamp)
    return event


def status_of(booking: Booking) -> str:
    """What a calendar file says of a booking: whoever waits for anything has nothing for sure."""
    if booking.is_cancelled:
        return "CANCELLED"
    return "TENTATIVE" if booking.admission in _UNDECIDED else "CONFIRMED"


def download(booking: Booking, *, refresh: timedelta | None = None) -> bytes:
    """The booking as a calendar file, without the visitor's address in it.

    `refresh` is how often a calendar that has subscribed to it should ask again.

    Raises `ValueError` if the site sends from an unusable address; a system check says so.
    """
    return ics.publication(visitor_event(booking), status=status_of(booking), refresh=refresh)


def file_of(bookings: Iterable[Booking], **texts: str) -> bytes:
    """Bookings as one calendar file for another system, with whoever attends each of them.

    `texts` are ``comment``, ``description``, ``location`` and ``url``; what is not empty stands in
    the place of what a booking has there. Raises what `download` does.
    """
    said = {name: text for name, text in texts.items() if text}
    return ics.collection(
        [
            (
                replace(
                    visitor_event(booking),
                    attendee=Party(booking.user_email, booking.user_name),
                    **said,
                ),
                status_of(booking),
            )
            for booking in bookings
        ]
    )
