"""What a benchmark says: ratios turn by turn, one line of JSON a figure, an honest exit code."""

import json

import pytest

from benchmarks import __main__ as command
from benchmarks import harness
from benchmarks.harness import Figure, Turns, at_least, at_most, exactly, report


def test_the_ratio_is_the_median_of_the_turns():
    # In the second turn the machine was ten times slower: for both.
    turns = Turns(product=(2, 30, 4), floor=(1, 10, 1))
    assert turns.ratios == (2, 3, 4)
    assert turns.ratio == 3
    assert turns.spread == (2, 4)


def test_product_and_floor_take_turns_after_a_first_run_that_does_not_count():
    ran = []
    turns = harness.in_turns(
        lambda: ran.append("product") or len(ran),
        lambda: ran.append("floor") or len(ran),
        rounds=2,
    )
    assert ran == ["product", "floor", "floor", "product", "product", "floor"]
    assert turns == Turns(product=(4, 5), floor=(3, 6))


def test_short_work_is_repeated_until_a_turn_is_long_enough():
    seconds = iter(range(100))
    runs = []
    taken = harness.timed(lambda: runs.append(1), at_least=4, clock=lambda: next(seconds))
    assert (len(runs), taken) == (4, 1)


def test_a_figure_is_one_line_of_json_with_what_was_agreed(capsys):
    figure = Figure.of_durations("a.b", Turns((0.004,), (0.002,)), at_most(3), queries=6)
    assert report([figure], database="sqlite")
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "figure": "a.b",
            "value": 4.0,
            "unit": "ms",
            "floor": 2.0,
            "ratio": 2.0,
            "target": "ratio <= 3",
            "ok": True,
            "spread": [2.0, 2.0],
            "queries": 6,
            "database": "sqlite",
        }
    ]


@pytest.mark.parametrize(
    ("target", "ok"),
    [
        (at_most(2), True),
        (at_most(1.9), False),
        (at_least(2), True),
        (at_least(2.1), False),
        (exactly(4), True),
        (exactly(5), False),
        (at_most(6, of="queries"), True),
        (at_most(5, of="queries"), False),
    ],
)
def test_a_target_is_met_or_not(target, ok):
    assert Figure("x", 4, "ms", target, floor=2, ratio=2, extra={"queries": 6}).ok is ok


def test_one_figure_that_misses_its_target_spoils_the_answer(capsys):
    good, bad = (
        Figure(name, 1, "winners", exactly(wanted)) for name, wanted in (("a", 1), ("b", 2))
    )
    assert report([good])
    assert not report([bad, good])
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_an_unknown_benchmark_is_named_with_those_that_there_are(capsys):
    assert command.run(["nonsense"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "nonsense" in said.err
    assert "availability" in said.err


def test_a_server_that_does_not_answer_is_one_sentence(settings, monkeypatch):
    settings.TEST_DATABASE = "postgresql"
    monkeypatch.setitem(
        settings.DATABASES,
        "default",
        {**settings.DATABASES["default"], "HOST": "127.0.0.1", "PORT": 9},
    )
    with pytest.raises(harness.Unavailable, match="Nothing answers on 127.0.0.1:9"):
        harness.require_server()
