"""Agendas and what belongs to them, made with as few words as a test needs."""

import functools
import itertools
from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone
from wagtail.signal_handlers import (
    disable_reference_index_auto_update,
    reference_index_auto_update_disabled,
)

from wagtail_agenda import availability, booking, meetings
from wagtail_agenda.booking import Details
from wagtail_agenda.choices import Actor, AgendaKind
from wagtail_agenda.models import (
    Agenda,
    Bookable,
    Booking,
    CalledMeeting,
    ClosureCalendar,
    Desk,
    Event,
    Meeting,
    MeetingType,
    Participant,
    Schedule,
)

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 30, 7, 0, tzinfo=PARIS)
"""A Monday morning before the counters open; the moment at which most tests play."""

WEEKDAYS = ("0", "1", "2", "3", "4")

_numbers = itertools.count(1)


def unnoted(make: Callable) -> Callable:
    """Keeps what this makes out of Wagtail's index of who uses what, which most tests never ask.

    Noting it takes as long as making it. `rebuild_references_index` notes it all the same.
    """

    @functools.wraps(make)
    def made(*args, **fields):
        # Wagtail's own way does not work inside itself, and an agenda makes a schedule.
        if getattr(reference_index_auto_update_disabled, "value", False):
            return make(*args, **fields)
        with disable_reference_index_auto_update():
            return make(*args, **fields)

    return made


def weekly(opens=time(9), closes=time(12), weekdays=WEEKDAYS, breaks=()):
    """One weekly period as a StreamField row."""
    return {
        "type": "weekly",
        "value": {
            "weekdays": list(weekdays),
            "opens": opens.isoformat(),
            "closes": closes.isoformat(),
            "breaks": [
                {"from": begin.isoformat(), "until": end.isoformat()} for begin, end in breaks
            ],
        },
    }


def monthly(opens=time(9), closes=time(12), ordinals=("1",), weekdays=("0",), season=()):
    """Hours of certain weekdays of the month as a StreamField row; `season` as its fields."""
    row = weekly(opens, closes, weekdays)
    return {
        "type": "monthly",
        "value": {"ordinals": list(ordinals), **row["value"], "season": dict(season)},
    }


def one_off(day, opens=time(9), closes=time(12), breaks=()):
    """One dated period as a StreamField row."""
    return {
        "type": "one_off",
        "value": {
            "date": day.isoformat(),
            "opens": opens.isoformat(),
            "closes": closes.isoformat(),
            "breaks": [
                {"from": begin.isoformat(), "until": end.isoformat()} for begin, end in breaks
            ],
        },
    }


@unnoted
def make_schedule(*periods, label="Office hours", **fields):
    """A published schedule; Monday to Friday, 9 to 12, unless told otherwise."""
    return Schedule.objects.create(label=label, periods=list(periods or [weekly()]), **fields)


@unnoted
def make_closure_calendar(*closures, label="Closures"):
    return ClosureCalendar.objects.create(label=label, closures=list(closures))


@unnoted
def make_agenda(**fields):
    """A published agenda for appointments in Paris, open by `make_schedule()`."""
    number = next(_numbers)
    values = {
        "kind": AgendaKind.MEETINGS,
        "label": f"Agenda {number}",
        "slug": f"agenda-{number}",
        "timezone": "Europe/Paris",
        "location": "Town hall, 1 Market Square, Fairbridge",
        **fields,
    }
    if values["kind"] == AgendaKind.MEETINGS and "schedule" not in values:
        values["schedule"] = make_schedule()
    calendars = values.pop("closure_calendars", [])
    agenda = Agenda(**values)
    agenda.closure_calendars = calendars
    agenda.save()
    return agenda


@unnoted
def make_desk(agenda, **fields):
    return Desk.objects.create(agenda=agenda, **{"label": f"Desk {next(_numbers)}", **fields})


@unnoted
def make_meeting_type(agenda, **fields):
    return MeetingType.objects.create(
        agenda=agenda, **{"label": "Passport", "duration": 30, **fields}
    )


def make_appointments(desks=1, **fields):
    """An agenda with desks and one appointment type of 30 minutes: (agenda, type, desks)."""
    agenda = make_agenda(**fields)
    counters = [make_desk(agenda) for _number in range(desks)]
    return agenda, make_meeting_type(agenda), counters


@unnoted
def make_event(agenda=None, *, places=10, start=None, hours=2, **fields):
    """An event; on the second day after `NOW` unless told otherwise."""
    agenda = agenda or make_agenda(kind=AgendaKind.EVENTS)
    start = start or NOW + timedelta(days=2)
    event = Event.objects.create(
        agenda=agenda,
        start=start,
        end=start + timedelta(hours=hours),
        **{"label": f"Workshop {next(_numbers)}", **fields},
    )
    Bookable.objects.filter(pk=event.bookable_id).update(places=places)
    event.bookable.refresh_from_db()
    return event


def first_slot(agenda, meeting_type=None, now=NOW):
    return availability.next_free(agenda, meeting_type, now=now, limit=1)[0]


def make_details(**fields):
    return Details(
        **{
            "user_name": "Ada Martin",
            "user_email": "ada@fairbridge.example",
            "language": "en",
            **fields,
        }
    )


def make_booking(agenda=None, *, slot=None, now=NOW, actor=Actor.VISITOR, **details) -> Booking:
    """A booking of the first free slot of an agenda, made the real way."""
    if slot is None:
        agenda = agenda or make_appointments()[0]
        slot = first_slot(agenda, now=now)
    return booking.book(slot, make_details(**details), now=now, actor=actor)


def make_meeting(
    agenda=None, participants=("ada@fairbridge.example", "bob@fairbridge.example"), **fields
):
    """The draft of a meeting: two hours long, on the second day after `NOW`.

    Participants are addresses, or dictionaries of the fields of a `Participant`.
    """
    start = fields.pop("start", NOW + timedelta(days=2))
    meeting = Meeting(
        live=False,
        agenda=agenda or make_agenda(),
        start=start,
        end=fields.pop("end", start + timedelta(hours=2)),
        **{
            "title": "Roads committee",
            "location": "Council chamber",
            "description": "1. The bridge\n2. The budget",
            "organiser_name": "Olive Gray",
            "organiser_address": "olive@fairbridge.example",
            **fields,
        },
    )
    meeting.participants = [
        Participant(**(one if isinstance(one, dict) else {"address": one})) for one in participants
    ]
    meeting.save()
    return meeting


def publish(meeting, user=None):
    """Publish a meeting as it is, as Wagtail does, and answer with what has become of it."""
    if user is None:
        meeting.save_revision().publish()
    else:
        with meetings.published_by_hand(user):
            revision = meeting.save_revision(user=user)
            revision.publish(user=user, skip_permission_checks=True)
    return CalledMeeting.objects.get(meeting=meeting)


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.get_fixed_timezone(0))
