"""How many bookings one person may have, and the lock under which they are counted.

A person is whoever has the same external id or, without one, the same e-mail address. Kept is only
a keyed digest of it: it says that two bookings are one person's, not whose.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import F, Q, QuerySet
from django.utils.crypto import salted_hmac

from wagtail_agenda import availability
from wagtail_agenda.choices import Admission
from wagtail_agenda.errors import AlreadyBooked, CapReached
from wagtail_agenda.models import Agenda, Booking, PersonLock
from wagtail_agenda.schedule import week_of
from wagtail_agenda.timegrid import instant_of

SALT = "wagtail_agenda.person"


def digest_of_person(external_id: str, email: str) -> str:
    """64 hexadecimal digits that are the same for the same person; empty for nobody.

    It changes with ``SECRET_KEY``: bookings from before are then no longer counted.
    """
    named = f"id:{external_id.strip()}" if external_id.strip() else f"mail:{email.strip().lower()}"
    if named == "mail:":
        return ""
    return salted_hmac(SALT, named, algorithm="sha256").hexdigest()


def bookings_of(agendas: Iterable[Agenda], digests: Iterable[str]) -> QuerySet[Booking]:
    """What these persons have booked in some agendas, and not cancelled."""
    theirs = Booking.objects.filter(agenda__in=agendas, person_digest__in=set(digests) - {""})
    return theirs.exclude(admission=Admission.CANCELLED)


def has_caps(agenda: Agenda) -> bool:
    """Whether the agenda limits how many bookings one person has."""
    return bool(agenda.bookings_per_day or agenda.bookings_per_week or agenda.bookings_per_person)


def lock_persons(pairs: Iterable[tuple[int, str]]) -> None:
    """Lock persons, each given as agenda and digest. Comes before any other lock."""
    for agenda_id, person_digest in sorted(set(pairs)):
        which = {"agenda_id": agenda_id, "person_digest": person_digest}
        if not PersonLock.objects.filter(**which).update(version=F("version") + 1):
            # Two who make it at once: one of them meets the constraint and starts anew.
            PersonLock.objects.create(**which)


def persons_to_lock(bookings: Iterable[Booking]) -> set[tuple[int, str]]:
    """Whom to lock before these bookings are made: those whom a cap counts."""
    return {
        (agenda.pk, booking.person_digest)
        for booking in bookings
        if booking.person_digest
        for agenda in _counting(booking)
    }


def asked_about(booking: Booking) -> list[Agenda]:
    """The agendas in which whoever books once only must have nothing: all behind a virtual one."""
    return availability.real_agendas(booking.virtual_agenda or booking.agenda)


def require_not_booked(bookings: Sequence[Booking]) -> None:
    """Raise `AlreadyBooked` for whoever has the same event, or something at that time, already.

    Only right while the person is locked in all agendas that are asked about.
    """
    for booking in bookings:
        if not booking.person_digest:
            continue
        theirs = bookings_of(asked_about(booking), [booking.person_digest])
        if booking.event is not None:
            theirs = theirs.filter(event=booking.event)
        else:
            theirs = theirs.filter(start__lt=booking.end, end__gt=booking.start)
        if theirs.select_for_update().order_by().values_list("pk", flat=True)[:1]:
            raise AlreadyBooked()


def require_below_caps(bookings: Sequence[Booking], now: datetime) -> None:
    """Raise `CapReached` if one of these bookings of one person would be one too many.

    They are about to be made or moved. Only right while the person is locked.
    """
    for position, booking in enumerate(bookings):
        if not booking.person_digest:
            continue
        present = [row.pk for row in bookings if row.pk is not None]
        for agenda in _counting(booking):
            of_person = (
                Booking.objects.filter(
                    Q(agenda=agenda) | Q(virtual_agenda=agenda),
                    person_digest=booking.person_digest,
                )
                .exclude(admission=Admission.CANCELLED)
                .exclude(pk__in=present)
            )
            made = [row for row in bookings[:position] if agenda in _counting(row)]
            for span, most, (first, end) in _spans(agenda, booking.start, now):
                stored = of_person.filter(start__gte=first)
                if end is not None:
                    stored = stored.filter(start__lt=end)
                beside = [
                    row for row in made if row.start >= first and (end is None or row.start < end)
                ]
                # Counted here: of a COUNT no database locks the rows.
                counted = stored.select_for_update().order_by().values_list("pk", flat=True)
                if len(counted[:most]) + len(beside) >= most:
                    raise CapReached(most, span)


def _counting(booking: Booking) -> list[Agenda]:
    agendas = [booking.agenda]
    if booking.virtual_agenda is not None:
        agendas.append(booking.virtual_agenda)
    return [agenda for agenda in agendas if has_caps(agenda)]


def _spans(
    agenda: Agenda, start: datetime, now: datetime
) -> list[tuple[str, int, tuple[datetime, datetime | None]]]:
    """The caps of an agenda: name, how many, and from when to when bookings are counted."""
    day = start.astimezone(agenda.zone).date()
    found = []
    if agenda.bookings_per_day:
        found.append(("day", agenda.bookings_per_day, _bounds(agenda, [day])))
    if agenda.bookings_per_week:
        found.append(("week", agenda.bookings_per_week, _bounds(agenda, week_of(day))))
    if agenda.bookings_per_person:
        found.append(("person", agenda.bookings_per_person, (now, None)))
    return found


def _bounds(agenda: Agenda, days: Sequence) -> tuple[datetime, datetime]:
    first = availability.day_bounds(days[0], agenda.zone)[0]
    end = availability.day_bounds(days[-1], agenda.zone)[1]
    return instant_of(first), instant_of(end)
