"""The desks in service of some agendas, as rows: a listing looks at all of them and hands out few.

Two hundred model instances take longer to make than all the rest of a listing that remembers.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from wagtail_agenda.models import Agenda, Desk


class DeskRow(NamedTuple):
    """A desk in service: its columns, and the `version` of its bookable as it was just now."""

    id: int
    agenda_id: int
    bookable_id: int
    schedule_id: int | None
    sort_order: int
    version: int
    label: str
    slug: str

    @property
    def pk(self) -> int:
        return self.id

    def desk(self, agenda: Agenda, using: str) -> Desk:
        """The desk itself, of an agenda that is read already."""
        columns = {**self._asdict(), "retired": False}
        names = [field.attname for field in Desk._meta.concrete_fields if field.attname in columns]
        desk = Desk.from_db(using, names, [columns[name] for name in names])
        desk.agenda = agenda
        return desk


class Desks(Mapping[int, Desk]):
    """Desks by their primary key, in their order, each made when it is looked up."""

    def __init__(self, rows: Iterable[tuple[DeskRow, Agenda]], using: str) -> None:
        self._rows = {row.id: (row, agenda) for row, agenda in rows}
        self._using = using
        self._made: dict[int, Desk] = {}

    def __getitem__(self, pk: int) -> Desk:
        if pk not in self._made:
            row, agenda = self._rows[pk]
            self._made[pk] = row.desk(agenda, self._using)
        return self._made[pk]

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, pk: object) -> bool:
        return pk in self._rows
