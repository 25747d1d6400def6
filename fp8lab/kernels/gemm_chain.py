"""Products of many rows, fast accumulation: each sum is one chain in the tensor core.

Persistent programs load tiles by TMA. A slice of K is one chain over its steps.
"""

from __future__ import annotations

import triton
import triton.language as tl

from fp8lab.kernels.gemm_tile import corner, store_part

__all__ = ["chain_kernel"]


@triton.jit
def _columns(x, PARTS: tl.constexpr):
    """Cut a tile into a tuple of column parts; no number leaves its register."""
    if PARTS == 1:
        parts = (x,)
    else:
        half: tl.constexpr = x.shape[1] // 2
        left, right = x.reshape(x.shape[0], 2, half).permute(0, 2, 1).split()
        parts = _columns(left, PARTS // 2) + _columns(right, PARTS // 2)
    return parts


@triton.jit
def chain_kernel(
    a, b, out, out_rows, steps, slice_steps, slices,
    a_scale, b_scale, a_row, b_row, M, N, PROGRAMS,
    BLOCK_M: tl.constexpr, PART: tl.constexpr, PARTS: tl.constexpr,
    DEPTH: tl.constexpr, GROUP_M: tl.constexpr, FLATTEN: tl.constexpr,
    SPLIT: tl.constexpr, FINISH: tl.constexpr,
):  # fmt: skip
    """Compute out = scaled(a @ b.T), or one matrix of sums a slice with SPLIT."""
    BLOCK_N: tl.constexpr = PART * PARTS
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
        parts = _columns(total, PARTS)
        for i in tl.static_range(PARTS):
            store_part(
                out, parts[i], piece * out_rows + m, m, n + i * PART,
                a_scale, b_scale, a_row, b_row, M, N, BLOCK_M, PART, FINISH,
            )  # fmt: skip
