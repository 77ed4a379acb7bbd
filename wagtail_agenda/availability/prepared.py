"""Queries whose SQL is written once for each process.

Django writes the SQL of a query anew each time, which takes several times as long as to run it when
it answers with a few rows. A listing whose bookings are remembered does little else.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain, count

from django.core.exceptions import EmptyResultSet
from django.db import connections, router
from django.db.models import Model, QuerySet


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
        sql, parameters = self._statement(using, tuple(map(len, keys)))
        if not sql:
            return []
        given = list(chain.from_iterable(keys))
        with connections[using].cursor() as cursor:
            cursor.execute(sql, [place(given) for place in parameters])
            return list(cursor.fetchall())

    def _written(self, using: str, lengths: tuple[int, ...]) -> tuple[str, list[Callable]]:
        """The SQL for so many keys in each list, and where each of its parameters comes from."""
        # No primary key is negative: in the parameters, these stand for the keys to come.
        numbers = count(1)
        stand_ins = [[-next(numbers) for _key in range(length)] for length in lengths]
        query = self.build(*stand_ins).using(using).query
        try:
            sql, parameters = query.get_compiler(using).as_sql()
        except EmptyResultSet:
            return "", []
        return sql, [_place_of(parameter) for parameter in parameters]


def _place_of(parameter: object) -> Callable[[list[int]], object]:
    if isinstance(parameter, int) and parameter < 0:
        return lambda given: given[-parameter - 1]
    return lambda given: parameter
