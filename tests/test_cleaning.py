import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_agenda.cleaning import (
    clean_text,
    email_address,
    mailto,
    one_line,
    shorten,
    web_address,
)

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=80)


@given(ANY_TEXT)
def test_cleaned_text_can_be_encoded_and_holds_only_tabs_and_newlines_as_controls(text):
    cleaned = clean_text(text)
    cleaned.encode("utf-8")
    assert {c for c in cleaned if unicodedata.category(c) == "Cc"} <= {"\t", "\n"}
    assert clean_text(cleaned) == cleaned


@given(
    st.text(
        st.characters(
            codec="utf-8",
            categories=["L", "M", "N", "P", "S", "Zs", "Cf"],
            exclude_characters="\ufeff",
        )
    )
)
def test_cleaning_keeps_every_character_that_people_write(text):
    assert clean_text(text) == text


@pytest.mark.parametrize("line_break", ["\r\n", "\r", "\n", "\x85", "\u2028", "\u2029"])
def test_every_kind_of_line_break_becomes_one_newline(line_break):
    assert clean_text(f"a{line_break}b") == "a\nb"


@given(ANY_TEXT)
def test_one_line_is_one_line_for_every_reader(text):
    line = one_line(text)
    assert line.splitlines() in ([], [line])
    assert one_line(line) == line


def test_one_line_collapses_blanks_and_keeps_non_breaking_spaces():
    assert one_line(" a\r\n\tBcc: b\x00c \n 10\u202fh\u00a030 ") == "a Bcc: b c 10\u202fh\u00a030"


@pytest.mark.parametrize("unseen", ["\ud800", "\ufeff", "\x00", "\x85"])
def test_one_line_leaves_no_double_space_where_something_was_removed(unseen):
    assert one_line(f"a {unseen} b") == "a b"


def test_shorten_says_that_something_was_cut():
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abc defg", 5) == "abc…"


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("https://example.org/a?b=c,d;e#f", "https://example.org/a?b=c,d;e#f"),
        (" http://localhost:8000/ ", "http://localhost:8000/"),
        ("https://[::1]:8000/x", "https://[::1]:8000/x"),
        ("https://exämple.org:8443/é", "https://xn--exmple-cua.org:8443/%C3%A9"),
        ("https://example.org/%C3%A9", "https://example.org/%C3%A9"),
    ],
)
def test_web_address_is_written_in_ascii(typed, written):
    assert web_address(typed) == written


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "example.org",
        "//example.org",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://",
        "https:///path",
        "https://[::1",
        "https://example.org:port/",
        "https://example.org:99999/",
        "https://bank.example@elsewhere.example/",
        "https://example.org/a b",
        "https://example.org/\r\nATTENDEE:mailto:x@example.org",
        "https://example.org/\x00",
        "https://example.org/\ud800",
        'https://example.org/"onclick="x',
        "https://ex" + "ä" * 80 + ".org/",
    ],
)
def test_unusable_web_address_is_empty(typed):
    assert web_address(typed) == ""


@given(ANY_TEXT)
def test_web_address_never_raises_and_never_leaves_ascii(text):
    for typed in (text, f"https://{text}", f"https://example.org/{text}"):
        written = web_address(typed)
        assert written.isascii()
        assert web_address(written) == written


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("ada@example.org", "ada@example.org"),
        (" Ada+tag@Example.org ", "Ada+tag@Example.org"),
        ("ada@exämple.org", "ada@xn--exmple-cua.org"),
        ("webmaster@localhost", "webmaster@localhost"),
        ("o'brien@example.org", "o'brien@example.org"),
        ('"a;b"@example.org', '"a;b"@example.org'),
    ],
)
def test_email_address_is_written_in_ascii(typed, written):
    assert email_address(typed) == written


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example",
        "ada@example.org\r\nBcc: all@example.org",
        "ada@example.org, bob@example.org",
        "Ada <ada@example.org>",
        '"a\x01b"@example.org',
        "ada@exa mple.org",
        "ädä@example.org",
        "ada@" + "ä" * 80 + ".org",
        "a" * 400 + "@example.org",
        "ada\ud800@example.org",
    ],
)
def test_unusable_email_address_is_named_in_the_error(typed):
    with pytest.raises(ValueError, match="not a usable e-mail address"):
        email_address(typed)


@given(ANY_TEXT)
def test_email_address_raises_nothing_but_value_errors(text):
    for typed in (text, f"{text}@example.org", f"ada@{text}", f'"{text}"@example.org'):
        try:
            written = email_address(typed)
        except ValueError:
            continue
        assert written.isascii()
        assert email_address(written) == written


def test_mailto_escapes_what_means_something_in_a_uri():
    assert mailto("ada+tag@example.org") == "mailto:ada+tag@example.org"
    assert mailto("a?b&c=d%e/f@example.org") == "mailto:a%3Fb%26c%3Dd%25e%2Ff@example.org"
    assert mailto('"a;b"@example.org') == "mailto:%22a%3Bb%22@example.org"
