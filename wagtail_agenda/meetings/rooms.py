"""The desk and the resource that a meeting takes, by the same lock and rows as every booking."""

from collections.abc import Mapping
from datetime import datetime, timezone

from wagtail_agenda.availability import live_at
from wagtail_agenda.booking.admission import count, lock, take
from wagtail_agenda.booking.claims import Claim
from wagtail_agenda.contention import Outpaced
from wagtail_agenda.errors import RoomTaken
from wagtail_agenda.meetings.wanted import Wanted
from wagtail_agenda.models import Bookable, CalledMeeting, Meeting, Occupation
from wagtail_agenda.timegrid import epoch_minutes, epoch_minutes_up


def claims_of(wanted: Wanted | CalledMeeting) -> list[Claim]:
    """What a meeting takes of which desk and resource."""
    busy_from, busy_to = epoch_minutes(wanted.start), epoch_minutes_up(wanted.end)
    rooms = (wanted.desk, wanted.resource)
    return [Claim(room.bookable_id, busy_from, busy_to) for room in rooms if room is not None]


def taken_by(meeting: Meeting) -> set[int]:
    """The locks of what a meeting takes already, as read before any lock."""
    rows = Occupation.objects.filter(called_meeting__meeting=meeting).order_by()
    return set(rows.values_list("bookable_id", flat=True))


def locked(bookable_ids: set[int]) -> dict[int, Bookable]:
    """Take the locks; none where a meeting takes neither desk nor resource."""
    return lock(bookable_ids) if bookable_ids else {}


def require_free(
    claims: list[Claim], wanted: Wanted, now: datetime, *, but: CalledMeeting | None = None
) -> None:
    """Raise `RoomTaken`, which says until when, unless all that is claimed is free."""
    rooms = {room.bookable_id: room for room in (wanted.desk, wanted.resource) if room is not None}
    for claim in claims:
        overlapping = Occupation.objects.select_for_update().filter(
            live_at(now),
            bookable_id=claim.bookable_id,
            busy_to__gt=claim.busy_from,
            busy_from__lt=claim.busy_to,
        )
        if but is not None:
            overlapping = overlapping.exclude(called_meeting_id=but.pk)
        ends = list(overlapping.order_by().values_list("busy_to", flat=True))
        if ends:
            until = datetime.fromtimestamp(max(ends) * 60, timezone.utc)
            raise RoomTaken(str(rooms[claim.bookable_id]), until.astimezone(wanted.agenda.zone))


def occupy(called: CalledMeeting, claims: list[Claim], bookables: Mapping[int, Bookable]) -> None:
    """Take what is claimed in place of what the meeting took before; both are locked."""
    give_back(called, bookables)
    rows = occupations_of(called, claims)
    if rows:
        take(bookables, rows)


def occupations_of(called: CalledMeeting, claims: list[Claim]) -> list[Occupation]:
    """What takes that which is claimed, not saved yet."""
    return [
        Occupation(
            bookable_id=claim.bookable_id,
            busy_from=claim.busy_from,
            busy_to=claim.busy_to,
            called_meeting=called,
        )
        for claim in claims
    ]


def give_back(called: CalledMeeting, bookables: Mapping[int, Bookable]) -> None:
    """Free what a meeting takes. Raises `Outpaced` if something of it is not locked."""
    rows = list(Occupation.objects.select_for_update().filter(called_meeting=called).order_by("pk"))
    if not {row.bookable_id for row in rows} <= bookables.keys():
        raise Outpaced()
    Occupation.objects.filter(pk__in=[row.pk for row in rows]).delete()
    count(bookables, rows, -1)
