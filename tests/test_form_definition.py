"""What a booking block asks survives the trip through a visitor's page unharmed, or is refused."""

import base64
import hashlib
import zlib
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from django.core import signing
from django.db import connection
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_agenda
from wagtail_agenda import form_definition
from wagtail_agenda.form_definition import Definition, FormDefinitionError, read, sign
from wagtail_agenda.models import FormVersion

NOW = datetime(2026, 11, 30, 9, 17, tzinfo=timezone.utc)

DEFINITION = Definition(
    agenda_id=7,
    meeting_type_id=3,
    fields=(
        {
            "type": "radio",
            "clean_name": "reason",
            "label": "Why « now »? 🙂",
            "help_text": "",
            "required": True,
            "choices": ["Lost", "Expired"],
        },
    ),
    texts={"heading": "Passports", "confirmation": "<p>Bring a <b>photo</b>.</p>"},
    language="fr",
)


def refusal(signed: str, now: datetime = NOW) -> str:
    with pytest.raises(FormDefinitionError) as caught:
        read(signed, now)
    assert str(caught.value)
    return caught.value.code


def test_reads_what_was_signed():
    assert read(sign(DEFINITION, NOW), NOW) == DEFINITION


@given(
    st.builds(
        Definition,
        agenda_id=st.integers(1),
        meeting_type_id=st.none() | st.integers(1),
        texts=st.dictionaries(
            st.sampled_from(["heading", "confirmation", "fully_booked"]),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
        ),
        language=st.sampled_from(["", "en", "pt-br"]),
    )
)
def test_any_text_survives(definition):
    back = read(sign(definition, NOW), NOW)
    assert back == definition
    assert back.digest == definition.digest


def test_a_page_does_not_change_within_the_hour():
    assert sign(DEFINITION, NOW) == sign(DEFINITION, NOW + timedelta(minutes=42))
    assert sign(DEFINITION, NOW) != sign(DEFINITION, NOW + timedelta(minutes=43))


@pytest.mark.parametrize(
    "damage",
    [
        lambda signed: "",
        lambda signed: ":",
        lambda signed: signed[:-1],
        lambda signed: signed[: len(signed) // 2],
        lambda signed: signed[1:],
        lambda signed: signed.replace(":", ""),
        lambda signed: signed + "A",
        lambda signed: "é" + signed,
        lambda signed: "\x00" + signed,
        lambda signed: "\ud800" + signed,
        lambda signed: signed.swapcase(),
        lambda signed: "." + base64.urlsafe_b64encode(zlib.compress(b"[" * 4000)).decode() + ":x",
    ],
)
def test_refuses_what_arrived_damaged(damage):
    assert refusal(damage(sign(DEFINITION, NOW))) == "forged"


def test_refuses_what_something_else_signed():
    assert refusal(signing.Signer(salt="other").sign_object(DEFINITION.asked)) == "forged"


def test_refuses_what_another_key_signed(settings):
    signed = sign(DEFINITION, NOW)
    settings.SECRET_KEY = "another"
    assert refusal(signed) == "forged"
    settings.SECRET_KEY_FALLBACKS = ["only-for-tests"]
    assert read(signed, NOW) == DEFINITION


def test_refuses_more_than_any_form_needs():
    assert refusal("A" * (form_definition.LONGEST_SIGNED + 1)) == "oversized"


def test_knows_which_form_is_too_long():
    assert form_definition.fits(DEFINITION, NOW)
    # Digests, because text that repeats compresses to nothing.
    noise = "".join(hashlib.sha512(bytes([index])).hexdigest() for index in range(256))
    long_one = replace(DEFINITION, texts={"heading": noise})
    assert not form_definition.fits(long_one, NOW)


def test_refuses_what_a_preview_made():
    assert refusal(sign(replace(DEFINITION, preview=True), NOW)) == "preview"


def test_is_outdated_a_day_after_the_visitor_saw_it(settings):
    signed = sign(DEFINITION, NOW)
    assert read(signed, NOW + timedelta(hours=24)) == DEFINITION
    assert refusal(signed, NOW + timedelta(hours=25)) == "outdated"
    settings.WAGTAIL_AGENDA = {"FORM_DEFINITION_HOURS": 2}
    assert refusal(signed, NOW + timedelta(hours=4)) == "outdated"


def test_refusals_speak_the_visitors_language():
    with translation.override("fr"):
        error = FormDefinitionError("preview")
    assert str(error.message) == str(FormDefinitionError.MESSAGES["preview"])


@pytest.mark.parametrize(
    "change",
    [
        {"agenda_id": 8},
        {"meeting_type_id": None},
        {"fields": ()},
        {"texts": {"heading": "Other"}},
        {"language": "de"},
    ],
)
def test_every_change_makes_another_digest(change):
    assert replace(DEFINITION, **change).digest != DEFINITION.digest


def test_the_same_form_has_the_same_digest_whenever_it_was_issued():
    later = read(sign(DEFINITION, NOW + timedelta(hours=5)), NOW + timedelta(hours=5))
    assert later.digest == read(sign(DEFINITION, NOW), NOW).digest


@pytest.mark.django_db
def test_keeps_each_form_once():
    definition = replace(DEFINITION, agenda_id=make_agenda().pk)
    first = form_definition.keep(definition)
    assert form_definition.keep(definition) == first
    assert FormVersion.objects.count() == 1
    first.refresh_from_db()
    assert Definition.from_asked(first.definition) == definition
    assert first.digest == definition.digest


@pytest.mark.django_db(transaction=True)
def test_two_visitors_keep_the_same_form_at_the_same_moment(simultaneously):
    definition = replace(DEFINITION, agenda_id=make_agenda().pk)

    def keep(_visitor):
        try:
            return form_definition.keep(definition).pk
        finally:
            connection.close()

    assert len(set(simultaneously(keep, range(8)))) == 1


def test_says_answers_in_the_words_of_the_form():
    asked = {
        "fields": [
            {"type": "checkboxes", "clean_name": "days", "label": "Days"},
            {"type": "consent", "clean_name": "agree", "label": "I agree"},
            {"type": "date", "clean_name": "born", "label": "Born"},
            {"type": "single_line", "clean_name": "note", "label": "Note"},
            {"type": "single_line", "clean_name": "later", "label": "Never asked then"},
        ]
    }
    answers = {
        "note": "",
        "agree": True,
        "born": "2019-02-28",
        "days": ["Monday", "Friday"],
        "old_question": 3,
    }
    with translation.override("en"):
        assert form_definition.answers_in_words(asked, answers) == [
            ("Days", "Monday, Friday"),
            ("I agree", "Yes"),
            ("Born", "Feb. 28, 2019"),
            ("Note", ""),
            ("old_question", "3"),
        ]
