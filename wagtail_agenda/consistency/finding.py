"""What a finding is, and what looking and mending share."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wagtail_agenda import workflow
from wagtail_agenda.booking.admission import lock
from wagtail_agenda.contention import Outpaced, retried
from wagtail_agenda.models import Bookable, Entry, Occupation, WorkflowStatus

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


# Under the lock


def each_bookable(keys: Iterable[int], repair: Callable[[Bookable], bool], _now: datetime) -> int:
    return sum(retried(lambda _nothing, pk=pk: repair(lock([pk])[pk])) for pk in keys)


def under_locks(
    guess: Callable[[], set[int]], read: Callable[[], Any], repair: Callable[..., bool]
) -> bool:
    """Repair what `read` locks, under the locks of all that `guess` says it takes."""

    def work(known: set[int]) -> bool:
        bookables = lock(known) if known else {}
        row = read()
        if guess() != known:
            raise Outpaced()
        return repair(row, bookables)

    return retried(work, guess)


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
