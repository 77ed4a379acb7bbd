"""All that a listing of appointments reads besides what is taken, in one statement.

A listing that remembers does little else than ask the database, so that each question less counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from django.db.models import F, IntegerField, Q, QuerySet, TextField, Value

from wagtail_agenda.availability.desks import DeskRow
from wagtail_agenda.availability.openings import PERIODS_AS_STORED, Link, published
from wagtail_agenda.models import Agenda, Desk, MeetingType
from wagtail_agenda.prepared import Prepared

_IN_ORDER = attrgetter("sort_order", "id")


@dataclass
class Gathered:
    """What is linked with what, by primary keys.

    `desks` are those in service, by agenda, in their order. `given_by` says by which desks a type
    is given, where some are chosen for it, and `needs` which resources it needs; `lends` which of
    the resources that were asked for an agenda lends. `periods` and `closed` are of agendas and
    desks, for `Hours`.
    """

    desks: dict[int, list[DeskRow]]
    given_by: dict[int, set[int]] = field(default_factory=dict)
    needs: dict[int, set[int]] = field(default_factory=dict)
    lends: dict[int, set[int]] = field(default_factory=dict)
    periods: dict[int, str] = field(default_factory=dict)
    closed: list[Link] = field(default_factory=list)


def gather(
    agendas: Sequence[Agenda],
    types: Sequence[MeetingType],
    resources: Iterable[int],
    using: str,
) -> Gathered:
    """What some agendas, with these types of theirs, need and offer, read from one database."""
    found = Gathered({agenda.pk: [] for agenda in agendas})
    linked = {_GIVEN_BY: found.given_by, _NEEDS: found.needs, _LENDS: found.lends}
    rows = _ROWS(
        [meeting_type.pk for meeting_type in types],
        list(found.desks),
        sorted({agenda.schedule_id for agenda in agendas} - {None}),
        sorted(resources),
        using=using,
    )
    for kind, *columns in rows:
        if kind == _DESK:
            row = DeskRow._make(columns)
            found.desks[row.agenda_id].append(row)
        elif kind == _PERIODS:
            found.periods[columns[0]] = columns[-2]
        elif kind in _CLOSED:
            found.closed.append((_CLOSED[kind], columns[0], columns[1]))
        else:
            linked[kind].setdefault(columns[0], set()).add(columns[1])
    for desks in found.desks.values():
        desks.sort(key=_IN_ORDER)
    return found


_DESK, _GIVEN_BY, _NEEDS, _LENDS, _AGENDA_CLOSED, _DESK_CLOSED, _PERIODS = range(7)
_CLOSED = {_AGENDA_CLOSED: Agenda, _DESK_CLOSED: Desk}
_NUMBERS = tuple(f"number_{place}" for place in range(6))
_TEXTS = ("text_0", "text_1")


def _rows(
    types: list[int], agendas: list[int], schedules: list[int], resources: list[int]
) -> QuerySet:
    """Rows of the kind, and the columns of a `DeskRow`, the first of which serve all others."""
    desks = Desk.objects.filter(agenda__in=agendas)
    given_by = MeetingType.desks.through.objects.filter(meetingtype__in=types)
    needs = MeetingType.resources.through.objects.filter(meetingtype__in=types)
    lends = Agenda.resources.through.objects.filter(agenda__in=agendas, resource__in=resources)
    closed = Agenda.closure_calendars.through.objects.filter(agenda__in=agendas)
    # By their agenda, so that the statement does not grow with the desks.
    desks_closed = Desk.closure_calendars.through.objects.filter(desk__agenda__in=agendas)
    followed = Q(pk__in=schedules) | Q(pk__in=desks.values("schedule"))
    return _columns(
        desks.filter(retired=False),
        _DESK,
        *("id", "agenda_id", "bookable_id", "schedule_id", "sort_order", "bookable__version"),
        texts=("label", "slug"),
    ).union(
        _columns(given_by, _GIVEN_BY, "meetingtype_id", "desk_id"),
        _columns(needs, _NEEDS, "meetingtype_id", "resource_id"),
        _columns(lends, _LENDS, "agenda_id", "resource_id"),
        _columns(closed, _AGENDA_CLOSED, "agenda_id", "closurecalendar_id"),
        _columns(desks_closed, _DESK_CLOSED, "desk_id", "closurecalendar_id"),
        _columns(published(followed), _PERIODS, "pk", texts=(PERIODS_AS_STORED,)),
        all=True,
    )


_ROWS = Prepared(Desk, _rows)


def _columns(rows: QuerySet, kind: int, *numbers: str, texts: tuple = ()) -> QuerySet:
    """As many columns for every kind of row; those that one has no use for are 0 or empty."""
    named = dict.fromkeys(_NUMBERS, Value(0, IntegerField()))
    named |= dict.fromkeys(_TEXTS, Value("", TextField()))
    named |= {f"number_{place}": F(column) for place, column in enumerate(numbers)}
    named |= {
        f"text_{place}": F(text) if isinstance(text, str) else text
        for place, text in enumerate(texts)
    }
    return rows.order_by().values_list(Value(kind, IntegerField()), *named.values())
