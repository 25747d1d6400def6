"""How the quantize kernels cut a tensor into tiles: arithmetic on shapes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from fp8lab.granularity import GroupShape, matrix_shape

__all__ = [
    "Matrix",
    "NormPlan",
    "Tiling",
    "group_tiling",
    "norm_plan",
    "walk_tiling",
]

#: Elements a program holds, about: 32 a thread of four warps, four 16-byte loads of
#: bfloat16 each. More rows of a narrow tile, so that no load is short.
TILE = 4096
#: The most that one pass keeps in registers: 64 elements in each of 512 threads.
LARGEST_TILE = 32768
MOST_WARPS = 16
#: Warps of 120 registers a thread that a multiprocessor has room for.
WALKING_WARPS = 16
#: Of CUDA's second and third axis of a grid.
LONGEST_AXIS = 65535
#: Up to this width, of which half a tile is faster.
NARROW_GROUP = 32
#: Below, a tile's row is too short to be read 16 bytes a thread.
NARROWEST_ROW = 16


def power_of_two(n: int) -> int:
    """Return the smallest power of two that is not below ``n``."""
    return 1 << max(n - 1, 0).bit_length()


@dataclass(frozen=True)
class Matrix:
    """A tensor as rows x cols, and its groups clipped to that.

    ``beyond`` is how far, in elements, the second half of a row lies from the first
    where an activation makes one column of two.
    """

    tensor: torch.Tensor
    rows: int
    cols: int
    group_rows: int
    group_cols: int
    beyond: int = 0

    @classmethod
    def of(cls, x: torch.Tensor, shape: tuple[int, ...], group: GroupShape) -> Matrix:
        """Return the matrix that becomes a tensor of ``shape``.

        It is a view; strides that no matrix has cost a copy.
        """
        rows, cols = matrix_shape(shape)
        halves = x.numel() > rows * cols
        if not halves and group == GroupShape(-1, -1) and x.is_contiguous():
            rows, cols = 1, rows * cols
        view = x.reshape(rows, 2 * cols if halves else cols)
        sides = (
            rows if group.rows == -1 else min(group.rows, rows),
            cols if group.cols == -1 else min(group.cols, cols),
        )
        return cls(view, rows, cols, *sides, cols * view.stride(1) if halves else 0)

    @property
    def row_side(self) -> int:
        """A group's rows for a kernel: -1 for all, which needs no division."""
        return -1 if self.group_rows == self.rows else self.group_rows

    @property
    def col_side(self) -> int:
        """A group's columns for a kernel: -1 for all."""
        return -1 if self.group_cols == self.cols else self.group_cols

    def by_group(self) -> Matrix:
        """Return the same with one group a row, where memory has them in that order."""
        width = self.group_cols
        whole = self.group_rows == 1 and self.cols % width == 0
        if not whole or not self.tensor.is_contiguous() or width == self.cols:
            return self
        view = self.tensor.view(-1, width)
        return Matrix(view, len(view), width, 1, width)


@dataclass(frozen=True)
class Tiling:
    """Tile sides, warps, and (of a walk) whether a tile's row lies in one group."""

    rows: int
    cols: int
    warps: int
    by_row: bool = True

    def count(self, matrix: Matrix) -> tuple[int, int]:
        """Return how many tiles cover a matrix, down and across."""
        return -(-matrix.rows // self.rows), -(-matrix.cols // self.cols)

    def grid(self, matrix: Matrix) -> tuple[int, int, int]:
        """Return a grid of a tile for each group across, and for the rows of tiles.

        These are two axes, as one ends at 65,535; a few programs may have no rows.
        """
        down = -(-matrix.rows // self.rows)
        deep = -(-down // LONGEST_AXIS)
        return -(-matrix.cols // matrix.group_cols), -(-down // deep), deep


def group_tiling(matrix: Matrix) -> Tiling | None:
    """Return tiles of whole groups; None where a group is too large for registers.

    Groups of one row come several to a tile, others one to a tile.
    """
    rows, cols = power_of_two(matrix.group_rows), power_of_two(matrix.group_cols)
    if rows * cols > LARGEST_TILE:
        return None
    if matrix.group_rows == 1:
        elements = TILE if cols > NARROW_GROUP else TILE // 2
        rows = max(1, min(elements // cols, power_of_two(matrix.rows)))
    elif rows != matrix.group_rows < matrix.rows:
        return None
    # Measured on an H200: of a long row of an activation a thread needs more to compute
    # while others wait for memory.
    share = 2048 if rows == 1 and matrix.beyond else 1024
    return Tiling(rows, cols, _warps(rows * cols, share))


def walk_tiling(matrix: Matrix) -> Tiling:
    """Return tiles for a pass with amax or scales in memory, whatever the groups."""
    width = matrix.group_cols
    whole = width == matrix.cols
    cols = min(power_of_two(width) if whole else width & -width, TILE)
    by_row = whole or cols >= NARROWEST_ROW
    if not by_row:
        cols = min(128, power_of_two(matrix.cols))
    rows = min(max(1, TILE // cols), power_of_two(matrix.rows))
    return Tiling(rows, cols, _warps(rows * cols), by_row)


@dataclass(frozen=True)
class NormPlan:
    """Rows of a tile and warps of a program that normalizes them.

    ``programs`` is how many a multiprocessor gets, each for many tiles; 0 is one
    program a tile.
    """

    rows: int
    warps: int
    programs: int

    @property
    def walks(self) -> bool:
        """Whether a program has several tiles, one after the other."""
        return self.programs > 0


def norm_plan(rows: int, width: int, itemsize: int) -> NormPlan:
    """Return the plan for rows of ``width``, a power of two, in registers.

    A program that walks has a tile, the next one and the weights there: that is room
    for 32 elements of 16 bits a thread, and 16 such warps on a multiprocessor.
    """
    rows = max(1, min(TILE // width, power_of_two(rows)))
    warps = _warps(rows * width)
    fits = itemsize == 2 and rows * width <= 1024 * warps
    return NormPlan(rows, warps, WALKING_WARPS // warps if fits else 0)


def _warps(elements: int, share: int = 1024) -> int:
    return min(max(elements // share, 1), MOST_WARPS)
