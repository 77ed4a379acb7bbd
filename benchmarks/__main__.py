"""Run all benchmarks, or those that are named: ``python -m benchmarks [name …]``."""

import pkgutil
import sys
from collections.abc import Sequence

import benchmarks
from benchmarks.harness import run_module, say

HOUSE = {"__main__", "harness", "settings", "site"}
"""Modules of this package that measure nothing."""


def names() -> list[str]:
    """The benchmarks that there are."""
    found = {module.name for module in pkgutil.iter_modules(benchmarks.__path__)}
    return sorted(found - HOUSE)


def run(wanted: Sequence[str]) -> int:
    """Run the benchmarks of these names, or all; answers the exit code (see `harness.main`)."""
    known = names()
    unknown = [name for name in wanted if name not in known]
    if unknown:
        say(f"There is no benchmark called {', '.join(unknown)}. There are: {', '.join(known)}.")
        return 2
    return max([run_module(f"benchmarks.{name}", {}) for name in wanted or known], default=0)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
