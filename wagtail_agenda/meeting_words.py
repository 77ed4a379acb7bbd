"""What is said about a called meeting: what stands for placeholders, its calendar entry, its links.

As `correspondence` is for bookings. Participants read what is for the audience `VISITOR`; the
organiser and the staff of the agenda what is for `STAFF`.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.translation import get_supported_language_variant, gettext
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import correspondence, placeholders, tokens, wording
from wagtail_agenda.choices import Answer, Audience
from wagtail_agenda.correspondence import base_url, kept_values
from wagtail_agenda.ics import CalendarEvent, Party
from wagtail_agenda.mail_settings import calendar_domain, sender
from wagtail_agenda.models import CalledMeeting, Entry, Invitation
from wagtail_agenda.subjects import Subject

PLACEHOLDERS: Mapping[str, Any] = {
    "title": _("title of the meeting"),
    "when": _("day, start and end, in full"),
    "date": _("day, in full"),
    "time": _("time of the start"),
    "end_time": _("time of the end"),
    "time_zone": _("time zone"),
    "location": _("where it takes place, with the desk and the room or resource"),
    "resources": _("the desk and the room or resource that go with it"),
    "video_link": _("the video link"),
    "description": _("what is talked about, and what to prepare"),
    "organiser": _("the organiser's name"),
    "organiser_email": _("the organiser's e-mail address"),
    "participants": _("the names of all participants"),
    "user_name": _("the reader's own name"),
    "agenda": _("label of the agenda"),
    "contact": _("whom to turn to"),
    "status": _("status of the meeting"),
    "cancellation_reason": _("reason given for the cancellation"),
    "moved_from": _("day, start and end before the meeting was moved"),
    "changes": _("what is new since the reader was told last: time, place, documents …"),
    "answers": _("who has answered what, one line each"),
    "answered_by": _("who has just answered"),
    "answer": _("what they have just answered"),
    "problem": _("why it could not be published at its time"),
    "reply_url": _("the reader's own link to accept or decline"),
    "admin_url": _("address of the meeting's page in the admin"),
}
"""Names that texts about meetings may use, and what stands for them."""

SECRET_PLACEHOLDERS = frozenset({"reply_url"})
"""Names that stand in the mail of one participant alone."""

_FOR_STAFF_ALONE = frozenset({"admin_url", "problem", "answers", "answered_by", "answer"})

_PARTS = {
    "agenda": _("agenda"),
    "title": _("title"),
    "start": _("time"),
    "end": _("time"),
    "location": _("place"),
    "desk": _("place"),
    "resource": _("place"),
    "video_link": _("video link"),
    "description": _("topics and description"),
    "organiser_name": _("organiser"),
    "organiser_address": _("organiser"),
    "documents": _("documents"),
    "participants": _("participants"),
}

FACTS = ("from_start", "from_end", "name", "recipient", "answer", "problem", "changed")
"""What a mail about a meeting tells of the moment at which it is queued."""


def names_for(*audiences: str) -> list[str]:
    """The names that a text about a meeting may use which each of these audiences will read."""
    left_out: set[str] = set()
    if Audience.VISITOR in audiences:
        left_out |= _FOR_STAFF_ALONE
    if Audience.STAFF in audiences:
        left_out |= SECRET_PLACEHOLDERS
    return [name for name in PLACEHOLDERS if name not in left_out]


def facts_of(entry: Entry) -> dict[str, Any]:
    """What of an entry a mail is to tell, to keep until it is written."""
    facts = {name: entry.data.get(name) for name in FACTS}
    return {name: fact for name, fact in facts.items() if fact and isinstance(fact, str | list)}


def language_of(meeting: CalledMeeting) -> str:
    """The language to write in: the meeting's as far as the site has it, else the site's."""
    try:
        return get_supported_language_variant(meeting.language)
    except LookupError:
        return settings.LANGUAGE_CODE


def values_for(
    meeting: CalledMeeting,
    templates: Collection[str],
    audience: str,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """What stands for the names in these templates, in something that no mail is."""
    names = placeholders.names_in(*templates) & set(names_for(audience)) - SECRET_PLACEHOLDERS
    return placeholder_values(meeting, names, facts) | kept_values(meeting, templates)


def values_about(
    subject: Subject,
    templates: Collection[str],
    audience: str,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """What stands for the names in these templates, about a booking or about a meeting."""
    of_it = values_for if isinstance(subject, CalledMeeting) else correspondence.values_for
    return of_it(subject, templates, audience, facts)


def facts_about(subject: Subject, entry: Entry) -> dict[str, Any]:
    """What of an entry is to be told, about a booking or about a meeting."""
    if isinstance(subject, CalledMeeting):
        return facts_of(entry)
    return correspondence.facts_of(subject, entry)


def placeholder_values(
    meeting: CalledMeeting,
    names: Collection[str] = frozenset(PLACEHOLDERS),
    facts: Mapping[str, Any] | None = None,
    *,
    invitation: Invitation | None = None,
) -> dict[str, str]:
    """What stands for each placeholder, as plain text in the language that is active.

    `invitation` is that of the reader, who has a link of their own and is called by name.
    """
    facts = facts or {}
    start, end = meeting.local_start, meeting.local_end
    known: dict[str, Callable[[], str]] = {
        "title": lambda: meeting.title,
        "when": lambda: wording.span_text(start, end),
        "date": lambda: wording.day_text(start.date()),
        "time": lambda: wording.time_text(start),
        "end_time": lambda: wording.time_text(end),
        "time_zone": lambda: wording.zone_text(start),
        "location": lambda: location_of(meeting),
        "resources": lambda: rooms_text(meeting),
        "video_link": lambda: meeting.video_link,
        "description": lambda: meeting.description,
        "organiser": lambda: meeting.organiser_name,
        "organiser_email": lambda: meeting.organiser_address,
        "participants": lambda: ", ".join(
            one["name"] for one in meeting.participants if one["name"]
        ),
        "user_name": lambda: name_of(meeting, invitation.address) if invitation else "",
        "agenda": lambda: meeting.agenda.label,
        "contact": lambda: meeting.agenda.contact,
        "status": lambda: meeting.status.label if meeting.status else "",
        "cancellation_reason": lambda: meeting.cancellation_reason,
        "moved_from": lambda: _moved_from(meeting, facts),
        "changes": lambda: changes_text(facts.get("changed")),
        "answers": lambda: answers_text(meeting),
        "answered_by": lambda: str(facts.get("name") or facts.get("recipient") or ""),
        "answer": lambda: answer_text(str(facts.get("answer") or "")),
        "problem": lambda: str(facts.get("problem") or ""),
        "reply_url": lambda: reply_url(invitation) if invitation else "",
        "admin_url": lambda: admin_url(meeting),
    }
    return {name: text() for name, text in known.items() if name in names}


def rooms_text(meeting: CalledMeeting) -> str:
    """The labels of the desk and the room or resource that a meeting takes."""
    return ", ".join(str(room) for room in (meeting.desk, meeting.resource) if room is not None)


def location_of(meeting: CalledMeeting) -> str:
    """Where a meeting takes place, with its rooms; may be empty."""
    rooms = rooms_text(meeting)
    if meeting.location and rooms:
        return gettext("%(place)s (%(resources)s)") % {
            "place": meeting.location,
            "resources": rooms,
        }
    return meeting.location or rooms


def name_of(meeting: CalledMeeting, address: str) -> str:
    """By which name somebody is addressed who is invited; may be empty."""
    if address.lower() == meeting.organiser_address.lower():
        return meeting.organiser_name
    named = (one["name"] for one in meeting.participants if _is(one, address))
    return next(named, "")


def _is(participant: Mapping[str, Any], address: str) -> bool:
    return str(participant["address"]).lower() == address.lower()


def _moved_from(meeting: CalledMeeting, facts: Mapping[str, Any]) -> str:
    start, end = (_moment(facts.get(name), meeting) for name in ("from_start", "from_end"))
    return wording.span_text(start, end) if start and end else ""


def changes_text(changed: Any) -> str:
    """What of a meeting has changed, in words; `changed` are names of its columns."""
    if not isinstance(changed, list):
        return ""
    return ", ".join(dict.fromkeys(str(_PARTS.get(name, name)) for name in changed))


def _moment(written: Any, meeting: CalledMeeting) -> datetime | None:
    try:
        return datetime.fromisoformat(written).astimezone(meeting.agenda.zone)
    except (TypeError, ValueError, OverflowError):
        return None


# Answers


def answer_text(answer: str) -> str:
    """What somebody has answered, in words."""
    return str(Answer(answer).label if answer in Answer.values else answer)


def answers_of(meeting: CalledMeeting) -> Sequence[tuple[Mapping[str, Any], Invitation | None]]:
    """Everybody who is invited now, with their invitation once they were sent one."""
    known = {
        invitation.address: invitation
        for invitation in meeting.invitations.filter(audience=Audience.VISITOR)
    }
    return [(one, known.get(str(one["address"]).lower())) for one in meeting.participants]


def answers_text(meeting: CalledMeeting) -> str:
    """Who has answered what, one line each."""
    return "\n".join(
        wording.labelled(
            one["name"] or one["address"], answer_text(invitation.answer if invitation else "")
        )
        for one, invitation in answers_of(meeting)
    )


# Links


def reply_url(invitation: Invitation) -> str:
    """The link by which one recipient answers. A secret: it stands in their mail alone."""
    return _absolute("wagtail_agenda:reply", tokens.reply_token(invitation), invitation.subject)


def _absolute(name: str, token: str, subject: Subject) -> str:
    try:
        path = reverse(name, args=[token])
    except NoReverseMatch:
        # The add-on's URLs are not included; a system check says so.
        return ""
    return base_url(subject) + path


def admin_url(meeting: CalledMeeting) -> str:
    """The page of a meeting in the admin, for colleagues; "" where there is none."""
    try:
        path = reverse("wagtail_agenda_admin:meeting", args=[meeting.pk])
    except NoReverseMatch:
        return ""
    admin = getattr(settings, "WAGTAILADMIN_BASE_URL", None) or base_url(meeting)
    return admin.rstrip("/") + path


# Calendar entries


def organizer_of(meeting: CalledMeeting) -> Party:
    """The service address, under the organiser's name.

    A calendar takes no invitation from its own reader, and a person's own address in From fails
    the checks of mail servers; so answers go there by Reply-To alone.
    """
    service = sender(meeting.site)
    return Party(service.address, meeting.organiser_name or service.name)


def calendar_event(
    meeting: CalledMeeting, invitation: Invitation, *, sequence: int | None = None
) -> CalendarEvent:
    """A meeting as it stands in one recipient's calendar, in the language that is active."""
    place = location_of(meeting)
    lines = [meeting.description, meeting.video_link, meeting.agenda.contact]
    optional = any(
        not one["required"] for one in meeting.participants if _is(one, invitation.address)
    )
    return CalendarEvent(
        uid=invitation.uid,
        sequence=invitation.sequence if sequence is None else sequence,
        stamp=invitation.stamp,
        start=meeting.start,
        end=meeting.end,
        summary=meeting.title,
        description="\n\n".join(line for line in lines if line),
        location=place or meeting.video_link,
        url=meeting.video_link,
        created=meeting.published_at,
        organizer=organizer_of(meeting),
        attendee=Party(invitation.address, name_of(meeting, invitation.address)),
        optional=optional and invitation.audience == Audience.VISITOR,
        language=language_of(meeting),
        alarm=meeting.agenda.alarm,
    )


def uid_of(meeting: CalledMeeting, whom: str, address: str) -> str:
    """The UID of one recipient's copy, which is theirs for the life of the meeting."""
    digest = hashlib.sha256(address.encode()).hexdigest()[:12]
    return f"{meeting.uuid}-{whom}-{digest}@{calendar_domain()}"
