"""The lines of the list at the door, and how many of them say what."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from wagtail_agenda.choices import Attendance
from wagtail_agenda.models import AttendanceReason, Booking
from wagtail_agenda.views.admin.presentation import Badge


def folded(text: str) -> str:
    """Without capitals and accents, as people type a name in a hurry."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).lower()


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
    is_hidden: bool = False
    is_ticked: bool = False

    @property
    def search_text(self) -> str:
        reference = self.booking.reference
        parts = (self.name, self.booking.user_phone_number, reference, reference.replace("-", ""))
        return folded(" ".join(parts))

    @property
    def is_waiting(self) -> bool:
        return not self.booking.attendance and not self.booking.is_cancelled


@dataclass
class Counts:
    """How many bookings stand on the list, by what is noted of them."""

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
