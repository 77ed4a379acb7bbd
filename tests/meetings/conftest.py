"""What the tests of meetings share."""

import pytest

from tests.factories import NOW
from tests.meetings.test_mails import Arrived
from tests.test_outbox import parsed
from wagtail_agenda import outbox


@pytest.fixture
def arrived(smtp_server):
    """What has arrived since it was asked last: subject, text, method and calendar by address."""
    seen = 0

    def since():
        nonlocal seen
        outbox.sweep(now=NOW)
        fresh, seen = smtp_server.received[seen:], len(smtp_server.received)
        found = {}
        for one in fresh:
            (recipient,) = one.recipients
            assert recipient not in found
            found[recipient] = Arrived(parsed(one.content))
        return found

    return since
