"""Launch the products of many rows: `gemm_chain`'s and `gemm_promoted`'s kernels."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import torch
from triton.tools.tensor_descriptor import TensorDescriptor

from fp8lab.kernels.gemm_chain import chain_kernel
from fp8lab.kernels.gemm_config import (
    BLOCK_TILES,
    CHAIN_TILES,
    COLUMN_TILES,
    PROMOTED_TILES,
    ROW_COLUMN_TILES,
    Tile,
    fastest,
)
from fp8lab.kernels.gemm_epilogue import reduce_slices
from fp8lab.kernels.gemm_product import Product
from fp8lab.kernels.gemm_promoted import promoted_kernel
from fp8lab.kernels.runtime import multiprocessors

__all__ = ["choose_tile", "large_product"]


def choose_tile(product: Product) -> Tile:
    """Return the tile of the tables that is estimated to be fastest."""
    programs = multiprocessors(product.a.device)
    steps = min(product.slice_steps, product.steps)
    return fastest(
        _tiles(product), product.m * product.slices, product.n, steps, programs
    )


def _tiles(product: Product) -> tuple[Tile, ...]:
    if product.chained:
        return CHAIN_TILES
    if not product.blockwise:
        return PROMOTED_TILES
    return {
        (1, 128): BLOCK_TILES,
        (128, 1): COLUMN_TILES,
        (1, 1): ROW_COLUMN_TILES,
    }[product.scale_rows]


def large_product(product: Product, tile: Tile | None = None) -> torch.Tensor:
    """Multiply any number of rows; ``tile`` instead of the tables' choice."""
    tile = _fitted(choose_tile(product) if tile is None else tile, product)
    whole = product.slices == 1
    down, across = ceil(product.m / tile.block_m), ceil(product.n / tile.block_n)
    # A slice's last tile must not reach into the next slice.
    out_rows = product.m if whole else down * tile.block_m
    dtype = product.output if whole else torch.float32
    out = product.matrix(product.slices * out_rows, dtype)
    jobs = down * across * product.slices
    programs = min(jobs, multiprocessors(out.device))
    rows_of_b = tile.block_n if product.chained else tile.part
    scales = product.scale_arguments
    if product.chained:
        a_scale, b_scale, a_row, _, b_row, _ = scales
        scales = a_scale, b_scale, a_row, b_row
    kernel = chain_kernel if product.chained else promoted_kernel
    kernel[(programs,)](
        TensorDescriptor.from_tensor(product.a, [tile.block_m, product.depth]),
        TensorDescriptor.from_tensor(product.b, [rows_of_b, product.depth]),
        TensorDescriptor.from_tensor(out, [tile.block_m, tile.part]),
        out_rows, product.steps, product.slice_steps, product.slices,
        *scales, product.m, product.n, programs,
        **_options(product, tile),
    )  # fmt: skip
    if not whole:
        shape = (product.slices, out_rows, out.shape[1])
        return reduce_slices(product, out.view(shape))
    return out[:, : product.n].contiguous()


def _fitted(tile: Tile, product: Product) -> Tile:
    """Return a tile whose parts fit shared memory beside the operands, at 4 bytes too.

    A chain's are 128 columns wide: half of them at a time are stored as float32.
    """
    wide = product.slices > 1 or product.output == torch.float32
    if not product.chained or not wide or tile.parts == 1:
        return tile
    return replace(tile, part=tile.part // 2, parts=2 * tile.parts)


def _options(product: Product, tile: Tile) -> dict[str, int | bool | str]:
    whole = product.slices == 1
    options: dict[str, int | bool | str] = {
        "BLOCK_M": tile.block_m, "PART": tile.part, "PARTS": tile.parts,
        "DEPTH": product.depth, "GROUP_M": tile.group_m, "FLATTEN": tile.flatten,
        "SPLIT": not whole, "FINISH": product.finish if whole else "none",
        "num_warps": tile.warps, "num_stages": product.stages(tile.stages),
        "enable_fp_fusion": False,
    }  # fmt: skip
    if not product.chained:
        a_rows, b_rows = product.scale_rows
        options |= {
            "DELAYED": tile.promotion.delayed, "AHEAD": tile.promotion.ahead,
            "MULTIPLY": product.multiply, "A_ROWS": a_rows, "B_ROWS": b_rows,
        }  # fmt: skip
    return options
