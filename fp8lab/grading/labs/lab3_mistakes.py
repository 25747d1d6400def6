"""Known-wrong answers of lab 3: the scaled product, and one step of the accumulator."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fp8lab.codec import decode
from fp8lab.grading.labs.lab3_sums import scaled_mm, step
from fp8lab.grading.tasks import Mistake

__all__ = ["SCALED_MM", "STEP", "exact_sum", "float32_sum"]


def float32_sum(a: np.ndarray, b: np.ndarray, start: Any = None) -> np.ndarray:
    """One float32 addition after the other."""
    total = np.zeros((len(a), b.shape[1]), np.float32) if start is None else start
    for column, row in zip(decode(a).T, decode(b), strict=True):
        total = total + np.multiply.outer(column, row)
    return total


def exact_sum(a: np.ndarray, b: np.ndarray, start: Any = 0.0) -> np.ndarray:
    """Return the exact sum, rounded once."""
    wide = decode(a).astype(np.float64) @ decode(b).astype(np.float64)
    return (wide + start).astype(np.float32)


SCALED_MM = (
    Mistake(
        "the scale of a first",
        "Both scales are there, in the other order. Every product is rounded, so the "
        "last bit depends on it: the kernel multiplies by scale_b first.",
        partial(scaled_mm, order="a first"),
    ),
    Mistake(
        "the scales together",
        "scale_a * scale_b is rounded before it meets the sum. That is the order with "
        "one scale a tensor; with one a row the kernel multiplies one after the other.",
        partial(scaled_mm, order="together"),
    ),
    Mistake(
        "scaled in float64",
        "The products with the scales are each rounded to float32; yours are rounded "
        "once, at the end.",
        partial(scaled_mm, order="float64"),
    ),
    Mistake(
        "operands scaled first",
        "The operands have been multiplied by their scales before the product: then "
        "every element is rounded. The scales come out of the sum.",
        partial(scaled_mm, order="operands"),
    ),
    Mistake(
        "scales inverted",
        "You divide by the scales. They are decode scales.",
        partial(scaled_mm, inverted=True),
    ),
    Mistake(
        "the scale of a alone",
        "scale_b has no effect.",
        partial(scaled_mm, order="a alone"),
    ),
    Mistake(
        "the scale of b alone",
        "scale_a has no effect.",
        partial(scaled_mm, order="b alone"),
    ),
    Mistake(
        "one scale for all",
        "All rows and columns have the first scale.",
        partial(scaled_mm, order="one of each"),
    ),
    Mistake(
        "sums in float32",
        "Your sum is rounded after each addition; asked for is the exact one, rounded "
        "once. (float64 holds it exactly.)",
        partial(scaled_mm, sums="float32"),
    ),
    Mistake(
        "Hopper's sums",
        "Your sum is that of a Hopper tensor core. That is the next tasks' business: "
        "asked for is the exact one.",
        partial(scaled_mm, sums="hopper"),
    ),
    Mistake(
        "sums in bfloat16",
        "The sum has been rounded to bfloat16 before it was scaled.",
        partial(scaled_mm, detour="BF16"),
    ),
)

STEP = (
    Mistake(
        "an exact sum",
        "Nothing is cut off: this is the exact sum. Line 3 of the rule cuts every "
        "addend.",
        exact_sum,
    ),
    Mistake(
        "float32 additions",
        "This is a chain of float32 additions, as an ordinary core would do them.",
        float32_sum,
    ),
    Mistake(
        "exponents normalised",
        "The exponent of a product is ea + eb, also where the product of the "
        "significands is 2 or more: it is not normalised before the comparison.",
        partial(step, normalised=True),
    ),
    Mistake(
        "accumulator not truncated",
        "The products are cut as they should be, the accumulator is not. It is an "
        "addend like the others.",
        partial(step, sum_cut=False),
    ),
    Mistake(
        "accumulator not aligned",
        "The largest exponent is looked for among the products alone. The accumulator "
        "may be larger than all of them.",
        partial(step, sum_aligned=False),
    ),
    Mistake(
        "accumulator forgotten",
        "The accumulator that came in has no effect on what goes out.",
        partial(step, sum_used=False, sum_aligned=False),
    ),
    Mistake(
        "rounded to nearest",
        "You round to the nearest; the tensor core cuts, toward zero.",
        partial(step, cut=np.rint),
    ),
    Mistake(
        "rounded down",
        "Negative addends are cut away from zero: `floor` is not `trunc`.",
        partial(step, cut=np.floor),
    ),
    Mistake(
        "the result is not cut",
        "The addends are right and their sum keeps all its bits: line 5 of the rule is "
        "missing.",
        partial(step, last="kept"),
    ),
    Mistake(
        "the result is rounded",
        "The sum is rounded at the end; it is cut, like the addends.",
        partial(step, last="rounded"),
    ),
    Mistake(
        "one bit too many",
        "You keep 14 fraction bits. 14 is the number of significant bits: one of them "
        "is the leading one.",
        partial(step, bits=14),
    ),
    Mistake(
        "one bit too few",
        "You keep 12 fraction bits.",
        partial(step, bits=12),
    ),
    Mistake(
        "subnormals with their own exponent",
        "A subnormal operand counts with the exponent of the smallest normal number, "
        "however many zeros it begins with.",
        partial(step, subnormal="own"),
    ),
    Mistake(
        "subnormals one power too low",
        "The exponent of a subnormal is not 0 - bias: field 0 counts like field 1.",
        partial(step, subnormal="field 0"),
    ),
    Mistake(
        "zero products count",
        "A product that is zero has no exponent: it must not decide where the others "
        "are cut.",
        partial(step, zeros_count=True),
    ),
)
