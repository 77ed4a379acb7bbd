"""What a process remembers of what is taken, beside what it reads anew: never a difference."""

import os
import random
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection, transaction

from tests.factories import NOW, make_appointments, make_details, make_meeting_type
from tests.test_availability_resources import make_resource
from tests.test_availability_virtual import make_virtual
from wagtail_agenda import availability, booking
from wagtail_agenda.availability import remembered
from wagtail_agenda.choices import Actor
from wagtail_agenda.errors import BookingError
from wagtail_agenda.models import Bookable, Booking, Desk, Hold, Occupation
from wagtail_agenda.timegrid import Grid, epoch_minutes

PROVING = bool(os.environ.get("AGENDA_PROVE"))
MONDAY = NOW.date()
LAST = MONDAY + timedelta(days=20)


@pytest.fixture
def read_anew(monkeypatch):
    """How many bookables each listing has read that were not remembered."""
    counted = []
    really = remembered.masks_by_version

    def spy(versions, wanted, using, horizon, now, read):
        def reading(bookable_ids, grid):
            counted.append(len(list(bookable_ids)))
            return read(bookable_ids, grid)

        return really(versions, wanted, using, horizon, now, reading)

    monkeypatch.setattr("wagtail_agenda.availability.occupied.masks_by_version", spy)
    return counted


def listed(agenda, meeting_type=None, now=NOW, **options):
    options = {"first": MONDAY, "last": LAST, **options}
    found = availability.slots(agenda, meeting_type, now=now, **options)
    return [(slot.key, slot.desk_ids, slot.places_free) for slot in found]


def anew(read):
    """The same, without what is remembered."""
    with transaction.atomic():
        return read()


@pytest.mark.django_db(transaction=True)
class TestRemembering:
    def test_a_second_listing_reads_only_what_has_changed(self, read_anew):
        agenda, _type, _desks = make_appointments(desks=3)
        before = listed(agenda)
        assert listed(agenda) == before
        assert read_anew == [3]
        slot = availability.next_free(agenda, now=NOW)[0]
        booking.book(slot, make_details(), now=NOW)
        after = listed(agenda)
        assert read_anew == [3, 1]
        assert after == anew(lambda: listed(agenda)) != before

    def test_one_query_less(self, django_assert_num_queries):
        agenda, meeting_type, _desks = make_appointments(desks=3)
        # All that the type needs, and what is taken.
        with django_assert_num_queries(2):
            listed(agenda, meeting_type)
        with django_assert_num_queries(1):
            listed(agenda, meeting_type)
        booking.hold(availability.next_free(agenda, now=NOW)[0], lock_code="a", now=NOW)
        listed(agenda, meeting_type)
        # What lapses is asked for where there is something.
        with django_assert_num_queries(2):
            listed(agenda, meeting_type)

    def test_other_days_and_types_of_the_same_agenda_are_known_too(self, read_anew):
        agenda, passport, _desks = make_appointments()
        make_meeting_type(agenda, label="Advice", duration=20, buffer_after=10)
        listed(agenda, passport, first=LAST)
        listed(agenda)
        availability.find(agenda, "advice:2026-11-30-0900", now=NOW)
        availability.next_free(agenda, now=NOW + timedelta(hours=9))
        assert read_anew == [1]

    def test_beyond_the_horizon_nothing_is_remembered(self, read_anew):
        agenda, _type, _desks = make_appointments(maximal_booking_delay=5)
        friday = MONDAY + timedelta(days=18)
        far = {"first": friday, "last": friday, "bypass_delays": True}
        assert listed(agenda, **far) == listed(agenda, **far) != []
        assert read_anew == []

    def test_a_new_day_brings_one_that_is_not_known(self, read_anew):
        agenda, _type, _desks = make_appointments(maximal_booking_delay=20)
        tomorrow = NOW + timedelta(days=1)
        listed(agenda)
        assert listed(agenda, now=tomorrow) == anew(lambda: listed(agenda, now=tomorrow))
        assert read_anew == [1]
        later = {"now": tomorrow, "last": LAST + timedelta(days=1)}
        assert listed(agenda, **later) == anew(lambda: listed(agenda, **later))
        assert read_anew == [1, 1]

    def test_what_lapses_is_not_remembered(self):
        agenda, _type, _desks = make_appointments()
        listed(agenda)
        slot = availability.next_free(agenda, now=NOW)[0]
        hold = booking.hold(slot, lock_code="mine", now=NOW)
        assert listed(agenda)[0][0] == "passport:2026-11-30-0930"
        assert listed(agenda, lock_code="mine")[0][0] == "passport:2026-11-30-0900"
        assert listed(agenda, now=hold.lapses_at)[0][0] == "passport:2026-11-30-0900"

    def test_nothing_is_stored_or_used_inside_a_transaction(self, read_anew):
        agenda, _type, [desk] = make_appointments()
        with transaction.atomic():
            listed(agenda)
        assert read_anew == []
        free = listed(agenda)
        with suppress(ZeroDivisionError), transaction.atomic():
            slot = availability.next_free(agenda, now=NOW)[0]
            booking.book(slot, make_details(), now=NOW)
            assert listed(agenda) != free
            raise ZeroDivisionError
        assert listed(agenda) == free
        # Whoever comes next writes the version that was never committed.
        booking.book(availability.next_free(agenda, now=NOW)[3], make_details(), now=NOW)
        assert listed(agenda) == anew(lambda: listed(agenda))
        assert Bookable.objects.get(desk=desk).version == 1

    def test_a_change_while_it_is_read_costs_another_reading(self, monkeypatch):
        agenda, _type, _desks = make_appointments()
        slots = list(availability.next_free(agenda, now=NOW))
        remembered.forget()
        really = remembered.masks_by_version

        def another_books_first(*args):
            booking.book(slots.pop(0), make_details(), now=NOW)
            return really(*args)

        monkeypatch.setattr(
            "wagtail_agenda.availability.occupied.masks_by_version", another_books_first
        )
        assert listed(agenda)[0][0] == "passport:2026-11-30-0930"
        assert listed(agenda)[0][0] == "passport:2026-11-30-1000"
        monkeypatch.undo()
        assert listed(agenda) == anew(lambda: listed(agenda))


class TestBounds:
    GRID = Grid(epoch_minutes(NOW) // 1440 * 1440, 288)

    def known(self, pk, version=1, horizon_days=10, using="default", wanted=None):
        read = []

        def reading(bookable_ids, grid):
            read.extend(bookable_ids)
            return dict.fromkeys(bookable_ids, 0b1011 << 288), set()

        horizon = epoch_minutes(NOW) + horizon_days * 1440
        masks = remembered.masks_by_version(
            {pk: version}, wanted or self.GRID, using, horizon, NOW, reading
        )
        return masks and masks[0], read

    @pytest.mark.django_db(transaction=True)
    def test_the_oldest_are_forgotten_first(self, monkeypatch):
        monkeypatch.setattr(remembered, "MOST_BOOKABLES", 2)
        for pk in (1, 2, 1, 3):
            self.known(pk)
        assert self.known(1)[1] == []
        assert self.known(3)[1] == []
        assert self.known(2)[1] == [2]

    @pytest.mark.django_db(transaction=True)
    def test_another_version_and_a_longer_horizon_are_read(self):
        assert self.known(1)[1] == [1]
        assert self.known(1)[1] == []
        assert self.known(1, version=2)[1] == [1]
        far = Grid(self.GRID.origin + 15 * 1440, 10)
        assert self.known(1, version=2, wanted=far) == (None, [])
        assert self.known(1, version=2, wanted=far, horizon_days=30)[1] == [1]
        assert self.known(1, version=2)[1] == []

    @pytest.mark.django_db(transaction=True)
    def test_too_long_a_horizon_is_not_remembered(self):
        assert self.known(1, horizon_days=remembered.MOST_DAYS)[0] is None
        assert self.known(1, horizon_days=-5)[0] is None

    @pytest.mark.django_db(transaction=True)
    def test_a_part_of_what_is_remembered_is_cut_out(self):
        assert self.known(1)[0] == {1: 0b1011}
        later = Grid(self.GRID.origin + 5, 2)
        assert self.known(1, wanted=later)[0] == {1: 0b01}

    @pytest.mark.django_db(transaction=True, databases=["default"])
    def test_databases_are_told_apart(self, monkeypatch):
        monkeypatch.setattr(remembered, "connections", {"default": connection, "other": connection})
        assert self.known(1)[1] == [1]
        assert self.known(1, using="other")[1] == [1]
        assert self.known(1, using="other")[1] == []

    @pytest.mark.django_db
    def test_inside_a_transaction_there_is_no_answer(self):
        assert self.known(1) == (None, [])


class Town:
    """Two agendas that share a room, one over both, and random things that people do there."""

    def __init__(self, seed):
        self.draw = random.Random(seed)  # noqa: S311
        self.now = NOW
        self.codes = 0
        one, passport, _desks = make_appointments(desks=2, places_per_booking=2)
        two, permit, _desks = make_appointments(desks=1, needs_approval=True, approval_hours=1)
        flexible = make_meeting_type(two, label="Room", duration=30, maximum_duration=90)
        self.room = make_resource(permit, flexible, lent_by=[one])
        self.virtual = make_virtual(one, two)
        self.agendas = [one, two, self.virtual]
        self.passport, self.flexible = passport, flexible

    def slot(self):
        agenda = self.draw.choice(self.agendas)
        resources = [self.room] if agenda == self.agendas[0] and self.draw.random() < 0.3 else []
        free = availability.next_free(agenda, now=self.now, limit=60, resources=resources)
        return self.draw.choice(free) if free else None

    def some(self, rows):
        rows = list(rows.order_by("pk"))
        return self.draw.choice(rows) if rows else None

    # What people do

    def act(self):
        name = self.draw.choice([name for name in dir(self) if name.startswith("do_")])
        try:
            with suppress(BookingError):
                if self.draw.random() < 0.25:
                    with transaction.atomic():
                        getattr(self, name)()
                        raise Undone
                getattr(self, name)()
        except Undone:
            name += ", undone"
        return name

    def do_hold(self):
        if slot := self.slot():
            self.codes += 1
            booking.hold(slot, lock_code=str(self.codes), now=self.now)

    def do_hold_again(self):
        if (slot := self.slot()) and self.codes:
            code = str(self.draw.randint(1, self.codes))
            booking.hold(slot, lock_code=code, now=self.now)

    def do_release(self):
        if hold := self.some(Hold.objects.filter(booking=None)):
            booking.release(hold, now=self.now)

    def do_confirm(self):
        if hold := self.some(Hold.objects.filter(booking=None, desk__isnull=False)):
            booking.confirm(hold, make_details(), now=self.now)

    def do_book(self):
        if slot := self.slot():
            booking.book(slot, make_details(), now=self.now)

    def do_request(self):
        if slot := self.slot():
            booking.book(slot, make_details(), now=self.now, actor=Actor.VISITOR)

    def do_cancel(self):
        if made := self.some(Booking.objects.exclude(admission="cancelled")):
            booking.cancel(made, actor=Actor.AGENT, now=self.now)

    def do_move(self):
        made, slot = self.some(Booking.objects.exclude(admission="cancelled")), self.slot()
        if made and slot:
            booking.move(made, slot, actor=Actor.AGENT, now=self.now)

    def do_approve(self):
        if made := self.some(Booking.objects.filter(admission="pending")):
            booking.approve(made, now=self.now)

    def do_refuse(self):
        if made := self.some(Booking.objects.filter(admission="pending")):
            booking.refuse(made, now=self.now)

    def do_settle(self):
        booking.settle(self.now)

    def do_wait(self):
        self.now += timedelta(minutes=self.draw.choice([1, 7, 11, 40, 24 * 60]))

    def do_retire(self):
        desk = self.some(Desk.objects.all())
        desk.retired = not desk.retired
        desk.save()

    # What people look at

    def reads(self):
        code = str(self.draw.randint(0, self.codes))
        first = self.now.date() + timedelta(days=self.draw.randint(0, 3))
        days = {"first": first, "last": first + timedelta(days=self.draw.randint(0, 9))}
        one, two, virtual = self.agendas
        for agenda in self.agendas:
            yield lambda agenda=agenda: listed(agenda, now=self.now, lock_code=code, **days)
            yield lambda agenda=agenda: listed(
                agenda, now=self.now, with_full=True, bypass_delays=True, **days
            )
        yield lambda: listed(one, self.passport, now=self.now, resources=[self.room], **days)
        yield lambda: [
            slot.key for slot in availability.nearest(virtual, None, self.now, now=self.now)
        ]
        free = availability.next_free(two, self.flexible, now=self.now, limit=20)
        if free:
            chosen = self.draw.choice(free)
            yield lambda: [
                (slot.key, slot.desk_ids)
                for slot in availability.ends(two, self.flexible, chosen.start, now=self.now)
            ]
            yield lambda: availability.find(two, chosen.key, now=self.now, lock_code=code).desk_ids


class Undone(Exception):
    """Ends a transaction that is to leave nothing."""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(8 if PROVING else 1))
def test_whatever_is_written_what_is_remembered_says_the_same(seed, read_anew):
    town = Town(seed)
    done = []
    for _step in range(25):
        done.append(town.act())
        for read in town.reads():
            assert read() == anew(read), done
    assert Occupation.objects.exists()
    assert any(name.endswith("undone") for name in done)
    # Most of what was asked for was known.
    assert 0 < sum(read_anew) < 25 * 8
