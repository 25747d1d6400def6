"""What the tuner tries: for each family the choices that its kernels' modules have.

A configuration is a dict of what `fp8lab.bench.kernel_rows` gives the kernel in place
of its own choice. Those that cannot fit a multiprocessor's shared memory are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from fp8lab.bench.kernel_catalogue import Row

__all__ = ["SOURCES", "candidates"]

Config = dict[str, Any]

#: Shared memory that a program of Hopper can have, in bytes.
SHARED_BYTES = 227 * 1024
#: K of a step.
DEPTH = 128


def candidates(row: Row) -> list[Config]:
    """Return the configurations to try on a row, each once.

    Raises
    ------
    ValueError
        The family's kernel has nothing to choose.
    """
    if row.family not in SOURCES:
        raise ValueError(
            f"{row.family!r} has nothing to choose; tune one of {', '.join(SOURCES)}"
        )
    found: list[Config] = []
    for config in SOURCES[row.family](row):
        if config not in found:
            found.append(config)
    return found


def _large(
    sides: tuple[int, int, int],
    stages: int,
    warps: int,
    flatten: bool,
    promotion: tuple[bool, bool] = (False, False),
    group_m: int = 8,
) -> Config:
    block_m, part, parts = sides
    delayed, ahead = promotion
    return {
        "block_m": block_m,
        "part": part,
        "parts": parts,
        "stages": stages,
        "warps": warps,
        "group_m": group_m,
        "flatten": flatten,
        "delayed": delayed,
        "ahead": ahead,
    }


def _fits(config: Config) -> bool:
    width = config["part"] * config["parts"]
    loaded = config["stages"] * (config["block_m"] + width) * DEPTH
    stored = 2 * config["block_m"] * config["part"]
    return bool(loaded + stored <= SHARED_BYTES)


def _chains(row: Row) -> Iterator[Config]:
    """Tiles of one chain a sum: as wide as registers allow, and smaller ones."""
    del row
    wide = ((128, 128, 2), (128, 64, 4), (128, 256, 1), (256, 128, 1), (256, 64, 2))
    square = ((128, 128, 1), (128, 64, 2))
    choices = [
        *product(wide, (3, 4), (8,), (False, True)),
        *product(square, (4, 5, 6), (4, 8), (False, True)),
        *product(((128, 64, 1), (64, 128, 1)), (6, 8), (4, 8), (True,)),
    ]
    for choice in choices:
        config = _large(*choice)
        if _fits(config):
            yield config
    for group_m in (2, 4, 16):
        yield _large((128, 128, 2), 4, 8, False, group_m=group_m)


def _promoted(row: Row) -> Iterator[Config]:
    """Tiles whose sums are promoted: in parts, at once or a step later."""
    del row
    sides = ((128, 64, 4), (128, 64, 3), (128, 64, 2), (128, 128, 1), (128, 64, 1))
    ways = (  # flatten; delayed, scales ahead
        (False, (True, True)),
        (False, (False, True)),
        (True, (False, False)),
    )
    for side, stages, (flatten, promotion) in product(sides, (3, 4, 5, 6), ways):
        config = _large(side, stages, 8, flatten, promotion)
        if _fits(config) and (stages < 5 or side[1] * side[2] <= 128):
            yield config
    for group_m in (2, 4, 16):
        yield _large((128, 64, 3), 4, 8, False, (True, True), group_m)


def _small(row: Row) -> Iterator[Config]:
    """Rows of the weight a program, stages of loads, and slices of K."""
    del row
    for block_n, stages, split_k in product((64, 128), (4, 6, 8), (None, 1, 2, 4, 8)):
        yield {"block_n": block_n, "stages": stages, "warps": 4, "split_k": split_k}
    yield {"block_n": 128, "stages": 6, "warps": 8, "split_k": None}


def _weight_only(row: Row) -> Iterator[Config]:
    """The row kernel with all that it can vary, and the tile kernel."""
    del row
    row_codes = 512  # a warp's, 16 a thread
    for block_n, warps, split_k, stages in product(
        (1, 2, 4, 8), (4, 8), (1, 2), (1, 3)
    ):
        yield {
            "kernel": "row",
            "block_m": 1,
            "block_n": block_n,
            "block_k": row_codes * warps,
            "split_k": split_k,
            "warps": warps,
            "stages": stages,
        }
    for (block_n, warps), split_k in product(((64, 4), (128, 8)), (1, 2, 4)):
        yield {
            "kernel": "tile",
            "block_m": 16,
            "block_n": block_n,
            "block_k": DEPTH,
            "split_k": split_k,
            "warps": warps,
            "stages": 5,
        }


def _attention(row: Row) -> Iterator[Config]:
    """Tokens a tile, warps and stages; and how many parts the tokens are cut into."""
    del row
    for block, warps, stages in product((64, 128, 256), (4, 8), (2, 3, 4)):
        yield {"block": block, "warps": warps, "stages": stages, "splits": None}
    for splits in (8, 16, 33, 66, 132):
        yield {"block": 128, "warps": 4, "stages": 3, "splits": splits}


SOURCES = {
    "gemm": _chains,
    "gemm-block": _promoted,
    "gemm-small": _small,
    "weight-only": _weight_only,
    "attention": _attention,
}
