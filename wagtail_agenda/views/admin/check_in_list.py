"""The lines of the list at the door, and how many of them say what."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from wagtail_agenda.choices import Admission, Attendance
from wagtail_agenda.models import AttendanceReason, Booking
from wagtail_agenda.views.admin.presentation import Badge


def folded(text: str) -> str:
    """Without capitals and accents, as people type a name in a hurry."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).lower()


def has_place(booking: Booking) -> bool:
    """Whether somebody can be checked in on it: not who waits for a place or for an approval."""
    return booking.admission == Admission.CONFIRMED


@dataclass
class Visitor:
    """One line of the list."""

    booking: Booking
    name: str
    about: str
    times: str
    url: str
    check_in_url: str
    badge: Badge | None
    """None where it says what the attendance says."""
    seen: str
    facts: list[tuple[str, str]]
    icon: str
    noted: str
    """Who noted the attendance, and when."""
    reasons: list[AttendanceReason]
    """Those that go with what is noted."""
    can_come: bool = False
    """Whether there are buttons to check them in."""
    is_hidden: bool = False
    is_ticked: bool = False

    @property
    def search_text(self) -> str:
        reference = self.booking.reference
        parts = (self.name, self.booking.user_phone_number, reference, reference.replace("-", ""))
        return folded(" ".join(parts))


@dataclass
class Counts:
    """How many bookings on the list are confirmed, by what is noted of them."""

    bookings: int = 0
    places: int = 0
    by_attendance: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Attendance, 0))
    cancelled: int = 0

    @classmethod
    def of(cls, bookings: Sequence[Booking]) -> "Counts":
        counts = cls()
        for booking in bookings:
            if booking.is_cancelled:
                counts.cancelled += 1
            if not has_place(booking):
                continue
            counts.bookings += 1
            counts.places += booking.places
            counts.by_attendance[booking.attendance] += 1
        return counts

    @property
    def present(self) -> int:
        return self.by_attendance[Attendance.PRESENT]

    @property
    def late(self) -> int:
        return self.by_attendance[Attendance.LATE]

    @property
    def absent(self) -> int:
        return self.by_attendance[Attendance.ABSENT]

    @property
    def waiting(self) -> int:
        return self.by_attendance[Attendance.UNKNOWN]
