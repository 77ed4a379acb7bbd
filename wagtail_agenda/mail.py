"""One message per recipient: plain text, HTML, and the calendar part that mail clients act on.

A letter is plain data that an outbox row can keep as JSON. Composing the same letter again
gives the same bytes, so that a retry after a lost connection is recognisable as the same mail.
Sending ends in one of two typed failures: one worth another try, one that is not.
"""

import base64
import hashlib
import logging
import re
import smtplib
import socket
import ssl
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from email import encoders
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage as ModernMessage
from email.message import Message, MIMEPart
from email.mime.base import MIMEBase
from email.policy import Compat32
from email.utils import format_datetime
from functools import lru_cache

from django.core import mail as django_mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend
from django.utils.translation import gettext as _

from wagtail_agenda.cleaning import clean_text, email_address, one_line, shorten
from wagtail_agenda.ics import Party, file_name
from wagtail_agenda.placeholders import html_from_text

logger = logging.getLogger(__name__)

CALENDAR_ATTACHMENT_TYPE = "application/ics"

# RFC 5322 §2.1.1 allows 998 octets in a line, and a text without blanks cannot be folded.
_LONGEST_HEADER_TEXT = 200
_LONGEST_LINE = 76
_PRINTABLE = re.compile(r"[ -~]+")
_LONGEST_REASON = 500
_SECONDS_TO_ANSWER = 20
# Some Python releases lose the quotes of a name when they fold or encode the header, and what
# the quotes held (RFC 5322 §3.2.3 specials) then reads as another address.
_LONGEST_UNFOLDED_MAILBOX = 60
_SPECIALS = re.compile(r'[()<>@,:;\\"\[\]]')
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]{1,120}@[!-;=?A-~]{1,120}>")
_NAMED_MAILBOX = re.compile(r'"?(?P<name>[^"<>]*)"?\s*<(?P<address>[^<>]+)>')
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_LONGEST_FILE_NAME = 100
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,62}/[a-z0-9][a-z0-9.+_-]{0,62}")
_METHOD = re.compile(rb"^METHOD:([A-Z]+)\r?$", re.MULTILINE)
# RFC 4954 §6 and RFC 3207 §4: who may send here is for the operator to settle.
_AUTHENTICATION_CODES = {530, 534, 535, 538}
# RFC 5321 §4.2.3: « Service not available, closing transmission channel ».
_CLOSING = 421


class DeliveryFailure(Exception):
    """A mail that was not sent. `reason` says why, in words that an administrator can act on.

    `configuration` is true when no mail will go out before the operator changes something:
    wrong credentials, a server without STARTTLS, an untrusted certificate.
    """

    def __init__(self, reason: str, *, configuration: bool = False):
        self.reason = shorten(one_line(reason), _LONGEST_REASON)
        self.configuration = configuration
        super().__init__(self.reason)


class TemporaryFailure(DeliveryFailure):
    """Worth another try later: the server is away, busy, or misconfigured."""


class PermanentFailure(DeliveryFailure):
    """The same letter will be refused again."""


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a letter, under its name."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Server:
    """A mail server of one site's own, in the place of the project's mail backend.

    `security` is ``starttls``, ``tls`` or ``none``. Nobody logs in without a `user`.
    """

    host: str
    port: int
    security: str
    user: str = ""
    password: str = field(default="", repr=False)

    def without_password(self, text: str) -> str:
        """What a server said, should it have repeated what it was sent."""
        if not self.password:
            return text
        sent = f"\0{self.user}\0{self.password}"
        for secret in (_to_base64(sent.encode()), _to_base64(self.password.encode())):
            text = text.replace(secret, "…")
        return text.replace(self.password, "…")


@dataclass(frozen=True)
class Letter:
    """One mail to one recipient, as plain data.

    `text` and `html` are the two bodies; an empty one is made from the other data. `message_id`
    is in angle brackets and stays the same over retries, as does `date`, an aware datetime.
    `references` holds the Message-IDs of earlier mails of the same booking, oldest first.
    `calendar` is what `ics.invitation()` returned for `calendar_method`, `attachments` are at most
    `cleaning.MOST_ATTACHED` bytes.

    Raises `ValueError` on a naive `date`.
    """

    sender: Party
    to: Party
    subject: str
    text: str
    html: str
    message_id: str
    date: datetime
    reply_to: str = ""
    references: str = ""
    language: str = ""
    calendar: bytes | None = None
    calendar_method: str = ""
    calendar_file_name: str = "invite.ics"
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self):
        if self.date.utcoffset() is None:
            raise ValueError(f"A letter's date must be aware, {self.date!r} has no time zone")


class _ShortLines(Compat32):
    """Writes a header that fits into its line as it stands, without asking where to fold it.

    The usual policy comes to the same, but takes as long for that as for the rest of a mail.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        line = f"{name}: {value}"
        if isinstance(value, str) and len(line) <= _LONGEST_LINE and _PRINTABLE.fullmatch(line):
            return f"{line}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


class InvitationMessage(EmailMultiAlternatives):
    """An ordinary Django message whose MIME form also carries the invitation as an alternative.

    Outlook acts on a calendar only inside multipart/alternative, others only on an attachment,
    so `message()` has both, with the same bytes ([MS-OXCMAIL] §2.1.3.3.8.2, RFC 6047 §2.4).
    Backends that hand the parts to a web service never call `message()`: they see the text, the
    HTML and the attachment, since several refuse alternatives of other types.
    """

    calendar = b""
    calendar_method = ""
    calendar_file_name = ""

    def message(self, **options) -> Message:
        """Return the MIME message; `options` are those of the Django version in use."""
        message = super().message(**options)
        if self.calendar:
            for part in list(message.walk()):
                if part.get_content_type() == "multipart/alternative":
                    part.attach(_calendar_part(message, self.calendar, self.calendar_method))
                elif part.get_filename() == self.calendar_file_name:
                    part.set_param("name", self.calendar_file_name)
        self._fix_boundaries(message)
        if not isinstance(message, ModernMessage):
            message.policy = _ShortLines()
        return message

    def _fix_boundaries(self, message: Message) -> None:
        # Made from the contents as well as the Message-ID: no content can hold its own digest.
        # A "=_" occurs in neither base64 nor quoted-printable (RFC 2045 §6.7).
        digest = hashlib.sha256(self.extra_headers["Message-ID"].encode())
        bodies = [self.body, *(alternative[0] for alternative in self.alternatives)]
        for content in [*(body.encode() for body in bodies), self.calendar]:
            digest.update(hashlib.sha256(content).digest())
        multiparts = [part for part in message.walk() if part.is_multipart()]
        for number, part in enumerate(multiparts):
            part.set_boundary(f"=_{number}_{digest.hexdigest()[:40]}")


def compose(letter: Letter) -> InvitationMessage:
    """Return the message for `letter`, every header on one line.

    Raises `PermanentFailure` for an unusable address or Message-ID, and for a calendar whose
    METHOD is not `calendar_method`: Exchange refuses a mail that contradicts itself.
    """
    letter = _cleaned(letter)
    subject = shorten(letter.subject, _LONGEST_HEADER_TEXT)
    message = InvitationMessage(
        subject=subject,
        # Without a plain text, or without HTML, Django makes no multipart/alternative.
        body=letter.text if letter.text.strip() else subject or "-",
        from_email=_mailbox(letter.sender),
        to=[_mailbox(letter.to)],
        reply_to=[_mailbox(_party(letter.reply_to))] if letter.reply_to else [],
        headers=_headers(letter),
    )
    html = letter.html if letter.html.strip() else html_from_text(message.body)
    message.attach_alternative(html, "text/html")
    if letter.calendar is not None:
        _check_calendar(letter.calendar, letter.calendar_method)
        message.calendar = letter.calendar
        message.calendar_method = letter.calendar_method
        message.calendar_file_name = file_name(letter.calendar_file_name)
        message.attach(message.calendar_file_name, letter.calendar, CALENDAR_ATTACHMENT_TYPE)
    for attached in letter.attachments:
        message.attach(attached.name, attached.content, attached.content_type)
    return message


def send(
    letter: Letter, connection: "KeptConnection | None" = None, *, server: Server | None = None
) -> None:
    """Send `letter` by `server`, or else by the project's own mail backend.

    Over `connection` where many letters go in a row. Raises `TemporaryFailure` or
    `PermanentFailure`, whose ``__cause__`` is what the backend raised. A lost connection may have
    come after the server took the mail; sending again is then a duplicate with the same Message-ID,
    UID and SEQUENCE, which clients recognise.
    """
    message = compose(letter)
    try:
        if server is not None:
            with connection or KeptConnection() as kept:
                sent = kept.send_messages([message], server)
        else:
            sent = message.send() if connection is None else connection.send_messages([message])
    except Exception as error:
        # Any mail backend may be configured, and each raises what it likes: only here can
        # nothing narrower be caught without losing mails to an exception nobody listed.
        raise _failure(error, letter, server) from error
    if sent == 0:
        raise TemporaryFailure(_("The mail backend did not send the message and gave no reason."))


class KeptConnection:
    """The mail backends that letters go by, each with its connection kept open for many in a row.

    There is one for the project's own backend, and one for each `Server`. Pass it to `send()` as
    `connection`, inside a ``with``. Servers end a connection after some messages or some silence
    (RFC 5321 §3.8): one that has been in use is then opened anew and the letter sent once more,
    which is harmless should the server have taken it the first time.
    """

    def __init__(self):
        self._backends = {}
        self._entered = 0

    def __enter__(self):
        self._entered += 1
        return self

    def __exit__(self, *_error) -> None:
        self._entered -= 1
        if not self._entered:
            for server in list(self._backends):
                self._close(server)

    def send_messages(
        self, messages: list[InvitationMessage], server: Server | None = None
    ) -> int | None:
        in_use = server in self._backends
        try:
            return self._send(messages, server)
        except Exception as error:
            self._close(server)
            if not (in_use and _is_hung_up(error)):
                raise
        try:
            return self._send(messages, server)
        except Exception:
            self._close(server)
            raise

    def _send(self, messages: list[InvitationMessage], server: Server | None) -> int | None:
        if server not in self._backends:
            self._backends[server] = _site_backend() if server is None else _backend_of(server)
            self._backends[server].open()
        return self._backends[server].send_messages(messages)

    def _close(self, server: Server | None) -> None:
        backend = self._backends.pop(server, None)
        if backend is None:
            return
        try:
            backend.close()
        except Exception:
            # The letters before it are sent or refused already.
            logger.info("The connection to the mail server did not end well", exc_info=True)


def _backend_of(server: Server) -> EmailBackend:
    # What is left out comes from the project's settings, which are for another server.
    return EmailBackend(
        host=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.security == "starttls",
        use_ssl=server.security == "tls",
        timeout=_SECONDS_TO_ANSWER,
        ssl_keyfile="",
        ssl_certfile="",
    )


def _site_backend():
    """The backend that the site sends its mails with. Django 6.1 asks for it in another way."""
    if hasattr(django_mail, "mailers"):
        return django_mail.mailers.default
    return django_mail.get_connection()


def _is_hung_up(error: Exception) -> bool:
    """Whether the server has ended the connection, rather than refused the letter."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return any(code == _CLOSING for code, _answer in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code == _CLOSING
    return isinstance(error, (smtplib.SMTPServerDisconnected, ConnectionError))


def to_json(letter: Letter) -> dict:
    """Return `letter` as JSON data without NUL or lone surrogates, which databases refuse."""
    letter = _cleaned(letter)
    return {
        **vars(letter),
        "sender": vars(letter.sender).copy(),
        "to": vars(letter.to).copy(),
        "date": letter.date.isoformat(),
        "calendar": None if letter.calendar is None else _to_base64(letter.calendar),
        "attachments": [
            {**vars(attached), "content": _to_base64(attached.content)}
            for attached in letter.attachments
        ],
    }


def from_json(data: dict) -> Letter:
    """Return the letter that `to_json()` wrote; raises `ValueError` when `data` is none."""
    try:
        calendar = data["calendar"]
        values = {
            **data,
            "sender": Party(**data["sender"]),
            "to": Party(**data["to"]),
            "date": datetime.fromisoformat(data["date"]),
            "calendar": None if calendar is None else base64.b64decode(calendar, validate=True),
            # Letters that wait since an earlier release have none.
            "attachments": tuple(map(_attachment, data.get("attachments", ()))),
        }
        return Letter(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"This is not a stored letter: {error!r}") from error


def _attachment(data: dict) -> Attachment:
    return Attachment(**{**data, "content": base64.b64decode(data["content"], validate=True)})


def _cleaned_attachment(attached: Attachment) -> Attachment:
    name = one_line(re.sub(r'[/\\:*?"<>|\u202a-\u202e\u2066-\u2069]', "_", attached.name))
    kind = attached.content_type.partition(";")[0].strip().lower()
    if kind == "text/calendar":
        # Its bytes are to arrive as they are, and a calendar part proper is the invitation alone.
        kind = CALENDAR_ATTACHMENT_TYPE
    elif not _CONTENT_TYPE.fullmatch(kind) or kind.startswith(("text/", "message/", "multipart/")):
        # A text could be written anew on its way, a message be taken for a part of this one.
        kind = "application/octet-stream"
    return replace(attached, name=_shortened(name) or "file", content_type=kind)


def _shortened(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    if len(name) <= _LONGEST_FILE_NAME or not dot or len(ending) > 10:
        return name[:_LONGEST_FILE_NAME]
    return f"{stem[: _LONGEST_FILE_NAME - len(ending) - 1]}.{ending}"


def _cleaned(letter: Letter) -> Letter:
    """The same for a letter and for what was stored of it, so that both compose alike."""
    return replace(
        letter,
        sender=_cleaned_party(letter.sender),
        to=_cleaned_party(letter.to),
        subject=one_line(letter.subject),
        text=clean_text(letter.text),
        html=clean_text(letter.html),
        message_id=one_line(letter.message_id),
        reply_to=one_line(letter.reply_to),
        references=one_line(letter.references),
        language=one_line(letter.language),
        calendar_method=one_line(letter.calendar_method),
        calendar_file_name=one_line(letter.calendar_file_name),
        attachments=tuple(map(_cleaned_attachment, letter.attachments)),
    )


def _cleaned_party(party: Party) -> Party:
    return Party(one_line(party.address), one_line(party.name))


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _headers(letter: Letter) -> dict[str, str]:
    if not _MESSAGE_ID.fullmatch(letter.message_id):
        raise PermanentFailure(
            _("“%(message_id)s” is not a Message-ID.") % {"message_id": letter.message_id}
        )
    headers = {
        "Message-ID": letter.message_id,
        "Date": format_datetime(letter.date.astimezone(timezone.utc)),
        # RFC 3834 §5: keeps out-of-office replies away.
        "Auto-Submitted": "auto-generated",
    }
    if _LANGUAGE.fullmatch(letter.language):
        headers["Content-Language"] = letter.language
    earlier = _MESSAGE_ID.findall(letter.references)
    if earlier:
        headers["In-Reply-To"] = earlier[-1]
        headers["References"] = " ".join(earlier)
    return headers


@lru_cache(maxsize=256)
def _mailbox(party: Party) -> str:
    try:
        address = email_address(party.address)
        name = shorten(party.name, _LONGEST_HEADER_TEXT)
        mailbox = str(Address(name, addr_spec=address))
        if not mailbox.isascii() or len(mailbox) > _LONGEST_UNFOLDED_MAILBOX:
            mailbox = str(Address(one_line(_SPECIALS.sub(" ", name)), addr_spec=address))
        return mailbox
    except (ValueError, MessageError):
        raise PermanentFailure(
            _("“%(address)s” is not a usable e-mail address.") % {"address": party.address}
        ) from None


def _party(mailbox: str) -> Party:
    match = _NAMED_MAILBOX.fullmatch(mailbox)
    return Party(match["address"], match["name"].strip()) if match else Party(mailbox)


def _check_calendar(calendar: bytes, method: str) -> None:
    if _METHOD.findall(calendar) != [method.encode()]:
        raise PermanentFailure(
            _("The calendar of this message is no “%(method)s”.") % {"method": method}
        )


def _calendar_part(message: Message, calendar: bytes, method: str) -> Message:
    # Base64, because relays may rewrite other encodings and break the line endings.
    if isinstance(message, ModernMessage):
        part = MIMEPart(policy=message.policy)
        part.set_content(
            calendar,
            maintype="text",
            subtype="calendar",
            cte="base64",
            params={"charset": "utf-8", "method": method},
        )
        return part
    part = MIMEBase("text", "calendar", charset="utf-8", method=method)
    part.set_payload(calendar)
    encoders.encode_base64(part)
    return part


def in_words(failure: DeliveryFailure, server: Server) -> str:
    """What went wrong with a mail server of a site's own, and what to do about it.

    For whoever types its settings; what the server answered stands at the end.
    """
    error = failure.__cause__
    values = {"host": server.host, "port": server.port, "user": server.user}
    advice = _advice(error, server) if error is not None else ""
    return f"{advice % values} {failure.reason}" if advice else failure.reason


def _advice(error: BaseException, server: Server) -> str:
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return _("There is no mail server called “%(host)s”.")
    if isinstance(error, ConnectionRefusedError):
        return _("Nothing listens at port %(port)s of “%(host)s”.")
    if isinstance(error, TimeoutError):
        return _("“%(host)s” does not answer at port %(port)s.")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return _("“%(host)s” does not accept the user “%(user)s” with this password.")
    if isinstance(error, smtplib.SMTPNotSupportedError) and "STARTTLS" in str(error):
        return _("“%(host)s” offers no STARTTLS at port %(port)s. Choose another security or port.")
    if isinstance(error, smtplib.SMTPNotSupportedError) and "AUTH" in str(error):
        return _("“%(host)s” lets nobody log in. Leave user and password empty, or use STARTTLS.")
    if isinstance(error, ssl.SSLCertVerificationError):
        return _("The certificate of “%(host)s” is not that of a trusted server of this name.")
    if isinstance(error, ssl.SSLError):
        return _("There is no TLS at port %(port)s of “%(host)s”. Choose another security or port.")
    if isinstance(error, smtplib.SMTPServerDisconnected) and server.security != "tls":
        return _("“%(host)s” hangs up. At port %(port)s it may want TLS from the start.")
    if isinstance(error, smtplib.SMTPSenderRefused):
        return _("“%(host)s” does not take mails from this sender.")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _("“%(host)s” does not take mails to this address.")
    return ""


def _failure(error: Exception, letter: Letter, server: Server | None = None) -> DeliveryFailure:
    found = _classified(error, letter)
    if server is None:
        return found
    reason = server.without_password(found.reason)
    return type(found)(reason, configuration=found.configuration)


def _classified(error: Exception, letter: Letter) -> DeliveryFailure:
    """What a mail backend raised, as a failure that is worth another try or is not.

    The order matters: every `SMTPException` is an `OSError`, and a certificate error is an
    `OSError` and a `ValueError` at once.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, answer = next(iter(error.recipients.values()))
        return _failure_by_code(code, answer)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return TemporaryFailure(_answer(error.smtp_code, error.smtp_error), configuration=True)
    if isinstance(error, (smtplib.SMTPConnectError, smtplib.SMTPHeloError)):
        return TemporaryFailure(_answer(error.smtp_code, error.smtp_error))
    if isinstance(error, smtplib.SMTPResponseException):
        return _failure_by_code(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        # STARTTLS or AUTH that the server does not offer, or SMTPUTF8 that one address needs.
        return PermanentFailure(_described(error), configuration="SMTPUTF8" not in str(error))
    if isinstance(error, ssl.SSLError):
        lost = isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
        return TemporaryFailure(_described(error), configuration=not lost)
    if type(error) is smtplib.SMTPException:
        # « No suitable authentication method found » has no type of its own.
        return TemporaryFailure(_described(error), configuration="authentication" in str(error))
    if isinstance(error, OSError):
        return TemporaryFailure(
            _("The mail server cannot be reached: %(error)s") % {"error": _described(error)}
        )
    if isinstance(error, (ValueError, MessageError)):
        return PermanentFailure(
            _("The message cannot be written: %(error)s") % {"error": _described(error)}
        )
    logger.error("The mail backend failed on %s", letter.message_id, exc_info=error)
    misconfigured = isinstance(error, (ImproperlyConfigured, ImportError))
    return TemporaryFailure(
        _("The mail backend failed: %(error)s") % {"error": _described(error)},
        configuration=misconfigured,
    )


def _failure_by_code(code: int, answer: bytes | str) -> DeliveryFailure:
    if code in _AUTHENTICATION_CODES:
        return TemporaryFailure(_answer(code, answer), configuration=True)
    kind = PermanentFailure if 500 <= code <= 599 else TemporaryFailure
    return kind(_answer(code, answer))


def _answer(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return _("The mail server answered: %(code)s %(text)s") % {"code": code, "text": text}


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
