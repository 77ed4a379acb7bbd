"""The clock stops in every module that has one, and runs again in all of them afterwards."""

import datetime
import sys
import time
from types import ModuleType

import pytest
from freezegun import freeze_time

THEN = datetime.datetime(2026, 11, 30, 7)


@pytest.fixture
def late(monkeypatch):
    """Loads a module that has a clock of its own."""

    def load():
        module = ModuleType("loaded_late")
        module.now, module.datetime = time.time, datetime.datetime
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module

    return load


# Twice: another module of the same name takes the place of the first.
@pytest.mark.parametrize("time_of_the_test", ["first", "second"])
def test_a_module_that_was_loaded_before_is_stopped_each_time(late, time_of_the_test):
    module = late()
    for _twice in range(2):
        with freeze_time(THEN):
            assert module.datetime.now() == THEN
            assert module.now() == THEN.replace(tzinfo=datetime.timezone.utc).timestamp()
        assert module.now is time.time
        assert module.datetime is datetime.datetime
        assert abs(module.now() - time.time()) < 60


def test_a_module_that_is_loaded_meanwhile_runs_again_afterwards(late):
    real = datetime.datetime
    with freeze_time(THEN):
        module = late()
        assert module.datetime.now() == THEN
    assert module.datetime is real
    assert module.now is time.time
