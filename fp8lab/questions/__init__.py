"""The questions of the lessons, as data: a lesson's cell names one, and no more.

In a cell the right answer would stand above the question that asks for it.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from fp8lab.states.check import Check, ChoiceCheck, NumberCheck, Option

__all__ = ["load_question", "question_ids"]


@cache
def _questions() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for entry in sorted(files(__name__).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            found |= tomllib.loads(entry.read_text(encoding="utf-8"))
    return found


def question_ids() -> list[str]:
    """List the ids of all questions, lesson by lesson."""
    return list(_questions())


def load_question(id: str, truth: float | None = None) -> Check:  # noqa: A002
    """Return a question by its id.

    Parameters
    ----------
    id
        For example ``"02-cliff"``: the lesson's number and a name.
    truth
        The measured answer, for a question that asks for a number.

    Raises
    ------
    ValueError
        No such question; a truth given for a question with options, or none for one
        that asks for a number.
    """
    fields = _questions().get(id)
    if fields is None:
        known = ", ".join(question_ids())
        raise ValueError(f"no question {id!r}; there are {known}")
    options = fields.get("options")
    if (options is None) != (truth is not None):
        raise ValueError(
            f"question {id!r} asks for a number; pass truth="
            if options is None
            else f"question {id!r} has options; it takes no truth"
        )
    if options is not None:
        chosen = tuple(Option(**option) for option in options)
        return ChoiceCheck(id, fields["question"], chosen)
    return NumberCheck(
        id,
        fields["question"],
        float(truth or 0.0),
        fields.get("unit", ""),
        fields["why"],
        fields.get("within", 1.25),
    )
