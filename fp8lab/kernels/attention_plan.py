"""How decode attention is launched: tiles, warps, and parts of the tokens."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

__all__ = ["MOST_HEADS", "SMALLEST_HEADS", "Plan", "choose_splits", "plan_for"]

#: Query heads of a KV head, padded: a power of two.
SMALLEST_HEADS, MOST_HEADS = 16, 64
#: Elements of the largest tile that leaves a thread registers enough.
TILE_ELEMENTS = 128 * 128
#: Programs that share a multiprocessor: one computes while the other waits for memory.
PROGRAMS = 2
#: Tokens in which parts are counted: none is smaller.
UNIT = 128
#: Merging more parts than these costs more than a part saves.
MOST_SPLITS = 256
#: What starting and ending a program costs, in units of tokens.
PROGRAM_COST = 2


@dataclass(frozen=True)
class Plan:
    """How the first kernel is launched.

    Attributes
    ----------
    block
        Tokens a tile: a power of two, 32 at least.
    warps
        Warps a program: 4 or 8.
    stages
        Tiles of K, and of V, under way or in use.
    """

    block: int
    warps: int
    stages: int


def plan_for(width: int, group: int, dtype: torch.dtype) -> Plan:
    """Return how a cache of ``dtype`` is read for ``group`` query heads a KV head."""
    small = dtype.itemsize > 1 or group > SMALLEST_HEADS
    elements = TILE_ELEMENTS // 2 if small else TILE_ELEMENTS
    block = min(elements // width, UNIT)
    return Plan(block, 8 if group > 2 * SMALLEST_HEADS else 4, 3)


@functools.lru_cache(maxsize=1024)
def choose_splits(batch: int, kv_heads: int, tokens: int, multiprocessors: int) -> int:
    """Return into how many parts the tokens of a sequence are cut.

    The number with the least time by a model: programs run in rounds of two a
    multiprocessor, and a round lasts as long as a program's tokens, its start and its
    end. Of equals the smallest.
    """
    units = max(1, -(-tokens // UNIT))
    slots = PROGRAMS * multiprocessors

    def cost(splits: int) -> int:
        rounds = -(-batch * kv_heads * splits // slots)
        return rounds * (-(-units // splits) + PROGRAM_COST)

    return min(range(1, min(units, MOST_SPLITS) + 1), key=cost)
