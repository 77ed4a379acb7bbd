"""Transactions that start again: how long each of them may wait."""

import pytest
from django.db import connection

from wagtail_agenda.contention import retried

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
