"""Everything that can be booked in the demo, in one place."""

from dataclasses import dataclass
from datetime import datetime

from wagtail.models import Site

from example_site.home import demo_agendas, demo_offices, demo_sports
from example_site.home.demo_offices import Offices
from wagtail_agenda.models import Agenda


@dataclass(frozen=True)
class TownHall:
    """The site and what can be booked on it."""

    site: Site
    passports: Agenda
    workshops: Agenda
    study_rooms: Agenda
    sports: Agenda
    offices: Offices


def town_hall(site: Site, now: datetime) -> TownHall:
    """Makes what is missing of the agendas, and of their events around that moment."""
    made = TownHall(
        site=site,
        passports=demo_agendas.passports(site),
        workshops=demo_agendas.workshops(site),
        study_rooms=demo_agendas.study_rooms(site),
        sports=demo_sports.agenda(site),
        offices=demo_offices.offices(site),
    )
    demo_agendas.make_workshops(made.workshops, now)
    demo_agendas.make_workshop_under_way(made.workshops, now)
    demo_agendas.make_attendance_reasons()
    demo_sports.make_courses(made.sports, now)
    return made
