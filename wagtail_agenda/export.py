"""Bookings as a table: one row each, with the answers to every question that was asked.

The bookings are named by their keys, and read a few hundred at a time. So memory stays small
whatever their number, on every database; what was counted is what is written, though people book
meanwhile; and no statement stays open for long.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.text import capfirst
from django.utils.translation import gettext

from wagtail_agenda.choices import Actor, Admission, Attendance
from wagtail_agenda.form_definition import in_words
from wagtail_agenda.models import Booking, FormVersion
from wagtail_agenda.spreadsheets import Cell

AT_ONCE = 500
"""Bookings that are read together; below what any database takes in one list."""

BEFORE_TIMES = (
    "reference",
    "agenda__label",
    "virtual_agenda__label",
    "meeting_type__label",
    "event__label",
    "desk__label",
)
AFTER_TIMES = (
    "places",
    "status__label",
    "admission",
    "attendance",
    "attendance_reason__label",
    "attendance_note",
    "label",
    "user_name",
    "user_email",
    "user_phone_number",
    "user_external_id",
    "description",
    "language",
    "made_by",
)
AT_THE_END = ("cancellation_reason",)
UNTIL_DECIDED = ("waiting_since", "decide_by")
TIMES = ("start", "end", *UNTIL_DECIDED, "created_at", "cancelled_at")
HIDDEN = ("pk", "agenda__timezone", "form_version_id", "answers")

CHOICES: Mapping[str, type] = {
    "admission": Admission,
    "attendance": Attendance,
    "made_by": Actor,
}


@dataclass(frozen=True)
class Table:
    """`headings` in the active language, and `rows` to be gone through once."""

    headings: list[str]
    rows: Iterator[list[Cell]]


def table_of(pks: Sequence[int]) -> Table:
    """The bookings with these keys, in this order.

    Times are in the zone of each booking's agenda, which is named beside them with its distance
    from UTC. Questions with the same words, or the same name for other systems, share a column,
    whatever form they stood in; what was answered without having been asked comes last, under its
    own name.
    """
    answers = _Answers()
    for chunk in _chunks(pks):
        # Which questions share a column, and its heading, is to be the same each time.
        found = Booking.objects.filter(pk__in=chunk).order_by("pk")
        for version, given in found.values_list("form_version_id", "answers"):
            answers.take(version, given)
    headings = [
        *map(_heading, BEFORE_TIMES),
        _heading("resources"),
        _heading("start"),
        _heading("end"),
        gettext("Time zone"),
        gettext("UTC offset"),
        *map(_heading, AFTER_TIMES),
        *map(_heading, UNTIL_DECIDED),
        _heading("created_at"),
        _heading("cancelled_at"),
        *map(_heading, AT_THE_END),
        *answers.headings,
    ]
    return Table(headings, _rows(pks, answers))


def _rows(pks: Sequence[int], answers: "_Answers") -> Iterator[list[Cell]]:
    columns = (*HIDDEN, *BEFORE_TIMES, *TIMES, *AFTER_TIMES, *AT_THE_END)
    words = {
        name: {value: str(label) for value, label in choices.choices}
        for name, choices in CHOICES.items()
    }
    for chunk in _chunks(pks):
        found = Booking.objects.filter(pk__in=chunk).order_by().values_list(*columns, named=True)
        by_key = {row.pk: row for row in found}
        resources = _resources_of(chunk)
        for pk in chunk:
            if pk in by_key:
                yield _row(by_key[pk], ", ".join(resources.get(pk, ())), words, answers)


def _resources_of(pks: Sequence[int]) -> dict[int, list[str]]:
    """The labels of the resources that bookings have, in their order."""
    found: dict[int, list[str]] = {}
    links = Booking.resources.through.objects.filter(booking__in=pks)
    ordered = links.order_by("resource__sort_order", "resource__label", "resource")
    for pk, label in ordered.values_list("booking_id", "resource__label"):
        found.setdefault(pk, []).append(label)
    return found


def _row(booking, resources: str, words: Mapping[str, Mapping], answers: "_Answers") -> list[Cell]:
    zone = ZoneInfo(booking.agenda__timezone)

    def cell(name: str) -> Cell:
        value = getattr(booking, name)
        return words[name].get(value, value) if name in words else value

    return [
        *map(cell, BEFORE_TIMES),
        resources,
        _local(booking.start, zone),
        _local(booking.end, zone),
        zone.key,
        _offset(booking.start, zone),
        *map(cell, AFTER_TIMES),
        *(_local(getattr(booking, name), zone) for name in UNTIL_DECIDED),
        _local(booking.created_at, zone),
        _local(booking.cancelled_at, zone),
        *map(cell, AT_THE_END),
        *answers.cells(booking.form_version_id, booking.answers),
    ]


def _local(instant: datetime | None, zone: ZoneInfo) -> datetime | None:
    """As the clock on the agenda's wall shows it, to the minute."""
    if instant is None:
        return None
    return instant.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)


def _offset(instant: datetime, zone: ZoneInfo) -> str:
    """How far the agenda's clocks are from UTC at that moment, as `+01:00`."""
    local, utc = (instant.astimezone(one).replace(tzinfo=None) for one in (zone, timezone.utc))
    return str(timezone(local - utc)).removeprefix("UTC") or "+00:00"


def _heading(path: str) -> str:
    """The words of the model for a column, of the relation where it leads to one."""
    field_name, _separator, _further = path.partition("__")
    return capfirst(str(Booking._meta.get_field(field_name).verbose_name))


def _chunks(pks: Sequence[int]) -> Iterator[Sequence[int]]:
    return (pks[start : start + AT_ONCE] for start in range(0, len(pks), AT_ONCE))


@dataclass
class _Answers:
    """The columns of the answers, and which answer of which form belongs in which of them.

    A question goes where one with the same words went before, or else one with the same name for
    other systems, as forms in several languages give it. Each form has one question in a column.
    """

    labels: list[list[str]] = field(default_factory=list)
    """By column, the words of its questions."""
    by_label: dict[str, list[int]] = field(default_factory=dict)
    by_name: dict[str, int] = field(default_factory=dict)
    asked: dict[int | None, dict[str, tuple[int, str]]] = field(default_factory=lambda: {None: {}})
    """By form version: name of the question → its column, its type."""
    unasked: dict[str, int] = field(default_factory=dict)

    def take(self, version: int | None, given: Any) -> None:
        """Make room for what a booking has."""
        if version not in self.asked:
            self.asked[version] = self._read(version)
        if isinstance(given, Mapping):
            for name in given:
                if name not in self.asked[version]:
                    self.unasked.setdefault(name, len(self.unasked))

    def _read(self, version: int) -> dict[str, tuple[int, str]]:
        definition = FormVersion.objects.values_list("definition", flat=True).get(pk=version)
        found: dict[str, tuple[int, str]] = {}
        for item in definition.get("fields", ()):
            label, name = str(item["label"]), item["clean_name"]
            taken = {column for column, _kind in found.values()}
            found[name] = (self._column(label, name, taken), item["type"])
        return found

    def _column(self, label: str, name: str, taken: set[int]) -> int:
        alike = [*self.by_label.get(label, ()), self.by_name.get(name, -1)]
        column = next((one for one in alike if one not in {-1, *taken}), len(self.labels))
        if column == len(self.labels):
            self.labels.append([])
        if label not in self.labels[column]:
            self.labels[column].append(label)
            self.by_label.setdefault(label, []).append(column)
        self.by_name.setdefault(name, column)
        return column

    @property
    def headings(self) -> list[str]:
        return [*(" / ".join(labels) for labels in self.labels), *self.unasked]

    def cells(self, version: int | None, given: Any) -> list[Cell]:
        cells: list[Cell] = [None] * (len(self.labels) + len(self.unasked))
        asked = self.asked.get(version, {})
        for name, answer in given.items() if isinstance(given, Mapping) else ():
            if name in asked:
                column, kind = asked[name]
            elif name in self.unasked:
                column, kind = len(self.labels) + self.unasked[name], ""
            else:
                # Written between counting and reading; nothing else ever changes an answer.
                continue
            cells[column] = _answer(answer, kind)
        return cells


def _answer(answer: Any, kind: str) -> Cell:
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return answer
    if kind == "date" and isinstance(answer, str):
        # As it is kept, and sorts: 2026-01-31.
        return answer
    if kind == "number" and isinstance(answer, str):
        return _number(answer)
    return in_words(answer, kind)


def _number(text: str) -> Cell:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if number.is_finite() else text
