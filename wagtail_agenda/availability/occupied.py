"""What is taken: the time of desks, as bits of a grid, and places kept until a moment."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat

from django.db import connections
from django.db.models import (
    Aggregate,
    BooleanField,
    Count,
    ExpressionWrapper,
    Field,
    Q,
    QuerySet,
)

from wagtail_agenda.availability.asked import Asked
from wagtail_agenda.availability.remembered import masks_by_version
from wagtail_agenda.choices import Admission
from wagtail_agenda.models import Occupation
from wagtail_agenda.timegrid import Grid

ROWS_AT_ONCE = 20_000
"""How many occupations a listing takes from the database at a time."""


def live_at(now: datetime) -> Q:
    """The occupations that count at that moment: holds and offers lapse by the clock alone."""
    return Q(lapses_at__isnull=True) | Q(lapses_at__gt=now)


def busy_masks(
    versions: Mapping[int, int], grid: Grid, asked: Asked, horizon: int, using: str
) -> dict[int, int]:
    """What is taken of desks and resources, by the key of their bookable, as bits of the grid.

    `versions` are those of their bookables, read before, from the same database: a replica may not
    know yet of what is newer. What starts after the epoch minute `horizon` is not asked for often
    enough to be remembered.
    """
    if not versions:
        return {}
    taken = Occupation.objects.using(using)

    def read(bookable_ids: Collection[int], wanted: Grid) -> tuple[dict[int, int], set[int]]:
        lapsing: set[int] = set()
        masks = _masks(taken.filter(live_at(asked.now)), bookable_ids, wanted, lapsing)
        if lapsing:
            masks = {pk: mask for pk, mask in masks.items() if pk not in lapsing}
            masks |= _masks(taken.filter(lapses_at__isnull=True), lapsing, wanted)
        return masks, lapsing

    not_mine = Q()
    if asked.lock_code:
        not_mine = ~Q(hold__lock_code=asked.lock_code, hold__isnull=False)
    known = None
    if asked.but_booking is not None:
        # What is remembered has it as taken, and not apart from what others take beside it.
        not_mine &= ~Q(booking_id=asked.but_booking.pk, booking__isnull=False)
    else:
        known = masks_by_version(versions, grid, using, horizon, asked.now, read)
    if known is None:
        return _masks(taken.filter(live_at(asked.now), not_mine), versions, grid)
    masks, lapsing = known
    if lapsing:
        until_a_moment = taken.filter(not_mine, lapses_at__gt=asked.now)
        for pk, mask in _masks(until_a_moment, lapsing, grid).items():
            masks[pk] = masks.get(pk, 0) | mask
    return masks


def _masks(
    taken: QuerySet[Occupation],
    bookable_ids: Collection[int],
    grid: Grid,
    lapsing: set[int] | None = None,
) -> dict[int, int]:
    """The masks of some occupations; `lapsing` receives the bookables of those that lapse."""
    within = taken.filter(
        bookable_id__in=list(bookable_ids), busy_to__gt=grid.origin, busy_from__lt=grid.end
    )
    return grid.outward_masks(_busy_times(within.order_by(), set() if lapsing is None else lapsing))


def _busy_times(taken: QuerySet[Occupation], lapsing: set[int]) -> Iterable[tuple[int, int, int]]:
    """Bookable, begin and end of each occupation; what `lapsing` receives is in `_masks`."""
    array = ARRAYS.get(connections[taken.db].vendor)
    if array is None:
        return _one_by_one(taken, lapsing)
    # One row per desk: a row costs more than what is in it. Both aggregates see the occupations in
    # the same order, whatever that is.
    desks = list(
        taken.values("bookable_id").values_list(
            "bookable_id", array("busy_from"), array("busy_to"), Count("lapses_at")
        )
    )
    lapsing.update(key for key, _begins, _ends, number in desks if number)
    return chain.from_iterable(
        zip(repeat(key), begins, ends, strict=False) for key, begins, ends, _number in desks
    )


def _one_by_one(taken: QuerySet[Occupation], lapsing: set[int]) -> Iterator[tuple[int, int, int]]:
    # As a moment it would cost more to read than all the rest.
    lapses = ExpressionWrapper(Q(lapses_at__isnull=False), BooleanField())
    rows = taken.values_list("bookable_id", "busy_from", "busy_to", lapses)
    for key, begin, end, is_lapsing in rows.iterator(chunk_size=ROWS_AT_ONCE):
        if is_lapsing:
            lapsing.add(key)
        yield key, begin, end


class _ArrayOfPostgreSQL(Aggregate):
    function = "array_agg"
    output_field = Field()


class _ArrayOfSQLite(Aggregate):
    function = "json_group_array"
    output_field = Field()

    def convert_value(self, value, expression, connection):
        return json.loads(value)


ARRAYS = {"postgresql": _ArrayOfPostgreSQL, "sqlite": _ArrayOfSQLite}


@dataclass
class Lapsing:
    """What is kept of an event until a moment only: by holds, offers and requests for approval.

    `main` and `waiting` count places. `offered` says that somebody on the waiting list is being
    offered one; `own` that one of the main list is kept for the lock code that asks, whose own
    places are counted in neither.
    """

    main: int = 0
    waiting: int = 0
    offered: bool = False
    own: bool = False


def lapsing_places(
    bookable_ids: Sequence[int], now: datetime, lock_code: str = ""
) -> dict[int, Lapsing]:
    """What lapses by the clock and has not yet, by bookable; without those where nothing does."""
    rows = (
        Occupation.objects.filter(bookable_id__in=bookable_ids, lapses_at__gt=now)
        .order_by()
        .values_list("bookable_id", "waiting", "places", "booking__admission", "hold__lock_code")
    )
    found: dict[int, Lapsing] = {}
    for bookable_id, waiting, places, admission, held_by in rows:
        kept = found.setdefault(bookable_id, Lapsing())
        if lock_code and held_by == lock_code:
            kept.own = kept.own or not waiting
        elif waiting:
            kept.waiting += places
        else:
            kept.main += places
            kept.offered = kept.offered or admission == Admission.OFFERED
    return found


def held_places(bookable_ids: Sequence[int], now: datetime, lock_code: str = "") -> dict[int, int]:
    """How many places of the main list are kept until a moment only, by bookable.

    These are in no counter; what `lock_code` holds is left out.
    """
    kept = lapsing_places(bookable_ids, now, lock_code)
    return {bookable_id: lapsing.main for bookable_id, lapsing in kept.items() if lapsing.main}
