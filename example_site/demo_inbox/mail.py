"""The demo's mail server: a folder with one file per message, byte for byte as it would travel."""

import os
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage as ParsedMessage
from pathlib import Path

import django
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

# Nothing else can name a file, so that no address leads out of the folder.
NAME = re.compile(r"\d{20}-[0-9a-f]{8}")


def folder() -> Path:
    return Path(settings.DEMO_MAIL_FOLDER)


def as_sent(message: EmailMessage) -> bytes:
    """What Django's SMTP backend hands to the server: from Django 6.0 on by a policy."""
    if django.VERSION >= (6, 0):
        return message.message(policy=policy.SMTP).as_bytes()
    return message.message().as_bytes(linesep="\r\n")


class FolderBackend(BaseEmailBackend):
    """Delivers into `DEMO_MAIL_FOLDER`. Names sort by the moment of delivery."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder().mkdir(parents=True, exist_ok=True)
        sent = 0
        for message in email_messages:
            if not message.recipients():
                continue
            content = as_sent(message)
            name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
            unfinished = folder() / f"{name}.part"
            unfinished.write_bytes(content)
            os.replace(unfinished, folder() / f"{name}.eml")
            sent += 1
        return sent


@dataclass(frozen=True)
class Mail:
    """A message of the folder: its name, its exact bytes and what a reader finds in them."""

    name: str
    content: bytes

    @property
    def delivered(self) -> datetime:
        return datetime.fromtimestamp(int(self.name[:20]) / 1e9, tz=timezone.utc)

    @property
    def message(self) -> ParsedMessage:
        return message_from_bytes(self.content, policy=policy.default)


def newest_first() -> list[str]:
    """Returns the names of all messages."""
    names = (path.stem for path in folder().glob("*.eml"))
    return sorted((name for name in names if NAME.fullmatch(name)), reverse=True)


def read(name: str) -> Mail | None:
    """Returns the message of that name, or None if the folder has none."""
    if not NAME.fullmatch(name):
        return None
    try:
        return Mail(name, (folder() / f"{name}.eml").read_bytes())
    except FileNotFoundError:
        return None


def leaves(message: ParsedMessage) -> list[ParsedMessage]:
    """Returns the parts that hold content, in their order in the message."""
    return [part for part in message.walk() if not part.is_multipart()]


def text_of(part: ParsedMessage) -> str:
    """Returns a text part decoded; what its charset cannot decode shows as a replacement mark."""
    content = part.get_payload(decode=True) or b""
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return content.decode("utf-8", "replace")
