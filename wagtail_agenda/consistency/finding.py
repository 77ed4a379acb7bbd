"""What a finding is, and what looking and mending share."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from wagtail_agenda import workflow
from wagtail_agenda.booking.admission import lock
from wagtail_agenda.contention import Outpaced, retried
from wagtail_agenda.mailing import Mails
from wagtail_agenda.meeting_mailing import MeetingMails
from wagtail_agenda.models import (
    Bookable,
    Booking,
    CalledMeeting,
    Entry,
    Occupation,
    WorkflowStatus,
)

MISSED_FOR = timedelta(days=7)
"""How far back mails are missed: a confirmation that comes later helps nobody."""


@dataclass(frozen=True)
class Finding:
    """Something that does not balance.

    `code` is stable English, `message` a sentence in the active language. `keys` are the primary
    keys of what is concerned: ``bookings``, ``meetings`` (as they were called), ``bookables``,
    ``holds`` or ``series``, as `of` says.
    `mend` repairs what it can at a moment and answers how many of them it changed; None where only
    people can decide.
    """

    code: str
    message: str
    of: str
    keys: tuple[int, ...]
    mend: Callable[[datetime], int] | None = None

    def as_json(self) -> dict[str, Any]:
        """The finding as plain data."""
        return {
            "code": self.code,
            "message": self.message,
            "of": self.of,
            "keys": list(self.keys),
            "can_be_mended": self.mend is not None,
        }


def sorted_keys(pks: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(pks))


def mail_actions(status: WorkflowStatus) -> Iterator[tuple[int, dict[str, Any]]]:
    for name, position, value in workflow.rows_of(status.actions):
        if name == "send_email":
            yield position, value


def led_to(entry: Entry, status: int | None) -> bool:
    """Whether a line of the history says that its booking or meeting reached this status.

    What a line about a failed call has for a status is where the failure was to lead.
    """
    return entry.data.get("status") == status and "delivery" not in entry.data


def queue_anew(mails: Mails | MeetingMails, about: Booking | CalledMeeting, entry: Entry) -> None:
    """Queue what the status of a booking or meeting sends, as of the line that led to it."""
    for position, value in mail_actions(about.status):
        mails.add(about, entry, position, value)
    mails.write()


# Under the lock


def each_bookable(keys: Iterable[int], repair: Callable[[Bookable], bool], _now: datetime) -> int:
    return sum(retried(lambda _nothing, pk=pk: repair(lock([pk])[pk])) for pk in keys)


def each_under_locks(
    takes: Callable[[int], set[int]],
    read: Callable[[int], Any],
    keys: Iterable[int],
    repair: Callable[..., bool],
    now: datetime,
) -> int:
    """Repair what `read` locks of each key, under the locks of all that `takes` says it takes.

    `repair` is given the row, the locked bookables by primary key, and `now`.
    """
    return sum(
        _under_locks(partial(takes, pk), partial(read, pk), partial(repair, now=now)) for pk in keys
    )


def _under_locks(
    guess: Callable[[], set[int]], read: Callable[[], Any], repair: Callable[..., bool]
) -> bool:
    def work(known: set[int]) -> bool:
        bookables = lock(known) if known else {}
        row = read()
        if guess() != known:
            raise Outpaced()
        return repair(row, bookables)

    return retried(work, guess)


def take_anew(
    present: Iterable[Occupation], should: Iterable[Occupation], bookables: Iterable[Bookable]
) -> None:
    """Put the occupations that should be in the place of those that are, and count them."""
    Occupation.objects.filter(pk__in=[row.pk for row in present]).delete()
    Occupation.objects.bulk_create(should)
    for bookable in bookables:
        count_anew(bookable)


def count_anew(bookable: Bookable) -> bool:
    sums = [0, 0]
    rows = Occupation.objects.select_for_update().filter(
        bookable_id=bookable.pk, lapses_at__isnull=True
    )
    for waiting, places in rows.order_by().values_list("waiting", "places"):
        sums[waiting] += places
    if [bookable.places_booked, bookable.places_waiting] == sums:
        return False
    bookable.places_booked, bookable.places_waiting = sums
    bookable.save(update_fields=["places_booked", "places_waiting"])
    return True
