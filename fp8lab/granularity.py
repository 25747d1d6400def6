"""Which rectangle of a tensor shares one scale.

One idea covers every scheme of the field: a group is ``rows`` x ``cols`` elements, and
-1 means the whole extent (the convention of vLLM's GroupShape).

==================  ===========  ==============================  =====================
name                group        tensor                          scales
==================  ===========  ==============================  =====================
per-tensor          (-1, -1)     any [M, K]                      [1, 1]
per-token           (1, -1)      activations [M, K]              [M, 1]
per-channel         (1, -1)      weight [N, K], a row an output  [N, 1]
per-column          (-1, 1)      any [M, K]                      [1, K]
1x128 (1x64, 1x32)  (1, 128)     [M, K]                          [M, ceil(K / 128)]
128x128             (128, 128)   weight [N, K]                   [ceil(N/128), ...]
==================  ===========  ==============================  =====================

Weights are [N, K] as `nn.Linear` stores them, so per-channel, one scale an output
channel, is the same rectangle as per-token. Ragged edges make smaller groups.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = [
    "GROUPS",
    "GroupShape",
    "Tile",
    "as_matrix",
    "by_group",
    "group_of",
    "matrix_shape",
]


class Tile(NamedTuple):
    """A piece of a matrix that is whole groups, or lies inside one, on each axis."""

    elements: tuple[slice, slice]
    scales: tuple[slice, slice]


@dataclass(frozen=True)
class GroupShape:
    """A rectangle of ``rows`` x ``cols`` elements that share a scale; -1 is all.

    Raises
    ------
    ValueError
        A side is neither -1 nor at least 1.
    """

    rows: int
    cols: int

    def __post_init__(self) -> None:
        for side in (self.rows, self.cols):
            if isinstance(side, bool) or not isinstance(side, (int, np.integer)):
                raise ValueError(f"group sides are integers; got {side!r}")
            if side != -1 and side < 1:
                raise ValueError(
                    f"a group side is -1 (whole extent) or >= 1; got {side}"
                )

    def sides(self, shape: tuple[int, int]) -> tuple[int, int]:
        """The rectangle's sides on a matrix of ``shape``, -1 filled in, at least 1."""
        rows = shape[0] if self.rows == -1 else self.rows
        cols = shape[1] if self.cols == -1 else self.cols
        return max(rows, 1), max(cols, 1)

    def scale_shape(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Shape of the scales of a tensor, whose leading axes count as rows."""
        matrix = matrix_shape(shape)
        rows, cols = self.sides(matrix)
        return -(-matrix[0] // rows), -(-matrix[1] // cols)

    def divides(self, shape: tuple[int, ...]) -> bool:
        """Whether every group is whole: no ragged edge."""
        matrix = matrix_shape(shape)
        rows, cols = self.sides(matrix)
        return matrix[0] % rows == 0 and matrix[1] % cols == 0

    def expand(self, scales: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Repeat each scale over its group: an array of ``shape``."""
        matrix = matrix_shape(shape)
        rows, cols = self.sides(matrix)
        full = np.repeat(np.repeat(scales, rows, axis=0), cols, axis=1)
        return full[: matrix[0], : matrix[1]].reshape(shape)

    def tiles(self, shape: tuple[int, int], size: int) -> Iterator[Tile]:
        """Cut a matrix into tiles of about ``size`` elements, in row-major order."""
        rows, cols = self.sides(shape)
        width = min(size, max(1, shape[1]))
        for top, bottom in _spans(shape[0], rows, max(1, size // width)):
            for left, right in _spans(shape[1], cols, width):
                yield Tile(
                    (slice(top, bottom), slice(left, right)),
                    (
                        slice(top // rows, -(-bottom // rows)),
                        slice(left // cols, -(-right // cols)),
                    ),
                )

    def __str__(self) -> str:
        named = {shape: name for name, shape in reversed(GROUPS.items())}
        return named.get(self, f"{self.rows}x{self.cols}")


GROUPS: dict[str, GroupShape] = {
    "per-tensor": GroupShape(-1, -1),
    "per-token": GroupShape(1, -1),
    "per-channel": GroupShape(1, -1),
    "per-column": GroupShape(-1, 1),
    "1x32": GroupShape(1, 32),
    "1x64": GroupShape(1, 64),
    "1x128": GroupShape(1, 128),
    "128x128": GroupShape(128, 128),
}


def group_of(group: GroupShape | str | tuple[int, int]) -> GroupShape:
    """Return the group shape that ``group`` names.

    Parameters
    ----------
    group
        A `GroupShape`; a name of the table above; ``"RxC"`` such as ``"1x16"``; or a
        pair of integers.

    Raises
    ------
    ValueError
        It is none of these.
    """
    if isinstance(group, GroupShape):
        return group
    if isinstance(group, tuple) and len(group) == 2:
        return GroupShape(*group)
    if isinstance(group, str):
        if group in GROUPS:
            return GROUPS[group]
        sides = re.fullmatch(r"(\d+)x(\d+)", group)
        if sides:
            return GroupShape(int(sides[1]), int(sides[2]))
    raise ValueError(
        f"unknown group {group!r}; use one of {', '.join(GROUPS)}, 'RxC' such as "
        "'1x16', or a pair (rows, cols) where -1 is the whole extent"
    )


def by_group(
    operate: Callable[..., object],
    x: np.ndarray,
    scales: np.ndarray,
    out: np.ndarray,
    sides: tuple[int, int],
    tile: Tile,
) -> None:
    """Do ``out = operate(x, scale of x's group)`` for one tile; ``out`` contiguous."""
    rows, cols = sides
    if len(scales) > 1 and rows > 1:
        span = tile.elements[0]
        scales = scales[np.arange(span.start, span.stop) // rows - tile.scales[0].start]
    height, width = x.shape
    cols = min(cols, width)
    if width % cols == 0:
        split = (height, width // cols, cols)
        operate(x.reshape(split), scales[:, :, None], out=out.reshape(split))
    else:
        operate(x, np.repeat(scales, cols, axis=1)[:, :width], out=out)


def _spans(length: int, group: int, limit: int) -> Iterator[tuple[int, int]]:
    """Runs of at most ``limit``: whole groups where one fits, else parts of one."""
    if length <= limit:
        limit = group = max(1, length)
    step = limit - limit % group if group <= limit else group
    for first in range(0, length, step):
        end = min(first + step, length)
        for start in range(first, end, limit):
            yield start, min(start + limit, end)


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """A tensor's shape as a matrix: leading axes are rows, a vector is one row."""
    if not shape:
        return 1, 1
    return math.prod(shape[:-1]), shape[-1]


def as_matrix(x: np.ndarray) -> np.ndarray:
    """``x`` as a matrix, a view where strides allow."""
    return x.reshape(matrix_shape(x.shape))
