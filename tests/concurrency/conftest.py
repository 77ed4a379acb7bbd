"""A rush: many visitors at the same moment, on real connections to the database of this run."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection

from wagtail_agenda.errors import BookingError, Overloaded

PROVING = bool(os.environ.get("AGENDA_PROVE"))
"""Whether this is `make prove`, where the crowds are larger."""

WAVE = 40
"""Visitors at the very same moment: PostgreSQL grants 100 connections, and not all to us."""


@dataclass
class Rush:
    """What became of everybody: what the winners got, and how often each refusal was given."""

    won: list[Any] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def visitors(self) -> int:
        return len(self.won) + self.refused.total()

    def refused_for(self, *reasons: type[BookingError]) -> bool:
        """Whether nobody was refused for any other reason."""
        return set(self.refused) <= {reason.__name__ for reason in reasons}


def patiently(visit: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Somebody who is asked to try again in a few seconds, and does."""

    def try_again(visitor: Any) -> Any:
        for _time in range(20):
            try:
                return visit(visitor)
            except Overloaded as refusal:
                busy = refusal
        raise busy

    return try_again


@pytest.fixture
def rush(simultaneously) -> Callable[..., Rush]:
    """Sends visitors in waves of `WAVE`, each wave at one moment; answers what became of them.

    Anything raised but a `BookingError` fails the test: that visitor would have seen a 500.
    """

    def run(visit: Callable[[Any], Any], visitors: Iterable[Any]) -> Rush:
        waiting = list(visitors)
        waves = [waiting[number::WAVE] for number in range(min(WAVE, len(waiting)))]
        together = threading.Barrier(len(waves))

        def one_after_the_other(mine: list[Any]) -> list[Any]:
            connection.ensure_connection()
            together.wait(timeout=60)
            outcomes = []
            for visitor in mine:
                try:
                    outcomes.append(visit(visitor))
                except BookingError as refusal:
                    outcomes.append(refusal)
            return outcomes

        result = Rush()
        for outcomes in simultaneously(one_after_the_other, waves):
            if isinstance(outcomes, Exception):
                raise outcomes
            for outcome in outcomes:
                if isinstance(outcome, BookingError):
                    result.refused[type(outcome).__name__] += 1
                else:
                    result.won.append(outcome)
        assert result.visitors == len(waiting)
        return result

    return run
