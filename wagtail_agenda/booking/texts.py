"""The texts of a booking, which follow what they were made of."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from wagtail_agenda.correspondence import label_texts
from wagtail_agenda.models import Booking

TEXTS = ("label", "user_display_label", "description", "backoffice_url", "form_url")
"""The columns that an agenda's templates fill."""


@contextmanager
def following(bookings: Sequence[Booking]) -> Iterator[None]:
    """Let the texts of bookings follow what is changed in them within, saved or not.

    What somebody has written by hand stays.
    """
    before = [label_texts(booking) for booking in bookings]
    yield
    for booking, old in zip(bookings, before, strict=True):
        for name, text in label_texts(booking).items():
            if getattr(booking, name) == old[name]:
                setattr(booking, name, text)
