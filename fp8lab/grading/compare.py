"""Where a student's arrays differ from the right ones, in words that help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fp8lab.grading.tasks import Case, Mistake, Task, outputs_of
from fp8lab.grading.words import element_words, listed, shape_words, shown_of

__all__ = ["Difference", "compare", "diagnose", "same_bytes"]

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Difference:
    """The first place at which a case went wrong.

    Attributes
    ----------
    case
        The call.
    words
        What differs, as sentences.
    expected, got
        All arrays of the case; ``got`` is empty where the function gave none.
    output
        Which of the arrays differs.
    index
        Its first differing element; None where dtype, shape or number of arrays is
        wrong, or the function raised.
    wrong
        Which elements of that array differ; None where there is no ``index``.
    kind
        What its elements are: a format whose codes they are, or nothing.
    number
        The number that should have been encoded there; NaN where there is none.
    """

    case: Case
    words: str
    expected: Arrays = ()
    got: Arrays = ()
    output: int = 0
    index: tuple[int, ...] | None = None
    wrong: np.ndarray | None = None
    kind: str = ""
    number: float = float("nan")


def differing(expected: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Where two arrays of one dtype and shape have other bytes; a NaN is a NaN."""
    if expected.dtype.kind != "f":
        return np.asarray(expected != got)
    word = np.dtype(f"u{expected.dtype.itemsize}")
    other = np.ascontiguousarray(expected).view(word) != np.ascontiguousarray(got).view(
        word
    )
    # One-element views of no-axes arrays have an axis.
    other = other.reshape(expected.shape)
    return np.asarray(other & ~(np.isnan(expected) & np.isnan(got)))


def same_bytes(expected: Arrays, got: Arrays) -> bool:
    """Whether the arrays are the same: number, dtypes, shapes, bytes (NaN is NaN)."""
    return len(expected) == len(got) and all(
        a.dtype == b.dtype and a.shape == b.shape and not differing(a, b).any()
        for a, b in zip(expected, got, strict=True)
    )


def compare(task: Task, case: Case, got: Arrays) -> Difference | None:
    """Return the first difference between a case's right arrays and ``got``.

    Bytes are compared: -0 is not 0. Only NaNs are all alike, as payload and sign of a
    NaN are nobody's intention.
    """
    expected = task.expected(case)
    if len(got) != len(expected):
        many = "1 array" if len(expected) == 1 else f"a tuple of {len(expected)} arrays"
        return Difference(
            case, f"return {many}; yours returned {len(got)}", expected, got
        )
    for number, (right, yours) in enumerate(zip(expected, got, strict=True)):
        which = f"output {number + 1}: " if len(expected) > 1 else ""
        if yours.shape != right.shape:
            words = (
                f"{which}the shape is {shape_words(yours.shape)}, and should be "
                f"{shape_words(right.shape)} for {inputs_words(case)}"
            )
            return Difference(case, words, expected, got, number)
        if yours.dtype != right.dtype:
            words = (
                f"{which}the dtype is {yours.dtype}, and should be {right.dtype}; "
                "convert what you return with .astype"
            )
            return Difference(case, words, expected, got, number)
        wrong = differing(right, yours)
        if wrong.any():
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            told = element_words(task, case, number, index, right, yours)
            words = f"{which}{told}" + _count_words(wrong)
            shown = shown_of(task)
            return Difference(
                case,
                words,
                expected,
                got,
                number,
                index,
                wrong,
                shown.output_kind(case, number),
                shown.number_at(case, index, right.shape),
            )
    return None


def _count_words(wrong: np.ndarray) -> str:
    if wrong.size < 2:
        return ""
    return f". {int(wrong.sum()):,} of {wrong.size:,} elements differ"


def inputs_words(case: Case) -> str:
    """Say in short what a case was called with."""
    told = []
    for value in case.inputs:
        if isinstance(value, np.ndarray):
            told.append(f"{value.dtype}{shape_words(value.shape)}")
        else:
            told.append(repr(value))
    return f"inputs {listed(told)}" if told else "no inputs"


def diagnose(
    task: Task, cases: Sequence[Case], results: Sequence[Arrays | None]
) -> Mistake | None:
    """Return the known mistake that gives just these arrays, or None.

    First choice is a mistake that explains all cases; then one that explains every case
    that is wrong; then one that explains the first wrong case. None in ``results`` is a
    case without arrays, which no mistake explains.
    """
    wrong = [
        number
        for number, (case, got) in enumerate(zip(cases, results, strict=True))
        if got is not None and not same_bytes(task.expected(case), got)
    ]
    if not wrong:
        return None
    by_merit: dict[int, Mistake] = {}
    for mistake in task.mistakes:
        explained = {
            n for n in range(len(cases)) if _explains(mistake, n, cases, results)
        }
        merit = 0
        if wrong[0] in explained:
            merit = 1
            if explained.issuperset(wrong):
                merit = 3 if len(explained) == len(cases) else 2
        if merit:
            by_merit.setdefault(merit, mistake)
    return by_merit[max(by_merit)] if by_merit else None


def _explains(
    mistake: Mistake,
    number: int,
    cases: Sequence[Case],
    results: Sequence[Arrays | None],
) -> bool:
    got = results[number]
    if got is None:
        return False
    with np.errstate(all="ignore"):
        return same_bytes(outputs_of(mistake.answer(*cases[number].inputs)), got)
