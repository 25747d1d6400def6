"""The two producers that FP8 kernels fuse with quantization: RMSNorm and SiLU-mul.

Both are defined to the bit, so that a kernel can be held against them: float32
operations in a stated order, each rounded once, a fused multiply-add where ``fma`` is
written, and the result rounded to the input's dtype before it is quantized. So a fused
kernel gives the bytes of the two kernels that it replaces.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import as_floats, widen_bfloat16
from fp8lab.codec import encode
from fp8lab.fma import fma
from fp8lab.formats import BF16, E4M3FN
from fp8lab.granularity import GroupShape
from fp8lab.quantization import quantize
from fp8lab.quantized import QuantizedTensor
from fp8lab.scales import ElementFormat

__all__ = ["rms_norm", "rms_norm_quantize", "silu_mul", "silu_mul_quantize"]

Floats = npt.NDArray[np.float32]

#: Beyond, e^-x is taken for 0: 2^-126 is e^-87.3.
LARGEST_EXPONENT = 87.0
#: log2(e), and ln(2) in two parts, of which the first has few bits.
LOG2_E, LN2_HIGH, LN2_LOW = 1.4426950408889634, 0.693145751953125, 1.4286068203094e-6
#: Added and taken away again, it leaves a float32 rounded to an integer.
ROUND = 1.5 * 2.0**23
#: e^r on +-ln(2)/2 is the sum of these times r^0, r^1, ..., to 1.1e-7.
EXP = (1.0, 1.0, 0.4999923, 0.16667114, 0.04189016, 0.008312522)
#: 1 / d on [1, 2] is near s0 + s1 d + s2 d^2, to 1.1 %; two Newton steps give 1.1e-8.
RECIPROCAL = (2.1212006, -1.4545294, 0.32322705)


def rms_norm(
    x: npt.ArrayLike, weight: npt.ArrayLike, *, eps: float = 1e-6
) -> np.ndarray:
    """Return x / rms(x) * weight along the last axis.

    A NaN makes its row NaN. An infinity, or a square beyond float32 (|x| of 1.8e19 and
    more), makes its row 0, and infinities NaN. A row of zeros stays zero.

    Squares in float32; the sums of each eight neighbours, by halves, too; their sum in
    float64, whose order therefore does not show; the mean rounded to float32; then
    (x * (1 / sqrt(mean + eps))) * weight in float32.

    Parameters
    ----------
    x
        float32, float16 or bfloat16 (uint16 bits), [..., K].
    weight
        The same dtypes, [K].
    eps
        Added to the mean.

    Returns
    -------
    numpy.ndarray
        x's shape and dtype, rounded to nearest even.

    Raises
    ------
    ValueError
        Dtypes or shapes that do not fit.
    """
    array, values = _narrow(x, "x")
    _, gain = _narrow(weight, "weight")
    if not values.ndim or gain.shape != values.shape[-1:]:
        raise ValueError(
            f"x has shape {values.shape} and weight {gain.shape}; give [..., K] and [K]"
        )
    with np.errstate(all="ignore"):
        total = _sums_of_eight(values * values).sum(-1, keepdims=True)
        mean = (total / max(values.shape[-1], 1)).astype(np.float32)
        inverse = np.float32(1) / np.sqrt(mean + np.float32(eps))
        return _as(values * inverse * gain, array.dtype)


def silu_mul(x: npt.ArrayLike) -> np.ndarray:
    """Return silu(gate) * up of a [..., 2 N] matrix that holds both side by side.

    silu(g) = g / (1 + e^-g), to 2^-21 of itself; e^-|g| below e^-87 counts as 0,
    so silu(-infinity) is NaN, as torch has it. NaN propagates, and zeros keep their
    sign.

    Parameters
    ----------
    x
        float32, float16 or bfloat16 (uint16 bits), [..., 2 N]: gate, then up.

    Returns
    -------
    numpy.ndarray
        [..., N] in x's dtype, rounded to nearest even.

    Raises
    ------
    ValueError
        A dtype that is none of these, or an odd last axis.
    """
    array, values = _narrow(x, "x")
    if not values.ndim or values.shape[-1] % 2:
        raise ValueError(
            f"x has shape {values.shape}; give [..., 2 N]: N gates, then N ups"
        )
    gate, up = np.split(values, 2, axis=-1)
    with np.errstate(all="ignore"):
        small = _exp_minus(np.abs(gate))
        numerator = np.where(gate >= 0, gate, gate * small)
        return _as(numerator * _reciprocal(small + 1) * up, array.dtype)


def rms_norm_quantize(
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    fmt: ElementFormat | str = E4M3FN,
    group: GroupShape | str | tuple[int, int] = "per-token",
    *,
    eps: float = 1e-6,
    **options: Any,
) -> QuantizedTensor:
    """Return ``quantize(rms_norm(x, weight), fmt, group)``; options are quantize's."""
    return quantize(rms_norm(x, weight, eps=eps), fmt, group, **options)


def silu_mul_quantize(
    x: npt.ArrayLike,
    fmt: ElementFormat | str = E4M3FN,
    group: GroupShape | str | tuple[int, int] = "per-token",
    **options: Any,
) -> QuantizedTensor:
    """Return ``quantize(silu_mul(x), fmt, group)``; options are those of quantize."""
    return quantize(silu_mul(x), fmt, group, **options)


def _sums_of_eight(x: Floats) -> npt.NDArray[np.float64]:
    """Sums of each eight neighbours along the last axis; the last may be fewer."""
    margin = [(0, 0)] * (x.ndim - 1) + [(0, -x.shape[-1] % 8)]
    padded = np.pad(x, margin)
    for _ in range(3):
        padded = padded[..., ::2] + padded[..., 1::2]
    return padded.astype(np.float64)


def _exp_minus(x: Floats) -> Floats:
    """e^-x of numbers that are not negative (NaN: anything)."""
    count = fma(x, -LOG2_E, ROUND) - np.float32(ROUND)
    r = fma(count, -LN2_LOW, fma(count, -LN2_HIGH, -x))
    series = fma(r, EXP[-1], EXP[-2])
    for coefficient in EXP[-3::-1]:
        series = fma(r, series, coefficient)
    power = np.where(x <= LARGEST_EXPONENT, count, np.float32(0)).astype(np.int32)
    value = series * ((power + 127) << 23).view(np.float32)
    return np.where(x > LARGEST_EXPONENT, np.float32(0), value)


def _reciprocal(d: Floats) -> Floats:
    """1 / d of numbers from 1 to 2 (or NaN)."""
    s0, s1, s2 = RECIPROCAL
    r = fma(d, fma(d, s2, s1), s0)
    for _ in range(2):
        r = fma(r, fma(-d, r, 1), r)
    return r


def _narrow(x: npt.ArrayLike, name: str) -> tuple[np.ndarray, Floats]:
    array = as_floats(x, name)
    if array.dtype == np.float64:
        raise ValueError(f"{name} is float64; give float32, float16 or bfloat16")
    if array.dtype == np.uint16:
        return array, widen_bfloat16(array)
    return array, array.astype(np.float32)


def _as(values: Floats, dtype: np.dtype) -> np.ndarray:
    if dtype == np.uint16:
        return encode(values, BF16)
    return values.astype(dtype)
