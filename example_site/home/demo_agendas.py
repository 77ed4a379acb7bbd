"""What can be booked in the demo: counters with hours and closures, workshops, study rooms."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from django.utils import timezone
from django.utils.text import slugify
from wagtail.models import Site

from example_site.home import demo_workflows
from wagtail_agenda import booking
from wagtail_agenda.choices import AgendaKind, Attendance, DelayUnit
from wagtail_agenda.models import (
    Agenda,
    AttendanceReason,
    ClosureCalendar,
    Desk,
    Event,
    MeetingType,
    Schedule,
)

ZONE = "Europe/Paris"

PASSPORT_PAGE = "passport"
WORKSHOP_PAGE = "workshops"
STUDY_PAGE = "study-rooms"

WORKSHOPS_BEHIND = timedelta(days=14)
WORKSHOPS_AHEAD = timedelta(days=30)

MONDAY_TO_FRIDAY = range(5)
SATURDAY = 5
LUNCH = (time(12), time(13, 30))


def passports(site: Site) -> Agenda:
    """Three counters for passports, of which one is open on Saturday morning as well."""
    agenda = Agenda.objects.filter(slug="passports").first()
    if agenda:
        return agenda
    office_hours = weekly(MONDAY_TO_FRIDAY, time(9), time(17, 30), LUNCH)
    agenda = published(
        Agenda(
            kind=AgendaKind.MEETINGS,
            label="Passport counters",
            slug="passports",
            description="Applications for passports and identity cards, and their collection.",
            timezone=ZONE,
            location="Fairbridge Town Hall, 1 Market Square, Fairbridge",
            contact="Telephone +44 1632 960 123, passports@fairbridge.example",
            url=f"{site.root_url}/{PASSPORT_PAGE}/",
            comment="Bring your old document and one photo.",
            minimal_booking_delay=2,
            minimal_booking_delay_unit=DelayUnit.HOURS,
            maximal_booking_delay=60,
            maximal_booking_delay_unit=DelayUnit.DAYS,
            schedule=schedule("Office hours", office_hours),
            staff_addresses="counters@fairbridge.example",
            retention_days=365,
            workflow=demo_workflows.passport_counters(),
            label_template="{appointment_type}",
            user_display_label_template="{appointment_type} at the town hall",
            description_template="{appointment_type} at {desk}",
            backoffice_url_template=f"{site.root_url}/demo/back-office/{{number}}/",
        ),
        [closures()],
    )
    saturday = schedule(
        "Office hours and Saturday morning",
        office_hours,
        weekly([SATURDAY], time(9), time(12)),
    )
    counters = [
        Desk.objects.create(agenda=agenda, label="Counter 1", sort_order=1, schedule=saturday),
        Desk.objects.create(agenda=agenda, label="Counter 2", sort_order=2),
        Desk.objects.create(agenda=agenda, label="Counter 3", sort_order=3),
    ]
    MeetingType.objects.create(
        agenda=agenda,
        label="Passport or identity card",
        slug="application",
        description="A new document, a renewal, or a replacement for a lost one.",
        duration=30,
        buffer_after=5,
        step=30,
        sort_order=1,
    )
    collection = MeetingType.objects.create(
        agenda=agenda,
        label="Collection of a document",
        slug="collection",
        description="Your document is ready; bring the letter that says so.",
        duration=10,
        sort_order=2,
    )
    collection.desks.set(counters[:2])
    return agenda


def study_rooms(site: Site) -> Agenda:
    """Two rooms of the library, by the hour."""
    agenda = Agenda.objects.filter(slug="study-rooms").first()
    if agenda:
        return agenda
    agenda = published(
        Agenda(
            kind=AgendaKind.MEETINGS,
            label="Study rooms",
            slug="study-rooms",
            timezone=ZONE,
            location="Public Library, 4 Mill Lane, Fairbridge",
            contact="library@fairbridge.example",
            url=f"{site.root_url}/{STUDY_PAGE}/",
            comment="Your library card opens the door.",
            maximal_booking_delay=14,
            schedule=schedule("Library hours", weekly(range(1, 6), time(10), time(18))),
        ),
        [closures()],
    )
    for number, label in enumerate(("River room", "Garden room"), start=1):
        Desk.objects.create(agenda=agenda, label=label, sort_order=number)
    MeetingType.objects.create(agenda=agenda, label="Study room, two hours", duration=120)
    return agenda


def workshops(site: Site) -> Agenda:
    """The agenda of the workshops; `make_workshops()` fills it."""
    agenda = Agenda.objects.filter(slug="workshops").first()
    return agenda or published(
        Agenda(
            kind=AgendaKind.EVENTS,
            label="Workshops",
            slug="workshops",
            description="An hour or two with people who know how.",
            timezone=ZONE,
            location="House of Associations, 7 Station Road, Fairbridge",
            contact="workshops@fairbridge.example",
            url=f"{site.root_url}/{WORKSHOP_PAGE}/",
            maximal_booking_delay=60,
            user_display_label_template="{event}",
        ),
        [],
    )


@dataclass(frozen=True)
class Workshop:
    """A workshop that comes back: on one weekday, every so many weeks."""

    label: str
    weekday: int
    starts: time
    hours: float
    places: int
    every: int
    location: str
    description: str
    demand: float
    """Share of its places that are taken some days before."""


WORKSHOPS = (
    Workshop(
        "Digital help",
        weekday=1,
        starts=time(14),
        hours=2,
        places=6,
        every=1,
        location="Public Library, 4 Mill Lane, Fairbridge",
        description="Bring your phone or laptop, and the question you never dared to ask.",
        demand=0.5,
    ),
    Workshop(
        "Story time for children",
        weekday=2,
        starts=time(10, 30),
        hours=0.75,
        places=12,
        every=1,
        location="Children’s Library, 6 Mill Lane, Fairbridge",
        description="Picture books read aloud, for children from three to six.",
        demand=0.6,
    ),
    Workshop(
        "Repair café",
        weekday=5,
        starts=time(10),
        hours=3,
        places=15,
        every=2,
        location="The Old Fire Station, 22 Canal Street, Fairbridge",
        description="Toasters, trousers, bicycles: we mend them together.",
        demand=0.4,
    ),
    Workshop(
        "Compost for beginners",
        weekday=5,
        starts=time(14, 30),
        hours=1.5,
        places=8,
        every=3,
        location="Community Garden, Weir Path, Fairbridge",
        description="What goes in, what stays out, and why it smells.",
        demand=1.0,
    ),
)


UNDER_WAY = Workshop(
    "Open house for new residents",
    weekday=0,
    starts=time(0),
    hours=2,
    places=20,
    every=1,
    location="Town Hall, 1 Market Square, Fairbridge",
    description="Who does what in Fairbridge, and where to find them.",
    demand=0.6,
)
"""Takes place today: `make_workshop_under_way()` says when."""


def make_workshops(agenda: Agenda, now: datetime) -> None:
    """Makes the workshops that are missing around that moment."""
    today = now.astimezone(agenda.zone).date()
    for number in range(-WORKSHOPS_BEHIND.days, WORKSHOPS_AHEAD.days + 1):
        day = today + timedelta(days=number)
        for workshop in WORKSHOPS:
            week = day.toordinal() // 7
            if day.weekday() == workshop.weekday and week % workshop.every == 0:
                make_workshop(agenda, workshop, day, now)


def make_workshop(agenda: Agenda, workshop: Workshop, day: date, now: datetime) -> None:
    slug = f"{slugify(workshop.label)}-{day.isoformat()}"
    if agenda.events.filter(slug=slug).exists():
        return
    start = datetime.combine(day, workshop.starts, tzinfo=agenda.zone)
    event = Event.objects.create(
        agenda=agenda,
        label=workshop.label,
        slug=slug,
        description=workshop.description,
        location=workshop.location,
        start=start,
        end=start + timedelta(hours=workshop.hours),
    )
    booking.change_places(event, workshop.places, now=now)


def make_workshop_under_way(agenda: Agenda, now: datetime) -> None:
    """One that has just begun, so that there is somebody to check in."""
    began = now.astimezone(agenda.zone) - timedelta(minutes=20)
    starts = began.replace(minute=began.minute // 15 * 15, second=0, microsecond=0)
    workshop = replace(UNDER_WAY, weekday=starts.weekday(), starts=starts.time())
    make_workshop(agenda, workshop, starts.date(), now)


def make_attendance_reasons() -> None:
    """What agents choose from when somebody is late or does not come, on every agenda."""
    if AttendanceReason.objects.exists():
        return
    for attendance, label in (
        (Attendance.LATE, "Bus or train"),
        (Attendance.LATE, "Queue at the entrance"),
        (Attendance.ABSENT, "Excused"),
        (Attendance.ABSENT, "No message"),
    ):
        AttendanceReason.objects.create(attendance=attendance, label=label)


def demand_for(event: Event) -> float:
    """The share of an event's places that is taken; none of an event that somebody has added."""
    known = (*WORKSHOPS, UNDER_WAY)
    return next((workshop.demand for workshop in known if workshop.label == event.label), 0)


# Hours and closures


def schedule(label: str, *periods: dict) -> Schedule:
    existing = Schedule.objects.filter(label=label).first()
    if existing:
        return existing
    made = Schedule.objects.create(label=label, periods=list(periods))
    made.save_revision().publish()
    return made


def weekly(weekdays, opens: time, closes: time, *breaks: tuple[time, time]) -> dict:
    """One weekly period, as a StreamField stores it."""
    return {
        "type": "weekly",
        "value": {
            "weekdays": [str(weekday) for weekday in weekdays],
            "opens": opens.isoformat(),
            "closes": closes.isoformat(),
            "breaks": [
                {"from": start.isoformat(), "until": end.isoformat()} for start, end in breaks
            ],
        },
    }


def closures() -> ClosureCalendar:
    """The public holidays of France, the days between the years, and a day of training."""
    label = "Town hall closures"
    existing = ClosureCalendar.objects.filter(label=label).first()
    if existing:
        return existing
    today = timezone.localdate()
    # A Thursday in three or four weeks, so that it shows in the calendar of the booking form.
    training = today + timedelta(days=21 + (3 - today.weekday()) % 7)
    return ClosureCalendar.objects.create(
        label=label,
        closures=[
            {"type": "public_holidays", "value": {"country": "FR", "region": ""}},
            {
                "type": "dates",
                "value": {
                    "first": date(today.year, 12, 24).isoformat(),
                    "last": date(today.year, 12, 31).isoformat(),
                    "label": "Between the years",
                },
            },
            {
                "type": "dates",
                "value": {
                    "first": training.isoformat(),
                    "last": None,
                    "label": "Training of the staff",
                },
            },
        ],
    )


def published(agenda: Agenda, calendars: list[ClosureCalendar]) -> Agenda:
    agenda.closure_calendars = calendars
    agenda.save()
    agenda.save_revision().publish()
    return agenda
