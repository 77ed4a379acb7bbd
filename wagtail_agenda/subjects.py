"""What a workflow carries from status to status: a booking, or a meeting that has been called.

Rows about either (`Entry`, `Invitation`, `Delivery`, `Timer`, `KeptFile`) have a foreign key for
each, of which exactly one is filled. Whoever reads or writes such rows without caring which says
``Entry(**of(subject))`` or ``Entry.objects.filter(**of(subject))``.
"""

from collections.abc import Iterable
from typing import Any

from wagtail_agenda.choices import About
from wagtail_agenda.models import Booking, CalledMeeting

Subject = Booking | CalledMeeting

BOOKING, MEETING = "booking", "called_meeting"
"""Names of the two foreign keys."""

MODELS: dict[str, type[Subject]] = {BOOKING: Booking, MEETING: CalledMeeting}


def name_of(subject: Subject) -> str:
    """The name of the foreign key of rows that are about it."""
    return MEETING if isinstance(subject, CalledMeeting) else BOOKING


def of(subject: Subject) -> dict[str, Subject]:
    """The foreign key of a row that is about this one, filled."""
    return {name_of(subject): subject}


def of_any(subjects: Iterable[Subject]) -> dict[str, Any]:
    """As `of`, to filter the rows about any of several of one kind."""
    subjects = list(subjects)
    name = name_of(subjects[0]) if subjects else BOOKING
    return {f"{name}__in": [subject.pk for subject in subjects]}


def about(subject: Subject) -> About:
    """Which workflows carry it."""
    return About.MEETINGS if isinstance(subject, CalledMeeting) else About.BOOKINGS
