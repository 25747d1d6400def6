"""A float32 fused multiply-add in NumPy, rounded once, as the GPU's FFMA is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["fma"]


def fma(a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike) -> np.ndarray:
    """Return a * b + c of float32 arrays, rounded once to nearest even.

    NaN and infinity as IEEE 754 has them. The product is exact in float64; the sum is
    rounded to odd there (Boldo and Melquiond, *Emulation of FMA and correctly rounded
    sums*, 2008), so that rounding it to float32 is the only rounding that counts.
    Adding in float64 and casting rounds twice, and is wrong where the first rounding
    lands on a midpoint.

    Parameters
    ----------
    a, b, c
        float32, of shapes that broadcast.
    """
    x, y, z = (np.asarray(each, np.float32).astype(np.float64) for each in (a, b, c))
    with np.errstate(all="ignore"):
        product = x * y
        total = np.asarray(product + z)
        # What the addition lost, exactly (Knuth's TwoSum).
        added = total - product
        lost = (product - (total - added)) + (z - added)
        bits = total.view(np.int64)
        # Toward the lost part, if the last bit is even: then it becomes odd.
        even = (lost != 0) & (bits & 1 == 0) & np.isfinite(total)
        outward = (lost > 0) == (total > 0)
        bits += np.where(outward, 1, -1) * even
        return total.astype(np.float32)
