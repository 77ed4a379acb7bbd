"""What the calendars of a visitor and of staff are told in the life of a booking, field by field.

The table says what happens, and which revision each calendar is to get of it. Every message is
read by two parsers that share no code, and compared with the booking and with the one before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import icalendar
import pytest

from tests.factories import NOW, make_agenda, make_booking, make_event
from tests.second_parser import read_calendar
from wagtail_agenda import availability, outbox, workflow
from wagtail_agenda import booking as bookings
from wagtail_agenda.choices import Actor, AgendaKind, DeliveryState, Trigger
from wagtail_agenda.letters import letter_of
from wagtail_agenda.models import Bookable, Booking, Delivery, Event

pytestmark = pytest.mark.django_db

ADA, STAFF = "ada@fairbridge.example", "counter@fairbridge.example"
SERVICE = "agenda@fairbridge.example"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Told:
    """What one calendar message says, as both parsers read it."""

    method: str
    uid: str
    sequence: int
    stamp: datetime
    status: str
    transparency: str
    start: datetime
    end: datetime
    summary: str
    location: str
    attendees: tuple[tuple[str, str], ...]
    organizer: str
    alarm: timedelta | None


def by_vobject(data: bytes) -> Told:
    calendar = read_calendar(data)
    event = calendar.event
    return Told(
        calendar.method,
        event.uid,
        event.sequence,
        event.stamp,
        event.status,
        event.transparency,
        event.start,
        event.end,
        event.summary,
        event.location,
        tuple((one.address, one.parameters.get("CN", "")) for one in event.attendees),
        event.organizer.address,
        event.alarms[0].trigger if event.alarms else None,
    )


def by_icalendar(data: bytes) -> Told:
    calendar = icalendar.Calendar.from_ical(data)
    (event,) = calendar.events
    attendees = event.get("ATTENDEE", [])
    attendees = attendees if isinstance(attendees, list) else [attendees]
    alarms = event.walk("VALARM")
    return Told(
        str(calendar["METHOD"]),
        str(event["UID"]),
        event["SEQUENCE"],
        event.stamp,
        str(event["STATUS"]),
        str(event["TRANSP"]),
        event.start,
        event.end,
        str(event["SUMMARY"]),
        str(event.get("LOCATION", "")),
        tuple((one.removeprefix("mailto:"), str(one.params.get("CN", ""))) for one in attendees),
        str(event["ORGANIZER"]).removeprefix("mailto:"),
        alarms[0].TRIGGER if alarms else None,
    )


# What happens


def moved(made, now):
    other = Event.objects.get(label="Cake")
    slot = availability.find(made.agenda, other.slug, now=now)
    bookings.move(made, slot, actor=Actor.VISITOR, now=now)


def event_moved(made, now):
    event = made.event
    event.agenda = made.agenda
    times = event.start + HOUR, event.end + HOUR
    bookings.change_event_time(event, *times, now=now, with_bookings=True)


def other_room(made, now):
    reworded(made, now, location="Room 4")


def other_description(made, now):
    reworded(made, now, description="Bring an apron.")


def other_title(made, now):
    reworded(made, now, label="Cakes for two")


def reworded(made, now, **texts):
    made.event.agenda = made.agenda
    bookings.reword_event(made.event, texts, now=now, telling=True)


def nothing_new(made, now):
    changed(made, now)


def changed(made, now):
    present = Booking.objects.select_related("agenda").get(pk=made.pk)
    road = workflow.road_of(present.agenda)
    workflow.advance(present, Trigger.CHANGED, road=road, actor=Actor.AGENT, now=now)


def resized(made, now):
    bookings.resize(made, 2, actor=Actor.VISITOR, now=now)


def renamed(made, now):
    bookings.correct(made, user_name="Ada Novák", now=now)


def put_back(made, now):
    bookings.suspend(made, now=now)


def promoted(made, now):
    bookings.promote(made, now=now)


def offered(made, now):
    bookings.offer(made, now=now)


def cancelled_by_visitor(made, now):
    bookings.cancel(made, actor=Actor.VISITOR, now=now)


def cancelled_by_agent(made, now):
    bookings.cancel(made, actor=Actor.AGENT, now=now)


def event_cancelled(made, now):
    made.event.agenda = made.agenda
    bookings.cancel_event(made.event, now=now)


REQUEST = ("REQUEST", "CONFIRMED", "OPAQUE")
TENTATIVE = ("REQUEST", "TENTATIVE", "TRANSPARENT")
CANCEL = ("CANCEL", "CANCELLED", "OPAQUE")
NOTHING = None

LIVES = {
    "a long life": (
        False,
        [
            (moved, REQUEST, 1),
            (event_moved, REQUEST, 2),
            (other_room, REQUEST, 3),
            (other_title, REQUEST, 4),
            (other_description, REQUEST, 5),
            (nothing_new, REQUEST, 5),
            (resized, REQUEST, 6),
            (renamed, REQUEST, 7),
            (put_back, CANCEL, 8),
            (offered, NOTHING, 8),
            (promoted, REQUEST, 9),
            (cancelled_by_visitor, CANCEL, 10),
        ],
    ),
    "cancelled by an agent": (False, [(cancelled_by_agent, CANCEL, 1)]),
    "cancelled with its event": (False, [(moved, REQUEST, 1), (event_cancelled, CANCEL, 2)]),
    "with tentative entries": (
        True,
        [
            (put_back, TENTATIVE, 1),
            (event_moved, TENTATIVE, 2),
            (promoted, REQUEST, 3),
            (put_back, TENTATIVE, 4),
            (cancelled_by_visitor, CANCEL, 5),
        ],
    ),
}


def delivered(made, now):
    """What has left because of the last thing that happened, by audience; each read twice."""
    found = {}
    for audience in ("visitor", "staff"):
        last = Delivery.objects.filter(booking=made, audience=audience).order_by("pk").last()
        if last.created_at == now:
            found[audience] = letter_of(last, now).calendar
    return found


@pytest.mark.parametrize("life", LIVES)
def test_both_calendars_are_told_each_turn_once_and_in_order(life, smtp_server):
    tentative, turns = LIVES[life]
    agenda = make_agenda(
        kind=AgendaKind.EVENTS,
        staff_addresses=STAFF,
        waiting_list_promotion="manual",
        places_per_booking=3,
        tentative_entries=tentative,
        alarm_before=30,
        label_template="{event} of {user_name}",
        user_display_label_template="{event} at the mill",
    )
    event = make_event(agenda, places=3, label="Bread")
    make_event(agenda, places=3, label="Cake", start=event.start + DAY)
    Bookable.objects.update(waiting_places=5)
    made = make_booking(slot=availability.find(agenda, event.slug, now=NOW))
    before = {}
    happenings = [(None, REQUEST, 0), *turns]

    for number, (happens, kind, sequence) in enumerate(happenings):
        now = NOW + number * timedelta(minutes=10)
        if happens is not None:
            happens(Booking.objects.get(pk=made.pk), now)
        present = Booking.objects.select_related("agenda", "event").get(pk=made.pk)
        letters = delivered(made, now)
        outbox.sweep(now=now)
        assert not Delivery.objects.exclude(state=DeliveryState.DONE).exists()
        for audience, data in letters.items():
            where = (life, number, audience)
            if kind is NOTHING:
                assert data is None, where
                continue
            told = by_icalendar(data)
            assert told == by_vobject(data), where
            assert (told.method, told.status, told.transparency) == kind, where
            assert told.sequence == sequence, where
            require_of(present, told, audience)
            if audience in before:
                require_after(before[audience][0], told)
                if told.sequence == before[audience][0].sequence:
                    assert data == before[audience][1], "a repeat is the same to the byte"
            before[audience] = told, data

    visitor, staff = before["visitor"][0], before["staff"][0]
    assert visitor.uid == f"{made.uuid}@fairbridge.example"
    assert staff.uid.startswith(f"{made.uuid}-staff-")
    assert staff.sequence == visitor.sequence


def require_of(made, told, audience):
    """What stands in a message is the booking as it is, for that audience alone."""
    assert (told.start, told.end) == (made.start, made.end)
    assert told.start.tzinfo == timezone.utc or told.start.utcoffset() == timedelta()
    assert told.organizer == SERVICE
    assert told.location == (made.event.location or made.agenda.location)
    if audience == "visitor":
        assert told.attendees == ((ADA, made.user_name),)
        assert told.summary == made.user_display_label
    else:
        assert told.attendees == ((STAFF, ""),)
        assert told.summary == made.display_name
    assert told.alarm == (timedelta(minutes=-30) if told.status == "CONFIRMED" else None)


def require_after(earlier, later):
    """A calendar takes the later message for the same entry, and for a newer one if it is."""
    assert later.uid == earlier.uid
    assert later.sequence in (earlier.sequence, earlier.sequence + 1)
    if later.sequence > earlier.sequence:
        assert later.stamp > earlier.stamp
    else:
        assert later == earlier
