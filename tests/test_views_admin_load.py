"""How full a day is."""

from datetime import date, datetime, time, timedelta

import pytest

from tests import factories
from tests.agents import make_staff, url
from tests.factories import NOW, PARIS
from wagtail_agenda import booking
from wagtail_agenda.choices import Actor, AgendaKind
from wagtail_agenda.models import MeetingType
from wagtail_agenda.timegrid import epoch_minutes
from wagtail_agenda.views.admin.load import Load, room_in

MONDAY = date(2026, 11, 30)


def meeting(duration=30, before=0, after=0, step=None):
    return MeetingType(duration=duration, buffer_before=before, buffer_after=after, step=step)


@pytest.mark.parametrize(
    ("meeting_type", "taken", "room"),
    [
        (meeting(), [], 6),
        (meeting(), [(0, 180)], 0),
        (meeting(), [(30, 60)], 5),
        # Half an hour free, but not from a time at which one starts.
        (meeting(), [(0, 15), (45, 180)], 0),
        (meeting(60), [], 3),
        (meeting(120), [], 1),
        (meeting(240), [], 0),
        # Starts every quarter of an hour, and yet nobody is served twice at once.
        (meeting(30, step=15), [], 6),
        (meeting(30, step=15), [(15, 30)], 5),
        # Kept free before and after, outside the hours too.
        (meeting(30, before=15, after=15), [], 3),
        (meeting(30, before=15), [(-15, 0)], 3),
        (meeting(30, after=10, step=30), [], 3),
    ],
)
def test_room_is_what_could_still_be_booked(meeting_type, taken, room):
    assert room_in((0, 180), taken, meeting_type) == room


def test_room_agrees_with_what_is_on_offer(db, frozen_now):
    """A desk's room is the number of bookings that can be made until nothing is left."""
    agenda = factories.make_agenda(
        schedule=factories.make_schedule(
            factories.weekly(time(9), time(12), breaks=[(time(10), time(10, 20))])
        )
    )
    factories.make_desk(agenda)
    meeting_type = factories.make_meeting_type(agenda, duration=20, buffer_after=5)
    hours = [(time(9), time(10)), (time(10, 20), time(12))]
    openings = [
        tuple(epoch_minutes(datetime.combine(MONDAY, at, tzinfo=PARIS)) for at in opening)
        for opening in hours
    ]
    expected = sum(room_in(opening, [], meeting_type) for opening in openings)

    made = 0
    while factories.first_slot(agenda).start.date() == MONDAY:
        factories.make_booking(agenda)
        made += 1

    assert made == expected > 0


def test_loads_add_up_and_what_nobody_can_say_does_not_count():
    assert Load(1, 2) + Load(3, 4) == Load(4, 6)
    assert Load(1, 2) + Load(3) == Load(4, 2)
    assert (Load() + Load()).total is None
    assert Load(3, 0).is_full
    assert not Load(0, 0).is_full


# In the pages


@pytest.fixture
def agenda(db, frozen_now, client):
    """Two desks, 9 to 12, half an hour each: twelve on a day."""
    made = factories.make_appointments(desks=2)[0]
    client.force_login(make_staff(made))
    return made


def load_of(client, agenda, day=MONDAY, query=""):
    headers = client.get(url("week", agenda.slug, day) + query).context["headers"]
    return next(header.load for header in headers if header.day == day)


def test_a_day_counts_what_is_booked_and_what_would_fit(client, agenda):
    for _number in range(3):
        factories.make_booking(agenda)

    assert load_of(client, agenda) == Load(3, 9)
    page = client.get(url("week", agenda.slug, MONDAY)).content.decode()
    assert "3 of 12" in page
    assert '<meter class="wagtail-agenda-meter" min="0" max="12" value="3"' in page


def test_whoever_is_cancelled_takes_nothing(client, agenda):
    gone = factories.make_booking(agenda)
    booking.cancel(gone, actor=Actor.AGENT, now=NOW)

    assert load_of(client, agenda, query="?status=all") == Load(1)
    assert load_of(client, agenda) == Load(0, 12)


def test_a_desk_alone_shows_its_own_load(client, agenda):
    made = factories.make_booking(agenda)

    assert load_of(client, agenda, query=f"?desk={made.desk.slug}") == Load(1, 5)
    headers = client.get(url("day", agenda.slug, MONDAY)).context["headers"]
    assert {header.desk: header.load for header in headers}[made.desk] == Load(1, 5)


def test_where_filters_hide_bookings_no_load_is_claimed(client, agenda):
    made = factories.make_booking(agenda)

    assert load_of(client, agenda, query="?attendance=open") == Load(1)
    assert load_of(client, agenda, query="?attendance=present") == Load(0)
    assert load_of(client, agenda, query=f"?status={made.status.slug}") == Load(1)


def test_a_closed_day_has_no_room(client, agenda):
    sunday = MONDAY + timedelta(days=6)
    headers = client.get(url("week", agenda.slug, MONDAY)).context["headers"]

    assert [header.day for header in headers if header.is_shut] == [
        sunday - timedelta(days=1),
        sunday,
    ]


def test_when_nothing_of_the_first_type_fits_the_shortest_counts(client, agenda):
    agenda.desks.last().delete()
    first = agenda.meeting_types.get()
    MeetingType.objects.filter(pk=first.pk).update(duration=150)
    factories.make_meeting_type(agenda, duration=10, label="Collection", sort_order=1)
    first.refresh_from_db()

    assert load_of(client, agenda) == Load(0, 1)
    factories.make_booking(slot=factories.first_slot(agenda, first))
    assert load_of(client, agenda) == Load(1, 3)


def test_events_count_in_places(client, frozen_now):
    agenda = factories.make_agenda(kind=AgendaKind.EVENTS)
    client.force_login(make_staff(agenda))
    start = NOW + timedelta(hours=3)
    events = [
        factories.make_event(agenda, places=places, start=start + timedelta(hours=places))
        for places in (3, 4)
    ]
    factories.make_booking(agenda, slot=factories.first_slot(agenda))

    days = client.get(url("week", agenda.slug, MONDAY)).context["days"]

    assert days[0].load == Load(1, 6)
    assert [one.load for one in days[0].events] == [Load(1, 2), Load(0, 4)]
    month = client.get(url("month", agenda.slug, MONDAY)).context["weeks"]
    cells = {cell.day: cell for week in month for cell in week}
    assert cells[MONDAY].load == Load(1, 6)
    assert cells[MONDAY].events == len(events)
