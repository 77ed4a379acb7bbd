"""What the tables refuse and keep, whoever writes to them."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from tests.factories import (
    NOW,
    first_slot,
    make_agenda,
    make_appointments,
    make_booking,
    make_closure_calendar,
    make_desk,
    make_event,
    make_meeting_type,
    weekly,
)
from wagtail_agenda import availability, booking, slot_key
from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.models import (
    REFERENCE_ALPHABET,
    Agenda,
    Bookable,
    Booking,
    Desk,
    Event,
    Hold,
    MeetingType,
    Occupation,
    Schedule,
    make_reference,
    validate_addresses,
    validate_time_zone,
)

pytestmark = pytest.mark.django_db


class TestLocks:
    def test_nothing_that_can_be_taken_is_without_its_lock(self):
        desk, event = make_desk(make_agenda()), make_event()
        assert Bookable.objects.count() == 2
        assert desk.bookable != event.bookable
        before = desk.bookable_id
        desk.save()
        assert desk.bookable_id == before

    def test_the_lock_goes_with_what_it_guards(self):
        make_desk(make_agenda()).delete()
        make_event().delete()
        assert not Bookable.objects.exists()

    def test_what_is_booked_cannot_be_deleted(self):
        made = make_booking()
        for guarded in (made.desk, made.meeting_type):
            with pytest.raises(ProtectedError):
                guarded.delete()
        event = make_event()
        make_booking(slot=availability.find(event.agenda, event.slug, now=NOW))
        with pytest.raises(ProtectedError):
            event.delete()
        assert Booking.objects.count() == Occupation.objects.count() == 2

    def test_saving_a_form_of_an_event_leaves_its_places_alone(self):
        event = make_event(places=5)
        stale = Event.objects.get(pk=event.pk)
        make_booking(slot=availability.find(event.agenda, event.slug, now=NOW))
        stale.label = "Renamed"
        stale.save()
        assert Bookable.objects.get(event=event).places_booked == 1


class TestOldDrafts:
    def test_an_old_draft_of_an_agenda_resets_and_loses_nothing(self):
        calendar = make_closure_calendar()
        agenda, _type, (desk,) = make_appointments(closure_calendars=[calendar])
        old = agenda.save_revision()
        agenda.label = "Renamed"
        agenda.save_revision().publish()
        made = make_booking(agenda)
        booking.hold(first_slot(agenda), lock_code="a", now=NOW)
        before = list(Bookable.objects.values())
        old.publish()
        agenda = Agenda.objects.get(pk=agenda.pk)
        assert agenda.label != "Renamed"
        assert list(agenda.closure_calendars.all()) == [calendar]
        assert list(Bookable.objects.values()) == before
        assert Booking.objects.get() == made
        assert Desk.objects.get() == desk
        assert Hold.objects.count() == 1
        assert Occupation.objects.count() == 2

    def test_an_old_draft_of_a_schedule_changes_what_is_offered_and_no_booking(self):
        agenda, *_ = make_appointments()
        old = agenda.schedule.save_revision()
        made = make_booking(agenda)
        agenda.schedule.periods = [weekly(weekdays=("1",))]
        agenda.schedule.save_revision().publish()
        assert first_slot(agenda).start.date() == NOW.date() + timedelta(days=1)
        old.publish()
        assert first_slot(agenda).start.date() == NOW.date()
        assert Booking.objects.get() == made
        assert first_slot(agenda).start == made.end

    def test_a_deleted_schedule_opens_nothing_and_loses_no_booking(self):
        agenda, *_ = make_appointments()
        make_booking(agenda)
        Schedule.objects.all().delete()
        assert availability.next_free(Agenda.objects.get(pk=agenda.pk), now=NOW) == []
        assert Booking.objects.count() == 1


class TestConstraints:
    def refused(self, model, **fields):
        with pytest.raises(IntegrityError), transaction.atomic():
            model.objects.update(**fields)

    def test_a_booking_ends_after_it_starts_and_has_a_place(self):
        made = make_booking()
        self.refused(Booking, end=made.start)
        self.refused(Booking, places=0)

    def test_a_booking_is_of_an_event_or_of_a_desk(self):
        make_booking()
        self.refused(Booking, event=make_event())

    def test_an_occupation_has_one_owner_and_some_length(self):
        agenda, *_ = make_appointments()
        hold = booking.hold(first_slot(agenda), lock_code="a", now=NOW)
        with pytest.raises(IntegrityError), transaction.atomic():
            Occupation.objects.filter(hold=hold).update(booking=make_booking())
        with pytest.raises(IntegrityError), transaction.atomic():
            Occupation.objects.filter(hold=hold).update(hold=None)
        with pytest.raises(IntegrityError), transaction.atomic():
            Occupation.objects.filter(hold=hold).update(busy_to=0)

    def test_an_event_ends_after_it_starts(self):
        event = make_event()
        self.refused(Event, end=event.start)


class TestSlugs:
    def test_are_made_from_labels_and_kept_apart(self):
        agenda = make_agenda(slug="", label="Hôtel de ville")
        again = make_agenda(slug="", label="Hôtel de ville")
        assert (agenda.slug, again.slug) == ("hotel-de-ville", "hotel-de-ville-2")
        desks = [make_desk(agenda, label="Counter").slug for _number in range(3)]
        assert desks == ["counter", "counter-2", "counter-3"]
        assert make_desk(again, label="Counter").slug == "counter"

    @pytest.mark.parametrize("label", ["", "🙂", "пасспорт", "-", "x" * 150])
    def test_are_valid_whatever_the_label(self, label):
        agenda = make_agenda(slug="", label=label)
        event = make_event(make_agenda(kind=AgendaKind.EVENTS), label=label)
        kinds = [agenda, make_desk(agenda, label=label), event]
        kinds.append(make_meeting_type(agenda, label=label))
        for row in kinds:
            row._meta.get_field("slug").clean(row.slug, row)
            assert slot_key.is_slug(row.slug)

    def test_stay_when_a_label_changes(self):
        agenda = make_agenda(slug="")
        slug, agenda.label = agenda.slug, "Renamed"
        agenda.save()
        assert agenda.slug == slug


class TestValidation:
    @pytest.mark.parametrize("zone", ["", "Europe/Atlantis", "../etc/passwd", "\0", "a" * 10_000])
    def test_unknown_zones_are_refused(self, zone):
        with pytest.raises(ValidationError):
            validate_time_zone(zone)

    def test_addresses_one_a_line(self):
        validate_addresses("a@fairbridge.example\n\n b@fairbridge.example \r\n")
        for wrong in ("a@fairbridge.example, b@fairbridge.example", "a", "a@b@c"):
            with pytest.raises(ValidationError):
                validate_addresses(wrong)
        agenda = Agenda(staff_addresses=" a@fairbridge.example\r\n\r\nb@fairbridge.example")
        assert agenda.staff_address_list == ["a@fairbridge.example", "b@fairbridge.example"]

    @pytest.mark.parametrize(
        "fields",
        [
            {"duration": 0},
            {"duration": 7},
            {"duration": 1445},
            # More than a float can hold.
            {"duration": 10**400},
            {"buffer_before": 3},
            {"step": 0},
        ],
    )
    def test_times_of_a_type_are_on_the_grid(self, fields):
        agenda = make_agenda()
        with pytest.raises(ValidationError) as refused:
            MeetingType(agenda=agenda, label="Passport", **fields).full_clean()
        assert set(refused.value.message_dict) == set(fields)

    def test_numbers_of_bookings_can_be_read_out(self):
        for _number in range(50):
            first, _dash, second = make_reference().partition("-")
            assert len(first) == len(second) == 4
            assert set(first + second) <= set(REFERENCE_ALPHABET)
        assert not set("01IO") & set(REFERENCE_ALPHABET)


def test_a_booking_is_called_by_its_label_and_the_visitors_name():
    made = make_booking()
    assert made.display_name == "Passport – Ada Martin"
    made.label = made.user_name = ""
    assert made.display_name == made.reference
