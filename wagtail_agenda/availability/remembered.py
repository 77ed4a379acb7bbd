"""What is taken for good, remembered by this process for as long as nothing changes it.

`Bookable.version` rises with every change of what is taken, in the transaction that changes it. So
what was read under a version is right for whoever reads that version, in any process. Versions are
read first and occupations second: a change in between makes what is stored newer than its version,
which costs one more reading when the next version is seen, and is never wrong.

Nothing is stored inside a transaction, where a version may be read that is never committed. What
lapses by the clock is not stored either, only whether there was any under that version: `occupied`
reads it each time, and does not have to ask where there is none.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from django.db import connections

from wagtail_agenda.timegrid import CELL_MINUTES, DAY_MINUTES, Grid, epoch_minutes

MOST_BOOKABLES = 5_000
"""How many desks and resources are remembered; those asked for longest ago are forgotten first."""

MOST_DAYS = 400
"""The longest stretch that is remembered, a bit per five minutes: fourteen kilobytes."""


@dataclass(frozen=True)
class _Remembered:
    """The mask of one bookable under one version, on a grid of its own.

    `lapsing` says whether anything on that grid was kept until a moment only.
    """

    version: int
    grid: Grid
    mask: int
    lapsing: bool


_lock = Lock()
_remembered: OrderedDict[tuple[str, int], _Remembered] = OrderedDict()


def forget() -> None:
    """Forget everything; what is asked for next is read anew."""
    with _lock:
        _remembered.clear()


def grid_to_remember(horizon: int, now: datetime) -> Grid | None:
    """From yesterday to the end of the day of an epoch minute; None if that is too long.

    Whole days UTC, so that all listings of a day ask for the same.
    """
    grid = Grid.of_whole_days(epoch_minutes(now - timedelta(days=1)), horizon)
    return grid if 0 < grid.end - grid.origin <= MOST_DAYS * DAY_MINUTES else None


def masks_by_version(
    versions: Mapping[int, int],
    wanted: Grid,
    using: str,
    horizon: int,
    now: datetime,
    read: Callable[[Collection[int], Grid], tuple[Mapping[int, int], Collection[int]]],
) -> tuple[dict[int, int], list[int]] | None:
    """What is taken for good of bookables, by their key, as bits of the grid that is wanted.

    Also answers with the keys of those of which something is kept until a moment. `versions` are
    theirs, read before this is called; `read` reads both for some of them on a grid. None where
    nothing may be remembered: the caller then reads what it wants by itself.
    """
    remembered_grid = grid_to_remember(horizon, now)
    if (
        connections[using].in_atomic_block
        or remembered_grid is None
        or wanted.origin < remembered_grid.origin
        or wanted.end > remembered_grid.end
    ):
        return None
    found: dict[int, _Remembered] = {}
    with _lock:
        for pk, version in versions.items():
            known = _remembered.get((using, pk))
            if known is not None and _serves(known, version, wanted):
                found[pk] = known
                _remembered.move_to_end((using, pk))
    missing = versions.keys() - found.keys()
    if missing:
        masks, lapsing = read(missing, remembered_grid)
        fresh = {
            pk: _Remembered(versions[pk], remembered_grid, masks.get(pk, 0), pk in lapsing)
            for pk in missing
        }
        found |= fresh
        with _lock:
            for pk, known in fresh.items():
                _remembered[using, pk] = known
                _remembered.move_to_end((using, pk))
            while len(_remembered) > MOST_BOOKABLES:
                _remembered.popitem(last=False)
    full = wanted.full
    masks = {
        pk: known.mask >> (wanted.origin - known.grid.origin) // CELL_MINUTES & full
        for pk, known in found.items()
        if known.mask
    }
    return masks, [pk for pk, known in found.items() if known.lapsing]


def _serves(known: _Remembered, version: int, wanted: Grid) -> bool:
    return (
        known.version == version
        and known.grid.origin <= wanted.origin
        and wanted.end <= known.grid.end
    )
