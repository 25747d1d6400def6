"""The state of a quick check: first a prediction, then the truth."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fp8lab.progress import Answer
from fp8lab.states.check import Check, ChoiceCheck, NumberCheck, number_text
from fp8lab.states.numbers import parse_number

__all__ = ["quick_check_state"]


def quick_check_state(
    check: Check,
    kept: Answer | None = None,
    problem: str = "",
    choice: int | None = None,
    typed: str = "",
    locked: bool = False,
) -> dict[str, Any]:
    """Return everything that a quick check draws.

    Nothing of the truth is in the state before an answer is locked in.

    Parameters
    ----------
    check
        The question.
    kept
        The answer that was locked in before, from the learner's progress. It wins over
        the four inputs below.
    problem
        What is wrong with the learner's progress, in words.
    choice
        Index of the chosen option, for a `ChoiceCheck`.
    typed
        The typed number, for a `NumberCheck`.
    locked
        Whether the learner locks the answer in.

    Raises
    ------
    ValueError
        There is nothing to lock in, or what was typed is not a finite number.
    """
    if kept is None and locked:
        text, right = check.answer(choice, typed)
        kept = Answer(text, "", right)
    state = {
        "id": check.id,
        "question": check.question,
        "locked": kept is not None,
        "when": _date(kept.when) if kept else "",
        "problem": problem,
    }
    if isinstance(check, ChoiceCheck):
        return {**state, **_choice(check, kept, choice)}
    return {**state, **_number(check, kept, typed)}


def _choice(
    check: ChoiceCheck, kept: Answer | None, choice: int | None
) -> dict[str, Any]:
    texts = [option.text for option in check.options]
    if kept is not None:
        choice = texts.index(kept.text)
    elif choice is not None:
        check.answer(choice, "")
    return {
        "kind": "choice",
        "choice": choice,
        "options": [
            {
                "text": option.text,
                "yours": kept is not None and i == choice,
                "right": kept is not None and option.correct,
                "why": option.why if kept else "",
            }
            for i, option in enumerate(check.options)
        ],
        "right": bool(kept and check.options[choice or 0].correct),
        "summary": _choice_summary(check, kept, choice),
    }


def _choice_summary(check: ChoiceCheck, kept: Answer | None, choice: int | None) -> str:
    if kept is None:
        return "" if choice is None else "Lock it in to see the answer."
    if check.options[choice or 0].correct:
        return "Right."
    right = " or ".join(option.text for option in check.options if option.correct)
    return f"Not quite. The answer is: {right}"


def _number(check: NumberCheck, kept: Answer | None, typed: str) -> dict[str, Any]:
    state = {"kind": "number", "unit": check.unit, "typed": typed, "right": False}
    if kept is None:
        return {
            **state,
            "truth": "",
            "yours": "",
            "ratio": "",
            "why": "",
            "summary": "",
        }
    value, truth = parse_number(kept.text), check.text(check.truth)
    right = check.factor(value) <= check.within
    verdict = "Right" if right else "Not quite"
    return {
        **state,
        "right": right,
        "truth": truth,
        "yours": check.text(value),
        "ratio": number_text(value / check.truth) if check.truth else "–",
        "why": check.why,
        "summary": f"{verdict}: your prediction was {check.distance(value)}.",
    }


def _date(when: str) -> str:
    """A kept time as a day, or as it is where it is none."""
    try:
        return f"{datetime.fromisoformat(when):%d %b %Y}".lstrip("0")
    except ValueError:
        return when
