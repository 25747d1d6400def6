"""The readable rule: a real number to a code, and back, in plain float64 arithmetic.

Everything fast in `fp8lab.fast` is a table made from this file or is proven equal to it
and to libraries we did not write. Read this one to understand; nothing here is clever.

Every input dtype fits in float64 exactly, and so does every step below: scaling by a
power of two is exact, and at most 24 bits survive the rounding.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from fp8lab.formats import FloatFormat, Specials
from fp8lab.policies import SpecialCodes

__all__ = ["Rounding", "decode_reference", "encode_reference", "rounding_of"]


class Rounding(StrEnum):
    """How a number between two neighbours of the format is rounded."""

    NEAREST_EVEN = "nearest-even"
    """To the nearer; a tie to the even significand (IEEE default; all hardware).

    That is the even code, except in E8M0, whose only significand is 1: ties go up.
    """
    TOWARD_ZERO = "toward-zero"
    """To the neighbour of smaller magnitude: truncation."""
    TIES_AWAY = "ties-away"
    """To the nearer; a tie away from zero."""
    STOCHASTIC = "stochastic"
    """Up with probability equal to the fraction of the gap already covered."""


def rounding_of(rounding: Rounding | str) -> Rounding:
    """Return the mode that ``rounding`` names; ValueError lists the known names."""
    try:
        return Rounding(rounding)
    except ValueError:
        known = ", ".join(Rounding)
        raise ValueError(f"unknown rounding {rounding!r}; use one of {known}") from None


def encode_reference(
    x: npt.NDArray[np.float64],
    fmt: FloatFormat,
    specials: SpecialCodes,
    rounding: Rounding = Rounding.NEAREST_EVEN,
    random_bits: npt.NDArray[np.uint32] | None = None,
) -> npt.NDArray[np.int64]:
    """Return the codes of ``x`` in ``fmt``, correctly rounded, int64, x's shape.

    NaN, infinity, overflow and zero get the codes that ``specials`` lists. Toward zero,
    finite numbers never overflow (IEEE 754-2019, 7.4): they stop at the maximum.

    Parameters
    ----------
    x
        Any values, float64.
    fmt, specials
        The format, and what to do outside its range.
    rounding
        The mode.
    random_bits
        One uint32 an element for stochastic rounding: round up where the discarded
        fraction f of the gap satisfies f + random_bits / 2**32 >= 1.
    """
    m, emin = fmt.mantissa_bits, fmt.emin
    negative = np.signbit(x)
    finite = np.isfinite(x)
    magnitude = np.where(finite, np.abs(x), 0.0)

    # 1. Which binade: 2**e <= |x| < 2**(e+1), where subnormals share the lowest.
    e = np.maximum(np.frexp(magnitude)[1].astype(np.int64) - 1, emin)
    # 2. Measure |x| in steps of that binade's grid: steps is in [0, 2**(m+1)).
    steps = np.ldexp(magnitude, (m - e).astype(np.int32))
    # 3. Round to a whole number of steps; 2**(m+1) means a carry into the next binade.
    whole = _round_steps(steps, rounding, random_bits)
    # 4. Codes count upward through the binades, 2**m a binade, with no gap between.
    code = (e - emin) * (1 << m) + whole.astype(np.int64)
    zero = whole == 0
    if not fmt.has_zero:  # E8M0 starts at 2**-127: only zero itself is out of reach
        code, zero = np.maximum(code - 1, 0), magnitude == 0

    overflow = code > fmt.max_code
    if rounding is Rounding.TOWARD_ZERO:
        code = np.minimum(code, fmt.max_code)
        overflow = np.zeros_like(overflow)
    code = code | np.where(negative, fmt.sign_mask, 0)
    if specials.negative is not None:
        code = np.where(negative & ~zero, specials.negative, code)
    result: np.ndarray = code
    for mask, pair in (
        (zero, specials.zero),
        (overflow & finite, specials.overflow),
        (np.isinf(x), specials.infinity),
        (np.isnan(x), specials.nan),
    ):
        result = np.where(mask, np.where(negative, pair[1], pair[0]), result)
    return result.astype(np.int64, copy=False)


def _round_steps(
    steps: npt.NDArray[np.float64],
    rounding: Rounding,
    random_bits: npt.NDArray[np.uint32] | None,
) -> npt.NDArray[np.float64]:
    if rounding is Rounding.NEAREST_EVEN:
        return np.rint(steps)
    whole = np.floor(steps)
    if rounding is Rounding.TOWARD_ZERO:
        return whole
    fraction = steps - whole  # exact; steps + 0.5 would not be
    if rounding is Rounding.TIES_AWAY:
        return whole + (fraction >= 0.5)
    if random_bits is None:
        raise ValueError("stochastic rounding needs random_bits")
    # 1 - r/2**32 is exact in float64, and so is the comparison.
    return whole + (fraction >= 1.0 - random_bits * 2.0**-32)


def decode_reference(
    codes: npt.NDArray[np.integer], fmt: FloatFormat
) -> npt.NDArray[np.float64]:
    """Return the values of ``codes``, float64, exact; a NaN keeps its code's sign."""
    code = np.asarray(codes).astype(np.int64)
    m = fmt.mantissa_bits
    magnitude = code & fmt.magnitude_mask
    field, mantissa = magnitude >> m, magnitude & fmt.mantissa_mask
    subnormal = (field == 0) & fmt.has_zero
    significand = mantissa + np.where(subnormal, 0, 1 << m)
    exponent = np.where(subnormal, fmt.emin, field - fmt.bias) - m
    value = np.ldexp(significand.astype(np.float64), exponent.astype(np.int32))
    if fmt.infinity_code is not None:
        value = np.where(magnitude == fmt.infinity_code, np.inf, value)
    is_nan = magnitude > (fmt.infinity_code or fmt.max_code)
    if fmt.specials is Specials.NEGATIVE_ZERO:
        is_nan = code == fmt.sign_mask
    value = np.where(is_nan, np.nan, value)
    return np.copysign(value, np.where(code & fmt.sign_mask, -1.0, 1.0))
