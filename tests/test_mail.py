import copy
import dataclasses
import email
import email.policy
import json
import smtplib
import socket
import ssl
from datetime import datetime, timedelta, timezone
from email.errors import HeaderParseError
from zoneinfo import ZoneInfo

import pytest
from django.core import mail as django_mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.locmem import EmailBackend as LocmemBackend
from hypothesis import given
from hypothesis import strategies as st

from tests.second_parser import read_calendar
from tests.smtp_server import SmtpServer, smtp_server  # noqa: F401
from wagtail_agenda.cleaning import clean_text
from wagtail_agenda.ics import CalendarEvent, Party, invitation
from wagtail_agenda.mail import (
    DeliveryFailure,
    KeptConnection,
    Letter,
    PermanentFailure,
    TemporaryFailure,
    compose,
    from_json,
    send,
    to_json,
)

UTC = timezone.utc
AGENDA = Party("agenda@example.org", 'Mairie "Centre", accueil')
ADA = Party("ada@example.org", "Ada Lovelace")
EVENT = CalendarEvent(
    uid="6f9c1d5e@example.org",
    sequence=0,
    stamp=datetime(2026, 6, 1, 9, 30, tzinfo=UTC),
    start=datetime(2026, 7, 14, 8, 0, tzinfo=UTC),
    end=datetime(2026, 7, 14, 8, 20, tzinfo=UTC),
    summary="Passeport – Ada Lovelace",
    description="Apportez: une photo; l'ancien passeport.\n" + "é" * 200,
    organizer=AGENDA,
    attendee=ADA,
)
LETTER = Letter(
    sender=AGENDA,
    to=ADA,
    subject="Votre rendez-vous du 14 juillet à 10 h 00",
    text="Bonjour Ada,\n\nà bientôt.\n.\nFrom the town hall",
    html="<p>Bonjour Ada,</p><p>à bientôt.</p>",
    message_id="<6f9c1d5e.0.confirmed@example.org>",
    date=datetime(2026, 6, 1, 9, 31, 5, tzinfo=UTC),
    reply_to="accueil@example.org",
    references="<6f9c1d5e.0.requested@example.org> <6f9c1d5e.0.reminder@example.org>",
    language="fr",
    calendar=invitation(EVENT, "REQUEST"),
    calendar_method="REQUEST",
    calendar_file_name="rendez-vous.ics",
)
CANCELLATION = dataclasses.replace(
    LETTER,
    message_id="<6f9c1d5e.1.cancelled@example.org>",
    calendar=invitation(dataclasses.replace(EVENT, sequence=1), "CANCEL"),
    calendar_method="CANCEL",
)
PLAIN = dataclasses.replace(LETTER, calendar=None, calendar_method="")


def as_sent(message) -> bytes:
    """The bytes that Django's SMTP backend would hand over."""
    built = message.message()
    if isinstance(built, email.message.EmailMessage):
        return built.as_bytes(policy=email.policy.SMTP)
    return built.as_bytes(linesep="\r\n")


def parsed(data: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(data, policy=email.policy.default)


class RaisingBackend:
    """A connection whose server always ends in `outcome`: an exception, or a count."""

    def __init__(self, outcome):
        self.outcome = outcome

    def send_messages(self, messages):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def failure_of(outcome, letter=LETTER) -> DeliveryFailure:
    with pytest.raises(DeliveryFailure) as caught:
        send(letter, connection=RaisingBackend(outcome))
    return caught.value


@pytest.mark.parametrize("letter", [LETTER, CANCELLATION])
def test_received_message_has_the_shape_that_mail_clients_act_on(smtp_server, letter):  # noqa: F811
    send(letter)
    (received,) = smtp_server.received
    assert received.sender == "agenda@example.org"
    assert received.recipients == ("ada@example.org",)

    message = parsed(received.content)
    assert message.get_content_type() == "multipart/mixed"
    alternative, attachment = message.iter_parts()
    assert alternative.get_content_type() == "multipart/alternative"
    plain, html, calendar = alternative.iter_parts()
    assert [part.get_content_type() for part in (plain, html, calendar)] == [
        "text/plain",
        "text/html",
        "text/calendar",
    ]
    assert plain.get_content().replace("\r\n", "\n").strip() == letter.text
    assert html.get_content().strip() == letter.html

    assert calendar["Content-Transfer-Encoding"] == "base64"
    assert calendar["Content-Disposition"] is None
    assert dict(calendar["Content-Type"].params) == {
        "charset": "utf-8",
        "method": letter.calendar_method,
    }
    assert attachment.get_content_type() == "application/ics"
    assert attachment["Content-Transfer-Encoding"] == "base64"
    assert attachment.get_content_disposition() == "attachment"
    assert attachment.get_filename() == "rendez-vous.ics"
    assert attachment.get_param("name") == "rendez-vous.ics"

    in_alternative = calendar.get_payload(decode=True)
    assert in_alternative == attachment.get_payload(decode=True) == letter.calendar
    assert read_calendar(in_alternative).method == letter.calendar_method


def test_received_headers(smtp_server):  # noqa: F811
    send(LETTER)
    message = parsed(smtp_server.messages[0])
    assert message["Subject"] == LETTER.subject
    assert [(a.display_name, a.addr_spec) for a in message["From"].addresses] == [
        (AGENDA.name, AGENDA.address)
    ]
    assert [(a.display_name, a.addr_spec) for a in message["To"].addresses] == [
        (ADA.name, ADA.address)
    ]
    assert message["Reply-To"] == "accueil@example.org"
    assert message["Message-ID"] == LETTER.message_id
    assert message["Date"].datetime == LETTER.date
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "fr"
    assert message["In-Reply-To"] == "<6f9c1d5e.0.reminder@example.org>"
    assert message["References"].split() == LETTER.references.split()


def test_without_calendar_the_message_is_two_alternatives(smtp_server):  # noqa: F811
    send(PLAIN)
    message = parsed(smtp_server.messages[0])
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "text/html",
    ]


@pytest.mark.parametrize("text", ["", " \n"])
@pytest.mark.parametrize("html", ["", "\n"])
@pytest.mark.parametrize("subject", ["Votre rendez-vous", ""])
def test_an_empty_body_does_not_change_the_shape(text, html, subject):
    letter = dataclasses.replace(LETTER, text=text, html=html, subject=subject)
    message = parsed(as_sent(compose(letter)))
    alternative, _attachment = message.iter_parts()
    assert len(list(alternative.iter_parts())) == 3


def test_two_sends_are_byte_identical_as_received(smtp_server):  # noqa: F811
    send(LETTER)
    send(from_json(json.loads(json.dumps(to_json(LETTER)))))
    first, second = smtp_server.messages
    assert first == second


@pytest.mark.skipif(
    isinstance(compose(PLAIN).message(), email.message.EmailMessage),
    reason="This Django has headers of its own.",
)
@pytest.mark.parametrize(
    "subject", ["", "Booked", "x" * 60, "x " * 60, "Réservé : " * 9, "a,b;" * 20]
)
@pytest.mark.parametrize("name", ["Ada", 'Ada, "x" M.', "é" * 30, "a " * 40])
def test_headers_are_what_the_usual_policy_writes(subject, name):
    letter = dataclasses.replace(
        LETTER, subject=subject, to=Party(ADA.address, name), references=f"<{'c' * 70}@d.example>"
    )
    message = compose(letter).message()
    usual = copy.deepcopy(message)
    usual.policy = email.policy.compat32

    assert message.as_bytes(linesep="\r\n") == usual.as_bytes(linesep="\r\n")


@pytest.mark.parametrize("letter", [LETTER, CANCELLATION, PLAIN])
def test_composing_again_gives_the_same_bytes(letter):
    message = compose(letter)
    sent = as_sent(message)
    assert as_sent(message) == sent
    assert as_sent(copy.deepcopy(message)) == sent
    stored = from_json(json.loads(json.dumps(to_json(letter))))
    assert stored == letter
    assert as_sent(compose(stored)) == sent
    in_paris = dataclasses.replace(letter, date=letter.date.astimezone(ZoneInfo("Europe/Paris")))
    assert as_sent(compose(in_paris)) == sent


def test_another_letter_has_other_boundaries():
    assert (
        parsed(as_sent(compose(LETTER))).get_boundary()
        != parsed(as_sent(compose(CANCELLATION))).get_boundary()
    )


def test_a_body_cannot_close_its_part():
    boundaries = [
        part.get_boundary()
        for part in parsed(as_sent(compose(LETTER))).walk()
        if part.is_multipart()
    ]
    forged = "\n".join(f"--{boundary}--" for boundary in boundaries)
    letter = dataclasses.replace(LETTER, text=forged)
    alternative, attachment = parsed(as_sent(compose(letter))).iter_parts()
    plain, _html, _calendar = alternative.iter_parts()
    assert plain.get_content().split() == forged.split()
    assert attachment.get_payload(decode=True) == LETTER.calendar


def test_backends_of_web_services_see_an_ordinary_message():
    message = compose(LETTER)
    assert isinstance(message, EmailMultiAlternatives)
    assert message.body == LETTER.text
    assert [tuple(alternative) for alternative in message.alternatives] == [
        (LETTER.html, "text/html")
    ]
    assert [tuple(attachment) for attachment in message.attachments] == [
        ("rendez-vous.ics", LETTER.calendar, "application/ics")
    ]
    assert message.to == ["Ada Lovelace <ada@example.org>"]


def test_the_site_s_own_backend_is_used_without_a_connection(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    django_mail.outbox = []
    send(LETTER)
    (message,) = django_mail.outbox
    assert message.extra_headers["Message-ID"] == LETTER.message_id


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("code", "kind"), [(452, TemporaryFailure), (550, PermanentFailure), (554, PermanentFailure)]
)
def test_a_refusal_is_classified_by_its_code(smtp_server, step, code, kind):  # noqa: F811
    smtp_server.refuse(step, code, "4.2.2 Not today, Ada")
    with pytest.raises(kind) as caught:
        send(LETTER)
    assert str(code) in caught.value.reason
    assert "Not today, Ada" in caught.value.reason
    assert not caught.value.configuration
    assert smtp_server.messages == []

    smtp_server.accept()
    send(LETTER)
    assert len(smtp_server.messages) == 1


def test_a_refused_address_does_not_concern_another(smtp_server):  # noqa: F811
    smtp_server.refuse("RCPT", 550, "No such user", address="ada@example.org")
    send(dataclasses.replace(LETTER, to=Party("bob@example.org")))
    with pytest.raises(PermanentFailure, match="No such user"):
        send(LETTER)


def test_a_server_that_asks_for_authentication_needs_the_operator(smtp_server):  # noqa: F811
    smtp_server.refuse("MAIL", 530, "5.7.0 Authentication required")
    with pytest.raises(TemporaryFailure, match="Authentication required") as caught:
        send(LETTER)
    assert caught.value.configuration


def test_credentials_that_the_server_does_not_ask_for_need_the_operator(
    smtp_server,  # noqa: F811
    settings,
):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "user", "password"
    with pytest.raises(DeliveryFailure) as caught:
        send(LETTER)
    assert caught.value.configuration


def test_starttls_that_the_server_does_not_offer_needs_the_operator(
    smtp_server,  # noqa: F811
    settings,
):
    settings.EMAIL_USE_TLS = True
    with pytest.raises(PermanentFailure, match="STARTTLS") as caught:
        send(LETTER)
    assert caught.value.configuration


def test_a_server_that_is_away_is_temporary(smtp_server):  # noqa: F811
    smtp_server.stop()
    with pytest.raises(TemporaryFailure, match="cannot be reached") as caught:
        send(LETTER)
    assert not caught.value.configuration

    smtp_server.start()
    send(LETTER)
    assert len(smtp_server.messages) == 1


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("reset"),
        TimeoutError("timed out"),
        socket.gaierror("no such host"),
        smtplib.SMTPServerDisconnected("gone"),
        smtplib.SMTPConnectError(554, b"go away"),
        smtplib.SMTPHeloError(504, b"who?"),
        smtplib.SMTPResponseException(-1, "nonsense"),
        smtplib.SMTPException("something"),
        smtplib.SMTPSenderRefused(421, b"busy", "agenda@example.org"),
        smtplib.SMTPDataError(451, b"later"),
        smtplib.SMTPRecipientsRefused({"ada@example.org": (450, b"greylisted")}),
        ssl.SSLEOFError("cut"),
    ],
)
def test_what_passes_by_itself_is_temporary(error):
    failure = failure_of(error)
    assert isinstance(failure, TemporaryFailure)
    assert not failure.configuration
    assert failure.reason


@pytest.mark.parametrize(
    "error",
    [
        smtplib.SMTPAuthenticationError(535, b"bad credentials"),
        smtplib.SMTPException("No suitable authentication method found."),
        ssl.SSLCertVerificationError("self-signed certificate"),
        ImproperlyConfigured("no such setting"),
        ImportError("no such backend"),
    ],
)
def test_what_the_operator_must_mend_is_temporary_and_marked(error):
    failure = failure_of(error)
    assert isinstance(failure, TemporaryFailure)
    assert failure.configuration


@pytest.mark.parametrize(
    "error",
    [
        smtplib.SMTPSenderRefused(553, b"not yours", "agenda@example.org"),
        smtplib.SMTPDataError(554, b"spam"),
        smtplib.SMTPRecipientsRefused({"ada@example.org": (550, "unknown")}),
        smtplib.SMTPNotSupportedError("SMTPUTF8 not supported by server"),
        HeaderParseError("newline"),
        ValueError("no"),
        UnicodeEncodeError("ascii", "é", 0, 1, "no"),
    ],
)
def test_what_would_be_refused_again_is_permanent(error):
    failure = failure_of(error)
    assert isinstance(failure, PermanentFailure)
    assert not failure.configuration
    assert failure.reason


def test_an_unknown_error_of_a_backend_is_temporary_and_logged_with_its_traceback(caplog):
    failure = failure_of(ZeroDivisionError("odd backend"))
    assert isinstance(failure, TemporaryFailure)
    assert "ZeroDivisionError: odd backend" in failure.reason
    assert not failure.configuration
    (record,) = caplog.records
    assert record.exc_info[0] is ZeroDivisionError
    assert LETTER.message_id in record.getMessage()


def test_a_backend_that_sends_nothing_in_silence_is_temporary():
    assert isinstance(failure_of(0), TemporaryFailure)


@pytest.mark.parametrize("count", [1, None])
def test_a_backend_that_does_not_complain_has_sent(count):
    send(LETTER, connection=RaisingBackend(count))


def test_a_reason_is_one_short_line():
    failure = failure_of(smtplib.SMTPDataError(554, b"5.7.1 a\r\n5.7.1 b\x00 " + b"x" * 5000))
    assert "5.7.1 a 5.7.1 b" in failure.reason
    assert len(failure.reason) <= 500
    assert failure.reason == str(failure)


@pytest.mark.parametrize("method", ["CANCEL", "PUBLISH", "", "request"])
def test_a_calendar_that_contradicts_its_method_is_refused(method):
    with pytest.raises(PermanentFailure, match="calendar"):
        compose(dataclasses.replace(LETTER, calendar_method=method))


@pytest.mark.parametrize("field", ["sender", "to"])
@pytest.mark.parametrize(
    "address", ["", "ada", "ada@example.org\r\nBcc: x@example.org", "a@b.org, c@d.org", "ä@b.org"]
)
def test_an_unusable_address_is_a_permanent_failure(field, address):
    with pytest.raises(PermanentFailure, match="not a usable e-mail address"):
        send(dataclasses.replace(LETTER, **{field: Party(address)}))


@pytest.mark.parametrize("reply_to", ["ada", "a@b.org\r\nBcc: c@d.org", "a@b.org, c@d.org"])
def test_an_unusable_reply_address_is_a_permanent_failure(reply_to):
    with pytest.raises(PermanentFailure, match="not a usable e-mail address"):
        compose(dataclasses.replace(LETTER, reply_to=reply_to))


def test_a_reply_address_may_have_a_name():
    message = compose(dataclasses.replace(LETTER, reply_to="Accueil é <accueil@example.org>"))
    (address,) = parsed(as_sent(message))["Reply-To"].addresses
    assert (address.display_name, address.addr_spec) == ("Accueil é", "accueil@example.org")


@pytest.mark.parametrize("message_id", ["", "x@example.org", "<a b@c>", "<a@b>\r\nBcc: c@d.org"])
def test_an_unusable_message_id_is_a_permanent_failure(message_id):
    with pytest.raises(PermanentFailure, match="Message-ID"):
        compose(dataclasses.replace(LETTER, message_id=message_id))


def test_a_naive_date_is_refused():
    with pytest.raises(ValueError, match="aware"):
        dataclasses.replace(LETTER, date=datetime(2026, 6, 1))


HOSTILE = st.lists(
    st.sampled_from(
        [
            "\r\nBcc: mallory@example.org\r\n",
            "\n\n",
            "\r",
            "\x00",
            "\x85",
            "\u2028",
            "\ud800",
            "\u202e",
            '"',
            "\\",
            "<x@y.z>",
            ",",
            "=?utf-8?q?a?=",
            "é" * 90,
            "x" * 1200,
            "👩‍👧",
        ]
    )
    | st.text(st.characters(codec=None, categories=None), max_size=10),
    max_size=6,
).map("".join)


@given(
    subject=HOSTILE,
    sender=HOSTILE,
    name=HOSTILE,
    text=HOSTILE,
    html=HOSTILE,
    references=HOSTILE,
    language=HOSTILE,
    file_name=HOSTILE,
)
def test_nothing_typed_becomes_a_header_a_recipient_or_a_part(
    subject, sender, name, text, html, references, language, file_name
):
    letter = dataclasses.replace(
        LETTER,
        subject=subject,
        sender=Party("agenda@example.org", sender),
        to=Party("ada@example.org", name),
        text=text,
        html=html,
        references=references,
        language=language,
        calendar_file_name=file_name,
    )
    data = as_sent(compose(letter))
    assert b"\x00" not in data
    assert max(len(line) for line in data.split(b"\r\n")) <= 998
    message = parsed(data)
    optional = {"In-Reply-To", "References", "Content-Language"}
    assert sorted(set(message.keys()) - optional) == [
        "Auto-Submitted",
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "Reply-To",
        "Subject",
        "To",
    ]
    assert len(message.keys()) == len(set(message.keys()))
    assert [address.addr_spec for address in message["To"].addresses] == ["ada@example.org"]
    assert [address.addr_spec for address in message["From"].addresses] == ["agenda@example.org"]
    alternative, attachment = message.iter_parts()
    assert len(list(alternative.iter_parts())) == 3
    assert attachment.get_payload(decode=True) == LETTER.calendar

    stored = to_json(letter)
    assert stored == json.loads(json.dumps(stored))
    assert "\\u0000" not in json.dumps(stored)
    assert as_sent(compose(from_json(stored))) == data


@pytest.mark.parametrize("name", ["Jöhn " * 30, "J" * 190, '"' * 190, "é" * 5000, "a, b <c@d.e>"])
def test_long_and_odd_names_reach_one_recipient(smtp_server, name):  # noqa: F811
    letter = dataclasses.replace(
        LETTER, to=Party("ada@example.org", name), sender=Party("agenda@example.org", name)
    )
    send(letter)
    (received,) = smtp_server.received
    assert received.recipients == ("ada@example.org",)
    assert received.sender == "agenda@example.org"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Lovelace, Ada (desk 2)", "Lovelace, Ada (desk 2)"),
        ("Médiathèque (accueil)", "Médiathèque accueil"),
        ("Bcc: mallory@example.org " * 4, ("Bcc mallory example.org " * 4).strip()),
        ("é, <mallory@example.org>", "é mallory example.org"),
    ],
)
def test_a_name_that_needs_encoding_or_folding_never_reads_as_an_address(name, shown):
    letter = dataclasses.replace(LETTER, to=Party("ada@example.org", name))
    (address,) = parsed(as_sent(compose(letter)))["To"].addresses
    assert (address.display_name, address.addr_spec) == (shown, "ada@example.org")


def test_international_domains_are_sent_in_punycode(smtp_server):  # noqa: F811
    send(dataclasses.replace(LETTER, to=Party("ada@exämple.org", "Ädä")))
    assert smtp_server.received[0].recipients == ("ada@xn--exmple-cua.org",)


def test_what_a_letter_stores_is_clean():
    letter = dataclasses.replace(LETTER, text="a\x00b\ud800", to=Party("ada@example.org", "A\x00"))
    stored = to_json(letter)
    assert stored["text"] == clean_text(letter.text) == "ab"
    assert stored["to"] == {"address": "ada@example.org", "name": "A"}


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        None,
        {**to_json(LETTER), "date": "yesterday"},
        {**to_json(LETTER), "date": "2026-06-01T09:31:05"},
        {**to_json(LETTER), "calendar": "*"},
        {**to_json(LETTER), "sender": "agenda@example.org"},
        {**to_json(LETTER), "another": "key"},
    ],
)
def test_what_is_no_stored_letter_is_refused_in_words(data):
    with pytest.raises(ValueError, match="not a stored letter"):
        from_json(data)


def test_letters_a_year_apart_differ_only_in_their_date():
    later = dataclasses.replace(LETTER, date=LETTER.date + timedelta(days=365))
    ours, theirs = as_sent(compose(LETTER)), as_sent(compose(later))
    differing = [
        (a, b) for a, b in zip(ours.split(b"\r\n"), theirs.split(b"\r\n"), strict=True) if a != b
    ]
    assert len(differing) == 1
    assert all(line.startswith(b"Date: ") for line in differing[0])


def test_the_server_refuses_connections_once_stopped():
    server = SmtpServer()
    server.start()
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port), timeout=5)


# One connection for many letters


def test_letters_in_a_row_go_over_one_connection(smtp_server):  # noqa: F811
    with KeptConnection() as connection:
        for _number in range(3):
            send(LETTER, connection)

    assert len(smtp_server.received) == 3
    assert len({received.port for received in smtp_server.received}) == 1


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_refused_letter_keeps_no_later_one_from_its_way(smtp_server, step):  # noqa: F811
    with KeptConnection() as connection:
        send(LETTER, connection)
        smtp_server.refuse(step, 452, "Not today")
        with pytest.raises(TemporaryFailure):
            send(LETTER, connection)
        smtp_server.accept()
        send(LETTER, connection)

    assert len(smtp_server.received) == 2


def test_a_server_that_takes_few_letters_a_connection_gets_another_connection(smtp_server):  # noqa: F811
    smtp_server.messages_per_connection = 2
    with KeptConnection() as connection:
        for _number in range(5):
            send(LETTER, connection)

    assert len(smtp_server.received) == 5
    assert len({received.port for received in smtp_server.received}) == 3


def test_a_server_that_came_back_is_reached_again(smtp_server):  # noqa: F811
    with KeptConnection() as connection:
        send(LETTER, connection)
        smtp_server.stop()
        with pytest.raises(TemporaryFailure):
            send(LETTER, connection)
        smtp_server.start()
        send(LETTER, connection)

    assert len(smtp_server.received) == 2


def test_a_server_that_hangs_up_at_once_is_asked_once_only(smtp_server):  # noqa: F811
    smtp_server.messages_per_connection = 0
    with KeptConnection() as connection, pytest.raises(TemporaryFailure, match="421"):
        send(LETTER, connection)


class BackendThatCannotClose(LocmemBackend):
    def close(self):
        raise RuntimeError("The network is down.")


def test_a_connection_that_ends_badly_fails_nothing(settings):
    settings.EMAIL_BACKEND = "tests.test_mail.BackendThatCannotClose"
    django_mail.outbox = []
    with KeptConnection() as connection:
        send(LETTER, connection)

    assert len(django_mail.outbox) == 1
