"""Products of few rows, as in decoding: bound by how fast the weights arrive.

The operands swap places: 64 rows of the weight [N, K] fill the instruction's fixed
side, and the rows of a, padded to 16, 32 or 64, its free one. Each program streams a
slice of K of its columns; where N is too small to occupy the GPU, slices are summed
apart into a float32 workspace, and a second kernel adds them in order. There are no
atomics: the same shape gives the same bits every time.

Scales of blocks are loaded a step ahead.
"""

from __future__ import annotations

from math import ceil

import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

from fp8lab.kernels.gemm_config import SPLIT_UNIT, SmallTile, choose_small
from fp8lab.kernels.gemm_epilogue import (
    block_scale,
    promote,
    reduce_slices,
    rounded,
    scaled,
)
from fp8lab.kernels.gemm_product import Product
from fp8lab.kernels.runtime import multiprocessors

__all__ = ["small_product"]


@triton.jit
def _small_kernel(
    a, b, out, slice_stride, out_stride, steps, slice_steps,
    a_scale, b_scale, a_row, a_step, b_row, b_step, M, N,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, DEPTH: tl.constexpr,
    CHAINED: tl.constexpr, MULTIPLY: tl.constexpr, FINISH: tl.constexpr,
    A_ROWS: tl.constexpr, B_ROWS: tl.constexpr,
):  # fmt: skip
    # Rows or columns that share a scale are one scalar load, and the first is there.
    A_SHARED: tl.constexpr = A_ROWS >= BLOCK_M
    B_SHARED: tl.constexpr = B_ROWS >= BLOCK_N
    n = tl.program_id(0) * BLOCK_N
    piece = tl.program_id(1)
    first = piece * slice_steps
    last = tl.minimum(first + slice_steps, steps)
    rows = tl.arange(0, BLOCK_M)[None, :]
    columns = n + tl.arange(0, BLOCK_N)[:, None]
    a_rows = 0 if A_SHARED else rows
    b_rows = n if B_SHARED else columns
    left = block_scale(a_scale, a_rows, first, a_row, a_step, M, A_ROWS, A_SHARED)
    right = block_scale(b_scale, b_rows, first, b_row, b_step, N, B_ROWS, B_SHARED)
    total = tl.zeros((BLOCK_N, BLOCK_M), tl.float32)
    for step in tl.range(first, last):
        # Without scales of blocks nobody reads them, and the compiler drops the loads.
        ahead = tl.minimum(step + 1, last - 1)
        next_left = block_scale(
            a_scale, a_rows, ahead, a_row, a_step, M, A_ROWS, A_SHARED
        )
        next_right = block_scale(
            b_scale, b_rows, ahead, b_row, b_step, N, B_ROWS, B_SHARED
        )
        weight = b.load([n, step * DEPTH])
        x = a.load([0, step * DEPTH])
        if CHAINED:
            total = tl.dot(weight, x.T, total)
        else:
            total = promote(total, tl.dot(weight, x.T), left, right, MULTIPLY)
        left = next_left
        right = next_right
    result = scaled(total, a_scale, b_scale, rows, columns, a_row, b_row, M, N, FINISH)
    at = out + piece.to(tl.int64) * slice_stride + rows * out_stride + columns
    inside = (rows < M) & (columns < N)
    tl.store(at, rounded(result, out.dtype.element_ty), mask=inside)


def small_product(product: Product, tile: SmallTile | None = None) -> torch.Tensor:
    """Multiply up to `SMALL_M` rows; ``tile`` instead of the table's choice."""
    block_m = max(16, triton.next_power_of_2(product.m))
    if tile is None:
        steps = product.slice_steps * product.depth // SPLIT_UNIT
        programs = multiprocessors(product.a.device)
        tile = choose_small(block_m, product.n, steps, product.slices, programs)
    whole = product.slices == 1
    shape = (product.slices, product.m, product.n)
    dtype = product.output if whole else torch.float32
    out = torch.empty(shape, dtype=dtype, device=product.a.device)
    a_rows, b_rows = product.scale_rows
    _small_kernel[ceil(product.n / tile.block_n), product.slices](
        TensorDescriptor.from_tensor(product.a, [block_m, product.depth]),
        TensorDescriptor.from_tensor(product.b, [tile.block_n, product.depth]),
        out, out.stride(0), out.stride(1), product.steps, product.slice_steps,
        *product.scale_arguments, product.m, product.n,
        BLOCK_M=block_m, BLOCK_N=tile.block_n, DEPTH=product.depth,
        CHAINED=product.chained, MULTIPLY=product.multiply,
        FINISH=product.finish if whole else "none", A_ROWS=a_rows, B_ROWS=b_rows,
        num_warps=tile.warps, num_stages=product.stages(tile.stages),
        enable_fp_fusion=False,
    )  # fmt: skip
    return out[0] if whole else reduce_slices(product, out)
