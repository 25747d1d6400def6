"""When, and from what, an amax is measured: five answers to one question.

Each scaler has ``amax_for(x)``: the magnitudes that `fp8lab.quantize` should scale
for, ready to pass as ``amax=``. They differ in what they look at.

=================  ==========================================================
`DynamicAmax`      this tensor, now (vLLM dynamic; Transformer Engine current)
`StaticAmax`       calibration tensors, once; nothing at run time
`DelayedAmax`      the last few tensors, not this one (Transformer Engine delayed)
`PercentileAmax`   this tensor, the largest few elements left to clip
`MSEAmax`          this tensor, the amax whose squared error is least
=================  ==========================================================

All of them ignore NaN and infinity when they measure.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fp8lab.amax import measure_amax
from fp8lab.arrays import as_floats, widen
from fp8lab.formats import E4M3FN
from fp8lab.granularity import GroupShape, as_matrix, group_of
from fp8lab.quantization import quantize
from fp8lab.scales import ElementFormat, element_format_of

__all__ = [
    "AmaxScaler",
    "DelayedAmax",
    "DynamicAmax",
    "MSEAmax",
    "PercentileAmax",
    "StaticAmax",
]

Group = GroupShape | str | tuple[int, int]


class AmaxScaler(Protocol):
    """Anything that says which magnitudes to scale a tensor for."""

    def amax_for(self, x: npt.ArrayLike) -> np.ndarray:
        """Return amax in the scales' shape, and learn from ``x`` if it learns."""


class DynamicAmax:
    """Measure each tensor as it comes: never stale, one more pass over the data."""

    def __init__(self, group: Group = "per-tensor") -> None:
        self.group = group_of(group)

    def amax_for(self, x: npt.ArrayLike) -> np.ndarray:
        """Return the amax of each group of ``x``."""
        return measure_amax(x, self.group)


class StaticAmax:
    """Largest magnitudes over calibration tensors, frozen afterwards.

    Values beyond them at run time clip; that is what makes calibration data matter.
    """

    def __init__(self, group: Group = "per-tensor") -> None:
        self.group = group_of(group)
        self._amax: np.ndarray | None = None

    def observe(self, x: npt.ArrayLike) -> StaticAmax:
        """Take one calibration tensor into account; returns self.

        Raises
        ------
        ValueError
            Its scales have another shape than those of earlier tensors.
        """
        amax = measure_amax(x, self.group)
        if self._amax is not None:
            _check_shape(amax, self._amax, self.group)
            amax = np.maximum(amax, self._amax)
        self._amax = amax
        return self

    def amax_for(self, x: npt.ArrayLike) -> np.ndarray:  # noqa: ARG002 (the protocol)
        """Return the calibrated amax; ``x`` is not looked at.

        Raises
        ------
        ValueError
            Nothing was observed yet.
        """
        if self._amax is None:
            raise ValueError("nothing calibrated yet; call observe(x) first")
        return self._amax.copy()


class DelayedAmax:
    """The largest amax of the last ``history`` tensors, times 2**margin.

    The current tensor is measured only for the next ones, so its own pass is free of
    the wait; a sudden outlier clips once. The first tensor is measured at once. A
    tensor whose amax is 0 leaves the history alone (Transformer Engine keeps the old
    scale).

    Parameters
    ----------
    history
        How many past tensors count, at least 1 (Transformer Engine: 1024).
    margin
        Powers of two of headroom; an integer of at least 0.
    group
        Which elements share a scale.
    """

    def __init__(
        self, history: int = 16, margin: int = 0, group: Group = "per-tensor"
    ) -> None:
        whole = all(isinstance(n, (int, np.integer)) for n in (history, margin))
        if not whole or history < 1 or margin < 0:
            raise ValueError(
                "history is a whole number of at least 1, margin one of at least 0; "
                f"got {history}, {margin}"
            )
        self.group, self.margin = group_of(group), margin
        self._past: deque[np.ndarray] = deque(maxlen=history)

    def amax_for(self, x: npt.ArrayLike) -> np.ndarray:
        """Return the history's amax with the margin; then remember ``x``'s."""
        now = measure_amax(x, self.group)
        if self._past:
            _check_shape(now, self._past[-1], self.group)
        used = np.maximum.reduce(list(self._past)) if self._past else now
        if now.any():
            self._past.append(now)
        return used * now.dtype.type(2.0**self.margin)


class PercentileAmax:
    """The magnitude below which ``percentile`` percent of each group lies.

    An element of the group, never a mean of two (NumPy's ``method="higher"``); what
    lies above clips. Groups without finite elements have amax 0.
    """

    def __init__(self, percentile: float = 99.9, group: Group = "per-tensor") -> None:
        if not 0 < percentile <= 100:
            raise ValueError(f"percentile is above 0 and at most 100; got {percentile}")
        self.percentile, self.group = percentile, group_of(group)

    def amax_for(self, x: npt.ArrayLike) -> np.ndarray:
        """Return the percentile of |x| in each group."""
        matrix = as_matrix(widen(as_floats(x)))
        result = np.zeros(self.group.scale_shape(matrix.shape))
        rows, cols = self.group.sides(matrix.shape)
        for i, j in np.ndindex(result.shape):
            part = matrix[i * rows : (i + 1) * rows, j * cols : (j + 1) * cols]
            finite = np.abs(part[np.isfinite(part)])
            if finite.size:
                result[i, j] = np.percentile(finite, self.percentile, method="higher")
        return result


class MSEAmax:
    """The amax, out of a grid below the true one, with the least squared error.

    For integers this trades clipping against a finer step. For floats it moves the
    group on the format's grid, whose relative step does not depend on the scale: there
    is little to win, and lesson 02 measures it.

    Parameters
    ----------
    fmt
        The element format the error is measured in.
    group
        Which elements share a scale.
    candidates
        Fractions of the true amax that are tried, each above 0 and at most 1.
    """

    def __init__(
        self,
        fmt: ElementFormat | str = E4M3FN,
        group: Group = "per-tensor",
        candidates: npt.ArrayLike | None = None,
    ) -> None:
        self.fmt, self.group = element_format_of(fmt), group_of(group)
        given = np.linspace(1.0, 0.3, 36) if candidates is None else candidates
        self.candidates = np.asarray(given, np.float64).ravel()
        good = (self.candidates > 0) & (self.candidates <= 1)
        if not self.candidates.size or not good.all():
            raise ValueError("candidates are fractions above 0 and at most 1")

    def amax_for(self, x: npt.ArrayLike) -> np.ndarray:
        """Return the best candidate amax of each group of ``x``."""
        array = as_floats(x)
        amax = measure_amax(array, self.group)
        best, least = amax, np.full(amax.shape, np.inf)
        for fraction in self.candidates:
            tried = (amax * fraction).astype(amax.dtype)
            error = self._squared_error(array, tried)
            better = error < least
            best, least = np.where(better, tried, best), np.minimum(error, least)
        return best

    def _squared_error(self, x: np.ndarray, amax: np.ndarray) -> np.ndarray:
        values = quantize(x, self.fmt, self.group, amax=amax).dequantize(np.float64)
        wide = widen(x)
        error = np.where(np.isfinite(wide), wide - values, 0.0)
        squared = as_matrix(np.nan_to_num(error) ** 2)
        rows, cols = self.group.sides(squared.shape)
        tall = np.add.reduceat(squared, np.arange(0, squared.shape[1], cols), axis=1)
        return np.add.reduceat(tall, np.arange(0, squared.shape[0], rows), axis=0)


def _check_shape(new: np.ndarray, old: np.ndarray, group: GroupShape) -> None:
    if new.shape != old.shape:
        raise ValueError(
            f"{group} scales of this tensor have shape {new.shape}, earlier ones "
            f"{old.shape}; use one scaler for tensors of one shape"
        )
