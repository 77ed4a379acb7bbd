"""Pure: where an e-mail address stands in what was kept, and what is left without it."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any
from urllib.parse import quote

_FOLD = re.compile(rb"\r?\n[ \t]")
"""How a line of a calendar file goes on (RFC 5545 §3.1), wherever that falls."""


@dataclass(frozen=True)
class Address:
    """An e-mail address as it may stand among other words: typed, in a link, in HTML."""

    email: str

    @cached_property
    def spellings(self) -> tuple[str, ...]:
        """What to look for in a database. Capitals do not matter."""
        email = self.email
        written = (email, quote(email, safe=""), escape(email), json.dumps(email)[1:-1])
        return tuple(dict.fromkeys(written))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """The address where it stands as such, and not as a part of a longer one."""
        spelt = "".join(
            f"(?:{'|'.join(re.escape(form) for form in {one, quote(one, safe=''), escape(one)})})"
            for one in self.email
        )
        # Before it may be a quoted sign of a link, but no “+” of a longer address, or the end of a
        # line as JSON within a text writes it.
        begins = r"(?:(?<![\w.+-])|(?<=%(?!2B)[0-9A-F]{2})|(?<=\\[nrt]))"
        return re.compile(rf"{begins}{spelt}(?![\w-]|\.\w)", re.IGNORECASE)

    def stands_in(self, value: Any) -> bool:
        """Whether it stands in a text, in JSON data or in the bytes of a file."""
        return any(self._pattern.search(text) for text in _texts(value))

    def is_all_of(self, value: Any) -> bool:
        """Whether one of the texts is this address and nothing else."""
        wanted = self.email.casefold()
        return any(text.strip().casefold() == wanted for text in _texts(value))

    def taken_out_of(self, value: Any) -> Any:
        """A text or JSON data without it."""
        if isinstance(value, str):
            return self._pattern.sub("", value)
        if isinstance(value, list | tuple):
            return [self.taken_out_of(one) for one in value]
        if isinstance(value, dict):
            return {self.taken_out_of(name): self.taken_out_of(one) for name, one in value.items()}
        return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes | bytearray | memoryview):
        yield _FOLD.sub(b"", bytes(value)).decode("utf-8", "replace")
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _texts(name)
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def unpacked(letter: Any) -> Any:
    """A finished mail as it is kept, with the bytes of its files in place of their Base64."""
    if not isinstance(letter, dict):
        return letter
    files = [one.get("content") for one in letter.get("attachments") or [] if isinstance(one, dict)]
    return [letter, *map(_from_base64, [letter.get("calendar"), *files])]


def _from_base64(text: Any) -> bytes:
    try:
        return base64.b64decode(text or "", validate=True)
    except (TypeError, ValueError, binascii.Error):
        return b""
