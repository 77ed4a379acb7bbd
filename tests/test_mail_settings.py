"""How each site sends its mails: its sender, its signature, its server and what that answers."""

import email
import email.policy
import re
import socket
import ssl
import threading
from datetime import timedelta

import pytest
import trustme
from cryptography.fernet import Fernet
from wagtail.models import Site

from tests.factories import NOW, make_appointments, make_booking
from tests.smtp_server import SmtpServer
from wagtail_agenda import mail, mail_settings, outbox
from wagtail_agenda.choices import DeliveryState
from wagtail_agenda.encryption import encrypt
from wagtail_agenda.ics import Party
from wagtail_agenda.models import Delivery, MailSettings

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

SENDER = Party("office@fairbridge.example", "Office")

# Made before any test stops the clock, which certificates would not be valid by.
TRUSTED, STRANGER = trustme.CA(), trustme.CA()
CERTIFICATES = {authority: authority.issue_cert("localhost") for authority in (TRUSTED, STRANGER)}


@pytest.fixture
def site():
    return Site.objects.get(is_default_site=True)


@pytest.fixture
def server(smtp_server):
    """A server of the site's own; the project's is another one, `smtp_server`."""
    other = SmtpServer(credentials=("agenda", "pass word"))
    other.start()
    yield other
    other.stop()


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """A certificate authority that this machine trusts."""
    file = tmp_path / "authority.pem"
    TRUSTED.cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return TRUSTED


def tls_context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATES[authority].configure_cert(context)
    return context


def settings_of(site, server=None, **fields):
    if server is not None:
        fields = {
            "host": server.host,
            "port": server.port,
            "security": "none",
            "user": "agenda",
            "password": encrypt("pass word"),
        } | fields
    return MailSettings.objects.create(site=site, **fields)


def parsed(content: bytes):
    return email.message_from_bytes(content, policy=email.policy.default)


def organizer_of(calendar: bytes) -> bytes:
    (line,) = re.findall(rb"^ORGANIZER.*$", calendar.replace(b"\r\n ", b""), re.MULTILINE)
    return line


def booked(site):
    return make_booking(make_appointments()[0], site=site)


def attempted(made, now=NOW):
    outbox.sweep(now=now)
    return list(Delivery.objects.filter(booking=made).order_by("pk"))


def answer_to(settings) -> str:
    return mail_settings.send_test(settings, sender=SENDER, recipient="ada@post.example", now=NOW)


# Who sends


def test_the_senders_name_is_the_settings_or_the_sites(settings):
    site = Site.objects.get(is_default_site=True)
    site.site_name = "Fairbridge"
    settings.DEFAULT_FROM_EMAIL = "agenda@fairbridge.example"
    assert mail_settings.sender(site).name == "Fairbridge"
    assert mail_settings.sender().name == ""
    settings.DEFAULT_FROM_EMAIL = "Town hall <agenda@fairbridge.example>"
    assert mail_settings.sender(site).name == "Town hall"
    settings.WAGTAIL_AGENDA = {"FROM_NAME": "Mayor", "FROM_EMAIL": "mayor@fairbridge.example"}
    assert vars(mail_settings.sender(site)) == {
        "address": "mayor@fairbridge.example",
        "name": "Mayor",
    }


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("agenda@fairbridge.example", "fairbridge.example"),
        ("Mairie <agenda@mairie-été.example>", "xn--mairie-t-h1ab.example"),
        ("nonsense", "localhost"),
        ("", "localhost"),
    ],
)
def test_uids_end_with_an_ascii_domain(settings, address, domain):
    settings.DEFAULT_FROM_EMAIL = address

    assert mail_settings.calendar_domain() == domain


# What mails say


def test_a_site_says_whom_its_mails_are_from_and_how_they_end(frozen_now, smtp_server, site):
    settings_of(
        site,
        sender_name="Office of Fairbridge",
        sender_address="office@fairbridge.example",
        reply_to="people@fairbridge.example",
        signature="Town hall <1 Market Square>\nhttps://fairbridge.example",
    )
    attempted(booked(site))
    (received,) = smtp_server.received
    message = parsed(received.content)
    assert received.sender == "office@fairbridge.example"
    assert message["From"] == "Office of Fairbridge <office@fairbridge.example>"
    assert message["Reply-To"] == "people@fairbridge.example"
    text = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert text.endswith("\n-- \nTown hall <1 Market Square>\nhttps://fairbridge.example\n")
    html = message.get_body(("html",)).get_content()
    assert "Town hall &lt;1 Market Square&gt;<br>" in html
    assert '<a href="https://fairbridge.example">' in html
    (calendar,) = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    assert b":mailto:office@fairbridge.example" in organizer_of(calendar.get_payload(decode=True))


def test_what_a_site_leaves_empty_is_the_project_s(frozen_now, smtp_server, site, settings):
    settings.WAGTAIL_AGENDA = {"FROM_EMAIL": "town@fairbridge.example", "FROM_NAME": "Town"}
    settings_of(site)
    attempted(booked(site))
    message = parsed(smtp_server.messages[0])
    assert message["From"] == "Town <town@fairbridge.example>"
    assert message["Reply-To"] is None
    assert "-- \n" not in message.get_body(("plain",)).get_content()


def test_each_site_has_its_own(frozen_now, smtp_server, site):
    other = Site.objects.create(hostname="other.example", root_page=site.root_page)
    settings_of(site, sender_address="one@fairbridge.example")
    settings_of(other, sender_address="two@fairbridge.example")
    third = Site.objects.create(hostname="third.example", root_page=site.root_page)
    for one in (site, other, third, None):
        attempted(booked(one))
    assert [received.sender for received in smtp_server.received] == [
        "one@fairbridge.example",
        "two@fairbridge.example",
        "agenda@fairbridge.example",
        "agenda@fairbridge.example",
    ]


def test_a_letter_stays_as_first_written_over_retries(frozen_now, smtp_server, site):
    own = settings_of(site, sender_address="one@fairbridge.example", signature="First")
    made = booked(site)
    smtp_server.refuse("DATA", 451, "Not now")
    attempted(made)
    MailSettings.objects.filter(pk=own.pk).update(
        sender_address="two@fairbridge.example", sender_name="Two", signature="Second"
    )
    smtp_server.accept()
    attempted(made, NOW + timedelta(minutes=2))
    (received,) = smtp_server.received
    assert received.sender == "one@fairbridge.example"
    assert b"two@fairbridge.example" not in received.content
    text = parsed(received.content).get_body(("plain",)).get_content()
    assert "First" in text
    assert "Second" not in text


def test_names_of_calendar_entries_do_not_depend_on_the_site(frozen_now, site):
    settings_of(site, sender_address="one@elsewhere.example")
    assert booked(site).invitations.get().uid.endswith("@fairbridge.example")
    assert mail_settings.calendar_domain() == "fairbridge.example"


# Which server they go by


def test_mails_of_a_site_go_by_its_own_server(frozen_now, server, smtp_server, site):
    settings_of(site, server)
    there, elsewhere = booked(site), booked(None)
    outbox.sweep(now=NOW)
    assert len(server.received) == len(smtp_server.received) == 1
    for made in (there, elsewhere):
        assert made.deliveries.get().state == DeliveryState.DONE


def test_many_mails_of_two_sites_take_one_connection_each(frozen_now, server, smtp_server, site):
    settings_of(site, server)
    for _time in range(3):
        booked(site)
        booked(None)
    outbox.sweep(now=NOW)
    for one in (server, smtp_server):
        assert len(one.received) == 3
        assert len({received.port for received in one.received}) == 1


def test_settings_that_change_meanwhile_open_another_connection(server, smtp_server, site):
    letter = mail.Letter(
        sender=SENDER,
        to=Party("ada@post.example"),
        subject="x",
        text="x",
        html="",
        message_id="<x@fairbridge.example>",
        date=NOW,
    )
    one = mail.Server(server.host, server.port, "none", "agenda", "pass word")
    with mail.KeptConnection() as connection:
        for settings in (one, None, one):
            mail.send(letter, connection, server=settings)
        with pytest.raises(mail.TemporaryFailure) as failure:
            mail.send(
                letter,
                connection,
                server=mail.Server(server.host, server.port, "none", "agenda", "wrong"),
            )
        mail.send(letter, connection, server=one)
    assert failure.value.configuration
    assert (len(server.received), len(smtp_server.received)) == (3, 1)
    assert len({received.port for received in server.received}) == 1


def test_a_password_can_be_in_the_environment(frozen_now, server, site, monkeypatch):
    monkeypatch.setenv("AGENDA_MAIL_PASSWORD", "pass word")
    settings_of(site, server, password="", password_variable="AGENDA_MAIL_PASSWORD")
    attempted(booked(site))
    assert len(server.received) == 1


def test_without_its_password_a_mail_waits_and_leaves_once_it_is_there(
    frozen_now, server, site, monkeypatch, caplog
):
    settings_of(site, server, password_variable="AGENDA_MAIL_PASSWORD")
    made = booked(site)
    (delivery,) = attempted(made)
    assert delivery.state == DeliveryState.DUE
    assert "“AGENDA_MAIL_PASSWORD”, which is not set here" in delivery.last_error
    assert "No mail leaves until the settings are changed" in caplog.text
    monkeypatch.setenv("AGENDA_MAIL_PASSWORD", "pass word")
    attempted(made, NOW + timedelta(minutes=2))
    assert len(server.received) == 1


def test_a_password_that_no_key_reads_is_asked_for_again(frozen_now, server, site, settings):
    settings_of(site, server)
    settings.WAGTAIL_AGENDA = {"ENCRYPTION_KEYS": [Fernet.generate_key().decode()]}
    (delivery,) = attempted(booked(site))
    assert delivery.state == DeliveryState.DUE
    assert "cannot be read" in delivery.last_error
    assert "Enter it again" in delivery.last_error


def test_a_password_with_accents_is_refused_in_words(frozen_now, server, site):
    settings_of(site, server, password=encrypt("pass word é"))
    (delivery,) = attempted(booked(site))
    assert delivery.state == DeliveryState.DUE
    assert "without accents" in delivery.last_error


@pytest.mark.parametrize(
    ("step", "code", "state"),
    [
        ("MAIL", 451, DeliveryState.DUE),
        ("DATA", 452, DeliveryState.DUE),
        ("RCPT", 550, DeliveryState.FAILED),
        ("DATA", 554, DeliveryState.FAILED),
    ],
)
def test_what_its_server_refuses_is_tried_again_or_not(frozen_now, server, site, step, code, state):
    settings_of(site, server)
    server.refuse(step, code, "Because of this")
    (delivery,) = attempted(booked(site))
    assert delivery.state == state
    assert f"{code} Because of this" in delivery.last_error


def test_the_project_s_credentials_go_to_no_server_of_a_site(frozen_now, server, site, settings):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = server.credentials
    settings_of(site, server, user="", password="")
    (delivery,) = attempted(booked(site))
    assert server.received == []
    assert "530" in delivery.last_error


def test_starttls_and_tls_are_spoken(frozen_now, smtp_server, site, authority):
    context = tls_context(authority)
    for number, security in enumerate(["starttls", "tls"], 1):
        own = SmtpServer(
            credentials=("agenda", "pass word"), tls=context, from_the_start=security == "tls"
        )
        own.start()
        try:
            MailSettings.objects.all().delete()
            fresh = Site.objects.get(pk=site.pk)
            settings = settings_of(fresh, own, host="localhost", security=security)
            assert answer_to(settings) == "", number
            assert len(own.received) == 1
        finally:
            own.stop()


# The test message


def test_a_test_message_arrives_with_sender_and_signature(server, site):
    settings = settings_of(site, server, signature="Kind regards", reply_to="x@fairbridge.example")
    assert answer_to(settings) == ""
    (received,) = server.received
    message = parsed(received.content)
    assert received.recipients == ("ada@post.example",)
    assert message["From"] == "Office <office@fairbridge.example>"
    assert message["Reply-To"] == "x@fairbridge.example"
    assert "Kind regards" in message.get_body(("plain",)).get_content()


def test_without_a_server_of_its_own_it_goes_by_the_project_s(smtp_server, site):
    assert answer_to(settings_of(site)) == ""
    assert len(smtp_server.received) == 1


def test_what_is_wrong_with_a_server_is_said_in_words(server, site, authority):
    settings = settings_of(site, server)

    settings.password = encrypt("wr0ng-passw0rd")
    said = answer_to(settings)
    assert "does not accept the user “agenda” with this password" in said
    assert "535" in said
    assert "wr0ng-passw0rd" not in said
    settings.password = encrypt("pass word")

    settings.security = "starttls"
    assert "offers no STARTTLS" in answer_to(settings)
    settings.security = "tls"
    assert "There is no TLS at port" in answer_to(settings)
    settings.security = "none"

    server.refuse("RCPT", 550, "No such user here")
    said = answer_to(settings)
    assert "does not take mails to this address" in said
    assert "550 No such user here" in said
    server.accept()

    server.refuse("MAIL", 553, "Sender not owned")
    said = answer_to(settings)
    assert "does not take mails from this sender" in said
    assert "553 Sender not owned" in said
    server.accept()

    settings.host = "nowhere.invalid"
    assert "There is no mail server called “nowhere.invalid”" in answer_to(settings)
    settings.host = "a" * 70 + ".example"
    assert "There is no mail server called" in answer_to(settings)
    settings.host = server.host

    server.stop()
    assert f"Nothing listens at port {server.port}" in answer_to(settings)


def test_a_certificate_of_nobody_is_named(smtp_server, site):
    own = SmtpServer(tls=tls_context(STRANGER))
    own.start()
    try:
        settings = settings_of(site, own, host="localhost", security="starttls", user="")
        assert "is not that of a trusted server" in answer_to(settings)
    finally:
        own.stop()


def test_a_server_that_lets_nobody_log_in_is_named(smtp_server, site):
    assert "lets nobody log in" in answer_to(settings_of(site, smtp_server))


def test_a_server_that_never_answers_is_not_waited_for(site, monkeypatch):
    monkeypatch.setattr(mail_settings, "SECONDS_TO_TEST", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        settings = settings_of(site, host="127.0.0.1", port=port, security="none")
        before = threading.active_count()
        assert "has not answered within" in answer_to(settings)
    assert threading.active_count() <= before + 1


def test_a_server_that_repeats_the_password_is_not_repeated():
    server = mail.Server("h", 25, "none", "agenda", "s3cret-w0rd")
    assert "s3cret-w0rd" not in repr(server)
    for said in (
        "535 no such password: s3cret-w0rd",
        "535 AGFnZW5kYQBzM2NyZXQtdzByZA==",
        "535 czNjcmV0LXcwcmQ=",
    ):
        assert server.without_password(said).startswith("535")
        assert "…" in server.without_password(said)
