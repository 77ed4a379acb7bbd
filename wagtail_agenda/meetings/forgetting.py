"""Who is named in a meeting is told what is held about them, and forgotten: in time, or when asked.

What somebody typed lives on in the drafts and revisions of a meeting, so these are gone through as
well. That there was a meeting stays: its title, when and where, and how many were invited.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from wagtail.models import Revision

from wagtail_agenda.choices import DeliveryState
from wagtail_agenda.meetings.wanted import organiser_of, said_of, who_is
from wagtail_agenda.models import Agenda, CalledMeeting, Delivery, Entry, Invitation, Meeting

AT_ONCE = 500
"""How many meetings one run of the task forgets at the most."""

_KEPT_OF_ENTRIES = frozenset(
    {"status", "status_label", "from_status", "from_start", "from_end", "changed", "answer"}
)
"""What the history says of a meeting and not of a person."""

_NOT_OVER = (DeliveryState.DUE, DeliveryState.SENDING, DeliveryState.FAILED)


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
        for delivery in called.deliveries.all():
            _forget_delivery(delivery)
        for entry in called.entries.all():
            kept = {name: value for name, value in entry.data.items() if name in _KEPT_OF_ENTRIES}
            Entry.objects.filter(pk=entry.pk).update(data=kept)
        called.kept_files.all().delete()


def _forget_invitation(invitation: Invitation) -> None:
    # A meeting has a recipient once, so that they cannot all be empty; the UID has a digest of the
    # address in it, which could be guessed.
    Invitation.objects.filter(pk=invitation.pk).update(
        address=f"-{invitation.pk}", uid=f"anonymised:{invitation.pk}", content_hash=""
    )


def _forget_delivery(delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(
        key=f"anonymised:{delivery.pk}",
        recipient="",
        url="",
        action={},
        letter=None,
        message_id="",
        last_error="",
        state=DeliveryState.CANCELLED if delivery.state in _NOT_OVER else delivery.state,
        leased_until=None,
    )


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
    pks = [one.pk for one in found.filter(named).distinct() if _is_about(one, email)]
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


def to_come(email: str, now: datetime) -> list[CalledMeeting]:
    """The meetings that somebody calls or is invited to and that are neither over nor cancelled."""
    coming = meetings_of(email).filter(end__gt=now, cancelled_at=None)
    return [
        one
        for one in coming
        if _same(one.organiser_address, email)
        or any(_same(participant["address"], email) for participant in one.participants)
    ]


def told(email: str) -> list[dict[str, Any]]:
    """What is held about an address with each meeting, as JSON data."""
    return [
        {
            "title": called.title,
            "start": called.start.isoformat(),
            "end": called.end.isoformat(),
            "is_organiser": _same(called.organiser_address, email),
            "invited_as": [one for one in called.participants if _same(one["address"], email)],
            "calendar_copies": list(
                called.invitations.filter(address=email.strip().lower()).values(
                    "address", "uid", "sequence", "method", "answer"
                )
            ),
            "history": [
                {"at": entry.at.isoformat(), "what": entry.what, "data": entry.data}
                for entry in called.entries.order_by("pk")
                if _pattern(email).search(json.dumps(entry.data, ensure_ascii=False))
            ],
        }
        for called in meetings_of(email)
    ]


def take_out(email: str) -> int:
    """Take somebody out of every meeting, draft and revision; answers out of how many meetings.

    Call it for who has no meeting `to_come`: nobody is told.
    """
    touched: set[int] = set()
    with transaction.atomic():
        for called in meetings_of(email):
            _take_out_of_called(called, email)
            touched.add(called.meeting_id)
        for meeting in _drafts_with(email):
            _take_out_of_draft(meeting, email)
            touched.add(meeting.pk)
        for revision in _revisions_with(email):
            revision.content = _without(revision.content, email)
            revision.save(update_fields=["content"])
            touched.add(int(revision.object_id))
    return len(touched)


def _take_out_of_called(called: CalledMeeting, email: str) -> None:
    theirs = [one for one in called.participants if _same(one["address"], email)]
    called.participants = [one for one in called.participants if one not in theirs]
    if _same(called.organiser_address, email):
        theirs.append({"name": called.organiser_name, "address": called.organiser_address})
        called.organiser_name = called.organiser_address = ""
    called.save(update_fields=["participants", "organiser_name", "organiser_address"])
    for entry in called.entries.all():
        data = _history_without(entry.data, theirs, email)
        if data != entry.data:
            Entry.objects.filter(pk=entry.pk).update(data=data)
    for invitation in called.invitations.filter(address=email.strip().lower()):
        _forget_invitation(invitation)
    for delivery in called.deliveries.filter(recipient__iexact=email.strip()):
        _forget_delivery(delivery)


def _history_without(
    data: dict[str, Any], theirs: list[dict[str, Any]], email: str
) -> dict[str, Any]:
    """What an entry keeps without somebody: nothing of what is about them alone."""
    if _same(str(data.get("recipient") or ""), email):
        return {name: value for name, value in data.items() if name in _KEPT_OF_ENTRIES}
    said = data.get("participants")
    if not isinstance(said, str):
        return data
    for one in theirs:
        said = said.replace(said_of([one]), "")
    said = _pattern(email).sub("", said)
    return {**data, "participants": re.sub(r"(, )+", ", ", said).strip(", ")}


def _drafts_with(email: str) -> Iterator[Meeting]:
    email, own = email.strip(), get_user_model().get_email_field_name()
    named = (
        Q(participants__address__iexact=email)
        | Q(organiser_address__iexact=email)
        | Q(**{f"participants__user__{own}__iexact": email})
        | Q(**{f"organiser__{own}__iexact": email})
    )
    yield from Meeting.objects.filter(named).distinct().order_by("pk")


def _take_out_of_draft(meeting: Meeting, email: str) -> None:
    meeting.participants = [
        one for one in meeting.participants.all() if not _same(who_is(one)[1], email)
    ]
    if _same(organiser_of(meeting)[1], email):
        meeting.organiser, meeting.organiser_name, meeting.organiser_address = None, "", ""
    meeting.save()


def _revisions_with(email: str) -> Iterator[Revision]:
    of_meetings = Revision.objects.filter(
        base_content_type=ContentType.objects.get_for_model(Meeting)
    )
    found = of_meetings.annotate(text=Cast("content", TextField()))
    yield from found.filter(text__icontains=_in_json(email.strip())).order_by("pk")


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
