"""A meeting is published: everybody learns of it, or of what is new."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from wagtail.models import Site

from wagtail_agenda import workflow
from wagtail_agenda.choices import About, Actor, Trigger
from wagtail_agenda.contention import retried
from wagtail_agenda.errors import MeetingCancelled
from wagtail_agenda.meetings import rooms
from wagtail_agenda.meetings.wanted import Wanted, wanted_of
from wagtail_agenda.models import CalledMeeting, Entry, Meeting


def call(meeting: Meeting, *, now: datetime, user: AbstractBaseUser | None = None) -> CalledMeeting:
    """Announce a meeting as it is, or what has changed since it was announced last.

    What nobody can come to any more is noted and announced to nobody. Raises `NotReadyToCall`,
    `RoomTaken`, `MeetingCancelled` or `Overloaded`; then everything is as it was, the room that it
    had included.
    """
    wanted = wanted_of(meeting)
    claims = rooms.claims_of(wanted)
    road = workflow.road_of(wanted.agenda, About.MEETINGS)

    def guess() -> set[int]:
        return rooms.taken_by(meeting) | {claim.bookable_id for claim in claims}

    def work(taken: set[int]) -> CalledMeeting:
        bookables = rooms.locked(taken)
        called = for_update(meeting)
        if called is not None and called.is_cancelled:
            raise MeetingCancelled()
        rooms.require_free(claims, wanted, now, but=called)
        noted = _news(called, wanted)
        called = _written(called, meeting, wanted, now)
        rooms.occupy(called, claims, bookables)
        for trigger, data in noted:
            made = trigger == Trigger.MEETING_PUBLISHED
            _tell(called, trigger, data, road, now, user, made)
        return called

    return retried(work, guess)


def for_update(meeting: Meeting) -> CalledMeeting | None:
    """What has become of a meeting, locked, with what the workflow and the mails read of it."""
    chosen = CalledMeeting.objects.filter(meeting=meeting)
    # Locked alone: together with its relations, MariaDB would lock those as well.
    if not chosen.select_for_update().order_by().values_list("pk"):
        return None
    return chosen.select_related(
        "agenda__meeting_workflow", "desk", "resource", "status", "site"
    ).get()


def _news(called: CalledMeeting | None, wanted: Wanted) -> list[tuple[Trigger, dict[str, Any]]]:
    """What is to be noted, each with what the history keeps of it."""
    if called is None or called.published_at is None:
        return [(Trigger.MEETING_PUBLISHED, {"participants": _named(wanted.participants)})]
    noted: list[tuple[Trigger, dict[str, Any]]] = []
    changes = wanted.changes_of(called)
    if changes:
        data: dict[str, Any] = {"changed": changes}
        if {"start", "end"} & set(changes):
            data["from_start"] = called.start.isoformat()
            data["from_end"] = called.end.isoformat()
        noted.append((Trigger.MEETING_CHANGED, data))
    for trigger, participants in (
        (Trigger.PARTICIPANT_ADDED, wanted.added_to(called)),
        (Trigger.PARTICIPANT_REMOVED, wanted.removed_from(called)),
    ):
        if participants:
            noted.append((trigger, {"participants": _named(participants)}))
    return noted


def _named(participants: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Participants as the history names them."""
    return [{"name": one["name"], "address": one["address"]} for one in participants]


def _written(
    called: CalledMeeting | None, meeting: Meeting, wanted: Wanted, now: datetime
) -> CalledMeeting:
    if called is None:
        site = Site.objects.filter(is_default_site=True).first()
        called = CalledMeeting(meeting=meeting, language=settings.LANGUAGE_CODE, site=site)
    for name, value in wanted.columns.items():
        setattr(called, name, value)
    called.published_at = called.published_at or now
    called.save()
    return called


def _tell(
    called: CalledMeeting,
    trigger: Trigger,
    data: dict[str, Any],
    road: workflow.Road,
    now: datetime,
    user: AbstractBaseUser | None,
    made: bool,
) -> None:
    actor = Actor.AGENT if user is not None else Actor.SYSTEM
    if called.end > now:
        workflow.advance(
            called, trigger, road=road, actor=actor, user=user, now=now, data=data, made=made
        )
        return
    # Minutes that are added afterwards, or a meeting kept for the record: nobody is invited to it.
    Entry.objects.create(
        called_meeting=called, what=trigger.value, actor=actor, user=user, at=now, data=data
    )
