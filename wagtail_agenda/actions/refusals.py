"""What bookings refuse, as a failure of the action that asked for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from wagtail_agenda.errors import ActionFailed, BookingError, Overloaded


@contextmanager
def as_failures() -> Iterator[None]:
    """Turn a refusal into `ActionFailed` with its code. What only came at a busy moment stays."""
    try:
        yield
    except Overloaded:
        raise
    except BookingError as refusal:
        raise ActionFailed(refusal.code, str(refusal)) from refusal
