"""A migrated database on PostgreSQL or MariaDB, kept on its server from one run to the next.

Migrating takes a minute there. The kept one stands beside the test database, under a name that says
of which migrations it is; one of other migrations goes when it is kept. Like the SQLite file of
`tests.migrated`, it lacks what is made anew in every run.
"""

from collections.abc import Iterable
from contextlib import suppress

from django.db import ProgrammingError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from tests.migrated import MADE_AFTER_MIGRATING, fingerprint

LAST = "django_migrations"
"""The table that is copied last: while it is empty, others may be so too."""


def test_database_of(connection: BaseDatabaseWrapper) -> str:
    """The name of the test database of this process."""
    return connection.settings_dict["TEST"]["NAME"]


def kept_name(connection: BaseDatabaseWrapper) -> str:
    return f"migrated_{test_database_of(connection)}_{fingerprint()}"


def begin_with_kept(connection: BaseDatabaseWrapper) -> bool:
    """Makes the test database of the kept one. Whether there was any."""
    kept, wanted = kept_name(connection), test_database_of(connection)
    with connection._nodb_cursor() as cursor:
        if not _is_complete(connection, cursor, kept):
            return False
        _drop(connection, cursor, [wanted])
        _copy(connection, cursor, kept, wanted)
    return True


def keep(connection: BaseDatabaseWrapper) -> None:
    """Keeps the test database, which has just been migrated."""
    kept, source = kept_name(connection), test_database_of(connection)
    connection.close()
    with connection._nodb_cursor() as cursor:
        # Also what was not copied to its end.
        _drop(connection, cursor, _all_kept(connection, cursor))
        _copy(connection, cursor, source, kept)
    connection.settings_dict["NAME"] = kept
    try:
        with connection.cursor() as cursor:
            for table in MADE_AFTER_MIGRATING:
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
    finally:
        connection.close()
        connection.settings_dict["NAME"] = source


def drop_test_database(connection: BaseDatabaseWrapper) -> None:
    connections.close_all()
    with connection._nodb_cursor() as cursor:
        _drop(connection, cursor, [test_database_of(connection)])


def _drop(connection: BaseDatabaseWrapper, cursor: CursorWrapper, names: Iterable[str]) -> None:
    for name in names:
        cursor.execute(f"DROP DATABASE IF EXISTS {connection.ops.quote_name(name)}")


def _all_kept(connection: BaseDatabaseWrapper, cursor: CursorWrapper) -> list[str]:
    """Those of this test database, of whatever migrations."""
    beginning = f"migrated_{test_database_of(connection)}_"
    if connection.vendor == "postgresql":
        cursor.execute("SELECT datname FROM pg_database")
    else:
        cursor.execute("SHOW DATABASES")
    length = len(beginning) + len(fingerprint())
    names = (name for (name,) in cursor.fetchall())
    return [name for name in names if name.startswith(beginning) and len(name) == length]


def _is_complete(connection: BaseDatabaseWrapper, cursor: CursorWrapper, kept: str) -> bool:
    if kept not in _all_kept(connection, cursor):
        return False
    # PostgreSQL copies a database as a whole.
    return connection.vendor == "postgresql" or bool(_rows(connection, cursor, kept))


def _rows(connection: BaseDatabaseWrapper, cursor: CursorWrapper, kept: str) -> int:
    quote = connection.ops.quote_name
    with suppress(ProgrammingError):
        cursor.execute(f"SELECT COUNT(*) FROM {quote(kept)}.{LAST}")  # noqa: S608
        return cursor.fetchone()[0]
    return 0


def _copy(connection: BaseDatabaseWrapper, cursor: CursorWrapper, source: str, target: str) -> None:
    quote = connection.ops.quote_name
    if connection.vendor == "postgresql":
        cursor.execute(f"CREATE DATABASE {quote(target)} TEMPLATE {quote(source)}")
        return
    suffix = connection.creation.sql_table_creation_suffix()
    cursor.execute(f"CREATE DATABASE {quote(target)} {suffix}")
    cursor.execute(f"USE {quote(target)}")
    cursor.execute("SET FOREIGN_KEY_CHECKS = 0")
    cursor.execute(f"SHOW TABLES FROM {quote(source)}")
    for table in sorted((name for (name,) in cursor.fetchall()), key=lambda name: name == LAST):
        cursor.execute(f"SHOW CREATE TABLE {quote(source)}.{quote(table)}")
        cursor.execute(cursor.fetchone()[1])
        cursor.execute(
            f"INSERT INTO {quote(table)} SELECT * FROM {quote(source)}.{quote(table)}"  # noqa: S608
        )
