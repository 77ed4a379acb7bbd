"""What a meeting says, as everybody is to be told it: plain data, read from what was typed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from wagtail_agenda.cleaning import clean_text, email_address, one_line
from wagtail_agenda.errors import NotReadyToCall
from wagtail_agenda.models import Agenda, CalledMeeting, Desk, Meeting, Participant, Resource


@dataclass(frozen=True)
class Wanted:
    """The columns of a `CalledMeeting` that come from what an editor typed, cleaned."""

    agenda: Agenda
    title: str
    start: datetime
    end: datetime
    location: str
    video_link: str
    description: str
    organiser_name: str
    organiser_address: str
    desk: Desk | None
    resource: Resource | None
    documents: list[int]
    participants: list[dict[str, Any]]

    @property
    def columns(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def changes_of(self, called: CalledMeeting) -> list[str]:
        """The names of what differs from what was announced; of participants, those who stay."""
        before = {**_columns_of(called), "participants": _staying(called.participants, self)}
        after = {**self.columns, "participants": _staying(self.participants, called)}
        return [name for name, value in after.items() if value != before[name]]

    def added_to(self, called: CalledMeeting) -> list[dict[str, Any]]:
        """The participants who were not invited before."""
        before = _addresses(called.participants)
        return [one for one in self.participants if one["address"].lower() not in before]

    def removed_from(self, called: CalledMeeting) -> list[dict[str, Any]]:
        """The participants who are no longer invited."""
        after = _addresses(self.participants)
        return [one for one in called.participants if one["address"].lower() not in after]


def _columns_of(called: CalledMeeting) -> dict[str, Any]:
    return {field.name: getattr(called, field.name) for field in fields(Wanted)}


def _staying(
    participants: list[dict[str, Any]], others: Wanted | CalledMeeting
) -> list[dict[str, Any]]:
    known = _addresses(others.participants)
    stay = (one for one in participants if one["address"].lower() in known)
    return sorted(stay, key=lambda one: one["address"].lower())


def _addresses(participants: list[dict[str, Any]]) -> set[str]:
    return {one["address"].lower() for one in participants}


def wanted_of(meeting: Meeting) -> Wanted:
    """What a meeting says. Raises `NotReadyToCall` if something is missing that all must know."""
    missing = missing_of(meeting)
    if missing:
        raise NotReadyToCall(missing)
    name, address = organiser_of(meeting)
    return Wanted(
        agenda=meeting.agenda,
        title=one_line(meeting.title),
        start=meeting.start,
        end=meeting.end,
        location=one_line(meeting.location),
        video_link=meeting.video_link.strip(),
        description=clean_text(meeting.description).strip(),
        organiser_name=name,
        organiser_address=address,
        desk=meeting.desk,
        resource=meeting.resource,
        documents=list(documents_of(meeting)),
        participants=participants_of(meeting),
    )


def missing_of(meeting: Meeting) -> list[str]:
    """What a meeting needs before it can be published, in words; empty if nothing."""
    needed = {
        _("a title"): one_line(meeting.title or ""),
        _("when it starts"): meeting.start,
        _("when it ends, after it has started"): meeting.end
        and (not meeting.start or meeting.end > meeting.start),
        _("an organiser with an e-mail address"): organiser_of(meeting)[1],
        _("at least one participant with an e-mail address"): participants_of(meeting),
    }
    return [what for what, there in needed.items() if not there]


def organiser_of(meeting: Meeting) -> tuple[str, str]:
    """Name and address of the organiser: what was typed, else the user's own."""
    user = meeting.organiser
    own_name, own_address = _of_user(user) if user is not None else ("", "")
    return (
        one_line(meeting.organiser_name) or own_name,
        _usable(meeting.organiser_address) or own_address,
    )


def participants_of(meeting: Meeting) -> list[dict[str, Any]]:
    """Everybody who is invited, each address once. Who has no usable address cannot be."""
    found: dict[str, dict[str, Any]] = {}
    for participant in meeting.participants.all():
        name, address = who_is(participant)
        if address:
            one = {"address": address, "name": name, "required": participant.required}
            found.setdefault(address.lower(), one)
    return list(found.values())


def who_is(participant: Participant) -> tuple[str, str]:
    """Name and address of a participant: what was typed, else the user's own."""
    user = participant.user
    own_name, own_address = _of_user(user) if user is not None else ("", "")
    return one_line(participant.name) or own_name, _usable(participant.address) or own_address


def _of_user(user: Any) -> tuple[str, str]:
    address = _usable(getattr(user, user.get_email_field_name(), "") or "")
    return one_line(user.get_full_name() or user.get_username()), address


def _usable(address: str) -> str:
    address = address.strip()
    try:
        email_address(address)
    except ValueError:
        return ""
    return address


def documents_of(meeting: Meeting) -> Iterator[int]:
    """The keys of the documents that go with a meeting, each once."""
    seen = set()
    for row in meeting.documents.raw_data:
        key = row.get("value") if isinstance(row, Mapping) else None
        if type(key) is int and key not in seen:
            seen.add(key)
            yield key
