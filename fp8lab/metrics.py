"""How wrong a quantized tensor is, and why.

A single norm over a whole tensor hides the damage: the outliers that set the scale are
nearly exact and carry the norm, while ordinary elements underflow. So `error_split`
counts by cause (rounding, underflow, clipping) and by who pays (ordinary, outlier).

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
    "ErrorSplit",
    "Share",
    "error_split",
    "first_difference",
    "mean_relative_error",
    "mse",
    "outlier_mask",
    "relative_rms",
    "saturation_rate",
    "sqnr_db",
    "ulp_distance",
    "underflow_rate",
]

OUTLIER_FACTOR = 10.0


def _pair(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 vectors where ``x`` is finite."""
    a, b = widen(as_floats(x)), widen(as_floats(np.asarray(y), "y"))
    if a.shape != b.shape:
        raise ValueError(f"x has shape {a.shape} and y {b.shape}; they must be equal")
    finite = np.isfinite(a)
    return a[finite], b[finite]


def mse(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Mean squared error of ``y`` against ``x``; 0 for empty, NaN if y holds NaN."""
    a, b = _pair(x, y)
    return float(np.mean((a - b) ** 2)) if a.size else 0.0


def relative_rms(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """norm(x - y) / norm(x): 0 for equal, NaN where x is all zero and y is not."""
    a, b = _pair(x, y)
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
    a, b = _pair(x, y)
    nonzero = a != 0
    if not nonzero.any():
        return 0.0
    return float(np.mean(np.abs(1 - b[nonzero] / a[nonzero])))


def underflow_rate(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Share of all elements that were not zero and became zero."""
    a, b = _pair(x, y)
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


def outlier_mask(x: npt.ArrayLike, factor: float = OUTLIER_FACTOR) -> np.ndarray:
    """Where |x| exceeds ``factor`` times the median |x| of the non-zero elements.

    For a gaussian, 10 medians are 6.7 standard deviations: nothing is an outlier.
    """
    magnitude = np.abs(widen(as_floats(x)))
    counted = magnitude[np.isfinite(magnitude) & (magnitude > 0)]
    if not counted.size:
        return np.zeros(magnitude.shape, bool)
    return magnitude > factor * np.median(counted)


@dataclass(frozen=True)
class Share:
    """One part of the error: how many elements, and their squared error.

    ``of_error`` is this part's share of the whole squared error, ``relative`` its
    norm(error) / norm(x) over its own elements (0 where it has none).
    """

    count: int
    of_error: float
    relative: float


@dataclass(frozen=True)
class ErrorSplit:
    """The error by cause and by who pays: made by `error_split`."""

    rounding: Share
    underflow: Share
    clipping: Share
    ordinary: Share
    outliers: Share
    total: Share

    def __str__(self) -> str:
        rows = ["part        elements  share of error  relative error"]
        for name in self.__dataclass_fields__:
            share: Share = getattr(self, name)
            rows.append(
                f"{name:10s}  {share.count:8d}  {share.of_error:14.2%}  "
                f"{share.relative:14.4%}"
            )
        return "\n".join(rows)


def error_split(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    limit: npt.ArrayLike | None = None,
    outliers: npt.ArrayLike | None = None,
) -> ErrorSplit:
    """Split the error of ``y`` against ``x`` by cause, and by who pays.

    Underflow: x is not zero, y is. Clipping: |x| is above ``limit``, y is not zero.
    Rounding: the rest. NaN and infinity in x are left out.

    Parameters
    ----------
    x, y
        The original and the dequantized tensor, of one shape. A QuantizedTensor knows
        its limits by itself.
    limit
        The magnitude above which an element clips: a number or an array that broadcasts
        to x. None: ``y.limits()`` where y has it, else the largest |y|, which is right
        for one scale.
    outliers
        Boolean mask of x's shape; default `outlier_mask`.

    Raises
    ------
    ValueError
        Shapes that do not fit.
    """
    a = widen(as_floats(x))
    finite = np.isfinite(a)
    kept, values = _pair(x, y)
    mask = outlier_mask(x) if outliers is None else np.asarray(outliers, bool)
    if mask.shape != a.shape:
        raise ValueError(f"outliers has shape {mask.shape}; x has {a.shape}")
    if limit is None:
        known = getattr(y, "limits", None)
        limit = np.abs(values).max(initial=0.0) if known is None else known()
    limits = np.broadcast_to(np.asarray(limit, np.float64), a.shape)[finite]
    squared = (kept - values) ** 2
    underflow = (kept != 0) & (values == 0)
    clipping = (np.abs(kept) > limits) & ~underflow
    heavy = mask[finite]
    everything = np.ones(kept.shape, bool)
    rounding = ~(underflow | clipping)
    parts = (rounding, underflow, clipping, ~heavy, heavy, everything)
    return ErrorSplit(*(_share(kept, squared, part) for part in parts))


def _share(x: np.ndarray, squared: np.ndarray, part: np.ndarray) -> Share:
    own, whole = float(squared[part].sum()), float(squared.sum())
    signal = float((x[part] ** 2).sum())
    return Share(
        count=int(part.sum()),
        of_error=own / whole if whole else 0.0,
        relative=float(np.sqrt(own / signal)) if signal else 0.0,
    )
