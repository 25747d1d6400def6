"""How the quantize kernels cut a tensor into tiles: arithmetic on shapes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from fp8lab.granularity import GroupShape, matrix_shape

__all__ = ["Matrix", "Tiling", "group_tiling", "walk_tiling"]

#: Elements a program holds, about: 32 a thread of four warps, four 16-byte loads of
#: bfloat16 each. More rows of a narrow tile, so that no load is short.
TILE = 4096
#: The most that one pass keeps in registers: 64 elements in each of 512 threads.
LARGEST_TILE = 32768
MOST_WARPS = 16
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


def group_tiling(matrix: Matrix) -> Tiling | None:
    """Return tiles of whole groups; None where a group is too large for registers.

    Groups of one row come several to a tile, others one to a tile.
    """
    rows, cols = power_of_two(matrix.group_rows), power_of_two(matrix.group_cols)
    if rows * cols > LARGEST_TILE:
        return None
    if matrix.group_rows == 1:
        rows = max(1, min(TILE // cols, power_of_two(matrix.rows)))
    elif rows != matrix.group_rows < matrix.rows:
        return None
    return Tiling(rows, cols, _warps(rows * cols))


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


def _warps(elements: int) -> int:
    return min(max(elements // 1024, 1), MOST_WARPS)
