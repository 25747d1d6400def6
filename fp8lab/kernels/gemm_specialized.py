"""Products of many rows by specialized warps: which tiles cover them, and the launch.

The result does not depend on the tiles. Nanoseconds are of an H200 on random numbers
(`python -m fp8lab.bench tune gemm`); they only rank tiles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from math import ceil

import torch
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.nvidia.hopper import TensorDescriptor

from fp8lab.kernels.gemm_product import Product
from fp8lab.kernels.gemm_warps import specialized_kernel
from fp8lab.kernels.gemm_warps_load import DEPTH, ROWS
from fp8lab.kernels.runtime import multiprocessors

__all__ = [
    "CHAINS",
    "PROMOTIONS",
    "Specialized",
    "can_specialize",
    "choose_specialized",
    "specialized_into",
]

#: Registers of a thread that multiplies, and of one that loads: together those of a
#: multiprocessor. Loading scales of rows takes addresses.
REGISTERS, REGISTERS_WITH_SCALES = (240, 24), (232, 40)

DTYPES = {
    torch.float8_e4m3fn: gl.float8e4nv,
    torch.float8_e5m2: gl.float8e5,
    torch.float32: gl.float32,
    torch.bfloat16: gl.bfloat16,
    torch.float16: gl.float16,
}


@dataclass(frozen=True)
class Specialized:
    """A tile of 128 rows, and how its parts are under way.

    Attributes
    ----------
    block_n
        Columns.
    stages
        Steps of K that are loaded ahead, those in use included.
    buffers
        Times 64 rows that each group of warps can be storing.
    step_ns, tile_ns
        What a step of 128 of K takes on all multiprocessors, and a tile on top.
    reason
        What it is there for.
    group_m
        Tiles that are walked down before the next columns, for the cache.
    """

    block_n: int
    stages: int
    buffers: int
    step_ns: int
    tile_ns: int
    reason: str
    group_m: int = 8

    @property
    def block_m(self) -> int:
        """Rows."""
        return 2 * ROWS.value

    def tiles(self, m: int, n: int) -> int:
        """Return how many tiles cover m x n outputs."""
        return ceil(m / self.block_m) * ceil(n / self.block_n)


#: One chain a sum.
CHAINS = (
    Specialized(128, 6, 1, 410, 100, "each group of warps its own tile"),
    Specialized(64, 8, 2, 262, 100, "few columns"),
)
#: Promoted every step, with scales of blocks (1x128 by 128x128) or without.
PROMOTIONS = (
    Specialized(128, 5, 2, 505, 500, "each group of warps half the rows"),
    Specialized(64, 8, 2, 350, 400, "few columns"),
)


def can_specialize(product: Product) -> bool:
    """Say whether the kernel has the product's scales: of blocks 1x128 by 128x128."""
    return not product.blockwise or product.scale_rows == (1, DEPTH.value)


def choose_specialized(product: Product) -> Specialized:
    """Return the tile that is estimated to be fastest."""
    programs = multiprocessors(product.a.device)
    steps = min(product.slice_steps, product.steps)

    def nanoseconds(tile: Specialized) -> int:
        # All programs work in rounds; the last one may have few tiles.
        jobs = tile.tiles(product.m, product.n) * product.slices
        return ceil(jobs / programs) * (steps * tile.step_ns + tile.tile_ns)

    return min(CHAINS if product.chained else PROMOTIONS, key=nanoseconds)


def specialized_into(
    out: torch.Tensor, product: Product, out_rows: int, tile: Specialized
) -> None:
    """Compute a product, or the sums of its slices, into memory for it.

    Slice i begins at row i * out_rows of ``out``.
    """
    jobs = tile.tiles(product.m, product.n) * product.slices
    programs = min(jobs, multiprocessors(out.device))
    whole = product.slices == 1
    finish = product.finish if whole else "none"
    multiplies, loads = REGISTERS_WITH_SCALES if finish == "row" else REGISTERS
    if out.itemsize == 4:  # twice the bytes to store
        tile = replace(tile, buffers=1, stages=tile.stages - 1)
    specialized_kernel[(programs,)](
        _descriptor(product.a, ROWS.value, DEPTH.value),
        _descriptor(product.b, tile.block_n, DEPTH.value),
        _descriptor(out, ROWS.value, tile.block_n),
        *product.scale_arguments, product.m, product.n,
        product.steps, product.slice_steps, product.slices, out_rows, programs,
        TILE=tile, CHAINED=product.chained, BLOCKS=product.blockwise, FINISH=finish,
        MULTIPLIES=multiplies, LOADS=loads, num_warps=4, enable_fp_fusion=False,
    )  # fmt: skip


def _descriptor(tensor: torch.Tensor, rows: int, columns: int) -> TensorDescriptor:
    """Return what TMA needs to know of a matrix that it moves box by box."""
    layout = _layout(rows, columns, tensor.dtype)
    return TensorDescriptor.from_tensor(tensor, [rows, columns], layout)


@cache
def _layout(rows: int, columns: int, dtype: torch.dtype) -> gl.NVMMASharedLayout:
    return gl.NVMMASharedLayout.get_default_for([rows, columns], DTYPES[dtype])
