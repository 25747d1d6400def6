"""Why a quantized tensor is wrong, and who pays.

A single norm over a whole tensor hides the damage: the outliers that set the scale are
nearly exact and carry the norm, while ordinary elements underflow. So `error_split`
counts by cause (rounding, underflow, clipping) and by who pays (ordinary, outlier).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import as_floats, widen
from fp8lab.metrics import finite_pair

__all__ = ["ErrorSplit", "Share", "error_split", "outlier_mask"]

OUTLIER_FACTOR = 10.0


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
    kept, values = finite_pair(x, y)
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
