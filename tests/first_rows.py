"""The rows of a site on which nothing has happened yet, for tests that end with an empty database.

Django makes an object of each and saves them one by one, which takes longer than most of the tests
that need them.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.models.constants import OnConflict

VALUES_AT_ONCE = 999
"""As many as an old SQLite takes in one statement."""


@dataclass(frozen=True)
class Table:
    """What lies in a table: the names of its columns, and each row in their order."""

    name: str
    columns: list[str]
    rows: list[tuple[Any, ...]]


def read(connection: BaseDatabaseWrapper) -> list[Table]:
    """Every table that a flush would empty and that is not empty."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    tables = []
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(name)}")  # noqa: S608
            columns = [column[0] for column in cursor.description]
            if rows := list(cursor.fetchall()):
                tables.append(Table(name, columns, rows))
    return tables


def give_back(tables: list[Table], using: str) -> None:
    """Write the rows into the tables of a test database.

    These are empty, or, before the first test that commits, have these very rows. Whether keys lead
    anywhere is not asked again of what a database itself has said.
    """
    connection = connections[using]
    with (
        transaction.atomic(using),
        connection.constraint_checks_disabled(),
        connection.cursor() as cursor,
    ):
        for table in tables:
            at_once = max(1, VALUES_AT_ONCE // len(table.columns))
            for first in range(0, len(table.rows), at_once):
                some = table.rows[first : first + at_once]
                values = [value for row in some for value in row]
                cursor.execute(_insert(connection, table, len(some)), values)


def _insert(connection: BaseDatabaseWrapper, table: Table, rows: int) -> str:
    """The statement that writes so many rows, and leaves those alone that are there."""
    ops = connection.ops
    row = f"({', '.join(['%s'] * len(table.columns))})"
    return " ".join(
        [
            ops.insert_statement(on_conflict=OnConflict.IGNORE),
            ops.quote_name(table.name),
            f"({', '.join(map(ops.quote_name, table.columns))})",
            f"VALUES {', '.join([row] * rows)}",
            ops.on_conflict_suffix_sql([], OnConflict.IGNORE, [], []),
        ]
    )


def deletions(ops: BaseDatabaseOperations, _style: Any, tables: list[str], **_options) -> list[str]:
    """The statements that empty these tables of PostgreSQL, in any order and one transaction.

    Stands in for `DatabaseOperations.sql_flush`: TRUNCATE gives every table, index and sequence a
    new file, however few rows there are. Our foreign keys are looked at when the transaction ends.
    """
    return [f"DELETE FROM {ops.quote_name(table)}" for table in tables]  # noqa: S608
