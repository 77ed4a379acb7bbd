"""Offices that share a room, registry offices that are booked as one, a room by the hour."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time

from wagtail.models import Page, Site

from example_site.home import demo_agendas
from example_site.home.demo_agendas import MONDAY_TO_FRIDAY, ZONE, published, schedule, weekly
from example_site.home.models import HomePage
from wagtail_agenda.choices import AgendaKind, AlarmUnit, DelayUnit
from wagtail_agenda.models import Agenda, AgendaMember, Desk, MeetingType, Resource, Schedule

REGISTRY_PAGE = "registry-office"
ADVICE_PAGE = "advice"
HALL_PAGE = "rehearsal-room"


@dataclass(frozen=True)
class Offices:
    """What can be booked there."""

    registry: Agenda
    mediation: Agenda
    legal_advice: Agenda
    rehearsal_room: Agenda


def offices(site: Site) -> Offices:
    """Makes what is missing of them."""
    room = meeting_room()
    return Offices(
        registry=registry_offices(site),
        mediation=advice(site, room, "Neighbourhood mediation", "mediation", "Mediator", 60),
        legal_advice=advice(site, room, "Legal advice", "legal-advice", "Lawyer on duty", 30),
        rehearsal_room=rehearsal_room(site),
    )


def registry_offices(site: Site) -> Agenda:
    """Two registry offices, and the virtual agenda « any of them »."""
    known = Agenda.objects.filter(slug="registry-offices").first()
    if known:
        return known
    hours = schedule(
        "Registry offices", weekly(MONDAY_TO_FRIDAY, time(8, 30), time(16), (time(12), time(13)))
    )
    real = [
        registry_office(site, hours, label, slug, location, desks)
        for label, slug, location, desks in (
            ("Registry office North", "registry-north", "12 North Gate, Fairbridge", 2),
            ("Registry office Harbour", "registry-harbour", "3 Quay Street, Fairbridge", 1),
        )
    ]
    virtual = Agenda(
        kind=AgendaKind.VIRTUAL,
        label="Any registry office",
        slug="registry-offices",
        description="Whichever of our registry offices is free first.",
        timezone=ZONE,
        contact="registry@fairbridge.example",
        url=f"{site.root_url}/{REGISTRY_PAGE}/",
        maximal_booking_delay=30,
    )
    virtual.members = [
        AgendaMember(agenda=agenda, sort_order=number) for number, agenda in enumerate(real)
    ]
    return published(virtual, [demo_agendas.closures()])


def registry_office(
    site: Site, hours: Schedule, label: str, slug: str, location: str, desks: int
) -> Agenda:
    agenda = published(
        Agenda(
            kind=AgendaKind.MEETINGS,
            label=label,
            slug=slug,
            timezone=ZONE,
            location=location,
            contact="registry@fairbridge.example",
            url=f"{site.root_url}/{REGISTRY_PAGE}/",
            comment="Bring your identity card.",
            minimal_booking_delay=1,
            minimal_booking_delay_unit=DelayUnit.WORKING_DAYS,
            maximal_booking_delay=30,
            schedule=hours,
        ),
        [demo_agendas.closures()],
    )
    for number in range(1, desks + 1):
        Desk.objects.create(agenda=agenda, label=f"Registrar {number}", sort_order=number)
    MeetingType.objects.create(
        agenda=agenda,
        label="Birth, marriage or death certificate",
        slug="certificate",
        duration=20,
    )
    return agenda


def meeting_room() -> Resource:
    """The one room in which several offices see people."""
    known = Resource.objects.filter(slug="meeting-room-2").first()
    return known or Resource.objects.create(
        label="Meeting room 2",
        slug="meeting-room-2",
        description="First floor, eight chairs, a screen.",
        schedule=schedule("Meeting room 2", weekly(MONDAY_TO_FRIDAY, time(9), time(20))),
        timezone=ZONE,
        maximum_duration=120,
    )


def advice(site: Site, room: Resource, label: str, slug: str, desk: str, minutes: int) -> Agenda:
    """An office of one person, who needs the shared room for every appointment."""
    known = Agenda.objects.filter(slug=slug).first()
    if known:
        return known
    agenda = Agenda(
        kind=AgendaKind.MEETINGS,
        label=label,
        slug=slug,
        timezone=ZONE,
        location="Town Hall, 1 Market Square, Fairbridge",
        contact="advice@fairbridge.example",
        url=f"{site.root_url}/{ADVICE_PAGE}/",
        maximal_booking_delay=21,
        schedule=schedule("Hours of advice", weekly([0, 2, 4], time(13), time(18))),
    )
    agenda.resources = [room]
    published(agenda, [demo_agendas.closures()])
    Desk.objects.create(agenda=agenda, label=desk)
    kind = MeetingType.objects.create(agenda=agenda, label=label, slug=slug, duration=minutes)
    kind.resources.set([room])
    return agenda


def rehearsal_room(site: Site) -> Agenda:
    """A room for as long as one likes, if somebody at the town hall agrees."""
    known = Agenda.objects.filter(slug="rehearsal-room").first()
    if known:
        return known
    agenda = published(
        Agenda(
            kind=AgendaKind.MEETINGS,
            label="Rehearsal room",
            slug="rehearsal-room",
            description="For bands, choirs and theatre groups.",
            timezone=ZONE,
            location="The Old Fire Station, 22 Canal Street, Fairbridge",
            contact="culture@fairbridge.example",
            url=f"{site.root_url}/{HALL_PAGE}/",
            minimal_booking_delay=2,
            minimal_booking_delay_unit=DelayUnit.WORKING_DAYS,
            maximal_booking_delay=45,
            needs_approval=True,
            tentative_entries=True,
            alarm_before=1,
            alarm_before_unit=AlarmUnit.HOURS,
            approval_hours=72,
            bookings_per_week=2,
            staff_addresses="culture@fairbridge.example",
            schedule=schedule("Rehearsal room", weekly(range(7), time(10), time(22))),
        ),
        [],
    )
    Desk.objects.create(agenda=agenda, label="Rehearsal room")
    MeetingType.objects.create(
        agenda=agenda,
        label="Rehearsal",
        slug="rehearsal",
        duration=60,
        maximum_duration=240,
        step=30,
    )
    return agenda


def load_pages(home: Page, made: Offices, page: Callable[..., HomePage]) -> None:
    """The pages on which they are booked; `page` makes one that is missing."""
    page(
        home,
        REGISTRY_PAGE,
        "Registry office",
        "Certificates of birth, marriage and death, at whichever office is free first.",
        [
            ("paragraph", "<p>You may go to any of our offices; the mail says to which.</p>"),
            ("booking_form", {"agenda": made.registry, "heading": "Book an appointment"}),
        ],
    )
    page(
        home,
        ADVICE_PAGE,
        "Advice",
        "A lawyer or a mediator listens to you, free of charge.",
        [
            ("heading", "Legal advice"),
            ("booking_form", {"agenda": made.legal_advice, "heading": "Legal advice"}),
            ("heading", "Neighbourhood mediation"),
            ("booking_form", {"agenda": made.mediation, "heading": "Neighbourhood mediation"}),
        ],
    )
    page(
        home,
        HALL_PAGE,
        "Rehearsal room",
        "From one hour to four, with a piano and thick walls.",
        [
            (
                "paragraph",
                "<p>Choose when you begin and when you end. We answer within three days; until "
                "then the room is kept for you.</p>",
            ),
            ("booking_form", {"agenda": made.rehearsal_room, "heading": "Ask for the room"}),
        ],
    )
