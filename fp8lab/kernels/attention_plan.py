"""How decode attention is launched: tiles, warps, and parts of the tokens."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

__all__ = ["MOST_HEADS", "SMALLEST_HEADS", "Plan", "choose_splits", "plan_for"]

#: Query heads of a KV head, padded: a power of two.
SMALLEST_HEADS, MOST_HEADS = 16, 64
#: Elements of a tile, and of the largest, of few heads on an FP8 cache.
TILE_ELEMENTS, MOST_ELEMENTS = 64 * 128, 128 * 128
#: Tokens of the longest tile.
LONGEST_TILE = 128
#: Merging more parts than these costs more than a part saves.
MOST_SPLITS = 256
#: What starting and ending a program costs, in tiles.
PROGRAM_COST = 4


@dataclass(frozen=True)
class Plan:
    """How the kernels are launched.

    Attributes
    ----------
    block
        Tokens a tile: a power of two, 32 at least.
    warps
        Warps a program.
    stages
        Tiles of K, and of V, that a program has asked for before it uses the first, and
        one more.
    programs
        Programs that share a multiprocessor: one computes while others wait.
    overlap
        Launch each kernel while the one before it still runs.
    """

    block: int
    warps: int
    stages: int
    programs: int = 2
    overlap: bool = True


def plan_for(width: int, group: int, dtype: torch.dtype, page: int = 0) -> Plan:
    """Return how a cache of ``dtype`` is read for ``group`` query heads a KV head.

    Measured on an H200: FP8 goes faster in long tiles, of which two programs fill a
    multiprocessor. A tile longer than a page would need an address for every token, so
    short pages are read in shorter tiles by more and smaller programs.

    Parameters
    ----------
    width
        Elements of a head.
    group
        Query heads a KV head.
    dtype
        Of the cache.
    page
        Tokens of a page; 0 where the cache is contiguous.
    """
    block = min(TILE_ELEMENTS // width, LONGEST_TILE)
    wide = dtype.itemsize > 1
    if group > 2 * SMALLEST_HEADS:
        return Plan(block, 8, 4 if wide else 5, programs=1)
    if wide or group > SMALLEST_HEADS:
        return Plan(block, 4, 3 if wide else 4, programs=2)
    longest = min(MOST_ELEMENTS // width, LONGEST_TILE)
    if page in range(1, longest):
        return Plan(block, 2, 4, programs=3 if width > LONGEST_TILE else 4)
    return Plan(longest, 4, 3, programs=2)


@functools.lru_cache(maxsize=1024)
def choose_splits(pairs: int, tokens: int, slots: int, block: int) -> int:
    """Return into how many parts the tokens of a sequence are cut.

    The number with the least time by a model: programs run in rounds, and a round
    lasts as long as a program's tiles, its start and its end. Of equals the smallest.

    Parameters
    ----------
    pairs
        Sequences, times KV heads.
    tokens
        Tokens of a sequence.
    slots
        Programs that run at a time.
    block
        Tokens a tile; no part is smaller.
    """
    tiles = max(1, -(-tokens // block))

    def cost(splits: int) -> int:
        rounds = -(-pairs * splits // slots)
        return rounds * (-(-tiles // splits) + PROGRAM_COST)

    return min(range(1, min(tiles, MOST_SPLITS) + 1), key=cost)
