"""A sports course that comes back every week, with a waiting list and places offered in time."""

from collections.abc import Callable
from datetime import date, datetime, time

from wagtail.models import Page, Site

from example_site.home import demo_agendas
from example_site.home.models import HomePage
from wagtail_agenda import series
from wagtail_agenda.choices import AgendaKind, WaitingListPromotion
from wagtail_agenda.models import Agenda, EventSeries

PAGE = "sports"
TUESDAY, THURSDAY = 1, 3


def agenda(site: Site) -> Agenda:
    """Courses whose free places are offered to the next on the waiting list for a day."""
    known = Agenda.objects.filter(slug="sports").first()
    return known or demo_agendas.published(
        Agenda(
            kind=AgendaKind.EVENTS,
            label="Sports courses",
            slug="sports",
            description="Come once or every week; bring nothing but yourself.",
            timezone=demo_agendas.ZONE,
            location="Weir Road Baths, 2 Weir Road, Fairbridge",
            contact="sports@fairbridge.example",
            url=f"{site.root_url}/{PAGE}/",
            comment="Lockers take a one-euro coin.",
            maximal_booking_delay=28,
            user_display_label_template="{event}",
            waiting_list_promotion=WaitingListPromotion.OFFER,
            tentative_entries=True,
            alarm_before=90,
            offer_hours=24,
            places_per_booking=2,
            several_events=True,
            bookings_per_week=3,
            move_notice=3,
        ),
        [],
    )


def make_courses(agenda: Agenda, now: datetime) -> None:
    """Makes the series that is missing, and its coming events."""
    today = now.astimezone(agenda.zone).date()
    if not agenda.event_series.exists():
        EventSeries.objects.create(
            agenda=agenda,
            label="Aqua fitness",
            description="Forty-five minutes in warm water, to music. No need to swim.",
            first_day=today,
            weekdays=[TUESDAY, THURSDAY],
            every_weeks=1,
            exceptions=[date(today.year, 12, 24).isoformat()],
            start_time=time(18),
            duration=45,
            places=10,
            waiting_places=6,
        )
    for course in agenda.event_series.all():
        series.make_occurrences(course, now)


def load_page(home: Page, agenda: Agenda, page: Callable[..., HomePage]) -> HomePage:
    """The page of the courses; `page` makes one that is missing."""
    return page(
        home,
        PAGE,
        "Sports courses",
        "Aqua fitness on Tuesdays and Thursdays. A full course has a waiting list.",
        [
            (
                "paragraph",
                "<p>Tick as many dates as you like and book them together. If a course is full, "
                "join its waiting list: when a place becomes free, we offer it to the next in the "
                "list by e-mail, and keep it for a day.</p>",
            ),
            (
                "booking_form",
                {
                    "agenda": agenda,
                    "heading": "Take part",
                    "fields": [],
                    "confirmation_text": "<p>Please be changed five minutes before.</p>",
                    "fully_booked_text": "All courses and their waiting lists are full.",
                },
            ),
        ],
    )
