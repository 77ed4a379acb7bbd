"""Whatever a visitor types is either taken, cleaned, or answered with a message."""

import json

import pytest
from django.http import QueryDict
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from wagtail_agenda.forms import LONGEST_TEXT, details_of, form_of, typed


def question(kind, name="answer", required=False, **extra):
    return {
        "type": kind,
        "clean_name": name,
        "label": name.capitalize(),
        "help_text": "",
        "required": required,
        **extra,
    }


def asked(*questions):
    return {"agenda": 1, "meeting_type": None, "fields": questions, "texts": {}, "language": "en"}


CHOICES = ["Lost", "Expired", "<b>Other</b>"]
EVERY_KIND = asked(
    question("single_line", "line"),
    question("multi_line", "text"),
    question("email", "email"),
    question("phone", "phone"),
    question("number", "number"),
    question("date", "date"),
    question("choice", "choice", choices=CHOICES),
    question("radio", "radio", choices=CHOICES),
    question("checkboxes", "checkboxes", choices=CHOICES),
    question("consent", "consent", text="<p>Yes</p>"),
)


def judged(definition, **values):
    post = QueryDict(mutable=True)
    post.update({"user_name": "Ada Martin", "user_email": "ada@fairbridge.example"})
    for name, value in values.items():
        post.setlist(name, value if isinstance(value, list) else [value])
    with translation.override("en"):
        form = form_of(definition, typed(definition, post), judged=True)
        form.is_valid()
    return form


def answer(kind, value, **extra):
    """The cleaned answer to one question, or the message that refuses it."""
    form = judged(asked(question(kind, **extra)), answer=value)
    if form.errors:
        assert set(form.errors) == {"answer"}
        return "refused: " + form.errors["answer"][0]
    return details_of(asked(question(kind, **extra)), form.cleaned_data).answers["answer"]


def refused(result):
    return isinstance(result, str) and result.startswith("refused: ") and len(result) > 15


def test_name_and_address_are_always_asked():
    form = judged(asked(), user_name="", user_email="")
    assert set(form.errors) == {"user_name", "user_email"}
    assert list(form_of(EVERY_KIND).fields)[:3] == ["user_name", "user_email", "line"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Ada", "Ada"),
        ("  Ada \t Martin ", "Ada Martin"),
        ("Ada\r\nBcc: all@x.org", "Ada Bcc: all@x.org"),
        ("A\x00d\x1ba", "Ada"),
        ("Ada\u202eEXE", "AdaEXE"),
        ("Zoë 👩‍👧 é", "Zoë 👩‍👧 é"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
        ("{{7*7}} {a.b} %s ' OR 1=1", "{{7*7}} {a.b} %s ' OR 1=1"),
        ("A\ud800da", "Ada"),
    ],
)
def test_a_line_stays_one_line(said, kept):
    form = judged(asked(), user_name=said)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["user_name"] == kept


@pytest.mark.parametrize(
    "said", ["", " ", "\u200b\u200d", "\u202e", "\x00", "\r\n", "\u00a0", "a" * 256, "a" * 10_000]
)
def test_a_name_that_is_none_is_refused(said):
    assert judged(asked(), user_name=said).errors["user_name"]


@pytest.mark.parametrize(
    "said",
    [
        "Ada http://evil.example",
        "https://evil.example/win",
        "Win at WWW.evil.example",
        "ht\u200btp:\u200b//evil.example",
        "ftp://evil.example",
    ],
)
def test_a_name_advertises_no_web_address(said):
    assert "web address" in judged(asked(), user_name=said).errors["user_name"][0]


@pytest.mark.parametrize("said", ["Ada St.John-Smith", "Wwwwo", "Ada c/o Bob", "Dr. A. B. Martin"])
def test_a_name_may_have_its_signs(said):
    assert judged(asked(), user_name=said).cleaned_data["user_name"] == said


def test_what_is_too_long_is_refused_and_kept():
    form = judged(asked(question("multi_line", "text")), text="a" * 10_000)
    assert f"{LONGEST_TEXT}" in form.errors["text"][0].replace(",", "")
    assert form["text"].value() == "a" * 10_000


def test_several_lines_keep_their_lines():
    assert answer("multi_line", " a\r\n\r\nb\x00\x07\n ") == "a\n\nb"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("ada@example.org", "ada@example.org"),
        (" ada+tag@example.org ", "ada+tag@example.org"),
        ("ada@bücher.example", "ada@bücher.example"),
        ("\u200bada@example.org\u2060", "ada@example.org"),
        ("o'neill@example.org", "o'neill@example.org"),
    ],
)
def test_takes_one_address(said, kept):
    assert judged(asked(), user_email=said).cleaned_data["user_email"] == kept


@pytest.mark.parametrize(
    "said",
    [
        "ada",
        "ada@",
        "@example.org",
        "ada@example",
        "ada@example.org, bob@example.org",
        "ada@example.org;bob@example.org",
        "Ada <ada@example.org>",
        "ada@example.org\r\nBcc: bob@example.org",
        '"a b"@example.org',
        '"a\r\n"@example.org',
        "ädä@example.org",
        "a" * 65 + "@" + ("b" * 62 + ".") * 3 + "org",
        "a" * 10_000 + "@example.org",
        "ada@exam\x00ple.org ada",
        "ada@" + "ü" * 120 + ".example",
        "root@localhost",
        "root@[127.0.0.1]",
        "root@[IPv6:::1]",
    ],
)
def test_refuses_any_other_address(said):
    assert judged(asked(), user_email=said).errors["user_email"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("+33 1 23 45 67 89", "+33 1 23 45 67 89"),
        ("01.23.45.67.89", "01.23.45.67.89"),
        ("(01) 23-45/67", "(01) 23-45/67"),
        ("\u202a+33\u00a01\u202f23\u201145 67\u202c", "+33 1 23-45 67"),
        ("", ""),
    ],
)
def test_takes_telephone_numbers_as_people_write_them(said, kept):
    assert answer("phone", said) == kept


@pytest.mark.parametrize(
    "said", ["call me", "12", "+", "----", "1" * 21, "1" * 10_000, "+33 1 <b>", "١٢٣٤"]
)
def test_refuses_what_is_no_telephone_number(said):
    assert refused(answer("phone", said))


@pytest.mark.parametrize(
    ("said", "kept"), [("0", 0), ("-3", -3), ("2.50", 2.5), ("1e3", 1000), ("", None), (" 7 ", 7)]
)
def test_takes_numbers(said, kept):
    assert answer("number", said) == kept


@pytest.mark.parametrize(
    "said",
    [
        "NaN",
        "sNaN",
        "inf",
        "-Infinity",
        "1e400",
        "1e1000000000",
        "9" * 40,
        "0x10",
        "two",
        "1,2,3.4.5",
    ],
)
def test_refuses_what_is_no_number(said):
    assert refused(answer("number", said))


def test_numbers_keep_to_their_bounds():
    bounds = {"minimum": "1", "maximum": "5.5"}
    assert answer("number", "5.5", **bounds) == 5.5
    assert refused(answer("number", "0", **bounds))
    assert refused(answer("number", "6", **bounds))


def test_numbers_are_read_as_the_language_writes_them():
    definition = asked(question("number"))
    with translation.override("fr"):
        form = form_of(
            definition,
            {"user_name": "Ada", "user_email": "ada@x.example", "answer": "2,5"},
            judged=True,
        )
        assert form.is_valid(), form.errors
    assert details_of(definition, form.cleaned_data).answers == {"answer": 2.5}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("2028-02-29", "2028-02-29"),
        ("0001-01-01", "0001-01-01"),
        ("9999-12-31", "9999-12-31"),
        ("12/31/2026", "2026-12-31"),
        ("", None),
    ],
)
def test_takes_dates(said, kept):
    assert answer("date", said) == kept


@pytest.mark.parametrize(
    "said",
    ["2026-02-30", "2026-02-29", "0000-01-01", "10000-01-01", "tomorrow", "2026-12-31T25:00"],
)
def test_refuses_days_that_do_not_exist(said):
    assert refused(answer("date", said))


@pytest.mark.parametrize("kind", ["choice", "radio"])
def test_takes_one_of_the_choices_only(kind):
    assert answer(kind, "<b>Other</b>", choices=CHOICES) == "<b>Other</b>"
    assert answer(kind, "", choices=CHOICES) == ""
    assert refused(answer(kind, "Stolen", choices=CHOICES))
    assert refused(answer(kind, "", choices=CHOICES, required=True))


def test_takes_several_of_the_choices_only():
    assert answer("checkboxes", ["Lost", "Expired"], choices=CHOICES) == ["Lost", "Expired"]
    assert answer("checkboxes", [], choices=CHOICES) == []
    assert refused(answer("checkboxes", ["Lost", "Stolen"], choices=CHOICES))
    assert refused(answer("checkboxes", [], choices=CHOICES, required=True))
    assert refused(answer("checkboxes", ["x"] * 10_000, choices=CHOICES))


def test_consent_is_needed_only_where_the_editor_says_so():
    assert answer("consent", "on", required=True) is True
    assert refused(answer("consent", [], required=True))
    assert answer("consent", []) is False


def test_the_first_telephone_number_is_the_bookings():
    definition = asked(
        question("phone", "home"), question("phone", "work"), question("phone", "other")
    )
    form = judged(definition, home="", work="123 456", other="999 999")
    details = details_of(definition, form.cleaned_data, language="en")
    assert details.user_phone_number == "123 456"
    assert details.answers == {"home": "", "work": "123 456", "other": "999 999"}
    assert details.language == "en"


def test_what_the_form_does_not_ask_is_not_kept():
    post = QueryDict("user_name=Ada&is_admin=1&csrfmiddlewaretoken=x&line=a")
    kept = typed(asked(question("single_line", "line")), post)
    assert kept == {"user_name": "Ada", "user_email": "", "line": "a"}


def test_a_question_of_a_later_version_is_asked_as_a_line():
    assert answer("hologram", "a\nb") == "a b"


def test_shows_again_what_was_typed_without_a_word_about_it():
    form = form_of(
        EVERY_KIND, {"user_name": "Ada", "user_email": "nonsense", "checkboxes": ["Lost"]}
    )
    html = form.render()
    assert 'value="nonsense"' in html
    assert "agenda-booking__error" not in html
    assert html.count('value="Lost" id="agenda-checkboxes_0" checked') == 1


def test_says_what_is_required_and_what_is_wrong_to_everybody():
    definition = asked(question("single_line", "line", required=True, help_text="As on the card"))
    html = judged(definition, line="").render()
    assert "(required)" in html
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="agenda-line_helptext agenda-line_error"' in html
    assert 'id="agenda-line_error"' in html
    assert 'autocomplete="name"' in html
    assert 'autocomplete="email"' in html


def test_nothing_typed_is_code():
    payload = "<script>alert(1)</script>\"'{{7*7}}"
    values = dict.fromkeys([item["clean_name"] for item in EVERY_KIND["fields"]], payload)
    html = judged(EVERY_KIND, **values).render()
    assert "<script" not in html
    assert "<b>" not in html.replace("&lt;b&gt;", "")


@given(
    st.dictionaries(
        st.sampled_from(
            ["user_name", "user_email", *(item["clean_name"] for item in EVERY_KIND["fields"])]
        ),
        st.lists(st.text(max_size=60), max_size=3),
    ),
    st.sampled_from(["en", "fr", "ru"]),
)
def test_anything_at_all_is_judged_rendered_and_stored(values, language):
    post = QueryDict(mutable=True)
    for name, said in values.items():
        post.setlist(name, said)
    with translation.override(language):
        answers = typed(EVERY_KIND, post)
        assert "\\u0000" not in json.dumps(answers)
        json.dumps(answers, ensure_ascii=False).encode()
        form = form_of(EVERY_KIND, answers, judged=True)
        if form.is_valid():
            details = details_of(EVERY_KIND, form.cleaned_data)
            assert "\n" not in details.user_name + details.user_email + details.user_phone_number
            json.dumps(details.answers, allow_nan=False)
        form.render()
        form_of(EVERY_KIND, answers).render()
