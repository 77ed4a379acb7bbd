"""Anything that anybody may do with bookings, at random, and what must hold after every step.

Some of these are open: four agendas of events (places given by hand, at once or by offer, with and
without approval and caps), two of appointments that share a room, and a virtual one over them. They
are small, so that people meet. Where there are desks, colleagues call meetings that take them.
Lists that visitors look at may be old ones; the clock runs, and `settle` comes when it comes.
"""

from dataclasses import replace
from datetime import time, timedelta
from functools import partial

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.booking import books
from tests.booking.books import Books
from tests.factories import (
    NOW,
    make_agenda,
    make_desk,
    make_details,
    make_event,
    make_meeting,
    make_meeting_type,
    make_schedule,
    weekly,
)
from wagtail_agenda import attendance, availability, booking, meetings
from wagtail_agenda.booking import Waiting
from wagtail_agenda.choices import (
    Actor,
    Admission,
    AgendaKind,
    Attendance,
    WaitingListPromotion,
)
from wagtail_agenda.errors import (
    BookingError,
    CapReached,
    MeetingCancelled,
    Overloaded,
    RoomTaken,
)
from wagtail_agenda.models import (
    AgendaMember,
    Bookable,
    Booking,
    CalledMeeting,
    Desk,
    Event,
    Resource,
)

CODES = st.sampled_from("abcd")
PERSONS = st.sampled_from(["ada", "bob", "cyd", ""])
ACTORS = st.sampled_from([Actor.VISITOR, Actor.AGENT])
ANY = st.integers(0, 60)
MOST_COMING = 3

EVENT_AGENDAS = {
    "by_hand": {"waiting_list_promotion": WaitingListPromotion.BY_HAND},
    "approved": {
        "waiting_list_promotion": WaitingListPromotion.AUTOMATIC,
        "needs_approval": True,
        "approval_hours": 2,
    },
    "offered": {
        "waiting_list_promotion": WaitingListPromotion.OFFER,
        "offer_hours": 1,
        "bookings_per_person": MOST_COMING,
    },
    "automatic": {"waiting_list_promotion": WaitingListPromotion.AUTOMATIC},
}
APPOINTMENT_AGENDAS = ("counters", "consulting", "anywhere")
TOWNS = st.sampled_from(
    [*((name,) for name in EVENT_AGENDAS), ("offered", "approved"), APPOINTMENT_AGENDAS]
)


class BookingsAtRandom(RuleBasedStateMachine):
    only = None
    """The agendas that are open, if that is not left to chance."""

    def __init__(self):
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.now = NOW
        self.books = None
        self.chosen = self.given_up = ()

    def teardown(self):
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    @initialize(town=TOWNS, early=st.sampled_from([0, 3, 5, 5]))
    def open_the_town(self, town, early):
        town = self.only or town
        self.agendas = {}
        for name in (name for name in town if name in EVENT_AGENDAS):
            agenda = make_agenda(
                kind=AgendaKind.EVENTS,
                schedule=None,
                several_events=True,
                places_per_booking=3,
                **EVENT_AGENDAS[name],
            )
            for days in (1, 2):
                event = make_event(agenda, places=2, start=NOW + timedelta(days=days))
                Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=3)
            self.agendas[name] = agenda
        if set(town) & set(APPOINTMENT_AGENDAS):
            self.open_the_counters()
        self.fills = {agenda.pk for name, agenda in self.agendas.items() if name not in {"by_hand"}}
        self.pages, self.seen = [], {}
        self.books = Books.read()
        for _number in range(early):
            slot = self.slot(town[0], "", 1)
            self.attempt(partial(booking.book, slot, self.details("", 1), now=self.now))
            self.books = Books.read()

    def open_the_counters(self):
        room = Resource.objects.create(label="Room")
        hours = make_schedule(weekly(time(9), time(11)))
        counters = make_agenda(schedule=hours)
        for _number in range(2):
            make_desk(counters)
        make_meeting_type(counters, label="Any", duration=20, step=10, buffer_before=5)
        roomy = make_meeting_type(counters, label="Long", duration=40, buffer_after=10, step=15)
        consulting = make_agenda(schedule=hours, needs_approval=True, approval_hours=1)
        make_desk(consulting)
        alike = make_meeting_type(consulting, label="Long", duration=40, step=15)
        for needing in (roomy, alike):
            needing.resources.add(room)
        anywhere = make_agenda(kind=AgendaKind.VIRTUAL, schedule=None)
        for number, member in enumerate([counters, consulting]):
            AgendaMember.objects.create(virtual_agenda=anywhere, agenda=member, sort_order=number)
        self.agendas |= {"counters": counters, "consulting": consulting, "anywhere": anywhere}

    # What visitors and agents do

    @rule(which=ANY, code=CODES, choice=ANY, places=st.integers(1, 3))
    def hold(self, which, code, choice, places):
        name = self.any_agenda(which)
        places = places if name in EVENT_AGENDAS else 1
        slot = self.slot(name, code, choice)
        if slot is not None:
            page = self.attempt(
                lambda: booking.hold(slot, lock_code=code, now=self.now, places=places)
            )
            self.pages += [page] if page else []

    @rule(which=ANY, code=CODES, places=st.integers(1, 2))
    def hold_several(self, which, code, places):
        name = self.any_agenda(which)
        slots = self.listed(name, code)
        if slots and name in EVENT_AGENDAS:
            page = self.attempt(
                lambda: booking.hold_together(slots, lock_code=code, now=self.now, places=places)
            )
            self.pages += [page] if page else []

    @precondition(lambda self: self.pages)
    @rule(choice=ANY, places=st.sampled_from([None, None, 1, 2]), person=PERSONS)
    def confirm(self, choice, places, person):
        page = self.pages[choice % len(self.pages)]
        if page.desk_id is not None:
            places = None
        made = self.attempt(
            lambda: booking.confirm_all(page, self.details(person, places), now=self.now)
        )
        if made:
            assert booking.confirm_all(page, make_details(), now=self.now) == made

    @precondition(lambda self: self.pages)
    @rule(choice=ANY)
    def release(self, choice):
        booking.release(self.pages[choice % len(self.pages)], now=self.now)

    @rule(
        which=ANY,
        choice=ANY,
        places=st.integers(1, 3),
        person=PERSONS,
        actor=ACTORS,
        waiting=st.sampled_from([Waiting.ACCEPTED, Waiting.ACCEPTED, *Waiting]),
    )
    def book(self, which, choice, places, person, actor, waiting):
        name = self.any_agenda(which)
        places = places if name in EVENT_AGENDAS else 1
        slot = self.slot(name, "", choice)
        if slot is None:
            return
        details = self.details(person, places)
        made = self.attempt(
            lambda: booking.book(slot, details, now=self.now, actor=actor, waiting=waiting)
        )
        if not self.fresh or isinstance(self.refusal, CapReached):
            return
        # What the list says is what happens.
        waits = slot.queued or slot.places_free < places
        if slot.event is None:
            assert (made is not None) == (slot.places_free > 0), self.refusal
        elif waiting == Waiting.ACCEPTED:
            assert (made is not None) == slot.has_room_for(places), self.refusal
            assert made is None or (made.admission == Admission.WAITING) == waits
        elif waiting == Waiting.REFUSED:
            assert (made is not None) == (not waits), self.refusal
        else:
            assert (made is not None) == (slot.waiting_free >= places), self.refusal

    @rule(
        which=ANY,
        events=st.integers(0, 3),
        person=PERSONS,
        replacing=st.booleans(),
        actor=ACTORS,
    )
    def book_together(self, which, events, person, replacing, actor):
        name = self.any_agenda(which)
        if name not in EVENT_AGENDAS:
            return
        listed = self.listed(name, "")
        slots = [slot for number, slot in enumerate(listed) if events >> number & 1]
        if not (slots or replacing) or (replacing and not person):
            return
        details = self.details(person, 1)
        together = self.attempt(
            lambda: booking.book_together(
                self.agendas[name],
                slots,
                details,
                now=self.now,
                actor=actor,
                replacing=replacing,
            )
        )
        if together and replacing:
            email = details.user_email
            has = [
                row["event_id"]
                for row in Books.read().bookings.values()
                if row["agenda_id"] == self.agendas[name].pk
                and row["user_email"] == email
                and row["admission"] != "cancelled"
                and row["start"] > self.now
            ]
            assert set(has) == {slot.event.pk for slot in slots}

    @precondition(lambda self: self.books.bookings)
    @rule(
        which=ANY, choice=ANY, to=ANY, places=st.integers(1, 3), person=PERSONS, once=st.booleans()
    )
    def book_in_place_of_another(self, which, choice, to, places, person, once):
        """As another system moves a booking: both happen, or neither."""
        given_up, name = self.any_booking(choice), self.any_agenda(which)
        places = places if name in EVENT_AGENDAS else 1
        slot = self.slot(name, "", to)
        if slot is None:
            return
        details = replace(self.details(person, places), only_once=once)
        made = self.attempt(
            lambda: booking.book(
                slot, details, now=self.now, actor=Actor.CLIENT, cancelling=given_up
            )
        )
        if made is None:
            return
        self.given_up = (given_up.pk,)
        after = Books.read().bookings
        assert after[given_up.pk]["admission"] == "cancelled"
        theirs = [
            row
            for row in after.values()
            if row["person_digest"]
            and row["person_digest"] == made.person_digest
            and row["agenda_id"] == made.agenda_id
            and row["event_id"] == made.event_id
            and row["admission"] != "cancelled"
            and row["start"] < made.end
            and row["end"] > made.start
        ]
        assert not once or not person or len(theirs) == 1
        assert made.admission == after[made.pk]["admission"]
        if given_up.event_id is not None and made.admission != Admission.WAITING:
            # Last in the queue, it may have got what those before it have no room in.
            assert not [
                row["id"]
                for row in after.values()
                if row["event_id"] == made.event_id == given_up.event_id
                and row["admission"] == "waiting"
                and not row["suspended"]
                and row["places"] <= made.places
            ]
            self.chosen = (made.pk,)

    @precondition(lambda self: self.books.bookings)
    @rule(choice=ANY, actor=ACTORS)
    def cancel(self, choice, actor):
        made = self.any_booking(choice)
        self.attempt(lambda: booking.cancel(made, actor=actor, now=self.now))

    @precondition(lambda self: self.books.bookings)
    @rule(choice=ANY, to=ANY, actor=ACTORS, elsewhere=st.booleans())
    def move(self, choice, to, actor, elsewhere):
        made = self.any_booking(choice)
        home = made.virtual_agenda_id or made.agenda_id
        name = next(name for name, agenda in self.agendas.items() if agenda.pk == home)
        if elsewhere and made.event_id is None:
            name = APPOINTMENT_AGENDAS[to % 3]
        slot = self.slot(name, "", to)
        if slot is not None:
            self.attempt(lambda: booking.move(made, slot, actor=actor, now=self.now))

    @precondition(lambda self: self.books.bookings)
    @rule(choice=ANY, places=st.integers(1, 4), actor=ACTORS)
    def resize(self, choice, places, actor):
        made = self.any_booking(choice)
        self.attempt(lambda: booking.resize(made, places, actor=actor, now=self.now))

    @precondition(lambda self: self.books.bookings)
    @rule(choice=ANY, come=st.sampled_from(Attendance))
    def check_in(self, choice, come):
        made = self.any_booking(choice)
        self.attempt(lambda: attendance.check_in(made, come, now=self.now))

    # The waiting list and approval

    @precondition(lambda self: self.having(Admission.WAITING, Admission.OFFERED))
    @rule(choice=ANY, act=st.sampled_from([booking.promote, booking.offer]))
    def give_by_hand(self, choice, act):
        made = self.any_booking(choice, Admission.WAITING, Admission.OFFERED)
        self.chosen = (made.pk,)
        self.attempt(lambda: act(made, now=self.now))

    @precondition(lambda self: self.having(Admission.OFFERED))
    @rule(choice=ANY, act=st.sampled_from([booking.accept_offer, booking.decline_offer]))
    def answer_an_offer(self, choice, act):
        made = self.any_booking(choice, Admission.OFFERED)
        self.attempt(lambda: act(made, now=self.now))

    @precondition(lambda self: self.having(Admission.PENDING))
    @rule(choice=ANY, act=st.sampled_from([booking.approve, booking.approve, booking.refuse]))
    def decide(self, choice, act):
        made = self.any_booking(choice, Admission.PENDING)
        self.attempt(lambda: act(made, now=self.now))

    @precondition(lambda self: self.books.bookings)
    @rule(
        choice=ANY,
        act=st.sampled_from(
            [
                booking.suspend,
                booking.promote,
                booking.offer,
                booking.accept_offer,
                booking.decline_offer,
                booking.approve,
                booking.refuse,
            ]
        ),
    )
    def do_what_may_not_be_possible(self, choice, act):
        made = self.any_booking(choice)
        self.chosen = (made.pk,) if act in (booking.promote, booking.offer) else ()
        self.attempt(lambda: act(made, now=self.now))

    # What an editor does to an event

    @precondition(lambda self: self.books.events)
    @rule(
        choice=ANY,
        what=st.sampled_from(["places", "places", "places", "time", "cancel"]),
        number=st.integers(0, 6),
        waiting=st.sampled_from([None, None, 0, 3, 6]),
        sure=st.booleans(),
    )
    def edit_an_event(self, choice, what, number, waiting, sure):
        event = self.any_event(choice)
        if what == "places":
            self.attempt(
                lambda: booking.change_places(event, number, now=self.now, waiting_places=waiting)
            )
        elif what == "time" and event.start > self.now:
            start, end = (moment + timedelta(hours=number) for moment in (event.start, event.end))
            self.attempt(
                lambda: booking.change_event_time(
                    event, start, end, now=self.now, with_bookings=sure
                )
            )
        elif what == "cancel" and sure and number == 0:
            self.attempt(lambda: booking.cancel_event(event, now=self.now))

    # What colleagues do who meet

    @precondition(lambda self: self.has_desks)
    @rule(choice=ANY, begins=ANY, lasts=st.sampled_from([20, 45, 90]), where=st.integers(1, 3))
    def call_a_meeting(self, choice, begins, lasts, where):
        start = self.meeting_time(begins)
        desk = self.any_desk(choice)
        meeting = make_meeting(
            desk.agenda,
            start=start,
            end=start + timedelta(minutes=lasts),
            **self.rooms(desk, where),
        )
        self.call(meeting)
        if self.refusal:
            meeting.delete()

    @precondition(lambda self: self.books.called)
    @rule(choice=ANY, begins=ANY, where=st.integers(0, 3), to=ANY)
    def move_a_meeting(self, choice, begins, where, to):
        meeting = self.any_called(choice).meeting
        lasts = meeting.end - meeting.start
        meeting.start = self.meeting_time(begins)
        meeting.end = meeting.start + lasts
        rooms = self.rooms(self.any_desk(to), where)
        meeting.desk, meeting.resource = rooms.get("desk"), rooms.get("resource")
        # As its form does, which then has nothing saved.
        self.call(meeting)

    @precondition(lambda self: self.books.called)
    @rule(choice=ANY)
    def cancel_a_meeting(self, choice):
        called = self.any_called(choice)
        self.attempt(lambda: meetings.cancel(called, actor=Actor.AGENT, now=self.now))

    def call(self, meeting):
        """Call it, which succeeds exactly if nothing else takes its rooms at that time."""
        is_free = self.is_free(meeting)
        called = self.attempt(lambda: meetings.call(meeting, now=self.now))
        if not isinstance(self.refusal, MeetingCancelled):
            assert (called is not None) == is_free, self.refusal
            assert is_free or isinstance(self.refusal, RoomTaken)

    def is_free(self, meeting):
        begin, end = (moment.timestamp() // 60 for moment in (meeting.start, meeting.end))
        rooms = {room.bookable_id for room in (meeting.desk, meeting.resource) if room}
        own = {key for key, row in self.books.called.items() if row["meeting_id"] == meeting.pk}
        return not any(
            row["bookable_id"] in rooms
            and row["busy_from"] < end
            and row["busy_to"] > begin
            and row["called_meeting_id"] not in own
            and books.live(row, self.now)
            for row in self.books.occupations.values()
        )

    # The clock

    @rule(minutes=st.sampled_from([1, 3, 11, 30, 61, 61, 121]))
    def let_time_pass(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule()
    def settle(self):
        booking.settle(self.now)
        after = Books.read()
        assert books.left_waiting(after, self.fills, self.now) == []
        late = [
            row["id"]
            for row in after.bookings.values()
            if row["decide_by"] is not None and row["decide_by"] <= self.now
        ]
        assert late == []
        assert booking.settle(self.now) == 0

    # What must hold after every step

    @invariant()
    def everything_balances(self):
        if self.books is None:
            return
        after = Books.read()
        assert after.problems(self.now) == []
        assert books.unfair(self.books, after, self.now, self.chosen, self.given_up) == []
        for key, hold in self.books.holds.items():
            if hold["booking_id"] is not None:
                assert after.holds[key]["booking_id"] == hold["booking_id"]
        coming = [
            row["person_digest"]
            for row in after.bookings.values()
            if row["agenda_id"] == getattr(self.agendas.get("offered"), "pk", None)
            and row["person_digest"]
            and row["admission"] != "cancelled"
            and row["start"] >= self.now
        ]
        assert all(coming.count(person) <= MOST_COMING for person in coming)
        self.books, self.chosen, self.given_up = after, (), ()

    # The parts that the rules share

    def attempt(self, act):
        """What came of it; None if it was refused, politely and without having changed anything."""
        self.refusal = None
        try:
            return act()
        except BookingError as error:
            self.refusal = error
        assert not isinstance(self.refusal, Overloaded)
        assert str(self.refusal)
        assert self.refusal.code != BookingError.code
        assert Books.read() == self.books
        return None

    def listed(self, name, code):
        first = self.now.date()
        return availability.slots(
            self.agendas[name],
            first=first,
            last=first + timedelta(days=2 if name in EVENT_AGENDAS else 1),
            now=self.now,
            lock_code=code,
            with_full=True,
        )

    def slot(self, name, code, choice):
        """A slot from a list that may be an older one: what visitors see is always from before."""
        old = self.seen.setdefault(name, [])
        choice, older = divmod(choice, 2)
        self.fresh = not (older and old)
        if not self.fresh:
            return old[choice % len(old)]
        listed = self.listed(name, code)
        if not listed:
            return None
        # Few enough for people to meet.
        old.append(listed[choice % min(len(listed), 5)])
        del old[:-4]
        return old[-1]

    def details(self, person, places):
        return make_details(
            places=places, user_email=f"{person}@fairbridge.example" if person else ""
        )

    def having(self, *admissions):
        return [key for key, row in self.books.bookings.items() if row["admission"] in admissions]

    @property
    def has_desks(self):
        return bool(set(self.agendas) & set(APPOINTMENT_AGENDAS))

    def any_desk(self, choice):
        desks = Desk.objects.select_related("agenda").order_by("pk")
        return desks[choice % len(desks)]

    def rooms(self, desk, where):
        """The desk, the one room that there is, or both, by the bits of `where`."""
        found = {"desk": desk} if where & 1 else {}
        return found | ({"resource": Resource.objects.get()} if where & 2 else {})

    def meeting_time(self, choice):
        """One of the next two mornings, while the counters are open."""
        minutes = choice % 12 * 10
        nine = self.now.replace(hour=9, minute=0) + timedelta(days=choice % 2)
        return nine + timedelta(minutes=minutes)

    def any_called(self, choice):
        keys = list(self.books.called)
        related = CalledMeeting.objects.select_related("meeting__agenda", "meeting__desk")
        return related.get(pk=keys[choice % len(keys)])

    def any_agenda(self, choice):
        return list(self.agendas)[choice % len(self.agendas)]

    def any_booking(self, choice, *admissions):
        keys = self.having(*admissions) if admissions else list(self.books.bookings)
        related = Booking.objects.select_related("agenda", "event", "desk")
        return related.get(pk=keys[choice % len(keys)])

    def any_event(self, choice):
        keys = list(self.books.events)
        events = Event.objects.select_related("agenda", "bookable")
        return events.get(pk=keys[choice % len(keys)])
