"""Holds, bookings, cancellations and places: what they change and what they refuse.

Many visitors at the same moment are in `tests/concurrency`.
"""

import re
from datetime import datetime, time, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from wagtail.models import Site

from tests.factories import (
    NOW,
    PARIS,
    first_slot,
    make_agenda,
    make_appointments,
    make_booking,
    make_desk,
    make_details,
    make_event,
    make_meeting_type,
    make_schedule,
    weekly,
)
from wagtail_agenda import attendance, availability, booking, outbox, tokens, workflow
from wagtail_agenda.choices import (
    Actor,
    Admission,
    AgendaKind,
    Attendance,
    Trigger,
)
from wagtail_agenda.contention import ATTEMPTS, Outpaced
from wagtail_agenda.errors import (
    AgendaClosed,
    AlreadyCancelled,
    BookingCancelled,
    BookingError,
    EventIsBooked,
    EventIsOver,
    HoldUsed,
    NotOffered,
    Overloaded,
    PlacesInUse,
    SoldOut,
    TooManyHolds,
)
from wagtail_agenda.models import (
    Agenda,
    Bookable,
    Booking,
    Delivery,
    Entry,
    FormVersion,
    Hold,
    Invitation,
    Occupation,
    Workflow,
    WorkflowStatus,
)
from wagtail_agenda.timegrid import epoch_minutes

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
LATER = NOW + timedelta(minutes=11)
"""When a hold made at `NOW` has lapsed."""


def hold(slot, code="a", now=NOW, **about):
    return booking.hold(slot, lock_code=code, now=now, **about)


def hold_first(agenda, code="a", now=NOW, **about):
    return hold(availability.next_free(agenda, now=now, lock_code=code)[0], code, now, **about)


def slot_of(event, now=NOW, **options):
    return availability.find(event.agenda, event.slug, now=now, **options)


def stored(row):
    return type(row).objects.get(pk=row.pk)


def rows():
    """How many rows there are of everything that a booking writes."""
    return {
        model.__name__: model.objects.count()
        for model in (Booking, Hold, Occupation, Entry, Invitation, Delivery)
    } | {"places_booked": Bookable.objects.aggregate(sum=Sum("places_booked"))["sum"]}


class TestHold:
    def test_keeps_its_time_for_ten_minutes(self):
        agenda, meeting_type, (desk,) = make_appointments()
        held = stored(hold_first(agenda))
        assert (held.desk, held.meeting_type, held.event) == (desk, meeting_type, None)
        assert held.lapses_at == NOW + 10 * MINUTE
        assert booking.is_held(held, held.lapses_at - timedelta(seconds=1))
        assert not booking.is_held(held, held.lapses_at)
        occupation = held.occupation
        assert occupation.busy_from == epoch_minutes(held.start)
        assert occupation.busy_to == epoch_minutes(held.end)
        assert occupation.lapses_at == held.lapses_at
        assert occupation.bookable_id == desk.bookable_id == held.bookable_id
        assert stored(desk).bookable.version == 1
        assert stored(desk).bookable.places_booked == 0

    def test_the_site_says_how_long(self, settings):
        settings.WAGTAIL_AGENDA = {"HOLD_MINUTES": 25}
        agenda, *_ = make_appointments()
        assert hold_first(agenda).lapses_at == NOW + 25 * MINUTE

    def test_lasts_ten_minutes_on_the_night_when_clocks_change(self):
        agenda, *_ = make_appointments()
        now = datetime(2026, 10, 25, 2, 55, tzinfo=PARIS)
        held = hold_first(agenda, now=now)
        assert epoch_minutes(held.lapses_at) - epoch_minutes(now) == 10

    def test_holds_with_the_buffers_of_its_type(self):
        agenda = make_agenda()
        make_desk(agenda)
        make_meeting_type(agenda, duration=30, buffer_before=10, buffer_after=5)
        held = hold_first(agenda)
        assert held.occupation.busy_from == epoch_minutes(held.start) - 10
        assert held.occupation.busy_to == epoch_minutes(held.end) + 5

    def test_choosing_again_moves_it_and_keeps_what_was_typed(self):
        agenda, *_ = make_appointments()
        first, second = availability.next_free(agenda, now=NOW, limit=2)
        held = hold(first, return_path="/passports/")
        booking.keep_answers(held, {"name": "Ada"})
        moved = stored(hold(second, now=NOW + 5 * MINUTE))
        assert (moved.pk, moved.start, moved.answers) == (held.pk, second.start, {"name": "Ada"})
        assert moved.return_path == "/passports/"
        assert moved.lapses_at == NOW + 15 * MINUTE
        assert Occupation.objects.count() == 1
        assert first_slot(agenda).key == first.key

    def test_moves_between_desks_and_tells_both_caches(self):
        agenda, _type, desks = make_appointments(desks=2)
        first = first_slot(agenda)
        held = hold(first)
        assert held.desk == desks[0]
        only_second = availability.Slot(
            agenda,
            first.start,
            first.end,
            meeting_type=first.meeting_type,
            desk_ids=(desks[1].pk,),
            desks=first.desks,
        )
        assert hold(only_second).desk == desks[1]
        assert [stored(desk).bookable.version for desk in desks] == [2, 1]

    def test_choosing_what_one_holds_already_prolongs_it(self):
        agenda, *_ = make_appointments()
        key = hold_first(agenda).pk
        again = availability.find(
            agenda, "passport:2026-11-30-0900", now=NOW + MINUTE, lock_code="a"
        )
        held = hold(again, now=NOW + MINUTE)
        assert (held.pk, held.lapses_at) == (key, NOW + 11 * MINUTE)

    def test_what_another_one_holds_is_refused_until_it_lapses(self):
        agenda, *_ = make_appointments()
        slot = first_slot(agenda)
        hold(slot, "a")
        with pytest.raises(SoldOut) as refused:
            hold(slot, "b", NOW + 9 * MINUTE)
        assert refused.value.code == "no more desk available"
        assert hold(slot, "b", NOW + 10 * MINUTE).lock_code == "b"
        assert rows()["Hold"] == 2

    @pytest.mark.parametrize("code", ["a", "new"])
    def test_what_was_booked_since_it_was_listed_is_refused(self, code):
        agenda, *_ = make_appointments()
        first, second = availability.next_free(agenda, now=NOW, limit=2)
        hold(second, "a")
        make_booking(slot=first)
        with pytest.raises(SoldOut):
            hold(first, code)
        assert rows()["Occupation"] == 2

    def test_a_refused_move_leaves_the_hold_where_it_was(self):
        agenda, *_ = make_appointments()
        first, second = availability.next_free(agenda, now=NOW, limit=2)
        mine = hold(first, "a")
        hold(second, "b")
        with pytest.raises(SoldOut):
            hold(second, "a")
        assert stored(mine).start == first.start
        assert stored(mine).occupation.busy_from == epoch_minutes(first.start)

    def test_takes_the_next_desk_if_the_first_has_gone_meanwhile(self):
        agenda, _type, desks = make_appointments(desks=2)
        slot = first_slot(agenda)
        assert [hold(slot, code).desk for code in "ab"] == desks
        with pytest.raises(SoldOut):
            hold(slot, "c")

    def test_places_of_an_event(self):
        event = make_event(places=2)
        slot = slot_of(event)
        hold(slot, "a")
        make_booking(slot=slot)
        with pytest.raises(SoldOut) as refused:
            hold(slot, "b")
        assert refused.value.code == "sold out"
        assert hold(slot, "b", LATER).event == event

    def test_a_slot_without_a_desk_is_taken(self):
        agenda, *_ = make_appointments()
        make_booking(agenda)
        full = availability.slots(
            agenda, first=NOW.date(), last=NOW.date(), now=NOW, with_full=True
        )[0]
        for attempt in (lambda: hold(full), lambda: booking.book(full, make_details(), now=NOW)):
            with pytest.raises(SoldOut):
                attempt()

    @pytest.mark.parametrize("fields", [{"live": False}, {"expire_at": NOW}])
    def test_a_closed_agenda_takes_no_hold(self, fields):
        agenda, *_ = make_appointments()
        slot = first_slot(agenda)
        Agenda.objects.filter(pk=agenda.pk).update(**fields)
        agenda.refresh_from_db()
        with pytest.raises(AgendaClosed):
            hold(slot)
        assert rows()["Hold"] == 0

    def test_a_code_whose_hold_is_booked_holds_nothing_more(self):
        agenda, *_ = make_appointments()
        made = booking.confirm(hold_first(agenda), make_details(), now=NOW)
        with pytest.raises(HoldUsed) as refused:
            hold_first(agenda)
        assert refused.value.booking == made

    def test_one_code_holds_in_two_agendas(self):
        for _number in range(2):
            assert hold_first(make_appointments()[0])
        assert rows()["Occupation"] == 2

    def test_a_deleted_desk_is_not_offered(self):
        agenda, _type, (desk,) = make_appointments()
        slot = first_slot(agenda)
        desk.delete()
        for attempt in (lambda: hold(slot), lambda: booking.book(slot, make_details(), now=NOW)):
            with pytest.raises(NotOffered):
                attempt()

    def test_an_event_that_moved_since_it_was_listed_is_not_offered(self):
        event = make_event()
        slot = slot_of(event)
        booking.change_event_time(
            event, event.start + timedelta(days=1), event.end + timedelta(days=1), now=NOW
        )
        for attempt in (lambda: hold(slot), lambda: booking.book(slot, make_details(), now=NOW)):
            with pytest.raises(NotOffered):
                attempt()


class TestCaps:
    @pytest.fixture(autouse=True)
    def _caps(self, settings):
        settings.WAGTAIL_AGENDA = {"HOLDS_PER_SESSION": 2, "HOLDS_PER_ADDRESS": 3}

    def test_per_session(self):
        agenda, *_ = make_appointments()
        for code in "ab":
            hold_first(agenda, code, visitor_key="ada")
        with pytest.raises(TooManyHolds):
            hold_first(agenda, "c", visitor_key="ada")
        assert hold_first(agenda, "c", visitor_key="bob")
        assert hold_first(agenda, "d", LATER, visitor_key="ada")

    def test_per_address(self):
        agenda, *_ = make_appointments()
        for code in "abc":
            hold_first(agenda, code, visitor_key=code, address_key="library")
        with pytest.raises(TooManyHolds):
            hold_first(agenda, "d", visitor_key="d", address_key="library")

    def test_moving_ones_hold_is_no_further_hold(self):
        agenda, *_ = make_appointments()
        for code in "abb":
            hold(availability.next_free(agenda, now=NOW)[0], code, visitor_key="ada")
        assert rows()["Hold"] == 2

    def test_the_same_code_in_other_agendas_counts(self):
        for _number in range(2):
            hold_first(make_appointments()[0], visitor_key="ada")
        with pytest.raises(TooManyHolds):
            hold_first(make_appointments()[0], visitor_key="ada")

    def test_what_is_booked_or_released_no_longer_counts(self):
        agenda, *_ = make_appointments()
        booking.confirm(hold_first(agenda, "a", visitor_key="ada"), make_details(), now=NOW)
        booking.release(hold_first(agenda, "b", visitor_key="ada"), now=NOW)
        hold_first(agenda, "c", visitor_key="ada")
        assert hold_first(agenda, "d", visitor_key="ada")

    def test_zero_lifts_a_cap_and_no_key_counts_for_nothing(self, settings):
        settings.WAGTAIL_AGENDA = {"HOLDS_PER_SESSION": 0, "HOLDS_PER_ADDRESS": 1}
        agenda, *_ = make_appointments()
        for code in "abcd":
            hold_first(agenda, code, visitor_key="ada")
        assert rows()["Hold"] == 4


class TestBaskets:
    def test_keep_what_is_typed_before_a_time_is_chosen(self):
        agenda, *_ = make_appointments()
        version = FormVersion.objects.create(digest="d", agenda=agenda, definition={})

        def opened():
            return booking.open_basket(
                agenda, lock_code="a", form_version=version, return_path="/p/", now=NOW
            )

        basket = opened()
        booking.keep_answers(basket, {"name": "Ada"})
        assert opened() == basket
        assert not booking.is_held(basket, NOW)
        with pytest.raises(NotOffered):
            booking.confirm(basket, make_details(), now=NOW)
        held = hold_first(agenda)
        assert (held.pk, held.answers, held.form_version) == (basket.pk, {"name": "Ada"}, version)

    @pytest.mark.parametrize(
        "typed", ["", "🙂" * 10_000, "\0", "a\0b", "\ud800", "{{7*7}}", "\r\n", "\u202e"]
    )
    def test_keep_whatever_is_typed(self, typed):
        held = hold_first(make_appointments()[0])
        booking.keep_answers(held, {"name": typed, "several": [typed], "deep": {typed: [1, None]}})
        kept = stored(held).answers
        assert kept["several"] == [kept["name"]]
        if not {"\0", "\ud800"} & set(typed):
            assert kept["name"] == typed

    def test_a_booked_hold_keeps_nothing_more(self):
        held = hold_first(make_appointments()[0])
        booking.keep_answers(held, {"name": "Ada"})
        booking.confirm(held, make_details(), now=NOW)
        assert stored(held).answers == {}
        booking.keep_answers(held, {"name": "Ada"})
        assert stored(held).answers == {}

    def test_are_purged_a_day_after_they_were_left(self):
        agenda, *_ = make_appointments(desks=5)
        left = hold_first(agenda, "left")
        back = hold_first(agenda, "back")
        booked = hold_first(agenda, "booked")
        booking.confirm(booked, make_details(), now=NOW)
        empty = booking.open_basket(
            agenda, lock_code="empty", form_version=None, return_path="", now=NOW
        )
        hold_first(agenda, "back", NOW + timedelta(hours=23))
        assert booking.purge_baskets(NOW + timedelta(hours=24)) == 0
        assert booking.purge_baskets(NOW + timedelta(hours=24, minutes=11)) == 2
        assert set(Hold.objects.all()) == {back, booked}
        assert {left, empty}.isdisjoint(Hold.objects.all())
        assert booking.purge_baskets(NOW + timedelta(hours=47, minutes=11)) == 1
        assert rows()["Booking"] == rows()["Occupation"] == 1


class TestRelease:
    def test_gives_the_time_back_and_keeps_what_was_typed(self):
        agenda, _type, (desk,) = make_appointments()
        held = hold_first(agenda)
        booking.keep_answers(held, {"name": "Ada"})
        booking.release(held, now=NOW)
        assert not booking.is_held(held, NOW)
        assert not booking.is_held(stored(held), NOW)
        assert stored(held).answers == {"name": "Ada"}
        assert first_slot(agenda).key.endswith("0900")
        assert stored(desk).bookable.version == 2

    def test_releases_what_is_held_and_not_what_a_stale_window_shows(self):
        agenda = make_agenda(kind=AgendaKind.EVENTS)
        event, other = make_event(agenda), make_event(agenda)
        stale = hold(slot_of(event))
        hold(slot_of(other))
        booking.release(stale, now=NOW)
        assert rows()["Occupation"] == 0
        assert stored(other).bookable.version == 2

    def test_of_what_is_booked_or_empty_or_gone_does_nothing(self):
        agenda, *_ = make_appointments()
        held = hold_first(agenda)
        booking.confirm(held, make_details(), now=NOW)
        booking.release(held, now=NOW)
        assert rows()["Occupation"] == 1
        empty = booking.open_basket(
            agenda, lock_code="b", form_version=None, return_path="", now=NOW
        )
        booking.release(empty, now=NOW)
        Hold.objects.filter(pk=empty.pk).delete()
        booking.release(empty, now=NOW)


class TestConfirm:
    def test_hands_over_what_was_held(self):
        agenda, meeting_type, (desk,) = make_appointments()
        version = FormVersion.objects.create(digest="d", agenda=agenda, definition={})
        held = hold_first(agenda)
        occupation = held.occupation
        site = Site.objects.get(is_default_site=True)
        details = make_details(
            user_phone_number="+33 1 23 45 67 89",
            user_external_id="ext-1",
            description="Second passport",
            answers={"reason": "travel 🙂"},
            extra_data={"case": 7},
            language="fr",
            site=site,
            form_version=version,
        )
        made = stored(booking.confirm(held, details, now=NOW))
        assert (made.agenda, made.meeting_type, made.desk) == (agenda, meeting_type, desk)
        assert (made.start, made.end) == (held.start, held.end)
        assert (made.user_name, made.user_email) == ("Ada Martin", "ada@fairbridge.example")
        assert (made.user_phone_number, made.user_external_id) == ("+33 1 23 45 67 89", "ext-1")
        assert (made.description, made.language, made.site) == ("Second passport", "fr", site)
        assert (made.answers, made.extra_data) == ({"reason": "travel 🙂"}, {"case": 7})
        assert (made.form_version, made.made_by) == (version, Actor.VISITOR)
        assert (made.admission, made.created_at, made.places) == (Admission.CONFIRMED, NOW, 1)
        assert made.label == meeting_type.label
        assert made.occupation.pk == occupation.pk
        assert made.occupation.lapses_at is None
        assert stored(held).booking == made
        assert stored(desk).bookable.places_booked == 1

    def test_leaves_history_status_invitations_and_mails(self):
        agenda, *_ = make_appointments(staff_addresses="desk@fairbridge.example")
        made = stored(booking.confirm(hold_first(agenda), make_details(), now=NOW))
        assert made.status.slug == "confirmed"
        [entry] = made.entries.all()
        assert (entry.what, entry.actor, entry.at) == (Trigger.BOOKED, Actor.VISITOR, NOW)
        assert {delivery.recipient for delivery in made.deliveries.all()} == {
            "ada@fairbridge.example",
            "desk@fairbridge.example",
        }
        assert made.invitations.count() == 2

    def test_the_road_begins_in_the_workflows_first_status(self):
        made = make_booking()
        moved = made.entries.get().data
        assert WorkflowStatus.objects.get(pk=moved["from_status"]).slug == "requested"

    def test_without_any_workflow_a_booking_is_made_all_the_same(self):
        Workflow.objects.all().delete()
        made = make_booking()
        assert (made.status, made.entries.count(), made.deliveries.count()) == (None, 1, 0)

    def test_asking_twice_answers_with_the_same_booking(self):
        held = hold_first(make_appointments()[0])
        stale = stored(held)
        made = booking.confirm(held, make_details(), now=NOW)
        before = rows()
        for again in (held, stale, stored(held)):
            assert booking.confirm(again, make_details(), now=NOW) == made
        assert booking.confirm(stale, make_details(), now=NOW + timedelta(days=30)) == made
        assert rows() == before

    def test_a_lapsed_hold_books_what_is_still_free(self):
        held = hold_first(make_appointments()[0])
        made = booking.confirm(held, make_details(), now=LATER)
        assert made.occupation.lapses_at is None
        assert rows()["Occupation"] == rows()["places_booked"] == 1

    def test_a_released_hold_books_what_is_still_free(self):
        held = hold_first(make_appointments()[0])
        booking.release(held, now=NOW)
        made = booking.confirm(held, make_details(), now=NOW)
        assert made.occupation.bookable_id == made.desk.bookable_id

    @pytest.mark.parametrize("taken_by", ["hold", "booking"])
    @pytest.mark.parametrize("kind", ["appointment", "event"])
    def test_a_lapsed_hold_does_not_book_what_is_taken(self, taken_by, kind):
        if kind == "event":
            slot = slot_of(make_event(places=1))
        else:
            slot = first_slot(make_appointments()[0])
        late = hold(slot, "a")
        booking.keep_answers(late, {"name": "Ada"})
        if taken_by == "hold":
            hold(slot, "b", LATER)
        else:
            make_booking(slot=slot, now=LATER)
        before = rows()
        with pytest.raises(SoldOut):
            booking.confirm(late, make_details(), now=LATER)
        assert rows() == before
        assert stored(late).answers == {"name": "Ada"}

    def test_a_hold_that_lapsed_for_others_while_it_waited_books_nothing_twice(self):
        # The one clock says it is held, the other one says it has lapsed.
        agenda, *_ = make_appointments()
        slot = first_slot(agenda)
        late = hold(slot, "a")
        make_booking(slot=slot, now=LATER)
        with pytest.raises(SoldOut):
            booking.confirm(late, make_details(), now=NOW)
        event = make_event(places=1)
        late = hold(slot_of(event), "a")
        make_booking(slot=slot_of(event, now=LATER), now=LATER)
        with pytest.raises(SoldOut):
            booking.confirm(late, make_details(), now=NOW)
        assert stored(event).bookable.places_booked == 1

    def test_more_places_than_were_held_need_to_be_free(self):
        event = make_event(places=3)
        mine = hold(slot_of(event), "a")
        hold(slot_of(event), "b")
        with pytest.raises(SoldOut):
            booking.confirm(mine, make_details(places=3), now=NOW)
        made = booking.confirm(mine, make_details(places=2), now=NOW)
        assert (made.places, made.occupation.places) == (2, 2)
        assert stored(event).bookable.places_booked == 2

    @pytest.mark.parametrize("places", [0, -1])
    def test_a_booking_takes_a_place_at_least(self, places):
        with pytest.raises(ValueError, match="at least one place"):
            make_details(places=places)

    def test_what_another_window_chose_is_not_booked_from_this_one(self):
        agenda, *_ = make_appointments()
        shown = hold_first(agenda)
        hold(availability.next_free(agenda, now=NOW)[0])
        with pytest.raises(SoldOut):
            booking.confirm(shown, make_details(), now=NOW)
        assert rows()["Booking"] == 0

    def test_another_type_at_the_same_time_is_something_else(self):
        agenda, *_ = make_appointments()
        make_meeting_type(agenda, label="Short", duration=15)
        shown = hold(availability.find(agenda, "passport:2026-11-30-0900", now=NOW))
        short = availability.find(agenda, "short:2026-11-30-0900", now=NOW, lock_code="a")
        hold(short)
        with pytest.raises(SoldOut):
            booking.confirm(shown, make_details(), now=NOW)

    def test_nothing_that_has_begun(self):
        held = hold_first(make_appointments()[0], now=NOW + timedelta(hours=1, minutes=55))
        with pytest.raises(EventIsOver):
            booking.confirm(held, make_details(), now=held.start)

    @pytest.mark.parametrize("fields", [{"live": False}, {"expire_at": NOW}])
    def test_nothing_of_an_agenda_that_closed_meanwhile(self, fields):
        agenda, *_ = make_appointments()
        held = hold_first(agenda)
        Agenda.objects.filter(pk=agenda.pk).update(**fields)
        with pytest.raises(AgendaClosed):
            booking.confirm(held, make_details(), now=NOW)
        assert booking.is_held(stored(held), NOW)

    def test_what_is_held_stays_valid_though_it_is_no_longer_offered(self):
        agenda, meeting_type, (desk,) = make_appointments()
        held, late = hold_first(agenda, "a"), hold_first(agenda, "b")
        meeting_type.retired = desk.retired = True
        meeting_type.save()
        desk.save()
        assert booking.confirm(held, make_details(), now=NOW).desk == desk
        with pytest.raises(NotOffered):
            booking.confirm(late, make_details(), now=LATER)

    def test_a_hold_that_was_purged_is_not_offered(self):
        held = hold_first(make_appointments()[0])
        Hold.objects.all().delete()
        with pytest.raises(NotOffered):
            booking.confirm(held, make_details(), now=NOW)

    def test_sent_twice_after_it_lapsed(self, monkeypatch):
        held = hold_first(make_appointments()[0])
        made = []
        really_find = availability.find

        def find_after_the_other(*arguments, **options):
            # Both read the hold; then the other one books.
            monkeypatch.setattr(availability, "find", really_find)
            made.append(booking.confirm(held, make_details(), now=LATER))
            return really_find(*arguments, **options)

        monkeypatch.setattr(availability, "find", find_after_the_other)
        assert booking.confirm(held, make_details(), now=LATER) == made[0]
        assert rows()["Booking"] == 1


class TestBook:
    def test_needs_no_hold(self):
        user = get_user_model().objects.create(username="agent")
        agenda, meeting_type, (desk,) = make_appointments()
        made = stored(
            booking.book(first_slot(agenda), make_details(), now=NOW, actor=Actor.AGENT, user=user)
        )
        assert (made.desk, made.meeting_type, made.made_by) == (desk, meeting_type, Actor.AGENT)
        assert made.entries.get().user == user
        assert made.occupation.bookable_id == desk.bookable_id
        assert stored(desk).bookable.places_booked == 1

    def test_is_not_stopped_by_a_closed_agenda(self):
        agenda, *_ = make_appointments(live=False)
        slot = availability.find(agenda, "passport:2026-11-30-0900", now=NOW, bypass_delays=True)
        assert booking.book(slot, make_details(), now=NOW).pk

    def test_respects_holds_until_they_lapse(self):
        agenda, *_ = make_appointments()
        slot = first_slot(agenda)
        hold(slot)
        with pytest.raises(SoldOut):
            booking.book(slot, make_details(), now=NOW)
        assert booking.book(slot, make_details(), now=LATER)

    def test_overlapping_appointments_are_refused_and_adjacent_ones_are_not(self):
        agenda, *_ = make_appointments()
        make_meeting_type(agenda, label="Any", duration=30, step=5)

        def book_at(clock):
            slot = availability.find(agenda, f"any:2026-11-30-{clock}", now=NOW)
            return lambda: booking.book(slot, make_details(), now=NOW)

        attempts = {clock: book_at(clock) for clock in ("0930", "0935", "1000", "1025", "1030")}
        attempts["1000"]()
        for clock in ("0935", "1025"):
            with pytest.raises(SoldOut):
                attempts[clock]()
        attempts["0930"]()
        attempts["1030"]()

    def test_buffers_of_both_types_are_kept_free(self):
        agenda, *_ = make_appointments(desks=1)
        make_meeting_type(agenda, label="Clean", duration=30, buffer_after=10, step=5)
        make_meeting_type(agenda, label="Any", duration=20, buffer_before=5, step=5)
        early = availability.find(agenda, "any:2026-11-30-1040", now=NOW)
        right = availability.find(agenda, "any:2026-11-30-1045", now=NOW)
        booking.book(
            availability.find(agenda, "clean:2026-11-30-1000", now=NOW), make_details(), now=NOW
        )
        with pytest.raises(SoldOut):
            booking.book(early, make_details(), now=NOW)
        assert booking.book(right, make_details(), now=NOW)

    def test_several_places_of_an_event(self):
        event = make_event(places=5)
        made = make_booking(slot=slot_of(event), places=3)
        assert (made.places, made.occupation.places) == (3, 3)
        assert slot_of(event).places_free == 2
        with pytest.raises(SoldOut):
            make_booking(slot=slot_of(event), places=3)
        make_booking(slot=slot_of(event), places=2)
        assert stored(event).bookable.places_booked == 5

    def test_the_desk_with_fewest_bookings_that_day_comes_first(self):
        agenda, meeting_type, desks = make_appointments(desks=3)
        morning = availability.slots(
            agenda, meeting_type, first=NOW.date(), last=NOW.date(), now=NOW
        )
        made = [booking.book(slot, make_details(), now=NOW).desk for slot in morning]
        assert made == desks + desks
        # Another day begins anew, and cancelled bookings weigh nothing.
        tomorrow = availability.find(agenda, "passport:2026-12-01-0900", now=NOW)
        assert booking.book(tomorrow, make_details(), now=NOW).desk == desks[0]
        last = Booking.objects.get(desk=desks[2], start=morning[2].start)
        booking.cancel(last, actor=Actor.AGENT, now=NOW)
        slot = availability.find(agenda, "passport:2026-11-30-0900", now=NOW)
        assert booking.book(slot, make_details(), now=NOW).desk == desks[2]

    def test_without_an_address_nobody_is_mailed(self):
        made = make_booking(user_email="")
        assert (made.deliveries.count(), made.invitations.count()) == (0, 0)

    def test_every_booking_has_a_link_and_a_number_of_its_own(self):
        agenda, *_ = make_appointments()
        made = [make_booking(agenda) for _number in range(3)]
        assert len({tokens.manage_token(one) for one in made}) == 3
        assert len({one.reference for one in made}) == 3


class TestCancel:
    def test_gives_the_places_back_and_says_why(self):
        user = get_user_model().objects.create(username="agent")
        agenda, _type, (desk,) = make_appointments()
        made = make_booking(agenda)
        cancelled = booking.cancel(
            made, actor=Actor.AGENT, user=user, now=LATER, reason="Desk closed"
        )
        assert cancelled == made
        now = stored(made)
        assert (now.admission, now.cancelled_at) == (Admission.CANCELLED, LATER)
        assert (now.cancellation_reason, now.status.slug) == ("Desk closed", "cancelled")
        assert stored(desk).bookable.places_booked == 0
        assert rows()["Occupation"] == 0
        assert first_slot(agenda).start == made.start
        entry = now.entries.last()
        assert (entry.what, entry.user) == (Trigger.CANCELLED_BY_AGENT, user)
        assert entry.data["reason"] == "Desk closed"
        assert now.deliveries.filter(method="CANCEL").count() == 1

    def test_several_places_of_an_event(self):
        event = make_event(places=5)
        make_booking(slot=slot_of(event), places=1)
        made = make_booking(slot=slot_of(event), places=3)
        booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        assert stored(event).bookable.places_booked == 1
        assert slot_of(event).places_free == 4

    def test_only_once(self):
        made = make_booking()
        stale = stored(made)
        booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        before = rows()
        for again in (made, stale):
            for actor in (Actor.VISITOR, Actor.AGENT):
                with pytest.raises(AlreadyCancelled):
                    booking.cancel(again, actor=actor, now=NOW)
        assert rows() == before

    def test_by_the_visitor_until_it_begins_by_an_agent_afterwards_too(self):
        made = make_booking()
        with pytest.raises(EventIsOver):
            booking.cancel(made, actor=Actor.VISITOR, now=made.start)
        assert not stored(made).is_cancelled
        booking.cancel(made, actor=Actor.AGENT, now=made.start)
        with pytest.raises(AlreadyCancelled):
            booking.cancel(made, actor=Actor.VISITOR, now=made.start)

    def test_what_was_confirmed_from_a_hold(self):
        agenda, *_ = make_appointments()
        held = hold_first(agenda)
        made = booking.confirm(held, make_details(), now=NOW)
        booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        # The hold stays used: the confirmed page of a stale window still answers.
        assert booking.confirm(held, make_details(), now=NOW) == made
        assert first_slot(agenda).start == made.start


class TestEvents:
    def test_change_places(self):
        event = make_event(places=5)
        make_booking(slot=slot_of(event), places=2)
        hold(slot_of(event))
        version = stored(event).bookable.version
        with pytest.raises(PlacesInUse) as refused:
            booking.change_places(event, 2, now=NOW)
        assert refused.value.taken == 3
        assert str(refused.value).startswith("3 places are")
        assert stored(event).places == event.places == 5
        booking.change_places(event, 3, now=NOW)
        assert stored(event).places == event.places == 3
        assert stored(event).bookable.version == version + 1
        booking.change_places(event, 2, now=LATER)
        with pytest.raises(PlacesInUse):
            booking.change_places(event, -1, now=LATER)

    def test_refusals_speak_the_language_in_which_they_are_shown(self):
        assert str(PlacesInUse(1)).startswith("1 place is")
        for error in BookingError.__subclasses__():
            assert error.code != BookingError.code

    def test_change_time(self):
        event = make_event()
        start, end = event.start + timedelta(days=1), event.end + timedelta(days=1)
        held = hold(slot_of(event))
        with pytest.raises(EventIsBooked):
            booking.change_event_time(event, start, end, now=NOW)
        booking.release(held, now=NOW)
        booking.change_event_time(event, start, end, now=NOW)
        assert (stored(event).start, stored(event).end) == (start, end)
        assert (event.start, event.end) == (start, end)
        made = make_booking(slot=slot_of(event))
        with pytest.raises(EventIsBooked):
            booking.change_event_time(event, start + MINUTE, end, now=NOW)
        booking.cancel(made, actor=Actor.VISITOR, now=NOW)
        booking.change_event_time(event, start + MINUTE, end, now=NOW)

    def test_a_lapsed_hold_does_not_book_an_event_that_moved(self):
        event = make_event()
        held = hold(slot_of(event))
        booking.change_event_time(
            event, event.start + timedelta(days=1), event.end + timedelta(days=1), now=LATER
        )
        with pytest.raises(NotOffered):
            booking.confirm(held, make_details(), now=LATER)


class TestAllOrNothing:
    """Whatever fails last undoes everything before it."""

    def attempts(self):
        agenda, *_ = make_appointments()
        held, made = hold_first(agenda), make_booking(agenda)
        slot = first_slot(agenda)
        return {
            "confirm": lambda: booking.confirm(held, make_details(), now=NOW),
            "book": lambda: booking.book(slot, make_details(), now=NOW),
            "cancel": lambda: booking.cancel(made, actor=Actor.AGENT, now=NOW),
        }

    @pytest.mark.parametrize("what", ["confirm", "book", "cancel"])
    @pytest.mark.parametrize("where", ["enqueue_mail", "_announce"])
    def test_a_later_statement_fails(self, monkeypatch, what, where):
        attempts = self.attempts()
        versions = list(Bookable.objects.order_by("pk").values())
        before = rows()
        bookings = list(Booking.objects.values())

        def fail(*_arguments, **_options):
            raise LookupError("the disk is full")

        monkeypatch.setattr(outbox if where == "enqueue_mail" else workflow, where, fail)
        with pytest.raises(LookupError):
            attempts[what]()
        assert rows() == before
        assert list(Bookable.objects.order_by("pk").values()) == versions
        assert list(Booking.objects.values()) == bookings

    def test_inside_the_hosts_transaction(self):
        agenda, *_ = make_appointments()
        before = rows()
        with transaction.atomic():
            made = booking.confirm(hold_first(agenda), make_details(), now=NOW)
            booking.cancel(made, actor=Actor.VISITOR, now=NOW)
            with pytest.raises(AlreadyCancelled):
                booking.cancel(made, actor=Actor.VISITOR, now=NOW)
            # A refusal leaves the host's transaction usable; then the host changes its mind.
            make_booking(agenda)
            transaction.set_rollback(True)
        assert rows() == before


def contention():
    """What the database of this test says when it wants to be asked again."""
    if connection.vendor == "mysql":
        return OperationalError(1213, "Deadlock found when trying to get lock")
    error = OperationalError("database is locked")
    if connection.vendor == "postgresql":
        cause = Exception("deadlock detected")
        cause.sqlstate = "40P01"
        error.__cause__ = cause
    return error


class Failing:
    """Stands before a function and raises so many times before it lets anybody through."""

    def __init__(self, function, error, times):
        self.function, self.error, self.times, self.calls = function, error, times, 0

    def __call__(self, *arguments, **options):
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return self.function(*arguments, **options)


class TestContentionInAHostsTransaction:
    def test_is_for_the_host_to_retry(self, monkeypatch):
        slot = first_slot(make_appointments()[0])
        failing = Failing(booking._lock, contention(), 99)
        monkeypatch.setattr(booking, "_lock", failing)
        with pytest.raises(Overloaded) as refused:
            hold(slot)
        assert failing.calls == 1
        assert refused.value.retry_after == 5

    def test_being_outpaced_is_not(self, monkeypatch):
        slot = first_slot(make_appointments()[0])
        failing = Failing(booking._lock, Outpaced(), 2)
        monkeypatch.setattr(booking, "_lock", failing)
        assert hold(slot)
        monkeypatch.setattr(booking, "_lock", Failing(booking._lock, Outpaced(), 99))
        with pytest.raises(Overloaded):
            hold(slot)


@pytest.mark.django_db(transaction=True)
class TestContention:
    @pytest.fixture(autouse=True)
    def waits(self, monkeypatch):
        """Waits that take no time, and how long they would have been."""
        waited = []
        monkeypatch.setattr("wagtail_agenda.contention.time.sleep", waited.append)
        return waited

    @pytest.mark.parametrize("times", [1, ATTEMPTS - 1])
    def test_is_retried(self, monkeypatch, waits, times):
        agenda, *_ = make_appointments()
        held = hold_first(agenda)
        monkeypatch.setattr(booking, "_lock", Failing(booking._lock, contention(), times))
        made = booking.confirm(held, make_details(), now=NOW)
        assert Booking.objects.get() == made
        assert len(waits) == times
        assert all(0 < wait < 1 for wait in waits)

    @pytest.mark.parametrize("what", ["hold", "confirm", "book", "cancel", "change_places"])
    def test_ends_in_a_polite_refusal_that_changed_nothing(self, monkeypatch, what):
        event = make_event()
        slot = slot_of(event)
        held, made = hold(slot), make_booking(slot=slot)
        attempts = {
            "hold": lambda: hold(slot, "b"),
            "confirm": lambda: booking.confirm(held, make_details(), now=NOW),
            "book": lambda: booking.book(slot, make_details(), now=NOW),
            "cancel": lambda: booking.cancel(made, actor=Actor.AGENT, now=NOW),
            "change_places": lambda: booking.change_places(event, 50, now=NOW),
        }
        before = rows()
        failing = Failing(booking._lock, contention(), 99)
        monkeypatch.setattr(booking, "_lock", failing)
        with pytest.raises(Overloaded):
            attempts[what]()
        assert failing.calls == ATTEMPTS
        assert rows() == before
        assert event.places == stored(event).places == 10

    def test_after_half_the_work_leaves_one_booking(self, monkeypatch):
        agenda, *_ = make_appointments()
        slot = first_slot(agenda)
        monkeypatch.setattr(workflow, "advance", Failing(workflow.advance, contention(), 2))
        booking.book(slot, make_details(), now=NOW)
        counted = rows()
        assert [counted[name] for name in ("Booking", "Occupation", "Entry", "places_booked")] == [
            1,
            1,
            1,
            1,
        ]

    def test_any_other_trouble_with_the_database_is_told_at_once(self, monkeypatch):
        slot = first_slot(make_appointments()[0])
        failing = Failing(booking._lock, OperationalError(2006, "server has gone away"), 99)
        monkeypatch.setattr(booking, "_lock", failing)
        with pytest.raises(OperationalError):
            hold(slot)
        assert failing.calls == 1

    def test_the_same_row_made_by_two_is_retried_and_then_told(self, monkeypatch):
        slot = first_slot(make_appointments()[0])
        monkeypatch.setattr(booking, "_lock", Failing(booking._lock, IntegrityError(), 1))
        assert hold(slot)
        monkeypatch.setattr(booking, "_lock", Failing(booking._lock, IntegrityError(), 99))
        with pytest.raises(IntegrityError):
            hold(slot)

    def test_a_hold_that_moves_while_its_lock_is_waited_for(self, monkeypatch):
        agenda = make_agenda(kind=AgendaKind.EVENTS)
        here, there, elsewhere = (make_event(agenda) for _number in range(3))
        slots = [slot_of(event) for event in (here, there, elsewhere)]
        hold(slots[0])
        really_known = booking._known_hold

        def known_too_early(which):
            monkeypatch.setattr(booking, "_known_hold", really_known)
            known = really_known(which)
            hold(slots[2])
            return known

        for attempt in (
            lambda: hold(slots[1]),
            lambda: booking.release(Hold.objects.get(), now=NOW),
        ):
            monkeypatch.setattr(booking, "_known_hold", known_too_early)
            attempt()
        assert rows()["Occupation"] == 0
        # Nobody's lock was left out: everything that changed has another version.
        assert [stored(event).bookable.version for event in (here, there, elsewhere)] == [2, 2, 4]

    def test_the_first_statement_of_a_transaction_writes(self):
        event = make_event(make_agenda(kind=AgendaKind.EVENTS))
        other = make_event(event.agenda)
        slots = slot_of(event), slot_of(other)
        made = make_booking(slot=slots[0])

        def first_statements(work):
            with CaptureQueriesContext(connection) as captured:
                work()
            # On MariaDB a statement says itself how long it waits for a lock.
            statements = [
                re.sub(r"^SET STATEMENT \S+ = \d+ FOR ", "", query["sql"].upper())
                for query in captured
            ]
            begins = [number for number, sql in enumerate(statements) if sql.startswith("BEGIN")]
            assert begins
            return [
                next(sql for sql in statements[begin + 1 :] if "LOCK_TIMEOUT" not in sql)
                for begin in begins
            ]

        held = hold(slots[0])
        for work in (
            lambda: hold(slots[1]),
            lambda: booking.release(stored(held), now=NOW),
            lambda: booking.confirm(stored(held), make_details(), now=NOW),
            lambda: booking.book(slots[0], make_details(), now=NOW),
            lambda: attendance.check_in(stored(made), Attendance.PRESENT, now=NOW),
            lambda: booking.cancel(stored(made), actor=Actor.AGENT, now=NOW),
            lambda: booking.change_places(event, 20, now=NOW),
        ):
            assert all(sql.startswith("UPDATE") for sql in first_statements(work))


class BookingsAtRandom(RuleBasedStateMachine):
    """Anything anybody may do, in any order: never an overlap, never oversold, never a drift."""

    @initialize()
    def open_the_agendas(self):
        self.now = NOW
        self.appointments = make_agenda(schedule=make_schedule(weekly(time(9), time(11))))
        for _number in range(2):
            make_desk(self.appointments)
        make_meeting_type(self.appointments, label="Any", duration=20, step=10, buffer_before=5)
        make_meeting_type(self.appointments, label="Long", duration=40, buffer_after=10, step=15)
        self.events = make_agenda(kind=AgendaKind.EVENTS)
        for _number in range(2):
            make_event(self.events, places=3)
        self.pages = []
        self.seen = {}

    codes = st.sampled_from("abcd")
    kinds = st.sampled_from(["appointments", "events"])

    def slot(self, kind, code, choice):
        """A slot from a list that may be an older one: what visitors see is always from before."""
        if choice % 3 == 0 and kind in self.seen:
            return self.seen[kind]
        self.seen[kind] = self.listed(kind, code, choice)
        return self.seen[kind]

    def listed(self, kind, code, choice):
        agenda = getattr(self, kind)
        first = self.now.date()
        listed = availability.slots(
            agenda,
            first=first,
            last=first + timedelta(days=2),
            now=self.now,
            lock_code=code,
            with_full=True,
        )
        return listed[choice % len(listed)]

    @rule(kind=kinds, code=codes, choice=st.integers(0, 8))
    def choose(self, kind, code, choice):
        try:
            self.pages.append(hold(self.slot(kind, code, choice), code, self.now))
        except (SoldOut, HoldUsed, EventIsOver):
            pass

    @precondition(lambda self: self.pages)
    @rule(choice=st.integers(0, 30), places=st.integers(1, 2))
    def confirm(self, choice, places):
        page = self.pages[choice % len(self.pages)]
        try:
            made = booking.confirm(page, make_details(places=places), now=self.now)
        except (SoldOut, NotOffered, EventIsOver):
            return
        assert booking.confirm(page, make_details(), now=self.now) == made

    @precondition(lambda self: self.pages)
    @rule(choice=st.integers(0, 30))
    def release(self, choice):
        booking.release(self.pages[choice % len(self.pages)], now=self.now)

    @rule(kind=kinds, choice=st.integers(0, 8), places=st.integers(1, 2))
    def book(self, kind, choice, places):
        if kind == "appointments":
            places = 1
        try:
            make_booking(slot=self.slot(kind, "", choice), now=self.now, places=places)
        except SoldOut:
            pass

    @precondition(lambda self: Booking.objects.exists())
    @rule(choice=st.integers(0, 30), actor=st.sampled_from([Actor.VISITOR, Actor.AGENT]))
    def cancel(self, choice, actor):
        try:
            booking.cancel(self.any_booking(choice), actor=actor, now=self.now)
        except (AlreadyCancelled, EventIsOver):
            pass

    @precondition(lambda self: Booking.objects.exists())
    @rule(choice=st.integers(0, 30), came=st.sampled_from(Attendance))
    def check_in(self, choice, came):
        try:
            attendance.check_in(self.any_booking(choice), came, now=self.now)
        except BookingCancelled:
            pass

    @rule(choice=st.integers(0, 1), places=st.integers(0, 5))
    def change_places(self, choice, places):
        try:
            booking.change_places(self.events.events.all()[choice], places, now=self.now)
        except PlacesInUse:
            pass

    @rule(minutes=st.integers(1, 12))
    def let_time_pass(self, minutes):
        self.now += minutes * MINUTE

    def any_booking(self, choice):
        made = Booking.objects.order_by("pk")
        return made[choice % len(made)]

    @invariant()
    def nothing_overlaps(self):
        if not hasattr(self, "now"):
            return
        live = Occupation.objects.filter(availability.live_at(self.now))
        for desk in self.appointments.desks.all():
            spans = sorted(
                live.filter(bookable=desk.bookable_id).values_list("busy_from", "busy_to")
            )
            for (_begin, end), (begin, _end) in zip(spans, spans[1:], strict=False):
                assert end <= begin

    @invariant()
    def nothing_is_oversold_or_miscounted(self):
        if not hasattr(self, "now"):
            return
        live = Occupation.objects.filter(availability.live_at(self.now))
        for bookable in Bookable.objects.all():
            booked = Occupation.objects.filter(bookable=bookable, booking__isnull=False)
            total = booked.aggregate(sum=Sum("places"))["sum"] or 0
            assert bookable.places_booked == total
            if hasattr(bookable, "event"):
                taken = live.filter(bookable=bookable).aggregate(sum=Sum("places"))["sum"] or 0
                assert taken <= bookable.places

    @invariant()
    def every_booking_has_what_it_says(self):
        for made in Booking.objects.select_related("occupation", "status"):
            assert made.is_cancelled == (not hasattr(made, "occupation"))
            if made.attendance and not made.is_cancelled:
                came = Attendance.PRESENT if made.attendance == "late" else made.attendance
                assert made.status.slug == came


class TestBookingsAtRandom(TestCase, BookingsAtRandom.TestCase):
    settings = settings(
        max_examples=12,
        stateful_step_count=25,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
