"""What the tests of the interface share: a client that may do everything."""

import pytest

from tests.api.calling import Caller
from tests.factories import NOW
from wagtail_agenda import clients


@pytest.fixture
def make_caller(frozen_now):
    """Makes a client: `make_caller("read", agendas=[agenda])`; no scope named means every one."""

    def make(*scopes, label="Forms", **fields):
        client, told = clients.add(label, scopes=scopes or clients.Scope.values, now=NOW, **fields)
        return Caller(client, told)

    return make


@pytest.fixture
def caller(make_caller):
    return make_caller()
