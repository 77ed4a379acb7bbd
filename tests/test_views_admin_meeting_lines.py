"""Meetings that take a desk or a room stand beside the bookings of whoever works there."""

from datetime import date, timedelta

import pytest

from tests import factories
from tests.agents import make_administrator, make_staff, queries_of, url
from tests.factories import NOW, make_meeting, publish
from wagtail_agenda import meetings
from wagtail_agenda.choices import Actor, AgendaKind
from wagtail_agenda.models import AgendaMember, CalledMeeting, Meeting, Resource
from wagtail_agenda.views.admin.load import Load
from wagtail_agenda.views.admin.meeting_lines import MeetingLine

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

MONDAY = date(2026, 11, 30)
SUNDAY = date(2026, 12, 6)
NINE = NOW + timedelta(hours=2)
HOUR = timedelta(hours=1)


@pytest.fixture
def agenda(client):
    """Two desks, 9 to 12, half an hour each: twelve on a day."""
    made = factories.make_appointments(desks=2, label="Passports")[0]
    client.force_login(make_staff(made))
    return made


@pytest.fixture
def room(agenda):
    made = Resource.objects.create(label="Blue room")
    agenda.meeting_types.get().resources.add(made)
    return made


def call(agenda, start=NINE, end=None, **fields) -> CalledMeeting:
    return publish(make_meeting(agenda, start=start, end=end or start + HOUR, **fields))


def of_others(room, **fields) -> CalledMeeting:
    return call(factories.make_agenda(label="Council"), resource=room, **fields)


def enter_virtual(client, agenda):
    """A virtual agenda with one behind it, and somebody who looks at it."""
    virtual = factories.make_agenda(kind=AgendaKind.VIRTUAL, schedule=None)
    AgendaMember.objects.create(virtual_agenda=virtual, agenda=agenda)
    client.force_login(make_staff(agenda, virtual))
    return virtual


def text(client, scale, agenda, query="", day=MONDAY):
    response = client.get(url(scale, agenda.slug, day) + query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def lines(client, scale, agenda, query="", day=MONDAY):
    """By column: the meetings that stand in it."""
    rows = client.get(url(scale, agenda.slug, day) + query).context["rows"]
    found = {}
    for row in rows:
        for cell in row.cells:
            met = [one for one in cell.subjects if isinstance(one, MeetingLine)]
            if met:
                found[str(cell.column.header or cell.column.day)] = met
    return found


# In the table of times


@pytest.mark.parametrize("scale", ["week", "day"])
def test_a_meeting_at_a_desk_stands_there_with_its_time_and_the_way_to_its_page(
    client, agenda, scale
):
    desk = agenda.desks.first()
    called = call(agenda, desk=desk, title="Roads <committee>")

    page = text(client, scale, agenda)

    assert f'<a href="{url("meeting", called.pk)}">Roads &lt;committee&gt;</a>' in page
    assert "09:00–10:00" in page
    assert 'href="#icon-group"' in page
    assert "Meeting </span>" in page.replace("Meeting</span>", "Meeting </span>")
    ((column, [line]),) = lines(client, scale, agenda).items()
    assert column == (desk.label if scale == "day" else str(MONDAY))
    assert line.desk == desk


@pytest.mark.parametrize("scale", ["week", "day"])
@pytest.mark.parametrize("how", ["of its types", "of the agenda"])
def test_a_meeting_in_a_room_that_appointments_need_stands_there_too(client, agenda, scale, how):
    room = Resource.objects.create(label="Blue room")
    if how == "of its types":
        agenda.meeting_types.get().resources.add(room)
    else:
        agenda.resources.add(room)
        agenda.save()
    call(agenda, resource=room)

    page = text(client, scale, agenda)

    assert "Roads committee" in page
    assert "Blue room" in page
    if scale == "day":
        assert list(lines(client, scale, agenda)) == ["2026-11-30"]
        assert "No desk" in page


def test_desk_and_room_of_one_meeting_are_one_block(client, agenda, room):
    call(agenda, desk=agenda.desks.first(), resource=room)

    ((_day, [line]),) = lines(client, "week", agenda).items()

    assert (line.desk, line.resources) == (agenda.desks.first(), ["Blue room"])


@pytest.mark.parametrize("scale", ["week", "day", "day_sheet"])
def test_who_may_not_see_a_meeting_sees_that_the_room_is_taken(client, agenda, room, scale):
    called = of_others(room, title="Who is dismissed", location="Cellar")

    page = text(client, scale, agenda)

    assert "Taken" in page
    assert "Blue room" in page
    for secret in ("Who is dismissed", "Cellar", "Council", url("meeting", called.pk)):
        assert secret not in page
    client.force_login(make_administrator())
    assert "Who is dismissed" in text(client, scale, agenda)


def test_a_meeting_elsewhere_or_at_another_time_is_not_shown(client, agenda, room):
    call(agenda)
    of_others(Resource.objects.create(label="Red room"))
    of_others(room, start=NINE + timedelta(days=7))
    call(factories.make_agenda(), start=NINE - 10 * HOUR, end=NINE - 9 * HOUR, resource=room)
    make_meeting(agenda, desk=agenda.desks.first(), start=NINE, end=NINE + HOUR)

    assert lines(client, "day", agenda) == {}


def test_a_meeting_of_several_days_stands_on_each_of_them(client, agenda):
    call(agenda, desk=agenda.desks.first(), end=NINE + timedelta(days=2))

    assert sorted(lines(client, "week", agenda)) == ["2026-11-30", "2026-12-01", "2026-12-02"]
    assert lines(client, "day", agenda, day=MONDAY + timedelta(days=1))


def test_what_is_moved_or_cancelled_is_gone_from_where_it_was(client, agenda):
    one, two = agenda.desks.all()
    meeting = call(agenda, desk=one).meeting
    meeting.desk = two
    called = publish(meeting)
    assert list(lines(client, "day", agenda)) == [two.label]

    meetings.cancel(called, actor=Actor.AGENT, now=NOW)

    assert lines(client, "day", agenda) == {}


def test_filters_leave_out_what_has_no_such_thing(client, agenda, room):
    one, two = agenda.desks.all()
    call(agenda, desk=one, title="At the desk")
    of_others(room, title="In the room")

    assert list(lines(client, "day", agenda, f"?desk={one.slug}")) == [one.label]
    assert lines(client, "day", agenda, f"?desk={two.slug}") == {}
    assert lines(client, "week", agenda, "?attendance=open") == {}
    assert len(lines(client, "week", agenda, "?status=all")["2026-11-30"]) == 2


def test_a_retired_desk_is_shown_as_long_as_a_meeting_is_there(client, agenda):
    desk = agenda.desks.first()
    call(agenda, desk=desk)
    desk.retired = True
    desk.save()

    assert list(lines(client, "day", agenda)) == [desk.label]
    assert desk.label not in text(client, "day", agenda, day=SUNDAY)


def test_the_list_has_bookings_alone(client, agenda):
    call(agenda, desk=agenda.desks.first())

    assert "Roads committee" not in text(client, "list", agenda)


def test_a_virtual_agenda_names_the_agenda_of_the_desk(client, agenda):
    virtual = enter_virtual(client, agenda)
    desk = agenda.desks.first()
    call(agenda, desk=desk)

    assert f"Passports – {desk}" in text(client, "week", virtual)
    assert list(lines(client, "day", virtual)) == [f"Passports – {desk}"]


@pytest.mark.parametrize("scale", ["week", "day", "month", "day_sheet"])
def test_the_number_of_queries_does_not_grow_with_the_meetings(client, agenda, room, scale):
    desk = agenda.desks.first()
    address = url(scale, agenda.slug, MONDAY)
    call(agenda, desk=desk)
    few = queries_of(client, address)

    for number in range(1, 3):
        call(agenda, start=NINE + number * HOUR, desk=desk, resource=room)
    of_others(room)
    many = queries_of(client, address)

    assert len(many) == len(few) <= 13, "\n".join(many)


# On paper


def test_the_day_sheet_lists_meetings_below_the_bookings(client, agenda, room):
    desk = agenda.desks.first()
    call(agenda, desk=desk, resource=room)

    page = text(client, "day_sheet", agenda)

    assert "<h2>Meetings</h2>" in page
    assert f"· {desk} · Blue room" in page
    assert "<h2>Meetings</h2>" not in text(client, "day_sheet", agenda, day=SUNDAY)


# How full it is


def load_of(client, agenda, day=MONDAY):
    headers = client.get(url("week", agenda.slug, MONDAY)).context["headers"]
    return next(header.load for header in headers if header.day == day)


def test_less_fits_while_a_meeting_takes_a_desk(client, agenda):
    factories.make_booking(agenda)
    desk = agenda.desks.last()
    call(agenda, start=NINE + HOUR, desk=desk)

    assert load_of(client, agenda) == Load(1, 9, 1)
    headers = client.get(url("day", agenda.slug, MONDAY)).context["headers"]
    assert {header.desk: header.load for header in headers}[desk].meetings == 1
    for scale in ("week", "day", "month"):
        assert "1 meeting<" in text(client, scale, agenda)


def test_a_room_alone_takes_no_desk(client, agenda, room):
    of_others(room)

    assert load_of(client, agenda) == Load(0, 12, 1)


def test_a_day_that_meetings_take_is_not_called_closed(client, agenda):
    for desk in agenda.desks.all():
        call(agenda, desk=desk, end=NINE + 3 * HOUR)

    assert load_of(client, agenda) == Load(0, 0, 2)
    weeks = client.get(url("month", agenda.slug, MONDAY)).context["weeks"]
    cells = {cell.day: cell for week in weeks for cell in week}
    assert not cells[MONDAY].is_shut
    assert cells[SUNDAY].is_shut


def test_a_meeting_of_several_days_counts_on_each(client, agenda):
    call(agenda, desk=agenda.desks.first(), end=NINE + timedelta(days=2))

    assert load_of(client, agenda, MONDAY + timedelta(days=1)) == Load(0, 6, 1)


# How fresh it is


def move(called):
    meeting = Meeting.objects.get(pk=called.meeting_id)
    meeting.start, meeting.end = called.start + HOUR, called.end + HOUR
    publish(meeting)


def rename(called):
    meeting = Meeting.objects.get(pk=called.meeting_id)
    meeting.title = "Roads and bridges"
    publish(meeting)


def cancel(called):
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)


@pytest.mark.parametrize("change", [move, rename, cancel])
@pytest.mark.parametrize("where", ["desk", "resource"])
@pytest.mark.parametrize("scale", ["week", "day", "month"])
def test_a_page_notices_what_becomes_of_a_meeting(client, agenda, room, scale, where, change):
    def refreshed(stamp):
        return client.get(address, headers={"If-None-Match": f'"{stamp}"'})

    address = url(scale, agenda.slug, MONDAY)
    stamp = client.get(address).context["stamp"]
    takes = {"desk": agenda.desks.first()} if where == "desk" else {"resource": room}
    called = call(agenda, **takes)
    response = refreshed(stamp)
    assert response.status_code == 200
    stamp = response.context["stamp"]
    assert refreshed(stamp).status_code == 304

    change(called)

    assert refreshed(stamp).status_code == 200


def test_a_virtual_agenda_notices_too(client, agenda, room):
    virtual = enter_virtual(client, agenda)
    address = url("day", virtual.slug, MONDAY)
    stamp = client.get(address).context["stamp"]

    of_others(room)

    assert client.get(address, headers={"If-None-Match": f'"{stamp}"'}).status_code == 200


# Why not


def why(client, agenda):
    response = client.get(url("explain"), {"agenda": agenda.slug, "at": "2026-11-30T09:00"})
    [explained] = response.context["reasons"]
    return explained


def test_what_a_meeting_takes_is_explained_with_the_way_to_it(client, agenda, room):
    called = call(agenda, resource=room)

    explained = why(client, agenda)

    assert "“Blue room” is taken until" in explained.text
    assert "by a meeting of “Passports”" in explained.text
    assert "Roads" not in explained.text
    assert explained.links == [(url("meeting", called.pk), "Roads committee")]


def test_the_meeting_of_others_is_explained_without_a_way_to_it(client, agenda, room):
    of_others(room)

    explained = why(client, agenda)

    assert "by a meeting of “Council”" in explained.text
    assert explained.links == []
