"""What is held about one person, found by their e-mail address: looked up, told, erased."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model

from wagtail_agenda.contention import retried
from wagtail_agenda.privacy.addresses import Address
from wagtail_agenda.privacy.mentions import Mention, mentions, of_editors, take_out
from wagtail_agenda.privacy.subjects import SUBJECTS, Subject


class StillToCome(Exception):
    """Something of the person's is still to come: `rows`. Nothing was erased."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows
        super().__init__(", ".join(str(getattr(row, "reference", row)) for row in rows))


@dataclass(frozen=True)
class Held:
    """Everything that is held about an address.

    `subjects` has what is about the person, by the name of its kind; `mentions` is where the
    address stands in what is about others; `of_editors` what editors have written it into, which
    no erasure touches.
    """

    email: str
    subjects: dict[str, list[Any]]
    mentions: list[Mention]
    of_editors: list[Model]

    def to_come(self, now: datetime) -> list[Any]:
        """What keeps the person from being erased."""
        return [row for kind, row in _each(self) if kind.is_to_come(row, now)]

    @property
    def is_nothing(self) -> bool:
        return not (any(self.subjects.values()) or self.mentions or self.of_editors)


def held(email: str) -> Held:
    """What is held about an e-mail address, whatever its capitals."""
    address = Address(email.strip())
    subjects = {kind.name: kind.of(address) for kind in SUBJECTS}
    theirs = [row for rows in subjects.values() for row in rows]
    found = list(mentions(address, besides=theirs))
    return Held(address.email, subjects, found, list(of_editors(address)))


def export(email: str) -> dict[str, Any]:
    """Everything that is held about an e-mail address, as JSON data.

    ``bookings`` has those that were made for it, each with its history, mails, calls, calendar
    copies and files, ``drafts`` what was typed without booking; ``mentions`` where else it stands,
    by table and key, and ``written_by_editors`` what only an editor can remove it from.
    """
    return as_data(held(email))


def as_data(found: Held) -> dict[str, Any]:
    """What was found, as JSON data."""
    return {
        "email": found.email,
        **{kind.name: [kind.told(row) for row in found.subjects[kind.name]] for kind in SUBJECTS},
        "mentions": [
            {
                "table": mention.row._meta.model_name,
                "key": mention.row.pk,
                "fields": mention.fields,
            }
            for mention in found.mentions
        ],
        "written_by_editors": [
            {"table": row._meta.model_name, "key": row.pk, "label": str(row)}
            for row in found.of_editors
        ],
    }


def erase(email: str, *, now: datetime) -> dict[str, int]:
    """Erase what is held about an e-mail address, and answer how much of each kind.

    Its own bookings are anonymised and what was typed is emptied; where it stands in what is about
    others, the address alone goes. Raises `StillToCome` if it has a booking that is neither over
    nor cancelled: cancel that first. What editors have written stays theirs to change, and copies
    in backups and in mailboxes are out of reach. Raises `Overloaded`, and has done nothing then.
    """
    address = Address(email.strip())

    def work(_nothing: None) -> dict[str, int]:
        found = held(address.email)
        if to_come := found.to_come(now):
            raise StillToCome(to_come)
        counts = {kind.name: 0 for kind in SUBJECTS}
        for kind, row in _each(found):
            counts[kind.name] += kind.forget(row, now)
        # Found anew: what belongs to a booking of theirs has gone with it.
        left = list(mentions(address))
        for mention in left:
            take_out(mention, address)
        return {**counts, "mentions": len(left)}

    return retried(work)


def _each(found: Held) -> Iterator[tuple[Subject, Any]]:
    for kind in SUBJECTS:
        for row in found.subjects[kind.name]:
            yield kind, row
