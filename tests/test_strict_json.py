"""JSON from outside: read in one way only, and never more than a database keeps."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_agenda.strict_json import DEEPEST, NotJson, read


@pytest.mark.parametrize("value", [{}, [], None, True, 0, 1.5, "é 🎈", {"a": [{"b": None}]}])
def test_json_is_what_it_says(value):
    assert read(json.dumps(value).encode()) == value
    assert read(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize("nothing", [b"", b" \n"])
def test_nothing_is_nothing(nothing):
    assert read(nothing) is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": 1, "a": 2}', "“a” stands twice"),
        (b'{"b": {"a": 1, "\\u0061": 2}}', "“a” stands twice"),
        (b"NaN", "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"1e999", "too large"),
        (b"1" * 60_000, "too long"),
        (b"\xff", "not UTF-8"),
        (b'"\\u0000"', "NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'"\\ud800"', "half of a character"),
        (b"{", "line 1"),
        (b"{'a': 1}", "line 1"),
        (b"\xef\xbb\xbf{}", "line 1"),
        (b"[" * 60_000, "levels deep"),
        (b"[" * 60 + b"]" * 60, "levels deep"),
    ],
)
def test_what_can_be_understood_in_two_ways_or_not_be_kept_is_refused(data, said):
    with pytest.raises(NotJson, match=said):
        read(data)


def test_so_deep_and_no_deeper():
    assert read(b"[" * DEEPEST + b"1" + b"]" * DEEPEST)
    with pytest.raises(NotJson):
        read(b"[" * (DEEPEST + 1) + b"1" + b"]" * (DEEPEST + 1))


@given(st.binary(max_size=200))
def test_anything_else_is_refused_in_words(data):
    with contextlib.suppress(NotJson):
        json.dumps(read(data), allow_nan=False).encode()
