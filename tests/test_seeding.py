"""An invented agenda is like one that people have booked in, and no other agenda is touched."""

from datetime import date, timedelta

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db.models import Count, Sum
from freezegun import freeze_time

from tests.factories import NOW, first_slot, make_appointments, make_booking, make_details
from wagtail_agenda import attendance, availability, booking, outbox, tokens
from wagtail_agenda.choices import Actor, AgendaKind, Attendance, Trigger
from wagtail_agenda.models import (
    Agenda,
    Bookable,
    Booking,
    Delivery,
    Desk,
    Entry,
    Event,
    Hold,
    Invitation,
    MeetingType,
    Occupation,
    Schedule,
)
from wagtail_agenda.seeding import STEPS_A_DAY, CannotSeed, Plan, fill, remove
from wagtail_agenda.timegrid import epoch_minutes

pytestmark = pytest.mark.django_db

MONDAY = date(2026, 12, 7)
TOWN = Plan(slug="town", first=MONDAY, days=14, desks=3, bookings=150)
HALL = Plan(slug="hall", first=MONDAY, days=7, events=9, places=5, bookings=40)


def who_comes_when(agenda):
    return list(
        agenda.bookings.order_by("uuid").values_list(
            "uuid", "reference", "start", "end", "desk__slug", "event__slug", "user_name"
        )
    )


@pytest.mark.parametrize("plan", [TOWN, HALL], ids=["appointments", "events"])
def test_every_booking_has_what_a_real_one_has(plan):
    agenda = fill(plan, now=NOW)
    assert agenda.bookings.count() == plan.bookings
    real = make_booking(user_email="")
    for made in agenda.bookings.select_related("status", "meeting_type"):
        assert made.occupations.get().lapses_at is None
        assert made.status == real.status
        assert made.token_digest == tokens.digest_of(tokens.manage_token(made))
        assert made.label
        assert made.user_display_label
        before = made.meeting_type.buffer_before if made.meeting_type else 0
        after = made.meeting_type.buffer_after if made.meeting_type else 0
        assert made.occupations.get().busy_from == epoch_minutes(made.start) - before
        assert made.occupations.get().busy_to == epoch_minutes(made.end) + after
    history = Entry.objects.filter(booking__agenda=agenda)
    assert history.count() == plan.bookings
    assert history.first().data == real.entries.get().data
    assert {entry.what for entry in history} == {Trigger.BOOKED}


@pytest.mark.parametrize("plan", [TOWN, HALL], ids=["appointments", "events"])
def test_counters_and_versions_agree_with_the_occupations(plan):
    fill(plan, now=NOW)
    counted = Bookable.objects.annotate(
        taken=Sum("occupations__places"), changes=Count("occupations")
    )
    assert counted.count() == (plan.events or plan.desks)
    for bookable in counted:
        assert bookable.places_booked == bookable.taken == bookable.version == bookable.changes


def test_no_desk_is_booked_twice_and_every_booking_could_have_been_chosen():
    agenda = fill(TOWN, now=NOW)
    busy = {}
    for bookable, busy_from, busy_to in Occupation.objects.order_by(
        "bookable", "busy_from"
    ).values_list("bookable", "busy_from", "busy_to"):
        assert busy.get(bookable, 0) <= busy_from
        busy[bookable] = busy_to
    offered = {
        slot.key
        for slot in availability.slots(
            agenda, first=MONDAY, last=MONDAY + timedelta(days=13), now=NOW, with_full=True
        )
    }
    booked = {
        f"{made.meeting_type.slug}:{made.start.astimezone(agenda.zone):%Y-%m-%d-%H%M}"
        for made in agenda.bookings.select_related("meeting_type")
    }
    assert booked <= offered


def test_a_full_day_is_full():
    agenda = fill(Plan(slug="full", first=MONDAY, days=1, desks=1, bookings=STEPS_A_DAY), now=NOW)
    assert availability.slots(agenda, first=MONDAY, last=MONDAY, now=NOW) == []


def test_the_agenda_can_be_used_afterwards():
    agenda = fill(TOWN, now=NOW)
    made = booking.book(first_slot(agenda), make_details(), now=NOW)
    assert made.agenda == agenda
    seeded = agenda.bookings.exclude(pk=made.pk).first()
    attendance.check_in(seeded, Attendance.PRESENT, now=NOW)
    booking.cancel(seeded, actor=Actor.AGENT, now=NOW)
    assert not Occupation.objects.filter(booking=seeded).exists()
    assert Bookable.objects.get(desk=seeded.desk).places_booked == (
        Occupation.objects.filter(bookable__desk=seeded.desk).count()
    )


def test_nothing_is_ever_sent_to_somebody_invented():
    agenda = fill(HALL, now=NOW)
    booking.cancel(agenda.bookings.first(), actor=Actor.AGENT, now=NOW)
    outbox.sweep(now=NOW)
    assert not Delivery.objects.exists()
    assert not Invitation.objects.exists()
    assert mail.outbox == []


def test_the_same_plan_gives_the_same_bookings():
    first = who_comes_when(fill(TOWN, now=NOW))
    make_appointments()
    assert who_comes_when(fill(TOWN, now=NOW)) == first
    remove("town")
    other = Plan(**{**vars(TOWN), "seed": 2})
    assert who_comes_when(fill(other, now=NOW)) != first


def test_two_agendas_of_one_seed_live_side_by_side():
    fill(TOWN, now=NOW)
    fill(Plan(**{**vars(TOWN), "slug": "village"}), now=NOW)
    assert Booking.objects.count() == 2 * TOWN.bookings


def test_what_does_not_fit_is_refused_and_leaves_nothing():
    with pytest.raises(CannotSeed, match="room for 48"):
        fill(Plan(slug="tight", first=MONDAY, days=1, desks=1, bookings=49), now=NOW)
    sunday = MONDAY - timedelta(days=1)
    with pytest.raises(CannotSeed, match="Sundays"):
        fill(Plan(slug="closed", first=sunday, days=1, desks=1, bookings=0), now=NOW)
    assert not Agenda.objects.exists()


def test_an_agenda_of_somebody_else_is_left_alone():
    agenda = make_appointments(slug="town")[0]
    for attempt in (lambda: fill(TOWN, now=NOW), lambda: remove("town")):
        with pytest.raises(CannotSeed, match="not made by agenda_seed"):
            attempt()
    assert list(Agenda.objects.all()) == [agenda]
    assert agenda.desks.count() == 1


def test_an_agenda_in_which_somebody_has_booked_is_left_alone():
    agenda = fill(TOWN, now=NOW)
    made = booking.book(first_slot(agenda), make_details(), now=NOW)
    for attempt in (lambda: fill(TOWN, now=NOW), lambda: remove("town")):
        with pytest.raises(CannotSeed, match="1 bookings have been made"):
            attempt()
    assert agenda.bookings.filter(pk=made.pk).exists()


def test_removing_takes_everything_and_nothing_else():
    other = make_booking()
    agenda = fill(TOWN, now=NOW)
    slot = first_slot(agenda)
    booking.hold(slot, lock_code="a", now=NOW)
    booking.book(slot, make_details(), now=NOW)
    remove("town", with_real_bookings=True)
    fill(HALL, now=NOW)
    assert remove("hall") == HALL.bookings
    assert list(Booking.objects.all()) == [other]
    assert list(Desk.objects.all()) == [other.desk]
    assert list(Bookable.objects.all()) == [other.desk.bookable]
    assert list(MeetingType.objects.all()) == [other.meeting_type]
    assert Schedule.objects.get() == other.agenda.schedule
    assert Occupation.objects.get().booking == other
    assert set(Entry.objects.all()) == set(other.entries.all())
    assert not Event.objects.exists()
    assert not Hold.objects.exists()


@freeze_time(NOW)
def test_the_command_fills_and_removes(capsys):
    call_command("agenda_seed", "town", desks=2, bookings=20, days=10)
    agenda = Agenda.objects.get(slug="town")
    assert (agenda.desks.count(), agenda.bookings.count()) == (2, 20)
    # From tomorrow on, and within what the agenda lets people book.
    assert agenda.bookings.earliest("start").start.date() > NOW.date()
    assert availability.next_free(agenda, now=NOW)
    call_command("agenda_seed", "town", "--remove")
    assert not Agenda.objects.exists()
    assert "20 bookings are gone" in capsys.readouterr().out


@freeze_time(NOW)
def test_the_command_makes_events():
    call_command("agenda_seed", "hall", "--events=3", "--places=4", "--bookings=12")
    agenda = Agenda.objects.get()
    assert agenda.kind == AgendaKind.EVENTS
    assert [event.places for event in agenda.events.select_related("bookable")] == [4, 4, 4]
    assert not Desk.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["not a slug"],
        ["town", "--desks=0"],
        ["town", "--bookings=many"],
        ["town", "--bookings=-1"],
        ["town", "--first=tomorrow"],
        ["town", "--desks=1", "--days=2", "--bookings=1000"],
        ["town", "--remove"],
    ],
)
def test_the_command_refuses_nonsense_in_a_sentence(arguments):
    with pytest.raises(CommandError):
        call_command("agenda_seed", *arguments)
    assert not Agenda.objects.exists()
