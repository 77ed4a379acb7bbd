"""A fortnight of past and of coming bookings, made by the functions that make real ones.

Who books what follows from the day alone, so that every demo looks the same on the same day. Their
mails are delivered by the outbox as all mails are, but to nowhere: the demo's inbox is to show what
somebody books by hand, and two examples.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.test.utils import override_settings
from django.utils.translation import override
from wagtail.coreutils import string_to_ascii
from wagtail.models import Site

from example_site.home.demo_agendas import demand_for
from example_site.home.demo_offices import Offices
from example_site.home.demo_town_hall import TownHall
from example_site.home.models import HomePage, Notice
from wagtail_agenda import attendance, availability, booking, form_definition, outbox, tasks
from wagtail_agenda.availability import Slot
from wagtail_agenda.blocks.booking_form import definition_of
from wagtail_agenda.booking import Details
from wagtail_agenda.choices import Actor, Admission, Attendance, DeliveryState
from wagtail_agenda.models import Agenda, AttendanceReason, Booking, Event, FormVersion
from wagtail_agenda.signals import deliveries_due

FORTNIGHT = timedelta(days=14)

DOCUMENTS = ["Passport", "Identity card", "Both"]
CHANNELS = ["The town’s newsletter", "A poster", "A friend", "This website"]

ENGLISH = settings.LANGUAGE_CODE

PEOPLE = (
    ("Amélie Girard", "fr"),
    ("Oluwaseun Adeyemi", ENGLISH),
    ("Nguyễn Thị Hương", ENGLISH),
    ("Marta Kowalczyk", ENGLISH),
    ("Jürgen Weiß", "de"),
    ("Fatima Zahra El Amrani", "fr"),
    ("Hugh Pemberton", ENGLISH),
    ("Svetlana Morozova", "ru"),
    ("Chidi Okafor", ENGLISH),
    ("Siobhán O’Connor", ENGLISH),
    ("Yuki Tanaka", ENGLISH),
    ("Lucas Ferreira da Silva", ENGLISH),
    ("Ana-Maria Ionescu", "fr"),
    ("Priya Raghunathan", ENGLISH),
    ("Théo Lefebvre", "fr"),
    ("Ingrid Sørensen", ENGLISH),
    ("Mohammed Al-Hashimi", ENGLISH),
    ("Grace Mwangi", ENGLISH),
    ("Emre Yılmaz", "de"),
    ("Zofia Nowak", ENGLISH),
    ("Jean-Baptiste N’Diaye", "fr"),
    ("Li Wei", ENGLISH),
    ("Eleni Papadopoulou", ENGLISH),
    ("Noah van den Berg", ENGLISH),
    ("Aaliyah Johnson", ENGLISH),
    ("Tomáš Dvořák", "de"),
    ("Camille Dubois", "fr"),
    ("Kwame Mensah", ENGLISH),
    ("Isabella Rossi", ENGLISH),
    ("Dmitri Sokolov", "ru"),
    ("Sarah Cohen", ENGLISH),
    ("Rajesh Kumar Patel", ENGLISH),
    ("Manon Petit", "fr"),
    ("Hannah Schmidt", "de"),
    ("Björn Lindqvist", ENGLISH),
    ("Mei-Ling Chen", ENGLISH),
    ("Antoine Moreau", "fr"),
    ("Khadija Benali", "fr"),
    ("William Ashworth", ENGLISH),
    ("Dolores Hernández", ENGLISH),
)
REASONS = ("I am ill.", "I have found my passport again.", "I cannot get away from work.", "")


def load(town_hall: TownHall, now: datetime) -> None:
    """Books what is missing of the fortnights before and after that moment."""
    is_first_time = not Booking.objects.exists()
    desk = FrontDesk(town_hall.site, town_hall.passports.zone, now)
    today = now.astimezone(town_hall.passports.zone).date()
    with mails_go_nowhere(), transaction.atomic():
        for day in days_around(today):
            desk.fill_day(town_hall.passports, day, least=3, most=6)
            desk.fill_day(town_hall.study_rooms, day, least=0, most=1)
        for event in town_hall.workshops.events.filter(bookings=None):
            desk.fill_event(event, demand_for(event))
        desk.fill_courses(town_hall.sports)
        desk.fill_offices(town_hall.offices, today)
        desk.check_in_the_past(today)
        desk.check_in_the_first(town_hall.workshops)
    if is_first_time:
        desk.book_examples(town_hall.passports, town_hall.workshops)


def days_around(today: date) -> Iterator[date]:
    for number in range(-FORTNIGHT.days, FORTNIGHT.days + 1):
        yield today + timedelta(days=number)


@contextmanager
def mails_go_nowhere() -> Iterator[None]:
    """Lets the outbox deliver to a backend that throws away, and keeps it from waking the worker.

    Must enclose the transaction: the worker is woken when that ends.
    """
    uid = "wagtail_agenda.nudge"
    nowhere = override_settings(
        EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
        # Or Django would write down every query for somebody to look at.
        DEBUG=False,
    )
    was_connected = deliveries_due.disconnect(dispatch_uid=uid)
    try:
        with nowhere:
            yield
    finally:
        if was_connected:
            deliveries_due.connect(tasks.nudge, dispatch_uid=uid)


class FrontDesk:
    """Books, cancels and checks in as visitors and agents of the demo would have done."""

    def __init__(self, site: Site, zone: ZoneInfo, now: datetime):
        self.site = site
        self.now = now
        self.agent = get_user_model().objects.filter(username="agent").first()
        self.zone = zone
        self.forms = {form.agenda_id: form for form in form_versions()}

    def fill_day(self, agenda: Agenda, day: date, *, least: int, most: int) -> None:
        """Books some appointments of a day on which nobody has booked yet."""
        dice = random.Random(f"{agenda.slug} {day}")  # noqa: S311 - no secret, a demo
        midnight = datetime.combine(day, datetime.min.time(), tzinfo=agenda.zone)
        if agenda.bookings.filter(
            start__gte=midnight, start__lt=midnight + timedelta(days=1)
        ).exists():
            return
        people = dice.sample(PEOPLE, most)
        for person in people[: dice.randint(least, most)]:
            made_at = self.moment_before(midnight, dice)
            slots = availability.slots(agenda, first=day, last=day, now=made_at, bypass_delays=True)
            # Applications outnumber collections at a counter, not in its list of times.
            kinds = sorted({slot.meeting_type for slot in slots}, key=lambda kind: kind.pk)
            if kinds:
                kind = dice.choices(kinds, weights=[3, 1][: len(kinds)])[0]
                of_kind = [slot for slot in slots if slot.meeting_type == kind]
                self.book(dice.choice(of_kind), person, made_at, dice)

    def fill_event(self, event: Event, demand: float) -> None:
        """Books the share of an event's places that is asked for."""
        dice = random.Random(event.slug)  # noqa: S311 - no secret, a demo
        wanted = round(event.places * demand * (dice.uniform(0.6, 1.1) if demand < 1 else 1))
        for person in dice.sample(PEOPLE, wanted):
            made_at = self.moment_before(event.start, dice)
            slot = availability.find(event.agenda, event.slug, now=made_at, bypass_delays=True)
            # Whoever gives a place back makes room for somebody else, and a full workshop is full.
            self.book(slot, person, made_at, dice, may_cancel=demand < 1)

    def fill_courses(self, sports: Agenda) -> None:
        """Fills the next two courses: people wait, a place is on offer, an address was mistyped."""
        coming = sports.events.filter(start__gt=self.now + timedelta(days=1)).order_by("start")
        for number, event in enumerate(coming[:2]):
            if event.bookings.exists():
                continue
            dice = random.Random(event.slug)  # noqa: S311 - no secret, a demo
            people = dice.sample(PEOPLE, event.places + 3)
            booked = []
            for position, person in enumerate(people):
                made_at = self.now - timedelta(hours=2 * (len(people) - position))
                slot = availability.find(sports, event.slug, now=made_at, bypass_delays=True)
                details = self.details(slot, person, dice)
                booked.append(booking.book(slot, details, now=made_at, actor=Actor.VISITOR))
                deliver(booked[-1], made_at)
            if number == 0:
                self.cancel(booked[2], self.now, dice)
            else:
                self.correct(booked[0])

    def fill_offices(self, offices: Offices, today: date) -> None:
        """Books a few appointments of the next days with each office, and two requests."""
        agendas = (offices.registry, offices.mediation, offices.legal_advice)
        for agenda in (*agendas, offices.rehearsal_room):
            dice = random.Random(f"{agenda.slug} {today}")  # noqa: S311 - no secret, a demo
            booked_here = Q(agenda=agenda) | Q(virtual_agenda=agenda)
            if Booking.objects.filter(booked_here, start__gt=self.now).exists():
                continue
            for person in dice.sample(PEOPLE, 3 if agenda.needs_approval else 5):
                made_at = self.now - timedelta(hours=dice.randint(1, 30))
                coming = availability.next_free(agenda, now=made_at, limit=40)
                if coming:
                    self.book(dice.choice(coming), person, made_at, dice, may_cancel=False)

    def moment_before(self, start: datetime, dice: random.Random) -> datetime:
        """Some working hour a few days before, and in the past."""
        early = min(start, self.now) - timedelta(days=dice.randint(1, 9))
        return early.replace(
            hour=dice.randint(7, 17), minute=dice.randint(0, 59), second=0, microsecond=0
        )

    def book(
        self,
        slot: Slot,
        person: tuple[str, str],
        made_at: datetime,
        dice: random.Random,
        may_cancel: bool = True,
    ) -> None:
        booked = booking.book(
            slot, self.details(slot, person, dice), now=made_at, actor=Actor.VISITOR
        )
        deliver(booked, made_at)
        if may_cancel and dice.random() < 0.12:
            cancelled_at = min(made_at + timedelta(hours=dice.randint(1, 30)), self.now)
            if cancelled_at < slot.start:
                self.cancel(booked, cancelled_at, dice)

    def correct(self, booked: Booking) -> None:
        """Corrects an address that somebody had mistyped, and tells both the old and the new."""
        right = booked.user_email.replace("@", ".home@")
        booking.correct(booked, user_email=right, user=self.agent, now=self.now)
        deliver(booked, self.now)

    def cancel(self, booked: Booking, at: datetime, dice: random.Random) -> None:
        if dice.random() < 0.75:
            actor, user, reason = Actor.VISITOR, None, dice.choice(REASONS)
        else:
            actor, user, reason = Actor.AGENT, self.agent, "Asked for by telephone."
        booking.cancel(booked, actor=actor, user=user, reason=reason, now=at)
        deliver(booked, at)

    def check_in_the_past(self, today: date) -> None:
        """Notes who came, up to yesterday. Now and then somebody forgets to."""
        midnight = datetime.combine(today, datetime.min.time(), tzinfo=self.zone)
        expected = Booking.objects.filter(
            start__lt=midnight,
            # A request that nobody answered in time stays one.
            admission=Admission.CONFIRMED,
            attendance=Attendance.UNKNOWN,
        ).select_related("agenda")
        for booked in expected:
            dice = random.Random(f"{booked.user_email} {booked.start}")  # noqa: S311
            came = dice.choices(
                [Attendance.PRESENT, Attendance.ABSENT, Attendance.UNKNOWN], [85, 10, 5]
            )[0]
            if came != Attendance.UNKNOWN:
                at = booked.start + timedelta(minutes=dice.randint(-5, 9))
                attendance.check_in(booked, came, now=at, user=self.agent)
                deliver(booked, at)

    def check_in_the_first(self, workshops: Agenda) -> None:
        """Notes half of those who are expected just now; the others are still to come."""
        under_way = workshops.events.filter(start__lte=self.now, end__gt=self.now)
        for event in under_way:
            expected = event.bookings.filter(admission=Admission.CONFIRMED).order_by("pk")
            if expected.exclude(attendance=Attendance.UNKNOWN).exists():
                continue
            late = AttendanceReason.objects.filter(attendance=Attendance.LATE).first()
            for number, booked in enumerate(expected[: (len(expected) + 1) // 2]):
                came, reason = (
                    (Attendance.LATE, late) if number == 2 else (Attendance.PRESENT, None)
                )
                attendance.check_in(booked, came, now=self.now, user=self.agent, reason=reason)

    def book_examples(self, passports: Agenda, workshops: Agenda) -> None:
        """Books an appointment and a workshop at this moment, whose mails the worker sends."""
        dice = random.Random("examples")  # noqa: S311 - no secret, a demo
        for agenda, person in ((passports, PEOPLE[0]), (workshops, PEOPLE[8])):
            coming = availability.next_free(agenda, now=self.now, limit=1)
            for slot in coming:
                # The examples are in the language of the demo, whoever makes them.
                details = self.details(slot, (person[0], ENGLISH), dice)
                booking.book(slot, details, now=self.now, actor=Actor.VISITOR)

    def details(self, slot: Slot, person: tuple[str, str], dice: random.Random) -> Details:
        name, language = person
        form = self.forms.get(slot.agenda.pk)
        asked = {item["clean_name"] for item in form.definition["fields"]} if form else set()
        answers = {
            "document": dice.choice(DOCUMENTS),
            "old_number": f"{dice.randint(10, 99)}AB{dice.randint(10000, 99999)}",
            # Ofcom keeps these numbers free for drama.
            "phone": f"01632 960{dice.randint(100, 999)}",
            "consent": True,
            "channel": dice.choice(CHANNELS),
            "people": dice.randint(1, 6),
        }
        answers = {name: answer for name, answer in answers.items() if name in asked}
        return Details(
            user_name=name,
            user_email=address_of(name),
            user_phone_number=answers.get("phone", ""),
            answers=answers,
            language=language,
            site=self.site,
            form_version=form,
        )


def address_of(name: str) -> str:
    words = "".join(
        letter if letter.isalpha() else " " for letter in string_to_ascii(name).lower()
    ).split()
    return f"{words[0]}.{words[-1]}@post.example"


def form_versions() -> Iterator[FormVersion]:
    """What the town hall's own booking forms ask, as if somebody had booked with each of them."""
    for owner in (*HomePage.objects.live(), *Notice.objects.all()):
        for block in owner.body:
            if block.block_type == "booking_form" and block.value.get("agenda"):
                with override(ENGLISH):
                    yield form_definition.keep(definition_of(block.value, language=ENGLISH))


def deliver(booked: Booking, at: datetime) -> None:
    due = booked.deliveries.filter(state=DeliveryState.DUE)
    outbox.deliver_all(due.values_list("pk", flat=True), now=at)
