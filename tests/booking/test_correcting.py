"""Whom a booking is for, corrected: what a wrong address loses, and what the right one gets."""

from datetime import timedelta

import pytest

from tests.booking.common import join, make_course, stored
from tests.factories import (
    NOW,
    first_slot,
    make_appointments,
    make_booking,
)
from tests.second_parser import read_calendar
from wagtail_agenda import (
    attendance,
    booking,
    calendar_entries,
    correspondence,
    outbox,
    privacy,
    resending,
    tokens,
)
from wagtail_agenda.booking.persons import digest_of_person
from wagtail_agenda.choices import Actor, Admission, Attendance, DeliveryState, Trigger
from wagtail_agenda.errors import BookingAnonymised, BookingCancelled, CapReached
from wagtail_agenda.letters import letter_of
from wagtail_agenda.models import Booking, Delivery, Entry

pytestmark = pytest.mark.django_db

WRONG, RIGHT = "bda@fairbridge.example", "ada@fairbridge.example"
STAFF = "counter@fairbridge.example"
HOUR = timedelta(hours=1)


@pytest.fixture
def sent(smtp_server):
    """A booking of Ada's, confirmed to an address that she does not have."""
    agenda = make_appointments(staff_addresses=STAFF, comment="Ring twice.")[0]
    made = make_booking(agenda, user_email=WRONG, user_phone_number="0123 456")
    outbox.sweep(now=NOW)
    return made


def correct(made, now=NOW + HOUR, **typed):
    return booking.correct(made, now=now, **(typed or {"user_email": RIGHT}))


def mails_to(address):
    return list(Delivery.objects.filter(recipient=address).order_by("pk"))


def calendar_of(delivery):
    return read_calendar(letter_of(delivery, NOW).calendar)


def test_the_wrong_address_loses_its_calendar_entry_and_learns_nothing(sent):
    before = calendar_of(mails_to(WRONG)[0])

    correct(sent)

    taken_back = mails_to(WRONG)[-1]
    assert (taken_back.method, taken_back.sequence) == ("CANCEL", 1)
    letter = letter_of(taken_back, NOW)
    calendar = read_calendar(letter.calendar)
    assert (calendar.method, calendar.event.status) == ("CANCEL", "CANCELLED")
    assert calendar.event.uid == before.event.uid
    assert (calendar.event.start, calendar.event.end) == (sent.start, sent.end)
    assert [one.address for one in calendar.event.attendees] == [WRONG]
    said = f"{letter.subject} {letter.text} {letter.html} {letter.to} {letter.calendar.decode()}"
    secrets = [RIGHT, "Ada", "0123 456", sent.reference, "Ring twice", "/booking/"]
    assert [secret for secret in secrets if secret in said] == []


def test_it_learns_nothing_of_what_happens_afterwards_either(sent):
    correct(sent)
    present = stored(sent)
    slot = first_slot(present.agenda, now=NOW + 3 * HOUR)

    booking.move(present, slot, actor=Actor.AGENT, now=NOW + 2 * HOUR)

    (event,) = calendar_of(mails_to(WRONG)[-1]).events
    assert (event.start, event.end) == (sent.start, sent.end)
    assert len(mails_to(WRONG)) == 2


def test_the_right_address_gets_the_booking_as_it_stands_under_a_uid_of_its_own(sent):
    wrong = calendar_of(mails_to(WRONG)[0]).event

    correct(sent)

    (mail,) = mails_to(RIGHT)
    letter = letter_of(mail, NOW)
    assert letter.subject.startswith("Confirmed: Passport")
    assert correspondence.manage_url(stored(sent)) in letter.text
    calendar = read_calendar(letter.calendar)
    assert (calendar.method, calendar.event.sequence) == ("REQUEST", 0)
    assert calendar.event.uid != wrong.uid
    (attendee,) = calendar.event.attendees
    assert (attendee.address, attendee.parameters["CN"]) == (RIGHT, "Ada Martin")
    assert read_calendar(calendar_entries.download(stored(sent))).event.uid == calendar.event.uid


def test_what_follows_goes_to_the_right_address_alone(sent, smtp_server):
    correct(sent)
    booking.cancel(stored(sent), actor=Actor.AGENT, now=NOW + 2 * HOUR)
    outbox.sweep(now=NOW + 2 * HOUR)

    assert [(one.method, one.sequence) for one in mails_to(RIGHT)] == [
        ("REQUEST", 0),
        ("CANCEL", 1),
    ]
    assert [one.method for one in mails_to(WRONG)] == ["REQUEST", "CANCEL"]
    assert [one.state for one in mails_to(WRONG)] == [DeliveryState.DONE] * 2


def test_colleagues_get_the_new_address_in_their_entry(sent):
    correct(sent, user_name="Ada Novák", user_email=RIGHT)

    first, second = mails_to(STAFF)
    assert (second.method, second.sequence) == ("REQUEST", 1)
    assert first.invitation_id == second.invitation_id
    event = calendar_of(second).event
    assert event.summary == "Passport – Ada Novák"
    assert RIGHT in event.description
    assert WRONG not in event.description


def test_the_links_that_went_to_the_wrong_address_lead_nowhere(sent):
    link, address = tokens.manage_token(sent), tokens.feed_token(sent)

    correct(sent)

    assert tokens.booking_of_token(link) is None
    assert tokens.booking_of_feed_token(address) is None
    present = stored(sent)
    assert tokens.booking_of_token(tokens.manage_token(present)) == present
    assert tokens.booking_of_feed_token(tokens.feed_token(present)) == present


def test_the_new_link_survives_a_change_of_the_secret_key(sent, settings):
    correct(sent)
    link = tokens.manage_token(stored(sent))
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert tokens.manage_token(stored(sent)) == link


def test_what_has_not_left_yet_is_overtaken_and_no_stranger_is_written_to(smtp_server):
    made = make_booking(user_email=WRONG)

    correct(made)
    outbox.sweep(now=NOW + HOUR)

    assert [one.state for one in mails_to(WRONG)] == [DeliveryState.SUPERSEDED]
    assert [one.state for one in mails_to(RIGHT)] == [DeliveryState.DONE]
    assert [one.recipients for one in smtp_server.received] == [(RIGHT,)]


def test_what_has_failed_is_not_tried_again(sent):
    Delivery.objects.filter(recipient=WRONG).update(state=DeliveryState.FAILED, attempts=1)

    correct(sent)

    assert [one.state for one in mails_to(WRONG)] == [DeliveryState.SUPERSEDED]


def test_what_may_have_been_taken_before_the_connection_broke_is_taken_back(sent):
    Delivery.objects.filter(recipient=WRONG).update(state=DeliveryState.DUE, attempts=1)

    correct(sent)

    first, second = mails_to(WRONG)
    assert (first.state, second.method) == (DeliveryState.SUPERSEDED, "CANCEL")


def test_a_mail_that_was_queued_meanwhile_never_brings_the_new_link_to_the_old_address(sent):
    late = mails_to(WRONG)[0]
    correct(sent)
    Delivery.objects.filter(pk=late.pk).update(state=DeliveryState.DUE, letter=None, done_at=None)

    assert outbox.deliver(late.pk, now=NOW + HOUR) == DeliveryState.SUPERSEDED


def test_a_cancellation_with_a_link_is_overtaken_as_well(smtp_server):
    event = make_course(places=1, waiting=5)
    made = join(event, "bda")
    outbox.sweep(now=NOW)
    booking.suspend(made, now=NOW)

    correct(stored(made))
    outbox.sweep(now=NOW + HOUR)

    told = [(one.method, one.state) for one in mails_to(WRONG)]
    assert told == [
        ("REQUEST", DeliveryState.DONE),
        ("CANCEL", DeliveryState.SUPERSEDED),
        ("CANCEL", DeliveryState.DONE),
    ]
    assert mails_to(WRONG)[-1].action["to"] == "former_address"


def test_whose_calendar_is_clean_already_is_not_written_to(smtp_server):
    made = join(make_course(places=1, waiting=5), "bda")
    booking.suspend(made, now=NOW)
    outbox.sweep(now=NOW)
    Delivery.objects.filter(recipient=WRONG).update(state=DeliveryState.DONE)

    correct(stored(made))

    assert [one.method for one in mails_to(WRONG)] == ["REQUEST", "CANCEL"]
    assert letter_of(mails_to(RIGHT)[0], NOW).subject.startswith("On the waiting list")


def test_back_and_forth_never_goes_back_in_sequence(sent, smtp_server):
    for number, address in enumerate((RIGHT, WRONG, RIGHT), start=1):
        correct(stored(sent), now=NOW + number * HOUR / 6, user_email=address)
        outbox.sweep(now=NOW + number * HOUR / 6)

    told = [(one.method, one.sequence, one.state) for one in mails_to(WRONG)]
    assert told == [
        ("REQUEST", 0, DeliveryState.DONE),
        ("CANCEL", 1, DeliveryState.DONE),
        ("REQUEST", 2, DeliveryState.DONE),
        ("CANCEL", 3, DeliveryState.DONE),
    ]
    assert [(one.method, one.sequence) for one in mails_to(RIGHT)] == [
        ("REQUEST", 0),
        ("CANCEL", 1),
        ("REQUEST", 2),
    ]


def test_the_history_says_what_it_was(sent, admin_user):
    correct(sent, user_email=RIGHT, user_name="Ada Novák", user=admin_user)

    entry = Entry.objects.get(booking=sent, what=Trigger.CHANGED)
    assert (entry.actor, entry.user) == (Actor.AGENT, admin_user)
    assert entry.data["corrected"] == ["user_email", "user_name"]
    assert (entry.data["from_user_email"], entry.data["from_user_name"]) == (WRONG, "Ada Martin")


def test_what_is_as_it_was_changes_nothing(sent):
    before = Delivery.objects.count()

    correct(sent, user_email=f" {WRONG} ", user_name="Ada Martin", user_phone_number="0123 456")

    assert not Entry.objects.filter(what=Trigger.CHANGED).exists()
    assert Delivery.objects.count() == before


def test_a_mailbox_is_the_same_whatever_its_capitals(sent):
    link = tokens.manage_token(sent)

    correct(sent, user_email=WRONG.upper())

    assert tokens.booking_of_token(link) == sent
    assert not Delivery.objects.filter(method="CANCEL").exists()
    assert stored(sent).user_email == WRONG.upper()


def test_another_name_leaves_the_link_and_the_entry_where_they_are(sent):
    link = tokens.manage_token(sent)

    correct(sent, user_name="Ada Novák")

    assert tokens.booking_of_token(link) == sent
    assert [(one.method, one.sequence) for one in mails_to(WRONG)] == [
        ("REQUEST", 0),
        ("REQUEST", 1),
    ]


def test_texts_made_of_the_name_follow_it_and_those_written_by_hand_stay():
    agenda = make_appointments(
        label_template="{user_name} comes",
        user_display_label_template="For {user_name}",
        description_template="About {user_email}",
    )[0]
    made = make_booking(agenda, user_email=WRONG, description="By hand")

    correct(made, user_name="Ada Novák", user_email=RIGHT)

    present = stored(made)
    assert present.label == "Ada Novák comes"
    assert present.user_display_label == "For Ada Novák"
    assert present.description == "By hand"


def test_an_address_can_be_taken_away_and_given_for_the_first_time(sent):
    correct(sent, user_email="")
    assert mails_to(WRONG)[-1].method == "CANCEL"
    assert stored(sent).person_digest == ""

    correct(stored(sent), user_email=RIGHT)
    assert [one.method for one in mails_to(RIGHT)] == ["REQUEST"]


def test_the_last_mail_once_more_is_that_to_the_right_address(sent):
    correct(sent)
    last = resending.last_mail(stored(sent))
    assert last.recipient == RIGHT

    correct(stored(sent), user_email="")
    assert resending.last_mail(stored(sent)) is None


# Limits per person


def test_caps_count_the_person_at_the_right_address():
    agenda = make_appointments(bookings_per_person=1)[0]
    make_booking(agenda, user_email=RIGHT)
    made = make_booking(agenda, user_email=WRONG)

    with pytest.raises(CapReached):
        correct(made)

    assert stored(made).user_email == WRONG
    correct(made, user_email="cleo@fairbridge.example")
    assert stored(made).person_digest == digest_of_person("", "cleo@fairbridge.example")
    make_booking(agenda, user_email=WRONG)


def test_whom_another_system_knows_stays_the_same_person():
    agenda = make_appointments(bookings_per_person=1)[0]
    made = make_booking(agenda, user_email=WRONG, user_external_id="42")
    digest = made.person_digest

    correct(made)

    assert stored(made).person_digest == digest


# What cannot be corrected


def test_who_is_forgotten_cannot_be_corrected(sent):
    privacy.anonymise([sent], now=NOW)

    with pytest.raises(BookingAnonymised) as refusal:
        correct(sent)

    assert refusal.value.code == "booking is anonymised"
    assert stored(sent).user_email == ""


def test_what_is_cancelled_cannot_be_corrected(sent):
    booking.cancel(sent, actor=Actor.VISITOR, now=NOW)

    with pytest.raises(BookingCancelled):
        correct(sent)


@pytest.mark.parametrize("late", [timedelta(), timedelta(days=2)])
def test_who_came_or_could_have_come_is_corrected_without_a_mail(sent, late):
    if not late:
        attendance.check_in(sent, Attendance.PRESENT, now=NOW)
    before = stored(sent).status

    correct(sent, now=NOW + late, user_email=RIGHT, user_phone_number="0999")

    present = stored(sent)
    assert (present.user_phone_number, present.status) == ("0999", before)
    assert mails_to(RIGHT) == []
    assert mails_to(WRONG)[-1].method == "CANCEL"
    assert Entry.objects.filter(booking=sent, what=Trigger.CHANGED).exists()


def test_who_waits_still_waits():
    event = make_course(places=1, waiting=5)
    join(event)
    made = join(event, "bda")

    correct(made)

    assert stored(made).admission == Admission.WAITING
    assert Booking.objects.filter(admission=Admission.CONFIRMED).count() == 1
