"""Statements whose SQL is written once for each process.

Django writes the SQL of a statement anew each time, which takes several times as long as to run it
when it touches a few rows. A listing whose bookings are remembered does little else, and neither
does a worker between two mails.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain, count
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Model, QuerySet, sql
from django.db.models.constants import OnConflict


class Prepared:
    """A query that differs from one time to the next in nothing but lists of primary keys.

    `build` takes such lists and answers with a queryset of tuples (`values_list`)::

        def desks_of(agendas):
            return Desk.objects.filter(agenda__in=agendas).values_list("pk", "label")

        labels = Prepared(Desk, desks_of)
        labels([1, 2])  # [(3, "Counter 1"), …]

    Rows come as the driver gives them: ask for whole numbers and text, and know that databases
    differ in how they give truth.
    """

    def __init__(self, model: type[Model], build: Callable[..., QuerySet]) -> None:
        self.model, self.build = model, build
        self._statement = lru_cache(maxsize=64)(self._written)

    def __call__(self, *keys: Sequence[int], using: str | None = None) -> list[tuple]:
        using = using or router.db_for_read(self.model)
        statement, parameters = self._statement(using, tuple(map(len, keys)))
        if not statement:
            return []
        given = list(chain.from_iterable(keys))
        with connections[using].cursor() as cursor:
            cursor.execute(statement, [place(given) for place in parameters])
            return list(cursor.fetchall())

    def _written(self, using: str, lengths: tuple[int, ...]) -> tuple[str, list[Callable]]:
        """The SQL for so many keys in each list, and where each of its parameters comes from."""
        # No primary key is negative: in the parameters, these stand for the keys to come.
        numbers = count(1)
        stand_ins = [[-next(numbers) for _key in range(length)] for length in lengths]
        query = self.build(*stand_ins).using(using).query
        try:
            statement, parameters = query.get_compiler(using).as_sql()
        except EmptyResultSet:
            return "", []
        return statement, [_place_of(parameter) for parameter in parameters]


def _place_of(parameter: object) -> Callable[[list[int]], object]:
    if isinstance(parameter, int) and parameter < 0:
        return lambda given: given[-parameter - 1]
    return lambda given: parameter


class Given(Expression):
    """Stands in a prepared statement for a value that comes each time it runs."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler, connection) -> tuple[str, list["Given"]]:
        return "%s", [self]


class PreparedUpdate:
    """An UPDATE that differs from one time to the next in nothing but its values.

    `rows` is a queryset in whose filters `Given` stands for what comes with each run, and `columns`
    are set to what comes under their names, or to an `expression` of it::

        rename = PreparedUpdate(Desk.objects.filter(pk=Given("key")), "label")
        rename(key=3, label="Counter 1")

    Answers how many rows there were. What comes under the name of a column that is set is what its
    field takes; what else a filter or an expression asks for is as the driver takes it: whole
    numbers and text.
    """

    def __init__(self, rows: QuerySet, *columns: str, **expressions: Expression) -> None:
        self.rows, self.model = rows, rows.model
        self._set = {**{name: Given(name) for name in columns}, **expressions}
        self._fields = {name: self.model._meta.get_field(name) for name in self._set}
        self._statement = lru_cache(self._written)

    def __call__(self, **values: Any) -> int:
        using = router.db_for_write(self.model)
        statement, parameters = self._statement(using)
        connection = connections[using]
        for name in values.keys() & self._fields.keys():
            values[name] = self._fields[name].get_db_prep_save(values[name], connection)
        with connection.cursor() as cursor:
            cursor.execute(statement, _given(parameters, values))
            return cursor.rowcount

    def _written(self, using: str) -> tuple[str, Sequence[Any]]:
        query = self.rows.using(using).query.chain(sql.UpdateQuery)
        query.add_update_values(self._set)
        return query.get_compiler(using).as_sql()


class PreparedInsert:
    """An INSERT of a few new rows, which are told their keys. No signal is sent for them.

    With `unique`, the columns of a constraint, a row that is there already gets the other columns
    of the new one. More than `MOST_ROWS` at once, and databases that do not tell the keys of
    several rows, are left to the ORM.
    """

    MOST_ROWS = 5

    def __init__(self, model: type[Model], *, unique: Sequence[str] = ()) -> None:
        self.model, self._unique = model, unique
        self._fields = [field for field in model._meta.concrete_fields if not field.primary_key]
        self._statement = lru_cache(self._written)

    def __call__(self, *rows: Model) -> None:
        using = router.db_for_write(self.model)
        connection = connections[using]
        if len(rows) > self.MOST_ROWS or not connection.features.can_return_rows_from_bulk_insert:
            self._leave_to_the_orm(rows, connection)
            return
        if not rows:
            return
        statement, parameters = self._statement(using, len(rows))
        values = {
            f"{number} {field.attname}": field.get_db_prep_save(
                getattr(row, field.attname), connection
            )
            for number, row in enumerate(rows)
            for field in self._fields
        }
        with connection.cursor() as cursor:
            cursor.execute(statement, _given(parameters, values))
            keys = cursor.fetchall()
        for row, (key,) in zip(rows, keys, strict=True):
            row.pk = key
            row._state.adding, row._state.db = False, using

    def _written(self, using: str, count: int) -> tuple[str, Sequence[Any]]:
        rows = [self.model() for _row in range(count)]
        for number, row in enumerate(rows):
            for field in self._fields:
                setattr(row, field.attname, Given(f"{number} {field.attname}"))
        query = sql.InsertQuery(self.model, **self._conflicts(connections[using]))
        query.insert_values(self._fields, rows)
        ((statement, parameters),) = query.get_compiler(using).as_sql()
        key = connections[using].ops.quote_name(self.model._meta.pk.column)
        return f"{statement} RETURNING {key}", parameters

    def _conflicts(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """What is to be done about rows that are there already, as Django's queries have it."""
        if not self._unique:
            return {}
        # MariaDB finds out by itself which constraint it is.
        named = connection.features.supports_update_conflicts_with_target
        return {
            "on_conflict": OnConflict.UPDATE,
            "update_fields": [field for field in self._fields if field.name not in self._unique],
            "unique_fields": [field for field in self._fields if field.name in self._unique]
            if named
            else [],
        }

    def _leave_to_the_orm(self, rows: Sequence[Model], connection: BaseDatabaseWrapper) -> None:
        options: dict[str, Any] = {}
        if self._unique:
            conflicts = self._conflicts(connection)
            options = {
                "update_conflicts": True,
                "update_fields": [field.name for field in conflicts["update_fields"]],
                "unique_fields": [field.name for field in conflicts["unique_fields"]] or None,
            }
        self.model._default_manager.bulk_create(rows, **options)


def _given(parameters: Sequence[Any], values: dict[str, Any]) -> list[Any]:
    return [values[one.name] if isinstance(one, Given) else one for one in parameters]
