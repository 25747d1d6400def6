"""Which tile multiplies which shape, and into how many slices K is cut: all as data.

The result does not depend on a tile, whatever it is. It depends on the number of slices
alone, so `choose_split_k` looks at nothing but the shape: not at the GPU, and for up to
`SMALL_M` rows not at M either, so that a token's result is the same in every batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from fp8lab.kernels.runtime import H200_MULTIPROCESSORS

__all__ = [
    "CHAIN_TILES",
    "COLUMN_TILES",
    "PROMOTED_TILES",
    "ROW_COLUMN_TILES",
    "SMALL_M",
    "SMALL_TILES",
    "SmallTile",
    "Tile",
    "choose_small",
    "choose_split_k",
]

#: Up to so many rows of a, the weights are the instruction's 64-row operand.
SMALL_M = 64
#: K is cut in units of this, as cuBLASLt does it.
SPLIT_UNIT = 128
#: Units of K that a slice should have, so that its loads outlast its start and end.
SHORTEST_SMALL, SHORTEST_LARGE = 4, 8


@dataclass(frozen=True)
class Tile:
    """How a program of the plain kernels computes a part of the output of many rows.

    Attributes
    ----------
    block_m
        Rows of a.
    part, parts
        Columns of b: so many parts of so many columns, promoted part by part. A chain
        has one part.
    stages
        Steps of K that are loaded ahead, the one in use included.
    flatten
        Whether the loops over tiles and K are one, so that a tile's first operands are
        loaded while the last tile is stored.
    reason
        What it is there for.
    warps
        Of a program.
    group_m
        Row blocks that are walked down before the next column block, for the cache.
    """

    block_m: int
    part: int
    parts: int
    stages: int
    flatten: bool
    reason: str
    warps: int = 8
    group_m: int = 8

    @property
    def block_n(self) -> int:
        """Columns of b."""
        return self.part * self.parts

    def tiles(self, m: int, n: int) -> int:
        """Return how many tiles cover m x n outputs."""
        return ceil(m / self.block_m) * ceil(n / self.block_n)


@dataclass(frozen=True)
class SmallTile:
    """How a program computes all rows, at most `SMALL_M`, of some columns.

    Attributes
    ----------
    block_n
        Columns of b, which are rows of the weight and of the instruction.
    stages
        Steps of K that are loaded ahead, those in use included.
    warps
        Of a program.
    reason
        What it is there for.
    """

    block_n: int
    stages: int
    warps: int
    reason: str


# Of each pair the second tile is for outputs that the first would leave programs
# without work for.
CHAIN_TILES = (
    Tile(128, 128, 1, 5, True, "few bytes a product"),
    Tile(128, 64, 1, 6, True, "few outputs"),
)
#: Without scales in the sums, or with one of b for all columns of a part.
PROMOTED_TILES = (
    Tile(128, 128, 1, 4, True, "few bytes a product"),
    Tile(128, 64, 1, 6, True, "few outputs"),
)
#: With one scale of a for all rows, and one of b for each column: these take registers.
COLUMN_TILES = (
    Tile(128, 64, 2, 5, False, "in two parts, for the registers"),
    Tile(128, 64, 1, 6, True, "few outputs"),
)
#: With a scale of a for each row and one of b for each column: two multiplications.
ROW_COLUMN_TILES = (
    Tile(128, 64, 2, 4, False, "in two parts, for the registers"),
    Tile(128, 64, 1, 6, False, "few outputs"),
)
#: By the rows of a, padded: for programs that are many or end soon, of which four share
#: a multiprocessor, and for few that last, where each has more under way. On an H200,
#: 64 rows: 35 us against 45 (N = 28672, K = 4096, scales of blocks), and the other way
#: round 21 us against 33 (N = K = 8192).
SMALL_TILES = {
    16: (
        SmallTile(64, 5, 4, "51 KB: four programs a multiprocessor"),
        SmallTile(64, 8, 4, "82 KB, for one or two programs"),
    ),
    32: (
        SmallTile(64, 4, 4, "49 KB: four programs a multiprocessor"),
        SmallTile(64, 8, 4, "98 KB, for one or two programs"),
    ),
    64: (
        SmallTile(64, 3, 4, "49 KB: four programs a multiprocessor"),
        SmallTile(64, 6, 4, "98 KB, for one or two programs"),
    ),
}
#: Programs a multiprocessor that are few, and steps of 128 of K that last.
FEW_PROGRAMS, LASTING_STEPS = 2, 24


def choose_small(
    block_m: int, n: int, steps: int, slices: int, multiprocessors: int
) -> SmallTile:
    """Return the tile for up to `SMALL_M` rows.

    Parameters
    ----------
    block_m
        Rows of a, padded: a key of `SMALL_TILES`.
    n
        Columns.
    steps
        Steps of 128 of K in a slice.
    slices
        Slices of K.
    multiprocessors
        Of the GPU.
    """
    shared, alone = SMALL_TILES[block_m]
    programs = ceil(n / alone.block_n) * slices
    few = programs <= FEW_PROGRAMS * multiprocessors
    return alone if few and steps >= LASTING_STEPS else shared


def choose_split_k(m: int, n: int, k: int) -> int:
    """Return the number of slices that `scaled_mm` takes when it is not told one.

    Parameters
    ----------
    m, n, k
        The product's shape. Nothing else counts: the same shape gives the same bits on
        every GPU, and the same for all m up to `SMALL_M`.

    Returns
    -------
    int
        1 where there are outputs enough for all multiprocessors of an H200, or too
        little K to share.
    """
    units = max(ceil(k / SPLIT_UNIT), 1)
    if m <= SMALL_M:
        programs = ceil(n / 64)
        enough = programs >= 0.9 * H200_MULTIPROCESSORS
        wanted = 1 if enough else 2 * H200_MULTIPROCESSORS // max(programs, 1)
        count = min(wanted, units // SHORTEST_SMALL)
    else:
        programs = ceil(m / 128) * ceil(n / 128)
        wanted = H200_MULTIPROCESSORS // max(programs, 1)
        count = min(wanted, units // SHORTEST_LARGE)
    # A slice is whole units, so that not every number of slices exists.
    return ceil(units / ceil(units / max(count, 1)))
