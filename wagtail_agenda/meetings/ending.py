"""A meeting is cancelled."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from wagtail_agenda import workflow
from wagtail_agenda.choices import Trigger
from wagtail_agenda.contention import retried
from wagtail_agenda.errors import MeetingCancelled, MeetingIsOver
from wagtail_agenda.meetings import rooms
from wagtail_agenda.meetings.calling import for_update
from wagtail_agenda.models import CalledMeeting


def cancel(
    called: CalledMeeting,
    *,
    actor: str,
    now: datetime,
    user: AbstractBaseUser | None = None,
    reason: str = "",
) -> CalledMeeting:
    """Cancel a meeting, free its rooms and tell everybody who is invited.

    Raises `MeetingCancelled` if it is already, `MeetingIsOver` or `Overloaded`.
    """

    def guess() -> set[int]:
        return rooms.taken_by(called.meeting)

    def work(taken: set[int]) -> CalledMeeting:
        bookables = rooms.locked(taken)
        present = for_update(called.meeting)
        if present is None or present.is_cancelled:
            raise MeetingCancelled()
        if present.end <= now:
            raise MeetingIsOver()
        rooms.give_back(present, bookables)
        present.cancelled_at, present.cancellation_reason = now, reason
        present.save(update_fields=["cancelled_at", "cancellation_reason"])
        road = workflow.road_for(present)
        workflow.advance(
            present,
            Trigger.MEETING_CANCELLED,
            road=road,
            actor=actor,
            user=user,
            now=now,
            data={"reason": reason},
        )
        return present

    return retried(work, guess)


@receiver(pre_delete, sender=CalledMeeting, dispatch_uid="wagtail_agenda.meeting_deleted")
def _called_meeting_deleted(instance: CalledMeeting, **_kwargs) -> None:
    """Give back what a meeting takes that is deleted, which the counters would keep for ever."""
    with transaction.atomic():
        rooms.give_back(instance, rooms.locked(rooms.taken_by(instance.meeting)))
