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
#: K of a step, and rows of a tile of many rows.
DEPTH, BLOCK_M = 128, 128
#: What scales and barriers take beside the operands.
SCALES_BYTES = 2560


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


def _specialized(row: Row) -> Iterator[Config]:
    """Columns of a tile, steps under way, buffers for what is stored."""
    for block_n, stages, buffers in product((64, 128), (3, 4, 5, 6, 8, 9), (1, 2)):
        loaded = stages * (BLOCK_M + block_n) * DEPTH
        stored = 2 * BLOCK_M * block_n * buffers
        if loaded + stored + SCALES_BYTES <= SHARED_BYTES:
            yield {
                "block_n": block_n,
                "stages": stages,
                "buffers": buffers,
                "group_m": 8,
            }
    best = (128, 6, 1) if row.family == "gemm" else (128, 5, 2)
    for group_m in (2, 4, 16, 32):
        yield dict(zip(("block_n", "stages", "buffers"), best, strict=True)) | {
            "group_m": group_m
        }


def _small(row: Row) -> Iterator[Config]:
    """Rows of the weight a program, stages of loads, and slices of K."""
    del row
    for block_n, stages, split_k in product(
        (64, 128), (3, 4, 5, 6, 8), (None, 1, 2, 4)
    ):
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
    """Tokens a tile, warps, stages and programs; into how many parts tokens are cut."""
    del row
    launches = (
        *((128, 4, 3, 2), (128, 4, 4, 2), (128, 8, 3, 2), (64, 4, 3, 2), (64, 4, 4, 2)),
        *((64, 4, 3, 4), (64, 4, 4, 4), (64, 2, 4, 4), (64, 4, 5, 3), (32, 1, 4, 7)),
    )
    for splits, launch in [(None, one) for one in launches] + [
        (splits, launches[0]) for splits in (8, 16, 33, 66)
    ]:
        names = ("block", "warps", "stages", "programs")
        yield dict(zip(names, launch, strict=True)) | {"splits": splits}


SOURCES = {
    "gemm": _specialized,
    "gemm-block": _specialized,
    "gemm-small": _small,
    "weight-only": _weight_only,
    "attention": _attention,
}
