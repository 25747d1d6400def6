"""How the ordinary elements' error grows with the outlier, and where it breaks."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from fp8lab.granularity import GroupShape
from fp8lab.scales import ElementFormat
from fp8lab.states.outlier import Matrix, Scheme, group_box

__all__ = ["DECADES", "cliff", "error_curve"]

# The curve's points: outliers of 1 to 10^10 times the typical element.
DECADES = np.linspace(0, 10, 41)


def error_curve(matrix: Matrix, row: int, column: int, scheme: Scheme) -> np.ndarray:
    """norm(error) / norm(x) of the ordinary elements for an outlier of each size.

    The sizes are 10**`DECADES` times the typical element. Only the outlier's own group
    changes with it, so that group alone is quantized for every size, and kept.
    """
    box = group_box(scheme.group, matrix.values.shape, row, column)
    own = matrix.values[box]
    here = (row - box[0].start) * own.shape[1] + column - box[1].start
    rest = np.abs(own).ravel()
    rest[here] = 0
    corner = (box[0].start, box[1].start)
    in_group = _group_errors(matrix, scheme, corner, float(rest.max()))
    power, squared = _base_errors(matrix, scheme)
    outside = squared.sum() - squared[box].sum()
    inside = in_group.sum(axis=1) - in_group[:, here]
    return np.sqrt((inside + outside) / max(power.sum() - power[row, column], 1e-300))


@lru_cache(maxsize=12)
def _group_errors(
    matrix: Matrix, scheme: Scheme, corner: tuple[int, int], rest: float
) -> np.ndarray:
    """Squared errors [size of the outlier, element] of one group."""
    box = group_box(scheme.group, matrix.values.shape, *corner)
    own = matrix.values[box].reshape(1, -1)
    amax = np.maximum(10**DECADES * matrix.typical, rest)[:, None]
    stack = np.repeat(own, len(DECADES), axis=0)
    quantized = scheme.quantize(stack, group=GroupShape(1, -1), amax=amax)
    return (quantized.dequantize(np.float64) - stack) ** 2


@lru_cache(maxsize=12)
def _base_errors(matrix: Matrix, scheme: Scheme) -> tuple[np.ndarray, np.ndarray]:
    """Squares and squared errors of the matrix without its outlier."""
    wide = matrix.values.astype(np.float64)
    values = scheme.quantize(matrix.values).dequantize(np.float64)
    return wide**2, (values - wide) ** 2


def cliff(fmt: ElementFormat) -> tuple[float, float]:
    """Return amax / |x| from which x loses precision, and from which it becomes zero.

    With scale = amax / max, x turns subnormal where |x| / scale < smallest normal, and
    rounds to zero at half the smallest subnormal (the tie goes to the even code, zero).
    An integer format has no normals to lose: its step is fixed from the start.
    """
    smallest_normal = getattr(fmt, "smallest_normal", fmt.max)
    return fmt.max / smallest_normal, 2 * fmt.max / fmt.smallest_subnormal
