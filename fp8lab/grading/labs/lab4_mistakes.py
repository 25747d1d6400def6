"""Known-wrong answers of lab 4: kernels that copy, measure, and encode."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from fp8lab.grading.labs.lab4_wrong import (
    BLOCK,
    copied,
    encoded,
    group_amax,
    stored_amax,
    unwritten,
)
from fp8lab.grading.tasks import Mistake

__all__ = [
    "AMAX",
    "COPY",
    "INVERTED",
    "NEXT_ROW",
    "NO_ZEROS",
    "POISONED",
    "RECIPROCAL",
    "SCALE_RECIPROCAL",
    "SIGNED",
    "STATIC",
]

RECIPROCAL = (
    "Some codes are one off: x is multiplied by 1 / scale, or divided with `/`, which "
    "on a GPU is approximate. Both are rounded differently from a division. Which "
    "function of tl divides and rounds once?"
)
INVERTED = (
    "Numbers are multiplied by the scale. It is a decode scale, x ~ decode(code) * "
    "scale: which operation takes x to its code?"
)
NO_ZEROS = (
    "A group of zeros has scale 0, and 0 / 0 is NaN (0x7f). What scale has a group "
    "whose amax is 0?"
)
SIGNED = "The largest number was taken, not the largest magnitude: some are negative."
POISONED = (
    "Lanes that the mask switches off took part in the maximum. What they hold is "
    "undefined: give tl.load an `other` that no maximum notices."
)
NEXT_ROW = (
    "The last group of a row saw numbers of the next row. A mask has to know the "
    "column: is place < rows * cols enough?"
)
SCALE_RECIPROCAL = (
    "Some scales are one unit off: amax is multiplied by 1/448. That number is rounded "
    "itself; divide by 448 instead, and so that the quotient is rounded once."
)


def _copy(fault: str, says: str) -> Mistake:
    return Mistake(fault, says, partial(copied, fault=fault))


COPY = (
    _copy("first block", "Only the first block arrived. Which program are you?"),
    _copy(
        "whole blocks",
        "The last, shorter block is missing: how many programs does the grid have if n "
        "is no multiple of the block?",
    ),
    _copy(
        "not multiplied",
        "Programs overlap: each begins one element after the last one, instead of one "
        "block after it.",
    ),
    _copy("every second", "Every second block is missing: grid and block disagree."),
    _copy("starts at 1", "Element 0 never arrives: tl.arange begins where?"),
    _copy("mask too short", "The mask switches the very last element off."),
    _copy("shifted", "Each element arrives one place too late: two offsets differ."),
    _copy("offsets", "The offsets arrived instead of what is stored there."),
    _copy(
        "rounded",
        "The low 16 bits are gone: the values went through bfloat16 on the way.",
    ),
    _copy("added", "Negative zeros lost their sign: something was added to them."),
)


def _amax(fault: str, says: str, answer: Callable[..., object] = group_amax) -> Mistake:
    return Mistake(fault, says, partial(answer, fault=fault))


AMAX = (
    _amax("signed", SIGNED),
    _amax("next row", NEXT_ROW),
    _amax("no other", POISONED),
    _amax(
        "other is 1",
        "Lanes that are switched off count as 1, and most numbers here are smaller.",
    ),
    _amax(
        "tile",
        "All rows of a tile got the same amax. Along which axis does tl.max reduce?",
    ),
    _amax("row", "All groups of a row got the same amax: each has one of its own."),
    _amax("sum", "These are sums of magnitudes, not the largest ones."),
    _amax(
        "last group",
        "The last, ragged group of each row is missing: how many groups has a row?",
        stored_amax,
    ),
    _amax(
        "first tile",
        "Only the first 16 rows were written: the grid has to cover all rows.",
        stored_amax,
    ),
    _amax(
        "columns",
        "The values are right, but column by column: look at the strides of the store.",
        stored_amax,
    ),
    _amax("scale", "These are scales. Asked for is amax itself.", stored_amax),
)


def _static(fault: str, says: str) -> Mistake:
    return Mistake(fault, says, partial(encoded, fault=fault))


def _whole_blocks(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    out = unwritten(x.shape, np.uint8)
    whole = x.size // BLOCK * BLOCK
    out[:whole] = encoded(x, scale)[:whole]
    return out


STATIC = (
    _static("reciprocal", RECIPROCAL),
    _static("multiplied", INVERTED),
    _static("ignored", "The scale has no effect."),
    _static(
        "rtz",
        "Codes are too small in magnitude: the cast cuts off where it should round to "
        "nearest.",
    ),
    _static(
        "bf16",
        "The quotient was rounded to bfloat16 before it was rounded to FP8. Two "
        "roundings are not one.",
    ),
    _static(
        "fp16",
        "The quotient was rounded to float16 before it was rounded to FP8. Two "
        "roundings are not one.",
    ),
    _static(
        "e5m2",
        "Codes have only two bits of mantissa: the values went through E5M2. Which "
        "type of tl is E4M3FN?",
    ),
    _static(
        "clamped first",
        "x was clamped to 448 before it was divided. If anything, clamp the quotient; "
        "the cast saturates by itself.",
    ),
    _static(
        "240", "The quotient was clamped to 240: that is the maximum of another format."
    ),
    _static("magnitude", "The signs are gone."),
    Mistake(
        "whole blocks",
        "The last, shorter block is missing: how many programs does the grid have if n "
        "is no multiple of the block?",
        _whole_blocks,
    ),
)
