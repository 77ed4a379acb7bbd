"""How a benchmark is written: product and floor in turns, medians, one line of JSON a figure.

A benchmark is a module beside this one::

    def measure() -> Iterator[Figure]:
        seconds = compare(product=list_the_slots, floor=fetch_the_integers)
        yield Figure.of_durations("availability.town", seconds, at_most(3))

    if __name__ == "__main__":
        main(measure, databases=("postgresql", "sqlite"))

`measure` runs once per database, each time in a process and a throw-away database of its own. The
machine's speed varies from minute to minute, so figures are ratios: product and floor take turns,
each turn gives one ratio, and the median of these counts. Standard output has one JSON object per
line and nothing else; whatever a person wants to read besides goes to `say`.
"""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, connections

ROOT = Path(__file__).resolve().parent.parent
DATABASES = ("sqlite", "postgresql", "mariadb")
ROUNDS = 7
"""How often product and floor take turns, unless a benchmark asks for another number."""

TURN_SECONDS = 0.25
"""How long a turn lasts at least."""

_IN_CHILD = "BENCHMARK_CHILD"


class Unavailable(Exception):
    """What a benchmark needs is not there; the text says what, and what to do."""


# What is measured


@dataclass(frozen=True)
class Turns:
    """What product and floor took in each turn, in seconds or in whatever both were counted in."""

    product: tuple[float, ...]
    floor: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Product by floor, turn by turn: what slows both down cancels out."""
        return tuple(
            product / floor for product, floor in zip(self.product, self.floor, strict=True)
        )

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest ratio of a turn."""
        return min(self.ratios), max(self.ratios)

    def with_floor_times(self, factor: float) -> "Turns":
        """The same with a floor that was measured on a sample of what it stands for."""
        return Turns(self.product, tuple(taken * factor for taken in self.floor))


def compare(
    product: Callable[[], Any],
    floor: Callable[[], Any],
    *,
    rounds: int = ROUNDS,
    turn_seconds: float = TURN_SECONDS,
    clock: Callable[[], float] = time.perf_counter,
) -> Turns:
    """Time `product` and `floor` in turns, after one of each that does not count.

    A turn repeats its function until `turn_seconds` have passed, so that whatever else the machine
    does interrupts short work as much as long work. The seconds given are those of one run.
    """
    return in_turns(
        lambda: timed(product, at_least=turn_seconds, clock=clock),
        lambda: timed(floor, at_least=turn_seconds, clock=clock),
        rounds=rounds,
    )


def in_turns(
    product: Callable[[], float], floor: Callable[[], float], *, rounds: int = ROUNDS
) -> Turns:
    """The same for functions that answer with their own measurement, such as runs per second.

    Who begins changes from turn to turn.
    """
    product(), floor()
    taken: dict[Callable, list[float]] = {product: [], floor: []}
    for number in range(rounds):
        for function in (product, floor) if number % 2 else (floor, product):
            taken[function].append(function())
    return Turns(tuple(taken[product]), tuple(taken[floor]))


def timed(
    work: Callable[[], Any],
    *,
    at_least: float = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Seconds that one run of `work` takes, on average of as many as `at_least` seconds allow."""
    begun, runs = clock(), 0
    while True:
        work()
        runs += 1
        passed = clock() - begun
        if passed >= at_least:
            return passed / runs


# What is said about it


@dataclass(frozen=True)
class Target:
    """What a figure must reach. `of` names what is compared: a key of the figure's line."""

    sign: str
    bound: float
    of: str = "ratio"

    def __str__(self) -> str:
        return f"{self.of} {self.sign} {self.bound:g}"

    def met_by(self, number: float) -> bool:
        return {
            "<=": number <= self.bound,
            ">=": number >= self.bound,
            "==": number == self.bound,
        }[self.sign]


def at_most(bound: float, of: str = "ratio") -> Target:
    return Target("<=", bound, of)


def at_least(bound: float, of: str = "ratio") -> Target:
    return Target(">=", bound, of)


def exactly(bound: float, of: str = "value") -> Target:
    return Target("==", bound, of)


@dataclass(frozen=True)
class Figure:
    """One line of a benchmark's answer.

    `value` and `floor` are in `unit`; `ratio` is value by floor. Without a floor, both are None
    and the target must be one of the value. `extra` are further keys of the line.
    """

    name: str
    value: float
    unit: str
    target: Target
    floor: float | None = None
    ratio: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_durations(cls, name: str, turns: Turns, target: Target, **extra: Any) -> "Figure":
        """A figure of seconds, in milliseconds. The ratio says how often slower than the floor."""
        return cls._of(name, turns, target, 1000, "ms", extra)

    @classmethod
    def of_rates(
        cls, name: str, turns: Turns, target: Target, unit: str = "1/s", **extra: Any
    ) -> "Figure":
        """A figure of runs per second. The ratio says which part of the floor's rate is reached."""
        return cls._of(name, turns, target, 1, unit, extra)

    @classmethod
    def _of(
        cls, name: str, turns: Turns, target: Target, factor: float, unit: str, extra: dict
    ) -> "Figure":
        return cls(
            name=name,
            value=statistics.median(turns.product) * factor,
            unit=unit,
            target=target,
            floor=statistics.median(turns.floor) * factor,
            ratio=turns.ratio,
            extra={"spread": [_rounded(ratio) for ratio in turns.spread], **extra},
        )

    @property
    def ok(self) -> bool:
        named = {"value": self.value, "floor": self.floor, "ratio": self.ratio, **self.extra}
        number = named[self.target.of]
        return number is not None and self.target.met_by(number)

    def line(self, **more: Any) -> str:
        """The figure as JSON, on one line, with `more` keys at its end."""
        said = {
            "figure": self.name,
            "value": _rounded(self.value),
            "unit": self.unit,
            "floor": _rounded(self.floor),
            "ratio": _rounded(self.ratio),
            "target": str(self.target),
            "ok": self.ok,
            **self.extra,
            **more,
        }
        return json.dumps(said, ensure_ascii=False)


def _rounded(number: float | None) -> float | None:
    """Four significant digits: more would be noise."""
    return None if number is None else float(f"{number:.4g}")


def say(text: str) -> None:
    """Tell whoever watches the terminal."""
    print(text, file=sys.stderr, flush=True)


def report(figures: Iterable[Figure], **more: Any) -> bool:
    """Print each figure as soon as it is known, with `more` keys in every line.

    Answers whether all of them are as they should be.
    """
    fine = True
    for figure in figures:
        print(figure.line(**more), flush=True)
        fine = fine and figure.ok
        say(
            f"{'   ok' if figure.ok else 'NOT OK'}  {figure.name}: "
            f"{_rounded(figure.value):g} {figure.unit}"
            + ("" if figure.ratio is None else f", ratio {_rounded(figure.ratio):g}")
            + f" (target: {figure.target})"
        )
    return fine


# Where it is measured


@contextmanager
def throw_away_database() -> Iterator[str]:
    """A migrated database of its own on the server of the environment, dropped at the end.

    Answers its name, which processes started meanwhile find in their settings as well.
    Raises `Unavailable` if the server does not answer.
    """
    require_server()
    entry = connections.settings["default"]
    entry["TEST"]["NAME"] = _name_of_database()
    kept_name = entry["NAME"]
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    os.environ["BENCHMARK_DATABASE_NAME"] = str(name)
    try:
        yield str(name)
    finally:
        del os.environ["BENCHMARK_DATABASE_NAME"]
        connections.close_all()
        connection.creation.destroy_test_db(str(kept_name), verbosity=0)


def _name_of_database() -> str:
    if settings.TEST_DATABASE == "sqlite":
        path = Path(settings.DATABASES["default"]["TEST"]["NAME"])
        return str(path.with_name(f"wagtail-agenda-bench-{os.getpid()}.sqlite3"))
    return f"bench_wagtail_agenda_{os.getpid()}"


def require_server() -> None:
    """Raise `Unavailable` unless the database server of the environment answers."""
    if settings.TEST_DATABASE == "sqlite":
        return
    entry = settings.DATABASES["default"]
    try:
        socket.create_connection((entry["HOST"], entry["PORT"]), timeout=5).close()
    except OSError as error:
        raise Unavailable(
            f"Nothing answers on {entry['HOST']}:{entry['PORT']} ({error}): start "
            f"{settings.TEST_DATABASE}, name another address (see tests/settings.py), or measure "
            "another database alone, for instance TEST_DATABASE=sqlite make bench."
        ) from error


def free_port() -> int:
    """A port on this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main(measure: Callable[[], Iterable[Figure]], databases: Sequence[str] = DATABASES) -> None:
    """Run one benchmark on each of its databases, or on ``TEST_DATABASE`` alone if that is set.

    Without `databases` it runs once and gets none. Ends the process: 0 if every figure is as it
    should be, 1 if one is not or the benchmark fails, 2 if it cannot be run here.
    """
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(143))
    try:
        if not databases:
            sys.exit(0 if report(measure()) else 1)
        if os.environ.get(_IN_CHILD):
            with throw_away_database():
                sys.exit(0 if report(measure(), database=settings.TEST_DATABASE) else 1)
    except Unavailable as error:
        say(str(error))
        sys.exit(2)
    only = os.environ.get("TEST_DATABASE")
    chosen = [name for name in databases if not only or name == only]
    module = sys.modules["__main__"].__spec__.name
    if not chosen:
        say(f"{module}: nothing to measure on {only}.")
    codes = [run_module(module, {"TEST_DATABASE": name, _IN_CHILD: "1"}) for name in chosen]
    sys.exit(max(codes, default=0))


def run_module(module: str, environment: dict[str, str]) -> int:
    """Run a benchmark in a process of its own; answers its exit code (see `main`)."""
    process = subprocess.Popen(
        [sys.executable, "-m", module], cwd=ROOT, env={**os.environ, **environment}
    )
    try:
        code = process.wait()
    except BaseException:
        # Let it drop its database.
        process.terminate()
        process.wait()
        raise
    return abs(code)
