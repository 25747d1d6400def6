"""Launch the products of many rows: by specialized warps, or with plain kernels."""

from __future__ import annotations

from math import ceil

import torch
from triton.tools.tensor_descriptor import TensorDescriptor

from fp8lab.kernels.gemm_chain import chain_kernel
from fp8lab.kernels.gemm_config import (
    CHAIN_TILES,
    COLUMN_TILES,
    PROMOTED_TILES,
    ROW_COLUMN_TILES,
    Tile,
)
from fp8lab.kernels.gemm_epilogue import reduce_slices
from fp8lab.kernels.gemm_product import Product
from fp8lab.kernels.gemm_promoted import promoted_kernel
from fp8lab.kernels.gemm_specialized import (
    Specialized,
    can_specialize,
    choose_specialized,
    specialized_into,
)
from fp8lab.kernels.runtime import (
    H200_MULTIPROCESSORS,
    INTERPRETED,
    multiprocessors,
)

__all__ = ["choose_tile", "large_product"]


def choose_tile(product: Product) -> Tile:
    """Return the plain kernels' tile for a product."""
    wide, narrow = _tiles(product)
    outputs = product.m * product.slices, product.n
    return wide if wide.tiles(*outputs) >= H200_MULTIPROCESSORS else narrow


def _tiles(product: Product) -> tuple[Tile, ...]:
    if product.chained:
        return CHAIN_TILES
    if not product.blockwise:
        return PROMOTED_TILES
    return {
        (1, 128): PROMOTED_TILES,
        (128, 1): COLUMN_TILES,
        (1, 1): ROW_COLUMN_TILES,
    }[product.scale_rows]


def large_product(
    product: Product, tile: Tile | Specialized | None = None
) -> torch.Tensor:
    """Multiply any number of rows; ``tile`` instead of the tables' choice."""
    if tile is None:
        special = not INTERPRETED and can_specialize(product)
        tile = choose_specialized(product) if special else choose_tile(product)
    one = product.slices == 1
    # A slice's last tile must not reach into the next slice.
    side = tile.block_m
    out_rows = product.m if one else ceil(product.m / side) * side
    dtype = product.output if one else torch.float32
    out = product.matrix(product.slices * out_rows, dtype)
    if isinstance(tile, Specialized):
        specialized_into(out, product, out_rows, tile)
    else:
        _plain_into(out, product, out_rows, tile)
    if not one:
        shape = (product.slices, out_rows, out.shape[1])
        return reduce_slices(product, out.view(shape))
    return out[:, : product.n].contiguous()


def _plain_into(out: torch.Tensor, product: Product, out_rows: int, tile: Tile) -> None:
    """Compute a product, or the sums of its slices, with Triton's plain kernels."""
    jobs = tile.tiles(product.m, product.n) * product.slices
    programs = min(jobs, multiprocessors(out.device))
    whole = product.slices == 1
    given = (
        TensorDescriptor.from_tensor(product.a, [tile.block_m, product.depth]),
        TensorDescriptor.from_tensor(product.b, [tile.part, product.depth]),
        TensorDescriptor.from_tensor(out, [tile.block_m, tile.part]),
        *(out_rows, product.steps, product.slice_steps, product.slices),
    )
    options = {
        "BLOCK_M": tile.block_m, "DEPTH": product.depth, "GROUP_M": tile.group_m,
        "FLATTEN": tile.flatten, "SPLIT": not whole,
        "FINISH": product.finish if whole else "none",
        "num_warps": tile.warps, "num_stages": product.stages(tile.stages),
        "enable_fp_fusion": False,
    }  # fmt: skip
    sizes = product.m, product.n, programs
    if product.chained:
        a_scale, b_scale, a_row, _, b_row, _ = product.scale_arguments
        chain_kernel[(programs,)](
            *given, a_scale, b_scale, a_row, b_row, *sizes,
            BLOCK_N=tile.block_n, **options,
        )  # fmt: skip
        return
    a_rows, b_rows = product.scale_rows
    promoted_kernel[(programs,)](
        *given, *product.scale_arguments, *sizes,
        PART=tile.part, PARTS=tile.parts, MULTIPLY=product.multiply,
        A_ROWS=a_rows, B_ROWS=b_rows, **options,
    )  # fmt: skip
