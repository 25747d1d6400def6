"""Which tile multiplies which shape, and into how many slices K is cut: all as data.

The result does not depend on a tile, whatever it is. It depends on the number of slices
alone, so `choose_split_k` looks at nothing but the shape: not at the GPU, and for up to
`SMALL_M` rows not at M either, so that a token's result is the same in every batch.

Clocks are estimates, to rank tiles: the tensor core does 4096 products a clock, the
level-2 cache brings a multiprocessor about 50 bytes a clock, and a tile that is not
``flatten`` waits once for its first operands.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from fp8lab.kernels.runtime import H200_MULTIPROCESSORS

__all__ = [
    "BLOCK_TILES",
    "CHAIN_TILES",
    "COLUMN_TILES",
    "PROMOTED_TILES",
    "ROW_COLUMN_TILES",
    "SMALL_M",
    "SMALL_TILES",
    "Promotion",
    "SmallTile",
    "Tile",
    "choose_split_k",
    "fastest",
]

#: Up to so many rows of a, the weights are the instruction's 64-row operand.
SMALL_M = 64
#: K is cut in units of this, as cuBLASLt does it.
SPLIT_UNIT = 128
#: Units of K that a slice should have, so that its loads outlast its start and end.
SHORTEST_SMALL, SHORTEST_LARGE = 4, 8


@dataclass(frozen=True)
class Promotion:
    """How a step's products are added to their float32 totals.

    Attributes
    ----------
    delayed
        Whether the last part's product is promoted a step later, while the tensor core
        is busy with the next; not with ``flatten``, nor with two multiplications.
    ahead
        Whether scales of blocks are loaded a step ahead, which takes registers, and
        with ``flatten`` many.
    """

    delayed: bool
    ahead: bool


PLAIN = Promotion(delayed=False, ahead=True)
DELAYED = Promotion(delayed=True, ahead=True)
LATE = Promotion(delayed=False, ahead=False)


@dataclass(frozen=True)
class Tile:
    """How a program computes a part of the output of many rows.

    Attributes
    ----------
    block_m
        Rows of a.
    part, parts
        Columns of b: so many parts of so many columns. Promoted sums are multiplied and
        promoted part by part, a chain is only stored so. ``parts`` of a chain is a
        power of two.
    stages
        Steps of K that are loaded ahead, the one in use included.
    flatten
        Whether the loops over tiles and K are one, so that a tile's first operands are
        loaded while the last tile is stored.
    step_clocks, tile_clocks
        Estimates for a step of 128 of K, and for what a tile costs on top.
    reason
        What it is there for.
    promotion
        How promoted sums are scheduled.
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
    step_clocks: int
    tile_clocks: int
    reason: str
    promotion: Promotion = PLAIN
    warps: int = 8
    group_m: int = 8

    @property
    def block_n(self) -> int:
        """Columns of b."""
        return self.part * self.parts

    def clocks(self, m: int, n: int, steps: int, programs: int) -> int:
        """Estimate the clocks of m x n outputs, shared by so many programs."""
        tiles = ceil(m / self.block_m) * ceil(n / self.block_n)
        return ceil(tiles / programs) * (steps * self.step_clocks + self.tile_clocks)


@dataclass(frozen=True)
class SmallTile:
    """How a program computes all rows, at most `SMALL_M`, of some columns.

    Attributes
    ----------
    block_n
        Columns of b, which are rows of the weight and of the instruction.
    stages
        Steps of K that are loaded ahead: with two programs a multiprocessor, what has
        to be under way to use the memory's bandwidth.
    warps
        Of a program.
    reason
        What it is there for.
    """

    block_n: int
    stages: int
    warps: int
    reason: str


CHAIN_TILES = (
    Tile(128, 128, 2, 4, True, 1100, 500, "fewest bytes a product"),
    Tile(128, 128, 1, 5, True, 680, 500, "less is left over at the edges"),
    Tile(128, 64, 1, 6, True, 480, 400, "few outputs"),
)
#: Without scales in the sums.
PROMOTED_TILES = (
    Tile(128, 64, 3, 4, False, 850, 1500, "promotes under the tensor core", DELAYED),
    Tile(128, 128, 1, 4, True, 720, 500, "little K: no wait at a tile"),
    Tile(128, 64, 1, 6, True, 500, 400, "few outputs"),
)
#: With one scale of b for all columns of a part, and one of a for each row.
BLOCK_TILES = (
    Tile(128, 64, 3, 4, False, 850, 1500, "promotes under the tensor core", DELAYED),
    Tile(128, 64, 2, 5, False, 640, 1300, "the same, with fewer columns", DELAYED),
    Tile(128, 128, 1, 4, True, 720, 500, "little K: no wait at a tile", LATE),
    Tile(128, 64, 1, 6, True, 500, 400, "few outputs", LATE),
)
#: With one scale of a for all rows, and one of b for each column: these take registers.
COLUMN_TILES = (
    Tile(128, 64, 2, 5, False, 760, 1300, "two parts, scales loaded late", LATE),
    Tile(128, 64, 1, 6, True, 540, 400, "few outputs", LATE),
)
#: With a scale of a for each row and one of b for each column: two multiplications.
ROW_COLUMN_TILES = (
    Tile(128, 64, 2, 4, False, 900, 1300, "two parts, scales loaded late", LATE),
    Tile(128, 64, 1, 6, False, 560, 1200, "few outputs", LATE),
)
SMALL_TILES = {
    16: SmallTile(64, 8, 4, "70 KiB under way, two programs a multiprocessor"),
    32: SmallTile(64, 8, 4, "84 KiB under way, two programs a multiprocessor"),
    64: SmallTile(64, 6, 4, "80 KiB under way, two programs a multiprocessor"),
}


def fastest(tiles: tuple[Tile, ...], m: int, n: int, steps: int, programs: int) -> Tile:
    """Return the tile with the fewest estimated clocks; of equals, the first."""
    return min(tiles, key=lambda tile: tile.clocks(m, n, steps, programs))


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
