"""Another system books, holds and replaces bookings for the people who use it."""

from datetime import timedelta

import pytest
from freezegun import freeze_time

from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_booking,
    make_desk,
    make_event,
    make_meeting_type,
)
from wagtail_agenda import availability, clients
from wagtail_agenda import booking as bookings
from wagtail_agenda.choices import Actor, Admission, AgendaKind, WaitingListPromotion
from wagtail_agenda.models import (
    AgendaMember,
    Bookable,
    Booking,
    Delivery,
    Entry,
    Hold,
    Resource,
)

pytestmark = pytest.mark.django_db

WHO = {"user_name": "Ada Martin", "user_email": "ada@post.example", "user_external_id": "ada-7"}


@pytest.fixture
def agenda(frozen_now):
    return make_agenda(kind=AgendaKind.EVENTS, waiting_list_promotion=WaitingListPromotion.BY_HAND)


@pytest.fixture
def event(agenda):
    return make_event(agenda, places=2, label="Pottery")


def waiting_places(event, places):
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=places)


def fill(caller, event, body=None, **query):
    path = f"agenda/{event.agenda.slug}/fillslot/{event.slug}/"
    return caller.post(path, WHO if body is None else body, **query)


def live():
    return Booking.objects.exclude(admission=Admission.CANCELLED).order_by("pk")


class TestOneEvent:
    def test_it_is_booked_and_everything_is_told(self, caller, event):
        answer = fill(caller, event)
        made = Booking.objects.get()
        assert answer.status == 200
        assert answer["err"] == 0
        assert answer["booking_id"] == str(made.uuid)
        assert answer["in_waiting_list"] is False
        assert answer["datetime"] == "2026-12-02 07:00:00"
        assert answer["datetime_iso"] == "2026-12-02T07:00:00+01:00"
        assert answer["end_datetime"] == "2026-12-02 09:00:00"
        assert answer["duration"] == 120
        assert answer["agenda"] == {"label": event.agenda.label, "slug": event.agenda.slug}
        assert answer["places"] == {
            "total": 2,
            "reserved": 1,
            "available": 1,
            "full": False,
            "has_waiting_list": False,
        }
        assert "waiting_list_total" not in answer
        assert answer["api"]["ics_url"] == f"http://testserver/agendas/api/booking/{made.uuid}/ics/"
        assert "cancel_callback_url" not in answer["api"]
        assert (made.user_name, made.made_by, made.client) == (
            "Ada Martin",
            Actor.CLIENT,
            caller.client,
        )
        assert made.label == "Pottery"

    def test_what_it_says_of_itself_is_kept(self, caller, event):
        answer = fill(
            caller,
            event,
            {
                "label": "Pottery 12/7",
                "user_display_label": "Your pottery class",
                "description": "Bring an apron",
                "user_first_name": "Ada",
                "user_last_name": "Martin",
                "user_email": "ada@post.example",
                "user_phone_number": "0102030405",
                "form_url": "https://forms.example/7/",
                "backoffice_url": "https://forms.example/backoffice/7/",
                "cancel_callback_url": "https://forms.example/7/cancel/",
                "presence_callback_url": "https://forms.example/7/present/",
                "absence_callback_url": "https://forms.example/7/absent/",
                "extra_emails": "bob@post.example, eve@post.example",
                "extra_phone_numbers": ["0605040302", ""],
                "sms_counter": "x",
                "count": "2",
                "quarter": "North",
                "n": 3,
            },
        )
        made = Booking.objects.get()
        assert answer["api"]["cancel_callback_url"] == "https://forms.example/7/cancel/"
        assert (made.label, made.user_display_label) == ("Pottery 12/7", "Your pottery class")
        assert (made.description, made.user_name) == ("Bring an apron", "Ada Martin")
        assert made.backoffice_url == "https://forms.example/backoffice/7/"
        assert made.form_url == "https://forms.example/7/"
        assert made.presence_callback_url == "https://forms.example/7/present/"
        assert made.absence_callback_url == "https://forms.example/7/absent/"
        assert made.extra_emails == ["bob@post.example", "eve@post.example"]
        assert made.extra_phone_numbers == ["0605040302"]
        assert made.places == 2
        assert made.extra_data == {"quarter": "North", "n": 3}

    def test_nothing_at_all_is_enough(self, caller, event):
        path = f"agenda/{event.agenda.slug}/fillslot/{event.slug}/"
        assert caller.post(path)["err"] == 0
        assert fill(caller, event, {"user_email": "", "count": None, "label": None})["err"] == 0

    def test_the_visitor_gets_their_invitation(self, caller, event):
        fill(caller, event)
        delivery = Delivery.objects.get()
        assert delivery.recipient == "ada@post.example"

    def test_count_may_stand_in_the_query_and_the_body_wins(self, caller, event):
        fill(caller, event, {}, count=2)
        assert Booking.objects.get().places == 2
        Booking.objects.all().delete()
        Bookable.objects.update(places_booked=0)
        fill(caller, event, {"count": 1}, count=2)
        assert Booking.objects.get().places == 1

    def test_count_never_overbooks(self, caller, event):
        fill(caller, event)
        answer = fill(caller, event, {"count": 2})
        assert answer.status == 200
        assert (answer["err"], answer["err_class"], answer["reason"]) == (
            1,
            "sold out",
            "sold out",
        )
        assert live().count() == 1

    def test_places_that_do_not_fit_go_to_the_waiting_list_together(self, caller, event):
        waiting_places(event, 3)
        fill(caller, event)
        answer = fill(caller, event, {"count": 2})
        assert answer["in_waiting_list"] is True
        assert answer["waiting_list_total"] == 3
        assert answer["waiting_list_reserved"] == 2
        assert answer["waiting_list_available"] == 1
        assert answer["places"]["available"] == 1

    def test_whoever_comes_where_others_wait_waits_too(self, caller, event):
        waiting_places(event, 3)
        fill(caller, event, {"count": 2, "force_waiting_list": True})
        assert fill(caller, event)["in_waiting_list"] is True

    def test_the_waiting_list_can_be_forced(self, caller, event):
        assert fill(caller, event, {"force_waiting_list": "true"})["reason"] == (
            "waiting list is full"
        )
        waiting_places(event, 1)
        assert fill(caller, event, {"force_waiting_list": "true"})["in_waiting_list"] is True

    def test_nobody_who_has_it_gets_it_twice_if_that_is_asked_for(self, caller, event):
        fill(caller, event)
        answer = fill(caller, event, {**WHO, "exclude_user": True})
        assert (answer["err"], answer["reason"]) == (1, "user is already booked")
        assert fill(caller, event)["err"] == 0

    def test_delays_are_respected_unless_told_otherwise(self, caller, agenda):
        far = make_event(agenda, start=NOW + timedelta(days=200))
        answer = fill(caller, far)
        assert (answer["err"], answer["reason"]) == (1, "delay not respected")
        assert fill(caller, far, {"bypass_delays": "1"})["err"] == 0

    def test_the_past_is_booked_only_if_that_is_asked_for(self, caller, agenda):
        past = make_event(agenda, start=NOW - timedelta(days=3))
        assert fill(caller, past)["reason"] == "event is over"
        assert fill(caller, past, {"events": "all"})["err"] == 0

    def test_an_event_that_is_cancelled_says_so(self, caller, event):
        bookings.cancel_event(event, now=NOW)
        assert fill(caller, event)["reason"] == "event is cancelled"


class TestAppointments:
    def test_a_desk_is_found_and_named(self, caller, frozen_now):
        agenda, _type, (desk,) = make_appointments()
        path = f"agenda/{agenda.slug}/fillslot/passport:2026-11-30-0900/"
        answer = caller.post(path, WHO)
        assert answer["err"] == 0
        assert answer["desk"] == {"label": desk.label, "slug": desk.slug}
        assert answer["resources"] == []
        assert (answer["datetime"], answer["duration"]) == ("2026-11-30 09:00:00", 30)
        assert "places" not in answer

        again = caller.post(path, WHO)
        assert (again["err"], again["reason"]) == (1, "no more desk available")
        assert caller.post(path, {"count": 2})["reason"] == "too many places"

    def test_times_that_are_not_on_offer_say_so(self, caller, frozen_now):
        agenda = make_appointments()[0]
        for key in ("passport:2026-11-30-0907", "passport:2026-11-29-0900", "x", "passport:1"):
            answer = caller.post(f"agenda/{agenda.slug}/fillslot/{key}/", WHO)
            assert (answer.status, answer["err"], answer["reason"]) == (200, 1, "not offered")

    def test_shared_resources_are_taken_too(self, caller, frozen_now):
        agenda = make_appointments(desks=2)[0]
        beamer = Resource.objects.create(label="Beamer")
        agenda.resources = [beamer]
        agenda.save()
        path = f"agenda/{agenda.slug}/fillslot/passport:2026-11-30-0900/"
        answer = caller.post(path, WHO, **{"shared-resources": "beamer"})
        assert answer["resources"] == ["beamer"]
        assert caller.post(path, WHO, resources="beamer")["reason"] == "no more desk available"
        assert caller.post(path, WHO)["err"] == 0
        answer = caller.post(path, WHO, resources="piano")
        assert (answer.status, answer["reason"]) == (404, "unknown resource")

    def test_a_virtual_agenda_books_in_one_of_those_behind_it(self, caller, frozen_now):
        real = make_appointments()[0]
        virtual = make_agenda(kind=AgendaKind.VIRTUAL, schedule=None)
        virtual.members.add(AgendaMember(agenda=real))
        virtual.save()
        answer = caller.post(f"agenda/{virtual.slug}/fillslot/passport:2026-11-30-0900/", WHO)
        assert answer["agenda"]["slug"] == real.slug

    def test_nobody_has_two_behind_a_virtual_agenda_if_that_is_asked_for(self, caller, frozen_now):
        one, two = make_appointments()[0], make_appointments()[0]
        virtual = make_agenda(kind=AgendaKind.VIRTUAL, schedule=None)
        virtual.members = [AgendaMember(agenda=one), AgendaMember(agenda=two)]
        virtual.save()
        slot = "fillslot/passport:2026-11-30-0900/"
        assert caller.post(f"agenda/{one.slug}/{slot}", WHO)["err"] == 0
        answer = caller.post(f"agenda/{virtual.slug}/{slot}", {**WHO, "exclude_user": True})
        assert answer["reason"] == "user is already booked"


class TestMoves:
    def test_one_booking_takes_the_place_of_another(self, caller, agenda, event):
        first = fill(caller, event)["booking_id"]
        other = make_event(agenda, places=1)
        answer = fill(caller, other, {**WHO, "cancel_booking_id": first})
        assert answer["err"] == 0
        assert answer["cancelled_booking_id"] == first
        assert [booking.event for booking in live()] == [other]
        entry = Entry.objects.filter(booking__uuid=first).last()
        assert (entry.what, entry.actor) == ("cancelled_by_api", Actor.CLIENT)

    def test_where_there_is_no_room_nothing_is_cancelled(self, caller, agenda, event):
        first = fill(caller, event)["booking_id"]
        other = make_event(agenda, places=1)
        fill(caller, other)
        answer = fill(caller, other, {**WHO, "cancel_booking_id": first})
        assert answer["reason"] == "sold out"
        assert live().filter(uuid=first).exists()

    def test_what_is_given_up_counts_as_free(self, caller, frozen_now):
        agenda = make_appointments()[0]
        path = f"agenda/{agenda.slug}/fillslot/passport:2026-11-30-0900/"
        first = caller.post(path, WHO)["booking_id"]
        answer = caller.post(path, {**WHO, "cancel_booking_id": first})
        assert answer["err"] == 0
        assert live().count() == 1

    def test_who_gets_what_was_given_up_is_told_so(self, caller, agenda):
        agenda.waiting_list_promotion = WaitingListPromotion.AUTOMATIC
        agenda.save()
        event = make_event(agenda, places=2)
        waiting_places(event, 9)
        first = fill(caller, event, {"count": 2})["booking_id"]
        assert fill(caller, event, {"count": 3})["in_waiting_list"] is True
        answer = fill(caller, event, {"count": 2, "cancel_booking_id": first})
        assert answer["in_waiting_list"] is False
        assert Booking.objects.get(uuid=answer["booking_id"]).admission == Admission.CONFIRMED

    def test_a_booking_that_is_cancelled_already_is_said_to_be(self, caller, agenda, event):
        first = fill(caller, event)["booking_id"]
        bookings.cancel(Booking.objects.get(), actor=Actor.AGENT, now=NOW)
        answer = fill(caller, event, {**WHO, "cancel_booking_id": first})
        assert (answer["err"], answer["reason"]) == (1, "already cancelled")
        assert not live().exists()

    def test_a_booking_of_somebody_else_is_not_there(self, caller, make_caller, event):
        foreign = make_booking()
        mine = make_caller(label="Mine", agendas=[event.agenda])
        for name in (str(foreign.uuid), "nonsense"):
            answer = fill(mine, event, {**WHO, "cancel_booking_id": name})
            assert (answer.status, answer["reason"]) == (404, "unknown booking")
        assert live().count() == 1


class TestHolds:
    def hold(self, caller, event, **more):
        return fill(caller, event, {"lock_code": "X", **more})

    def confirm(self, caller, event, **more):
        return fill(caller, event, {**WHO, "lock_code": "X", "confirm_after_lock": True, **more})

    def test_a_lock_code_alone_holds_and_books_nothing(self, caller, event):
        answer = self.hold(caller, event, count=2)
        assert answer["err"] == 0
        assert answer["locked_until"] == "2026-11-30 07:10:00"
        assert answer["count"] == 2
        assert "booking_id" not in answer
        assert not Booking.objects.exists()
        assert fill(caller, event)["reason"] == "sold out"

    def test_the_hold_becomes_the_booking(self, caller, event):
        self.hold(caller, event, count=2)
        answer = self.confirm(caller, event)
        assert answer["err"] == 0
        made = Booking.objects.get()
        assert (made.places, made.made_by, made.user_name) == (2, Actor.CLIENT, "Ada Martin")

    def test_confirming_twice_answers_with_the_same_booking(self, caller, event):
        self.hold(caller, event)
        first, again = self.confirm(caller, event), self.confirm(caller, event)
        assert first["booking_id"] == again["booking_id"]

    def test_without_a_hold_confirming_books(self, caller, event):
        assert self.confirm(caller, event)["err"] == 0

    def test_choosing_another_slot_moves_the_hold(self, caller, agenda, event):
        other = make_event(agenda, places=1)
        self.hold(caller, event, count=2)
        self.hold(caller, other)
        assert fill(caller, event)["err"] == 0
        assert fill(caller, other)["reason"] == "sold out"
        assert Hold.objects.count() == 1

    def test_another_slot_can_be_confirmed_than_was_held(self, caller, agenda, event):
        other = make_event(agenda, places=1)
        self.hold(caller, event)
        self.confirm(caller, other)
        assert Booking.objects.get().event == other

    def test_a_lapsed_hold_books_if_the_place_is_still_there(self, caller, agenda):
        event = make_event(agenda, places=1)
        self.hold(caller, event)
        with freeze_time(NOW + timedelta(minutes=11)):
            assert self.confirm(caller, event)["err"] == 0

    def test_a_lapsed_hold_keeps_nothing_from_others(self, caller, agenda):
        event = make_event(agenda, places=1)
        self.hold(caller, event)
        with freeze_time(NOW + timedelta(minutes=11)):
            fill(caller, event)
            assert self.confirm(caller, event)["reason"] == "sold out"

    def test_the_code_can_be_used_again_for_something_else(self, caller, agenda, event):
        other = make_event(agenda, places=1)
        self.hold(caller, event)
        self.confirm(caller, event)
        assert self.hold(caller, other)["err"] == 0
        assert self.confirm(caller, other)["err"] == 0
        assert live().count() == 2

    def test_no_other_client_and_no_visitor_is_meant(self, caller, make_caller, agenda):
        event = make_event(agenda, places=1)
        slot = availability.find(agenda, event.slug, now=NOW)
        visitors = bookings.hold(slot, lock_code="X", now=NOW)
        assert self.confirm(caller, event)["reason"] == "sold out"
        bookings.release(visitors, now=NOW)
        self.hold(caller, event)
        assert self.confirm(make_caller(label="Other"), event)["reason"] == "sold out"

    def test_a_hold_joins_the_waiting_list_where_others_wait(self, caller, event):
        waiting_places(event, 3)
        fill(caller, event, {"force_waiting_list": True})
        assert self.hold(caller, event)["in_waiting_list"] is True
        assert self.confirm(caller, event)["in_waiting_list"] is True

    def test_a_held_move_cancels_the_other(self, caller, agenda, event):
        first = fill(caller, event)["booking_id"]
        other = make_event(agenda, places=1)
        self.hold(caller, other)
        self.confirm(caller, other, cancel_booking_id=first)
        assert [booking.event for booking in live()] == [other]

    def test_whoever_holds_too_much_has_to_wait(self, caller, agenda, settings):
        event = make_event(agenda, places=9)
        settings.WAGTAIL_AGENDA = {**settings.WAGTAIL_AGENDA, "HOLDS_PER_CLIENT_PER_HOUR": 2}
        for code in "ab":
            assert self.hold(caller, event, lock_code=code)["err"] == 0
        answer = self.hold(caller, event, lock_code="c")
        assert (answer.status, answer["reason"]) == (429, "too many holds")
        assert int(answer.response.headers["Retry-After"]) > 0
        assert fill(caller, event)["err"] == 0

    def test_what_could_not_be_held_is_not_counted(self, caller, event, settings):
        settings.WAGTAIL_AGENDA = {**settings.WAGTAIL_AGENDA, "HOLDS_PER_CLIENT_PER_HOUR": 1}
        self.hold(caller, event, count=3)
        assert self.hold(caller, event)["err"] == 0


class TestSeveralEvents:
    def fill(self, caller, agenda, slots, **more):
        return caller.post(
            f"agenda/{agenda.slug}/events/fillslots/", {**WHO, "slots": slots, **more}
        )

    def test_the_set_becomes_exactly_what_is_named(self, caller, agenda):
        one, two, three = (make_event(agenda, places=1) for _number in range(3))
        answer = self.fill(caller, agenda, [one.slug, two.slug])
        assert answer["err"] == 0
        assert (answer["booking_count"], answer["cancelled_booking_count"]) == (2, 0)
        assert [event["slug"] for event in answer["booked_events"]] == [one.slug, two.slug]

        answer = self.fill(caller, agenda, f"{two.slug}, {three.slug}")
        assert (answer["booking_count"], answer["cancelled_booking_count"]) == (1, 1)
        assert [event["slug"] for event in answer["cancelled_events"]] == [one.slug]
        assert {booking.event for booking in live()} == {two, three}

        answer = self.fill(caller, agenda, "")
        assert answer["cancelled_booking_count"] == 2
        assert not live().exists()

    def test_all_or_nothing(self, caller, agenda):
        one, full = make_event(agenda, places=1), make_event(agenda, places=1)
        fill(caller, full)
        before = list(live())
        answer = self.fill(caller, agenda, [one.slug, full.slug], user_external_id="bob-8")
        assert answer["reason"] == "sold out"
        assert list(live()) == before

    def test_who_waits_is_told_where(self, caller, agenda):
        full = make_event(agenda, places=1)
        waiting_places(full, 1)
        fill(caller, full)
        answer = self.fill(caller, agenda, [full.slug], user_external_id="bob-8")
        assert [event["slug"] for event in answer["waiting_list_events"]] == [full.slug]
        assert answer["booking_count"] == 1

    def test_it_is_asked_who_and_what(self, caller, agenda):
        path = f"agenda/{agenda.slug}/fillslots/"
        answer = caller.post(path, {"slots": []})
        assert (answer.status, answer["reason"]) == (400, "invalid payload")
        assert list(answer["errors"]) == ["user_external_id"]
        answer = caller.post(path, {"user_external_id": "ada-7"})
        assert list(answer["errors"]) == ["slots"]
        assert list(caller.post(path)["errors"]) == ["body"]

    @pytest.mark.parametrize("name", ["   ", "\t"])
    def test_blanks_are_nobody(self, caller, agenda, name):
        event = make_event(agenda)
        answer = self.fill(caller, agenda, [event.slug], user_external_id=name)
        assert (answer.status, list(answer["errors"])) == (400, ["user_external_id"])
        answer = caller.get("bookings/", user_external_id=name)
        assert (answer.status, list(answer["errors"])) == (400, ["user_external_id"])

    def test_the_past_is_let_be(self, caller, agenda):
        past = make_event(agenda, start=NOW - timedelta(days=3))
        fill(caller, past, {**WHO, "events": "all"})
        assert self.fill(caller, agenda, "")["cancelled_booking_count"] == 0

    def test_appointments_are_no_events(self, caller, frozen_now):
        answer = self.fill(caller, make_appointments()[0], [])
        assert (answer.status, answer["reason"]) == (404, "agenda has no events")


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"count": 0}, "count"),
            ({"count": "many"}, "count"),
            ({"count": 10**9}, "count"),
            ({"user_email": "nobody"}, "user_email"),
            ({"cancel_callback_url": "javascript:alert(1)"}, "cancel_callback_url"),
            ({"backoffice_url": "ftp://files.example/"}, "backoffice_url"),
            ({"label": "x" * 300}, "label"),
            ({"lock_code": "x" * 65}, "lock_code"),
            ({"extra_emails": ["ada@post.example", "nobody"]}, "extra_emails.1"),
            ({"bypass_delays": "perhaps"}, "bypass_delays"),
            ([], "body"),
            ("text", "body"),
        ],
    )
    def test_what_cannot_be_understood_names_its_field(self, caller, event, body, field):
        answer = fill(caller, event, body)
        assert (answer.status, answer["err"], answer["err_class"]) == (400, 1, "invalid payload")
        assert list(answer["errors"]) == [field]
        assert not Booking.objects.exists()

    def test_names_stay_on_their_line(self, caller, event):
        fill(caller, event, {"user_name": "Ada\r\nBcc: eve@post.example", "label": "a\tb"})
        made = Booking.objects.get()
        assert made.user_name == "Ada Bcc: eve@post.example"
        assert made.label == "a b"

    def test_the_scope_is_asked_for(self, make_caller, event):
        answer = fill(make_caller("read", "manage", "check_in"), event)
        assert (answer.status, answer["reason"]) == (403, "scope missing")

    def test_foreign_agendas_and_drafts_are_not_there(self, make_caller, event, agenda):
        mine = make_caller(agendas=[make_appointments()[0]])
        assert fill(mine, event)["reason"] == "unknown agenda"
        agenda.live = False
        agenda.save()
        answer = fill(make_caller(label="All"), event)
        assert (answer.status, answer["reason"]) == (404, "unknown agenda")

    def test_other_methods_are_refused_as_data(self, caller, event):
        answer = caller.get(f"agenda/{event.agenda.slug}/fillslot/{event.slug}/")
        assert (answer.status, answer["reason"]) == (405, "method not allowed")
        assert answer.response.headers["Allow"] == "POST"


def test_lock_codes_of_clients_are_no_visitors(frozen_now, caller, make_caller):
    code = clients.lock_code(caller.client, "X")
    assert code == clients.lock_code(caller.client, "X")
    assert code != clients.lock_code(make_caller(label="Other").client, "X")
    assert len(code) <= Hold._meta.get_field("lock_code").max_length


def test_two_desks_take_two_and_no_third(caller, frozen_now):
    agenda = make_agenda()
    for _number in range(2):
        make_desk(agenda)
    make_meeting_type(agenda)
    path = f"agenda/{agenda.slug}/fillslot/passport:2026-11-30-0930/"
    assert [caller.post(path, WHO)["err"] for _number in range(3)] == [0, 0, 1]
