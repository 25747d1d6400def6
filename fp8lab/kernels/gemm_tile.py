"""Where a tile of a large product lies, and how its sums leave it."""

from __future__ import annotations

import triton
import triton.language as tl

from fp8lab.kernels.gemm_epilogue import rounded, scaled

__all__ = ["corner", "store_part"]


@triton.jit
def corner(tile, M, N, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, GROUP_M):
    """Return a tile's first row and column; GROUP_M row blocks share columns of b."""
    down, across = tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N)
    width = GROUP_M * across
    first = tile // width * GROUP_M
    height = tl.minimum(down - first, GROUP_M)
    row = first + tile % width % height
    return row * BLOCK_M, tile % width // height * BLOCK_N


@triton.jit
def store_part(
    out, total, row, m, n, a_scale, b_scale, a_row, b_row, M, N,
    BLOCK_M: tl.constexpr, PART: tl.constexpr, FINISH: tl.constexpr,
):  # fmt: skip
    """Scale and round a part's sums, and store them from ``row`` of the output on."""
    rows = m + tl.arange(0, BLOCK_M)[:, None]
    columns = n + tl.arange(0, PART)[None, :]
    result = scaled(total, a_scale, b_scale, rows, columns, a_row, b_row, M, N, FINISH)
    out.store([row, n], rounded(result, out.dtype))
