"""A real SMTP server on a free loopback port, with the moods that real ones have.

Import the fixture where it is needed: `from tests.smtp_server import smtp_server  # noqa: F401`.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


@dataclass(frozen=True)
class Received:
    """One accepted message with its envelope, and the port it came from: one a connection."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    port: int


class SmtpServer:
    """`messages` are the accepted contents as received, oldest first; `received` has envelopes.

    Refusals are set by step, "MAIL", "RCPT" or "DATA", and hold until `accept()`:
    `server.refuse("RCPT", 452, "Mailbox busy")`, or for one address only
    `server.refuse("RCPT", 550, "No such user", address="ada@example.org")`.
    A server with `messages_per_connection` says goodbye to whoever sends more (RFC 5321 §3.8).
    One with `credentials`, a user and a password, takes nothing from others; one with `tls`, a
    context, offers STARTTLS and lets nobody log in without it, or speaks TLS from the start.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        *,
        credentials: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        from_the_start: bool = False,
    ):
        self.received: list[Received] = []
        self.credentials, self.tls, self.from_the_start = credentials, tls, from_the_start
        self.messages_per_connection: int | None = None
        self._refusals: dict[tuple[str, str], str] = {}
        self._controller: Controller | None = None
        with socket.socket() as probe:
            probe.bind((self.host, 0))
            self.port: int = probe.getsockname()[1]

    @property
    def messages(self) -> list[bytes]:
        return [received.content for received in self.received]

    @property
    def settings(self) -> dict:
        """The Django settings that send through this server, for worker processes too."""
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": self.host,
            "EMAIL_PORT": self.port,
            "EMAIL_HOST_USER": "",
            "EMAIL_HOST_PASSWORD": "",
            "EMAIL_USE_TLS": False,
            "EMAIL_USE_SSL": False,
            "EMAIL_TIMEOUT": 10,
        }

    def start(self) -> None:
        options = {}
        if self.credentials is not None:
            options |= {
                "authenticator": self._authenticate,
                "auth_required": True,
                "auth_require_tls": self.tls is not None and not self.from_the_start,
            }
        if self.tls is not None:
            options["ssl_context" if self.from_the_start else "tls_context"] = self.tls
        self._controller = Controller(_Handler(self), hostname=self.host, port=self.port, **options)
        self._controller.start()

    def _authenticate(self, server, session, envelope, mechanism, given) -> AuthResult:
        known = (given.login.decode(), given.password.decode()) == self.credentials
        return AuthResult(success=known, handled=False)

    def stop(self) -> None:
        """End the server: its port refuses connections until `start()`. Twice is harmless."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def refuse(self, step: str, code: int, text: str, address: str = "") -> None:
        self._refusals[step, address.lower()] = f"{code} {text}"

    def accept(self) -> None:
        """Forget every refusal."""
        self._refusals.clear()

    def is_tired_of(self, port: int) -> bool:
        taken = sum(received.port == port for received in self.received)
        return self.messages_per_connection is not None and taken >= self.messages_per_connection

    def refusal(self, step: str, address: str = "") -> str | None:
        return self._refusals.get((step, address.lower())) or self._refusals.get((step, ""))


class _Handler:
    def __init__(self, server: SmtpServer):
        self.server = server

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.server.is_tired_of(session.peer[1]):
            return "421 Too many messages, closing the connection"
        refusal = self.server.refusal("MAIL", address)
        if refusal:
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        refusal = self.server.refusal("RCPT", address)
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        refusal = self.server.refusal("DATA")
        if refusal:
            return refusal
        self.server.received.append(
            Received(
                envelope.mail_from,
                tuple(envelope.rcpt_tos),
                envelope.original_content,
                session.peer[1],
            )
        )
        return "250 OK"


@pytest.fixture
def smtp_server(settings):
    """A running `SmtpServer` that the site's mails go to."""
    server = SmtpServer()
    for name, value in server.settings.items():
        setattr(settings, name, value)
    server.start()
    yield server
    server.stop()
