"""Lab 3's unknown accumulators: which promotes how often, and which is wrong how."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fp8lab.grading.labs.lab3_sums import STEP, Floats, chain, promoted
from fp8lab.grading.tasks import Mistake

__all__ = [
    "BUGS",
    "INTERVAL",
    "WHICH",
    "bug_output",
    "candidates",
    "interval_of",
    "which_bug",
]

UNKNOWN = -1
#: By number, as `which_bug` returns them; each with what differs.
BUGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("right", {}),
    ("promotion forgotten", {}),
    ("accumulator not truncated", {"sum_cut": False}),
    ("exponents normalised", {"normalised": True}),
    ("rounded to nearest", {"cut": np.rint}),
)


def candidates(depth: int) -> range:
    """Every interval shorter than K."""
    return range(STEP, depth, STEP)


def interval_of(
    a: np.ndarray,
    b: np.ndarray,
    output: Floats,
    *,
    tried: Callable[[int], Any] = candidates,
    unknown: int = UNKNOWN,
    never: int = 0,
    part: slice = slice(None),
    in_steps: bool = False,
) -> int:
    """Promotion interval that gives these bytes; 0: one chain, -1: none does."""
    if np.array_equal(chain(a, b)[part], output[part]):
        return never
    for every in tried(a.shape[1]):
        if np.array_equal(promoted(a, b, every)[part], output[part]):
            return every // STEP if in_steps else every
    return unknown


def _nearest(a: np.ndarray, b: np.ndarray, output: Floats) -> int:
    every = [0, *candidates(a.shape[1])]
    sums = [promoted(a, b, n) if n else chain(a, b) for n in every]
    far = [np.abs(y.astype(np.float64) - output).sum() for y in sums]
    return every[int(np.argmin(far))]


def _doubled(depth: int) -> list[int]:
    return [STEP << i for i in range(20) if STEP << i < depth]


INTERVAL = (
    Mistake(
        "always one chain",
        "Your function always answers 0: never promoted.",
        lambda a, b, output: 0,  # noqa: ARG005 (called as the student's)
    ),
    Mistake(
        "always 128",
        "Your function always answers 128. Most libraries promote there; not these.",
        lambda a, b, output: 128,  # noqa: ARG005
    ),
    Mistake(
        "powers of two alone",
        "Only powers of two are tried; an interval can be any multiple of 32.",
        partial(interval_of, tried=_doubled),
    ),
    Mistake(
        "32 not tried",
        "An interval of 32, a promotion after each step, is not recognised.",
        partial(interval_of, tried=lambda depth: range(2 * STEP, depth, STEP)),
    ),
    Mistake(
        "the longest not tried",
        "Long intervals are not recognised: try every multiple of 32 below K.",
        partial(interval_of, tried=lambda depth: range(STEP, depth // 2 + 1, STEP)),
    ),
    Mistake(
        "counted in steps",
        "Your answer counts instructions; asked for is the interval in K.",
        partial(interval_of, in_steps=True),
    ),
    Mistake(
        "never is K",
        "A sum that is never promoted has interval 0 in this task.",
        lambda a, b, output: interval_of(a, b, output, never=a.shape[1]),
    ),
    Mistake(
        "unknown is one chain",
        "Outputs that no interval explains are no chain either: answer -1.",
        partial(interval_of, unknown=0),
    ),
    Mistake(
        "one row asked",
        "One row of the output does not decide: all elements have to agree.",
        partial(interval_of, part=slice(0, 1)),
    ),
    Mistake(
        "the nearest",
        "The nearest sums are not the same sums: bytes decide.",
        _nearest,
    ),
)


def bug_output(a: np.ndarray, b: np.ndarray, every: int, bug: int) -> Floats:
    """What the kernel with one of the bugs gives."""
    if bug == 1:
        return chain(a, b)
    return promoted(a, b, every, **BUGS[bug][1])


def which_bug(
    a: np.ndarray,
    b: np.ndarray,
    every: int,
    output: Floats,
    *,
    known: tuple[int, ...] = (0, 1, 2, 3, 4),
    unknown: int = UNKNOWN,
) -> int:
    """Number of the bug that gives these bytes; -1 for none."""
    for bug in known:
        if np.array_equal(bug_output(a, b, every, bug), output):
            return bug
    return unknown


def _renamed(names: dict[int, int]) -> Callable[..., int]:
    def answer(a: np.ndarray, b: np.ndarray, every: int, output: Floats) -> int:
        found = which_bug(a, b, every, output)
        return names.get(found, found)

    return answer


def _by_size(a: np.ndarray, b: np.ndarray, every: int, output: Floats) -> int:
    """Judge by the sum alone: too small means a lost promotion."""
    right = promoted(a, b, every).astype(np.float64).sum()
    off = output.astype(np.float64).sum() - right
    return 0 if off == 0 else 1 if off < 0 else 4


WHICH = (
    Mistake(
        "always right",
        "Your function always answers 0: no bug.",
        lambda a, b, every, output: 0,  # noqa: ARG005
    ),
    Mistake(
        "only says that something is wrong",
        "Your function finds wrong outputs, but always answers 1.",
        lambda a, b, every, output: int(which_bug(a, b, every, output) != 0),
    ),
    Mistake(
        "judged by the size",
        "A sum that is too small can have several reasons: compare bytes.",
        _by_size,
    ),
    Mistake(
        "promotion not found",
        "A forgotten promotion is not recognised.",
        partial(which_bug, known=(0, 2, 3, 4)),
    ),
    Mistake(
        "accumulator not found",
        "An accumulator that is not truncated is not recognised: it is an addend of "
        "the step like the products.",
        partial(which_bug, known=(0, 1, 3, 4)),
    ),
    Mistake(
        "exponents not found",
        "Normalised exponents are not recognised.",
        partial(which_bug, known=(0, 1, 2, 4)),
    ),
    Mistake(
        "rounding not found",
        "Rounding to nearest is not recognised: in both places where the rule cuts.",
        partial(which_bug, known=(0, 1, 2, 3)),
    ),
    Mistake(
        "accumulator and exponents swapped",
        "Two of the bugs are told apart, and swapped.",
        _renamed({2: 3, 3: 2}),
    ),
    Mistake(
        "counted from one",
        "Every answer is too large by one.",
        _renamed({n: n + 1 for n in range(len(BUGS))}),
    ),
    Mistake(
        "unknown passes as right",
        "Outputs that no bug of the list gives are not right either: answer -1.",
        partial(which_bug, unknown=0),
    ),
)
