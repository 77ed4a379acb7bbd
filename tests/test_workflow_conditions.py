"""Rules and conditions as stored, which may be anything: they are read, and nothing ever fails."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_agenda.choices import Cause, Trigger
from wagtail_agenda.workflow.conditions import (
    ABOUT,
    COMPARISONS,
    Condition,
    Facts,
    all_hold,
    conditions_of,
    holds,
)
from wagtail_agenda.workflow.rules import MOMENTS, rules_of

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(["transition", *Cause.values, "removed", ""])
NAMES = st.sampled_from(
    [
        *("trigger", "status", "only_from", "conditions", "identifier", "error", "groups"),
        *("amount", "unit", "moment", "label", "comparison", "question", "field", "text"),
        *("number", "agenda", "meeting_type", "admission", "language"),
    ]
)
LIKELY = st.sampled_from(
    [1, 2, "1", "booked", "minutes", "days", "in_status", "before_start", "is", "at_least", "x"]
)
VALUES = st.dictionaries(NAMES, LIKELY | JSON, max_size=8)
ASKED = st.lists(
    st.fixed_dictionaries({"type": st.sampled_from([*COMPARISONS, "x"]), "value": VALUES | JSON})
    | JSON,
    max_size=4,
)
FACTS = st.builds(
    Facts,
    agendas=st.sets(st.integers(), max_size=2),
    meeting_type=st.none() | st.integers(),
    event=st.none() | st.text(max_size=8),
    admission=st.text(max_size=8),
    places=st.integers(),
    hours_until_start=st.floats(allow_nan=False),
    language=st.text(max_size=8),
    answers=st.dictionaries(st.text(max_size=8), JSON, max_size=4),
    kept=st.functions(like=lambda identifier: None, returns=JSON, pure=True),
)


@given(ASKED | JSON, FACTS)
def test_whatever_is_stored_holds_or_does_not(raw, facts):
    conditions = conditions_of(raw)

    assert all_hold(conditions, facts) in (True, False)


@given(
    st.lists(
        st.fixed_dictionaries({"type": KINDS, "value": VALUES | JSON, "id": LIKELY | JSON}) | JSON,
        max_size=6,
    )
)
def test_whatever_is_stored_is_a_rule_or_none(rows):
    for rule in rules_of(rows):
        assert rule.cause
        assert isinstance(rule.leads_to, int)
        assert 0 < len(rule.key) <= 64
        assert rule.cause != Cause.TIME or (rule.moment in MOMENTS and rule.amount >= 0)


@given(JSON, FACTS)
def test_what_cannot_be_read_never_holds(raw, facts):
    for condition in conditions_of([raw]):
        if condition.about not in COMPARISONS:
            assert not holds(condition, facts)
    assert not all_hold(conditions_of("nonsense"), facts)


@given(st.sampled_from(sorted(COMPARISONS)), LIKELY | PLAIN, FACTS)
def test_is_not_is_the_opposite_of_is(about, value, facts):
    if "is_not" not in COMPARISONS[about] or not isinstance(value, int | str) or value is True:
        return
    if isinstance(value, bool):
        return
    same, other = (Condition(about, way, value, name="x", part="y") for way in ("is", "is_not"))
    assert holds(same, facts) != holds(other, facts)


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_numbers_compare_as_numbers(answer, wanted):
    facts = Facts(answers={"n": answer, "text": f" {answer} ", "comma": f"{answer},5"})

    def says(comparison, name):
        return holds(Condition("answer", comparison, str(wanted), name=name), facts)

    assert says("at_least", "n") == says("at_least", "text") == (answer >= wanted)
    assert says("at_most", "n") == (answer <= wanted)
    if answer >= 0:
        assert says("at_least", "comma") == (answer + 0.5 >= wanted)


def test_every_kind_of_condition_has_somewhere_to_keep_its_value():
    assert set(ABOUT) == set(COMPARISONS)


@pytest.mark.parametrize(
    ("comparison", "answer", "text", "expected"),
    [
        ("is", " Passport ", "passport", True),
        ("is", ["Passport", "Visa"], "visa", True),
        ("is_not", ["Passport", "Visa"], "visa", False),
        ("is_not", None, "visa", True),
        ("contains", "A new passport", "PASS", True),
        ("contains", "A new passport", "", False),
        ("contains", None, "x", False),
        ("is", True, "yes", True),
        ("is", False, "no", True),
        ("at_least", "2027-03-31", "2027-03-30", True),
        ("at_most", "2027-03-31", "2027-03-30", False),
        ("at_least", "tomorrow", "2027-03-30", False),
        ("at_least", None, "1", False),
        ("at_least", "NaN", "1", False),
        ("at_least", "9" * 400, "1", False),
        ("at_least", "²", "1", False),
        ("filled", 0, "", True),
        ("filled", False, "", False),
        ("filled", " ", "", False),
        ("empty", None, "", True),
        ("empty", [], "", True),
        ("empty", "x", "", False),
        (["is"], "x", "x", False),
    ],
)
def test_how_answers_compare(comparison, answer, text, expected):
    raw = [{"type": "answer", "value": {"comparison": comparison, "question": "q", "text": text}}]

    assert all_hold(conditions_of(raw), Facts(answers={"q": answer})) is expected


def test_the_field_of_a_kept_answer_is_found_by_its_path():
    kept = {"till": {"bill": {"sum": 12.5}, "paid": True}}
    facts = Facts(kept=kept.get)

    def says(identifier, field, comparison, text=""):
        value = {
            "comparison": comparison,
            "identifier": identifier,
            "field": field,
            "text": text,
        }
        return all_hold(conditions_of([{"type": "kept_answer", "value": value}]), facts)

    assert says("till", "bill.sum", "at_least", "12")
    assert says("till", "paid", "is", "yes")
    assert says("till", "bill.sum.more", "empty")
    assert says("other", "bill", "empty")
    assert not says("other", "bill", "is", "12")


def test_a_list_of_statuses_that_cannot_be_read_leads_from_nowhere():
    def rule(only_from):
        value = {"trigger": "booked", "status": 1, "only_from": only_from}
        return rules_of([{"type": "transition", "value": value}])[0]

    assert all(rule(nothing).leads_from(7) for nothing in (None, [], ""))
    assert rule([{"type": "item", "value": 7}]).leads_from(7)
    assert rule([7, "8"]).leads_from(8)
    assert not any(rule(broken).leads_from(7) for broken in ("x", 7, [None], [{}], {"value": 7}))


def test_a_rule_keeps_its_key_when_others_are_added():
    row = {"type": "transition", "value": {"trigger": "booked", "status": 1}}
    other = {"type": "transition", "id": "an-id", "value": {"trigger": "moved", "status": 1}}

    first, second = rules_of([row, other])

    assert second.key == "an-id"
    assert [rule.key for rule in rules_of([other, row])] == [second.key, first.key]
    assert rules_of(json.loads(json.dumps([row])))[0].key == first.key


def test_every_trigger_can_set_off_a_rule():
    rows = [
        {"type": "transition", "value": {"trigger": trigger.value, "status": 1}}
        for trigger in Trigger
    ]

    assert [rule.cause for rule in rules_of(rows)] == [trigger.value for trigger in Trigger]
