"""From amax to scale: what a scale is stored as, and how it is rounded.

``scale`` is always the decode scale, x ~ decode(code) * scale, so scale = amax / max.
Transformer Engine and torchao's training code call the reciprocal "scale".

Policy for degenerate groups, the same for every scale dtype:

* amax 0 (nothing but zeros): scale 1, so that codes and values are zeros.
* amax NaN (a propagated NaN or infinity): scale NaN; every element decodes to NaN.
* amax so small that amax / max would be a subnormal float32: the smallest normal,
  2**-126. GPUs may flush subnormals, and 1 / scale would overflow.

A power-of-two scale (E8M0, OCP MX v1.0) is 2**k, -127 <= k <= 127, with k by rule:

=======  ==============================================  ==========================
rule     k                                               effect on the group's amax
=======  ==============================================  ==========================
floor    floor(log2 amax) - emax (OCP MX 6.3)            may exceed max: clips
ceil     ceil(log2 amax) - emax                          never exceeds max
even     as floor, amax rounded to the mantissa first    clips less than floor
rceil    ceil(log2(amax / max))  (cvt.rp.ue8m0)          never exceeds max, tightest
=======  ==============================================  ==========================
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from fp8lab.codec import decode, encode
from fp8lab.formats import BF16, E8M0FNU, FP32, FloatFormat, format_of
from fp8lab.integers import INT4, INT8, IntFormat

__all__ = [
    "ElementFormat",
    "ScaleDtype",
    "ScaleRule",
    "as_amax",
    "check_scale",
    "compute_scale",
    "element_format_of",
    "scale_dtype_of",
]

ElementFormat = FloatFormat | IntFormat
SMALLEST_SCALE = np.float32(2.0**-126)


class ScaleDtype(StrEnum):
    """What a scale is stored as."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    E8M0 = "e8m0"

    @property
    def itemsize(self) -> int:
        """Bytes of one scale."""
        return {"float32": 4, "bfloat16": 2, "e8m0": 1}[self.value]


class ScaleRule(StrEnum):
    """How amax becomes a power of two."""

    FLOOR = "floor"
    CEIL = "ceil"
    EVEN = "even"
    RCEIL = "rceil"


def scale_dtype_of(dtype: ScaleDtype | str) -> ScaleDtype:
    """Return the scale dtype that ``dtype`` names; ValueError lists the known names."""
    try:
        return ScaleDtype(dtype)
    except ValueError:
        known = ", ".join(ScaleDtype)
        raise ValueError(f"unknown scale_dtype {dtype!r}; use one of {known}") from None


def scale_rule_of(rule: ScaleRule | str) -> ScaleRule:
    """Return the rule that ``rule`` names; ValueError lists the known names."""
    try:
        return ScaleRule(rule)
    except ValueError:
        known = ", ".join(ScaleRule)
        raise ValueError(f"unknown scale_rule {rule!r}; use one of {known}") from None


def element_format_of(fmt: ElementFormat | str) -> ElementFormat:
    """Return a float format, INT8 or INT4 by record or name."""
    if isinstance(fmt, IntFormat):
        return fmt
    if isinstance(fmt, str) and fmt.lower() in ("int8", "int4"):
        return INT8 if fmt.lower() == "int8" else INT4
    try:
        return format_of(fmt)
    except ValueError as error:
        raise ValueError(f"{error}, INT8, INT4") from None


def compute_scale(
    amax: npt.ArrayLike,
    fmt: ElementFormat | str,
    *,
    scale_dtype: ScaleDtype | str = ScaleDtype.FLOAT32,
    scale_rule: ScaleRule | str = ScaleRule.FLOOR,
) -> npt.NDArray[np.float32]:
    """Return the decode scale of each amax: amax / fmt.max, rounded to ``scale_dtype``.

    amax 0 gives 1, NaN gives NaN, and no scale is below 2**-126 (E8M0: 2**-127).

    Parameters
    ----------
    amax
        Largest magnitudes, any shape, float32 (float64 is divided before rounding).
    fmt
        The element format, whose ``max`` the amax is mapped to.
    scale_dtype
        ``"float32"``: one division, rounded to nearest. ``"bfloat16"``: that, rounded
        again to nearest even. ``"e8m0"``: a power of two by ``scale_rule``.
    scale_rule
        ``"floor"`` (OCP MX), ``"ceil"``, ``"even"`` or ``"rceil"``; E8M0 only.

    Returns
    -------
    numpy.ndarray
        float32, which holds every scale of the three dtypes exactly; amax's shape.

    Raises
    ------
    ValueError
        A negative or infinite amax, or an unknown name.
    """
    element = element_format_of(fmt)
    dtype, rule = scale_dtype_of(scale_dtype), scale_rule_of(scale_rule)
    amax = as_amax(amax)
    with np.errstate(all="ignore"):  # tiny and huge amax are the clamps' business
        if dtype is ScaleDtype.E8M0:
            scale = _power_of_two(amax, element, rule)
        else:
            largest = BF16.max if dtype is ScaleDtype.BFLOAT16 else FP32.max
            quotient = np.minimum(amax / amax.dtype.type(element.max), largest)
            scale = np.maximum(quotient.astype(np.float32), SMALLEST_SCALE)
        if dtype is ScaleDtype.BFLOAT16:
            scale = decode(encode(scale, BF16), BF16)
    return np.where(amax == 0, np.float32(1), scale).astype(np.float32)


def as_amax(amax: npt.ArrayLike) -> np.ndarray:
    """Return magnitudes as float32 or float64; ValueError for anything else."""
    try:
        array = np.asarray(amax)
    except ValueError:
        raise ValueError("amax is not an array of numbers") from None
    if array.dtype.kind not in "fiu":
        raise ValueError(f"amax has dtype {array.dtype}; give magnitudes as floats")
    if array.dtype != np.float64:
        array = array.astype(np.float32)
    if (array < 0).any() or np.isinf(array).any():
        raise ValueError("amax is negative or infinite; give finite magnitudes or NaN")
    return array


def _power_of_two(
    amax: np.ndarray, element: ElementFormat, rule: ScaleRule
) -> np.ndarray:
    wide = np.where(amax > 0, amax, 1.0).astype(np.float64)
    emax = np.frexp(element.max)[1] - 1
    if rule is ScaleRule.RCEIL:
        # The quotient is rounded to float32 first, as the kernels that use cvt.rp do.
        ratio = (wide / element.max).astype(np.float32).astype(np.float64)
        exponent = np.where(ratio == 0, -127, _ceil_log2(ratio))
    elif rule is ScaleRule.CEIL:
        exponent = _ceil_log2(wide) - emax
    else:
        if rule is ScaleRule.EVEN:
            wide = _round_to_mantissa(wide, element)
        exponent = np.frexp(wide)[1] - 1 - emax
    scale = np.ldexp(1.0, np.clip(exponent, -127, 127)).astype(np.float32)
    return np.where(np.isnan(amax), np.float32(np.nan), scale)


def _ceil_log2(x: np.ndarray) -> np.ndarray:
    significand, exponent = np.frexp(x)  # x = significand * 2**exponent, [0.5, 1)
    return np.where(significand == 0.5, exponent - 1, exponent)


def _round_to_mantissa(x: np.ndarray, element: ElementFormat) -> np.ndarray:
    """Add half a unit of the element's last mantissa bit: amax may reach 2**(e+1)."""
    bits = element.bits - 2 if isinstance(element, IntFormat) else element.mantissa_bits
    return x + np.ldexp(1.0, np.frexp(x)[1] - 1 - bits - 1)


def check_scale(
    scale: npt.ArrayLike, shape: tuple[int, int], dtype: ScaleDtype
) -> npt.NDArray[np.float32]:
    """Return a caller's scales as float32 of ``shape`` after checking every one.

    Raises
    ------
    ValueError
        A scale that is not finite and positive, does not broadcast to ``shape``, or is
        no exact value of ``dtype``.
    """
    try:
        given = np.asarray(scale)
    except ValueError:
        raise ValueError("scale is not an array of numbers") from None
    if given.dtype.kind not in "fiu" or (given.size == 0 and 0 not in shape):
        raise ValueError(f"scale has dtype {given.dtype}; give positive floats")
    with np.errstate(all="ignore"):
        scales = given.astype(np.float32)
        good = np.isfinite(scales) & (scales > 0) & np.isfinite(1 / scales)
    if not good.all():
        raise ValueError(
            "scale must be positive, and finite in float32 as its reciprocal must be; "
            f"got {given[~good].flat[0]}"
        )
    try:
        scales = np.broadcast_to(scales, shape)
    except ValueError:
        raise ValueError(
            f"scale has shape {given.shape}; this group needs {shape} or one number"
        ) from None
    narrow = {ScaleDtype.BFLOAT16: BF16, ScaleDtype.E8M0: E8M0FNU}.get(dtype)
    if narrow is not None and not np.array_equal(
        decode(encode(scales, narrow), narrow), scales
    ):
        raise ValueError(
            f"scale holds values that {dtype} cannot store exactly; "
            "make scales with compute_scale"
        )
    return np.array(scales)
