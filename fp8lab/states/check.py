"""A question with a prediction in it: what may be answered, and what is right.

The words are plain text; what stands between backticks is shown as code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from fp8lab.states.numbers import parse_number, short, value_text

__all__ = ["Check", "ChoiceCheck", "NumberCheck", "Option", "number_text"]


@dataclass(frozen=True)
class Option:
    """One answer to choose.

    Parameters
    ----------
    text
        The answer.
    why
        Why it is right, or what is wrong with it; shown after the answer is locked in.
    correct
        Whether it is right.
    """

    text: str
    why: str
    correct: bool = False


@dataclass(frozen=True)
class ChoiceCheck:
    """A question with options, of which one or more are right.

    Parameters
    ----------
    id
        A name of its own in the learner's progress, for example ``"02-block-scaling"``.
    question
        The question.
    options
        At least two, no two with one text, each with a ``why``.

    Raises
    ------
    ValueError
        The options are not such options, or a backtick is missing.
    """

    id: str
    question: str
    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        texts = [option.text for option in self.options]
        if len(texts) < 2 or len(set(texts)) < len(texts):
            raise ValueError(f"{self.id}: give at least two options, all different")
        if not any(option.correct for option in self.options):
            raise ValueError(f"{self.id}: no option is right; set correct=True on one")
        if missing := [
            option.text for option in self.options if not option.why.strip()
        ]:
            raise ValueError(f"{self.id}: say why for the option {missing[0]!r}")
        words = [self.question, *texts, *(option.why for option in self.options)]
        _check_words(self.id, words)

    @property
    def key(self) -> str:
        """Id and wording: a question that is asked anew is answered anew."""
        return _key(self.id, self.question, *sorted(o.text for o in self.options))

    def answer(self, choice: int | None, typed: str) -> tuple[str, bool]:  # noqa: ARG002
        """Return the answer's text and whether it is right; ValueError for none."""
        if choice is None:
            raise ValueError("Choose an answer first, then lock it in.")
        if isinstance(choice, bool) or not isinstance(choice, int):
            raise ValueError(f"choice is {choice!r}; give the number of an option")
        if not 0 <= choice < len(self.options):
            raise ValueError(f"choice is {choice}; give 0 to {len(self.options) - 1}")
        option = self.options[choice]
        return option.text, option.correct

    def knows(self, text: str) -> bool:
        """Whether a kept text is an answer to this question."""
        return text in [option.text for option in self.options]


@dataclass(frozen=True)
class NumberCheck:
    """A question whose answer is a number.

    Parameters
    ----------
    id, question
        As in `ChoiceCheck`.
    truth
        The number, finite.
    unit
        What stands behind it, for example ``"%"`` or ``"bytes"``.
    why
        Where the number comes from; shown after the prediction is locked in.
    within
        The factor within which a prediction counts as right.

    Raises
    ------
    ValueError
        ``truth`` is not finite, ``within`` is below 1, or a backtick is missing.
    """

    id: str
    question: str
    truth: float
    unit: str
    why: str
    within: float = 1.25

    def __post_init__(self) -> None:
        if not math.isfinite(self.truth):
            raise ValueError(
                f"{self.id}: the truth is {self.truth}; give a finite number"
            )
        if not self.within >= 1:
            raise ValueError(f"{self.id}: within is {self.within}; give a factor >= 1")
        _check_words(self.id, [self.question, self.why])

    @property
    def key(self) -> str:
        """Id and wording: a question that is asked anew is answered anew."""
        return _key(self.id, self.question)

    def answer(self, choice: int | None, typed: str) -> tuple[str, bool]:  # noqa: ARG002
        """Return the number as text and whether it is right; ValueError for none."""
        if not str(typed).strip():
            raise ValueError("Type a number first, then lock it in.")
        value = self.number(typed)
        return value_text(value), self.factor(value) <= self.within

    def knows(self, text: str) -> bool:
        """Whether a kept text is an answer to this question."""
        try:
            return math.isfinite(parse_number(text))
        except ValueError:
            return False

    def number(self, typed: str) -> float:
        """Return what was typed: the unit and thousands separators may be there."""
        text = str(typed).strip().removesuffix(self.unit).strip()
        if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", text):
            text = text.replace(",", "")
        value = parse_number(text)
        if not math.isfinite(value):
            raise ValueError(f"{text} is not finite; predict a finite number")
        return value

    def factor(self, value: float) -> float:
        """How many times too large or too small; 1 is exact, inf is another sign."""
        if value == self.truth:
            return 1.0
        if value == 0 or self.truth == 0 or (value < 0) != (self.truth < 0):
            return math.inf
        return max(value / self.truth, self.truth / value)

    def text(self, value: float) -> str:
        """A number with its unit, for reading."""
        return f"{number_text(value, 6)} {self.unit}".strip()

    def distance(self, value: float) -> str:
        """In words, how far a prediction is off."""
        factor = self.factor(value)
        if factor == 1:
            return "exactly right"
        if math.isinf(factor):
            return f"off by {self.text(abs(value - self.truth))}"
        side = "high" if abs(value) > abs(self.truth) else "low"
        if factor < 2:
            return f"too {side} by {100 * abs(value / self.truth - 1):.2g} %"
        return f"too {side} by a factor of {number_text(factor)}"


Check = ChoiceCheck | NumberCheck


def number_text(value: float, digits: int = 3) -> str:
    """Return a number for reading: ``"28,672"``, ``"0.0625"``, ``"1e+12"``."""
    if not 1000 <= abs(value) < 1e9:
        return short(value, digits)
    # The digits beyond the significant ones are zeros.
    return f"{float(f'{value:.{digits - 1}e}'):,.10g}"


def _key(name: str, *words: str) -> str:
    digest = blake2b("\0".join(words).encode(), digest_size=4).hexdigest()
    return f"{name}#{digest}"


def _check_words(name: str, words: Iterable[str]) -> None:
    if not name.strip():
        raise ValueError("a check has no id; give it one, such as '02-block-scaling'")
    for text in words:
        if text.count("`") % 2:
            raise ValueError(f"{name}: a backtick is missing in {text!r}")
