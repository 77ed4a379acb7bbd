"""The meetings that take desks and resources, as agents see them beside bookings.

Rooms are shared. Who may not see the agenda of a meeting sees when the room is taken, and neither
what is talked about nor where to read on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, QuerySet

from wagtail_agenda import permissions
from wagtail_agenda.models import CalledMeeting, Desk, Occupation
from wagtail_agenda.views.admin.base import url_to
from wagtail_agenda.views.admin.presentation import times


@dataclass
class MeetingLine:
    """One meeting in the agenda view. Who may not see it has neither its title nor its page."""

    key: int
    start: datetime
    end: datetime
    times: str
    title: str = ""
    url: str = ""
    desk: Desk | None = None
    resources: list[str] = field(default_factory=list)

    is_meeting = True
    """Tells it apart from bookings and holds, where a template has all three."""

    @property
    def desk_id(self) -> int | None:
        return self.desk.pk if self.desk else None


def meeting_lines(
    taken: QuerySet[Occupation], desks: Mapping[int, Desk], user, zone: ZoneInfo
) -> list[MeetingLine]:
    """One line for each meeting, with whatever it takes of `taken`. One query.

    `desks` are by the keys of their bookables; whatever else is taken is a resource.
    """
    may_see = permissions.visible(user, CalledMeeting.objects.all())
    rows = taken.select_related("called_meeting", "bookable__resource").annotate(
        may_be_seen=Exists(may_see.filter(pk=OuterRef("called_meeting_id")))
    )
    found: dict[int, MeetingLine] = {}
    for row in rows.order_by("busy_from", "called_meeting_id", "bookable__resource__label"):
        line = found.setdefault(row.called_meeting_id, _line(row, zone))
        if row.bookable_id in desks:
            line.desk = desks[row.bookable_id]
        else:
            line.resources.append(row.bookable.resource.label)
    return list(found.values())


def of_desk(lines: Iterable[MeetingLine], desk: Desk | None) -> list[MeetingLine]:
    """Those that take a desk; without one, those that take resources alone."""
    return [line for line in lines if line.desk_id == (desk.pk if desk else None)]


def _line(row: Occupation, zone: ZoneInfo) -> MeetingLine:
    meeting = row.called_meeting
    line = MeetingLine(
        meeting.pk, meeting.start, meeting.end, times(meeting.start, meeting.end, zone)
    )
    if row.may_be_seen:
        line.title, line.url = meeting.title, url_to("meeting", meeting.pk)
    return line
