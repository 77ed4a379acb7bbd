"""A participant is taken off the list of a meeting, which is published like that at once."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from wagtail.locks import ScheduledForPublishLock

from wagtail_agenda.errors import (
    BookingError,
    LastParticipant,
    MeetingCancelled,
    MeetingIsOver,
    MeetingLocked,
    NotAsAnnounced,
    NotInvited,
)
from wagtail_agenda.meetings.publishing import published_by_hand
from wagtail_agenda.meetings.wanted import wanted_of, who_is
from wagtail_agenda.models import CalledMeeting, Meeting, Participant


def why_not(called: CalledMeeting, address: str, now: datetime) -> BookingError | None:
    """Why nobody of that address can be un-invited; None if, as it was announced, they can."""
    if called.is_cancelled:
        return MeetingCancelled()
    if called.end <= now:
        return MeetingIsOver()
    if called.published_at is None:
        return NotAsAnnounced()
    others = [one for one in called.participants if one["address"].lower() != address.lower()]
    if len(others) == len(called.participants):
        return NotInvited()
    return None if others else LastParticipant()


def uninvite(
    called: CalledMeeting, address: str, *, now: datetime, user: AbstractBaseUser
) -> CalledMeeting:
    """Publish a meeting without one of its participants, who alone is told.

    What is published differs from what was in nothing else. A draft that is newer stays the newest,
    and unpublished; they are taken out of it too, or else publishing it would invite them again.
    Older versions keep them, as they were.

    Raises `NotInvited`, `LastParticipant`, `MeetingCancelled`, `MeetingIsOver`, `MeetingLocked`,
    `NotAsAnnounced` or `Overloaded`; then everything is as it was.
    """
    with published_by_hand(user):
        meeting = Meeting.objects.select_for_update().get(pk=called.meeting_id)
        present = CalledMeeting.objects.select_related("agenda").get(meeting=meeting)
        refusal = why_not(present, address, now)
        if refusal is not None:
            raise refusal
        _require_unlocked(meeting, user)
        draft = None
        if meeting.latest_revision_id != meeting.live_revision_id:
            draft = meeting.latest_revision
        meeting.participants = _without(meeting.participants.all(), address)
        _require_nothing_else_new(meeting, present, address)
        meeting.save_revision(user=user, clean=False).publish(
            user=user, skip_permission_checks=True
        )
        if draft is not None:
            drafted = draft.as_object()
            drafted.participants = _without(drafted.participants.all(), address)
            # Logged, because the history of the site shows of a draft what is logged of it.
            drafted.save_revision(user=user, log_action=True, clean=False)
    return CalledMeeting.objects.get(pk=called.pk)


def _without(participants: Iterable[Participant], address: str) -> list[Participant]:
    return [one for one in participants if who_is(one)[1].lower() != address.lower()]


def _require_unlocked(meeting: Meeting, user: AbstractBaseUser) -> None:
    lock = meeting.get_lock()
    if lock is not None and lock.for_user(user):
        raise MeetingLocked(scheduled=isinstance(lock, ScheduledForPublishLock))


def _require_nothing_else_new(meeting: Meeting, called: CalledMeeting, address: str) -> None:
    """Raise `NotAsAnnounced` if publishing a meeting would tell of anything but one un-inviting."""
    if not meeting.live:
        raise NotAsAnnounced()
    wanted = wanted_of(meeting)
    gone = [one["address"].lower() for one in wanted.removed_from(called)]
    if wanted.changes_of(called) or wanted.added_to(called) or gone != [address.lower()]:
        raise NotAsAnnounced()
