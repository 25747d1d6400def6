"""How much of a tensor is read: all of it, or its first rows."""

from __future__ import annotations

import math
from typing import NamedTuple

from fp8lab.granularity import matrix_shape
from fp8lab.reading.entries import LARGEST

__all__ = ["Part", "check_largest", "part_of"]


class Part(NamedTuple):
    """The shape that is read, and a note where that is not the whole."""

    shape: tuple[int, ...]
    note: str = ""

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def part_of(shape: tuple[int, ...], largest: int) -> Part:
    """Return what is read of a tensor: in C order always its first elements.

    A tensor of at most ``largest`` elements is read whole. Of a larger vector the first
    ``largest`` elements are read; of any other, rows (leading axes count as rows, as in
    `fp8lab.granularity`) as a matrix of at least one row. One row with more than
    `LARGEST` elements is cut.
    """
    if math.prod(shape) <= largest:
        return Part(shape)
    rows, width = matrix_shape(shape)
    if len(shape) == 1:
        return Part((largest,), f"the first {largest:,} of {width:,} numbers were read")
    count = max(1, largest // width)
    kept = min(width, max(largest, LARGEST))
    note = f"the first {count:,} of {rows:,} rows were read"
    if count == 1:
        note = f"the first of {rows:,} rows was read"
    if kept < width:
        note = f"the first {kept:,} of {width:,} numbers of the first row were read"
    return Part((count, kept), note)


def check_largest(largest: int) -> int:
    """Return ``largest`` after checking it: an integer of at least 1."""
    if isinstance(largest, bool) or not isinstance(largest, int) or largest < 1:
        raise ValueError(f"largest is {largest!r}; give an integer of at least 1")
    return largest
