"""Finding bookings by what people say at the desk: a name, a telephone, an address, a number.

Every word must be found somewhere. Names are compared without their accents, telephone numbers by
their digits: people write `06 12 34 56 78` here and `+33 6 12 34 56 78` there. All of it is left to
the database, in terms that SQLite, PostgreSQL and MariaDB understand alike.
"""

import re
import unicodedata
from functools import cache, reduce
from itertools import chain
from operator import and_

from django.db.models import Case, CharField, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Concat, Replace

from wagtail_agenda.cleaning import one_line
from wagtail_agenda.models import Booking

LONGEST_QUERY = 100
MOST_WORDS = 8
FEWEST_DIGITS = 3
"""Fewer digits are in nearly every number."""

WORDS = ("user_name", "user_email", "label", "reference")
"""Columns in which words are looked for."""

BETWEEN_DIGITS = " \u00a0\u202f\u2009.-–/()"
"""What people write between the digits of a telephone number."""

NUMBER = re.compile(rf"(?<!\S)\+?[(]?\d[\d{re.escape(BETWEEN_DIGITS)}]*(?!\S)")

OWN_LETTERS = {"’": "'", "ʼ": "'", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"}
"""What a keyboard without these letters types instead; `ß` becomes `ss` by itself."""

TWO_LETTERS = {"ae": "æÆ", "oe": "œŒ", "ss": "ßẞ"}
LETTERS = re.compile("ae|oe|ss|.", re.DOTALL)

ALPHABETS = (range(0x41, 0x5B), range(0xC0, 0x250), range(0x370, 0x530), range(0x1E00, 0x1F00))
"""Latin, Greek and Cyrillic letters."""

COUNTRY_CODE = re.compile(r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3}")
"""Where a country code ends (ITU-T E.164, list of assigned codes): one, two or three digits."""


def cleaned(typed: str) -> str:
    """What is looked for, as the search box shows it again."""
    return one_line(typed)[:LONGEST_QUERY].strip()


def matching(bookings: QuerySet[Booking], query: str) -> QuerySet[Booking]:
    """The bookings in which every word of the query is found; none for an empty query."""
    conditions = [_has_number(number.strip()) for number in NUMBER.findall(query)]
    conditions += [_has_word(word) for word in NUMBER.sub(" ", query).split()]
    if not conditions:
        return bookings.none()
    wanted = reduce(and_, conditions[:MOST_WORDS])
    return bookings.annotate(
        _digits=_digits_of("user_phone_number"), _words=_together(*WORDS)
    ).filter(wanted)


def nearest_first(bookings: QuerySet[Booking], now) -> QuerySet[Booking]:
    """What is yet to come, soonest first; then what is past, latest first."""
    is_past = Case(When(end__gt=now, then=0), default=1, output_field=IntegerField())
    return bookings.annotate(_is_past=is_past).order_by(
        "_is_past", Case(When(end__gt=now, then=F("start"))), "-start", "pk"
    )


# Telephone numbers


def _has_number(typed: str) -> Q:
    """Where a group of digits is in a telephone number, or a word."""
    digits = _bare(typed)
    if len(digits.lstrip("+")) < FEWEST_DIGITS:
        return _has_word(typed)
    return Q(_digits__regex="|".join(_spellings(digits))) | _has_word(typed)


def _spellings(digits: str) -> list[str]:
    """How the same number may stand in the column: `0612` is also `+33612` and `0033612`.

    As regular expressions that mean the same to every database.
    """
    if digits.startswith(("+", "00")):
        international = digits.removeprefix("+").removeprefix("00")
        code = COUNTRY_CODE.match(international)
        national = international[code.end() :] if code else ""
        spellings = [f"^([+]|00){international}"]
        if len(national) >= FEWEST_DIGITS:
            # Some countries begin a national number with a 0, others do not.
            spellings.append(f"^0?{national}")
        return spellings
    if digits.startswith("0"):
        return [digits, f"^([+]|00)[0-9][0-9]?[0-9]?{digits[1:]}"]
    return [digits]


def _bare(number: str) -> str:
    """The digits of a number as typed, with a leading plus."""
    return re.sub(r"[^0-9+]", "", number.replace("(0)", ""))


def _digits_of(column: str) -> Replace:
    """The same, of a column."""
    bare = Replace(F(column), Value("(0)"), Value(""), output_field=CharField())
    for character in BETWEEN_DIGITS:
        bare = Replace(bare, Value(character), Value(""), output_field=CharField())
    return bare


# Words


def _together(*columns: str) -> Concat:
    """The columns as one text, a line each: a word is looked for once, and never across two."""
    lines = [part for column in columns for part in (F(column), Value("\n"))]
    return Concat(*lines, output_field=CharField())


def _has_word(text: str) -> Q:
    """Where a word stands in any of the columns, whatever its accents and capitals."""
    pattern = "".join(map(_alike, LETTERS.findall(_folded(text))))
    wanted = Q(_words__iregex=pattern)
    reference = re.sub(r"[\s-]", "", text)
    if len(reference) == 8 and reference.isalnum():
        wanted |= Q(reference__iexact=f"{reference[:4]}-{reference[4:]}")
    return wanted


def _folded(text: str) -> str:
    """In small letters without accents."""
    return "".join(map(_plain, unicodedata.normalize("NFC", text.casefold())))


def _plain(letter: str) -> str:
    if letter in OWN_LETTERS:
        return OWN_LETTERS[letter]
    base, *marks = unicodedata.normalize("NFD", letter)
    return base if all(map(unicodedata.combining, marks)) else letter


def _alike(letter: str) -> str:
    """A pattern for a folded letter and all its forms.

    It names the capitals itself: not every database knows those of every alphabet.
    """
    if letter in TWO_LETTERS:
        first, second = letter
        return f"({_alike(first)}{_alike(second)}|[{TWO_LETTERS[letter]}])"
    if letter in _forms():
        return f"[{letter}{_forms()[letter]}]"
    if letter.isalnum() or letter.isspace():
        return letter
    # A bracket takes its content as it stands in every dialect, these excepted.
    return f"\\{letter}" if letter in "^]\\[-" else f"[{letter}]"


@cache
def _forms() -> dict[str, str]:
    """By letter, its capital and its forms with accents: for e, « EÈÉÊË…èéêë… »."""
    found = {"'": "’ʼ"}
    for code in chain(*ALPHABETS):
        letter = chr(code)
        folded = _folded(letter)
        if len(folded) == 1 and folded != letter:
            found[folded] = found.get(folded, "") + letter
    return found
