"""Products of many rows, fast accumulation: each sum is one chain in the tensor core.

Persistent programs load tiles by TMA. A slice of K is one chain over its steps. This is
the product in plain Triton, which the interpreter runs; on the GPU `gemm_warps` is
faster.
"""

from __future__ import annotations

import triton
import triton.language as tl

from fp8lab.kernels.gemm_tile import corner, store_part

__all__ = ["chain_kernel"]


@triton.jit
def chain_kernel(
    a, b, out, out_rows, steps, slice_steps, slices,
    a_scale, b_scale, a_row, b_row, M, N, PROGRAMS,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
    DEPTH: tl.constexpr, GROUP_M: tl.constexpr, FLATTEN: tl.constexpr,
    SPLIT: tl.constexpr, FINISH: tl.constexpr,
):  # fmt: skip
    """Compute out = scaled(a @ b.T), or one matrix of sums a slice with SPLIT."""
    tiles = tl.cdiv(M, BLOCK_M) * tl.cdiv(N, BLOCK_N)
    for job in tl.range(tl.program_id(0), tiles * slices, PROGRAMS, flatten=FLATTEN):
        m, n = corner(job % tiles, M, N, BLOCK_M, BLOCK_N, GROUP_M)
        piece = job // tiles if SPLIT else 0
        first = piece * slice_steps
        # The loops become one only where every tile has the same steps.
        end = tl.minimum(first + slice_steps, steps) if SPLIT else steps
        total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
        for step in tl.range(first, end):
            x = a.load([m, step * DEPTH])
            weight = b.load([n, step * DEPTH])
            total = tl.dot(x, weight.T, total)
        store_part(
            out, total, piece * out_rows + m, m, n,
            a_scale, b_scale, a_row, b_row, M, N, BLOCK_M, BLOCK_N, FINISH,
        )  # fmt: skip
