"""Transactions that start again, or ask people to: how long they wait, and what they say."""

from contextlib import suppress

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError, connection, transaction

from wagtail_agenda.contention import all_or_nothing, retried
from wagtail_agenda.errors import Overloaded

LIMIT = {
    "postgresql": "SELECT current_setting('lock_timeout')",
    "mysql": "SELECT @@innodb_lock_wait_timeout",
}


@pytest.mark.skipif(
    connection.vendor not in LIMIT, reason="SQLite's limit is a matter of the connection"
)
@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_a_lock_longer_than_three_seconds_and_only_while_booking():
    def limit(_nothing=None):
        with connection.cursor() as cursor:
            cursor.execute(LIMIT[connection.vendor])
            return str(cursor.fetchone()[0])

    before = limit()
    assert retried(limit) in {"3", "3s"}
    assert limit() == before
    assert before not in {"3", "3s"}


class Deadlock(Exception):
    sqlstate = "40P01"


def lost_a_deadlock():
    """As each of the three databases says it."""
    error = OperationalError(1213, "database is locked")
    error.__cause__ = Deadlock()
    return error


@all_or_nothing()
def lose_halfway(swallowed):
    Group.objects.create(name="Half done")
    if not swallowed:
        raise lost_a_deadlock()
    with suppress(OperationalError), transaction.mark_for_rollback_on_error():
        raise lost_a_deadlock()
    Group.objects.create(name="Refused")


@pytest.mark.django_db
@pytest.mark.parametrize("swallowed", [False, True])
def test_who_loses_a_deadlock_halfway_is_asked_to_try_again_and_has_done_nothing(swallowed):
    with pytest.raises(Overloaded):
        lose_halfway(swallowed)
    assert not Group.objects.filter(name="Half done").exists()


@pytest.mark.django_db
def test_any_other_error_is_an_error():
    with pytest.raises(OperationalError), all_or_nothing():
        raise OperationalError("no such table")
