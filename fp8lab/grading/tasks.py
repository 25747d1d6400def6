"""What a task of a lab is, as data: its cases, its reference, and known-wrong answers.

A student's function is called with the inputs of a `Case` and gives arrays back. The
judge compares their bytes with the reference's, and where they differ looks for the
mistake that would have given just these bytes: the bank of known-wrong answers is both
the test of the grader and its diagnosis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Aspect", "Case", "Input", "Mistake", "Task", "outputs_of"]

#: What a function is called with: an array, a number or a word.
Input = np.ndarray | float | int | str


@dataclass(frozen=True)
class Case:
    """One call: the inputs, by position, and what they try."""

    aspect: str
    inputs: tuple[Input, ...]
    name: str = ""


@dataclass(frozen=True)
class Aspect:
    """A part of a task with points of its own, earned if all its cases are right."""

    name: str
    points: int
    says: str
    """What it tries, in words that a student reads."""


@dataclass(frozen=True)
class Mistake:
    """A known-wrong answer.

    Attributes
    ----------
    name
        Short: ``"ties away"``.
    says
        What to tell a student whose bytes are these: what is wrong and where to look,
        without the answer.
    answer
        The wrong function, called as the student's.
    """

    name: str
    says: str
    answer: Callable[..., object]


@dataclass(frozen=True)
class Task:
    """One function that a student writes.

    Attributes
    ----------
    lab, name
        ``"lab1"``, and the name of the function.
    title
        One line.
    aspects
        What earns points.
    reference
        The right answer: called with a case's inputs, gives an array or a tuple of
        arrays, whose dtype, shape and bytes are what is asked for.
    cases
        Fresh cases from a generator of random numbers, each with an aspect's name; the
        visible check and the judge draw from it with seeds of their own.
    mistakes
        Known-wrong answers.
    hints
        Read one after the other, from a nudge to the method.
    forbidden
        Modules that a solution may not import: they have the answer.
    """

    lab: str
    name: str
    title: str
    aspects: tuple[Aspect, ...]
    reference: Callable[..., object]
    cases: Callable[[np.random.Generator], Iterator[Case]]
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = field(default=("fp8lab", "ml_dtypes", "torch"))

    @property
    def points(self) -> int:
        """All points of the task."""
        return sum(aspect.points for aspect in self.aspects)

    def expected(self, case: Case) -> tuple[np.ndarray, ...]:
        """Return the right arrays for a case."""
        return outputs_of(self.reference(*case.inputs))


def outputs_of(result: object) -> tuple[np.ndarray, ...]:
    """Return what a function gave as a tuple of arrays; numbers are arrays of no axes.

    Raises
    ------
    TypeError
        It is nothing that has numbers.
    """
    several = result if isinstance(result, tuple) else (result,)
    arrays = tuple(np.asarray(each) for each in several)
    for array in arrays:
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"a {type(result).__name__} of dtype {array.dtype} is no array of "
                "numbers; return a NumPy array"
            )
    return arrays
