"""A matrix cut into a picture's cells, and sums of its elements by cell.

A matrix is walked in chunks, each of whole columns of cells, so that a sum never splits
one sideways.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import CHUNK

__all__ = ["Grid", "Tile"]

LARGEST_SIDE = 64

Tile = tuple[slice, slice]


@dataclass(frozen=True)
class Grid:
    """How a matrix becomes at most 64 x 64 cells; those on the far edges may be ragged.

    Attributes
    ----------
    shape
        Rows and columns of the matrix.
    cell
        Rows and columns of the matrix in one cell.
    """

    shape: tuple[int, int]
    cell: tuple[int, int]

    @classmethod
    def over(cls, shape: tuple[int, int]) -> Grid:
        """Return the finest grid of whole elements."""
        down, across = (-(-side // LARGEST_SIDE) for side in shape)
        return cls(shape, (down, across))

    @property
    def sides(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        down, across = (
            -(-side // step) for side, step in zip(self.shape, self.cell, strict=True)
        )
        return down, across

    def zeros(self) -> npt.NDArray[np.float64]:
        """Return a sum for each cell, nothing in it yet."""
        return np.zeros(self.sides)

    def tiles(self) -> Iterator[Tile]:
        """Cut the matrix into chunks of about `CHUNK` elements, whole columns each."""
        rows, columns = self.shape
        down, across = self.cell
        width = min(columns, max(across, CHUNK - CHUNK % across))
        height = max(1, CHUNK // width)
        height -= height % down if height > down else 0
        for top in range(0, rows, height):
            for left in range(0, columns, width):
                yield (
                    slice(top, min(top + height, rows)),
                    slice(left, min(left + width, columns)),
                )

    def add(self, sums: np.ndarray, values: np.ndarray, tile: Tile) -> None:
        """Add a chunk's values to the sums of their cells."""
        (top, left), (down, across) = (span.start for span in tile), self.cell
        # Rows first: adding whole rows is fast, and leaves little for the columns.
        part = _run_sums(_run_sums(values, down, top % down).T, across).T
        down_to, across_to = top // down, left // across
        height, width = part.shape
        sums[down_to : down_to + height, across_to : across_to + width] += part

    def add_at(
        self, sums: np.ndarray, values: np.ndarray, rows: np.ndarray, cols: np.ndarray
    ) -> None:
        """Add single elements to the sums of their cells."""
        at = rows // self.cell[0] * sums.shape[1] + cols // self.cell[1]
        sums += np.bincount(at, values, sums.size).reshape(sums.shape)


def _run_sums(a: np.ndarray, step: int, late: int = 0) -> np.ndarray:
    """Add up runs of ``step`` rows; the first lacks ``late``, the last may be short."""
    rows, columns = a.shape
    if step == 1:
        return a
    if late == 0 and rows % step == 0:
        return a.reshape(rows // step, step, columns).sum(axis=1)
    starts = np.maximum(np.arange(-late, rows, step), 0)
    return np.add.reduceat(a, starts, axis=0)
