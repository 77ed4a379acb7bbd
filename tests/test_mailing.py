"""Who hears of what happens to a booking, with which calendar entry, in how many statements."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.agents import make_staff
from tests.factories import (
    NOW,
    first_slot,
    make_agenda,
    make_appointments,
    make_booking,
    make_details,
    make_event,
)
from tests.second_parser import read_calendar
from wagtail_agenda import availability, calendar_entries, correspondence, outbox, workflow
from wagtail_agenda import booking as bookings
from wagtail_agenda.choices import Actor, AgendaKind, DeliveryState, Trigger
from wagtail_agenda.letters import letter_of
from wagtail_agenda.models import (
    Bookable,
    Booking,
    Delivery,
    Entry,
    Invitation,
    Resource,
)

pytestmark = pytest.mark.django_db

STAFF = "counter@fairbridge.example"
HOUR = timedelta(hours=1)


def make_course(places=1, waiting=5, promotion="manual", **fields):
    """An event with a waiting list."""
    agenda = make_agenda(
        kind=AgendaKind.EVENTS, staff_addresses=STAFF, waiting_list_promotion=promotion, **fields
    )
    event = make_event(agenda, places=places, label="Bread")
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=waiting)
    return event


def book(event, now=NOW, **details):
    return bookings.book(
        availability.find(event.agenda, str(event.slug), now=now),
        make_details(**details),
        now=now,
        actor=Actor.VISITOR,
    )


def last(booking, audience="visitor"):
    """The last message about a booking, as it leaves; and what it does to the calendar."""
    delivery = Delivery.objects.filter(booking=booking, audience=audience).order_by("pk").last()
    return letter_of(delivery, NOW), (delivery.method, delivery.sequence)


def entries(booking, audience="visitor"):
    """What the recipient's calendar was told, in order."""
    told = Delivery.objects.filter(booking=booking, audience=audience).order_by("pk")
    return [(one.method, one.sequence) for one in told]


def only_uid(booking, audience="visitor"):
    return Invitation.objects.get(booking=booking, audience=audience).uid


# Who gets a calendar entry


def test_the_waiting_list_brings_no_calendar_entry_until_there_is_a_place():
    event = make_course()
    first, second = book(event), book(event)

    assert entries(second) == entries(second, "staff") == [("", None)]
    mail, _entry = last(second)
    assert mail.subject.startswith("On the waiting list: Bread")
    assert correspondence.manage_url(second) in mail.text

    bookings.cancel(first, actor=Actor.VISITOR, now=NOW)
    bookings.promote(second, now=NOW)

    assert entries(second) == entries(second, "staff") == [("", None), ("REQUEST", 0)]
    assert last(second)[0].subject.startswith("You have a place: Bread")


def test_who_is_put_back_on_the_list_loses_the_entry_and_gets_it_again():
    made = book(make_course())
    uid, staff_uid = only_uid(made), only_uid(made, "staff")

    bookings.suspend(made, now=NOW + HOUR)

    mail, entry = last(made)
    assert entry == ("CANCEL", 1)
    assert read_calendar(mail.calendar).event.status == "CANCELLED"
    assert mail.subject.startswith("Back on the waiting list:")
    assert entries(made, "staff")[-1] == ("CANCEL", 1)

    bookings.promote(Booking.objects.get(), now=NOW + 2 * HOUR)

    mail, entry = last(made)
    assert entry == entries(made, "staff")[-1] == ("REQUEST", 2)
    assert read_calendar(mail.calendar).event.uid == only_uid(made) == uid
    assert only_uid(made, "staff") == staff_uid


def test_who_has_lost_the_entry_is_not_told_so_again_with_every_mail():
    made = book(make_course(places=3, places_per_booking=3))

    bookings.suspend(made, now=NOW)
    bookings.resize(Booking.objects.get(), 2, actor=Actor.AGENT, now=NOW)

    assert entries(made) == [("REQUEST", 0), ("CANCEL", 1), ("", None)]


def test_what_is_cancelled_while_suspended_is_not_cancelled_twice():
    made = book(make_course())

    bookings.suspend(made, now=NOW)
    bookings.cancel(made, actor=Actor.AGENT, now=NOW)

    assert entries(made) == [("REQUEST", 0), ("CANCEL", 1), ("CANCEL", 1)]


def test_an_offer_says_until_when_and_brings_the_entry_once_accepted():
    event = make_course(promotion="offer", offer_hours=24)
    first, second = book(event), book(event)

    bookings.cancel(first, actor=Actor.VISITOR, now=NOW)

    mail, entry = last(second)
    assert entry == ("", None)
    assert mail.subject.startswith("A place is free for you: Bread")
    assert "accept it by Tuesday 1 December 2026, 07:00." in mail.text
    assert correspondence.manage_url(second) in mail.text

    bookings.accept_offer(Booking.objects.get(pk=second.pk), now=NOW)

    assert last(second)[1] == ("REQUEST", 0)


def test_an_offer_that_lapses_says_so_and_when():
    event = make_course(promotion="offer", offer_hours=24)
    first, second, third = book(event), book(event), book(event)
    bookings.cancel(first, actor=Actor.VISITOR, now=NOW)

    bookings.settle(NOW + 25 * HOUR)

    mail, _entry = last(second)
    assert mail.subject.startswith("The offer has ended:")
    assert "It has gone to the next person" in mail.text
    assert "The offer ended on Tuesday 1 December 2026, 07:00." in mail.text
    assert last(third)[0].subject.startswith("A place is free for you:")


def test_what_is_approved_is_invited_and_what_is_not_is_told_why():
    agenda = make_appointments(
        desks=2, staff_addresses=STAFF, needs_approval=True, approval_hours=1
    )[0]
    yes, no, forgotten = (make_booking(agenda) for _number in range(3))

    mail, entry = last(yes)
    assert entry == ("", None)
    assert "You will hear from us by Monday 30 November 2026, 08:00 at the latest." in mail.text
    assert "lapses" in last(yes, "staff")[0].text

    bookings.approve(yes, now=NOW)
    bookings.refuse(no, now=NOW, reason="The form is missing.")
    bookings.settle(NOW + 2 * HOUR)

    assert last(yes)[1] == ("REQUEST", 0)
    assert last(yes)[0].subject.startswith("Approved:")
    refused, entry = last(no)
    assert entry == ("", None)
    assert refused.subject.startswith("Not approved:")
    assert "Reason: The form is missing.\n" in refused.text
    assert last(forgotten)[0].subject.startswith("Not approved in time:")


def test_a_request_without_a_deadline_has_no_word_of_one():
    agenda = make_appointments(needs_approval=True)[0]

    assert "latest" not in last(make_booking(agenda))[0].text


def test_a_cancelled_event_tells_everybody_why():
    event = make_course()
    confirmed, waiting = book(event), book(event)

    bookings.cancel_event(event, now=NOW, reason="The oven is broken.")

    for booking, entry in ((confirmed, ("CANCEL", 1)), (waiting, ("", None))):
        mail, told = last(booking)
        assert told == entry
        assert mail.subject.startswith("The event is cancelled: Bread")
        assert "Reason: The oven is broken.\n" in mail.text


# Where who waits gets a tentative entry


def calendars(booking, audience="visitor"):
    """What the recipient's calendar was told, in order, and how sure it was."""
    told = Delivery.objects.filter(booking=booking, audience=audience).order_by("pk")
    found = []
    for one in told:
        one.booking.admission = one.action["admission"]
        event = read_calendar(letter_of(one, NOW).calendar).event
        found.append((one.method, event.sequence, event.status))
    return found


def test_the_waiting_list_brings_a_tentative_entry_that_a_place_makes_firm():
    event = make_course(tentative_entries=True)
    first, second = book(event), book(event)

    bookings.cancel(first, actor=Actor.VISITOR, now=NOW)
    bookings.promote(second, now=NOW + HOUR)
    bookings.suspend(Booking.objects.get(pk=second.pk), now=NOW + 2 * HOUR)
    bookings.cancel(second, actor=Actor.AGENT, now=NOW + 3 * HOUR)

    for audience in ("visitor", "staff"):
        assert calendars(second, audience) == [
            ("REQUEST", 0, "TENTATIVE"),
            ("REQUEST", 1, "CONFIRMED"),
            ("REQUEST", 2, "TENTATIVE"),
            ("CANCEL", 3, "CANCELLED"),
        ]
    assert Invitation.objects.filter(booking=second).count() == 2


def test_an_offer_says_what_the_waiting_list_said_and_lapses_with_it():
    event = make_course(tentative_entries=True, promotion="offer", offer_hours=24)
    first, second = book(event), book(event)
    bookings.cancel(first, actor=Actor.VISITOR, now=NOW)

    bookings.settle(NOW + 25 * HOUR)

    assert calendars(second) == [
        ("REQUEST", 0, "TENTATIVE"),
        ("REQUEST", 0, "TENTATIVE"),
        ("CANCEL", 1, "CANCELLED"),
    ]


@pytest.mark.parametrize(
    ("decide", "then"),
    [
        (bookings.approve, ("REQUEST", 1, "CONFIRMED")),
        (bookings.refuse, ("CANCEL", 1, "CANCELLED")),
    ],
)
def test_what_waits_for_approval_is_tentative_until_it_is_decided(decide, then):
    agenda = make_appointments(needs_approval=True, tentative_entries=True)[0]
    made = make_booking(agenda)

    decide(made, now=NOW)

    assert calendars(made) == [("REQUEST", 0, "TENTATIVE"), then]


def test_switching_tentative_entries_on_and_off_never_goes_back():
    event = make_course(places=5, places_per_booking=5)
    made = book(event)

    for number, (wanted, told) in enumerate(
        [
            (False, ("CANCEL", 1)),
            (True, ("REQUEST", 2)),
            (False, ("CANCEL", 3)),
            (False, ("", None)),
            (True, ("REQUEST", 4)),
        ]
    ):
        event.agenda.tentative_entries = wanted
        event.agenda.save()
        present = Booking.objects.get(pk=made.pk)
        if number:
            bookings.resize(present, number + 1, actor=Actor.AGENT, now=NOW)
        else:
            bookings.suspend(present, now=NOW)
        assert last(made)[1] == told

    bookings.promote(Booking.objects.get(pk=made.pk), now=NOW)
    assert last(made)[1] == ("REQUEST", 5)


def test_what_became_tentative_before_it_was_switched_off_is_made_firm_or_taken_back():
    agenda = make_appointments(desks=2, needs_approval=True, tentative_entries=True)[0]
    yes, no = make_booking(agenda), make_booking(agenda)
    agenda.tentative_entries = False
    agenda.save()

    bookings.approve(yes, now=NOW)
    bookings.refuse(no, now=NOW)

    assert last(yes)[1] == ("REQUEST", 1)
    assert last(no)[1] == ("CANCEL", 1)


def test_a_tentative_entry_is_overtaken_by_the_firm_one_and_a_withdrawal_never(smtp_server):
    event = make_course(tentative_entries=True)
    first, second = book(event), book(event)
    bookings.cancel(first, actor=Actor.VISITOR, now=NOW)
    bookings.promote(second, now=NOW)

    outbox.sweep(now=NOW)

    told = second.deliveries.filter(audience="visitor").order_by("pk")
    assert [one.state for one in told] == [DeliveryState.SUPERSEDED, DeliveryState.DONE]


# Alarms


def test_the_alarm_of_the_agenda_is_in_the_entry_and_another_one_is_a_revision():
    event = make_course(places=5, places_per_booking=5, alarm_before=2, alarm_before_unit="hours")
    made = book(event)
    (alarm,) = read_calendar(last(made)[0].calendar).event.alarms
    assert alarm.trigger == -2 * HOUR
    assert len(read_calendar(last(made, "staff")[0].calendar).event.alarms) == 1
    assert len(read_calendar(calendar_entries.download(made)).event.alarms) == 1

    event.agenda.alarm_before_unit = "minutes"
    event.agenda.save()
    (entry,) = workflow.advance_all(
        [(Booking.objects.get(pk=made.pk), {})],
        Trigger.CHANGED,
        road=workflow.road_of(event.agenda),
        actor=Actor.AGENT,
        now=NOW,
    )
    assert last(made)[1] == ("REQUEST", 1)
    (alarm,) = read_calendar(last(entry.booking)[0].calendar).event.alarms
    assert alarm.trigger == timedelta(minutes=-2)

    bookings.cancel(Booking.objects.get(pk=made.pk), actor=Actor.VISITOR, now=NOW)
    assert read_calendar(last(made)[0].calendar).event.alarms == ()


# Moves and changes


def test_another_desk_at_another_time_updates_the_entry():
    agenda, meeting_type, _desks = make_appointments(desks=2, staff_addresses=STAFF)
    made = make_booking(agenda)
    uid = only_uid(made)
    later = availability.next_free(agenda, meeting_type, now=NOW + 3 * HOUR, limit=1)[0]

    bookings.move(made, later, actor=Actor.VISITOR, now=NOW)

    mail, entry = last(made)
    calendar = read_calendar(mail.calendar)
    assert entry == entries(made, "staff")[-1] == ("REQUEST", 1)
    assert (calendar.event.uid, calendar.event.start) == (uid, later.start)
    assert "From: Monday 30 November 2026, 09:00 to 09:30\nTo: Monday 30" in mail.text
    assert mail.subject.startswith("Moved: Passport")


def test_another_desk_at_the_same_time_is_the_same_entry():
    agenda, meeting_type, desks = make_appointments(desks=2)
    made = make_booking(agenda)
    other = next(desk for desk in desks if desk.pk != made.desk_id)
    present = first_slot(agenda, meeting_type)

    bookings.move(made, present, actor=Actor.AGENT, now=NOW)

    made.refresh_from_db()
    assert made.desk == other
    assert entries(made) == [("REQUEST", 0), ("REQUEST", 0)]


def test_another_event_updates_the_entry_and_names_the_old_one():
    event = make_course()
    other = make_event(event.agenda, label="Cake", start=event.start + timedelta(days=7))
    made = book(event)

    bookings.move(
        made,
        availability.find(event.agenda, other.slug, now=NOW),
        actor=Actor.AGENT,
        now=NOW,
    )

    mail, entry = last(made)
    assert entry == ("REQUEST", 1)
    assert "From: Bread, Wednesday 2 December 2026, 07:00 to 09:00\n" in mail.text
    assert read_calendar(mail.calendar).event.summary.startswith("Cake")


def test_an_event_that_moves_takes_those_who_wait_along_without_confirming_them():
    event = make_course()
    confirmed, waiting = book(event), book(event)

    bookings.change_event_time(
        event,
        event.start + HOUR,
        event.end + HOUR,
        now=NOW,
        with_bookings=True,
    )

    mail, entry = last(confirmed)
    assert entry == ("REQUEST", 1)
    assert "From: Wednesday 2 December 2026, 07:00 to 09:00\n" in mail.text
    mail, entry = last(waiting)
    assert entry == ("", None)
    assert mail.subject.startswith("On the waiting list:")
    assert "It has been moved from: Wednesday 2 December 2026, 07:00 to 09:00\n" in mail.text


def test_other_places_update_the_entry_which_says_how_many_there_are():
    made = book(make_course(places=5, places_per_booking=5))
    assert "places" not in last(made)[0].text

    bookings.resize(made, 3, actor=Actor.VISITOR, now=NOW)

    mail, entry = last(made)
    assert entry == ("REQUEST", 1)
    assert mail.subject.startswith("Changed: Bread")
    assert "Places: 3\n" in mail.text
    assert "3 places" in read_calendar(mail.calendar).event.description


def test_who_moves_what_needs_approval_loses_the_entry_until_it_is_approved():
    agenda, meeting_type, _desks = make_appointments(needs_approval=True)
    made = make_booking(agenda)
    bookings.approve(made, now=NOW)
    later = availability.next_free(agenda, meeting_type, now=NOW + 3 * HOUR, limit=1)[0]

    bookings.move(Booking.objects.get(), later, actor=Actor.VISITOR, now=NOW)
    assert last(made)[1] == ("CANCEL", 1)
    bookings.approve(Booking.objects.get(), now=NOW)

    assert entries(made) == [("", None), ("REQUEST", 0), ("CANCEL", 1), ("REQUEST", 2)]


def test_colleagues_of_the_agenda_that_a_booking_leaves_are_rid_of_it():
    made = make_booking(make_appointments(staff_addresses=STAFF)[0])
    made.agenda = make_appointments(staff_addresses="other@fairbridge.example")[0]
    made.start, made.end = made.start + HOUR, made.end + HOUR
    made.save()

    workflow.advance(
        made,
        Trigger.MOVED,
        road=workflow.road_of(made.agenda),
        actor=Actor.AGENT,
        now=NOW,
        data={"from_start": NOW.isoformat()},
    )

    told = Delivery.objects.filter(audience="staff").order_by("pk")[1:]
    assert {one.recipient: (one.method, one.sequence) for one in told} == {
        "other@fairbridge.example": ("REQUEST", 0),
        STAFF: ("CANCEL", 1),
    }


def test_who_is_no_longer_among_the_staff_is_rid_of_a_booking_with_the_next_mail():
    agenda = make_appointments(staff_addresses=f"{STAFF}\nleft@fairbridge.example")[0]
    made = make_booking(agenda)
    agenda.staff_addresses = STAFF
    agenda.save()

    bookings.cancel(Booking.objects.get(), actor=Actor.VISITOR, now=NOW)

    told = Delivery.objects.filter(recipient="left@fairbridge.example").order_by("pk")
    assert [(one.method, one.sequence) for one in told] == [("REQUEST", 0), ("CANCEL", 1)]
    letter = letter_of(told[1], NOW)
    assert letter.subject == f"No longer for you: {agenda}"
    event = read_calendar(letter.calendar).event
    assert (event.status, event.start) == ("CANCELLED", made.start)
    said = f"{letter.subject} {letter.text} {letter.to} {letter.calendar.decode()}"
    assert [secret for secret in ("Ada", "ada@", made.reference) if secret in said] == []
    assert entries(made, "staff")[-2:] == [("CANCEL", 1), ("CANCEL", 1)]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"from_start": None, "from_end": 3, "from_label": ["x"]},
        {"from_start": "yesterday", "from_end": "", "decide_by": "soon"},
        {"from_start": "9999-12-31T23:59:59-12:00"},
    ],
)
def test_a_move_of_which_nothing_is_known_leaves_no_gap(data):
    made = make_booking()

    workflow.advance(
        made,
        Trigger.MOVED,
        road=workflow.road_of(made.agenda),
        actor=Actor.AGENT,
        now=NOW,
        data=data,
    )

    text = last(made)[0].text
    assert "From:" not in text
    assert "moved" in text


# What an appointment needs beside its desk


def with_resources(agenda, *labels):
    made = make_booking(agenda)
    made.resources.set(
        [
            Resource.objects.create(label=label, sort_order=order)
            for order, label in enumerate(labels)
        ]
    )
    return Booking.objects.get(pk=made.pk)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("Town hall", "Town hall (Green room, Projector)"),
        ("", "Green room, Projector"),
    ],
)
def test_the_place_names_the_resources(place, said):
    made = with_resources(make_appointments(location=place)[0], "Green room", "Projector")

    values = correspondence.placeholder_values(made)

    assert (values["location"], values["resources"]) == (said, "Green room, Projector")
    assert calendar_entries.calendar_event(made).location == said
    assert f"\n{said}\n" in last(made)[0].text


def test_labels_know_the_resources_before_there_is_a_booking():
    unsaved = Booking(
        agenda=make_agenda(location="", label_template="In {location}"),
        meeting_type=make_appointments()[1],
        start=NOW,
        end=NOW + HOUR,
    )
    assert correspondence.label_texts(unsaved)["label"] == "In"

    correspondence.know_resources(unsaved, [Resource(label="Green room")])

    assert correspondence.label_texts(unsaved)["label"] == "In Green room"


def test_a_booking_is_made_and_moved_with_its_resources_named():
    agenda, meeting_type, _desks = make_appointments(
        location="Town hall", label_template="At {location}"
    )
    meeting_type.resources.set(
        [Resource.objects.create(label=label) for label in ("Green room", "Beamer")]
    )
    made = make_booking(agenda)
    assert made.label == "At Town hall (Beamer, Green room)"
    assert "LOCATION:Town hall (Beamer\\, Green room)" in last(made)[0].calendar.decode()

    meeting_type.resources.set([Resource.objects.get(label="Beamer")])
    later = availability.next_free(agenda, meeting_type, now=NOW + 3 * HOUR, limit=1)[0]
    moved = bookings.move(made, later, actor=Actor.AGENT, now=NOW)

    assert moved.label == "At Town hall (Beamer)"
    assert read_calendar(last(made)[0].calendar).event.location == "Town hall (Beamer)"


# What is overtaken


def test_a_mail_from_the_waiting_list_is_not_sent_to_who_has_a_place():
    event = make_course()
    first, second = book(event), book(event)
    waiting = second.deliveries.get(audience="visitor")
    bookings.cancel(first, actor=Actor.VISITOR, now=NOW)
    bookings.promote(second, now=NOW)

    assert outbox.deliver(waiting.pk, now=NOW) == DeliveryState.SUPERSEDED


def test_of_two_updates_the_older_is_not_sent_and_a_withdrawal_always_is(smtp_server):
    made = book(make_course())
    bookings.suspend(made, now=NOW)
    bookings.promote(Booking.objects.get(), now=NOW)

    outbox.sweep(now=NOW)

    told = Delivery.objects.filter(audience="visitor").order_by("pk")
    assert [(one.method, one.state) for one in told] == [
        ("REQUEST", DeliveryState.SUPERSEDED),
        ("CANCEL", DeliveryState.DONE),
        ("REQUEST", DeliveryState.DONE),
    ]


# How many statements


def statements_of(act):
    with CaptureQueriesContext(connection) as captured:
        act()
    return len(captured)


def test_telling_many_takes_as_many_statements_as_telling_a_few():
    counts = {}
    for number in (2, 15):
        event = make_course(places=number, waiting=0)
        for _number in range(number):
            book(event)
        counts[number] = [
            statements_of(
                lambda event=event: bookings.change_event_time(
                    event, event.start + HOUR, event.end + HOUR, now=NOW, with_bookings=True
                )
            ),
            statements_of(lambda event=event: bookings.cancel_event(event, now=NOW)),
        ]
        assert Delivery.objects.filter(booking__event=event).count() == 6 * number

    assert counts[2] == counts[15]


def test_bookings_that_come_without_their_relations_are_completed_together():
    agenda = make_appointments(desks=6, staff_addresses=STAFF)[0]
    for _number in range(6):
        make_booking(agenda)
    road = workflow.road_of(agenda)

    def advance(number):
        noted = [(booking, {}) for booking in Booking.objects.all()[:number]]
        workflow.advance_all(noted, Trigger.CHANGED, road=road, actor=Actor.AGENT, now=NOW)

    assert statements_of(lambda: advance(2)) == statements_of(lambda: advance(6))


def test_many_are_put_on_in_batches(monkeypatch):
    monkeypatch.setattr(workflow, "BATCH", 2)
    agenda = make_appointments(desks=5)[0]
    made = [make_booking(agenda) for _number in range(5)]

    written = workflow.advance_all(
        [(booking, {}) for booking in made],
        Trigger.PRESENT,
        road=workflow.road_of(agenda),
        actor=Actor.AGENT,
        now=NOW,
    )

    assert [entry.booking for entry in written] == made
    assert Entry.objects.filter(what="present").count() == 5
    assert set(Booking.objects.values_list("status__slug", flat=True)) == {"present"}


def test_staff_who_are_to_approve_are_led_to_the_page_of_the_booking(client, settings):
    settings.WAGTAILADMIN_BASE_URL = "https://office.fairbridge.example/"
    event = make_course(needs_approval=True)
    made = book(event)
    mail, _calendar = last(made, "staff")
    path = reverse("wagtail_agenda_admin:booking", args=[made.pk])
    link = f"https://office.fairbridge.example{path}"
    assert f"Approve or refuse it: {link}" in mail.text
    assert f'href="{link}"' in mail.html
    visitors, _calendar = last(made)
    assert path not in visitors.text
    client.force_login(make_staff(event.agenda))
    page = client.get(path)
    assert reverse("wagtail_agenda_admin:booking_approve", args=[made.pk]) in page.text


def test_where_the_admin_has_no_address_of_its_own_the_link_is_of_the_site(settings):
    del settings.WAGTAILADMIN_BASE_URL
    settings.WAGTAIL_AGENDA = {"BASE_URL": "https://fairbridge.example"}
    made = book(make_course(needs_approval=True))
    mail, _calendar = last(made, "staff")
    assert "Approve or refuse it: https://fairbridge.example/" in mail.text
