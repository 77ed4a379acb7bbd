"""Messages leave once, whatever happens to server and worker, or say why they could not."""

import email
import email.policy
import itertools
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from tests.factories import NOW, make_appointments, make_booking
from tests.second_parser import read_calendar
from tests.smtp_server import smtp_server  # noqa: F401
from wagtail_agenda import booking as bookings
from wagtail_agenda import correspondence, mail, outbox, tokens
from wagtail_agenda.choices import Actor, DeliveryState
from wagtail_agenda.models import Agenda, Booking, Delivery, Entry

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def agenda():
    return make_appointments(
        label="Passports", staff_addresses="counter@fairbridge.example", comment="Bring a photo."
    )[0]


@pytest.fixture
def lonely(agenda):
    """The one mail of a booking that no staff is told of."""
    agenda.staff_addresses = ""
    agenda.save()
    return make_booking(agenda).deliveries.get()


def parsed(content):
    return email.message_from_bytes(content, policy=email.policy.default)


def calendars(message):
    parts = [part for part in message.walk() if not part.is_multipart()]
    return [
        part.get_payload(decode=True)
        for part in parts
        if part.get_content_type() in {"text/calendar", "application/ics"}
    ]


def refreshed(delivery):
    delivery.refresh_from_db()
    return delivery


# What arrives


def test_each_recipient_gets_one_message_of_their_own(agenda, smtp_server):  # noqa: F811
    booking = make_booking(agenda)

    assert outbox.sweep(now=NOW) == 2

    assert [received.recipients for received in smtp_server.received] == [
        ("ada@fairbridge.example",),
        ("counter@fairbridge.example",),
    ]
    visitor, staff = (parsed(content) for content in smtp_server.messages)
    for message in (visitor, staff):
        alternative, attachment = message.iter_parts()
        kinds = [part.get_content_type() for part in alternative.iter_parts()]
        assert message.get_content_type() == "multipart/mixed"
        assert kinds == ["text/plain", "text/html", "text/calendar"]
        assert attachment.get_content_type() == "application/ics"
        assert attachment.get_filename() == "invite.ics"
        inline, attached = calendars(message)
        assert inline == attached
        assert message["Auto-Submitted"] == "auto-generated"
    assert visitor["To"] == "Ada Martin <ada@fairbridge.example>"
    entries = [read_calendar(calendars(message)[0]).event for message in (visitor, staff)]
    assert [entry.summary for entry in entries] == ["Passport – Passports", "Passport – Ada Martin"]
    assert len({entry.uid for entry in entries}) == 2
    body = visitor.get_body(("plain",)).get_content()
    assert correspondence.manage_url(booking) in body.splitlines()
    token = tokens.manage_token(booking).encode()
    assert not any(token in data.replace(b"\r\n ", b"") for data in calendars(visitor))


def test_nobody_without_an_address_gets_a_mail(agenda):
    agenda.staff_addresses = ""
    agenda.save()

    booking = make_booking(agenda, user_email="")

    assert not booking.deliveries.exists()


def test_a_cancellation_takes_the_entry_out_of_the_calendar(lonely, smtp_server):  # noqa: F811
    outbox.sweep(now=NOW)
    bookings.cancel(lonely.booking, actor=Actor.VISITOR, now=NOW + timedelta(minutes=5))
    outbox.sweep(now=NOW + timedelta(minutes=5))

    made, cancelled = (parsed(content) for content in smtp_server.messages)
    first, second = (read_calendar(calendars(message)[0]) for message in (made, cancelled))
    part = next(part for part in cancelled.walk() if part.get_content_type() == "text/calendar")
    assert part.get_param("method") == second.method == "CANCEL"
    assert second.event.uid == first.event.uid
    assert (first.event.sequence, second.event.sequence) == (0, 1)
    assert second.event.status == "CANCELLED"
    assert second.event.stamp > first.event.stamp
    assert cancelled["In-Reply-To"] == cancelled["References"] == made["Message-ID"]


def test_delivered_is_noted_in_the_history(lonely, smtp_server):  # noqa: F811
    outbox.sweep(now=NOW)

    entry = Entry.objects.get(what="delivered")
    assert entry.booking == lonely.booking
    assert entry.data["recipient"] == "ada@fairbridge.example"
    assert refreshed(lonely).state == DeliveryState.DONE
    assert lonely.done_at == NOW
    assert outbox.sweep(now=NOW + DAY) == 0


# Refusals


def test_a_temporary_refusal_is_repeated_byte_by_byte(
    lonely,
    smtp_server,  # noqa: F811
    monkeypatch,
):
    sent = []
    original = mail.InvitationMessage.message

    def remember(message, **options):
        composed = original(message, **options)
        sent.append(composed.as_bytes())
        return composed

    monkeypatch.setattr(mail.InvitationMessage, "message", remember)
    smtp_server.refuse("RCPT", 451, "Try again later")
    assert outbox.deliver(lonely.pk, now=NOW) == DeliveryState.DUE
    assert "451 Try again later" in refreshed(lonely).last_error
    Agenda.objects.update(location="Elsewhere", comment="Bring nothing.", label="Other")
    Booking.objects.update(user_name="Somebody else")
    smtp_server.accept()
    assert outbox.deliver(lonely.pk, now=NOW + DAY) == DeliveryState.DONE

    assert len(sent) == 2
    assert sent[0] == sent[1]
    (message,) = map(parsed, smtp_server.messages)
    assert message["Message-ID"] == lonely.message_id
    assert "Bring a photo." in message.get_body(("plain",)).get_content()


def test_no_long_header_that_servers_must_find_again_is_folded(
    lonely,
    smtp_server,  # noqa: F811
):
    outbox.sweep(now=NOW)

    assert f"\r\nMessage-ID: {lonely.message_id}\r\n".encode() in smtp_server.messages[0]


def test_a_permanent_refusal_fails_with_its_reason(lonely, smtp_server):  # noqa: F811
    smtp_server.refuse("RCPT", 550, "No such user")

    assert outbox.deliver(lonely.pk, now=NOW) == DeliveryState.FAILED

    assert "550 No such user" in refreshed(lonely).last_error
    entry = Entry.objects.get(what="delivery_failed")
    assert "550 No such user" in entry.data["reason"]
    assert outbox.sweep(now=NOW + 2 * DAY) == 0


def test_a_sweep_sends_all_over_one_connection(agenda, smtp_server):  # noqa: F811
    make_booking(agenda)

    assert outbox.sweep(now=NOW) == 2

    assert len({received.port for received in smtp_server.received}) == 1


def test_one_refused_recipient_keeps_no_mail_from_the_others(agenda, smtp_server):  # noqa: F811
    smtp_server.refuse("RCPT", 550, "No such user", address="ada@fairbridge.example")
    make_booking(agenda)

    outbox.sweep(now=NOW)

    assert [received.recipients for received in smtp_server.received] == [
        ("counter@fairbridge.example",)
    ]


def test_a_server_that_is_down_is_tried_again_ever_more_seldom(lonely, smtp_server):  # noqa: F811
    smtp_server.stop()
    now = NOW

    for wait in outbox.BACKOFF:
        assert outbox.deliver(lonely.pk, now=now) == DeliveryState.DUE
        assert 0.9 * wait <= refreshed(lonely).due_at - now <= 1.1 * wait
        assert outbox.deliver(lonely.pk, now=now) is None
        now = lonely.due_at
    assert outbox.deliver(lonely.pk, now=now) == DeliveryState.FAILED

    assert refreshed(lonely).attempts == len(outbox.BACKOFF) + 1
    assert lonely.last_error.startswith("Given up after: The mail server cannot be reached")
    assert Entry.objects.filter(what="delivery_failed").count() == 1


def test_a_worker_that_was_away_for_days_still_sends(lonely, smtp_server):  # noqa: F811
    assert outbox.deliver(lonely.pk, now=NOW + 5 * DAY) == DeliveryState.DONE


def test_wrong_credentials_are_told_to_the_operator(lonely, settings, caplog, monkeypatch):
    def refuse(*args, **kwargs):
        raise mail.TemporaryFailure("535 bad password", configuration=True)

    monkeypatch.setattr(mail, "send", refuse)

    assert outbox.deliver(lonely.pk, now=NOW) == DeliveryState.DUE
    assert "535 bad password" in caplog.text


def test_a_failed_delivery_can_be_sent_again_once_mended(lonely, smtp_server, settings):  # noqa: F811
    settings.DEFAULT_FROM_EMAIL = "nobody at all"
    assert outbox.deliver(lonely.pk, now=NOW) == DeliveryState.FAILED
    assert "e-mail address" in refreshed(lonely).last_error

    settings.DEFAULT_FROM_EMAIL = "agenda@fairbridge.example"
    assert outbox.retry(lonely, now=NOW + 2 * DAY)
    assert outbox.deliver(lonely.pk, now=NOW + 2 * DAY) == DeliveryState.DONE

    assert parsed(smtp_server.messages[0])["Message-ID"] == lonely.message_id
    assert not outbox.retry(lonely, now=NOW + 2 * DAY)


def test_a_waiting_delivery_can_be_hurried_and_keeps_its_bytes(lonely, smtp_server):  # noqa: F811
    smtp_server.refuse("DATA", 451, "Later")
    outbox.deliver(lonely.pk, now=NOW)
    letter = refreshed(lonely).letter

    assert outbox.retry(lonely, now=NOW + timedelta(seconds=1))

    assert refreshed(lonely).letter == letter
    assert lonely.due_at == NOW + timedelta(seconds=1)


# The order in which mails leave


def written(booking, number, recipient="ada@fairbridge.example", audience="visitor"):
    """A message of one's own wording, about which nothing later changes."""
    texts = [{"language": "", "subject": f"Message {number}", "text": "Hello"}]
    wanted = outbox.Mail(booking, audience, recipient, None, {"texts": texts}, f"own.{number}")
    (delivery,) = outbox.enqueue_mails([wanted], domain="fairbridge.example", now=NOW)
    return delivery


def subjects(smtp_server):  # noqa: F811
    return [parsed(content)["Subject"] for content in smtp_server.messages]


def test_what_one_recipient_gets_about_a_booking_comes_in_order(lonely, smtp_server):  # noqa: F811
    outbox.deliver(lonely.pk, now=NOW)
    first, second, elsewhere = (
        written(lonely.booking, 1),
        written(lonely.booking, 2),
        written(lonely.booking, 3, "grace@fairbridge.example", "staff"),
    )
    smtp_server.refuse("RCPT", 451, "Later", address="ada@fairbridge.example")
    outbox.deliver(first.pk, now=NOW)
    smtp_server.accept()

    assert outbox.deliver(second.pk, now=NOW) is None
    assert refreshed(second).attempts == 0
    assert outbox.deliver(elsewhere.pk, now=NOW) == DeliveryState.DONE
    assert outbox.sweep(now=NOW + timedelta(minutes=2)) == 2

    assert subjects(smtp_server)[1:] == ["Message 3", "Message 1", "Message 2"]


def test_what_failed_for_good_keeps_nothing_waiting(lonely, smtp_server):  # noqa: F811
    outbox.deliver(lonely.pk, now=NOW)
    first, second = written(lonely.booking, 1), written(lonely.booking, 2)
    Delivery.objects.filter(pk=first.pk).update(state=DeliveryState.FAILED)

    assert outbox.deliver(second.pk, now=NOW) == DeliveryState.DONE


def test_a_server_that_is_back_is_noticed_soon_though_nobody_books(lonely, smtp_server):  # noqa: F811
    smtp_server.stop()
    for minute in range(120):
        outbox.sweep(now=NOW + timedelta(minutes=minute))
    # By its own waits alone it would be tried again in an hour or more.
    assert 120 / 5 - 2 <= refreshed(lonely).attempts <= 120 / 5 + 2

    smtp_server.start()
    for minute in range(120, 126):
        outbox.sweep(now=NOW + timedelta(minutes=minute))

    assert refreshed(lonely).state == DeliveryState.DONE


def test_a_mailbox_that_is_full_is_not_tried_more_often_because_others_are_reached(
    agenda,
    smtp_server,  # noqa: F811
):
    agenda.staff_addresses = ""
    agenda.save()
    full = make_booking(agenda, user_email="full@fairbridge.example").deliveries.get()
    smtp_server.refuse("RCPT", 452, "Full", address="full@fairbridge.example")
    outbox.sweep(now=NOW)
    due_at = refreshed(full).due_at
    make_booking(agenda)

    assert outbox.sweep(now=NOW) == 1
    assert refreshed(full).due_at == due_at > NOW


# What is overtaken


def test_an_invitation_overtaken_by_its_cancellation_is_not_sent(lonely, smtp_server):  # noqa: F811
    bookings.cancel(lonely.booking, actor=Actor.AGENT, now=NOW)

    outbox.sweep(now=NOW)

    (message,) = map(parsed, smtp_server.messages)
    assert message["Subject"].strip().startswith("Cancelled:")
    assert "In-Reply-To" not in message
    assert refreshed(lonely).state == DeliveryState.SUPERSEDED
    assert not Entry.objects.filter(what="delivered", data__sequence=0).exists()


def test_a_confirmation_without_calendar_is_overtaken_as_well(lonely, smtp_server):  # noqa: F811
    Delivery.objects.update(invitation=None, sequence=None, method="")
    Booking.objects.update(admission="cancelled")

    assert outbox.deliver(lonely.pk, now=NOW) == DeliveryState.SUPERSEDED
    assert smtp_server.messages == []


# Workers that die, workers that meet


def test_a_killed_worker_leaves_a_counted_attempt_and_the_same_bytes(lonely, monkeypatch):
    class Killed(BaseException):
        pass

    letters = []

    def send(letter, connection, server):
        letters.append(letter)
        if len(letters) == 1:
            raise Killed

    monkeypatch.setattr(mail, "send", send)
    with pytest.raises(Killed):
        outbox.deliver(lonely.pk, now=NOW)

    assert (refreshed(lonely).attempts, lonely.state) == (1, DeliveryState.SENDING)
    assert outbox.deliver(lonely.pk, now=NOW + outbox.LEASE / 2) is None
    Agenda.objects.update(location="Elsewhere")
    assert outbox.sweep(now=NOW + outbox.LEASE) == 1
    assert letters[0] == letters[1]
    assert refreshed(lonely).state == DeliveryState.DONE


def test_a_mail_that_kills_every_worker_is_given_up(lonely, monkeypatch):
    class Killed(BaseException):
        pass

    def send(letter, connection, server):
        raise Killed

    monkeypatch.setattr(mail, "send", send)
    now, kills = NOW, 0
    while refreshed(lonely).state != DeliveryState.FAILED:
        try:
            outbox.deliver(lonely.pk, now=now)
        except Killed:
            kills += 1
            now = refreshed(lonely).leased_until

    assert kills <= len(outbox.BACKOFF) + 1
    assert "Given up" in lonely.last_error


def test_a_worker_that_comes_back_too_late_does_not_undo_a_delivery(lonely, monkeypatch):
    def slow(letter, connection, server):
        # While this one waits, another worker takes over and succeeds.
        monkeypatch.setattr(mail, "send", lambda letter, connection, server: None)
        assert outbox.deliver(lonely.pk, now=NOW + outbox.LEASE) == DeliveryState.DONE
        raise mail.TemporaryFailure("timed out")

    monkeypatch.setattr(mail, "send", slow)
    outbox.deliver(lonely.pk, now=NOW)

    assert refreshed(lonely).state == DeliveryState.DONE
    assert Entry.objects.filter(what="delivered").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_sends(lonely, smtp_server, simultaneously):  # noqa: F811
    outcomes = simultaneously(lambda _number: outbox.deliver(lonely.pk, now=NOW), range(8))

    assert sorted(map(str, outcomes)) == ["None"] * 7 + ["done"]
    assert len(smtp_server.messages) == 1
    assert refreshed(lonely).attempts == 1


@pytest.mark.django_db(transaction=True)
def test_workers_that_sweep_at_once_send_every_mail_once(
    agenda,
    smtp_server,  # noqa: F811
    simultaneously,
    monkeypatch,
):
    monkeypatch.setattr(outbox.sweeping, "BATCH", 3)
    for _number in range(6):
        make_booking(agenda)

    done = simultaneously(lambda _number: outbox.sweep(now=NOW), range(3))
    # What another was claiming at that moment is left to the next sweep.
    done.append(outbox.sweep(now=NOW))

    assert sum(done) == len(smtp_server.messages) == 12
    sent = {parsed(content)["Message-ID"] for content in smtp_server.messages}
    assert sent == set(Delivery.objects.values_list("message_id", flat=True))
    assert set(Delivery.objects.values_list("state", "attempts")) == {(DeliveryState.DONE, 1)}
    assert Entry.objects.filter(what="delivered").count() == 12


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL is asked")
def test_nothing_but_the_marks_of_mails_does_not_wait_for_the_disk(lonely, smtp_server):  # noqa: F811
    def waits():
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            return cursor.fetchone()[0]

    with connection.cursor() as cursor:
        # As on a site; the tests themselves wait for no disk.
        cursor.execute("SET synchronous_commit = on")
    try:
        assert outbox.deliver(lonely.pk, now=NOW) == DeliveryState.DONE
        assert waits() == "on"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET synchronous_commit")


def test_what_was_taken_over_before_it_was_begun_is_left_alone(lonely, monkeypatch):
    letter_of = outbox.mails.letters.letter_of
    sent = []
    monkeypatch.setattr(mail, "send", lambda letter, connection, server: sent.append(letter))

    def overtaken(delivery, now):
        monkeypatch.setattr(outbox.mails.letters, "letter_of", letter_of)
        assert outbox.deliver(lonely.pk, now=NOW + outbox.LEASE) == DeliveryState.DONE
        return letter_of(delivery, now)

    monkeypatch.setattr(outbox.mails.letters, "letter_of", overtaken)

    assert outbox.deliver(lonely.pk, now=NOW) is None
    assert len(sent) == 1


def test_what_has_left_is_marked_though_the_next_one_was_taken_over(many, monkeypatch):
    letter_of = outbox.mails.letters.letter_of
    sent = []
    monkeypatch.setattr(mail, "send", lambda letter, connection, server: sent.append(letter))

    def overtaken(delivery, now):
        if delivery.pk == many[1].pk:
            monkeypatch.setattr(outbox.mails.letters, "letter_of", letter_of)
            outbox.deliver(many[1].pk, now=NOW + outbox.LEASE)
        return letter_of(delivery, now)

    monkeypatch.setattr(outbox.mails.letters, "letter_of", overtaken)
    outbox.sweep(now=NOW)

    assert sorted(letter.message_id for letter in sent) == sorted(one.message_id for one in many)
    assert {refreshed(one).state for one in many} == {DeliveryState.DONE}
    assert refreshed(many[0]).done_at == NOW
    assert refreshed(many[1]).done_at == NOW + outbox.LEASE


def test_what_has_changed_since_a_batch_was_read_is_read_again(agenda, monkeypatch):
    first, second = (make_booking(agenda) for _number in range(2))
    ticking = itertools.count()
    monkeypatch.setattr(outbox.sweeping.time, "monotonic", lambda: next(ticking))

    def send(letter, connection, server):
        if not second.is_cancelled:
            bookings.cancel(second, actor=Actor.AGENT, now=NOW)
            second.refresh_from_db()

    monkeypatch.setattr(mail, "send", send)
    outbox.sweep(now=NOW)

    assert {delivery.state for delivery in first.deliveries.all()} == {DeliveryState.DONE}
    confirmations = second.deliveries.filter(method="REQUEST")
    assert {delivery.state for delivery in confirmations} == {DeliveryState.SUPERSEDED}


# Batches


@pytest.fixture
def many(agenda):
    """The mails of three bookings, six in all, in their order."""
    for _number in range(3):
        make_booking(agenda)
    return list(Delivery.objects.order_by("pk"))


class Killed(BaseException):
    """The end of a worker; nothing of its own runs after it."""


@pytest.fixture
def send_until(monkeypatch):
    """Mails that are sent into a list, and the death of the worker at a message of one's choice."""

    tidy_up = outbox.batches.Batch.__exit__

    def prepare(fatal):
        sent = []

        def send(letter, connection, server):
            if letter.message_id == fatal:
                raise Killed
            sent.append(letter.message_id)

        monkeypatch.setattr(mail, "send", send)
        return sent

    def unless_killed(batch, kind, *error):
        # As by kill -9: whatever would be tidied up is not.
        if kind is not Killed:
            tidy_up(batch, kind, *error)

    monkeypatch.setattr(outbox.batches.Batch, "__exit__", unless_killed)

    return prepare


def test_a_killed_worker_has_counted_no_attempt_at_what_it_had_only_taken(many, send_until):
    sent = send_until(fatal=many[2].message_id)
    with pytest.raises(Killed):
        outbox.sweep(now=NOW)

    assert sent == [mail.message_id for mail in many[:2]]
    assert [refreshed(mail).attempts for mail in many] == [1, 1, 1, 0, 0, 0]
    assert {mail.state for mail in many} == {DeliveryState.SENDING}
    assert outbox.sweep(now=NOW + outbox.LEASE / 2) == 0


def test_what_a_killed_worker_has_sent_is_noted_and_not_sent_again(many, send_until):
    send_until(fatal=many[2].message_id)
    with pytest.raises(Killed):
        outbox.sweep(now=NOW)
    assert not Entry.objects.filter(what="delivered").exists()

    sent = send_until(fatal=None)
    outbox.sweep(now=NOW + outbox.LEASE)

    assert sent == [mail.message_id for mail in many[2:]]
    assert {refreshed(mail).state for mail in many} == {DeliveryState.DONE}
    assert [mail.done_at - NOW for mail in many[:2]] == [timedelta(0)] * 2
    noted = Entry.objects.filter(what="delivered").values_list("data__delivery", flat=True)
    assert sorted(noted) == [mail.pk for mail in many]


def test_what_has_left_keeps_no_later_mail_waiting(lonely, send_until):
    first, second = written(lonely.booking, 1), written(lonely.booking, 2)
    sent = send_until(fatal=None)

    assert outbox.sweep(now=NOW) == 3
    assert sent == [lonely.message_id, first.message_id, second.message_id]


def test_what_kills_its_worker_takes_the_others_along_but_once(many, send_until):
    send_until(fatal=many[0].message_id)
    with pytest.raises(Killed):
        outbox.sweep(now=NOW)
    with pytest.raises(Killed):
        outbox.sweep(now=NOW + outbox.LEASE)

    # It was tried alone, so that nothing else was on its way: the rest leaves at once.
    assert outbox.sweep(now=NOW + outbox.LEASE) == 5
    assert {refreshed(mail).state for mail in many[1:]} == {DeliveryState.DONE}
    assert (refreshed(many[0]).state, many[0].attempts) == (DeliveryState.SENDING, 2)


def test_a_mail_that_kills_whoever_writes_it_is_given_up(many, send_until, monkeypatch):
    letter_of = outbox.mails.letters.letter_of
    send_until(fatal=None)

    def fatal(delivery, now):
        if delivery.pk == many[0].pk:
            raise Killed
        return letter_of(delivery, now)

    monkeypatch.setattr(outbox.mails.letters, "letter_of", fatal)
    now, kills = NOW, 0
    while refreshed(many[0]).state != DeliveryState.FAILED:
        try:
            outbox.deliver(many[0].pk, now=now)
        except Killed:
            kills += 1
            now = refreshed(many[0]).leased_until

    assert kills <= len(outbox.BACKOFF) + 2
    assert "never came back" in many[0].last_error


def test_what_a_worker_took_and_had_no_time_for_is_given_back(many, monkeypatch):
    sent = []
    monkeypatch.setattr(mail, "send", lambda letter, connection, server: sent.append(letter))
    monkeypatch.setattr(outbox.sweeping.time, "monotonic", lambda: 15 * len(sent))

    done = outbox.sweep(now=NOW)

    assert 0 < done < len(many)
    states = [refreshed(mail).state for mail in many]
    assert states == [DeliveryState.DONE] * done + [DeliveryState.DUE] * (len(many) - done)
    assert {mail.leased_until for mail in many} == {None}


def test_two_workers_share_a_backlog(many, monkeypatch):
    sent = []

    def send(letter, connection, server):
        if not sent:
            sent.append(letter.message_id)
            # The other one takes nothing of what this one has.
            assert outbox.sweep(now=NOW) == 0
        else:
            sent.append(letter.message_id)

    monkeypatch.setattr(mail, "send", send)

    assert outbox.sweep(now=NOW) == len(many)
    assert sent == [mail.message_id for mail in many]


def test_what_has_left_is_noted_though_the_next_one_fails_unexpectedly(many, monkeypatch, caplog):
    def send(letter, connection, server):
        if letter.message_id == many[1].message_id:
            raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(mail, "send", send)
    outbox.sweep(now=NOW)

    assert Entry.objects.filter(what="delivered").count() == len(many) - 1
    assert refreshed(many[1]).state == DeliveryState.SENDING


# Poison


@pytest.mark.parametrize("broken", ["recipient", "action", "message_id", "letter", "language"])
def test_a_delivery_that_cannot_be_written_fails_and_stops_no_other(
    agenda,
    smtp_server,  # noqa: F811
    broken,
):
    first, second = make_booking(agenda).deliveries.order_by("pk")
    junk = {
        "recipient": {"recipient": "not an address"},
        "action": {"action": {"texts": ["x", 3]}},
        "message_id": {"message_id": "no id"},
        "letter": {"letter": {"nonsense": 1}},
        "language": {"action": {"texts": [{"language": [], "subject": {}, "text": 3}]}},
    }[broken]
    Delivery.objects.filter(pk=first.pk).update(**junk)
    if broken == "recipient":
        Booking.objects.update(user_email=junk["recipient"])

    assert outbox.sweep(now=NOW) == 2

    assert refreshed(second).state == DeliveryState.DONE
    if broken != "language":
        assert refreshed(first).state == DeliveryState.FAILED
        assert first.last_error


def test_an_error_nobody_foresaw_stops_no_other(agenda, monkeypatch, caplog):
    first, second = make_booking(agenda).deliveries.order_by("pk")
    sent = []

    def send(letter, connection, server):
        if not sent:
            sent.append(None)
            raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(mail, "send", send)

    assert outbox.sweep(now=NOW) == 1
    assert refreshed(second).state == DeliveryState.DONE
    assert "the disk is on fire" in caplog.text


def test_an_unusable_sender_or_visitor_address_costs_no_booking(agenda, settings):
    settings.DEFAULT_FROM_EMAIL = "nobody at all"

    booking = make_booking(agenda, user_email="not an address")
    outbox.sweep(now=NOW)

    assert booking.pk
    assert {delivery.state for delivery in booking.deliveries.all()} == {DeliveryState.FAILED}


def test_a_sweep_ends_before_the_next_one_begins(agenda, monkeypatch):
    make_booking(agenda)
    monkeypatch.setattr(outbox.sweeping, "SWEEP_SECONDS", -1)

    assert outbox.sweep(now=NOW) == 0


# Secrets


def dump(capsys):
    call_command("dumpdata", "wagtail_agenda", "django_q")
    return capsys.readouterr().out


def test_the_manage_link_is_never_in_the_database(lonely, smtp_server, capsys):  # noqa: F811
    token = tokens.manage_token(lonely.booking)

    assert token not in dump(capsys)
    smtp_server.refuse("DATA", 451, "Later")
    outbox.deliver(lonely.pk, now=NOW)
    assert refreshed(lonely).letter
    assert token not in dump(capsys)
    smtp_server.accept()
    outbox.deliver(lonely.pk, now=NOW + DAY)
    assert token in parsed(smtp_server.messages[0]).get_body(("plain",)).get_content()
    assert refreshed(lonely).letter is None
    after = dump(capsys)
    assert token not in after
    assert tokens.digest_of(token) in after


def test_a_delivery_is_written_with_the_booking_or_not_at_all(agenda):
    with transaction.atomic():
        make_booking(agenda)
        assert Delivery.objects.count() == 2
        transaction.set_rollback(True)

    assert not Delivery.objects.exists()
    assert not Booking.objects.exists()
