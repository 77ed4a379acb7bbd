"""Bookings made from a hold, at once, or several together."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from wagtail.models import Site

from tests.booking.common import LATER, hold, hold_first, refused, rows, slot_of, stored
from tests.factories import (
    NOW,
    first_slot,
    make_agenda,
    make_appointments,
    make_booking,
    make_details,
    make_event,
    make_meeting_type,
)
from wagtail_agenda import availability, booking, tokens
from wagtail_agenda.choices import (
    Actor,
    Admission,
    AgendaKind,
    Trigger,
)
from wagtail_agenda.errors import (
    AgendaClosed,
    EventCancelled,
    EventIsOver,
    NotOffered,
    SoldOut,
    TooManyPlaces,
)
from wagtail_agenda.models import (
    Agenda,
    Booking,
    FormVersion,
    Hold,
    Occupation,
    Workflow,
    WorkflowStatus,
)

pytestmark = pytest.mark.django_db


class TestConfirm:
    def test_hands_over_what_was_held(self):
        agenda, meeting_type, (desk,) = make_appointments()
        version = FormVersion.objects.create(digest="d", agenda=agenda, definition={})
        held = hold_first(agenda)
        occupation = held.occupations.get()
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
        assert made.occupations.get().pk == occupation.pk
        assert made.occupations.get().lapses_at is None
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
        assert made.occupations.get().lapses_at is None
        assert rows()["Occupation"] == rows()["places_booked"] == 1

    def test_a_released_hold_books_what_is_still_free(self):
        held = hold_first(make_appointments()[0])
        booking.release(held, now=NOW)
        made = booking.confirm(held, make_details(), now=NOW)
        assert made.occupations.get().bookable_id == made.desk.bookable_id

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
        assert (made.places, made.occupations.get().places) == (2, 2)
        assert stored(event).bookable.places_booked == 2

    @pytest.mark.parametrize("places", [0, -1])
    def test_a_booking_takes_a_place_at_least(self, places):
        with pytest.raises(ValueError, match="between one and"):
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
        assert made.occupations.get().bookable_id == desk.bookable_id
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
        assert (made.places, made.occupations.get().places) == (3, 3)
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


class TestTogether:
    @pytest.fixture
    def agenda(self):
        return make_agenda(kind=AgendaKind.EVENTS, several_events=True, places_per_booking=2)

    @pytest.fixture
    def events(self, agenda):
        return [make_event(agenda, places=1) for _number in range(3)]

    def together(self, agenda, events, **options):
        return booking.book_together(
            agenda,
            [availability.Slot.of(agenda, row.start, row.end, event=row) for row in events],
            make_details(),
            now=NOW,
            **options,
        )

    def test_books_all_of_them(self, agenda, events):
        done = self.together(agenda, events)
        assert [made.event for made in done.booked] == events
        assert (done.waiting, done.kept, done.cancelled) == ([], [], [])
        assert len({made.booked_together for made in done.booked}) == 1
        assert all(made.entries.count() == made.deliveries.count() == 1 for made in done.booked)

    def test_or_none_of_them(self, agenda, events):
        make_booking(slot=slot_of(events[1]))
        slots = [availability.Slot.of(agenda, row.start, row.end, event=row) for row in events]
        with refused(SoldOut) as caught:
            booking.book_together(agenda, slots, make_details(), now=NOW)
        assert caught.value.event == events[1].label
        assert events[1].label in str(caught.value)

    def test_some_of_them_on_the_waiting_list(self, agenda, events):
        make_booking(slot=slot_of(events[1]))
        booking.change_places(events[1], 1, now=NOW, waiting_places=1)
        done = self.together(agenda, events)
        assert [made.admission for made in done.booked] == ["confirmed", "waiting", "confirmed"]
        assert done.waiting == [done.booked[1]]
        assert done.booked[1].status.slug == "waiting"

    def test_replacing_makes_the_persons_set_exactly_this_one(self, agenda, events):
        first = self.together(agenda, events[:2]).booked
        other = make_booking(slot=slot_of(events[2]), user_email="bob@fairbridge.example")
        booking.cancel(other, actor=Actor.VISITOR, now=NOW)
        done = self.together(agenda, events[1:], replacing=True)
        assert [made.event for made in done.booked] == events[2:]
        assert (done.kept, done.cancelled) == ([first[1]], [first[0]])
        nothing = self.together(agenda, [], replacing=True)
        assert len(nothing.cancelled) == 2
        assert rows()["Occupation"] == 0

    def test_replacing_in_vain_cancels_nothing(self, agenda, events):
        self.together(agenda, events[:1])
        make_booking(slot=slot_of(events[1]), user_email="bob@fairbridge.example")
        slot = availability.Slot.of(agenda, events[1].start, events[1].end, event=events[1])
        with refused(SoldOut, "sold out"):
            booking.book_together(agenda, [slot], make_details(), now=NOW, replacing=True)

    def test_replacing_leaves_the_past_alone(self, agenda, events):
        made = self.together(agenda, events[:1]).booked[0]
        later = make_event(agenda, start=made.end)
        slot = slot_of(later, now=made.start)
        done = booking.book_together(agenda, [slot], make_details(), now=made.start, replacing=True)
        assert (len(done.booked), done.cancelled) == (1, [])

    def test_replacing_books_anew_what_had_lapsed(self, agenda, events):
        Agenda.objects.filter(pk=agenda.pk).update(needs_approval=True, approval_hours=1)
        agenda.refresh_from_db()
        lapsed = make_booking(slot=slot_of(events[0]))
        assert lapsed.admission == Admission.PENDING
        slot = slot_of(events[0], now=NOW + timedelta(hours=1))
        done = booking.book_together(
            agenda, [slot], make_details(), now=NOW + timedelta(hours=1), replacing=True
        )
        assert (done.cancelled, len(done.booked)) == ([lapsed], 1)

    def test_replacing_sees_a_booking_that_moves_meanwhile(self, agenda, events, monkeypatch):
        """It has the same bookings, though of other events than when they were read."""
        made = self.together(agenda, events[:1]).booked[0]
        really_planned = booking.making.planned

        def planned_too_early(*arguments):
            monkeypatch.setattr(booking.making, "planned", really_planned)
            booking.move(made, slot_of(events[1]), actor=Actor.AGENT, now=NOW)
            return really_planned(*arguments)

        slot = slot_of(make_event(agenda, places=1)), slot_of(make_event(agenda, places=1))
        wanted = availability.Slot.of(agenda, events[0].start, events[0].end, event=events[0])
        monkeypatch.setattr(booking.making, "planned", planned_too_early)
        done = booking.book_together(
            agenda, [wanted, slot[0]], make_details(), now=NOW, replacing=True
        )
        assert {row.event for row in done.booked} == {events[0], slot[0].event}
        assert done.cancelled == [made]

    def test_needs_events_of_the_agenda_and_somebody(self, agenda, events):
        other = slot_of(make_event(places=1))
        with pytest.raises(ValueError, match="Only events of the agenda"):
            booking.book_together(agenda, [other], make_details(), now=NOW)
        with pytest.raises(ValueError, match="nobody whose bookings"):
            booking.book_together(agenda, [], make_details(user_email=""), now=NOW, replacing=True)

    def test_with_one_hold(self, agenda, events):
        slots = [slot_of(event) for event in events]
        held = booking.hold_together(slots, lock_code="a", now=NOW)
        assert held.event_ids == [event.pk for event in events]
        assert rows()["Occupation"] == 3
        with refused(SoldOut):
            make_booking(slot=slots[2])
        made = booking.confirm_all(held, make_details(), now=NOW)
        assert [one.event for one in made] == events
        assert booking.confirm_all(stored(held), make_details(), now=NOW) == made
        assert booking.confirm(held, make_details(), now=NOW) == made[0]
        assert Occupation.objects.filter(hold__isnull=False).count() == 0

    def test_a_hold_of_several_moves_as_a_whole(self, agenda, events):
        slots = [slot_of(event) for event in events]
        booking.hold_together(slots[:2], lock_code="a", now=NOW)
        held = booking.hold_together(slots[1:], lock_code="a", now=NOW)
        assert set(held.occupations.values_list("bookable", flat=True)) == {
            event.bookable_id for event in events[1:]
        }
        make_booking(slot=slots[0])
        with refused(SoldOut):
            booking.hold_together(slots, lock_code="a", now=NOW)
        booking.release(stored(held), now=NOW)
        assert Occupation.objects.filter(hold__isnull=False).count() == 0

    def test_a_lapsed_hold_books_all_or_nothing(self, agenda, events):
        slots = [slot_of(event) for event in events[:2]]
        held = booking.hold_together(slots, lock_code="a", now=NOW)
        make_booking(slot=slots[1], now=LATER)
        with refused(SoldOut):
            booking.confirm_all(held, make_details(), now=LATER)

    def test_an_event_of_a_hold_that_has_moved_is_not_booked_at_another_time(self, agenda, events):
        held = booking.hold_together([slot_of(event) for event in events], lock_code="a", now=NOW)
        last, day = events[2], timedelta(days=1)
        booking.change_event_time(
            last, last.start + day, last.end + day, now=NOW, with_bookings=True
        )
        with refused(NotOffered):
            booking.confirm_all(held, make_details(), now=NOW)
        booking.cancel_event(events[1], now=NOW)
        with refused(EventCancelled):
            booking.confirm_all(held, make_details(), now=NOW)

    def test_several_where_the_agenda_gives_one_are_not_offered(self):
        agenda = make_agenda(kind=AgendaKind.EVENTS)
        slots = [slot_of(make_event(agenda)) for _number in range(2)]
        with refused(NotOffered):
            booking.hold_together(slots, lock_code="a", now=NOW)

    def test_more_places_than_a_booking_may_have(self, agenda, events):
        with refused(TooManyPlaces, "too many places") as caught:
            hold(slot_of(events[0]), places=3)
        assert caught.value.most == 2
        with refused(TooManyPlaces):
            hold(slot_of(events[0]), places=0)
