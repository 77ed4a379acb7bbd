"""Accept, decline or perhaps: the answers of people who were invited by somebody else.

Participants of a meeting, and those to whom a booking is passed on. An answer says who means to
come and changes nothing else: it takes no place and frees none. It may be changed until it is over.
"""

from datetime import datetime

from django.db import connection
from django.db.models import F

from wagtail_agenda import workflow
from wagtail_agenda.booking.admission import bookings_for_update
from wagtail_agenda.choices import Actor, Answer, Audience, Trigger
from wagtail_agenda.contention import retried
from wagtail_agenda.errors import (
    BookingCancelled,
    BookingError,
    EventIsOver,
    MeetingCancelled,
    MeetingIsOver,
    NoLongerInvited,
)
from wagtail_agenda.meeting_words import name_of
from wagtail_agenda.meetings.calling import for_update
from wagtail_agenda.models import Booking, CalledMeeting, Invitation
from wagtail_agenda.subjects import Subject


def may_answer(invitation: Invitation) -> bool:
    """Whether somebody else has invited its reader, who therefore has something to answer."""
    if invitation.audience != Audience.VISITOR:
        return False
    booking = invitation.booking
    return booking is None or not invitation.uid.startswith(f"{booking.uuid}@")


def why_not(invitation: Invitation, now: datetime) -> BookingError | None:
    """Why an invitation can be answered no more; None if it can."""
    about, is_meeting = invitation.subject, invitation.booking_id is None
    if about.is_cancelled:
        return MeetingCancelled() if is_meeting else BookingCancelled()
    if about.end <= now:
        return MeetingIsOver() if is_meeting else EventIsOver()
    return NoLongerInvited() if invitation.method == "CANCEL" else None


def answer(invitation: Invitation, given: Answer, *, now: datetime) -> Invitation:
    """Note what somebody answers, and move the workflow on. The same answer again is nothing new.

    Raises `MeetingCancelled`, `BookingCancelled`, `MeetingIsOver`, `EventIsOver`,
    `NoLongerInvited` or `Overloaded`.
    """

    def work(_nothing: None) -> Invitation:
        about = _locked(invitation)
        present = Invitation.objects.select_for_update().get(pk=invitation.pk)
        setattr(present, "booking" if present.booking_id else "called_meeting", about)
        refusal = why_not(present, now)
        if refusal is not None:
            raise refusal
        if present.answer == given:
            return present
        before = present.answer
        present.answer, present.answered_at = given, now
        present.save(update_fields=["answer", "answered_at"])
        is_meeting = isinstance(about, CalledMeeting)
        workflow.advance(
            about,
            Trigger.ANSWERED,
            road=workflow.road_for(about),
            actor=Actor.VISITOR,
            now=now,
            data={
                "recipient": present.address,
                "name": name_of(about, present.address) if is_meeting else "",
                "answer": str(given),
                "answer_before": str(before),
            },
        )
        return present

    return retried(work)


def _locked(invitation: Invitation) -> Subject:
    """What is answered, as it is and locked."""
    model = Booking if invitation.called_meeting_id is None else CalledMeeting
    if not connection.features.has_select_for_update:
        # Writes before it reads, as SQLite wants it.
        model.objects.filter(pk=invitation.subject_id).update(status_since=F("status_since"))
    if model is Booking:
        return bookings_for_update([invitation.booking_id])[0]
    return for_update(invitation.called_meeting.meeting)
