"""The largest magnitude of each group: what every dynamic scale is made from.

Non-finite elements never become an amax unless asked: one infinity would otherwise make
every other element of its group underflow to zero.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import CHUNK, as_floats, widen_bfloat16
from fp8lab.granularity import GroupShape, Tile, as_matrix, group_of

__all__ = ["NonFinite", "measure_amax", "nonfinite_of"]


class NonFinite(StrEnum):
    """What a NaN or infinity in a group does to the group's amax."""

    IGNORE = "ignore"
    """Nothing: amax is over the finite elements; the bad one keeps its own code."""
    PROPAGATE = "propagate"
    """It becomes NaN, and so does the whole group (OCP MX's rule for a NaN scale)."""
    RAISE = "raise"
    """ValueError, naming the first such element."""


def nonfinite_of(rule: NonFinite | str) -> NonFinite:
    """Return the rule that ``rule`` names; ValueError lists the known names."""
    try:
        return NonFinite(rule)
    except ValueError:
        known = ", ".join(NonFinite)
        raise ValueError(f"unknown nonfinite {rule!r}; use one of {known}") from None


def measure_amax(
    x: npt.ArrayLike,
    group: GroupShape | str | tuple[int, int] = "per-tensor",
    *,
    nonfinite: NonFinite | str = NonFinite.IGNORE,
) -> np.ndarray:
    """Return the largest finite |x| of each group.

    An empty or all-zero group has amax 0. NaN and infinity follow ``nonfinite``.

    Parameters
    ----------
    x
        Floats of any shape; leading axes count as rows.
    group
        Which elements share a scale; see `fp8lab.granularity`.
    nonfinite
        ``"ignore"``, ``"propagate"`` or ``"raise"``.

    Returns
    -------
    numpy.ndarray
        float32 in ``group.scale_shape(x.shape)``; float64 for float64 input.

    Raises
    ------
    ValueError
        A dtype that is not a float, an unknown group, or a non-finite element under
        ``"raise"``.
    """
    shape, rule = group_of(group), nonfinite_of(nonfinite)
    matrix = as_matrix(as_floats(x))
    dtype = np.float64 if matrix.dtype == np.float64 else np.float32
    result = np.zeros(shape.scale_shape(matrix.shape), dtype)
    sides = shape.sides(matrix.shape)
    for tile in shape.tiles(matrix.shape, CHUNK):
        part = result[tile.scales]
        np.maximum(part, _tile_maximum(matrix, tile, sides, rule), out=part)
    return result


def _tile_maximum(
    matrix: np.ndarray, tile: Tile, sides: tuple[int, int], rule: NonFinite
) -> np.ndarray:
    x = matrix[tile.elements]
    if x.dtype == np.uint16:
        x = widen_bfloat16(x)
    elif x.dtype == np.float16:
        x = x.astype(np.float32)
    # As integers, magnitudes have the same order, NaN on top, and reduce twice as fast.
    integer = np.dtype(f"int{8 * x.itemsize}")
    bits = np.ascontiguousarray(x).view(integer) & np.iinfo(integer).max
    infinity = np.array(np.inf, x.dtype).view(integer)
    if bits.max(initial=0) >= infinity:
        _replace_nonfinite(bits, bits >= infinity, x, rule, tile)
    return _reduce(_reduce(bits, sides[1], axis=1), sides[0], axis=0).view(x.dtype)


def _replace_nonfinite(
    bits: np.ndarray, bad: np.ndarray, x: np.ndarray, rule: NonFinite, tile: Tile
) -> None:
    if rule is NonFinite.RAISE:
        row, col = np.argwhere(bad)[0]
        top, left = (part.start for part in tile.elements)
        raise ValueError(
            f"x holds {x[row, col]} at row {top + row}, column {left + col}; "
            "remove it, or pass nonfinite='ignore' or 'propagate'"
        )
    nan = np.array(np.nan, x.dtype).view(bits.dtype)
    bits[bad] = 0 if rule is NonFinite.IGNORE else nan


def _reduce(a: np.ndarray, step: int, axis: int) -> np.ndarray:
    """Maximum over runs of ``step`` along an axis; the last may be short."""
    length = a.shape[axis]
    if step == 1:
        return a
    whole = length - length % step
    if whole == length:
        split = (*a.shape[:axis], length // step, step, *a.shape[axis + 1 :])
        return a.reshape(split).max(axis=axis + 1)
    return np.maximum.reduceat(a, np.arange(0, length, step), axis=axis)
