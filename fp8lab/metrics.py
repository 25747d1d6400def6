"""How wrong a quantized tensor is, in one number; `fp8lab.errors` says why.

All sums are in float64. Positions where the original is NaN or infinite are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import as_floats, widen
from fp8lab.formats import E4M3FN, FloatFormat, Specials, format_of

__all__ = [
    "Difference",
    "finite_pair",
    "first_difference",
    "mean_relative_error",
    "mse",
    "relative_rms",
    "saturation_rate",
    "sqnr_db",
    "ulp_distance",
    "underflow_rate",
]


def finite_pair(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 vectors where ``x`` is finite."""
    a, b = widen(as_floats(x)), widen(as_floats(y, "y"))
    if a.shape != b.shape:
        raise ValueError(f"x has shape {a.shape} and y {b.shape}; they must be equal")
    finite = np.isfinite(a)
    return a[finite], b[finite]


def mse(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Mean squared error of ``y`` against ``x``; 0 for empty, NaN if y holds NaN."""
    a, b = finite_pair(x, y)
    with np.errstate(all="ignore"):
        return float(np.mean((a - b) ** 2)) if a.size else 0.0


def relative_rms(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """norm(x - y) / norm(x): 0 for equal, NaN where x is all zero and y is not."""
    a, b = finite_pair(x, y)
    with np.errstate(all="ignore"):
        noise, signal = np.linalg.norm(a - b), np.linalg.norm(a)
    if noise == 0:
        return 0.0
    return float(noise / signal) if signal else float("nan")


def sqnr_db(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Signal to quantization noise, 20 log10(norm(x) / norm(x - y)), in dB.

    +inf for equal tensors; NaN where x is all zero and y is not. torchao calls this
    ``compute_error``. 6 dB are one bit.
    """
    ratio = relative_rms(x, y)
    return float("inf") if ratio == 0 else float(-20 * np.log10(ratio))


def mean_relative_error(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Mean of |x - y| / |x| over the non-zero elements; an underflow counts as 1."""
    a, b = finite_pair(x, y)
    nonzero = a != 0
    if not nonzero.any():
        return 0.0
    with np.errstate(all="ignore"):
        return float(np.mean(np.abs(1 - b[nonzero] / a[nonzero])))


def underflow_rate(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Share of all elements that were not zero and became zero."""
    a, b = finite_pair(x, y)
    return float(np.mean((a != 0) & (b == 0))) if a.size else 0.0


def saturation_rate(codes: npt.ArrayLike, fmt: FloatFormat | str = E4M3FN) -> float:
    """Share of codes that are +max or -max.

    A dynamic scale puts each group's amax there by design: one element a group is no
    loss. `error_split` counts what was really clipped.
    """
    fmt = format_of(fmt)
    array = np.asarray(codes)
    if array.dtype.kind not in "iu":
        raise ValueError(f"codes have dtype {array.dtype}; give the codes of {fmt}")
    if not array.size:
        return 0.0
    return float(np.mean((array & fmt.magnitude_mask) == fmt.max_code))


def ulp_distance(
    a: npt.ArrayLike, b: npt.ArrayLike, fmt: FloatFormat | str = E4M3FN
) -> npt.NDArray[np.int64]:
    """Steps between two codes on the format's own value line, element by element.

    -0 and +0 are one place. NaN against NaN is 0; NaN against a number is -1, which no
    two numbers have. Infinity is one step past the maximum.

    Raises
    ------
    ValueError
        Codes that are not integers, or shapes that do not broadcast.
    """
    fmt = format_of(fmt)
    left, right = np.asarray(a), np.asarray(b)
    if left.dtype.kind not in "iu" or right.dtype.kind not in "iu":
        raise ValueError("ulp_distance takes codes (integers); encode makes them")
    ordered = [_place(codes.astype(np.int64), fmt) for codes in (left, right)]
    distance = np.abs(ordered[0][0] - ordered[1][0])
    nan_left, nan_right = ordered[0][1], ordered[1][1]
    distance = np.where(nan_left & nan_right, 0, distance)
    return np.where(nan_left ^ nan_right, -1, distance)


def _place(codes: np.ndarray, fmt: FloatFormat) -> tuple[np.ndarray, np.ndarray]:
    """Signed position on the value line, and where the code is NaN."""
    magnitude = codes & fmt.magnitude_mask
    place = np.where(codes & fmt.sign_mask, -magnitude, magnitude)
    if fmt.specials is Specials.NEGATIVE_ZERO:
        return place, codes == fmt.sign_mask
    top = fmt.max_code if fmt.infinity_code is None else fmt.infinity_code
    return place, magnitude > top


@dataclass(frozen=True)
class Difference:
    """Where two arrays first differ in bytes: made by `first_difference`."""

    count: int
    index: tuple[int, ...]
    left: object
    right: object

    def __str__(self) -> str:
        where = ", ".join(map(str, self.index))
        return (
            f"{self.count} differ, first at [{where}]: {self.left} against {self.right}"
        )


def first_difference(a: npt.ArrayLike, b: npt.ArrayLike) -> Difference | None:
    """Return the first place (C order) where the bytes differ, or None.

    Bytes, not values: -0 differs from +0, and a NaN equals only its own bit pattern.

    Raises
    ------
    ValueError
        Shapes or dtypes differ.
    """
    left, right = np.asarray(a), np.asarray(b)
    if left.shape != right.shape or left.dtype != right.dtype:
        raise ValueError(
            f"cannot compare {left.dtype}{list(left.shape)} with "
            f"{right.dtype}{list(right.shape)} byte by byte; make them alike"
        )
    width = left.dtype.itemsize
    raw = [
        np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, width)
        for array in (left, right)
    ]
    differs = (raw[0] != raw[1]).any(axis=1)
    if not differs.any():
        return None
    at = np.unravel_index(int(differs.argmax()), left.shape)
    index = tuple(int(i) for i in at)
    return Difference(int(differs.sum()), index, left[index], right[index])
