"""The quick check: no truth before the lock, one answer after it."""

import json
import math
import timeit

import numpy as np
import pytest

from fp8lab.progress import Answer
from fp8lab.states import quick_check_state
from fp8lab.states.check import ChoiceCheck, NumberCheck, Option

LARGEST = ChoiceCheck(
    "01-largest",
    "What is the largest number of `E4M3FN`?",
    (
        Option("240", "That has a WHY of its own: E4M3 with an infinity."),
        Option("448", "WHY: only mantissa 111 is NaN.", correct=True),
        Option("480", "WHY: that code is NaN."),
    ),
)
CLIFF = NumberCheck("02-cliff", "How large?", 458_752.0, "times", "WHY: 448 * 2^10")


def kept(text, right=False):
    return Answer(text, "2026-03-05T08:00:00+00:00", right)


@pytest.mark.parametrize("choice", [None, 0, 1])
def test_no_truth_before_the_lock(choice):
    state = quick_check_state(LARGEST, choice=choice)
    text = json.dumps(state)
    assert "WHY" not in text
    assert not state["locked"]
    assert not state["right"]
    assert [o["right"] for o in state["options"]] == [False] * 3
    assert state["choice"] == choice


@pytest.mark.parametrize("typed", ["", "3", "458752", "abc"])
def test_no_number_before_the_lock(typed):
    state = quick_check_state(CLIFF, typed=typed)
    text = json.dumps({**state, "typed": ""})
    assert "WHY" not in text
    assert "458" not in text
    assert not state["locked"]


@pytest.mark.parametrize("choice", [0, 1, 2])
def test_after_the_lock_every_option_says_why(choice):
    state = quick_check_state(LARGEST, choice=choice, locked=True)
    assert [o["why"] for o in state["options"]] == [o.why for o in LARGEST.options]
    assert [o["yours"] for o in state["options"]] == [i == choice for i in range(3)]
    assert [o["right"] for o in state["options"]] == [False, True, False]
    assert state["right"] == (choice == 1)
    expected = "Right." if choice == 1 else "Not quite. The answer is: 448"
    assert state["summary"] == expected


def test_what_was_kept_wins_over_what_is_chosen_now():
    state = quick_check_state(LARGEST, kept=kept("480"), choice=1, locked=True)
    assert (state["choice"], state["right"]) == (2, False)
    assert state["when"] == "5 Mar 2026"
    state = quick_check_state(CLIFF, kept=kept("28672"), typed="458752", locked=True)
    assert (state["yours"], state["right"]) == ("28,672 times", False)


def test_a_reordered_question_keeps_its_answer_and_a_new_one_does_not():
    turned = ChoiceCheck("01-largest", LARGEST.question, LARGEST.options[::-1])
    assert turned.key == LARGEST.key
    state = quick_check_state(turned, kept=kept("240"))
    assert [o["yours"] for o in state["options"]] == [False, False, True]
    other = ChoiceCheck("01-largest", "And of `E5M2`?", LARGEST.options)
    assert other.key != LARGEST.key
    assert other.key.startswith("01-largest#")


@pytest.mark.parametrize(
    ("typed", "ratio", "said"),
    [
        ("458,752", "1", "Right: your prediction was exactly right."),
        ("458752 times", "1", "Right: your prediction was exactly right."),
        ("7*2^16", "1", "Right: your prediction was exactly right."),
        ("500000", "1.09", "Right: your prediction was too high by 9 %."),
        (
            "28,672",
            "0.0625",
            "Not quite: your prediction was too low by a factor of 16.",
        ),
        (
            "1e9",
            "2,180",
            "Not quite: your prediction was too high by a factor of 2,180.",
        ),
        ("0", "0", "Not quite: your prediction was off by 458,752 times."),
        ("-458752", "-1", "Not quite: your prediction was off by 917,504 times."),
    ],
)
def test_a_prediction_is_shown_with_its_ratio(typed, ratio, said):
    state = quick_check_state(CLIFF, typed=typed, locked=True)
    assert state["locked"]
    assert state["truth"] == "458,752 times"
    assert (state["ratio"], state["summary"]) == (ratio, said)
    # What is kept reads back as the same number.
    text, right = CLIFF.answer(None, typed)
    again = quick_check_state(CLIFF, kept=kept(text, right))
    assert again["summary"] == said
    assert right == said.startswith("Right")


def test_a_truth_of_zero_or_below():
    zero = NumberCheck("z", "?", 0.0, "%", "none")
    assert quick_check_state(zero, typed="0 %", locked=True)["right"]
    state = quick_check_state(zero, typed="3", locked=True)
    assert (state["right"], state["ratio"]) == (False, "–")
    assert state["summary"] == "Not quite: your prediction was off by 3 %."
    below = NumberCheck("b", "?", -2.5, "", "none")
    state = quick_check_state(below, typed="-10", locked=True)
    assert (
        state["summary"] == "Not quite: your prediction was too high by a factor of 4."
    )


@pytest.mark.parametrize(
    ("check", "inputs", "message"),
    [
        (LARGEST, {}, "Choose an answer first"),
        (LARGEST, {"choice": 3}, "give 0 to 2"),
        (LARGEST, {"choice": True}, "give the number of an option"),
        (LARGEST, {"choice": "448"}, "give the number of an option"),
        (CLIFF, {}, "Type a number first"),
        (CLIFF, {"typed": "  "}, "Type a number first"),
        (CLIFF, {"typed": "12x"}, '"12x" is not a number'),
        (CLIFF, {"typed": "1,23"}, '"1,23" is not a number'),
        (CLIFF, {"typed": "inf"}, "predict a finite number"),
        (CLIFF, {"typed": "1e999"}, "too large"),
    ],
)
def test_nothing_is_locked_by_a_bad_answer(check, inputs, message):
    with pytest.raises(ValueError, match=message):
        quick_check_state(check, locked=True, **inputs)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ChoiceCheck("a", "?", (Option("x", "y", True),)), "at least two"),
        (
            lambda: ChoiceCheck("a", "?", (Option("x", "y", True), Option("x", "z"))),
            "all different",
        ),
        (
            lambda: ChoiceCheck("a", "?", (Option("x", "y"), Option("z", "y"))),
            "no option is right",
        ),
        (
            lambda: ChoiceCheck("a", "?", (Option("x", "y", True), Option("z", " "))),
            "say why for the option 'z'",
        ),
        (
            lambda: ChoiceCheck("a", "`?", (Option("x", "y", True), Option("z", "y"))),
            "a backtick is missing",
        ),
        (lambda: NumberCheck("a", "?", math.nan, "", "y"), "give a finite number"),
        (lambda: NumberCheck("a", "?", 1.0, "", "y", within=0.5), "factor >= 1"),
        (lambda: NumberCheck(" ", "?", 1.0, "", "y"), "no id"),
    ],
)
def test_a_check_that_cannot_be_asked_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_state_is_json():
    for state in (
        quick_check_state(LARGEST, problem="a problem"),
        quick_check_state(LARGEST, choice=2, locked=True),
        quick_check_state(CLIFF, typed="1e-300", locked=True),
    ):
        assert json.loads(json.dumps(state, allow_nan=False)) == state


@pytest.fixture
def ask(tmp_path, monkeypatch):
    pytest.importorskip("anywidget")
    from fp8lab.widgets import QuickCheck

    monkeypatch.setenv("FP8LAB_PROGRESS", str(tmp_path / "progress.json"))
    return lambda: QuickCheck(LARGEST.id, LARGEST.question, LARGEST.options)


def test_a_widget_locks_one_answer_and_remembers_it(ask):
    shown = ask()
    assert (shown.answer, shown.state["locked"]) == (None, False)
    shown.update(locked=True)
    assert "Choose an answer first" in shown.state["error"]
    shown.update(choice=0, locked=False)
    assert "error" not in shown.state
    shown.update(locked=True)
    assert shown.answer.text == "240"
    assert not shown.answer.right
    # The browser cannot take it back.
    shown.update(choice=1, locked=False)
    assert (shown.state["choice"], shown.state["locked"]) == (0, True)
    # Another notebook, another day.
    again = ask()
    assert again.state["choice"] == 0
    assert again.state["locked"]
    again.forget()
    assert (again.answer, again.state["locked"]) == (None, False)
    assert ask().answer is None


def test_two_widgets_of_one_question_agree_on_the_first_answer(ask):
    one, two = ask(), ask()
    one.update(choice=1, locked=True)
    two.update(choice=2, locked=True)
    assert one.answer == two.answer
    assert two.state["choice"] == 1


def test_an_answer_that_cannot_be_kept_is_still_locked(ask, tmp_path, monkeypatch):
    shown = ask()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FP8LAB_PROGRESS", str(tmp_path / "file" / "progress.json"))
    shown.update(choice=1, locked=True)
    assert shown.state["locked"]
    assert "answers are not kept" in shown.state["problem"]


def test_an_edited_answer_is_asked_again(ask, tmp_path):
    ask().update(choice=1, locked=True)
    path = tmp_path / "progress.json"
    path.write_text(path.read_text().replace('"448"', '"4480"'))
    shown = ask()
    assert not shown.state["locked"]
    assert "answer again" in shown.state["problem"]
    shown.update(choice=2, locked=True)
    assert shown.answer.text == "480"


def test_a_number_widget(ask):
    from fp8lab.widgets import QuickCheck

    shown = QuickCheck.number("n", "How large?", 448, unit="", why="derived")
    shown.update(typed="many", locked=True)
    assert '"many" is not a number' in shown.state["error"]
    assert shown.answer is None
    shown.update(typed="400", locked=True)
    assert shown.state["right"]
    assert QuickCheck.number("n", "How large?", 448, why="derived").answer.right


def test_time_of_a_state():
    runs = timeit.repeat(
        lambda: quick_check_state(LARGEST, choice=0, locked=True), number=100, repeat=9
    )
    print(f"quick_check_state: {10 * np.median(runs):.3f} ms")
