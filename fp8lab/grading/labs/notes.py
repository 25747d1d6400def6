"""What is special about an input, in words that stand behind a message."""

from __future__ import annotations

import numpy as np

from fp8lab.formats import FloatFormat
from fp8lab.grading.labs.draws import grid

__all__ = ["code_note", "number_note"]

#: Closer than this share of the gap to a midpoint counts as "just beside" it.
CLOSE = 0.01


def number_note(x: float, fmt: FloatFormat) -> str:
    """Say where a number lies among those of a format."""
    size = abs(float(x))
    if np.isnan(size):
        return "a NaN"
    if np.isinf(size):
        return "an infinity"
    if size == 0:
        return "a negative zero" if np.signbit(x) else "zero"
    if size > fmt.max:
        return _beyond_note(size, fmt)
    values = grid(fmt).astype(np.float64)
    above = int(np.searchsorted(values, size))
    if values[above] == size:
        kind = "a subnormal of" if size < fmt.smallest_normal else "a number of"
        return f"exactly {kind} {fmt}"
    low, high = values[above - 1], values[above]
    sign = fmt.sign_mask if np.signbit(x) else 0
    codes = f"0x{sign | above - 1:02x} and 0x{sign | above:02x}"
    middle = (low + high) / 2
    if size == middle:
        return f"tie: halfway between {codes}"
    if abs(size - middle) < CLOSE * (high - low):
        side = "above" if size > middle else "below"
        return f"in magnitude just {side} halfway between {codes}"
    kind = "the subnormals " if high < fmt.smallest_normal and low > 0 else ""
    return f"between {kind}{codes}"


def _beyond_note(size: float, fmt: FloatFormat) -> str:
    limit = fmt.overflow_threshold
    if size < limit:
        return f"beyond {fmt.max:g}, but below {limit:g}"
    if size == limit:
        return f"tie: {limit:g} is halfway between {fmt.max:g} and the next step"
    return f"beyond {limit:g}: overflow"


def code_note(code: int, fmt: FloatFormat) -> str:
    """Say what kind of number a code is."""
    code = int(code)
    magnitude = code & fmt.magnitude_mask
    if fmt.is_nan_code(code):
        return "a NaN"
    if magnitude == fmt.infinity_code:
        return "an infinity"
    if magnitude == 0:
        return "negative zero" if code & fmt.sign_mask else "zero"
    bits, head = f"{code:08b}", 1 + fmt.exponent_bits
    fields = f"{bits[0]} {bits[1:head]} {bits[head:]}"
    kind = "subnormal" if magnitude <= fmt.mantissa_mask else "normal"
    return f"{kind}: fields {fields}"
