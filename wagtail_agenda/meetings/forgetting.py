"""Who is named in a meeting is told what is held about them, and forgotten: in time, or when asked.

What somebody typed lives on in the drafts and revisions of a meeting, so these are gone through as
well. That there was a meeting stays: its title, when and where it was, and what became of it.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from wagtail.models import Revision

from wagtail_agenda.booking.forgetting import forget_delivery, forget_invitation
from wagtail_agenda.meetings.wanted import organiser_of, who_is
from wagtail_agenda.models import Agenda, CalledMeeting, Entry, Invitation, Meeting

AT_ONCE = 500
"""How many meetings one run of the task forgets at the most."""

_KEPT_OF_ENTRIES = frozenset(
    {"status", "status_label", "from_status", "from_start", "from_end", "changed", "answer"}
)
"""What the history says of a meeting and not of a person."""


# After a time


def forget_due(now: datetime, *, most: int = AT_ONCE) -> int:
    """Forget who was invited to what is over for longer than its agenda keeps it.

    Answers how many meetings; those that ended first come first.
    """
    forgotten = 0
    for agenda in Agenda.objects.filter(retention_days__isnull=False).order_by("pk"):
        over = CalledMeeting.objects.filter(
            agenda=agenda,
            anonymised_at__isnull=True,
            end__lt=now - timedelta(days=agenda.retention_days),
        ).order_by("end", "pk")
        for called in over[: most - forgotten]:
            forget(called, now=now)
            forgotten += 1
    return forgotten


def forget(called: CalledMeeting, *, now: datetime) -> None:
    """Forget who called a meeting and who was invited, in every draft of it too."""
    with transaction.atomic():
        # Before the meeting, as the worker does it that notes in its history what has left.
        deliveries = list(called.deliveries.select_for_update().order_by("pk"))
        CalledMeeting.objects.filter(pk=called.pk).update(
            participants=[],
            organiser_name="",
            organiser_address="",
            cancellation_reason="",
            anonymised_at=now,
        )
        meeting = called.meeting
        meeting.revisions.all().delete()
        meeting = Meeting.objects.get(pk=meeting.pk)
        meeting.participants = []
        meeting.organiser, meeting.organiser_name, meeting.organiser_address = None, "", ""
        meeting.latest_revision = meeting.live_revision = None
        meeting.has_unpublished_changes = False
        meeting.save()
        for invitation in called.invitations.all():
            _forget_invitation(invitation)
        for delivery in deliveries:
            forget_delivery(delivery)
        for entry in called.entries.all():
            kept = {name: value for name, value in entry.data.items() if name in _KEPT_OF_ENTRIES}
            Entry.objects.filter(pk=entry.pk).update(data=kept)
        called.kept_files.all().delete()


def _forget_invitation(invitation: Invitation) -> None:
    forget_invitation(invitation)
    # It has a digest of the address in it, which could be guessed.
    Invitation.objects.filter(pk=invitation.pk).update(uid=f"anonymised:{invitation.pk}")


# Of one person


def meetings_of(email: str) -> QuerySet[CalledMeeting]:
    """The meetings that somebody has called, is invited to, or was, the oldest first."""
    email = email.strip()
    named = (
        Q(participants_text__icontains=_in_json(email))
        | Q(organiser_address__iexact=email)
        | Q(invitations__address=email.lower())
    )
    found = CalledMeeting.objects.annotate(participants_text=Cast("participants", TextField()))
    found = found.filter(named).order_by().values("pk")
    candidates = CalledMeeting.objects.filter(pk__in=found)
    pks = [one.pk for one in candidates if _is_about(one, email)]
    return CalledMeeting.objects.filter(pk__in=pks).select_related("agenda", "meeting")


def _in_json(email: str) -> str:
    return json.dumps(email)[1:-1]


def _is_about(called: CalledMeeting, email: str) -> bool:
    return (
        any(_same(one["address"], email) for one in called.participants)
        or _same(called.organiser_address, email)
        or called.invitations.filter(address=email.lower()).exists()
    )


def _same(address: str, email: str) -> bool:
    return address.strip().lower() == email.strip().lower()


@dataclass(frozen=True)
class Part:
    """What somebody has to do with a meeting: whoever calls it, is invited, or was once."""

    meeting: Meeting
    email: str

    def __str__(self) -> str:
        return str(self.meeting)

    @property
    def pk(self) -> int:
        return self.meeting.pk

    @property
    def agenda_id(self) -> int:
        return self.meeting.agenda_id

    @property
    def called(self) -> CalledMeeting | None:
        """The meeting as it was announced, None if it never was."""
        return CalledMeeting.objects.filter(meeting=self.meeting).first()


def parts_of(email: str) -> list[Part]:
    """Every meeting that names somebody, as announced, drafted or in an older version."""
    keys = set(meetings_of(email).values_list("meeting_id", flat=True))
    keys |= {meeting.pk for meeting in _drafts_with(email)}
    keys |= {
        int(revision.object_id)
        for revision in _revisions_with(email)
        if _pattern(email).search(json.dumps(revision.content, ensure_ascii=False))
    }
    found = Meeting.objects.filter(pk__in=keys).select_related("agenda").order_by("start", "pk")
    return [Part(meeting, email) for meeting in found]


def is_to_come(part: Part, now: datetime) -> bool:
    """Whether somebody calls or is invited to it and it is neither over nor cancelled."""
    called, email = part.called, part.email
    if called is None or called.is_cancelled or called.end <= now:
        return False
    names = [one["address"] for one in called.participants]
    return any(_same(name, email) for name in [*names, called.organiser_address])


def told(part: Part) -> dict[str, Any]:
    """What is held about somebody with a meeting, as JSON data."""
    meeting, called, email = part.meeting, part.called, part.email
    if called is None:
        return {"title": str(meeting), "agenda": str(meeting.agenda), "is_draft": True}
    return {
        "title": called.title,
        "agenda": str(called.agenda),
        "start": called.start.isoformat(),
        "end": called.end.isoformat(),
        "is_organiser": _same(called.organiser_address, email),
        "invited_as": [one for one in called.participants if _same(one["address"], email)],
        "calendar_copies": list(
            called.invitations.filter(address=email.lower()).values(
                "address", "uid", "sequence", "method", "answer"
            )
        ),
        "history": [
            {"at": entry.at.isoformat(), "what": entry.what, "data": entry.data}
            for entry in called.entries.order_by("pk")
            if _pattern(email).search(json.dumps(entry.data, ensure_ascii=False))
        ],
        "deliveries": list(
            called.deliveries.filter(recipient__iexact=email).values("kind", "state", "message_id")
        ),
    }


def take_out(part: Part) -> None:
    """Take somebody out of a meeting, its draft and its versions. Nobody is told."""
    email = part.email
    with transaction.atomic():
        if part.called is not None:
            _take_out_of_called(part.called, email)
        for meeting in _drafts_with(email).filter(pk=part.pk):
            _take_out_of_draft(meeting, email)
        for revision in _revisions_with(email).filter(object_id=str(part.pk)):
            revision.content = _without(revision.content, email)
            revision.save(update_fields=["content"])


def _take_out_of_called(called: CalledMeeting, email: str) -> None:
    theirs = called.deliveries.filter(recipient__iexact=email.strip())
    deliveries = list(theirs.select_for_update().order_by("pk"))
    kept = [one for one in called.participants if not _same(one["address"], email)]
    called.participants = kept
    if _same(called.organiser_address, email):
        called.organiser_name = called.organiser_address = ""
    called.save(update_fields=["participants", "organiser_name", "organiser_address"])
    for entry in called.entries.all():
        data = _history_without(entry.data, email)
        if data != entry.data:
            Entry.objects.filter(pk=entry.pk).update(data=data)
    for invitation in called.invitations.filter(address=email.strip().lower()):
        _forget_invitation(invitation)
    for delivery in deliveries:
        forget_delivery(delivery)


def _history_without(data: dict[str, Any], email: str) -> dict[str, Any]:
    """What an entry keeps without somebody: nothing of what is about them alone."""
    if _same(str(data.get("recipient") or ""), email):
        return {name: value for name, value in data.items() if name in _KEPT_OF_ENTRIES}
    named = data.get("participants")
    if not isinstance(named, list):
        return data
    return {**data, "participants": [one for one in named if not _same(one["address"], email)]}


def _drafts_with(email: str) -> QuerySet[Meeting]:
    email, own = email.strip(), get_user_model().get_email_field_name()
    named = (
        Q(participants__address__iexact=email)
        | Q(organiser_address__iexact=email)
        | Q(**{f"participants__user__{own}__iexact": email})
        | Q(**{f"organiser__{own}__iexact": email})
    )
    keys = Meeting.objects.filter(named).order_by().values("pk")
    return Meeting.objects.filter(pk__in=keys).order_by("pk")


def _take_out_of_draft(meeting: Meeting, email: str) -> None:
    meeting.participants = [
        one for one in meeting.participants.all() if not _same(who_is(one)[1], email)
    ]
    if _same(organiser_of(meeting)[1], email):
        meeting.organiser, meeting.organiser_name, meeting.organiser_address = None, "", ""
    meeting.save()


def _revisions_with(email: str) -> QuerySet[Revision]:
    of_meetings = Revision.objects.filter(
        base_content_type=ContentType.objects.get_for_model(Meeting)
    )
    found = of_meetings.annotate(text=Cast("content", TextField()))
    return found.filter(text__icontains=_in_json(email.strip())).order_by("pk")


def _without(content: dict[str, Any], email: str) -> dict[str, Any]:
    """The content of a revision without somebody."""
    content = {
        **content,
        "participants": [
            one
            for one in content.get("participants") or []
            if not _same(one.get("address") or "", email)
        ],
    }
    if _same(content.get("organiser_address") or "", email):
        content |= {"organiser": None, "organiser_name": "", "organiser_address": ""}
    return {
        name: _pattern(email).sub("", value) if isinstance(value, str) else value
        for name, value in content.items()
    }


def _pattern(email: str) -> re.Pattern:
    """The address where it stands as such, and not as a part of a longer one."""
    return re.compile(rf"(?<![\w.+-]){re.escape(email.strip())}(?![\w-]|\.\w)", re.IGNORECASE)
