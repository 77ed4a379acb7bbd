"""Holds and baskets: what they keep, how long, and what they refuse."""

from datetime import datetime, timedelta

import pytest

from tests.booking.common import LATER, MINUTE, hold, hold_first, rows, slot_of, stored
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
)
from wagtail_agenda import availability, booking
from wagtail_agenda.choices import (
    AgendaKind,
)
from wagtail_agenda.errors import (
    AgendaClosed,
    HoldUsed,
    NotOffered,
    SoldOut,
    TooManyHolds,
)
from wagtail_agenda.models import (
    Agenda,
    FormVersion,
    Hold,
    Occupation,
)
from wagtail_agenda.timegrid import epoch_minutes

pytestmark = pytest.mark.django_db


class TestHold:
    def test_keeps_its_time_for_ten_minutes(self):
        agenda, meeting_type, (desk,) = make_appointments()
        held = stored(hold_first(agenda))
        assert (held.desk, held.meeting_type, held.event) == (desk, meeting_type, None)
        assert held.lapses_at == NOW + 10 * MINUTE
        assert booking.is_held(held, held.lapses_at - timedelta(seconds=1))
        assert not booking.is_held(held, held.lapses_at)
        occupation = held.occupations.get()
        assert occupation.busy_from == epoch_minutes(held.start)
        assert occupation.busy_to == epoch_minutes(held.end)
        assert occupation.lapses_at == held.lapses_at
        assert occupation.bookable_id == desk.bookable_id == held.desk.bookable_id
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
        assert held.occupations.get().busy_from == epoch_minutes(held.start) - 10
        assert held.occupations.get().busy_to == epoch_minutes(held.end) + 5

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
        only_second = availability.Slot.of(
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
        assert stored(mine).occupations.get().busy_from == epoch_minutes(first.start)

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
