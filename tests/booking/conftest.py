"""After every test here the books must balance, whatever it did."""

from datetime import timedelta

import pytest

from tests.booking.books import Books
from tests.factories import NOW


@pytest.fixture(autouse=True)
def _balanced(db):
    yield
    # Long after everything that lapses has lapsed: the tests have clocks of their own.
    assert Books.read().problems(NOW + timedelta(days=400)) == []
