"""x @ weight.T with an FP8 weight and activations left as they are (W8A16).

A decoding step reads every weight once for a few rows of x: what it costs is the bytes
of the weight, and FP8 halves them. Nothing else is rounded: the activations are not
quantized, and the tensor cores' FP8 instruction is not used.

This is the yardstick of `fp8lab.kernels.weight_only`, whose sums are float32.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import as_floats, float_name, widen
from fp8lab.codec import decode
from fp8lab.formats import E4M3FN, E5M2, FloatFormat
from fp8lab.gemm import rounded_output
from fp8lab.granularity import GROUPS, GroupShape, as_matrix
from fp8lab.integers import IntFormat
from fp8lab.quantized import QuantizedTensor
from fp8lab.scales import ElementFormat

__all__ = ["check_weight", "weight_only_mm"]

WEIGHT_GROUPS = ("per-tensor", "per-channel", "1x128", "128x128")

#: Rows of the weight that are float64 at a time: one group of 128x128 scales.
ROWS = 128


def weight_only_mm(
    x: npt.ArrayLike,
    weight: QuantizedTensor,
    *,
    output_dtype: npt.DTypeLike | str | None = None,
) -> np.ndarray:
    """Return x @ dequantize(weight).T, summed in float64 and rounded once.

    NaN and infinity propagate as in IEEE 754, so 0 times infinity is NaN; every NaN of
    the output is 0x7FFFFFFF (0x7FFF in 16 bits). What is too large for the output
    becomes infinity. K = 0 gives +0; an empty M or N an empty result.

    y[m, n] is the sum over groups g of K of scale[n, g] * sum of x[m, k] * code[n, k]:
    each product is exact, and a group's scale is applied to the group's sum.

    Parameters
    ----------
    x
        Activations, [..., K]: float16, bfloat16 (uint16 bit patterns or an ml_dtypes
        array) or float32. Not changed.
    weight
        [N, K] as a model stores it, E4M3FN or E5M2, with scales per tensor, per
        channel, 1x128 or 128x128; N and K need not be multiples of 128.
    output_dtype
        float16, ``"bfloat16"``, float32 or float64; x's own by default.

    Returns
    -------
    numpy.ndarray
        [..., N]; bfloat16 as uint16 bit patterns.

    Raises
    ------
    ValueError
        Shapes, formats, groups or dtypes that do not fit.
    """
    array = as_floats(x)
    fmt = check_weight(weight.shape, weight.fmt, weight.group)
    given = "bfloat16" if array.dtype == np.uint16 else array.dtype.name
    if given == "float64":
        raise ValueError("x is float64; give float16, bfloat16 or float32")
    wanted = given if output_dtype is None else float_name(output_dtype)
    height, depth = weight.shape
    if array.ndim == 0 or array.shape[-1] != depth:
        raise ValueError(
            f"x has shape {array.shape} and the weight {weight.shape}; give [..., K] "
            "and [N, K]"
        )
    left = widen(as_matrix(array))
    total = np.zeros((len(left), height))
    group_rows, group_cols = weight.group.sides((height, depth))
    with np.errstate(all="ignore"):  # NaN and infinity are results like others
        for rows in _spans(height, ROWS):
            right = decode(weight.codes[rows], fmt, dtype=np.float64)
            numbers = np.arange(height)[rows] // group_rows
            for cols in _spans(depth, group_cols):
                scale = weight.scales[numbers, cols.start // group_cols]
                part = _product(left[:, cols], right[:, cols])
                total[:, rows] += part * scale.astype(np.float64)
    if wanted != "float64":
        total = rounded_output(total, wanted)
    return total.reshape(*array.shape[:-1], height)


def check_weight(
    shape: tuple[int, ...], fmt: ElementFormat, group: GroupShape
) -> FloatFormat:
    """Return a weight's format; ValueError unless it can be multiplied."""
    if len(shape) != 2:
        raise ValueError(f"the weight has shape {tuple(shape)}; give a matrix [N, K]")
    if isinstance(fmt, IntFormat) or fmt not in (E4M3FN, E5M2):
        raise ValueError(f"the weight is {fmt}; give E4M3FN or E5M2")
    if group not in [GROUPS[name] for name in WEIGHT_GROUPS]:
        raise ValueError(
            f"the weight has {group} scales; quantize it with one of "
            f"{', '.join(WEIGHT_GROUPS)}"
        )
    return fmt


def _spans(length: int, step: int) -> Iterator[slice]:
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def _product(left: np.ndarray, right: np.ndarray) -> npt.NDArray[np.float64]:
    """Return left @ right.T in float64."""
    if np.isfinite(left).all() and np.isfinite(right).all():
        return left @ right.T
    # A BLAS may skip zeros, and then 0 times infinity is no NaN.
    return np.einsum("mk,nk->mn", left, right)
