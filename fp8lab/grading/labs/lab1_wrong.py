"""Conversions with one thing wrong at a time, for the mistakes of lab 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fp8lab.codec import round_to as round_in
from fp8lab.formats import E4M3FN, FloatFormat, format_of

__all__ = ["ROUNDINGS", "Wrong", "decode_wrong", "encode_wrong", "round_wrong"]

Rounder = Callable[[np.ndarray], np.ndarray]
#: A wrong function, called as the student's.
Wrong = Callable[..., np.ndarray]


def _to_odd(steps: np.ndarray) -> np.ndarray:
    even = np.rint(steps)
    tie = np.abs(steps - np.trunc(steps)) == 0.5
    return np.where(tie, 2 * np.trunc(steps) + 1 - even, even)


ROUNDINGS: dict[str, Rounder] = {
    "even": np.rint,
    "away": lambda steps: np.floor(steps + 0.5),
    "toward zero": lambda steps: np.ceil(steps - 0.5),
    "odd": _to_odd,
    "cut": np.floor,
    "up": np.ceil,
}


def decode_wrong(
    codes: np.ndarray,
    fmt: FloatFormat,
    *,
    bias: int = 0,
    mantissa_bits: int | None = None,
    subnormal: str = "",
    specials: str = "",
    sign: str = "",
) -> np.ndarray:
    """Decode with one field misread; ``bias`` is added to the format's own."""
    bits = fmt.mantissa_bits if mantissa_bits is None else mantissa_bits
    code = codes.astype(np.int64)
    magnitude = code & fmt.magnitude_mask
    field, mantissa = magnitude >> fmt.mantissa_bits, magnitude & fmt.mantissa_mask
    fraction = np.ldexp(mantissa.astype(np.float64), -bits)
    value = np.ldexp(1 + fraction, field - fmt.bias - bias)
    emin = fmt.emin - bias
    low = {
        "": np.ldexp(fraction, emin),
        "one too low": np.ldexp(fraction, emin - 1),
        "implicit one": np.ldexp(1 + fraction, emin - 1),
        "flushed": 0 * fraction,
    }[subnormal]
    value = np.where(field == 0, low, value)
    value = _decode_specials(value, magnitude, fmt, specials)
    negative = code & fmt.sign_mask > 0
    if sign == "lost":
        return value.astype(np.float32)
    if sign == "of zero lost":
        negative &= magnitude > 0
    if sign == "complement":
        return np.where(negative, _complement(code, fmt), value).astype(np.float32)
    if sign == "of infinity lost":
        negative &= ~np.isinf(value)
    return np.where(negative, -value, value).astype(np.float32)


def _complement(code: np.ndarray, fmt: FloatFormat) -> np.ndarray:
    """Read a negative code as two's complement: minus the value of 256 - code."""
    other = (256 - code) & 0xFF
    field, mantissa = other >> fmt.mantissa_bits, other & fmt.mantissa_mask
    hidden = np.where(field > 0, 1.0, 0.0) + np.ldexp(
        mantissa.astype(np.float64), -fmt.mantissa_bits
    )
    return -np.ldexp(hidden, np.maximum(field, 1) - fmt.bias)


def _decode_specials(
    value: np.ndarray, magnitude: np.ndarray, fmt: FloatFormat, specials: str
) -> np.ndarray:
    nan = magnitude > (fmt.max_code if fmt.infinity_code is None else fmt.infinity_code)
    infinite = magnitude == (fmt.infinity_code or -1)
    if specials == "numbers":
        return value
    if specials == "ieee":
        nan = magnitude >> fmt.mantissa_bits == fmt.magnitude_mask >> fmt.mantissa_bits
    if specials == "infinity":
        return np.where(nan | infinite, np.inf, value)
    if specials == "all NaN":
        return np.where(nan | infinite, np.nan, value)
    if specials == "one NaN":
        nan = magnitude == fmt.magnitude_mask
    value = np.where(nan, {"zero": 0.0, "max": fmt.max}.get(specials, np.nan), value)
    return np.where(infinite, fmt.max if specials == "finite" else np.inf, value)


def round_wrong(
    x: np.ndarray,
    mantissa_bits: int,
    emin: int,
    *,
    rounding: str = "even",
    bits: int = 0,
    lowest: int | None = 0,
    binade: int = 0,
    flush: bool = False,
    signed: bool = True,
    carry: bool = True,
) -> np.ndarray:
    """Round to a grid with one thing wrong; ``lowest`` None: the grid has no end."""
    wide = x.astype(np.float64)
    size = np.abs(wide)
    exponent = np.frexp(size)[1] - 1 + binade
    if lowest is not None:
        exponent = np.maximum(exponent, emin + lowest)
    step = np.ldexp(1.0, exponent - mantissa_bits - bits)
    whole = ROUNDINGS[rounding](size / step)
    if not carry:
        top = (2 << mantissa_bits) - 1
        whole = np.minimum(whole, top)
    value = whole * step
    if flush:
        value = np.where(size < 2.0**emin, 0.0, value)
    rounded = np.copysign(value, wide)
    # -0 + 0 is +0, and nothing else changes.
    return (rounded if signed else rounded + 0.0).astype(np.float32)


def encode_wrong(
    x: np.ndarray,
    fmt: FloatFormat = E4M3FN,
    *,
    rounding: str = "even",
    bias: int = 0,
    detour: str = "",
    overflow: int | None = None,
    infinity: int | None = None,
    nan: int | None = None,
    nan_signed: bool = False,
    from_max: bool = False,
    subnormal: str = "",
    signed_zero: bool = True,
    zero_exponent: bool = False,
    carry: bool = True,
) -> np.ndarray:
    """Encode with one thing wrong; a saturating encoder of the "cuda" policy else.

    ``overflow``, ``infinity`` and ``nan`` are the codes given instead of the right
    ones; with ``from_max`` everything above the maximum overflows.
    """
    wide = np.asarray(x, np.float32)
    if detour:
        wide = round_in(wide, format_of(detour)).astype(np.float32)
    size = np.where(np.isfinite(wide), np.abs(wide), 0).astype(np.float64)
    lowest = fmt.emin - (subnormal == "one too low")
    exponent = np.maximum(np.frexp(size)[1] - 1, lowest)
    if not zero_exponent:
        exponent = np.where(size == 0, lowest, exponent)
    steps = np.ldexp(size, fmt.mantissa_bits - exponent)
    whole = ROUNDINGS[rounding](steps).astype(np.int64)
    if not carry:
        # The mantissa begins again at 0 and the exponent stays.
        full = whole == 2 << fmt.mantissa_bits
        whole = np.where(full & (exponent >= fmt.emin), 1 << fmt.mantissa_bits, whole)
    code = (exponent - lowest) * (1 << fmt.mantissa_bits) + whole
    code += bias << fmt.mantissa_bits if bias else 0
    code = np.maximum(code, 0)
    if subnormal == "flushed":
        code = np.where(size < fmt.smallest_normal, 0, code)
    beyond = size > fmt.max if from_max else code > fmt.max_code
    code = np.where(beyond, fmt.max_code if overflow is None else overflow, code)
    last = fmt.max_code if infinity is None else infinity
    code = np.where(np.isinf(wide), last, code)
    negative = np.signbit(wide)
    if not signed_zero:
        negative = negative & (code != 0)
    code = np.where(negative, code | fmt.sign_mask, code)
    nan_code = np.int64(fmt.magnitude_mask if nan is None else nan)
    nan_codes = np.where(np.signbit(wide) & nan_signed, nan_code | 0x80, nan_code)
    return np.where(np.isnan(wide), nan_codes, code).astype(np.uint8)
