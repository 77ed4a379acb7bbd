"""A meeting takes its desk and room as a booking does, and the clock publishes it too."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import call_command
from freezegun import freeze_time

from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_booking,
    make_desk,
    make_meeting,
    publish,
)
from wagtail_agenda import availability, meetings, outbox
from wagtail_agenda.choices import Actor
from wagtail_agenda.errors import MeetingCancelled, NotReadyToCall, RoomTaken
from wagtail_agenda.models import (
    Bookable,
    CalledMeeting,
    Delivery,
    Entry,
    Meeting,
    Occupation,
    Resource,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

HOUR = timedelta(hours=1)
TUESDAY_AT_NINE = NOW + timedelta(days=1, hours=2)


@pytest.fixture
def room():
    return Resource.objects.create(label="Blue room")


def taken(room):
    return Bookable.objects.get(pk=room.bookable_id).places_booked


def at_nine(**fields):
    return make_meeting(start=TUESDAY_AT_NINE, end=TUESDAY_AT_NINE + HOUR, **fields)


# Taken


def test_a_meeting_at_a_desk_leaves_no_appointment_there():
    agenda, _meeting_type, (desk,) = make_appointments()
    at_desk = {slot.start for slot in availability.next_free(agenda, now=NOW, limit=20)}
    assert TUESDAY_AT_NINE in at_desk
    publish(at_nine(agenda=agenda, desk=desk))
    free = {slot.start for slot in availability.next_free(agenda, now=NOW, limit=20)}
    assert TUESDAY_AT_NINE not in free
    assert TUESDAY_AT_NINE + HOUR in free


def test_what_is_booked_is_no_room_for_a_meeting(django_user_model):
    agenda, _meeting_type, (desk,) = make_appointments()
    booking = make_booking(agenda)
    meeting = make_meeting(agenda, desk=desk, start=booking.start, end=booking.end + HOUR)
    with pytest.raises(RoomTaken) as refused:
        publish(meeting, user=django_user_model.objects.create_user("clerk"))
    assert refused.value.until == booking.end
    assert desk.label in str(refused.value)
    assert not CalledMeeting.objects.exists()


def test_two_meetings_take_one_room_after_the_other(room):
    publish(at_nine(resource=room))
    meetings_after = make_meeting(
        start=TUESDAY_AT_NINE + HOUR, end=TUESDAY_AT_NINE + 2 * HOUR, resource=room
    )
    publish(meetings_after)
    assert taken(room) == 2


def test_desk_and_room_are_taken_together_or_not_at_all(room):
    agenda = make_agenda()
    desk = make_desk(agenda)
    publish(at_nine(agenda=agenda, resource=room))
    refused = at_nine(agenda=agenda, resource=room, desk=desk)
    with pytest.raises(RoomTaken):
        meetings.call(refused, now=NOW)
    assert taken(desk) == 0
    assert taken(room) == 1


def test_what_is_moved_gives_the_old_time_back(room):
    meeting = at_nine(resource=room)
    publish(meeting)
    meeting = Meeting.objects.get()
    meeting.start, meeting.end = TUESDAY_AT_NINE + HOUR, TUESDAY_AT_NINE + 2 * HOUR
    publish(meeting)
    publish(at_nine(resource=room))
    assert taken(room) == 2
    assert Occupation.objects.count() == 2


def test_what_cannot_be_moved_keeps_the_room_it_had_and_stays_as_it_was_announced(room):
    publish(
        make_meeting(start=TUESDAY_AT_NINE + HOUR, end=TUESDAY_AT_NINE + 2 * HOUR, resource=room)
    )
    called = publish(at_nine(resource=room))
    meeting = called.meeting
    meeting.start, meeting.end = TUESDAY_AT_NINE + HOUR / 2, TUESDAY_AT_NINE + 2 * HOUR
    with pytest.raises(RoomTaken):
        meetings.call(meeting, now=NOW)
    called.refresh_from_db()
    assert called.start == TUESDAY_AT_NINE
    assert taken(room) == 2
    assert called.entries.count() == 1


def test_what_is_cancelled_gives_its_room_back(room):
    called = publish(at_nine(resource=room))
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    assert taken(room) == 0
    assert not Occupation.objects.exists()
    publish(at_nine(resource=room))


def test_it_is_cancelled_once():
    called = publish(at_nine())
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    with pytest.raises(MeetingCancelled):
        meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    assert called.entries.filter(what="meeting_cancelled").count() == 1


def test_what_is_not_complete_is_not_called():
    with pytest.raises(NotReadyToCall) as refused:
        meetings.call(make_meeting(title=" \x07", participants=["nobody"]), now=NOW)
    assert refused.value.missing == ["a title", "at least one participant with an e-mail address"]
    assert not CalledMeeting.objects.exists()


# By the clock


def scheduled(meeting, at=NOW + HOUR):
    meeting.go_live_at = at
    meeting.save_revision().publish()
    return meeting


def an_hour_later():
    with freeze_time(NOW + 2 * HOUR):
        call_command("publish_scheduled")


def test_what_is_scheduled_is_announced_at_its_time_and_not_before():
    scheduled(at_nine())
    assert not CalledMeeting.objects.exists()
    an_hour_later()
    called = CalledMeeting.objects.get()
    assert called.published_at == NOW + 2 * HOUR
    assert called.deliveries.count() == 3
    assert called.entries.get().actor == Actor.SYSTEM


def test_a_room_that_is_gone_by_then_is_told_to_the_organiser_alone(room):
    scheduled(at_nine(resource=room, title="Too late"))
    scheduled(at_nine(title="In time"))
    publish(at_nine(resource=room))
    Delivery.objects.all().delete()
    an_hour_later()
    late = CalledMeeting.objects.get(title="Too late")
    assert late.published_at is None
    assert not late.occupations.exists()
    (entry,) = late.entries.all()
    assert entry.what == meetings.NOT_ANNOUNCED
    assert "“Blue room” is taken" in entry.data["reason"]
    # Whatever else was due is published all the same.
    assert CalledMeeting.objects.get(title="In time").published_at is not None
    late.meeting.refresh_from_db()
    mail.outbox.clear()
    outbox.sweep(now=NOW + 2 * HOUR)
    told = [message for message in mail.outbox if "Too late" in message.subject]
    assert [message.to for message in told] == [["Olive Gray <olive@fairbridge.example>"]]
    assert "“Blue room” is taken at that time" in told[0].body
    assert not any("Invitation" in message.subject for message in told)


def test_it_is_announced_as_a_new_one_once_there_is_room(room):
    scheduled(at_nine(resource=room, title="Too late"))
    other = publish(at_nine(resource=room))
    an_hour_later()
    meetings.cancel(other, actor=Actor.AGENT, now=NOW)
    late = CalledMeeting.objects.get(title="Too late")
    with freeze_time(NOW + 2 * HOUR):
        publish(late.meeting)
    late.refresh_from_db()
    assert late.published_at is not None
    assert late.deliveries.filter(method="REQUEST").count() == 3


def test_a_change_that_the_clock_cannot_publish_leaves_the_meeting_as_announced(room):
    called = publish(at_nine(resource=room))
    publish(
        make_meeting(start=TUESDAY_AT_NINE + HOUR, end=TUESDAY_AT_NINE + 2 * HOUR, resource=room)
    )
    meeting = called.meeting
    meeting.start, meeting.end = TUESDAY_AT_NINE + HOUR, TUESDAY_AT_NINE + 2 * HOUR
    scheduled(meeting)
    an_hour_later()
    called.refresh_from_db()
    assert called.start == TUESDAY_AT_NINE
    assert called.entries.last().what == meetings.NOT_ANNOUNCED
    assert taken(room) == 2
    assert not Entry.objects.filter(what="meeting_changed").exists()
