"""An agenda of any size, filled for measuring, trying and demonstrating: never with real bookings.

Bookings are made one by one under a lock by `booking`; a hundred thousand of them would take an
hour. Here they are laid out without overlaps first and then written in bulk, with everything that
the real way would have left: occupations, counters, versions, history, status. So such an agenda
can be used like any other. Nobody has an address in it, so that nothing is ever sent.

The same plan gives the same bookings, whatever else the database holds.
"""

import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import transaction
from wagtail.signal_handlers import disable_reference_index_auto_update

from wagtail_agenda import tokens, workflow
from wagtail_agenda.choices import Actor, AgendaKind, DelayUnit, Trigger
from wagtail_agenda.correspondence import label_texts
from wagtail_agenda.models import (
    REFERENCE_ALPHABET,
    Agenda,
    Bookable,
    Booking,
    Desk,
    Entry,
    Event,
    MeetingType,
    Occupation,
    Schedule,
)
from wagtail_agenda.timegrid import Interval, epoch_minutes, instant_of

MARK = "agenda_seed"
"""How an agenda's description begins, and its bookings' external ids, if they are made here."""

OPENS, CLOSES = time(8), time(20)
WEEKDAYS = range(6)
"""Every desk is open from `OPENS` to `CLOSES`, Monday to Saturday."""

STEP_MINUTES = 15
STEPS_A_DAY = (CLOSES.hour - OPENS.hour) * 60 // STEP_MINUTES
EVENTS_A_DAY = 4
EVENT_HOURS = 3

ROWS_AT_ONCE = 5_000
LONGEST_HORIZON = 17_520
"""Days: the farthest ahead that an agenda takes bookings."""

GIVEN_NAMES = (
    "Amélie", "Oluwaseun", "Hương", "Marta", "Jürgen", "Fatima", "Hugh", "Svetlana", "Chidi",
    "Siobhán", "Yuki", "Lucas", "Ana-Maria", "Priya", "Théo", "Ingrid",
)  # fmt: skip
FAMILY_NAMES = (
    "Girard", "Adeyemi", "Nguyễn", "Kowalczyk", "Weiß", "El Amrani", "Pemberton", "Morozova",
    "Okafor", "O’Connor", "Tanaka", "Ferreira da Silva", "Ionescu", "Raghunathan", "Lefebvre",
    "Sørensen",
)  # fmt: skip


class CannotSeed(Exception):
    """The plan cannot be carried out; the text says why, and what to do instead."""


@dataclass(frozen=True)
class Plan:
    """What an agenda is filled with. With `events` it takes events, otherwise appointments.

    `slug` names the agenda; `bookings` are spread over the desks or events of `days` days from
    `first` on; `places` is what every event has. `seed` decides who comes when.
    """

    slug: str
    first: date
    days: int = 60
    desks: int = 3
    events: int = 0
    places: int = 20
    bookings: int = 200
    seed: int = 1

    @property
    def open_days(self) -> list[date]:
        days = (self.first + timedelta(days=number) for number in range(self.days))
        return [day for day in days if day.weekday() in WEEKDAYS]

    @property
    def most(self) -> int:
        """How many bookings have room."""
        if self.events:
            return self.events * self.places
        return self.desks * len(self.open_days) * STEPS_A_DAY


def fill(plan: Plan, *, now: datetime) -> Agenda:
    """Make the agenda and everything in it. All or nothing.

    An agenda of that name that was made here is replaced as long as nobody has booked there.
    Raises `CannotSeed`.
    """
    if plan.bookings > plan.most:
        raise CannotSeed(
            f"{plan.bookings} bookings do not fit: there is room for {plan.most}. "
            "Ask for more desks, days or events, or for fewer bookings."
        )
    if not plan.open_days:
        raise CannotSeed("These days are all Sundays, when nothing is open: ask for more days.")
    draw = random.Random(f"{plan.slug} {plan.seed}")  # noqa: S311  nothing secret is drawn
    with transaction.atomic():
        if Agenda.objects.filter(slug=plan.slug).exists():
            remove(plan.slug)
        agenda = _make_agenda(plan, now)
        seats = _event_seats(plan, agenda) if plan.events else _desk_seats(plan, agenda, draw)
        # People do not book in the order of the days.
        draw.shuffle(seats)
        _make_bookings(agenda, seats, draw, now)
    return agenda


def remove(slug: str, *, with_real_bookings: bool = False) -> int:
    """Delete an agenda that was made here, with all it has; answers how many bookings it had.

    Raises `CannotSeed` if it was not made here, or if people have booked there since, unless
    `with_real_bookings`.
    """
    agenda = Agenda.objects.filter(slug=slug).first()
    if agenda is None:
        raise CannotSeed(f"There is no agenda “{slug}”.")
    if not agenda.description.startswith(MARK):
        raise CannotSeed(
            f"The agenda “{slug}” was not made by agenda_seed, so it is left alone. "
            "Choose another name."
        )
    real = agenda.bookings.exclude(user_external_id__startswith=MARK).count()
    if real and not with_real_bookings:
        raise CannotSeed(
            f"{real} bookings have been made in the agenda “{slug}” since it was filled. "
            "Choose another name, or remove it with them: --remove --with-real-bookings."
        )
    with transaction.atomic():
        removed = _delete_bookings(agenda)
        desks, events = Desk.objects.filter(agenda=agenda), Event.objects.filter(agenda=agenda)
        bookables = [
            *desks.values_list("bookable_id", flat=True),
            *events.values_list("bookable_id", flat=True),
        ]
        schedule = agenda.schedule
        agenda.holds.all().delete()
        events.delete()
        agenda.delete()
        Bookable.objects.filter(pk__in=bookables).delete()
        if schedule is not None and schedule.label.startswith(MARK):
            schedule.delete()
    return removed


def _delete_bookings(agenda: Agenda) -> int:
    removed = 0
    # Bookings are in no reference index; without this, Wagtail asks it once per row.
    with disable_reference_index_auto_update():
        while pks := list(agenda.bookings.order_by().values_list("pk", flat=True)[:ROWS_AT_ONCE]):
            Booking.objects.filter(pk__in=pks).delete()
            removed += len(pks)
    return removed


# What can be booked


def _make_agenda(plan: Plan, now: datetime) -> Agenda:
    agenda = Agenda(
        kind=AgendaKind.EVENTS if plan.events else AgendaKind.MEETINGS,
        label=plan.slug,
        slug=plan.slug,
        description=f"{MARK}: filled with {plan.bookings} bookings, none of them real.",
        maximal_booking_delay=min(max(1, (plan.open_days[-1] - now.date()).days), LONGEST_HORIZON),
        maximal_booking_delay_unit=DelayUnit.DAYS,
    )
    if not plan.events:
        weekly = {
            "weekdays": [str(weekday) for weekday in WEEKDAYS],
            "opens": OPENS.isoformat(),
            "closes": CLOSES.isoformat(),
            "breaks": [],
        }
        agenda.schedule = Schedule.objects.create(
            label=f"{MARK}: {plan.slug}", periods=[{"type": "weekly", "value": weekly}]
        )
    agenda.save()
    return agenda


def _make_types(agenda: Agenda) -> tuple[MeetingType, MeetingType]:
    """A short and a long one. Both begin every quarter of an hour, and the short one leaves room
    for the buffer of whatever comes next."""
    return (
        MeetingType.objects.create(
            agenda=agenda, label="Collection", slug="collection", duration=10, step=STEP_MINUTES
        ),
        MeetingType.objects.create(
            agenda=agenda,
            label="Passport",
            slug="passport",
            duration=30,
            buffer_before=5,
            buffer_after=5,
            step=STEP_MINUTES,
            sort_order=1,
        ),
    )


def _bookables(number: int, *, places: int) -> list[Bookable]:
    return Bookable.objects.bulk_create(Bookable(places=places) for _number in range(number))


def _make_desks(plan: Plan, agenda: Agenda) -> list[Desk]:
    return Desk.objects.bulk_create(
        Desk(
            agenda=agenda,
            label=f"Desk {number}",
            slug=f"desk-{number}",
            sort_order=number,
            bookable=bookable,
        )
        for number, bookable in enumerate(_bookables(plan.desks, places=1), start=1)
    )


def _make_events(plan: Plan, agenda: Agenda) -> list[Event]:
    days = [_opening(day, agenda) for day in plan.open_days]
    events = []
    for number, bookable in enumerate(_bookables(plan.events, places=plan.places)):
        start = days[number // EVENTS_A_DAY % len(days)]
        start += number % EVENTS_A_DAY * EVENT_HOURS * 60
        events.append(
            Event(
                agenda=agenda,
                label=f"Event {number + 1}",
                slug=f"event-{number + 1}",
                start=instant_of(start),
                end=instant_of(start + EVENT_HOURS * 60),
                bookable=bookable,
            )
        )
    return Event.objects.bulk_create(events)


def _opening(day: date, agenda: Agenda) -> int:
    return epoch_minutes(datetime.combine(day, OPENS, tzinfo=agenda.zone))


# Who comes when


@dataclass(frozen=True)
class Seat:
    """One booking to be: an appointment from an epoch minute on, or a place of an event."""

    bookable: Bookable
    start: int
    minutes: int
    meeting_type: MeetingType | None = None
    desk: Desk | None = None
    event: Event | None = None

    @property
    def busy(self) -> Interval:
        before = self.meeting_type.buffer_before if self.meeting_type else 0
        after = self.meeting_type.buffer_after if self.meeting_type else 0
        return self.start - before, self.start + self.minutes + after


def _desk_seats(plan: Plan, agenda: Agenda, draw: random.Random) -> list[Seat]:
    short, long = _make_types(agenda)
    steps = {short: 1, long: 3, None: 1}
    opens = [_opening(day, agenda) for day in plan.open_days]
    desk_days = [(desk, minute) for desk in _make_desks(plan, agenda) for minute in opens]
    evenly, left = divmod(plan.bookings, len(desk_days)) if desk_days else (0, 0)
    with_one_more = set(draw.sample(range(len(desk_days)), left))
    seats = []
    for number, (desk, minute) in enumerate(desk_days):
        bookings = evenly + (number in with_one_more)
        wanted = sum(draw.random() < 0.5 for _booking in range(bookings))
        longs = min(wanted, (STEPS_A_DAY - bookings) // (steps[long] - steps[short]))
        day: list[MeetingType | None] = [long] * longs + [short] * (bookings - longs)
        day += [None] * (STEPS_A_DAY - sum(steps[meeting_type] for meeting_type in day))
        draw.shuffle(day)
        for meeting_type in day:
            if meeting_type is not None:
                seats.append(
                    Seat(desk.bookable, minute, meeting_type.duration, meeting_type, desk=desk)
                )
            minute += STEP_MINUTES * steps[meeting_type]
    return seats


def _event_seats(plan: Plan, agenda: Agenda) -> list[Seat]:
    events = _make_events(plan, agenda)
    starts = [epoch_minutes(event.start) for event in events]
    turns = (number % plan.events for number in range(plan.bookings))
    return [
        Seat(events[turn].bookable, starts[turn], EVENT_HOURS * 60, event=events[turn])
        for turn in turns
    ]


def _make_bookings(
    agenda: Agenda, seats: Sequence[Seat], draw: random.Random, now: datetime
) -> None:
    road = workflow.road_of(agenda)
    history = workflow.movement(road.first, road.after(Trigger.BOOKED))
    references = _references(draw)
    texts: dict[Event | MeetingType, dict[str, str]] = {}

    def booking_of(number: int, seat: Seat) -> Booking:
        booking = Booking(
            uuid=uuid.UUID(int=draw.getrandbits(128), version=4),
            reference=next(references),
            agenda=agenda,
            meeting_type=seat.meeting_type,
            desk=seat.desk,
            event=seat.event,
            start=instant_of(seat.start),
            end=instant_of(seat.start + seat.minutes),
            status=road.at_entry(Trigger.BOOKED),
            user_name=f"{draw.choice(GIVEN_NAMES)} {draw.choice(FAMILY_NAMES)}",
            user_external_id=f"{MARK} {number}",
            made_by=Actor.SYSTEM,
            created_at=now,
        )
        booking.token_digest = tokens.new_digest(booking)
        subject = seat.event or seat.meeting_type
        if subject not in texts:
            # The agenda has no templates, so they are the same for everybody.
            texts[subject] = label_texts(booking)
        for name, text in texts[subject].items():
            setattr(booking, name, text)
        return booking

    for first in range(0, len(seats), ROWS_AT_ONCE):
        present = seats[first : first + ROWS_AT_ONCE]
        bookings = Booking.objects.bulk_create(
            booking_of(number, seat) for number, seat in enumerate(present, start=first)
        )
        Occupation.objects.bulk_create(
            Occupation(
                bookable=seat.bookable,
                busy_from=seat.busy[0],
                busy_to=seat.busy[1],
                booking=booking,
            )
            for seat, booking in zip(present, bookings, strict=True)
        )
        Entry.objects.bulk_create(
            Entry(booking=booking, what=Trigger.BOOKED, actor=Actor.SYSTEM, at=now, data=history)
            for booking in bookings
        )
    _count(seats)


def _count(seats: Iterable[Seat]) -> None:
    taken = Counter(seat.bookable for seat in seats)
    for bookable, places in taken.items():
        # The version tells how often something has changed here.
        bookable.version = bookable.places_booked = places
    Bookable.objects.bulk_update(taken, ["version", "places_booked"], batch_size=ROWS_AT_ONCE)


def _references(draw: random.Random) -> Iterator[str]:
    given = set()
    while True:
        letters = "".join(draw.choices(REFERENCE_ALPHABET, k=8))
        if letters not in given:
            given.add(letters)
            yield f"{letters[:4]}-{letters[4:]}"
