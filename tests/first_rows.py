"""The rows of a site on which nothing has happened yet, for tests that end with an empty database.

Django saves them one by one, which takes longer than most of the tests that need it.
"""

import functools
import itertools

from django.core import serializers
from django.core.serializers.base import DeserializedObject
from django.db import connections, transaction
from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.models import Model


@functools.lru_cache(maxsize=1)
def _read(rows: str) -> list[DeserializedObject]:
    return list(serializers.deserialize("json", rows))


def give_back(creation: BaseDatabaseCreation, rows: str) -> None:
    """Write the rows, as Django serialised them, into the tables of a test database.

    The tables are empty, or, before the first test that commits, have these very rows. This stands
    in for `BaseDatabaseCreation.deserialize_db_from_string`.
    """
    using = creation.connection.alias
    connection = connections[using]
    given = _read(rows)
    with transaction.atomic(using), connection.constraint_checks_disabled():
        for model, alike in itertools.groupby(given, key=lambda row: type(row.object)):
            alike = list(alike)
            if model._meta.parents:
                for row in alike:
                    Model.save_base(row.object, using=using, raw=True)
            else:
                model._base_manager.using(using).bulk_create(
                    [row.object for row in alike], ignore_conflicts=True
                )
        for row in given:
            for accessor, others in (row.m2m_data or {}).items():
                getattr(row.object, accessor).set(others)
    connection.check_constraints({row.object._meta.db_table for row in given})
