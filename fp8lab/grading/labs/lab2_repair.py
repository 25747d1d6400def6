"""Lab 2's repair: the broken quantizer, with each of its bugs as a switch."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from fp8lab.codec import encode, round_to
from fp8lab.formats import BF16, E4M3FN
from fp8lab.grading.tasks import Mistake

__all__ = ["REPAIR", "quantize_rows"]

Floats = npt.NDArray[np.float32]


def quantize_rows(
    x: Floats,
    *,
    direction: bool = True,
    stored: bool = True,
    zero: float | None = 1.0,
    divide: bool = True,
    narrow: str = "nearest",
) -> tuple[npt.NDArray[np.uint8], Floats]:
    """One bfloat16 scale a row; without a repair (False, None) as students get it."""
    top = np.float32(E4M3FN.max)
    with np.errstate(all="ignore"):
        amax = np.abs(x).max(axis=1, keepdims=True)
        if zero is not None:
            amax = np.where(amax == 0, np.float32(zero) * top, amax)
        scale = amax / top
        kept = _narrowed(scale, narrow)
        used = kept if stored else scale
        if divide:
            codes = encode(x / used)
        else:
            inverse = np.float32(1) / used if stored else top / amax
            codes = encode(x * inverse)
        if not direction:
            kept = _narrowed(np.float32(1) / used if stored else top / amax, narrow)
    return codes, kept.astype(np.float32)


def _narrowed(scale: Floats, how: str) -> Floats:
    if how == "not at all":
        return scale
    cut = (scale.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    if how == "cut":
        return cut
    if how == "up":
        up = (cut.view(np.uint32) + np.uint32(0x10000)).view(np.float32)
        return np.where(cut == scale, scale, up)
    return round_to(scale, BF16)


_BROKEN = {"direction": False, "stored": False, "zero": None, "divide": False}


def _only(*repaired: str) -> partial[tuple[npt.NDArray[np.uint8], Floats]]:
    done = {name: 1.0 if name == "zero" else True for name in repaired}
    return partial(quantize_rows, **(_BROKEN | done))  # type: ignore[arg-type]


REPAIR = (
    Mistake("nothing repaired", "These are the bytes as you found them.", _only()),
    Mistake(
        "only the direction repaired",
        "The scale now decodes. Three bugs are left: which scale made the codes, what "
        "about a row of zeros, and is a product with 1 / scale a division?",
        _only("direction"),
    ),
    Mistake(
        "the scale is still inverted",
        "All else is repaired, but x ~ decode(code) * scale does not hold: multiply "
        "one number.",
        _only("stored", "zero", "divide"),
    ),
    Mistake(
        "the stored scale is still another one",
        "The codes were made with one scale and another one is returned. Which comes "
        "first, rounding the scale or using it?",
        _only("direction", "zero", "divide"),
    ),
    Mistake(
        "a row of zeros still breaks",
        "Look at what the code does to a row whose amax is 0.",
        _only("direction", "stored", "divide"),
    ),
    Mistake(
        "still a product with the reciprocal",
        "x * (1 / scale) rounds twice, x / scale once: near a tie the codes differ.",
        _only("direction", "stored", "zero"),
    ),
    Mistake(
        "two of four: direction and stored scale",
        "Two bugs are left: a row of zeros, and a product that should be a division.",
        _only("direction", "stored"),
    ),
    Mistake(
        "two of four: direction and zeros",
        "Two bugs are left: which scale made the codes, and a product that should be "
        "a division.",
        _only("direction", "zero"),
    ),
    Mistake(
        "a tiny scale for a row of zeros",
        "A row of zeros has the right codes, and a tiny scale; this lab gives it 1.",
        partial(quantize_rows, zero=2.0**-126),
    ),
    Mistake(
        "scale cut to bfloat16",
        "To drop the low 16 bits is not to round: bfloat16 goes to the nearest.",
        partial(quantize_rows, narrow="cut"),
    ),
    Mistake(
        "scale rounded up",
        "Your scale is always rounded up; asked for is the nearest bfloat16. (A code "
        "a little beyond 448 saturates, which costs less than a coarser scale.)",
        partial(quantize_rows, narrow="up"),
    ),
    Mistake(
        "scale not rounded",
        "The scale that you return is no bfloat16 number.",
        partial(quantize_rows, narrow="not at all"),
    ),
)
