"""How a tensor spreads over the codes of a format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import as_floats, widen
from fp8lab.codec import encode
from fp8lab.formats import FloatFormat
from fp8lab.quantization import quantize

__all__ = ["HEAT_LEVELS", "CodeUse", "count_codes"]

HEAT_LEVELS = 8


@dataclass(frozen=True)
class CodeUse:
    """What became of a tensor's elements. Made by `count_codes`.

    Attributes
    ----------
    counts
        Elements at each code, int64, ``fmt.code_count`` of them.
    scale
        The decode scale they were divided by; 1 for none.
    underflow, saturated
        Share of the elements that became zero, and that were cut to the maximum.
    """

    counts: npt.NDArray[np.int64]
    scale: float
    underflow: float
    saturated: float

    @property
    def total(self) -> int:
        """Number of elements."""
        return int(self.counts.sum())

    @property
    def entropy(self) -> float:
        """Bits that the codes really carry: 0 where all are equal."""
        share = self.counts[self.counts > 0] / self.total
        return abs(float((share * np.log2(share)).sum()))

    @property
    def heat(self) -> npt.NDArray[np.uint8]:
        """Level of each code: 0 for an unused one, else 1 to `HEAT_LEVELS` by log2."""
        levels = np.ceil(np.log2(np.maximum(self.counts, 1)) / self._heat_step)
        used = self.counts > 0
        return np.where(used, np.clip(levels, 1, HEAT_LEVELS), 0).astype(np.uint8)

    @property
    def heat_legend(self) -> list[tuple[int, str]]:
        """The counts behind each level; a level that no whole number hits is absent."""
        legend, low, top = [(0, "0")], 1, int(self.counts.max())
        for level in range(1, HEAT_LEVELS + 1):
            last = level == HEAT_LEVELS
            high = top if last else int(2 ** (self._heat_step * level) + 1e-9)
            if high >= low:
                text = f"{low:,}" if high == low else f"{low:,}–{high:,}"
                legend.append((level, text))
                low = high + 1
        return legend

    @property
    def _heat_step(self) -> float:
        return max(float(np.log2(self.counts.max())), 1.0) / HEAT_LEVELS


def count_codes(x: npt.ArrayLike, fmt: FloatFormat, *, scaled: bool) -> CodeUse:
    """Encode a tensor and count.

    NaN is counted at its code and is neither underflow nor saturated. An infinity is
    saturated. "Saturated" means past the last rounding bin, more than half a step above
    the maximum, so an amax that a rounded scale maps to 448.00003 is not.

    Parameters
    ----------
    x
        What `encode` takes, at least one element.
    fmt
        A signed format of at most 8 bits.
    scaled
        Whether to divide by one decode scale for the whole tensor, amax / fmt.max.
    """
    array = as_floats(x)
    if array.size == 0:
        raise ValueError("the tensor is empty; give at least one number")
    if scaled:
        quantized = quantize(array, fmt)
        codes, scale = quantized.codes, float(quantized.scales.item())
    else:
        codes, scale = encode(array, fmt), 1.0
    counts = np.bincount(np.ravel(codes), minlength=fmt.code_count)
    values = widen(array) if array.dtype == np.uint16 else array
    zeros = counts[fmt.sign_mask] * (not fmt.is_nan_code(fmt.sign_mask)) + counts[0]
    lost = int(zeros) - (array.size - np.count_nonzero(values))
    cut = 0
    if counts[fmt.max_code] + counts[fmt.max_code | fmt.sign_mask]:
        limit = fmt.overflow_threshold * scale
        cut = int(np.count_nonzero(np.abs(values) > limit))
    return CodeUse(counts, scale, lost / array.size, cut / array.size)
