"""The council of the demo: an agenda whose people call meetings, and one that is called.

Its participants have their mails already, which go nowhere, and one of them has answered.
"""

from datetime import datetime, time, timedelta

from django.db import transaction
from wagtail.models import Site

from example_site.home.demo_agendas import ZONE
from example_site.home.demo_bookings import mails_go_nowhere
from example_site.home.demo_offices import meeting_room
from wagtail_agenda import answering, meetings, outbox
from wagtail_agenda.choices import AgendaKind, Answer
from wagtail_agenda.models import Agenda, CalledMeeting, Meeting, Participant

COUNCIL = "council"

MEMBERS = (
    ("Rosa Albers", "rosa.albers@council.fairbridge.example", True),
    ("Idris Bello", "idris.bello@council.fairbridge.example", True),
    ("Maud Lindgren", "maud.lindgren@council.fairbridge.example", True),
    ("Press office", "press@fairbridge.example", False),
)

ITEMS = (
    "1. Minutes of the last meeting\n"
    "2. The bridge: offers received\n"
    "3. Cycle lanes in Mill Street\n"
    "4. Any other business\n\n"
    "Please read the offers beforehand."
)


def council(site: Site) -> Agenda:
    """The agenda that keeps the meetings of the council. Nobody books anything of it."""
    known = Agenda.objects.filter(slug=COUNCIL).first()
    if known:
        return known
    agenda = Agenda(
        kind=AgendaKind.MEETINGS,
        label="Council and committees",
        slug=COUNCIL,
        timezone=ZONE,
        location="Town Hall, 1 Market Square, Fairbridge",
        contact="council@fairbridge.example",
        url=f"{site.root_url}/",
    )
    agenda.resources = [meeting_room()]
    agenda.save()
    agenda.save_revision().publish()
    return agenda


def load(site: Site, now: datetime) -> None:
    """Calls the first meeting of the roads committee, and lets one member answer."""
    agenda = council(site)
    if agenda.meetings.exists():
        return
    day = now.astimezone(agenda.zone).date() + timedelta(days=9)
    start = datetime.combine(day, time(18, 30), tzinfo=agenda.zone)
    published = now - timedelta(days=2)
    with mails_go_nowhere():
        with transaction.atomic():
            called = meetings.call(_roads_committee(agenda, start, published), now=published)
            _answer(called, MEMBERS[0][1], Answer.ACCEPTED, now - timedelta(days=1))
        due = called.deliveries.values_list("pk", flat=True)
        outbox.deliver_all(due, now=published)


def _roads_committee(agenda: Agenda, start: datetime, published: datetime) -> Meeting:
    meeting = Meeting(
        agenda=agenda,
        title="Roads committee",
        start=start,
        end=start + timedelta(minutes=90),
        location="Town Hall, first floor",
        video_link="https://video.fairbridge.example/roads-committee",
        description=ITEMS,
        organiser_name="Olive Gray, council office",
        organiser_address="council@fairbridge.example",
        resource=meeting_room(),
        created_at=published,
    )
    meeting.participants = [
        Participant(name=name, address=address, required=required)
        for name, address, required in MEMBERS
    ]
    meeting.save()
    # As if it had been published then: Wagtail itself knows of no other time than now.
    revision = meeting.save_revision()
    Meeting.objects.filter(pk=meeting.pk).update(
        live_revision=revision,
        has_unpublished_changes=False,
        first_published_at=published,
        last_published_at=published,
    )
    return meeting


def _answer(called: CalledMeeting, address: str, answer: Answer, at: datetime) -> None:
    answering.answer(called.invitations.get(address=address), answer, now=at)
