"""Operands for a proof: codes that stress a sum, the same on every machine and day.

NumPy's legacy generator is used on purpose: its stream is frozen, so a seed is as good
as the numbers themselves, and a record need not carry them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fp8lab.codec import encode
from fp8lab.formats import E4M3FN, FloatFormat

__all__ = ["KINDS", "fp8_codes", "scales", "starts"]

#: What the codes are like; each provokes another part of the rule.
KINDS = (
    "normal",
    "positive",  # uniform: the truncation never cancels
    "bits",  # every finite code alike
    "cancelling",  # each pair of numbers adds up to nothing
    "subnormal",
    "spread",  # few large numbers among many small ones
    "special",  # now and then NaN or infinity
)


def fp8_codes(
    kind: str, fmt: FloatFormat, shape: tuple[int, int], seed: int
) -> npt.NDArray[np.uint8]:
    """Return codes of one of `KINDS`, [rows, K]; ValueError for another kind."""
    random = np.random.RandomState(seed)
    if kind == "normal":
        return encode(random.standard_normal(shape).astype(np.float32), fmt)
    if kind == "positive":
        return encode(random.random_sample(shape).astype(np.float32), fmt)
    if kind == "cancelling":
        x = random.standard_normal(shape).astype(np.float32)
        x[:, 1::2] = -x[:, : x.shape[1] - x.shape[1] % 2 : 2]
        return encode(x, fmt)
    codes = random.randint(256, size=shape).astype(np.uint8)
    finite = np.where((codes & 0x7F) > fmt.max_code, codes & 0x83, codes)
    if kind == "bits":
        return finite.astype(np.uint8)
    if kind == "subnormal":
        return codes & np.uint8(0x80 | ((1 << fmt.mantissa_bits) - 1))
    rare = random.random_sample(shape)
    if kind == "spread":
        small, large = codes & 0x9F, (codes & 0x80) | (fmt.max_code - (codes & 7))
        return np.where(rare < 0.03, large, small).astype(np.uint8)
    if kind == "special":
        last = 0x7F if fmt is E4M3FN else 0x7C | (codes & 3)
        return np.where(rare < 0.002, (codes & 0x80) | last, finite).astype(np.uint8)
    raise ValueError(f"unknown kind {kind!r}; use one of {', '.join(KINDS)}")


def scales(shape: tuple[int, int], seed: int) -> npt.NDArray[np.float32]:
    """Return decode scales between 0.01 and 1.01."""
    random = np.random.RandomState(seed)
    return (random.random_sample(shape) + 0.01).astype(np.float32)


def starts(shape: tuple[int, int], seed: int) -> npt.NDArray[np.float32]:
    """Return accumulators to begin with: every exponent of float32, and specials."""
    random = np.random.RandomState(seed)
    exponents = np.resize(np.arange(-149, 128), shape)
    x = np.ldexp(1 + random.random_sample(shape), exponents).astype(np.float32)
    x *= np.where(random.randint(2, size=shape), 1, -1).astype(np.float32)
    x.flat[:8] = [0.0, -0.0, np.inf, -np.inf, np.nan, 3.4e38, -3.4e38, 1e-45]
    return x
