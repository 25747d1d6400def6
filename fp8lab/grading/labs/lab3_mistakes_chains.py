"""Known-wrong answers of lab 3: chains over K, and promotion."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fp8lab.grading.labs.lab3_mistakes import exact_sum, float32_sum
from fp8lab.grading.labs.lab3_sums import chain, promoted
from fp8lab.grading.tasks import Mistake

__all__ = ["CHAIN", "PROMOTED"]


def _steps_of(**how: Any) -> partial[np.ndarray]:
    return partial(chain, **how)


CHAIN = (
    Mistake("an exact sum", "Nothing is cut off anywhere.", exact_sum),
    Mistake("float32 additions", "This is a chain of float32 additions.", float32_sum),
    Mistake(
        "all of K in one step",
        "All products have been aligned to one exponent. The instruction takes 32 at a "
        "time.",
        lambda a, b: chain(a, b, group=max(a.shape[1], 1)),
    ),
    Mistake(
        "16 at a time",
        "Your steps have 16 products: that is the instruction for 16-bit operands.",
        _steps_of(group=16),
    ),
    Mistake(
        "64 at a time",
        "Your steps have 64 products; for FP8 it is 32.",
        _steps_of(group=64),
    ),
    Mistake(
        "the steps in reverse",
        "The steps go from the end of K to its beginning. The order matters.",
        _steps_of(reverse=True),
    ),
    Mistake(
        "products from all over K",
        "A step takes 32 products that stand together; yours takes every n-th one.",
        _steps_of(stride=True),
    ),
    Mistake(
        "the accumulator begins again",
        "Each step begins at zero: only the last one counts.",
        _steps_of(restart=True),
    ),
    Mistake(
        "the rest is lost",
        "A K that is no multiple of 32 has a last step with fewer products.",
        _steps_of(tail=False),
    ),
    Mistake(
        "promoted at each step",
        "The steps begin at zero and are added up in float32: that is a promotion "
        "after each.",
        lambda a, b: promoted(a, b, 32),
    ),
    Mistake(
        "accumulator not truncated",
        "The accumulator is not cut before it is added.",
        _steps_of(sum_cut=False),
    ),
    Mistake(
        "exponents normalised",
        "Exponents of products are normalised before they are compared.",
        _steps_of(normalised=True),
    ),
)

PROMOTED = (
    Mistake(
        "never promoted",
        "This is one chain over the whole of K.",
        lambda a, b, every: chain(a, b),  # noqa: ARG005 (called as the student's)
    ),
    Mistake(
        "always every 128",
        "`every` has no effect: you promote every 128.",
        lambda a, b, every: promoted(a, b, 128),  # noqa: ARG005
    ),
    Mistake(
        "always every 32",
        "`every` has no effect: you promote after each step.",
        lambda a, b, every: promoted(a, b, 32),  # noqa: ARG005
    ),
    Mistake(
        "one step late",
        "Each piece is one step, 32 of K, too long.",
        lambda a, b, every: promoted(a, b, every + 32),
    ),
    Mistake(
        "the chain goes on",
        "After a promotion the accumulator has to begin at zero again: yours counts "
        "its products twice.",
        partial(promoted, carried=True),
    ),
    Mistake(
        "a total in float64",
        "The total is kept in float32, and rounded at each addition.",
        partial(promoted, total_dtype="float64"),
    ),
    Mistake(
        "a total in bfloat16",
        "The total has been rounded to bfloat16.",
        partial(promoted, narrow="BF16"),
    ),
    Mistake(
        "the pieces in reverse",
        "The pieces are added from the last to the first.",
        partial(promoted, reverse=True),
    ),
    Mistake(
        "the rest is lost",
        "A K that is no multiple of `every` has a last, shorter piece.",
        partial(promoted, tail=False),
    ),
    Mistake(
        "accumulator not truncated",
        "Inside a piece the accumulator is not cut before it is added.",
        partial(promoted, sum_cut=False),
    ),
    Mistake(
        "an exact sum",
        "Nothing is cut off anywhere.",
        lambda a, b, every: exact_sum(a, b),  # noqa: ARG005
    ),
)
