"""Transactions that start again when others were quicker: lost deadlocks, busy databases."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.transaction import TransactionManagementError

from wagtail_agenda.errors import Overloaded

ATTEMPTS = 4
"""How often a transaction that lost a deadlock or met a busy database is tried."""

LONGEST_WAIT = 3
"""Seconds that one attempt waits for a lock, on PostgreSQL and MariaDB."""

Answer = TypeVar("Answer")


class Outpaced(Exception):
    """What was read before the lock has changed meanwhile: read again and retry."""


def _know_nothing() -> None:
    """For work that needs nothing read before its lock."""


def retried(work: Callable[[Any], Answer], guess: Callable[[], Any] = _know_nothing) -> Answer:
    """Run `work` on what `guess` reads, in a transaction, until nobody got in its way.

    `guess` reads before the transaction, whose first statement must be the lock. Both run again if
    the transaction lost a deadlock, met a busy database or was outpaced.
    """
    # Part of a larger transaction, which alone can start anew after a deadlock.
    nested = connection.in_atomic_block
    for attempt in range(ATTEMPTS):
        if attempt and not nested:
            time.sleep(random.uniform(0.005, 0.05) * 2**attempt)  # noqa: S311
        try:
            known = guess()
            if nested:
                with transaction.atomic():
                    return work(known)
            with transaction.atomic(), limited_waiting():
                return work(known)
        except OperationalError as error:
            if not is_contention(error):
                raise
            if nested:
                raise Overloaded() from error
            last_error: Exception = error
        except IntegrityError as error:
            # Two made the same row at the same moment: the second try finds it.
            if attempt == ATTEMPTS - 1:
                raise
            last_error = error
        except Outpaced as error:
            last_error = error
    raise Overloaded() from last_error


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """One transaction around what others write; `Overloaded` if the database asks to try again.

    Wagtail's search index swallows what the database says. Then it is known from the next
    statement, which a transaction that has lost a deadlock refuses.
    """
    try:
        with transaction.atomic():
            yield
    except (OperationalError, TransactionManagementError) as error:
        said = error if isinstance(error, OperationalError) else error.__cause__
        if isinstance(said, OperationalError) and is_contention(said):
            raise Overloaded() from error
        raise


def is_contention(error: OperationalError) -> bool:
    """Whether the database only asks to try again: deadlock, lock timeout, busy."""
    cause = error.__cause__
    # psycopg calls it sqlstate, psycopg2 pgcode.
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if state in {"40001", "40P01", "55P03"}:
        return True
    if connection.vendor == "mysql":
        return bool(error.args) and error.args[0] in {1205, 1213, 1020}
    return connection.vendor == "sqlite" and ("locked" in str(error) or "busy" in str(error))


@contextmanager
def limited_waiting(seconds: int = LONGEST_WAIT) -> Iterator[None]:
    """Let no statement of this transaction wait longer than so many seconds for another's lock.

    On PostgreSQL that holds to its end, or until it is said anew; what else the site does on the
    same connection is its own affair. SQLite's limit is the connection's ``timeout``, of which a
    system check knows.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{seconds}s'")
        yield
    elif connection.vendor == "mysql" and connection.mysql_is_mariadb:
        with connection.execute_wrapper(partial(_with_limit, seconds)):
            yield
    else:
        yield


def _with_limit(
    seconds: int, execute: Callable, sql: str, params: Any, many: bool, context: dict
) -> Any:
    # MariaDB has no setting for one transaction, but one for a statement, as part of it.
    if sql.startswith(("SELECT ", "INSERT ", "UPDATE ", "DELETE ")):
        sql = f"SET STATEMENT innodb_lock_wait_timeout = {seconds} FOR {sql}"
    return execute(sql, params, many, context)
